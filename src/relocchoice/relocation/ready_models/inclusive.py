"""Inclusive values of a tree's outermost nests, with their derivatives, from utilities on the scale of the first step.

With rho_m the dissimilarity of nest m: I_m = rho_m log sum_c exp(I_c / rho_m) over its children c, I_j = V_j of an
alternative. Then dI_m/dV_j = P(j | m) and dI_m/drho_k = P(k | m) H_k, H_k = -sum_c P(c | k) log P(c | k) the entropy of
the children of k: the envelope theorem on the maximum of expected utility (McFadden 1978).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, xlogy

from relocchoice.spec.nests import ROOT, NestTree

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Tops:
    """The outermost level of a tree, T members.

    Attributes
    ----------
    labels : (T,) names of the outermost nests and of the alternatives outside all nests; a nest of one alternative has
        the alternative's own label.
    of : (J,) member of each alternative.
    nests : (M,) member of each nest.
    real : (T,) whether the member holds more than one alternative.
    """

    labels: tuple[str, ...]
    of: Ints
    nests: Ints
    real: NDArray[np.bool_]


def tops_of(tree: NestTree, alternatives: tuple[object, ...]) -> Tops:
    """The outermost members, in the order of the alternatives."""
    parents = tree.parents_of(alternatives)

    def top(node: int) -> int:
        while tree.node_parent[node] != ROOT:
            node = int(tree.node_parent[node])
        return node

    keys = [top(int(nest)) if nest != ROOT else len(tree.nodes) + j for j, nest in enumerate(parents)]
    order = list(dict.fromkeys(keys))
    size = {key: keys.count(key) for key in order}
    named = [
        tree.nodes[key] if key < len(tree.nodes) and size[key] > 1 else str(alternatives[keys.index(key)])
        for key in order
    ]
    return Tops(
        labels=tuple(named),
        of=np.array([order.index(key) for key in keys], dtype=np.intp),
        nests=np.array([order.index(top(k)) for k in range(len(tree.nodes))], dtype=np.intp),
        real=np.array([size[key] > 1 for key in order]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Inclusive:
    """Inclusive values, n cases, T members, J alternatives, M nests.

    Attributes
    ----------
    value : (n, T); -inf where no alternative of the member is available.
    given : (n, J) probability of each alternative within its member.
    slope : nest -> (n,) derivative of its member's value in the nest's dissimilarity.
    """

    value: Floats
    given: Floats
    slope: Mapping[str, Floats]


def inclusive_values(
    v: Floats, tree: NestTree, alternatives: tuple[object, ...], tops: Tops, rho: Mapping[str, float]
) -> Inclusive:
    """Inclusive values of (n, J) utilities, -inf where unavailable.

    Parameters
    ----------
    rho : nest -> dissimilarity on the scale of the utilities.
    """
    parents = tree.parents_of(alternatives)
    leaves = {k: np.flatnonzero(parents == k).tolist() for k in range(len(tree.nodes))}
    below = {k: np.flatnonzero(tree.node_parent == k).tolist() for k in range(len(tree.nodes))}
    values: dict[int, Floats] = {}
    shares: dict[int, Floats] = {}
    for k in reversed(range(len(tree.nodes))):
        children = np.stack([*(v[:, j] for j in leaves[k]), *(values[c] for c in below[k])], axis=1)
        scaled = children / rho[tree.nodes[k]]
        total = logsumexp(scaled, axis=1, keepdims=True)
        there = np.isfinite(total)
        shares[k] = np.where(there, np.exp(scaled - np.where(there, total, 0.0)), 0.0)
        values[k] = rho[tree.nodes[k]] * total[:, 0]
    given = np.isfinite(v).astype(float)
    reached = [np.ones(len(v)) for _ in tree.nodes]
    slope = {}
    for k, name in enumerate(tree.nodes):
        for position, j in enumerate(leaves[k]):
            given[:, j] = reached[k] * shares[k][:, position]
        for position, c in enumerate(below[k]):
            reached[c] = reached[k] * shares[k][:, len(leaves[k]) + position]
        slope[name] = -reached[k] * xlogy(shares[k], shares[k]).sum(axis=1)
    value = np.full((len(v), len(tops.labels)), -np.inf)
    for t in range(len(tops.labels)):
        outer = [k for k in range(len(tree.nodes)) if tree.node_parent[k] == ROOT and tops.nests[k] == t]
        value[:, t] = values[outer[0]] if outer else v[:, int(np.flatnonzero(tops.of == t)[0])]
    return Inclusive(value, given, slope)
