"""The table of destination attributes as it is shipped, and the checks it passes before anybody uses it.

Every cell has one source of one kind. A *seed* cell with a figure names the row of ``seeds/prose.csv`` that it is, and
is compared with it; a coded one says how the passage was coded. Distances are recomputed from the coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import DataError, Finding
from relocchoice.relocation.attributes_data import ATTRIBUTES, NAMES
from relocchoice.relocation.sources import seed_prose, shipped
from relocchoice.relocation.taxonomy import HOME, destination_labels, period_labels

Floats = NDArray[np.float64]
Kind = Literal["seed", "public knowledge", "assumed for illustration"]
KINDS: tuple[Kind, ...] = ("seed", "public knowledge", "assumed for illustration")
KEYS = ("place", "period")
SEED_SOURCE = "Wei, Li & Wang 2007, section "
MU_PER_HECTARE = 15
EARTH_RADIUS_KM = 6371.0
DISTANCE_STEP_KM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """The three files, checked.

    Attributes
    ----------
    values : one row a place (the own site first) and period: place, period and the columns of :data:`ATTRIBUTES`.
    sources : one row a cell: place, period, attribute, kind, quantity, source.
    anchors : one row a town or city whose coordinates stand for a place: place, anchor, latitude, longitude, named_in.
    """

    values: pd.DataFrame
    sources: pd.DataFrame
    anchors: pd.DataFrame


@cache
def shipped_attributes() -> Shipped:
    """The files that come with the package; callers copy what they hand out.

    Raises
    ------
    DataError
        See :func:`check`.
    """
    frames = (_read(f"attributes/{name}.csv") for name in ("destinations", "sources", "anchors"))
    found = Shipped(*frames)
    check(found)
    return found


def _read(name: str) -> pd.DataFrame:
    with shipped(name).open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False)


def check(found: Shipped) -> None:
    """The rules the files must keep, all problems at once.

    Raises
    ------
    DataError
        With each place and period that is absent, unknown or repeated, each column that is, each value out of its
        range, each cell without exactly one source, each figure that is not its source's, each wrong distance.
    """
    for rules in ((_columns, _rows), (_values, _one_source), (_hectares, _wording, _figures, _distances)):
        findings = [finding for rule in rules for finding in rule(found)]
        if findings:
            raise DataError(findings)


def great_circle(one: Sequence[float] | Floats, other: Sequence[float] | Floats) -> float:
    """Distance in km between two points (latitude, longitude) in degrees on a sphere, by the haversine formula."""
    latitude_1, longitude_1, latitude_2, longitude_2 = np.radians([*one, *other])
    across = np.sin((latitude_2 - latitude_1) / 2) ** 2
    along = np.cos(latitude_1) * np.cos(latitude_2) * np.sin((longitude_2 - longitude_1) / 2) ** 2
    return float(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(across + along)))


def _columns(found: Shipped) -> list[Finding]:
    expected = {
        "destinations": (found.values, (*KEYS, *NAMES)),
        "sources": (found.sources, (*KEYS, "attribute", "kind", "quantity", "source")),
        "anchors": (found.anchors, ("place", "anchor", "latitude", "longitude", "named_in")),
    }
    return [
        Finding("columns", f"attributes/{name}.csv has the columns {list(frame.columns)}, not {list(columns)}")
        for name, (frame, columns) in expected.items()
        if list(frame.columns) != list(columns)
    ]


def _rows(found: Shipped) -> list[Finding]:
    wanted = pd.MultiIndex.from_product([(HOME, *destination_labels()), period_labels()])
    given = pd.MultiIndex.from_frame(found.values[list(KEYS)]) if set(KEYS) <= set(found.values) else wanted
    problems = (
        (wanted.difference(given), "has no row in attributes/destinations.csv"),
        (given.difference(wanted), "is no place and period of the taxonomy"),
        (given[given.duplicated()].unique(), "has two rows or more in attributes/destinations.csv"),
    )
    return [_cell("rows", place, period, text) for pairs, text in problems for place, period in pairs]


def _values(found: Shipped) -> list[Finding]:
    findings = []
    for attribute in ATTRIBUTES:
        numbers = pd.to_numeric(found.values[attribute.name], errors="coerce").to_numpy(dtype=float)
        wrong = ~((numbers >= attribute.least) & (numbers <= attribute.most))
        wrong |= (numbers != np.floor(numbers)) if attribute.whole else False
        what = f"a {'whole ' if attribute.whole else ''}number from {attribute.least:g} to {attribute.most:g}"
        for _, row in found.values[wrong].iterrows():
            text = f"has {attribute.name}={row[attribute.name]!r}, which is not {what} ({attribute.unit})"
            findings.append(_cell("value", row["place"], row["period"], text, attribute.name))
    return findings


def _one_source(found: Shipped) -> list[Finding]:
    wanted = _cells(found.values)
    given = pd.MultiIndex.from_frame(found.sources[[*KEYS, "attribute"]])
    problems = (
        (wanted.difference(given), "has no source for"),
        (given.difference(wanted), "has a source for what is no cell:"),
        (given[given.duplicated()].unique(), "has two sources or more for"),
    )
    return [
        _cell("source", place, period, f"{text} {name}", name)
        for cells, text in problems
        for place, period, name in cells
    ]


def _cells(values: pd.DataFrame) -> pd.MultiIndex:
    keys = values[list(KEYS)].itertuples(index=False, name=None)
    return pd.MultiIndex.from_tuples([(place, period, name) for place, period in keys for name in NAMES])


def _wording(found: Shipped) -> list[Finding]:
    rules: tuple[tuple[Callable[[pd.Series], bool], str], ...] = (
        (lambda row: row["kind"] not in KINDS, f"has a kind of source that is none of {KINDS} for"),
        (lambda row: not str(row["source"]).strip(), "says nothing about its source for"),
        (
            lambda row: (row["kind"] == "seed") != str(row["source"]).startswith(SEED_SOURCE),
            f"must cite a passage, {SEED_SOURCE!r}..., exactly where the kind is 'seed', for",
        ),
        (lambda row: row["quantity"] != "" and row["kind"] != "seed", "names a quantity though it is no seed, for"),
    )
    return [
        _cell("wording", row["place"], row["period"], f"{text} {row['attribute']}", row["attribute"])
        for _, row in found.sources.iterrows()
        for broken, text in rules
        if broken(row)
    ]


def _hectares(found: Shipped) -> list[Finding]:
    wrong = found.values["land_price_ha"] != MU_PER_HECTARE * found.values["land_price"]
    return [
        _cell(
            "hectare",
            row["place"],
            row["period"],
            "has a price a hectare that is not 15 times that a mu",
            "land_price_ha",
        )
        for _, row in found.values[wrong].iterrows()
    ]


def _figures(found: Shipped) -> list[Finding]:
    """Cells that are figures of the source against the source."""
    prose = seed_prose().set_index("quantity")["value"]
    values = found.values.set_index(list(KEYS))
    findings = []
    for _, row in found.sources[found.sources["quantity"] != ""].iterrows():
        figure = _quantity(row["quantity"], prose)
        value = float(values.loc[(row["place"], row["period"]), row["attribute"]])
        if figure is None or abs(value - figure) > 1e-9 * abs(figure):
            said = "no quantity of seeds/prose.csv" if figure is None else f"{figure:g}"
            text = f"has {row['attribute']}={value:g}, but {row['quantity']!r} is {said}"
            findings.append(_cell("figure", row["place"], row["period"], text, row["attribute"]))
    return findings


def _quantity(words: str, prose: pd.Series) -> float | None:
    """``"a"``, ``"a / b"`` or ``"a * b"`` with names of quantities; None where one is unknown."""
    for sign in (" / ", " * "):
        if sign in words:
            one, other = (_quantity(part, prose) for part in words.split(sign, 1))
            if one is None or other is None:
                return None
            return one / other if sign == " / " else one * other
    return float(prose[words]) if words in prose.index else None


def _distances(found: Shipped) -> list[Finding]:
    where = ["latitude", "longitude"]
    spots = {str(place): rows[where].to_numpy(dtype=float) for place, rows in found.anchors.groupby("place")}
    if set(spots) != set(destination_labels()):
        return [Finding("anchor", f"attributes/anchors.csv has {sorted(spots)}, not {sorted(destination_labels())}")]
    findings = []
    for _, row in found.values.iterrows():
        expected = _mean_distance(spots[row["place"]], spots["county seat"][0]) if row["place"] != HOME else 0.0
        if abs(row["distance"] - expected) > DISTANCE_STEP_KM / 2:
            text = f"has distance={row['distance']:g}, but its anchors are {expected:.0f} km away"
            findings.append(_cell("distance", row["place"], row["period"], text, "distance"))
    return findings


def _mean_distance(spots: Floats, centre: Floats) -> float:
    return float(np.mean([great_circle(spot, centre) for spot in spots]))


def _cell(rule: str, place: object, period: object, text: str, column: str | None = None) -> Finding:
    message = f"{place!r} in {period!r} {text}; mend the shipped data"
    return Finding(rule, message, column=column, case=period, alternative=place)
