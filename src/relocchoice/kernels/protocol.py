"""What a family of models is: a function from utilities to log-likelihoods, with its derivatives in utility space.

Layout: cases are the last, contiguous axis. Utilities are (S, n): S *slots* (places for alternatives) by n cases.
A family knows nothing of columns, weights, chunks or optimisers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Order = Literal[0, 1, 2]
Slots = slice | NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class SlotVector:
    """A vector over the slots of each case, zero outside ``slots``.

    Attributes
    ----------
    slots : which slots it lives on, s of them.
    values : (s, n).
    """

    slots: Slots
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RankVector:
    """One q_r of the curvature: an own part on some slots plus earlier vectors, q_r = own + sum_c mix_c q_c.

    Attributes
    ----------
    own : the part b_r that lives on slots.
    mix : pairs (index of an earlier vector, (n,) coefficient).
    """

    own: SlotVector
    mix: tuple[tuple[int, Floats], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Succession:
    """A variance written as a chain of decisions, slot after slot, of which alternatives to take.

    With k alternatives to take from the slots up to s, slot s is taken with probability share_sk. If mean_sk is the
    (S,) vector of the probabilities that each slot is taken, mean_sk = mean_(s-1)k + share_sk q_sk with
    q_sk = e_s + mean_(s-1)(k-1) - mean_(s-1)k, and the variance of the indicators is sum_s sum_k spread_sk q_sk q_sk'.

    Attributes
    ----------
    share : (S, M, n), k = 1..M; zero where slot s is not available or the state cannot be reached.
    spread : (S, M, n), the probability of the state times share (1 - share).
    """

    share: Floats
    spread: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """Second derivatives of each case's log-likelihood, as structure instead of (S, S) matrices.

    d2 loglik / dv dv' = diag(sum_r diagonal_mix_r b_r) + sum_r weight_r q_r q_r', less the variance of ``succession``
    if there is one. That the diagonal is made of the own parts saves another pass over the columns.
    dv itself = sum_r gradient_mix_r b_r + chosen_weight e_chosen, which saves one pass over the columns.

    Attributes
    ----------
    vectors : R vectors q_r, children before parents.
    diagonal_mix : (R, n).
    weights : (R, n) the a_r.
    gradient_mix : (R, n); chosen_weight : (n,).
    cross : (L, R, n) d2 loglik / dv dshape_l = sum_r cross_lr b_r + extra_l.
    extra : L vectors, the rest of the cross derivative.
    shape : (L, L, n) d2 loglik / dshape dshape'.
    succession : of families of sets, whose second derivatives are no short sum of ranks; else None.
    """

    vectors: tuple[RankVector, ...]
    diagonal_mix: Floats
    weights: Floats
    gradient_mix: Floats
    chosen_weight: Floats
    cross: Floats
    extra: tuple[SlotVector, ...]
    shape: Floats
    succession: Succession | None = None

    def diagonal(self, n_slots: int) -> Floats:
        """(S, n) sum_r diagonal_mix_r b_r."""
        out = np.zeros((n_slots, self.diagonal_mix.shape[1]))
        for mix, vector in zip(self.diagonal_mix, self.vectors, strict=True):
            out[vector.own.slots] += mix * vector.own.values
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """A family evaluated at some utilities.

    Attributes
    ----------
    loglik : (n,) log probability of the chosen alternative, unweighted.
    dv : (S, n) its derivative with respect to the utilities (order 1 and above).
    dshape : (L, n) with respect to the shape parameters (order 1 and above).
    curvature : second derivatives (order 2).
    """

    loglik: Floats
    dv: Floats | None = None
    dshape: Floats | None = None
    curvature: Curvature | None = None


class Family(Protocol):
    """A model of choice as a function of utilities; a new family is one file and one registry line."""

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant added to all utilities of a case changes nothing (then rows may be differenced)."""

    def shape_names(self) -> tuple[str, ...]:
        """Names of the L shape parameters, () when there are none."""

    def shape_start(self) -> Floats:
        """(L,) values at which the family is a multinomial logit, or as near to it as it can be."""

    def slot_order(self, n_alternatives: int) -> NDArray[np.intp]:
        """(J,) alternatives in the order the family wants its slots."""

    def slot_group(self, n_alternatives: int) -> NDArray[np.intp]:
        """(J,) group of each alternative: alternatives of one group are interchangeable to the family."""

    def at(self, alternatives: NDArray[np.intp]) -> Family:
        """The family restricted to slots that hold these alternatives (S,), given in slot order."""

    def local(
        self, v: Floats, available: NDArray[np.bool_] | None, chosen: NDArray[Any], shape: Floats, order: Order
    ) -> Local:
        """Log-likelihood, scores and curvature of each case at utilities v (S, n).

        ``chosen`` is (n,) the slot each case chose. Only a :class:`SetFamily` is also given (S, n) bool, the slots each
        case took, one or more.
        """

    def probabilities(self, v: Floats, available: NDArray[np.bool_] | None, shape: Floats) -> Floats:
        """(S, n) probabilities of each slot when one is chosen; they sum to one and are zero where unavailable."""


@runtime_checkable
class SetFamily(Family, Protocol):
    """A family of sets: a case may take several alternatives, how many is given."""

    def inclusion(
        self, v: Floats, available: NDArray[np.bool_] | None, n_taken: NDArray[np.intp], shape: Floats
    ) -> Floats:
        """(S, n) probability that each slot is among the ``n_taken`` (n,) taken ones; they sum to ``n_taken``."""
