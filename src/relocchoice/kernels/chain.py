"""The one chain rule: a family's derivatives in utilities and a design's columns give derivatives in coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relocchoice.kernels.protocol import Curvature, Family, Floats, Order, SetFamily, Succession
from relocchoice.spec.chunk import Chunk, Times


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """What the cases of a chunk contribute; p = K coefficients + L shape parameters.

    Attributes
    ----------
    loglik : (n,) unweighted.
    scores : (p, n) unweighted (order 1 and above).
    hessian : (p, p) sum over the cases with their weights (order 2).
    """

    loglik: Floats
    scores: Floats | None = None
    hessian: Floats | None = None


def contributions(
    family: Family, chunk: Chunk, beta: Floats, shape: Floats, weights: Floats, order: Order
) -> Contributions:
    """Evaluate a family (already placed with ``family.at``) on a chunk.

    Parameters
    ----------
    beta : (K,); shape : (L,); weights : (n,) enter the Hessian's sum only.
    """
    placement = chunk.placement
    taken = placement.chosen if placement.picked is None else placement.picked
    local = family.local(chunk.utilities(beta), placement.available, taken, shape, order)
    if local.dv is None or local.dshape is None:
        return Contributions(local.loglik)
    if local.curvature is None:
        return Contributions(local.loglik, np.concatenate([chunk.pullback(slice(None), local.dv), local.dshape]))
    parts = [chunk.times(q.own.slots, q.own.values) for q in local.curvature.vectors]
    own = [part.pulled() for part in parts]
    scores = local.curvature.gradient_mix[0] * own[0]
    for coefficient, pulled in zip(local.curvature.gradient_mix[1:], own[1:], strict=True):
        scores += coefficient * pulled
    if not chunk.chosen_is_zero:
        scores += chunk.pull_chosen(local.curvature.chosen_weight)
    hessian = _hessian(local.curvature, chunk, parts, own, weights)
    return Contributions(local.loglik, np.concatenate([scores, local.dshape]) if len(shape) else scores, hessian)


def _hessian(curvature: Curvature, chunk: Chunk, parts: list[Times], own: list[Floats], weights: Floats) -> Floats:
    n_coef, n_shape = chunk.n_coef, len(curvature.shape)
    out = np.zeros((n_coef + n_shape, n_coef + n_shape))
    beta, shape = slice(0, n_coef), slice(n_coef, None)
    for part, mix in zip(parts, curvature.diagonal_mix, strict=True):
        if mix.any():
            out[beta, beta] += part.gram(weights * mix)
    if curvature.succession is not None:
        out[beta, beta] -= _variance(curvature.succession, chunk, weights)
    whole: list[Floats] = []
    for vector, pulled, weight in zip(curvature.vectors, own, curvature.weights, strict=True):
        mixed = pulled
        for child, coefficient in vector.mix:
            mixed = mixed + coefficient * whole[child]
        whole.append(mixed)
        out[beta, beta] += (mixed * (weights * weight)) @ mixed.T
    for k, (mix, extra) in enumerate(zip(curvature.cross, curvature.extra, strict=True)):
        cross = chunk.pullback(extra.slots, extra.values) @ weights
        for coefficient, pulled in zip(mix, own, strict=True):
            cross += pulled @ (weights * coefficient)
        out[beta, n_coef + k] = out[n_coef + k, beta] = cross
    out[shape, shape] = curvature.shape @ weights
    return out


def _variance(succession: Succession, chunk: Chunk, weights: Floats) -> Floats:
    """(K, K) variance of the sum of the columns taken, weighted over the cases; every term of it is positive."""
    most, n = succession.share.shape[1:]
    out = np.zeros((chunk.n_coef, chunk.n_coef))
    mean = np.zeros((chunk.n_coef, most + 1, n))  # state 0 takes nothing
    ones = np.ones((1, n))
    for s, (share, spread) in enumerate(zip(succession.share, succession.spread, strict=True)):
        row = chunk.pullback(slice(s, s + 1), ones)
        q = row[:, None] + mean[:, :-1] - mean[:, 1:]
        flat = q.reshape(chunk.n_coef, -1)
        out += (flat * (spread * weights).ravel()) @ flat.T
        mean[:, 1:] += share * q
    return out


def fitted(family: Family, chunk: Chunk, beta: Floats, shape: Floats) -> Floats:
    """(S, n) choice probabilities; where cases took several, the probabilities of being among those taken."""
    placement, v = chunk.placement, chunk.utilities(beta)
    if placement.picked is not None and isinstance(family, SetFamily):
        return family.inclusion(v, placement.available, placement.picked.sum(axis=0), shape)
    return family.probabilities(v, placement.available, shape)
