"""What is missing in a table of choices: keys without which a row belongs nowhere, and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.checks import listed, of_case
from relocchoice.data.draft import Draft
from relocchoice.data.frames import missing_values
from relocchoice.data.labels import plain_label, show
from relocchoice.errors import Finding

Bools = NDArray[np.bool_]
Positions = NDArray[np.intp]


def missing_keys(draft: Draft) -> dict[str, Bools]:
    """Role -> (D,) where its value is missing; the case itself is left to :func:`nameless_rows`."""
    masks: dict[str, Bools] = {"alternative": draft.alternative == -1}
    if draft.chosen is not None:
        masks["chosen"] = draft.chosen == -1
    if draft.available is not None:
        masks["available"] = draft.available == -1
    if draft.weights is not None:
        masks["weights"] = np.isnan(draft.weights)
    if draft.unit is not None:
        masks["unit"] = draft.unit == -1
    return {role: mask for role, mask in masks.items() if mask.any()}


def missing_rows(draft: Draft) -> dict[str, Bools]:
    """Column -> (D,) where an available row of a column that is no key has a missing or infinite value."""
    matters = np.ones(len(draft.case), dtype=bool) if draft.available is None else draft.available != 0
    masks = {name: missing_values(series) & matters for name, series in draft.row_columns.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def missing_in_cases(draft: Draft) -> dict[str, Bools]:
    """Column -> (n,) where a case column has a missing or infinite value."""
    masks = {name: missing_values(series) for name, series in draft.case_columns.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def nameless_rows(draft: Draft) -> list[Finding]:
    """Rows without a case label cannot be dropped with their case, so no policy forgives them."""
    column = draft.names.get("case", "case")

    def describe(row: int) -> Finding:
        return Finding(
            rule="missing",
            message=f"row {row} (counted from 0) has no {draft.noun} label in column {column!r}: "
            "fill it or remove the row",
            column=column,
        )

    return listed(np.flatnonzero(draft.case == -1), describe, "row")


def missing_key_findings(draft: Draft, masks: dict[str, Bools]) -> list[Finding]:
    """One finding a case and role with a missing value."""
    findings: list[Finding] = []
    for role, mask in masks.items():
        rows = np.flatnonzero(mask & (draft.case >= 0))
        _, first = np.unique(draft.case[rows], return_index=True)
        counts = np.bincount(draft.case[rows], minlength=len(draft.cases))

        def describe(row: int, role: str = role, counts: NDArray[np.intp] = counts) -> Finding:
            case, alternative = int(draft.case[row]), int(draft.alternative[row])
            column = draft.source(role, alternative)
            by_row = role == "available" or (role == "chosen" and not draft.chosen_by_label)
            named = by_row and alternative >= 0
            label = plain_label(draft.alternatives[alternative]) if named else None
            at = f" for alternative {show(label)}" if named else ""
            return of_case(
                draft,
                "missing",
                case,
                f"has no {role} value in column {column!r}{at}: fill it, or drop such cases with missing='drop'",
                column=column,
                alternative=label,
                count=int(counts[case]),
            )

        findings += listed(rows[first], describe, draft.noun)
    return findings


def missing_value_findings(draft: Draft) -> list[Finding]:
    """One finding a column that is no key and has missing or infinite values."""
    findings = []
    for name, mask in missing_rows(draft).items():
        row = int(np.argmax(mask))
        label = plain_label(draft.alternatives[draft.alternative[row]]) if draft.alternative[row] >= 0 else None
        case = plain_label(draft.cases[draft.case[row]]) if draft.case[row] >= 0 else None
        findings.append(missing_value(name, case, label, draft.row_columns[name].iloc[row], int(mask.sum())))
    for name, mask in missing_in_cases(draft).items():
        row = int(np.argmax(mask))
        case = plain_label(draft.cases[row])
        findings.append(missing_value(name, case, None, draft.case_columns[name].iloc[row], int(mask.sum())))
    return findings


def missing_value(column: str, case: Any, alternative: Any, value: Any, count: int) -> Finding:
    """The finding for missing or infinite values of one column."""
    at = f", alternative {show(alternative)}" if alternative is not None else ""
    return Finding(
        rule="missing",
        message=f"column {column!r} has {count} missing or infinite value{'s' if count > 1 else ''}, the first in case "
        f"{show(case)}{at} ({show(value)}): fill it, or drop such cases with missing='drop' "
        f"or data.drop_missing([{column!r}])",
        column=column,
        case=case,
        alternative=alternative,
        value=None if pd.isna(value) else plain_label(value),  # NaN would make equal findings unequal
        count=count,
    )
