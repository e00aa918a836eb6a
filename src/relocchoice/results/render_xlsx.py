"""A table as a workbook: the printed table with true numbers, and sheets with the figures in full precision."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from relocchoice.results.layout import has_sections, is_section
from relocchoice.results.table import Table
from relocchoice.results.textwidth import display_width, visible

_PLAIN = re.compile(r"([(\[{]?)(-?[\d,]+)(\.\d+)?(e[-+]?\d+)?([)\]}]?)(\**)")
_WIDEST = 60
_NARROWEST = 8
_SHEET = "table"
_NOT_XML = {ord("\ufffe"): "\\ufffe", ord("\uffff"): "\\uffff"}
_LONGEST = 32_767
_NO_SHEET = re.compile(r"[\\/*?:\[\]]")
_LONGEST_SHEET = 31


def xlsx(table: Table, module: Any, frames: Mapping[str, pd.DataFrame]) -> bytes:
    """The bytes of an ``.xlsx`` file.

    Parameters
    ----------
    table : the first sheet; a cell that reads as a number is one, and looks as it was printed.
    module : openpyxl, which is optional.
    frames : name -> a further sheet, in full precision.
    """
    book = module.Workbook()
    sheet = book.active
    sheet.title = _SHEET
    _print(sheet, module, table)
    for name, frame in frames.items():
        _list(book.create_sheet(_sheet_name(name, book.sheetnames)), module, frame)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _sheet_name(text: str, taken: Sequence[str]) -> str:
    """A name for a sheet that no other has: Excel takes 31 characters, and tells no capitals from small letters."""
    plain = _NO_SHEET.sub("-", visible(text)).translate(_NOT_XML).strip("' ")[:_LONGEST_SHEET].strip("' ") or "figures"
    known = {name.casefold() for name in taken}
    out, number = plain, 1
    while out.casefold() in known or out.casefold() == "history":  # a name that Excel keeps for itself
        number += 1
        tail = f" ({number})"
        out = plain[: _LONGEST_SHEET - len(tail)] + tail
    return out


def escaped(label: str) -> str:
    """The label without the characters that XML cannot hold, and no longer than a cell may be."""
    return visible(label).translate(_NOT_XML)[:_LONGEST]


def _print(sheet: Any, module: Any, table: Table) -> None:
    styles = module.styles
    heavy, light = styles.Side(style="medium"), styles.Side(style="thin")
    place = 1
    if table.title:
        _text(sheet.cell(place, 1), table.title).font = styles.Font(bold=True)
        place += 2
    for name, value in table.header:
        _text(sheet.cell(place, 1), name)
        _number(sheet.cell(place, 2), value, styles)
        place += 1
    place += bool(table.header)
    for column, head in enumerate(table.columns, start=1):
        cell = _text(sheet.cell(place, column), head)
        cell.border = styles.Border(top=heavy, bottom=light)
        cell.alignment = styles.Alignment(horizontal="left" if column == 1 else "right")
    if not (table.title or table.header):
        sheet.freeze_panes = sheet.cell(place + 1, 2)
    indent = has_sections(table)
    for row in table.rows:
        place += 1
        _row(sheet, place, row, styles, indent=indent and not is_section(row, table), italic=is_section(row, table))
    for column in range(1, len(table.columns) + 1):
        cell = sheet.cell(place, column)
        cell.border = styles.Border(top=cell.border.top, bottom=heavy)
    for line in (line for note in table.notes for line in note.split("\n")):
        place += 1
        _text(sheet.cell(place, 1), line).font = styles.Font(size=9)
    _set_widths(sheet, module, table)


def _row(sheet: Any, place: int, row: tuple[str, ...], styles: Any, *, indent: bool, italic: bool) -> None:
    label = _text(sheet.cell(place, 1), row[0])
    label.alignment = styles.Alignment(indent=int(indent))
    label.font = styles.Font(italic=italic)
    for column, text in enumerate(row[1:], start=2):
        if text:
            _number(sheet.cell(place, column), text, styles)


def _text(cell: Any, text: str) -> Any:
    cell.value = escaped(text)
    # a label that begins with an equals sign would otherwise be run as a formula
    cell.data_type = "s"
    return cell


def _number(cell: Any, text: str, styles: Any) -> None:
    """A number where the text is one, shown with its own decimals, brackets and stars."""
    match = _PLAIN.fullmatch(text)
    if match is None:
        _text(cell, text)
    else:
        opening, whole, fraction, exponent, closing, stars = match.groups(default="")
        cell.value = float(whole.replace(",", "") + fraction + exponent)
        digits = ("#,##0" if "," in whole else "0") + ("." + "0" * (len(fraction) - 1) if fraction else "")
        shown = digits + ("E+00" if exponent else "")
        before, behind = (f'"{mark}"' if mark else "" for mark in (opening, closing + stars))
        cell.number_format = f"{before}{shown}{behind};{before}-{shown}{behind}"
    cell.alignment = styles.Alignment(horizontal="right")


def _set_widths(sheet: Any, module: Any, table: Table) -> None:
    rows = [table.columns, *(row for row in table.rows if not is_section(row, table)), *table.header]
    for column in range(len(table.columns)):
        width = max((display_width(visible(row[column])) for row in rows if column < len(row)), default=0)
        letter = module.utils.get_column_letter(column + 1)
        sheet.column_dimensions[letter].width = min(max(width + 2, _NARROWEST), _WIDEST)


def _list(sheet: Any, module: Any, frame: pd.DataFrame) -> None:
    """One row an index entry; several levels of columns are joined."""
    flat = frame.reset_index()
    heads = [" ".join(str(part) for part in (name if isinstance(name, tuple) else (name,)) if part) for name in flat]
    for column, head in enumerate(heads, start=1):
        _text(sheet.cell(1, column), head).font = module.styles.Font(bold=True)
    for place, values in enumerate(flat.itertuples(index=False, name=None), start=2):
        for column, value in enumerate(values, start=1):
            _value(sheet.cell(place, column), value)
    sheet.freeze_panes = sheet.cell(2, 1 + frame.index.nlevels)


def _value(cell: Any, value: Any) -> None:
    if isinstance(value, (bool, int)):
        cell.value = value
    elif isinstance(value, float):
        if math.isfinite(value):
            cell.value = value
        elif math.isinf(value):
            _text(cell, "+inf" if value > 0 else "-inf")
    elif value is not None:
        _text(cell, str(value))
