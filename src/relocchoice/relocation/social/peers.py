"""Shares of the choices of a firm's market, as rows of a table of choices: of the same period, or of the one before."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show
from relocchoice.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def weights_of(data: ChoiceData) -> Floats:
    return np.ones(data.n_cases) if data.weights is None else np.array(data.weights)


def realised_shares(data: ChoiceData, market: Ints, own: bool) -> Floats:
    """(R,) share of the row's place among the choices of the market, with or without one's own.

    Raises
    ------
    DataError : a case is alone in its market, so that nobody is left.
    """
    assert data.chosen is not None
    counts = np.zeros((int(market.max()) + 1, data.n_alternatives))
    weights = weights_of(data)
    np.add.at(counts, (market, data.chosen), weights)
    case, place = data.row_case(), data.row_alternative
    held, total = counts[market[case], place], counts.sum(axis=1)[market[case]]
    if own:
        return held / total
    if (total <= 1).any():
        at = data.cases[int(case[np.flatnonzero(total <= 1)[0]])]
        raise DataError(f"case {show(at)} is alone in its market: without its own choice no share is left")
    return (held - (data.chosen[case] == place)) / (total - 1.0)


def shares_before(data: ChoiceData, group: Ints, time: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """(R,) shares of the group's choices in the period before, without the same unit's; (n,) where there are any."""
    assert data.chosen is not None
    n_periods, j = int(time.max()) + 1, data.n_alternatives
    counts = np.zeros((int(group.max()) + 1, n_periods + 1, j))
    weights = weights_of(data)
    # one period on, so that a look-up at the own period finds the one before
    np.add.at(counts, (group, time + 1, data.chosen), weights)
    held = counts[group, time]
    if data.unit is not None:
        mine = pd.DataFrame({"unit": data.unit, "group": group, "time": time + 1, "place": data.chosen, "w": weights})
        summed = mine.groupby(["unit", "group", "time", "place"])["w"].sum()
        for place in range(j):
            keys = pd.MultiIndex.from_arrays([data.unit, group, time, np.full(len(time), place)])
            at = summed.index.get_indexer(keys)
            held[:, place] -= np.where(at >= 0, summed.to_numpy()[at], 0.0)
    total = held.sum(axis=1)
    known = total > 0
    shares = np.divide(held, total[:, None], out=np.zeros_like(held), where=known[:, None])
    return shares[data.row_case(), data.row_alternative], known


def mean_by_market(rows: Floats, data: ChoiceData, market: Ints) -> Floats:
    """(G, J) means of a column of rows over the cases of each market."""
    dense = np.zeros((data.n_cases, data.n_alternatives))
    dense[data.row_case(), data.row_alternative] = rows
    count = np.bincount(market)
    return np.stack([np.bincount(market, weights=column) / count for column in dense.T], axis=1)
