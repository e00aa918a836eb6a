"""The alternatives of the simulated choice: each form with each place that Table 6 ever names for it.

A cell that the table leaves empty is in no simulated choice set: a finite utility would give it a positive expected
count. That it was possible is not denied; a table of counts cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.relocation.attributes import destination_attributes
from relocchoice.relocation.seed_checks import destinations_by_form, events_by_form
from relocchoice.relocation.taxonomy import (
    DESTINATIONS,
    HOME,
    destination_labels,
    form_labels,
    joint_alternatives,
    period_labels,
)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

IN_SITE, ENTIRE, MANUFACTURING, RESEARCH, HEADQUARTERS = range(5)
SHORT = ("in_site", "entire", "manufacturing", "rd", "hq")
NEAR = ("township", "county seat", "Wenzhou")
ON_SITE = "township"


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The alternatives of the joint choice, C cells, P places, T periods.

    Attributes
    ----------
    labels : (C,) labels of the alternatives.
    form : (C,) positions in the forms.
    place : (C,) positions in the destinations; an expansion on the own site is taken to be in a township.
    available : (T, C) whether the published tables count any in the period.
    named : (T, C) published destinations; of the expansions on site their number.
    events : (T, F) published events by form.
    beyond : (P,) whether the place lies outside Zhejiang.
    near : (P,) whether it lies in Wenzhou.
    """

    labels: tuple[str, ...]
    form: NDArray[np.intp]
    place: NDArray[np.intp]
    available: NDArray[np.bool_]
    named: Counts
    events: Counts
    beyond: NDArray[np.bool_]
    near: NDArray[np.bool_]

    def of(self, form: int) -> NDArray[np.intp]:
        """Positions of the cells of a form."""
        return np.flatnonzero(self.form == form)

    def extras(self, period: int) -> int:
        """Published manufacturing destinations of a period beyond one a relocation."""
        return int(self.named[period, self.of(MANUFACTURING)].sum() - self.events[period, MANUFACTURING])


@cache
def cells() -> Cells:
    """The cells, from Tables 4 and 6."""
    periods, forms, places = period_labels(), form_labels(), destination_labels()
    events = events_by_form().loc[list(periods)].to_numpy(np.int64)
    blocks = named_by_place()
    blocks[:, IN_SITE, places.index(ON_SITE)] = events[:, IN_SITE]
    form, place = np.nonzero(blocks.sum(axis=0))
    named = blocks[:, form, place]
    return Cells(
        labels=tuple(_label(forms[f], HOME if f == IN_SITE else places[p]) for f, p in zip(form, place, strict=True)),
        form=form,
        place=place,
        available=named > 0,
        named=named,
        events=events,
        beyond=np.array([place.within == "China" for place in DESTINATIONS]),
        near=np.array([place in NEAR for place in places]),
    )


def _label(form: str, destination: str) -> str:
    return next(one.label for one in joint_alternatives() if (one.form, one.destination) == (form, destination))


def named_by_place() -> Counts:
    """(T, F, P) published destinations by period, form and place."""
    forms, places = form_labels(), destination_labels()
    return np.stack([_block(period, forms, places) for period in period_labels()])


def _block(period: str, forms: tuple[str, ...], places: tuple[str, ...]) -> Counts:
    """(F, P) destinations of one block of Table 6; zeros where it has no row."""
    wide = destinations_by_form(period).reindex(index=list(forms), columns=list(places), fill_value=0)
    return wide.fillna(0).to_numpy(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """What the place of each cell offers, (T, C) each: land price in yuan a mu, policy zone, distance in km."""

    land_price: Floats
    policy: Floats
    distance: Floats


@cache
def offers() -> Offers:
    """The columns of the destination attributes that the true utilities use; on the own site those of home."""
    space, periods, labels = cells(), list(period_labels()), destination_labels()
    named = [HOME if f == IN_SITE else labels[p] for f, p in zip(space.form, space.place, strict=True)]
    table = destination_attributes(home=True)

    def wide(column: str) -> Floats:
        grid = table.pivot_table(index="period", columns="place", values=column, aggfunc="first")
        return grid.loc[periods, named].to_numpy(np.float64)

    return Offers(wide("land_price"), wide("policy"), wide("distance"))


def coded(codes: Any, labels: Sequence[str]) -> Any:
    """A categorical of labels, by their positions."""
    labelled: Any = pd.Categorical.from_codes(codes, pd.Index(labels))
    return labelled
