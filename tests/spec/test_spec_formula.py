"""Three-part formulas: names, designs, what is learned, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from spec_cases import KIND, POLICY, PRICE, as_data, design_matrix, labelled_design, long_table

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, SpecificationError
from relocchoice.spec.encoding import encoding_from_dict
from relocchoice.spec.evaluate import _as_float
from relocchoice.spec.formula import Formula

EVERY_KIND = (
    "chosen ~ log(price) + policy + kind | log(assets) + sector | `land price`",
    "chosen ~ price * kind",
    "chosen ~ 0 | assets",
    "~ poly(price, 2) + scale(policy) + center(`land price`) | 0 + sector",
    "price:sector + C(kind, contr.sum) | 0 | bs(price, df=4):policy",
    "chosen ~ {price / assets} + I(policy == 1) | sqrt(assets)",
)


def test_parts_that_are_not_written() -> None:
    assert Formula("chosen ~ x").parts == ("x", "1", "0")
    assert Formula("chosen ~ 0 | z").parts == ("0", "z", "0")
    assert Formula("`my choice` ~ x | 0 | w").response == "my choice"
    assert Formula("x | 0").response == ""


def test_bars_inside_brackets_and_backticks_are_no_parts() -> None:
    assert Formula("~ I((a > 1) | (b > 2)) + `x|y` | 0").parts == ("I((a > 1) | (b > 2)) + `x|y`", "0", "0")


def test_golden_names(data: ChoiceData) -> None:
    names = Formula("chosen ~ log(price) + policy | log(assets) + sector | price").learn(data, "metro").names
    assert names == (
        *("Intercept:east", "Intercept:west", "log(price)", "policy"),
        *("log(assets):east", "log(assets):west"),
        *("sector[T.machinery]:east", "sector[T.machinery]:west", "sector[T.textile]:east", "sector[T.textile]:west"),
        *("price:east", "price:metro", "price:west"),
    )


def test_golden_design(data: ChoiceData) -> None:
    encoding = Formula("chosen ~ log(price) | log(assets) | policy").learn(data, base="east")
    assert encoding.base == "east"
    metro = np.array([0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0.0])
    west = np.array([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1.0])
    assets = np.log(np.repeat([10.0, 20.0, 40.0, 80.0], [3, 3, 2, 3]))
    policy = np.array(POLICY)
    expected = np.column_stack(
        [
            *(metro, west, np.log(PRICE), assets * metro, assets * west),
            *(policy * (1 - metro - west), policy * metro, policy * west),
        ]
    )
    np.testing.assert_array_equal(design_matrix(encoding.columns(data), data), expected)


def test_categoricals_and_products(data: ChoiceData) -> None:
    kind = np.array(KIND)
    encoding = Formula("kind + price:kind | 0").learn(data)
    assert encoding.names == (
        *("kind[T.port]", "kind[T.zone]"),
        *("price:kind[plain]", "price:kind[port]", "price:kind[zone]"),
    )
    expected = [(kind == "port"), (kind == "zone"), *(np.where(kind == k, PRICE, 0) for k in ("plain", "port", "zone"))]
    np.testing.assert_array_equal(design_matrix(encoding.columns(data), data), np.column_stack(expected).astype(float))
    reduced = Formula("price * kind | 0").learn(data)
    assert reduced.names == ("price", "kind[T.port]", "kind[T.zone]", "price:kind[T.port]", "price:kind[T.zone]")


def test_without_constants_a_categorical_keeps_its_levels(data: ChoiceData) -> None:
    names = Formula("0 | 0 + sector").learn(data).names
    assert names == tuple(f"sector[{s}]:{a}" for s in ("food", "machinery", "textile") for a in ("metro", "west"))


def test_part_one_never_has_an_intercept(data: ChoiceData) -> None:
    for text in ("1 + kind | 0", "0 + kind | 0", "kind - 1 | 0", "kind | 0"):
        assert Formula(text).learn(data).names == ("kind[T.port]", "kind[T.zone]")


def test_columns_of_a_case_stay_one_value_a_case(data: ChoiceData) -> None:
    columns = Formula("price | assets").learn(data).columns(data).columns
    assert [(c.label, c.level) for c in columns] == [("Intercept", "constant"), ("price", "row"), ("assets", "case")]
    assert columns[2].values.shape == (4,)
    assert columns[1].coef == 2
    assert columns[2].coef.tolist() == [-1, 3, 4]


def test_unknown_categories_are_dropped_at_learning(table: pd.DataFrame) -> None:
    table["sector"] = pd.Categorical(table["sector"], ["textile", "mining", "food", "machinery"])
    names = Formula("0 | sector").learn(as_data(table)).names
    assert names[2:] == tuple(f"sector[T.{s}]:{a}" for s in ("food", "machinery") for a in ("metro", "west"))


def test_numbers_held_as_objects_are_numbers(table: pd.DataFrame) -> None:
    table["price"] = table["price"].astype(int).astype(object)
    assert Formula("price | 0").learn(as_data(table)).names == ("price",)


@pytest.mark.parametrize("text", EVERY_KIND)
def test_encoding_of_permuted_data_is_the_same_labelled(text: str, table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = Formula(text).learn(data, base="metro")
    table["place"] = pd.Categorical(table["place"], ["west", "east", "metro"])
    shuffled = as_data(table.sample(frac=1, random_state=3).reset_index(drop=True))
    assert list(shuffled.alternatives) == ["west", "east", "metro"]
    pd.testing.assert_frame_equal(labelled_design(encoding, shuffled), labelled_design(encoding, data))


@pytest.mark.parametrize("text", EVERY_KIND)
def test_encoding_of_a_subset_is_the_subset_of_the_encoding(text: str, data: ChoiceData) -> None:
    encoding = Formula(text, offset="log(price)").learn(data, base="metro")
    part = data.select([2, 0])
    whole = labelled_design(encoding, data)
    kept = whole[whole.index.get_level_values(0).isin(["f1", "f3"])]
    pd.testing.assert_frame_equal(labelled_design(encoding, part), kept)


def test_data_may_have_fewer_alternatives(table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = Formula("price | assets | policy").learn(data, base="west")
    fewer = as_data(table[(table["place"] != "east") & table["move"].isin(["f2", "f4"])].reset_index(drop=True))
    found = labelled_design(encoding, fewer)
    assert set(found.index.get_level_values(1)) == {"metro", "west"}
    whole = labelled_design(encoding, data)
    pd.testing.assert_frame_equal(found, whole.loc[found.index])


@pytest.mark.parametrize("text", EVERY_KIND)
def test_json_round_trip(text: str, data: ChoiceData) -> None:
    encoding = Formula(text, offset="center(price)").learn(data, base="metro")
    stored = json.loads(json.dumps(encoding.to_dict()))
    again = encoding_from_dict(stored)
    part = data.select([1, 2])
    assert (again.names, again.base, again.alternatives) == (encoding.names, encoding.base, encoding.alternatives)
    pd.testing.assert_frame_equal(labelled_design(again, part), labelled_design(encoding, part))
    np.testing.assert_array_equal(again.columns(part).offset, encoding.columns(part).offset)
    assert json.loads(json.dumps(again.to_dict())) == stored


def test_states_are_kept_not_learned_again(data: ChoiceData) -> None:
    encoding = Formula("center(price) + scale(`land price`) | center(assets)").learn(data)
    before = json.dumps(encoding.to_dict())
    part = data.select([3])
    columns = {c.label: c.values for c in encoding.columns(part).columns}
    np.testing.assert_allclose(columns["center(price)"], np.array([9.0, 10.0, 11.0]) - 6.0)
    np.testing.assert_allclose(columns["center(assets)"], [80.0 - 37.5])
    assert json.dumps(encoding.to_dict()) == before


def test_offset(data: ChoiceData) -> None:
    columns = Formula("policy | 0", offset="log(`land price`)").learn(data).columns(data)
    assert columns.names == ("policy",)
    np.testing.assert_allclose(columns.offset, 2 * np.log(PRICE))
    assert Formula("policy | 0").learn(data).columns(data).offset is None


@pytest.mark.parametrize("offset", ["price + policy", "0", "1", "", "kind"])
def test_an_offset_is_one_numeric_term(offset: str, data: ChoiceData) -> None:
    with pytest.raises(SpecificationError, match="offset"):
        Formula("policy | 0", offset=offset).learn(data)


def test_plain_numeric_columns_are_not_copied() -> None:
    column = pd.Series([1.0, 2.0])
    assert np.shares_memory(_as_float(column), column.to_numpy())


def test_labels_that_are_not_text(table: pd.DataFrame) -> None:
    table["place"] = table["place"].map({"east": 1, "metro": 2, "west": 10})
    data = as_data(table)
    for base in (2, "2", np.int64(2)):
        encoding = Formula("price").learn(data, base=base)
        assert encoding.base == 2
        assert encoding.names == ("Intercept:1", "Intercept:10", "price")
    again = encoding_from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert again.alternatives == (1, 2, 10)


# ------------------------------------------------------------------------------------------------------- refusals


def problems(error: pytest.ExceptionInfo[SpecificationError]) -> str:
    return "\n".join(finding.message for finding in error.value.findings)


def test_all_misplaced_columns_are_said_at_once(table: pd.DataFrame) -> None:
    table["two"] = 2.0
    with pytest.raises(SpecificationError) as error:
        Formula("assets + two + price | two + assets | log(assets)").learn(as_data(table))
    said = problems(error)
    assert len(error.value.findings) == 4
    assert "column 'assets' in part one is the same for all alternatives of every case: it belongs in part two" in said
    assert "column 'two' in part one has the same value 2 in all rows" in said
    assert "column 'two' in part two has the same value 2 in all cases" in said
    assert "column 'log(assets)' in part three is the same for all alternatives" in said


def test_all_unknown_names_are_said_at_once(data: ChoiceData) -> None:
    with pytest.raises(SpecificationError) as error:
        Formula("pick ~ prise | assets + price | polcy").learn(data, base="eest")
    said = problems(error)
    assert "base='eest'" in said
    assert "'east'" in said
    assert "the left side 'pick'" in said
    assert "column 'prise' of the formula is not in the data; did you mean 'price'?" in said
    assert "column 'polcy'" in said
    assert "column 'price' of part two is not the same for all alternatives" in said


@pytest.mark.parametrize("response", ["chosen", "choice", "place", ""])
def test_responses(response: str, data: ChoiceData) -> None:
    assert Formula(f"{response} ~ price | 0").learn(data).names == ("price",)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a ~ b ~ c", "2 '~'"),
        ("a | b | c | d", "4 parts"),
        ("chosen ~ | x", "part one"),
        ("chosen ~ x |", "part two"),
        ("", "part one"),
        ("chosen ~ log(x", "before '\\)' was closed"),
        ("chosen ~ `x", "before '`' was closed"),
        ("chosen ~ x^2", r"I\(x\*\*2\)"),
        ("chosen ~ log(x)**2", r"I\(log\(x\)\*\*2\)"),
        ("chosen ~ .", "all columns"),
        ("chosen ~ 1:3", "product"),
        ("chosen ~ 2:x", "product"),
        ("chosen ~ x - x", "no term is left"),
        ("chosen ~ -x", "no term is left"),
        ("chosen ~ log (x)", "no blank"),
        ("chosen ~ x +", "cannot read"),
        ("chosen ~ 'x'", "cannot read"),
        ("chosen ~ x y", "cannot read"),
        ("chosen ~ x)", "cannot read"),
        ("chosen ~ x == 3", "cannot read"),
    ],
)
def test_texts_that_are_no_formula(text: str, part: str) -> None:
    with pytest.raises(SpecificationError, match=part):
        Formula(text)


def test_a_formula_must_be_text() -> None:
    with pytest.raises(SpecificationError, match="not int"):
        Formula(3)  # type: ignore[arg-type]


def test_values_that_are_not_finite_are_placed(table: pd.DataFrame, data: ChoiceData) -> None:
    with pytest.raises(DataError, match="is -inf in case 'f1', alternative 'east' and 4 more") as error:
        Formula("log(policy) | 0").learn(data)
    assert error.value.findings[0].column == "policy"
    assert error.value.findings[0].value == 0
    assert error.value.findings[0].count == 5
    table.loc[table["move"] == "f3", "assets"] = 0.0
    with pytest.raises(DataError, match=r"'log\(assets\)' is -inf in case 'f3',"):
        Formula("price | log(assets)").learn(as_data(table))


def test_missing_values_are_placed_also_in_categoricals(data: ChoiceData) -> None:
    kind, price = data.row_columns["kind"].copy(), data.row_columns["price"].copy()
    kind[4], price[6] = None, np.nan
    holed = replace(data, row_columns={**data.row_columns, "kind": kind, "price": price})
    with pytest.raises(DataError) as error:
        Formula("price + kind | 0").learn(holed)
    assert "column 'kind' of term 'kind' is missing in case 'f2', alternative 'metro'" in str(error.value)
    assert "column 'price' of term 'price' is missing in case 'f3', alternative 'east'" in str(error.value)
    assert "drop_missing" in str(error.value)


def test_new_levels_are_placed(table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = Formula("kind + C(kind, contr.sum):price | sector").learn(data)
    table.loc[table["move"] == "f2", "sector"] = "mining"
    with pytest.raises(DataError, match="'sector' has the level 'mining' in case 'f2', which"):
        encoding.columns(as_data(table))
    other = long_table()
    other.loc[4, "kind"] = "zones"
    with pytest.raises(DataError, match=r"'zones' in case 'f2', alternative 'metro'.*did you mean 'zone'"):
        encoding.columns(as_data(other))


def test_levels_that_are_left_out_are_refused(data: ChoiceData) -> None:
    with pytest.raises(DataError, match="level 'port' in case 'f3', alternative 'east' and 1 more"):
        Formula("C(kind, levels=['plain', 'zone']) | 0").learn(data)


def test_a_column_that_changed_its_type(table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = Formula("price | 0").learn(data)
    table["price"] = table["price"].astype(str)
    with pytest.raises(
        SpecificationError, match="column 'price' was numeric when the model was fitted and is text now"
    ):
        encoding.columns(as_data(table))


def test_integer_categories_stay_categories(table: pd.DataFrame) -> None:
    table["year"] = pd.Categorical([2001, 2002, 2003, 2002, 2001, 2003, 2001, 2003, 2003, 2002, 2001])
    encoding = Formula("year | 0").learn(as_data(table))
    assert encoding.names == ("year[T.2002]", "year[T.2003]")
    before = labelled_design(encoding, as_data(table))
    table["year"] = table["year"].astype(int)
    pd.testing.assert_frame_equal(labelled_design(encoding, as_data(table)), before)


def test_one_level_is_refused(table: pd.DataFrame) -> None:
    table["country"] = "China"
    with pytest.raises(SpecificationError, match="'country' gives no column"):
        Formula("price | country").learn(as_data(table))


def test_unknown_alternatives(table: pd.DataFrame, data: ChoiceData) -> None:
    generic, specific = Formula("price | 0").learn(data), Formula("price").learn(data)
    table["place"] = table["place"].replace({"west": "north"})
    other = as_data(table)
    prices = other.row_frame(["price"])["price"]
    np.testing.assert_array_equal(design_matrix(generic.columns(other), other)[:, 0], prices)
    with pytest.raises(DataError, match="'north' of the data have no coefficients"):
        specific.columns(other)


def test_one_name_for_two_coefficients(table: pd.DataFrame) -> None:
    table["price:west"] = np.arange(11.0) ** 2
    with pytest.raises(SpecificationError, match="more than one coefficient the name 'price:west'"):
        Formula("`price:west` | 0 | price").learn(as_data(table))


def test_a_column_with_the_name_of_a_function(table: pd.DataFrame) -> None:
    data = as_data(table.rename(columns={"policy": "log"}))
    assert Formula("log | 0").learn(data).names == ("log",)
    with pytest.raises(SpecificationError, match="name of a function"):
        Formula("log + log(price) | 0").learn(data)


def test_dates_are_no_numbers(table: pd.DataFrame) -> None:
    table["day"] = pd.date_range("2003-01-01", periods=len(table))
    with pytest.raises(DataError, match="column 'day' holds datetime64"):
        Formula("day | 0").learn(as_data(table))


def test_faults_of_every_kind_are_said_at_once(table: pd.DataFrame) -> None:
    table["same"] = 3.0
    table["firm"] = table["assets"].where(table["move"] != "f2")
    table["hole"] = table["price"].where(table["price"] != 5)
    text = "chosen ~ assets + same + price + hole + log(policy) | firm + price + hole | sqrt(-price) + hole"
    with pytest.raises(SpecificationError) as error:
        Formula(text, offset="log(price - 1)").learn(as_data(table))
    found = sorted((finding.rule, finding.column) for finding in error.value.findings)
    assert found == [
        ("case_invariant_column", "assets"),
        ("constant_column", "same"),
        ("missing_value", "firm"),
        ("missing_value", "hole"),
        ("not_finite", "policy"),
        ("not_finite", "price"),
        ("not_finite", "price"),
        ("varies_within_case", "hole"),
        ("varies_within_case", "price"),
    ]


def test_faults_of_values_alone_are_a_data_error(table: pd.DataFrame) -> None:
    table["hole"] = table["price"].where(table["price"] != 5)
    with pytest.raises(DataError) as error:
        Formula("log(policy) + hole | sqrt(assets - 20) | log(price - 2)").learn(as_data(table))
    rules = [finding.rule for finding in error.value.findings]
    assert rules == ["missing_value", "not_finite", "not_finite", "not_finite"]
    encoding = Formula("price | assets | policy").learn(as_data(long_table()))
    other = long_table()
    other["assets"], other.loc[3, "price"], other.loc[4, "policy"] = np.inf, np.nan, np.nan
    with pytest.raises(DataError) as error:
        encoding.columns(as_data(other))
    assert [finding.column for finding in error.value.findings] == ["price", "assets", "policy"]


@pytest.mark.parametrize("text", ["price | 0", "log(price) | 0", "price:kind | 0", "C(price) | 0"])
def test_numbers_that_became_text(text: str, table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = encoding_from_dict(json.loads(json.dumps(Formula(text).learn(data).to_dict())))
    table["price"] = table["price"].astype(str)
    with pytest.raises(
        SpecificationError, match="column 'price' was numeric when the model was fitted and is text now"
    ):
        encoding.columns(as_data(table))


@pytest.mark.parametrize("text", ["kind | 0", "kind:price | 0"])
def test_text_that_became_numbers(text: str, table: pd.DataFrame, data: ChoiceData) -> None:
    encoding = Formula(text).learn(data)
    table["kind"] = np.arange(len(table))
    with pytest.raises(SpecificationError, match="column 'kind' was text when the model was fitted and is numeric now"):
        encoding.columns(as_data(table))


def test_stray_text_among_numbers(table: pd.DataFrame) -> None:
    table["price"] = table["price"].astype(object)
    table.loc[4, "price"] = "n.a."
    expected = "'price' holds numbers, but 'n.a.' in case 'f2', alternative 'metro'"
    with pytest.raises(DataError, match=expected) as error:
        Formula("price | 0").learn(as_data(table))
    assert len(error.value.findings) == 1


@pytest.mark.parametrize("text", ["log({price + policy}) | 0", "I({price}) | 0", "price | log({assets})"])
def test_braces_inside_a_function(text: str) -> None:
    with pytest.raises(
        SpecificationError, match=r"braces stand only outside a function.*the plain expression is enough"
    ):
        Formula(text)


def test_nothing_is_learned_from_no_case_but_columns_are_made(data: ChoiceData) -> None:
    empty = data.select([])
    with pytest.raises(DataError, match="no case to learn"):
        Formula("price | assets").learn(empty)
    columns = Formula("log(price) + kind | center(assets) + sector", offset="price").learn(data).columns(empty)
    assert [len(column.values) for column in columns.columns[1:]] == [0] * 6


def test_messages_show_plain_values(table: pd.DataFrame) -> None:
    table["place"] = table["place"].map({"east": 1, "metro": 2, "west": 10})
    with pytest.raises(SpecificationError, match=r"base=7 is not") as error:
        Formula("price").learn(as_data(table), base=np.int64(7))
    assert "np." not in str(error.value)
