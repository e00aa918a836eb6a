"""Data laid out in every way, columns of every kind, and the dense matrix they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import relocchoice as rc
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.design import Design, build_design

Floats = NDArray[np.float64]


def _long(sets: list[NDArray[np.intp]], rng: np.random.Generator) -> rc.ChoiceData:
    sizes = [len(places) for places in sets]
    frame = pd.DataFrame({"move": np.repeat(np.arange(len(sets)), sizes), "place": np.concatenate(sets)})
    last = np.cumsum(sizes) - 1
    frame["chosen"] = np.isin(np.arange(len(frame)), last - [int(rng.integers(size)) for size in sizes])
    return rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen")


def _whole(n: int, rng: np.random.Generator) -> rc.ChoiceData:
    return _long([np.arange(5)] * n, rng)


def _few_sets(n: int, rng: np.random.Generator) -> rc.ChoiceData:
    """Two common choice sets and some odd ones."""
    odd = [np.sort(rng.choice(6, size=rng.integers(2, 6), replace=False)) for _ in range(n // 4)]
    common = [np.array([0, 1, 3, 5])] * n + [np.arange(6)] * n
    sets = common + odd
    return _long([sets[i] for i in rng.permutation(len(sets))], rng)


def _many_sets(n: int, rng: np.random.Generator) -> rc.ChoiceData:
    return _long([np.sort(rng.choice(8, size=rng.integers(2, 9), replace=False)) for _ in range(n)], rng)


def _sampled(n: int, rng: np.random.Generator) -> rc.ChoiceData:
    return _long([np.sort(rng.choice(16, size=rng.integers(2, 6), replace=False)) for _ in range(n)], rng)


LAYOUTS = {"whole": _whole, "few sets": _few_sets, "many sets": _many_sets, "sampled": _sampled}


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A design with the data and columns it came from."""

    data: rc.ChoiceData
    columns: UtilityColumns
    design: Design

    @property
    def row_case(self) -> NDArray[np.intp]:
        return self.data.row_case()


def all_columns(data: rc.ChoiceData, rng: np.random.Generator, labelled: bool) -> UtilityColumns:
    """Every kind of column: generic (some share a coefficient), zone, constants, case-specific, own, shared, offset."""
    J, n, R = data.n_alternatives, data.n_cases, data.n_rows
    zone = rng.normal(size=J)[data.row_alternative]
    columns = [
        Column("x", "row", rng.normal(size=R) + 3.0, 0),
        Column("y", "row", rng.normal(size=R), 1),
        Column("x2", "row", rng.normal(size=R), 0),
        Column("zone", "row", zone, 2),
        Column("zone2", "row", zone**2, 1),
    ]
    if not labelled:
        return UtilityColumns(("x", "y", "zone"), tuple(columns), rng.normal(size=R))
    others = np.arange(-1, J - 1)
    constants = np.where(others >= 0, 3 + others, -1)
    case_specific = np.where(others >= 0, 2 + J + others, -1)
    own = 1 + 2 * J + np.arange(J)
    shared = np.where(np.arange(J) % 2 == 0, 1 + 3 * J, -1)
    columns += [
        Column("Intercept", "constant", None, constants),
        Column("assets", "case", rng.normal(size=n) + 5.0, case_specific),
        Column("travel", "row", rng.normal(size=R) + 2.0, own),
        Column("size", "case", rng.normal(size=n), shared),
        Column("fuel", "row", rng.normal(size=R), np.where(shared >= 0, -1, 1 + 3 * J)),
        Column("both", "row", rng.normal(size=R), np.where(np.arange(J) == 1, 0, -1)),
    ]
    return UtilityColumns(tuple(f"b{k}" for k in range(2 + 3 * J)), tuple(columns), rng.normal(size=R))


def lay(layout: str, seed: int, *, labelled: bool, shift_invariant: bool, grouped: bool = False, n: int = 72) -> Laid:
    """A design over data of one layout; ``grouped`` puts the alternatives into three groups, in another order."""
    rng = np.random.default_rng(seed)
    data = LAYOUTS[layout](n, rng)
    columns = all_columns(data, rng, labelled)
    J = data.n_alternatives
    group = rng.integers(0, 3, J) if grouped else np.zeros(J, dtype=np.intp)
    order = np.lexsort((rng.permutation(J), group)) if grouped else np.arange(J)
    design = build_design(data, columns, order.astype(np.intp), group.astype(np.intp), shift_invariant)
    return Laid(data, columns, design)


def dense_matrix(data: rc.ChoiceData, columns: UtilityColumns) -> Floats:
    """(R, K), the matrix that is never built: row r of it times b is the utility of row r, less the offset."""
    out = np.zeros((data.n_rows, len(columns.names)))
    row_case = data.row_case()
    for column in columns.columns:
        values = np.ones(data.n_rows) if column.values is None else column.values
        values = values[row_case] if column.level == "case" else values
        coef = np.broadcast_to(column.coef, data.n_alternatives)[data.row_alternative]
        rows = np.flatnonzero(coef >= 0)
        out[rows, coef[rows]] += values[rows]
    return out


def dense_chunk(chunk: Chunk) -> Floats:
    """(S, n, K), the chunk's own matrix, one coefficient at a time, without the offset."""
    zero = chunk.utilities(np.zeros(chunk.n_coef))
    return np.stack([chunk.utilities(unit) - zero for unit in np.eye(chunk.n_coef)], axis=2)


def open_slots(chunk: Chunk) -> NDArray[np.bool_]:
    """(S, n) which slots hold an available alternative."""
    available = chunk.placement.available
    return np.ones(chunk.placement.rows.shape, dtype=bool) if available is None else available
