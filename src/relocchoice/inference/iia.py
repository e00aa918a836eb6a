"""Independence from irrelevant alternatives: estimates from all alternatives against those from some of them.

The difference D of the two estimates has the influence psi_i = A_s^-1 s_i(subset) - A_f^-1 s_i(full) of each case, with
the first term zero for cases that chose outside the subset; its covariance is sum psi psi'. The test of Hausman &
McFadden (1984, Econometrica 52, 1219-1240) takes V_s - V_f instead, which need not be positive in a sample, so that
the statistic may be negative. With the stacked covariance, an outer product, it cannot be (White 1982, Econometrica
50, 1-25).

Small & Hsiao (1985, International Economic Review 26, 619-627): halves A and B of the sample, t_AB = t_A / sqrt(2) +
(1 - 1 / sqrt(2)) t_B; S = 2 [L(t_Bs) - L(t_AB)] with L the log-likelihood of the subset's cases in B, highest at
t_Bs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.engine.search import reference_of
from relocchoice.inference.hypotheses import TestResult
from relocchoice.inference.tails import chi2_tail
from relocchoice.optimize.newton import maximise

Floats = NDArray[np.float64]
NO_SPREAD = 1e-8
DEAD = 1e-13
COLLINEAR = 1e-10
ENDS = {
    "flat": "the choices do not identify it",
    "stalled": "the search stalled",
    "iteration limit": "the search took too long",
}


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """The part of q free parameters that a problem's design can tell.

    Attributes
    ----------
    basis : (q, r) of the directions that move some probability, orthonormal in the columns' scale.
    coordinates : (r, q) free parameters -> their coordinates along ``basis``.
    lost : (q,) parameters whose own column is dead; mixed : (q,) those that only combinations tell.
    """

    basis: Floats
    coordinates: Floats
    lost: NDArray[np.bool_]
    mixed: NDArray[np.bool_]


def identified(problem: Problem) -> Identified:
    """What the design of a problem can tell, whatever was chosen."""
    reference = reference_of(problem)
    information, sizes = reference.information, reference.sizes
    diagonal = np.diag(information)
    live = (diagonal > DEAD * np.where(sizes > 0, sizes, 1.0)) & (diagonal > 0)
    scale = np.sqrt(np.where(live, diagonal, 1.0))
    scaled = information / np.outer(scale, scale)
    scaled[~live] = scaled[:, ~live] = 0.0
    values, axes = np.linalg.eigh(scaled)
    kept = values > COLLINEAR
    null = np.where(np.abs(axes[:, ~kept]) > 1e-7, axes[:, ~kept], 0.0)
    mixed = live & null.any(axis=1)
    return Identified(axes[:, kept] / scale[:, None], axes[:, kept].T * scale, ~live, mixed)


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """A maximum along some directions: r coordinates, Hessian (r, r), log-likelihood; or why there is none."""

    at: Floats
    free: Floats
    hessian: Floats
    value: float
    failed: str = ""


def maximum_along(problem: Problem, basis: Floats) -> Along:
    """The maximum of a concave log-likelihood over free = basis @ x, from zero."""
    r = basis.shape[1]

    def objective(x: Floats) -> Evaluation:
        at = problem.evaluate(basis @ x)
        return Evaluation(at.value, basis.T @ at.gradient, basis.T @ at.hessian @ basis, at.opg, at.opg_squared)

    open_ended = np.full(r, np.inf)
    found = maximise(objective, np.zeros(r), -open_ended, open_ended, reference=np.eye(r))
    failed = "" if found.status == "maximum" else ENDS[found.status]
    if not failed and np.linalg.eigvalsh(-found.evaluation.hessian)[0] <= 1e-9:
        failed = "an estimate is infinite"
    return Along(found.x, basis @ found.x, found.evaluation.hessian, found.evaluation.value, failed)


def contrast(gap: Floats, influence: Floats, spread: Floats, null: str) -> TestResult:
    """The quadratic form of a difference in the outer product of its influences; never negative.

    Parameters
    ----------
    gap : (r,); influence : (m, r) of independent units; spread : (r,) standard errors, against which a difference
        without variance is measured.
    """
    unit = np.where(spread > 0, spread, 1.0)
    scaled = influence / unit
    roots, axes = np.linalg.eigh(scaled.T @ scaled)
    kept = roots > NO_SPREAD
    df = int(kept.sum())
    if not df:
        return TestResult(np.nan, 0, np.nan, null, "", "does not apply: both estimates agree by construction")
    if df >= len(influence):
        reason = f"{len(influence)} independent units cannot test {df} differences together"
        return TestResult(np.nan, 0, np.nan, null, "", f"does not apply: {reason}")
    statistic = float(np.sum((axes.T @ (gap / unit))[kept] ** 2 / roots[kept]))
    return TestResult(statistic, df, chi2_tail(statistic, df), null, f"chi2({df})")


def naive(gap: Floats, subset: Floats, full: Floats) -> str:
    """The statistic with the difference of the two covariances, in words."""
    difference = subset - full
    size = np.sqrt(np.maximum(np.diag(subset), np.finfo(float).tiny))
    scaled = difference / np.outer(size, size)
    roots, axes = np.linalg.eigh((scaled + scaled.T) / 2)
    kept = np.abs(roots) > NO_SPREAD
    statistic = float(np.sum((axes.T @ (gap / size))[kept] ** 2 / roots[kept]))
    words = f"the uncorrected statistic is {statistic:.6g}"
    if not (roots[kept] > 0).all():
        return f"{words}, from a difference of covariances that is not positive definite"
    return f"{words}, p = {chi2_tail(statistic, int(kept.sum())):.4g}"


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """(n,) weights of the two halves of a sample."""

    first: Floats
    second: Floats


def halves(weights: Floats, seed: int) -> Halves:
    """Split choices at random into halves; of a case with a frequency some choices go to each."""
    counts = np.round(weights).astype(np.int64)
    rng = np.random.default_rng(seed)
    first = rng.multivariate_hypergeometric(counts, int(counts.sum()) // 2, method="marginals")
    return Halves(first.astype(float), (counts - first).astype(float))
