"""A report as a value: sections with headings, sentences, tables and pictures; what shows them is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from relocchoice.results.table import Table

Level = Literal["note", "warning", "refused", "good"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A paragraph; ``level`` says how it is marked."""

    text: str
    level: Level = "note"


@dataclass(frozen=True, slots=True)
class Lines:
    """Text whose line breaks matter."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A table, also written as a file of its own.

    Attributes
    ----------
    stem : of the file's name; anything, see :func:`relocchoice.report.write.file_stem`.
    frames : name -> figures in full precision, for workbooks.
    """

    table: Table
    stem: str
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture: SVG without its XML head, a caption that says what is seen, the stem of the file's name.

    ``notice`` says what is not right about it; empty where nothing is.
    """

    svg: bytes
    caption: str
    stem: str
    notice: str = ""


Part = Heading | Sentence | Lines | Shown | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page; ``key`` is its anchor."""

    key: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was asked for, as far as it could be done.

    Attributes
    ----------
    title : of the page.
    sections : in the order of the page.
    fits : name -> results, of the models that were estimated.
    failures : sentences on what was refused or did not converge; empty when all went well.
    notices : sentences on what is there but not as it should be, such as characters that no font has.
    formats : of the tables' files.
    log : what the page says, as JSON values.
    spec_text : the specification file, word for word.
    left_out : sentences on what is not there because this installation lacks something; not a failure.
    """

    title: str
    sections: tuple[Section, ...]
    fits: Mapping[str, Any]
    failures: tuple[str, ...]
    notices: tuple[str, ...]
    formats: tuple[str, ...]
    log: Mapping[str, Any]
    spec_text: str
    left_out: tuple[str, ...] = ()
