"""What is printed equals what is stored."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from relocchoice.errors import OptionError
from relocchoice.inference.identification import Identification
from relocchoice.results.compare import compare
from relocchoice.results.summary import Summary, summary_table
from relocchoice.results.textwidth import display_width, visible


def printed_rows(text):
    """Parameter -> cells, read back from the text; labels cut over several lines are put together."""
    lines = text.splitlines()
    rules = [place for place, line in enumerate(lines) if set(line) <= {"=", "-"} and line]
    body = lines[rules[-2] + 1 : rules[-1]]
    rows = {}
    label, cells = "", []
    for line in body:
        if not line.startswith("  "):
            continue
        found = re.match(r"  (\S.*?)(?:\s{2,}(.*))?$", line)
        if found[2] is None:
            rows.pop(label)
            label += found[1] if label.endswith(("_", ")")) else " " + found[1]
        else:
            label, cells = found[1], re.split(r"\s{2,}", found[2])
        rows[label] = cells
    return rows


def header_value(text, name):
    return re.search(rf"(?:^|\s){re.escape(name)}:\s+(\S+)", text, re.MULTILINE)[1]


def assert_equal_numbers(cells, figures, digits=6):
    for cell, figure in zip(cells, figures, strict=True):
        assert float(cell) == pytest.approx(figure, rel=0.5 * 10.0 ** (1 - digits), abs=1e-9)


def test_text_read_back_gives_the_stored_numbers(make_results):
    fit = make_results()
    text = str(fit.summary())
    rows = printed_rows(text)
    assert list(rows) == list(fit.params.index)
    intervals = fit.conf_int()
    for name, cells in rows.items():
        assert_equal_numbers(cells[:2], [fit.params[name], fit.bse[name]])
        assert float(cells[2]) == pytest.approx(fit.tvalues[name], abs=5e-4)
        assert cells[3] == "<0.001" if fit.pvalues[name] < 0.001 else f"{fit.pvalues[name]:.3f}"
        assert_equal_numbers(cells[4:], intervals.loc[name])
    for name, value in (
        ("Log-likelihood", fit.llf),
        ("LL, equal shares (null)", fit.llnull),
        ("LL, constants only", fit.llconstants),
        ("AIC", fit.aic),
        ("BIC", fit.bic),
        ("Rho-squared", fit.prsquared),
        ("Rho-squared, adjusted", fit.prsquared_adjusted),
    ):
        assert float(header_value(text, name)) == pytest.approx(value, abs=5e-4)


def test_hostile_labels_are_printed_whole_and_within_the_page(hostile):
    text = hostile.summary().as_text()
    assert max(map(display_width, text.splitlines())) <= 100
    assert "nan" not in text.lower().replace("finance", "")
    rows = printed_rows(text)
    assert rows["log(land_price)"][0] == "-0.0421337"
    assert [visible(name).replace(" ", "") for name in hostile.params.index] == [name.replace(" ", "") for name in rows]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("policy", ("0", "fixed")),
        ("Intercept:50%_of|A&B", ("+inf", "")),
        ("empty column", ("not identified", "")),
        ("lambda:near", ("0.620000", "= lambda:远方")),
        ("lambda:edge", ("1.00000", "at bound")),
    ],
)
def test_a_parameter_without_an_error_says_why(hostile, name, cells):
    row = next(row for row in summary_table(hostile).rows if row[0] == name)
    assert row[1:3] == cells
    assert set(row[3:]) == {""}


def test_the_first_of_a_tied_group_has_its_numbers(make_results):
    fit = make_results()
    parameters = fit.parameters.copy()
    parameters.loc["lambda:away", ["status", "note"]] = ["tied", "lambda:away"]
    row = summary_table(make_results(parameters=parameters)).rows[-1]
    assert row[2] == "0.110000"


def test_sections_follow_the_parameters(make_results):
    heads = [row[0] for row in summary_table(make_results()).rows if len(row) == 1]
    assert heads == ["Constants", "Generic", "Dissimilarity (lambda): z and P>|z| of H0: lambda = 1"]


def test_notes_say_what_the_numbers_rest_on(make_results):
    notes = "\n".join(summary_table(make_results()).notes)
    for part in (
        "Standard errors: inverse Hessian.",
        "equal shares over the alternatives available",
        "P(j|m) ~ exp(V_j / lambda_m)",
        "Base alternative: township.",
        "Identification: every parameter is identified.",
        "3 cases without a choice were dropped.",
        "away  (lambda 0.6200)",
    ):
        assert part in notes


def test_a_multinomial_logit_says_nothing_of_nests(make_results, hostile):
    spec = replace(make_results().spec, family="multinomial", nests=None)
    fit = make_results(spec=spec)
    text = str(fit.summary())
    assert "Multinomial logit: chosen ~" in text
    assert "Normalisation" not in text
    assert "Nests" not in text


def test_no_convergence_is_loud(make_results):
    fit = make_results(converged=False, status_message="the line search failed")
    table = summary_table(fit)
    assert ("Converged", "NO: the line search failed") in table.header
    assert table.notes[0].startswith("NOT CONVERGED (the line search failed)")


def test_weights(make_results):
    frequency = make_results(weight_kind="frequency", nobs=12345.0)
    assert ("Weights", "frequency, sum 12,345") in summary_table(frequency).header
    sampling = make_results(weight_kind="sampling")
    assert ("Weights", "sampling") in summary_table(sampling).header
    notes = " ".join(summary_table(sampling).notes)
    assert "pseudo-likelihood" in notes
    assert "chi2" not in notes


def test_unknown_log_likelihood_is_not_printed_as_nan(make_results):
    table = summary_table(make_results(llconstants=np.nan))
    assert ("LL, constants only", "not available") in table.header


def test_no_covariance(make_results):
    fit = make_results()
    none = replace(fit.covariance, kind="none", matrix=np.full((4, 4), np.nan), description="none asked for")
    fit = make_results(covariance=none)
    text = str(fit.summary())
    assert "Standard errors were not computed" in text
    assert "nan" not in text.lower()
    assert printed_rows(text)["log(land_price)"] == ["-0.0421337", "n/a"]


def test_alpha_heads_the_intervals(make_results):
    assert summary_table(make_results(), 0.1).columns[-2:] == ("[0.05", "0.95]")
    with pytest.raises(OptionError, match="alpha=2"):
        make_results().summary(alpha=2)


@pytest.mark.parametrize(
    ("format", "start"),
    [("text", "====="), ("markdown", "**Nested logit"), ("latex", "\\begin{table}"), ("html", "<div")],
)
def test_a_summary_prints_in_its_format(make_results, format, start):
    summary = make_results().summary(format)
    assert isinstance(summary, Summary)
    assert str(summary).startswith(start)
    assert repr(summary) == str(summary) == getattr(summary, f"as_{format}")()


def test_unknown_format(make_results):
    with pytest.raises(OptionError, match="format='pdf'"):
        make_results().summary("pdf")


def test_a_section_that_returns_is_printed_once(make_results):
    parameters = make_results().parameters.copy()
    parameters["block"] = ["Constants", "Generic", "Constants", "Dissimilarity (lambda)"]
    rows = [row[0] for row in summary_table(make_results(parameters=parameters)).rows]
    assert rows[:5] == ["Constants", "Intercept:Shanghai", "log(land_price)", "Generic", "Intercept:interior"]


def clustered(make_results, groups):
    covariance = replace(make_results().covariance, kind="cluster", groups=groups)
    return make_results(covariance=covariance)


@pytest.mark.parametrize(
    ("groups", "words"),
    [(3, "Few clusters: 3 groups, no more than the 4"), (4, "at most rank 3"), (9, "Few clusters: 9 groups. The")],
)
def test_few_clusters_are_said_in_summary_and_comparison(make_results, groups, words):
    fit = clustered(make_results, groups)
    assert any(words in note and "unreliable" in note for note in summary_table(fit).notes)
    assert any(words in note for note in compare(fit).table.notes)


def test_enough_clusters_are_not_warned_of(make_results):
    assert "Few clusters" not in str(clustered(make_results, 10).summary())
    assert "Few clusters" not in str(make_results().summary())


def test_likelihood_ratio_is_printed_for_the_multinomial_only(make_results, multinomial):
    assert "Likelihood-ratio" not in str(make_results().summary())
    assert "test against constants only: chi2(1) = 343.869, p <0.001." in str(multinomial.summary())
    robust = replace(multinomial, covariance=replace(multinomial.covariance, kind="robust"))
    notes = summary_table(robust).notes
    assert any("constants only (by the likelihood, not by the robust covariance): chi2(1)" in note for note in notes)


def test_a_huge_estimate_without_a_finite_error_is_not_noise(make_results):
    fit = make_results((("x", 1.1e200, np.inf, "free", "Generic", ""),))
    assert summary_table(fit).rows[1][1] == "1.10000e+200"


def test_flat_without_infinite_is_not_identified_and_nothing_else(make_results):
    flat = Identification(False, flat=("x",), verdict="not identified: x")
    text = str(make_results(identification=flat, converged=False, status_message=flat.verdict).summary())
    assert "NOT IDENTIFIED" in text
    assert "no finite maximum" not in text.lower()
