"""Inclusive values (log-sums) of the root and of every nest, of the families that have them.

The root's is the expected maximum utility but for a constant: log sum exp V of the multinomial logit (Williams 1977;
Small & Rosen 1981), S_root of a nested logit (:mod:`relocchoice.kernels.nested`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.bottom import BottomNormalised
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.nested import NestedLogit, _upward
from relocchoice.kernels.protocol import Family, Floats


def inclusive_values(
    family: Family, v: Floats, available: NDArray[np.bool_] | None, shape: Floats
) -> tuple[tuple[str, ...], Floats] | None:
    """Names of the nests, and (1 + M, n) the log-sums of the root and of the nests, each of its children's weights.

    That of nest m is log sum_c exp(W_c / lambda_m) over its children c; lambda_m times it is on the scale of the root.

    Parameters
    ----------
    family : placed on the slots of v (S, n); available : (S, n) or None; shape : (L,).

    Returns
    -------
    None for families without log-sums; -inf for a nest of which a case has no alternative.
    """
    if isinstance(family, MultinomialLogit):
        masked = v if available is None else np.where(available, v, -np.inf)
        top = masked.max(axis=0)
        return (), (top + np.log(np.exp(masked - top).sum(axis=0)))[None]
    if isinstance(family, BottomNormalised):
        return inclusive_values(family.inner, shape[family.reference] * v, available, shape)
    if isinstance(family, NestedLogit):
        up = _upward(family._placed(), v, available, family._scales(shape))
        return family.names, up.log_sum
    return None


def money_scale(family: Family, shape: Floats) -> float | None:
    """What a unit of utility is on the scale of the root's log-sum; None where that is no expected maximum utility."""
    if isinstance(family, MultinomialLogit):
        return 1.0
    if isinstance(family, BottomNormalised):
        return float(shape[family.reference])
    if isinstance(family, NestedLogit) and family.scaling == "utility":
        return 1.0
    return None
