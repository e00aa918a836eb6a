"""One table, several formats: a new format is one file with a function ``Table -> str`` and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from relocchoice.errors import OptionError
from relocchoice.results.render_html import html
from relocchoice.results.render_latex import latex
from relocchoice.results.render_markdown import markdown
from relocchoice.results.render_text import text
from relocchoice.results.render_typst import typst
from relocchoice.results.table import Table

Format = Literal["text", "markdown", "latex", "html", "typst"]

FORMATS: Mapping[str, Callable[[Table], str]] = {
    "text": text,
    "markdown": markdown,
    "latex": latex,
    "html": html,
    "typst": typst,
}


def check_format(format: str) -> None:
    """Raise OptionError where there is no renderer of that name."""
    if format not in FORMATS:
        raise OptionError.of("format", format, list(FORMATS))


def render(table: Table, format: Format = "text") -> str:
    """The table as text of the given format; labels are escaped, so they may hold anything.

    Parameters
    ----------
    table : what to show.
    format : ``"text"`` (fixed width, at most 100 columns where the numbers allow it), ``"markdown"`` (pipe tables),
        ``"latex"`` (needs the package booktabs), ``"html"`` (a ``<div>`` without scripts or external styles) or
        ``"typst"`` (a figure without imports).

    Raises
    ------
    OptionError
        For another format.
    """
    check_format(format)
    return FORMATS[format](table)
