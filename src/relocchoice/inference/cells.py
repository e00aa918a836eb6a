"""Which cells of the data drive an estimate to infinity: where a fitted probability has gone to zero."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData

VANISHED = 1e-7
MOST_CELLS = 200


def vanished_cells(data: ChoiceData, probabilities: NDArray[np.float64], words: str) -> tuple[str, ...]:
    """Sentences on the (cell, alternative) pairs that are available and have fitted probability zero.

    Parameters
    ----------
    probabilities : (n, J) fitted.
    words : text in which the names of the explanatory variables occur; cells are formed by those that do not vary in a
        case.
    """
    available = np.zeros(probabilities.shape, dtype=bool)
    available[data.row_case(), data.row_alternative] = True
    gone = available & (probabilities < VANISHED)
    if not gone.any():
        return ()
    weights = np.ones(data.n_cases) if data.weights is None else data.weights
    sentences = []
    for label, members in _cells(data, words).items():
        empty = (gone[members] | ~available[members]).all(axis=0) & gone[members].any(axis=0)
        if empty.any():
            never = ", ".join(str(data.alternatives[int(j)]) for j in np.flatnonzero(empty))
            sentences.append(f"{label} ({weights[members].sum():.6g} choices): never {never}")
    if sentences:
        return tuple(sentences)
    return tuple(
        f"{data.alternatives[int(j)]} has fitted probability zero in {int(gone[:, j].sum())} "
        f"of {int(available[:, j].sum())} cases"
        for j in np.flatnonzero(gone.any(axis=0))
    )


def _cells(data: ChoiceData, words: str) -> dict[str, NDArray[np.intp]]:
    """Label -> positions of the cases that share the values of the case-specific variables named in ``words``."""
    tokens = set(re.findall(r"\w+", words))
    names = [name for name in data.columns if name in tokens and not data.varies_within_case(name)]
    whole = {"all cases": np.arange(data.n_cases)}
    if not names:
        return whole
    frame = data.case_frame(names)
    groups = frame.groupby(names, sort=True, observed=True, dropna=False).indices
    if len(groups) > MOST_CELLS:
        return whole
    return {_label(names, key): np.asarray(rows, dtype=np.intp) for key, rows in groups.items()}


def _label(names: list[str], key: object) -> str:
    values = key if isinstance(key, tuple) else (key,)
    return ", ".join(f"{name} = {_plain(value)}" for name, value in zip(names, values, strict=True))


def _plain(value: object) -> str:
    if isinstance(value, (float, np.floating)) and not pd.isna(value):
        return f"{value:.6g}"
    return str(value)
