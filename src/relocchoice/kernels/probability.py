"""Probabilities with their derivatives in coefficients and shapes, for any family, from its log-likelihood alone.

With s, H the first and second derivatives of log P_j in the utilities V, and t, C those in the shapes and across,

    dP_j / dV = P_j s,     d(P_j s_k) / dV = P_j (s_k s + H e_k),     d(P_j s_k) / dshape = P_j (s_k t + C' e_k),

so ``Family.local`` with ``chosen = j`` is all that is asked; a family that is a tree has a shorter way there
(:mod:`relocchoice.kernels.branch_sums`). A *probe* d is a derivative of columns in a variable, one value a slot; what
is summed over the cases is E_jk = sum_i w_i P_ij s_ijk d_ik and its gradient. H is used as structure (diagonal and rank
vectors), pulled to the coefficients once, so no case ever holds slots x slots x coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.branch_sums import add_cases, combined, layout_of, tree_point, tree_sums
from relocchoice.kernels.branches import Branching
from relocchoice.kernels.protocol import Curvature, Family, Floats, Local, SlotVector
from relocchoice.spec.chunk import Chunk

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilitySums:
    """Weighted sums over the cases of each group; G groups, S slots, V probes, q coefficients and shapes.

    Attributes
    ----------
    both : (G, S, S) weights of the cases that may choose both alternatives.
    level : (G, S) of P_j; level_gradient : (G, S, q).
    effect : (V, G, S, S) of P_j s_k d_k (of s_k d_k where logarithms were asked for).
    effect_gradient : (V, G, S, S, q). Gradients are empty where none were asked for.
    """

    both: Floats
    level: Floats
    level_gradient: Floats
    effect: Floats
    effect_gradient: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """A chunk with (n,) weights, (n,) codes of the groups of its cases, and V probes (S, n), None for one of ones."""

    chunk: Chunk
    weights: Floats
    groups: Ints
    probes: Sequence[Floats | None] = ()


def probability_sums(
    family: Family,
    parts: Sequence[Cases],
    beta: Floats,
    shape: Floats,
    n_groups: int,
    *,
    of_log: bool = False,
    gradient: bool = True,
) -> ProbabilitySums:
    """The sums over the cases of chunks whose slots hold the same alternatives, one each.

    Parameters
    ----------
    family : placed on these slots; beta : (K,); shape : (L,).
    parts : at least one; their groups are codes below ``n_groups``.
    of_log : differentiate log P_j in place of P_j.
    """
    n_slots, q = len(parts[0].chunk.placement.rows), (parts[0].chunk.n_coef + len(shape)) if gradient else 0
    n_probes = len(parts[0].probes)
    both = sum((_both(part, n_groups) for part in parts), start=np.zeros((n_groups, n_slots, n_slots)))
    if isinstance(family, Branching):
        return _of_tree(family, parts, beta, shape, both, n_probes, q, of_log)
    sums = ProbabilitySums(
        both=both,
        level=np.zeros((n_groups, n_slots)),
        level_gradient=np.zeros((n_groups, n_slots, q)),
        effect=np.zeros((n_probes, n_groups, n_slots, n_slots)),
        effect_gradient=np.zeros((n_probes, n_groups, n_slots, n_slots, q)),
    )
    for part in parts:
        _add_any(sums, family, part, beta, shape, of_log)
    return sums


def _both(part: Cases, n_groups: int) -> Floats:
    by_group, there = _Parts(part.weights, part.groups, n_groups), part.chunk.placement.available
    if there is None:
        return by_group.total(part.weights[None])[:, :, None]
    return by_group.each(there * part.weights, there.astype(float))


def _of_tree(
    family: Branching,
    parts: Sequence[Cases],
    beta: Floats,
    shape: Floats,
    both: Floats,
    n_probes: int,
    q: int,
    of_log: bool,
) -> ProbabilitySums:
    """The sums of a family that is a tree."""
    sums, layout = None, layout_of(parts[0].chunk)
    for part in parts:
        available = part.chunk.placement.available
        there = None if available is None else available.astype(float)
        up, point = tree_point(family, part.chunk, layout, beta, shape, q > 0)
        if sums is None:
            sums = tree_sums(up.tree, len(both), n_probes, q)
        if len(both) == 1:
            add_cases(sums, up.tree, point, there, part.weights, part.probes, of_log, 0)
            continue
        for group in np.unique(part.groups):
            here = np.flatnonzero(part.groups == group)
            add_cases(
                sums,
                up.tree,
                point.at(here),
                None if there is None else there[:, here],
                part.weights[here],
                [None if probe is None else probe[:, here] for probe in part.probes],
                of_log,
                int(group),
            )
    assert sums is not None
    whole = combined(sums, up)
    return ProbabilitySums(both, sums.level, sums.level_slope, whole.effect, whole.effect_slope)


def _add_any(sums: ProbabilitySums, family: Family, part: Cases, beta: Floats, shape: Floats, of_log: bool) -> None:
    """The sums of any family, one alternative after the other."""
    chunk, weights, gradient = part.chunk, part.weights, sums.level_gradient.shape[-1] > 0
    v, available, parts = chunk.utilities(beta), chunk.placement.available, _Parts(weights, part.groups, len(sums.both))
    there = np.ones(v.shape) if available is None else available.astype(float)
    fallback = np.zeros(v.shape[1], dtype=np.intp) if available is None else available.argmax(axis=0)
    pulled = _Pulled(chunk)
    for j in range(len(v)):
        open_ = there[j] > 0
        chosen = np.where(open_, j, fallback).astype(np.intp)
        local = family.local(v, available, chosen, shape, 2 if gradient and part.probes else 1)
        assert local.dv is not None
        mass = weights * there[j] * np.exp(np.where(open_, local.loglik, -np.inf))
        sums.level[:, j] += parts.total(mass[None])[:, 0]
        if gradient:
            scores = pulled.scores(local, np.array([j]) if available is None else np.unique(chosen))
            sums.level_gradient[:, j] += parts.each(mass[None], scores)[:, 0]
        factor = weights * there[j] if of_log else mass
        for d, probe in enumerate(part.probes):
            moved = factor * there if probe is None else factor * probe * there
            sums.effect[d, :, j] += parts.total(moved * local.dv)
            if gradient:
                out = pulled.curved(local, moved, parts)
                if not of_log:
                    out += parts.each(moved * local.dv, scores)
                sums.effect_gradient[d, :, j] += out


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Sums by group."""

    weights: Floats
    groups: Ints
    n_groups: int

    def total(self, values: Floats) -> Floats:
        """(B, n) -> (G, B)."""
        if self.n_groups == 1:
            return values.sum(axis=1)[None]
        return np.stack([np.bincount(self.groups, weights=row, minlength=self.n_groups) for row in values], axis=1)

    def each(self, left: Floats, right: Floats) -> Floats:
        """(B, n), (K, n) -> (G, B, K) sums of products."""
        if self.n_groups == 1:
            return (left @ right.T)[None]
        out = np.zeros((self.n_groups, len(left), len(right)))
        for g in np.unique(self.groups):
            here = np.flatnonzero(self.groups == g)
            out[g] = left[:, here] @ right[:, here].T
        return out

    def by_slot(self, chunk: Chunk, g: Floats) -> Floats:
        """(S, n) -> (G, S, K): X_s' g_s of each slot."""
        if self.n_groups == 1:
            return _slot_sums(chunk, g)[None]
        out = np.zeros((self.n_groups, len(g), chunk.n_coef))
        for group in np.unique(self.groups):
            out[group] = _slot_sums(chunk, np.where(self.groups == group, g, 0.0))
        return out


class _Pulled:
    """Rank vectors of a chunk's families pulled to the coefficients; they seldom depend on the chosen alternative."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._own: list[tuple[SlotVector, Floats]] = []

    def own(self, curvature: Curvature) -> list[Floats]:
        """(K, n) of each vector's own part."""
        if len(self._own) != len(curvature.vectors):
            self._own = []
        kept = []
        for r, vector in enumerate(curvature.vectors):
            known = self._own[r] if self._own else None
            if known is None or not _same(known[0], vector.own):
                known = (vector.own, self._chunk.pullback(vector.own.slots, vector.own.values))
            kept.append(known)
        self._own = kept
        return [pulled for _, pulled in kept]

    def scores(self, local: Local, used: Ints) -> Floats:
        """(q, n) derivatives of log P_chosen in coefficients and shapes; ``used`` holds the slots that are chosen."""
        assert local.dv is not None
        assert local.dshape is not None
        curvature = local.curvature
        if curvature is None:
            return np.concatenate([self._chunk.pullback(slice(None), local.dv), local.dshape])
        rest = local.dv.copy()
        for mix, vector in zip(curvature.gradient_mix, curvature.vectors, strict=True):
            rest[vector.own.slots] -= mix * vector.own.values
        # what the rank vectors leave stands on the chosen slots alone
        out = self._chunk.pullback(used, rest[used])
        for mix, pulled in zip(curvature.gradient_mix, self.own(curvature), strict=True):
            out += mix * pulled
        return np.concatenate([out, local.dshape])

    def curved(self, local: Local, moved: Floats, parts: _Parts) -> Floats:
        """(G, S, q) sums of moved_k (X' H e_k, C' e_k) of each slot k."""
        curvature, chunk = local.curvature, self._chunk
        assert curvature is not None
        n_coef, n_shape = chunk.n_coef, len(curvature.shape)
        out = np.zeros((parts.n_groups, len(moved), n_coef + n_shape))
        out[:, :, :n_coef] = parts.by_slot(chunk, moved * curvature.diagonal(len(moved)))
        dense: list[Floats] = []
        whole: list[Floats] = []
        for vector, own, weight in zip(curvature.vectors, self.own(curvature), curvature.weights, strict=True):
            full, pulled = _dense(vector.own, moved.shape), own
            for child, coefficient in vector.mix:
                full += coefficient * dense[child]
                pulled = pulled + coefficient * whole[child]
            dense.append(full)
            whole.append(pulled)
            out[:, :, :n_coef] += parts.each(moved * (weight * full), pulled)
        for k, (mix, extra) in enumerate(zip(curvature.cross, curvature.extra, strict=True)):
            across = _dense(extra, moved.shape)
            for coefficient, vector in zip(mix, curvature.vectors, strict=True):
                across[vector.own.slots] += coefficient * vector.own.values
            out[:, :, n_coef + k] = parts.total(moved * across)
        return out


def _same(one: SlotVector, other: SlotVector) -> bool:
    return one.values.shape == other.values.shape and bool(np.array_equal(one.values, other.values))


def _dense(vector: SlotVector, shape: tuple[int, ...]) -> Floats:
    out = np.zeros(shape)
    out[vector.slots] = vector.values
    return out


def _slot_sums(chunk: Chunk, g: Floats) -> Floats:
    """(S, n) -> (S, K): the sum over the cases of each slot's columns times g."""
    out = np.zeros((len(g), chunk.n_coef))
    if len(chunk.generic_coef):
        out[:, chunk.generic_coef] += np.matmul(chunk.generic.transpose(1, 0, 2), g[:, :, None])[:, :, 0]
    if len(chunk.zone):
        out[:, chunk.zone_coef] += (chunk.zone * g.sum(axis=1)).T
    for coef, values in zip(chunk.pool_coef, chunk.pool, strict=True):
        here = np.flatnonzero(coef >= 0)
        np.add.at(out, (here, coef[here]), g[here] @ values)
    for coef, own in zip(chunk.own_coef, chunk.own, strict=True):
        here = np.flatnonzero(coef >= 0)
        np.add.at(out, (here, coef[here]), np.einsum("sn,sn->s", g[here], own[here]))
    return out
