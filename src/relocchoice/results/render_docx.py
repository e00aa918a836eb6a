"""A table as a Word document: three rules, no vertical lines, numbers lined up at the decimal point."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from relocchoice.results.layout import alignments, has_sections, is_section, number_cell, side_by_side
from relocchoice.results.table import Table
from relocchoice.results.textwidth import visible

_FIGURE_SPACE = "\u2007"
_POINT_SPACE = "\u2008"
_MINUS = "\u2212"
_HEAVY, _LIGHT = "12", "6"
_POINTS, _NOTE_POINTS = 9, 8
_WIDE = 6
_NOT_XML = {ord("\ufffe"): "\\ufffe", ord("\uffff"): "\\uffff"}


def docx(table: Table, module: Any) -> bytes:
    """The bytes of a ``.docx`` file.

    Parameters
    ----------
    table : what to show; more than six columns turn the page.
    module : python-docx, which is optional.
    """
    document = module.Document()
    if len(table.columns) > _WIDE:
        _turn(document, module)
    if table.title:
        _paragraph(document, module, table.title, _POINTS + 1, bold=True)
    if table.header:
        _header(document, module, table)
    _body(document, module, table)
    for note in table.notes:
        _note(document, module, note)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def escaped(label: str) -> str:
    """The label without the characters that XML cannot hold."""
    return visible(label).translate(_NOT_XML)


def _turn(document: Any, module: Any) -> None:
    section = document.sections[0]
    section.orientation = _enum(module, "section", "WD_ORIENT").LANDSCAPE
    section.page_width, section.page_height = section.page_height, section.page_width


def _enum(module: Any, home: str, name: str) -> Any:
    """An enumeration of python-docx, which keeps them in modules of their own."""
    return getattr(import_module(f"{module.__name__}.enum.{home}"), name)


def _paragraph(place: Any, module: Any, text: str, points: int, *, bold: bool = False) -> Any:
    paragraph = place.add_paragraph()
    _write(paragraph, module, text, points, bold=bold)
    return paragraph


def _write(
    paragraph: Any, module: Any, text: str, points: int, *, bold: bool = False, italic: bool = False, font: str = ""
) -> None:
    run = paragraph.add_run(escaped(text))
    run.bold, run.italic = bold or None, italic or None
    run.font.size = module.shared.Pt(points)
    if font:
        run.font.name = font
    paragraph.paragraph_format.space_after = module.shared.Pt(0)
    paragraph.paragraph_format.space_before = module.shared.Pt(0)


def _header(document: Any, module: Any, table: Table) -> None:
    pairs = side_by_side(table.header)
    grid = document.add_table(rows=len(pairs), cols=4)
    for place, ((left, left_value), (right, right_value)) in enumerate(pairs):
        for column, text in enumerate((left, left_value, right, right_value)):
            _cell(grid.cell(place, column), module, text, right=column % 2 == 1)
    document.add_paragraph()


def _body(document: Any, module: Any, table: Table) -> None:
    fractions = [alignment.fraction for alignment in alignments(table)]
    grid = document.add_table(rows=1 + len(table.rows), cols=len(table.columns))
    grid.alignment = _enum(module, "table", "WD_TABLE_ALIGNMENT").CENTER
    grid.autofit = True
    _cells(grid, 0, module, table.columns, [0] * len(table.columns))
    _repeat(grid.rows[0], module)
    indent = has_sections(table)
    for place, row in enumerate(table.rows, start=1):
        if is_section(row, table):
            merged = grid.cell(place, 0).merge(grid.cell(place, len(table.columns) - 1))
            _cell(merged, module, row[0], italic=True)
        else:
            _cells(grid, place, module, row, fractions, indent=indent)
    _rule(grid, 0, "top", _HEAVY, module)
    _rule(grid, 0, "bottom", _LIGHT, module)
    _rule(grid, len(table.rows), "bottom", _HEAVY, module)


def _cells(
    grid: Any, place: int, module: Any, row: Sequence[str], fractions: Sequence[int], *, indent: bool = False
) -> None:
    cells = grid.rows[place].cells
    last = max(position for position, cell in enumerate(row) if cell or position == 0)
    for position, text in enumerate(row):
        if position and position == last and len(row) - position > 1 and number_cell(text) is None and place:
            # a word that ends the row runs over the empty cells behind it
            _cell(cells[position].merge(cells[len(row) - 1]), module, text)
            return
        filled = _filled(text, fractions[position]) if position else text
        _cell(cells[position], module, filled, right=position > 0, indent=indent and position == 0)


def _filled(cell: str, fraction_width: int) -> str:
    number = number_cell(cell)
    if number is None:
        return cell
    missing = fraction_width - len(number.fraction)
    shown = cell.replace("-", _MINUS)
    if missing <= 0:
        return shown
    return shown + (_POINT_SPACE + _FIGURE_SPACE * (missing - 1) if not number.fraction else _FIGURE_SPACE * missing)


def _cell(
    cell: Any, module: Any, text: str, *, right: bool = False, italic: bool = False, indent: bool = False
) -> None:
    paragraph = cell.paragraphs[0]
    _write(paragraph, module, text, _POINTS, italic=italic)
    if right:
        paragraph.alignment = _enum(module, "text", "WD_ALIGN_PARAGRAPH").RIGHT
    if indent:
        paragraph.paragraph_format.left_indent = module.shared.Pt(_POINTS)


def _repeat(row: Any, module: Any) -> None:
    """The heads stand again on every page."""
    row._tr.get_or_add_trPr().append(module.oxml.OxmlElement("w:tblHeader"))


def _rule(grid: Any, place: int, side: str, eighths: str, module: Any) -> None:
    for element in grid.rows[place]._tr.tc_lst:
        properties = element.get_or_add_tcPr()
        borders = properties.find(module.oxml.ns.qn("w:tcBorders"))
        if borders is None:
            borders = module.oxml.OxmlElement("w:tcBorders")
            properties.append(borders)
        line = module.oxml.OxmlElement(f"w:{side}")
        for name, value in (("val", "single"), ("sz", eighths), ("space", "0"), ("color", "auto")):
            line.set(module.oxml.ns.qn(f"w:{name}"), value)
        borders.append(line)


def _note(document: Any, module: Any, note: str) -> None:
    lines = note.split("\n")
    font = "Liberation Mono" if len(lines) > 1 else ""
    for line in lines:
        paragraph = document.add_paragraph()
        _write(paragraph, module, line, _NOTE_POINTS, font=font)
