"""Monte Carlo: simulate, estimate, and compare with the truth; the standard errors with the spread of the estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc

pytestmark = pytest.mark.slow

REPLICATIONS = 200
PLACES = ("coast", "county", "interior", "metro", "port", "township")
NESTS = {"near": ["township", "county"], "away": {"rich": ["metro", "coast", "port"], "interior": None}}
LAMBDAS = {"near": 0.7, "away": 0.8, "rich": 0.5}
UTILITY = {
    "Intercept:county": 0.4,
    "Intercept:interior": -0.3,
    "Intercept:metro": 0.2,
    "Intercept:coast": 0.3,
    "Intercept:port": -0.1,
    "cost": -1.0,
    "assets:county": -0.2,
    "assets:interior": 0.3,
    "assets:metro": 0.5,
    "assets:coast": 0.4,
    "assets:port": 0.1,
}


@dataclass(frozen=True, slots=True)
class Experiment:
    """A model, the truth by parameter, and the covariance whose standard errors are on trial."""

    model: rc.MultinomialLogit | rc.NestedLogit
    truth: dict[str, float]
    n: int
    cov_type: str = "hessian"


FORMULA = "chosen ~ cost | assets"
LAMBDA_TRUTH = {f"lambda:{nest}": value for nest, value in LAMBDAS.items()}
EXPERIMENTS = {
    "multinomial": Experiment(rc.MultinomialLogit(FORMULA, base="township"), UTILITY, 500),
    "multinomial, robust": Experiment(rc.MultinomialLogit(FORMULA, base="township"), UTILITY, 500, "robust"),
    "nested": Experiment(rc.NestedLogit(FORMULA, NESTS, base="township"), UTILITY | LAMBDA_TRUTH, 1500),
    "nested, opg": Experiment(rc.NestedLogit(FORMULA, NESTS, base="township"), UTILITY | LAMBDA_TRUTH, 1500, "opg"),
}


def probabilities(v: np.ndarray, nested: bool) -> np.ndarray:
    """(n, J) by the formulas of the tree above, written out."""
    if not nested:
        p = np.exp(v)
        return p / p.sum(axis=1, keepdims=True)
    at = {place: v[:, j] for j, place in enumerate(PLACES)}
    near, away, rich = LAMBDAS["near"], LAMBDAS["away"], LAMBDAS["rich"]
    sum_rich = sum(np.exp(at[place] / rich) for place in ("metro", "coast", "port"))
    sum_away = np.exp(at["interior"] / away) + sum_rich ** (rich / away)
    sum_near = np.exp(at["township"] / near) + np.exp(at["county"] / near)
    total = sum_near**near + sum_away**away
    p_away = sum_away**away / total
    p_rich = p_away * sum_rich ** (rich / away) / sum_away
    out = {place: p_rich * np.exp(at[place] / rich) / sum_rich for place in ("metro", "coast", "port")}
    out["interior"] = p_away * np.exp(at["interior"] / away) / sum_away
    out |= {place: (1 - p_away) * np.exp(at[place] / near) / sum_near for place in ("township", "county")}
    return np.stack([out[place] for place in PLACES], axis=1)


def simulate(experiment: Experiment, rng: np.random.Generator) -> rc.ChoiceData:
    n, J = experiment.n, len(PLACES)
    cost, assets = rng.normal(size=(n, J)), rng.normal(size=n)
    v = UTILITY["cost"] * cost
    for j, place in enumerate(PLACES):
        v[:, j] += UTILITY.get(f"Intercept:{place}", 0.0) + UTILITY.get(f"assets:{place}", 0.0) * assets
    p = probabilities(v, nested=len(experiment.truth) > len(UTILITY))
    chosen = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    frame = pd.DataFrame(
        {
            "move": np.repeat(np.arange(n), J),
            "place": np.tile(PLACES, n),
            "chosen": (np.arange(J) == chosen[:, None]).ravel(),
            "cost": cost.ravel(),
            "assets": np.repeat(assets, J),
        }
    )
    return rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen")


@dataclass(frozen=True, slots=True)
class Trial:
    """(R, p) estimates and standard errors, and the truth (p,)."""

    estimates: np.ndarray
    errors: np.ndarray
    truth: np.ndarray


@pytest.fixture(scope="module", params=EXPERIMENTS)
def trial(request) -> Trial:
    experiment = EXPERIMENTS[request.param]
    fits = []
    for stream in np.random.default_rng(20030101).spawn(REPLICATIONS):
        fit = experiment.model.fit(simulate(experiment, stream), experiment.cov_type)
        assert fit.converged, fit.status_message
        fits.append(fit)
    names = list(experiment.truth)
    assert sorted(names) == sorted(fits[0].params.index)
    estimates = np.array([fit.params[names] for fit in fits])
    errors = np.array([fit.bse[names] for fit in fits])
    return Trial(estimates, errors, np.array(list(experiment.truth.values())))


def test_estimates_are_right_on_average(trial):
    gap = trial.estimates.mean(axis=0) - trial.truth
    noise = trial.estimates.std(axis=0, ddof=1) / np.sqrt(REPLICATIONS)
    assert (np.abs(gap) < 4 * noise).all(), gap / noise


def test_standard_errors_are_the_spread_of_the_estimates(trial):
    """A standard deviation from 200 draws is itself off by 5 %; four of those, two more for the errors' own bias."""
    ratio = trial.errors.mean(axis=0) / trial.estimates.std(axis=0, ddof=1)
    assert (np.abs(ratio - 1) < 6 * 0.05).all(), ratio
    assert abs(ratio.mean() - 1) < 0.06


def test_intervals_cover_the_truth(trial):
    inside = (np.abs(trial.estimates - trial.truth) < 1.959964 * trial.errors).mean(axis=0)
    noise = np.sqrt(0.95 * 0.05 / REPLICATIONS)
    assert (np.abs(inside - 0.95) < 4 * noise).all(), inside
    assert abs(inside.mean() - 0.95) < 0.02
