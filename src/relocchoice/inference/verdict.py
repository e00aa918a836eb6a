"""The verdict on a finished search: what is identified, what runs to infinity, what the lambdas say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.bind import Bound, degenerate_lambdas
from relocchoice.engine.search import Found
from relocchoice.inference.cells import VANISHED, vanished_cells
from relocchoice.inference.consistency import lambda_verdict
from relocchoice.inference.covariance import Moments
from relocchoice.inference.identification import Identification, touched
from relocchoice.inference.recession import recession_signs
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]


def judge(spec: ModelSpec, bound: Bound, found: Found, moments: Moments) -> Identification:
    """What the data can and cannot tell apart at the end of a search.

    Parameters
    ----------
    bound : the data and the problem; found : where the search ended; moments : flat directions and the map to the
        user's p parameters.
    """
    names, n_coef = bound.problem.space.names, bound.problem.n_coef
    if not found.ended:
        return Identification(False, verdict="not known, because the search did not end at a maximum")
    moved = touched(moments.flat, moments.jacobian, found.reference)
    if not moved.any():
        return Identification(found.maximum.status == "maximum", lambda_verdict=_lambda_verdict(spec, bound, moments))
    probabilities = _fitted(bound, moments)
    infinite = _infinite(bound, found, moments, probabilities, moved[:n_coef])
    cells = vanished_cells(bound.data, probabilities, " ".join((spec.formula_text, *names))) if infinite else ()
    signed = {name for name, _ in infinite}
    flat = tuple(names[k] for k in np.flatnonzero(moved) if names[k] not in signed)
    judged = "not judged, because a lambda is not identified"
    if not any(name in flat for name in names[n_coef:]):
        judged = _lambda_verdict(spec, bound, moments) or ""
    return Identification(False, flat, infinite, cells, _sentence(len(names), infinite, flat), judged or None)


def _sentence(n_parameters: int, infinite: tuple[tuple[str, int], ...], flat: tuple[str, ...]) -> str:
    parts = [f"{len(infinite)} of {n_parameters} estimates run to infinity"] if infinite else []
    if flat:
        parts.append(f"not identified: {', '.join(flat)}" if len(flat) <= 3 else f"{len(flat)} are not identified")
    return ", ".join(parts)


def _lambda_verdict(spec: ModelSpec, bound: Bound, moments: Moments) -> str | None:
    if spec.nests is None:
        return None
    theta = dict(zip(bound.problem.space.names, moments.theta, strict=True))
    alone = degenerate_lambdas(spec)
    lambdas = {
        node: 1.0 if f"lambda:{node}" in alone else theta.get(f"lambda:{node}", theta.get("lambda", 1.0))
        for node in spec.nests.nodes
    }
    return lambda_verdict(spec, lambdas, lambda: _fitted(bound, moments), bound.data.alternatives)


def _fitted(bound: Bound, moments: Moments) -> Floats:
    """(n, J) probabilities at the stop."""
    problem = bound.problem
    return problem.probabilities(problem.internal(moments.free), bound.data.n_alternatives)


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
