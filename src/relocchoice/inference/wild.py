"""Score test of linear hypotheses with wild bootstrap weights by cluster, for few clusters.

With t the estimates under R t = q, s_g the scores of cluster g there and A minus the Hessian, u_g = R A^-1 s_g is what
cluster g pulls the tested directions by once the other parameters adapt. The statistic is
    S = (sum u_g)' (sum u_g u_g')^-1 (sum u_g);
its distribution under the hypothesis is that of the same with w_g u_g for u_g and random signs w_g (Kline & Santos
2012, Journal of Econometric Methods 1, 23-41). Nothing is estimated again. With six-point weights: Webb (2023),
Canadian Journal of Economics 56, 839-858. Centring the variance would change S by a rising function of S alone under
random signs, and so no p-value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.errors import OptionError
from relocchoice.inference.covariance import Clusters, Moments
from relocchoice.inference.hypotheses import LinearRestrictions, TestResult, refused
from relocchoice.optimize.newton import maximise

Floats = NDArray[np.float64]
WildWeights = Literal["rademacher", "webb"]
POINTS: dict[str, Floats] = {
    "rademacher": np.array([-1.0, 1.0]),
    "webb": np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]),
}
MOST_PATTERNS = 4096
RANK = 1e-10
TIE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Null:
    """The hypothesis on the free parameters: matrix @ free = target, with independent rows; or why it has none."""

    matrix: Floats
    target: Floats
    refusal: str = ""


def wild_score(
    problem: Problem,
    moments: Moments,
    reference: Floats,
    restrictions: LinearRestrictions,
    codes: NDArray[np.intp],
    draws: int = 999,
    weights: WildWeights = "rademacher",
    seed: int = 0,
) -> TestResult:
    """Wild score bootstrap test of linear restrictions on the user's parameters.

    Parameters
    ----------
    problem, moments : of the fit; the fit itself may have infinite estimates, those under the hypothesis may not.
    reference : (q, q) information of the design alone.
    codes : (n,) cluster of each case.
    draws, seed : of random weights; where the clusters allow no more than 4096 patterns all are taken instead.
    weights : ``"rademacher"``, one of two signs for each cluster; ``"webb"``, one of six values.

    Raises
    ------
    OptionError : unknown weights, a number of draws below 99, fewer than two clusters.
    """
    _check_options(weights, draws)
    null = _null(problem, moments, restrictions)
    if null.refusal:
        return refused(restrictions.null, null.refusal)
    at, refusal = _restricted(problem, moments, reference, null)
    if at is None:
        return refused(restrictions.null, refusal)
    moving = moments.moving
    information = -problem.evaluate(at).hessian[np.ix_(moving, moving)]
    totals = Clusters.of(problem.scores(at), problem.weights, codes).totals[:, moving]
    if len(totals) < 2:
        raise OptionError(f"the test needs at least two clusters; groups= makes {len(totals)}")
    scale = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    if np.linalg.eigvalsh(information / np.outer(scale, scale))[0] <= 1e-11:
        return refused(restrictions.null, "the Hessian at the estimates under the hypothesis is not negative definite")
    pulls = totals @ np.linalg.solve(information, null.matrix[:, moving].T)
    return _test(pulls, restrictions.null, draws, weights, seed)


def _check_options(weights: str, draws: int) -> None:
    if weights not in get_args(WildWeights):
        raise OptionError.of("weights", weights, ", ".join(get_args(WildWeights)))
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 99:
        raise OptionError.of("draws", draws, "a whole number of at least 99")


def _null(problem: Problem, moments: Moments, restrictions: LinearRestrictions) -> _Null:
    """R theta = q with theta = J free + c, on the free parameters that are not held at a bound."""
    constant = problem.to_user @ problem.space.constant
    held = np.where(moments.moving, 0.0, moments.free)
    matrix = np.where(moments.moving, restrictions.matrix @ moments.jacobian, 0.0)
    target = restrictions.targets - restrictions.matrix @ (constant + moments.jacobian @ held)
    size = np.abs(restrictions.matrix) @ (np.abs(constant) + np.abs(moments.jacobian) @ np.abs(held))
    size += np.abs(restrictions.targets) + np.finfo(float).tiny
    norm = np.linalg.norm(matrix, axis=1)
    empty = norm <= 1e-12 * np.linalg.norm(restrictions.matrix, axis=1)
    if (np.abs(target[empty]) > 1e-8 * size[empty]).any():
        return _Null(matrix, target, "a restriction contradicts values that are fixed or tied in the model")
    if empty.all():
        return _Null(matrix, target, "nothing in it is estimated: it holds by construction")
    matrix, target = matrix[~empty] / norm[~empty, None], target[~empty] / norm[~empty]
    # in the scale of the parameters' columns a restriction may look like another only by its units
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = values > RANK * values[0]
    rotated = left.T @ target
    if (np.abs(rotated[~kept]) > 1e-8 * (1 + np.abs(target).max())).any():
        return _Null(matrix, target, "its restrictions contradict one another")
    return _Null(right[kept], rotated[kept] / values[kept])


def _restricted(problem: Problem, moments: Moments, reference: Floats, null: _Null) -> tuple[Floats | None, str]:
    """(q,) free parameters at the maximum under the hypothesis, or None and why not."""
    moving = moments.moving
    matrix = null.matrix[:, moving]
    metric = np.linalg.solve(reference[np.ix_(moving, moving)], matrix.T)
    start = moments.free.copy()
    start[moving] -= metric @ np.linalg.solve(matrix @ metric, matrix @ start[moving] - null.target)
    basis = np.zeros((len(start), int(moving.sum()) - len(matrix)))
    basis[moving] = _null_space(matrix)

    def objective(along: Floats) -> Evaluation:
        at = problem.evaluate(start + basis @ along)
        return replace(at, gradient=basis.T @ at.gradient, hessian=basis.T @ at.hessian @ basis)

    unbounded = np.full(basis.shape[1], np.inf)
    try:
        found = maximise(
            objective,
            np.zeros(basis.shape[1]),
            -unbounded,
            unbounded,
            reference=basis.T @ reference @ basis if basis.shape[1] else None,
            tolerance=1e-9,
        )
    except ValueError:
        return None, "the log-likelihood is not finite near the estimates under the hypothesis"
    at = start + basis @ found.x
    if found.status != "maximum":
        return None, "under the hypothesis the log-likelihood has no finite maximum"
    if (at < problem.space.lower).any() or (at > problem.space.upper).any():
        return None, "the estimates under the hypothesis lie outside the bounds= of the model"
    return at, ""


def _null_space(matrix: Floats) -> Floats:
    """(m, m - r) orthonormal directions along which r independent rows do not change."""
    _, _, right = np.linalg.svd(matrix, full_matrices=True)
    basis: Floats = right[len(matrix) :].T
    return basis


def _test(pulls: Floats, null: str, draws: int, weights: WildWeights, seed: int) -> TestResult:
    """The statistic of (G, r) pulls and its place among those with random weights."""
    n_clusters, df = pulls.shape
    if df >= n_clusters:
        return refused(null, f"with {n_clusters} clusters at most {n_clusters - 1} restrictions can be tested together")
    spread = np.sqrt((pulls**2).sum(axis=0))
    if (spread <= 0).any():
        return refused(null, "no cluster's score moves a tested parameter")
    values, axes = np.linalg.eigh((pulls / spread).T @ (pulls / spread))
    if values[0] <= RANK * len(values):
        return refused(null, "the clusters' scores do not tell its restrictions apart; test fewer of them together")
    white = (pulls / spread) @ (axes / np.sqrt(values))
    statistic = float(np.sum(white.sum(axis=0) ** 2))
    points = POINTS[weights]
    every = len(points) ** n_clusters <= MOST_PATTERNS
    if every:
        patterns = np.array(list(product(points, repeat=n_clusters)))
    else:
        patterns = np.random.default_rng(seed).choice(points, size=(draws, n_clusters))
    reached = int((_statistics(white, patterns) >= statistic * (1 - TIE)).sum())
    pvalue = reached / len(patterns) if every else (1 + reached) / (1 + draws)
    how = "wild bootstrap, " + ("Rademacher" if weights == "rademacher" else "Webb")
    message = _every_message(n_clusters, weights, len(patterns)) if every else f"{n_clusters} clusters, {draws:,} draws"
    return TestResult(statistic, df, pvalue, null, f"score statistic ({df} df; {how})", message)


def _statistics(white: Floats, patterns: Floats) -> Floats:
    """(B,) statistics of (B, G) weights, each with the variance of its own weighted pulls."""
    out = np.empty(len(patterns))
    squares = white[:, :, None] * white[:, None, :]
    # in pieces: the variances of all patterns at once would fill the memory with many restrictions
    for at in range(0, len(patterns), MOST_PATTERNS):
        w = patterns[at : at + MOST_PATTERNS]
        sums = w @ white
        variance = np.tensordot(w**2, squares, axes=1)
        out[at : at + MOST_PATTERNS] = np.einsum("br,br->b", sums, np.linalg.solve(variance, sums[:, :, None])[:, :, 0])
    return out


def _every_message(n_clusters: int, weights: WildWeights, n_patterns: int) -> str:
    """Turning all the weights round changes no statistic, so half the patterns differ."""
    if weights == "webb":
        return f"{n_clusters} clusters: all {n_patterns:,} patterns of weights"
    least = 2 / n_patterns
    text = (
        f"{n_clusters} clusters: all {n_patterns:,} patterns of signs give at most {n_patterns // 2:,} different "
        f"p-values, the smallest possible is {least:.4g}"
    )
    return f"{text}; weights='webb' allows smaller ones" if least > 0.01 else text
