"""Choices drawn from utilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def multinomial_choice(rng: np.random.Generator, utilities: Floats, available: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(n,) the alternative with the largest utility plus Gumbel noise."""
    return np.where(available, utilities + rng.gumbel(size=utilities.shape), -np.inf).argmax(axis=1)


def nested_choice(
    rng: np.random.Generator,
    utilities: Floats,
    available: NDArray[np.bool_],
    nest: NDArray[np.intp],
    lambdas: Floats,
) -> NDArray[np.intp]:
    """(n,) choices of a two-level nested logit: a nest by its inclusive value, then an alternative in it.

    ``nest`` is (J,), the nest of each alternative; a nest of one alternative has lambda one.
    """
    scaled = np.where(available, utilities / lambdas[nest], -np.inf)
    inclusive = np.stack(
        [lambdas[m] * np.logaddexp.reduce(scaled[:, nest == m], axis=1) for m in range(len(lambdas))], axis=1
    )
    taken = (inclusive + rng.gumbel(size=inclusive.shape)).argmax(axis=1)
    inside = nest == taken[:, None]
    return np.where(inside, scaled + rng.gumbel(size=scaled.shape), -np.inf).argmax(axis=1)
