"""Bottom normalisation: the same model with utilities measured on the scale of one lowest nest.

V (utility-maximising units) = lambda_r V* with r a reference nest (Hensher & Greene 2002, RU1 against RU2): within the
reference nest P(j | r) ~ exp(V*_j). Lambdas and log-likelihood are those of the utility-maximising form; coefficients
are divided by lambda_r.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.branches import Branches
from relocchoice.kernels.nested import NestedLogit
from relocchoice.kernels.protocol import Curvature, Floats, Local, Order, RankVector, SlotVector


@dataclass(frozen=True, slots=True, eq=False)
class BottomNormalised:
    """A nested logit whose utilities are multiplied by the lambda of ``reference`` (position among the nests)."""

    inner: NestedLogit
    reference: int

    @property
    def shift_invariant(self) -> bool:
        return self.inner.shift_invariant

    def shape_names(self) -> tuple[str, ...]:
        return self.inner.shape_names()

    def shape_start(self) -> Floats:
        return self.inner.shape_start()

    def slot_order(self, n_alternatives: int) -> NDArray[np.intp]:
        return self.inner.slot_order(n_alternatives)

    def slot_group(self, n_alternatives: int) -> NDArray[np.intp]:
        return self.inner.slot_group(n_alternatives)

    def at(self, alternatives: NDArray[np.intp]) -> BottomNormalised:
        return BottomNormalised(self.inner.at(alternatives), self.reference)

    def probabilities(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Floats:
        return self.inner.probabilities(shape[self.reference] * v, available, shape)

    def branches(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Branches:
        unit = float(shape[self.reference])
        return replace(self.inner.branches(unit * v, available, shape), unit=unit, unit_of=self.reference)

    def local(
        self, v: Floats, available: NDArray[np.bool_] | None, chosen: NDArray[np.intp], shape: Floats, order: Order
    ) -> Local:
        scale = shape[self.reference]
        local = self.inner.local(scale * v, available, chosen, shape, order)
        if local.dv is None or local.dshape is None:
            return local
        v = v if available is None else np.where(available, v, 0.0)
        dshape = local.dshape.copy()
        dshape[self.reference] += (local.dv * v).sum(axis=0)
        curvature = local.curvature and self._curvature(local.curvature, local.dv, v, scale)
        return Local(local.loglik, scale * local.dv, dshape, curvature)

    def _curvature(self, inner: Curvature, dv: Floats, v: Floats, scale: float) -> Curvature:
        r = self.reference
        own, full = _dense_vectors(inner, v.shape)
        along = inner.diagonal(len(v)) * v
        along += np.einsum("rn,rsn,rn->sn", inner.weights, full, np.einsum("rsn,sn->rn", full, v))
        cross = [
            np.einsum("rn,rsn->sn", c, own) + _dense(e, v.shape) for c, e in zip(inner.cross, inner.extra, strict=True)
        ]
        shape = inner.shape.copy()
        for k, vector in enumerate(cross):
            slope = (vector * v).sum(axis=0)
            shape[k, r] += slope
            shape[r, k] += slope
        shape[r, r] += (along * v).sum(axis=0)
        extra = [SlotVector(e.slots, scale * e.values) for e in inner.extra]
        extra[r] = SlotVector(slice(None), _dense(extra[r], v.shape) + dv + scale * along)
        return Curvature(
            vectors=tuple(RankVector(SlotVector(q.own.slots, scale * q.own.values), q.mix) for q in inner.vectors),
            diagonal_mix=scale * inner.diagonal_mix,
            weights=inner.weights,
            gradient_mix=inner.gradient_mix,
            chosen_weight=scale * inner.chosen_weight,
            cross=inner.cross,
            extra=tuple(extra),
            shape=shape,
        )


def _dense(vector: SlotVector, shape: tuple[int, ...]) -> Floats:
    out = np.zeros(shape)
    out[vector.slots] = vector.values
    return out


def _dense_vectors(curvature: Curvature, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Own parts and whole vectors, (R, S, n) each."""
    own = np.stack([_dense(q.own, shape) for q in curvature.vectors])
    full = own.copy()
    for r, vector in enumerate(curvature.vectors):
        for c, coefficient in vector.mix:
            full[r] += coefficient * full[c]
    return own, full
