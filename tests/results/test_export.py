"""Tables as files: every format is read back, whatever the labels hold."""

from __future__ import annotations

import io
import re

import docx
import numpy as np
import openpyxl
import pandas as pd
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.errors import OptionError, StoreError
from relocchoice.results import export
from relocchoice.results.compare import compare
from relocchoice.results.export import WRITERS, save_table
from relocchoice.results.render import render
from relocchoice.results.render_docx import docx as write_docx
from relocchoice.results.render_typst import escaped as typst_string
from relocchoice.results.render_xlsx import xlsx as write_xlsx
from relocchoice.results.table import Table

HOSTILE = "=1+1 <script>alert('x')</script> & 50% _of_ |A| $b$ {c} \\d ~e ^f #g `h` *i* [j] \"k\" 上海 \x07\ufffe"
SHOWN = HOSTILE.replace("\x07", "\\x07")
LONG = "variable_" * 60


def table_with(label):
    return Table(
        title=label,
        columns=("", label, "b"),
        rows=((label,), (label, "-1.25***", label), (LONG, "(0.5)", "1,234"), ("c", label, "")),
        header=((label, "12.5"), ("LL", label)),
        notes=(label, f"Tree:\n├── {label}\n└── b"),
    )


@pytest.fixture
def comparison(hostile, make_results):
    return compare(hostile, make_results(), stars=True, title=HOSTILE, labels={"policy": HOSTILE})


@pytest.mark.parametrize("ending", WRITERS)
def test_every_ending_writes_one_file(comparison, tmp_path, ending):
    path = tmp_path / f"table{ending.upper()}"
    assert comparison.save(path) == path
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    first = path.read_bytes()
    assert len(first) > 500
    comparison.save(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("ending", "format"), [(".txt", "text"), (".md", "markdown"), (".tex", "latex"), (".typ", "typst")]
)
def test_text_formats_are_what_is_printed(comparison, tmp_path, ending, format):
    saved = comparison.save(tmp_path / f"a{ending}").read_text(encoding="utf-8")
    assert saved == render(comparison.table, format) + "\n"


def test_html_is_a_page_without_scripts_or_network(comparison, tmp_path):
    page = comparison.save(tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in page
    assert comparison.as_html() in page
    assert "<script" not in page
    assert not re.search(r"https?:|src=|@import|url\(", page)


def test_summary_is_saved_too(hostile, tmp_path):
    for ending in WRITERS:
        assert hostile.summary().save(tmp_path / f"fit{ending}").stat().st_size > 500
    assert hostile.summary("typst").as_typst() == str(hostile.summary("typst"))


# ------------------------------------------------------------------------------------------------------------- Word


def read_docx(content):
    document = docx.Document(io.BytesIO(content))
    return document, [[cell.text for cell in row.cells] for row in document.tables[-1].rows]


def as_numbers(cell):
    return cell.replace("\u2007", "").replace("\u2008", "").replace("\u2212", "-")


def test_word_holds_every_cell():
    table = table_with(HOSTILE)
    document, rows = read_docx(write_docx(table, docx))
    shown = SHOWN.replace("\ufffe", "\\ufffe")
    assert rows[0] == ["", shown, "b"]
    assert rows[1] == [shown] * 3
    assert rows[2][0] == shown
    assert as_numbers(rows[2][1]) == "-1.25***"
    assert rows[3][0] == LONG
    assert [as_numbers(cell) for cell in rows[3][1:]] == ["(0.5)", "1,234"]
    assert rows[4] == ["c", shown, shown]
    text = [paragraph.text for paragraph in document.paragraphs]
    assert text[0] == shown
    assert "├── " + shown in text
    assert document.tables[0].rows[0].cells[1].text == "12.5"


def test_word_has_three_rules_and_repeats_the_heads():
    document, rows = read_docx(write_docx(table_with("a"), docx))
    grid = document.tables[-1]
    ruled = [bool(row._tr.xpath(".//w:tcBorders")) for row in grid.rows]
    assert ruled == [True, *[False] * (len(rows) - 2), True]
    assert grid.rows[0]._tr.xpath("./w:trPr/w:tblHeader")


def test_word_turns_the_page_for_wide_tables():
    wide = Table("", tuple("abcdefgh"), (tuple("a1234567"),))
    document, _ = read_docx(write_docx(wide, docx))
    assert document.sections[0].page_width > document.sections[0].page_height


# ------------------------------------------------------------------------------------------------------------ Excel


def test_excel_holds_numbers_as_numbers_and_no_formula():
    book = openpyxl.load_workbook(io.BytesIO(write_xlsx(table_with(HOSTILE), openpyxl, {})))
    cells = [cell for row in book["table"].iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type in ("s", "n") for cell in cells)
    numbers = {cell.value: cell.number_format for cell in cells if cell.data_type == "n"}
    assert numbers == {
        12.5: "0.0;-0.0",
        -1.25: '0.00"***";-0.00"***"',
        0.5: '"("0.0")";"("-0.0")"',
        1234: "#,##0;-#,##0",
    }
    shown = SHOWN.replace("\ufffe", "\\ufffe")
    assert sum(cell.value == shown for cell in cells) == 9
    assert LONG in [cell.value for cell in cells]


def test_excel_has_the_figures_in_full_precision(comparison, tmp_path):
    book = openpyxl.load_workbook(comparison.save(tmp_path / "a.xlsx"))
    assert book.sheetnames == ["table", "estimates", "statistics"]
    heads, *rows = book["estimates"].iter_rows(values_only=True)
    assert heads[:3] == ("block", "parameter", "(1) estimate")
    estimates = comparison.estimates
    assert len(rows) == len(estimates)
    for row, (key, figures) in zip(rows, estimates.iterrows(), strict=True):
        assert row[0] == key[0]
        for column, value in zip(row[2:], figures, strict=True):
            if isinstance(value, float) and np.isfinite(value):
                assert column == pytest.approx(value, rel=1e-15)
            elif isinstance(value, float) and np.isinf(value):
                assert column == "+inf"
            elif isinstance(value, str):
                assert column == value
            else:
                assert column is None
    statistics = {row[0]: row[1] for row in book["statistics"].iter_rows(min_row=2, values_only=True)}
    assert statistics["llf"] == comparison.statistics.loc["llf", "(1)"]


# ---------------------------------------------------------------------------------------------------- Typst and LaTeX


@pytest.mark.parametrize("label", [HOSTILE, "plain", '"', "\\", "#panic()", "] } )"])
def test_typst_compiles(label):
    assert typst.compile(render(table_with(label), "typst").encode(), format="pdf").startswith(b"%PDF")


def test_typst_compiles_wide_tables_and_all_fits(comparison, hostile):
    wide = Table("", tuple(f"c{k}" for k in range(14)), (("s",), ("x", *["-1.5"] * 13)))
    for table in (wide, comparison.table, hostile.summary().table):
        assert typst.compile(render(table, "typst").encode(), format="pdf").startswith(b"%PDF")


@given(st.text(max_size=40))
@settings(max_examples=100)
def test_typst_strings_end_where_they_should(label):
    literal = typst_string(label)
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', literal, re.DOTALL)
    assert "\n" not in literal


def check_latex(source):
    """A minimal reader: braces and environments balance, and each row has the columns that the table declares."""
    bare = re.sub(r"\\[\\{}$&#_%]", lambda match: "  " if match[0] != r"\\" else r"\\", source)
    assert bare.count("{") == bare.count("}")
    begun, ended = (sorted(re.findall(rf"\\{word}\{{(\w+)\}}", bare)) for word in ("begin", "end"))
    assert begun == ended
    rows = 0
    for columns, body in re.findall(r"\\begin\{tabular\}\{(.*?)\}\n(.*?)\\end\{tabular\}", bare, re.DOTALL):
        count = len(re.sub(r"@\{.*?\}", "", columns))
        for line in body.split("\n"):
            if line.endswith(r"\\"):
                spans = [int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", line)]
                assert line.count("&") + 1 + sum(spans) - len(spans) == count, line
                rows += 1
    assert not re.search(r"[#$](?!-\$)", bare.replace("$-$", "").replace(r"$-\infty$", "").replace(r"$+\infty$", ""))
    return rows


def test_latex_reads(comparison, hostile):
    table = comparison.table
    assert check_latex(comparison.as_latex()) == 1 + len(table.rows)
    assert check_latex(render(table_with("a & b % c # d_e"), "latex")) == 2 + 1 + 4 - 1
    assert check_latex(hostile.summary().as_latex()) > 10
    wide = Table("", tuple(f"c{k}" for k in range(9)), (("x", *["1.5"] * 8),))
    assert r"\scriptsize" in render(wide, "latex")
    assert check_latex(render(wide, "latex")) == 2


# ------------------------------------------------------------------------------------------------- whole or not at all


def test_nothing_is_left_where_writing_fails(comparison, tmp_path, monkeypatch):
    path = comparison.save(tmp_path / "a.txt")
    before = path.read_bytes()

    def broken(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.os, "replace", broken)
    with pytest.raises(StoreError, match=r"a\.txt' cannot be written: No space left"):
        comparison.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_bytes() == before


def test_an_unknown_ending_and_a_folder_that_is_not_there(comparison, tmp_path):
    with pytest.raises(OptionError, match=r"valid: a path that ends in \.txt, .*\.xlsx"):
        comparison.save(tmp_path / "a.pdf")
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        comparison.save(tmp_path / "nowhere" / "a.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ending", "module"), [(".docx", "python-docx"), (".xlsx", "openpyxl")])
def test_a_missing_package_is_named(tmp_path, monkeypatch, ending, module):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(export, "import_module", absent)
    with pytest.raises(OptionError, match=rf"{module}, which is not installed; pip install 'relocchoice\[tables\]'"):
        save_table(table_with("a"), tmp_path / f"a{ending}")
    assert list(tmp_path.iterdir()) == []


def test_names_of_sheets_are_made_to_fit(tmp_path):

    frame = pd.DataFrame({"a": [1.0]})
    names = ["with/without", "with?without", "table", "TABLE", "x" * 40, "x" * 31, "'", "[a]:*", "History", ""]
    path = save_table(Table("t", ("", "b"), (("c", "1"),)), tmp_path / "t.xlsx", dict.fromkeys(names, frame))
    sheets = openpyxl.load_workbook(path).sheetnames
    assert sheets[:3] == ["table", "with-without", "with-without (2)"]
    assert len({name.casefold() for name in sheets}) == 1 + len(names)
    assert max(map(len, sheets)) <= 31
