"""Tabulated choices: a table of cells, each with the number of times every alternative was chosen."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.assemble import Outcome, assemble
from relocchoice.data.checks import listed, of_case
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.draft import Draft, Policy, odd_flag, read_flags, require_option, unique_name
from relocchoice.data.frames import Columns, comparable, pick, read_frame
from relocchoice.data.labels import UNKNOWN, Encoded, encode, encode_canonical, index_of, plain_label, show
from relocchoice.data.long import read_available, read_roles
from relocchoice.data.shared import sharing
from relocchoice.data.structural import UnavailableRule, Zeros, read_rules
from relocchoice.data.structural_counts import excused, mark_zeros
from relocchoice.data.tabulation import Tabulation, cell_names, count_numbers, encode_cells, first_rows, marked
from relocchoice.data.wide import Universe, interleave, read_universe
from relocchoice.errors import DataError, Finding

Absent = Literal["error", "zero", "unavailable"]
SHARED_ROWS = 20_000


def convert_counts(
    table: Any,
    *,
    count: str | None = None,
    alternative: str | None = None,
    alternatives: Any = None,
    cell: str | Sequence[str] | None = None,
    available: Any = None,
    absent: Absent = "error",
    unavailable: Any = None,
    zeros: Zeros = "data",
    unit: str | None = None,
    policy: Policy | None = None,
) -> Outcome:
    """Read and check a table of counts; see :meth:`ChoiceData.from_counts`."""
    require_option("absent", absent, get_args(Absent))
    require_option("zeros", zeros, get_args(Zeros))
    rules = read_rules(unavailable)
    policy = policy or Policy()
    if alternatives is not None:
        if count is not None or alternative is not None:
            raise DataError(
                "alternatives= names the count columns of a wide table, count= and alternative= are for a long one: "
                "give one of the two"
            )
        tabulation = _read_wide(read_frame(table), read_universe(alternatives), cell, available, absent, rules, unit)
    elif count is None or alternative is None:
        raise DataError(
            "name the columns of a long table with count= and alternative=, "
            "or the count columns of a wide one with alternatives="
        )
    else:
        tabulation = _read_long(read_frame(table), count, alternative, cell, available, absent, rules, unit)
    tabulation = _checked(_with_zeros(tabulation, zeros), policy)
    outcome = assemble(tabulation.draft, policy)
    if outcome.data is None:
        return outcome
    return _spelled_out(outcome, outcome.data, tabulation)


def _with_zeros(tabulation: Tabulation, zeros: Zeros) -> Tabulation:
    marked = mark_zeros(tabulation.draft, tabulation.count, zeros)
    return replace(tabulation, draft=marked.draft, notes=(*tabulation.notes, *marked.notes))


# ------------------------------------------------------------------------------------------------------- the cells


def _constant(series: pd.Series, cells: Encoded, first: NDArray[np.intp]) -> bool:
    known = cells.codes >= 0
    values = comparable(series)
    return bool(np.array_equal(values[known], values[first[cells.codes[known]]]))


# ------------------------------------------------------------------------------------------------------ long tables


def _read_long(
    columns: Columns,
    count: str,
    alternative: str,
    cell: str | Sequence[str] | None,
    available: Any,
    absent: Absent,
    rules: Sequence[UnavailableRule],
    unit: str | None,
) -> Tabulation:
    if available is not None and not isinstance(available, str):
        raise DataError("available= of a long table is the name of one column")
    roles = read_roles({"count": count, "alternative": alternative, "available": available}, unit)
    sources = {role: columns.get(name, role) for role, name in roles.items()}
    others = columns.others(set(roles.values()))
    names = cell_names(cell, others)
    clash = [name for name in names if name in (count, alternative, available)]
    if clash:
        raise DataError(f"cell= names {clash[0]!r}, which plays another role")
    cells = encode_cells(columns, names)
    n = len(cells.labels)
    first = first_rows(cells.codes, n)
    codes = encode_canonical(sources["alternative"], alternative)
    flags, findings = read_available(sources.get("available"), available or "")
    constant = {name: _constant(series, cells, first) for name, series in others.items()}
    units = encode(sources["unit"], str(unit)) if unit is not None else None
    numbers, number_findings = count_numbers(sources["count"], count)
    draft = Draft(
        cases=cells.labels,
        case=cells.codes,
        alternatives=codes.labels,
        alternative=codes.codes,
        names={
            "case": ", ".join(names) or "cell",
            **roles,
        },
        available=flags,
        unit=None if units is None else units.codes,
        units=None if units is None else units.labels,
        row_columns={count: numbers, **{k: v for k, v in others.items() if not constant[k]}},
        case_columns={k: pick(v, first) for k, v in others.items() if constant[k]},
        findings=(*findings, *number_findings),
        noun="cell",
    )
    tabulation = marked(draft, count, rules)
    if not columns.n_rows:
        return tabulation
    return replace(tabulation, draft=_with_absent(tabulation.draft, count, absent, first, rules))


def _with_absent(
    draft: Draft, count: str, absent: Absent, first: NDArray[np.intp], rules: Sequence[UnavailableRule]
) -> Draft:
    """Apply the policy for alternatives that have no row in a cell and no rule that says why."""
    n, width = len(draft.cases), len(draft.alternatives)
    known = (draft.case >= 0) & (draft.alternative >= 0)
    used = np.bincount(draft.alternative[known], minlength=width) > 0  # a level of a categorical may be in no row
    present = np.zeros((n, width), dtype=bool)
    present[draft.case[known], draft.alternative[known]] = True
    where = np.argwhere(~present & used)
    where = where[~excused(draft, count, rules, where)]
    if absent == "unavailable" or not len(where):
        return draft
    if absent == "error":
        return replace(draft, findings=(*draft.findings, *_absent_findings(draft, where)))
    varying = [name for name in draft.row_columns if name != count]
    if varying:
        raise DataError(
            f"absent='zero' would have to invent values of {varying[0]!r}, which differs between the alternatives "
            "of a cell: add the rows with count 0, or say absent='unavailable'"
        )
    added = len(where)
    return replace(
        draft,
        case=np.concatenate([draft.case, where[:, 0]]),
        alternative=np.concatenate([draft.alternative, where[:, 1]]),
        available=None if draft.available is None else np.append(draft.available, np.ones(added, dtype=np.int8)),
        unit=None if draft.unit is None else np.append(draft.unit, draft.unit[first[where[:, 0]]]),
        row_columns={count: pd.Series(np.append(draft.row_columns[count].to_numpy(), np.zeros(added)))},
    )


def _absent_findings(draft: Draft, where: NDArray[np.intp]) -> list[Finding]:
    column = draft.names.get("alternative")

    def describe(position: int) -> Finding:
        cell, code = (int(part) for part in where[position])
        label = plain_label(draft.alternatives[code])
        text = (
            f"has no count for alternative {show(label)}: add it, or say absent='zero' (it was never chosen) "
            "or absent='unavailable' (it could not be chosen); cell= names the columns that identify a cell"
        )
        return of_case(draft, "absent", cell, text, column=column, alternative=label)

    return listed(np.arange(len(where)), describe, "count")


# ------------------------------------------------------------------------------------------------------ wide tables


def _read_wide(
    columns: Columns,
    universe: Universe,
    cell: str | Sequence[str] | None,
    available: Any,
    absent: Absent,
    rules: Sequence[UnavailableRule],
    unit: str | None,
) -> Tabulation:
    n, width = columns.n_rows, len(universe.labels)
    available = _wide_available(available, universe)
    parts = [columns.get(value, "alternatives") for value in universe.sources]
    read = [count_numbers(part, str(value)) for part, value in zip(parts, universe.sources, strict=True)]
    used: set[Hashable] = {*universe.sources, *available.values()} | ({unit} if unit is not None else set())
    others = columns.others(used)
    names = cell_names(cell, others)
    cells = encode_cells(columns, names)
    repeated = np.flatnonzero(np.bincount(cells.codes[cells.codes >= 0], minlength=len(cells.labels)) > 1)
    flags = np.ones((n, width), dtype=np.int8)
    findings = [finding for _, problems in read for finding in problems]
    for position, label in enumerate(universe.labels):
        if label in available:
            odd = read_flags(columns.get(available[label], f"available[{show(label)}]"))
            flags[:, position] = np.where(odd.codes == UNKNOWN, 1, odd.codes)
            findings += [odd_flag(available[label], odd.odd, "available")] if odd.odd else []
    units = encode(columns.get(unit, "unit"), unit) if unit is not None else None
    taken = {**others, **dict.fromkeys(map(str, used))}
    count = unique_name("count", taken)
    role_names = {"case": ", ".join(names) or "cell", "alternative": unique_name("alternative", taken), "count": count}
    if unit is not None:
        role_names["unit"] = unit
    draft = Draft(
        # Every row is a cell of its own; rows that share their labels are reported, so the codes may be positions.
        cases=index_of([*cells.labels, None]).take(cells.codes),
        case=np.repeat(np.where(cells.codes >= 0, np.arange(n, dtype=np.intp), -1), width),
        alternatives=index_of(list(universe.labels)),
        alternative=np.tile(np.arange(width, dtype=np.intp), n),
        names=role_names,
        available=flags.ravel() if available else None,
        unit=None if units is None else np.repeat(units.codes, width),
        units=None if units is None else units.labels,
        row_columns={count: interleave([numbers for numbers, _ in read], count)},
        case_columns=others,
        sources={
            count: tuple(map(str, universe.sources)),
            "available": tuple(str(available.get(label, "")) for label in universe.labels),
        },
        noun="cell",
    )

    def twice(code: int) -> Finding:
        label, told = cells.labels[code], ", ".join(map(repr, names)) or "none"
        text = f"stands in several rows (columns {told}): add them up, or name more columns with cell="
        return Finding("duplicate", f"cell {show(label)} {text}", column=role_names["case"], case=plain_label(label))

    findings += listed(repeated, twice, "cell")
    tabulation = marked(replace(draft, findings=tuple(findings)), count, rules)
    return replace(tabulation, draft=_with_blank(tabulation.draft, count, absent))


def _wide_available(available: Any, universe: Universe) -> Mapping[Any, str]:
    if available is None:
        return {}
    if not isinstance(available, Mapping):
        raise DataError(f"available= of a wide table is a dict alternative -> column, not {show(available)}")
    foreign = [label for label in available if label not in universe.labels]
    if foreign:
        raise DataError(f"available names {show(foreign[0])}, which is none of the alternatives")
    return available


def _with_blank(draft: Draft, count: str, absent: Absent) -> Draft:
    """An empty count of a wide table is an absent one."""
    counts = draft.row_columns[count].to_numpy()
    blank = np.isnan(counts) & (True if draft.available is None else draft.available != 0)
    if absent == "error" or not blank.any():
        return draft
    if absent == "zero":
        return replace(draft, row_columns={count: pd.Series(np.where(blank, 0.0, counts))})
    flags = np.ones(len(counts), dtype=np.int8) if draft.available is None else draft.available
    return replace(draft, available=np.where(blank, 0, flags).astype(np.int8))


# -------------------------------------------------------------------------------------------------- counts to cases


def _checked(tabulation: Tabulation, policy: Policy) -> Tabulation:
    """Add what is wrong with the counts to the findings of the draft."""
    draft, column = tabulation.draft, tabulation.count
    counts = draft.row_columns[column].to_numpy()
    off = np.zeros(len(counts), dtype=bool) if draft.available is None else draft.available == 0
    known = (draft.case >= 0) & (draft.alternative >= 0)
    rules = {
        "count_missing": (
            known & np.isnan(counts) & ~off & (policy.missing == "error"),
            "give it, or say what an absent count means with absent=",
        ),
        "count_invalid": (known & ((counts < 0) | np.isinf(counts)), "counts are finite and not negative"),
        "count_not_whole": (
            known & np.isfinite(counts) & (counts >= 0) & (counts != np.round(counts)),
            "counts are whole numbers",
        ),
        "chosen_unavailable": (known & off & (counts > 0), "an unavailable alternative has count 0"),
    }
    findings: list[Finding] = []
    for rule, (mask, way_out) in rules.items():

        def describe(row: int, rule: str = rule, way_out: str = way_out) -> Finding:
            code = int(draft.alternative[row])
            source = draft.sources[column][code] if column in draft.sources else column
            label = plain_label(draft.alternatives[code])
            value = None if np.isnan(counts[row]) else float(counts[row])
            told = "no count" if value is None else f"count {value:g}"
            text = f"has {told} for alternative {show(label)} (column {source!r}): {way_out}"
            return of_case(draft, rule, int(draft.case[row]), text, column=source, alternative=label, value=value)

        findings += listed(np.flatnonzero(mask), describe, "count")
    return replace(tabulation, draft=replace(draft, findings=(*draft.findings, *findings)))


def _spelled_out(outcome: Outcome, cells: ChoiceData, tabulation: Tabulation) -> Outcome:
    """One case for each cell and alternative that was chosen, weighted by its count."""
    count = tabulation.count
    counts = cells.row_columns[count].to_numpy()
    rows = np.flatnonzero(counts > 0)
    if not len(rows):
        finding = Finding(
            rule="empty", message=f"every count in column {count!r} is zero: no choice was made", column=count
        )
        return Outcome(outcome.draft, (finding,), None)
    cell = cells.row_case()[rows]
    labels = cells.alternatives[cells.row_alternative[rows]].tolist()
    used, set_of_case = np.unique(cell, return_inverse=True)
    empty = cells.n_cases - len(used)
    notes = [*tabulation.notes, *cells.notes] + (
        [f"{empty} of {cells.n_cases} cells dropped: no choice was counted in them"] if empty else []
    )
    row_columns = {name: series for name, series in cells.row_columns.items() if name != count}
    names = {role: name for role, name in cells.names.items() if role not in ("case", "available")}
    taken = {**row_columns, **cells.case_columns, **dict.fromkeys(names.values())}
    sets = replace(cells, row_columns=row_columns)
    sets = sets.select(used) if empty else sets
    data = sharing(
        sets,
        set_of_case.astype(np.intp),
        cases=_case_labels(cells.cases.take(cell).tolist(), labels),
        chosen=cells.row_alternative[rows],
        weights=counts[rows].astype(np.float64),
        weight_kind="frequency",
        unit=None if cells.unit is None else cells.unit[cell],
        case_columns={name: pick(series, cell) for name, series in cells.case_columns.items()},
        names={"case": unique_name("case", taken), **names},
        notes=tuple(notes),
    )
    # Data that are small have rows of their own: to look at, and to change.
    return replace(outcome, data=data if data.n_rows >= SHARED_ROWS else replace(data))


def _case_labels(cells: list[str], alternatives: list[Any]) -> pd.Index:
    for text in (str, show):
        labels = index_of(
            [
                f"{cell} -> {text(label)}" if cell else text(label)
                for cell, label in zip(cells, alternatives, strict=True)
            ]
        )
        if labels.is_unique:
            break
    return labels
