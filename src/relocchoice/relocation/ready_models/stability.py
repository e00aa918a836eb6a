"""Are the parameters the same in both rounds of restructuring? Pooled against split, and each parameter by itself.

Likelihood ratio 2 (sum_r L_r - L_pooled), chi-squared with (sum of the rounds' free parameters) - (pooled ones) degrees
of freedom, as Chow's test for least squares (Chow 1960, Econometrica 28, 591-605; for choices Ben-Akiva & Lerman 1985,
section 7.5). By parameter, (t_1 - t_2)^2 / var(t_1 - t_2), whose covariance counts clusters that span both rounds.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.provenance import begun, said
from relocchoice.errors import ConvergenceWarning, DataError, FindingsError, IdentificationError, OptionError
from relocchoice.inference.hypotheses import TestResult
from relocchoice.inference.pooling import holm
from relocchoice.inference.tails import chi2_tail
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation.ready_models.stacked_scores import influence
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

ROUNDS = ("1990s", "2000-2003")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stability:
    """Pooled against split estimates of two rounds.

    Attributes
    ----------
    pooled : fit on both rounds; first, second : on each.
    rounds : their labels.
    likelihood_ratio : that all parameters are equal.
    wald : the same by Wald's statistic, over the parameters that both rounds identify.
    parameters : one row a parameter: ``first``, ``second``, ``bse_first``, ``bse_second``, ``difference``,
        ``bse_difference``, ``wald`` (chi-squared with one degree of freedom), ``pvalue``, ``holm`` (allowing for the
        number of parameters), ``note`` (why there is no test; else empty).
    words : on what the errors rest.
    """

    pooled: ChoiceResults
    first: ChoiceResults
    second: ChoiceResults
    rounds: tuple[str, str]
    likelihood_ratio: TestResult
    wald: TestResult
    parameters: pd.DataFrame
    words: str

    @property
    def provenance(self) -> str:
        """Where the data come from, where nobody observed them."""
        return self.pooled.provenance

    def summary(self) -> Summary:
        """The rounds side by side with the tests."""
        return Summary(_table(self))

    def __repr__(self) -> str:
        return str(self.summary())


setattr(Stability, "parameters", CopiedFrame(vars(Stability)["parameters"]))  # noqa: B010


def stability(
    model: MultinomialLogit | NestedLogit,
    data: ChoiceData,
    *,
    by: str = "period",
    rounds: Sequence[Hashable] = ROUNDS,
    groups: Any = None,
    **options: Any,
) -> Stability:
    """Estimate a model on two rounds together and apart.

    Parameters
    ----------
    model : without terms that are constant within a round, such as the round's own dummy.
    data : the choices; cases of other rounds are left out.
    by : column with one value a case that tells the rounds.
    rounds : the two labels.
    groups : clusters that may span both rounds, e.g. ``"firm"``: a column's name. None: cases are independent. The
        likelihood ratio takes cases as independent in any event.
    options : of the three fits.

    Raises
    ------
    OptionError : not two different rounds. DataError : a round without cases, sampling weights.
    SpecificationError, IdentificationError : a term is constant in a round, or its data cannot tell the coefficients
        apart; names the round.

    Notes
    -----
    A lambda that one round does not identify (its nest had one open place then) costs no degree of freedom there and
    has no test of its own.
    """
    labels = _checked(rounds)
    if data.weight_kind in PROBABILITY_WEIGHTS:
        raise DataError(f"{data.weight_kind} weights make a pseudo-likelihood, which has no likelihood-ratio test")
    at = data.case_frame([by])[by].astype(object).to_numpy()
    masks = [at == label for label in rounds]
    for label, mask in zip(labels, masks, strict=True):
        if not mask.any():
            raise DataError(f"column {by!r}: no case has the value {label!r}; values: {list(pd.unique(at))}")
    parts = [data.select(mask) for mask in masks]
    both = data.select(masks[0] | masks[1])
    with warnings.catch_warnings():
        # a lambda that a round does not identify is said in its row
        warnings.simplefilter("ignore", ConvergenceWarning)
        pooled = model.fit(both, **options)
        fits = [_fit(model, part, label, options) for part, label in zip(parts, labels, strict=True)]
    for fit, label in ((pooled, "both rounds"), (fits[0], labels[0]), (fits[1], labels[1])):
        if fit.identification.infinite or not (fit.converged or fit.identification.flat):
            raise IdentificationError(f"{label}: the fit is no finite maximum: {fit.status_message}")
    covariance, words = _covariance(fits, parts, groups)
    table, wald = _by_parameter(fits, covariance)
    return Stability(pooled, fits[0], fits[1], labels, said(_ratio(pooled, fits), data), said(wald, data), table, words)


def _checked(rounds: object) -> tuple[str, str]:
    if isinstance(rounds, str) or not isinstance(rounds, Sequence) or len(rounds) != 2 or rounds[0] == rounds[1]:
        raise OptionError.of("rounds", rounds, "two different labels")
    return str(rounds[0]), str(rounds[1])


def _fit(model: MultinomialLogit | NestedLogit, data: ChoiceData, label: str, options: dict[str, Any]) -> ChoiceResults:
    try:
        return model.fit(data, **options)
    except FindingsError as error:
        raise type(error)(f"round {label!r} alone: {error}") from None


def _ratio(pooled: ChoiceResults, fits: Sequence[ChoiceResults]) -> TestResult:
    null = "all parameters are the same in both rounds"
    statistic = 2.0 * (sum(fit.llf for fit in fits) - pooled.llf)
    df = sum(fit.df_model for fit in fits) - pooled.df_model
    if df < 1:
        return TestResult(float("nan"), 0, float("nan"), null, "", "the rounds have no parameter in common")
    return TestResult(statistic, df, chi2_tail(statistic, df), null, f"chi2({df})")


def _covariance(fits: Sequence[ChoiceResults], parts: Sequence[ChoiceData], groups: Any) -> tuple[Floats, str]:
    """(2p, 2p) of both rounds' estimates, NaN where a parameter has no error."""
    p = len(fits[0].params)
    held = np.concatenate([fit.bse.isna().to_numpy() for fit in fits])
    out = np.zeros((2 * p, 2 * p))
    if groups is None:
        for k, fit in enumerate(fits):
            out[k * p : (k + 1) * p, k * p : (k + 1) * p] = fit.cov_params().fillna(0.0).to_numpy()
        words = "Errors: inverse of the negative Hessian of each round, rounds independent."
    else:
        labels = [part.row_frame([groups])[groups].to_numpy()[part.offsets[:-1]] for part in parts]
        codes, found = pd.factorize(np.concatenate(labels))
        stacked = np.zeros((len(codes), 2 * p))
        cut = len(labels[0])
        stacked[:cut, :p], stacked[cut:, p:] = (np.nan_to_num(influence(fit).by_case) for fit in fits)
        summed = np.stack([np.bincount(codes, weights=column, minlength=len(found)) for column in stacked.T], axis=1)
        out = len(found) / (len(found) - 1) * summed.T @ summed
        words = f"Errors: stacked scores, clustered by {groups} across rounds ({len(found):,} clusters)."
    out[held], out[:, held] = np.nan, np.nan
    return out, words


def _by_parameter(fits: Sequence[ChoiceResults], covariance: Floats) -> tuple[pd.DataFrame, TestResult]:
    p = len(fits[0].params)
    theta = [fit.params.where(fit.parameters["status"] != "flat").to_numpy(dtype=float) for fit in fits]
    variance = np.diag(covariance)
    cross = np.diag(covariance[:p, p:])
    spread = variance[:p] + variance[p:] - 2.0 * cross
    usable = np.isfinite(spread) & (np.nan_to_num(spread) > 0)
    gap = np.where(usable, theta[0] - theta[1], np.nan)
    error = np.sqrt(np.where(usable, spread, np.nan))
    statistic = (gap / error) ** 2
    pvalue = np.array([chi2_tail(value, 1) if ok else np.nan for value, ok in zip(statistic, usable, strict=True)])
    table = pd.DataFrame(
        {
            "first": theta[0],
            "second": theta[1],
            "bse_first": np.sqrt(variance[:p]),
            "bse_second": np.sqrt(variance[p:]),
            "difference": gap,
            "bse_difference": error,
            "wald": statistic,
            "pvalue": pvalue,
            "holm": holm(pvalue),
            "note": [_note(str(name), fits) for name in fits[0].params.index],
        },
        index=fits[0].params.index,
    )
    null = "all parameters that both rounds identify are the same"
    if not usable.any():
        return table, TestResult(float("nan"), 0, float("nan"), null, "", "no parameter is identified in both rounds")
    both = np.flatnonzero(usable)
    joint = covariance[np.ix_(both, both)] + covariance[np.ix_(both + p, both + p)]
    joint = joint - covariance[np.ix_(both, both + p)] - covariance[np.ix_(both + p, both)]
    value = float(gap[both] @ np.linalg.solve(joint, gap[both]))
    return table, TestResult(value, len(both), chi2_tail(value, len(both)), null, f"chi2({len(both)})")


def _note(name: str, fits: Sequence[ChoiceResults]) -> str:
    states = [str(fit.parameters.loc[name, "status"]) for fit in fits]
    words = {"flat": "not identified", "infinite": "infinite", "fixed": "fixed", "dropped": "dropped"}
    told = [
        f"{words[s]} in the {which} round" for s, which in zip(states, ("first", "second"), strict=True) if s in words
    ]
    return "; ".join(told)


def _table(found: Stability) -> Table:
    rows = []
    for name, row in found.parameters.iterrows():
        if row["note"]:
            rows.append((str(name), *_side(row, "first"), *_side(row, "second"), "", str(row["note"]), ""))
            continue
        tests = (numbers.decimals(row["wald"], 3), numbers.pvalue(row["pvalue"]), numbers.pvalue(row["holm"]))
        rows.append((str(name), *_side(row, "first"), *_side(row, "second"), *tests))
    first, second = found.rounds
    return Table(
        title=begun(found.provenance, f"Parameters in two rounds: {first} and {second}"),
        columns=("", first, "s.e.", second, "s.e.", "Wald", "p", "p, Holm"),
        rows=tuple(rows),
        header=(
            (f"Cases, {first}", numbers.count(found.first.n_cases)),
            (f"Cases, {second}", numbers.count(found.second.n_cases)),
            ("LL, pooled", numbers.likelihood(found.pooled.llf)),
            ("LL, split", numbers.likelihood(found.first.llf + found.second.llf)),
        ),
        notes=(
            f"Likelihood ratio, {found.likelihood_ratio.sentence}.",
            f"Wald, {found.wald.sentence}.",
            found.words,
        ),
    )


def _side(row: Any, which: str) -> tuple[str, str]:
    known = bool(np.isfinite(row[f"bse_{which}"]))
    if not known:
        return "", ""
    return numbers.significant(row[which], 5), numbers.significant(row[f"bse_{which}"], 5)
