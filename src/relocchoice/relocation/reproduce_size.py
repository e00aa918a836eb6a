"""Relocations out of the province by the firm's size (Table 5) against the firms of Table 2: rates and rate ratios.

With m_c relocations of n_c firms in class c, m_c ~ Poisson(n_c exp(a + b_c)), b = 0 in the smallest class; exp(b_c) is
the rate ratio. Given their sum, the m_c are a multinomial logit of the class with offset log n_c and constants b_c, so
that both likelihoods have one maximum and one curvature in b (Baker 1994, The Statistician 43, 495-504).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.inference.tails import chi2_tail, normal_quantile, two_sided
from relocchoice.models import MultinomialLogit
from relocchoice.relocation import seed_notes
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.sources import seed_table
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

ASSETS = "asset value, million yuan"
COVERED = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class SizeRates:
    """Rates by size class, C classes from the smallest.

    Attributes
    ----------
    table : index the classes of Table 5; columns ``firms``, ``relocations``, ``rate`` (a firm), ``ratio`` to the
        smallest class, ``lower``, ``upper`` (95 % interval of the ratio), ``pvalue`` (of ratio = 1); NaN in the first
        row where a figure makes no sense.
    log_ratio, error : (C - 1,) Poisson coefficients and standard errors.
    lr_statistic, lr_df, lr_pvalue : likelihood-ratio test of equal rates.
    llf : Poisson log-likelihood, with its factorials.
    """

    table: pd.DataFrame
    log_ratio: np.ndarray
    error: np.ndarray
    lr_statistic: float
    lr_df: int
    lr_pvalue: float
    llf: float


def size_counts() -> pd.DataFrame:
    """Relocations of Table 5 and firms of Table 2, classes in order of size; index the labels of Table 5."""
    moves, firms = seed_table(5), seed_table(2)
    firms = firms[firms["block"] == ASSETS]
    return pd.DataFrame(
        {"firms": firms["count"].to_numpy(), "relocations": moves["count"].to_numpy()},
        index=pd.Index(moves["assets"], name="assets"),
    )


def size_rates() -> SizeRates:
    """Poisson regression of the relocations on the class, exposure the firms."""
    counts = size_counts()
    dummies = np.eye(len(counts))
    dummies[:, 0] = 1.0
    fitted, equal = (_poisson(counts, design) for design in (dummies, dummies[:, :1]))
    log_ratio, error = np.asarray(fitted.params)[1:], np.asarray(fitted.bse)[1:]
    half = normal_quantile((1 - COVERED) / 2) * error
    rate = counts["relocations"] / counts["firms"]
    table = counts.assign(
        rate=rate,
        ratio=np.exp([0.0, *log_ratio]),
        lower=[np.nan, *np.exp(log_ratio - half)],
        upper=[np.nan, *np.exp(log_ratio + half)],
        pvalue=[np.nan, *two_sided(log_ratio / error)],
    )
    statistic, df = 2.0 * (fitted.llf - equal.llf), len(counts) - 1
    return SizeRates(table, log_ratio, error, statistic, df, chi2_tail(statistic, df), float(fitted.llf))


def _poisson(counts: pd.DataFrame, design: np.ndarray) -> Any:
    # statsmodels is slow to import, and only this table needs it
    from statsmodels.discrete.discrete_model import Poisson
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    relocations, firms = (counts[name].to_numpy(dtype=float) for name in ("relocations", "firms"))
    with warnings.catch_warnings():
        # with one parameter a class the fit is perfect, as it should be
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return Poisson(relocations, design, exposure=firms).fit(method="newton", disp=0)


def size_choice() -> ChoiceResults:
    """The same ratios as a multinomial logit: from which class a relocation comes, with offset log(firms)."""
    counts = size_counts().reset_index()
    counts["firms"] = counts["firms"].astype(float)
    order = list(counts["assets"])
    data = ChoiceData.from_counts(
        counts.assign(assets=pd.Categorical(counts["assets"], order), survey="2003"),
        count="relocations",
        alternative="assets",
        cell="survey",
    )
    return MultinomialLogit("assets ~ 0 | 1", base=order[0], offset="log(firms)").fit(data)


def size(folder: Folder = None) -> Reproduction:
    """Table 5 against Table 2; ``folder`` is not needed."""
    rates, choice = size_rates(), size_choice()
    return Reproduction(
        name="size",
        title="Interprovincial relocations by size (Table 5) against the firms of Table 2",
        tables={"size": _table(rates, choice)},
        findings={
            "classes": rates.table.reset_index().to_dict("records"),
            "log_rate_ratios": list(rates.log_ratio),
            "standard_errors": list(rates.error),
            "lr_equal_rates": {"statistic": rates.lr_statistic, "df": rates.lr_df, "pvalue": rates.lr_pvalue},
            "choice_model": {"params": choice.params.to_dict(), "bse": choice.bse.to_dict()},
        },
    )


def _table(rates: SizeRates, choice: ChoiceResults) -> Table:
    rows = [
        (
            str(label),
            numbers.count(row["firms"]),
            numbers.count(row["relocations"]),
            numbers.decimals(row["rate"], 4),
            numbers.decimals(row["ratio"], 2),
            *(_or_blank(row[end], 2) for end in ("lower", "upper")),
            "" if np.isnan(row["pvalue"]) else numbers.pvalue(row["pvalue"]),
        )
        for label, row in rates.table.iterrows()
    ]
    return Table(
        title="Interprovincial relocations by the firm's assets (Table 5) against the firms of Table 2",
        columns=(
            "Assets, million yuan",
            "firms",
            "relocations",
            "rate a firm",
            "rate ratio",
            f"[{(1 - COVERED) / 2:g}",
            f"{(1 + COVERED) / 2:g}]",
            "P>|z|",
        ),
        rows=tuple(rows),
        header=(("Model", "Poisson, exposure: firms"), ("Base class", str(rates.table.index[0]))),
        notes=(*_notes(rates, choice), *_notes_of_print()),
    )


def _or_blank(value: float, places: int) -> str:
    return "" if np.isnan(value) else numbers.decimals(value, places)


def _notes(rates: SizeRates, choice: ChoiceResults) -> tuple[str, ...]:
    gaps = [
        np.abs(choice.params.to_numpy() - rates.log_ratio).max(),
        np.abs(choice.bse.to_numpy() - rates.error).max(),
    ]
    probability = numbers.pvalue(rates.lr_pvalue)
    equation = f"p {probability}" if probability.startswith("<") else f"p = {probability}"
    agree = "to rounding error" if max(gaps) < 1e-8 else f"to {max(gaps):.1e}"
    return (
        "Intervals and p-values (of ratio = 1) are Wald's, on the log scale.",
        f"Equal rates: G = {rates.lr_statistic:.3f} on {rates.lr_df} degrees of freedom, {equation}.",
        "The same as a choice model: a multinomial logit of the class a relocation comes from, with offset log(firms), "
        f"has the logs of these ratios as constants, with the same standard errors ({agree}).",
        "Table 5 counts relocations, not firms: one firm may move more than once, so the rate is no probability, and "
        "the intervals rest on independent moves.",
    )


def _notes_of_print() -> tuple[str, ...]:
    """What the seed tables' own notes say on the definitions and on the wording of the classes."""
    notes = seed_notes.notes_of_table_5()
    return notes[0], notes[-1]
