"""The maximum of a log-likelihood under linear restrictions, and the likelihood-ratio test it makes.

With a penalised log-likelihood the restricted maximum keeps the whole model's penalty (Heinze & Schemper 2002,
Statistics in Medicine 21, 2409-2419). A restriction is kept by elimination: one free parameter in each is a function of
the others, so bounds on the others stay bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.penalty import Penalty, penalised
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import reference_information
from relocchoice.inference.hypotheses import LinearRestrictions, TestResult
from relocchoice.inference.tails import chi2_tail
from relocchoice.optimize.newton import Evaluation, maximise

Floats = NDArray[np.float64]
SAMPLING_WEIGHTS = (
    "profile intervals and likelihood-ratio tests are not valid with sampling weights: the weighted log-likelihood is "
    "not the log-likelihood of the sample; take conf_int() and wald_test() with cov_type='robust'"
)

RISE = 1e-6
_RANK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A log-likelihood, penalised or not, with its maximum; p parameters of the user, q free ones.

    Attributes
    ----------
    objective : value, gradient and Hessian at (q,) free parameters.
    free : (q,) where it is highest; top : its value there.
    lower, upper : (q,) bounds of the free parameters.
    constant, jacobian : (p,), (p, q): the user's parameters are constant + jacobian @ free.
    reference : (q, q) positive definite, the size of a normal curvature; None where it is not known.
    """

    objective: Callable[[Floats], Evaluation]
    free: Floats
    top: float
    lower: Floats
    upper: Floats
    constant: Floats
    jacobian: Floats
    reference: Floats | None = None


def surface(problem: Problem, free: Floats, penalty: Penalty | None = None) -> Surface:
    """The surface of a bound problem whose (penalised) log-likelihood is highest at (q,) ``free``."""
    objective = problem.evaluate if penalty is None else penalised(problem, penalty)
    return Surface(
        objective=objective,
        free=free,
        top=objective(free).value,
        lower=problem.space.lower,
        upper=problem.space.upper,
        constant=problem.to_user @ problem.space.constant,
        jacobian=problem.jacobian,
        reference=reference_information(problem),
    )


def likelihood_ratio(on: Surface, restrictions: LinearRestrictions) -> TestResult:
    """Twice the fall of the log-likelihood under linear restrictions; the penalty, if any, stays the full model's.

    Unlike Wald's test it applies where an estimate is infinite. Restrictions that repeat each other are counted once.

    Parameters
    ----------
    restrictions : on the user's p parameters.
    """
    matrix = restrictions.matrix @ on.jacobian
    targets = restrictions.targets - restrictions.matrix @ on.constant
    matrix = np.where(np.abs(matrix) > _RANK * np.abs(matrix).max(initial=0.0), matrix, 0.0)
    out = eliminate(matrix, targets, np.isinf(on.lower) & np.isinf(on.upper))
    if out is None:
        return _does_not_apply(restrictions.null, "the restrictions contradict each other or the fixed parameters")
    df = len(out.pivots)
    if df == 0:
        return _does_not_apply(restrictions.null, "nothing in it is estimated")
    fit = restricted_maximum(on, out, on.free)
    if fit is None:
        return _does_not_apply(restrictions.null, "no parameters within their bounds and domain fulfil it")
    if not fit.ended:
        return _does_not_apply(restrictions.null, "the search under the hypothesis did not end at a maximum")
    if fit.loglik > on.top + RISE * (1 + abs(on.top)):
        return _does_not_apply(restrictions.null, higher(on.top, fit.loglik))
    statistic = max(0.0, 2.0 * (on.top - fit.loglik))
    message = f"{len(matrix) - df} of {len(matrix)} restrictions repeat others" if df < len(matrix) else ""
    return TestResult(statistic, df, chi2_tail(statistic, df), restrictions.null, f"chi2({df})", message)


def _does_not_apply(null: str, message: str) -> TestResult:
    return TestResult(np.nan, 0, np.nan, null, "", f"the test does not apply: {message}")


def higher(top: float, found: float) -> str:
    return (
        f"under the restriction the log-likelihood is {found:.6f}, above the {top:.6f} of the estimates, which are "
        "therefore not the maximum; fit again with more starts"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """free = origin + basis @ free[kept]: r free parameters, the pivots, are functions of the others."""

    origin: Floats
    basis: Floats
    kept: NDArray[np.intp]
    pivots: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class RestrictedMaximum:
    """A restricted maximum: log-likelihood, (q,) free parameters, gradient and Hessian in all of them."""

    loglik: float
    free: Floats
    at: Evaluation
    ended: bool


def eliminate(matrix: Floats, targets: Floats, unbounded: NDArray[np.bool_]) -> Affine | None:
    """Solve matrix @ free = targets for as many free parameters as its rank, those without bounds first.

    None where there is no solution.
    """
    q = matrix.shape[1]
    size = np.abs(matrix).max(axis=1, initial=0.0)
    size = np.where(size > 0, size, 1.0)
    left, right = matrix / size[:, None], targets / size
    largest = 1.0 + np.abs(right).max(initial=0.0)
    pivots, rows = np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    open_rows = np.ones(len(left), dtype=bool)
    for columns in (unbounded, ~unbounded):
        while True:
            entries = np.abs(left) * open_rows[:, None] * columns
            if not entries.size or entries.max() <= _RANK:
                break
            row, column = np.unravel_index(int(entries.argmax()), entries.shape)
            right[row], left[row] = right[row] / left[row, column], left[row] / left[row, column]
            others = np.arange(len(left)) != row
            factor = left[others, column].copy()
            left[others] -= factor[:, None] * left[row]
            right[others] -= factor * right[row]
            open_rows[row] = False
            pivots, rows = np.append(pivots, column), np.append(rows, row)
    if np.any(np.abs(right[open_rows]) > 1e-8 * largest):
        return None
    kept = np.setdiff1d(np.arange(q), pivots)
    origin, basis = np.zeros(q), np.zeros((q, len(kept)))
    basis[kept, np.arange(len(kept))] = 1.0
    origin[pivots], basis[pivots] = right[rows], -left[np.ix_(rows, kept)]
    return Affine(origin, basis, kept, pivots)


@dataclass(frozen=True, slots=True, eq=False)
class _Reduced:
    """The objective in the parameters that are left; ``whole`` is the evaluation in all of them."""

    value: float
    gradient: Floats
    hessian: Floats
    whole: Evaluation = field(repr=False)


def restricted_maximum(on: Surface, affine: Affine, guess: Floats) -> RestrictedMaximum | None:
    """The maximum under a restriction, from a guess; None where the objective is not finite at the start."""
    basis, pivots = affine.basis, affine.pivots
    room = 1e-9 * (1.0 + np.abs(affine.origin[pivots]))

    def objective(left: Floats) -> _Reduced:
        free = affine.origin + basis @ left
        whole = on.objective(free)
        inside = np.all((free[pivots] >= on.lower[pivots] - room) & (free[pivots] <= on.upper[pivots] + room))
        value = whole.value if inside else -np.inf
        return _Reduced(value, basis.T @ whole.gradient, basis.T @ whole.hessian @ basis, whole)

    lower, upper = on.lower[affine.kept], on.upper[affine.kept]
    reference = None if on.reference is None else basis.T @ on.reference @ basis
    try:
        found = maximise(
            objective, np.clip(guess[affine.kept], lower, upper), lower, upper, reference=reference, tolerance=1e-8
        )
    except ValueError:
        return None
    ended = found.status in ("maximum", "flat")
    return RestrictedMaximum(found.evaluation.value, affine.origin + basis @ found.x, found.evaluation.whole, ended)
