"""Zones and the firms that chose among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import relocchoice as rc
from builders import agree
from relocchoice.errors import DataError, OptionError

ZONES = pd.DataFrame({"zone": ["d", "b", "a", "c"], "rent": [1.0, 2.0, 0.5, 3.0], "tax": [0, 1, 1, 0]})
FIRMS = pd.DataFrame(
    {"town": ["a", "b", "a", "d", "b", "a", "d"], "size": ["big", "small", "small", "big", "small", "big", "small"]}
)


def counted(data: rc.ChoiceData, *keys: str) -> dict:
    names = list(keys)
    cells = data.case_frame(names) if names else pd.DataFrame(index=range(data.n_cases))
    chosen = data.alternatives[data.chosen]
    rows = zip(*(cells[name] for name in names), chosen, strict=True)
    return dict(zip(rows, data.weights, strict=True))


@pytest.mark.parametrize(
    "labels",
    [
        FIRMS["town"],
        FIRMS["town"].tolist(),
        FIRMS["town"].to_numpy(),
        FIRMS["town"].astype("category"),
        FIRMS["town"].set_axis(list("tuvwxyz")),
        pl.Series(FIRMS["town"].tolist()),
    ],
)
def test_any_sequence_of_labels_is_counted(labels):
    data = rc.ChoiceData.from_zones(ZONES, zone="zone", chosen=labels)
    assert list(data.alternatives) == ["a", "b", "c", "d"]
    assert counted(data) == {("a",): 3.0, ("b",): 2.0, ("d",): 2.0}
    assert data.weight_kind == "frequency"
    assert data.choice_shares()["count"].tolist() == [3.0, 2.0, 0.0, 2.0]
    np.testing.assert_array_equal(data.row_columns["rent"].to_numpy().reshape(3, 4), [[0.5, 2.0, 3.0, 1.0]] * 3)


def test_counts_of_the_zones_say_the_same():
    counts = ZONES.assign(firms=[2, 2, 3, 0])
    left = rc.ChoiceData.from_zones(counts, zone="zone", count="firms")
    right = rc.ChoiceData.from_zones(ZONES, zone="zone", chosen=FIRMS["town"])
    assert counted(left) == counted(right)
    assert list(left.cases) == list(right.cases)
    pd.testing.assert_frame_equal(left.row_frame(["rent", "tax", "zone"]), right.row_frame(["rent", "tax", "zone"]))


def test_kinds_of_firms_are_cells():
    data = rc.ChoiceData.from_zones(ZONES, zone="zone", firms=FIRMS, chosen="town", by="size")
    assert counted(data, "size") == {
        ("big", "a"): 2.0,
        ("big", "d"): 1.0,
        ("small", "a"): 1.0,
        ("small", "b"): 2.0,
        ("small", "d"): 1.0,
    }
    two = rc.ChoiceData.from_zones(
        ZONES,
        zone="zone",
        firms=pl.DataFrame(FIRMS.assign(old=[1, 1, 0, 0, 1, 1, 1])),
        chosen="town",
        by=["size", "old"],
    )
    assert two.total_weight == 7
    assert two.case_frame()["old"].isin([0, 1]).all()


def test_the_fit_is_that_of_a_row_a_firm_and_zone():
    rng = np.random.default_rng(1)
    zones = pd.DataFrame({"zone": list("fedcbahg"), "rent": rng.normal(size=8), "tax": rng.normal(size=8)})
    firms = pd.DataFrame({"size": rng.choice(["big", "small"], 400)})
    utility = -zones["rent"].to_numpy() + (firms["size"] == "big").to_numpy()[:, None] * zones["tax"].to_numpy()
    firms["zone"] = zones["zone"].to_numpy()[(utility + rng.gumbel(size=utility.shape)).argmax(axis=1)]
    long = firms.reset_index(names="firm").rename(columns={"zone": "chosen"}).merge(zones, how="cross")
    by_firm = rc.ChoiceData.from_long(long, case="firm", alternative="zone", chosen="chosen")
    by_zone = rc.ChoiceData.from_zones(zones, zone="zone", firms=firms, chosen="zone", by="size")
    model = rc.MultinomialLogit("chosen ~ rent + tax:size + tax | 0")
    left, right = model.fit(by_zone), model.fit(by_firm)
    assert left.llf == pytest.approx(right.llf, rel=1e-12)
    assert left.nobs == right.nobs == 400
    agree(left.params, right.params, 1e-9)
    agree(left.bse, right.bse, 1e-9)


def test_categorical_zones_keep_their_order_and_tuples_and_numbers_are_labels():
    ordered = ZONES.assign(zone=pd.Categorical(ZONES["zone"], categories=["d", "c", "b", "a"]))
    assert list(rc.ChoiceData.from_zones(ordered, zone="zone", chosen=["a", "d"]).alternatives) == ["d", "c", "b", "a"]
    numbered = rc.ChoiceData.from_zones({"zone": [330382, 330302], "x": [1.0, 2.0]}, zone="zone", chosen=[330302.0])
    assert list(numbered.alternatives) == [330302, 330382]
    assert numbered.chosen.tolist() == [0]
    pairs = rc.ChoiceData.from_zones({"zone": [("a", 1), ("a", 2)], "x": [1.0, 2.0]}, zone="zone", chosen=[("a", 2)])
    assert pairs.alternatives[pairs.chosen[0]] == ("a", 2)


def test_closed_zones_are_no_alternatives():
    zones = ZONES.assign(open=[True, True, True, False])
    data = rc.ChoiceData.from_zones(zones, zone="zone", chosen=FIRMS["town"], available="open")
    assert list(data.alternatives) == ["a", "b", "d"]
    with pytest.raises(DataError, match="'c'"):
        rc.ChoiceData.from_zones(zones, zone="zone", chosen=["c", "a"], available="open")


def test_missing_firms_are_refused_or_dropped_with_a_note():
    firms = FIRMS.assign(town=[None, *FIRMS["town"][1:]], size=[*FIRMS["size"][:6], None])
    with pytest.raises(
        DataError, match="'town' of the firms is missing for 1 of 7 firms, the first is row 0"
    ) as caught:
        rc.ChoiceData.from_zones(ZONES, zone="zone", firms=firms, chosen="town", by="size")
    assert [finding.column for finding in caught.value.findings] == ["town", "size"]
    data = rc.ChoiceData.from_zones(ZONES, zone="zone", firms=firms, chosen="town", by="size", missing="drop")
    assert data.total_weight == 5
    assert data.notes[0] == "2 of 7 firms dropped for missing or infinite values in 'town' (1), 'size' (1)"


BAD = {
    "unknown zone": (
        {"chosen": ["a", "x", "x"]},
        r"'chosen' of the firms has 'x', chosen by 2 firms, which column 'zone' of the zones does not have: add their",
    ),
    "zone twice": ({"zones": pd.concat([ZONES, ZONES[:1]]), "chosen": ["a"]}, "'d' in several rows"),
    "zone without label": (
        {"zones": ZONES.replace("c", None), "chosen": ["a"]},
        "has no label in 1 rows, the first is row 3",
    ),
    "nobody": ({"chosen": []}, "no firms"),
    "both": ({"chosen": ["a"], "count": "rent"}, "say what was chosen once"),
    "neither": ({}, "say what was chosen once"),
    "no column": ({"zone": "county", "chosen": ["a"]}, "zone='county' is not a column"),
    "no count column": ({"count": "firms"}, "count='firms' is not a column"),
    "labels as counts": ({"count": "zone"}, "is the column of the zones' labels"),
    "negative": ({"zones": ZONES.assign(n=[1, -1, 0, 2]), "count": "n"}, "'b'"),
    "broken": ({"zones": ZONES.assign(n=[1, 1.5, 0, 2]), "count": "n"}, "whole numbers"),
    "no count": ({"zones": ZONES.assign(n=[1, None, 0, 2]), "count": "n"}, "'b'"),
    "text": ({"zones": ZONES.assign(n=list("abcd")), "count": "n"}, "does not hold numbers"),
    "nobody counted": ({"zones": ZONES.assign(n=0), "count": "n"}, "every count in column 'n' is zero"),
    "by without firms": ({"chosen": ["a"], "by": "size"}, "give the firms as a table"),
    "column without firms": ({"chosen": "town"}, "names a column of firms="),
    "by is chosen": ({"firms": FIRMS, "chosen": "town", "by": "town"}, "the column of the chosen zones"),
    "no by": ({"firms": FIRMS, "chosen": "town", "by": "form"}, "by='form' is not a column"),
    "labels beside firms": ({"firms": FIRMS, "chosen": ["a"]}, "the name of that column"),
    "same name": (
        {"firms": FIRMS.assign(rent=1), "chosen": "town", "by": "rent"},
        "'rent' is both in zones= and in by=",
    ),
    "count with firms": ({"firms": FIRMS, "count": "tax"}, "leave out firms= and by="),
    "no zones": ({"zones": ZONES[:0], "chosen": ["a"]}, "has 0 rows"),
    "one zone": ({"zones": ZONES[:1], "chosen": ["d"]}, "has 1 rows: a choice is among two"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_get_one_clear_error(case):
    arguments, message = BAD[case]
    with pytest.raises(DataError, match=message):
        rc.ChoiceData.from_zones(**{"zones": ZONES, "zone": "zone", **arguments})


def test_text_that_looks_like_a_number_is_told():
    with pytest.raises(DataError, match="only look like labels such as 1"):
        rc.ChoiceData.from_zones({"zone": [1, 2], "x": [0.0, 1.0]}, zone="zone", chosen=["1", "2"])


def test_unknown_option():
    with pytest.raises(OptionError, match="missing"):
        rc.ChoiceData.from_zones(ZONES, zone="zone", chosen=["a"], missing="skip")


def test_many_firms_cost_as_little_as_few():
    """The firms are only counted: no array has firms x zones entries."""
    rng = np.random.default_rng(0)
    zones = {"zone": np.arange(200), "x": rng.normal(size=200)}
    data = rc.ChoiceData.from_zones(zones, zone="zone", chosen=rng.integers(0, 200, 300_000))
    assert data.n_cases == 200
    assert data.n_rows == 200 * 200
    assert data.total_weight == 300_000


@pytest.mark.parametrize("dtype", ["int64", "int16", "uint8", "float64", "object"])
def test_numbers_are_counted_in_any_type(dtype):
    zones = pd.DataFrame({"zone": [7, 3, 250, 11], "rent": [1.0, 2.0, 0.5, 3.0]})
    chosen = pd.Series([3, 7, 7, 250, 3, 7]).astype(dtype)
    data = rc.ChoiceData.from_zones(zones, zone="zone", chosen=chosen)
    assert counted(data) == {(3,): 2.0, (7,): 3.0, (250,): 1.0}
    with pytest.raises(DataError, match="has 4, chosen by 1 firms"):
        rc.ChoiceData.from_zones(
            zones, zone="zone", chosen=pd.Series([3, 4, 7]).astype(dtype if dtype != "float64" else "int64")
        )


@pytest.mark.parametrize("strange", [-5, 8, 10**9])
def test_numbers_outside_the_table_are_named(strange):
    zones = pd.DataFrame({"zone": [7, 3, 250, 11], "rent": [1.0, 2.0, 0.5, 3.0]})
    with pytest.raises(DataError, match=f"has {strange}, chosen by 2 firms"):
        rc.ChoiceData.from_zones(zones, zone="zone", chosen=[3, strange, 7, strange])


def test_numbers_far_apart_are_hashed():
    zones = pd.DataFrame({"zone": [7, 3 * 10**15, -(2**62)], "rent": [1.0, 2.0, 0.5]})
    data = rc.ChoiceData.from_zones(zones, zone="zone", chosen=[7, 7, -(2**62), 3 * 10**15])
    assert counted(data) == {(7,): 2.0, (3 * 10**15,): 1.0, (-(2**62),): 1.0}
