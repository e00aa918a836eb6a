"""Japanese plants in European regions: the published columns, then the counts of plants that came before.

Head & Mayer (2004) explain a plant's region by its cost and market and by who is there already. To the published
columns (multinomial, nested with one lambda, two steps) two are added: the plants of the same industrial network
(``network``), and these with all Japanese plants of the industry (``japind``), as log(1 + n): most counts are zero, and
the second plant adds less than the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from relocchoice.inference.tails import chi2_tail
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation.published import nests_of, published_spec
from relocchoice.relocation.ready_models.two_step import TwoStepResults, two_step
from relocchoice.relocation.reproduce_published import published
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.sources import Missing
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

NAME = "japanese_fdi"
NETWORK, INDUSTRY = "log1p(network)", "log1p(japind)"
HEADS = ("(1) multinomial", "(2) nested", "(3) two steps", "(4) network", "(5) and industry")
Fits = Mapping[str, ChoiceResults]


def plants(name: str, title: str, folder: Folder = None) -> Reproduction:
    """The published models of Japanese plants, and five columns with the counts added.

    Parameters
    ----------
    name, title : of the reproduction.
    folder : where the data lie; see ``sources.published_frame``.
    """
    found = published(name, title, NAME, folder)
    columns = plant_fits(folder)
    if isinstance(columns, Missing):
        return found
    fits, steps = columns
    tables = {**found.tables, f"{name}_network": _table(fits, steps)}
    findings = {**found.findings, "network": _findings(fits, steps)}
    return Reproduction(name, title, tables, findings=findings, published=found.published)


def plant_fits(folder: Folder = None) -> tuple[Fits, TwoStepResults] | Missing:
    """Columns one, two, four and five by their heads, and column three; or why the data are not at hand."""
    spec = published_spec(NAME, "nl_common")
    data = spec.build(folder=folder)
    if isinstance(data, Missing):
        return data
    nests = nests_of(spec, data)
    assert nests is not None
    nested = NestedLogit(spec.formula, nests, lambdas="common")
    fits = {HEADS[0]: MultinomialLogit(spec.formula).fit(data), HEADS[1]: nested.fit(data)}
    for head, more in ((HEADS[3], NETWORK), (HEADS[4], f"{NETWORK} + {INDUSTRY}")):
        formula = spec.formula.replace(" | 0", f" + {more} | 0")
        fits[head] = NestedLogit(formula, nests, lambdas="common").fit(data)
    return fits, two_step(nested, data)


def _columns(fits: Fits, steps: TwoStepResults) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Head -> estimates and standard errors."""
    held = {head: (fit.params, fit.bse) for head, fit in fits.items()}
    held[HEADS[2]] = (steps.params, steps.bse)
    return {head: held[head] for head in HEADS}


def _tests(fits: Fits) -> dict[str, tuple[float, float]]:
    """What each added count does: statistic and p-value with one degree of freedom."""
    out = {}
    for small, large in ((HEADS[1], HEADS[3]), (HEADS[3], HEADS[4])):
        statistic = 2.0 * (fits[large].llf - fits[small].llf)
        out[f"{large} against {small}"] = (statistic, chi2_tail(statistic, 1))
    return out


def _table(fits: Fits, steps: TwoStepResults) -> Table:
    columns = _columns(fits, steps)
    rows: list[tuple[str, ...]] = []
    for parameter in map(str, fits[HEADS[4]].params.index):
        shown = [_pair(parameter, *column) for column in columns.values()]
        rows += [(parameter, *(pair[0] for pair in shown)), ("", *(pair[1] for pair in shown))]
    llf = [numbers.decimals(fits[head].llf, 3) if head in fits else "" for head in HEADS]
    rows += [("Fit",), ("Log-likelihood", *llf)]
    aic = [numbers.decimals(fits[head].aic, 3) if head in fits else "" for head in HEADS]
    rows.append(("AIC", *aic))
    tests = tuple(
        f"{words}: likelihood ratio {numbers.decimals(statistic, 3)}, p {numbers.pvalue(pvalue)}."
        for words, (statistic, pvalue) in _tests(fits).items()
    )
    return Table(
        title="Japanese plants in Europe: the published columns, and plants that came before",
        columns=("", *HEADS),
        rows=tuple(rows),
        header=(("Cases", numbers.count(fits[HEADS[0]].n_cases)),),
        notes=(
            "Standard errors in brackets: inverse Hessian; of two steps, stacked scores of both steps.",
            "Nests are the countries, one lambda for all; estimates in units of the utility. (3) is the published pair "
            "of steps on that scale: the first step's coefficients times lambda.",
            "(4) and (5) add to (2) the plants of the same network and the Japanese plants of the industry in the "
            "region, as log(1 + n); they are not published columns.",
            *tests,
            "A count of earlier plants also carries whatever else drew them: it is no measure of an effect by itself.",
        ),
    )


def _pair(parameter: str, estimates: pd.Series, errors: pd.Series) -> tuple[str, str]:
    if parameter not in estimates.index:
        return "", ""
    return numbers.significant(float(estimates[parameter]), 5), f"({numbers.significant(float(errors[parameter]), 5)})"


def _findings(fits: Fits, steps: TwoStepResults) -> dict[str, Any]:
    columns = _columns(fits, steps)
    return {
        "params": {head: _plain(estimates) for head, (estimates, _) in columns.items()},
        "bse": {head: _plain(errors) for head, (_, errors) in columns.items()},
        "llf": {head: fit.llf for head, fit in fits.items()},
        "tests": {words: {"statistic": s, "df": 1, "pvalue": p} for words, (s, p) in _tests(fits).items()},
    }


def _plain(figures: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in figures.items()}
