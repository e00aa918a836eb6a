"""One pass over the cases: probabilities and their derivatives in variables, summed by group, with gradients.

Everything is a function of the user's parameters theta. A derivative column d_c of a variable x makes
dV_k/dx = sum_c theta_c d_ck, so dP_j/dx_k = sum_c theta_c E_c[j, k] with E_c the sums of
:func:`relocchoice.kernels.probability.probability_sums`, and a column of ones serves all variables that enter as they
are.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.universe import with_alternatives
from relocchoice.engine.bind import bind
from relocchoice.engine.problem import Problem, place_families
from relocchoice.engine.reduce import THREADS, one_thread
from relocchoice.errors import DataError, SpecificationError
from relocchoice.kernels.probability import Cases, ProbabilitySums, probability_sums
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.registry import family_for
from relocchoice.post.movements import Movement
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.design import build_design
from relocchoice.spec.model import apply_unavailable

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
LARGEST = 5e7
MOST_PARTS = 64
PART_VALUES = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Data at which something is evaluated.

    Attributes
    ----------
    data, problem : n cases; every slot of the problem's chunks holds one alternative and every case stands for itself.
    weights : (n,) weights of the cases in averages; groups : (n,) codes below ``n_groups``.
    """

    data: ChoiceData
    problem: Problem
    weights: Floats
    groups: Ints
    n_groups: int


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over the cases of each group; J alternatives, p parameters, V probes. See ``ProbabilitySums``.

    Attributes
    ----------
    both : (G, J, J); level : (G, J); level_gradient : (G, J, p); effect : (V, G, J, J); effect_gradient :
        (V, G, J, J, p).
    """

    both: Floats
    level: Floats
    level_gradient: Floats
    effect: Floats
    effect_gradient: Floats


def setting(
    fit: ChoiceResults, data: ChoiceData | None = None, groups: Ints | None = None, n_groups: int = 1
) -> Setting:
    """The data of the fit, or others, ready to be evaluated.

    Raises
    ------
    SpecificationError : the model is one of sets, or has too many alternatives for tables of all pairs.
    DataError : no data.
    """
    if fit.spec.family == "subset":
        raise SpecificationError(
            "effects of a logit of sets are not defined here: a case takes several alternatives, and the probability "
            "of one of them depends on how many; fit a MultinomialLogit on one case a choice (rc.one_case_each)"
        )
    bound = rebound(fit, None) if data is None else None
    data = prepared(fit, data) if bound is None else bound.data
    assert data is not None
    if data.n_cases == 0:
        raise DataError("these data hold no cases")
    problem = _labelled(fit, data, bind(fit.spec, fit.encoding.columns(data), data) if bound is None else bound.problem)
    weights = np.ones(data.n_cases) if data.weights is None else np.array(data.weights, dtype=float)
    groups = np.zeros(data.n_cases, dtype=np.intp) if groups is None else groups
    return Setting(data, problem, weights, groups, n_groups)


def prepared(fit: ChoiceResults, data: ChoiceData | None) -> ChoiceData:
    """Data with the alternatives of the fit and without its structural zeros; the fit's own where None."""
    if data is None:
        held: ChoiceData = rebound(fit, None).data
        return held
    if not isinstance(data, ChoiceData):
        raise DataError(f"data= needs a ChoiceData, not {type(data).__name__}; make one, chosen=None will do")
    return apply_unavailable(with_alternatives(data, fit.encoding.alternatives), fit.spec, prediction=True)


def _labelled(fit: ChoiceResults, data: ChoiceData, problem: Problem) -> Problem:
    """The problem with one alternative a slot and every case in it."""
    mixed = any(chunk.placement.alternative.ndim == 2 for chunk in problem.design.chunks)
    if problem.lane_of is None and not mixed:
        return problem
    columns = fit.encoding.columns(data)
    if mixed:
        columns = _spread(columns, data.n_alternatives)
    family = family_for(fit.spec, data.alternatives)
    design = build_design(
        data,
        columns,
        family.slot_order(data.n_alternatives),
        family.slot_group(data.n_alternatives),
        family.shift_invariant,
        np.zeros(len(columns.names), dtype=bool),
    )
    return replace(problem, design=design, families=place_families(family, design), lane_of=None)


def _spread(columns: UtilityColumns, n_alternatives: int) -> UtilityColumns:
    """A generic column told as one with the same coefficient for each alternative: then slots are not shared."""
    first, *rest = columns.columns
    shared = np.full(n_alternatives, first.coef, dtype=np.intp)
    return UtilityColumns(columns.names, (replace(first, coef=shared), *rest), columns.offset)


def sums(
    at: Setting,
    theta: Floats,
    probes: list[Floats | None],
    *,
    of_log: bool = False,
    gradient: bool = True,
) -> Sums:
    """All the sums at some parameters.

    Parameters
    ----------
    theta : (p,) user's parameters; probes : (R,) values of the rows each, None for ones.
    of_log : sums of derivatives of log P_j.
    gradient : whether gradients are wanted.

    Raises
    ------
    SpecificationError : the tables would be too large.
    """
    problem, n_alternatives = at.problem, at.data.n_alternatives
    p = len(problem.space.names)
    size = (len(probes) + 1) * at.n_groups * n_alternatives**2 * (p if gradient else 1)
    if size > LARGEST:
        raise SpecificationError(
            f"a table of all pairs of {n_alternatives} alternatives in {at.n_groups} groups with {p} parameters is too "
            "large; use elasticity_bounds for elasticities of large choice sets, or fewer groups"
        )
    internal = problem.internal_from_user(theta)
    beta, shape = internal[: problem.n_coef], problem.shape_constant + problem.shape_matrix @ internal[problem.n_coef :]
    empty = partial(_empty, at.n_groups, n_alternatives, len(probes), problem.n_coef + len(shape) if gradient else 0)

    def task(items: list[tuple[Chunk, Family]]) -> Sums:
        out = empty()
        for _, alike in groupby(items, key=lambda item: item[0].placement.slot_alternative.tobytes()):
            run = list(alike)
            cases = [_cases(at, chunk, probes) for chunk, _ in run]
            part = probability_sums(run[0][1], cases, beta, shape, at.n_groups, of_log=of_log, gradient=gradient)
            _add(out, part, run[0][0].placement.slot_alternative)
        return out

    items = list(zip(problem.design.chunks, problem.families, strict=True))
    # as many parts whatever the number of threads, and fewer where sums are large
    parts = max(1, min(MOST_PARTS, PART_VALUES // size, len(items)))
    ends = [len(items) * part // parts for part in range(parts + 1)]
    with one_thread():
        out = THREADS.map_reduce(task, [items[a:b] for a, b in pairwise(ends)], _plus)
    if not gradient:
        return out
    lift = _lift(problem)
    return replace(out, level_gradient=out.level_gradient @ lift, effect_gradient=out.effect_gradient @ lift)


def _cases(at: Setting, chunk: Chunk, probes: list[Floats | None]) -> Cases:
    place = chunk.placement
    held = [None if probe is None else probe[place.rows] for probe in probes]
    return Cases(chunk, at.weights[place.cases], at.groups[place.cases], held)


def _add(out: Sums, part: ProbabilitySums, alternative: Ints) -> None:
    """Add the sums of a chunk whose slots hold these alternatives."""
    pair = np.ix_(alternative, alternative)
    out.both[:, pair[0], pair[1]] += part.both
    out.level[:, alternative] += part.level
    out.effect[:, :, pair[0], pair[1]] += part.effect
    out.level_gradient[:, alternative] += part.level_gradient
    out.effect_gradient[:, :, pair[0], pair[1]] += part.effect_gradient


def _plus(one: Sums, other: Sums) -> Sums:
    return Sums(*(getattr(one, field.name) + getattr(other, field.name) for field in fields(Sums)))


def _lift(problem: Problem) -> Floats:
    """(q, p) derivative of coefficients and shapes in the user's parameters."""
    k, p = problem.n_coef, len(problem.space.names)
    lift = np.zeros((k + len(problem.shape_constant), p))
    lift[:k, :k] = problem.design.centring.from_user
    lift[k:, k:] = problem.shape_matrix
    return lift


def _empty(n_groups: int, n: int, n_probes: int, p: int) -> Sums:
    return Sums(
        both=np.zeros((n_groups, n, n)),
        level=np.zeros((n_groups, n)),
        level_gradient=np.zeros((n_groups, n, p)),
        effect=np.zeros((n_probes, n_groups, n, n)),
        effect_gradient=np.zeros((n_probes, n_groups, n, n, p)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Probing:
    """The probes of several variables, each once.

    Attributes
    ----------
    probes : for :func:`sums`.
    plan : for each variable pairs (position of the probe, coefficient: an index, (J,) indices, or None for 1).
    """

    probes: list[Floats | None]
    plan: list[list[tuple[int, int | Ints | None]]]


def probing(movements: list[Movement], times_value: bool) -> Probing:
    """The distinct probes; ``times_value`` makes them x d column / dx, for elasticities."""
    probes: list[Floats | None] = []
    known: dict[tuple[str, int], int] = {}

    def position(values: Floats | None, moving: Movement) -> int:
        key = (moving.variable if times_value else "", -1) if values is None else (moving.variable, id(values))
        if key not in known:
            known[key] = len(probes)
            slope = moving.values if values is None else moving.values * values
            probes.append(slope if times_value else values)
        return known[key]

    plan: list[list[tuple[int, int | Ints | None]]] = []
    for moving in movements:
        pairs: list[tuple[int, int | Ints | None]] = [
            (position(column.values, moving), column.coef) for column in moving.columns
        ]
        if moving.offset is not None:
            pairs.append((position(moving.offset, moving), None))
        plan.append(pairs)
    return Probing(probes, plan)


def combined(found: Sums, pairs: list[tuple[int, int | Ints | None]], theta: Floats) -> tuple[Floats, Floats]:
    """(G, J, J) sums of w dP_j/dx_k of a variable, and their (G, J, J, p) gradient."""
    n_groups, n = found.level.shape
    values = np.zeros((n_groups, n, n))
    gradient = np.zeros((n_groups, n, n, found.effect_gradient.shape[-1]))
    for probe, coef in pairs:
        effect = found.effect[probe]
        if coef is None:
            values += effect
            gradient += found.effect_gradient[probe]
            continue
        index = np.broadcast_to(np.asarray(coef, dtype=np.intp), (n,))
        factor = np.where(index >= 0, theta[index], 0.0)
        values += effect * factor
        if gradient.shape[-1]:
            gradient += found.effect_gradient[probe] * factor[:, None]
            for k in np.flatnonzero(index >= 0):
                gradient[:, :, k, index[k]] += effect[:, :, k]
    return values, gradient
