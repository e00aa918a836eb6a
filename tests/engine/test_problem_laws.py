"""Laws of the bound problem: derivatives, sums over cases, chunks and engines, for every model of the registry."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from engine_models import ENGINES, MODELS, data, fitted, frame

import relocchoice as rc
import relocchoice.engine.loglik as loglik_module
import relocchoice.spec.design as design_module
from builders import NESTS, agree, choice_data, derivative, sampled_frame
from relocchoice.engine.problem import Problem

every_model = pytest.mark.parametrize("name", MODELS)


def problem_of(name: str) -> tuple[Problem, np.ndarray]:
    """The problem with weights that differ, and a point away from the maximum."""
    fit = fitted(name)
    problem = fit.problem.problem
    rng = np.random.default_rng(7)
    weights = rng.integers(0, 4, problem.design.n_cases).astype(float)
    return replace(problem, weights=weights), fit.moments.free + 0.05 * rng.normal(size=len(fit.moments.free))


@every_model
def test_gradient_and_hessian_are_numeric_derivatives(name):
    problem, x = problem_of(name)
    at = problem.evaluate(x)
    gradient = derivative(lambda free: problem.weights @ problem.loglik_by_case(free), x)
    np.testing.assert_allclose(at.gradient, gradient, rtol=1e-7, atol=1e-6)
    hessian = derivative(lambda free: problem.weights @ problem.scores(free), x)
    np.testing.assert_allclose(at.hessian, hessian, rtol=1e-7, atol=1e-6 * np.abs(hessian).max())
    np.testing.assert_allclose(at.hessian, at.hessian.T, rtol=1e-12, atol=1e-11 * np.abs(hessian).max())


@every_model
def test_sums_are_weighted_sums_over_cases(name):
    problem, x = problem_of(name)
    at, weights = problem.evaluate(x), problem.weights
    scores, loglik = problem.scores(x), problem.loglik_by_case(x)
    assert at.value == pytest.approx(weights @ loglik, rel=1e-12)
    np.testing.assert_allclose(at.gradient, weights @ scores, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(at.opg, (scores.T * weights) @ scores, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(at.opg_squared, (scores.T * weights**2) @ scores, rtol=1e-9, atol=1e-8)


@every_model
def test_scores_of_a_case_are_numeric_derivatives(name):
    problem, x = problem_of(name)
    np.testing.assert_allclose(problem.scores(x), derivative(problem.loglik_by_case, x).T, atol=1e-8)


@every_model
def test_probabilities_are_those_of_the_likelihood(name):
    problem, x = problem_of(name)
    p = problem.probabilities(problem.internal(x), data().n_alternatives)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    rows = data().row_case(), data().row_alternative
    assert (p[rows] > 0).all()
    assert (p > 0).sum() == data().n_rows
    chosen = p[np.arange(data().n_cases), data().chosen]
    np.testing.assert_allclose(np.log(chosen), problem.loglik_by_case(x), atol=1e-11)


@every_model
def test_the_gradient_vanishes_at_the_estimates(name):
    fit = fitted(name)
    at = fit.problem.problem.evaluate(fit.moments.free)
    distance = at.gradient @ np.linalg.solve(-at.hessian, at.gradient)
    assert distance < 1e-16
    assert at.value == fit.llf


@every_model
@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_does_not_matter(name, engine):
    problem, x = problem_of(name)
    same = replace(problem, engine=ENGINES[engine])
    reference = problem.scores(x).T @ problem.weights
    np.testing.assert_allclose(same.evaluate(x).gradient, reference, rtol=1e-9, atol=1e-9)


@every_model
def test_the_chunks_do_not_matter(monkeypatch, name):
    whole = fitted(name)
    monkeypatch.setattr(design_module, "CHUNK_VALUES", 300)
    cut = MODELS[name].fit(data())
    assert len(cut.problem.problem.design.chunks) > len(whole.problem.problem.design.chunks)
    assert cut.llf == pytest.approx(whole.llf, rel=1e-12)
    left = cut.problem.problem.evaluate(whole.moments.free)
    right = whole.problem.problem.evaluate(whole.moments.free)
    for part in ("hessian", "opg"):
        expected = getattr(right, part)
        np.testing.assert_allclose(getattr(left, part), expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    agree(cut.params, whole.params, 1e-8)


@pytest.mark.parametrize("nested", [False, True])
def test_sampled_choice_sets_agree_with_a_masked_rectangle(monkeypatch, nested):
    """Small sets out of 60 places lie in pooled slots; the same data with a slot for each place give the same model."""
    places = list(range(60))
    tree = {"east": {"port": places[:10], "plain": places[10:31]}, "west": places[31:55], **dict.fromkeys(places[55:])}
    sampled = choice_data(sampled_frame(300))
    model = (
        rc.NestedLogit("chosen ~ cost + distance | 0", tree)
        if nested
        else rc.MultinomialLogit("chosen ~ cost + distance | 0")
    )
    monkeypatch.setattr(loglik_module, "MOST_ALTERNATIVES", 1)
    monkeypatch.setattr(design_module, "CHUNK_VALUES", 4000)
    pooled = model.fit(sampled, "robust")
    assert any(chunk.placement.alternative.ndim == 2 for chunk in pooled.problem.problem.design.chunks)
    labelled = partial(_labelled, design_module.placements)
    monkeypatch.setattr(design_module, "placements", labelled)
    masked = model.fit(sampled, "robust")
    assert all(chunk.placement.alternative.ndim == 1 for chunk in masked.problem.problem.design.chunks)
    assert pooled.converged
    assert pooled.llf == pytest.approx(masked.llf, rel=1e-12)
    agree(pooled.params, masked.params, 1e-9)
    agree(pooled.bse, masked.bse, 1e-9)
    np.testing.assert_allclose(pooled.predict(), masked.predict(), atol=1e-9)


def _labelled(placements, data, order, group, labelled, width):
    return placements(data, order, group, True, width)


@every_model
def test_whole_and_ragged_choice_sets_both_fit(name):
    whole = data(available=1.0)
    fit = MODELS[name].fit(whole)
    assert fit.converged
    np.testing.assert_allclose(fit.predict().to_numpy().sum(axis=1), 1.0, rtol=1e-12)
    assert fit.llf > fit.trace["llf"].iloc[0]


def test_lambdas_outside_the_domain_give_minus_infinity():
    fit = fitted("nested, utility, free")
    free = fit.moments.free.copy()
    free[-1] = -0.2
    assert fit.problem.problem.evaluate(free).value == -np.inf


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free"])
def test_a_case_with_one_alternative_changes_nothing(name):
    rows = frame()
    alone = rows.iloc[[0]].assign(move=10_000, chosen=True)
    more = choice_data(pd.concat([rows, alone]), single_alternative="keep")
    fit = MODELS[name].fit(more)
    assert fit.llf == pytest.approx(fitted(name).llf, rel=1e-12)
    agree(fit.params, fitted(name).params, 1e-8)


def test_nests_without_alternatives_of_a_chunk_do_no_harm():
    """Choice sets that leave whole nests empty."""
    near_only = frame()[lambda rows: (rows["move"] % 3 > 0) | rows["place"].isin(NESTS["near"])]
    complete = near_only.groupby("move")["chosen"].transform("any") & (
        near_only.groupby("move")["place"].transform("size") > 1
    )
    sub = choice_data(near_only[complete])
    fit = MODELS["nested, utility, free"].fit(sub)
    problem, x = fit.problem.problem, fit.moments.free
    np.testing.assert_allclose(problem.scores(x), derivative(problem.loglik_by_case, x).T, atol=1e-8)
