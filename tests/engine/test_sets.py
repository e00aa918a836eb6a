"""Which way do estimates run when sets are separated: the pairs of taken and untaken alternatives decide."""

from __future__ import annotations

import numpy as np
import pandas as pd

import relocchoice as rc
from relocchoice.data.events import taken_against_untaken
from relocchoice.engine.bind import bind
from relocchoice.engine.sets import set_gains
from relocchoice.inference.recession import recession_signs


def separated(seed: int = 0, least: int = 2) -> rc.ChoiceData:
    """Events of two or three places out of five; the flagged place, where there is one, is always taken."""
    rng = np.random.default_rng(seed)
    rows = []
    for event in range(40):
        taken = rng.permutation(5)[: rng.integers(least, 4)]
        flagged = 4 if 4 in taken and rng.random() < 0.8 else -1
        rows += [(event, j, j in taken, rng.normal(), float(j == flagged)) for j in range(5)]
    table = pd.DataFrame(rows, columns=["event", "place", "taken", "cost", "flag"])
    return rc.ChoiceData.from_long(table, case="event", alternative="place", chosen="taken", several=True)


def problem_of(data: rc.ChoiceData, model: rc.SubsetLogit | rc.MultinomialLogit):
    return bind(model.spec, model.spec.specification.learn(data, None).columns(data), data)


FORMULA = "taken ~ cost + flag | 0"


def test_the_separated_coefficient_is_found_and_the_other_is_not():
    problem = problem_of(separated(), rc.SubsetLogit(FORMULA))
    assert recession_signs(set_gains(problem, np.eye(2)), np.eye(2)).tolist() == [0, 1]
    alone = set_gains(problem, np.eye(2)[:, 1:])
    assert (alone > 0).all()
    assert set(set_gains(problem, np.eye(2)[:, :1]).ravel() > 0) == {True, False}


def test_the_log_likelihood_rises_along_what_the_pairs_allow_and_nowhere_else():
    problem = problem_of(separated(1), rc.SubsetLogit(FORMULA))
    values = [problem.evaluate(np.array([0.0, t])).value for t in (0.0, 5.0, 10.0, 20.0)]
    assert np.all(np.diff(values[:3]) > 0)
    assert values[3] >= values[2]
    assert problem.evaluate(np.array([20.0, 0.0])).value < values[0]
    assert problem.evaluate(np.array([-20.0, 0.0])).value < values[0]


def test_they_are_the_pairs_of_the_choices_that_set_taken_against_untaken():
    data = separated(2)
    left = set_gains(problem_of(data, rc.SubsetLogit(FORMULA)), np.eye(2))
    right = set_gains(problem_of(taken_against_untaken(data), rc.MultinomialLogit(FORMULA)), np.eye(2))
    assert len(left) == (data.n_taken * (5 - data.n_taken)).sum()

    # chunks measure the columns on the scale of their own data
    for one, other in zip(left.T, right.T, strict=True):
        np.testing.assert_allclose(np.sort(one) / np.abs(one).max(), np.sort(other) / np.abs(other).max(), atol=1e-12)
