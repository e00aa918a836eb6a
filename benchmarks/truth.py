"""The maximum, found without any of the compared packages: nobody marks its own answer.

Newton's method from the values that made the data, on the dense design, in plain NumPy. The Hessian of the multinomial
logit is written out; that of the nested logit is a central difference of the written-out gradient.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.peers.protocol import Arrays, dense, load

Floats = NDArray[np.float64]
CELLS_AT_ONCE = 4e6
KEPT_BYTES = 3e9
CLOSE = 1e-7  # standard errors: the length of the last step
STEP = 1e-5  # of the central differences


@dataclass(frozen=True, slots=True)
class Truth:
    """The maximum: log-likelihood, estimates (coefficients, then lambdas), their standard errors."""

    llf: float
    estimates: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class Block:
    """Some cases: design (n, J, K), chosen (n,), available (n, J) and weights (n,)."""

    x: Floats
    chosen: NDArray[np.intp]
    available: NDArray[np.bool_]
    weights: Floats


def truth(path: Path) -> Truth:
    """The maximum of the data in a file; kept beside it."""
    kept = path.with_suffix(".truth.json")
    if not kept.exists():
        with threadpool_limits(1):  # on a busy machine a second BLAS thread waits by spinning
            found = maximum(load(path))
        record = {"llf": found.llf, "estimates": found.estimates.tolist(), "errors": found.errors.tolist()}
        kept.write_text(json.dumps(record), encoding="utf-8")
    stored = json.loads(kept.read_text(encoding="utf-8"))
    return Truth(stored["llf"], np.array(stored["estimates"]), np.array(stored["errors"]))


def maximum(arrays: Arrays) -> Truth:
    """Newton's method. Raises ArithmeticError when it does not end at a maximum within 50 steps."""
    sizes = arrays["nests"]
    free = np.flatnonzero(sizes > 1)
    theta = np.concatenate([arrays["beta"], arrays["lambdas"][free]])
    blocks = _blocks(arrays)

    def sums(point: Floats) -> tuple[float, Floats]:
        parts = [_nested(block, point, sizes, free) if len(sizes) else _multinomial(block, point) for block in blocks()]
        return sum(part[0] for part in parts), np.sum([part[1] for part in parts], axis=0)

    def hessian(point: Floats) -> Floats:
        if len(sizes):
            return _differences(lambda moved: sums(moved)[1], point)
        return np.sum([_multinomial_hessian(block, point) for block in blocks()], axis=0)

    second, before = hessian(theta), np.inf
    loglik, gradient = sums(theta)
    for _ in range(50):
        step, length = _step(second, gradient)
        if length < CLOSE:
            break
        loglik, gradient, theta = _uphill(sums, theta, step, loglik)
        if not len(sizes) or length > 0.1 * before:  # the nested Hessian is dear: kept while the steps shrink fast
            second = hessian(theta)
        before = length
    else:
        raise ArithmeticError("Newton's method has not settled within 50 steps")
    information = -hessian(theta)
    if np.linalg.eigvalsh(information).min() <= 0.0:
        raise ArithmeticError("Newton's method has not ended at a maximum")
    return Truth(loglik, theta, np.sqrt(np.diag(np.linalg.inv(information))))


def _step(second: Floats, gradient: Floats) -> tuple[Floats, float]:
    """Newton's step, uphill also where the log-likelihood is not concave, and its largest part in standard errors."""
    values, vectors = np.linalg.eigh(-second)
    inverse = (vectors / np.abs(values)) @ vectors.T
    step = inverse @ gradient
    return step, float(np.abs(step / np.sqrt(np.diag(inverse))).max())


def _uphill(
    sums: Callable[[Floats], tuple[float, Floats]], theta: Floats, step: Floats, loglik: float
) -> tuple[float, Floats, Floats]:
    """Log-likelihood, gradient and point after the step, halved until the log-likelihood does not fall."""
    for _ in range(40):
        with np.errstate(all="ignore"):  # a lambda of zero or less is beyond the domain
            value, slope = sums(theta + step)
        if value >= loglik - 1e-10 * abs(loglik):
            return value, slope, theta + step
        step = step / 2
    raise ArithmeticError("no step raises the log-likelihood")


def _blocks(arrays: Arrays) -> Callable[[], Iterator[Block]]:
    """Cases in blocks, kept in memory where they fit; cases alike in all but what they chose are counted first."""
    n, width = arrays["shape"][:2].tolist()
    chosen = arrays["chosen"]
    weights = arrays.get("weights", np.ones(n))
    alike = not arrays["generic"].shape[2] and not len(arrays["case"]) and "available" not in arrays
    if alike:
        weights = np.bincount(chosen, weights=weights, minlength=width)
        chosen = np.flatnonzero(weights)
        weights, n = weights[chosen], len(chosen)
        arrays = arrays | {"generic": np.empty((n, width, 0)), "case": np.empty((0, n))}
    count = len(arrays["names"])
    at_once = max(1, int(CELLS_AT_ONCE // (width * count)))

    def made() -> Iterator[Block]:
        for start in range(0, n, at_once):
            cases = slice(start, min(start + at_once, n))
            there = arrays["available"][cases] if "available" in arrays else None
            if there is None:
                there = np.ones((cases.stop - cases.start, width), dtype=bool)
            yield Block(dense(arrays, cases), chosen[cases], there, weights[cases])

    if 8 * n * width * count > KEPT_BYTES:
        return made
    kept = list(made())
    return lambda: iter(kept)


def _multinomial(block: Block, theta: Floats) -> tuple[float, Floats]:
    v, p, logsum = _shares(block, theta)
    rows = np.arange(len(v))
    residual = -p * block.weights[:, None]
    residual[rows, block.chosen] += block.weights
    loglik = float(block.weights @ (v[rows, block.chosen] - logsum))
    return loglik, residual.ravel() @ block.x.reshape(-1, len(theta))


def _shares(block: Block, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Utilities, probabilities and log-sums."""
    v = np.where(block.available, block.x @ theta, -np.inf)
    top = v.max(axis=1)
    p = np.exp(v - top[:, None])
    total = p.sum(axis=1)
    return v, p / total[:, None], top + np.log(total)


def _multinomial_hessian(block: Block, theta: Floats) -> Floats:
    """- sum_i w_i (sum_j p_ij x_ij x_ij' - m_i m_i'), m_i = sum_j p_ij x_ij."""
    _, p, _ = _shares(block, theta)
    means = np.matmul(p[:, None, :], block.x)[:, 0]
    flat = block.x.reshape(-1, len(theta))
    within = (flat * (p * block.weights[:, None]).reshape(-1, 1)).T @ flat
    return (means * block.weights[:, None]).T @ means - within


def _nested(block: Block, theta: Floats, sizes: NDArray[np.intp], free: NDArray[np.intp]) -> tuple[float, Floats]:
    """Log-likelihood and gradient of P(j) = P(m) P(j|m), P(j|m) ~ exp(V_j / lambda_m), P(m) ~ exp(lambda_m I_m)."""
    k = block.x.shape[2]
    lambdas = np.ones(len(sizes))
    lambdas[free] = theta[k:]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    nest = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(len(block.chosen))
    home = nest[block.chosen]
    v = block.x @ theta[:k]
    scaled = np.where(block.available, v / lambdas[nest], -np.inf)
    top = np.maximum.reduceat(scaled, starts, axis=1)
    top = np.where(np.isfinite(top), top, 0.0)
    inside = np.exp(scaled - top[:, nest])
    total = np.add.reduceat(inside, starts, axis=1)
    empty = total == 0.0
    inside /= np.where(empty, 1.0, total)[:, nest]  # P(j|m)
    inclusive = np.where(empty, 0.0, top + np.log(np.where(empty, 1.0, total)))
    upper = np.where(empty, -np.inf, lambdas * inclusive)
    highest = upper.max(axis=1)
    of_nest = np.exp(upper - highest[:, None])
    logsum = highest + np.log(of_nest.sum(axis=1))
    of_nest /= of_nest.sum(axis=1, keepdims=True)
    loglik = scaled[rows, block.chosen] - inclusive[rows, home] + upper[rows, home] - logsum
    at_home = (nest == home[:, None]) * (1.0 - 1.0 / lambdas[home])[:, None]
    slope = inside * (at_home - of_nest[:, nest])
    slope[rows, block.chosen] += 1.0 / lambdas[home]
    mean = np.add.reduceat(inside * v, starts, axis=1)  # mean utility within the nest
    spread = inclusive - mean / lambdas
    by_lambda = -of_nest * spread
    by_lambda[rows, home] += (mean[rows, home] - v[rows, block.chosen]) / lambdas[home] ** 2 + spread[rows, home]
    by_coefficient = (slope * block.weights[:, None]).ravel() @ block.x.reshape(-1, k)
    return float(block.weights @ loglik), np.concatenate([by_coefficient, (block.weights @ by_lambda)[free]])


def _differences(gradient: Callable[[Floats], Floats], point: Floats) -> Floats:
    """Hessian from central differences."""
    columns = []
    for i in range(len(point)):
        move = np.zeros(len(point))
        move[i] = STEP
        columns.append((gradient(point + move) - gradient(point - move)) / (2 * STEP))
    hessian = np.array(columns)
    return (hessian + hessian.T) / 2
