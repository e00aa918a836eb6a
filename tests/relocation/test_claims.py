"""The claims of the sources: figures typed from the print, brute force, verdicts that can turn out otherwise."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from relocchoice.errors import IdentificationError, OptionError
from relocchoice.inference.hypotheses import TestResult
from relocchoice.relocation import claims
from relocchoice.relocation.claims import exact, push, simulated
from relocchoice.relocation.claims.shapley import LoglikSplit
from relocchoice.relocation.survey import simulate_survey

FIRMS = 1500


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(FIRMS, 0, margins="expected")


@pytest.fixture(scope="module")
def no_split() -> LoglikSplit:
    """A split that costs no fits, for what does not look at it."""
    return claims.shapley_split(("price and space", "ties"), len)


def result_of(claim, name: str):
    return dict(claim.tests)[name]


# ------------------------------------------------------------------------------------------------------ printed counts


def test_size_and_form_against_the_base_rate() -> None:
    claim = claims.size_and_form()
    assert (claim.values["small"], claim.values["entire"]) == (48, 70)
    assert claim.values["base"] == 67 / 95
    assert claim.values["rate_ratio"] == pytest.approx((48 / 67) / (22 / 28))
    test = result_of(claim, "share against base rate")
    likely = stats.binom.pmf(np.arange(71), 70, 67 / 95)
    assert test.pvalue == pytest.approx(likely[likely <= likely[48] * (1 + 1e-9)].sum())
    assert round(test.pvalue, 2) == 0.70
    assert "neither shows the claim nor refutes it" in claim.verdict


def test_size_and_province_has_the_rate_ratio() -> None:
    claim = claims.size_and_province()
    assert claim.values["ratio_middle"] == pytest.approx((15 / 21) / (11 / 67))
    assert claim.values["ratio_large"] == pytest.approx((5 / 7) / (11 / 67))
    moves, firms = np.array([11, 15, 5]), np.array([67, 21, 7])
    statistic = 2 * (moves * np.log(moves / (firms * 31 / 95))).sum()
    test = result_of(claim, "equal rates (Poisson)")
    assert test.statistic == pytest.approx(statistic, rel=1e-9)
    assert round(test.statistic, 2) == 16.22
    assert round(test.pvalue, 4) == 0.0003
    assert claim.values["overdispersion"] == pytest.approx(statistic / stats.chi2.isf(0.05, 2))
    brute = sum(
        stats.multinomial.pmf([a, b, 31 - a - b], 31, firms / 95)
        for a in range(32)
        for b in range(32 - a)
        if stats.multinomial.pmf([a, b, 31 - a - b], 31, firms / 95)
        <= stats.multinomial.pmf(moves, 31, firms / 95) * (1 + 1e-7)
    )
    assert result_of(claim, "equal rates (exact)").pvalue == pytest.approx(brute)
    assert "4.35 times" in claim.verdict
    assert "Both larger classes have the same rate" in claim.verdict


def test_stated_push_takes_the_overlap_that_speaks_least() -> None:
    claim = claims.stated_push()
    named = [claim.values[name] for name in ("land", "policy", "environment", "science")]
    assert named == [37, 21, 13, 7]
    bound = result_of(claim, "land against both").pvalue
    for either in range(13, 21):  # firms that name one of the two
        for overlap in range(either + 1):  # of these, that name land too
            one, other = 37 - overlap, either - overlap
            assert stats.binomtest(one, one + other, 0.5).pvalue <= bound + 1e-12
    assert bound == pytest.approx(stats.binomtest(37, 57, 0.5).pvalue)


def test_dual_destinations_are_three_cases() -> None:
    claim = claims.dual_destinations()
    assert [claim.values[name] for name in ("outside", "globalizing", "coastal", "interior")] == [37, 24, 10, 3]
    assert result_of(claim, "rate a year").pvalue == pytest.approx((4 / 14) ** 3)
    assert result_of(claim, "share of manufacturing").pvalue > 0.05
    low, high = claim.values["low"], claim.values["high"]
    assert stats.binom.sf(2, 37, low) == pytest.approx(0.025)
    assert stats.binom.cdf(3, 37, high) == pytest.approx(0.025)


def test_printed_claims_hold_nothing_simulated() -> None:
    for claim in claims.printed_claims():
        text = str(claim)
        assert claim.provenance == ""
        assert "simulated" not in text
        for word in ("Claimed:", "Verdict:", "What these numbers cannot carry:"):
            assert word in text
        assert "nan" not in text.lower().split()


def test_a_claim_on_simulated_firms_must_say_so() -> None:
    with pytest.raises(OptionError, match="says where they come from"):
        replace(claims.size_and_form(), basis="simulated firms")
    with pytest.raises(OptionError, match="only such a claim does"):
        replace(claims.size_and_form(), provenance="made up")


def test_exact_tests_of_no_difference() -> None:
    assert exact.multinomial([2, 2, 2], [1, 1, 1], "alike").pvalue == pytest.approx(1.0)
    assert exact.poisson_ratio((3, 3), (5.0, 5.0), "alike").pvalue == pytest.approx(1.0)
    assert exact.likelihood_ratio(-1e-12, 1, "alike").pvalue == 1.0
    assert exact.fisher(np.array([[3, 0], [0, 3]]), "alike").pvalue == pytest.approx(0.1)


# ------------------------------------------------------------------------------------------------------------- Shapley


@given(st.lists(st.floats(-5, 5), min_size=16, max_size=16))
def test_shapley_is_the_mean_over_orders_and_adds_up(values: list[float]) -> None:
    groups = ("a", "b", "c", "d")

    def loglik(names: frozenset[str]) -> float:
        return values[sum(1 << groups.index(name) for name in names)]

    split = claims.shapley_split(groups, loglik)
    orders = list(permutations(groups))
    for group in groups:
        gains = [
            loglik(frozenset(order[: order.index(group) + 1])) - loglik(frozenset(order[: order.index(group)]))
            for order in orders
        ]
        assert split.table.loc[group, "shapley"] == pytest.approx(np.mean(gains), abs=1e-9)
    assert split.table["shapley"].sum() == pytest.approx(split.gain, abs=1e-9)


def test_shapley_refuses_what_it_cannot_split() -> None:
    for groups in ((), ("a", "a"), tuple("abcdefghijk")):
        with pytest.raises(OptionError, match="groups"):
            claims.shapley_split(groups, len)


# ----------------------------------------------------------------------------------------------------- simulated firms


def test_the_push_that_was_put_in_is_found_and_the_other_in_the_other_world(survey, no_split) -> None:
    own = claims.encompassing(claims.push_choices(survey))
    assert own.words == "price and space encompass technology and environment"
    assert own.union.llf >= max(own.price.llf, own.technology.llf)
    assert own.price_adds.statistic == pytest.approx(2 * (own.union.llf - own.technology.llf))
    assert own.vuong.statistic > 0
    rival = claims.encompassing(push.rival_choices(survey))
    assert rival.words == "technology and environment encompass price and space"
    assert "drawn again from a rival model" in rival.union.provenance
    claim = claims.push_by_price_or_technology(survey, no_split)
    assert str(claim).split("]")[0].strip(" =\n").startswith("[simulated from published margins")
    assert "tells the two worlds apart" in claim.verdict


@pytest.mark.slow
def test_the_split_adds_up_on_the_survey(survey) -> None:
    split = push.loglik_split(claims.push_choices(survey))
    assert split.table["shapley"].sum() == pytest.approx(split.gain)
    assert (split.table[["first", "last"]] > -1e-6).all(axis=None)
    assert split.table.loc["price and space", "last"] > 20
    assert split.table.loc["technology and environment", "last"] < 10
    assert split.provenance in str(split).replace("\n", " ")


def test_lock_in_is_found_where_it_is_and_not_where_kin_mean_nothing(survey) -> None:
    claim = claims.relational_lock_in(survey)
    truth = survey.truth.params()
    assert claim.verdict.startswith("Found")
    assert claim.values["net"] == pytest.approx(claim.values["leave"] + claim.values["kin"])
    assert claim.values["relatives"] == pytest.approx(-claim.values["leave"] / claim.values["kin"])
    assert abs(claim.values["kin"] - truth["kin"]) < 0.2
    everywhere = result_of(claim, "all three")
    assert everywhere.pvalue == max(result_of(claim, name).pvalue for name in ("ties, moving", "ties, leaving", "kin"))
    kin = np.random.default_rng(1).permutation(survey.ties["kin"].to_numpy())
    blind = claims.relational_lock_in(replace(survey, ties=survey.ties.assign(kin=kin)))
    assert blind.verdict.startswith("Put in, but not found")
    assert "relatives" not in blind.values
    assert "not told: kin draw nobody here" in str(blind)
    assert result_of(blind, "kin").pvalue > 0.01


def test_no_firm_follows_its_town_but_a_town_stands_in_for_what_is_left_out(survey) -> None:
    claim = claims.cluster_migration(survey)
    assert abs(claim.values["stock"]) < 0.15
    assert claim.values["stock_bare"] > 0.3
    assert result_of(claim, "kin").pvalue < 1e-6
    assert claim.provenance == survey.provenance.line


@pytest.mark.parametrize(("firms", "seed"), [(95, 2), (150, 2), (300, 1)])
def test_with_few_firms_nothing_is_called_found_that_is_not(firms: int, seed: int, no_split) -> None:
    few = simulate_survey(firms, seed, margins="expected")
    claim = claims.cluster_migration(few)
    p = {name: test.pvalue for name, test in claim.tests}
    assert ("put in, are found" in claim.verdict) == (p["kin"] < 0.05)
    assert ("stand in for it" in claim.verdict) == (p["following, appeal unknown"] < 0.05)
    assert ("none is found" in claim.verdict) == (p["following the town"] >= 0.05)
    lock = claims.relational_lock_in(few)
    assert lock.verdict.startswith("Found") == (max(test.pvalue for _, test in lock.tests[:3]) < 0.05)
    push_claim = claims.push_by_price_or_technology(few, no_split)
    p = {name: test.pvalue < 0.05 for name, test in push_claim.tests}
    right = p["price in the union"] and not p["technology in the union"]
    right &= p["other world: technology in the union"] and not p["other world: price in the union"]
    assert ("test tells the two worlds apart" in push_claim.verdict) == right
    assert push_claim.verdict.startswith("Each test at 5 %")


def test_the_words_of_a_following_depend_on_every_test() -> None:
    def test(pvalue: float) -> TestResult:
        return TestResult(1.0, 1, pvalue, "nothing", "chi2(1)")

    said = simulated._cluster_verdict(test(0.7), test(0.3), test(0.71), 0.25)
    assert "kin, which were put in, are NOT found" in said
    assert "nothing shows with this many firms either: 0.25 (p = 0.7100)" in said
    assert "stand in" not in said
    said = simulated._cluster_verdict(test(0.01), test(0.01), test(0.01), -0.4)
    assert said.startswith("A following shows")
    assert "avoid those of their town" in said
    assert "stand in for it: 0.40" in simulated._cluster_verdict(test(0.2), test(0.01), test(0.01), 0.4)


def test_too_few_firms_are_refused_in_words() -> None:
    with pytest.raises(IdentificationError, match="take more firms"):
        claims.simulated_claims(simulate_survey(40, 1, margins="expected"))
    with pytest.raises(OptionError, match="survey"):
        claims.simulated_claims("firms")  # type: ignore[arg-type]


def test_every_test_of_simulated_firms_says_so(survey) -> None:
    line = survey.provenance.line
    for claim in (claims.relational_lock_in(survey), claims.cluster_migration(survey)):
        assert claim.tests
        assert all(str(test).startswith(f"[{line}] H0") for _, test in claim.tests)
        assert "H0" in str(claim)
        assert str(claim).count(line) == 1  # in the title; the sentences below need not repeat it
    found = claims.encompassing(claims.push_choices(survey))
    assert repr(found).startswith(f"[{line}]")
    assert str(found.price_adds).startswith(f"[{line}] H0")
    assert str(found.vuong).startswith(f"[{line}] H0")
