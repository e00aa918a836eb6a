"""What may not change an estimate: order, names, units, origins, repetition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from engine_models import FORMULA, MODELS, data, fitted, frame

import relocchoice as rc
from builders import NESTS, agree, choice_data

SHIFTABLE = {
    "multinomial": rc.MultinomialLogit(FORMULA, base="township"),
    "nested, utility": rc.NestedLogit(FORMULA, NESTS, base="township"),
    "nested, bottom": rc.NestedLogit(FORMULA, NESTS, base="township", normalisation="bottom"),
}
every_model = pytest.mark.parametrize("name", MODELS)
shiftable = pytest.mark.parametrize("name", SHIFTABLE)
OTHERS = ("coast", "county", "interior", "metro")


def same_fit(left: rc.ChoiceResults, right: rc.ChoiceResults, tolerance: float = 1e-9) -> None:
    assert left.llf == pytest.approx(right.llf, rel=1e-12)
    agree(left.params, right.params, tolerance)
    agree(left.bse.fillna(-1.0), right.bse.fillna(-1.0), tolerance)


@every_model
def test_rows_cases_and_alternatives_come_in_any_order(name):
    rng = np.random.default_rng(5)
    rows = frame().iloc[rng.permutation(len(frame()))]
    order = ["metro", "township", "interior", "county", "coast"]
    rows = rows.assign(place=pd.Categorical(rows["place"], categories=order))
    same_fit(MODELS[name].fit(choice_data(rows)), fitted(name))


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free"])
def test_labels_of_alternatives_only_name_the_parameters(name):
    letters = {"township": "e", "county": "d", "metro": "c", "coast": "b", "interior": "a"}
    rows = frame().assign(place=frame()["place"].map(letters))
    tree = {"near": ["e", "d"], "away": {"rich": ["c", "b"], "a": None}}
    model = rc.NestedLogit(FORMULA, tree, base="e") if "nested" in name else rc.MultinomialLogit(FORMULA, base="e")
    expected = fitted(name).params
    for old, new in letters.items():
        expected = expected.rename(lambda parameter, old=old, new=new: parameter.replace(f":{old}", f":{new}"))
    agree(model.fit(choice_data(rows)).params, expected, 1e-9)


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free", "nested, none, free"])
def test_a_frequency_weight_is_a_case_repeated(name):
    rows = frame()
    weighted = MODELS[name].fit(choice_data(rows, weights="count"))
    copies = [rows[rows["count"] > k].assign(move=lambda part, k=k: part["move"] + 10_000 * k) for k in range(3)]
    repeated = MODELS[name].fit(choice_data(pd.concat(copies)))
    for kind in ("hessian", "opg", "robust"):
        same_fit(weighted.with_cov(kind), repeated.with_cov(kind))
    for figure in ("nobs", "llnull", "llconstants", "bic"):
        assert getattr(weighted, figure) == pytest.approx(getattr(repeated, figure), rel=1e-10)


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free"])
def test_cases_of_weight_zero_are_not_there(name):
    rows = frame()
    weights = (rows["move"] % 4 > 0).astype(int)
    weighted = MODELS[name].fit(choice_data(rows.assign(count=weights), weights="count"), "robust")
    same_fit(weighted, MODELS[name].fit(choice_data(rows[weights == 1]), "robust"))


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free", "nested, none, free", "nested, bottom, free"])
@pytest.mark.parametrize(
    ("column", "unit"),
    [("cost", 1e6), ("cost", 1e-6), ("assets", 1e6), ("travel", 1e-6), ("cost", 1e150), ("assets", 1e150)],
)
def test_units_of_a_column_go_into_its_coefficients(name, column, unit):
    plain = fitted(name)
    fit = MODELS[name].fit(choice_data(frame().assign(**{column: frame()[column] * unit})))
    divisor = np.where([parameter.split(":")[0] == column for parameter in plain.params.index], unit, 1.0)
    assert fit.converged
    assert fit.llf == pytest.approx(plain.llf, rel=1e-12)
    agree(fit.params * divisor, plain.params, 1e-8)
    assert fit.bse.notna().all()
    agree(fit.bse * divisor, plain.bse, 1e-7)


@shiftable
@pytest.mark.parametrize("column", ["cost", "distance", "assets", "travel"])
@pytest.mark.parametrize("origin", [1e3])
def test_the_origin_of_a_column_goes_into_the_constants(name, column, origin):
    model = SHIFTABLE[name]
    plain = model.fit(data())
    fit = model.fit(choice_data(frame().assign(**{column: frame()[column] + origin})))
    expected = plain.params.copy()
    for place in OTHERS:
        if column == "assets":
            expected[f"Intercept:{place}"] -= origin * plain.params[f"assets:{place}"]
        if column == "travel":
            gap = plain.params[f"travel:{place}"] - plain.params["travel:township"]
            expected[f"Intercept:{place}"] -= origin * gap
    assert fit.converged
    assert fit.llf == pytest.approx(plain.llf, rel=1e-11)
    agree(fit.params, expected, 1e-8)
    slopes = [parameter for parameter in expected.index if not parameter.startswith("Intercept")]
    agree(fit.bse[slopes], plain.bse[slopes], 1e-7)


@shiftable
def test_the_base_only_moves_the_labelled_coefficients(name):
    plain = SHIFTABLE[name].fit(data())
    model = SHIFTABLE[name]
    other = (
        rc.NestedLogit(FORMULA, NESTS, base="metro", normalisation=model.normalisation)
        if isinstance(model, rc.NestedLogit)
        else rc.MultinomialLogit(FORMULA, base="metro")
    ).fit(data())
    assert other.llf == pytest.approx(plain.llf, rel=1e-12)
    for term in ("Intercept", "assets"):
        assert other.params[f"{term}:township"] == pytest.approx(-plain.params[f"{term}:metro"], abs=1e-8)
        gap = plain.params[f"{term}:coast"] - plain.params[f"{term}:metro"]
        assert other.params[f"{term}:coast"] == pytest.approx(gap, abs=1e-8)
    np.testing.assert_allclose(other.predict(), plain.predict(), atol=1e-9)


@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free", "nested, bottom, free"])
def test_starting_values_do_not_matter(name):
    plain = fitted(name)
    rng = np.random.default_rng(2)
    start = {parameter: value * rng.uniform(0.7, 1.3) for parameter, value in plain.params.items()}
    agree(MODELS[name].fit(data(), start=start).params, plain.params, 1e-8)
    several = MODELS[name].fit(data(), starts=4, seed=3)
    assert len(several.starts) == 4
    assert several.starts["agrees with the best"].sum() >= 2
    agree(several.params, plain.params, 1e-8)
