"""Several fits side by side: one column a model, standard errors beneath the estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.results import numbers, words
from relocchoice.results.blocks import INSTEAD, is_dissimilarity, tied_to
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.render import render
from relocchoice.results.table import Table

Shown = Literal["bse", "tvalues", "pvalues", "conf_int"]
Key = tuple[str, str]

_STARS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))
_EXPLAINED: Mapping[str, str] = {
    "bse": "standard errors in ( )",
    "tvalues": "z in [ ]",
    "pvalues": "p-values in { }",
    "conf_int": "95% intervals as [lower, upper]",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """Several models in columns; prints as text.

    Attributes
    ----------
    table : what is printed.
    estimates : index (block, parameter), columns (model, quantity) with the quantities ``estimate``, ``bse``,
        ``tvalues``, ``pvalues``, ``status``; NaN where a model has no such parameter; in full precision.
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

    def _repr_html_(self) -> str:
        return self.as_html()

    def __str__(self) -> str:
        return self.as_text()

    def __repr__(self) -> str:
        return str(self)


def compare(
    *fits: ChoiceResults,
    names: Sequence[str] | None = None,
    stars: bool = False,
    show: Sequence[Shown] = ("bse",),
    digits: int = 4,
    title: str = "",
) -> Comparison:
    """Models in columns, parameters in rows, the fit at the foot.

    Parameters
    ----------
    *fits : one or more results; their parameters are matched by section and name.
    names : one head a column; ``(1)``, ``(2)``, ... if None.
    stars : whether to mark p-values under 0.1, 0.05 and 0.01.
    show : what stands beneath the estimates: ``"bse"``, ``"tvalues"``, ``"pvalues"``, ``"conf_int"``.
    digits : significant digits of estimates and of what stands beneath them.
    title : line above the table.

    Returns
    -------
    Comparison
        Its notes warn where the columns rest on different data sizes, weights, covariances, bases or normalisations.

    Raises
    ------
    OptionError
        Without fits, for something that is not a fit, names that do not match the fits or repeat, an unknown quantity
        in ``show``, or fewer than one digit.
    """
    heads = _checked_heads(fits, names)
    show = _checked_show(show)
    if digits < 1:
        raise OptionError.of("digits", digits, "a whole number of at least 1")
    keys = _union([_keys(fit) for fit in fits])
    columns = [_FitColumn.of(fit) for fit in fits]
    table = Table(
        title=title,
        columns=("", *heads),
        rows=(*_estimate_rows(keys, columns, show, stars, digits), *_statistic_rows(fits)),
        notes=(*_reading_notes(fits, show, stars), *_warnings(fits), *_fit_notes(fits, heads)),
    )
    return Comparison(table, _estimates(keys, columns, heads), _statistics(fits, heads))


@dataclass(frozen=True, slots=True, eq=False)
class _FitColumn:
    """One model's figures; index of each the parameter names.

    Attributes
    ----------
    figures : columns ``estimate``, ``bse``, ``tvalues``, ``pvalues``, ``lower``, ``upper``, ``status``.
    parameters : the fit's parameter frame.
    keys : (block, name) of every parameter.
    """

    figures: pd.DataFrame
    parameters: pd.DataFrame
    keys: frozenset[Key]

    @classmethod
    def of(cls, fit: ChoiceResults) -> _FitColumn:
        intervals = fit.conf_int()
        figures = pd.DataFrame(
            {
                "estimate": fit.params,
                "bse": fit.bse,
                "tvalues": fit.tvalues,
                "pvalues": fit.pvalues,
                "lower": intervals[0],
                "upper": intervals[1],
                "status": fit.parameters["status"],
            }
        )
        return cls(figures, fit.parameters, frozenset(_keys(fit)))


def _checked_heads(fits: Sequence[Any], names: Sequence[str] | None) -> list[str]:
    if not fits:
        raise OptionError("compare() needs at least one fit")
    for position, fit in enumerate(fits):
        if not isinstance(fit, ChoiceResults):
            raise OptionError(
                f"argument {position + 1} of compare() is a {type(fit).__name__}, not the results of a fit"
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


def _keys(fit: ChoiceResults) -> list[Key]:
    return [(str(block), str(name)) for name, block in fit.parameters["block"].items()]


def _union(lists: Sequence[Sequence[Key]]) -> list[Key]:
    """All keys by section; the sections with dissimilarity parameters close the table whatever the first model was."""
    blocks: list[str] = []
    for keys in lists:
        _merge(blocks, list(dict.fromkeys(block for block, _ in keys)))
    blocks.sort(key=is_dissimilarity)
    union: list[Key] = []
    for block in blocks:
        members: list[Key] = []
        for keys in lists:
            _merge(members, [key for key in keys if key[0] == block])
        union += members
    return union


def _merge(known: list[Any], new: Sequence[Any]) -> None:
    """Insert what is new behind the item it follows, before the first common item, or at the end if none is common."""
    place = next((known.index(item) for item in new if item in known), len(known))
    for item in new:
        if item in known:
            place = known.index(item)
        else:
            known.insert(place, item)
        place += 1


def _estimate_rows(
    keys: Sequence[Key], columns: Sequence[_FitColumn], show: Sequence[Shown], stars: bool, digits: int
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    section = None
    for key in keys:
        if key[0] != section:
            section = key[0]
            rows.append((section,))
        rows.append((key[1], *(_estimate_cell(key, column, stars, digits) for column in columns)))
        beneath = [("", *(_beneath(key, column, quantity, digits) for column in columns)) for quantity in show]
        rows += [row for row in beneath if any(row)]
    return rows


def _estimate_cell(key: Key, column: _FitColumn, stars: bool, digits: int) -> str:
    if key not in column.keys:
        return ""
    figures: Any = column.figures.loc[key[1]]
    if figures["status"] in INSTEAD:
        return INSTEAD[figures["status"]]
    mark = _mark(figures["pvalues"]) if stars else ""
    return numbers.significant(figures["estimate"], digits, figures["bse"]) + mark


def _mark(probability: float) -> str:
    return next((mark for level, mark in _STARS if probability < level), "")


def _beneath(key: Key, column: _FitColumn, quantity: Shown, digits: int) -> str:
    if key not in column.keys:
        return ""
    figures: Any = column.figures.loc[key[1]]
    first = tied_to(column.parameters, key[1])
    if first:
        return f"(= {first})"
    if math.isnan(figures["bse"]):
        return f"({figures['status']})" if figures["status"] in ("fixed", "at bound") else ""
    return _FORMATS[quantity](figures, digits)


def _standard_error(figures: pd.Series, digits: int) -> str:
    return f"({numbers.significant(figures['bse'], digits)})"


def _z(figures: pd.Series, digits: int) -> str:
    return "" if math.isnan(figures["tvalues"]) else f"[{numbers.decimals(figures['tvalues'], 3)}]"


def _probability(figures: pd.Series, digits: int) -> str:
    return "" if math.isnan(figures["pvalues"]) else f"{{{numbers.pvalue(figures['pvalues'])}}}"


def _interval(figures: pd.Series, digits: int) -> str:
    ends = (numbers.significant(figures[end], digits, figures["bse"]) for end in ("lower", "upper"))
    return f"[{', '.join(ends)}]"


_FORMATS: Mapping[Shown, Callable[[pd.Series, int], str]] = {
    "bse": _standard_error,
    "tvalues": _z,
    "pvalues": _probability,
    "conf_int": _interval,
}


def _statistic_rows(fits: Sequence[ChoiceResults]) -> list[tuple[str, ...]]:
    """The rows at the foot; one that says nothing about any model (normalisation of multinomial logits) is left out."""
    rows = [(name, *(shown(fit) for fit in fits)) for name, shown in _STATISTICS.items()]
    return [("Fit",), *(row for row in rows if any(row[1:]))]


def _ratio(value: float) -> str:
    return numbers.MISSING if math.isnan(value) else numbers.decimals(value, 4)


_STATISTICS: Mapping[str, Callable[[ChoiceResults], str]] = {
    "Model": words.family,
    "Cases": lambda fit: numbers.count(fit.n_cases),
    "Weights": lambda fit: "" if fit.weight_kind is None else words.weights(fit),
    "Estimated parameters": lambda fit: numbers.count(fit.df_model),
    "Log-likelihood": lambda fit: numbers.likelihood(fit.llf),
    "Rho-squared": lambda fit: _ratio(fit.prsquared),
    "Rho-squared, adjusted": lambda fit: _ratio(fit.prsquared_adjusted),
    "AIC": lambda fit: numbers.likelihood(fit.aic),
    "BIC": lambda fit: numbers.likelihood(fit.bic),
    "Covariance": lambda fit: fit.covariance.kind,
    "Base alternative": words.base_label,
    "Normalisation": lambda fit: "" if fit.spec.nests is None else str(fit.spec.normalisation),
    "Converged": lambda fit: "yes" if fit.converged else "NO",
}


def _reading_notes(fits: Sequence[ChoiceResults], show: Sequence[Shown], stars: bool) -> list[str]:
    notes = [f"Beneath the estimates: {', '.join(_EXPLAINED[quantity] for quantity in show)}."] if show else []
    if any(is_dissimilarity(block) for fit in fits for block in fit.parameters["block"]):
        notes.append("Dissimilarity parameters are tested against 1, all others against 0.")
    if stars:
        notes.append("* p < 0.1, ** p < 0.05, *** p < 0.01.")
    return notes


def _warnings(fits: Sequence[ChoiceResults]) -> list[str]:
    checks = (
        (
            {(fit.n_cases, fit.nobs, fit.n_alternatives) for fit in fits},
            "the columns rest on different data (cases, sums of weights or alternatives differ): "
            "log-likelihoods, AIC and BIC do not compare",
        ),
        ({fit.weight_kind for fit in fits}, "the columns are weighted differently"),
        (
            {fit.covariance.kind for fit in fits},
            "the columns show different covariances: standard errors do not compare",
        ),
        (
            {words.base_label(fit) for fit in fits},
            "the base alternatives differ: constants and case-specific coefficients do not compare",
        ),
        (
            {fit.spec.normalisation for fit in fits if fit.spec.nests is not None},
            "the nested logits are normalised differently: coefficients do not compare",
        ),
        ({True, *(fit.converged for fit in fits)}, "a column has not converged: it should not be used"),
    )
    return [f"Warning: {sentence}." for values, sentence in checks if len(values) > 1]


def _fit_notes(fits: Sequence[ChoiceResults], heads: Sequence[str]) -> list[str]:
    """Covariance and normalisation in words, said once where they are shared."""
    said: dict[str, list[str]] = {}
    for fit, head in zip(fits, heads, strict=True):
        few = words.few_clusters(fit.covariance, fit.df_model)
        for sentence in (words.covariance(fit.covariance), few, words.normalisation(fit), *fit.notes):
            if sentence:
                said.setdefault(sentence, []).append(head)
    return [
        sentence if len(where) == len(heads) else f"{', '.join(where)}: {sentence}" for sentence, where in said.items()
    ]


def _estimates(keys: Sequence[Key], columns: Sequence[_FitColumn], heads: Sequence[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(keys, names=["block", "parameter"])
    quantities = ("estimate", "bse", "tvalues", "pvalues", "status")
    values = {
        (head, quantity): pd.Series(
            [column.figures.loc[key[1], quantity] if key in column.keys else None for key in keys],
            index=index,
            dtype=object if quantity == "status" else float,
        )
        for head, column in zip(heads, columns, strict=True)
        for quantity in quantities
    }
    frame = pd.DataFrame(values, index=index)
    frame.columns = pd.MultiIndex.from_tuples(values, names=["model", "quantity"])
    return frame


def _statistics(fits: Sequence[ChoiceResults], heads: Sequence[str]) -> pd.DataFrame:
    quantities = (
        "n_cases",
        "nobs",
        "df_model",
        "llf",
        "llnull",
        "llconstants",
        "prsquared",
        "prsquared_adjusted",
        "aic",
        "bic",
    )
    values = {
        head: [float(getattr(fit, quantity)) for quantity in quantities] for fit, head in zip(fits, heads, strict=True)
    }
    return pd.DataFrame(values, index=list(quantities))
