"""From a bound problem to its maximum: starting values, Newton, several starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.engine.penalty import Penalty, penalised
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.engine.starts import (
    automatic_start,
    is_shape,
    near_start,
    null_point,
    random_start,
    shape_grid,
    spread_of,
    without_shapes,
)
from relocchoice.errors import OptionError
from relocchoice.optimize.newton import Maximum, NotFinite, Step, maximise

Floats = NDArray[np.float64]
AGREE = 1e-6
LEAST_SHAPE = 1e-4


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How to search.

    Attributes
    ----------
    max_iterations, tolerance : of each Newton run; the tolerance is on the distance to the maximum in standard errors.
    starts : how many starts in all; the automatic one and starts - 1 random ones.
    seed : of the random starts.
    """

    max_iterations: int = 100
    tolerance: float = 1e-9
    starts: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best maximum, and how the starts fared (None with one start).

    Attributes
    ----------
    maximum : of the log-likelihood, penalised if there is a penalty; outer products are the log-likelihood's.
    penalty : what was added to the log-likelihood, or None.
    plain : the log-likelihood alone at the maximum, where there is a penalty; see :attr:`loglik`.
    """

    maximum: Maximum[Evaluation]
    reference: Floats
    starts: pd.DataFrame | None
    seconds: float
    penalty: Penalty | None = None
    plain: Evaluation | None = None

    @property
    def loglik(self) -> Evaluation:
        """The log-likelihood without penalty at the maximum."""
        return self.maximum.evaluation if self.plain is None else self.plain

    @property
    def curvature(self) -> Floats:
        """(q, q) Hessian whose negative inverse is the covariance: with Firth's penalty the log-likelihood's."""
        if self.penalty is None or self.penalty.covariance_from == "penalised":
            return self.maximum.evaluation.hessian
        return self.loglik.hessian

    @property
    def ended(self) -> bool:
        """Whether the search ended where the log-likelihood rises no more, be it on a ridge."""
        return self.maximum.status in ("maximum", "flat")


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a design alone could tell: measures of what the data tell at the estimates.

    Attributes
    ----------
    information : (q, q), at zero coefficients and shapes of one. Coefficients: minus the Hessian of the multinomial
        logit, which is definite whatever the shapes are held at. Shapes: the outer product's diagonal.
    sizes : (q,) second moments of the columns, differenced against the chosen alternative; information that is rounding
        beside them is none.
    at_zero : the multinomial logit there, where a search may begin; None where offsets or fixed coefficients put the
        problem itself elsewhere.
    """

    information: Floats
    sizes: Floats
    at_zero: Evaluation | None = None


def reference_of(problem: Problem) -> Reference:
    """The reference of a problem."""
    bare = bare_problem(problem)
    shape, null = is_shape(problem), null_point(problem)
    at = without_shapes(bare).evaluate(null)
    information = -at.hessian
    information[shape] = information[:, shape] = 0.0
    if shape.any():
        # a shape may tell nothing at equal shares; a reference near zero would cost the other directions their digits
        least = max(LEAST_SHAPE * float(problem.weights.sum()), 1e-8)
        information[shape, shape] = np.maximum(np.diag(bare.evaluate(null).opg)[shape], least)
    # E[(x_j - x_y)^2] = variance within the case + squared score
    sizes = np.diag(at.opg - at.hessian) + bare.moments()
    return Reference(information, sizes, at if bare.space is problem.space else None)


def reference_information(problem: Problem) -> Floats:
    """(q, q) the information of :func:`reference_of`."""
    return reference_of(problem).information


def bare_problem(problem: Problem) -> Problem:
    """The problem without offset and with fixed coefficients at zero: at zero all shares are equal."""
    constant, bare = problem.space.constant.copy(), problem.without_offset()
    if bare is problem and not constant[: problem.n_coef].any():
        return problem
    constant[: problem.n_coef] = 0.0
    return replace(bare, space=replace(problem.space, constant=constant))


def search(
    problem: Problem,
    reference: Reference,
    start: Floats | None,
    options: SearchOptions,
    on_step: Callable[[Step], None] | None,
    penalty: Penalty | None = None,
    near: Floats | None = None,
) -> Found:
    """Find the maximum of the log-likelihood, or of the penalised one.

    Parameters
    ----------
    reference : of this problem.
    start : (p,) user's starting values, or None for automatic ones.
    near : (q,) free parameters where the multinomial logit without offset and fixed coefficients was seen to be near
        its maximum, on all cases or a sample; None where nobody looked. Not used where there is an offset, a fixed
        coefficient or a penalty, as the maximum is elsewhere then.
    """
    if penalty is not None or bare_problem(problem) is not problem:
        near = None
    began = time.perf_counter()
    objective = problem.evaluate if penalty is None else penalised(problem, penalty)
    known = None if len(problem.shape_constant) or penalty is not None else reference.at_zero

    def run(free: Floats) -> Maximum[Evaluation]:
        return maximise(
            objective,
            free,
            problem.space.lower,
            problem.space.upper,
            reference=reference.information,
            max_iterations=options.max_iterations,
            tolerance=options.tolerance,
            on_step=on_step,
            at_start=None if free.any() else known,
        )

    runs = [] if start is None else [_run_from_user(run, problem.space.restrict(problem.internal_from_user(start)))]
    if not any(run.status in ("maximum", "flat") for run in runs):
        sampled = None if penalty else near_start(problem, reference.information, options.max_iterations, near)
        if sampled is not None:
            with suppress(NotFinite):
                runs.append(run(sampled))
    if not any(run.status in ("maximum", "flat") for run in runs):
        first = automatic_start(problem, reference.at_zero, options.max_iterations, penalty, near)
        runs.append(run(first))
        if runs[-1].status not in ("maximum", "flat") and is_shape(problem).any():
            runs += [run(free) for free in shape_grid(problem, first)[1::2]]
    rng = np.random.default_rng(options.seed)
    near, spread = runs[0].x, spread_of(problem, reference.information)
    runs += [run(random_start(problem, near, spread, rng)) for _ in range(options.starts - 1)]
    best = _best(runs)
    table = _starts_table(runs, best, problem.weight_scale) if len(runs) > 1 else None
    plain = None if penalty is None else problem.evaluate(best.x)
    return Found(best, reference.information, table, time.perf_counter() - began, penalty, plain)


def _run_from_user(run: Callable[[Floats], Maximum[Evaluation]], free: Floats) -> Maximum[Evaluation]:
    try:
        return run(free)
    except ValueError as error:
        raise OptionError(f"start= is not usable: {error}; give values at which the log-likelihood is finite") from None


def _best(runs: list[Maximum[Evaluation]]) -> Maximum[Evaluation]:
    """The highest; among runs that end equally high, one that ended at a maximum, else on a ridge."""
    top = max(run.evaluation.value for run in runs)
    equal = [run for run in runs if run.evaluation.value >= top - AGREE]
    return max(equal, key=lambda run: (run.status == "maximum", run.status == "flat", run.evaluation.value))


def _starts_table(runs: list[Maximum[Evaluation]], best: Maximum[Evaluation], weight_scale: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "llf": [weight_scale * run.evaluation.value for run in runs],
            "status": [run.status for run in runs],
            "iterations": [len(run.steps) - 1 for run in runs],
            "agrees with the best": [best.evaluation.value - run.evaluation.value < AGREE for run in runs],
        },
        index=pd.RangeIndex(1, len(runs) + 1, name="start"),
    )
