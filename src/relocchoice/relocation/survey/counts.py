"""How many events of each kind a survey with exact margins has: whole numbers that meet Tables 4, 5 and 6 together.

A manufacturing relocation names one place or two. Table 5 counts relocations out of the province, Table 6 the
destinations: 31 and 37 hold together when six relocations name two places outside Zhejiang, and that is the reading
taken here. How many relocations name two places inside is the nearest feasible number to what the shares would give if
places were named one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.survey.cells import IN_SITE, MANUFACTURING, Cells, Counts, Floats, cells
from relocchoice.relocation.survey.firms import block, rounded

NONE = -1


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kind of event.

    Attributes
    ----------
    period : its position.
    cell : form and place (the first of two).
    second : position of the second place, -1 for none.
    outside : whether a place lies outside Zhejiang.
    count : how many events are of the kind.
    """

    period: int
    cell: int
    second: int
    outside: bool
    count: int


def outcomes(n_firms: int) -> list[Outcome]:
    """All kinds of events of a survey of so many firms, with their counts; at the published number the published ones.

    At another number the counts of Table 4 are in proportion, rounded by largest remainders; so are the destinations
    within each period and form.
    """
    space = cells()
    surveyed = int(block("assets")[1].sum())
    total = round(int(space.events.sum()) * n_firms / surveyed)
    events = rounded(space.events.ravel(), total).reshape(space.events.shape)
    doubly = _doubly_outside(events)
    found: list[Outcome] = []
    for period, by_form in enumerate(events):
        for form, count in enumerate(by_form):
            own = space.of(form)
            if form == MANUFACTURING:
                found += _manufacturing(space, period, int(count), int(doubly[period]))
            elif count:
                places = rounded(space.named[period, own], int(count))
                found += [_single(space, period, int(cell), int(k)) for cell, k in zip(own, places, strict=True)]
    return [one for one in found if one.count]


def _single(space: Cells, period: int, cell: int, count: int) -> Outcome:
    outside = bool(space.form[cell] != IN_SITE and space.beyond[space.place[cell]])
    return Outcome(period, cell, NONE, outside, count)


def _doubly_outside(events: Counts) -> Counts:
    """(T,) manufacturing relocations with two places outside Zhejiang: Table 6's destinations less Table 5's events."""
    space = cells()
    beyond = space.named[:, space.beyond[space.place]].sum(axis=1)
    published = int(beyond.sum() - seed_table(5)["count"].sum())
    total = round(published * events.sum() / space.events.sum())
    return rounded(beyond, total)


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """Manufacturing destinations of one period on one side of Zhejiang's border: cells and how often each is named."""

    cells: NDArray[np.intp]
    counts: Counts

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def most_pairs(self) -> int:
        """How many pairs of different places can be made of them."""
        return min(self.total // 2, self.total - int(self.counts.max(initial=0)))


def _manufacturing(space: Cells, period: int, count: int, doubly: int) -> list[Outcome]:
    if not count:
        return []
    own = space.of(MANUFACTURING)
    extra = round(count * space.extras(period) / space.events[period, MANUFACTURING])
    named = rounded(space.named[period, own], count + extra)
    beyond = space.beyond[space.place[own]]
    inner, outer = _Named(own[~beyond], named[~beyond]), _Named(own[beyond], named[beyond])
    both_out, both_in = _pairs(inner, outer, extra, doubly, _both_inside(named, beyond))
    mixed = extra - both_out - both_in
    parts = {
        side: _split(side_named, pairs, mixed)
        for side, side_named, pairs in (("in", inner, both_in), ("out", outer, both_out))
    }
    found = [
        _single(space, period, int(cell), int(k))
        for side, cells_here in (("in", inner.cells), ("out", outer.cells))
        for cell, k in zip(cells_here, parts[side].alone, strict=True)
    ]
    found += _couples(space, period, _crossed(inner.cells, parts["in"].mixed, outer.cells, parts["out"].mixed))
    found += _couples(space, period, _coupled(inner.cells, parts["in"].paired))
    return found + _couples(space, period, _coupled(outer.cells, parts["out"].paired))


def _both_inside(named: Counts, beyond: NDArray[np.bool_]) -> float:
    """Probability that two places named one after the other, by the shares, both lie inside."""
    share = named / named.sum()
    inside = share[~beyond]
    others = inside.sum() - inside
    return float((inside * others / np.maximum(1 - inside, 1e-12)).sum())


def _pairs(inner: _Named, outer: _Named, extra: int, doubly: int, chance: float) -> tuple[int, int]:
    """Numbers of relocations with two places outside and with two inside, the feasible ones nearest to what is wanted.

    With m = extra - a - b mixed ones, the singles inside and outside, I - 2 a - m and O - 2 b - m, are not negative.
    """
    low = max(0, extra - inner.total)
    high = min(extra, outer.most_pairs, inner.most_pairs - extra + outer.total)
    b = int(np.clip(doubly, low, max(low, high)))
    least = max(0, b + extra - outer.total)
    most = min(inner.total - extra + b, extra - b, inner.most_pairs)
    a = int(np.clip(round(extra * chance), least, max(least, most)))
    return b, a


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """(k,) how often each place is named as one of a pair on its side, beside one of the other side, and alone."""

    paired: Counts
    mixed: Counts
    alone: Counts


def _split(named: _Named, pairs: int, mixed: int) -> _Split:
    paired = _capped(named.counts, 2 * pairs, np.minimum(named.counts, pairs))
    left = named.counts - paired
    beside = _capped(left, mixed, left)
    return _Split(paired, beside, left - beside)


def _capped(shares: Counts, total: int, caps: Counts) -> Counts:
    """Whole numbers near proportion to ``shares`` that sum to ``total``, none above its cap."""
    out = np.zeros_like(shares)
    while out.sum() < total:
        room = caps - out
        if not room.any():
            raise RuntimeError(f"{total} places cannot be drawn from {int(caps.sum())}")
        want = np.where(room > 0, np.maximum(shares, 1), 0)
        out = out + np.minimum(rounded(want, int(total - out.sum())), room)
    return out


def _coupled(own: NDArray[np.intp], counts: Counts) -> dict[tuple[int, int], int]:
    """Pairs of different places: of the sorted list of 2 K, the i-th with the (K + i)-th; no place is in it above K."""
    stubs = np.repeat(own, counts)
    half = len(stubs) // 2
    return _tally(stubs[:half], stubs[half:])


def _crossed(
    inner: NDArray[np.intp], inner_counts: Counts, outer: NDArray[np.intp], outer_counts: Counts
) -> dict[tuple[int, int], int]:
    """Pairs across the border, each place's partners spread over the other side."""
    one, other = np.repeat(inner, inner_counts), np.repeat(outer, outer_counts)
    # golden-ratio order spreads the partners without a draw, so that the counts are the same for every seed
    order = np.argsort((np.arange(len(other)) * 0.6180339887498949) % 1.0, kind="stable")
    return _tally(one, other[order])


def _tally(one: NDArray[np.intp], other: NDArray[np.intp]) -> dict[tuple[int, int], int]:
    pairs, counts = np.unique(np.column_stack([one, other]), axis=0, return_counts=True)
    return {(int(a), int(b)): int(k) for (a, b), k in zip(pairs, counts, strict=True)}


def _couples(space: Cells, period: int, pairs: dict[tuple[int, int], int]) -> list[Outcome]:
    return [
        Outcome(period, a, int(space.place[b]), bool(space.beyond[space.place[[a, b]]].any()), k)
        for (a, b), k in pairs.items()
    ]


def spread_over_classes(asked: list[Outcome], odds: Floats, rng: np.random.Generator) -> Counts:
    """(K, 3) events outside Zhejiang by outcome and class of assets: rows as asked, columns as in Table 5.

    The model's expectations are fitted to both margins and rounded to whole numbers with the same margins, each cell to
    one of its two neighbours; which one is drawn. Rows of outcomes inside Zhejiang are zero.

    Parameters
    ----------
    asked : K outcomes.
    odds : (K, 3) the model's expectations, up to a factor a row.
    """
    out = np.zeros((len(asked), 3), dtype=np.int64)
    rows = np.array([one.outside for one in asked])
    if not rows.any():
        return out
    counts = np.array([one.count for one in asked])[rows]
    share = np.where(odds[rows].sum(axis=0) > 0, seed_table(5)["count"].to_numpy(np.float64), 0.0)
    columns = rounded(share, int(counts.sum()))
    out[rows] = _rounded_table(_fitted(odds[rows], counts, columns), counts, columns, rng)
    return out


def _fitted(seed: Floats, rows: Counts, columns: Counts) -> Floats:
    """Iterative proportional fitting to both margins; ends on the rows, so that these are met to rounding."""
    table = seed.copy()
    for _ in range(200):
        sums = table.sum(axis=0)
        table = table * np.divide(columns, sums, out=np.zeros(len(sums)), where=sums > 0)
        sums = table.sum(axis=1, keepdims=True)
        table = table * np.divide(rows[:, None], sums, out=np.zeros(sums.shape), where=sums > 0)
    return table


def _rounded_table(table: Floats, rows: Counts, columns: Counts, rng: np.random.Generator) -> Counts:
    """Controlled rounding by a linear programme, whose corners are whole because it is a transport problem."""
    n, k = table.shape
    low = np.floor(table + 1e-6)
    fraction = np.clip(table - low, 0.0, 1.0)
    cost = (rng.random(table.shape) - fraction).ravel()
    cell = np.arange(n * k)
    sums: Any = csr_array((np.ones(2 * n * k), (np.concatenate([cell // k, n + cell % k]), np.tile(cell, 2))))
    right: Any = np.concatenate([rows - low.sum(axis=1), columns - low.sum(axis=0)])
    found = linprog(cost, A_eq=sums, b_eq=right, bounds=(0, 1), method="highs")
    if not found.success:
        raise RuntimeError(f"the events outside Zhejiang cannot be spread over the classes of assets: {found.message}")
    return (low + np.round(np.asarray(found.x, dtype=float)).reshape(n, k)).astype(np.int64)
