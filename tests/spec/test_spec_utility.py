"""Explicit utilities: alternative -> {parameter: term}."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from spec_cases import POLICY, PRICE, as_data, design_matrix, labelled_design

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, SpecificationError, StoreError
from relocchoice.spec.encoding import encoding_from_dict
from relocchoice.spec.formula import Formula
from relocchoice.spec.utility import UtilitySpec

EAST = np.array([1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0.0])
METRO = np.array([0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0.0])
WEST = 1 - EAST - METRO
ASSETS = np.repeat([10.0, 20.0, 40.0, 80.0], [3, 3, 2, 3])


def spec() -> UtilitySpec:
    return UtilitySpec(
        {
            "east": {"asc_east": 1, "b_price": "log(price)", "assets_inland": "assets"},
            "metro": {"b_price": "log(price)", "b_policy": "policy"},
            "west": {"asc_west": 1, "assets_inland": "assets", "b_policy": "`land price`"},
        },
        everywhere={"b_land": "`land price`"},
    )


def test_names_and_design(data: ChoiceData) -> None:
    encoding = spec().learn(data)
    assert encoding.names == ("asc_east", "b_price", "assets_inland", "b_policy", "asc_west", "b_land")
    assert encoding.base is None
    price = np.log(PRICE)
    land = np.array(PRICE) ** 2
    expected = np.column_stack(
        [
            EAST,
            price * (EAST + METRO),
            ASSETS * (EAST + WEST),
            np.array(POLICY) * METRO + land * WEST,
            WEST,
            land,
        ]
    )
    np.testing.assert_allclose(design_matrix(encoding.columns(data), data), expected)


def test_one_column_serves_what_shares_a_term(data: ChoiceData) -> None:
    columns = {(c.label, c.level): c for c in spec().learn(data).columns(data).columns}
    assert columns["Intercept", "constant"].coef.tolist() == [0, -1, 4]
    assert columns["log(price)", "row"].coef.tolist() == [1, 1, -1]
    assert columns["assets", "case"].coef.tolist() == [2, -1, 2]
    own = UtilitySpec({"east": {"a": "price"}, "metro": {"b": "price"}, "west": {"c": "price", "a": "price"}})
    coefs = [c.coef.tolist() for c in own.learn(data).columns(data).columns]
    assert coefs == [[0, 1, 2], [-1, -1, 0]]


def test_shared_by_all_is_generic(data: ChoiceData) -> None:
    written = UtilitySpec({label: {"b": "price"} for label in ("east", "metro", "west")}).learn(data)
    assert written.columns(data).columns[0].coef == 0
    only = UtilitySpec({}, everywhere={"b": "price"}).learn(data)
    assert only.columns(data).columns[0].coef == 0


def test_equals_the_formula_that_says_the_same(data: ChoiceData) -> None:
    formula = Formula("log(price) | assets").learn(data, base="east")
    written = UtilitySpec(
        {
            "east": {},
            "metro": {"Intercept:metro": 1, "assets:metro": "assets"},
            "west": {"Intercept:west": 1, "assets:west": "assets"},
        },
        everywhere={"log(price)": "log(price)"},
    ).learn(data)
    assert set(written.names) == set(formula.names)
    left, right = labelled_design(written, data), labelled_design(formula, data)
    pd.testing.assert_frame_equal(left[right.columns], right)


def test_permuted_and_fewer_alternatives(table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = spec().learn(data)
    whole = labelled_design(encoding, data)
    table["place"] = pd.Categorical(table["place"], ["west", "metro", "east"])
    permuted = as_data(table.sample(frac=1, random_state=5).reset_index(drop=True))
    pd.testing.assert_frame_equal(labelled_design(encoding, permuted), whole)
    table["place"] = table["place"].astype(str)
    fewer = as_data(table[(table["place"] != "east") & table["move"].isin(["f2", "f4"])].reset_index(drop=True))
    found = labelled_design(encoding, fewer)
    pd.testing.assert_frame_equal(found, whole.loc[found.index])


def test_json_round_trip(table: pd.DataFrame) -> None:
    table["place"] = table["place"].map({"east": 1, "metro": 2, "west": 3})
    data = as_data(table)
    encoding = UtilitySpec(
        {"1": {"asc": 1}, 2: {"b": "center(price)"}, 3: {}}, {"c": "scale(assets):price"}, offset="log(price)"
    ).learn(data)
    stored = json.loads(json.dumps(encoding.to_dict()))
    again = encoding_from_dict(stored)
    part = data.select([1, 3])
    pd.testing.assert_frame_equal(labelled_design(again, part), labelled_design(encoding, part))
    np.testing.assert_array_equal(again.columns(part).offset, np.log(part.row_frame(["price"])["price"]))
    assert again.to_dict() == encoding.to_dict()


def test_a_spec_is_a_value(data: ChoiceData) -> None:
    mapping = {"east": {"asc": 1}, "metro": {}, "west": {}}
    written = UtilitySpec(mapping, {"b": "price"})
    mapping["metro"]["other"] = 1
    assert written.learn(data).names == ("asc", "b")


def test_all_alternatives_must_be_named(data: ChoiceData) -> None:
    with pytest.raises(SpecificationError) as error:
        UtilitySpec({"est": {"asc": 1}, "metro": {"b": "prise"}}).learn(data)
    said = str(error.value)
    assert "'est' is not an alternative of the data; did you mean" in said
    assert "alternatives 'east', 'west' of the data have no utility" in said
    assert "column 'prise'" in said


@pytest.mark.parametrize(
    ("utilities", "everywhere", "message"),
    [
        ([], {}, "not list"),
        ({"east": "price"}, {}, "alternative 'east' must have"),
        ({"east": {"": "price"}}, {}, "not text"),
        ({"east": {3: "price"}}, {}, "parameter name 3"),
        ({"east": {"b": 2}}, {}, "has the term 2"),
        ({"east": {"b": True}}, {}, "has the term True"),
        ({"east": {"b": None}}, {}, "has the term None"),
        ({"east": {"b": "price + policy"}}, {}, "not one term"),
        ({"east": {"b": "0"}}, {}, "not one term"),
        ({"east": {"b": ""}}, {}, "not one term"),
        ({"east": {}}, {}, "no parameter"),
        ({}, {"asc": 1}, "constant everywhere"),
        ({"east": {"b": "price"}}, {"b": "price"}, "both in alternative 'east' and everywhere"),
    ],
)
def test_bad_mappings(utilities: object, everywhere: dict, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        UtilitySpec(utilities, everywhere)  # type: ignore[arg-type]


@pytest.mark.parametrize("term", ["kind", "poly(price, 2)", "C(policy)", "price:kind"])
def test_terms_are_one_number(term: str, data: ChoiceData) -> None:
    with pytest.raises(SpecificationError, match="is not one number a row"):
        UtilitySpec({}, everywhere={"b": term}).learn(data)


def test_there_is_no_base(data: ChoiceData) -> None:
    with pytest.raises(SpecificationError, match="base='east' has no meaning"):
        spec().learn(data, base="east")


def test_two_names_for_one_alternative(table: pd.DataFrame) -> None:
    table["place"] = table["place"].map({"east": 1, "metro": 2, "west": 3})
    with pytest.raises(SpecificationError, match="1 and '1' name the same alternative"):
        UtilitySpec({1: {"a": 1}, "1": {}, 2: {}, 3: {}}).learn(as_data(table))


def test_an_alternative_without_utility(table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = spec().learn(data)
    table["place"] = table["place"].replace({"west": "north"})
    with pytest.raises(DataError, match="'north' of the data have no utility"):
        encoding.columns(as_data(table))


@pytest.mark.parametrize("stored", [{}, {"kind": "other"}, {"kind": "utility"}, {"kind": "formula", "parts": 3}])
def test_damaged_records(stored: dict) -> None:
    with pytest.raises(StoreError):
        encoding_from_dict(stored)


def test_a_specification_is_frozen() -> None:
    terms = {"b": "price"}
    spec = UtilitySpec({"east": terms, "metro": {"c": 1}, "west": {}}, everywhere={"d": "policy"})
    terms["b"] = "policy"
    assert spec.utilities["east"]["b"] == "price"
    for mapping in (spec.utilities, spec.utilities["east"], spec.everywhere):
        with pytest.raises(TypeError):
            mapping["east"] = {}  # type: ignore[index]
    assert copy.deepcopy(spec) == pickle.loads(pickle.dumps(spec)) == spec


def test_all_faults_of_values_are_said_at_once(data: ChoiceData) -> None:
    utilities = {"east": {"a": "log(policy)"}, "metro": {"b": "log(price - 2)"}, "west": {"c": "kind"}}
    with pytest.raises(SpecificationError) as error:
        UtilitySpec(utilities, offset="sqrt(-price)").learn(data)
    assert [finding.rule for finding in error.value.findings] == [
        "not_finite",
        "not_finite",
        "single_term",
        "not_finite",
    ]
    with pytest.raises(DataError, match="no case to learn"):
        UtilitySpec({"east": {"a": 1}, "metro": {}, "west": {}}).learn(data.select([]))
