"""All fixed points of a group's map, with proof: interval bounds on boxes of shares, cut until each is settled.

On a box of the first d = J - 1 shares, bounds of P_ij follow from those of the utilities, and bounds of Phi and Phi'
from sums of them. With x the centre, A an interval matrix that holds all derivatives of F = id - Phi on the box, A_c
its midpoints and A_r its radii, Krawczyk's operator (Krawczyk 1969, Computing 4; Neumaier 1990, Interval Methods for
Systems of Equations, ch. 5) with Y = A_c^-1 is

    K = x - Y F(x) +- |Y| A_r r,     r the half widths of the box:

all fixed points of the box lie in K; there are none where K and the box are disjoint, and exactly one where K is inside
the box. Boxes that are settled neither way are cut to K and halved. Bounds are widened by some units of rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.relocation.social.group import Group

Floats = NDArray[np.float64]
ROUNDING = 1e-13
INFLATION = 0.02
NARROWEST = 1e-7
WORK = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Isolated:
    """What the cuts found.

    Attributes
    ----------
    points : (E, J) points near the fixed points, one for each box with exactly one.
    undecided : (U, J) centres of boxes too narrow to cut, near points where fixed points meet.
    finished : whether all boxes were settled, but for those undecided.
    boxes : how many were looked at.
    """

    points: Floats
    undecided: Floats
    finished: bool
    boxes: int


@dataclass(frozen=True, slots=True, eq=False)
class _Bounds:
    """Of B boxes: (B, d) of Phi, (B, d, d) of the derivative of id - Phi."""

    low: Floats
    high: Floats
    middle: Floats
    radius: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """What became of some boxes: points of settled ones, centres of undecided ones, boxes to look at next."""

    points: list[Floats]
    undecided: list[Floats]
    low: Floats
    high: Floats


def isolate(group: Group, max_boxes: int) -> Isolated:
    """Look at boxes until all are settled or ``max_boxes`` were looked at."""
    d = group.n_places - 1
    low, high = np.zeros((1, d)), np.ones((1, d))
    block = max(1, WORK // max(1, group.v.size * group.n_places))
    points: list[Floats] = []
    undecided: list[Floats] = []
    looked = 0
    while len(low):
        if looked + len(low) > max_boxes:
            return Isolated(_stack(points, d), _stack(undecided, d), False, looked)
        looked += len(low)
        steps = [_look(group, low[k : k + block], high[k : k + block]) for k in range(0, len(low), block)]
        for step in steps:
            points += step.points
            undecided += step.undecided
        low, high = np.concatenate([s.low for s in steps]), np.concatenate([s.high for s in steps])
    return Isolated(_stack(points, d), _stack(undecided, d), True, looked)


def _look(group: Group, low: Floats, high: Floats) -> _Step:
    """One look at B boxes of d shares."""
    d = low.shape[1]
    # a fixed point on the face of a box is inside the inflated one
    margin = INFLATION * (high - low) + 10 * ROUNDING
    wide_low, wide_high = low - margin, high + margin
    bounds = _bounds(group, wide_low, wide_high)
    centre, half = (wide_low + wide_high) / 2.0, (wide_high - wide_low) / 2.0
    inverse, regular = _inverses(bounds.middle)
    gap = centre - group.shares(_whole(centre))[:, :d]
    reach = np.einsum("bjk,bk->bj", np.abs(inverse) @ bounds.radius, half) + ROUNDING * (
        1.0 + np.abs(inverse).sum(axis=2)
    )
    newton = centre - np.einsum("bjk,bk->bj", inverse, gap)
    reach[~regular] = np.inf
    one = regular & (newton - reach > wide_low).all(axis=1) & (newton + reach < wide_high).all(axis=1)
    # the fixed points of the box itself are in all of these
    new_low = np.maximum(np.maximum(low, bounds.low), newton - reach)
    new_high = np.minimum(np.minimum(high, bounds.high), newton + reach)
    left = ~one & (new_low <= new_high).all(axis=1) & (new_low.sum(axis=1) <= 1.0 + ROUNDING)
    narrow = left & ((high - low).max(axis=1) < NARROWEST)
    points = list(_whole(newton[one]))
    undecided = list(_whole(centre[narrow]))
    go = left & ~narrow
    return _Step(points, undecided, *_cut(new_low[go], new_high[go], (high - low)[go]))


def _cut(low: Floats, high: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Halve the boxes along the widest side, but for those that have just lost half of it."""
    width = high - low
    widest = width.argmax(axis=1)
    rows = np.arange(len(low))
    shrunk = width[rows, widest] < 0.5 * before.max(axis=1) if len(low) else np.zeros(0, dtype=bool)
    keep_low, keep_high = low[shrunk], high[shrunk]
    low, high, widest = low[~shrunk], high[~shrunk], widest[~shrunk]
    rows = np.arange(len(low))
    middle = (low[rows, widest] + high[rows, widest]) / 2.0
    first_high, second_low = high.copy(), low.copy()
    first_high[rows, widest] = middle
    second_low[rows, widest] = middle
    return np.concatenate([keep_low, low, second_low]), np.concatenate([keep_high, first_high, high])


def _bounds(group: Group, low: Floats, high: Floats) -> _Bounds:
    d = low.shape[1]
    m_low = np.column_stack([low, 1.0 - high.sum(axis=1)])[:, None, :]
    m_high = np.column_stack([high, 1.0 - low.sum(axis=1)])[:, None, :]
    ends = group.s * m_low, group.s * m_high
    u_low, u_high = group.v + np.minimum(*ends), group.v + np.maximum(*ends)
    top = u_high.max(axis=2, keepdims=True)
    e_low, e_high = np.exp(u_low - top), np.exp(u_high - top)
    others_low = e_low.sum(axis=2, keepdims=True) - e_low
    others_high = e_high.sum(axis=2, keepdims=True) - e_high
    p_high = _ratio(e_high, np.maximum(others_low, 0.0), 1.0) + ROUNDING
    p_low = np.maximum(_ratio(e_low, np.maximum(others_high, 0.0), 0.0) - ROUNDING, 0.0)
    phi_low, phi_high = group.w @ p_low, group.w @ p_high
    middle, radius = _derivatives(group, p_low, np.minimum(p_high, 1.0))
    # in the first d shares, the last being one less their sum; derivatives of id - Phi
    reduced = np.eye(d) - (middle[:, :d, :d] - middle[:, :d, d:])
    return _Bounds(phi_low[:, :d], phi_high[:, :d], reduced, radius[:, :d, :d] + radius[:, :d, d:])


def _derivatives(group: Group, p_low: Floats, p_high: Floats) -> tuple[Floats, Floats]:
    """(B, J, J) midpoints and radii of Phi'."""
    b, _, j = p_low.shape
    middle, radius = np.empty((b, j, j)), np.empty((b, j, j))
    ends = p_low * (1.0 - p_low), p_high * (1.0 - p_high)
    own_low = np.minimum(*ends)
    own_high = np.where((p_low < 0.5) & (p_high > 0.5), 0.25, np.maximum(*ends))
    for k in range(j):
        for l in range(j):  # noqa: E741
            if k == l:
                least, most = own_low[..., k], own_high[..., k]
            else:
                least = -np.minimum(p_high[..., k] * p_high[..., l], 0.25)
                most = -p_low[..., k] * p_low[..., l]
            middle[:, k, l] = ((least + most) / 2.0) @ (group.w * group.s[:, l])
            radius[:, k, l] = ((most - least) / 2.0) @ (group.w * np.abs(group.s[:, l])) + ROUNDING
    return middle, radius


def _ratio(own: Floats, others: Floats, empty: float) -> Floats:
    """own / (own + others); both vanish where all exponentials underflow, and then nothing is known."""
    total = own + others
    return np.divide(own, total, out=np.full_like(total, empty), where=total > 0)


def _inverses(matrices: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(B, d, d) inverses and which exist."""
    regular = np.abs(np.linalg.det(matrices)) > 1e-10
    held = np.where(regular[:, None, None], matrices, np.eye(matrices.shape[1]))
    return np.linalg.inv(held), regular


def _whole(x: Floats) -> Floats:
    """(..., d) first shares -> (..., J) all of them."""
    return np.concatenate([x, 1.0 - x.sum(axis=-1, keepdims=True)], axis=-1)


def _stack(points: list[Floats], d: int) -> Floats:
    return np.array(points) if points else np.empty((0, d + 1))
