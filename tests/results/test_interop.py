"""Tables of other packages take our fits; tested with the packages themselves."""

from __future__ import annotations

import maketables
import numpy as np
import pytest
import statsmodels.api as sm
from maketables.extractors import PluginExtractor
from statsmodels.iolib.summary2 import summary_col

import builders
import relocchoice as rc


@pytest.fixture(scope="module")
def fits():
    data = builders.choice_data(builders.choice_frame(250))
    return (
        rc.MultinomialLogit("chosen ~ cost | assets", base="township").fit(data),
        rc.NestedLogit("chosen ~ cost", nests=builders.NESTS, base="township").fit(data, cov_type="robust"),
    )


def test_summary_col(fits):
    ols = sm.OLS(np.arange(10.0), sm.add_constant(np.cos(np.arange(10.0)))).fit()
    table = summary_col([*fits, ols], stars=True, model_names=["MNL", "NL", "OLS"], float_format="%.6f").tables[0]
    assert list(table.columns) == ["MNL", "NL", "OLS"]
    for fit, name in zip(fits, ("MNL", "NL"), strict=True):
        for parameter in fit.params.index:
            place = list(table.index).index(parameter)
            estimate, error = table[name].iloc[place], table[name].iloc[place + 1]
            assert float(estimate.rstrip("*")) == pytest.approx(fit.params[parameter], abs=1e-6)
            assert estimate.count("*") == sum(fit.pvalues[parameter] < level for level in (0.1, 0.05, 0.01))
            assert float(error.strip("()")) == pytest.approx(fit.bse[parameter], abs=1e-6)
    assert table.loc["Covariance", ["MNL", "NL"]].tolist() == ["hessian", "robust"]
    assert table.loc["Cases", "MNL"] == "250"
    assert "chosen" in str(summary_col(fits[0]))


def test_etable(fits):
    table = maketables.ETable(list(fits), model_stats=["N", "ll", "pseudo_r2", "se_type"], coef_fmt="b:.6f \n (se:.6f)")
    frame = table.df.copy()
    frame.columns = ["MNL", "NL"]
    coefficients = frame.loc["coef"]
    printed = coefficients.loc["cost", "MNL"].split("\n")
    assert float(printed[0]) == pytest.approx(fits[0].params["cost"], abs=1e-6)
    assert float(printed[1].strip(" ()")) == pytest.approx(fits[0].bse["cost"], abs=1e-6)
    assert len(coefficients) == len(set(fits[0].params.index) | set(fits[1].params.index))
    statistics = frame.loc["stats"]
    assert statistics.iloc[0].tolist() == ["250", "250"]
    assert statistics.iloc[-1].tolist() == ["hessian", "robust"]
    assert r"\toprule" in table.make(type="tex")


def test_plug_in_protocol(fits):
    """maketables asks its own readers first, so that ETable alone would not show whether the protocol is kept."""
    for fit in fits:
        reader = PluginExtractor()
        assert reader.can_handle(fit)
        table = reader.coef_table(fit)
        assert table.index.name == "Coefficient"
        assert table["b"].equals(fit.params.rename("b").rename_axis("Coefficient"))
        assert table["se"].tolist() == fit.bse.tolist()
        assert table["p"].tolist() == fit.pvalues.tolist()
        assert table["ci90u"].tolist() == fit.conf_int(0.1)[1].tolist()
        assert reader.depvar(fit) == "chosen"
        assert reader.vcov_info(fit) == {"vcov_type": fit.covariance.kind}
        assert [reader.stat(fit, key) for key in reader.default_stat_keys(fit)] == [
            fit.n_cases,
            fit.llf,
            fit.prsquared,
            fit.aic,
            fit.bic,
            fit.covariance.kind,
        ]
        assert set(reader.stat_labels(fit)) == set(reader.default_stat_keys(fit))
        assert reader.stat(fit, "adj_r2") is None


def test_a_model_without_formula_has_a_name(make_results):
    assert make_results().model.endog_names == "chosen"
    assert make_results().model.exog_names == tuple(make_results().parameters.index)
