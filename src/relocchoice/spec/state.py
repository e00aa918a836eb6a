"""State of transformations (centre, scale, knots, polynomial coefficients) as JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np

from relocchoice.errors import StoreError
from relocchoice.spec.labels import label_from_json, label_to_json


def state_to_json(value: Any) -> Any:
    """Nested dicts, lists, arrays and scalars as JSON values that :func:`state_from_json` turns back.

    Raises
    ------
    StoreError : something else is among them.
    """
    if isinstance(value, dict):
        return {"pairs": [[state_to_json(key), state_to_json(item)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub":
            raise StoreError(f"an array of type {value.dtype} in the state of a transformation cannot be saved")
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, list | tuple):
        return [state_to_json(item) for item in value]
    return label_to_json(value)


def state_from_json(value: Any) -> Any:
    """What :func:`state_to_json` wrote; tuples come back as lists."""
    if isinstance(value, list):
        return [state_from_json(item) for item in value]
    if isinstance(value, dict) and "pairs" in value:
        return {state_from_json(key): state_from_json(item) for key, item in value["pairs"]}
    if isinstance(value, dict) and "array" in value:
        return np.array(value["array"], dtype=value["dtype"])
    return label_from_json(value)
