"""Covariance of two steps from their stacked moment conditions.

First step: sum_m z_m u_m(g) = 0 with u_m = p_m - z_m' g. Second: sum_i w_i s_i(b, g) = 0, the scores of the choices
with u in the utilities. To first order

    g^ - g = (Z'Z)^-1 sum_m z_m u_m,      b^ - b = A^-1 [ sum_i w_i s_i + C (g^ - g) ],

with A the negative Hessian and C = d sum w s / d g'; the covariance is the outer product of these influences, summed
over clusters (Newey 1984, Economics Letters 14, 201-206; Murphy & Topel 1985, Journal of Business & Economic Statistics
3, 370-379). C is exact: with columns z of coefficients d = 0 in the utilities, V = x'b + k (p - z'g) + z'd has dV/dg =
-k dV/dd, so that C = -k d2L/db dd', less dL/dd' in the row of k, whose column is the residual.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.problem import Problem
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.spec.columns import Column, UtilityColumns

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
PREFIX = "first stage: "


@dataclass(frozen=True, slots=True, eq=False)
class FirstMoments:
    """What the second step needs of the first; M markets, k columns, R rows.

    Attributes
    ----------
    columns : (M, k) z; residuals : (M,) u; names : (k,).
    of_row : (R,) market of each row of the data of the fit.
    clusters : (M,) codes of independent groups of markets.
    scale : small-sample factor of the first step's covariance.
    """

    columns: Floats
    residuals: Floats
    names: tuple[str, ...]
    of_row: Ints
    clusters: Ints
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """Covariances of p parameters of the utilities and k of the first stage.

    Attributes
    ----------
    joint : (p + k, p + k) of both steps; second : (p, p) as if the residual were known.
    response : (p, k) derivative of the second step's estimates in the first's.
    groups : number of independent groups among the cases.
    """

    joint: Floats
    second: Floats
    response: Floats
    groups: int


def widened(columns: UtilityColumns, values: Floats, names: tuple[str, ...]) -> UtilityColumns:
    """The columns of the utilities with (R, k) generic ones behind them."""
    n_own = len(columns.names)
    more = tuple(
        Column(PREFIX + name, "row", np.ascontiguousarray(values[:, j]), n_own + j) for j, name in enumerate(names)
    )
    return UtilityColumns(
        (*columns.names, *(PREFIX + name for name in names)), (*columns.columns, *more), columns.offset
    )


def with_values(columns: UtilityColumns, label: str, values: Floats) -> UtilityColumns:
    """The columns with other (R,) values of one: cheaper than to evaluate all terms again."""
    replaced = tuple(replace(column, values=values) if column.label == label else column for column in columns.columns)
    return UtilityColumns(columns.names, replaced, columns.offset)


@dataclass(frozen=True, slots=True, eq=False)
class _Wide:
    """The choices with the first stage's columns in the utilities, at coefficients of zero.

    Attributes
    ----------
    problem : with p + k parameters; free : where it is evaluated.
    own : (q,) positions of the second step's free parameters; lift : (free, k) derivative of the free parameters in the
        coefficients of the added columns; rows : (p,) positions of the second step's parameters in the table.
    """

    problem: Problem
    free: Floats
    own: Ints
    lift: Floats
    rows: Ints


def _wide(bound: Bound, fit: ChoiceResults, first: FirstMoments) -> _Wide:
    columns = fit.encoding.columns(bound.data)
    problem = bind(fit.spec, widened(columns, first.columns[first.of_row], first.names), bound.data)
    names = list(problem.space.names)
    added = np.array([names.index(PREFIX + name) for name in first.names])
    rows = np.setdiff1d(np.arange(len(names)), added)
    theta = np.zeros(len(names))
    theta[rows] = fit.moments.theta
    leading = np.argmax(problem.space.matrix, axis=0)
    from_user = np.linalg.inv(problem.to_user)
    own = np.flatnonzero(~np.isin(leading, added))
    lift = from_user[np.ix_(leading, added)]
    return _Wide(problem, problem.space.restrict(problem.internal_from_user(theta)), own, lift, rows)


def stacked(
    bound: Bound, fit: ChoiceResults, residual: str, first: FirstMoments, case_clusters: Ints, case_scale: float
) -> Stacked:
    """The covariance of both steps.

    Parameters
    ----------
    residual : name of the coefficient of the residual.
    case_clusters : (n,) codes of independent groups of cases; a code that some market has too is the same group.
    case_scale : small-sample factor of the second step.
    """
    wide = _wide(bound, fit, first)
    problem, own, rows = wide.problem, wide.own, wide.rows
    at = problem.evaluate(wide.free)
    moving = fit.moments.moving
    information = -at.hessian[np.ix_(own, own)]
    bread = np.zeros_like(information)
    bread[np.ix_(moving, moving)] = np.linalg.inv(information[np.ix_(moving, moving)])
    jacobian = problem.jacobian[np.ix_(rows, own)]
    kappa_at = problem.space.names.index(residual)
    kappa = float(fit.params[residual])
    of_kappa = problem.space.matrix[kappa_at, own] * problem.to_user[kappa_at, kappa_at]
    slope = -kappa * at.hessian[own] @ wide.lift - np.outer(of_kappa, wide.lift.T @ at.gradient)
    response = jacobian @ bread @ slope
    weights = problem.weights
    counted = weights > 0
    # frequencies count independent cases, unless they are clustered together
    alone = fit.weight_kind not in PROBABILITY_WEIGHTS and len(np.unique(case_clusters)) == len(case_clusters)
    factor = (np.sqrt(weights) if alone else weights) * np.sqrt(case_scale)
    scores = problem.scores(wide.free)[:, own] * factor[:, None]
    codes, together = np.unique(np.concatenate([case_clusters, first.clusters]), return_inverse=True)
    by_case = _summed(scores[counted], together[: len(weights)][counted], len(codes)) @ bread @ jacobian.T
    moments = first.columns * first.residuals[:, None] * np.sqrt(first.scale)
    inverse = np.linalg.inv(first.columns.T @ first.columns)
    by_market = _summed(moments, together[len(weights) :], len(codes)) @ inverse
    influence = np.hstack([by_case + by_market @ response.T, by_market])
    hidden = np.append(~fit.moments.finite, np.zeros(by_market.shape[1], dtype=bool))
    return Stacked(
        joint=_hide(influence.T @ influence, hidden),
        second=_hide(by_case.T @ by_case, ~fit.moments.finite),
        response=response,
        groups=len(np.unique(case_clusters[counted])),
    )


def _summed(values: Floats, codes: Ints, n: int) -> Floats:
    """(n, c) sums of the rows of each code."""
    return np.stack([np.bincount(codes, weights=column, minlength=n) for column in values.T], axis=1)


def _hide(matrix: Floats, hidden: NDArray[np.bool_]) -> Floats:
    out = (matrix + matrix.T) / 2
    out[hidden] = np.nan
    out[:, hidden] = np.nan
    return out
