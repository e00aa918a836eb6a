"""A table as a value: what is printed, without how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from relocchoice.data.provenance import joint_provenance


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


def shared_provenance(sources: Iterable[Any]) -> str:
    """The provenance of several fits or records: each line once, and that others are observed where some are."""
    lines = [joint_provenance(source) for source in sources]
    said = joint_provenance(*lines)
    return f"{said}; other columns observed" if said and not all(lines) else said
