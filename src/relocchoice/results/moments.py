"""The second moments at the end of a search, from which every covariance but the clustered is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.engine.search import Found
from relocchoice.inference.covariance import Moments
from relocchoice.inference.identification import flat_directions, touched
from relocchoice.results.searched import Searched

Floats = NDArray[np.float64]
_OTHER_CURVATURE = (
    "At the penalised estimates the log-likelihood's own Hessian is not negative definite; the covariance is from that "
    "of the penalised log-likelihood."
)


def moments_of(end: Searched) -> Moments:
    """The second moments where a search ended."""
    bound, found = end.bound, end.found
    problem, at = bound.problem, found.maximum
    moving = ~at.active
    # of what was maximised: a log-likelihood may be flat or worse where a penalty holds the estimates
    flat = _flat(found, moving)
    jacobian = problem.jacobian
    held = np.abs(jacobian[:, at.active]).sum(axis=1) > 0
    estimated = np.abs(jacobian).sum(axis=1) > 0
    finite = estimated & ~held & ~touched(flat, jacobian, found.reference)
    finite &= ~np.isin(problem.space.names, end.dropped)
    frequency = bound.data.weight_kind == "frequency"
    return Moments(
        theta=problem.user(at.x) if end.theta is None else end.theta,
        free=at.x,
        hessian=_curvature(found),
        opg=found.loglik.opg,
        opg_squared=found.loglik.opg_squared,
        jacobian=jacobian,
        moving=moving,
        flat=flat,
        finite=finite,
        nobs=float(problem.weights.sum()) if frequency else float(np.count_nonzero(problem.weights)),
        weight_kind=bound.data.weight_kind,
        effective_n=_effective_n(end) if bound.data.weight_kind in PROBABILITY_WEIGHTS else None,
    )


def _flat(found: Found, moving: NDArray[np.bool_]) -> Floats:
    """(q, r) flat directions; the search calls no end a maximum that has any."""
    if found.maximum.status == "maximum":
        return np.empty((len(moving), 0))
    return flat_directions(found.maximum.evaluation.hessian, found.reference, moving)


def _curvature(found: Found) -> Floats:
    """(q, q) the Hessian behind the covariance: the log-likelihood's under Firth's penalty, where that is definite."""
    if _own_curvature(found):
        return found.curvature
    return found.maximum.evaluation.hessian


def _own_curvature(found: Found) -> bool:
    """Whether the Hessian that the covariance should come from is negative definite, if that is not the maximum's."""
    if found.curvature is found.maximum.evaluation.hessian:
        return True
    return flat_directions(found.curvature, found.reference, ~found.maximum.active).shape[1] == 0


def curvature_note(found: Found) -> tuple[str, ...]:
    """Where the covariance could not come from the Hessian it should come from."""
    return () if _own_curvature(found) else (_OTHER_CURVATURE,)


def _effective_n(end: Searched) -> float:
    """Of the data, or of the cases that are left when something was dropped."""
    weights = end.bound.problem.weights
    if not end.dropped or not weights.any():
        return float(end.bound.data.effective_n)
    return float(weights.sum() ** 2 / (weights @ weights))
