"""Some cases with their columns, and the verbs of the matrix X in V = X b.

A chunk holds four kinds of columns, each stored once:

* ``generic`` (Kg, S, n): one coefficient for all alternatives, differenced against the chosen alternative where the
  family does not mind (it spares the Hessian the digits that large offsets would cost). They are stored as ``tiles``
  (T, Kg, S, lanes) of the cases that are computed side by side; or S - 1, where the chosen alternative's row, which is
  zero, is not stored, and the last slot's row stands in its place (``left_out``);
* ``zone`` (Kz, S): one coefficient, values that belong to the alternative and are shared by all cases;
* ``pool`` (P, n): constants and case-specific variables; ``pool_coef`` (P, S) says which coefficient each slot takes;
* ``own`` (Ko, S, n): a value a case and alternative with coefficients by alternative; ``own_coef`` (Ko, S).

Three verbs are the matrix: utilities (X b), pullback (X_i' g_i) and gram (sum_i X_i' diag(d_i) X_i).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from relocchoice.spec.layout import Placement

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Slots = slice | Ints
STRIP = 8


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some cases with their columns. Shapes: see the module; n cases, S slots, K coefficients.

    ``left_out``: (n,) the slot whose row is not stored, or None where all are.
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
    left_out: Ints | None = None
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
        return self._in_slots(_by_case(self.tiles, (1, 2, 0))[:, :, : self.n_cases])

    def generic_by_slot(self) -> Floats:
        """(S, Kg, n): a view where one tile holds all cases, else a copy."""
        rows = _by_case(self.tiles, (2, 1, 0))[:, :, : self.n_cases]
        return rows if self.left_out is None else self._in_slots(rows.transpose(1, 0, 2)).transpose(1, 0, 2)

    def _in_slots(self, rows: Floats) -> Floats:
        """(k, S or S - 1, n) of the slots that are stored -> (k, S, n), zero where nothing is stored."""
        if self.left_out is None:
            return rows
        out = np.zeros((len(rows), rows.shape[1] + 1, rows.shape[2]))
        out[:, :-1] = rows
        moved = np.flatnonzero(self.left_out < rows.shape[1])
        at = self.left_out[moved]
        out[:, -1, moved] = rows[:, at, moved]
        out[:, at, moved] = 0.0
        return out

    def _generic_in(self, slots: Slots) -> Floats:
        """(Kg, s, n) at some slots, without a copy of the others where all are stored."""
        n_tiles, n_columns, _, lanes = self.tiles.shape
        if self.left_out is not None:
            return self.generic[:, slots]
        if n_tiles == 1:
            return self.tiles[0][:, slots, : self.n_cases]
        part = self.tiles[:, :, slots].transpose(1, 2, 0, 3)
        return part.reshape(n_columns, part.shape[1], n_tiles * lanes)[:, :, : self.n_cases]

    def generic_at(self, slots: Ints, lanes: Ints) -> Floats:
        """(Kg, m) values at m pairs of a slot and a case."""
        n_stored, width = self.tiles.shape[2], max(1, self.tiles.shape[3])
        if self.left_out is None:
            return self.tiles[lanes // width, :, slots, lanes % width].T
        out, there = np.zeros((len(self.generic_coef), len(slots))), slots != self.left_out[lanes]
        slots, lanes = slots[there], lanes[there]
        place = np.where(slots == n_stored, self.left_out[lanes], slots)
        out[:, there] = self.tiles[lanes // width, :, place, lanes % width].T
        return out

    def utilities(self, beta: Floats, by_slot: Floats | None = None) -> Floats:
        """(K,) -> (S, n), read-only and of one column in memory where the alternatives alone decide.

        ``by_slot``: the generic columns, of who has them already.
        """
        n_slots, n = self.placement.rows.shape
        if self.offset is None and not (len(self.generic_coef) or len(self.pool) or len(self.own)):
            return np.broadcast_to((beta[self.zone_coef] @ self.zone)[:, None], (n_slots, n))
        if by_slot is None:
            rows = _by_case(self.tiles, (1, 2, 0))[:, :, :n]
            v = (beta[self.generic_coef] @ rows.reshape(len(rows), rows.shape[1] * n)).reshape(1, rows.shape[1], n)
            v = self._in_slots(v)[0]
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
