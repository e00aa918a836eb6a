"""The bootstrap as the covariance of a fit: of plain, dropped and penalised fits, saved, printed and refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.errors import IdentificationError, OptionError

DRAWS = 30


def data(separated: bool = False, n: int = 90, **weights) -> rc.ChoiceData:
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=(n, 3)), rng.integers(0, 2, n).astype(float)
    u = 0.8 * x + rng.gumbel(size=(n, 3))
    if separated:
        u[z == 1, 2] = -np.inf
    case = np.repeat(np.arange(n), 3)
    rows = pd.DataFrame(
        {
            "case": case,
            "place": np.tile(["a", "b", "c"], n),
            "chosen": (u.argmax(axis=1)[:, None] == np.arange(3)).ravel(),
            "x": x.ravel(),
            "z": z[case],
            "w": 1.0 + case % 2,
            "town": case % 15,
        }
    )
    return rc.ChoiceData.from_long(rows, case="case", alternative="place", chosen="chosen", **weights)


MODEL = rc.MultinomialLogit("chosen ~ x | z", base="a")


def test_a_fit_with_bootstrap_errors_is_the_same_fit():
    choices = data()
    fit, plain = MODEL.fit(choices, "bootstrap", draws=DRAWS, seed=3), MODEL.fit(choices)
    pd.testing.assert_series_equal(fit.params, plain.params)
    assert fit.covariance.kind == "bootstrap"
    assert "bootstrap" in str(fit.summary())
    np.testing.assert_allclose(fit.bse, plain.bootstrap(DRAWS, seed=3).bse, rtol=1e-12)
    pd.testing.assert_series_equal(fit.bse, plain.with_cov("bootstrap", draws=DRAWS, seed=3).bse)
    assert 0.5 < (fit.bse / plain.bse).median() < 2.0
    assert not fit.bse.equals(plain.with_cov("bootstrap", draws=DRAWS, seed=4).bse)


def test_groups_are_drawn_whole():
    fit = MODEL.fit(data(), "bootstrap", groups="town", draws=DRAWS)
    assert fit.covariance.groups == 15
    with pytest.raises(OptionError, match="groups= goes with"):
        MODEL.fit(data(), "robust", groups="town")


@pytest.mark.parametrize("weights", [{}, {"weights": "w", "weight_kind": "frequency"}])
def test_a_dropped_fit_is_resampled_as_it_is(weights, tmp_path):
    choices = data(separated=True, **weights)
    fit = MODEL.fit(choices, "bootstrap", separation="drop", draws=DRAWS, seed=1)
    assert fit.parameters.loc["z:c", "status"] == "dropped"
    assert np.isnan(fit.bse["z:c"])
    assert fit.bse.drop("z:c").between(0, 100).all()
    fit.save(tmp_path / "fit")
    loaded = rc.load(tmp_path / "fit")
    assert str(loaded.summary()) == str(fit.summary())
    again = loaded.with_cov("bootstrap", draws=DRAWS, seed=1, data=choices)
    np.testing.assert_allclose(again.bse, fit.bse, rtol=1e-8)


def test_a_penalised_fit_is_resampled_with_its_penalty():
    choices = data(separated=True)
    fit = MODEL.fit(choices, "bootstrap", penalty="firth", draws=DRAWS, seed=1)
    assert fit.converged
    assert fit.bse.between(0, 100).all()
    again = MODEL.fit(choices, separation="firth").with_cov("bootstrap", draws=DRAWS, seed=1)
    pd.testing.assert_series_equal(again.bse, fit.bse)


def test_an_infinite_estimate_has_no_bootstrap_and_the_fit_says_why():
    fit = MODEL.fit(data(separated=True), "bootstrap", draws=DRAWS)
    assert np.isfinite(fit.llf)
    assert fit.bse.isna().all()
    assert "finite" in fit.covariance.description
    assert "Standard errors were not computed: bootstrap:" in " ".join(str(fit.summary()).split())
    with pytest.raises(IdentificationError, match="nothing to resample"):
        fit.with_cov("bootstrap", draws=DRAWS)


def test_sampling_weights_stay_with_their_cases():
    fit = MODEL.fit(data(weights="w", weight_kind="sampling"), "bootstrap", draws=DRAWS)
    assert fit.bse.between(0, 100).all()


@pytest.mark.parametrize("draws", [0, 1, 2.5, True, "9"])
def test_bad_numbers_of_draws(draws):
    with pytest.raises(OptionError, match="draws"):
        MODEL.fit(data(), "bootstrap", draws=draws)
