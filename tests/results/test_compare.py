"""Several models side by side."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from relocchoice.errors import OptionError
from relocchoice.results.compare import compare


def cells(comparison, label, beneath=0):
    rows = comparison.table.rows
    place = next(place for place, row in enumerate(rows) if row[0] == label)
    return rows[place + beneath][1:]


@pytest.fixture
def nested(make_results):
    return make_results()


@pytest.fixture
def multinomial(make_results, nested):
    rows = (
        ("Intercept:Shanghai", 1.5, 0.5, "free", "Constants", ""),
        ("log(land_price)", -0.5, 0.25, "free", "Generic", ""),
        ("policy", 0.0, math.nan, "fixed", "Generic", ""),
    )
    return make_results(rows)


def test_rows_are_the_union_by_section_in_order(multinomial, nested):
    labels = [row[0] for row in compare(multinomial, nested).table.rows if row[0]]
    assert labels[: labels.index("Fit")] == [
        "Constants",
        "Intercept:Shanghai",
        "Intercept:interior",
        "Generic",
        "log(land_price)",
        "policy",
        "Dissimilarity (lambda)",
        "lambda:away",
    ]
    flipped = [row[0] for row in compare(nested, multinomial).table.rows if row[0]]
    assert flipped == labels


def test_estimates_and_standard_errors(multinomial, nested):
    comparison = compare(multinomial, nested)
    assert comparison.table.columns == ("", "(1)", "(2)")
    assert cells(comparison, "log(land_price)") == ("-0.5000", "-0.04213")
    assert cells(comparison, "log(land_price)", 1) == ("(0.2500)", "(0.01235)")
    assert cells(comparison, "policy") == ("0", "")
    assert cells(comparison, "policy", 1) == ("(fixed)", "")
    assert cells(comparison, "lambda:away") == ("", "0.6200")


def test_printed_numbers_are_the_stored_ones(multinomial, nested):
    comparison = compare(multinomial, nested, digits=6)
    frame = comparison.to_frame()
    for (_, name), row in frame.iterrows():
        for place, head in enumerate(("(1)", "(2)")):
            estimate, error = (cells(comparison, name, beneath)[place] for beneath in (0, 1))
            if not estimate:
                assert math.isnan(row[(head, "estimate")])
                continue
            assert float(estimate) == pytest.approx(row[(head, "estimate")], rel=5e-6)
            if error != "(fixed)":
                assert float(error.strip("()")) == pytest.approx(row[(head, "bse")], rel=5e-6)
    assert float(cells(comparison, "AIC")[1]) == pytest.approx(comparison.statistics.at["aic", "(2)"], abs=5e-4)


def test_stars_follow_the_p_values(multinomial, nested):
    comparison = compare(multinomial, nested, stars=True)
    assert cells(comparison, "Intercept:Shanghai") == ("1.500***", "1.250***")
    assert cells(comparison, "log(land_price)") == ("-0.5000**", "-0.04213***")
    assert cells(comparison, "Intercept:interior") == ("", "-0.7500*")
    assert cells(comparison, "policy") == ("0", "")
    assert any("*** p < 0.01" in note for note in comparison.table.notes)
    assert "*" not in compare(multinomial, nested).as_text()


def test_what_stands_beneath(nested):
    comparison = compare(nested, show=("bse", "tvalues", "pvalues", "conf_int"))
    beneath = [cells(comparison, "Intercept:interior", line)[0] for line in range(1, 5)]
    assert beneath == ["(0.4000)", "[-1.875]", "{0.061}", "[-1.534, 0.03399]"]
    assert compare(nested, show=()).table.rows[1:3] == (
        ("Intercept:Shanghai", "1.250"),
        ("Intercept:interior", "-0.7500"),
    )


def test_foot(multinomial, nested):
    comparison = compare(multinomial, nested, names=["MNL", "NL"])
    assert comparison.table.columns == ("", "MNL", "NL")
    assert cells(comparison, "Model") == ("Multinomial logit", "Nested logit")
    assert cells(comparison, "Cases") == ("1,000", "1,000")
    assert cells(comparison, "Log-likelihood") == ("-1728.565", "-1728.565")
    assert cells(comparison, "Covariance") == ("hessian", "hessian")
    assert cells(comparison, "Base alternative") == ("township", "township")
    assert cells(comparison, "Normalisation") == ("", "utility")
    assert cells(comparison, "Converged") == ("yes", "yes")


def test_like_with_like_gives_no_warning(nested):
    assert not any("Warning" in note for note in compare(nested, nested).table.notes)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"n_cases": 900}, "different data"),
        ({"nobs": 900.0}, "different data"),
        ({"weight_kind": "frequency"}, "weighted differently"),
        ({"converged": False}, "has not converged"),
    ],
)
def test_unlike_columns_are_warned_about(make_results, nested, changes, warning):
    notes = compare(nested, make_results(**changes)).table.notes
    assert any(note.startswith("Warning") and warning in note for note in notes)


def test_other_covariance_base_and_normalisation_are_warned_about(make_results, nested):
    other = make_results(
        covariance=replace(nested.covariance, kind="robust", description="robust (sandwich)"),
        encoding=replace(nested.encoding, base="Shanghai"),
        spec=replace(nested.spec, normalisation="none"),
    )
    notes = compare(nested, other).table.notes
    for warning in ("different covariances", "base alternatives differ", "normalised differently"):
        assert any(note.startswith("Warning") and warning in note for note in notes)
    assert "(1): Standard errors: inverse Hessian." in notes
    assert "(2): Standard errors: robust (sandwich)." in notes


def test_hostile_labels(hostile, nested):
    comparison = compare(hostile, nested, stars=True)
    assert "nan" not in comparison.as_text().lower()
    assert cells(comparison, "empty column") == ("not identified", "")
    assert cells(comparison, "lambda:near", 1) == ("(= lambda:远方)", "")
    assert "<script" not in comparison.as_html()
    assert re.search(r"50\\%\\_of", comparison.as_latex())
    assert comparison._repr_html_() == comparison.as_html()
    assert str(comparison) == repr(comparison) == comparison.as_text()
    assert comparison.as_markdown().startswith("|")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["a"]}, "names="),
        ({"names": ["a", "a"]}, "2 different names"),
        ({"show": ("se",)}, "show='se' is not valid"),
        ({"digits": 0}, "digits=0"),
    ],
)
def test_bad_options(nested, options, message):
    with pytest.raises(OptionError, match=message):
        compare(nested, nested, **options)


def test_only_fits_are_compared(nested):
    with pytest.raises(OptionError, match="at least one fit"):
        compare()
    with pytest.raises(OptionError, match="argument 2 of compare\\(\\) is a list"):
        compare(nested, [nested])
