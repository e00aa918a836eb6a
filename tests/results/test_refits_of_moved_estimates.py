"""What estimates again, or stands for the data's own maximum, refuses estimates that were moved or are another kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc

SHARES = {"a": 0.5, "b": 0.3, "c": 0.2}


@pytest.fixture(scope="module")
def fit() -> rc.ChoiceResults:
    rng = np.random.default_rng(5)
    n, places = 120, ["a", "b", "c"]
    x = rng.normal(size=(n, 3))
    chosen = (x + rng.gumbel(size=(n, 3))).argmax(axis=1)
    frame = pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), 3),
            "place": places * n,
            "x": x.ravel(),
            "chosen": (np.arange(3) == chosen[:, None]).ravel(),
            "town": np.repeat(np.arange(n) % 10, 3),
        }
    )
    data = rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    return rc.MultinomialLogit("chosen ~ x").fit(data)


@pytest.mark.parametrize(
    "refit",
    [
        lambda fit: fit.lr_test("x = 0"),
        lambda fit: fit.profile_conf_int(),
        lambda fit: fit.summary(intervals="profile"),
        lambda fit: fit.bootstrap(9),
        lambda fit: fit.jackknife(),
        lambda fit: fit.with_cov("bootstrap", draws=9),
        lambda fit: fit.wild_test("x = 0", groups="town"),
        lambda fit: fit.with_cov("robust"),
        rc.as_poisson,
    ],
)
def test_shifted_constants_are_not_estimated_again(fit: rc.ChoiceResults, refit) -> None:
    shifted = rc.shift_constants(fit, SHARES)
    with pytest.raises(rc.OptionError, match="constants"):
        refit(shifted)
    assert shifted.wald_test("x = 1").applies


def test_shares_may_be_a_series(fit: rc.ChoiceResults) -> None:
    assert rc.shift_constants(fit, pd.Series(SHARES)).params.equals(rc.shift_constants(fit, SHARES).params)


def test_poisson_is_of_the_plain_maximum() -> None:
    table = {"p": ["q", "r"], "a": [3, 5], "b": [4, 0], "c": [1, 2]}
    data = rc.ChoiceData.from_counts(table, alternatives=["a", "b", "c"], cell="p")
    model = rc.MultinomialLogit("~ 0 | p")
    with pytest.raises(rc.DataError, match="dropped"):
        rc.as_poisson(model.fit(data, separation="drop"))
    with pytest.raises(rc.DataError, match="penal"):
        rc.as_poisson(model.fit(data, penalty="firth"))
    with pytest.raises(rc.DataError, match="NoneType"):
        rc.as_poisson(None)


def test_infinite_estimates_have_no_likelihood_ratio_p_value() -> None:
    table = {"p": ["q", "r"], "a": [3, 5], "b": [4, 0], "c": [1, 2]}
    data = rc.ChoiceData.from_counts(table, alternatives=["a", "b", "c"], cell="p")
    fit = rc.MultinomialLogit("~ 0 | p").fit(data)
    assert fit.identification.infinite
    assert np.isnan(fit.llr_pvalue)
    text = " ".join(str(fit.summary()).split())
    assert "Likelihood-ratio test" not in text
    assert "AIC and BIC count these as estimated" in text


@pytest.mark.parametrize("counts", [[[1, 0, 3], [1, 1, 2]], [[2, 1, 3], [1, 3, 2], [0, 2, 1]]])
def test_firth_nested_is_judged_by_what_was_maximised(counts: list[list[int]]) -> None:
    rows = [
        {"cell": i, "alt": f"c{j}", "n": n, "x": (i + 1) * (j - 1) * 0.5 + 0.2 * i * i * j}
        for i, c in enumerate(counts)
        for j, n in enumerate(c)
    ]
    data = rc.ChoiceData.from_counts(pd.DataFrame(rows), count="n", alternative="alt", cell="cell")
    nests = {"n": ["c0", "c1"], "m": ["c2"]}
    fit = rc.NestedLogit("alt ~ x | 1", base="c0", nests=nests, lambdas="common").fit(data, penalty="firth")
    if fit.converged:
        assert np.isfinite(fit.params).all()
        assert (fit.bse.dropna() < 1e3).all()
    assert not fit.identification.infinite


def test_draws_belong_to_the_bootstrap(fit: rc.ChoiceResults) -> None:
    with pytest.raises(rc.OptionError, match="bootstrap"):
        fit.with_cov("robust", draws=50)


def test_a_test_shows_itself(fit: rc.ChoiceResults) -> None:
    test = fit.wald_test("x = 1")
    assert repr(test).startswith("<TestResult H0: x = 1: chi2(1) = ")
    assert "H0: x = 1" in test._repr_html_()
