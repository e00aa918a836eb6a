"""A nest tree as numbers: nodes in preorder, alternatives in slots, each node's slots contiguous."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SlotTree:
    """Node 0 is the root; nodes 1..M are the nests, parents before children.

    Attributes
    ----------
    parent : (M + 1,) parent of each node, -1 for the root.
    slot_parent : (S,) node directly above each slot; slots are in depth-first order.
    start, stop : (M + 1,) the slots below each node are ``start[m]:stop[m]`` (equal where the node is empty).
    """

    parent: NDArray[np.intp]
    slot_parent: NDArray[np.intp]
    start: NDArray[np.intp]
    stop: NDArray[np.intp]

    @property
    def n_nodes(self) -> int:
        return len(self.parent)

    def children(self, node: int) -> list[int]:
        """Nests directly below a node that hold at least one slot."""
        return [m for m in range(1, self.n_nodes) if self.parent[m] == node and self.stop[m] > self.start[m]]

    def own_slots(self, node: int) -> slice | NDArray[np.intp]:
        """Slots that stand directly under a node; a slice where they are contiguous, which spares a copy."""
        slots = np.flatnonzero(self.slot_parent == node)
        if len(slots) and slots[-1] - slots[0] + 1 == len(slots):
            return slice(int(slots[0]), int(slots[-1]) + 1)
        return slots if len(slots) else slice(0, 0)


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
    return SlotTree(parent, slot_parent, start, stop)
