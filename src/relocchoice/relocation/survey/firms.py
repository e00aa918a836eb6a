"""Covariates of the simulated firms: classes by the published margins, values within the classes by assumption.

The classes of a firm share a latent size (a Gaussian copula). With exact margins the firms are sorted by their latent
value and the class bounds are put where the counts want them; with expected margins they are put where the shares are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from relocchoice.data.frozen import locked
from relocchoice.relocation.seed_checks import OUTPUT
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.survey.cells import Floats, coded
from relocchoice.relocation.survey.utilities import Firms
from relocchoice.relocation.taxonomy import destination_labels

Margins = Literal["exact", "expected"]

TOWNS = ("Yuecheng", "Liushi", "North Baixiang", "Hongqiao")
OWNERSHIPS = ("family", "shareholding cooperative", "limited liability")
OWNERSHIP_SHARES = (0.35, 0.4, 0.25)
GROUP_SHARE = 0.15
# Yuecheng is the county seat: who was founded there belongs to it
SITE_TOWN = "county seat"
BOUNDS = {
    "assets": ((2.0, 40.0), (40.0, 390.0), (401.0, 2000.0)),
    "output": ((0.5, 5.0), (5.0, 100.0), (100.1, 900.0)),
    "sales": ((0.4, 5.0), (5.0, 100.0), (100.1, 900.0)),
    "initial_capital": ((0.05, 0.5), (0.5, 1.0), (1.01, 5.0)),
}
BLOCKS = {
    "assets": (2, "asset value, million yuan"),
    "output": (2, OUTPUT),
    "sales": (2, "sales income, million yuan"),
    "initial_capital": (1, "investment at establishment, million yuan"),
    "founded": (1, "decade established"),
    "site": (1, "site of establishment"),
    "sector": (2, "manufacturing sector"),
}
KIN_MEAN = {
    "township": 0.4,
    "county seat": 0.3,
    "Wenzhou": 0.3,
    "Hangzhou": 0.3,
    "Shanghai": 0.5,
    "Beijing": 0.2,
    "coastal": 0.4,
    "interior": 0.3,
}
QUOTE_SPREAD = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The firms of a survey: ``frame`` as it is handed out, one row a firm, and ``firms`` as the utilities need it."""

    frame: pd.DataFrame
    firms: Firms


@cache
def block(name: str) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Categories and published counts of a block of Table 1 or 2, by the name of the firms' column."""
    number, printed = BLOCKS[name]
    rows = seed_table(number)
    rows = rows[rows["block"] == printed]
    return tuple(rows["category"]), locked(rows["count"].to_numpy(np.int64))


def rounded(shares: Sequence[float] | NDArray[np.generic], total: int) -> NDArray[np.int64]:
    """Whole numbers in proportion to ``shares`` that sum to ``total``, by largest remainders; ties go to the first."""
    exact = np.asarray(shares, dtype=float)
    exact = exact * (total / exact.sum())
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def draw_firms(n: int, rng: np.random.Generator, margins: Margins) -> Drawn:
    """n firms with classes, values within the classes, kin and quoted land prices."""
    size = rng.standard_normal(n)

    def latent(weight: float) -> Floats:
        """(n,) uniform numbers, correlated with the size by ``weight``."""
        value: Floats = ndtr(weight * size + np.sqrt(1 - weight**2) * rng.standard_normal(n))
        return value

    def classes(name: str, weight: float) -> NDArray[np.int8]:
        return _classes(latent(weight), block(name)[1], margins)

    founded, site = classes("founded", -0.3), classes("site", -0.2)
    codes = {name: classes(name, weight) for name, weight in (("assets", 0.9), ("initial_capital", 0.4))}
    business = 0.85 * size + np.sqrt(1 - 0.85**2) * rng.standard_normal(n)
    for name in ("output", "sales"):
        codes[name] = _classes(
            ndtr(0.99 * business + np.sqrt(1 - 0.99**2) * rng.standard_normal(n)), block(name)[1], margins
        )
    sector = classes("sector", 0.0)
    ownership = _classes(latent(0.4), OWNERSHIP_SHARES, margins)
    group = _classes(latent(0.7), (1 - GROUP_SHARE, GROUP_SHARE), margins).astype(bool)
    ties = expit(0.8 - 0.4 * size + 0.8 * rng.standard_normal(n))
    values = {name: _inside(code, BOUNDS[name], rng) for name, code in codes.items()}
    means = np.array([KIN_MEAN[place] for place in destination_labels()])
    kin = rng.poisson(means, (n, len(means))).astype(np.int16)
    quote = np.exp(QUOTE_SPREAD * rng.standard_normal((n, len(means))))
    town = _towns(site, rng, margins)
    frame = pd.DataFrame(
        {
            "firm": np.arange(1, n + 1),
            "town": coded(town, TOWNS),
            "sector": coded(sector, block("sector")[0]),
            **{name: values[name] for name in ("assets", "output", "sales")},
            "founded": coded(founded, block("founded")[0]),
            "initial_capital": values["initial_capital"],
            "site": coded(site, block("site")[0]),
            "ownership": coded(ownership, OWNERSHIPS),
            "local_ties": ties,
            "group_member": group,
        }
    )
    return Drawn(frame, Firms(values["assets"], codes["assets"], ties, founded, kin, quote))


def _classes(uniform: Floats, counts: Sequence[float] | NDArray[np.generic], margins: Margins) -> NDArray[np.int8]:
    """(n,) classes in the order of ``uniform``: exactly so many, or where the shares' bounds are."""
    n = len(uniform)
    if margins == "exact":
        return _counted(uniform, rounded(counts, n))
    share = np.cumsum(np.asarray(counts, dtype=float))
    return np.searchsorted(share[:-1] / share[-1], uniform, side="right").astype(np.int8)


def _counted(uniform: Floats, counts: NDArray[np.int64]) -> NDArray[np.int8]:
    """(n,) classes of the smallest, the next, ..., ``counts`` of each; of equal values the first are the smaller."""
    starts = np.cumsum(counts)[:-1]
    if (starts < len(uniform)).all():
        # the bounds alone are a tenth of the time of the order, which only ties at a bound need
        bounds = np.partition(uniform, starts)[starts]
        out = np.searchsorted(bounds, uniform, side="right").astype(np.int8)
        if (np.bincount(out, minlength=len(counts)) == counts).all():
            return out
    out = np.empty(len(uniform), dtype=np.int8)
    out[np.argsort(uniform, kind="stable")] = np.repeat(np.arange(len(counts)), counts)
    return out


def _inside(code: NDArray[np.int8], bounds: Sequence[tuple[float, float]], rng: np.random.Generator) -> Floats:
    """(n,) log-uniform values within the classes, cut to two decimals so that none leaves its class."""
    low, high = np.log(np.array(bounds)).T
    value = np.exp(low[code] + (high - low)[code] * rng.random(len(code)))
    cut: Floats = np.maximum(np.floor(100 * value + 1e-9) / 100, np.array(bounds)[code, 0])
    return cut


def _towns(site: NDArray[np.int8], rng: np.random.Generator, margins: Margins) -> NDArray[np.int8]:
    """(n,) towns in equal parts; the firms founded in the county seat are in Yuecheng, which is the county seat."""
    categories, counts = block("site")
    seat = categories.index(SITE_TOWN)
    share = counts[seat] / counts.sum()
    uniform = rng.random(len(site))
    uniform = np.where(site == seat, share * uniform, share + (1 - share) * uniform)
    return _classes(uniform, np.ones(len(TOWNS)), margins)
