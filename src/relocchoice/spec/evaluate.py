"""Terms turned into numeric columns by formulaic, and what was learned on the way kept as plain values.

What is kept is small: the levels of each categorical factor and the state of each transformation (centre, knots, ...).
Everything else of the encoding follows from the text, so a saved model needs no pickle.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelSpec, SimpleFormula
from formulaic.errors import FormulaicError
from formulaic.parser.types import Factor, Term
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.frozen import FrozenMap
from relocchoice.errors import DataError, Finding, SpecificationError
from relocchoice.spec.expressions import FUNCTIONS
from relocchoice.spec.labels import Label, label_from_json, label_to_json, listed
from relocchoice.spec.parts import ParsedTerm, parse_part
from relocchoice.spec.state import state_from_json, state_to_json
from relocchoice.spec.term_checks import (
    Rows,
    all_finite,
    changed_types,
    not_finite,
    refuse,
    shadowing,
    source_columns,
    unknown_columns,
    unknown_levels,
    unusable_columns,
)

INTERCEPT = Term([Factor("1", eval_method="literal")])


@dataclass(frozen=True, slots=True, eq=False)
class TermsEncoding:
    """How one part of a formula becomes numeric columns, learned once and applied to any data.

    Attributes
    ----------
    text : the terms as written.
    level : ``"row"`` (evaluated on cases x alternatives) or ``"case"``.
    intercept : whether an intercept belongs to the part unless it is taken away (part two).
    reduced : whether categorical columns lose a level although the part has no intercept (parts one and three).
    labels : (C,) labels of the columns, without the intercept.
    constant : whether the part has an intercept.
    levels : categorical factor -> its levels, in order.
    transforms : transformation -> its state, as formulaic keeps it.
    numeric : columns that were numeric when the encoding was learned.
    """

    text: str
    level: Rows
    intercept: bool
    reduced: bool
    labels: tuple[str, ...]
    constant: bool
    levels: Mapping[str, tuple[Label, ...]]
    transforms: Mapping[str, Any]
    numeric: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", FrozenMap(self.levels))
        object.__setattr__(self, "transforms", FrozenMap(self.transforms))

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON values.

        Raises
        ------
        StoreError : a level or a state that JSON cannot carry.
        """
        return {
            "text": self.text,
            "level": self.level,
            "intercept": self.intercept,
            "reduced": self.reduced,
            "labels": list(self.labels),
            "constant": self.constant,
            "levels": [[factor, [label_to_json(level) for level in levels]] for factor, levels in self.levels.items()],
            "transforms": state_to_json(dict(self.transforms)),
            "numeric": list(self.numeric),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TermsEncoding:
        """The encoding that :meth:`to_dict` wrote."""
        return cls(
            text=stored["text"],
            level=stored["level"],
            intercept=stored["intercept"],
            reduced=stored["reduced"],
            labels=tuple(stored["labels"]),
            constant=stored["constant"],
            levels={factor: tuple(map(label_from_json, levels)) for factor, levels in stored["levels"]},
            transforms=state_from_json(stored["transforms"]),
            numeric=tuple(stored.get("numeric", ())),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Numeric columns of one part, with what was learned while they were made.

    Attributes
    ----------
    encoding : what was learned, or applied.
    values : a (R,) or (n,) array a label of the encoding.
    """

    encoding: TermsEncoding
    values: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """What became of evaluating one part.

    Attributes
    ----------
    evaluated : the columns of the terms that could be evaluated; of all terms when there is no finding.
    findings : everything that is wrong, of the columns and of the terms.
    """

    evaluated: Evaluated
    findings: tuple[Finding, ...] = ()

    def settled(self) -> Evaluated:
        """The columns.

        Raises
        ------
        DataError, SpecificationError : with all the findings, when there are any.
        """
        refuse(self.findings)
        return self.evaluated


def try_terms(
    text: str,
    data: ChoiceData,
    level: Rows,
    *,
    intercept: bool = False,
    reduced: bool = False,
    without: Collection[str] = (),
) -> Attempt:
    """:func:`learn_terms` that hands its findings back.

    Parameters
    ----------
    text, data, level, intercept, reduced : see :func:`learn_terms`.
    without : columns about which something was said already; terms that read them are left out.

    Raises
    ------
    SpecificationError : the text is no formula.
    """
    blank = TermsEncoding(text, level, intercept, reduced, (), False, {}, {})
    return _evaluate(blank, data, learning=True, without=without)


def learn_terms(
    text: str, data: ChoiceData, level: Rows, *, intercept: bool = False, reduced: bool = False
) -> Evaluated:
    """Evaluate the terms of one part and keep what is needed to evaluate them alike on other data.

    Parameters
    ----------
    text : the terms.
    data : n cases, R rows; must have the columns.
    level : ``"row"`` or ``"case"``.
    intercept, reduced : see :class:`TermsEncoding`.

    Raises
    ------
    SpecificationError : a term cannot be read or evaluated.
    DataError : a column or a term is missing or not finite somewhere.
    """
    return try_terms(text, data, level, intercept=intercept, reduced=reduced).settled()


def apply_terms(encoding: TermsEncoding, data: ChoiceData) -> Evaluated:
    """Evaluate the terms of one part as they were learned.

    Raises
    ------
    SpecificationError : a column is not there or has another type than when the encoding was learned.
    DataError : a categorical has a new level, or a column or a term is missing or not finite somewhere.
    """
    return try_apply(encoding, data).settled()


def try_apply(encoding: TermsEncoding, data: ChoiceData) -> Attempt:
    """:func:`apply_terms` that hands its findings back."""
    return _evaluate(encoding, data, learning=False)


def _evaluate(encoding: TermsEncoding, data: ChoiceData, learning: bool, without: Collection[str] = ()) -> Attempt:
    terms = parse_part(encoding.text, encoding.intercept)
    variables = tuple(term for term in terms if term.factors)
    source = _readable(variables, data, encoding, learning, without)
    findings, frame = list(source.findings), source.frame
    variables = _reading_only(variables, frame)
    direct = _direct_terms(variables, frame, encoding)
    others = [term for term in variables if term.label not in direct]
    constant = any(not term.factors for term in terms)
    try:
        learned = _by_formulaic(others, frame, encoding, learning, constant or encoding.reduced, data)
    except (SpecificationError, DataError) as error:
        findings += error.findings
        variables, learned = tuple(term for term in variables if term.label in direct), _Learned({}, {}, {})
    labels: list[str] = []
    values: list[NDArray[np.float64]] = []
    for term in sorted(variables, key=lambda term: len(term.factors)):
        made = [(term.label, _as_float(frame[term.lookup]))] if term.label in direct else learned.columns[term.label]
        if not made:
            findings.append(_no_column(term))
        for label, column in made:
            sure = term.label in direct and term.lookup in source.finite
            strange = [] if sure else not_finite(label, column, frame, term, data, encoding.level)
            findings += strange
            if not strange:
                labels.append(label)
                values.append(column)
    if not learning and not findings and tuple(labels) != encoding.labels:
        findings.append(_other_columns(encoding, labels))
    if learning or findings:
        encoding = replace(
            encoding,
            labels=tuple(labels),
            constant=constant,
            levels=learned.levels,
            transforms=learned.transforms,
            numeric=tuple(str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype)),
        )
    return Attempt(Evaluated(encoding, tuple(values)), tuple(findings))


def _no_column(term: ParsedTerm) -> Finding:
    message = f"term {term.label!r} gives no column: it has one level only, or other terms say the same; leave it out"
    return Finding(rule="no_column", message=message)


def _other_columns(encoding: TermsEncoding, labels: Sequence[str]) -> Finding:
    message = (
        f"{encoding.text!r} gives the columns {listed(labels)} with these data but gave {listed(encoding.labels)} "
        "when the model was fitted; give its columns the types they had then"
    )
    return Finding(rule="type_changed", message=message)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """The columns that can be read, those of them known to be finite, and what is wrong with the others."""

    frame: pd.DataFrame
    finite: frozenset[str]
    findings: tuple[Finding, ...]


def _readable(
    terms: Sequence[ParsedTerm], data: ChoiceData, encoding: TermsEncoding, learning: bool, without: Collection[str]
) -> _Source:
    findings = [*unknown_columns(terms, data), *shadowing(terms)]
    barred = {*without, *(finding.column for finding in findings)}
    names = [name for name in source_columns(terms) if name not in barred]
    frame = data.row_frame(names) if encoding.level == "row" else data.case_frame(names)
    finite = frozenset(name for name in frame.columns if all_finite(frame[name]))
    unusable = unusable_columns(frame, finite, data, encoding.level, terms)
    if unusable:
        frame = frame.drop(columns=list({finding.column for finding in unusable}))
    frame = _numbers_as_numbers(frame)
    changed = [] if learning or not len(frame) else changed_types(frame, encoding.numeric, encoding.levels)
    if changed:
        frame = frame.drop(columns=[finding.column for finding in changed])
    return _Source(frame, finite, (*findings, *unusable, *changed))


def _reading_only(terms: Sequence[ParsedTerm], frame: pd.DataFrame) -> tuple[ParsedTerm, ...]:
    return tuple(term for term in terms if all(name in frame.columns for name in source_columns([term])))


def _direct_terms(terms: Sequence[ParsedTerm], frame: pd.DataFrame, encoding: TermsEncoding) -> set[str]:
    """Labels of the numeric columns that stand alone: taken as they are, without a copy through formulaic.

    A column that is also in a product is left to formulaic, since it decides which levels the product keeps.
    """
    in_products = {factor.text for term in terms if len(term.factors) > 1 for factor in term.factors}
    return {
        term.label
        for term in terms
        if term.lookup is not None
        and term.lookup not in in_products
        and term.lookup not in encoding.levels
        and pd.api.types.is_numeric_dtype(frame[term.lookup].dtype)
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """What formulaic made: columns by term, levels by factor, states by transformation."""

    columns: Mapping[str, list[tuple[str, NDArray[np.float64]]]]
    levels: Mapping[str, tuple[Label, ...]]
    transforms: Mapping[str, Any]


def _by_formulaic(
    terms: Sequence[ParsedTerm],
    frame: pd.DataFrame,
    encoding: TermsEncoding,
    learning: bool,
    with_intercept: bool,
    data: ChoiceData,
) -> _Learned:
    """Evaluate terms with formulaic, in the closed name space only."""
    if not terms:
        return _Learned({}, {}, {})
    given = {factor.text: factor.levels for term in terms for factor in term.factors if factor.levels is not None}
    refuse(unknown_levels(frame, terms, {**given, **encoding.levels}, data, encoding.level))
    prepared = _drop_unused(frame) if learning else _with_levels(frame, encoding)
    spec = ModelSpec(
        formula=SimpleFormula([*([INTERCEPT] if with_intercept else []), *(term.term for term in terms)]),
        output="pandas",
        na_action="ignore",
        transform_state=copy.deepcopy(dict(encoding.transforms)),
        encoder_state={
            factor: (Factor.Kind.CATEGORICAL, {"categories": list(levels)})
            for factor, levels in encoding.levels.items()
        },
    )
    try:
        with np.errstate(all="ignore"):
            matrix = spec.get_model_matrix(prepared, context=FUNCTIONS)
    except (FormulaicError, TypeError, ValueError, KeyError, AttributeError, IndexError, ArithmeticError) as error:
        written = listed(term.label for term in terms)
        types = ", ".join(f"{name!r} holds {frame[name].dtype}" for name in frame.columns)
        raise SpecificationError(f"cannot evaluate {written}: {error} (column {types})") from None
    made = matrix.model_spec
    levels = {
        factor: tuple(state[1]["categories"])
        for factor, state in made.encoder_state.items()
        if state[0] is Factor.Kind.CATEGORICAL and "categories" in state[1]
    }
    indices = made.term_indices
    columns = {}
    for term in terms:
        positions = indices[term.term]
        columns[term.label] = [(str(matrix.columns[i]), _as_float(matrix.iloc[:, i])) for i in positions]
    return _Learned(columns, levels, copy.deepcopy(dict(made.transform_state)))


def _numbers_as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers held as objects are numbers, and not one category each."""
    numeric = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
    changed = {
        name: column.astype(np.float64)
        for name, column in frame.items()
        if column.dtype == object and pd.api.types.infer_dtype(column) in numeric
    }
    return frame.assign(**changed) if changed else frame  # type: ignore[arg-type]


def _drop_unused(frame: pd.DataFrame) -> pd.DataFrame:
    """A categorical loses the levels that no row has: their columns would be all zero."""
    changed = {
        name: column.cat.remove_unused_categories()
        for name, column in frame.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
    }
    return frame.assign(**changed) if changed else frame  # type: ignore[arg-type]


def _with_levels(frame: pd.DataFrame, encoding: TermsEncoding) -> pd.DataFrame:
    """Columns that were categorical made so again, with the levels they had."""
    changed = {
        name: pd.Series(pd.Categorical(frame[name], categories=list(encoding.levels[name])), index=frame.index)
        for name in frame.columns
        if name in encoding.levels
    }
    return frame.assign(**changed) if changed else frame


def _as_float(column: pd.Series) -> NDArray[np.float64]:
    """(R,) or (n,) values; a view when the column is float64 already."""
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
