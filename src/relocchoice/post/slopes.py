"""How utilities move with one variable: through the formula, not through the names of parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, FindingsError, SpecificationError
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.encoding import Encoding

Floats = NDArray[np.float64]
STEP = 2e-3


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """The columns that move with a variable.

    Attributes
    ----------
    columns : with x d(column)/dx in place of the values, all of level ``"row"``.
    offset : (R,) x d(offset)/dx, or None.
    by_difference : labels of the columns whose derivative is a central difference; that of the variable itself and of
        its logarithm is exact.
    """

    columns: tuple[Column, ...]
    offset: Floats | None
    by_difference: tuple[str, ...]

    def at(self, coefficients: Floats, data: ChoiceData) -> Floats:
        """(R,) x dV/dx of each row."""
        out = np.zeros(data.n_rows) if self.offset is None else self.offset.copy()
        for column in self.columns:
            coef = np.broadcast_to(column.coef, (data.n_alternatives,))[data.row_alternative]
            out += np.where(coef >= 0, coefficients[coef], 0.0) * column.values
        return out


def slopes(encoding: Encoding, data: ChoiceData, variable: str) -> Slopes:
    """The columns that move when an attribute of the alternatives grows by a share.

    Raises
    ------
    DataError : there is no such column, or it does not hold numbers.
    SpecificationError : it does not differ between alternatives, or stands in no utility, or as a category.
    """
    values = _numbers(data, variable)
    base = encoding.columns(data)
    factors = (1 - STEP, 1 - STEP / 2, 1 + STEP / 2, 1 + STEP)
    moved = [_scaled(encoding, data, variable, values * factor) for factor in factors]
    exact = {variable: values, f"`{variable}`": values, f"log({variable})": np.ones(len(values))}
    columns, by_difference = [], []
    for position, column in enumerate(base.columns):
        if column.level != "row":
            continue
        change = exact.get(column.label)
        if change is None:
            change = _richardson([_values(one.columns[position]) for one in moved])
            if not change.any():
                continue
            by_difference.append(column.label)
        columns.append(Column(column.label, "row", change, column.coef))
    offset = _richardson([_offset(one, data) for one in moved])
    if offset.any():
        by_difference.append("the offset")
    if not columns and not offset.any():
        raise SpecificationError(
            f"variable {variable!r} moves no utility of this model; its columns: "
            f"{', '.join(dict.fromkeys(column.label for column in base.columns)) or 'none'}"
        )
    return Slopes(tuple(columns), offset if offset.any() else None, tuple(dict.fromkeys(by_difference)))


def _numbers(data: ChoiceData, variable: str) -> Floats:
    if variable in data.case_columns or (variable in data.columns and not data.varies_within_case(variable)):
        raise SpecificationError(
            f"variable {variable!r} is the same for all alternatives of a case; an elasticity needs an attribute of "
            "the alternatives"
        )
    series = data.row_frame([variable])[variable]
    if not pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        raise DataError(
            f"column {variable!r} does not hold numbers that could grow by a share; it holds {series.dtype}"
        )
    return series.to_numpy(dtype=np.float64)


def _scaled(encoding: Encoding, data: ChoiceData, variable: str, values: Floats) -> UtilityColumns:
    try:
        return encoding.columns(replace(data, row_columns={**data.row_columns, variable: pd.Series(values)}))
    except FindingsError as error:
        raise SpecificationError(
            f"the utilities are not defined where {variable!r} is {STEP:.1%} larger or smaller, so there is no "
            f"elasticity: {error}"
        ) from None


def _values(column: Column) -> Floats:
    assert column.values is not None
    return column.values


def _offset(columns: UtilityColumns, data: ChoiceData) -> Floats:
    return np.zeros(data.n_rows) if columns.offset is None else columns.offset


def _richardson(at: list[Floats]) -> Floats:
    """Derivative from the values at 1 - h, 1 - h/2, 1 + h/2, 1 + h times the variable; error of order h^4."""
    wide, narrow = (at[3] - at[0]) / (2 * STEP), (at[2] - at[1]) / STEP
    out: Floats = (4 * narrow - wide) / 3
    return out
