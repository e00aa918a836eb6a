"""Centring and scaling: the chunks hold columns of middling size, ``to_user`` maps their coefficients back.

Scaling divides a column by the power of two next to its range, which is exact; without it columns of 1e200 overflow in
the Hessian. Centring lets alternative-specific constants absorb the means of the other alternative-specific columns.
A case-specific variable far from zero (a year, log assets in yuan) makes its coefficients nearly collinear with the
constants, and the Hessian loses digits. Where every alternative but one has a constant of its own, the model in centred
columns is the same model: V_j = c_j + b_j x = (c_j + b_j m) + b_j (x - m), up to a shift of the case's utilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import SpecificationError
from relocchoice.spec.columns import Column, UtilityColumns

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
LARGEST = 1e152
AT_ONCE = 2**15


@dataclass(frozen=True, slots=True, eq=False)
class Centring:
    """How the coefficients of the chunks' columns map to the user's.

    Attributes
    ----------
    means : for each column the (J,) means by alternative that were taken off (all zero where nothing was).
    scales : for each column the power of two it was divided by.
    to_user, from_user : (K, K) matrices, inverse to each other; the identity where nothing was done.
    """

    means: tuple[Floats, ...]
    scales: tuple[float, ...]
    to_user: Floats
    from_user: Floats


def centring(data: ChoiceData, columns: UtilityColumns, movable: NDArray[np.bool_], shift_invariant: bool) -> Centring:
    """Centre and scale the columns whose coefficients, and the constants, are free of constraints.

    Parameters
    ----------
    movable : (K,) coefficients free of constraints.
    shift_invariant : whether a constant added to a case's utilities changes nothing; without it nothing is centred.
    """
    n_coef = len(columns.names)
    constants = _absorbing_constants(data, columns, movable) if shift_invariant else None
    means, shear = [], np.zeros((n_coef, n_coef))
    for column in columns.columns:
        mean = np.zeros(data.n_alternatives)
        if constants is not None and _is_movable(column, movable):
            mean = _means(data, column)
            _absorb(shear, constants, np.asarray(column.coef), mean)
        means.append(mean)
    by_column, by_coef = _scales(columns, movable)
    to_user = (np.eye(n_coef) - shear) / by_coef
    return Centring(tuple(means), by_column, to_user, by_coef[:, None] * (np.eye(n_coef) + shear))


def _scales(columns: UtilityColumns, movable: NDArray[np.bool_]) -> tuple[tuple[float, ...], Floats]:
    """A power of two for each column and each coefficient; columns that share coefficients share it."""
    group = np.arange(len(columns.names))
    coefs = [np.unique(np.atleast_1d(np.asarray(column.coef))) for column in columns.columns]
    coefs = [coef[coef >= 0] for coef in coefs]
    for coef in coefs:
        group[np.isin(group, group[coef])] = group[coef].min(initial=len(group))
    size = np.zeros(len(group))
    for column, coef in zip(columns.columns, coefs, strict=True):
        size[group[coef]] = np.maximum(size[group[coef]], _size(column))
    held = [column.level == "constant" for column in columns.columns]
    for coef, fixed in zip(coefs, held, strict=True):
        if fixed or not movable[coef].all():
            size[group[coef]] = np.inf
    by_coef = np.where(np.isfinite(size) & (size > 0), size, 1.0)[group]
    return tuple(float(by_coef[coef[0]]) if len(coef) else 1.0 for coef in coefs), by_coef


def _size(column: Column) -> float:
    """The power of two at or below half the range of a column (of its largest value when that is constant)."""
    if column.values is None:
        return 1.0
    low, high = _range(column.values)
    size = max(high / 2 - low / 2, 0.0) or max(abs(low), abs(high))
    if size > LARGEST or 0 < size < 1 / LARGEST:
        raise SpecificationError(
            f"the values of {column.label!r} range over about {size:.1g}, too far from 1 for double precision; "
            "give the column another unit"
        )
    return float(2.0 ** np.floor(np.log2(size))) if size > 0 else 1.0


def _range(values: Floats) -> tuple[float, float]:
    """The least and the largest value, in parts that stay in the cache between the two."""
    parts = [values[at : at + AT_ONCE] for at in range(0, len(values), AT_ONCE)]
    least, largest = zip(*((part.min(), part.max()) for part in parts), strict=True)
    return float(min(least)), float(max(largest))


def _absorbing_constants(data: ChoiceData, columns: UtilityColumns, movable: NDArray[np.bool_]) -> Ints | None:
    """(J,) coefficients of a full set of constants that stand in no other column, None without one."""
    for column in columns.columns:
        if _full_constants(column, data.n_alternatives, movable):
            constants = np.asarray(column.coef)
            others = [np.atleast_1d(np.asarray(other.coef)) for other in columns.columns if other is not column]
            if not others or not np.isin(constants[constants >= 0], np.concatenate(others)).any():
                return constants
    return None


def _full_constants(column: Column, n_alternatives: int, movable: NDArray[np.bool_]) -> bool:
    """Every alternative but one has a constant of its own."""
    if column.level != "constant" or isinstance(column.coef, (int, np.integer)):
        return False
    used = column.coef[column.coef >= 0]
    return len(used) == n_alternatives - 1 and len(np.unique(used)) == len(used) and bool(movable[used].all())


def _is_movable(column: Column, movable: NDArray[np.bool_]) -> bool:
    if column.level == "constant" or isinstance(column.coef, (int, np.integer)):
        return False
    return bool(movable[column.coef[column.coef >= 0]].all())


def _means(data: ChoiceData, column: Column) -> Floats:
    """(J,) mean of the column over the cases, or over the rows of each alternative."""
    values = column.values
    assert values is not None
    if column.level == "case":
        return np.full(data.n_alternatives, values.mean())
    count = np.bincount(data.row_alternative, minlength=data.n_alternatives)
    total = np.bincount(data.row_alternative, weights=values, minlength=data.n_alternatives)
    return total / np.maximum(count, 1)


def _absorb(shear: Floats, constants: Ints, coef: Ints, mean: Floats) -> None:
    """c'_j = c_j + b_j m_j - b_0 m_0 with 0 the alternative without a constant."""
    base = int(np.flatnonzero(constants < 0)[0])
    for j in np.flatnonzero(constants >= 0):
        if coef[j] >= 0:
            shear[constants[j], coef[j]] += mean[j]
        if coef[base] >= 0:
            shear[constants[j], coef[base]] -= mean[base]
