"""Sums of probabilities and their derivatives over the cases, for families that are trees, by matrix products.

In the notation of :mod:`relocchoice.kernels.branches`, with x_j = dW_j / dtheta of an alternative (its columns times u;
theta are coefficients and lambdas), the scores run up and down the tree once:

    up:    mean_m = sum_c p_c W'_c,   W'_m = rho_m mean_m + [lambda_m] (S_m - rho_m sigma'_m (S_m - entropy_m)),
    down:  (log P_c)' = (log P_m)' + (W'_c - mean_m) / sigma_m - [lambda_m] sigma'_m (log p_c + entropy_m) / sigma_m.

Unrolled, d log P_j / dV_k = [j = k] u / sigma_j + sum over the nodes m above both of c_mk P(k | m) with constants

    c_mk = u kappa_m R_mk,   kappa_m = 1 / sigma_above - 1 / tau_m (-1 at the root),   R_mk = product of rho, m to k,

so that all sums are those of T = w P_j P(k | m) d_k, alone and times (log P_j)' + (log P_k)' - (log P_m)', and the
constants stand before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.branches import Branches, Branching
from relocchoice.kernels.protocol import Floats, Slots
from relocchoice.kernels.tree import SlotTree, over_children, span
from relocchoice.spec.chunk import Chunk

Ints = NDArray[np.intp]
BLOCK = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class TreeSums:
    """Weighted sums before the constants; G groups, S slots, s of them below a node, V probes d, q of theta.

    Attributes
    ----------
    level : (G, S) of P_j; level_slope : (G, S, q) times (log P_j)'.
    own : (V, G, S) of P_j d_j; own_slope : (V, G, S, q) times (log P_j)'.
    pairs : of each node (V, G, s, s) of T_jk; pair_slopes : (V, G, s, s, q) times (log P_j)' + (log P_k)' - (log P_m)'.

    Where logarithms are asked for, w P_j is w, and (log P_j)' is left out, in all but ``level``.
    """

    level: Floats
    level_slope: Floats
    own: Floats
    own_slope: Floats
    pairs: tuple[Floats, ...]
    pair_slopes: tuple[Floats, ...]


def tree_sums(tree: SlotTree, n_groups: int, n_probes: int, q: int) -> TreeSums:
    """Zeros, to which :func:`add_cases` adds."""
    n_slots, below = len(tree.slot_parent), tree.stop - tree.start
    each = (n_probes, n_groups)
    return TreeSums(
        np.zeros((n_groups, n_slots)),
        np.zeros((n_groups, n_slots, q)),
        np.zeros((*each, n_slots)),
        np.zeros((*each, n_slots, q)),
        tuple(np.zeros((*each, s, s)) for s in below),
        tuple(np.zeros((*each, s, s, q)) for s in below),
    )


@dataclass(frozen=True, slots=True, eq=False)
class TreePoint:
    """The cases of a chunk at some parameters.

    Attributes
    ----------
    given : of each node the (s, n) probabilities of the s slots below it, given the node.
    slots : (S, q, n) derivatives of the log P_j; nodes : (M + 1, q, n) of the log P_m. q is 0 where none are wanted.
    """

    given: tuple[Floats, ...]
    slots: Floats
    nodes: Floats

    def at(self, cases: Ints) -> TreePoint:
        """Some of the cases."""
        return TreePoint(tuple(p[:, cases] for p in self.given), self.slots[:, :, cases], self.nodes[:, :, cases])


def tree_point(
    family: Branching, chunk: Chunk, layout: Layout, beta: Floats, shape: Floats, gradient: bool
) -> tuple[Branches, TreePoint]:
    """The tree of a chunk's cases and what is summed of them."""
    generic = chunk.generic_by_slot()
    v = chunk.utilities(beta, generic)
    up = family.branches(v, chunk.placement.available, shape)
    p_slot, p_node = np.exp(up.log_p_slot), np.exp(up.log_p_node)
    given = _given_node(up.tree, p_slot, p_node)
    if not gradient:
        nothing = np.empty((0, 0, v.shape[1]))
        return up, TreePoint(given, nothing, nothing)
    return up, TreePoint(given, *_scores(_Columns(chunk, layout, generic, v, up), p_slot, p_node))


def _given_node(tree: SlotTree, p_slot: Floats, p_node: Floats) -> tuple[Floats, ...]:
    out = [p_slot[:0]] * tree.n_nodes
    for m in reversed(range(tree.n_nodes)):
        start = tree.start[m]
        out[m] = p_slot[start : tree.stop[m]].copy() if tree.children[m] else p_slot[start : tree.stop[m]]
        for c in tree.children[m]:
            np.multiply(p_node[c], out[c], out=out[m][tree.start[c] - start : tree.stop[c] - start])
    return tuple(out)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the columns of chunks with the same slots stand.

    Attributes
    ----------
    generic : coefficients of the generic columns, a slice where they are consecutive.
    labelled : of each slot (coefficient, whether one of ``pool``, position) of the columns that it has of its own.
    """

    generic: Slots
    labelled: tuple[tuple[tuple[int, bool, int], ...], ...]


def layout_of(chunk: Chunk) -> Layout:
    """The layout of a chunk."""
    labelled = []
    for pool, own in zip(chunk.pool_coef.T.tolist(), chunk.own_coef.T.tolist(), strict=True):
        both = [(coef, pooled, k) for pooled, some in ((True, pool), (False, own)) for k, coef in enumerate(some)]
        labelled.append(tuple(one for one in both if one[0] >= 0))
    return Layout(span(chunk.generic_coef), tuple(labelled))


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The x_j of a chunk, never written out: generic columns (S, Kg, n), utilities (S, n) and the rest as it lies."""

    chunk: Chunk
    layout: Layout
    generic: Floats
    v: Floats
    up: Branches

    def add_mean(self, out: Floats, slots: slice, p: Floats) -> None:
        """Add sum_s p_s x_s over some slots to (q, n)."""
        chunk, unit = self.chunk, self.up.unit
        scaled = p if unit == 1.0 else unit * p
        if len(chunk.generic_coef):
            out[self.layout.generic] += np.einsum("sn,skn->kn", scaled, self.generic[slots])
        if len(chunk.zone):
            out[chunk.zone_coef] += chunk.zone[:, slots] @ scaled
        for s, row in zip(range(slots.start, slots.stop), scaled, strict=True):
            for coef, pooled, k in self.layout.labelled[s]:
                out[coef] += row * (chunk.pool[k] if pooled else chunk.own[k, s])
        if self.up.unit_of is not None:
            out[chunk.n_coef + self.up.unit_of] += np.einsum("sn,sn->n", p, self._there(slots))

    def add(self, out: Floats, slots: slice, factor: float) -> None:
        """Add factor x_s of some slots to (s, q, n)."""
        chunk, scale = self.chunk, factor * self.up.unit
        if len(chunk.generic_coef):
            x = self.generic[slots]
            out[:, self.layout.generic] += x if scale == 1.0 else scale * x
        if len(chunk.zone):
            out[:, chunk.zone_coef] += scale * chunk.zone[:, slots].T[:, :, None]
        for s, row in zip(range(slots.start, slots.stop), out, strict=True):
            for coef, pooled, k in self.layout.labelled[s]:
                row[coef] += scale * (chunk.pool[k] if pooled else chunk.own[k, s])
        if self.up.unit_of is not None:
            out[:, chunk.n_coef + self.up.unit_of] += factor * self._there(slots)

    def _there(self, slots: slice) -> Floats:
        """The utilities, zero where unavailable."""
        available = self.chunk.placement.available
        return self.v[slots] if available is None else np.where(available[slots], self.v[slots], 0.0)


def _scores(columns: _Columns, p_slot: Floats, p_node: Floats) -> tuple[Floats, Floats]:
    """``slots`` and ``nodes`` of :class:`TreePoint`."""
    up, n_coef = columns.up, columns.chunk.n_coef
    tree, scales, (n_slots, n) = up.tree, up.scales, p_slot.shape
    rho, sigma, slope, q = scales.rho, scales.sigma, scales.sigma_slope, n_coef + tree.n_nodes - 1
    slots, nodes = np.empty((n_slots, q, n)), np.zeros((tree.n_nodes, q, n))
    base, w = np.zeros((tree.n_nodes, q, n)), np.empty((tree.n_nodes, q, n))
    log_slot, log_node, direct = _in_lambda(up, p_slot, p_node)
    for m in reversed(range(tree.n_nodes)):
        for run in tree.runs[m]:
            columns.add_mean(base[m], run, p_slot[run])
        for c in tree.children[m]:
            base[m] += p_node[c] * w[c]
        if m:
            np.multiply(base[m], rho[m], out=w[m])
            w[m, n_coef + m - 1] += direct[m]
    for m in range(tree.n_nodes):
        base[m] /= -sigma[m]
        if m:
            base[m] += nodes[m]
        for run in tree.runs[m]:
            slots[run] = base[m]
            columns.add(slots[run], run, 1.0 / sigma[m])
            if m and slope:
                slots[run, n_coef + m - 1] -= log_slot[run]
        for c in tree.children[m]:
            np.divide(w[c], sigma[m], out=nodes[c])
            nodes[c] += base[m]
            if m and slope:
                nodes[c, n_coef + m - 1] -= log_node[c]
    return slots, nodes


def _in_lambda(up: Branches, p_slot: Floats, p_node: Floats) -> tuple[Floats, Floats, Floats]:
    """What lambdas move while all below them is held fixed.

    Returns
    -------
    (S, n) and (M + 1, n) - d log p of slots and nodes in the lambda of the node above; (M + 1, n) dW_m in lambda_m.
    """
    tree, scales = up.tree, up.scales
    if tree.n_nodes == 1:
        return p_slot, p_node, p_node
    slots, nodes, log_sum = _finite(up.log_p_slot), _finite(up.log_p_node), _finite(up.log_sum)
    entropy = -over_children(tree, p_slot * slots, p_node * nodes)
    direct = log_sum - (scales.sigma_slope * scales.rho)[:, None] * (log_sum - entropy)
    by_sigma, above = scales.sigma_slope / scales.sigma, np.maximum(tree.parent, 0)
    slots += entropy[tree.slot_parent]
    slots *= by_sigma[tree.slot_parent, None]
    nodes += entropy[above]
    nodes *= by_sigma[above, None]
    return slots, nodes, direct


def _finite(log_p: Floats) -> Floats:
    """Zero for what is not available: it is only ever multiplied by its probability."""
    return np.where(np.isfinite(log_p), log_p, 0.0)


def add_cases(
    sums: TreeSums,
    tree: SlotTree,
    point: TreePoint,
    there: Floats | None,
    weights: Floats,
    probes: Sequence[Floats | None],
    of_log: bool,
    group: int,
) -> None:
    """Add the sums of some cases to those of a group.

    Parameters
    ----------
    there : (S, n) availability as ones and zeros, None where all is available; weights : (n,); probes : (S, n) each,
        None for ones.
    """
    mass = weights * point.given[0]
    sums.level[group] += mass.sum(axis=1)
    gradient = sums.level_slope.shape[-1] > 0
    if gradient:
        slope = _times(mass[:, None], point.slots)[:, 0]
        sums.level_slope[group] += slope
    left = mass if not of_log else weights[None] if there is None else weights * there
    for v, probe in enumerate(probes):
        moved = left if probe is None else left * probe
        sums.own[v, group] += moved.sum(axis=1)
        if gradient and not of_log:
            sums.own_slope[v, group] += slope if probe is None else _times(moved[:, None], point.slots)[:, 0]
        for m, given in enumerate(point.given):
            if not len(given):
                continue
            below = slice(tree.start[m], tree.stop[m])
            rows = left if len(left) == 1 else left[below]
            right = given if probe is None else given * probe[below]
            sums.pairs[m][v, group] += rows @ right.T
            if gradient:
                _add_pair_slopes(sums.pair_slopes[m][v, group], rows, right, point, below, m, probe is None, of_log)


def _times(rows: Floats, scores: Floats) -> Floats:
    """(S, B, n), (S, q, n) -> (S, B, q)."""
    return np.matmul(rows, scores.transpose(0, 2, 1))


def _add_pair_slopes(
    out: Floats, left: Floats, right: Floats, point: TreePoint, below: slice, m: int, alike: bool, of_log: bool
) -> None:
    """Add to (s, s, q) the sums of left_j right_k ((log P_j)' + (log P_k)' - (log P_m)'); of_log: without j's."""
    slots = point.slots[below]
    n_right, n = right.shape
    step = max(1, BLOCK // max(1, n_right * n))
    for start in range(0, len(left), step):
        # one row on the left stands for all
        block = slice(start, start + step) if len(left) == len(out) else slice(None)
        pairs = left[block, None] * right
        if not of_log:
            first = _times(pairs, slots[block])
            out[block] += first
            if alike:
                # w P_j P(k | m) is the same for (j, k) and (k, j)
                out[:, block] += first.swapaxes(0, 1)
        if of_log or not alike:
            out[block] += _times(pairs.swapaxes(0, 1), slots).swapaxes(0, 1)
        if m:
            out[block] -= (pairs.reshape(-1, n) @ point.nodes[m].T).reshape(len(pairs), n_right, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Sums of P_j s_k d_k, (V, G, S, S), and their derivatives (V, G, S, S, q)."""

    effect: Floats
    effect_slope: Floats


def combined(sums: TreeSums, up: Branches) -> Combined:
    """The sums with their constants; ``up`` at any cases."""
    tree, scales, unit = up.tree, up.scales, up.unit
    sigma, tau, rho, slope = scales.sigma, scales.tau, scales.rho, scales.sigma_slope
    n_shape, n_slots, q = tree.n_nodes - 1, len(tree.slot_parent), sums.level_slope.shape[-1]
    effect = np.zeros((*sums.own.shape, n_slots))
    change = np.zeros((*sums.own.shape, n_slots, q))
    by_shape = change[..., q - n_shape :] if q else np.zeros((*effect.shape, n_shape))
    one = np.eye(n_shape + 1, n_shape, -1)  # of each node, the derivative of its lambda
    d_unit = np.zeros(n_shape) if up.unit_of is None else one[up.unit_of + 1]
    each, scale = np.arange(n_slots), sigma[tree.slot_parent, None]
    effect[..., each, each] = unit / scale[:, 0] * sums.own
    change[..., each, each, :] = unit / scale * sums.own_slope
    d_own = d_unit / scale - unit * slope / scale**2 * one[tree.slot_parent]
    by_shape[..., each, each, :] += d_own * sums.own[..., None]
    product, relative = np.ones(n_slots), np.zeros((n_slots, n_shape))
    for m in reversed(range(tree.n_nodes)):
        below, above = slice(tree.start[m], tree.stop[m]), max(int(tree.parent[m]), 0)
        product[below] *= rho[m]
        relative[below] += (1.0 - slope * rho[m]) / (sigma[m] * rho[m]) * one[m]
        kappa = 1.0 / sigma[above] - 1.0 / tau[m] if m else -1.0
        d_kappa = one[m] / tau[m] ** 2 - slope / sigma[above] ** 2 * one[above] if m else np.zeros(n_shape)
        c = unit * kappa * product[below]
        d_c = (d_unit * kappa + unit * d_kappa) * product[below, None] + c[:, None] * relative[below]
        effect[..., below, below] += c * sums.pairs[m]
        change[..., below, below, :] += c[:, None] * sums.pair_slopes[m]
        by_shape[..., below, below, :] += d_c * sums.pairs[m][..., None]
    return Combined(effect, change)
