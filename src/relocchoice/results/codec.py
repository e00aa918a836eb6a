"""A frozen record as JSON and arrays, and back: plain data only, so that reading a file can run nothing.

JSON values stand for themselves. What JSON lacks is an object with one key that starts with ``$``: ``$float`` (infinity
or NaN), ``$tuple``, ``$map`` (keys that are not text), ``$array`` (key of a stored array), ``$frame`` (pandas) and
``$record`` (one of this package's frozen records, by name).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import StoreError

Arrays = dict[str, NDArray[Any]]

RECORDS: Mapping[str, str] = {
    "Covariance": "relocchoice.inference.covariance",
    "Moments": "relocchoice.inference.covariance",
    "Identification": "relocchoice.inference.identification",
    "FirthPenalty": "relocchoice.engine.penalty",
    "RidgePenalty": "relocchoice.engine.penalty",
}
"""Names of the records that may be stored inside a fit, and the modules they live in."""

_DTYPES = {"f": np.dtype("<f8"), "i": np.dtype("<i8"), "u": np.dtype("<i8"), "b": np.dtype("|b1")}
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DEEPEST = 60


@dataclass(slots=True)
class Encoder:
    """Turns values into JSON and collects the arrays on the way.

    Attributes
    ----------
    arrays : key -> little-endian float64, int64 or bool array.
    """

    arrays: Arrays = field(default_factory=dict)

    def encode(self, value: Any, where: str) -> Any:
        """The value as JSON.

        Parameters
        ----------
        value : None, text, bool, number, tuple, list, mapping, array, frame, or one of :data:`RECORDS`.
        where : path to the value, for the error and the arrays' keys, e.g. ``"covariance.matrix"``.

        Raises
        ------
        StoreError
            For a value of another type; names its place.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, str, int)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": str(value)}
        if isinstance(value, tuple):
            return {"$tuple": self.encode(list(value), where)}
        if isinstance(value, list):
            return [self.encode(item, f"{where}.{position}") for position, item in enumerate(value)]
        if isinstance(value, Mapping):
            return self._mapping(value, where)
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if isinstance(value, pd.DataFrame):
            return self._frame(value, where)
        return self._record(value, where)

    def _mapping(self, value: Mapping[Any, Any], where: str) -> Any:
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: self.encode(item, f"{where}.{key}") for key, item in value.items()}
        return {"$map": [self.encode([key, item], where) for key, item in value.items()]}

    def _array(self, value: NDArray[Any], where: str) -> Any:
        if value.dtype.kind not in _DTYPES:
            raise StoreError(f"{where} is an array of type {value.dtype}; only numbers and booleans can be saved")
        key = f"a{len(self.arrays)}"
        self.arrays[key] = np.ascontiguousarray(value, dtype=_DTYPES[value.dtype.kind]).reshape(value.shape)
        return {"$array": key}

    def _frame(self, frame: pd.DataFrame, where: str) -> Any:
        if not frame.columns.is_unique:
            raise StoreError(f"{where} has two columns of one name; give every column its own")
        columns = []
        for place, name in enumerate(frame.columns):
            values = frame.iloc[:, place]
            stored = (
                values.to_numpy()
                if isinstance(values.dtype, np.dtype) and values.dtype.kind in _DTYPES
                else [_text_or_none(item, f"{where}[{name!r}]") for item in values]
            )
            columns.append(
                [_text_or_none(name, f"a column name of {where}"), self.encode(stored, f"{where}[{name!r}]")]
            )
        return {
            "$frame": {"index": self._index(frame.index, where), "index_name": frame.index.name, "columns": columns}
        }

    def _index(self, index: pd.Index, where: str) -> Any:
        if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
            return len(index)
        if index.dtype.kind == "i":
            return [int(label) for label in index]
        return [_text_or_none(label, f"the index of {where}") for label in index]

    def _record(self, value: Any, where: str) -> Any:
        name = type(value).__name__
        if not dataclasses.is_dataclass(value) or name not in RECORDS:
            raise StoreError(f"{where} is a {name}, which cannot be saved; plain values and {list(RECORDS)} can")
        fields = {
            item.name: self.encode(getattr(value, item.name), f"{where}.{item.name}")
            for item in dataclasses.fields(value)
        }
        return {"$record": name, "fields": fields}


def decode(stored: Any, arrays: Mapping[str, NDArray[Any]], depth: int = 0) -> Any:
    """The value that :meth:`Encoder.encode` wrote.

    Raises
    ------
    StoreError
        For an unknown tag or record, a missing array, or values nested too deep.
    """
    if depth > _DEEPEST:
        raise StoreError(f"the saved fit is damaged: values are nested more than {_DEEPEST} deep")
    if isinstance(stored, list):
        return [decode(item, arrays, depth + 1) for item in stored]
    if not isinstance(stored, dict):
        return stored
    tags = [key for key in stored if key.startswith("$")]
    if not tags:
        return {key: decode(item, arrays, depth + 1) for key, item in stored.items()}
    if len(tags) > 1 or tags[0] not in _READERS:
        raise StoreError(f"the saved fit is damaged or of a newer version: it holds {', '.join(tags)}")
    return _READERS[tags[0]](stored, arrays, depth + 1)


def _text_or_none(item: Any, where: str) -> str | None:
    if item is None or item is pd.NA or (isinstance(item, float) and math.isnan(item)):
        return None
    if not isinstance(item, str):
        raise StoreError(f"{where} holds {item!r} of type {type(item).__name__}; only numbers and text can be saved")
    return str(item)


def _float(stored: dict[str, Any], arrays: Mapping[str, NDArray[Any]], depth: int) -> float:
    return _FLOATS[stored["$float"]]


def _tuple(stored: dict[str, Any], arrays: Mapping[str, NDArray[Any]], depth: int) -> tuple[Any, ...]:
    return tuple(decode(item, arrays, depth) for item in _expected(stored["$tuple"], list))


def _map(stored: dict[str, Any], arrays: Mapping[str, NDArray[Any]], depth: int) -> dict[Any, Any]:
    return {decode(key, arrays, depth): decode(item, arrays, depth) for key, item in _expected(stored["$map"], list)}


def _stored_array(stored: dict[str, Any], arrays: Mapping[str, NDArray[Any]], depth: int) -> NDArray[Any]:
    return arrays[stored["$array"]]


def _stored_frame(stored: dict[str, Any], arrays: Mapping[str, NDArray[Any]], depth: int) -> pd.DataFrame:
    parts = _expected(stored["$frame"], dict)
    columns = {name: decode(column, arrays, depth) for name, column in _expected(parts["columns"], list)}
    index = parts["index"]
    labels = pd.RangeIndex(index) if isinstance(index, int) else pd.Index(_expected(index, list))
    frame = pd.DataFrame(columns, index=labels)
    frame.index.name = parts["index_name"]
    return frame


def _stored_record(stored: dict[str, Any], arrays: Mapping[str, NDArray[Any]], depth: int) -> Any:
    name = stored["$record"]
    if name not in RECORDS:
        raise StoreError(f"the saved fit holds a record {name!r}, which is not known; known: {list(RECORDS)}")
    record = getattr(import_module(RECORDS[name]), name)
    fields = _expected(stored["fields"], dict)
    known = [item.name for item in dataclasses.fields(record)]
    if set(fields) != set(known):
        raise StoreError(f"the saved {name} has the fields {sorted(fields)}; this version needs {sorted(known)}")
    return record(**{key: decode(item, arrays, depth) for key, item in fields.items()})


def _expected(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise StoreError(f"the saved fit is damaged: a {kind.__name__} was expected, found a {type(value).__name__}")
    return value


_READERS: Mapping[str, Callable[[dict[str, Any], Mapping[str, NDArray[Any]], int], Any]] = {
    "$float": _float,
    "$tuple": _tuple,
    "$map": _map,
    "$array": _stored_array,
    "$frame": _stored_frame,
    "$record": _stored_record,
}
