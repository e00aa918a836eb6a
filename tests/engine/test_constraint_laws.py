"""Constraints against the same model written without them; nested models against simpler ones."""

from __future__ import annotations

import numpy as np
import pytest
from engine_models import FORMULA, data, fitted, frame

import relocchoice as rc
from builders import NESTS, agree, choice_data

FAMILIES = {
    "multinomial": lambda formula, **options: rc.MultinomialLogit(formula, base="township", **options),
    "nested": lambda formula, **options: rc.NestedLogit(formula, NESTS, base="township", **options),
}
every_family = pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES)


def same(left: rc.ChoiceResults, right: rc.ChoiceResults, names: list[str] | None = None) -> None:
    names = list(left.params.index) if names is None else names
    assert left.llf == pytest.approx(right.llf, rel=1e-12)
    assert left.df_model == right.df_model
    agree(left.params[names], right.params[names], 1e-8)
    agree(left.bse[names].fillna(-1.0), right.bse[names].fillna(-1.0), 1e-8)


@every_family
def test_a_fixed_coefficient_is_an_offset(make):
    fixed = make(FORMULA, fixed={"distance": 0.7}).fit(data())
    rows = frame().assign(known=0.7 * frame()["distance"])
    offset = make("chosen ~ cost | assets | travel", offset="known").fit(choice_data(rows))
    same(fixed, offset, list(offset.params.index))
    assert fixed.params["distance"] == 0.7
    assert np.isnan(fixed.bse["distance"])
    assert fixed.parameters.loc["distance", "status"] == "fixed"


@every_family
def test_equal_coefficients_are_one_of_the_sum(make):
    tied = make(FORMULA, equal=[["cost", "distance"]]).fit(data())
    rows = frame().assign(both=frame()["cost"] + frame()["distance"])
    summed = make("chosen ~ both | assets | travel").fit(choice_data(rows))
    others = [name for name in summed.params.index if name != "both"]
    same(tied, summed, others)
    for name in ("cost", "distance"):
        assert tied.params[name] == pytest.approx(summed.params["both"], abs=1e-8)
        assert tied.bse[name] == pytest.approx(summed.bse["both"], abs=1e-8)


@every_family
def test_equal_coefficients_of_some_alternatives_of_centred_columns(make):
    """Ties stop the centring of their column; the estimates must not notice."""
    names = [f"travel:{place}" for place in ("coast", "county", "interior", "metro", "township")]
    tied = make(FORMULA, equal=[names]).fit(data())
    generic = make("chosen ~ cost + distance + travel | assets").fit(data())
    same(tied, generic, [name for name in generic.params.index if name != "travel"])
    assert tied.params[names[0]] == pytest.approx(generic.params["travel"], abs=1e-8)


@every_family
def test_coefficients_fixed_at_zero_are_left_out(make):
    places = ("coast", "county", "interior", "metro")
    fixed = make(FORMULA, fixed={f"assets:{place}": 0.0 for place in places}).fit(data())
    without = make("chosen ~ cost + distance | 1 | travel").fit(data())
    same(fixed, without, list(without.params.index))


@every_family
def test_an_active_bound_holds_like_a_fixed_value(make):
    free = make(FORMULA).fit(data())
    bound = free.params["cost"] + 0.2
    held = make(FORMULA, bounds={"cost": (bound, None)}).fit(data())
    fixed = make(FORMULA, fixed={"cost": bound}).fit(data())
    assert held.converged
    assert held.parameters.loc["cost", "status"] == "at bound"
    assert held.params["cost"] == bound
    same(held, fixed)


@every_family
def test_bounds_that_do_not_bind_change_nothing(make):
    free = make(FORMULA).fit(data())
    bounded = make(FORMULA, bounds={"cost": (None, 0.0), "distance": (-5, 5), "assets:metro": (-9, None)}).fit(data())
    same(bounded, free)
    assert (bounded.parameters["status"] == "free").all()


def test_tied_lambdas_are_a_common_one():
    tied = rc.NestedLogit(FORMULA, NESTS, base="township", equal=[["lambda:near", "lambda:away", "lambda:rich"]]).fit(
        data()
    )
    common = fitted("nested, utility, common")
    coefficients = [name for name in tied.params.index if not name.startswith("lambda")]
    same(tied, common, coefficients)
    for name in ("lambda:near", "lambda:away", "lambda:rich"):
        assert tied.params[name] == pytest.approx(common.params["lambda"], abs=1e-8)
        assert tied.bse[name] == pytest.approx(common.bse["lambda"], abs=1e-8)


def test_lambdas_fixed_at_one_are_a_multinomial_logit():
    fixed = {f"lambda:{nest}": 1.0 for nest in ("near", "away", "rich")}
    nested = rc.NestedLogit(FORMULA, NESTS, base="township", fixed=fixed).fit(data())
    same(nested, fitted("multinomial"), list(fitted("multinomial").params.index))


def test_a_lambda_bounded_by_one_stops_there():
    """Choices from a multinomial logit whose lambda would be estimated above one."""
    free = fitted("nested, utility, free")
    bound = float(free.params["lambda:near"]) - 0.1
    held = rc.NestedLogit(FORMULA, NESTS, base="township", bounds={"lambda:near": (0.05, bound)}).fit(data())
    assert held.parameters.loc["lambda:near", "status"] == "at bound"
    assert held.params["lambda:near"] == bound
    assert held.llf < free.llf


def test_bottom_normalisation_is_the_utility_one_in_other_units():
    utility, bottom = fitted("nested, utility, free"), fitted("nested, bottom, free")
    assert bottom.llf == pytest.approx(utility.llf, rel=1e-12)
    lambdas = [name for name in utility.params.index if name.startswith("lambda")]
    coefficients = [name for name in utility.params.index if name not in lambdas]
    agree(bottom.params[lambdas], utility.params[lambdas], 1e-8)
    agree(bottom.bse[lambdas], utility.bse[lambdas], 1e-7)
    scale = utility.params["lambda:near"]
    agree(bottom.params[coefficients], utility.params[coefficients] / scale, 1e-8)
    slopes = np.eye(len(utility.params))
    for k, name in enumerate(utility.params.index):
        if name in coefficients:
            slopes[k, k] = 1 / scale
            slopes[k, utility.params.index.get_loc("lambda:near")] = -utility.params[name] / scale**2
    expected = slopes @ utility.cov_params().to_numpy() @ slopes.T
    np.testing.assert_allclose(bottom.cov_params(), expected, rtol=1e-6, atol=1e-10)


def test_with_one_lambda_no_normalisation_is_the_utility_one_in_other_units():
    """With all alternatives in lowest nests of one common lambda, V / lambda is V of the non-normalised model."""
    tree = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}
    utility = rc.NestedLogit(FORMULA, tree, base="township", lambdas="common").fit(data())
    none = rc.NestedLogit(FORMULA, tree, base="township", lambdas="common", normalisation="none").fit(data())
    assert none.llf == pytest.approx(utility.llf, rel=1e-12)
    assert none.params["lambda"] == pytest.approx(utility.params["lambda"], abs=1e-8)
    coefficients = [name for name in utility.params.index if name != "lambda"]
    agree(none.params[coefficients], utility.params[coefficients] / utility.params["lambda"], 1e-8)


def test_a_nest_with_one_child_is_no_nest():
    lone = {"near": ["township", "county"], "middle": {"away": ["metro", "coast"]}, "lone": ["interior"]}
    plain = {"near": ["township", "county"], "away": ["metro", "coast"], "interior": None}
    left = rc.NestedLogit(FORMULA, lone, base="township").fit(data())
    right = rc.NestedLogit(FORMULA, plain, base="township").fit(data())
    same(left, right, list(right.params.index))
    for name in ("lambda:lone", "lambda:middle"):
        assert left.params[name] == 1.0
        assert np.isnan(left.bse[name])
    assert any("one child" in note for note in left.notes)
    np.testing.assert_allclose(left.predict(), right.predict(), atol=1e-9)
