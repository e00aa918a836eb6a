"""Which cells of the data drive an estimate to infinity: where a fitted probability has gone to zero."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData

VANISHED = 1e-7
MOST_CELLS = 200


def vanished(data: ChoiceData, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, J) alternatives that are available and have fitted probability zero, in cases that count."""
    return _available(data) & (probabilities < VANISHED) & (_weights(data) > 0)[:, None]


def separated_cells(data: ChoiceData, gone: NDArray[np.bool_], words: str) -> tuple[str, ...]:
    """Sentences on the (cell, alternative) pairs whose probability goes to zero.

    Parameters
    ----------
    gone : (n, J) the alternatives whose probability goes to zero; none in cases of weight zero.
    words : text in which the names of the explanatory variables occur; cells are formed by those that do not vary in a
        case.
    """
    available, weights = _available(data), _weights(data)
    if not gone.any():
        return ()
    sentences = []
    for label, members in _cells(data, words).items():
        members = members[weights[members] > 0]
        empty = (gone[members] | ~available[members]).all(axis=0) & gone[members].any(axis=0)
        if empty.any():
            never = ", ".join(str(data.alternatives[int(j)]) for j in np.flatnonzero(empty))
            total = f"{weights[members].sum():.6g}"
            sentences.append(f"{label} ({total} choice{'s' * (total != '1')}): never {never}")
    if sentences:
        return tuple(sentences)
    counted = available & (weights > 0)[:, None]
    return tuple(
        f"{data.alternatives[int(j)]} has fitted probability zero in {int(gone[:, j].sum())} "
        f"of {int(counted[:, j].sum())} cases"
        for j in np.flatnonzero(gone.any(axis=0))
    )


def _available(data: ChoiceData) -> NDArray[np.bool_]:
    available = np.zeros((data.n_cases, data.n_alternatives), dtype=bool)
    available[data.row_case(), data.row_alternative] = True
    return available


def _weights(data: ChoiceData) -> NDArray[np.float64]:
    return np.ones(data.n_cases) if data.weights is None else data.weights


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
