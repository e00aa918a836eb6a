"""Social interactions: equilibria that are all there, estimates at a true zero, cascades without noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

import relocchoice as rc
from relocchoice.post.ready import double_kin_stock
from relocchoice.relocation.social import (
    SocialLogit,
    cascade,
    critical_interaction,
    equilibria,
    largest_gap,
    several_equilibria,
)

PLACES = ("home", "near", "far")
CONSTANTS = np.array([0.0, 0.3, -0.2])
COST = -0.8


def choices(seed: int, peers: float, markets: int = 25, firms: int = 16, places: int = 3) -> rc.ChoiceData:
    """Firms of some markets that choose given the first equilibrium of their market."""
    rng = np.random.default_rng(seed)
    parts = []
    for g in range(markets):
        cost = rng.normal(size=places) + rng.normal(size=(firms, places))
        kin = rng.poisson(1.0, (firms, places))
        v = CONSTANTS[:places] + COST * cost + 0.3 * kin
        m = equilibria(v, peers).shares.to_numpy()[0]
        chosen = (v + peers * m + rng.gumbel(size=v.shape)).argmax(axis=1)
        case = np.repeat(np.arange(firms) + firms * g, places)
        place = np.tile(np.arange(places), firms)
        columns = {
            "firm": case,
            "place": np.array(PLACES)[place],
            "chosen": place == np.repeat(chosen, places),
            "cost": cost.ravel(),
            "kin": kin.ravel(),
            "town": f"t{g:02d}",
            "year": g % 3,
        }
        parts.append(pd.DataFrame(columns))
    return rc.ChoiceData.from_long(pd.concat(parts), case="firm", alternative="place", chosen="chosen")


def rows_of(data: rc.ChoiceData) -> pd.DataFrame:
    """The long table that the data were made of."""
    return data.row_frame([*data.columns, "chosen"])


@pytest.fixture(scope="module")
def data() -> rc.ChoiceData:
    return choices(1, 1.2)


@pytest.fixture(scope="module")
def model() -> SocialLogit:
    return SocialLogit("chosen ~ cost + kin + peers", group="town", base="home")


# ------------------------------------------------------------------------------------------------------- equilibria


def test_threshold_of_two_places():
    assert [several_equilibria(s) for s in (1.9, 2.0, 2.001)] == [False, False, True]
    assert largest_gap(1.0) == 0.0
    for s in (2.1, 3.0, 7.0):
        edge = largest_gap(s)
        inside, outside = (equilibria([0.0, edge + step], s) for step in (-1e-4, 1e-4))
        assert (len(inside.shares), len(outside.shares)) == (3, 1)
        assert inside.found == outside.found == "proved"
        assert several_equilibria(s, edge - 1e-4)
        assert not several_equilibria(s, -edge - 1e-4)


@pytest.mark.parametrize("j", [2, 3, 4])
def test_threshold_of_equal_places(j):
    s = critical_interaction(j)
    assert len(equilibria(np.zeros(j), s - 0.01).shares) == 1
    above = equilibria(np.zeros(j), s + 0.01)
    assert above.several
    assert above.found == "proved"
    # strong interaction: one equilibrium for each set of places that share the firms equally
    assert len(equilibria(np.zeros(j), 4.0 * j).shares) == 2**j - 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-6, 9), st.integers(1, 30))
def test_two_places_against_a_fine_grid(seed, s, n):
    v = np.random.default_rng(seed).normal(size=(n, 2)) * 2
    gap = v[:, 1] - v[:, 0]

    def excess(p: float) -> float:
        return float(np.mean(1 / (1 + np.exp(-(gap + s * (2 * p - 1))))) - p)

    grid = np.linspace(0, 1, 2001)
    values = (1 / (1 + np.exp(-(gap[:, None] + s * (2 * grid - 1))))).mean(axis=0) - grid
    crossings = np.flatnonzero(values[:-1] * values[1:] < 0)
    roots = [brentq(excess, grid[k], grid[k + 1], xtol=1e-14) for k in crossings]
    found = equilibria(v, s)
    if found.found == "proved":
        assert len(found.shares) >= len(roots)
        assert found.index_sum == 1
    for root in roots:
        assert np.abs(found.shares[2].to_numpy() - root).min() < 1e-9
    for p in found.shares[2]:
        assert abs(excess(p)) < 1e-11


@pytest.mark.parametrize("gap", [1e-3, 0.1])
@pytest.mark.parametrize("s", [-1.998, -1.9995, 1.9995])
def test_the_only_equilibrium_is_found_where_best_replies_nearly_cycle(gap, s):
    found = equilibria([0.0, gap], s)
    assert found.found == "proved"
    assert len(found.shares) == 1
    p = found.shares[2].item()
    assert p == pytest.approx(1 / (1 + np.exp(-(gap + s * (2 * p - 1)))), abs=1e-12)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.floats(-3, 8), st.integers(1, 6))
def test_proof_and_search_agree(seed, s, n):
    v = np.random.default_rng(seed).normal(size=(n, 3))
    proof, search = equilibria(v, s), equilibria(v, s, method="search")
    assert proof.found == "proved"
    assert proof.index_sum == 1
    for point in search.shares.to_numpy():
        assert np.abs(proof.shares.to_numpy() - point).max(axis=1).min() < 1e-6
    for point in proof.shares.to_numpy():
        p = np.exp(v + s * point)
        np.testing.assert_allclose((p / p.sum(axis=1, keepdims=True)).mean(axis=0), point, atol=1e-11)


def test_labels_order_and_alike_firms_do_not_matter():
    v = np.random.default_rng(3).normal(size=(5, 3))
    base = equilibria(v, 6.0, places=PLACES)
    turned = equilibria(v[:, [2, 0, 1]], 6.0, places=[PLACES[k] for k in (2, 0, 1)])
    pd.testing.assert_frame_equal(
        base.shares.sort_values("home", ignore_index=True),
        turned.shares[list(PLACES)].sort_values("home", ignore_index=True),
        atol=1e-9,
    )
    repeated = equilibria(np.repeat(v, 3, axis=0), 6.0)
    weighted = equilibria(v, 6.0, weights=np.full(5, 3.0))
    np.testing.assert_allclose(repeated.shares, base.shares, atol=1e-9)
    np.testing.assert_allclose(weighted.shares, base.shares, atol=1e-9)


def test_closed_places_and_weak_interactions():
    closed = equilibria([[0.0, -np.inf, 0.0], [0.5, -np.inf, 0.0]], 5.0, places=PLACES)
    open_ = equilibria([[0.0, 0.0], [0.5, 0.0]], 5.0)
    np.testing.assert_allclose(closed.shares[["home", "far"]], open_.shares, atol=1e-12)
    assert (closed.shares["near"] == 0).all()
    weak = equilibria(np.random.default_rng(0).normal(size=(20, 9)), 1.9)
    assert (weak.found, len(weak.shares)) == ("proved", 1)
    many = equilibria(np.zeros(6), 12.0)
    assert many.found == "searched"
    assert "no proof" in many.note


def test_what_cannot_be_decided_is_said():
    meeting = equilibria([0.0, 0.0], 2.0)
    assert meeting.found == "incomplete"
    assert "meet" in meeting.note
    np.testing.assert_allclose(meeting.shares.to_numpy(), 0.5, atol=1e-3)
    short = equilibria(np.zeros(3), 6.0, max_boxes=3)
    assert short.found == "searched"
    assert "not finished" in short.note
    assert "7, so that history decides" in str(equilibria(np.zeros(3), 6.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0, np.nan]], 1.0), "firm 0, place 1 has nan"),
        (([[-np.inf, -np.inf]], 1.0), "firm 0 has no place"),
        (([0.0], 1.0), "at least two places"),
        (([0.0, 0.0], np.inf), "a finite number"),
        (([0.0, 0.0], [1.0, 2.0, 3.0]), "interaction of shape"),
    ],
)
def test_bad_utilities_are_named(arguments, message):
    with pytest.raises(rc.DataError, match=message):
        equilibria(*arguments)


def test_bad_options_are_named():
    with pytest.raises(rc.OptionError, match="method='guess'"):
        equilibria([0.0, 0.0], 1.0, method="guess")
    with pytest.raises(rc.OptionError, match="n_alternatives=1"):
        critical_interaction(1)
    with pytest.raises(rc.OptionError, match="gap=nan"):
        several_equilibria(3.0, float("nan"))


# ------------------------------------------------------------------------------------------------------- estimation


def test_nested_fixed_point_is_the_maximum(data, model):
    """The log-likelihood with shares solved for by plain best replies has its top there."""
    fit = model.fit(data)
    table = rows_of(data).set_index(["town", "firm", "place"]).sort_index()
    places = [str(place) for place in table.index.levels[2]]
    by = {name: table[name].to_numpy().reshape(25, 16, 3) for name in ("cost", "kin", "chosen")}

    def loglik(theta: np.ndarray) -> float:
        at = dict(zip(fit.params.index, theta, strict=True))
        v = np.array([at.get(f"Intercept:{place}", 0.0) for place in places])
        v = v + at["cost"] * by["cost"] + at["kin"] * by["kin"]
        m = np.full((25, 1, 3), 1 / 3)
        for _ in range(80):
            p = np.exp(v + at["peers"] * m)
            p /= p.sum(axis=2, keepdims=True)
            m = p.mean(axis=1, keepdims=True)
        return float(np.log(p[by["chosen"].astype(bool)]).sum())

    theta = fit.params.to_numpy()
    assert fit.converged
    assert (fit.stability < 1).all()
    assert loglik(theta) == pytest.approx(fit.llf, abs=1e-7)
    gradient = [(loglik(theta + h) - loglik(theta - h)) / 2e-4 for h in 1e-4 * np.eye(len(theta))]
    np.testing.assert_allclose(np.array(gradient) * fit.bse.to_numpy(), 0.0, atol=2e-3)


def test_pseudo_likelihood_is_a_logit_at_its_own_shares(data, model):
    """The zero of the pseudo-likelihood: a plain logit with the equilibrium shares as data gives the same estimates."""
    fit = model.fit(data, "npl")
    rows = rows_of(data)
    rows["peers"] = [fit.expected.loc[town, place] for town, place in zip(rows["town"], rows["place"], strict=True)]
    held = rc.ChoiceData.from_long(rows, case="firm", alternative="place", chosen="chosen")
    plain = rc.MultinomialLogit("chosen ~ cost + kin + peers", base="home").fit(held)
    np.testing.assert_allclose(plain.params[fit.params.index], fit.params, atol=1e-7)
    mean = fit.predict().groupby(data.case_frame(["town"])["town"].to_numpy()).mean()
    np.testing.assert_allclose(mean.to_numpy(), fit.expected.to_numpy(), atol=1e-10)
    # treated as data, the shares would seem to be worth more than they are
    assert fit.bse["peers"] != pytest.approx(plain.bse["peers"], rel=1e-3)


def test_kinds_of_covariance(data, model):
    for method in ("nfp", "npl"):
        errors = {kind: model.fit(data, method, cov_type=kind).bse for kind in ("information", "robust", "cluster")}
        for kind in ("robust", "cluster"):
            np.testing.assert_allclose(errors[kind] / errors["information"], 1.0, atol=0.5)
    by_name = model.fit(data, cov_type="cluster", groups="town").bse
    np.testing.assert_allclose(by_name, model.fit(data, cov_type="cluster").bse, rtol=1e-9)


def test_without_interaction_it_is_the_plain_logit_to_first_order():
    held = choices(5, 0.0, markets=30)
    fit = SocialLogit("chosen ~ cost + kin + peers", group="town", base="home").fit(held)
    assert abs(fit.params["peers"]) < 3 * fit.bse["peers"]
    assert fit.wald_test("peers = 0").pvalue > 0.001


def test_order_of_cases_and_frequencies_do_not_matter(data, model):
    rows = rows_of(data)
    base = model.fit(data)
    order = np.random.default_rng(0).permutation(rows["firm"].unique())
    turned = rows.set_index("firm").loc[order].reset_index()
    fit = model.fit(rc.ChoiceData.from_long(turned, case="firm", alternative="place", chosen="chosen"))
    np.testing.assert_allclose(fit.params, base.params, atol=1e-8)
    np.testing.assert_allclose(fit.predict().loc[data.cases], base.predict(), atol=1e-8)
    twice = rows.assign(w=2)
    doubled = model.fit(rc.ChoiceData.from_long(twice, case="firm", alternative="place", chosen="chosen", weights="w"))
    np.testing.assert_allclose(doubled.params, base.params, atol=1e-8)
    np.testing.assert_allclose(doubled.bse * np.sqrt(2), base.bse, rtol=1e-6)


def test_the_best_equilibrium_is_found_where_there_are_several():
    """Firms coordinate on a place that the start of the search may miss; the likelihood of all equilibria decides."""
    held = choices(2, 5.0, markets=8, firms=40, places=2)
    model = SocialLogit("chosen ~ cost + kin + peers", group="town", base="home")
    near, best = model.fit(held), model.fit(held, equilibrium="best")
    assert best.llf >= near.llf - 1e-8
    # no market has an equilibrium that is likelier than the one that was taken
    theta, markets = best.params.to_numpy(), best.markets
    taken = best.expected.to_numpy()
    own = markets.by_market(markets.weights * markets.loglik(theta, taken))
    for g, label in enumerate(best.expected.index):
        for candidate in best.equilibria(label).shares.to_numpy():
            trial = taken.copy()
            trial[g] = candidate
            assert markets.by_market(markets.weights * markets.loglik(theta, trial))[g] <= own[g] + 1e-7
    counted = best.multiplicity()
    assert (counted["found"] == "proved").all()
    assert counted["equilibria"].max() > 1
    assert list(best.equilibria("t00").shares.columns) == list(best.expected.columns)


def test_lagged_shares_by_hand():
    rng = np.random.default_rng(0)
    n = 160
    frame = pd.DataFrame({"firm": np.arange(n) % 40, "year": np.arange(n) // 40, "town": (np.arange(n) % 40) % 4})
    frame["choice"] = rng.integers(0, 3, n)
    rows = frame.loc[np.repeat(np.arange(n), 3)].reset_index(names="move")
    rows["place"] = np.tile(PLACES, n)
    rows["chosen"] = np.array(PLACES)[rows["choice"]] == rows["place"]
    rows["cost"] = rng.normal(size=len(rows))
    keys = {"case": "move", "alternative": "place", "chosen": "chosen", "unit": "firm"}
    held = rc.ChoiceData.from_long(rows.drop(columns="choice"), **keys)
    model = SocialLogit("chosen ~ cost + peers", group="town", period="year", base="home")
    fit = model.fit(held, "lagged")
    when, where, who, what = (frame[name].to_numpy() for name in ("year", "town", "firm", "choice"))
    shares = []
    for k in range(n):
        past = what[(where == where[k]) & (when == when[k] - 1) & (who != who[k])]
        shares += [(past == j).mean() if len(past) else np.nan for j in range(3)]
    late = rows.assign(peers=shares).query("year > 0").drop(columns="choice")
    plain = rc.MultinomialLogit("chosen ~ cost + peers", base="home").fit(rc.ChoiceData.from_long(late, **keys))
    np.testing.assert_allclose(fit.params, plain.params, atol=1e-8)
    np.testing.assert_allclose(fit.bse, plain.bse, rtol=1e-6)
    assert fit.n_cases == 120
    assert any("40 of 160 cases were left out" in note for note in fit.notes)
    assert not any("name no unit" in note for note in fit.notes)
    anonymous = rc.ChoiceData.from_long(rows.drop(columns="choice"), **{**keys, "unit": None})
    own_past = model.fit(anonymous, "lagged")
    assert abs(own_past.params["peers"] - fit.params["peers"]) > 1e-3
    assert "The data name no unit" in " ".join(str(own_past.summary()).split())
    later = rows.drop(columns="choice").assign(year=lambda t: t["year"].where(t["year"] < 3, 9))
    skipped = rc.ChoiceData.from_long(later, **keys)
    assert any("the period before that of 9 is 2" in note for note in model.fit(skipped, "lagged").notes)
    every = replace(model, periods=range(10))
    assert every.fit(skipped, "lagged").n_cases == 80
    clustered = model.fit(held, "lagged", cov_type="cluster").covariance
    assert clustered.groups == 4


def test_realised_shares_with_and_without_the_own_choice(data, model):
    with_own = model.fit(data, "realised", own="included")
    without = model.fit(data, "realised")
    assert without.params["peers"] < with_own.params["peers"]
    assert "biased" in str(without.summary())


def test_summary_and_record(data, model):
    fit = model.fit(data, "npl")
    text = str(fit.summary())
    assert "Logit with social interactions: chosen ~ cost + kin + peers" in text
    assert "nested pseudo-likelihood" in text
    assert "derivatives through the equilibrium" in " ".join(text.split())
    rows = [line.split("|")[1].strip() for line in str(fit.summary("markdown")).splitlines() if line.startswith("|")]
    assert set(fit.params.index) <= set(rows)
    np.testing.assert_allclose(fit.conf_int()[1] - fit.params, 1.959964 * fit.bse, rtol=1e-6)
    assert np.isfinite(fit.bse).all()
    with pytest.raises(rc.OptionError, match="market='nowhere'"):
        fit.equilibria("nowhere")
    handed_out = fit.expected
    handed_out.iloc[0, 0] = 9.0
    assert fit.expected.iloc[0, 0] < 1


def test_peers_may_stand_times_a_variable_but_not_in_a_logarithm(data):
    fit = SocialLogit("chosen ~ cost + peers + peers:kin", group="town", base="home").fit(data)
    assert "peers:kin" in fit.params.index
    with pytest.raises(rc.SpecificationError, match="not linear in 'peers'"):
        SocialLogit("chosen ~ cost + exp(peers)", group="town", base="home").fit(data)


def test_bad_models_and_data_are_named(data, model):
    with pytest.raises(rc.SpecificationError, match="does not name 'peers'"):
        SocialLogit("chosen ~ cost", group="town")
    with pytest.raises(rc.OptionError, match="method='ols'"):
        model.fit(data, "ols")
    with pytest.raises(rc.OptionError, match="needs the model's period="):
        model.fit(data, "lagged")
    for options in ({"max_iterations": "x"}, {"max_iterations": -3}, {"tolerance": "a"}, {"tolerance": np.nan}):
        with pytest.raises(rc.OptionError, match=f"{next(iter(options))}="):
            model.fit(data, **options)
    one = rc.ChoiceData.from_long(rows_of(data).assign(same=1), case="firm", alternative="place", chosen="chosen")
    with pytest.raises(rc.OptionError, match="at least two groups"):
        model.fit(one, cov_type="cluster", groups="same")
    with pytest.raises(rc.OptionError, match="different labels"):
        equilibria([0.0, 0.1], 1.0, places=["a", "a"])
    with pytest.raises(rc.OptionError, match="groups= goes with"):
        model.fit(data, groups="town")
    keys = {"case": "firm", "alternative": "place", "chosen": "chosen"}
    taken = rc.ChoiceData.from_long(rows_of(data).assign(peers=0.0), **keys)
    with pytest.raises(rc.DataError, match="have a column 'peers'"):
        model.fit(taken)
    homeless = rows_of(data).assign(town=lambda f: f["town"].where(f["firm"] > 0))
    homeless = rc.ChoiceData.from_long(homeless, **keys)
    with pytest.raises(rc.DataError, match="town"):
        model.fit(homeless)
    with pytest.raises(rc.DataError, match="alone in its market"):
        SocialLogit("chosen ~ cost + peers", group="firm2").fit(
            rc.ChoiceData.from_long(
                rows_of(data).assign(firm2=lambda f: f["firm"]), case="firm", alternative="place", chosen="chosen"
            ),
            "realised",
        )


def test_markets_that_are_alike_identify_nothing():
    rng = np.random.default_rng(0)
    cost = rng.normal(size=(10, 3))
    rows = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(200), 3),
            "place": np.tile(PLACES, 200),
            "town": np.repeat(np.arange(20), 30),
            "cost": np.tile(cost.ravel(), 20),
            "chosen": (np.arange(3) == rng.integers(0, 3, 200)[:, None]).ravel(),
        }
    )
    held = rc.ChoiceData.from_long(rows, case="firm", alternative="place", chosen="chosen")
    with pytest.raises(rc.IdentificationError, match=r"'peers'.*cannot be told apart"):
        SocialLogit("chosen ~ cost + peers", group="town", base="home").fit(held)


# --------------------------------------------------------------------------------------------------------- cascades


CHEAP = rc.Scenario("cheap far").add_to("cost", -1.0, where={"alternative": "far"})


def test_no_firm_leaves_an_improved_place_by_noise(data, model):
    fit = model.fit(data)
    found = cascade(fit, CHEAP, draws=30)
    assert found.settled == 1.0
    # without social effects beyond the first round, and in all later ones here, nobody leaves
    assert found.left_improved == 0
    switches = found.switches
    assert switches.loc["far"].drop("far").sum() == 0
    assert found.table.loc["far", "total"] > found.table.loc["far", "direct"] > 0
    assert found.table["total"].sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(switches.to_numpy().sum(), data.n_cases)


@pytest.fixture(scope="module")
def two_places():
    held = choices(2, 1.0, markets=8, firms=12, places=2)
    return SocialLogit("chosen ~ cost + peers", group="town", base="home").fit(held)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 3.0), st.floats(0.0, 8.0))
def test_with_two_places_nobody_ever_leaves_the_better_one(two_places, seed, gain, peers):
    estimates = two_places.parameters
    estimates.loc["peers", "estimate"], estimates.loc["cost", "estimate"] = peers, -1.0
    fit = replace(two_places, parameters=estimates)
    found = cascade(fit, rc.Scenario("better").add_to("cost", -gain, where={"alternative": "near"}), draws=3, seed=seed)
    assert found.switches.loc["near", "home"] == 0
    assert found.left_improved == 0
    near = found.path[found.path["place"] == "near"]
    assert (near["scenario"] >= near["baseline"]).all()


def test_the_same_seed_gives_the_same_baseline_whatever_changes(data, model):
    fit = model.fit(data)
    kin = cascade(fit, double_kin_stock("kin", alternatives="far"), draws=3, seed=4)
    cheap = cascade(fit, CHEAP, draws=3, seed=4)
    pd.testing.assert_series_equal(kin.table["baseline"], cheap.table["baseline"])
    assert not kin.table["scenario"].equals(cheap.table["scenario"])
    assert kin.scenario == "S5 kin stock"
    closed = cascade(fit, rc.Scenario("closed").remove("far"), draws=3, seed=4)
    assert closed.table.loc["far", "scenario"] == 0
    assert "Group migration, closed" in str(closed)


def test_without_interaction_the_cascade_is_the_plain_simulation(data):
    """With peers held at nothing, the direct effect is all, and its mean is the change of the probabilities."""
    fit = SocialLogit("chosen ~ cost + kin + peers", group="town", base="home").fit(choices(5, 0.0))
    found = cascade(fit, CHEAP, draws=60)
    theta = fit.params.to_numpy()

    def probabilities(shift: float) -> np.ndarray:
        v = fit.markets.utilities(theta, fit.expected.to_numpy())
        far = list(fit.expected.columns).index("far")
        v[:, far] += theta[list(fit.params.index).index("cost")] * shift
        p = np.exp(v)
        return p / p.sum(axis=1, keepdims=True)

    # with the same errors before and after a firm goes far, or leaves a place, with the change of the probability
    change = probabilities(-1.0) - probabilities(0.0)
    error = np.sqrt((abs(change) * (1 - abs(change))).sum(axis=0) / 60)
    assert (abs(found.table["direct"] - change.sum(axis=0)) < 4 * error).all()
    assert (abs(change.sum(axis=0)) > 10 * error).all()


def test_bad_scenarios_are_named(data, model):
    fit = model.fit(data)
    with pytest.raises(rc.DataError, match="changes 'peers', which follows"):
        cascade(fit, rc.Scenario("more").scale("peers", 2.0))
    with pytest.raises(rc.SpecificationError, match="adds a place"):
        cascade(fit, rc.Scenario("new").add("moon", like="far"))
    with pytest.raises(rc.OptionError, match="draws=0"):
        cascade(fit, CHEAP, draws=0)
    with pytest.raises(rc.OptionError, match="the results of a SocialLogit"):
        cascade(fit.plain, CHEAP)


def test_results_and_cascade_begin_with_the_provenance(data, model):
    line = "simulated from published margins (95 firms)"
    fit = model.fit(data.with_provenance(line), "npl")
    assert fit.provenance == line
    assert fit.summary().table.title.startswith(f"[{line}] Logit with social interactions")
    found = cascade(fit, CHEAP, draws=1)
    assert found.provenance == line
    assert found.summary().table.title.startswith(f"[{line}] Group migration")
    assert model.fit(data, "npl").summary().table.title.startswith("Logit with")


def test_what_a_fit_hands_out_says_where_its_data_come_from() -> None:
    line = "simulated by hand"
    data = choices(0, 1.0, markets=10).with_provenance(line)
    fit = SocialLogit("chosen ~ cost + peers", group="town").fit(data, "npl")
    market = fit.expected.index[0]
    for frame in (fit.params, fit.bse, fit.conf_int(), fit.expected, fit.stability, fit.predict()):
        assert frame.attrs["provenance"] == line
    assert fit.multiplicity([market]).attrs["provenance"] == line
    assert fit.equilibria(market).shares.attrs["provenance"] == line
    assert fit.equilibria(market).summary().table.title.startswith(f"[{line}]")
    assert repr(fit).startswith(f"[{line}]")
    assert str(fit.wald_test("peers = 0")).startswith(f"[{line}]")
