"""Values that stay what they are: read-only arrays, and mappings that lend their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


class FrozenMap(Mapping[Any, Any]):
    """A mapping that cannot be changed, over a dict of its own.

    A pandas Series comes out as a copy that shares its read-only values, so that whatever is done to it stays outside.
    ``types.MappingProxyType`` would neither pickle nor keep a Series from being edited in place.

    Parameters
    ----------
    items : the keys and values; later changes of it are not seen.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Any, Any]) -> None:
        self._items = {
            key: locked_series(value) if isinstance(value, pd.Series) else value for key, value in _own(items)
        }

    def __getitem__(self, key: Any) -> Any:
        value = self._items[key]
        return _lent(value) if isinstance(value, pd.Series) else value

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


def _own(items: Mapping[Any, Any]) -> Any:
    return items._items.items() if isinstance(items, FrozenMap) else items.items()


def _lent(series: pd.Series) -> pd.Series:
    """Extension arrays know no read-only flag: their values, a byte or a reference each, are copied."""
    return series.copy(deep=not isinstance(series.dtype, np.dtype))


def locked(array: NDArray[Number]) -> NDArray[Number]:
    """A read-only view of an array."""
    view = array.view()
    view.flags.writeable = False
    return view


def locked_series(series: pd.Series) -> pd.Series:
    """A Series over read-only values where NumPy holds them, and over a copy where it does not; no large copy."""
    if isinstance(series.dtype, np.dtype):
        return pd.Series(locked(series.to_numpy()), index=series.index, name=series.name, copy=False)
    return series.copy()
