"""The record of a comparison of scenarios, and how it shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.provenance import begun
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

MOST_SHOWN = 60
HEADS = {"zero sum": "Zero sum", "nested logit": "Nested logit", "positive sum": "Positive sum"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScenarioComparison:
    """Scenarios beside the data as they are.

    Attributes
    ----------
    scenarios : their names; by : the column of the groups, or None.
    table : index ``scenario``, (the group,) ``alternative``; shares ``baseline`` and ``scenario`` with ``baseline_se``
        and ``scenario_se``; their ``difference`` with ``std_error``, ``z``, ``p_value``, ``lower`` and ``upper``;
        expected ``baseline_count``, ``scenario_count``, ``difference_count`` and ``difference_count_se``.
    nests : the same of the nests at every level; None without nests.
    logsum : index ``scenario``, (the group,) ``measure``: ``"inclusive value"``, the mean over the cases, and
        ``"money"`` if a cost coefficient was named (difference only); None where the model has no inclusive values.
    bounds : index ``scenario``, ``alternative`` (and ``"(all)"``, the sum): change of the expected counts if what one
        alternative gains the others lose (``zero sum``), under the ``nested logit`` if it is one, and if nobody loses
        (``positive sum``), each with its standard error; None where they are not known.
    notes : what was changed, how it was computed, and why something is not there.
    interval : ``"delta"`` or ``"krinsky-robb"``; alpha : the intervals cover with probability 1 - alpha.
    provenance : one line on where the data of the fit come from, where nobody observed them.
    """

    scenarios: tuple[str, ...]
    by: str | None
    table: pd.DataFrame
    nests: pd.DataFrame | None
    logsum: pd.DataFrame | None
    bounds: pd.DataFrame | None
    notes: tuple[str, ...]
    interval: str
    alpha: float
    provenance: str = ""

    def summary(self, format: Format = "text") -> Summary:
        """Shares, nests and inclusive values as a table that prints itself in ``format``."""
        return Summary(_shown(self), format)

    def bounds_summary(self, format: Format = "text") -> Summary:
        """The bounds as a table that prints itself in ``format``."""
        return Summary(_bounds(self), format)

    def __repr__(self) -> str:
        text = str(self.summary())
        return text if self.bounds is None else f"{text}\n\n{self.bounds_summary()}"

    def _repr_html_(self) -> str:
        html = self.summary().as_html()
        return html if self.bounds is None else html + self.bounds_summary().as_html()


# the dataclass made plain slots of them; wrapped, so that the frames inside are never handed out
for _name in ("table", "nests", "logsum", "bounds"):
    setattr(ScenarioComparison, _name, CopiedFrame(vars(ScenarioComparison)[_name]))


def _shown(record: ScenarioComparison) -> Table:
    low, high = numbers.plain(record.alpha / 2), numbers.plain(1 - record.alpha / 2)
    heads = ("Baseline", "Scenario", "Difference", "std. error", "P>|z|", f"[{low}", f"{high}]", "Count")
    rows: list[tuple[str, ...]] = []
    left = 0
    for frame, places in ((record.table, 4), (record.nests, 4), (record.logsum, 4)):
        if frame is None:
            continue
        shown = frame.iloc[:MOST_SHOWN]
        left += len(frame) - len(shown)
        rows += _sections(shown, places)
    notes = (f"{left} more rows are in .table and .nests.",) if left else ()
    what = "Scenario against the data as they are: shares, difference (scenario - baseline), change of the count"
    return Table(begun(record.provenance, what), ("", *heads), tuple(rows), notes=(*notes, *record.notes))


def _sections(frame: pd.DataFrame, places: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    section: list[Any] | None = None
    kind = str(frame.index.names[-1])
    keys: list[tuple[Any, ...]] = frame.index.tolist()
    for (*before, last), (_, row) in zip(keys, frame.iterrows(), strict=True):
        if before != section:
            section = before
            said = [str(before[0]), *(f"{name} {value}" for name, value in _groups(frame, before))]
            rows.append((f"{', '.join(said)}: {kind if kind != 'measure' else 'welfare'}",))
        rows.append((str(last), *_cells(row, places)))
    return rows


def _groups(frame: pd.DataFrame, before: Any) -> list[tuple[str, Any]]:
    return list(zip(map(str, frame.index.names[1:-1]), before[1:], strict=True))


def _cells(row: pd.Series, places: int) -> tuple[str, ...]:
    def number(name: str) -> str:
        return "" if np.isnan(row[name]) else numbers.decimals(row[name], places)

    p_value = "" if np.isnan(row["p_value"]) else numbers.pvalue(row["p_value"])
    names = ("baseline", "scenario", "difference", "std_error")
    count = numbers.decimals(row["difference_count"], 2) if "difference_count" in row else ""
    return (*map(number, names), p_value, number("lower"), number("upper"), count)


def _bounds(record: ScenarioComparison) -> Table:
    frame = record.bounds
    if frame is None:
        return Table(begun(record.provenance, "Bounds of the change of the counts"), ("",), (), notes=record.notes)
    kinds = [kind for kind in HEADS if kind in frame.columns]
    shown = frame.iloc[:MOST_SHOWN]
    rows: list[tuple[str, ...]] = []
    section = None
    keys: list[tuple[Any, ...]] = shown.index.tolist()
    for (name, label), (_, row) in zip(keys, shown.iterrows(), strict=True):
        if name != section:
            section = name
            rows.append((str(name),))
        cells = [text for kind in kinds for text in (_number(row[kind]), _error(row[f"{kind} se"]))]
        rows.append((str(label), *cells))
    left = len(frame) - len(shown)
    notes = (f"{left} more rows are in .bounds.",) if left else ()
    meaning = (
        "Zero sum (conditional logit): the total is given, what one alternative gains the others lose. Positive sum "
        "(Poisson): they lose nothing."
    )
    return Table(
        begun(record.provenance, "Bounds of the change of the expected counts"),
        ("Alternative", *(head for kind in kinds for head in (HEADS[kind], "s.e."))),
        tuple(rows),
        notes=(*notes, meaning),
    )


def _number(value: float) -> str:
    return "" if np.isnan(value) else numbers.decimals(value, 3)


def _error(value: float) -> str:
    return "" if np.isnan(value) else f"({numbers.decimals(value, 3)})"
