"""Bootstrap, jackknife and wild score bootstrap of a fit: what the user calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.groups import group_codes
from relocchoice.engine.penalty import Objective as Penalised
from relocchoice.engine.problem import Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.engine.replicate import Objective, Replicates, Weightings, Work, log_likelihood, refit
from relocchoice.engine.search import reference_information
from relocchoice.errors import ConvergenceWarning, DataError, IdentificationError, OptionError
from relocchoice.inference.covariance import Covariance
from relocchoice.inference.hypotheses import Hypotheses, TestResult, linear_restrictions
from relocchoice.inference.resample import Deletions, Draws, Sampled, accelerations, one_step_deletions, sampled
from relocchoice.inference.wild import WildWeights, wild_score
from relocchoice.results import words
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound, refuse_moved
from relocchoice.results.resampled import Resampled

Floats = NDArray[np.float64]
Statistic = Callable[[pd.Series], Any]
Acceleration = Literal["auto", "jackknife", "infinitesimal", "none"]
EXACT_UNITS = 500


def bootstrap(
    results: ChoiceResults,
    draws: int = 999,
    *,
    seed: int = 0,
    groups: ArrayLike | str | None = None,
    strata: ArrayLike | str | None = None,
    statistic: Statistic | None = None,
    acceleration: Acceleration = "auto",
    workers: int | None = None,
    progress: bool | None = None,
    objective: Objective | None = None,
    data: ChoiceData | None = None,
) -> Resampled:
    """Estimate again on samples drawn with replacement; the data are weighted anew, never copied.

    Parameters
    ----------
    results : a fit with a finite maximum.
    draws : number of samples.
    seed : of the draws; the same seed gives the same numbers on any number of workers.
    groups : what is drawn whole: a column's name or labels one a case; None draws the data's units, or else cases. A
        case of frequency weight f, drawn by itself, is f choices; sampling weights stay with their case.
    strata : a column's name or labels one a case; units are drawn within strata, as many as each has.
    statistic : of the (p,) parameters, a number or a Series of numbers; None for the parameters themselves.
    acceleration : for BCa intervals, from leaving out each unit: ``"jackknife"`` estimates again without each,
        ``"infinitesimal"`` takes one Newton step; ``"auto"`` estimates again for up to 500 units; ``"none"``.
    workers : number of processes; None for as many as pay. See :func:`relocchoice.engine.replicate.refit`.
    progress : True counts the replicates; None does after two seconds in a terminal or notebook.
    objective : what is maximised, of a problem; None for what the fit maximised, its penalty included.
    data : the data of the fit, where it was loaded from a file.

    Raises
    ------
    IdentificationError : the fit itself has no finite maximum.
    OptionError, DataError : arguments or weights that cannot be resampled.

    Warns
    -----
    ConvergenceWarning : more than one replicate in twenty has no finite maximum.
    """
    _check_whole("draws", draws, 2)
    _check_whole("seed", seed, 0)
    _check_workers(workers)
    if acceleration not in get_args(Acceleration):
        raise OptionError.of("acceleration", acceleration, ", ".join(get_args(Acceleration)))
    plan = _plan(results, data, groups, strata, objective)
    replicates = plan.refit(Draws(plan.what, int(seed), int(draws)), workers, progress)
    table = _tabulated(results, plan.users(replicates.free), replicates, statistic)
    slope, source = _acceleration(results, plan, acceleration, statistic, workers, progress)
    record = _record(results, plan, "bootstrap", table, replicates)
    record = replace(record, seed=int(seed), acceleration=slope, acceleration_from=source)
    _warn(record)
    return record


def jackknife(
    results: ChoiceResults,
    *,
    groups: ArrayLike | str | None = None,
    strata: ArrayLike | str | None = None,
    statistic: Statistic | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    objective: Objective | None = None,
    data: ChoiceData | None = None,
) -> Resampled:
    """Estimate again without each unit in turn; of a case that stands for f choices, without one of them.

    Parameters, errors and warnings as of :func:`bootstrap`.
    """
    _check_workers(workers)
    plan = _plan(results, data, groups, strata, objective)
    replicates = plan.refit(Deletions(plan.what), workers, progress)
    table = _tabulated(results, plan.users(replicates.free), replicates, statistic)
    record = _record(results, plan, "jackknife", table, replicates)
    _warn(record)
    return record


def bootstrap_covariance(
    results: ChoiceResults,
    draws: int = 999,
    seed: int = 0,
    *,
    groups: ArrayLike | str | None = None,
    strata: ArrayLike | str | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    objective: Objective | None = None,
    data: ChoiceData | None = None,
) -> Covariance:
    """The bootstrap's covariance as a fit carries it; parameters as of :func:`bootstrap`.

    Raises
    ------
    IdentificationError : the fit, or more than half of the replicates, have no finite maximum.
    """
    record = bootstrap(
        results,
        draws,
        seed=seed,
        groups=groups,
        strata=strata,
        acceleration="none",
        workers=workers,
        progress=progress,
        objective=objective,
        data=data,
    )
    grouped = record.unit not in ("cases", "choices")
    n_groups = record.sampled.total if grouped else None
    return Covariance("bootstrap", record.cov_params().to_numpy(), record.describe(), n_groups)


def wild_score_test(
    results: ChoiceResults,
    hypotheses: Hypotheses,
    values: ArrayLike | None = None,
    *,
    groups: ArrayLike | str | None = None,
    draws: int = 999,
    weights: WildWeights = "rademacher",
    seed: int = 0,
    data: ChoiceData | None = None,
) -> TestResult:
    """Test linear hypotheses with few clusters: the score test under wild bootstrap weights (Kline & Santos 2012).

    Parameters
    ----------
    hypotheses, values : as of :meth:`ChoiceResults.wald_test`.
    groups : clusters, a column's name or labels one a case; None for the data's units.
    draws, seed : of random weights. Where the clusters have no more than 4096 patterns of weights (12 clusters with
        Rademacher's, 4 with Webb's) all are taken, and the p-value is exact.
    weights : ``"rademacher"``, a sign for each cluster; ``"webb"``, one of six values.
    data : the data of the fit, where it was loaded from a file.

    Raises
    ------
    OptionError : options that are not valid, no clusters.
    SpecificationError : hypotheses that are not linear or name unknown parameters.
    """
    _check_whole("seed", seed, 0)
    refuse_moved(results, "the wild score test")
    restrictions = linear_restrictions(hypotheses, [str(name) for name in results.parameters.index], values)
    bound = rebound(results, data)
    if groups is None and bound.data.unit is None:
        raise OptionError("the test needs groups= (a column, or labels one a case), or data made with unit=")
    codes = bound.data.unit if groups is None else group_codes(bound.data, groups, "groups")
    assert codes is not None
    with one_thread():
        reference = reference_information(bound.problem)
        found = wild_score(bound.problem, results.moments, reference, restrictions, codes, draws, weights, int(seed))
    if results.penalty is None or not found.applies:
        return found
    return replace(found, message=f"{found.message}; of the log-likelihood without the fit's penalty")


# ------------------------------------------------------------------------------------------------ the steps


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What is estimated again: the problem, from where, the units and their words, ``labels`` one a unit."""

    problem: Problem
    start: Floats
    reference: Floats
    objective: Objective
    what: Sampled
    unit: str
    labels: tuple[object, ...]

    def refit(self, weightings: Weightings, workers: int | None, progress: bool | None) -> Replicates:
        work = Work(self.problem, self.start, self.reference, weightings, self.objective)
        return refit(work, workers=workers, progress=progress)

    def users(self, free: Floats) -> Floats:
        """(B, q) free parameters -> (B, p) parameters as the user sees them."""
        return np.array([self.problem.user(row) for row in free]).reshape(len(free), len(self.problem.space.names))


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Statistics by replicate: (p,) names, (p,) at the estimates, (B, p)."""

    names: tuple[str, ...]
    estimate: Floats
    values: Floats


def _plan(
    results: ChoiceResults,
    data: ChoiceData | None,
    groups: ArrayLike | str | None,
    strata: ArrayLike | str | None,
    objective: Objective | None,
) -> _Plan:
    if not results.converged:
        raise IdentificationError(
            f"there is nothing to resample: {results.status_message}. Resampling needs finite estimates; "
            "a penalised fit (Firth) has them"
        )
    refuse_moved(results, "resampling")
    bound = rebound(results, data)
    data, problem = bound.data, bound.problem
    units = data.unit if groups is None else group_codes(data, groups, "groups")
    frequency = data.weight_kind == "frequency"
    what = sampled(problem.weights, frequency, units, None if strata is None else group_codes(data, strata, "strata"))
    first = np.full(len(what.size), -1, dtype=np.intp)
    counted = np.flatnonzero(problem.weights > 0)[::-1]
    first[what.unit[counted]] = counted
    labels, unit = _labels(data, groups, first)
    with one_thread():
        reference = reference_information(problem)
    if objective is None:
        objective = log_likelihood if results.penalty is None else Penalised(results.penalty)
    return _Plan(problem, np.array(results.moments.free), reference, objective, what, unit, labels)


def _labels(
    data: ChoiceData, groups: ArrayLike | str | None, first: NDArray[np.intp]
) -> tuple[tuple[object, ...], str]:
    """Labels of the units, each from its first case, and the units in a word or two."""
    if groups is None and data.unit is not None and data.units is not None:
        return tuple(data.units.take(data.unit[first]).tolist()), f"units ({data.names.get('unit', 'unit')})"
    if groups is None:
        return tuple(data.cases.take(first).tolist()), "choices" if data.weight_kind == "frequency" else "cases"
    if isinstance(groups, str):
        return tuple(data.case_frame([groups])[groups].iloc[first].tolist()), f"groups ({groups})"
    if isinstance(groups, pd.Series) and data.cases.isin(groups.index).all():
        return tuple(groups.reindex(data.cases).iloc[first].tolist()), "groups"
    return tuple(np.asarray(groups)[first].tolist()), "groups"


def _tabulated(results: ChoiceResults, users: Floats, replicates: Replicates, statistic: Statistic | None) -> _Table:
    """The parameters of the replicates, or the statistic of each."""
    estimates = results.params
    names = tuple(str(name) for name in estimates.index)
    if statistic is None:
        return _Table(names, estimates.to_numpy(float), users)
    own = _statistic(statistic, estimates)
    values = np.full((len(users), len(own)), np.nan)
    for draw, row in enumerate(users):
        if not np.isnan(row).any():
            found = _statistic(statistic, pd.Series(row, index=estimates.index, name="params"))
            if not found.index.equals(own.index):
                raise DataError(f"statistic= gave {list(found.index)} for replicate {draw}, {list(own.index)} before")
            values[draw] = found.to_numpy()
    return _Table(tuple(str(name) for name in own.index), own.to_numpy(), values)


def _statistic(statistic: Statistic, parameters: pd.Series) -> pd.Series:
    """The statistic as a Series of finite numbers."""
    found = statistic(parameters)
    series = found if isinstance(found, pd.Series) else pd.Series(np.atleast_1d(np.asarray(found)))
    if not isinstance(found, pd.Series):
        series.index = pd.Index(["statistic"] if len(series) == 1 else [f"statistic {k}" for k in range(len(series))])
    try:
        series = series.astype(float)
    except (TypeError, ValueError):
        raise DataError(f"statistic= must give a number or a Series of numbers, not {type(found).__name__}") from None
    if not np.isfinite(series.to_numpy()).all():
        raise DataError(
            f"statistic= is not finite at {parameters.to_dict()}; give one that is defined wherever the estimates "
            "may fall"
        )
    return series


def _acceleration(
    results: ChoiceResults,
    plan: _Plan,
    how: Acceleration,
    statistic: Statistic | None,
    workers: int | None,
    progress: bool | None,
) -> tuple[Floats | None, str]:
    """(p,) accelerations and their source in words."""
    if how == "none":
        return None, "acceleration='none' was asked for; take 'auto'"
    n_units = len(plan.what.size)
    caveat = ""
    if how == "jackknife" or (how == "auto" and n_units <= EXACT_UNITS):
        left_out = plan.refit(Deletions(plan.what), workers, progress)
        if all(outcome == "maximum" for outcome in left_out.status):
            table = _tabulated(results, plan.users(left_out.free), left_out, statistic)
            return accelerations(table.values, plan.what), f"jackknife, {plan.what.total:,} {plan.unit}"
        caveat = "; leaving out some leaves no finite maximum"
    moments = results.moments
    hessian = plan.objective(plan.problem)(plan.start).hessian
    scores = plan.what.sums(plan.problem.scores(plan.start))
    free = one_step_deletions(plan.start, hessian, moments.moving, scores)
    status = Replicates(free, ("maximum",) * len(free))
    table = _tabulated(results, plan.users(free), status, statistic)
    return accelerations(table.values, plan.what), f"infinitesimal jackknife (one Newton step){caveat}"


def _record(
    results: ChoiceResults, plan: _Plan, kind: Literal["bootstrap", "jackknife"], table: _Table, replicates: Replicates
) -> Resampled:
    status = results.parameters["status"]
    if table.names == tuple(str(name) for name in status.index):
        known = results.moments.finite
        held = tuple("" if known[k] else str(word) for k, word in enumerate(status))
    else:
        good = table.values[~np.isnan(table.values).any(axis=1)]
        still = np.ptp(good, axis=0) == 0 if len(good) else np.zeros(len(table.names), dtype=bool)
        held = tuple("constant" if constant else "" for constant in still)
    return Resampled(
        kind=kind,
        of=words.model_title(results),
        names=table.names,
        estimate=table.estimate,
        values=table.values,
        outcomes=replicates.status,
        held=held,
        sampled=plan.what,
        unit=plan.unit,
        labels=plan.labels,
        strata=int(plan.what.stratum.max()) + 1,
        workers=replicates.workers,
        provenance=results.provenance,
    )


def _warn(record: Resampled) -> None:
    warning = record.warning()
    if warning:
        warnings.warn(warning, ConvergenceWarning, stacklevel=3)


def _check_whole(argument: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise OptionError.of(argument, value, f"a whole number of at least {least}")


def _check_workers(workers: object) -> None:
    if workers is not None:
        _check_whole("workers", workers, 1)
