"""Tests of a tree: mixtures of chi-squared, boundaries, and what a fit says of utility maximisation."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.errors import OptionError
from relocchoice.inference.boundary import _simulated, chi_bar
from relocchoice.results.nest_tests import equal_lambdas_test, no_nests_test, utility_maximisation_test

FLAT = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}
DEEP = {"near": ["township", "county"], "away": {"rich": ["metro", "coast"], "interior": None}}
FORMULA = "chosen ~ cost + distance"


@cache
def fitted(near: float, away: float, n: int = 400, **options):
    frame = choice_frame(n, 2, nests=FLAT, lambdas={"near": near, "away": away})
    return rc.NestedLogit(FORMULA, nests=FLAT).fit(choice_data(frame))


@cache
def plain(near: float, away: float, n: int = 400):
    frame = choice_frame(n, 2, nests=FLAT, lambdas={"near": near, "away": away})
    return rc.MultinomialLogit(FORMULA).fit(choice_data(frame))


@pytest.mark.parametrize(
    ("covariance", "weights"),
    [
        (np.eye(1), [1 / 2, 1 / 2]),
        (np.eye(2), [1 / 4, 1 / 2, 1 / 4]),
        (np.eye(3), [1 / 8, 3 / 8, 3 / 8, 1 / 8]),
        ([[1.0, 0.5], [0.5, 1.0]], [1 / 6, 1 / 2, 1 / 3]),
        (4 * np.eye(4), np.array([1, 4, 6, 4, 1]) / 16),
    ],
)
def test_weights_of_the_mixture(covariance, weights):
    mixture = chi_bar(np.array(covariance))
    assert mixture.simulated == (len(weights) == 5)
    np.testing.assert_allclose(mixture.weights, weights, atol=0.012 if mixture.simulated else 1e-12)


def test_simulated_weights_are_those_of_the_formula():
    correlation = np.array([[1.0, 0.4, -0.3], [0.4, 1.0, 0.2], [-0.3, 0.2, 1.0]])
    np.testing.assert_allclose(_simulated(correlation, 20_000, 1), chi_bar(correlation).weights, atol=0.012)


def test_tail_of_the_mixture():
    half = chi_bar(np.eye(1))
    assert half.tail(2.7055) == pytest.approx(0.05, abs=1e-5)
    assert half.tail(0.0) == 1.0
    two = chi_bar(np.eye(2))
    assert two.tail(3.0) == pytest.approx(chi2.sf(3.0, 1) / 2 + chi2.sf(3.0, 2) / 4)


def test_no_nests_is_the_ratio_to_the_multinomial():
    fit = fitted(0.4, 0.7)
    result = no_nests_test(fit)
    assert result.statistic == pytest.approx(2 * (fit.llf - plain(0.4, 0.7).llf), rel=1e-6)
    assert (result.df, result.distribution) == (2, "chi2(2)")
    assert no_nests_test(fit, "wald").statistic == pytest.approx(
        fit.wald_test(["lambda:near = 1", "lambda:away = 1"]).statistic
    )
    assert all(no_nests_test(fit, method).pvalue < 0.01 for method in ("lr", "wald", "score"))


def test_one_sided_is_a_mixture():
    fit = fitted(0.4, 0.7)
    sided = no_nests_test(fit, one_sided=True)
    assert sided.statistic == pytest.approx(no_nests_test(fit).statistic, rel=1e-6)
    assert sided.pvalue < no_nests_test(fit).pvalue
    assert "mixture" in sided.distribution
    assert "on the edge" in sided.message


def test_one_lambda_takes_half_and_half():
    frame = choice_frame(400, 2, nests=FLAT, lambdas={"near": 0.6, "away": 0.6})
    fit = rc.NestedLogit(FORMULA, nests=FLAT, lambdas="common").fit(choice_data(frame))
    result = no_nests_test(fit, one_sided=True)
    assert result.distribution == "50:50 chi2(0), chi2(1)"
    assert result.pvalue == pytest.approx(chi2.sf(result.statistic, 1) / 2)


def test_a_bounded_fit_lies_on_the_edge():
    frame = choice_frame(400, 2, nests=FLAT, lambdas={"near": 0.4, "away": 1.0})
    bounds = {"lambda:near": (None, 1.0), "lambda:away": (None, 1.0)}
    fit = rc.NestedLogit(FORMULA, nests=FLAT, bounds=bounds).fit(choice_data(frame))
    free = rc.NestedLogit(FORMULA, nests=FLAT).fit(choice_data(frame))
    held = no_nests_test(fit)
    assert held.statistic == pytest.approx(no_nests_test(free, one_sided=True).statistic, rel=1e-6)
    assert "the fit bounds" in held.message
    assert "edge" in no_nests_test(fit, "wald").message
    assert not no_nests_test(fit, "wald").applies
    assert "does not hold" in no_nests_test(fit, one_sided=False).message
    assert "fit without these bounds" in utility_maximisation_test(fit).message
    wide = rc.NestedLogit(FORMULA, nests=FLAT, bounds={"lambda:near": (0.01, 5.0)}).fit(choice_data(frame))
    assert no_nests_test(wide).distribution == "chi2(2)"
    assert utility_maximisation_test(wide).applies


def test_utility_maximisation():
    agrees = utility_maximisation_test(fitted(0.4, 0.7))
    assert (agrees.statistic, agrees.pvalue) == (0.0, 1.0)
    # a lambda above one: the largest log-likelihood with it at one, and the mixture turned round
    fit = fitted(0.5, 2.5, 600)
    assert fit.params["lambda:away"] > 1
    frame = choice_frame(600, 2, nests=FLAT, lambdas={"near": 0.5, "away": 2.5})
    inside = rc.NestedLogit(FORMULA, nests=FLAT, fixed={"lambda:away": 1.0}).fit(choice_data(frame))
    result = utility_maximisation_test(fit)
    assert result.statistic == pytest.approx(2 * (fit.llf - inside.llf), rel=1e-5)
    assert result.pvalue < 0.05


def test_the_order_of_nested_lambdas_counts():
    frame = choice_frame(500, 4, nests=DEEP, lambdas={"near": 0.8, "away": 0.4, "rich": 0.8})
    fit = rc.NestedLogit(FORMULA, nests=DEEP).fit(choice_data(frame))
    assert fit.params["lambda:rich"] > fit.params["lambda:away"]
    tied = rc.NestedLogit(FORMULA, nests=DEEP, equal=[["lambda:rich", "lambda:away"]]).fit(choice_data(frame))
    result = utility_maximisation_test(fit)
    assert result.df == 3
    assert result.statistic == pytest.approx(2 * (fit.llf - tied.llf), rel=1e-4)


def test_equal_lambdas():
    fit = fitted(0.4, 0.7)
    frame = choice_frame(400, 2, nests=FLAT, lambdas={"near": 0.4, "away": 0.7})
    common = rc.NestedLogit(FORMULA, nests=FLAT, lambdas="common").fit(choice_data(frame))
    assert equal_lambdas_test(fit).statistic == pytest.approx(2 * (fit.llf - common.llf), rel=1e-5)
    assert "a single free lambda" in equal_lambdas_test(common).message
    for method in ("wald", "score"):
        assert equal_lambdas_test(fit, method).df == 1


def test_misuse_and_refusals():
    fit = fitted(0.4, 0.7)
    with pytest.raises(OptionError, match="valid: lr, wald, score"):
        no_nests_test(fit, "f")
    with pytest.raises(OptionError, match="goes with method='lr'"):
        no_nests_test(fit, "wald", one_sided=True)
    assert "no nested logit" in utility_maximisation_test(plain(0.4, 0.7)).message
    frame = choice_frame(200, 2).assign(w=lambda f: 1.0 + f["move"] % 3)
    weighted = rc.NestedLogit(FORMULA, nests=FLAT).fit(choice_data(frame, weights="w", weight_kind="sampling"))
    assert "pseudo-likelihood" in no_nests_test(weighted).message
    assert "pseudo-likelihood" in utility_maximisation_test(weighted).message
    assert no_nests_test(weighted, "wald").applies
    assert "robust" in no_nests_test(weighted, "score").message
    unscaled = rc.NestedLogit(FORMULA, nests=FLAT, normalisation="none").fit(choice_data(choice_frame(200, 2)))
    assert "say nothing on utility maximisation" in utility_maximisation_test(unscaled).message


@pytest.mark.slow
def test_size_on_the_edge():
    """Choices of a multinomial logit: both one-sided tests keep their level, and the naive law would not."""
    draws, sided, rum = 400, 0, 0
    for seed in range(draws):
        fit = rc.NestedLogit(FORMULA, nests=FLAT).fit(choice_data(choice_frame(400, 500 + seed)))
        if not fit.converged:
            continue
        sided += no_nests_test(fit, one_sided=True).pvalue < 0.05
        rum += utility_maximisation_test(fit).pvalue < 0.05
    assert 0.025 < sided / draws < 0.08
    assert 0.025 < rum / draws < 0.08


@cache
def held(value: float):
    frame = choice_frame(400, 2, nests=FLAT, lambdas={"near": 0.4, "away": 0.7})
    return rc.NestedLogit(FORMULA, nests=FLAT, fixed={"lambda:near": value}).fit(choice_data(frame))


@pytest.mark.parametrize("method", ["lr", "wald", "score"])
def test_a_lambda_fixed_elsewhere_is_part_of_the_null(method):
    assert no_nests_test(held(0.5), method).null == "every free lambda is 1, with lambda:near = 0.5"
    assert no_nests_test(held(1.0), method).null == "no nests: every lambda is 1"


def test_the_ratio_with_a_fixed_lambda_is_that_of_its_null():
    frame = choice_frame(400, 2, nests=FLAT, lambdas={"near": 0.4, "away": 0.7})
    model = rc.NestedLogit(FORMULA, nests=FLAT, fixed={"lambda:near": 0.5, "lambda:away": 1.0})
    restricted = model.fit(choice_data(frame))
    assert no_nests_test(held(0.5)).statistic == pytest.approx(2 * (held(0.5).llf - restricted.llf), rel=1e-6)
    told = utility_maximisation_test(held(0.5))
    assert "with lambda:near = 0.5" in told.null
