"""From a model and data to a :class:`ChoiceResults`: the order of the steps, and nothing else.

learn the encoding -> bind -> refuse what is not identified -> search -> what is flat -> covariance -> results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.universe import with_alternatives
from relocchoice.engine.bind import bind, degenerate_lambdas
from relocchoice.engine.loglik import constants_loglik, null_loglik
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Found, SearchOptions, reference_information, search
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.inference.cells import VANISHED, vanished_cells
from relocchoice.inference.consistency import lambda_verdict
from relocchoice.inference.covariance import Clusters, Moments, check_kind, covariance
from relocchoice.inference.identification import Identification, check_collinear, flat_directions, touched
from relocchoice.inference.recession import recession_signs
from relocchoice.optimize.newton import Step
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.parameters import parameter_frame
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]
EDGE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The data of a fit and the problem they make; kept with the results so that scores need no refit."""

    data: ChoiceData
    problem: Problem


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
    reference = reference_information(problem)
    check_collinear(reference, problem.jacobian, problem.space.names, problem.n_coef)
    found = search(problem, reference, first, options or SearchOptions(), on_step)
    bound = Bound(data, problem)
    moments = _moments(bound, found)
    clusters = None if codes is None else _clusters(bound, moments, codes)
    probabilities = _probabilities_if_needed(spec, bound, moments)
    identification = _identification(spec, bound, found, moments, probabilities)
    converged = found.maximum.status == "maximum" and identification.ok
    cov = covariance(moments, cov_type if _ended(found) else "none", clusters=clusters, small_sample=small_sample)
    if not _ended(found):
        cov = replace(cov, description="the search did not end at a maximum")
    return ChoiceResults(
        spec=spec,
        encoding=encoding,
        parameters=parameter_frame(spec, columns, problem, found, moments, identification),
        covariance=cov,
        llf=found.maximum.evaluation.value,
        llnull=null_loglik(data),
        llconstants=constants_loglik(data),
        nobs=moments.nobs,
        n_cases=data.n_cases,
        n_alternatives=data.n_alternatives,
        weight_kind=data.weight_kind,
        df_model=_df_model(moments, identification),
        converged=converged,
        status_message=_message(found, identification, problem.space.names, moments.theta, problem.n_coef),
        identification=identification,
        trace=_trace(found),
        starts=found.starts,
        seconds=found.seconds,
        notes=(*data.notes, *_degenerate_notes(spec), *_start_notes(found)),
        moments=moments,
        problem=bound,
    )


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
        clusters = _clusters(bound, results.moments, _codes(bound.data, groups))
    return replace(results, covariance=covariance(results.moments, kind, clusters=clusters, small_sample=small_sample))


def predict(results: ChoiceResults, data: ChoiceData | None = None) -> pd.DataFrame:
    """(n, J) probabilities at the estimates, cases x alternatives; zero where an alternative is not available."""
    if data is None:
        bound = _bound(results, None)
        data, problem = bound.data, bound.problem
    else:
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
    unknown = [name for name in start if name not in names]
    if unknown:
        raise SpecificationError(f"start names {', '.join(unknown)}, not parameters; parameters: {', '.join(names)}")
    theta = np.array([0.0] * problem.n_coef + [1.0] * (len(names) - problem.n_coef))
    for name, value in start.items():
        if not np.isfinite(value):
            raise OptionError.of(f"start[{name!r}]", value, "a finite number")
        if names.index(name) >= problem.n_coef and value <= 0:
            raise OptionError.of(f"start[{name!r}]", value, "a positive number, as it is a dissimilarity parameter")
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
        nobs=float(problem.weights.sum()) if frequency else float(bound.data.n_cases),
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
    elif (
        isinstance(groups, pd.Series) and len(groups) and groups.index.isin(data.cases).all() and groups.index.is_unique
    ):
        labels = groups.reindex(data.cases)
    else:
        labels = pd.Series(np.asarray(groups))
    if len(labels) != data.n_cases:
        raise OptionError(f"groups has {len(labels)} labels, the data have {data.n_cases} cases; give one a case")
    if labels.isna().any():
        case = data.cases[int(np.flatnonzero(labels.isna().to_numpy())[0])]
        raise OptionError(f"groups has no label for case {case!r}")
    return pd.factorize(labels)[0].astype(np.intp)


def _bound(results: ChoiceResults, data: ChoiceData | None) -> Bound:
    if data is not None:
        return Bound(data, bind(results.spec, results.encoding.columns(data), data))
    if results.problem is None:
        raise DataError("this fit was loaded from a file, which holds no data; pass data=")
    bound: Bound = results.problem
    return bound


def _probabilities_if_needed(spec: ModelSpec, bound: Bound, moments: Moments) -> Floats | None:
    """(n, J) fitted probabilities, for the diagnosis of infinite estimates and of lambdas above one."""
    problem = bound.problem
    shapes = moments.theta[problem.n_coef :]
    if moments.flat.shape[1] or (spec.nests is not None and shapes.size and shapes.max() > 0):
        return problem.probabilities(problem.internal(moments.free), bound.data.n_alternatives)
    return None


def _identification(
    spec: ModelSpec, bound: Bound, found: Found, moments: Moments, probabilities: Floats | None
) -> Identification:
    names = bound.problem.space.names
    n_coef = bound.problem.n_coef
    lambdas = _lambdas(spec, dict(zip(names, moments.theta, strict=True)))
    consistent = lambda_verdict(spec, lambdas, probabilities, bound.data.alternatives)
    if not _ended(found):
        return Identification(
            ok=False, verdict="not known, because the search did not end at a maximum", lambda_verdict=consistent
        )
    moved = touched(moments.flat, moments.jacobian, found.reference)
    if not moved.any():
        return Identification(ok=found.maximum.status == "maximum", lambda_verdict=consistent)
    assert probabilities is not None
    infinite = _infinite(bound, found, moments, probabilities, moved[:n_coef])
    told = {name for name, _ in infinite}
    flat = tuple(names[k] for k in np.flatnonzero(moved) if names[k] not in told)
    cells = vanished_cells(bound.data, probabilities, " ".join((spec.formula_text, *names))) if infinite else ()
    parts = []
    if infinite:
        parts.append(f"{len(infinite)} of {len(names)} estimates run to infinity")
    if flat:
        parts.append(f"not identified: {', '.join(flat)}" if len(flat) <= 3 else f"{len(flat)} are not identified")
    if any(name in flat for name in names[n_coef:]):
        consistent = "not judged, because a lambda is not identified"
    return Identification(False, flat, infinite, cells, ", ".join(parts), consistent)


def _infinite(
    bound: Bound, found: Found, moments: Moments, probabilities: Floats, moved: NDArray[np.bool_]
) -> tuple[tuple[str, int], ...]:
    """Coefficients that run to infinity, with the sign; those whose limit has no determined sign are left out."""
    problem, data = bound.problem, bound.data
    row = np.zeros(probabilities.shape, dtype=bool)
    row[data.row_case(), data.row_alternative] = True
    gone = row & (probabilities < VANISHED)
    if not gone.any() or not moved.any():
        return ()
    directions = moments.flat.T
    gains = np.stack([problem.utility_gains(d, data.n_alternatives)[gone] for d in directions], axis=1)
    where = np.flatnonzero(moved)
    scale = np.sqrt(np.diag(moments.jacobian @ np.linalg.inv(found.reference) @ moments.jacobian.T))[where]
    signs = recession_signs(gains, moments.jacobian[where] @ moments.flat / scale[:, None])
    return tuple((problem.space.names[k], int(sign)) for k, sign in zip(where, signs, strict=True) if sign)


def _ended(found: Found) -> bool:
    """Whether the search ended where the log-likelihood rises no more, be it on a ridge."""
    return found.maximum.status in ("maximum", "flat")


def _lambdas(spec: ModelSpec, theta: dict[str, float]) -> dict[str, float]:
    if spec.nests is None:
        return {}
    degenerate = degenerate_lambdas(spec)
    return {
        node: 1.0 if f"lambda:{node}" in degenerate else theta.get(f"lambda:{node}", theta.get("lambda", 1.0))
        for node in spec.nests.nodes
    }


def _edge(names: Sequence[str], theta: Floats, n_coef: int) -> str:
    """Lambdas that run to the edge of their domain, which is what most failed searches of nested models come to."""
    low = [name for name, value in zip(names[n_coef:], theta[n_coef:], strict=True) if value < EDGE]
    high = [name for name, value in zip(names[n_coef:], theta[n_coef:], strict=True) if value > 1 / EDGE]
    words = [f"towards zero: {', '.join(low)}"] * bool(low) + [f"without bound: {', '.join(high)}"] * bool(high)
    return f"; lambdas that run {', '.join(words)} (fix or tie them, or leave the nest out)" if words else ""


def _message(found: Found, identification: Identification, names: Sequence[str], theta: Floats, n_coef: int) -> str:
    maximum = found.maximum
    iterations = len(maximum.steps) - 1
    away = f"{maximum.decrement:.1e} standard errors from the maximum"
    if maximum.status == "maximum" and identification.ok:
        return f"maximum after {iterations} iterations, {away}"
    if maximum.status in ("maximum", "flat"):
        return f"no finite maximum: {identification.verdict}"
    ends = {
        "stalled": f"the search stalled, by the curvature {away}",
        "iteration limit": f"stopped at the limit of {iterations} iterations, {away}",
    }
    return ends[maximum.status] + _edge(names, theta, n_coef)


def _trace(found: Found) -> pd.DataFrame:
    steps = found.maximum.steps
    return pd.DataFrame(
        {
            "iteration": [step.iteration for step in steps],
            "llf": [step.value for step in steps],
            "gradient": [step.decrement for step in steps],
            "step": [step.length for step in steps],
            "seconds": [step.seconds for step in steps],
        }
    )


def _df_model(moments: Moments, identification: Identification) -> int:
    """Estimated parameters; directions in which the likelihood is flat throughout are not counted."""
    flat = 0 if identification.infinite else moments.flat.shape[1]
    return int(moments.moving.sum()) - flat


def _start_notes(found: Found) -> tuple[str, ...]:
    if found.starts is None:
        return ()
    agreeing = int(found.starts["agrees with the best"].sum())
    return (f"Best of {len(found.starts)} starts; {agreeing} of them end at this log-likelihood (fit.starts).",)


def _degenerate_notes(spec: ModelSpec) -> tuple[str, ...]:
    names = degenerate_lambdas(spec)
    if not names:
        return ()
    which = ", ".join(names)
    return (f"{which}: a nest with one child has no lambda of its own; fixed at 1 and not counted.",)
