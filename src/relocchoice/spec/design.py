"""The design: utilities V = X b as structured blocks, never as rows x coefficients.

A chunk holds four kinds of columns, each stored once:

* ``generic`` (Kg, S, n): one coefficient for all alternatives, differenced against the chosen alternative where the
  family does not mind (it spares the Hessian the digits that large offsets would cost). They are stored as ``tiles``
  (T, Kg, S, lanes) of the cases that are computed side by side;
* ``zone`` (Kz, S): one coefficient, values that belong to the alternative and are shared by all cases;
* ``pool`` (P, n): constants and case-specific variables; ``pool_coef`` (P, S) says which coefficient each slot takes;
* ``own`` (Ko, S, n): a value a case and alternative with coefficients by alternative; ``own_coef`` (Ko, S).

Three verbs are the matrix: utilities (X b), pullback (X_i' g_i) and gram (sum_i X_i' diag(d_i) X_i).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.spec.centre import Centring, centring
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.layout import Placement, placements
from relocchoice.spec.tiles import PLAIN, Filling, Storage, tiled

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Slots = slice | Ints
CHUNK_VALUES = 2**15
STRIP = 8


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some cases with their columns. Shapes: see the module; n cases, S slots, K coefficients.

    ``generic_alone``: whether coefficient k is that of generic column k, for all of them.
    """

    placement: Placement
    n_coef: int
    tiles: Floats
    generic_coef: Ints
    zone: Floats
    zone_coef: Ints
    pool: Floats
    pool_coef: Ints
    own: Floats
    own_coef: Ints
    offset: Floats | None
    differenced: bool
    generic_alone: bool = field(init=False)

    def __post_init__(self) -> None:
        alone = np.array_equal(self.generic_coef, np.arange(self.n_coef))
        object.__setattr__(self, "generic_alone", alone and not (len(self.zone) + len(self.pool) + len(self.own)))

    @property
    def chosen_is_zero(self) -> bool:
        """Whether the chosen alternative's row is zero, since all rows are differenced against it."""
        return self.generic_alone and self.differenced

    @property
    def n_cases(self) -> int:
        return len(self.placement.cases)

    @property
    def generic(self) -> Floats:
        """(Kg, S, n): a view where one tile holds all cases, else a copy."""
        return _by_case(self.tiles, (1, 2, 0))[:, :, : self.n_cases]

    def generic_by_slot(self) -> Floats:
        """(S, Kg, n): a view where one tile holds all cases, else a copy."""
        return _by_case(self.tiles, (2, 1, 0))[:, :, : self.n_cases]

    def _generic_in(self, slots: Slots) -> Floats:
        """(Kg, s, n) at some slots, without a copy of the others."""
        n_tiles, n_columns, _, lanes = self.tiles.shape
        if n_tiles == 1:
            return self.tiles[0][:, slots, : self.n_cases]
        part = self.tiles[:, :, slots].transpose(1, 2, 0, 3)
        return part.reshape(n_columns, part.shape[1], n_tiles * lanes)[:, :, : self.n_cases]

    def generic_at(self, slots: Ints, lanes: Ints) -> Floats:
        """(Kg, m) values at m pairs of a slot and a case."""
        width = max(1, self.tiles.shape[3])
        return self.tiles[lanes // width, :, slots, lanes % width].T

    def utilities(self, beta: Floats, by_slot: Floats | None = None) -> Floats:
        """(K,) -> (S, n), read-only and of one column in memory where the alternatives alone decide.

        ``by_slot``: the generic columns, of who has them already.
        """
        n_slots, n = self.placement.rows.shape
        if self.offset is None and not (len(self.generic_coef) or len(self.pool) or len(self.own)):
            return np.broadcast_to((beta[self.zone_coef] @ self.zone)[:, None], (n_slots, n))
        if by_slot is None:
            v = (beta[self.generic_coef] @ self.generic.reshape(len(self.generic_coef), n_slots * n)).reshape(
                n_slots, n
            )
        else:
            v = np.matmul(beta[self.generic_coef], by_slot)
        if self.offset is not None:
            v += self.offset
        if len(self.zone):
            v += (beta[self.zone_coef] @ self.zone)[:, None]
        if len(self.pool):
            v += _lookup(beta, self.pool_coef).T @ self.pool
        for k, coef in enumerate(self.own_coef):
            v += _lookup(beta, coef)[:, None] * self.own[k]
        return v

    def times(self, slots: Slots, g: Floats) -> Times:
        """The columns at some slots, each case's and slot's times g (s, n)."""
        columns = self._generic_in(slots)
        return Times(self, slots, g, columns, columns * g)

    def pullback(self, slots: Slots, g: Floats) -> Floats:
        """Vectors g (s, n) over some slots -> (K, n), X_i' g_i of each case."""
        return self.times(slots, g).pulled()

    def gram(self, d: Floats) -> Floats:
        """(S, n) -> (K, K), sum_i X_i' diag(d_i) X_i."""
        return self.times(slice(None), d).gram(np.ones(self.n_cases))

    def pull_chosen(self, weight: Floats) -> Floats:
        """(n,) -> (K, n): the chosen alternative's row times ``weight``."""
        out = np.zeros((self.n_coef, self.n_cases))
        chosen, lanes = self.placement.chosen, np.arange(self.n_cases)
        if len(self.generic_coef) and not self.differenced:
            out[self.generic_coef] = self.generic_at(chosen, lanes) * weight
        if len(self.zone):
            out[self.zone_coef] = self.zone[:, chosen] * weight
        for coef, values in zip(self.pool_coef[:, chosen], self.pool, strict=True):
            here = np.flatnonzero(coef >= 0)
            out[coef[here], here] += (weight * values)[here]
        for coef, own in zip(self.own_coef[:, chosen], self.own, strict=True):
            here = np.flatnonzero(coef >= 0)
            out[coef[here], here] += (weight * own[chosen, lanes])[here]
        return out

    def add_moments(self, out: Floats, weights: Floats) -> None:
        """Add to (K,) the weighted mean squares, over the available slots, of all columns but the generic ones."""
        if not (len(self.zone) or len(self.pool) or len(self.own)):
            return
        available = self.placement.available
        if available is None:
            available = np.ones(self.placement.rows.shape, dtype=bool)
        share = available * (weights / available.sum(axis=0))
        if len(self.zone):
            out[self.zone_coef] += self.zone**2 @ share.sum(axis=1)
        for coef, moments in zip(self.pool_coef, self.pool**2 @ share.T, strict=True):
            np.add.at(out, coef[coef >= 0], moments[coef >= 0])
        for coef, own in zip(self.own_coef, self.own, strict=True):
            np.add.at(out, coef[coef >= 0], np.einsum("sn,sn,sn->s", own, own, share)[coef >= 0])


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """The columns of a chunk at s slots times numbers of the cases and slots, which both verbs below are made of.

    Attributes
    ----------
    numbers : (s, n).
    generic : (Kg, s, n) the generic columns; product : the same times the numbers.
    """

    chunk: Chunk
    slots: Slots
    numbers: Floats
    generic: Floats
    product: Floats

    def pulled(self) -> Floats:
        """(K, n), X_i' g_i of each case with g the numbers."""
        chunk, slots, g = self.chunk, self.slots, self.numbers
        if chunk.generic_alone:
            return _over_slots(self.product)
        out = np.zeros((chunk.n_coef, g.shape[1]))
        if len(chunk.generic_coef):
            out[chunk.generic_coef] = _over_slots(self.product)
        if len(chunk.zone):
            out[chunk.zone_coef] = chunk.zone[:, slots] @ g
        for coef, values in zip(chunk.pool_coef[:, slots], chunk.pool, strict=True):
            for s in np.flatnonzero(coef >= 0):
                out[coef[s]] += g[s] * values
        for coef, own in zip(chunk.own_coef[:, slots], chunk.own[:, slots], strict=True):
            for s in np.flatnonzero(coef >= 0):
                out[coef[s]] += g[s] * own[s]
        return out

    def gram(self, weights: Floats) -> Floats:
        """(n,) -> (K, K), sum_i weight_i X_i' diag(g_i) X_i with g the numbers."""
        chunk = self.chunk
        n_generic = len(self.generic)
        alike = len(weights) > 0 and bool((weights == weights[0]).all())
        factor = weights[0] if alike else 1.0
        product = self.product if alike else self.product * weights
        size = self.numbers.size
        block = _symmetric(product.reshape(n_generic, size), self.generic.reshape(n_generic, size))
        if factor != 1.0:
            block *= factor
        if chunk.generic_alone:
            return block
        out = np.zeros((chunk.n_coef, chunk.n_coef))
        if n_generic:
            out[np.ix_(chunk.generic_coef, chunk.generic_coef)] += block
        d = self.numbers * weights
        if len(chunk.zone):
            self._add_zone(out, d, product, factor)
        if len(chunk.pool) or len(chunk.own):
            self._add_labelled(out, d, product, factor)
        return out

    def _add_zone(self, out: Floats, d: Floats, product: Floats, factor: float) -> None:
        chunk, zone = self.chunk, self.chunk.zone[:, self.slots]
        out[np.ix_(chunk.zone_coef, chunk.zone_coef)] += (zone * d.sum(axis=1)) @ zone.T
        if len(chunk.generic_coef):
            _add_cross(out, chunk.generic_coef, chunk.zone_coef, (factor * product.sum(axis=2)) @ zone.T)

    def _add_labelled(self, out: Floats, d: Floats, product: Floats, factor: float) -> None:
        """Blocks with coefficients of single slots, slot by slot: each slot touches only its own coefficients."""
        chunk, slots = self.chunk, self.slots
        pool_coef, own_coef, own, zone = (a[:, slots] for a in (chunk.pool_coef, chunk.own_coef, chunk.own, chunk.zone))
        for s in range(len(d)):
            pooled, owned = pool_coef[:, s] >= 0, own_coef[:, s] >= 0
            coef = np.concatenate([pool_coef[pooled, s], own_coef[owned, s]])
            if not len(coef):
                continue
            rows = np.concatenate([chunk.pool[pooled], own[owned, s]])
            scaled = rows * d[s]
            _add_block(out, coef, scaled @ rows.T)
            if len(chunk.generic_coef):
                _add_cross(out, coef, chunk.generic_coef, factor * (rows @ product[:, s].T))
            if len(chunk.zone):
                _add_cross(out, coef, chunk.zone_coef, np.outer(scaled.sum(axis=1), zone[:, s]))


def _symmetric(left: Floats, right: Floats) -> Floats:
    """left @ right.T of which only the lower half is computed, for products that are symmetric.

    In strips: OpenBLAS multiplies blocks of fewer than 10**6 terms without copying them first.
    """
    size = len(left)
    if size <= STRIP:
        return left @ right.T
    out = np.empty((size, size))
    for start in range(0, size, STRIP):
        stop = start + STRIP
        strip = left[start:] @ right[start:stop].T
        out[start:, start:stop] = strip
        out[start:stop, stop:] = strip[STRIP:].T
    return out


def _by_case(tiles: Floats, axes: tuple[int, int, int]) -> Floats:
    """(T, Kg, S, lanes) -> the axes T, Kg, S in another order, T and lanes together as the last one."""
    n_tiles, _, _, lanes = tiles.shape
    if n_tiles == 1 or not lanes:
        out = tiles.transpose(*axes, 3)
        return out.reshape(*out.shape[:2], n_tiles * lanes)
    # tile by tile: NumPy copies eight numbers in as much time as one
    whole = np.ascontiguousarray(tiles.view(f"V{8 * lanes}")[..., 0].transpose(axes))
    return whole.view(np.float64).reshape(*whole.shape[:2], n_tiles * lanes)


def _over_slots(product: Floats) -> Floats:
    """(Kg, s, n) -> (Kg, n): a product with ones, faster than a sum over an axis in the middle."""
    return np.ones(product.shape[1]) @ product


def _lookup(beta: Floats, coef: Ints) -> Floats:
    """Coefficients by index, zero where the index is -1."""
    return np.where(coef >= 0, beta[coef], 0.0)


def _add_block(out: Floats, coef: Ints, block: Floats) -> None:
    """Add a symmetric block; a coefficient may stand in it twice."""
    np.add.at(out, (coef[:, None], coef[None, :]), block)


def _add_cross(out: Floats, left: Ints, right: Ints, block: Floats) -> None:
    np.add.at(out, (left[:, None], right[None, :]), block)
    np.add.at(out, (right[:, None], left[None, :]), block.T)


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
    width = max(1, storage.chunk_share * CHUNK_VALUES // max(4, len(sorted_columns.generic)))
    placed = list(_placed(data, order, group, labelled, width, cases))
    differenced = shift_invariant and data.chosen is not None
    fillings = tiled(placed, *_generic(columns, sorted_columns, moved), differenced, storage)
    shared: dict[bytes, _BySlot] = {}
    chunks = tuple(_chunk(columns, sorted_columns, moved, filling, differenced, shared) for filling in fillings)
    return Design(columns.names, chunks, data.n_cases, moved)


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
    for position, column in enumerate(columns.columns):
        shared = isinstance(column.coef, (int, np.integer))
        if column.level != "row":
            pool.append(position)
        elif not shared:
            own.append(position)
        elif everywhere and (values := _by_alternative(data, column)) is not None:
            zone.append(position)
            zone_values.append(values - values.mean() if centre else values)
        else:
            generic.append(position)
    table = np.array(zone_values).reshape(len(zone), data.n_alternatives)
    return _Sorted(generic, zone, table, pool, own)


def _by_alternative(data: ChoiceData, column: Column) -> Floats | None:
    """(J,) values of a column that belongs to the alternatives alone, None for any other column."""
    assert column.values is not None
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
