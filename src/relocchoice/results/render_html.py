"""A table in HTML, for notebooks and web pages: no scripts, no external styles, every label escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from relocchoice.results.layout import alignments, is_section, number_cell, side_by_side
from relocchoice.results.table import Table
from relocchoice.results.textwidth import visible

_FIGURE_SPACE = "&#8199;"
_POINT_SPACE = "&#8200;"
_RIGHT = ' style="text-align: right"'
_LEFT = ' style="text-align: left"'


def escaped(label: str) -> str:
    """The label as inert text."""
    return escape(visible(label), quote=True)


def html(table: Table) -> str:
    """A ``<div class="relocchoice">`` with the header pairs, the body and the notes."""
    lines = ['<div class="relocchoice" style="font-variant-numeric: tabular-nums">']
    if table.title:
        lines.append(f"<p><strong>{escaped(table.title)}</strong></p>")
    if table.header:
        lines += _header(table)
    lines += [*_body(table), *map(_note, table.notes), "</div>"]
    return "\n".join(lines)


def _header(table: Table) -> list[str]:
    lines = ['<table class="relocchoice-header">', "<tbody>"]
    for (left, left_value), (right, right_value) in side_by_side(table.header):
        cells = [_label(left), _td(escaped(left_value)), _label(right), _td(escaped(right_value))]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return [*lines, "</tbody>", "</table>"]


def _body(table: Table) -> list[str]:
    tails = _tails(table)
    first, *others = table.columns
    heads = [f'<th scope="col"{_LEFT}>{escaped(first)}</th>']
    heads += [f'<th scope="col"{_RIGHT}>{escaped(head)}</th>' for head in others]
    lines = ['<table class="relocchoice-body">', f"<thead><tr>{''.join(heads)}</tr></thead>", "<tbody>"]
    for row in table.rows:
        if is_section(row, table):
            span = f'colspan="{len(table.columns)}"'
            lines.append(f'<tr><th {span} scope="rowgroup"{_LEFT}><em>{escaped(row[0])}</em></th></tr>')
        else:
            lines.append(f"<tr>{_row(row, tails)}</tr>")
    return [*lines, "</tbody>", "</table>"]


def _tails(table: Table) -> list[tuple[int, int]]:
    """(C,) digits and point, then brackets and stars, that the longest ends in a column have; zeros if not aligned."""
    rows = [row for row in table.rows if not is_section(row, table)]
    tails = []
    for place, alignment in enumerate(alignments(table)):
        cut = [_cut(number.fraction) for row in rows if (number := number_cell(row[place])) is not None]
        aligned = alignment.fraction and place
        tails.append(
            (max(len(digits) for digits, _ in cut), max(len(marks) for _, marks in cut)) if aligned else (0, 0)
        )
    return tails


def _cut(fraction: str) -> tuple[str, str]:
    digits = fraction.rstrip(")]}*")
    return digits, fraction[len(digits) :]


def _row(row: Sequence[str], tails: Sequence[tuple[int, int]]) -> str:
    cells = [_number(cell, tail) for cell, tail in zip(row[1:], tails[1:], strict=True)]
    return _label(row[0]) + "".join(map(_td, cells))


def _label(label: str) -> str:
    return f'<th scope="row"{_LEFT}>{escaped(label)}</th>'


def _td(content: str) -> str:
    return f"<td{_RIGHT}>{content}</td>"


def _number(cell: str, tail: tuple[int, int]) -> str:
    """The cell filled up with blanks as wide as digits, so that the column lines up at the decimal point.

    A bracket or a star is no digit's width, so that they stand in a box as wide as the longest row of them.
    """
    number = number_cell(cell)
    if number is None or tail == (0, 0):
        return escaped(cell)
    digits, marks = _cut(number.fraction)
    missing = tail[0] - len(digits)
    point = _POINT_SPACE if missing > 0 and not digits else ""
    filling = point + _FIGURE_SPACE * (missing - bool(point))
    box = f'<span style="display: inline-block; width: {tail[1]}ch; text-align: left">{escaped(marks)}</span>'
    return escaped(number.whole + digits) + (box if tail[1] else "") + filling


def _note(note: str) -> str:
    if "\n" in note:
        return "<pre>" + "\n".join(escaped(line) for line in note.split("\n")) + "</pre>"
    return f"<p><small>{escaped(note)}</small></p>"
