"""Figures of two worlds as functions of the parameters: shares, inclusive values, and the bounds of the counts.

Bounds of a finite change, with N_j = sum_i w_i P_ij before and V' the utilities after:

    zero sum (conditional logit):  N'_j = sum_i w_i P'_ij,
    positive sum (Poisson):        N'_j = sum_i w_i exp(V'_ij - I_i), the cases' own effects -I_i held as they were,

the finite form of the elasticities in :mod:`relocchoice.post.bounds` (Schmidheiny & Bruelhart 2011). With one nest of
all zones beside one outside option, in units of the nest: its total held (zero sum) or its inclusive value held
(positive sum); the nested logit itself lies between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.post.derivatives import sums
from relocchoice.post.worlds import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
LARGEST = 2e7
MOST_ALTERNATIVES = 60


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two worlds of the same cases; the first J alternatives of the second are those of the first.

    Attributes
    ----------
    base, other : before and after; groups : (n,) codes below ``n_groups``.
    """

    base: World
    other: World
    groups: Ints
    n_groups: int

    @property
    def totals(self) -> Floats:
        """(G,) sums of the weights of each group."""
        return self._by_group(np.ones((self.base.data.n_cases, 1)))[:, 0]

    @property
    def alternatives(self) -> pd.Index:
        """Labels of all alternatives, the new ones last."""
        return self.other.data.alternatives

    def _by_group(self, values: Floats) -> Floats:
        """(n, B) -> (G, B) weighted sums."""
        w = self.base.weights
        return np.stack(
            [np.bincount(self.groups, weights=w * column, minlength=self.n_groups) for column in values.T], axis=1
        )

    def analytic(self) -> bool:
        """Whether gradients of the shares come from the kernel: with very many alternatives differences cost less."""
        j, p = len(self.alternatives), len(self.base.problem.space.names)
        return j <= max(MOST_ALTERNATIVES, 4 * p) and self.n_groups * j * j * p <= LARGEST

    def shares(self, theta: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        """(2, G, J) shares before and after, and their (2, G, J, p) gradient if asked for and to be had."""
        values = np.zeros((2, self.n_groups, len(self.alternatives)))
        slopes = np.zeros((*values.shape, len(theta))) if gradient and self.analytic() else None
        for k, world in enumerate((self.base, self.other)):
            here = slice(0, world.data.n_alternatives)
            if slopes is None:
                values[k, :, here] = self._by_group(world.probabilities(theta))
                continue
            found = sums(world.setting(self.groups, self.n_groups), theta, [])
            values[k, :, here] = found.level
            slopes[k, :, here] = found.level_gradient
        scale = self.totals[:, None]
        return values / scale, None if slopes is None else slopes / scale[..., None]

    def logsums(self, theta: Floats, unit: Floats) -> Floats:
        """(3, G) mean inclusive values before and after, and of their change in units of ``unit``, (n,) or (1,)."""
        before, after = self.base.inclusive(theta), self.other.inclusive(theta)
        each = np.stack([before, after, (after - before) / unit], axis=1)
        return (self._by_group(each) / self.totals[:, None]).T

    def why_no_bounds(self) -> str:
        """Why the bounds are not known; empty where they are."""
        tree = self.other.tree
        if tree is None:
            return "the utilities are not those of a utility-maximising choice"
        outside = int((tree.leaf_parent == 0).sum())
        if len(tree.parent) == 1 or (len(tree.parent) == 2 and outside == 1):
            return ""
        return (
            "they are known for a multinomial logit and for one nest with all zones and one alternative outside it; "
            f"this tree has {len(tree.parent) - 1} nests and {outside} alternatives outside"
        )

    def bounds(self, theta: Floats) -> Floats:
        """(3, J) changes of the counts: zero sum, the model, positive sum; only where they are known."""
        tree = self.other.tree
        assert tree is not None
        w = self.base.weights
        before = self._count(self.base, theta)
        model = self._count(self.other, theta) - before
        if len(tree.parent) == 1:
            held = self.base.inclusive(theta)
            # both sides by the same sums: what does not move differs by nothing, not by rounding
            positive = self._held(self.other, theta, held) - self._held(self.base, theta, held)
            return np.stack([model, model, positive])
        out = int(np.flatnonzero(tree.leaf_parent == 0)[0])
        scale = float(self.base.scales(theta)[1])
        p_out = self.base.probabilities(theta)[:, out]
        inside = [_inside(world, theta, scale, out) for world in (self.base, self.other)]
        case, code = self.other.data.row_case(), np.asarray(self.other.data.row_alternative)
        v = self.other.utilities(theta)
        mass = (w * (1.0 - p_out))[case] * (code != out)
        within = np.where(code != out, v / scale, 0.0)
        zero = self._rows(mass * np.exp(within - inside[1][case]))
        positive = self._rows(mass * np.exp(within - inside[0][case]))
        was = np.zeros(self.base.data.n_cases)
        here = np.asarray(self.base.data.row_alternative) == out
        was[self.base.data.row_case()[here]] = self.base.utilities(theta)[here]
        zero[out] = before[out]
        there = code == out
        positive[out] = ((w * p_out)[case] * np.exp(np.where(there, v - was[case], 0.0)))[there].sum()
        return np.stack([zero - before, model, positive - before])

    def _count(self, world: World, theta: Floats) -> Floats:
        out = np.zeros(len(self.alternatives))
        out[: world.data.n_alternatives] = world.weights @ world.probabilities(theta)
        return out

    def _held(self, world: World, theta: Floats, inclusive: Floats) -> Floats:
        """(J,) counts with the inclusive values of the cases held."""
        case = world.data.row_case()
        values = world.weights[case] * np.exp(world.utilities(theta) - inclusive[case])
        code = np.asarray(world.data.row_alternative)
        return np.bincount(code, weights=values, minlength=len(self.alternatives)).astype(np.float64)

    def _rows(self, values: Floats) -> Floats:
        code = np.asarray(self.other.data.row_alternative)
        return np.bincount(code, weights=values, minlength=len(self.alternatives)).astype(np.float64)


def _inside(world: World, theta: Floats, scale: float, out: int) -> Floats:
    """(n,) log sum over the zones of exp(V / lambda)."""
    code, case = np.asarray(world.data.row_alternative), world.data.row_case()
    v = np.where(code != out, world.utilities(theta) / scale, -np.inf)
    top = np.maximum.reduceat(v, world.data.offsets[:-1])
    total = np.bincount(case, weights=np.exp(v - np.where(np.isfinite(top), top, 0.0)[case]))
    with np.errstate(divide="ignore"):
        out_: Floats = np.where(np.isfinite(top), top, 0.0) + np.log(total)
    return out_
