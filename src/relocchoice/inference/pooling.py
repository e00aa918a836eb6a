"""May two alternatives be pooled? Their case-specific coefficients are equal; and Holm's correction for all pairs.

In a multinomial logit two alternatives that differ by their constants alone are random splits of one (Cramer & Ridder
1991, Journal of Econometrics 47, 267-272).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def equality(coefficients: list[NDArray[np.intp]], n_parameters: int, one: int, other: int) -> Floats:
    """(r, p) restrictions that the coefficients of two alternatives are equal, variable by variable.

    Parameters
    ----------
    coefficients : of each variable, (J,) the position of each alternative's coefficient, -1 where it has none.
    """
    rows = []
    for coef in coefficients:
        row = np.zeros(n_parameters)
        for position, sign in ((coef[one], 1.0), (coef[other], -1.0)):
            if position >= 0:
                row[position] += sign
        if row.any():
            rows.append(row)
    return np.array(rows).reshape(len(rows), n_parameters)


def holm(pvalues: Floats) -> Floats:
    """Holm's step-down p-values (1979, Scandinavian Journal of Statistics 6, 65-70); NaN stays and does not count."""
    out = np.full(len(pvalues), np.nan)
    known = np.flatnonzero(~np.isnan(pvalues))
    order = known[np.argsort(pvalues[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    out[order] = np.minimum(1.0, np.maximum.accumulate(factors * pvalues[order]))
    return out
