"""Size of the encompassing test: ``python -m benchmarks.encompassing_size [--samples 300] [--firms 1000]``.

In the survey's own world technology and environment count for nothing, in the rival world the price and the space of
land do. Each true null is tested by its likelihood ratio inside the union of both models, as
``relocation.claims.push_by_price_or_technology`` does, on surveys that are drawn anew. The table has how often it is
rejected at 1, 5 and 10 %, and the mean of the statistic beside its degrees of freedom.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from relocchoice.inference.hypotheses import TestResult
from relocchoice.relocation.claims.push import PRICE, TECHNOLOGY, adds, push_choices, rival_choices
from relocchoice.relocation.provenance import SIMULATED
from relocchoice.relocation.survey import simulate_survey

LEVELS = (0.01, 0.05, 0.10)
OWN, RIVAL = "own world: technology adds nothing", "rival world: price adds nothing"
# the rival's choices need random numbers of their own, not those that made the firms
APART = 1_000_000


def true_nulls(seed: int, firms: int) -> dict[str, TestResult]:
    """The tests of both true nulls on one survey."""
    survey = simulate_survey(firms, seed=seed, margins="expected")
    return {
        OWN: adds(push_choices(survey), TECHNOLOGY, PRICE),
        RIVAL: adds(rival_choices(survey, seed=seed + APART), PRICE, TECHNOLOGY),
    }


def size_table(drawn: Sequence[dict[str, TestResult]]) -> pd.DataFrame:
    """One row a null: ``samples``, rejections at each level, ``mean`` of the statistic and its ``df``."""
    rows = {}
    for null in (OWN, RIVAL):
        found = [one[null] for one in drawn]
        pvalues = np.array([test.pvalue for test in found])
        rejected = {f"rejected at {100 * level:g} %": float((pvalues < level).mean()) for level in LEVELS}
        mean = float(np.mean([test.statistic for test in found]))
        rows[null] = {"samples": len(found), **rejected, "mean": mean, "df": found[0].df}
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--firms", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1000)
    asked = parser.parse_args()
    drawn = [true_nulls(seed, asked.firms) for seed in range(asked.seed, asked.seed + asked.samples)]
    print(f"[{SIMULATED}] size of the encompassing test: {asked.samples} surveys of {asked.firms:,} firms")
    print(size_table(drawn).round(4).to_string())
    print(f"simulation error at 5 %: {np.sqrt(0.05 * 0.95 / asked.samples):.4f}")


if __name__ == "__main__":
    main()
