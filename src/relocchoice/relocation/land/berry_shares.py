"""Grouped shares turned around: what utility a share tells, with the columns that are to explain it.

Multinomial: ln s_j - ln s_0 = x_j' b + a p_j + xi_j; nested: ... + sigma ln s_{j|g} (Berry 1994, RAND Journal of
Economics 25, 242-262), with s_0 the share of the outside alternative and s_{j|g} the share within the nest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.frames import missing_values, read_frame
from relocchoice.data.labels import plain_label, show
from relocchoice.errors import DataError, Finding, OptionError
from relocchoice.results.table import shared_provenance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
ZERO = (
    "its log does not exist. Merge periods or alternatives until it has a share, take the alternative out of that "
    "market's rows if it was none, or fit the choices themselves by maximum likelihood, which takes zeros"
)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """R rows, one an inside alternative in a market.

    Attributes
    ----------
    data : the rows as choice data (a market is a case), for formulas.
    share : (R,) of the whole market; outside : (R,) share of the outside alternative in the row's market.
    within : (R,) share within the nest, ones without nests; nest : (R,) codes of market and nest, or None.
    market : (R,) codes.
    provenance : one line on where the data come from, where nobody observed them.
    """

    data: ChoiceData
    share: Floats
    outside: Floats
    within: Floats
    nest: Ints | None
    market: Ints
    provenance: str


def read_shares(
    frame: Any, share: str, market: str, alternative: str, outside: Any, nest: str | None, used: Sequence[str] = ()
) -> Shares:
    """Read a table with one row a market and alternative.

    Parameters
    ----------
    share : column of shares of the whole market, or of counts where ``outside`` has rows of its own.
    outside : label of the outside alternative; None: its share is one less the sum of the others.
    nest : column of nests, or None. used : further columns that must be there.

    Raises
    ------
    DataError : shares that are missing, zero, negative or do not leave the outside alternative a share, each naming the
        market and the alternative; rows that repeat.
    """
    source = read_frame(frame)
    for name in used:
        source.get(name, "groups")
    table = pd.DataFrame({str(name): series for name, series in source.by_name.items()})
    for name, argument in ((share, "share"), (market, "market"), (alternative, "alternative")):
        source.get(name, argument)
    if not pd.api.types.is_numeric_dtype(table[share].dtype):
        raise DataError([Finding("not_numeric", f"share={share!r} does not hold numbers", column=share)])
    _refuse_bad(table, share, market, alternative)
    totals = table.groupby(market, observed=True)[share].transform("sum")
    if outside is None:
        outside_share = 1.0 - totals
        _refuse_full(table, outside_share, market, share)
        shares, inside = table[share].astype(float), pd.Series(True, index=table.index)
    else:
        inside = table[alternative] != outside
        if inside.all():
            raise OptionError.of("outside", outside, f"a label of {alternative!r}: {_some(table[alternative])}")
        shares = table[share] / totals
        own = table.loc[~inside].groupby(market, observed=True)[share].agg(["sum", "size"])
        _refuse_absent(table, own, market, outside)
        outside_share = table[market].map(own["sum"]).astype(float) / totals
    rows = table.loc[inside].assign(_share=shares[inside], _outside=outside_share[inside]).reset_index(drop=True)
    data = ChoiceData.from_long(rows, case=market, alternative=alternative, single_alternative="keep")
    held = data.row_frame(["_share", "_outside"])
    codes, within = None, np.ones(data.n_rows)
    if nest is not None:
        codes, within = _nests(data, nest, held["_share"].to_numpy(dtype=np.float64))
    return Shares(
        data,
        held["_share"].to_numpy(dtype=np.float64),
        held["_outside"].to_numpy(dtype=np.float64),
        within,
        codes,
        data.row_case(),
        shared_provenance([frame]),
    )


def _some(labels: pd.Series) -> str:
    return ", ".join(show(label) for label in labels.drop_duplicates().tolist()[:8])


def _refuse_bad(table: pd.DataFrame, share: str, market: str, alternative: str) -> None:
    values = table[share]
    findings = []
    for mask, rule, words in (
        (missing_values(values), "share_missing", "is missing: give it, or leave the row out"),
        ((values < 0).to_numpy(), "share_negative", "is negative: shares and counts are not"),
        ((values == 0).to_numpy(), "share_zero", f"is zero: {ZERO}"),
    ):
        for row in np.flatnonzero(mask).tolist()[:20]:
            place, where = plain_label(table[alternative].iloc[row]), plain_label(table[market].iloc[row])
            message = f"the share of alternative {show(place)} in market {show(where)} {words}"
            findings.append(Finding(rule, message, column=share, case=where, alternative=place))
    if findings:
        raise DataError(findings)


def _refuse_full(table: pd.DataFrame, outside: pd.Series, market: str, share: str) -> None:
    full = (outside <= 0).to_numpy()
    if full.any():
        row = int(np.argmax(full))
        where = plain_label(table[market].iloc[row])
        message = (
            f"the shares of market {show(where)} sum to {1 - outside.iloc[row]:.6g}, which leaves none outside: give "
            "shares of all who could have chosen, or counts with outside= the label of those who chose nothing"
        )
        raise DataError([Finding("no_outside", message, column=share, case=where)])


def _refuse_absent(table: pd.DataFrame, own: pd.DataFrame, market: str, outside: Any) -> None:
    held = table[market].drop_duplicates()
    absent = held[~held.isin(own.index)]
    if len(absent):
        where = plain_label(absent.iloc[0])
        raise DataError(
            [Finding("no_outside", f"market {show(where)} has no row of the outside {show(outside)}", case=where)]
        )
    twice = own.index[own["size"] > 1]
    if len(twice):
        where = plain_label(twice[0])
        raise DataError(
            [Finding("repeated", f"market {show(where)} has the outside {show(outside)} more than once", case=where)]
        )


def _nests(data: ChoiceData, nest: str, share: Floats) -> tuple[Ints, Floats]:
    """(R,) code of market and nest, and share within it."""
    labels = data.row_frame([nest])[nest]
    if labels.isna().any():
        row = int(np.argmax(labels.isna().to_numpy()))
        place = data.alternatives[data.row_alternative[row]]
        raise DataError(
            [Finding("nest_missing", f"nest={nest!r} has no value for alternative {show(place)}", column=nest)]
        )
    held, names = pd.factorize(labels)
    codes = np.unique(data.row_case() * len(names) + held, return_inverse=True)[1].astype(np.intp)
    totals = np.bincount(codes, weights=share)
    return codes, share / totals[codes]
