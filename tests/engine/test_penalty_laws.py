"""Firth's and the ridge penalty: derivatives, closed forms, and maxima found by other means."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from engine_models import FORMULA, MODELS, frame
from scipy.optimize import minimize

import relocchoice as rc
from builders import NESTS, choice_data, derivative, plain_probabilities
from penalised_fits import DESTINATIONS, bound, fit, grouped_destinations
from relocchoice.engine.penalty import FirthPenalty, RidgePenalty, penalised
from relocchoice.errors import OptionError

FIRTH = FirthPenalty()
PENALTIES = {"firth": FIRTH, "ridge": RidgePenalty(1.5, 0.2, ("cost", "Intercept:metro"))}
every_model = pytest.mark.parametrize("name", MODELS)
every_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


@cache
def moves(weights: str | None = None) -> rc.ChoiceData:
    rows = frame(60).assign(often=lambda f: f["move"] % 3)
    return choice_data(rows, weights=weights)


def somewhere(problem, seed: int = 1) -> np.ndarray:
    """Free parameters of middling size."""
    rng = np.random.default_rng(seed)
    free = rng.normal(size=len(problem.space.free_names)) * 0.4
    shape = np.abs(problem.space.matrix[problem.n_coef :]).sum(axis=0) > 0
    free[shape] = rng.uniform(0.5, 1.2, int(shape.sum()))
    return free


@every_model
@every_penalty
def test_derivatives_are_those_of_the_value(name, penalty):
    """Along two random directions, which spares the nested models' many evaluations."""
    problem, _ = bound(MODELS[name], moves("often"))
    free = somewhere(problem)
    at = penalty.at(problem, free)
    np.testing.assert_array_equal(at.hessian, at.hessian.T)
    for along in np.random.default_rng(5).normal(size=(2, len(free))):
        start = np.zeros(1)
        slope = derivative(lambda t, d=along: penalty.at(problem, free + t * d).value, start)[0]
        change = derivative(lambda t, d=along: penalty.at(problem, free + t * d).gradient, start)[0]
        assert at.gradient @ along == pytest.approx(slope, rel=1e-8, abs=1e-8)
        np.testing.assert_allclose(at.hessian @ along, change, rtol=1e-7, atol=1e-7)


def dense(rows: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Rows x coefficients of FORMULA, one column after the other, base township."""
    places = ["coast", "county", "interior", "metro"]
    columns = {"cost": rows["cost"], "distance": rows["distance"]}
    for place in places:
        columns[f"Intercept:{place}"] = (rows["place"] == place) * 1.0
        columns[f"assets:{place}"] = (rows["place"] == place) * rows["assets"]
    for place in [*places, "township"]:
        columns[f"travel:{place}"] = (rows["place"] == place) * rows["travel"]
    return np.column_stack(list(columns.values())), list(columns)


def plain_information(x: np.ndarray, p: np.ndarray, case: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Sum over the cases of the variance of x under p, case by case."""
    out = np.zeros((x.shape[1], x.shape[1]))
    for i in np.unique(case):
        own = case == i
        gap = x[own] - p[own] @ x[own]
        out += weight[own][0] * (gap.T * p[own]) @ gap
    return out


def row_probabilities(rows: pd.DataFrame, v: np.ndarray, lambdas: dict[str, float] | None) -> np.ndarray:
    """(rows,) by the textbook recursion; with a flat tree where there are no lambdas."""
    tree = dict.fromkeys(rows["place"].unique()) if lambdas is None else NESTS
    out = np.empty(len(rows))
    for _, own in rows.assign(v=v, at=np.arange(len(rows))).groupby("move"):
        p = plain_probabilities(dict(zip(own["place"], own["v"], strict=True)), tree, lambdas or {})
        out[own["at"]] = [p[place] for place in own["place"]]
    return out


@pytest.mark.parametrize("weights", [None, "often"])
@pytest.mark.parametrize("kind", ["multinomial", "nested, utility, free"])
def test_value_is_half_the_log_determinant_of_the_information(kind, weights):
    rows = frame(60).assign(often=lambda f: f["move"] % 3)
    problem, _ = bound(MODELS[kind], moves(weights))
    free = somewhere(problem, 3)
    theta = dict(zip(problem.space.names, problem.user(free), strict=True))
    x, names = dense(rows)
    lambdas = {k.removeprefix("lambda:"): v for k, v in theta.items() if k.startswith("lambda:")} or None
    p = row_probabilities(rows, x @ [theta[name] for name in names], lambdas)
    weight = np.ones(len(rows)) if weights is None else rows[weights].to_numpy(float)
    _, log_det = np.linalg.slogdet(plain_information(x, p, rows["move"].to_numpy(), weight))
    assert FIRTH.at(problem, free).value == pytest.approx(log_det / 2, rel=1e-11)


def brute_force(x: np.ndarray, chosen: np.ndarray, case: np.ndarray, ridge: float | None = None) -> np.ndarray:
    """Firth's (or the ridge) estimate of a conditional logit by a search that sees only the function."""
    same = case[:, None] == case

    def minus(beta: np.ndarray) -> float:
        v = x @ beta
        e = np.exp(v - v.max())
        p = e / (same @ e)
        extra = np.linalg.slogdet(plain_information(x, p, case, np.ones(len(x))))[1] / 2
        return -(np.log(p[chosen]).sum() + (extra if ridge is None else -0.5 * beta @ beta / ridge**2))

    first = minimize(minus, np.zeros(x.shape[1]), method="BFGS", options={"gtol": 1e-5}).x
    return minimize(minus, first, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-13, "maxiter": 5000}).x


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("penalty", [FIRTH, RidgePenalty(1.5)], ids=["firth", "ridge"])
def test_a_search_that_sees_only_the_function_ends_there_too(seed, penalty):
    """Ragged choice sets of 12 cases; a conditional logit with two coefficients and one constant."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame([(i, j) for i in range(12) for j in range(3) if j < 2 or rng.random() < 0.7])
    rows.columns = ["move", "place"]
    rows = rows.assign(a=rng.normal(size=len(rows)), b=1000.0 + 50.0 * rng.normal(size=len(rows)))
    rows["chosen"] = (
        rows["move"].map({move: rng.choice(index) for move, index in rows.groupby("move").groups.items()}) == rows.index
    )
    last = (rows["place"] == 2) * 1.0
    model = rc.MultinomialLogit("chosen ~ a + b + last | 0")
    got = fit(model, choice_data(rows.assign(last=last)), penalty)
    assert got.found.maximum.status == "maximum"
    if penalty is FIRTH:
        x = np.column_stack([rows["a"], rows["b"] / 50 - 20, last])
        want = brute_force(x, rows["chosen"].to_numpy(), rows["move"].to_numpy()) / [1, 50, 1]
    else:
        x = np.column_stack([rows["a"], rows["b"] - 1000, last])
        want = brute_force(x, rows["chosen"].to_numpy(), rows["move"].to_numpy(), penalty.sd)
    np.testing.assert_allclose(got.params[["a", "b", "last"]], want, rtol=1e-5, atol=1e-6)


def cells(table: dict[str, list[int]], labels: list[str]) -> rc.ChoiceData:
    """Counts by cell and alternative."""
    long = [(cell, place, n) for cell, counts in table.items() for place, n in zip(labels, counts, strict=True)]
    return rc.ChoiceData.from_counts(
        pd.DataFrame(long, columns=["cell", "place", "n"]), count="n", alternative="place", cell="cell"
    )


@pytest.mark.parametrize("counts", [[7, 3], [5, 0], [0, 4], [10, 1]])
def test_a_binomial_adds_half_to_each_outcome(counts):
    """Firth 1993, section 3.1: the logit of (y + 1/2) / (n + 1)."""
    got = fit(rc.MultinomialLogit("chosen ~ 0 | 1", base="stay"), cells({"all": counts}, ["stay", "go"]), FIRTH)
    assert got.params["Intercept:go"] == pytest.approx(np.log((counts[1] + 0.5) / (counts[0] + 0.5)), abs=1e-8)


def test_a_multinomial_adds_half_to_each_outcome():
    """The Jeffreys prior of J probabilities is Dirichlet(1/2, ..., 1/2), in log odds as in any other parameters."""
    counts = [12, 0, 3, 0, 1]
    got = fit(rc.MultinomialLogit("chosen ~ 0 | 1", base="a"), cells({"all": counts}, list("abcde")), FIRTH)
    want = np.log(np.array(counts) + 0.5)
    np.testing.assert_allclose(got.params, want[1:] - want[0], atol=1e-8)


def test_a_saturated_table_adds_half_to_each_count():
    table = {"firm": [6, 0, 2], "plant": [3, 4, 0], "office": [0, 0, 1]}
    model = rc.MultinomialLogit("chosen ~ 0 | cell", base="near")
    got = fit(model, cells(table, ["near", "far", "abroad"]), FIRTH)
    odds = {cell: np.log(np.array(n) + 0.5) - np.log(n[0] + 0.5) for cell, n in table.items()}
    for j, place in enumerate(["far", "abroad"], 1):
        first = sorted(table)[0]
        assert got.params[f"Intercept:{place}"] == pytest.approx(odds[first][j], abs=1e-8)
        for cell in sorted(table)[1:]:
            want = odds[cell][j] - odds[first][j]
            assert got.params[f"cell[T.{cell}]:{place}"] == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("wins", [0, 3, 8])
def test_matched_pairs_are_a_binomial(wins):
    """A conditional logit of pairs that differ by one in x: those that chose x = 1 against the others."""
    rows = pd.DataFrame([(i, j) for i in range(8) for j in (0, 1)], columns=["move", "place"])
    rows["x"] = rows["place"]
    rows["chosen"] = np.where(rows["move"] < wins, rows["place"] == 1, rows["place"] == 0)
    got = fit(rc.MultinomialLogit("chosen ~ x | 0"), choice_data(rows), FIRTH)
    assert got.params["x"] == pytest.approx(np.log((wins + 0.5) / (8 - wins + 0.5)), abs=1e-8)


def test_destinations_of_the_survey():
    """Computed twice elsewhere, in different ways."""
    got = fit(DESTINATIONS, grouped_destinations(), FIRTH)
    name = "form[T.manufacturing facility]:Shanghai + Beijing"
    assert got.found.maximum.status == "maximum"
    assert got.problem.weights.sum() == 159
    assert got.llf == pytest.approx(-114.19233, abs=6e-6)
    assert got.penalised_llf == pytest.approx(-113.17277, abs=6e-6)
    assert got.params[name] == pytest.approx(4.1742, abs=6e-5)
    assert got.bse[name] == pytest.approx(1.450, abs=6e-4)
    assert got.params["since_2000:Shanghai + Beijing"] == pytest.approx(0.7312, abs=6e-5)
    assert got.bse["since_2000:Shanghai + Beijing"] == pytest.approx(0.523, abs=6e-4)
    assert got.bse.max() < 3


def test_the_likelihood_without_penalty_is_told_apart():
    got = fit(DESTINATIONS, grouped_destinations(), FIRTH)
    x = got.found.maximum.x
    plain = got.problem.evaluate(x)
    assert got.llf == plain.value
    assert got.penalised_llf == pytest.approx(plain.value + FIRTH.at(got.problem, x).value, rel=1e-14)
    np.testing.assert_array_equal(got.found.curvature, plain.hessian)
    ridge = fit(DESTINATIONS, grouped_destinations(), RidgePenalty(2.0))
    np.testing.assert_array_equal(ridge.found.curvature, ridge.found.maximum.evaluation.hessian)
    ml = fit(MODELS["multinomial"], moves(), None)
    assert ml.found.loglik is ml.found.maximum.evaluation
    assert ml.found.curvature is ml.found.maximum.evaluation.hessian


def test_another_base_is_the_same_model():
    one = fit(DESTINATIONS, grouped_destinations(), FIRTH)
    other = fit(rc.MultinomialLogit(DESTINATIONS.utilities, base="coastal + interior"), grouped_destinations(), FIRTH)
    assert other.penalised_llf == pytest.approx(one.penalised_llf, rel=1e-12)
    assert other.params["since_2000:Yueqing"] == pytest.approx(-one.params["since_2000:coastal + interior"], abs=1e-9)


def test_another_unit_is_the_same_model():
    """The value is that of the user's own units: a column times k makes it larger by log k a coefficient."""
    rows = frame(60)
    one = fit(rc.MultinomialLogit("chosen ~ cost | 1"), choice_data(rows), FIRTH)
    other = fit(rc.MultinomialLogit("chosen ~ cost | 1"), choice_data(rows.assign(cost=rows["cost"] * 300 + 7)), FIRTH)
    assert other.params["cost"] * 300 == pytest.approx(one.params["cost"], rel=1e-9)
    assert other.llf == pytest.approx(one.llf, rel=1e-12)
    assert other.penalised_llf == pytest.approx(one.penalised_llf + np.log(300), rel=1e-12)


@every_penalty
@pytest.mark.parametrize("name", ["multinomial", "nested, utility, free"])
def test_weights_are_repetitions(name, penalty):
    weighted, _ = bound(MODELS[name], moves("often"))
    rows = frame(60)
    copies = [rows[rows["move"] % 3 > k].assign(move=lambda f, k=k: f["move"] + 1000 * k) for k in range(2)]
    repeated, _ = bound(MODELS[name], choice_data(pd.concat(copies)))
    theta = weighted.user(somewhere(weighted))
    left = penalty.at(weighted, weighted.space.restrict(weighted.internal_from_user(theta)))
    right = penalty.at(repeated, repeated.space.restrict(repeated.internal_from_user(theta)))
    assert left.value == pytest.approx(right.value, rel=1e-11)


def test_lambdas_of_one_make_it_the_multinomial_penalty():
    nested = rc.NestedLogit(FORMULA, NESTS, base="township")
    held = rc.NestedLogit(FORMULA, NESTS, base="township", fixed={f"lambda:{n}": 1.0 for n in ("near", "away", "rich")})
    plain, _ = bound(MODELS["multinomial"], moves())
    free = somewhere(plain)
    want = FIRTH.at(plain, free)
    got = FIRTH.at(bound(held, moves())[0], free)
    assert got.value == pytest.approx(want.value, rel=1e-12)
    np.testing.assert_allclose(got.gradient, want.gradient, atol=1e-11)
    np.testing.assert_allclose(got.hessian, want.hessian, atol=1e-10)
    whole = FIRTH.at(bound(nested, moves())[0], np.r_[free, np.ones(3)])
    np.testing.assert_allclose(whole.gradient[: len(free)], want.gradient, atol=1e-11)
    assert np.abs(whole.gradient[len(free) :]).min() > 1e-3


def test_small_lambdas_are_not_rewarded():
    """The information about the coefficients at given lambdas grows like 1 / lambda^2; this one does not."""
    problem, _ = bound(rc.NestedLogit("chosen ~ cost | 1", NESTS, lambdas="common"), moves())
    free = somewhere(problem)
    values = [FIRTH.at(problem, np.r_[free[:-1], scale]).value for scale in (1.0, 0.3, 0.1, 0.03)]
    assert values[0] > values[1] > values[2] > values[3]


@pytest.mark.parametrize("starts", [1, 2])
def test_separated_nested_choices_have_a_finite_estimate(starts):
    rows = frame(60)
    rows = rows.assign(only=(rows["place"] == "metro") * rows["chosen"] * 1.0)
    model = rc.NestedLogit("chosen ~ cost + only | 1", NESTS, base="township", lambdas="common")
    infinite = fit(model, choice_data(rows), None)
    assert infinite.found.maximum.status == "flat"
    got = fit(model, choice_data(rows), FIRTH, starts)
    assert got.found.maximum.status == "maximum"
    assert got.params.abs().max() < 10
    assert got.bse.max() < 5
    gradient = derivative(lambda x: penalised(got.problem, FIRTH)(x).value, got.found.maximum.x)
    assert np.abs(gradient).max() < 1e-7


def test_ridge_goes_from_the_prior_mean_to_maximum_likelihood():
    ml = fit(MODELS["multinomial"], moves(), None)
    loose = fit(MODELS["multinomial"], moves(), RidgePenalty(1e6))
    tight = fit(MODELS["multinomial"], moves(), RidgePenalty(1e-4, 0.25, ml.constants))
    np.testing.assert_allclose(loose.params, ml.params, atol=1e-8)
    others = tight.params.drop(list(tight.constants))
    np.testing.assert_allclose(others, 0.25, atol=1e-4)
    assert len(tight.constants) == 4
    assert tight.params[list(tight.constants)].abs().max() > 0.1


def test_ridge_is_in_the_units_of_the_user():
    """Centred columns move the constants; the prior must not move with them."""
    rows = frame(60)
    near = fit(MODELS["multinomial"], choice_data(rows), RidgePenalty(0.5))
    far = fit(MODELS["multinomial"], choice_data(rows.assign(assets=rows["assets"] + 5.0)), RidgePenalty(0.5))
    for got in (near, far):
        value = -0.5 * float((got.params / 0.5) @ (got.params / 0.5))
        assert got.penalised_llf - got.llf == pytest.approx(value, rel=1e-10)
    assert abs(near.penalised_llf - far.penalised_llf) > 1e-3


def test_fixed_and_tied_coefficients():
    """What is fixed has no prior and no information; what is tied counts once."""
    got = fit(MODELS["multinomial with ties"], moves(), RidgePenalty(0.5))
    free = got.params[list(got.problem.space.free_names)]
    assert "distance" not in free.index
    assert got.penalised_llf - got.llf == pytest.approx(-0.5 * float(free @ free) / 0.25, rel=1e-10)


def test_nothing_free_but_lambdas():
    model = rc.NestedLogit("chosen ~ cost | 0", NESTS, fixed={"cost": -1.0})
    problem, _ = bound(model, moves())
    assert FIRTH.at(problem, np.ones(3)).value == 0.0
    assert RidgePenalty(1.0).at(problem, np.ones(3)).value == 0.0


def test_outside_the_domain_the_value_is_minus_infinity():
    rows = frame(60)
    problem, _ = bound(rc.MultinomialLogit("chosen ~ cost + twice | 0"), choice_data(rows.assign(twice=rows["cost"])))
    assert FIRTH.at(problem, np.zeros(2)).value == -np.inf
    problem, _ = bound(MODELS["multinomial"], moves())
    assert penalised(problem, FIRTH)(np.full(len(problem.space.free_names), 1e5)).value == -np.inf


@pytest.mark.parametrize("options", [{"sd": 0.0}, {"sd": -1.0}, {"sd": np.inf}, {"sd": 1.0, "mean": np.nan}])
def test_a_prior_that_is_none(options):
    with pytest.raises(OptionError, match="is not valid"):
        RidgePenalty(**options)


def test_penalties_say_what_they_are():
    assert "Jeffreys" in FIRTH.describe()
    assert "mean 0.2 and standard deviation 1.5" in PENALTIES["ridge"].describe()
    assert "constants apart" in PENALTIES["ridge"].describe()
    assert "constants apart" not in RidgePenalty(1.0).describe()
