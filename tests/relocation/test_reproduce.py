"""What the main job reproduces: the figures behind its tables, computed through the same functions as the command."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from relocchoice.errors import OptionError
from relocchoice.relocation.reproduce import (
    REPRODUCTIONS,
    Reproduction,
    disagreements,
    reproduce,
    reproduction_names,
)
from relocchoice.relocation.reproduce_published import agreeing_digits
from relocchoice.relocation.reproduce_record import PublishedFit, PublishedSkip
from relocchoice.relocation.reproduce_size import size_choice, size_counts
from relocchoice.relocation.sources import published_targets
from relocchoice.results.render import render

SHIPPED = ("travelmode", "modecanada", "heating", "swissmetro")
ELSEWHERE = ("japanese_fdi", "nox", "hague", "game")


@pytest.fixture(scope="module")
def parts() -> dict[str, Reproduction]:
    return {part.name: part for part in reproduce()}


def entropy(counts: np.ndarray) -> float:
    """Largest multinomial log-likelihood, sum n log(n / sum n), zeros left out."""
    held = counts[counts > 0]
    return float((held * np.log(held / held.sum())).sum())


TABLE_4 = np.array([[5, 6, 0, 0, 0], [20, 43, 26, 2, 3], [20, 21, 34, 1, 2]])


# ---------------------------------------------------------------------------------------------------- names


def test_all_names_are_there_and_run_under_their_own_name(parts: dict[str, Reproduction]) -> None:
    seeds = tuple(f"table{number}" for number in range(1, 7))
    names = (*seeds, "prose", "ratings", "form", "destination", "size", "several", "choice_based", *SHIPPED, *ELSEWHERE)
    assert tuple(parts) == tuple(REPRODUCTIONS) == names


def test_names_come_in_the_order_given_and_once() -> None:
    assert [part.name for part in reproduce(["size", "table5", "size"])] == ["size", "table5"]


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(OptionError, match=r"'table7'.*table1.*hague"):
        reproduction_names(["table7"])


def test_a_folder_that_is_none_is_refused_before_anything_runs(tmp_path) -> None:
    with pytest.raises(OptionError, match="published="):
        reproduce(["size"], published_folder=tmp_path / "nowhere")


def test_file_names_differ_and_every_table_renders(parts: dict[str, Reproduction]) -> None:
    names = [name for part in parts.values() for name in part.tables]
    assert len(names) == len(set(names))
    for part in parts.values():
        for table in part.tables.values():
            for row in table.rows:
                assert len(row) in (1, len(table.columns)), (table.title, row)
            for kind in ("text", "markdown", "latex", "html"):
                shown = render(table, kind)
                if kind == "html":  # brackets stand in a box of their own, beside blanks that line numbers up
                    shown = re.sub(r"<[^>]+>|&#8199;|&#8200;", "", shown)
                # the reason why data are absent is a sentence, which is wrapped and escaped
                assert len(table.columns) == 1 or table.rows[-1][-1].lstrip("-") in shown
                assert "nan" not in shown.lower().split()


# --------------------------------------------------------------------------------------------------- tables


def test_seed_tables_carry_their_disagreements(parts: dict[str, Reproduction]) -> None:
    checks = parts["table4"].tables["table4_checks"]
    assert checks.rows[0] == ("Disagree",)
    assert ("entire enterprises and manufacturing in the 1990s, in the text", "43", "69") in checks.rows
    flagged = [check["statement"] for check in parts["table4"].findings["checks"] if not check["agrees"]]
    assert len(flagged) == parts["table4"].findings["disagreements"] == checks.rows.index(("Agree",)) - 1
    assert ("1990s", "20", "43", "26", "2", "3") in parts["table4"].tables["table4"].rows


# ----------------------------------------------------------------------------------------------------- form


def test_form_with_all_forms_available(parts: dict[str, Reproduction]) -> None:
    found = parts["form"].findings["available"]
    assert found["llnull"] == pytest.approx(-294.5271, abs=5e-5)
    assert found["llf_constants_only"] == pytest.approx(-227.6378, abs=5e-5)
    assert found["llf_by_period"] == pytest.approx(-218.3010, abs=5e-5)
    assert found["llnull"] == pytest.approx(183 * math.log(1 / 5), abs=1e-9)
    assert found["llf_constants_only"] == pytest.approx(entropy(TABLE_4.sum(axis=0)), abs=1e-9)
    assert found["llf_by_period"] == pytest.approx(sum(map(entropy, TABLE_4)), abs=1e-6)
    assert found["lr_by_period"]["df"] == 8
    for form in ("manufacturing facility", "R&D", "headquarters"):
        assert found["params_by_period"][f"period[T.1980s]:{form}"] == -math.inf
        assert any(form in sentence and "1980s" in sentence for sentence in found["infinite"])


def test_form_with_absent_forms_unavailable(parts: dict[str, Reproduction]) -> None:
    found = parts["form"].findings["unavailable"]
    assert found["llnull"] == pytest.approx(11 * math.log(1 / 2) + 172 * math.log(1 / 5), abs=1e-9)
    assert found["llf_constants_only"] == pytest.approx(-222.3214, abs=5e-5)
    assert found["llf_by_period"] == pytest.approx(sum(map(entropy, TABLE_4)), abs=1e-9)
    assert found["lr_by_period"]["df"] == 5
    assert found["lr_by_period"]["pvalue"] == pytest.approx(0.154, abs=5e-4)
    assert not found["infinite"]
    assert all(map(math.isfinite, found["params_by_period"].values()))
    odds = found["params_by_period"]["period[T.2000-2003]:manufacturing facility"]
    assert odds == pytest.approx(math.log(34 / 20) - math.log(26 / 20), abs=1e-8)


def test_form_table_says_which_variant_is_which_and_names_the_cells(parts: dict[str, Reproduction]) -> None:
    loglik, estimates = parts["form"].tables["form_loglik"], parts["form"].tables["form"]
    assert any(
        "-294.5271" in note and "-227.6378" in note and "(b)" in note and "-284.4479" in note for note in loglik.notes
    )
    assert any("1980s (11 choices) never manufacturing facility, R&D or headquarters" in n for n in estimates.notes)
    body = [row for row in estimates.rows if row[0] == "R&D"]
    assert [row[3] for row in body] == ["unavailable", "-inf"]


# ---------------------------------------------------------------------------------------------- destination


def test_destination_log_likelihoods(parts: dict[str, Reproduction]) -> None:
    found = parts["destination"].findings["all_forms"]
    assert found["llnull"] == pytest.approx(-343.1079, abs=5e-5)
    assert found["llnull"] == pytest.approx(165 * math.log(1 / 8), abs=1e-9)
    assert found["llf_constants_only"] == pytest.approx(-193.1469, abs=5e-5)
    by_form = ([68, 2], [37, 2, 4, 9, 20, 2, 10, 3], [1, 2], [5])
    assert found["llf_by_form"] == pytest.approx(sum(entropy(np.array(row)) for row in by_form), abs=1e-6)
    assert found["llf_nested_constants_only"] == pytest.approx(found["llf_constants_only"], abs=1e-6)
    assert found["llf_nested_by_form"] == pytest.approx(found["llf_by_form"], abs=1e-6)
    assert found["llf_by_form_and_era"] > found["llf_by_form"]


def test_destination_table_names_empty_cells_and_prints_no_large_number(parts: dict[str, Reproduction]) -> None:
    table = parts["destination"].tables["destination"]
    cells = " ".join(table.notes)
    assert "R&D (3 choices) never county seat, Wenzhou, Hangzhou, Beijing, coastal or interior" in cells
    assert "before 2000 (91 choices) never Wenzhou, Beijing or interior" in cells
    figures = [cell for row in table.rows for cell in row[1:] if cell]
    assert figures.count("-inf") == len(parts["destination"].findings["all_forms"]["infinite"]) == 22
    finite = [float(cell) for cell in figures if cell[0] != "(" and cell != "-inf"]
    assert max(map(abs, finite)) < 5
    infinite = parts["destination"].findings["all_forms"]["infinite"]
    assert "form[T.headquarters]:Shanghai" in infinite
    assert "form[T.R&D]:Shanghai" not in infinite


def test_manufacturing_is_finite_in_both_models(parts: dict[str, Reproduction]) -> None:
    found = parts["destination"].findings["manufacturing"]
    later = "beyond_yueqing:since_2000"
    # the coefficient of the multinomial logit is the log odds ratio of a 2 x 2 table
    assert found["multinomial"]["params"][later] == pytest.approx(math.log(32 / 18) - math.log(16 / 21), abs=1e-8)
    assert found["multinomial"]["converged"]
    assert found["border"]["converged"]
    assert 0 < found["border"]["params"]["lambda"] < 1
    assert found["border"]["llf"] > found["multinomial"]["llf"]
    assert all(map(math.isfinite, found["border"]["bse"].values()))


def test_lambda_that_is_not_identified_is_said(parts: dict[str, Reproduction]) -> None:
    found = parts["destination"].findings["manufacturing"]["area"]
    assert found["status"]["lambda"] == "flat"
    assert not found["converged"]
    table = parts["destination"].tables["destination_manufacturing"]
    (row,) = [row for row in table.rows if row[0] == "lambda"]
    assert row[1:] == ("", f"{row[2]}", "not identified")
    assert any("lambda and the constants are not identified" in note for note in table.notes)
    curve = [point["llf"] for point in parts["destination"].findings["profile"]["area"]]
    assert np.ptp(curve) < 1e-6


def test_every_profile_passes_through_the_multinomial_logit(parts: dict[str, Reproduction]) -> None:
    found = parts["destination"].findings
    for curve in found["profile"].values():
        (at_one,) = [point["llf"] for point in curve if point["lambda"] == 1.0]
        assert at_one == pytest.approx(found["manufacturing"]["multinomial"]["llf"], abs=1e-7)
    border = [point["llf"] for point in found["profile"]["border"]]
    assert max(border) <= found["manufacturing"]["border"]["llf"] + 1e-9
    kind = [point["llf"] for point in found["profile"]["kind"]]
    assert kind == sorted(kind, reverse=True)


def test_pooled_areas_are_the_log_odds_ratios(parts: dict[str, Reproduction]) -> None:
    found = parts["destination"].findings["manufacturing"]["pooled"]["params"]
    assert found["since_2000:rest of Zhejiang"] == pytest.approx(math.log((9 / 18) / (4 / 21)), abs=1e-8)
    assert found["since_2000:rest of China"] == pytest.approx(math.log((23 / 18) / (12 / 21)), abs=1e-8)


# ----------------------------------------------------------------------------------------------------- size


def test_size_rate_ratios(parts: dict[str, Reproduction]) -> None:
    classes = parts["size"].findings["classes"]
    assert [(row["firms"], row["relocations"]) for row in classes] == [(67, 11), (21, 15), (7, 5)]
    assert [round(row["ratio"], 2) for row in classes] == [1.0, 4.35, 4.35]
    assert classes[1]["ratio"] == pytest.approx((15 / 21) / (11 / 67), rel=1e-9)
    half = 1.959963984540054 * math.sqrt(1 / 5 + 1 / 11)
    assert classes[2]["lower"] == pytest.approx((5 / 7) / (11 / 67) * math.exp(-half), rel=1e-8)
    expected = {k: n * 31 / 95 for k, n in enumerate((67, 21, 7))}
    statistic = 2 * sum(m * math.log(m / expected[k]) for k, m in enumerate((11, 15, 5)))
    assert parts["size"].findings["lr_equal_rates"]["statistic"] == pytest.approx(statistic, rel=1e-9)
    assert parts["size"].findings["lr_equal_rates"]["df"] == 2


def test_size_as_a_choice_model_has_the_same_ratios_and_errors(parts: dict[str, Reproduction]) -> None:
    choice, found = size_choice(), parts["size"].findings
    np.testing.assert_allclose(choice.params, found["log_rate_ratios"], rtol=1e-9)
    np.testing.assert_allclose(choice.bse, found["standard_errors"], rtol=1e-8)
    assert choice.nobs == size_counts()["relocations"].sum()


def test_size_notes_give_the_three_definitions(parts: dict[str, Reproduction]) -> None:
    notes = " ".join(parts["size"].tables["size"].notes)
    assert "31 here, 37 destinations" in notes
    assert "30 firms in the text" in notes


# ------------------------------------------------------------------------------------------------ published


def test_every_published_model_comes_out(parts: dict[str, Reproduction]) -> None:
    records = [record for part in parts.values() for record in part.published]
    assert sorted((r.dataset, r.model) for r in records) == sorted((t.dataset, t.model) for t in published_targets())
    fits = [record for record in records if isinstance(record, PublishedFit)]
    assert {"travelmode", "modecanada", "heating", "swissmetro"} <= {record.dataset for record in fits}
    for record in fits:
        assert record.converged
        assert record.largest_relative_difference < 1e-6, record
        assert abs(record.llf_difference) < 1e-6, record
        assert "hessian" in record.by_kind
    assert not disagreements(parts.values())


def test_the_prose_has_its_checks(parts: dict[str, Reproduction]) -> None:
    assert parts["prose"].findings["disagreements"] == 2
    assert parts["prose"].tables["prose"].header[-1] == ("Disagree", "2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"llf": 1.0, "llf_target": 1.0 + 2e-6}, "log-likelihood by -2.00e-06"),
        ({"by_kind": {"params": 1e-9, "opg": 2e-6}}, "opg by 2.00e-06"),
        ({"by_kind": {"params": math.inf}}, "params by inf"),
        ({"by_kind": {"cluster": 2e-5}}, "cluster by 2.00e-05"),
        ({"converged": False}, "did not converge"),
        ({"by_kind": {"cluster": 2e-6}}, ""),
    ],
)
def test_what_differs_from_its_target_is_said(change: dict[str, object], words: str) -> None:
    record = replace(PublishedFit("d", "m", -5.0, -5.0, {"params": 0.0}, True, ()), **change)
    said = disagreements([Reproduction("d", "d", {}, published=(record,))])
    assert len(said) == bool(words)
    assert all("d/m" in sentence and words in sentence for sentence in said)


def test_every_printed_digit_of_modecanada_but_one_is_confirmed(parts: dict[str, Reproduction]) -> None:
    rows = parts["modecanada"].tables["modecanada_mc1"].rows
    digits = {row[0]: (row[3], row[6]) for row in rows}
    assert digits["cost"] == ("7 of 7", "6 of 6")
    short = [name for name, pair in digits.items() for text in pair if text.split(" of ")[0] != text.split(" of ")[1]]
    assert short == ["asc:air"]


def test_swissmetro_shows_the_sandwich_in_the_printed_terms(parts: dict[str, Reproduction]) -> None:
    table = parts["swissmetro"].tables["swissmetro_b09"]
    (row,) = [row for row in table.rows if row[0] == "nest_parameter"]
    assert (row[1], row[3], row[4], row[6]) == ("2.05", "3 of 3", "0.164", "3 of 3")
    assert any("sandwich" in note for note in table.notes)


def test_data_that_are_not_at_hand_give_a_reason(tmp_path) -> None:
    parts = reproduce(ELSEWHERE, published_folder=tmp_path)
    for part in parts:
        assert all(isinstance(record, PublishedSkip) for record in part.published)
        (table,) = part.tables.values()
        assert "not shipped" in table.rows[0][0]
    upper = parts[0].published[-1]
    assert upper.model == "upper"
    assert "'lower'" in upper.reason


@pytest.mark.parametrize(
    ("printed", "value", "expected"),
    [
        ("0.47", 0.4658, (2, 2)),
        ("0.47", 0.4649, (1, 2)),
        ("-8.90", -8.8956, (3, 3)),
        ("5.207433", 5.2074433, (5, 7)),
        ("-0.0062319", -0.00623187, (5, 5)),
        ("2.05", -2.05, (0, 3)),
        ("1.28", math.nan, (0, 3)),
        ("1.28", math.inf, (0, 3)),
        ("0.05", 0.0518, (1, 1)),
        ("1e-05", 1.2e-05, (1, 1)),
    ],
)
def test_agreeing_digits(printed: str, value: float, expected: tuple[int, int]) -> None:
    assert agreeing_digits(printed, value) == expected
