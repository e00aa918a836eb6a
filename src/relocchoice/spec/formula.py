"""The field's three-part formula: ``chosen ~ generic | case-specific | alternative-specific coefficients``.

Utility of alternative j for case i, with part one x, part two z and part three w::

    V_ij = x_ij' b + c_j + z_i' g_j + w_ij' d_j,      c_base = 0, g_base = 0

Part two carries the constants c_j unless it has ``0``. The three parts are those of the R package mlogit
(Croissant 2020, Journal of Statistical Software 95(11)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, Finding, SpecificationError
from relocchoice.spec.columns import Column, Learned, UtilityColumns
from relocchoice.spec.evaluate import Evaluated, TermsEncoding, try_apply, try_terms
from relocchoice.spec.labels import (
    Label,
    close_labels,
    find_label,
    find_labels,
    label_from_json,
    label_to_json,
    listed,
    plain,
    said,
)
from relocchoice.spec.offset import parse_single, try_single
from relocchoice.spec.parts import parse_part, split_formula
from relocchoice.spec.term_checks import no_cases, refuse, source_columns, unknown_columns

RESPONSE_ROLES = ("chosen", "count", "alternative")
RESPONSE_WORDS = ("chosen", "choice")


@dataclass(frozen=True, slots=True)
class Formula:
    """A three-part formula as a value; terms are formulaic's.

    Parameters
    ----------
    text : ``"response ~ one | two | three"``. Part one has generic coefficients, part two case-specific variables with
        a coefficient for each alternative but the base, part three variables with a coefficient for every alternative.
        ``0`` leaves a part empty; part two has the alternative-specific constants unless ``0`` or ``-1`` is in it.
        The response may be left out.
    offset : a term that enters every utility with coefficient one, e.g. ``"log(floor_area)"``.

    Attributes
    ----------
    response : the left side, ``""`` when there is none.
    parts : texts of the three parts, with the parts that were not written filled in.

    Raises
    ------
    SpecificationError : the text is no such formula, or has an expression that is not arithmetic on columns and the
        listed functions. Nothing of the text is run.

    Examples
    --------
    >>> Formula("chosen ~ log(land_price) | log(assets)").parts
    ('log(land_price)', 'log(assets)', '0')
    >>> Formula("chosen ~ cost").parts
    ('cost', '1', '0')
    """

    text: str
    offset: str | None = None
    response: str = field(init=False, repr=False)
    parts: tuple[str, str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        response, parts = split_formula(self.text)
        for part, intercept in zip(parts, (False, True, False), strict=True):
            parse_part(part, intercept)
        if self.offset is not None:
            parse_single(self.offset, "offset")
        object.__setattr__(self, "response", response)
        object.__setattr__(self, "parts", parts)

    def __str__(self) -> str:
        return self.text

    def learn(self, data: ChoiceData, base: Label | None = None) -> FormulaEncoding:
        """The encoding of :meth:`evaluate` alone."""
        return self.evaluate(data, base).encoding

    def evaluate(self, data: ChoiceData, base: Label | None = None) -> Learned[FormulaEncoding]:
        """Fix alternatives, base, levels and transformations on these data, and give the columns they come to.

        Parameters
        ----------
        data : n cases, R rows, J alternatives.
        base : label of the alternative without constants and case-specific coefficients; None takes the first.

        Raises
        ------
        SpecificationError : all problems at once: columns that are not there or stand in the wrong part, a base that is
            not among the alternatives, a left side that is not the response, and the problems of the values.
        DataError : all problems are of the values: columns or terms that are missing or not finite somewhere.
        """
        alternatives = tuple(plain(label) for label in data.alternatives)
        position = _base_position(base, alternatives)
        refuse(no_cases(data))
        findings = [*_response_problems(self.response, data), *_column_problems(self, data)]
        if position is None:
            findings.insert(0, _unknown_base(base, alternatives))
        absent = _columns_of("unknown_column", findings)
        varying = _columns_of("varies_within_case", findings)
        attempts = (
            try_terms(self.parts[0], data, "row", reduced=True, without=absent),
            try_terms(self.parts[1], data, "case", intercept=True, without=absent | varying),
            try_terms(self.parts[2], data, "row", reduced=True, without=absent),
        )
        offset = None if self.offset is None else try_single(self.offset, data, "row", "offset", without=absent)
        one, two, three = (attempt.evaluated for attempt in attempts)
        findings += [finding for attempt in (*attempts, offset) if attempt for finding in attempt.findings]
        findings += _identification_problems((one, two, three), data)
        refuse(findings)
        assert position is not None
        encoding = FormulaEncoding(
            formula=self,
            alternatives=alternatives,
            base=alternatives[position],
            names=_coefficient_names((one.encoding, two.encoding, three.encoding), alternatives, position),
            parts=(one.encoding, two.encoding, three.encoding),
            offset=None if offset is None else offset.evaluated.encoding,
        )
        _check_distinct(encoding.names)
        last = None if offset is None else offset.evaluated.values[0]
        return Learned(encoding, encoding.laid_out((one, two, three), last, range(len(alternatives))))


@dataclass(frozen=True, slots=True, eq=False)
class FormulaEncoding:
    """A formula fixed on the data it was learned from; see :class:`relocchoice.spec.encoding.Encoding`.

    Attributes
    ----------
    formula : the formula.
    alternatives : (J,) labels, in the order of the data it was learned from.
    base : label of the base alternative.
    names : (K,) coefficients: constants, generic, case-specific variable by variable, part three variable by variable.
    parts : how each part is evaluated.
    offset : how the offset is evaluated, or None.
    """

    formula: Formula
    alternatives: tuple[Label, ...]
    base: Label | None
    names: tuple[str, ...]
    parts: tuple[TermsEncoding, TermsEncoding, TermsEncoding]
    offset: TermsEncoding | None = None

    def columns(self, data: ChoiceData) -> UtilityColumns:
        """Columns of any data with the same encoding; the data may have fewer alternatives, in any order.

        Raises
        ------
        SpecificationError : a column is not there or has another type than before.
        DataError : an alternative that has no coefficients, a new level of a categorical, values that are not finite.
        """
        known = self._positions(data)
        attempts = [try_apply(part, data) for part in self.parts]
        last = None if self.offset is None else try_apply(self.offset, data)
        refuse([finding for attempt in (*attempts, last) if attempt for finding in attempt.findings])
        one, two, three = (attempt.evaluated for attempt in attempts)
        return self.laid_out((one, two, three), None if last is None else last.evaluated.values[0], known)

    def laid_out(
        self,
        parts: tuple[Evaluated, Evaluated, Evaluated],
        offset: NDArray[np.float64] | None,
        known: Sequence[int | None],
    ) -> UtilityColumns:
        """Evaluated parts as columns with their coefficients.

        Parameters
        ----------
        known : (J of the data,) position of each alternative of the data among the encoding's, None for none.
        """
        one, two, three = parts
        blocks = _blocks(self.parts, len(self.alternatives))
        others = self._slots(skip_base=True)
        every = self._slots(skip_base=False)
        columns: list[Column] = []
        if two.encoding.constant:
            columns.append(Column("Intercept", "constant", None, _coef(blocks.constants, others, known)))
        for index, (label, values) in enumerate(_labelled(one)):
            columns.append(Column(label, "row", values, blocks.generic + index))
        for index, (label, values) in enumerate(_labelled(two)):
            start = blocks.case_specific + index * (len(self.alternatives) - 1)
            columns.append(Column(label, "case", values, _coef(start, others, known)))
        for index, (label, values) in enumerate(_labelled(three)):
            start = blocks.alternative_specific + index * len(self.alternatives)
            columns.append(Column(label, "row", values, _coef(start, every, known)))
        return UtilityColumns(self.names, tuple(columns), offset)

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON values.

        Raises
        ------
        StoreError : a label or a state that JSON cannot carry.
        """
        return {
            "kind": "formula",
            "text": self.formula.text,
            "offset_text": self.formula.offset,
            "alternatives": [label_to_json(label) for label in self.alternatives],
            "base": label_to_json(self.base),
            "names": list(self.names),
            "parts": [part.to_dict() for part in self.parts],
            "offset": None if self.offset is None else self.offset.to_dict(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> FormulaEncoding:
        """The encoding that :meth:`to_dict` wrote."""
        one, two, three = (TermsEncoding.from_dict(part) for part in stored["parts"])
        return cls(
            formula=Formula(stored["text"], stored["offset_text"]),
            alternatives=tuple(map(label_from_json, stored["alternatives"])),
            base=label_from_json(stored["base"]),
            names=tuple(stored["names"]),
            parts=(one, two, three),
            offset=None if stored["offset"] is None else TermsEncoding.from_dict(stored["offset"]),
        )

    def _positions(self, data: ChoiceData) -> list[int | None]:
        """Position among the encoding's alternatives of each alternative of the data."""
        positions = find_labels(data.alternatives, self.alternatives)
        strange = [label for label, found in zip(data.alternatives, positions, strict=True) if found is None]
        specific = self.parts[1].constant or self.parts[1].labels or self.parts[2].labels
        if strange and specific:
            raise DataError(
                f"alternatives {listed(strange)} of the data have no coefficients in this model, which knows "
                f"{listed(self.alternatives)}; leave them out, or fit generic coefficients only (`... | 0`)"
            )
        return positions

    def _slots(self, skip_base: bool) -> NDArray[np.intp]:
        """(J,) place of each of the encoding's alternatives among those that take a coefficient; -1 for the base."""
        base = find_label(self.base, self.alternatives) if skip_base else None
        taking = [position != base for position in range(len(self.alternatives))]
        return np.where(taking, np.cumsum(taking) - 1, -1).astype(np.intp)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Index of the first coefficient of each block."""

    constants: int
    generic: int
    case_specific: int
    alternative_specific: int


def _blocks(parts: Sequence[TermsEncoding], n_alternatives: int) -> _Blocks:
    one, two, _ = parts
    generic = (n_alternatives - 1) if two.constant else 0
    case_specific = generic + len(one.labels)
    return _Blocks(0, generic, case_specific, case_specific + len(two.labels) * (n_alternatives - 1))


def _coef(start: int, slots: NDArray[np.intp], known: Sequence[int | None]) -> NDArray[np.intp]:
    """(J of the data,) index of the coefficient each alternative of the data takes, -1 for none."""
    taken = np.array([-1 if position is None else slots[position] for position in known], dtype=np.intp)
    return np.where(taken >= 0, start + taken, -1).astype(np.intp)


def _labelled(evaluated: Evaluated) -> list[tuple[str, NDArray[np.float64]]]:
    return list(zip(evaluated.encoding.labels, evaluated.values, strict=True))


def _coefficient_names(parts: Sequence[TermsEncoding], alternatives: Sequence[Label], base: int) -> tuple[str, ...]:
    one, two, three = parts
    others = [label for position, label in enumerate(alternatives) if position != base]
    constants = [f"Intercept:{label}" for label in others] if two.constant else []
    return (
        *constants,
        *one.labels,
        *(f"{column}:{label}" for column in two.labels for label in others),
        *(f"{column}:{label}" for column in three.labels for label in alternatives),
    )


def _check_distinct(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise SpecificationError(
            f"the formula gives more than one coefficient the name {listed(repeated)}; "
            "write each variable in one part only and give alternatives labels with different texts"
        )


def _columns_of(rule: str, findings: Sequence[Finding]) -> set[str]:
    return {finding.column for finding in findings if finding.rule == rule and finding.column is not None}


def _base_position(base: Label | None, alternatives: Sequence[Label]) -> int | None:
    return 0 if base is None else find_label(base, alternatives)


def _unknown_base(base: Label, alternatives: Sequence[Label]) -> Finding:
    close = close_labels(base, alternatives)
    meant = f"did you mean {listed(close)}? " if close else ""
    message = f"base={said(base)} is not an alternative of the data; {meant}alternatives: {listed(alternatives)}"
    return Finding(rule="unknown_base", message=message, value=base)


def _response_problems(response: str, data: ChoiceData) -> list[Finding]:
    valid = [*RESPONSE_WORDS, *(data.names[role] for role in RESPONSE_ROLES if role in data.names)]
    if not response or response in valid:
        return []
    return [
        Finding(
            rule="response",
            message=f"the left side {response!r} of the formula is not what was chosen in these data; "
            f"write one of {listed(dict.fromkeys(valid))}, or nothing",
            value=response,
        )
    ]


def _column_problems(formula: Formula, data: ChoiceData) -> list[Finding]:
    """Columns that are not there, and columns of part two that differ between the alternatives of a case."""
    parsed = [parse_part(part, intercept) for part, intercept in zip(formula.parts, (False, True, False), strict=True)]
    offset = () if formula.offset is None else (parse_single(formula.offset, "offset"),)
    unknown = unknown_columns([term for terms in (*parsed, offset) for term in terms], data)
    absent = {finding.column for finding in unknown}
    varying = [
        Finding(
            rule="varies_within_case",
            message=f"column {name!r} of part two is not the same for all alternatives of a case: it belongs in part "
            f"one (`{name} | ...`, one coefficient) or part three (`... | ... | {name}`, one for each alternative)",
            column=name,
        )
        for name in source_columns(parsed[1])
        if name not in absent and data.varies_within_case(name)
    ]
    return [*unknown, *varying]


def _identification_problems(parts: tuple[Evaluated, Evaluated, Evaluated], data: ChoiceData) -> list[Finding]:
    """Columns whose coefficients no data of this form could tell apart."""
    one, two, three = parts
    findings = []
    for part, evaluated in (("one", one), ("three", three)):
        for label, values in _labelled(evaluated):
            if _is_constant(values):
                message = f"column {label!r} in part {part} has the same value {values[0]:g} in all rows: leave it out"
                findings.append(Finding(rule="constant_column", message=message, column=label))
            elif not _varies_within_cases(values, data.offsets):
                message = (
                    f"column {label!r} in part {part} is the same for all alternatives of every case: "
                    f"it belongs in part two (`... | {label}`)"
                )
                findings.append(Finding(rule="case_invariant_column", message=message, column=label))
    for label, values in _labelled(two) if two.encoding.constant else []:
        if _is_constant(values):
            message = (
                f"column {label!r} in part two has the same value {values[0]:g} in all cases, as the constants have: "
                "leave it out, or the constants (`... | 0 + ...`)"
            )
            findings.append(Finding(rule="constant_column", message=message, column=label))
    return findings


def _is_constant(values: NDArray[np.float64]) -> bool:
    return values.size > 0 and all(bool(np.all(some == values[0])) for some in (values[:1000], values))


def _varies_within_cases(values: NDArray[np.float64], offsets: NDArray[np.int64]) -> bool:
    """Whether any case has two rows that differ by more than rounding."""
    for some in (offsets[:257], offsets):  # most columns do so in the first few cases
        here = values[: some[-1]]
        first = np.repeat(here[some[:-1]], np.diff(some))
        rounding = 4 * np.finfo(np.float64).eps * np.abs(here)
        if np.any(np.abs(here - first) > rounding):
            return True
    return False
