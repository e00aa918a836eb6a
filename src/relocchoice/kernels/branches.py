"""Conditional probabilities up a tree of logits: what every model with nests is made of, one without being the root.

Inclusive values run up: S_m = log sum_c exp(W_c / sigma_m), W_m = tau_m S_m, W_j = u V_j at an alternative;
P(c | m) = exp(W_c / sigma_m - S_m), and the probability of an alternative is the product down its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.protocol import Floats
from relocchoice.kernels.tree import SlotTree


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """sigma and tau of each node (M + 1,), and d sigma / d lambda (0 or 1; d tau / d lambda is 1)."""

    sigma: Floats
    tau: Floats
    sigma_slope: float

    @property
    def rho(self) -> Floats:
        return self.tau / self.sigma


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """A model that is a tree, at some utilities.

    Attributes
    ----------
    log_p_slot : (S, n), log_p_node : (M + 1, n) log probabilities given the node above; -inf where unavailable.
    log_sum : (M + 1, n) the S_m; -inf for a node of which a case has no alternative.
    unit : the u by which the utilities were multiplied; unit_of : the shape parameter that it is, None where it is 1.
    """

    tree: SlotTree
    scales: Scales
    log_p_slot: Floats
    log_p_node: Floats
    log_sum: Floats
    unit: float = 1.0
    unit_of: int | None = None


@runtime_checkable
class Branching(Protocol):
    """A family whose probabilities are those of a tree with one lambda a nest, in the order of the nests."""

    def branches(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Branches:
        """The tree at utilities v (S, n)."""


UNIT = Scales(np.ones(1), np.ones(1), 1.0)


def upward(tree: SlotTree, v: Floats, available: NDArray[np.bool_] | None, scales: Scales) -> Branches:
    """Conditional probabilities and log-sums at utilities v (S, n)."""
    w_slot = v if available is None else np.where(available, v, -np.inf)
    n_nodes, n = tree.n_nodes, v.shape[1]
    w_node = np.full((n_nodes, n), -np.inf)
    log_sum = np.full((n_nodes, n), -np.inf)
    log_p_node = np.full((n_nodes, n), -np.inf)
    log_p_node[0] = 0.0
    log_p_slot = np.empty_like(w_slot)
    for m in reversed(range(n_nodes)):
        slots, below, sigma = tree.own[m], list(tree.children[m]), scales.sigma[m]
        held = [(into, z[at] / sigma, at) for into, z, at in ((log_p_slot, w_slot, slots), (log_p_node, w_node, below))]
        held = [part for part in held if len(part[1])]
        if not held:
            continue
        top, log_total = _log_sum_exp([z for _, z, _ in held])
        log_sum[m] = top + log_total
        # subtracting the sum itself would lose digits of log p where utilities / lambda are large
        finite = np.where(np.isfinite(log_total), log_total, 0.0)
        for into, z, at in held:
            into[at] = (z - top) - finite
        w_node[m] = scales.tau[m] * log_sum[m]
    return Branches(tree, scales, log_p_slot, log_p_node, log_sum)


def _log_sum_exp(parts: list[Floats]) -> tuple[Floats, Floats]:
    """Column maxima m over all parts and log sum exp(. - m); 0 and -inf for a node without available alternatives."""
    top = parts[0].max(axis=0)
    for part in parts[1:]:
        top = np.maximum(top, part.max(axis=0))
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.exp(parts[0] - top).sum(axis=0)
    for part in parts[1:]:
        total += np.exp(part - top).sum(axis=0)
    with np.errstate(divide="ignore"):
        return top, np.log(total)
