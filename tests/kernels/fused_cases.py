"""Problems that the compiled core is held against the NumPy path on: every kind of column, set, weight and tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import relocchoice as rc
from builders import choice_data, sampled_frame
from relocchoice.engine.bind import bind
from relocchoice.engine.problem import Problem
from relocchoice.kernels import fused

Floats = NDArray[np.float64]
COMPILED = fused.levels()[:-1]
NESTS = {"p": ["a00", "a01"], "q": ["a02", "a03", "a04"]}
DEEP = {"p": ["a00", "a01"], "q": {"q1": ["a02", "a03"], "q2": ["a04"]}, "a05": None}
DEEPER = {"u": {"v": {"w": {"x": ["a00", "a01"], "a02": None}, "a03": None}, "y": ["a04", "a05"]}, "a06": None}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Simulated choices: ``generic`` columns x0.., ``zone`` columns z0.., ``case`` columns c0..; o is an offset.

    ``absent`` : share of the rows left out; ``weights`` : the largest frequency weight, 0 for none.
    """

    n: int = 37
    slots: int = 4
    generic: int = 3
    zone: int = 0
    case: int = 0
    absent: float = 0.0
    weights: int = 0

    @property
    def formula(self) -> str:
        """All columns; no constants without case columns."""
        rows = [*(f"x{k}" for k in range(self.generic)), *(f"z{k}" for k in range(self.zone))]
        cases = [f"c{k}" for k in range(self.case)]
        return f"chosen ~ {' + '.join(rows) or '0'} | {' + '.join(cases) or '0'}"


def frame(sizes: Sizes, seed: int = 0) -> pd.DataFrame:
    """Long rows of random choices."""
    rng = np.random.default_rng(seed)
    n, J = sizes.n, sizes.slots
    there = rng.random((n, J)) >= sizes.absent
    there[:, :2] = True
    there[0] = True
    chosen = np.where(there, rng.gumbel(size=(n, J)), -np.inf).argmax(axis=1)
    columns: dict[str, Any] = {
        "move": np.repeat(np.arange(n), J),
        "place": np.tile([f"a{j:02d}" for j in range(J)], n),
        "chosen": (np.arange(J) == chosen[:, None]).ravel(),
        "o": rng.normal(size=n * J),
        "w": np.repeat(np.append(1.0, rng.integers(0, sizes.weights + 1, n - 1)), J),
    }
    columns |= {f"x{k}": rng.normal(size=n * J) + k for k in range(sizes.generic)}
    columns |= {f"z{k}": np.tile(rng.normal(size=J), n) for k in range(sizes.zone)}
    columns |= {f"c{k}": np.repeat(rng.normal(size=n), J) for k in range(sizes.case)}
    return pd.DataFrame(columns)[there.ravel()]


def problem(sizes: Sizes, nests: Mapping[str, Any] | None = None, **options: Any) -> Problem:
    """The problem of all columns, laid out for the core."""
    data = choice_data(frame(sizes), **({"weights": "w"} if sizes.weights else {}))
    return bound(data, sizes.formula, nests, **options)


def bound(data: rc.ChoiceData, formula: str, nests: Mapping[str, Any] | None = None, **options: Any) -> Problem:
    """A model bound to data; multinomial without nests."""
    model = rc.MultinomialLogit(formula, **options) if nests is None else rc.NestedLogit(formula, nests, **options)
    encoder = model.spec.specification.learn(data, model.spec.base)
    return bind(model.spec, encoder.columns(data), data)


def _sampled() -> Problem:
    return bound(choice_data(sampled_frame(120)), "chosen ~ cost + distance | 0")


def _sampling_weights() -> Problem:
    data = choice_data(frame(Sizes(case=1, weights=5)), weights="w", weight_kind="sampling")
    return bound(data, "chosen ~ x0 + x1 | c0")


WIDE = Sizes(n=19, slots=70, generic=9, zone=2)
MIXED = Sizes(n=61, slots=6, generic=3, zone=1, case=2, absent=0.2, weights=3)
PROBLEMS: dict[str, Callable[[], Problem]] = {
    "generic": lambda: problem(Sizes()),
    "two alternatives": lambda: problem(Sizes(slots=2, generic=1)),
    "many generic": lambda: problem(Sizes(n=150, slots=5, generic=21)),
    "two alternatives, many generic": lambda: problem(Sizes(slots=2, generic=5)),
    "many generic, case-specific, ragged, offset": lambda: problem(
        Sizes(n=61, slots=5, generic=6, case=2, absent=0.2, weights=3), offset="o"
    ),
    "generic, ragged, weights": lambda: problem(Sizes(n=90, slots=5, generic=7, absent=0.3, weights=3)),
    "offset": lambda: problem(Sizes(absent=0.2, case=1), offset="o"),
    "zone": lambda: problem(Sizes(slots=5, generic=0, zone=3)),
    "zone and generic": lambda: problem(Sizes(slots=5, generic=2, zone=2)),
    "constants alone": lambda: bound(choice_data(frame(Sizes(n=50))), "chosen ~ 0 | 1"),
    "case-specific": lambda: problem(Sizes(slots=5, generic=0, case=3, absent=0.2)),
    "mixed": lambda: problem(MIXED),
    "mixed, one weight": lambda: problem(replace(MIXED, weights=1)),
    "sampling weights": _sampling_weights,
    "seventy alternatives": lambda: problem(WIDE),
    "seventy alternatives, ragged": lambda: problem(replace(WIDE, absent=0.8)),
    "pooled slots": _sampled,
    "nested": lambda: problem(Sizes(slots=5), NESTS),
    "nested, zone, common": lambda: problem(Sizes(slots=5, zone=1), NESTS, lambdas="common"),
    "nested, offset, not normalised": lambda: problem(Sizes(slots=5), NESTS, offset="o", normalisation="none"),
    "deep, generic": lambda: problem(Sizes(n=90, slots=6, generic=5), DEEP),
    "deep, mixed": lambda: problem(MIXED, DEEP),
    "deep, mixed, not normalised": lambda: problem(MIXED, DEEP, normalisation="none"),
    "deeper": lambda: problem(Sizes(n=61, slots=7, generic=6, case=1, absent=0.1), DEEPER),
    "deeper, ties": lambda: problem(
        Sizes(n=61, slots=7), DEEPER, equal=[["x0", "x1"], ["lambda:u", "lambda:v"]], fixed={"x2": 0.5}
    ),
}


@cache
def made(name: str) -> Problem:
    """A problem of the registry."""
    return PROBLEMS[name]()


def point(of: Problem, seed: int = 0, spread: float = 0.2) -> Floats:
    """(q,) free parameters, lambdas between 0.3 and 0.9."""
    rng = np.random.default_rng(seed)
    x = spread * rng.normal(size=of.space.matrix.shape[1])
    lambdas = np.abs(of.space.matrix[of.n_coef :]).sum(axis=0) > 0
    x[lambdas] = rng.uniform(0.3, 0.9, int(lambdas.sum()))
    return x


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Everything of one evaluation, by name."""

    value: Floats
    gradient: Floats
    hessian: Floats
    opg: Floats
    opg_squared: Floats
    loglik_by_case: Floats


def values(of: Problem, x: Floats, level: str, threads: int = 2) -> Values:
    """An evaluation on one of the levels."""
    with fused.held(level=level, n_threads=threads):
        at = of.evaluate(x)
        return Values(np.array(at.value), at.gradient, at.hessian, at.opg, at.opg_squared, of.loglik_by_case(x))


def distances(ours: Values, reference: Values) -> dict[str, float]:
    """Largest difference of each part, relative to the reference's largest entry."""
    out = {}
    for one in fields(Values):
        left, right = getattr(ours, one.name), getattr(reference, one.name)
        top = np.abs(right).max(initial=0.0)
        out[one.name] = float(np.abs(left - right).max(initial=0.0) / (top or 1.0))
    return out


def serves(of: Problem) -> bool:
    """Whether the core takes the problem."""
    return of._fused is not None
