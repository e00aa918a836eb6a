"""Generic columns in memory: tiles of the cases that are computed side by side, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.spec.layout import Placement

Floats = NDArray[np.float64]
LINE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """Room for the generic columns of a chunk: tiles (T, Kg, stored slots, lanes), zero beyond the last case."""

    placement: Placement
    tiles: Floats


Fill = Callable[[Sequence[Filling], Sequence[Floats], Sequence[float], bool], None]


@dataclass(frozen=True, slots=True)
class Storage:
    """How generic columns are stored.

    Attributes
    ----------
    lanes : how many cases a tile holds; None: all of its chunk.
    smallest_share, largest_share : how much larger than the smallest chunks of all these may be; the larger the more
        chunks there are.
    without_chosen : whether the rows of the chosen alternatives, which are zero where columns are differenced, are left
        out; the last slot's row takes their place.
    fill : writes columns (R,), divided by their scales and differenced against the chosen alternative, into the tiles.
    """

    lanes: int | None
    fill: Fill
    smallest_share: int = 1
    largest_share: int = 1
    without_chosen: bool = False


def tiled(
    placed: Sequence[Placement],
    columns: Sequence[Floats],
    scales: Sequence[float],
    difference: bool,
    storage: Storage,
) -> list[Filling]:
    """The columns in tiles; without the rows of the chosen alternatives if the storage says so.

    All lie in one piece of memory, which is fetched ahead, and each chunk starts on a line of the cache.
    """
    shapes = []
    for place in placed:
        n_slots, n = place.rows.shape
        width = n if storage.lanes is None else storage.lanes
        shapes.append((-(-n // max(1, width)), len(columns), n_slots - storage.without_chosen, width))
    sizes = [8 * int(np.prod(shape)) for shape in shapes]
    ends = np.cumsum([-(-size // LINE) * LINE for size in sizes], dtype=np.intp)
    memory = np.empty((int(ends[-1]) if len(ends) else 0) + LINE, dtype=np.uint8)
    starts = -memory.ctypes.data % LINE + np.r_[0, ends[:-1]]
    fillings = [
        Filling(place, memory[start : start + size].view(np.float64).reshape(shape))
        for place, shape, size, start in zip(placed, shapes, sizes, starts, strict=True)
    ]
    storage.fill(fillings, columns, scales, difference)
    return fillings


def fill(fillings: Sequence[Filling], columns: Sequence[Floats], scales: Sequence[float], difference: bool) -> None:
    """Write the columns; see :class:`Storage`."""
    for filling in fillings:
        rows, chosen = filling.placement.rows, filling.placement.chosen
        n_slots, n = rows.shape
        n_tiles, _, _, lanes = filling.tiles.shape
        padded = np.zeros((n_slots, n_tiles * lanes))
        for k, (column, scale) in enumerate(zip(columns, scales, strict=True)):
            values = np.take(column, rows)
            if difference:
                values -= values[chosen, np.arange(n)]
            padded[:, :n] = values / scale
            filling.tiles[:, k] = padded.reshape(n_slots, n_tiles, lanes).transpose(1, 0, 2)


# NumPy spends as long on calling its functions as on computing where chunks are small.
PLAIN = Storage(None, fill, smallest_share=3, largest_share=3)
