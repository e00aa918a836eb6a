"""Every format shows the same table, whatever its labels hold."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.errors import OptionError
from relocchoice.results.render import FORMATS, render
from relocchoice.results.table import Table
from relocchoice.results.textwidth import display_width, visible

HOSTILE = "<script>alert('x')</script> & 50% _of_ |A| $b$ {c} \\d ~e ^f #g `h` *i* [j]\nk"

SMALL = Table(
    title="Two columns",
    columns=("", "estimate", "error"),
    rows=(("Section",), ("a", "1.25", "0.5"), ("上海", "-10.5", "fixed"), ("c", "100", "")),
    header=(("Model", "MNL"), ("N", "10"), ("LL", "-1.5")),
    notes=("A note.", "Tree:\n├── a\n└── b"),
)


def with_label(label):
    return Table(
        title=label,
        columns=("", label, "b"),
        rows=((label,), (label, "1.5", label)),
        header=((label, label),),
        notes=(label.replace("\n", " "),),
    )


def test_text_is_aligned_at_the_decimal_points():
    assert render(SMALL).splitlines() == [
        "=" * 60,
        " " * 24 + "Two columns",
        "=" * 60,
        "Model:                   MNL    LL:                     -1.5",
        "N:                        10",
        "=" * 60,
        "        estimate  error",
        "-" * 60,
        "Section",
        "  a         1.25    0.5",
        "  上海    -10.5   fixed",
        "  c       100",
        "=" * 60,
        "A note.",
        "Tree:",
        "├── a",
        "└── b",
    ]


def test_a_word_before_empty_cells_does_not_widen_its_column():
    table = Table("", ("", "a", "b", "c"), (("x", "1", "2", "3"), ("y", "1", "= a rather long name", "")))
    head, _, first, second = render(table).splitlines()[1:5]
    assert head == "   a  b  c"
    assert first == "x  1  2  3"
    assert second == "y  1  = a rather long name"


def test_long_labels_are_cut_so_that_the_table_stays_narrow():
    name = "variable_" * 20
    table = Table("", ("", *["column"] * 6), ((name, *["123.456"] * 6),))
    lines = render(table).splitlines()
    assert max(map(display_width, lines)) <= 100
    body = lines[3:-1]
    assert len(body) > 1
    room = 100 - 6 * len("  123.456")
    assert "".join(line[:room].strip() for line in body) == name


def test_long_header_values_and_notes_are_wrapped():
    table = Table("", ("", "b"), (("x", "1"),), header=(("Data", "word " * 40), ("N", "1")), notes=("note " * 60,))
    lines = render(table).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.count("word") for line in lines) == 40
    assert sum(line.count("note") for line in lines) == 60


def test_markdown():
    assert render(SMALL, "markdown").splitlines() == [
        "**Two columns**",
        "",
        "|       |     |     |      |",
        "| ----- | --: | --- | ---: |",
        "| Model | MNL | LL  | -1.5 |",
        "| N     |  10 |     |      |",
        "",
        "|             | estimate | error |",
        "| ----------- | -------: | ----: |",
        "| **Section** |          |       |",
        "| a           |     1.25 |   0.5 |",
        "| 上海        |    -10.5 | fixed |",
        "| c           |      100 |       |",
        "",
        "- A note.",
        "",
        "```",
        "Tree:",
        "├── a",
        "└── b",
        "```",
    ]


def test_latex():
    lines = render(SMALL, "latex").splitlines()
    assert lines[:3] == [r"\begin{table}[htbp]", r"\centering", r"\caption{Two columns}"]
    assert r"\multicolumn{3}{l}{\textit{Section}} \\" in lines
    assert r"\quad a & 1.25 & 0.5 \\" in lines
    assert r"\quad 上海 & $-$10.5\phantom{0} & fixed \\" in lines
    assert r"\quad c & 100\phantom{.00} &  \\" in lines
    assert lines[-1] == r"\end{table}"


def test_latex_specials_are_written_by_name():
    printed = render(with_label(HOSTILE), "latex")
    for command in (
        r"50\%",
        r"\_of\_",
        r"\$b\$",
        r"\{c\}",
        r"\textbackslash{}d",
        r"\#g",
        r"\&",
        r"\textasciicircum{}f",
    ):
        assert command in printed
    body = "\n".join(line for line in printed.splitlines() if not line.startswith("\\begin"))
    assert not re.search(r"(?<!\\)[%#$_](?<!\$-\$)", body.replace("$-$", ""))
    assert "<" not in printed
    assert "`" not in printed


def test_latex_row_cannot_start_with_a_bracket():
    printed = render(Table("", ("[h", "b"), (("[x", "1"), ("*y", "2"))), "latex")
    assert "{}[h & b" in printed
    assert "{}[x & 1" in printed
    assert "{}*y & 2" in printed


class Reader(HTMLParser):
    """Tags and the text of every cell."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_html_holds_labels_as_inert_text(label):
    reader = Reader()
    reader.feed(render(with_label(label), "html"))
    allowed = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "em", "small", "pre", "span"}
    assert reader.tags <= allowed
    assert (
        reader.cells.count(visible(label)) + sum(cell.strip() == visible(label).strip() for cell in reader.cells) >= 2
    )


def test_html_hostile():
    printed = render(with_label(HOSTILE), "html")
    assert "<script" not in printed
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in printed
    assert "\\nk" in printed


def unescaped_pipes(line):
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_markdown_rows_keep_their_number_of_cells(label):
    lines = render(with_label(label), "markdown").splitlines()
    body = [line for line in lines if line.startswith("| ")]
    assert len(body) == 7
    assert [unescaped_pipes(line) for line in body] == [5, 5, 5, 4, 4, 4, 4]
    assert "<" not in "".join(body)


def test_markdown_fence_is_longer_than_any_in_the_note():
    printed = render(Table("", ("", "b"), (), notes=("a\n```\nb",)), "markdown")
    assert printed.endswith("````\na\n```\nb\n````")


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_label_breaks_a_line_of_text(label):
    printed = render(with_label(label), "text")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", printed)
    assert printed.splitlines() == printed.removesuffix("\n").split("\n")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_every_cell(format):
    printed = render(SMALL, format)
    for cell in ("Two columns", "Section", "上海", "1.25", "10.5", "fixed", "100", "Model", "MNL", "A note."):
        assert cell in printed


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_table_is_a_table(format):
    assert "estimate" in render(Table("", ("", "estimate"), ()), format)


def test_unknown_format():
    with pytest.raises(OptionError, match=r"format='docx' is not valid; valid: .*'text'"):
        render(SMALL, "docx")


def test_latex_has_true_minus_signs_and_infinities():
    table = Table(
        "",
        ("", "estimate"),
        (("a-b", "-inf"), ("b", "+inf"), ("c", "1.5e-05"), ("d", "not a-1")),
        (("LL", "-inf"),),
        ("LL -12.5 at 1990-1999 (-3.5e-05), x - 1, log-likelihood runs to -inf.",),
    )
    shown = render(table, "latex")
    assert r"a-b & $-\infty$ \\" in shown
    assert r"b & $+\infty$ \\" in shown
    assert "c & 1.5e$-$05" in shown
    assert r"LL & $-\infty$" in shown
    assert "d & not a-1" in shown
    assert "LL $-$12.5 at 1990-1999 ($-$3.5e$-$05), x $-$ 1, log-likelihood runs to $-$inf." in shown
