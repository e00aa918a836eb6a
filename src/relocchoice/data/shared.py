"""Data whose cases share their rows: those of counts, where many choices were made from the same choice set.

The rows are stored once for each choice set. Only when somebody asks for them are they spelled out, a row a case and
alternative: of a million choices among two thousand zones these would be four million.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.frames import pick
from relocchoice.data.frozen import FrozenMap, locked

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData

Ints = NDArray[np.intp]
ROWS = ("row_alternative", "row_columns")


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The choice sets of data whose cases share them.

    Attributes
    ----------
    sets : one case a choice set, without choices; each is some case's.
    of_case : (n,) the choice set of each case.
    """

    sets: ChoiceData
    of_case: Ints

    def rows(self, cases: Ints | slice = slice(None)) -> Ints:
        """The rows of the sets that some cases have, case after case."""
        at = self.of_case[cases]
        sizes = np.diff(self.sets.offsets)[at]
        starts = np.cumsum(sizes) - sizes
        out: Ints = np.arange(int(sizes.sum()), dtype=np.intp) + np.repeat(self.sets.offsets[at] - starts, sizes)
        return out


def sharing(sets: ChoiceData, of_case: Ints, **cases: Any) -> ChoiceData:
    """Data whose cases have the choice sets of others.

    Parameters
    ----------
    sets, of_case : see :class:`Shared`; cases : the fields of the record that belong to cases, and its names and notes.
    """
    made = replace(sets, **cases, offsets=sets.offsets[:1], row_alternative=sets.row_alternative[:0], row_columns={})
    sizes = np.diff(sets.offsets)[of_case]
    offsets = np.append(0, np.cumsum(sizes)).astype(np.int64)
    return _without_rows(made, offsets, Shared(sets, locked(of_case)))


def alike(data: ChoiceData, **changes: Any) -> ChoiceData:
    """The data with other values in fields that say nothing of rows; rows that cases share stay shared."""
    if data.shared is None:
        return replace(data, **changes)
    kept = {field.name: getattr(data, field.name) for field in fields(data) if field.init and field.name not in ROWS}
    bare = type(data)(**{**kept, **changes}, row_alternative=data.offsets[:0].astype(np.intp), row_columns={})
    return _without_rows(bare, data.offsets, data.shared)


def few_cases(data: ChoiceData, shared: Shared, cases: Ints) -> ChoiceData:
    """Some cases of data that share their rows, with rows of their own and without weights."""
    rows, of_case = shared.rows(cases), shared.of_case[cases]
    sizes = np.diff(shared.sets.offsets)[of_case]
    chosen, unit = data.chosen, data.unit
    return replace(
        shared.sets,
        cases=data.cases.take(cases),
        offsets=np.append(0, np.cumsum(sizes)).astype(np.int64),
        row_alternative=shared.sets.row_alternative[rows],
        chosen=None if chosen is None else chosen[cases],
        weights=None,
        weight_kind=None,
        unit=None if unit is None else unit[cases],
        units=data.units,
        row_columns={name: pick(series, rows) for name, series in shared.sets.row_columns.items()},
        case_columns={name: pick(series, cases) for name, series in data.case_columns.items()},
        names=data.names,
        notes=data.notes,
    )


def _without_rows(made: ChoiceData, offsets: NDArray[np.int64], shared: Shared) -> ChoiceData:
    """A fresh record with its rows left open."""
    object.__setattr__(made, "offsets", locked(offsets))
    object.__setattr__(made, "shared", shared)
    for name in ROWS:
        object.__delattr__(made, name)
    return made


_SPELLED: dict[str, Callable[[Shared], Any]] = {
    "row_alternative": lambda shared: locked(shared.sets.row_alternative[shared.rows()]),
    "row_columns": lambda shared: FrozenMap(
        {name: pick(series, shared.rows()) for name, series in shared.sets.row_columns.items()}
    ),
}


def spell_out(data: ChoiceData, name: str) -> Any:
    """The rows of every case, of data that share them: one of :data:`ROWS`, made once."""
    assert data.shared is not None
    made = _SPELLED[name](data.shared)
    object.__setattr__(data, name, made)
    return made
