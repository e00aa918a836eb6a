"""Tail probabilities from scipy.special; importing scipy.stats for them takes longer than a fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, ndtr, ndtri


def two_sided(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(|Z| > |z|) of a standard normal Z; exact far into the tail, NaN for NaN."""
    return 2.0 * ndtr(-np.abs(z))


def normal_quantile(upper: float) -> float:
    """The value a standard normal exceeds with probability ``upper``."""
    return -float(ndtri(upper))


def chi2_tail(statistic: float, df: int) -> float:
    """P(X > statistic) of a chi-squared X; a statistic that rounding made negative counts as zero."""
    return float(chdtrc(df, max(statistic, 0.0)))


def chi2_quantile(upper: float, df: int) -> float:
    """The value a chi-squared variable exceeds with probability ``upper``."""
    return float(chdtri(df, upper))
