"""Data, options and starts that once led to a wrong verdict or to a bare exception."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import builders
import relocchoice as rc
from builders import choice_data, choice_frame

FORMULA = "chosen ~ cost + travel"
NEAR = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}


def agree(found: pd.Series, expected: pd.Series) -> None:
    builders.agree(found, expected, 1e-7)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return choice_frame(150, 5, places=("county", "metro", "township"))


@pytest.fixture(scope="module")
def data(rows: pd.DataFrame) -> rc.ChoiceData:
    return choice_data(rows)


@pytest.mark.parametrize("terms", [1, "assets"])
def test_a_coefficient_of_all_utilities_is_not_identified(terms, data):
    utilities = {place: {"k": terms, "b": "cost"} for place in ("county", "metro", "township")}
    with pytest.raises(rc.IdentificationError, match="k: its column is the same for all alternatives"):
        rc.MultinomialLogit(rc.UtilitySpec(utilities)).fit(data)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e12, 1e300])
def test_the_unit_of_sampling_weights_does_not_matter(scale, data):
    weights = np.linspace(0.5, 1.5, data.n_cases)
    one = rc.MultinomialLogit(FORMULA).fit(data.with_weights(weights, "sampling"))
    other = rc.MultinomialLogit(FORMULA).fit(data.with_weights(scale * weights, "sampling"))
    assert other.converged
    agree(other.params, one.params)
    agree(other.bse, one.bse)
    assert other.llf == pytest.approx(scale * one.llf, rel=1e-12)


@pytest.mark.parametrize("kind", ["frequency", "sampling"])
def test_a_case_of_weight_zero_is_not_there(kind, data):
    weights = np.ones(data.n_cases)
    weights[::3] = 0.0
    some = data.with_weights(weights, kind).select(weights > 0)
    for options in ({"cov_type": "robust", "small_sample": True}, {"cov_type": "cluster", "groups": "move"}):
        whole = rc.MultinomialLogit(FORMULA).fit(data.with_weights(weights, kind), **options)
        part = rc.MultinomialLogit(FORMULA).fit(some, **options)
        agree(whole.bse, part.bse)
        assert whole.nobs == part.nobs
        assert whole.covariance.groups == part.covariance.groups


@pytest.mark.parametrize("start", [{"cost": 1e6}, {"cost": -1e4, "travel": 300.0}])
def test_far_starts_arrive(start, data):
    near = rc.MultinomialLogit(FORMULA).fit(data)
    far = rc.MultinomialLogit(FORMULA).fit(data, start=start)
    assert far.converged
    agree(far.params, near.params)


def test_a_large_offset_only_moves_its_coefficient(data):
    plain = rc.MultinomialLogit(FORMULA).fit(data)
    moved = rc.MultinomialLogit(FORMULA, offset="{1000*travel}").fit(data)
    assert moved.converged
    assert moved.params["travel"] == pytest.approx(plain.params["travel"] - 1000.0, abs=1e-6)
    assert moved.llf == pytest.approx(plain.llf, abs=1e-8)


def test_random_starts_differ_and_agree(data):
    fit = rc.MultinomialLogit(FORMULA).fit(data, starts=4, seed=7)
    assert fit.starts["agrees with the best"].all()
    assert len(set(fit.starts["iterations"])) > 1
    assert "Best of 4 starts; 4 of them" in str(fit.summary())


@pytest.mark.parametrize("lambdas", ["free", "common"])
def test_a_nest_of_all_alternatives_has_no_lambda(lambdas, data):
    nested = rc.NestedLogit(FORMULA, {"all": ["county", "metro", "township"]}, lambdas=lambdas).fit(data)
    plain = rc.MultinomialLogit(FORMULA).fit(data)
    assert nested.converged
    agree(nested.params[plain.params.index], plain.params)
    assert nested.df_model == plain.df_model
    assert "lambda:all" in " ".join(nested.notes)


def test_common_lambda_of_degenerate_nests_is_none(data):
    nests = {"a": ["county"], "b": ["metro"], "c": ["township"]}
    fit = rc.NestedLogit(FORMULA, nests, lambdas="common").fit(data)
    assert fit.converged
    assert "lambda" not in fit.params.index


def test_a_covariance_of_other_data_is_refused(data, tmp_path):
    fit = rc.MultinomialLogit(FORMULA).fit(data)
    loaded = rc.load(fit.save(tmp_path / "fit.relocchoice"))
    agree(loaded.with_cov("cluster", groups="move", data=data).bse, fit.with_cov("cluster", groups="move").bse)
    with pytest.raises(rc.DataError, match="not the data of the fit"):
        loaded.with_cov("cluster", groups="move", data=data.select(slice(0, 50)))


def test_clusters_are_matched_by_label(data):
    fit = rc.MultinomialLogit(FORMULA).fit(data)
    labels = pd.Series(np.arange(data.n_cases) // 3, index=data.cases)
    agree(fit.with_cov("cluster", groups=labels[::-1]).bse, fit.with_cov("cluster", groups=labels.to_numpy()).bse)
    labels.index = [f"other {k}" for k in range(len(labels))]
    with pytest.raises(rc.OptionError, match="no label for case"):
        fit.with_cov("cluster", groups=labels)


@pytest.mark.parametrize(
    "options",
    [
        {"groups": "move"},
        {"small_sample": "x"},
        {"start": [1]},
        {"start": {"cost": "a"}},
        {"start": {"cost": np.inf}},
        {"start": {"cost": 1e308}},
        {"tolerance": "a"},
        {"seed": -1},
        {"max_iterations": True},
        {"cov_type": "cluster", "groups": np.zeros((150, 2))},
    ],
)
def test_options_are_refused_by_name(options, data):
    with pytest.raises(rc.OptionError) as error:
        rc.MultinomialLogit(FORMULA).fit(data, **options)
    assert list(options)[-1] in str(error.value)


@pytest.mark.parametrize("start", [-1.0, 0.0, 1e-5, 1e5])
def test_lambdas_start_in_their_domain(start, data):
    nested = rc.NestedLogit(FORMULA, {"near": ["county", "township"], "far": ["metro"]})
    with pytest.raises(rc.OptionError, match="dissimilarity"):
        nested.fit(data, start={"lambda:near": start})


def test_many_alternatives_that_nobody_chose():
    rng = np.random.default_rng(3)
    n, n_places = 200, 120
    x = rng.normal(size=(n, n_places))
    chosen = (x + rng.gumbel(size=x.shape)).argmax(axis=1)
    table = {"move": np.repeat(np.arange(n), n_places), "place": np.tile(np.arange(n_places), n), "x": x.ravel()}
    rows = pd.DataFrame(table).assign(chosen=(chosen[:, None] == np.arange(n_places)).ravel())
    never = n_places - len(np.unique(chosen))
    fit = rc.MultinomialLogit("chosen ~ x", base=int(chosen[0])).fit(
        rc.ChoiceData.from_long(rows, case="move", alternative="place", chosen="chosen")
    )
    assert not fit.converged
    assert len(fit.identification.infinite) == never > 0
    assert np.isfinite(fit.bse["x"])


def test_prediction_needs_choice_data(rows, data):
    fit = rc.MultinomialLogit(FORMULA).fit(data)
    with pytest.raises(rc.DataError, match="ChoiceData"):
        fit.predict(rows)
    assert fit.predict(data.select([])).shape == (0, 3)


def test_a_singular_outer_product_leaves_the_estimates(data):
    few = data.select(slice(0, 60))
    fit = rc.MultinomialLogit("chosen ~ cost + travel | assets").fit(few)
    assert fit.converged
    with pytest.raises(rc.OptionError, match="two groups"):
        fit.with_cov("cluster", groups=np.zeros(60))
    pairs = fit.with_cov("cluster", groups=np.arange(60) % 2)
    assert np.isfinite(pairs.bse).all()


def test_a_model_can_be_checked_without_fitting(rows):
    data = choice_data(
        rows.assign(twice=2 * rows["cost"], flat=1.0, hole=rows["travel"].where(rows["move"] != rows["move"].iloc[0]))
    )
    assert rc.MultinomialLogit(FORMULA).check(data) == ()
    (collinear,) = rc.MultinomialLogit("chosen ~ cost + twice").check(data)
    assert collinear.rule == "collinear"
    assert "2 * twice" in collinear.message or "0.5 * twice" in collinear.message
    many = rc.NestedLogit("chosen ~ cost + flat + assets + hole", {"near": ["county", "moon"], "far": ["metro"]}).check(
        data
    )
    assert {finding.rule for finding in many} >= {"unknown_alternative", "missing_alternative"}
    assert {"flat", "assets", "hole"} <= {str(finding.column) for finding in many}


def test_a_model_keeps_its_own_constraints():
    fixed = {"cost": 0.5}
    model = rc.MultinomialLogit(FORMULA, fixed=fixed)
    fixed["cost"] = 7.0
    assert model.fixed["cost"] == 0.5


def test_data_that_cannot_be_estimated_are_a_finding(rows):
    model = rc.MultinomialLogit(FORMULA)
    (finding,) = model.check(rows)
    assert "ChoiceData" in finding.message
    (finding,) = model.check(rc.ChoiceData.from_long(rows.drop(columns="chosen"), case="move", alternative="place"))
    assert "no choices" in finding.message


def test_the_warning_points_at_the_callers_line(rows):
    with pytest.warns(rc.ConvergenceWarning) as caught:
        rc.MultinomialLogit("chosen ~ seen | 0").fit(choice_data(rows.assign(seen=rows["chosen"].astype(float))))
    assert caught[0].filename == __file__


def test_constraints_on_a_lambda_that_does_not_exist_constrain_no_other(data):
    nests = {"near": ["county", "township"], "far": ["metro"]}
    plain = rc.NestedLogit(FORMULA, nests).fit(data)
    tied = rc.NestedLogit(FORMULA, nests, equal=[["lambda:near", "lambda:far"]]).fit(data)
    bounded = rc.NestedLogit(FORMULA, nests, bounds={"lambda:near": (0.01, 5.0), "lambda:far": (0.01, 0.9)}).fit(data)
    assert plain.params["lambda:near"] != 1.0
    for fit in (tied, bounded):
        assert fit.converged
        assert fit.llf == pytest.approx(plain.llf, abs=1e-9)
        assert fit.params["lambda:near"] == pytest.approx(plain.params["lambda:near"], abs=1e-7)


@pytest.mark.parametrize("value", [1e-300, 1e-7, 1e7])
def test_fixed_lambdas_that_leave_no_digits_are_refused(value):
    model = rc.NestedLogit("chosen ~ cost", NEAR, fixed={"lambda:near": value})
    with pytest.raises(rc.SpecificationError, match=r"lambda:near is fixed at .* must be positive, 1e-06 to 1e\+06"):
        model.fit(choice_data(choice_frame(60, 1)))


def test_values_at_which_the_likelihood_is_not_finite_are_refused():
    data = choice_data(choice_frame(60, 1))
    with pytest.raises(rc.OptionError, match="1e-50 to 1e50"):
        rc.Ridge(sd=1e-300)
    with np.errstate(all="ignore"), pytest.raises(rc.SpecificationError, match="not finite at any starting values"):
        rc.MultinomialLogit("chosen ~ distance", offset="I(cost * 1e307)").fit(data)


def test_a_refused_lambda_is_shown_with_the_digits_for_which_it_is_refused():
    model = rc.NestedLogit("chosen ~ cost", NEAR, fixed={"lambda:near": 1e-6 * (1 - 1e-12)})
    with pytest.raises(rc.SpecificationError, match=r"fixed at 9\.99999999999e-07; a lambda must"):
        model.fit(choice_data(choice_frame(60, 1)))


def test_a_maximum_lost_in_rounding_is_not_said_to_identify_everything():
    model = rc.NestedLogit("chosen ~ cost | 1", NEAR, fixed={"lambda:near": 1e-6, "lambda:away": 1e-6})
    fits = [model.fit(choice_data(choice_frame(60, seed))) for seed in range(6)]
    uncertain = [fit for fit in fits if "not certain that the maximum is unique" in fit.status_message]
    assert uncertain
    assert all("lambda:near = 1e-06" in fit.status_message and not fit.converged for fit in uncertain)
    assert not any("every parameter is identified" in fit.identification.verdict for fit in fits if not fit.converged)
