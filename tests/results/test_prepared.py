"""What is kept between fits of one model to the same data."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

import relocchoice as rc
import relocchoice.results.prepared as prepared_module
from builders import choice_data, choice_frame

MODEL = "chosen ~ cost | assets"


def problem(fit):
    return fit.problem.problem


def test_the_same_question_is_prepared_once_and_answered_alike():
    data = choice_data(choice_frame(200, 3))
    first = rc.MultinomialLogit(MODEL).fit(data)
    again = rc.MultinomialLogit(MODEL).fit(data, "robust")
    assert problem(again) is problem(first)
    elsewhere = rc.MultinomialLogit(MODEL).fit(replace(data))
    assert problem(elsewhere) is not problem(first)
    assert elsewhere.llf == first.llf == again.llf
    assert (elsewhere.params == first.params).all()


@pytest.mark.parametrize(
    "other",
    [
        rc.MultinomialLogit("chosen ~ cost | 1"),
        rc.MultinomialLogit(MODEL, base="metro"),
        rc.MultinomialLogit(MODEL, fixed={"cost": 0.0}),
    ],
)
def test_another_model_is_another_question(other):
    data = choice_data(choice_frame(200, 3))
    assert problem(other.fit(data)) is not problem(rc.MultinomialLogit(MODEL).fit(data))


def test_only_a_few_are_kept_and_none_beyond_the_data():
    data = choice_data(choice_frame(200, 3))
    for term in ("cost", "I(cost**2)", "exp(cost / 100)", "cost + I(cost**2)", "I(cost**3)", "I(cost**4)"):
        rc.MultinomialLogit(f"chosen ~ {term}").fit(data)
    assert len(prepared_module._KEPT[data]) == prepared_module.KEPT
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


def test_large_problems_are_not_kept(monkeypatch):
    monkeypatch.setattr(prepared_module, "SMALL_ROWS", 10)
    data = choice_data(choice_frame(50, 3))
    rc.MultinomialLogit("chosen ~ cost").fit(data)
    assert data not in prepared_module._KEPT


def test_a_fit_changes_nothing_that_is_kept():
    data = choice_data(choice_frame(200, 3))
    fits = [rc.MultinomialLogit(MODEL).fit(data, separation="warn") for _ in range(3)]
    assert all(np.array_equal(fit.cov_params(), fits[0].cov_params()) for fit in fits)
