"""Nested logit of any depth.

Inclusive values run up the tree: S_m = log sum_c exp(W_c / sigma_m), W_m = tau_m S_m, W_j = V_j at an alternative;
P(c | m) = exp(W_c / sigma_m - S_m), and the probability of an alternative is the product down its path.

Utility-maximising normalisation (McFadden 1978; Williams 1977): sigma_m = tau_m = lambda_m, lambda of the root 1;
lambda_m is the dissimilarity of node m on the scale of the root, P(j | m) ~ exp(V_j / lambda_m).
Non-normalised (Daly 1987; compare Koppelman & Wen 1998): sigma_m = 1, tau_m = lambda_m.

Derivatives. With loglik = sum over the chosen path of W_c / sigma_m - W_m / tau_m, let kappa be the coefficient of each
W: kappa_y = 1 / sigma of its parent, kappa_m = on_m (1 / sigma_parent - 1 / tau_m), kappa_root = -1. Going down,
D_c = kappa_c + D_m rho_m p_c with rho = tau / sigma is d loglik / d W_c, so D at the alternatives is d loglik / dV.
With q_m = dW_m / dV: d2 loglik / dVdV' = diag((D_j - kappa_j) / sigma) + sum_m a_m q_m q_m',
a_m = (D_m - kappa_m) / sigma_parent - D_m / tau_m. Derivatives in lambda are forward-mode tangents down the same tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.branches import Branches, Scales, upward
from relocchoice.kernels.protocol import Curvature, Floats, Local, Order, RankVector, SlotVector
from relocchoice.kernels.tree import SlotTree, over_children, slot_tree

Scaling = Literal["utility", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class NestedLogit:
    """Nested logit over a tree with nodes 0 (root), 1..M (nests); one lambda a nest.

    Attributes
    ----------
    parent : (M + 1,) parent of each node, -1 for the root; parents come before their children.
    leaf_parent : (J,) node above each alternative.
    order : (J,) alternatives in depth-first order.
    names : (M,) names of the nests.
    scaling : ``"utility"`` (sigma = tau = lambda) or ``"none"`` (sigma = 1, tau = lambda).
    tree : the tree over the slots in use (None: not yet placed, see :meth:`at`).
    """

    parent: NDArray[np.intp]
    leaf_parent: NDArray[np.intp]
    order: NDArray[np.intp]
    names: tuple[str, ...]
    scaling: Scaling = "utility"
    tree: SlotTree | None = None

    @property
    def shift_invariant(self) -> bool:
        return self.scaling == "utility"

    def shape_names(self) -> tuple[str, ...]:
        return tuple(f"lambda:{name}" for name in self.names)

    def shape_start(self) -> Floats:
        return np.ones(len(self.names))

    def slot_order(self, n_alternatives: int) -> NDArray[np.intp]:
        return self.order

    def slot_group(self, n_alternatives: int) -> NDArray[np.intp]:
        return self.leaf_parent

    def at(self, alternatives: NDArray[np.intp]) -> NestedLogit:
        tree = slot_tree(self.parent, self.leaf_parent[alternatives])
        return NestedLogit(self.parent, self.leaf_parent, self.order, self.names, self.scaling, tree)

    def local(
        self, v: Floats, available: NDArray[np.bool_] | None, chosen: NDArray[np.intp], shape: Floats, order: Order
    ) -> Local:
        n = v.shape[1]
        if np.any(shape <= 0):
            return Local(np.full(n, -np.inf))
        if order < 2 and available is None and v.strides[1] == 0:
            v = v[:, :1]  # the same utilities in all cases: what does not depend on the choice has one column
        up = self.branches(v, available, shape)
        path = _chosen_path(up, chosen)
        if order == 0:
            return Local(path.loglik)
        down = _downward(up, path, chosen)
        if order == 1:
            return Local(path.loglik, down.dv, _shape_scores(up, path, down))
        return Local(path.loglik, down.dv, _shape_scores(up, path, down), _curvature(up, path, down, chosen))

    def probabilities(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Floats:
        up = self.branches(v, available, shape)
        tree = up.tree
        log_reach = np.zeros((tree.n_nodes, v.shape[1]))
        for node in range(1, tree.n_nodes):
            log_reach[node] = log_reach[tree.parent[node]] + up.log_p_node[node]
        return np.exp(up.log_p_slot + log_reach[tree.slot_parent])

    def branches(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Branches:
        return upward(self._placed(), v, available, self._scales(shape))

    def _placed(self) -> SlotTree:
        if self.tree is None:
            return slot_tree(self.parent, self.leaf_parent[self.order])
        return self.tree

    def _scales(self, shape: Floats) -> Scales:
        tau = np.concatenate(([1.0], shape))
        if self.scaling == "utility":
            return Scales(tau, tau, 1.0)
        return Scales(np.ones_like(tau), tau, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """The chosen path: loglik (n,), on (M + 1, n) nodes on it, log_child (M + 1, n) log P(chosen child | node)."""

    loglik: Floats
    on: NDArray[np.bool_]
    log_child: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Downward:
    """kappa, D, entropy and second moment of log p of the nodes (M + 1, n), p of slots and nodes, dv (S, n)."""

    kappa: Floats
    d: Floats
    p_slot: Floats
    p_node: Floats
    dv: Floats
    entropy: Floats
    square: Floats


def _chosen_path(up: Branches, chosen: NDArray[np.intp]) -> _Path:
    tree = up.tree
    lanes = np.arange(len(chosen)) if up.log_p_slot.shape[1] == len(chosen) else 0
    log_slot = up.log_p_slot[chosen, lanes]
    on = (tree.start[:, None] <= chosen) & (chosen < tree.stop[:, None])
    log_child = np.where(tree.slot_parent[chosen] == np.arange(tree.n_nodes)[:, None], log_slot, 0.0)
    for m in range(1, tree.n_nodes):
        log_child[tree.parent[m]] += np.where(on[m], up.log_p_node[m], 0.0)
    return _Path(log_child.sum(axis=0), on, log_child)


def _downward(up: Branches, path: _Path, chosen: NDArray[np.intp]) -> _Downward:
    tree, scales = up.tree, up.scales
    above = np.maximum(tree.parent, 0)
    kappa = path.on * (1.0 / scales.sigma[above] - 1.0 / scales.tau)[:, None]
    kappa[0] = -1.0 / scales.tau[0]
    p_slot, p_node = np.exp(up.log_p_slot), np.exp(up.log_p_node)
    d = kappa.copy()
    for m in range(1, tree.n_nodes):
        d[m] += d[above[m]] * scales.rho[above[m]] * p_node[m]
    dv = (d * scales.rho[:, None])[tree.slot_parent] * p_slot
    dv[chosen, np.arange(len(chosen))] += (1.0 / scales.sigma)[tree.slot_parent[chosen]]
    entropy, square = _log_moments(up, p_slot, p_node)
    return _Downward(kappa, d, p_slot, p_node, dv, entropy, square)


def _log_moments(up: Branches, p_slot: Floats, p_node: Floats) -> tuple[Floats, Floats]:
    """-sum p log p and sum p (log p)^2 over the children of each node, with 0 log 0 = 0."""
    log_slot = np.where(p_slot > 0, up.log_p_slot, 0.0)
    log_node = np.where(p_node > 0, up.log_p_node, 0.0)
    slots, nodes = p_slot * log_slot, p_node * log_node
    return -over_children(up.tree, slots, nodes), over_children(up.tree, slots * log_slot, nodes * log_node)


def _finite_log_sum(up: Branches) -> Floats:
    return np.where(np.isfinite(up.log_sum), up.log_sum, 0.0)


def _direct(up: Branches, down: _Downward) -> Floats:
    """(M + 1, n) dW_m / d lambda_m with everything below held fixed: S - rho sigma' (S - entropy)."""
    log_sum = _finite_log_sum(up)
    return log_sum - up.scales.sigma_slope * up.scales.rho[:, None] * (log_sum - down.entropy)


def _shape_scores(up: Branches, path: _Path, down: _Downward) -> Floats:
    """(M, n): D_m dW_m/dlambda_m plus the explicit terms on the chosen path."""
    scales, log_sum = up.scales, _finite_log_sum(up)
    explicit = log_sum / scales.tau[:, None] - scales.sigma_slope * (path.log_child + log_sum) / scales.sigma[:, None]
    return (down.d * _direct(up, down) + path.on * explicit)[1:]


def _curvature(up: Branches, path: _Path, down: _Downward, chosen: NDArray[np.intp]) -> Curvature:
    tree, scales = up.tree, up.scales
    above = np.maximum(tree.parent, 0)
    weights = (down.d - down.kappa) / scales.sigma[above][:, None] - down.d / scales.tau[:, None]
    weights[0] = -down.d[0] / scales.tau[0]
    tangents = [_tangent(up, path, down, s) for s in range(1, tree.n_nodes)]
    reverse = tree.n_nodes - 1 - np.arange(tree.n_nodes)
    vectors = tuple(_rank_vector(up, down, m) for m in reversed(range(tree.n_nodes)))
    return Curvature(
        vectors=vectors,
        diagonal_mix=(down.d / scales.sigma[:, None])[reverse],
        weights=weights[reverse],
        gradient_mix=down.d[reverse],
        chosen_weight=(1.0 / scales.sigma)[tree.slot_parent[chosen]],
        cross=np.stack([t.cross for t in tangents])[:, reverse]
        if tangents
        else np.empty((0, tree.n_nodes, len(chosen))),
        extra=tuple(_extra(up, path, down, chosen, s) for s in range(1, tree.n_nodes)),
        shape=np.stack([t.scores for t in tangents], axis=1),
    )


def _rank_vector(up: Branches, down: _Downward, m: int) -> RankVector:
    """q_m = rho_m (p over the node's own slots + sum over child nests of p_c q_c); nodes in reverse preorder."""
    rho, last = up.scales.rho[m], up.tree.n_nodes - 1
    own = SlotVector(up.tree.own[m], rho * down.p_slot[up.tree.own[m]])
    return RankVector(own, tuple((last - c, rho * down.p_node[c]) for c in up.tree.children[m]))


@dataclass(frozen=True, slots=True, eq=False)
class _Tangent:
    """Derivatives in one lambda: of the shape scores (M, n), and of dv per own part of each node (M + 1, n)."""

    scores: Floats
    cross: Floats


def _tangent(up: Branches, path: _Path, down: _Downward, s: int) -> _Tangent:
    """Forward-mode derivative of everything on the nodes with respect to lambda_s."""
    tree, scales = up.tree, up.scales
    sigma, tau, rho, slope = scales.sigma, scales.tau, scales.rho, scales.sigma_slope
    log_sum, entropy, n_nodes = _finite_log_sum(up), down.entropy, tree.n_nodes
    log_p = np.where(down.p_node > 0, up.log_p_node, 0.0)
    zeros = np.zeros((n_nodes, path.loglik.size))
    dw, dlog_sum, dlog_p, dentropy, dlog_child = zeros.copy(), zeros.copy(), zeros.copy(), zeros.copy(), zeros.copy()

    dw[s] = _direct(up, down)[s]
    dlog_sum[s] = -slope / sigma[s] * (log_sum[s] - entropy[s])
    dentropy[s] = slope / sigma[s] * (down.square[s] - entropy[s] ** 2)
    dlog_child[s] = -slope / sigma[s] * (path.log_child[s] + entropy[s])
    for c in up.tree.children[s]:
        dlog_p[c] = -slope / sigma[s] * (log_p[c] + entropy[s])
    child, m = s, int(tree.parent[s])
    while m >= 0:
        step = down.p_node[child] * dw[child] / sigma[m]
        dlog_sum[m] = step
        dw[m] = tau[m] * step
        dentropy[m] = -step * (log_p[child] + entropy[m])
        for c in up.tree.children[m]:
            dlog_p[c] = (dw[c] / sigma[m] if c == child else 0.0) - step
        dlog_child[m] = np.where(path.on[child], dw[child] / sigma[m], 0.0) - step
        child, m = m, int(tree.parent[m])

    dd = np.zeros_like(zeros)
    drho = (1.0 - slope * rho[s]) / sigma[s]
    for m in range(1, n_nodes):
        above = int(tree.parent[m])
        dd[m] = down.p_node[m] * rho[above] * (dd[above] + down.d[above] * dlog_p[m])
        if above == s:
            dd[m] += down.p_node[m] * down.d[s] * drho - path.on[m] * slope / sigma[s] ** 2
        if m == s:
            dd[m] += path.on[m] / tau[s] ** 2

    ddirect = dlog_sum - slope * rho[:, None] * (dlog_sum - dentropy)
    dexplicit = dlog_sum / tau[:, None] - slope * (dlog_child + dlog_sum) / sigma[:, None]
    dexplicit[s] += slope * (path.log_child[s] + log_sum[s]) / sigma[s] ** 2 - log_sum[s] / tau[s] ** 2
    scores = dd * _direct(up, down) + down.d * ddirect + path.on * dexplicit

    # b_m is rho_m p over the node's own slots, so coefficients are per unit of rho_m p.
    cross = dd - down.d * dlog_sum
    cross[s] = dd[s] + down.d[s] * drho / rho[s]
    return _Tangent(scores[1:], cross)


def _extra(up: Branches, path: _Path, down: _Downward, chosen: NDArray[np.intp], s: int) -> SlotVector:
    """What d dv / d lambda_s adds on the node's own slots beyond a multiple of p."""
    scales, slots = up.scales, up.tree.own[s]
    p, slope = down.p_slot[slots], scales.sigma_slope / scales.sigma[s]
    log_p = np.where(p > 0, up.log_p_slot[slots], 0.0)
    values = -slope * down.d[s] * scales.rho[s] * p * (log_p + down.entropy[s])
    here = np.flatnonzero(up.tree.slot_parent[chosen] == s)
    row = np.full(len(up.tree.slot_parent), -1)
    row[slots] = np.arange(len(p))
    values[row[chosen[here]], here] -= slope / scales.sigma[s]
    return SlotVector(slots, values)
