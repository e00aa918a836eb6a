"""The table of a logit of shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relocchoice.data.provenance import begun
from relocchoice.results import numbers
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.relocation.land.berry import BerryResults

METHODS = {"2sls": "two-stage least squares", "gmm": "two-step GMM", "ols": "least squares, NOTHING INSTRUMENTED"}
WEAK = 10.0


def berry_table(results: BerryResults, alpha: float) -> Table:
    """Estimates with standard errors, tests and intervals; below, instruments and tests."""
    kind = "Multinomial" if results.model.nest is None else "Nested"
    title = f"{kind} logit of shares (Berry): {results.model.utilities}"
    ends = (f"[{numbers.plain(alpha / 2)}", f"{numbers.plain(1 - alpha / 2)}]")
    return Table(
        title=begun(results.provenance, title),
        columns=("", "estimate", "std. error", "z", "P>|z|", *ends),
        rows=_rows(results, alpha),
        header=(
            ("Shares", numbers.count(results.nobs)),
            ("Markets", numbers.count(results.n_markets)),
            ("Method", METHODS[results.method]),
            ("Covariance", results.covariance.kind),
            ("R-squared", numbers.decimals(results.rsquared, 4)),
            ("Instruments", results.model.instruments if results.method != "ols" else "none"),
        ),
        notes=_notes(results),
    )


def _rows(results: BerryResults, alpha: float) -> tuple[tuple[str, ...], ...]:
    figures = np.column_stack([results.params, results.bse, results.tvalues, results.pvalues, results.conf_int(alpha)])
    rows: list[tuple[str, ...]] = []
    section = ""
    for name, block, held in zip(results.parameters.index, results.parameters["block"], figures.tolist(), strict=True):
        if block != section:
            rows.append((str(block),))
            section = str(block)
        estimate, error, z, p, *ends = held
        shown = [numbers.significant(value, scale=error) for value in (estimate, *ends)]
        rows.append(
            (str(name), shown[0], numbers.significant(error), numbers.decimals(z, 3), numbers.pvalue(p), *shown[1:])
        )
    return tuple(rows)


def _notes(results: BerryResults) -> tuple[str, ...]:
    notes = [f"Standard errors: {results.covariance.description}."]
    if "sigma" in results.parameters.index:
        sigma = float(results.params["sigma"])
        notes.append(f"lambda = 1 - sigma = {numbers.significant(1 - sigma)}.")
        if not 0 <= sigma < 1:
            notes.append("sigma is outside [0, 1): no random utilities make these shares for all prices.")
    for stage in results.first_stages:
        if len(results.first_stages) == 1:
            notes.append(stage.strength())
            continue
        f = float(results.conditional_f[stage.price])
        weak = ": WEAK INSTRUMENTS, below 10" if not f >= WEAK else ""
        notes.append(
            f"First stage of {stage.price}: partial R2 {stage.rsquared_partial:.4f}, robust F {stage.f_robust:.2f}, "
            f"F given the other endogenous columns (equal variances) {f:.2f}{weak}."
        )
    notes += [f"{test.sentence}." for test in (results.overidentification, results.endogeneity) if test.applies]
    return (*notes, *results.notes)
