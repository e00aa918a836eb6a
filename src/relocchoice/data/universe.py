"""Put data into another universe of alternatives, so that codes mean the same as in the data of an estimation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.assemble import first_taken
from relocchoice.data.choice_data import ChoiceData


def with_alternatives(data: ChoiceData, alternatives: Sequence[Any]) -> ChoiceData:
    """The same data with codes into ``alternatives``; data with alternatives beyond those are returned as they are.

    Parameters
    ----------
    alternatives : labels in the wanted order; those that no case could choose simply have no rows.
    """
    wanted = pd.Index(list(alternatives), tupleize_cols=False)
    code = wanted.get_indexer(data.alternatives)
    if (code < 0).any():
        return data
    moved = code[data.row_alternative].astype(np.intp)
    order = np.lexsort((moved, data.row_case()))
    moved = moved[order]
    chosen = None if data.chosen is None else code[data.chosen].astype(np.intp)
    picked = None if data.picked is None else data.picked[order]
    if picked is not None:
        chosen = first_taken(moved, picked, data.offsets)
    return replace(
        data,
        alternatives=wanted,
        row_alternative=moved,
        chosen=chosen,
        picked=picked,
        row_columns={name: column.iloc[order].reset_index(drop=True) for name, column in data.row_columns.items()},
    )
