"""Markets: what has one price, e.g. a place in a period; the rows of the choices that belong to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show
from relocchoice.errors import DataError, Finding

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Markets:
    """The M markets of some choice data with R rows.

    Attributes
    ----------
    columns : names of the columns that tell markets apart; empty where every row is a market of its own.
    labels : (M,) the markets, tuples where there are several columns.
    of_row : (R,) market of each row.
    first : (M,) first row of each market.
    """

    columns: tuple[str, ...]
    labels: pd.Index
    of_row: Ints
    first: Ints

    @property
    def size(self) -> int:
        """Number of markets."""
        return len(self.first)

    def name(self, market: int) -> str:
        """A market in words."""
        if not self.columns:
            return f"row {market}"
        label = self.labels[market]
        parts = label if len(self.columns) > 1 else (label,)
        return ", ".join(f"{column} {show(part)}" for column, part in zip(self.columns, parts, strict=True))


def markets_of(data: ChoiceData, columns: str | Sequence[str] | None) -> Markets:
    """The markets of the data.

    Raises
    ------
    DataError : there is no such column, or it has no value somewhere.
    """
    if columns is None:
        rows = np.arange(data.n_rows, dtype=np.intp)
        return Markets((), pd.RangeIndex(data.n_rows), rows, rows)
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    keys = market_keys(data, names)
    codes, labels = pd.factorize(keys, sort=False)
    first = np.full(len(labels), -1, dtype=np.intp)
    first[codes[::-1]] = np.arange(data.n_rows - 1, -1, -1)
    return Markets(names, pd.Index(labels, tupleize_cols=False), codes.astype(np.intp), first)


def market_keys(data: ChoiceData, names: Sequence[str]) -> pd.Index:
    """(R,) label of each row's market.

    Raises
    ------
    DataError : there is no such column, or it has no value somewhere.
    """
    frame = data.row_frame(list(names))
    for name in names:
        missing = frame[name].isna().to_numpy()
        if missing.any():
            row = int(np.argmax(missing))
            case = data.cases[int(data.row_case()[row])]
            message = f"column {name!r} of market= has no value for case {show(case)}; fill it or drop the case"
            raise DataError([Finding("market_missing", message, column=name, case=case)])
    lists = [frame[name].tolist() for name in names]
    if len(names) == 1:
        return pd.Index(lists[0], dtype=object)
    return pd.Index(list(zip(*lists, strict=True)), tupleize_cols=False)


def by_market(markets: Markets, values: Floats, what: str, data: ChoiceData) -> Floats:
    """(M,) values of a column that has one value a market.

    Raises
    ------
    DataError : it differs within a market; names the market, two cases and their values.
    """
    taken = values[markets.first]
    gap = np.abs(values - taken[markets.of_row])
    differs = gap > _SAME * (1.0 + np.abs(values))
    if differs.any():
        row = int(np.argmax(differs))
        market = int(markets.of_row[row])
        case = data.cases[int(data.row_case()[row])]
        message = (
            f"{what} differs within the market {markets.name(market)}: {taken[market]:.6g} and {values[row]:.6g} (case "
            f"{show(case)}); name in market= what tells prices apart, or leave market= out for one price a row"
        )
        raise DataError([Finding("varies_within_market", message, column=what, case=case, value=float(values[row]))])
    return taken


def varies_within_market(markets: Markets, values: Floats) -> bool:
    """Whether a column has more than one value in some market."""
    gap = np.abs(values - values[markets.first][markets.of_row])
    return bool((gap > _SAME * (1.0 + np.abs(values))).any())


def market_labels(data: ChoiceData, markets: Markets, column: str, argument: str) -> list[Any]:
    """(M,) label of each market in a column.

    Raises
    ------
    DataError : it differs within a market, or has no value somewhere.
    """
    labels = data.row_frame([column])[column]
    if labels.isna().any():
        raise DataError(f"{argument}={column!r} has no value in some rows; fill it or drop the cases")
    codes, found = pd.factorize(labels)
    taken = by_market(markets, codes.astype(np.float64), f"{argument}={column!r}", data).astype(np.intp)
    return [found[code] for code in taken.tolist()]


def look_up(markets: Markets, data: ChoiceData, way_out: str) -> Ints:
    """(R',) market of each row of other data.

    Raises
    ------
    DataError : other data have a market that these have not.
    """
    keys = market_keys(data, markets.columns)
    at = markets.labels.get_indexer(keys)
    if (at < 0).any():
        row = int(np.argmax(at < 0))
        raise DataError(f"market {show(keys[row])} was not among those of the estimation; {way_out}")
    return at.astype(np.intp)
