"""White's information-matrix test: do the outer product of the scores and the Hessian agree?

Where the model holds, s_ik^2 + d2 loglik_i / dtheta_k^2 has mean zero for every parameter k (White 1982, Econometrica
50, 1-25). With D their sums at the estimates, the test is D' V^-1 D. ``"opg"`` takes V from the regression of ones on
the indicators and the scores (Chesher 1983, Economics Letters 13; Lancaster 1984, Econometrica 52), which rejects far
too often in samples of usual size; ``"efficient"`` takes every expectation in V under the fitted model, given the
columns (Orme 1990, Journal of Econometrics 46), exactly, as a choice has only as many outcomes as alternatives.

The indicators are not invariant to a linear change of the parameters. These are of the problem's own free parameters,
whose columns are centred (:mod:`relocchoice.spec.centre`): the origin of a column then does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Problem
from relocchoice.inference.alternatives import WhatIf, chunk_what_if
from relocchoice.inference.hypotheses import TestResult
from relocchoice.inference.tails import chi2_tail

Floats = NDArray[np.float64]
NO_SPREAD = 1e-8
STEP = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Indicators:
    """Sums over the cases, with r indicators and q scores.

    Attributes
    ----------
    total : (r,) of the indicators.
    second : (r + q, r + q) of the products of indicators and scores: observed, or expected under the model.
    """

    total: Floats
    second: Floats


def indicators(problem: Problem, free: Floats, tested: NDArray[np.intp], scale: Floats, expected: bool) -> Indicators:
    """The indicators of some parameters.

    Parameters
    ----------
    free : (q,) estimates; scale : (q,) their standard errors, the unit of the numeric second derivatives.
    tested : (r,) positions of the parameters.
    expected : products under the model instead of those observed.
    """
    r, q = len(tested), len(free)
    total, second = np.zeros(r), np.zeros((r + q, r + q))
    for position in range(len(problem.design.chunks)):
        part = chunk_what_if(problem, position, free)
        curvature = _curvature(problem, position, free, tested, scale)
        # (S, r + q, n): indicators above scores, in units of the standard errors
        both = np.concatenate([_scaled(part, tested, scale) ** 2 + curvature, part.scores * scale[:, None]], axis=1)
        lanes = np.arange(len(part.weights))
        own = both[part.chosen, :, lanes].T
        total += own[:r] @ part.weights
        if expected:
            for share, values in zip(part.probabilities, both, strict=True):
                second += (values * (share * part.weights)) @ values.T
        else:
            second += (own * part.weights) @ own.T
    return Indicators(total, second)


def _scaled(part: WhatIf, tested: NDArray[np.intp], scale: Floats) -> Floats:
    return part.scores[:, tested] * scale[tested, None]


def _curvature(problem: Problem, position: int, free: Floats, tested: NDArray[np.intp], scale: Floats) -> Floats:
    """(S, r, n) second derivatives by five-point differences of the scores, in units of the standard errors."""
    out = []
    for k in tested:
        step = np.zeros(len(free))
        step[k] = STEP * scale[k]
        at = {m: chunk_what_if(problem, position, free + m * step).scores[:, k] for m in (-2, -1, 1, 2)}
        out.append((8 * (at[1] - at[-1]) - (at[2] - at[-2])) * scale[k] / (12 * STEP))
    return np.stack(out, axis=1)


def statistic(found: Indicators, null: str) -> TestResult:
    """D' V^-1 D, with V what the scores leave of the indicators' variance."""
    r = len(found.total)
    cross = found.second[:r, r:]
    inner = found.second[r:, r:]
    size = np.sqrt(np.maximum(np.diag(inner), np.finfo(float).tiny))
    explained = np.linalg.lstsq(inner / np.outer(size, size), (cross / size).T, rcond=1e-12)[0]
    variance = found.second[:r, :r] - (cross / size) @ explained
    whole = np.sqrt(np.maximum(np.diag(found.second)[:r], np.finfo(float).tiny))
    roots, axes = np.linalg.eigh(variance / np.outer(whole, whole))
    kept = roots > NO_SPREAD
    df = int(kept.sum())
    if not df:
        return TestResult(np.nan, 0, np.nan, null, "", "does not apply: the scores fix every indicator")
    value = float(np.sum((axes.T @ (found.total / whole))[kept] ** 2 / roots[kept]))
    message = f"{r - df} of {r} indicators follow from the others or from the scores" if df < r else ""
    return TestResult(value, df, chi2_tail(value, df), null, f"chi2({df})", message)
