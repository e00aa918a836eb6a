"""fit() on separated choices, in every mode: what is reported, printed, predicted, saved and tested."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import relocchoice as rc
from relocchoice.errors import DataError, IdentificationError, OptionError, SeparationError

PLACES = ("a", "b", "c", "d")
NESTS = {"near": ["a", "b"], "away": ["c", "d"]}
LOST = "g[T.g2]:d"
OPTIONS = {
    "multinomial": lambda: rc.MultinomialLogit("chosen ~ x | g", base="a"),
    "fixed": lambda: rc.MultinomialLogit("chosen ~ x | g", base="a", fixed={"x": 0.5}),
    "one bound": lambda: rc.MultinomialLogit("chosen ~ x | g", base="a", bounds={LOST: (None, 0.5)}),
    "nested": lambda: rc.NestedLogit("chosen ~ x | g", NESTS, base="a"),
    "common": lambda: rc.NestedLogit("chosen ~ x | g", NESTS, base="a", lambdas="common"),
    "known lambdas": lambda: rc.NestedLogit(
        "chosen ~ x | g", NESTS, base="a", fixed={"lambda:near": 0.8, "lambda:away": 0.6}
    ),
    "bottom": lambda: rc.NestedLogit("chosen ~ x | g", NESTS, base="a", normalisation="bottom"),
    "not normalised": lambda: rc.NestedLogit("chosen ~ x | g", NESTS, base="a", normalisation="none", lambdas="common"),
}


def frame(complete: bool = False, n: int = 160, seed: int = 0) -> pd.DataFrame:
    """Firms of three groups; those of the third never choose d. Completely separated: x is one where they went."""
    rng = np.random.default_rng(seed)
    group, x = rng.integers(0, 3, n), rng.normal(size=(n, 4))
    u = 0.7 * x + rng.gumbel(size=(n, 4))
    u[group == 2, 3] = -np.inf
    took = u.argmax(axis=1)
    chosen = took[:, None] == np.arange(4)
    case = np.repeat(np.arange(n), 4)
    return pd.DataFrame(
        {
            "case": case,
            "place": np.tile(PLACES, n),
            "chosen": chosen.ravel(),
            "x": (chosen.astype(float) if complete else x).ravel(),
            "g": [f"g{group[i]}" for i in case],
            "town": case % 12,
            "count": 1.0 + case % 3,
            "sampled": 0.5 + case % 4 / 2,
        }
    )


def read(rows: pd.DataFrame, kind: str | None = None) -> rc.ChoiceData:
    weights = {None: None, "frequency": "count"}.get(kind, "sampled")
    options = {} if kind is None else {"weights": weights, "weight_kind": kind}
    return rc.ChoiceData.from_long(rows, case="case", alternative="place", chosen="chosen", **options)


@pytest.fixture(scope="module")
def quasi() -> rc.ChoiceData:
    return read(frame())


@pytest.fixture(scope="module")
def complete() -> rc.ChoiceData:
    return read(frame(complete=True))


def reduced(rows: pd.DataFrame) -> rc.ChoiceData:
    """What is left by hand: d is no choice of the third group."""
    return read(rows[~((rows["g"] == "g2") & (rows["place"] == "d"))])


def check_honest(fit) -> None:
    """What holds for every fit whatever the data."""
    assert np.isfinite(fit.llf)
    assert not (fit.bse > 100).any(), fit.bse
    kept = fit.parameters[fit.parameters["status"] != "dropped"]["estimate"]
    assert not (fit.converged and np.isinf(kept).any())
    probabilities = fit.predict()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    for format in ("text", "markdown", "latex", "html"):
        assert "nan" not in str(fit.summary(format)).lower().replace("finan", "")


@pytest.mark.parametrize("name", OPTIONS)
def test_quasi_complete_separation(name, quasi, tmp_path):
    model, rows = OPTIONS[name](), frame()
    warned, dropped = model.fit(quasi), model.fit(quasi, separation="drop")
    for fit in (warned, dropped):
        check_honest(fit)
        third = (rows.drop_duplicates("case")["g"] == "g2").to_numpy()
        assert fit.predict().loc[third, "d"].max() < 1e-8
        assert "does not apply" in fit.wald_test(f"{LOST} = 0").message
    assert (warned.converged, dropped.converged) == (False, True)
    assert (warned.params[LOST], dropped.params[LOST]) == (-np.inf, -np.inf)
    assert (warned.parameters.loc[LOST, "status"], dropped.parameters.loc[LOST, "status"]) == ("infinite", "dropped")
    assert warned.llf == pytest.approx(dropped.llf, abs=1e-6)
    assert warned.df_model == dropped.df_model + 1
    others = [other for other in warned.params.index if other != LOST]
    np.testing.assert_allclose(warned.params[others], dropped.params[others], atol=1e-5)
    np.testing.assert_allclose(warned.bse[others], dropped.bse[others], rtol=1e-4)
    dropped.save(tmp_path / "fit")
    loaded = rc.load(tmp_path / "fit")
    assert str(loaded.summary()) == str(dropped.summary())
    for kind in ("opg", "robust", "cluster"):
        options = {"groups": "town"} if kind == "cluster" else {}
        first = dropped.with_cov(kind, **options).bse
        pd.testing.assert_series_equal(loaded.with_cov(kind, data=quasi, **options).bse, first)
        np.testing.assert_allclose(warned.with_cov(kind, **options).bse[others], first[others], rtol=1e-3)
    with pytest.raises(SeparationError, match="g = g2"):
        model.fit(quasi, separation="error")


@pytest.mark.parametrize("name", ["multinomial", "nested", "known lambdas"])
def test_the_dropped_fit_is_that_of_data_reduced_by_hand(name, quasi):
    model = OPTIONS[name]()
    dropped = model.fit(quasi, separation="drop")
    n_pairs = int((frame().drop_duplicates("case")["g"] == "g2").sum())
    assert f"{n_pairs} pairs of a case" in " ".join(dropped.notes)
    by_hand = reduced(frame())
    terms = {"fixed": {LOST: 0.0}}
    if name == "multinomial":
        other = rc.MultinomialLogit("chosen ~ x | g", base="a", **terms)
    else:
        fixed = terms["fixed"] | ({"lambda:near": 0.8, "lambda:away": 0.6} if name == "known lambdas" else {})
        other = rc.NestedLogit("chosen ~ x | g", NESTS, base="a", fixed=fixed)
    expected = other.fit(by_hand)
    kept = [parameter for parameter in dropped.params.index if parameter != LOST]
    np.testing.assert_allclose(dropped.params[kept], expected.params[kept], atol=1e-6)
    for kind in ("hessian", "opg", "robust"):
        np.testing.assert_allclose(
            dropped.with_cov(kind).bse[kept], expected.with_cov(kind).bse[kept], rtol=1e-5, equal_nan=True
        )
    assert dropped.llf == pytest.approx(expected.llf, abs=1e-8)
    assert dropped.llnull == pytest.approx(expected.llnull, abs=1e-9)
    assert dropped.llconstants == pytest.approx(expected.llconstants, abs=1e-7)
    assert dropped.df_model == expected.df_model


def test_the_likelihood_ratio_of_a_dropped_fit_compares_the_same_choice_sets(quasi):
    fit = rc.MultinomialLogit("chosen ~ x | g", base="a").fit(quasi, separation="drop")
    constants = rc.MultinomialLogit("chosen ~ 0 | 1", base="a").fit(reduced(frame()))
    assert fit.llr_null == "constants only"
    assert fit.llr == pytest.approx(2 * (fit.llf - constants.llf), abs=1e-6)
    assert fit.llr_df == fit.df_model - constants.df_model


@pytest.mark.parametrize("kind", ["frequency", "sampling", "choice-based"])
def test_weights(kind):
    rows = frame()
    data, by_hand = read(rows, kind), read(rows[~((rows["g"] == "g2") & (rows["place"] == "d"))], kind)
    model = rc.MultinomialLogit("chosen ~ x | g", base="a")
    expected = rc.MultinomialLogit("chosen ~ x | g", base="a", fixed={LOST: 0.0}).fit(by_hand)
    kept = [parameter for parameter in expected.params.index if parameter != LOST]
    for separation in ("warn", "drop"):
        fit = model.fit(data, separation=separation)
        check_honest(fit)
        assert fit.nobs == expected.nobs
        np.testing.assert_allclose(fit.params[kept], expected.params[kept], atol=1e-6)
        np.testing.assert_allclose(fit.bse[kept], expected.bse[kept], rtol=1e-5)
    if kind == "frequency":
        check_honest(model.fit(data, separation="firth"))
        return
    with pytest.raises(OptionError, match="sampling weights"):
        model.fit(data, separation="firth")


@pytest.mark.parametrize("name", ["multinomial", "one bound", "nested", "common", "known lambdas", "bottom"])
def test_complete_separation(name, complete, tmp_path):
    model = OPTIONS[name]()
    warned, dropped = model.fit(complete), model.fit(complete, separation="drop")
    for fit in (warned, dropped):
        check_honest(fit)
        assert fit.llf == pytest.approx(0.0, abs=1e-7)
        assert not fit.converged
        assert fit.bse.isna().all()
        assert fit.identification.separation == "complete"
        fit.save(tmp_path / "fit")
        assert str(rc.load(tmp_path / "fit").summary()) == str(fit.summary())
        again = fit.with_cov("cluster", groups="town")
        assert again.covariance.description == "no parameter has a finite estimate"
    assert warned.params["x"] == dropped.params["x"] == np.inf
    assert "nothing is left to estimate" in dropped.status_message or "not identified" in dropped.status_message
    assert (dropped.llnull, dropped.llconstants) == (0.0, 0.0)
    penalised = model.fit(complete, separation="firth")
    check_honest(penalised)
    assert penalised.converged
    assert penalised.params["x"] > 0


def test_a_covariance_that_cannot_be_had_is_no_reason_to_lose_the_fit(complete):
    for kind in ("cluster", "bootstrap", "robust", "opg", "none"):
        groups = {"groups": "town"} if kind == "cluster" else {}
        fit = rc.MultinomialLogit("chosen ~ x | g", base="a").fit(complete, kind, separation="drop", **groups)
        assert fit.bse.isna().all()
        assert fit.covariance.description


def test_a_bound_on_the_separated_parameter_keeps_it_finite(quasi):
    fit = rc.MultinomialLogit("chosen ~ x | g", base="a", bounds={LOST: (-3, 3)}).fit(quasi)
    assert fit.converged
    assert fit.params[LOST] == -3
    assert fit.parameters.loc[LOST, "status"] == "at bound"
    for constraint in ({"fixed": {LOST: -1.0}}, {"equal": [["g[T.g2]:c", LOST]]}):
        fit = rc.MultinomialLogit("chosen ~ x | g", base="a", **constraint).fit(quasi, separation="error")
        assert fit.converged


@pytest.mark.parametrize("name", ["multinomial", "nested"])
def test_profile_intervals_of_an_infinite_estimate_have_one_finite_end(name, quasi):
    fit = OPTIONS[name]().fit(quasi)
    lower, upper = fit.profile_conf_int(parameters=[LOST]).loc[LOST]
    assert lower == -np.inf
    assert fit.lr_test(f"{LOST} = {upper}").pvalue == pytest.approx(0.05, abs=1e-6)
    assert fit.lr_test(f"{LOST} = -30").statistic == pytest.approx(0.0, abs=1e-5)
    dropped = OPTIONS[name]().fit(quasi, separation="drop")
    assert dropped.profile_conf_int(parameters=[LOST]).isna().all(axis=None)
    assert "nothing in it is estimated" in dropped.lr_test(f"{LOST} = 0").message
    np.testing.assert_allclose(
        dropped.profile_conf_int(parameters=["x"]), fit.profile_conf_int(parameters=["x"]), atol=1e-4
    )


def test_new_data_are_predicted(quasi):
    model, rows = OPTIONS["multinomial"](), frame(seed=5, n=20).drop(columns="chosen")
    new = rc.ChoiceData.from_long(rows, case="case", alternative="place", chosen=None)
    third = (rows.drop_duplicates("case")["g"] == "g2").to_numpy()
    predictions = [model.fit(quasi, separation=mode).predict(new) for mode in ("warn", "drop")]
    for found in predictions:
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
        assert found.loc[third, "d"].max() < 1e-8
        assert found.loc[~third, "d"].min() > 0
    np.testing.assert_allclose(*predictions, atol=1e-6)


def test_the_modes_stand_side_by_side(quasi):
    model = OPTIONS["multinomial"]()
    fits = [model.fit(quasi, separation=mode) for mode in ("warn", "drop", "firth")]
    text = str(rc.compare(*fits))
    assert "-inf" in text
    assert "dropped" in text
    assert "nan" not in text


def test_a_model_that_cannot_be_judged_before_the_search_is_judged_after_it(quasi):
    model = rc.NestedLogit("chosen ~ x | g", NESTS, base="a", normalisation="none")
    assert model.fit(quasi).identification.separation == "not judged"
    with pytest.raises(SeparationError, match=f"{LOST.split('[')[0]}.*minus infinity"):
        model.fit(quasi, separation="error")
    assert "Nothing was dropped" in model.fit(quasi, separation="drop").notes[-1]
    penalised = model.fit(quasi, separation="firth")
    assert penalised.converged
    assert penalised.penalty.name == "firth"


def test_numbers_in_notes_are_right():
    rows = frame(n=40, seed=3)
    lone = rows[rows["case"] == 0].assign(case=99, g="g9", chosen=[True, False, False, False])
    fit = rc.MultinomialLogit("chosen ~ x | g", base="a").fit(read(pd.concat([rows, lone])), separation="drop")
    text = " ".join(fit.notes)
    assert "1 case with a single alternative left the data" in text
    assert "g = g9 (1 choice): never b, c, d" in text
    pairs = int((rows.drop_duplicates("case")["g"] == "g2").sum()) + 3
    assert f"{pairs} pairs of a case" in text
    assert fit.nobs == 40


def test_a_constant_beside_a_dropped_covariate_is_estimated():
    """Covariates are centred inside, so the constant of the same alternative moves with the dropped coefficient."""
    rows = frame()
    rows["third"] = (rows["g"] == "g2").astype(float)
    model = rc.MultinomialLogit("chosen ~ x | third", base="a")
    warned, dropped = model.fit(read(rows)), model.fit(read(rows), separation="drop")
    for fit in (warned, dropped):
        assert fit.parameters.loc["Intercept:d", "status"] == "free"
    np.testing.assert_allclose(dropped.bse, warned.bse, rtol=1e-6)
    assert dropped.bse["Intercept:d"] > 0


def test_what_is_tied_to_a_dropped_parameter_is_dropped_without_a_note():
    rows = frame()
    rows["third"] = (rows["g"] == "g2").astype(float)
    rows["lost"] = rows["third"] * (rows["place"] == "d") * 2.0
    rows["gone"] = rows["third"] * (rows["place"] == "d") * (1.0 + rows["case"] % 2)
    model = rc.MultinomialLogit("chosen ~ x + lost + gone", base="a", equal=[["lost", "gone"]])
    fit = model.fit(read(rows), separation="drop")
    assert list(fit.parameters.loc[["lost", "gone"], "status"]) == ["dropped", "dropped"]
    assert list(fit.parameters.loc[["lost", "gone"], "note"]) == ["", ""]


def test_what_stands_in_the_row_of_a_dropped_parameter(quasi):
    table = OPTIONS["multinomial"]().fit(quasi, separation="drop").summary().table
    (row,) = (row for row in table.rows if row[0] == LOST)
    assert row == (LOST, "dropped", "", "", "", "", "")


def test_bad_options(quasi):
    model = OPTIONS["multinomial"]()
    with pytest.raises(OptionError, match="valid: warn, error, drop, firth"):
        model.fit(quasi, separation="no")
    with pytest.raises(OptionError, match="valid: None, 'firth', a Ridge"):
        model.fit(quasi, penalty="lasso")


# --- random sparse tables ---------------------------------------------------------------------------------------------


def sparse(seed: int) -> tuple[rc.ChoiceData, bool] | None:
    """A table of counts and, by a linear programme on the differences written out, whether it is separated."""
    rng = np.random.default_rng(seed)
    n_cells, n_places = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    counts = rng.poisson(rng.choice([0.3, 0.7, 2.0]), (n_cells, n_places))
    x = rng.integers(-2, 3, (n_cells, n_places)).astype(float)
    rows, differences = [], []
    for case, (c, y) in enumerate(np.argwhere(counts)):
        for j in range(n_places):
            own = {"case": case, "place": f"p{j}", "chosen": j == y, "n": int(counts[c, y]), "x": x[c, j]}
            rows.append(own)
            dummies = np.eye(n_places)[y] - np.eye(n_places)[j]
            differences.append(np.r_[x[c, y] - x[c, j], dummies[1:]])
    if not rows:
        return None
    g = np.array([row for row in differences if row.any()])
    if np.linalg.matrix_rank(g) < n_places:
        return None
    # the sum of all gains along a direction in which none loses
    solved = linprog(-g.sum(axis=0), A_ub=-g, b_ub=np.zeros(len(g)), bounds=(-1, 1), method="highs")
    data = rc.ChoiceData.from_long(
        pd.DataFrame(rows), case="case", alternative="place", chosen="chosen", weights="n", weight_kind="frequency"
    )
    return data, -solved.fun > 1e-7


def test_sparse_tables_converge_exactly_when_they_are_not_separated():
    model, found, seed = rc.MultinomialLogit("chosen ~ x"), [], 0
    while len(found) < 60:
        table, seed = sparse(seed), seed + 1
        if table is None:
            continue
        data, separated = table
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rc.ConvergenceWarning)
            fit = model.fit(data)
        assert np.isfinite(fit.llf), seed
        assert not (fit.bse > 100).any(), seed
        assert fit.converged == (not separated), seed
        assert bool(fit.identification.infinite or fit.identification.flat) == separated, seed
        found.append(separated)
    assert 10 <= sum(found) <= 50


# --- hostile data ----------------------------------------------------------------------------------------------------


def test_an_alternative_that_nobody_chose_has_no_finite_constant():
    rows = frame()
    rows = rows[~rows["case"].isin(rows.loc[rows["chosen"] & (rows["place"] == "d"), "case"])]
    data, model = read(rows), rc.MultinomialLogit("chosen ~ x", base="a")
    fit, dropped = model.fit(data), model.fit(data, separation="drop")
    without = model.fit(read(rows[rows["place"] != "d"]))
    assert fit.identification.infinite == (("Intercept:d", -1),)
    for end in (fit, dropped):
        np.testing.assert_allclose(end.params.drop("Intercept:d"), without.params, atol=1e-6)
        np.testing.assert_allclose(end.bse.drop("Intercept:d"), without.bse, rtol=1e-5)
    assert dropped.llnull == pytest.approx(without.llnull)
    assert dropped.llconstants == pytest.approx(without.llconstants)


def test_all_chose_the_same():
    rows = frame(n=30)
    fit = rc.MultinomialLogit("chosen ~ x", base="a").fit(read(rows.assign(chosen=rows["place"] == "a")))
    assert fit.llf == pytest.approx(0.0, abs=1e-9)
    assert {name for name, _ in fit.identification.infinite} == {"Intercept:b", "Intercept:c", "Intercept:d"}
    assert fit.bse.isna().all()
    check_honest(fit)


def test_one_case():
    data = read(frame(n=1))
    fit = rc.MultinomialLogit("chosen ~ x | 0").fit(data)
    assert np.isinf(fit.params["x"])
    assert not fit.converged
    with pytest.raises(IdentificationError, match="collinear"):
        rc.MultinomialLogit("chosen ~ x").fit(data)


def test_cases_of_weight_zero_separate_nothing_and_hide_nothing():
    rows = frame()
    rows["w"] = np.where(rows["g"] == "g2", 0.0, 1.0)
    options = {"case": "case", "alternative": "place", "chosen": "chosen", "weights": "w", "weight_kind": "frequency"}
    fit = rc.MultinomialLogit("chosen ~ x", base="a").fit(rc.ChoiceData.from_long(rows, **options))
    assert fit.converged
    rows["x"] = np.where((rows["g"] == "g2") ^ rows["chosen"], 1.0, 0.0)
    hidden = rc.MultinomialLogit("chosen ~ x | 0").fit(rc.ChoiceData.from_long(rows, **options))
    assert hidden.identification.infinite == (("x", 1),)
    with pytest.raises(DataError, match="every weight in column 'w' is zero"):
        rc.ChoiceData.from_long(rows.assign(w=0.0), **options)


@pytest.mark.parametrize("unit", [1e8, 1e-8])
def test_units_do_not_matter(unit, quasi):
    rows = frame()
    model = rc.MultinomialLogit("chosen ~ x | g", base="a")
    plain, scaled = model.fit(quasi), model.fit(read(rows.assign(x=rows["x"] * unit)))
    assert scaled.identification.infinite == plain.identification.infinite
    assert scaled.llf == pytest.approx(plain.llf, abs=1e-7)
    assert scaled.params["x"] * unit == pytest.approx(plain.params["x"], rel=1e-6)
    assert scaled.bse["x"] * unit == pytest.approx(plain.bse["x"], rel=1e-5)


def test_dropped_parameters_are_called_so_in_every_table() -> None:
    table = {"period": ["1980s", "1990s"], "whole": [11, 40], "plant": [0, 26], "offices": [0, 2]}
    data = rc.ChoiceData.from_counts(table, alternatives=["whole", "plant", "offices"], cell="period")
    model = rc.MultinomialLogit("~ 0 | C(period, contr.treatment('1990s'))", base="whole")
    kept = model.fit(data, separation="drop")
    for text in (str(kept.summary()), str(rc.compare(kept))):
        assert text.count("dropped") >= 2
        assert "inf" not in text.replace("information", "")
