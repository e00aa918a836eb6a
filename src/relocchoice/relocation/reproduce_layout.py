"""Pieces of tables that several reproductions share: log-likelihoods in steps, and coefficients as a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from relocchoice.inference.tails import chi2_tail
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

Row = tuple[str, ...]
STEP_COLUMNS = ("Model", "parameters", "infinite", "log-likelihood", "G", "df", "p")


@dataclass(frozen=True, slots=True)
class Step:
    """One model in a sequence, each of which contains the one before it.

    Attributes
    ----------
    label : the row's label.
    parameters : how many are estimated.
    llf : log-likelihood.
    infinite : how many of the parameters run to infinity.
    """

    label: str
    parameters: int
    llf: float
    infinite: int = 0

    @classmethod
    def of(cls, label: str, fit: ChoiceResults) -> Step:
        """The step of a fit."""
        return cls(label, fit.df_model, fit.llf, len(fit.identification.infinite))


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A likelihood-ratio test: statistic, degrees of freedom, p-value of chi-squared."""

    statistic: float
    df: int
    pvalue: float


def likelihood_ratio(small: Step, large: Step) -> LikelihoodRatio:
    """G = 2 (L of the large model - L of the small one), with the difference of their numbers of parameters."""
    statistic, df = 2.0 * (large.llf - small.llf), large.parameters - small.parameters
    return LikelihoodRatio(statistic, df, chi2_tail(statistic, df))


def step_rows(steps: Sequence[Step]) -> list[Row]:
    """A row a step in the columns of :data:`STEP_COLUMNS`; G against the row above."""
    rows = [(*_step_cells(steps[0]), "", "", "")]
    for small, large in pairwise(steps):
        test = likelihood_ratio(small, large)
        rows.append(
            (*_step_cells(large), numbers.decimals(test.statistic, 3), str(test.df), numbers.pvalue(test.pvalue))
        )
    return rows


def _step_cells(step: Step) -> Row:
    return step.label, str(step.parameters), str(step.infinite) if step.infinite else "", loglik(step.llf)


def loglik(value: float) -> str:
    """A log-likelihood with four decimals."""
    return numbers.decimals(value, 4)


@dataclass(frozen=True, slots=True)
class Effect:
    """One column of a matrix of coefficients.

    Attributes
    ----------
    head : of the column.
    fit : where the coefficients come from.
    name : of the parameters, with ``{}`` in place of the alternative.
    """

    head: str
    fit: ChoiceResults
    name: str

    def status(self, alternative: str) -> str:
        """The parameter's status (``"free"``, ``"fixed"``, ``"infinite"``, ...)."""
        return str(self.fit.parameters.at[self.name.format(alternative), "status"])

    def infinite(self, alternatives: Iterable[str]) -> list[str]:
        """Those of the alternatives whose coefficient runs to infinity."""
        return [label for label in alternatives if self.status(label) == "infinite"]


def effect_rows(alternatives: Iterable[str], effects: Sequence[Effect], fixed: str = "fixed") -> list[Row]:
    """A row an alternative with the coefficients to three decimals, and one beneath with the standard errors.

    Parameters
    ----------
    alternatives : without the base.
    effects : the columns.
    fixed : what to write for a coefficient that is held at a value.
    """
    rows: list[Row] = []
    for label in alternatives:
        rows.append((label, *(_estimate(effect, label, fixed) for effect in effects)))
        beneath = tuple(_error(effect, label) for effect in effects)
        if any(beneath):
            rows.append(("", *beneath))
    return rows


def _estimate(effect: Effect, alternative: str, fixed: str) -> str:
    status = effect.status(alternative)
    if status == "fixed":
        return fixed
    if status == "flat":
        return "not identified"
    return numbers.decimals(float(effect.fit.params[effect.name.format(alternative)]), 3)


def _error(effect: Effect, alternative: str) -> str:
    error = float(effect.fit.bse[effect.name.format(alternative)])
    return f"({numbers.decimals(error, 3)})" if error > 0 else ""


def never(subject: str, choices: float, alternatives: Sequence[str]) -> str:
    """The sentence that names empty cells, e.g. ``"R&D (3 choices) never Hangzhou or Beijing"``."""
    *first, last = alternatives
    named = f"{', '.join(first)} or {last}" if first else last
    return f"{subject} ({numbers.count(choices)} choices) never {named}"


def without_rows(table: Table, labels: Iterable[str]) -> Table:
    """The table without the body rows of these labels."""
    dropped = set(labels)
    return replace(table, rows=tuple(row for row in table.rows if len(row) == 1 or row[0] not in dropped))
