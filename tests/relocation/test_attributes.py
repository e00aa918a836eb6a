"""The attributes of destinations: the source's figures are the source's, every cell has one, joins lose nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import relocchoice as rc
from relocchoice.errors import DataError, OptionError
from relocchoice.post import ready
from relocchoice.relocation import attributes
from relocchoice.relocation.attributes import ATTRIBUTES, KINDS, NAMES
from relocchoice.relocation.attributes_read import Shipped, check, great_circle, shipped_attributes
from relocchoice.relocation.sources import seed_prose, seed_table, shipped
from relocchoice.relocation.taxonomy import HOME, destination_labels, period_labels

LATEST = "2000-2003"


def cell(place: str, period: str, name: str) -> float:
    table = attributes.destination_attributes(home=True).set_index(["place", "period"])
    return float(table.loc[(place, period), name])


# ------------------------------------------------------------------------------------------------ figures of the source


def test_land_prices_are_those_of_the_text() -> None:
    assert cell("Shanghai", LATEST, "land_price") == 80_000
    for place in (HOME, "township", "county seat"):
        assert cell(place, LATEST, "land_price") == 150_000
        assert cell(place, LATEST, "land_price_ha") == 2_250_000
        assert cell(place, "1990s", "land_rationing") == 1553 / 3500
    assert cell("Shanghai", LATEST, "land_price_ha") == 1_200_000
    assert cell("Wenzhou", LATEST, "fdi") == 0.209
    assert cell("Hangzhou", LATEST, "fdi") == 1.4


def test_the_scenarios_start_from_the_same_figures() -> None:
    assert cell("Shanghai", LATEST, "land_price") == ready.LAND_PRICE_AWAY
    assert cell(HOME, "1990s", "land_rationing") == ready.QUOTA / ready.DEMAND


def test_fifteen_mu_are_a_hectare() -> None:
    table = attributes.destination_attributes(home=True)
    assert (table["land_price_ha"] == 15 * table["land_price"]).all()
    prose = seed_prose().set_index("quantity")["value"]
    assert prose["mu_per_hectare"] == 15
    assert prose["cultivable_land_per_head_mu"] / 15 == pytest.approx(
        prose["cultivable_land_per_head_hectare"], abs=5e-4
    )


def test_figures_of_the_source_are_cited_and_no_other_land_price_is() -> None:
    seeds = attributes.sources(home=True, attribute="land_price", kind="seed")
    cells = set(zip(seeds["place"], seeds["period"], strict=True))
    assert cells == {(place, LATEST) for place in (HOME, "township", "county seat", "Shanghai")}
    assert seeds["source"].str.contains("paragraph on land and policy").all()
    assert set(seeds["quantity"]) == {"land_price_yueqing", "land_price_shanghai_suburb"}


def test_every_passage_is_one_that_the_transcription_knows_by_its_section() -> None:
    sections = {text.split("', paragraph")[0] for text in seed_prose()["provenance"]}
    cited = {text.split("', paragraph")[0] for text in attributes.sources(home=True, kind="seed")["source"]}
    assert cited <= sections


def test_the_western_policy_is_the_interiors_and_not_before_its_year() -> None:
    table = attributes.destination_attributes(home=True)
    assert table.loc[table["western_policy"] == 1, ["place", "period"]].to_numpy().tolist() == [["interior", LATEST]]


def test_distances_follow_from_the_coordinates() -> None:
    assert great_circle((0, 0), (0, 180)) == pytest.approx(np.pi * 6371)
    assert great_circle((31.23, 121.47), (31.23, 121.47)) == 0
    table = attributes.destination_attributes(LATEST, home=True).set_index("place")["distance"]
    assert (table % 10 == 0).all()
    assert table[HOME] == table["county seat"] == 0
    assert list(attributes.anchors().query("place == 'township'")["anchor"]) == ["Liushi", "Hongqiao", "North Baixiang"]


# ------------------------------------------------------------------------------------------------------ cells and kinds


def test_one_row_a_destination_and_period_and_no_empty_cell() -> None:
    table = attributes.destination_attributes()
    assert list(table.columns) == ["place", "period", *NAMES]
    pairs = list(zip(table["place"], table["period"], strict=True))
    assert pairs == [(place, period) for place in destination_labels() for period in period_labels()]
    assert table.notna().all(axis=None)
    assert len(attributes.destination_attributes("1990s")) == 8
    assert len(attributes.destination_attributes("1990s", home=True)) == 9


def test_every_cell_has_exactly_one_source() -> None:
    cells = attributes.sources(home=True)
    assert len(cells) == 9 * 3 * len(NAMES)
    assert not cells.duplicated(["place", "period", "attribute"]).any()
    assert set(cells["kind"]) == set(KINDS)


def test_marks_lie_as_the_figures_do() -> None:
    table, marks = attributes.destination_attributes(home=True), attributes.marks(home=True)
    assert marks[["place", "period"]].equals(table[["place", "period"]])
    assert list(marks.columns) == list(table.columns)
    for row in attributes.sources(home=True).sample(60, random_state=1).itertuples():
        here = (marks["place"] == row.place) & (marks["period"] == row.period)
        assert marks.loc[here, row.attribute].tolist() == [row.kind]


def test_the_readme_counts_the_kinds_as_they_are() -> None:
    counts = attributes.sources(home=True)["kind"].value_counts()
    seed, public, assumed = (int(counts[kind]) for kind in KINDS)
    text = " ".join(shipped("README.md").read_text(encoding="utf-8").split())
    told = f"{assumed} of {counts.sum()} cells, {public} are public knowledge, {seed} are in the text of the survey"
    assert told in text


def test_a_figure_that_was_assumed_cites_no_quantity() -> None:
    cells = attributes.sources(home=True)
    assert cells.loc[cells["kind"] != "seed", "quantity"].eq("").all()


def test_nine_factors_of_table_3_have_an_attribute() -> None:
    assert {attribute.factor for attribute in ATTRIBUTES} - {""} == set(seed_table(3)["factor"])


def test_what_is_handed_out_is_a_copy() -> None:
    table, anchors = attributes.destination_attributes(), attributes.anchors()
    table.loc[0, "land_price"] = 1
    anchors.loc[0, "latitude"] = 0
    assert cell("township", "1980s", "land_price") > 1
    assert attributes.anchors().loc[0, "latitude"] > 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: attributes.destination_attributes("1970s"), "period='1970s'"),
        (lambda: attributes.sources(attribute="tax"), "attribute='tax'"),
        (lambda: attributes.sources(kind="found"), "kind='found'"),
        (lambda: attributes.marks("2003"), "period='2003'"),
        (lambda: attributes.table(language="fr"), "language='fr'"),
        (lambda: attributes.printed(format="rtf"), "format='rtf'"),
    ],
)
def test_unknown_options(call: Any, match: str) -> None:
    with pytest.raises(OptionError, match=match):
        call()


# ------------------------------------------------------------------------------------------------------- on being read


def broken(**frames: pd.DataFrame) -> Shipped:
    return replace(shipped_attributes(), **frames)


def values_with(row: int, column: str, value: Any) -> Shipped:
    values = shipped_attributes().values.copy()
    values[column] = values[column].astype(object)
    values.loc[row, column] = value
    return broken(values=values)


def sources_with(row: int, **changes: str) -> Shipped:
    sources = shipped_attributes().sources.copy()
    for column, value in changes.items():
        sources.loc[row, column] = value
    return broken(sources=sources)


def row_of(place: str, period: str, attribute: str | None = None) -> int:
    frame = shipped_attributes().values if attribute is None else shipped_attributes().sources
    here = (frame["place"] == place) & (frame["period"] == period)
    if attribute is not None:
        here &= frame["attribute"] == attribute
    return int(np.flatnonzero(here)[0])


def test_the_shipped_files_pass() -> None:
    check(shipped_attributes())


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("land_price", 80_001, "15 times"),
        ("land_rationing", 1.2, "from 0 to 1"),
        ("policy", 0.5, "whole number"),
        ("universities", "", "universities=''"),
        ("wage", float("nan"), "wage=nan"),
        ("distance", 400, "distance=400, but its anchors are 349 km away"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(name: str, value: Any, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        check(values_with(row_of("Shanghai", LATEST), name, value))
    assert caught.value.findings[0].alternative == "Shanghai"
    assert caught.value.findings[0].case == LATEST


def test_a_seed_figure_that_is_not_the_sources_is_refused() -> None:
    values = shipped_attributes().values.copy()
    row = row_of("Shanghai", LATEST)
    values.loc[row, ["land_price", "land_price_ha"]] = [90_000, 1_350_000]
    with pytest.raises(DataError, match=r"land_price=90000, but 'land_price_shanghai_suburb' is 80000"):
        check(broken(values=values))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"kind": "found"}, "none of"),
        ({"source": "  "}, "says nothing"),
        ({"kind": "seed"}, "must cite a passage"),
        ({"source": "Wei, Li & Wang 2007, section 'x'"}, "must cite a passage"),
        ({"quantity": "land_quota"}, "names a quantity though it is no seed"),
        ({"place": "Ningbo"}, "has no source for wage"),
    ],
)
def test_a_cell_with_a_wrong_source_is_refused(changes: dict[str, str], match: str) -> None:
    with pytest.raises(DataError, match=match):
        check(sources_with(row_of("Shanghai", LATEST, "wage"), **changes))


def test_an_unknown_quantity_is_refused() -> None:
    with pytest.raises(DataError, match="no quantity of seeds"):
        check(sources_with(row_of("Shanghai", LATEST, "land_price"), quantity="land_price_suburb"))


def test_a_second_or_an_absent_source_is_refused() -> None:
    sources = shipped_attributes().sources
    with pytest.raises(DataError, match="two sources or more for land_price"):
        check(broken(sources=pd.concat([sources, sources.head(1)])))
    with pytest.raises(DataError, match="'home' in '1980s' has no source for land_price"):
        check(broken(sources=sources.iloc[1:]))


def test_rows_and_columns_must_be_complete() -> None:
    found = shipped_attributes()
    with pytest.raises(DataError, match="'home' in '1980s' has no row"):
        check(broken(values=found.values.iloc[1:]))
    with pytest.raises(DataError, match="two rows or more"):
        check(broken(values=pd.concat([found.values, found.values.tail(1)])))
    with pytest.raises(DataError, match=r"destinations\.csv has the columns"):
        check(broken(values=found.values.drop(columns="wage")))
    with pytest.raises(DataError, match=r"anchors\.csv has"):
        check(broken(anchors=found.anchors.query("place != 'Beijing'")))


# ------------------------------------------------------------------------------------------------------------ printing


def test_every_printed_figure_has_its_mark_and_the_title_its_warning() -> None:
    table = attributes.table(LATEST)
    assert "a = assumed for illustration" in table.title
    assert len(table.rows) == len(NAMES)
    assert all(text[-2:] in (" s", " p", " a") for row in table.rows for text in row[1:])
    price = table.rows[0]
    assert price[0] == "Land price (yuan per mu)"
    assert price[1 + destination_labels().index("Shanghai")] == "80,000 s"
    assert price[1 + destination_labels().index("interior")] == "35,000 a"
    assert "22" in table.notes[0]


def test_all_periods_stand_under_their_heads() -> None:
    table = attributes.table()
    assert [row[0] for row in table.rows if len(row) == 1] == list(period_labels())
    assert "1980s - 2000-2003" in table.title


def test_the_table_in_chinese_and_in_other_formats() -> None:
    table = attributes.table("1990s", language="zh")
    assert table.columns[1:3] == ("乡镇", "县城")
    assert table.rows[0][0] == "工业用地价格（元/亩）"
    assert "假定" in table.title
    assert "<table" in attributes.printed("1990s", format="html")
    assert "150,000 s" in attributes.printed(LATEST)


# --------------------------------------------------------------------------------------------------------------- joins


def long_table() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "place": ["Shanghai", HOME, "interior", "Shanghai"],
            "period": [LATEST, "1990s", "1980s", LATEST],
            "y": range(4),
        }
    )
    return frame.set_index(pd.Index([7, 3, 3, 1]))


def test_a_join_adds_the_cells_and_keeps_rows_order_and_index() -> None:
    frame = long_table()
    joined = attributes.join(frame)
    assert list(joined.columns) == ["place", "period", "y", *NAMES]
    assert joined.index.equals(frame.index)
    assert joined["y"].tolist() == [0, 1, 2, 3]
    assert joined["land_price"].tolist() == [80_000, 60_000, 5_000, 80_000]
    assert joined["land_rationing"].iloc[1] == 1553 / 3500
    assert list(frame.columns) == ["place", "period", "y"]


def test_a_join_says_how_much_of_it_is_assumed() -> None:
    joined = attributes.join(long_table(), attributes=["land_price", "policy"])
    assert joined.attrs["sources"] == (
        "attributes of destinations, 6 cells: 2 seed, 2 public knowledge, 2 assumed for illustration"
    )


def test_what_is_assumed_stands_below_a_fit() -> None:
    places = ["Shanghai", "interior"]
    frame = pd.DataFrame({"case": np.repeat(np.arange(40), 2), "place": places * 40, "period": "1990s"})
    frame["chosen"] = np.random.default_rng(0).permuted(np.tile([True, False], (40, 1)), axis=1).ravel()
    joined = attributes.join(frame, attributes=["land_price", "policy"])
    kinds = attributes.marks("1990s").set_index("place").loc[places, ["land_price", "policy"]]
    counts = (kinds == "assumed for illustration").sum()
    said = ", ".join(f"{name} in {count} of 2" for name, count in counts.items() if count)
    assert said
    note = f"Assumed for illustration, by cells of place and period: {said}."
    assert joined.attrs["notes"] == [note]
    data = rc.ChoiceData.from_long(joined, case="case", alternative="place", chosen="chosen")
    fit = rc.MultinomialLogit("chosen ~ land_price | 0").fit(data)
    assert note in " ".join(str(fit.summary()).split())
    assert note in rc.ChoiceData.from_long(data.row_frame(), case="case", alternative="place", chosen=None).notes


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "polars", "dict"])
def test_any_frame_gets_the_note(kind: str) -> None:
    plain = long_table().reset_index(drop=True).assign(case=[0, 0, 1, 1], dest=["a", "b", "a", "b"], wage=7.0)
    plain.attrs["provenance"] = "drawn by hand"
    frame: Any = {
        "pandas": lambda: plain,
        "pyarrow": lambda: pytest.importorskip("pyarrow").Table.from_pandas(plain),
        "polars": lambda: pl.from_pandas(plain),
        "dict": lambda: plain.to_dict("list"),
    }[kind]()
    joined = attributes.join(frame, attributes=["land_price", "fdi"])
    data = rc.ChoiceData.from_long(joined, case="case", alternative="dest")
    assert data.provenance == ("drawn by hand" if kind in ("pandas", "pyarrow") else "")
    assert bool(data.notes) == (kind in ("pandas", "pyarrow"))
    noted = attributes.noted(data)
    assert len(noted.notes) == 1
    assert noted.notes[0] == attributes.join(plain, attributes=["land_price", "fdi"]).attrs["notes"][0]
    assert "wage" not in noted.notes[0]  # a column of that name with figures of the user's own
    assert attributes.noted(noted).notes == noted.notes
    assert rc.ChoiceData.from_long(noted.row_frame(), case="case", alternative="dest").notes == noted.notes


def test_data_without_the_keys_or_the_figures_have_no_note() -> None:
    frame = long_table().reset_index(drop=True).assign(case=[0, 0, 1, 1], dest=["a", "b", "a", "b"])
    data = rc.ChoiceData.from_long(frame, case="case", alternative="dest")
    assert attributes.noted(data).notes == ()
    with pytest.raises(DataError, match="'where'"):
        attributes.noted(data, place="where")


@pytest.mark.parametrize("kind", ["polars", "lazy", "category", "dict"])
def test_a_join_takes_other_frames(kind: str) -> None:
    plain = long_table().reset_index(drop=True)
    frame: Any = {
        "polars": lambda: pl.from_pandas(plain),
        "lazy": lambda: pl.from_pandas(plain).lazy(),
        "category": lambda: plain.astype({"place": "category", "period": "category"}),
        "dict": lambda: plain.to_dict("list"),
    }[kind]()
    joined = attributes.join(frame, attributes="land_price")
    assert list(joined["land_price"]) == [80_000, 60_000, 5_000, 80_000]
    assert type(joined) is (pl.DataFrame if kind == "lazy" else type(frame))


def test_a_join_with_other_column_names_and_no_rows() -> None:
    frame = long_table().rename(columns={"place": "to", "period": "when"})
    assert attributes.join(frame, place="to", period="when", attributes=["fdi"])["fdi"].iloc[0] == 5.469
    assert list(attributes.join(frame.iloc[:0], place="to", period="when")["wage"]) == []


def test_a_join_names_every_unknown_place_and_period() -> None:
    frame = pd.DataFrame(
        {"place": ["shanghai", "R&D > Shanghai", None, "Wenzhou"], "period": ["1990s", "1990s", "1990s", "2004"]}
    )
    with pytest.raises(DataError) as caught:
        attributes.join(frame)
    text = str(caught.value)
    assert "'shanghai' in row 0" in text
    assert "did you mean 'Shanghai'" in text
    assert "give the destination alone" in text
    assert "missing in row 2" in text
    assert "'period' is '2004' in row 3" in text
    assert len(caught.value.findings) == 4


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"place": "where"}, DataError, "place='where' is not a column"),
        ({"period": "year"}, DataError, "period='year' is not a column"),
        ({"attributes": ["tax"]}, OptionError, "attributes="),
        ({"attributes": []}, OptionError, "attributes="),
        ({"attributes": ["wage", "wage"]}, OptionError, "attributes="),
    ],
)
def test_a_join_refuses(arguments: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        attributes.join(long_table(), **arguments)


def test_a_join_does_not_overwrite() -> None:
    with pytest.raises(DataError, match="column 'wage' is in the data already"):
        attributes.join(long_table().assign(wage=1.0))
    assert "policy" in attributes.join(long_table().assign(wage=1.0), attributes=["policy"])
