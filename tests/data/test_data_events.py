"""Events with several destinations: reading them, carrying them, turning them into ordinary choices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import agree
from relocchoice.data.events import (
    from_event_counts,
    one_case_each,
    refuse_sets,
    shared_weights,
    taken_against_untaken,
)
from relocchoice.data.universe import with_alternatives

PLACES = ["metro", "coast", "county", "interior"]
TAKEN = {"e1": ["coast", "metro"], "e2": ["county"], "e3": ["coast", "interior", "metro"], "e4": ["interior"]}


def frame(taken=TAKEN, places=PLACES) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [(event, place, place in chosen) for event, chosen in taken.items() for place in places]
    out = pd.DataFrame(rows, columns=["event", "place", "taken"])
    return out.assign(cost=rng.normal(size=len(out)), firm=out["event"].map({"e1": "f", "e2": "f"}).fillna("g"))


def read(table=None, **options) -> rc.ChoiceData:
    table = frame() if table is None else table
    options = {"several": True, **options}
    return rc.ChoiceData.from_long(table, case="event", alternative="place", chosen="taken", **options)


def sets_of(data: rc.ChoiceData) -> dict[str, list[str]]:
    """What each case took, in words."""
    rows = data.row_frame(["event", "place"])[data.picked]
    return {event: part["place"].astype(str).tolist() for event, part in rows.groupby("event", sort=False)}


def rules(error: pytest.ExceptionInfo) -> list[str]:
    return [finding.rule for finding in error.value.findings]


# ------------------------------------------------------------------------------------------------------------ reading


def test_sets_are_read_in_any_order_of_the_rows():
    data = read(frame().sample(frac=1.0, random_state=1))
    assert {event: sorted(places) for event, places in sets_of(data).items()} == TAKEN
    assert dict(zip(data.cases, data.n_taken, strict=True)) == {e: len(p) for e, p in TAKEN.items()}
    first = {event: data.alternatives[code] for event, code in zip(data.cases, data.chosen, strict=True)}
    assert first == {"e1": "coast", "e2": "county", "e3": "coast", "e4": "interior"}
    assert "7 in all, up to 3 a case (2 cases took several)" in repr(data)


def test_ordinary_data_take_one_and_data_without_choices_none():
    plain = read(frame({"e1": ["coast"], "e2": ["metro"]}), several=False)
    assert plain.picked is None
    assert plain.n_taken.tolist() == [1, 1]
    unknown = rc.ChoiceData.from_long(frame().drop(columns="taken"), case="event", alternative="place", several=True)
    assert unknown.picked is None
    assert unknown.n_taken.tolist() == [0, 0, 0, 0]


def test_without_the_word_several_choices_are_refused_and_the_way_out_named():
    with pytest.raises(rc.DataError, match=r"'e1' has 2 chosen alternatives.*several=True") as error:
        read(several=False)
    assert rules(error) == ["several_choices", "several_choices"]


def test_an_event_without_a_destination_is_refused():
    with pytest.raises(rc.DataError, match="'e5' has no chosen alternative") as error:
        read(frame({**TAKEN, "e5": []}))
    assert rules(error) == ["no_choice"]


def test_a_destination_named_twice_is_a_duplicate():
    table = frame()
    with pytest.raises(rc.DataError, match="'e1' has alternative 'coast' in 2 rows") as error:
        read(pd.concat([table, table[(table["event"] == "e1") & (table["place"] == "coast")]]))
    assert rules(error) == ["duplicate"]


def test_a_destination_that_was_not_available_is_refused_by_name():
    table = frame().assign(open=True)
    table.loc[(table["event"] == "e3") & (table["place"] == "interior"), "open"] = False
    with pytest.raises(rc.DataError, match=r"'e3' chose 'interior'.*not available") as error:
        read(table, available="open")
    assert rules(error) == ["chosen_unavailable"]


def test_taking_everything_is_no_choice():
    table = frame({**TAKEN, "e5": PLACES})
    with pytest.raises(rc.DataError, match="'e5' took all its 4 alternatives, which says nothing") as error:
        read(table)
    assert rules(error) == ["took_all"]
    dropped = read(table, single_alternative="drop")
    assert list(dropped.cases) == list(TAKEN)
    assert any("1 of 5 cases took every available alternative: dropped" in note for note in dropped.notes)
    kept = read(table, single_alternative="keep")
    assert kept.n_taken.tolist() == [2, 1, 3, 1, 4]
    assert any("kept" in note for note in kept.notes)


def test_the_option_has_two_values():
    with pytest.raises(rc.OptionError, match="several='yes'"):
        read(several="yes")


# ----------------------------------------------------------------------------------------------------------- carrying


def test_selecting_repeating_and_dropping_carry_the_sets():
    table = frame()
    table.loc[table["event"] == "e2", "cost"] = np.nan
    data = read(table)
    assert sets_of(data.select([3, 0])) == {"e4": ["interior"], "e1": ["coast", "metro"]}
    assert data.select([2, 2]).n_taken.tolist() == [3, 3]
    assert list(sets_of(data.drop_missing())) == ["e1", "e3", "e4"]
    assert sets_of(read(table, missing="drop")) == sets_of(data.drop_missing())
    with pytest.raises(ValueError, match="read-only"):
        data.picked[0] = True


def test_another_universe_moves_the_sets_and_their_first():
    data = read()
    wider = with_alternatives(data, ["metro", "abroad", "interior", "county", "coast"])
    assert {e: sorted(p) for e, p in sets_of(wider).items()} == {e: sorted(p) for e, p in sets_of(data).items()}
    assert wider.alternatives[wider.chosen[0]] == "metro"
    assert wider.picked[wider.offsets[2] : wider.offsets[3]].tolist() == [True, True, False, True]


def test_shares_and_the_choice_column_count_every_destination():
    data = read().with_weights([1.0, 2.0, 1.0, 3.0], "frequency")
    shares = data.choice_shares()
    assert shares["count"].to_dict() == {"coast": 2.0, "county": 2.0, "interior": 4.0, "metro": 2.0}
    assert shares["cases"].to_dict() == {"coast": 2, "county": 1, "interior": 2, "metro": 2}
    assert data.row_frame(["taken"])["taken"].sum() == 7


# -------------------------------------------------------------------------------------------------------- conversions


def test_one_case_each_has_a_case_a_destination_with_the_whole_choice_set():
    each = one_case_each(read())
    assert each.picked is None
    assert list(each.cases)[:3] == ["e1 -> coast", "e1 -> metro", "e2 -> county"]
    assert each.alternatives[each.chosen].tolist() == [p for places in TAKEN.values() for p in places]
    assert np.diff(each.offsets).tolist() == [4] * 7
    assert list(each.units) == list(TAKEN)
    assert each.unit.tolist() == [0, 0, 1, 2, 2, 2, 3]
    assert each.case_frame(["event"])["event"].tolist() == ["e1", "e1", "e2", "e3", "e3", "e3", "e4"]
    original = read().row_frame(["event", "place", "cost"]).set_index(["event", "place"])["cost"]
    for event, place, cost in each.row_frame(["event", "place", "cost"]).itertuples(index=False):
        assert cost == original[event, place]


def test_units_that_are_there_stay_and_the_event_becomes_a_column():
    each = one_case_each(read(unit="firm"))
    assert list(each.units) == ["f", "g"]
    assert each.unit.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert each.case_frame(["event"])["event"].tolist()[:3] == ["e1", "e1", "e2"]


def test_shared_weights_make_every_event_count_once():
    data = read()
    shared = shared_weights(data)
    assert shared.weight_kind == "sampling"
    np.testing.assert_allclose(np.bincount(shared.unit, weights=shared.weights), 1.0)
    weighted = shared_weights(data.with_weights([1.0, 2.0, 1.0, 3.0], "frequency"))
    np.testing.assert_allclose(np.bincount(weighted.unit, weights=weighted.weights), [1.0, 2.0, 1.0, 3.0])
    assert any("1/m each" in note for note in shared.notes)


def test_ordinary_choices_stay_what_they_are():
    plain = read(frame({"e1": ["coast"], "e2": ["metro"]}), several=False)
    each = one_case_each(plain)
    assert each.chosen.tolist() == plain.chosen.tolist()
    assert each.n_rows == plain.n_rows
    unknown = rc.ChoiceData.from_long(frame().drop(columns="taken"), case="event", alternative="place")
    for convert in (one_case_each, shared_weights, taken_against_untaken):
        with pytest.raises(rc.DataError, match="no choices"):
            convert(unknown)


def test_pairs_of_taken_and_untaken():
    pairs = taken_against_untaken(read())
    sets = {label: [] for label in pairs.cases}
    for label, code in zip(pairs.cases[pairs.row_case()], pairs.row_alternative, strict=True):
        sets[label].append(pairs.alternatives[code])
    assert sets["e1 -> metro"] == ["county", "interior", "metro"]
    assert sets["e3 -> coast"] == ["coast", "county"]
    assert sets["e2 -> county"] == ["coast", "county", "interior", "metro"]
    original = read().row_frame(["event", "place", "cost"]).set_index(["event", "place"])["cost"]
    for event, place, cost in pairs.row_frame(["event", "place", "cost"]).itertuples(index=False):
        assert cost == original[event, place]


def test_sets_are_refused_by_what_knows_single_choices():
    with pytest.raises(rc.DataError, match=r"a nested logit needs one.*'e1' took 2.*SubsetLogit.*one_case_each"):
        refuse_sets(read(), "a nested logit")
    refuse_sets(read(frame({"e1": ["coast"], "e2": ["metro"]})), "a nested logit")
    refuse_sets(one_case_each(read()), "a nested logit")


# ------------------------------------------------------------------------------------ the fourth treatment is the first


def test_poisson_counts_with_event_effects_have_the_estimates_of_one_case_each():
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    rows = []
    for event in range(40):
        order = rng.permutation(5)[: rng.integers(1, 4)]
        rows += [(f"e{event:02}", f"p{j}", j in order, *rng.normal(size=2)) for j in range(5)]
    table = pd.DataFrame(rows, columns=["event", "place", "taken", "cost", "distance"])
    each = one_case_each(read(table))
    fit = rc.MultinomialLogit("taken ~ cost + distance").fit(each)
    design = pd.concat(
        [
            table[["cost", "distance"]],
            pd.get_dummies(table["place"], dtype=float).iloc[:, 1:].add_prefix("Intercept:"),
            pd.get_dummies(table["event"], dtype=float),
        ],
        axis=1,
    )
    poisson = sm.GLM(table["taken"].astype(float), design, family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    agree(fit.params, poisson.params[fit.params.index], 1e-8)


# ------------------------------------------------------------------------------------------------- tables of 0/1 counts


def counts(**changes) -> pd.DataFrame:
    return frame().assign(n=lambda table: table["taken"].astype(int)).drop(columns="taken").assign(**changes)


def test_counts_of_zero_and_one_are_sets():
    said = frame().groupby("event")["taken"].transform("sum")
    data = from_event_counts(counts(m=said), event="event", alternative="place", count="n", destinations="m")
    assert {event: sorted(places) for event, places in sets_of(data).items()} == TAKEN
    assert data.case_frame(["firm"])["firm"].tolist() == ["f", "f", "g", "g"]


def test_two_destinations_in_one_alternative_are_refused():
    table = counts()
    table.loc[1, "n"] = 2
    with pytest.raises(rc.DataError, match=r"event 'e1' counts 2 destinations in 'coast'.*split it") as error:
        from_event_counts(table, event="event", alternative="place", count="n")
    assert rules(error) == ["count_not_0_or_1"]
    table.loc[1, "n"] = -1
    with pytest.raises(rc.DataError, match="counts are 0 or 1"):
        from_event_counts(table, event="event", alternative="place", count="n")


@pytest.mark.parametrize(
    ("said", "rule", "text"),
    [
        (7, "too_many_destinations", "event 'e1' has 7 destinations .* but only 4 alternatives"),
        (3, "destinations_differ", "event 'e1' has 3 destinations .* add up to 2"),
        (None, "destinations_vary", "event 'e1' has no single number"),
    ],
)
def test_a_stated_number_of_destinations_is_checked(said, rule, text):
    stated = frame().groupby("event")["taken"].transform("sum").astype(float)
    table = counts(m=stated)
    rows = table.index[table["event"] == "e1"]
    table.loc[rows[:1] if said is None else rows, "m"] = 9.0 if said is None else float(said)
    with pytest.raises(rc.DataError, match=text) as error:
        from_event_counts(table, event="event", alternative="place", count="n", destinations="m")
    assert rules(error) == [rule]
