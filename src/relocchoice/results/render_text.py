"""A table in fixed-width text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relocchoice.results.layout import (
    Alignment,
    Pair,
    alignments,
    has_sections,
    is_section,
    number_cell,
    side_by_side,
)
from relocchoice.results.table import Table
from relocchoice.results.textwidth import centred, cut, display_width, pad_left, pad_right, visible, wrapped

WIDTH = 100
_GAP = "  "
_GUTTER = "    "
_INDENT = "  "
_NARROWEST_LABEL = 24
_NARROWEST_TABLE = 60


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths of the body in screen columns.

    Attributes
    ----------
    label : width of the first column, its indent included.
    indent : blanks before a row's label.
    cells : (C - 1,) width of each other column.
    alignments : (C - 1,) room before and behind the decimal point.
    """

    label: int
    indent: str
    cells: tuple[int, ...]
    alignments: tuple[Alignment, ...]

    @property
    def total(self) -> int:
        """Width of the body."""
        return self.label + sum(len(_GAP) + width for width in self.cells)


def text(table: Table) -> str:
    """The table in fixed-width characters, ruled and aligned at the decimal points."""
    table = _shown(table)
    columns = _columns(table)
    width = _total_width(table, columns)
    heavy, light = "=" * width, "-" * width
    lines = [heavy, *(centred(line, width) for line in wrapped(table.title, width))] if table.title else []
    if table.header:
        lines += [heavy, *_header(table.header, width)]
    lines += [heavy, _head(table, columns), light, *_body(table, columns, width), heavy]
    for note in table.notes:
        lines += _note(note, width)
    return "\n".join(line.rstrip() for line in lines)


def _shown(table: Table) -> Table:
    return Table(
        title=visible(table.title),
        columns=tuple(map(visible, table.columns)),
        rows=tuple(tuple(map(visible, row)) for row in table.rows),
        header=tuple((visible(name), visible(value)) for name, value in table.header),
        notes=table.notes,
    )


def _columns(table: Table) -> Columns:
    rows = [row for row in table.rows if not is_section(row, table)]
    indent = _INDENT if has_sections(table) else ""
    aligned = alignments(table)
    cells = [
        max(
            display_width(head),
            aligned[place].whole + aligned[place].fraction,
            *(display_width(row[place]) for row in rows if not _spills(row, place)),
        )
        for place, head in enumerate(table.columns[1:], start=1)
    ]
    labels = [table.columns[0], *(indent + row[0] for row in rows)]
    room = max(_NARROWEST_LABEL, WIDTH - sum(len(_GAP) + width for width in cells))
    label = min(max(map(display_width, labels)), room)
    return Columns(label, indent, tuple(cells), tuple(aligned[1:]))


def _spills(row: Sequence[str], position: int) -> bool:
    """Whether the cell is a word that may run over the empty cells to its right."""
    behind = row[position + 1 :]
    return bool(row[position]) and bool(behind) and not any(behind) and number_cell(row[position]) is None


def _total_width(table: Table, columns: Columns) -> int:
    needed = [_pair_width(left) + len(_GUTTER) + _pair_width(right) for left, right in side_by_side(table.header)]
    header = max((width for width in needed if width <= WIDTH), default=0)
    sections = max((display_width(row[0]) for row in table.rows if is_section(row, table)), default=0)
    return max(columns.total, header, min(sections, WIDTH), min(_NARROWEST_TABLE, WIDTH))


def _pair_width(pair: Pair) -> int:
    return display_width(pair[0]) + display_width(pair[1]) + 3 if pair[0] else 0


def _header(header: Sequence[Pair], width: int) -> list[str]:
    half = (width - len(_GUTTER)) // 2
    narrow = [pair for pair in header if _pair_width(pair) <= half]
    wide = [pair for pair in header if _pair_width(pair) > half]
    lines = [_pair(left, half) + _GUTTER + _pair(right, half) for left, right in side_by_side(narrow)]
    for name, value in wide:
        hanging = " " * min(display_width(name) + 2, width // 3)
        first, *rest = wrapped(value, width - len(hanging)) if value else [""]
        opening = f"{name}: "
        lines += [opening + first] if display_width(opening) <= len(hanging) else [opening, hanging + first]
        lines += [hanging + line for line in rest]
    return lines


def _pair(pair: Pair, width: int) -> str:
    name, value = pair
    return f"{name}:" + pad_left(value, width - display_width(name) - 1) if name else " " * width


def _head(table: Table, columns: Columns) -> str:
    heads = (pad_left(head, width) for head, width in zip(table.columns[1:], columns.cells, strict=True))
    return _GAP.join([pad_right(table.columns[0], columns.label), *heads])


def _body(table: Table, columns: Columns, width: int) -> list[str]:
    lines: list[str] = []
    for row in table.rows:
        if is_section(row, table):
            lines += wrapped(row[0], width)
        else:
            lines += _row(row, columns)
    return lines


def _row(row: Sequence[str], columns: Columns) -> list[str]:
    pieces = cut(row[0], columns.label - len(columns.indent))
    line = pad_right(columns.indent + pieces[0], columns.label)
    for position, cell in enumerate(row[1:]):
        if _spills(row, position + 1):
            line += _GAP + pad_left(cell, max(columns.cells[position], display_width(cell)))
            break
        line += _GAP + _cell(cell, columns, position)
    return [line, *(columns.indent + piece for piece in pieces[1:])]


def _cell(cell: str, columns: Columns, position: int) -> str:
    number = number_cell(cell)
    if number is not None:
        cell = number.whole + number.fraction.ljust(columns.alignments[position].fraction)
    return pad_left(cell, columns.cells[position])


def _note(note: str, width: int) -> list[str]:
    """A note of one line is wrapped; one of several lines (a tree) is kept as it is."""
    if "\n" in note:
        return [visible(line) for line in note.split("\n")]
    return wrapped(visible(note), width)
