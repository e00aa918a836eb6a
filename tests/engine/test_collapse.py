"""Collapsed or not, a problem gives the same numbers; what is not the same is never put together."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
import relocchoice.engine.bind as bind_module
import relocchoice.engine.collapse as collapse_module
from builders import LAMBDAS, NESTS, PLACES, agree, choice_data, choice_frame
from relocchoice.engine.bind import bind
from relocchoice.engine.collapse import representatives, same_cases
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import reference_of
from relocchoice.spec.columns import Column, UtilityColumns

PRICE = dict(zip(PLACES, (1.5, 0.5, 0.2, 2.0, 0.7), strict=True))
TAX = dict(zip(PLACES, (1.0, 0.0, 1.0, 1.0, 0.0), strict=True))
MODELS = {
    "zones only": rc.MultinomialLogit("chosen ~ log(price) + tax | 0"),
    "constants": rc.MultinomialLogit("chosen ~ 0 | 1"),
    "case-specific": rc.MultinomialLogit("chosen ~ log(price) | 0 + big", base="metro"),
    "zone x case": rc.MultinomialLogit("chosen ~ price + tax:big | 0"),
    "own coefficients": rc.MultinomialLogit("chosen ~ 0 | 0 + big | price", base="county", fixed={"price:metro": 0.1}),
    "offset": rc.MultinomialLogit("chosen ~ 0 | big", offset="log(price)"),
    "by hand": rc.MultinomialLogit(
        rc.UtilitySpec(
            {
                "coast": {"a": 1, "b": "big"},
                "metro": {"b": "big", "c": "price"},
                "county": {},
                "interior": {},
                "township": {},
            },
            everywhere={"tax": "tax", "p": "price"},
        )
    ),
    "nested": rc.NestedLogit(
        "chosen ~ log(price) + tax | 0 + big", {"near": ["township", "county"], "away": PLACES[:1] + PLACES[2:4]}
    ),
    "nested deep": rc.NestedLogit("chosen ~ tax:big + log(price) | 0", NESTS),
    "nested common": rc.NestedLogit("chosen ~ price + tax | 0 + big", NESTS, lambdas="common", normalisation="none"),
}
every_model = pytest.mark.parametrize("name", MODELS)


def frame(n: int = 400, available: float = 1.0) -> pd.DataFrame:
    """Moves that differ in whether the firm is big and, with ``available`` below one, in one of a few choice sets."""
    out = choice_frame(n, 3, nests=NESTS, lambdas=LAMBDAS)
    out["big"] = (out["size"] > 1).astype(float)
    out["price"], out["tax"] = out["place"].map(PRICE), out["place"].map(TAX)
    if available < 1:
        shut = (out["move"] % 3 == 1) & (out["place"] == "interior") | (out["move"] % 5 == 2) & (
            out["place"] == "coast"
        )
        out = out[~(shut & ~out["chosen"])]
    return out.reset_index(drop=True)


def weighted(data: rc.ChoiceData, kind: str) -> rc.ChoiceData:
    rng = np.random.default_rng(5)
    if kind == "none":
        return data
    counts = rng.integers(0, 4, data.n_cases)
    return data.with_weights(counts if kind == "frequency" else counts + rng.random(data.n_cases), kind)


def both(model, data, monkeypatch) -> tuple[Problem, Problem]:
    """The problem with equal cases put together, and with every case by itself."""
    columns = model.spec.specification.learn(data, model.spec.base).columns(data)
    together = bind(model.spec, columns, data)
    with monkeypatch.context() as patch:
        patch.setattr(bind_module, "representatives", lambda data, columns: None)
        apart = bind(model.spec, columns, data)
    return together, apart


def same(left, right):
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12 * (np.abs(right).max() + 1e-300))


@every_model
@pytest.mark.parametrize("kind", ["none", "frequency", "sampling"])
@pytest.mark.parametrize("available", [1.0, 0.8])
def test_collapsed_is_not_collapsed(monkeypatch, name, kind, available):
    data = weighted(choice_data(frame(available=available)), kind)
    together, apart = both(MODELS[name], data, monkeypatch)
    laid_out = sum(chunk.n_cases for chunk in together.design.chunks)
    assert laid_out <= 40 < sum(chunk.n_cases for chunk in apart.design.chunks) == data.n_cases
    q = together.jacobian.shape[1]
    for free in (np.linspace(0.4, 0.9, q), np.linspace(0.8, 0.3, q)):
        left, right = together.evaluate(free), apart.evaluate(free)
        for part in ("value", "gradient", "hessian", "opg", "opg_squared"):
            same(getattr(left, part), getattr(right, part))
        same(together.loglik_by_case(free), apart.loglik_by_case(free))
        same(together.scores(free), apart.scores(free))
        theta = apart.internal(free)
        same(together.probabilities(theta, 5), apart.probabilities(theta, 5))
        same(together.utility_gains(free, 5), apart.utility_gains(free, 5))
    same(reference_of(together).sizes, reference_of(apart).sizes)
    same(together.to_user, apart.to_user)


@every_model
def test_other_weights_may_be_put_in(monkeypatch, name):
    together, apart = both(MODELS[name], choice_data(frame()), monkeypatch)
    weights = np.random.default_rng(2).integers(0, 3, len(together.weights)).astype(float)
    free = np.linspace(0.5, 0.8, together.jacobian.shape[1])
    left, right = (replace(problem, weights=weights).evaluate(free) for problem in (together, apart))
    for part in ("value", "gradient", "hessian", "opg", "opg_squared"):
        same(getattr(left, part), getattr(right, part))


@pytest.mark.parametrize("name", ["zones only", "case-specific", "offset", "nested common"])
@pytest.mark.parametrize("kind", ["none", "frequency", "sampling"])
def test_fits_and_covariances_agree(monkeypatch, name, kind):
    data = weighted(choice_data(frame(600, 0.8), unit="firm") if kind == "none" else choice_data(frame(600)), kind)
    groups = np.arange(data.n_cases) % 37
    fit = MODELS[name].fit(data, "robust")
    assert fit.problem.problem.lane_of is not None
    with monkeypatch.context() as patch:
        patch.setattr(bind_module, "representatives", lambda data, columns: None)
        plain = MODELS[name].fit(data, "robust")
    assert plain.problem.problem.lane_of is None
    assert fit.llf == pytest.approx(plain.llf, rel=1e-12)
    assert fit.nobs == plain.nobs
    agree(fit.params, plain.params, 1e-8)
    for cov in ("robust", "cluster") if kind == "sampling" else ("robust", "cluster", "hessian", "opg"):
        chosen = {"groups": groups} if cov == "cluster" else {}
        agree(fit.with_cov(cov, **chosen).bse, plain.with_cov(cov, **chosen).bse, 1e-7)
    pd.testing.assert_frame_equal(fit.predict(), plain.predict(), rtol=1e-8)
    pd.testing.assert_frame_equal(fit.predict(data.select(slice(0, 7))), plain.predict().iloc[:7], rtol=1e-8)


def test_separated_data_get_the_same_verdict(monkeypatch):
    table = frame()
    metro = table.loc[table["chosen"] & (table["place"] == "metro"), "move"]
    table = table[~((table["big"] == 1) & table["move"].isin(metro))]
    data = choice_data(table.reset_index(drop=True))
    model = MODELS["case-specific"]
    with pytest.warns(rc.ConvergenceWarning):
        fit = model.fit(data)
    assert fit.problem.problem.lane_of is not None
    monkeypatch.setattr(bind_module, "representatives", lambda data, columns: None)
    with pytest.warns(rc.ConvergenceWarning):
        plain = model.fit(data)
    assert fit.identification == plain.identification
    assert fit.parameters["status"].tolist() == plain.parameters["status"].tolist()


def columns_of(model, data) -> UtilityColumns:
    return model.spec.specification.learn(data, model.spec.base).columns(data)


def test_cases_are_told_apart_by_set_choice_and_every_column():
    data = choice_data(frame(300, 0.8))
    columns = columns_of(MODELS["offset"], data)
    first = same_cases(data, columns)
    key = {}
    for case in range(data.n_cases):
        rows = slice(data.offsets[case], data.offsets[case + 1])
        at = {"case": slice(case, case + 1), "row": rows}
        values = [tuple(column.values[at[column.level]]) for column in columns.columns if column.values is not None]
        whole = (data.chosen[case], tuple(data.row_alternative[rows]), *values, tuple(columns.offset[rows]))
        assert first[case] == key.setdefault(whole, case)
    cells = same_cases(data, columns, by_choice=False)
    assert len(np.unique(cells)) < len(np.unique(first))
    assert (np.diff(data.offsets) == np.diff(data.offsets)[cells]).all()


@pytest.mark.parametrize("level", ["case", "row", "offset"])
def test_one_value_that_differs_keeps_cases_apart(level):
    data = choice_data(frame(100))
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, data.n_cases if level == "case" else data.n_rows).astype(float)
    blank = np.zeros(data.n_rows)
    column = Column("x", "row" if level == "offset" else level, blank if level == "offset" else values, 0)
    columns = UtilityColumns(("x",), (column,), values if level == "offset" else None)
    first = same_cases(data, columns)
    wide = values[:, None] if level == "case" else values.reshape(data.n_cases, -1)
    np.testing.assert_array_equal(wide, wide[first])
    np.testing.assert_array_equal(data.chosen, data.chosen[first])
    together = pd.DataFrame(wide).assign(chosen=data.chosen).drop_duplicates()
    assert len(np.unique(first)) == len(together)


def test_fingerprints_that_collide_put_nothing_together(monkeypatch):
    data = choice_data(frame(100))
    monkeypatch.setattr(collapse_module, "_mixed", np.zeros_like)
    np.testing.assert_array_equal(same_cases(data, columns_of(MODELS["case-specific"], data)), np.arange(100))


def test_different_cases_stay_apart():
    data = choice_data(choice_frame(400))
    for model in (rc.MultinomialLogit("chosen ~ cost"), rc.MultinomialLogit("chosen ~ price | 0 + assets")):
        assert representatives(data, columns_of(model, data)) is None
        assert model.fit(data).problem.problem.lane_of is None


def test_many_cells_among_many_cases_are_found():
    """5,000 cells of 20,000 cases: nearly all of a sample of 2,000 differ, and yet it pays."""
    rng = np.random.default_rng(0)
    n = 20_000
    cell = rng.integers(0, 2500, n).astype(float)
    table = {"x": cell, "choice": np.where(rng.random(n) < 0.5, "a", "b")}
    data = rc.ChoiceData.from_wide(table, chosen="choice", alternatives=["a", "b"])
    columns = columns_of(rc.MultinomialLogit("choice ~ 0 | x"), data)
    first = representatives(data, columns)
    assert first is not None
    assert len(np.unique(first)) == len({*zip(cell, data.chosen, strict=True)})


def test_looking_for_equal_cases_costs_next_to_nothing():
    """With values of their own for every case, a small sample is looked at, whatever the size of the data."""
    rng = np.random.default_rng(0)
    n, width = 20_000, 10
    table = pd.DataFrame(rng.normal(size=(n * width, 6)), columns=list("uvwxyz"))
    table["case"], table["place"] = np.repeat(np.arange(n), width), np.tile(np.arange(width), n)
    table["chosen"] = table["place"] == np.repeat(rng.integers(0, width, n), width)
    data = rc.ChoiceData.from_long(table, case="case", alternative="place", chosen="chosen")
    columns = columns_of(rc.MultinomialLogit("chosen ~ u + v + w + x + y + z | 0"), data)
    looking, hashing = [], []
    for _ in range(5):
        for taken, action in (
            (looking, lambda: representatives(data, columns)),
            (hashing, lambda: pd.util.hash_pandas_object(table[list("uvwxyz")], index=False)),
        ):
            began = time.perf_counter()
            action()
            taken.append(time.perf_counter() - began)
    assert min(looking) < 0.5 * min(hashing)
