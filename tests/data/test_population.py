"""Population shares: weights, their checks, and counts spelled out."""

from __future__ import annotations

import numpy as np
import pytest

import relocchoice as rc
from relocchoice.data.population import spelled_out, strata_of
from relocchoice.errors import DataError

TABLE = {
    "size": ["small", "small", "small", "large", "large", "large"],
    "form": ["whole", "part", "none"] * 2,
    "n": [6, 3, 1, 4, 4, 2],
}
SHARES = {"whole": 0.25, "part": 0.35, "none": 0.4}


def counts():
    return rc.ChoiceData.from_counts(TABLE, count="n", alternative="form", cell="size")


def by_hand(strata, shares):
    """One row a choice with the weights worked out here."""
    size = np.repeat(TABLE["size"], TABLE["n"])
    form = np.repeat(TABLE["form"], TABLE["n"])
    key = form if strata == "form" else size
    sample = {label: np.mean(key == label) for label in shares}
    return size, form, np.array([shares[label] / sample[label] for label in key])


def test_weights_are_population_share_over_sample_share():
    data = counts().with_population_shares(SHARES)
    assert data.n_cases == 20
    assert data.weight_kind == "choice-based"
    _, form, weights = by_hand("form", SHARES)
    assert data.chosen is not None
    chosen = np.array(data.alternatives.tolist())[data.chosen]
    for label in SHARES:
        assert np.unique(data.weights[chosen == label]) == pytest.approx(np.unique(weights[form == label]))
    assert data.choice_shares()["share"].to_dict() == pytest.approx(SHARES)
    assert data.total_weight == pytest.approx(20)
    assert data.effective_n == pytest.approx(weights.sum() ** 2 / np.sum(weights**2))


def test_groups_of_alternatives_are_one_stratum():
    data = counts().with_population_shares({"whole": 0.25, ("part", "none"): 0.75})
    shares = data.choice_shares()["share"]
    assert shares["whole"] == pytest.approx(0.25)
    assert shares["part"] / shares["none"] == pytest.approx(7 / 3)
    assert any("part + none 0.75 / 0.5 = 1.5" in note for note in data.notes)


def test_a_tuple_that_is_a_label_is_that_label():
    table = {"c": [1, 1, 2, 2], "alt": [("a", 1), ("b", 2)] * 2, "y": [1, 0, 0, 1]}
    data = rc.ChoiceData.from_long(table, case="c", alternative="alt", chosen="y")
    assert data.with_population_shares({("a", 1): 0.3, ("b", 2): 0.7}).weights.tolist() == pytest.approx([0.6, 1.4])


def test_strata_of_a_column_are_sampling_weights():
    data = counts().with_population_shares({"small": 0.973, "large": 0.027}, by="size")
    assert data.weight_kind == "sampling"
    frame = data.case_frame(["size"])["size"].to_numpy()
    assert np.unique(data.weights[frame == "small"]) == pytest.approx([0.973 / 0.5])
    assert data.effective_n == pytest.approx(1 / (0.973**2 / 10 + 0.027**2 / 10))


def test_sampling_weights_are_multiplied():
    first = counts().with_population_shares({"small": 0.9, "large": 0.1}, by="size")
    second = first.with_population_shares(SHARES)
    assert second.weight_kind == "choice-based"
    assert second.choice_shares()["share"].to_dict() == pytest.approx(SHARES)
    assert second.with_population_shares({"small": 0.9, "large": 0.1}, by="size").weight_kind == "choice-based"


def test_counts_are_spelled_out_into_choices():
    data = spelled_out(counts())
    assert data.n_cases == 20
    assert data.weights is None
    assert data.cases.is_unique
    assert "large -> none #2" in data.cases
    assert data.choice_shares()["count"].to_dict() == counts().choice_shares()["count"].to_dict()
    assert spelled_out(data) is data


def test_no_more_cases_than_stated():
    with pytest.raises(DataError, match="the counts add up to 20, more than 19: draw a sample"):
        spelled_out(counts(), most=19)


def test_spelled_out_cases_of_count_zero_are_gone():
    data = counts().with_weights(np.array([0, 1, 2, 0, 1, 1]), "frequency")
    assert spelled_out(data).n_cases == 5


def test_robust_variance_is_that_of_the_choices():
    """Frequencies with population shares give what one row a choice with the same weights gives."""
    shares = {"small": 0.8, "large": 0.2}
    size, form, weights = by_hand("size", shares)
    n = len(form)
    labels = ["none", "part", "whole"]
    long = {
        "case": np.repeat(np.arange(n), 3),
        "alt": np.tile(labels, n),
        "y": (form[:, None] == np.array(labels)).astype(int).ravel(),
        "big": np.repeat(size == "large", 3).astype(float),
        "w": np.repeat(weights, 3),
    }
    single = rc.ChoiceData.from_long(
        long, case="case", alternative="alt", chosen="y", weights="w", weight_kind="sampling"
    )
    table = {**TABLE, "big": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]}
    tabulated = rc.ChoiceData.from_counts(table, count="n", alternative="form", cell=["size", "big"])
    one = rc.MultinomialLogit("0 | big", base="none").fit(single, "robust")
    other = rc.MultinomialLogit("0 | big", base="none").fit(
        tabulated.with_population_shares(shares, by="size"), "robust"
    )
    assert other.nobs == one.nobs == 20
    assert other.params.to_numpy() == pytest.approx(one.params.to_numpy(), abs=1e-9)
    assert other.bse.to_numpy() == pytest.approx(one.bse.to_numpy(), rel=1e-8)


def test_repeating_every_choice_halves_the_variance():
    twice = {**TABLE, "n": [2 * n for n in TABLE["n"]]}
    more = rc.ChoiceData.from_counts(twice, count="n", alternative="form", cell="size").with_population_shares(SHARES)
    model = rc.MultinomialLogit("form ~ 0 | size", base="none")
    few = counts().with_population_shares(SHARES)
    one, two = (model.fit(data, "robust", small_sample=False) for data in (few, more))
    assert (one.bse / two.bse).to_numpy() == pytest.approx(np.sqrt(2), rel=1e-7)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({"whole": 0.25, "part": 0.25}, "sum to 0.5, .*no share is given for 'none'"),
        ({"whole": 0.25, "part": 0.35, "none": 0.5}, "sum to 1.1, .*they do not sum to one"),
        ({"whole": 25, "part": 35, "none": 40}, "percentages are divided by 100 first"),
        ({"whole": 0.0, "part": 0.6, "none": 0.4}, "share of 'whole' is 0.0, not a number above 0"),
        ({"whole": "a", "part": 0.6, "none": 0.4}, "share of 'whole' is 'a', not a number above 0"),
        ({"whole": float("nan"), "part": 0.6, "none": 0.4}, "share of 'whole' is nan"),
        ({"whole": 0.2, "parts": 0.4, "none": 0.4}, r"'parts' is no alternative \(did you mean 'part'\?\)"),
        ({"whole": 0.2, ("part", "none"): 0.4, "none": 0.4}, "'none' has two shares"),
        ({}, "not a mapping"),
        ([0.5, 0.5], "not a mapping"),
    ],
)
def test_bad_shares_get_one_clear_error(shares, told):
    with pytest.raises(DataError, match=told) as caught:
        counts().with_population_shares(shares)
    assert len(caught.value.findings) == 1


def test_a_stratum_that_was_never_sampled():
    table = {**TABLE, "n": [6, 3, 0, 4, 4, 0]}
    data = rc.ChoiceData.from_counts(table, count="n", alternative="form", cell="size")
    with pytest.raises(DataError, match=r"'none' have a population share but were never chosen .* cannot reach them"):
        data.with_population_shares(SHARES)
    assert data.with_population_shares({"whole": 0.25, ("part", "none"): 0.75}).n_cases == 17


def test_columns_that_cannot_be_strata():
    with pytest.raises(DataError, match="did you mean 'size'"):
        counts().with_population_shares({"small": 1.0}, by="sise")
    table = {**TABLE, "owner": ["x", "x", "x", None, None, None]}
    data = rc.ChoiceData.from_counts(table, count="n", alternative="form", cell="size")
    with pytest.raises(DataError, match="column 'owner' is missing for case"):
        data.with_population_shares({"x": 1.0}, by="owner")


def test_shares_in_population_and_sample():
    strata = strata_of(counts(), SHARES)
    assert strata.sample == pytest.approx([0.5, 0.35, 0.15])
    assert strata.size == pytest.approx([10, 7, 3])
    assert strata.ratio == pytest.approx([0.5, 1.0, 0.4 / 0.15])


def test_effective_n_without_and_with_frequencies():
    assert counts().effective_n == 20
    assert spelled_out(counts()).effective_n == 20
