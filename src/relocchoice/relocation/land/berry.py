"""Berry's inversion: logit of grouped shares, multinomial or nested, with price and within-nest share instrumented.

See :mod:`relocchoice.relocation.land.berry_shares` for the equation. It is linear in the parameters, so linearmodels'
two-stage least squares and GMM estimate it; nothing is assumed of xi but that the instruments do not go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.provenance import begun, said, traced_record
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.covariance import Covariance
from relocchoice.inference.hypotheses import TestResult
from relocchoice.relocation.land.berry_elasticities import elasticities
from relocchoice.relocation.land.berry_shares import Shares, read_shares
from relocchoice.relocation.land.berry_system import (
    System,
    check_system,
    clusters_of,
    conditional_f,
    first_stages,
    system_of,
)
from relocchoice.relocation.land.berry_table import berry_table
from relocchoice.relocation.land.first_stage import FirstStage
from relocchoice.results.estimates import Estimates
from relocchoice.results.frozen import CopiedFrame, sealed
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.spec.parts import parse_part

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Method = Literal["2sls", "gmm", "ols"]
BerryCovariance = Literal["robust", "cluster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BerryLogit:
    """A logit of grouped shares.

    Parameters
    ----------
    utilities : terms of the utilities, e.g. ``"log(land_price) + policy"``; there is always a constant, which is that
        of all inside alternatives against the outside one.
    price : the endogenous term among them.
    instruments : excluded terms, e.g. ``"quota + plains"``; with nests they must tell the within-nest share too, see
        :func:`rival_instruments`.
    nest : column of nests, which makes the model nested: ``sigma`` is 1 - lambda. None: multinomial.
    effects : columns whose levels have effects, e.g. ``("place",)``.

    Raises
    ------
    SpecificationError, OptionError : the price is no term of the utilities, or an instrument is one.

    Examples
    --------
    >>> model = BerryLogit(utilities="log(land_price) + policy", price="log(land_price)", instruments="quota + plains")
    """

    utilities: str
    price: str
    instruments: str
    nest: str | None = None
    effects: Sequence[str] = ()

    def __post_init__(self) -> None:
        terms = [term.label for term in parse_part(self.utilities, False)]
        priced = [term.label for term in parse_part(self.price, False)]
        if len(priced) != 1 or priced[0] not in terms:
            raise OptionError.of("price", self.price, f"one of the terms of utilities=: {', '.join(terms)}")
        outside = [term.label for term in parse_part(self.instruments, False)]
        both = [label for label in outside if label in terms]
        if both:
            raise SpecificationError(f"instruments={self.instruments!r}: {', '.join(both)} stands in the utilities too")
        if not outside:
            raise SpecificationError(f"instruments={self.instruments!r} has no terms; name what moves the price only")
        object.__setattr__(self, "price", priced[0])
        effects = (self.effects,) if isinstance(self.effects, str) else tuple(self.effects)
        object.__setattr__(self, "effects", effects)

    def fit(
        self,
        frame: Any,
        *,
        share: str,
        market: str,
        alternative: str,
        outside: Any = None,
        method: Method = "2sls",
        cov_type: BerryCovariance = "robust",
        groups: str | None = None,
    ) -> BerryResults:
        """Estimate.

        Parameters
        ----------
        frame : any data frame, one row a market and alternative.
        share : column of shares of all who could have chosen; or of counts, where ``outside`` has rows of its own.
        market, alternative : columns that tell the rows apart.
        outside : label of the outside alternative (e.g. those who stayed); None: what the shares leave of one.
        method : ``"2sls"``, ``"gmm"`` (two-step, efficient weights) or ``"ols"``: without instruments, biased.
        cov_type : ``"robust"``, or ``"cluster"`` by ``groups``, a column; None for the market. Scaled by n / (n - k).

        Raises
        ------
        DataError, IdentificationError, SpecificationError, OptionError
            Zero shares (market and alternative are named), missing values, fewer instruments than endogenous columns,
            constant or collinear columns, with nests a term called ``sigma``: before anything is estimated.
        """
        for name, value, valid in (("method", method, Method), ("cov_type", cov_type, BerryCovariance)):
            if value not in get_args(valid):
                raise OptionError.of(name, value, ", ".join(get_args(valid)))
        if groups is not None and cov_type != "cluster":
            raise OptionError("groups= goes with cov_type='cluster'")
        shares = read_shares(frame, share, market, alternative, outside, self.nest, [groups] if groups else [])
        system = system_of(self, shares)
        clusters = clusters_of(shares, market, groups) if cov_type == "cluster" else None
        check_system(system, clusters, method)
        return _results(self, shares, system, clusters, method, market)


def _results(
    model: BerryLogit, shares: Shares, system: System, clusters: Ints | None, method: Method, market: str
) -> BerryResults:
    from linearmodels.iv import IV2SLS, IVGMM  # takes a second to import

    left = pd.Series(system.left, name="ln s - ln s0")
    covariance = {"cov_type": "robust"} if clusters is None else {"cov_type": "clustered", "clusters": clusters}
    if method == "ols":
        fitted = IV2SLS(left, pd.concat([system.exogenous, system.endogenous], axis=1), None, None)
    elif method == "gmm":
        weights = {"weight_type": "robust"} if clusters is None else {"weight_type": "clustered", "clusters": clusters}
        fitted = IVGMM(left, system.exogenous, system.endogenous, system.instruments, **weights)
    else:
        fitted = IV2SLS(left, system.exogenous, system.endogenous, system.instruments)
    fit = fitted.fit(debiased=True, **covariance)
    names = [*system.endogenous, *system.exogenous]
    estimate = fit.params[names]
    n_groups = None if clusters is None else len(np.unique(clusters))
    words = "robust to unequal variances" if clusters is None else f"clustered, {n_groups} clusters"
    block = ["Endogenous" if name in system.endogenous else "Exogenous" for name in names]
    values = pd.concat([system.endogenous, system.exogenous], axis=1)[names].to_numpy()
    return BerryResults(
        model=model,
        method=method,
        parameters=pd.DataFrame({"estimate": estimate, "block": block}, index=pd.Index(names)),
        covariance=Covariance(
            "robust" if clusters is None else "cluster",
            np.asarray(fit.cov.loc[names, names], dtype=np.float64),
            f"{words}, scaled by n / (n - k)",
            n_groups,
        ),
        xi=said(pd.Series(system.left - values @ estimate.to_numpy(), _index(shares, market), name="xi"), shares),
        shares=shares,
        first_stages=() if method == "ols" else said(first_stages(system, clusters), shares),
        conditional_f=pd.Series(dtype=float) if method == "ols" else said(conditional_f(system), shares),
        overidentification=said(_overidentification(fit, system, method), shares),
        endogeneity=said(_endogeneity(fit, method), shares),
        rsquared=float(fit.rsquared),
        nobs=len(system.left),
        n_markets=shares.data.n_cases,
        notes=shares.data.notes,
    )


def _index(shares: Shares, market: str) -> pd.MultiIndex:
    data = shares.data
    labels = [data.cases.take(shares.market), data.alternatives.take(data.row_alternative)]
    return pd.MultiIndex.from_arrays(labels, names=[market, data.names.get("alternative", "alternative")])


def _overidentification(fit: Any, system: System, method: Method) -> TestResult:
    null = "the instruments do not go with xi (overidentification)"
    if method == "ols":
        return TestResult(np.nan, 0, np.nan, null, "", "does not apply: no instruments were used")
    if system.instruments.shape[1] == system.endogenous.shape[1]:
        return TestResult(np.nan, 0, np.nan, null, "", "does not apply: as many instruments as endogenous columns")
    test = fit.j_stat if method == "gmm" else fit.wooldridge_overid
    words = "Hansen's J" if method == "gmm" else "Wooldridge's score test, robust to unequal variances"
    return TestResult(float(test.stat), int(test.df), float(test.pval), null, f"chi2({int(test.df)})", words)


def _endogeneity(fit: Any, method: Method) -> TestResult:
    null = "the instrumented columns are exogenous"
    if method != "2sls":
        return TestResult(np.nan, 0, np.nan, null, "", "does not apply: made with method='2sls'")
    test = fit.wooldridge_regression
    words = "Wooldridge's regression test, robust to unequal variances"
    return TestResult(float(test.stat), int(test.df), float(test.pval), null, f"chi2({int(test.df)})", words)


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BerryResults(Estimates):
    """An estimated logit of shares, with the names of the other results.

    p parameters, the price's first, then sigma with nests; R rows.

    Attributes
    ----------
    model, method : what was estimated, and how.
    parameters : index the p names; ``estimate``, ``block``.
    covariance : (p, p) and its kind in words.
    xi : (R,) what neither columns nor price explain, by market and alternative.
    shares : the rows as read.
    first_stages : of each endogenous column, none for ``"ols"``; their effective F is for one endogenous column.
    conditional_f : Sanderson & Windmeijer's F of each endogenous column.
    overidentification, endogeneity : tests; where one does not apply it says why.
    rsquared : of the inverted shares. nobs : R. n_markets : of the rows. notes : printed below the table.
    """

    model: BerryLogit
    method: Method
    parameters: pd.DataFrame
    covariance: Covariance
    xi: pd.Series
    shares: Shares
    first_stages: tuple[FirstStage, ...]
    conditional_f: pd.Series
    overidentification: TestResult
    endogeneity: TestResult
    rsquared: float
    nobs: int
    n_markets: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", sealed(self.covariance))

    @property
    def provenance(self) -> str:
        """One line on where the data come from, where nobody observed them; the table begins with it."""
        return self.shares.provenance

    def elasticities(self, alpha: float = 0.05) -> pd.DataFrame:
        """Elasticities of all shares in all prices; see :func:`relocchoice.relocation.land.berry_elasticities`."""
        return elasticities(self, alpha)

    def summary(self, format: Format = "text", alpha: float = 0.05) -> Summary:
        """The table of estimates with the strength of the instruments and the tests below it."""
        return Summary(berry_table(self, alpha), format)

    def __repr__(self) -> str:
        kind = "multinomial" if self.model.nest is None else "nested"
        told = f"<BerryResults: {kind}, {self.method}, {self.nobs} shares in {self.n_markets} markets>"
        return begun(self.provenance, told)


setattr(BerryResults, "parameters", CopiedFrame(vars(BerryResults)["parameters"]))  # noqa: B010
