"""Tables that are separated, grouped or sampled by choice: penalised columns, several destinations, population shares.

The penalised figures were found a second time by a search of their own (BFGS on log-likelihood + 1/2 log det of the
information, written out in NumPy).
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from relocchoice.relocation.reproduce import reproduce
from relocchoice.relocation.reproduce_record import Reproduction
from relocchoice.relocation.reproduce_several import (
    TREATMENTS,
    TRUTH,
    _drawn_sets,
    named_by_period,
    numbers_named,
    simulated_events,
)
from relocchoice.relocation.reproduce_weights import SizeWeights, size_weights
from relocchoice.relocation.seed_checks import destinations_by_form
from relocchoice.results.render import render

NAMES = ("form", "destination", "several", "choice_based")
TABLES = (
    ("form", "form_firth"),
    ("destination", "destination_firth"),
    ("destination", "destination_firth_printed"),
    ("destination", "destination_eighties"),
    ("several", "several"),
    ("several", "several_simulated"),
    ("choice_based", "choice_based"),
    ("choice_based", "choice_based_shares"),
    ("choice_based", "choice_based_size"),
)


@pytest.fixture(scope="module")
def parts() -> dict[str, Reproduction]:
    return {part.name: part for part in reproduce(NAMES)}


def figures(parts: dict[str, Reproduction], part: str, *keys: str) -> dict[str, float]:
    found = parts[part].findings
    for key in keys:
        found = found[key]
    return found


def notes(parts: dict[str, Reproduction], part: str, table: str) -> str:
    return " ".join(parts[part].tables[table].notes)


def every_number(held: object) -> list[float]:
    if isinstance(held, dict):
        return [number for value in held.values() for number in every_number(value)]
    if isinstance(held, list):
        return [number for value in held for number in every_number(value)]
    return [held] if isinstance(held, float) else []


@pytest.mark.parametrize(("part", "name"), TABLES)
def test_tables_show_no_missing_and_no_absurd_number(parts: dict[str, Reproduction], part: str, name: str) -> None:
    table = parts[part].tables[name]
    assert all(len(row) in (1, len(table.columns)) for row in table.rows)
    cells = [cell for row in table.rows if len(row) > 1 for cell in row[1:]]
    assert not {"nan", "n/a"} & {cell.lower() for cell in cells}
    errors = [float(cell[1:-1]) for cell in cells if cell.startswith("(")]
    assert all(0 < error < 100 for error in errors)
    shown = render(table, "html")
    assert "<table" in shown
    assert not re.search(r"\bnan\b", render(table, "text").lower())


# ------------------------------------------------------------------------------------------------------ Table 4


def test_firth_of_table_4(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "form", "firth")
    assert found["llf_penalised"] == pytest.approx(-213.75559569585747, abs=1e-8)
    assert found["llf"] == pytest.approx(-219.79401, abs=5e-6)
    assert found["llf_maximum"] == pytest.approx(-218.3010, abs=5e-5)
    assert found["params"]["period[T.1980s]:manufacturing facility"] == pytest.approx(-2.65461, abs=2e-5)
    # every period has its own dummies, so Firth adds 1/2 to each count: in the 1980s 0.5 against 5.5, then 2.5 / 20.5
    logs = math.log(0.5 / 5.5) - math.log(2.5 / 20.5)
    assert found["params"]["period[T.1980s]:R&D"] == pytest.approx(logs, abs=1e-7)
    assert found["lr_test"]["statistic"] == pytest.approx(15.26720146, abs=1e-6)
    assert found["lr_test"]["df"] == 8
    assert found["separated_cells"] == ["period = 1980s (11 choices): never manufacturing facility, R&D, headquarters"]


def test_intervals_of_table_4_leave_out_zero_where_the_test_does(parts: dict[str, Reproduction]) -> None:
    ends = figures(parts, "form", "firth", "profile_intervals")
    lower, upper = ends["period[T.1980s]:manufacturing facility"]
    assert (lower, upper) == pytest.approx((-7.5534, -0.3878), abs=5e-4)
    assert all(math.isfinite(end) for pair in ends.values() for end in pair)
    estimates = figures(parts, "form", "firth", "params")
    assert all(pair[0] < estimates[name] < pair[1] for name, pair in ends.items())


def test_maximum_likelihood_is_shown_as_infinite_beside_firth(parts: dict[str, Reproduction]) -> None:
    rows = parts["form"].tables["form_firth"].rows
    held = [row for row in rows if len(row) > 1 and row[1] == "-inf"]
    assert [row[0] for row in held] == ["manufacturing facility", "R&D", "headquarters"]
    assert [row[2] for row in held] == ["", "", ""]
    assert "variant (a)" in notes(parts, "form", "form_firth")
    assert "3 of them infinite" in notes(parts, "form", "form_firth")


# ------------------------------------------------------------------------------------------------------ Table 6


def test_firth_of_table_6_in_groups(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "destination", "firth")
    assert found["nobs"] == 159
    assert found["llf"] == pytest.approx(-114.19233, abs=5e-6)
    assert found["llf_penalised"] == pytest.approx(-113.17277, abs=5e-6)
    golden = {
        "form[T.manufacturing facility]:Shanghai and Beijing": (4.1742, 1.450, 2.143, 9.029),
        "since_2000:Shanghai and Beijing": (0.7312, 0.523, -0.275, 1.786),
    }
    for name, (estimate, error, lower, upper) in golden.items():
        assert found["params"][name] == pytest.approx(estimate, abs=5e-5)
        assert found["bse"][name] == pytest.approx(error, abs=5e-4)
        assert found["profile_intervals"][name] == pytest.approx([lower, upper], abs=6e-4)
    assert found["lr_test"]["statistic"] == pytest.approx(3.9225761, abs=1e-6)
    assert found["lr_test"]["df"] == 3
    assert len(found["separated_cells"]) == 6


def test_groups_of_equal_counts_are_said_to_be(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "destination", "firth", "params")
    assert found["since_2000:other Zhejiang"] == pytest.approx(found["since_2000:coastal and interior"], abs=1e-9)
    assert "other Zhejiang and of coastal and interior are the same" in notes(parts, "destination", "destination_firth")
    rows = parts["destination"].tables["destination_firth"].rows
    assert [row[1] for row in rows if len(row) > 1][:9] == ["-inf"] * 3 + ["+inf"] * 3 + [
        "not identified",
        "+inf",
        "not identified",
    ]


def test_firth_of_table_6_as_printed_adds_one_half_to_each_count(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "destination", "firth_printed")
    counts = destinations_by_form() + 0.5
    log_odds = np.log(counts).sub(np.log(counts["township"]), axis=0)
    assert found["llf_penalised"] == pytest.approx(-165.2451778, abs=1e-6)
    assert found["largest_bse"] < 3
    for form in ("entire enterprise", "R&D", "headquarters"):
        for place in counts.columns[1:]:
            expected = log_odds.loc[form, place] - log_odds.loc["manufacturing facility", place]
            assert found["params"][f"form[T.{form}]:{place}"] == pytest.approx(expected, abs=1e-6)


def test_the_separated_cells_are_the_empty_ones(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "destination", "firth_printed")
    counts = destinations_by_form()
    empty = {(form, place) for form in counts.index for place in counts.columns if counts.loc[form, place] == 0}
    named = set()
    for sentence in found["separated_cells"]:
        form, places = re.fullmatch(r"form = (.+) \(\d+ choices?\): never (.+)", sentence).groups()
        named |= {(form, place) for place in places.split(", ")}
    assert named == empty
    assert len(empty) == 19
    assert "19 empty cells of the 32" in notes(parts, "destination", "destination_firth_printed")
    assert "3 choices of R&D carry 7" in notes(parts, "destination", "destination_firth_printed")


def test_the_eighties_as_no_choice_and_as_data(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "destination", "eighties")
    without, data = found["unavailable"], found["data"]
    assert (without["nobs"], data["nobs"]) == (159, 165)
    assert data["llf_maximum"] == pytest.approx(figures(parts, "destination", "all_forms")["llf_by_form_and_era"])
    assert without["llnull"] == pytest.approx(159 * math.log(1 / 8), abs=1e-9)
    since = sum(destinations_by_form(period) for period in ("1990s", "2000-2003"))
    pooled = since.sum().to_numpy(dtype=float)
    expected = float((pooled * np.log(pooled / pooled.sum())).sum())
    assert without["llf_constants_only"] == pytest.approx(expected, abs=1e-8)
    # nothing but the township can be chosen: the six tell nothing of the choice, where they are data they do
    assert data["params"]["era[T.before 2000]:county seat"] < without["params"]["era[T.before 2000]:county seat"]
    sections = [row[0] for row in parts["destination"].tables["destination_eighties"].rows if len(row) == 1]
    assert [section[:3] for section in sections] == ["(a)", "(b)"]


# ------------------------------------------------------------------------------------------ several destinations


def test_what_table_6_carries(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "several", "table6")
    assert (found["relocations"], found["destinations"]) == (60, 87)
    assert found["named"] == [
        {"period": "1990s", "relocations": 26, "destinations": 37},
        {"period": "2000-2003", "relocations": 34, "destinations": 50},
    ]
    assert found["sum_of_weights"] == pytest.approx(60, abs=1e-10)
    for name, value in found["params"].items():
        assert found["params_weighted"][name] == pytest.approx(value, abs=1e-7)
        assert found["bse_weighted"][name] == pytest.approx(found["bse_destinations"][name], rel=1e-6)
    assert found["params"]["since_2000:rest of China"] == pytest.approx(math.log((23 / 18) / (12 / 21)), abs=1e-8)
    assert "1.20 times" in notes(parts, "several", "several")


def test_simulated_events_are_called_so_everywhere(parts: dict[str, Reproduction]) -> None:
    table = parts["several"].tables["several_simulated"]
    assert render(table, "text").strip().splitlines()[1].strip().startswith("Simulated")
    assert table.title.startswith("Simulated")
    assert table.notes[0].startswith("Simulated")
    assert dict(table.header)["Data"].startswith("simulated, seed")
    assert figures(parts, "several", "simulated")["simulated"] is True
    assert [row[1] for row in table.rows if len(row) > 1 and row[0]] == ["1", "-1", "0.8"] * 2


def test_simulated_numbers_are_those_of_the_tables() -> None:
    events = simulated_events()
    assert (events.n_cases, int(events.n_taken.sum()), events.n_alternatives) == (60, 87, 8)
    named = named_by_period()
    assert [int(numbers_named(*row).sum()) for row in named.itertuples(index=False)] == [37, 50]
    np.testing.assert_array_equal(simulated_events().picked, events.picked)
    assert not np.array_equal(simulated_events(seed=1).picked, events.picked)


def test_sets_are_drawn_with_their_probabilities() -> None:
    utility = np.array([0.0, 0.5, 1.0, -0.5])
    taken = _drawn_sets(np.tile(utility, (20_000, 1)), np.full(20_000, 2), np.random.default_rng(5))
    assert (taken.sum(axis=1) == 2).all()
    pairs = {(i, j): math.exp(utility[i] + utility[j]) for i in range(4) for j in range(i + 1, 4)}
    for (i, j), odds in pairs.items():
        share = odds / sum(pairs.values())
        error = math.sqrt(share * (1 - share) / len(taken))
        assert (taken[:, i] & taken[:, j]).mean() == pytest.approx(share, abs=4 * error)


def test_treatments_in_a_large_sample(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "several", "simulated")
    assert tuple(found["estimates"]) == TREATMENTS
    errors = found["standard_errors_large"]["sets, m of J"]
    for name, true in TRUTH.items():
        by_treatment = {label: found["estimates_large"][label][name] for label in TREATMENTS}
        assert abs(by_treatment["sets, m of J"] - true) < 3.3 * errors[name]
        # the others are drawn towards zero, by more than the sets are off
        assert abs(by_treatment["one case a destination"]) < abs(by_treatment["weights 1/m"]) < abs(true)
        assert abs(by_treatment["one case a destination"] - true) > 3.3 * errors[name]
    counts, each = (found["estimates"][label] for label in ("counts, event effects", "one case a destination"))
    assert counts == pytest.approx(each, abs=1e-8)


# ------------------------------------------------------------------------------------------------- choice-based


def test_constants_move_by_the_ratio_of_shares_and_nothing_else(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "choice_based", "fits")
    move = math.log((70 / 138) / 0.25) - math.log((68 / 138) / 0.75)
    for kind in ("wesml", "wesml_fixed_strata", "shifted"):
        for name, value in found["unweighted"]["params"].items():
            expected = value + (move if name.startswith("Intercept") else 0.0)
            assert found[kind]["params"][name] == pytest.approx(expected, abs=1e-7)
    constant = "Intercept:manufacturing facility"
    assert found["unweighted"]["params"][constant] == pytest.approx(math.log(26 / 49), abs=1e-8)
    # fixed numbers of both strata take 1/70 + 1/68 out of the variance of a constant
    error = math.sqrt(1 / 26 + 1 / 49 - 1 / 70 - 1 / 68)
    assert found["shifted"]["bse"][constant] == pytest.approx(error, rel=1e-6)
    assert found["wesml_fixed_strata"]["bse"][constant] < found["wesml"]["bse"][constant]


def test_predicted_shares_are_those_of_the_population(parts: dict[str, Reproduction]) -> None:
    found = figures(parts, "choice_based", "predicted_shares")
    assert found["sample"]["all"]["entire enterprise"] == pytest.approx(70 / 138, abs=1e-8)
    assert found["population"]["all"]["entire enterprise"] == pytest.approx(0.25, abs=1e-8)
    assert found["population"]["all"]["R&D"] == pytest.approx(0.75 * 3 / 68, abs=1e-8)
    whole, others = 21 * 0.25 / 70, 37 * 0.75 / 68
    assert found["population"]["2000-2003"]["entire enterprise"] == pytest.approx(whole / (whole + others), abs=1e-8)
    for shares in found.values():
        for column in shares.values():
            assert sum(column.values()) == pytest.approx(1, abs=1e-10)


def test_effective_n_and_what_the_share_cannot_carry(parts: dict[str, Reproduction]) -> None:
    weights = np.repeat([0.25 / (70 / 138), 0.75 / (68 / 138)], [70, 68])
    expected = weights.sum() ** 2 / (weights @ weights)
    assert figures(parts, "choice_based")["effective_n"] == pytest.approx(expected, rel=1e-10)
    said = notes(parts, "choice_based", "choice_based")
    assert "upper bound" in said
    assert "another frame" in said
    assert "46 destinations of Table 6 outside Wenzhou whole enterprises have none" in said


def test_size_weights() -> None:
    held = size_weights()
    assert held.firms == (28, 67)
    assert held.population == (20055, 556)
    weights = np.repeat(held.weights, held.firms)
    assert weights.sum() == pytest.approx(95)
    assert held.weights[0] == pytest.approx((20055 / 20611) / (28 / 95))
    assert held.effective_n == pytest.approx(weights.sum() ** 2 / (weights @ weights))
    assert round(held.effective_n, 1) == 29.6
    assert SizeWeights((50, 50), (7, 7)).effective_n == pytest.approx(100)


def test_findings_hold_no_missing_number(parts: dict[str, Reproduction]) -> None:
    for part in ("several", "choice_based"):
        numbers = every_number(parts[part].findings)
        assert numbers
        assert all(map(math.isfinite, numbers))
    for keys in (("form", "firth"), ("destination", "firth"), ("destination", "firth_printed")):
        found = figures(parts, *keys)
        assert all(0 < error < 100 for error in found["bse"].values())
        assert all(map(math.isfinite, found["params"].values()))
