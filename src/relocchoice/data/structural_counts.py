"""Structural zeros of tables of counts: marked before the counts become cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.checks import listed, of_case
from relocchoice.data.draft import Draft, require_option
from relocchoice.data.frames import pick
from relocchoice.data.labels import plain_label, show
from relocchoice.data.structural import Bools, UnavailableRule, Zeros, check_rules, rows_of, rule_note, with_close
from relocchoice.errors import DataError, Finding


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """A table of counts whose structural zeros are marked.

    Attributes
    ----------
    draft : the table, with ``available`` 0 where an alternative was no choice.
    notes : what was marked, by which rule, in how many cells and choices.
    """

    draft: Draft
    notes: tuple[str, ...]


def mark_rules(draft: Draft, count: str, rules: Sequence[UnavailableRule]) -> Marked:
    """Mark the cells in which a rule makes an alternative unavailable; a count there is a finding.

    Raises
    ------
    DataError
        For alternatives, columns and values that the table does not have.
    """
    if not rules or not len(draft.case):
        return Marked(draft, ())

    def column(name: str) -> pd.Series:
        return _draft_column(draft, name, np.maximum(draft.case, 0), count)

    problems = check_rules(rules, draft.alternatives, column)
    if problems:
        raise DataError(problems)
    counts = np.nan_to_num(draft.row_columns[count].to_numpy())
    known = (draft.case >= 0) & (draft.alternative >= 0)
    n = len(draft.cases)
    by_cell = np.bincount(draft.case[known], weights=np.maximum(counts[known], 0.0), minlength=n)
    flags = np.ones(len(draft.case), dtype=np.int8) if draft.available is None else draft.available.copy()
    findings, notes = list(draft.findings), []
    absent = _absent_pairs(draft)
    for rule in rules:
        here = known & rows_of(rule, draft.alternatives, draft.alternative, column)
        taken = here & (counts > 0)
        findings += _counted(draft, count, rule, counts, taken)
        flags[here & ~taken] = 0
        cells = np.zeros(n, dtype=bool)
        cells[draft.case[here]] = True
        cells[absent[_excused_by(rule, draft, absent, count), 0]] = True
        notes.append(rule_note(rule, int(cells.sum()), n, "cell", by_cell[cells].sum(), by_cell.sum()))
    return Marked(replace(draft, available=flags, findings=tuple(findings)), tuple(notes))


def excused(draft: Draft, count: str, rules: Sequence[UnavailableRule], where: NDArray[np.intp]) -> Bools:
    """(m,) pairs (cell, alternative) that need no count: a rule on columns of the cell makes them unavailable."""
    out = np.zeros(len(where), dtype=bool)
    for rule in rules:
        out |= _excused_by(rule, draft, where, count)
    return out


def _excused_by(rule: UnavailableRule, draft: Draft, where: NDArray[np.intp], count: str) -> Bools:
    if not len(where) or any(name in draft.row_columns for name, _ in rule.conditions):
        return np.zeros(len(where), dtype=bool)
    return rows_of(rule, draft.alternatives, where[:, 1], lambda name: _draft_column(draft, name, where[:, 0], count))


def _absent_pairs(draft: Draft) -> NDArray[np.intp]:
    known = (draft.case >= 0) & (draft.alternative >= 0)
    present = np.zeros((len(draft.cases), len(draft.alternatives)), dtype=bool)
    present[draft.case[known], draft.alternative[known]] = True
    return np.argwhere(~present)


def _draft_column(draft: Draft, name: str, cell: NDArray[np.intp], count: str) -> pd.Series:
    if name in draft.row_columns and name != count:
        return draft.row_columns[name]
    if name in draft.case_columns:
        return pick(draft.case_columns[name], cell)
    known = [other for other in (*draft.row_columns, *draft.case_columns) if other != count]
    message = with_close(f"unavailable names column {name!r}, which the cells do not have", name, known)
    raise DataError([Finding("no_column", message, column=name)])


def _counted(
    draft: Draft, count: str, rule: UnavailableRule, counts: NDArray[np.float64], taken: Bools
) -> list[Finding]:
    def describe(row: int) -> Finding:
        label = plain_label(draft.alternatives[draft.alternative[row]])
        text = (
            f"has count {counts[row]:g} for alternative {show(label)}, which the rule {rule} makes unavailable: "
            "what was chosen was a choice; correct the rule or the count"
        )
        value = float(counts[row])
        return of_case(
            draft, "chosen_unavailable", int(draft.case[row]), text, column=count, alternative=label, value=value
        )

    return listed(np.flatnonzero(taken), describe, "count")


def mark_zeros(draft: Draft, count: str, zeros: Zeros) -> Marked:
    """With ``zeros="unavailable"``, mark every zero count of a cell in which anything was counted.

    A cell without any count keeps its alternatives: it is dropped later, and says so.
    """
    require_option("zeros", zeros, get_args(Zeros))
    if zeros == "data" or not len(draft.case):
        return Marked(draft, ())
    counts = draft.row_columns[count].to_numpy()
    known = (draft.case >= 0) & (draft.alternative >= 0)
    total = np.bincount(draft.case[known], weights=np.nan_to_num(counts[known]), minlength=len(draft.cases))
    flags = np.ones(len(draft.case), dtype=np.int8) if draft.available is None else draft.available.copy()
    here = known & (counts == 0) & (flags == 1)
    here[here] = total[draft.case[here]] > 0
    flags[here] = 0
    return Marked(
        replace(draft, available=flags),
        (f"Structural zeros by zeros='unavailable', alternatives that were no choice: {_by_alternative(draft, here)}",),
    )


def column_notes(draft: Draft) -> tuple[str, ...]:
    """The note on structural zeros that a column marks."""
    if draft.available is None:
        return ()
    here = (draft.case >= 0) & (draft.alternative >= 0) & (draft.available == 0)
    told = _by_alternative(draft, here)
    return (f"Structural zeros by available=, alternatives that were no choice: {told}",) if here.any() else ()


def _by_alternative(draft: Draft, here: Bools) -> str:
    cells = np.bincount(draft.alternative[here], minlength=len(draft.alternatives))
    parts = [
        f"{show(draft.alternatives[code])} ({cells[code]} of {len(draft.cases)} cells)"
        for code in np.flatnonzero(cells)[:20]
    ]
    more = np.count_nonzero(cells) - len(parts)
    return (", ".join(parts) or "none") + (f" and {more} more alternatives" if more > 0 else "")
