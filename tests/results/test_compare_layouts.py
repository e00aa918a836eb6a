"""Equations beside each other, several covariances, labels, and rows left out."""

from __future__ import annotations

import re

import numpy as np
import pytest

import builders
import relocchoice as rc
from relocchoice.errors import OptionError, RelocChoiceError
from relocchoice.results.compare import compare


@pytest.fixture(scope="module")
def fits():
    data = builders.choice_data(builders.choice_frame(250))
    return (
        rc.MultinomialLogit("chosen ~ cost | assets", base="township").fit(data),
        rc.NestedLogit("chosen ~ cost | assets + size", nests=builders.NESTS, base="township").fit(data),
    )


def row(comparison, label, beneath=0):
    rows = comparison.table.rows
    place = next(place for place, cells in enumerate(rows) if cells[0] == label)
    return rows[place + beneath]


def test_three_covariances_stand_under_each_other(fits):
    fit = fits[0]
    comparison = compare(fit, show_cov=["hessian", "robust", "cluster"], groups="firm", digits=7)
    for line, kind in enumerate(("hessian", "robust", "cluster"), start=1):
        head, cell = row(comparison, "cost", line)
        assert head.strip() == kind
        expected = fit.with_cov(kind, groups="firm" if kind == "cluster" else None).bse["cost"]
        assert float(cell.strip("()")) == pytest.approx(expected, rel=1e-6)
    assert (
        comparison.estimates[("(1)", "bse (robust)")].xs("cost", level=1).iloc[0] == fit.with_cov("robust").bse["cost"]
    )
    assert row(comparison, "Covariance")[1] == "hessian, robust, cluster"
    assert any("hessian, robust, cluster" in note for note in comparison.table.notes)


def test_a_tuple_is_one_model_with_several_covariances(fits):
    fit = fits[0]
    merged = compare((fit, fit.with_cov("robust")))
    assert merged.table == compare(fit, show_cov=["hessian", "robust"]).table
    mixed = compare((fit, fit.with_cov("robust")), fits[1])
    assert row(mixed, "cost", 2)[2] == ""
    assert any("different covariances" in note for note in mixed.table.notes)
    with pytest.raises(OptionError, match="argument 1 of compare\\(\\) is a tuple of different fits"):
        compare(fits)


def test_stars_are_those_of_the_first_covariance(fits):
    comparison = compare(fits[0], stars=True, show_cov=["opg", "hessian"])
    probability = fits[0].with_cov("opg").pvalues["assets:county"]
    stars = sum(probability < level for level in (0.1, 0.05, 0.01))
    assert row(comparison, "assets:county")[1].count("*") == stars
    assert any(note.endswith("by the opg covariance.") for note in comparison.table.notes)


def test_words_instead_of_errors_are_said_once(make_results):
    comparison = compare((make_results(), make_results()))
    assert compare(make_results()).table.columns == comparison.table.columns
    rows = (("a", 1.0, 0.5, "free", "Generic", ""), ("b", 2.0, np.nan, "fixed", "Generic", ""))
    comparison = compare((make_results(rows), make_results(rows)))
    labels = [cells for cells in comparison.table.rows if "(fixed)" in cells]
    assert labels == [("", "(fixed)")]


def test_equations_stand_beside_each_other(fits):
    fit = fits[0]
    comparison = compare(fit, layout="beside", digits=6)
    places = [str(place) for place in fit.encoding.alternatives if place != "township"]
    assert comparison.table.columns == ("", "common", *places)
    for term in ("Intercept", "assets"):
        printed = [float(cell) for cell in row(comparison, term)[2:]]
        assert printed == pytest.approx([fit.params[f"{term}:{place}"] for place in places], rel=1e-5)
        assert row(comparison, term)[1] == ""
    assert float(row(comparison, "cost")[1]) == pytest.approx(fit.params["cost"], rel=1e-5)
    assert row(comparison, "cost")[2:] == ("",) * len(places)
    assert row(comparison, "Cases")[1:] == ("250", *[""] * len(places))


def test_every_parameter_is_in_one_cell_of_either_layout(fits):
    def estimates(table):
        body = table.rows[: [cells[0] for cells in table.rows].index("Fit")]
        return sorted(cell for cells in body for cell in cells[1:] if cell)

    beside, stacked = (compare(*fits, layout=layout).table for layout in ("beside", "stacked"))
    assert estimates(beside) == estimates(stacked)
    assert next(head for head in beside.columns if head.startswith("(2)")) == "(2) common"


def test_an_alternative_with_a_colon_in_its_name():
    frame = builders.choice_frame(200)
    frame["place"] = frame["place"].replace({"county": "a:coast"})
    fit = rc.MultinomialLogit("chosen ~ cost | assets", base="township").fit(builders.choice_data(frame))
    comparison = compare(fit, layout="beside")
    assert set(comparison.table.columns[2:]) == {"a:coast", "coast", "interior", "metro"}
    column = comparison.table.columns.index("a:coast")
    assert row(comparison, "assets")[column] == row(compare(fit), "assets:a:coast")[1]


def test_labels_of_everything(fits):
    labels = {
        "cost": "Land cost",
        "assets": "Assets (log)",
        "coast": "沿海",
        "Intercept:metro": "Constant of metro",
        "near": "in town",
        "NL": "Nested",
        "Log-likelihood": "ln L",
        "Fit": "Quality",
        "Generic": "Attributes",
        "nothing of this name": "unused",
    }
    comparison = compare(*fits, names=["MNL", "NL"], labels=labels)
    printed = [cells[0] for cells in comparison.table.rows]
    for label in (
        "Land cost",
        "Assets (log): 沿海",
        "Constant of metro",
        "lambda:in town",
        "ln L",
        "Quality",
        "Attributes",
    ):
        assert label in printed
    assert "Intercept: 沿海" in printed
    assert comparison.table.columns == ("", "MNL", "Nested")
    assert "unused" not in comparison.as_text()
    assert ("Generic", "cost") in comparison.estimates.index
    beside = compare(fits[0], layout="beside", labels=labels)
    assert "沿海" in beside.table.columns
    assert "Assets (log)" in [cells[0] for cells in beside.table.rows]


def test_keep_and_drop_say_what_is_left_out(fits):
    names = [str(name) for name in fits[1].parameters.index]
    kept = compare(fits[1], keep=["cost", "assets:*"], drop="assets:metro")
    shown = {name for _, name in kept.estimates.index}
    assert shown == {
        name for name in names if name == "cost" or (name.startswith("assets:") and name != "assets:metro")
    }
    note = next(note for note in kept.table.notes if note.startswith("Estimated but not shown"))
    hidden = [name for name in names if name not in shown]
    assert hidden[0] in note
    assert f"and {len(hidden) - 6} more" in note
    assert not any("not shown" in note for note in compare(*fits).table.notes)


def test_brackets_are_no_wildcards(make_results):
    rows = (("C(x)[T.a]", 1.0, 0.5, "free", "Generic", ""), ("C(x)[T.b]", 2.0, 0.5, "free", "Generic", ""))
    comparison = compare(make_results(rows), keep="C(x)[T.a]")
    assert [name for _, name in comparison.estimates.index] == ["C(x)[T.a]"]


def test_statistics_are_chosen(fits):
    comparison = compare(*fits, statistics=["BIC", "Cases"])
    printed = [cells[0] for cells in comparison.table.rows]
    assert printed[printed.index("Fit") + 1 :] == ["BIC", "Cases"]
    assert "Fit" not in [cells[0] for cells in compare(*fits, statistics=[]).table.rows]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "wide"}, "layout='wide' is not valid.*beside"),
        ({"keep": "cots"}, "keep='cots' is not valid.*cost"),
        ({"keep": "cost", "drop": "*"}, "leave no parameter"),
        ({"statistics": ["R2"]}, "statistics='R2' is not valid.*BIC"),
        ({"labels": ["cost"]}, "labels=.*a mapping"),
        ({"labels": {"cost": 1}}, "labels=.*a mapping"),
        ({"show_cov": []}, "show_cov=\\[\\] is not valid"),
        ({"show_cov": ["robust", "robust"]}, "different covariances"),
        ({"show_cov": ["robust"], "groups": "firm"}, "groups= belongs to the covariance 'cluster'"),
        ({"show_cov": ["sandwich"]}, "sandwich"),
        ({"show_cov": ["cluster"]}, "groups"),
    ],
)
def test_bad_options(fits, options, message):
    with pytest.raises(RelocChoiceError, match=re.compile(message, re.DOTALL)):
        compare(*fits, **options)


def test_show_cov_takes_no_tuples(fits):
    with pytest.raises(OptionError, match="give single fits, not tuples"):
        compare((fits[0], fits[0]), show_cov=["robust"])
