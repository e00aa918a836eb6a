"""The ordered logit's likelihood, in coefficients b and cut points c_1 < ... < c_(K-1): value, gradient and Hessian.

P(level k) = F(u) - F(l) with F logistic, u = c_k - x'b, l = c_(k-1) - x'b, c_0 and c_K infinite; levels from the lowest
(McCullagh 1980, Journal of the Royal Statistical Society B 42, 109-142). It is computed as F(u) F(-l) (1 - exp(l - u)),
which keeps its digits in both tails. Its logarithm is concave in (b, c) (Pratt 1981, Journal of the American
Statistical Association 76, 103-106), so Newton's method with halved steps reaches the one maximum, where it is finite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]

_DONE = 1e-10
_HALVINGS = 60
_SEPARATED = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """n rows that count: covariates, level and count.

    Attributes
    ----------
    upper, lower : (n, p) u and l as linear functions of (b, c); a row of zeros where the end is infinite.
    top, bottom : (n,) whether the level is the highest, the lowest.
    counts : (n,) positive.
    """

    upper: Floats
    lower: Floats
    top: NDArray[np.bool_]
    bottom: NDArray[np.bool_]
    counts: Floats

    @classmethod
    def of(cls, x: Floats, level: NDArray[np.intp], n_levels: int, counts: Floats) -> Cells:
        """From (n, q) covariates, (n,) levels from 0, the lowest, and (n,) counts; equal rows are added up."""
        rows, place = np.unique(np.column_stack([x, level]), axis=0, return_inverse=True)
        counts = np.bincount(place.ravel(), weights=counts, minlength=len(rows)).astype(np.float64)
        x, level = rows[:, :-1], rows[:, -1].astype(np.intp)
        bounds = np.vstack([np.zeros(n_levels - 1), np.eye(n_levels - 1), np.zeros(n_levels - 1)])
        top, bottom = level == n_levels - 1, level == 0
        upper = np.hstack([np.where(top[:, None], 0.0, -x), bounds[level + 1]])
        lower = np.hstack([np.where(bottom[:, None], 0.0, -x), bounds[level]])
        return cls(upper, lower, top, bottom, counts)


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Log-likelihood (minus infinity where the cut points are not in order), gradient (p,) and Hessian (p, p)."""

    loglik: float
    gradient: Floats
    hessian: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where the search ended.

    Attributes
    ----------
    theta : (p,) coefficients, then cut points.
    point : there.
    iterations : Newton steps taken.
    distance : length of the next Newton step in standard errors.
    converged : whether that is below 1e-8.
    """

    theta: Floats
    point: Point
    iterations: int
    distance: float
    converged: bool


def evaluate(cells: Cells, theta: Floats) -> Point:
    """Log-likelihood with both derivatives."""
    u = np.where(cells.top, np.inf, cells.upper @ theta)
    low = np.where(cells.bottom, -np.inf, cells.lower @ theta)
    p = len(theta)
    gap = u - low
    if not np.all(gap > 0):
        return Point(-np.inf, np.zeros(p), np.zeros((p, p)))
    loglik = float(cells.counts @ (log_expit(u) + log_expit(-low) + np.log(-np.expm1(-gap))))
    with np.errstate(over="ignore"):  # two cut points far apart: the bound between them no longer matters
        between = 1.0 / np.expm1(gap)
    first_u, first_l = expit(-u) + between, -expit(low) - between
    cross = between * (1.0 + between)
    second_u, second_l = -expit(u) * expit(-u) - cross, -expit(low) * expit(-low) - cross
    w, upper, lower = cells.counts, cells.upper, cells.lower
    mixed = upper.T @ ((w * cross)[:, None] * lower)
    hessian = upper.T @ ((w * second_u)[:, None] * upper) + lower.T @ ((w * second_l)[:, None] * lower)
    return Point(loglik, upper.T @ (w * first_u) + lower.T @ (w * first_l), hessian + mixed + mixed.T)


def maximise(cells: Cells, start: Floats, max_iterations: int) -> Maximum:
    """Newton's method; a step is halved until the log-likelihood does not fall."""
    theta: Floats = start
    point = evaluate(cells, start)
    taken = 0
    for _ in range(max_iterations):
        step = _newton_step(point)
        if _length(step, point) < _DONE:
            break
        theta, found = _halved(cells, theta, point, step)
        taken += 1
        if found is point:
            break
        point = found
    distance = _length(_newton_step(point), point)
    return Maximum(theta, point, taken, distance, distance < 1e-8)


def _newton_step(point: Point) -> Floats:
    return np.asarray(np.linalg.solve(-point.hessian, point.gradient), dtype=np.float64)


def _length(step: Floats, point: Point) -> float:
    """Length of a Newton step in standard errors."""
    return math.sqrt(max(float(step @ point.gradient), 0.0))


def _halved(cells: Cells, theta: Floats, point: Point, step: Floats) -> tuple[Floats, Point]:
    size = 1.0
    slack = 1e-13 * abs(point.loglik)  # rounding at the maximum
    for _ in range(_HALVINGS):
        moved = theta + size * step
        found = evaluate(cells, moved)
        if found.loglik >= point.loglik - slack:
            return moved, found
        size *= 0.5
    return theta, point


def start_values(level: NDArray[np.intp], counts: Floats, n_levels: int, n_columns: int) -> Floats:
    """Zero coefficients and the cut points of the shares of the levels, each of which must have been counted."""
    total = np.bincount(level, weights=counts, minlength=n_levels)
    below = np.cumsum(total)[:-1] / total.sum()
    return np.append(np.zeros(n_columns), np.log(below) - np.log1p(-below))


def diverging(cells: Cells) -> Floats | None:
    """A direction (p,) along which the likelihood rises for ever, or None where the maximum is finite.

    The likelihood of a cell does not fall along d when its upper end does not, and its lower end does not rise; it
    rises for ever when one of them moves. The linear programme finds all the cells that some such direction moves; an
    element is NaN where it is zero in this direction though the parameter has no finite estimate either.
    """
    from scipy.optimize import linprog  # slow to import

    rows = np.unique(np.vstack([cells.upper[~cells.top], -cells.lower[~cells.bottom]]), axis=0)
    scale = np.abs(rows).max(axis=0)
    rows = rows / scale
    m, p = rows.shape
    solved = linprog(
        np.append(np.zeros(p), -np.ones(m)),
        A_ub=np.hstack([-rows, np.eye(m)]),
        b_ub=np.zeros(m),
        bounds=[(None, None)] * p + [(0.0, 1.0)] * m,
        method="highs",
    )
    if solved.x is None:  # zero is always feasible, so this is the solver's failure
        raise RuntimeError(f"the linear programme of the separation check failed: {solved.message}")
    found = np.asarray(solved.x)
    moves = found[p:] > _SEPARATED
    if not moves.any():
        return None
    direction = np.where(np.abs(found[:p]) < _SEPARATED, 0.0, found[:p] / scale)
    fixed = rows[~moves]
    # finite are the parameters that the cells which stay settle: the rows of the identity in the span of their rows
    span = np.linalg.pinv(fixed) @ fixed if len(fixed) else np.zeros((p, p))
    settled = np.abs(span - np.eye(p)).max(axis=1) < _SEPARATED
    return np.where(settled, 0.0, np.where(direction == 0.0, np.nan, direction))
