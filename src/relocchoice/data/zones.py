"""Zones and the firms that chose among them: counted at once, so that no table of firms x zones is ever made."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.assemble import loss_note
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.counts import convert_counts
from relocchoice.data.draft import Missing, require_option, unique_name
from relocchoice.data.frames import Columns, missing_values, pick, read_frame
from relocchoice.data.labels import encode, encode_canonical, plain_label, show, show_some
from relocchoice.data.shared import alike
from relocchoice.errors import DataError, Finding

Ints = NDArray[np.intp]
ONE_COLUMN = "chosen"
SPREAD = 100


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """The table of zones.

    Attributes
    ----------
    columns : all its columns, J rows.
    name : the column of the labels.
    labels : (J,) in canonical order.
    codes : (J,) label of each row.
    """

    columns: Columns
    name: str
    labels: pd.Index
    codes: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """How often each kind of firm chose each zone.

    Attributes
    ----------
    counts : (C, J) float64, zones in the order of the table's rows; missing values stay NaN.
    cells : name -> (C,) values of the columns that tell the kinds apart.
    notes : what was left out.
    """

    counts: NDArray[np.float64]
    cells: Mapping[str, pd.Series]
    notes: tuple[str, ...] = ()


def convert_zones(
    zones: Any,
    *,
    zone: str,
    chosen: Any = None,
    firms: Any = None,
    by: str | Sequence[str] | None = None,
    count: str | None = None,
    available: str | None = None,
    missing: Missing = "error",
) -> ChoiceData:
    """Count the choices and make data of them; see :meth:`ChoiceData.from_zones`."""
    require_option("missing", missing, get_args(Missing))
    table = _read_zones(read_frame(zones), zone)
    if (chosen is None) == (count is None):
        raise DataError(
            "say what was chosen once: chosen= (one zone a firm) or count= (a column of zones= with the firms in each)"
        )
    if count is not None:
        if firms is not None or by is not None:
            raise DataError("count= counts the firms of each zone already: leave out firms= and by=, or give chosen=")
        tally = Tally(_given_counts(table, count)[None, :], {})
    else:
        tally = _counted(table, _read_firms(chosen, firms, by), missing)
    return _as_data(table, tally, count, available)


# -------------------------------------------------------------------------------------------------------- the zones


def _read_zones(columns: Columns, name: str) -> Zones:
    series = columns.get(name, "zone")
    if columns.n_rows < 2:
        raise DataError(f"the table of zones has {columns.n_rows} rows: a choice is among two zones or more")
    found = encode_canonical(series, name)
    findings = []
    absent = np.flatnonzero(found.codes < 0)
    if len(absent):
        message = f"column {name!r} of the zones has no label in {len(absent)} rows, the first is row {absent[0]}"
        findings.append(Finding("zone_missing", f"{message}: give each zone one", column=name, count=len(absent)))
    rows = np.bincount(found.codes[found.codes >= 0], minlength=len(found.labels))
    twice = np.flatnonzero(rows > 1)
    if len(twice):
        message = (
            f"column {name!r} of the zones has {show_some(found.labels[twice])} in several rows: keep one row a zone, "
            "with its attributes"
        )
        findings.append(
            Finding(
                "duplicate", message, column=name, alternative=plain_label(found.labels[twice[0]]), count=len(twice)
            )
        )
    if findings:
        raise DataError(findings)
    return Zones(columns, name, found.labels, found.codes)


def _given_counts(table: Zones, count: str) -> NDArray[np.float64]:
    series = table.columns.get(count, "count")
    if count == table.name:
        raise DataError(f"count={show(count)} is the column of the zones' labels: name the column of the counts")
    if not pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError([Finding("count_invalid", f"count column {count!r} does not hold numbers", column=count)])
    return series.to_numpy(dtype=np.float64)


# -------------------------------------------------------------------------------------------------------- the firms


@dataclass(frozen=True, slots=True, eq=False)
class _Firms:
    """(n,) zone of each firm, the column it stands in, and the columns that tell kinds of firms apart."""

    chosen: pd.Series
    column: str
    by: Mapping[str, pd.Series]


def _read_firms(chosen: Any, firms: Any, by: str | Sequence[str] | None) -> _Firms:
    names = [by] if isinstance(by, str) else list(by or ())
    if firms is None:
        if names:
            raise DataError(f"by={show(by)} names columns of firms=: give the firms as a table, chosen= as its column")
        if isinstance(chosen, str):
            raise DataError(f"chosen={show(chosen)} names a column of firms=: give that table, or one zone a firm")
        return _Firms(read_frame({ONE_COLUMN: chosen}).by_name[ONE_COLUMN], ONE_COLUMN, {})
    if not isinstance(chosen, Hashable):
        raise DataError("with firms= the zones stand in one of its columns: chosen= is the name of that column")
    columns = read_frame(firms)
    if chosen in names:
        raise DataError(f"by= names {show(chosen)}, the column of the chosen zones")
    return _Firms(columns.get(chosen, "chosen"), str(chosen), {name: columns.get(name, "by") for name in names})


def _counted(table: Zones, firms: _Firms, missing: Missing) -> Tally:
    quick = None if firms.by else _whole_numbers(table, firms.chosen)
    if quick is not None:
        return Tally(quick[None, :], {})
    n = len(firms.chosen)
    found = encode(firms.chosen, firms.column)
    lost = {firms.column: found.codes < 0}
    lost |= {name: missing_values(series) for name, series in firms.by.items()}
    lost = {name: mask for name, mask in lost.items() if mask.any()}
    gone = np.logical_or.reduce([np.zeros(n, dtype=bool), *lost.values()])
    kept = found.codes[~gone] if lost else found.codes
    row = _row_of_zone(table)[_position(table, found.labels)]
    chosen = np.bincount(kept, minlength=len(found.labels))
    findings = [] if missing == "drop" else [_missing(name, mask) for name, mask in lost.items()]
    findings += _unknown(table, firms, found.labels, chosen, row)
    if not findings and gone.all():
        findings.append(
            Finding("empty", f"no firm is left: all {n} have a missing value" if n else "there are no firms")
        )
    if findings:
        raise DataError(findings)
    notes = (loss_note("firm", int(gone.sum()), n, {k: int(mask.sum()) for k, mask in lost.items()}),) if lost else ()
    width = len(table.codes)
    if not firms.by:
        here = chosen > 0
        counts = np.zeros((1, width))
        counts[0, row[here]] = chosen[here]
        return Tally(counts, {}, notes)
    cell, cells = _cells({name: pick(series, np.flatnonzero(~gone)) for name, series in firms.by.items()}, len(kept))
    kinds = int(cell.max(initial=0)) + 1
    counts = np.bincount(cell * width + row[kept], minlength=kinds * width).astype(np.float64)
    return Tally(counts.reshape(kinds, width), cells, notes)


def _whole_numbers(table: Zones, chosen: pd.Series) -> NDArray[np.float64] | None:
    """(J,) counts of zones that whole numbers name, without hashing; None where they do not, or not so closely."""
    labels = table.labels.to_numpy()
    if chosen.dtype.kind not in "iu" or labels.dtype.kind not in "iu" or not len(chosen):
        return None
    low, high = int(labels.min()), int(labels.max())
    values = chosen.to_numpy()
    if high - low > SPREAD * len(labels) or int(values.min()) < low or int(values.max()) > high:
        return None
    counts = np.bincount(values - low, minlength=high - low + 1)
    found = counts[labels - low]
    return found[table.codes].astype(np.float64) if found.sum() == len(values) else None


def _position(table: Zones, labels: pd.Index) -> Ints:
    """Position of each label among the zones', -1 where there is none; a number is not the text that looks like it."""
    where = {label: position for position, label in enumerate(table.labels.tolist())}
    return np.array([where.get(label, -1) for label in labels.tolist()], dtype=np.intp)


def _row_of_zone(table: Zones) -> Ints:
    """Label code -> row of the table; -1, put last, stays -1."""
    out = np.full(len(table.labels) + 1, -1, dtype=np.intp)
    out[table.codes] = np.arange(len(table.codes))
    return out


def _missing(name: str, mask: NDArray[np.bool_]) -> Finding:
    message = (
        f"column {name!r} of the firms is missing for {int(mask.sum())} of {len(mask)} firms, the first is row "
        f"{int(mask.argmax())}: fill it in, or leave these firms out with missing='drop'"
    )
    return Finding("missing", message, column=name, count=int(mask.sum()))


def _unknown(table: Zones, firms: _Firms, labels: pd.Index, counts: Ints, row: Ints) -> list[Finding]:
    """Zones that firms chose but the table does not have."""
    strange = np.flatnonzero((row < 0) & (counts > 0))
    if not len(strange):
        return []
    texts = {str(label) for label in table.labels}
    way_out = ": add their rows, or leave these firms out"
    if all(str(labels[int(k)]) in texts for k in strange):
        way_out = f"; they only look like labels such as {show(table.labels[0])}: convert one of the columns"
    message = (
        f"column {firms.column!r} of the firms has {show_some(labels[strange])}, chosen by "
        f"{int(counts[strange].sum())} firms, which column {table.name!r} of the zones does not have{way_out}"
    )
    first = plain_label(labels[int(strange[0])])
    return [Finding("unknown_zone", message, column=firms.column, alternative=first, count=len(strange))]


def _cells(by: Mapping[str, pd.Series], n: int) -> tuple[Ints, dict[str, pd.Series]]:
    """(n,) kind of each firm, and the values of each kind."""
    cell = np.zeros(n, dtype=np.intp)
    for name, series in by.items():
        part = encode(series, name)
        cell = pd.factorize(cell.astype(np.int64) * (len(part.labels) + 1) + part.codes)[0].astype(np.intp)
    first = np.full(int(cell.max(initial=0)) + 1, n, dtype=np.intp)
    np.minimum.at(first, cell, np.arange(n))
    return cell, {name: pick(series, first) for name, series in by.items()}


# --------------------------------------------------------------------------------------------------------- together


def _as_data(table: Zones, tally: Tally, count: str | None, available: str | None) -> ChoiceData:
    """The table of kinds x zones read as counts."""
    kinds, width = tally.counts.shape
    clash = [name for name in tally.cells if name in table.columns.by_name]
    if clash:
        raise DataError(f"column {clash[0]!r} is both in zones= and in by=: rename one of the two")
    rows = np.tile(np.arange(width, dtype=np.intp), kinds)
    attributes = {str(name): pick(series, rows) for name, series in table.columns.by_name.items() if name != count}
    attributes[table.name] = pd.Series(pd.Categorical.from_codes(table.codes[rows], categories=table.labels))
    cells = {name: pick(series, np.repeat(np.arange(kinds), width)) for name, series in tally.cells.items()}
    name = count or unique_name("firms", {**attributes, **cells})
    data = convert_counts(
        {**attributes, **cells, name: tally.counts.ravel()},
        count=name,
        alternative=table.name,
        cell=list(cells),
        available=available,
    ).settled()
    return alike(data, notes=(*tally.notes, *data.notes)) if tally.notes else data
