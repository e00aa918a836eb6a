"""That choices overlap is shown by a multinomial logit: yes is a proof, held here against linear programmes."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import relocchoice as rc
from relocchoice.engine.bind import bind
from relocchoice.inference.overlap import overlap_shown


def _data(seed, n, n_alternatives=3, n_columns=2, values=(-1.0, 0.0, 1.0)):
    rng = np.random.default_rng(seed)
    x = rng.choice(values, size=(n, n_alternatives, n_columns))
    chosen = rng.integers(0, n_alternatives, n)
    return x, chosen


def _problem(x, chosen, weights=None):
    n, n_alternatives, n_columns = x.shape
    frame = pd.DataFrame({f"x{k}": x[:, :, k].ravel() for k in range(n_columns)})
    frame["case"] = np.repeat(np.arange(n), n_alternatives)
    frame["alternative"] = np.tile([f"a{j}" for j in range(n_alternatives)], n)
    frame["chosen"] = (np.arange(n_alternatives) == chosen[:, None]).ravel()
    given = {}
    if weights is not None:
        frame["w"] = np.repeat(weights, n_alternatives)
        given = {"weights": "w"}
    data = rc.ChoiceData.from_long(frame, case="case", alternative="alternative", chosen="chosen", **given)
    model = rc.MultinomialLogit(f"chosen ~ {' + '.join(f'x{k}' for k in range(n_columns))} | 0")
    learned = model.spec.specification.evaluate(data, model.spec.base)
    return bind(model.spec, learned.columns, data)


def overlaps(problem, free):
    return overlap_shown(problem, free) is not None


def _rows(x, chosen):
    """What the chosen alternative has more of than each other one."""
    cases = np.arange(len(x))
    rows = x[cases, chosen][:, None] - x
    return rows[np.arange(x.shape[1]) != chosen[:, None]]


def _separated(rows):
    """Whether some direction lets a row gain and none lose, by brute force."""
    m, k = rows.shape
    solved = linprog(
        -rows.sum(axis=0),
        A_ub=-rows,
        b_ub=np.zeros(m),
        bounds=[(-1, 1)] * k,
        method="highs",
        options={"presolve": True},
    )
    return -solved.fun > 1e-7


def _spans(rows):
    return np.linalg.matrix_rank(rows) == rows.shape[1]


@pytest.mark.parametrize("n", [3, 5, 8])
def test_yes_is_a_proof_and_data_that_overlap_are_found(n):
    told = {True: 0, False: 0}
    for seed in range(60):
        x, chosen = _data(seed, n)
        problem, rows = _problem(x, chosen), _rows(x, chosen)
        overlap = not _separated(rows) and _spans(rows)
        assert overlaps(problem, np.arange(2)) == overlap
        told[overlap] += 1
    assert min(told.values()) > 0


def test_cases_of_weight_zero_prove_nothing():
    x, chosen = _data(2, 300)
    x[:150, :, 0] = np.arange(3) == chosen[:150, None]  # the first half would be separated alone
    weights = np.repeat([1.0, 0.0], 150)
    assert overlaps(_problem(x, chosen), np.arange(2))
    assert not overlaps(_problem(x, chosen, weights=weights), np.arange(2))
    assert overlaps(_problem(x, chosen, weights=1 - weights), np.arange(2))


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e9])
@pytest.mark.parametrize("gap", [1e-7, 1e-3, 1.0])
def test_a_small_gap_is_a_gap_in_any_unit(size, gap):
    """All gain along the first column, by little beside its spread."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 3, 2))
    chosen = np.zeros(300, dtype=int)
    x[:, 0, 0] = np.maximum(x[:, 1, 0], x[:, 2, 0]) + gap
    x *= size
    assert not overlaps(_problem(x, chosen), np.arange(2))


def test_where_a_sample_of_a_large_problem_is_separated_all_cases_are_asked():
    rng = np.random.default_rng(4)
    n = 60_000
    x = rng.normal(size=(n, 4, 12))
    chosen = rng.integers(0, 4, n)
    x[:, :, 0] = 0.0
    problem = _problem(x.copy() + _lone_dummy(n, chosen, (7, 11)), chosen)
    assert len(problem.design.chunks) >= 40
    assert overlaps(problem, np.arange(12))
    assert not overlaps(_problem(x + _lone_dummy(n, chosen, (7,)), chosen), np.arange(12))


def _lone_dummy(n, chosen, cases):
    """A dummy of the chosen alternative of the first of these cases, and of another one in the second."""
    out = np.zeros((n, 4, 12))
    for position, case in enumerate(cases):
        out[case, (chosen[case] + position) % 4, 0] = 1.0
    return out


def test_no_free_parameter_proves_nothing():
    x, chosen = _data(5, 50)
    assert not overlaps(_problem(x, chosen), np.arange(0))
