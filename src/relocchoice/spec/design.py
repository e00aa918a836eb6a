"""The design: utilities V = X b as structured blocks, never as rows x coefficients.

How the columns of a specification are laid out in chunks (:mod:`relocchoice.spec.chunk`), with their centring.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.spec.centre import Centring, centring
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.layout import Placement, placements
from relocchoice.spec.tiles import PLAIN, Filling, Storage, tiled

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CHUNK_VALUES = 2**15
MANY_CHUNKS = 128
MANY_COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Design:
    """All chunks of a data set.

    Attributes
    ----------
    names : (K,) coefficient names.
    chunks : the chunks; every case that is laid out stands in exactly one.
    n_cases : n, of the data.
    centring : how the coefficients of the (centred) chunks map to the user's.
    """

    names: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    n_cases: int
    centring: Centring


def build_design(
    data: ChoiceData,
    columns: UtilityColumns,
    order: Ints,
    group: Ints,
    shift_invariant: bool,
    movable: NDArray[np.bool_] | None = None,
    cases: Ints | None = None,
    storage: Storage = PLAIN,
    moved: Centring | None = None,
) -> Design:
    """Lay the columns out in chunks.

    Parameters
    ----------
    order, group : (J,) slot order and slot groups of the family.
    shift_invariant : whether adding a constant to a case's utilities changes nothing; then columns are differenced and
        centred.
    movable : (K,) which coefficients are free of constraints; centring touches no others. None: all are.
    cases : positions of the cases to lay out; None: all. Means and ranges are those of all cases.
    storage : how the generic columns are stored.
    moved : the centring of another design of these columns; None: their own.
    """
    columns = _merged(columns)
    labelled = any(not isinstance(column.coef, (int, np.integer)) for column in columns.columns)
    everywhere = labelled or data.n_rows == data.n_cases * data.n_alternatives
    movable = np.ones(len(columns.names), dtype=bool) if movable is None else movable
    moved = centring(data, columns, movable, shift_invariant) if moved is None else moved
    sorted_columns = _sort_columns(data, columns, everywhere, shift_invariant)
    width = _width(data, len(sorted_columns.generic), storage)
    placed = list(_placed(data, order, group, labelled, width, cases))
    differenced = shift_invariant and data.chosen is not None
    storage = replace(storage, without_chosen=storage.without_chosen and differenced and _lean(sorted_columns))
    fillings = tiled(placed, *_generic(columns, sorted_columns, moved), differenced, storage)
    shared: dict[bytes, _BySlot] = {}
    chunks = tuple(_chunk(columns, sorted_columns, moved, filling, differenced, shared) for filling in fillings)
    return Design(columns.names, chunks, data.n_cases, moved)


def _lean(kinds: _Sorted) -> bool:
    """Whether leaving out the rows of the chosen alternatives is possible, and spares more than it costs."""
    return len(kinds.generic) >= MANY_COLUMNS and not (kinds.zone or kinds.own)


def _width(data: ChoiceData, n_generic: int, storage: Storage) -> int:
    """Slots x cases of a chunk. Where many chunks remain they are larger, for those who compute chunk by chunk."""
    columns = max(4, n_generic)
    share = data.n_rows * columns // (MANY_CHUNKS * CHUNK_VALUES)
    share = min(max(share, storage.smallest_share), storage.largest_share)
    return max(1, share * CHUNK_VALUES // columns)


def _placed(
    data: ChoiceData, order: Ints, group: Ints, labelled: bool, width: int, cases: Ints | None
) -> Iterator[Placement]:
    """Placements of some cases, in positions and rows of the whole data."""
    if cases is None:
        yield from placements(data, order, group, labelled, width)
        return
    some = replace(data, row_columns={}, case_columns={}).select(cases)
    rows = np.arange(some.n_rows, dtype=np.intp)
    rows += np.repeat(data.offsets[cases] - some.offsets[:-1], np.diff(some.offsets))
    for place in placements(some, order, group, labelled, width):
        yield replace(place, cases=cases[place.cases], rows=rows[place.rows])


def _merged(columns: UtilityColumns) -> UtilityColumns:
    """Row columns that all alternatives multiply by the same coefficient, as one column: b x + b z = b (x + z)."""
    first: dict[int, int] = {}
    out: list[Column] = []
    for column in columns.columns:
        if column.level != "row" or not isinstance(column.coef, (int, np.integer)):
            out.append(column)
            continue
        at = first.setdefault(int(column.coef), len(out))
        if at == len(out):
            out.append(column)
            continue
        held = out[at].values
        assert held is not None
        assert column.values is not None
        out[at] = Column(f"{out[at].label} + {column.label}", "row", held + column.values, column.coef)
    return UtilityColumns(columns.names, tuple(out), columns.offset)


@dataclass(frozen=True, slots=True, eq=False)
class _Sorted:
    """Positions of the columns by kind; the values of the zone columns by alternative (Kz, J)."""

    generic: list[int]
    zone: list[int]
    zone_values: Floats
    pool: list[int]
    own: list[int]


def _sort_columns(data: ChoiceData, columns: UtilityColumns, everywhere: bool, centre: bool) -> _Sorted:
    generic, zone, zone_values, pool, own = [], [], [], [], []
    whole = _whole_sets_in_order(data)
    for position, column in enumerate(columns.columns):
        shared = isinstance(column.coef, (int, np.integer))
        if column.level != "row":
            pool.append(position)
        elif not shared:
            own.append(position)
        elif everywhere and (values := _by_alternative(data, column, whole)) is not None:
            zone.append(position)
            zone_values.append(values - values.mean() if centre else values)
        else:
            generic.append(position)
    table = np.array(zone_values).reshape(len(zone), data.n_alternatives)
    return _Sorted(generic, zone, table, pool, own)


def _whole_sets_in_order(data: ChoiceData) -> bool:
    """Whether every case has all alternatives, in the order of the data."""
    n, width = data.n_cases, data.n_alternatives
    return data.n_rows == n * width and bool((data.row_alternative.reshape(n, width) == np.arange(width)).all())


def _by_alternative(data: ChoiceData, column: Column, whole: bool) -> Floats | None:
    """(J,) values of a column that belongs to the alternatives alone, None for any other column."""
    assert column.values is not None
    if whole and data.n_cases:
        table = column.values.reshape(-1, data.n_alternatives)
        few = np.array_equal(table[0], table[-1])  # most columns fall here
        return table[0].copy() if few and bool((table == table[0]).all()) else None
    values = np.zeros(data.n_alternatives)
    for part in (slice(4096), slice(None)):  # most columns fall at the first few cases
        alternative, here = data.row_alternative[part], column.values[part]
        values[alternative[::-1]] = here[::-1]
        if not np.array_equal(values[alternative], here):
            return None
    return values


@dataclass(frozen=True, slots=True, eq=False)
class _BySlot:
    """What depends on the alternatives in the slots alone; chunks with the same ones share it."""

    zone: Floats
    pool_coef: Ints
    own_coef: Ints


def _by_slot(columns: UtilityColumns, kinds: _Sorted, moved: Centring, slot_alternative: Ints) -> _BySlot:
    return _BySlot(
        _zone(kinds, moved, slot_alternative),
        _slot_coef(columns, kinds.pool, slot_alternative),
        _slot_coef(columns, kinds.own, slot_alternative),
    )


def _chunk(
    columns: UtilityColumns,
    kinds: _Sorted,
    moved: Centring,
    filling: Filling,
    differenced: bool,
    shared: dict[bytes, _BySlot],
) -> Chunk:
    placement = filling.placement
    slot_alternative = placement.slot_alternative
    key = slot_alternative.tobytes()
    if key not in shared:
        shared[key] = _by_slot(columns, kinds, moved, slot_alternative)
    return Chunk(
        placement=placement,
        n_coef=len(columns.names),
        tiles=filling.tiles,
        generic_coef=_shared_coef(columns, kinds.generic),
        zone=shared[key].zone,
        zone_coef=_shared_coef(columns, kinds.zone),
        pool=_pool(columns, kinds.pool, moved, placement),
        pool_coef=shared[key].pool_coef,
        own=_own(columns, kinds.own, moved, placement, placement.alternative),
        own_coef=shared[key].own_coef,
        offset=None if columns.offset is None else columns.offset[placement.rows],
        differenced=differenced,
        left_out=placement.chosen if filling.tiles.shape[2] < len(placement.rows) else None,
    )


def _generic(columns: UtilityColumns, kinds: _Sorted, moved: Centring) -> tuple[list[Floats], list[float]]:
    """Values of the generic columns, and what they are divided by."""
    values = [columns.columns[position].values for position in kinds.generic]
    return [column for column in values if column is not None], [moved.scales[position] for position in kinds.generic]


def _zone(kinds: _Sorted, moved: Centring, slot_alternative: Ints) -> Floats:
    scales = np.array([moved.scales[position] for position in kinds.zone])
    return np.ascontiguousarray(kinds.zone_values[:, slot_alternative]) / scales[:, None]


def _shared_coef(columns: UtilityColumns, positions: list[int]) -> Ints:
    return np.array([columns.columns[p].coef for p in positions], dtype=np.intp)


def _slot_coef(columns: UtilityColumns, positions: list[int], slot_alternative: Ints) -> Ints:
    out = np.empty((len(positions), len(slot_alternative)), dtype=np.intp)
    for k, position in enumerate(positions):
        coef = columns.columns[position].coef
        out[k] = coef if isinstance(coef, (int, np.integer)) else coef[slot_alternative]
    return out


def _pool(columns: UtilityColumns, positions: list[int], moved: Centring, placement: Placement) -> Floats:
    out = np.ones((len(positions), len(placement.cases)))
    for k, position in enumerate(positions):
        values = columns.columns[position].values
        if values is not None:
            out[k] = (values[placement.cases] - moved.means[position][0]) / moved.scales[position]
    return out


def _own(
    columns: UtilityColumns, positions: list[int], moved: Centring, placement: Placement, alternative: Ints
) -> Floats:
    out = np.empty((len(positions), *placement.rows.shape))
    for k, position in enumerate(positions):
        values = columns.columns[position].values
        assert values is not None
        out[k] = (values[placement.rows] - moved.means[position][alternative][:, None]) / moved.scales[position]
    return out
