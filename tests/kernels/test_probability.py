"""Sums of probabilities and of their derivatives: the way of the trees is the way of any family, in every design."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from fused_cases import DEEP, DEEPER, MIXED, NESTS, PROBLEMS, Sizes, bound, frame, problem

from builders import choice_data
from relocchoice.engine.problem import Problem
from relocchoice.kernels.branches import Branching
from relocchoice.kernels.fused import NUMPY, held
from relocchoice.kernels.probability import Cases, ProbabilitySums, probability_sums

ALONE = {"p": ["a00"], "q": {"q1": ["a01", "a02"], "q2": ["a03"]}, "a04": None, "a05": None}
SPLIT = {"p": ["a01", "a04"], "q": ["a02"], "a00": None, "a03": None, "a05": None}


def _own_columns(**options: Any) -> Problem:
    """An attribute with a coefficient for each alternative."""
    return bound(choice_data(frame(MIXED), weights="w"), "chosen ~ x0 | c0 | x1 + x2", **options)


MADE = {
    **PROBLEMS,
    "own": _own_columns,
    "own, deep, bottom": lambda: _own_columns(nests=DEEP, normalisation="bottom"),
    "bottom": lambda: problem(Sizes(slots=5, generic=2), NESTS, normalisation="bottom"),
    "bottom, offset": lambda: problem(MIXED, DEEP, normalisation="bottom", offset="o"),
    "deeper, bottom": lambda: problem(Sizes(n=61, slots=7, case=1, absent=0.3), DEEPER, normalisation="bottom"),
    "deeper, not normalised": lambda: problem(Sizes(n=61, slots=7, absent=0.3), DEEPER, normalisation="none"),
    "one alternative": lambda: problem(Sizes(n=61, slots=6, absent=0.5), ALONE),
    "one alternative, not normalised": lambda: problem(Sizes(n=61, slots=6, absent=0.5), ALONE, normalisation="none"),
    "the root's own apart": lambda: problem(Sizes(n=40, slots=6, case=1, zone=1, absent=0.4), SPLIT),
}

ASKED = ((3, False, True), (1, False, True), (1, True, True), (3, True, True), (1, False, False), (3, True, False))


class _Any:
    """A family that does not say that it is a tree."""

    def __init__(self, family: Any) -> None:
        self._family = family

    def local(self, *arguments: Any) -> Any:
        return self._family.local(*arguments)


@cache
def made(name: str) -> Problem:
    return MADE[name]()


def _point(at: Problem, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    theta = 0.5 * rng.normal(size=len(at.space.names))
    theta[at.n_coef :] = rng.uniform(0.3, 1.2, len(theta) - at.n_coef)
    return at._kernel(theta)


def _agree(one: ProbabilitySums, other: ProbabilitySums) -> None:
    for name in ProbabilitySums.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        assert left.shape == right.shape, name
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12 * max(1.0, abs(right).max(initial=0.0)))


@pytest.mark.parametrize("name", MADE)
def test_trees_have_the_sums_of_any_family(name):
    at, rng = made(name), np.random.default_rng(3)
    beta, shape = _point(at, 4)
    for chunk, family in zip(at.design.chunks, at.families, strict=True):
        assert isinstance(family, Branching)
        rows = chunk.placement.rows
        for n_groups, of_log, gradient in ASKED[: 1 if len(rows) > 20 else None]:
            probes = [None, rng.normal(size=rows.shape), np.ones(rows.shape)]
            groups, weights = rng.integers(0, n_groups, rows.shape[1]), rng.uniform(0, 2, rows.shape[1])
            cases = [Cases(chunk, weights, groups, probes), Cases(chunk, weights**2, groups, probes[::-1])]
            short, long = (
                probability_sums(one, cases, beta, shape, n_groups, of_log=of_log, gradient=gradient)
                for one in (family, _Any(family))
            )
            _agree(short, long)


@pytest.mark.parametrize("name", ["mixed", "deep, mixed", "deep, mixed, not normalised", "bottom, offset"])
def test_storage_changes_nothing(name):
    """Tiles of eight cases, or all in one."""
    beta, shape = _point(made(name), 5)
    with held(level=NUMPY):
        plain = MADE[name]()
    sums = []
    for at in (made(name), plain):
        every = [
            probability_sums(
                family, [Cases(c, np.ones(c.n_cases), np.zeros(c.n_cases, np.intp), [None])], beta, shape, 1
            )
            for c, family in zip(at.design.chunks, at.families, strict=True)
        ]
        by_name = np.zeros((made(name).design.chunks[0].n_coef + len(shape),))
        for one in every:
            by_name += one.effect_gradient.sum(axis=(0, 1, 2, 3))
        sums.append(by_name)
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("of_log", [False, True])
def test_large_utilities_and_absent_nests(of_log):
    """Probabilities of 0 and 1, and a nest of which nobody has an alternative, leave finite sums."""
    at = made("deep, mixed")
    beta, shape = _point(at, 6)
    for chunk, family in zip(at.design.chunks, at.families, strict=True):
        cases = [Cases(chunk, np.ones(chunk.n_cases), np.zeros(chunk.n_cases, np.intp), [None])]
        for scale in (1.0, 300.0):
            found = probability_sums(family, cases, scale * beta, shape, 1, of_log=of_log)
            assert np.isfinite(found.effect).all()
            assert np.isfinite(found.effect_gradient).all()
