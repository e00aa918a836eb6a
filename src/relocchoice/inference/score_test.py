"""Score (Lagrange multiplier) test: the slope of the log-likelihood at the maximum under the hypothesis.

With g the gradient and I the information of all free parameters there, S = g' I^-1 g, chi-squared with as many degrees
of freedom as there are restrictions (Rao 1948, Proceedings of the Cambridge Philosophical Society 44, 50-57). The
robust form holds where the model is wrong or the weights make a pseudo-likelihood: with u = R A^-1 g, A minus the
Hessian and B the outer product of the weighted scores, S = u' (R A^-1 B A^-1 R')^-1 u (White 1982, Econometrica 50).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.errors import OptionError
from relocchoice.inference.alternatives import expected_information, takes_one
from relocchoice.inference.hypotheses import TestResult, refused
from relocchoice.inference.restricted import Affine
from relocchoice.inference.tails import chi2_tail

Floats = NDArray[np.float64]
Information = Literal["expected", "opg", "hessian", "robust"]
WORDS = {
    "expected": "expected information",
    "opg": "outer product of the scores",
    "hessian": "observed information",
    "robust": "robust covariance of the scores",
}
SINGULAR = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """The hypothesis and where the log-likelihood is highest under it; q free parameters.

    Attributes
    ----------
    free : (q,) the restricted maximum.
    directions : (r, q) independent rows; the hypothesis fixes ``directions @ free``.
    moving : (q,) parameters that count; those that rest on a bound under the hypothesis do not.
    words : the hypothesis.
    """

    free: Floats
    directions: Floats
    moving: NDArray[np.bool_]
    words: str


def check_information(information: str | None, weight_kind: str | None) -> Information:
    """The information to use; None takes the expected one, or the robust form with sampling weights.

    Raises
    ------
    OptionError : an unknown name, or one that sampling weights rule out.
    """
    sampling = weight_kind in PROBABILITY_WEIGHTS
    if information is None:
        return "robust" if sampling else "expected"
    for known in get_args(Information):
        if information == known:
            if sampling and known != "robust":
                raise OptionError(
                    f"information={information!r} is not valid with {weight_kind} weights, which make a "
                    "pseudo-likelihood; valid: robust"
                )
            checked: Information = known
            return checked
    raise OptionError.of("information", information, ", ".join(get_args(Information)))


def directions_of(affine: Affine) -> Floats:
    """(r, q) rows of an eliminated set of restrictions: each pivot less what the others make it."""
    q = len(affine.origin)
    rows = np.zeros((len(affine.pivots), q))
    rows[np.arange(len(affine.pivots)), affine.pivots] = 1.0
    rows[:, affine.kept] -= affine.basis[affine.pivots]
    return rows


def score_statistic(problem: Problem, null: Null, information: Information, sampling: bool = False) -> TestResult:
    """The score test of a hypothesis.

    Parameters
    ----------
    problem : with the parameters that the hypothesis restricts.
    information : ``"expected"``, ``"opg"``, ``"hessian"`` or ``"robust"``.
    sampling : whether the weights are sampling or choice-based.
    """
    moving = null.moving
    at = problem.evaluate(null.free)
    gradient = at.gradient[moving]
    bread = _information(problem, null.free, at, information)
    if bread is None:
        return refused(null.words, "cases took several alternatives; take information='opg', 'hessian' or 'robust'")
    bread = bread[np.ix_(moving, moving)]
    size = np.sqrt(np.maximum(np.diag(bread), np.finfo(float).tiny))
    least = float(np.linalg.eigvalsh(bread / np.outer(size, size))[0])
    if least <= SINGULAR:
        return refused(null.words, _no_information(information, least))
    rows = null.directions[:, moving]
    inverse_rows = np.linalg.solve(bread, rows.T)
    pulls = inverse_rows.T @ gradient
    variance = rows @ inverse_rows
    if information == "robust":
        meat = (at.opg_squared if sampling else at.opg)[np.ix_(moving, moving)]
        variance = inverse_rows.T @ meat @ inverse_rows
    spread = np.sqrt(np.maximum(np.diag(variance), np.finfo(float).tiny))
    roots, axes = np.linalg.eigh(variance / np.outer(spread, spread))
    if roots[0] <= SINGULAR * len(roots):
        return refused(null.words, "the scores do not tell its restrictions apart; test fewer of them together")
    df = len(rows)
    statistic = float(np.sum((axes.T @ (pulls / spread)) ** 2 / roots))
    message = f"score test, {WORDS[information]}"
    held = int((~moving).sum())
    if held:
        message += f"; {held} parameter{'s' if held > 1 else ''} on a bound counted as known"
    return TestResult(statistic, df, chi2_tail(statistic, df), null.words, f"chi2({df})", message)


def _information(problem: Problem, free: Floats, at: Evaluation, information: Information) -> Floats | None:
    if information == "opg":
        return at.opg
    if information == "expected":
        return expected_information(problem, free) if takes_one(problem) else None
    return -at.hessian


def _no_information(information: Information, least: float) -> str:
    if least < -SINGULAR and information != "opg":
        return (
            "minus the Hessian at the estimates under the hypothesis is not positive definite; "
            "take information='expected' or 'opg'"
        )
    return f"the {WORDS[information]} is singular at the estimates under the hypothesis; test fewer restrictions"
