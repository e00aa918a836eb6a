"""Cases that are the same to a model: equal choice sets, choices and values in every column.

Such cases add the same term to the log-likelihood, so one of them can stand for all with the sum of their weights. With
attributes of the alternatives alone and one choice set there are no more different cases than alternatives chosen.

Cases are told apart by 64-bit fingerprints, then compared value by value. A sample of the fingerprints decides first
whether the whole is worth the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.spec.columns import UtilityColumns

Ints = NDArray[np.intp]
Prints = NDArray[np.uint64]
SAMPLE_CASES = 2000
SAMPLE_ROWS = 30_000


def representatives(data: ChoiceData, columns: UtilityColumns) -> Ints | None:
    """(n,) position of the first case that is the same as each case, None where that would not halve the work.

    Parameters
    ----------
    columns : of the utilities, on these data.
    """
    n = data.n_cases
    if n < 2 or data.picked is not None or not np.diff(data.offsets).all():
        return None
    if not _often_the_same(data, columns):
        return None
    first = same_cases(data, columns)
    return first if np.count_nonzero(first == np.arange(n)) <= n // 2 else None


def same_cases(data: ChoiceData, columns: UtilityColumns, by_choice: bool = True) -> Ints:
    """(n,) position of the first case that is the same as each case.

    Parameters
    ----------
    by_choice : whether cases with different choices differ; without, cases are the cells of a table of counts.
    """
    everything = _Some(np.arange(data.n_cases), slice(None), data.offsets[:-1])
    prints = np.zeros(data.n_cases, dtype=np.uint64)
    for piece in _pieces(data, columns, everything, by_choice):
        prints = _mixed(prints + piece)
    codes, distinct = pd.factorize(prints)
    where = np.full(len(distinct), data.n_cases, dtype=np.intp)
    np.minimum.at(where, codes, np.arange(data.n_cases))
    first: Ints = where[codes]
    # Two different cases share a fingerprint once in 2**64 pairs; then none are put together.
    return first if _really_the_same(data, columns, first, by_choice) else np.arange(data.n_cases)


@dataclass(frozen=True, slots=True, eq=False)
class _Some:
    """Some cases: their positions, their rows, and where among these each case starts."""

    cases: Ints
    rows: Ints | slice
    starts: NDArray[np.int64]


def _often_the_same(data: ChoiceData, columns: UtilityColumns) -> bool:
    """Whether a sample of s cases holds at least half the repetitions that n/2 pairs of equal cases would give it."""
    n = data.n_cases
    s = min(n, SAMPLE_CASES, max(64, SAMPLE_ROWS * n // data.n_rows))
    cases = np.sort(np.random.default_rng(0).choice(n, s, replace=False)).astype(np.intp)
    sizes = np.diff(data.offsets)[cases]
    starts = np.cumsum(sizes) - sizes
    rows = np.arange(int(sizes.sum()), dtype=np.intp) + np.repeat(data.offsets[cases] - starts, sizes)
    prints = np.zeros(s, dtype=np.uint64)
    for piece in _pieces(data, columns, _Some(cases, rows, starts), True):
        prints = _mixed(prints + piece)
        if s - len(np.unique(prints)) < s * s / (4 * n):
            return False
    return True


def _pieces(data: ChoiceData, columns: UtilityColumns, some: _Some, by_choice: bool) -> Iterator[Prints]:
    """(s,) fingerprints of what a case is to a model: its choice, its choice set, its values in each column."""
    mark = np.random.default_rng(1).integers(0, 2**64, data.n_alternatives, dtype=np.uint64) | np.uint64(1)
    marks = mark[data.row_alternative[some.rows]]
    if by_choice and data.chosen is not None:
        yield data.chosen[some.cases].astype(np.uint64)
    yield np.add.reduceat(marks, some.starts)
    for column in columns.columns:
        if column.values is not None:
            yield _bits(column.values[some.cases]) if column.level == "case" else _by_row(column.values, some, marks)
    if columns.offset is not None:
        yield _by_row(columns.offset, some, marks)


def _by_row(values: NDArray[np.float64], some: _Some, marks: Prints) -> Prints:
    return np.add.reduceat(_mixed(_bits(values[some.rows])) * marks, some.starts)


def _bits(values: NDArray[np.float64]) -> Prints:
    return np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)


def _mixed(prints: Prints) -> Prints:
    """Every bit depends on every other (the finisher of SplitMix64): floats differ in their high bits only."""
    out = prints ^ (prints >> np.uint64(30))
    out *= np.uint64(0xBF58476D1CE4E5B9)
    out ^= out >> np.uint64(27)
    out *= np.uint64(0x94D049BB133111EB)
    out ^= out >> np.uint64(31)
    return out


def _really_the_same(data: ChoiceData, columns: UtilityColumns, first: Ints, by_choice: bool) -> bool:
    """Compare every case with the one that stands for it."""
    sizes = np.diff(data.offsets)
    if not np.array_equal(sizes, sizes[first]):
        return False
    rows = np.arange(data.n_rows, dtype=np.intp) + np.repeat(data.offsets[first] - data.offsets[:-1], sizes)
    by_case = [column.values for column in columns.columns if column.level == "case"]
    by_row = [column.values for column in columns.columns if column.level == "row"]
    pairs = [(values, first) for values in (data.chosen if by_choice else None, *by_case)]
    pairs += [(values, rows) for values in (data.row_alternative, *by_row, columns.offset)]
    return all(values is None or np.array_equal(values, values[at]) for values, at in pairs)
