"""Covariance of two-step estimates from their stacked scores.

First step: sum_i w_i s_i(b) = 0 over the cases that choose within a nest. Second: sum_i w_i r_i(a; b) = 0, whose
inclusive values depend on b. To first order

    b^ - b = B sum_i w_i s_i,      a^ - a = A [ sum_i w_i r_i + C (b^ - b) ],

with B and A the inverse negative Hessians and C = d sum w r / d b'; the covariance is the outer product of these
influences over the cases, or over clusters (Newey 1984, Economics Letters 14, 201-206; Murphy & Topel 1985, Journal of
Business & Economic Statistics 3, 370-379). C is exact: with V_m = q_m' a, dV_m/db = l dI_m/db and

    C = -sum_i w_i sum_m P_m (q_m - qbar) l (dI_m/db)',      plus sum_i w_i sum_m (y_m - P_m) (dI_m/db)' in l's row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space

from relocchoice.data.groups import group_codes
from relocchoice.relocation.ready_models.steps import Choices, Lower, Upper
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """Covariances of the parameters of both steps, the first step's first.

    Attributes
    ----------
    covariance : both steps counted; naive : inverse Hessians, the steps as if independent.
    influence : (n, p) weighted influence of each case on the estimates.
    words : one sentence on the kind.
    """

    covariance: Floats
    naive: Floats
    influence: Floats
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """(n, p) weighted influence of each case on a fit's parameters, and (p, p) the inverse negative Hessian."""

    by_case: Floats
    inverse: Floats


def influence(fit: ChoiceResults) -> Influence:
    """What each case of a fit adds to its estimates, to first order; zeros for parameters that are held."""
    problem = rebound(fit, None).problem
    free, moving = fit.moments.free, fit.moments.moving
    information = -problem.evaluate(free).hessian
    # what is held at a bound stays, and so does what the likelihood is flat in
    held = np.hstack([np.eye(len(information))[:, ~moving], fit.moments.flat])
    basis = null_space(held.T) if held.shape[1] else np.eye(len(information))
    inverse = basis @ np.linalg.inv(basis.T @ information @ basis) @ basis.T
    jacobian = problem.jacobian
    scores = problem.scores(free) * problem.weights[:, None]
    return Influence(scores @ inverse @ jacobian.T, jacobian @ inverse @ jacobian.T)


def both_steps(choices: Choices, lower: Lower, upper: Upper, groups: Any) -> Stacked:
    """The covariance of both steps' parameters.

    Parameters
    ----------
    groups : clusters of the cases, a column's name or (n,) labels; None: cases are independent.
    """
    n = choices.data.n_cases
    first, second = influence(lower.fit), influence(upper.fit)
    by_lower = np.zeros((n, first.by_case.shape[1]))
    by_lower[lower.cases] = first.by_case
    response = second.inverse @ _cross(choices, lower, upper)
    joint = np.hstack([by_lower, second.by_case + by_lower @ response.T])
    naive = np.zeros((joint.shape[1], joint.shape[1]))
    k = len(first.inverse)
    naive[:k, :k], naive[k:, k:] = first.inverse, second.inverse
    if groups is None:
        words = "Two-step errors: stacked scores of both steps, cases independent."
        alone = joint * _copies(choices)[:, None]
        return Stacked(alone.T @ alone, naive, joint, words)
    codes = group_codes(choices.data, groups, "groups")
    n_groups = int(codes.max()) + 1
    summed = np.stack([np.bincount(codes, weights=column, minlength=n_groups) for column in joint.T], axis=1)
    factor = n_groups / (n_groups - 1)
    words = f"Two-step errors: stacked scores of both steps, {n_groups:,} clusters, scaled by G / (G - 1)."
    return Stacked(factor * summed.T @ summed, naive, joint, words)


def _copies(choices: Choices) -> Floats:
    """(n,) factor that makes a case of frequency w count as w independent ones."""
    weights = choices.data.weights
    if weights is None or choices.data.weight_kind != "frequency":
        return np.ones(choices.data.n_cases)
    factor = np.zeros(len(weights))
    factor[weights > 0] = 1.0 / np.sqrt(weights[weights > 0])
    return factor


def _cross(choices: Choices, lower: Lower, upper: Upper) -> Floats:
    """(q, p) C, in the second step's parameters and the first's."""
    slopes = _slopes(choices, lower, upper)
    case, columns = upper.case, upper.columns
    names = list(upper.fit.params.index)
    at = names.index(upper.inclusive)
    weights = rebound(upper.fit, None).problem.weights[case]
    shares = upper.fit.predict().to_numpy()
    of = {label: j for j, label in enumerate(upper.fit.encoding.alternatives)}
    member = np.array([of[label] for label in choices.tops.labels])[upper.top]
    p = shares[case, member]
    taken = (choices.chosen_top[case] == upper.top).astype(float)
    mean = np.stack(
        [np.bincount(case, weights=p * column, minlength=choices.data.n_cases) for column in columns.T], axis=1
    )
    scale = float(upper.fit.params[upper.inclusive])
    cross = -scale * ((columns - mean[case]) * (weights * p)[:, None]).T @ slopes
    cross[at] += (weights * (taken - p)) @ slopes
    return cross


def _slopes(choices: Choices, lower: Lower, upper: Upper) -> Floats:
    """(S, p) derivative of the inclusive value of each row of the second step in the first step's parameters."""
    inside, data = upper.value, choices.data
    given = inside.given[choices.case, data.row_alternative]
    width = len(choices.tops.labels)
    key = choices.case * width + choices.top
    at = upper.case * width + upper.top
    out = np.zeros((len(at), len(lower.fit.params)))
    columns = dict(zip(choices.names, choices.columns.T, strict=True))
    if lower.offset is not None and choices.offset is not None:
        columns[lower.offset] = choices.offset
    for position, name in enumerate(lower.fit.params.index):
        if name in lower.rho_names:
            node = str(name).removeprefix("lambda:")
            of_nest = choices.tops.nests[choices.tree.nodes.index(node)]
            if name in lower.free_rho:
                out[:, position] = np.where(upper.top == of_nest, inside.slope[node][upper.case], 0.0)
            continue
        sums = np.bincount(key, weights=given * columns[name], minlength=data.n_cases * width)
        out[:, position] = sums[at]
    return out
