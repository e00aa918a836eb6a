"""Monte Carlo: intervals of the bootstrap cover, and few clusters do not make the wild score test reject too often."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.results.resampling import bootstrap, wild_score_test

pytestmark = pytest.mark.slow

MODEL = rc.MultinomialLogit("chosen ~ cost + time | 0")


def simulate(rng: np.random.Generator, n: int, towns: int = 0) -> rc.ChoiceData:
    """Choices among three; with towns, time is the same in a town up to noise, and so are tastes for it."""
    town = np.arange(n) % max(towns, 1)
    cost, time = rng.normal(size=(2, n, 3))
    taste = np.full(n, 0.5)
    if towns:
        time = 0.3 * time + rng.normal(size=(towns, 1, 3))[town, 0]
        taste = 0.0 + 0.5 * rng.normal(size=towns)[town]
    chosen = (-1.0 * cost + taste[:, None] * time + rng.gumbel(size=(n, 3))).argmax(axis=1)
    frame = pd.DataFrame(
        {
            "move": np.repeat(np.arange(n), 3),
            "place": np.tile(["a", "b", "c"], n),
            "chosen": (np.arange(3) == chosen[:, None]).ravel(),
            "cost": cost.ravel(),
            "time": time.ravel(),
            "town": np.repeat(town, 3),
        }
    )
    return rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen")


def test_intervals_cover():
    """Nominal 90 %; 150 samples of 100 cases, 199 draws each. The noise of a share is 2.4 points."""
    truth = np.array([-1.0, 0.5])
    inside = {kind: [] for kind in ("percentile", "basic", "bca", "normal")}
    for stream in np.random.default_rng(7).spawn(150):
        fit = MODEL.fit(simulate(stream, 100))
        record = bootstrap(fit, 199, seed=1, acceleration="infinitesimal", workers=1)
        for kind, hits in inside.items():
            ends = record.conf_int(0.1, kind)
            hits.append((ends[0].to_numpy() <= truth) & (truth <= ends[1].to_numpy()))
    coverage = {kind: np.mean(hits, axis=0) for kind, hits in inside.items()}
    noise = np.sqrt(0.9 * 0.1 / 150)
    for kind in ("percentile", "bca", "normal"):
        assert (np.abs(coverage[kind] - 0.9) < 3.5 * noise).all(), coverage


@pytest.mark.parametrize("towns", [8, 10])
def test_size_with_few_clusters(towns):
    """The mean taste is zero. Wald with clustered errors rejects that too often; the wild test does not."""
    wald, wild, webb = [], [], []
    for stream in np.random.default_rng(11).spawn(400):
        data = simulate(stream, 40 * towns, towns)
        fit = MODEL.fit(data, "cluster", groups="town")
        wald.append(fit.wald_test("time = 0").pvalue)
        wild.append(wild_score_test(fit, "time = 0", groups="town").pvalue)
        webb.append(wild_score_test(fit, "time = 0", groups="town", weights="webb", draws=399).pvalue)
    rejected = {"wald": np.mean(np.array(wald) < 0.05), "wild": np.mean(np.array(wild) <= 0.05)}
    rejected["webb"] = np.mean(np.array(webb) <= 0.05)
    noise = np.sqrt(0.05 * 0.95 / 400)
    assert rejected["wald"] > 0.09, rejected
    assert abs(rejected["wild"] - 0.05) < 3.5 * noise, rejected
    assert abs(rejected["webb"] - 0.05) < 3.5 * noise, rejected
