"""The numbers of a fit: names and definitions of statsmodels."""

from __future__ import annotations

import math
import sys
from dataclasses import fields
from functools import partial
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, norm

import relocchoice as rc
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.covariance import Covariance, Moments

MOMENTS = tuple(field.name for field in fields(Moments))


def test_inference_of_a_free_parameter(make_results):
    fit = make_results()
    assert fit.params["log(land_price)"] == -0.0421337
    assert fit.bse["log(land_price)"] == pytest.approx(0.0123456)
    z = -0.0421337 / 0.0123456
    assert fit.tvalues["log(land_price)"] == pytest.approx(z)
    assert fit.pvalues["log(land_price)"] == pytest.approx(2 * norm.cdf(z))
    assert fit.conf_int(0.1).loc["log(land_price)"].tolist() == pytest.approx(
        [-0.0421337 - 1.6448536 * 0.0123456, -0.0421337 + 1.6448536 * 0.0123456]
    )


def test_dissimilarity_is_tested_against_one(make_results):
    fit = make_results()
    assert fit.null_values.tolist() == [0, 0, 0, 1]
    assert fit.tvalues["lambda:away"] == pytest.approx((0.62 - 1) / 0.11)


def test_everything_is_labelled_by_parameter(make_results):
    fit = make_results()
    for figures in (fit.params, fit.bse, fit.tvalues, fit.pvalues, fit.null_values, fit.conf_int(), fit.cov_params()):
        assert figures.index.equals(fit.parameters.index)


def test_fit_statistics(make_results):
    fit = make_results()
    assert fit.prsquared == pytest.approx(1 - 1728.5654321 / 2222.25)
    assert fit.prsquared_adjusted == pytest.approx(1 - 1732.5654321 / 2222.25)
    assert fit.prsquared_constants == pytest.approx(1 - 1728.5654321 / 1900.5)
    assert fit.aic == pytest.approx(2 * 1728.5654321 + 8)
    assert fit.bic == pytest.approx(2 * 1728.5654321 + 4 * math.log(1000))
    assert fit.df_resid == 996


def test_bic_uses_the_sum_of_frequency_weights(make_results):
    assert make_results(nobs=5000.0).bic == pytest.approx(2 * 1728.5654321 + 4 * math.log(5000))


def test_likelihood_ratio_is_against_constants_where_the_model_nests_them(make_results, multinomial):
    nested = make_results()
    assert nested.llr_null == "constants only"
    assert (nested.llr, nested.llr_df) == (pytest.approx(2 * (1900.5 - 1728.5654321)), 2)
    assert math.isnan(nested.llr_pvalue)  # lambda is not identified under constants only
    assert multinomial.llr_pvalue == pytest.approx(chi2.sf(multinomial.llr, 1))
    parameters = nested.parameters
    parameters.loc["lambda:away", ["estimate", "status"]] = [1.0, "fixed"]
    fixed = make_results(parameters=parameters, df_model=3)
    assert fixed.llr_pvalue == pytest.approx(chi2.sf(fixed.llr, 1))


@pytest.mark.parametrize("changes", [{"llconstants": math.nan}, {"n_alternatives": 4}])
def test_likelihood_ratio_is_against_equal_shares_otherwise(make_results, changes):
    fit = make_results(**changes)
    assert fit.llr_null == "equal shares"
    assert (fit.llr, fit.llr_df) == (pytest.approx(2 * (2222.25 - 1728.5654321)), 4)


def test_parameters_without_an_error_have_none(hostile):
    without = hostile.bse.index[hostile.bse.isna()]
    assert list(without) == ["Intercept:50%_of|A&B", "policy", "empty column", "lambda:edge"]
    for figures in (hostile.tvalues, hostile.pvalues, hostile.conf_int()[0], hostile.conf_int()[1]):
        assert figures[without].isna().all()
        assert figures.drop(without).notna().all()


def test_a_parameter_held_at_a_bound_has_no_error(make_results):
    fit = make_results()
    parameters = fit.parameters.copy()
    parameters.loc["lambda:away", "status"] = "at bound"
    covariance = np.array(fit.covariance.matrix)
    covariance[3] = covariance[:, 3] = 0.0
    held = make_results(parameters=parameters, covariance=type(fit.covariance)("hessian", covariance, "", None, 1.0))
    assert math.isnan(held.bse["lambda:away"])
    assert math.isnan(held.pvalues["lambda:away"])


def test_results_do_not_hand_out_their_own_arrays(make_results):
    fit = make_results()
    covariance = fit.cov_params()
    covariance.iloc[0, 0] = -1.0
    params = fit.params
    params.iloc[0] = 99.0
    assert fit.covariance.matrix[0, 0] > 0
    assert fit.params.iloc[0] == 1.25


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 5])
def test_alpha(make_results, alpha):
    with pytest.raises(OptionError, match=f"alpha={alpha}"):
        make_results().conf_int(alpha)


def test_wald(make_results, hostile):
    fit = make_results()
    result = fit.wald_test("lambda:away = 1")
    assert result.statistic == pytest.approx(fit.tvalues["lambda:away"] ** 2)
    assert result.pvalue == pytest.approx(fit.pvalues["lambda:away"])
    assert fit.wald_test(np.eye(4)[:2], [1.25, -0.75]).statistic == pytest.approx(0, abs=1e-12)
    with pytest.raises(SpecificationError, match="lambda:awai"):
        fit.wald_test("lambda:awai = 1")
    known = hostile.wald_test("log(land_price) = policy")
    assert known.statistic == pytest.approx(hostile.tvalues["log(land_price)"] ** 2)
    assert not hostile.wald_test("Intercept:50%_of|A&B = 0").applies
    assert not hostile.wald_test("empty column = 0").applies


def test_what_needs_the_problem_is_handed_on(make_results, monkeypatch):
    called = []
    build = ModuleType("relocchoice.results.build")
    build.recompute_covariance = lambda *args, **options: called.append((args, options)) or "other"
    build.predict = lambda results, data: pd.DataFrame({"data": [data]})
    monkeypatch.setitem(sys.modules, "relocchoice.results.build", build)
    fit = make_results()
    assert fit.with_cov("cluster", groups=[1, 2]) == "other"
    assert called == [
        ((fit, "cluster"), {"groups": [1, 2], "small_sample": None, "draws": None, "seed": None, "data": None})
    ]
    assert fit.predict("d").iloc[0, 0] == "d"


def test_repr(make_results):
    assert repr(make_results(converged=False)) == (
        "<ChoiceResults: nested logit, 4 estimated parameters, 1000 cases, log-likelihood -1728.57, NOT converged>"
    )
    assert make_results()._repr_html_().startswith("<div")


def small_fit(n=40, **options):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), 3),
            "place": np.tile(["a", "b", "c"], n),
            **{name: rng.normal(size=3 * n) for name in ("x", "y", "z")},
            "firm": np.repeat(np.arange(n) % 3, 3),
        }
    )
    frame["chosen"] = (frame["place"] == np.repeat(rng.choice(["a", "b", "c"], n), 3)).astype(int)
    data = rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    return rc.MultinomialLogit("chosen ~ x + y + z", base="a", **options).fit(data)


def test_nothing_that_is_handed_out_changes_the_results(tmp_path):
    fit = small_fit()
    before = fit.summary().as_text()
    for results in (fit, fit.with_cov("opg").with_cov("hessian"), rc.load(fit.save(tmp_path / "fit"))):
        parameters, trace = results.parameters, results.trace
        parameters.loc["x", "estimate"] = 99.0
        parameters["status"] = "fixed"
        trace["llf"] = 0.0
        arrays = [results.covariance.matrix]
        arrays += [array for array in map(partial(getattr, results.moments), MOMENTS) if isinstance(array, np.ndarray)]
        assert len(arrays) == 10
        for array in arrays:
            with pytest.raises(ValueError, match="read-only"):
                array.flat[:1] = 0
        assert results.summary().as_text() == before
        assert results.trace["llf"].iloc[-1] == results.llf


def test_frames_and_arrays_that_are_handed_in_stay_the_callers(make_results):
    parameters, starts = make_results().parameters, pd.DataFrame({"llf": [-1.0, -2.0]})
    covariance = Covariance("hessian", np.eye(4), "inverse Hessian")
    fit = make_results(parameters=parameters, starts=starts, covariance=covariance)
    parameters.loc["lambda:away", "estimate"] = 5.0
    starts.loc[0, "llf"] = 7.0
    covariance.matrix[0, 0] = 4.0
    handed_out = fit.starts
    handed_out["llf"] = 3.0
    assert fit.params["lambda:away"] == 0.62
    assert fit.starts["llf"].tolist() == [-1.0, -2.0]
    assert fit.bse.iloc[0] == 1.0


def test_fewer_clusters_than_restrictions_are_said(make_results):
    fit = small_fit()
    few = fit.with_cov("cluster", groups="firm")
    assert few.wald_test(["x = 0", "y = 0"]).df == 2
    result = few.wald_test(["x = 0", "y = 0", "z = 0"])
    assert not result.applies
    assert "3 independent restrictions has only rank 2: with 3 clusters at most 2" in result.message
    assert fit.wald_test(["x = 0", "y = 0", "z = 0"]).df == 3
    assert "contradict one another" in few.wald_test(["x = 0", "x = 1"]).message


def test_a_contradicted_tie_is_not_called_a_low_rank():
    tied = small_fit(equal=[["y", "z"]])
    assert tied.wald_test(["y = 0", "z = 0"]).df == 1
    assert "contradict one another" in tied.wald_test(["y = 0", "z = 1"]).message
    few = tied.with_cov("cluster", groups="firm")
    assert few.wald_test(["y = 0", "z = 0", "x = 0"]).df == 2
    assert "contradict one another" in few.wald_test(["y = 0", "z = 1", "x = 0"]).message
