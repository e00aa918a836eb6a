"""Where a search begins: at zero, at the multinomial logit, or at the maximum of a sample of the cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.penalty import Penalty, penalised
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.optimize.newton import maximise

Floats = NDArray[np.float64]
GRID = (1.0, 0.85, 0.7, 0.5, 0.35)
SAMPLED_VALUES = 2_500_000
EVERY = 20


def near_start(problem: Problem, information: Floats, max_iterations: int, near: Floats | None = None) -> Floats | None:
    """(q,) ``near`` itself for a model without shapes, else the maximum on a sample; None where neither is to be had.

    Parameters
    ----------
    information : (q, q) at zero coefficients, of the whole problem; near : see :func:`search`.
    """
    if near is not None and not is_shape(problem).any():
        return np.clip(near, problem.space.lower, problem.space.upper)
    return _sample_start(problem, information, max_iterations, near)


def _sample_start(problem: Problem, information: Floats, max_iterations: int, near: Floats | None) -> Floats | None:
    """(q,) the maximum over every twentieth chunk of a large problem; None for a smaller one, or without a maximum.

    A few passes over a twentieth of the data spare two or three over all of them.
    """
    if not problem.laid_out:
        return None
    sample = sample_of(problem)
    if sample is None or sum(chunk.tiles.size for chunk in problem.design.chunks) < SAMPLED_VALUES:
        return None
    cases = np.concatenate([chunk.placement.cases for chunk in sample.design.chunks])
    share = float(problem.lane_weights[cases].sum() / problem.lane_weights.sum())
    if not share > 0.0:
        return None
    found = maximise(
        sample.evaluate,
        automatic_start(sample, None, max_iterations, near=near),
        problem.space.lower,
        problem.space.upper,
        reference=share * information,
        max_iterations=min(15, max_iterations),
        tolerance=1e-2,
    )
    return found.x if found.status == "maximum" else None


def sample_of(problem: Problem) -> Problem | None:
    """Every twentieth chunk; None where there are too few for a sample."""
    chunks, some = problem.design.chunks, slice(EVERY // 2, None, EVERY)
    if len(chunks) < 2 * EVERY:
        return None
    return replace(problem, design=replace(problem.design, chunks=chunks[some]), families=problem.families[some])


def automatic_start(
    problem: Problem,
    at_zero: Evaluation | None,
    max_iterations: int,
    penalty: Penalty | None = None,
    near: Floats | None = None,
) -> Floats:
    """Zero for coefficients; for nested models the multinomial fit and the best of a grid of lambdas.

    Parameters
    ----------
    at_zero : of the multinomial logit at zero, or None; near : a point near its maximum, or None.
    """
    null = np.clip(null_point(problem), problem.space.lower, problem.space.upper)
    shape = is_shape(problem)
    if not shape.any():
        return null
    first = null.copy()
    begin = null if near is None else np.clip(near, problem.space.lower, problem.space.upper)
    first[~shape] = _multinomial_start(problem, begin, at_zero, max_iterations, penalty)
    tried = [(_height(problem, penalty, free), free) for free in shape_grid(problem, first)]
    return max(tried, key=lambda pair: pair[0])[1]


def _multinomial_start(
    problem: Problem, begin: Floats, at_zero: Evaluation | None, max_iterations: int, penalty: Penalty | None
) -> Floats:
    """The free parameters that are no shapes, at the maximum of the multinomial logit."""
    coefs = ~is_shape(problem)
    bare = without_shapes(problem)
    plain = bare.evaluate if penalty is None else penalised(bare, penalty)

    def evaluate(free_coefs: Floats) -> Evaluation:
        free = begin.copy()
        free[coefs] = free_coefs
        return plain(free).among(coefs)

    return maximise(
        evaluate,
        begin[coefs],
        problem.space.lower[coefs],
        problem.space.upper[coefs],
        max_iterations=min(25, max_iterations),
        tolerance=1e-3,
        at_start=None if at_zero is None or penalty is not None or begin[coefs].any() else at_zero.among(coefs),
    ).x


def _height(problem: Problem, penalty: Penalty | None, free: Floats) -> float:
    loglik = float(problem.weights @ problem.loglik_by_case(free))
    return loglik if penalty is None else loglik + penalty.at(problem, free).value


def without_shapes(problem: Problem) -> Problem:
    """The multinomial logit on the same columns; shapes among the parameters have no effect.

    A family without shapes stays what it is: one of sets reads sets.
    """
    if not len(problem.shape_constant):
        return problem
    return replace(
        problem,
        families=problem.everywhere(MultinomialLogit()),
        shape_constant=np.empty(0),
        shape_matrix=np.empty((0, problem.shape_matrix.shape[1])),
    )


def shape_grid(problem: Problem, free: Floats) -> list[Floats]:
    """The same coefficients with all free shapes at each value of the grid."""
    shape = is_shape(problem)
    out = []
    for value in GRID:
        point = free.copy()
        point[shape] = value
        out.append(np.clip(point, problem.space.lower, problem.space.upper))
    return out


def spread_of(problem: Problem, reference: Floats) -> Floats:
    """(q,) changes of the coefficients that move utilities by about one."""
    return np.sqrt(problem.weights.sum() / np.maximum(np.diag(reference), 1e-300))


def random_start(problem: Problem, near: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    shape = is_shape(problem)
    point = near + rng.normal(size=len(near)) * spread
    point[shape] = rng.uniform(0.2, 1.2, int(shape.sum()))
    return np.clip(point, problem.space.lower, problem.space.upper)


def is_shape(problem: Problem) -> NDArray[np.bool_]:
    """(q,) which free parameters are shapes."""
    return np.abs(problem.space.matrix[problem.n_coef :]).sum(axis=0) > 0


def null_point(problem: Problem) -> Floats:
    return is_shape(problem).astype(float)
