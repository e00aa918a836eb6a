"""Own and cross elasticities of probabilities as J x J tables, point and arc, with standard errors, in any family.

Of a case, E_jk = x_k d log P_j / d x_k. Weighted by probability it is the elasticity of the expected count,
sum_i w_i P_ij E_ijk / sum_i w_i P_ij; weighted by cases it is the mean of E_ijk over the cases that may choose both
(Ben-Akiva & Lerman 1985, section 5.4, on disaggregate and aggregate elasticities). The arc elasticity of a finite
change takes both differences relative to the midpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import joint_provenance
from relocchoice.errors import OptionError
from relocchoice.post.derivatives import Setting, Sums, combined, probing, sums
from relocchoice.post.effects import ALL, Key, availability, cells, index_of, tidy
from relocchoice.post.inferred import Derived, Interval, Sampling, infer
from relocchoice.post.movements import Movement, column_of, movements, numbers_of, with_values
from relocchoice.post.settings import MEANS, Place, places
from relocchoice.spec.labels import plain

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Weighting = Literal["probability", "cases"]


def elasticities(
    fit: ChoiceResults,
    variables: str | Sequence[str],
    *,
    weights: Weighting = "probability",
    change: float | None = None,
    at: Any = "data",
    by: str | None = None,
    data: ChoiceData | None = None,
    interval: Interval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Derived:
    """Elasticities of all alternatives' probabilities with respect to attributes of each, or to variables of the cases.

    Parameters
    ----------
    fit : of any model but one of sets.
    variables : columns that hold numbers.
    weights : ``"probability"``, of the expected counts; ``"cases"``, mean of the cases' elasticities, over those that
        may choose both alternatives. Weights of the data count in both.
    change : None, point elasticities; a share such as 0.1, arc elasticities of the expected counts for +10 %.
    at, by, data, interval, alpha, draws, seed : see :func:`relocchoice.post.effects.marginal_effects`.

    Returns
    -------
    Derived
        ``matrix()`` gives rows ``attribute of`` and columns ``probability of``.

    Raises
    ------
    SpecificationError, DataError, OptionError : as for marginal effects.
    """
    sampling = Sampling(interval, alpha, draws, seed)
    if weights not in get_args(Weighting):
        raise OptionError.of("weights", weights, ", ".join(map(repr, get_args(Weighting))))
    if change is not None:
        _check_change(change, weights)
    wanted = [variables] if isinstance(variables, str) else list(dict.fromkeys(variables))
    if not wanted:
        raise OptionError.of("variables", variables, "names of columns")
    where = places(fit, at, by, data)
    jobs = [_job(fit, place, wanted, weights, change) for place in where]
    keys = [key for job in jobs for key in job.keys()]  # noqa: SIM118

    def function(theta: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        parts = [job.evaluate(theta, gradient) for job in jobs]
        values = np.concatenate([part for part, _ in parts])
        return values, np.concatenate([slope for _, slope in parts]) if gradient else None

    found = infer(fit, function, sampling)
    order = sorted(range(len(keys)), key=lambda row: wanted.index(str(keys[row][2])))
    covariance = None if found.covariance is None else found.covariance[np.ix_(order, order)]
    notes = (*_notes(fit, where[0], jobs, weights, change, at), *found.notes)
    kind = "Arc elasticities" if change is not None else "Elasticities"
    index = index_of([keys[row] for row in order], where[0].data.alternatives)
    table = found.frame(pd.RangeIndex(len(keys))).iloc[order].set_axis(index)
    title = f"{kind} of probabilities"
    return Derived(title, tidy(table), notes, interval, alpha, covariance, joint_provenance(fit, data))


def _check_change(change: float, weights: Weighting) -> None:
    if not isinstance(change, Real) or isinstance(change, bool) or not -1 < change < np.inf or change == 0:
        raise OptionError.of("change", change, "None, or a share above -1 that is not 0, e.g. 0.1 for +10 %")
    if weights != "probability":
        raise OptionError(f"weights={weights!r} goes with point elasticities; arc elasticities are of expected counts")


def _job(
    fit: ChoiceResults, place: Place, wanted: list[str], weights: Weighting, change: float | None
) -> _Points | _Arcs:
    for name in wanted:
        column_of(place.data, name)
        numbers_of(place.data, name)
    moving = movements(fit.encoding, place.data, wanted)
    at = place.setting(fit)
    both = availability(at)
    if change is None:
        return _Points(place, at, moving, both, weights)
    grown = []
    for one in moving:
        codes = [None] if one.of_cases else list(range(place.data.n_alternatives))
        grown.append([_grown(fit, place, one, code, change) for code in codes])
    return _Arcs(place, at, moving, both, grown, change)


def _grown(fit: ChoiceResults, place: Place, one: Movement, code: int | None, change: float) -> Setting:
    here = np.ones(place.data.n_rows, dtype=bool) if code is None else place.data.row_alternative == code
    values = np.where(here, one.values * (1 + change), one.values)
    return place.setting(fit, with_values(place.data, {one.variable: pd.Series(values)}))


def _keys(place: Place, at: Setting, moving: list[Movement], both: Floats) -> list[Key]:
    labels = list(map(plain, at.data.alternatives))
    return [
        (place.labels[g], place.label, one.variable, ALL if one.of_cases else labels[k], labels[j])
        for one in moving
        for g, j, k in cells(both, one.of_cases)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """Point elasticities in several variables at one place."""

    place: Place
    at: Setting
    moving: list[Movement]
    both: Floats
    weights: Weighting

    def keys(self) -> list[Key]:
        return _keys(self.place, self.at, self.moving, self.both)

    def evaluate(self, theta: Floats, gradient: bool) -> tuple[Floats, Floats]:
        probes = probing(self.moving, times_value=True)
        by_case = self.weights == "cases"
        found = sums(self.at, theta, probes.probes, of_log=by_case, gradient=gradient)
        values, slopes = [], []
        for one, pairs in zip(self.moving, probes.plan, strict=True):
            total, slope = combined(found, pairs, theta)
            if one.of_cases:
                total, slope = total.sum(axis=2, keepdims=True), slope.sum(axis=2, keepdims=True)
            for g, j, k in cells(self.both, one.of_cases):
                value, change = total[g, j, k], slope[g, j, k]
                if by_case:
                    weight = found.both[g, j, j if one.of_cases else k]
                    values.append(value / weight)
                    slopes.append(change / weight)
                    continue
                ratio, gradient_of = _ratio(value, change, found, g, j)
                values.append(ratio)
                slopes.append(gradient_of)
        return np.array(values), np.array(slopes)


def _ratio(value: float, slope: Floats, found: Sums, g: int, j: int) -> tuple[float, Floats]:
    """Value over the expected count, with its gradient."""
    level = found.level[g, j]
    if level == 0:
        return np.nan, np.full_like(slope, np.nan)
    ratio = value / level
    if not len(slope):
        return ratio, slope
    return ratio, (slope - ratio * found.level_gradient[g, j]) / level


@dataclass(frozen=True, slots=True, eq=False)
class _Arcs:
    """Arc elasticities of the expected counts for a finite change."""

    place: Place
    at: Setting
    moving: list[Movement]
    both: Floats
    grown: list[list[Setting]]
    change: float

    def keys(self) -> list[Key]:
        return _keys(self.place, self.at, self.moving, self.both)

    def evaluate(self, theta: Floats, gradient: bool) -> tuple[Floats, Floats]:
        before = sums(self.at, theta, [], gradient=gradient)
        share = self.change / (1 + self.change / 2)
        values, slopes = [], []
        for one, settings in zip(self.moving, self.grown, strict=True):
            after = [sums(at, theta, [], gradient=gradient) for at in settings]
            for g, j, k in cells(self.both, one.of_cases):
                old, new = before.level[g, j], after[k].level[g, j]
                middle = (old + new) / 2
                values.append((new - old) / middle / share if middle > 0 else np.nan)
                if gradient:
                    d_old, d_new = before.level_gradient[g, j], after[k].level_gradient[g, j]
                    slopes.append((old * d_new - new * d_old) / middle**2 / share)
        return np.array(values), np.array(slopes)


def _notes(
    fit: ChoiceResults,
    place: Place,
    jobs: list[_Points | _Arcs],
    weights: Weighting,
    change: float | None,
    at: Any,
) -> list[str]:
    kind = place.data.weight_kind
    counted = f", each case with its {kind} weight" if place.data.weights is not None and at != MEANS else ""
    if change is not None:
        notes = [f"Of the expected counts{counted}, for {change:+.6g} of the variable, relative to the midpoints."]
    elif at == MEANS:
        notes = ["At one case with the means of the columns (by alternative), classes at their most frequent."]
    elif weights == "probability":
        notes = [f"Of the expected counts: the cases' elasticities weighted by their probabilities{counted}."]
    else:
        notes = [f"Mean of the elasticities of the cases that may choose both alternatives{counted}."]
    differences = dict.fromkeys(label for job in jobs for one in job.moving for label in one.by_difference)
    if differences and change is None:
        notes.append(f"Derivative of columns by central differences: {', '.join(differences)}.")
    if not fit.converged:
        notes.append(f"The fit did not end at a finite maximum: {fit.status_message}.")
    return notes
