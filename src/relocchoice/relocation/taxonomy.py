"""Forms, destinations and periods of relocation as data: which there are, in which order, how they belong together.

A firm chooses form and destination together: a relocation goes to one of eight destinations, an expansion in site stays
at home. That is the only logical limit: a cell of Table 6 that no firm chose is empty, not impossible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.taxonomy_data import (
    AREAS,
    DESTINATIONS,
    FORMS,
    HOME,
    PERIODS,
    REGIONS,
    Area,
    Destination,
    Form,
    JointAlternative,
    Period,
    Region,
    RegionLabel,
)

__all__ = [
    "AREAS",
    "DESTINATIONS",
    "FORMS",
    "HOME",
    "PERIODS",
    "REGIONS",
    "Area",
    "Destination",
    "Form",
    "JointAlternative",
    "Period",
    "Region",
    "RegionLabel",
    "destination_labels",
    "destination_nests",
    "destination_tree",
    "form_labels",
    "form_nests",
    "joint_alternatives",
    "joint_nests",
    "joint_space",
    "joint_unavailable",
    "labels",
    "period_labels",
]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
Level = Literal["move", "group", "form", "region"]
LEVELS: tuple[Level, ...] = ("move", "group", "form", "region")
FormTree = Literal["partial", "relocation", "both"]
_FORM_LEVELS: Mapping[FormTree, tuple[Level, ...]] = {
    "partial": ("group",),
    "relocation": ("move",),
    "both": ("move", "group"),
}
DestinationTree = Literal["region", "border", "both"]
DESTINATION_TREES: tuple[DestinationTree, ...] = ("region", "border", "both")
WITHIN, OUTSIDE = "within Zhejiang", "outside Zhejiang"
SEPARATOR = " > "
_OTHER_TITLES = {
    HOME: ("Own site", "原址"),
    "relocation": ("Relocation", "迁移"),
    "partial": ("Partial relocation", "部分迁移"),
    WITHIN: ("Within Zhejiang", "浙江省内"),
    OUTSIDE: ("Outside Zhejiang", "浙江省外"),
}


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


def labels(language: Language = "en") -> dict[str, str]:
    """How everything is printed that the taxonomy names: forms, destinations, regions, periods, alternatives, nests.

    Serves ``rc.compare(..., labels=...)`` and ``frame["place"].map(...)`` alike.

    Parameters
    ----------
    language : "en" or "zh".

    Raises
    ------
    OptionError
        For another language.
    """
    if language not in LANGUAGES:
        raise OptionError.of("language", language, LANGUAGES)
    chinese = language == "zh"
    titled = (*FORMS, *REGIONS, *DESTINATIONS)
    found = {record.label: record.title_zh if chinese else record.title for record in titled}
    found |= {period.label: period.title_zh if chinese else period.label for period in PERIODS}
    found |= {label: titles[chinese] for label, titles in _OTHER_TITLES.items()}
    between = "：" if chinese else ", "
    forms = (*form_labels(relocations_only=True), "partial", "relocation")
    places = dict.fromkeys((*destination_labels(), *(region.label for region in REGIONS)))
    for form in forms:
        for place in places:
            found[f"{form}{SEPARATOR}{place}"] = f"{found[form]}{between}{found[place]}"
    for region in REGIONS:
        for form in forms:
            found[f"{region.label}{SEPARATOR}{form}"] = f"{found[region.label]}{between}{found[form]}"
    return found


def form_nests(by: FormTree = "partial") -> dict[str, Any]:
    """The forms as nests for ``rc.NestedLogit``.

    Parameters
    ----------
    by : "partial" puts manufacturing, R&D and headquarters together, "relocation" all forms but the expansion in site,
        "both" the partial ones inside the relocations. What stands alone is no nest.

    Raises
    ------
    OptionError
        For another way.
    """
    if by not in _FORM_LEVELS:
        raise OptionError.of("by", by, tuple(_FORM_LEVELS))
    return _tree({form.label: _names(form, None, _FORM_LEVELS[by]) for form in FORMS})


def destination_tree(
    by: DestinationTree = "region", *, hangzhou: Literal["Zhejiang", "globalizing"] = "Zhejiang"
) -> dict[str, Any]:
    """The destinations as nests for ``rc.NestedLogit``: by the study's regions, Zhejiang's border, or one in the other.

    Parameters
    ----------
    by : "region", "border", or "both" for border -> region -> destination. What stands alone is no nest.
    hangzhou : its region; the source calls it Zhejiang's capital and also a globalizing city. Only for "region".

    Raises
    ------
    OptionError
        For another way or region, or Hangzhou outside the province that the border encloses.
    """
    if by not in DESTINATION_TREES:
        raise OptionError.of("by", by, DESTINATION_TREES)
    if hangzhou not in ("Zhejiang", "globalizing"):
        raise OptionError.of("hangzhou", hangzhou, ("Zhejiang", "globalizing"))
    if by != "region" and hangzhou != "Zhejiang":
        raise OptionError(
            f"by={by!r} has Hangzhou within Zhejiang's border; hangzhou={hangzhou!r} goes with by='region'"
        )
    paths = {}
    for place in DESTINATIONS:
        border = OUTSIDE if place.within == "China" else WITHIN
        region = hangzhou if place.label == "Hangzhou" else place.region
        paths[place.label] = {"region": (region,), "border": (border,), "both": (border, region)}[by]
    return _tree(paths)


def joint_alternatives() -> tuple[JointAlternative, ...]:
    """The 33 things a firm can do: expand in site, or one of four forms to one of eight destinations, in table order.

    Left out is only what cannot be: an expansion on the own site elsewhere, a relocation to the own site.
    """
    found = []
    for form in FORMS:
        if not form.relocation:
            found.append(JointAlternative(form.label, form.label, HOME, "Yueqing"))
            continue
        for place in DESTINATIONS:
            label = f"{form.label}{SEPARATOR}{place.label}"
            found.append(JointAlternative(label, form.label, place.label, place.region))
    return tuple(found)


def joint_nests(levels: Sequence[Level] = ("form", "region"), among: Collection[str] | None = None) -> dict[str, Any]:
    """The joint alternatives as nests for ``rc.NestedLogit``; the default is form -> region -> destination.

    Parameters
    ----------
    levels : from the outside in: "move" (relocation or not), "group" (the partial forms together), "form", "region".
        What would stand alone in a nest is no nest.
    among : labels of the joint alternatives to keep; all if None.

    Raises
    ------
    OptionError
        For unknown, repeated or no levels, and for labels that are no joint alternatives.
    """
    wanted: tuple[Any, ...] = (levels,) if isinstance(levels, str) else tuple(levels)
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(LEVELS):
        raise OptionError.of("levels", levels, f"one or more of {LEVELS}, each once")
    space = {alternative.label: alternative for alternative in joint_alternatives()}
    kept = list(space) if among is None else list(among)
    strange = [label for label in kept if label not in space]
    if isinstance(among, str) or strange or not kept:
        raise OptionError.of("among", strange[0] if strange else among, "labels of joint_alternatives()")
    forms = {form.label: form for form in FORMS}
    chosen = set(kept)
    return _tree(
        {
            label: _names(forms[alternative.form], alternative.region, wanted)
            for label, alternative in space.items()
            if label in chosen
        }
    )


def joint_unavailable(period: str = "period") -> dict[str, dict[str, list[str]]]:
    """Joint alternatives that did not exist in a period (Table 4's dashes), as the rules of ``ChoiceData.without``.

    Parameters
    ----------
    period : the data's column with the label of the period.
    """
    table = seed_table(4)
    absent = table[~table["exists"]].groupby("form")["period"].agg(list)
    return {
        alternative.label: {period: list(absent[alternative.form])}
        for alternative in joint_alternatives()
        if alternative.form in absent.index
    }


def joint_space() -> pd.DataFrame:
    """Every form with the own site and every destination: possible or not, chosen or not.

    Returns
    -------
    DataFrame
        One row a pair, 5 x 9: ``form``, ``destination``, ``alternative`` (label; empty where impossible), ``status``
        ("chosen", "empty", "impossible"), ``count`` (Table 4's events in site, Table 6's destinations) and ``reason``.
    """
    six, four = seed_table(6), seed_table(4)
    total = six[six["block"] == "total"].set_index(["form", "destination"])["count"]
    in_site = four[(four["period"] == "total") & (four["form"] == "in-site")]["events"]
    rows = []
    for form in FORMS:
        for destination in (HOME, *destination_labels()):
            possible = form.relocation == (destination != HOME)
            label = f"{form.label}{SEPARATOR}{destination}" if form.relocation else form.label
            count = 0 if not possible else int(total[form.label, destination] if form.relocation else in_site.iloc[0])
            status = ("chosen" if count else "empty") if possible else "impossible"
            reason = _reason(form, status)
            rows.append((form.label, destination, label if possible else "", status, count, reason))
    return pd.DataFrame(rows, columns=["form", "destination", "alternative", "status", "count", "reason"])


def _reason(form: Form, status: str) -> str:
    if status == "impossible":
        return "a relocation leaves the own site" if form.relocation else "an expansion in site is at home"
    if status == "empty":
        return "no surveyed firm did it up to 2003; nothing rules it out"
    return f"Table {6 if form.relocation else 4}"


def _names(form: Form, region: str | None, levels: Iterable[Level]) -> tuple[str, ...]:
    """Names of the nests a form stands in, outermost first; each is unique in its tree."""
    values = {
        "move": "relocation" if form.relocation else form.label,
        "group": "partial" if form.partial else form.label,
        "form": form.label,
        "region": region or "",
    }
    names, what, where = [], "", ""
    for level in levels:
        if level == "region":
            where = values[level]
            names.append(f"{what}{SEPARATOR}{where}" if what else where)
        else:
            what = values[level]
            names.append(f"{where}{SEPARATOR}{what}" if where else what)
    return tuple(names)


def _tree(paths: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Nests from each alternative's path; a nest of one gives way to what is in it: its lambda would mean nothing."""
    inside: dict[str, dict[str, tuple[str, ...]]] = {}
    for label, path in paths.items():
        inside.setdefault(path[0] if path else label, {})[label] = path[1:]
    tree: dict[str, Any] = {}
    for name, members in inside.items():
        if len(members) == 1:
            tree[next(iter(members))] = None
            continue
        below = _tree(members) if any(members.values()) else dict.fromkeys(members)
        if len(below) == 1:
            tree |= below
        else:
            tree[name] = list(below) if all(nested is None for nested in below.values()) else below
    return tree
