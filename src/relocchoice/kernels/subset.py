"""Conditional logit of sets: which m of the alternatives an event takes, given m.

P(S | m) = exp(sum_{j in S} V_j) / e_m(exp V), e_m the elementary symmetric polynomial of degree m: the sum of
exp(sum_{j in T} V_j) over all sets T of m available alternatives (McFadden 1974 and Chamberlain 1980 for matched
choices). The recursion over the slots, e_k(1..s) = e_k(1..s-1) + exp(V_s) e_{k-1}(1..s-1), is that of Gail, Lubin &
Rubinstein (1981, Biometrika 68, 703-707).

The recursion is a chain of decisions: with k to take among the slots 1..s, slot s is among them with probability
share_sk = exp(V_s) e_{k-1}(1..s-1) / e_k(1..s). The log-likelihood is the sum of the log probabilities of the decisions
that led to the set; d/dV is the set less the inclusion probabilities, d2/dVdV' minus the variance of the inclusion
indicators, which the law of total variance writes as a sum of one positive term a decision. So nothing is a difference
of large numbers, whatever the utilities. One alternative a case makes it the multinomial logit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from relocchoice.kernels.multinomial import NO_SHAPE, MultinomialLogit
from relocchoice.kernels.protocol import Curvature, Floats, Local, Order, RankVector, SlotVector, Succession

Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SubsetLogit:
    """The family of sets, without shape parameters."""

    @property
    def shift_invariant(self) -> bool:
        return True

    def shape_names(self) -> tuple[str, ...]:
        return ()

    def shape_start(self) -> Floats:
        return NO_SHAPE

    def slot_order(self, n_alternatives: int) -> Ints:
        return np.arange(n_alternatives)

    def slot_group(self, n_alternatives: int) -> Ints:
        return np.zeros(n_alternatives, dtype=np.intp)

    def at(self, alternatives: Ints) -> SubsetLogit:
        return self

    def local(self, v: Floats, available: Bools | None, chosen: NDArray[Any], shape: Floats, order: Order) -> Local:
        taken = _mask(chosen, len(v))
        n_taken = taken.sum(axis=0)
        odds = _log_odds(v, available, int(n_taken.max(initial=1)))
        loglik = _path(odds, taken)
        if order == 0:
            return Local(loglik)
        chain = _walk(odds, n_taken)
        dv = taken - chain.inclusion
        dshape = np.empty((0, v.shape[1]))
        return Local(loglik, dv, dshape, _curvature(dv, chain) if order == 2 else None)

    def probabilities(self, v: Floats, available: Bools | None, shape: Floats) -> Floats:
        return MultinomialLogit().probabilities(v, available, shape)

    def inclusion(self, v: Floats, available: Bools | None, n_taken: Ints, shape: Floats) -> Floats:
        return _walk(_log_odds(v, available, int(n_taken.max(initial=1))), n_taken).inclusion


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """The decisions of all slots.

    Attributes
    ----------
    inclusion : (S, n) probability that the slot is taken.
    succession : the shares and spreads, (S, M, n).
    """

    inclusion: Floats
    succession: Succession


def _mask(chosen: NDArray[Any], n_slots: int) -> Bools:
    """(S, n) slots taken, from such a mask or from (n,) slots."""
    if chosen.ndim == 2:
        return chosen.astype(bool, copy=False)
    return np.arange(n_slots)[:, None] == chosen


def _log_odds(v: Floats, available: Bools | None, most: int) -> Floats:
    """(S, M, n) log odds that slot s is taken with k = 1..M to take from the slots up to s.

    Infinite where the decision is certain: no other slot is left, or the slot is not available.
    """
    masked = v if available is None else np.where(available, v, -np.inf)
    shifted = masked - masked.max(axis=0)
    n_slots, n = v.shape
    odds = np.empty((n_slots, most, n))
    log_e = np.full((most + 1, n), -np.inf)
    log_e[0] = 0.0
    for s in range(n_slots):
        with_it = shifted[s] + log_e[:-1]
        with np.errstate(invalid="ignore"):  # -inf less -inf: nothing of this size can be taken from these slots
            odds[s] = with_it - log_e[1:]
        odds[s, with_it == -np.inf] = -np.inf
        log_e[1:] = np.logaddexp(log_e[1:], with_it)
    return odds


def _path(odds: Floats, taken: Bools) -> Floats:
    """(n,) log probability of the decisions that lead to the sets; a sum of terms that are none positive."""
    most = odds.shape[1]
    left = np.cumsum(taken, axis=0)  # the state before the decision on each slot, the last slot deciding first
    state = np.clip(left - 1, 0, most - 1)
    at = np.take_along_axis(odds, state[:, None], axis=1)[:, 0]
    steps = log_expit(np.where(taken, at, -at))
    # a boolean factor would make 0 * -inf of slots that nothing is left for
    return np.where(left > 0, steps, 0.0).sum(axis=0)


def _walk(odds: Floats, n_taken: Ints) -> _Chain:
    """From the last slot back to the first, with the probability of every state."""
    n_slots, most, n = odds.shape
    reach = (np.arange(1, most + 1)[:, None] == n_taken).astype(np.float64)
    share, spread, inclusion = np.empty_like(odds), np.empty_like(odds), np.empty((n_slots, n))
    for s in range(n_slots - 1, -1, -1):
        share[s], stay = expit(odds[s]), expit(-odds[s])
        included = reach * share[s]
        inclusion[s] = included.sum(axis=0)
        spread[s] = included * stay
        reach *= stay
        reach[:-1] += included[1:]
    return _Chain(inclusion, Succession(share, spread))


def _curvature(dv: Floats, chain: _Chain) -> Curvature:
    n = dv.shape[1]
    return Curvature(
        vectors=(RankVector(SlotVector(slice(None), dv)),),
        diagonal_mix=np.zeros((1, n)),
        weights=np.zeros((1, n)),
        gradient_mix=np.ones((1, n)),
        chosen_weight=np.zeros(n),
        cross=np.empty((0, 1, n)),
        extra=(),
        shape=np.empty((0, 0, n)),
        succession=chain.succession,
    )
