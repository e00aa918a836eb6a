"""Log-likelihoods to compare with: equal shares over the available alternatives, and constants only."""

from __future__ import annotations

import numpy as np

from relocchoice.data.choice_data import ChoiceData
from relocchoice.engine.problem import Problem, place_families
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.optimize.newton import maximise
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.design import build_design
from relocchoice.spec.params import param_space

MOST_ALTERNATIVES = 150


def null_loglik(data: ChoiceData) -> float:
    """Log-likelihood when every available alternative is equally likely."""
    sizes = np.diff(data.offsets)
    weights = np.ones(data.n_cases) if data.weights is None else data.weights
    return -float(weights @ np.log(sizes))


def constants_loglik(data: ChoiceData) -> float:
    """Log-likelihood of the multinomial logit with alternative-specific constants only.

    The observed shares give it at once where all cases have the same choice set; otherwise it is estimated. NaN with
    more than 150 alternatives and differing choice sets.
    """
    assert data.chosen is not None
    weights = np.ones(data.n_cases) if data.weights is None else data.weights
    counts = np.bincount(data.chosen, weights=weights, minlength=data.n_alternatives)
    if data.n_rows == data.n_cases * data.n_alternatives:
        chosen = counts[counts > 0]
        return float(chosen @ np.log(chosen / counts.sum()))
    if data.n_alternatives > MOST_ALTERNATIVES:
        return float("nan")
    return _estimated(data, weights)


def _estimated(data: ChoiceData, weights: np.ndarray) -> float:
    n_coef = data.n_alternatives - 1
    column = Column("Intercept", "constant", None, np.arange(-1, n_coef, dtype=np.intp))
    columns = UtilityColumns(tuple(f"c{j}" for j in range(n_coef)), (column,))
    family = MultinomialLogit()
    every = np.arange(data.n_alternatives)
    design = build_design(data, columns, every, np.zeros_like(every), shift_invariant=True)
    space = param_space(columns.names)
    nothing = np.empty(0), np.empty((0, 0))
    problem = Problem(design, place_families(family, design), space, *nothing, weights)
    return maximise(problem.evaluate, np.zeros(n_coef), space.lower, space.upper, max_iterations=60).evaluation.value
