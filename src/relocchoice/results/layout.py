"""What all renderers share: header pairs side by side, and numbers split at the decimal point so that columns align."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from relocchoice.results.table import Table

Pair = tuple[str, str]

_NUMBER = re.compile(r"(<?[(\[{]?[-+]?\d[\d,]*)((?:\.\d+)?(?:e[-+]?\d+)?[)\]}]?\**)")
_MOST_FILLING = 4


@dataclass(frozen=True, slots=True)
class NumberCell:
    """A cell that is a number, cut before its decimal point.

    Attributes
    ----------
    whole : sign, bracket and digits before the point, e.g. ``"(-12"``.
    fraction : the rest, e.g. ``".5)***"``; empty for an integer.
    """

    whole: str
    fraction: str


def number_cell(cell: str) -> NumberCell | None:
    """The cell cut at its decimal point, or None where it is not a number."""
    match = _NUMBER.fullmatch(cell)
    return NumberCell(match[1], match[2]) if match else None


def is_section(row: Sequence[str], table: Table) -> bool:
    """Whether the row is a section head (in a table of one column every row is a body row)."""
    return len(row) == 1 and len(table.columns) > 1


def has_sections(table: Table) -> bool:
    """Whether any row is a section head."""
    return any(is_section(row, table) for row in table.rows)


def side_by_side(header: Sequence[Pair]) -> list[tuple[Pair, Pair]]:
    """Header pairs in two columns, read downwards first; the last right-hand pair is empty when their number is odd."""
    half = (len(header) + 1) // 2
    right = [*header[half:], ("", "")]
    return list(zip(header[:half], right, strict=False))


@dataclass(frozen=True, slots=True)
class Alignment:
    """Room that the numbers of a column need, in characters.

    Attributes
    ----------
    whole, fraction : before and behind the decimal point; both 0 where lining up the points would cost too much room
        (numbers of very different size), so that the numbers stand at the right edge.
    """

    whole: int = 0
    fraction: int = 0


def alignments(table: Table) -> list[Alignment]:
    """(C,) how the numbers of each column line up; the first column, the labels, never does."""
    rows = [row for row in table.rows if not is_section(row, table)]
    return [Alignment(), *(_alignment([row[place] for row in rows]) for place in range(1, len(table.columns)))]


def _alignment(cells: Sequence[str]) -> Alignment:
    numbers = [number for cell in cells if (number := number_cell(cell)) is not None]
    if not numbers:
        return Alignment()
    whole = max(len(number.whole) for number in numbers)
    fraction = max(len(number.fraction) for number in numbers)
    longest = max(len(number.whole) + len(number.fraction) for number in numbers)
    return Alignment(whole, fraction) if whole + fraction <= longest + _MOST_FILLING else Alignment()
