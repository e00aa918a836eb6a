"""Exact tests of small counts, which the printed tables are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from relocchoice.inference.hypotheses import TestResult
from relocchoice.inference.tails import chi2_tail

_TIE = 1e-7


def binomial(successes: int, trials: int, probability: float, null: str) -> TestResult:
    """Two-sided binomial test; the p-value sums all outcomes that are no likelier."""
    pvalue = float(stats.binomtest(successes, trials, probability).pvalue)
    return TestResult(float(successes), 1, pvalue, null, f"binomial({trials}, {probability:.4g})")


def sign_bound(more: int, less: int, null: str) -> TestResult:
    """Sign test of two items that the same firms may both name, at the overlap that speaks least for a difference.

    How many firms named both is not known. The test uses the firms that named one only; their difference is
    ``more - less`` whatever the overlap, and the p-value is largest where nobody named both.
    """
    pvalue = float(stats.binomtest(more, more + less, 0.5).pvalue)
    words = "at the overlap that speaks least for a difference: no firm named both"
    return TestResult(float(more), 1, pvalue, null, f"binomial({more + less}, 0.5)", words)


def multinomial(counts: Sequence[int], shares: Sequence[float], null: str) -> TestResult:
    """Exact test of counts against given shares: all outcomes that are no likelier, enumerated; three classes."""
    first, second, third = (int(count) for count in counts)
    total = first + second + third
    outcomes = np.array([(a, b, total - a - b) for a in range(total + 1) for b in range(total - a + 1)])
    weights = stats.multinomial.logpmf(outcomes, total, np.asarray(shares) / np.sum(shares))
    seen = stats.multinomial.logpmf([first, second, third], total, np.asarray(shares) / np.sum(shares))
    pvalue = float(np.exp(weights[weights <= seen + _TIE]).sum())
    return TestResult(float(-2 * seen), len(counts) - 1, min(pvalue, 1.0), null, "exact multinomial, -2 log P")


def poisson_ratio(counts: tuple[int, int], exposures: tuple[float, float], null: str) -> TestResult:
    """Equal rates of two Poisson counts: given their sum, the first is binomial with its share of the exposure."""
    return binomial(counts[0], sum(counts), exposures[0] / sum(exposures), null)


def fisher(table: NDArray[np.int64], null: str) -> TestResult:
    """Fisher's exact test of a 2 x 2 table; the statistic is the count of its last cell, which is always finite."""
    pvalue = float(stats.fisher_exact(table).pvalue)
    return TestResult(float(table[1, 1]), 1, pvalue, null, "Fisher's exact, last cell")


def likelihood_ratio(statistic: float, df: int, null: str, message: str = "") -> TestResult:
    """A likelihood ratio against its chi-squared distribution; rounding below zero counts as zero."""
    return TestResult(statistic, df, chi2_tail(statistic, df), null, f"chi2({df})", message)


def share_interval(part: int, whole: int, alpha: float = 0.05) -> tuple[float, float]:
    """Clopper & Pearson's exact interval of a share."""
    found = stats.binomtest(part, whole).proportion_ci(1 - alpha, method="exact")
    return float(found.low), float(found.high)
