"""Recovery of the joint model: ``python -m benchmarks.recovery [--surveys 200] [--firms 2000] [--profile]``.

Simulated surveys are drawn from the stated model (margins "expected": no draw is conditioned on a count) and the joint
nested logit of form and destination is estimated on each. The table has the truth, the mean estimate, its bias beside
the simulation error, the spread of the estimates beside the mean standard error, and how often the 95 % intervals
cover the truth: estimate and standard error, and with ``--profile`` the profile likelihood's of the lambdas as well.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from relocchoice.relocation.provenance import SIMULATED
from relocchoice.relocation.ready_models import joint_model
from relocchoice.relocation.survey import Truth, simulate_survey
from relocchoice.relocation.survey.truth import SHIFT

HALF = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimates:
    """One survey: (p,) estimates and standard errors in the order of the true coefficients; whether it converged.

    ``profiled`` (p,): whether the 95 % profile interval covers the truth; NaN where that was not asked.
    """

    estimate: np.ndarray
    error: np.ndarray
    converged: bool
    profiled: np.ndarray


def truth_params() -> pd.Series:
    """(p,) the true coefficients of the joint model."""
    return Truth(pd.DataFrame()).params("joint")


def one_survey(seed: int, firms: int, profile: bool = False) -> Estimates:
    """Draw a survey and estimate the joint model on it."""
    survey = simulate_survey(firms, seed=seed, margins="expected")
    fit = joint_model(offset=SHIFT).fit(survey.choice_data("joint"), progress=False)
    names = survey.truth.params("joint").index
    profiled = np.full(len(names), np.nan)
    for k, (name, value) in enumerate(survey.truth.params("joint").items()):
        if profile and str(name).startswith("lambda:"):
            # the interval holds what the likelihood-ratio test does not reject
            profiled[k] = fit.lr_test(f"`{name}` = {value}").pvalue >= 0.05
    return Estimates(fit.params[names].to_numpy(), fit.bse[names].to_numpy(), fit.converged, profiled)


def recovery_table(found: Iterable[Estimates]) -> pd.DataFrame:
    """One row a parameter: ``truth``, ``mean``, ``bias``, ``simulation_error`` (of the mean), ``z`` (bias over it),
    ``sd`` (of the estimates), ``mean_error`` (mean standard error), ``coverage`` (of the 95 % intervals), and
    ``profile`` (of the profile likelihood's) where it was asked."""
    truth = truth_params()
    drawn = list(found)
    estimates, errors = np.array([one.estimate for one in drawn]), np.array([one.error for one in drawn])
    mean, sd = estimates.mean(axis=0), estimates.std(axis=0, ddof=1)
    simulation = sd / np.sqrt(len(drawn))
    covered = np.abs(estimates - truth.to_numpy()) <= HALF * errors
    table = pd.DataFrame(
        {
            "truth": truth,
            "mean": mean,
            "bias": mean - truth,
            "simulation_error": simulation,
            "z": (mean - truth) / simulation,
            "sd": sd,
            "mean_error": errors.mean(axis=0),
            "coverage": covered.mean(axis=0),
            "profile": np.array([one.profiled for one in drawn]).mean(axis=0),
        }
    )
    return table.dropna(axis="columns", how="all")


def recover(surveys: int, firms: int, seed: int = 0, workers: int = 1, profile: bool = False) -> list[Estimates]:
    """Estimates of surveys with the seeds ``seed``, ``seed + 1``, ..."""
    seeds = range(seed, seed + surveys)
    task = partial(one_survey, firms=firms, profile=profile)
    if workers == 1:
        return [task(one) for one in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(task, seeds, chunksize=4))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--surveys", type=int, default=200)
    parser.add_argument("--firms", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--profile", action="store_true", help="coverage of the lambdas' profile intervals as well")
    asked = parser.parse_args()
    found = recover(asked.surveys, asked.firms, asked.seed, asked.workers, asked.profile)
    ended = [one for one in found if one.converged and np.isfinite(one.error).all()]
    print(f"[{SIMULATED}] recovery of the joint nested logit: {len(ended)} surveys of {asked.firms:,} firms")
    if len(ended) < len(found):
        print(f"{len(found) - len(ended)} further surveys have no finite maximum and are left out")
    table = recovery_table(ended)
    print(table.round(4).to_string(na_rep=""))
    print(f"mean coverage {table['coverage'].mean():.4f}; largest |z| {table['z'].abs().max():.2f}")


if __name__ == "__main__":
    main()
