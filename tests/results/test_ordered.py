"""Ordered logit: against statsmodels, a likelihood written out, known cases, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel

from relocchoice.errors import DataError, IdentificationError, OptionError, SpecificationError
from relocchoice.relocation.reproduce_ratings import rating_counts, rating_fit, ratings
from relocchoice.results.ordered import OrderedLogit, OrderedResults
from relocchoice.results.ordered_likelihood import Cells, diverging, evaluate

LEVELS = ["high", "middle", "low"]


def sample(seed: int = 1, n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size, place = rng.normal(size=n), rng.choice(["city", "town", "village"], n)
    latent = 0.8 * size + 0.5 * (place == "town") + rng.logistic(size=n)
    grade = np.array(LEVELS[::-1])[np.searchsorted([-0.5, 1.2], latent)]
    return pd.DataFrame({"grade": grade, "size": size, "place": place})


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return sample()


@pytest.fixture(scope="module")
def fit(frame: pd.DataFrame) -> OrderedResults:
    return OrderedLogit("grade ~ size + place", levels=LEVELS).fit(frame)


def written_out(frame: pd.DataFrame, theta: np.ndarray) -> float:
    """size, town, village, cut high|middle, cut middle|low."""
    index = theta[0] * frame["size"] + theta[1] * (frame["place"] == "town") + theta[2] * (frame["place"] == "village")
    low, middle = expit(theta[4] - index), expit(theta[3] - index)
    chances = {"low": low, "middle": middle - low, "high": 1 - middle}
    return float(sum(np.log(chances[level][frame["grade"] == level]).sum() for level in LEVELS))


# ---------------------------------------------------------------------------------------------------- the numbers


def test_the_likelihood_written_out_and_its_numeric_derivatives(frame: pd.DataFrame, fit: OrderedResults) -> None:
    theta = fit.params.to_numpy()
    assert list(fit.params.index) == [
        "size",
        "place[T.town]",
        "place[T.village]",
        "cut:high|middle",
        "cut:middle|low",
    ]
    assert fit.llf == pytest.approx(written_out(frame, theta), abs=1e-9)
    step = 1e-4
    shifts = np.eye(5) * step
    gradient = [(written_out(frame, theta + d) - written_out(frame, theta - d)) / (2 * step) for d in shifts]
    np.testing.assert_allclose(gradient, 0, atol=1e-4)
    hessian = [
        [
            (
                written_out(frame, theta + a + b)
                - written_out(frame, theta + a - b)
                - written_out(frame, theta - a + b)
                + written_out(frame, theta - a - b)
            )
            / (4 * step**2)
            for b in shifts
        ]
        for a in shifts
    ]
    np.testing.assert_allclose(fit.bse, np.sqrt(np.diag(np.linalg.inv(-np.array(hessian)))), rtol=1e-6)


def test_statsmodels_gives_the_same(frame: pd.DataFrame, fit: OrderedResults) -> None:
    grade = pd.Series(pd.Categorical(frame["grade"], LEVELS[::-1], ordered=True))
    design = pd.DataFrame({"size": frame["size"], **{p: 1.0 * (frame["place"] == p) for p in ("town", "village")}})
    model = OrderedModel(grade, design, distr="logit")
    other = model.fit(method="bfgs", disp=0, maxiter=500, gtol=1e-9)
    assert fit.llf == pytest.approx(other.llf, abs=1e-8)
    assert fit.llnull == pytest.approx(other.llnull, abs=1e-8)
    assert fit.prsquared == pytest.approx(other.prsquared, abs=1e-9)
    np.testing.assert_allclose(fit.params.iloc[:3], other.params.iloc[:3], atol=1e-6)
    np.testing.assert_allclose(fit.bse.iloc[:3], other.bse.iloc[:3], rtol=1e-4)  # its Hessian is numeric
    cuts = model.transform_threshold_params(other.params.to_numpy())[1:-1]
    np.testing.assert_allclose(fit.params.iloc[3:], cuts[::-1], atol=1e-6)
    np.testing.assert_allclose(fit.predict()[LEVELS[::-1]], other.predict(), atol=1e-6)


@given(st.integers(0, 10**6), st.floats(0.1, 30))
@settings(max_examples=40)
def test_gradient_and_hessian_are_numeric_derivatives(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    cells = Cells.of(spread * rng.normal(size=(12, 2)), rng.integers(0, 4, 12), 4, rng.integers(1, 5, 12) * 1.0)
    theta = np.append(rng.normal(size=2), np.sort(rng.normal(size=3)) + np.arange(3))
    point = evaluate(cells, theta)
    step = 1e-6
    for k, shift in enumerate(np.eye(5) * step):
        up, down = evaluate(cells, theta + shift), evaluate(cells, theta - shift)
        scale = 1 + np.abs(point.hessian).max()
        assert point.gradient[k] == pytest.approx((up.loglik - down.loglik) / (2 * step), abs=1e-7 * scale * spread)
        np.testing.assert_allclose(point.hessian[k], (up.gradient - down.gradient) / (2 * step), atol=1e-6 * scale)
    assert np.linalg.eigvalsh(point.hessian).max() <= 1e-9 * scale


def test_far_tails_stay_finite() -> None:
    cells = Cells.of(np.array([[800.0], [-800.0]]), np.array([0, 1]), 3, np.ones(2))
    point = evaluate(cells, np.array([1.0, -1.0, 1.0]))
    assert point.loglik == pytest.approx(-801 - 801 + math.log(1 - math.exp(-2)) + 2, abs=1e-9)
    assert np.isfinite(point.hessian).all()


def test_two_levels_are_a_logit(frame: pd.DataFrame) -> None:
    from statsmodels.api import Logit

    two = frame.assign(grade=np.where(frame["grade"] == "high", "high", "low"))
    fit = OrderedLogit("grade ~ size", levels=["high", "low"]).fit(two)
    x = np.column_stack([np.ones(len(two)), two["size"]])
    other = Logit((two["grade"] == "high").to_numpy() * 1.0, x).fit(disp=0, tol=1e-12)
    assert fit.params["size"] == pytest.approx(other.params[1], abs=1e-8)
    assert fit.params["cut:high|low"] == pytest.approx(-other.params[0], abs=1e-8)
    np.testing.assert_allclose(fit.bse, other.bse[::-1], rtol=1e-6)


def test_without_terms_the_cut_points_are_the_shares(frame: pd.DataFrame) -> None:
    fit = OrderedLogit("grade ~ 1", levels=LEVELS).fit(frame)
    share = (frame["grade"] == "high").mean()
    assert fit.params["cut:high|middle"] == pytest.approx(math.log((1 - share) / share), abs=1e-10)
    assert (fit.llr_df, fit.llr_pvalue) == (0, 1.0)
    assert fit.llf == pytest.approx(fit.llnull, abs=1e-12)


# ------------------------------------------------------------------------------------------------- ways to say it


def test_counts_are_repeated_rows(frame: pd.DataFrame) -> None:
    cells = frame.assign(size=frame["size"].round(0)).value_counts().reset_index(name="n")
    rows = cells.loc[np.repeat(cells.index, cells["n"])].drop(columns="n")
    model = OrderedLogit("grade ~ size + place", levels=LEVELS)
    counted, repeated = model.fit(cells, weights="n"), model.fit(rows)
    assert (counted.nobs, repeated.nobs) == (300, 300)
    assert counted.llf == pytest.approx(repeated.llf, abs=1e-9)
    np.testing.assert_allclose(counted.params, repeated.params, atol=1e-9)
    np.testing.assert_allclose(counted.bse, repeated.bse, rtol=1e-9)
    assert counted.bic == pytest.approx(repeated.bic, abs=1e-9)


def test_rows_without_a_count_do_not_matter(frame: pd.DataFrame, fit: OrderedResults) -> None:
    more = pd.concat([frame.assign(n=1), frame.assign(n=0, size=99.0)])
    other = OrderedLogit("grade ~ size + place", levels=LEVELS).fit(more, weights="n")
    np.testing.assert_allclose(other.params, fit.params, atol=1e-9)


def test_an_ordered_categorical_says_the_order(frame: pd.DataFrame, fit: OrderedResults) -> None:
    ordered = frame.assign(grade=pd.Categorical(frame["grade"], LEVELS[::-1], ordered=True))
    other = OrderedLogit("grade ~ size + place").fit(ordered)
    assert other.levels == tuple(LEVELS)
    np.testing.assert_array_equal(other.params, fit.params)
    from_polars = OrderedLogit("grade ~ size + place", levels=LEVELS).fit(pl.from_pandas(frame))
    np.testing.assert_array_equal(from_polars.params, fit.params)


def test_turning_the_levels_turns_the_signs(frame: pd.DataFrame, fit: OrderedResults) -> None:
    turned = OrderedLogit("grade ~ size + place", levels=LEVELS[::-1]).fit(frame)
    assert turned.llf == pytest.approx(fit.llf, abs=1e-9)
    np.testing.assert_allclose(turned.params.iloc[:3], -fit.params.iloc[:3], atol=1e-8)
    assert turned.params["cut:low|middle"] == pytest.approx(-fit.params["cut:middle|low"], abs=1e-8)


def test_another_base_moves_the_dummies(frame: pd.DataFrame, fit: OrderedResults) -> None:
    other = OrderedLogit("grade ~ size + C(place, contr.treatment('town'))", levels=LEVELS).fit(frame)
    assert other.llf == pytest.approx(fit.llf, abs=1e-9)
    (city,) = [name for name in other.params.index if name.endswith("[T.city]")]
    assert other.params[city] == pytest.approx(-fit.params["place[T.town]"], abs=1e-8)


def test_predict_on_other_rows(frame: pd.DataFrame, fit: OrderedResults) -> None:
    new = pd.DataFrame({"size": [0.0, 50.0, -900.0], "place": ["city", "town", "city"]})
    found = fit.predict(new)
    assert list(found.columns) == LEVELS
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-14)
    assert found.loc[0, "high"] == pytest.approx(expit(-fit.params["cut:high|middle"]), abs=1e-14)
    assert 0 < found.loc[2, "high"] < 1e-200
    with pytest.raises((DataError, SpecificationError), match="place"):
        fit.predict(new.drop(columns="place"))
    with pytest.raises((DataError, SpecificationError), match="harbour"):
        fit.predict(new.assign(place="harbour"))


def test_a_level_that_nobody_gave_is_left_out_and_said(frame: pd.DataFrame, fit: OrderedResults) -> None:
    other = OrderedLogit("grade ~ size + place", levels=["high", "fair", "middle", "low"]).fit(frame)
    assert other.levels == tuple(LEVELS)
    assert "no rating has the level 'fair'" in other.notes[0]
    np.testing.assert_allclose(other.params, fit.params, atol=1e-10)


# ------------------------------------------------------------------------------------------------------- interface


def test_the_results_have_the_names_of_the_others(fit: OrderedResults) -> None:
    assert fit.converged
    assert "converged after" in fit.status_message
    np.testing.assert_allclose(fit.tvalues, fit.params / fit.bse)
    assert fit.pvalues["size"] < 1e-6
    interval = fit.conf_int(0.1)
    np.testing.assert_allclose(interval[1] - interval[0], 2 * 1.6448536269514722 * fit.bse)
    assert fit.aic == pytest.approx(-2 * fit.llf + 10)
    assert fit.df_resid == 295
    test = fit.wald_test("place[T.town] = 0")
    assert test.statistic == pytest.approx(fit.tvalues["place[T.town]"] ** 2)
    frame = fit.parameters
    frame.loc["size", "estimate"] = 0.0
    assert fit.params["size"] != 0
    with pytest.raises(ValueError, match="read-only"):
        fit.covariance.matrix[0, 0] = 0.0
    assert "converged" in repr(fit)


def test_the_table_says_what_it_shows(fit: OrderedResults) -> None:
    text = " ".join(str(fit.summary()).split())
    for words in (
        "Ordered logit: grade ~ size + place",
        "Cut points",
        "cut:high|middle",
        "inverse of the negative Hessian",
        "towards high and away from low",
        "cut points only",
    ):
        assert words in text
    assert "<table" in fit._repr_html_()
    with pytest.raises(OptionError, match="alpha"):
        fit.summary(alpha=2)


def test_a_stopped_search_is_said(frame: pd.DataFrame) -> None:
    from relocchoice.errors import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match="stopped after 1 iterations"):
        stopped = OrderedLogit("grade ~ size + place", levels=LEVELS).fit(frame, max_iterations=1)
    assert not stopped.converged
    assert "NOT CONVERGED" in str(stopped.summary())


# ---------------------------------------------------------------------------------------------------------- errors


def test_bad_ratings_and_counts(frame: pd.DataFrame) -> None:
    model = OrderedLogit("grade ~ size", levels=LEVELS)
    with pytest.raises(DataError, match="are 'high': an ordered logit needs two levels"):
        model.fit(frame[frame["grade"] == "high"])
    with pytest.raises(DataError, match="'none'"):
        model.fit(frame.assign(grade=["none", *frame["grade"][1:]]))
    with pytest.raises(DataError, match="grade"):
        model.fit(frame.assign(grade=[None, *frame["grade"][1:]]))
    with pytest.raises(DataError, match="no ordered categorical"):
        OrderedLogit("grade ~ size").fit(frame)
    for bad, words in ((-1.0, "-1"), (0.5, "0.5"), (float("nan"), "weight")):
        with pytest.raises(DataError, match=words):
            model.fit(frame.assign(n=[bad, *[1.0] * 299]), weights="n")
    with pytest.raises(DataError, match="zero: no case counts"):
        model.fit(frame.assign(n=0), weights="n")
    with pytest.raises(OptionError, match="levels"):
        OrderedLogit("grade ~ size", levels=["high", "high"]).fit(frame)
    with pytest.raises(OptionError, match="max_iterations"):
        model.fit(frame, max_iterations=0)


def test_bad_formulas(frame: pd.DataFrame) -> None:
    for text, words in (
        ("size", "no left side"),
        ("grade ~ size | place", "more than one part"),
        ("grade ~ __import__('os')", "not allowed"),
    ):
        with pytest.raises(SpecificationError, match=words):
            OrderedLogit(text, levels=LEVELS)
    with pytest.raises(SpecificationError, match="siz"):
        OrderedLogit("grade ~ siz", levels=LEVELS).fit(frame)


def test_columns_that_say_nothing(frame: pd.DataFrame) -> None:
    with pytest.raises(IdentificationError, match="one: its column is the same in every row"):
        OrderedLogit("grade ~ size + one", levels=LEVELS).fit(frame.assign(one=7.0))
    with pytest.raises(SpecificationError, match="gives no column"):
        OrderedLogit("grade ~ place", levels=LEVELS).fit(frame.assign(place="city"))
    with pytest.raises(IdentificationError, match="'size', 'double' are collinear"):
        OrderedLogit("grade ~ size + double", levels=LEVELS).fit(frame.assign(double=2 * frame["size"] + 1))
    unrated = pd.concat([frame.assign(n=1), frame.iloc[:3].assign(place="port", n=0)])
    with pytest.raises(IdentificationError, match=r"place\[T\.port\]: its column is the same"):
        OrderedLogit("grade ~ place", levels=LEVELS).fit(unrated, weights="n")


def test_separated_ratings_are_refused_by_name(frame: pd.DataFrame) -> None:
    top = frame.assign(grade=np.where(frame["place"] == "town", "high", frame["grade"]))
    with pytest.raises(IdentificationError, match=r"infinite: place\[T.town\] \(\+inf\);"):
        OrderedLogit("grade ~ size + place", levels=LEVELS).fit(top)
    base = frame.assign(grade=np.where(frame["place"] == "city", "low", frame["grade"]))
    with pytest.raises(IdentificationError, match=r"place\[T.town\].*place\[T.village\].*cut:high\|middle.*cut:middle"):
        OrderedLogit("grade ~ size + place", levels=LEVELS).fit(base)
    cut = frame.assign(grade=np.array(LEVELS[::-1])[np.searchsorted([-1, 1], frame["size"])])
    with pytest.raises(IdentificationError, match=r"size \(\+inf\)"):
        OrderedLogit("grade ~ size", levels=LEVELS).fit(cut)


def test_a_factor_between_the_ends_is_not_separated(frame: pd.DataFrame) -> None:
    middle = frame.assign(grade=np.where(frame["place"] == "town", "middle", frame["grade"]))
    fit = OrderedLogit("grade ~ place", levels=LEVELS).fit(middle)
    assert fit.converged
    assert fit.bse.max() < 1


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_the_certificate_agrees_with_the_search(seed: int) -> None:
    """Small tables of counts: separated exactly when Newton runs off."""
    rng = np.random.default_rng(seed)
    table = rng.poisson(0.8, size=(3, 3))
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return
    factor, level = (index.ravel() for index in np.indices(table.shape))
    held = table.ravel() > 0
    x = (factor[:, None] == [1, 2]).astype(float)[held]
    cells = Cells.of(x, level[held], 3, table.ravel()[held] * 1.0)
    direction = diverging(cells)
    # the likelihood far along any direction of the certificate never falls; without one the maximum is interior
    if direction is None:
        frame = pd.DataFrame({"f": factor[held].astype(str), "y": level[held], "n": table.ravel()[held]})
        fit = OrderedLogit("y ~ f", levels=[2, 1, 0]).fit(frame, weights="n")
        assert fit.converged
        assert fit.bse.max() < 100
    else:
        moved = np.nan_to_num(direction)
        theta = np.array([0.0, 0.0, -0.5, 0.5])
        values = [evaluate(cells, theta + t * moved).loglik for t in (0.0, 1.0, 5.0, 25.0)]
        assert (np.diff(values) >= -1e-12).all()
        assert values[-1] > values[0]


# ------------------------------------------------------------------------------------------------------- factors


def test_the_order_of_a_factor_does_not_depend_on_its_base() -> None:
    counts = rating_counts()
    fit = rating_fit()
    turned = counts.assign(factor=counts["factor"].cat.reorder_categories(counts["factor"].cat.categories[::-1]))
    other = OrderedLogit("grade ~ factor", levels=list(fit.levels)).fit(turned, weights="count")
    one, two = fit.factor_order("factor"), other.factor_order("factor")
    assert list(one.ranks.index) == list(two.ranks.index)
    np.testing.assert_allclose(one.intervals["difference"], two.intervals["difference"], atol=1e-8)
    np.testing.assert_allclose(one.intervals["std_error"], two.intervals["std_error"], rtol=1e-7)
    assert one.ranks["letters"].to_list() == two.ranks["letters"].to_list()


def test_what_is_no_factor_has_no_order(frame: pd.DataFrame, fit: OrderedResults) -> None:
    assert len(fit.factor_order("place", against="best").intervals) == 3
    with pytest.raises(SpecificationError, match="there are: 'place'"):
        fit.factor_order("size")
    product = OrderedLogit("grade ~ size*place", levels=LEVELS).fit(frame)
    with pytest.raises(SpecificationError, match="stands in a product"):
        product.factor_order("place")
    summed = OrderedLogit("grade ~ C(place, contr.sum)", levels=LEVELS).fit(frame)
    with pytest.raises(SpecificationError, match=r"contr\.treatment"):
        summed.factor_order("C(place, contr.sum)")


def test_table_3() -> None:
    counts = rating_counts()
    rows = counts.loc[np.repeat(counts.index, counts["count"])].reset_index(drop=True)
    grades = pd.Series(pd.Categorical(rows["grade"], list(rating_fit().levels[::-1]), ordered=True))
    design = pd.get_dummies(rows["factor"]).iloc[:, 1:].astype(float)
    by_statsmodels = OrderedModel(grades, design, distr="logit").fit(method="bfgs", disp=0, maxiter=500, gtol=1e-9)
    made = ratings()
    found = made.findings
    assert found["ratings"] == 342
    assert found["llf"] == pytest.approx(by_statsmodels.llf, abs=1e-9)
    assert found["llnull"] == pytest.approx(sum(n * math.log(n / 342) for n in (115, 101, 75, 51)), abs=1e-9)
    theirs = by_statsmodels.params["infrastructure"]
    assert found["params"]["factor[T.infrastructure]"] == pytest.approx(theirs, abs=1e-6)
    assert found["order"][0] == "industrial land"
    assert found["order"][-1] == "infrastructure"
    assert found["ranks"]["industrial land"] == [1, 5]
    assert found["misfit"]["df"] == 16
    assert max(found["bse"].values()) < 1
    assert ["industrial land", "infrastructure"] in found["apart"]
    text = " ".join(note for table in made.tables.values() for note in table.notes)
    for words in ("carry no firms", "treat all grades as independent", "hurdle", "63 of 94"):
        assert words in text
