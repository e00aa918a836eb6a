"""Weights in the results: WESML, shifted constants, and the test of weighted against unweighted estimates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.inference.covariance import stratified
from relocchoice.relocation.reproduce_form import form_counts
from relocchoice.results.population import fixed_strata, shift_constants, strata_of_weights
from relocchoice.results.store import load
from relocchoice.results.weights_test import weights_test

LABELS = ["a", "b", "c", "d"]
NESTS = {"near": ["a", "b"], "away": ["c", "d"]}
BETA, CONSTANTS, SLOPES = 0.8, np.array([0.0, -1.0, -2.5, 0.5]), np.array([0.0, 0.5, -0.5, 0.3])
LAMBDA = {"near": 0.5, "away": 0.7}
TRUTH = {
    "Intercept:b": -1.0, "Intercept:c": -2.5, "Intercept:d": 0.5, "x": BETA, "z:b": 0.5, "z:c": -0.5, "z:d": 0.3,
}  # fmt: skip


# --------------------------------------------------------------------------------------------- data with a known truth


def multinomial(v):
    p = np.exp(v)
    return p / p.sum(axis=1, keepdims=True)


def nested(v):
    """P(j) = P(j|m) P(m) in units of the root."""
    p = np.empty_like(v)
    top = {}
    for name, at in (("near", slice(0, 2)), ("away", slice(2, 4))):
        inside = np.exp(v[:, at] / LAMBDA[name])
        p[:, at] = inside / inside.sum(axis=1, keepdims=True)
        top[name] = inside.sum(axis=1) ** LAMBDA[name]
    whole = top["near"] + top["away"]
    p[:, :2] *= (top["near"] / whole)[:, None]
    p[:, 2:] *= (top["away"] / whole)[:, None]
    return p


def types(n=40, seed=3):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(n, 4)), rng.normal(size=n)
    return x, z, BETA * x + CONSTANTS + z[:, None] * SLOPES


def expected_sample(probability, ratio, total=1e9):
    """Whole counts of n types, as expected when alternative j is sampled ratio[j] times its population share.

    Returns the data and the population shares.
    """
    x, z, v = types()
    p = probability(v)
    share = p.mean(axis=0)
    counts = np.round(total / len(p) * p * np.asarray(ratio))
    table = pd.DataFrame(
        {
            "type": np.repeat(np.arange(len(p)), 4),
            "alt": np.tile(LABELS, len(p)),
            "n": counts.ravel(),
            "x": x.ravel(),
            "z": np.repeat(z, 4),
        }
    )
    data = ChoiceData.from_counts(table, count="n", alternative="alt", cell="type")
    return data, dict(zip(LABELS, share / share.sum(), strict=True))


def long_data(x, z, y):
    n = len(y)
    table = {
        "case": np.repeat(np.arange(n), 4),
        "alt": np.tile(LABELS, n),
        "chosen": (np.arange(4) == y[:, None]).ravel(),
        "x": x.ravel(),
        "z": np.repeat(z, 4),
    }
    return ChoiceData.from_long(table, case="case", alternative="alt", chosen="chosen")


def drawn(rng, n, probability=multinomial):
    x, z = rng.normal(size=(n, 4)), rng.normal(size=n)
    p = probability(BETA * x + CONSTANTS + z[:, None] * SLOPES)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return x, z, y


MODEL = rc.MultinomialLogit("x | z", base="a")
NESTED = rc.NestedLogit("x | z", nests=NESTS, base="a")
RATIO = (0.7, 1.1, 3.0, 0.9)


# ----------------------------------------------------------------------------------------------------- constant shift


def test_shifted_constants_of_the_multinomial_logit_are_exact():
    data, shares = expected_sample(multinomial, RATIO)
    fit = MODEL.fit(data)
    assert abs(fit.params["Intercept:c"] - TRUTH["Intercept:c"]) > 1.0
    moved = shift_constants(fit, shares)
    assert moved.params.to_dict() == pytest.approx(TRUTH, abs=1e-6)
    assert moved.params[["x", "z:b", "z:c", "z:d"]].equals(fit.params[["x", "z:b", "z:c", "z:d"]])
    assert moved.llf == fit.llf
    x, z, v = types()
    p = moved.predict(long_data(x, z, np.zeros(len(z), dtype=int))).to_numpy()
    assert p == pytest.approx(multinomial(v), abs=1e-7)


def test_the_base_may_be_any_alternative():
    data, shares = expected_sample(multinomial, RATIO)
    moved = shift_constants(rc.MultinomialLogit("x | z", base="c").fit(data), shares)
    assert moved.params["Intercept:d"] == pytest.approx(3.0, abs=1e-6)
    assert moved.params["Intercept:a"] == pytest.approx(2.5, abs=1e-6)


@pytest.mark.parametrize("base", ["a", "b", "d"])
@pytest.mark.parametrize("groups", [False, True])
def test_covariance_under_fixed_stratum_sizes(base, groups):
    """On expected data the formula equals the sandwich of scores centred within strata, computed case by case."""
    data, shares = expected_sample(multinomial, (0.7, 1.1, 1.1, 0.9) if groups else RATIO, total=1e10)
    code = np.asarray(data.chosen)
    if groups:
        shares = {"a": shares["a"], ("b", "c"): shares["b"] + shares["c"], "d": shares["d"]}
        code = np.array([0, 1, 1, 2])[code]
    fit = rc.MultinomialLogit("x | z", base=base).fit(data)
    moved = shift_constants(fit, shares)
    scores, weights = fit.problem.problem.scores(fit.moments.free), fit.problem.problem.weights
    bread = np.linalg.inv(-fit.moments.hessian)
    meat = fit.moments.opg.copy()
    for g in np.unique(code):
        total = (weights * (code == g)) @ scores
        meat -= np.outer(total, total) / weights[code == g].sum()
    by_hand = fit.moments.jacobian @ bread @ meat @ bread @ fit.moments.jacobian.T
    assert moved.covariance.matrix == pytest.approx(by_hand, rel=1e-4, abs=1e-6 * by_hand.max())
    slopes = ["x", *[f"z:{label}" for label in LABELS if label != base]]
    assert moved.bse[slopes].to_numpy() == pytest.approx(fit.bse[slopes].to_numpy())
    constants = [name for name in fit.bse.index if name not in slopes]
    assert (moved.bse[constants] <= fit.bse[constants]).all()
    assert (moved.bse[constants] < 0.9 * fit.bse[constants]).any()


def test_constants_alone_follow_from_the_shares_without_error():
    data, shares = expected_sample(multinomial, RATIO, total=1e4)
    moved = shift_constants(rc.MultinomialLogit("0 | 1", base="a").fit(data), shares)
    assert moved.params["Intercept:c"] == pytest.approx(np.log(shares["c"] / shares["a"]))
    assert moved.bse.isna().all()
    assert "no sampling error" in moved.parameters.loc["Intercept:c", "note"]
    assert "no sampling error" in str(moved.summary())


def test_nested_logit_with_one_ratio_a_nest_is_exact():
    data, shares = expected_sample(nested, (0.7, 0.7, 1.8, 1.8))
    fit = NESTED.fit(data)
    moved = shift_constants(fit, {("a", "b"): shares["a"] + shares["b"], ("c", "d"): shares["c"] + shares["d"]})
    truth = {**TRUTH, "lambda:near": 0.5, "lambda:away": 0.7}
    assert abs(fit.params["Intercept:d"] - 0.5) > 0.5
    assert moved.params.to_dict() == pytest.approx(truth, abs=1e-5)
    assert shift_constants(fit, shares).params.to_dict() == pytest.approx(truth, abs=1e-5)  # a share each, same ratios


def test_nested_covariance_under_fixed_stratum_sizes():
    data, shares = expected_sample(nested, (0.7, 0.7, 1.8, 1.8), total=1e10)
    fit = NESTED.fit(data)
    moved = shift_constants(fit, shares)
    code = np.array([0, 0, 1, 1])[np.asarray(data.chosen)]
    scores, weights = fit.problem.problem.scores(fit.moments.free), fit.problem.problem.weights
    bread = np.linalg.inv(-fit.moments.hessian)
    meat = fit.moments.opg.copy()
    for g in (0, 1):
        total = (weights * (code == g)) @ scores
        meat -= np.outer(total, total) / weights[code == g].sum()
    by_hand = fit.moments.jacobian @ bread @ meat @ bread @ fit.moments.jacobian.T
    assert moved.covariance.matrix == pytest.approx(by_hand, rel=1e-3, abs=1e-5 * by_hand.max())


def test_nested_logit_with_several_ratios_in_a_nest_is_refused_and_would_be_wrong():
    data, shares = expected_sample(nested, (0.7, 1.1, 3.0, 0.5))
    fit = NESTED.fit(data)
    gap = fit.params[["x", "lambda:near", "lambda:away"]].to_numpy() - [BETA, 0.5, 0.7]
    assert np.abs(gap).max() > 0.02  # not the constants only: no shift can repair it
    with pytest.raises(SpecificationError, match="nest 'near' holds alternatives sampled at different rates"):
        shift_constants(fit, shares)
    weighted = NESTED.fit(small_counts(nested, (0.7, 1.1, 3.0, 0.5)).with_population_shares(shares), "robust")
    assert weighted.params["x"] == pytest.approx(BETA, abs=0.05)


def small_counts(probability, ratio):
    return expected_sample(probability, ratio, total=1e5)[0]


def test_what_cannot_be_shifted_is_refused():
    data, shares = expected_sample(multinomial, RATIO, total=1e4)
    fit = MODEL.fit(data)
    with pytest.raises(SpecificationError, match="without a constant: 'a', 'b', 'c', 'd'"):
        shift_constants(rc.MultinomialLogit("x | 0").fit(data), shares)
    fixed = rc.MultinomialLogit("x | z", base="a", fixed={"Intercept:b": 0.0}).fit(data)
    with pytest.raises(SpecificationError, match="'Intercept:b' is fixed"):
        shift_constants(fixed, shares)
    tied = rc.MultinomialLogit("x | z", base="a", equal=[["Intercept:b", "Intercept:c"]]).fit(data)
    with pytest.raises(SpecificationError, match="'Intercept:b' is tied"):
        shift_constants(tied, shares)
    with pytest.raises(DataError, match="choice-based weights, which correct for the sampling already"):
        shift_constants(MODEL.fit(data.with_population_shares(shares), "robust"), shares)
    with pytest.raises(OptionError, match="cov_type='cluster'"):
        shift_constants(fit.with_cov("cluster", groups=np.arange(data.n_cases) % 7), shares)
    with pytest.raises(DataError, match=r"sum to 1\.1"):
        shift_constants(fit, {**shares, "a": shares["a"] + 0.1})
    bottom = rc.NestedLogit("x | z", nests=NESTS, base="a", normalisation="none").fit(data)
    with pytest.raises(SpecificationError, match="normalisation='none'"):
        shift_constants(bottom, shares)


def test_shifted_results_are_whole(tmp_path):
    data, shares = expected_sample(multinomial, RATIO, total=1e4)
    fit = MODEL.fit(data)
    moved = shift_constants(fit, shares)
    with pytest.raises(OptionError, match="no other covariance can be computed: the constants were moved"):
        moved.with_cov("robust")
    with pytest.raises(DataError, match="moved already"):
        shift_constants(moved, shares)
    assert moved.predict().to_numpy() == pytest.approx(moved.predict(data).to_numpy(), abs=1e-12)
    assert np.abs(moved.predict().to_numpy() - fit.predict().to_numpy()).max() > 0.01
    loaded = load(moved.save(tmp_path / "moved.relocchoice"))
    assert loaded.params.equals(moved.params)
    again = shift_constants(load(fit.save(tmp_path / "fit.relocchoice")), shares, data=data)
    assert again.params.equals(moved.params)
    with pytest.raises(DataError, match="pass data="):
        shift_constants(load(tmp_path / "fit.relocchoice"), shares)
    assert any(note.startswith("Constants moved from the choice-based sample") for note in moved.summary().table.notes)


# ------------------------------------------------------------------------------------------------- choice-based weights


def test_table_4_weighted_to_the_named_relocations():
    """250 of 1,000 named relocations were of whole enterprises, 70 of the 138 that the firms answered for."""
    table = form_counts().drop(columns="exists")
    table = table[table["form"] != "in-site"].assign(form=lambda t: t["form"].cat.remove_categories("in-site"))
    data = rc.ChoiceData.from_counts(table, count="events", alternative="form", cell="period")
    parts = tuple(label for label in data.alternatives if label != "entire enterprise")
    weighted = data.with_population_shares({"entire enterprise": 0.25, parts: 0.75})
    fit = rc.MultinomialLogit("form ~ 0 | 1", base="entire enterprise").fit(weighted, "robust", small_sample=False)
    assert fit.nobs == 138
    counts = data.choice_shares()["count"]
    truth = {f"Intercept:{label}": np.log(0.75 * counts[label] / 68 / 0.25) for label in parts}
    assert fit.params.to_dict() == pytest.approx(truth, abs=1e-8)
    w = {label: 0.25 / (70 / 138) if label == "entire enterprise" else 0.75 / (68 / 138) for label in counts.index}
    variance = 1 / counts["R&D"] + 1 / 70  # sum over the choices of the squared influence on ln(share / share of base)
    assert fit.bse["Intercept:R&D"] ** 2 == pytest.approx(variance, rel=1e-8)
    effective = 138**2 / (70 * w["entire enterprise"] ** 2 + 68 * w["R&D"] ** 2)
    assert dict(fit.summary().table.header)["Weights"] == f"choice-based, effective n {effective:.1f}"
    assert "With choice-based weights the log-likelihood is a pseudo-likelihood" in str(fit.summary())
    known = fixed_strata(fit)
    within = 1 / counts["R&D"] - 1 / 68  # the share of whole enterprises is given; only the split of the rest varies
    assert known.bse["Intercept:R&D"] ** 2 == pytest.approx(within, rel=0.05)


@pytest.mark.parametrize("kind", ["hessian", "opg"])
@pytest.mark.parametrize("weights", ["sampling", "choice-based"])
def test_likelihood_covariances_are_refused(kind, weights):
    data = long_data(*drawn(np.random.default_rng(5), 60)).with_weights(np.linspace(1, 2, 60), weights)
    with pytest.raises(OptionError, match=f"not valid with {weights} weights"):
        MODEL.fit(data, kind)


def test_fixed_strata_by_hand_and_refused():
    data = long_data(*drawn(np.random.default_rng(6), 300))
    weighted = data.with_population_shares({("a", "b"): 0.6, ("c", "d"): 0.4})
    fit = MODEL.fit(weighted, "robust")
    strata = strata_of_weights(weighted)
    assert strata is not None
    assert len(np.unique(strata)) == 2
    scores = fit.problem.problem.scores(fit.moments.free) * fit.problem.problem.weights[:, None]
    meat = sum(np.cov(scores[strata == g].T) * np.sum(strata == g) for g in (0, 1))
    bread = fit.moments.jacobian @ np.linalg.inv(-fit.moments.hessian)
    assert fixed_strata(fit).covariance.matrix == pytest.approx(bread @ meat @ bread.T, rel=1e-8)
    with pytest.raises(DataError, match="not none"):
        fixed_strata(MODEL.fit(data))
    mixed = data.with_weights(np.linspace(1, 2, 300), "choice-based")
    with pytest.raises(DataError, match="differ between cases of one choice"):
        fixed_strata(MODEL.fit(mixed, "robust"))
    alone = np.arange(300) // 299
    with pytest.raises(OptionError, match="a single case"):
        stratified(fit.moments, scores, np.ones(300), alone)


# ------------------------------------------------------------------------------------------------------- weights_test


def exogenous(seed, n=400):
    rng = np.random.default_rng(seed)
    x, z, y = drawn(rng, n)
    return long_data(x, z, y).with_weights(np.exp(0.5 * rng.normal(size=n) + 0.3 * z), "sampling")


def test_products_by_an_ordinary_fit():
    """The products written into the formula give the same Wald statistic."""
    data = exogenous(1)
    weights = np.asarray(data.weights)
    long = data.row_frame(["case", "alt", "chosen", "x", "z"]).assign(w=np.repeat(weights, 4))
    long["xw"], long["zw"] = long["x"] * long["w"], long["z"] * long["w"]
    fit = rc.MultinomialLogit("x + xw | z + w + zw", base="a").fit(
        ChoiceData.from_long(long, case="case", alternative="alt", chosen="chosen"), "robust"
    )
    products = [name for name in fit.params.index if name == "xw" or name.split(":")[0] in ("w", "zw")]
    by_formula = fit.wald_test([f"`{name}` = 0" for name in products])
    found = weights_test(MODEL, data)
    assert found.df == by_formula.df == 7
    assert found.statistic == pytest.approx(by_formula.statistic, rel=1e-6)
    assert found.message.startswith("DuMouchel-Duncan")


def test_products_that_the_model_has_already_are_left_out():
    """Weights that are a function of a column: their products with constants are that column."""
    data = long_data(*drawn(np.random.default_rng(2), 400))
    z = data.case_frame(["z"])["z"].to_numpy()
    found = weights_test(MODEL, data.with_weights(2.0 + (z > 0) * 1.0, "sampling"))
    assert found.df == 7
    saturated = rc.MultinomialLogit("x | z + big", base="a")
    long = data.row_frame(["case", "alt", "chosen", "x", "z"])
    long["big"] = (long["z"] > 0).astype(float)
    flagged = ChoiceData.from_long(long, case="case", alternative="alt", chosen="chosen")
    found = weights_test(saturated, flagged.with_weights(2.0 + (z > 0) * 1.0, "sampling"))
    assert found.df == 4  # x and z; the constants' product is `big`, and that of `big` too
    assert "6 products left out as collinear" in found.message


def test_fixed_and_tied_coefficients_have_their_products():
    data = exogenous(3)
    fixed = rc.MultinomialLogit("x | z", base="a", fixed={"z:b": 0.5})
    assert weights_test(fixed, data).df == 6
    tied = rc.MultinomialLogit("x | z", base="a", equal=[["z:b", "z:c"]])
    assert weights_test(tied, data).df == 6


def test_misspecification_that_goes_with_the_weights_is_found():
    """The slope of x differs where the weights are high."""
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=(1500, 4)), rng.normal(size=1500)
    high = rng.random(1500) < 0.5
    p = multinomial(np.where(high, 1.6, 0.4)[:, None] * x + CONSTANTS)
    y = (p.cumsum(axis=1) > rng.random((1500, 1))).argmax(axis=1)
    data = long_data(x, z, y).with_weights(np.where(high, 3.0, 1.0), "sampling")
    for method in ("products", "hausman"):
        assert weights_test(MODEL, data, method=method).pvalue < 1e-3


def test_hausman_by_an_ordinary_fit():
    data = exogenous(7)
    plain = data.with_weights(np.ones(400), "frequency")
    one, other = MODEL.fit(data, "robust"), MODEL.fit(plain)
    parts = []
    for fit in (one, other):
        problem = fit.problem.problem
        scores = problem.scores(fit.moments.free) * problem.weights[:, None]
        parts.append(scores @ np.linalg.inv(-fit.moments.hessian) @ fit.moments.jacobian.T)
    gap = (one.params - other.params).to_numpy()
    influence = parts[0] - parts[1]
    by_hand = gap @ np.linalg.solve(influence.T @ influence, gap)
    found = weights_test(MODEL, data, method="hausman")
    assert found.statistic == pytest.approx(by_hand, rel=1e-6)
    assert found.df == 7
    assert "Hausman-type" in found.message


def test_choice_based_weights_are_compared_without_the_constants():
    data = long_data(*drawn(np.random.default_rng(8), 500))
    weighted = data.with_population_shares({"a": 0.4, "b": 0.2, "c": 0.1, "d": 0.3})
    found = weights_test(MODEL, weighted)
    assert found.df == 4
    assert "all coefficients but the constants" in found.message
    without = weights_test(rc.MultinomialLogit("x | 0"), weighted)
    assert not without.applies
    assert "only beside all constants" in without.message
    only = weights_test(rc.MultinomialLogit("0 | 1"), weighted)
    assert "nothing but constants" in only.message


def test_nested_logit_by_the_difference():
    data = long_data(*drawn(np.random.default_rng(9), 1500, nested))
    rng = np.random.default_rng(10)
    found = weights_test(NESTED, data.with_weights(np.exp(0.4 * rng.normal(size=1500)), "sampling"))
    assert found.df == 9
    whole = weights_test(NESTED, data.with_population_shares({("a", "b"): 0.5, ("c", "d"): 0.5}))
    assert whole.df == 6
    uneven = weights_test(NESTED, data.with_population_shares({"a": 0.4, "b": 0.2, "c": 0.1, "d": 0.3}))
    assert not uneven.applies
    assert "differ within nest 'near'" in uneven.message


def test_what_cannot_be_tested():
    data = exogenous(11)
    with pytest.raises(DataError, match="needs sampling or choice-based weights, not none"):
        weights_test(MODEL, long_data(*drawn(np.random.default_rng(1), 50)))
    with pytest.raises(DataError, match="not frequency"):
        weights_test(MODEL, data.with_weights(np.ones(400), "frequency"))
    with pytest.raises(OptionError, match="method='wald' is not valid; valid: auto, products, hausman"):
        weights_test(MODEL, data, method="wald")
    with pytest.raises(OptionError, match="not for nested logit"):
        weights_test(NESTED, data, method="products")
    with pytest.raises(OptionError, match="functions of the choice"):
        weights_test(MODEL, data.with_weights(np.asarray(data.weights), "choice-based"), method="products")
    with pytest.raises(SpecificationError, match="needs a model, not str"):
        weights_test("x | z", data)
    equal = weights_test(MODEL, data.with_weights(np.full(400, 2.0), "sampling"))
    assert not equal.applies
    assert "all weights are equal" in str(equal)


# --------------------------------------------------------------------------------------------------------- simulation


@pytest.mark.slow
def test_wesml_and_the_shift_recover_the_truth_where_unweighted_constants_are_off():
    rng = np.random.default_rng(20261122)
    x, z, y = drawn(rng, 400_000)
    shares = dict(zip(LABELS, np.bincount(y) / len(y), strict=True))
    sizes = {0: 100, 1: 150, 2: 200, 3: 150}
    by_choice = [np.flatnonzero(y == j) for j in range(4)]
    plain, moved, weighted, tests = [], [], [], []
    errors = {"moved": [], "fixed": [], "robust": []}
    for _ in range(120):
        at = np.concatenate([rng.choice(by_choice[j], n, replace=False) for j, n in sizes.items()])
        data = long_data(x[at], z[at], y[at])
        fit = MODEL.fit(data)
        shifted = shift_constants(fit, shares)
        wesml = MODEL.fit(data.with_population_shares(shares), "robust")
        plain.append(fit.params)
        moved.append(shifted.params)
        weighted.append(wesml.params)
        for name, held in (("moved", shifted), ("fixed", fixed_strata(wesml)), ("robust", wesml)):
            errors[name].append(held.bse)
        tests.append(weights_test(MODEL, data.with_population_shares(shares)).pvalue)
    truth = pd.Series(TRUTH)
    for estimates in (moved, weighted):
        frame = pd.DataFrame(estimates)[truth.index]
        z_of_bias = (frame.mean() - truth) / (frame.std() / np.sqrt(len(frame)))
        assert z_of_bias.abs().max() < 4.5  # of a bias of order 1/n as well
    assert abs(pd.DataFrame(plain)["Intercept:c"].mean() - TRUTH["Intercept:c"]) > 2.5
    for name, estimates in (("moved", moved), ("fixed", weighted)):
        ratio = pd.DataFrame(errors[name]).mean() / pd.DataFrame(estimates).std()
        assert ratio.between(0.8, 1.25).all()
    too_large = pd.DataFrame(errors["robust"]).mean() / pd.DataFrame(weighted).std()
    assert (too_large[["Intercept:b", "Intercept:c", "Intercept:d"]] > 1.5).all()
    assert np.mean(np.array(tests) < 0.05) <= 0.12


@pytest.mark.slow
def test_size_of_dumouchel_and_duncan_under_exogenous_weights():
    pvalues = np.array([weights_test(MODEL, exogenous(1000 + r, 2000)).pvalue for r in range(200)])
    assert 0.02 <= np.mean(pvalues < 0.05) <= 0.09
    assert 0.4 <= np.mean(pvalues < 0.5) <= 0.6
