"""Elasticity bounds are derivatives of predicted counts, and the nested logit with an outside option lies between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import derivative
from relocchoice.post.bounds import elasticity_bounds

ZONES = list("abcdef")


def counts(n: float = 500, seed: int = 3, outside: bool = False) -> pd.DataFrame:
    """Counts of big and small firms in six zones; ``outside`` adds a seventh place without attributes worth naming."""
    rng = np.random.default_rng(seed)
    zones = pd.DataFrame({"zone": ZONES, "rent": rng.uniform(1, 4, 6), "jobs": rng.exponential(size=6) + 0.2})
    if outside:
        zones = pd.concat([zones, pd.DataFrame({"zone": ["abroad"], "rent": [1.0], "jobs": [1.0]})])
    table = pd.DataFrame({"size": ["small", "big"]}).merge(zones, how="cross")
    table["far"] = rng.uniform(0.5, 2, len(table))
    utility = -0.5 * table["rent"] + 0.6 * np.log(table["jobs"]) - 0.3 * table["far"] * (1 + (table["size"] == "big"))
    share = np.exp(utility) / np.exp(utility).groupby(table["size"]).transform("sum")
    return table.assign(firms=rng.poisson(share * n))


def data(**options) -> rc.ChoiceData:
    return rc.ChoiceData.from_counts(counts(**options), count="firms", alternative="zone", cell="size")


def grown(at: rc.ChoiceData, variable: str, alternative: str, share: float) -> rc.ChoiceData:
    """The data with one alternative's attribute larger by a share."""
    here = at.row_alternative == at.alternatives.get_loc(alternative)
    values = at.row_columns[variable].to_numpy(dtype=float) * np.where(here, 1 + share, 1.0)
    return replace(at, row_columns={**at.row_columns, variable: pd.Series(values)})


def numeric(fit, at, variable, alternative, positive_sum=False) -> float:
    """Derivative of the log of an alternative's predicted count; with effects of the cases held where positive-sum."""
    j = at.alternatives.get_loc(alternative)
    weights = np.ones(at.n_cases) if at.weights is None else at.weights
    before = fit.predict(at).to_numpy()

    def log_count(share):
        p = fit.predict(grown(at, variable, alternative, float(share[0]))).to_numpy()
        if not positive_sum:
            return np.log(weights @ p[:, j])
        other = (j + 1) % at.n_alternatives  # exp(V_j - V_other) moves with V_j alone
        factor = (p[:, j] / p[:, other]) / (before[:, j] / before[:, other])
        return np.log(weights @ (before[:, j] * factor))

    return float(derivative(log_count, np.zeros(1), 1e-3)[0])


MODELS = {
    "level": ("chosen ~ rent + far | 0", "rent"),
    "log": ("chosen ~ log(jobs) + rent | 0", "jobs"),
    "both": ("chosen ~ rent + log(rent) | 0", "rent"),
    "varies by case": ("chosen ~ rent + far | 0", "far"),
    "product": ("chosen ~ rent + far:size + far | 0", "far"),
    "square": ("chosen ~ I(rent**2) + far | 0", "rent"),
    "root of a sum": ("chosen ~ sqrt(rent + jobs) | 0", "jobs"),
    "constants": ("chosen ~ far | 1", "far"),
    "own coefficients": ("chosen ~ 0 | 0 | far", "far"),
}


@pytest.mark.parametrize("name", MODELS)
def test_bounds_are_derivatives_of_counts(name):
    formula, variable = MODELS[name]
    at = data()
    fit = rc.MultinomialLogit(formula).fit(at)
    bounds = elasticity_bounds(fit, variable)
    assert list(bounds.table.index) == ZONES
    for zone in ZONES:
        row = bounds.table.loc[zone]
        assert row["conditional logit"] == pytest.approx(numeric(fit, at, variable, zone), abs=1e-7)
        assert row["poisson"] == pytest.approx(numeric(fit, at, variable, zone, positive_sum=True), abs=1e-7)
    np.testing.assert_allclose(bounds.table["count"], at.weights @ fit.predict().to_numpy())
    assert (bounds.table["conditional logit"].abs() <= bounds.table["poisson"].abs() + 1e-12).all()
    np.testing.assert_allclose(bounds.average["poisson"], bounds.table["poisson"].mean())


def test_offsets_count():
    fit = rc.MultinomialLogit("chosen ~ rent | 0", offset="log(jobs)").fit(data())
    bounds = elasticity_bounds(fit, "jobs")
    np.testing.assert_allclose(bounds.table["poisson"], 1.0, rtol=1e-10)
    assert any("the offset" in note for note in bounds.notes)


def test_known_formulas_with_one_cell():
    zones = (
        counts()
        .groupby("zone", as_index=False)
        .agg(rent=("rent", "first"), jobs=("jobs", "first"), firms=("firms", "sum"))
    )
    fit = rc.MultinomialLogit("chosen ~ rent + log(jobs) | 0").fit(
        rc.ChoiceData.from_zones(zones, zone="zone", count="firms")
    )
    p = fit.predict().to_numpy()[0]
    rent = elasticity_bounds(fit, "rent").table
    np.testing.assert_allclose(rent["poisson"], fit.params["rent"] * zones["rent"], rtol=1e-12)
    np.testing.assert_allclose(rent["conditional logit"], fit.params["rent"] * zones["rent"] * (1 - p), rtol=1e-12)
    np.testing.assert_allclose(rent["poisson se"], fit.bse["rent"] * zones["rent"], rtol=1e-7)
    jobs = elasticity_bounds(fit, "jobs")
    np.testing.assert_allclose(jobs.table["poisson"], fit.params["log(jobs)"], rtol=1e-12)
    np.testing.assert_allclose(jobs.average["conditional logit"], fit.params["log(jobs)"] * (1 - 1 / 6), rtol=1e-12)
    np.testing.assert_allclose(jobs.average["conditional logit se"], fit.bse["log(jobs)"] * (1 - 1 / 6), rtol=1e-6)


@pytest.mark.parametrize("name", ["varies by case", "product", "own coefficients"])
def test_cross_elasticities_are_derivatives_of_counts_too(name):
    formula, variable = MODELS[name]
    at = data()
    fit = rc.MultinomialLogit(formula).fit(at)
    cross = elasticity_bounds(fit, variable, of="c")
    own = elasticity_bounds(fit, variable).table.loc["c"]
    pd.testing.assert_series_equal(cross.table.loc["c"], own, rtol=1e-10)
    table = rc.elasticities(fit, variable).table.xs("c", level="attribute of").droplevel("variable").loc[ZONES]
    np.testing.assert_allclose(cross.table["conditional logit"], table["estimate"], rtol=1e-9)
    np.testing.assert_allclose(cross.table["conditional logit se"], table["std_error"], rtol=1e-5)
    others = cross.table.drop(index="c")
    assert (others[["poisson", "poisson se"]] == 0).all(axis=None)
    # what c gains, the others lose
    assert cross.table["count"] @ cross.table["conditional logit"] == pytest.approx(0, abs=1e-9)
    assert cross.average.empty
    assert f"{variable} of c" in str(cross)
    assert "Average" not in str(cross)
    assert "Average" in str(elasticity_bounds(fit, variable))


@pytest.mark.parametrize("normalisation", ["utility", "none"])
def test_cross_elasticities_of_a_nested_logit_lie_between(normalisation):
    at = data(outside=True)
    nests = {"here": ZONES, "abroad": None}
    fit = rc.NestedLogit("chosen ~ far | 1", nests, normalisation=normalisation, fixed={"lambda:here": 0.6}).fit(at)
    cross = elasticity_bounds(fit, "far", of="c").table
    weights = np.ones(at.n_cases) if at.weights is None else at.weights

    def log_counts(share):
        return np.log(weights @ fit.predict(grown(at, "far", "c", float(share[0])))[ZONES].to_numpy())

    wanted = np.ravel(derivative(log_counts, np.zeros(1), 1e-3))
    np.testing.assert_allclose(cross["nested logit"], wanted, rtol=1e-6)
    for zone in ZONES:
        ends = sorted(cross.loc[zone, ["conditional logit", "poisson"]])
        assert ends[0] <= cross.loc[zone, "nested logit"] <= ends[1]
    with pytest.raises(rc.DataError, match="outside the nest"):
        elasticity_bounds(fit, "far", of="abroad")
    with pytest.raises(rc.DataError, match="'moon' is no alternative"):
        elasticity_bounds(fit, "far", of="moon")


def test_errors_by_the_delta_method():
    """Against the gradient of the elasticity in the parameters, by differences of the formula."""
    at = data()
    fit = rc.MultinomialLogit("chosen ~ rent + far | 0").fit(at, "robust")
    bounds = elasticity_bounds(fit, "rent")
    rows = at.row_frame(["rent", "far"]).to_numpy()

    def formula(theta):
        p = np.exp(rows @ theta).reshape(at.n_cases, 6)
        p /= p.sum(axis=1, keepdims=True)
        slope = theta[0] * rows[:, 0].reshape(p.shape)
        return at.weights @ (p * slope * (1 - p)) / (at.weights @ p)

    theta = fit.params.to_numpy()
    np.testing.assert_allclose(bounds.table["conditional logit"], formula(theta), rtol=1e-12)
    g = derivative(formula, theta)
    expected = np.sqrt(np.einsum("kj,kl,lj->j", g, fit.cov_params().to_numpy(), g))
    np.testing.assert_allclose(bounds.table["conditional logit se"], expected, rtol=1e-6)


@pytest.mark.parametrize("normalisation", ["utility", "none", "bottom"])
def test_a_nested_logit_with_an_outside_option_lies_between(normalisation):
    at = data(outside=True)
    nests = {"here": ZONES, "abroad": None}
    fit = rc.NestedLogit("chosen ~ rent + far | 0", nests, normalisation=normalisation, fixed={"lambda:here": 0.6}).fit(
        at
    )
    bounds = elasticity_bounds(fit, "rent").table
    assert list(bounds.index) == ZONES
    for zone in ZONES:
        assert bounds.loc[zone, "nested logit"] == pytest.approx(numeric(fit, at, "rent", zone), abs=1e-7)
    low, middle, high = (bounds[kind].abs() for kind in ("conditional logit", "nested logit", "poisson"))
    assert ((low < middle) & (middle < high)).all()


def test_an_estimated_lambda_has_its_share_in_the_errors():
    at = data(outside=True, n=5000)
    fit = rc.NestedLogit("chosen ~ rent + far + log(jobs) | 0", {"here": ZONES, "abroad": None}).fit(at)
    assert fit.converged
    bounds = elasticity_bounds(fit, "jobs")
    for zone in ZONES:
        assert bounds.table.loc[zone, "nested logit"] == pytest.approx(numeric(fit, at, "jobs", zone), abs=1e-7)
    assert "Nested logit" in str(bounds)


def test_other_data_other_bounds():
    fit = rc.MultinomialLogit("chosen ~ rent + far | 0").fit(data())
    at = rc.ChoiceData.from_long(
        counts()[lambda t: t["zone"] != "f"].assign(case=lambda t: t["size"]), case="case", alternative="zone"
    )
    bounds = elasticity_bounds(fit, "rent", at=at)
    assert list(bounds.table.index) == ZONES[:5]
    for zone in ZONES[:5]:
        assert bounds.table.loc[zone, "conditional logit"] == pytest.approx(numeric(fit, at, "rent", zone), abs=1e-7)


def test_ragged_weighted_cases():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"case": np.repeat(np.arange(80), 6), "zone": ZONES * 80, "x": rng.uniform(1, 2, 480)})
    table = table[(rng.random(480) < 0.7) | table["zone"].isin(["a", "b"])]
    u = table["x"] + rng.gumbel(size=len(table))
    table["chosen"], table["w"] = u == u.groupby(table["case"]).transform("max"), 0.5 + table["case"] % 3
    at = rc.ChoiceData.from_long(
        table, case="case", alternative="zone", chosen="chosen", weights="w", weight_kind="sampling"
    )
    fit = rc.MultinomialLogit("chosen ~ log(x) | 0").fit(at)
    bounds = elasticity_bounds(fit, "x").table
    for zone in ZONES:
        assert bounds.loc[zone, "conditional logit"] == pytest.approx(numeric(fit, at, "x", zone), abs=1e-7)


def test_display_says_what_it_shows():
    fit = rc.MultinomialLogit("chosen ~ I(rent**2) + far | 0").fit(data())
    bounds = elasticity_bounds(fit, "rent")
    text = str(bounds)
    for words in (
        "Zero sum",
        "Positive sum",
        "central differences: I(rent ** 2)",
        "Average (each once)",
        "delta method",
    ):
        assert words in text
    assert "<table" in bounds._repr_html_()
    assert "central differences" not in str(elasticity_bounds(fit, "far"))
    table = bounds.table
    table.loc[:, "poisson"] = 0.0
    assert (bounds.table["poisson"] != 0).all()


def test_many_zones_are_cut_short():
    rng = np.random.default_rng(0)
    zones = {"zone": np.arange(60), "x": rng.normal(size=60)}
    fit = rc.MultinomialLogit("chosen ~ x | 0").fit(
        rc.ChoiceData.from_zones(zones, zone="zone", chosen=rng.integers(0, 60, 500))
    )
    assert "20 more alternatives are in .table" in str(elasticity_bounds(fit, "x"))


def test_without_covariance_there_are_no_errors():
    fit = rc.MultinomialLogit("chosen ~ rent + far | 0").fit(data(), "none")
    bounds = elasticity_bounds(fit, "rent")
    assert bounds.table["poisson se"].isna().all()
    assert "Standard errors are not available" in str(bounds)
    assert "nan" not in str(bounds)


BAD = {
    "not in the model": ("jobs", rc.SpecificationError, "'jobs' moves no utility"),
    "one a case": ("size", rc.SpecificationError, "the same for all alternatives"),
    "no column": ("wages", rc.DataError, "wages"),
    "categories": ("kind", rc.DataError, "does not hold numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_variables_without_elasticity_are_refused(case):
    variable, error, message = BAD[case]
    table = counts().assign(kind=lambda t: np.where(t["zone"] < "c", "port", "plain"))
    at = rc.ChoiceData.from_counts(table, count="firms", alternative="zone", cell="size")
    fit = rc.MultinomialLogit("chosen ~ rent + kind | 0").fit(at)
    with pytest.raises(error, match=message):
        elasticity_bounds(fit, variable)


def test_fits_without_bounds_are_refused(tmp_path):
    nests = {"m": ["a", "b", "c"], "n": ["d", "e", "f"]}
    nested = rc.NestedLogit("chosen ~ rent | 0", nests, fixed={"lambda:m": 0.5, "lambda:n": 0.5}).fit(data())
    with pytest.raises(rc.SpecificationError, match="2 nests and 0 alternatives outside"):
        elasticity_bounds(nested, "rent")
    fit = rc.MultinomialLogit("chosen ~ rent | 0").fit(data())
    loaded = rc.load(fit.save(tmp_path / "fit.json"))
    with pytest.raises(rc.DataError, match="pass at="):
        elasticity_bounds(loaded, "rent")
    pd.testing.assert_frame_equal(
        elasticity_bounds(loaded, "rent", at=data()).table, elasticity_bounds(fit, "rent").table
    )
    with pytest.raises(rc.DataError, match="at= needs a ChoiceData"):
        elasticity_bounds(fit, "rent", at=counts())
