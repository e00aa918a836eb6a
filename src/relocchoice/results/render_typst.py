"""A table in Typst: a figure with the rules of booktabs; needs no import.

Every label is a string of Typst's code mode, in which nothing but the quote and the backslash has a meaning.
"""

from __future__ import annotations

from collections.abc import Sequence

from relocchoice.results.layout import alignments, has_sections, is_section, number_cell, side_by_side
from relocchoice.results.table import Table
from relocchoice.results.textwidth import visible

_FIGURE_SPACE = "\u2007"
_POINT_SPACE = "\u2008"
_MINUS = "\u2212"
_RULE = "table.hline(stroke: {}pt),"
_HEAVY, _LIGHT = 0.8, 0.5
_WIDE, _SMALLEST = 7, 0.55


def escaped(label: str) -> str:
    """The label as a string literal."""
    return '"' + visible(label).replace("\\", "\\\\").replace('"', '\\"') + '"'


def typst(table: Table) -> str:
    """A ``figure`` that may break across pages: title as caption above, header pairs, body, notes.

    The scope of the ``set`` and ``show`` rules is the figure alone; more than seven columns are set smaller.
    """
    parts = [_header(table)] if table.header else []
    parts.append(_body(table))
    parts += [_note(note) for note in table.notes]
    content = "\n".join(f"    {line}" for part in parts for line in part)
    caption = f"    caption: {escaped(table.title)},\n" if table.title else ""
    rules = ["#set figure.caption(position: top)", "#show figure: set block(breakable: true)"]
    if len(table.columns) > _WIDE:
        rules.append(f"#set text(size: {max(_SMALLEST, _WIDE / len(table.columns)):.2f}em)")
        rules.append("#set table(inset: 2.5pt)")
    lines = "\n".join(f"  {rule}" for rule in rules)
    return f"#[\n{lines}\n  #figure(\n    kind: table,\n{caption}    [\n{content}\n    ]\n  )\n]"


def _header(table: Table) -> list[str]:
    lines = ["#align(center, table(columns: 4, stroke: none, align: (left, right, left, right),"]
    for (left, left_value), (right, right_value) in side_by_side(table.header):
        lines.append(f"  {', '.join(map(escaped, (left, left_value, right, right_value)))},")
    return [*lines, "))"]


def _body(table: Table) -> list[str]:
    count = len(table.columns)
    fractions = [alignment.fraction for alignment in alignments(table)]
    indent = has_sections(table)
    sides = ", ".join(["left", *["right"] * (count - 1)])
    lines = [f"#align(center, table(columns: {count}, stroke: none, align: ({sides},),"]
    lines += ["  " + _RULE.format(_HEAVY), f"  table.header({', '.join(map(escaped, table.columns))}),"]
    lines.append("  " + _RULE.format(_LIGHT))
    for row in table.rows:
        if is_section(row, table):
            lines.append(f"  table.cell(colspan: {count}, emph({escaped(row[0])})),")
        else:
            lines.append(f"  {_row(row, fractions, indent)},")
    return [*lines, "  " + _RULE.format(_HEAVY), "))"]


def _row(row: Sequence[str], fractions: Sequence[int], indent: bool) -> str:
    label = escaped(row[0])
    cells = [f"pad(left: 0.8em, {label})" if indent else label]
    last = max(position for position, cell in enumerate(row) if cell or position == 0)
    for position, cell in enumerate(row[1:], start=1):
        span = len(row) - position
        if position == last and span > 1 and number_cell(cell) is None:
            cells.append(f"table.cell(colspan: {span}, align: left, {escaped(cell)})")
            break
        cells.append(_number(cell, fractions[position]))
    return ", ".join(cells)


def _number(cell: str, fraction_width: int) -> str:
    """A number with a true minus sign, filled up so that a right-aligned column lines up at the decimal point."""
    number = number_cell(cell)
    if number is None:
        return escaped(cell)
    missing = fraction_width - len(number.fraction)
    filling = "" if missing <= 0 else _FIGURE_SPACE * missing
    if missing > 0 and not number.fraction:
        filling = _POINT_SPACE + _FIGURE_SPACE * (missing - 1)
    return escaped(cell.replace("-", _MINUS) + filling)


def _note(note: str) -> list[str]:
    if "\n" not in note:
        return [f"#align(left, text(size: 0.85em, {escaped(note)}))"]
    whole = "\\n".join(escaped(line)[1:-1] for line in note.split("\n"))
    return [f'#align(left, text(size: 0.85em, raw("{whole}", block: true)))']
