"""Families by name. A new family is one file and one line here; the law tests run over this dictionary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from relocchoice.kernels.bottom import BottomNormalised
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.nested import NestedLogit, Scaling
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.subset import SubsetLogit
from relocchoice.spec.labels import plain
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.nests import NestTree


def _multinomial(spec: ModelSpec, alternatives: pd.Index) -> Family:
    return MultinomialLogit()


def _nested(spec: ModelSpec, alternatives: pd.Index) -> Family:
    assert spec.nests is not None
    nested = _place_tree(spec.nests, alternatives, "none" if spec.normalisation == "none" else "utility")
    if spec.normalisation == "bottom":
        return BottomNormalised(nested, spec.nests.nodes.index(reference_nest(spec.nests)))
    return nested


def _subset(spec: ModelSpec, alternatives: pd.Index) -> Family:
    return SubsetLogit()


FAMILIES: dict[str, Callable[[ModelSpec, pd.Index], Family]] = {
    "multinomial": _multinomial,
    "nested": _nested,
    "subset": _subset,
}


def family_for(spec: ModelSpec, alternatives: pd.Index) -> Family:
    """The family of a model over the alternatives of some data."""
    return FAMILIES[spec.family](spec, alternatives)


def reference_nest(nests: NestTree) -> str:
    """The nest whose scale a bottom-normalised model uses: the first lowest one with two alternatives."""
    below = {nests.nodes[m] for m in nests.leaf_parent if m >= 0}
    inner = {nests.nodes[m] for m in nests.node_parent if m >= 0}
    fit = [node for node in nests.nodes if node in below - inner and node not in nests.degenerate]
    return fit[0] if fit else nests.nodes[0]


def _place_tree(nests: NestTree, alternatives: pd.Index, scaling: Scaling) -> NestedLogit:
    labels = list(map(plain, alternatives))
    position = {label: code for code, label in enumerate(labels)}
    order = np.array([position[leaf] for leaf in nests.check(labels).leaves], dtype=np.intp)
    parent = np.concatenate(([-1], nests.node_parent + 1)).astype(np.intp)
    return NestedLogit(parent, nests.parents_of(labels) + 1, order, nests.nodes, scaling)
