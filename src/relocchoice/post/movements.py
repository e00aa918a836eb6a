"""How utilities move with a variable of the data, per unit of it: through the formula, not through parameter names.

:mod:`relocchoice.post.slopes` has x dV/dx, for elasticities of attributes; here it is dV/dx, also of variables that are
one a case or zero somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, FindingsError, SpecificationError
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.encoding import Encoding

Floats = NDArray[np.float64]
STEP = 2e-3
PROBED = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """The columns that move with a variable.

    Attributes
    ----------
    variable : its name; values : (R,) of each row.
    of_cases : whether it is one a case, and so moves all utilities of the case at once.
    columns : with d column / dx in place of the values, all of level ``"row"``; ``values=None`` stands for ones.
    offset : (R,) d offset / dx, or None.
    by_difference : labels of the columns whose derivative is a central difference; that of the variable itself and of
        its logarithm is exact.
    """

    variable: str
    values: Floats
    of_cases: bool
    columns: tuple[Column, ...]
    offset: Floats | None
    by_difference: tuple[str, ...]


def movements(encoding: Encoding, data: ChoiceData, variables: Sequence[str]) -> list[Movement]:
    """:func:`movement` of several variables."""
    # labels and coefficients do not depend on the cases, and evaluating all columns of many cases takes time
    base = encoding.columns(data.select(slice(0, 1)))
    return [_movement(encoding, data, variable, base) for variable in variables]


def movement(encoding: Encoding, data: ChoiceData, variable: str) -> Movement:
    """The columns that move when a variable grows.

    Raises
    ------
    DataError : there is no such column, or it does not hold numbers.
    SpecificationError : it stands in no utility, or the utilities are not defined beside its values.
    """
    (found,) = movements(encoding, data, [variable])
    return found


def _movement(encoding: Encoding, data: ChoiceData, variable: str, base: UtilityColumns) -> Movement:
    values = numbers_of(data, variable)
    exact = {variable, f"`{variable}`"}
    logs = {f"log({variable})", f"np.log({variable})", f"log(`{variable}`)"}
    held = getattr(encoding, "offset", None)
    text = "" if held is None else held.text
    labels = [column.label for column in base.columns if names_variable(column.label, variable)]
    needed = names_variable(text, variable) or any(label not in exact and label not in logs for label in labels)
    step = _steps(values) if needed else values
    moved = _moved(encoding, data, variable, values, step) if needed else []
    columns, by_difference = [], []
    for position, column in enumerate(base.columns):
        # a column can only move with a variable that its term names
        if column.level == "constant" or not names_variable(column.label, variable):
            continue
        change: Floats | None
        if column.label in exact:
            change = None
        elif column.label in logs:
            change = 1.0 / values
        else:
            change = _richardson([_by_row(one.columns[position], data) for one in moved], step)
            if not change.any():
                continue
            by_difference.append(column.label)
        columns.append(Column(column.label, "row", change, column.coef))
    offset = None
    if moved and base.offset is not None:
        offset = _richardson([np.zeros(data.n_rows) if one.offset is None else one.offset for one in moved], step)
        if offset.any():
            by_difference.append("the offset")
        else:
            offset = None
    if not columns and offset is None:
        raise not_in_model(variable, base)
    return Movement(
        variable, values, one_a_case(data, variable), tuple(columns), offset, tuple(dict.fromkeys(by_difference))
    )


def names_variable(label: str, variable: str) -> bool:
    """Whether an expression may name a variable; ``x1`` is not named by ``x10``."""
    if not variable.isidentifier():
        return variable in label
    return re.search(rf"(?<!\w){re.escape(variable)}(?!\w)", label) is not None


def not_in_model(variable: str, base: UtilityColumns) -> SpecificationError:
    """The error on a variable that stands in no utility."""
    labels = ", ".join(dict.fromkeys(column.label for column in base.columns)) or "none"
    return SpecificationError(f"variable {variable!r} moves no utility of this model; its columns: {labels}")


def one_a_case(data: ChoiceData, variable: str) -> bool:
    """Whether a variable is the same for all alternatives of every case."""
    if variable in data.case_columns:
        return True
    if variable not in data.row_columns:
        return not data.varies_within_case(variable)
    few = replace(data, row_columns={variable: column_of(data, variable)}, case_columns={}).select(slice(0, PROBED))
    # a look at the first cases settles most columns
    return not few.varies_within_case(variable) and not data.varies_within_case(variable)


def numbers_of(data: ChoiceData, variable: str) -> Floats:
    """(R,) values of a numeric variable.

    Raises
    ------
    DataError : there is no such column, or it does not hold numbers.
    """
    series = column_of(data, variable)
    if not pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        raise DataError(
            f"column {variable!r} does not hold numbers with a derivative, it holds {series.dtype}; "
            "ask for the discrete change between two of its values, change=(from, to)"
        )
    return series.to_numpy(dtype=np.float64)


def column_of(data: ChoiceData, variable: str) -> pd.Series:
    """(R,) a column of values, which is none of the roles.

    Raises
    ------
    DataError : there is no such column.
    """
    held = (*data.row_columns, *data.case_columns)
    if variable not in held:
        raise DataError(f"no column {variable!r} in the data; columns: {', '.join(map(str, held)) or 'none'}")
    if variable in data.row_columns:
        return data.row_columns[variable]
    return data.case_columns[variable].iloc[data.row_case()].reset_index(drop=True)


def with_values(data: ChoiceData, changes: Mapping[str, Any]) -> ChoiceData:
    """The data with other values of some columns: (R,) values each; columns that are one a case stay so."""
    rows, cases = dict(data.row_columns), dict(data.case_columns)
    first = data.offsets[:-1].astype(np.intp)
    for name, values in changes.items():
        series = values if isinstance(values, pd.Series) else pd.Series(values)
        if name in cases:
            cases[name] = series.iloc[first].reset_index(drop=True)
        else:
            rows[name] = series.reset_index(drop=True)
    return replace(data, row_columns=rows, case_columns=cases)


def _steps(values: Floats) -> Floats:
    """(R,) steps that are small beside each value and beside the spread of all, and keep the sign of the value."""
    size = np.abs(values)
    scale = float(size.mean()) if len(size) else 1.0
    floor = 1e-3 * scale if scale > 0 else 1.0
    return STEP * np.where((size > 0) & (size < floor), size, np.maximum(size, floor))


def _moved(encoding: Encoding, data: ChoiceData, variable: str, values: Floats, step: Floats) -> list[UtilityColumns]:
    out = []
    for factor in (-1.0, -0.5, 0.5, 1.0):
        try:
            out.append(encoding.columns(with_values(data, {variable: values + factor * step})))
        except FindingsError as error:
            raise SpecificationError(
                f"the utilities are not defined beside the values of {variable!r}, so there is no derivative: {error}"
            ) from None
    return out


def _by_row(column: Column, data: ChoiceData) -> Floats:
    assert column.values is not None
    return column.values if column.level == "row" else column.values[data.row_case()]


def _richardson(at: list[Floats], step: Floats) -> Floats:
    """Derivative from the values at -h, -h/2, h/2, h; error of order h^4."""
    wide, narrow = (at[3] - at[0]) / (2 * step), (at[2] - at[1]) / step
    out: Floats = (4 * narrow - wide) / 3
    # of a column that does not move, or of a linear one, the differences are exact or rounding
    largest = float(np.abs(out).max(initial=0.0))
    size = max(float(np.abs(values).max(initial=0.0)) for values in at)
    noise = 1e-11 * size / float(step.min(initial=1.0)) if len(step) else 0.0
    return np.zeros_like(out) if largest <= noise * 1e-3 else out
