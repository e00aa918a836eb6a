"""The problems as values: what is simulated, with which seed, and which model is estimated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.draws import multinomial_choice, nested_choice
from benchmarks.peers.protocol import Arrays, load, utilities

Floats = NDArray[np.float64]
Layout = Literal["normal", "commuters", "location"]
EDITION = 1  # of the generators: data on disk of another edition are made anew
CASES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Simulated choices and the model that made them.

    Attributes
    ----------
    name, words : short name, and what it is.
    cases, alternatives : n and J.
    seed : of the simulation.
    generic : columns with a value a case and alternative and one coefficient.
    zone : columns with a value an alternative, shared by all cases, and one coefficient.
    products : how many of the zone columns also enter multiplied by a case variable of their own.
    own : case variables with one coefficient an alternative (none for the base).
    constants : whether every alternative but the base has a constant.
    nests : sizes of the nests, in the order of the alternatives; empty for the multinomial logit.
    lambdas : dissimilarity of the nests; that of a nest of one alternative is one and not estimated.
    available : share of cases that have an alternative.
    weighted : whether cases carry frequency weights from 1 to 3.
    layout : ``"commuters"``: time and cost of three modes, the second missing to some; ``"location"``: distance to a
        zone and whether it is in the own county; ``"normal"``: normal columns, some correlated, skewed or dummies.
    reader : how the package gets the data: a long frame, or zones and the list of what was chosen.
    peers : whether other packages are asked to estimate it.
    """

    name: str
    words: str
    cases: int
    alternatives: int
    seed: int
    generic: int = 0
    zone: int = 0
    products: int = 0
    own: int = 0
    constants: bool = False
    nests: tuple[int, ...] = ()
    lambdas: tuple[float, ...] = ()
    available: float = 1.0
    weighted: bool = False
    layout: Layout = "normal"
    reader: Literal["long", "zones"] = "long"
    peers: bool = True

    @property
    def base(self) -> int:
        """Position of the alternative without constant and case-specific coefficients."""
        return self.alternatives - 1 if self.layout == "commuters" else 0

    @property
    def variables(self) -> int:
        """Number of case variables."""
        return max(self.products, self.own)

    @property
    def names(self) -> tuple[str, ...]:
        """(K,) names of the coefficients, as the package writes them."""
        others = [j + 1 for j in range(self.alternatives) if j != self.base]
        return (
            *(f"g{k}" for k in range(self.generic)),
            *(f"z{k}" for k in range(self.zone)),
            *(f"z{k}:s{k}" for k in range(self.products)),
            *(f"Intercept:{j}" for j in others if self.constants),
            *(f"s{k}:{j}" for k in range(self.own) for j in others),
        )

    @property
    def estimated_nests(self) -> tuple[int, ...]:
        """Positions of the nests with a free lambda."""
        return tuple(m for m, size in enumerate(self.nests) if size > 1)

    @property
    def formula(self) -> str:
        """The package's formula."""
        shared = [name for name in self.names if name[0] in "gz"]
        case = [f"s{k}" for k in range(self.own)]
        second = " + ".join((["1"] if self.constants else ["0"]) + case)
        return f"chosen ~ {' + '.join(shared) or '0'} | {second}"

    @property
    def dense_bytes(self) -> int:
        """Bytes of the dense design: cases x alternatives x coefficients doubles."""
        return 8 * self.cases * self.alternatives * len(self.names)

    @property
    def compact_bytes(self) -> int:
        """Bytes of the columns when each number is stored once."""
        return 8 * (self.cases * (self.alternatives * self.generic + self.variables) + self.alternatives * self.zone)

    @property
    def size(self) -> str:
        """Cases x alternatives x coefficients (+ lambdas), in words."""
        lambdas = f"+{len(self.estimated_nests)}" if self.nests else ""
        return f"{self.cases:,} x {self.alternatives:,} x {len(self.names)}{lambdas}"


def _lambdas(count: int) -> tuple[float, ...]:
    return tuple(float(round(0.5 + 0.35 * m / max(count - 1, 1), 3)) for m in range(count))


_ALL = (
    Problem(
        "M1",
        "multinomial, small; one alternative unavailable to 16 %",
        6_768,
        3,
        1,
        generic=2,
        constants=True,
        layout="commuters",
    ),
    Problem("M2", "multinomial, generic coefficients", 50_000, 10, 2, generic=20),
    Problem("M3", "multinomial, generic coefficients, many cases", 500_000, 8, 3, generic=16),
    Problem(
        "L1",
        "location choice among 1,000 zones",
        5_000,
        1_000,
        4,
        generic=2,
        zone=6,
        products=4,
        layout="location",
    ),
    Problem(
        "N1",
        "nested, small, one nest of two",
        6_768,
        3,
        5,
        generic=2,
        constants=True,
        nests=(2, 1),
        lambdas=(0.55, 1.0),
        layout="commuters",
    ),
    Problem("N2", "nested, nests of 4, 3 and 3", 50_000, 10, 6, generic=20, nests=(4, 3, 3), lambdas=(0.5, 0.7, 0.85)),
    Problem(
        "N3",
        "nested, nests of 3, 3 and 2, many cases",
        500_000,
        8,
        7,
        generic=16,
        nests=(3, 3, 2),
        lambdas=(0.5, 0.7, 0.85),
        peers=False,
    ),
    Problem(
        "NL1",
        "location choice among 1,000 zones in 20 nests",
        5_000,
        1_000,
        8,
        generic=2,
        zone=6,
        products=4,
        nests=(50,) * 20,
        lambdas=_lambdas(20),
        layout="location",
        peers=False,
    ),
    Problem("Z1", "location choice, zone-only", 100_000, 2_000, 9, zone=6, reader="zones", peers=False),
    Problem(
        "Z2", "location choice, zone-only, a million firms", 1_000_000, 2_000, 10, zone=6, reader="zones", peers=False
    ),
    Problem(
        "A1",
        "constants and 5 case variables by alternative",
        200_000,
        12,
        11,
        generic=6,
        own=5,
        constants=True,
        peers=False,
    ),
    Problem("F1", "12 firm variables by alternative", 50_000, 8, 12, own=12),
    Problem("M3W", "M3 with frequency weights", 500_000, 8, 13, generic=16, weighted=True, peers=False),
    Problem("M3R", "M3 with ragged choice sets", 500_000, 8, 14, generic=16, available=0.75, peers=False),
)
PROBLEMS = {problem.name: problem for problem in _ALL}


def data_file(problem: Problem, folder: Path) -> Path:
    """The simulated data in a folder, made when they are not there yet."""
    key = hashlib.sha256(f"{EDITION} {problem!r}".encode()).hexdigest()[:12]
    path = folder / f"{problem.name}-{key}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **simulate(problem))
        partial.replace(path)
    return path


def simulate(problem: Problem) -> Arrays:
    """The arrays of a problem; see :mod:`benchmarks.peers.protocol` for what they are."""
    rng = np.random.default_rng(problem.seed)
    n, width = problem.cases, problem.alternatives
    arrays: Arrays = {
        "generic": np.empty((n, width, 0)),
        "zone": rng.normal(size=(problem.zone, width)),
        "case": rng.normal(size=(problem.variables, n)),
        "shape": np.array([n, width, problem.products, problem.own, problem.constants, problem.base]),
        "names": np.array(problem.names),
        "nests": np.array(problem.nests, dtype=np.int64),
        "lambdas": np.array(problem.lambdas),
        "beta": 0.3 * rng.normal(size=len(problem.names)),
    }
    available = None
    if problem.layout == "commuters":
        arrays["generic"], available = _commuters(rng, n)
        arrays["beta"] = np.array([-1.2, -1.0, -0.5, -0.1])
    elif problem.layout == "location":
        arrays["generic"] = _distances(rng, n, width)
        arrays["beta"] = np.concatenate([[-0.9, 0.6], 0.25 * rng.normal(size=len(problem.names) - 2)])
    elif problem.generic:
        arrays["generic"] = _columns(rng, n, width, problem.generic)
    if problem.available < 1.0:
        available = rng.random((n, width)) < problem.available
        available[np.arange(n), rng.integers(0, width, n)] = True
        available[np.arange(n), rng.integers(0, width, n)] = True
        lonely = np.flatnonzero(available.sum(axis=1) < 2)
        available[lonely] = True
    if available is not None:
        arrays["available"] = available
    if problem.weighted:
        arrays["weights"] = rng.integers(1, 4, n).astype(float)
    arrays["chosen"] = _choices(rng, problem, arrays)
    return arrays


def _choices(rng: np.random.Generator, problem: Problem, arrays: Arrays) -> NDArray[np.intp]:
    if problem.reader == "zones":
        v = arrays["beta"] @ arrays["zone"]
        shares = np.exp(v - v.max())
        return rng.choice(problem.alternatives, size=problem.cases, p=shares / shares.sum())
    parts = []
    nest = np.repeat(np.arange(len(problem.nests)), problem.nests)
    for start in range(0, problem.cases, CASES_AT_ONCE):
        cases = slice(start, min(start + CASES_AT_ONCE, problem.cases))
        v = utilities(arrays, arrays["beta"], cases)
        there = arrays["available"][cases] if "available" in arrays else np.ones(v.shape, dtype=bool)
        if problem.nests:
            parts.append(nested_choice(rng, v, there, nest, np.array(problem.lambdas)))
        else:
            parts.append(multinomial_choice(rng, v, there))
    return np.concatenate(parts)


def _commuters(rng: np.random.Generator, n: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Time and cost (n, 3, 2) of train, car and metro; the car is available to 84 %."""
    distance = rng.gamma(4.0, 40.0, (n, 1))
    slope, start, spread = np.array([[0.9, 0.75, 0.5], [30.0, 10.0, 20.0], [15.0, 20.0, 10.0]])
    time = np.maximum(slope * distance + start + spread * rng.normal(size=(n, 3)), 10.0) / 100.0
    cost = np.array([0.5, 0.45, 0.6]) * distance * np.exp(0.2 * rng.normal(size=(n, 3))) / 100.0
    available = np.ones((n, 3), dtype=bool)
    available[:, 1] = rng.random(n) < 0.84
    return np.stack([time, cost], axis=2), available


def _distances(rng: np.random.Generator, n: int, zones: int) -> Floats:
    """(n, zones, 2) log of the distance, and whether firm and zone lie in the same of 25 counties."""
    firm, place = rng.random((n, 1, 2)), rng.random((1, zones, 2))
    distance = np.hypot(*np.moveaxis(firm - place, 2, 0))
    county = [(5 * where).astype(int) @ [5, 1] for where in (firm, place)]
    return np.stack([np.log(distance + 0.01), (county[0] == county[1]).astype(float)], axis=2)


def _columns(rng: np.random.Generator, n: int, width: int, count: int) -> Floats:
    """(n, width, count) normal columns; the second correlated with the first, the third a dummy, the fourth skewed."""
    x = rng.normal(size=(n, width, count))
    if count > 3:
        x[:, :, 1] = 0.5 * x[:, :, 0] + 0.8 * x[:, :, 1]
        x[:, :, 2] = x[:, :, 2] > 0.5
        x[:, :, 3] = np.exp(0.5 * x[:, :, 3])
    return x


def simulated(problem: Problem, folder: Path) -> Arrays:
    """The arrays, read from disk."""
    return load(data_file(problem, folder))
