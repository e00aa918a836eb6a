"""Labels that sort the cases into groups: clusters, units to draw, strata."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import plain_label
from relocchoice.errors import OptionError


def group_codes(data: ChoiceData, labels: ArrayLike | str, argument: str) -> NDArray[np.intp]:
    """(n,) code of each case's group.

    Parameters
    ----------
    labels : a case-level column's name, a Series by case label, or an array in the order of the cases.
    argument : name of the argument they came by, for the messages.

    Raises
    ------
    OptionError : not one label a case.
    DataError : no such column, or one that varies within a case.
    """
    if isinstance(labels, str):
        found = data.case_frame([labels])[labels]
    elif isinstance(labels, pd.Series) and not labels.index.equals(pd.RangeIndex(len(labels))):
        found = _by_case(labels, data, argument)
    elif isinstance(labels, pd.Series) and data.cases.isin(labels.index).all():
        found = labels.reindex(data.cases)
    else:
        flat = np.asarray(labels)
        if flat.ndim != 1:
            raise OptionError(f"{argument} has {flat.ndim} dimensions; give one label a case")
        found = pd.Series(flat)
    if len(found) != data.n_cases:
        raise OptionError(f"{argument} has {len(found)} labels, the data have {data.n_cases} cases; give one a case")
    if found.isna().any():
        case = data.cases[int(np.flatnonzero(found.isna().to_numpy())[0])]
        raise OptionError(f"{argument} has no label for case {plain_label(case)!r}")
    return pd.factorize(found)[0].astype(np.intp)


def _by_case(labels: pd.Series, data: ChoiceData, argument: str) -> pd.Series:
    """A Series with an index of its own is matched by case label, never by position."""
    if not labels.index.is_unique:
        raise OptionError(f"{argument} has an index that repeats labels; give one label a case, indexed by case")
    absent = data.cases[~data.cases.isin(labels.index)]
    if len(absent):
        raise OptionError(
            f"{argument} has no label for case {plain_label(absent[0])!r} (its index does not hold {len(absent)} of "
            "the cases); index it by case label, or give an array in the order of the cases"
        )
    return labels.reindex(data.cases)
