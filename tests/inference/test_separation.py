"""The separation certificate against brute-force linear programming, and the limit it leads to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count, islice, product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import relocchoice as rc
from builders import NESTS, choice_data, choice_frame
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.limit import pushed, without
from relocchoice.engine.search import SearchOptions, reference_information, reference_of, search
from relocchoice.errors import OptionError
from relocchoice.inference.separation import Certificate, certify, dropped, limit_problem, separation_findings
from relocchoice.relocation.reproduce_destination_data import all_forms, destination_counts


def bound_of(model, data) -> Bound:
    spec = model.spec
    return Bound(data, bind(spec, spec.specification.learn(data, spec.base).columns(data), data))


def certificate_of(model, data) -> Certificate:
    return certify(model.spec, bound_of(model, data))


def pairs_of(certificate: Certificate, data) -> set[tuple[object, object]]:
    labels = zip(certificate.case, certificate.alternative, strict=True)
    return {(data.cases[i], data.alternatives[j]) for i, j in labels}


def maximum_of(problem):
    return search(problem, reference_of(problem), None, SearchOptions(), None).maximum


# --- random sparse tables --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A sparse table as choices, and its differences built by hand: one row a pair, one column a parameter."""

    data: rc.ChoiceData
    formula: str
    names: list[str]
    pairs: list[tuple[int, str]]
    rows: np.ndarray


def sparse_table(seed: int) -> Table | None:
    """None where the table leaves parameters that no data of its kind could tell apart."""
    rng = np.random.default_rng(seed)
    n_cells, n_places = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    places = [f"p{j}" for j in range(n_places)]
    kind = ("saturated", "unsaturated", "conditional")[seed % 3]
    counts = rng.poisson(rng.choice([0.4, 1.0, 2.5]), (n_cells, n_places))
    there = rng.random((n_cells, n_places)) < (1.0 if seed % 2 else 0.75)
    x = rng.integers(-2, 3, (n_cells, n_places)).astype(float)
    z = rng.integers(0, 3, n_cells).astype(float)
    formula = {
        "saturated": "chosen ~ 0 | cell",
        "unsaturated": "chosen ~ 0 | z",
        "conditional": "chosen ~ x | 1",
    }[kind]
    counts = np.where(there & (there.sum(axis=1, keepdims=True) > 1), counts, 0)
    used = np.flatnonzero(counts.any(axis=1))
    columns: dict[str, np.ndarray] = {"x": x} if kind == "conditional" else {}
    shown = np.flatnonzero(there[used].any(axis=0)) if len(used) else np.empty(0, dtype=int)
    for j in shown[shown > 0]:
        own = np.zeros((n_cells, n_places))
        own[:, j] = 1.0
        columns[f"Intercept:p{j}"] = own
        if kind == "saturated":
            columns |= {f"cell[T.c{c}]:p{j}": own * (np.arange(n_cells) == c)[:, None] for c in used[1:]}
        if kind == "unsaturated":
            columns[f"z:p{j}"] = own * z[:, None]
    long, pairs, rows, case = [], [], [], 0
    for c, y in product(range(n_cells), range(n_places)):
        if not counts[c, y]:
            continue
        for j in np.flatnonzero(there[c]):
            row = {"case": case, "place": places[j], "chosen": j == y, "n": int(counts[c, y])}
            long.append({**row, "cell": f"c{c}", "z": z[c], "x": x[c, j]})
            if j != y:
                pairs.append((case, places[j]))
                rows.append([value[c, y] - value[c, j] for value in columns.values()])
        case += 1
    rank = np.linalg.matrix_rank(np.array(rows)) if rows else 0
    if len(used) < 2 or 0 not in shown or rank < len(columns):
        return None
    data = rc.ChoiceData.from_long(pd.DataFrame(long), case="case", alternative="place", chosen="chosen", weights="n")
    return Table(data, formula, list(columns), pairs, np.array(rows))


def reach(rows: np.ndarray, objective: np.ndarray) -> float:
    """The largest objective'd with no row losing and all |d| <= 1."""
    solved = linprog(-objective, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
    assert solved.status == 0
    return -solved.fun


def by_force(table: Table) -> tuple[set[tuple[int, str]], dict[str, int], set[str]]:
    """Separated pairs, signs, undetermined: one linear programme a row, two a parameter."""
    distinct, which = np.unique(table.rows, axis=0, return_inverse=True)
    gains = np.array([reach(distinct, row) > 1e-7 for row in distinct])[which.ravel()]
    gone = {pair for pair, gain in zip(table.pairs, gains, strict=True) if gain}
    signs, unsure = {}, set()
    for name, axis in zip(table.names, np.eye(len(table.names)), strict=True):
        up, down = reach(distinct, axis) > 1e-7, reach(distinct, -axis) > 1e-7
        if up != down:
            signs[name] = 1 if up else -1
        elif up:
            unsure.add(name)
    return gone, signs, unsure


def model_of(table: Table) -> rc.MultinomialLogit:
    return rc.MultinomialLogit(table.formula, base="p0")


def sparse_tables(start: int, stop: int) -> list[Table]:
    return list(islice((table for seed in count() if (table := sparse_table(seed)) is not None), start, stop))


@pytest.fixture(scope="module")
def tables() -> list[tuple[Table, Certificate]]:
    return [(table, certificate_of(model_of(table), table.data)) for table in sparse_tables(0, 40)]


def compared_with_force(table: Table, certificate: Certificate) -> str:
    """The kind, after comparing everything."""
    gone, signs, unsure = by_force(table)
    kind = "none" if not gone else "complete" if len(gone) == len(table.pairs) else "quasi-complete"
    assert pairs_of(certificate, table.data) == gone
    assert certificate.kind == kind
    assert dict(certificate.infinite) == signs
    assert set(certificate.undetermined) == unsure
    assert certificate.exact
    return kind


def test_on_sparse_tables_it_finds_what_brute_force_finds(tables):
    kinds = [compared_with_force(table, certificate) for table, certificate in tables]
    assert min(kinds.count(kind) for kind in ("none", "complete", "quasi-complete")) >= 3


@pytest.mark.slow
def test_on_160_more_sparse_tables_as_well():
    kinds = [
        compared_with_force(table, certificate_of(model_of(table), table.data)) for table in sparse_tables(40, 200)
    ]
    assert min(kinds.count(kind) for kind in ("none", "complete", "quasi-complete")) >= 5


def test_along_the_direction_every_separated_pair_gains_and_no_other_changes(tables):
    for table, certificate in tables:
        direction = dict(zip(certificate.names, certificate.direction, strict=True))
        gains = table.rows @ [direction[name] for name in table.names]
        gone = pairs_of(certificate, table.data)
        separated = np.array([pair in gone for pair in table.pairs])
        assert (gains[separated] > 1e-3).all()
        assert np.abs(gains[~separated]).max(initial=0.0) < 1e-12


def test_the_full_problem_reaches_the_limit_when_it_is_pushed(tables):
    for table, certificate in tables:
        bound = bound_of(model_of(table), table.data)
        held = limit_problem(certificate, bound)
        found = maximum_of(held.problem)
        assert found.status == "maximum"
        pairs = certificate.case, certificate.alternative
        full = bound.problem.evaluate(pushed(bound.problem, held.lift(found.x), certificate.free_direction, *pairs))
        assert full.value == pytest.approx(found.evaluation.value, abs=1e-10)
        assert np.abs(full.gradient).max() < 1e-6


# --- Table 6 ---------------------------------------------------------------------------------------------------------


def test_on_table_6_it_names_exactly_the_empty_cells():
    data = all_forms()
    counts = destination_counts().pivot_table(
        "count", "form", "destination", aggfunc="sum", fill_value=0, observed=True
    )
    certificate = certificate_of(rc.MultinomialLogit("destination ~ 0 | form", base="township"), data)
    empty = {(form, place) for form in counts.index for place in counts.columns if counts.loc[form, place] == 0}
    assert len(empty) == 19
    expected = {(f"form[T.{form}]:{place}", -1) for form, place in empty}
    assert set(certificate.infinite) == expected
    assert certificate.undetermined == ()
    assert certificate.kind == "quasi-complete"
    for form, row in counts.iterrows():
        never = [place for place in counts.columns if row[place] == 0]
        named = [cell for cell in certificate.cells if cell.startswith(f"form = {form} (")]
        assert [cell.split("never ")[1].split(", ") for cell in named] == ([never] if never else [])
    assert certificate.direction_text().count("- 1 * form") == 19


def test_the_limit_on_table_6_is_what_the_fit_runs_to():
    model, data = rc.MultinomialLogit("destination ~ 0 | form", base="township"), all_forms()
    bound = bound_of(model, data)
    held = limit_problem(certify(model.spec, bound), bound)
    with pytest.warns(rc.ConvergenceWarning):
        fit = model.fit(data)
    found = maximum_of(held.problem)
    assert found.status == "maximum"
    assert found.evaluation.value == pytest.approx(fit.llf, abs=1e-6)
    finite = fit.params[np.isfinite(fit.params)]
    theta = pd.Series(bound.problem.user(held.lift(found.x)), index=bound.problem.space.names)
    np.testing.assert_allclose(theta[finite.index], finite, atol=1e-5)


# --- continuous variables --------------------------------------------------------------------------------------------


def binary(x: list[float], second: list[bool], **columns: list[float]) -> rc.ChoiceData:
    """Choices between a and b; x varies by case."""
    rows = [
        {"case": i, "place": place, "chosen": (place == "b") == took, "x": value}
        | {name: values[i] for name, values in columns.items()}
        for i, (value, took) in enumerate(zip(x, second, strict=True))
        for place in "ab"
    ]
    weights = {"weights": "w"} if "w" in columns else {}
    return rc.ChoiceData.from_long(pd.DataFrame(rows), case="case", alternative="place", chosen="chosen", **weights)


LOGIT = rc.MultinomialLogit("chosen ~ 0 | x", base="a")


def test_a_threshold_separates_completely():
    certificate = certificate_of(LOGIT, binary([0.1, 0.4, 0.4999, 0.5001, 2.0], [False, False, False, True, True]))
    assert certificate.kind == "complete"
    assert certificate.infinite == (("Intercept:b", -1), ("x:b", 1))
    assert len(certificate.case) == 5
    assert "complete separation" in certificate.verdict


def test_a_tie_at_the_threshold_is_quasi_complete():
    data = binary([0.1, 0.4, 1.0, 1.0, 2.0], [False, False, False, True, True])
    certificate = certificate_of(LOGIT, data)
    assert certificate.kind == "quasi-complete"
    assert set(pairs_of(certificate, data)) == {(0, "b"), (1, "b"), (4, "a")}
    bound = bound_of(LOGIT, data)
    found = maximum_of(limit_problem(certificate, bound).problem)
    assert found.evaluation.value == pytest.approx(2 * np.log(0.5))


def test_overlap_is_no_separation():
    certificate = certificate_of(LOGIT, binary([0.1, 0.6, 0.5, 0.4, 2.0], [False, False, True, True, True]))
    assert certificate.kind == "none"
    assert not certificate.separated
    assert separation_findings(certificate) == []
    assert certificate.direction_text() == "d: none"


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_units_do_not_matter(unit, shift):
    separated = [0.1, 0.4, 1.0, 1.0, 2.0]
    overlapping = [0.1, 0.6, 0.5, 0.4, 2.0]
    second = [False, False, False, True, True]
    moved = [unit * (x + shift) for x in separated]
    assert certificate_of(LOGIT, binary(moved, second)).kind == "quasi-complete"
    assert dict(certificate_of(LOGIT, binary(moved, second)).infinite)["x:b"] == 1
    moved = [unit * (x + shift) for x in overlapping]
    assert certificate_of(LOGIT, binary(moved, [False, False, True, True, True])).kind == "none"


def test_the_order_of_the_rows_does_not_matter():
    rows = separated_frame(5)
    model = rc.MultinomialLogit("chosen ~ cost | exporter", base="township")
    one = certificate_of(model, choice_data(rows))
    data = choice_data(rows.sample(frac=1, random_state=3))
    two = certificate_of(model, data)
    assert one.infinite == two.infinite == (("exporter:county", -1),)
    assert pairs_of(one, choice_data(rows)) == pairs_of(two, data)


def test_a_case_of_weight_zero_does_not_count():
    x, second = [0.1, 0.4, 1.0, 2.0, 0.2], [False, False, True, True, True]
    assert certificate_of(LOGIT, binary(x, second, w=[1, 1, 1, 1, 1])).kind == "none"
    certificate = certificate_of(LOGIT, binary(x, second, w=[1, 1, 1, 1, 0]))
    assert certificate.kind == "complete"
    assert 4 not in certificate.case


def test_bounds_keep_estimates_finite():
    data = binary([0.1, 0.4, 1.0, 2.0], [False, False, True, True])
    for bounds, kind in (((None, 5.0), "none"), ((-1.0, 5.0), "none"), ((0.0, None), "complete")):
        model = rc.MultinomialLogit("chosen ~ 0 | x", base="a", bounds={"x:b": bounds})
        assert certificate_of(model, data).kind == kind


def test_a_parameter_that_a_bound_may_hold_has_no_determined_limit():
    """Both places b and c are never taken where z = 1; the bounded one of two equivalent ways out stays open."""
    rows = [
        {
            "case": i,
            "place": place,
            "chosen": place == took,
            "u": float(z and place == "b"),
            "v": float(z and place == "b"),
        }
        for i, (z, took) in enumerate([(0, "a"), (0, "b"), (1, "a"), (1, "a")])
        for place in "ab"
    ]
    rows[5]["v"], rows[7]["v"] = 1.0, 2.0
    data = rc.ChoiceData.from_long(pd.DataFrame(rows), case="case", alternative="place", chosen="chosen")
    free = certificate_of(rc.MultinomialLogit("chosen ~ u + v | 1", base="a"), data)
    assert (free.infinite, set(free.undetermined)) == ((), {"u", "v"})
    bounded = rc.MultinomialLogit("chosen ~ u + v | 1", base="a", bounds={"v": (0.0, 1.0)})
    certificate = certificate_of(bounded, data)
    assert (certificate.infinite, certificate.undetermined) == ((("u", -1),), ("v",))
    with pytest.raises(OptionError, match="v would decide"):
        dropped(certificate, bound_of(bounded, data))


# --- the limit and what is dropped -----------------------------------------------------------------------------------


def separated_frame(seed: int = 11, n: int = 400) -> pd.DataFrame:
    """Firms with ``exporter`` = 1 never choose the county; everything else varies freely."""
    rows = choice_frame(n, seed)
    exporter = np.random.default_rng(2).random(n) < 0.3
    rows["exporter"] = exporter[rows["move"]].astype(float)
    lost = rows.loc[rows["chosen"] & (rows["place"] == "county") & (rows["exporter"] == 1), "move"]
    return rows[~rows["move"].isin(lost)].reset_index(drop=True)


def test_finite_estimates_are_those_of_the_data_reduced_by_hand():
    rows = separated_frame()
    model = rc.MultinomialLogit("chosen ~ cost | exporter", base="township")
    data = choice_data(rows)
    bound = bound_of(model, data)
    certificate = certify(model.spec, bound)
    spec = {
        place: {f"Intercept:{place}": 1, f"exporter:{place}": "exporter"} for place in ("coast", "interior", "metro")
    }
    by_hand = rc.UtilitySpec({"township": {}, "county": {"Intercept:county": 1}, **spec}, everywhere={"cost": "cost"})
    left = rows[~((rows["place"] == "county") & (rows["exporter"] == 1))]
    reduced = rc.MultinomialLogit(by_hand).fit(choice_data(left))
    drop = dropped(certificate, bound)
    found = maximum_of(drop.held.problem)
    assert found.status == "maximum"
    assert drop.names == ("exporter:county",)
    assert "exporter:county" in drop.note
    theta = pd.Series(bound.problem.user(drop.held.lift(found.x)), index=bound.problem.space.names)
    np.testing.assert_allclose(theta[reduced.params.index], reduced.params, atol=1e-8)
    assert found.evaluation.value == pytest.approx(reduced.llf, abs=1e-9)
    flat = maximum_of(without(bound.problem, certificate.case, certificate.alternative))
    assert flat.status == "flat"
    np.testing.assert_allclose(flat.evaluation.value, reduced.llf, atol=1e-9)


def test_cases_left_with_one_alternative_leave():
    data = binary([0.0, 0.0, 1.0, 1.0], [False, True, True, True])
    bound = bound_of(LOGIT, data)
    drop = dropped(certify(LOGIT.spec, bound), bound)
    assert drop.cases.tolist() == [True, True, False, False]
    assert drop.held.problem.weights.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert drop.names == ("x:b",)
    assert "2 cases" in drop.note


def test_findings_name_parameters_and_cells():
    data = choice_data(separated_frame())
    model = rc.MultinomialLogit("chosen ~ cost | exporter", base="township")
    findings = separation_findings(certificate_of(model, data))
    assert [finding.rule for finding in findings] == ["separated", "separated_cell"]
    assert findings[0].column == "exporter:county"
    assert "minus infinity" in findings[0].message
    assert "exporter = 1" in findings[1].message
    assert "county" in findings[1].message


# --- nested models ---------------------------------------------------------------------------------------------------


def test_a_nested_model_has_the_cone_of_the_multinomial_one():
    data = choice_data(separated_frame())
    plain = certificate_of(rc.MultinomialLogit("chosen ~ cost | exporter", base="township"), data)
    for normalisation in ("utility", "bottom"):
        model = rc.NestedLogit("chosen ~ cost | exporter", NESTS, base="township", normalisation=normalisation)
        nested = certificate_of(model, data)
        assert nested.infinite == plain.infinite
        assert nested.judged
        assert not nested.exact
        assert "utility maximisation" in nested.verdict
        assert pairs_of(nested, data) == pairs_of(plain, data)


def test_fixed_lambdas_that_fit_make_the_certificate_exact():
    data = choice_data(separated_frame())
    names = [f"lambda:{nest}" for nest in rc.NestedLogit("chosen ~ cost", NESTS).spec.nests.nodes]
    good = rc.NestedLogit("chosen ~ cost | exporter", NESTS, base="township", fixed=dict.fromkeys(names, 0.6))
    assert certificate_of(good, data).exact
    bad = rc.NestedLogit("chosen ~ cost | exporter", NESTS, base="township", fixed=dict.fromkeys(names, 1.6))
    assert not certificate_of(bad, data).exact


def test_utilities_that_are_not_normalised_are_judged_only_with_one_lambda():
    data = choice_data(separated_frame())
    loose = rc.NestedLogit("chosen ~ cost | exporter", NESTS, base="township", normalisation="none")
    certificate = certificate_of(loose, data)
    assert not certificate.judged
    assert certificate.kind == "none"
    assert "not judged" in certificate.verdict


@pytest.mark.parametrize("lambdas", [0.3, 1.0])
def test_the_nested_limit_is_reached_when_pushed(lambdas):
    data = choice_data(separated_frame())
    fixed = {f"lambda:{nest}": lambdas for nest in rc.NestedLogit("chosen ~ cost", NESTS).spec.nests.nodes}
    model = rc.NestedLogit("chosen ~ cost | exporter", NESTS, base="township", fixed=fixed)
    bound = bound_of(model, data)
    certificate = certify(model.spec, bound)
    held = limit_problem(certificate, bound)
    found = maximum_of(held.problem)
    pairs = certificate.case, certificate.alternative
    at = pushed(bound.problem, held.lift(found.x), certificate.free_direction, *pairs)
    assert bound.problem.evaluate(at).value == pytest.approx(found.evaluation.value, abs=1e-10)


def test_a_nest_whose_choices_a_variable_predicts_is_noted():
    rows = choice_frame(300, 12)
    inside = rows["place"].isin(NESTS["near"])
    taken = rows.loc[rows["chosen"]].set_index("move")["place"].reindex(rows["move"]).to_numpy()
    rows["seen"] = np.where(inside & np.isin(taken, NESTS["near"]), rows["chosen"].astype(float), 0.0)
    noise = np.random.default_rng(3).normal(size=len(rows))
    rows["seen"] = np.where(inside, rows["seen"], noise)
    certificate = certificate_of(rc.NestedLogit("chosen ~ seen | 0", NESTS), choice_data(rows))
    assert certificate.kind == "none"
    assert certificate.nests == ("near",)


# --- size ------------------------------------------------------------------------------------------------------------


def big(n: int, n_places: int, k: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, n_places, k))
    taken = (x @ (0.4 * rng.normal(size=k)) + rng.gumbel(size=(n, n_places))).argmax(axis=1)
    names = [f"x{i}" for i in range(k)]
    frame = pd.DataFrame(x.reshape(-1, k), columns=names)
    frame["case"], frame["place"] = np.repeat(np.arange(n), n_places), np.tile(np.arange(n_places), n)
    frame["chosen"] = frame["place"] == np.repeat(taken, n_places)
    return frame, names


def test_data_that_overlap_cost_a_few_rows_and_no_pass():
    frame, names = big(8000, 5, 10, 1)
    data = rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    model = rc.MultinomialLogit(f"chosen ~ {' + '.join(names)} | 0")
    bound = bound_of(model, data)
    reference = reference_information(bound.problem)
    certify(model.spec, bound, reference)
    began = time.perf_counter()
    certificate = certify(model.spec, bound, reference)
    assert time.perf_counter() - began < 0.5
    assert (certificate.kind, certificate.passes) == ("none", 0)
    assert certificate.rows < 1000


def test_a_rare_separated_dummy_is_found_in_large_data():
    frame, names = big(8000, 5, 4, 2)
    rare = np.random.default_rng(4).random(len(frame)) < 0.001
    frame["rare"] = np.where(rare & ~frame["chosen"], 1.0, 0.0)
    data = rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    certificate = certificate_of(rc.MultinomialLogit(f"chosen ~ rare + {' + '.join(names)} | 0"), data)
    assert certificate.infinite == (("rare", -1),)
    assert len(certificate.case) == int(frame["rare"].sum()) > 5
    frame.loc[frame.index[frame["chosen"]][77], "rare"] = 1.0
    data = rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")
    assert certificate_of(rc.MultinomialLogit(f"chosen ~ rare + {' + '.join(names)} | 0"), data).kind == "none"


def test_equal_cases_that_stand_for_each_other_are_all_named():
    rows = separated_frame(n=60)[["move", "place", "chosen", "exporter"]]
    many = pd.concat([rows.assign(move=rows["move"] + 1000 * k) for k in range(40)])
    data = rc.ChoiceData.from_long(many, case="move", alternative="place", chosen="chosen")
    model = rc.MultinomialLogit("chosen ~ 0 | exporter", base="township")
    bound = bound_of(model, data)
    certificate = certify(model.spec, bound)
    once = certificate_of(model, rc.ChoiceData.from_long(rows, case="move", alternative="place", chosen="chosen"))
    assert certificate.infinite == once.infinite
    assert len(certificate.case) == 40 * len(once.case)
    held = limit_problem(certificate, bound)
    found = maximum_of(held.problem)
    pairs = certificate.case, certificate.alternative
    at = pushed(bound.problem, held.lift(found.x), certificate.free_direction, *pairs)
    assert bound.problem.evaluate(at).value == pytest.approx(found.evaluation.value, abs=1e-8)


@pytest.mark.filterwarnings("ignore::relocchoice.errors.ConvergenceWarning")
def test_programmes_that_rounding_leaves_without_a_solution_leave_separation_unjudged(monkeypatch):
    frame = choice_frame(60)
    frame["only"] = frame["chosen"] * 1.0  # separated, so that the programmes are asked

    def without_solution(*_):
        raise ArithmeticError("no solution")

    monkeypatch.setattr("relocchoice.inference.separation.recession_cone", without_solution)
    fit = rc.MultinomialLogit("chosen ~ cost + only | 0").fit(choice_data(frame))
    assert not fit.converged
    assert fit.identification.separation == "not judged"
    assert ("only", 1) in fit.identification.infinite
