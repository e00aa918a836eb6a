"""From a frame of ratings to an estimated ordered logit, in steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show, show_some
from relocchoice.errors import DataError, Finding, IdentificationError, SpecificationError
from relocchoice.results.ordered_likelihood import Cells, diverging, evaluate, maximise, start_values
from relocchoice.spec.evaluate import Evaluated, TermsEncoding, apply_terms, learn_terms
from relocchoice.spec.parts import parse_part, split_formula, split_outside

Floats = NDArray[np.float64]

COEFFICIENTS, CUTS = "Coefficients", "Cut points"
_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class OrderedFit:
    """What was estimated; see ``OrderedResults`` for the fields."""

    levels: tuple[Any, ...]
    encoding: TermsEncoding
    parameters: pd.DataFrame
    covariance: Floats
    llf: float
    llnull: float
    counts: Floats
    converged: bool
    status_message: str
    notes: tuple[str, ...]
    data: ChoiceData


def right_side(formula: str) -> tuple[str, str]:
    """Response and terms of ``"rating ~ terms"``, checked.

    Raises
    ------
    SpecificationError
        For a text that is no such formula.
    """
    response, parts = split_formula(formula)
    if not response:
        raise SpecificationError(f"formula {formula!r} has no left side: write 'rating ~ terms'")
    if len(split_outside(formula, "|")) > 1:
        raise SpecificationError(
            f"formula {formula!r} has more than one part: an ordered logit has one, 'rating ~ terms'"
        )
    terms = parts[0]
    parse_part(terms, False)
    return response, terms


def fit_ordered(
    frame: Any, response: str, terms: str, levels: Sequence[Any], weights: str | None, max_iterations: int
) -> OrderedFit:
    """Read, check, estimate; see ``OrderedLogit.fit``."""
    data = ChoiceData.from_wide(frame, chosen=response, alternatives=list(levels), weights=weights)
    # read as choices among the levels, so that ratings, counts and terms go by the rules of all tables here
    evaluated = learn_terms(terms, data, "case", reduced=True)
    assert data.chosen is not None
    counts = np.ones(data.n_cases) if data.weights is None else np.array(data.weights)
    used = counts > 0
    by_level = np.bincount(data.chosen[used], weights=counts[used], minlength=len(levels)).astype(np.float64)
    rated = np.flatnonzero(by_level > 0)
    kept = tuple(levels[k] for k in rated.tolist())
    if len(kept) < 2:
        held = show(kept[0]) if kept else "no level"
        message = f"all ratings in column {response!r} are {held}: an ordered logit needs two levels or more"
        raise DataError([Finding("one_level", message, column=response)])
    # codes from 0, the worst, among the levels that were used
    ascending = np.full(len(levels), -1)
    ascending[rated[::-1]] = np.arange(len(rated))
    level = ascending[data.chosen[used]]
    x = _columns(evaluated, data.n_cases)[used]
    _check_columns(x, counts[used], evaluated.encoding.labels)
    cells = Cells.of(x, level, len(rated), counts[used])
    names = [*evaluated.encoding.labels, *_cut_names(kept)]
    # cut points ascend in the likelihood; the table has them from the best level on
    turned = np.r_[: x.shape[1], len(names) - 1 : x.shape[1] - 1 : -1]
    _check_separated(cells, turned, names, response)
    start = start_values(level, counts[used], len(rated), x.shape[1])
    found = maximise(cells, start, max_iterations)
    covariance = np.linalg.inv(-found.point.hessian)
    return OrderedFit(
        levels=kept,
        encoding=evaluated.encoding,
        parameters=_parameters(names, found.theta[turned], x.shape[1]),
        covariance=((covariance + covariance.T) / 2)[np.ix_(turned, turned)],
        llf=found.point.loglik,
        llnull=evaluate(cells, start).loglik,
        counts=by_level[rated],
        converged=found.converged,
        status_message=(
            f"converged after {found.iterations} iterations"
            if found.converged
            else f"stopped after {found.iterations} iterations, {found.distance:.2g} standard errors from the maximum"
        ),
        notes=_notes(levels, rated, data),
        data=data,
    )


def _columns(evaluated: Evaluated, n: int) -> Floats:
    return np.column_stack(evaluated.values) if evaluated.values else np.empty((n, 0))


def _cut_names(levels: Sequence[Any]) -> list[str]:
    return [f"cut:{better}|{worse}" for better, worse in pairwise(levels)]


def _parameters(names: list[str], estimates: Floats, n_columns: int) -> pd.DataFrame:
    blocks = [COEFFICIENTS] * n_columns + [CUTS] * (len(names) - n_columns)
    return pd.DataFrame({"estimate": estimates, "status": "free", "block": blocks, "note": ""}, index=pd.Index(names))


def _notes(levels: Sequence[Any], rated: NDArray[np.intp], data: ChoiceData) -> tuple[str, ...]:
    unused = [levels[k] for k in range(len(levels)) if k not in set(rated.tolist())]
    left_out = f"no rating has the level {show_some(unused)}: left out, with its cut point"
    return (*((left_out,) if unused else ()), *data.notes)


def _check_columns(x: Floats, counts: Floats, labels: Sequence[str]) -> None:
    """Refuse columns that never vary among the rows that count, and columns that follow from others."""
    centred = x - np.average(x, axis=0, weights=counts) if x.shape[1] else x
    size = np.sqrt(np.average(centred**2, axis=0, weights=counts)) if x.shape[1] else np.empty(0)
    still = np.flatnonzero(size <= _COLLINEAR * np.abs(x).max(axis=0, initial=0.0))
    if len(still):
        name = labels[int(still[0])]
        message = (
            f"{name}: its column is the same in every row with a positive count, so the cut points take its place; "
            "drop the term, or the rows of a category that nobody rated"
        )
        raise IdentificationError([Finding("not_identified", message, column=name)])
    _, values, vectors = np.linalg.svd(centred / size * np.sqrt(counts)[:, None], full_matrices=False)
    null = vectors[values <= _COLLINEAR * values.max(initial=0.0)]
    if len(null):
        involved = [labels[k] for k in np.flatnonzero(np.abs(null).max(axis=0) > 1e-6).tolist()]
        message = f"{show_some(involved)} are collinear: one follows from the others; drop one"
        raise IdentificationError([Finding("collinear", message)])


def _check_separated(cells: Cells, turned: NDArray[np.intp], names: list[str], response: str) -> None:
    """Refuse ratings that some terms separate: the likelihood would rise for ever."""
    direction = diverging(cells)
    if direction is None:
        return
    held = zip(names, direction[turned].tolist(), strict=True)
    signs = {
        name: "+inf or -inf" if np.isnan(value) else f"{'+' if value > 0 else '-'}inf" for name, value in held if value
    }
    told = ", ".join(f"{name} ({sign})" for name, sign in signs.items())
    message = (
        f"the ratings in column {response!r} are separated, so these estimates are infinite: {told}; "
        "drop or merge the categories whose ratings all lie at one end, or merge levels"
    )
    raise IdentificationError([Finding("separated", message, column=response)])


def predict_ordered(
    encoding: TermsEncoding, theta: Floats, levels: Sequence[Any], data: ChoiceData, frame: Any
) -> pd.DataFrame:
    """(n, K) probabilities; theta are coefficients, then cut points from the best level on."""
    if frame is not None:
        data = ChoiceData.from_wide(frame, chosen=None, alternatives=list(levels))
    x = _columns(apply_terms(encoding, data), data.n_cases)
    index = x @ theta[: x.shape[1]]
    cuts = np.concatenate([[np.inf], theta[x.shape[1] :], [-np.inf]])
    # the level lies between two cuts: F(upper) - F(lower), by the tail in which it keeps its digits
    from scipy.special import expit

    upper, lower = cuts[None, :-1] - index[:, None], cuts[None, 1:] - index[:, None]
    flip = upper + np.where(np.isinf(lower), upper, lower) > 0
    high = np.where(flip, expit(-lower), expit(upper))
    low = np.where(flip, expit(-upper), expit(lower))
    return pd.DataFrame(high - low, index=data.cases, columns=pd.Index(list(levels), tupleize_cols=False))
