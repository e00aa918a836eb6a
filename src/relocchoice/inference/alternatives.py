"""What each case would have contributed had it chosen another alternative: expectations under the model, exact.

With P_ij the fitted probability of alternative j in case i and s_ij the score of case i had it chosen j, the expected
information is sum_i w_i sum_j P_ij s_ij s_ij', for every family of one choice a case; no second derivative is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Problem
from relocchoice.kernels.chain import contributions
from relocchoice.kernels.protocol import Family
from relocchoice.spec.chunk import Chunk

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """The cases of one chunk: S slots, q free parameters, n cases.

    Attributes
    ----------
    probabilities : (S, n), zero where a slot is not available.
    scores : (S, q, n) had the slot been chosen; zero where it is not available.
    weights, chosen : (n,) sums of the weights that each case stands for; the slot it chose.
    """

    probabilities: Floats
    scores: Floats
    weights: Floats
    chosen: NDArray[np.intp]


def takes_one(problem: Problem) -> bool:
    """Whether every case took one alternative, so that alternatives stand for outcomes."""
    return all(chunk.placement.picked is None for chunk in problem.design.chunks)


def what_if(problem: Problem, free: Floats) -> Iterator[WhatIf]:
    """Chunk by chunk, at (q,) free parameters."""
    for position in range(len(problem.design.chunks)):
        yield chunk_what_if(problem, position, free)


def chunk_what_if(problem: Problem, position: int, free: Floats) -> WhatIf:
    """One chunk of :func:`what_if`."""
    chunk, family = problem.design.chunks[position], problem.families[position]
    theta = problem.internal(free)
    beta = theta[: problem.n_coef]
    shape = problem.shape_constant + problem.shape_matrix @ theta[problem.n_coef :]
    probabilities = family.probabilities(chunk.utilities(beta), chunk.placement.available, shape)
    pull = _pull(problem)
    scores = np.stack([pull.T @ _scores(chunk, family, beta, shape, slot) for slot in range(len(probabilities))])
    return WhatIf(
        probabilities=probabilities,
        scores=scores,
        weights=problem.lane_weights[chunk.placement.cases],
        chosen=chunk.placement.chosen,
    )


def expected_information(problem: Problem, free: Floats) -> Floats:
    """(q, q) minus the expected Hessian at (q,) free parameters, given the columns."""
    q = len(free)
    total = np.zeros((q, q))
    for part in what_if(problem, free):
        for share, scores in zip(part.probabilities, part.scores, strict=True):
            total += (scores * (share * part.weights)) @ scores.T
    return total


def _scores(chunk: Chunk, family: Family, beta: Floats, shape: Floats, slot: int) -> Floats:
    """(K + L, n) scores with one slot chosen; zero in the cases that do not have it."""
    place = chunk.placement
    chosen = np.full_like(place.chosen, slot)
    if place.available is not None:
        # a case without the slot keeps its own choice, so that its score is finite before it is set to zero
        chosen = np.where(place.available[slot], chosen, place.chosen).astype(place.chosen.dtype)
    other = replace(chunk, placement=replace(place, chosen=chosen))
    scores = contributions(family, other, beta, shape, np.ones(chunk.n_cases), 1).scores
    assert scores is not None
    return scores if place.available is None else np.where(place.available[slot], scores, 0.0)


def _pull(problem: Problem) -> Floats:
    """(K + L, q) derivative of coefficients and shapes in the free parameters."""
    k = problem.n_coef
    matrix = problem.space.matrix
    return np.vstack([matrix[:k], problem.shape_matrix @ matrix[k:]])
