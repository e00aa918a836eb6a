"""The families under test: every registered family with every tree and normalisation, placed on some alternatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.kernels.protocol import Family, Local, SlotVector, Succession
from relocchoice.kernels.registry import FAMILIES, family_for
from relocchoice.spec.formula import Formula
from relocchoice.spec.model import ModelSpec, Normalisation
from relocchoice.spec.nests import NestTree

Floats = NDArray[np.float64]

ALTERNATIVES = pd.Index(list("abcdefg"))
PLAIN = ("multinomial", "subset")  # families without a tree
TREES = {
    "two levels": {"p": ["a", "b", "c"], "q": ["d", "e"], "f": None, "g": None},
    "three levels": {"near": ["a", "b"], "away": {"metro": ["c", "d"], "lone": ["e"], "f": None}, "g": None},
    "out of order": {"y": {"z": ["e", "a"], "d": None, "w": ["f", "c"]}, "x": ["g", "b"]},
    "four levels": {"u": {"v": {"w": ["a", "b", "c"], "d": None}, "x": ["e", "f"]}, "g": None},
}


def _specs() -> dict[str, ModelSpec]:
    formula = Formula("chosen ~ cost")
    specs = {family: ModelSpec(family, formula) for family in FAMILIES if family in PLAIN}  # type: ignore[arg-type]
    for family in FAMILIES:
        if family not in PLAIN:
            for tree, nests in TREES.items():
                for scaling in get_args(Normalisation):
                    spec = ModelSpec(family, formula, nests=NestTree.from_dict(nests), normalisation=scaling)  # type: ignore[arg-type]
                    specs[f"{family}, {tree}, {scaling}"] = spec
    return specs


SPECS = _specs()


def family_of(name: str) -> Family:
    """The family over all alternatives, not placed."""
    return family_for(SPECS[name], ALTERNATIVES)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A placed family with random utilities; S slots, n cases, L shapes."""

    family: Family
    alternatives: NDArray[np.intp]
    v: Floats
    available: NDArray[np.bool_] | None
    chosen: NDArray[np.intp]
    shape: Floats

    @property
    def lanes(self) -> NDArray[np.intp]:
        return np.arange(len(self.chosen))


def sample(name: str, seed: int, masked: bool, n: int = 9, spread: float = 1.5) -> Sample:
    """Random utilities, choices, shapes and, if asked for, availabilities (the first case is left one alternative)."""
    rng = np.random.default_rng(seed)
    family = family_of(name)
    order = family.slot_order(len(ALTERNATIVES))
    size = len(order)
    chosen = rng.integers(0, size, n)
    available = None
    if masked:
        available = rng.random((size, n)) < rng.uniform(0.3, 0.9)
        available[:, 0] = False
        available[chosen, np.arange(n)] = True
    shape = rng.uniform(0.3, 1.4, len(family.shape_names()))
    return Sample(family.at(order), order, spread * rng.normal(size=(size, n)), available, chosen, shape)


def dense(vector: SlotVector, size: tuple[int, ...]) -> Floats:
    """(S, n) with zeros outside the vector's slots."""
    out = np.zeros(size)
    out[vector.slots] = vector.values
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Expanded:
    """A curvature written out: gradient (S, n), hessian (S, S, n), cross (L, S, n)."""

    gradient: Floats
    hessian: Floats
    cross: Floats


def variance(succession: Succession) -> Floats:
    """(S, S, n) the variance of the indicators that a succession stands for, by its definition."""
    size, most, n = succession.share.shape
    out, mean = np.zeros((size, size, n)), np.zeros((most + 1, size, n))
    for s in range(size):
        q = mean[:-1] - mean[1:]
        q[:, s] += 1.0
        out += np.einsum("kn,kan,kbn->abn", succession.spread[s], q, q)
        mean[1:] += succession.share[s][:, None] * q
    return out


def expand(local: Local, chosen: NDArray[np.intp]) -> Expanded:
    """The matrices that the structure of a curvature stands for."""
    assert local.curvature is not None
    assert local.dv is not None
    curvature, (size, n) = local.curvature, local.dv.shape
    own = np.stack([dense(q.own, (size, n)) for q in curvature.vectors])
    whole = own.copy()
    for r, vector in enumerate(curvature.vectors):
        for c, coefficient in vector.mix:
            assert c < r, "children come before parents"
            whole[r] += coefficient * whole[c]
    gradient = np.einsum("rn,rsn->sn", curvature.gradient_mix, own)
    gradient[chosen, np.arange(n)] += curvature.chosen_weight
    hessian = np.einsum("rn,rsn,rtn->stn", curvature.weights, whole, whole)
    hessian[np.arange(size), np.arange(size)] += curvature.diagonal(size)
    if curvature.succession is not None:
        hessian -= variance(curvature.succession)
    cross = np.einsum("lrn,rsn->lsn", curvature.cross, own)
    cross = cross + np.array([dense(e, (size, n)) for e in curvature.extra]).reshape(cross.shape)
    return Expanded(gradient, hessian, cross)
