"""Which cases and markets count as independent, and the small-sample factors that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.groups import group_codes
from relocchoice.relocation.land.markets import Markets, market_labels
from relocchoice.results.choice_results import ChoiceResults

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """(n,) and (M,) codes in one numbering; ``first_stage`` (M,) as linearmodels takes them, or None.

    Attributes
    ----------
    clustered : whether the cases are in groups; shared : whether cases and markets share them.
    """

    cases: Ints
    markets: Ints
    first_stage: Ints | None
    clustered: bool
    shared: bool


def groups_of(data: ChoiceData, markets: Markets, cov_type: str, groups: Any, market_groups: str | None) -> Groups:
    grouped = cov_type != "robust" and (groups is not None or data.unit is not None)
    if not grouped:
        cases = np.arange(data.n_cases, dtype=np.intp)
    elif groups is None:
        assert data.unit is not None
        cases = np.asarray(data.unit)
    else:
        cases = group_codes(data, groups, "groups")
    if not markets.columns:
        of_row = cases[data.row_case()]
        return Groups(cases, of_row, of_row, grouped, True)
    if market_groups is None:
        alone = np.arange(markets.size, dtype=np.intp) + int(cases.max()) + 1
        return Groups(cases, alone, None, grouped, False)
    labels = market_labels(data, markets, market_groups, "market_groups")
    if grouped and isinstance(groups, str) and groups == market_groups:
        case_labels = data.case_frame([groups])[groups].tolist()
        codes = pd.factorize(pd.Series([*case_labels, *labels], dtype=object))[0].astype(np.intp)
        cases, joined = codes[: data.n_cases], codes[data.n_cases :]
        return Groups(cases, joined, joined, True, True)
    codes = pd.factorize(pd.Series(labels, dtype=object))[0].astype(np.intp)
    return Groups(cases, codes + int(cases.max()) + 1, codes, grouped, False)


def first_scale(shape: tuple[int, ...], independent: Groups) -> float:
    """Small-sample factor of the first stage's covariance, as linearmodels has it."""
    n, k = shape
    if independent.first_stage is None:
        return n / (n - k)
    size = len(np.unique(independent.first_stage))
    return size / (size - 1) * (n - 1) / (n - k)


def case_scale(fit: ChoiceResults, independent: Groups) -> float:
    """Small-sample factor of the choices' covariance, as of the other fits."""
    if independent.clustered:
        size = len(np.unique(independent.cases))
        return size / (size - 1) if size > 1 else 1.0
    return fit.nobs / (fit.nobs - 1) if fit.weight_kind in PROBABILITY_WEIGHTS else 1.0
