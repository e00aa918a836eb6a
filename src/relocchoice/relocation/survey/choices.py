"""Choices of a synthetic survey in long form: one row an event and available alternative, made without loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, OptionError
from relocchoice.relocation.survey import truth
from relocchoice.relocation.survey.cells import IN_SITE, MANUFACTURING, SHORT, Floats, cells, coded, offers
from relocchoice.relocation.survey.firms import block
from relocchoice.relocation.survey.truth import LEVELS, SHIFT, Level
from relocchoice.relocation.taxonomy import HOME, destination_labels, form_labels, period_labels

if TYPE_CHECKING:
    from relocchoice.relocation.survey.record import Survey

Codes = NDArray[np.intp]
FIRM_COLUMNS = ("town", "sector", "assets", "output", "founded", "ownership", "local_ties", "group_member")


def choice_data(survey: Survey, level: Level) -> ChoiceData:
    """See :meth:`Survey.choice_data`."""
    if level not in LEVELS:
        raise OptionError.of("level", level, ", ".join(LEVELS))
    frame = {"joint": _joint, "form": _form, "destination": _destination}[level](survey)
    if not len(frame):
        raise DataError(f"level={level!r}: the survey of {len(survey.firms)} firms has no such event; simulate more")
    frame.attrs["provenance"] = survey.provenance.line
    return ChoiceData.from_long(
        frame,
        case="named_place" if level == "destination" else "event",
        alternative="alternative",
        chosen="chosen",
        unit="firm",
        single_alternative="drop",
    )


def _joint(survey: Survey) -> pd.DataFrame:
    space = cells()
    events = survey.events
    first = survey.destinations.query("named == 1")
    place = np.full(len(events), -1)
    place[first["event"].to_numpy() - 1] = first["place"].cat.codes
    form = events["form"].cat.codes.to_numpy()
    lookup = {(f, -1 if f == IN_SITE else p): c for c, (f, p) in enumerate(zip(space.form, space.place, strict=True))}
    taken = np.zeros((len(form_labels()), len(destination_labels()) + 1), dtype=np.intp)
    for (f, p), c in lookup.items():
        taken[f, p] = c
    return _rows(survey, np.arange(len(events)), taken[form, place], space.available, space.labels, "event")


def _destination(survey: Survey) -> pd.DataFrame:
    """One case a place named by a manufacturing relocation; at the second, the first is no longer there."""
    space = cells()
    own = space.of(MANUFACTURING)
    named = survey.destinations
    form = survey.events["form"].cat.codes.to_numpy()
    named = named[form[named["event"].to_numpy() - 1] == MANUFACTURING].reset_index(drop=True)
    cell_of = np.full(len(destination_labels()), -1)
    cell_of[space.place[own]] = own
    cell = cell_of[named["place"].cat.codes]
    available = np.zeros_like(space.available)
    available[:, own] = space.available[:, own]
    places = destination_labels()
    labels = tuple(places[place] for place in space.place)
    frame = _rows(survey, named["event"].to_numpy() - 1, cell, available, labels, "named_place")
    frame[SHIFT] /= truth.LAMBDA_FORM
    second = named["named"].to_numpy() == 2
    before = np.where(second, np.roll(cell, 1), -1)[frame["named_place"].to_numpy() - 1]
    return frame[frame.pop("cell").to_numpy() != before].reset_index(drop=True) if len(frame) else frame


def _rows(
    survey: Survey, event: Codes, cell: Codes, available: NDArray[np.bool_], labels: tuple[str, ...], case: str
) -> pd.DataFrame:
    """Rows of cases: event (n,) each belongs to, cell (n,) it took, available (T, C) by period."""
    period: Any = survey.events["period"].cat.codes.to_numpy(np.intp)[event]
    firm = survey.events["firm"].to_numpy()[event] - 1
    parts = []
    for t in range(len(available)):
        at = np.flatnonzero(period == t)
        here = np.flatnonzero(available[t])
        if len(at) and len(here):
            parts.append((np.repeat(at, len(here)), np.tile(here, len(at))))
    if not parts:
        return pd.DataFrame()
    at, option = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(at, kind="stable")
    at, option = at[order], option[order]
    return pd.DataFrame(
        {
            case: at + 1,
            "firm": firm[at] + 1,
            "period": coded(period[at], period_labels()),
            "alternative": _labelled(option, labels),
            "chosen": option == cell[at],
            **_columns(survey, firm[at], period[at], option),
            **_firm_columns(survey, firm[at]),
            **({"cell": option} if case == "named_place" else {}),
        }
    )


def _labelled(option: Codes, labels: tuple[str, ...]) -> pd.Categorical:
    """The labels of the cells; several cells may share one, of which only one is ever available."""
    used = list(dict.fromkeys(labels))
    position = np.array([used.index(label) for label in labels])
    present = np.unique(position[option])
    recode = np.full(len(used), -1)
    recode[present] = np.arange(len(present))
    return coded(recode[position[option]], [used[k] for k in present])


def _columns(survey: Survey, firm: Codes, period: Codes, option: Codes) -> dict[str, object]:
    """What differs between the alternatives; on the own site there are no kin, and the quote is the township's."""
    space, offer = cells(), offers()
    width, place, form = len(destination_labels()), space.place[option], space.form[option]
    ties = survey.ties
    kin, quote = (ties[name].to_numpy().reshape(-1, width)[firm, place] for name in ("kin", "quote"))
    indicators = {short: (form == code).astype(np.int8) for code, short in enumerate(SHORT) if code != IN_SITE}
    names = [*destination_labels(), HOME]
    return {
        "form": coded(form, form_labels()),
        "place": coded(np.where(form == IN_SITE, width, place), names),
        "land_price": offer.land_price[period, option] * quote,
        "policy": offer.policy[period, option],
        "distance": offer.distance[period, option],
        "kin": np.where(form == IN_SITE, 0, kin),
        "beyond": (space.beyond[place] & (form != IN_SITE)).astype(np.int8),
        **indicators,
        SHIFT: _shift(survey, firm, period, option),
    }


def _shift(survey: Survey, firm: Codes, period: Codes, option: Codes) -> Floats:
    """The known constants, looked up by period, cell and class of assets."""
    space, table = cells(), survey.truth.shift
    classes = block("assets")[0]
    values = np.zeros((len(period_labels()), len(space.labels), len(classes)))
    at = (
        table["period"].map(list(period_labels()).index),
        table["alternative"].map(space.labels.index),
        table["assets"].map(classes.index),
    )
    values[tuple(part.to_numpy() for part in at)] = table[SHIFT]
    code = np.searchsorted((40, 400.5), survey.firms["assets"], side="right")
    found: Floats = values[period, option, code[firm]]
    return found


def _firm_columns(survey: Survey, firm: Codes) -> dict[str, object]:
    taken = survey.firms[list(FIRM_COLUMNS)].take(firm)
    return {name: taken[name].array for name in FIRM_COLUMNS}


def _form(survey: Survey) -> pd.DataFrame:
    """One row an event and form that the period has."""
    events = survey.events
    period, form = (events[name].cat.codes.to_numpy() for name in ("period", "form"))
    firm = events["firm"].to_numpy() - 1
    exists = cells().events > 0
    at, option = np.nonzero(exists[period])
    return pd.DataFrame(
        {
            "event": at + 1,
            "firm": firm[at] + 1,
            "period": coded(period[at], period_labels()),
            "alternative": coded(option, form_labels()),
            "chosen": option == form[at],
            **_firm_columns(survey, firm[at]),
        }
    )
