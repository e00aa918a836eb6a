"""The synthetic survey: the published margins, the stated model behind it, and its determinism."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.errors import OptionError
from relocchoice.relocation.seed_checks import destinations_by_form, events_by_form
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.survey import Survey, simulate_survey
from relocchoice.relocation.survey.calibrate import calibrated, expected, shifted
from relocchoice.relocation.survey.cells import MANUFACTURING, cells
from relocchoice.relocation.survey.firms import draw_firms, rounded
from relocchoice.relocation.survey.utilities import Firms, probabilities, weights, without
from relocchoice.relocation.taxonomy import destination_labels, form_labels, period_labels

SEEDS = (0, 1, 20031231)


@pytest.fixture(scope="module")
def survey() -> Survey:
    return simulate_survey(95, 1)


@pytest.fixture(scope="module")
def large() -> Survey:
    return simulate_survey(3000, 5, margins="expected")


def _block(number: int, name: str) -> list[int]:
    table = seed_table(number)
    return table.loc[table["block"] == name, "count"].tolist()


def _binned(values: pd.Series, *bounds: float) -> list[int]:
    """Counts below, between and at or above the bounds."""
    return np.bincount(np.digitize(values, bounds), minlength=len(bounds) + 1).tolist()


# ------------------------------------------------------------------------------- the published margins, cell by cell


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_1_and_2_hold(seed: int) -> None:
    firms = simulate_survey(95, seed).firms
    for column, number, name in (
        ("founded", 1, "decade established"),
        ("site", 1, "site of establishment"),
        ("sector", 2, "manufacturing sector"),
    ):
        assert firms[column].value_counts(sort=False).tolist() == _block(number, name)
    capital = firms["initial_capital"]
    assert [(capital < 0.5).sum(), capital.between(0.5, 1.0).sum(), (capital > 1.0).sum()] == [55, 24, 16]
    assert _binned(firms["output"], 5, 100.0001) == _block(2, "output value, million yuan") == [28, 53, 14]
    assert _binned(firms["sales"], 5, 100.0001) == _block(2, "sales income, million yuan") == [28, 54, 13]
    assert _binned(firms["assets"], 40, 400.0001) == _block(2, "asset value, million yuan") == [67, 21, 7]


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_4_and_6_hold(seed: int) -> None:
    survey = simulate_survey(95, seed)
    events, named = survey.events, survey.destinations.merge(survey.events, on="event")
    counts = pd.crosstab(events["period"], events["form"], dropna=False)
    published = events_by_form()
    assert (counts.to_numpy() == published.loc[list(period_labels())].to_numpy()).all()
    assert len(events) == 183
    assert len(named) == 165
    for period in period_labels():
        own = named[named["period"] == period]
        found = pd.crosstab(own["form"], own["place"], dropna=False).reindex(
            index=form_labels(relocations_only=True), columns=destination_labels(), fill_value=0
        )
        assert (found.to_numpy() == destinations_by_form(period).fillna(0).to_numpy()).all(), period


@pytest.mark.parametrize("seed", SEEDS)
def test_table_5_counts_relocations_where_table_6_counts_destinations(seed: int) -> None:
    survey = simulate_survey(95, seed)
    away = survey.destinations[~survey.destinations["place"].isin(destination_labels("Zhejiang"))]
    moves = survey.events[survey.events["event"].isin(away["event"])].merge(survey.firms, on="firm")
    assert len(away) == 37
    assert _binned(moves["assets"], 40, 390.0001) == seed_table(5)["count"].tolist() == [11, 15, 5]
    assert away["event"].duplicated().sum() == 6


def test_no_firm_contradicts_the_frame_or_either_wording_of_the_classes(survey: Survey) -> None:
    assert survey.firms["output"].min() >= 0.5
    assert not survey.firms["assets"].between(390, 400, inclusive="neither").any()
    assert (survey.firms.loc[survey.firms["site"] == "county seat", "town"] == "Yuecheng").all()


def test_margins_say_the_same(survey: Survey) -> None:
    table = survey.margins()
    assert (table["published"] == table["simulated"]).all()
    assert set(table["table"]) == {1, 2, 4, 5, 6}


@pytest.mark.parametrize("n", [20, 21, 33, 47, 94, 96, 131, 190, 777, 950])
def test_at_any_number_of_firms_the_counts_are_in_proportion(n: int) -> None:
    table = simulate_survey(n, n).margins()
    gap = (table["simulated"] - table["expected"]).abs()
    profile = table["table"].isin([1, 2, 4])
    assert gap[profile].max() < 1
    assert gap.max() < 2.5
    if n % 95 == 0:
        assert gap.max() == 0


# ------------------------------------------------------------------------------------------ what a survey holds


def test_events_are_possible(survey: Survey, large: Survey) -> None:
    decades = {"1980s": 0, "1990s": 1, "2000s": 2}
    for one in (survey, large):
        firms = one.firms.set_index("firm")
        founded = firms["founded"].map(decades).astype(int).loc[one.events["firm"]].to_numpy()
        assert (founded <= one.events["period"].cat.codes.to_numpy()).all()
        counts = one.destinations.groupby("event").size()
        form = one.events.set_index("event")["form"]
        assert set(counts.index) == set(form.index[form != "in-site"])
        assert (form.loc[counts.index[counts == 2]] == "manufacturing facility").all()
        assert not one.destinations.duplicated(["event", "place"]).any()
        assert one.events["event"].tolist() == list(range(1, len(one.events) + 1))


@pytest.mark.parametrize("margins", ["exact", "expected"])
def test_a_seed_fixes_everything_and_another_changes_it(margins: str) -> None:
    one, same, other = (simulate_survey(150, seed, margins=margins) for seed in (3, 3, 4))
    for name in ("firms", "events", "destinations", "ties"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(same, name))
        assert not getattr(one, name).equals(getattr(other, name))


def test_what_is_handed_out_cannot_change_the_survey(survey: Survey) -> None:
    lent = survey.firms
    lent["assets"] = 0.0
    assert survey.firms["assets"].min() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_firms": 19}, "n_firms=19"),
        ({"n_firms": 95.0}, "n_firms=95.0"),
        ({"n_firms": True}, "n_firms=True"),
        ({"seed": -1}, "seed=-1"),
        ({"margins": "rough"}, "exact, expected"),
    ],
)
def test_wrong_arguments_are_named(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        simulate_survey(**options)


def test_wrong_levels_are_named(survey: Survey) -> None:
    with pytest.raises(OptionError, match=r"level='region'.*joint, form, destination"):
        survey.choice_data("region")
    with pytest.raises(OptionError, match=r"level='form'.*joint, destination"):
        survey.truth.params("form")


def test_largest_remainders() -> None:
    assert rounded([1, 1, 1], 4).tolist() == [2, 1, 1]
    assert rounded([67, 21, 7], 95).tolist() == [67, 21, 7]
    assert rounded([1, 2, 4], 0).tolist() == [0, 0, 0]


# ---------------------------------------------------------------------------------------------- the stated model


def test_expected_margins_are_the_published_ones() -> None:
    """On firms that the calibration never saw."""
    space, shift = cells(), calibrated()
    firms = draw_firms(40_000, np.random.default_rng(77), "exact").firms
    by_class = np.zeros(3)
    for t in range(3):
        here = firms.take(np.flatnonzero(firms.founded <= t))
        found = expected(shifted(here, t, shift), shift.second[t])
        events = shift.rate[t] * len(here.assets) * 95 / 40_000
        assert events == pytest.approx(space.events[t].sum(), rel=1e-3)
        named = found.named.mean(axis=0) * events
        assert named == pytest.approx(space.named[t], rel=0.03)
        by_class += shift.rate[t] * np.bincount(here.asset_class, found.outside, minlength=3)
    assert by_class / by_class.sum() == pytest.approx(np.array([11, 15, 5]) / 31, abs=0.01)


def test_the_generator_and_the_estimated_model_are_one_model(large: Survey) -> None:
    """Probabilities of the package's nested logit at the truth equal those that the events were drawn from."""
    data = large.choice_data("joint").select(slice(0, 400))
    truth = large.truth.params()
    model = replace(large.truth.model(), fixed={str(name): float(value) for name, value in truth.items()})
    fit = model.fit(data, cov_type="none")
    assert list(fit.params.index) == list(truth.index)
    at_truth = fit.predict()
    firms = _firms_of(large)
    events = large.events.iloc[:400]
    for k in (0, 57, 211, 399):
        firm, period = int(events["firm"].iloc[k]) - 1, int(events["period"].cat.codes.iloc[k])
        own = probabilities(weights(shifted(firms.take(np.array([firm])), period, calibrated())))[0]
        shares = pd.Series(own, index=cells().labels)
        assert at_truth.iloc[k].to_numpy() == pytest.approx(shares[at_truth.columns].to_numpy(), abs=1e-12)


def _firms_of(survey: Survey) -> Firms:
    firms, width = survey.firms, len(destination_labels())
    ties = survey.ties
    return Firms(
        firms["assets"].to_numpy(),
        np.digitize(firms["assets"], (40, 400.5)).astype(np.int8),
        firms["local_ties"].to_numpy(),
        firms["founded"].cat.codes.to_numpy(),
        ties["kin"].to_numpy().reshape(-1, width),
        ties["quote"].to_numpy().reshape(-1, width),
    )


def test_second_places_follow_by_the_same_model_among_the_places_left() -> None:
    firms = draw_firms(50, np.random.default_rng(3), "expected").firms
    v = shifted(firms, 2, calibrated())
    found, space = weights(v), cells()
    nest = space.of(MANUFACTURING)
    for place in range(8):
        left = v.copy()
        left[:, nest[space.place[nest] == place]] = -np.inf
        whole = probabilities(weights(left))[:, nest]
        by_place = np.zeros((50, 8))
        by_place[:, space.place[nest]] = whole / whole.sum(axis=1, keepdims=True)
        assert without(found, place) == pytest.approx(by_place, abs=1e-12)


@pytest.mark.parametrize("level", ["joint", "destination"])
def test_the_model_recovers_its_truth(large: Survey, level: str) -> None:
    fit = large.truth.model(level).fit(large.choice_data(level))
    truth = large.truth.params(level)
    assert fit.converged
    assert list(fit.params.index) == list(truth.index)
    z = (fit.params - truth) / fit.bse
    assert z.abs().max() < 4
    gap = (fit.params - truth).to_numpy()
    distance = float(gap @ np.linalg.solve(fit.cov_params().to_numpy(), gap))
    assert distance < 3 * len(gap)


def test_forms_are_ready_for_a_model(survey: Survey) -> None:
    data = survey.choice_data("form")
    assert data.choice_shares()["count"].tolist() == [45, 70, 60, 3, 5]
    assert data.choice_shares()["available_to"].tolist() == [183, 183, 172, 172, 172]
    fit = rc.MultinomialLogit("chosen ~ 0 | 1", base="in-site").fit(data, cov_type="none")
    assert fit.llf == pytest.approx(_constants_loglik(data))


def _constants_loglik(data: rc.ChoiceData) -> float:
    """Constants alone, with choice sets that differ by period: by a plain fixed-point iteration."""
    frame = data.row_frame(["event", "alternative"])
    frame["chosen"] = data.row_frame(["chosen"])["chosen"].to_numpy()
    counts = frame.groupby("alternative", observed=True)["chosen"].sum().to_numpy(float)
    code = frame["alternative"].cat.codes.to_numpy()
    case = pd.factorize(frame["event"])[0]
    w = counts / counts.sum()
    for _ in range(2000):
        sums = np.bincount(case, w[code])
        w = w * counts / np.bincount(code, w[code] / sums[case])
        w = w / w.sum()
    p = w[code] / np.bincount(case, w[code])[case]
    return float(np.log(p[frame["chosen"].to_numpy()]).sum())


# ------------------------------------------------------------------------------------------------ saying what it is


def test_all_that_is_made_of_it_says_so_first(survey: Survey, large: Survey, tmp_path: Path) -> None:
    line = survey.provenance.line
    assert line == "simulated from published margins (95 firms, margins exact, seed 1)"
    for frame in (survey.firms, survey.events, survey.destinations, survey.ties, survey.margins()):
        assert frame.attrs["provenance"] == line
    assert repr(survey).startswith(line)
    assert survey.summary().table.title.startswith(f"[{line}]")
    data = large.choice_data("destination")
    line = large.provenance.line
    assert data.provenance == line
    assert repr(data).splitlines()[0] == f"[{line}] ChoiceData"
    fit = large.truth.model("destination").fit(data)
    assert fit.provenance == line
    loaded = rc.load(fit.save(tmp_path / "fit.relocchoice"))
    for one in (fit, loaded):
        assert one.summary().table.title.startswith(f"[{line}] Nested logit")
        assert rc.compare(one).table.title == f"[{line}]"
    assert rc.shares(fit).summary().table.title == f"[{line}] Predicted shares"
    assert rc.elasticities(fit, "kin").summary().table.title.startswith(f"[{line}]")
    assert rc.lincom(fit, "kin - policy").summary().table.title.startswith(f"[{line}]")


def test_the_truth_says_what_its_shift_was_simulated_for():
    survey = simulate_survey(95, seed=1)
    line = survey.provenance.line
    assert repr(survey.truth).startswith(f"[{line}] <Truth: 19 stated coefficients")
    assert survey.truth.shift.attrs["provenance"] == survey.truth.params().attrs["provenance"] == line
