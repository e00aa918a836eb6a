"""The compiled core against the NumPy path: the same numbers on every instruction set, for every problem."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from pathlib import Path

import fused_cases as cases
import numpy as np
import pytest
from fused_cases import COMPILED, DEEP, MIXED, PROBLEMS, Sizes, distances, made, point, problem, serves, values
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import relocchoice as rc
import relocchoice.spec.design as design_module
from builders import NESTS, choice_data, choice_frame
from relocchoice.engine.problem import Problem
from relocchoice.errors import OptionError
from relocchoice.kernels import fused
from relocchoice.versions import versions

TOLERANCE = 1e-12
NESTED = cases.NESTS
EXTENDED = np.finfo(np.longdouble).nmant > 60  # elsewhere the reference itself is off by up to one ulp
pytestmark = pytest.mark.skipif(not COMPILED, reason="the compiled core was not built")
every_level = pytest.mark.parametrize("level", COMPILED)
every_problem = pytest.mark.parametrize("name", PROBLEMS)


def check(of: Problem, x: NDArray[np.float64], level: str, tolerance: float = TOLERANCE) -> None:
    assert serves(of), "the core does not take the problem"
    apart = distances(values(of, x, level), values(of, x, fused.NUMPY))
    assert max(apart.values()) < tolerance, apart


@every_level
@every_problem
def test_core_equals_the_numpy_path(name, level):
    of = made(name)
    check(of, point(of), level)


@every_level
@pytest.mark.parametrize("nests", [None, DEEP], ids=["multinomial", "nested"])
@pytest.mark.parametrize("n", [*range(1, 18), 31, 32, 33])
def test_any_number_of_cases_fills_its_last_tile(n, nests, level):
    of = problem(replace(MIXED, n=n, case=2 if n > 1 else 0), nests)
    check(of, point(of), level)


@given(
    st.builds(
        Sizes,
        n=st.integers(2, 60),
        slots=st.integers(6, 14),
        generic=st.integers(0, 13),
        zone=st.integers(0, 6),
        case=st.integers(0, 2),
        absent=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
        weights=st.integers(0, 3),
    ),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40)
def test_core_equals_the_numpy_path_anywhere(sizes, nested, seed):
    if sizes.generic + sizes.zone + sizes.case == 0:
        sizes = replace(sizes, generic=1)
    alone = {f"a{j:02d}": None for j in range(6, sizes.slots)}
    of = problem(sizes, {**DEEP, **alone} if nested else None)
    check(of, point(of, seed), COMPILED[0])


LEAN = (
    "generic, ragged, weights",
    "many generic",
    "many generic, case-specific, ragged, offset",
    "two alternatives, many generic",
)


@pytest.mark.parametrize("name", LEAN)
def test_rows_that_are_not_stored_are_found_again(name):
    ours = made(name)
    assert all(chunk.tiles.shape[2] == len(chunk.placement.rows) - 1 for chunk in ours.design.chunks)
    with fused.held(level=fused.NUMPY):
        whole = PROBLEMS[name]()
        assert all(chunk.left_out is None for chunk in whole.design.chunks)
        x = point(ours)
        apart = distances(values(ours, x, fused.NUMPY), values(whole, x, fused.NUMPY))
        assert max(apart.values()) < TOLERANCE, apart
        np.testing.assert_allclose(ours.scores(x), whole.scores(x), atol=1e-12)
        np.testing.assert_allclose(ours.utility_gains(x, 9), whole.utility_gains(x, 9), atol=1e-12)


@pytest.mark.parametrize("name", LEAN)
def test_a_chunk_says_the_same_of_its_columns_in_every_way(name):
    for chunk in made(name).design.chunks:
        generic, n_slots, n = chunk.generic, len(chunk.placement.rows), chunk.n_cases
        assert not generic[:, chunk.placement.chosen, np.arange(n)].any()
        np.testing.assert_array_equal(chunk.generic_by_slot(), generic.transpose(1, 0, 2))
        slots, lanes = np.divmod(np.arange(n_slots * n), n)
        np.testing.assert_array_equal(chunk.generic_at(slots, lanes), generic[:, slots, lanes])
        for some in (slice(1, None), np.array([n_slots - 1, 0])):
            ones = np.ones((len(generic[0, some]), n))
            np.testing.assert_array_equal(chunk.times(some, ones).generic, generic[:, some])


def test_a_nested_logit_on_the_columns_of_a_multinomial_one_goes_the_numpy_way():
    plain, nested = problem(Sizes(slots=5, generic=5)), problem(Sizes(slots=5, generic=5), NESTED)
    assert all(chunk.left_out is None for chunk in nested.design.chunks)
    mixed = replace(nested, design=plain.design)
    assert not serves(mixed)
    x = point(nested)
    apart = distances(values(mixed, x, fused.NUMPY), values(nested, x, COMPILED[0]))
    assert max(apart.values()) < TOLERANCE, apart


def test_what_the_core_does_not_compute_goes_the_numpy_way():
    assert not serves(problem(MIXED, DEEP, normalisation="bottom"))
    own = cases.bound(choice_data(cases.frame(Sizes())), "chosen ~ x0 | 0 | x1")
    assert not serves(own)
    assert np.isfinite(own.evaluate(point(own)).value)


@pytest.fixture
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> Problem:
    """Of enough chunks, and numbers, that every thread has its own."""
    monkeypatch.setattr(design_module, "CHUNK_VALUES", 1500)
    of = problem(Sizes(n=3000, slots=6, generic=5, case=1, weights=2), DEEP)
    assert len(of.design.chunks) > 20
    return of


def bits(of: Problem, x: NDArray[np.float64], threads: int, level: str = COMPILED[0] if COMPILED else "") -> bytes:
    return b"".join(part.tobytes() for part in astuple(values(of, x, level, threads)))


@every_level
def test_number_of_threads_changes_no_bit(many_chunks, level):
    x = point(many_chunks)
    check(many_chunks, x, level)
    one = bits(many_chunks, x, 1, level)
    for threads in (2, 3, 5, 2):
        assert bits(many_chunks, x, threads, level) == one


def test_python_threads_change_no_bit(many_chunks):
    points = [point(many_chunks, seed) for seed in range(4)]
    alone = [bits(many_chunks, x, 1) for x in points]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda i: bits(many_chunks, points[i % 4], 2), range(60)))
    assert together == [alone[i % 4] for i in range(60)]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this system")
def test_child_processes_compute_the_same():
    """Forked after the pool has started, beside a thread that keeps it busy, and by multiprocessing."""
    script = Path(__file__).with_name("fork_script.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["alone", "busy", "pool"]


def applied(what: str, x: NDArray[np.float64], level: str) -> NDArray[np.float64]:
    padded = np.concatenate([x, np.ones(-len(x) % fused.LANES)])
    out = np.empty_like(padded)
    fused._core.apply(what, padded, out, level)
    return out[: len(x)]


def ulps(ours: NDArray[np.float64], exact: NDArray[np.longdouble]) -> float:
    step = np.spacing(np.abs(exact).astype(np.float64)).astype(np.longdouble)
    return float(np.max(np.abs(ours.astype(np.longdouble) - exact) / step))


@every_level
def test_exp_is_within_an_ulp(level):
    rng = np.random.default_rng(0)
    halves = (np.arange(2041) / 2) * np.log(2)  # where the power of two changes
    x = -np.concatenate(
        [
            np.linspace(0, 708, 300_001),
            rng.exponential(size=100_000),
            np.exp2(rng.uniform(-60, 9.46, 100_000)),
            *(halves, np.nextafter(halves, 0.0), np.nextafter(halves, 800.0)),
        ]
    )
    x = x[x >= -708]
    assert ulps(applied("exp", x, level), np.exp(x.astype(np.longdouble))) < (1.0 if EXTENDED else 2.0)


@every_level
def test_log_is_within_an_ulp_and_a_half(level):
    rng = np.random.default_rng(0)
    powers = 2.0 ** np.arange(1023)
    turns = np.sqrt(2.0) * powers  # where the exponent changes
    x = np.concatenate(
        [
            np.linspace(1, 4, 300_001),
            1 + np.arange(2000) * 2.0**-52,
            1 + np.exp2(rng.uniform(-52, 0, 100_000)),
            np.exp2(rng.uniform(0, 1023, 100_000)),
            *(powers, np.nextafter(powers[1:], 0.0), turns, np.nextafter(turns, np.inf), np.nextafter(turns, 0.0)),
        ]
    )
    exact = np.log(x.astype(np.longdouble))
    ours = applied("log", x, level)
    assert ours[0] == 0.0
    there = exact != 0.0
    assert ulps(ours[there], exact[there]) < (1.5 if EXTENDED else 2.5)


@every_level
def test_exp_at_the_edges(level):
    x = np.array([-np.inf, -1e300, -708.0001, -708.0, -5e-324, -0.0, 0.0, np.nan])
    out = applied("exp", x, level)
    np.testing.assert_array_equal(out[[0, 1, 2]], 0.0)
    assert out[3] == pytest.approx(np.exp(-708.0), rel=1e-15)
    np.testing.assert_array_equal(out[[4, 5, 6]], 1.0)
    assert np.isnan(out[7])


HOSTILE = ("generic", "mixed", "zone", "case-specific", "pooled slots", "nested", "deep, mixed", "deeper")


@every_level
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", HOSTILE)
def test_coefficients_that_are_no_numbers_are_outside_the_domain(name, bad, level):
    of = made(name)
    for k in range(len(point(of))):
        x = point(of)
        x[k] = bad
        with fused.held(level=level), np.errstate(all="ignore"):
            assert of.evaluate(x).value == -np.inf
            assert not np.isfinite(of.loglik_by_case(x)).all()


@every_level
@pytest.mark.parametrize("name", HOSTILE)
def test_utilities_of_a_million_are_finite(name, level):
    of = made(name)
    x = point(of, spread=1e6)
    at = values(of, x, level)
    assert all(np.isfinite(part).all() for part in astuple(at))
    apart = distances(at, values(of, x, fused.NUMPY))
    assert max(apart["value"], apart["loglik_by_case"], apart["gradient"]) < 1e-12


@every_level
@pytest.mark.parametrize("name", ["nested", "nested, offset, not normalised", "deep, generic", "deeper"])
def test_tiny_lambdas(name, level):
    of = made(name)
    x = point(of)
    lambdas = np.abs(of.space.matrix[of.n_coef :]).sum(axis=0) > 0
    x[lambdas] = 1e-3
    check(of, x, level, 1e-9)
    for wrong in (0.0, -0.5):
        x[lambdas] = wrong
        with fused.held(level=level):
            assert of.evaluate(x).value == -np.inf


@every_level
@pytest.mark.parametrize("name", ["mixed", "deep, mixed"])
def test_cases_without_weight_count_nothing(name, level):
    of = made(name)
    x = point(of)
    nothing = values(replace(of, weights=np.zeros_like(of.weights)), x, level)
    for part in astuple(nothing)[:-1]:
        np.testing.assert_array_equal(part, 0.0)
    first = np.arange(len(of.weights)) < 5
    check(replace(of, weights=of.weights * first), x, level)


SIZED = ("chunks", "model", "beta", "shape", "weights", "squares", "out", "loglik")
BY_CASE = ("weights", "squares", "loglik")  # may be longer: of collapsed cases those that stand for others come first


@pytest.mark.parametrize(
    ("which", "longer"), [*((name, False) for name in SIZED), *((name, True) for name in SIZED if name not in BY_CASE)]
)
def test_arrays_of_wrong_size_are_refused(which, longer, monkeypatch):
    of = made("deep, mixed")
    x = point(of)

    class Spoiled:
        """The core, given one array that is too short or too long."""

        levels = staticmethod(fused._core.levels)
        tried = 0

        def evaluate(self, *arguments):
            given, at = list(arguments), SIZED.index(which)
            if given[at] is not None:
                self.tried += 1
                old = given[at]
                given[at] = np.concatenate([old.ravel(), np.zeros(1, old.dtype)]) if longer else old.ravel()[:-1].copy()
            return spoiled_core.evaluate(*given)

    spoiled_core, spoiled = fused._core, Spoiled()
    monkeypatch.setattr(fused, "_core", spoiled)
    with pytest.raises(ValueError, match="do not fit together"):  # noqa: PT012 - one of the two has the array
        of.evaluate(x)
        of.loglik_by_case(x)
    assert spoiled.tried == 1


def test_nonsense_is_refused():
    out = np.empty(8)
    with pytest.raises(ValueError, match="no instruction set nothing"):
        fused._core.apply("exp", np.zeros(8), out, "nothing")
    with pytest.raises(ValueError, match="multiple of 8"):
        fused._core.apply("exp", np.zeros(7), out[:7], COMPILED[0])
    with pytest.raises(ValueError, match="same length"):
        fused._core.apply("exp", np.zeros(16), out, COMPILED[0])
    with pytest.raises(TypeError):
        fused._core.evaluate(1, 2)


def test_levels_threads_and_how_they_are_chosen(monkeypatch):
    assert fused.levels()[-1] == fused.NUMPY
    assert "baseline" in fused.levels()
    for level in fused.levels():
        monkeypatch.setenv("RELOCCHOICE_CORE", level)
        assert fused.level() == level
    monkeypatch.delenv("RELOCCHOICE_CORE")
    assert fused.level() == fused.levels()[0]
    monkeypatch.setenv("RELOCCHOICE_NUM_THREADS", "3")
    assert fused.threads() == 3
    with fused.held(n_threads=1, level=fused.NUMPY):
        assert (fused.threads(), fused.level()) == (1, fused.NUMPY)
    assert fused.threads() == 3
    for odd in ("0", "-1", "1.5", "abc", "00001025", "1025", "00001999999999", "9" * 5000):
        monkeypatch.setenv("RELOCCHOICE_NUM_THREADS", odd)
        with pytest.raises(OptionError, match="from 1 to 1024"):
            fused.threads()
        assert versions().threads.startswith("none, because RELOCCHOICE_NUM_THREADS")


@pytest.mark.parametrize("nests", [None, NESTS], ids=["multinomial", "nested"])
def test_without_the_core_numpy_serves(nests, monkeypatch):
    data = choice_data(choice_frame(400, 3, available=0.8))
    formula = "chosen ~ cost + distance | assets"
    model = rc.MultinomialLogit(formula) if nests is None else rc.NestedLogit(formula, nests)
    ours = model.fit(data, cov_type="robust")
    monkeypatch.setattr(fused, "_core", None)
    assert fused.levels() == (fused.NUMPY,)
    plain = model.fit(data, cov_type="robust")
    assert plain.llf == pytest.approx(ours.llf, rel=1e-12)
    np.testing.assert_allclose(plain.params, ours.params, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(plain.bse, ours.bse, rtol=1e-6)
