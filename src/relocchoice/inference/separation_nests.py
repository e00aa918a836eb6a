"""What a tree of nests means for separation: which lambdas keep a certificate valid, and nests that are their own."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.bind import Bound, degenerate_lambdas
from relocchoice.engine.pairs import Pairs
from relocchoice.engine.problem import Problem
from relocchoice.inference.cone import recession_cone
from relocchoice.inference.recession import Signs
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.nests import NestTree

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


def one_scale(tree: NestTree, problem: Problem) -> bool:
    """Whether all lambdas are one parameter (or one value) and every alternative stands under as many nests."""
    depths = {len(_above(tree, int(m))) for m in tree.leaf_parent}
    shapes = problem.shape_matrix @ problem.space.matrix[problem.n_coef :]
    constant = problem.shape_constant + problem.shape_matrix @ problem.space.constant[problem.n_coef :]
    same = not np.ptp(shapes, axis=0).any() and not np.ptp(constant)
    return len(depths) == 1 and bool(same)


def always_consistent(tree: NestTree, problem: Problem) -> bool:
    """Whether constraints keep every lambda between zero and that of the nest above."""
    shapes = problem.shape_matrix @ problem.space.matrix[problem.n_coef :]
    constant = problem.shape_constant + problem.shape_matrix @ problem.space.constant[problem.n_coef :]
    fixed: Bools = np.abs(shapes).sum(axis=1) == 0
    top = np.where(fixed, constant, constant + shapes @ np.nan_to_num(problem.space.upper, posinf=1e300))
    low = np.where(fixed, constant, 0.0)
    above = [1.0 if m < 0 else low[m] for m in tree.node_parent]
    same = [m >= 0 and not fixed[k] and np.array_equal(shapes[k], shapes[m]) for k, m in enumerate(tree.node_parent)]
    alone = [node in tree.degenerate for node in tree.nodes]
    return all(alone[k] or same[k] or top[k] <= above[k] + 1e-12 for k in range(len(tree.nodes)))


def _above(tree: NestTree, nest: int) -> list[int]:
    """Nests from one up to the root."""
    out = []
    while nest >= 0:
        out.append(nest)
        nest = int(tree.node_parent[nest])
    return out


def nest_notes(spec: ModelSpec, bound: Bound, free: Ints, scale: Floats, signs: Signs) -> tuple[str, ...]:
    """Nests with a free lambda in which the choices alone are separated."""
    if spec.nests is None:
        return ()
    groups = spec.nests.parents_of(list(bound.data.alternatives))
    out = []
    for m in _loose_nests(spec, bound):
        group = np.where(groups == m, m, -1)
        with suppress(ArithmeticError):  # gaps of the size of rounding; a note need not be given
            if recession_cone(Pairs.of(bound.problem, free, scale, group), signs).separated:
                out.append(spec.nests.nodes[m])
    return tuple(out)


def _loose_nests(spec: ModelSpec, bound: Bound) -> list[int]:
    """Nests of several alternatives with a free lambda."""
    assert spec.nests is not None
    problem = bound.problem
    loose = np.abs(problem.shape_matrix @ problem.space.matrix[problem.n_coef :]).sum(axis=1) > 0
    groups = spec.nests.parents_of(list(bound.data.alternatives))
    idle = degenerate_lambdas(spec)
    return [
        m
        for m, node in enumerate(spec.nests.nodes)
        if loose[m] and f"lambda:{node}" not in idle and (groups == m).sum() > 1
    ]
