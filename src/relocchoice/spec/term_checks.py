"""What is refused about the columns that terms read: absent, missing, not usable, not finite, of unknown level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, Finding, SpecificationError
from relocchoice.spec.labels import Label, hint, plain
from relocchoice.spec.parts import ParsedTerm

Rows = Literal["case", "row"]

DROP = 'drop such rows with missing="drop" when the data are built or with data.drop_missing([...]), or fill them in'
CHANGE = "leave such cases out (data.select) or write a term that is finite there, as log1p(x) is at 0"


def unknown_columns(terms: Iterable[ParsedTerm], data: ChoiceData) -> list[Finding]:
    """One finding for each column that the terms read and the data do not have."""
    known = [str(name) for name in data.columns]
    names = dict.fromkeys(name for term in terms for factor in term.factors for name in factor.columns)
    return [
        Finding(
            rule="unknown_column",
            message=f"column {name!r} of the formula is not in the data; {hint(name, known)}",
            column=name,
        )
        for name in names
        if name not in known
    ]


def source_columns(terms: Iterable[ParsedTerm]) -> tuple[str, ...]:
    """Columns that the terms read, in order of appearance."""
    return tuple(dict.fromkeys(name for term in terms for factor in term.factors for name in factor.columns))


def check_levels(
    frame: pd.DataFrame,
    terms: Sequence[ParsedTerm],
    levels: Mapping[str, tuple[Label, ...]],
    data: ChoiceData,
    rows: Rows,
) -> None:
    """Levels that the encoding does not know are refused. Raises DataError with all of them."""
    findings = []
    for factor in {factor.text: factor for term in terms for factor in term.factors}.values():
        if factor.text not in levels:
            continue
        column = factor.columns[0]
        strange = ~frame[column].isin(list(levels[factor.text])).to_numpy()
        if strange.any():
            first = int(np.argmax(strange))
            value = plain(frame[column].iloc[first])
            case, alternative = _place(data, rows, first)
            findings.append(
                Finding(
                    rule="unknown_level",
                    message=f"column {column!r} has the level {value!r} in {_said(case, alternative)}"
                    f"{_more(strange)}, which {factor.text!r} does not know; {hint(value, levels[factor.text])}; "
                    "leave such cases out or fit the model on data that have the level",
                    column=column,
                    case=case,
                    alternative=alternative,
                    value=value,
                    count=int(strange.sum()),
                )
            )
    if findings:
        raise DataError(findings)


def check_shadowing(terms: Sequence[ParsedTerm]) -> None:
    """A column named as a function that the same part calls would be called in its place."""
    called = {name for term in terms for factor in term.factors for name in factor.functions}
    for name in source_columns(terms):
        if name in called:
            raise SpecificationError(f"column {name!r} has the name of a function of the formula; rename the column")


def check_present(frame: pd.DataFrame, data: ChoiceData, rows: Rows, terms: Sequence[ParsedTerm]) -> None:
    """Missing values are refused here, before a categorical would turn them into a row of zeros."""
    findings = []
    for name in frame.columns:
        absent = frame[name].isna().to_numpy()
        if absent.any():
            first = int(np.argmax(absent))
            case, alternative = _place(data, rows, first)
            used = next(term.label for term in terms if name in source_columns([term]))
            findings.append(
                Finding(
                    rule="missing_value",
                    message=f"column {name!r} of term {used!r} is missing in {_said(case, alternative)}"
                    f"{_more(absent)}; {DROP}",
                    column=name,
                    case=case,
                    alternative=alternative,
                    count=int(absent.sum()),
                )
            )
        elif not _usable(frame[name]):
            findings.append(
                Finding(
                    rule="column_type",
                    message=f"column {name!r} holds {frame[name].dtype}, which is no number, text or category; "
                    "turn it into one of these first",
                    column=name,
                )
            )
    if findings:
        raise DataError(findings)


def _usable(column: pd.Series) -> bool:
    types = pd.api.types
    dtype = column.dtype
    if types.is_numeric_dtype(dtype):
        return not types.is_complex_dtype(dtype)
    return isinstance(dtype, pd.CategoricalDtype) or types.is_object_dtype(dtype) or types.is_string_dtype(dtype)


def check_finite(
    label: str, values: NDArray[np.float64], frame: pd.DataFrame, term: ParsedTerm, data: ChoiceData, rows: Rows
) -> None:
    """A term that is not finite somewhere is refused. Raises DataError."""
    strange = ~np.isfinite(values)
    if not strange.any():
        return
    first = int(np.argmax(strange))
    case, alternative = _place(data, rows, first)
    sources = source_columns([term])
    read = ", ".join(f"column {name!r} is {plain(frame[name].iloc[first])!r}" for name in sources)
    raise DataError(
        [
            Finding(
                rule="not_finite",
                message=f"term {label!r} is {values[first]} in {_said(case, alternative)}{_more(strange)}, "
                f"where {read}; {CHANGE}",
                column=sources[0],
                case=case,
                alternative=alternative,
                value=plain(frame[sources[0]].iloc[first]),
                count=int(strange.sum()),
            )
        ]
    )


def _place(data: ChoiceData, rows: Rows, position: int) -> tuple[Label, Label]:
    """Labels of the case and the alternative of one row; no alternative for a row that is a case."""
    if rows == "case":
        return plain(data.cases[position]), None
    case = int(np.searchsorted(data.offsets, position, side="right")) - 1
    return plain(data.cases[case]), plain(data.alternatives[data.row_alternative[position]])


def _said(case: Label, alternative: Label) -> str:
    return f"case {case!r}" + (f", alternative {alternative!r}" if alternative is not None else "")


def _more(strange: NDArray[np.bool_]) -> str:
    rest = int(strange.sum()) - 1
    return f" and {rest} more" if rest else ""
