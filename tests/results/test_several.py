"""The treatments of events with several destinations side by side, and what each recovers of a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.data.events import one_case_each, shared_weights
from relocchoice.results.several import HEADS, compare_treatments

TRUTH = np.array([-1.0, 0.6])


def simulated(n: int, seed: int, draw: str = "sets", places: int = 8, most: int = 4) -> rc.ChoiceData:
    """Events over places with utilities -cost + 0.6 distance.

    Parameters
    ----------
    draw : ``"sets"``: a set of given size by its conditional probability; ``"sequence"``: one after the other from what
        is left.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, places, 2))
    v = x @ TRUTH
    size = rng.integers(1, most + 1, n)
    taken = np.zeros((n, places), dtype=bool)
    for i in range(n):
        if draw == "sequence":
            taken[i, np.argsort(-(v[i] + rng.gumbel(size=places)))[: size[i]]] = True
        else:  # rejection: independent picks, kept when they make a set of the wanted size
            p = 1.0 / (1.0 + np.exp(-(v[i] + np.log(size[i] / places))))
            while taken[i].sum() != size[i]:
                taken[i] = rng.random(places) < p
    table = pd.DataFrame(
        {
            "event": np.repeat(np.arange(n), places),
            "place": np.tile(np.arange(places), n),
            "taken": taken.ravel(),
            "cost": x[:, :, 0].ravel(),
            "distance": x[:, :, 1].ravel(),
        }
    )
    return rc.ChoiceData.from_long(table, case="event", alternative="place", chosen="taken", several=True)


FORMULA = "taken ~ cost + distance | 0"


def test_the_columns_are_the_single_fits():
    data = simulated(150, 1)
    found = compare_treatments(FORMULA, data)
    single = rc.MultinomialLogit(FORMULA)
    wanted = (
        single.fit(one_case_each(data), "cluster"),
        single.fit(shared_weights(data), "cluster"),
        rc.SubsetLogit(FORMULA).fit(data, "cluster", groups=np.arange(data.n_cases)),
    )
    for fit, other in zip((found.each, found.shared, found.sets), wanted, strict=True):
        np.testing.assert_array_equal(fit.params, other.params)
        np.testing.assert_array_equal(fit.bse, other.bse)
        assert fit.covariance.groups == 150
    text = str(found)
    assert all(head in text for head in HEADS)
    assert "Poisson counts with an effect for each event" in text
    assert found.comparison.estimates.shape[0] == 2


def test_a_model_brings_its_constraints():
    data = simulated(80, 2)
    found = compare_treatments(rc.SubsetLogit(FORMULA, fixed={"distance": 0.6}), data)
    assert {fit.params["distance"] for fit in (found.each, found.shared, found.sets)} == {0.6}
    again = compare_treatments(rc.MultinomialLogit(FORMULA, fixed={"distance": 0.6}), data)
    assert str(again) == str(found)


def test_what_cannot_be_compared_says_so():
    data = simulated(30, 3)
    plain = one_case_each(data)
    with pytest.raises(rc.DataError, match="no case of these data took several"):
        compare_treatments(FORMULA, plain)
    with pytest.raises(rc.OptionError, match="nested"):
        compare_treatments(rc.NestedLogit(FORMULA, {"a": [0, 1, 2], "b": [3, 4, 5, 6, 7]}), data)
    with pytest.raises(rc.OptionError, match="model='int'"):
        compare_treatments(3, data)
    with pytest.raises(rc.DataError, match="not DataFrame"):
        compare_treatments(FORMULA, pd.DataFrame())


def test_firms_with_several_events_are_the_clusters_everywhere():
    data = simulated(60, 4)
    from dataclasses import replace

    owned = replace(data, unit=np.arange(60) // 3, units=pd.Index(range(20)))
    found = compare_treatments(FORMULA, owned)
    assert {fit.covariance.groups for fit in (found.each, found.shared, found.sets)} == {20}


def test_one_large_sample_shows_who_recovers_the_truth():
    """The likelihood of sets does; choices of one destination at a time flatten the coefficients."""
    found = compare_treatments(FORMULA, simulated(4000, 5))
    z = (found.sets.params.to_numpy() - TRUTH) / found.sets.bse.to_numpy()
    assert np.abs(z).max() < 3
    for fit in (found.each, found.shared):
        ratio = fit.params.to_numpy() / TRUTH
        assert (ratio < 0.95).all()


@pytest.mark.slow
def test_recovery_bias_and_coverage():
    """200 samples of 300 events: what each treatment estimates, and whether its intervals cover what it estimates."""
    limits = compare_treatments(FORMULA, simulated(40_000, 99))
    targets = [fit.params.to_numpy() for fit in (limits.each, limits.shared)] + [TRUTH]
    estimates, covered = np.empty((200, 3, 2)), np.empty((200, 3, 2), dtype=bool)
    for r in range(200):
        found = compare_treatments(FORMULA, simulated(300, r))
        for k, fit in enumerate((found.each, found.shared, found.sets)):
            estimates[r, k] = fit.params
            covered[r, k] = np.abs(estimates[r, k] - targets[k]) < 1.959964 * fit.bse.to_numpy()
    mean = estimates.mean(axis=0)
    error = estimates.std(axis=0) / np.sqrt(200)
    assert (np.abs(mean[2] - TRUTH) < 4 * error[2] + 0.01).all()
    assert (mean[:2] / TRUTH < 0.93).all()
    assert ((covered.mean(axis=0) > 0.90) & (covered.mean(axis=0) < 0.99)).all()


@pytest.mark.slow
def test_draws_one_after_the_other_are_not_sets():
    """A sequence without replacement is another truth: sets overstate it, one case a destination flattens it."""
    found = compare_treatments(FORMULA, simulated(20_000, 7, "sequence"))
    sets, each = (fit.params.to_numpy() / TRUTH for fit in (found.sets, found.each))
    assert ((sets > 1.1) & (sets < 1.25)).all()
    assert (each < 0.95).all()
