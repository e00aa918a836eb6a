"""Profile intervals and likelihood-ratio tests: closed forms, Wald on a parabola, refits, separation, bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, norm

import relocchoice as rc
from builders import NESTS, choice_data, choice_frame
from penalised_fits import DESTINATIONS, fit, grouped_destinations
from relocchoice.engine.penalty import FirthPenalty, RidgePenalty
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.hypotheses import linear_restrictions
from relocchoice.inference.profile import profile_curve, profile_interval
from relocchoice.inference.restricted import Surface, likelihood_ratio

FIRTH = FirthPenalty()
CUT = chi2.ppf(0.95, 1)
MULTINOMIAL = rc.MultinomialLogit("chosen ~ cost + distance | assets", base="township")
NESTED = rc.NestedLogit("chosen ~ cost + distance | 1", NESTS, base="township", lambdas="common")


@pytest.fixture(scope="module")
def data() -> rc.ChoiceData:
    return choice_data(choice_frame(120, 4, available=0.8))


@pytest.fixture(scope="module", params=[None, FIRTH, RidgePenalty(1.0)], ids=["plain", "firth", "ridge"])
def fitted(request, data):
    return fit(MULTINOMIAL, data, request.param)


def test_both_ends_solve_the_equation(fitted):
    on = fitted.surface
    for name in ("cost", "Intercept:metro", "assets:coast"):
        interval = profile_interval(on, fitted.unit(name))
        assert interval.message == ""
        assert interval.lower < fitted.params[name] < interval.upper
        curve = profile_curve(on, fitted.unit(name), [interval.upper, interval.lower])
        np.testing.assert_allclose(2 * (on.top - curve.loglik), CUT, atol=1e-6)


def test_a_combination_of_parameters(fitted):
    weights = fitted.unit("assets:coast") - 2 * fitted.unit("assets:metro")
    interval = profile_interval(fitted.surface, weights, 0.9)
    for end in (interval.lower, interval.upper):
        null = linear_restrictions(f"assets:coast - 2*assets:metro = {end!r}", fitted.problem.space.names)
        test = likelihood_ratio(fitted.surface, null)
        assert test.pvalue == pytest.approx(0.1, abs=1e-7)


@dataclass(frozen=True)
class Value:
    value: float
    gradient: np.ndarray
    hessian: np.ndarray


def parabola(lower=-np.inf, upper=np.inf) -> Surface:
    """Log-likelihood -1/2 (x - m)'H(x - m) of two parameters of which the user sees three."""
    h, m = np.array([[4.0, 1.5], [1.5, 2.0]]), np.array([0.5, -1.0])

    def at(x: np.ndarray) -> Value:
        return Value(-0.5 * (x - m) @ h @ (x - m), -h @ (x - m), -h)

    jacobian = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, -3.0]])
    bounds = np.full(2, lower), np.full(2, upper)
    return Surface(at, m, 0.0, *bounds, np.array([0.0, 1.0, 5.0]), jacobian)


@pytest.mark.parametrize("weights", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -2, 0.5]])
def test_on_a_parabola_it_is_walds_interval(weights):
    on = parabola()
    theta = on.constant + on.jacobian @ on.free
    spread = np.sqrt(weights @ on.jacobian @ np.linalg.inv(-on.objective(on.free).hessian) @ on.jacobian.T @ weights)
    interval = profile_interval(on, weights, 0.99)
    half = norm.ppf(0.995) * spread
    np.testing.assert_allclose([interval.lower, interval.upper], weights @ theta + np.array([-half, half]), rtol=1e-8)


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("go", [0, 1, 6, 12])
def test_a_binomial_with_firth(go, level):
    """Penalised: (y + 1/2) log p + (n - y + 1/2) log(1 - p), one parameter."""
    stay = 12 - go
    table = pd.DataFrame({"cell": ["all"] * 2, "place": ["stay", "go"], "n": [stay, go]})
    counts = rc.ChoiceData.from_counts(table, count="n", alternative="place", cell="cell")
    got = fit(rc.MultinomialLogit("chosen ~ 0 | 1", base="stay"), counts, FIRTH)

    def fall(x: float) -> float:
        value = (go + 0.5) * -np.logaddexp(0, -x) + (stay + 0.5) * -np.logaddexp(0, x)
        top = (go + 0.5) * np.log((go + 0.5) / 13) + (stay + 0.5) * np.log((stay + 0.5) / 13)
        return 2 * (top - value) - chi2.ppf(level, 1)

    centre = np.log((go + 0.5) / (stay + 0.5))
    interval = profile_interval(got.surface, [1.0], level)
    assert interval.lower == pytest.approx(brentq(fall, centre - 50, centre, xtol=1e-12), abs=1e-8)
    assert interval.upper == pytest.approx(brentq(fall, centre, centre + 50, xtol=1e-12), abs=1e-8)


@pytest.mark.parametrize(("chosen", "finite"), [([1, 1, 1, 1, 1], "lower"), ([0, 0, 0, 0, 0], "upper")])
def test_separation_leaves_one_end(chosen, finite):
    """Pairs that differ by one in x and all choose the same: the end is where 2 n log(1 + exp(-x)) is the quantile."""
    rows = pd.DataFrame([(i, j) for i in range(5) for j in (0, 1)], columns=["move", "place"])
    rows["x"] = rows["place"]
    rows["chosen"] = rows["place"] == rows["move"].map(dict(enumerate(chosen)))
    got = fit(rc.MultinomialLogit("chosen ~ x | 0"), choice_data(rows), None)
    assert got.found.maximum.status == "flat"
    interval = profile_interval(got.surface, [1.0])
    want = -np.log(np.expm1(CUT / 10))
    if finite == "lower":
        assert interval.lower == pytest.approx(want, abs=1e-7)
        assert interval.upper == np.inf
    else:
        assert interval.upper == pytest.approx(-want, abs=1e-7)
        assert interval.lower == -np.inf
    assert interval.message == ""


def test_destinations_of_the_survey():
    """Maximum likelihood: infinite intervals where no headquarters went; with the penalty all ends are finite."""
    name = "form[T.manufacturing facility]:Shanghai + Beijing"
    plain, firth = (fit(DESTINATIONS, grouped_destinations(), penalty) for penalty in (None, FIRTH))
    assert plain.found.maximum.status == "flat"
    interval = profile_interval(plain.surface, plain.unit(name))
    assert interval.upper == np.inf
    assert 1.5 < interval.lower < 4.0
    since = profile_interval(plain.surface, plain.unit("since_2000:Shanghai + Beijing"))
    assert -1 < since.lower < 0.7 < since.upper < 2.5
    for name in ("Intercept:other Zhejiang", "form[T.R&D]:Shanghai + Beijing", "form[T.headquarters]:other Zhejiang"):
        ends = profile_interval(firth.surface, firth.unit(name))
        assert np.isfinite([ends.lower, ends.upper]).all()
        assert ends.lower < firth.params[name] < ends.upper
        curve = profile_curve(firth.surface, firth.unit(name), [ends.lower, ends.upper])
        np.testing.assert_allclose(2 * (firth.surface.top - curve.loglik), CUT, atol=1e-6)


@pytest.mark.parametrize("penalty", [None, FIRTH], ids=["plain", "firth"])
def test_a_nested_model_with_its_lambda(penalty):
    got = fit(NESTED, choice_data(choice_frame(60, 4, available=0.8)), penalty)
    for name in ("lambda",) if penalty else ("lambda", "cost"):
        interval = profile_interval(got.surface, got.unit(name))
        curve = profile_curve(got.surface, got.unit(name), [interval.lower, interval.upper])
        np.testing.assert_allclose(2 * (got.surface.top - curve.loglik), CUT, atol=1e-6)
        assert interval.lower < got.params[name] < interval.upper
    assert profile_interval(got.surface, got.unit("lambda")).lower > 0


def test_the_edge_of_the_domain_is_an_end():
    """log x at x = 1 less a little: the likelihood falls by less than the quantile on the way to its domain's edge."""

    def at(x: np.ndarray) -> Value:
        inside = -0.05 * (x[0] - 1.0) ** 2 if x[0] > 0 else -np.inf
        return Value(inside, -0.1 * (x - 1.0), np.array([[-0.1]]))

    free = np.full(1, np.inf)
    on = Surface(at, np.ones(1), 0.0, -free, free, np.zeros(1), np.eye(1))
    interval = profile_interval(on, [1.0])
    assert interval.lower == pytest.approx(0.0, abs=1e-10)
    assert "edge of the domain" in interval.message
    assert interval.upper == pytest.approx(1 + np.sqrt(CUT / 0.1), rel=1e-8)


def test_bounds_end_an_interval(data):
    wide = fit(MULTINOMIAL, data, None)
    interval = profile_interval(wide.surface, wide.unit("cost"))
    bound = (interval.lower + wide.params["cost"]) / 2
    model = rc.MultinomialLogit(MULTINOMIAL.utilities, base="township", bounds={"cost": (bound, None)})
    held = fit(model, data, None)
    got = profile_interval(held.surface, held.unit("cost"))
    assert got.lower == pytest.approx(bound, abs=1e-12)
    assert "is a bound" in got.message
    assert got.upper == pytest.approx(interval.upper, abs=1e-7)


def test_an_estimate_on_its_bound(data):
    """The upper end is the bound itself; other intervals are searched within it."""
    model = rc.MultinomialLogit(MULTINOMIAL.utilities, base="township", bounds={"distance": (None, 0.1)})
    held = fit(model, data, None)
    assert held.params["distance"] == 0.1
    fixed = fit(rc.MultinomialLogit(MULTINOMIAL.utilities, base="township", fixed={"distance": 0.1}), data, None)
    assert profile_interval(held.surface, held.unit("distance")).upper == pytest.approx(0.1, abs=1e-12)
    near, far = (profile_interval(got.surface, got.unit("assets:metro")) for got in (held, fixed))
    assert near.lower == pytest.approx(far.lower, abs=1e-3)
    assert near.upper == pytest.approx(far.upper, abs=1e-3)


def test_parameters_that_are_fixed_have_no_interval(data):
    model = rc.MultinomialLogit(MULTINOMIAL.utilities, base="township", fixed={"distance": 0.3})
    got = fit(model, data, None)
    interval = profile_interval(got.surface, got.unit("distance"))
    assert np.isnan(interval.lower)
    assert np.isnan(interval.upper)
    assert interval.message == "nothing in it is estimated"
    with pytest.raises(OptionError, match="at least one is estimated"):
        profile_curve(got.surface, got.unit("distance"), [0.0])


def test_a_curve_is_highest_at_the_estimate(fitted):
    at = fitted.params["cost"]
    curve = profile_curve(fitted.surface, fitted.unit("cost"), at + np.linspace(-1, 1, 9))
    assert curve.loglik[4] == pytest.approx(fitted.surface.top, abs=1e-9)
    assert (np.diff(curve.loglik[:5]) > 0).all()
    assert (np.diff(curve.loglik[4:]) < 0).all()


def test_a_curve_outside_the_domain(data):
    got = fit(NESTED, data, None)
    curve = profile_curve(got.surface, got.unit("lambda"), [-0.5, got.params["lambda"]])
    assert curve.loglik[0] == -np.inf
    assert curve.loglik[1] == pytest.approx(got.surface.top, abs=1e-9)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_none(fitted, level):
    with pytest.raises(OptionError, match="level"):
        profile_interval(fitted.surface, fitted.unit("cost"), level)


def test_not_the_maximum(data):
    """A profile that rises above the estimates says so instead of giving an interval."""
    got = fit(MULTINOMIAL, data, None)
    on = got.surface
    low = on.free - 0.3
    wrong = Surface(on.objective, low, on.objective(low).value, on.lower, on.upper, on.constant, on.jacobian)
    assert "not the maximum" in profile_interval(wrong, got.unit("cost")).message
    assert "not the maximum" in likelihood_ratio(wrong, linear_restrictions("cost=-1", got.problem.space.names)).message


RESTRICTED = {
    "distance = 0.25": {"fixed": {"distance": 0.25}},
    "assets:coast = assets:metro = assets:county": {"equal": [["assets:coast", "assets:metro", "assets:county"]]},
    "cost = -1, assets:metro = 0": {"fixed": {"cost": -1.0, "assets:metro": 0.0}},
    "Intercept:metro - assets:metro": {"equal": [["Intercept:metro", "assets:metro"]]},
}


@pytest.mark.parametrize("text", RESTRICTED)
def test_likelihood_ratio_is_that_of_a_refit(data, text):
    full = fit(MULTINOMIAL, data, None)
    test = likelihood_ratio(full.surface, linear_restrictions(text, full.problem.space.names))
    refit = fit(rc.MultinomialLogit(MULTINOMIAL.utilities, base="township", **RESTRICTED[text]), data, None)
    df = len(full.problem.space.free_names) - len(refit.problem.space.free_names)
    assert test.df == df
    assert test.statistic == pytest.approx(2 * (full.llf - refit.llf), abs=1e-8)
    assert test.pvalue == pytest.approx(chi2.sf(test.statistic, df), rel=1e-9)
    assert test.distribution == f"chi2({df})"


def test_a_penalised_test_keeps_the_whole_models_penalty():
    """A binary outcome by group: with the difference held at zero the two groups still share log det of a 2 x 2."""
    table = pd.DataFrame({"cell": ["a", "a", "b", "b"], "place": ["stay", "go"] * 2, "n": [7, 0, 3, 4]})
    counts = rc.ChoiceData.from_counts(table, count="n", alternative="place", cell="cell")
    got = fit(rc.MultinomialLogit("chosen ~ 0 | cell", base="stay"), counts, FIRTH)
    test = likelihood_ratio(got.surface, linear_restrictions("cell[T.b]:go = 0", got.problem.space.names))

    def value(p: float, stay: float, go: float) -> float:
        return stay * np.log(1 - p) + go * np.log(p)

    # information of the saturated model: the product of 7 p (1 - p) and 7 r (1 - r)
    full = value(0.5 / 8, 7.5, 0.5) + value(4.5 / 8, 3.5, 4.5)
    restricted = value(5 / 16, 11.0, 5.0)
    assert test.statistic == pytest.approx(2 * (full - restricted), abs=1e-9)


def test_repeated_contradictory_and_empty_hypotheses(data):
    model = rc.MultinomialLogit(MULTINOMIAL.utilities, base="township", fixed={"distance": 0.3})
    got = fit(model, data, None)
    names = got.problem.space.names

    def test(text):
        return likelihood_ratio(got.surface, linear_restrictions(text, names))

    once, twice = test("cost = -1"), test(["cost = -1", "2*cost = -2"])
    assert twice.df == 1
    assert twice.statistic == pytest.approx(once.statistic, abs=1e-9)
    assert twice.message == "1 of 2 restrictions repeat others"
    assert "contradict" in test(["cost = -1", "cost = -2"]).message
    assert "contradict" in test("distance = 0.5").message
    assert test("distance = 0.3").message == "the test does not apply: nothing in it is estimated"
    assert test("cost + distance = 0").applies
    with pytest.raises(SpecificationError):
        test("coast = 0")


def test_hypotheses_outside_the_domain(data):
    got = fit(NESTED, data, None)
    test = likelihood_ratio(got.surface, linear_restrictions("lambda = -1", got.problem.space.names))
    assert not test.applies
    assert "bounds and domain" in test.message


def test_an_infinite_estimate_can_be_tested():
    got = fit(DESTINATIONS, grouped_destinations(), None)
    names = [name for name in got.problem.space.names if name.startswith("form[T.manufacturing")]
    test = likelihood_ratio(got.surface, linear_restrictions([f"{name} = 0" for name in names], names=got.params.index))
    assert test.df == 3
    assert test.pvalue < 1e-6


def test_all_parameters_at_once(data):
    """Nothing is left to search: the log-likelihood at the hypothesis itself."""
    got = fit(MULTINOMIAL, data, None)
    p = len(got.params)
    test = likelihood_ratio(got.surface, linear_restrictions(np.eye(p), got.params.index, np.zeros(p)))
    shares = -np.log(choice_frame(120, 4, available=0.8).groupby("move").size()).sum()
    assert test.df == p
    assert test.statistic == pytest.approx(2 * (got.llf - shares), abs=1e-9)
