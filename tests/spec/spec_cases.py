"""Small choice data with known numbers: four firms, three regions, one firm that could not go west."""

from __future__ import annotations

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.encoding import Encoding

PRICE = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
POLICY = [0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1]
KIND = ["plain", "zone", "zone", "plain", "zone", "plain", "port", "zone", "plain", "port", "plain"]


def long_table() -> pd.DataFrame:
    """Eleven rows; the alternatives are east, metro, west."""
    firms = np.repeat(["f1", "f2", "f3", "f4"], [3, 3, 2, 3])
    regions = ["east", "metro", "west", "east", "metro", "west", "east", "metro", "east", "metro", "west"]
    chosen = [True, False, False, False, True, False, False, True, False, False, True]
    assets = np.repeat([10.0, 20.0, 40.0, 80.0], [3, 3, 2, 3])
    sector = np.repeat(["food", "machinery", "textile", "food"], [3, 3, 2, 3])
    return pd.DataFrame(
        {
            "move": firms,
            "place": regions,
            "chosen": chosen,
            "price": PRICE,
            "policy": POLICY,
            "kind": KIND,
            "land price": np.array(PRICE) ** 2,
            "assets": assets,
            "sector": sector,
        }
    )


def as_data(table: pd.DataFrame, **options: object) -> ChoiceData:
    """The table as choice data."""
    return ChoiceData.from_long(table, case="move", alternative="place", chosen="chosen", **options)


def design_matrix(columns: UtilityColumns, data: ChoiceData) -> np.ndarray:
    """(R, K) the columns written out: row r, coefficient k holds what multiplies it in the utility of the row."""
    matrix = np.zeros((data.n_rows, len(columns.names)))
    cases = data.row_case()
    for column in columns.columns:
        values = np.ones(data.n_rows) if column.values is None else np.asarray(column.values)
        if column.level == "case":
            values = values[cases]
        coef = np.broadcast_to(column.coef, (data.n_alternatives,))[data.row_alternative]
        rows = np.flatnonzero(coef >= 0)
        matrix[rows, coef[rows]] += values[rows]
    return matrix


def labelled_design(encoding: Encoding, data: ChoiceData) -> pd.DataFrame:
    """The design with cases and alternatives as index and coefficients as columns, sorted."""
    matrix = design_matrix(encoding.columns(data), data)
    cases = data.cases[data.row_case()].astype(str)
    alternatives = data.alternatives[data.row_alternative].astype(str)
    index = pd.MultiIndex.from_arrays([cases, alternatives])
    return pd.DataFrame(matrix, index=index, columns=list(encoding.names)).sort_index()
