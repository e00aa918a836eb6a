"""Pooling of alternatives: the likelihood ratio of equal slopes, and Holm's correction by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.errors import OptionError
from relocchoice.inference.pooling import holm
from relocchoice.results.pooling import pooling_table, pooling_test

FORMULA = "chosen ~ cost | assets + size"


@cache
def fitted(base: str = "coast"):
    return rc.MultinomialLogit(FORMULA, base=base).fit(choice_data(choice_frame(300, 2)))


def test_against_tied_coefficients():
    equal = [["assets:metro", "assets:county"], ["size:metro", "size:county"]]
    tied = rc.MultinomialLogit(FORMULA, base="coast", equal=equal).fit(choice_data(choice_frame(300, 2)))
    result = pooling_test(fitted(), "metro", "county")
    assert result.statistic == pytest.approx(2 * (fitted().llf - tied.llf), rel=1e-6)
    assert (result.df, result.message) == (2, "likelihood ratio")


def test_the_base_is_an_alternative_like_any_other():
    fixed = rc.MultinomialLogit(FORMULA, base="coast", fixed={"assets:metro": 0.0, "size:metro": 0.0})
    held = fixed.fit(choice_data(choice_frame(300, 2)))
    result = pooling_test(fitted(), "metro", "coast")
    assert result.statistic == pytest.approx(2 * (fitted().llf - held.llf), rel=1e-6)
    assert result.statistic == pytest.approx(pooling_test(fitted("county"), "coast", "metro").statistic, rel=1e-6)


def test_without_attributes_pooling_is_cramers_and_ridders():
    """L of the pooled model plus the split at constant odds is L under the hypothesis."""
    frame = choice_frame(300, 2)
    frame = frame[["move", "place", "chosen", "assets"]]
    fit = rc.MultinomialLogit("chosen ~ 0 | assets", base="coast").fit(choice_data(frame))
    pooled = frame.assign(place=frame["place"].replace({"metro": "county"}))
    pooled = pooled.groupby(["move", "place"], as_index=False).agg({"chosen": "any", "assets": "first"})
    small = rc.MultinomialLogit("chosen ~ 0 | assets", base="coast").fit(choice_data(pooled))
    taken = frame[frame["chosen"]]["place"].value_counts()
    both = taken["metro"] + taken["county"]
    split = sum(taken[place] * np.log(taken[place] / both) for place in ("metro", "county"))
    expected = 2 * (fit.llf - small.llf - split)
    assert pooling_test(fit, "metro", "county").statistic == pytest.approx(expected, rel=1e-6)


def test_holm_by_hand():
    pvalues = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    np.testing.assert_allclose(holm(pvalues), [0.03, 0.06, np.nan, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.6, 0.7])), [1.0, 1.0])


def test_the_table_holds_all_pairs():
    table = pooling_table(fitted())
    assert table.shape == (10, 5)
    one = pooling_test(fitted(), "county", "metro")
    assert table.loc[("county", "metro"), "pvalue"] == one.pvalue
    assert (table["holm"] >= table["pvalue"]).all()
    np.testing.assert_allclose(table["holm"], holm(table["pvalue"].to_numpy()))


def test_power_and_size():
    rng = np.random.default_rng(1)
    frame = choice_frame(500, 5, places=("a", "b", "c"))
    assets = frame["assets"].to_numpy().reshape(500, 3)
    chosen = (assets * [0.0, 0.8, 0.8] + rng.gumbel(size=assets.shape)).argmax(axis=1)
    frame["chosen"] = (np.arange(3) == chosen[:, None]).ravel()
    fit = rc.MultinomialLogit("chosen ~ 0 | assets").fit(choice_data(frame))
    assert pooling_test(fit, "b", "c").pvalue > 0.01
    assert pooling_test(fit, "a", "b").pvalue < 1e-6


def test_sampling_weights_take_wald():
    frame = choice_frame(300, 2).assign(w=lambda f: 1.0 + f["move"] % 3)
    fit = rc.MultinomialLogit(FORMULA).fit(choice_data(frame, weights="w", weight_kind="sampling"))
    result = pooling_test(fit, "metro", "county")
    wald = fit.wald_test(["assets:metro = assets:county", "size:metro = size:county"])
    assert result.statistic == pytest.approx(wald.statistic)
    assert "Wald" in result.message


def test_misuse_and_refusals():
    with pytest.raises(OptionError, match="another alternative"):
        pooling_test(fitted(), "metro", "metro")
    with pytest.raises(OptionError, match=r"other='town'.*coast, county"):
        pooling_test(fitted(), "metro", "town")
    plain = rc.MultinomialLogit("chosen ~ cost").fit(choice_data(choice_frame(100, 2)))
    assert "no case-specific variables" in pooling_test(plain, "metro", "county").message
    assert pooling_table(plain)["holm"].isna().all()


@pytest.mark.slow
def test_size():
    rng, reached, draws = np.random.default_rng(3), 0, 600
    frame = choice_frame(200, 5, places=("a", "b", "c"))
    assets = frame["assets"].to_numpy().reshape(200, 3)
    for _ in range(draws):
        chosen = (assets * [0.0, 0.5, 0.5] + rng.gumbel(size=assets.shape)).argmax(axis=1)
        frame["chosen"] = (np.arange(3) == chosen[:, None]).ravel()
        fit = rc.MultinomialLogit("chosen ~ 0 | assets").fit(choice_data(frame))
        reached += pooling_test(fit, "b", "c").pvalue < 0.05
    assert 0.03 < reached / draws < 0.075


def test_alternatives_in_different_nests_are_no_split_of_one():
    nests = {"near": ["township", "county"], "away": ["metro", "coast", "interior"]}
    fit = rc.NestedLogit(FORMULA, nests, base="coast", lambdas="common").fit(choice_data(choice_frame(300, 2)))
    apart = pooling_test(fit, "metro", "county")
    assert not apart.applies
    assert "stand in different nests" in apart.message
    assert pooling_test(fit, "metro", "interior").applies
    assert pooling_table(fit)["message"].str.contains("different nests").sum() == 6
