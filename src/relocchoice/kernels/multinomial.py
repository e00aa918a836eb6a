"""Multinomial (conditional) logit.

P_j = exp(V_j) / sum_k exp(V_k)  (McFadden 1974).
With p the probabilities and y the chosen alternative: loglik = V_y - log sum exp V, d/dV = e_y - p,
d2/dVdV' = -diag(p) + p p'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.branches import UNIT, Branches, upward
from relocchoice.kernels.protocol import Curvature, Floats, Local, Order, RankVector, SlotVector
from relocchoice.kernels.tree import root_alone

NO_SHAPE = np.empty(0)
FEW = 32


@dataclass(frozen=True, slots=True)
class MultinomialLogit:
    """The family without shape parameters."""

    @property
    def shift_invariant(self) -> bool:
        return True

    def shape_names(self) -> tuple[str, ...]:
        return ()

    def shape_start(self) -> Floats:
        return NO_SHAPE

    def slot_order(self, n_alternatives: int) -> NDArray[np.intp]:
        return np.arange(n_alternatives)

    def slot_group(self, n_alternatives: int) -> NDArray[np.intp]:
        return np.zeros(n_alternatives, dtype=np.intp)

    def at(self, alternatives: NDArray[np.intp]) -> MultinomialLogit:
        return self

    def local(
        self, v: Floats, available: NDArray[np.bool_] | None, chosen: NDArray[np.intp], shape: Floats, order: Order
    ) -> Local:
        shifted, p, total = _exponentials(v, available)
        lanes = np.arange(v.shape[1])
        loglik = shifted[chosen, lanes] - np.log(total)
        if order == 0:
            return Local(loglik)
        p /= total
        dv = -p
        dv[chosen, lanes] += 1.0
        dshape = np.empty((0, v.shape[1]))
        if order == 1:
            return Local(loglik, dv, dshape)
        return Local(loglik, dv, dshape, _curvature(p))

    def branches(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Branches:
        return upward(root_alone(len(v)), v, available, UNIT)

    def probabilities(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Floats:
        _, p, total = _exponentials(v, available)
        return p / total


def _exponentials(v: Floats, available: NDArray[np.bool_] | None) -> tuple[Floats, Floats, Floats]:
    """Utilities less the case's largest, their exponentials (zero where unavailable) and the sums of those."""
    masked = v if available is None else np.where(available, v, -np.inf)
    shifted = masked - largest(masked)
    p = np.exp(shifted)
    return shifted, p, np.ones(len(p)) @ p


def largest(v: Floats) -> Floats:
    """(S, n) -> (n,) maxima, by halves: NumPy takes the maxima over an axis of many short rows one row at a time."""
    while len(v) > FEW:
        half = (len(v) + 1) // 2
        v = np.maximum(v[:half], v[-half:])
    return v.max(axis=0)


def _curvature(p: Floats) -> Curvature:
    n = p.shape[1]
    ones = np.ones((1, n))
    return Curvature(
        vectors=(RankVector(SlotVector(slice(None), p)),),
        diagonal_mix=-ones,
        weights=ones,
        gradient_mix=-ones,
        chosen_weight=ones[0],
        cross=np.empty((0, 1, n)),
        extra=(),
        shape=np.empty((0, 0, n)),
    )
