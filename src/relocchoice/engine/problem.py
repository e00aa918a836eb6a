"""A model bound to data: the weighted log-likelihood of the free parameters, with its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.reduce import SERIAL, Engine
from relocchoice.kernels.chain import Contributions, contributions, fitted
from relocchoice.kernels.fused import NUMPY, Fused, fuse, level
from relocchoice.kernels.protocol import Family, Order
from relocchoice.kernels.sums import Sums, nowhere
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.design import Design
from relocchoice.spec.params import ParamSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Weighted sums over all cases; q free parameters.

    Attributes
    ----------
    value : log-likelihood.
    gradient : (q,); hessian : (q, q).
    opg : (q, q) sum of w s s' with s the scores of a case; opg_squared : the same with w^2.
    """

    value: float
    gradient: Floats
    hessian: Floats
    opg: Floats
    opg_squared: Floats

    def among(self, some: NDArray[np.bool_] | NDArray[np.intp]) -> Evaluation:
        """The same of some of the free parameters."""
        inner = np.ix_(some, some)
        return Evaluation(
            self.value, self.gradient[some], self.hessian[inner], self.opg[inner], self.opg_squared[inner]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Everything an optimiser or a covariance needs, nothing they could change.

    Attributes
    ----------
    design : the columns; families : the family placed on each chunk.
    space : the p parameters of the table, K coefficients first, then the shape parameters.
    shape_constant, shape_matrix : (L,), (L, p - K): the family's shapes from the table's.
    weights : (n,) case weights, ones without weights; sampling weights are brought to mean one.
    weight_scale : what the weights were divided by.
    lane_of : (n,) position of the case that stands for each case in the chunks, which then hold no others; None where
        every case stands for itself.
    lane_weights, lane_squares : (n,) sums of the weights, and of their squares, over the cases that a case stands for;
        zero for cases that stand for none. Sums over the chunks take these. One array where they are the same.
    unit : whether all of them are one.
    pull : (K + L, q) derivative of coefficients and shapes in the free parameters.
    """

    design: Design
    families: Sequence[Family]
    space: ParamSpace
    shape_constant: Floats
    shape_matrix: Floats
    weights: Floats
    weight_scale: float = 1.0
    engine: Engine = SERIAL
    lane_of: NDArray[np.intp] | None = None
    lane_weights: Floats = field(init=False)
    lane_squares: Floats = field(init=False)
    unit: bool = field(init=False)
    pull: Floats = field(init=False)

    def __post_init__(self) -> None:
        weights, squares = self._by_lane(self.weights), self._by_lane(self.weights**2)
        squares = weights if np.array_equal(weights, squares) else squares
        unit = squares is weights and bool((weights == 1.0).all())
        pull = _pull(self.n_coef, self.shape_matrix) @ self.space.matrix
        for name, value in (("lane_weights", weights), ("lane_squares", squares), ("unit", unit), ("pull", pull)):
            object.__setattr__(self, name, value)

    def _by_lane(self, values: Floats) -> Floats:
        """(n,) sums over the cases that each case stands for."""
        if self.lane_of is None:
            return values
        return np.bincount(self.lane_of, weights=values, minlength=len(values)).astype(np.float64, copy=False)

    @property
    def n_coef(self) -> int:
        return len(self.design.names)

    @property
    def laid_out(self) -> bool:
        """Whether the cases stand in the chunks; otherwise they are laid out when somebody looks at them."""
        return True

    def everywhere(self, family: Family) -> Sequence[Family]:
        """A family that needs no placing, on every chunk."""
        return tuple(family for _ in self.families)

    def without_offset(self) -> Problem:
        """The problem without the offset of the utilities; itself where there is none."""
        chunks = self.design.chunks
        if all(chunk.offset is None for chunk in chunks):
            return self
        return replace(self, design=replace(self.design, chunks=tuple(replace(c, offset=None) for c in chunks)))

    def internal(self, free: Floats) -> Floats:
        """(q,) -> (p,) parameters of the table as the chunks use them (centred columns)."""
        return self.space.expand(free)

    def user(self, free: Floats) -> Floats:
        """(q,) -> (p,) parameters of the table as the user sees them."""
        return self.to_user @ self.internal(free)

    @property
    def to_user(self) -> Floats:
        """(p, p) map from internal to user's parameters."""
        return _with_shape(self.design.centring.to_user, len(self.space.names))

    @property
    def jacobian(self) -> Floats:
        """(p, q) derivative of the user's parameters in the free ones."""
        return self.to_user @ self.space.matrix

    def internal_from_user(self, theta: Floats) -> Floats:
        """(p,) user's parameters -> internal ones."""
        return _with_shape(self.design.centring.from_user, len(self.space.names)) @ theta

    def _kernel(self, theta: Floats) -> tuple[Floats, Floats]:
        """Internal parameters of the table -> coefficients and the family's shapes."""
        return theta[: self.n_coef], self.shape_constant + self.shape_matrix @ theta[self.n_coef :]

    def evaluate(self, free: Floats) -> Evaluation:
        """Log-likelihood, gradient, Hessian and outer products at a point; value -inf outside the domain."""
        pull, sums = self.pull, self._sums(self.internal(free))
        opg = pull.T @ sums.opg @ pull
        squared = opg if sums.opg_squared is sums.opg else pull.T @ sums.opg_squared @ pull
        return Evaluation(sums.value, pull.T @ sums.gradient, pull.T @ sums.hessian @ pull, opg, squared)

    def _sums(self, theta: Floats) -> Sums:
        fused, p = self._fused, self.n_coef + len(self.shape_constant)
        alike = self.lane_squares is self.lane_weights
        if fused is not None:
            weights, squares = None if self.unit else self.lane_weights, None if alike else self.lane_squares
            return fused.sums(*self._kernel(theta), weights, squares)

        beta, shape = self._kernel(theta)

        def task(item: tuple[Chunk, Family]) -> Sums:
            chunk, family = item
            cases = chunk.placement.cases
            weights = self.lane_weights[cases]
            part = contributions(family, chunk, beta, shape, weights, 2)
            return _sums(part, weights, None if alike else self.lane_squares[cases], p)

        return self.engine.map_reduce(task, self._items(), Sums.plus)

    @property
    def core(self) -> str:
        """What evaluates this problem now: one of :func:`relocchoice.kernels.fused.levels`."""
        return NUMPY if self._fused is None else level()

    @property
    def _fused(self) -> Fused | None:
        """The compiled core on these chunks, made once for a design and its families; None where it does not serve."""
        if level() == NUMPY:
            return None
        made = _FUSED.setdefault(self.design, {})
        if self.families not in made:
            made[self.families] = fuse(self.design.chunks, self.families, len(self.shape_constant))
        return made[self.families]

    def moments(self) -> Floats:
        """(q,) mean squares, over what is available, of the free parameters' columns that are not differenced.

        Weighted over the cases.
        """
        moments = np.zeros(self.n_coef)
        for chunk in self.design.chunks:
            chunk.add_moments(moments, self.lane_weights[chunk.placement.cases])
        return (self.pull[: self.n_coef] ** 2).T @ moments

    def loglik_by_case(self, free: Floats) -> Floats:
        """(n,) unweighted log-likelihoods in the order of the data."""
        theta, fused = self.internal(free), self._fused
        if fused is not None:
            out = fused.loglik(*self._kernel(theta), self.design.n_cases)
            return out if self.lane_of is None else out[self.lane_of]
        return self._by_case(lambda item: self._contributions(item, theta, 0).loglik, (self.design.n_cases,))

    def scores(self, free: Floats) -> Floats:
        """(n, q) unweighted scores of the free parameters in the order of the data."""
        scores: Floats = self.kernel_scores(self.internal(free)) @ self.pull
        return scores

    def kernel_scores(self, theta: Floats) -> Floats:
        """(n, K + L) unweighted scores of coefficients and shapes at internal parameters of the table."""

        def task(item: tuple[Chunk, Family]) -> Floats:
            scores = self._contributions(item, theta, 1).scores
            assert scores is not None
            return scores.T

        return self._by_case(task, (self.design.n_cases, self.n_coef + len(self.shape_constant)))

    def probabilities(self, theta: Floats, n_alternatives: int) -> Floats:
        """(n, J) choice probabilities at internal parameters of the table, zero where unavailable.

        Of data whose cases took several alternatives: the probabilities of being among those taken, given how many.
        """
        beta, shape = self._kernel(theta)

        def task(item: tuple[Chunk, Family]) -> Floats:
            chunk, family = item
            return _by_alternative(chunk, fitted(family, chunk, beta, shape), n_alternatives)

        return self._by_case(task, (self.design.n_cases, n_alternatives))

    def utility_gains(self, direction: Floats, n_alternatives: int) -> Floats:
        """(q,) change of the free parameters -> (n, J) gain in utility of the chosen alternative over each other."""
        beta, _ = self._kernel(self.space.matrix @ direction)

        def task(item: tuple[Chunk, Family]) -> Floats:
            chunk, _ = item
            offset = 0.0 if chunk.offset is None else chunk.offset
            v = chunk.utilities(beta) - offset
            return _by_alternative(chunk, v[chunk.placement.chosen, np.arange(chunk.n_cases)] - v, n_alternatives)

        return self._by_case(task, (self.design.n_cases, n_alternatives))

    def _items(self) -> list[tuple[Chunk, Family]]:
        return list(zip(self.design.chunks, self.families, strict=True))

    def _contributions(self, item: tuple[Chunk, Family], theta: Floats, order: Order) -> Contributions:
        chunk, family = item
        beta, shape = self._kernel(theta)
        return contributions(family, chunk, beta, shape, self.lane_weights[chunk.placement.cases], order)

    def _by_case(self, task: Callable[[tuple[Chunk, Family]], Floats], shape: tuple[int, ...]) -> Floats:
        out = np.empty(shape)
        for item in self._items():
            out[item[0].placement.cases] = task(item)
        return out if self.lane_of is None else out[self.lane_of]


def _by_alternative(chunk: Chunk, values: Floats, n_alternatives: int) -> Floats:
    """(S, n) values of the slots -> (n, J) by alternative, zero where unavailable."""
    place = chunk.placement
    alternative = place.alternative if place.alternative.ndim == 2 else place.alternative[:, None]
    alternative = np.broadcast_to(alternative, values.shape)
    lanes = np.broadcast_to(np.arange(chunk.n_cases), values.shape)
    keep = np.ones(values.shape, dtype=bool) if place.available is None else place.available
    out = np.zeros((chunk.n_cases, n_alternatives))
    out[lanes[keep], alternative[keep]] = values[keep]
    return out


# Beside the designs, not in them: a design is what the data are, this is how they are read.
_FUSED: WeakKeyDictionary[Design, dict[Sequence[Family], Fused | None]] = WeakKeyDictionary()


def _sums(part: Contributions, weights: Floats, squares: Floats | None, p: int) -> Sums:
    # A case of weight zero outside the domain would make 0 * -inf.
    value = float(weights @ part.loglik) if np.isfinite(part.loglik).all() else -np.inf
    if part.scores is None or part.hessian is None:
        return nowhere(p)
    opg = (part.scores * weights) @ part.scores.T
    squared = opg if squares is None else (part.scores * squares) @ part.scores.T
    return Sums(value, part.scores @ weights, part.hessian, opg, squared)


def _pull(n_coef: int, shape_matrix: Floats) -> Floats:
    """(K + L, p) derivative of coefficients and the family's shapes in the parameters of the table."""
    n_shapes, n_of_table = shape_matrix.shape
    lift = np.zeros((n_coef + n_shapes, n_coef + n_of_table))
    lift[:n_coef, :n_coef] = np.eye(n_coef)
    lift[n_coef:, n_coef:] = shape_matrix
    return lift


def _with_shape(matrix: Floats, p: int) -> Floats:
    out = np.eye(p)
    out[: len(matrix), : len(matrix)] = matrix
    return out


def place_families(family: Family, design: Design) -> tuple[Family, ...]:
    """The family restricted to each chunk's slots, made once for each distinct set of slots."""
    placed: dict[bytes, Family] = {}
    out = []
    for chunk in design.chunks:
        alternatives = np.ascontiguousarray(chunk.placement.slot_alternative)
        key = alternatives.tobytes()
        if key not in placed:
            placed[key] = family.at(alternatives)
        out.append(placed[key])
    return tuple(out)
