"""The table of two steps beside full information."""

from __future__ import annotations

import math

import pandas as pd

from relocchoice.data.provenance import begun
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

DIGITS = 5


def two_step_table(
    estimates: pd.DataFrame, lower: ChoiceResults, upper: ChoiceResults, full: ChoiceResults, notes: tuple[str, ...]
) -> Table:
    """One row a parameter: two steps with both standard errors, then full information."""
    rows = []
    for name, row in estimates.iterrows():
        fixed = row["step"] == "fixed"
        told = math.isfinite(row["full_bse"])
        rows.append(
            (
                str(name),
                str(row["step"]),
                _figure(row["two_step"]),
                "fixed" if fixed else _figure(row["bse"]),
                "" if fixed else _figure(row["bse_naive"]),
                _figure(row["full"]),
                _figure(row["full_bse"]) if told else "fixed",
            )
        )
    return Table(
        title=begun(full.provenance, f"Nested logit in two steps and by full information: {full.spec.formula_text}"),
        columns=("", "step", "two steps", "s.e.", "s.e., naive", "full information", "s.e."),
        rows=tuple(rows),
        header=(
            ("Cases", numbers.count(full.n_cases)),
            ("LL, first step", numbers.likelihood(lower.llf)),
            ("LL, second step", numbers.likelihood(upper.llf)),
            ("LL, two steps", numbers.likelihood(lower.llf + upper.llf)),
            ("LL, full information", numbers.likelihood(full.llf)),
        ),
        notes=(
            *notes,
            "Naive errors take the inclusive value as known and the steps as independent.",
            f"Full-information errors: {full.covariance.kind}.",
            "Estimates in units of the utility, P(j|m) ~ exp(V_j / lambda_m).",
        ),
    )


def _figure(value: float) -> str:
    return numbers.significant(value, DIGITS)
