"""Functions of the estimates with their sampling errors, and the record that carries and shows them.

Delta method: the variance of f(theta) is f' C f'^T. Krinsky & Robb (1986): quantiles of f over draws from the normal
distribution of the estimates, with a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.provenance import begun, traced_record
from relocchoice.errors import OptionError
from relocchoice.inference.tails import normal_quantile, require_alpha, two_sided
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Interval = Literal["delta", "krinsky-robb"]
Function = Callable[[Floats, bool], tuple[Floats, Floats | None]]
MOST_SHOWN = 60
UNKNOWN = ("infinite", "flat", "dropped")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are made.

    Attributes
    ----------
    interval : ``"delta"`` or ``"krinsky-robb"``; alpha : the intervals cover with probability 1 - alpha.
    draws, seed : of Krinsky and Robb's.
    """

    interval: Interval = "delta"
    alpha: float = 0.05
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.interval not in get_args(Interval):
            raise OptionError.of("interval", self.interval, ", ".join(map(repr, get_args(Interval))))
        require_alpha(self.alpha)
        for name, value, least in (("draws", self.draws, 50), ("seed", self.seed, 0)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise OptionError.of(name, value, f"a whole number of at least {least}")


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Derived:
    """Figures derived from a fit, with their errors.

    Attributes
    ----------
    title : what they are.
    table : one row a figure: ``estimate``, ``std_error``, ``z``, ``p_value`` (of zero), ``lower``, ``upper``; the index
        says of what.
    notes : how they were computed, with which covariance and weights, and why something is not there.
    interval : ``"delta"``, ``"krinsky-robb"``, ``"fieller"``, or ``"none"``.
    alpha : the intervals cover with probability 1 - alpha.
    covariance : (m, m) of the figures, or None where it was not kept.
    provenance : one line on where the data of the fit come from, where nobody observed them.
    """

    title: str
    table: pd.DataFrame
    notes: tuple[str, ...]
    interval: str
    alpha: float
    covariance: Floats | None = None
    provenance: str = ""

    def matrix(self, value: str = "estimate", **where: Any) -> pd.DataFrame:
        """The last two index levels as rows and columns: of effects, whose attribute x whose probability.

        Parameters
        ----------
        value : column of the table, e.g. ``"std_error"``.
        where : level -> label, for the levels before those two, e.g. ``variable="cost"``.
        """
        chosen: Any = self.table
        for level, label in where.items():
            if level not in chosen.index.names:
                raise OptionError.of("matrix level", level, ", ".join(map(str, chosen.index.names)))
            chosen = chosen.xs(label, level=level, drop_level=True)
        if value not in chosen.columns:
            raise OptionError.of("value", value, ", ".join(map(str, chosen.columns)))
        for single in list(chosen.index.names)[:-2]:
            if len(chosen.index.unique(single)) == 1:
                chosen = chosen.droplevel(single)
        if chosen.index.nlevels != 2:
            raise OptionError(f"a matrix has two levels, these have {list(chosen.index.names)}; fix the others by name")
        rows = chosen.index.get_level_values(0).unique()
        columns = chosen.index.get_level_values(1).unique()
        out: pd.DataFrame = chosen[value].unstack().reindex(index=rows, columns=columns)  # noqa: PD010
        return out

    def summary(self, format: Format = "text") -> Summary:
        """The figures as a table that prints itself in ``format``."""
        return Summary(_shown(self), format)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


# the dataclass made a plain slot of it; wrapped, so that the frame inside is never handed out
setattr(Derived, "table", CopiedFrame(vars(Derived)["table"]))  # noqa: B010


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """Values with errors and intervals, (m,) each; covariance (m, m) or None; sentences on how."""

    values: Floats
    errors: Floats
    lower: Floats
    upper: Floats
    covariance: Floats | None
    notes: tuple[str, ...]

    def frame(self, index: pd.Index, null: float = 0.0) -> pd.DataFrame:
        """The columns of :attr:`Derived.table`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(self.errors > 0, (self.values - null) / self.errors, np.nan)
        return pd.DataFrame(
            {
                "estimate": self.values,
                "std_error": self.errors,
                "z": z,
                "p_value": two_sided(z),
                "lower": self.lower,
                "upper": self.upper,
            },
            index=index,
        )


def infer(fit: ChoiceResults, function: Function, sampling: Sampling) -> Inferred:
    """Errors and intervals of a function of the user's parameters.

    Parameters
    ----------
    function : (theta, whether the gradient is wanted) -> (m,) values and their (m, p) gradient, or None for central
        differences of a hundredth of a standard error.
    """
    theta = np.array(fit.moments.theta, dtype=float)
    covariance, lacking = known_covariance(fit)
    delta = sampling.interval == "delta" or bool(lacking.any())
    values, gradient = function(theta, delta)
    numeric = gradient is None
    if delta and gradient is None:
        gradient = _differences(lambda at: function(at, False)[0], theta, covariance, fit)
    if not delta or gradient is None:
        return _drawn(fit, function, theta, covariance, values, sampling)
    touched = _depends(gradient, values, lacking)
    values = np.where(_arbitrary(fit, gradient, values), np.nan, values)
    root = gradient @ covariance
    errors = np.sqrt(np.maximum(np.einsum("mp,mp->m", root, gradient), 0.0))
    errors[touched] = np.nan
    whole = None
    if len(values) <= 1000:
        whole = root @ gradient.T
        whole[touched] = whole[:, touched] = np.nan
    half = normal_quantile(sampling.alpha / 2) * errors
    notes = [f"Standard errors and intervals: delta method, {fit.covariance.description}."]
    if numeric:
        notes.append("Gradients by central differences.")
    if touched.any():
        notes = [*(notes if not touched.all() else []), _why(fit, lacking)]
    return Inferred(values, errors, values - half, values + half, whole, tuple(notes))


def _arbitrary(fit: ChoiceResults, gradient: Floats, values: Floats) -> NDArray[np.bool_]:
    """(m,) which values change along directions without a finite end, so that they only say how far the search went."""
    moments = fit.moments
    free = moments.jacobian @ moments.flat
    ways = np.c_[free, np.eye(len(moments.theta))[:, (fit.parameters["status"] == "dropped").to_numpy()]]
    size = np.abs(ways).max(axis=0, initial=0.0)
    moves: NDArray[np.bool_] = (np.abs(gradient @ (ways / size)) > 1e-9 * (1 + np.abs(values))[:, None]).any(axis=1)
    return moves


def _depends(gradient: Floats, values: Floats, parameters: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(m,) which values move with some of the parameters (p,)."""
    moves: NDArray[np.bool_] = np.abs(gradient[:, parameters]).max(axis=1, initial=0.0) > 1e-12 * (1 + np.abs(values))
    return moves


def known_covariance(fit: ChoiceResults) -> tuple[Floats, NDArray[np.bool_]]:
    """(p, p) covariance with zeros for what has no sampling error, and (p,) parameters whose error is not known."""
    covariance = np.array(fit.covariance.matrix, dtype=float)
    status = fit.parameters["status"].to_numpy()
    certain = np.isin(status, ("fixed", "at bound"))
    lacking = np.isin(status, UNKNOWN) | (~np.isfinite(np.diag(covariance)) & ~certain)
    blank = certain | lacking
    covariance[blank] = covariance[:, blank] = 0.0
    return covariance, lacking


def _why(fit: ChoiceResults, lacking: NDArray[np.bool_]) -> str:
    """Why there are no standard errors."""
    parameters = fit.parameters[lacking]
    words = {"infinite": "has no finite estimate", "flat": "is not identified", "dropped": "was dropped"}
    bad = [f"{name} {words[status]}" for name, status in parameters["status"].items() if status in words]
    if bad:
        more = f", and {len(bad) - 4} more" if len(bad) > 4 else ""
        listed = f"{'; '.join(bad[:4])}{more}"
        return f"No standard error where these matter, and no estimate where the limit gives none: {listed}."
    return f"Standard errors are not available: {fit.covariance.description}."


def _differences(function: Callable[[Floats], Floats], theta: Floats, covariance: Floats, fit: ChoiceResults) -> Floats:
    """(m, p) five-point differences."""
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    fixed = np.isin(fit.parameters["status"].to_numpy(), ("fixed", "at bound"))
    columns: list[Floats] = []
    for k in range(len(theta)):
        if fixed[k]:
            columns.append(np.zeros_like(function(theta)) if not columns else np.zeros_like(columns[0]))
            continue
        step = np.zeros(len(theta))
        step[k] = 1e-2 * spread[k] if spread[k] > 0 else 1e-3 * max(1.0, abs(theta[k]))
        near = function(theta + step) - function(theta - step)
        far = function(theta + 2 * step) - function(theta - 2 * step)
        columns.append((8 * near - far) / (12 * step[k]))
    return np.stack(columns, axis=1)


def parameter_draws(fit: ChoiceResults, sampling: Sampling) -> tuple[Floats, int]:
    """(B, p) draws of the user's parameters inside the family's domain, and how many fell outside of it."""
    theta = np.array(fit.moments.theta, dtype=float)
    covariance, _ = known_covariance(fit)
    size, axes = np.linalg.eigh((covariance + covariance.T) / 2)
    root = axes * np.sqrt(np.maximum(size, 0.0))
    rng = np.random.default_rng(sampling.seed)
    draws = theta + rng.standard_normal((sampling.draws, len(theta))) @ root.T
    shapes = np.array([str(block).startswith("Dissimilarity") for block in fit.parameters["block"]])
    inside = (draws[:, shapes] > 0).all(axis=1)
    return draws[inside], int((~inside).sum())


def _drawn(
    fit: ChoiceResults,
    function: Function,
    theta: Floats,
    covariance: Floats,
    values: Floats,
    sampling: Sampling,
) -> Inferred:
    """Quantiles and standard deviations over the draws."""
    blank = np.full(len(values), np.nan)
    draws, outside = parameter_draws(fit, sampling)
    if outside > 0.5 * sampling.draws:
        note = f"No intervals: {outside} of {sampling.draws} draws have a lambda that is not positive."
        return Inferred(values, blank, blank, blank, None, (note,))
    drawn = np.array([function(draw, False)[0] for draw in draws])
    lower, upper = np.quantile(drawn, [sampling.alpha / 2, 1 - sampling.alpha / 2], axis=0)
    notes = [
        f"Intervals: quantiles of {len(draws)} draws of the parameters (Krinsky and Robb), seed {sampling.seed}, "
        f"{fit.covariance.description}; standard errors are those of the draws."
    ]
    if outside:
        notes.append(f"{outside} draws with a lambda that is not positive were left out.")
    whole = np.cov(drawn, rowvar=False).reshape(len(values), len(values)) if len(values) <= 1000 else None
    return Inferred(values, drawn.std(axis=0, ddof=1), lower, upper, whole, tuple(notes))


def ordered_index(
    keys: Sequence[tuple[Any, ...]], names: Sequence[str], known: Mapping[str, Sequence[Any]] | None = None
) -> pd.MultiIndex:
    """An index whose levels stand in the order of ``known``, else of first appearance; tuples stay labels.

    Rows in that order are found without a search through all of them, and without pandas' warning of one.
    """
    levels: list[Any] = []
    codes: list[Any] = []
    for name, column in zip(names, zip(*keys, strict=True), strict=True):
        used = set(column)
        held = [label for label in dict.fromkeys((*(known or {}).get(name, ()), *column)) if label in used]
        place = {label: code for code, label in enumerate(label for label in held if label is not None)}
        levels.append(pd.Index(list(place), tupleize_cols=False))
        codes.append([place.get(label, -1) for label in column])
    return pd.MultiIndex(levels, codes, names=list(names))


def weights_note(fit: ChoiceResults, weighted: bool, kind: str | None) -> str:
    """How cases count in an average."""
    if not weighted:
        return "Averages: every case counts once."
    return f"Averages: cases count with their {kind or 'given'} weights."


# ---------------------------------------------------------------------------------------------------------- showing


def _shown(record: Derived) -> Table:
    table = record.table
    shown = table.iloc[:MOST_SHOWN]
    half = numbers.plain(record.alpha / 2), numbers.plain(1 - record.alpha / 2)
    plain = record.interval == "none"
    heads = ("estimate",) if plain else ("estimate", "std. error", "z", "P>|z|", f"[{half[0]}", f"{half[1]}]")
    rows: list[tuple[str, ...]] = []
    section = None
    for label, row in shown.iterrows():
        *before, last = label if isinstance(label, tuple) else (label,)
        if before and before != section:
            section = before
            named = zip(table.index.names[:-1], before, strict=True)
            rows.append((", ".join(f"{name} {value}" if name else str(value) for name, value in named),))
        rows.append((str(last), *_cells(row, plain)))
    left = len(table) - len(shown)
    notes = (f"{left} more rows are in .table.",) if left else ()
    head = str(table.index.names[-1] or "")
    return Table(begun(record.provenance, record.title), (head, *heads), tuple(rows), notes=(*notes, *record.notes))


def _cells(row: Any, plain: bool) -> tuple[str, ...]:
    scale = row.get("std_error", np.nan)
    first = numbers.significant(row["estimate"], scale=scale)
    if plain:
        return (first,)
    if np.isnan(row["std_error"]) and np.isnan(row["lower"]) and np.isnan(row["upper"]):
        return (first, "", "", "", "", "")
    return (
        first,
        "" if np.isnan(row["std_error"]) else numbers.significant(row["std_error"]),
        "" if np.isnan(row["z"]) else numbers.decimals(row["z"], 3),
        "" if np.isnan(row["p_value"]) else numbers.pvalue(row["p_value"]),
        numbers.significant(row["lower"], scale=scale),
        numbers.significant(row["upper"], scale=scale),
    )
