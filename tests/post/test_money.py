"""Money as a measure of utility: one owner, and only where a unit of it is worth the same."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.post.compare_scenarios import compare_scenarios
from relocchoice.post.movements import with_values
from relocchoice.post.ratios import willingness_to_pay
from relocchoice.post.scenario import Scenario
from relocchoice.post.welfare import expected_utility, surplus, welfare_change

CHEAP = Scenario("cheap").add_to("cost", -0.3)
PART = Scenario("cheap metro").add_to("cost", -0.5, where={"alternative": "metro"})


@cache
def frame() -> pd.DataFrame:
    out = choice_frame(300, 8)
    out["kind"] = np.where(out["size"] > 0.7, "big", "small")
    return out.assign(paid=np.exp(0.4 * out["cost"]), late=out["distance"] > 0)


@cache
def fitted(formula: str, **options) -> rc.ChoiceResults:
    return rc.MultinomialLogit(formula, base="county", **options).fit(choice_data(frame()))


@pytest.mark.parametrize(
    ("formula", "cost", "words"),
    [
        ("chosen ~ cost + distance | assets", "distance", "a cost has a negative one"),
        ("chosen ~ cost + distance | assets", "Intercept:metro", "not one coefficient for all"),
        ("chosen ~ cost + distance | assets", "assets:metro", "not one coefficient for all"),
        ("chosen ~ cost + distance | assets", "csot", "did you mean cost"),
        ("chosen ~ log(paid) + distance | assets", "log(paid)", "no linear function of 'paid'"),
        ("chosen ~ paid + I(paid**2) | 1", "paid", "differs between alternatives"),
        ("chosen ~ cost + cost:distance | 1", "cost", "differs between alternatives"),
        ("chosen ~ cost + cost:distance | 1", "cost:distance", "no amount of money"),
        ("chosen ~ cost | 1 | cost:size", "cost", "differs between alternatives"),
    ],
)
def test_what_is_no_price_of_utility_is_refused_alike(formula, cost, words):
    fit = fitted(formula)
    after = PART.apply(fit.problem.data) if "paid" not in formula else fit.problem.data
    scenario = PART if "paid" not in formula else Scenario("x").scale("paid", 0.5)
    for call in (
        lambda: surplus(fit, after, cost),
        lambda: welfare_change(fit, after, cost),
        lambda: compare_scenarios(fit, scenario, cost=cost),
    ):
        with pytest.raises(rc.SpecificationError, match=words.replace("did you mean cost", "did you mean 'cost'")):
            call()


@pytest.mark.parametrize("formula", ["chosen ~ cost + cost:size | 1", "chosen ~ cost + cost:kind + distance | size"])
def test_a_price_that_differs_between_cases(formula):
    """dV/dcost is -b - b_size size_i of a case, by hand; a subsidy for everything is worth itself to everybody."""
    fit = fitted(formula)
    data = fit.problem.data
    np.testing.assert_allclose(surplus(fit, CHEAP.apply(data), "cost"), 0.3, rtol=1e-7)
    after = PART.apply(data)
    held = data.case_frame(["size", "kind"])
    b = fit.params
    if "kind" in formula:
        mu = -(b["cost"] + np.where(held["kind"] == "small", b["cost:kind[T.small]"], 0.0))
    else:
        mu = -(b["cost"] + b["cost:size"] * held["size"].to_numpy())
    worth = (expected_utility(fit, after) - expected_utility(fit, data)).to_numpy() / mu
    np.testing.assert_allclose(surplus(fit, after, "cost"), worth, rtol=1e-7)
    change = welfare_change(fit, after, "cost").table.loc[("mean", "all cases")]
    assert change["estimate"] == pytest.approx(worth.mean(), rel=1e-8)
    money = compare_scenarios(fit, PART, cost="cost").logsum.loc[("cheap metro", "money")]
    assert money["difference"] == pytest.approx(change["estimate"], rel=1e-8)
    assert money["std_error"] == pytest.approx(change["std_error"], rel=1e-6)


def test_a_change_of_what_the_price_depends_on_is_refused():
    fit = fitted("chosen ~ cost + cost:size | 1")
    both = CHEAP + Scenario().scale("size", 2.0)
    for call in (
        lambda: surplus(fit, both.apply(fit.problem.data), "cost"),
        lambda: compare_scenarios(fit, both, cost="cost"),
    ):
        with pytest.raises(rc.SpecificationError, match="the change is also one of 'size'"):
            call()


def test_a_linear_function_of_the_cost_is_a_price_in_its_own_units():
    plain, thousands = fitted("chosen ~ cost | 1"), fitted("chosen ~ I(cost / 1000) | 1")
    after = PART.apply(plain.problem.data)
    inner = surplus(thousands, PART.apply(thousands.problem.data), "I(cost / 1000)")
    np.testing.assert_allclose(1000 * inner, surplus(plain, after, "cost"), rtol=1e-6)


def test_a_cost_in_the_offset_is_refused():
    fit = fitted("chosen ~ cost + distance | 1", offset="I(0.1 * cost)")
    with pytest.raises(rc.SpecificationError, match="offset"):
        surplus(fit, CHEAP.apply(fit.problem.data), "cost")


def test_gradients_that_are_differences_are_said():
    fit = fitted("chosen ~ cost + distance | assets")
    note = "Gradients by central differences."
    assert note in welfare_change(fit, PART.apply(fit.problem.data), "cost").notes
    assert any(
        "money and bounds: gradients by central differences" in one
        for one in compare_scenarios(fit, PART, cost="cost").notes
    )
    assert note not in willingness_to_pay(fit, "distance", "cost").notes


def test_ratios_say_where_else_the_cost_stands():
    told = willingness_to_pay(fitted("chosen ~ cost + distance + cost:size | 1"), "distance", "cost").notes
    assert any("cost:size also moves with cost" in note for note in told)
    told = willingness_to_pay(fitted("chosen ~ log(paid) + distance | 1"), "distance", "log(paid)").notes
    assert any("not one of paid" in note for note in told)
    plain = willingness_to_pay(fitted("chosen ~ cost + distance | assets"), "distance", "cost").notes
    assert len(plain) == 2


def test_values_that_the_data_already_have_cost_nothing():
    fit = fitted("chosen ~ cost + distance | assets")
    same = with_values(fit.problem.data, {"cost": fit.problem.data.row_frame(["cost"])["cost"]})
    np.testing.assert_allclose(surplus(fit, same, "cost"), 0.0, atol=1e-12)
