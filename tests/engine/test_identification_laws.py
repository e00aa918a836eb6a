"""What the data cannot tell is said by name: before the fit if the design is to blame, after it if the choices are."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from engine_models import FORMULA, frame

import relocchoice as rc
from builders import NESTS, agree, choice_data, choice_frame

FAMILIES = {
    "multinomial": lambda formula, **options: rc.MultinomialLogit(formula, **options),
    "nested": lambda formula, **options: rc.NestedLogit(formula, NESTS, **options),
}
every_family = pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES)


def refused(make, formula: str, rows: pd.DataFrame) -> rc.IdentificationError:
    with pytest.raises(rc.IdentificationError) as caught:
        make(formula, base="township").fit(choice_data(rows))
    return caught.value


@every_family
def test_collinear_columns_are_named_with_their_combination(make):
    rows = frame().assign(sum=frame()["cost"] + 2 * frame()["distance"])
    error = refused(make, "chosen ~ cost + distance + sum + travel | assets", rows)
    (finding,) = error.findings
    assert finding.rule == "collinear"
    for name in ("cost", "distance", "sum"):
        assert name in finding.message
    assert "travel" not in finding.message
    assert "assets" not in finding.message


@every_family
def test_what_is_one_value_a_place_is_collinear_with_the_constants(make):
    error = refused(make, "chosen ~ cost + price | 1", frame())
    (finding,) = error.findings
    assert "price" in finding.message
    assert "Intercept:metro" in finding.message
    assert "cost" not in finding.message


@every_family
def test_several_collinear_sets_are_all_named_apart(make):
    rows = frame().assign(a=2 * frame()["cost"], b=frame()["distance"] - 3.0)
    error = refused(make, "chosen ~ cost + a + distance + b | 1", rows)
    named = [set(finding.message.split(" are collinear")[0].split(", ")) for finding in error.findings]
    assert sorted(named, key=sorted) == [{"a", "cost"}, {"b", "distance"}]


@every_family
@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_hide_no_collinearity_and_make_none(make, unit):
    rows = frame().assign(distance=unit * frame()["distance"], sum=frame()["cost"] + frame()["distance"])
    error = refused(make, "chosen ~ cost + distance + sum | assets", rows)
    assert len(error.findings) == 1
    assert make("chosen ~ cost + distance | assets", base="township").fit(choice_data(rows)).converged


@every_family
def test_a_column_that_is_the_same_for_all_alternatives_is_dead(make):
    rows = frame().assign(dead=frame()["assets"])
    spec = rc.UtilitySpec(
        {place: {"b_dead": "dead", "b_cost": "cost"} for place in ("township", "county", "metro", "coast", "interior")}
    )
    with pytest.raises(rc.IdentificationError, match="b_dead"):
        make(spec).fit(choice_data(rows))


def dummy_frame() -> pd.DataFrame:
    """Firms with ``exporter`` = 1 never choose the county; everything else varies freely."""
    rows = choice_frame(400, 11)
    exporter = np.random.default_rng(2).random(400) < 0.3
    rows["exporter"] = exporter[rows["move"]].astype(float)
    dropped = rows.loc[rows["chosen"] & (rows["place"] == "county") & (rows["exporter"] == 1), "move"]
    return rows[~rows["move"].isin(dropped)].reset_index(drop=True)


@every_family
def test_a_cell_that_is_never_chosen_sends_one_coefficient_to_infinity(make):
    rows = dummy_frame()
    fit = make("chosen ~ cost | exporter", base="township").fit(choice_data(rows))
    assert not fit.converged
    assert not fit.identification.ok
    assert fit.identification.infinite == (("exporter:county", -1),)
    assert fit.identification.flat == ()
    assert any("county" in cell and "exporter" in cell for cell in fit.identification.cells)
    assert fit.params["exporter:county"] == -np.inf
    finite = fit.params.drop("exporter:county")
    assert np.isfinite(finite).all()
    assert np.isnan(fit.bse["exporter:county"])
    assert fit.bse.drop("exporter:county").notna().all()


def test_beside_an_infinite_coefficient_the_others_are_those_of_the_data_without_the_cell():
    """As the coefficient runs off, the county leaves the choice sets of the exporters."""
    rows = dummy_frame()
    fit = rc.MultinomialLogit("chosen ~ cost | exporter", base="township").fit(choice_data(rows))
    without = rows[~((rows["place"] == "county") & (rows["exporter"] == 1))]
    spec = {
        place: {f"Intercept:{place}": 1, f"exporter:{place}": "exporter"} for place in ("coast", "interior", "metro")
    }
    model = rc.UtilitySpec({"township": {}, "county": {"Intercept:county": 1}, **spec}, everywhere={"cost": "cost"})
    limit = rc.MultinomialLogit(model).fit(choice_data(without))
    assert limit.converged
    assert fit.llf == pytest.approx(limit.llf, abs=1e-5)
    agree(fit.params.drop("exporter:county"), limit.params, 1e-4)
    agree(fit.bse.drop("exporter:county"), limit.bse, 1e-4)


@every_family
def test_a_variable_that_predicts_every_choice_is_infinite(make):
    rows = choice_frame(200, 12)
    rows["perfect"] = np.where(rows["chosen"], 1.0, 0.0) + 0.3 * np.random.default_rng(0).random(len(rows))
    fit = make("chosen ~ perfect | 0").fit(choice_data(rows))
    assert not fit.converged
    assert ("perfect", 1) in fit.identification.infinite
    assert fit.params["perfect"] == np.inf
    assert fit.llf == pytest.approx(0.0, abs=1e-3)


def test_an_alternative_that_nobody_chooses_sends_its_constant_to_minus_infinity():
    rows = choice_frame(300, 13)
    rows = rows[~rows["move"].isin(rows.loc[rows["chosen"] & (rows["place"] == "interior"), "move"])]
    fit = rc.MultinomialLogit("chosen ~ cost | 1", base="township").fit(choice_data(rows))
    assert fit.identification.infinite == (("Intercept:interior", -1),)
    assert not fit.converged
    rest = rc.MultinomialLogit("chosen ~ cost | 1", base="township").fit(choice_data(rows[rows["place"] != "interior"]))
    agree(fit.params.drop("Intercept:interior"), rest.params, 1e-4)
    with_slopes = rc.MultinomialLogit("chosen ~ cost | assets", base="township").fit(choice_data(rows))
    named = {name for name, _ in with_slopes.identification.infinite} | set(with_slopes.identification.flat)
    assert named == {"Intercept:interior", "assets:interior"}


@every_family
@pytest.mark.parametrize("kind", ["hessian", "opg", "robust", "cluster"])
def test_summaries_of_separated_data_show_no_absurd_numbers(make, kind):
    rows = dummy_frame()
    options = {"groups": "firm"} if kind == "cluster" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", rc.ConvergenceWarning)
        fit = make("chosen ~ cost | exporter", base="township").fit(choice_data(rows), kind, **options)
        text = str(fit.summary())
    line = next(line for line in text.splitlines() if "exporter:county" in line)
    assert "inf" in line.lower() or "∞" in line
    assert "nan" not in text.lower()
    known = fit.bse.drop("exporter:county")
    assert (known < 5.0).all()
    assert known.notna().all()
    assert "exporter:county" in text


@every_family
def test_probabilities_of_separated_data_go_to_the_limit(make):
    rows = dummy_frame()
    fit = make("chosen ~ cost | exporter", base="township").fit(choice_data(rows))
    p = fit.predict()
    exporters = rows.loc[rows["exporter"] == 1, "move"].unique()
    assert (p.loc[exporters, "county"] < 1e-6).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


def test_a_lambda_without_choices_to_tell_it_is_flat():
    """Nobody could choose between two members of the nest: its lambda never enters."""
    rows = frame()
    other = rows["move"].map(lambda move: NESTS["near"][move % 2])
    left = rows[rows["place"] != other]
    kept = left.groupby("move")["chosen"].transform("any") & (left.groupby("move")["place"].transform("size") > 1)
    left = left[kept]
    fit = rc.NestedLogit(FORMULA, NESTS, base="township").fit(choice_data(left))
    assert not fit.converged
    assert fit.identification.flat == ("lambda:near",)
    assert fit.parameters.loc["lambda:near", "status"] == "flat"
    assert np.isnan(fit.bse["lambda:near"])
    assert fit.bse.drop("lambda:near").notna().all()


def test_the_limit_of_iterations_is_no_convergence():
    fit = rc.NestedLogit(FORMULA, NESTS, base="township").fit(choice_data(frame()), "none", max_iterations=1)
    assert not fit.converged
    assert "limit of 1 iteration" in fit.status_message
    assert not fit.identification.ok


def test_a_fit_without_a_maximum_warns():
    """Separated data: the warning says what the results say."""
    rows = frame()
    rows["seen"] = rows["chosen"].astype(float)
    with pytest.warns(rc.ConvergenceWarning, match="runs? to infinity"):
        fit = rc.MultinomialLogit("chosen ~ seen | 0").fit(choice_data(rows))
    assert not fit.converged
