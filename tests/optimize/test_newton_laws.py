"""Laws of the optimiser on functions whose maximum is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.optimize.newton import Maximum, Step, maximise

INF = np.inf
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15)


@dataclass(frozen=True, slots=True)
class Value:
    value: float
    gradient: np.ndarray
    hessian: np.ndarray


Function = Callable[[np.ndarray], Value]


def climb(function: Function, start: list[float] | np.ndarray, lower=None, upper=None, **options) -> Maximum:
    q = len(start)
    lower = np.full(q, -INF) if lower is None else np.asarray(lower, dtype=float)
    upper = np.full(q, INF) if upper is None else np.asarray(upper, dtype=float)
    return maximise(function, np.asarray(start, dtype=float), lower, upper, **options)


def quadratic(curvature: np.ndarray, top: np.ndarray) -> Function:
    return lambda x: Value(-0.5 * (x - top) @ curvature @ (x - top), -curvature @ (x - top), -curvature)


def log_sum_exp(rows: np.ndarray) -> Function:
    """Concave and smooth: -log sum exp(rows x) - a little x'x."""

    def at(x: np.ndarray) -> Value:
        z = rows @ x
        p = np.exp(z - z.max())
        value = -z.max() - np.log(p.sum()) - 0.05 * x @ x
        p /= p.sum()
        mean = rows.T @ p
        hessian = -(rows.T * p) @ rows + np.outer(mean, mean) - 0.1 * np.eye(len(x))
        return Value(float(value), -mean - 0.1 * x, hessian)

    return at


def scaled(function: Function, units: np.ndarray) -> Function:
    """The same function of variables measured in other units."""

    def at(y: np.ndarray) -> Value:
        now = function(units * y)
        return Value(now.value, units * now.gradient, now.hessian * np.outer(units, units))

    return at


def two_tops(x: np.ndarray) -> Value:
    """-(x0^2 - 1)^2 - x1^2: maxima at x0 = +-1, a saddle between them."""
    gradient = np.array([-4 * x[0] * (x[0] ** 2 - 1), -2 * x[1]])
    return Value(-((x[0] ** 2 - 1) ** 2) - x[1] ** 2, gradient, np.diag([4 - 12 * x[0] ** 2, -2.0]))


def banana(x: np.ndarray) -> Value:
    """Rosenbrock's valley upside down, the maximum at (1, 1)."""
    a, b = x
    gradient = -np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])
    hessian = -np.array([[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200.0]])
    return Value(-((1 - a) ** 2) - 100 * (b - a * a) ** 2, gradient, hessian)


def logarithm(x: np.ndarray) -> Value:
    """log x - x, nothing outside x > 0."""
    if x[0] <= 0:
        return Value(-INF, np.zeros(1), np.zeros((1, 1)))
    return Value(float(np.log(x[0]) - x[0]), 1 / x - 1, np.array([[-1 / x[0] ** 2]]))


@given(seed=seeds, q=st.integers(1, 6))
@few
def test_a_quadratic_takes_one_step(seed, q):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(q, q))
    top = rng.normal(size=q)
    found = climb(quadratic(root @ root.T + 0.1 * np.eye(q), top), rng.normal(size=q))
    assert found.status == "maximum"
    assert [step.length for step in found.steps] == [1.0, 0.0]
    np.testing.assert_allclose(found.x, top, atol=1e-8)


@given(seed=seeds, q=st.integers(1, 5))
@few
def test_the_top_of_a_concave_function_is_found_from_anywhere(seed, q):
    rng = np.random.default_rng(seed)
    function = log_sum_exp(rng.normal(size=(12, q)) * 3)
    ends = [climb(function, 10 * rng.normal(size=q)) for _ in range(2)]
    assert all(end.status == "maximum" for end in ends)
    assert all(end.decrement <= 1e-9 for end in ends)
    np.testing.assert_allclose(ends[0].x, ends[1].x, atol=1e-7)
    np.testing.assert_allclose(function(ends[0].x).gradient, 0.0, atol=1e-8)


@given(seed=seeds)
@few
def test_the_function_never_falls_and_the_log_says_what_was_reached(seed):
    rng = np.random.default_rng(seed)
    seen: list[Step] = []
    found = climb(banana, 3 * rng.normal(size=2), on_step=seen.append)
    values = [step.value for step in found.steps]
    assert found.status == "maximum"
    np.testing.assert_allclose(found.x, 1.0, atol=1e-7)
    assert all(after >= before - 1e-12 for before, after in pairwise(values))
    assert found.evaluation.value == values[-1]
    assert tuple(seen) == found.steps
    assert [step.iteration for step in seen] == list(range(len(seen)))


@pytest.mark.parametrize("start", [[0.0, 0.0], [0.0, 0.7], [1e-9, 0.0]])
def test_a_saddle_is_no_maximum(start):
    found = climb(two_tops, start)
    assert found.status == "maximum"
    np.testing.assert_allclose(np.abs(found.x), [1.0, 0.0], atol=1e-8)
    assert found.evaluation.value == pytest.approx(0.0, abs=1e-14)


def test_the_bottom_of_a_valley_is_left():
    found = climb(lambda x: Value(-np.cos(x[0]), np.sin(x), np.array([[np.cos(x[0])]])), [0.0])
    assert found.status == "maximum"
    assert abs(found.x[0]) == pytest.approx(np.pi)


@given(seed=seeds, q=st.integers(2, 5))
@few
def test_at_an_active_bound_the_rest_is_at_its_own_maximum(seed, q):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(q, q))
    curvature, top = root @ root.T + 0.3 * np.eye(q), rng.normal(size=q)
    bound = top[0] - rng.uniform(0.1, 3.0)
    upper = np.full(q, INF)
    upper[0] = bound
    found = climb(quadratic(curvature, top), top - 5.0, upper=upper)
    assert found.status == "maximum"
    assert found.x[0] == bound
    assert found.active.tolist() == [True] + [False] * (q - 1)
    expected = top[1:] - np.linalg.solve(curvature[1:, 1:], curvature[1:, 0]) * (bound - top[0])
    np.testing.assert_allclose(found.x[1:], expected, atol=1e-7)


def test_bounds_that_do_not_bind_change_nothing():
    free = climb(banana, [-1.0, 2.0])
    bound = climb(banana, [-1.0, 2.0], lower=[-50.0, -50.0], upper=[50.0, 50.0])
    np.testing.assert_allclose(bound.x, free.x, atol=1e-8)
    assert not bound.active.any()


def test_a_bound_met_on_the_way_is_left_again():
    found = climb(banana, [-1.2, 1.0], lower=[-1.2, 0.0], upper=[2.0, 2.0])
    assert found.status == "maximum"
    np.testing.assert_allclose(found.x, 1.0, atol=1e-7)


def test_a_start_outside_the_bounds_is_moved_to_them():
    found = climb(quadratic(np.eye(2), np.zeros(2)), [9.0, -9.0], lower=[1.0, -2.0], upper=[3.0, 2.0])
    np.testing.assert_allclose(found.x, [1.0, 0.0], atol=1e-12)
    assert found.active.tolist() == [True, False]


def test_everything_held_by_bounds_is_a_maximum():
    found = climb(quadratic(np.eye(2), np.full(2, 5.0)), [0.0, 0.0], upper=[1.0, 1.0])
    assert found.status == "maximum"
    np.testing.assert_array_equal(found.x, 1.0)


@pytest.mark.parametrize("reference", [None, np.eye(2)])
def test_a_ridge_is_flat(reference):
    ones = np.ones((2, 2))
    found = climb(
        lambda x: Value(-0.5 * (x.sum() - 3) ** 2, -(x.sum() - 3) * np.ones(2), -ones), [0.0, 0.0], reference=reference
    )
    assert found.status == "flat"
    assert found.x.sum() == pytest.approx(3.0)


def test_a_variable_that_does_nothing_is_flat():
    found = climb(lambda x: Value(-(x[0] ** 2), np.array([-2 * x[0], 0.0]), np.diag([-2.0, 0.0])), [1.0, 1.0])
    assert found.status == "flat"


def test_a_function_that_rises_for_ever_is_flat_not_at_a_maximum():
    """-log(1 + exp(-x)) has its supremum at infinity; only the reference can tell that its curvature is gone."""

    def rising(x: np.ndarray) -> Value:
        gone = np.exp(-np.logaddexp(0.0, x))
        return Value(-float(np.logaddexp(0.0, -x[0])), gone, -np.diag(gone * (1 - gone)))

    found = climb(rising, [0.0], reference=np.array([[0.25]]))
    assert found.status == "flat"
    assert found.x[0] > 15


@pytest.mark.parametrize("start", [1e-6, 0.5, 30.0])
def test_steps_out_of_the_domain_are_shortened(start):
    found = climb(logarithm, [start])
    assert found.status == "maximum"
    assert found.x[0] == pytest.approx(1.0, abs=1e-9)


def test_not_a_number_is_outside_the_domain_too():
    def at(x: np.ndarray) -> Value:
        now = logarithm(x)
        return now if np.isfinite(now.value) else Value(np.nan, np.full(1, np.nan), np.full((1, 1), np.nan))

    assert climb(at, [30.0]).status == "maximum"


@pytest.mark.parametrize("start", [0.0, -1.0])
def test_a_start_outside_the_domain_is_refused(start):
    with pytest.raises(ValueError, match="not finite at the starting values"):
        climb(logarithm, [start])


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_limit_of_iterations_is_kept_and_reported(limit):
    found = climb(banana, [-1.2, 1.0], max_iterations=limit)
    assert found.status == "iteration limit"
    assert len(found.steps) == limit + 1


@given(seed=seeds)
@few
def test_units_of_the_variables_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    start, units = 2 * rng.normal(size=2), 10.0 ** rng.uniform(-12, 12, size=2)
    plain, other = climb(banana, start), climb(scaled(banana, units), start / units)
    assert other.status == plain.status == "maximum"
    np.testing.assert_allclose(units * other.x, plain.x, rtol=1e-7)
    assert abs(len(other.steps) - len(plain.steps)) <= 1
    flat = climb(scaled(quadratic(np.ones((2, 2)), np.zeros(2)), units), start / units)
    assert flat.status == "flat"


def test_the_tolerance_is_a_distance_in_standard_errors():
    loose = climb(banana, [-1.2, 1.0], tolerance=1e-1)
    tight = climb(banana, [-1.2, 1.0], tolerance=1e-10)
    assert 1e-10 < loose.decrement <= 1e-1
    assert tight.decrement <= 1e-10
    assert len(loose.steps) < len(tight.steps)


def test_a_function_of_nothing_is_at_its_maximum():
    found = climb(lambda x: Value(-1.5, np.empty(0), np.empty((0, 0))), [])
    assert found.status == "maximum"
    assert found.evaluation.value == -1.5
