"""Which way do estimates run to infinity? By linear programming on the directions in which the likelihood keeps rising.

A row holds what the chosen alternative gains over another one along each variable. The likelihood rises for ever along
d exactly when no row loses and some row gains, g_r'd >= 0 (Albert & Anderson 1984). There is no such direction when
positive weights y solve sum_r y_r g_r = 0 (Stiemke 1915), which a few steps of Newton's method find much sooner than a
linear programme does. All rows that can gain do so along one direction: the one that maximises
sum_r s_r with s_r <= g_r'd and 0 <= s_r <= 1.

A parameter runs to plus infinity when it can move up in that cone and not down; when it can do both, or when it can
stay where it is while every separated row gains, the sign of its limit is not determined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SMALL = 1e-7
BATCH = 400
MANY = 20_000
FAR = 30.0
_OPTIONS: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """Which way variables may go: lower, upper (k,) are 0 where the variable may not fall or rise, else infinite."""

    lower: Floats
    upper: Floats

    @classmethod
    def free(cls, k: int) -> Signs:
        return cls(np.full(k, -np.inf), np.full(k, np.inf))

    @property
    def any_bound(self) -> bool:
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())


def balanced(rows: Floats) -> bool:
    """Whether positive weights bring the rows (m, k) to zero: then no direction makes one gain and none lose.

    Yes is a proof, no is not. The weights are those of a logistic regression in which every row is a success,
    corrected so that they balance to rounding.
    """
    d = np.zeros(rows.shape[1])
    for _ in range(30):
        y = 1.0 / (1.0 + np.exp(np.clip(rows @ d, -500.0, 500.0)))
        pull = rows.T @ y
        information = rows.T @ (rows * (y * (1.0 - y))[:, None])
        information[np.diag_indices_from(information)] += 1e-12 * max(float(np.trace(information)), 1e-300)
        step = np.linalg.solve(information, pull)
        if float(pull @ step) < 1e-8:
            return _balance(rows, y)
        d = d + step * min(1.0, 20.0 / max(float(np.abs(rows @ step).max()), 1e-300))
        if np.abs(rows @ d).max() > FAR:  # weights of e^-30 prove nothing any more
            return False
    return False


def _balance(rows: Floats, y: Floats) -> bool:
    """Whether the least relative change of y > 0 that balances the rows leaves all weights well above zero."""
    scaled = rows * y[:, None]
    relative = scaled @ np.linalg.lstsq(scaled.T @ scaled, rows.T @ y, rcond=None)[0]
    weights = y * (1.0 - relative)
    rest = float(np.abs(rows.T @ weights).max(initial=0.0))
    # a direction of size one could still gain rest / min(weights) somewhere
    return bool(np.abs(relative).max(initial=0.0) < 0.5 and rest < 1e-9 * weights.min(initial=1.0))


def separating_direction(rows: Floats, signs: Signs) -> tuple[Floats, Bools]:
    """(k,) a direction along which no row loses and all rows gain that can, and (m,) which do; zeros when none can."""
    from scipy.sparse import csc_array, eye_array, hstack

    m, k = rows.shape
    matrix = hstack([csc_array(-_unit(rows)), eye_array(m)], format="csc")
    lower, upper = np.r_[signs.lower, np.zeros(m)], np.r_[signs.upper, np.ones(m)]
    solved = _solve(np.r_[np.zeros(k), -np.ones(m)], matrix, np.zeros(m), lower, upper)
    if solved is None:
        raise ArithmeticError("the linear programme that looks for separation has no solution")
    gains = solved[k:] > 0.5
    d = solved[:k] if gains.any() else np.zeros(k)
    return d, gains


def interior_direction(gains: Floats, signs_of: Floats, signs: Signs) -> Floats:
    """(r,) the combination of r directions along which the least gain is largest, in the box |moves| <= 1.

    Parameters
    ----------
    gains : (m, r) rows that can all gain at once.
    signs_of : (q, r) the variables' movements along the directions; signs : (q,) of the variables.
    """
    m, r = gains.shape
    unit = _unit(gains)
    used = _first(m)
    box, limits = _box(signs_of, signs)
    while True:
        rows = np.concatenate([np.c_[-unit[used], np.ones(used.sum())], np.c_[box, np.zeros(len(box))]])
        right = np.concatenate([np.zeros(used.sum()), limits])
        free = np.full(r + 1, np.inf)
        solved = _solve(np.r_[np.zeros(r), -1.0], rows, right, -free, free)
        if solved is None:
            raise ArithmeticError("the linear programme that looks for an interior direction has no solution")
        along = unit @ solved[:r]
        short = (along < 0.1 * solved[r]) & ~used
        if not short.any():
            return solved[:r]
        used |= _worst(along, short)


def recession_signs(
    gains: Floats,
    moves: Floats,
    signs_of: Floats | None = None,
    signs: Signs | None = None,
    inside: Floats | None = None,
) -> NDArray[np.intp]:
    """(p,) +1 or -1 for parameters that run to plus or minus infinity, 0 for those whose limit has no determined sign.

    Parameters
    ----------
    gains : (m, r) utility of the chosen alternative less that of the vanished one along each of r flat directions.
    moves : (p, r) movement of each parameter along the directions, in units of the parameter's own scale.
    signs_of : (q, r) movements of the variables along the directions; signs : which way they may go. None: any.
    inside : (r,) a combination along which all rows gain, where one is known; it spares programmes.
    """
    rows = _unit(gains[distinct(gains)])
    sizes = np.linalg.norm(moves, axis=1, keepdims=True)
    unit = moves / np.where(sizes > 0, sizes, 1.0)
    limited = signs is not None and signs_of is not None and signs.any_bound
    box, limits = _box(np.eye(moves.shape[1]), Signs.free(moves.shape[1]))
    if limited:
        assert signs is not None
        assert signs_of is not None
        box, limits = _box(signs_of, signs)
    used = _first(len(rows))
    out = np.zeros(len(moves), dtype=np.intp)
    for k, move in enumerate(unit):
        known = 0.0 if inside is None else float(move @ inside) / float(np.abs(inside).max())
        up = known > SMALL or _reach(move, rows, used, box, limits) > SMALL
        down = known < -SMALL or _reach(-move, rows, used, box, limits) > SMALL
        out[k] = int(up) - int(down)
        if limited and out[k]:
            out[k] *= _stays_away(out[k] * move, rows, box, limits)
    return out


def distinct(rows: Floats) -> NDArray[np.intp]:
    """Positions of rows that are no positive multiples of earlier ones; of very many the repetitions are left in."""
    if len(rows) > MANY:
        return np.arange(len(rows))
    rounded = np.ascontiguousarray(np.round(_unit(rows), 12) + 0.0)  # no minus zeros: bytes are compared
    keys = rounded.view(np.dtype((np.void, rounded.dtype.itemsize * rounded.shape[1]))).ravel()
    _, first = np.unique(keys, return_index=True)
    return np.sort(first)


def _unit(rows: Floats) -> Floats:
    """Rows of largest entry one."""
    norms = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    return rows / np.where(norms > 0, norms, 1.0)


def _stays_away(move: Floats, rows: Floats, box: Floats, limits: Floats) -> bool:
    """Whether the movement is positive along every direction on which all rows gain."""
    still = _solve(
        move,
        np.concatenate([-rows, box[limits == 0.0]]),
        np.concatenate([-np.ones(len(rows)), np.zeros(int((limits == 0.0).sum()))]),
        np.full(len(move), -np.inf),
        np.full(len(move), np.inf),
    )
    return still is not None and float(move @ still) > SMALL


def _reach(objective: Floats, rows: Floats, used: Bools, box: Floats, limits: Floats) -> float:
    """The largest value of objective'c with rows c >= 0 inside the box; marks the rows it needed in ``used``."""
    if _implied(-objective, rows[used]):
        return 0.0
    free = np.full(rows.shape[1], np.inf)
    while True:
        matrix = np.concatenate([-rows[used], box])
        solved = _solve(-objective, matrix, np.concatenate([np.zeros(used.sum()), limits]), -free, free)
        if solved is None:
            return 0.0
        along = rows @ solved
        wrong = (along < -1e-9) & ~used
        if not wrong.any() or float(objective @ solved) <= SMALL:
            return float(objective @ solved)
        used |= _worst(along, wrong)


def _implied(move: Floats, rows: Floats) -> bool:
    """Whether a row is a positive multiple of the movement, which then cannot be negative."""
    return bool((np.abs(rows - move / np.abs(move).max()).max(axis=1, initial=0.0) < 1e-12).any())


def _box(signs_of: Floats, signs: Signs) -> tuple[Floats, Floats]:
    """Rows and right sides of |moves| <= 1, and of the signs that moves must keep."""
    rise, fall = signs.upper == 0.0, signs.lower == 0.0
    rows = np.concatenate([signs_of, -signs_of, signs_of[rise], -signs_of[fall]])
    limits = np.concatenate([np.ones(2 * len(signs_of)), np.zeros(int(rise.sum() + fall.sum()))])
    keep = np.abs(rows).max(axis=1, initial=0.0) > 0
    return rows[keep], limits[keep]


def _first(m: int) -> Bools:
    """(m,) some rows to begin with, evenly spread."""
    used = np.zeros(m, dtype=bool)
    used[np.unique(np.linspace(0, m - 1, min(m, BATCH)).astype(np.intp))] = True
    return used


def _worst(along: Floats, wrong: Bools) -> Bools:
    """(m,) the rows that fall short most."""
    where = np.flatnonzero(wrong)
    out = np.zeros(len(along), dtype=bool)
    out[where[np.argsort(along[where], kind="stable")[:BATCH]]] = True
    return out


def _solve(objective: Floats, matrix: Any, right: Floats, lower: Floats, upper: Floats) -> Floats | None:
    """Minimise objective'x with matrix x <= right, lower <= x <= upper; None without a finite solution."""
    from scipy.optimize import linprog  # slow to import, and data that overlap do without

    limits: Any = np.c_[lower, upper]
    options: Any
    for options in (_OPTIONS, None):
        solved = linprog(objective, A_ub=matrix, b_ub=right, bounds=limits, method="highs", options=options)
        if solved.status == 0:
            return np.asarray(solved.x)
    return None
