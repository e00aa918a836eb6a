"""The Jeffreys prior: half the log-determinant of the information, with its gradient and Hessian.

Firth (1993), Biometrika 80, 27-38: l*(theta) = l(theta) + 1/2 log det I(theta). In a multinomial or conditional logit
I = sum_i w_i sum_j P_ij (x_ij - m_i)(x_ij - m_i)' with m_i = sum_j P_ij x_ij, over the free coefficients.

In a nested logit the same I is taken at the nested model's probabilities: the information about the coefficients that a
multinomial logit with these probabilities would have. With every lambda 1 that is Firth's. The information about the
coefficients at given lambdas would not do: it grows like 1 / lambda^2 and would reward lambdas near zero. I as it
stands is bounded, and falls to zero, its logarithm to minus infinity, where the probabilities go to zero and one; so
infinite estimates of the coefficients are ruled out. The lambdas have no penalty of their own; they move I through the
probabilities.

Derivatives, for any family. Let A = I^-1 = L L', z_ij = L'(x_ij - m_i), h_ij = z_ij'z_ij and s_ij the score of case i
had it chosen j, in all free parameters, with Hessian H_ij. Then, from dP_ij = P_ij s_ij and sum_j P_ij z_ij = 0,
gradient = 1/2 sum_i w_i sum_j P_ij h_ij s_ij,
Hessian = 1/2 sum_i w_i [sum_j P_ij h_ij (s_ij s_ij' + H_ij) - 2 M_i'M_i] - 1/2 tr(B_a B_b),
with M_i = sum_j P_ij z_ij s_ij' and B_a = sum_i w_i sum_j P_ij s_ija z_ij z_ij'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.penalty_value import PenaltyValue
from relocchoice.engine.problem import Problem
from relocchoice.kernels.chain import contributions
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.protocol import Family
from relocchoice.spec.chunk import Chunk

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """A problem at some free parameters; K coefficients, L shapes, c of the q free parameters are coefficients.

    Attributes
    ----------
    beta : (K,); shape : (L,).
    pull : (K + L, q) derivative of coefficients and shapes in the free parameters.
    coefficients : (q,) which free parameters are coefficients.
    """

    problem: Problem
    beta: Floats
    shape: Floats
    pull: Floats
    coefficients: NDArray[np.bool_]

    def cases(self) -> list[Callable[[], _Cases]]:
        """The chunks, each made when it is asked for; a single one is made once, as it need not be given up again."""
        items = list(zip(self.problem.design.chunks, self.problem.families, strict=True))
        if len(items) == 1:
            only = self._cases(*items[0])
            return [lambda: only]
        return [partial(self._cases, *item) for item in items]

    def _cases(self, chunk: Chunk, family: Family) -> _Cases:
        p = family.probabilities(chunk.utilities(self.beta), chunk.placement.available, self.shape)
        weighted = p * self.problem.lane_weights[chunk.placement.cases]
        n_coef = self.problem.n_coef
        rows = _centred(chunk, self.pull[:n_coef][:, self.coefficients], p)
        return _Cases(chunk, family, weighted, rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Cases:
    """A chunk with its family; weighted probabilities w P (S, n), and centred columns x - m (c, S, n)."""

    chunk: Chunk
    family: Family
    weighted: Floats
    rows: Floats


def jeffreys(problem: Problem, free: Floats) -> PenaltyValue:
    q = len(free)
    point = _point(problem, free)
    nothing = PenaltyValue(0.0, np.zeros(q), np.zeros((q, q)))
    if not point.coefficients.any():
        return nothing
    chunks, total = point.cases(), problem.engine.map_reduce
    information = total(lambda cases: _information(cases()), chunks, np.add)
    scale = np.sqrt(np.diag(information))
    try:
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            return replace(nothing, value=-np.inf)
        lower = np.linalg.cholesky(information / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return replace(nothing, value=-np.inf)
    value = float(np.log(np.diag(lower)).sum() + np.log(scale).sum()) - _log_units(problem, point.coefficients)
    whiten = np.linalg.solve(lower, np.diag(1.0 / scale))
    c = len(scale)
    sums = total(lambda cases: _second_order(point, cases(), whiten), chunks, np.add)
    gradient, second, moved = np.split(sums, [q, q + q * q])
    moved = moved.reshape(q, c * c)
    hessian = 0.5 * (second.reshape(q, q) - moved @ moved.T)
    return PenaltyValue(value, 0.5 * gradient, (hessian + hessian.T) / 2)


def _point(problem: Problem, free: Floats) -> _Point:
    theta, n_coef = problem.internal(free), problem.n_coef
    shape = problem.shape_constant + problem.shape_matrix @ theta[n_coef:]
    pull = np.concatenate([problem.space.matrix[:n_coef], problem.shape_matrix @ problem.space.matrix[n_coef:]])
    return _Point(problem, theta[:n_coef], shape, pull, free_coefficients(problem))


def free_coefficients(problem: Problem) -> NDArray[np.bool_]:
    """(q,) which free parameters are coefficients and no shapes."""
    return np.abs(problem.space.matrix[problem.n_coef :]).sum(axis=0) == 0


def _log_units(problem: Problem, coefficients: NDArray[np.bool_]) -> float:
    """Log determinant of the map from the free coefficients of the chunks to the user's."""
    block = problem.space.restrict(problem.jacobian)[np.ix_(coefficients, coefficients)]
    return float(np.linalg.slogdet(block)[1])


def _centred(chunk: Chunk, directions: Floats, p: Floats) -> Floats:
    """(K, c) -> (c, S, n): columns in these directions less their mean under the probabilities."""
    bare = replace(chunk, offset=None)
    rows = np.stack([bare.utilities(direction) for direction in directions.T])
    rows -= np.einsum("csn,sn->cn", rows, p)[:, None]
    return rows


def _information(cases: _Cases) -> Floats:
    """(c, c); from centred columns, as a difference of moments loses all digits where the probabilities are 0 and 1."""
    flat = cases.rows.reshape(len(cases.rows), -1)
    return (flat * cases.weighted.ravel()) @ flat.T


def _second_order(point: _Point, cases: _Cases, whiten: Floats) -> Floats:
    """Twice the gradient (q,), the first half of the Hessian (q, q) and B (q, c, c), one after the other."""
    c, n_slots, n = cases.rows.shape
    q = point.pull.shape[1]
    z = np.tensordot(whiten, cases.rows, axes=1)
    h = np.einsum("csn,csn->sn", z, z)
    case_weights = point.problem.lane_weights[cases.chunk.placement.cases]
    scores, hessian = _had_they_chosen(point, cases, cases.weighted * h)
    by_row = (scores * cases.weighted).reshape(q, -1)
    flat_z, flat_h, flat_scores = z.reshape(c, -1), h.ravel(), scores.reshape(q, -1)
    second = hessian + (by_row * flat_h) @ flat_scores.T
    moved = np.empty((q, c, c))
    roots = np.sqrt(case_weights)
    for k, row in enumerate(flat_z):
        weighted = by_row * row
        moved[:, k] = weighted @ flat_z.T
        mean = weighted.reshape(q, n_slots, n).sum(axis=1)
        # w M'M from sums of w: one of the two weights is taken off again
        mean = np.divide(mean, roots, out=np.zeros_like(mean), where=roots > 0)
        second -= 2.0 * mean @ mean.T
    return np.concatenate([by_row @ flat_h, second.ravel(), moved.ravel()])


def _had_they_chosen(point: _Point, cases: _Cases, weights: Floats) -> tuple[Floats, Floats]:
    """Scores (q, S, n) of each case had it chosen each slot; sum of ``weights`` (S, n) times Hessians (q, q)."""
    q, (n_slots, n) = point.pull.shape[1], cases.weighted.shape
    if isinstance(cases.family, MultinomialLogit):
        scores = np.zeros((q, n_slots, n))
        scores[point.coefficients] = cases.rows
        flat = scores.reshape(q, -1)
        # the Hessian is minus the variance of the columns, whatever was chosen
        spread = cases.weighted * _ratio(weights.sum(axis=0), point.problem.lane_weights[cases.chunk.placement.cases])
        return scores, -(flat * spread.ravel()) @ flat.T
    return _one_slot_after_the_other(point, cases, weights)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _one_slot_after_the_other(point: _Point, cases: _Cases, weights: Floats) -> tuple[Floats, Floats]:
    chunk, placement = cases.chunk, cases.chunk.placement
    q, (n_slots, n) = point.pull.shape[1], weights.shape
    scores, hessian = np.zeros((q, n_slots, n)), np.zeros((q, q))
    for slot in range(n_slots):
        there = np.ones(n, dtype=bool) if placement.available is None else placement.available[slot]
        chosen = np.where(there, slot, placement.chosen)
        # rows differenced against another alternative than the chosen one are merely shifted
        moved = replace(chunk, placement=replace(placement, chosen=chosen), differenced=False)
        part = contributions(cases.family, moved, point.beta, point.shape, weights[slot], 2)
        assert part.scores is not None
        assert part.hessian is not None
        scores[:, slot] = point.pull.T @ np.where(there, part.scores, 0.0)
        hessian += point.pull.T @ part.hessian @ point.pull
    return scores, hessian
