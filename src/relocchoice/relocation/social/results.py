"""A logit with social interactions, estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.provenance import begun, traced_record
from relocchoice.errors import OptionError
from relocchoice.inference.covariance import Covariance
from relocchoice.relocation.social.equilibria import Equilibria, of_group
from relocchoice.relocation.social.markets import Markets
from relocchoice.results import numbers, words
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.estimates import Estimates
from relocchoice.results.frozen import CopiedFrame, sealed
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.relocation.social.model import SocialLogit

Floats = NDArray[np.float64]
METHOD_WORDS = {
    "npl": "nested pseudo-likelihood",
    "nfp": "nested fixed point (maximum likelihood)",
    "realised": "plain logit on realised shares",
    "lagged": "plain logit on shares of the period before",
}


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SocialResults(Estimates):
    """A :class:`SocialLogit` estimated: K coefficients, n choices in G markets among J places.

    Attributes
    ----------
    model : what was estimated; method : how.
    parameters : index the K names; ``estimate`` and ``block``.
    covariance : of the estimates.
    llf : log-likelihood at the expected shares; llnull : at equal shares over the places that can be chosen.
    nobs, n_cases : sum of the weights, and n.
    converged, status_message : how the search ended.
    expected : (G, J) shares that firms expect; of ``"realised"`` and ``"lagged"`` what took their place on average.
    observed : (G, J) shares of what was chosen.
    stability : (G,) largest eigenvalue of best replies in each market, below one where the equilibrium is stable.
    plain : the plain logit on realised (or lagged) shares, with which the search began.
    markets : the arrays behind it.
    notes : sentences below the table.
    """

    model: SocialLogit
    method: str
    parameters: pd.DataFrame
    covariance: Covariance
    llf: float
    llnull: float
    nobs: float
    n_cases: int
    converged: bool
    status_message: str
    expected: pd.DataFrame
    observed: pd.DataFrame
    stability: pd.Series
    plain: ChoiceResults
    markets: Markets
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", sealed(self.covariance))

    @property
    def provenance(self) -> str:
        """Where the data come from, where nobody observed them."""
        return self.plain.provenance

    @property
    def df_model(self) -> int:
        """K."""
        return len(self.parameters)

    @property
    def aic(self) -> float:
        """-2 llf + 2 K."""
        return -2.0 * self.llf + 2.0 * self.df_model

    @property
    def bic(self) -> float:
        """-2 llf + log(nobs) K."""
        return -2.0 * self.llf + float(np.log(self.nobs)) * self.df_model

    def predict(self) -> pd.DataFrame:
        """(n, J) probabilities at the expected shares, in the order of the cases."""
        if self.method not in ("npl", "nfp"):
            return self.plain.predict()
        m = self.expected.to_numpy()
        out = np.empty(self.markets.open.shape)
        out[self.markets.order] = self.markets.probabilities(self.params.to_numpy(), m)
        return pd.DataFrame(out, index=self.plain.predict().index, columns=self.expected.columns)

    def equilibria(self, market: Any = None, **options: Any) -> Equilibria:
        """All equilibria of one market at the estimates; ``options`` of :func:`equilibria`.

        Parameters
        ----------
        market : a label of ``expected.index``; needed where there are several markets.

        Raises
        ------
        OptionError : no such market, or one is not named.
        """
        labels = list(self.expected.index)
        if market is None and len(labels) == 1:
            market = labels[0]
        if market not in labels:
            shown = ", ".join(map(repr, labels[:8])) + (", ..." if len(labels) > 8 else "")
            raise OptionError.of("market", market, shown)
        group = self.markets.group(labels.index(market), self.params.to_numpy())
        return of_group(group, list(self.expected.columns), **options)

    def multiplicity(self, markets: Sequence[Any] | None = None) -> pd.DataFrame:
        """One row a market: ``equilibria``, how many there are; ``found``, whether proved; ``played``, which is nearest
        to the shares that were observed; ``stable``, whether that one is.

        Parameters
        ----------
        markets : labels; None for all, which takes a while with many of more than two places.
        """
        labels = list(self.expected.index) if markets is None else list(markets)
        rows = []
        for label in labels:
            found = self.equilibria(label)
            if len(found.shares):
                gaps = np.abs(found.shares.to_numpy() - self.observed.loc[[label]].to_numpy()).max(axis=1)
                nearest = int(gaps.argmin())
                rows.append((len(found.shares), found.found, nearest + 1, bool(found.table["stable"].iloc[nearest])))
            else:
                rows.append((0, found.found, 0, False))
        index = pd.Index(labels, name=self.expected.index.name)
        return pd.DataFrame(rows, columns=["equilibria", "found", "played", "stable"], index=index)

    def summary(self, format: Format = "text", alpha: float = 0.05) -> Summary:
        """The table of estimates, one that prints itself in ``format``."""
        return Summary(_table(self, alpha), format)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        told = (
            f"<SocialResults: {METHOD_WORDS[self.method]}, {self.df_model} estimated parameters, {self.n_cases} cases "
            f"in {len(self.expected)} markets, log-likelihood {self.llf:.6g}, {state}>"
        )
        return begun(self.provenance, told)


for _name in ("parameters", "expected", "observed"):
    setattr(SocialResults, _name, CopiedFrame(vars(SocialResults)[_name]))


def _table(results: SocialResults, alpha: float) -> Table:
    ends = (f"[{numbers.plain(alpha / 2)}", f"{numbers.plain(1 - alpha / 2)}]")
    figures = np.column_stack(
        [results.params, results.bse, results.tvalues, results.pvalues, results.conf_int(alpha)]
    ).tolist()
    rows: list[tuple[str, ...]] = []
    section = None
    for name, block, held in zip(results.parameters.index, results.parameters["block"], figures, strict=True):
        if block != section:
            rows.append((str(block),))
            section = block
        estimate, error, z, p, *interval = held
        shown = [numbers.significant(value, scale=error) for value in (estimate, *interval)]
        cells = (shown[0], numbers.significant(error), numbers.decimals(z, 3), numbers.pvalue(p), *shown[1:])
        rows.append((str(name), *cells))
    return Table(
        begun(results.provenance, f"Logit with social interactions: {' '.join(results.model.utilities.split())}"),
        ("", "estimate", "std. error", "z", "P>|z|", *ends),
        tuple(rows),
        _header(results),
        _notes(results),
    )


def _header(results: SocialResults) -> tuple[tuple[str, str], ...]:
    return (
        ("Estimation", METHOD_WORDS[results.method]),
        ("Choices", numbers.count(results.nobs)),
        ("Markets", numbers.count(len(results.expected))),
        ("Converged", "yes" if results.converged else f"NO: {results.status_message}"),
        ("Covariance", words.covariance_kind(results.covariance)),
        ("Log-likelihood", numbers.likelihood(results.llf)),
        ("LL, equal shares (null)", numbers.likelihood(results.llnull)),
        ("AIC", numbers.likelihood(results.aic)),
        ("BIC", numbers.likelihood(results.bic)),
    )


def _notes(results: SocialResults) -> tuple[str, ...]:
    stopped = f"NOT CONVERGED ({results.status_message}): neither estimates nor standard errors should be used."
    said = ["" if results.converged else stopped, words.covariance(results.covariance)]
    if results.method in ("npl", "nfp"):
        unstable = int((results.stability >= 1).sum())
        said.append(
            f"{results.model.peers!r} is the share of the market that firms expect, an equilibrium at the estimates. "
            "What the firms of a market have in common and the data do not hold would be taken for interaction."
        )
        if unstable:
            said.append(
                f"In {unstable} markets the equilibrium is one that best replies do not come back to: look at "
                ".multiplicity() before trusting it."
            )
    return tuple(sentence for sentence in (*said, *results.notes) if sentence)
