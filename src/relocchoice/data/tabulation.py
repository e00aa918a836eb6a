"""A table of counts as read: its cells, the columns that name them, the numbers and the structural zeros."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.draft import Draft
from relocchoice.data.frames import Columns
from relocchoice.data.labels import Encoded, encode, index_of, show
from relocchoice.data.structural import UnavailableRule
from relocchoice.data.structural_counts import column_notes, mark_rules
from relocchoice.errors import DataError, Finding

Absent = Literal["error", "zero", "unavailable"]


@dataclass(frozen=True, slots=True, eq=False)
class Tabulation:
    """A table of counts as read.

    Attributes
    ----------
    draft : the cells as cases, without choices; the counts stand in ``draft.row_columns[count]``.
    count : the name of that column.
    notes : what was marked as a structural zero.
    """

    draft: Draft
    count: str
    notes: tuple[str, ...] = ()


def marked(draft: Draft, count: str, rules: Sequence[UnavailableRule]) -> Tabulation:
    marked = mark_rules(draft, count, rules)
    return Tabulation(marked.draft, count, (*column_notes(draft), *marked.notes))


def cell_names(cell: str | Sequence[str] | None, others: Mapping[str, pd.Series]) -> list[str]:
    if cell is None:
        return list(others)
    if not isinstance(cell, str | Sequence) or not all(isinstance(name, str) for name in cell):
        raise DataError(f"cell={show(cell)} is not the name of a column or a list of names")
    return [cell] if isinstance(cell, str) else list(cell)


def encode_cells(columns: Columns, names: Sequence[str]) -> Encoded:
    """Cells in order of first appearance, labelled by the text of their columns."""
    if not names:
        return Encoded(np.zeros(columns.n_rows, dtype=np.intp), index_of([""]))
    parts = [encode(columns.get(name, "cell"), name) for name in names]
    codes, missing = parts[0].codes.astype(np.int64), parts[0].codes < 0
    for part in parts[1:]:
        missing |= part.codes < 0
        # Codes are made dense again after each column: the product of many levels would leave int64.
        codes = pd.factorize(codes * (len(part.labels) + 1) + part.codes)[0].astype(np.int64)
    cells = np.full(len(codes), -1, dtype=np.intp)
    cells[~missing], _ = pd.factorize(codes[~missing])
    first = first_rows(cells, int(cells.max(initial=-1)) + 1)
    return Encoded(cells, _texts([part.labels.take(part.codes[first]).tolist() for part in parts]))


def _texts(columns: list[list[Any]]) -> pd.Index:
    for text in (str, show):  # 1 and "1" differ only in their repr
        labels = index_of([", ".join(map(text, values)) for values in zip(*columns, strict=True)])
        if labels.is_unique:
            break
    return labels


def count_numbers(series: pd.Series, column: str) -> tuple[pd.Series, list[Finding]]:
    if pd.api.types.is_numeric_dtype(series.dtype):
        return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan)), []
    known = series.dropna()
    value = known.iloc[0] if len(known) else None
    message = f"count column {column!r} holds {show(value)}, which is not a number: convert the column to numbers"
    return pd.Series(np.zeros(len(series))), [Finding("count_invalid", message, column=column, value=value)]


def first_rows(codes: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    first = np.zeros(n, dtype=np.intp)
    rows = np.flatnonzero(codes >= 0)[::-1]
    first[codes[rows]] = rows
    return first
