"""Utilities and probabilities of the true model for many firms at once, in plain NumPy.

Dissimilarity lambda_g in region g inside lambda_m of the form m (utility-maximising normalisation):
S_g = sum_(k in g) exp(V_k / lambda_g), W_m = lambda_m log sum_g S_g^(lambda_g / lambda_m),
P(j | m) = S_g^(lambda_g / lambda_m) / sum_h S_h^(lambda_h / lambda_m) * exp(V_j / lambda_g) / S_g.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.relocation.survey import truth
from relocchoice.relocation.survey.cells import IN_SITE, MANUFACTURING, SHORT, Floats, cells, offers


@dataclass(frozen=True, slots=True, eq=False)
class Firms:
    """What the true utilities know of n firms.

    Attributes
    ----------
    assets : (n,) million yuan; asset_class : (n,) 0, 1, 2 as in Table 5.
    local_ties : (n,) share of partners at home.
    founded : (n,) period of foundation.
    kin : (n, P) relatives at each place.
    quote : (n, P) the land price this firm is quoted, as a multiple of the place's.
    """

    assets: Floats
    asset_class: NDArray[np.int8]
    local_ties: Floats
    founded: NDArray[np.int8]
    kin: NDArray[np.int16]
    quote: Floats

    def take(self, which: NDArray[np.intp]) -> Firms:
        """Some of the firms, with repetitions if wanted."""
        return Firms(
            self.assets[which],
            self.asset_class[which],
            self.local_ties[which],
            self.founded[which],
            self.kin[which],
            self.quote[which],
        )


def utilities(firms: Firms, period: int) -> Floats:
    """(n, C) utilities of all cells without the shift; those of cells that the period does not have are -inf."""
    space, offer = cells(), offers()
    price, ties, size = np.log(firms.quote), firms.local_ties, np.log(firms.assets)
    pull = truth.PULL
    common = (
        pull["log(land_price)"] * np.log(offer.land_price[period])
        + pull["policy"] * offer.policy[period]
        + pull["log1p(distance)"] * np.log1p(offer.distance[period])
    )
    # columns are read one by one, so they lie together
    out = np.full((len(size), len(space.labels)), -np.inf, order="F")
    for cell in np.flatnonzero(space.available[period]):
        at, form = space.place[cell], space.form[cell]
        out[:, cell] = common[cell] + pull["log(land_price)"] * price[:, at]
        if form == IN_SITE:
            continue
        short = SHORT[form]
        out[:, cell] += pull["kin"] * firms.kin[:, at] + truth.FORM[short]
        out[:, cell] += truth.FORM_ASSETS[short] * size + truth.FORM_TIES.get(short, 0.0) * ties
        if space.beyond[at]:
            out[:, cell] += truth.BEYOND_ASSETS * size + truth.BEYOND_TIES * ties
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Utilities as the sums of the nested logit need them, n firms.

    Attributes
    ----------
    alone : (n, C) exp(V) of the cells outside the nest, zeros inside.
    inside : (n, P) exp(V / lambda of the region) of the manufacturing facility by place.
    near, far : (n,) sums of ``inside`` over the places of a region.
    """

    alone: Floats
    inside: Floats
    near: Floats
    far: Floats

    def take(self, which: NDArray[np.intp]) -> Weights:
        """Some of the firms."""
        return Weights(self.alone[which], self.inside[which], self.near[which], self.far[which])


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """What the probabilities of the places share, n firms.

    Attributes
    ----------
    near, far : (n,) S_g^(lambda_g / lambda_m - 1) / sum_h S_h^(lambda_h / lambda_m): probability of a place of the
        region, given a manufacturing facility, over exp(V / lambda_g). Zero where the region has no place.
    total : (n,) the sum over h.
    """

    near: Floats
    far: Floats
    total: Floats

    def of(self, place: int) -> Floats:
        """(n,) that of the region of a place."""
        return self.near if cells().near[place] else self.far


def weights(v: Floats) -> Weights:
    """Exponentials of (n, C) utilities, each firm's shifted so that its largest is zero."""
    space = cells()
    largest = v.max(axis=1)
    alone = np.zeros(v.shape, order="F")
    inside = np.zeros((len(v), len(space.near)), order="F")
    for cell, form in enumerate(space.form):
        if np.isneginf(v[:1, cell]).all():
            continue
        if form == MANUFACTURING:
            place = space.place[cell]
            scale = truth.LAMBDA_NEAR if space.near[place] else truth.LAMBDA_FAR
            inside[:, place] = np.exp((v[:, cell] - largest) / scale)
        else:
            alone[:, cell] = np.exp(v[:, cell] - largest)
    return Weights(alone, inside, inside[:, space.near].sum(axis=1), inside[:, ~space.near].sum(axis=1))


def reach(near: Floats, far: Floats) -> Reach:
    """From the sums over the two regions."""
    one, other = near ** (truth.LAMBDA_NEAR / truth.LAMBDA_FORM), far ** (truth.LAMBDA_FAR / truth.LAMBDA_FORM)
    total = one + other

    def shared(power: Floats, sums: Floats) -> Floats:
        return np.divide(power, sums * total, out=np.zeros(len(sums)), where=sums > 0)

    return Reach(shared(one, near), shared(other, far), total)


def reach_without(found: Weights, place: int) -> Reach:
    """The same where a place was named already."""
    space = cells()
    others = space.near == space.near[place]
    others[place] = False
    # the sum of the others, not the whole less the one: nothing is left of the digits where one place has nearly all
    left = found.inside[:, others].sum(axis=1)
    return reach(left, found.far) if space.near[place] else reach(found.near, left)


def within(found: Weights, shared: Reach) -> Floats:
    """(n, P) probabilities of the places given a manufacturing facility."""
    space = cells()
    return found.inside * np.where(space.near, shared.near[:, None], shared.far[:, None])


def without(found: Weights, place: int) -> Floats:
    """(n, P) probabilities of the second place, where ``place`` was named first."""
    out = within(found, reach_without(found, place))
    out[:, place] = 0.0
    return out


def probabilities(found: Weights) -> Floats:
    """(n, C) probabilities of the cells; for the manufacturing facility of the place that is named first."""
    space = cells()
    shared = reach(found.near, found.far)
    value = shared.total**truth.LAMBDA_FORM
    total = found.alone.sum(axis=1) + value
    out = found.alone / total[:, None]
    for cell in space.of(MANUFACTURING):
        place = int(space.place[cell])
        out[:, cell] = found.inside[:, place] * shared.of(place) * value / total
    return out
