"""Frozen in fact: arrays that refuse to be written to, and frames handed out as copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.provenance import said


def sealed(record: Any) -> Any:
    """The record with read-only arrays: copies, unless they are read-only already; anything else as it is."""
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        return record
    writeable = {
        item.name: value
        for item in dataclasses.fields(record)
        if isinstance(value := getattr(record, item.name), np.ndarray) and value.flags.writeable
    }
    if not writeable:
        return record
    return dataclasses.replace(record, **{name: _read_only(value) for name, value in writeable.items()})


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    copied = array.copy()
    copied.flags.writeable = False
    return copied


@dataclasses.dataclass(frozen=True, slots=True)
class _Later:
    make: Callable[[], Any]


def later(make: Callable[[], Any]) -> Any:
    """A value for a :class:`CopiedFrame`, made when somebody first asks for it: that is most of a small fit."""
    return _Later(make)


class CopiedFrame:
    """A slot whose frame is copied on its way in and out, and says where the record's data come from; numbers pass as
    they are. A value of :func:`later` is made on its first way out.

    Read-only columns would not do: a frame's columns can be replaced whatever they hold.
    """

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = self._slot.__get__(instance, owner)
        if isinstance(value, _Later):
            value = value.make()
            self._slot.__set__(instance, value)
        return said(_copied(value), instance)

    def __set__(self, instance: Any, value: Any) -> None:
        self._slot.__set__(instance, _copied(value))


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, pd.DataFrame) else value
