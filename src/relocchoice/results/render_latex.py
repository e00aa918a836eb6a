"""A table in LaTeX with the rules of booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from relocchoice.results.layout import alignments, has_sections, is_section, number_cell, side_by_side
from relocchoice.results.table import Table
from relocchoice.results.textwidth import visible

_SPECIALS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    # typewriter fonts without these four glyphs are the rule; the tree stays readable in plain characters
    "│": r"\textbar{}",
    "├": r"\textbar{}",
    "└": r"\textbar{}",
    "─": r"-{}",
}


_WIDE = 7
_INFINITIES = {"-inf": r"$-\infty$", "+inf": r"$+\infty$"}
# a minus stands before a number or between blanks; any other stroke is a hyphen or part of a name
_MINUS = re.compile(r"(?<![\w\-)])-(?=\.?\d|inf\b)|(?<=\d[eE])-(?=\d)|(?<=\s)-(?=\s)")


def escaped(label: str) -> str:
    """The label with every character that TeX would interpret written by name."""
    return "".join(_SPECIALS.get(character, character) for character in visible(label))


def latex(table: Table) -> str:
    """A ``table`` environment: caption, header pairs, body, notes; needs ``\\usepackage{booktabs}``."""
    lines = [r"\begin{table}[htbp]", r"\centering"]
    if table.title:
        lines.append(rf"\caption{{{escaped(table.title)}}}")
    if table.header:
        lines += [*_header(table), r"\par\medskip"]
    lines += _body(table)
    if table.notes:
        lines += _notes(table)
    return "\n".join([*lines, r"\end{table}"])


def _header(table: Table) -> list[str]:
    lines = [r"\begin{tabular}{lr@{\qquad}lr}", r"\toprule"]
    for (left, left_value), (right, right_value) in side_by_side(table.header):
        cells = [_row_start(left), _number(left_value), escaped(right), _number(right_value)]
        lines.append(" & ".join(cells) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _body(table: Table) -> list[str]:
    count = len(table.columns)
    fractions = [alignment.fraction for alignment in alignments(table)]
    indent = r"\quad " if has_sections(table) else ""
    heads = [_row_start(table.columns[0]), *map(escaped, table.columns[1:])]
    narrow = [r"\scriptsize", r"\setlength{\tabcolsep}{3pt}"] if count > _WIDE else []
    lines = [
        *narrow,
        rf"\begin{{tabular}}{{l{'r' * (count - 1)}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
    ]
    for position, row in enumerate(table.rows):
        if is_section(row, table):
            lines += [r"\addlinespace"] if position else []
            lines.append(rf"\multicolumn{{{count}}}{{l}}{{\textit{{{escaped(row[0])}}}}} \\")
        else:
            lines.append(indent + _row(row, fractions) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _row(row: Sequence[str], fractions: Sequence[int]) -> str:
    cells = [_row_start(row[0])]
    last = max(position for position, cell in enumerate(row) if cell or position == 0)
    for position, cell in enumerate(row[1:], start=1):
        span = len(row) - position
        if position == last and span > 1 and number_cell(cell) is None:
            cells.append(rf"\multicolumn{{{span}}}{{l}}{{{escaped(cell)}}}")
            break
        cells.append(_number(cell, fractions[position]))
    return " & ".join(cells)


def _row_start(label: str) -> str:
    """A bracket or star that opens a row would be read as the argument of the line break before it."""
    return "{}" + escaped(label) if label[:1] in ("[", "*") else escaped(label)


def _number(cell: str, fraction_width: int = 0) -> str:
    """A number with a true minus sign, filled up so that a right-aligned column lines up at the decimal point."""
    if cell in _INFINITIES:
        return _INFINITIES[cell]
    number = number_cell(cell)
    if number is None:
        return _prose(cell)
    printed = escaped(number.whole + number.fraction).replace("-", "$-$")
    missing = (
        ".000000000000000000"[:fraction_width] if not number.fraction else "0" * (fraction_width - len(number.fraction))
    )
    return printed + (rf"\phantom{{{missing}}}" if missing else "")


def _prose(text: str) -> str:
    """The text with every character that TeX would interpret written by name, and true minus signs."""
    return _MINUS.sub("$-$", escaped(text))


def _notes(table: Table) -> list[str]:
    lines = [r"\par\smallskip", r"\begin{minipage}{\linewidth}", r"\footnotesize"]
    for note in table.notes:
        lines += _kept(note) if "\n" in note else [_prose(note) + r"\par"]
    return [*lines, r"\end{minipage}"]


def _kept(note: str) -> list[str]:
    return [rf"\texttt{{{escaped(line).replace(' ', '~')}}}\par" for line in note.split("\n")]
