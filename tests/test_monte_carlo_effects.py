"""Monte Carlo of effects after a nested logit three levels deep: do the delta-method intervals cover?

The experiment is that of ``benchmarks/effects_coverage.py``; its truth is checked against probabilities written out.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SAMPLES = 100
HIGHER = 1.2


@pytest.fixture(scope="module")
def experiment() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "effects_coverage.py"))


class ByHand:
    """Probabilities and log-sum of the experiment's tree, written out."""

    def __init__(self, experiment: dict[str, Any], data: Any) -> None:
        self.truth, self.places = experiment["TRUTH"], experiment["PLACES"]
        frame = data.row_frame(["cost", "access"])
        shape = (data.n_cases, len(self.places))
        order = [list(data.alternatives).index(place) for place in self.places]
        self.cost, self.access = (frame[name].to_numpy().reshape(shape)[:, order] for name in ("cost", "access"))
        self.assets = data.case_frame(["assets"])["assets"].to_numpy()

    def at(self, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, 6) probabilities and (n,) log-sums."""
        t = self.truth
        e = {}
        for j, place in enumerate(self.places):
            own = t.get(f"Intercept:{place}", 0.0) + t.get(f"assets:{place}", 0.0) * self.assets
            e[place] = own + t["cost"] * cost[:, j] + t["access"] * self.access[:, j]
        near, away, rich, poor = (t[f"lambda:{nest}"] for nest in ("near", "away", "rich", "poor"))
        sum_near = np.exp(e["township"] / near) + np.exp(e["county"] / near)
        sum_rich = np.exp(e["metro"] / rich) + np.exp(e["coast"] / rich)
        sum_poor = np.exp(e["inland"] / poor) + np.exp(e["border"] / poor)
        sum_away = sum_rich ** (rich / away) + sum_poor ** (poor / away)
        total = sum_near**near + sum_away**away
        p_away = sum_away**away / total
        p_rich = p_away * sum_rich ** (rich / away) / sum_away
        reach = {"near": (1 - p_away, sum_near, near), "rich": (p_rich, sum_rich, rich)}
        reach["poor"] = (p_away - p_rich, sum_poor, poor)
        nest = dict(zip(self.places, ("near", "near", "rich", "rich", "poor", "poor"), strict=True))
        parts = []
        for place in self.places:
            above, inside, scale = reach[nest[place]]
            parts.append(above * np.exp(e[place] / scale) / inside)
        return np.stack(parts, axis=1), np.log(total)


def test_the_truth_is_that_of_the_formulas_written_out(experiment):
    data = experiment["cases"](50)
    truth = experiment["figures"](experiment["true_fit"](data))["estimate"]
    here = ByHand(experiment, data)
    p, inclusive = here.at(here.cost)
    metro, coast, county = (experiment["PLACES"].index(place) for place in ("metro", "coast", "county"))
    step = np.zeros_like(here.cost)
    step[:, metro] = 1e-4
    slope = (here.at(here.cost + step)[0] - here.at(here.cost - step)[0]) / 2e-4
    growth = (here.at(here.cost + step * here.cost)[0] - here.at(here.cost - step * here.cost)[0]) / 2e-4
    for place, kind in ((metro, "own"), (coast, "cross"), (county, "cross")):
        name = f"cost / metro / {experiment['PLACES'][place]}"
        effect = truth[f"average marginal effect, {kind}", name]
        assert effect == pytest.approx(slope[:, place].mean(), rel=1e-6)
        elasticity = truth[f"elasticity, {kind}", name]
        assert elasticity == pytest.approx(growth[:, place].sum() / p[:, place].sum(), rel=1e-6)
        mean = truth[f"mean elasticity of the cases, {kind}", name]
        assert mean == pytest.approx((growth[:, place] / p[:, place]).mean(), rel=1e-6)
    dear = here.cost.copy()
    dear[:, [metro, coast]] *= HIGHER
    q, dearer = here.at(dear)
    assert truth["share of a place", "coast"] == pytest.approx(p[:, coast].mean(), rel=1e-12)
    changed = truth["change of a share, scenario", "dear / coast"]
    assert changed == pytest.approx((q - p)[:, coast].mean(), rel=1e-9)
    assert truth["willingness to pay", "access"] == pytest.approx(0.6)
    lost = (dearer - inclusive).mean()
    assert truth["log-sum change, utility"].to_numpy() == pytest.approx([lost], rel=1e-9)
    assert truth["log-sum change, money"].to_numpy() == pytest.approx([lost], rel=1e-9)


@pytest.fixture(scope="module")
def trial(experiment):
    return experiment["run"](SAMPLES, 600, 7)


@pytest.mark.slow
def test_every_sample_has_a_maximum_and_every_figure_an_interval(trial):
    assert trial.failed == 0
    assert np.isfinite(trial.lower).all()
    assert np.isfinite(trial.upper).all()
    assert (trial.errors > 0).all()


@pytest.mark.slow
def test_intervals_cover_the_truth(trial):
    """Of some 250 figures the worst may be five simulation errors low; the mean of correlated ones far less."""
    inside = trial.covered.mean(axis=0)
    noise = np.sqrt(0.95 * 0.05 / SAMPLES)
    worst = inside.argmin()
    assert inside[worst] > 0.95 - 5 * noise, (trial.index[worst], inside[worst])
    assert abs(inside.mean() - 0.95) < 0.025, inside.mean()


@pytest.mark.slow
def test_standard_errors_are_the_spread_of_the_estimates(trial):
    """A standard deviation from 100 draws is itself off by 7 %."""
    ratio = trial.errors.mean(axis=0) / trial.estimates.std(axis=0, ddof=1)
    assert (np.abs(ratio - 1) < 6 * 0.07).all(), trial.index[np.abs(ratio - 1).argmax()]
    assert abs(ratio.mean() - 1) < 0.08, ratio.mean()
