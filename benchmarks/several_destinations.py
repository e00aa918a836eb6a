"""What four treatments of events with several destinations recover: ``python -m benchmarks.several_destinations``.

Events choose 1 to 4 of 8 places with utilities -cost + 0.6 distance. Two truths: a set of given size by its conditional
probability, and places drawn one after the other from what is left. For each treatment the mean estimate of the cost
coefficient (true: -1), its standard deviation over the samples, the mean standard error, and how often the 95% interval
covers -1 and covers what the treatment estimates in a very large sample. Counts with event effects (Poisson) have the
estimates of one case a destination.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import relocchoice as rc

TRUTH = np.array([-1.0, 0.6])
FORMULA = "taken ~ cost + distance | 0"
TREATMENTS = ("one case, naive errors", "one case, by event", "weights 1/m, by event", "sets, m of J")


def events(n: int, seed: int, truth: str, places: int = 8, most: int = 4) -> rc.ChoiceData:
    """Simulated events; ``truth`` is ``"sets"`` or ``"sequence"``."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, places, 2))
    v = x @ TRUTH
    size = rng.integers(1, most + 1, n)
    if truth == "sequence":
        rank = np.argsort(np.argsort(-(v + rng.gumbel(size=v.shape)), axis=1), axis=1)
        taken = rank < size[:, None]
    else:
        taken = _conditional_sets(v, size, rng)
    table = {
        "event": np.repeat(np.arange(n), places),
        "place": np.tile(np.arange(places), n),
        "taken": taken.ravel(),
        "cost": x[:, :, 0].ravel(),
        "distance": x[:, :, 1].ravel(),
    }
    return rc.ChoiceData.from_long(table, case="event", alternative="place", chosen="taken", several=True)


def _conditional_sets(v: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Independent picks with odds exp(v), kept when they make a set of the wanted size."""
    taken = np.zeros(v.shape, dtype=bool)
    p = 1.0 / (1.0 + np.exp(-(v + np.log(size / v.shape[1])[:, None])))
    open_ = np.arange(len(v))
    while len(open_):
        taken[open_] = rng.random((len(open_), v.shape[1])) < p[open_]
        open_ = open_[taken[open_].sum(axis=1) != size[open_]]
    return taken


def estimates(data: rc.ChoiceData) -> np.ndarray:
    """(treatments, 2) estimate and standard error of cost."""
    found = rc.compare_treatments(FORMULA, data)
    naive = found.each.with_cov("hessian")
    return np.array([(fit.params["cost"], fit.bse["cost"]) for fit in (naive, found.each, found.shared, found.sets)])


def table(truth: str, samples: int, n: int, large: int) -> pd.DataFrame:
    """One row a treatment."""
    limit = estimates(events(large, 10**6, truth))[:, 0]
    found = np.stack([estimates(events(n, seed, truth)) for seed in range(samples)])
    value, error = found[:, :, 0], found[:, :, 1]

    def covered(target: np.ndarray | float) -> np.ndarray:
        return np.asarray((np.abs(value - target) < 1.959964 * error).mean(axis=0))

    columns = {
        "large sample": limit,
        "mean": value.mean(axis=0),
        "sd": value.std(axis=0, ddof=1),
        "mean s.e.": error.mean(axis=0),
        "covers -1": covered(TRUTH[0]),
        "covers its limit": covered(limit),
    }
    return pd.DataFrame(columns, index=pd.Index(TREATMENTS, name=f"truth: {truth}"))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--large", type=int, default=100_000)
    options = parser.parse_args()
    for truth in ("sets", "sequence"):
        print(table(truth, options.samples, options.events, options.large).round(3).to_string(), end="\n\n")


if __name__ == "__main__":
    main()
