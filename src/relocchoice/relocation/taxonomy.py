"""Forms, destinations and periods of relocation as data: which there are, in which order, how they belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relocchoice.errors import OptionError

Area = Literal["Yueqing", "Zhejiang", "China"]
AREAS: tuple[Area, ...] = ("Yueqing", "Zhejiang", "China")


@dataclass(frozen=True, slots=True)
class Form:
    """One form of spatial expansion.

    Attributes
    ----------
    label : as the seed tables have it.
    title : as a table head.
    relocation : False for an expansion on the firm's own site.
    partial : True where a part of the firm moves and the rest stays.
    """

    label: str
    title: str
    relocation: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination of Table 6.

    Attributes
    ----------
    label : as the seed tables have it.
    title : as a table head.
    within : the smallest of the areas Yueqing, Zhejiang, China that holds it; Yueqing lies in Zhejiang.
    kind : "local", "city" (a globalizing city), "coast" or "interior".
    """

    label: str
    title: str
    within: Area
    kind: Literal["local", "city", "coast", "interior"]


@dataclass(frozen=True, slots=True)
class Period:
    """A period of the survey, first and last year included."""

    label: str
    first: int
    last: int

    @property
    def years(self) -> int:
        """How many years the period has: the exposure of its counts."""
        return self.last - self.first + 1


FORMS = (
    Form("in-site", "In-site expansion", relocation=False, partial=False),
    Form("entire enterprise", "Entire enterprise", relocation=True, partial=False),
    Form("manufacturing facility", "Manufacturing facility", relocation=True, partial=True),
    Form("R&D", "R&D", relocation=True, partial=True),
    Form("headquarters", "Headquarters", relocation=True, partial=True),
)

# Hangzhou is Zhejiang's capital, although one passage of the source lists it among the destinations outside it.
DESTINATIONS = (
    Destination("township", "Town/Township", "Yueqing", "local"),
    Destination("county seat", "County seat", "Yueqing", "local"),
    Destination("Wenzhou", "Wenzhou", "Zhejiang", "local"),
    Destination("Hangzhou", "Hangzhou", "Zhejiang", "city"),
    Destination("Shanghai", "Shanghai", "China", "city"),
    Destination("Beijing", "Beijing", "China", "city"),
    Destination("coastal", "Coastal", "China", "coast"),
    Destination("interior", "Interior", "China", "interior"),
)

PERIODS = (Period("1980s", 1980, 1989), Period("1990s", 1990, 1999), Period("2000-2003", 2000, 2003))


def form_labels(*, relocations_only: bool = False) -> tuple[str, ...]:
    """Labels of the forms in table order, with or without the expansion on the own site."""
    return tuple(form.label for form in FORMS if form.relocation or not relocations_only)


def period_labels() -> tuple[str, ...]:
    """Labels of the periods in order of time."""
    return tuple(period.label for period in PERIODS)


def destination_labels(within: Area = "China") -> tuple[str, ...]:
    """Labels of the destinations inside an area, in table order.

    Raises
    ------
    OptionError
        If there is no such area.
    """
    if within not in AREAS:
        raise OptionError.of("within", within, AREAS)
    inside = AREAS[: AREAS.index(within) + 1]
    return tuple(destination.label for destination in DESTINATIONS if destination.within in inside)


def destination_nests(by: Literal["within", "kind"] = "kind") -> dict[str, list[str]]:
    """Destinations grouped into nests, ready for a nested logit.

    Parameters
    ----------
    by : "within" groups by area (Yueqing, the rest of Zhejiang, the rest of China), "kind" by kind of place.

    Raises
    ------
    OptionError
        If ``by`` is neither.
    """
    if by not in ("within", "kind"):
        raise OptionError.of("by", by, ("within", "kind"))
    nests: dict[str, list[str]] = {}
    for destination in DESTINATIONS:
        nests.setdefault(getattr(destination, by), []).append(destination.label)
    return nests
