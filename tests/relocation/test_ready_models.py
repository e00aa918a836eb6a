"""Ready models, the two-step estimator, trees against each other, stability over rounds, and the Japanese plants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.inference.tails import chi2_tail
from relocchoice.relocation.ready_models import (
    compare_trees,
    destination_model,
    form_model,
    joint_model,
    move_data,
    move_model,
    stability,
    two_step,
)
from relocchoice.relocation.ready_models.inclusive import inclusive_values, tops_of
from relocchoice.relocation.ready_models.stacked_scores import _cross, both_steps
from relocchoice.relocation.ready_models.steps import choices_of, lower_step, upper_step
from relocchoice.relocation.ready_models.trees import holds
from relocchoice.relocation.reproduce_plants import HEADS, INDUSTRY, NETWORK, plant_fits, plants
from relocchoice.relocation.sources import Missing
from relocchoice.relocation.survey import Survey, simulate_survey

PLACES = ("a", "b", "c", "d", "e", "f")
NESTS = {"near": ["a", "b"], "far": ["c", "d", "e"], "f": None}
FORMULA = "chosen ~ cost + size + gain | 0"
TRUTH = {"cost": -1.0, "size": 0.6, "gain": 0.7, "lambda:near": 0.6, "lambda:far": 0.4}
NESTED = rc.NestedLogit(FORMULA, NESTS)


def choices(n: int, seed: int = 0, nested: bool = True) -> rc.ChoiceData:
    """n cases of a two-level tree; ``gain`` is the same for all places of a nest."""
    rng = np.random.default_rng(seed)
    cost, size = rng.normal(size=(2, n, 6))
    gain = rng.normal(size=(n, 3))[:, [0, 0, 1, 1, 1, 2]]
    v = TRUTH["cost"] * cost + TRUTH["size"] * size + TRUTH["gain"] * gain
    near, far = (TRUTH["lambda:near"], TRUTH["lambda:far"]) if nested else (1.0, 1.0)
    one, two = np.exp(v[:, :2] / near), np.exp(v[:, 2:5] / far)
    tops = np.stack([one.sum(axis=1) ** near, two.sum(axis=1) ** far, np.exp(v[:, 5])], axis=1)
    tops /= tops.sum(axis=1, keepdims=True)
    inside = [one / one.sum(axis=1, keepdims=True) * tops[:, :1], two / two.sum(axis=1, keepdims=True) * tops[:, 1:2]]
    p = np.hstack([*inside, tops[:, 2:]])
    taken = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    frame = pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), 6),
            "place": np.tile(PLACES, n),
            "chosen": (np.arange(6) == taken[:, None]).ravel(),
            "cost": cost.ravel(),
            "size": size.ravel(),
            "gain": gain.ravel(),
            "round": np.repeat(np.where(np.arange(n) % 2, "late", "early"), 6),
            "firm": np.repeat(np.arange(n) // 4, 6),
        }
    )
    return rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen", unit="firm")


@pytest.fixture(scope="module")
def data() -> rc.ChoiceData:
    return choices(900)


@pytest.fixture(scope="module")
def survey() -> Survey:
    return simulate_survey(400, seed=5, margins="expected")


# --------------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("level", ["joint", "destination"])
def test_the_default_models_are_those_of_the_simulated_truth(survey: Survey, level: str) -> None:
    ready = {"joint": joint_model, "destination": destination_model}[level](offset="shift")
    true = survey.truth.model(level)
    data = survey.choice_data(level)
    assert set(ready.spec.specification.learn(data).names) == set(true.spec.specification.learn(data).names)
    assert set(true.spec.nests.nodes) == set(ready.spec.nests.nodes)
    labels = list(data.alternatives)
    mine = {ready.spec.nests.nodes[k] if k >= 0 else "" for k in ready.spec.nests.parents_of(labels)}
    assert mine == {true.spec.nests.nodes[k] if k >= 0 else "" for k in true.spec.nests.parents_of(labels)}
    assert ready.offset == "shift"


@pytest.mark.parametrize("tree", ["none", "form", "form-reach", "form-region", "move", "move-form"])
def test_joint_trees_fit_the_alternatives_of_a_survey(survey: Survey, tree: str) -> None:
    model = joint_model(tree=tree, offset="shift")
    assert model.check(survey.choice_data("joint")) == ()
    assert isinstance(model, rc.MultinomialLogit) == (tree == "none")


@pytest.mark.parametrize("tree", ["none", "reach", "region", "border", "both"])
def test_destination_trees_fit_the_alternatives_of_a_survey(survey: Survey, tree: str) -> None:
    assert destination_model(tree=tree, more="log1p(kin)").check(survey.choice_data("destination")) == ()


def test_form_and_move_models_fit(survey: Survey) -> None:
    forms = survey.choice_data("form")
    assert form_model().fit(forms).converged
    assert form_model(tree="relocation", by_round=False, lambdas="common").check(forms) == ()
    moves = move_data(forms)
    assert list(moves.alternatives) == ["stay", "move"]
    assert moves.n_cases == forms.n_cases
    counts = forms.choice_shares()["count"]
    assert moves.choice_shares().loc["stay", "count"] == counts["in-site"]
    fit = move_model().fit(moves)
    first_line = str(fit.summary()).splitlines()[1]
    assert "simulated from published margins" in first_line
    assert fit.predict()["move"].sum() == pytest.approx(counts.drop("in-site").sum())


def test_what_is_no_tree_or_no_form_is_refused(survey: Survey, data: rc.ChoiceData) -> None:
    for make, valid in ((form_model, "partial"), (destination_model, "reach"), (joint_model, "move-form")):
        with pytest.raises(OptionError, match=f"tree='other'.*{valid}"):
            make(tree="other")
    with pytest.raises(OptionError, match="among='nowhere'"):
        joint_model(among=["in-site", "nowhere"])
    with pytest.raises(DataError, match=r"'a'.*in-site"):
        move_data(data)
    forms = survey.choice_data("form")
    left = forms.select(forms.chosen != 0).without({"in-site": {"period": "2000-2003"}})
    with pytest.raises(DataError, match=r"cannot both stay and move"):
        move_data(left)


# -------------------------------------------------------------------------------------------------- two steps


def test_inclusive_values_and_their_derivatives() -> None:
    tree = rc.NestTree.from_dict({"x": {"y": ["a", "b"], "c": None, "z": ["d", "e"]}, "f": None})
    labels = PLACES
    tops = tops_of(tree, labels)
    assert tops.labels == ("x", "f")
    rng = np.random.default_rng(1)
    v = rng.normal(size=(7, 6))
    v[0, 1] = v[1, 3] = v[1, 4] = -np.inf
    rho = {"x": 1.0, "y": 0.5, "z": 0.8}

    def value(v: np.ndarray, rho: dict[str, float]) -> np.ndarray:
        e = {j: np.exp(v[:, k] / rho["y" if j in "ab" else "z" if j in "de" else "x"]) for k, j in enumerate(labels)}
        inner = (e["a"] + e["b"]) ** (rho["y"] / rho["x"]) + (e["d"] + e["e"]) ** (rho["z"] / rho["x"]) + e["c"]
        return rho["x"] * np.log(inner)

    found = inclusive_values(v, tree, labels, tops, rho)
    np.testing.assert_allclose(found.value[:, 0], value(v, rho), rtol=1e-12)
    np.testing.assert_array_equal(found.value[:, 1], v[:, 5])
    step = 1e-6
    for k in range(5):
        ahead, behind = v.copy(), v.copy()
        ahead[:, k] += step
        behind[:, k] -= step
        slope = (value(ahead, rho) - value(behind, rho)) / (2 * step)
        np.testing.assert_allclose(found.given[:, k], slope, atol=1e-8)
    for nest in rho:
        slope = (value(v, rho | {nest: rho[nest] + step}) - value(v, rho | {nest: rho[nest] - step})) / (2 * step)
        np.testing.assert_allclose(found.slope[nest], slope, atol=1e-8)


def test_cross_derivative_of_the_scores(data: rc.ChoiceData) -> None:
    held = choices_of(NESTED, NESTED.fit(data))
    lower = lower_step(NESTED, held, {})
    upper = upper_step(held, lower, {})
    names = list(lower.fit.params.index)
    assert names == ["cost", "size", "lambda:near", "lambda:far"]

    def scores(b: np.ndarray) -> np.ndarray:
        """Sum of the second step's scores in (gain, inclusive value) at its estimates, written out."""
        at = dict(zip(names, b, strict=True))
        rows = data.row_frame(["cost", "size", "gain"])
        v = (at["cost"] * rows["cost"] + at["size"] * rows["size"]).to_numpy().reshape(-1, 6)
        gain = rows["gain"].to_numpy().reshape(-1, 6)[:, [0, 2, 5]]
        near, far = at["lambda:near"], at["lambda:far"]
        iv = np.stack(
            [near * np.log(np.exp(v[:, :2] / near).sum(1)), far * np.log(np.exp(v[:, 2:5] / far).sum(1)), v[:, 5]], 1
        )
        theta = upper.fit.params
        w = theta["gain"] * gain + theta["inclusive value"] * iv
        p = np.exp(w) / np.exp(w).sum(1, keepdims=True)
        y = np.array([0, 0, 1, 1, 1, 2])[data.chosen][:, None] == np.arange(3)
        return np.array([((y - p) * gain).sum(), ((y - p) * iv).sum()])

    b = lower.fit.params.to_numpy()
    np.testing.assert_allclose(scores(b), 0, atol=1e-5)
    found = _cross(held, lower, upper)
    for k, name in enumerate(names):
        if name == "lambda:near":
            np.testing.assert_array_equal(found[:, k], 0)  # held at one: the scale of the first step
            continue
        step = np.zeros(4)
        step[k] = 1e-5
        np.testing.assert_allclose(found[:, k], (scores(b + step) - scores(b - step)) / 2e-5, rtol=1e-6, atol=1e-5)


def test_influence_is_the_derivative_in_a_case_weight() -> None:
    data = choices(250, seed=3)
    held = choices_of(NESTED, NESTED.fit(data))
    lower = lower_step(NESTED, held, {})
    upper = upper_step(held, lower, {})
    found = both_steps(held, lower, upper, None)
    np.testing.assert_allclose(found.covariance, found.influence.T @ found.influence)

    def steps(case: int, change: float) -> np.ndarray:
        """Estimates of both steps with one case weighted; its first-step rows too."""
        weights = np.ones(250)
        weights[case] += change
        weighted = data.with_weights(weights, "sampling")
        again = choices_of(NESTED, NESTED.fit(weighted))
        one = lower_step(NESTED, again, {})
        return np.concatenate([one.fit.params, upper_step(again, one, {}).fit.params])

    for case in (0, 17, int(np.flatnonzero(data.chosen == 5)[0])):
        slope = (steps(case, 1e-3) - steps(case, -1e-3)) / 2e-3
        np.testing.assert_allclose(found.influence[case], slope, rtol=2e-4, atol=2e-7)


def test_two_steps_by_hand(data: rc.ChoiceData) -> None:
    """With one lambda the first step is a conditional logit on the chosen nest, the second one on the logsum."""
    model = rc.NestedLogit(FORMULA, NESTS, lambdas="common")
    found = two_step(model, data)
    rows = data.row_frame(["case", "place", "cost", "size", "gain", "chosen"])
    nest = rows["place"].map({**dict.fromkeys("ab", "near"), **dict.fromkeys("cde", "far"), "f": "f"})
    taken = rows["case"].map(nest[rows["chosen"]].set_axis(rows.loc[rows["chosen"], "case"]))
    inside = rows[(nest == taken) & (taken != "f")]
    lower = rc.MultinomialLogit("chosen ~ cost + size | 0").fit(
        rc.ChoiceData.from_long(inside.astype({"place": str}), case="case", alternative="place", chosen="chosen")
    )
    np.testing.assert_allclose(found.lower.params, lower.params, rtol=1e-7)
    rows = rows.assign(e=np.exp(lower.params["cost"] * rows["cost"] + lower.params["size"] * rows["size"]), nest=nest)
    above = rows.groupby(["case", "nest"], as_index=False).agg(
        e=("e", "sum"), gain=("gain", "first"), chosen=("chosen", "any")
    )
    above["iv"] = np.log(above["e"])
    upper = rc.MultinomialLogit("chosen ~ gain + iv | 0").fit(
        rc.ChoiceData.from_long(above, case="case", alternative="nest", chosen="chosen")
    )
    np.testing.assert_allclose(found.upper.params, upper.params, rtol=1e-7)
    scale = upper.params["iv"]
    assert found.inclusive == found.params["lambda"] == pytest.approx(scale, rel=1e-7)
    np.testing.assert_allclose(found.params[["cost", "size"]], scale * lower.params, rtol=1e-7)
    assert list(found.estimates["step"]) == ["first", "first", "second", "second"]
    assert found.estimates.loc["gain", "bse_naive"] == pytest.approx(upper.bse["gain"], rel=1e-6)
    assert found.upper.llf + found.lower.llf <= found.full.llf + 1e-8


def test_free_lambdas_and_both_estimators_agree() -> None:
    data = choices(6000, seed=8)
    found = two_step(NESTED, data)
    truth = pd.Series(TRUTH)
    table = found.estimates.loc[truth.index]
    assert (np.abs(table["two_step"] - truth) < 4 * table["bse"]).all()
    assert (np.abs(table["two_step"] - table["full"]) < 3 * table["bse"]).all()
    # full information is the efficient one; sampling error in the errors themselves is a few per cent
    assert (table["full_bse"] < 1.05 * table["bse"]).all()
    np.testing.assert_allclose(np.sqrt(np.diag(found.cov_params())), found.bse)
    clustered = two_step(NESTED, data, groups="firm")
    np.testing.assert_allclose(clustered.params, found.params)
    assert (clustered.bse.loc[truth.index] / table["bse"]).between(0.8, 1.25).all()
    assert "1,500 clusters" in str(clustered)


def test_frequencies_are_copies() -> None:
    data = choices(200, seed=4)
    times = np.arange(200) % 3 + 1
    copies = two_step(NESTED, data.select(np.repeat(np.arange(200), times)))
    weighted = two_step(NESTED, data.with_weights(times, "frequency"))
    pd.testing.assert_frame_equal(copies.estimates, weighted.estimates, rtol=1e-6)


def test_collinear_within_the_nest_and_the_offset(survey: Survey) -> None:
    """Move or stay first: the forms' indicators sum to one inside the nest of moves, and the shift differs there."""
    found = two_step(joint_model(tree="move", offset="shift"), survey.choice_data("joint"))
    steps = found.estimates["step"]
    assert steps["hq"] == steps["hq:log(assets)"] == steps["lambda:relocation"] == "second"
    assert steps["entire"] == "both"
    assert steps["kin"] == steps["shift"] == "first"
    assert found.estimates.loc["shift", "full"] == 1.0
    table = found.estimates
    assert (np.abs(table["two_step"] - table["full"]) < 4 * table["bse"]).all()
    text = str(found)
    assert text.splitlines()[1].strip().startswith("[simulated from published margins")
    assert "nan" not in text.lower()


def test_what_two_steps_do_not_take(data: rc.ChoiceData) -> None:
    with pytest.raises(OptionError, match="MultinomialLogit"):
        two_step(rc.MultinomialLogit(FORMULA), data)
    with pytest.raises(OptionError, match="normalisation='none'"):
        two_step(rc.NestedLogit(FORMULA, NESTS, normalisation="none"), data)
    with pytest.raises(SpecificationError, match="fixed="):
        two_step(rc.NestedLogit(FORMULA, NESTS, fixed={"cost": -1.0}), data)
    with pytest.raises(SpecificationError, match=r"not generic.*\| 0"):
        two_step(rc.NestedLogit("chosen ~ cost", NESTS), data)
    with pytest.raises(SpecificationError, match="no term differs"):
        two_step(
            rc.NestedLogit(
                "chosen ~ gain | 0",
                NESTS,
                lambdas="common",
            ),
            data,
        )
    with pytest.raises(OptionError, match="900 cases; give one a case"):
        two_step(NESTED, data, groups=np.arange(900)[:5])


# ------------------------------------------------------------------------------------------------------ trees


def test_which_tree_holds_which() -> None:
    none = rc.MultinomialLogit(FORMULA)
    coarse = rc.NestedLogit(FORMULA, {"far": ["c", "d", "e"], "a": None, "b": None, "f": None})
    deep = rc.NestedLogit(FORMULA, {"near": ["a", "b"], "far": {"port": ["c", "d"], "e": None}, "f": None})
    other = rc.NestedLogit(FORMULA, {"x": ["a", "f"], "b": None, "c": None, "d": None, "e": None})
    common = rc.NestedLogit(FORMULA, NESTS, lambdas="common")
    assert all(holds(large, none) for large in (coarse, NESTED, deep, other, common))
    assert holds(NESTED, coarse)
    assert holds(deep, NESTED)
    assert holds(deep, coarse)
    assert holds(NESTED, common)
    assert holds(deep, common)
    wrong = [(coarse, NESTED), (common, NESTED), (common, coarse), (NESTED, other), (none, NESTED), (NESTED, NESTED)]
    assert not any(holds(large, small) for large, small in wrong)
    assert not holds(rc.NestedLogit(FORMULA, NESTS, fixed={"lambda:near": 0.5}), coarse)


def test_trees_against_each_other(data: rc.ChoiceData) -> None:
    other = rc.NestedLogit(FORMULA, {"x": ["a", "f"], "y": ["b", "c"], "d": None, "e": None})
    models = {"none": rc.MultinomialLogit(FORMULA), "true": NESTED, "other": other}
    found = compare_trees(models, data)
    lr = found.tests.loc[("none", "true")]
    statistic = 2 * (NESTED.fit(data).llf - models["none"].fit(data).llf)
    assert lr["test"] == "likelihood ratio"
    assert lr["statistic"] == pytest.approx(statistic)
    assert lr["df"] == 2
    assert lr["pvalue"] == pytest.approx(chi2_tail(statistic, 2))
    vuong = found.tests.loc[("true", "other")]
    expected = rc.vuong_test(found.fits["true"], found.fits["other"])
    assert vuong["test"] == "Vuong"
    assert vuong["statistic"] == expected.statistic > 0
    assert "nan" not in str(found).lower()
    assert list(found.figures["parameters"]) == [3, 5, 5]


def test_different_utilities_are_no_question_of_trees(data: rc.ChoiceData) -> None:
    with pytest.raises(OptionError, match="'one' and 'two' differ by more than their trees"):
        compare_trees({"one": NESTED, "two": rc.MultinomialLogit("chosen ~ cost | 0")}, data)
    with pytest.raises(OptionError, match="at least two"):
        compare_trees({"one": NESTED}, data)


# -------------------------------------------------------------------------------------------------- stability


def test_stability_by_hand(data: rc.ChoiceData) -> None:
    found = stability(NESTED, data, by="round", rounds=("early", "late"))
    at = data.case_frame(["round"])["round"].to_numpy()
    fits = [NESTED.fit(data.select(at == label)) for label in ("early", "late")]
    statistic = 2 * (fits[0].llf + fits[1].llf - NESTED.fit(data).llf)
    assert found.likelihood_ratio.statistic == pytest.approx(statistic, rel=1e-6)
    assert found.likelihood_ratio.df == found.wald.df == 5
    gap = fits[0].params - fits[1].params
    np.testing.assert_allclose(found.parameters["wald"], gap**2 / (fits[0].bse ** 2 + fits[1].bse ** 2), rtol=1e-5)
    joint = gap @ np.linalg.solve(fits[0].cov_params() + fits[1].cov_params(), gap)
    assert found.wald.statistic == pytest.approx(joint, rel=1e-5)
    # firms have cases in both rounds: the same estimates, other errors
    clustered = stability(NESTED, data, by="round", rounds=("early", "late"), groups="firm")
    np.testing.assert_allclose(clustered.parameters["difference"], found.parameters["difference"])
    ratio = clustered.parameters["bse_difference"] / found.parameters["bse_difference"]
    assert ratio.between(0.7, 1.4).all()
    assert not np.allclose(ratio, 1.0)


def test_the_same_cases_twice_are_stable_without_doubt(data: rc.ChoiceData) -> None:
    part = data.select(np.arange(300))
    rows = part.row_frame()
    twice = pd.concat([rows.assign(round="early"), rows.assign(round="late", case=rows["case"] + 10_000)])
    twice = twice.assign(chosen=np.tile(part.row_alternative == part.chosen[part.row_case()], 2))
    made = rc.ChoiceData.from_long(twice, case="case", alternative="place", chosen="chosen", unit="firm")
    apart = stability(NESTED, made, by="round", rounds=("early", "late"))
    assert apart.likelihood_ratio.statistic == pytest.approx(0, abs=1e-6)
    assert apart.likelihood_ratio.pvalue == pytest.approx(1)
    np.testing.assert_allclose(apart.parameters["difference"], 0, atol=1e-6)


def test_a_lambda_that_one_round_does_not_identify(survey: Survey) -> None:
    found = stability(joint_model(offset="shift"), survey.choice_data("joint"), groups="firm")
    row = found.parameters.loc["lambda:near"]
    assert row["note"] == "not identified in the first round"
    assert np.isnan(row["wald"])
    assert np.isnan(row["first"])
    assert found.likelihood_ratio.df == 18
    assert found.wald.df == 18
    text = str(found)
    assert text.splitlines()[1].strip().startswith("[simulated from published margins")
    assert "nan" not in text.lower()


def test_rounds_that_are_none(data: rc.ChoiceData) -> None:
    with pytest.raises(DataError, match=r"'round'.*'never'.*early"):
        stability(NESTED, data, by="round", rounds=("early", "never"))
    with pytest.raises(OptionError, match="two different labels"):
        stability(NESTED, data, by="round", rounds=("early", "early"))
    still = choices(200)
    frame = still.row_frame().assign(chosen=still.row_alternative == still.chosen[still.row_case()])
    frame["cost"] = frame["cost"].where(frame["round"] == "late", 1.0)
    flat = rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    with pytest.raises(SpecificationError, match=r"round 'early' alone.*cost"):
        stability(rc.MultinomialLogit(FORMULA), flat, by="round", rounds=("early", "late"))


# ----------------------------------------------------------------------------------------------------- plants


def test_japanese_plants() -> None:
    found = plant_fits()
    if isinstance(found, Missing):
        pytest.skip(found.reason)
    fits, steps = found
    # from the published first and second steps: lambda times the first step's coefficients
    assert steps.params["lambda"] == pytest.approx(float(steps.upper.params["inclusive value"]))
    np.testing.assert_allclose(
        steps.params[["log(wage)", "unemp"]], steps.inclusive * steps.lower.params[["log(wage)", "unemp"]]
    )
    llf = [fits[head].llf for head in (HEADS[0], HEADS[1], HEADS[3], HEADS[4])]
    np.testing.assert_allclose(llf, [-1728.565204, -1726.980992, -1697.340429, -1644.625157], atol=2e-6)
    assert fits[HEADS[3]].params[NETWORK] > 0
    assert fits[HEADS[4]].params[INDUSTRY] > 0
    part = plants("japanese_fdi", "title")
    assert "japanese_fdi_network" in part.tables
    assert part.findings["network"]["params"][HEADS[2]]["lambda"] == steps.inclusive


def test_plants_that_are_not_at_hand_leave_the_published_part_alone(tmp_path) -> None:
    part = plants("japanese_fdi", "title", tmp_path)
    assert list(part.tables) == ["japanese_fdi"]
    assert part.findings == {}


def test_results_cannot_be_changed(data: rc.ChoiceData) -> None:
    found = two_step(NESTED, data)
    mine = found.estimates
    mine.loc["cost", "two_step"] = 0.0
    assert found.params["cost"] < 0
    with pytest.raises(AttributeError):
        found.inclusive = 1.0  # type: ignore[misc]
    assert replace(found, inclusive=2.0).inclusive == 2.0
