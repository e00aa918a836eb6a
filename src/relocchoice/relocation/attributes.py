"""What the destinations offered in each period, every figure with its source.

The table mixes three kinds of figures and never hides which is which: *seed* (in the survey's text, checked against
``seeds/prose.csv``), *public knowledge* (dates of zones, coordinates, yearbooks) and *assumed for illustration*. Most
of it is the last: enough to run a model, never to conclude from one. :func:`marks` has the kind of each cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.frames import read_frame
from relocchoice.data.labels import encode
from relocchoice.data.provenance import NOTES, notes_of, with_attrs
from relocchoice.data.shared import alike
from relocchoice.errors import DataError, Finding, OptionError
from relocchoice.relocation.attributes_data import ATTRIBUTES, NAMES, Attribute
from relocchoice.relocation.attributes_read import KEYS, KINDS, Kind, shipped_attributes
from relocchoice.relocation.taxonomy import HOME, SEPARATOR, destination_labels, labels, period_labels
from relocchoice.results.render import Format, render
from relocchoice.results.table import Table
from relocchoice.spec.labels import hint

__all__ = [
    "ATTRIBUTES",
    "KINDS",
    "NAMES",
    "Attribute",
    "Kind",
    "anchors",
    "destination_attributes",
    "join",
    "marks",
    "noted",
    "printed",
    "sources",
    "table",
]

MARKS: dict[str, str] = {"seed": "s", "public knowledge": "p", "assumed for illustration": "a"}
_WORDS = {
    "en": (
        "Destination attributes",
        "Attribute",
        "a = assumed for illustration",
        ("from the survey's text", "public knowledge", "assumed for illustration"),
        "The source of every cell: relocchoice.relocation.attributes.sources().",
    ),
    "zh": (
        "迁移目的地属性",
        "属性",
        "a = 仅为示例而假定",
        ("原文", "公开资料", "仅为示例而假定"),
        "每个数据的来源见 relocchoice.relocation.attributes.sources()。",
    ),
}


def destination_attributes(period: str | None = None, *, home: bool = False) -> pd.DataFrame:
    """The attributes, one row a destination and period.

    Parameters
    ----------
    period : label of one period; all if None.
    home : whether the firm's own site has rows too (place "home"), for the alternative of an expansion in site.

    Returns
    -------
    DataFrame
        ``place``, ``period`` and the columns of :data:`ATTRIBUTES`, which name units and limits; its
        ``attrs["sources"]`` says how many cells are assumed.

    Raises
    ------
    OptionError
        If there is no such period.
    DataError
        If the shipped files break one of their rules.
    """
    values = _of(shipped_attributes().values, period, home)
    fractions = [attribute.name for attribute in ATTRIBUTES if not attribute.whole]
    values = values.astype(dict.fromkeys(fractions, float))
    values.attrs["sources"] = _account(sources(period, home=home)["kind"])
    return values


def sources(
    period: str | None = None, *, home: bool = False, attribute: str | None = None, kind: Kind | None = None
) -> pd.DataFrame:
    """Where each cell comes from, one row a cell: place, period, attribute, kind, quantity, source.

    Parameters
    ----------
    period, home : as for :func:`destination_attributes`.
    attribute, kind : only the cells of one attribute or one kind of source; all if None.

    Returns
    -------
    DataFrame
        ``quantity`` names the figures of ``seeds/prose.csv`` that the cell is; empty where it is none or is coded.

    Raises
    ------
    OptionError
        If there is no such period, attribute or kind.
    """
    found = _of(shipped_attributes().sources, period, home)
    for column, value, valid in (("attribute", attribute, NAMES), ("kind", kind, KINDS)):
        if value is not None and value not in valid:
            raise OptionError.of(column, value, valid)
        found = found if value is None else found[found[column] == value]
    return found.reset_index(drop=True)


def marks(period: str | None = None, *, home: bool = False) -> pd.DataFrame:
    """The kind of source of each cell, in rows and columns as :func:`destination_attributes` has the figures.

    Raises
    ------
    OptionError
        If there is no such period.
    """
    found = sources(period, home=home)
    wide = found.pivot_table(index=list(KEYS), columns="attribute", values="kind", aggfunc="first")[list(NAMES)]
    keys = _of(shipped_attributes().values, period, home)[list(KEYS)]
    kinds = wide.loc[pd.MultiIndex.from_frame(keys)].reset_index(drop=True)
    return pd.concat([keys, kinds], axis=1).rename_axis(columns=None)


def anchors() -> pd.DataFrame:
    """The towns and cities whose coordinates stand for a destination: place, anchor, latitude, longitude, named_in.

    ``named_in`` says where the survey's text names them. The destinations' distances are means over their anchors.
    """
    return shipped_attributes().anchors.copy()


def table(period: str | None = None, *, language: Literal["en", "zh"] = "en") -> Table:
    """The attributes laid out to be printed, a mark behind each figure: s seed, p public knowledge, a assumed.

    Parameters
    ----------
    period : label of one period; all, under each other, if None.
    language : of titles and notes.

    Raises
    ------
    OptionError
        If there is no such period or language.
    """
    titles = labels(language)
    title, head, warning, kinds, note = _WORDS[language]
    values, kind = destination_attributes(period), marks(period)
    periods = [period] if period is not None else list(period_labels())
    rows: list[tuple[str, ...]] = []
    for label in periods:
        here = (values["period"] == label).to_numpy()
        rows += [(titles[label],)] if period is None else []
        for attribute in ATTRIBUTES:
            name = f"{attribute.title} ({attribute.unit})"
            if language == "zh":
                name = f"{attribute.title_zh}（{attribute.unit_zh}）"
            figures = zip(values.loc[here, attribute.name], kind.loc[here, attribute.name], strict=True)
            cells = (f"{_number(figure)} {MARKS[source]}" for figure, source in figures)
            rows.append((name, *cells))
    counts = sources(period)["kind"].value_counts()
    legend = (f"{MARKS[name]}: {words}, {counts.get(name, 0)}" for name, words in zip(KINDS, kinds, strict=True))
    when = titles[period] if period is not None else f"{titles[periods[0]]} - {titles[periods[-1]]}"
    columns = (head, *(titles[place] for place in destination_labels()))
    return Table(f"{title}, {when} ({warning})", columns, tuple(rows), notes=("; ".join(legend), note))


def printed(period: str | None = None, *, language: Literal["en", "zh"] = "en", format: Format = "text") -> str:
    """The :func:`table` as text, Markdown, LaTeX, HTML or Typst.

    Raises
    ------
    OptionError
        If there is no such period, language or format.
    """
    return render(table(period, language=language), format)


def join(frame: Any, *, place: str = "place", period: str = "period", attributes: Sequence[str] | None = None) -> Any:
    """A long table with the attributes of each row's place and period behind its columns.

    Parameters
    ----------
    frame : any data frame that narwhals knows; rows keep their order and, in pandas, their index.
    place : column with the labels of destinations, or "home" for the own site.
    period : column with the labels of periods.
    attributes : names of those to add; all if None.

    Returns
    -------
    A frame of the same kind. A pandas frame says in ``attrs["sources"]`` how many of the cells it took are assumed, and
    in ``attrs["notes"]`` of which attributes: a sentence that stands below what is fitted to data read from it. A
    pyarrow table says so in its metadata; other frames cannot, see :func:`noted`.

    Raises
    ------
    OptionError
        For attributes that are unknown, repeated or none.
    DataError
        Without the columns, with a column that has an attribute's name already, and for each place and period that the
        table does not have; nothing is dropped or left empty.
    """
    names = NAMES if attributes is None else (attributes,) if isinstance(attributes, str) else tuple(attributes)
    if not names or len(set(names)) < len(names) or not set(names) <= set(NAMES):
        raise OptionError.of("attributes", attributes, f"one or more of {NAMES}, each once")
    columns = read_frame(frame)
    keys = columns.get(place, "place"), columns.get(period, "period")
    cells = destination_attributes(home=True)
    rows = _rows_of(cells, *keys, [_taken(name) for name in names if name in columns.by_name])
    added = {name: cells[name].to_numpy()[rows] for name in names}
    joined = frame.assign(**added) if isinstance(frame, pd.DataFrame) else _beside(frame, added)
    kinds = marks(home=True)[list(names)].to_numpy()[np.unique(rows)]
    notes = [*notes_of(joined), *_assumed(names, kinds)]
    return with_attrs(joined, sources=_account(pd.Series(kinds.ravel(), dtype=object)), **{NOTES: notes})


def noted(data: ChoiceData, *, place: str = "place", period: str = "period") -> ChoiceData:
    """Data with a note on which of their attributes are assumed, for frames that cannot carry it (polars, a dict).

    Counted are the columns with an attribute's name that hold the figures of :func:`destination_attributes`; other
    columns of such a name are the user's own. Data that have the note already keep it once.

    Parameters
    ----------
    data : with columns of destinations (or "home") and periods, as :func:`join` needs them.
    place, period : those columns.

    Raises
    ------
    DataError
        Without these columns, or with a label in them that the table does not have.
    """
    names = [name for name in NAMES if name in data.columns]
    frame = data.row_frame([place, period, *names])
    cells = destination_attributes(home=True)
    rows = _rows_of(cells, frame[place], frame[period])
    same = [name for name in names if np.array_equal(frame[name].to_numpy(), cells[name].to_numpy()[rows])]
    kinds = marks(home=True)[same].to_numpy()[np.unique(rows)]
    return alike(data, notes=tuple(dict.fromkeys([*_assumed(same, kinds), *data.notes])))


def _rows_of(
    cells: pd.DataFrame, place: pd.Series, period: pd.Series, findings: Sequence[Finding] = ()
) -> NDArray[np.intp]:
    """(rows,) position in the table of each place and period; with other findings, raises them and its own together."""
    places, periods = (HOME, *destination_labels()), period_labels()
    place_at, strange_places = _positions(place, str(place.name), places, "destination")
    period_at, strange_periods = _positions(period, str(period.name), periods, "period")
    if found := [*findings, *strange_places, *strange_periods]:
        raise DataError(found)
    known = pd.MultiIndex.from_frame(cells[list(KEYS)])
    return known.get_indexer(pd.MultiIndex.from_product([places, periods]))[place_at * len(periods) + period_at]


def _beside(frame: Any, added: dict[str, NDArray[Any]]) -> Any:
    if isinstance(frame, Mapping):
        return {**frame, **added}
    wrapped = nw.from_native(frame)
    eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
    series = [nw.new_series(name, values, backend=eager.implementation) for name, values in added.items()]
    return eager.with_columns(series).to_native()


def _of(frame: pd.DataFrame, period: str | None, home: bool) -> pd.DataFrame:
    if period is not None and period not in period_labels():
        raise OptionError.of("period", period, period_labels())
    keep = np.full(len(frame), True)
    if period is not None:
        keep &= (frame["period"] == period).to_numpy()
    if not home:
        keep &= (frame["place"] != HOME).to_numpy()
    return frame[keep].reset_index(drop=True)


def _account(kinds: pd.Series) -> str:
    counts = kinds.value_counts()
    parts = ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in KINDS)
    return f"attributes of destinations, {len(kinds)} cells: {parts}"


def _assumed(names: Sequence[str], kinds: NDArray[Any]) -> list[str]:
    """One sentence on the assumed cells among (cells, names) kinds of sources; none where none is."""
    counts = (kinds == KINDS[-1]).sum(axis=0)
    parts = ", ".join(f"{name} in {count} of {len(kinds)}" for name, count in zip(names, counts, strict=True) if count)
    return [f"Assumed for illustration, by cells of place and period: {parts}."] if parts else []


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _taken(name: str) -> Finding:
    message = f"column {name!r} is in the data already; rename it, or name the others in attributes=[...]"
    return Finding("column_taken", message, column=name)


def _positions(
    series: pd.Series, column: str, known: Sequence[str], what: str
) -> tuple[NDArray[np.intp], list[Finding]]:
    """Position of each row's label among the known ones, and a finding for each label that is none of them."""
    encoded = encode(series, column)
    where = np.array([known.index(label) if label in known else -1 for label in encoded.labels] or [-1], dtype=np.intp)
    positions = np.where(encoded.codes < 0, -1, where[encoded.codes])
    findings = []
    for code in np.unique(encoded.codes[positions < 0]):
        rows = np.flatnonzero(encoded.codes == code)
        label = None if code < 0 else encoded.labels[code]
        said = "is missing" if code < 0 else f"is {label!r}"
        at = f"row {rows[0]}" if len(rows) == 1 else f"{len(rows)} rows, the first of them row {rows[0]}"
        message = f"column {column!r} {said} in {at} (counted from 0); {_way(label, known, what)}"
        findings.append(
            Finding(f"unknown_{what}", message, column=column, case=int(rows[0]), value=label, count=len(rows))
        )
    return positions, findings


def _way(label: Any, known: Sequence[str], what: str) -> str:
    if label is None:
        return f"every row needs a {what}: {', '.join(known)}"
    if what == "destination" and SEPARATOR in str(label):
        return "give the destination alone, as taxonomy.joint_alternatives() has it"
    return f"it is no {what} of the table: {hint(label, known)}"
