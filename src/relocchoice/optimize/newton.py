"""Newton's method with the exact Hessian, safeguarded; pure numerics on a smooth function of a vector.

Every quantity is measured in the function's own curvature (the diagonal of the Hessian scales the variables), so the
units of the variables do not matter. Directions of wrong or no curvature are followed uphill with the size of their
curvature
(Gill, Murray & Wright 1981, ch. 4); steps are halved until the function rises. The stopping rule is the Newton
decrement, the distance to the maximum in standard errors, not the change of the variables.
"""

from __future__ import annotations

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
    counted = _Counted(objective)
    x = _inside(start, lower, upper)
    now = counted(x) if at_start is None else at_start
    if not np.isfinite(now.value):
        raise NotFinite("the function is not finite at the starting values")
    steps: list[Step] = []
    began = time.perf_counter()
    for iteration in range(max_iterations + 1):
        active = _active(x, now.gradient, lower, upper)
        direction = _direction(now, ~active)
        length, status = 0.0, None
        if direction.decrement <= tolerance or not (~active).any():
            status = _verdict(now, direction, active, reference)
            if direction.least < -SADDLE:
                direction, status = _leave_saddle(direction), None
        if status is None and iteration < max_iterations:
            x_new, trial, length = _line_search(counted, x, now, direction, lower, upper)
            if trial is None and direction.least < -SADDLE:
                x_new, trial, length = _line_search(counted, x, now, _leave_saddle(direction), lower, upper)
            if trial is None and 0.5 * direction.decrement**2 <= 4 * _noise(now):
                status = _verdict(now, direction, active, reference)
            elif trial is None:
                x_new, trial, length = _reference_step(counted, x, now, reference, ~active, lower, upper)
                status = "stalled" if trial is None else None
        else:
            trial = None
        seconds = time.perf_counter() - began
        step = Step(iteration, now.value, direction.decrement, length, direction.least, seconds, counted.calls)
        steps.append(step)
        if on_step is not None:
            on_step(step)
        if trial is None:
            return Maximum(x, now, status or "iteration limit", direction.decrement, active, tuple(steps))
        x, now = x_new, trial
    raise AssertionError


@dataclass(slots=True)
class _Counted(Generic[At]):
    """A function that counts how often it was evaluated."""

    function: Callable[[Floats], At]
    calls: int = 0

    def __call__(self, x: Floats) -> At:
        self.calls += 1
        return self.function(x)


def _active(x: Floats, gradient: Floats, lower: Floats, upper: Floats) -> NDArray[np.bool_]:
    return ((x <= lower) & (gradient <= 0)) | ((x >= upper) & (gradient >= 0))


def _direction(now: Evaluation, free: NDArray[np.bool_]) -> _Direction:
    """Newton's step among the free variables with the curvature made positive and bounded away from zero."""
    q = len(free)
    if not free.any():
        return _Direction(np.zeros(q), 0.0, np.inf, 0.0, np.zeros(q))
    curvature = -now.hessian[np.ix_(free, free)]
    scale = np.sqrt(np.abs(np.diag(curvature)))
    scale = np.where(scale > 0, scale, 1.0)
    size, axes = np.linalg.eigh(curvature / np.outer(scale, scale))
    along = axes.T @ (now.gradient[free] / scale)
    modified = np.maximum(np.abs(size), FLOOR)
    step, axis = np.zeros(q), np.zeros(q)
    step[free] = axes @ (along / modified) / scale
    axis[free] = axes[:, 0] / scale
    squared = float(along @ (along / modified))
    return _Direction(step, float(np.sqrt(squared)), float(size[0]), squared, axis)


def _verdict(now: Evaluation, direction: _Direction, active: NDArray[np.bool_], reference: Floats | None) -> Status:
    """A maximum has curvature in every free direction: relative to its own diagonal, and to the reference."""
    if direction.least <= FLOOR:
        return "flat"
    free = np.flatnonzero(~active)
    if reference is None or not len(free):
        return "maximum"
    inner = np.ix_(free, free)
    lower = np.linalg.cholesky(reference[inner])
    half = np.linalg.solve(lower, -now.hessian[inner])
    least = np.linalg.eigvalsh(np.linalg.solve(lower, half.T))[0]
    return "maximum" if least > FLAT else "flat"


def _leave_saddle(direction: _Direction) -> _Direction:
    """At a stationary point that curves upwards: walk along the axis of the wrong curvature."""
    return _Direction(direction.downhill_axis, direction.decrement, direction.least, 0.0, direction.downhill_axis)


def _line_search(
    objective: Callable[[Floats], At], x: Floats, now: At, direction: _Direction, lower: Floats, upper: Floats
) -> tuple[Floats, At | None, float]:
    """Halve the step until the function rises enough; the whole evaluation is taken at each trial point."""
    noise = _noise(now)
    signs = (1.0, -1.0) if direction.slope == 0.0 else (1.0,)
    for sign in signs:
        step = sign * direction.step
        length = _longest(x, step, lower, upper)
        for _ in range(40):
            x_new = _inside(x + length * step, lower, upper)
            trial = objective(x_new)
            if np.isfinite(trial.value) and trial.value >= now.value + 1e-4 * length * direction.slope - noise:
                rises = trial.value > now.value + noise
                if rises or _closer(now, trial, x_new, lower, upper):
                    return x_new, trial, length
            length *= 0.5
            if length * np.sqrt(direction.slope) < 1e-12 and direction.slope > 0:
                break
    return x, None, 0.0


def _reference_step(
    objective: Callable[[Floats], At],
    x: Floats,
    now: At,
    reference: Floats | None,
    free: NDArray[np.bool_],
    lower: Floats,
    upper: Floats,
) -> tuple[Floats, At | None, float]:
    """Where the curvature says nothing (far out, all probabilities zero or one): the gradient in the reference metric.

    The step is halved until the function rises, then doubled as long as it goes on rising.
    """
    if reference is None or not free.any():
        return x, None, 0.0
    step = np.zeros_like(x)
    step[free] = np.linalg.solve(reference[np.ix_(free, free)], now.gradient[free])
    best, at, length = x, None, 1.0
    for _ in range(100):
        x_new = _inside(np.clip(x + length * step, lower, upper), lower, upper)
        trial = objective(x_new)
        if np.isfinite(trial.value) and trial.value > (now if at is None else at).value + _noise(now):
            best, at = x_new, trial
            length *= 2.0
        elif at is not None or length < 1e-9:
            break
        else:
            length *= 0.5
    return best, at, length


def _noise(now: Evaluation) -> float:
    """Rounding of the function's value."""
    return NOISE * (1.0 + abs(now.value))


def _closer(now: Evaluation, trial: Evaluation, x_new: Floats, lower: Floats, upper: Floats) -> bool:
    """Within rounding of the function's value, progress is a smaller decrement."""
    free_new = ~_active(x_new, trial.gradient, lower, upper)
    return _direction(trial, free_new).decrement < 0.5 * _direction(now, free_new).decrement


def _inside(x: Floats, lower: Floats, upper: Floats) -> Floats:
    """The point within the bounds; on a bound where only rounding keeps it off, or the next step would have no room."""
    reach = 1e-12 * (1.0 + np.abs(x))
    return np.where(x >= upper - reach, upper, np.where(x <= lower + reach, lower, x))


def _longest(x: Floats, step: Floats, lower: Floats, upper: Floats) -> float:
    """The largest fraction of the step, at most 1, that stays within the bounds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(step > 0, (upper - x) / step, np.where(step < 0, (lower - x) / step, np.inf))
    room = room[room > 0]
    return float(min(1.0, room.min(initial=np.inf)))
