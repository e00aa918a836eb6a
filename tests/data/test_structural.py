"""Structural zeros: rules, per cell and by the zeros themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.data.structural import UnavailableRule, read_rules, without
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.relocation.reproduce_destination_data import destination_counts
from relocchoice.relocation.reproduce_form import form_counts
from relocchoice.spec.formula import Formula
from relocchoice.spec.model import ModelSpec, apply_unavailable, model_spec_from_dict

ABSENT = ("manufacturing facility", "R&D", "headquarters")
RULE = {form: {"period": "1980s"} for form in ABSENT}


def form_data(**arguments):
    table = form_counts().drop(columns="exists")
    return rc.ChoiceData.from_counts(table, count="events", alternative="form", cell="period", **arguments)


def small(**columns):
    """Three cases with alternatives a, b, c; the second has no c."""
    table = {
        "case": [1, 1, 1, 2, 2, 3, 3, 3],
        "alt": ["a", "b", "c", "a", "b", "a", "b", "c"],
        "chosen": [1, 0, 0, 0, 1, 0, 0, 1],
        "year": [1985, 1985, 1985, 1985, 1985, 1995, 1995, 1995],
        "cost": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        **columns,
    }
    return rc.ChoiceData.from_long(table, case="case", alternative="alt", chosen="chosen")


# ------------------------------------------------------------------------------------------------------ known values


@pytest.mark.parametrize(
    ("arguments", "null", "constants"),
    [
        ({}, -294.5271, -227.6378),
        ({"unavailable": RULE}, -284.4479, -222.3214),
        ({"zeros": "unavailable"}, -284.4479, -222.3214),
    ],
)
def test_table_4_both_ways(arguments, null, constants):
    fit = rc.MultinomialLogit("form ~ 0 | 1", base="in-site").fit(form_data(**arguments))
    assert fit.llnull == pytest.approx(null, abs=5e-5)
    assert fit.llf == pytest.approx(constants, abs=5e-5)


def test_table_4_by_period_does_not_depend_on_the_rule():
    fixed = {f"period[T.1980s]:{form}": 0.0 for form in ABSENT}
    model = rc.MultinomialLogit("form ~ 0 | period", base="in-site", fixed=fixed)
    assert model.fit(form_data(unavailable=RULE)).llf == pytest.approx(-218.3010, abs=5e-5)


def test_table_6_destinations_of_the_1980s_both_ways():
    """All destinations or only townships in the 1980s: 6 choices more or less, each worth ln 8 under equal shares."""
    table = destination_counts().groupby(["period", "destination"], observed=True)["count"].sum().reset_index()
    places = [place for place in table["destination"].unique() if place != "township"]
    rule = {place: {"period": "1980s"} for place in places}
    arguments = {"count": "count", "alternative": "destination", "cell": "period"}
    every = rc.ChoiceData.from_counts(table, **arguments)
    kept = rc.ChoiceData.from_counts(table, **arguments, unavailable=rule, single_alternative="keep")
    dropped = rc.ChoiceData.from_counts(table, **arguments, unavailable=rule, single_alternative="drop")
    fits = [rc.MultinomialLogit("chosen ~ 0 | 1", base="township").fit(data) for data in (every, kept, dropped)]
    assert every.total_weight == kept.total_weight == 165
    assert dropped.total_weight == 159
    assert fits[0].llnull == pytest.approx(-165 * np.log(8))
    assert fits[1].llnull == fits[2].llnull == pytest.approx(-159 * np.log(8))
    later = table[table["period"] != "1980s"].groupby("destination", observed=True)["count"].sum().to_numpy()
    assert fits[1].llf == pytest.approx(np.sum(later * np.log(later / later.sum())), abs=1e-8)
    assert fits[0].llf < fits[1].llf


def test_the_rule_equals_the_column_of_the_table():
    by_column = rc.ChoiceData.from_counts(
        form_counts(), count="events", alternative="form", cell="period", available="exists"
    )
    by_rule = form_data(unavailable=RULE)
    assert list(by_rule.offsets) == list(by_column.offsets)
    assert list(by_rule.row_alternative) == list(by_column.row_alternative)
    assert list(by_rule.weights) == list(by_column.weights)


def test_the_note_is_printed_in_the_table():
    data = form_data(unavailable={"R&D": {"period": "1980s"}})
    told = "Structural zero by rule, 'R&D' where period is '1980s': no choice there (1 of 3 cells, 11 of 183 choices)"
    assert told in data.notes
    assert told in rc.MultinomialLogit("form ~ 0 | 1", base="in-site").fit(data).summary().table.notes


def test_the_note_of_a_column_and_of_zeros():
    by_column = rc.ChoiceData.from_counts(
        form_counts(), count="events", alternative="form", cell="period", available="exists"
    )
    assert any(note.startswith("Structural zeros by available=") and "'R&D' (1 of 3 cells)" in note
               for note in by_column.notes)  # fmt: skip
    assert any("zeros='unavailable'" in note and "'R&D' (1 of 3 cells)" in note
               for note in form_data(zeros="unavailable").notes)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ the language


def test_all_conditions_hold_and_any_of_a_list():
    data = small()
    both = data.without({"c": {"year": [1985, 1995], "cost": 3.0}})
    assert both.n_rows == data.n_rows - 1
    either = data.without({"b": [{"cost": 2.0}, {"year": 1995}]})
    assert either.n_rows == data.n_rows - 2
    assert list(either.row_frame(["alt"])["alt"]) == ["a", "c", "a", "b", "a", "c"]
    assert list(either.row_frame(["cost"])["cost"]) == [1.0, 3.0, 4.0, 5.0, 6.0, 8.0]


def test_absent_rows_need_no_count_where_a_rule_explains_them():
    table = form_counts().drop(columns="exists")
    short = table[~((table["period"] == "1980s") & table["form"].isin(ABSENT))]
    arguments = {"count": "events", "alternative": "form", "cell": "period"}
    with pytest.raises(DataError, match="has no count for alternative"):
        rc.ChoiceData.from_counts(short, **arguments)
    data = rc.ChoiceData.from_counts(short, **arguments, unavailable=RULE)
    assert list(data.offsets) == list(form_data(unavailable=RULE).offsets)
    assert any("1 of 3 cells" in note for note in data.notes)


def test_wide_table_with_blank_counts():
    table = pd.DataFrame({"period": ["80s", "90s"], "whole": [6, 43], "rd": [np.nan, 2.0], "insite": [5, 20]})
    arguments = {"alternatives": ["whole", "rd", "insite"], "cell": "period"}
    data = rc.ChoiceData.from_counts(table, **arguments, unavailable={"rd": {"period": "80s"}})
    assert data.total_weight == 76
    assert sorted(np.diff(data.offsets)) == [2, 2, 3, 3, 3]


def test_alternatives_without_any_case_leave_the_universe():
    data = small().select([0, 1])
    left = data.without({"c": {"year": 1985}})
    assert list(left.alternatives) == ["a", "b"]
    assert left.chosen is not None
    assert list(left.chosen) == [0, 1]
    assert "1 alternative left out, available to no case: 'c'" in left.notes


def test_applying_a_rule_twice_changes_nothing_more():
    once = small().without({"b": {"year": 1995}})
    twice = once.without({"b": {"year": 1995}})
    assert twice.n_rows == once.n_rows
    assert twice.notes[-1].endswith("already unavailable there")


def test_true_is_not_one():
    data = small(flag=[True] * 5 + [False] * 3)
    assert data.without({"b": {"flag": False}}).n_rows == data.n_rows - 1
    with pytest.raises(DataError, match="0, which column 'flag' never holds"):
        data.without({"b": {"flag": 0}})


# ---------------------------------------------------------------------------------------------------------- bad rules


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"a": {"year": 1985}}, "case 1 chose 'a', which the rule 'a' where year is 1985 makes unavailable"),
        ({"d": {"year": 1985}}, "unavailable names 'd', which is none of the alternatives"),
        ({"c": {"yaer": 1985}}, "column='yaer' is not a column; did you mean 'year'"),
        ({"c": {"year": 1986}}, "1986, which column 'year' never holds; did you mean 1985"),
        ({"c": {"year": "1985"}}, r"'1985', which column 'year' never holds; did you mean 1985"),
        ({"c": "1985"}, r"unavailable\['c'\] is '1985', not conditions: write"),
        ({"c": {}}, "has no condition, so the alternative would never be a choice"),
        ({"c": []}, "is an empty list, not conditions"),
        ({"c": {"year": []}}, "names no column and value"),
        ({"c": {"year": None}}, "names no column and value"),
        ({"c": {1985: "year"}}, "names no column and value"),
        ([("c", "year")], "is no mapping"),
        ({"a": {"cost": 4.0}}, "the rules leave case 2 one alternative, which is no choice"),
    ],
)
def test_bad_rules_get_one_clear_error(rule, told):
    with pytest.raises(DataError, match=told):
        small().without(rule)


def test_a_counted_cell_is_named_with_its_count():
    with pytest.raises(DataError, match="cell '1990s' has count 26 for alternative 'manufacturing facility'"):
        form_data(unavailable={"manufacturing facility": {"period": ["1980s", "1990s"]}})


def test_unknown_things_in_tables_of_counts():
    with pytest.raises(DataError, match="'RD', which is none of the alternatives; did you mean 'R&D'"):
        form_data(unavailable={"RD": {"period": "1980s"}})
    with pytest.raises(DataError, match="'1980', which column 'period' never holds; did you mean '1980s'"):
        form_data(unavailable={"R&D": {"period": "1980"}})
    with pytest.raises(DataError, match="column 'Period', which the cells do not have; did you mean 'period'"):
        form_data(unavailable={"R&D": {"Period": "1980s"}})
    with pytest.raises(OptionError, match="zeros='missing' is not valid; valid: 'data', 'unavailable'"):
        form_data(zeros="missing")


def test_cells_left_with_one_alternative():
    table = {"cell": ["x", "x", "y", "y"], "alt": ["a", "b", "a", "b"], "n": [3, 0, 2, 4]}
    arguments = {"count": "n", "alternative": "alt", "cell": "cell", "zeros": "unavailable"}
    with pytest.raises(DataError, match="single_alternative='drop'"):
        rc.ChoiceData.from_counts(table, **arguments)
    assert rc.ChoiceData.from_counts(table, **arguments, single_alternative="drop").total_weight == 6
    assert rc.ChoiceData.from_counts(table, **arguments, single_alternative="keep").total_weight == 9


def test_single_alternative_policies_of_rules():
    rule = {"a": {"cost": 4.0}}
    assert small().without(rule, "keep").n_cases == 3
    dropped = small().without(rule, "drop")
    assert list(dropped.cases) == [1, 3]
    assert dropped.notes[-1] == "1 of 3 cases dropped: the rules leave them one alternative"


# -------------------------------------------------------------------------------------------------- in a specification


def test_a_model_keeps_its_rules():
    rule = {"c": [{"year": 1985, "cost": [3.0]}, {"year": 1986}], "b": {"year": 1995}}
    spec = ModelSpec("multinomial", Formula("chosen ~ cost"), unavailable=rule)
    assert spec.unavailable[0] == UnavailableRule("c", (("year", (1985,)), ("cost", (3.0,))))
    assert model_spec_from_dict(spec.to_dict()).unavailable == spec.unavailable == read_rules(rule)
    stored = spec.to_dict()
    del stored["unavailable"]
    assert model_spec_from_dict(stored).unavailable == ()


def test_a_model_applies_its_rules():
    spec = ModelSpec("multinomial", Formula("chosen ~ cost"), unavailable={"b": {"year": 1995}})
    data = small()
    assert apply_unavailable(data, spec).n_rows == data.n_rows - 1
    assert apply_unavailable(data, ModelSpec("multinomial", Formula("chosen ~ cost"))) is data


def test_prediction_may_lack_what_the_rules_name():
    spec = ModelSpec("multinomial", Formula("chosen ~ cost"), unavailable={"b": {"year": 1995}, "z": {"year": 1901}})
    early = small().select([0, 1])
    with pytest.raises(DataError, match="1995, which column 'year' never holds"):
        apply_unavailable(early, spec)
    assert apply_unavailable(early, spec, prediction=True).n_rows == early.n_rows
    one = without(small(), {"a": {"cost": 4.0}}, prediction=True)
    assert one.n_cases == 3


def test_a_misshapen_rule_in_a_specification():
    with pytest.raises(SpecificationError, match="not conditions"):
        ModelSpec("multinomial", Formula("chosen ~ cost"), unavailable={"b": 1995})
