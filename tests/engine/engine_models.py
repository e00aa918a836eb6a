"""Models and data that the engine's laws run over."""

from __future__ import annotations

from functools import cache
from typing import get_args

import pandas as pd

import relocchoice as rc
from builders import LAMBDAS, NESTS, choice_data, choice_frame
from relocchoice.engine.reduce import SERIAL, THREADS, Engine
from relocchoice.spec.model import Lambdas, Normalisation

FORMULA = "chosen ~ cost + distance | assets | travel"
BY_HAND = rc.UtilitySpec(
    {
        "township": {},
        "county": {"asc_county": 1, "b_cost": "cost", "b_size": "size"},
        "metro": {"asc_metro": 1, "b_cost": "cost", "b_assets": "assets"},
        "coast": {"asc_coast": 1, "b_cost": "cost", "b_assets": "assets"},
        "interior": {"asc_interior": 1, "b_cost": "travel"},
    },
    everywhere={"b_distance": "distance"},
)


def _models() -> dict[str, rc.MultinomialLogit | rc.NestedLogit]:
    models: dict[str, rc.MultinomialLogit | rc.NestedLogit] = {
        "multinomial": rc.MultinomialLogit(FORMULA, base="township"),
        "multinomial by hand": rc.MultinomialLogit(BY_HAND),
        "multinomial of zones": rc.MultinomialLogit("chosen ~ cost + price | 0 + assets", base="metro"),
        "multinomial with an offset": rc.MultinomialLogit("chosen ~ distance | size", base="coast", offset="travel"),
        "multinomial with ties": rc.MultinomialLogit(
            FORMULA,
            base="coast",
            equal=[["travel:metro", "travel:coast"], ["cost", "assets:metro"]],
            fixed={"distance": 0.4},
        ),
        "nested by hand": rc.NestedLogit(BY_HAND, NESTS),
    }
    for normalisation in get_args(Normalisation):
        for lambdas in get_args(Lambdas):
            models[f"nested, {normalisation}, {lambdas}"] = rc.NestedLogit(
                FORMULA, NESTS, base="township", normalisation=normalisation, lambdas=lambdas
            )
    return models


MODELS = _models()
ENGINES: dict[str, Engine] = {"serial": SERIAL, "threads": THREADS}


@cache
def frame(n: int = 250, available: float = 0.8) -> pd.DataFrame:
    """Nested choices with ragged choice sets and a frequency column; do not change it."""
    out = choice_frame(n, 1, available=available, nests=NESTS, lambdas=LAMBDAS)
    return out.assign(count=1 + out["move"] % 3)


@cache
def data(n: int = 250, available: float = 0.8) -> rc.ChoiceData:
    """:func:`frame` as choices without weights."""
    return choice_data(frame(n, available))


@cache
def fitted(name: str) -> rc.ChoiceResults:
    """A model of the registry on :func:`data`."""
    fit = MODELS[name].fit(data())
    assert fit.converged, fit.status_message
    return fit
