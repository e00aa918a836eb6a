"""Labels: found exactly, then by their text; kept by JSON with their type."""

from __future__ import annotations

import datetime
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.errors import StoreError
from relocchoice.spec.labels import find_label, hint, label_from_json, label_to_json, listed
from relocchoice.spec.state import state_from_json, state_to_json


def test_exactly_then_by_text() -> None:
    assert find_label("1", [1, "1"]) == 1
    assert find_label(1, ["1", 1]) == 1
    assert find_label("1", [0, 1]) == 1
    assert find_label(True, [1, True]) == 1
    assert find_label(1, [True]) is None
    assert find_label(np.int64(2), [1, 2]) == 1
    assert find_label("2003-01-01 00:00:00", [pd.Timestamp("2003-01-01")]) == 0
    assert find_label("x", ["y"]) is None


@pytest.mark.parametrize(
    "label",
    [
        "metro",
        "",
        1,
        -3,
        True,
        False,
        None,
        2.5,
        math.inf,
        pd.Timestamp("2003-05-01 10:00", tz="Asia/Shanghai"),
        datetime.date(2003, 1, 2),
        datetime.datetime(2003, 1, 2, 3),
    ],
)
def test_json_keeps_value_and_type(label: object) -> None:
    again = label_from_json(json.loads(json.dumps(label_to_json(label))))
    assert again == label
    assert type(again) is type(label)


def test_json_of_other_things() -> None:
    assert label_to_json(np.int64(3)) == 3
    assert math.isnan(label_from_json(label_to_json(math.nan)))
    for strange in ((1, 2), pd.Interval(0, 1), object(), 1j):
        with pytest.raises(StoreError, match="cannot be saved"):
            label_to_json(strange)
    for strange in ([1], {"type": "os.system"}, {"timestamp": 3}, {"timestamp": "x", "date": "y"}):
        with pytest.raises(StoreError, match="not a saved label"):
            label_from_json(strange)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


STATES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(STATES)
def test_states_go_through_json(state: object) -> None:
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


def test_arrays_of_a_state() -> None:
    again = state_from_json(json.loads(json.dumps(state_to_json({"knots": np.array([[1.0, 2.0]])}))))
    np.testing.assert_array_equal(again["knots"], [[1.0, 2.0]])
    assert state_from_json(state_to_json(np.array(3.0))).shape == ()
    with pytest.raises(StoreError, match="cannot be saved"):
        state_to_json(np.array([object()]))


def test_hints() -> None:
    assert hint("Shangai", ["Beijing", "Shanghai"]) == "did you mean 'Shanghai'?"
    assert hint("x", ["Beijing"]) == "there are: 'Beijing'"
    assert listed(range(14), at_most=3) == "0, 1, 2, ... and 11 more"
