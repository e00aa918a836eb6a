"""Covariances against their formulas, written out in NumPy from the fitted probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from engine_models import MODELS, data, fitted, frame

import relocchoice as rc
from builders import agree, choice_data, derivative

GENERIC = "chosen ~ cost + distance + travel | 0"
KINDS = ("hessian", "opg", "robust", "cluster")
nested_and_not = pytest.mark.parametrize("name", ["multinomial", "nested, utility, free", "nested, bottom, common"])


def by_hand(fit: rc.ChoiceResults, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Information of each case (n, K, K) and its score (n, K) in a generic multinomial logit: x_y - sum p x."""
    x = rows[["cost", "distance", "travel"]].to_numpy()
    table = fit.predict()
    p = table.to_numpy()[table.index.get_indexer(rows["move"]), table.columns.get_indexer(rows["place"])]
    scores, information = [], []
    for _, members in rows.groupby("move").indices.items():
        here, share, chosen = x[members], p[members], rows["chosen"].to_numpy()[members]
        mean = share @ here
        scores.append(here[chosen][0] - mean)
        information.append((here.T * share) @ here - np.outer(mean, mean))
    return np.array(information), np.array(scores)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    out = frame().copy()
    weights = np.random.default_rng(3).exponential(size=out["move"].max() + 1)
    out["weight"] = weights[out["move"]]
    return out


def test_hessian_and_outer_product(rows):
    fit = rc.MultinomialLogit(GENERIC).fit(choice_data(rows))
    information, scores = by_hand(fit, rows)
    np.testing.assert_allclose(fit.cov_params(), np.linalg.inv(information.sum(axis=0)), rtol=1e-9)
    opg = fit.with_cov("opg").cov_params()
    np.testing.assert_allclose(opg, np.linalg.inv(scores.T @ scores), rtol=1e-9)


@pytest.mark.parametrize("small_sample", [None, True, False])
def test_robust(rows, small_sample):
    fit = rc.MultinomialLogit(GENERIC).fit(choice_data(rows), "robust", small_sample=small_sample)
    information, scores = by_hand(fit, rows)
    bread, n = np.linalg.inv(information.sum(axis=0)), len(scores)
    expected = bread @ (scores.T @ scores) @ bread * (n / (n - 1) if small_sample else 1.0)
    np.testing.assert_allclose(fit.cov_params(), expected, rtol=1e-9)


@pytest.mark.parametrize("small_sample", [None, True, False])
def test_robust_with_sampling_weights(rows, small_sample):
    data = choice_data(rows, weights="weight", weight_kind="sampling")
    fit = rc.MultinomialLogit(GENERIC).fit(data, small_sample=small_sample)
    assert fit.covariance.kind == "robust", "the usual choice for sampling weights"
    information, scores = by_hand(fit, rows)
    w = data.weights
    bread = np.linalg.inv(np.einsum("i,ikl->kl", w, information))
    n = len(w)
    factor = 1.0 if small_sample is False else n / (n - 1)
    expected = factor * bread @ ((scores * w[:, None]).T @ (scores * w[:, None])) @ bread
    np.testing.assert_allclose(fit.cov_params(), expected, rtol=1e-9)
    assert fit.nobs == n


@pytest.mark.parametrize("small_sample", [None, True, False])
@pytest.mark.parametrize("weight_kind", [None, "sampling", "frequency"])
def test_clustered(rows, small_sample, weight_kind):
    column = {None: None, "sampling": "weight", "frequency": "count"}[weight_kind]
    options = {} if column is None else {"weights": column, "weight_kind": weight_kind}
    data = choice_data(rows, **options)
    fit = rc.MultinomialLogit(GENERIC).fit(data, "cluster", groups="firm", small_sample=small_sample)
    information, scores = by_hand(fit, rows)
    w = np.ones(len(scores)) if data.weights is None else data.weights
    firm = rows.groupby("move")["firm"].first().to_numpy()
    totals = pd.DataFrame(scores * w[:, None]).groupby(firm).sum().to_numpy()
    bread = np.linalg.inv(np.einsum("i,ikl->kl", w, information))
    factor = 1.0 if small_sample is False else len(totals) / (len(totals) - 1)
    np.testing.assert_allclose(fit.cov_params(), factor * bread @ totals.T @ totals @ bread, rtol=1e-9)
    assert fit.covariance.groups == len(totals)


@nested_and_not
def test_clusters_can_be_given_in_many_ways(name, rows):
    by_name = MODELS[name].fit(data(), "cluster", groups="firm")
    firm = rows.groupby("move")["firm"].first()
    units = MODELS[name].fit(choice_data(frame(), unit="firm"), "cluster")
    for other in (
        MODELS[name].fit(data(), "cluster", groups=firm.to_numpy()),
        MODELS[name].fit(data(), "cluster", groups=firm.sample(frac=1.0, random_state=1)),
        MODELS[name].fit(data(), "cluster", groups=firm.map("firm {}".format)),
        units,
    ):
        np.testing.assert_allclose(other.cov_params(), by_name.cov_params(), rtol=1e-10)


@nested_and_not
def test_every_case_its_own_cluster_is_robust(name):
    fit = fitted(name)
    alone = fit.with_cov("cluster", groups=np.arange(fit.n_cases))
    np.testing.assert_allclose(alone.cov_params(), fit.with_cov("robust", small_sample=True).cov_params(), rtol=1e-9)


@nested_and_not
@pytest.mark.parametrize("kind", KINDS)
def test_another_covariance_of_a_fit_is_a_fit_with_that_covariance(name, kind):
    options = {"groups": "firm"} if kind == "cluster" else {}
    afterwards = fitted(name).with_cov(kind, **options)
    at_once = MODELS[name].fit(data(), kind, **options)
    assert afterwards.covariance.description == at_once.covariance.description
    np.testing.assert_array_equal(afterwards.cov_params(), at_once.cov_params())
    agree(afterwards.params, at_once.params, 1e-15)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_covariances_are_symmetric_and_positive(name, kind):
    fit = fitted(name).with_cov(kind, **({"groups": "firm"} if kind == "cluster" else {}))
    known = np.isfinite(np.diag(fit.cov_params()))
    matrix = fit.cov_params().to_numpy()[np.ix_(known, known)]
    assert np.array_equal(matrix, matrix.T)
    size = np.sqrt(np.diag(matrix))
    assert np.linalg.eigvalsh(matrix / np.outer(size, size))[0] > -1e-12
    estimated = fit.parameters["status"].isin(["free", "tied"])
    assert fit.bse.notna().equals(estimated)


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free"])
def test_hessian_of_the_user_is_that_of_the_log_likelihood_in_his_parameters(name):
    """The information in the user's units, from the likelihood alone: no centring, no chain rule."""
    fit = fitted(name)
    problem = fit.problem.problem
    free = problem.space.restrict

    def gradient(theta: np.ndarray) -> np.ndarray:
        internal = problem.internal_from_user(theta)
        return np.linalg.solve(problem.jacobian.T, problem.scores(free(internal)).sum(axis=0))

    numeric = derivative(gradient, fit.params.to_numpy(), 1e-4)
    expected = np.linalg.inv(-numeric)
    np.testing.assert_allclose(fit.cov_params(), expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


def test_kinds_that_do_not_go_with_sampling_weights_are_refused(rows):
    sampled = choice_data(rows, weights="weight", weight_kind="sampling")
    for kind in ("hessian", "opg"):
        with pytest.raises(rc.OptionError, match="sampling weights"):
            rc.MultinomialLogit(GENERIC).fit(sampled, kind)
    with pytest.raises(rc.OptionError, match="hessian, opg, robust, cluster"):
        rc.MultinomialLogit(GENERIC).fit(sampled, "sandwich")
