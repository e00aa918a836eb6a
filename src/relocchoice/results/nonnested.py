"""Two fits on the same choices, neither a special case of the other: which is nearer to the truth?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import traced
from relocchoice.engine.bind import Bound
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import DataError, OptionError
from relocchoice.inference.hypotheses import TestResult, refused
from relocchoice.inference.nonnested import (
    Fitness,
    Side,
    adjusted_rho_bound,
    spread_of,
    variance_test,
    vuong_statistic,
)
from relocchoice.results.at_maximum import why_no_likelihood
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound

Correction = Literal["none", "aic", "bic"]
ALIKE = "both models fit every case alike"


@traced
def vuong_test(
    first: ChoiceResults,
    second: ChoiceResults,
    *,
    correction: Correction = "none",
    level: float | None = 0.05,
    seed: int = 0,
    data: ChoiceData | None = None,
) -> TestResult:
    """Vuong's test: are both models equally far from the truth?

    Parameters
    ----------
    first, second : fits on the same choices. A positive statistic speaks for the first.
    correction : ``"none"``; ``"aic"`` takes one off for each parameter, ``"bic"`` log(n) / 2.
    level : of the variance test that comes first: where it does not reject, the data cannot tell the models apart and
        there is no test. None leaves it out, for models that cannot coincide.
    seed : of the variance test's law, which is simulated.
    data : the data of the fits, where these were loaded from files.

    Raises
    ------
    DataError : the choices are not the same. OptionError : an unknown correction, a level outside 0 to 1.
    """
    if correction not in get_args(Correction):
        raise OptionError.of("correction", correction, ", ".join(get_args(Correction)))
    if level is not None and not 0 < level < 1:
        raise OptionError.of("level", level, "a number between 0 and 1, or None")
    null = "both models are equally far from the truth"
    with one_thread():
        found = _sides(first, second, null, data)
        if isinstance(found, TestResult):
            return found
        one, other, weights = found
        words = ""
        if level is not None:
            apart = variance_test(one, other, weights, "the models cannot be told apart", seed)
            words = f"variance test p = {apart.pvalue:.4g}"
            if not apart.pvalue < level:
                return refused(null, f"{words}, so the data cannot tell the models apart at level {level:g}")
        per = {"none": 0.0, "aic": 1.0, "bic": float(np.log(weights.sum())) / 2}[correction]
        result = vuong_statistic(one, other, weights, per, null)
    nearer = "the first" if result.statistic > 0 else "the second"
    told = [f"{nearer} fits better", "" if correction == "none" else f"{correction.upper()} correction", words]
    return replace(result, message="; ".join(filter(None, told)))


@traced
def vuong_variance_test(
    first: ChoiceResults, second: ChoiceResults, *, seed: int = 0, data: ChoiceData | None = None
) -> TestResult:
    """The variance test that comes before :func:`vuong_test`: can the data tell the two models apart?"""
    null = "the models cannot be told apart"
    with one_thread():
        found = _sides(first, second, null, data)
        return found if isinstance(found, TestResult) else variance_test(*found, null, seed)


@traced
def adjusted_rho_test(first: ChoiceResults, second: ChoiceResults, *, data: ChoiceData | None = None) -> TestResult:
    """Ben-Akiva & Swait's bound on the probability that the model of the smaller adjusted rho-squared is the true one.

    Arguments as of :func:`vuong_test`. The p-value is an upper bound.
    """
    null = "the model of the smaller adjusted rho-squared is the true one"
    found = _bounds_or_reason(first, second, data)
    if isinstance(found, str):
        return refused(null, found)
    if abs(first.llnull - second.llnull) > 1e-9 * abs(first.llnull):
        return refused(null, "the models have different choice sets, and so different log-likelihoods at equal shares")
    sides = [Fitness(fit.llf, fit.df_model, words) for fit, words in ((first, "first"), (second, "second"))]
    return adjusted_rho_bound(sides[0], sides[1], first.llnull)


def _sides(
    first: ChoiceResults, second: ChoiceResults, null: str, data: ChoiceData | None
) -> tuple[Side, Side, np.ndarray] | TestResult:
    """Both models and the (n,) weights, or why there is no test."""
    bounds = _bounds_or_reason(first, second, data)
    if isinstance(bounds, str):
        return refused(null, bounds)
    sides = [_side(fit, bound) for fit, bound in zip((first, second), bounds, strict=True)]
    weights = bounds[0].problem.weights
    size = float(np.abs(sides[0].loglik).mean())
    if spread_of(sides[0], sides[1], weights) <= (1e-9 * size) ** 2:
        return refused(null, ALIKE)
    return sides[0], sides[1], weights


def _bounds_or_reason(
    first: ChoiceResults, second: ChoiceResults, data: ChoiceData | None
) -> tuple[Bound, Bound] | str:
    """Both models on the same choices, or why there is no test; other data are an error before anything else."""
    bounds = rebound(first, data), rebound(second, data)
    _same_choices(*bounds)
    for fit, words in ((first, "the first"), (second, "the second")):
        reason = why_no_likelihood(fit, words)
        if reason:
            return reason
    return _special_case(first, second) or bounds


def _special_case(first: ChoiceResults, second: ChoiceResults) -> str:
    for small, large, words in ((first, second, "first"), (second, first, "second")):
        if _nests(large, small):
            return f"the {words} model is a special case of the other; take lr_test or score_test"
    return ""


def _nests(large: ChoiceResults, small: ChoiceResults) -> bool:
    """Whether every parameter of one model is one of the other, which has more of them, and neither has constraints."""
    held = [fit.spec.constraints for fit in (large, small)]
    if any(c.fixed or c.equal or c.bounds for c in held):
        return False
    if large.spec.specification.offset != small.spec.specification.offset:
        return False
    same = set(small.params.index) <= set(large.params.index) and len(small.params) < len(large.params)
    if small.spec.family == large.spec.family == "nested":
        return (
            same
            and small.spec.normalisation == large.spec.normalisation
            and str(small.spec.nests) == str(large.spec.nests)
        )
    return same and (small.spec.family == large.spec.family or small.spec.family == "multinomial")


def _same_choices(one: Bound, other: Bound) -> None:
    """Refuse fits on different cases, choices or weights."""
    left, right = one.data, other.data
    if left.n_cases != right.n_cases or not left.cases.equals(right.cases):
        raise DataError(
            f"the fits have different cases ({left.n_cases} and {right.n_cases}); estimate both models on the same data"
        )
    assert left.chosen is not None
    assert right.chosen is not None
    taken = left.alternatives.take(left.chosen), right.alternatives.take(right.chosen)
    if not np.array_equal(np.asarray(taken[0], dtype=object), np.asarray(taken[1], dtype=object)):
        raise DataError("the fits explain different choices; estimate both models on the same data")
    if not np.allclose(one.problem.weights, other.problem.weights):
        raise DataError("the fits have different case weights; estimate both models on the same data")


def _side(fit: ChoiceResults, bound: Bound) -> Side:
    moments, problem = fit.moments, bound.problem
    moving = moments.moving
    return Side(
        loglik=problem.loglik_by_case(moments.free),
        scores=problem.scores(moments.free)[:, moving],
        information=-moments.hessian[np.ix_(moving, moving)],
        n_parameters=fit.df_model,
    )
