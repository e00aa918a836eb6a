"""Endogenous land prices, three columns: ``python -m benchmarks.endogenous_land [--samples 200]``.

Places have a quality that nobody records, and land is dear where it is high. Prices also answer to the quota of land
and to the share of plains, which firms do not care for. The choices of single firms are estimated without and with a
control function; grouped shares, multinomial and nested, by least squares and by Berry's inversion with instruments.
The table has the mean estimates, the truth, and how often the 95 % intervals cover it. All data are simulated.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

import relocchoice as rc
from relocchoice.relocation.land import BerryLogit, ControlFunction, rival_instruments

PRICE, POLICY, KAPPA, SIGMA = -1.5, 0.6, 1.0, 0.5
TRUTH = {"log(land_price)": PRICE, "policy": POLICY, "price_residual": KAPPA, "sigma": SIGMA}
FIRST = {"Intercept": 2.0, "policy": 0.4, "quota": -0.6, "plains": 0.3}
SEED = 20061113
HALF = 1.959964
CHOICE = rc.MultinomialLogit("chosen ~ log(land_price) + policy | 0")
CONTROL = ControlFunction(
    model=CHOICE, price="log(land_price)", instruments="quota + plains", market=("place", "period")
)
BERRY = BerryLogit(utilities="log(land_price) + policy", price="log(land_price)", instruments="quota + plains")
NESTED = BerryLogit(
    utilities="log(land_price) + policy",
    price="log(land_price)",
    instruments="quota + plains + nest_rivals_policy + nest_rivals_quota",
    nest="zone",
)


def markets(rng: np.random.Generator, n_periods: int = 20, n_places: int = 6, spread: float = 0.5) -> pd.DataFrame:
    """One row a place and period: its price, what moves it, and ``quality``, which is not recorded."""
    size = n_periods * n_places
    policy, quota, plains, quality = rng.normal(size=(4, size))
    quality *= spread
    known = FIRST["Intercept"] + FIRST["policy"] * policy + FIRST["quota"] * quota + FIRST["plains"] * plains
    return pd.DataFrame(
        {
            "period": np.repeat(np.arange(n_periods), n_places),
            "place": np.tile([f"p{j}" for j in range(n_places)], n_periods),
            "zone": np.tile(np.where(np.arange(n_places) % 2, "near", "away"), n_periods),
            "policy": policy,
            "quota": quota,
            "plains": plains,
            "land_price": np.exp(known + quality),
            "quality": quality,
        }
    )


def utility(world: pd.DataFrame) -> np.ndarray:
    """(rows,) of price, policy and quality."""
    v = PRICE * np.log(world["land_price"]) + POLICY * world["policy"] + KAPPA * world["quality"]
    return v.to_numpy()


def choices(world: pd.DataFrame, rng: np.random.Generator, firms_per_period: int = 60) -> rc.ChoiceData:
    """Firms of each period choose among its places."""
    n_places = world["place"].nunique()
    v = np.repeat(utility(world).reshape(-1, n_places), firms_per_period, axis=0)
    picked = np.argmax(v + rng.gumbel(size=v.shape), axis=1)
    at = np.repeat(np.arange(len(world)).reshape(-1, n_places), firms_per_period, axis=0)
    frame = world.drop(columns="quality").iloc[at.ravel()].reset_index(drop=True)
    frame["firm"] = np.repeat(np.arange(len(v)), n_places)
    frame["chosen"] = (np.arange(n_places) == picked[:, None]).ravel()
    return rc.ChoiceData.from_long(frame, case="firm", alternative="place", chosen="chosen")


def shares(world: pd.DataFrame, sigma: float = 0.0) -> pd.DataFrame:
    """The shares of a market of many firms, some of whom stay where they are; nests are the zones."""
    n_places = world["place"].nunique()
    zone = (world["zone"].to_numpy()[:n_places] == "near").astype(int)
    e = np.exp((3.0 + utility(world).reshape(-1, n_places)) / (1 - sigma))
    sums = np.stack([e[:, zone == m].sum(axis=1) for m in (0, 1)], axis=1)
    total = 1.0 + np.sum(sums ** (1 - sigma), axis=1, keepdims=True)
    within = e / sums[:, zone]
    frame = world.drop(columns="quality").assign(share=(within * sums[:, zone] ** (1 - sigma) / total).ravel())
    return frame.join(rival_instruments(frame, ["policy", "quota"], market="period", alternative="place", nest="zone"))


def by_choices(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates and errors of one sample of choices, without and with the control function."""
    results = CONTROL.fit(choices(markets(rng, 60), rng, 30))
    table = results.columns()
    estimates = table[["plain", "control_function"]].set_axis(["plain", "corrected"], axis=1)
    return estimates, table[["plain_error", "control_function_error"]].set_axis(["plain", "corrected"], axis=1)


def by_shares(model: BerryLogit, sigma: float) -> Callable[[np.random.Generator], tuple[pd.DataFrame, pd.DataFrame]]:
    """Estimates and errors of one sample of shares, by least squares and with instruments."""

    def one(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
        frame = shares(markets(rng, 60), sigma)
        fits = [
            model.fit(frame, share="share", market="period", alternative="place", method=method)
            for method in ("ols", "2sls")
        ]
        names = [name for name in fits[0].params.index if name in TRUTH]
        made = [
            pd.DataFrame({"plain": a[names], "corrected": b[names]})
            for a, b in ([f.params for f in fits], [f.bse for f in fits])
        ]
        return made[0], made[1]

    return one


EXPERIMENTS = {
    "choices: plain, control function": by_choices,
    "shares, multinomial: OLS, 2SLS": by_shares(BERRY, 0.0),
    "shares, nested: OLS, 2SLS": by_shares(NESTED, SIGMA),
}


def three_columns(name: str, samples: int, seed: int = SEED) -> pd.DataFrame:
    """Mean estimates of both columns beside the truth, their spread and coverage."""
    drawn = list(_drawn(EXPERIMENTS[name], samples, seed))
    names = list(drawn[0][0].index)
    truth = pd.Series(TRUTH)[names]
    estimates = np.array([one.to_numpy() for one, _ in drawn])
    errors = np.array([one.to_numpy() for _, one in drawn])
    inside = (np.abs(estimates - truth.to_numpy()[:, None]) < HALF * errors).mean(axis=0)
    known = ~np.isnan(estimates).any(axis=0)
    spread = estimates.std(axis=0, ddof=1)
    return pd.DataFrame(
        {
            "plain": estimates.mean(axis=0)[:, 0],
            "corrected": estimates.mean(axis=0)[:, 1],
            "truth": truth,
            "spread": spread[:, 1],
            "mean_error": errors.mean(axis=0)[:, 1],
            "covered_plain": np.where(known[:, 0], inside[:, 0], np.nan),
            "covered": inside[:, 1],
        },
        index=pd.Index(names),
    )


def _drawn(
    one: Callable[[np.random.Generator], tuple[pd.DataFrame, pd.DataFrame]], samples: int, seed: int
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    for stream in np.random.default_rng(seed).spawn(samples):
        yield one(stream)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=200)
    samples = parser.parse_args().samples
    print(f"Simulated data; {samples} samples each.")
    for name in EXPERIMENTS:
        print(f"\n{name}")
        print(three_columns(name, samples).to_string(float_format=lambda value: f"{value:.4f}", na_rep=""))


if __name__ == "__main__":
    main()
