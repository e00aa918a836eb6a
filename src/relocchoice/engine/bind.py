"""Bind a model to data: columns, chunks, parameters and weights become one :class:`Problem`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.engine.collapse import representatives
from relocchoice.engine.problem import Problem, place_families
from relocchoice.errors import Finding, SpecificationError
from relocchoice.kernels.fused import storage
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.registry import family_for
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.design import build_design
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.nests import NestTree
from relocchoice.spec.params import Constraints, ParamSpace, param_space

Floats = NDArray[np.float64]
COMMON = "lambda"
# utilities divided by less, or times more, leave no digits
LAMBDAS = (1e-6, 1e6)


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The data of a fit and the problem they make; kept with the results so that scores need no refit."""

    data: ChoiceData
    problem: Problem


@dataclass(frozen=True, slots=True, eq=False)
class ShapeMap:
    """How the family's L shape parameters come from those of the table: shape = constant + matrix @ table.

    Attributes
    ----------
    names : (T,) names in the table; constant : (L,); matrix : (L, T).
    """

    names: tuple[str, ...]
    constant: Floats
    matrix: Floats


def shape_map(spec: ModelSpec, family: Family) -> ShapeMap:
    """One parameter a shape, or a single one for all nests that are not degenerate (``lambdas="common"``)."""
    names = family.shape_names()
    n_shape = len(names)
    idle = degenerate_lambdas(spec)
    free = np.array([name not in idle for name in names], dtype=bool)
    if spec.lambdas == "free" or n_shape == 0:
        return ShapeMap(names, np.zeros(n_shape), np.eye(n_shape))
    if not free.any():
        return ShapeMap((), np.ones(n_shape), np.empty((n_shape, 0)))
    return ShapeMap((COMMON,), np.where(free, 0.0, 1.0), free[:, None].astype(float))


def degenerate_lambdas(spec: ModelSpec) -> tuple[str, ...]:
    """Lambdas that nothing identifies: of nests with every alternative and, if normalised, of nests with one child."""
    if spec.nests is None:
        return ()
    alone = () if spec.normalisation == "none" else spec.nests.degenerate
    idle = {*alone, *_whole(spec.nests)}
    return tuple(f"lambda:{node}" for node in spec.nests.nodes if node in idle)


def _whole(nests: NestTree) -> tuple[str, ...]:
    """Nests that hold every alternative: their lambda is the scale of all utilities."""
    below = np.bincount(nests.leaf_parent[nests.leaf_parent >= 0], minlength=len(nests.nodes))
    for node in reversed(range(len(nests.nodes))):  # parents come before their children
        if nests.node_parent[node] >= 0:
            below[nests.node_parent[node]] += below[node]
    return tuple(node for node, count in zip(nests.nodes, below, strict=True) if count == len(nests.leaves))


def parameter_space(spec: ModelSpec, coef_names: tuple[str, ...], shapes: ShapeMap) -> ParamSpace:
    """Coefficients, then shape parameters, under the model's constraints and the degenerate lambdas' own."""
    asked = spec.constraints
    _check_shapes(asked, shapes)
    # a tie gives a degenerate lambda its partner's value; fixing it at 1 would fix the partner
    tied = {name for group in asked.equal for name in group}
    own = {name: 1.0 for name in degenerate_lambdas(spec) if name in shapes.names and name not in tied}
    bounds = {name: pair for name, pair in asked.bounds.items() if name not in own}
    return param_space((*coef_names, *shapes.names), Constraints({**own, **asked.fixed}, asked.equal, bounds))


def _check_shapes(asked: Constraints, shapes: ShapeMap) -> None:
    """Dissimilarity parameters are positive."""
    low, high = LAMBDAS
    wrong = [
        (f"{name} is fixed at {_exact(value)}", name) for name, value in asked.fixed.items() if not low <= value <= high
    ]
    wrong += [
        (f"{name} is bounded by {_exact(top)}", name)
        for name, (_, top) in asked.bounds.items()
        if top is not None and top < low
    ]
    findings = [
        Finding("lambda_not_positive", f"{message}; a lambda must be positive, {low:g} to {high:g}", column=name)
        for message, name in wrong
        if name in shapes.names
    ]
    if findings:
        raise SpecificationError(findings)


def _exact(value: float) -> str:
    """A number in so many digits that it is not taken for its neighbour."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def bind(spec: ModelSpec, columns: UtilityColumns, data: ChoiceData) -> Problem:
    """The problem of a model on data.

    Raises
    ------
    SpecificationError : the nests or the constraints do not fit the alternatives or the coefficients.
    """
    family = family_for(spec, data.alternatives)
    shapes = shape_map(spec, family)
    space = parameter_space(spec, columns.names, shapes)
    lane_of = representatives(data, columns)
    design = build_design(
        data,
        columns,
        family.slot_order(data.n_alternatives),
        family.slot_group(data.n_alternatives),
        family.shift_invariant,
        unconstrained(space)[: len(columns.names)],
        None if lane_of is None else np.unique(lane_of),
        storage(family),
    )
    weights, scale = case_weights(data)
    return Problem(
        design,
        place_families(family, design),
        space,
        shapes.constant,
        shapes.matrix,
        weights,
        scale,
        lane_of=lane_of,
    )


def case_weights(data: ChoiceData) -> tuple[Floats, float]:
    """Case weights and what they were divided by: the unit of sampling weights has no meaning and must not matter."""
    if data.weights is None:
        return np.ones(data.n_cases), 1.0
    if data.weight_kind == "frequency" or not data.weights.any():
        return data.weights, 1.0
    top = float(data.weights.max())
    scale = top * float((data.weights / top).mean())
    return data.weights / scale, scale


def unconstrained(space: ParamSpace) -> NDArray[np.bool_]:
    """(p,) parameters that are free, tied to no other and without bounds."""
    alone = (space.matrix != 0).sum(axis=0) == 1
    unbounded = np.isinf(space.lower) & np.isinf(space.upper)
    return space.matrix @ (alone & unbounded).astype(float) > 0
