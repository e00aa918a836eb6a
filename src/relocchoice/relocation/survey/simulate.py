"""Synthetic surveys: firms, then events, as frames."""

from __future__ import annotations

from numbers import Integral
from typing import get_args

import numpy as np
import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.relocation.provenance import SIMULATED, Provenance
from relocchoice.relocation.survey.calibrate import Shift, calibrated
from relocchoice.relocation.survey.cells import IN_SITE, cells, coded
from relocchoice.relocation.survey.events import NONE, Events, conditional_events, plain_events
from relocchoice.relocation.survey.firms import Drawn, Margins, block, draw_firms
from relocchoice.relocation.survey.record import Survey
from relocchoice.relocation.survey.truth import SHIFT, Truth
from relocchoice.relocation.taxonomy import destination_labels, form_labels, period_labels

FEWEST, MOST = 20, 10_000_000
NOTES = {
    "exact": "No firm of it exists. The counts of events by period, form and set of places, and by class of assets "
    "outside Zhejiang, are fixed at the published ones (scaled to the number of firms); given them, firms are drawn by "
    "the stated model. Standard errors of a model take no account of the fixed counts.",
    "expected": "No firm of it exists. Firms, events and places are plain draws of the stated model; its expected "
    "margins are the published ones, the drawn margins vary around them.",
}


def simulate_survey(n_firms: int = 95, seed: int = 0, *, margins: Margins = "exact") -> Survey:
    """A survey of firms that do not exist, with the margins of the published one.

    Parameters
    ----------
    n_firms : 20 to 10,000,000; the published survey has 95.
    seed : of the random numbers; the same seed gives the same survey.
    margins : ``"exact"``: the counts of Tables 1, 2, 4, 5 and 6, at another number of firms in proportion and rounded
        to whole numbers; the draws are conditional on them. ``"expected"``: plain draws of the stated model, whose
        expected margins are the published shares; for studies of estimators.

    Returns
    -------
    Survey

    Raises
    ------
    OptionError
        For a number of firms or a seed that is not a whole number in its range, or other margins.

    Notes
    -----
    Where two published margins cannot both hold as printed: all blocks of Tables 1 and 2 have 95 firms, not the text's
    94. The lowest output class is read as below 5, its values start at the sampling frame's 0.5. The middle class of
    assets ends at 390 and the largest starts above 400, which both tables' words allow. Table 5 counts relocations,
    Table 6 destinations: both hold, because six relocations name two places outside Zhejiang. The text's counts of
    firms (30 outside Zhejiang, 27 in Shanghai) are not matched.

    Examples
    --------
    >>> survey = simulate_survey(95, seed=1)
    >>> len(survey.firms), len(survey.events), len(survey.destinations)
    (95, 183, 165)
    """
    check_whole("n_firms", n_firms, FEWEST, MOST)
    check_whole("seed", seed, 0, 2**63 - 1)
    if margins not in get_args(Margins):
        raise OptionError.of("margins", margins, ", ".join(get_args(Margins)))
    rng = np.random.default_rng(int(seed))
    drawn = draw_firms(int(n_firms), rng, margins)
    events = (conditional_events if margins == "exact" else plain_events)(drawn.firms, rng)
    provenance = Provenance(SIMULATED, int(n_firms), int(seed), margins, NOTES[margins])
    frames = {
        "firms": drawn.frame,
        "events": _event_frame(events),
        "destinations": _destination_frame(events),
        "ties": _tie_frame(drawn),
    }
    for frame in frames.values():
        frame.attrs["provenance"] = provenance.line
    return Survey(**frames, truth=Truth(_shift_frame(calibrated()), provenance.line), provenance=provenance)


def check_whole(name: str, value: object, least: int, most: int) -> None:
    """Refuse what is no whole number in a range.

    Raises
    ------
    OptionError
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise OptionError.of(name, value, f"a whole number from {least:,} to {most:,}")


def _event_frame(events: Events) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "event": np.arange(1, len(events.firm) + 1),
            "firm": events.firm + 1,
            "period": coded(events.period, period_labels()),
            "form": coded(cells().form[events.cell], form_labels()),
        }
    )


def _destination_frame(events: Events) -> pd.DataFrame:
    """One row an event and place, in the order in which they are named; expansions on the own site have none."""
    space = cells()
    moves = np.flatnonzero(space.form[events.cell] != IN_SITE)
    twice = np.flatnonzero(events.second != NONE)
    event = np.concatenate([moves, twice])
    place = np.concatenate([space.place[events.cell[moves]], events.second[twice]])
    named = np.concatenate([np.ones(len(moves), dtype=np.int8), np.full(len(twice), 2, dtype=np.int8)])
    order = np.lexsort((named, event))
    return pd.DataFrame(
        {
            "event": event[order] + 1,
            "place": coded(place[order], destination_labels()),
            "named": named[order],
        }
    )


def _tie_frame(drawn: Drawn) -> pd.DataFrame:
    """One row a firm and place."""
    n, width = drawn.firms.kin.shape
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(1, n + 1), width),
            "place": coded(np.tile(np.arange(width, dtype=np.int8), n), destination_labels()),
            "kin": drawn.firms.kin.ravel(),
            "quote": drawn.firms.quote.ravel(),
        }
    )


def _shift_frame(shift: Shift) -> pd.DataFrame:
    space = cells()
    outside = space.beyond[space.place]
    classes = block("assets")[0]
    rows = [
        (period, space.labels[cell], label, shift.cell[t, cell] + outside[cell] * shift.beyond[c])
        for t, period in enumerate(period_labels())
        for cell in np.flatnonzero(space.available[t])
        for c, label in enumerate(classes)
    ]
    return pd.DataFrame(rows, columns=["period", "alternative", "assets", SHIFT])
