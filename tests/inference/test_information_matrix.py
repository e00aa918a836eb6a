"""The information-matrix test by enumeration of the outcomes with dense arrays; its size; its refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.errors import OptionError
from relocchoice.results.information_matrix import information_matrix_test

FORMULA = "chosen ~ cost + distance | 0"
NESTS = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}


@cache
def fitted(n: int = 250, available: float = 1.0):
    return rc.MultinomialLogit(FORMULA).fit(choice_data(choice_frame(n, 3, available=available)))


def dense(form: str) -> tuple[float, int]:
    """Indicators s_k^2 - v_k with v_k the variance of column k under the fitted shares."""
    frame = choice_frame(250, 3).sort_values(["move", "place"])
    x = frame[["cost", "distance"]].to_numpy().reshape(250, 5, 2)
    y = frame["chosen"].to_numpy().reshape(250, 5).argmax(axis=1)
    v = np.exp(x @ fitted().params.to_numpy())
    p = v / v.sum(axis=1, keepdims=True)
    s = x - (p[:, :, None] * x).sum(axis=1, keepdims=True)
    d = s**2 - (p[:, :, None] * s**2).sum(axis=1, keepdims=True)
    both = np.concatenate([d, s], axis=2)
    own = both[np.arange(250), y]
    second = own.T @ own if form == "opg" else np.einsum("ij,ijk,ijl->kl", p, both, both)
    variance = second[:2, :2] - second[:2, 2:] @ np.linalg.solve(second[2:, 2:], second[2:, :2])
    total = own[:, :2].sum(axis=0)
    return float(total @ np.linalg.solve(variance, total)), 2


@pytest.mark.parametrize("form", ["efficient", "opg"])
def test_by_enumeration(form):
    result = information_matrix_test(fitted(), form=form)
    assert (result.statistic, result.df) == pytest.approx(dense(form), rel=1e-6)
    assert ("rejects too often" in result.message) == (form == "opg")


def test_the_opg_form_is_n_r_squared():
    """The regression of ones on the indicators and the scores, Chesher's and Lancaster's form."""
    fit = rc.MultinomialLogit("chosen ~ cost | 0").fit(choice_data(choice_frame(200, 3)))
    frame = choice_frame(200, 3).sort_values(["move", "place"])
    x = frame["cost"].to_numpy().reshape(200, 5)
    y = frame["chosen"].to_numpy().reshape(200, 5)
    v = np.exp(x * fit.params["cost"])
    p = v / v.sum(axis=1, keepdims=True)
    s = ((y - p) * x).sum(axis=1)
    h = -((p * x**2).sum(axis=1) - (p * x).sum(axis=1) ** 2)
    columns = np.column_stack([s**2 + h, s])
    fittedones = columns @ np.linalg.lstsq(columns, np.ones(200), rcond=None)[0]
    assert information_matrix_test(fit, form="opg").statistic == pytest.approx(fittedones.sum(), rel=1e-6)


def test_some_parameters_and_choice_sets_that_differ():
    fit = fitted(250, 0.7)
    assert information_matrix_test(fit).df == 2
    assert information_matrix_test(fit, ["cost"]).df == 1
    assert information_matrix_test(fit, "cost").df == 1


def test_indicators_that_say_nothing_are_not_counted():
    """With shares that are the same for all cases a constant's indicator is a multiple of its score."""
    fit = rc.MultinomialLogit("chosen ~ 0").fit(choice_data(choice_frame(200, 3)))
    assert "the scores fix every indicator" in information_matrix_test(fit).message


def test_nested_models_have_it_too():
    frame = choice_frame(400, 2, nests=NESTS, lambdas={"near": 0.5, "away": 0.5})
    right = rc.NestedLogit("chosen ~ cost + distance", nests=NESTS).fit(choice_data(frame))
    assert information_matrix_test(right).pvalue > 0.01
    assert information_matrix_test(right, ["lambda:near"]).df == 1


def test_tastes_that_differ_are_found_out():
    rng = np.random.default_rng(2)
    frame = choice_frame(1500, 5)
    taste = rng.normal(1.0, 2.0, 1500)[:, None]
    cost = frame["cost"].to_numpy().reshape(1500, 5)
    chosen = (taste * cost + rng.gumbel(size=cost.shape)).argmax(axis=1)
    frame["chosen"] = (np.arange(5) == chosen[:, None]).ravel()
    fit = rc.MultinomialLogit("chosen ~ cost | 0").fit(choice_data(frame))
    assert information_matrix_test(fit).pvalue < 1e-6


def test_bootstrap():
    fit = rc.MultinomialLogit("chosen ~ cost | 0").fit(choice_data(choice_frame(150, 3)))
    one = information_matrix_test(fit, form="opg", draws=19, seed=1)
    assert one == information_matrix_test(fit, form="opg", draws=19, seed=1)
    assert one.statistic == information_matrix_test(fit, form="opg").statistic
    assert (one.pvalue * 20) == pytest.approx(round(one.pvalue * 20))
    assert "19 draws of a parametric bootstrap" in one.message
    assert abs(one.pvalue - information_matrix_test(fit).pvalue) < 0.3


def test_misuse_and_refusals():
    with pytest.raises(OptionError, match="valid: efficient, opg"):
        information_matrix_test(fitted(), form="white")
    with pytest.raises(OptionError, match="valid: cost, distance"):
        information_matrix_test(fitted(), ["travel"])
    with pytest.raises(OptionError, match="at least 19"):
        information_matrix_test(fitted(), draws=5)
    frame = choice_frame(200, 1).assign(w=lambda f: 1 + f["move"] % 3)
    weighted = rc.MultinomialLogit(FORMULA).fit(choice_data(frame, weights="w", weight_kind="sampling"))
    assert "pseudo-likelihood" in information_matrix_test(weighted).message
    counted = rc.MultinomialLogit(FORMULA).fit(choice_data(frame, weights="w", weight_kind="frequency"))
    assert information_matrix_test(counted).applies
    assert "without weights" in information_matrix_test(counted, draws=19).message
    penalised = rc.MultinomialLogit(FORMULA).fit(choice_data(frame), penalty="firth")
    assert "penalised" in information_matrix_test(penalised).message


@pytest.mark.slow
def test_size_of_both_forms():
    """The efficient form keeps its level at 200 cases; the OPG form does not."""
    n, draws, model = 200, 500, rc.MultinomialLogit("chosen ~ cost + distance + travel | 0")
    data = choice_data(choice_frame(n, 21))
    edges = np.cumsum(model.fit(data).predict().to_numpy(), axis=1)
    rng, reached = np.random.default_rng(6), np.zeros(2)
    for _ in range(draws):
        chosen = (rng.random(n)[:, None] >= edges / edges[:, -1:]).sum(axis=1)
        fit = model.fit(replace(data, chosen=chosen))
        reached += [information_matrix_test(fit, form=form).pvalue < 0.05 for form in ("efficient", "opg")]
    assert 0.025 < reached[0] / draws < 0.08
    assert reached[1] / draws > 0.09


def test_it_is_of_centred_columns():
    """Case variables less their mean, attributes with coefficients by alternative less that of each one's rows."""
    n, J, model = 250, 5, rc.MultinomialLogit("chosen ~ cost | assets | travel", base="coast")
    frame = choice_frame(n, 3).sort_values(["move", "place"]).reset_index(drop=True)
    fit = model.fit(choice_data(frame))

    def square(name):
        return frame[name].to_numpy(dtype=float).reshape(n, J)

    assets, travel, one = square("assets"), square("travel"), np.eye(J)
    specific = [
        *(np.ones((n, J)) * one[j] for j in range(1, J)),
        square("cost"),
        *((assets - assets.mean()) * one[j] for j in range(1, J)),
        *((travel - travel.mean(axis=0)) * one[j] for j in range(J)),
    ]
    x, p = np.stack(specific, axis=2), fit.predict()[list(np.unique(frame["place"]))].to_numpy()
    s = x - np.einsum("ij,ijk->ik", p, x)[:, None]
    d = s**2 - np.einsum("ij,ijk->ik", p, s**2)[:, None]
    both, k = np.concatenate([d, s], axis=2), x.shape[2]
    second = np.einsum("ij,ijk,ijl->kl", p, both, both)
    variance = second[:k, :k] - second[:k, k:] @ np.linalg.solve(second[k:, k:], second[k:, :k])
    total = both[np.arange(n), square("chosen").argmax(axis=1), :k].sum(axis=0)
    result = information_matrix_test(fit)
    assert (result.statistic, result.df) == pytest.approx((total @ np.linalg.solve(variance, total), k), rel=1e-5)
    moved = frame.assign(assets=frame["assets"] + 2000.0, travel=frame["travel"] - 30.0, cost=frame["cost"] + 7.0)
    again = information_matrix_test(model.fit(choice_data(moved)))
    assert again.statistic == pytest.approx(result.statistic, rel=1e-4)
