"""Simulated choices with fixed seeds, as long pandas frames, and the models that generated them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A data set and its model.

    Attributes
    ----------
    words : what it is.
    frame : one row a case and available alternative: case, alternative, chosen and the variables.
    formula, base, nests : of the model.
    truth : parameter -> the value that generated the choices.
    size : cases, alternatives and coefficients; a dense design has their product of numbers.
    """

    words: str
    frame: pd.DataFrame
    formula: str
    base: str
    nests: dict[str, Any] | None
    truth: dict[str, float]
    size: tuple[int, int, int]


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


def long_frame(
    labels: list[str], columns: dict[str, Floats], chosen: NDArray[np.intp], available: NDArray[np.bool_]
) -> pd.DataFrame:
    """Rows of the available alternatives; ``columns`` are (n, J)."""
    n, width = available.shape
    keep = available.ravel()
    parts = {
        "case": np.repeat(np.arange(n), width)[keep],
        "alternative": np.tile(np.array(labels), n)[keep],
        "chosen": (chosen[:, None] == np.arange(width)).ravel()[keep],
    }
    return pd.DataFrame({**parts, **{name: values.ravel()[keep] for name, values in columns.items()}})


def _commuters(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Travel time and cost (n, 3) of train, metro and car, and whether they are available (the car to 84 %)."""
    distance = rng.gamma(4.0, 40.0, (n, 1))
    slope, start, spread = np.array([[0.9, 0.5, 0.75], [30.0, 20.0, 10.0], [15.0, 10.0, 20.0]])
    time = np.maximum(slope * distance + start + spread * rng.normal(size=(n, 3)), 10.0) / 100.0
    cost = np.array([0.5, 0.6, 0.45]) * distance * np.exp(0.2 * rng.normal(size=(n, 3))) / 100.0
    available = np.ones((n, 3), dtype=bool)
    available[:, 2] = rng.random(n) < 0.84
    return time, cost, available


def _commuter_task(words: str, seed: int, truth: dict[str, float], nest: dict[str, Any] | None) -> Task:
    rng = np.random.default_rng(seed)
    n = 6768
    time, cost, available = _commuters(rng, n)
    constants = np.array([truth["Intercept:train"], 0.0, truth["Intercept:car"]])
    utilities = constants + truth["time"] * time + truth["cost"] * cost
    if nest is None:
        chosen = multinomial_choice(rng, utilities, available)
    else:
        lambdas = np.array([truth["lambda:classic"], 1.0])
        chosen = nested_choice(rng, utilities, available, np.array([0, 1, 0]), lambdas)
    frame = long_frame(["train", "metro", "car"], {"time": time, "cost": cost}, chosen, available)
    return Task(words, frame, "chosen ~ time + cost", "metro", nest, truth, (n, 3, 4))


def _generic_task(words: str, seed: int, nests: dict[str, list[str]] | None, lambdas: list[float]) -> Task:
    rng = np.random.default_rng(seed)
    n, width, k = 50_000, 10, 20
    x = rng.normal(size=(k, n, width))
    x[1] = 0.5 * x[0] + 0.8 * x[1]
    x[2] = x[2] > 0.5
    x[3] = np.exp(0.5 * x[3])
    beta = 0.3 * rng.normal(size=k)
    labels = [f"a{j}" for j in range(width)]
    available = np.ones((n, width), dtype=bool)
    utilities = np.tensordot(beta, x, axes=1)
    truth = {f"x{i}": float(value) for i, value in enumerate(beta)}
    if nests is None:
        chosen = multinomial_choice(rng, utilities, available)
    else:
        nest = np.array([list(nests).index(name) for label in labels for name in nests if label in nests[name]])
        chosen = nested_choice(rng, utilities, available, nest, np.array(lambdas))
        truth |= {f"lambda:{name}": value for name, value in zip(nests, lambdas, strict=True)}
    frame = long_frame(labels, dict(zip((f"x{i}" for i in range(k)), x, strict=True)), chosen, available)
    formula = "chosen ~ " + " + ".join(f"x{i}" for i in range(k)) + " | 0"
    return Task(words, frame, formula, "a0", nests, truth, (n, width, k))


def m1() -> Task:
    """Multinomial, small, with availability."""
    truth = {"Intercept:train": -0.7, "Intercept:car": -0.15, "time": -1.28, "cost": -1.08}
    return _commuter_task("multinomial, car unavailable to 16 %", 11, truth, None)


def m2() -> Task:
    """Multinomial with generic coefficients."""
    return _generic_task("multinomial, generic coefficients", 12, None, [])


def n1() -> Task:
    """Nested, one nest of two."""
    truth = {"Intercept:train": -0.4, "Intercept:car": 0.0, "time": -0.95, "cost": -0.9, "lambda:classic": 0.55}
    nest = {"classic": ["train", "car"], "metro": None}
    return _commuter_task("nested, one nest of two", 13, truth, nest)


def n2() -> Task:
    """Nested, three nests, generic coefficients."""
    nests = {"A": ["a0", "a1", "a2", "a3"], "B": ["a4", "a5", "a6"], "C": ["a7", "a8", "a9"]}
    return _generic_task("nested, nests of 4, 3 and 3", 14, nests, [0.5, 0.7, 0.85])


def l1() -> Task:
    """Location choice with ragged choice sets of 100 to 500 out of 1,000 zones."""
    rng = np.random.default_rng(15)
    n, zones = 2000, 1000
    zone = rng.normal(size=(4, zones))
    size = rng.normal(size=(n, 1))
    home, place = rng.random((n, 1, 2)), rng.random((1, zones, 2))
    distance = np.log(np.sqrt(((home - place) ** 2).sum(axis=2)) + 0.01)
    truth = {"z0": 0.5, "z1": -0.3, "z2": 0.25, "z3": 0.2, "distance": -0.9, "z0:size": 0.2}
    columns = {f"z{i}": np.broadcast_to(values, (n, zones)) for i, values in enumerate(zone)}
    columns |= {"distance": distance, "size": np.broadcast_to(size, (n, zones))}
    available = rng.random((n, zones)) < rng.uniform(0.1, 0.5, (n, 1))
    utilities = sum(truth[name] * columns[name] for name in ("z0", "z1", "z2", "z3", "distance"))
    utilities = utilities + truth["z0:size"] * columns["z0"] * size
    chosen = multinomial_choice(rng, utilities, available)
    frame = long_frame([f"zone{j:03d}" for j in range(zones)], columns, chosen, available)
    formula = "chosen ~ z0 + z1 + z2 + z3 + distance + z0:size | 0"
    return Task("location choice, ragged choice sets", frame, formula, "zone000", None, truth, (n, zones, 6))


TASKS: dict[str, Callable[[], Task]] = {"M1": m1, "M2": m2, "N1": n1, "N2": n2, "L1": l1}
