"""Rankings taken apart: against products written out, enumeration, and models they must and must not equal."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, OptionError
from relocchoice.models import MultinomialLogit

PLACES = ("coast", "county", "metro", "town")
X = dict(zip(PLACES, (0.3, -0.4, 1.1, 0.0), strict=True))
B = 0.7


def table(*rankings: tuple[float | None, ...], places: tuple[str, ...] = PLACES) -> pd.DataFrame:
    """One row a ranker and place; ranks in the order of the places."""
    rows = [
        {"firm": f"f{who}", "place": place, "rank": rank, "x": X[place] + 0.1 * who * (place == "town"), "size": who}
        for who, ranks in enumerate(rankings)
        for place, rank in zip(places, ranks, strict=True)
    ]
    return pd.DataFrame(rows)


def read(frame: object, **options: object) -> ChoiceData:
    return ChoiceData.from_rankings(frame, case="firm", alternative="place", rank="rank", **options)  # type: ignore[arg-type]


def loglik_at(data: ChoiceData, value: float, column: str = "x") -> float:
    """The package's log-likelihood with the one coefficient held."""
    return MultinomialLogit(f"rank ~ {column} | 0", fixed={column: value}).fit(data, cov_type="none").llf


def by_hand(frame: pd.DataFrame, value: float) -> float:
    """Product of the stages' probabilities, ranker by ranker."""
    total = 0.0
    for _, rows in frame.groupby("firm"):
        v = value * rows.sort_values("rank")["x"].to_numpy()
        ranked = int(rows["rank"].notna().sum())
        total += sum(v[k] - np.log(np.exp(v[k:]).sum()) for k in range(min(ranked, len(v) - 1)))
    return total


def random_rankings(rng: np.random.Generator, n: int, k: int | None = None) -> pd.DataFrame:
    """n rankings by Gumbel utilities; ranks behind k are empty."""
    frames = []
    for who in range(n):
        x = rng.normal(size=len(PLACES))
        rank = (-(B * x + rng.gumbel(size=len(PLACES)))).argsort().argsort() + 1.0
        frames.append(pd.DataFrame({"firm": who, "place": PLACES, "rank": rank, "x": x}))
    frame = pd.concat(frames, ignore_index=True)
    return frame if k is None else frame.assign(rank=frame["rank"].where(frame["rank"] <= k))


# -------------------------------------------------------------------------------------------------------- stages


def test_stages_rows_units_and_labels() -> None:
    data = read(table((2, 1, 4, 3)))
    assert list(data.cases) == ["f0 #1", "f0 #2", "f0 #3"]
    assert np.diff(data.offsets).tolist() == [4, 3, 2]
    assert [data.alternatives[code] for code in data.chosen] == ["county", "coast", "town"]
    assert list(data.units) == ["f0"]
    assert data.unit.tolist() == [0, 0, 0]
    assert data.picked is None
    assert data.case_frame(["size", "firm"])["firm"].tolist() == ["f0"] * 3
    assert "3 stages from 1 rankings" in data.notes[0]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(-2, 2), st.integers(1, 4))
def test_the_likelihood_is_the_product_of_the_stages(seed: int, value: float, ranked: int) -> None:
    frame = random_rankings(np.random.default_rng(seed), 3, ranked)
    assert loglik_at(read(frame), value) == pytest.approx(by_hand(frame, value), abs=1e-10)


def test_probabilities_of_all_rankings_add_up_to_one() -> None:
    total = sum(np.exp(loglik_at(read(table(order)), B)) for order in permutations((1, 2, 3, 4)))
    assert total == pytest.approx(1.0, abs=1e-12)


def test_a_ranking_of_depth_one_is_a_choice() -> None:
    frame = random_rankings(np.random.default_rng(3), 60)
    choices = frame.assign(chosen=frame["rank"] == 1)
    plain = MultinomialLogit("chosen ~ x").fit(
        ChoiceData.from_long(choices.drop(columns="rank"), case="firm", alternative="place", chosen="chosen")
    )
    for data in (read(frame, depth=1), read(frame.assign(rank=frame["rank"].where(frame["rank"] == 1)))):
        fit = MultinomialLogit("rank ~ x").fit(data)
        assert fit.llf == pytest.approx(plain.llf, abs=1e-10)
        np.testing.assert_allclose(fit.params, plain.params, atol=1e-9)
        np.testing.assert_allclose(fit.bse, plain.bse, rtol=1e-9)
    assert any("depth=1" in note for note in read(frame, depth=1).notes)


def test_depth_and_empty_ranks_say_the_same() -> None:
    frame = random_rankings(np.random.default_rng(4), 5)
    cut = frame.assign(rank=frame["rank"].where(frame["rank"] <= 2))
    assert loglik_at(read(frame, depth=2), B) == pytest.approx(loglik_at(read(cut), B), abs=1e-12)
    assert any("5 of 5 rankings are partial" in note for note in read(cut).notes)


def test_the_reversed_ranking_is_another_model() -> None:
    frame = random_rankings(np.random.default_rng(5), 80)
    forward = MultinomialLogit("rank ~ x").fit(read(frame))
    backward = MultinomialLogit("rank ~ x").fit(read(frame.assign(rank=5 - frame["rank"])))
    assert forward.llf != pytest.approx(backward.llf, abs=1e-3)
    assert forward.params["x"] != pytest.approx(-backward.params["x"], abs=1e-3)


def test_more_of_the_ranking_gives_smaller_errors_around_the_truth() -> None:
    frame = random_rankings(np.random.default_rng(6), 400)
    first, full = (MultinomialLogit("rank ~ x | 0").fit(read(frame, depth=depth)) for depth in (1, None))
    assert full.bse["x"] < 0.8 * first.bse["x"]
    assert abs(full.params["x"] - B) < 3 * full.bse["x"]


def test_choice_sets_may_differ_between_rankers() -> None:
    frame = table((1, 2, 3, 4), (2, 1, 3, 4))
    frame = frame.drop(index=frame.index[(frame["firm"] == "f1") & (frame["place"].isin(["metro", "town"]))])
    assert np.diff(read(frame).offsets).tolist() == [4, 3, 2, 2]


# ---------------------------------------------------------------------------------------------------------- ties


def tied_truth(kind: str, v: np.ndarray, tied: int) -> float:
    """One group of ties at the top, then the rest in order; v best first."""
    rest = sum(v[k] - np.log(np.exp(v[k:]).sum()) for k in range(tied, len(v) - 1))
    if kind == "breslow":
        return v[:tied].sum() - tied * np.log(np.exp(v).sum()) + rest
    sets = [np.exp(v[list(s)].sum()) for s in combinations(range(len(v)), tied)]
    return v[:tied].sum() - np.log(sum(sets)) + rest


@pytest.mark.parametrize("tied", [1, 2, 3])
def test_breslow_ties_by_hand(tied: int) -> None:
    ranks = [1] * tied + list(range(tied + 1, 5))
    frame = table(tuple(ranks))
    v = B * frame["x"].to_numpy()
    data = read(frame, ties="breslow")
    assert loglik_at(data, B) == pytest.approx(tied_truth("breslow", v, tied), abs=1e-12)
    assert data.n_cases == {1: 3, 2: 3, 3: 3}[tied]
    if tied == 2:
        assert list(data.cases) == ["f0 #1.1", "f0 #1.2", "f0 #3"]


@pytest.mark.parametrize("tied", [2, 3])
def test_discrete_ties_by_enumeration(tied: int) -> None:
    from relocchoice.models import SubsetLogit

    frame = table(tuple([1] * tied + list(range(tied + 1, 5))))
    data = read(frame, ties="discrete")
    assert data.n_taken.tolist() == [tied, *[1] * (3 - tied)]
    assert data.chosen[0] == 0
    fit = SubsetLogit("rank ~ x | 0", fixed={"x": B}).fit(data, cov_type="none")
    assert fit.llf == pytest.approx(tied_truth("discrete", B * frame["x"].to_numpy(), tied), abs=1e-11)


def test_discrete_without_ties_is_plain_data() -> None:
    frame = table((1, 2, 3, 4), (4, 3, 2, 1))
    assert read(frame, ties="discrete").picked is None
    assert loglik_at(read(frame, ties="discrete"), B) == pytest.approx(loglik_at(read(frame), B), abs=1e-13)


def test_the_picked_rows_are_those_of_the_tied() -> None:
    data = read(table((2, 1, 4, 2)), ties="discrete")
    labels = data.alternatives.to_numpy()[data.row_alternative]
    assert labels[data.picked].tolist() == ["county", "coast", "town"]
    assert data.alternatives[data.chosen[1]] == "coast"
    assert "taken" not in data.columns


@pytest.mark.parametrize("ties", ["breslow", "discrete"])
def test_tied_last_places_say_nothing(ties: str) -> None:
    data = read(table((1, 2, 3, 3)), ties=ties)
    assert list(data.cases) == ["f0 #1", "f0 #2"]
    assert any("tie their last places" in note for note in data.notes)
    partial = read(table((1, 2, None, None)))
    assert loglik_at(data, B) == pytest.approx(loglik_at(partial, B), abs=1e-13)


def test_both_ways_to_count_behind_ties_are_read() -> None:
    one, two = (read(table(ranks), ties="breslow") for ranks in ((1, 1, 3, 4), (1, 1, 2, 3)))
    assert list(one.cases) == list(two.cases)
    assert loglik_at(one, B) == loglik_at(two, B)


# ------------------------------------------------------------------------------------------------- other tables


def test_a_wide_table_is_the_long_one() -> None:
    long = random_rankings(np.random.default_rng(7), 6).assign(size=lambda f: f["firm"] % 3)
    wide = long.pivot_table(index=["firm", "size"], columns="place", values=["rank", "x"])
    wide.columns = [f"{name}.{place}" for name, place in wide.columns]
    held = ChoiceData.from_rankings(
        wide,
        case="firm",
        alternative="place",
        rank={place: f"rank.{place}" for place in PLACES},
        varying={"x": {place: f"x.{place}" for place in PLACES}},
    )
    plain = read(long)
    assert list(held.cases) == list(plain.cases)
    np.testing.assert_array_equal(held.chosen, plain.chosen)
    np.testing.assert_allclose(held.row_frame(["x", "size"]), plain.row_frame(["x", "size"]))
    numbered = ChoiceData.from_rankings(
        wide.reset_index(drop=True), case=None, alternative="place", rank={place: f"rank.{place}" for place in PLACES}
    )
    assert numbered.names["unit"] == "ranker"
    assert numbered.n_cases == plain.n_cases


def test_the_order_of_the_rows_and_the_kind_of_frame_do_not_matter() -> None:
    frame = random_rankings(np.random.default_rng(8), 20, 3)
    shuffled = frame.sample(frac=1, random_state=1)
    fits = [MultinomialLogit("rank ~ x").fit(read(each)) for each in (frame, shuffled, pl.from_pandas(frame))]
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.params, fits[0].params, atol=1e-9)


def test_weights_count_every_stage_of_a_ranker() -> None:
    frame = random_rankings(np.random.default_rng(9), 12)
    twice = pd.concat([frame, frame.assign(firm=frame["firm"] + 100)])
    weighted = MultinomialLogit("rank ~ x").fit(read(frame.assign(n=2), weights="n"))
    repeated = MultinomialLogit("rank ~ x").fit(read(twice))
    assert weighted.llf == pytest.approx(repeated.llf, abs=1e-9)
    np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-7)


def test_clusters_go_by_ranker_or_by_the_unit_given() -> None:
    frame = random_rankings(np.random.default_rng(10), 12).assign(town=lambda f: f["firm"] % 4)
    assert MultinomialLogit("rank ~ x").fit(read(frame), cov_type="cluster").covariance.groups == 12
    assert MultinomialLogit("rank ~ x").fit(read(frame, unit="town"), cov_type="cluster").covariance.groups == 4


def test_labels_stay_apart_when_rankers_look_alike() -> None:
    frame = pd.concat([table((1, 2, 3, 4)).assign(firm=who) for who in (1, "1")])
    assert read(frame).cases.is_unique


# -------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        ((2, 3, 4, 5), r"ranker 'f0' gives alternative 'coast' rank 2: no alternative has rank 1"),
        ((1, 2, 4, None), r"'metro' rank 4: the rank before it is 2"),
        ((1, 2.5, 3, 4), r"'county' rank 2.5: ranks are whole numbers"),
        ((0, 1, 2, 3), r"'coast' rank 0: ranks are whole numbers from 1"),
        ((-1, 1, 2, 3), r"'coast' rank -1: ranks are whole numbers from 1"),
        ((1, 2, 2, 3), r"rank 2 to 2 alternatives, among them 'county' and 'metro': say ties='breslow'"),
        ((None,) * 4, r"ranker 'f0' ranks no alternative"),
        ((1, 2, float("inf"), 3), r"infinite rank"),
    ],
)
def test_what_is_no_ranking_is_said(ranks: tuple[float | None, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(table(ranks))


def test_a_gap_behind_ties_must_fit_their_number() -> None:
    with pytest.raises(DataError, match="rank 5: the rank before it is 1"):
        read(table((1, 1, 5, None)), ties="breslow")


def test_every_ranker_with_a_problem_is_named_once() -> None:
    with pytest.raises(DataError) as caught:
        read(table((2, 3, 4, 5), (1, 2, 3, 4), (1, 3, 4, 5)))
    assert [finding.case for finding in caught.value.findings] == ["f0", "f2"]


def test_other_bad_tables_are_refused() -> None:
    frame = table((1, 2, 3, 4))
    with pytest.raises(DataError, match="alternative 'coast' in more than one row"):
        read(pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(DataError, match="holds 'first', which is no number"):
        read(frame.assign(rank=["first", "2", "3", "4"]))
    with pytest.raises(DataError, match="has no ranker in row 0"):
        read(frame.assign(firm=[None, "a", "a", "a"]))
    with pytest.raises(DataError, match="rows"):
        read(frame.iloc[:0])
    with pytest.raises(DataError, match="no ranking says"):
        read(table((1, 1, 1, 1)), ties="breslow")
    with pytest.raises(DataError, match="did you mean 'rank'"):
        ChoiceData.from_rankings(frame, case="firm", alternative="place", rank="rnk")
    with pytest.raises(OptionError, match="valid: 'error', 'breslow', 'discrete'"):
        read(frame, ties="exact")
    for depth in (0, 1.5, True):
        with pytest.raises(OptionError, match="depth"):
            read(frame, depth=depth)
    with pytest.raises(DataError, match="varying= goes with a wide table"):
        read(frame, varying={})
    wide = {"a": [1], "b": [2], "x": [1.0]}
    with pytest.raises(DataError, match="names no column for alternative 'b'"):
        ChoiceData.from_rankings(
            wide, case=None, alternative="place", rank={"a": "a", "b": "b"}, varying={"z": {"a": "x"}}
        )
