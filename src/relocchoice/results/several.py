"""Four treatments of events with several destinations, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.events import one_case_each, shared_weights
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import DataError, OptionError
from relocchoice.results.build import Request, estimate
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.compare import Comparison, Shown, compare
from relocchoice.spec.formula import Formula
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.utility import UtilitySpec

HEADS = ("one case a destination", "weights 1/m", "sets, m of J")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Treatments:
    """The same model under the stated treatments; prints as the comparison.

    Attributes
    ----------
    each : one case a destination, errors clustered by event (or by the data's units); counts with an effect for each
        event, a Poisson regression, have the same estimates.
    shared : weights 1/m, errors clustered likewise.
    sets : the likelihood of the set given its size, errors clustered likewise.
    comparison : the three side by side.
    """

    each: ChoiceResults
    shared: ChoiceResults
    sets: ChoiceResults
    comparison: Comparison

    def __str__(self) -> str:
        return str(self.comparison)

    def __repr__(self) -> str:
        return str(self.comparison)

    def _repr_html_(self) -> str:
        return self.comparison.as_html()


def compare_treatments(
    model: Any,
    data: ChoiceData,
    *,
    show: Sequence[Shown] = ("bse",),
    stars: bool = False,
    digits: int = 4,
    title: str = "",
) -> Treatments:
    """Fit one model to events with several destinations under every treatment.

    Parameters
    ----------
    model : a formula, a :class:`UtilitySpec`, or a :class:`MultinomialLogit` or :class:`SubsetLogit` with its
        constraints.
    data : choices read with ``several=True``.
    show, stars, digits, title : as in :func:`compare`.

    Returns
    -------
    Treatments
        The three fits and their comparison.

    Raises
    ------
    DataError
        When no case takes several alternatives, and for everything :meth:`fit` refuses.
    OptionError
        For a model that is neither.
    """
    spec = _specification(model)
    if not isinstance(data, ChoiceData):
        raise DataError(f"compare_treatments needs a ChoiceData, not {type(data).__name__}")
    if data.picked is None or not (data.n_taken > 1).any():
        raise DataError(
            "no case of these data took several alternatives, so the treatments are one: fit a MultinomialLogit; "
            "events with several destinations are read with ChoiceData.from_long(..., several=True)"
        )
    single, sets = replace(spec, family="multinomial"), replace(spec, family="subset")
    by_unit = Request(cov_type="cluster")
    by_event = Request(cov_type="cluster", groups=np.arange(data.n_cases))
    with one_thread():
        fits = (
            estimate(single, one_case_each(data), by_unit),
            estimate(single, shared_weights(data), by_unit),
            estimate(sets, data, by_event if data.unit is None else by_unit),
        )
    comparison = compare(*fits, names=HEADS, show=show, stars=stars, digits=digits, title=title)
    table = replace(comparison.table, notes=(*comparison.table.notes, *_notes(data)))
    return Treatments(*fits, replace(comparison, table=table))


def _specification(model: Any) -> ModelSpec:
    if isinstance(model, str):
        return ModelSpec("multinomial", Formula(model))
    if isinstance(model, (Formula, UtilitySpec)):
        return ModelSpec("multinomial", model)
    spec = model if isinstance(model, ModelSpec) else getattr(model, "spec", None)
    if not isinstance(spec, ModelSpec) or spec.family not in ("multinomial", "subset"):
        shown = f"a {spec.family} model" if isinstance(spec, ModelSpec) else type(model).__name__
        raise OptionError.of("model", shown, "a formula, a UtilitySpec, a MultinomialLogit, a SubsetLogit")
    return spec


def _notes(data: ChoiceData) -> tuple[str, ...]:
    taken = data.n_taken
    return (
        f"{data.n_cases} events took {int(taken.sum())} alternatives, up to {int(taken.max())} each; "
        f"{int((taken > 1).sum())} took several.",
        "The log-likelihoods are of different things (a destination, a share of one, a set) and do not compare.",
        "Poisson counts with an effect for each event give the estimates of the first column.",
    )
