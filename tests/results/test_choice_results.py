"""The numbers of a fit: names and definitions of statsmodels."""

from __future__ import annotations

import math
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, norm

from relocchoice.errors import OptionError, SpecificationError


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


def test_likelihood_ratio_is_against_constants_where_the_model_nests_them(make_results):
    fit = make_results()
    assert fit.llr_null == "constants only"
    assert (fit.llr, fit.llr_df) == (pytest.approx(2 * (1900.5 - 1728.5654321)), 2)
    assert fit.llr_pvalue == pytest.approx(chi2.sf(fit.llr, 2))


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
    assert called == [((fit, "cluster"), {"groups": [1, 2], "small_sample": None, "data": None})]
    assert fit.predict("d").iloc[0, 0] == "d"


def test_repr(make_results):
    assert repr(make_results(converged=False)) == (
        "<ChoiceResults: nested logit, 4 estimated parameters, 1000 cases, log-likelihood -1728.57, NOT converged>"
    )
    assert make_results()._repr_html_().startswith("<div")
