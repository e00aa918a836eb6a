"""The Poisson regression of the counts has the conditional logit's coefficients, standard errors and log-likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.results.poisson import as_poisson

CELLS = {"size": ["small", "small", "big", "big"], "old": [0, 1, 0, 1]}


def counts(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """Counts of four kinds of firms in six zones, one of them closed to one kind; ``far`` differs by kind and zone."""
    rng = np.random.default_rng(seed)
    zones = pd.DataFrame({"zone": list("abcdef"), "rent": rng.normal(size=6), "jobs": rng.exponential(size=6)})
    table = pd.DataFrame(CELLS).merge(zones, how="cross")
    table["far"] = rng.normal(size=len(table))
    table["open"] = ~((table["zone"] == "c") & (table["old"] == 1) & (table["size"] == "big"))
    utility = -0.6 * table["rent"] + 0.4 * table["far"] + 0.5 * (table["size"] == "big") * np.log(table["jobs"])
    weight = np.exp(utility) * table["open"]
    share = weight / weight.groupby([table["size"], table["old"]]).transform("sum")
    return table.assign(firms=rng.poisson(share * n))


def data(**options) -> rc.ChoiceData:
    return rc.ChoiceData.from_counts(
        counts(**options), count="firms", alternative="zone", cell=["size", "old"], available="open"
    )


MODELS = {
    "generic": rc.MultinomialLogit("chosen ~ rent + far + log(jobs):size | 0"),
    "constants": rc.MultinomialLogit("chosen ~ far | 1"),
    "case-specific": rc.MultinomialLogit("chosen ~ rent + far | 0 + old", base="b"),
    "own coefficients": rc.MultinomialLogit("chosen ~ rent | 0 | far"),
    "offset": rc.MultinomialLogit("chosen ~ rent + far | 0", offset="log(jobs)"),
    "held and tied": rc.MultinomialLogit(
        "chosen ~ rent + far | old", fixed={"far": 0.3}, equal=[["Intercept:b", "Intercept:c"]]
    ),
    "by hand": rc.MultinomialLogit(
        rc.UtilitySpec(
            {"a": {}, "b": {"asc": 1}, "c": {"asc": 1}, "d": {"b_old": "old"}, "e": {}, "f": {}},
            everywhere={"b_rent": "rent", "b_far": "far"},
        )
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_coefficients_errors_and_likelihoods_agree(name):
    fit = MODELS[name].fit(data())
    both = as_poisson(fit)
    assert both.largest_difference < 1e-8
    np.testing.assert_allclose(both.table["poisson"], fit.params, rtol=0, atol=1e-8)
    np.testing.assert_allclose(both.table["poisson_se"], both.table["choice_se"], rtol=1e-6)
    np.testing.assert_allclose(both.table["choice_se"], fit.bse, rtol=1e-12)
    assert abs(both.llf_difference) < 1e-8
    assert both.cells == 4
    assert both.rows == 23
    assert both.llf_poisson == pytest.approx(both.results.llf)


def test_statsmodels_formula_says_the_same():
    """The regression a user would write, with C(cell) and one row a count."""
    table = counts()
    table = table[table["open"]].assign(cell=lambda t: t["size"] + t["old"].astype(str))
    plain = smf.glm(
        "firms ~ 0 + C(cell) + rent + far", table, family=__import__("statsmodels.api").api.families.Poisson()
    )
    plain = plain.fit(tol=1e-14)
    both = as_poisson(rc.MultinomialLogit("chosen ~ rent + far | 0").fit(data()))
    np.testing.assert_allclose(both.table["choice"], plain.params[["rent", "far"]], atol=1e-8)
    assert both.llf_poisson == pytest.approx(plain.llf, abs=1e-8)


def test_one_cell_is_a_plain_poisson_regression_with_an_intercept():
    zones = (
        counts()
        .groupby("zone", as_index=False)
        .agg(rent=("rent", "first"), jobs=("jobs", "first"), firms=("firms", "sum"))
    )
    fit = rc.MultinomialLogit("chosen ~ rent + log(jobs) | 0").fit(
        rc.ChoiceData.from_zones(zones, zone="zone", count="firms")
    )
    both = as_poisson(fit)
    assert (both.cells, both.rows) == (1, 6)
    assert "an intercept" in both.formula
    plain = smf.poisson("firms ~ rent + np.log(jobs)", zones).fit(disp=0)
    np.testing.assert_allclose(both.table["choice"], plain.params.iloc[1:], atol=1e-6)
    assert both.llf_poisson == pytest.approx(plain.llf, abs=1e-8)


def test_cases_are_counted_whatever_form_they_come_in():
    """The same counts as a row a firm and zone, and with cells of weight zero."""
    spelled = data()
    at = np.repeat(np.arange(spelled.n_cases), spelled.weights.astype(int))
    single = spelled.select(at).with_weights(np.ones(len(at)), "frequency")
    model = MODELS["generic"]
    left, right = as_poisson(model.fit(spelled)), as_poisson(model.fit(single))
    assert (left.cells, left.rows) == (right.cells, right.rows)
    assert left.llf_poisson == pytest.approx(right.llf_poisson, rel=1e-12)
    weights = np.where(spelled.case_frame(["size"])["size"] == "big", 0.0, spelled.weights)
    fit = rc.MultinomialLogit("chosen ~ rent + far | 0").fit(spelled.with_weights(weights, "frequency"))
    assert as_poisson(fit).cells == 2
    assert as_poisson(fit).largest_difference < 1e-8


def test_the_constant_by_hand():
    table = {"zone": ["a", "b", "c"], "x": [0.0, 1.0, 3.0], "n": [3, 0, 2]}
    fit = rc.MultinomialLogit("chosen ~ x | 0").fit(rc.ChoiceData.from_zones(table, zone="zone", count="n"))
    both = as_poisson(fit)
    assert both.constant == pytest.approx(5 * np.log(5) - 5 - np.log(6) - np.log(1) - np.log(2), rel=1e-14)


def test_both_models_are_shown_side_by_side():
    both = as_poisson(MODELS["held and tied"].fit(data()))
    text = str(both)
    assert "Choices and counts: one model" in text
    assert "4 effects, one for each cell" in text
    assert "nan" not in text
    assert "<table" in both._repr_html_()
    table = both.table
    table.loc[:, "choice"] = 0.0
    assert (both.table["choice"] != 0).any()


def test_what_is_no_poisson_regression_is_refused():
    nested = rc.NestedLogit(
        "chosen ~ rent + far | 0", {"n": list("abc"), "m": list("def")}, fixed={"lambda:n": 0.5, "lambda:m": 1}
    )
    with pytest.raises(rc.SpecificationError, match="a nested logit is no Poisson"):
        as_poisson(nested.fit(data()))
    sampling = data().with_weights(np.linspace(1, 2, data().n_cases), "sampling")
    with pytest.raises(rc.DataError, match="sampling weights are no counts"):
        as_poisson(MODELS["generic"].fit(sampling))
    many = choice_data(choice_frame(800))
    with pytest.raises(rc.DataError, match="800 cells with a dummy each"):
        as_poisson(rc.MultinomialLogit("chosen ~ cost | 0").fit(many))


def test_fits_without_data_or_maximum_are_refused(tmp_path):
    fit = MODELS["generic"].fit(data())
    with pytest.raises(rc.DataError, match="loaded from a file"):
        as_poisson(rc.load(fit.save(tmp_path / "fit.json")))
    table = {"zone": ["a", "b", "c"], "x": [0.0, 1.0, 3.0], "n": [0, 0, 2]}
    with pytest.warns(rc.ConvergenceWarning):
        separated = rc.MultinomialLogit("chosen ~ x | 0").fit(rc.ChoiceData.from_zones(table, zone="zone", count="n"))
    with pytest.raises(rc.DataError, match="no finite maximum"):
        as_poisson(separated)
