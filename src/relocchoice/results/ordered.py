"""Ordered logit of ratings: the model, and its results with the names of the other results here.

The model is that of statsmodels' ``OrderedModel(distr="logit")`` and of R's ``polr``: P(y at least as good as level j)
= F(x'b - cut), so a positive coefficient raises the rating. It is estimated here because those take one row a rating:
with counts, the likelihood is weighted; and because cut points are reported as themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.frames import read_frame
from relocchoice.data.labels import plain_label, show, show_some
from relocchoice.data.provenance import begun, traced_record
from relocchoice.errors import ConvergenceWarning, DataError, Finding, OptionError, SpecificationError
from relocchoice.inference.covariance import Covariance
from relocchoice.inference.simultaneous import Against, Best, FactorOrder, factor_order
from relocchoice.inference.tails import chi2_tail
from relocchoice.results.estimates import Estimates
from relocchoice.results.frozen import CopiedFrame, sealed
from relocchoice.results.ordered_build import OrderedFit, fit_ordered, predict_ordered, right_side
from relocchoice.results.ordered_table import ordered_table
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.spec.evaluate import TermsEncoding


@dataclass(frozen=True, slots=True)
class OrderedLogit:
    """Ordered (proportional-odds) logit.

    Parameters
    ----------
    formula : ``"rating ~ terms"``; the terms are those of the other formulas here. A categorical is dummy-coded against
        its first category; ``C(factor, contr.treatment("living environment"))`` takes another base.
    levels : the ratings from best to worst; None takes the order of an ordered categorical, whose last level is best.

    Raises
    ------
    SpecificationError
        For a text that is no such formula.

    Examples
    --------
    >>> model = OrderedLogit("grade ~ factor", levels=["most", "relatively", "important", "somewhat"])
    """

    formula: str
    levels: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        right_side(self.formula)
        if self.levels is not None:
            object.__setattr__(self, "levels", tuple(plain_label(level) for level in self.levels))

    def fit(self, frame: Any, weights: str | None = None, *, max_iterations: int = 100) -> OrderedResults:
        """Estimate by maximum likelihood with Newton's method; the covariance is the inverse of the negative Hessian.

        Parameters
        ----------
        frame : any data frame, one row a rating, or a row a cell with its count.
        weights : column of counts (frequency weights): whole numbers, not negative; None: every row is one rating.
        max_iterations : of Newton's method.

        Raises
        ------
        DataError, SpecificationError, IdentificationError, OptionError
            With what is wrong, before estimating: ratings that are no level or all of one level, broken counts, columns
            that do not vary or are collinear, and terms that separate the ratings, whose estimates would be infinite.

        Warns
        -----
        ConvergenceWarning
            When the search stopped before the maximum.
        """
        import warnings

        if not isinstance(max_iterations, Integral) or isinstance(max_iterations, bool) or max_iterations < 1:
            raise OptionError.of("max_iterations", max_iterations, "a whole number of at least 1")
        response, terms = right_side(self.formula)
        levels = self.levels if self.levels is not None else _ordered_levels(frame, response)
        if len(levels) < 2 or len(set(levels)) < len(levels):
            raise OptionError.of("levels", list(levels), "two different ratings or more, from best to worst")
        _check_ratings(frame, response, levels)
        results = _results(self.formula, response, fit_ordered(frame, response, terms, levels, weights, max_iterations))
        if not results.converged:
            warnings.warn(results.status_message, ConvergenceWarning, stacklevel=2)
        return results


def _check_ratings(frame: Any, response: str, levels: tuple[Any, ...]) -> None:
    """Refuse ratings that are none of the levels."""
    held = read_frame(frame).get(response, "the left side of the formula").dropna().drop_duplicates()
    foreign = [label for label in map(plain_label, held) if label not in levels]
    if foreign:
        message = f"column {response!r} holds {show_some(foreign)}, which levels={list(levels)} do not name"
        raise DataError([Finding("levels", message, column=response)])


def _ordered_levels(frame: Any, response: str) -> tuple[Any, ...]:
    """The levels of an ordered categorical, the last first."""
    series = read_frame(frame).get(response, "the left side of the formula")
    if isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered:
        return tuple(plain_label(level) for level in reversed(series.cat.categories.tolist()))
    held = show_some(series.drop_duplicates().tolist())
    message = (
        f"column {response!r} is no ordered categorical, so the order of its ratings is not known: "
        f"give levels=[...] from best to worst (values: {held})"
    )
    raise DataError([Finding("levels", message, column=response)])


def _results(formula: str, response: str, fit: OrderedFit) -> OrderedResults:
    return OrderedResults(
        formula=formula,
        response=response,
        levels=fit.levels,
        encoding=fit.encoding,
        parameters=fit.parameters,
        covariance=Covariance("hessian", fit.covariance, "inverse of the negative Hessian"),
        llf=fit.llf,
        llnull=fit.llnull,
        counts=fit.counts,
        n_cases=fit.data.n_cases,
        weight_kind=fit.data.weight_kind,
        converged=fit.converged,
        status_message=fit.status_message,
        notes=fit.notes,
        data=fit.data,
    )


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OrderedResults(Estimates):
    """An estimated ordered logit, with the names of :class:`ChoiceResults`.

    p parameters, q coefficients and then K - 1 cut points; K levels from best to worst; n rows.

    Attributes
    ----------
    formula, response : as given; the column of the ratings.
    levels : (K,) that were used, from best to worst.
    encoding : how a frame becomes the columns of the model.
    parameters : index the p names; columns ``estimate``, ``status`` (``"free"``), ``block``, ``note``. The cut between
        two levels is called ``cut:better|worse``.
    covariance : (p, p) covariance of the estimates, and its kind in words.
    llf, llnull : log-likelihoods at the estimates, and with cut points only.
    counts : (K,) ratings of each level.
    n_cases : n. weight_kind : ``"frequency"`` with counts, else None.
    converged, status_message : whether the gradient vanishes at the estimates, and how the search ended.
    notes : sentences printed below every table.
    data : the rows as read.
    """

    formula: str
    response: str
    levels: tuple[Any, ...]
    encoding: TermsEncoding
    parameters: pd.DataFrame
    covariance: Covariance
    llf: float
    llnull: float
    counts: NDArray[np.float64]
    n_cases: int
    weight_kind: str | None
    converged: bool
    status_message: str
    notes: tuple[str, ...]
    data: ChoiceData

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", sealed(self.covariance))
        self.counts.flags.writeable = False

    @property
    def provenance(self) -> str:
        """Where the ratings come from, where nobody gave them."""
        return self.data.provenance

    @property
    def nobs(self) -> float:
        """Number of ratings: the sum of the counts."""
        return float(self.counts.sum())

    @property
    def df_model(self) -> int:
        """Number of estimated parameters, cut points included."""
        return len(self.parameters)

    @property
    def df_resid(self) -> float:
        """Ratings less estimated parameters."""
        return self.nobs - self.df_model

    @property
    def prsquared(self) -> float:
        """McFadden's rho-squared against cut points only, 1 - llf / llnull."""
        return 1.0 - self.llf / self.llnull

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 llf + 2 df_model."""
        return -2.0 * self.llf + 2.0 * self.df_model

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 llf + log(nobs) df_model."""
        return -2.0 * self.llf + math.log(self.nobs) * self.df_model

    @property
    def llr(self) -> float:
        """Likelihood-ratio statistic against cut points only."""
        return 2.0 * (self.llf - self.llnull)

    @property
    def llr_df(self) -> int:
        """Degrees of freedom of :attr:`llr`: the number of coefficients."""
        return self.df_model - (len(self.levels) - 1)

    @property
    def llr_pvalue(self) -> float:
        """P-value of :attr:`llr`; 1 for a model without coefficients."""
        return chi2_tail(self.llr, self.llr_df) if self.llr_df else 1.0

    def predict(self, frame: Any = None) -> pd.DataFrame:
        """(n, K) probabilities of the levels, best first; of the rows of the estimation if `frame` is None."""
        return predict_ordered(self.encoding, self.params.to_numpy(), self.levels, self.data, frame)

    def factor_order(
        self, factor: str, *, against: Against = "pairs", best: Best = "largest", alpha: float = 0.05, seed: int = 0
    ) -> FactorOrder:
        """Order of the categories of a factor, with intervals and ranks that hold together.

        Parameters
        ----------
        factor : a dummy-coded categorical of the formula, as it is written there; its base counts as 0.
        against, best, alpha, seed : see :func:`relocchoice.inference.simultaneous.factor_order`.

        Raises
        ------
        SpecificationError
            For something that is no such factor, or one that also stands in a product.
        """
        categories = self.encoding.levels.get(factor)
        if categories is None:
            raise SpecificationError(
                f"factor={factor!r} is no categorical of {self.formula!r}; there are: {show_some(self.encoding.levels)}"
            )
        if any(":" in label and factor in label for label in self.encoding.labels):
            raise SpecificationError(
                f"factor {factor!r} stands in a product, so that its categories have no one effect"
            )
        names = {category: f"{factor}[T.{category}]" for category in categories}
        held = [category for category in categories if names[category] in self.parameters.index]
        if len(held) != len(categories) - 1:
            raise SpecificationError(f"factor {factor!r} is not dummy-coded against one base: use contr.treatment")
        design = np.zeros((len(categories), self.df_model))
        for row, category in enumerate(categories):
            if category in held:
                design[row, self.parameters.index.get_loc(names[category])] = 1.0
        effects = pd.Series(design @ self.params.to_numpy(), index=pd.Index(categories, name=factor))
        covariance = design @ self.covariance.matrix @ design.T
        return factor_order(effects, covariance, against=against, best=best, alpha=alpha, seed=seed)

    def summary(self, format: Format = "text", alpha: float = 0.05) -> Summary:
        """The table of estimates; see :meth:`ChoiceResults.summary`."""
        return Summary(ordered_table(self, alpha), format)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        told = (
            f"<OrderedResults: {self.df_model} estimated parameters, {self.nobs:g} ratings of {show(self.response)}, "
            f"log-likelihood {self.llf:.6g}, {state}>"
        )
        return begun(self.provenance, told)


setattr(OrderedResults, "parameters", CopiedFrame(vars(OrderedResults)["parameters"]))  # noqa: B010
