"""Looking at data, cutting them, weighting them, showing them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from relocchoice.data import ChoiceData, DoctorReport, doctor, require_finite
from relocchoice.errors import DataError, OptionError


def data(**changes: Any) -> ChoiceData:
    table: dict[str, Any] = {
        "move": [1, 1, 2, 2, 2, 5, 5],
        "place": list("ababcbc"),
        "chosen": [1, 0, 0, 0, 1, 1, 0],
        "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        "assets": [1.0, 1.0, np.nan, np.nan, np.nan, 3.0, 3.0],
        "sector": list("xxyyyxx"),
        "w": [2, 2, 1, 1, 1, 3, 3],
        **changes,
    }
    return ChoiceData.from_long(table, case="move", alternative="place", chosen="chosen", weights="w")


def test_row_frame_repeats_case_columns_and_knows_the_roles() -> None:
    cases = dataclasses.replace(data(), case_columns={"log": pd.Series([10.0, 20.0, 50.0])})
    frame = cases.row_frame(["log", "place", "chosen", "w", "move"])
    assert frame["log"].tolist() == [10.0] * 2 + [20.0] * 3 + [50.0] * 2
    assert frame["place"].dtype == pd.CategoricalDtype(["a", "b", "c"])
    assert frame["chosen"].tolist() == [True, False, False, False, True, True, False]
    assert frame["w"].tolist() == [2, 2, 1, 1, 1, 3, 3]
    assert frame["move"].tolist() == [1, 1, 2, 2, 2, 5, 5]
    assert len(data().row_frame([])) == 7


def test_row_frame_names_what_it_lacks() -> None:
    with pytest.raises(DataError, match="'prise' is not a column; did you mean 'price'"):
        data().row_frame(["prise"])


def test_case_frame() -> None:
    frame = data().case_frame(["assets", "sector"])
    assert frame["sector"].tolist() == ["x", "y", "x"]
    assert frame["assets"].isna().tolist() == [False, True, False]
    with pytest.raises(DataError) as caught:
        data().case_frame(["price", "place"])
    price, place = caught.value.findings
    assert (price.column, price.case, price.alternative, price.value) == ("price", 1, "b", 2.0)
    assert "1.0 for 'a', 2.0 for 'b'" in price.message
    assert place.column == "place"


@pytest.mark.parametrize(
    ("name", "varies"),
    [
        ("price", True),
        ("assets", False),
        ("sector", False),
        ("place", True),
        ("move", False),
        ("w", False),
        ("chosen", True),
    ],
)
def test_varies_within_case(name: str, varies: bool) -> None:
    assert data().varies_within_case(name) is varies


@pytest.mark.parametrize(
    "values", [[1, 1, 2, 2, 3, 1, 1], list("xxyyzxx"), pd.Categorical(list("xxyyzxx")), [1, 1, np.nan, np.nan, 2, 1, 1]]
)
def test_varies_in_one_case_only(values: Any) -> None:
    assert data(sector=values).varies_within_case("sector")


def test_values_that_change_only_between_cases_do_not_vary() -> None:
    assert not data(sector=[1, 1, 2, 2, 2, 3, 3]).varies_within_case("sector")


def test_select() -> None:
    every = data()
    by_mask = every.select(np.array([True, False, True]))
    assert by_mask.cases.tolist() == [1, 5]
    assert by_mask.alternatives.tolist() == ["a", "b", "c"]
    assert by_mask.row_columns["price"].tolist() == [1.0, 2.0, 6.0, 7.0]
    again = every.select([2, 0, 2])
    assert again.cases.tolist() == [5, 1, 5]
    assert again.row_columns["price"].tolist() == [6.0, 7.0, 1.0, 2.0, 6.0, 7.0]
    assert np.asarray(again.weights).tolist() == [3.0, 2.0, 3.0]
    assert np.asarray(again.chosen).tolist() == [1, 0, 1]
    assert again.offsets.tolist() == [0, 2, 4, 6]
    assert every.select(slice(1, None)).cases.tolist() == [2, 5]
    assert every.select([-1]).cases.tolist() == [5]
    assert every.select([]).n_cases == 0
    assert "none" in repr(every.select([]))


@pytest.mark.parametrize(
    ("cases", "message"),
    [([True, False], "mask has shape"), ([3], "position 3"), ([0.5], "neither a mask"), ("all", "neither")],
)
def test_select_refuses(cases: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data().select(cases)


def test_choice_shares_are_weighted() -> None:
    shares = data().choice_shares()
    assert shares["count"].tolist() == [2.0, 3.0, 1.0]
    assert shares["share"].tolist() == [2 / 6, 3 / 6, 1 / 6]
    assert shares["cases"].tolist() == [1, 1, 1]
    assert shares["available_to"].tolist() == [2, 3, 2]


def test_require_finite_names_column_case_alternative_and_count() -> None:
    require_finite(data(), ["price", "sector", "place"])
    with pytest.raises(DataError) as caught:
        require_finite(data(price=[1.0, np.inf, 3.0, np.nan, 5.0, 6.0, 7.0]), ["price", "sector", "assets"])
    price, assets = caught.value.findings
    assert (price.column, price.case, price.alternative, price.value, price.count) == ("price", 1, "b", np.inf, 2)
    assert (assets.column, assets.case, assets.count) == ("assets", 2, 3)
    with_case = dataclasses.replace(data(), case_columns={"age": pd.Series([1.0, 2.0, np.nan])})
    with pytest.raises(DataError) as caught:
        require_finite(with_case, ["age"])
    assert (caught.value.findings[0].case, caught.value.findings[0].alternative) == (5, None)


def test_drop_missing() -> None:
    assert data().drop_missing(["price"]).n_cases == 3
    dropped = data().drop_missing()
    assert dropped.cases.tolist() == [1, 5]
    assert dropped.notes == ("1 of 3 cases dropped for missing or infinite values in 'assets' (1)",)
    with pytest.raises(DataError, match="no case is left"):
        data(price=[np.nan] * 7).drop_missing(["price"])


def test_with_weights() -> None:
    assert data().with_weights([1.0, 0.5, 0.0], "sampling").total_weight == 1.5
    by_label = data().with_weights(pd.Series([5, 2, 1, 9], index=[5, 2, 1, 8]), "frequency")
    assert np.asarray(by_label.weights).tolist() == [1.0, 2.0, 5.0]
    assert "w" not in by_label.columns


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "shape"),
        ([1, -1, 1], "case 2 has weight -1"),
        ([1, np.nan, 1], "case 2 has weight nan"),
        ([1, 1.5, 1], "kind='sampling'"),
        ([0, 0, 0], "every weight is zero"),
        (["a", "b", "c"], "not numbers"),
        (pd.Series([1, 1], index=[1, 2]), "no label 5"),
        (pd.Series([1, 1, 1], index=[1, 1, 2]), "twice"),
    ],
)
def test_with_weights_refuses(weights: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data().with_weights(weights, "frequency")


def test_with_weights_needs_a_kind() -> None:
    with pytest.raises(OptionError, match="frequency"):
        data().with_weights([1, 1, 1], "importance")  # type: ignore[arg-type]


def test_record_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        data().cases = pd.Index([1])  # type: ignore[misc]


def test_shows_itself() -> None:
    text = repr(data().drop_missing())
    for part in ("cases:        2", "'a', 'b', 'c'", "2 alternatives each", "frequency, total 5", "price", "dropped"):
        assert part in text
    assert "2 to 3 alternatives, 2.333 on average" in repr(data())
    html = data(place=list("<b<bcbc"))._repr_html_()
    assert "&lt;" in html
    assert "<table>" in html


def test_doctor_report() -> None:
    table = {"move": [1, 1, 2, 2], "place": ["<a>", "b"] * 2, "chosen": [0, 0, 1, 1], "price": [np.nan, 1, 2, 3]}
    report = doctor(table, case="move", alternative="place", chosen="chosen")
    assert not report.ok
    frame = report.to_frame()
    assert frame["severity"].tolist() == ["error", "error", "warning"]
    assert frame["rule"].tolist() == ["no_choice", "several_choices", "missing"]
    assert frame["case"].tolist() == [1, 2, 1]
    assert "the table cannot be read; 2 errors, 1 warning" in str(report)
    assert "error [no_choice]: case 1 has no chosen alternative" in str(report)
    assert "&lt;a&gt;" in report._repr_html_()
    assert DoctorReport(()).to_frame().empty


def test_doctor_warns_of_alternatives_nobody_chose() -> None:
    table = {"move": [1, 1, 2, 2], "place": ["a", "b"] * 2, "chosen": [1, 0, 1, 0]}
    report = doctor(table, case="move", alternative="place", chosen="chosen")
    assert report.ok
    assert [(w.rule, w.alternative) for w in report.warnings] == [("never_chosen", "b")]


def test_doctor_turns_structural_errors_into_findings_and_refuses_options() -> None:
    report = doctor({"move": [1]}, case="move", alternative="place")
    assert [f.rule for f in report.findings] == ["no_column"]
    with pytest.raises(OptionError, match="layout='tall'"):
        doctor({}, layout="tall")  # type: ignore[arg-type]
