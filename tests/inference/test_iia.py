"""Tests of IIA against dense arrays; never negative; what the subset cannot tell is left out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.errors import OptionError
from relocchoice.inference.iia import halves
from relocchoice.results.iia import hausman_mcfadden, small_hsiao

GENERIC = "chosen ~ cost + distance | 0"
PLACES = ["coast", "county", "interior", "metro", "township"]
NESTS = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}


@cache
def fitted(formula: str = GENERIC, n: int = 300, seed: int = 1, base: str | None = None):
    return rc.MultinomialLogit(formula, base=base).fit(choice_data(choice_frame(n, seed)))


class Dense:
    """A multinomial logit with generic columns x (n, J, K), taken y (n, J), weights w (n,)."""

    def __init__(self, x, y, w=None) -> None:
        self.x, self.y, self.w = x, y, np.ones(len(x)) if w is None else w
        self.b = np.zeros(x.shape[2])
        for _ in range(40):
            self.b = self.b + np.linalg.solve(self.information(), self.w @ self.scores())

    def shares(self, b):
        v = np.exp(self.x @ b)
        return v / v.sum(axis=1, keepdims=True)

    def loglik(self, b):
        return self.w @ np.log((self.shares(b) * self.y).sum(axis=1))

    def scores(self):
        return ((self.y - self.shares(self.b))[:, :, None] * self.x).sum(axis=1)

    def information(self):
        p = self.shares(self.b)
        centred = self.x - (p[:, :, None] * self.x).sum(axis=1, keepdims=True)
        return np.einsum("i,ij,ijk,ijl->kl", self.w, p, centred, centred)


def arrays(n: int = 300, seed: int = 1):
    frame = choice_frame(n, seed).sort_values(["move", "place"])
    x = frame[["cost", "distance"]].to_numpy().reshape(n, 5, 2)
    return x, frame["chosen"].to_numpy().reshape(n, 5).astype(float)


def test_stacked_and_naive_by_dense_arrays():
    x, y = arrays()
    left = [k for k, place in enumerate(PLACES) if place != "metro"]
    inside = y[:, left].any(axis=1)
    full, part = Dense(x, y), Dense(x[inside][:, left], y[inside][:, left])
    gap = part.b - full.b
    psi = -full.scores() @ np.linalg.inv(full.information())
    psi[inside] += part.scores() @ np.linalg.inv(part.information())
    expected = gap @ np.linalg.solve(psi.T @ psi, gap)
    uncorrected = gap @ np.linalg.solve(np.linalg.inv(part.information()) - np.linalg.inv(full.information()), gap)
    result = hausman_mcfadden(fitted(), "metro")
    assert result.statistic == pytest.approx(expected, rel=1e-7)
    assert result.df == 2
    assert f"the uncorrected statistic is {uncorrected:.6g}" in result.message


def test_small_hsiao_by_dense_arrays():
    x, y = arrays()
    left = [k for k, place in enumerate(PLACES) if place != "metro"]
    inside = y[:, left].any(axis=1)
    split = halves(np.ones(300), 5)
    assert (split.first.sum(), split.second.sum()) == (150, 150)
    for direction, a, b in (("first", split.first, split.second), ("second", split.second, split.first)):
        mixed = Dense(x, y, a).b / np.sqrt(2) + (1 - 1 / np.sqrt(2)) * Dense(x, y, b).b
        part = Dense(x[inside][:, left], y[inside][:, left], b[inside])
        expected = 2 * (part.loglik(part.b) - part.loglik(mixed))
        result = small_hsiao(fitted(), "metro", seed=5, direction=direction)
        assert result.statistic == pytest.approx(expected, rel=1e-6)
        assert result.df == 2
        assert "with the halves exchanged chi2(2)" in result.message
    assert small_hsiao(fitted(), "metro", seed=5) == small_hsiao(fitted(), "metro", seed=5)
    assert small_hsiao(fitted(), "metro", seed=6).statistic != small_hsiao(fitted(), "metro", seed=5).statistic


def test_it_is_never_negative_though_the_uncorrected_one_is():
    negative = 0
    for seed in range(12):
        fit = fitted("chosen ~ cost + distance | assets", 120, seed)
        result = hausman_mcfadden(fit, "county")
        assert result.statistic >= 0
        negative += "the uncorrected statistic is -" in result.message
    assert negative > 0


def test_the_base_does_not_matter():
    formula = "chosen ~ cost | assets"
    results = [hausman_mcfadden(fitted(formula, base=base), "coast") for base in ("coast", "metro")]
    assert results[0].statistic == pytest.approx(results[1].statistic, rel=1e-6)
    # 4 places left: 3 constants, 3 slopes, the cost
    assert [result.df for result in results] == [7, 7]
    assert "only as differences: Intercept:county" in results[0].message
    assert "do not tell" not in results[0].message
    assert "left out, as the subset does not tell them: Intercept:coast, assets:coast" in results[1].message
    halved = [small_hsiao(fitted(formula, base=base), "coast") for base in ("coast", "metro")]
    assert halved[0].statistic == pytest.approx(halved[1].statistic, rel=1e-5)


def test_frequencies_count_as_repeated_cases():
    frame = choice_frame(80, 7).assign(w=lambda f: 1 + f["move"] % 3)
    weighted = rc.MultinomialLogit(GENERIC).fit(choice_data(frame, weights="w", weight_kind="frequency"))
    copies = [frame[frame["w"] > k].assign(move=lambda f, k=k: f["move"] + 1000 * k) for k in range(3)]
    repeated = rc.MultinomialLogit(GENERIC).fit(choice_data(pd.concat(copies)))
    one, other = (hausman_mcfadden(fit, "metro") for fit in (weighted, repeated))
    assert one.statistic == pytest.approx(other.statistic, rel=1e-6)
    assert small_hsiao(weighted, "metro").applies


def test_clusters_and_sampling_weights():
    frame = choice_frame(300, 1).assign(w=lambda f: 1.0 + f["move"] % 3, town=lambda f: f["move"] % 40)
    fit = rc.MultinomialLogit(GENERIC).fit(choice_data(frame))
    clustered = hausman_mcfadden(fit, "metro", groups="town")
    assert "40 clusters" in clustered.message
    assert clustered.statistic != hausman_mcfadden(fit, "metro").statistic
    own = hausman_mcfadden(fit, "metro", groups=np.arange(300))
    assert own.statistic == pytest.approx(hausman_mcfadden(fit, "metro").statistic)
    weighted = rc.MultinomialLogit(GENERIC).fit(choice_data(frame, weights="w", weight_kind="sampling"))
    result = hausman_mcfadden(weighted, "metro")
    assert result.applies
    assert "uncorrected" not in result.message
    assert "pseudo-likelihood" in small_hsiao(weighted, "metro").message


def test_what_does_not_apply():
    data = choice_data(choice_frame(300, 1))
    nested = rc.NestedLogit(GENERIC, nests=NESTS).fit(data)
    assert "does not suppose IIA" in hausman_mcfadden(nested, "metro").message
    penalised = rc.MultinomialLogit(GENERIC).fit(data, penalty="firth")
    assert "penalised" in small_hsiao(penalised, "metro").message
    constants = rc.MultinomialLogit("chosen ~ 0").fit(data)
    assert "agree by construction" in hausman_mcfadden(constants, "metro").message
    with pytest.raises(OptionError, match="some of the alternatives coast, county"):
        hausman_mcfadden(fitted(), "metropolis")
    with pytest.raises(OptionError, match="fewer than two"):
        hausman_mcfadden(fitted(), PLACES[:4])
    with pytest.raises(OptionError, match="valid: first, second"):
        small_hsiao(fitted(), "metro", direction="third")
    with pytest.raises(OptionError, match="whole number"):
        small_hsiao(fitted(), "metro", seed=0.5)


def test_a_nested_world_is_found_out():
    frame = choice_frame(1500, 3, nests=NESTS, lambdas={"near": 0.2, "away": 0.2})
    fit = rc.MultinomialLogit("chosen ~ cost + distance").fit(choice_data(frame))
    # within the nest the slopes are five times as large, which only the subset shows
    assert hausman_mcfadden(fit, ["township", "county"]).pvalue < 1e-6
    assert small_hsiao(fit, ["township", "county"]).pvalue < 1e-3


def _rejections(draws: int, n: int) -> np.ndarray:
    data = choice_data(choice_frame(n, 11))
    fit = rc.MultinomialLogit("chosen ~ cost + distance").fit(data)
    edges = np.cumsum(fit.predict().to_numpy(), axis=1)
    rng = np.random.default_rng(3)
    reached = np.zeros(2)
    for seed in range(draws):
        chosen = (rng.random(n)[:, None] >= edges / edges[:, -1:]).sum(axis=1)
        drawn = rc.MultinomialLogit("chosen ~ cost + distance").fit(replace(data, chosen=chosen))
        tests = hausman_mcfadden(drawn, "metro"), small_hsiao(drawn, "metro", seed=seed)
        reached += [test.pvalue < 0.05 for test in tests]
    return reached / draws


def test_size_is_near_its_level():
    assert (_rejections(12, 250) < 0.34).all()


@pytest.mark.slow
def test_size():
    sizes = _rejections(800, 400)
    assert 0.025 < sizes[0] < 0.08
    assert 0.03 < sizes[1] < 0.075
