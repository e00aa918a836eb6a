"""Newton's method with the exact Hessian, safeguarded; pure numerics on a smooth function of a vector.

Every quantity is measured in the function's own curvature (the diagonal of the Hessian scales the variables), so the
units of the variables do not matter. Directions of wrong or no curvature are followed uphill with the size of their
curvature
(Gill, Murray & Wright 1981, ch. 4); steps are halved until the function rises. The stopping rule is the Newton
decrement, the distance to the maximum in standard errors, not the change of the variables.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Status = Literal["maximum", "flat", "stalled", "iteration limit"]

FLOOR = 1e-11
FLAT = 1e-9
SADDLE = 1e-7
NOISE = 1e-13


class Evaluation(Protocol):
    """A function value with its derivatives (q = number of variables)."""

    @property
    def value(self) -> float:
        """The function, -inf outside its domain."""

    @property
    def gradient(self) -> Floats:
        """(q,)."""

    @property
    def hessian(self) -> Floats:
        """(q, q)."""


At = TypeVar("At", bound=Evaluation)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the log; ``length`` is the step as a fraction of Newton's, ``passes`` counts evaluations so far."""

    iteration: int
    value: float
    decrement: float
    length: float
    least_curvature: float
    seconds: float
    passes: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Maximum(Generic[At]):
    """Where the search ended.

    Attributes
    ----------
    x : (q,); evaluation : the function there.
    status : ``"maximum"`` only when the decrement is small and the Hessian is negative definite in the free directions.
    decrement : distance to the maximum in standard errors, as the local quadratic sees it.
    active : (q,) whether a variable rests on one of its bounds.
    steps : the log.
    """

    x: Floats
    evaluation: At
    status: Status
    decrement: float
    active: NDArray[np.bool_]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Direction:
    step: Floats
    decrement: float
    least: float
    slope: float
    downhill_axis: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Box:
    """Bounds (q,) each, infinite where there are none; ``closed`` says whether any is finite."""

    lower: Floats
    upper: Floats
    closed: bool

    def active(self, x: Floats, gradient: Floats) -> NDArray[np.bool_]:
        """(q,) whether a variable rests on one of its bounds."""
        if not self.closed:
            return np.zeros(len(x), dtype=bool)
        return ((x <= self.lower) & (gradient <= 0)) | ((x >= self.upper) & (gradient >= 0))

    def inside(self, x: Floats) -> Floats:
        """The point within the bounds; on one where only rounding keeps it off, or the next step would have no room."""
        if not self.closed:
            return x
        reach = 1e-12 * (1.0 + np.abs(x))
        return np.where(x >= self.upper - reach, self.upper, np.where(x <= self.lower + reach, self.lower, x))

    def longest(self, x: Floats, step: Floats) -> float:
        """The largest fraction of the step, at most 1, that stays within the bounds."""
        if not self.closed:
            return 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(step > 0, (self.upper - x) / step, np.where(step < 0, (self.lower - x) / step, np.inf))
        room = room[room > 0]
        return float(min(1.0, room.min(initial=np.inf)))


@dataclass(slots=True, eq=False)
class _Point(Generic[At]):
    """A point with its evaluation, and Newton's direction there once somebody asked."""

    x: Floats
    at: At
    active: NDArray[np.bool_]
    known: _Direction | None = None

    @property
    def direction(self) -> _Direction:
        """Newton's among the variables that rest on no bound."""
        if self.known is None:
            self.known = _direction(self.at, ~self.active)
        return self.known


class NotFinite(ValueError):
    """The function is not finite where the search begins."""


def maximise(
    objective: Callable[[Floats], At],
    start: Floats,
    lower: Floats,
    upper: Floats,
    *,
    reference: Floats | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-9,
    on_step: Callable[[Step], None] | None = None,
    at_start: At | None = None,
) -> Maximum[At]:
    """Climb from ``start`` to a local maximum within bounds.

    Parameters
    ----------
    objective : value, gradient and Hessian at a point; value -inf (or NaN) outside the domain.
    start, lower, upper : (q,).
    reference : (q, q) positive definite; a direction with less than a billionth of this curvature at the stop is called
        flat.
    tolerance : on the Newton decrement.
    on_step : called with every line of the log.
    at_start : the evaluation at the start, where it is known already.

    Raises
    ------
    NotFinite : when the function is not finite at the start.
    """
    box = _Box(lower, upper, bool(np.isfinite(lower).any() or np.isfinite(upper).any()))
    counted = _Counted(objective, box)
    x = box.inside(np.array(start, dtype=np.float64))
    here = counted(x) if at_start is None else _Point(x, at_start, box.active(x, at_start.gradient))
    if not np.isfinite(here.at.value):
        raise NotFinite("the function is not finite at the starting values")
    steps: list[Step] = []
    began = time.perf_counter()
    for iteration in range(max_iterations + 1):
        direction, trial, length, status = here.direction, None, 0.0, None
        if direction.decrement <= tolerance or here.active.all():
            status = _verdict(here, direction, reference)
            if direction.least < -SADDLE:
                direction, status = _leave_saddle(direction), None
        if status is None and iteration < max_iterations:
            trial, length = _line_search(counted, here, direction)
            if trial is None and direction.least < -SADDLE:
                trial, length = _line_search(counted, here, _leave_saddle(direction))
            if trial is None and 0.5 * direction.decrement**2 <= 4 * _noise(here.at):
                status = _verdict(here, direction, reference)
            elif trial is None:
                trial, length = _reference_step(counted, here, reference)
                status = "stalled" if trial is None else None
        seconds = time.perf_counter() - began
        step = Step(iteration, here.at.value, direction.decrement, length, direction.least, seconds, counted.calls)
        steps.append(step)
        if on_step is not None:
            on_step(step)
        if trial is None:
            end = status or "iteration limit"
            return Maximum(here.x, here.at, end, direction.decrement, here.active, tuple(steps))
        here = trial
    raise AssertionError


@dataclass(slots=True)
class _Counted(Generic[At]):
    """A function within bounds that counts how often it was evaluated."""

    function: Callable[[Floats], At]
    box: _Box
    calls: int = 0

    def __call__(self, x: Floats) -> _Point[At]:
        self.calls += 1
        at = self.function(x)
        return _Point(x, at, self.box.active(x, at.gradient))


def _direction(now: Evaluation, free: NDArray[np.bool_]) -> _Direction:
    """Newton's step among the free variables with the curvature made positive and bounded away from zero."""
    q = len(free)
    if not free.any():
        return _Direction(np.zeros(q), 0.0, np.inf, 0.0, np.zeros(q))
    whole = bool(free.all())
    curvature = -(now.hessian if whole else now.hessian[np.ix_(free, free)])
    gradient = now.gradient if whole else now.gradient[free]
    scale = np.sqrt(np.abs(curvature.diagonal()))
    scale[~(scale > 0)] = 1.0
    size, axes = np.linalg.eigh(curvature / (scale[:, None] * scale))
    along = axes.T @ (gradient / scale)
    shortened = along / np.maximum(np.abs(size), FLOOR)
    step, axis = np.zeros(q), np.zeros(q)
    step[free] = axes @ shortened / scale
    axis[free] = axes[:, 0] / scale
    squared = float(along @ shortened)
    return _Direction(step, math.sqrt(squared), float(size[0]), squared, axis)


def _verdict(here: _Point[At], direction: _Direction, reference: Floats | None) -> Status:
    """A maximum has curvature in every free direction: relative to its own diagonal, and to the reference."""
    if direction.least <= FLOOR:
        return "flat"
    free = np.flatnonzero(~here.active)
    if reference is None or not len(free):
        return "maximum"
    inner = np.ix_(free, free)
    lower = np.linalg.cholesky(reference[inner])
    half = np.linalg.solve(lower, -here.at.hessian[inner])
    least = np.linalg.eigvalsh(np.linalg.solve(lower, half.T))[0]
    return "maximum" if least > FLAT else "flat"


def _leave_saddle(direction: _Direction) -> _Direction:
    """At a stationary point that curves upwards: walk along the axis of the wrong curvature."""
    return _Direction(direction.downhill_axis, direction.decrement, direction.least, 0.0, direction.downhill_axis)


def _line_search(counted: _Counted[At], here: _Point[At], direction: _Direction) -> tuple[_Point[At] | None, float]:
    """Halve the step until the function rises enough; the whole evaluation is taken at each trial point."""
    now, noise = here.at.value, _noise(here.at)
    signs = (1.0, -1.0) if direction.slope == 0.0 else (1.0,)
    for sign in signs:
        step = sign * direction.step
        length = counted.box.longest(here.x, step)
        for _ in range(40):
            trial = counted(counted.box.inside(here.x + length * step))
            value = trial.at.value
            if np.isfinite(value) and value >= now + 1e-4 * length * direction.slope - noise:
                rises = value > now + noise
                if rises or _closer(here, trial):
                    return trial, length
            length *= 0.5
            if length * math.sqrt(direction.slope) < 1e-12 and direction.slope > 0:
                break
    return None, 0.0


def _reference_step(
    counted: _Counted[At], here: _Point[At], reference: Floats | None
) -> tuple[_Point[At] | None, float]:
    """Where the curvature says nothing (far out, all probabilities zero or one): the gradient in the reference metric.

    The step is halved until the function rises, then doubled as long as it goes on rising.
    """
    free, box = ~here.active, counted.box
    if reference is None or not free.any():
        return None, 0.0
    step = np.zeros_like(here.x)
    step[free] = np.linalg.solve(reference[np.ix_(free, free)], here.at.gradient[free])
    best, length = None, 1.0
    for _ in range(100):
        trial = counted(box.inside(np.clip(here.x + length * step, box.lower, box.upper)))
        if np.isfinite(trial.at.value) and trial.at.value > (best or here).at.value + _noise(here.at):
            best = trial
            length *= 2.0
        elif best is not None or length < 1e-9:
            break
        else:
            length *= 0.5
    return best, length


def _noise(now: Evaluation) -> float:
    """Rounding of the function's value."""
    return NOISE * (1.0 + abs(now.value))


def _closer(here: _Point[At], trial: _Point[At]) -> bool:
    """Within rounding of the function's value, progress is a smaller decrement, among the same variables."""
    alike = np.array_equal(here.active, trial.active)
    before = here.direction if alike else _direction(here.at, ~trial.active)
    return trial.direction.decrement < 0.5 * before.decrement
