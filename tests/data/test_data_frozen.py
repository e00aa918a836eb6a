"""Nothing that is done to data, or to the frame they came from, changes them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest

from relocchoice.data import ChoiceData


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "move": [1, 1, 2, 2],
            "place": ["a", "b", "a", "b"],
            "chosen": [1, 0, 0, 1],
            "price": [1.0, 2.0, 3.0, 4.0],
            "kind": pd.Categorical(list("xyxy")),
            "text": list("pqpq"),
            "mixed": [1, "a", 2, "b"],
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "w": [1, 1, 2, 2],
        }
    )


def read(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen", weights="w", unit="move")


def contents(data: ChoiceData) -> list[Any]:
    arrays = [data.offsets, data.row_alternative, data.chosen, data.weights, data.unit]
    columns = [series.tolist() for series in data.row_columns.values()]
    return [repr(columns), *(array.tolist() for array in arrays if array is not None), list(data.alternatives)]


@pytest.mark.parametrize("name", ["offsets", "row_alternative", "chosen", "weights", "unit"])
def test_arrays_are_read_only(name: str) -> None:
    data = read(table())
    for made in (data, data.select([1]), data.with_weights([1, 1], "frequency")):
        with pytest.raises(ValueError, match="read-only"):
            getattr(made, name)[0] = 1


@pytest.mark.parametrize("name", ["row_columns", "case_columns", "names"])
def test_mappings_are_read_only(name: str) -> None:
    mapping = getattr(read(table()), name)
    with pytest.raises(TypeError):
        mapping["price"] = 3
    with pytest.raises(TypeError):
        del mapping["price"]


def set_first(series: pd.Series) -> None:
    series.iloc[0] = series.iloc[1]


def set_array(series: pd.Series) -> None:
    series.array[0] = series.iloc[1]


def set_numpy(series: pd.Series) -> None:
    series.to_numpy()[0] = series.iloc[1]


def enlarge(series: pd.Series) -> None:
    series.loc[99] = series.iloc[1]


@pytest.mark.parametrize("edit", [set_first, set_array, set_numpy, enlarge])
@pytest.mark.parametrize("name", ["price", "kind", "text", "mixed", "flag"])
def test_editing_a_column_stays_outside(name: str, edit: Callable[[pd.Series], None]) -> None:
    data = read(table())
    before = contents(data)
    for series in (data.row_columns[name], data.row_frame([name])[name]):
        with suppress(ValueError):  # refusing is as good
            edit(series)
        assert contents(data) == before


def test_editing_the_frame_stays_outside() -> None:
    frame = table()
    arrays = {"move": np.array([1, 1, 2, 2]), "place": np.array(list("abab")), "price": np.array([1.0, 2.0, 3.0, 4.0])}
    data, other = read(frame), ChoiceData.from_long(arrays, case="move", alternative="place")
    before, before_other = contents(data), contents(other)
    frame.loc[:, "price"] = 9.0
    frame["kind"] = frame["kind"].cat.rename_categories({"x": "z"})
    arrays["price"][:] = 9.0
    assert contents(data) == before
    assert contents(other) == before_other


def test_weights_given_later_are_a_copy() -> None:
    weights = np.array([1.0, 2.0])
    data = read(table()).with_weights(weights, "frequency")
    weights[:] = 7.0
    assert data.total_weight == 3.0
    weights[0] = 5.0  # and the caller's own array is still the caller's


def test_data_can_be_copied_and_pickled() -> None:
    data = read(table())
    for again in (copy.deepcopy(data), pickle.loads(pickle.dumps(data))):
        assert contents(again) == contents(data)


def test_columns_are_not_copied() -> None:
    data = read(table())
    assert np.shares_memory(data.row_columns["price"].to_numpy(), data.row_columns["price"].to_numpy())
