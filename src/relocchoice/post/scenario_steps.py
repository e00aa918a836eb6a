"""One change of a scenario as data, and what it does to a table of choices."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import encode, index_of, plain_label, show, show_some
from relocchoice.data.structural import with_close
from relocchoice.errors import DataError, Finding, OptionError
from relocchoice.post.movements import with_values
from relocchoice.post.settings import same_kind

How = Literal["scale", "add to", "set", "converge"]
Where = tuple[tuple[tuple[str, tuple[Any, ...]], ...], ...]
Bools = NDArray[np.bool_]
ALTERNATIVE = "alternative"
SHAPE = "write where={column: value or list of values}, or a list of such conditions, any of which suffices"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a step made of the data: the data, the rows it concerned, and whether any value or row changed."""

    data: ChoiceData
    rows: int
    changed: bool


# ------------------------------------------------------------------------------------------------------- the steps


@dataclass(frozen=True, slots=True)
class Change:
    """Other values of a column.

    Attributes
    ----------
    column : its name.
    how : ``"scale"`` by ``number``, ``"add to"``, ``"set"`` to, ``"converge"`` towards by the share ``share``.
    number : the value; None where it is taken from alternative ``at``, as the same case sees it.
    """

    column: str
    how: How
    number: Any
    at: Any = None
    share: float = 1.0
    where: Where = ()

    def apply(self, data: ChoiceData) -> Applied:
        """The data with the new values."""
        old = column_named(data, self.column)
        rows = rows_where(data, self.where, str(self))
        if self.column in data.case_columns:
            _refuse_parts(data, rows, self)
        new = self._values(data, old, rows)
        mask = pd.Series(rows)
        merged = old.astype(new.dtype).where(~mask, new) if new.dtype != old.dtype else old.where(~mask, new)
        same = (merged == old) | (merged.isna() & old.isna())
        return Applied(with_values(data, {self.column: merged}), int(rows.sum()), not bool(same.all()))

    def _values(self, data: ChoiceData, old: pd.Series, rows: Bools) -> pd.Series:
        if self.how == "set" and self.at is None:
            return same_kind(old, self.number)
        target = at_alternative(data, old, self.at, rows, str(self)) if self.at is not None else None
        if self.how == "set":
            assert target is not None
            return target
        if not pd.api.types.is_numeric_dtype(old.dtype) or pd.api.types.is_bool_dtype(old.dtype):
            raise DataError(f"column {self.column!r} holds {old.dtype}, not numbers: only .set changes it")
        x = old.astype(float)
        if self.how == "scale":
            return x * self.number
        if self.how == "add to":
            return x + self.number
        return x + self.share * ((self.number if target is None else target.astype(float)) - x)

    def __str__(self) -> str:
        whither = f"{self.number!r}" if self.at is None else f"its value at {show(self.at)}"
        told = {
            "scale": f"{self.column} times {self.number!r}",
            "add to": f"{self.column} plus {self.number!r}",
            "set": f"{self.column} set to {whither}",
            "converge": f"{self.column} moved by {self.share:g} of its distance to {whither}",
        }
        return told[self.how] + where_text(self.where)


@dataclass(frozen=True, slots=True)
class Removal:
    """An alternative that is no choice any more, for some cases or for all."""

    alternative: Any
    where: Where = ()

    def apply(self, data: ChoiceData) -> Applied:
        """The data without its rows; the label stays."""
        code = code_of(data, self.alternative, str(self))
        gone = rows_where(data, self.where, str(self)) & (data.row_alternative == code)
        if not gone.any():
            raise DataError(f"scenario step {str(self)!r} touches nothing: no case could choose it there")
        case = data.row_case()
        left = np.bincount(case[~gone], minlength=data.n_cases)
        empty = np.flatnonzero(left == 0)
        if len(empty):
            label = plain_label(data.cases[empty[0]])
            raise DataError(
                f"scenario step {str(self)!r} leaves case {show(label)} and {len(empty) - 1} others no alternative: "
                "restrict it with where=, or drop these cases first"
            )
        rows = np.flatnonzero(~gone)
        out = replace(
            data,
            offsets=np.append(0, np.cumsum(left)).astype(np.int64),
            row_alternative=data.row_alternative[rows],
            row_columns={name: _taken(series, rows) for name, series in data.row_columns.items()},
        )
        return Applied(out, int(gone.sum()), True)

    def __str__(self) -> str:
        return f"{plain_label(self.alternative)} removed{where_text(self.where)}"


@dataclass(frozen=True, slots=True)
class Addition:
    """A new alternative with the attributes, coefficients and nest of a known one, unless said otherwise.

    Attributes
    ----------
    alternative : its label; like : label of the known one.
    values : pairs of a column and the value it has there.
    constant : its alternative-specific constant; None takes that of ``like``.
    nest : the nest it stands in, ``""`` for none; None takes that of ``like``.
    """

    alternative: Any
    like: Any
    values: tuple[tuple[str, Any], ...] = ()
    constant: float | None = None
    nest: str | None = None
    where: Where = ()

    def apply(self, data: ChoiceData) -> Applied:
        """The data with its rows, behind those of the alternatives that were there."""
        labels = data.alternatives.tolist()
        if self.alternative in labels:
            raise DataError(f"scenario step {str(self)!r}: {show(self.alternative)} is already an alternative")
        code = code_of(data, self.like, str(self))
        copied = np.flatnonzero(rows_where(data, self.where, str(self)) & (data.row_alternative == code))
        if not len(copied):
            raise DataError(f"scenario step {str(self)!r} touches nothing: no case there may choose {show(self.like)}")
        case = data.row_case()
        source = np.append(np.arange(data.n_rows), copied)
        new = np.append(np.asarray(data.row_alternative), np.full(len(copied), len(labels)))
        order = np.lexsort((new, case[source]))
        columns = {name: _taken(series, source[order]) for name, series in data.row_columns.items()}
        here = new[order] == len(labels)
        for name, value in self.values:
            if name in data.case_columns:
                raise DataError(
                    f"scenario step {str(self)!r}: column {name!r} has one value a case, none by alternative"
                )
            column_named(data, name)
            if name not in columns:
                raise DataError(f"scenario step {str(self)!r}: column {name!r} is no attribute of the alternatives")
            fresh = same_kind(columns[name], value)
            columns[name] = columns[name].astype(fresh.dtype).where(~pd.Series(here), fresh)
        sizes = np.diff(data.offsets) + np.bincount(case[copied], minlength=data.n_cases)
        out = replace(
            data,
            alternatives=index_of([*labels, self.alternative]),
            offsets=np.append(0, np.cumsum(sizes)).astype(np.int64),
            row_alternative=new[order].astype(np.intp),
            row_columns=columns,
        )
        return Applied(out, len(copied), True)

    def __str__(self) -> str:
        parts = [f"{name} {value!r}" for name, value in self.values]
        parts += [] if self.constant is None else [f"constant {self.constant:g}"]
        parts += [] if self.nest is None else [f"in nest {self.nest!r}" if self.nest else "in no nest"]
        told = f" with {', '.join(parts)}" if parts else ""
        return f"{plain_label(self.alternative)} added like {plain_label(self.like)}{told}{where_text(self.where)}"


Step = Change | Removal | Addition


def _taken(series: pd.Series, rows: NDArray[np.intp]) -> pd.Series:
    return series.iloc[rows].reset_index(drop=True)


def _refuse_parts(data: ChoiceData, rows: Bools, step: Change) -> None:
    """A column that is one a case changes for whole cases."""
    counts = np.add.reduceat(rows.astype(np.intp), data.offsets[:-1])
    partly = np.flatnonzero((counts > 0) & (counts < np.diff(data.offsets)))
    if len(partly):
        raise DataError(
            f"scenario step {str(step)!r}: column {step.column!r} has one value a case, so it cannot change at some "
            f"alternatives only (case {show(plain_label(data.cases[partly[0]]))}); take the alternatives out of where="
        )


# ---------------------------------------------------------------------------------------------------- conditions


def read_where(where: Any) -> Where:
    """Conditions as records.

    Parameters
    ----------
    where : None for everywhere; a mapping column (or ``"alternative"``) -> value or list of values, all of which must
        hold; or a list of such mappings.

    Raises
    ------
    OptionError : another shape.
    """
    if where is None or where == ():
        return ()
    several = [where] if isinstance(where, Mapping) else where
    if not isinstance(several, list | tuple) or not several:
        raise OptionError(f"where={show(where)} is no condition: {SHAPE}")
    out = []
    for conditions in several:
        if not isinstance(conditions, Mapping) or not conditions:
            raise OptionError(f"where={show(where)} holds {show(conditions)}, which is no condition: {SHAPE}")
        out.append(tuple((_name(column), _wanted(column, wanted)) for column, wanted in conditions.items()))
    return tuple(out)


def _name(column: Any) -> str:
    if not isinstance(column, str):
        raise OptionError(f"where= has the column {show(column)}, which is no name: {SHAPE}")
    return column


def _wanted(column: Any, wanted: Any) -> tuple[Any, ...]:
    values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset | np.ndarray | pd.Index) else [wanted]
    odd = [value for value in values if not isinstance(value, Hashable) or value is None or value != value]
    if not values or odd:
        raise OptionError(f"where={{{show(column)}: {show(wanted)}}} names no value: {SHAPE}")
    return tuple(dict.fromkeys(plain_label(value) for value in values))


def where_text(where: Where) -> str:
    """The conditions in words, with a blank before."""
    if not where:
        return ""
    said = [
        " and ".join(f"{column} is {'one of ' if len(v) > 1 else ''}{show_some(v)}" for column, v in conditions)
        for conditions in where
    ]
    return " where " + ", or ".join(said)


def rows_where(data: ChoiceData, where: Where, step: str) -> Bools:
    """(R,) the rows in which the conditions hold.

    Raises
    ------
    DataError : a column or value that the data do not have, or no row at all.
    """
    if not where:
        return np.ones(data.n_rows, dtype=bool)
    out = np.zeros(data.n_rows, dtype=bool)
    for conditions in where:
        holds = np.ones(data.n_rows, dtype=bool)
        for column, values in conditions:
            holds &= _holds(data, column, values, step)
        out |= holds
    if not out.any():
        raise DataError(f"scenario step {step!r} touches nothing: its conditions never hold together")
    return out


def _holds(data: ChoiceData, column: str, values: Sequence[Any], step: str) -> Bools:
    if column == ALTERNATIVE:
        codes = [code_of(data, value, step) for value in values]
        return np.isin(data.row_alternative, codes)
    found = encode(column_named(data, column), column)
    labels = found.labels.tolist()
    hit = np.zeros(len(labels) + 1, dtype=bool)  # a missing value has code -1, the last place
    for value in values:
        at = _position(value, labels)
        if at is None:
            message = f"scenario step {step!r} names {show(value)}, which column {column!r} never holds"
            message = with_close(message, value, labels)
            raise DataError([Finding("scenario_value", message, column=column, value=value)])
        hit[at] = True
    return hit[found.codes]


def _position(label: Any, labels: Sequence[Any]) -> int | None:
    """Position of a label; True is not 1."""
    flag = isinstance(label, bool)
    return next((k for k, known in enumerate(labels) if known == label and isinstance(known, bool) == flag), None)


def code_of(data: ChoiceData, label: Any, step: str) -> int:
    """Code of an alternative.

    Raises
    ------
    DataError : there is none of that label.
    """
    known = data.alternatives.tolist()
    at = _position(label, known)
    if at is None:
        message = with_close(f"scenario step {step!r} names {show(label)}, which is no alternative", label, known)
        raise DataError([Finding("scenario_alternative", message, alternative=label, value=label)])
    return at


def column_named(data: ChoiceData, name: str) -> pd.Series:
    """(R,) a column of the data.

    Raises
    ------
    DataError : there is none of that name.
    """
    known = list(dict.fromkeys([*data.row_columns, *data.case_columns, *data.columns]))
    if name not in known:
        message = with_close(f"a scenario names the column {name!r}, which the data do not have", name, known)
        raise DataError([Finding("scenario_column", message, column=name)])
    return data.row_frame([name])[name]


def at_alternative(data: ChoiceData, series: pd.Series, label: Any, rows: Bools, step: str) -> pd.Series:
    """(R,) what the case of each row has in the row of one alternative."""
    code = code_of(data, label, step)
    source = np.full(data.n_cases, -1, dtype=np.intp)
    there = np.flatnonzero(data.row_alternative == code)
    case = data.row_case()
    source[case[there]] = there
    lacking = np.flatnonzero((source[case] < 0) & rows)
    if len(lacking):
        at = show(plain_label(data.cases[case[lacking[0]]]))
        raise DataError(f"scenario step {step!r}: case {at} has no alternative {show(label)} to take a value from")
    found = series.iloc[np.where(source[case] < 0, np.arange(data.n_rows), source[case])]
    return found.reset_index(drop=True)


def number_of(name: str, value: Any) -> float:
    """A finite number.

    Raises
    ------
    OptionError : it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise OptionError.of(name, value, "a finite number")
    return float(value)
