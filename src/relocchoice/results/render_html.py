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
    fractions = [alignment.fraction for alignment in alignments(table)]
    first, *others = table.columns
    heads = [f'<th scope="col"{_LEFT}>{escaped(first)}</th>']
    heads += [f'<th scope="col"{_RIGHT}>{escaped(head)}</th>' for head in others]
    lines = ['<table class="relocchoice-body">', f"<thead><tr>{''.join(heads)}</tr></thead>", "<tbody>"]
    for row in table.rows:
        if is_section(row, table):
            span = f'colspan="{len(table.columns)}"'
            lines.append(f'<tr><th {span} scope="rowgroup"{_LEFT}><em>{escaped(row[0])}</em></th></tr>')
        else:
            lines.append(f"<tr>{_row(row, fractions)}</tr>")
    return [*lines, "</tbody>", "</table>"]


def _row(row: Sequence[str], fractions: Sequence[int]) -> str:
    cells = [_number(cell, width) for cell, width in zip(row[1:], fractions[1:], strict=True)]
    return _label(row[0]) + "".join(map(_td, cells))


def _label(label: str) -> str:
    return f'<th scope="row"{_LEFT}>{escaped(label)}</th>'


def _td(content: str) -> str:
    return f"<td{_RIGHT}>{content}</td>"


def _number(cell: str, fraction_width: int) -> str:
    """The cell filled up with blanks as wide as digits, so that the column lines up at the decimal point."""
    number = number_cell(cell)
    if number is None or len(number.fraction) >= fraction_width:
        return escaped(cell)
    missing = fraction_width - len(number.fraction)
    point = _POINT_SPACE if not number.fraction else ""
    return escaped(cell) + point + _FIGURE_SPACE * (missing - bool(point))


def _note(note: str) -> str:
    if "\n" in note:
        return "<pre>" + "\n".join(escaped(line) for line in note.split("\n")) + "</pre>"
    return f"<p><small>{escaped(note)}</small></p>"
