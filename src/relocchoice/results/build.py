"""From a model and data to a :class:`ChoiceResults`: the order of the steps, and nothing else.

learn the encoding -> bind -> refuse what is not identified -> search -> what is flat -> covariance -> results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.events import refuse_sets
from relocchoice.data.groups import group_codes
from relocchoice.data.universe import with_alternatives
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.loglik import constants_loglik, null_loglik
from relocchoice.engine.penalty import FirthPenalty, Penalty, Ridge, check_penalised
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import SearchOptions
from relocchoice.errors import (
    DataError,
    Finding,
    FindingsError,
    IdentificationError,
    OptionError,
    SeparationError,
    SpecificationError,
)
from relocchoice.inference.covariance import Clusters, Covariance, Moments, check_kind, covariance
from relocchoice.inference.identification import Identification
from relocchoice.inference.separation import Certificate, separation_findings
from relocchoice.inference.verdict import infinite_findings, judge
from relocchoice.optimize.newton import NotFinite, Step
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import later
from relocchoice.results.moments import curvature_note, moments_of
from relocchoice.results.outcome import estimated_parameters, fit_notes, status_message, trace_frame
from relocchoice.results.parameters import coefficient_blocks, parameter_frame
from relocchoice.results.prepared import Prepared, prepare
from relocchoice.results.rebound import rebound
from relocchoice.results.searched import Searched, Separation, check_separation, searched
from relocchoice.spec.model import ModelSpec, apply_unavailable

Floats = NDArray[np.float64]
NOTHING_DROPPED = "Nothing was dropped: in this model separation shows only in the search, not before it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a fit was asked for, beside model and data.

    Attributes
    ----------
    cov_type, groups, small_sample : the covariance, see :func:`covariance`.
    draws, seed : of the bootstrap covariance.
    separation : what to do where choices are separated; penalty : what to add to the log-likelihood, or None.
    start : parameter -> starting value, or None; options : of the search.
    """

    cov_type: str = "hessian"
    groups: Any = None
    small_sample: bool | None = None
    draws: int = 999
    seed: int = 0
    separation: Separation = "warn"
    penalty: Literal["firth"] | Ridge | None = None
    start: Mapping[str, float] | None = None
    options: SearchOptions = field(default_factory=SearchOptions)


def estimate(
    spec: ModelSpec, data: ChoiceData, request: Request, on_step: Callable[[Step], None] | None = None
) -> ChoiceResults:
    """Fit a model.

    Raises
    ------
    SpecificationError, DataError, IdentificationError, OptionError : before anything is estimated.
    SeparationError : choices are separated and ``separation="error"`` was asked for.
    """
    check_separation(request.separation)
    results = _estimate(spec, data, request, on_step)
    separated = results.identification.infinite and results.penalty is None
    if request.separation == "warn" or not separated:
        return results
    # only models that the certificate cannot judge come here: what it would have told is known from the search
    if request.separation == "error":
        raise SeparationError(infinite_findings(spec, results.identification))
    if request.separation == "firth":
        return _estimate(spec, data, replace(request, penalty="firth"), on_step)
    return replace(results, notes=(*results.notes, NOTHING_DROPPED))


def _estimate(
    spec: ModelSpec, data: ChoiceData, request: Request, on_step: Callable[[Step], None] | None
) -> ChoiceResults:
    _check_estimable(spec, data)
    data = apply_unavailable(data, spec)
    check_kind(request.cov_type, data.weight_kind)
    _check_penalty(spec, request, data)
    codes = _codes(data, request.groups) if request.cov_type == "cluster" else None
    known = prepare(spec, data)
    bound, certificate, reference = Bound(data, known.problem), known.certificate, known.reference
    penalty = _penalty(request.penalty, known)
    first = None if request.start is None else _user_start(bound.problem, request.start)
    try:
        end = searched(
            spec, bound, certificate, reference, request.separation, penalty, first, request.options, on_step
        )
    except NotFinite:
        raise SpecificationError(
            "the log-likelihood is not finite at any starting values: the fixed values, the offset or the penalty are "
            "out of all proportion to the data"
        ) from None
    found, problem = end.found, end.bound.problem
    moments = moments_of(end)
    identification = _judged(spec, end, moments, certificate)
    blocks = coefficient_blocks(known.columns)  # the columns themselves are too large to be kept for a frame
    clusters = None if codes is None else _clusters(end.bound, moments, codes)
    results = ChoiceResults(
        spec=spec,
        encoding=known.encoding,
        parameters=later(
            partial(parameter_frame, blocks, problem, found, moments, identification, end.dropped, certificate.infinite)
        ),
        covariance=_covariance_if_any(end, moments, request.cov_type, clusters, request.small_sample),
        llf=problem.weight_scale * found.loglik.value,
        llnull=known.llnull if end.kept is None else null_loglik(end.kept),
        llconstants=later(partial(constants_loglik, data if end.kept is None else end.kept)),
        nobs=moments.nobs,
        n_cases=data.n_cases,
        n_alternatives=data.n_alternatives,
        weight_kind=data.weight_kind,
        df_model=estimated_parameters(moments, identification),
        converged=found.maximum.status == "maximum" and identification.ok,
        status_message=status_message(found, identification, problem),
        identification=identification,
        trace=later(partial(trace_frame, found, problem.weight_scale)),
        starts=found.starts,
        seconds=found.seconds,
        notes=(
            *data.notes,
            *end.notes,
            *fit_notes(spec, found),
            *curvature_note(found),
        ),
        moments=moments,
        problem=end.bound,
        penalty=end.penalty,
        llf_penalised=None if end.penalty is None else problem.weight_scale * found.maximum.evaluation.value,
        provenance=data.provenance,
    )
    return _bootstrapped(results, request) if request.cov_type == "bootstrap" else results


def _check_penalty(spec: ModelSpec, request: Request, data: ChoiceData) -> None:
    """Refuse an unknown penalty, or one that does not go with the weights, the family or the covariance.

    Raises
    ------
    OptionError : which of these.
    """
    asked = request.penalty
    if asked is None:
        return
    if not isinstance(asked, Ridge) and asked != "firth":
        raise OptionError.of("penalty", asked, "None, 'firth', a Ridge")
    check_penalised(data.weight_kind, spec.family, asked)
    _check_penalised_kind(request.cov_type)


def _penalty(asked: Literal["firth"] | Ridge | None, known: Prepared) -> Penalty | None:
    """The penalty on this problem."""
    if asked is None:
        return None
    return asked.on(known.columns, known.problem.space) if isinstance(asked, Ridge) else FirthPenalty()


def _judged(spec: ModelSpec, end: Searched, moments: Moments, certificate: Certificate) -> Identification:
    """The verdict; where the estimates are penalised or the separated ones dropped, on what is left."""
    if end.penalty is None and not end.dropped:
        return judge(spec, end.bound, end.found, moments, certificate)
    told = judge(spec, end.bound, end.found, moments)
    verdict = "every parameter that was kept is identified" if end.dropped and told.ok else told.verdict
    if end.dropped and not moments.moving.any():
        told, verdict = replace(told, ok=False), "nothing is left to estimate, because every free parameter was dropped"
    direction = certificate.direction_text() if certificate.separated else ""
    kind = certificate.kind if certificate.judged else told.separation
    return replace(told, verdict=verdict, separation=kind, direction=direction)


def _bootstrapped(results: ChoiceResults, request: Request) -> ChoiceResults:
    """The results with the bootstrap's covariance; without one, and the reason, where the fit has no finite maximum."""
    try:
        return recompute_covariance(results, "bootstrap", groups=request.groups, draws=request.draws, seed=request.seed)
    except IdentificationError as error:
        description = f"bootstrap: {error}"
        return replace(results, covariance=replace(covariance(results.moments, "none"), description=description))


def problems(spec: ModelSpec, data: ChoiceData) -> tuple[Finding, ...]:
    """Findings of all the errors that :func:`estimate` would raise before it searches."""
    try:
        _check_estimable(spec, data)
        data = apply_unavailable(data, spec)
    except DataError as error:
        return error.findings
    found: list[Finding] = []
    try:
        if spec.nests is not None:
            spec.nests.check(list(data.alternatives))
    except FindingsError as error:
        found += error.findings
    try:
        if found:
            spec.specification.evaluate(data, spec.base)
        else:
            found += separation_findings(prepare(spec, data).certificate)
    except FindingsError as error:
        found += error.findings
    return tuple(found)


def _check_penalised_kind(kind: str) -> None:
    """Refuse the covariance that has no meaning at penalised estimates.

    Raises
    ------
    OptionError : the outer product of scores that do not sum to zero.
    """
    if kind == "opg":
        raise OptionError(
            "cov_type='opg' is not valid for penalised estimates: the scores of the log-likelihood do not sum to zero "
            "there, and where choices are separated they vanish; valid: hessian, robust, cluster, bootstrap, none"
        )


def _covariance_if_any(
    end: Searched, moments: Moments, kind: str, clusters: Clusters | None, small_sample: bool | None
) -> Covariance:
    """The covariance, or one of NaN that says why there is none; the estimates are kept in any case."""
    if not end.found.ended or kind == "bootstrap":
        return replace(covariance(moments, "none"), description="the search did not end at a maximum")
    if not moments.finite.any():
        return _nothing_estimated(moments)
    if kind == "opg" and end.penalty is not None:
        return replace(covariance(moments, "none"), description="opg: not valid for penalised estimates")
    try:
        return covariance(moments, kind, clusters=clusters, small_sample=small_sample)
    except IdentificationError as error:
        return replace(covariance(moments, "none"), description=f"{kind}: {error}")


def _nothing_estimated(moments: Moments) -> Covariance:
    return replace(covariance(moments, "none"), description="no parameter has a finite estimate")


def recompute_covariance(
    results: ChoiceResults,
    kind: str,
    *,
    groups: Any = None,
    small_sample: bool | None = None,
    draws: int | None = None,
    seed: int | None = None,
    data: ChoiceData | None = None,
) -> ChoiceResults:
    """The same estimates with another covariance, from the moments of the one fit.

    Raises
    ------
    OptionError : unknown kind, or one that does not go with the weights.
    DataError : a clustered covariance of a loaded fit without its data.
    """
    check_kind(kind, results.weight_kind)
    if results.penalty is not None:
        _check_penalised_kind(kind)
    if kind == "bootstrap":
        from relocchoice.results.resampling import bootstrap_covariance  # it resamples results, so it imports them

        drawn = bootstrap_covariance(results, draws or 999, seed or 0, groups=groups, data=data)
        return replace(results, covariance=drawn)
    if draws is not None or seed is not None:
        raise OptionError(f"draws= and seed= go with the kind 'bootstrap', not with {kind!r}")
    if kind != "none" and not results.moments.finite.any() and not results.moments.settled:
        return replace(results, covariance=_nothing_estimated(results.moments))
    clusters = None
    if kind == "cluster":
        bound = rebound(results, data)
        clusters = _clusters(bound, results.moments, _codes(bound.data, groups))
    return replace(results, covariance=covariance(results.moments, kind, clusters=clusters, small_sample=small_sample))


def predict(results: ChoiceResults, data: ChoiceData | None = None) -> pd.DataFrame:
    """(n, J) probabilities at the estimates, cases x alternatives; zero where an alternative is not available."""
    if data is None:
        bound = rebound(results, None)
        data, problem = bound.data, bound.problem
    else:
        if not isinstance(data, ChoiceData):
            raise DataError(f"predict needs a ChoiceData, not {type(data).__name__}; make one, chosen=None will do")
        if data.n_cases == 0:
            return pd.DataFrame(np.empty((0, data.n_alternatives)), index=data.cases, columns=data.alternatives)
        data = with_alternatives(data, results.encoding.alternatives)
        data = apply_unavailable(data, results.spec, prediction=True)
        problem = bind(results.spec, results.encoding.columns(data), data)
    theta = problem.internal_from_user(results.moments.theta)
    probabilities = problem.probabilities(theta, data.n_alternatives)
    return pd.DataFrame(probabilities, index=data.cases, columns=data.alternatives)


def _check_estimable(spec: ModelSpec, data: ChoiceData) -> None:
    if not isinstance(data, ChoiceData):
        raise DataError(
            f"fit needs a ChoiceData, not {type(data).__name__}; make one with rc.ChoiceData.from_long(frame, ...)"
        )
    if data.chosen is None:
        raise DataError("these data hold no choices; give chosen= when making them")
    if data.n_cases == 0:
        raise DataError("these data hold no cases")
    if data.weights is not None and not data.weights.any():
        raise DataError("all case weights are zero")
    if spec.family != "subset":
        refuse_sets(data, f"a {spec.family} logit")


def _user_start(problem: Problem, start: Mapping[str, float]) -> Floats:
    """User's starting values over the default ones."""
    names = problem.space.names
    if not isinstance(start, Mapping):
        raise OptionError.of("start", start, "a mapping parameter -> value")
    unknown = [str(name) for name in start if name not in names]
    if unknown:
        raise SpecificationError(f"start names {', '.join(unknown)}, not parameters; parameters: {', '.join(names)}")
    theta = np.array([0.0] * problem.n_coef + [1.0] * (len(names) - problem.n_coef))
    for name, value in start.items():
        if not isinstance(value, Real) or not abs(float(value)) < 1e100:
            raise OptionError.of(f"start[{name!r}]", value, "a finite number (below 1e100)")
        if names.index(name) >= problem.n_coef and not 1e-3 <= value <= 1e3:
            raise OptionError.of(f"start[{name!r}]", value, "0.001 to 1000, as it is a dissimilarity parameter")
        theta[names.index(name)] = value
    return theta


def _clusters(bound: Bound, moments: Moments, codes: NDArray[np.intp]) -> Clusters:
    return Clusters.of(bound.problem.scores(moments.free), bound.problem.weights, codes)


def _codes(data: ChoiceData, groups: ArrayLike | str | None) -> NDArray[np.intp]:
    """(n,) group of each case: a column's name, a Series by case label, an array in case order, or the data's units."""
    if groups is None:
        if data.unit is None:
            raise OptionError(
                "cov_type='cluster' needs groups= (a column, or labels one a case), or data made with unit="
            )
        return data.unit
    return group_codes(data, groups, "groups")
