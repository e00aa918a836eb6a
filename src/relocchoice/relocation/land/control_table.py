"""The tables of a control function."""

from __future__ import annotations

from dataclasses import replace

from relocchoice.data.provenance import begun
from relocchoice.inference.hypotheses import TestResult
from relocchoice.relocation.land.first_stage import FirstStage
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.summary import summary_table
from relocchoice.results.table import Table


def control_table(fit: ChoiceResults, exogeneity: TestResult, residual: str, alpha: float) -> Table:
    """The utilities' estimates with the test of the residual."""
    table = summary_table(fit, alpha)
    notes = (
        f"Control function: {residual} is the residual of the price's first stage; standard errors count both steps.",
        f"{exogeneity.sentence}.",
        *table.notes,
    )
    return replace(table, notes=notes)


def first_stage_table(first: FirstStage, provenance: str = "") -> Table:
    """The first stage's coefficients; excluded instruments in a section of their own."""
    sections: dict[str, list[tuple[str, ...]]] = {"Exogenous": [], "Excluded instruments": []}
    for name, row in first.coefficients.iterrows():
        error = float(row["std_error"])
        sections["Excluded instruments" if row["excluded"] else "Exogenous"].append(
            (
                str(name),
                numbers.significant(float(row["estimate"]), scale=error),
                numbers.significant(error),
                numbers.decimals(float(row["z"]), 3),
                numbers.pvalue(float(row["pvalue"])),
            )
        )
    clustered = "" if first.n_clusters is None else f", clustered ({first.n_clusters} clusters)"
    return Table(
        title=begun(provenance, f"First stage: {first.price}"),
        columns=("", "estimate", "std. error", "z", "P>|z|"),
        rows=tuple(row for head, rows in sections.items() for row in [(head,), *rows]),
        header=(
            ("Markets", numbers.count(first.n_markets)),
            ("R-squared", numbers.decimals(first.rsquared, 4)),
            ("Partial R-squared", numbers.decimals(first.rsquared_partial, 4)),
            ("F, equal variances", numbers.decimals(first.f_plain, 2)),
            ("F, robust", numbers.decimals(first.f_robust, 2)),
            ("P>F, robust", numbers.pvalue(first.f_robust_pvalue)),
            ("Effective F", numbers.decimals(first.f_effective, 2)),
            ("Critical value", numbers.decimals(first.f_critical, 2)),
        ),
        notes=(
            f"Least squares, standard errors robust to unequal variances{clustered}, scaled by n / (n - k).",
            "Critical value of the effective F: 5 % level, bias of two-stage least squares above 10 % of the worst.",
            first.strength(),
        ),
    )
