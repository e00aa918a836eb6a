"""An estimated model as a frozen value, with the names of statsmodels' results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from relocchoice.data.provenance import begun, traced_record
from relocchoice.inference.hypotheses import Hypotheses, TestResult, linear_restrictions, wald
from relocchoice.inference.tails import chi2_tail, normal_quantile, require_alpha, two_sided
from relocchoice.results.blocks import WITHOUT_ERROR, is_dissimilarity
from relocchoice.results.frozen import CopiedFrame, sealed
from relocchoice.results.interop import HOOKS
from relocchoice.results.null import estimates_lambdas, free_constants, nests_null
from relocchoice.results.render import Format
from relocchoice.results.summary import Intervals, Summary, summary_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relocchoice.engine.penalty import Penalty
    from relocchoice.inference.covariance import Covariance
    from relocchoice.inference.identification import Identification
    from relocchoice.results.resampled import Resampled
    from relocchoice.spec.encoding import Encoding


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChoiceResults:
    """What was estimated, how well, and from what.

    p parameters in table order, n cases, J alternatives. Nothing in it can be changed: the frames are handed out as
    copies, and the arrays of ``covariance`` and ``moments`` are read-only.

    Attributes
    ----------
    spec : the model as a value: ``family`` (``"multinomial"`` or ``"nested"``), ``formula_text``, ``base``, ``nests``,
        ``normalisation``, ``lambdas``.
    encoding : how data become the columns of the utilities; applied again to predict.
    parameters : index the p names; columns ``estimate``; ``status`` (``"free"``, ``"fixed"``, ``"tied"``,
        ``"at bound"``, ``"infinite"``, ``"flat"``, ``"dropped"``); ``block``, the section it is printed in; ``note``
        (of a tied one: the parameter that it equals).
    covariance : covariance of the estimates, (p, p) in the order of ``parameters``, and its kind in words.
    llf, llnull, llconstants : log-likelihoods at the estimates, at equal shares over the alternatives available to a
        case, and with constants only (NaN where it was not computed).
    nobs : sum of the frequency weights, or number of cases.
    n_cases, n_alternatives : n and J.
    weight_kind : ``"frequency"``, ``"sampling"``, ``"choice-based"`` or None.
    df_model : number of estimated parameters.
    converged : whether the optimiser reached the maximum.
    status_message : how the optimiser ended, in words.
    identification : which parameters the data cannot tell, and the lambdas' verdict.
    trace : one row an iteration of the search: ``iteration``, ``llf``, ``gradient``, ``step``, ``passes`` (evaluations
        so far), ``seconds``. What was looked at before it, to see that choices overlap, is not counted.
    starts : one row a starting point, or None.
    seconds : wall time of the estimation.
    notes : sentences on what was dropped or assumed; printed below every table.
    moments : sums kept so that other covariances can be computed; None where they are not.
    problem : the estimation problem itself; None after loading.
    penalty : what was added to the log-likelihood that was maximised, or None.
    llf_penalised : the penalised log-likelihood at the estimates; None without penalty.
    provenance : one line on where the data come from, where nobody observed them; tables and plots begin with it.
    """

    spec: Any
    encoding: Encoding
    parameters: pd.DataFrame
    covariance: Covariance
    llf: float
    llnull: float
    llconstants: float
    nobs: float
    n_cases: int
    n_alternatives: int
    weight_kind: str | None
    df_model: int
    converged: bool
    status_message: str
    identification: Identification
    trace: pd.DataFrame
    starts: pd.DataFrame | None
    seconds: float
    notes: tuple[str, ...] = ()
    moments: Any = None
    problem: Any = None
    penalty: Penalty | None = None
    llf_penalised: float | None = None
    provenance: str = ""

    def __post_init__(self) -> None:
        for name in ("covariance", "moments"):
            object.__setattr__(self, name, sealed(getattr(self, name)))

    @property
    def params(self) -> pd.Series:
        """(p,) estimates; a parameter that runs off is ``inf`` or ``-inf``."""
        return self.parameters["estimate"].rename("params")

    @property
    def bse(self) -> pd.Series:
        """(p,) standard errors; NaN for fixed, infinite and unidentified parameters and those held at a bound."""
        variance = np.diag(self.covariance.matrix).astype(float)
        known = (variance > 0) & ~self.parameters["status"].isin(WITHOUT_ERROR).to_numpy()
        errors = np.full(len(variance), np.nan)
        errors[known] = np.sqrt(variance[known])
        return pd.Series(errors, index=self.parameters.index, name="bse")

    @property
    def null_values(self) -> pd.Series:
        """(p,) value under the null hypothesis of the printed z: 1 for a dissimilarity parameter, else 0."""
        null = [float(is_dissimilarity(block)) for block in self.parameters["block"]]
        return pd.Series(null, index=self.parameters.index, name="null_values")

    @property
    def tvalues(self) -> pd.Series:
        """(p,) z = (estimate - null value) / standard error; see :attr:`null_values`."""
        errors = self.bse
        gaps = (self.params - self.null_values).where(errors.notna())
        return gaps.div(errors).rename("tvalues")

    @property
    def pvalues(self) -> pd.Series:
        """(p,) two-sided p-values of :attr:`tvalues` under the standard normal distribution."""
        z = self.tvalues
        return pd.Series(two_sided(z.to_numpy()), index=z.index, name="pvalues")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """(p, 2) lower (column 0) and upper (column 1) ends of the intervals that cover with probability 1 - alpha.

        Raises
        ------
        OptionError
            Unless 0 < alpha < 1.
        """
        require_alpha(alpha)
        half = normal_quantile(alpha / 2) * self.bse
        centre = self.params.where(half.notna())
        return pd.DataFrame({0: centre - half, 1: centre + half})

    def cov_params(self) -> pd.DataFrame:
        """(p, p) covariance of the estimates; NaN rows and columns for parameters without a standard error."""
        names = self.parameters.index
        return pd.DataFrame(np.array(self.covariance.matrix, dtype=float), index=names, columns=names)

    @property
    def prsquared(self) -> float:
        """McFadden's rho-squared against equal shares, 1 - llf / llnull."""
        return _one_minus_ratio(self.llf, self.llnull)

    @property
    def prsquared_adjusted(self) -> float:
        """Rho-squared against equal shares, less the estimated parameters: 1 - (llf - df_model) / llnull."""
        return _one_minus_ratio(self.llf - self.df_model, self.llnull)

    @property
    def prsquared_constants(self) -> float:
        """McFadden's rho-squared against the model with constants only; NaN where that is not known."""
        return _one_minus_ratio(self.llf, self.llconstants)

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 llf + 2 df_model."""
        return -2.0 * self.llf + 2.0 * self.df_model

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 llf + log(nobs) df_model."""
        return -2.0 * self.llf + math.log(self.nobs) * self.df_model if self.nobs > 0 else math.nan

    @property
    def df_resid(self) -> float:
        """Observations less estimated parameters."""
        return self.nobs - self.df_model

    @property
    def llr_null(self) -> str:
        """What :attr:`llr` compares with: ``"constants only"`` where the model nests that, else ``"equal shares"``."""
        return "constants only" if math.isfinite(self.llconstants) and free_constants(self) else "equal shares"

    @property
    def llr(self) -> float:
        """Likelihood-ratio statistic against :attr:`llr_null`; see :attr:`llr_pvalue` for what it is not."""
        restricted = self.llconstants if self.llr_null == "constants only" else self.llnull
        return 2.0 * (self.llf - restricted)

    @property
    def llr_df(self) -> int:
        """Degrees of freedom of :attr:`llr`."""
        return self.df_model - (free_constants(self) if self.llr_null == "constants only" else 0)

    @property
    def llr_pvalue(self) -> float:
        """P-value of :attr:`llr`, by the likelihood whatever the covariance; NaN where chi-squared is not its law.

        That is so without degrees of freedom, when the model does not nest :attr:`llr_null`, for penalised and infinite
        estimates, and when dissimilarity parameters are estimated: under constants only, these are not identified.
        """
        if (
            self.penalty is not None
            or self.identification.infinite
            or self.llr_df <= 0
            or not nests_null(self)
            or estimates_lambdas(self)
        ):
            return math.nan
        return chi2_tail(self.llr, self.llr_df)

    def wald_test(self, hypotheses: Hypotheses, values: ArrayLike | None = None) -> TestResult:
        """Wald's test of linear restrictions, with the covariance of these results.

        Parameters
        ----------
        hypotheses : text such as ``"lambda:a = lambda:b"`` or ``"x - 2*y = 1"``, several in a list, or an (r, p)
            matrix.
        values : right-hand side of a matrix; zero if None.

        Returns
        -------
        TestResult
            A fixed parameter counts as known; where an infinite or unidentified one is involved, or there are fewer
            clusters than restrictions, the test does not apply and the result says so.

        Raises
        ------
        SpecificationError
            For unknown parameters and expressions that are not linear.
        """
        restrictions = linear_restrictions(hypotheses, [str(name) for name in self.parameters.index], values)
        moments = self.moments
        movement = None if moments is None else moments.jacobian[:, moments.moving]
        return wald(
            restrictions,
            self.params,
            self._covariance_with_known(),
            movement=movement,
            groups=self.covariance.groups,
        )

    def _covariance_with_known(self) -> pd.DataFrame:
        covariance = np.array(self.covariance.matrix, dtype=float)
        status = self.parameters["status"].to_numpy()
        for label, value in (("fixed", 0.0), ("infinite", np.nan), ("flat", np.nan), ("dropped", np.nan)):
            covariance[status == label, :] = value
            covariance[:, status == label] = value
        return pd.DataFrame(covariance, index=self.parameters.index, columns=self.parameters.index)

    def profile_conf_int(
        self, alpha: float = 0.05, parameters: Sequence[str] | None = None, *, data: Any = None
    ) -> pd.DataFrame:
        """Intervals by the profile likelihood, penalised if the fit is: values that a likelihood-ratio test keeps.

        They need neither a finite estimate nor a standard error: where an estimate runs to infinity one end is finite.

        Parameters
        ----------
        alpha : the intervals cover with probability 1 - alpha.
        parameters : names; None for all.
        data : the data of the fit, where it was loaded from a file.

        Returns
        -------
        DataFrame with columns 0 and 1; -inf or inf where the log-likelihood never falls far enough; NaN for what is
        fixed or dropped.

        Raises
        ------
        OptionError, IdentificationError : an argument is not valid; sampling weights; the search found no maximum.
        """
        from relocchoice.results.profiling import profile_intervals

        return profile_intervals(self, alpha, parameters, data)

    def lr_test(self, hypotheses: Hypotheses, values: ArrayLike | None = None, *, data: Any = None) -> TestResult:
        """Likelihood-ratio test of linear restrictions, penalised if the fit is; arguments as of :meth:`wald_test`."""
        from relocchoice.results.profiling import likelihood_ratio_test

        return likelihood_ratio_test(self, hypotheses, values, data)

    def bootstrap(self, draws: int = 999, *, seed: int = 0, **options: Any) -> Resampled:
        """Estimate again on resampled choices; see :func:`relocchoice.results.resampling.bootstrap` for the options.

        Returns
        -------
        Resampled
            Replicates, standard errors, percentile, basic, BCa and normal intervals.
        """
        from relocchoice.results.resampling import bootstrap

        return bootstrap(self, draws, seed=seed, **options)

    def jackknife(self, **options: Any) -> Resampled:
        """Estimate again without each unit; see :func:`relocchoice.results.resampling.jackknife` for the options."""
        from relocchoice.results.resampling import jackknife

        return jackknife(self, **options)

    def wild_test(self, hypotheses: Hypotheses, values: ArrayLike | None = None, **options: Any) -> TestResult:
        """Wild score bootstrap test for few clusters; see :func:`relocchoice.results.resampling.wild_score_test`."""
        from relocchoice.results.resampling import wild_score_test

        return wild_score_test(self, hypotheses, values, **options)

    def with_cov(
        self,
        kind: str,
        *,
        groups: Any = None,
        small_sample: bool | None = None,
        draws: int | None = None,
        seed: int | None = None,
        data: Any = None,
    ) -> ChoiceResults:
        """The same estimates with another covariance.

        Parameters
        ----------
        kind : ``"hessian"``, ``"opg"``, ``"robust"``, ``"cluster"`` (needs ``groups``), ``"bootstrap"``, ``"none"``.
        groups : one label a case, or the name of a case-level column.
        small_sample : whether to multiply by the small-sample factor; None for the kind's usual choice.
        draws, seed : of the bootstrap; 999 and 0 if None.
        data : the data of the estimation, where the results were loaded from a file and do not hold what is needed.
        """
        from relocchoice.results.build import recompute_covariance

        return recompute_covariance(
            self, kind, groups=groups, small_sample=small_sample, draws=draws, seed=seed, data=data
        )

    def predict(self, data: Any = None) -> pd.DataFrame:
        """(n, J) choice probabilities, cases x alternatives; zero where an alternative is not available.

        Parameters
        ----------
        data : other choice data; the data of the estimation if None.
        """
        from relocchoice.results.build import predict

        return predict(self, data)

    def summary(
        self, format: Format = "text", alpha: float = 0.05, intervals: Intervals = "wald", *, data: Any = None
    ) -> Summary:
        """The table of estimates; prints itself in ``format`` and turns into the others.

        Parameters
        ----------
        intervals : ``"wald"``, or ``"profile"`` for intervals and p-values by the (penalised) profile likelihood, which
            infinite estimates have as well; the column of z then holds the likelihood-ratio chi-squared.
        data : the data of the fit, for profiles of a fit that was loaded from a file.

        Raises
        ------
        OptionError
            For an unknown format or kind of intervals, an alpha outside 0 to 1, or profiles with sampling weights.
        """
        return Summary(summary_table(self, alpha, intervals, data), format)

    def performance(self) -> pd.Series:
        """Passes, seconds a pass and reads of the design a pass; see
        :func:`relocchoice.results.performance.performance`."""
        from relocchoice.results.performance import performance

        return performance(self)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write everything but ``problem`` into one file; see :func:`relocchoice.results.store.save`."""
        from relocchoice.results.store import save

        return save(self, path)

    def _repr_html_(self) -> str:
        return self.summary().as_html()

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        told = (
            f"<ChoiceResults: {self.spec.family} logit, {self.df_model} estimated parameters, {self.n_cases} cases, "
            f"log-likelihood {self.llf:.6g}, {state}>"
        )
        return begun(self.provenance, told)


# the dataclass made plain slots of these; each is wrapped so that no frame inside is ever handed out, and what is made
# later is made when it is asked for
for _name in ("parameters", "trace", "starts", "llconstants"):
    setattr(ChoiceResults, _name, CopiedFrame(vars(ChoiceResults)[_name]))


# what statsmodels' and maketables' tables look for
for _name, _hook in HOOKS.items():
    setattr(ChoiceResults, _name, _hook)


def _one_minus_ratio(llf: float, reference: float) -> float:
    return 1.0 - llf / reference if reference != 0 else math.nan
