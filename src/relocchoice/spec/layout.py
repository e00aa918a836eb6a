"""Where each case lies: cases that share a choice set stand side by side, in chunks small enough for the cache.

Three ways of placing alternatives into slots, chosen by what the data are like:

* cases with exactly the same choice set: a full rectangle, no mask;
* the odd rest, or data with many different sets that fill most of the universe: one slot an alternative, with a mask;
* small sets out of a large universe (sampled alternatives) in models without label-specific coefficients: slots hold
  whatever alternative the case has; cases of one size stand together, so that nothing or little is padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Some cases placed into S slots.

    Attributes
    ----------
    cases : (n,) positions in the data.
    alternative : (S,) alternative of each slot when all cases agree, else (S, n).
    rows : (S, n) row of the data in each slot; where unavailable, some row of the same case.
    available : (S, n), or None when every slot is.
    chosen : (n,) slot of the chosen alternative; 0 for data without choices.
    picked : (S, n) slots of the alternatives taken where some case took several (then ``chosen`` is one of them), else
        None.
    """

    cases: Ints
    alternative: Ints
    rows: Ints
    available: NDArray[np.bool_] | None
    chosen: Ints
    picked: NDArray[np.bool_] | None = None

    @property
    def slot_alternative(self) -> Ints:
        """(S,) an alternative that stands for each slot (the same one for all cases, or one of the same group)."""
        if self.alternative.ndim == 1:
            return self.alternative
        if self.available is None:
            return self.alternative[:, 0]
        return self.alternative[np.arange(len(self.alternative)), self.available.argmax(axis=1)]

    def part(self, start: int, stop: int) -> Placement:
        """The cases start:stop of this placement, in the slots that they use."""
        cases, rows, chosen = self.cases[start:stop], self.rows[:, start:stop], self.chosen[start:stop]
        alternative = self.alternative if self.alternative.ndim == 1 else self.alternative[:, start:stop]
        picked = None if self.picked is None else self.picked[:, start:stop]
        if picked is not None and not (picked.sum(axis=0) > 1).any():
            picked = None
        if self.available is None:
            return Placement(cases, alternative, rows, None, chosen, picked)
        available = self.available[:, start:stop]
        used = available.any(axis=1)
        left = available[used]
        slot = np.cumsum(used) - 1
        taken = None if picked is None else picked[used]
        return Placement(cases, alternative[used], rows[used], None if left.all() else left, slot[chosen], taken)


SMALLEST_GROUP = 64


def placements(data: ChoiceData, order: Ints, group: Ints, labelled: bool, width: int) -> Iterator[Placement]:
    """Place every case once, in chunks of about ``width / S`` cases.

    Parameters
    ----------
    order : (J,) alternatives in slot order; group : (J,) which alternatives may share a slot.
    labelled : whether some coefficients belong to single alternatives (then slots must hold one alternative each).
    width : slots x cases of a chunk.
    """
    sizes = np.diff(data.offsets)
    filled = data.n_rows / max(1, data.n_cases * data.n_alternatives)
    if labelled or filled > 0.5:
        whole = _by_choice_set(data, sizes, order)
    else:
        whole = _by_size(data, sizes, order, group, width)
    for placement in whole:
        step = _lanes(width // max(1, len(placement.rows)))
        for start in range(0, len(placement.cases), step):
            yield placement.part(start, min(start + step, len(placement.cases)))


def _lanes(cases: int) -> int:
    """About so many cases: an odd multiple of sixteen.

    Sixteen are computed side by side; steps between columns of a power of two bytes would all fall on the same lines
    of the cache.
    """
    return 16 * max(1, (cases // 16 - 1) | 1)


def _by_choice_set(data: ChoiceData, sizes: Ints, order: Ints) -> Iterator[Placement]:
    rest = []
    for cases in _same_sets(data, sizes):
        if len(cases) < SMALLEST_GROUP and len(cases) < data.n_cases:
            rest.append(cases)
        else:
            yield _rectangle(data, cases, int(sizes[cases[0]]), order)
    if len(rest) == 1:
        yield _rectangle(data, rest[0], int(sizes[rest[0][0]]), order)
    elif rest:
        yield _masked(data, np.sort(np.concatenate(rest)), order)


def _same_sets(data: ChoiceData, sizes: Ints) -> list[Ints]:
    """Positions of the cases of each distinct choice set, most common set first."""
    if np.all(sizes == data.n_alternatives):
        return [np.arange(data.n_cases)]
    member = np.zeros((data.n_cases, data.n_alternatives), dtype=bool)
    member[data.row_case(), data.row_alternative] = True
    code = set_codes(member)
    by_code = np.argsort(code, kind="stable")
    groups = np.split(by_code, np.cumsum(np.bincount(code))[:-1])
    return sorted(groups, key=lambda cases: (-len(cases), cases[0]))


def set_codes(member: NDArray[np.bool_]) -> Ints:
    """(n, J) which alternatives each case has -> (n,) number of its choice set, counted from zero."""
    packed = np.packbits(member, axis=1)
    if packed.shape[1] <= 8:
        wide = np.zeros((len(packed), 8), dtype=np.uint8)
        wide[:, : packed.shape[1]] = packed
        return pd.factorize(wide.view(np.uint64).ravel())[0].astype(np.intp, copy=False)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    code: Ints = np.unique(keys, return_inverse=True)[1]
    return code


def _rectangle(data: ChoiceData, cases: Ints, size: int, order: Ints) -> Placement:
    start = data.offsets[cases[0]]
    codes = data.row_alternative[start : start + size]
    to_slot = np.argsort(_rank(order)[codes])
    rows = data.offsets[cases] + to_slot[:, None]
    alternative = codes[to_slot]
    chosen = (
        np.zeros(len(cases), dtype=np.intp) if data.chosen is None else _slot_of(alternative, order)[data.chosen[cases]]
    )
    return Placement(cases, alternative, rows, None, chosen, _picked(data, rows, None))


def _picked(data: ChoiceData, rows: Ints, available: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """(S, n) slots of the alternatives taken; None for data whose cases take one."""
    if data.picked is None:
        return None
    return data.picked[rows] if available is None else data.picked[rows] & available


def _masked(data: ChoiceData, cases: Ints, order: Ints) -> Placement:
    take, local = _rows_of(data, cases)
    alternative = order[np.isin(order, data.row_alternative[take])]
    slot = _slot_of(alternative, order)
    rows = np.full((len(alternative), len(cases)), -1, dtype=np.intp)
    rows[slot[data.row_alternative[take]], local] = take
    available = rows >= 0
    chosen = available.argmax(axis=0) if data.chosen is None else slot[data.chosen[cases]]
    filler = data.offsets[cases] if data.chosen is None else rows[chosen, np.arange(len(cases))]
    rows = np.where(available, rows, filler)
    return Placement(cases, alternative, rows, available, chosen, _picked(data, rows, available))


def _by_size(data: ChoiceData, sizes: Ints, order: Ints, group: Ints, width: int) -> Iterator[Placement]:
    """Cases of similar choice-set sizes together; slots belong to a group of alternatives, not to one alternative."""
    by_size = np.argsort(sizes, kind="stable")
    step = max(SMALLEST_GROUP, width // max(1, int(sizes.mean())))
    for start in range(0, data.n_cases, step):
        yield _pooled(data, by_size[start : start + step], order, group)


def _pooled(data: ChoiceData, cases: Ints, order: Ints, group: Ints) -> Placement:
    take, local = _rows_of(data, cases)
    codes = data.row_alternative[take]
    rank = _rank(order)
    sort = np.lexsort((rank[codes], local))
    take, local, codes = take[sort], local[sort], codes[sort]
    groups, first = np.unique(group[order], return_index=True)
    groups = groups[np.argsort(first)]
    position = np.empty(int(group.max()) + 1, dtype=np.intp)
    position[groups] = np.arange(len(groups))
    where = position[group[codes]]
    segment = local * len(groups) + where
    new = np.r_[True, segment[1:] != segment[:-1]]
    within = np.arange(len(segment)) - np.flatnonzero(new)[np.cumsum(new) - 1]
    most = np.zeros(len(groups), dtype=np.intp)
    np.maximum.at(most, where, within + 1)
    slot = np.r_[0, np.cumsum(most)[:-1]][where] + within
    rows = np.full((int(most.sum()), len(cases)), -1, dtype=np.intp)
    rows[slot, local] = take
    available = rows >= 0
    filler = data.offsets[cases]
    chosen = available.argmax(axis=0)
    if data.chosen is not None:
        is_chosen = codes == data.chosen[cases][local]
        chosen[local[is_chosen]] = slot[is_chosen]
        filler = rows[chosen, np.arange(len(cases))]
    rows = np.where(available, rows, filler)
    picked = _picked(data, rows, available)
    return Placement(cases, data.row_alternative[rows], rows, None if available.all() else available, chosen, picked)


def _rows_of(data: ChoiceData, cases: Ints) -> tuple[Ints, Ints]:
    """Rows of the given cases, and for each row the position of its case among them."""
    sizes = np.diff(data.offsets)[cases]
    local = np.repeat(np.arange(len(cases)), sizes)
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(data.offsets[cases], sizes) + within, local


def _rank(order: Ints) -> Ints:
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank


def _slot_of(alternative: Ints, order: Ints) -> Ints:
    slot = np.full(len(order), -1, dtype=np.intp)
    slot[alternative] = np.arange(len(alternative))
    return slot
