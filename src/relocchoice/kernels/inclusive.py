"""Inclusive values (log-sums) of the root and of every nest, of the families that have them.

The root's is the expected maximum utility but for a constant: log sum exp V of the multinomial logit (Williams 1977;
Small & Rosen 1981), S_root of a nested logit (:mod:`relocchoice.kernels.nested`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.kernels.bottom import BottomNormalised
from relocchoice.kernels.branches import Branching
from relocchoice.kernels.multinomial import MultinomialLogit
from relocchoice.kernels.nested import NestedLogit
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
    if not isinstance(family, Branching):
        return None
    names = tuple(name.removeprefix("lambda:") for name in family.shape_names())
    return names, family.branches(v, available, shape).log_sum


def money_scale(family: Family, shape: Floats) -> float | None:
    """What a unit of utility is on the scale of the root's log-sum; None where that is no expected maximum utility."""
    if isinstance(family, MultinomialLogit):
        return 1.0
    if isinstance(family, BottomNormalised):
        return float(shape[family.reference])
    if isinstance(family, NestedLogit) and family.scaling == "utility":
        return 1.0
    return None
