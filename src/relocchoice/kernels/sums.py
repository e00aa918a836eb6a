"""What an evaluation of a whole problem comes to, before parameters are constrained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relocchoice.kernels.protocol import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Weighted sums over cases; p = K coefficients + L shape parameters.

    Attributes
    ----------
    value : log-likelihood, -inf outside the domain; gradient : (p,); hessian : (p, p).
    opg, opg_squared : (p, p) sums of w s s' and of w^2 s s' with s the scores of a case.
    """

    value: float
    gradient: Floats
    hessian: Floats
    opg: Floats
    opg_squared: Floats

    def plus(self, other: Sums) -> Sums:
        """The sums over the cases of both."""
        return Sums(
            self.value + other.value,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
            self.opg + other.opg,
            self.opg_squared + other.opg_squared,
        )


def nowhere(p: int) -> Sums:
    """Outside the domain of the parameters."""
    zeros = np.zeros((p, p))
    return Sums(-np.inf, np.zeros(p), zeros, zeros, zeros)
