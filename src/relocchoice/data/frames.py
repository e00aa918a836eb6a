"""Any data frame in, plain pandas columns out."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw  # the interface that stays put from one narwhals to the next
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.labels import show
from relocchoice.errors import DataError, Finding


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns of a frame, without its index.

    Attributes
    ----------
    by_name : name -> (n_rows,) pandas Series with a RangeIndex and a plain dtype (see :func:`plain`).
    n_rows : number of rows.
    """

    by_name: Mapping[Hashable, pd.Series]
    n_rows: int

    def get(self, name: Hashable, argument: str) -> pd.Series:
        """The column called `name`.

        Raises
        ------
        DataError
            When there is none; the message names the argument that asked, the columns that exist and close names.
        """
        if isinstance(name, Hashable) and name in self.by_name:
            return self.by_name[name]
        raise DataError([Finding(rule="no_column", message=self._absent(name, argument), column=str(name))])

    def _absent(self, name: object, argument: str) -> str:
        known = [str(column) for column in self.by_name]
        close = difflib.get_close_matches(str(name), known, n=3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        shown = ", ".join(map(repr, known[:30])) + (", ..." if len(known) > 30 else "")
        return f"{argument}={show(name)} is not a column{hint} (columns: {shown or 'none'})"

    def others(self, used: Collection[Hashable]) -> dict[str, pd.Series]:
        """The columns not in `used`, whose names must be strings.

        Raises
        ------
        DataError
            When a name is not a string: formulas could not refer to it.
        """
        left = {name: series for name, series in self.by_name.items() if name not in used}
        odd = [name for name in left if not isinstance(name, str)]
        if odd:
            raise DataError(
                [
                    Finding(
                        rule="column_name",
                        message=f"column name {show(name)} is a {type(name).__name__}, not a string: rename the "
                        "column, e.g. df.columns = df.columns.map(str)",
                        column=str(name),
                    )
                    for name in odd
                ]
            )
        return {str(name): series for name, series in left.items()}


def read_frame(frame: Any) -> Columns:
    """Read pandas, polars, pyarrow and whatever else narwhals knows, or a mapping name -> values.

    Named index levels of a pandas frame count as columns; other indexes are ignored.

    Raises
    ------
    DataError
        When `frame` is not a frame, two columns share a name, or the columns of a mapping differ in length.
    """
    if isinstance(frame, Mapping):
        return _read_mapping(frame)
    native = frame if isinstance(frame, pd.DataFrame) else None
    if native is None:
        _refuse_repeated(getattr(frame, "column_names", None) or ())
        eager = _eager(frame)
        if not isinstance(eager.to_native(), pd.DataFrame):
            return Columns({name: _from_narwhals(eager[name]) for name in eager.columns}, len(eager))
        native = eager.to_native()
    return _read_pandas(native)


def _eager(frame: Any) -> nw.DataFrame[Any]:
    try:
        wrapped = nw.from_native(frame)
    except TypeError:
        raise DataError(
            f"a {type(frame).__name__} is not a data frame: "
            "give a pandas, polars or pyarrow table, or a dict of columns"
        ) from None
    return wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped


def _refuse_repeated(names: Collection[Hashable]) -> None:
    seen: set[Hashable] = set()
    repeated: list[Hashable] = []
    for name in names:
        if name in seen and name not in repeated:
            repeated.append(name)
        seen.add(name)
    if repeated:
        raise DataError(
            [
                Finding(
                    rule="column_repeated",
                    message=f"two or more columns are called {show(name)}: rename or drop all but one",
                    column=str(name),
                )
                for name in repeated
            ]
        )


def _read_pandas(frame: pd.DataFrame) -> Columns:
    _refuse_repeated(list(frame.columns))
    columns: dict[Hashable, pd.Series] = {}
    for level, name in enumerate(frame.index.names):
        if name is not None and name not in frame.columns:
            columns[name] = plain(pd.Series(frame.index.get_level_values(level), name=name))
    for name in frame.columns:
        columns[name] = plain(frame[name].reset_index(drop=True))
    return Columns(columns, len(frame))


def _read_mapping(mapping: Mapping[Any, Any]) -> Columns:
    columns = {name: _series(name, values) for name, values in mapping.items()}
    lengths = {name: len(series) for name, series in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns differ in length: {', '.join(f'{show(k)} has {v}' for k, v in lengths.items())}")
    return Columns(columns, next(iter(lengths.values()), 0))


def _series(name: Hashable, values: Any) -> pd.Series:
    if isinstance(values, pd.Series):
        return plain(values.reset_index(drop=True))
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise DataError(
            [Finding(rule="column", message=f"column {show(name)} is not a sequence of values", column=str(name))]
        )
    if getattr(values, "ndim", 1) != 1:
        raise DataError(
            [Finding(rule="column", message=f"column {show(name)} has {values.ndim} dimensions", column=str(name))]
        )
    if isinstance(values, (np.ndarray, pd.Index, pd.api.extensions.ExtensionArray)):
        return plain(pd.Series(values))
    try:
        wrapped = nw.from_native(values, series_only=True)
    except TypeError:
        return plain(pd.Series(list(values), dtype=None if len(values) else object))
    return _from_narwhals(wrapped)


def _from_narwhals(series: nw.Series[Any]) -> pd.Series:
    """A pandas Series without going through pyarrow, which is no dependency of this package."""
    dtype = series.dtype
    full = series.null_count() == 0
    if dtype.is_numeric():
        integer = dtype.is_integer() and full and dtype not in (nw.Int128, nw.UInt128)
        return pd.Series(np.array(series.to_numpy() if integer else series.cast(nw.Float64).to_numpy()))
    if dtype == nw.Boolean:
        return pd.Series(np.array(series.to_numpy())) if full else pd.Series(series.to_list(), dtype="boolean")
    if dtype == nw.Enum and series.implementation.is_polars():
        return pd.Series(pd.Categorical(series.to_list(), categories=series.to_native().dtype.categories.to_list()))
    if dtype in (nw.Enum, nw.Categorical) and not series.implementation.is_polars():
        return pd.Series(pd.Categorical(series.to_list(), categories=series.cat.get_categories().to_list()))
    # A polars Categorical has lexical order; its categories are shared by the whole process, so they say nothing here.
    return plain(pd.Series(series.to_list(), dtype=None if len(series) else object))


def plain(series: pd.Series) -> pd.Series:
    """The same values in NumPy numbers, bool, text, category or object; masked and Arrow dtypes end here.

    Numbers with nulls become float64 with NaN; only flags with nulls stay in pandas' ``"boolean"``.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return series
    if pd.api.types.is_bool_dtype(dtype) and dtype != np.dtype(bool):
        return series.astype("boolean") if series.isna().any() else series.astype(bool)
    if isinstance(dtype, np.dtype):
        return _from_objects(series) if dtype.kind == "O" else series
    if pd.api.types.is_numeric_dtype(dtype):
        if pd.api.types.is_integer_dtype(dtype) and not series.isna().any():
            return pd.Series(series.to_numpy(dtype=np.int64), name=series.name)
        return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan), name=series.name)
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA:
        return series
    if isinstance(dtype, (pd.StringDtype, pd.ArrowDtype)):
        return _from_objects(pd.Series(series.astype(object).where(series.notna(), None), name=series.name))
    return series


def _from_objects(series: pd.Series) -> pd.Series:
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind == "boolean":
        return series.astype("boolean") if series.isna().any() else series.astype(bool)
    if kind in ("decimal", "floating", "mixed-integer-float"):
        return series.astype(np.float64)
    if kind == "integer":
        return series.astype(np.float64) if series.isna().any() else series.astype(np.int64)
    if kind == "string":
        return pd.Series(series.to_list(), name=series.name)
    return series


def pick(series: pd.Series, rows: NDArray[np.intp] | slice) -> pd.Series:
    """The values of `series` at the positions `rows`, with a new RangeIndex; always a copy, and one only."""
    values = series.array[rows].copy() if isinstance(rows, slice) else series.array.take(rows)
    taken = pd.Series(values, name=series.name, copy=False)
    return plain(taken) if isinstance(series.dtype, pd.BooleanDtype) else taken  # plain flags once the nulls are gone


def missing_values(series: pd.Series) -> NDArray[np.bool_]:
    """Where a value is null, NaN or infinite."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fc":
        return ~np.isfinite(series.to_numpy())
    return series.isna().to_numpy(dtype=bool)


def comparable(series: pd.Series) -> NDArray[Any]:
    """An array that is equal where the values are equal; nulls equal nulls."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biu":
        return series.to_numpy()
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.codes.to_numpy()
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        values = series.to_numpy()
        if not np.isnan(values).any():
            return values
    try:
        return pd.factorize(series)[0]
    except TypeError:
        return pd.factorize(series.map(repr))[0]
