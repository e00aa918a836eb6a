"""The body of a comparison: an estimate, and beneath it what tells its precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from relocchoice.results import numbers
from relocchoice.results.blocks import INSTEAD, tied_to
from relocchoice.results.compare_columns import Column, Key

Shown = Literal["bse", "tvalues", "pvalues", "conf_int"]

EXPLAINED: Mapping[str, str] = {
    "bse": "standard errors in ( )",
    "tvalues": "z in [ ]",
    "pvalues": "p-values in { }",
    "conf_int": "95% intervals as [lower, upper]",
}
_STARS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))


@dataclass(frozen=True, slots=True)
class Style:
    """How cells are printed.

    Attributes
    ----------
    show : what stands beneath the estimates.
    covariances : names of the covariances, printed before their lines where there are several.
    stars : whether p-values under 0.1, 0.05 and 0.01 are marked.
    digits : significant digits.
    """

    show: tuple[Shown, ...]
    covariances: tuple[str, ...]
    stars: bool
    digits: int


def estimate_rows(
    keys: Sequence[Key], names: Mapping[Key, str], sections: Mapping[str, str], columns: Sequence[Column], style: Style
) -> list[tuple[str, ...]]:
    """Section heads, estimates and the lines beneath them; ``names`` and ``sections`` are the printed labels."""
    rows: list[tuple[str, ...]] = []
    section = None
    for key in keys:
        if key[0] != section:
            section = key[0]
            rows.append((sections.get(section, section),))
        rows.append((names[key], *(_estimate_cell(key, column, style) for column in columns)))
        rows += _lines_beneath(key, columns, style)
    return rows


def _lines_beneath(key: Key, columns: Sequence[Column], style: Style) -> list[tuple[str, ...]]:
    several = len(style.covariances) > 1
    lines = []
    for quantity in style.show:
        for place, name in enumerate(style.covariances):
            cells = [_beneath(key, column, quantity, place, style.digits) for column in columns]
            if any(cells):
                lines.append((f"  {name}" if several and not _only_words(cells) else "", *cells))
    return lines


def _only_words(cells: Sequence[str]) -> bool:
    return all(cell.startswith(("(= ", "(fixed", "(at bound")) for cell in cells if cell)


def _estimate_cell(key: Key, column: Column, style: Style) -> str:
    name = column.lookup.get(key)
    if name is None:
        return ""
    row: Any = column.figures[0].loc[name]
    if row["status"] in INSTEAD:
        return INSTEAD[row["status"]]
    mark = next((mark for level, mark in _STARS if row["pvalues"] < level), "") if style.stars else ""
    return numbers.significant(row["estimate"], style.digits, row["bse"]) + mark


def _beneath(key: Key, column: Column, quantity: Shown, place: int, digits: int) -> str:
    name = column.lookup.get(key)
    if name is None or place >= len(column.figures):
        return ""
    row: Any = column.figures[place].loc[name]
    # why there is no error is said once, not once a covariance
    first = tied_to(column.parameters, name)
    if first:
        return "" if place else f"(= {first})"
    if math.isnan(row["bse"]):
        return f"({row['status']})" if row["status"] in ("fixed", "at bound") and not place else ""
    return _FORMATS[quantity](row, digits)


def _standard_error(row: pd.Series, digits: int) -> str:
    return f"({numbers.significant(row['bse'], digits)})"


def _z(row: pd.Series, digits: int) -> str:
    return "" if math.isnan(row["tvalues"]) else f"[{numbers.decimals(row['tvalues'], 3)}]"


def _probability(row: pd.Series, digits: int) -> str:
    return "" if math.isnan(row["pvalues"]) else f"{{{numbers.pvalue(row['pvalues'])}}}"


def _interval(row: pd.Series, digits: int) -> str:
    ends = (numbers.significant(row[end], digits, row["bse"]) for end in ("lower", "upper"))
    return f"[{', '.join(ends)}]"


_FORMATS: Mapping[Shown, Callable[[pd.Series, int], str]] = {
    "bse": _standard_error,
    "tvalues": _z,
    "pvalues": _probability,
    "conf_int": _interval,
}
