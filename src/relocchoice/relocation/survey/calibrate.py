"""The shift: what the stated coefficients leave of the published margins, found by raking on a reference population.

For each period and cell one constant, so that the expected destinations of Table 6 and events of Table 4 are the
published ones; for each class of assets one constant on the places outside Zhejiang, so that the expected relocations
out of the province are spread over the classes as in Table 5. Raking multiplies exp(constant) by target / expected
until both agree (iterative proportional fitting of the probabilities).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.survey.cells import MANUFACTURING, Floats, cells
from relocchoice.relocation.survey.firms import block, draw_firms
from relocchoice.relocation.survey.utilities import (
    Firms,
    probabilities,
    reach,
    utilities,
    weights,
    within,
    without,
)

REFERENCE_FIRMS, REFERENCE_SEED = 10_000, 2003
RAKED, TOLERANCE = 12, 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """The constants, T periods, C cells.

    Attributes
    ----------
    cell : (T, C) by period and cell; zero for expansions on the own site.
    beyond : (3,) by class of assets, for the cells outside Zhejiang; zero for the smallest.
    rate : (T,) expected events of a firm that exists in the period.
    second : (T,) probability that a manufacturing relocation names a second place.
    """

    cell: Floats
    beyond: Floats
    rate: Floats
    second: Floats


def shifted(firms: Firms, period: int, shift: Shift) -> Floats:
    """(n, C) utilities of the true model with the shift."""
    space = cells()
    outside = space.beyond[space.place]
    return utilities(firms, period) + shift.cell[period] + outside * shift.beyond[firms.asset_class][:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Expectations a firm, of one period.

    Attributes
    ----------
    first : (n, C) probabilities of form and first place.
    named : (n, C) expected destinations by cell.
    outside : (n,) probability that the event names a place outside Zhejiang.
    """

    first: Floats
    named: Floats
    outside: Floats


def expected(v: Floats, second: float) -> Expected:
    """What an event names in expectation; v : (n, C) utilities with the shift."""
    space = cells()
    nest = space.of(MANUFACTURING)
    found = weights(v)
    first = probabilities(found)
    likely = first[:, nest].sum(axis=1)
    given = within(found, reach(found.near, found.far))
    more, later_out = np.zeros_like(given), np.zeros(len(v))
    for place in np.flatnonzero((found.inside > 0).any(axis=0)):
        follows = without(found, int(place)) * given[:, [place]]
        more += follows
        if not space.beyond[place]:
            later_out += follows[:, space.beyond].sum(axis=1)
    named = first.copy()
    named[:, nest] += second * likely[:, None] * more[:, space.place[nest]]
    outside = first[:, space.beyond[space.place]].sum(axis=1) + second * likely * later_out
    return Expected(first, named, outside)


def event_rates() -> Floats:
    """(T,) published events of a period by firm that exists in it."""
    founded = np.cumsum(block("founded")[1])
    rates: Floats = cells().events.sum(axis=1) / founded
    return rates


@cache
def calibrated() -> Shift:
    """The shift, the same in every survey.

    Raises
    ------
    RuntimeError
        Where raking does not settle, which the shipped tables and attributes do not bring about.
    """
    space = cells()
    firms = draw_firms(REFERENCE_FIRMS, np.random.default_rng(REFERENCE_SEED), "exact").firms
    periods = range(len(space.events))
    second = np.array([space.extras(t) / max(space.events[t, MANUFACTURING], 1) for t in periods])
    rates = event_rates()
    bases = [firms.take(np.flatnonzero(firms.founded <= t)) for t in periods]
    plain = [utilities(base, t) for t, base in zip(periods, bases, strict=True)]
    free = space.available & (np.arange(len(space.labels)) > 0)

    def filled(constants: Floats) -> Shift:
        cell = np.zeros(free.shape)
        cell[free] = constants[:-2]
        return Shift(cell, np.append(0.0, constants[-2:]), rates, second)

    def step(constants: Floats) -> Floats:
        return _step(filled(constants), bases, plain, free)

    constants = np.zeros(int(free.sum()) + 2)
    for _ in range(RAKED):
        constants = constants + step(constants)
    # plain raking goes on for a hundred rounds; mixing the last few steps ends it in a dozen
    mixing: Any = {"fatol": TOLERANCE, "line_search": None, "jac_options": {"alpha": 1.0, "M": 10}}
    found = root(step, constants, method="anderson", options=mixing)
    if not found.success:
        raise RuntimeError(f"the margins are not met: {found.message}")
    return filled(found.x)


def _step(shift: Shift, bases: list[Firms], plain: list[Floats], free: NDArray[np.bool_]) -> Floats:
    """log(target / expected) of every free constant, those of the classes last."""
    space = cells()
    outside = space.beyond[space.place]
    cell, by_class = np.zeros(free.shape), np.zeros(3)
    for t, (base, v) in enumerate(zip(bases, plain, strict=True)):
        here = space.available[t]
        moved = v + shift.cell[t] + outside * shift.beyond[base.asset_class][:, None]
        found = expected(moved, shift.second[t])
        target = space.named[t, here] / space.events[t].sum()
        cell[t, here] = np.log(target / found.named[:, here].mean(axis=0))
        by_class += shift.rate[t] * np.bincount(base.asset_class, found.outside, minlength=3)
    cell -= cell[:, [0]]
    by_class = np.log(_interprovincial() / _interprovincial().sum()) - np.log(by_class / by_class.sum())
    return np.append(cell[free], by_class[1:] - by_class[0])


def _interprovincial() -> Floats:
    return seed_table(5)["count"].to_numpy(np.float64)
