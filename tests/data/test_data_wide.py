"""Wide tables: one row a case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from relocchoice.data import ChoiceData, doctor
from relocchoice.errors import DataError, Finding

VARYING = {
    "cost": {"air": "air_cost", "car": "car_cost", "walk": 0.0},
    "kind": {"air": "air_kind", "car": "c", "walk": "w"},
}


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trip": ["t9", "t1", "t5"],
            "mode": ["car", "air", "walk"],
            "air_cost": [70.0, 60.0, np.nan],
            "car_cost": [20.0, 15.0, 10.0],
            "air_kind": ["jet", "prop", "jet"],
            "c": ["suv", "van", "van"],
            "w": ["fast", "slow", "slow"],
            "air_open": [True, True, False],
            "income": [3, 2, 1],
            "firm": ["f", "g", "f"],
        }
    )


def read(frame: Any, **options: Any) -> ChoiceData:
    options = {
        "chosen": "mode",
        "alternatives": ["walk", "air", "car"],
        "varying": VARYING,
        "available": {"air": "air_open"},
        "case": "trip",
        "unit": "firm",
        **options,
    }
    return ChoiceData.from_wide(frame, **options)


def refused(frame: Any, **options: Any) -> tuple[Finding, ...]:
    with pytest.raises(DataError) as caught:
        read(frame, **options)
    return caught.value.findings


def test_wide_equals_long() -> None:
    data = read(table())
    assert data.alternatives.tolist() == ["walk", "air", "car"]
    assert data.cases.tolist() == ["t9", "t1", "t5"]
    assert np.diff(data.offsets).tolist() == [3, 3, 2]
    rows = data.row_frame(["trip", "alternative", "cost", "kind", "income", "firm"])
    assert rows["cost"].tolist() == [0.0, 70.0, 20.0, 0.0, 60.0, 15.0, 0.0, 10.0]
    assert rows["kind"].tolist() == ["fast", "jet", "suv", "slow", "prop", "van", "slow", "van"]
    assert tuple(data.case_columns) == ("income",)
    long = ChoiceData.from_long(
        rows.assign(picked=data.row_frame(["mode"])["mode"]),
        case="trip",
        alternative="alternative",
        chosen="picked",
        unit="firm",
    )
    assert long.chosen is not None
    assert long.chosen.tolist() == np.asarray(data.chosen).tolist() == [2, 1, 0]
    np.testing.assert_array_equal(long.row_alternative, data.row_alternative)
    pd.testing.assert_frame_equal(long.row_frame(list(rows)), rows)


def test_polars_agrees() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(table().to_dict("list"), nan_to_null=True)
    pd.testing.assert_frame_equal(read(frame).row_frame(), read(table()).row_frame())


def test_every_row_is_a_case_without_labels() -> None:
    assert read(table(), case=None).cases.tolist() == [0, 1, 2]


def test_alternatives_by_another_value() -> None:
    frame = table().assign(mode=[3, 2, 1])
    data = read(frame, alternatives={"walk": 1, "air": 2, "car": 3})
    assert data.chosen is not None
    assert data.alternatives.take(data.chosen).tolist() == ["car", "air", "walk"]


def test_prediction() -> None:
    assert read(table().drop(columns="mode"), chosen=None).chosen is None


def test_whole_numbers_stay_whole_and_levels_stay_text() -> None:
    frame = pd.DataFrame({"y": [0, 1], "a": [1, 2], "b": pd.Categorical(["u", "v"])})
    data = ChoiceData.from_wide(
        frame, chosen="y", alternatives=[0, 1], varying={"n": {0: "a", 1: 5}, "k": {0: "b", 1: "b"}}
    )
    assert data.row_columns["n"].tolist() == [1, 5, 2, 5]
    assert data.row_columns["n"].dtype.kind == "i"
    assert data.row_columns["k"].tolist() == ["u", "u", "v", "v"]


def test_alternative_that_nobody_can_choose_is_left_out() -> None:
    data = read(table().assign(air_open=False, mode=["car", "walk", "car"]))
    assert data.alternatives.tolist() == ["walk", "car"]
    assert "'air'" in data.notes[0]


def test_missing_value_of_an_available_alternative() -> None:
    assert read(table(), missing="drop").n_cases == 3
    data = read(table().assign(air_open=True), missing="drop")
    assert data.cases.tolist() == ["t9", "t1"]
    assert "'cost' (1)" in data.notes[0]


def test_varying_must_name_every_alternative() -> None:
    findings = refused(table(), varying={"cost": {"air": "air_cost"}})
    assert [(f.rule, f.column, f.alternative) for f in findings] == [
        ("varying_incomplete", "cost", "walk"),
        ("varying_incomplete", "cost", "car"),
    ]
    assert "{'walk': 0.0}" in findings[0].message


def test_foreign_alternatives_and_columns() -> None:
    assert refused(table(), varying={"cost": {**VARYING["cost"], "boat": 1.0}})[0].alternative == "boat"
    assert refused(table(), available={"boat": "air_open"})[0].rule == "alternative_unknown"
    finding = refused(table(), varying={"cost": {**VARYING["cost"], "air": "air_cots"}})[0]
    assert finding.rule == "no_column"
    assert "did you mean 'air_cost'" in finding.message


def test_a_varying_column_may_not_hide_another() -> None:
    (finding,) = refused(table(), varying={**VARYING, "income": {"air": 1.0, "car": 2.0, "walk": 3.0}})
    assert (finding.rule, finding.column) == ("column_repeated", "income")


def test_unknown_missing_and_unavailable_choices() -> None:
    frame = table().assign(mode=["boat", None, "air"])
    missing, unknown, barred = sorted(refused(frame), key=lambda finding: ["t1", "t9", "t5"].index(finding.case))
    assert (missing.rule, missing.case, missing.column) == ("missing", "t1", "mode")
    assert (unknown.rule, unknown.case, unknown.value) == ("chosen_unknown", "t9", "boat")
    assert (barred.rule, barred.case, barred.alternative) == ("chosen_unavailable", "t5", "air")
    assert "'air_open'" in barred.message


def test_missing_availability_names_its_column_and_alternative() -> None:
    (finding,) = refused(table().assign(air_open=[True, None, False]))
    assert (finding.rule, finding.case, finding.column, finding.alternative) == ("missing", "t1", "air_open", "air")


def test_repeated_and_missing_cases() -> None:
    (finding,) = refused(table().assign(trip=["t9", "t1", "t9"]))
    assert (finding.rule, finding.case, finding.count) == ("duplicate", "t9", 2)
    findings = refused(table().assign(trip=["t9", None, "t1"]))
    assert {f.rule for f in findings} == {"missing"}


@pytest.mark.parametrize(
    ("alternatives", "message"),
    [("air", "not a list"), ([], "empty"), (["air", "air"], "'air' twice"), ({"air": 1, "car": 1}, "value 1 twice")],
)
def test_alternatives_must_be_a_list(alternatives: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(table(), alternatives=alternatives)


def test_weights_are_checked() -> None:
    (finding,) = refused(table().assign(w=[1.0, 0.5, 2.0]), weights="w")
    assert (finding.rule, finding.case, finding.value) == ("weight_not_whole", "t1", 0.5)
    assert read(table().assign(w=[1.0, 0.5, 2.0]), weights="w", weight_kind="sampling").total_weight == 3.5


def test_doctor_reads_wide_tables() -> None:
    report = doctor(table(), layout="wide", chosen="mode", alternatives=["walk", "air"], varying={}, case="trip")
    assert [(f.rule, f.case) for f in report.findings] == [("chosen_unknown", "t9")]


def test_empty() -> None:
    assert refused(table().iloc[:0])[0].rule == "empty"
