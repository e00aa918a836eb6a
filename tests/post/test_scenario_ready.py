"""The ready scenarios change what their names say, with the figures of the surveys as defaults."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.errors import OptionError
from relocchoice.post import ready
from relocchoice.post.compare_scenarios import compare_scenarios

PLACES = ["Yueqing", "Wenzhou", "Hangzhou", "Shanghai", "interior"]


def data(n: int = 200) -> rc.ChoiceData:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"firm": np.repeat(np.arange(n), 5), "place": PLACES * n})
    price = pd.Series([150e3, 120e3, 90e3, 80e3, 40e3], index=PLACES)
    frame["price"] = frame["place"].map(price) * rng.uniform(0.8, 1.2, 5 * n)
    frame["log_price"] = np.log(frame["price"])
    frame["land"] = frame["place"].map(dict(zip(PLACES, [1553.0, 2000, 4000, 5000, 9000], strict=True)))
    frame["policy"] = (frame["place"].isin(["Hangzhou", "Shanghai"]) & (rng.random(5 * n) < 0.7)).astype(float)
    frame["colleges"] = frame["place"].map(dict(zip(PLACES, [0, 1, 9, 30, 5], strict=True))) + rng.poisson(1, 5 * n)
    frame["kin"] = rng.poisson(3, 5 * n)
    frame["wage"] = rng.uniform(8, 20, 5 * n)
    frame["hours"] = rng.uniform(1, 12, 5 * n)
    frame["ties"] = (frame["place"] == "Yueqing") * rng.uniform(0, 2, 5 * n)
    v = -frame["price"] / 5e4 + frame["policy"] + 0.1 * frame["kin"] - 0.1 * frame["hours"] + frame["ties"]
    v = v + rng.gumbel(size=5 * n)
    frame["chosen"] = v == v.groupby(frame["firm"]).transform("max")
    return rc.ChoiceData.from_long(frame, case="firm", alternative="place", chosen="chosen")


AT = data()
WHERE = AT.alternatives.to_numpy()[AT.row_alternative]


def old(name: str) -> np.ndarray:
    return AT.row_frame([name])[name].to_numpy(dtype=float)


@pytest.mark.parametrize(
    ("scenario", "name", "places", "new"),
    [
        (ready.equalise_land_price("price"), "price", PLACES, lambda x: 0 * x + 80_000),
        (ready.equalise_land_price("log_price", log=True), "log_price", PLACES, lambda x: 0 * x + math.log(80_000)),
        (ready.lift_quota("land", "Yueqing"), "land", ["Yueqing"], lambda x: 0 * x + 3500),
        (ready.policy_preference("policy", ["interior"]), "policy", ["interior"], lambda x: 0 * x + 1),
        (ready.policy_preference("policy", withdrawn=True), "policy", PLACES, lambda x: 0 * x),
        (ready.new_university("colleges"), "colleges", ["Wenzhou"], lambda x: x + 1),
        (ready.double_kin_stock("kin", ["Shanghai"]), "kin", ["Shanghai"], lambda x: 2 * x),
        (ready.wage_convergence("wage", wage=20.0, share=0.5), "wage", PLACES, lambda x: (x + 20) / 2),
        (ready.distance_shock("hours", alternatives="Shanghai"), "hours", ["Shanghai"], lambda x: x / 2),
        (ready.without_lock_in("ties"), "ties", PLACES, lambda x: 0 * x),
    ],
    ids=lambda value: value.name if hasattr(value, "steps") else "",
)
def test_changes_what_its_name_says(scenario, name, places, new):
    after = scenario.apply(AT).row_frame([name])[name].to_numpy(dtype=float)
    hit = np.isin(WHERE, places)
    np.testing.assert_allclose(after[hit], new(old(name)[hit]), rtol=1e-12)
    np.testing.assert_array_equal(after[~hit], old(name)[~hit])


def test_all_eight_can_be_compared_at_once():
    fit = rc.MultinomialLogit("chosen ~ I(price / 1e4) + policy + kin + hours + ties + wage + colleges | 0").fit(AT)
    scenarios = [
        ready.equalise_land_price("price", at="Shanghai"),
        ready.policy_preference("policy", "interior"),
        ready.new_university("colleges"),
        ready.double_kin_stock("kin"),
        ready.wage_convergence("wage", at="Shanghai"),
        ready.distance_shock("hours"),
        ready.without_lock_in("ties"),
        ready.lift_quota("land", "Yueqing"),
    ]
    found = compare_scenarios(fit, scenarios)
    shift = found.table["difference"].groupby("scenario", sort=False).agg(lambda x: np.abs(x).max())
    assert (shift.drop("S2 quota lifted") > 1e-4).all()
    assert shift["S2 quota lifted"] == 0
    assert any("'land', which stands in no utility" in note for note in found.notes)
    assert found.table.loc[("S3 policy extended", "interior"), "difference"] > 0
    assert found.table.loc[("S8 no lock-in", "Yueqing"), "difference"] < 0


def test_refuses_what_says_nothing():
    with pytest.raises(OptionError, match="interior="):
        ready.policy_preference("policy")
    with pytest.raises(OptionError, match="above 0"):
        ready.lift_quota("land", "Yueqing", quota=0)
    with pytest.raises(OptionError, match="either a value or at="):
        ready.wage_convergence("wage")
