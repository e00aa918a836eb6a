"""Bind a model to data: columns, chunks, parameters and weights become one :class:`Problem`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.engine.problem import Problem, place_families
from relocchoice.errors import Finding, SpecificationError
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.registry import family_for
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.design import build_design
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.params import Constraints, ParamSpace, param_space

Floats = NDArray[np.float64]
COMMON = "lambda"


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
    if spec.lambdas == "free" or n_shape == 0:
        return ShapeMap(names, np.zeros(n_shape), np.eye(n_shape))
    free = np.array([name not in degenerate_lambdas(spec) for name in names])
    return ShapeMap((COMMON,), np.where(free, 0.0, 1.0), free[:, None].astype(float))


def degenerate_lambdas(spec: ModelSpec) -> tuple[str, ...]:
    """Lambdas of nests with one child, which nothing identifies; without normalisation they are identified."""
    if spec.nests is None or spec.normalisation == "none":
        return ()
    return tuple(f"lambda:{node}" for node in spec.nests.degenerate)


def parameter_space(spec: ModelSpec, coef_names: tuple[str, ...], shapes: ShapeMap) -> ParamSpace:
    """Coefficients, then shape parameters, under the model's constraints and the degenerate lambdas' own."""
    own = {name: 1.0 for name in degenerate_lambdas(spec) if name in shapes.names}
    asked = spec.constraints
    _check_shapes(asked, shapes)
    fixed = {**own, **asked.fixed}
    return param_space((*coef_names, *shapes.names), Constraints(fixed, asked.equal, asked.bounds))


def _check_shapes(asked: Constraints, shapes: ShapeMap) -> None:
    """Dissimilarity parameters are positive."""
    wrong = [(f"{name} is fixed at {value:g}", name) for name, value in asked.fixed.items() if value <= 0]
    wrong += [
        (f"{name} is bounded by {top:g}", name)
        for name, (_, top) in asked.bounds.items()
        if top is not None and top <= 0
    ]
    findings = [
        Finding("lambda_not_positive", f"{message}; a lambda must be positive", column=name)
        for message, name in wrong
        if name in shapes.names
    ]
    if findings:
        raise SpecificationError(findings)


def bind(spec: ModelSpec, columns: UtilityColumns, data: ChoiceData) -> Problem:
    """The problem of a model on data.

    Raises
    ------
    SpecificationError : the nests or the constraints do not fit the alternatives or the coefficients.
    """
    family = family_for(spec, data.alternatives)
    shapes = shape_map(spec, family)
    space = parameter_space(spec, columns.names, shapes)
    design = build_design(
        data,
        columns,
        family.slot_order(data.n_alternatives),
        family.slot_group(data.n_alternatives),
        family.shift_invariant,
        _unconstrained(space)[: len(columns.names)],
    )
    weights = np.ones(data.n_cases) if data.weights is None else data.weights
    return Problem(design, place_families(family, design), space, shapes.constant, shapes.matrix, weights)


def _unconstrained(space: ParamSpace) -> NDArray[np.bool_]:
    """(p,) parameters that are free, tied to no other and without bounds."""
    alone = (space.matrix != 0).sum(axis=0) == 1
    unbounded = np.isinf(space.lower) & np.isinf(space.upper)
    return space.matrix @ (alone & unbounded).astype(float) > 0
