"""Published counts against those of a synthetic survey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relocchoice.data.provenance import begun
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.survey.cells import cells, named_by_place
from relocchoice.relocation.survey.firms import BLOCKS, block
from relocchoice.relocation.taxonomy import destination_labels, form_labels, period_labels
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.relocation.survey.record import Survey

# where the classes of values part; at or above the bound belongs to the upper class
_BOUNDS = {"assets": (40, 400.5), "output": (5, 100.05), "sales": (5, 100.05), "initial_capital": (0.5, 1.005)}


def margins_frame(survey: Survey) -> pd.DataFrame:
    """See :meth:`Survey.margins`."""
    firms, events, destinations = survey.firms, survey.events, survey.destinations
    parts = [*_profiles(firms), *_events(events), *_interprovincial(firms, events, destinations)]
    parts += _destinations(events, destinations)
    frame = pd.DataFrame(parts, columns=["table", "block", "category", "published", "simulated"])
    scale = len(firms) / int(block("assets")[1].sum())
    frame.insert(4, "expected", frame["published"] * scale)
    frame.attrs["provenance"] = survey.provenance.line
    return frame


Row = tuple[int, str, str, int, int]


def _profiles(firms: pd.DataFrame) -> list[Row]:
    rows = []
    code: Any
    for name, (table, printed) in BLOCKS.items():
        categories, counts = block(name)
        if name in _BOUNDS:
            code = np.searchsorted(_BOUNDS[name], firms[name], side="right")
        else:
            code = firms[name].cat.codes.to_numpy(np.intp)
        found = np.bincount(code, minlength=len(categories))
        rows += [
            (table, printed, category, int(count), int(drawn))
            for category, count, drawn in zip(categories, counts, found, strict=True)
        ]
    return sorted(rows, key=lambda row: row[0])


def _events(events: pd.DataFrame) -> list[Row]:
    published = cells().events
    at = (events["period"].cat.codes, events["form"].cat.codes)
    found = np.zeros_like(published)
    np.add.at(found, at, 1)
    return [
        (4, period, form, int(published[t, f]), int(found[t, f]))
        for t, period in enumerate(period_labels())
        for f, form in enumerate(form_labels())
    ]


def _interprovincial(firms: pd.DataFrame, events: pd.DataFrame, destinations: pd.DataFrame) -> list[Row]:
    """Relocations (not destinations) with a place outside Zhejiang, by class of assets."""
    inside = destination_labels("Zhejiang")
    away = np.unique(destinations.loc[~destinations["place"].isin(inside), "event"])
    firm = events["firm"].to_numpy()[away - 1]
    code = np.searchsorted(_BOUNDS["assets"], firms["assets"].to_numpy()[firm - 1], side="right")
    found = np.bincount(code, minlength=3)
    table = seed_table(5)
    return [
        (5, "interprovincial relocations by total assets", label, int(count), int(drawn))
        for label, count, drawn in zip(table["assets"], table["count"], found, strict=True)
    ]


def _destinations(events: pd.DataFrame, destinations: pd.DataFrame) -> list[Row]:
    at = destinations["event"].to_numpy() - 1
    period, form = (events[name].cat.codes.to_numpy()[at] for name in ("period", "form"))
    place = destinations["place"].cat.codes.to_numpy()
    shape = (len(period_labels()), len(form_labels()), len(destination_labels()))
    found = np.bincount(np.ravel_multi_index((period, form, place), shape), minlength=int(np.prod(shape)))
    found = found.reshape(shape)
    published = named_by_place()
    rows = []
    for t, label in enumerate(period_labels()):
        for f, form_label in enumerate(form_labels()):
            for p, place_label in enumerate(destination_labels()):
                category = f"{form_label}, {place_label}"
                rows.append((6, label, category, int(published[t, f, p]), int(found[t, f, p])))
    return rows


def margins_table(survey: Survey) -> Table:
    """See :meth:`Survey.summary`; cells of Table 6 that are empty in both are left out."""
    frame = margins_frame(survey)
    shown = frame[(frame["table"] != 6) | (frame["published"] > 0) | (frame["simulated"] > 0)]
    rows: list[tuple[str, ...]] = []
    for (table, head), lines in shown.groupby(["table", "block"], sort=False):
        rows.append((f"Table {table}, {head}",))
        rows += [
            (str(one.category), str(one.published), f"{one.expected:,.1f}", f"{one.simulated:,}")
            for one in lines.itertuples()
        ]
    return Table(
        title=begun(survey.provenance.line, "Margins of a synthetic survey"),
        columns=("", "published", "in proportion", "simulated"),
        rows=tuple(rows),
        notes=(survey.provenance.note,),
    )
