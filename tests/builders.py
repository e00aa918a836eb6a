"""What many law tests share: simulated choices, numeric derivatives, a nested logit in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import relocchoice as rc

Floats = NDArray[np.float64]

PLACES = ("coast", "county", "interior", "metro", "township")
NESTS = {"near": ["township", "county"], "away": {"rich": ["metro", "coast"], "interior": None}}
LAMBDAS = {"near": 0.6, "away": 0.8, "rich": 0.5}


def derivative(function: Callable[[Floats], Any], x: Floats, step: float = 1e-3) -> Floats:
    """Five-point differences of an array-valued function, the variable's axis first: error about ``step``^4."""
    out = []
    for k in range(len(x)):
        e = np.zeros(len(x))
        e[k] = step
        near = np.asarray(function(x + e)) - np.asarray(function(x - e))
        far = np.asarray(function(x + 2 * e)) - np.asarray(function(x - 2 * e))
        out.append((8 * near - far) / (12 * step))
    return np.array(out)


def plain_probabilities(
    v: Mapping[str, float], nests: Mapping[str, Any], lambdas: Mapping[str, float]
) -> dict[str, float]:
    """Nested-logit probabilities of one case by the textbook recursion; what is missing from ``v`` is unavailable.

    P(c | m) ~ exp(W_c / lambda_m) with W_m = lambda_m log sum_c exp(W_c / lambda_m); the root has lambda 1.
    """

    def inside(tree: Any) -> list[tuple[str, Any]]:
        return list(tree.items()) if isinstance(tree, Mapping) else [(label, None) for label in tree]

    def value(name: str, tree: Any, scale: float) -> float:
        if tree is None:
            return v.get(name, -np.inf)
        return scale * np.log(sum(np.exp(value(c, below, lambdas.get(c, 1.0)) / scale) for c, below in inside(tree)))

    out: dict[str, float] = {}

    def share(tree: Any, scale: float, reach: float) -> None:
        weights = {c: np.exp(value(c, below, lambdas.get(c, 1.0)) / scale) for c, below in inside(tree)}
        total = sum(weights.values())
        for c, below in inside(tree):
            part = reach * weights[c] / total if weights[c] else 0.0
            if below is None:
                out[c] = part
            else:
                share(below, lambdas[c], part)

    with np.errstate(divide="ignore"):
        share(nests, 1.0, 1.0)
    return out


@dataclass(frozen=True, slots=True)
class Truth:
    """Coefficients of the simulated choices."""

    cost: float = -1.0
    distance: float = 0.5
    assets: float = 0.4
    constant: float = 0.3


def choice_frame(
    n: int = 300,
    seed: int = 0,
    *,
    places: tuple[str, ...] = PLACES,
    available: float = 1.0,
    nests: Mapping[str, Any] | None = None,
    lambdas: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Long rows of simulated moves.

    Columns: ``move``, ``place``, ``chosen``; ``cost``, ``distance``, ``travel`` (one a row), ``price`` (one a place),
    ``assets``, ``size`` (one a move), ``firm`` (about three moves each).

    Parameters
    ----------
    available : probability that a place can be chosen; places 0 and 1 always can.
    nests, lambdas : choices follow this nested logit; without them a multinomial logit.
    """
    rng = np.random.default_rng(seed)
    truth, J = Truth(), len(places)
    cost, distance, travel = rng.normal(size=(3, n, J))
    price = np.linspace(0.5, 2.0, J)[rng.permutation(J)]
    assets, size = rng.normal(size=n), rng.exponential(size=n)
    v = truth.cost * cost + truth.distance * distance - 0.5 * price
    v[:, 1:] += truth.constant + truth.assets * assets[:, None]
    can = rng.random((n, J)) < available
    can[:, :2] = True
    chosen = _draw(rng, v, can, places, nests, lambdas or {})
    frame = pd.DataFrame(
        {
            "move": np.repeat(np.arange(n), J),
            "place": np.tile(places, n),
            "chosen": (np.arange(J) == chosen[:, None]).ravel(),
            "cost": cost.ravel(),
            "distance": distance.ravel(),
            "travel": travel.ravel(),
            "price": np.tile(price, n),
            "assets": np.repeat(assets, J),
            "size": np.repeat(size, J),
            "firm": np.repeat(rng.integers(0, max(2, n // 3), n), J),
        }
    )
    return frame[can.ravel()].reset_index(drop=True)


def _draw(
    rng: np.random.Generator,
    v: Floats,
    can: NDArray[np.bool_],
    places: tuple[str, ...],
    nests: Mapping[str, Any] | None,
    lambdas: Mapping[str, float],
) -> NDArray[np.intp]:
    if nests is None:
        noise = np.where(can, v + rng.gumbel(size=v.shape), -np.inf)
        return noise.argmax(axis=1)
    chosen = np.empty(len(v), dtype=np.intp)
    for i, (values, open_) in enumerate(zip(v, can, strict=True)):
        p = plain_probabilities({places[j]: values[j] for j in np.flatnonzero(open_)}, nests, lambdas)
        chosen[i] = rng.choice(len(places), p=[p[place] for place in places])
    return chosen


def choice_data(frame: pd.DataFrame, **options: Any) -> rc.ChoiceData:
    """The frame of :func:`choice_frame` as choices."""
    return rc.ChoiceData.from_long(frame, case="move", alternative="place", chosen="chosen", **options)


def sampled_frame(n: int = 500, seed: int = 0, universe: int = 60) -> pd.DataFrame:
    """Moves that each choose from 4 to 9 places sampled out of many; columns as in choice_frame."""
    rng = np.random.default_rng(seed)
    sets = [np.sort(rng.choice(universe, size=rng.integers(4, 10), replace=False)) for _ in range(n)]
    move = np.repeat(np.arange(n), [len(places) for places in sets])
    frame = pd.DataFrame({"move": move, "place": np.concatenate(sets)})
    frame["cost"], frame["distance"] = rng.normal(size=(2, len(frame)))
    utility = -frame["cost"] + 0.5 * frame["distance"] + rng.gumbel(size=len(frame))
    return frame.assign(chosen=utility == utility.groupby(move).transform("max"))


def agree(left: Any, right: Any, tolerance: float) -> None:
    """Two labelled series or frames have the same labels and values, relative to the larger of 1 and the value."""
    assert sorted(map(str, left.index)) == sorted(map(str, right.index))
    right = right.reindex(left.index)
    np.testing.assert_allclose(left.to_numpy(), right.to_numpy(), rtol=tolerance, atol=tolerance)
