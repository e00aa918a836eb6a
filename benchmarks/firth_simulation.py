"""Bias and coverage in small, sparse samples: ``python -m benchmarks.firth_simulation [--samples 1000] [--seed 1]``.

90 firms choose one of four places; 45 move as a whole, 45 a plant; they differ in size. In a fifth of the samples no
whole firm goes abroad, or none to the interior: then maximum likelihood is infinite. The table compares it with Firth's
penalised likelihood and a ridge penalty (normal prior, standard deviation 2.5, on all but the constants).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

import relocchoice as rc
from relocchoice.engine.bind import bind
from relocchoice.engine.penalty import FirthPenalty, Penalty, RidgePenalty, constant_names
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Found, SearchOptions, reference_information, search
from relocchoice.inference.hypotheses import linear_restrictions
from relocchoice.inference.profile import profile_interval
from relocchoice.inference.restricted import likelihood_ratio, surface
from relocchoice.inference.tails import chi2_quantile, normal_quantile

PLACES = ("township", "city", "interior", "abroad")
TRUTH = {
    "Intercept:city": -1.0,
    "Intercept:interior": -2.7,
    "Intercept:abroad": -2.9,
    "plant:city": 0.8,
    "plant:interior": 1.7,
    "plant:abroad": 2.3,
    "size:city": 0.4,
    "size:interior": -0.5,
    "size:abroad": 0.6,
}
SHOWN = ("Intercept:abroad", "plant:interior", "plant:abroad", "size:city", "size:abroad")
SIZES = np.linspace(-1.5, 1.5, 9)
FIRMS = 5
CUT = chi2_quantile(0.05, 1)
HALF = normal_quantile(0.025)
INFINITE = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The cells of the experiment, one case for each cell and place; a sample is a vector of counts.

    Attributes
    ----------
    problem : with a weight of one everywhere; reference : (q, q) its curvature with the firms' numbers.
    probabilities : (cells, J) of the truth; order : (n,) position of each case in the raveled table of counts.
    constants : names of the constants.
    """

    problem: Problem
    probabilities: np.ndarray
    order: np.ndarray
    constants: tuple[str, ...]

    def sample(self, rng: np.random.Generator) -> Problem:
        """The problem of a new sample: 5 firms a cell."""
        counts = np.array([rng.multinomial(FIRMS, p) for p in self.probabilities], dtype=float)
        return replace(self.problem, weights=counts.ravel()[self.order])


def design() -> Design:
    """Set up the cells, the model and the truth."""
    cells = [(plant, size) for plant in (0, 1) for size in SIZES]
    rows = pd.DataFrame(
        [(k, plant, size, place, 1) for k, (plant, size) in enumerate(cells) for place in PLACES],
        columns=["cell", "plant", "size", "place", "n"],
    )
    data = rc.ChoiceData.from_counts(rows, count="n", alternative="place", cell="cell")
    model = rc.MultinomialLogit("chosen ~ 0 | plant + size", base="township")
    columns = model.spec.specification.learn(data, model.spec.base).columns(data)
    problem = bind(model.spec, columns, data)
    v = np.array(
        [
            [
                TRUTH.get(f"Intercept:{p}", 0) + TRUTH.get(f"plant:{p}", 0) * a + TRUTH.get(f"size:{p}", 0) * b
                for p in PLACES
            ]
            for a, b in cells
        ]
    )
    p = np.exp(v)
    label = pd.Series(data.cases.astype(str)).str.split(" -> ", expand=True)
    order = label[0].astype(int).to_numpy() * len(PLACES) + label[1].map(PLACES.index).to_numpy()
    return Design(problem, p / p.sum(axis=1, keepdims=True), order, constant_names(columns, problem.space))


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One method on R samples, s parameters.

    Attributes
    ----------
    estimates : (R, s); infinite where the estimate is.
    wald, profile : (R, s) whether the 95 % interval covers the truth; an infinite estimate has no Wald interval.
    closed : (R,) whether the profile interval of ``plant:abroad`` has two finite ends, where it was computed, else NaN.
    agrees : the same samples: whether that interval and the likelihood-ratio test at the truth say the same.
    """

    estimates: np.ndarray
    wald: np.ndarray
    profile: np.ndarray
    closed: np.ndarray
    agrees: np.ndarray


def run(
    cells: Design,
    penalty: Penalty | None,
    samples: int,
    seed: int,
    intervals: int,
    shown: tuple[str, ...] = SHOWN,
) -> Trial:
    """Fit ``samples`` samples, the same for every method.

    Parameters
    ----------
    intervals : in how many of them the profile interval of ``plant:abroad`` is computed.
    shown : the parameters of the trial, ``plant:abroad`` among them.
    """
    names = cells.problem.space.names
    at = [names.index(name) for name in shown]
    truth = np.array([TRUTH[name] for name in shown])
    estimates, wald, profile = (np.empty((samples, len(shown))) for _ in range(3))
    closed, agrees = np.full(samples, np.nan), np.full(samples, np.nan)
    for r, stream in enumerate(np.random.default_rng(seed).spawn(samples)):
        problem = cells.sample(stream)
        found = search(problem, reference_information(problem), None, SearchOptions(), None, penalty)
        estimates[r], spread = _estimates(problem, found, at)
        wald[r] = np.abs(estimates[r] - truth) <= HALF * spread
        on = surface(problem, found.maximum.x, penalty)
        for k, name in enumerate(shown):
            test = likelihood_ratio(on, linear_restrictions(f"{name} = {TRUTH[name]}", names))
            profile[r, k] = test.statistic <= CUT
        if r < intervals:
            interval = profile_interval(on, (np.array(names) == "plant:abroad").astype(float))
            closed[r] = np.isfinite([interval.lower, interval.upper]).all()
            inside = interval.lower <= TRUTH["plant:abroad"] <= interval.upper
            agrees[r] = inside == profile[r, shown.index("plant:abroad")]
    return Trial(estimates, wald, profile, closed, agrees)


def _estimates(problem: Problem, found: Found, at: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and standard errors; infinite and NaN where the search ran off."""
    estimates = problem.user(found.maximum.x)[at]
    gone = (np.abs(estimates) > INFINITE) & (found.maximum.status == "flat")
    try:
        covariance = problem.jacobian @ np.linalg.inv(-found.curvature) @ problem.jacobian.T
        spread = np.sqrt(np.maximum(np.diag(covariance)[at], 0.0))
    except np.linalg.LinAlgError:
        spread = np.full(len(at), np.nan)
    return np.where(gone, np.sign(estimates) * np.inf, estimates), np.where(gone, np.nan, spread)


def methods(cells: Design) -> dict[str, Penalty | None]:
    """What is compared."""
    return {"ML": None, "Firth": FirthPenalty(), "ridge": RidgePenalty(2.5, unpenalised=cells.constants)}


def table(trials: dict[str, Trial]) -> pd.DataFrame:
    """One row a method and parameter; the mean error is over the finite estimates."""
    rows = []
    for method, trial in trials.items():
        for k, name in enumerate(SHOWN):
            finite = np.isfinite(trial.estimates[:, k])
            errors = trial.estimates[finite, k] - TRUTH[name]
            rows.append(
                {
                    "parameter": name,
                    "method": method,
                    "infinite %": 100 * (1 - finite.mean()),
                    "mean error": errors.mean(),
                    "+/-": 1.96 * errors.std(ddof=1) / np.sqrt(len(errors)),
                    "rmse": np.sqrt((errors**2).mean()),
                    "Wald covers %": 100 * trial.wald[:, k].mean(),
                    "profile covers %": 100 * trial.profile[:, k].mean(),
                    "both ends finite %": 100 * np.nanmean(trial.closed) if name == "plant:abroad" else np.nan,
                }
            )
    out = pd.DataFrame(rows)
    out["parameter"] = pd.Categorical(out["parameter"], SHOWN)
    return out.sort_values("parameter", kind="stable").set_index(["parameter", "method"])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--intervals", type=int, default=100, help="samples in which the whole interval is computed")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cells = design()
    trials = {
        name: run(cells, penalty, options.samples, options.seed, options.intervals)
        for name, penalty in methods(cells).items()
    }
    print(table(trials).round(3).to_string(na_rep=""))


if __name__ == "__main__":
    main()
