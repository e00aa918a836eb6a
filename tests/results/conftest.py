"""A fit made by hand, with labels that try to break every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from relocchoice.inference.covariance import Covariance
from relocchoice.inference.identification import Identification
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.spec.formula import Formula
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.nests import NestTree


@dataclass(frozen=True, slots=True)
class StubEncoding:
    """What tables need of an encoding; the real one is used where it is stored."""

    names: tuple[str, ...]
    base: Any = "township"


Row = tuple[str, float, float, str, str, str]

PLAIN_ROWS: tuple[Row, ...] = (
    ("Intercept:Shanghai", 1.25, 0.31, "free", "Constants", ""),
    ("Intercept:interior", -0.75, 0.4, "free", "Constants", ""),
    ("log(land_price)", -0.0421337, 0.0123456, "free", "Generic", ""),
    ("lambda:away", 0.62, 0.11, "free", "Dissimilarity (lambda)", ""),
)

HOSTILE_ROWS: tuple[Row, ...] = (
    ("Intercept:<script>alert(1)</script>", 1.25, 0.31, "free", "Constants", ""),
    ("Intercept:上海市 (Shanghai)", -12.5, 2.0, "free", "Constants", ""),
    ("Intercept:50%_of|A&B", np.inf, np.nan, "infinite", "Constants", ""),
    ("Intercept:two\nlines", 123456.789, 1000.5, "free", "Constants", ""),
    ("log(land_price)", -0.0421337, 0.0123456, "free", "Generic", ""),
    ("`x` {y} $z$ \\w ~ #1 ^2", 1e-7, 3e-8, "free", "Generic", ""),
    ("policy", 0.0, np.nan, "fixed", "Generic", ""),
    ("noise", -3e-18, 0.5, "free", "Generic", ""),
    ("[opens a bracket]", 0.5, 0.25, "free", "Case-specific", ""),
    (
        "a_very_long_name_for_a_variable_that_nobody_should_use:an_alternative_of_the_far_interior",
        -2.0,
        0.9,
        "free",
        "Case-specific",
        "",
    ),
    ("empty column", 0.0, np.nan, "flat", "Case-specific", ""),
    ("lambda:远方", 0.62, 0.11, "free", "Dissimilarity (lambda)", ""),
    ("lambda:near", 0.62, 0.11, "tied", "Dissimilarity (lambda)", "lambda:远方"),
    ("lambda:edge", 1.0, np.nan, "at bound", "Dissimilarity (lambda)", "the upper bound 1 holds it"),
)

MakeResults = Callable[..., ChoiceResults]


def build(rows: tuple[Row, ...] = PLAIN_ROWS, **changes: Any) -> ChoiceResults:
    names = [row[0] for row in rows]
    parameters = pd.DataFrame(
        {
            "estimate": [row[1] for row in rows],
            "status": [row[3] for row in rows],
            "block": [row[4] for row in rows],
            "note": [row[5] for row in rows],
        },
        index=pd.Index(names, name="parameter"),
    )
    errors = np.array([row[2] for row in rows])
    nests = {
        name.removeprefix("lambda:"): [f"in {name}", f"also in {name}"] for name in names if name.startswith("lambda:")
    }
    results = ChoiceResults(
        spec=ModelSpec(
            family="nested" if nests else "multinomial",
            specification=Formula("chosen ~ log(land_price) + policy | log(assets)"),
            nests=NestTree.from_dict(nests) if nests else None,
        ),
        encoding=StubEncoding(tuple(names)),
        parameters=parameters,
        covariance=Covariance("hessian", np.diag(errors**2), "inverse Hessian", None, 1.0),
        llf=-1728.5654321,
        llnull=-2222.25,
        llconstants=-1900.5,
        nobs=1000.0,
        n_cases=1000,
        n_alternatives=3,
        weight_kind=None,
        df_model=int((parameters["status"] == "free").sum()),
        converged=True,
        status_message="gradient below tolerance",
        identification=Identification(ok=True),
        trace=pd.DataFrame(
            {
                "iteration": [0, 1],
                "llf": [-2222.25, -1728.5654321],
                "gradient": [10.0, 1e-9],
                "step": [np.nan, 1.0],
                "seconds": [0.0, 0.25],
            }
        ),
        starts=None,
        seconds=0.5,
        notes=("3 cases without a choice were dropped.",),
    )
    return replace(results, **changes)


@pytest.fixture
def make_results() -> MakeResults:
    return build


@pytest.fixture
def multinomial(make_results: MakeResults) -> ChoiceResults:
    return make_results(PLAIN_ROWS[:3])


@pytest.fixture
def hostile(make_results: MakeResults) -> ChoiceResults:
    identification = Identification(
        ok=False,
        flat=("empty column",),
        infinite=(("Intercept:50%_of|A&B", 1),),
        cells=("No firm of the class <script> chose 'B & C'.",),
        verdict="1 parameter is flat and 1 runs off.",
        lambda_verdict="lambda:远方 lies in (0, 1]: in line with utility maximisation.",
    )
    covariance = Covariance(
        "cluster", np.diag([row[2] ** 2 for row in HOSTILE_ROWS]), "cluster-robust, 37 groups", 37, 37 / 36
    )
    return make_results(HOSTILE_ROWS, identification=identification, covariance=covariance, n_alternatives=5)
