"""Log-likelihoods to compare with: equal shares over the available alternatives, and constants only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from relocchoice.data.choice_data import ChoiceData
from relocchoice.optimize.newton import maximise
from relocchoice.spec.layout import set_codes

Floats = NDArray[np.float64]
MOST_CELLS = 10_000_000
MOST_ALTERNATIVES = 500


def null_loglik(data: ChoiceData) -> float:
    """Log-likelihood when every available alternative is equally likely; of sets, when every set of their size is."""
    sizes = np.diff(data.offsets)
    if data.picked is None:
        return -float(_weights(data) @ np.log(sizes))
    taken = data.n_taken
    sets = gammaln(sizes + 1) - gammaln(taken + 1) - gammaln(sizes - taken + 1)
    return -float(_weights(data) @ np.where(taken == 1, np.log(sizes), sets))


def constants_loglik(data: ChoiceData) -> float:
    """Log-likelihood of the multinomial logit with alternative-specific constants only.

    The observed shares give it at once where all cases have the same choice set; otherwise it is estimated on the
    distinct choice sets. NaN where these would make a table of more than ten million cells, or more than 500 constants,
    and where cases took several alternatives.
    """
    assert data.chosen is not None
    if data.picked is not None and (data.n_taken > 1).any():
        return float("nan")
    counts = np.zeros(data.n_alternatives)
    counts += np.bincount(data.chosen, weights=_weights(data), minlength=data.n_alternatives)
    if data.n_rows == data.n_cases * data.n_alternatives:
        chosen = counts[counts > 0]
        return float(chosen @ np.log(chosen / counts.sum()))
    if data.n_alternatives > MOST_ALTERNATIVES or data.n_cases * data.n_alternatives > MOST_CELLS:
        return float("nan")
    return _estimated(data, counts)


def _weights(data: ChoiceData) -> Floats:
    return np.ones(data.n_cases) if data.weights is None else data.weights


@dataclass(frozen=True, slots=True, eq=False)
class _Evaluation:
    """Value, gradient (J - 1,) and Hessian (J - 1, J - 1) of the constants-only log-likelihood."""

    value: float
    gradient: Floats
    hessian: Floats


def _estimated(data: ChoiceData, counts: Floats) -> float:
    """Newton on the distinct choice sets; the first alternative is the base."""
    member = np.zeros((data.n_cases, data.n_alternatives), dtype=bool)
    member[data.row_case(), data.row_alternative] = True
    code = set_codes(member)
    sets = member[np.unique(code, return_index=True)[1]]
    weights = _weights(data)
    scale = float(weights.mean())
    total = np.bincount(code, weights=weights / scale, minlength=len(sets))
    counts = counts / scale

    def evaluate(constants: Floats) -> _Evaluation:
        v = np.where(sets, np.concatenate(([0.0], constants)), -np.inf)
        top = v.max(axis=1)
        p = np.exp(v - top[:, None])
        sums = p.sum(axis=1)
        p /= sums[:, None]
        expected = total @ p
        hessian = (p * total[:, None]).T @ p - np.diag(expected)
        value = counts[1:] @ constants - total @ (top + np.log(sums))
        return _Evaluation(float(value), (counts - expected)[1:], hessian[1:, 1:])

    free = np.full(data.n_alternatives - 1, np.inf)
    return scale * maximise(evaluate, np.zeros(len(free)), -free, free, max_iterations=60).evaluation.value
