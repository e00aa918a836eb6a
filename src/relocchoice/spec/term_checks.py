"""What is refused about the columns that terms read: absent, missing, not usable, not finite, of unknown level."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Number
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, Finding, SpecificationError
from relocchoice.spec.labels import Label, hint, plain, said
from relocchoice.spec.parts import ParsedTerm

Rows = Literal["case", "row"]

DROP = 'drop such rows with missing="drop" when the data are built or with data.drop_missing([...]), or fill them in'
CHANGE = "leave such cases out (data.select) or write a term that is finite there, as log1p(x) is at 0"


DATA_RULES = frozenset({"missing_value", "column_type", "mixed_column", "not_finite", "unknown_level", "no_cases"})


def refuse(findings: Sequence[Finding]) -> None:
    """Raise all findings together: a DataError when every one is about values, else a SpecificationError."""
    if findings:
        kind = DataError if all(finding.rule in DATA_RULES for finding in findings) else SpecificationError
        raise kind(distinct(findings))


def distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of several parts, each once; a column that is missing in two parts is missing once."""
    kept: dict[tuple[str, str | None, str], Finding] = {}
    for finding in findings:
        by_column = finding.rule in ("missing_value", "unknown_column", "mixed_column")
        kept.setdefault((finding.rule, finding.column, "" if by_column else finding.message), finding)
    return tuple(kept.values())


def no_cases(data: ChoiceData) -> list[Finding]:
    """A model can learn nothing from data without a case."""
    message = "the data have no case to learn the specification from: select some cases"
    return [] if data.n_cases else [Finding(rule="no_cases", message=message)]


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


def unknown_levels(
    frame: pd.DataFrame,
    terms: Sequence[ParsedTerm],
    levels: Mapping[str, tuple[Label, ...]],
    data: ChoiceData,
    rows: Rows,
) -> list[Finding]:
    """Levels that the encoding does not know."""
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
    return findings


def shadowing(terms: Sequence[ParsedTerm]) -> list[Finding]:
    """A column named as a function that the same part calls would be called in its place."""
    called = {name for term in terms for factor in term.factors for name in factor.functions}
    return [
        Finding(
            rule="function_name",
            message=f"column {name!r} has the name of a function of the formula; rename the column",
            column=name,
        )
        for name in source_columns(terms)
        if name in called
    ]


def unusable_columns(
    frame: pd.DataFrame, finite: Collection[str], data: ChoiceData, rows: Rows, terms: Sequence[ParsedTerm]
) -> list[Finding]:
    """Missing values, before a categorical would turn them into a row of zeros; values that are no number or label.

    Parameters
    ----------
    finite : columns of which :func:`all_finite` is true.
    """
    findings = []
    for name in frame.columns:
        column = frame[name]
        absent = np.zeros(0, dtype=bool) if name in finite else column.isna().to_numpy()
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
        elif (stray := _stray(column)) is not None:
            case, alternative = _place(data, rows, int(np.argmax(stray)))
            value = frame[name].iloc[int(np.argmax(stray))]
            findings.append(
                Finding(
                    rule="mixed_column",
                    message=f"column {name!r} holds numbers, but {value!r} in {_said(case, alternative)}"
                    f"{_more(stray)}; correct the value or make it missing, e.g. with "
                    f"pd.to_numeric(df[{name!r}], errors='coerce'); labels are to be text throughout",
                    column=name,
                    case=case,
                    alternative=alternative,
                    value=value,
                    count=int(stray.sum()),
                )
            )
        elif not _usable(column):
            findings.append(
                Finding(
                    rule="column_type",
                    message=f"column {name!r} holds {frame[name].dtype}, which is no number, text or category; "
                    "turn it into one of these first",
                    column=name,
                )
            )
    return findings


def all_finite(column: pd.Series) -> bool:
    """Whether plain numbers are known to be finite without looking at each: their sum is."""
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind not in "iufb":
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(column.to_numpy().sum()))


def _stray(column: pd.Series) -> NDArray[np.bool_] | None:
    """Where an object column that holds mostly numbers has text; None for any other column."""
    if column.dtype != object or pd.api.types.infer_dtype(column) == "string":
        return None
    text = np.fromiter((isinstance(value, str) for value in column), dtype=bool, count=len(column))
    number = np.fromiter((isinstance(value, Number) for value in column), dtype=bool, count=len(column))
    return text if text.any() and 2 * number.sum() > len(column) else None


def changed_types(
    frame: pd.DataFrame, numeric: Collection[str], levels: Mapping[str, tuple[Label, ...]]
) -> list[Finding]:
    """Columns that are text now and were numeric when the encoding was learned, or the other way round.

    Parameters
    ----------
    numeric : columns that were numeric.
    levels : factor -> its levels; the factor of a column that stands alone is the column.
    """
    findings = []
    for name in frame.columns:
        dtype = frame[name].dtype
        # a category keeps the type of its labels, so C(year) may go from numbers to categories and back
        held = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
        is_number = pd.api.types.is_numeric_dtype(held)
        was_text = name in levels and all(isinstance(level, str) for level in levels[name])
        if (name in numeric and not is_number) or (was_text and is_number):
            was, now = ("text", "numeric") if was_text else ("numeric", "text")
            message = f"column {name!r} was {was} when the model was fitted and is {now} now; "
            message += "convert it, e.g. with pd.to_numeric" if was == "numeric" else "convert it with .astype(str)"
            findings.append(Finding(rule="type_changed", message=message, column=name))
    return findings


def _usable(column: pd.Series) -> bool:
    types = pd.api.types
    dtype = column.dtype
    if types.is_numeric_dtype(dtype):
        return not types.is_complex_dtype(dtype)
    return isinstance(dtype, pd.CategoricalDtype) or types.is_object_dtype(dtype) or types.is_string_dtype(dtype)


def not_finite(
    label: str, values: NDArray[np.float64], frame: pd.DataFrame, term: ParsedTerm, data: ChoiceData, rows: Rows
) -> list[Finding]:
    """A column of a term that is not finite somewhere."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # then all are; the sum of finite values may overflow
            return []
    strange = ~np.isfinite(values)
    if not strange.any():
        return []
    first = int(np.argmax(strange))
    case, alternative = _place(data, rows, first)
    sources = source_columns([term])
    read = ", ".join(f"column {name!r} is {plain(frame[name].iloc[first])!r}" for name in sources)
    return [
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


def _place(data: ChoiceData, rows: Rows, position: int) -> tuple[Label, Label]:
    """Labels of the case and the alternative of one row; no alternative for a row that is a case."""
    if rows == "case":
        return plain(data.cases[position]), None
    case = int(np.searchsorted(data.offsets, position, side="right")) - 1
    return plain(data.cases[case]), plain(data.alternatives[data.row_alternative[position]])


def _said(case: Label, alternative: Label) -> str:
    return f"case {said(case)}" + (f", alternative {said(alternative)}" if alternative is not None else "")


def _more(strange: NDArray[np.bool_]) -> str:
    rest = int(strange.sum()) - 1
    return f" and {rest} more" if rest else ""
