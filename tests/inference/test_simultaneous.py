"""Simultaneous intervals and rank sets: known quantiles, laws, and joint coverage by simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import studentized_range

from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.simultaneous import FactorOrder, factor_order


def order_of(values: list[float], covariance: np.ndarray, **options: object) -> FactorOrder:
    labels = [f"e{k}" for k in range(len(values))]
    return factor_order(pd.Series(values, index=labels), covariance, **options)  # type: ignore[arg-type]


def some_covariance(rng: np.random.Generator, k: int) -> np.ndarray:
    root = rng.normal(size=(k, k)) + 1.5 * np.diag(rng.uniform(0.5, 2, size=k))
    return 0.05 * root @ root.T


@pytest.mark.parametrize("k", [3, 5, 9])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_equal_variances_give_tukeys_range(k: int, alpha: float) -> None:
    critical = order_of([0.0] * k, 0.3 * np.eye(k), alpha=alpha).critical
    known = studentized_range.ppf(1 - alpha, k, 1e6) / np.sqrt(2)
    assert critical.value == pytest.approx(known, abs=4 * critical.error + 1e-5)
    assert 0 < critical.error < 0.002


def test_two_effects_are_the_normal_interval() -> None:
    found = order_of([1.0, 0.2], np.array([[0.04, 0.01], [0.01, 0.09]]))
    assert found.critical.value == pytest.approx(1.959963984540054, abs=1e-12)
    assert found.critical.error == 0
    (row,) = found.intervals.itertuples()
    assert row.std_error == pytest.approx(np.sqrt(0.11), abs=1e-12)
    assert row.lower == pytest.approx(0.8 - 1.959963984540054 * np.sqrt(0.11), abs=1e-12)
    assert row.pvalue == pytest.approx(0.015855, abs=1e-5)


def test_against_the_mean_of_three_by_direct_simulation() -> None:
    covariance = some_covariance(np.random.default_rng(2), 3)
    found = order_of([0.0, 0.0, 0.0], covariance, against="mean")
    contrasts = np.eye(3) - 1 / 3
    draws = np.random.default_rng(8).multivariate_normal(np.zeros(3), covariance, size=200_000) @ contrasts.T
    errors = np.sqrt(np.diag(contrasts @ covariance @ contrasts.T))
    share = (np.abs(draws / errors).max(axis=1) <= found.critical.value).mean()
    assert share == pytest.approx(0.95, abs=0.002)


def test_intervals_and_rank_sets_cover_together() -> None:
    rng = np.random.default_rng(11)
    truth = np.array([0.0, 0.0, 0.1, 0.5, 1.0, 1.02, 2.0])
    covariance = some_covariance(rng, len(truth)) * 0.4
    labels = [f"e{k}" for k in range(len(truth))]
    value = pd.Series(truth, index=labels)
    covered = []
    for draw in rng.multivariate_normal(truth, covariance, size=120):
        found = factor_order(pd.Series(draw, index=labels), covariance, draws=1000, seed=1)
        first, second = found.intervals.index.get_level_values(0), found.intervals.index.get_level_values(1)
        differences = value[first].to_numpy() - value[second].to_numpy()
        inside = bool(((found.intervals["lower"] <= differences) & (differences <= found.intervals["upper"])).all())
        covered.append(inside)
        # equal effects share their places: a set must meet the ranks that the truth allows
        for row in found.ranks.itertuples():
            best, worst = 1 + int((truth > value[row.Index]).sum()), int((truth >= value[row.Index]).sum())
            assert not inside or (row.lower <= worst and row.upper >= best)
    assert 0.88 <= np.mean(covered) < 1


def test_joint_coverage_is_nominal() -> None:
    rng = np.random.default_rng(5)
    covariance = some_covariance(rng, 9)
    found = order_of([0.0] * 9, covariance)
    pairs = list(combinations(range(9), 2))
    contrasts = np.array([np.eye(9)[i] - np.eye(9)[j] for i, j in pairs])
    errors = np.sqrt(np.diag(contrasts @ covariance @ contrasts.T))
    t = rng.multivariate_normal(np.zeros(9), covariance, size=100_000) @ contrasts.T / errors
    assert (np.abs(t).max(axis=1) <= found.critical.value).mean() == pytest.approx(0.95, abs=0.003)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_laws_of_any_order(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    values, covariance = rng.normal(size=k), some_covariance(rng, k)
    found = order_of(values.tolist(), covariance, draws=2000)
    ranks, pairs = found.ranks, found.intervals
    assert (ranks["lower"] <= ranks["estimate"]).all()
    assert (ranks["estimate"] <= ranks["upper"]).all()
    assert ranks["value"].is_monotonic_decreasing
    assert (pairs["difference"] >= 0).all()
    # the interval excludes zero exactly when the adjusted p-value is below alpha, and when no letter is shared
    apart = pairs["lower"] > 0
    assert (apart == (pairs["pvalue"] < 0.05)).all()
    for (first, second), separate in apart.items():
        shared = set(ranks.loc[first, "letters"]) & set(ranks.loc[second, "letters"])
        assert bool(shared) is not bool(separate)
    # one step up for every effect surely above
    above = apart.groupby(level="second").sum().reindex(ranks.index, fill_value=0)
    assert (ranks["lower"] == 1 + above).all()


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_the_base_and_the_sign_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, covariance = rng.normal(size=4), some_covariance(rng, 4)
    moved = np.eye(4) - np.outer(np.ones(4), np.eye(4)[0])  # every effect less the first
    plain = order_of(values.tolist(), covariance, draws=20_000)
    based = order_of((moved @ values).tolist(), moved @ covariance @ moved.T, draws=20_000)
    tolerance = 5 * (plain.critical.error + based.critical.error)
    assert plain.critical.value == pytest.approx(based.critical.value, abs=tolerance)
    np.testing.assert_allclose(plain.intervals["std_error"], based.intervals["std_error"], rtol=1e-9)
    turned = order_of((-values).tolist(), covariance, best="smallest", draws=20_000)
    assert list(turned.ranks.index) == list(plain.ranks.index)
    assert turned.ranks[["lower", "upper", "letters"]].equals(plain.ranks[["lower", "upper", "letters"]])


def test_against_the_best_follows_from_the_pairs() -> None:
    values = [2.0, 1.0, 0.9, -1.0]
    pairs = order_of(values, 0.01 * np.eye(4))
    found = order_of(values, 0.01 * np.eye(4), against="best")
    assert found.intervals.loc["e0", "difference"] == pytest.approx(1.0)
    assert found.intervals.loc["e1", "difference"] == pytest.approx(-1.0)
    assert found.intervals.loc["e0", "lower"] == pytest.approx(pairs.intervals.loc["e0"]["lower"].min())
    assert found.intervals.loc["e3", "upper"] == pytest.approx(-pairs.intervals.loc[("e0", "e3"), "lower"])
    turned = order_of([-value for value in values], 0.01 * np.eye(4), against="best", best="smallest")
    np.testing.assert_allclose(turned.intervals["difference"], -found.intervals["difference"])
    np.testing.assert_allclose(turned.intervals["lower"], -found.intervals["upper"])


def test_letters_of_a_chain() -> None:
    found = order_of([0.0, 0.3, 0.6], 0.01 * np.eye(3))
    assert found.ranks["letters"].to_dict() == {"e2": "a", "e1": "ab", "e0": "b"}
    assert found.ranks[["lower", "upper"]].to_numpy().tolist() == [[1, 2], [1, 3], [2, 3]]


def test_the_seed_gives_the_same_numbers() -> None:
    one, two = (order_of([0.0, 1.0, 2.0], np.eye(3), seed=4) for _ in range(2))
    assert one.critical == two.critical
    assert order_of([0.0, 1.0, 2.0], np.eye(3), seed=5).critical.value == pytest.approx(one.critical.value, abs=0.01)


def test_it_prints_itself() -> None:
    found = order_of([0.0, 1.0, 2.0], 0.01 * np.eye(3))
    assert "all pairwise differences together with probability 0.95" in str(found)
    assert "<table" in found._repr_html_()
    assert "the mean" in order_of([0.0, 1.0], np.eye(2), against="mean").words()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"against": "median"}, "against='median'"),
        ({"best": "first"}, "best='first'"),
        ({"alpha": 1.0}, "alpha=1.0"),
        ({"draws": 10}, "draws=10"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_options_are_checked(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        order_of([0.0, 1.0], np.eye(2), **options)


def test_what_has_no_order_is_refused() -> None:
    with pytest.raises(SpecificationError, match="two effects or more"):
        order_of([1.0], np.eye(1))
    with pytest.raises(SpecificationError, match="shape"):
        order_of([1.0, 2.0], np.eye(3))
    with pytest.raises(SpecificationError, match="'e1' has no finite estimate"):
        order_of([1.0, np.inf], np.eye(2))
    with pytest.raises(SpecificationError, match="'e2' and 'e1' has no variance"):
        order_of([0.0, 1.0, 2.0], np.diag([1.0, 0.0, 0.0]))
    with pytest.raises(SpecificationError, match="not symmetric"):
        order_of([0.0, 1.0], np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(SpecificationError, match="negative variance"):
        order_of([0.0, 1.0], np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(SpecificationError, match="two effects are called 'a'"):
        factor_order(pd.Series([0.0, 1.0], index=["a", "a"]), np.eye(2))
