"""Long tables: what is read, what is refused, and that the order and the library of the frame do not matter."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.data import ChoiceData, doctor
from relocchoice.errors import DataError, Finding, OptionError


def table() -> pd.DataFrame:
    """Three moves with ragged choice sets: {metro, township}, {county, metro, township}, {county, township}."""
    return pd.DataFrame(
        {
            "move": ["m2", "m2", "m1", "m1", "m1", "m7", "m7"],
            "place": ["township", "metro", "metro", "county", "township", "township", "county"],
            "chosen": [False, True, False, False, True, True, False],
            "price": [1.0, 9.0, 8.0, 3.0, 2.0, 1.5, 2.5],
            "assets": [4.0, 4.0, 6.0, 6.0, 6.0, 5.0, 5.0],
            "sector": ["metal", "metal", "shoes", "shoes", "shoes", "metal", "metal"],
        }
    )


def read(frame: object, **options: object) -> ChoiceData:
    return ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen", **options)  # type: ignore[arg-type]


def refused(frame: object, **options: object) -> tuple[Finding, ...]:
    """The findings of a refused table; the doctor must find the same."""
    with pytest.raises(DataError) as caught:
        read(frame, **options)
    report = doctor(frame, case="move", alternative="place", chosen="chosen", **options)
    assert report.findings == caught.value.findings
    assert not report.ok
    return caught.value.findings


def one(findings: tuple[Finding, ...]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def same(left: ChoiceData, right: ChoiceData) -> None:
    """Equal in everything but the order of cases, which follows the rows."""
    assert left.alternatives.tolist() == right.alternatives.tolist()
    assert sorted(left.cases) == sorted(right.cases)
    right = right.select(right.cases.get_indexer(left.cases))
    np.testing.assert_array_equal(left.offsets, right.offsets)
    np.testing.assert_array_equal(left.row_alternative, right.row_alternative)
    np.testing.assert_array_equal(left.chosen, right.chosen)
    names = [name for name in left.columns if name not in ("unit",)]
    pd.testing.assert_frame_equal(left.row_frame(names), right.row_frame(names))


def test_record_is_sorted_by_first_appearance_and_canonical_order() -> None:
    data = read(table())
    assert data.cases.tolist() == ["m2", "m1", "m7"]
    assert data.alternatives.tolist() == ["county", "metro", "township"]
    assert data.offsets.tolist() == [0, 2, 5, 7]
    assert data.row_alternative.tolist() == [1, 2, 0, 1, 2, 0, 2]
    assert data.chosen is not None
    assert data.chosen.tolist() == [1, 2, 2]
    assert data.row_columns["price"].tolist() == [9.0, 1.0, 3.0, 8.0, 2.0, 2.5, 1.5]
    assert (data.n_cases, data.n_rows, data.n_alternatives, data.total_weight) == (3, 7, 3, 3.0)
    assert data.columns == ("move", "place", "price", "assets", "sector")
    assert data.notes == ()


def native_frames() -> list[object]:
    frame = table().assign(assets=[4, 4, 6, 6, 6, 5, 5])
    frames: list[object] = [frame.to_dict("list"), frame.convert_dtypes(), frame.set_index(["move", "place"])]
    frames.append({name: frame[name].to_numpy() for name in frame})
    polars = pytest.importorskip("polars")
    frames += [polars.DataFrame(frame.to_dict("list")), polars.LazyFrame(frame.to_dict("list"))]
    return frames


@pytest.mark.parametrize("position", range(6))
def test_every_frame_gives_the_same_record(position: int) -> None:
    frame = native_frames()[position]
    expected = read(table().assign(assets=[4, 4, 6, 6, 6, 5, 5]))
    data = read(frame)
    assert data.cases.tolist() == expected.cases.tolist()
    same(expected, data)
    assert data.row_columns["assets"].dtype == np.int64


def test_pyarrow_agrees() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    frame = table().assign(place=pd.Categorical(table()["place"], categories=["township", "county", "metro"]))
    data = read(pyarrow.Table.from_pandas(frame))
    assert data.alternatives.tolist() == ["township", "county", "metro"]
    same(read(frame), data)
    repeated = pyarrow.table([[1, 1], [2, 2]], names=["a", "a"])
    with pytest.raises(DataError, match="called 'a'"):
        read(repeated)


def test_polars_enum_keeps_its_order_and_categorical_is_lexical() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(table().to_dict("list"))
    levels = ["township", "county", "metro", "moon"]
    ordered = read(frame.with_columns(polars.col("place").cast(polars.Enum(levels))))
    assert ordered.alternatives.tolist() == levels[:3]
    assert "'moon'" in ordered.notes[0]
    assert read(frame.with_columns(polars.col("place").cast(polars.Categorical))).alternatives.tolist() == sorted(
        levels[:3]
    )


def test_polars_nulls_become_missing_values() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({**table().to_dict("list"), "n": [1, None, 1, 1, 1, 1, 1], "f": [True, None] + [True] * 5})
    data = read(frame)
    assert data.row_columns["n"].isna().sum() == 1
    kept = data.drop_missing(["f"])
    assert kept.n_cases == 2
    assert kept.row_columns["f"].dtype == bool


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(7)))
def test_order_of_rows_does_not_matter(order: list[int]) -> None:
    frame = table().assign(unit=["f1", "f1", "f1", "f1", "f1", "f2", "f2"], w=[2, 2, 1, 1, 1, 3, 3])
    same(read(frame, unit="unit", weights="w"), read(frame.iloc[order], unit="unit", weights="w"))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([3, 1, 2], [1, 2, 3]),
        ([2.5, 0.5, 1.5], [0.5, 1.5, 2.5]),
        ([(1, "b"), (1, "a"), (0, "z")], [(0, "z"), (1, "a"), (1, "b")]),
        ([dt.date(2003, 1, 2), dt.date(2001, 1, 1), dt.date(2002, 1, 1)], None),
        ([pd.Timestamp("2003"), pd.Timestamp("2001"), pd.Timestamp("2002")], None),
        ([10, "b", 9], [10, 9, "b"]),
        (["上海", "杭州", "Wenzhou"], ["Wenzhou", "上海", "杭州"]),
    ],
)
def test_labels_of_any_type(labels: list[object], expected: list[object] | None) -> None:
    frame = {"move": [labels[0]] * 3 + [labels[1]] * 3, "place": labels * 2, "chosen": [1, 0, 0, 0, 1, 0]}
    data = read(frame)
    assert data.alternatives.tolist() == (sorted(labels) if expected is None else expected)  # type: ignore[type-var]
    assert data.cases.tolist() == labels[:2]
    assert data.chosen is not None
    assert data.alternatives.take(data.chosen).tolist() == labels[:2]
    assert data.row_frame(["place"])["place"].tolist() == data.alternatives.tolist() * 2


def test_boolean_labels() -> None:
    data = read({"move": [1, 1], "place": [True, False], "chosen": [1, 0]})
    assert data.alternatives.tolist() == [False, True]
    assert data.chosen is not None
    assert data.chosen.tolist() == [1]


def test_categorical_keeps_its_order_and_tells_of_unused_levels() -> None:
    frame = table()
    frame["place"] = pd.Categorical(frame["place"], categories=["township", "moon", "metro", "county", "mars"])
    frame["move"] = pd.Categorical(frame["move"], categories=["m1", "m2", "m7", "m9"])
    data = read(frame)
    assert data.alternatives.tolist() == ["township", "metro", "county"]
    assert data.cases.tolist() == ["m2", "m1", "m7"]
    assert data.notes == ("2 alternatives left out, available to no case: 'moon', 'mars'",)


@pytest.mark.parametrize("flags", [[1, 0], [1.0, 0.0], [True, False], pd.array([True, False], dtype="boolean")])
def test_flags_of_every_kind(flags: object) -> None:
    data = read({"move": [1, 1], "place": ["a", "b"], "chosen": flags})
    assert data.chosen is not None
    assert data.chosen.tolist() == [0]


def test_chosen_by_label() -> None:
    frame = table()
    frame["chosen"] = frame["move"].map({"m2": "metro", "m1": "township", "m7": "township"})
    same(read(frame), read(table()))


def test_chosen_by_label_refuses_what_varies_what_is_unknown_and_what_is_not_there() -> None:
    frame = table()
    frame["chosen"] = ["metro", "township", "county", "county", "county", "moon", "moon"]
    varies, unknown = refused(frame)
    assert (varies.rule, varies.case, varies.column) == ("chosen_varies", "m2", "chosen")
    assert (unknown.rule, unknown.case, unknown.value) == ("chosen_unknown", "m7", "moon")
    frame["chosen"] = frame["move"].map({"m2": "county", "m1": "township", "m7": "township"})
    barred = one(refused(frame))
    assert (barred.rule, barred.case) == ("chosen_unavailable", "m2")


def test_yes_and_no_are_flags_unless_they_are_alternatives() -> None:
    frame = table()
    expected = ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen").chosen
    frame["chosen"] = np.where(frame["chosen"], "Yes", "no")
    data = ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen")
    np.testing.assert_array_equal(data.chosen, expected)
    moves = pd.DataFrame({"firm": [1, 1, 2, 2], "move": ["yes", "no"] * 2, "did": ["no", "no", "yes", "yes"]})
    labelled = ChoiceData.from_long(moves, case="firm", alternative="move", chosen="did")
    assert labelled.alternatives[labelled.chosen].tolist() == ["no", "yes"]


def test_other_text_flags_are_not_guessed_at() -> None:
    frame = table()
    frame["chosen"] = np.where(frame["chosen"], "chosen", "no")
    finding = one(refused(frame))
    assert finding.rule == "chosen_invalid"
    assert finding.column == "chosen"
    assert "'chosen'" in finding.message
    assert "df['chosen'] ==" in finding.message


def test_data_for_prediction_have_no_choice() -> None:
    data = ChoiceData.from_long(table().drop(columns="chosen"), case="move", alternative="place")
    assert data.chosen is None
    with pytest.raises(DataError, match="no choices"):
        data.choice_shares()


# --------------------------------------------------------------------------------------------------------- the rules


def test_no_choice() -> None:
    finding = one(refused(table().assign(chosen=[0, 0, 0, 0, 1, 1, 0])))
    assert (finding.rule, finding.case, finding.column) == ("no_choice", "m2", "chosen")


def test_several_choices() -> None:
    finding = one(refused(table().assign(chosen=[0, 1, 1, 1, 1, 1, 0])))
    assert (finding.rule, finding.case, finding.count) == ("several_choices", "m1", 3)
    assert finding.alternative == "county"
    assert "'county', 'metro', 'township'" in finding.message


def test_chosen_but_unavailable() -> None:
    frame = table().assign(open=[1, 0, 1, 1, 1, 1, 1])
    findings = refused(frame, available="open", single_alternative="keep")
    finding = one(findings)
    assert (finding.rule, finding.case, finding.alternative) == ("chosen_unavailable", "m2", "metro")
    assert "'open'" in finding.message


def test_duplicate() -> None:
    frame = pd.concat([table(), table().iloc[[1, 1]]])
    finding = one(refused(frame))
    assert (finding.rule, finding.case, finding.alternative, finding.count) == ("duplicate", "m2", "metro", 3)


def test_two_separate_duplicates_in_one_case_are_both_found() -> None:
    findings = refused(pd.concat([table(), table().iloc[[0, 1]]]))
    assert [(f.rule, f.alternative) for f in findings] == [("duplicate", "metro"), ("duplicate", "township")]


@pytest.mark.parametrize(
    ("role", "column", "value"),
    [("alternative", "place", None), ("chosen", "chosen", None), ("weights", "w", np.nan), ("unit", "firm", None)],
)
def test_missing_key(role: str, column: str, value: object) -> None:
    frame = table().assign(w=1.0, firm="f").astype({column: object})
    frame.loc[3, column] = value
    finding = one(refused(frame, weights="w", unit="firm"))
    assert (finding.rule, finding.case, finding.column) == ("missing", "m1", column)
    dropped = read(frame, weights="w", unit="firm", missing="drop")
    assert dropped.cases.tolist() == ["m2", "m7"]
    assert dropped.notes == (f"1 of 3 cases dropped for missing or infinite values in '{column}' (1)",)
    assert role in dropped.names


def test_missing_case_label_is_never_dropped() -> None:
    frame = table().astype({"move": object})
    frame.loc[3, "move"] = None
    for missing in ("error", "drop"):
        findings = refused(frame, missing=missing)
        assert findings[0].rule == "missing"
        assert "row 3" in findings[0].message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_values_wait_for_a_model_or_are_dropped(value: float) -> None:
    frame = table()
    frame.loc[4, "price"] = value
    assert read(frame).n_cases == 3
    report = doctor(frame, case="move", alternative="place", chosen="chosen")
    assert report.ok
    warning = report.warnings[0]
    assert (warning.rule, warning.column, warning.case, warning.alternative) == ("missing", "price", "m1", "township")
    data = read(frame, missing="drop")
    assert data.cases.tolist() == ["m2", "m7"]
    assert "'price' (1)" in data.notes[0]


def test_drop_forgets_what_was_wrong_with_the_dropped_cases() -> None:
    frame = table()
    frame.loc[[0, 1], "price"] = np.nan
    frame.loc[0, "chosen"] = True
    assert one(refused(frame)).rule == "several_choices"
    assert read(frame, missing="drop").n_cases == 2


def test_missing_values_of_unavailable_rows_do_not_matter() -> None:
    frame = table().assign(open=[True, True, True, False, True, True, True])
    frame.loc[3, "price"] = np.nan
    data = read(frame, available="open", missing="drop")
    assert data.n_cases == 3
    assert np.diff(data.offsets).tolist() == [2, 2, 2]


def test_single_alternative() -> None:
    frame = table().assign(open=[0, 1, 1, 1, 1, 1, 1])
    finding = one(refused(frame, available="open"))
    assert (finding.rule, finding.case, finding.alternative) == ("single_alternative", "m2", "metro")
    dropped = read(frame, available="open", single_alternative="drop")
    assert dropped.cases.tolist() == ["m1", "m7"]
    assert "1 of 3 cases dropped" in dropped.notes[0]
    kept = read(frame, available="open", single_alternative="keep")
    assert np.diff(kept.offsets).tolist() == [1, 3, 2]
    assert "kept" in kept.notes[0]


def test_no_alternative() -> None:
    frame = table().assign(open=[0, 0, 1, 1, 1, 1, 1])
    findings = refused(frame, available="open")
    assert [f.rule for f in findings] == ["no_alternative", "chosen_unavailable"]
    assert {f.case for f in findings} == {"m2"}


def test_available_must_be_flags() -> None:
    finding = one(refused(table().assign(open=[1, 2, 1, 1, 1, 1, 1]), available="open"))
    assert (finding.rule, finding.column, finding.value) == ("available_invalid", "open", 2)


@pytest.mark.parametrize(
    ("weights", "kind", "rule", "case"),
    [
        ([1, 1, -2, -2, -2, 1, 1], "sampling", "weight_invalid", "m1"),
        ([1, 1, np.inf, np.inf, np.inf, 1, 1], "sampling", "weight_invalid", "m1"),
        ([1, 1, 1, 1, 1, 0.5, 0.5], "frequency", "weight_not_whole", "m7"),
        ([1, 1, 1, 1, 2, 1, 1], "frequency", "weight_varies", "m1"),
        ([0] * 7, "frequency", "weight_zero", None),
        (["a"] * 7, "frequency", "weight_invalid", None),
    ],
)
def test_weights(weights: list[float], kind: str, rule: str, case: str | None) -> None:
    finding = one(refused(table().assign(w=weights), weights="w", weight_kind=kind))
    assert (finding.rule, finding.case, finding.column) == (rule, case, "w")


def test_good_weights() -> None:
    frame = table().assign(w=[2, 2, 0, 0, 0, 3, 3])
    data = read(frame, weights="w")
    assert data.weights is not None
    assert (data.weights.tolist(), data.weight_kind, data.total_weight) == ([2.0, 0.0, 3.0], "frequency", 5.0)
    assert read(frame.assign(w=frame["w"] / 2), weights="w", weight_kind="sampling").total_weight == 2.5
    assert read(frame).weight_kind is None


def test_unit() -> None:
    data = read(table().assign(firm=["z", "z", "a", "a", "a", "z", "z"]), unit="firm")
    assert data.unit is not None
    assert data.units is not None
    assert data.units.take(data.unit).tolist() == ["z", "a", "z"]
    finding = one(refused(table().assign(firm=list("zzaabzz")), unit="firm"))
    assert (finding.rule, finding.case, finding.column, finding.value) == ("unit_varies", "m1", "firm", "b")
    by_case = read(table(), unit="move")
    assert by_case.units is not None
    assert by_case.units.tolist() == ["m2", "m1", "m7"]


def test_all_problems_at_once() -> None:
    frame = pd.concat([table(), table().iloc[[5]]]).assign(w=[1, 1, 1, 1, 2, 1, 1, 1], firm=list("aabbbccc"))
    frame["chosen"] = [0, 0, 1, 1, 0, 1, 0, 0]
    findings = refused(frame, weights="w", unit="firm")
    assert [(f.rule, f.case) for f in findings] == [
        ("duplicate", "m7"),
        ("no_choice", "m2"),
        ("several_choices", "m1"),
        ("weight_varies", "m1"),
    ]


def test_many_findings_are_counted_not_listed() -> None:
    n = 50
    findings = refused({"move": np.repeat(range(n), 2), "place": ["a", "b"] * n, "chosen": [0] * (2 * n)})
    assert len(findings) == 21
    assert [f.case for f in findings[:20]] == list(range(20))
    assert (findings[-1].rule, findings[-1].count) == ("no_choice", 30)


# -------------------------------------------------------------------------------------------------- hostile tables


def test_empty_table() -> None:
    assert one(refused(table().iloc[:0])).rule == "empty"
    assert one(refused({"move": [], "place": [], "chosen": []})).rule == "empty"


def test_nothing_left_after_dropping() -> None:
    assert one(refused(table().assign(price=np.nan), missing="drop")).rule == "empty"


def test_missing_column_suggests_names() -> None:
    finding = one(refused(table().rename(columns={"chosen": "chosn"})))
    assert finding.rule == "no_column"
    assert "did you mean 'chosn'" in finding.message
    assert "'sector'" in finding.message


def test_repeated_and_odd_column_names() -> None:
    frame = table()
    frame.columns = ["move", "place", "chosen", "price", "price", "sector"]
    assert one(refused(frame)).rule == "column_repeated"
    frame.columns = ["move", "place", "chosen", "price", 7, "sector"]
    finding = one(refused(frame))
    assert finding.rule == "column_name"
    assert "7 is a int" in finding.message


def test_one_column_with_two_roles() -> None:
    with pytest.raises(DataError, match=r"'move' is both case= and alternative="):
        ChoiceData.from_long(table(), case="move", alternative="move")


@pytest.mark.parametrize(
    ("case", "message"), [(None, "case=None"), (["move"], "give one string"), (7, "give one string")]
)
def test_a_role_is_the_name_of_one_column(case: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ChoiceData.from_long(table(), case=case, alternative="place")


def test_labels_that_cannot_be_labels() -> None:
    with pytest.raises(DataError, match="cannot serve as labels"):
        read({"move": [1, 1], "place": [["a"], ["b"]], "chosen": [1, 0]})


@pytest.mark.parametrize("frame", [3, "text", [1, 2], np.zeros((2, 2)), pd.Series([1])])
def test_not_a_frame(frame: object) -> None:
    with pytest.raises(DataError, match="not a data frame"):
        read(frame)


def test_ragged_and_scalar_columns_of_a_dict() -> None:
    with pytest.raises(DataError, match="differ in length: 'move' has 2, 'place' has 1"):
        read({"move": [1, 1], "place": ["a"], "chosen": [1, 0]})
    with pytest.raises(DataError, match="'place' is not a sequence"):
        read({"move": [1, 1], "place": "ab", "chosen": [1, 0]})


@pytest.mark.parametrize("option", ["missing", "weight_kind", "single_alternative"])
def test_options(option: str) -> None:
    with pytest.raises(OptionError, match=rf"{option}='ignore' is not valid"):
        read(table(), **{option: "ignore"})


def test_the_source_can_change_afterwards() -> None:
    columns = {name: table()[name].to_numpy(copy=True) for name in table()}
    data = read(columns)
    columns["price"][:] = -1.0
    assert data.row_columns["price"].min() == 1.0
