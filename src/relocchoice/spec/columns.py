"""What a specification turns data into: labelled columns, each with the coefficients it feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Level = Literal["constant", "case", "row"]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One source column of the utilities; it is never expanded into rows x coefficients.

    Attributes
    ----------
    label : the term as the user wrote it, e.g. ``"log(land_price)"``.
    level : ``"constant"`` (a column of ones), ``"case"`` (one value a case) or ``"row"`` (one value a case and
        alternative).
    values : None for a constant; (n,) for ``"case"``; (R,) for ``"row"``, in the row order of the :class:`ChoiceData`.
    coef : an int when every alternative shares one coefficient (a *generic* column), otherwise a (J,) int array: the
        index of the coefficient each alternative of the data takes, -1 where the column does not enter its utility.
    """

    label: str
    level: Level
    values: NDArray[np.float64] | None
    coef: int | NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class UtilityColumns:
    """The linear part of the utilities, V = offset + sum over columns of value x coefficient.

    Attributes
    ----------
    names : (K,) coefficient names in table order.
    columns : the columns.
    offset : (R,) added to the utilities with coefficient one, or None.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    offset: NDArray[np.float64] | None = None


E = TypeVar("E", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Learned(Generic[E]):
    """What a specification came to on the data it was learned from."""

    encoding: E
    columns: UtilityColumns
