"""The rules a table of choices must keep; each is one vectorised function that returns what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.draft import Draft, Policy
from relocchoice.data.labels import plain_label, show, show_some
from relocchoice.errors import Finding

CAP = 20  # findings of one rule that are spelled out
Bools = NDArray[np.bool_]
Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The usable rows of a draft in their final order.

    Attributes
    ----------
    draft : the draft.
    rows : (L,) positions in the draft of the rows whose case and alternative are known, sorted by case and alternative.
    case, alternative : (L,) codes.
    available : (L,) whether the alternative could be chosen.
    sizes : (n,) number of available rows of each case; taken : (n,) how many of them are chosen.
    present : (n,) whether the case has any row here.
    doubtful : (n,) cases with a missing key, about which some rules keep silent.
    """

    draft: Draft
    rows: Positions
    case: Positions
    alternative: Positions
    available: Bools
    sizes: NDArray[np.int64]
    taken: NDArray[np.int64]
    present: Bools
    doubtful: Bools


def lay_out(draft: Draft, usable: Bools, doubtful: Bools) -> Layout:
    """Sort the usable rows (D,) of a draft by case and alternative; rows in order already are not sorted again."""
    n, width = len(draft.cases), max(len(draft.alternatives), 1)
    rows = np.flatnonzero(usable)
    case, alternative = _at(draft.case, rows, usable), _at(draft.alternative, rows, usable)
    key = case.astype(np.int64) * width
    key += alternative
    if not np.all(key[1:] >= key[:-1]):
        order = np.argsort(key, kind="stable")
        rows, case, alternative = rows[order], case[order], alternative[order]
    available = np.ones(len(rows), dtype=bool) if draft.available is None else draft.available[rows] == 1
    taken = np.zeros(len(rows), dtype=bool) if draft.chosen is None else available & (draft.chosen[rows] == 1)
    return Layout(
        draft=draft,
        rows=rows,
        case=case,
        alternative=alternative,
        available=available,
        sizes=np.bincount(case[available], minlength=n).astype(np.int64),
        taken=np.bincount(case[taken], minlength=n).astype(np.int64),
        present=np.bincount(case, minlength=n) > 0,
        doubtful=doubtful,
    )


def _at(values: Positions, rows: Positions, usable: Bools) -> Positions:
    """Values of the usable rows, without a copy where all are."""
    return values if len(rows) == len(usable) else values[rows]


def listed(where: Positions, describe: Callable[[int], Finding], noun: str) -> list[Finding]:
    """One finding each for the first :data:`CAP` positions and one that counts the rest."""
    findings = [describe(int(position)) for position in where[:CAP]]
    rest = len(where) - len(findings)
    if rest > 0:
        first = findings[0]
        message = f"{rest} more {noun}{'s' if rest > 1 else ''} break the rule {first.rule!r} in the same way"
        findings.append(Finding(rule=first.rule, message=message, column=first.column, count=rest))
    return findings


def of_case(draft: Draft, rule: str, case: int, text: str, **facts: object) -> Finding:
    """A finding about one case; `text` follows the case's label."""
    label = draft.cases[case]
    return Finding(rule=rule, message=f"{draft.noun} {show(label)} {text}", case=plain_label(label), **facts)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- missing values


# ------------------------------------------------------------------------------------------------------- the rules


def duplicates(layout: Layout) -> list[Finding]:
    """An alternative stands at most once in a case."""
    draft = layout.draft
    again = np.zeros(len(layout.rows), dtype=bool)
    again[1:] = (layout.case[1:] == layout.case[:-1]) & (layout.alternative[1:] == layout.alternative[:-1])
    starts = np.flatnonzero(again & ~np.append(False, again[:-1]))
    column = draft.names.get("alternative", "alternative")

    def describe(position: int) -> Finding:
        case, alternative = int(layout.case[position]), int(layout.alternative[position])
        times = int(np.sum((layout.case == case) & (layout.alternative == alternative)))
        label = plain_label(draft.alternatives[alternative])
        return of_case(
            draft,
            "duplicate",
            case,
            f"has alternative {show(label)} in {times} rows (column {column!r}): "
            f"keep one, or check the {draft.noun} labels",
            column=column,
            alternative=label,
            count=times,
        )

    return listed(starts, describe, draft.noun)


def choice_set_sizes(layout: Layout, policy: Policy) -> list[Finding]:
    """Every case can choose, and (unless the policy says otherwise) between two alternatives at least."""
    draft = layout.draft
    column = draft.names.get("available", draft.names.get("alternative", "alternative"))
    judged = layout.present & ~layout.doubtful

    def empty(case: int) -> Finding:
        return of_case(
            draft, "no_alternative", case, f"has no available alternative (column {column!r}): remove it", column=column
        )

    def single(case: int) -> Finding:
        only = plain_label(draft.alternatives[layout.alternative[layout.available & (layout.case == case)][0]])
        return of_case(
            draft,
            "single_alternative",
            case,
            f"has only the alternative {show(only)}, which is no choice: "
            "drop such cases with single_alternative='drop' or keep them with 'keep'",
            column=draft.names.get("alternative"),
            alternative=only,
        )

    findings = listed(np.flatnonzero(judged & (layout.sizes == 0)), empty, draft.noun)
    if policy.single_alternative == "error":
        findings += listed(np.flatnonzero(judged & (layout.sizes == 1)), single, draft.noun)
        whole = judged & (layout.sizes > 1) & (layout.taken >= layout.sizes) & policy.several
        findings += listed(np.flatnonzero(whole), lambda case: _took_all(layout, case), draft.noun)
    return findings


def _took_all(layout: Layout, case: int) -> Finding:
    draft = layout.draft
    text = (
        f"took all its {int(layout.sizes[case])} alternatives, which says nothing of what it prefers: "
        f"drop such {draft.noun}s with single_alternative='drop' or keep them with 'keep'"
    )
    return of_case(draft, "took_all", case, text, column=draft.names.get("chosen"), count=int(layout.sizes[case]))


def choices(layout: Layout, policy: Policy) -> list[Finding]:
    """Every case has exactly one chosen alternative, or with ``policy.several`` at least one; all are available."""
    draft = layout.draft
    if draft.chosen is None:
        return []
    n = len(draft.cases)
    flags = draft.chosen[layout.rows]
    chosen = np.flatnonzero(flags == 1)
    # The same alternative flagged in two rows is a duplicate, not a second choice.
    first = np.ones(len(chosen), dtype=bool)
    first[1:] = (layout.case[chosen][1:] != layout.case[chosen][:-1]) | (
        layout.alternative[chosen][1:] != layout.alternative[chosen][:-1]
    )
    count = np.bincount(layout.case[chosen[first]], minlength=n)
    least = count if policy.several else 1
    reachable = np.bincount(layout.case[chosen[layout.available[chosen]]], minlength=n) >= least
    unreadable = np.bincount(layout.case[flags == -2], minlength=n) > 0
    judged = layout.present & ~unreadable
    certain = judged & ~layout.doubtful

    findings = listed(np.flatnonzero(certain & (count == 0)), lambda case: _unchosen(layout, case), draft.noun)
    if not policy.several:
        findings += listed(
            np.flatnonzero(judged & (count > 1)),
            lambda case: _several(layout, flags, case, int(count[case])),
            draft.noun,
        )
    barred = np.flatnonzero(certain & (count > 0 if policy.several else count == 1) & ~reachable)
    return findings + listed(barred, lambda case: _barred(layout, flags, case), draft.noun)


def _unchosen(layout: Layout, case: int) -> Finding:
    draft = layout.draft
    column = draft.names.get("chosen", "chosen")
    if draft.chosen_by_label:
        text = f"has no row for the alternative named in column {column!r}: add the row or correct the label"
        return of_case(draft, "chosen_unavailable", case, text, column=column)
    text = f"has no chosen alternative (column {column!r}): flag one of its rows or remove the {draft.noun}"
    return of_case(draft, "no_choice", case, text, column=column)


def _several(layout: Layout, flags: NDArray[np.int8], case: int, count: int) -> Finding:
    draft = layout.draft
    column = draft.names.get("chosen", "chosen")
    labels = draft.alternatives[layout.alternative[(layout.case == case) & (flags == 1)]].tolist()
    text = (
        f"has {count} chosen alternatives, {show_some(labels)} (column {column!r}): flag exactly one, or read "
        "events with several destinations with several=True"
    )
    return of_case(draft, "several_choices", case, text, column=column, alternative=plain_label(labels[0]), count=count)


def _barred(layout: Layout, flags: NDArray[np.int8], case: int) -> Finding:
    draft = layout.draft
    code = int(layout.alternative[(layout.case == case) & (flags == 1) & ~layout.available][0])
    label = plain_label(draft.alternatives[code])
    column = draft.names.get("chosen", "chosen")
    text = (
        f"chose {show(label)} (column {column!r}), which is not available to it (column "
        f"{draft.source('available', code)!r}): correct one of the two"
    )
    return of_case(draft, "chosen_unavailable", case, text, column=column, alternative=label)


def weights(layout: Layout, policy: Policy) -> list[Finding]:
    """Weights are finite, not negative, one a case; frequencies are whole numbers; not all are zero."""
    draft = layout.draft
    if draft.weights is None:
        return []
    column = draft.names.get("weights", "weights")
    values = draft.weights[layout.rows]
    known = ~np.isnan(values)
    bad = known & ~(np.isfinite(values) & (values >= 0))
    findings = _one_a_case(
        layout,
        bad,
        "weight_invalid",
        column,
        "has weight {value} in column {column}: weights are finite and not negative",
    )
    if policy.weight_kind == "frequency":
        broken = known & ~bad & (values != np.round(values))
        findings += _one_a_case(
            layout,
            broken,
            "weight_not_whole",
            column,
            "has weight {value} in column {column}, but frequencies are whole numbers: say weight_kind='sampling'",
        )
    findings += _varies(layout, values, known, "weight_varies", column)
    if not findings and known.any() and not values[known].any():
        findings.append(
            Finding(
                rule="weight_zero", message=f"every weight in column {column!r} is zero: no case counts", column=column
            )
        )
    return findings


def units(layout: Layout) -> list[Finding]:
    """A case belongs to one unit."""
    draft = layout.draft
    if draft.unit is None or draft.units is None:
        return []
    codes = draft.unit[layout.rows]
    return _varies(layout, codes, codes >= 0, "unit_varies", draft.names.get("unit", "unit"), draft.units)


def _one_a_case(layout: Layout, bad: Bools, rule: str, column: str, text: str) -> list[Finding]:
    draft = layout.draft
    positions = np.flatnonzero(bad)
    _, first = np.unique(layout.case[positions], return_index=True)

    def describe(position: int) -> Finding:
        assert draft.weights is not None
        value = float(draft.weights[layout.rows[position]])
        said = text.format(value=value, column=repr(column))
        return of_case(draft, rule, int(layout.case[position]), said, column=column, value=value)

    return listed(positions[first], describe, draft.noun)


def _varies(
    layout: Layout, values: NDArray[np.generic], known: Bools, rule: str, column: str, labels: object = None
) -> list[Finding]:
    draft = layout.draft
    differs = np.zeros(len(values), dtype=bool)
    same_case = layout.case[1:] == layout.case[:-1]
    differs[1:] = same_case & (values[1:] != values[:-1]) & known[1:] & known[:-1]
    positions = np.flatnonzero(differs)
    _, first = np.unique(layout.case[positions], return_index=True)

    def describe(position: int) -> Finding:
        pair = [values[position - 1].item(), values[position].item()]
        if labels is not None:
            pair = [labels[code] for code in pair]  # type: ignore[index]
        text = f"has both {show(pair[0])} and {show(pair[1])} in column {column!r}: it must be the same on all its rows"
        return of_case(draft, rule, int(layout.case[position]), text, column=column, value=plain_label(pair[1]))

    return listed(positions[first], describe, draft.noun)
