"""Sections on the fits themselves: side by side, what the data can tell, observed against predicted, tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from relocchoice import plots
from relocchoice.errors import RelocChoiceError, SpecificationError
from relocchoice.inference.hypotheses import TestResult
from relocchoice.post.predictions import scores
from relocchoice.report.asked import Asked
from relocchoice.report.contents import Heading, Part, Sentence, Shown
from relocchoice.report.tables import calibration_frame, calibration_table, identification_table, tests_table
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.compare import compare
from relocchoice.results.iia import hausman_mcfadden, small_hsiao
from relocchoice.results.information_matrix import information_matrix_test
from relocchoice.results.nest_tests import equal_lambdas_test, no_nests_test, utility_maximisation_test
from relocchoice.results.nonnested import adjusted_rho_test, vuong_test
from relocchoice.results.pooling import pooling_table
from relocchoice.results.table import Table

MOST_PLOTTED = 40


def parameter_frame(fit: ChoiceResults) -> pd.DataFrame:
    """Estimates with errors, intervals and status, in full precision."""
    ends = fit.conf_int()
    return pd.DataFrame(
        {
            "estimate": fit.params,
            "std_error": fit.bse,
            "z": fit.tvalues,
            "p_value": fit.pvalues,
            "lower": ends[0],
            "upper": ends[1],
            "status": fit.parameters["status"],
        }
    )


def comparison(asked: Asked) -> list[Part]:
    """All fits in columns; their estimates in a plot."""
    parts: list[Part] = []
    fits, names = list(asked.fits.values()), list(asked.fits)
    labels = asked.report.get("labels", {})
    if len(fits) > 1:
        made = compare(*fits, names=names, stars=asked.report.get("stars", False), labels=labels)
        frames = {"estimates": made.estimates, "statistics": made.statistics}
        parts.append(Shown(made.table, "comparison", frames))
    n_parameters = len({name for fit in fits for name in fit.parameters.index})
    if "coefficients" in asked.plots and n_parameters <= MOST_PLOTTED:
        options = {"names": names, "labels": labels, "alpha": asked.sampling["alpha"]}
        parts += asked.drawn(
            plots.coefficients, *fits, caption="Estimates with intervals.", stem="coefficients", **options
        )
    return parts


def identification(asked: Asked) -> list[Part]:
    """Maximum, identification, separation, lambdas."""
    parts: list[Part] = [Shown(identification_table(asked.fits), "identification")]
    for name, fit in asked.fits.items():
        if "nest_tree" in asked.plots and fit.spec.nests is not None:
            parts += asked.drawn(plots.nest_tree, fit, caption=f"Nests of {name}.", stem=f"nests {name}")
    return parts


def calibration(asked: Asked) -> list[Part]:
    """Observed shares beside those that each model predicts, and scores of the predictions."""
    if any(fit.spec.family == "subset" for fit in asked.fits.values()) or asked.data.picked is not None:
        return [Sentence("Cases took several alternatives: there are no shares to compare.")]
    frames = {name: calibration_frame(fit, asked.data) for name, fit in asked.fits.items()}
    parts: list[Part] = [Shown(calibration_table(frames), "calibration", frames), Shown(_scores(asked), "scores")]
    for name, fit in asked.fits.items():
        if "calibration" in asked.plots:
            caption = f"{name}: observed shares against predicted probabilities, pairs of case and alternative in bins."
            parts += asked.drawn(plots.calibration, fit, by="probability", caption=caption, stem=f"calibration {name}")
    return parts


def _scores(asked: Asked) -> Table:
    found = {name: scores(fit) for name, fit in asked.fits.items()}
    rows = [
        (name, *(numbers.decimals(float(one[key]), 4) for key in ("log score", "Brier score", "hit rate")))
        for name, one in found.items()
    ]
    note = "In the sample; weighted means over the cases. Larger is better for the log score and the hit rate."
    return Table("Scores of the predictions", ("", "log score", "Brier score", "hit rate"), tuple(rows), notes=(note,))


def tests(asked: Asked) -> list[Part]:
    """Hypotheses by Wald's and the likelihood-ratio test, and the tests asked for by name."""
    readable, parts = _readable(asked)
    wanted = asked.report.get("tests", ())
    for name, fit in asked.fits.items():
        found = [*_hypotheses(fit, readable[name]), *_named(asked, fit, wanted)]
        if found:
            parts += [Heading(name), Shown(tests_table(f"Tests of {name}", found), f"tests {name}")]
        if "pooling" in wanted:
            parts += asked.tried(f"pooling of {name}", _pooling, name, fit)
    parts += _pairs(asked, wanted)
    return parts


def _hypotheses(fit: ChoiceResults, texts: Sequence[str]) -> list[tuple[str, TestResult]]:
    found: list[tuple[str, TestResult]] = []
    for text in texts:
        found.append(("Wald", fit.wald_test(text)))
        found.append(("likelihood ratio", _attempt(text, fit.lr_test, text)))
    return found


def _readable(asked: Asked) -> tuple[dict[str, list[str]], list[Part]]:
    """The hypotheses that each model's parameters can be held against; refusals of those that no model has."""
    of: dict[str, list[str]] = {name: [] for name in asked.fits}
    refusals: list[Part] = []
    for text in asked.report.get("hypotheses", ()):
        reasons: list[str] = []
        for name, fit in asked.fits.items():
            try:
                fit.wald_test(text)
            except SpecificationError as error:
                reasons.append(str(error))
            else:
                of[name].append(text)
        if len(reasons) == len(asked.fits):
            sentence = f"hypothesis {text!r} is of no model: {reasons[0]}"
            asked.failures.append(sentence)
            refusals.append(Sentence(sentence, "refused"))
    return of, refusals


def _attempt(null: str, test: Callable[..., TestResult], *arguments: Any, **options: Any) -> TestResult:
    """The test's outcome, or one that says why there is none."""
    try:
        return test(*arguments, **options)
    except RelocChoiceError as error:
        return TestResult(float("nan"), 0, float("nan"), null, "", f"does not apply: {error}")


def _named(asked: Asked, fit: ChoiceResults, wanted: Any) -> list[tuple[str, TestResult]]:
    seed = asked.sampling["seed"]
    nested = fit.spec.family == "nested"
    found: list[tuple[str, TestResult]] = []
    if nested and "no_nests" in wanted:
        found.append(("no nests, LR", _attempt("every lambda is 1", no_nests_test, fit, seed=seed)))
        found.append(("no nests, Wald", _attempt("every lambda is 1", no_nests_test, fit, "wald")))
    if nested and "equal_lambdas" in wanted:
        found.append(("equal lambdas, LR", _attempt("all lambdas are equal", equal_lambdas_test, fit)))
    if nested and "utility_maximisation" in wanted:
        null = "the lambdas agree with utility maximisation"
        found.append(("utility maximisation", _attempt(null, utility_maximisation_test, fit, seed=seed)))
    if "information_matrix" in wanted:
        found.append(("information matrix", _attempt("the model holds", information_matrix_test, fit)))
    for label in () if nested else asked.data.alternatives:
        null = f"the odds of the others do not depend on {label}"
        if "hausman_mcfadden" in wanted:
            found.append((f"Hausman-McFadden, without {label}", _attempt(null, hausman_mcfadden, fit, label)))
        if "small_hsiao" in wanted:
            found.append((f"Small-Hsiao, without {label}", _attempt(null, small_hsiao, fit, label, seed=seed)))
    return found


def _pooling(name: str, fit: ChoiceResults) -> list[Part]:
    frame = pooling_table(fit)
    rows = tuple(
        (" and ".join(map(str, pair)), *map(_figure, figures))
        for pair, *figures in zip(
            frame.index, *(frame[key] for key in ("statistic", "df", "pvalue", "holm")), strict=True
        )
    )
    messages = tuple(dict.fromkeys(str(text) for text in frame["message"] if text))
    title = f"{name}: pairs of alternatives with the same case-specific coefficients"
    heads = ("pair", "statistic", "df", "P", "P (Holm)")
    return [Shown(Table(title, heads, rows, notes=messages), f"pooling {name}", {"pooling": frame.reset_index()})]


def _figure(value: float) -> str:
    return "" if value != value else numbers.significant(float(value), 4)


def _pairs(asked: Asked, wanted: Any) -> list[Part]:
    """Tests of two models that do not hold each other."""
    found: list[tuple[str, TestResult]] = []
    for (one, first), (other, second) in combinations(asked.fits.items(), 2):
        if "vuong" in wanted:
            null = "both models are equally far from the truth"
            name = f"Vuong, {one} against {other}"
            found.append((name, _attempt(null, vuong_test, first, second)))
        if "adjusted_rho" in wanted:
            null = "the model of the smaller adjusted rho-squared is the true one"
            name = f"Ben-Akiva and Swait, {one} against {other}"
            found.append((name, _attempt(null, adjusted_rho_test, first, second)))
    return [Heading("Pairs of models"), Shown(tests_table("Pairs of models", found), "tests pairs")] if found else []
