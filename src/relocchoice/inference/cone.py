"""The cone of directions in which a log-likelihood rises for ever, found without building all rows of the data.

A few rows are looked at first. If they already balance, there is no such direction, whatever the other rows are. If
not, the direction that separates them is tried on all pairs of the data; pairs that lose along it join the rows, until
none does. Pairs that gain are separated and leave; what is left is looked at in the same way until no direction is left
but those that change none of the remaining pairs. So the result is exact, and data that overlap cost a few rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.pairs import Pairs
from relocchoice.inference.recession import Signs, balanced, distinct, separating_direction
from relocchoice.spec.chunk import Chunk

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TIE = 1e-9
RANK = 1e-9
FEW_PAIRS = 4000
MOST_CHUNKS = 8
OF_EACH = 2
OTHERS = 8
MOST_ROUNDS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Cone:
    """What was found.

    Attributes
    ----------
    left : the pairs that are not separated.
    null : (q, r) basis of the directions that change none of them, r = 0 where nothing is separated.
    separated : whether any pair is.
    rows : rows of the largest linear system looked at; passes : over all pairs of the data.
    """

    left: Pairs
    null: Floats
    separated: bool
    rows: int
    passes: int


@dataclass(slots=True)
class _Count:
    rows: int = 0
    passes: int = 0


def recession_cone(pairs: Pairs, signs: Signs) -> Cone:
    """All separated pairs, and the directions that change none of the others.

    Parameters
    ----------
    pairs : with q directions whose columns are of about unit size; signs : (q,) which way each may go.
    """
    count, left, separated = _Count(), pairs, False
    rows = _sample(pairs)
    for _ in range(MOST_ROUNDS):
        count.rows = max(count.rows, len(rows))
        direction = _direction(rows, signs)
        if direction is not None:
            count.passes += 1
            losing, gaining = _along(left, direction)
            more = _joined(rows, losing)
            if len(more) > len(rows):
                rows = more
                continue
            stays = rows @ direction <= TIE
            if not stays.all() or any(gone is not None for gone in gaining):
                separated = separated or any(gone is not None for gone in gaining)
                left, rows = left.without(tuple(gaining)), rows[stays]
                continue
        null = _null(rows)
        if null.shape[1] == 0:
            return Cone(left, null, separated, count.rows, count.passes)
        count.passes += null.shape[1]
        more = _joined(rows, _moved(left, null))
        if len(more) == len(rows):
            return Cone(left, null, separated, count.rows, count.passes)
        rows = more
    raise ArithmeticError(f"no end to the search for separation after {MOST_ROUNDS} rounds")


def _direction(rows: Floats, signs: Signs) -> Floats | None:
    """A direction of largest entry one along which some of the rows gain and none loses, None when there is none."""
    if not rows.size:
        return None
    direction = _by_single_variables(rows, signs)
    if direction.any():
        return direction
    if balanced(rows / np.abs(rows).max(axis=1, keepdims=True)):
        return None
    direction, gains = separating_direction(rows, signs)
    return direction / np.abs(direction).max() if gains.any() else None


def _by_single_variables(rows: Floats, signs: Signs) -> Floats:
    """(q,) the sum of the variables' own directions, up or down, along which no row loses and some gains.

    Constants of alternatives that nobody chose are such, and a linear programme over many of them is slow.
    """
    least, most = rows.min(axis=0), rows.max(axis=0)
    up = (least >= 0.0) & (most > TIE) & (signs.upper > 0.0)
    down = (most <= 0.0) & (least < -TIE) & (signs.lower < 0.0)
    direction: Floats = up.astype(float) - down
    return direction


def _sampled(pairs: Pairs) -> bool:
    """Whether there are too many pairs to look at all of them at once."""
    return sum(chunk.placement.rows.size for chunk in pairs.chunks) > FEW_PAIRS


def _sample(pairs: Pairs) -> Floats:
    """(m, q) rows to begin with: all of a small problem, else of cases spread evenly over some of the chunks.

    Of cases with many alternatives a few pairs each: many cases overlap sooner than many pairs of few cases do.
    """
    some = _sampled(pairs)
    wanted = 100 + 16 * pairs.lift.shape[1] if some else FEW_PAIRS
    which = range(len(pairs.chunks))
    if some and len(which) > MOST_CHUNKS:
        which = range(0, len(which), -(-len(which) // MOST_CHUNKS))
    parts = [np.empty((0, pairs.lift.shape[1]))]
    if some:
        parts += _of_every_choice(pairs)
    for position in which:
        where = pairs.where(position) & _thinned(pairs.chunks[position]) if some else pairs.where(position)
        parts.append(_spread(pairs, position, where, -(-wanted // len(which))))
    return _distinct(np.concatenate(parts))


def _thinned(chunk: Chunk) -> Bools:
    """(S, n) about OTHERS of each case's slots, other ones for each case; all where there are not many more."""
    slots, lanes = chunk.placement.rows.shape
    apart = max(1, slots // OTHERS)
    thinned: Bools = (np.arange(slots)[:, None] + np.arange(lanes)) % apart == 0
    return thinned


def _of_every_choice(pairs: Pairs) -> list[Floats]:
    """Rows of a case or two that chose each alternative: without them those rarely chosen would look separated."""
    universe = 1 + max(int(chunk.placement.alternative.max()) for chunk in pairs.chunks)
    seen: dict[int, int] = {}
    parts = []
    for position, chunk in enumerate(pairs.chunks):
        if len(seen) == universe and min(seen.values()) >= OF_EACH:
            break
        place = chunk.placement
        slots, lanes = np.unique(place.chosen, return_index=True)
        codes = place.alternative[slots] if place.alternative.ndim == 1 else place.alternative[slots, lanes]
        new = [k for k, code in enumerate(codes) if seen.get(int(code), 0) < OF_EACH]
        if not new:
            continue
        for k in new:
            seen[int(codes[k])] = seen.get(int(codes[k]), 0) + 1
        some = pairs.where(position)[:, lanes[new]]
        some &= np.cumsum(some, axis=0) <= OTHERS
        others, index = np.nonzero(some)
        parts.append(pairs.rows(position, others, lanes[new][index]))
    return parts


def _spread(pairs: Pairs, position: int, some: Bools, most: int) -> Floats:
    """(m, q) rows of at most about ``most`` of the pairs marked in a chunk, whole cases evenly spread over it."""
    marked = some.sum(axis=0)
    lanes = np.flatnonzero(marked)
    total = int(marked.sum())
    if total > most:
        lanes = lanes[np.unique(np.linspace(0, len(lanes) - 1, max(1, most * len(lanes) // total)).astype(np.intp))]
    slots, index = np.nonzero(some[:, lanes])
    return pairs.rows(position, slots, lanes[index])


def _along(pairs: Pairs, direction: Floats) -> tuple[list[Floats], list[Bools | None]]:
    """Rows of the pairs that lose most along a direction, and for each chunk the pairs that gain (None: none does)."""
    losing: list[Floats] = []
    gaining: list[Bools | None] = []
    most = max(40, 10 * len(direction))
    for position, gains, where in pairs.gains(direction):
        wrong = where & (gains < -TIE)
        if wrong.any() and len(losing) < MOST_CHUNKS:
            values = np.sort(gains[wrong])
            worst = wrong & (gains <= values[min(most, len(values)) // 2])
            losing += [_spread(pairs, position, worst, most), _spread(pairs, position, wrong, most)]
        gain = where & (gains > TIE)
        gaining.append(gain if gain.any() else None)
    return losing, gaining


def _moved(pairs: Pairs, null: Floats) -> list[Floats]:
    """Rows of pairs that move along some of the directions; none where no pair moves."""
    out: list[Floats] = []
    for direction in null.T:
        found = 0
        for position, gains, where in pairs.gains(direction):
            moved = where & (np.abs(gains) > TIE)
            if moved.any():
                out.append(_spread(pairs, position, moved, 40))
                found += 1
            if found == 4:
                break
    return out


def _joined(rows: Floats, more: list[Floats]) -> Floats:
    return _distinct(np.concatenate([rows, *more])) if more else rows


def _distinct(rows: Floats) -> Floats:
    """Rows that are not zero, one of each direction."""
    norms = np.abs(rows).max(axis=1, initial=0.0)
    rows = rows[norms > TIE]
    return rows[distinct(rows)] if len(rows) else rows


def _null(rows: Floats) -> Floats:
    """(q, r) basis of the directions that change no row, with as many zeros as elimination gives, largest entry one."""
    q = rows.shape[1]
    if not len(rows):
        return np.eye(q)
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    gram = np.linalg.eigvalsh(rows.T @ rows)
    if gram[0] > 1e-8 * gram[-1]:
        return np.empty((q, 0))
    # the triangle first: many rows, few columns
    triangle = np.linalg.qr(rows, mode="r")
    _, size, right = np.linalg.svd(triangle, full_matrices=True)
    rank = int((size > RANK * size[0]).sum())
    return sparse_basis(right[rank:].T)


def sparse_basis(null: Floats) -> Floats:
    """A basis of the same space with as many zeros as elimination gives, so that each vector names few columns."""
    basis = null.T.copy()
    row = 0
    for column in range(basis.shape[1]):
        if row == len(basis):
            break
        pivot = row + int(np.abs(basis[row:, column]).argmax())
        if abs(basis[pivot, column]) < 1e-8:
            continue
        basis[[row, pivot]] = basis[[pivot, row]]
        basis[row] /= basis[row, column]
        others = np.arange(len(basis)) != row
        basis[others] -= np.outer(basis[others, column], basis[row])
        row += 1
    size = np.abs(basis).max(axis=1, keepdims=True, initial=0.0)
    basis[np.abs(basis) < 1e-11 * size] = 0.0
    return (basis / np.where(size > 0, size, 1.0)).T
