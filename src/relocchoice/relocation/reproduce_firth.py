"""Maximum likelihood beside Firth's penalised likelihood: what the reproductions of separated tables share.

Firth (1993, Biometrika 80, 27-38) maximises log-likelihood + 1/2 log det of the information, which is finite where
choices are separated; intervals and tests by the penalised likelihood ratio (Heinze & Schemper 2002, Statistics in
Medicine 21, 2409-2419).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.inference.hypotheses import TestResult
from relocchoice.models import MultinomialLogit
from relocchoice.relocation.reproduce_layout import Effect, Row, loglik
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults

COVERED = 0.95
PENALISED = (
    "Firth: maximum of the log-likelihood + 1/2 log det of the information (Jeffreys prior); standard errors from the "
    "inverse of the log-likelihood's negative Hessian there."
)
BY_PROFILE = f"Intervals: {COVERED:.0%}, by the profile of the penalised likelihood, not estimate -/+ 1.96 errors."


@dataclass(frozen=True, slots=True, eq=False)
class FirthPair:
    """One model by maximum likelihood and by Firth's penalised likelihood; p parameters.

    Attributes
    ----------
    ml, firth : the two fits, on the same data.
    intervals : (p, 2) ends of the 95 % penalised profile-likelihood intervals; None where they were not asked for.
    """

    ml: ChoiceResults
    firth: ChoiceResults
    intervals: pd.DataFrame | None


def firth_pair(model: MultinomialLogit, data: ChoiceData, *, intervals: bool) -> FirthPair:
    """Fit a model both ways, with profile intervals of the penalised fit or without."""
    firth = model.fit(data, penalty="firth")
    return FirthPair(model.fit(data), firth, firth.profile_conf_int(1 - COVERED) if intervals else None)


def firth_columns(pair: FirthPair, head: str) -> tuple[str, ...]:
    """Column heads, the first of them given."""
    tails = () if pair.intervals is None else (f"[{(1 - COVERED) / 2:g}", f"{(1 + COVERED) / 2:g}]")
    return (head, "maximum likelihood", "s.e.", "Firth", "s.e.", *tails)


def firth_rows(pair: FirthPair, alternatives: Sequence[str], effects: Mapping[str, str]) -> list[Row]:
    """A section an effect and in it a row an alternative.

    Parameters
    ----------
    alternatives : without the base.
    effects : head of the section -> name of its parameters, with ``{}`` in place of the alternative.
    """
    rows: list[Row] = []
    for head, name in effects.items():
        rows.append((head,))
        rows += [(label, *_cells(pair, Effect(head, pair.ml, name), label)) for label in alternatives]
    return rows


def _cells(pair: FirthPair, effect: Effect, alternative: str) -> Row:
    name = effect.name.format(alternative)
    flat = effect.status(alternative) == "flat"
    estimate = "not identified" if flat else numbers.decimals(float(pair.ml.params[name]), 3)
    error = float(pair.ml.bse[name])
    ends = () if pair.intervals is None else np.asarray(pair.intervals.loc[name], dtype=float).tolist()
    firth = (float(pair.firth.params[name]), float(pair.firth.bse[name]), *ends)
    shown = numbers.decimals(error, 3) if error > 0 else ""
    return estimate, shown, *(numbers.decimals(value, 3) for value in firth)


def firth_header(pair: FirthPair) -> tuple[tuple[str, str], ...]:
    """The three log-likelihoods."""
    assert pair.firth.llf_penalised is not None
    return (
        ("Log-likelihood, maximum", loglik(pair.ml.llf)),
        ("Log-likelihood, Firth", loglik(pair.firth.llf)),
        ("Penalised log-likelihood", loglik(pair.firth.llf_penalised)),
    )


def firth_notes(pair: FirthPair) -> tuple[str, ...]:
    """What the columns are, and the certificate's sentences on what has no finite maximum."""
    held = pair.ml.identification
    notes = [PENALISED] if pair.intervals is None else [PENALISED, BY_PROFILE]
    if held.cells:
        notes.append(
            f"Maximum likelihood has no finite maximum ({held.separation} separation): {held.verdict}; its "
            f"log-likelihood and its other estimates are limits. The separated cells: {'; '.join(held.cells)}."
        )
    if held.flat:
        notes.append(
            "not identified: the difference of two log-odds that run to the same infinity, which the data leave open."
        )
    return tuple(notes)


def largest_error_note(pair: FirthPair, reasons: Mapping[str, str]) -> str:
    """The sentence on the largest standard error.

    Parameters
    ----------
    reasons : beginning of a parameter's name -> why its standard error is large.
    """
    errors = pair.firth.bse
    worst = str(errors.idxmax())
    why = next(told for start, told in reasons.items() if worst.startswith(start))
    return f"The largest standard error of Firth's estimates is {errors[worst]:.2f} ({worst}): {why}."


def lr_test_of(pair: FirthPair, start: str) -> TestResult:
    """Penalised likelihood-ratio test that all parameters whose name begins so are zero."""
    return pair.firth.lr_test(names_of(pair.firth, start))


def test_in_words(test: TestResult) -> str:
    """A test as text, ``"15.267 on 8 degrees of freedom, p = 0.054"``."""
    probability = numbers.pvalue(test.pvalue)
    equation = probability if probability.startswith("<") else f"= {probability}"
    return f"{test.statistic:.3f} on {test.df} degrees of freedom, p {equation}"


def firth_findings(pair: FirthPair, test: TestResult | None = None) -> dict[str, Any]:
    """Both fits in full precision."""
    ml, firth = pair.ml, pair.firth
    found: dict[str, Any] = {
        "nobs": firth.nobs,
        "llf_maximum": ml.llf,
        "llf": firth.llf,
        "llf_penalised": firth.llf_penalised,
        "params": firth.params.to_dict(),
        "bse": firth.bse.to_dict(),
        "largest_bse": float(firth.bse.max()),
        "params_maximum_likelihood": ml.params.to_dict(),
        "status_maximum_likelihood": ml.parameters["status"].to_dict(),
        "separation": ml.identification.separation,
        "separated_cells": list(ml.identification.cells),
    }
    if pair.intervals is not None:
        ends = {str(name): [float(lower), float(upper)] for name, lower, upper in pair.intervals.itertuples()}
        found["profile_intervals"] = ends
    if test is not None:
        found["lr_test"] = {"statistic": test.statistic, "df": test.df, "pvalue": test.pvalue}
    return found


def names_of(fit: ChoiceResults, start: str) -> list[str]:
    """Parameters whose name begins so."""
    return [str(name) for name in fit.params.index if str(name).startswith(start)]
