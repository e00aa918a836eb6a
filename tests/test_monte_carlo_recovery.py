"""Recovery of the joint model on simulated surveys, and of its two-step errors; ``benchmarks/recovery.py`` has more."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from relocchoice.relocation.ready_models import joint_model, two_step
from relocchoice.relocation.survey import simulate_survey

pytestmark = pytest.mark.slow
SURVEYS, FIRMS = 40, 1000


def test_the_joint_model_recovers_the_stated_truth() -> None:
    experiment = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "recovery.py"))
    found = experiment["recover"](SURVEYS, FIRMS)
    assert all(one.converged for one in found)
    table = experiment["recovery_table"](found)
    # unbiased within simulation error: 19 parameters, so 3.5 rather than 2
    assert (table["z"].abs() < 3.5).all(), table.to_string()
    # each parameter's coverage has a standard error of 3.4 %, their mean much less
    assert 0.93 <= table["coverage"].mean() <= 0.97, table.to_string()
    assert (table["coverage"] >= 0.82).all(), table.to_string()
    ratio = table["mean_error"] / table["sd"]
    assert 0.9 < ratio.mean() < 1.1


def test_two_step_errors_cover() -> None:
    """The corrected intervals cover; the naive ones of the inclusive value's coefficient do not."""
    truth = None
    hits, naive = [], []
    for seed in range(SURVEYS):
        survey = simulate_survey(FIRMS, seed=seed, margins="expected")
        found = two_step(joint_model(offset="shift"), survey.choice_data("joint")).estimates
        truth = survey.truth.params("joint")
        gap = (found["two_step"].loc[truth.index] - truth).abs()
        hits.append((gap <= 1.96 * found["bse"].loc[truth.index]).to_numpy())
        name = "lambda:manufacturing"
        naive.append(bool(gap[name] <= 1.96 * found.loc[name, "bse_naive"]))
    assert 0.92 <= np.mean(hits) <= 0.97
    assert np.mean(naive) < 0.85
