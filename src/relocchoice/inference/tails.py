"""Tail probabilities from scipy.special; importing scipy.stats for them takes longer than a fit."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from relocchoice.errors import OptionError


def two_sided(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(|Z| > |z|) of a standard normal Z; exact far into the tail, NaN for NaN."""
    return 2.0 * ndtr(-np.abs(z))


def normal_quantile(upper: float) -> float:
    """The value a standard normal exceeds with probability ``upper``."""
    return -float(ndtri(upper))


def require_alpha(alpha: float) -> None:
    """Refuse what is no level of an interval.

    Raises
    ------
    OptionError : unless 0 < alpha < 1.
    """
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise OptionError.of("alpha", alpha, "a number between 0 and 1, e.g. 0.05")


def chi2_tail(statistic: float, df: int) -> float:
    """P(X > statistic) of a chi-squared X; a statistic that rounding made negative counts as zero."""
    return float(chdtrc(df, max(statistic, 0.0)))


def chi2_quantile(upper: float, df: int) -> float:
    """The value a chi-squared variable exceeds with probability ``upper``."""
    return float(chdtri(df, upper))
