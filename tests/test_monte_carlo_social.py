"""Monte Carlo of social interactions: the naive estimate is biased, the corrected ones are not, and intervals cover.

The experiment is that of ``benchmarks/social_bias.py``.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

SAMPLES = 150


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    experiment = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "social_bias.py"))
    out: pd.DataFrame = experiment["table"](experiment["replicate"](SAMPLES))
    return out


def test_realised_shares_are_biased_both_ways(found):
    for way, sign in (("realised, own included", 1.0), ("realised, own left out", -1.0)):
        row = found.loc[way]
        assert sign * row["bias"] > 10 * row["simulation error"]


@pytest.mark.parametrize("way", ["nested pseudo-likelihood", "nested fixed point"])
def test_expected_shares_are_not(found, way):
    row = found.loc[way]
    assert row["converged"] > 0.97
    assert abs(row["bias"]) < 3.5 * row["simulation error"]
    assert row["mean std. error"] == pytest.approx(row["spread"], rel=4 / np.sqrt(2 * SAMPLES))
    assert row["coverage"] == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / SAMPLES))
