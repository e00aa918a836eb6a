"""The table of one model's estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from relocchoice.results import numbers, words
from relocchoice.results.blocks import section_head, tied_to
from relocchoice.results.export import save_table
from relocchoice.results.render import Format, check_format, render
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults


@dataclass(frozen=True, slots=True)
class Summary:
    """A table that prints itself.

    Attributes
    ----------
    table : what is shown.
    format : the format of ``str()``: ``"text"``, ``"markdown"``, ``"latex"``, ``"html"`` or ``"typst"``.
    """

    table: Table
    format: Format = "text"

    def __post_init__(self) -> None:
        check_format(self.format)

    def as_text(self) -> str:
        """Fixed-width text."""
        return render(self.table, "text")

    def as_markdown(self) -> str:
        """Markdown pipe tables."""
        return render(self.table, "markdown")

    def as_latex(self) -> str:
        """A LaTeX ``table`` with booktabs rules."""
        return render(self.table, "latex")

    def as_html(self) -> str:
        """HTML."""
        return render(self.table, "html")

    def as_typst(self) -> str:
        """A Typst ``figure`` around a ``table``."""
        return render(self.table, "typst")

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the table into one file; see :func:`relocchoice.results.export.save_table`."""
        return save_table(self.table, path)

    def _repr_html_(self) -> str:
        return self.as_html()

    def __str__(self) -> str:
        return render(self.table, self.format)

    def __repr__(self) -> str:
        return str(self)


def summary_table(results: ChoiceResults, alpha: float = 0.05) -> Table:
    """The estimates by section with standard errors, z, p-values and intervals; above, the fit; below, its grounds.

    Parameters
    ----------
    results : of one model.
    alpha : the intervals cover with probability 1 - alpha.

    Returns
    -------
    Table
        A parameter without a standard error says why (``fixed``, ``= other``, ``not identified``) in place of numbers.

    Raises
    ------
    OptionError
        Unless 0 < alpha < 1.
    """
    intervals = results.conf_int(alpha)
    return Table(
        title=words.title(results),
        columns=(
            "",
            "estimate",
            "std. error",
            "z",
            "P>|z|",
            f"[{numbers.plain(alpha / 2)}",
            f"{numbers.plain(1 - alpha / 2)}]",
        ),
        rows=_rows(results, intervals),
        header=(*_model_pairs(results), *_fit_pairs(results)),
        notes=_notes(results),
    )


def _rows(results: ChoiceResults, intervals: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    figures = pd.DataFrame(
        {
            "estimate": results.params,
            "error": results.bse,
            "z": results.tvalues,
            "p": results.pvalues,
            "lower": intervals[0],
            "upper": intervals[1],
        }
    )
    # by section, not by run: explicit utilities may return to a section
    sections: dict[str, list[tuple[str, ...]]] = {}
    for name, block in results.parameters["block"].items():
        row = _row(results.parameters, str(name), figures.loc[str(name)])
        sections.setdefault(str(block), []).append(row)
    return tuple(row for block, rows in sections.items() for row in [(section_head(block),), *rows])


_INSTEAD = {"flat": "not identified", "dropped": "dropped"}


def _row(parameters: pd.DataFrame, name: str, figures: Any) -> tuple[str, ...]:
    status = str(parameters.loc[name, "status"])
    estimate = numbers.significant(figures["estimate"], scale=figures["error"])
    first = tied_to(parameters, name)
    if status in _INSTEAD:
        return (name, _INSTEAD[status], "", "", "", "", "")
    if status == "infinite":
        return (name, estimate, "", "", "", "", "")
    if status == "fixed":
        return (name, estimate, "fixed", "", "", "", "")
    if first:
        return (name, estimate, f"= {first}", "", "", "", "")
    if math.isnan(figures["error"]):
        return (name, estimate, "at bound" if status == "at bound" else numbers.MISSING, "", "", "", "")
    return (
        name,
        estimate,
        numbers.significant(figures["error"]),
        _z(figures["z"]),
        "" if math.isnan(figures["p"]) else numbers.pvalue(figures["p"]),
        numbers.significant(figures["lower"], scale=figures["error"]),
        numbers.significant(figures["upper"], scale=figures["error"]),
    )


def _z(value: float) -> str:
    return "" if math.isnan(value) else numbers.decimals(value, 3)


def _model_pairs(results: ChoiceResults) -> list[tuple[str, str]]:
    return [
        ("Model", words.family(results)),
        ("Cases", numbers.count(results.n_cases)),
        ("Weights", words.weights(results)),
        ("Alternatives", numbers.count(results.n_alternatives)),
        ("Estimated parameters", numbers.count(results.df_model)),
        ("Converged", "yes" if results.converged else f"NO: {results.status_message}"),
        ("Covariance", words.covariance_kind(results.covariance)),
    ]


def _fit_pairs(results: ChoiceResults) -> list[tuple[str, str]]:
    penalised = [] if results.llf_penalised is None else [("LL, penalised", numbers.likelihood(results.llf_penalised))]
    return [
        ("Log-likelihood", numbers.likelihood(results.llf)),
        *penalised,
        ("LL, equal shares (null)", numbers.likelihood(results.llnull)),
        ("LL, constants only", numbers.likelihood(results.llconstants)),
        ("Rho-squared", _ratio(results.prsquared)),
        ("Rho-squared, adjusted", _ratio(results.prsquared_adjusted)),
        ("AIC", numbers.likelihood(results.aic)),
        ("BIC", numbers.likelihood(results.bic)),
    ]


def _ratio(value: float) -> str:
    return numbers.MISSING if math.isnan(value) else numbers.decimals(value, 4)


def _notes(results: ChoiceResults) -> tuple[str, ...]:
    sentences = [
        words.convergence(results),
        *words.cells(results.identification),
        words.penalty(results),
        words.covariance(results.covariance),
        words.few_clusters(results.covariance, results.df_model),
        words.reference_points(results),
        words.likelihood_ratio(results),
        words.normalisation(results),
        words.base(results),
        *words.parameter_notes(results.parameters),
        *words.identification(results.identification),
        *results.notes,
        words.nest_tree(results),
    ]
    return tuple(dict.fromkeys(sentence for sentence in sentences if sentence))
