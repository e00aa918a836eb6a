"""The search that fits what the data can say: plain, penalised, or at the limit where choices are separated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.views import keep_rows
from relocchoice.engine.bind import Bound
from relocchoice.engine.limit import Held, pushed
from relocchoice.engine.penalty import FirthPenalty, Penalty, check_penalised
from relocchoice.engine.search import AGREE, Found, Reference, SearchOptions, reference_of, search
from relocchoice.errors import OptionError, SeparationError
from relocchoice.inference.separation import Certificate, dropped, limit_problem, separation_findings
from relocchoice.inference.verdict import certificate_holds
from relocchoice.optimize.newton import Step
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]
Separation = Literal["warn", "error", "drop", "firth"]
OnStep = Callable[[Step], None] | None
_UNPROVED = (
    "The lambdas do not agree with utility maximisation; there separation is not proved, and all data together may "
    "have a higher log-likelihood at other values."
)


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """Where the search ended, and for which problem.

    Attributes
    ----------
    bound : the data and the problem that the results hold.
    found : the end of the search, for that problem.
    theta : (p,) user's parameters that predictions take, where they are not those of the search.
    dropped : parameters that are not reported.
    kept : the data without the separated pairs, where these were dropped, so that the log-likelihoods to compare with
        are of the same choice sets.
    penalty : what was added to the log-likelihood, or None.
    notes : what was done about separation, in sentences.
    """

    bound: Bound
    found: Found
    theta: Floats | None = None
    dropped: tuple[str, ...] = ()
    kept: ChoiceData | None = None
    penalty: Penalty | None = None
    notes: tuple[str, ...] = field(default=())


def check_separation(separation: str) -> None:
    """Refuse a mode that is none."""
    if separation not in get_args(Separation):
        raise OptionError.of("separation", separation, ", ".join(get_args(Separation)))


def searched(
    spec: ModelSpec,
    bound: Bound,
    certificate: Certificate,
    reference: Reference,
    separation: Separation,
    penalty: Penalty | None,
    first: Floats | None,
    options: SearchOptions,
    on_step: OnStep,
) -> Searched:
    """Search for the maximum, as ``separation`` says where the certificate found some.

    Parameters
    ----------
    reference : of the problem; first : (p,) the user's starting values, or None.

    Raises
    ------
    SeparationError : with ``separation="error"`` and separated choices.
    OptionError : what ``separation`` asks for does not go with the weights, the family or the bounds.
    """
    if certificate.separated and penalty is None:
        if separation == "error":
            raise SeparationError(separation_findings(certificate))
        if separation == "drop":
            return _without_separated(spec, bound, certificate, first, options, on_step)
        if separation == "warn":
            return _at_limit_or_below(spec, bound, certificate, reference, first, options, on_step)
        if separation == "firth":
            check_penalised(bound.data.weight_kind, spec.family, "firth")
            penalty = FirthPenalty()
    found = search(bound.problem, reference, first, options, on_step, penalty, certificate.near)
    return Searched(bound, found, penalty=penalty, notes=_penalised_notes(certificate, penalty))


def _penalised_notes(certificate: Certificate, penalty: Penalty | None) -> tuple[str, ...]:
    if penalty is None or not certificate.separated:
        return ()
    return (f"Without the penalty there is no finite maximum: {certificate.verdict}.", *certificate.cells)


def _at_limit_or_below(
    spec: ModelSpec,
    bound: Bound,
    certificate: Certificate,
    reference: Reference,
    first: Floats | None,
    options: SearchOptions,
    on_step: OnStep,
) -> Searched:
    """The limit where it is the supremum: by the certificate, or because no search of the full problem gets higher."""
    limit = _limit(bound, certificate, reference, options, on_step)
    if limit is not None and certificate_holds(spec, bound, certificate, bound.problem.user(limit.maximum.x)):
        return Searched(bound, limit)
    found = search(bound.problem, reference, first, options, on_step)
    if limit is not None and found.maximum.evaluation.value <= limit.maximum.evaluation.value + AGREE:
        return Searched(bound, limit)
    return Searched(bound, found)


def _limit(
    bound: Bound, certificate: Certificate, reference: Reference, options: SearchOptions, on_step: OnStep
) -> Found | None:
    """The finite part estimated at the limit; the rest moved so far that the full problem is there too.

    None where that has no maximum, or bounds on separated parameters would decide other estimates; then a search of the
    full problem climbs as far as it can.
    """
    try:
        held = limit_problem(certificate, bound)
    except OptionError:
        return None
    found = search(held.problem, reference_of(held.problem), None, options, on_step)
    if not found.ended:
        return None
    full = _far(bound, certificate, held, found)
    active = np.zeros(len(held.kept), dtype=bool)
    active[held.kept] = found.maximum.active
    there = replace(found.maximum, x=full, evaluation=bound.problem.evaluate(full), status="flat", active=active)
    return replace(found, maximum=there, reference=reference.information)


def _without_separated(
    spec: ModelSpec,
    bound: Bound,
    certificate: Certificate,
    first: Floats | None,
    options: SearchOptions,
    on_step: OnStep,
) -> Searched:
    left, data = dropped(certificate, bound), bound.data
    problem = left.held.problem
    found = search(problem, reference_of(problem), first, options, on_step)
    theta = bound.problem.user(_far(bound, certificate, left.held, found))
    gone = certificate.mask(data.n_cases, data.n_alternatives)[data.row_case(), data.row_alternative]
    notes = [left.note, *certificate.cells]
    if not certificate_holds(spec, bound, certificate, theta):
        notes.append(_UNPROVED)
    return Searched(
        replace(bound, problem=problem), found, theta, left.names, keep_rows(data, ~gone), notes=tuple(notes)
    )


def _far(bound: Bound, certificate: Certificate, held: Held, found: Found) -> Floats:
    """(q,) free parameters of the full problem at which the separated alternatives are out of reach."""
    return pushed(
        bound.problem,
        held.lift(found.maximum.x),
        certificate.free_direction,
        certificate.case,
        certificate.alternative,
    )
