"""From a draft to checked data: drop what the policy drops, apply every rule, build the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data import checks, missing
from relocchoice.data.checks import Layout
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.draft import Draft, Policy
from relocchoice.data.frames import pick
from relocchoice.data.labels import show_some
from relocchoice.errors import DataError, Finding


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a draft.

    Attributes
    ----------
    draft : the draft.
    findings : every rule that is broken.
    data : the record, or None when there are findings.
    """

    draft: Draft
    findings: tuple[Finding, ...]
    data: ChoiceData | None

    def settled(self) -> ChoiceData:
        """The record.

        Raises
        ------
        DataError
            With all the findings, when there are any.
        """
        if self.data is None:
            raise DataError(self.findings)
        return self.data


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Cases dropped because a value is missing.

    Attributes
    ----------
    cases : (n,) True where the case is dropped.
    columns : column -> number of cases with a missing value in it.
    """

    cases: NDArray[np.bool_]
    columns: Mapping[str, int]


def assemble(draft: Draft, policy: Policy) -> Outcome:
    """Apply every rule to a draft and build the record when none is broken."""
    if not len(draft.case):
        return Outcome(draft, (*draft.findings, Finding(rule="empty", message="the table has no rows")), None)
    keys = missing.missing_keys(draft)
    findings = [*draft.findings, *missing.nameless_rows(draft)]
    losses = Losses(np.zeros(len(draft.cases), dtype=bool), {})
    if policy.missing == "drop":
        losses = _losses(draft, keys)
    else:
        findings += missing.missing_key_findings(draft, keys)
    layout = checks.lay_out(draft, _usable(draft, losses.cases), _doubtful(draft, keys))
    findings += checks.duplicates(layout)
    findings += checks.choice_set_sizes(layout, policy)
    findings += checks.choices(layout, policy)
    findings += checks.weights(layout, policy)
    findings += checks.units(layout)
    kept = layout.sizes > 0
    if policy.single_alternative == "drop":
        kept &= ~_certain(layout, policy)
    if not findings and not kept.any():
        message = (
            f"no {draft.noun} is left: {int(losses.cases.sum())} have missing values, the others no choice to make"
        )
        findings.append(Finding(rule="empty", message=message))
    if findings:
        return Outcome(draft, tuple(findings), None)
    return Outcome(draft, (), _build(layout, policy, losses, kept))


def _usable(draft: Draft, lost: NDArray[np.bool_]) -> NDArray[np.bool_]:
    usable = (draft.case >= 0) & (draft.alternative >= 0)
    if lost.any():
        usable &= ~lost[draft.case]
    return usable


def _doubtful(draft: Draft, keys: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    doubtful = np.zeros(len(draft.cases), dtype=bool)
    for role, mask in keys.items():
        if role in ("alternative", "chosen", "available"):
            doubtful[draft.case[mask & (draft.case >= 0)]] = True
    return doubtful


def _losses(draft: Draft, keys: Mapping[str, NDArray[np.bool_]]) -> Losses:
    lost = np.zeros(len(draft.cases), dtype=bool)
    columns: dict[str, int] = {}

    def lose(column: str, cases: NDArray[np.intp]) -> None:
        lost[cases] = True
        columns[column] = len(cases)

    for name, mask in [(draft.names.get(role, role), mask) for role, mask in keys.items()]:
        lose(name, np.unique(draft.case[mask & (draft.case >= 0)]))
    for name, mask in missing.missing_rows(draft).items():
        lose(name, np.unique(draft.case[mask & (draft.case >= 0)]))
    for name, mask in missing.missing_in_cases(draft).items():
        lose(name, np.flatnonzero(mask))
    return Losses(lost, columns)


def loss_note(noun: str, lost: int, total: int, columns: Mapping[str, int]) -> str:
    """The sentence that counts what missing values cost."""
    named = ", ".join(f"{name!r} ({count})" for name, count in columns.items())
    return f"{lost} of {total} {noun}s dropped for missing or infinite values in {named}"


def _build(layout: Layout, policy: Policy, losses: Losses, kept: NDArray[np.bool_]) -> ChoiceData:
    draft = layout.draft
    rows, alternative = layout.rows, layout.alternative
    if not (kept.all() and layout.available.all()):
        here = layout.available & kept[layout.case]
        rows, alternative = rows[here], alternative[here]
    cases, where = np.flatnonzero(kept), _slice_if_any(rows)
    used = np.bincount(alternative, minlength=len(draft.alternatives)) > 0
    recode = np.cumsum(used, dtype=np.intp) - 1
    first = rows[np.cumsum(layout.sizes[cases]) - layout.sizes[cases]]
    unit, units = _units(draft, first)
    offsets = np.append(0, np.cumsum(layout.sizes[cases])).astype(np.int64)
    picked = None if draft.chosen is None else draft.chosen[rows] == 1
    return ChoiceData(
        alternatives=draft.alternatives[used],
        cases=draft.cases[cases],
        offsets=offsets,
        row_alternative=recode[alternative],
        chosen=None if picked is None else first_taken(recode[alternative], picked, offsets),
        picked=picked if policy.several else None,
        weights=None if draft.weights is None else draft.weights[first],
        weight_kind=None if draft.weights is None else policy.weight_kind,
        unit=unit,
        units=units,
        row_columns={name: pick(series, where) for name, series in draft.row_columns.items()},
        case_columns={name: pick(series, cases) for name, series in draft.case_columns.items()},
        names=dict(draft.names),
        notes=_notes(layout, policy, losses, used),
    )


def _slice_if_any(rows: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Positions that follow one another as a slice, which is copied faster."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and bool((rows[1:] > rows[:-1]).all()):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def first_taken(
    row_alternative: NDArray[np.intp], picked: NDArray[np.bool_], offsets: NDArray[np.int64]
) -> NDArray[np.intp]:
    """(n,) code of the first alternative each case took; of (R,) rows in the order of the record."""
    rows = np.flatnonzero(picked)
    return row_alternative[rows[np.searchsorted(rows, offsets[:-1])]]


def _certain(layout: Layout, policy: Policy) -> NDArray[np.bool_]:
    """(n,) cases without a choice to make: one alternative, or all of them taken where several may be."""
    return (layout.sizes == 1) | (policy.several & (layout.sizes > 0) & (layout.taken == layout.sizes))


def _units(draft: Draft, first: NDArray[np.intp]) -> tuple[NDArray[np.intp] | None, pd.Index | None]:
    if draft.unit is None or draft.units is None:
        return None, None
    codes, used = pd.factorize(draft.unit[first])
    return codes.astype(np.intp, copy=False), draft.units[used]


def _notes(layout: Layout, policy: Policy, losses: Losses, used: NDArray[np.bool_]) -> tuple[str, ...]:
    draft = layout.draft
    notes = []
    if losses.cases.any():
        notes.append(loss_note(draft.noun, int(losses.cases.sum()), len(draft.cases), losses.columns))
    single = int(np.sum(layout.sizes == 1))
    if single and policy.single_alternative == "drop":
        notes.append(f"{single} of {len(draft.cases)} {draft.noun}s dropped: only one available alternative")
    elif single:
        notes.append(
            f"{single} of {len(draft.cases)} {draft.noun}s have only one available alternative: "
            "kept, though they add nothing to the log-likelihood"
        )
    whole = int(np.sum(_certain(layout, policy) & (layout.sizes > 1)))
    if whole:
        dropped = policy.single_alternative == "drop"
        outcome = "dropped, as" if dropped else "kept, though"
        notes.append(
            f"{whole} of {len(draft.cases)} {draft.noun}s took every available alternative: "
            f"{outcome} a certain set adds nothing to the likelihood of sets"
        )
    if not used.all():
        unused = draft.alternatives[~used]
        plural = "s" if len(unused) > 1 else ""
        notes.append(f"{len(unused)} alternative{plural} left out, available to no {draft.noun}: {show_some(unused)}")
    return tuple(notes)
