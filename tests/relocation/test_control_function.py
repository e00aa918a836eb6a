"""Control function: the two steps against least squares, their errors against refits and bootstrap, hostile input."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.errors import DataError, IdentificationError, OptionError, SpecificationError
from relocchoice.relocation.land import ControlFunction
from relocchoice.relocation.land.first_stage import effective_critical

LAND = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "endogenous_land.py")))
PRICE, POLICY, KAPPA, FIRST = LAND.PRICE, LAND.POLICY, LAND.KAPPA, LAND.FIRST
MODEL = rc.MultinomialLogit("chosen ~ log(land_price) + policy | 0")
MARKET = ("place", "period")


def asked(model=MODEL, **changes) -> ControlFunction:
    words = {"price": "log(land_price)", "instruments": "quota + plains", "market": MARKET} | changes
    return ControlFunction(model=model, **words)


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    return LAND.markets(np.random.default_rng(20031), n_periods=60)


@pytest.fixture(scope="module")
def data(world) -> rc.ChoiceData:
    return LAND.choices(world, np.random.default_rng(20032), firms_per_period=15)


@pytest.fixture(scope="module")
def fitted(data):
    return asked().fit(data)


def test_it_recovers_what_the_plain_model_misses(fitted):
    truth = pd.Series({"log(land_price)": PRICE, "policy": POLICY, "price_residual": KAPPA})
    assert list(fitted.params.index) == list(truth.index)
    assert (abs(fitted.params - truth) < 3 * fitted.bse).all()
    assert fitted.plain.params["log(land_price)"] > PRICE + 5 * fitted.plain.bse["log(land_price)"]
    assert fitted.exogeneity.pvalue < 1e-10
    shown = fitted.columns()
    assert list(shown.index) == list(truth.index)
    assert np.isnan(shown.loc["price_residual", "plain"])


def test_the_first_stage_is_least_squares_by_hand(fitted, world):
    x = np.column_stack([np.ones(len(world)), world["policy"], world["quota"], world["plains"]])
    p = np.log(world["land_price"].to_numpy())
    g = np.linalg.lstsq(x, p, rcond=None)[0]
    first = fitted.first_stage
    np.testing.assert_allclose(first.params[list(FIRST)], g, rtol=1e-10)
    u = p - x @ g
    bread = np.linalg.inv(x.T @ x)
    n, k = x.shape
    cov = bread @ (x.T * u**2) @ x @ bread * n / (n - k)
    np.testing.assert_allclose(first.covariance, cov, rtol=1e-9)
    short = p - x[:, :2] @ np.linalg.lstsq(x[:, :2], p, rcond=None)[0]
    f = (short @ short - u @ u) / 2 / (u @ u / (n - k))
    assert first.f_plain == pytest.approx(f, rel=1e-9)
    assert first.rsquared_partial == pytest.approx(1 - u @ u / (short @ short), rel=1e-9)
    assert not first.weak


def test_the_first_stage_in_the_stacked_covariance_is_that_of_linearmodels(fitted):
    k = len(fitted.first_stage.params)
    np.testing.assert_allclose(fitted.covariance_both[-k:, -k:], fitted.first_stage.covariance, rtol=1e-9)
    joint = fitted.cov_both()
    assert joint.index[-1] == "first stage: plains"
    np.testing.assert_allclose(joint.iloc[:3, :3], fitted.cov_params())


def test_with_one_instrument_the_effective_f_is_the_robust_one(data):
    first = asked(instruments="quota").fit(data).first_stage
    assert first.f_effective == pytest.approx(first.f_robust, rel=1e-9)
    assert first.f_critical == pytest.approx(23.1085, abs=1e-3)  # Montiel Olea & Pflueger's table: 10 %, one instrument


def test_the_critical_value_with_equal_variances_does_not_depend_on_scale():
    assert effective_critical(np.eye(3)) == pytest.approx(effective_critical(7.0 * np.eye(3)), rel=1e-12)
    assert effective_critical(np.diag([1.0, 1e-9, 1e-9])) == pytest.approx(23.1085, abs=1e-2)


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        rc.MultinomialLogit("chosen ~ log(land_price) + policy | size"),
        rc.NestedLogit(
            "chosen ~ log(land_price) + policy | 0", nests={"near": ["p0", "p1", "p2"], "away": ["p3", "p4", "p5"]}
        ),
    ],
    ids=["multinomial", "with constants", "nested"],
)
def test_the_second_step_moves_with_the_first_as_refits_do(model, data):
    """The analytic derivative of the choices' estimates in the first stage's, against estimating again."""
    from relocchoice.relocation.land.control_design import with_column, with_residual
    from relocchoice.relocation.land.stacked import FirstMoments, stacked

    size = pd.Series(np.random.default_rng(5).normal(size=data.n_cases))
    data = replace(data, case_columns={**data.case_columns, "size": size})
    results = asked(model).fit(data)
    z, u, of_row = results.regression_columns, results.first_stage.residuals, results.markets.of_row
    names = tuple(results.first_stage.coefficients.index)
    first = FirstMoments(z, u, names, of_row, np.arange(len(u)) + data.n_cases, 1.0)
    fit = results.fit
    found = stacked(fit.problem, fit, "price_residual", first, np.arange(data.n_cases), 1.0).response
    step = 1e-4
    for k in (0, len(names) - 1):
        ends = []
        for sign in (1, -1):
            moved = with_column(data, "price_residual", (u - sign * step * z[:, k])[of_row])
            ends.append(with_residual(results.model.model, "price_residual").fit(moved, "none", tolerance=1e-13).params)
        np.testing.assert_allclose(found[:, k], (ends[0] - ends[1]) / (2 * step), rtol=2e-5, atol=2e-6)


def test_corrected_errors_exceed_those_that_take_the_residual_as_known(fitted):
    assert (fitted.bse > fitted.uncorrected).all()
    robust = fitted.fit.with_cov("robust").bse
    np.testing.assert_allclose(fitted.uncorrected, robust, rtol=1e-8)


@pytest.fixture(scope="module")
def drawn(data):
    return asked().fit(data, "bootstrap", draws=120, seed=7)


def test_the_bootstrap_of_both_steps_agrees(data, fitted, drawn):
    pd.testing.assert_series_equal(drawn.params, fitted.params)
    ratio = np.sqrt(np.diag(drawn.covariance_both) / np.diag(fitted.covariance_both))
    assert (abs(ratio - 1) < 0.2).all(), ratio  # a standard deviation of 120 draws is itself off by 6.5 %
    assert len(drawn.replicates) == 120
    assert drawn.fit.covariance.kind == "bootstrap"
    again = asked().fit(data, "bootstrap", draws=5, seed=7)
    pd.testing.assert_frame_equal(again.replicates, drawn.replicates.iloc[:5])


def test_shared_clusters_stack_both_steps(data):
    """Cases and markets of a period in one cluster: the covariance by hand from the influences."""
    results = asked().fit(data, "cluster", groups="period", market_groups="period")
    fit, first = results.fit, results.first_stage
    scores = fit.problem.problem.scores(fit.moments.free)
    jacobian = fit.problem.problem.jacobian
    bread = np.linalg.inv(-fit.problem.problem.evaluate(fit.moments.free).hessian)
    z, u = results.regression_columns, first.residuals
    period = data.case_frame(["period"])["period"].to_numpy()
    labels = np.array([label[1] for label in results.markets.labels])
    g, (n, k) = 60, z.shape
    case_part = np.array([scores[period == t].sum(axis=0) for t in range(g)]) @ bread @ jacobian.T
    market_part = np.array([(z * u[:, None])[labels == t].sum(axis=0) for t in range(g)]) @ np.linalg.inv(z.T @ z)
    case_part *= np.sqrt(g / (g - 1))
    market_part *= np.sqrt(g / (g - 1) * (n - 1) / (n - k))
    response = np.zeros((3, k))
    step = 1e-4
    from relocchoice.relocation.land.control_design import with_column, with_residual

    model = with_residual(MODEL, "price_residual")
    for j in range(k):
        ends = [
            model.fit(
                with_column(data, "price_residual", (u - s * step * z[:, j])[results.markets.of_row]),
                "none",
                tolerance=1e-13,
            ).params.to_numpy()
            for s in (1, -1)
        ]
        response[:, j] = (ends[0] - ends[1]) / (2 * step)
    influence = case_part + market_part @ response.T
    np.testing.assert_allclose(results.cov_params(), influence.T @ influence, rtol=1e-4)
    assert results.fit.covariance.groups == g


def test_a_count_is_so_many_cases(data):
    few = data.select(slice(0, 600))
    counts = 1 + np.arange(600) % 3
    one = asked().fit(few.with_weights(counts, "frequency"))
    other = asked().fit(relabelled(few.select(np.repeat(np.arange(600), counts))))
    np.testing.assert_allclose(one.params, other.params, rtol=1e-8)
    np.testing.assert_allclose(one.cov_params(), other.cov_params(), rtol=1e-6)
    np.testing.assert_allclose(one.uncorrected, other.uncorrected, rtol=1e-6)
    np.testing.assert_allclose(one.forecast().shares, other.forecast().shares, rtol=1e-6)


def relabelled(data: rc.ChoiceData) -> rc.ChoiceData:
    return replace(data, cases=pd.RangeIndex(data.n_cases))


def test_the_unit_of_sampling_weights_does_not_matter(data):
    weights = np.random.default_rng(4).uniform(0.5, 2.0, data.n_cases)
    one, other = (asked().fit(data.with_weights(scale * weights, "sampling")) for scale in (1.0, 1000.0))
    np.testing.assert_allclose(one.params, other.params, rtol=1e-8)
    np.testing.assert_allclose(one.cov_params(), other.cov_params(), rtol=1e-6)
    np.testing.assert_allclose(one.uncorrected, one.fit.with_cov("robust").bse, rtol=1e-8)


def test_what_follows_from_a_fit_takes_the_corrected_errors(fitted, tmp_path):
    again = rc.load(fitted.fit.save(tmp_path / "fit.zip"))
    pd.testing.assert_series_equal(again.bse, fitted.bse)
    ratio = fitted.wald_test("log(land_price) + 2*policy = 0")
    cov = fitted.cov_params().iloc[:2, :2].to_numpy()
    gap = fitted.params.iloc[0] + 2 * fitted.params.iloc[1]
    assert ratio.statistic == pytest.approx(gap**2 / (np.array([1, 2]) @ cov @ np.array([1, 2])), rel=1e-9)


def test_a_price_a_row_shares_the_clusters_of_the_cases():
    rng = np.random.default_rng(11)
    n, places = 1500, 4
    quota, quality = rng.normal(size=(2, n * places))
    log_price = 1 + 0.8 * quota + 0.6 * quality
    v = (PRICE * log_price + quality).reshape(n, places) + rng.gumbel(size=(n, places))
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), places),
            "place": np.tile(list("abcd"), n),
            "chosen": (np.arange(places) == v.argmax(axis=1)[:, None]).ravel(),
            "land_price": np.exp(log_price),
            "quota": quota,
        }
    )
    data = rc.ChoiceData.from_long(frame, case="firm", alternative="place", chosen="chosen")
    model = rc.MultinomialLogit("chosen ~ log(land_price)")
    results = asked(model, instruments="quota", market=None).fit(data)
    assert abs(results.params["log(land_price)"] - PRICE) < 3 * results.bse["log(land_price)"]
    assert results.first_stage.n_clusters == n
    assert "place[b]" in results.first_stage.params.index  # the model has constants, so the first stage has them
    held = results.forecast()
    np.testing.assert_allclose(held.shares["share"], results.fit.predict().mean(), rtol=1e-10)
    with pytest.raises(DataError, match="without markets the residuals belong to the rows"):
        results.forecast(data.select(slice(0, 100)))


def test_effects_of_places_are_those_of_panel_least_squares(data):
    from linearmodels.panel import PanelOLS

    results = asked(rc.MultinomialLogit("chosen ~ log(land_price) + policy")).fit(data)
    frame = data.row_frame(["place", "period", "policy", "quota", "plains", "land_price"])
    frame = frame.drop_duplicates(["place", "period"]).assign(place=lambda f: f["place"].astype(str))
    frame = frame.set_index(["place", "period"])
    panel = PanelOLS(np.log(frame["land_price"]), frame[["policy", "quota", "plains"]], entity_effects=True).fit()
    names = ["policy", "quota", "plains"]
    np.testing.assert_allclose(results.first_stage.params[names], panel.params[names], rtol=1e-8)
    asked_for = asked(effects=("place",)).fit(data)
    np.testing.assert_allclose(asked_for.first_stage.params[names], panel.params[names], rtol=1e-8)


# ------------------------------------------------------------------------------------------------------------ forecasts


def test_held_residuals_give_the_fit_and_answer_to_prices(fitted, data):
    held = fitted.forecast()
    np.testing.assert_allclose(held.probabilities, fitted.fit.predict(), rtol=1e-10)
    assert (held.shares["lower"] < held.shares["share"]).all()
    assert (held.shares["share"] < held.shares["upper"]).all()
    np.testing.assert_allclose(fitted.forecast(residual="computed").shares, held.shares, rtol=1e-6)
    dear = data.row_frame(["land_price", "place"])
    price = dear["land_price"].where(dear["place"] != "p0", 2 * dear["land_price"])
    moved = replace(data, row_columns={**data.row_columns, "land_price": price})
    assert fitted.forecast(moved).shares.loc["p0", "share"] < 0.6 * held.shares.loc["p0", "share"]


def test_the_error_of_a_forecast_counts_the_first_stage(data, fitted, drawn):
    """Against the spread over the bootstrap of both steps, each draw with its own residuals."""
    from relocchoice.relocation.land.control_design import with_column

    moved = data.select(slice(0, 300))
    z, u = fitted.regression_columns, fitted.first_stage.residuals
    of_row = fitted.markets.of_row[: moved.n_rows]
    shares = []
    for row in drawn.replicates.to_numpy():
        again = u - z @ (row[3:] - fitted.first_stage.params.to_numpy())
        x = with_column(moved, "r", again[of_row]).row_frame(["land_price", "policy", "r"])
        v = (row[0] * np.log(x["land_price"]) + row[1] * x["policy"] + row[2] * x["r"]).to_numpy().reshape(-1, 6)
        p = np.exp(v - v.max(axis=1, keepdims=True))
        shares.append((p / p.sum(axis=1, keepdims=True)).mean(axis=0))
    found = fitted.forecast(moved).shares["std_error"].to_numpy()
    np.testing.assert_allclose(found, np.std(shares, axis=0, ddof=1), rtol=0.3)


def test_the_average_is_that_of_the_residuals(fitted, data):
    few = data.select(slice(0, 60))
    average = fitted.forecast(few, "average", draws=100, seed=2)
    rng = np.random.default_rng(99)
    x = few.row_frame(["land_price", "policy"])
    base = (fitted.params.iloc[0] * np.log(x["land_price"]) + fitted.params.iloc[1] * x["policy"]).to_numpy()
    total = np.zeros(6)
    for _ in range(400):
        r = rng.choice(fitted.first_stage.residuals, (4, 6))  # four periods of fifteen firms
        v = base.reshape(60, 6) + fitted.params.iloc[2] * np.repeat(r, 15, axis=0)
        p = np.exp(v)
        total += (p / p.sum(axis=1, keepdims=True)).mean(axis=0) / 400
    np.testing.assert_allclose(average.shares["share"], total, atol=0.02)
    scaled = fitted.forecast(few, "scaled").shares["share"]
    np.testing.assert_allclose(scaled, average.shares["share"], atol=0.02)
    kappa, spread = fitted.params.iloc[2], np.var(fitted.first_stage.residuals)
    v = base.reshape(60, 6) / np.sqrt(1 + 6 * kappa**2 * spread / np.pi**2)
    p = np.exp(v)
    np.testing.assert_allclose(scaled, (p / p.sum(axis=1, keepdims=True)).mean(axis=0), rtol=1e-9)


def test_forecasts_refuse_what_they_cannot_know(fitted, data):
    rows = data.row_frame(["period"])["period"] + 1000
    elsewhere = replace(data, row_columns={**data.row_columns, "period": rows}, case_columns={})
    with pytest.raises(DataError, match="was not among those of the estimation; take residual='average'"):
        fitted.forecast(elsewhere)
    with pytest.raises(OptionError, match="held, computed, average, scaled"):
        fitted.forecast(residual="dropped")
    with pytest.raises(OptionError, match="draws=0"):
        fitted.forecast(residual="average", draws=0)
    for seed in (-1, "a", 1.5, True):
        with pytest.raises(OptionError, match="seed="):
            fitted.forecast(residual="average", seed=seed)


# ---------------------------------------------------------------------------------------------------- hostile input


def test_absent_constant_and_collinear_instruments_are_refused(data):
    constant = replace(data, row_columns={**data.row_columns, "same": pd.Series(np.ones(data.n_rows))})
    with pytest.raises(SpecificationError, match="has no terms"):
        asked(instruments="0").fit(data)
    with pytest.raises(SpecificationError, match="policy is in the utilities"):
        asked(instruments="policy").fit(data)
    with pytest.raises(IdentificationError, match="same is the same in every market"):
        asked(instruments="quota + same").fit(constant)
    twice = replace(data, row_columns={**data.row_columns, "twin": 2 * data.row_columns["quota"]})
    with pytest.raises(IdentificationError, match="twin follows from quota"):
        asked(instruments="quota + twin").fit(twice)
    itself = replace(data, row_columns={**data.row_columns, "lp": np.log(data.row_columns["land_price"])})
    with pytest.raises(IdentificationError, match="without error"):
        asked(instruments="lp").fit(itself)


def test_weak_instruments_say_so(data):
    noise = np.random.default_rng(0).normal(size=360)
    codes = asked().fit(data).markets.of_row
    weak = replace(data, row_columns={**data.row_columns, "noise": pd.Series(noise[codes])})
    results = asked(instruments="noise").fit(weak)
    assert results.first_stage.weak
    assert "WEAK INSTRUMENTS" in results.summary().as_markdown()


def test_missing_constant_and_differing_prices_are_refused(data):
    def priced(values) -> rc.ChoiceData:
        return replace(data, row_columns={**data.row_columns, "land_price": pd.Series(values)})

    price = data.row_columns["land_price"].to_numpy().copy()
    with pytest.raises(DataError, match="land_price"):
        asked().fit(priced(np.where(np.arange(len(price)) == 3, np.nan, price)))
    with pytest.raises(DataError, match="differs within the market place 'p3', period 0"):
        asked().fit(priced(np.where(np.arange(len(price)) == 3, 2 * price, price)))
    with pytest.raises(SpecificationError, match="has the same value"):
        asked().fit(priced(np.full(len(price), 5.0)))
    quota = data.row_columns["quota"].copy()
    quota[0] = np.nan
    with pytest.raises(DataError, match="quota"):
        asked().fit(replace(data, row_columns={**data.row_columns, "quota": quota}))


def test_options_are_named(data):
    with pytest.raises(
        OptionError, match="a term of the model that varies by alternative: log\\(land_price\\), policy"
    ):
        asked(price="land_price")
    with pytest.raises(SpecificationError, match="MultinomialLogit or NestedLogit"):
        asked(model="chosen ~ log(land_price)")
    with pytest.raises(OptionError, match="robust, cluster, bootstrap"):
        asked().fit(data, "hessian")
    with pytest.raises(OptionError, match="needs groups="):
        asked().fit(data, "cluster")
    with pytest.raises(OptionError, match="penalty= is not available"):
        asked().fit(data, penalty="firth")
    with pytest.raises(OptionError, match="is a column of the data already"):
        asked(residual="quota").fit(data)
    with pytest.raises(DataError, match="zone2"):
        asked(market="zone2").fit(data)


def test_every_table_of_simulated_choices_begins_with_that(data):
    results = asked().fit(data.with_provenance("simulated for a test"))
    tables = (results.summary(), results.first_stage_summary(), results.forecast(residual="scaled").summary())
    for table in tables:
        assert table.table.title.startswith("[simulated for a test] ")


def test_a_forecast_of_simulated_choices_begins_with_that(fitted, data):
    found = fitted.forecast(data.with_provenance("drawn again"))
    assert found.provenance == "drawn again"
    assert found.table().title.startswith("[drawn again]")
    assert fitted.forecast(data).provenance == ""


def test_the_tables_say_what_they_are(fitted):
    text = fitted.summary().as_text()
    assert "standard errors count both steps" in text
    assert "is exogenous (the residual's coefficient is zero)" in text
    first = fitted.first_stage_summary().as_text()
    assert "Excluded instruments" in first
    assert "Effective F" in first
    compared = rc.compare(fitted.plain, fitted.fit)
    assert "price_residual" in str(compared)
