"""The table of an ordered logit's estimates, in the style of all tables here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relocchoice.data.provenance import begun
from relocchoice.results import numbers, words
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.inference.simultaneous import FactorOrder
    from relocchoice.results.ordered import OrderedResults


def ordered_table(results: OrderedResults, alpha: float = 0.05) -> Table:
    """Coefficients and cut points with standard errors, z, p-values and intervals; above, the fit; below, its grounds.

    Raises
    ------
    OptionError
        Unless 0 < alpha < 1.
    """
    ends = (f"[{numbers.plain(alpha / 2)}", f"{numbers.plain(1 - alpha / 2)}]")
    return Table(
        title=begun(results.provenance, f"Ordered logit: {' '.join(results.formula.split())}"),
        columns=("", "estimate", "std. error", "z", "P>|z|", *ends),
        rows=_rows(results, alpha),
        header=_header(results),
        notes=_notes(results),
    )


def _rows(results: OrderedResults, alpha: float) -> tuple[tuple[str, ...], ...]:
    rows: list[tuple[str, ...]] = []
    figures = np.column_stack([results.params, results.bse, results.tvalues, results.pvalues, results.conf_int(alpha)])
    section = None
    for name, block, held in zip(results.parameters.index, results.parameters["block"], figures.tolist(), strict=True):
        if block != section:
            rows.append((str(block),))
            section = block
        estimate, error, z, p, *ends = held
        shown = [numbers.significant(value, scale=error) for value in (estimate, *ends)]
        rows.append(
            (str(name), shown[0], numbers.significant(error), numbers.decimals(z, 3), numbers.pvalue(p), *shown[1:])
        )
    return tuple(rows)


def _header(results: OrderedResults) -> tuple[tuple[str, str], ...]:
    counted = results.weight_kind is not None
    return (
        ("Model", "Ordered logit"),
        ("Ratings", numbers.count(results.nobs)),
        ("Weights", f"frequency, {numbers.count(results.n_cases)} rows" if counted else "none"),
        ("Levels", numbers.count(len(results.levels))),
        ("Estimated parameters", numbers.count(results.df_model)),
        ("Converged", "yes" if results.converged else f"NO: {results.status_message}"),
        ("Covariance", words.covariance_kind(results.covariance)),
        ("Log-likelihood", numbers.likelihood(results.llf)),
        ("LL, cut points only (null)", numbers.likelihood(results.llnull)),
        ("Rho-squared", numbers.decimals(results.prsquared, 4)),
        ("AIC", numbers.likelihood(results.aic)),
        ("BIC", numbers.likelihood(results.bic)),
    )


def _notes(results: OrderedResults) -> tuple[str, ...]:
    best, worst = results.levels[0], results.levels[-1]
    test = ""
    if results.llr_df:
        statistic, probability = numbers.decimals(results.llr, 3), numbers.pvalue(results.llr_pvalue)
        equation = f"p {probability}" if probability.startswith("<") else f"p = {probability}"
        test = f"Likelihood-ratio test against cut points only: chi2({results.llr_df}) = {statistic}, {equation}."
    stopped = f"NOT CONVERGED ({results.status_message}): neither estimates nor standard errors should be used."
    sentences = [
        "" if results.converged else stopped,
        words.covariance(results.covariance),
        "P(a level or better) = 1 / (1 + exp(cut - x'b)), the cut being the one below that level: a positive "
        f"coefficient raises the rating towards {best} and away from {worst}.",
        "Rho-squared is McFadden's, against cut points only.",
        test,
        *results.notes,
    ]
    return tuple(sentence for sentence in sentences if sentence)


def order_table(order: FactorOrder, title: str, value: str = "effect") -> Table:
    """The order of effects: estimates, letters and sets of ranks that hold together."""
    rows = []
    for label, held in zip(order.ranks.index.tolist(), order.ranks.to_dict("records"), strict=True):
        lower, upper = held["lower"], held["upper"]
        ranks = f"{lower} to {upper}" if lower < upper else str(lower)
        rows.append((str(label), numbers.decimals(held["value"], 3), held["letters"], str(held["estimate"]), ranks))
    return Table(
        title=begun(order.provenance, title),
        columns=("", value, "letters", "rank", f"ranks, {numbers.plain(100 * (1 - order.alpha))} %"),
        rows=tuple(rows),
        notes=(
            "Letters: effects that share one cannot be told apart when all pairs are compared together.",
            f"Ranks: 1 is the best; the sets of all {len(rows)} hold together with probability "
            f"{numbers.plain(1 - order.alpha)} (single-step max-t).",
        ),
    )


def difference_table(order: FactorOrder, title: str) -> Table:
    """The intervals of an order against the mean or the best, or of all pairs."""
    tests = "pvalue" in order.intervals.columns
    heads = ("difference", *(("std. error",) if tests else ()), "lower", "upper", *(("p, adjusted",) if tests else ()))
    rows = []
    for label, held in zip(order.intervals.index.tolist(), order.intervals.to_dict("records"), strict=True):
        name = " - ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        quantities = ("difference", *(("std_error",) if tests else ()), "lower", "upper")
        cells = [numbers.decimals(held[quantity], 3) for quantity in quantities]
        rows.append((name, *cells, *((numbers.pvalue(held["pvalue"]),) if tests else ())))
    drawn = f"; its standard error from simulation is {order.critical.error:.1g}" if order.critical.error else ""
    return Table(begun(order.provenance, title), ("", *heads), tuple(rows), notes=(f"{order.words()[:-1]}{drawn}.",))
