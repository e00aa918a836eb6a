"""Coverage of the delta-method intervals of effects: ``python -m benchmarks.effects_coverage [--samples 500]``.

600 firms choose one of six places in a nested logit three levels deep (near or away; away rich or poor; the place), all
four lambdas free. The attributes are drawn once and the choices anew in every sample, as effects are averages over the
cases at hand; so the truth is the same function at the true parameters on the same cases. The table says how often the
95 % intervals of each kind of figure cover it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import binom

import relocchoice as rc

PLACES = ("township", "county", "metro", "coast", "inland", "border")
NESTS = {"near": ["township", "county"], "away": {"rich": ["metro", "coast"], "poor": ["inland", "border"]}}
TRUTH = {
    "Intercept:county": 0.3,
    "Intercept:metro": 0.2,
    "Intercept:coast": 0.3,
    "Intercept:inland": -0.2,
    "Intercept:border": -0.3,
    "cost": -1.0,
    "access": 0.6,
    "assets:county": -0.2,
    "assets:metro": 0.5,
    "assets:coast": 0.4,
    "assets:inland": 0.2,
    "assets:border": 0.3,
    "lambda:near": 0.7,
    "lambda:away": 0.8,
    "lambda:rich": 0.5,
    "lambda:poor": 0.6,
}
FORMULA = "chosen ~ cost + access | assets"
DEAR = rc.Scenario("dear").scale("cost", 1.2, where={"alternative": ["metro", "coast"]})
SEED = 20061113
HALF = 1.959964


def model(**options: object) -> rc.NestedLogit:
    """The model of the experiment."""
    return rc.NestedLogit(FORMULA, NESTS, base="township", **options)  # type: ignore[arg-type]


def cases(n: int, seed: int = SEED) -> rc.ChoiceData:
    """The n firms; everybody has chosen the first place."""
    rng = np.random.default_rng(seed)
    size = len(PLACES)
    table = {
        "firm": np.repeat(np.arange(n), size),
        "place": np.tile(PLACES, n),
        "chosen": np.tile(np.arange(size) == 0, n),
        "cost": rng.normal(2.0, 1.0, n * size),
        "access": rng.normal(1.0, 1.0, n * size),
        "assets": np.repeat(rng.normal(size=n), size),
    }
    return rc.ChoiceData.from_long(pd.DataFrame(table), case="firm", alternative="place", chosen="chosen")


def true_fit(data: rc.ChoiceData) -> rc.ChoiceResults:
    """The model held at the truth."""
    everywhere = np.arange(data.n_cases) % data.n_alternatives
    return model(fixed=TRUTH).fit(replace(data, chosen=everywhere), "none", progress=False)


def sampled(data: rc.ChoiceData, probabilities: np.ndarray, rng: np.random.Generator) -> rc.ChoiceData:
    """The same firms with choices drawn anew."""
    drawn = (probabilities.cumsum(axis=1) < rng.random((len(probabilities), 1))).sum(axis=1)
    return replace(data, chosen=np.minimum(drawn, data.n_alternatives - 1))


def figures(fit: rc.ChoiceResults) -> pd.DataFrame:
    """Estimate, standard error, lower and upper end of all figures, by kind."""
    parts: list[tuple[str, pd.DataFrame]] = []

    def pairs(name: str, table: pd.DataFrame) -> None:
        of, to = table.index.get_level_values("attribute of"), table.index.get_level_values("probability of")
        joint = of == "(all)"
        parts.extend(
            [
                (f"{name}, own", table[(of == to) & ~joint]),
                (f"{name}, cross", table[(of != to) & ~joint]),
                (f"{name} of a case variable", table[joint]),
            ]
        )

    pairs("average marginal effect", rc.marginal_effects(fit).table)
    pairs("elasticity", rc.elasticities(fit, ["cost", "access", "assets"]).table)
    pairs("mean elasticity of the cases", rc.elasticities(fit, ["cost", "access", "assets"], weights="cases").table)
    for interval in ("delta", "fieller"):
        worth = rc.willingness_to_pay(fit, "access", "cost", interval=interval).table  # type: ignore[arg-type]
        parts.append(("willingness to pay" + ("" if interval == "delta" else ", Fieller"), worth))
    parts.append(("share of a place", rc.shares(fit).table))
    parts.append(("share of a nest", rc.shares(fit, of="nests").table))
    parts.append(("share within a nest", rc.shares(fit, of="within").table))
    changed = rc.compare_scenarios(fit, DEAR, cost="cost")
    parts.append(("change of a share, scenario", _renamed(changed.table)))
    assert changed.logsum is not None
    parts.append(("log-sum change, scenario", _renamed(changed.logsum)))
    held = DEAR.apply(fit.problem.data)  # type: ignore[union-attr]
    parts.append(("log-sum change, utility", rc.welfare_change(fit, held).table.loc[["mean"]]))
    parts.append(("log-sum change, money", rc.welfare_change(fit, held, "cost").table.loc[["mean"]]))
    columns = ["estimate", "std_error", "lower", "upper"]
    labelled = []
    for kind, table in parts:
        index = pd.MultiIndex.from_tuples([(kind, " / ".join(map(str, np.atleast_1d(key)))) for key in table.index])
        labelled.append(table[columns].set_axis(index))
    return pd.concat(labelled).rename_axis(["kind", "figure"])


def case_figures(fit: rc.ChoiceResults) -> pd.DataFrame:
    """The figures of the case variable alone, among which those worst covered by :func:`figures` are."""
    parts = {
        "average marginal effect of a case variable": rc.marginal_effects(fit, "assets"),
        "elasticity of a case variable": rc.elasticities(fit, "assets"),
        "mean elasticity of the cases of a case variable": rc.elasticities(fit, "assets", weights="cases"),
    }
    columns = ["estimate", "std_error", "lower", "upper"]
    tables = [found.table[columns].droplevel(["variable", "attribute of"]) for found in parts.values()]
    return pd.concat(tables, keys=parts, names=["kind", "figure"])


def _renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"difference": "estimate"})


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """R samples of m figures.

    Attributes
    ----------
    index : (m,) kind and name; truth : (m,).
    estimates, errors, lower, upper : (R, m).
    failed : samples without a finite maximum, which are left out of R.
    """

    index: pd.MultiIndex
    truth: np.ndarray
    estimates: np.ndarray
    errors: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    failed: int

    @property
    def covered(self) -> np.ndarray:
        """(R, m) whether the interval covers the truth."""
        return np.asarray((self.lower <= self.truth) & (self.truth <= self.upper))


def run(samples: int, n: int = 600, seed: int = 1, of: Callable[[rc.ChoiceResults], pd.DataFrame] = figures) -> Trial:
    """Draw, fit and evaluate ``samples`` times."""
    data = cases(n)
    known = true_fit(data)
    truth = of(known)
    probabilities = known.predict().to_numpy()
    found, failed = [], 0
    for stream in np.random.default_rng(seed).spawn(samples):
        fit = model().fit(sampled(data, probabilities, stream), progress=False)
        if not fit.converged:
            failed += 1
            continue
        table = of(fit)
        assert table.index.equals(truth.index)
        found.append(table.to_numpy())
    values = np.array(found)
    index = truth.index
    assert isinstance(index, pd.MultiIndex)
    estimates, errors, lower, upper = np.moveaxis(values, 2, 0)
    return Trial(index, truth["estimate"].to_numpy(), estimates, errors, lower, upper, failed)


def table(trial: Trial) -> pd.DataFrame:
    """One row a kind: coverage in per cent, and the mean standard error over the spread of the estimates."""
    covered = 100 * trial.covered.mean(axis=0)
    spread = trial.errors.mean(axis=0) / trial.estimates.std(axis=0, ddof=1)
    bias = (trial.estimates.mean(axis=0) - trial.truth) / trial.estimates.std(axis=0, ddof=1)
    frame = pd.DataFrame({"covered": covered, "spread": spread, "bias": bias}, index=trial.index)
    rows = {}
    for kind, part in frame.groupby(level="kind", sort=False):
        rows[kind] = {
            "figures": str(len(part)),
            "mean %": f"{part['covered'].mean():.1f}",
            "least %": f"{part['covered'].min():.1f}",
            "most %": f"{part['covered'].max():.1f}",
            "outside 93-97": str(int(((part["covered"] < 93) | (part["covered"] > 97)).sum())),
            "s.e. / s.d.": f"{part['spread'].mean():.3f}",
            "largest bias / s.d.": f"{part['bias'].abs().max():.2f}",
        }
    return pd.DataFrame(rows).T


def jointly(trial: Trial) -> str:
    """How many figures lie outside 93-97 %, how many would from noise alone, and whether the worst is noise.

    A figure's number of samples covered is binomial where its interval is exact. The figures of one sample are
    dependent, so the worst is judged by Bonferroni's bound.
    """
    samples, count = trial.covered.shape
    covered = trial.covered.sum(axis=0)
    within = (covered >= 0.93 * samples) & (covered <= 0.97 * samples)
    exact = binom(samples, 0.95)
    numbers = np.arange(samples + 1)
    chance = exact.pmf(numbers)[(numbers >= 0.93 * samples) & (numbers <= 0.97 * samples)].sum()
    tail = np.minimum(1.0, 2 * np.minimum(exact.cdf(covered), exact.sf(covered - 1)))
    worst = int(tail.argmin())
    kind, name = trial.index[worst]
    return (
        f"{within.sum()} of {count} figures are covered in 93-97 %; {count * chance:.0f} would be if all were exact. "
        f"The worst is {100 * covered[worst] / samples:.1f} % ({kind}: {name}): p = {tail[worst]:.2g}, "
        f"{min(1.0, count * tail[worst]):.2g} allowing for {count} figures (Bonferroni). "
        f"Mean over all figures: {100 * covered.mean() / samples:.2f} %."
    )


def each(trial: Trial) -> pd.DataFrame:
    """Of every figure what tells a wrong error from a skewed estimate.

    ``oracle %``: coverage of intervals with the standard deviation of the estimates in place of the standard error;
    ``corr``: of estimate and standard error, which shifts the misses to one side.
    """
    sd = trial.estimates.std(axis=0, ddof=1)
    away = trial.estimates - trial.truth
    centred = trial.estimates - trial.estimates.mean(axis=0)
    errors = trial.errors - trial.errors.mean(axis=0)
    columns = {
        "truth": trial.truth,
        "covered %": 100 * trial.covered.mean(axis=0),
        "s.e. / s.d.": np.sqrt((trial.errors**2).mean(axis=0)) / sd,
        "bias / s.d.": away.mean(axis=0) / sd,
        "skewness": (centred**3).mean(axis=0) / sd**3,
        "oracle %": 100 * (np.abs(away) <= HALF * sd).mean(axis=0),
        "corr": (centred * errors).mean(axis=0) / (sd * trial.errors.std(axis=0)),
        "above %": 100 * (trial.lower > trial.truth).mean(axis=0),
        "below %": 100 * (trial.upper < trial.truth).mean(axis=0),
    }
    return pd.DataFrame(columns, index=trial.index)


def markdown(frame: pd.DataFrame) -> str:
    """The table as Markdown."""
    head = " | ".join(["figures", "number", *frame.columns[1:]])
    lines = [f"| {head} |", "|---" * (len(frame.columns) + 1) + "|"]
    lines += [f"| {kind} | " + " | ".join(row) + " |" for kind, row in zip(frame.index, frame.to_numpy(), strict=True)]
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figures", choices=("all", "case"), default="all", help="case: of the case variable alone")
    parser.add_argument("--out", help="file for the coverage of every figure (CSV)")
    options = parser.parse_args()
    trial = run(options.samples, options.cases, options.seed, case_figures if options.figures == "case" else figures)
    print(markdown(table(trial)))
    noise = 100 * np.sqrt(0.95 * 0.05 / len(trial.estimates))
    print(
        f"\n{len(trial.estimates)} samples of {options.cases} cases, {trial.failed} more without a finite maximum left "
        f"out; one simulation standard error of an exact 95 % is {noise:.2f} points."
    )
    print(jointly(trial))
    if options.out:
        each(trial).to_csv(options.out)


if __name__ == "__main__":
    main()
