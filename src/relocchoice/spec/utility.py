"""Utilities written out alternative by alternative: ``{"air": {"asc_air": 1, "b_cost": "cost"}, "train": {...}}``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.frozen import FrozenMap
from relocchoice.errors import DataError, Finding, SpecificationError
from relocchoice.spec.columns import Column, Learned, UtilityColumns
from relocchoice.spec.evaluate import Attempt, TermsEncoding, try_apply
from relocchoice.spec.labels import (
    Label,
    find_label,
    find_labels,
    hint,
    label_from_json,
    label_to_json,
    listed,
    plain,
    said,
)
from relocchoice.spec.offset import parse_single, try_single
from relocchoice.spec.term_checks import no_cases, refuse, source_columns, unknown_columns

Terms: TypeAlias = Mapping[str, "str | int"]
CONSTANT = "1"


@dataclass(frozen=True, slots=True)
class UtilitySpec:
    """Utilities as a mapping: alternative -> {parameter: term}.

    Parameters
    ----------
    utilities : for each alternative of the data its parameters and what they multiply: 1 for a constant, or a numeric
        term as in a formula, e.g. ``"log(cost)"``. A parameter that occurs in several alternatives is one shared
        coefficient. An alternative without terms has ``{}``. When no alternative is named at all, the model has the
        terms of `everywhere` only and serves any alternatives.
    everywhere : parameters and terms that enter the utility of every alternative.
    offset : a term that enters every utility with coefficient one.

    Raises
    ------
    SpecificationError : all problems of the mapping at once.

    Examples
    --------
    >>> spec = UtilitySpec({"air": {"asc_air": 1}, "train": {}}, everywhere={"b_cost": "cost"})
    >>> spec.names
    ('asc_air', 'b_cost')
    """

    utilities: Mapping[Label, Terms]
    everywhere: Terms = field(default_factory=dict)
    offset: str | None = None

    def __post_init__(self) -> None:
        findings = _mapping_problems(self.utilities, self.everywhere)
        if findings:
            raise SpecificationError(findings)
        # copies, so that the value stays what it was when the user's mapping changes
        utilities = FrozenMap({label: FrozenMap(terms) for label, terms in self.utilities.items()})
        object.__setattr__(self, "utilities", utilities)
        object.__setattr__(self, "everywhere", FrozenMap(self.everywhere))
        if self.offset is not None:
            parse_single(self.offset, "offset")
        if not self.names:
            raise SpecificationError("the utilities have no parameter; give some alternative a {parameter: term}")

    @property
    def names(self) -> tuple[str, ...]:
        """(K,) parameters in order of first appearance, those of `everywhere` last."""
        return tuple(dict.fromkeys(name for terms in (*self.utilities.values(), self.everywhere) for name in terms))

    def learn(self, data: ChoiceData, base: Label | None = None) -> UtilityEncoding:
        """The encoding of :meth:`evaluate` alone."""
        return self.evaluate(data, base).encoding

    def evaluate(self, data: ChoiceData, base: Label | None = None) -> Learned[UtilityEncoding]:
        """Fix alternatives and transformations on these data, and give the columns they come to.

        Parameters
        ----------
        data : n cases, R rows, J alternatives.
        base : must be None: with explicit utilities the base is the alternative that is given no constant.

        Raises
        ------
        SpecificationError : all problems at once: alternatives that are not named or not in the data, columns that are
            not there; a term that is not numeric.
        DataError : a column or a term is missing or not finite somewhere.
        """
        if base is not None:
            raise SpecificationError(
                f"base={said(base)} has no meaning with explicit utilities; "
                f"give alternative {said(base)} no constant instead"
            )
        alternatives = tuple(plain(label) for label in data.alternatives)
        refuse(no_cases(data))
        findings = [*_alternative_problems(self.utilities, alternatives), *_column_problems(self, data)]
        absent = {finding.column for finding in findings if finding.column is not None}
        terms = {text: _try_term(text, data, absent) for text in _texts(self)}
        offset = None if self.offset is None else try_single(self.offset, data, "row", "offset", without=absent)
        findings += [finding for attempt in (*terms.values(), offset) if attempt for finding in attempt.findings]
        refuse(findings)
        encoding = UtilityEncoding(
            spec=self,
            alternatives=alternatives,
            names=self.names,
            placements=_placements(self, alternatives),
            terms={text: attempt.evaluated.encoding for text, attempt in terms.items()},
            offset=None if offset is None else offset.evaluated.encoding,
        )
        return Learned(encoding, encoding.laid_out(terms, offset, range(len(alternatives))))


@dataclass(frozen=True, slots=True)
class Placement:
    """One source column of the utilities.

    Attributes
    ----------
    term : the term, ``"1"`` for a constant.
    generic : index of the coefficient that every alternative takes, or None.
    coef : (J,) index of the coefficient each alternative takes, -1 for none; empty when generic.
    """

    term: str
    generic: int | None
    coef: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UtilityEncoding:
    """Explicit utilities fixed on the data they were learned from; see :class:`relocchoice.spec.encoding.Encoding`.

    Attributes
    ----------
    spec : the utilities.
    alternatives : (J,) labels, in the order of the data.
    names : (K,) parameters in order of first appearance.
    placements : the source columns and the coefficients they feed.
    terms : term -> how it is evaluated.
    offset : how the offset is evaluated, or None.
    """

    spec: UtilitySpec
    alternatives: tuple[Label, ...]
    names: tuple[str, ...]
    placements: tuple[Placement, ...]
    terms: Mapping[str, TermsEncoding]
    offset: TermsEncoding | None = None

    @property
    def base(self) -> Label | None:
        """None: explicit utilities have no base."""
        return None

    def columns(self, data: ChoiceData) -> UtilityColumns:
        """Columns of any data; the data may have fewer alternatives, in any order.

        Raises
        ------
        SpecificationError : a column is not there or has another type than before.
        DataError : an alternative without a utility, values that are not finite.
        """
        known = self._positions(data)
        attempts = {text: try_apply(encoding, data) for text, encoding in self.terms.items()}
        last = None if self.offset is None else try_apply(self.offset, data)
        refuse([finding for attempt in (*attempts.values(), last) if attempt for finding in attempt.findings])
        return self.laid_out(attempts, last, known)

    def laid_out(
        self, attempts: Mapping[str, Attempt], last: Attempt | None, known: Sequence[int | None]
    ) -> UtilityColumns:
        """Evaluated terms, and the offset, as columns with their coefficients.

        Parameters
        ----------
        known : (J of the data,) position of each alternative of the data among the encoding's, None for none.
        """
        values = {text: attempt.evaluated.values[0] for text, attempt in attempts.items()}
        offset = None if last is None else last.evaluated.values[0]
        columns = tuple(self._column(placement, values, known) for placement in self.placements)
        return UtilityColumns(self.names, columns, offset)

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON values.

        Raises
        ------
        StoreError : a label or a state that JSON cannot carry.
        """
        return {
            "kind": "utility",
            "utilities": [[label_to_json(label), dict(terms)] for label, terms in self.spec.utilities.items()],
            "everywhere": dict(self.spec.everywhere),
            "offset_text": self.spec.offset,
            "alternatives": [label_to_json(label) for label in self.alternatives],
            "terms": [[text, encoding.to_dict()] for text, encoding in self.terms.items()],
            "offset": None if self.offset is None else self.offset.to_dict(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> UtilityEncoding:
        """The encoding that :meth:`to_dict` wrote."""
        utilities = {label_from_json(label): terms for label, terms in stored["utilities"]}
        spec = UtilitySpec(utilities, stored["everywhere"], stored["offset_text"])
        alternatives = tuple(map(label_from_json, stored["alternatives"]))
        return cls(
            spec=spec,
            alternatives=alternatives,
            names=spec.names,
            placements=_placements(spec, alternatives),
            terms={text: TermsEncoding.from_dict(encoding) for text, encoding in stored["terms"]},
            offset=None if stored["offset"] is None else TermsEncoding.from_dict(stored["offset"]),
        )

    def _positions(self, data: ChoiceData) -> list[int | None]:
        positions = find_labels(data.alternatives, self.alternatives)
        strange = [label for label, found in zip(data.alternatives, positions, strict=True) if found is None]
        if strange and self.spec.utilities:
            raise DataError(
                f"alternatives {listed(strange)} of the data have no utility in this model, which knows "
                f"{listed(self.alternatives)}; leave them out"
            )
        return positions

    def _column(
        self, placement: Placement, values: Mapping[str, NDArray[np.float64]], known: Sequence[int | None]
    ) -> Column:
        coef: int | NDArray[np.intp]
        if placement.generic is not None:
            coef = placement.generic
        else:
            coef = np.array([-1 if found is None else placement.coef[found] for found in known], dtype=np.intp)
        if placement.term == CONSTANT:
            return Column("Intercept", "constant", None, coef)
        return Column(placement.term, self.terms[placement.term].level, values[placement.term], coef)


def _try_term(text: str, data: ChoiceData, absent: Collection[str]) -> Attempt:
    """A term of columns that are one a case is evaluated once a case."""
    names = [name for name in source_columns([parse_single(text, "term")]) if name not in absent]
    varies = any(data.varies_within_case(name) for name in names)
    return try_single(text, data, "row" if varies else "case", "term", without=absent)


def _term_text(term: str | int) -> str:
    return CONSTANT if term in (1, CONSTANT) else str(term).strip()


def _placements(spec: UtilitySpec, alternatives: Sequence[Label]) -> tuple[Placement, ...]:
    """Source columns with their coefficients; one column serves all parameters it can, each alternative taking one."""
    index = {name: position for position, name in enumerate(spec.names)}
    generic = [Placement(_term_text(term), index[name], ()) for name, term in spec.everywhere.items()]
    maps: dict[str, list[list[int]]] = {}
    for label, terms in spec.utilities.items():
        position = find_label(label, alternatives)
        assert position is not None
        for name, term in terms.items():
            free = next((m for m in maps.get(_term_text(term), []) if m[position] < 0), None)
            if free is None:
                free = [-1] * len(alternatives)
                maps.setdefault(_term_text(term), []).append(free)
            free[position] = index[name]
    specific = [_specific(text, coef) for text, found in maps.items() for coef in found]
    return (*specific, *generic)


def _specific(text: str, coef: Sequence[int]) -> Placement:
    if text != CONSTANT and len(set(coef)) == 1:
        return Placement(text, coef[0], ())
    return Placement(text, None, tuple(coef))


def _mapping_problems(utilities: Mapping[Label, Terms], everywhere: Terms) -> list[Finding]:
    """Problems of the mappings themselves: their types, their names, their terms."""
    if not isinstance(utilities, Mapping):
        return [_problem(f"utilities are a mapping alternative -> {{parameter: term}}, not {type(utilities).__name__}")]
    findings: list[Finding] = []
    for label, terms in [*utilities.items(), (None, everywhere)]:
        where = "everywhere" if label is None else f"alternative {said(label)}"
        if not isinstance(terms, Mapping):
            findings.append(
                _problem(f"{where} must have a {{parameter: term}}, not {said(terms)}; {{}} for none", label)
            )
            continue
        for name, term in terms.items():
            findings += _entry_problems(name, term, where, label)
    if not findings:
        findings += _twice(utilities, everywhere)
    return findings


def _entry_problems(name: str, term: str | int, where: str, label: Label) -> list[Finding]:
    if not isinstance(name, str) or not name.strip():
        return [_problem(f"parameter name {said(name)} of {where} is not text", label)]
    if isinstance(term, bool) or not (isinstance(term, str) or term == 1):
        return [
            _problem(f"parameter {name!r} of {where} has the term {said(term)}; write 1 or text such as 'cost'", label)
        ]
    if label is None and _term_text(term) == CONSTANT:
        message = (
            f"parameter {name!r} is a constant everywhere, which changes no choice; leave it out of one alternative"
        )
        return [_problem(message)]
    if _term_text(term) == CONSTANT:
        return []
    try:
        parse_single(str(term), f"parameter {name!r} of {where}: term")
    except SpecificationError as error:
        return [_problem(finding.message, label) for finding in error.findings]
    return []


def _twice(utilities: Mapping[Label, Terms], everywhere: Terms) -> list[Finding]:
    """A parameter that multiplies the same term twice in one utility."""
    return [
        _problem(
            f"parameter {name!r} multiplies {term!r} both in alternative {said(label)} and everywhere; write it once",
            label,
        )
        for label, terms in utilities.items()
        for name, term in terms.items()
        if name in everywhere and _term_text(everywhere[name]) == _term_text(term)
    ]


def _alternative_problems(utilities: Mapping[Label, Terms], alternatives: Sequence[Label]) -> list[Finding]:
    if not utilities:
        return []
    named: dict[int, Label] = {}
    findings = []
    for label in utilities:
        position = find_label(label, alternatives)
        if position is None:
            findings.append(
                _problem(f"{said(label)} is not an alternative of the data; {hint(label, alternatives)}", label)
            )
        elif position in named:
            findings.append(
                _problem(f"{said(named[position])} and {said(label)} name the same alternative; keep one", label)
            )
        else:
            named[position] = label
    absent = [label for position, label in enumerate(alternatives) if position not in named]
    if absent:
        findings.append(
            _problem(f"alternatives {listed(absent)} of the data have no utility; name them, with {{}} for no terms")
        )
    return findings


def _texts(spec: UtilitySpec) -> list[str]:
    """The terms that are no constants, each once."""
    every = [_term_text(term) for terms in (*spec.utilities.values(), spec.everywhere) for term in terms.values()]
    return [text for text in dict.fromkeys(every) if text != CONSTANT]


def _column_problems(spec: UtilitySpec, data: ChoiceData) -> list[Finding]:
    terms = [parse_single(text, "term") for text in _texts(spec)]
    offset = [] if spec.offset is None else [parse_single(spec.offset, "offset")]
    return unknown_columns([*terms, *offset], data)


def _problem(message: str, alternative: Label = None) -> Finding:
    return Finding(rule="utilities", message=message, alternative=alternative)
