"""From a model and data to a :class:`ChoiceResults`: the order of the steps, and nothing else.

learn the encoding -> bind -> refuse what is not identified -> search -> what is flat -> covariance -> results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.universe import with_alternatives
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.loglik import constants_loglik, null_loglik
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Found, SearchOptions, bare_problem, reference_information, search
from relocchoice.errors import DataError, Finding, FindingsError, IdentificationError, OptionError, SpecificationError
from relocchoice.inference.covariance import Clusters, Covariance, Moments, check_kind, covariance
from relocchoice.inference.identification import check_collinear, flat_directions, touched
from relocchoice.inference.verdict import judge
from relocchoice.optimize.newton import Step
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.outcome import estimated_parameters, fit_notes, status_message, trace_frame
from relocchoice.results.parameters import parameter_frame
from relocchoice.spec.labels import plain
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]


def estimate(
    spec: ModelSpec,
    data: ChoiceData,
    cov_type: str,
    *,
    groups: Any = None,
    small_sample: bool | None = None,
    start: Mapping[str, float] | None = None,
    options: SearchOptions | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> ChoiceResults:
    """Fit a model.

    Raises
    ------
    SpecificationError, DataError, IdentificationError, OptionError : before anything is estimated.
    """
    _check_estimable(data)
    check_kind(cov_type, data.weight_kind)
    encoding = spec.specification.learn(data, spec.base)
    columns = encoding.columns(data)
    problem = bind(spec, columns, data)
    codes = _codes(data, groups) if cov_type == "cluster" else None
    first = None if start is None else _user_start(problem, start)
    reference = _identifiable(problem)
    found = search(problem, reference, first, options or SearchOptions(), on_step)
    bound = Bound(data, problem)
    moments = _moments(bound, found)
    clusters = None if codes is None else _clusters(bound, moments, codes)
    identification = judge(spec, bound, found, moments)
    converged = found.maximum.status == "maximum" and identification.ok
    cov = _covariance_if_any(found, moments, cov_type, clusters, small_sample)
    return ChoiceResults(
        spec=spec,
        encoding=encoding,
        parameters=parameter_frame(columns, problem, found, moments, identification),
        covariance=cov,
        llf=problem.weight_scale * found.maximum.evaluation.value,
        llnull=null_loglik(data),
        llconstants=constants_loglik(data),
        nobs=moments.nobs,
        n_cases=data.n_cases,
        n_alternatives=data.n_alternatives,
        weight_kind=data.weight_kind,
        df_model=estimated_parameters(moments, identification),
        converged=converged,
        status_message=status_message(found, identification, problem),
        identification=identification,
        trace=trace_frame(found, problem.weight_scale),
        starts=found.starts,
        seconds=found.seconds,
        notes=(*data.notes, *fit_notes(spec, found)),
        moments=moments,
        problem=bound,
    )


def problems(spec: ModelSpec, data: ChoiceData) -> tuple[Finding, ...]:
    """Findings of all the errors that :func:`estimate` would raise before it searches."""
    try:
        _check_estimable(data)
    except DataError as error:
        return error.findings
    found: list[Finding] = []
    try:
        if spec.nests is not None:
            spec.nests.check(list(data.alternatives))
    except FindingsError as error:
        found += error.findings
    try:
        columns = spec.specification.learn(data, spec.base).columns(data)
        if not found:
            _identifiable(bind(spec, columns, data))
    except FindingsError as error:
        found += error.findings
    return tuple(found)


def _identifiable(problem: Problem) -> Floats:
    """(q, q) reference information of a problem whose coefficients the data can tell apart.

    Raises
    ------
    IdentificationError : names the columns that are dead or collinear.
    """
    reference = reference_information(problem)
    sizes = bare_problem(problem).second_moments()
    check_collinear(reference, sizes, problem.jacobian, problem.space.names, problem.n_coef)
    return reference


def _covariance_if_any(
    found: Found, moments: Moments, kind: str, clusters: Clusters | None, small_sample: bool | None
) -> Covariance:
    """The covariance, or one of NaN that says why there is none; the estimates are kept in any case."""
    if not found.ended:
        return replace(covariance(moments, "none"), description="the search did not end at a maximum")
    try:
        return covariance(moments, kind, clusters=clusters, small_sample=small_sample)
    except IdentificationError as error:
        return replace(covariance(moments, "none"), description=f"{kind}: {error}")


def recompute_covariance(
    results: ChoiceResults,
    kind: str,
    *,
    groups: Any = None,
    small_sample: bool | None = None,
    data: ChoiceData | None = None,
) -> ChoiceResults:
    """The same estimates with another covariance, from the moments of the one fit.

    Raises
    ------
    OptionError : unknown kind, or one that does not go with the weights.
    DataError : a clustered covariance of a loaded fit without its data.
    """
    check_kind(kind, results.weight_kind)
    clusters = None
    if kind == "cluster":
        bound = _bound(results, data)
        if data is not None:
            _check_same(results, bound)
        clusters = _clusters(bound, results.moments, _codes(bound.data, groups))
    return replace(results, covariance=covariance(results.moments, kind, clusters=clusters, small_sample=small_sample))


def _check_same(results: ChoiceResults, bound: Bound) -> None:
    """Data given later must be those of the fit: as many cases, and the same log-likelihood at the estimates."""
    problem = bound.problem
    llf = problem.weight_scale * float(problem.weights @ problem.loglik_by_case(results.moments.free))
    same = bound.data.n_cases == results.n_cases and bound.data.weight_kind == results.weight_kind
    if not same or abs(llf - results.llf) > 1e-6 * (1 + abs(results.llf)):
        raise DataError(
            f"these are not the data of the fit: {bound.data.n_cases} cases with log-likelihood {llf:.6f} at the "
            f"estimates, against {results.n_cases} with {results.llf:.6f}"
        )


def predict(results: ChoiceResults, data: ChoiceData | None = None) -> pd.DataFrame:
    """(n, J) probabilities at the estimates, cases x alternatives; zero where an alternative is not available."""
    if data is None:
        bound = _bound(results, None)
        data, problem = bound.data, bound.problem
    else:
        if not isinstance(data, ChoiceData):
            raise DataError(f"predict needs a ChoiceData, not {type(data).__name__}; make one, chosen=None will do")
        if data.n_cases == 0:
            return pd.DataFrame(np.empty((0, data.n_alternatives)), index=data.cases, columns=data.alternatives)
        data = with_alternatives(data, results.encoding.alternatives)
        problem = bind(results.spec, results.encoding.columns(data), data)
    theta = problem.internal_from_user(results.moments.theta)
    probabilities = problem.probabilities(theta, data.n_alternatives)
    return pd.DataFrame(probabilities, index=data.cases, columns=data.alternatives)


def _check_estimable(data: ChoiceData) -> None:
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


def _moments(bound: Bound, found: Found) -> Moments:
    problem, at = bound.problem, found.maximum
    moving = ~at.active
    flat = flat_directions(at.evaluation.hessian, found.reference, moving)
    jacobian = problem.jacobian
    held = np.abs(jacobian[:, at.active]).sum(axis=1) > 0
    estimated = np.abs(jacobian).sum(axis=1) > 0
    finite = estimated & ~held & ~touched(flat, jacobian, found.reference)
    frequency = bound.data.weight_kind == "frequency"
    return Moments(
        theta=problem.user(at.x),
        free=at.x,
        hessian=at.evaluation.hessian,
        opg=at.evaluation.opg,
        opg_squared=at.evaluation.opg_squared,
        jacobian=jacobian,
        moving=moving,
        flat=flat,
        finite=finite,
        nobs=float(problem.weights.sum()) if frequency else float(np.count_nonzero(problem.weights)),
        weight_kind=bound.data.weight_kind,
    )


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
    if isinstance(groups, str):
        labels = data.case_frame([groups])[groups]
    elif isinstance(groups, pd.Series) and not groups.index.equals(pd.RangeIndex(len(groups))):
        labels = _by_label(groups, data)
    elif isinstance(groups, pd.Series) and data.cases.isin(groups.index).all():
        labels = groups.reindex(data.cases)
    else:
        flat = np.asarray(groups)
        if flat.ndim != 1:
            raise OptionError(f"groups has {flat.ndim} dimensions; give one label a case")
        labels = pd.Series(flat)
    if len(labels) != data.n_cases:
        raise OptionError(f"groups has {len(labels)} labels, the data have {data.n_cases} cases; give one a case")
    if labels.isna().any():
        case = data.cases[int(np.flatnonzero(labels.isna().to_numpy())[0])]
        raise OptionError(f"groups has no label for case {plain(case)!r}")
    return pd.factorize(labels)[0].astype(np.intp)


def _by_label(groups: pd.Series, data: ChoiceData) -> pd.Series:
    """A Series with an index of its own is matched by case label, never by position."""
    if not groups.index.is_unique:
        raise OptionError("groups has an index that repeats labels; give one label a case, indexed by case")
    absent = data.cases[~data.cases.isin(groups.index)]
    if len(absent):
        raise OptionError(
            f"groups has no label for case {plain(absent[0])!r} (its index does not hold {len(absent)} of the cases); "
            "index it by case label, or give an array in the order of the cases"
        )
    return groups.reindex(data.cases)


def _bound(results: ChoiceResults, data: ChoiceData | None) -> Bound:
    if data is not None:
        return Bound(data, bind(results.spec, results.encoding.columns(data), data))
    if results.problem is None:
        raise DataError("this fit was loaded from a file, which holds no data; pass data=")
    bound: Bound = results.problem
    return bound
