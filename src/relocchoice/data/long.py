"""Long tables: one row a case and alternative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.assemble import Outcome, assemble
from relocchoice.data.checks import listed, of_case
from relocchoice.data.draft import Draft, Policy, odd_flag, read_flags
from relocchoice.data.frames import Columns, read_frame
from relocchoice.data.labels import (
    NULL,
    UNKNOWN,
    Encoded,
    encode,
    encode_canonical,
    look_up,
    plain_label,
    show,
    show_some,
)
from relocchoice.errors import DataError, Finding


def convert_long(
    frame: Any,
    *,
    case: str,
    alternative: str,
    chosen: str | None = None,
    available: str | None = None,
    weights: str | None = None,
    unit: str | None = None,
    policy: Policy | None = None,
) -> Outcome:
    """Read and check a long table; see :meth:`ChoiceData.from_long`."""
    for role, name in (("case", case), ("alternative", alternative)):
        if name is None:
            raise DataError(f"{role}=None: a long table needs the column of the {role}s")
    roles = {"case": case, "alternative": alternative, "chosen": chosen, "available": available, "weights": weights}
    names = read_roles(roles, unit)
    columns = read_frame(frame)
    return assemble(_read(columns, names), policy or Policy())


def read_roles(roles: Mapping[str, str | None], unit: str | None) -> dict[str, str]:
    """The roles that are given, each with a column of its own; only the unit may share one, with the case.

    Raises
    ------
    DataError
        When a name is no string, or one column plays two roles.
    """
    given = {role: name for role, name in {**roles, "unit": unit}.items() if name is not None}
    for role, name in given.items():
        if not isinstance(name, str):
            raise DataError(f"{role}={show(name)} is not the name of a column: give one string")
    role_of: dict[str, str] = {}
    for role, name in given.items():
        if role == "unit" and role_of.get(name) == "case":
            continue
        if name in role_of:
            raise DataError(
                [
                    Finding(
                        rule="role_repeated",
                        message=f"column {name!r} is both {role_of[name]}= and {role}=: each needs a column of its own",
                        column=str(name),
                    )
                ]
            )
        role_of[name] = role
    return given


def _read(columns: Columns, names: Mapping[str, str]) -> Draft:
    sources = {role: columns.get(name, role) for role, name in names.items()}
    cases = encode(sources["case"], names["case"])
    alternatives = encode_canonical(sources["alternative"], names["alternative"])
    available, findings = read_available(sources.get("available"), names.get("available", ""))
    chosen = _Chosen(None, False, [])
    if "chosen" in sources:
        chosen = _read_chosen(sources["chosen"], names["chosen"], cases, alternatives)
    weights, weight_findings = read_weights(sources.get("weights"), names.get("weights", ""))
    unit = encode(sources["unit"], names["unit"]) if "unit" in sources else None
    return Draft(
        cases=cases.labels,
        case=cases.codes,
        alternatives=alternatives.labels,
        alternative=alternatives.codes,
        names=names,
        chosen=chosen.flags,
        chosen_by_label=chosen.by_label,
        available=available,
        weights=weights,
        unit=None if unit is None else unit.codes,
        units=None if unit is None else unit.labels,
        row_columns=columns.others(set(names.values())),
        findings=(*findings, *chosen.findings, *weight_findings),
    )


def read_available(series: pd.Series | None, column: str) -> tuple[NDArray[np.int8] | None, list[Finding]]:
    """The availability flags; unreadable ones count as available so that the other rules still have their say."""
    if series is None:
        return None, []
    flags = read_flags(series)
    if flags.odd:
        return np.where(flags.codes == UNKNOWN, np.int8(1), flags.codes), [odd_flag(column, flags.odd, "available")]
    return flags.codes, []


def read_weights(series: pd.Series | None, column: str) -> tuple[NDArray[np.float64] | None, list[Finding]]:
    """The weights as numbers; text is refused."""
    if series is None:
        return None, []
    if not pd.api.types.is_numeric_dtype(series.dtype):
        known = series.dropna()
        value = known.iloc[0] if len(known) else None
        message = f"weights column {column!r} holds {show(value)}, which is not a number: convert the column to numbers"
        return None, [Finding(rule="weight_invalid", message=message, column=column, value=plain_label(value))]
    return series.to_numpy(dtype=np.float64, na_value=np.nan), []


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    flags: NDArray[np.int8] | None
    by_label: bool
    findings: list[Finding]


def _read_chosen(series: pd.Series, column: str, cases: Encoded, alternatives: Encoded) -> _Chosen:
    """Flags of the chosen rows, or the label of the chosen alternative repeated on all rows of its case."""
    flags = read_flags(series)
    if not flags.odd and (pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_numeric_dtype(series.dtype)):
        return _Chosen(flags.codes, False, [])
    labels = look_up(series, alternatives.labels.tolist(), column)
    if not flags.odd and not np.any(labels >= 0):
        return _Chosen(flags.codes, False, [])
    if not np.any(labels >= 0):
        finding = odd_flag(column, flags.odd, "chosen")
        message = f"{finding.message}; a column that names the chosen alternative works too, with the labels of {{}}"
        message = message.format(show_some(alternatives.labels))
        return _Chosen(
            None, False, [Finding(finding.rule, message, column=column, value=finding.value, count=finding.count)]
        )
    return _from_labels(series, column, cases, alternatives, labels)


def _from_labels(
    series: pd.Series, column: str, cases: Encoded, alternatives: Encoded, labels: NDArray[np.intp]
) -> _Chosen:
    n = len(cases.labels)
    named = np.flatnonzero((cases.codes >= 0) & (labels != NULL))
    first = np.full(n, -1, dtype=np.intp)
    first[cases.codes[named[::-1]]] = named[::-1]
    differs = np.zeros(len(labels), dtype=bool)
    differs[named] = labels[named] != labels[first[cases.codes[named]]]
    varying = np.unique(cases.codes[differs])
    unknown = np.setdiff1d(cases.codes[named[labels[named] == UNKNOWN]], varying)
    draft = Draft(cases.labels, cases.codes, alternatives.labels, alternatives.codes, {"chosen": column})

    def varies(case: int) -> Finding:
        here = series[(cases.codes == case) & (labels != NULL)].drop_duplicates().to_list()
        text = f"names more than one chosen alternative in column {column!r}, {show_some(here)}: repeat one on all rows"
        return of_case(draft, "chosen_varies", case, text, column=column, value=plain_label(here[1]))

    def is_unknown(case: int) -> Finding:
        return unknown_choice(draft, case, series.iloc[first[case]])

    findings = listed(varying, varies, "case") + listed(unknown, is_unknown, "case")
    flags = ((labels == alternatives.codes) & (labels >= 0)).astype(np.int8)
    flags[labels == NULL] = NULL
    reported = np.zeros(n + 1, dtype=bool)  # the last place is for rows without a case
    reported[varying] = reported[unknown] = True
    flags[reported[cases.codes]] = UNKNOWN
    return _Chosen(flags, True, findings)


def unknown_choice(draft: Draft, case: int, value: Any) -> Finding:
    """The finding for a chosen label that no alternative has."""
    column = draft.names["chosen"]
    text = (
        f"chose {show(value)} (column {column!r}), which is no alternative: "
        f"correct the label (alternatives: {show_some(draft.alternatives)})"
    )
    return of_case(draft, "chosen_unknown", case, text, column=column, value=plain_label(value))
