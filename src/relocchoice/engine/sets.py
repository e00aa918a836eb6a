"""What the alternatives taken gain on those left, along directions of the parameters: the pairs that separate sets.

A likelihood of sets rises for ever along d exactly when (x_y - x_j)'d >= 0 for every taken y and untaken j of every
case, for then, and only then, no set of the same size gains more than the one taken. That no probability of a single
alternative vanishes says nothing here: of two places that must be taken, one may be certain and the other open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Problem

Floats = NDArray[np.float64]
NEGLIGIBLE = 1e-7


def set_gains(problem: Problem, directions: Floats) -> Floats:
    """Gains of the taken on the untaken along directions of the free parameters.

    Parameters
    ----------
    directions : (q, r).

    Returns
    -------
    (m, r) one row a pair; left out are pairs that no direction changes by more than rounding, and cases of weight zero.
    """
    lift = problem.space.matrix[: problem.n_coef] @ directions
    rows = [np.zeros((0, directions.shape[1]))]
    for chunk in problem.design.chunks:
        place = chunk.placement
        offset = 0.0 if chunk.offset is None else chunk.offset
        moves = np.stack([chunk.utilities(beta) - offset for beta in lift.T], axis=-1)
        there = np.ones(place.rows.shape, dtype=bool) if place.available is None else place.available
        taken = np.arange(len(there))[:, None] == place.chosen if place.picked is None else place.picked
        left = there & ~taken & (problem.weights[place.cases] > 0)
        for y in range(len(there)):
            slots, lanes = np.nonzero(left & taken[y])
            rows.append(moves[y, lanes] - moves[slots, lanes])
    gains = np.concatenate(rows)
    size = np.abs(gains).max(axis=1, initial=0.0)
    return gains[size > NEGLIGIBLE * size.max(initial=0.0)]
