"""What a penalty adds to the log-likelihood at one point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PenaltyValue:
    """What a penalty adds to the log-likelihood at a point; q free parameters.

    Attributes
    ----------
    value : -inf where the penalised log-likelihood is not defined.
    gradient : (q,); hessian : (q, q); exact.
    """

    value: float
    gradient: Floats
    hessian: Floats
