"""A fitted model on other data, also with alternatives it has never met: utilities, probabilities, inclusive values.

A new alternative has the coefficients of the known one it is like: the columns are made with its rows under that
label, and the new alternative then takes the same coefficients. It stands in the tree beside that one.

Inclusive values I = log of the sum over the root, on the utility-maximising scale: E max_j (V_j + e_j) less Euler's
constant (McFadden 1978; Williams 1977).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show, show_some
from relocchoice.engine.bind import parameter_space, shape_map
from relocchoice.engine.problem import Problem, place_families
from relocchoice.errors import DataError, SpecificationError
from relocchoice.kernels.bottom import BottomNormalised
from relocchoice.kernels.inclusive import inclusive_values
from relocchoice.kernels.nested import NestedLogit
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.registry import family_for, reference_nest
from relocchoice.post.derivatives import Setting, prepared
from relocchoice.post.scenario import Scenario
from relocchoice.post.scenario_steps import Addition
from relocchoice.post.welfare import utilities
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.design import build_design
from relocchoice.spec.labels import plain
from relocchoice.spec.model import ModelSpec, apply_unavailable
from relocchoice.spec.nests import ROOT, NestTree

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
DENSE = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """What a utility-maximising tree of nests needs: nodes 0 (root), 1..M, parents first; J alternatives.

    Attributes
    ----------
    parent : (M + 1,), -1 for the root; leaf_parent : (J,).
    """

    parent: Ints
    leaf_parent: Ints


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A model on data.

    Attributes
    ----------
    data : n cases, R rows; columns : of the utilities; problem : with one alternative a slot.
    family : of the utilities on the scale of the root, not yet placed.
    nodes : the tree of its alternatives.
    tree : the same; None where utilities are not those of a utility-maximising choice.
    reference : position of the nest in whose units a bottom-normalised model measures utilities, or None.
    """

    data: ChoiceData
    columns: UtilityColumns
    problem: Problem
    family: Family
    nodes: Tree
    tree: Tree | None
    reference: int | None

    @property
    def weights(self) -> Floats:
        """(n,) weights of the cases, ones without."""
        return np.ones(self.data.n_cases) if self.data.weights is None else np.array(self.data.weights, dtype=float)

    def setting(self, groups: Ints, n_groups: int) -> Setting:
        """For :func:`relocchoice.post.derivatives.sums`."""
        return Setting(self.data, self.problem, self.weights, groups, n_groups)

    def probabilities(self, theta: Floats) -> Floats:
        """(n, J) at the user's parameters."""
        return self.problem.probabilities(self.problem.internal_from_user(theta), self.data.n_alternatives)

    def scales(self, theta: Floats) -> Floats:
        """(M + 1,) lambdas, of the root first."""
        shape = self.problem.shape_constant + self.problem.shape_matrix @ theta[self.problem.n_coef :]
        return np.concatenate(([1.0], shape))

    def utilities(self, theta: Floats) -> Floats:
        """(R,) utilities of the rows on the scale of the root."""
        v = utilities(self.columns, self.data, theta)
        return v if self.reference is None else v * self.scales(theta)[1 + self.reference]

    def inclusive(self, theta: Floats) -> Floats:
        """(n,) inclusive values.

        Raises
        ------
        SpecificationError : the model has none.
        """
        if self.tree is None:
            raise SpecificationError("inclusive values of this model are not those of a utility-maximising choice")
        v, shape = self.utilities(theta), self.scales(theta)[1:]
        order = self.family.slot_order(self.data.n_alternatives)
        placed = self.family.at(order)
        out = np.empty(self.data.n_cases)
        for start, stop in blocks(self.data.n_cases, self.data.n_alternatives):
            lanes = np.ascontiguousarray(self.dense(v, start, stop).T[order])
            found = inclusive_values(placed, lanes, np.isfinite(lanes), shape)
            assert found is not None
            out[start:stop] = found[1][0]
        return out

    def dense(self, rows: Floats, start: int, stop: int) -> Floats:
        """(R,) values of the rows -> (stop - start, J) of some cases, -inf where unavailable."""
        first, last = int(self.data.offsets[start]), int(self.data.offsets[stop])
        out = np.full((stop - start, self.data.n_alternatives), -np.inf)
        case = np.repeat(np.arange(stop - start), np.diff(self.data.offsets[start : stop + 1]))
        out[case, self.data.row_alternative[first:last]] = rows[first:last]
        return out


def blocks(n: int, width: int, most: int = DENSE) -> Iterator[tuple[int, int]]:
    """Cuts of n cases such that cases x width stays below ``most`` values."""
    step = max(1, most // max(1, width))
    for start in range(0, n, step):
        yield start, min(n, start + step)


def baseline(fit: ChoiceResults, data: ChoiceData | None = None) -> World:
    """The model on its own data, or others.

    Raises
    ------
    SpecificationError : a model of sets.
    DataError : no data.
    """
    _refuse_sets(fit.spec)
    return _world(fit, replace(prepared(fit, data), chosen=None, picked=None), ())


def under(fit: ChoiceResults, base: World, scenario: Scenario) -> World:
    """The model on the data as a scenario makes them.

    Raises
    ------
    DataError : see :meth:`Scenario.apply`; a new alternative where the model says what alternatives are worth.
    """
    data = apply_unavailable(scenario.apply(base.data), fit.spec, prediction=True)
    return _world(fit, data, [step for step in scenario.steps if isinstance(step, Addition)])


def _refuse_sets(spec: ModelSpec) -> None:
    if spec.family == "subset":
        raise SpecificationError(
            "scenarios of a logit of sets are not defined here: a case takes several alternatives, and how many is "
            "given; fit a MultinomialLogit on one case a choice (rc.one_case_each)"
        )


def _world(fit: ChoiceResults, data: ChoiceData, added: Sequence[Addition]) -> World:
    if data.n_cases == 0:
        raise DataError("these data hold no cases")
    columns = _columns(fit, data, added)
    spec, reference = fit.spec, None
    family = family_for(spec, data.alternatives[: data.n_alternatives - len(added)])
    shapes = shape_map(spec, family)
    space = parameter_space(spec, columns.names, shapes)
    if spec.normalisation == "bottom" and spec.nests is not None:
        reference = spec.nests.nodes.index(reference_nest(spec.nests))
    if added and spec.nests is not None:
        spec = replace(spec, nests=_grown(spec.nests, data, added))
        family = family_for(spec, data.alternatives)
        # a nest that had one alternative and now has two could become the one whose units are used
        family = BottomNormalised(family.inner, reference or 0) if isinstance(family, BottomNormalised) else family
    design = build_design(
        data,
        _labelled(columns, data),
        family.slot_order(data.n_alternatives),
        family.slot_group(data.n_alternatives),
        family.shift_invariant,
        np.zeros(len(columns.names), dtype=bool),
    )
    weights = np.ones(data.n_cases) if data.weights is None else np.array(data.weights, dtype=float)
    problem = Problem(design, place_families(family, design), space, shapes.constant, shapes.matrix, weights)
    inner = family.inner if isinstance(family, BottomNormalised) else family
    nodes = _tree(inner, data.n_alternatives)
    consistent = not isinstance(inner, NestedLogit) or inner.scaling == "utility"
    return World(data, columns, problem, inner, nodes, nodes if consistent else None, reference)


def _columns(fit: ChoiceResults, data: ChoiceData, added: Sequence[Addition]) -> UtilityColumns:
    """Columns of the utilities; the new alternatives are the last ones."""
    if not added:
        return fit.encoding.columns(data)
    n_known = data.n_alternatives - len(added)
    labels = list(map(plain, data.alternatives))
    twin = np.arange(data.n_alternatives)
    for k, step in enumerate(added):
        twin[n_known + k] = twin[labels.index(step.like)]
    twins = replace(
        data, alternatives=data.alternatives[:n_known], row_alternative=twin[data.row_alternative].astype(np.intp)
    )
    known = fit.encoding.columns(twins)
    constants = [step.constant for step in added]
    columns = tuple(_extended(column, twin, n_known, constants) for column in known.columns)
    offset = known.offset
    if any(constant is not None for constant in constants):
        offset = np.zeros(data.n_rows) if offset is None else np.array(offset, dtype=float)
        for k, constant in enumerate(constants):
            offset = offset + np.where(data.row_alternative == n_known + k, constant or 0.0, 0.0)
    return UtilityColumns(known.names, columns, offset)


def _extended(column: Column, twin: Ints, n_known: int, constants: Sequence[float | None]) -> Column:
    if isinstance(column.coef, (int, np.integer)):
        return column
    coef = np.asarray(column.coef)[twin]
    if column.level == "constant":
        for k, constant in enumerate(constants):
            coef[n_known + k] = coef[n_known + k] if constant is None else -1
    return replace(column, coef=coef)


def _labelled(columns: UtilityColumns, data: ChoiceData) -> UtilityColumns:
    """With sampled or unequal sets: a generic column told as one coefficient for each, so that slots are not shared."""
    labelled = any(not isinstance(column.coef, (int, np.integer)) for column in columns.columns)
    if labelled or not columns.columns or data.n_rows == data.n_cases * data.n_alternatives:
        return columns
    first, *rest = columns.columns
    shared = np.full(data.n_alternatives, first.coef, dtype=np.intp)
    return replace(columns, columns=(replace(first, coef=shared), *rest))


def _grown(nests: NestTree, data: ChoiceData, added: Sequence[Addition]) -> NestTree:
    """The tree with the new alternatives as leaves."""
    known = nests.check(list(map(plain, data.alternatives[: data.n_alternatives - len(added)])))
    leaves, parents = list(known.leaves), list(known.leaf_parent)
    for step in added:
        at = leaves.index(step.like)
        parent = parents[at]
        if step.nest is not None:
            if step.nest and step.nest not in nests.nodes:
                raise DataError(f"nest {show(step.nest)} of {show(step.alternative)} is none: {show_some(nests.nodes)}")
            parent = nests.nodes.index(step.nest) if step.nest else ROOT
            beside = [k for k, one in enumerate(parents) if one == parent]
            if not beside:
                raise DataError(
                    f"nest {show(step.nest)} of {show(step.alternative)} holds no alternative directly; name one of "
                    "those inside it"
                )
            at = beside[-1]
        leaves.insert(at + 1, step.alternative)
        parents.insert(at + 1, parent)
    return NestTree(nests.nodes, nests.node_parent, tuple(leaves), np.array(parents, dtype=np.intp))


def _tree(family: Family, n_alternatives: int) -> Tree:
    if isinstance(family, NestedLogit):
        return Tree(family.parent, family.leaf_parent)
    return Tree(np.array([-1], dtype=np.intp), np.zeros(n_alternatives, dtype=np.intp))
