"""Vuong's test and the bound of adjusted rho-squared, by hand; models that nest each other and other data."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import norm

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.errors import DataError, OptionError
from relocchoice.results.nonnested import adjusted_rho_test, vuong_test, vuong_variance_test

NESTS = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}
OTHER = {"one": ["township", "metro"], "two": ["county", "coast", "interior"]}


@cache
def data(n: int = 300, seed: int = 1):
    return choice_data(choice_frame(n, seed))


@cache
def fitted(formula: str):
    return rc.MultinomialLogit(formula).fit(data())


def logliks(fit):
    shares = fit.predict().to_numpy()
    return np.log(shares[np.arange(len(shares)), data().chosen])


@pytest.mark.parametrize(("correction", "per"), [("none", 0.0), ("aic", 1.0), ("bic", np.log(300) / 2)])
def test_vuong_by_hand(correction, per):
    one, other = fitted("chosen ~ cost | 0"), fitted("chosen ~ distance + travel | 0")
    m = logliks(one) - logliks(other)
    expected = (m.sum() - per * (1 - 2)) / (np.sqrt(300) * m.std())
    result = vuong_test(one, other, correction=correction)
    assert result.statistic == pytest.approx(expected, rel=1e-9)
    assert result.pvalue == pytest.approx(2 * norm.sf(abs(expected)))
    assert "the first fits better" in result.message
    back = vuong_test(other, one, correction=correction)
    assert back.statistic == pytest.approx(-expected, rel=1e-9)
    assert "the second fits better" in back.message


def test_the_variance_test_by_the_eigenvalues_of_vuongs_matrix():
    one, other = fitted("chosen ~ travel | 0"), fitted("chosen ~ I(travel**2) | 0")
    result = vuong_variance_test(one, other)
    m = logliks(one) - logliks(other)
    assert result.statistic == pytest.approx(300 * m.var(), rel=1e-9)
    (f, g), n = (one, other), 300
    s = [fit.problem.problem.scores(fit.moments.free) for fit in (f, g)]
    a = [fit.moments.hessian / n for fit in (f, g)]
    b = {(i, j): s[i].T @ s[j] / n for i in (0, 1) for j in (0, 1)}
    top = [-b[0, 0] @ np.linalg.inv(a[0]), -b[0, 1] @ np.linalg.inv(a[1])]
    low = [b[1, 0] @ np.linalg.inv(a[0]), b[1, 1] @ np.linalg.inv(a[1])]
    squares = np.linalg.eigvals(np.block([top, low])).real ** 2
    drawn = np.random.default_rng(8).chisquare(1, (100_000, 2)) @ squares
    assert result.pvalue == pytest.approx((drawn >= result.statistic).mean(), abs=0.01)
    assert "cannot tell the models apart at level 0.05" in vuong_test(one, other).message
    assert vuong_test(one, other, level=None).applies


def test_adjusted_rho_squared_by_hand():
    one, other = fitted("chosen ~ cost | 0"), fitted("chosen ~ distance + travel | 0")
    null = 300 * np.log(1 / 5)
    rho = [1 - (fit.llf - k) / null for fit, k in ((one, 1), (other, 2))]
    assert rho[0] > rho[1]
    expected = np.sqrt(-2 * (rho[0] - rho[1]) * null + (1 - 2))
    result = adjusted_rho_test(one, other)
    assert result.statistic == pytest.approx(expected)
    assert result.pvalue == pytest.approx(norm.sf(expected))
    assert result.null.startswith("the second model is the true one")
    assert adjusted_rho_test(other, one).null.startswith("the first model is the true one")
    assert "too near" in adjusted_rho_test(one, fitted("chosen ~ I(2 * cost) | 0")).message


def test_trees_can_be_compared():
    frame = choice_frame(800, 2, nests=NESTS, lambdas={"near": 0.3, "away": 0.3})
    right, wrong = (rc.NestedLogit("chosen ~ cost", nests=tree).fit(choice_data(frame)) for tree in (NESTS, OTHER))
    result = vuong_test(right, wrong)
    assert result.statistic > 0
    assert result.pvalue < 0.05


def test_special_cases_are_sent_to_the_likelihood_ratio():
    small, large = fitted("chosen ~ cost"), fitted("chosen ~ cost + distance")
    for test in (vuong_test, vuong_variance_test, adjusted_rho_test):
        assert "the first model is a special case" in test(small, large).message
        assert "the second model is a special case" in test(large, small).message
    nested = rc.NestedLogit("chosen ~ cost", nests=NESTS).fit(data())
    assert "special case" in vuong_test(small, nested).message


def test_misuse_and_refusals():
    one, other = fitted("chosen ~ cost"), fitted("chosen ~ distance")
    with pytest.raises(DataError, match="different cases"):
        vuong_test(one, rc.MultinomialLogit("chosen ~ distance").fit(data(200)))
    with pytest.raises(DataError, match="different cases"):  # said before the second is called a special case
        vuong_test(fitted("chosen ~ cost + distance"), rc.MultinomialLogit("chosen ~ distance").fit(data(200)))
    with pytest.raises(DataError, match="different choices"):
        adjusted_rho_test(one, rc.MultinomialLogit("chosen ~ distance").fit(data(300, 2)))
    frame = choice_frame(300, 1).assign(w=lambda f: 1 + f["move"] % 3)
    counted = rc.MultinomialLogit("chosen ~ distance").fit(choice_data(frame, weights="w", weight_kind="frequency"))
    with pytest.raises(DataError, match="different case weights"):
        vuong_test(one, counted)
    with pytest.raises(OptionError, match="valid: none, aic, bic"):
        vuong_test(one, other, correction="hqc")
    with pytest.raises(OptionError, match="between 0 and 1"):
        vuong_test(one, other, level=5)
    sampled = choice_data(frame, weights="w", weight_kind="sampling")
    weighted = [rc.MultinomialLogit(formula).fit(sampled) for formula in ("chosen ~ cost", "chosen ~ distance")]
    assert "pseudo-likelihood" in vuong_test(*weighted).message
    penalised = rc.MultinomialLogit("chosen ~ distance").fit(data(), penalty="firth")
    assert "the estimates of the second fit are penalised" in vuong_test(one, penalised).message
    assert "fit every case alike" in vuong_test(one, fitted("chosen ~ I(2 * cost)")).message


@pytest.mark.slow
def test_size_of_models_equally_wrong():
    """Utilities of cost + distance, each half: either model lacks the other's half."""
    rng, reached, draws, n = np.random.default_rng(4), 0, 500, 300
    frame = choice_frame(n, 9)
    for _ in range(draws):
        x = rng.normal(size=(2, n, 5))
        chosen = (x.sum(axis=0) + rng.gumbel(size=(n, 5))).argmax(axis=1)
        frame = frame.assign(cost=x[0].ravel(), distance=x[1].ravel(), chosen=(np.arange(5) == chosen[:, None]).ravel())
        drawn = choice_data(frame)
        fits = [rc.MultinomialLogit(f"chosen ~ {name} | 0").fit(drawn) for name in ("cost", "distance")]
        result = vuong_test(*fits)
        reached += result.applies and result.pvalue < 0.05
    assert 0.025 < reached / draws < 0.075
