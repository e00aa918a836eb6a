"""A claim of the literature as a value: what is said and where, which numbers carry it, what a test of them says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from relocchoice.data.provenance import begun
from relocchoice.errors import OptionError
from relocchoice.inference.hypotheses import TestResult
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

Basis = Literal["printed counts", "simulated firms"]
SURVEY_SEED = "Wei, Li & Wang (2007)"
LAMP_SEED = "Zhu, Wang, Li & Li (2009)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Claim:
    """One claim, tested.

    Attributes
    ----------
    key, title : short name and one line.
    claimed : what is said; where : source and passage.
    basis : what the test rests on: ``"printed counts"`` of the survey or ``"simulated firms"``, never both.
    figures : pairs (what, text) that carry the claim, as printed.
    values : the same figures in full precision, by short names.
    tests : pairs (name, test).
    verdict : what the tests say about the claim.
    limits : what these numbers cannot carry.
    provenance : where the data come from, where nobody observed them.
    """

    key: str
    title: str
    claimed: str
    where: str
    basis: Basis
    figures: tuple[tuple[str, str], ...]
    values: Mapping[str, float]
    tests: tuple[tuple[str, TestResult], ...]
    verdict: str
    limits: str
    provenance: str = ""

    def __post_init__(self) -> None:
        if (self.basis == "simulated firms") != bool(self.provenance):
            raise OptionError("a claim on simulated firms says where they come from, and only such a claim does")

    def summary(self) -> Summary:
        """Figures, tests and verdict as one table."""
        return Summary(_table(self))

    def __repr__(self) -> str:
        return str(self.summary())


def _table(claim: Claim) -> Table:
    rows: list[tuple[str, ...]] = [("Figures",), *claim.figures, ("Tests",)]
    rows += [(name, _said(test)) for name, test in claim.tests]
    return Table(
        title=begun(claim.provenance, claim.title),
        columns=("", claim.basis),
        rows=tuple(rows),
        notes=(
            f"Claimed: {claim.claimed} ({claim.where}).",
            *(f"H0 of {name}: {test.null}{_told(test)}." for name, test in claim.tests),
            f"Verdict: {claim.verdict}",
            f"What these numbers cannot carry: {claim.limits}",
        ),
    )


def _said(test: TestResult) -> str:
    if not test.applies:
        return test.message
    return f"{test.distribution} = {test.statistic:.4g}, {equation(test.pvalue)}"


def _told(test: TestResult) -> str:
    return f" ({test.message})" if test.message and test.applies else ""


def equation(pvalue: float) -> str:
    """``p = 0.0123``; what is below 0.0001 as a bound."""
    return "p < 0.0001" if pvalue < 1e-4 else f"p = {pvalue:.4f}"
