"""Bootstrap and jackknife in numbers alone: which weights a replicate has, and what the replicates say.

A replicate is a vector of case weights; no data are copied. Sources: Efron & Tibshirani (1993), An Introduction to the
Bootstrap, ch. 11-14 (jackknife, percentile and BCa intervals); Davison & Hinkley (1997), Bootstrap Methods and Their
Application, sections 2.7, 5.2-5.3 (basic intervals, the acceleration in strata).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from relocchoice.errors import DataError, OptionError

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
IntervalKind = Literal["percentile", "basic", "bca", "normal"]


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """What is drawn: U units, each with its cases.

    Attributes
    ----------
    base : (n,) weight that a case has for each time its unit is drawn; zero for cases that do not count.
    unit : (n,) code of a case's unit, 0 to U - 1 (of no meaning where ``base`` is zero).
    size : (U,) how many times a unit stands in the data: the frequency weight of a case drawn alone, else 1.
    stratum : (U,) code of a unit's stratum.
    """

    base: Floats
    unit: Codes
    size: Floats
    stratum: Codes

    @property
    def total(self) -> int:
        """Number of units, repeated ones counted as often as they stand in the data."""
        return int(self.size.sum())

    def sums(self, values: Floats) -> Floats:
        """(n, q) values of the cases -> (U, q) sums over a unit with its weights, for one time it stands there."""
        out = np.empty((len(self.size), values.shape[1]))
        for k, column in enumerate(values.T):
            out[:, k] = np.bincount(self.unit, weights=self.base * column, minlength=len(self.size))
        return out


def sampled(weights: Floats, frequency: bool, units: Codes | None = None, strata: Codes | None = None) -> Sampled:
    """What a bootstrap draws and a jackknife leaves out.

    A case of frequency weight f is f independent choices, each drawn by itself. Sampling weights stay with their case.
    With units, all the cases of one are drawn together, each with its weight.

    Parameters
    ----------
    weights : (n,) case weights; cases of weight zero are never drawn.
    frequency : whether they are frequencies.
    units : (n,) codes of the units that decide independently; None for cases.
    strata : (n,) codes of the strata; None for one stratum.

    Raises
    ------
    DataError : frequencies that are not whole, a unit in two strata.
    OptionError : fewer than two units in a stratum.
    """
    counted = weights > 0
    alone = frequency and units is None
    unit = np.zeros(len(weights), dtype=np.intp)
    own = np.arange(len(weights)) if units is None else units
    _, unit[counted] = np.unique(own[counted], return_inverse=True)
    n_units = int(unit[counted].max(initial=-1)) + 1
    size = np.ones(n_units)
    if alone:
        _check_whole(weights)
        size[unit[counted]] = weights[counted]
    stratum = _unit_strata(unit[counted], n_units, None if strata is None else strata[counted])
    _check_sizes(size, stratum)
    return Sampled(counted.astype(float) if alone else weights, unit, size, stratum)


def _check_whole(weights: Floats) -> None:
    broken = np.flatnonzero(weights != np.round(weights))
    if len(broken):
        raise DataError(
            f"a frequency weight of {weights[broken[0]]:g} (case number {broken[0]}) stands for no number of choices; "
            "resampling needs whole frequencies, or weights made with weight_kind='sampling'"
        )


def _unit_strata(unit: Codes, n_units: int, strata: Codes | None) -> Codes:
    stratum = np.zeros(n_units, dtype=np.intp)
    if strata is None:
        return stratum
    _, codes = np.unique(strata, return_inverse=True)
    stratum[unit] = codes
    if (stratum[unit] != codes).any():
        raise DataError("strata= differs between cases of one unit; a unit is drawn whole, so it needs one stratum")
    return stratum


def _check_sizes(size: Floats, stratum: Codes) -> None:
    sums = np.bincount(stratum, weights=size)
    if len(sums) == 1 and sums[0] < 2:
        raise OptionError("resampling needs at least two independent units; these data have one")
    if not len(sums) or sums.min() < 2:
        raise OptionError(
            f"{int((sums < 2).sum())} of {len(sums)} strata= hold a single unit, whose variation cannot be seen; "
            "merge them with others"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Bootstrap weights: as many units as there are, drawn with replacement within each stratum.

    Each draw has its own child of the seed, so it is the same whoever makes it and in whatever order.
    """

    what: Sampled
    seed: int
    count: int

    def __len__(self) -> int:
        return self.count

    def weights(self, draw: int) -> Floats:
        """(n,) case weights of a draw, 0 to ``count`` - 1."""
        what = self.what
        # the child that SeedSequence(seed).spawn would make, without making those before it
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(draw,)))
        times = np.zeros(len(what.size))
        for stratum in range(int(what.stratum.max()) + 1):
            members = np.flatnonzero(what.stratum == stratum)
            size = what.size[members]
            times[members] = rng.multinomial(int(size.sum()), size / size.sum())
        return what.base * times[what.unit]


@dataclass(frozen=True, slots=True, eq=False)
class Deletions:
    """Jackknife weights: one unit left out, of repeated ones a single copy."""

    what: Sampled

    def __len__(self) -> int:
        return len(self.what.size)

    def weights(self, draw: int) -> Floats:
        """(n,) case weights without one copy of unit ``draw``."""
        times = self.what.size.copy()
        times[draw] -= 1.0
        return self.what.base * times[self.what.unit]


# ------------------------------------------------------------------------------------------------ what they say


def bootstrap_covariance_matrix(values: Floats) -> Floats:
    """(B, p) replicates -> (p, p) covariance around their mean, divided by B - 1."""
    gaps = values - values.mean(axis=0)
    return gaps.T @ gaps / (len(values) - 1)


def jackknife_covariance_matrix(values: Floats, what: Sampled) -> Floats:
    """(U, p) delete-one values -> (p, p): sum over strata of (n - 1)/n times the squares around the stratum's mean."""
    size, gaps = _stratum_sizes(what), _gaps(values, what)
    factor = what.size * (size - 1.0) / size
    return (gaps * factor[:, None]).T @ gaps


def jackknife_bias(values: Floats, what: Sampled, estimate: Floats) -> Floats:
    """(p,) sum over strata of (n - 1) times the mean of the delete-one values less the estimate."""
    size = _stratum_sizes(what)
    factor = what.size * (size - 1.0) / size
    return factor @ (values - estimate)


def accelerations(values: Floats, what: Sampled) -> Floats:
    """(p,) BCa accelerations from (U, p) delete-one values; zero where a value does not vary."""
    size = _stratum_sizes(what)[:, None]
    influence = -(size - 1.0) * _gaps(values, what) / size
    influence = influence / np.maximum(np.abs(influence).max(axis=0), np.finfo(float).tiny)
    squares = what.size @ influence**2
    cubes = what.size @ influence**3
    return np.where(squares > 0, cubes / (6.0 * np.where(squares > 0, squares, 1.0) ** 1.5), 0.0)


def one_step_deletions(free: Floats, hessian: Floats, moving: NDArray[np.bool_], scores: Floats) -> Floats:
    """(U, q) free parameters after leaving out each unit, by one Newton step from the estimates.

    Parameters
    ----------
    free : (q,); hessian : (q, q) of the weighted log-likelihood there; moving : (q,) not held at a bound.
    scores : (U, q) weighted scores of one copy of each unit.
    """
    out = np.tile(free, (len(scores), 1))
    inner = np.ix_(moving, moving)
    out[:, moving] -= np.linalg.solve(-hessian[inner], scores[:, moving].T).T
    return out


def intervals(
    values: Floats, estimate: Floats, alpha: float, kind: IntervalKind, acceleration: Floats, names: tuple[str, ...]
) -> Floats:
    """(B, p) bootstrap replicates -> (p, 2) ends of intervals that cover with probability 1 - alpha.

    percentile: quantiles q of the replicates; basic: 2 t - q; bca: quantiles at levels corrected for bias and
    acceleration; normal: t -+ z s with s the replicates' standard deviation. The quantile of level a is the order
    statistic (B + 1) a, interpolated.

    Raises
    ------
    OptionError : too few draws for the level; for bca also an estimate at the edge of its replicates.
    """
    tails = np.array([alpha / 2, 1 - alpha / 2])
    if kind == "normal":
        return estimate[:, None] + ndtri(tails) * values.std(axis=0, ddof=1)[:, None]
    levels = np.tile(tails, (len(estimate), 1))
    if kind == "bca":
        levels = _bca_levels(values, estimate, tails, acceleration, names)
    _check_levels(levels, len(values), alpha, kind, names)
    ends = np.array(
        [np.quantile(column, level, method="weibull") for column, level in zip(values.T, levels, strict=True)]
    ).reshape(len(estimate), 2)
    return 2 * estimate[:, None] - ends[:, ::-1] if kind == "basic" else ends


def _bca_levels(
    values: Floats, estimate: Floats, tails: Floats, acceleration: Floats, names: tuple[str, ...]
) -> Floats:
    """(p, 2) levels: Phi(z0 + (z0 + z) / (1 - a (z0 + z))) with Phi(z0) the share of replicates below the estimate."""
    below = ((values < estimate).sum(axis=0) + 0.5 * (values == estimate).sum(axis=0)) / len(values)
    edge = (below <= 0) | (below >= 1)
    if edge.any():
        raise OptionError(
            f"kind='bca' is not possible for {names[int(np.argmax(edge))]}: all replicates lie on one side of the "
            "estimate; take kind='percentile' or 'basic', or jackknife() for the bias"
        )
    z0 = ndtri(below)[:, None]
    moved = z0 + ndtri(tails)[None, :]
    slack = 1.0 - acceleration[:, None] * moved
    if (slack <= 0).any():
        name = names[int(np.argmax((slack <= 0).any(axis=1)))]
        raise OptionError(
            f"kind='bca' is not possible for {name}: its acceleration is too large; take kind='percentile'"
        )
    return ndtr(z0 + moved / slack)


def _check_levels(levels: Floats, n_values: int, alpha: float, kind: str, names: tuple[str, ...]) -> None:
    """An end beyond the extreme replicates is not known."""
    outermost = np.minimum(levels[:, 0], 1.0 - levels[:, 1]) if levels.size else np.ones(1)
    short = outermost * (n_values + 1) < 1.0 - 1e-9
    if short.any():
        worst = int(np.argmin(outermost))
        needed = int(np.ceil(1.0 / outermost[worst] - 1e-9)) - 1 if outermost[worst] > 1e-12 else 0
        way = f"draw at least {needed}" if 0 < needed <= 1_000_000 else "take another kind"
        raise OptionError(
            f"{n_values} replicates are too few for alpha={alpha:g} and kind={kind!r}: the interval of {names[worst]} "
            f"would end beyond the most extreme one; {way}"
        )


def _stratum_sizes(what: Sampled) -> Floats:
    """(U,) units in the stratum of each unit, copies counted."""
    sizes: Floats = np.bincount(what.stratum, weights=what.size)[what.stratum].astype(np.float64)
    return sizes


def _gaps(values: Floats, what: Sampled) -> Floats:
    """(U, p) values less the mean of their stratum."""
    out = np.empty_like(values)
    for stratum in range(int(what.stratum.max()) + 1):
        members = what.stratum == stratum
        share = what.size[members] / what.size[members].sum()
        out[members] = values[members] - share @ values[members]
    return out
