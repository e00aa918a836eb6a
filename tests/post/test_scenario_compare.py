"""Differences between scenarios are those of the predictions, and their errors those of the paired difference."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import LAMBDAS, NESTS, choice_data, choice_frame, derivative, plain_probabilities, sampled_frame
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.post.bounds import elasticity_bounds
from relocchoice.post.compare_scenarios import compare_scenarios, predict_scenario
from relocchoice.post.scenario import Scenario
from relocchoice.post.worlds import baseline, under

CHEAP = Scenario("cheap").scale("cost", 0.5, where={"alternative": ["metro", "coast"]})
GONE = Scenario("gone").remove("interior")
NEW = Scenario("new").add("Ningbo", like="coast", cost=-1.0, constant=0.4)
FORMULA = "chosen ~ cost + distance | assets"
MODELS = {
    "multinomial": lambda: rc.MultinomialLogit(FORMULA, base="county"),
    "nested": lambda: rc.NestedLogit(FORMULA, nests=NESTS, base="county"),
    "common": lambda: rc.NestedLogit(FORMULA, nests=NESTS, base="county", lambdas="common"),
    "bottom": lambda: rc.NestedLogit(FORMULA, nests=NESTS, base="county", normalisation="bottom"),
    "none": lambda: rc.NestedLogit(FORMULA, nests=NESTS, base="county", normalisation="none"),
}


def fitted(name: str, n: int = 400, available: float = 0.8):
    frame = choice_frame(n, 8, nests=NESTS, lambdas=LAMBDAS, available=available)
    frame["kind"] = np.where(frame["size"] > 1, "big", "small")
    return MODELS[name]().fit(choice_data(frame))


FITS = {name: fitted(name) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scenario", [CHEAP, GONE], ids=str)
def test_shares_are_those_of_predict(name, scenario):
    fit = FITS[name]
    at = fit.problem.data
    found = compare_scenarios(fit, scenario).table.droplevel("scenario")
    before, after = fit.predict().mean(), fit.predict(scenario.apply(at)).mean()
    np.testing.assert_allclose(found["baseline"], before, atol=1e-12)
    np.testing.assert_allclose(found["scenario"], after, atol=1e-12)
    np.testing.assert_allclose(found["difference"], after - before, atol=1e-12)
    np.testing.assert_allclose(found["difference_count"], at.n_cases * (after - before), atol=1e-9)
    np.testing.assert_allclose(found["difference"].sum(), 0, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scenario", [CHEAP, NEW + GONE], ids=lambda s: s.name)
def test_errors_are_those_of_the_paired_difference(name, scenario):
    fit = FITS[name]
    base = baseline(fit)
    other = under(fit, base, scenario)

    def gaps(theta):
        before = np.zeros(other.data.n_alternatives)
        before[: base.data.n_alternatives] = base.probabilities(theta).mean(axis=0)
        return other.probabilities(theta).mean(axis=0) - before

    slope = derivative(gaps, np.array(fit.moments.theta), 1e-3)
    expected = np.sqrt(np.einsum("pj,pq,qj->j", slope, fit.cov_params().fillna(0.0).to_numpy(), slope))
    found = compare_scenarios(fit, scenario).table
    np.testing.assert_allclose(found["std_error"], expected, rtol=1e-6)
    independent = np.hypot(found["baseline_se"], found["scenario_se"])
    assert (found["std_error"] < independent).loc[(slice(None), ["county", "metro", "township"])].all()


@pytest.mark.parametrize("name", ["multinomial", "nested"])
def test_draws_agree_with_the_delta_method(name):
    delta, drawn = (
        compare_scenarios(FITS[name], CHEAP, interval=kind, draws=300) for kind in ("delta", "krinsky-robb")
    )
    np.testing.assert_allclose(drawn.table["std_error"], delta.table["std_error"], rtol=0.2)
    width = (delta.table["upper"] - delta.table["lower"]).to_numpy()
    assert (np.abs(drawn.table["lower"] - delta.table["lower"]) < 0.25 * width).all()
    assert "Krinsky and Robb" in " ".join(drawn.notes)


def test_draws_have_a_seed():
    one, same, other = (
        compare_scenarios(FITS["multinomial"], CHEAP, interval="krinsky-robb", draws=50, seed=k) for k in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one.table, same.table)
    assert (one.table["std_error"] != other.table["std_error"]).all()


def textbook(fit, case: int) -> dict[str, float]:
    """Probabilities of one case after NEW and GONE, from the printed parameters."""
    rows = (NEW + GONE).apply(fit.problem.data).row_frame()
    rows = rows[rows["move"] == fit.problem.data.cases[case]]
    b = fit.params
    v = {}
    for _, row in rows.iterrows():
        like = "coast" if row["place"] == "Ningbo" else row["place"]
        v[row["place"]] = b["cost"] * row["cost"] + b["distance"] * row["distance"]
        if like != "county":
            v[row["place"]] += b[f"assets:{like}"] * row["assets"]
            v[row["place"]] += 0.4 if row["place"] == "Ningbo" else b[f"Intercept:{like}"]
    if fit.spec.nests is None:
        total = sum(map(np.exp, v.values()))
        return {place: np.exp(value) / total for place, value in v.items()}
    nests = {"near": NESTS["near"], "away": {"rich": [*NESTS["away"]["rich"], "Ningbo"], "interior": None}}
    return plain_probabilities(v, nests, {nest: b[f"lambda:{nest}"] for nest in LAMBDAS})


@pytest.mark.parametrize("name", ["multinomial", "nested"])
def test_new_and_removed_alternatives_follow_the_textbook(name):
    fit = FITS[name]
    found = predict_scenario(fit, NEW + GONE)
    for case in range(0, 40, 4):
        expected = textbook(fit, case)
        for place, value in found.iloc[case].items():
            assert value == pytest.approx(expected.get(place, 0.0), abs=1e-12)


def test_a_new_alternative_stands_in_the_nest_it_is_told():
    fit = FITS["nested"]
    near = predict_scenario(fit, Scenario().add("Ningbo", like="coast", nest="near"))
    rich = predict_scenario(fit, Scenario().add("Ningbo", like="coast"))
    old = fit.predict()
    both = (old[["coast", "metro"]] > 0).all(axis=1)
    ratio = old["metro"] / old["coast"]
    np.testing.assert_allclose((near["metro"] / near["coast"])[both], ratio[both])
    assert (near["township"] / old["township"])[both].mean() < (rich["township"] / old["township"])[both].mean()
    with pytest.raises(DataError, match="'nearby'"):
        predict_scenario(fit, Scenario().add("Ningbo", like="coast", nest="nearby"))


def test_shares_of_nests_also_where_utilities_are_not_normalised():
    found = compare_scenarios(FITS["none"], CHEAP)
    assert found.nests["baseline"].droplevel("scenario")[["near", "away"]].sum() == pytest.approx(1)


def test_groups_and_nests_add_up():
    fit = FITS["nested"]
    at = fit.problem.data.with_weights(np.arange(1, 401), "frequency")
    whole, parts = compare_scenarios(fit, CHEAP, at), compare_scenarios(fit, CHEAP, at, by="kind")
    summed = parts.table["difference_count"].groupby("alternative").sum()
    np.testing.assert_allclose(summed, whole.table["difference_count"].droplevel("scenario")[summed.index])
    np.testing.assert_allclose(whole.table["baseline_count"].sum(), 400 * 401 / 2)
    nests = whole.nests["difference"].droplevel("scenario")
    single = whole.table["difference"].droplevel("scenario")
    assert nests["rich"] == pytest.approx(single[["metro", "coast"]].sum())
    assert nests["away"] == pytest.approx(single[["metro", "coast", "interior"]].sum())
    assert parts.logsum.index.names == ["scenario", "kind", "measure"]


@pytest.mark.parametrize("name", ["multinomial", "nested", "bottom"])
def test_the_inclusive_value_moves_by_the_probability_of_what_moves(name):
    fit = FITS[name]
    step = 1e-5
    found = compare_scenarios(fit, Scenario().add_to("cost", step, where={"alternative": "metro"}), cost="cost").logsum
    money = found["difference"].xs("money", level="measure").iloc[0]
    assert money == pytest.approx(-step * fit.predict()["metro"].mean(), rel=1e-4)
    everywhere = compare_scenarios(fit, Scenario().add_to("cost", 0.3), cost="cost")
    assert everywhere.logsum["difference"].xs("money", level="measure").iloc[0] == pytest.approx(-0.3)
    assert np.abs(everywhere.table["difference"]).max() < 1e-12


def test_a_model_without_inclusive_values_says_so():
    found = compare_scenarios(FITS["none"], CHEAP)
    assert found.logsum is None
    assert found.bounds is None
    assert "No inclusive values" in " ".join(found.notes)


def test_zero_sum_and_positive_sum():
    bounds = compare_scenarios(FITS["multinomial"], [CHEAP, NEW, GONE]).bounds
    for name in ("cheap", "new", "gone"):
        assert bounds.loc[(name, "(all)"), "zero sum"] == pytest.approx(0, abs=1e-9)
        assert abs(bounds.loc[(name, "(all)"), "positive sum"]) > 1
    others = bounds.loc["new"].drop(["Ningbo", "(all)"])
    assert (others["positive sum"] == 0).all()
    assert (others["zero sum"] < 0).all()
    assert bounds.loc[("new", "Ningbo"), "positive sum"] > bounds.loc[("new", "Ningbo"), "zero sum"]


@pytest.mark.parametrize("nested", [False, True])
def test_bounds_of_a_small_change_are_the_elasticities(nested):
    frame = choice_frame(300, 8)
    frame["cost"] = np.exp(frame["cost"])
    model = rc.MultinomialLogit("chosen ~ cost + distance | 1", base="county")
    if nested:
        tree = {"zones": ["coast", "interior", "metro", "township"], "county": None}
        model = rc.NestedLogit("chosen ~ cost + distance | 1", nests=tree, base="county", fixed={"lambda:zones": 0.6})
    fit = model.fit(choice_data(frame))
    step = 1e-6
    found = compare_scenarios(fit, Scenario().scale("cost", 1 + step, where={"alternative": "metro"})).bounds
    row = found.droplevel("scenario").loc["metro"]
    known = elasticity_bounds(fit, "cost").table.loc["metro"]
    for kind, other in (
        ("zero sum", "conditional logit"),
        ("nested logit", "nested logit"),
        ("positive sum", "poisson"),
    ):
        if kind in row:
            assert row[kind] / step / known["count"] == pytest.approx(known[other], rel=1e-4)
    if nested:
        assert found["zero sum"].droplevel("scenario")["county"] == pytest.approx(0, abs=1e-9)


def test_no_bounds_for_what_all_alternatives_share():
    found = compare_scenarios(FITS["multinomial"], Scenario().add_to("assets", 1.0))
    assert found.bounds is None
    assert "'assets' is the same for all alternatives" in " ".join(found.notes)
    assert np.abs(found.table["difference"]).max() > 0.01


def test_what_the_model_does_not_read_moves_nothing_and_is_said():
    found = compare_scenarios(FITS["nested"], Scenario().scale("price", 2))
    assert (found.table["difference"] == 0).all()
    assert (found.table["std_error"] == 0).all()
    assert "'price', which stands in no utility" in " ".join(found.notes)


def test_unequal_sampled_sets():
    frame = sampled_frame(200)
    at = rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen")
    fit = rc.MultinomialLogit("chosen ~ cost + distance | 0").fit(at)
    scenario = Scenario().add_to("cost", -1, where={"alternative": list(range(5))})
    found = compare_scenarios(fit, scenario).table.droplevel("scenario")
    expected = fit.predict(scenario.apply(at)).mean() - fit.predict().mean()
    np.testing.assert_allclose(found["difference"], expected, atol=1e-12)
    assert (found["std_error"] > 0).all()


def test_a_loaded_fit_needs_data(tmp_path):
    fit = FITS["nested"]
    loaded = rc.load(fit.save(tmp_path / "fit.rcfit"))
    with pytest.raises(DataError, match="data="):
        compare_scenarios(loaded, CHEAP)
    again = compare_scenarios(loaded, CHEAP, fit.problem.data)
    np.testing.assert_allclose(again.table["std_error"], compare_scenarios(fit, CHEAP).table["std_error"], rtol=1e-8)


def test_refuses_what_cannot_be_compared():
    fit = FITS["multinomial"]
    with pytest.raises(OptionError, match="two scenarios are called 'cheap'"):
        compare_scenarios(fit, [CHEAP, CHEAP])
    with pytest.raises(OptionError, match="scenarios="):
        compare_scenarios(fit, [])
    with pytest.raises(OptionError, match="scenarios="):
        compare_scenarios(fit, [{"name": "x"}])
    with pytest.raises(SpecificationError, match=r"'csot'.*did you mean 'cost'"):
        compare_scenarios(fit, CHEAP, cost="csot")
    with pytest.raises(DataError, match="changes no value"):
        compare_scenarios(fit, Scenario().set("cost", at="metro", where={"alternative": "metro"}))
    with pytest.raises(DataError, match="has no steps"):
        compare_scenarios(fit, Scenario())
    sets = choice_data(choice_frame(60, 3))
    with pytest.raises(SpecificationError, match="logit of sets"):
        compare_scenarios(rc.SubsetLogit("chosen ~ cost | 0").fit(sets), CHEAP)


def test_shows_itself_and_stays_what_it_is():
    found = compare_scenarios(FITS["nested"], [CHEAP, NEW], by="kind")
    text = str(found)
    assert "cheap, kind big: alternative" in text
    assert "new, kind small: nest" in text
    assert "<table" in found._repr_html_()
    frame = found.table
    frame.iloc[0, 0] = -1
    assert found.table.iloc[0, 0] != -1
    assert "Zero sum" in str(compare_scenarios(FITS["multinomial"], CHEAP))


def test_rows_are_found_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare_scenarios(FITS["nested"], [CHEAP, NEW], by="kind")
        for table in (found.table, found.nests):
            assert table.loc[("new", "small")].index.tolist()
        assert found.table.loc[("new", "small", "Ningbo"), "baseline"] == 0
