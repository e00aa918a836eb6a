"""Problems whose cases share their choice sets: counts, which need one evaluation a choice set and not one a case.

To the families here alternatives of one group are interchangeable: the log-likelihood of a case that chose y differs
from that of one that chose z of the same group, from the same choice set, by (V_y - V_z) / sigma alone, sigma the scale
of the group: one in a multinomial logit, the lambda of the nest in a nested one. So one case of each choice set and
group leads. Leaders are a problem like any other, weighted by all whom they lead; what the others differ by is added:

    loglik = loglik_leader + d'b / sigma                d = x_y - x_z, and V for the offset where there is one
    score  = score_leader + d / sigma in the coefficients, - d'b / sigma^2 in sigma
    second derivatives: - d / sigma^2 in coefficients and sigma, 2 d'b / sigma^3 in sigma.

The cases themselves are laid out only when somebody looks at the chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.shared import Shared, few_cases
from relocchoice.engine.bind import bind, case_weights, unconstrained
from relocchoice.engine.counted_design import CountedDesign, Layout, Leaders, Placed, _on_cases, opened
from relocchoice.engine.pairs import columns_at
from relocchoice.engine.problem import Problem
from relocchoice.errors import FindingsError
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.nested import NestedLogit
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.registry import family_for
from relocchoice.kernels.sums import Sums, nowhere
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.columns import Learned
from relocchoice.spec.formula import FormulaEncoding
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.utility import UtilityEncoding

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
MOST_GAPS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Scales:
    """Of each case: 1 / sigma, its slope - d sigma / d lambda (0 or 1) -, and which shape is sigma, -1 for none."""

    inverse: Floats
    slope: Floats
    shape: Ints


class CountedProblem(Problem):
    """A problem computed on its leaders, as long as design and families are those it was bound with."""

    __slots__ = ()

    @property
    def _leaders(self) -> Leaders | None:
        design, families = self.design, self.families
        if isinstance(design, CountedDesign) and isinstance(families, Placed):
            return design.leaders
        return None

    @property
    def laid_out(self) -> bool:
        """See :class:`Problem`."""
        return self._leaders is None

    def everywhere(self, family: Family) -> Sequence[Family]:
        """See :class:`Problem`."""
        if self._leaders is None or not isinstance(self.design, CountedDesign):
            return super().everywhere(family)
        return Placed(family, self.design)

    def without_offset(self) -> Problem:
        """See :class:`Problem`."""
        leaders, design = self._leaders, self.design
        if leaders is None or not isinstance(design, CountedDesign) or not isinstance(self.families, Placed):
            return super().without_offset()
        if leaders.offset is None:
            return self
        assert design.layout is not None
        chunks = tuple(replace(chunk, offset=None) for chunk in leaders.design.chunks)
        columns = replace(design.layout.columns, offset=None)
        bare = opened(
            replace(leaders, design=replace(leaders.design, chunks=chunks), offset=None),
            replace(design.layout, columns=columns),
        )
        return replace(self, design=bare, families=Placed(self.families.family, bare))

    def _lead(self, leaders: Leaders) -> Problem:
        """The leaders' problem, with the weights of those they lead."""
        assert isinstance(self.families, Placed)
        n = leaders.design.n_cases
        return Problem(
            leaders.design,
            self.families.on_leaders,
            self.space,
            self.shape_constant,
            self.shape_matrix,
            np.bincount(leaders.of_case, weights=self.weights, minlength=n).astype(np.float64, copy=False),
            engine=self.engine,
            lane_of=leaders.lane_of,
        )

    def _scales(self, leaders: Leaders, shape: Floats) -> _Scales:
        assert isinstance(self.families, Placed)
        family, n = self.families.family, len(leaders.of_case)
        if not isinstance(family, NestedLogit) or family.scaling != "utility":
            return _Scales(np.ones(n), np.zeros(n), np.full(n, -1))
        sigma = np.concatenate(([1.0], shape))[leaders.group]
        return _Scales(1.0 / sigma, (leaders.group > 0).astype(np.float64), leaders.group - 1)

    def _gain(self, leaders: Leaders, beta: Floats) -> Floats:
        """(n,) utility of the alternative each case chose less that of its leader's."""
        gain: Floats = leaders.gap @ beta
        return gain if leaders.offset is None else gain + leaders.offset

    def _sums(self, theta: Floats) -> Sums:
        leaders = self._leaders
        if leaders is None:
            return super()._sums(theta)
        (beta, shape), k, p = self._kernel(theta), self.n_coef, self.n_coef + len(self.shape_constant)
        if np.any(shape <= 0):
            return nowhere(p)
        lead, scales, gain = self._lead(leaders), self._scales(leaders, shape), self._gain(leaders, beta)
        sums, w = lead._sums(theta), self.weights
        scores = self._kernel_scores(theta, leaders, lead)
        weighted = scores * w[:, None]
        hessian = sums.hessian.copy()
        for m in np.unique(scales.shape[scales.slope > 0]):
            here, at = scales.shape == m, k + m
            weight = w[here] * scales.inverse[here] ** 2
            cross = leaders.gap[here].T @ weight
            hessian[:k, at] -= cross
            hessian[at, :k] -= cross
            hessian[at, at] += 2.0 * float((weight * scales.inverse[here]) @ gain[here])
        opg = weighted.T @ scores
        return Sums(
            sums.value + float(w @ (gain * scales.inverse)),
            weighted.sum(axis=0),
            hessian,
            opg,
            opg if (w == 1.0).all() else weighted.T @ weighted,
        )

    def _kernel_scores(self, theta: Floats, leaders: Leaders, lead: Problem) -> Floats:
        """(n, K + L) unweighted scores of coefficients and shapes."""
        beta, shape = self._kernel(theta)
        scales, gain = self._scales(leaders, shape), self._gain(leaders, beta)
        scores = lead.kernel_scores(theta)[leaders.of_case]
        scores[:, : self.n_coef] += leaders.gap * scales.inverse[:, None]
        here = np.flatnonzero(scales.slope)
        scores[here, self.n_coef + scales.shape[here]] -= (gain * scales.inverse**2)[here]
        return scores

    def spread_within_groups(self, free: Ints, scale: Floats) -> dict[int, Floats]:
        """Second moments of differences between alternatives chosen from the same set, within groups.

        Parameters
        ----------
        free : positions of q free parameters, in units of 1 / scale.

        Returns
        -------
        group (nests from 0) -> (q, q), and -1 -> their sum; empty where the cases are laid out.
        """
        leaders = self._leaders
        if leaders is None:
            return {}
        gap = leaders.gap @ self.space.matrix[: self.n_coef, free] * scale
        found = {int(g) - 1: gap[leaders.group == g].T @ gap[leaders.group == g] for g in np.unique(leaders.group)}
        return {**found, -1: gap.T @ gap}

    def moments(self) -> Floats:
        """See :class:`Problem`."""
        leaders = self._leaders
        return super().moments() if leaders is None else self._lead(leaders).moments()

    def loglik_by_case(self, free: Floats) -> Floats:
        """See :class:`Problem`."""
        leaders = self._leaders
        if leaders is None:
            return super().loglik_by_case(free)
        beta, shape = self._kernel(self.internal(free))
        if np.any(shape <= 0):
            return np.full(len(self.weights), -np.inf)
        gain = self._gain(leaders, beta) * self._scales(leaders, shape).inverse
        loglik: Floats = self._lead(leaders).loglik_by_case(free)[leaders.of_case] + gain
        return loglik

    def scores(self, free: Floats) -> Floats:
        """See :class:`Problem`."""
        leaders = self._leaders
        if leaders is None:
            return super().scores(free)
        scores: Floats = self._kernel_scores(self.internal(free), leaders, self._lead(leaders)) @ self.pull
        return scores

    def probabilities(self, theta: Floats, n_alternatives: int) -> Floats:
        """See :class:`Problem`."""
        leaders = self._leaders
        if leaders is None:
            return super().probabilities(theta, n_alternatives)
        found: Floats = self._lead(leaders).probabilities(theta, n_alternatives)[leaders.of_case]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A specification learned on choice sets, and the problem of all cases; ``learned`` has the rows of the sets."""

    learned: Learned[FormulaEncoding] | Learned[UtilityEncoding]
    problem: CountedProblem


def bind_counted(spec: ModelSpec, data: ChoiceData) -> Counted | None:
    """The problem of a model on data that share their rows; None where that is not to be had, or would gain nothing.

    Raises
    ------
    SpecificationError : the nests or the constraints do not fit the alternatives or the coefficients.
    """
    if data.shared is None or data.chosen is None or data.picked is not None:
        return None
    family = family_for(spec, data.alternatives)
    if not isinstance(family, MultinomialLogit | NestedLogit):
        return None
    first = np.unique(data.shared.of_case, return_index=True)[1]
    few = few_cases(data, data.shared, first)
    try:
        learned = spec.specification.evaluate(few, spec.base)
    except FindingsError:
        return None  # what is wrong is told of the cases, by whoever looks at all of them
    if _has_state(learned.encoding) or data.n_cases * len(learned.columns.names) > MOST_GAPS:
        return None
    group = family.slot_group(data.n_alternatives)[data.chosen]
    n_groups = int(group.max()) + 1
    _, lead, of_case = np.unique(data.shared.of_case * n_groups + group, return_index=True, return_inverse=True)
    if 2 * len(lead) > data.n_cases:
        return None
    few = few if np.array_equal(lead, first) else few_cases(data, data.shared, lead)
    columns = _on_cases(learned.columns, Shared(data.shared.sets, data.shared.of_case[lead]))
    lead_problem = bind(spec, columns, few)
    leaders = _leaders(lead_problem, few, data, of_case, group)
    movable = unconstrained(lead_problem.space)[: lead_problem.n_coef]
    lane_of = None
    if leaders.lane_of is not None:
        same = leaders.lane_of[of_case] * data.n_alternatives + data.chosen
        _, start, code = np.unique(same, return_index=True, return_inverse=True)
        lane_of = start[code].astype(np.intp)
    design = opened(leaders, Layout(data, learned.columns, family, movable, lane_of))
    weights, scale = case_weights(data)
    problem = CountedProblem(
        design,
        Placed(family, design),
        lead_problem.space,
        lead_problem.shape_constant,
        lead_problem.shape_matrix,
        weights,
        scale,
        lane_of=lane_of,
    )
    return Counted(learned, problem)


def _has_state(encoding: FormulaEncoding | UtilityEncoding) -> bool:
    """Whether a transformation learned something from the rows, which count each as often as cases have them."""
    own = encoding.parts if isinstance(encoding, FormulaEncoding) else encoding.terms.values()
    return any(part is not None and len(part.transforms) > 0 for part in (*own, encoding.offset))


def _leaders(problem: Problem, few: ChoiceData, data: ChoiceData, of_case: Ints, group: Ints) -> Leaders:
    """What the others differ by from their leaders, who are bound."""
    assert data.chosen is not None
    lane = of_case if problem.lane_of is None else problem.lane_of[of_case]
    gap, offset = np.zeros((data.n_cases, problem.n_coef)), np.zeros(data.n_cases)
    where = np.full((2, few.n_cases), -1)
    for position, chunk in enumerate(problem.design.chunks):
        where[0, chunk.placement.cases] = position
        where[1, chunk.placement.cases] = np.arange(chunk.n_cases)
    for position, chunk in enumerate(problem.design.chunks):
        cases = np.flatnonzero(where[0, lane] == position)
        lanes = where[1, lane[cases]]
        slots, own = _slot_table(chunk, data.n_alternatives)[lanes, data.chosen[cases]], chunk.placement.chosen[lanes]
        gap[cases] = columns_at(chunk, slots, lanes) - columns_at(chunk, own, lanes)
        if chunk.offset is not None:
            offset[cases] = chunk.offset[slots, lanes] - chunk.offset[own, lanes]
    held = offset if any(chunk.offset is not None for chunk in problem.design.chunks) else None
    return Leaders(problem.design, problem.lane_of, of_case.astype(np.intp), group, gap, held)


def _slot_table(chunk: Chunk, n_alternatives: int) -> Ints:
    """(n, J) the slot that each alternative has in each case of a chunk, zero where it is not available."""
    place = chunk.placement
    slots = np.arange(len(place.rows))
    if place.alternative.ndim == 1:
        one = np.zeros(n_alternatives, dtype=np.intp)
        one[place.alternative] = slots
        return np.broadcast_to(one, (chunk.n_cases, n_alternatives))
    there = np.ones(place.rows.shape, dtype=bool) if place.available is None else place.available
    slot, lane = np.nonzero(there)
    out = np.zeros((chunk.n_cases, n_alternatives), dtype=np.intp)
    out[lane, place.alternative[slot, lane]] = slot
    return out
