"""The exact correction of constants estimated without weights on a choice-based sample.

Let stratum g hold n_g of the n sampled choices, H_g = n_g / n, and the share Q_g of the population. In the sample
P*(j) ~ P(j) H_g(j) / Q_g(j). A multinomial logit stays one, with ln(H_g(j) / Q_g(j)) added to the constant of j, so
that the slopes are consistent as they are and the constants are moved back (Manski & Lerman 1977; Prentice & Pyke 1979,
Biometrika 66, 403-411; Scott & Wild 1986, JRSS B 48, 170-182). A nested logit stays one only where the ratio is the
same for all alternatives of each nest at the top: ln(H / Q) is then added to the nest's utility in units of the root
(Bierlaire, Bolduc & McFadden 2008, Transportation Research B 42, 381-394).

Variance with the n_g fixed: the score has mean m_g in stratum g, and n_g m_g = I d_g, where I is the information and
d_g moves all constants of the stratum by one (those of all other strata by minus one, where g holds the base). So the
sum over strata of n_g m_g m_g', which a fixed n_g takes out of the score's variance, takes d_g d_g' / n_g out of I^-1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.population import Strata, strata_of
from relocchoice.engine.bind import Bound, bind
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.inference.covariance import Covariance, stratified
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.labels import said
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]
SAME_RATIO = 1e-6
KNOWN = 1e-9
WAY_OUT = "weight the data instead: data.with_population_shares(shares)"


@dataclass(frozen=True, slots=True, eq=False)
class FreeConstants:
    """A full set of free constants.

    Attributes
    ----------
    coef : (J,) coefficient of each alternative's constant, -1 for the base.
    base : position of the base alternative.
    """

    coef: NDArray[np.intp]
    base: int


def free_constants(columns: UtilityColumns, status: Sequence[str], alternatives: Sequence[Any]) -> FreeConstants:
    """The constants of a model that has one, free and its own, for every alternative but one.

    Parameters
    ----------
    status : (K or more,) of the coefficients: ``"free"``, ``"fixed"``, ...

    Raises
    ------
    SpecificationError
        Names the alternatives whose constant is missing, shared, or not free.
    """
    coef = np.full(len(alternatives), -1, dtype=np.intp)
    for column in columns.columns:
        if column.level != "constant":
            continue
        here = np.broadcast_to(np.asarray(column.coef, dtype=np.intp), coef.shape)
        twice = (here >= 0) & (coef >= 0)
        if twice.any():
            raise _no_full_set(f"{said(alternatives[int(twice.argmax())])} has two constants")
        coef = np.where(here >= 0, here, coef)
    without = np.flatnonzero(coef < 0)
    if len(without) != 1:
        told = ", ".join(said(alternatives[k]) for k in without[:8]) or "no alternative"
        raise _no_full_set(f"without a constant: {told}")
    others = coef[coef >= 0]
    for k, name in enumerate(columns.names):
        if np.count_nonzero(others == k) > 1:
            raise _no_full_set(f"{name!r} belongs to several alternatives")
        if k in others and status[k] != "free":
            raise _no_full_set(f"{name!r} is {status[k]}")
    return FreeConstants(coef, int(without[0]))


def _no_full_set(found: str) -> SpecificationError:
    return SpecificationError(
        f"this needs a free constant of its own for every alternative but one; {found}. Estimate the model with all "
        f"constants, or {WAY_OUT}"
    )


def shift_constants(
    results: ChoiceResults, shares: Mapping[Any, float], *, data: ChoiceData | None = None
) -> ChoiceResults:
    """Population constants from a model estimated without weights on a choice-based sample; the slopes stay.

    Parameters
    ----------
    results : multinomial logit, or nested logit in the utility-maximising normalisation, with a free constant for every
        alternative but the base.
    shares : alternative, or tuple of alternatives that were sampled as one stratum -> share in the population.
    data : the data of the estimation, where the results were loaded from a file.

    Returns
    -------
    ChoiceResults
        Constants moved by -ln(H/Q) + ln(H/Q) of the base, and their covariance under fixed stratum sizes; the
        log-likelihoods remain those of the sample. Predictions are those of the population.

    Raises
    ------
    SpecificationError
        When the constants are not complete, or H/Q differs within a nest.
    DataError
        When the shares do not fit the data, or the data are weighted already.
    OptionError
        When the results have another covariance than hessian, opg, robust or none.
    """
    _check_results(results)
    if data is None and results.problem is None:
        raise DataError("this fit was loaded from a file, which holds no data; pass data=")
    given = results.problem.data if data is None else data
    columns = results.encoding.columns(given)
    status = results.parameters["status"].tolist()
    alternatives = given.alternatives.tolist()
    constants = free_constants(columns, status, alternatives)
    strata = strata_of(given, shares)
    if abs(float(strata.size.sum()) - results.nobs) > 0.5:
        raise DataError(f"these are not the data of the fit: {strata.size.sum():g} choices, not {results.nobs:g}")
    group = strata.of_label if results.spec.nests is None else _nest_groups(results.spec, alternatives, strata)
    log_ratio = -np.log(strata.ratio)[strata.of_label]  # (J,) ln(H / Q)
    p = len(results.parameters)
    shift = np.zeros(p)
    own = constants.coef >= 0
    shift[constants.coef[own]] = log_ratio[constants.base] - log_ratio[own]
    size = np.zeros(int(group.max()) + 1)
    np.add.at(size, group, _sizes(given))
    fixed_sizes = _fixed_sizes(constants, group, size, p)
    return _moved(results, shift, fixed_sizes, strata, Bound(given, bind(results.spec, columns, given)))


def fixed_strata(results: ChoiceResults, *, data: ChoiceData | None = None) -> ChoiceResults:
    """The same choice-based weighted estimates, with standard errors for fixed numbers of each choice.

    The usual robust covariance takes the sampled choices as random and the weights as known. Where so many of each
    choice were sampled by design, or the weights hold the sample's own shares (``with_population_shares``), scores vary
    within strata only (Manski & McFadden 1981, in: Structural Analysis of Discrete Data, 1-50; Wooldridge 2001,
    Econometric Theory 17, 451-470), and constants above all are known better.

    Parameters
    ----------
    results : with choice-based weights that are a function of the choice: choices of equal weight are one stratum.
    data : the data of the estimation, where the results were loaded from a file.

    Raises
    ------
    DataError
        When the weights are not choice-based, or differ between cases of one choice.
    """
    if results.weight_kind != "choice-based":
        raise DataError(f"fixed_strata is for choice-based weights, not {results.weight_kind or 'none'}")
    if results.covariance.kind in ("cluster", "bootstrap"):
        raise DataError(
            f"fixed_strata would replace the {results.covariance.kind} covariance by one of independent cases; "
            "take fit.with_cov('robust') first"
        )
    if data is None and results.problem is None:
        raise DataError("this fit was loaded from a file, which holds no data; pass data=")
    bound = results.problem
    if data is not None:
        bound = Bound(data, bind(results.spec, results.encoding.columns(data), data))
    if bound.data.n_cases != results.n_cases:
        raise DataError(f"these are not the data of the fit: {bound.data.n_cases} cases, not {results.n_cases}")
    strata = strata_of_weights(bound.data)
    if strata is None:
        raise DataError(
            "the weights differ between cases of one choice, so the strata of choices are not known from them"
        )
    scores = bound.problem.scores(results.moments.free)
    return replace(results, covariance=stratified(results.moments, scores, bound.problem.weights, strata))


def strata_of_weights(data: ChoiceData) -> NDArray[np.intp] | None:
    """(n,) strata of the choices, those of equal weight being one; None where weights are no function of the choice."""
    assert data.chosen is not None
    assert data.weights is not None
    weights = np.asarray(data.weights)
    low, high = np.full(data.n_alternatives, np.inf), np.full(data.n_alternatives, -np.inf)
    np.minimum.at(low, data.chosen, weights)
    np.maximum.at(high, data.chosen, weights)
    seen = np.isfinite(low)
    if np.any(high[seen] > low[seen] * (1 + 1e-9)):
        return None
    return np.unique(np.round(weights / weights.max(), 12), return_inverse=True)[1].astype(np.intp)


def _check_results(results: ChoiceResults) -> None:
    if not isinstance(results, ChoiceResults):
        raise DataError(f"shift_constants needs a fit, not {type(results).__name__}")
    if results.weight_kind not in (None, "frequency"):
        raise DataError(
            f"this fit has {results.weight_kind} weights, which correct for the sampling already; shift the constants "
            "of a fit without weights"
        )
    if results.moments is None or results.moments.settled:
        raise DataError(
            "the constants of this fit were moved already, or its moments are not there; fit the model anew"
        )
    if not results.converged:
        raise DataError(f"the fit has no finite maximum to correct: {results.status_message}")
    if results.spec.nests is not None and results.spec.normalisation != "utility":
        raise SpecificationError(
            f"normalisation={results.spec.normalisation!r}: the shift of a nest's constants is known in units of the "
            f"root only; estimate with normalisation='utility', or {WAY_OUT}"
        )
    if results.covariance.kind not in ("hessian", "opg", "robust", "none"):
        raise OptionError(
            f"the shift is not known for cov_type={results.covariance.kind!r}: fixed numbers of each choice and "
            "clusters contradict each other; valid: hessian, opg, robust, none (fit.with_cov('hessian'))"
        )


def _nest_groups(spec: ModelSpec, alternatives: Sequence[Any], strata: Strata) -> NDArray[np.intp]:
    """(J,) strata joined until each holds whole nests of the top level.

    Raises
    ------
    SpecificationError
        When H/Q differs within a nest.
    """
    assert spec.nests is not None
    tree = spec.nests
    top = {}
    for leaf, parent in zip(tree.leaves, tree.leaf_parent, strict=True):
        at = int(parent)
        while at >= 0 and tree.node_parent[at] >= 0:
            at = int(tree.node_parent[at])
        top[str(leaf)] = at
    nest = np.array([top[str(label)] for label in alternatives])
    ratio = strata.ratio[strata.of_label]
    group = strata.of_label.copy()
    for m in np.unique(nest[nest >= 0]):
        inside = nest == m
        low, high = ratio[inside].min(), ratio[inside].max()
        if high > low * (1 + SAME_RATIO):
            raise SpecificationError(
                f"nest {tree.nodes[m]!r} holds alternatives sampled at different rates (population share / sample "
                f"share from {low:.4g} to {high:.4g}): the sample's choices then follow no nested logit with other "
                "constants, and estimates without weights are not consistent, slopes and lambdas included (Bierlaire, "
                f"Bolduc & McFadden 2008); {WAY_OUT}, or give the nest one share as a tuple if it was sampled as one "
                "stratum"
            )
        joined = np.isin(group, group[inside])
        group[joined] = group[inside].min()
    return np.unique(group, return_inverse=True)[1].astype(np.intp)


def _sizes(data: ChoiceData) -> Floats:
    """(J,) choices of each alternative in the sample."""
    assert data.chosen is not None
    sizes: Floats = np.zeros(data.n_alternatives)
    sizes += np.bincount(data.chosen, weights=data.weights, minlength=data.n_alternatives)
    return sizes


def _fixed_sizes(constants: FreeConstants, group: NDArray[np.intp], size: Floats, p: int) -> Floats:
    """(p, p) sum over strata of d d' / n, which fixed stratum sizes take out of the covariance."""
    out = np.zeros((p, p))
    own = constants.coef >= 0
    for g, n in enumerate(size.tolist()):
        d = np.zeros(p)
        if g == group[constants.base]:
            d[constants.coef[own & (group != g)]] = -1.0
        else:
            d[constants.coef[group == g]] = 1.0
        out += np.outer(d, d) / n
    return out


def _moved(results: ChoiceResults, shift: Floats, taken: Floats, strata: Strata, bound: Bound) -> ChoiceResults:
    parameters = results.parameters
    parameters["estimate"] = parameters["estimate"].to_numpy() + shift
    covariance, notes = _covariance(results.covariance, taken, parameters.index.tolist())
    for name, note in notes.items():
        parameters.loc[name, "note"] = note
    theta = results.moments.theta + shift
    space, internal = bound.problem.space, bound.problem.internal_from_user(theta)
    moments = replace(
        results.moments,
        theta=theta,
        free=space.restrict(internal),
        settled="the constants were moved to the population, and their covariance follows from that of the fit; "
        "take with_cov on the fit and move it then",
    )
    parts = [
        f"{name} {h:.4g} / {q:.4g}" for name, h, q in zip(strata.names, strata.sample, strata.population, strict=True)
    ]
    shown = "; ".join(parts[:12]) + (f" and {len(parts) - 12} more" if len(parts) > 12 else "")
    note = (
        "Constants moved from the choice-based sample to the population by -ln(H/Q) and that of the base, share in the "
        f"sample H / in the population Q: {shown}. Their covariance takes the number of choices of each stratum as "
        "fixed; slopes are as estimated, and the log-likelihoods are those of the sample."
    )
    return replace(
        results,
        parameters=parameters,
        covariance=covariance,
        notes=(*results.notes, note),
        moments=moments,
        problem=bound,
    )


def _covariance(record: Covariance, taken: Floats, names: Sequence[str]) -> tuple[Covariance, dict[str, str]]:
    """The covariance less what fixed sizes take out; a note for every constant that is left without one."""
    if record.kind == "none":
        return record, {}
    matrix = np.array(record.matrix)
    before = np.diag(matrix).copy()
    matrix -= record.factor * taken
    after = np.diag(matrix)
    notes = {}
    for k in map(int, np.flatnonzero(np.diag(taken) > 0)):
        if math.isnan(before[k]) or after[k] > KNOWN * before[k]:
            continue
        exact = after[k] > -KNOWN * before[k]
        matrix[k], matrix[:, k] = (0.0, 0.0) if exact else (np.nan, np.nan)
        notes[names[k]] = (
            "follows from the population shares alone, so it has no sampling error"
            if exact
            else f"the {record.kind} covariance is smaller than what fixed stratum sizes take out; take hessian"
        )
    description = f"{record.description}, less the variance that fixed numbers of each choice take out of the constants"
    return replace(record, matrix=matrix, description=description), notes
