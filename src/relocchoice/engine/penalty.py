"""Penalties on the log-likelihood: Firth's, the Jeffreys prior (``engine/firth.py``), and ridge, a normal prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.engine.firth import free_coefficients, jeffreys
from relocchoice.engine.penalty_value import PenaltyValue
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.errors import OptionError
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.params import ParamSpace

Floats = NDArray[np.float64]
Curvature = Literal["loglik", "penalised"]
SAMPLING_WEIGHTS = (
    "Firth's penalty is not valid with sampling weights: the information of a weighted sample is not the one that its "
    "weights sum to; make the data with frequency weights or none"
)
RIDGE_SAMPLING_WEIGHTS = (
    "a ridge penalty is not valid with sampling weights: a weighted log-likelihood has no size that a prior could be "
    "weighed against; make the data with frequency weights or none"
)


class Penalty(Protocol):
    """A log prior density of the free parameters, up to a constant."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``"firth"``."""

    @property
    def covariance_from(self) -> Curvature:
        """Whose Hessian at the penalised estimates the covariance is the negative inverse of."""

    def describe(self) -> str:
        """The penalty in words, for the table's notes."""

    def at(self, problem: Problem, free: Floats) -> PenaltyValue:
        """The penalty with its derivatives at (q,) free parameters."""


@dataclass(frozen=True, slots=True)
class FirthPenalty:
    """Half the log determinant of the information about the free coefficients; see the module."""

    @property
    def name(self) -> str:
        return "firth"

    @property
    def covariance_from(self) -> Curvature:
        return "loglik"

    def describe(self) -> str:
        return (
            "Firth's penalised likelihood: log-likelihood + 1/2 log det of the information about the coefficients "
            "(Jeffreys prior); covariance from the log-likelihood's Hessian at the penalised estimates"
        )

    def at(self, problem: Problem, free: Floats) -> PenaltyValue:
        return jeffreys(problem, free)


@dataclass(frozen=True, slots=True)
class RidgePenalty:
    """A normal prior on each coefficient, independent of the others; zero at the prior means.

    Attributes
    ----------
    sd, mean : of every penalised coefficient, in the user's units. Lambdas are never penalised; coefficients that are
        tied to each other count once.
    unpenalised : coefficients without a prior, usually the constants (see :func:`constant_names`): a prior on these
        would pull the alternatives' shares to be equal.

    Raises
    ------
    OptionError : ``sd`` is not positive, or ``mean`` not finite.
    """

    sd: float
    mean: float = 0.0
    unpenalised: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1e-50 <= self.sd <= 1e50:
            raise OptionError.of("sd", self.sd, "a positive number, the prior's standard deviation (1e-50 to 1e50)")
        if not np.isfinite(self.mean):
            raise OptionError.of("mean", self.mean, "a finite number, the prior's mean")

    @property
    def name(self) -> str:
        return "ridge"

    @property
    def covariance_from(self) -> Curvature:
        return "penalised"

    def describe(self) -> str:
        but = ", constants apart" if self.unpenalised else ""
        return (
            f"ridge: log-likelihood + log density of a normal prior with mean {self.mean:g} and standard deviation "
            f"{self.sd:g} on each coefficient{but}; covariance from the Hessian of both together"
        )

    def at(self, problem: Problem, free: Floats) -> PenaltyValue:
        space = problem.space
        jacobian = space.restrict(problem.jacobian)
        gap = space.restrict(problem.user(free)) - self.mean
        gap = gap / self.sd**2
        has = free_coefficients(problem) & ~np.isin(space.free_names, self.unpenalised)
        rows, gap = jacobian[has], gap[has]
        return PenaltyValue(-0.5 * float(gap @ gap) * self.sd**2, -rows.T @ gap, -rows.T @ rows / self.sd**2)


@dataclass(frozen=True, slots=True)
class Ridge:
    """A normal prior on the coefficients, as the user asks for it.

    Parameters
    ----------
    sd, mean : of every penalised coefficient, in the user's units; a variable in other units has another prior.
    constants : whether the alternative-specific constants are penalised as well.

    Raises
    ------
    OptionError : ``sd`` is not positive, ``mean`` not finite, or ``constants`` neither True nor False.

    Examples
    --------
    >>> Ridge(sd=2.5)
    Ridge(sd=2.5, mean=0.0, constants=False)
    """

    sd: float
    mean: float = 0.0
    constants: bool = False

    def __post_init__(self) -> None:
        for name in ("sd", "mean"):
            value = getattr(self, name)
            if not isinstance(value, Real) or isinstance(value, bool):
                raise OptionError.of(name, value, "a number")
        RidgePenalty(self.sd, self.mean)
        if not isinstance(self.constants, bool):
            raise OptionError.of("constants", self.constants, "True, False")

    def on(self, columns: UtilityColumns, space: ParamSpace) -> RidgePenalty:
        """The penalty on the free parameters of a problem."""
        return RidgePenalty(self.sd, self.mean, () if self.constants else constant_names(columns, space))


def check_penalised(weight_kind: str | None, family: str, asked: str | Ridge) -> None:
    """Refuse penalties that have no meaning.

    Raises
    ------
    OptionError : probability weights, or Firth's penalty on a family it is not derived for.
    """
    if weight_kind in PROBABILITY_WEIGHTS:
        raise OptionError(SAMPLING_WEIGHTS if asked == "firth" else RIDGE_SAMPLING_WEIGHTS)
    if asked == "firth" and family == "subset":
        raise OptionError(
            "penalty='firth' is not available for the conditional logit of sets; valid: None, a Ridge, or Firth's on "
            "rc.one_case_each(data)"
        )


def constant_names(columns: UtilityColumns, space: ParamSpace) -> tuple[str, ...]:
    """Names of the free parameters that are alternative-specific constants."""
    coefs = [np.atleast_1d(np.asarray(column.coef)) for column in columns.columns if column.level == "constant"]
    held = {columns.names[k] for coef in coefs for k in coef[coef >= 0]}
    return tuple(name for name in space.free_names if name in held)


def penalised(problem: Problem, penalty: Penalty) -> Callable[[Floats], Evaluation]:
    """The penalised log-likelihood; the outer products of its evaluations are the log-likelihood's."""

    def evaluate(free: Floats) -> Evaluation:
        plain = problem.evaluate(free)
        if not np.isfinite(plain.value):
            return plain
        extra = penalty.at(problem, free)
        return replace(
            plain,
            value=plain.value + extra.value,
            gradient=plain.gradient + extra.gradient,
            hessian=plain.hessian + extra.hessian,
        )

    return evaluate


@dataclass(frozen=True, slots=True)
class Objective:
    """What a fit maximises, of any problem: the log-likelihood, penalised if there is a penalty."""

    penalty: Penalty | None = None

    def __call__(self, problem: Problem) -> Callable[[Floats], Evaluation]:
        return problem.evaluate if self.penalty is None else penalised(problem, self.penalty)
