"""Control function: the residual of the price's first stage stands in the utilities for what the analyst does not see.

V_ij = x_ij' b + a p_m + k (p_m - z_m' g), with p - z'g from the first stage: given the residual, the price no longer
goes with the unobserved quality of the place (Petrin & Train 2010, Journal of Marketing Research 47, 3-13). The errors
of both steps are counted together, see :mod:`relocchoice.relocation.land.stacked`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun, said, traced_record
from relocchoice.errors import DataError, IdentificationError, OptionError
from relocchoice.inference.covariance import Covariance
from relocchoice.inference.hypotheses import Hypotheses, TestResult, linear_restrictions, wald
from relocchoice.relocation.land.control_bootstrap import both_stages
from relocchoice.relocation.land.control_design import (
    Design,
    Model,
    Plan,
    design_of,
    price_label,
    with_column,
    with_residual,
)
from relocchoice.relocation.land.control_groups import Groups, case_scale, first_scale, groups_of
from relocchoice.relocation.land.control_table import control_table, first_stage_table
from relocchoice.relocation.land.first_stage import FirstStage, fit_first_stage
from relocchoice.relocation.land.forecast import Forecast, Residual, forecast
from relocchoice.relocation.land.markets import Markets
from relocchoice.relocation.land.stacked import FirstMoments, Stacked, stacked
from relocchoice.results.at_maximum import why_no_maximum
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
TwoStepCovariance = Literal["robust", "cluster", "bootstrap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFunction:
    """A choice model whose price is endogenous, and the first stage of that price.

    Parameters
    ----------
    model : of the utilities, written as a formula; without the residual.
    price : the endogenous term as it stands in the formula, e.g. ``"log(land_price)"``.
    instruments : terms that move the price and stand in no utility, e.g. ``"log(quota) + plains"``.
    exogenous : further terms of the first stage. The model's own generic terms that are one value a market are in it
        always, and effects of the alternatives where the model has their constants.
    market : columns that tell prices apart, e.g. ``("place", "period")``: one row of the first stage each. None: every
        case and alternative has a price of its own; then both steps share their clusters.
    effects : further columns whose levels have effects in the first stage.
    residual : name of the residual's column and coefficient.

    Raises
    ------
    SpecificationError, OptionError : the model is no formula, the price none of its terms.

    Examples
    --------
    >>> import relocchoice as rc
    >>> model = ControlFunction(
    ...     model=rc.MultinomialLogit("chosen ~ log(land_price) + policy"),
    ...     price="log(land_price)",
    ...     instruments="log(quota) + plains",
    ...     market=("place", "period"),
    ... )
    """

    model: Model
    price: str
    instruments: str
    exogenous: str | None = None
    market: str | Sequence[str] | None = None
    effects: Sequence[str] = ()
    residual: str = "price_residual"

    def __post_init__(self) -> None:
        object.__setattr__(self, "price", price_label(self.model, self.price))
        for name in ("market", "effects"):
            value = getattr(self, name)
            if isinstance(value, str) and name == "effects":
                value = (value,)
            object.__setattr__(self, name, value if value is None or isinstance(value, str) else tuple(value))
        if not isinstance(self.residual, str) or not self.residual.isidentifier():
            raise OptionError.of("residual", self.residual, "a name of letters, digits and _")

    def fit(
        self,
        data: ChoiceData,
        cov_type: TwoStepCovariance = "robust",
        *,
        groups: Any = None,
        market_groups: str | None = None,
        draws: int = 199,
        seed: int = 0,
        **options: Any,
    ) -> ControlFunctionResults:
        """Estimate both steps.

        Parameters
        ----------
        data : the choices.
        cov_type : ``"robust"``: cases independent, and markets; ``"cluster"``; ``"bootstrap"``: both steps estimated
            again on resampled markets and cases (or groups of them).
        groups : clusters of the cases, of ``"cluster"`` and ``"bootstrap"``: a column's name, labels one a case, or
            None for the data's units.
        market_groups : column whose labels cluster the markets. Where it is ``groups`` too, cases and markets of one
            label are one cluster.
        draws, seed : of the bootstrap.
        options : of the choice model's ``fit``, e.g. ``starts=``, ``max_iterations=``.

        Raises
        ------
        DataError, SpecificationError, IdentificationError, OptionError
            Missing values, prices that differ within a market or do not vary, instruments that are absent, constant or
            collinear, a choice model without a finite maximum: before any result is made.
        """
        _check(self, data, cov_type, groups, market_groups, draws, seed, options)
        steps = _both_steps(self, data, cov_type, groups, market_groups, options)
        replicates = None
        if cov_type == "bootstrap":
            gamma = steps.first.params.to_numpy()
            replicates = both_stages(
                steps.fit.problem, steps.fit, self.residual, steps.moments, gamma, steps.groups.cases, draws, seed
            )
        return _results(self, data, steps, replicates, cov_type, seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Both steps as estimated, and the covariances of their stacked moments."""

    design: Design
    first: FirstStage
    plain: ChoiceResults
    fit: ChoiceResults
    moments: FirstMoments
    groups: Groups
    both: Stacked


def _both_steps(
    asked: ControlFunction,
    data: ChoiceData,
    cov_type: str,
    groups: Any,
    market_groups: str | None,
    options: dict[str, Any],
) -> _Steps:
    design = design_of(
        asked.model, data, asked.price, asked.instruments, asked.exogenous, asked.market, tuple(asked.effects)
    )
    independent = groups_of(data, design.markets, cov_type, groups, market_groups)
    regression = replace(design.regression, clusters=independent.first_stage)
    first = said(fit_first_stage(regression, asked.price), data)
    of_row = design.markets.of_row
    plain = asked.model.fit(data, "none", **options)
    with_it = with_column(data, asked.residual, first.residuals[of_row])
    fit = with_residual(asked.model, asked.residual).fit(with_it, "none", **options)
    reason = why_no_maximum(fit)
    if reason:
        raise IdentificationError(f"with the residual in the utilities, {reason}")
    scale = first_scale(regression.columns.shape, independent)
    moments = FirstMoments(regression.columns, first.residuals, regression.names, of_row, independent.markets, scale)
    both = stacked(fit.problem, fit, asked.residual, moments, independent.cases, case_scale(fit, independent))
    return _Steps(replace(design, regression=regression), first, plain, fit, moments, independent, both)


def _check(
    self: ControlFunction,
    data: ChoiceData,
    cov_type: str,
    groups: Any,
    market_groups: str | None,
    draws: int,
    seed: int,
    options: dict[str, Any],
) -> None:
    """Refuse what cannot be done, before anything is."""
    if not isinstance(data, ChoiceData):
        raise DataError(f"fit needs a ChoiceData, not {type(data).__name__}")
    if data.chosen is None:
        raise DataError("these data hold no choices; give chosen= when making them")
    if cov_type not in get_args(TwoStepCovariance):
        raise OptionError.of("cov_type", cov_type, ", ".join(get_args(TwoStepCovariance)))
    if groups is not None and cov_type == "robust":
        raise OptionError("groups= goes with cov_type='cluster' or 'bootstrap', not with cov_type='robust'")
    if cov_type == "cluster" and groups is None and data.unit is None:
        raise OptionError("cov_type='cluster' needs groups= (a column, or labels one a case), or data made with unit=")
    if market_groups is not None and self.market is None:
        raise OptionError(
            "market_groups= goes with market=; without markets both steps share the clusters of the cases"
        )
    if self.market is None and data.weights is not None:
        raise OptionError("without market= the first stage is by row and takes no weights; name the markets")
    if self.model.spec.unavailable:
        raise OptionError("unavailable= of the model: take the rules to the data instead, data.without(...)")
    if self.residual in data.columns:
        raise OptionError(f"residual={self.residual!r} is a column of the data already; take another name")
    for name, value, least in (("draws", draws, 2), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise OptionError.of(name, value, f"a whole number of at least {least}")
    refused = sorted({"penalty", "cov_type", "small_sample", "separation"} & set(options))
    if refused:
        raise OptionError(f"{refused[0]}= is not available here: the two steps' errors are those of a maximum")


def _results(
    asked: ControlFunction,
    data: ChoiceData,
    steps: _Steps,
    replicates: pd.DataFrame | None,
    cov_type: str,
    seed: int,
) -> ControlFunctionResults:
    design, first, fit, both, clusters = steps.design, steps.first, steps.fit, steps.both, steps.groups
    p = len(fit.parameters)
    kind = "cluster" if cov_type == "cluster" else "robust"
    groups = both.groups if clusters.clustered else None
    second = Covariance(kind, both.second, "sandwich of the choices alone, the residual taken as known", groups)
    words = "stacked moments of both steps"
    joint = both.joint
    if cov_type == "cluster":
        words += f", {both.groups} clusters of cases" + (" that hold the markets too" if clusters.shared else "")
    if replicates is not None:
        kind, words = "bootstrap", f"{len(replicates)} draws of both steps, seed {seed}"
        joint = _bootstrapped(replicates, joint)
    corrected = replace(fit, covariance=Covariance(kind, joint[:p, :p], words, groups))
    notes = [*fit.notes, first.strength()]
    if design.left_out:
        notes.append(f"Not in the first stage, as they vary within markets: {', '.join(design.left_out)}.")
    if first.n_markets < 20:
        notes.append(f"The first stage has {first.n_markets} markets only; its errors are asymptotic in their number.")
    known = replace(fit, covariance=second)
    return ControlFunctionResults(
        model=asked,
        fit=replace(corrected, notes=tuple(notes)),
        plain=steps.plain.with_cov("robust"),
        first_stage=first,
        exogeneity=_exogeneity(known, asked),
        covariance_both=joint,
        uncorrected=known.bse,
        replicates=replicates,
        data=data,
        markets=design.markets,
        regression_columns=design.regression.columns,
        plan=design.plan,
    )


def _bootstrapped(replicates: pd.DataFrame, analytic: Floats) -> Floats:
    """The covariance of the replicates; none where the analytic one has none."""
    out = np.cov(replicates.to_numpy(dtype=np.float64), rowvar=False, ddof=1)
    out[np.isnan(analytic)] = np.nan
    return out


def _exogeneity(known: ChoiceResults, asked: ControlFunction) -> TestResult:
    """Wald test of no residual; under it the first step's errors do not matter: the choices' own covariance holds."""
    result = known.wald_test(f"`{asked.residual}` = 0")
    return replace(result, null=f"{asked.price} is exogenous (the residual's coefficient is zero)")


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ControlFunctionResults:
    """Both steps, with the names of :class:`ChoiceResults`.

    p parameters of the utilities, the residual's among them; k of the first stage; M markets.

    Attributes
    ----------
    model : what was estimated.
    fit : the choices with the residual, and the corrected covariance: what effects, ratios, comparisons and scenarios
        take. They hold the residual, that is the unobserved quality of each market, where it is.
    plain : the same model without the residual, robust errors: biased where the price is endogenous.
    first_stage : the price's regression and the strength of the instruments.
    exogeneity : test that the residual's coefficient is zero.
    covariance_both : (p + k, p + k) of both steps; the first stage's part is that of its own record.
    uncorrected : (p,) standard errors that take the residual as known: too small.
    replicates : of the bootstrap, one column a parameter of both steps; or None.
    data, markets, regression_columns, plan : of the estimation; for forecasts.
    """

    model: ControlFunction
    fit: ChoiceResults
    plain: ChoiceResults
    first_stage: FirstStage
    exogeneity: TestResult
    covariance_both: Floats
    uncorrected: pd.Series
    replicates: pd.DataFrame | None
    data: ChoiceData
    markets: Markets
    regression_columns: Floats
    plan: Plan

    @property
    def provenance(self) -> str:
        """One line on where the data come from, where nobody observed them; the tables begin with it."""
        return self.fit.provenance

    @property
    def params(self) -> pd.Series:
        """(p,) estimates."""
        return self.fit.params

    @property
    def bse(self) -> pd.Series:
        """(p,) standard errors that count both steps."""
        return self.fit.bse

    @property
    def tvalues(self) -> pd.Series:
        """(p,) z = (estimate - null value) / standard error."""
        return self.fit.tvalues

    @property
    def pvalues(self) -> pd.Series:
        """(p,) two-sided p-values of :attr:`tvalues`."""
        return self.fit.pvalues

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """(p, 2) ends of the intervals that cover with probability 1 - alpha."""
        return self.fit.conf_int(alpha)

    def cov_params(self) -> pd.DataFrame:
        """(p, p) covariance of the utilities' parameters, both steps counted."""
        return self.fit.cov_params()

    def cov_both(self) -> pd.DataFrame:
        """(p + k, p + k) covariance of both steps; the first stage's names begin with ``first stage: ``."""
        names = [*self.fit.parameters.index, *(f"first stage: {name}" for name in self.first_stage.coefficients.index)]
        return pd.DataFrame(np.array(self.covariance_both), index=pd.Index(names), columns=pd.Index(names))

    def wald_test(self, hypotheses: Hypotheses) -> TestResult:
        """Wald's test of linear restrictions on the parameters of the utilities."""
        names = [str(name) for name in self.params.index]
        return wald(linear_restrictions(hypotheses, names, None), self.params, self.cov_params())

    def forecast(
        self,
        data: ChoiceData | None = None,
        residual: Residual = "held",
        *,
        draws: int = 100,
        seed: int = 0,
        alpha: float = 0.05,
    ) -> Forecast:
        """Mean choice probabilities with intervals; see :func:`relocchoice.relocation.land.forecast.forecast`."""
        return forecast(self, data, residual, draws=draws, seed=seed, alpha=alpha)

    def columns(self) -> pd.DataFrame:
        """Estimates and standard errors without and with the control function, side by side."""
        return pd.DataFrame(
            {
                "plain": self.plain.params.reindex(self.params.index),
                "plain_error": self.plain.bse.reindex(self.params.index),
                "control_function": self.params,
                "control_function_error": self.bse,
                "uncorrected_error": self.uncorrected,
            }
        )

    def summary(self, format: Format = "text", alpha: float = 0.05) -> Summary:
        """The table of the utilities, with the first stage's strength and the test of the residual below it."""
        return Summary(control_table(self.fit, self.exogeneity, self.model.residual, alpha), format)

    def first_stage_summary(self, format: Format = "text") -> Summary:
        """The table of the first stage."""
        return Summary(first_stage_table(self.first_stage, self.provenance), format)

    def _repr_html_(self) -> str:
        return self.summary().as_html()

    def __repr__(self) -> str:
        told = (
            f"<ControlFunctionResults: {self.model.price} on {', '.join(self.first_stage.instruments)}, effective F "
            f"{self.first_stage.f_effective:.4g}, {self.fit.n_cases} cases, log-likelihood {self.fit.llf:.6g}>"
        )
        return begun(self.provenance, told)


setattr(ControlFunctionResults, "replicates", CopiedFrame(vars(ControlFunctionResults)["replicates"]))  # noqa: B010
