"""A nest tree as numbers: nodes in preorder, alternatives in slots, each node's slots contiguous."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.protocol import Floats, Slots


@dataclass(frozen=True, slots=True, eq=False)
class SlotTree:
    """Node 0 is the root; nodes 1..M are the nests, parents before children.

    Attributes
    ----------
    parent : (M + 1,) parent of each node, -1 for the root.
    slot_parent : (S,) node directly above each slot; slots are in depth-first order.
    start, stop : (M + 1,) the slots below each node are ``start[m]:stop[m]`` (equal where the node is empty).
    children : of each node, the nests directly below it that hold at least one slot.
    own : of each node, the slots directly below it; a slice where they are contiguous, which spares a copy.
    runs : the same as slices of contiguous slots.
    """

    parent: NDArray[np.intp]
    slot_parent: NDArray[np.intp]
    start: NDArray[np.intp]
    stop: NDArray[np.intp]
    children: tuple[tuple[int, ...], ...]
    own: tuple[Slots, ...]
    runs: tuple[tuple[slice, ...], ...]

    @property
    def n_nodes(self) -> int:
        return len(self.parent)


def slot_tree(parent: NDArray[np.intp], slot_parent: NDArray[np.intp]) -> SlotTree:
    """Work out the spans of slots below each node.

    Raises
    ------
    ValueError : when the slots are not in depth-first order.
    """
    n_nodes = len(parent)
    start = np.zeros(n_nodes, dtype=np.intp)
    stop = np.zeros(n_nodes, dtype=np.intp)
    above = np.zeros((n_nodes, len(slot_parent)), dtype=bool)
    for slot, node in enumerate(slot_parent):
        at = int(node)
        while at >= 0:
            above[at, slot] = True
            at = int(parent[at])
    for node in range(n_nodes):
        slots = np.flatnonzero(above[node])
        if len(slots):
            start[node], stop[node] = slots[0], slots[-1] + 1
            if stop[node] - start[node] != len(slots):
                msg = "slots must be in depth-first order of the tree"
                raise ValueError(msg)
    held = [m for m in range(1, n_nodes) if stop[m] > start[m]]
    children = tuple(tuple(c for c in held if parent[c] == m) for m in range(n_nodes))
    own = [np.flatnonzero(slot_parent == m) for m in range(n_nodes)]
    runs = tuple(_runs(slots) for slots in own)
    return SlotTree(parent, slot_parent, start, stop, children, tuple(map(span, own)), runs)


@lru_cache(maxsize=64)
def root_alone(n_slots: int) -> SlotTree:
    """The tree of a model without nests."""
    return slot_tree(np.array([-1], dtype=np.intp), np.zeros(n_slots, dtype=np.intp))


def span(positions: NDArray[np.intp]) -> Slots:
    """Positions as a slice where they are consecutive."""
    first = int(positions[0]) if len(positions) else 0
    alike = np.array_equal(positions, np.arange(first, first + len(positions)))
    return slice(first, first + len(positions)) if alike else positions


def _runs(slots: NDArray[np.intp]) -> tuple[slice, ...]:
    parts = np.split(slots, np.flatnonzero(np.diff(slots) != 1) + 1)
    return tuple(slice(int(part[0]), int(part[-1]) + 1) for part in parts if len(part))


def over_children(tree: SlotTree, slots: Floats, nodes: Floats) -> Floats:
    """(S, n), (M + 1, n) -> (M + 1, n): sums over the children of each node."""
    out = np.zeros_like(nodes)
    for m, children in enumerate(tree.children):
        for run in tree.runs[m]:
            out[m] += slots[run].sum(axis=0)
        for c in children:
            out[m] += nodes[c]
    return out
