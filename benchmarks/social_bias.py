"""The bias of realised peer shares, and what is left of it: ``python -m benchmarks.social_bias [--samples 100]``.

Firms of 40 towns, 20 a town, choose among three places given the shares that they rightly expect in their town. Each
sample is estimated with the realised shares of the town, the firm's own choice included or left out, and by the two
estimators that solve for expected shares. The table holds the mean of the estimated interaction less the truth, its
simulation error, the spread of the estimates beside the mean of their standard errors, and the coverage of the 95 %
intervals. Realised shares are expected ones with an error: without the own choice that pulls the estimate to zero, with
it the firm's own taste counts as interaction.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd

import relocchoice as rc
from relocchoice.relocation.social import SocialLogit, equilibria

PLACES = ("home", "near", "far")
TRUTH = {"Intercept:near": 0.3, "Intercept:far": -0.2, "cost": -1.0, "peers": 1.5}
TOWNS, FIRMS = 40, 20
MODEL = SocialLogit("chosen ~ cost + peers", group="town", base="home")
WAYS = {
    "realised, own included": {"method": "realised", "own": "included"},
    "realised, own left out": {"method": "realised", "own": "left out"},
    "nested pseudo-likelihood": {"method": "npl"},
    "nested fixed point": {"method": "nfp"},
}


def sample(seed: int) -> rc.ChoiceData:
    """Choices of one sample."""
    rng = np.random.default_rng([20070819, seed])
    cost = rng.normal(size=(TOWNS, 1, 3)) + rng.normal(size=(TOWNS, FIRMS, 3))
    v = np.array([0.0, TRUTH["Intercept:near"], TRUTH["Intercept:far"]]) + TRUTH["cost"] * cost
    expected = np.stack([equilibria(town, TRUTH["peers"]).shares.to_numpy()[0] for town in v])
    taste = rng.gumbel(size=v.shape)
    chosen = (v + TRUTH["peers"] * expected[:, None] + taste).argmax(axis=2).ravel()
    n = TOWNS * FIRMS
    frame = {
        "firm": np.repeat(np.arange(n), 3),
        "town": np.repeat(np.arange(TOWNS), 3 * FIRMS),
        "place": np.tile(PLACES, n),
        "cost": cost.ravel(),
        "chosen": (np.arange(3) == chosen[:, None]).ravel(),
    }
    return rc.ChoiceData.from_long(pd.DataFrame(frame), case="firm", alternative="place", chosen="chosen")


def replicate(samples: int) -> pd.DataFrame:
    """One row a sample and way: estimate, standard error and convergence of the interaction."""
    rows = []
    for seed in range(samples):
        data = sample(seed)
        for way, options in WAYS.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rc.ConvergenceWarning)
                fit = MODEL.fit(data, **options)
            rows.append((seed, way, fit.params["peers"], fit.bse["peers"], fit.converged))
    return pd.DataFrame(rows, columns=["sample", "way", "estimate", "error", "converged"])


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread and coverage of each way."""
    truth = TRUTH["peers"]
    out = {}
    for way, part in rows.groupby("way", sort=False):
        gap = part["estimate"] - truth
        out[way] = {
            "bias": gap.mean(),
            "simulation error": gap.std() / np.sqrt(len(part)),
            "spread": gap.std(),
            "mean std. error": part["error"].mean(),
            "coverage": (gap.abs() < 1.959964 * part["error"]).mean(),
            "converged": part["converged"].mean(),
        }
    return pd.DataFrame(out).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100)
    samples = parser.parse_args().samples
    print(
        f"Simulated choices, {samples} samples of {TOWNS} towns with {FIRMS} firms; true interaction {TRUTH['peers']}"
    )
    print(table(replicate(samples)).round(3).to_string())


if __name__ == "__main__":
    main()
