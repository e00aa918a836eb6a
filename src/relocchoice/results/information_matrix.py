"""The information-matrix test of a fit, with a parametric bootstrap where wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import traced
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.problem import Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import OptionError
from relocchoice.inference.alternatives import takes_one
from relocchoice.inference.hypotheses import TestResult, refused
from relocchoice.inference.information_matrix import indicators, statistic
from relocchoice.optimize.newton import maximise
from relocchoice.results.at_maximum import why_no_likelihood
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound

Floats = NDArray[np.float64]
Form = Literal["efficient", "opg"]
OVERSIZED = "the OPG form rejects too often unless the sample is very large; take form='efficient' or bootstrap draws"


@traced
def information_matrix_test(
    fit: ChoiceResults,
    parameters: Sequence[str] | None = None,
    *,
    form: Form = "efficient",
    draws: int = 0,
    seed: int = 0,
    data: ChoiceData | None = None,
) -> TestResult:
    """White's information-matrix test of the whole model, on the variances of the parameters.

    Indicators depend on the origin of the columns, and the test is of columns centred as the search has them: with a
    constant for every alternative but one, free of constraints, a column with coefficients by alternative is taken less
    its mean (over the cases; over the rows of each alternative where it differs between them), and the constants are
    those of the centred columns. So a number added to a column, such as years in place of years since 2000, changes
    nothing. Columns with constrained coefficients, and those of models without all constants, are taken as they are.

    Parameters
    ----------
    fit : by maximum likelihood.
    parameters : free parameters whose indicators are tested, constants being those of the centred columns; None for
        all. Few, or draws, in small samples.
    form : ``"efficient"`` or ``"opg"``, see :mod:`relocchoice.inference.information_matrix`.
    draws : of the parametric bootstrap: choices are drawn from the fitted probabilities and estimated again, and the
        p-value is the share of statistics as large. 0: chi-squared.
    seed : of the draws.
    data : the data of the fit, where it was loaded from a file.

    Raises
    ------
    OptionError : an unknown form or parameter, a number of draws between 1 and 18.
    """
    if form not in get_args(Form):
        raise OptionError.of("form", form, ", ".join(get_args(Form)))
    if not isinstance(draws, Integral) or isinstance(draws, bool) or (draws != 0 and draws < 19):
        raise OptionError.of("draws", draws, "0, or a whole number of at least 19")
    null = "the outer product of the scores and the Hessian agree (the model holds)"
    reason = why_no_likelihood(fit)
    if reason:
        return refused(null, reason)
    bound = rebound(fit, data)
    if not takes_one(bound.problem):
        return refused(null, "cases took several alternatives")
    tested = _positions(bound.problem, parameters)
    with one_thread():
        scale = np.sqrt(np.diag(np.linalg.inv(-fit.moments.hessian)))
        result = _at(bound.problem, fit.moments.free, tested, scale, form, null)
        if not result.applies:
            return result
        if draws:
            return _bootstrapped(fit, bound, tested, scale, form, result, int(draws), seed)
    told = (result.message, OVERSIZED if form == "opg" else "efficient score form")
    return replace(result, message="; ".join(filter(None, told)))


def _positions(problem: Problem, parameters: Sequence[str] | None) -> NDArray[np.intp]:
    names = problem.space.free_names
    if parameters is None:
        return np.arange(len(names))
    wanted = [parameters] if isinstance(parameters, str) else list(parameters)
    for name in wanted:
        if name not in names:
            raise OptionError.of("parameters", name, ", ".join(names))
    if not wanted:
        raise OptionError.of("parameters", parameters, ", ".join(names))
    return np.array([names.index(name) for name in wanted])


def _at(problem: Problem, free: Floats, tested: NDArray[np.intp], scale: Floats, form: str, null: str) -> TestResult:
    return statistic(indicators(problem, free, tested, scale, form == "efficient"), null)


def _bootstrapped(
    fit: ChoiceResults,
    bound: Bound,
    tested: NDArray[np.intp],
    scale: Floats,
    form: str,
    result: TestResult,
    draws: int,
    seed: int,
) -> TestResult:
    if bound.data.weights is not None:
        return refused(result.null, "the bootstrap draws single choices; give data without weights, one case a choice")
    problem, data = bound.problem, bound.data
    probabilities = problem.probabilities(problem.internal(fit.moments.free), data.n_alternatives)
    edges = np.cumsum(probabilities, axis=1)
    edges /= edges[:, -1:]
    rng = np.random.default_rng(seed)
    columns = fit.encoding.columns(data)
    reached = failed = 0
    for _ in range(draws):
        chosen = (rng.random(data.n_cases)[:, None] >= edges).sum(axis=1)
        drawn = bind(fit.spec, columns, replace(data, chosen=chosen))
        start = drawn.space.restrict(drawn.internal_from_user(fit.moments.theta))
        found = maximise(drawn.evaluate, start, drawn.space.lower, drawn.space.upper)
        again = found.status == "maximum" and _at(drawn, found.x, tested, scale, form, result.null)
        if not again or not again.applies:
            failed += 1
        elif again.statistic >= result.statistic:
            reached += 1
    if failed > draws // 2:
        return refused(result.null, f"{failed} of {draws} bootstrap samples have no maximum")
    told = [result.message, f"p by {draws - failed} draws of a parametric bootstrap, seed {seed}"]
    if failed:
        told.append(f"{failed} draws without a maximum left out")
    return replace(
        result,
        pvalue=(1 + reached) / (1 + draws - failed),
        distribution=f"{form} statistic ({result.df} df)",
        message="; ".join(filter(None, told)),
    )
