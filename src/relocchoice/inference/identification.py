"""What the data can and cannot tell apart: before the fit from the design, after it from the curvature."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.errors import Finding, IdentificationError
from relocchoice.inference.cone import sparse_basis
from relocchoice.optimize.newton import FLAT

Floats = NDArray[np.float64]

COLLINEAR = 1e-12
DEAD = 1e-13
TOUCHED = 1e-6


@dataclass(frozen=True, slots=True)
class Identification:
    """Whether every parameter is identified, and what was found where it is not.

    Attributes
    ----------
    ok : nothing is flat or infinite.
    flat : parameters the likelihood does not depend on at the estimates.
    infinite : pairs (parameter, sign) whose estimate runs to plus or minus infinity.
    cells : sentences that name the cells or alternatives behind it.
    verdict : one sentence.
    lambda_verdict : whether the lambdas agree with utility maximisation; None without lambdas.
    separation : ``"none"``, ``"quasi-complete"``, ``"complete"``, or ``"not judged"`` without a certificate.
    direction : along which the log-likelihood rises for ever, as text; empty without separation.
    """

    ok: bool
    flat: tuple[str, ...] = ()
    infinite: tuple[tuple[str, int], ...] = ()
    cells: tuple[str, ...] = ()
    verdict: str = "every parameter is identified"
    lambda_verdict: str | None = None
    separation: str = "not judged"
    direction: str = ""


def check_collinear(information: Floats, sizes: Floats, jacobian: Floats, names: tuple[str, ...], n_coef: int) -> None:
    """Refuse coefficients that no data of this design could tell apart.

    Parameters
    ----------
    information : (q, q) minus the Hessian at zero coefficients, where every column still counts.
    sizes : (q,) second moments of the columns; a column whose information is rounding beside it says nothing.
    jacobian : (p, q) user's parameters by free ones; names : (p,); n_coef : how many of the p are coefficients.

    Raises
    ------
    IdentificationError : names every set of collinear columns and the combination of them that never varies.
    """
    coefs = np.abs(jacobian[:n_coef]).sum(axis=0) > 0
    block = information[np.ix_(coefs, coefs)]
    size = np.sqrt(np.maximum(np.diag(block), 0.0))
    dead = np.diag(block) <= DEAD * sizes[coefs]
    findings = [_dead(jacobian[:, np.flatnonzero(coefs)[k]], names) for k in np.flatnonzero(dead)]
    live = ~dead
    scaled = block[np.ix_(live, live)] / np.outer(size[live], size[live])
    values, vectors = np.linalg.eigh(scaled) if live.any() else (np.empty(0), np.empty((0, 0)))
    null = vectors[:, values < COLLINEAR]
    if null.shape[1]:
        to_user = jacobian[:, np.flatnonzero(coefs)[live]] / size[live]
        findings += [_combination(to_user @ vector, names) for vector in sparse_basis(null).T]
    if findings:
        raise IdentificationError(findings)


def _dead(column: Floats, names: tuple[str, ...]) -> Finding:
    name = names[int(np.abs(column).argmax())]
    message = (
        f"{name}: its column is the same for all alternatives of every case, or zero throughout, "
        "so the coefficient is not identified; drop it"
    )
    return Finding("not_identified", message, column=name)


def _combination(direction: Floats, names: tuple[str, ...]) -> Finding:
    direction = direction / np.abs(direction).max()
    terms = [(names[k], direction[k]) for k in np.flatnonzero(np.abs(direction) > 1e-7)]
    listed = ", ".join(name for name, _ in terms)
    text = " ".join(f"{'+' if value > 0 else '-'} {abs(value):.4g} * {_bracketed(name)}" for name, value in terms)
    text = text.removeprefix("+ ")
    message = (
        f"{listed} are collinear: moving the coefficients together by ({text}) changes no probability; drop one of them"
    )
    return Finding("collinear", message, column=terms[0][0])


def _bracketed(name: str) -> str:
    """A name that is itself a product or a sum, in brackets."""
    return f"({name})" if re.search(r" [-+*/] ", re.sub(r"\(.*\)", "", name)) else name


def flat_directions(hessian: Floats, reference: Floats, moving: NDArray[np.bool_]) -> Floats:
    """(q, r) directions in which the curvature is less than a billionth of the reference information.

    Parameters
    ----------
    hessian, reference : (q, q); the reference is positive definite. moving : (q,) parameters not held at a bound.
    """
    q = len(hessian)
    where = np.flatnonzero(moving)
    if not len(where):
        return np.empty((q, 0))
    lower = np.linalg.cholesky(reference[np.ix_(where, where)])
    half = np.linalg.solve(lower, -hessian[np.ix_(where, where)])
    values, vectors = np.linalg.eigh(np.linalg.solve(lower, half.T))
    out = np.zeros((q, int((values < FLAT).sum())))
    out[where] = np.linalg.solve(lower.T, vectors[:, values < FLAT])
    return out


def touched(flat: Floats, jacobian: Floats, reference: Floats) -> NDArray[np.bool_]:
    """(p,) user's parameters that move along a flat direction, by more than a trace of their own scale."""
    if flat.shape[1] == 0:
        return np.zeros(len(jacobian), dtype=bool)
    scale = np.sqrt(np.abs(np.diag(jacobian @ np.linalg.inv(reference) @ jacobian.T)))
    scale = np.where(scale > 0, scale, 1.0)
    moves = np.linalg.norm(jacobian @ flat, axis=1) / scale
    return moves > TOUCHED
