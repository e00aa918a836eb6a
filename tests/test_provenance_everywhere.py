"""Whatever is made of simulated data says so first: all public functions, and all that their records hand out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.relocation import network

LINE = "simulated by hand"
PLACES = ["a", "b", "c"]


def choices(*, several: bool = False) -> pd.DataFrame:
    """200 cases of three places, with a cost, a size and 20 towns."""
    rng = np.random.default_rng(0)
    n = 200
    cost, size = rng.random((n, 3)), rng.random(n)
    v = rng.gumbel(size=(n, 3)) - 2 * cost + size[:, None] * np.array([0.0, 0.5, -0.5])
    chosen = v.argsort(axis=1) >= 2 - (several & (np.arange(n) % 2))[:, None]
    table = pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), 3),
            "place": np.tile(PLACES, n),
            "cost": cost.ravel(),
            "size": np.repeat(size, 3),
            "town": np.repeat([f"t{k % 20}" for k in range(n)], 3),
            "year": np.repeat(np.arange(n) // 100, 3),
            "weight": np.repeat(1.0 + (np.arange(n) % 3), 3),
            "chosen": chosen.ravel(),
        }
    )
    table.attrs["provenance"] = LINE
    return table


def read(table: pd.DataFrame, **more: Any) -> rc.ChoiceData:
    return rc.ChoiceData.from_long(table, case="case", alternative="place", chosen="chosen", **more)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    data = read(choices())
    formula = "chosen ~ cost | size"
    nests = {"x": ["a", "b"], "c": None}
    plain = rc.MultinomialLogit(formula, base="a").fit(data)
    ordered = pd.DataFrame({"rating": np.tile(["good", "fair", "poor"], 40), "kind": np.repeat(list("uvwx"), 30)})
    ordered.loc[::7, "rating"] = "poor"
    ordered.attrs["provenance"] = LINE
    return {
        "data": data,
        "plain": plain,
        "small": rc.MultinomialLogit("chosen ~ cost", base="a").fit(data),
        "other": rc.MultinomialLogit("chosen ~ log(1 + cost) + cost:size", base="a").fit(data),
        "nested": rc.NestedLogit(formula, nests=nests, base="a").fit(data),
        "deep": rc.NestedLogit("chosen ~ cost", nests={"all": {"x": ["a", "b"], "c": None}, "none": None}, base="a"),
        "weighted": read(choices(), weights="weight", weight_kind="sampling"),
        "several": read(choices(several=True), several=True),
        "ordered": rc.OrderedLogit("rating ~ kind", levels=["good", "fair", "poor"]).fit(ordered),
        "scenario": rc.Scenario("dear").scale("cost", 2.0),
        "moves": choices().query("chosen"),
    }


def pooled(m: Mapping[str, Any]) -> rc.ChoiceData:
    return m["data"].with_population_shares({"a": 0.2, "b": 0.5, "c": 0.3})


def counts() -> pd.DataFrame:
    table = pd.DataFrame({"event": [1, 1, 1, 2, 2, 2], "place": PLACES * 2, "n": [1, 1, 0, 0, 0, 1]})
    table.attrs["provenance"] = LINE
    return table


FUNCTIONS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "adjusted_rho_test": lambda m: rc.adjusted_rho_test(m["small"], m["other"]),
    "as_poisson": lambda m: rc.as_poisson(m["small"]),
    "calibration": lambda m: rc.calibration(m["plain"]),
    "compare": lambda m: rc.compare(m["plain"], m["nested"]),
    "compare_scenarios": lambda m: rc.compare_scenarios(m["plain"], m["scenario"]),
    "compare_treatments": lambda m: rc.compare_treatments("chosen ~ cost", m["several"]),
    "cross_validate": lambda m: rc.cross_validate(m["plain"], folds=2),
    "doctor": lambda m: rc.doctor(choices(), case="case", alternative="place", chosen="chosen"),
    "elasticities": lambda m: rc.elasticities(m["plain"], "cost"),
    "elasticity_bounds": lambda m: rc.elasticity_bounds(m["plain"], "cost"),
    "equal_lambdas_test": lambda m: rc.equal_lambdas_test(m["nested"]),
    "expected_utility": lambda m: rc.expected_utility(m["nested"]),
    "factor_order": lambda m: rc.factor_order(m["plain"].params, m["plain"].cov_params()),
    "fixed_strata": lambda m: rc.fixed_strata(rc.MultinomialLogit("chosen ~ cost", base="a").fit(pooled(m))),
    "from_event_counts": lambda m: rc.from_event_counts(counts(), event="event", alternative="place", count="n"),
    "hausman_mcfadden": lambda m: rc.hausman_mcfadden(m["plain"], ["c"]),
    "hit_table": lambda m: rc.hit_table(m["plain"]),
    "information_matrix_test": lambda m: rc.information_matrix_test(m["small"]),
    "lincom": lambda m: rc.lincom(m["plain"], "2 * cost"),
    "load": lambda m: rc.load(m["plain"].save(m["folder"] / "fit.relocchoice")),
    "logsums": lambda m: rc.logsums(m["nested"]),
    "marginal_effects": lambda m: rc.marginal_effects(m["plain"]),
    "nlcom": lambda m: rc.nlcom(m["plain"], "cost ** 2"),
    "no_nests_test": lambda m: rc.no_nests_test(m["nested"]),
    "one_case_each": lambda m: rc.one_case_each(m["several"]),
    "pooling_table": lambda m: rc.pooling_table(m["plain"]),
    "pooling_test": lambda m: rc.pooling_test(m["plain"], "a", "b"),
    "predict_scenario": lambda m: rc.predict_scenario(m["plain"], m["scenario"]),
    "score_test": lambda m: rc.score_test(m["small"], add="cost:size"),
    "scores": lambda m: rc.scores(m["plain"]),
    "shared_weights": lambda m: rc.shared_weights(m["several"]),
    "shares": lambda m: rc.shares(m["plain"]),
    "shift_constants": lambda m: rc.shift_constants(m["plain"], {"a": 0.2, "b": 0.5, "c": 0.3}),
    "simulate_scenario": lambda m: rc.simulate_scenario(m["plain"], m["scenario"], draws=2),
    "small_hsiao": lambda m: rc.small_hsiao(m["plain"], ["c"]),
    "surplus": lambda m: rc.surplus(m["plain"], m["data"]),
    "tree_probabilities": lambda m: rc.tree_probabilities(m["nested"]),
    "utility_maximisation_test": lambda m: rc.utility_maximisation_test(m["nested"]),
    "vuong_test": lambda m: rc.vuong_test(m["small"], m["other"]),
    "vuong_variance_test": lambda m: rc.vuong_variance_test(m["small"], m["other"]),
    "weights_test": lambda m: rc.weights_test(rc.MultinomialLogit("chosen ~ cost"), m["weighted"]),
    "welfare_change": lambda m: rc.welfare_change(m["plain"], m["data"]),
    "willingness_to_pay": lambda m: rc.willingness_to_pay(m["other"], ["cost:size"], cost="log(1 + cost)"),
}
WITHOUT_DATA = {"show_versions"}

METHODS: dict[str, Callable[[Any], Any]] = {
    "params": lambda fit: fit.params,
    "bse": lambda fit: fit.bse,
    "null_values": lambda fit: fit.null_values,
    "tvalues": lambda fit: fit.tvalues,
    "pvalues": lambda fit: fit.pvalues,
    "conf_int": lambda fit: fit.conf_int(),
    "cov_params": lambda fit: fit.cov_params(),
    "wald_test": lambda fit: fit.wald_test("cost = 0"),
    "profile_conf_int": lambda fit: fit.profile_conf_int(parameters=["cost"]),
    "lr_test": lambda fit: fit.lr_test("cost = 0"),
    "bootstrap": lambda fit: fit.bootstrap(9, seed=1),
    "jackknife": lambda fit: fit.jackknife(groups="town"),
    "wild_test": lambda fit: fit.wild_test("cost = 0", groups="town", draws=99),
    "with_cov": lambda fit: fit.with_cov("robust"),
    "predict": lambda fit: fit.predict(),
    "summary": lambda fit: fit.summary(),
    "performance": lambda fit: fit.performance(),
    "parameters": lambda fit: fit.parameters,
    "trace": lambda fit: fit.trace,
    "__maketables_coef_table__": lambda fit: fit.__maketables_coef_table__,
    "repr": lambda fit: fit,
}
WITHOUT_FRAME = {"save", "model"}

RECORDS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "data": lambda m: m["data"],
    "row_frame": lambda m: m["data"].row_frame(),
    "case_frame": lambda m: m["data"].case_frame(),
    "choice_shares": lambda m: m["data"].choice_shares(),
    "Derived.table": lambda m: rc.shares(m["plain"]).table,
    "Derived.matrix": lambda m: rc.marginal_effects(m["plain"]).matrix(variable="cost"),
    "ScenarioComparison.table": lambda m: rc.compare_scenarios(m["plain"], m["scenario"]).table,
    "Microsimulation.switches": lambda m: rc.simulate_scenario(m["plain"], m["scenario"], draws=2).switches,
    "ElasticityBounds.table": lambda m: rc.elasticity_bounds(m["plain"], "cost").table,
    "CrossValidation.table": lambda m: rc.cross_validate(m["plain"], folds=2).table,
    "Resampled.replicates": lambda m: m["plain"].bootstrap(9, seed=1).replicates,
    "Resampled.conf_int": lambda m: m["plain"].bootstrap(9, seed=1).conf_int(kind="normal"),
    "Resampled.bse": lambda m: m["plain"].bootstrap(9, seed=1).bse,
    "OrderedResults": lambda m: m["ordered"],
    "OrderedResults.summary": lambda m: m["ordered"].summary(),
    "OrderedResults.bse": lambda m: m["ordered"].bse,
    "OrderedResults.predict": lambda m: m["ordered"].predict(),
    "OrderedResults.factor_order": lambda m: m["ordered"].factor_order("kind"),
    "OrderedResults.wald_test": lambda m: m["ordered"].wald_test("kind[T.v] = 0"),
    "Moves": lambda m: moves_of(m),
    "PlaceVariable": lambda m: network.group_stock(moves_of(m), m["moves"], group="town"),
}


def moves_of(m: Mapping[str, Any]) -> network.Moves:
    return network.Moves.read(m["moves"], firm="case", place="place", period="year")


def says_so(found: Any) -> bool:
    """Whether a table carries the line, and whatever prints begins with it."""
    if isinstance(found, tuple):
        return all(map(says_so, found))
    if isinstance(found, pd.DataFrame | pd.Series):
        return found.attrs.get("provenance") == LINE
    first = next(line for line in str(found).splitlines() if line.strip("= "))
    html = found._repr_html_() if hasattr(found, "_repr_html_") else LINE
    return bool(re.match(rf"\s*(<TestResult )?\[{LINE}\]", first)) and LINE in html


def test_no_public_function_is_forgotten() -> None:
    public = {name for name in rc.__all__ if isinstance(getattr(rc, name), FunctionType)}
    assert public == FUNCTIONS.keys() | WITHOUT_DATA


def test_no_method_of_a_fit_is_forgotten() -> None:
    handed = {
        name
        for name, member in vars(rc.ChoiceResults).items()
        if not name.startswith("_") and isinstance(member, property | FunctionType)
    }
    numbers = {name for name in handed if re.fullmatch(r"(prs|llr|aic|bic|df_|cov_type|default_).*", name)}
    assert handed - numbers <= METHODS.keys() | WITHOUT_FRAME


@pytest.mark.filterwarnings("ignore::relocchoice.ConvergenceWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_say_it(made: dict[str, Any], tmp_path: Path, name: str) -> None:
    assert says_so(FUNCTIONS[name]({**made, "folder": tmp_path}))


@pytest.mark.filterwarnings("ignore::relocchoice.ConvergenceWarning")
@pytest.mark.parametrize("name", METHODS)
def test_fits_say_it(made: dict[str, Any], name: str) -> None:
    assert says_so(METHODS[name](made["plain"]))


@pytest.mark.parametrize("name", RECORDS)
def test_records_say_it(made: dict[str, Any], name: str) -> None:
    assert says_so(RECORDS[name](made))


def test_a_frame_of_observed_data_says_nothing() -> None:
    table = choices()
    table.attrs = {}
    fit = rc.MultinomialLogit("chosen ~ cost", base="a").fit(read(table))
    assert "provenance" not in fit.predict().attrs
    assert "provenance" not in fit.params.attrs
    assert str(fit.wald_test("cost = 0")).startswith("H0")
    assert str(read(table)).startswith("ChoiceData")
