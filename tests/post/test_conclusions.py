"""Willingness to pay, combinations, welfare, predictions, cross-validation: figures known from elsewhere, and laws."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import LAMBDAS, NESTS, choice_data, choice_frame, derivative
from relocchoice.post.movements import with_values
from relocchoice.post.predictions import calibration, hit_table, scores, shares, tree_probabilities
from relocchoice.post.ratios import lincom, nlcom, willingness_to_pay
from relocchoice.post.validation import cross_validate
from relocchoice.post.welfare import expected_utility, logsums, surplus, welfare_change
from relocchoice.relocation.published import published_spec
from relocchoice.relocation.sources import shipped

FORMULA = "chosen ~ cost + distance | assets"


@cache
def frame() -> pd.DataFrame:
    out = choice_frame(220, 1, available=0.8, nests=NESTS, lambdas=LAMBDAS)
    return out.assign(half=np.where(out["move"] % 3 > 0, "big", "small"))


@cache
def fitted(kind: str = "utility") -> rc.ChoiceResults:
    data = choice_data(frame(), unit="firm")
    if kind == "multinomial":
        return rc.MultinomialLogit(FORMULA).fit(data)
    return rc.NestedLogit(FORMULA, NESTS, normalisation=kind).fit(data)


@cache
def published(dataset: str, model: str) -> rc.ChoiceResults:
    spec = published_spec(dataset, model)
    return rc.MultinomialLogit(spec.formula, base=spec.base).fit(spec.build())


def faster_train(data: rc.ChoiceData) -> rc.ChoiceData:
    time = data.row_frame(["time"])["time"]
    train = data.row_alternative == list(data.alternatives).index("train")
    return with_values(data, {"time": time.where(~train, 0.8 * time)})


def test_heatings_willingness_to_pay():
    """R mlogit, exercise 1: operating costs of one less are worth 4.56 in the model with constants."""
    found = willingness_to_pay(published("heating", "heating_mc"), "oc", "ic", per="less").table
    assert found["estimate"]["oc"] == pytest.approx(4.563385, abs=5e-7)
    assert willingness_to_pay(published("heating", "heating_m"), "oc", "ic", per="less").table["estimate"][
        "oc"
    ] == pytest.approx(0.7349, abs=5e-5)


def test_modecanadas_values_of_time_and_surplus():
    """R mlogit, vignette on the multinomial logit: values of time, and the worth of a train that is 20 % faster."""
    fit = published("modecanada", "mc1")
    found = willingness_to_pay(fit, ["time:car", "time:train", "time:air"], "cost", per="less", scale=60)
    np.testing.assert_allclose(found.table["estimate"], [29.52728, 23.09447, 36.95360], atol=5e-6)
    after = faster_train(fit.problem.data)
    worth = surplus(fit, after, "cost")
    five = [worth.min(), worth.quantile(0.25), worth.median(), worth.mean(), worth.quantile(0.75), worth.max()]
    np.testing.assert_allclose(five, [0.5852, 2.8439, 3.8998, 4.6971, 5.8437, 31.3912], atol=5e-5)
    change = welfare_change(fit, after, "cost").table["estimate"]
    assert change["mean", "all cases"] == pytest.approx(worth.mean(), rel=1e-12)
    np.testing.assert_allclose(
        fit.predict(after).mean()[["car", "train", "air"]], [0.4044736, 0.2635801, 0.3319462], atol=5e-8
    )


def test_delta_errors_of_a_ratio():
    fit = fitted()
    a, b = fit.params["distance"], fit.params["cost"]
    c = fit.cov_params().loc[["distance", "cost"], ["distance", "cost"]].to_numpy()
    g = np.array([-1 / b, a / b**2])
    row = willingness_to_pay(fit, "distance", "cost").table.loc["distance"]
    assert row["estimate"] == pytest.approx(-a / b, rel=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt(g @ c @ g), rel=1e-10)
    assert nlcom(fit, "-distance / cost").table["std_error"].iloc[0] == pytest.approx(row["std_error"], rel=1e-8)
    called = nlcom(fit, {"ratio": lambda params: -params["distance"] / params["cost"]}).table
    assert called["std_error"]["ratio"] == pytest.approx(row["std_error"], rel=1e-8)


def test_fiellers_ends_are_where_the_difference_is_just_significant():
    fit = fitted()
    row = willingness_to_pay(fit, "distance", "cost", interval="fieller").table.loc["distance"]
    for end in (row["lower"], row["upper"]):
        z = lincom(fit, f"distance + {end!r}*cost".replace("np.float64(", "").replace(")", "")).table["z"].iloc[0]
        assert abs(z) == pytest.approx(1.959964, abs=1e-5)


def test_fieller_without_a_significant_cost():
    rng = np.random.default_rng(0)
    noise = choice_frame(150, 3).assign(idle=lambda t: rng.normal(size=len(t)))
    fit = rc.MultinomialLogit("chosen ~ cost + idle").fit(choice_data(noise))
    assert abs(fit.tvalues["idle"]) < 1.9
    found = willingness_to_pay(fit, "cost", "idle", interval="fieller")
    assert found.table.loc["cost", ["lower", "upper"]].tolist() == [-np.inf, np.inf]
    assert "all ratios are in but those between" in str(found)
    assert "not significant" in str(found)


def test_combinations():
    fit = fitted("multinomial")
    row = lincom(fit, "2*cost - distance + 1").table.iloc[0]
    c = fit.cov_params()
    assert row["estimate"] == pytest.approx(2 * fit.params["cost"] - fit.params["distance"] + 1, rel=1e-12)
    variance = 4 * c.loc["cost", "cost"] + c.loc["distance", "distance"] - 4 * c.loc["cost", "distance"]
    assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-12)
    exp = nlcom(fit, "exp(`assets:metro`)").table.iloc[0]
    assert exp["std_error"] == pytest.approx(np.exp(fit.params["assets:metro"]) * fit.bse["assets:metro"], rel=1e-7)


HOSTILE = [
    "__import__('os').system('true')",
    "cost.real",
    "[cost for cost in (1,)]",
    "cost if cost else 1",
    "lambda: cost",
    "eval('1')",
    "exp(cost, 2)",
    "'a' * 3",
    "1e999 * cost",
    "(" * 500 + "cost" + ")" * 500,
    "cost +",
    "unknown + 1",
    "_p0",
    "cost" + "+cost" * 1000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_else_is_ever_run(text):
    with pytest.raises(rc.SpecificationError):
        nlcom(fitted("multinomial"), text)


@pytest.mark.parametrize("kind", ["multinomial", "utility", "bottom"])
def test_probabilities_are_derivatives_of_the_expected_utility(kind):
    fit = fitted(kind)
    data = fit.problem.data
    distance = data.row_frame(["distance"])["distance"].to_numpy()
    for code, place in enumerate(data.alternatives):
        here = data.row_alternative == code
        slope = derivative(
            lambda h, here=here: expected_utility(fit, with_values(data, {"distance": distance + h[0] * here})),
            np.zeros(1),
        )[0]
        np.testing.assert_allclose(slope, fit.params["distance"] * fit.predict()[place], atol=1e-8)


def test_logsums_of_nests_give_the_probabilities():
    fit = fitted()
    found = logsums(fit)
    assert list(found.columns) == ["(root)", "near", "away", "rich"]
    nest, within = tree_probabilities(fit)
    near = np.exp(fit.params["lambda:near"] * found["near"] - found["(root)"])
    np.testing.assert_allclose(near, nest["near"], atol=1e-12)
    inside = within[["township", "county"]].sum(axis=1)
    np.testing.assert_allclose(inside[nest["near"] > 0], 1.0)
    p = fit.predict()
    np.testing.assert_allclose(within["metro"] * within["rich"] * within["away"], p["metro"], atol=1e-12)


def test_a_subsidy_for_everything_is_worth_itself():
    for kind in ("multinomial", "utility", "bottom"):
        fit = fitted(kind)
        data = fit.problem.data
        cheaper = with_values(data, {"cost": data.row_frame(["cost"])["cost"] - 0.3})
        np.testing.assert_allclose(surplus(fit, cheaper, "cost"), 0.3, rtol=1e-9)
        table = welfare_change(fit, cheaper, "cost", by="half").table
        np.testing.assert_allclose(table["estimate"].loc["mean"], 0.3, rtol=1e-9)
        np.testing.assert_allclose(table["std_error"].loc["mean"], 0.0, atol=1e-7)


def test_welfare_that_has_no_meaning_is_refused():
    fit = fitted()
    data = fit.problem.data
    with pytest.raises(rc.SpecificationError, match="a cost has a negative one"):
        surplus(fit, data, "distance")
    with pytest.raises(rc.SpecificationError, match="not one coefficient for all"):
        surplus(published("modecanada", "mc1"), published("modecanada", "mc1").problem.data, "time:car")
    with pytest.raises(rc.DataError, match="different cases"):
        surplus(fit, data.select(slice(0, 10)), "cost")
    with pytest.raises(rc.SpecificationError, match="no expected maximum utility"):
        expected_utility(fitted("none"))
    with pytest.raises(rc.SpecificationError, match="no parameter 'price'"):
        willingness_to_pay(fit, "price", "cost")


def test_shares_are_those_of_the_sample_under_constants():
    fit = fitted("multinomial")
    found = shares(fit)
    observed = fit.problem.data.choice_shares()
    np.testing.assert_allclose(found.table["estimate"], observed["share"], atol=1e-9)
    np.testing.assert_allclose(shares(fit, counts=True).table["estimate"], observed["count"], atol=1e-6)
    theta = np.array(fit.moments.theta)
    problem = fit.problem.problem
    g = derivative(lambda x: problem.probabilities(problem.internal_from_user(x), 5).mean(axis=0), theta)
    expected = np.sqrt(np.einsum("kj,kl,lj->j", g, fit.cov_params().to_numpy(), g))
    np.testing.assert_allclose(found.table["std_error"], expected, rtol=1e-7)


def test_shares_of_nests_and_of_fewer_alternatives():
    fit = fitted()
    p = fit.predict().mean()
    nests = shares(fit, of="nests").table["estimate"]
    assert nests["near"] == pytest.approx(p[["township", "county"]].sum(), rel=1e-12)
    within = shares(fit, of="within").table["estimate"]
    assert within["rich", "metro"] == pytest.approx(p["metro"] / p[["metro", "coast"]].sum(), rel=1e-12)
    fewer = choice_data(frame()[lambda t: t["place"] != "metro"].assign(chosen=lambda t: ~t["move"].duplicated()))
    without = shares(fit, fewer).table["estimate"]
    assert "metro" not in without.index
    assert without.sum() == pytest.approx(1.0)
    groups = shares(fit, by="half").table["estimate"]
    assert groups.groupby("group").sum().tolist() == pytest.approx([1.0, 1.0])
    with pytest.raises(rc.SpecificationError, match="no nests"):
        shares(fitted("multinomial"), of="nests")


def test_scores_hits_and_calibration():
    fit = fitted("multinomial")
    p, chosen = fit.predict().to_numpy(), fit.problem.data.chosen
    y = np.eye(5)[chosen]
    found = scores(fit)
    assert found["log score"] == pytest.approx(fit.llf / fit.n_cases, rel=1e-12)
    assert found["Brier score"] == pytest.approx(((p - y) ** 2).sum(axis=1).mean(), rel=1e-12)
    hits = hit_table(fit)
    assert np.trace(hits) / len(p) == pytest.approx(found["hit rate"])
    np.testing.assert_allclose(hit_table(fit, expected=True).sum(), np.bincount(chosen, minlength=5), atol=1e-6)
    bins = calibration(fit, bins=4)
    assert bins["pairs"].sum() == (p > 0).sum()
    assert (bins["pairs"] * bins["observed"]).sum() == pytest.approx(len(p))
    assert ((bins["observed"] - bins["predicted"]).abs() < 4 * bins["std_error"]).all()


def test_cross_validation_is_a_fit_on_the_rest():
    fit = fitted("multinomial")
    data = fit.problem.data
    found = cross_validate(fit, 4, seed=1, workers=1)
    again = cross_validate(fit, 4, seed=1, workers=1)
    pd.testing.assert_frame_equal(found.table, again.table)
    fold = found.fold.to_numpy()
    firms = data.case_frame(["firm"])["firm"]
    assert pd.Series(fold).groupby(firms).nunique().max() == 1
    rest = rc.MultinomialLogit(FORMULA).fit(data.select(fold != 2))
    p = rest.predict(data.select(fold == 2)).to_numpy()
    logs = np.log(p[np.arange(len(p)), data.chosen[fold == 2]])
    assert found.table["log score"][2] == pytest.approx(logs.mean(), abs=1e-6)
    assert found.overall["log score"] < found.in_sample["log score"]
    assert "4 folds of" in str(found)
    with pytest.raises(rc.OptionError, match="folds=1"):
        cross_validate(fit, 1)


def test_krinsky_and_robb_draw_the_ratio():
    fit = fitted("multinomial")
    delta = rc.willingness_to_pay(fit, "distance", "cost")
    drawn = rc.willingness_to_pay(fit, "distance", "cost", interval="krinsky-robb", draws=4000, seed=1)
    assert "Krinsky" in str(drawn)
    assert "delta" not in " ".join(drawn.notes)
    assert not np.isclose(drawn.table["lower"].iloc[0], delta.table["lower"].iloc[0], rtol=1e-6)
    assert drawn.table["lower"].iloc[0] == pytest.approx(delta.table["lower"].iloc[0], rel=0.5)


@pytest.mark.parametrize("text", ["-" * 1900 + "cost", "(" * 150 + "cost" + ")" * 150 + "+" + "-" * 1000 + "cost"])
def test_deep_expressions_are_refused_in_few_words(text):
    with pytest.raises(rc.SpecificationError, match=r"deep|not an expression") as caught:
        nlcom(fitted("multinomial"), text)
    assert len(str(caught.value)) < 300


def test_heatings_shares_and_a_rebate():
    """R mlogit, exercise 1: shares without constants, and a rebate of 10 % on the heat pump with them; by hand too."""
    places = ["ec", "er", "gc", "gr", "hp"]
    table = pd.read_csv(shipped("published/heating/Heating.csv.gz"))
    cost = {name: table[[f"{name}.{place}" for place in places]].to_numpy(dtype=float) for name in ("ic", "oc")}

    def by_hand(fit, install):
        constants = [fit.params.get(f"Intercept:{place}", 0.0) for place in places]
        v = np.exp(fit.params["ic"] * install + fit.params["oc"] * cost["oc"] + constants)
        return (v / v.sum(axis=1, keepdims=True)).mean(axis=0)

    plain, full = published("heating", "heating_m"), published("heating", "heating_mc")
    found = shares(plain).table["estimate"][places]
    np.testing.assert_allclose(found, [0.104131, 0.051415, 0.516957, 0.240309, 0.087189], atol=1e-6)
    np.testing.assert_allclose(found, by_hand(plain, cost["ic"]), atol=1e-10)
    rebate = rc.Scenario("rebate").scale("ic", 0.9, where={"alternative": "hp"})
    found = rc.compare_scenarios(full, rebate).table.loc["rebate", "scenario"][places]
    np.testing.assert_allclose(found, [0.0704549, 0.0924703, 0.6306444, 0.1419681, 0.0644623], atol=1e-7)
    np.testing.assert_allclose(found, by_hand(full, cost["ic"] * [1, 1, 1, 1, 0.9]), atol=1e-10)
