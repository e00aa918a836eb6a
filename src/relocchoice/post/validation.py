"""Cross-validation by unit: refits under weights that leave out a fold, never copies of the data."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.groups import group_codes
from relocchoice.data.provenance import begun
from relocchoice.engine.penalty import Objective as Penalised
from relocchoice.engine.reduce import one_thread
from relocchoice.engine.replicate import CONVERGED, Work, log_likelihood, refit
from relocchoice.engine.search import reference_information
from relocchoice.errors import DataError, OptionError
from relocchoice.post.predictions import score_values
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.rebound import rebound
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
HEADS = ("log score", "Brier score", "hit rate", "cases")


@dataclass(frozen=True, slots=True, eq=False)
class LeaveFoldOut:
    """Weights without the cases of each fold."""

    base: Floats
    fold: NDArray[np.intp]
    folds: int

    def __len__(self) -> int:
        return self.folds

    def weights(self, draw: int) -> Floats:
        """(n,) the fold's cases count nothing."""
        return np.where(self.fold == draw, 0.0, self.base)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CrossValidation:
    """Scores outside the sample.

    Attributes
    ----------
    table : index the folds; ``log score``, ``Brier score``, ``hit rate`` of the cases left out, ``cases``, and
        ``outcome``, how the search ended.
    overall : the same scores over all the cases that were predicted; in_sample : of the fit itself.
    fold : (n,) fold of each case, from 1.
    notes : how it was done.
    provenance : one line on where the data of the fit come from, where nobody observed them.
    """

    table: pd.DataFrame
    overall: pd.Series
    in_sample: pd.Series
    fold: pd.Series
    notes: tuple[str, ...]
    provenance: str = ""

    def summary(self, format: Format = "text") -> Summary:
        """The scores as a table that prints itself in ``format``."""
        rows = [(str(label), *_cells(row)) for label, row in self.table.iterrows()]
        rows.append(("All folds", *_cells(self.overall)))
        rows.append(("In sample", *_cells(self.in_sample)))
        title = begun(self.provenance, "Cross-validation")
        return Summary(Table(title, ("Fold", *HEADS), tuple(rows), notes=self.notes), format)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


setattr(CrossValidation, "table", CopiedFrame(vars(CrossValidation)["table"]))  # noqa: B010


def _cells(row: Any) -> tuple[str, ...]:
    if row.get("outcome", CONVERGED) != CONVERGED:
        return ("no finite maximum", "", "", numbers.count(row["cases"]))
    return (*(numbers.decimals(row[name], 4) for name in HEADS[:3]), numbers.count(row["cases"]))


def cross_validate(
    fit: ChoiceResults,
    folds: int = 10,
    *,
    groups: Any = None,
    seed: int = 0,
    data: ChoiceData | None = None,
    workers: int | None = None,
) -> CrossValidation:
    """Predict each fold from a fit on the others.

    Parameters
    ----------
    folds : number of folds, at most the number of units.
    groups : units that stay together, a column's name or labels one a case; None for the data's units, else the cases.
    seed : of the split.
    data : the data of the fit, where it was loaded from a file.
    workers : number of processes; None for as many as pay.

    Raises
    ------
    OptionError : folds that are not possible. DataError : the fit has no finite maximum, or cases took several.
    """
    bound = rebound(fit, data)
    held, problem = bound.data, bound.problem
    if not fit.converged:
        raise DataError(f"cross-validation refits from a finite maximum: {fit.status_message}")
    if held.chosen is None or held.picked is not None:
        raise DataError("cross-validation scores one choice a case; these cases took several")
    codes, unit = _units(held, groups)
    n_units = int(codes.max()) + 1
    for name, value, least in (("folds", folds, 2), ("seed", seed, 0)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise OptionError.of(name, value, f"a whole number of at least {least}")
    if folds > n_units:
        raise OptionError.of("folds", folds, f"at most the number of {unit}, {n_units}")
    fold = (np.random.default_rng(seed).permutation(n_units) % folds).astype(np.intp)[codes]
    objective = log_likelihood if fit.penalty is None else Penalised(fit.penalty)
    with one_thread():
        reference = reference_information(problem)
        start = np.array(fit.moments.free)
        plan = Work(problem, start, reference, LeaveFoldOut(problem.weights, fold, folds), objective)
        found = refit(plan, workers=workers, progress=False)
    weights = np.ones(held.n_cases) if held.weights is None else np.array(held.weights)
    p = np.full((held.n_cases, held.n_alternatives), np.nan)
    rows = []
    for k, (free, status) in enumerate(zip(found.free, found.status, strict=True)):
        here = fold == k
        row: dict[str, Any] = dict.fromkeys(HEADS[:3], np.nan) | {"cases": float(here.sum()), "outcome": status}
        if status == CONVERGED:
            p[here] = problem.probabilities(problem.internal(free), held.n_alternatives)[here]
            row |= score_values(p[here], held.chosen[here], weights[here])
        rows.append(row)
    good = ~np.isnan(p[:, 0])
    overall = score_values(p[good], held.chosen[good], weights[good]) if good.any() else dict.fromkeys(HEADS, np.nan)
    inside = problem.probabilities(problem.internal(fit.moments.free), held.n_alternatives)
    failed = sum(status != CONVERGED for status in found.status)
    notes = [f"{folds} folds of {n_units} {unit}, seed {seed}; weights of the cases count in the scores."]
    if failed:
        notes.append(f"{failed} folds left no finite maximum and are not in the overall scores.")
    return CrossValidation(
        pd.DataFrame(rows, index=pd.RangeIndex(1, folds + 1, name="fold")),
        pd.Series(overall, name="overall"),
        pd.Series(score_values(inside, held.chosen, weights), name="in sample"),
        pd.Series(fold + 1, index=held.cases, name="fold"),
        tuple(notes),
        fit.provenance,
    )


def _units(data: ChoiceData, groups: Any) -> tuple[NDArray[np.intp], str]:
    if groups is not None:
        return group_codes(data, groups, "groups"), "groups"
    if data.unit is not None:
        return pd.factorize(np.asarray(data.unit))[0].astype(np.intp), "units"
    return np.arange(data.n_cases, dtype=np.intp), "cases"
