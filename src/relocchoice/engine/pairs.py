"""Pairs of a case and an alternative that it could have chosen but did not: what the chosen one gains on it.

A pair is a place (chunk, slot, lane) of the design. The gain of a pair along a direction of the coefficients is the
change of the utility of the chosen alternative less that of the other one; offsets and levels play no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Problem
from relocchoice.spec.chunk import Chunk

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The pairs of a problem that are still looked at; pairs leave with :meth:`without`, and nothing else changes.

    Attributes
    ----------
    chunks : of the design, without offsets.
    lift : (K, q) coefficients by the directions looked at.
    weights : (n,) weights of the cases that stand in the chunks; cases of weight zero make no pairs.
    group : (J,) of each alternative: only alternatives of the chosen one's group make pairs; None: all do.
    kept : for each chunk the (S, n) pairs that are left, None where all are.
    """

    chunks: tuple[Chunk, ...]
    lift: Floats
    weights: Floats
    group: Ints | None
    kept: tuple[Bools | None, ...]

    @classmethod
    def of(cls, problem: Problem, free: Ints, scale: Floats, group: Ints | None = None) -> Pairs:
        """All pairs; ``free`` are the positions of the free parameters that directions move, in units of 1 / scale."""
        chunks = tuple(replace(chunk, offset=None) for chunk in problem.design.chunks)
        lift = problem.space.matrix[: problem.n_coef, free] / scale
        return cls(chunks, lift, problem.lane_weights, group, (None,) * len(chunks))

    def where(self, position: int) -> Bools:
        """(S, n) the pairs left in a chunk."""
        kept = self.kept[position]
        if kept is not None:
            return kept
        place = self.chunks[position].placement
        lanes = np.arange(len(place.cases))
        there = np.ones(place.rows.shape, dtype=bool) if place.available is None else place.available.copy()
        there[place.chosen, lanes] = False
        there[:, self.weights[place.cases] <= 0] = False
        if self.group is not None:
            groups = self.group[_alternatives(self.chunks[position])]
            there &= (groups == groups[place.chosen, lanes]) & (groups[place.chosen, lanes] >= 0)
        return there

    def gains(self, direction: Floats) -> Iterator[tuple[int, Floats, Bools]]:
        """For each chunk its position, the (S, n) gains along a direction (q,), and the pairs left."""
        beta = self.lift @ direction
        for position, chunk in enumerate(self.chunks):
            v = chunk.utilities(beta)
            yield position, v[chunk.placement.chosen, np.arange(chunk.n_cases)] - v, self.where(position)

    def rows(self, position: int, slots: Ints, lanes: Ints) -> Floats:
        """(m, q) the gains of some pairs of a chunk as rows: gain = row @ direction."""
        chunk = self.chunks[position]
        chosen = chunk.placement.chosen[lanes]
        rows: Floats = (columns_at(chunk, chosen, lanes) - columns_at(chunk, slots, lanes)) @ self.lift
        return rows

    def without(self, gone: tuple[Bools | None, ...]) -> Pairs:
        """Those that are left when some leave; ``gone`` (S, n) for each chunk, None where none leaves."""
        kept = tuple(
            self.kept[position] if leave is None else self.where(position) & ~leave
            for position, leave in enumerate(gone)
        )
        return replace(self, kept=kept)

    def places(self, position: int, pairs: Bools) -> tuple[Ints, Ints]:
        """(m,) positions of the cases laid out, and (m,) codes of the alternatives, of some pairs of a chunk."""
        chunk = self.chunks[position]
        slots, lanes = np.nonzero(pairs)
        return chunk.placement.cases[lanes], _alternatives(chunk)[slots, lanes]


def _alternatives(chunk: Chunk) -> Ints:
    """(S, n) alternative in each slot."""
    place = chunk.placement
    alternative = place.alternative if place.alternative.ndim == 2 else place.alternative[:, None]
    return np.broadcast_to(alternative, place.rows.shape)


def columns_at(chunk: Chunk, slots: Ints, lanes: Ints) -> Floats:
    """(m, K) columns of some slots of a chunk."""
    out = np.zeros((len(slots), chunk.n_coef))
    if len(chunk.generic_coef):
        out[:, chunk.generic_coef] = chunk.generic_at(slots, lanes).T
    if len(chunk.zone):
        out[:, chunk.zone_coef] = chunk.zone[:, slots].T
    for coef, values in zip(chunk.pool_coef[:, slots], chunk.pool[:, lanes], strict=True):
        here = np.flatnonzero(coef >= 0)
        out[here, coef[here]] += values[here]
    for coef, own in zip(chunk.own_coef[:, slots], chunk.own, strict=True):
        here = np.flatnonzero(coef >= 0)
        out[here, coef[here]] += own[slots[here], lanes[here]]
    return out
