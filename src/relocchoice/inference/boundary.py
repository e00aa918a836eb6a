"""Tests whose hypothesis or alternative is a cone: parameters that may only lie on one side of their null values.

The likelihood ratio of y = 0 against y >= 0 is a mixture of chi-squared variables, sum_k w_k chi2(k), where w_k is the
probability that the projection of N(0, C) on the positive orthant, in the metric of C^-1, has k positive elements; that
of y >= 0 against anything is sum_k w_k chi2(m - k), largest at y = 0 (Kudo 1963, Biometrika 50, 403-418; Shapiro 1988,
International Statistical Review 56, 49-62). One parameter: half chi2(0), half chi2(1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.inference.tails import chi2_tail

Floats = NDArray[np.float64]
DRAWS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class ChiBar:
    """A mixture of chi-squared distributions.

    Attributes
    ----------
    weights : (m + 1,) of chi2(0), chi2(1), ..., chi2(m).
    simulated : whether the weights come from random draws and not from their formulas.
    """

    weights: Floats
    simulated: bool

    def tail(self, statistic: float) -> float:
        """Probability of a statistic as large or larger."""
        if statistic <= 0:
            return 1.0
        return float(sum(w * chi2_tail(statistic, k) for k, w in enumerate(self.weights) if k))

    def reversed(self) -> ChiBar:
        """The mixture of the test whose hypothesis is the cone itself."""
        return ChiBar(self.weights[::-1], self.simulated)

    def __str__(self) -> str:
        if len(self.weights) == 2 and np.allclose(self.weights, 0.5):
            return "50:50 chi2(0), chi2(1)"
        return "mixture " + " + ".join(f"{w:.3f} chi2({k})" for k, w in enumerate(self.weights))


def chi_bar(covariance: Floats, draws: int = DRAWS, seed: int = 0) -> ChiBar:
    """The mixture for y = 0 against y >= 0, with (m, m) covariance of the estimates of y.

    Exact up to three parameters; beyond that the weights are simulated.
    """
    m = len(covariance)
    size = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(size, size)
    if m == 1:
        return ChiBar(np.array([0.5, 0.5]), False)
    if m <= 3:
        all_in, none_in = _orthant(correlation), _orthant(np.linalg.inv(correlation))
        inner = [0.5] if m == 2 else [0.5 - all_in, 0.5 - none_in]
        return ChiBar(np.array([none_in, *inner, all_in]), False)
    return ChiBar(_simulated(correlation, draws, seed), True)


def _orthant(covariance: Floats) -> float:
    """P(all elements positive) of two or three centred normal variables."""
    size = np.sqrt(np.diag(covariance))
    rho = np.clip((covariance / np.outer(size, size))[np.triu_indices(len(covariance), 1)], -1.0, 1.0)
    sines = float(np.arcsin(rho).sum())
    return 0.25 + sines / (2 * np.pi) if len(covariance) == 2 else 0.125 + sines / (4 * np.pi)


def _simulated(correlation: Floats, draws: int, seed: int) -> Floats:
    from scipy.optimize import nnls

    lower = np.linalg.cholesky(correlation)
    white = np.random.default_rng(seed).standard_normal((draws, len(correlation)))
    inverse = np.linalg.inv(lower)
    positive = np.array([(nnls(inverse, z)[0] > 0).sum() for z in white])
    return np.bincount(positive, minlength=len(correlation) + 1) / draws
