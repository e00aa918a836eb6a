"""Weights of replicates, and what replicates say: identities, published numbers, hostile input."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from relocchoice.errors import DataError, OptionError
from relocchoice.inference.resample import (
    Deletions,
    Draws,
    accelerations,
    bootstrap_covariance_matrix,
    intervals,
    jackknife_bias,
    jackknife_covariance_matrix,
    sampled,
)

# Efron & Tibshirani (1993), table 14.1: 26 children, test A
SPATIAL = np.array(
    [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41], dtype=float
)
ONE = ("x",)


def left_out(x: np.ndarray, statistic) -> np.ndarray:
    return np.array([[statistic(np.delete(x, i))] for i in range(len(x))])


def codes(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.intp)


# ------------------------------------------------------------------------------------------------ weights


@given(st.integers(0, 2**40), st.integers(0, 30))
def test_a_draw_is_a_child_of_the_seed(seed, draw):
    what = sampled(np.ones(9), False)
    child = np.random.default_rng(np.random.SeedSequence(seed).spawn(draw + 1)[draw])
    expected = child.multinomial(9, np.full(9, 1 / 9))
    np.testing.assert_array_equal(Draws(what, seed, 99).weights(draw), expected)


def test_frequencies_are_drawn_one_by_one():
    weights = np.array([3.0, 0.0, 1.0, 200.0])
    draws = np.array([Draws(sampled(weights, True), 5, 4000).weights(k) for k in range(4000)])
    assert (draws == np.round(draws)).all()
    assert (draws.sum(axis=1) == 204).all()
    assert (draws[:, 1] == 0).all()
    spread = np.sqrt(weights * (1 - weights / 204))
    assert (np.abs(draws.mean(axis=0) - weights) <= 4 * spread / np.sqrt(4000)).all()
    np.testing.assert_allclose(draws.std(axis=0)[[0, 2, 3]], spread[[0, 2, 3]], rtol=0.06)


def test_units_are_drawn_whole_with_their_weights():
    weights = np.array([2.0, 5.0, 1.0, 3.0, 0.0])
    what = sampled(weights, True, codes(7, 2, 7, 5, 9))
    assert what.total == 3
    for k in range(50):
        times = Draws(what, 0, 50).weights(k)[:4] / weights[:4]
        assert times[0] == times[2]
        assert times[0] + times[1] + times[3] == 3


def test_sampling_weights_stay_with_their_case():
    weights = np.array([0.3, 1.7, 1.0])
    drawn = Draws(sampled(weights, False), 1, 20).weights(3)
    times = drawn / weights
    np.testing.assert_allclose(times, np.round(times))
    assert round(times.sum()) == 3


def test_strata_keep_their_sizes():
    strata = codes(1, 1, 0, 0, 0, 1)
    for k in range(30):
        weights = Draws(sampled(np.ones(6), False, None, strata), 2, 30).weights(k)
        assert weights[strata == 1].sum() == 3
        assert weights[strata == 0].sum() == 3


def test_deletions_take_one_copy():
    deletions = Deletions(sampled(np.array([3.0, 0.0, 1.0]), True))
    assert len(deletions) == 2
    np.testing.assert_array_equal(deletions.weights(0), [2.0, 0.0, 1.0])
    np.testing.assert_array_equal(deletions.weights(1), [3.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sampled(np.array([1.5, 2.0]), True), DataError, "whole frequencies"),
        (lambda: sampled(np.array([1.0, 0.0]), False), OptionError, "at least two"),
        (lambda: sampled(np.ones(3), False, codes(4, 4, 4)), OptionError, "at least two"),
        (lambda: sampled(np.zeros(3), False), OptionError, "at least two|single unit"),
        (lambda: sampled(np.ones(3), False, None, codes(0, 0, 1)), OptionError, "1 of 2 strata= hold a single"),
        (lambda: sampled(np.ones(4), False, codes(0, 0, 1, 1), codes(0, 1, 0, 1)), DataError, "needs one stratum"),
    ],
)
def test_what_cannot_be_drawn(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ------------------------------------------------------------------------------------------------ what they say


def test_acceleration_of_the_published_example():
    """Efron & Tibshirani (1993, p. 186): variance estimate 171.5 of the spatial test data, acceleration 0.061."""
    assert np.var(SPATIAL) == pytest.approx(171.5, abs=0.05)
    what = sampled(np.ones(26), False)
    slope = accelerations(left_out(SPATIAL, np.var), what)
    assert slope[0] == pytest.approx(0.061, abs=0.0005)


@pytest.mark.parametrize(("kind", "method"), [("percentile", "percentile"), ("basic", "basic"), ("bca", "BCa")])
def test_intervals_are_those_of_scipy(kind, method):
    """The same replicates; scipy takes another interpolation of the quantiles, which 9999 draws hardly tell apart."""
    # scipy before 1.15 knows the generator by another name
    name = "rng" if "rng" in inspect.signature(stats.bootstrap).parameters else "random_state"
    seeded = {name: np.random.default_rng(0)}
    found = stats.bootstrap((SPATIAL,), np.var, n_resamples=9999, method=method, confidence_level=0.9, **seeded)
    slope = accelerations(left_out(SPATIAL, np.var), sampled(np.ones(26), False))
    values = found.bootstrap_distribution[:, None]
    ends = intervals(values, np.array([np.var(SPATIAL)]), 0.1, kind, slope, ONE)
    np.testing.assert_allclose(ends[0], found.confidence_interval, rtol=2e-3)


def test_jackknife_of_a_mean_and_a_variance():
    """The mean's jackknife variance is s^2/n and its bias zero; the biased variance's bias is -s^2/n exactly."""
    what = sampled(np.ones(26), False)
    means = left_out(SPATIAL, np.mean)
    s2 = SPATIAL.var(ddof=1)
    assert jackknife_covariance_matrix(means, what)[0, 0] == pytest.approx(s2 / 26)
    assert jackknife_bias(means, what, np.array([SPATIAL.mean()]))[0] == pytest.approx(0, abs=1e-10)
    bias = jackknife_bias(left_out(SPATIAL, np.var), what, np.array([np.var(SPATIAL)]))
    assert bias[0] == pytest.approx(-s2 / 26)


def test_jackknife_in_strata():
    """The variance of a sum of two independent means."""
    x, y = SPATIAL[:10], SPATIAL[10:]
    values = np.array([[np.delete(x, i).mean() + y.mean()] for i in range(10)])
    values = np.concatenate([values, [[x.mean() + np.delete(y, i).mean()] for i in range(16)]])
    what = sampled(np.ones(26), False, None, np.repeat(codes(0, 1), [10, 16]))
    expected = x.var(ddof=1) / 10 + y.var(ddof=1) / 16
    assert jackknife_covariance_matrix(values, what)[0, 0] == pytest.approx(expected)


def test_copies_count_in_jackknife_and_acceleration():
    """Repeated units are the same as units in full."""
    x = np.array([1.0, 4.0, 9.0, 11.0])
    times = np.array([3.0, 1.0, 2.0, 2.0])
    full = np.repeat(x, times.astype(int))
    short, long = sampled(times, True), sampled(np.ones(8), False)
    few = np.array([[np.var(np.delete(full, np.flatnonzero(full == value)[0]))] for value in x])
    every = left_out(full, np.var)
    at = np.array([np.var(full)])
    np.testing.assert_allclose(jackknife_covariance_matrix(few, short), jackknife_covariance_matrix(every, long))
    np.testing.assert_allclose(jackknife_bias(few, short, at), jackknife_bias(every, long, at))
    np.testing.assert_allclose(accelerations(few, short), accelerations(every, long))


def test_normal_interval_and_covariance():
    values = np.random.default_rng(0).normal(size=(50, 2)) @ np.array([[1.0, 0.4], [0.0, 2.0]])
    np.testing.assert_allclose(bootstrap_covariance_matrix(values), np.cov(values.T))
    ends = intervals(values, np.array([1.0, 2.0]), 0.05, "normal", np.zeros(2), ("a", "b"))
    half = 1.959963985 * values.std(axis=0, ddof=1)
    np.testing.assert_allclose(ends, np.column_stack([np.array([1.0, 2.0]) - half, np.array([1.0, 2.0]) + half]))


def test_bca_without_bias_and_acceleration_is_percentile():
    values = np.arange(1.0, 1000.0)[:, None]
    at = np.array([500.0])
    bca = intervals(values, at, 0.05, "bca", np.zeros(1), ONE)
    np.testing.assert_allclose(bca, intervals(values, at, 0.05, "percentile", np.zeros(1), ONE))
    np.testing.assert_allclose(bca, [[25.0, 975.0]])


@pytest.mark.parametrize(
    ("values", "estimate", "kind", "message"),
    [
        (np.arange(38.0), 19.0, "percentile", "draw at least 39"),
        (np.arange(99.0), -1.0, "bca", "lie on one side"),
        (np.arange(99.0), 1.2, "bca", "x would end beyond the most extreme"),
    ],
)
def test_too_few_draws(values, estimate, kind, message):
    with pytest.raises(OptionError, match=message):
        intervals(values[:, None], np.array([estimate]), 0.05, kind, np.zeros(1), ONE)


def test_just_enough_draws():
    ends = intervals(np.arange(39.0)[:, None], np.array([19.0]), 0.05, "percentile", np.zeros(1), ONE)
    np.testing.assert_allclose(ends, [[0.0, 38.0]])
