"""Which way do estimates run to infinity? By linear programming on the directions in which the likelihood keeps rising.

At a fit that ends on a ridge, the flat directions N are known, and so are the pairs (case, alternative) whose
probability has vanished. The likelihood rises for ever along d = N c exactly when the chosen alternative gains on
every vanished one, (x_y - x_j)' d >= 0 (Albert & Anderson 1984). A parameter runs to plus infinity when d_k > 0 is
possible in that cone and d_k < 0 is not; when both are, not even the sign of its limit is determined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SMALL = 1e-7


def recession_signs(gains: Floats, moves: Floats) -> NDArray[np.intp]:
    """(p,) +1 or -1 for parameters that run to plus or minus infinity, 0 for those whose limit has no determined sign.

    Parameters
    ----------
    gains : (m, r) utility of the chosen alternative less that of the vanished one along each of r flat directions.
    moves : (p, r) movement of each parameter along the directions, in units of the parameter's own scale.
    """
    scale = np.abs(gains).max(axis=1, keepdims=True)
    rows = np.unique(np.round(gains / np.where(scale > 0, scale, 1.0), 9), axis=0)
    box = np.concatenate([-rows, moves, -moves])
    limits = np.concatenate([np.full(len(rows), SMALL**1.5), np.ones(2 * len(moves))])
    signs = np.zeros(len(moves), dtype=np.intp)
    for k, move in enumerate(moves):
        up, down = _reach(move, box, limits), _reach(-move, box, limits)
        signs[k] = int(up > SMALL) - int(down > SMALL)
    return signs


def _reach(objective: Floats, rows: Floats, limits: Floats) -> float:
    """The largest value of objective'c with rows c <= limits."""
    from scipy.optimize import linprog  # slow to import, and only separated data need it

    solved = linprog(-objective, A_ub=rows, b_ub=limits, bounds=(None, None), method="highs")
    return -float(solved.fun) if solved.status == 0 and solved.fun is not None else 0.0
