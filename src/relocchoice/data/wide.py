"""Wide tables: one row a case, one column a variable and alternative."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.assemble import Outcome, assemble
from relocchoice.data.checks import listed
from relocchoice.data.draft import Draft, Policy, odd_flag, read_flags, unique_name
from relocchoice.data.frames import Columns, read_frame
from relocchoice.data.labels import (
    NULL,
    UNKNOWN,
    encode,
    index_of,
    look_up,
    plain_label,
    refuse_merging,
    show,
    show_some,
)
from relocchoice.data.long import read_roles, read_weights, unknown_choice
from relocchoice.errors import DataError, Finding

Varying = Mapping[str, Mapping[Any, str | float]]


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """The alternatives of a wide table.

    Attributes
    ----------
    labels : (J,) labels in the order given.
    sources : (J,) what stands for each of them in the source.
    """

    labels: tuple[Any, ...]
    sources: tuple[Any, ...]


def read_universe(alternatives: Any) -> Universe:
    """A list of labels, or a dict label -> what stands for it in the source.

    Raises
    ------
    DataError
        When there are none, one is missing or is given twice, or two share a value.
    """
    if isinstance(alternatives, str) or not isinstance(alternatives, Iterable):
        raise DataError(f"alternatives={show(alternatives)} is not a list of labels or a dict label -> value")
    labels = tuple(alternatives)
    values = tuple(alternatives.values()) if isinstance(alternatives, Mapping) else labels
    if not labels:
        raise DataError("alternatives= is empty: name the alternatives")
    for items, what in ((labels, "label"), (values, "value")):
        odd = [item for item in items if _is_no_label(item)]
        if odd:
            raise DataError(f"alternatives= has {show(odd[0])}, which cannot be a {what}")
        refuse_merging(items, "alternatives=")
        repeated = [item for position, item in enumerate(items) if item in items[:position]]
        if repeated:
            raise DataError(f"alternatives= has the {what} {show(repeated[0])} twice")
    return Universe(labels, values)


def _is_no_label(item: Any) -> bool:
    try:
        hash(item)
    except TypeError:
        return True
    return item is None or item is pd.NA or item != item


def require_mapping(argument: str, value: Any, entries: str) -> None:
    """Raise DataError unless `value` is a mapping; `entries` says of what."""
    if not isinstance(value, Mapping):
        raise DataError(f"{argument}={show(value)} is not a dict {entries}")


def convert_wide(
    frame: Any,
    *,
    chosen: str | None,
    alternatives: Any,
    varying: Varying | None = None,
    available: Mapping[Any, str] | None = None,
    case: str | None = None,
    weights: str | None = None,
    unit: str | None = None,
    policy: Policy | None = None,
) -> Outcome:
    """Read and check a wide table; see :meth:`ChoiceData.from_wide`."""
    names = read_roles({"case": case, "chosen": chosen, "weights": weights}, unit)
    universe = read_universe(alternatives)
    varying, available = {} if varying is None else varying, {} if available is None else available
    check_arguments(varying, available)
    columns = read_frame(frame)
    grid = _Grid(columns, universe, names)
    return assemble(grid.draft(varying, available), policy or Policy())


def check_arguments(varying: Any, available: Any) -> None:
    """Refuse what is no mapping before anything is read.

    Raises
    ------
    DataError
        When `varying` or `available` is no mapping, or a variable has no text as its name.
    """
    require_mapping("varying", varying, "variable -> {alternative: column or number}")
    require_mapping("available", available, "alternative -> column")
    for name, by in varying.items():
        if not isinstance(name, str):
            raise DataError(f"varying= has {show(name)} as the name of a variable: formulas refer to text")
        require_mapping(f"varying[{name!r}]", by, "alternative -> column or number")


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """A wide table laid out as n x J rows, cases first."""

    columns: Columns
    universe: Universe
    names: dict[str, str]

    @property
    def width(self) -> int:
        return len(self.universe.labels)

    def draft(self, varying: Varying, available: Mapping[Any, str]) -> Draft:
        """The draft of the whole table."""
        n, width = self.columns.n_rows, self.width
        sources = {role: self.columns.get(name, role) for role, name in self.names.items()}
        problems = [finding for name, by in varying.items() for finding in self._incomplete(name, by)]
        problems += self._foreign("available", available)
        if problems:
            raise DataError(problems)
        row_columns = {name: self._spread(name, by) for name, by in varying.items()}
        flags, flag_findings = self._flags(available)
        used = self._used(varying, available)
        case_columns = self.columns.others(used)
        self._refuse_clashes(row_columns, case_columns)
        taken = {**row_columns, **case_columns, **dict.fromkeys(self.names.values())}
        names = {"case": unique_name("case", taken), "alternative": unique_name("alternative", taken), **self.names}
        labels, case_findings = self._cases(sources.get("case"))
        weights, weight_findings = read_weights(sources.get("weights"), names.get("weights", ""))
        unit = encode(sources["unit"], names["unit"]) if "unit" in sources else None
        case = np.arange(n, dtype=np.intp)
        if "case" in sources:
            case[sources["case"].isna().to_numpy(dtype=bool)] = NULL
        draft = Draft(
            cases=labels,
            case=np.repeat(case, width),
            alternatives=index_of(list(self.universe.labels)),
            alternative=np.tile(np.arange(width, dtype=np.intp), n),
            names=names,
            chosen_by_label=True,
            available=flags,
            weights=None if weights is None else np.repeat(weights, width),
            unit=None if unit is None else np.repeat(unit.codes, width),
            units=None if unit is None else unit.labels,
            row_columns=row_columns,
            case_columns=case_columns,
            sources={"available": tuple(str(available.get(label, "")) for label in self.universe.labels)},
            findings=(*flag_findings, *case_findings, *weight_findings),
        )
        return self._with_choice(draft, sources["chosen"]) if "chosen" in sources else draft

    def _cases(self, series: pd.Series | None) -> tuple[pd.Index, list[Finding]]:
        if series is None:
            return pd.RangeIndex(self.columns.n_rows), []
        column = self.names["case"]
        found = encode(series, column)
        counts = np.bincount(found.codes[found.codes >= 0], minlength=len(found.labels))

        def describe(code: int) -> Finding:
            label = found.labels[code]
            message = f"case {show(label)} has {counts[code]} rows (column {column!r}): a wide table has one row a case"
            return Finding(
                rule="duplicate", message=message, column=column, case=plain_label(label), count=int(counts[code])
            )

        return index_of(series.array), listed(np.flatnonzero(counts > 1), describe, "case")

    def _with_choice(self, draft: Draft, series: pd.Series) -> Draft:
        column = self.names["chosen"]
        codes = look_up(series, self.universe.sources, column)
        chosen = (codes[:, None] == np.arange(self.width)).astype(np.int8)
        chosen[codes < 0] = codes[codes < 0, None]
        wrong = np.flatnonzero(codes == UNKNOWN)
        findings = listed(wrong, lambda case: unknown_choice(draft, case, series.iloc[case]), "case")
        return replace(draft, chosen=chosen.ravel(), findings=(*draft.findings, *findings))

    def _foreign(self, argument: str, by: Mapping[Any, Any]) -> list[Finding]:
        return [
            Finding(
                rule="alternative_unknown",
                message=f"{argument} names {show(label)}, which is none of the alternatives "
                f"{show_some(self.universe.labels)}",
                alternative=plain_label(label),
            )
            for label in by
            if label not in self.universe.labels
        ]

    def _incomplete(self, name: str, by: Mapping[Any, Any]) -> list[Finding]:
        argument = f"varying[{name!r}]"
        return self._foreign(argument, by) + [
            Finding(
                rule="varying_incomplete",
                message=f"{argument} says nothing about alternative {show(label)}: give its column or a number, "
                f"e.g. {{{show(label)}: 0.0}}",
                column=name,
                alternative=plain_label(label),
            )
            for label in self.universe.labels
            if label not in by
        ]

    def _spread(self, name: str, by: Mapping[Any, Any]) -> pd.Series:
        n = self.columns.n_rows
        parts: list[pd.Series] = []
        for label in self.universe.labels:
            value = by[label]
            if isinstance(value, Real):
                parts.append(pd.Series(np.full(n, value)))
            else:
                parts.append(self.columns.get(value, f"varying[{name!r}][{show(label)}]"))
        return interleave(parts, name)

    def _flags(self, available: Mapping[Any, str]) -> tuple[NDArray[np.int8] | None, list[Finding]]:
        if not available:
            return None, []
        flags = np.ones((self.columns.n_rows, self.width), dtype=np.int8)
        findings: list[Finding] = []
        for position, label in enumerate(self.universe.labels):
            if label in available:
                read = read_flags(self.columns.get(available[label], f"available[{show(label)}]"))
                flags[:, position] = np.where(read.codes == UNKNOWN, 1, read.codes)
                findings += [odd_flag(available[label], read.odd, "available")] if read.odd else []
        return flags.ravel(), findings

    def _used(self, varying: Varying, available: Mapping[Any, str]) -> set[Hashable]:
        spread = {value for by in varying.values() for value in by.values() if not isinstance(value, Real)}
        return {*self.names.values(), *available.values(), *spread}

    def _refuse_clashes(self, row_columns: Mapping[str, Any], case_columns: Mapping[str, Any]) -> None:
        roles = set(self.names.values())
        clashes = [name for name in row_columns if name in case_columns or name in roles]
        if clashes:
            raise DataError(
                [
                    Finding(
                        rule="column_repeated",
                        message=f"varying[{name!r}] would hide the column {name!r} of the table: give one another name",
                        column=name,
                    )
                    for name in clashes
                ]
            )


def interleave(parts: list[pd.Series], name: str) -> pd.Series:
    """J columns of n values as one of n x J values, cases first."""
    if all(isinstance(part.dtype, np.dtype) and part.dtype.kind in "biuf" for part in parts):
        return pd.Series(np.stack([part.to_numpy() for part in parts], axis=1).ravel(), name=name)
    n, width = len(parts[0]), len(parts)
    joined = pd.concat(parts, ignore_index=True)
    return pd.Series(joined.array.take(np.arange(n * width).reshape(width, n).T.ravel()), name=name)
