"""The verdict on a finished search: what is identified, what runs to infinity, what the lambdas say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.bind import Bound, degenerate_lambdas
from relocchoice.engine.search import Found
from relocchoice.engine.sets import set_gains
from relocchoice.errors import Finding
from relocchoice.inference.cells import separated_cells, vanished
from relocchoice.inference.consistency import SLACK, lambda_verdict
from relocchoice.inference.covariance import Moments
from relocchoice.inference.identification import Identification, touched
from relocchoice.inference.recession import recession_signs
from relocchoice.inference.separation import Certificate
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]
FAR = 1e-3


def judge(
    spec: ModelSpec, bound: Bound, found: Found, moments: Moments, certificate: Certificate | None = None
) -> Identification:
    """What the data can and cannot tell apart at the end of a search.

    Parameters
    ----------
    bound : the data and the problem; found : where the search ended; moments : flat directions and the map to the
        user's p parameters.
    certificate : what was found before the fit. Where it holds at the estimates, it says what is infinite; where it
        does not, or without one, the flat directions and vanished probabilities do.
    """
    names, n_coef = bound.problem.space.names, bound.problem.n_coef
    if not found.ended:
        unknown = Identification(False, verdict="not known, because the search did not end at a maximum")
        return _certified(unknown, certificate if certificate is not None and certificate.exact else None)
    moved = touched(moments.flat, moments.jacobian, found.reference)
    holds = certificate is not None and certificate_holds(spec, bound, certificate, moments.theta)
    proof = certificate if holds else None
    if proof is not None and proof.separated:
        infinite, cells = proof.infinite, proof.cells
        moved = moved | np.isin(names, proof.touched)
    elif not moved.any():
        judged = _lambda_verdict(spec, bound, moments)
        if found.maximum.status == "maximum":
            return _certified(Identification(True, lambda_verdict=judged), proof)
        sentence = _lost_in_rounding(spec, bound, moments)
        return _certified(Identification(False, verdict=sentence, lambda_verdict=judged), proof)
    else:
        infinite, cells = ((), ()) if proof is not None else _by_vanishing(spec, bound, found, moments, moved[:n_coef])
    signed = {name for name, _ in infinite}
    flat = tuple(names[k] for k in np.flatnonzero(moved) if names[k] not in signed)
    judged = "not judged, because a lambda is not identified"
    if not any(name in flat for name in names[n_coef:]):
        judged = _lambda_verdict(spec, bound, moments) or ""
    sentence = _sentence(len(names), infinite, flat)
    return _certified(Identification(False, flat, infinite, cells, sentence, judged or None), proof)


def infinite_findings(spec: ModelSpec, identification: Identification) -> list[Finding]:
    """One finding an infinite estimate that the search met, then one a cell behind it."""
    modes = "'warn'" if spec.family == "subset" else "'warn' or 'firth'"
    way_out = f"; use separation={modes}, pool the cells, or leave the variable out"
    out = [
        Finding("separated", f"{name} runs to {'plus' if sign > 0 else 'minus'} infinity{way_out}", column=name)
        for name, sign in identification.infinite
    ]
    return out + [Finding("separated_cell", f"separated: {cell}") for cell in identification.cells]


def certificate_holds(spec: ModelSpec, bound: Bound, certificate: Certificate, theta: Floats) -> bool:
    """Whether a certificate is a proof at the user's parameters (p,): its family is judged and the lambdas fit.

    That nothing is separated holds at any positive lambdas; that something is, at those that agree with utility
    maximisation.
    """
    if not certificate.judged:
        return False
    if certificate.exact or not certificate.separated or spec.nests is None:
        return True
    lambdas = _lambdas(spec, bound, theta)
    above = [1.0 if m < 0 else lambdas[spec.nests.nodes[m]] for m in spec.nests.node_parent]
    if spec.normalisation == "none":
        above = [1.0] * len(above)
    alone = spec.nests.degenerate
    return all(
        node in alone or 0.0 < lambdas[node] <= top + SLACK for node, top in zip(spec.nests.nodes, above, strict=True)
    )


def _certified(identification: Identification, certificate: Certificate | None) -> Identification:
    """The same with what a certificate proves; unchanged without one that is a proof."""
    if certificate is None or not certificate.judged:
        return identification
    direction = certificate.direction_text() if certificate.separated else ""
    return replace(identification, separation=certificate.kind, direction=direction)


def _by_vanishing(
    spec: ModelSpec, bound: Bound, found: Found, moments: Moments, moved: NDArray[np.bool_]
) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
    """What is infinite, and the cells behind it, by the probabilities that vanished at the stop."""
    gone = vanished(bound.data, _fitted(bound, moments))
    infinite = _infinite(bound, found, moments, gone, moved)
    words = " ".join((spec.formula_text, *bound.problem.space.names))
    return infinite, separated_cells(bound.data, gone, words) if infinite else ()


def _sentence(n_parameters: int, infinite: tuple[tuple[str, int], ...], flat: tuple[str, ...]) -> str:
    run = "runs" if len(infinite) == 1 else "run"
    parts = [f"{len(infinite)} of {n_parameters} estimates {run} to infinity"] if infinite else []
    if flat:
        parts.append(f"not identified: {', '.join(flat)}" if len(flat) <= 3 else f"{len(flat)} are not identified")
    return ", ".join(parts)


def _lost_in_rounding(spec: ModelSpec, bound: Bound, moments: Moments) -> str:
    """Where no direction is flat beside the reference, but the Hessian's own digits do not show a maximum."""
    lambdas = {} if spec.nests is None else _lambdas(spec, bound, moments.theta)
    far = [f"lambda:{node} = {value:.4g}" for node, value in lambdas.items() if not FAR < value < 1 / FAR]
    cause = f", as with a lambda so far from one ({', '.join(far)}); fix or bound it nearer to one" if far else ""
    return f"the curvature in some direction is rounding beside that in others{cause}"


def _lambda_verdict(spec: ModelSpec, bound: Bound, moments: Moments) -> str | None:
    if spec.nests is None:
        return None
    lambdas = _lambdas(spec, bound, moments.theta)
    return lambda_verdict(spec, lambdas, lambda: _fitted(bound, moments), bound.data.alternatives)


def _lambdas(spec: ModelSpec, bound: Bound, parameters: Floats) -> dict[str, float]:
    """Nest -> lambda at the user's parameters (p,)."""
    assert spec.nests is not None
    theta = dict(zip(bound.problem.space.names, map(float, parameters), strict=True))
    alone = degenerate_lambdas(spec)
    return {
        node: 1.0 if f"lambda:{node}" in alone else theta.get(f"lambda:{node}", theta.get("lambda", 1.0))
        for node in spec.nests.nodes
    }


def _fitted(bound: Bound, moments: Moments) -> Floats:
    """(n, J) probabilities at the stop."""
    problem = bound.problem
    return problem.probabilities(problem.internal(moments.free), bound.data.n_alternatives)


def _infinite(
    bound: Bound, found: Found, moments: Moments, gone: NDArray[np.bool_], moved: NDArray[np.bool_]
) -> tuple[tuple[str, int], ...]:
    """Coefficients that run to infinity, with the sign; those whose limit has no determined sign are left out."""
    problem, data = bound.problem, bound.data
    if not moved.any() or not (gone.any() or data.picked is not None):
        return ()
    if data.picked is not None:
        gains = set_gains(problem, moments.flat)
    else:
        gains = np.stack([problem.utility_gains(d, data.n_alternatives)[gone] for d in moments.flat.T], axis=1)
    where = np.flatnonzero(moved)
    scale = np.sqrt(np.diag(moments.jacobian @ np.linalg.inv(found.reference) @ moments.jacobian.T))[where]
    signs = recession_signs(gains, moments.jacobian[where] @ moments.flat / scale[:, None])
    return tuple((problem.space.names[k], int(sign)) for k, sign in zip(where, signs, strict=True) if sign)
