"""The user's constructors: models are values, fitting one returns a frozen result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.structural import Unavailable
from relocchoice.engine.penalty import Ridge
from relocchoice.engine.progress import Progress
from relocchoice.engine.reduce import one_thread
from relocchoice.engine.search import SearchOptions
from relocchoice.errors import ConvergenceWarning, Finding, OptionError, SpecificationError
from relocchoice.results.build import Request, estimate, problems
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.searched import Separation
from relocchoice.spec.formula import Formula
from relocchoice.spec.model import Lambdas, ModelSpec, Normalisation
from relocchoice.spec.nests import NestTree
from relocchoice.spec.params import Bounds, Constraints
from relocchoice.spec.utility import UtilitySpec


def _specification(utilities: str | Formula | UtilitySpec, offset: str | None) -> Formula | UtilitySpec:
    if isinstance(utilities, str):
        return Formula(utilities, offset)
    if offset is not None:
        raise SpecificationError("offset= goes with a formula as text; give it to UtilitySpec or Formula itself")
    if not isinstance(utilities, (Formula, UtilitySpec)):
        raise SpecificationError(f"utilities are a formula as text or a UtilitySpec, not {type(utilities).__name__}")
    return utilities


def _settle(model: MultinomialLogit | NestedLogit | SubsetLogit, spec: ModelSpec) -> None:
    """Give the model its specification, and the specification's own copies of what the user passed."""
    object.__setattr__(model, "spec", spec)
    for name in ("fixed", "equal", "bounds"):
        object.__setattr__(model, name, getattr(spec.constraints, name))
    object.__setattr__(model, "unavailable", spec.unavailable)


def _check(self: MultinomialLogit | NestedLogit | SubsetLogit, data: ChoiceData) -> tuple[Finding, ...]:
    """Everything that keeps this model from being estimated on these data, found without estimating.

    The findings are those of the errors that :meth:`fit` would raise: data without choices, columns that are constant,
    missing or in the wrong part of the formula, nests that do not fit the alternatives, unknown parameters, collinear
    columns; and, though ``fit`` only warns of it, separation: parameters without a finite estimate, and the cells
    behind them. ``()`` when there are none.
    """
    return problems(self.spec, data)


def _fit(
    self: MultinomialLogit | NestedLogit | SubsetLogit,
    data: ChoiceData,
    cov_type: str | None = None,
    *,
    groups: Any = None,
    small_sample: bool | None = None,
    separation: Separation = "warn",
    penalty: Literal["firth"] | Ridge | None = None,
    start: Mapping[str, float] | None = None,
    starts: int = 1,
    draws: int = 999,
    seed: int = 0,
    max_iterations: int = 100,
    tolerance: float = 1e-9,
    progress: bool | None = None,
) -> ChoiceResults:
    """Estimate by (full-information) maximum likelihood with Newton's method.

    The multinomial log-likelihood is concave and has one maximum. A nested model starts from the multinomial
    coefficients and the best of a grid of lambdas; with ``starts`` above one the best of several ends is reported, with
    how many starts agreed (``fit.starts``). Before the search it is settled whether choices are separated, so that no
    finite maximum exists.

    Parameters
    ----------
    data : the choices.
    cov_type : ``"hessian"`` (the default), ``"opg"``, ``"robust"`` (the default with sampling and choice-based
        weights), ``"cluster"``, ``"bootstrap"`` or ``"none"``.
    groups : clusters, also of the bootstrap: a column's name, labels one a case, or None for the data's units.
    small_sample : multiply a robust covariance by n/(n - 1), a clustered one by G/(G - 1). None: as Stata does for
        clusters and sampling weights, not for the plain sandwich.
    separation : where choices are separated, ``"warn"`` estimates the limit (infinite estimates are shown as such, the
        others are finite), ``"error"`` refuses, ``"drop"`` leaves out the separated alternatives and the parameters
        without a finite estimate, ``"firth"`` penalises.
    penalty : ``"firth"``, by the Jeffreys prior; ``rc.Ridge(sd=...)``, by a normal prior; None.
    start : parameter -> starting value.
    starts : number of starts; those after the first are random.
    draws : of the bootstrap.
    seed : of random starts and of the bootstrap.
    max_iterations, tolerance : of Newton's method; the tolerance is a distance in standard errors.
    progress : show the iterations; None shows them in a terminal or notebook when the fit takes more than two seconds.

    Raises
    ------
    SpecificationError, DataError, IdentificationError, OptionError
        With everything that is wrong, before estimating. ``SeparationError`` with ``separation="error"``.

    Warns
    -----
    ConvergenceWarning
        When the search did not end at a maximum or the maximum is not finite; the results say why.
    """
    if groups is not None and cov_type not in ("cluster", "bootstrap"):
        raise OptionError(f"groups= goes with cov_type='cluster' or 'bootstrap', not with cov_type={cov_type!r}")
    if small_sample not in (None, True, False):
        raise OptionError.of("small_sample", small_sample, "True, False, None")
    _whole("draws", draws, 2)
    if cov_type is None:
        cov_type = "robust" if getattr(data, "weight_kind", None) in PROBABILITY_WEIGHTS else "hessian"
    request = Request(
        cov_type=cov_type,
        groups=groups,
        small_sample=small_sample,
        draws=draws,
        seed=seed,
        separation=separation,
        penalty=penalty,
        start=start,
        options=_options(starts, seed, max_iterations, tolerance),
    )
    with one_thread(), Progress(progress) as on_step:
        results = estimate(self.spec, data, request, on_step)
    if not results.converged:
        warnings.warn(results.status_message, ConvergenceWarning, stacklevel=2)
    return results


@dataclass(frozen=True, slots=True, eq=False)
class MultinomialLogit:
    """Multinomial (conditional) logit.

    Parameters
    ----------
    utilities : the three-part formula ``"chosen ~ generic | case-specific | alternative-specific coefficients"``, or a
        :class:`UtilitySpec`.
    base : alternative without constant and case-specific coefficients; None takes the first.
    fixed : parameter -> value it is held at.
    equal : groups of parameters that share one value.
    bounds : parameter -> (lower, upper), None for no bound.
    offset : term added to every utility with coefficient one.
    unavailable : structural zeros by rule, alternative -> conditions, see :meth:`ChoiceData.without`.

    Examples
    --------
    >>> model = MultinomialLogit("chosen ~ log(land_price) + policy | log(assets)", base="township")
    """

    utilities: str | Formula | UtilitySpec
    base: Any = None
    fixed: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    equal: Sequence[Sequence[str]] = field(default=(), kw_only=True)
    bounds: Mapping[str, Bounds] = field(default_factory=dict, kw_only=True)
    offset: str | None = field(default=None, kw_only=True)
    unavailable: Unavailable = field(default_factory=dict, kw_only=True)
    spec: ModelSpec = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spec = ModelSpec(
            "multinomial",
            _specification(self.utilities, self.offset),
            self.base,
            Constraints(self.fixed, self.equal, self.bounds),
            unavailable=self.unavailable,
        )
        _settle(self, spec)

    check = _check
    fit = _fit


@dataclass(frozen=True, slots=True, eq=False)
class NestedLogit:
    """Nested logit of any depth.

    Parameters
    ----------
    utilities, base, fixed, equal, bounds, offset, unavailable : see :class:`MultinomialLogit`.
    nests : ``{"near": ["township", "county seat"], "away": {"metro": [...], "interior": [...]}}``, any depth, or a
        :class:`NestTree`.
    normalisation : ``"utility"``: P(j|m) ~ exp(V_j / lambda_m); ``"none"``: P(j|m) ~ exp(V_j); ``"bottom"``: as
        ``"utility"``, coefficients in units of the first lowest nest.
    lambdas : ``"free"``, one for each nest (``lambda:near``), or ``"common"``, one for all (``lambda``).

    Examples
    --------
    >>> model = NestedLogit("chosen ~ cost", nests={"near": ["a", "b"], "away": ["c", "d"]})
    >>> print(model.spec.nests)
    ├── near
    │   ├── a
    │   └── b
    └── away
        ├── c
        └── d
    """

    utilities: str | Formula | UtilitySpec
    nests: Mapping[Any, Any] | NestTree
    base: Any = None
    normalisation: Normalisation = field(default="utility", kw_only=True)
    lambdas: Lambdas = field(default="free", kw_only=True)
    fixed: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    equal: Sequence[Sequence[str]] = field(default=(), kw_only=True)
    bounds: Mapping[str, Bounds] = field(default_factory=dict, kw_only=True)
    offset: str | None = field(default=None, kw_only=True)
    unavailable: Unavailable = field(default_factory=dict, kw_only=True)
    spec: ModelSpec = field(init=False, repr=False)

    def __post_init__(self) -> None:
        nests = self.nests if isinstance(self.nests, NestTree) else NestTree.from_dict(self.nests)
        spec = ModelSpec(
            "nested",
            _specification(self.utilities, self.offset),
            self.base,
            Constraints(self.fixed, self.equal, self.bounds),
            nests,
            self.normalisation,
            self.lambdas,
            self.unavailable,
        )
        _settle(self, spec)

    check = _check
    fit = _fit


@dataclass(frozen=True, slots=True, eq=False)
class SubsetLogit:
    """Conditional logit of sets: which m alternatives an event takes, given m (the m-of-J conditional likelihood).

    P(S) is proportional to exp(sum of V_j over S) among all sets of the same size. With one alternative a case it is
    the multinomial logit. The data are read with ``several=True``. ``predict`` gives, for data that say how many
    alternatives each case took, the probability that an alternative is among them; for others, that it is the one.

    Parameters
    ----------
    utilities, base, fixed, equal, bounds, offset, unavailable : see :class:`MultinomialLogit`. What belongs to the case
        and not to the alternatives drops out, so the number taken may depend on anything about the event.

    Examples
    --------
    >>> model = SubsetLogit("chosen ~ log(land_price) + policy | log(assets)", base="township")
    """

    utilities: str | Formula | UtilitySpec
    base: Any = None
    fixed: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    equal: Sequence[Sequence[str]] = field(default=(), kw_only=True)
    bounds: Mapping[str, Bounds] = field(default_factory=dict, kw_only=True)
    offset: str | None = field(default=None, kw_only=True)
    unavailable: Unavailable = field(default_factory=dict, kw_only=True)
    spec: ModelSpec = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spec = ModelSpec(
            "subset",
            _specification(self.utilities, self.offset),
            self.base,
            Constraints(self.fixed, self.equal, self.bounds),
            unavailable=self.unavailable,
        )
        _settle(self, spec)

    check = _check
    fit = _fit


def _options(starts: int, seed: int, max_iterations: int, tolerance: float) -> SearchOptions:
    for argument, value, least in (("starts", starts, 1), ("max_iterations", max_iterations, 0), ("seed", seed, 0)):
        _whole(argument, value, least)
    if not isinstance(tolerance, Real) or not 0 < tolerance < 1:
        raise OptionError.of("tolerance", tolerance, "a number between 0 and 1")
    return SearchOptions(max_iterations, tolerance, starts, seed)


def _whole(argument: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise OptionError.of(argument, value, f"a whole number of at least {least}")
