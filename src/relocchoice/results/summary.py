"""The table of one model's estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.results import numbers, words
from relocchoice.results.blocks import INSTEAD, section_head, tied_to
from relocchoice.results.export import save_table
from relocchoice.results.render import Format, check_format, render
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults


Intervals = Literal["wald", "profile"]


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


def summary_table(
    results: ChoiceResults, alpha: float = 0.05, intervals: Intervals = "wald", data: Any = None
) -> Table:
    """The estimates by section with standard errors, tests and intervals; above, the fit; below, its grounds.

    Parameters
    ----------
    results : of one model.
    alpha : the intervals cover with probability 1 - alpha.
    intervals : ``"wald"`` with z, or ``"profile"`` with likelihood-ratio tests, see :meth:`ChoiceResults.summary`.
    data : the data of a loaded fit, for profiles.

    Returns
    -------
    Table
        A parameter without a standard error says why (``fixed``, ``= other``, ``not identified``) in place of numbers.

    Raises
    ------
    OptionError
        Unless 0 < alpha < 1 and ``intervals`` is valid.
    """
    if intervals not in get_args(Intervals):
        raise OptionError.of("intervals", intervals, ", ".join(get_args(Intervals)))
    by_profile = intervals == "profile"
    figures, notes = _by_profile(results, alpha, data) if by_profile else (_by_wald(results, alpha), ())
    return Table(
        title=words.title(results),
        columns=(
            "",
            "estimate",
            "std. error",
            *(("LR chi2", "P>chi2") if by_profile else ("z", "P>|z|")),
            f"[{numbers.plain(alpha / 2)}",
            f"{numbers.plain(1 - alpha / 2)}]",
        ),
        rows=_rows(results, figures, "LR chi2 and P>chi2" if by_profile else "z and P>|z|"),
        header=(*_model_pairs(results), *_fit_pairs(results)),
        notes=(*_notes(results), *notes),
    )


def _by_wald(results: ChoiceResults, alpha: float) -> pd.DataFrame:
    """(p rows) ``statistic``, ``p``, ``lower``, ``upper``."""
    ends = results.conf_int(alpha)
    return pd.DataFrame({"statistic": results.tvalues, "p": results.pvalues, "lower": ends[0], "upper": ends[1]})


def _by_profile(results: ChoiceResults, alpha: float, data: Any) -> tuple[pd.DataFrame, tuple[str, ...]]:
    from relocchoice.results.profiling import profile_figures  # it takes results apart, so it imports them

    found = profile_figures(results, alpha, data)
    return found.figures, (words.profiles(results), *found.messages)


def _rows(results: ChoiceResults, figures: pd.DataFrame, tests: str) -> tuple[tuple[str, ...], ...]:
    figures = figures.assign(estimate=results.params, error=results.bse)
    # by section, not by run: explicit utilities may return to a section
    sections: dict[str, list[tuple[str, ...]]] = {}
    for name, block in results.parameters["block"].items():
        row = _row(results.parameters, str(name), figures.loc[str(name)])
        sections.setdefault(str(block), []).append(row)
    return tuple(row for block, rows in sections.items() for row in [(section_head(block, tests),), *rows])


def _row(parameters: pd.DataFrame, name: str, figures: Any) -> tuple[str, ...]:
    status = str(parameters.loc[name, "status"])
    estimate = numbers.significant(figures["estimate"], scale=figures["error"])
    first = tied_to(parameters, name)
    if status in INSTEAD:
        return (name, INSTEAD[status], "", "", "", "", "")
    if status == "fixed":
        return (name, estimate, "fixed", "", "", "", "")
    if first:
        return (name, estimate, f"= {first}", "", "", "", "")
    error = numbers.significant(figures["error"])
    if math.isnan(figures["error"]):
        error = {"at bound": "at bound", "infinite": ""}.get(status, numbers.MISSING)
    return (
        name,
        estimate,
        error,
        _z(figures["statistic"]),
        "" if math.isnan(figures["p"]) else numbers.pvalue(figures["p"]),
        _end(figures["lower"], figures["error"]),
        _end(figures["upper"], figures["error"]),
    )


def _end(value: float, error: float) -> str:
    return "" if math.isnan(value) else numbers.significant(value, scale=error)


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
        ("Rho-squared", numbers.ratio(results.prsquared)),
        ("Rho-squared, adjusted", numbers.ratio(results.prsquared_adjusted)),
        ("AIC", numbers.likelihood(results.aic)),
        ("BIC", numbers.likelihood(results.bic)),
    ]


def _notes(results: ChoiceResults) -> tuple[str, ...]:
    sentences = [
        words.convergence(results),
        *words.cells(results.identification),
        words.penalty(results),
        words.covariance(results.covariance),
        words.few_clusters(results.covariance, results.df_model),
        words.separated_sandwich(results),
        words.loose_lambdas(results),
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
