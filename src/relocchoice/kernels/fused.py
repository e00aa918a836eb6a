"""The compiled core: multinomial and nested logit of any depth, everything of one evaluation in one pass.

It overrides the NumPy path (``kernels/chain.py`` on the families) on the same chunks, and is held against it in the
tests. Where it was not built, or a model is not one of its own, the NumPy path serves. Source: ``src/core``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relocchoice.errors import OptionError
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.nested import NestedLogit
from relocchoice.kernels.protocol import Family, Floats
from relocchoice.kernels.sums import Sums, nowhere
from relocchoice.kernels.tree import SlotTree
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.tiles import PLAIN, Filling, Storage

CORE_VERSION = 3  # of the tables that the core reads

try:
    from relocchoice.kernels import _core
except ImportError:  # installed without a compiler
    _core = None  # type: ignore[assignment]
if _core is not None and getattr(_core, "VERSION", 0) != CORE_VERSION:  # left from another state of a checkout
    _core = None  # type: ignore[assignment]

Ints = NDArray[np.intp]
CHUNK_FIELDS = (
    "n", "slots", "stored", "first", "layout", "generic", "zone", "pool", "offset", "available", "chosen", "pool_coef",
    "tree",
)  # fmt: skip
FILL_FIELDS = ("tiles", "rows", "chosen", "step", "n", "slots", "stored")
LANES = 16
MOST_NODES = 65
MOST_THREADS = 1024
MOST_SUMS = 2**20
NUMPY = "numpy"
_THREADS: ContextVar[int | None] = ContextVar("threads", default=None)
_LEVEL: ContextVar[str | None] = ContextVar("level", default=None)


def levels() -> tuple[str, ...]:
    """Instruction sets of this processor that the core was compiled for, best first, and last ``"numpy"``."""
    return (NUMPY,) if _core is None else (*_core.levels(), NUMPY)


def level() -> str:
    """What evaluations run on: the best of :func:`levels`, or what RELOCCHOICE_CORE names.

    Raises
    ------
    OptionError : it names none of them.
    """
    held = _LEVEL.get() or os.environ.get("RELOCCHOICE_CORE", "")
    if held and held not in levels():
        raise OptionError.of("RELOCCHOICE_CORE", held, ", ".join(levels()))
    return held or levels()[0]


def storage(family: Family | None = None) -> Storage:
    """How a design should store its columns: in tiles of the cases the core computes side by side, if it serves.

    Parameters
    ----------
    family : what the design is for; a multinomial logit does without the rows of the chosen alternatives.
    """
    if level() == NUMPY:
        return PLAIN
    return Storage(LANES, fill, largest_share=8, without_chosen=isinstance(family, MultinomialLogit))


def fill(fillings: Sequence[Filling], columns: Sequence[Floats], scales: Sequence[float], difference: bool) -> None:
    """Write columns into tiles; see :class:`relocchoice.spec.tiles.Storage`."""
    table = np.zeros((len(fillings), len(FILL_FIELDS)), dtype=np.int64)
    for row, filling in zip(table, fillings, strict=True):
        rows, chosen = filling.placement.rows, filling.placement.chosen
        row[:3] = filling.tiles.ctypes.data, rows.ctypes.data, chosen.ctypes.data
        row[3:] = rows.strides[0] // 8, rows.shape[1], len(rows), filling.tiles.shape[2]
    held = [np.ascontiguousarray(column) for column in columns]
    addresses = np.array([column.ctypes.data for column in held], dtype=np.int64)
    _core.fill(table, addresses, 1.0 / np.array(scales), difference, threads())


def threads() -> int:
    """How many threads an evaluation uses: RELOCCHOICE_NUM_THREADS, or the processors this process may run on.

    Raises
    ------
    OptionError : it is no number from 1 to 1024.
    """
    held = _THREADS.get()
    if held is not None:
        return held
    asked = os.environ.get("RELOCCHOICE_NUM_THREADS", "")
    if asked:
        # not every digit is a digit to int, and int refuses thousands of them
        wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= len(str(MOST_THREADS)) else 0
        if not 1 <= wanted <= MOST_THREADS:
            raise OptionError.of("RELOCCHOICE_NUM_THREADS", asked, f"a number from 1 to {MOST_THREADS}")
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_once(memory: Floats) -> float:
    """Read an array as fast as an evaluation could, on as many threads; its sum."""
    if level() == NUMPY:
        return float(memory.sum())
    return float(_core.probe("read", memory, 0, threads(), level()))


@contextmanager
def held(*, n_threads: int | None = None, level: str | None = None) -> Iterator[None]:
    """Use so many threads, or this of :func:`levels`, inside the block.

    The workers of a bootstrap share the processors, so that each holds itself to one thread.
    """
    tokens = _THREADS.set(n_threads), _LEVEL.set(level)
    try:
        yield
    finally:
        _THREADS.reset(tokens[0])
        _LEVEL.reset(tokens[1])


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """Chunks and families as the core reads them.

    Attributes
    ----------
    table : (n_chunks, fields) sizes and addresses; model : sizes and the coefficients of the columns.
    order : (n,) the case at each position of the table, or None where positions and cases agree.
    n_cases, n_coef, n_shape : n, K, L.
    held : the arrays whose addresses stand in the table.
    """

    table: NDArray[np.int64]
    model: NDArray[np.int64]
    order: Ints | None
    n_cases: int
    n_coef: int
    n_shape: int
    held: tuple[object, ...]

    def sums(self, beta: Floats, shape: Floats, weights: Floats | None, squares: Floats | None) -> Sums:
        """Everything of one evaluation.

        Parameters
        ----------
        weights : (n of the data,) case weights; None: ones. squares : their squares; None: the weights themselves.
        """
        if (shape <= 0).any():
            return nowhere(self.n_coef + self.n_shape)
        p = self.n_coef + self.n_shape
        out = np.empty(1 + p + 3 * p * p)
        self._call(beta, shape, self._placed(weights), self._placed(squares), out, None)
        if not math.isfinite(out[0]):
            return nowhere(p)
        hessian, opg, squared = out[1 + p :].reshape(3, p, p)
        return Sums(float(out[0]), out[1 : 1 + p], hessian, opg, opg if squares is None else squared)

    def loglik(self, beta: Floats, shape: Floats, n_cases: int) -> Floats:
        """(n of the data,) log-likelihoods; zero for cases that do not stand in the chunks."""
        if np.any(shape <= 0):
            return np.full(n_cases, -np.inf)
        by_position = np.empty(self.n_cases)
        self._call(beta, shape, None, None, None, by_position)
        out = np.zeros(n_cases)
        out[slice(self.n_cases) if self.order is None else self.order] = by_position
        return out

    def _placed(self, values: Floats | None) -> Floats | None:
        if values is None or self.order is not None:
            return None if values is None else values[self.order]
        return np.ascontiguousarray(values)

    def _call(
        self,
        beta: Floats,
        shape: Floats,
        weights: Floats | None,
        squares: Floats | None,
        out: Floats | None,
        loglik: Floats | None,
    ) -> None:
        beta, shape = np.ascontiguousarray(beta, dtype=np.float64), np.ascontiguousarray(shape, dtype=np.float64)
        _core.evaluate(self.table, self.model, beta, shape, weights, squares, out, loglik, threads(), level())


def fuse(chunks: Sequence[Chunk], families: Sequence[Family], n_shape: int) -> Fused | None:
    """The chunks for the core; None where there is no core or the model is none of its own."""
    if _core is None or not chunks or not all(map(_fits, chunks, families)):
        return None
    first, scaling = chunks[0], _scaling(families[0])
    trees: dict[tuple[int, int], NDArray[np.int64]] = {}
    layouts: dict[tuple[int, ...], tuple[int, ...]] = {}
    table = np.zeros((len(chunks), len(CHUNK_FIELDS)), dtype=np.int64)
    position = most_slots = most_active = 0
    for row, chunk, family in zip(table, chunks, families, strict=True):
        n_slots = len(chunk.placement.rows)
        nested = family.tree if isinstance(family, NestedLogit) else None
        key = (0 if nested is None else id(nested), n_slots)
        if key not in trees:
            trees[key] = _root_alone(n_slots) if nested is None else _packed(nested)
        alike = (*key, id(chunk.pool_coef), id(chunk.zone))
        if alike not in layouts:
            shared = [_address(array) for array in (chunk.zone, chunk.pool_coef, trees[key])]
            layouts[alike] = len(layouts), *shared
            most_slots = max(most_slots, n_slots)
            most_active = max(most_active, int((chunk.pool_coef >= 0).any(axis=0).sum()) if len(chunk.pool) else 0)
        layout, zone, pool_coef, tree = layouts[alike]
        place = chunk.placement
        own = (_address(array) for array in (chunk.pool, chunk.offset, place.available, place.chosen))
        sizes_of = (chunk.n_cases, n_slots, chunk.tiles.shape[2], position, layout)
        row[:] = (*sizes_of, _address(chunk.tiles), zone, *own, pool_coef, tree)
        position += chunk.n_cases
    sizes = [len(first.generic_coef), len(first.zone), len(first.pool), first.n_coef, n_shape, most_slots, most_active]
    model = np.array(
        [*sizes, first.differenced, scaling == "utility", n_shape + 1, *first.generic_coef, *first.zone_coef], np.int64
    )
    cases = np.concatenate([chunk.placement.cases for chunk in chunks])
    order = None if np.array_equal(cases, np.arange(len(cases))) else cases
    held = (tuple(chunks), tuple(families), trees)
    return Fused(table, model, order, len(cases), first.n_coef, n_shape, held)


def _address(array: NDArray[Any] | None) -> int:
    """Where the numbers of an array begin; zero where there is none."""
    return 0 if array is None else int(array.ctypes.data)


def _fits(chunk: Chunk, family: Family) -> bool:
    """Whether the core can compute a chunk: one choice a case, no attributes with coefficients by alternative."""
    if not isinstance(family, (MultinomialLogit, NestedLogit)) or chunk.tiles.shape[3] != LANES:
        return False
    if chunk.placement.picked is not None or len(chunk.own):
        return False
    if chunk.left_out is not None:
        as_laid_out = chunk.left_out is chunk.placement.chosen and chunk.differenced and not len(chunk.zone)
        if not (as_laid_out and isinstance(family, MultinomialLogit)):
            return False
    n_nodes = 1 if isinstance(family, MultinomialLogit) else len(family.parent)
    n_slots, n_pool = chunk.pool_coef.shape[1], len(chunk.pool)
    sums = n_pool**2 * n_slots**2 + n_pool * n_slots * (len(chunk.generic_coef) + len(chunk.zone) + n_nodes)
    return n_nodes <= MOST_NODES and (not n_pool or sums <= MOST_SUMS)


def _scaling(family: Family) -> str:
    return family.scaling if isinstance(family, NestedLogit) else "utility"


def _packed(tree: SlotTree) -> NDArray[np.int64]:
    return np.concatenate([[tree.n_nodes], tree.parent, tree.start, tree.stop, tree.slot_parent]).astype(np.int64)


def _root_alone(n_slots: int) -> NDArray[np.int64]:
    """The tree of a multinomial logit."""
    return np.array([1, -1, 0, n_slots, *([0] * n_slots)], dtype=np.int64)
