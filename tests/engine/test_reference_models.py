"""Models that other software fits too, or that algebra gives in another form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.discrete.conditional_models import ConditionalLogit

import relocchoice as rc
from builders import agree, choice_data, choice_frame


def wide(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """(n, J) of a long column."""
    return rows.pivot_table(index="move", columns="place", values=name)


def test_two_alternatives_are_a_binary_logit():
    rows = choice_frame(400, 3, places=("stay", "move"))
    fit = rc.MultinomialLogit("chosen ~ cost | assets | travel", base="stay").fit(choice_data(rows), "robust")
    cost, travel = wide(rows, "cost"), wide(rows, "travel")
    x = pd.DataFrame(
        {
            "Intercept:move": 1.0,
            "cost": cost["move"] - cost["stay"],
            "assets:move": wide(rows, "assets")["move"],
            "travel:move": travel["move"],
            "travel:stay": -travel["stay"],
        }
    )
    other = sm.Logit(wide(rows, "chosen")["move"].astype(float), x).fit(disp=0, method="newton", tol=1e-12)
    assert fit.llf == pytest.approx(other.llf, rel=1e-12)
    agree(fit.params, other.params, 1e-9)
    agree(fit.with_cov("hessian").bse, other.bse, 1e-9)
    robust = sm.Logit(other.model.endog, x).fit(disp=0, method="newton", tol=1e-12, cov_type="HC0")
    agree(fit.bse, robust.bse, 1e-8)


def test_counts_are_a_poisson_regression_with_an_effect_for_each_cell():
    rng = np.random.default_rng(0)
    cells = pd.DataFrame({"cell": np.repeat(np.arange(12), 4), "form": np.tile(list("abcd"), 12)})
    cells["rent"] = rng.normal(size=48)
    cells["count"] = rng.poisson(np.exp(2.5 - 0.7 * cells["rent"]))
    counts = rc.ChoiceData.from_counts(cells, count="count", alternative="form", cell="cell")
    fit = rc.MultinomialLogit("chosen ~ rent").fit(counts)
    x = (
        pd.get_dummies(cells[["cell", "form"]].astype(str), dtype=float)
        .drop(columns="form_a")
        .assign(rent=cells["rent"])
    )
    other = sm.GLM(cells["count"], x, family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    names = {f"form_{form}": f"Intercept:{form}" for form in "bcd"} | {"rent": "rent"}
    agree(fit.params, other.params[list(names)].rename(names), 1e-8)
    agree(fit.bse, other.bse[list(names)].rename(names), 1e-8)
    assert fit.nobs == cells["count"].sum()


def test_case_specific_variables_only_are_a_multinomial_logit_of_statsmodels():
    rows = choice_frame(500, 4)
    fit = rc.MultinomialLogit("chosen ~ 0 | assets + size", base="coast").fit(choice_data(rows))
    case = rows.groupby("move")[["assets", "size"]].first().assign(Intercept=1.0)
    chosen = rows[rows["chosen"]].set_index("move")["place"].loc[case.index]
    labels = sorted(chosen.unique())
    other = sm.MNLogit(chosen.map(labels.index), case).fit(disp=0, method="newton", tol=1e-12)
    for column, place in enumerate(labels[1:]):
        names = [f"{name}:{place}" for name in case.columns]
        np.testing.assert_allclose(fit.params[names], other.params[column], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(fit.bse[names], other.bse[column], rtol=1e-8)
    assert fit.llf == pytest.approx(other.llf, rel=1e-12)


def test_generic_variables_only_are_a_conditional_logit():
    rows = choice_frame(300, 5, available=0.7)
    fit = rc.MultinomialLogit("chosen ~ cost + distance + travel | 0").fit(choice_data(rows))
    x = rows[["cost", "distance", "travel"]]
    other = ConditionalLogit(rows["chosen"].astype(float), x, groups=rows["move"]).fit(
        disp=False, method="newton", gtol=1e-10
    )
    assert fit.llf == pytest.approx(other.llf, rel=1e-10)
    agree(fit.params, other.params, 1e-6)
    agree(fit.bse, other.bse, 1e-4)


def test_a_parameter_that_is_a_constant_here_and_a_slope_there():
    """V_move = a + b size, V_stay = a assets: nothing may be absorbed into a."""
    rows = choice_frame(400, 6, places=("stay", "move"))
    spec = rc.UtilitySpec({"move": {"a": 1, "b": "size"}, "stay": {"a": "assets"}})
    fit = rc.MultinomialLogit(spec).fit(choice_data(rows))
    case = rows.groupby("move")[["assets", "size"]].first()
    x = pd.DataFrame({"a": 1.0 - case["assets"], "b": case["size"]})
    other = sm.Logit(wide(rows, "chosen")["move"].astype(float), x).fit(disp=0, method="newton", tol=1e-12)
    assert fit.llf == pytest.approx(other.llf, rel=1e-12)
    agree(fit.params, other.params, 1e-9)
    agree(fit.bse, other.bse, 1e-9)


def test_one_coefficient_of_two_generic_terms_is_that_of_their_sum():
    rows = choice_frame(300, 7)
    places = sorted(rows["place"].unique())
    spec = rc.UtilitySpec({place: {"b": "cost"} for place in places}, everywhere={"b": "travel", "c": "price"})
    fit = rc.MultinomialLogit(spec).fit(choice_data(rows))
    rows["both"] = rows["cost"] + rows["travel"]
    other = rc.MultinomialLogit("chosen ~ both + price | 0").fit(choice_data(rows))
    agree(fit.params, other.params.rename({"both": "b", "price": "c"}), 1e-9)
    agree(fit.bse, other.bse.rename({"both": "b", "price": "c"}), 1e-9)


def test_equal_shares_and_constants_only():
    rows = choice_frame(400, 8, available=0.6)
    data = choice_data(rows)
    fit = rc.MultinomialLogit("chosen ~ 0 | 1", base="metro").fit(data)
    assert fit.llf == pytest.approx(fit.llconstants, rel=1e-12)
    assert fit.llnull == pytest.approx(-np.log(rows.groupby("move").size()).sum(), rel=1e-12)
    whole = choice_data(choice_frame(400, 8))
    constants = rc.MultinomialLogit("chosen ~ 0 | 1").fit(whole)
    shares = whole.choice_shares()["share"]
    assert constants.llf == pytest.approx(400 * (shares * np.log(shares)).sum(), rel=1e-12)
    np.testing.assert_allclose(constants.predict().iloc[0], shares, atol=1e-10)
