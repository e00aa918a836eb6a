"""The foot of a comparison: statistics of each model, and notes on what the columns rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from relocchoice.results import numbers, words
from relocchoice.results.blocks import is_dissimilarity
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.compare_cells import EXPLAINED, Style
from relocchoice.results.compare_columns import Column, Model

_LISTED = 6
_QUANTITIES = (
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


STATISTICS: Mapping[str, Callable[[ChoiceResults], str]] = {
    "Model": words.family,
    "Cases": lambda fit: numbers.count(fit.n_cases),
    "Weights": lambda fit: "" if fit.weight_kind is None else words.weights(fit),
    "Estimated parameters": lambda fit: numbers.count(fit.df_model),
    "Log-likelihood": lambda fit: numbers.likelihood(fit.llf),
    "Rho-squared": lambda fit: numbers.ratio(fit.prsquared),
    "Rho-squared, adjusted": lambda fit: numbers.ratio(fit.prsquared_adjusted),
    "AIC": lambda fit: numbers.likelihood(fit.aic),
    "BIC": lambda fit: numbers.likelihood(fit.bic),
    "Covariance": lambda fit: fit.covariance.kind,
    "Base alternative": words.base_label,
    "Normalisation": lambda fit: "" if fit.spec.nests is None else str(fit.spec.normalisation),
    "Converged": lambda fit: "yes" if fit.converged else "NO",
}


def statistic_rows(
    models: Sequence[Model], columns: Sequence[Column], names: Sequence[str], labels: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """The rows at the foot; one that says nothing about any model (normalisation of multinomial logits) is left out."""
    of = {id(model.fit): model for model in models}
    rows = []
    for name in names:
        cells = ["" if column.fit is None else _cell(name, of[id(column.fit)]) for column in columns]
        if any(cells):
            rows.append((labels.get(name, name), *cells))
    return [(labels.get("Fit", "Fit"),), *rows] if rows else []


def _cell(name: str, model: Model) -> str:
    if name == "Covariance":
        return ", ".join(fit.covariance.kind for fit in model.fits)
    return STATISTICS[name](model.fit)


def notes(models: Sequence[Model], style: Style, labels: Mapping[str, str]) -> tuple[str, ...]:
    """How to read the table, warnings, and each model's covariance, normalisation and notes."""
    fits = [model.fit for model in models]
    return (*_reading(models, style), *_warnings(models, fits), *_of_fits(models, labels))


def _reading(models: Sequence[Model], style: Style) -> list[str]:
    sentences = []
    if style.show:
        under = f" under the covariance named beside them: {', '.join(style.covariances)}"
        several = under if len(style.covariances) > 1 else ""
        sentences.append(
            f"Beneath the estimates: {', '.join(EXPLAINED[quantity] for quantity in style.show)}{several}."
        )
    if any(is_dissimilarity(block) for model in models for block in model.fit.parameters["block"]):
        sentences.append("Dissimilarity parameters are tested against 1, all others against 0.")
    if style.stars:
        by = f", by the {style.covariances[0]} covariance" if len(style.covariances) > 1 else ""
        sentences.append(f"* p < 0.1, ** p < 0.05, *** p < 0.01{by}.")
    hidden = list(dict.fromkeys(name for model in models for name in model.hidden))
    if hidden:
        more = f" and {len(hidden) - _LISTED} more" if len(hidden) > _LISTED else ""
        sentences.append(f"Estimated but not shown: {', '.join(hidden[:_LISTED])}{more}.")
    return sentences


def _warnings(models: Sequence[Model], fits: Sequence[ChoiceResults]) -> list[str]:
    checks = (
        (
            {(fit.n_cases, fit.nobs, fit.n_alternatives) for fit in fits},
            "the columns rest on different data (cases, sums of weights or alternatives differ): "
            "log-likelihoods, AIC and BIC do not compare",
        ),
        ({fit.weight_kind for fit in fits}, "the columns are weighted differently"),
        (
            {tuple(fit.covariance.kind for fit in model.fits) for model in models},
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


def _of_fits(models: Sequence[Model], labels: Mapping[str, str]) -> list[str]:
    """Covariance and normalisation in words, said once where they are shared."""
    said: dict[str, list[str]] = {}
    for model in models:
        head = labels.get(model.head, model.head)
        for fit in model.fits:
            few = words.few_clusters(fit.covariance, fit.df_model)
            for sentence in (words.covariance(fit.covariance), few):
                _say(said, sentence, head)
        for sentence in (words.normalisation(model.fit), *model.fit.notes):
            _say(said, sentence, head)
    return [
        sentence if len(where) == len(models) else f"{', '.join(where)}: {sentence}" for sentence, where in said.items()
    ]


def _say(said: dict[str, list[str]], sentence: str, head: str) -> None:
    if sentence and head not in said.setdefault(sentence, []):
        said[sentence].append(head)


def statistics_frame(models: Sequence[Model]) -> pd.DataFrame:
    """Index the quantities, one column a model; in full precision."""
    values = {model.head: [float(getattr(model.fit, quantity)) for quantity in _QUANTITIES] for model in models}
    return pd.DataFrame(values, index=list(_QUANTITIES))
