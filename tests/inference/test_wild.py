"""The wild score bootstrap against a slow implementation of its own, and its small-cluster arithmetic."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize

import relocchoice as rc
from builders import choice_frame
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.results.resampling import wild_score_test

FORMULA = "chosen ~ cost + distance + travel | 0"
NAMES = ["cost", "distance", "travel"]


@cache
def frame(n: int = 120):
    out = choice_frame(n, 4)
    return out.assign(town=(out["move"] * 7) % 6, sample=0.5 + (out["move"] % 3))


def data(**options) -> rc.ChoiceData:
    return rc.ChoiceData.from_long(frame(), case="move", alternative="place", chosen="chosen", **options)


def fitted(**options):
    return rc.MultinomialLogit("chosen ~ cost + distance + travel | 0").fit(data(**options))


class Slow:
    """The test written out with dense arrays: X (n, J, K), y (n,), town (n,), w (n,)."""

    def __init__(self, weights: np.ndarray | None = None) -> None:
        f = frame()
        J = f["place"].nunique()
        f = f.sort_values(["move", "place"])
        self.x = f[NAMES].to_numpy().reshape(-1, J, 3)
        self.y = f["chosen"].to_numpy().reshape(-1, J).argmax(axis=1)
        self.town = f["town"].to_numpy()[::J]
        self.w = np.ones(len(self.y)) if weights is None else weights

    def probabilities(self, b):
        v = self.x @ b
        p = np.exp(v - v.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def loglik(self, b):
        return self.w @ np.log(self.probabilities(b)[np.arange(len(self.y)), self.y])

    def scores(self, b):
        p = self.probabilities(b)
        return self.x[np.arange(len(self.y)), self.y] - (p[:, :, None] * self.x).sum(axis=1)

    def information(self, b):
        p = self.probabilities(b)
        centred = self.x - (p[:, :, None] * self.x).sum(axis=1, keepdims=True)
        return np.einsum("i,ij,ijk,ijl->kl", self.w, p, centred, centred)

    def test(self, tested: list[int], at: list[float]) -> tuple[float, float]:
        """Parameters ``tested`` equal ``at``; the others are profiled out of the scores by their block."""
        others = [k for k in range(3) if k not in tested]

        def full(free):
            b = np.zeros(3)
            b[tested], b[others] = at, free
            return b

        found = minimize(
            lambda free: -self.loglik(full(free)),
            np.zeros(len(others)),
            jac=lambda free: -(self.w @ self.scores(full(free)))[others],
            method="BFGS",
            options={"gtol": 1e-9},
        )
        b = full(found.x)
        a, s = self.information(b), self.scores(b) * self.w[:, None]
        profiled = s[:, tested] - s[:, others] @ np.linalg.solve(a[np.ix_(others, others)], a[np.ix_(others, tested)])
        towns = np.unique(self.town)
        u = np.array([profiled[self.town == town].sum(axis=0) for town in towns])

        def statistic(signs):
            moved = u * np.array(signs)[:, None]
            total = moved.sum(axis=0)
            return total @ np.linalg.solve(sum(np.outer(row, row) for row in moved), total)

        own = statistic([1.0] * len(towns))
        others_ = [statistic(signs) for signs in product([-1.0, 1.0], repeat=len(towns))]
        return own, np.mean([value >= own - 1e-8 for value in others_])


@pytest.mark.parametrize(
    ("hypotheses", "tested", "at"),
    [
        ("travel = 0", [2], [0.0]),
        ("cost = -0.8", [0], [-0.8]),
        ("distance = 0.4, travel = 0.1", [1, 2], [0.4, 0.1]),
        (["2*distance = 0.8", "travel + distance = 0.5", "travel = 0.1"], [1, 2], [0.4, 0.1]),
    ],
)
def test_against_the_slow_one(hypotheses, tested, at):
    result = wild_score_test(fitted(), hypotheses, groups="town")
    statistic, pvalue = Slow().test(tested, at)
    assert result.df == len(tested)
    assert result.statistic == pytest.approx(statistic, rel=1e-5)
    assert result.pvalue == pytest.approx(pvalue)


def test_against_the_slow_one_with_sampling_weights():
    fit = fitted(weights="sample", weight_kind="sampling")
    result = wild_score_test(fit, "travel = 0.1", groups="town")
    weights = 0.5 + np.arange(120) % 3
    statistic, pvalue = Slow(weights / weights.mean()).test([2], [0.1])
    assert result.statistic == pytest.approx(statistic, rel=1e-5)
    assert result.pvalue == pytest.approx(pvalue)


def test_doubling_a_weight_is_repeating_a_case():
    twice = frame().assign(count=2)
    repeated = rc.ChoiceData.from_long(
        twice, case="move", alternative="place", chosen="chosen", weights="count", weight_kind="frequency"
    )
    fit = rc.MultinomialLogit(FORMULA).fit(repeated)
    one, two = (wild_score_test(results, "travel = 0", groups="town") for results in (fitted(), fit))
    assert one.statistic == pytest.approx(two.statistic)
    assert one.pvalue == two.pvalue


def test_four_towns():
    towns = np.arange(120) % 4
    signs = wild_score_test(fitted(), "cost = 0", groups=towns)
    assert signs.pvalue >= 1 / 8
    assert signs.pvalue * 16 == round(signs.pvalue * 16)
    assert "all 16 patterns of signs give at most 8 different p-values, the smallest possible is 0.125" in signs.message
    assert "webb" in signs.message
    webb = wild_score_test(fitted(), "cost = 0", groups=towns, weights="webb")
    assert webb.pvalue < 1 / 8
    assert webb.statistic == signs.statistic


def test_draws_come_near_all_patterns():
    """14 clusters are drawn, with a seed; 12 are not."""
    towns = np.arange(120) % 14
    one = wild_score_test(fitted(), "travel = 0.1", groups=towns, draws=4999, seed=1)
    assert one == wild_score_test(fitted(), "travel = 0.1", groups=towns, draws=4999, seed=1)
    other = wild_score_test(fitted(), "travel = 0.1", groups=towns, draws=4999, seed=2)
    assert one.pvalue != other.pvalue
    assert one.pvalue == pytest.approx(other.pvalue, abs=5 * np.sqrt(0.5 / 5000))
    assert "4,999 draws" in one.message
    every = wild_score_test(fitted(), "travel = 0.1", groups=np.arange(120) % 12)
    assert "4,096 patterns" in every.message


def test_nested_and_its_lambda():
    f = choice_frame(200, 1, nests={"near": ["township", "county"], "away": ["metro", "coast", "interior"]},
                     lambdas={"near": 0.7, "away": 0.6})  # fmt: skip
    nested = rc.NestedLogit(
        "chosen ~ cost + distance", nests={"near": ["township", "county"], "away": ["metro", "coast", "interior"]}
    ).fit(rc.ChoiceData.from_long(f, case="move", alternative="place", chosen="chosen"))
    result = wild_score_test(nested, "lambda:near = lambda:away", groups=np.arange(200) % 10)
    assert result.applies
    assert 0 < result.pvalue <= 1


def test_an_infinite_estimate_can_be_tested():
    """The estimates under the hypothesis are finite, and the test needs no others."""
    f = frame()
    best = f.groupby("move")["cost"].transform("min") == f["cost"]
    separated = f.assign(chosen=best)
    fit = rc.MultinomialLogit("chosen ~ cost + distance | 0").fit(
        rc.ChoiceData.from_long(separated, case="move", alternative="place", chosen="chosen")
    )
    assert not fit.converged
    result = wild_score_test(fit, "cost = 0", groups="town")
    assert result.applies
    assert result.pvalue == pytest.approx(2 / 64)
    refused = wild_score_test(fit, "distance = 0", groups="town")
    assert not refused.applies
    assert "no finite maximum" in refused.message


def test_constrained_models():
    fixed = rc.MultinomialLogit(FORMULA, fixed={"travel": 0.1}).fit(data())
    assert "holds by construction" in wild_score_test(fixed, "travel = 0.1", groups="town").message
    assert "contradicts values that are fixed" in wild_score_test(fixed, "travel = 0.2", groups="town").message
    both = wild_score_test(fixed, "travel + distance = 0.5", groups="town")
    alone = wild_score_test(fixed, "distance = 0.4", groups="town")
    assert both.statistic == pytest.approx(alone.statistic)
    bounded = rc.MultinomialLogit(FORMULA, bounds={"cost": (-2.0, -0.5)}).fit(data())
    assert "outside the bounds" in wild_score_test(bounded, "cost = 0", groups="town").message


@pytest.mark.parametrize(
    ("hypotheses", "groups", "message"),
    [
        ("cost = 0, cost = 1", "town", "contradict one another"),
        ("cost = 0, distance = 0, travel = 0", np.arange(120) % 3, "at most 2 restrictions"),
    ],
)
def test_does_not_apply(hypotheses, groups, message):
    result = wild_score_test(fitted(), hypotheses, groups=groups)
    assert not result.applies
    assert np.isnan(result.pvalue)
    assert message in result.message


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"groups": "town", "weights": "mammen"}, OptionError, "rademacher, webb"),
        ({"groups": "town", "draws": 10}, OptionError, "at least 99"),
        ({"groups": "town", "seed": -1}, OptionError, "seed=-1"),
        ({}, OptionError, "needs groups="),
        ({"groups": np.zeros(120)}, OptionError, "at least two clusters"),
        ({"groups": np.zeros(3)}, OptionError, "groups has 3 labels"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        wild_score_test(fitted(), "cost = 0", **options)


def test_unknown_parameter():
    with pytest.raises(SpecificationError, match="no parameter is called"):
        wild_score_test(fitted(), "costs = 0", groups="town")
