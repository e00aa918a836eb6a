"""A scenario is a value: it changes what it says, in new data, tells so, and refuses what touches nothing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import choice_data, choice_frame
from relocchoice.errors import DataError, OptionError, StoreError
from relocchoice.post.scenario import Scenario

METRO = {"alternative": "metro"}


def data(n: int = 30, **options) -> rc.ChoiceData:
    frame = choice_frame(n, 4, **options)
    frame["kind"] = np.where(frame["firm"] % 2 == 0, "even", "odd")
    return choice_data(frame)


def column(at: rc.ChoiceData, name: str) -> np.ndarray:
    return at.row_frame([name])[name].to_numpy()


def here(at: rc.ChoiceData, *labels: str) -> np.ndarray:
    return np.isin(at.alternatives.to_numpy()[at.row_alternative], labels)


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (Scenario().scale("cost", 0.5, where=METRO), lambda x: 0.5 * x),
        (Scenario().add_to("cost", 2, where=METRO), lambda x: x + 2),
        (Scenario().set("cost", 7, where=METRO), lambda x: 0 * x + 7),
        (Scenario().converge("cost", 4, share=0.25, where=METRO), lambda x: x + 0.25 * (4 - x)),
    ],
)
def test_changes_what_it_says_and_nothing_else(scenario, expected):
    before = data()
    held = column(before, "cost").copy()
    after = scenario.apply(before)
    metro = here(before, "metro")
    np.testing.assert_allclose(column(after, "cost")[metro], expected(held[metro]))
    np.testing.assert_array_equal(column(after, "cost")[~metro], held[~metro])
    np.testing.assert_array_equal(column(before, "cost"), held)
    np.testing.assert_array_equal(column(after, "distance"), column(before, "distance"))
    assert after.chosen is None
    assert before.chosen is not None
    assert "(30 of 150 rows)" in after.notes[-1]


def test_all_conditions_of_a_mapping_hold_and_any_mapping_suffices():
    before = data()
    both = Scenario().set("cost", 9, where={"alternative": ["metro", "coast"], "kind": "even"}).apply(before)
    hit = here(before, "metro", "coast") & (column(before, "kind") == "even")
    np.testing.assert_array_equal(column(both, "cost") == 9, hit)
    either = Scenario().set("cost", 9, where=[{"alternative": "metro"}, {"kind": "even"}]).apply(before)
    np.testing.assert_array_equal(
        column(either, "cost") == 9, here(before, "metro") | (column(before, "kind") == "even")
    )


def test_takes_the_value_that_the_case_sees_at_an_alternative():
    before = data()
    after = Scenario().set("cost", at="coast").apply(before)
    own = column(before, "cost")[here(before, "coast")]
    np.testing.assert_array_equal(column(after, "cost"), own[before.row_case()])
    half = Scenario().converge("cost", share=0.5, at="coast", where=METRO).apply(before)
    metro = here(before, "metro")
    np.testing.assert_allclose(column(half, "cost")[metro], (column(before, "cost")[metro] + own) / 2)


def test_removes_rows_and_keeps_the_label():
    before = data()
    after = Scenario().remove("metro", where={"kind": "odd"}).apply(before)
    gone = here(before, "metro") & (column(before, "kind") == "odd")
    assert after.n_rows == before.n_rows - gone.sum()
    np.testing.assert_array_equal(column(after, "cost"), column(before, "cost")[~gone])
    assert list(after.alternatives) == list(before.alternatives)
    ruled = Scenario().unavailable({"metro": {"kind": "odd"}}).apply(before)
    np.testing.assert_array_equal(ruled.row_alternative, after.row_alternative)
    np.testing.assert_array_equal(ruled.offsets, after.offsets)


def test_adds_an_alternative_like_another():
    before = data(available=0.7)
    after = Scenario().add("Ningbo", like="coast", cost=-3.0, where={"kind": "even"}).apply(before)
    new, twin = here(after, "Ningbo"), here(after, "coast") & (column(after, "kind") == "even")
    assert list(after.alternatives) == [*before.alternatives, "Ningbo"]
    assert 0 < new.sum() == twin.sum()
    assert set(column(after, "cost")[new]) == {-3.0}
    np.testing.assert_array_equal(column(after, "distance")[new], column(after, "distance")[twin])
    assert np.diff(after.row_alternative)[np.diff(after.row_case()) == 0].min() > 0
    np.testing.assert_array_equal(column(after, "cost")[~new], column(before, "cost"))


def test_steps_follow_each_other_also_on_new_alternatives():
    added = Scenario().add("Ningbo", like="coast").scale("cost", 3, where={"alternative": "Ningbo"})
    after = added.apply(data())
    np.testing.assert_allclose(
        column(after, "cost")[here(after, "Ningbo")], 3 * column(after, "cost")[here(after, "coast")]
    )


def test_prints_and_is_stored_as_it_is():
    scenario = (
        Scenario("whole")
        .scale("cost", 0.5, where=[{"alternative": ["metro", "coast"]}, {"kind": "odd"}])
        .add_to("distance", -1)
        .set("kind", "even")
        .set("cost", at="coast", where=METRO)
        .converge("cost", 4.0, share=0.3)
        .remove("county", where={"kind": "odd"})
        .add("Ningbo", like="coast", constant=0.5, nest="near", cost=2)
    )
    stored = json.loads(json.dumps(scenario.to_dict()))
    assert Scenario.from_dict(stored) == scenario
    lines = str(scenario).splitlines()
    assert lines[0] == "whole"
    assert lines[1] == "  1. cost times 0.5 where alternative is one of 'metro', 'coast', or kind is 'odd'"
    assert lines[5] == "  5. cost moved by 0.3 of its distance to 4.0"
    assert lines[7] == "  7. Ningbo added like coast with cost 2, constant 0.5, in nest 'near'"
    assert (Scenario("a").remove("x") + Scenario("b").remove("y")).name == "a + b"


@pytest.mark.parametrize(
    "stored", [{"name": "x"}, {"name": "x", "steps": [{"kind": "exec", "where": []}]}, {"name": "x", "steps": [3]}]
)
def test_a_damaged_record_is_refused(stored):
    with pytest.raises(StoreError):
        Scenario.from_dict(stored)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (Scenario("none"), "has no steps"),
        (Scenario().scale("csot", 2), r"'csot'.*did you mean 'cost'"),
        (Scenario().scale("cost", 2, where={"alternative": "metor"}), r"'metor'.*did you mean 'metro'"),
        (
            Scenario().scale("cost", 2, where={"kind": "evn"}),
            r"'evn', which column 'kind' never holds; did you mean 'even'",
        ),
        (Scenario().scale("cost", 2, where={"kind": 1}), "never holds"),
        (Scenario().scale("cost", 2, where={"kid": "odd"}), "did you mean 'kind'"),
        (Scenario().scale("kind", 2), "not numbers"),
        (Scenario().set("kind", "neither"), "no value 'neither'"),
        (Scenario().set("cost", "dear"), "holds numbers"),
        (Scenario().remove("metor"), "did you mean 'metro'"),
        (Scenario().remove("coast", "county", "interior", "metro", "township"), "no alternative"),
        (Scenario().remove("metro", "metro"), "touches nothing"),
        (Scenario().add("metro", like="coast"), "already an alternative"),
        (Scenario().add("Ningbo", like="coats"), "did you mean 'coast'"),
        (Scenario().add("Ningbo", like="coast", csot=1), "did you mean 'cost'"),
        (Scenario().set("flat", 3.0), "changes no value"),
    ],
)
def test_refuses_what_does_not_fit_the_data(scenario, words):
    frame = choice_frame(20, 4).assign(flat=3.0)
    frame["kind"] = np.where(frame["firm"] % 2 == 0, "even", "odd")
    with pytest.raises(DataError, match=words):
        scenario.apply(choice_data(frame))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Scenario(""),
        lambda: Scenario().scale("cost", 1),
        lambda: Scenario().scale("cost", float("nan")),
        lambda: Scenario().scale("cost", True),
        lambda: Scenario().scale(3, 2),
        lambda: Scenario().add_to("cost", 0),
        lambda: Scenario().set("cost"),
        lambda: Scenario().set("cost", 1, at="metro"),
        lambda: Scenario().converge("cost", 1, share=1.5),
        lambda: Scenario().remove(),
        lambda: Scenario().remove("metro", where="kind == 'odd'"),
        lambda: Scenario().remove("metro", where={"kind": []}),
        lambda: Scenario().remove("metro", where=[{}]),
        lambda: Scenario().add("x", like="metro", constant="much"),
    ],
)
def test_refuses_what_is_no_scenario(build):
    with pytest.raises(OptionError):
        build()


def test_a_column_of_cases_changes_for_whole_cases():
    table = pd.DataFrame(
        {"size": ["a"] * 2 + ["b"] * 2, "zone": ["x", "y"] * 2, "n": [3, 4, 5, 6], "rent": [1.0, 2, 1, 2]}
    )
    counts = rc.ChoiceData.from_counts(table, count="n", alternative="zone", cell="size")
    name = next(iter(counts.case_columns))
    with pytest.raises(DataError, match="one value a case"):
        Scenario().set(name, "b", where={"alternative": "x"}).apply(counts)
    changed = Scenario().set(name, "b", where={name: "a"}).apply(counts)
    assert set(changed.case_columns[name]) == {"b"}
    assert set(counts.case_columns[name]) == {"a", "b"}
