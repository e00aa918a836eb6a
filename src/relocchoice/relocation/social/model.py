"""The logit with social interactions: utilities that hold the expected share of the firm's own group.

U_ij = x_ij' b + J m_gj + e_ij with m_gj the share of market g that firms expect to choose place j, e_ij standard Gumbel
and known to firm i alone. Expectations are right on average, m = Phi(m) (Brock & Durlauf 2001, Review of Economic
Studies 68; 2002, American Economic Review 92).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show
from relocchoice.data.provenance import said
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import ConvergenceWarning, DataError, IdentificationError, OptionError, SpecificationError
from relocchoice.inference.covariance import Covariance
from relocchoice.models import MultinomialLogit
from relocchoice.post.movements import names_variable
from relocchoice.relocation.network_codes import periods_of, skipped_periods
from relocchoice.relocation.social.estimate import (
    COV_TYPES,
    CovType,
    Estimate,
    Estimator,
    covariance,
    estimate,
    without_interaction,
)
from relocchoice.relocation.social.markets import Markets, bind, with_shares
from relocchoice.relocation.social.peers import mean_by_market, realised_shares, shares_before
from relocchoice.relocation.social.results import SocialResults
from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Method = Literal["npl", "nfp", "lagged", "realised"]
METHODS: tuple[Method, ...] = ("npl", "nfp", "lagged", "realised")
Own = Literal["left out", "included"]
Selection = Literal["near", "best"]
NO_UNIT = (
    "The data name no unit, so every case counts as another firm: what a firm itself chose in the period before is in "
    "its share. Give unit= when reading data in which firms choose again."
)


@dataclass(frozen=True, slots=True, eq=False)
class SocialLogit:
    """Logit with the expected share of the firm's market.

    Parameters
    ----------
    utilities : a formula as of :class:`relocchoice.MultinomialLogit` that names ``peers``, a column that the model
        makes: ``"chosen ~ cost + peers | assets"``. It may stand times another variable (``peers:local``) and in the
        third part, but the utilities must be linear in it.
    group : case-level column or columns: firms that are alike in it expect the same.
    period : case-level column of time: markets are groups in a period. Needed by ``"lagged"``.
    periods : its labels in order, where it holds text of unknown order, or some without choices are to count.
    base : alternative without constant.
    peers : name of the column of shares.

    Examples
    --------
    >>> model = SocialLogit("chosen ~ log(land_price) + peers | log(assets)", group="town", period="period")
    """

    utilities: str
    group: str | Sequence[str]
    period: str | None = None
    base: Any = None
    peers: str = field(default="peers", kw_only=True)
    periods: Sequence[Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.peers, str) or not self.peers.isidentifier():
            raise OptionError.of("peers", self.peers, "a name that can stand in a formula")
        if not isinstance(self.utilities, str) or not names_variable(self.utilities, self.peers):
            raise SpecificationError(
                f"the formula {self.utilities!r} does not name {self.peers!r}: say where the expected share enters, "
                f"e.g. 'chosen ~ cost + {self.peers}'"
            )

    def fit(
        self,
        data: ChoiceData,
        method: Method = "nfp",
        *,
        cov_type: CovType | None = None,
        groups: str | None = None,
        own: Own = "left out",
        equilibrium: Selection = "near",
        max_iterations: int = 100,
        tolerance: float = 1e-10,
    ) -> SocialResults:
        """Estimate.

        Parameters
        ----------
        method : ``"nfp"``, nested fixed point: maximum likelihood with shares that are equilibria; ``"npl"``, nested
            pseudo-likelihood, with less precision and less work; ``"lagged"``, a plain logit on the shares of the
            group's other firms (``unit`` of the data, else every case is one) in the period before, right where firms
            look back; ``"realised"``, a plain logit on the
            shares of the same period, which is biased and here for comparison.
        cov_type : ``"information"`` (the default: choices are independent given the expectations), ``"robust"``,
            ``"cluster"``.
        groups : case-level column of clusters; None for the market with ``"npl"`` and ``"nfp"``, the group with others.
        own : of ``"realised"``: whether the firm's own choice is in the share.
        equilibrium : where a market has several: ``"near"`` the observed shares, or the ``"best"`` by the likelihood of
            all, for which all are solved for: slow with many markets of many firms.
        max_iterations, tolerance : of the search for ``"npl"`` and ``"nfp"``; the tolerance is a squared distance in
            standard errors.

        Raises
        ------
        DataError : data without choices or with sampling weights, columns that are missing or not one a case.
        SpecificationError : utilities that are not linear in the shares.
        IdentificationError : coefficients that the data cannot tell apart; separated choices.
        OptionError : an argument that is not valid.

        Warns
        -----
        ConvergenceWarning : the search did not end at a solution.
        """
        self._check(data, method, cov_type, own, equilibrium, groups)
        _check_search(max_iterations, tolerance)
        # matrices are small and many: threads would only get in each other's way
        with one_thread():
            return self._fit(data, method, cov_type, groups, own, equilibrium, max_iterations, tolerance)

    def _fit(
        self,
        data: ChoiceData,
        method: Method,
        cov_type: CovType | None,
        groups: str | None,
        own: Own,
        equilibrium: Selection,
        max_iterations: int,
        tolerance: float,
    ) -> SocialResults:
        market = _Market.of(data, self.group, self.period)
        if method == "lagged":
            return self._lagged(data, market, cov_type, groups)
        included = method != "realised" or own == "included"
        plain = self._plain(with_shares(data, self.peers, realised_shares(data, market.codes, own=included)))
        markets = bind(data, plain.encoding, self.peers, market.codes)
        if method == "realised":
            how = "with the firm's own choice" if included else "without the firm's own choice"
            note = f"Realised shares {how} took the place of expected ones: the estimates are biased."
            return self._wrapped(plain, method, markets, market, markets.observed(), cov_type, groups, (note,))
        kind: CovType = cov_type or "information"
        clusters = None if groups is None else _codes(data, groups)
        if kind == "cluster" and len(np.unique(market.codes if clusters is None else clusters)) < 2:
            raise OptionError("cov_type='cluster' needs at least two groups; there is one")
        found, notes = _from_starts(markets, method, plain, max_iterations, tolerance)
        if equilibrium == "best":
            found = _best(markets, method, found, max_iterations, tolerance)
        if not found.converged:
            warnings.warn(found.message, ConvergenceWarning, stacklevel=3)
        matrix = covariance(markets, method, found, kind, clusters)
        return self._results(plain, method, markets, market, found, matrix, (*data.notes, *notes))

    def _check(self, data: Any, method: Any, cov_type: Any, own: Any, equilibrium: Any, groups: Any) -> None:
        valid: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
            ("method", method, METHODS),
            ("cov_type", cov_type, (None, *COV_TYPES)),
            ("own", own, ("left out", "included")),
            ("equilibrium", equilibrium, ("near", "best")),
        )
        for argument, value, known in valid:
            if value not in known:
                raise OptionError.of(argument, value, known)
        if groups is not None and cov_type != "cluster":
            raise OptionError(f"groups= goes with cov_type='cluster', not with cov_type={cov_type!r}")
        if not isinstance(data, ChoiceData):
            raise DataError(f"data needs a ChoiceData, not {type(data).__name__}")
        if data.chosen is None or data.picked is not None:
            raise DataError("every case must have chosen one alternative; see rc.one_case_each for sets")
        if data.weight_kind not in (None, "frequency"):
            raise DataError(
                f"{data.weight_kind} weights say how the sample differs from the population, whose shares firms "
                "expect; only frequency weights are taken here"
            )
        if self.peers in (*data.row_columns, *data.case_columns):
            raise DataError(
                f"the data have a column {self.peers!r}, which the model makes: rename it, or say peers=..."
            )

    def _plain(self, data: ChoiceData) -> ChoiceResults:
        return MultinomialLogit(self.utilities, base=self.base).fit(data, separation="error")

    def _lagged(self, data: ChoiceData, market: _Market, cov_type: CovType | None, groups: str | None) -> SocialResults:
        if self.period is None:
            raise OptionError("method='lagged' needs the model's period=, the column of time")
        when = data.case_frame([self.period])[self.period]
        order = periods_of(self.periods, when, self.period)
        time = order.get_indexer(pd.Index(when))
        if (time < 0).any():
            at = int(np.flatnonzero(time < 0)[0])
            raise OptionError.of("periods", list(order), f"a list that holds {show(when.iloc[at])}")
        rows, known = shares_before(data, _codes(data, self.group), time)
        if not known.any():
            raise DataError("no case has firms of its group that chose in the period before: nothing can be estimated")
        kept = data.select(known)
        plain = self._plain(with_shares(kept, self.peers, rows[known[data.row_case()]]))
        held = _Market.of(kept, self.group, self.period)
        markets = bind(kept, plain.encoding, self.peers, held.codes)
        left = int((~known).sum())
        note = f"{left} of {data.n_cases} cases were left out: no other firm of their group chose in the period before."
        expected = mean_by_market(rows[known[data.row_case()]], kept, held.codes)
        notes = (*((note,) if left else ()), *skipped_periods(order, self.periods, self.period))
        if data.unit is None:
            notes = (*notes, NO_UNIT)
        cluster = groups or (self.group if isinstance(self.group, str) else None)
        return self._wrapped(plain, "lagged", markets, held, expected, cov_type, cluster, notes)

    def _wrapped(
        self,
        plain: ChoiceResults,
        method: Method,
        markets: Markets,
        market: _Market,
        expected: Floats,
        cov_type: CovType | None,
        groups: str | None,
        notes: tuple[str, ...],
    ) -> SocialResults:
        """A plain logit's results under the names of this model."""
        kinds = {None: "hessian", "information": "hessian", "robust": "robust", "cluster": "cluster"}
        if cov_type == "cluster":
            name = groups or (self.group if isinstance(self.group, str) else None)
            if name is None:
                raise OptionError("cov_type='cluster' needs groups=, the column of clusters")
            plain = plain.with_cov("cluster", groups=name)
        elif cov_type is not None:
            plain = plain.with_cov(kinds[cov_type])
        theta = plain.params.to_numpy(dtype=float)
        found = Estimate(theta, expected, plain.llf, plain.converged, plain.status_message)
        return self._results(plain, method, markets, market, found, plain.covariance, (*plain.notes, *notes))

    def _results(
        self,
        plain: ChoiceResults,
        method: Method,
        markets: Markets,
        market: _Market,
        found: Estimate,
        matrix: Covariance,
        notes: Sequence[str],
    ) -> SocialResults:
        parameters = plain.parameters[["estimate", "block"]].assign(estimate=found.theta)
        places = pd.Index(plain.encoding.alternatives)
        return SocialResults(
            self,
            method,
            parameters,
            matrix,
            found.llf,
            plain.llnull,
            float(markets.weights.sum()),
            len(markets.order),
            found.converged,
            found.message,
            pd.DataFrame(found.shares, index=market.labels, columns=places),
            pd.DataFrame(markets.observed(), index=market.labels, columns=places),
            said(pd.Series(markets.radii(found.theta, found.shares), index=market.labels, name="stability"), plain),
            plain,
            markets,
            tuple(notes),
        )


def _check_search(max_iterations: int, tolerance: float) -> None:
    if not isinstance(max_iterations, Integral) or isinstance(max_iterations, bool) or max_iterations < 1:
        raise OptionError.of("max_iterations", max_iterations, "a whole number of at least 1")
    if not isinstance(tolerance, Real) or isinstance(tolerance, bool) or not 0 < tolerance < np.inf:
        raise OptionError.of("tolerance", tolerance, "a number above 0, e.g. 1e-10")


@dataclass(frozen=True, slots=True, eq=False)
class _Market:
    """(n,) codes of the cases' markets and the markets' labels."""

    codes: Ints
    labels: pd.Index

    @classmethod
    def of(cls, data: ChoiceData, group: str | Sequence[str], period: str | None) -> _Market:
        names = [*([group] if isinstance(group, str) else group), *([] if period is None else [period])]
        frame = _case_columns(data, names)
        if len(names) == 1:
            codes, labels = pd.factorize(frame[names[0]], sort=True)
            return cls(codes.astype(np.intp), pd.Index(labels, name=names[0]))
        found, labels = pd.factorize(pd.MultiIndex.from_frame(frame), sort=True)
        return cls(found.astype(np.intp), pd.MultiIndex.from_tuples(list(labels), names=names))


def _case_columns(data: ChoiceData, names: Sequence[str]) -> pd.DataFrame:
    frame = data.case_frame(list(names))
    for name in names:
        missing = frame[name].isna().to_numpy()
        if missing.any():
            case = data.cases[int(np.flatnonzero(missing)[0])]
            raise DataError(f"column {name!r} has no value for case {show(case)}: its market is not known")
    return frame


def _codes(data: ChoiceData, names: str | Sequence[str]) -> Ints:
    """(n,) codes of the combinations of case-level columns."""
    return _Market.of(data, names, None).codes


def _from_starts(
    markets: Markets, method: Estimator, plain: ChoiceResults, max_iterations: int, tolerance: float
) -> tuple[Estimate, tuple[str, ...]]:
    """The better end of two searches: from no interaction, and from the plain logit on realised shares.

    The first also tells markets that are alike: where nobody heeds anybody, their shares are what constants reproduce.
    """
    starts = (without_interaction(markets), plain.params.to_numpy(dtype=float))
    ends: list[Estimate] = []
    for theta in starts:
        try:
            ends.append(estimate(markets, method, theta, markets.observed(), max_iterations, tolerance))
        except IdentificationError:
            if not ends:
                raise
    ends.sort(key=lambda end: (end.converged, end.llf), reverse=True)
    if len(ends) == 2 and ends[1].converged and ends[0].llf - ends[1].llf > 1e-4:
        other = f"{ends[1].llf:.3f}"
        return ends[0], (f"Another solution was found with the log-likelihood {other}; this is the better one.",)
    return ends[0], ()


def _best(markets: Markets, method: Estimator, found: Estimate, max_iterations: int, tolerance: float) -> Estimate:
    """Estimate again from the likeliest equilibrium of each market until that is the one that was used."""
    from relocchoice.relocation.social.equilibria import of_group

    best = found
    for _ in range(10):
        shares, moved = best.shares.copy(), False
        per_market = markets.by_market(markets.weights * markets.loglik(best.theta, best.shares))
        for g in range(markets.n_markets):
            for candidate in of_group(markets.group(g, best.theta)).shares.to_numpy():
                trial = shares.copy()
                trial[g] = candidate
                value = markets.by_market(markets.weights * markets.loglik(best.theta, trial))[g]
                if value > per_market[g] + 1e-8:
                    per_market[g], shares, moved = value, trial, True
        if not moved:
            break
        other = estimate(markets, method, best.theta, shares, max_iterations, tolerance)
        if other.llf <= best.llf + 1e-8:
            break
        best = other
    return best
