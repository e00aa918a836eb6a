"""Monte Carlo of Firth's penalised likelihood where maximum likelihood is infinite in many samples of 90 choices.

The experiment is that of ``benchmarks/firth_simulation.py``.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relocchoice.engine.penalty import FirthPenalty

pytestmark = pytest.mark.slow

SAMPLES = 1000
SHOWN = ("plant:interior", "plant:abroad")


@pytest.fixture(scope="module")
def experiment() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "firth_simulation.py"))


@pytest.fixture(scope="module")
def firth(experiment):
    return experiment["run"](experiment["design"](), FirthPenalty(), SAMPLES, 2003, 50, SHOWN)


@pytest.fixture(scope="module")
def plain(experiment):
    """The same samples by maximum likelihood, the first 150 of them."""
    return experiment["run"](experiment["design"](), None, 150, 2003, 0, SHOWN)


def test_maximum_likelihood_is_infinite_in_many_samples(plain):
    infinite = np.isinf(plain.estimates)
    assert 0.15 < infinite.any(axis=1).mean() < 0.5


def test_firth_is_finite_and_right_on_average(experiment, firth):
    """Within three standard errors of the simulation, and below 0.1; what is left is of second order in 1/n."""
    errors = firth.estimates - [experiment["TRUTH"][name] for name in SHOWN]
    assert np.isfinite(errors).all()
    noise = errors.std(axis=0, ddof=1) / np.sqrt(SAMPLES)
    assert (np.abs(errors.mean(axis=0)) < 3 * noise).all(), (errors.mean(axis=0), noise)
    assert (np.abs(errors.mean(axis=0)) < 0.1).all()


def test_profile_intervals_cover_and_are_finite(firth):
    covers = firth.profile.mean(axis=0)
    assert ((covers > 0.93) & (covers < 0.97)).all(), covers
    computed = ~np.isnan(firth.closed)
    assert computed.sum() == 50
    assert firth.closed[computed].all()
    assert firth.agrees[computed].all()
