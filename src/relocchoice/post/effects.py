"""Marginal effects: by how much probabilities change with a variable, in any family, with standard errors.

Average of dP_j/dx over the cases, P_j sum (s . dV/dx) of :mod:`relocchoice.post.derivatives`; of classes, truths and on
request of numbers the discrete change of P_j between two values. (Bartus 2005 and Greene 2018 on averages against
effects at the means.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import joint_provenance
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.post.derivatives import Setting, combined, probing, sums
from relocchoice.post.inferred import Derived, Interval, Sampling, infer, ordered_index, weights_note
from relocchoice.post.movements import Movement, column_of, movements, numbers_of, one_a_case, with_values
from relocchoice.post.settings import MEANS, Place, places, same_kind, variables_of
from relocchoice.spec.labels import plain

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Key = tuple[Any, ...]
ALL = "(all)"
LEVELS = ["group", "at", "variable", "attribute of", "probability of"]


def marginal_effects(
    fit: ChoiceResults,
    variables: str | Sequence[str] | None = None,
    *,
    at: Any = "data",
    by: str | None = None,
    change: Any = None,
    data: ChoiceData | None = None,
    interval: Interval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Derived:
    """Effects of variables on the probabilities of all alternatives.

    Parameters
    ----------
    fit : of any model but one of sets.
    variables : columns of the data; None for all that the utilities read.
    at : ``"data"``, averages over the cases; ``"means"``, at one case with the means of the data; a mapping column ->
        value or list of values, averages with these values in every case (by alternative: column -> {alternative:
        value}).
    by : a column with one value a case: averages of each group.
    change : None, the derivative for numbers, and for classes and truths the change from the first value to each
        other; ``"sd"``, one standard deviation more; a number, so much more; a pair (from, to).
    data : other cases; None for those of the fit.
    interval, alpha, draws, seed : ``"delta"`` or ``"krinsky-robb"`` intervals that cover with probability 1 - alpha.

    Returns
    -------
    Derived
        Index levels: ``group`` and ``at`` where they were asked for, ``variable``, ``attribute of`` (the alternative
        whose attribute changes; ``(all)`` for a variable that is one a case), ``probability of``.

    Raises
    ------
    SpecificationError : a variable that is not in the model, a model of sets, no derivative.
    DataError : no such column, values of another kind, a fit without data.
    OptionError : an option that is not valid.
    """
    sampling = Sampling(interval, alpha, draws, seed)
    where = places(fit, at, by, data)
    wanted = _wanted(fit, variables, where[0].data)
    jobs: list[_Slopes | _Change] = []
    for place in where:
        smooth = [name for name in wanted if change is None and not is_class(place.data, name)]
        if smooth:
            moving = movements(fit.encoding, place.data, smooth)
            own = place.setting(fit)
            jobs.append(_Slopes(place, own, moving, availability(own)))
        for name in wanted:
            if name not in smooth:
                jobs += _changes(fit, place, name, change, data)
    keys = [key for job in jobs for key in job.keys()]  # noqa: SIM118

    def function(theta: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        parts = [job.evaluate(theta, gradient) for job in jobs]
        values = np.concatenate([part for part, _ in parts])
        return values, np.concatenate([slope for _, slope in parts]) if gradient else None

    found = infer(fit, function, sampling)
    notes = (*_notes(fit, where[0], at, jobs), *found.notes)
    order = _order(keys, wanted)
    covariance = None if found.covariance is None else found.covariance[np.ix_(order, order)]
    index = index_of([keys[row] for row in order], where[0].data.alternatives)
    table = found.frame(pd.RangeIndex(len(keys))).iloc[order].set_axis(index)
    return Derived(_title(at, jobs), tidy(table), notes, interval, alpha, covariance, joint_provenance(fit, data))


def is_class(data: ChoiceData, name: str) -> bool:
    """Whether a column holds classes or truths, which have no derivative."""
    dtype = column_of(data, name).dtype
    return not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def _wanted(fit: ChoiceResults, variables: str | Sequence[str] | None, data: ChoiceData) -> list[str]:
    known = variables_of(fit, data)
    if variables is None:
        if not known:
            raise SpecificationError("this model reads no column of the data: it has no variables with effects")
        return known
    wanted = [variables] if isinstance(variables, str) else list(dict.fromkeys(variables))
    if not wanted:
        raise OptionError.of("variables", variables, "names of columns, or None for all of the model")
    for name in wanted:
        column_of(data, name)
        if name not in known:
            raise SpecificationError(
                f"variable {name!r} moves no utility of this model; its variables: {', '.join(known) or 'none'}"
            )
    return wanted


@dataclass(frozen=True, slots=True, eq=False)
class _Slopes:
    """Derivatives in several variables at one place."""

    place: Place
    at: Setting
    moving: list[Movement]
    both: Floats

    def keys(self) -> list[Key]:
        labels = list(map(plain, self.at.data.alternatives))
        out: list[Key] = []
        for one in self.moving:
            for g, j, k in cells(self.both, one.of_cases):
                of = ALL if one.of_cases else labels[k]
                out.append((self.place.labels[g], self.place.label, one.variable, of, labels[j]))
        return out

    def evaluate(self, theta: Floats, gradient: bool) -> tuple[Floats, Floats]:
        probes = probing(self.moving, times_value=False)
        found = sums(self.at, theta, probes.probes, gradient=gradient)
        weight = group_weights(self.at)
        values, slopes = [], []
        for one, pairs in zip(self.moving, probes.plan, strict=True):
            total, slope = combined(found, pairs, theta)
            if one.of_cases:
                total, slope = total.sum(axis=2, keepdims=True), slope.sum(axis=2, keepdims=True)
            for g, j, k in cells(self.both, one.of_cases):
                values.append(total[g, j, k] / weight[g])
                slopes.append(slope[g, j, k] / weight[g])
        return np.array(values), np.array(slopes)


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """The change of all probabilities between two sets of values of one variable."""

    place: Place
    variable: str
    words: str
    of: Any
    low: Setting
    high: Setting
    cells: list[tuple[int, int]]

    def keys(self) -> list[Key]:
        labels = list(map(plain, self.low.data.alternatives))
        name = f"{self.variable}: {self.words}"
        return [(self.place.labels[g], self.place.label, name, self.of, labels[j]) for g, j in self.cells]

    def evaluate(self, theta: Floats, gradient: bool) -> tuple[Floats, Floats]:
        low = sums(self.low, theta, [], gradient=gradient)
        high = sums(self.high, theta, [], gradient=gradient)
        weight = group_weights(self.low)
        values = np.array([(high.level[g, j] - low.level[g, j]) / weight[g] for g, j in self.cells])
        slopes = np.array([(high.level_gradient[g, j] - low.level_gradient[g, j]) / weight[g] for g, j in self.cells])
        return values, slopes


def _some(both: Floats, code: int | None) -> list[tuple[int, int]]:
    n_groups, n, _ = both.shape
    return [(g, j) for g in range(n_groups) for j in range(n) if both[g, j, j if code is None else code] > 0]


def cells(both: Floats, of_cases: bool) -> list[tuple[int, int, int]]:
    """(group, probability of j, attribute of k) of the pairs that some case may choose; k is 0 for one a case."""
    n_groups, n, _ = both.shape
    if of_cases:
        return [(g, j, 0) for g in range(n_groups) for j in range(n) if both[g, j, j] > 0]
    return [(g, j, k) for g in range(n_groups) for k in range(n) for j in range(n) if both[g, j, k] > 0]


def availability(at: Setting) -> Floats:
    """(G, J, J) number of cases of positive weight that may choose both alternatives."""
    n = at.data.n_alternatives
    if at.data.n_rows == at.data.n_cases * n:
        counts = np.bincount(at.groups[at.weights > 0], minlength=at.n_groups).astype(float)
        return np.broadcast_to(counts[:, None, None], (at.n_groups, n, n))
    there = np.zeros((at.data.n_cases, n))
    there[at.data.row_case(), at.data.row_alternative] = 1.0
    there[at.weights <= 0] = 0.0
    return np.stack([there[at.groups == g].T @ there[at.groups == g] for g in range(at.n_groups)])


def group_weights(at: Setting) -> Floats:
    """(G,) sums of the weights."""
    return np.bincount(at.groups, weights=at.weights, minlength=at.n_groups).astype(np.float64, copy=False)


def _changes(fit: ChoiceResults, place: Place, name: str, change: Any, data: ChoiceData | None) -> list[_Change]:
    """The discrete changes of a variable, by the alternative whose value changes."""
    series = column_of(place.data, name)
    joint = one_a_case(place.data, name)
    codes = [None] if joint else list(range(place.data.n_alternatives))
    settings: dict[Any, Setting] = {}

    def at(code: int | None, values: pd.Series, key: Any) -> Setting:
        if (code, key) not in settings:
            here = values if code is None else series.where(pd.Series(place.data.row_alternative != code), values)
            settings[code, key] = place.setting(fit, with_values(place.data, {name: here}))
        return settings[code, key]

    out = []
    for words, low, high in changed_values(series, name, change, place.data):
        for code in codes:
            of = ALL if code is None else plain(place.data.alternatives[code])
            before, after = at(code, *low), at(code, *high)
            out.append(_Change(place, name, words, of, before, after, _some(availability(before), code)))
    return out


def changed_values(
    series: pd.Series, name: str, change: Any, data: ChoiceData
) -> list[tuple[str, tuple[pd.Series, Any], tuple[pd.Series, Any]]]:
    """Words, values before and values after of each change, with keys that tell equal values."""

    def fixed(value: Any) -> tuple[pd.Series, Any]:
        return same_kind(series, value), ("value", value)

    if isinstance(change, tuple | list) and len(change) == 2:
        return [(f"{change[0]} to {change[1]}", fixed(change[0]), fixed(change[1]))]
    dtype = series.dtype
    numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if change is None and not numeric:
        if isinstance(dtype, pd.CategoricalDtype):
            present = list(series.cat.categories[series.cat.codes.value_counts().index.sort_values()])
        else:
            present = sorted(series.unique())
        first, *others = [plain(value) for value in present]
        return [(f"{first} to {other}", fixed(first), fixed(other)) for other in others]
    if change == "sd" or (isinstance(change, Real) and not isinstance(change, bool)):
        values = numbers_of(data, name)
        size = float(_sd(values, name, data)) if isinstance(change, str) else float(change)
        words = f"+1 s.d. ({size:.6g})" if isinstance(change, str) else f"{size:+g}"
        return [(words, (pd.Series(values), ("as is",)), (pd.Series(values + size), ("plus", size)))]
    raise OptionError.of("change", change, "None, 'sd', a number, or a pair (from, to)")


def _sd(values: Floats, name: str, data: ChoiceData) -> float:
    """Weighted standard deviation over the rows; over the cases for a variable that is one a case."""
    weights = np.ones(data.n_cases) if data.weights is None else np.array(data.weights)
    if one_a_case(data, name):
        values = values[data.offsets[:-1].astype(np.intp)]
    else:
        weights = weights[data.row_case()]
    mean = np.average(values, weights=weights)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def index_of(keys: list[Key], alternatives: pd.Index) -> pd.MultiIndex:
    """The index of a table; its levels are in the order of the rows, so that ``.loc`` finds them fast."""
    labels = (ALL, *map(plain, alternatives))
    return ordered_index(keys, LEVELS, {"attribute of": labels, "probability of": labels})


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Without index levels that say nothing."""
    for level in ("group", "at"):
        if level in table.index.names and table.index.nlevels > 1:
            values = table.index.get_level_values(level)
            if all(value is None or value in ("", MEANS) or value != value for value in values.unique()):
                table = table.droplevel(level)
    return table


def _order(keys: list[Key], wanted: list[str]) -> list[int]:
    """Rows by variable in the order asked for, as they came otherwise."""
    rank = {name: position for position, name in enumerate(wanted)}
    return sorted(range(len(keys)), key=lambda row: rank[str(keys[row][2]).split(": ")[0]])


def _title(at: Any, jobs: list[_Slopes | _Change]) -> str:
    where = "at the means" if at == MEANS else "average"
    return f"Marginal effects on probabilities, {where}"


def _notes(fit: ChoiceResults, place: Place, at: Any, jobs: list[_Slopes | _Change]) -> list[str]:
    notes = []
    smooth = [one for job in jobs if isinstance(job, _Slopes) for one in job.moving]
    if smooth:
        names = ", ".join(dict.fromkeys(one.variable for one in smooth))
        notes.append(f"Derivatives of the probabilities: {names}.")
    if any(isinstance(job, _Change) for job in jobs):
        notes.append("Rows with values are changes of the probabilities between these values.")
    differences = dict.fromkeys(label for one in smooth for label in one.by_difference)
    if differences:
        notes.append(f"Derivative of columns by central differences: {', '.join(differences)}.")
    if at == MEANS:
        notes.append("At one case with the means of the columns (by alternative), classes at their most frequent.")
    else:
        notes.append(weights_note(fit, place.data.weights is not None, place.data.weight_kind))
    if not fit.converged:
        notes.append(f"The fit did not end at a finite maximum: {fit.status_message}.")
    return notes
