"""Predictions: in the sample, of the same cases in another guise, and the moments that maximum likelihood matches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from engine_models import MODELS, data, fitted, frame

import relocchoice as rc
from builders import LAMBDAS, NESTS, choice_data, plain_probabilities

every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_the_sample_is_predicted_as_it_was_fitted(name):
    fit = fitted(name)
    p = fit.predict()
    assert p.index.equals(data().cases)
    assert p.columns.equals(data().alternatives)
    problem = fit.problem.problem
    chosen = p.to_numpy()[np.arange(data().n_cases), data().chosen]
    np.testing.assert_allclose(np.log(chosen), problem.loglik_by_case(fit.moments.free), atol=1e-10)
    assert np.log(chosen).sum() == pytest.approx(fit.llf, rel=1e-11)
    np.testing.assert_allclose(fit.predict(data()), p, atol=1e-12)


@every_model
def test_new_data_may_be_permuted_and_have_no_choices(name):
    fit, rng = fitted(name), np.random.default_rng(1)
    rows = frame().iloc[rng.permutation(len(frame()))].drop(columns="chosen")
    order = ["metro", "coast", "township", "interior", "county"]
    rows["place"] = pd.Categorical(rows["place"], categories=order)
    new = rc.ChoiceData.from_long(rows, case="move", alternative="place")
    p = fit.predict(new)
    expected = fit.predict()
    np.testing.assert_allclose(p.loc[expected.index, expected.columns], expected, atol=1e-11)


@every_model
@pytest.mark.parametrize("n", [1, 7])
def test_a_few_cases_are_predicted_as_among_the_many(name, n):
    """Means of the new data, by which columns may be centred, must not matter."""
    fit = fitted(name)
    few = choice_data(frame()[frame()["move"].isin(range(40, 40 + n))])
    p = fit.predict(few)
    expected = fit.predict().loc[p.index]
    np.testing.assert_allclose(p.reindex(columns=expected.columns, fill_value=0.0), expected, atol=1e-11)


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free", "nested, none, free", "nested, bottom, free"])
def test_new_data_may_lack_an_alternative(name):
    fit = fitted(name)
    rows = frame()[frame()["place"] != "metro"].drop(columns="chosen")
    rows = rows[rows.groupby("move")["place"].transform("size") > 1]
    p = fit.predict(rc.ChoiceData.from_long(rows, case="move", alternative="place"))
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    whole = fit.predict()
    if name == "multinomial":
        rest = whole.drop(columns="metro").loc[p.index]
        expected = rest.div(rest.sum(axis=1), axis=0)
        np.testing.assert_allclose(p[expected.columns], expected, atol=1e-11)
    else:
        never = [move for move in p.index if whole.loc[move, "metro"] == 0.0]
        kept = [column for column in whole.columns if column != "metro"]
        np.testing.assert_allclose(p.loc[never, kept], whole.loc[never, kept], atol=1e-11)


def test_probabilities_of_the_truth_are_those_of_the_textbook():
    """All parameters fixed: the model is the formula, and predict is nothing but it."""
    fixed = {"cost": -1.0, "distance": 0.5, **{f"lambda:{nest}": value for nest, value in LAMBDAS.items()}}
    fit = rc.NestedLogit("chosen ~ cost + distance | 0", NESTS, fixed=fixed).fit(data())
    assert fit.df_model == 0
    p = fit.predict()
    for move, rows in frame()[frame()["move"] < 12].groupby("move"):
        v = dict(zip(rows["place"], -rows["cost"] + 0.5 * rows["distance"], strict=True))
        expected = plain_probabilities(v, NESTS, LAMBDAS)
        np.testing.assert_allclose(p.loc[move], [expected[place] for place in p.columns], atol=1e-12)


def test_constants_make_predicted_shares_equal_the_observed():
    p = fitted("multinomial").predict()
    np.testing.assert_allclose(p.sum(), data().choice_shares()["count"], rtol=1e-9)
