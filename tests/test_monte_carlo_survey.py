"""Many synthetic surveys: the joint model's estimates are unbiased and its intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from relocchoice.relocation.survey import simulate_survey

pytestmark = pytest.mark.slow

SURVEYS, FIRMS = 200, 2000


def test_the_joint_model_is_unbiased_and_its_intervals_cover() -> None:
    estimates, covered, spread = [], [], []
    for seed in range(SURVEYS):
        survey = simulate_survey(FIRMS, seed, margins="expected")
        fit = survey.truth.model().fit(survey.choice_data())
        assert fit.converged, seed
        truth = survey.truth.params()
        ends = fit.conf_int()
        estimates.append(fit.params - truth)
        covered.append((ends[0] <= truth) & (truth <= ends[1]))
        spread.append(fit.bse)
    gaps, inside, errors = (np.array(part, dtype=float) for part in (estimates, covered, spread))
    simulation_error = gaps.std(axis=0, ddof=1) / np.sqrt(SURVEYS)
    assert (np.abs(gaps.mean(axis=0)) < 4 * simulation_error).all()
    assert 0.93 <= inside.mean() <= 0.97
    assert (inside.mean(axis=0) > 0.89).all()
    assert errors.mean(axis=0) == pytest.approx(gaps.std(axis=0, ddof=1), rel=0.2)


def test_plain_draws_have_the_published_margins_on_average() -> None:
    total, surveys = 0, 400
    for seed in range(surveys):
        table = simulate_survey(95, seed, margins="expected").margins()
        total = total + table["simulated"].to_numpy(float)
    counted = table["table"].isin([1, 2, 4, 6]).to_numpy()
    published = table["published"].to_numpy(float)[counted]
    mean = (total / surveys)[counted]
    assert mean[published == 0].max() == 0
    z = (mean - published) / np.sqrt(np.maximum(published, 1e-9) / surveys)
    assert np.abs(z[published > 0]).max() < 4.5
    away = (total / surveys)[(table["table"] == 5).to_numpy()]
    assert away / away.sum() == pytest.approx(np.array([11, 15, 5]) / 31, abs=0.015)


def test_a_million_firms_have_the_published_margins() -> None:
    table = simulate_survey(1_000_000, 0).margins()
    assert (table["simulated"] - table["expected"]).abs().max() < 1
