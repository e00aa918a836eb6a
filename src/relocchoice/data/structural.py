"""Structural zeros: alternatives that were no choice, said by rule; all other zeros are data.

A rule is data, never code: alternative -> conditions (column -> value or list of values, all must hold), or a list of
such conditions, any of which suffices.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data import views
from relocchoice.data.checks import listed
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.draft import SingleAlternative, require_option
from relocchoice.data.labels import encode, plain_label, show, show_some
from relocchoice.errors import DataError, Finding

Zeros = Literal["data", "unavailable"]
Bools = NDArray[np.bool_]
Unavailable = Mapping[Any, Mapping[str, Any] | Sequence[Mapping[str, Any]]]

_SHAPE = (
    "write {alternative: {column: value or list of values}}, or a list of such conditions: {'R&D': {'period': '1980s'}}"
)


@dataclass(frozen=True, slots=True)
class UnavailableRule:
    """One alternative and the conditions, all of which must hold, under which it is no choice.

    Attributes
    ----------
    alternative : label.
    conditions : pairs of a column and the values that make the condition true.
    """

    alternative: Any
    conditions: tuple[tuple[str, tuple[Any, ...]], ...]

    def __str__(self) -> str:
        parts = [
            f"{column} is {'one of ' if len(values) > 1 else ''}{show_some(values)}"
            for column, values in self.conditions
        ]
        return f"{show(self.alternative)} where {' and '.join(parts)}"


# --------------------------------------------------------------------------------------------------- reading the rules


def read_rules(unavailable: Unavailable | Sequence[UnavailableRule] | None) -> tuple[UnavailableRule, ...]:
    """The rules as records; those of one alternative stand side by side.

    Raises
    ------
    DataError
        With everything that has another shape than the module's first lines say.
    """
    if unavailable is None:
        return ()
    if isinstance(unavailable, Sequence) and all(isinstance(rule, UnavailableRule) for rule in unavailable):
        return tuple(unavailable)
    if not isinstance(unavailable, Mapping):
        raise _misshapen(f"unavailable={show(unavailable)} is no mapping: {_SHAPE}")
    findings: list[Finding] = []
    rules: list[UnavailableRule] = []
    for alternative, given in unavailable.items():
        several = [given] if isinstance(given, Mapping) or not isinstance(given, list | tuple) else list(given)
        if not several:
            findings.append(_shape_finding(alternative, "an empty list"))
        for conditions in several:
            if not isinstance(conditions, Mapping):
                findings.append(_shape_finding(alternative, show(conditions)))
            elif not conditions:
                message = (
                    f"unavailable[{show(alternative)}] has no condition, so the alternative would never be a choice: "
                    f"leave it out of the data, or {_SHAPE}"
                )
                findings.append(Finding("unavailable_shape", message, alternative=plain_label(alternative)))
            else:
                pairs = [_condition(alternative, column, wanted, findings) for column, wanted in conditions.items()]
                rules.append(UnavailableRule(plain_label(alternative), tuple(pairs)))
    if findings:
        raise DataError(findings)
    return tuple(rules)


def _misshapen(message: str) -> DataError:
    return DataError([Finding("unavailable_shape", message)])


def _shape_finding(alternative: Any, found: str) -> Finding:
    message = f"unavailable[{show(alternative)}] is {found}, not conditions: {_SHAPE}"
    return Finding("unavailable_shape", message, alternative=plain_label(alternative))


def _condition(alternative: Any, column: Any, wanted: Any, findings: list[Finding]) -> tuple[str, tuple[Any, ...]]:
    values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset | np.ndarray | pd.Index) else [wanted]
    odd = [value for value in values if not isinstance(value, Hashable) or value is None or value != value]
    if not isinstance(column, str) or not values or odd:
        told = f"{show(column)}: {show(wanted)}"
        text = f"unavailable[{show(alternative)}] has the condition {told}, which names no column and value: {_SHAPE}"
        findings.append(Finding("unavailable_shape", text, alternative=plain_label(alternative)))
        return str(column), ()
    return column, tuple(dict.fromkeys(plain_label(value) for value in values))


def check_rules(
    rules: Sequence[UnavailableRule], alternatives: pd.Index, column: Callable[[str], pd.Series]
) -> list[Finding]:
    """Findings on alternatives, columns and values that the data do not have."""
    known = alternatives.tolist()
    findings = []
    met: dict[str, list[Any]] = {}
    for rule in rules:
        if _code(rule.alternative, known) is None:
            message = f"unavailable names {show(rule.alternative)}, which is none of the alternatives"
            findings.append(
                Finding("unavailable_alternative", with_close(message, rule.alternative, known), value=rule.alternative)
            )
        for name, values in rule.conditions:
            if name not in met:
                try:
                    met[name] = encode(column(name), name).labels.tolist()
                except DataError as error:
                    findings += error.findings
                    met[name] = []
                    continue
            for value in values if met[name] else ():
                if _code(value, met[name]) is None:
                    message = f"unavailable names {show(value)}, which column {name!r} never holds"
                    message = with_close(message, value, met[name])
                    findings.append(Finding("unavailable_value", message, column=name, value=value))
    return list({finding.message: finding for finding in findings}.values())


def _code(label: Any, labels: Sequence[Any]) -> int | None:
    """Position of a label; True is not 1."""
    flag = isinstance(label, bool)
    return next((k for k, known in enumerate(labels) if known == label and isinstance(known, bool) == flag), None)


def with_close(message: str, wanted: Any, known: Sequence[Any]) -> str:
    """The message with what looks like the wanted label, and what there is."""
    close = difflib.get_close_matches(str(wanted), [str(label) for label in known], n=3)
    shown = [label for label in known if str(label) in close]
    hint = f"; did you mean {' or '.join(map(show, shown))}?" if shown else ""
    return f"{message}{hint} (there are: {show_some(known)})"


def rows_of(
    rule: UnavailableRule, alternatives: pd.Index, code: NDArray[np.intp], column: Callable[[str], pd.Series]
) -> Bools:
    """(D,) the rows of the rule's alternative in which all its conditions hold; ``code`` is (D,)."""
    wanted = _code(rule.alternative, alternatives.tolist())
    holds = np.zeros(len(code), dtype=bool) if wanted is None else code == wanted
    for name, values in rule.conditions:
        found = encode(column(name), name)
        labels = found.labels.tolist()
        hit = np.array([_code(label, values) is not None for label in labels] + [False], dtype=bool)
        holds &= hit[found.codes]  # a missing value has code -1, the last place
    return holds


def rule_note(rule: UnavailableRule, n: int, total: int, noun: str, choices: float, all_choices: float | None) -> str:
    """The note that an applied rule leaves."""
    counted = "" if all_choices is None else f", {choices:g} of {all_choices:g} choices"
    return f"Structural zero by rule, {rule}: no choice there ({n} of {total} {noun}s{counted})"


# ------------------------------------------------------------------------------------------------------------ any data


def without(
    data: ChoiceData,
    unavailable: Unavailable | Sequence[UnavailableRule],
    single_alternative: SingleAlternative = "error",
    *,
    prediction: bool = False,
) -> ChoiceData:
    """See :meth:`ChoiceData.without`.

    Parameters
    ----------
    prediction : values and alternatives that these data do not have are passed over, and so are cases that are left
        with one alternative: their probability is one.
    """
    require_option("single_alternative", single_alternative, get_args(SingleAlternative))
    rules = read_rules(unavailable)

    def column(name: str) -> pd.Series:
        return data.row_frame([name])[name]

    findings = check_rules(rules, data.alternatives, column)
    if prediction:
        findings = [finding for finding in findings if finding.rule == "no_column"]
    if findings:
        raise DataError(findings)
    if not rules:
        return data
    masks = [rows_of(rule, data.alternatives, data.row_alternative, column) for rule in rules]
    gone = np.logical_or.reduce(masks)
    for rule, mask in zip(rules, masks, strict=True):
        findings += _chosen_there(data, rule, mask)
    row_case = data.row_case()
    left = np.bincount(row_case[~gone], minlength=data.n_cases)
    reduced = left < np.diff(data.offsets)
    findings += _too_few(data, left, reduced, "keep" if prediction else single_alternative)
    if findings:
        raise DataError(findings)
    notes = [_note_on_cases(data, rule, row_case[mask]) for rule, mask in zip(rules, masks, strict=True)]
    kept = replace(views.keep_rows(data, ~gone), notes=(*data.notes, *notes))
    single = reduced & (left == 1)
    if single_alternative == "drop" and not prediction and single.any():
        note = f"{int(single.sum())} of {data.n_cases} cases dropped: the rules leave them one alternative"
        kept = replace(views.select(kept, ~single), notes=(*kept.notes, note))
        if not kept.n_cases:
            raise DataError(f"no case is left: {note}")
    return kept if prediction else _without_unused(kept, data)


def _taken_rows(data: ChoiceData) -> Bools:
    if data.picked is not None:
        return np.asarray(data.picked)
    if data.chosen is None:
        return np.zeros(data.n_rows, dtype=bool)
    return np.asarray(data.row_alternative == data.chosen[data.row_case()])


def _chosen_there(data: ChoiceData, rule: UnavailableRule, mask: Bools) -> list[Finding]:
    counted = data.weight_kind == "frequency"

    def describe(row: int) -> Finding:
        at = int(np.searchsorted(data.offsets, row, side="right")) - 1
        case, label = plain_label(data.cases[at]), plain_label(data.alternatives[data.row_alternative[row]])
        times = float(data.weights[at]) if counted and data.weights is not None else 1.0
        told = f" (count {times:g})" if counted else ""
        message = (
            f"case {show(case)} chose {show(label)}{told}, which the rule {rule} makes unavailable: "
            "what was chosen was a choice; correct the rule or the data"
        )
        return Finding("chosen_unavailable", message, case=case, alternative=label, value=times)

    return listed(np.flatnonzero(mask & _taken_rows(data)), describe, "case")


def _too_few(data: ChoiceData, left: NDArray[np.intp], reduced: Bools, policy: SingleAlternative) -> list[Finding]:
    def empty(at: int) -> Finding:
        case = plain_label(data.cases[at])
        return Finding("no_alternative", f"the rules leave case {show(case)} no alternative: correct them", case=case)

    def single(at: int) -> Finding:
        case = plain_label(data.cases[at])
        message = (
            f"the rules leave case {show(case)} one alternative, which is no choice: "
            "drop such cases with single_alternative='drop' or keep them with 'keep'"
        )
        return Finding("single_alternative", message, case=case)

    findings = listed(np.flatnonzero(left == 0), empty, "case")
    if policy == "error":
        findings += listed(np.flatnonzero(reduced & (left == 1)), single, "case")
    return findings


def _note_on_cases(data: ChoiceData, rule: UnavailableRule, cases: NDArray[np.intp]) -> str:
    if not len(cases):
        return f"Structural zero by rule, {rule}: already unavailable there"
    hit = np.unique(cases)
    counts = data.weights if data.weight_kind == "frequency" else None
    if counts is None:
        return rule_note(rule, len(hit), data.n_cases, "case", 0.0, None)
    return rule_note(rule, len(hit), data.n_cases, "case", float(counts[hit].sum()), float(counts.sum()))


def _without_unused(kept: ChoiceData, before: ChoiceData) -> ChoiceData:
    """Alternatives that lost their last row leave the universe: nothing could be estimated of them."""
    had = np.bincount(before.row_alternative, minlength=before.n_alternatives) > 0
    lost = had & (np.bincount(kept.row_alternative, minlength=kept.n_alternatives) == 0)
    if not lost.any():
        return kept
    recode = np.cumsum(~lost, dtype=np.intp) - 1
    labels = kept.alternatives[lost]
    note = (
        f"{len(labels)} alternative{'s' if len(labels) > 1 else ''} left out, available to no case: {show_some(labels)}"
    )
    return replace(
        kept,
        alternatives=kept.alternatives[~lost],
        row_alternative=recode[kept.row_alternative],
        chosen=None if kept.chosen is None else recode[kept.chosen],
        notes=(*kept.notes, note),
    )
