"""Tests between two models that are not special cases of each other, on the same choices.

With m_i the difference of the two log-likelihoods of case i and omega^2 its variance, Vuong (1989, Econometrica 57,
307-333): first, whether the models differ at all, n omega^2 against the sum of z_k^2 l_k^2 with l_k the eigenvalues of
his matrix W; then sum m_i / (sqrt(n) omega), standard normal where both are equally far from the truth.

Horowitz (1983, Transportation Science 17) and Ben-Akiva & Swait (1986, Transportation Science 20, 133-136): where the
model with the smaller adjusted rho-squared is the true one, the other's is larger by z with a probability of at most
Phi(-sqrt(-2 z LL0 + K_larger - K_smaller)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.inference.hypotheses import TestResult
from relocchoice.inference.tails import two_sided

Floats = NDArray[np.float64]
DRAWS = 100_000
ALIKE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One model at its estimates: (n,) log-likelihoods, (n, q) scores, (q, q) information, number of parameters."""

    loglik: Floats
    scores: Floats
    information: Floats
    n_parameters: int


def spread_of(one: Side, other: Side, weights: Floats) -> float:
    """omega^2, the variance of the differences of the log-likelihoods."""
    m = one.loglik - other.loglik
    mean = float(weights @ m / weights.sum())
    return float(weights @ (m - mean) ** 2 / weights.sum())


def variance_test(one: Side, other: Side, weights: Floats, null: str, seed: int) -> TestResult:
    """Whether the two models can be told apart; the law is simulated from its eigenvalues."""
    n = float(weights.sum())
    statistic = n * spread_of(one, other, weights)
    scores = np.hstack([one.scores, other.scores])
    joint = (scores * weights[:, None]).T @ scores
    k = one.scores.shape[1]
    halves = [np.linalg.inv(one.information), np.linalg.inv(other.information)]
    signed = np.zeros_like(joint)
    signed[:k, :k], signed[k:, k:] = halves[0], -halves[1]
    # eigenvalues of joint @ signed, which is similar to a symmetric matrix
    values, axes = np.linalg.eigh(joint)
    root = axes * np.sqrt(np.maximum(values, 0.0))
    squares = np.linalg.eigvalsh(root.T @ signed @ root) ** 2
    squares = squares[squares > ALIKE * max(1.0, squares.max(initial=0.0))]
    if not len(squares):
        return TestResult(np.nan, 0, np.nan, null, "", "does not apply: the models are the same")
    rng = np.random.default_rng(seed)
    drawn = sum(square * rng.chisquare(1, DRAWS) for square in squares)
    pvalue = (1 + int(np.sum(drawn >= statistic))) / (1 + DRAWS)
    return TestResult(statistic, len(squares), pvalue, null, f"sum of {len(squares)} weighted chi2(1)", "law simulated")


def vuong_statistic(one: Side, other: Side, weights: Floats, per_parameter: float, null: str) -> TestResult:
    """Positive where the first model is nearer to the truth; ``per_parameter`` is taken off for each parameter."""
    n = float(weights.sum())
    gap = float(weights @ (one.loglik - other.loglik)) - per_parameter * (one.n_parameters - other.n_parameters)
    z = gap / np.sqrt(n * spread_of(one, other, weights))
    return TestResult(float(z), 1, float(two_sided(np.array(z))), null, "N(0, 1)")


@dataclass(frozen=True, slots=True)
class Fitness:
    """Log-likelihood and number of parameters of a model; ``words`` names it."""

    llf: float
    n_parameters: int
    words: str

    def adjusted(self, llnull: float) -> float:
        """Rho-squared against equal shares, less the parameters."""
        return 1.0 - (self.llf - self.n_parameters) / llnull


def adjusted_rho_bound(one: Fitness, other: Fitness, llnull: float) -> TestResult:
    """The bound that the model with the smaller adjusted rho-squared is nevertheless the true one."""
    high, low = (one, other) if one.adjusted(llnull) >= other.adjusted(llnull) else (other, one)
    null = f"the {low.words} model is the true one, although its adjusted rho-squared is the smaller"
    z = high.adjusted(llnull) - low.adjusted(llnull)
    square = -2.0 * z * llnull + high.n_parameters - low.n_parameters
    told = (
        f"adjusted rho-squared {high.adjusted(llnull):.6g} ({high.words}) and {low.adjusted(llnull):.6g} ({low.words})"
    )
    if square <= 0:
        return TestResult(np.nan, 0, np.nan, null, "", f"does not apply: {told} are too near for a bound")
    root = float(np.sqrt(square))
    pvalue = float(two_sided(np.array(root))) / 2.0
    return TestResult(root, 1, pvalue, null, "N(0, 1), one-sided, upper bound of p", told)
