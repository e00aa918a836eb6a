"""Overlap shown by a multinomial logit: near its maximum the shares are weights that balance the rows of the data.

A row a_r is what the chosen alternative of a case has more of than another one, w_r the other one's probability. The
score is g = sum_r w_r a_r and M = sum_r w_r a_r a_r' the outer products less the Hessian. With s = M^-1 g the weights
w_r (1 - a_r's) bring the rows to zero exactly, and where all a_r's are below one and M is definite no direction of the
coefficients lets a chosen alternative gain and none lose: it would gain on a row of positive weight (Stiemke 1915).
Rows of some cases prove it for all, because more rows only leave fewer directions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.engine.search import bare_problem
from relocchoice.engine.starts import EVERY, null_point, without_shapes
from relocchoice.optimize.newton import maximise
from relocchoice.spec.chunk import Chunk

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
ROUNDS = 15
NEAR = 1e-3  # standard errors; a search ends far below it, as the last step is quadratic
LEAST = 1e-6  # eigenvalue of M in the columns' sizes: rounding of the score, 1e-15 of its terms, then moves no weight
MOST_MOVED = 0.5


def overlap_shown(problem: Problem, free: Ints, group: Ints | None = None) -> Floats | None:
    """Where some of the cases, or all, prove that no direction separates choices.

    Parameters
    ----------
    free : positions of the free parameters that directions move.
    group : (J,) of each alternative, -1 for none: only alternatives of the chosen one's group are compared, and only
        coefficients that differ within a group are moved. None: all.

    Returns
    -------
    (q,) free parameters near the maximum of the multinomial logit on those cases, without weights, offset and fixed
    coefficients; None is no proof of anything.
    """
    if not problem.laid_out:
        return None
    plain = without_shapes(bare_problem(problem))
    plain = replace(plain, weights=(plain.lane_weights > 0).astype(float), lane_of=None)
    shown = None
    if len(plain.design.chunks) >= 2 * EVERY:
        shown = _balance(_every(plain, slice(EVERY // 2, None, EVERY)), free, group)
    return _balance(plain, free, group) if shown is None else shown


def _balance(problem: Problem, free: Ints, group: Ints | None) -> Floats | None:
    """Where the shares balance, near the maximum; None where they do not, or there is none."""
    if group is not None:
        problem, free = _within(problem, group), _moving(problem, free, group)
    if not len(free):
        return None
    null = null_point(problem)

    def evaluate(moved: Floats) -> Evaluation:
        point = null.copy()
        point[free] = moved
        return problem.evaluate(point).among(free)

    at_zero, anywhere = evaluate(null[free]), np.full(len(free), np.inf)
    size = np.sqrt(np.maximum(np.diag(at_zero.opg - at_zero.hessian), 0.0))
    if not (size > 0).all():
        return None
    found = maximise(evaluate, null[free], -anywhere, anywhere, max_iterations=ROUNDS, tolerance=NEAR, at_start=at_zero)
    # at zero every probability is at least one in so many: no row exceeds this many sizes of its columns
    largest = float(max(len(chunk.placement.rows) for chunk in problem.design.chunks)) ** 0.5
    if largest * _moved_weights(found.evaluation, size) > MOST_MOVED:
        return None
    null[free] = found.x
    return null


def _moved_weights(at: Evaluation, size: Floats) -> float:
    """The sum of |s| in units of the columns' sizes: how much the weights change that balance the rows, at most."""
    values, vectors = np.linalg.eigh((at.opg - at.hessian) / np.outer(size, size))
    if values[0] < LEAST:
        return np.inf
    return float(np.abs(vectors @ (vectors.T @ (at.gradient / size) / values)).sum())


def _every(problem: Problem, some: slice) -> Problem:
    design = replace(problem.design, chunks=problem.design.chunks[some])
    return replace(problem, design=design, families=problem.families[some])


def _within(problem: Problem, group: Ints) -> Problem:
    """The same with the choice within the chosen alternative's group alone; other cases have weight zero."""
    chunks, weights = [], problem.weights.copy()
    for chunk in problem.design.chunks:
        place = chunk.placement
        groups = _groups(chunk, group)
        own = groups[place.chosen, np.arange(chunk.n_cases)]
        there = (groups == own) | (own < 0)
        weights[place.cases[own < 0]] = 0.0
        available = there if place.available is None else there & place.available
        chunks.append(replace(chunk, placement=replace(place, available=np.ascontiguousarray(available))))
    return replace(problem, design=replace(problem.design, chunks=tuple(chunks)), weights=weights)


def _moving(problem: Problem, free: Ints, group: Ints) -> Ints:
    """Those of the free parameters that columns of alternatives in a group have."""
    used = np.zeros(problem.n_coef, dtype=bool)
    for chunk in problem.design.chunks:
        used[chunk.generic_coef] = used[chunk.zone_coef] = True
        here = (_groups(chunk, group) >= 0).any(axis=1)
        for coef in (chunk.pool_coef[:, here], chunk.own_coef[:, here]):
            used[coef[coef >= 0]] = True
    moved = np.abs(problem.space.matrix[: problem.n_coef, free])[used].sum(axis=0) > 0
    return free[moved]


def _groups(chunk: Chunk, group: Ints) -> Ints:
    """(S, n) group of the alternative in each slot."""
    place = chunk.placement
    alternative = place.alternative if place.alternative.ndim == 2 else place.alternative[:, None]
    return np.broadcast_to(group[alternative], place.rows.shape)
