"""Several fits side by side: one column a model or an equation, standard errors beneath the estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from relocchoice.data.provenance import begun
from relocchoice.errors import OptionError
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.compare_cells import Shown, Style, estimate_rows
from relocchoice.results.compare_columns import (
    Key,
    Model,
    beside,
    chosen_parameters,
    figures,
    keys,
    printed_name,
    stacked,
    union,
)
from relocchoice.results.compare_foot import STATISTICS, notes, statistic_rows, statistics_frame
from relocchoice.results.export import save_table
from relocchoice.results.render import render
from relocchoice.results.table import Table, shared_provenance

Layout = Literal["stacked", "beside"]
Compared = ChoiceResults | tuple[ChoiceResults, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """Several models in columns; prints as text.

    Attributes
    ----------
    table : what is printed.
    estimates : index (block, parameter), columns (model, quantity) with the quantities ``estimate``, ``bse``,
        ``tvalues``, ``pvalues``, ``status``, and ``bse (kind)`` of every further covariance; NaN where a model has no
        such parameter; in full precision.
    statistics : index the names of the statistics at the foot of the table, one column a model; in full precision.
    """

    table: Table
    estimates: pd.DataFrame
    statistics: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """A copy of :attr:`estimates`."""
        return self.estimates.copy()

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
        """Write the table into one file, whole or not at all, in the format that the ending names.

        Parameters
        ----------
        path : ends in ``.txt``, ``.md``, ``.tex``, ``.html``, ``.typ``, ``.docx`` or ``.xlsx``; a workbook also holds
            the estimates and statistics in full precision.

        Raises
        ------
        OptionError
            For another ending, or where python-docx or openpyxl is not installed.
        StoreError
            Where the file cannot be written.
        """
        return save_table(self.table, path, {"estimates": self.estimates, "statistics": self.statistics})

    def _repr_html_(self) -> str:
        return self.as_html()

    def __str__(self) -> str:
        return self.as_text()

    def __repr__(self) -> str:
        return str(self)


def compare(
    *fits: Compared,
    names: Sequence[str] | None = None,
    layout: Layout = "stacked",
    stars: bool = False,
    show: Sequence[Shown] = ("bse",),
    show_cov: Sequence[str] | None = None,
    groups: Any = None,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    statistics: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    digits: int = 4,
    title: str = "",
) -> Comparison:
    """Models in columns, parameters in rows, the fit at the foot.

    Parameters
    ----------
    *fits : one or more results; their parameters are matched by section and name. A tuple of the same fit with several
        covariances (:meth:`ChoiceResults.with_cov`) is one model with their standard errors under each other.
    names : one head a model; ``(1)``, ``(2)``, ... if None.
    layout : ``"stacked"``, one column a model; ``"beside"``, one column an alternative's equation, parameters that the
        alternatives share in a column ``common`` before them.
    stars : whether to mark p-values under 0.1, 0.05 and 0.01; they are those of the first covariance.
    show : what stands beneath the estimates: ``"bse"``, ``"tvalues"``, ``"pvalues"``, ``"conf_int"``.
    show_cov : covariances whose errors stand under each other, e.g. ``["hessian", "robust", "cluster"]``.
    groups : of the ``"cluster"`` of ``show_cov``; see :meth:`ChoiceResults.with_cov`.
    keep, drop : parameters to show and to leave out; ``*`` stands for any text, as in ``"Intercept:*"``. A note names
        what is left out.
    statistics : rows at the foot, e.g. ``["Cases", "Log-likelihood"]``; all if None.
    labels : what to print for a parameter, variable, alternative, nest, section, model or statistic; a name that is not
        in it stays as it is, so that one mapping serves all tables of a paper.
    digits : significant digits of estimates and of what stands beneath them.
    title : line above the table.

    Returns
    -------
    Comparison
        Its notes warn where the columns rest on different data sizes, weights, covariances, bases or normalisations.

    Raises
    ------
    OptionError
        Without fits, for something that is not a fit, a tuple of different fits, names that do not match the fits or
        repeat, an unknown layout, quantity, covariance or statistic, a pattern that fits no parameter, labels that are
        no mapping of texts, or fewer than one digit.
    """
    if digits < 1:
        raise OptionError.of("digits", digits, "a whole number of at least 1")
    if layout not in get_args(Layout):
        raise OptionError.of("layout", layout, list(get_args(Layout)))
    heads = _checked_heads(fits, names)
    quantities = _checked_show(show)
    foot = _checked_statistics(statistics)
    labels = _checked_labels(labels)
    models = _models(_with_covariances(fits, show_cov, groups), heads, keep, drop)
    covariances = _covariance_names(models)
    style = Style(quantities, covariances, stars, digits)
    columns = stacked(models, labels) if layout == "stacked" else beside(models, labels)
    rows = union([list(column.lookup) for column in columns])
    table = Table(
        title=begun(shared_provenance(model.fit for model in models), title),
        columns=("", *(column.head for column in columns)),
        rows=(
            *estimate_rows(rows, _printed(rows, models, labels), labels, columns, style),
            *statistic_rows(models, columns, foot, labels),
        ),
        notes=notes(models, style, labels),
    )
    return Comparison(table, _estimates(models), statistics_frame(models))


def _checked_heads(fits: Sequence[Any], names: Sequence[str] | None) -> list[str]:
    if not fits:
        raise OptionError("compare() needs at least one fit")
    for position, given in enumerate(fits):
        members = given if isinstance(given, tuple) and given else (given,)
        for fit in members:
            if not isinstance(fit, ChoiceResults):
                raise OptionError(
                    f"argument {position + 1} of compare() is a {type(fit).__name__}, not the results of a fit"
                )
        if any(fit.llf != members[0].llf or not fit.params.equals(members[0].params) for fit in members):
            raise OptionError(
                f"argument {position + 1} of compare() is a tuple of different fits; a tuple holds the same fit with "
                "several covariances, models are given one by one"
            )
    if names is None:
        return [f"({position + 1})" for position in range(len(fits))]
    heads = [names] if isinstance(names, str) else [str(name) for name in names]
    if len(heads) != len(fits) or len(set(heads)) != len(heads):
        raise OptionError.of("names", names, f"{len(fits)} different names, one for each fit")
    return heads


def _checked_show(show: Sequence[Shown]) -> tuple[Shown, ...]:
    chosen: tuple[Any, ...] = (show,) if isinstance(show, str) else tuple(show)
    for quantity in chosen:
        if quantity not in get_args(Shown):
            raise OptionError.of("show", quantity, list(get_args(Shown)))
    return chosen


def _checked_statistics(statistics: Sequence[str] | None) -> tuple[str, ...]:
    if statistics is None:
        return tuple(STATISTICS)
    chosen = (statistics,) if isinstance(statistics, str) else tuple(statistics)
    for name in chosen:
        if name not in STATISTICS:
            raise OptionError.of("statistics", name, list(STATISTICS))
    return chosen


def _checked_labels(labels: Mapping[str, str] | None) -> Mapping[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping) or not all(isinstance(text, str) for pair in labels.items() for text in pair):
        raise OptionError.of("labels", labels, "a mapping of names to the texts printed for them")
    return labels


def _with_covariances(
    fits: Sequence[Compared], kinds: Sequence[str] | None, groups: Any
) -> list[tuple[ChoiceResults, ...]]:
    if kinds is None:
        return [given if isinstance(given, tuple) else (given,) for given in fits]
    wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if not wanted or len(set(wanted)) != len(wanted):
        raise OptionError.of("show_cov", kinds, "one or more different covariances, e.g. ['hessian', 'robust']")
    if any(isinstance(given, tuple) for given in fits):
        raise OptionError("show_cov= computes the covariances itself: give single fits, not tuples")
    if groups is not None and "cluster" not in wanted:
        raise OptionError("groups= belongs to the covariance 'cluster', which show_cov= does not name")
    return [tuple(_under(fit, kind, groups) for kind in wanted) for fit in fits if isinstance(fit, ChoiceResults)]


def _under(fit: ChoiceResults, kind: str, groups: Any) -> ChoiceResults:
    if fit.covariance.kind == kind and (groups is None or kind != "cluster"):
        return fit
    return fit.with_cov(kind, groups=groups if kind == "cluster" else None)


def _models(
    fits: Sequence[tuple[ChoiceResults, ...]],
    heads: Sequence[str],
    keep: Sequence[str] | None,
    drop: Sequence[str] | None,
) -> list[Model]:
    names = [[str(name) for name in members[0].parameters.index] for members in fits]
    shown = chosen_parameters(names, keep, drop)
    return [
        Model(members, head, some, tuple(name for name in every if name not in some))
        for members, head, some, every in zip(fits, heads, shown, names, strict=True)
    ]


def _covariance_names(models: Sequence[Model]) -> tuple[str, ...]:
    """One name a line beneath the estimates; the kinds of all models where these differ."""
    lines = max(len(model.fits) for model in models)
    names = []
    for line in range(lines):
        kinds = [model.fits[line].covariance.kind for model in models if line < len(model.fits)]
        names.append("/".join(dict.fromkeys(kinds)))
    return tuple(names)


def _printed(rows: Sequence[Key], models: Sequence[Model], labels: Mapping[str, str]) -> dict[Key, str]:
    owners = {key: model.fit for model in reversed(models) for key in keys(model)}
    # a row of equations is named after its variable alone, which the labels of any model serve
    return {key: printed_name(owners.get(key, models[0].fit), *key, labels) for key in rows}


def _estimates(models: Sequence[Model]) -> pd.DataFrame:
    rows = union([keys(model) for model in models])
    index = pd.MultiIndex.from_tuples(rows, names=["block", "parameter"])
    values: dict[tuple[str, str], pd.Series] = {}
    for model in models:
        own, leading = set(keys(model)), figures(model.fit)
        for quantity in ("estimate", "bse", "tvalues", "pvalues", "status"):
            cells = [leading.loc[key[1], quantity] if key in own else None for key in rows]
            dtype: Any = object if quantity == "status" else float
            values[model.head, quantity] = pd.Series(cells, index=index, dtype=dtype)
        for fit in model.fits[1:]:
            cells = [fit.bse[key[1]] if key in own else None for key in rows]
            values[model.head, f"bse ({fit.covariance.kind})"] = pd.Series(cells, index=index, dtype=float)
    frame = pd.DataFrame(values, index=index)
    frame.columns = pd.MultiIndex.from_tuples(values, names=["model", "quantity"])
    return frame
