"""Counts computed on one case a choice set and group give what all cases laid out give."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
import relocchoice.data.counts as counts_module
from builders import agree
from relocchoice.engine.counted import CountedProblem
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import reference_of

N_ZONES = 12
NAMES = [f"z{k:02d}" for k in range(N_ZONES)]
NESTS = {"north": NAMES[:4], "south": {"coast": NAMES[4:7], "inland": NAMES[7:10]}, NAMES[10]: None, NAMES[11]: None}
BY_HAND = rc.UtilitySpec({}, everywhere={"r": "rent", "t": "tax"})
MODELS = {
    "zones only": rc.MultinomialLogit("chosen ~ log(rent) + tax | 0"),
    "categories": rc.MultinomialLogit("chosen ~ rent + region | 0"),
    "constants": rc.MultinomialLogit("chosen ~ 0 | big"),
    "zone x kind": rc.MultinomialLogit("chosen ~ rent + tax:big | 0"),
    "own coefficients": rc.MultinomialLogit("chosen ~ 0 | 0 | rent", fixed={"rent:z03": 0.1}),
    "offset": rc.MultinomialLogit("chosen ~ rent | 0 + big", offset="tax"),
    "fixed, offset": rc.MultinomialLogit("chosen ~ rent + tax | 0", offset="far", fixed={"tax": 0.3}),
    "by hand": rc.MultinomialLogit(BY_HAND),
    "nested": rc.NestedLogit("chosen ~ rent + tax | 0", NESTS),
    "nested, kinds": rc.NestedLogit("chosen ~ rent + tax:big | 0", NESTS, lambdas="common"),
    "nested, not normalised": rc.NestedLogit("chosen ~ rent + tax | 0", NESTS, normalisation="none"),
    "nested, offset": rc.NestedLogit("chosen ~ rent | 0", NESTS, offset="tax", fixed={"lambda:coast": 0.8}),
}
CASE_FIELDS = ("cases", "chosen", "weights", "weight_kind", "case_columns", "names")
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def always_shared(monkeypatch):
    monkeypatch.setattr(counts_module, "SHARED_ROWS", 0)


def counted(kind: str = "kinds", n: int = 4000) -> rc.ChoiceData:
    """Firms of four kinds, of which big alone matters; ``"shut"``: small ones could not choose three of the zones."""
    rng = np.random.default_rng(5)
    zones = pd.DataFrame(
        {
            "zone": NAMES,
            "rent": np.exp(rng.normal(size=N_ZONES)),
            "tax": rng.normal(size=N_ZONES),
            "far": 100.0 + rng.normal(size=N_ZONES),
            "region": [f"r{k % 3}" for k in range(N_ZONES)],
        }
    )
    v = -0.4 * zones["rent"] + 0.5 * zones["tax"]
    firms = pd.DataFrame({"big": rng.integers(0, 2, n).astype(float), "hue": rng.integers(0, 2, n)})
    draws = v.to_numpy() * (1 + firms["big"].to_numpy()[:, None]) + rng.gumbel(size=(n, N_ZONES))
    if kind == "shut":
        draws[np.ix_(firms["big"] == 0, [2, 5, 11])] = -np.inf
    firms["town"] = np.array(NAMES)[draws.argmax(axis=1)]
    if kind == "one":
        return rc.ChoiceData.from_zones(zones.assign(big=1.0), zone="zone", chosen=firms["town"])
    if kind != "shut":
        return rc.ChoiceData.from_zones(zones, zone="zone", firms=firms, chosen="town", by=["big", "hue"])
    table = firms.groupby(["big", "hue", "town"]).size().rename("n").reset_index()
    table = (
        zones.rename(columns={"zone": "town"})
        .merge(firms[["big", "hue"]].drop_duplicates(), how="cross")
        .merge(table, how="left", on=["big", "hue", "town"])
    )
    table = table[(table["big"] == 1) | ~table["town"].isin([NAMES[k] for k in (2, 5, 11)])].fillna({"n": 0})
    return rc.ChoiceData.from_counts(
        table, count="n", alternative="town", cell=["big", "hue"], absent="unavailable", unit="big"
    )


def weighted(data: rc.ChoiceData, kind: str | None) -> rc.ChoiceData:
    if kind is None:
        return data
    rng = np.random.default_rng(3)
    return data.with_weights(rng.integers(0 if kind == "frequency" else 1, 9, data.n_cases).astype(float), kind)


def unlaid(problem: Problem) -> bool:
    try:
        object.__getattribute__(problem.design, "chunks")
    except AttributeError:
        return True
    return False


def spelled(data: rc.ChoiceData) -> bool:
    try:
        object.__getattribute__(data, "row_columns")
    except AttributeError:
        return False
    return True


def plain(problem: Problem) -> Problem:
    """The same problem with all cases laid out."""
    p = problem
    design = replace(p.design, chunks=p.design.chunks)
    shapes = p.shape_constant, p.shape_matrix
    return Problem(design, tuple(p.families), p.space, *shapes, p.weights, p.weight_scale, lane_of=p.lane_of)


def fitted(model, data, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rc.ConvergenceWarning)
        return model.fit(data, *args, **options)


def same(left, right) -> None:
    left, right = np.asarray(left), np.asarray(right)
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-10 * max(1.0, np.abs(right).max()))


@every_model
@pytest.mark.parametrize("kind", ["one", "kinds", "shut"])
@pytest.mark.parametrize("weights", ["sampling"])
def test_every_sum_is_that_of_all_cases(name, kind, weights):
    if kind == "one" and "big" in MODELS[name].spec.formula_text and "tax:big" not in MODELS[name].spec.formula_text:
        return  # one kind of firms tells nothing of what tells kinds apart
    if kind == "shut" and name == "constants":
        return  # only large firms could choose three of the zones: their constants are not told from their sizes
    data = weighted(counted(kind), weights)
    few = fitted(MODELS[name], data).problem.problem
    assert isinstance(few, CountedProblem)
    assert unlaid(few)
    assert not few.laid_out
    rng = np.random.default_rng(1)
    for other in (few.weights, rng.integers(0, 3, data.n_cases).astype(float)):
        few = replace(few, weights=other)
        whole = plain(few)
        assert (few.lane_of is None) == (whole.lane_of is None)
        for free in rng.uniform(0.3, 0.9, (2, few.jacobian.shape[1])):
            left, right = few.evaluate(free), whole.evaluate(free)
            for part in ("value", "gradient", "hessian", "opg", "opg_squared"):
                same(getattr(left, part), getattr(right, part))
            same(few.loglik_by_case(free), whole.loglik_by_case(free))
            same(few.scores(free), whole.scores(free))
            theta = whole.internal(free)
            same(few.probabilities(theta, N_ZONES), whole.probabilities(theta, N_ZONES))
            same(few.utility_gains(free, N_ZONES), whole.utility_gains(free, N_ZONES))
        same(few.moments(), whole.moments())
        left, right = reference_of(few), reference_of(whole)
        same(left.information, right.information)
        same(left.sizes, right.sizes)


@every_model
@pytest.mark.parametrize("weights", ["frequency", "sampling"])
def test_fits_are_those_of_data_with_rows_of_their_own(name, weights):
    data = weighted(counted(), weights)
    own = replace(data)
    assert data.shared is not None
    assert own.shared is None
    few, whole = fitted(MODELS[name], data, "robust"), fitted(MODELS[name], own, "robust")
    assert isinstance(few.problem.problem, CountedProblem)
    assert not isinstance(whole.problem.problem, CountedProblem)
    assert few.llf == pytest.approx(whole.llf, rel=1e-12)
    assert (few.llnull, few.nobs, few.converged) == (whole.llnull, whole.nobs, whole.converged)
    assert few.llconstants == pytest.approx(whole.llconstants, rel=1e-12)
    assert few.identification.verdict == whole.identification.verdict
    agree(few.params, whole.params, 1e-7)
    groups = np.arange(data.n_cases) % 7
    for cov, more in (("robust", {}), ("cluster", {"groups": groups})):
        agree(few.with_cov(cov, **more).bse, whole.with_cov(cov, **more).bse, 1e-6)
    if name == "zone x kind":
        agree(few.with_cov("bootstrap", draws=20).bse, whole.with_cov("bootstrap", draws=20).bse, 1e-6)
    pd.testing.assert_frame_equal(few.predict(), whole.predict(), rtol=1e-7)
    pd.testing.assert_frame_equal(few.predict(own), whole.predict(data), rtol=1e-7)


def test_neither_rows_nor_chunks_are_made_for_a_fit():
    data = counted()
    for name in ("zones only", "zone x kind", "fixed, offset", "nested"):
        fit = fitted(MODELS[name], data, "robust")
        assert str(fit.summary())
        assert unlaid(fit.problem.problem)
        fit.predict()
        fit.with_cov("cluster", groups=np.arange(data.n_cases) % 5)
        assert unlaid(fit.problem.problem)
    assert repr(data)
    assert "rent" in data.columns
    assert not spelled(data)
    assert data.n_rows == len(data.row_alternative)
    assert not spelled(data.with_weights(np.ones(data.n_cases), "sampling").with_provenance("made up"))


def test_what_looks_at_the_pairs_sees_all_of_them():
    data = counted()
    own = replace(data)
    for name in ("zones only", "nested"):
        few, whole = (MODELS[name].fit(part, penalty="firth") for part in (data, own))
        agree(few.params, whole.params, 1e-7)
        assert few.llf_penalised == pytest.approx(whole.llf_penalised, rel=1e-11)
    few, whole = (MODELS["zone x kind"].fit(part, penalty=rc.Ridge(sd=0.1)) for part in (data, own))
    agree(few.params, whole.params, 1e-7)


@pytest.mark.parametrize("model", ["dummy", "nested dummy"])
def test_separation_is_found_as_before(model):
    data = counted("one")
    never = "z07"
    zones = pd.DataFrame({"zone": NAMES, "only": [float(name == never) for name in NAMES], "n": 0.0, "rent": 0.0})
    zones["rent"] = data.row_columns["rent"].to_numpy()[:N_ZONES]
    zones["n"] = np.where(zones["zone"] == never, 0.0, data.choice_shares()["count"].to_numpy())
    data = rc.ChoiceData.from_zones(zones, zone="zone", count="n")
    assert data.shared is not None
    formula = "chosen ~ rent + only | 0"
    chosen = rc.MultinomialLogit(formula) if model == "dummy" else rc.NestedLogit(formula, NESTS, lambdas="common")
    few, whole = fitted(chosen, data), fitted(chosen, replace(data))
    assert few.identification.infinite == whole.identification.infinite == (("only", -1),)
    assert few.llf == pytest.approx(whole.llf, rel=1e-10)
    agree(few.params[["rent"]], whole.params[["rent"]], 1e-6)
    assert [str(finding) for finding in chosen.check(data)] == [str(f) for f in chosen.check(replace(data))]


@pytest.mark.parametrize("formula", ["chosen ~ scale(rent) + tax | 0", "chosen ~ rent + center(tax) | 0"])
def test_transformations_that_learn_from_rows_see_all_rows(formula):
    data = counted("one")
    few, whole = rc.MultinomialLogit(formula).fit(data), rc.MultinomialLogit(formula).fit(replace(data))
    assert not isinstance(few.problem.problem, CountedProblem)
    agree(few.params, whole.params, 1e-13)


@pytest.mark.parametrize(
    "formula",
    [
        "chosen ~ nothing | 0",
        "chosen ~ rent | tax",
        "chosen ~ big | 0",
        "chosen ~ rent + hole | 0",
        "firm ~ rent | 0",
        "chosen ~ rent + twice | 0",
    ],
)
def test_errors_are_those_of_the_cases(formula):
    data = counted()
    rows = data.row_columns
    hole = rows["rent"].where(rows["rent"] != rows["rent"].iloc[4])
    own = replace(data, row_columns={**rows, "hole": hole, "twice": 2.0 * rows["rent"]})
    sets = data.shared.sets
    rent = sets.row_columns["rent"]
    held = {"hole": rent.where(rent != rent.iloc[4]), "twice": 2.0 * rent}
    data = counts_module.sharing(
        replace(sets, row_columns={**sets.row_columns, **held}),
        data.shared.of_case,
        **{
            name: getattr(data, name) for name in ("cases", "chosen", "weights", "weight_kind", "case_columns", "names")
        },
    )
    messages = []
    for part in (data, own):
        with pytest.raises((rc.DataError, rc.SpecificationError, rc.IdentificationError)) as error:
            rc.MultinomialLogit(formula).fit(part)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_records_and_fits_survive_copies():
    data = counted()
    fit = MODELS["nested"].fit(data)
    again = pickle.loads(pickle.dumps(data))
    pd.testing.assert_frame_equal(again.row_frame(), data.row_frame())
    agree(MODELS["nested"].fit(again).params, fit.params, 1e-9)
    problem = pickle.loads(pickle.dumps(fit.problem.problem))
    free = fit.moments.free
    same(problem.evaluate(free).hessian, fit.problem.problem.evaluate(free).hessian)
    with pytest.raises(AttributeError, match="no attribute 'rows'"):
        _ = data.rows


def test_small_tables_have_rows_of_their_own(monkeypatch):
    monkeypatch.undo()
    assert counted().shared is None


def test_a_large_table_is_never_spelled_out(monkeypatch):
    monkeypatch.undo()
    rng = np.random.default_rng(0)
    width, n = 600, 60_000
    zones = pd.DataFrame({"zone": np.arange(width), "rent": rng.normal(size=width), "tax": rng.normal(size=width)})
    chosen = rng.integers(0, width, n)
    model = rc.NestedLogit("chosen ~ rent + tax | 0", {f"n{m}": list(range(100 * m, 100 * m + 100)) for m in range(6)})
    tracemalloc.start()
    try:
        fit = fitted(model, rc.ChoiceData.from_zones(zones, zone="zone", chosen=chosen))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fit.nobs == n
    assert unlaid(fit.problem.problem)
    assert peak < 4 * 8 * 6 * width * 6 + 20e6  # a few arrays of leaders x zones
