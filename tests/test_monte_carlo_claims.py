"""Many synthetic surveys: the encompassing test rejects a true null as often as its level says."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

pytestmark = pytest.mark.slow

SURVEYS, FIRMS = 300, 1000


def test_the_encompassing_test_keeps_its_level_in_both_worlds() -> None:
    experiment = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "encompassing_size.py"))
    table = experiment["size_table"]([experiment["true_nulls"](seed, FIRMS) for seed in range(1000, 1000 + SURVEYS)])
    assert len(table) == 2
    for null in table.index:
        for level in (0.05, 0.10):
            rejected = round(SURVEYS * table.loc[null, f"rejected at {100 * level:g} %"])
            assert binomtest(rejected, SURVEYS, level).pvalue > 0.005, (null, level, rejected)
        # a chi-squared variable with df degrees of freedom has mean df and variance 2 df
        df = table.loc[null, "df"]
        assert abs(table.loc[null, "mean"] - df) < 3 * np.sqrt(2 * df / SURVEYS), null
