"""The data doctor: every problem of a table at once, without raising."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from html import escape
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from relocchoice.data import checks, missing
from relocchoice.data.assemble import Outcome
from relocchoice.data.choice_data import ChoiceData, WeightKind
from relocchoice.data.column_checks import column_warnings
from relocchoice.data.counts import convert_counts
from relocchoice.data.draft import Missing, Policy, SingleAlternative, require_option
from relocchoice.data.labels import plain_label, show
from relocchoice.data.long import convert_long
from relocchoice.data.provenance import begun, traced
from relocchoice.data.wide import convert_wide
from relocchoice.errors import DataError, Finding, OptionError

TableLayout = Literal["long", "wide", "counts"]
_CONVERT: dict[str, Callable[..., Outcome]] = {"long": convert_long, "wide": convert_wide, "counts": convert_counts}


@dataclass(frozen=True, slots=True, repr=False)
class DoctorReport:
    """What the doctor found.

    Attributes
    ----------
    findings : problems that keep the table from being read; empty when ``ChoiceData.from_*`` accepts it.
    warnings : what does not: missing values of columns that a model need not use, alternatives nobody
        chose, numeric columns that no model could use as they are (constant, the same within every case, collinear).
    notes : what reading the table drops or assumes; empty when it cannot be read.
    provenance : one line on where the table comes from, where nobody observed it.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: str = ""

    @property
    def ok(self) -> bool:
        """Whether the table can be read."""
        return not self.findings

    def to_frame(self) -> pd.DataFrame:
        """One row a finding or warning: its severity and the fields of :class:`Finding`."""
        names = [field.name for field in fields(Finding)]
        table: dict[str, list[Any]] = {"severity": ["error"] * len(self.findings) + ["warning"] * len(self.warnings)}
        for name in names:
            table[name] = [getattr(finding, name) for finding in (*self.findings, *self.warnings)]
        return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in table.items()})

    def __str__(self) -> str:
        lines = [self._head()]
        lines += [f"  error [{finding.rule}]: {finding.message}" for finding in self.findings]
        lines += [f"  warning [{finding.rule}]: {finding.message}" for finding in self.warnings]
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [("error", finding.rule, finding.message) for finding in self.findings]
        rows += [("warning", finding.rule, finding.message) for finding in self.warnings]
        rows += [("note", "", note) for note in self.notes]
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table><caption>{escape(self._head())}</caption>{body}</table>"

    def _head(self) -> str:
        state = "the table can be read" if self.ok else "the table cannot be read"
        counts = f"{_number(len(self.findings), 'error')}, {_number(len(self.warnings), 'warning')}"
        return begun(self.provenance, f"Data doctor: {state}; {counts}")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


@traced
def doctor(
    frame: Any,
    *,
    layout: TableLayout = "long",
    weight_kind: WeightKind = "frequency",
    missing: Missing = "error",
    single_alternative: SingleAlternative = "error",
    **arguments: Any,
) -> DoctorReport:
    """Apply the checks of ``ChoiceData.from_<layout>`` and report everything they find.

    Parameters
    ----------
    frame : the table.
    layout : ``"long"``, ``"wide"`` or ``"counts"``.
    weight_kind, missing, single_alternative, **arguments : as that constructor takes them.

    Raises
    ------
    OptionError
        When an option has none of its valid values, an argument that the layout needs is not given, or one is given
        that it does not have.

    Examples
    --------
    >>> table = {"move": [1, 1], "place": ["metro", "township"], "chosen": [0, 0]}
    >>> report = doctor(table, case="move", alternative="place", chosen="chosen")
    >>> report.ok, [finding.rule for finding in report.findings]
    (False, ['no_choice'])
    """
    require_option("layout", layout, get_args(TableLayout))
    _require_arguments(layout, arguments)
    policy = Policy(weight_kind, missing, single_alternative)
    try:
        outcome = _CONVERT[layout](frame, policy=policy, **arguments)
    except DataError as error:
        return DoctorReport(error.findings)
    warnings = [] if missing == "drop" else _unused_missing(outcome)
    if outcome.data is not None:
        warnings += [*_never_chosen(outcome.data), *column_warnings(outcome.data)]
    notes = () if outcome.data is None else outcome.data.notes
    return DoctorReport(outcome.findings, tuple(warnings), notes)


def _require_arguments(layout: TableLayout, given: Mapping[str, Any]) -> None:
    """Refuse a call that the conversion of this layout could not take, in the words of the caller."""
    parameters = inspect.signature(_CONVERT[layout]).parameters.values()
    known = {p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "policy"}
    problems = [f"needs {name}=" for name, needed in known.items() if needed and name not in given]
    problems += [f"has no argument {name}=" for name in given if name not in known]
    if problems:
        listed = ", ".join(f"{name} (needed)" if needed else name for name, needed in known.items())
        raise OptionError(
            f"layout={layout!r} {' and '.join(problems)}; its arguments: {listed}, weight_kind, missing, "
            "single_alternative"
        )


def _unused_missing(outcome: Outcome) -> list[Finding]:
    roles = set(outcome.draft.names.values())
    return [finding for finding in missing.missing_value_findings(outcome.draft) if finding.column not in roles]


def _never_chosen(data: ChoiceData) -> list[Finding]:
    if data.chosen is None:
        return []
    counts = np.bincount(data.chosen, weights=data.weights, minlength=data.n_alternatives)

    def describe(code: int) -> Finding:
        label = plain_label(data.alternatives[code])
        message = f"alternative {show(label)} is never chosen: a constant of its own has no finite estimate"
        return Finding(rule="never_chosen", message=message, alternative=label)

    return checks.listed(np.flatnonzero(counts == 0), describe, "alternative")
