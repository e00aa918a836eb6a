"""Arguments of the wrong type, labels that would merge, data without a case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from relocchoice.data import ChoiceData
from relocchoice.errors import DataError

WIDE = {"mode": ["a", "b"], "x": [1.0, 2.0], "y": [3.0, 4.0]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"varying": 5}, "varying=5 is not a dict"),
        ({"varying": {"cost": 5}}, r"varying\['cost'\]=5 is not a dict"),
        ({"varying": {5: {"a": "x", "b": "y"}}}, "varying= has 5 as the name"),
        ({"varying": {"cost": {"a": ["x"], "b": "y"}}}, "is not a column"),
        ({"available": 5}, "available=5 is not a dict"),
        ({"available": {"a": 5}}, "=5 is not a column"),
        ({"available": ["a"]}, r"available=\['a'\] is not a dict"),
        ({"alternatives": 5}, "alternatives=5"),
        ({"alternatives": [["a"], "b"]}, "cannot be a label"),
        ({"alternatives": [("a", ["b"]), "b"]}, "cannot be a label"),
        ({"alternatives": [1, True]}, "alternatives= has both 1 and True"),
        ({"alternatives": [np.int64(3), np.int64(3)]}, "the label 3 twice"),
        ({"chosen": 5}, "chosen=5"),
        ({"case": ["x"]}, "case="),
    ],
)
def test_wide_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        ChoiceData.from_wide(WIDE, **{"chosen": "mode", "alternatives": ["a", "b"], **arguments})
    assert "np." not in str(error.value)


@pytest.mark.parametrize("arguments", [{"cell": 5}, {"cell": [5]}, {"available": 5}, {"alternatives": 5}])
def test_counts_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="5"):
        ChoiceData.from_counts({"p": [1], "a": [2], "b": [3]}, **{"alternatives": ["a", "b"], **arguments})


@pytest.mark.parametrize("role", ["case", "alternative", "unit"])
def test_one_and_true_do_not_merge(role: str) -> None:
    table: dict[str, Any] = {"case": [1, 1, 2, 2], "alternative": list("abab"), "unit": [1, 1, 2, 2]}
    table[role] = [1, "a", True, "a"]
    with pytest.raises(DataError, match=f"column '{role}' has both 1 and True"):
        ChoiceData.from_long(table, case="case", alternative="alternative", unit="unit")


@pytest.fixture
def empty() -> ChoiceData:
    table = {
        "move": [1, 1, 2, 2],
        "place": list("abab"),
        "chosen": [1, 0, 0, 1],
        "x": [1.0, 2, 3, 4],
        "k": list("pqpq"),
    }
    frame = pd.DataFrame({**table, "w": 1})
    read = ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen", weights="w", unit="move")
    return read.select([])


def test_data_without_a_case_work(empty: ChoiceData) -> None:
    assert (empty.n_cases, empty.n_rows, empty.total_weight) == (0, 0, 0.0)
    assert empty.row_frame().shape == (0, len(empty.columns))
    assert empty.case_frame(["x", "k", "move"]).shape == (0, 3)
    assert not empty.varies_within_case("x")
    assert empty.choice_shares()["count"].tolist() == [0.0, 0.0]
    assert empty.drop_missing().n_cases == 0
    assert empty.with_weights([], "frequency").n_cases == 0
    assert empty.select(slice(None)).n_cases == empty.select(np.zeros(0, dtype=bool)).n_cases == 0
    assert "choice sets:  none" in repr(empty)
    assert "none" in empty._repr_html_()


@pytest.mark.parametrize("names", [5, [["x"]]])
def test_names_that_are_none(names: Any, empty: ChoiceData) -> None:
    for look in (empty.row_frame, empty.case_frame, empty.drop_missing):
        with pytest.raises(DataError, match="is not"):
            look(names)
