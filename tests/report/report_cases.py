"""A small table of choices with a specification, for the tests of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SPEC = """
[data]
case = "move"
alternative = "place"
chosen = "chosen"

[[model]]
name = "plain"
formula = "chosen ~ price | size"
base = "metro"

[[model]]
name = "nests"
formula = "chosen ~ price"
base = "metro"
nests = { near = ["town", "county"], away = ["metro", "coast"] }
lambdas = "common"

[report]
title = "Where firms went"
effects = ["price", "size"]
elasticities = ["price"]
willingness_to_pay = { cost = "price", of = ["size:town"] }
hypotheses = ["price = 0"]
tests = ["no_nests", "hausman_mcfadden", "pooling", "adjusted_rho"]
plots = []
formats = ["latex", "text"]
"""


def moves(n: int = 150, seed: int = 7) -> pd.DataFrame:
    """Long table of simulated choices among four places."""
    rng = np.random.default_rng(seed)
    places = np.array(["coast", "county", "metro", "town"])
    price = rng.uniform(1, 3, (n, 4))
    size = rng.integers(1, 4, n)
    utility = -price + np.outer(size, [0.1, 0.3, 0.0, 0.5]) + rng.gumbel(size=(n, 4))
    chosen = np.zeros((n, 4), dtype=int)
    chosen[np.arange(n), utility.argmax(axis=1)] = 1
    return pd.DataFrame(
        {
            "move": np.repeat(np.arange(n), 4),
            "place": np.tile(places, n),
            "chosen": chosen.ravel(),
            "price": price.ravel(),
            "size": np.repeat(size, 4),
        }
    )


def written(folder: Path, spec: str = SPEC, table: pd.DataFrame | None = None) -> tuple[str, str]:
    """Paths of a specification and a table in a folder."""
    (folder / "spec.toml").write_text(spec, encoding="utf-8")
    (moves() if table is None else table).to_csv(folder / "moves.csv", index=False)
    return str(folder / "spec.toml"), str(folder / "moves.csv")
