"""A table in Markdown (the pipe tables of GitHub, pandoc and Quarto)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from relocchoice.results.layout import is_section, side_by_side
from relocchoice.results.table import Table
from relocchoice.results.textwidth import display_width, pad_left, pad_right, visible

_MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]|~$#])")


def escaped(label: str) -> str:
    """The label with everything that Markdown or HTML would interpret written harmlessly."""
    safe = visible(label).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MEANS_SOMETHING.sub(r"\\\1", safe)


def markdown(table: Table) -> str:
    """Title in bold, the header pairs as one pipe table, the body as another, notes as a list."""
    parts = [f"**{escaped(table.title)}**"] if table.title else []
    if table.header:
        parts.append(_header(table))
    parts.append(_body(table))
    parts += [_note(note) for note in table.notes]
    return "\n\n".join(parts)


def _header(table: Table) -> str:
    rows = [tuple(escaped(cell) for pair in pairs for cell in pair) for pairs in side_by_side(table.header)]
    return _pipes(("", "", "", ""), rows, right=(1, 3))


def _body(table: Table) -> str:
    empty = ("",) * (len(table.columns) - 1)
    rows = [
        (f"**{escaped(row[0])}**", *empty) if is_section(row, table) else tuple(map(escaped, row)) for row in table.rows
    ]
    return _pipes(tuple(map(escaped, table.columns)), rows, right=range(1, len(table.columns)))


def _pipes(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    widths = [max(3, *(display_width(row[column]) for row in [heads, *rows])) for column in range(len(heads))]
    rule = ["-" * (width - 1) + ":" if column in right else "-" * width for column, width in enumerate(widths)]
    return "\n".join(_line(cells, widths, right) for cells in [heads, rule, *rows])


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    padded = [
        pad_left(cell, widths[column]) if column in right else pad_right(cell, widths[column])
        for column, cell in enumerate(cells)
    ]
    return "| " + " | ".join(padded) + " |"


def _note(note: str) -> str:
    if "\n" not in note:
        return f"- {escaped(note)}"
    lines = [visible(line) for line in note.split("\n")]
    fence = "`" * (max(2, *(len(run) for line in lines for run in re.findall("`+", line) or [""])) + 1)
    return "\n".join([fence, *lines, fence])
