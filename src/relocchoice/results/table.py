"""A table as a value: what is printed, without how."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """A table that every renderer can show.

    Attributes
    ----------
    title : one line.
    columns : (C,) column heads; the first is usually the row label's head.
    rows : each a tuple of C cells, already formatted as strings; a row of length 1 is a section head.
    header : pairs (name, value) shown above the body, e.g. ``("Log-likelihood", "-1728.565")``.
    notes : sentences shown below the body.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    header: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())
