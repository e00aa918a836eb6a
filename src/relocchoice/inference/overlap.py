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
from relocchoice.engine.starts import null_point, sample_of, without_shapes
from relocchoice.optimize.newton import maximise

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
ROUNDS = 15
NEAR = 1e-3  # standard errors; a search ends far below it, as the last step is quadratic
LEAST = 1e-6  # eigenvalue of M in the columns' sizes: rounding of the score, 1e-15 of its terms, then moves no weight
MOST_MOVED = 0.5


def overlap_shown(problem: Problem, free: Ints) -> Floats | None:
    """Where some of the cases, or all, prove that no direction separates choices.

    Parameters
    ----------
    free : positions of the free parameters that directions move.

    Returns
    -------
    (q,) free parameters near the maximum of the multinomial logit on those cases, without weights, offset and fixed
    coefficients; None is no proof of anything.
    """
    if not problem.laid_out or not len(free):
        return None
    plain = without_shapes(bare_problem(problem))
    plain = replace(plain, weights=(plain.lane_weights > 0).astype(float), lane_of=None)
    sample = sample_of(plain)
    shown = None if sample is None else _balance(sample, free)
    return _balance(plain, free) if shown is None else shown


def _balance(problem: Problem, free: Ints) -> Floats | None:
    """Where the shares balance, near the maximum; None where they do not, or there is none."""
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
