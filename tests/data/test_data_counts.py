"""Tabulated choices against the same choices one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.data import ChoiceData, doctor
from relocchoice.errors import DataError, Finding, OptionError

FORMS = ["whole firm", "headquarters", "factory"]


def long_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "period": ["1990s"] * 3 + ["1980s"] * 3,
            "size": [2.0] * 3 + [1.0] * 3,
            "form": FORMS * 2,
            "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "firms": [4, 0, 2, 1, 3, 2],
        }
    )


def wide_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "period": ["1990s", "1980s"],
            "size": [2.0, 1.0],
            "whole firm": [4, 1],
            "headquarters": [0, 3],
            "factory": [2, 2],
        }
    )


def read(table: Any, **options: Any) -> ChoiceData:
    return ChoiceData.from_counts(table, **{"count": "firms", "alternative": "form", "cell": "period", **options})


def refused(table: Any, **options: Any) -> tuple[Finding, ...]:
    with pytest.raises(DataError) as caught:
        read(table, **options)
    arguments = {"count": "firms", "alternative": "form", "cell": "period", **options}
    assert doctor(table, layout="counts", **arguments).findings == caught.value.findings
    return caught.value.findings


def exploded(table: pd.DataFrame) -> ChoiceData:
    """One case a firm: the long way round, with Python loops."""
    rows: list[dict[str, Any]] = []
    for period, cell in table.groupby("period", sort=False):
        for form, firms in zip(cell["form"], cell["firms"], strict=True):
            for firm in range(int(firms)):
                for _, row in cell.iterrows():
                    rows.append({**row, "firm": (period, form, firm), "picked": row["form"] == form})
    return ChoiceData.from_long(pd.DataFrame(rows), case="firm", alternative="form", chosen="picked")


def choices(data: ChoiceData) -> dict[tuple[Any, ...], float]:
    """(values of the choice set, chosen) -> weight: what the likelihood sees."""
    frame = data.row_frame(["period", "form", "price"])
    weights = np.ones(data.n_cases) if data.weights is None else data.weights
    seen: dict[tuple[Any, ...], float] = {}
    assert data.chosen is not None
    for case in range(data.n_cases):
        part = frame.iloc[data.offsets[case] : data.offsets[case + 1]]
        key = (tuple(map(tuple, part.astype(object).to_numpy())), data.alternatives[data.chosen[case]])
        seen[key] = seen.get(key, 0.0) + float(weights[case])
    return seen


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(0, 4), min_size=6, max_size=6).filter(any), order=st.permutations(range(6)))
def test_counts_equal_the_exploded_table(counts: list[int], order: list[int]) -> None:
    table = long_table().assign(firms=counts)
    data = read(table.iloc[order])
    one_by_one = exploded(table)
    assert choices(data) == choices(one_by_one)
    assert data.total_weight == one_by_one.n_cases == sum(counts)
    assert data.weight_kind == "frequency"


def test_labels_columns_and_notes() -> None:
    data = read(long_table())
    assert data.cases.tolist() == [
        "1990s -> factory",
        "1990s -> whole firm",
        "1980s -> factory",
        "1980s -> headquarters",
        "1980s -> whole firm",
    ]
    assert tuple(data.case_columns) == ("period", "size")
    assert tuple(data.row_columns) == ("price",)
    assert data.case_frame(["size"])["size"].tolist() == [2.0, 2.0, 1.0, 1.0, 1.0]
    assert data.choice_shares()["count"].to_dict() == {"factory": 4.0, "headquarters": 3.0, "whole firm": 5.0}


def test_wide_equals_long() -> None:
    wide = ChoiceData.from_counts(wide_table(), alternatives=FORMS)
    assert wide.alternatives.tolist() == FORMS
    assert wide.cases.tolist()[:2] == ["1990s, 2.0 -> whole firm", "1990s, 2.0 -> factory"]
    long = read(long_table().assign(form=pd.Categorical(long_table()["form"], categories=FORMS)))
    np.testing.assert_array_equal(wide.row_alternative, long.row_alternative)
    np.testing.assert_array_equal(wide.chosen, long.chosen)
    np.testing.assert_array_equal(wide.weights, long.weights)


def test_wide_with_labels_for_columns_and_other_names() -> None:
    table = wide_table().rename(columns={"whole firm": 1, "headquarters": 2, "factory": 3})
    data = ChoiceData.from_counts(table, alternatives=dict(zip(FORMS, [1, 2, 3], strict=True)), cell="period")
    assert data.alternatives.tolist() == FORMS
    assert data.case_columns["size"].tolist() == [2.0, 2.0, 1.0, 1.0, 1.0]


def test_pivot_table() -> None:
    pivot = long_table().pivot_table(index="period", columns="form", values="firms", sort=False)
    data = ChoiceData.from_counts(pivot, alternatives=FORMS)
    assert data.total_weight == 12.0
    assert "1990s -> factory" in data.cases


def test_polars_agrees() -> None:
    polars = pytest.importorskip("polars")
    pd.testing.assert_frame_equal(
        read(polars.DataFrame(long_table().to_dict("list"))).row_frame(), read(long_table()).row_frame()
    )


def test_a_single_cell() -> None:
    table = {"form": FORMS, "firms": [27, 53, 60]}
    data = ChoiceData.from_counts(table, count="firms", alternative="form")
    assert data.cases.tolist() == ["factory", "headquarters", "whole firm"]
    assert data.choice_shares().loc["headquarters", "share"] == pytest.approx(53 / 140)


def test_cells_of_two_columns_keep_alike_labels_apart() -> None:
    table = pd.DataFrame({"a": [1, 1, "1", "1"], "form": ["x", "y"] * 2, "n": [1, 2, 3, 4]})
    data = ChoiceData.from_counts(table, count="n", alternative="form", cell=["a"])
    assert data.cases.is_unique
    assert data.n_cases == 4


def test_absent_rows() -> None:
    table = long_table().drop(index=1).drop(columns="price")
    (finding,) = refused(table)
    assert (finding.rule, finding.case, finding.alternative) == ("absent", "1990s", "headquarters")
    zero = read(table, absent="zero")
    assert np.diff(zero.offsets).tolist() == [3] * 5
    ragged = read(table, absent="unavailable")
    assert np.diff(ragged.offsets).tolist() == [2, 2, 3, 3, 3]
    with pytest.raises(DataError, match="invent values of 'price'"):
        read(long_table().drop(index=1), absent="zero")
    with pytest.raises(OptionError, match="absent='nothing'"):
        read(table, absent="nothing")


def test_empty_places_of_a_wide_table_are_absent() -> None:
    table = wide_table().astype({"headquarters": float})
    table.loc[0, "headquarters"] = np.nan
    with pytest.raises(DataError) as caught:
        ChoiceData.from_counts(table, alternatives=FORMS, cell="period")
    (finding,) = caught.value.findings
    assert (finding.rule, finding.case, finding.column) == ("count_missing", "1990s", "headquarters")
    assert finding.alternative == "headquarters"
    sizes = {"zero": [3, 3, 3, 3, 3], "unavailable": [2, 2, 3, 3, 3]}
    for absent, expected in sizes.items():
        data = ChoiceData.from_counts(table, alternatives=FORMS, cell="period", absent=absent)  # type: ignore[arg-type]
        assert np.diff(data.offsets).tolist() == expected


def test_structural_zeros() -> None:
    table = long_table().assign(possible=[True, False, True, True, True, True])
    data = read(table, available="possible")
    assert np.diff(data.offsets).tolist() == [2, 2, 3, 3, 3]
    (finding,) = refused(table.assign(firms=[4, 1, 2, 1, 3, 2]), available="possible")
    assert (finding.rule, finding.case, finding.alternative) == ("chosen_unavailable", "1990s", "headquarters")
    wide = wide_table().assign(hq=[0, 1])
    data = ChoiceData.from_counts(wide, alternatives=FORMS, cell="period", available={"headquarters": "hq"})
    assert np.diff(data.offsets).tolist() == [2, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("value", "rule"),
    [(-1.0, "count_invalid"), (np.inf, "count_invalid"), (1.5, "count_not_whole"), (np.nan, "count_missing")],
)
def test_bad_counts(value: float, rule: str) -> None:
    table = long_table().astype({"firms": float})
    table.loc[4, "firms"] = value
    (finding,) = refused(table)
    assert (finding.rule, finding.case, finding.column, finding.alternative) == (rule, "1980s", "firms", "headquarters")


def test_counts_of_text() -> None:
    assert refused(long_table().assign(firms="3"))[0].rule == "count_invalid"


def test_missing_counts_can_be_dropped() -> None:
    table = long_table().astype({"firms": float})
    table.loc[4, "firms"] = np.nan
    data = read(table, missing="drop")
    assert data.total_weight == 6.0
    assert data.notes == ("1 of 2 cells dropped for missing or infinite values in 'firms' (1)",)


def test_cells_without_choices_are_dropped_with_a_note() -> None:
    data = read(long_table().assign(firms=[0, 0, 0, 1, 1, 1]))
    assert data.n_cases == 3
    assert data.notes == ("1 of 2 cells dropped: no choice was counted in them",)
    (finding,) = refused(long_table().assign(firms=0))
    assert finding.rule == "empty"


def test_repeated_rows() -> None:
    (finding,) = refused(pd.concat([long_table(), long_table().iloc[[0]]]))
    assert (finding.rule, finding.case, finding.alternative) == ("duplicate", "1990s", "whole firm")
    with pytest.raises(DataError, match="cell '1990s' stands in several rows"):
        ChoiceData.from_counts(wide_table().assign(period="1990s"), alternatives=FORMS, cell="period")


def test_missing_cell_label() -> None:
    table = long_table().astype({"period": object})
    table.loc[2, "period"] = None
    assert "missing" in {finding.rule for finding in refused(table)}
    with pytest.raises(DataError, match="no cell label"):
        ChoiceData.from_counts(wide_table().assign(period=None), alternatives=FORMS, cell="period")


def test_unit() -> None:
    data = read(long_table().assign(province=["z"] * 3 + ["a"] * 3), unit="province")
    assert data.units is not None
    assert data.unit is not None
    assert data.units.take(data.unit).tolist() == ["z", "z", "a", "a", "a"]
    finding = refused(long_table().assign(province=list("zzbaaa")), unit="province")[0]
    assert finding.rule == "unit_varies"


def test_too_many_or_too_few_arguments() -> None:
    with pytest.raises(DataError, match="give one of the two"):
        ChoiceData.from_counts(wide_table(), alternatives=FORMS, count="firms")
    with pytest.raises(DataError, match="count= and alternative="):
        ChoiceData.from_counts(long_table(), count="firms")


def test_without_cell_a_column_of_the_alternatives_is_pointed_at() -> None:
    findings = refused(long_table(), cell=None)
    assert findings[0].rule == "absent"
    assert "cell=" in findings[0].message


def test_empty() -> None:
    assert refused(long_table().iloc[:0])[0].rule == "empty"
