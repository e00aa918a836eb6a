"""The conditional logit of sets against enumeration, its symmetries and limits, and as a fitted model."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import expand
from scipy.special import logsumexp

import relocchoice as rc
from builders import derivative
from relocchoice.engine.bind import bind
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.protocol import SetFamily
from relocchoice.kernels.subset import SubsetLogit

FAMILY = SubsetLogit()
NO_SHAPE = np.empty(0)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12)


def random_sets(seed: int, size: int = 6, n: int = 8, spread: float = 1.5):
    """Utilities (S, n), a mask of availability, and sets of different sizes, from one to all that is available."""
    rng = np.random.default_rng(seed)
    available = rng.random((size, n)) < 0.8
    available[0] = True
    taken = np.zeros((size, n), dtype=bool)
    for i in range(n):
        open_ = np.flatnonzero(available[:, i])
        taken[rng.choice(open_, rng.integers(1, len(open_) + 1), replace=False), i] = True
    return spread * rng.normal(size=(size, n)), available, taken


def enumerated(v, available, taken):
    """Log-likelihood, inclusion probabilities (S,) and covariance (S, S) of one case, over every set of its size."""
    sets = list(combinations(np.flatnonzero(available), int(taken.sum())))
    total = np.array([v[list(members)].sum() for members in sets])
    p = np.exp(total - logsumexp(total))
    indicator = np.zeros((len(sets), len(v)))
    for row, members in zip(indicator, sets, strict=True):
        row[list(members)] = 1.0
    mean = p @ indicator
    centred = indicator - mean
    return v[taken].sum() - logsumexp(total), mean, (centred * p[:, None]).T @ centred


def evaluated(v, available, taken, order=2):
    return FAMILY.local(v, available, taken, NO_SHAPE, order)


def hessian(local, taken):
    return expand(local, taken.argmax(axis=0)).hessian


@given(seed=seeds)
@few
def test_it_is_what_enumeration_gives(seed):
    v, available, taken = random_sets(seed)
    local = evaluated(v, available, taken)
    inclusion = FAMILY.inclusion(v, available, taken.sum(axis=0), NO_SHAPE)
    second = hessian(local, taken)
    for i in range(v.shape[1]):
        loglik, mean, variance = enumerated(v[:, i], available[:, i], taken[:, i])
        np.testing.assert_allclose(local.loglik[i], loglik, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(inclusion[:, i], mean, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(local.dv[:, i], taken[:, i] - mean, atol=1e-13)
        np.testing.assert_allclose(second[:, :, i], -variance, atol=1e-13)


@given(seed=seeds)
@few
def test_scores_and_curvature_are_the_numeric_derivatives(seed):
    v, available, taken = random_sets(seed)
    local = evaluated(v, available, taken)
    first = derivative(lambda x: evaluated(v + x[:, None], available, taken, 0).loglik, np.zeros(len(v)))
    second = derivative(lambda x: evaluated(v + x[:, None], available, taken, 1).dv, np.zeros(len(v)))
    np.testing.assert_allclose(local.dv, first, atol=1e-9)
    np.testing.assert_allclose(hessian(local, taken), second, atol=1e-9)
    np.testing.assert_array_equal(expand(local, taken.argmax(axis=0)).gradient, local.dv)


@given(seed=seeds)
@few
def test_inclusion_probabilities_sum_to_the_size_and_vanish_where_unavailable(seed):
    v, available, taken = random_sets(seed)
    inclusion = FAMILY.inclusion(v, available, taken.sum(axis=0), NO_SHAPE)
    np.testing.assert_allclose(inclusion.sum(axis=0), taken.sum(axis=0), rtol=1e-13)
    assert (inclusion[~available] == 0.0).all()
    assert (inclusion <= 1.0 + 1e-15).all()


@given(seed=seeds, shift=st.floats(-1e4, 1e4))
@few
def test_order_of_the_slots_and_a_shift_do_not_matter(seed, shift):
    v, available, taken = random_sets(seed)
    moved = np.random.default_rng(seed).permutation(len(v))
    before = evaluated(v, available, taken)
    after = evaluated(v[moved] + shift, available[moved], taken[moved])
    np.testing.assert_allclose(after.loglik, before.loglik, atol=1e-9)
    np.testing.assert_allclose(after.dv, before.dv[moved], atol=1e-9)
    np.testing.assert_allclose(hessian(after, taken[moved]), hessian(before, taken)[np.ix_(moved, moved)], atol=1e-9)


@given(seed=seeds)
@few
def test_sets_of_one_are_a_multinomial_logit(seed):
    v, available, taken = random_sets(seed)
    chosen = taken.argmax(axis=0)
    single = np.arange(len(v))[:, None] == chosen
    left, right = evaluated(v, available, single), MultinomialLogit().local(v, available, chosen, NO_SHAPE, 2)
    np.testing.assert_allclose(left.loglik, right.loglik, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(left.dv, right.dv, atol=1e-12)
    np.testing.assert_allclose(hessian(left, single), expand(right, chosen).hessian, atol=1e-12)


@given(seed=seeds)
@few
def test_taking_all_but_one_is_leaving_one_at_the_opposite_utilities(seed):
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(6, 9))
    left_out = np.arange(6)[:, None] == rng.integers(0, 6, 9)
    one, rest = evaluated(-v, None, left_out), evaluated(v, None, ~left_out)
    np.testing.assert_allclose(rest.loglik, one.loglik, rtol=1e-12)
    np.testing.assert_allclose(rest.dv, -one.dv, atol=1e-13)
    np.testing.assert_allclose(hessian(rest, ~left_out), hessian(one, left_out), atol=1e-13)


def test_taking_all_is_certain():
    v = np.random.default_rng(0).normal(size=(5, 3)) * 1e6
    everything = np.ones((5, 3), dtype=bool)
    local = evaluated(v, None, everything)
    np.testing.assert_array_equal(local.loglik, 0.0)
    np.testing.assert_array_equal(local.dv, 0.0)
    np.testing.assert_array_equal(hessian(local, everything), 0.0)


@given(seed=seeds, spread=st.sampled_from([1e2, 1e4, 1e6]))
@few
def test_large_utilities_leave_everything_finite_and_bounded(seed, spread):
    v, available, taken = random_sets(seed, spread=spread)
    local = evaluated(v, available, taken)
    second = hessian(local, taken)
    assert np.isfinite(local.loglik).all()
    assert (local.loglik <= 0.0).all()
    assert (np.abs(local.dv) <= 1.0 + 1e-12).all()
    assert (np.abs(second) <= 0.25 + 1e-9).all()
    inclusion = FAMILY.inclusion(v, available, taken.sum(axis=0), NO_SHAPE)
    np.testing.assert_allclose(inclusion.sum(axis=0), taken.sum(axis=0), rtol=1e-12)


def test_two_close_sets_far_out_keep_their_digits():
    """Utilities of a million: the two best sets differ by one unit, so the odds of the better are e to one."""
    v = np.array([[1e6], [1e6 - 1.0], [2e6], [-1e6]])
    taken = np.array([[True], [False], [True], [False]])
    np.testing.assert_allclose(evaluated(v, None, taken).loglik, -np.log1p(np.exp(-1.0)), rtol=1e-9)


def test_a_hundred_alternatives_keep_the_identities():
    """Scores of a random set average to zero: inclusion from the recursion equals the mean over exact draws' odds."""
    rng = np.random.default_rng(1)
    v = rng.normal(size=(100, 4))
    taken = np.zeros((100, 4), dtype=bool)
    taken[:7] = True
    local = evaluated(v, None, taken)
    first = derivative(lambda x: evaluated(v + np.outer(np.cos(np.arange(100)), x), None, taken, 0).loglik, np.zeros(1))
    np.testing.assert_allclose(np.cos(np.arange(100)) @ local.dv, first[0], rtol=1e-9)
    np.testing.assert_allclose(hessian(local, taken).sum(axis=1), 0.0, atol=1e-12)


def test_it_is_a_family_of_sets_and_the_multinomial_logit_is_none():
    assert isinstance(FAMILY, SetFamily)
    assert not isinstance(MultinomialLogit(), SetFamily)


# -------------------------------------------------------------------------------------------- with columns, in chunks


def event_frame(n=60, seed=0, ragged=True):
    """Events over six places with one to three destinations each; columns event, place, taken, cost, size."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    rows = []
    for event in range(n):
        places = [p for p in range(6) if p < 4 or not ragged or rng.random() < 0.6]
        cost, size = rng.normal(size=len(places)), rng.normal()
        m = rng.integers(1, 4)
        order = np.argsort(-(-cost + 0.4 * size * (np.array(places) > 2) + rng.gumbel(size=len(places))))
        for at, place in enumerate(places):
            rows.append((event, f"p{place}", bool(at in order[:m]), cost[at], size))
    return pd.DataFrame(rows, columns=["event", "place", "taken", "cost", "size"])


def events(**options) -> rc.ChoiceData:
    frame = event_frame(**options)
    return rc.ChoiceData.from_long(frame, case="event", alternative="place", chosen="taken", several=True)


@pytest.mark.parametrize("formula", ["taken ~ cost | size", "taken ~ cost | 0", "taken ~ 0 | size | cost"])
def test_the_derivatives_of_the_whole_are_numeric_ones(formula):
    data = events()
    spec = rc.SubsetLogit(formula).spec
    problem = bind(spec, spec.specification.learn(data, None).columns(data), data)
    free = np.random.default_rng(2).normal(size=problem.space.matrix.shape[1])
    at = problem.evaluate(free)
    np.testing.assert_allclose(at.gradient, derivative(lambda x: problem.evaluate(x).value, free), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(
        at.hessian, derivative(lambda x: problem.evaluate(x).gradient, free), rtol=1e-7, atol=1e-7
    )
    assert np.linalg.eigvalsh(at.hessian).max() < 0


def test_a_fit_is_the_maximum_by_enumeration():
    """Every set of every event listed, the maximum found by another optimiser."""
    from scipy.optimize import minimize

    frame = event_frame(40)
    data = rc.ChoiceData.from_long(frame, case="event", alternative="place", chosen="taken", several=True)
    fit = rc.SubsetLogit("taken ~ cost + size:cost | 0").fit(data)
    cases = [
        (part[["cost"]].assign(other=part["cost"] * part["size"]).to_numpy(), part["taken"].to_numpy())
        for _, part in frame.groupby("event")
    ]

    def loss(beta):
        return -sum(enumerated(x @ beta, np.ones(len(x), dtype=bool), taken)[0] for x, taken in cases)

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(fit.llf, -best.fun, rtol=1e-10)
    np.testing.assert_allclose(fit.params.to_numpy(), best.x, atol=1e-5)
    information = np.zeros((2, 2))
    for x, taken in cases:
        information += x.T @ enumerated(x @ fit.params.to_numpy(), np.ones(len(x), dtype=bool), taken)[2] @ x
    np.testing.assert_allclose(fit.cov_params().to_numpy(), np.linalg.inv(information), rtol=1e-7)


def test_small_sets_out_of_many_places_are_read_as_sets_too():
    """Slots that hold whatever place a case has: the same sets, and the log-likelihood of each by enumeration."""
    rng = np.random.default_rng(8)
    import pandas as pd

    offered = [np.sort(rng.choice(80, rng.integers(4, 8), replace=False)) for _ in range(200)]
    table = pd.DataFrame([(i, p) for i, places in enumerate(offered) for p in places], columns=["event", "place"])
    table["cost"] = rng.normal(size=len(table))
    noise = (-table["cost"] + rng.gumbel(size=len(table))).groupby(table["event"]).rank(ascending=False)
    table["taken"] = noise <= table["event"] % 3 + 1
    data = rc.ChoiceData.from_long(table, case="event", alternative="place", chosen="taken", several=True)
    fit = rc.SubsetLogit("taken ~ cost | 0").fit(data)
    expected = [
        enumerated(
            fit.params["cost"] * part["cost"].to_numpy(), np.ones(len(part), dtype=bool), part["taken"].to_numpy()
        )
        for _, part in table.groupby("event")
    ]
    assert not any(chunk.placement.alternative.ndim == 1 for chunk in fit.problem.problem.design.chunks)
    np.testing.assert_allclose(
        fit.problem.problem.loglik_by_case(fit.moments.free), [one[0] for one in expected], rtol=1e-11
    )
    predicted = fit.predict().to_numpy()[data.row_case(), data.row_alternative]
    table = table.sort_values(["event", "place"])
    np.testing.assert_allclose(predicted, np.concatenate([one[1] for one in expected]), rtol=1e-10)


def test_predictions_sum_to_the_number_taken_and_match_the_totals():
    data = events()
    fit = rc.SubsetLogit("taken ~ cost | size").fit(data)
    predicted = fit.predict()
    np.testing.assert_allclose(predicted.sum(axis=1), data.n_taken, rtol=1e-12)
    observed = data.choice_shares()["count"]
    np.testing.assert_allclose(predicted.sum().to_numpy(), observed.to_numpy(), atol=1e-6)
    fresh = rc.ChoiceData.from_long(event_frame(5, 3).drop(columns="taken"), case="event", alternative="place")
    np.testing.assert_allclose(fit.predict(fresh).sum(axis=1), 1.0, rtol=1e-12)


def test_on_ordinary_choices_it_is_the_multinomial_logit():
    frame = event_frame(80)
    frame["one"] = frame["taken"] & (frame["taken"].groupby(frame["event"]).cumsum() == 1)
    plain = rc.ChoiceData.from_long(frame, case="event", alternative="place", chosen="one")
    sets = rc.ChoiceData.from_long(frame, case="event", alternative="place", chosen="one", several=True)
    wanted = rc.MultinomialLogit("one ~ cost | size").fit(plain)
    for data in (plain, sets):
        fit = rc.SubsetLogit("one ~ cost | size").fit(data)
        np.testing.assert_allclose(fit.params, wanted.params, atol=1e-9)
        np.testing.assert_allclose([fit.llf, fit.llnull], [wanted.llf, wanted.llnull], rtol=1e-12)
        np.testing.assert_allclose(fit.bse, wanted.bse, rtol=1e-8)
    np.testing.assert_allclose(rc.MultinomialLogit("one ~ cost | size").fit(sets).params, wanted.params, atol=1e-9)


def test_the_null_log_likelihood_counts_the_sets():
    data = events(n=20)
    from math import comb

    sizes = np.diff(data.offsets)
    expected = -sum(np.log(comb(int(s), int(m))) for s, m in zip(sizes, data.n_taken, strict=True))
    fit = rc.SubsetLogit("taken ~ cost | 0").fit(data)
    np.testing.assert_allclose(fit.llnull, expected, rtol=1e-12)
    assert np.isnan(fit.llconstants)
    at_zero = rc.SubsetLogit("taken ~ cost | 0", fixed={"cost": 0.0}).fit(data)
    np.testing.assert_allclose(at_zero.llf, expected, rtol=1e-12)


def test_repeated_events_are_doubled_weights():
    data = events(n=30)
    twice = data.select(np.repeat(np.arange(30), 2))
    weighted = data.with_weights(np.full(30, 2.0), "frequency")
    left, right = (rc.SubsetLogit("taken ~ cost | size").fit(d) for d in (twice, weighted))
    np.testing.assert_allclose(left.params, right.params, atol=1e-9)
    np.testing.assert_allclose(left.bse, right.bse, rtol=1e-8)


def test_the_model_is_a_value_that_travels(tmp_path):
    from relocchoice.spec.model import model_spec_from_dict

    model = rc.SubsetLogit("taken ~ cost | size", base="p1", fixed={"cost": -1.0})
    assert model_spec_from_dict(model.spec.to_dict()).to_dict() == model.spec.to_dict()
    fit = model.fit(events())
    assert "Conditional logit of sets" in str(fit.summary())
    fit.save(tmp_path / "fit.zip")
    np.testing.assert_array_equal(rc.load(tmp_path / "fit.zip").params, fit.params)
