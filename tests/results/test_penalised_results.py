"""Penalised fits as results: what is counted, printed, tested and refused; profile intervals in the table."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import relocchoice as rc
from relocchoice.errors import DataError, OptionError

PLACES = ("a", "b", "c")
NESTS = {"near": ["a", "b"], "away": ["c"]}


def data(seed: int = 1, n: int = 70, separated: bool = False, **weights) -> rc.ChoiceData:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(n, 3)), rng.integers(0, 2, n).astype(float)
    u = 0.8 * x + np.outer(z, [0.0, 0.5, -0.4]) + rng.gumbel(size=(n, 3))
    if separated:
        u[z == 1, 2] = -np.inf
    case = np.repeat(np.arange(n), 3)
    rows = pd.DataFrame(
        {
            "case": case,
            "place": np.tile(PLACES, n),
            "chosen": (u.argmax(axis=1)[:, None] == np.arange(3)).ravel(),
            "x": x.ravel(),
            "z": z[case],
            "w": 1.0 + case % 2,
            "town": case % 9,
        }
    )
    return rc.ChoiceData.from_long(rows, case="case", alternative="place", chosen="chosen", **weights)


MODEL = rc.MultinomialLogit("chosen ~ x | z", base="a")


def arrays(choices: rc.ChoiceData) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3, 5) columns in the order of the parameters, and (n,) what was chosen."""
    rows = choices.row_frame(["x", "z"])
    n = choices.n_cases
    x, z = rows["x"].to_numpy().reshape(n, 3), rows["z"].to_numpy().reshape(n, 3)
    one = np.broadcast_to(np.eye(3)[:, 1:], (n, 3, 2))
    columns = {"x": x, **{f"Intercept:{p}": one[:, :, k] for k, p in enumerate("bc")}}
    columns |= {f"z:{p}": one[:, :, k] * z for k, p in enumerate("bc")}
    names = list(MODEL.fit(choices).params.index)
    return np.stack([columns[name] for name in names], axis=2), np.asarray(choices.chosen)


def by_hand(columns: np.ndarray, chosen: np.ndarray, theta: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Log-likelihood and half the log determinant of its information, written out."""
    v = columns @ theta
    p = np.exp(v - np.logaddexp.reduce(v, axis=1)[:, None])
    centred = columns - np.einsum("ij,ijk->ik", p, columns)[:, None]
    information = np.einsum("i,ij,ijk,ijl->kl", weights, p, centred, centred)
    loglik = float(weights @ np.log(p[np.arange(len(p)), chosen]))
    return loglik, 0.5 * float(np.linalg.slogdet(information)[1])


@pytest.mark.parametrize("separated", [False, True])
def test_firth_is_the_maximum_of_the_likelihood_written_out(separated):
    choices = data(separated=separated)
    columns, chosen = arrays(choices)
    ones = np.ones(choices.n_cases)
    fit = MODEL.fit(choices, penalty="firth")
    found = minimize(
        lambda t: -sum(by_hand(columns, chosen, t, ones)), np.zeros(5), method="BFGS", options={"gtol": 1e-7}
    )
    np.testing.assert_allclose(fit.params, found.x, atol=2e-5)
    loglik, penalty = by_hand(columns, chosen, fit.params.to_numpy(), ones)
    assert fit.llf == pytest.approx(loglik, abs=1e-9)
    assert fit.llf_penalised == pytest.approx(loglik + penalty, abs=1e-8)
    assert fit.converged


def test_the_mode_and_the_penalty_are_the_same_where_choices_are_separated():
    choices = data(separated=True)
    first, second = MODEL.fit(choices, separation="firth"), MODEL.fit(choices, penalty="firth")
    pd.testing.assert_series_equal(first.params, second.params)
    assert "z:c to minus infinity" in " ".join(first.notes)
    plain = MODEL.fit(data(), separation="firth")
    assert plain.penalty is None
    pd.testing.assert_series_equal(plain.params, MODEL.fit(data()).params)


def test_what_is_counted_and_said():
    fit = MODEL.fit(data(), penalty="firth")
    assert (fit.nobs, fit.df_model) == (70, 5)
    assert math.isnan(fit.llr_pvalue)
    assert fit.aic == pytest.approx(-2 * fit.llf + 10)
    text = str(fit.summary())
    assert "LL, penalised" in text
    assert "Likelihood-ratio test" not in text
    joined = " ".join(text.split())
    assert "AIC and BIC take the log-likelihood without the penalty" in joined
    assert "summary(intervals='profile')" in joined


def test_frequencies_are_repetitions():
    weighted = data(separated=True, weights="w", weight_kind="frequency")
    columns, chosen = arrays(weighted)
    fit = MODEL.fit(weighted, penalty="firth")
    loglik, penalty = by_hand(columns, chosen, fit.params.to_numpy(), np.asarray(weighted.weights))
    assert fit.nobs == 105
    assert fit.llf_penalised == pytest.approx(loglik + penalty, abs=1e-8)


def test_constraints():
    choices = data(separated=True)
    fixed = rc.MultinomialLogit("chosen ~ x | z", base="a", fixed={"x": 1.0}).fit(choices, penalty="firth")
    assert (fixed.params["x"], fixed.df_model) == (1.0, 4)
    equal = rc.MultinomialLogit("chosen ~ x | z", base="a", equal=[["z:b", "z:c"]]).fit(choices, penalty="firth")
    assert equal.params["z:b"] == equal.params["z:c"]
    free = MODEL.fit(choices, penalty="firth")
    bound = rc.MultinomialLogit("chosen ~ x | z", base="a", bounds={"z:c": (-1.0, None)}).fit(choices, penalty="firth")
    assert free.params["z:c"] < -1.0 == bound.params["z:c"]
    assert bound.parameters.loc["z:c", "status"] == "at bound"
    for fit in (fixed, equal, bound):
        assert fit.converged
        assert fit.llf_penalised < free.llf_penalised or fit is not bound
    columns, chosen = arrays(choices)
    names = list(free.params.index)
    keep = [k for k, name in enumerate(names) if name != "x"]

    def height(theta: np.ndarray) -> float:
        full = np.insert(theta, names.index("x"), 1.0)
        loglik, _ = by_hand(columns, chosen, full, np.ones(70))
        v = columns @ full
        p = np.exp(v - np.logaddexp.reduce(v, axis=1)[:, None])
        centred = (columns - np.einsum("ij,ijk->ik", p, columns)[:, None])[:, :, keep]
        return -(loglik + 0.5 * np.linalg.slogdet(np.einsum("ij,ijk,ijl->kl", p, centred, centred))[1])

    found = minimize(height, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(fixed.params.drop("x"), found.x, atol=2e-5)


def test_nested_with_a_free_lambda():
    fit = rc.NestedLogit("chosen ~ x | z", NESTS, base="a").fit(data(n=150, separated=True), penalty="firth")
    assert fit.converged
    assert np.isfinite(fit.params).all()
    assert fit.bse[["x", "z:c", "lambda:near"]].max() < 10


def test_ridge_goes_from_its_mean_to_maximum_likelihood():
    choices = data()
    plain = MODEL.fit(choices)
    wide = MODEL.fit(choices, penalty=rc.Ridge(sd=1e5))
    np.testing.assert_allclose(wide.params, plain.params, atol=1e-6)
    np.testing.assert_allclose(wide.bse, plain.bse, rtol=1e-6)
    narrow = MODEL.fit(choices, penalty=rc.Ridge(sd=1e-4, mean=0.3))
    np.testing.assert_allclose(narrow.params[["x", "z:b", "z:c"]], 0.3, atol=1e-4)
    finite = MODEL.fit(data(separated=True), penalty=rc.Ridge(sd=2.0))
    assert finite.converged
    assert -10 < finite.params["z:c"] < -1


@pytest.mark.parametrize("options", [{"sd": -1}, {"sd": 0}, {"sd": math.inf}, {"sd": 1, "mean": math.nan}, {"sd": "1"}])
def test_priors_that_are_none(options):
    with pytest.raises(OptionError, match="is not valid"):
        rc.Ridge(**options)


@pytest.mark.parametrize("penalty", ["firth", rc.Ridge(sd=1.0)])
@pytest.mark.parametrize("kind", ["sampling", "choice-based"])
def test_sampling_weights_are_refused(penalty, kind):
    with pytest.raises(OptionError, match="not valid with sampling weights"):
        MODEL.fit(data(weights="w", weight_kind=kind), penalty=penalty)


def test_the_outer_product_of_scores_is_refused():
    choices = data(separated=True)
    fit = MODEL.fit(choices, penalty="firth")
    with pytest.raises(OptionError, match=r"opg.*valid: hessian, robust"):
        fit.with_cov("opg")
    with pytest.raises(OptionError, match="opg"):
        MODEL.fit(choices, "opg", penalty="firth")
    late = MODEL.fit(choices, "opg", separation="firth")
    assert late.bse.isna().all()
    assert "opg" in late.covariance.description
    for kind in ("hessian", "robust", "none"):
        assert not (fit.with_cov(kind).bse > 100).any()


def test_saved_and_loaded(tmp_path):
    choices = data(separated=True)
    for penalty in ("firth", rc.Ridge(sd=1.5)):
        fit = MODEL.fit(choices, penalty=penalty)
        fit.save(tmp_path / "fit")
        loaded = rc.load(tmp_path / "fit")
        assert str(loaded.summary()) == str(fit.summary())
        assert loaded.penalty == fit.penalty
        pd.testing.assert_frame_equal(
            loaded.profile_conf_int(parameters=["z:c"], data=choices), fit.profile_conf_int(parameters=["z:c"])
        )
        groups = {"groups": "town"}
        pd.testing.assert_series_equal(
            loaded.with_cov("cluster", data=choices, **groups).bse, fit.with_cov("cluster", **groups).bse
        )


# --- profile intervals in the table ----------------------------------------------------------------------------------


def rows_of(fit, **options) -> dict[str, tuple[str, ...]]:
    table = fit.summary(intervals="profile", **options).table
    return {row[0]: row for row in table.rows}


@pytest.mark.parametrize("penalty", [None, "firth"])
def test_the_table_holds_profile_intervals_and_likelihood_ratio_tests(penalty):
    fit = MODEL.fit(data(separated=penalty is not None), penalty=penalty)
    table = fit.summary(intervals="profile").table
    assert table.columns[3:5] == ("LR chi2", "P>chi2")
    ends, found = fit.profile_conf_int(), rows_of(fit)
    for name in fit.params.index:
        row, test = found[name], fit.lr_test(f"{name} = 0")
        assert float(row[3]) == pytest.approx(test.statistic, abs=6e-4)
        assert float(row[4].replace("<", "")) == pytest.approx(test.pvalue, abs=1e-3)
        np.testing.assert_allclose([float(row[5]), float(row[6])], ends.loc[name], rtol=1e-4, atol=1e-5)
    assert ("penalised likelihood ratio" in " ".join(table.notes)) == (penalty is not None)


def test_an_infinite_estimate_has_a_test_and_one_finite_end():
    fit = MODEL.fit(data(separated=True))
    row = rows_of(fit)["z:c"]
    assert row[1:3] == ("-inf", "")
    assert row[5] == "-inf"
    assert float(row[6]) == pytest.approx(fit.profile_conf_int(parameters=["z:c"]).iloc[0, 1], rel=1e-4)
    assert float(row[3]) == pytest.approx(fit.lr_test("z:c = 0").statistic, abs=6e-4)
    dropped = MODEL.fit(data(separated=True), separation="drop")
    assert rows_of(dropped)["z:c"] == ("z:c", "dropped", "", "", "", "", "")


def test_lambdas_are_tested_against_one_and_what_is_fixed_is_not():
    model = rc.NestedLogit("chosen ~ x | z", NESTS, base="a", fixed={"z:b": 0.5})
    fit = model.fit(data(n=150))
    found = rows_of(fit)
    assert float(found["lambda:near"][3]) == pytest.approx(fit.lr_test("lambda:near = 1").statistic, abs=6e-4)
    assert any("LR chi2 and P>chi2 of H0: lambda = 1" in name for name in found)
    assert found["z:b"][2:] == ("fixed", "", "", "", "")


def test_profiles_in_the_table_of_a_loaded_fit_need_its_data(tmp_path):
    choices = data()
    fit = MODEL.fit(choices)
    fit.save(tmp_path / "fit")
    loaded = rc.load(tmp_path / "fit")
    with pytest.raises(DataError, match="pass data="):
        loaded.summary(intervals="profile")
    assert str(loaded.summary(intervals="profile", data=choices)) == str(fit.summary(intervals="profile"))


def test_bad_intervals():
    fit = MODEL.fit(data())
    with pytest.raises(OptionError, match="valid: wald, profile"):
        fit.summary(intervals="score")
    with pytest.raises(OptionError, match="alpha"):
        fit.summary(alpha=0.0, intervals="profile")
    weighted = MODEL.fit(data(weights="w", weight_kind="sampling"))
    with pytest.raises(OptionError, match="sampling weights"):
        weighted.summary(intervals="profile")


def test_a_sandwich_of_separated_choices_is_warned_of() -> None:
    table = {"period": ["1980s", "1990s"], "whole": [11, 40], "plant": [0, 26]}
    data = rc.ChoiceData.from_counts(table, alternatives=["whole", "plant"], cell="period")
    fit = rc.MultinomialLogit("~ 0 | period", base="whole").fit(data, penalty="firth")
    assert "can be far too small" in str(fit.with_cov("robust").summary())
    assert "can be far too small" not in str(fit.summary())
