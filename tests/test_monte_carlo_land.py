"""Monte Carlo of endogenous land prices: plain columns are biased, corrected ones are right, and so are their errors.

The experiment is that of ``benchmarks/endogenous_land.py``.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

SAMPLES = 200
EXPERIMENTS = (
    "choices: plain, control function",
    "shares, multinomial: OLS, 2SLS",
    "shares, nested: OLS, 2SLS",
)


@pytest.fixture(scope="module")
def experiment() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "endogenous_land.py"))


@pytest.fixture(scope="module", params=EXPERIMENTS)
def table(request, experiment) -> pd.DataFrame:
    return experiment["three_columns"](request.param, SAMPLES)


def test_the_corrected_column_is_the_truth_on_average(table):
    noise = table["spread"] / np.sqrt(SAMPLES)
    # what is left of the bias in samples of this size is a small part of a standard error
    assert (abs(table["corrected"] - table["truth"]) < 4 * noise + 0.1 * table["spread"]).all(), table


def test_the_plain_column_is_biased(table):
    assert table.loc["log(land_price)", "plain"] > table.loc["log(land_price)", "truth"] + 0.2
    assert table.loc["log(land_price)", "covered_plain"] < 0.05


def test_standard_errors_are_the_spread_and_intervals_cover(table):
    ratio = table["mean_error"] / table["spread"]
    assert (abs(ratio - 1) < 4 * 0.05).all(), table
    noise = np.sqrt(0.95 * 0.05 / SAMPLES)
    assert (abs(table["covered"] - 0.95) < 4 * noise).all(), table
