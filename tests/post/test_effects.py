"""Effects and elasticities are derivatives of the predictions, their errors the delta method's, in every family."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import relocchoice as rc
from builders import LAMBDAS, NESTS, agree, choice_data, choice_frame, derivative, sampled_frame
from relocchoice.kernels.fused import held
from relocchoice.post import effects as effects_module
from relocchoice.post import elasticities as elasticities_module
from relocchoice.post.effects import marginal_effects
from relocchoice.post.elasticities import elasticities
from relocchoice.post.movements import with_values
from relocchoice.post.predictions import shares
from relocchoice.relocation.published import published_spec
from relocchoice.relocation.sources import published_target

FORMULA = "chosen ~ cost + distance | assets | travel"
MODELS = {
    "multinomial": rc.MultinomialLogit(FORMULA, base="township"),
    "with an offset": rc.MultinomialLogit("chosen ~ distance | size", base="coast", offset="travel"),
    "curved": rc.MultinomialLogit("chosen ~ I(cost**2) + log(price):assets | 1"),
    "by hand": rc.MultinomialLogit(
        rc.UtilitySpec(
            {
                p: {} if p == "metro" else {f"asc_{p}": 1, "b_assets": "assets"}
                for p in ("coast", "county", "interior", "metro", "township")
            },
            everywhere={"b_cost": "cost"},
        )
    ),
    **{
        f"three levels, {normalisation}": rc.NestedLogit(FORMULA, NESTS, base="township", normalisation=normalisation)
        for normalisation in ("utility", "none", "bottom")
    },
    "common lambda": rc.NestedLogit(FORMULA, NESTS, base="township", lambdas="common"),
}


@cache
def data() -> rc.ChoiceData:
    """Ragged nested choices of firms in two groups."""
    frame = choice_frame(200, 1, available=0.8, nests=NESTS, lambdas=LAMBDAS)
    return choice_data(frame.assign(half=np.where(frame["move"] % 3 > 0, "big", "small"), w=0.5 + frame["move"] % 3))


@cache
def fitted(name: str) -> rc.ChoiceResults:
    fit = MODELS[name].fit(data())
    assert fit.converged, fit.status_message
    return fit


def moved(at: rc.ChoiceData, variable: str, of: str, step: float, share: bool = False) -> rc.ChoiceData:
    """The data with one alternative's variable (or that of all) larger."""
    here = np.ones(at.n_rows) if of == "(all)" else at.row_alternative == list(at.alternatives).index(of)
    values = at.row_frame([variable])[variable].to_numpy(dtype=float)
    return with_values(at, {variable: pd.Series(values * (1 + step * here) if share else values + step * here)})


def blocks(table: pd.DataFrame):
    return table["estimate"].groupby(level=["variable", "attribute of"], sort=False)


def capture(monkeypatch, module, call):
    """The function that a call hands to the delta method."""
    seen = []
    inner = module.infer
    monkeypatch.setattr(module, "infer", lambda fit, function, how: seen.append(function) or inner(fit, function, how))
    call()
    return seen[0]


@pytest.mark.parametrize("name", MODELS)
def test_effects_are_derivatives_of_predictions(name):
    fit, at = fitted(name), data()
    for (variable, of), block in blocks(marginal_effects(fit).table):
        numeric = derivative(
            lambda h, v=variable, of=of: fit.predict(moved(at, v, of, float(h[0]))).to_numpy().mean(axis=0), np.zeros(1)
        )[0]
        np.testing.assert_allclose(block.droplevel([0, 1]).reindex(at.alternatives).fillna(0.0), numeric, atol=1e-7)


LONG = ("three levels, none", "three levels, bottom")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in MODELS]
)
def test_gradients_are_analytic(name, monkeypatch):
    fit = fitted(name)
    theta = np.array(fit.moments.theta)
    names = marginal_effects(fit).table.index.get_level_values("variable").unique().tolist()[:2]
    calls = [
        (effects_module, lambda: marginal_effects(fit, names)),
        (elasticities_module, lambda: elasticities(fit, names)),
        (elasticities_module, lambda: elasticities(fit, names, weights="cases")),
        (elasticities_module, lambda: elasticities(fit, names[:1], change=0.1)),
    ]
    for module, call in calls:
        with monkeypatch.context() as patch:
            function = capture(patch, module, call)
        _, gradient = function(theta, True)
        numeric = derivative(lambda x, f=function: f(x, False)[0], theta, 1e-3).T
        np.testing.assert_allclose(gradient, numeric, atol=1e-8)


@pytest.mark.parametrize("name", ["multinomial", "three levels, utility"])
def test_elasticities_of_expected_counts(name):
    fit, at = fitted(name), data()
    for (variable, of), block in blocks(elasticities(fit, ["cost", "assets"]).table):
        numeric = derivative(
            lambda h, v=variable, of=of: np.log(
                fit.predict(moved(at, v, of, float(h[0]), share=True)).to_numpy().sum(axis=0)
            ),
            np.zeros(1),
        )[0]
        np.testing.assert_allclose(block.droplevel([0, 1]).reindex(at.alternatives), numeric, atol=1e-7)
    arcs = elasticities(fit, "cost", change=0.2).matrix()
    before, after = (fit.predict(moved(at, "cost", "metro", h, share=True)).to_numpy().sum(axis=0) for h in (0.0, 0.2))
    expected = (after - before) / ((after + before) / 2) / (0.2 / 1.1)
    np.testing.assert_allclose(arcs.loc["metro", list(at.alternatives)], expected, rtol=1e-12)


def test_elasticities_averaged_over_cases():
    fit, at = fitted("multinomial"), data()
    p = fit.predict()
    cost = at.row_frame(["cost", "place"])
    cost["case"] = at.row_case()
    wide = cost.pivot_table(index="case", columns="place", values="cost", observed=False)
    found = elasticities(fit, "cost", weights="cases").matrix()
    b = fit.params["cost"]
    own = (b * wide["metro"] * (1 - p["metro"].to_numpy()))[wide["metro"].notna()].mean()
    both = wide["metro"].notna() & wide["coast"].notna()
    cross = (-b * wide["coast"] * p["coast"].to_numpy())[both].mean()
    assert found.loc["metro", "metro"] == pytest.approx(own, rel=1e-10)
    assert found.loc["coast", "metro"] == pytest.approx(cross, rel=1e-10)


def test_statsmodels_margins_of_a_multinomial_logit():
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=400), "b": rng.uniform(size=400)})
    v = np.column_stack([np.zeros(400), 0.5 * x["a"] - x["b"], 0.3 - 0.4 * x["a"] + x["b"]])
    choice = (v + rng.gumbel(size=v.shape)).argmax(axis=1)
    theirs = sm.MNLogit(choice, sm.add_constant(x)).fit(disp=0, tol=1e-14)
    long = x.loc[x.index.repeat(3)].assign(case=np.repeat(np.arange(400), 3), place=np.tile([0, 1, 2], 400))
    long["chosen"] = long["place"] == choice[long["case"]]
    fit = rc.MultinomialLogit("chosen ~ 0 | a + b").fit(
        rc.ChoiceData.from_long(long, case="case", alternative="place", chosen="chosen")
    )
    for ours, at in (("data", "overall"), ("means", "mean")):
        margins = theirs.get_margeff(at=at)
        table = marginal_effects(fit, at=ours).table
        for column, wanted in (("estimate", margins.margeff), ("std_error", margins.margeff_se)):
            got = table[column].droplevel("attribute of").unstack("probability of").loc[["a", "b"]]  # noqa: PD010
            np.testing.assert_allclose(got, wanted, atol=1e-8)


def test_the_published_effects_of_modecanada():
    spec = published_spec("modecanada", "mc1")
    fit = rc.MultinomialLogit(spec.formula, base=spec.base).fit(spec.build())
    printed = ["car", "train", "air"]
    costs = elasticities(fit, "cost", at="means").matrix().loc[printed, printed]
    wanted = [
        [-0.9131273, 0.9376923, 0.9376923],
        [0.3358005, -1.2505014, 0.3358005],
        [1.2316679, 1.2316679, -3.1409703],
    ]
    np.testing.assert_allclose(costs, wanted, atol=5e-7)
    income = marginal_effects(fit, "income", at="means").table["estimate"].droplevel([0, 1])[printed]
    mean = fit.problem.data.row_frame(["income"])["income"].mean()
    np.testing.assert_allclose(income * mean, [-0.1822177, -0.1509079, 0.3331256], atol=5e-8)
    assert published_target("modecanada", "mc1") is not None


def test_effects_of_all_alternatives_sum_to_zero_and_groups_add_up():
    fit = fitted("three levels, utility")
    table = marginal_effects(fit).table["estimate"]
    np.testing.assert_allclose(table.groupby(level=["variable", "attribute of"]).sum(), 0.0, atol=1e-14)
    groups = marginal_effects(fit, "cost", by="half").table["estimate"].unstack("group")  # noqa: PD010
    sizes = data().case_frame(["half"])["half"].value_counts()
    both = (groups[["big", "small"]] * sizes[["big", "small"]]).sum(axis=1) / sizes.sum()
    agree(both, table.loc[["cost"]], 1e-12)


def test_weights_count():
    frame = choice_frame(150, 2)
    frame["w"] = 1 + frame["move"] % 2
    weighted = choice_data(frame, weights="w", weight_kind="frequency")
    twice = pd.concat([frame, frame[frame["w"] == 2].assign(move=lambda t: t["move"] + 1000)])
    model = rc.MultinomialLogit("chosen ~ cost | assets")
    one = marginal_effects(model.fit(weighted)).table
    two = marginal_effects(model.fit(choice_data(twice))).table
    np.testing.assert_allclose(one[["estimate", "std_error"]], two[["estimate", "std_error"]], rtol=1e-6)


def test_identical_cases_and_sampled_sets():
    counts = pd.DataFrame({"zone": list("abc") * 2, "x": [1.0, 2.0, 0.5] * 2, "size": [0] * 3 + [1] * 3})
    counts["n"] = [30, 50, 20, 10, 40, 30]
    fit = rc.MultinomialLogit("chosen ~ x | 0").fit(
        rc.ChoiceData.from_counts(counts, count="n", alternative="zone", cell="size")
    )
    p = fit.predict().to_numpy()[0]
    found = marginal_effects(fit, "x").matrix()
    np.testing.assert_allclose(found, fit.params["x"] * (np.diag(p) - np.outer(p, p)), atol=1e-12)
    sampled = rc.ChoiceData.from_long(
        sampled_frame(120, universe=15), case="move", alternative="place", chosen="chosen"
    )
    fit = rc.MultinomialLogit("chosen ~ cost + distance | 0").fit(sampled)
    q = fit.predict().to_numpy()
    expected = fit.params["cost"] * (np.diag(q.sum(axis=0)) - q.T @ q) / len(q)
    got = marginal_effects(fit, "cost").matrix().reindex(index=range(15), columns=range(15)).fillna(0.0)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_discrete_changes():
    frame = choice_frame(300, 4)
    frame["port"] = np.array(["deep", "none", "river"])[np.random.default_rng(0).integers(0, 3, len(frame))]
    frame["big"] = frame["assets"] > 0
    at = choice_data(frame)
    fit = rc.MultinomialLogit("chosen ~ cost + port | big").fit(at)
    table = marginal_effects(fit, ["port", "big"]).table["estimate"]
    big = fit.predict(with_values(at, {"big": np.ones(at.n_rows, bool)})) - fit.predict(
        with_values(at, {"big": np.zeros(at.n_rows, bool)})
    )
    agree(table.xs(("big: False to True", "(all)"), level=[0, 1]), big.mean(), 1e-12)
    where = at.row_alternative == list(at.alternatives).index("metro")
    port = at.row_frame(["port"])["port"]
    high, low = (fit.predict(with_values(at, {"port": port.where(~where, v)})) for v in ("river", "deep"))
    agree(table.xs(("port: deep to river", "metro"), level=[0, 1]), (high - low).mean(), 1e-12)
    sd = marginal_effects(fit, "cost", change="sd").table["estimate"]
    size = at.row_frame(["cost"])["cost"].std(ddof=0)
    expected = (fit.predict(moved(at, "cost", "metro", size)) - fit.predict()).mean()
    agree(sd.xs("metro", level="attribute of").droplevel("variable"), expected, 1e-12)
    pair = marginal_effects(fit, "port", change=("none", "river")).table
    assert set(pair.index.get_level_values("variable")) == {"port: none to river"}


def test_given_values():
    fit, at = fitted("multinomial"), data()
    table = marginal_effects(fit, "cost", at={"assets": [0.0, 1.0]}).table["estimate"]
    fixed = with_values(at, {"assets": np.ones(at.n_rows)})
    numeric = derivative(
        lambda h: fit.predict(moved(fixed, "cost", "coast", float(h[0]))).to_numpy().mean(axis=0), np.zeros(1)
    )[0]
    got = table.xs("assets = 1.0", level="at").xs("coast", level="attribute of").droplevel("variable")
    np.testing.assert_allclose(got.reindex(at.alternatives), numeric, atol=1e-8)
    one = marginal_effects(fit, "cost", at={"cost": {"coast": 2.0}}).table
    assert len(one) == 25


def test_krinsky_robb_agrees_with_delta_where_the_function_is_nearly_linear():
    fit = fitted("three levels, utility")
    delta = elasticities(fit, "cost").table
    drawn = elasticities(fit, "cost", interval="krinsky-robb", draws=60, seed=3)
    again = elasticities(fit, "cost", interval="krinsky-robb", draws=60, seed=3)
    pd.testing.assert_frame_equal(drawn.table, again.table)
    assert np.median(np.abs(drawn.table["std_error"] / delta["std_error"] - 1)) < 0.3
    assert "Krinsky and Robb" in str(drawn)


def test_separated_parameters_are_told_in_words():
    frame = choice_frame(200, 5)
    frame["never"] = (frame["place"] == "coast") & (frame["move"] % 4 == 0)
    frame = frame[~frame["move"].isin(frame.loc[frame["never"] & frame["chosen"], "move"])]
    frame["never"] = frame["never"].astype(float)
    fit = rc.MultinomialLogit("chosen ~ cost + never | 1").fit(choice_data(frame))
    assert not fit.converged
    shown = marginal_effects(fit, "never")
    text = " ".join(str(shown).split())
    assert "never has no finite estimate" in text
    assert "nan" not in text
    assert shown.table["estimate"].isna().all()
    share = rc.shares(fit)
    assert np.isfinite(share.table["estimate"]).all()


def test_tables_show_and_stay():
    found = elasticities(fitted("multinomial"), "cost")
    text = str(found)
    for words in ("Elasticities of probabilities", "attribute of coast", "delta method", "weighted by their"):
        assert words in text
    assert "<table" in found._repr_html_()
    table = found.table
    table["estimate"] = 0.0
    assert (found.table["estimate"] != 0).all()
    with pytest.raises(rc.OptionError, match="two levels"):
        elasticities(fitted("multinomial"), ["cost", "distance"]).matrix()


BAD = {
    "not in the model": ({"variables": "size"}, rc.SpecificationError, "moves no utility"),
    "no column": ({"variables": "wages"}, rc.DataError, "no column 'wages'"),
    "interval": ({"interval": "exact"}, rc.OptionError, "interval='exact'"),
    "alpha": ({"alpha": 2}, rc.OptionError, "alpha=2"),
    "at": ({"at": "median"}, rc.OptionError, "at='median'"),
    "by": ({"by": "cost"}, rc.DataError, "differs between the alternatives"),
    "change": ({"change": "double"}, rc.OptionError, "change='double'"),
    "value": ({"at": {"assets": "many"}}, rc.DataError, "holds numbers"),
    "alternative": ({"at": {"cost": {"mars": 1.0}}}, rc.DataError, "no alternative"),
    "data": ({"data": 3}, rc.DataError, "needs a ChoiceData"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_asked_is_refused(case):
    options, error, message = BAD[case]
    with pytest.raises(error, match=message):
        marginal_effects(fitted("multinomial"), **options)


def test_sets_and_loaded_fits(tmp_path):
    fit = fitted("multinomial")
    loaded = rc.load(fit.save(tmp_path / "fit.json"))
    with pytest.raises(rc.DataError, match="pass data="):
        marginal_effects(loaded)
    pd.testing.assert_frame_equal(marginal_effects(loaded, data=data()).table, marginal_effects(fit).table)
    sets = rc.SubsetLogit("chosen ~ cost | 0").fit(data())
    with pytest.raises(rc.SpecificationError, match="logit of sets"):
        marginal_effects(sets)


@pytest.mark.parametrize("name", ["multinomial", "three levels, bottom"])
def test_threads_change_no_bit(name):
    fit, found = fitted(name), []
    for n_threads in (1, 2, 5):
        with held(n_threads=n_threads):
            found.append([marginal_effects(fit, by="half"), elasticities(fit, "cost"), shares(fit)])
    for one in found[1:]:
        for left, right in zip(one, found[0], strict=True):
            pd.testing.assert_frame_equal(left.table, right.table, check_exact=True)
            np.testing.assert_array_equal(left.covariance, right.covariance)


def test_values_given_as_arrays():
    fit = rc.MultinomialLogit("chosen ~ cost | assets").fit(choice_data(choice_frame(100, 4)))
    listed = marginal_effects(fit, "cost", at={"assets": [0.0, 1.0]}).table
    for several in (np.array([0.0, 1.0]), pd.Series([0.0, 1.0]), (0.0, 1.0)):
        pd.testing.assert_frame_equal(marginal_effects(fit, "cost", at={"assets": several}).table, listed)
    single = marginal_effects(fit, "cost", at={"assets": np.float64(1.0)}).table
    assert single["estimate"].tolist() == marginal_effects(fit, "cost", at={"assets": 1.0}).table["estimate"].tolist()
    for odd in ([], np.empty(0), np.zeros((2, 2)), [[1.0]]):
        with pytest.raises(rc.OptionError, match="takes a value, a list of values"):
            marginal_effects(fit, "cost", at={"assets": odd})
    with pytest.raises(rc.DataError, match="holds numbers"):
        marginal_effects(fit, "cost", at={"assets": None})


def test_rows_are_found_without_a_warning():
    """pandas warns where it has to search an index; rows stay in the order of the alternatives."""
    frame = choice_frame(100, 4, available=0.6, places=("Z", "b", "A", "c"))
    fit = rc.MultinomialLogit("chosen ~ cost | assets").fit(choice_data(frame))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for table in (marginal_effects(fit, ["cost", "assets"]).table, elasticities(fit, "cost").table):
            part = table.loc[("cost", "b")]
            assert part.index.tolist() == [str(one) for one in fit.problem.data.alternatives]
            assert np.isfinite(table.loc[("cost", "b", "Z"), "estimate"])
        found = rc.compare_scenarios(fit, rc.Scenario("z").scale("cost", 0.5))
        assert found.table.loc[("z", "b")].name == ("z", "b")
