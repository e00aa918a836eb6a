"""The order of several effects, with intervals and ranks that hold for all of them together.

With contrasts c_m' theta, t_m = (c_m' t - c_m' theta) / se_m, and q the 1 - alpha quantile of max |t_m| under the
multivariate normal law of the estimates, the intervals c_m' t +- q se_m cover all contrasts with probability 1 - alpha
(max-t: Hothorn, Bretz & Westfall 2008, Biometrical Journal 50, 346-363). From all pairwise differences follow intervals
against the best of the others (Hsu 1996, Multiple Comparisons, ch. 4, here without his constraint) and sets of ranks
that hold together (Mogstad, Romano, Shaikh & Wilhelm 2024, Review of Economic Studies 91, 476-518, single step).

The quantile: t = A z with z = r u, r the length and u the direction of a standard normal vector of k dimensions. Given
u, P(max |t| <= q) is the chi-squared probability of (q / max |A u|)^2, so only the direction is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import combinations
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from relocchoice.data.provenance import begun, traced
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.tails import normal_quantile, require_alpha

Floats = NDArray[np.float64]
Against = Literal["pairs", "mean", "best"]
Best = Literal["largest", "smallest"]

_RANK = 1e-9
_CHUNK = 4_000_000
_BINS = 2000
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class CriticalValue:
    """The quantile of max |t|.

    Attributes
    ----------
    value : the quantile.
    error : its standard error from drawing directions; 0 where there is only one contrast.
    """

    value: float
    error: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FactorOrder:
    """K effects in order, with what holds for all of them together.

    Attributes
    ----------
    intervals : of ``against="pairs"`` a row a pair (first, second), the better one first: ``difference``,
        ``std_error``, ``lower``, ``upper``, ``pvalue`` (adjusted for all pairs); of ``"mean"`` the same, a row an
        effect, against the mean of all; of ``"best"`` a row an effect: its ``difference`` from the best of the others,
        ``lower``, ``upper``.
    ranks : a row an effect, the best first: ``value`` (the estimate), ``lower``, ``estimate``, ``upper`` (ranks, 1 the
        best; all K sets hold together) and ``letters``: effects that share a letter cannot be told apart.
    critical : quantile behind ``intervals``.
    alpha : 1 - the probability that all intervals, and all rank sets, hold together.
    against, best : as asked for.
    provenance : one line on where the data come from, where nobody observed them.
    """

    intervals: pd.DataFrame
    ranks: pd.DataFrame
    critical: CriticalValue
    alpha: float
    against: Against
    best: Best
    provenance: str = ""

    def __str__(self) -> str:
        return "\n".join(
            (begun(self.provenance, self.words()), "", self.ranks.to_string(), "", self.intervals.to_string())
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<p>{escape(begun(self.provenance, self.words()))}</p>{self.ranks.to_html()}{self.intervals.to_html()}"

    def words(self) -> str:
        """What the intervals are, in one sentence."""
        about = {
            "pairs": "all pairwise differences",
            "mean": "the differences from the mean",
            "best": "the differences from the best of the others, by all pairwise differences",
        }[self.against]
        return (
            f"Intervals that cover {about} together with probability {1 - self.alpha:g}: "
            f"estimate -+ {self.critical.value:.4f} standard errors."
        )


@traced
def factor_order(
    estimates: pd.Series,
    covariance: Any,
    *,
    against: Against = "pairs",
    best: Best = "largest",
    alpha: float = 0.05,
    draws: int = 200_000,
    seed: int = 0,
) -> FactorOrder:
    """Simultaneous intervals, ranks and letters of K effects.

    Parameters
    ----------
    estimates : (K,) effects by label; of a dummy-coded factor the base with 0 among them.
    covariance : (K, K), in the order of ``estimates``; zeros for the base.
    against : ``"pairs"``, ``"mean"`` or ``"best"``: what the intervals compare with.
    best : which end has rank 1.
    alpha : the intervals hold together with probability 1 - alpha.
    draws, seed : of the directions behind the quantile.

    Raises
    ------
    OptionError
        For an unknown option, an alpha outside 0 to 1, fewer than 1000 draws.
    SpecificationError
        For fewer than two effects, repeated labels, an estimate or a variance that is not finite, or two effects whose
        difference has no variance.
    """
    _check_options(against, best, alpha, draws, seed)
    effects, matrix = _checked(estimates, covariance)
    order = np.argsort(-effects if best == "largest" else effects, kind="stable")
    labels = estimates.index.take(order)
    effects, matrix = effects[order], matrix[np.ix_(order, order)]
    pairs = np.array(list(combinations(range(len(effects)), 2)))
    contrasts = _pair_contrasts(pairs, len(effects))
    test = _Contrasts.of(contrasts, effects, matrix, [f"{labels[i]!r} and {labels[j]!r}" for i, j in pairs])
    law = _MaxT.of(test.root, draws, seed)
    critical = law.quantile(alpha)
    half = critical.value * test.errors
    lower, upper = _interval_matrices(pairs, test.values, half, len(effects))
    ranks = _ranks(effects, labels, lower, upper, best)
    if against == "pairs":
        index = pd.MultiIndex.from_arrays(
            [labels.take(pairs[:, 0]), labels.take(pairs[:, 1])], names=["first", "second"]
        )
        return FactorOrder(_frame(test, half, law, index), ranks, critical, alpha, against, best)
    if against == "best":
        return FactorOrder(_against_best(effects, labels, lower, upper, best), ranks, critical, alpha, against, best)
    k = len(effects)
    centred = _Contrasts.of(np.eye(k) - 1.0 / k, effects, matrix, [f"{label!r} and the mean" for label in labels])
    law = _MaxT.of(centred.root, draws, seed)
    critical = law.quantile(alpha)
    return FactorOrder(
        _frame(centred, critical.value * centred.errors, law, labels), ranks, critical, alpha, against, best
    )


def _check_options(against: str, best: str, alpha: float, draws: int, seed: int) -> None:
    for argument, value, valid in (("against", against, get_args(Against)), ("best", best, get_args(Best))):
        if value not in valid:
            raise OptionError.of(argument, value, list(valid))
    require_alpha(alpha)
    for argument, number, least in (("draws", draws, 1000), ("seed", seed, 0)):
        if not isinstance(number, Integral) or isinstance(number, bool) or number < least:
            raise OptionError.of(argument, number, f"a whole number of at least {least}")


def _checked(estimates: pd.Series, covariance: Any) -> tuple[Floats, Floats]:
    if not isinstance(estimates, pd.Series):
        raise SpecificationError(f"estimates are a Series effect -> estimate, not {type(estimates).__name__}")
    effects = estimates.to_numpy(dtype=np.float64)
    matrix = np.asarray(covariance, dtype=np.float64)
    if len(effects) < 2:
        raise SpecificationError(f"an order needs two effects or more; there are {len(effects)}")
    if not estimates.index.is_unique:
        repeated = estimates.index[estimates.index.duplicated()][0]
        raise SpecificationError(f"two effects are called {repeated!r}: give each a label of its own")
    if matrix.shape != (len(effects), len(effects)):
        raise SpecificationError(
            f"the covariance has shape {matrix.shape}; the {len(effects)} effects need {(len(effects), len(effects))}"
        )
    unusable = ~(np.isfinite(effects) & np.isfinite(matrix).all(axis=1))
    if unusable.any():
        label = estimates.index[int(np.flatnonzero(unusable)[0])]
        raise SpecificationError(f"effect {label!r} has no finite estimate with a standard error: leave it out")
    if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12 * np.abs(matrix).max()):
        raise SpecificationError("the covariance is not symmetric")
    return effects, matrix


def _pair_contrasts(pairs: NDArray[np.intp], n: int) -> Floats:
    rows = np.arange(len(pairs))
    contrasts = np.zeros((len(pairs), n))
    contrasts[rows, pairs[:, 0]], contrasts[rows, pairs[:, 1]] = 1.0, -1.0
    return contrasts


@dataclass(frozen=True, slots=True, eq=False)
class _Contrasts:
    """m contrasts: values (m,), standard errors (m,), and root (m, k) with rows of length one, root root' their law."""

    values: Floats
    errors: Floats
    root: Floats

    @classmethod
    def of(cls, contrasts: Floats, effects: Floats, covariance: Floats, names: list[str]) -> _Contrasts:
        roots, vectors = np.linalg.eigh(covariance)
        if roots[0] < -_RANK * max(float(roots[-1]), 0.0):
            raise SpecificationError(
                "the covariance is not one: it gives a combination of the effects a negative variance"
            )
        spread = contrasts @ (vectors * np.sqrt(np.maximum(roots, 0.0)))
        errors = np.linalg.norm(spread, axis=1)
        still = np.flatnonzero(errors <= _NOTHING * np.sqrt(max(float(roots[-1]), 0.0)))
        if len(still):
            raise SpecificationError(f"the difference of {names[still[0]]} has no variance: it is known, not estimated")
        return cls(contrasts @ effects, errors, spread / errors[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class _MaxT:
    """The law of max |t| in k dimensions: (b,) greatest |A u| over directions u, averaged in bins of (b,) shares."""

    greatest: Floats
    share: Floats
    draws: int
    dimensions: int
    contrasts: int

    @classmethod
    def of(cls, root: Floats, draws: int, seed: int) -> _MaxT:
        _, sizes, turned = np.linalg.svd(root, full_matrices=False)
        kept = sizes > _RANK * sizes[0]
        reduced = root @ turned[kept].T
        k = int(kept.sum())
        if k == 1:
            return cls(np.ones(1), np.ones(1), draws, 1, len(root))
        rng = np.random.default_rng(seed)
        step = max(1, _CHUNK // len(root))
        pieces = []
        for start in range(0, draws, step):
            z = rng.standard_normal((min(step, draws - start), k))
            z /= np.linalg.norm(z, axis=1, keepdims=True)
            pieces.append(np.abs(z @ reduced.T).max(axis=1))
        # the tail is so smooth a function of the length that averages over narrow bins lose nothing
        edges = np.linspace(0, draws, min(draws, _BINS) + 1).astype(np.intp)
        counts = np.diff(edges)
        means = np.add.reduceat(np.sort(np.concatenate(pieces)), edges[:-1]) / counts
        return cls(means, counts / draws, draws, k, len(root))

    def quantile(self, alpha: float) -> CriticalValue:
        """The value that max |t| exceeds with probability alpha, by bisection between one contrast and Bonferroni."""
        low, high = normal_quantile(alpha / 2), normal_quantile(alpha / (2 * self.contrasts))
        if self.dimensions == 1:
            return CriticalValue(low, 0.0)
        high *= 1.05  # room for what is drawn
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self.tail(middle) < alpha else (middle, high)
        value = 0.5 * (low + high)
        slope = (self.tail(value * 0.999) - self.tail(value * 1.001)) / (0.002 * value)
        variance = float(self.share @ (self._tails(value) - alpha) ** 2)
        return CriticalValue(value, float(np.sqrt(variance / self.draws)) / slope)

    def _tails(self, value: float) -> Floats:
        return chdtrc(self.dimensions, (value / self.greatest) ** 2)

    def tail(self, value: float) -> float:
        """P(max |t| > value)."""
        return float(self.share @ self._tails(value))


def _frame(test: _Contrasts, half: Floats, law: _MaxT, index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "difference": test.values,
            "std_error": test.errors,
            "lower": test.values - half,
            "upper": test.values + half,
            "pvalue": [law.tail(abs(t)) for t in test.values / test.errors],
        },
        index=index,
    )


def _interval_matrices(pairs: NDArray[np.intp], values: Floats, half: Floats, n: int) -> tuple[Floats, Floats]:
    """(K, K) lower and upper ends of effect i less effect j; NaN on the diagonal."""
    lower, upper = np.full((n, n), np.nan), np.full((n, n), np.nan)
    i, j = pairs.T
    lower[i, j], upper[i, j] = values - half, values + half
    lower[j, i], upper[j, i] = -upper[i, j], -lower[i, j]
    return lower, upper


def _against_best(effects: Floats, labels: pd.Index, lower: Floats, upper: Floats, best: Best) -> pd.DataFrame:
    difference = effects[:, None] - effects[None, :]
    np.fill_diagonal(difference, np.nan)
    extreme = np.nanmin if best == "largest" else np.nanmax
    return pd.DataFrame(
        {
            name: extreme(held, axis=1)
            for name, held in (("difference", difference), ("lower", lower), ("upper", upper))
        },
        index=labels,
    )


def _ranks(effects: Floats, labels: pd.Index, lower: Floats, upper: Floats, best: Best) -> pd.DataFrame:
    """Rank j: at least one more than those surely better, at most K less those surely worse."""
    with np.errstate(invalid="ignore"):
        above, below = (lower > 0), (upper < 0)
    better, worse = (below, above) if best == "largest" else (above, below)
    n = len(effects)
    return pd.DataFrame(
        {
            "value": effects,
            "lower": 1 + better.sum(axis=1),
            "estimate": np.arange(1, n + 1),
            "upper": n - worse.sum(axis=1),
            "letters": _letters(better | worse),
        },
        index=labels,
    )


def _letters(apart: NDArray[np.bool_]) -> list[str]:
    """Letters of K effects in order: two share one exactly when they are not apart (Piepho 2004, insert and absorb)."""
    n = len(apart)
    groups = [frozenset(range(n))]
    for i, j in combinations(range(n), 2):
        if apart[i, j]:
            split = [group - {k} for group in groups if {i, j} <= group for k in (i, j)]
            groups = [group for group in groups if not {i, j} <= group]
            for group in sorted(set(split), key=len, reverse=True):
                if not any(group <= other for other in groups):
                    groups.append(group)
    groups.sort(key=lambda group: sorted(group))
    return ["".join(_letter(at) for at, group in enumerate(groups) if k in group) for k in range(n)]


def _letter(position: int) -> str:
    """a, b, ..., z, then a1, b1, ..."""
    turn, letter = divmod(position, 26)
    return chr(ord("a") + letter) + (str(turn) if turn else "")
