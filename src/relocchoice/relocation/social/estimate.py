"""Estimation of coefficients when expected shares are an equilibrium that depends on them.

With s_i the score of choice i at given shares m, and m_g(theta) the equilibrium of its market:

* nested fixed point: maximise sum_i w_i log P_i(theta, m(theta)) (Rust 1987, Econometrica 55), by Fisher scoring on the
  columns that move with the shares.
* nested pseudo-likelihood: theta maximises sum_i w_i log P_i(theta, m) at given m, then m becomes Phi(theta, m), until
  neither changes (Aguirregabiria & Mira 2007, Econometrica 75). Its limit solves h(theta) = sum_i w_i s_i(theta,
  m(theta)) = 0. Where best replies do not contract the steps do not converge (Kasahara & Shimotsu 2012, Econometrica
  80), so h = 0 is solved by Newton's method from where they stop.

Covariance of the zero of h: A^-1 B A^-T with A = dh/dtheta through the shares. Given the columns of all firms m(theta)
is no estimate, so choices are independent and B = sum_i w_i Cov_P(x_i). With the market's own firms in its share this
is the formula of Aguirregabiria & Mira with the share of sampling error gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from relocchoice.errors import IdentificationError
from relocchoice.inference.covariance import Covariance
from relocchoice.relocation.social.markets import Markets

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Estimator = Literal["npl", "nfp"]
CovType = Literal["information", "robust", "cluster"]
COV_TYPES: tuple[CovType, ...] = ("information", "robust", "cluster")
STEP = 1e-5
SINGULAR = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Where a search ended.

    Attributes
    ----------
    theta : (K,); shares : (G, J) equilibrium shares; llf : log-likelihood there.
    converged, message : how it ended.
    """

    theta: Floats
    shares: Floats
    llf: float
    converged: bool
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """At theta: shares, log-likelihood, (n, K) scores, (K, K) expected derivative, (K, K) variance of the scores."""

    theta: Floats
    shares: Floats
    llf: float
    scores: Floats
    slope: Floats
    variance: Floats


def estimate(
    markets: Markets, estimator: Estimator, theta: Floats, shares: Floats, max_iterations: int, tolerance: float
) -> Estimate:
    """Search from coefficients and shares.

    Raises
    ------
    IdentificationError : the data cannot tell the coefficients apart once shares are equilibria.
    """
    if estimator == "npl":
        theta, shares = _pseudo_steps(markets, theta, shares)
    point = _point(markets, estimator, theta, markets.solve(theta, shares))
    for k in range(max_iterations):
        try:
            _refuse_singular(markets, point.slope)
        except IdentificationError:
            if k == 0:
                raise
            return _stopped(markets, point, "the search ran off to where coefficients cannot be told apart")
        total = markets.weights @ point.scores
        step: Floats = np.linalg.solve(point.slope, total).astype(np.float64)
        # a distance in standard errors
        if abs(float(step @ total)) < tolerance and float(np.abs(total).max(initial=0.0)) < 1.0:
            done = _point(markets, estimator, point.theta + step, markets.solve(point.theta + step, point.shares))
            best = done if np.abs(markets.weights @ done.scores).max() <= np.abs(total).max() else point
            return Estimate(best.theta, best.shares, best.llf, True, f"converged after {k + 1} steps")
        moved = _better(markets, estimator, point, step)
        if moved is None:
            return _stopped(markets, point, "no step leads further")
        point = moved
    message = f"stopped after max_iterations={max_iterations} steps"
    return Estimate(point.theta, point.shares, point.llf, False, message)


def _stopped(markets: Markets, point: _Point, why: str) -> Estimate:
    """An end that is no solution, and whether it lies where a market loses its equilibrium."""
    edge = np.abs(markets.radii(point.theta, point.shares) - 1.0) < 1e-3
    if edge.any():
        why = f"{why}: at the next one the equilibrium near the observed shares of {int(edge.sum())} markets disappears"
    return Estimate(point.theta, point.shares, point.llf, False, why)


def without_interaction(markets: Markets) -> Floats:
    """(K,) coefficients of the logit in which firms do not heed each other."""
    rest = np.setdiff1d(np.arange(len(markets.names)), markets.moved)
    theta = np.zeros(len(markets.names))
    if len(rest):
        plain = replace(
            markets,
            names=tuple(markets.names[k] for k in rest),
            x=markets.x[..., rest],
            d=markets.d[..., :0],
            moved=markets.moved[:0],
        )
        theta[rest] = _logit(plain, np.zeros(len(rest)), np.zeros((markets.n_markets, markets.open.shape[1])))
    return theta


def covariance(
    markets: Markets, estimator: Estimator, found: Estimate, kind: CovType, groups: Ints | None
) -> Covariance:
    """Covariance of the estimates; ``groups`` (n,) codes in the order of the data, the markets if None."""
    point = _point(markets, estimator, found.theta, found.shares)
    if kind == "information":
        inverse = _inverse(point.slope)
        if estimator == "nfp":
            words = "inverse of the expected information, through the equilibrium"
            return Covariance(kind, inverse, words)
        words = "pseudo-likelihood sandwich, derivatives through the equilibrium, choices independent given it"
        return Covariance(kind, inverse @ point.variance @ inverse.T, words)
    inverse = _inverse(-_slope_of_scores(markets, estimator, found))
    w = markets.weights
    if kind == "robust":
        meat = (point.scores * w[:, None]).T @ point.scores
        return Covariance(kind, inverse @ meat @ inverse.T, "sandwich, derivatives through the equilibrium")
    weighted = point.scores * w[:, None]
    codes = markets.market if groups is None else groups[markets.order]
    n_groups = int(codes.max()) + 1
    sums = np.zeros((n_groups, weighted.shape[1]))
    np.add.at(sums, codes, weighted)
    factor = n_groups / (n_groups - 1.0)
    words = f"clustered by {'market' if groups is None else 'group'}, derivatives through the equilibrium, G/(G - 1)"
    matrix = factor * (inverse @ (sums.T @ sums) @ inverse.T)
    return Covariance(kind, matrix, words, groups=n_groups, factor=factor)


def _pseudo_steps(markets: Markets, theta: Floats, shares: Floats, most: int = 50) -> tuple[Floats, Floats]:
    """Estimate at given shares, let firms reply once, and so on."""
    for _ in range(most):
        theta = _logit(markets, theta, shares)
        new = markets.shares(theta, shares)
        change = float(np.abs(new - shares).max())
        shares = new
        if change < 1e-8:
            break
    return theta, shares


def _logit(markets: Markets, theta: Floats, shares: Floats) -> Floats:
    """The multinomial logit at given shares, by Newton's method."""
    x = markets.columns(shares)
    for _ in range(50):
        p = markets.probabilities(theta, shares)
        own = x - np.einsum("ij,ijk->ik", p, x)[:, None, :]
        score = markets.weights @ own[np.arange(len(own)), markets.chosen]
        information = _cross(markets.weights[:, None] * p, own, own)
        _refuse_singular(markets, information)
        step = np.linalg.solve(information, score)
        base = float(markets.weights @ markets.loglik(theta, shares))
        scale = 1.0
        while scale > 1e-6 and float(markets.weights @ markets.loglik(theta + scale * step, shares)) < base - 1e-9 * (
            1.0 + abs(base)
        ):
            scale /= 2.0
        theta = theta + scale * step
        if float(step @ score) < 1e-12:
            break
    return theta


def _point(markets: Markets, estimator: Estimator, theta: Floats, shares: Floats) -> _Point:
    p, given, moving = markets.movement(theta, shares)
    own = given - np.einsum("ij,ijk->ik", p, given)[:, None, :]
    full = moving - np.einsum("ij,ijk->ik", p, moving)[:, None, :]
    used = own if estimator == "npl" else full
    w = markets.weights[:, None] * p
    scores = used[np.arange(len(used)), markets.chosen]
    llf = float(markets.weights @ markets.loglik(theta, shares))
    return _Point(theta, shares, llf, scores, _cross(w, used, full), _cross(w, used, used))


def _better(markets: Markets, estimator: Estimator, point: _Point, step: Floats) -> _Point | None:
    """The point of the longest step that helps: by the log-likelihood, or by the size of the estimating function."""
    size = _size(markets, point)
    scale = 1.0
    while scale > 1e-5:
        theta = point.theta + scale * step
        try:
            new = _point(markets, estimator, theta, markets.solve(theta, point.shares))
        except IdentificationError:
            scale /= 2.0
            continue
        if estimator == "nfp" and new.llf > point.llf - 1e-10 * (1.0 + abs(point.llf)):
            return new
        if estimator == "npl" and _size(markets, new) < size:
            return new
        scale /= 2.0
    return None


def _size(markets: Markets, point: _Point) -> float:
    total = markets.weights @ point.scores
    return float(total @ np.linalg.lstsq(point.variance, total, rcond=None)[0])


def _slope_of_scores(markets: Markets, estimator: Estimator, found: Estimate) -> Floats:
    """(K, K) derivative of the estimating function, shares moving along, by central differences."""

    def total(theta: Floats) -> Floats:
        shares = markets.solve(theta, found.shares, 1e-13)
        out: Floats = markets.weights @ _point(markets, estimator, theta, shares).scores
        return out

    columns = []
    for k, value in enumerate(found.theta):
        h = np.zeros(len(found.theta))
        h[k] = STEP * max(1.0, abs(float(value)))
        columns.append((total(found.theta + h) - total(found.theta - h)) / (2.0 * h[k]))
    return np.column_stack(columns)


def _inverse(matrix: Floats) -> Floats:
    out: Floats = np.linalg.inv(matrix).astype(np.float64)
    return out


def _cross(weights: Floats, a: Floats, b: Floats) -> Floats:
    """sum_ij weights_ij a_ij b_ij'."""
    k = a.shape[2]
    out: Floats = (a * weights[..., None]).reshape(-1, k).T @ b.reshape(-1, k)
    return out


def _refuse_singular(markets: Markets, matrix: Floats) -> None:
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1.0
    _, sizes, right = np.linalg.svd(matrix / scale[:, None] / scale)
    if sizes[-1] > SINGULAR * max(1.0, sizes[0]):
        return
    weight = np.abs(right[-1])
    among = [name for name, part in zip(markets.names, weight, strict=True) if part > 0.1 * weight.max()]
    raise IdentificationError(
        f"{', '.join(map(repr, among))} cannot be told apart once expected shares are equilibria: markets that are "
        "alike have alike shares, which the constants reproduce; use markets that differ, or leave terms out"
    )
