"""Draws of events from the true model: plain ones, and ones conditional on the published counts.

The number of events of a firm in a period is Poisson with a rate that depends on the period alone, and each event
chooses by the true model. The counts of all (firm, period, outcome) are then independent Poisson variables, so that,
given the number of events with an outcome, the firms behind them are multinomial with probabilities in proportion to
the model's: that is how the conditional draws are made, outcome by outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.relocation.survey.calibrate import Shift, calibrated, shifted
from relocchoice.relocation.survey.cells import MANUFACTURING, Floats, cells
from relocchoice.relocation.survey.counts import Outcome, outcomes, spread_over_classes
from relocchoice.relocation.survey.utilities import (
    Firms,
    Reach,
    Weights,
    probabilities,
    reach_without,
    weights,
    without,
)

NONE = -1
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events in order of firm and period, E of them.

    Attributes
    ----------
    firm, period : (E,) positions.
    cell : (E,) form and the place named first.
    second : (E,) the place named second, -1 for none.
    """

    firm: Codes
    period: Codes
    cell: Codes
    second: Codes


def plain_events(firms: Firms, rng: np.random.Generator) -> Events:
    """Events of the true model, without conditions."""
    shift = calibrated()
    return _ordered([_plain(firms, t, shift, rng) for t in range(len(shift.rate))], rng)


def _plain(firms: Firms, period: int, shift: Shift, rng: np.random.Generator) -> Events:
    space = cells()
    exists = np.flatnonzero(firms.founded <= period)
    firm = np.repeat(exists, rng.poisson(shift.rate[period], len(exists)))
    found = weights(shifted(firms.take(firm), period, shift))
    cell = _drawn(probabilities(found), rng)
    second = np.full(len(firm), NONE, dtype=np.intp)
    several = (space.form[cell] == MANUFACTURING) & (rng.random(len(firm)) < shift.second[period])
    for first in np.unique(space.place[cell[several]]):
        here = np.flatnonzero(several & (space.place[cell] == first))
        second[here] = _drawn(without(found.take(here), int(first)), rng)
    return Events(firm, np.full(len(firm), period, dtype=np.intp), cell, second)


def _drawn(shares: Floats, rng: np.random.Generator) -> Codes:
    """(n,) column drawn for each row, by inverting the distribution function."""
    heights = np.cumsum(shares, axis=1)
    point = rng.random(len(shares)) * heights[:, -1]
    codes: Codes = (heights <= point[:, None]).sum(axis=1)
    return codes


def conditional_events(firms: Firms, rng: np.random.Generator) -> Events:
    """Events given the published counts, scaled to the number of firms.

    Given are the numbers of events by period, form and set of places, and, of those outside Zhejiang, the numbers by
    class of assets.
    """
    shift = calibrated()
    found = {t: _Odds.of(firms, t, shift) for t in range(len(shift.rate))}
    asked = outcomes(len(firms.assets))
    classes = np.array([found[one.period].by_class(one) if one.outside else np.zeros(3) for one in asked])
    spread = spread_over_classes(asked, classes, rng)
    parts = []
    for one, counts in zip(asked, spread, strict=True):
        odds = found[one.period]
        weight = odds.of_outcome(one)
        for firm in odds.firms_of(weight, one, counts, rng):
            parts.append(odds.events(firm, one, rng))
    return _ordered(parts, rng)


@dataclass(frozen=True, slots=True, eq=False)
class _Odds:
    """Probabilities of one period for the m firms that exist.

    Attributes
    ----------
    period : its position; exists : (m,) positions of the firms; asset_class : (m,).
    first : (m, C) probabilities of form and first place.
    found : the exponentials behind them.
    later : what the second place's probabilities share, by the place named first.
    """

    period: int
    exists: Codes
    asset_class: NDArray[np.int8]
    first: Floats
    found: Weights
    later: Mapping[int, Reach]

    @classmethod
    def of(cls, firms: Firms, period: int, shift: Shift) -> _Odds:
        space = cells()
        exists = np.flatnonzero(firms.founded <= period)
        here = firms.take(exists)
        found = weights(shifted(here, period, shift))
        places = space.place[(space.form == MANUFACTURING) & space.available[period]]
        later = {int(place): reach_without(found, int(place)) for place in places}
        return cls(period, exists, here.asset_class, probabilities(found), found, later)

    def in_turn(self, one: Outcome, firm: Codes | slice) -> tuple[Floats, Floats]:
        """Probabilities, (m,) each, that two places are named in either order, given that two are named."""
        space = cells()
        nest = space.of(MANUFACTURING)
        cell = {int(space.place[c]): c for c in nest}
        pair = (int(space.place[one.cell]), one.second)

        def turn(before: int, after: int) -> Floats:
            follows: Floats = self.found.inside[firm, after] * self.later[before].of(after)[firm]
            return self.first[firm, cell[before]] * follows

        return turn(*pair), turn(*pair[::-1])

    def of_outcome(self, one: Outcome) -> Floats:
        """(m,) probability of an outcome, but for the chance that there is a second place."""
        if one.second == NONE:
            return self.first[:, one.cell]
        one_way, other_way = self.in_turn(one, slice(None))
        return one_way + other_way

    def by_class(self, one: Outcome) -> Floats:
        """(3,) expected events with an outcome by class of assets, up to a factor."""
        return np.bincount(self.asset_class, self.of_outcome(one), minlength=3).astype(np.float64)

    def firms_of(
        self, weight: Floats, one: Outcome, counts: NDArray[np.int64], rng: np.random.Generator
    ) -> Iterator[Codes]:
        """Positions (among the m) of the firms with an outcome; with a condition on the class, class by class."""
        groups = [(one.count, np.arange(len(weight)))]
        if one.outside:
            groups = [(int(count), np.flatnonzero(self.asset_class == c)) for c, count in enumerate(counts)]
        for count, members in groups:
            if count:
                heights = np.cumsum(weight[members])
                point = np.sort(rng.random(count)) * heights[-1]  # in order they are found many times faster
                yield members[np.searchsorted(heights, point, side="right")]

    def events(self, firm: Codes, one: Outcome, rng: np.random.Generator) -> Events:
        """Events of these firms with an outcome; which of two places is named first is drawn."""
        space = cells()
        cell = np.full(len(firm), one.cell, dtype=np.intp)
        second = np.full(len(firm), one.second, dtype=np.intp)
        if one.second != NONE:
            one_way, other_way = self.in_turn(one, firm)
            turned = rng.random(len(firm)) * (one_way + other_way) >= one_way
            nest = space.of(MANUFACTURING)
            cell[turned] = nest[np.flatnonzero(space.place[nest] == one.second)[0]]
            second[turned] = space.place[one.cell]
        return Events(self.exists[firm], np.full(len(firm), self.period, dtype=np.intp), cell, second)


def _ordered(parts: list[Events], rng: np.random.Generator) -> Events:
    """All events by firm and period; those of a firm in one period in random order."""
    firm, period, cell, second = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("firm", "period", "cell", "second")
    )
    order = np.argsort(4.0 * firm + period + rng.random(len(firm)))
    return Events(firm[order], period[order], cell[order], second[order])
