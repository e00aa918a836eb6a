"""Berry's inversion: exact where nothing is unobserved, linearmodels' numbers by hand, elasticities, hostile input."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from relocchoice.errors import DataError, IdentificationError, OptionError, SpecificationError
from relocchoice.relocation.land import BerryLogit, rival_instruments

LAND = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "endogenous_land.py")))
ROLES = {"share": "share", "market": "period", "alternative": "place"}


def world(sigma: float = 0.0, seed: int = 1, spread: float = 0.5) -> pd.DataFrame:
    return LAND.shares(LAND.markets(np.random.default_rng(seed), 60, spread=spread), sigma)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return world()


@pytest.fixture(scope="module")
def nested_frame() -> pd.DataFrame:
    return world(LAND.SIGMA)


def test_a_column_called_sigma_is_refused_with_nests(nested_frame):
    table = nested_frame.assign(sigma=nested_frame["policy"])
    model = replace(LAND.NESTED, utilities=f"{LAND.NESTED.utilities} + sigma")
    with pytest.raises(SpecificationError, match="rename the column"):
        model.fit(table, **ROLES)


@pytest.mark.parametrize("alpha", ["a", 0, 1.0, None, np.nan])
def test_a_level_that_is_none_is_named(frame, alpha):
    results = LAND.BERRY.fit(frame, **ROLES)
    for method in (results.conf_int, results.elasticities):
        with pytest.raises(OptionError, match="alpha="):
            method(alpha)


@pytest.mark.parametrize("method", ["ols", "2sls", "gmm"])
def test_without_anything_unobserved_the_truth_comes_back_exactly(method):
    """Shares are then an exact function of the columns, so that every estimator returns the coefficients."""
    table = LAND.markets(np.random.default_rng(1), 60).assign(quality=0.0)
    results = LAND.NESTED.fit(LAND.shares(table, LAND.SIGMA), method=method, **ROLES)
    truth = {"log(land_price)": LAND.PRICE, "policy": LAND.POLICY, "sigma": LAND.SIGMA, "Intercept": 3.0}
    np.testing.assert_allclose(results.params[list(truth)], list(truth.values()), rtol=1e-8)
    np.testing.assert_allclose(results.xi, 0.0, atol=1e-9)


def test_instruments_recover_what_least_squares_misses(frame, nested_frame):
    for model, table, names in (
        (LAND.BERRY, frame, ["log(land_price)", "policy"]),
        (LAND.NESTED, nested_frame, ["log(land_price)", "policy", "sigma"]),
    ):
        right, wrong = (model.fit(table, method=method, **ROLES) for method in ("2sls", "ols"))
        truth = pd.Series(LAND.TRUTH)[names]
        assert (abs(right.params[names] - truth) < 3.5 * right.bse[names]).all()
        assert wrong.params["log(land_price)"] > LAND.PRICE + 5 * wrong.bse["log(land_price)"]
        assert right.endogeneity.pvalue < 1e-10
        assert right.overidentification.applies


def test_two_stage_least_squares_by_hand(frame):
    results = LAND.BERRY.fit(frame, **ROLES)
    share = frame["share"].to_numpy()
    y = np.log(share) - np.log(1 - frame.groupby("period")["share"].transform("sum").to_numpy())
    x = np.column_stack([np.log(frame["land_price"]), np.ones(len(frame)), frame["policy"]])
    z = np.column_stack([np.ones(len(frame)), frame["policy"], frame["quota"], frame["plains"]])
    fitted = z @ np.linalg.lstsq(z, x, rcond=None)[0]
    b = np.linalg.lstsq(fitted, y, rcond=None)[0]
    u = y - x @ b
    bread = np.linalg.inv(fitted.T @ fitted)
    n, k = x.shape
    np.testing.assert_allclose(results.params, b, rtol=1e-8)
    cov = bread @ (fitted.T * u**2) @ fitted @ bread * n / (n - k)
    np.testing.assert_allclose(results.cov_params(), cov, rtol=1e-7)
    np.testing.assert_allclose(np.sort(results.xi), np.sort(u), rtol=1e-7, atol=1e-10)
    period = frame["period"].to_numpy()
    moments = np.array([(fitted * u[:, None])[period == t].sum(axis=0) for t in range(60)])
    clustered = bread @ moments.T @ moments @ bread * 60 / 59 * (n - 1) / (n - k)
    again = LAND.BERRY.fit(frame, cov_type="cluster", **ROLES)
    np.testing.assert_allclose(again.cov_params(), clustered, rtol=1e-7)
    assert again.covariance.groups == 60


def test_one_endogenous_column_has_one_f(frame):
    """Given no others, the conditional F is the plain F of the first stage."""
    results = LAND.BERRY.fit(frame, **ROLES)
    assert results.conditional_f["log(land_price)"] == pytest.approx(results.first_stages[0].f_plain, rel=1e-9)


def test_gmm_is_two_stage_least_squares_where_it_is_just_identified(frame):
    just = BerryLogit(utilities="log(land_price) + policy", price="log(land_price)", instruments="quota")
    one, other = (just.fit(frame, method=method, **ROLES) for method in ("2sls", "gmm"))
    np.testing.assert_allclose(one.params, other.params, rtol=1e-6)
    assert "as many instruments" in one.overidentification.message


@pytest.mark.parametrize("price", ["log(land_price)", "land_price"])
def test_elasticities_are_the_derivatives_of_the_shares(nested_frame, price):
    """Shares written out at the estimates, one price 0.01 % higher and lower."""
    model = replace(LAND.NESTED, utilities=f"{price} + policy", price=price)
    results = model.fit(nested_frame, **ROLES)
    a, sigma = results.params.iloc[0], results.params["sigma"]
    here = nested_frame[nested_frame["period"] == 7]
    s, nest = here["share"].to_numpy(), (here["zone"] == "near").to_numpy().astype(int)
    within = s / np.array([s[nest == m].sum() for m in (0, 1)])[nest]
    delta = np.log(s) - np.log(1 - s.sum()) - sigma * np.log(within)
    p = here["land_price"].to_numpy()

    def shares(prices: np.ndarray) -> np.ndarray:
        moved = a * (np.log(prices / p) if price.startswith("log") else prices - p)
        e = np.exp((delta + moved) / (1 - sigma))
        sums = np.array([e[nest == m].sum() for m in (0, 1)])
        total = 1 + np.sum(sums ** (1 - sigma))
        return np.append(e * sums[nest] ** (-sigma) / total, 1 / total)

    np.testing.assert_allclose(shares(p)[:-1], s, rtol=1e-10)
    found = results.elasticities()
    found = found[found["market"] == 7].set_index(["share_of", "price_of"])["elasticity"]
    for k, place in enumerate(here["place"]):
        up, down = (np.log(shares(p * np.exp(step * (np.arange(len(p)) == k)))) for step in (1e-4, -1e-4))
        expected = (up - down) / 2e-4
        values = [found[(label, place)] for label in [*here["place"], "(outside)"]]
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-9)


def test_errors_of_elasticities_are_by_the_delta_method(nested_frame):
    results = LAND.NESTED.fit(nested_frame, **ROLES)
    rows = results.elasticities()
    row = rows[(rows["market"] == 3) & (rows["share_of"] == "p0") & (rows["price_of"] == "p0")].iloc[0]
    here = nested_frame[(nested_frame["period"] == 3) & (nested_frame["zone"] == "away")]
    s = float(here.loc[here["place"] == "p0", "share"].iloc[0])
    g = s / float(here["share"].sum())
    a, sigma = results.params.iloc[0], results.params["sigma"]

    def own(at: np.ndarray) -> float:
        return float(at[0] * (1 / (1 - at[1]) - at[1] / (1 - at[1]) * g - s))

    slope = [(own(np.array([a, sigma]) + h) - own(np.array([a, sigma]) - h)) / 2e-6 for h in 1e-6 * np.eye(2)]
    cov = results.cov_params().loc[["log(land_price)", "sigma"], ["log(land_price)", "sigma"]].to_numpy()
    assert row["elasticity"] == pytest.approx(own(np.array([a, sigma])), rel=1e-10)
    assert row["std_error"] == pytest.approx(np.sqrt(np.array(slope) @ cov @ np.array(slope)), rel=1e-6)


def test_counts_with_an_outside_row_are_the_same_as_shares(frame):
    counts = frame.assign(share=frame["share"] * 1e6)
    rest = 1e6 - counts.groupby("period")["share"].sum()
    stay = pd.DataFrame({"period": rest.index, "place": "stay", "share": rest.to_numpy()})
    together = pd.concat([counts, stay], ignore_index=True).sample(frac=1, random_state=1)
    one = LAND.BERRY.fit(together, outside="stay", **ROLES)
    pd.testing.assert_series_equal(one.params, LAND.BERRY.fit(frame, **ROLES).params, rtol=1e-8)
    from_polars = LAND.BERRY.fit(pl.from_pandas(frame), **ROLES)
    pd.testing.assert_series_equal(from_polars.params, LAND.BERRY.fit(frame, **ROLES).params, rtol=1e-12)


def test_effects_are_dummies(frame):
    model = replace(LAND.BERRY, effects=("place",))
    dummies = frame.assign(**{f"d{j}": (frame["place"] == f"p{j}").astype(float) for j in range(1, 6)})
    by_hand = replace(LAND.BERRY, utilities="log(land_price) + policy + d1 + d2 + d3 + d4 + d5")
    one, other = model.fit(frame, **ROLES), by_hand.fit(dummies, **ROLES)
    np.testing.assert_allclose(one.params.iloc[:3], other.params[one.params.index[:3]], rtol=1e-9)


def test_rivals_are_summed_without_the_own_row():
    table = pd.DataFrame({"t": [1, 1, 1, 2], "j": list("abca"), "x": [1.0, 2.0, 4.0, 8.0], "g": ["u", "u", "v", "u"]})
    found = rival_instruments(table, ["x"], market="t", alternative="j", nest="g")
    assert found["rivals"].tolist() == [2, 2, 2, 0]
    assert found["rivals_x"].tolist() == [6, 5, 3, 0]
    assert found["nest_rivals"].tolist() == [1, 1, 0, 0]
    assert found["nest_rivals_x"].tolist() == [2, 1, 0, 0]
    without = rival_instruments(table, "x", market="t", alternative="j", outside="c")
    assert without["rivals_x"].tolist() == [2, 1, 0, 0]
    with pytest.raises(DataError, match="column 'x' has no value for alternative 'b' in market 1"):
        rival_instruments(table.assign(x=[1, np.nan, 2, 3]), ["x"], market="t", alternative="j")


# ---------------------------------------------------------------------------------------------------- hostile input


def test_zero_missing_and_full_shares_are_refused(frame):
    def with_share(value: float) -> pd.DataFrame:
        return frame.assign(share=frame["share"].where(frame.index != 4, value))

    with pytest.raises(
        DataError, match=r"the share of alternative 'p4' in market 0 is zero: .*Merge periods"
    ) as caught:
        LAND.BERRY.fit(with_share(0.0), **ROLES)
    assert caught.value.findings[0].alternative == "p4"
    with pytest.raises(DataError, match="is missing"):
        LAND.BERRY.fit(with_share(np.nan), **ROLES)
    with pytest.raises(DataError, match="is negative"):
        LAND.BERRY.fit(with_share(-0.1), **ROLES)
    with pytest.raises(DataError, match=r"the shares of market 0 sum to .* which leaves none outside"):
        LAND.BERRY.fit(with_share(2.0), **ROLES)
    with pytest.raises(OptionError, match="outside='home'"):
        LAND.BERRY.fit(frame, outside="home", **ROLES)
    with pytest.raises(DataError, match="p0"):
        LAND.BERRY.fit(pd.concat([frame.assign(share=0.01), frame.iloc[:1].assign(share=0.01)]), **ROLES)


def test_too_few_constant_and_collinear_columns_are_refused(frame, nested_frame):
    few = replace(LAND.NESTED, instruments="quota")
    with pytest.raises(IdentificationError, match=r"2 endogenous columns \(log\(land_price\), sigma\) need as many"):
        few.fit(nested_frame, **ROLES)
    one = replace(LAND.BERRY, instruments="quota + same")
    with pytest.raises(IdentificationError, match="same is the same in every row"):
        one.fit(frame.assign(same=1.0), **ROLES)
    with pytest.raises(IdentificationError, match="twin follows from quota"):
        replace(LAND.BERRY, instruments="quota + twin").fit(frame.assign(twin=frame["quota"] * 3), **ROLES)
    with pytest.raises(IdentificationError, match=r"log\(land_price\) is the same in every row"):
        LAND.BERRY.fit(frame.assign(land_price=2.0), **ROLES)
    with pytest.raises(IdentificationError, match="every nest of every market has one alternative"):
        replace(LAND.NESTED, nest="place2").fit(nested_frame.assign(place2=nested_frame["place"]), **ROLES)
    with pytest.raises(DataError, match="policy"):
        LAND.BERRY.fit(frame.assign(policy=frame["policy"].where(frame.index != 2)), **ROLES)


def test_weak_instruments_say_so(frame, nested_frame):
    noise = np.random.default_rng(8).normal(size=(2, len(frame)))
    weak = replace(LAND.BERRY, instruments="n1").fit(frame.assign(n1=noise[0]), **ROLES)
    assert "WEAK INSTRUMENTS" in weak.summary().as_markdown()
    both = replace(LAND.NESTED, instruments="n1 + n2").fit(nested_frame.assign(n1=noise[0], n2=noise[1]), **ROLES)
    assert (both.conditional_f < 10).all()
    assert "WEAK INSTRUMENTS" in both.summary().as_markdown()


def test_what_is_asked_must_make_a_model(frame):
    with pytest.raises(OptionError, match="one of the terms of utilities"):
        BerryLogit(utilities="policy", price="log(land_price)", instruments="quota")
    with pytest.raises(SpecificationError, match="policy stands in the utilities too"):
        replace(LAND.BERRY, instruments="policy")
    with pytest.raises(SpecificationError, match="has no terms"):
        replace(LAND.BERRY, instruments="0")
    with pytest.raises(OptionError, match="2sls, gmm, ols"):
        LAND.BERRY.fit(frame, method="liml", **ROLES)
    root = replace(LAND.BERRY, utilities="sqrt(land_price) + policy", price="sqrt(land_price)").fit(frame, **ROLES)
    with pytest.raises(SpecificationError, match="elasticities are known for a price"):
        root.elasticities()


def test_the_table_says_where_simulated_shares_come_from(frame):
    marked = frame.copy()
    marked.attrs["provenance"] = "simulated from published margins"
    first = LAND.BERRY.fit(marked, **ROLES).summary().as_markdown().splitlines()[0]
    assert "[simulated from published margins] Multinomial" in first.replace("\\", "")
    text = LAND.BERRY.fit(frame, method="ols", **ROLES).summary().as_text()
    assert "NOTHING INSTRUMENTED" in text
