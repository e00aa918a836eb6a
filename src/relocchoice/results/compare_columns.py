"""The columns of a comparison: one a model or one an equation, with figures under one or more covariances."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.results.blocks import LAMBDA_PREFIX, is_dissimilarity
from relocchoice.results.choice_results import ChoiceResults

Key = tuple[str, str]
COMMON = "common"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One model of a comparison.

    Attributes
    ----------
    fits : the same estimates with one or more covariances, the leading one first.
    head : the model's name.
    shown : parameters that the table shows; hidden : those that ``keep`` and ``drop`` leave out.
    """

    fits: tuple[ChoiceResults, ...]
    head: str
    shown: tuple[str, ...]
    hidden: tuple[str, ...] = ()

    @property
    def fit(self) -> ChoiceResults:
        """With the leading covariance."""
        return self.fits[0]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One printed column.

    Attributes
    ----------
    head : over the column.
    lookup : row of the table -> the model's parameter in it.
    figures : one frame a covariance, index the model's parameters; columns ``estimate``, ``bse``, ``tvalues``,
        ``pvalues``, ``lower``, ``upper``, ``status``.
    parameters : the model's parameter frame.
    fit : the model, in the first of its columns; else None.
    """

    head: str
    lookup: Mapping[Key, str]
    figures: tuple[pd.DataFrame, ...]
    parameters: pd.DataFrame
    fit: ChoiceResults | None


def figures(fit: ChoiceResults) -> pd.DataFrame:
    """Index the parameters; what may stand in a cell."""
    intervals = fit.conf_int()
    return pd.DataFrame(
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


def stacked(models: Sequence[Model], labels: Mapping[str, str]) -> list[Column]:
    """One column a model."""
    return [
        Column(
            labels.get(model.head, model.head),
            {(block, name): name for block, name in keys(model)},
            tuple(map(figures, model.fits)),
            model.fit.parameters,
            model.fit,
        )
        for model in models
    ]


def beside(models: Sequence[Model], labels: Mapping[str, str]) -> list[Column]:
    """One column an equation: what all alternatives share first, then the alternatives in the order of the data."""
    columns: list[Column] = []
    for model in models:
        shown = tuple(map(figures, model.fits))
        fit: ChoiceResults | None = model.fit
        for equation, lookup in _equations(model).items():
            head = labels.get(equation, equation)
            if len(models) > 1:
                head = f"{labels.get(model.head, model.head)} {head}"
            columns.append(Column(head, lookup, shown, model.fit.parameters, fit))
            fit = None
    return columns


def _equations(model: Model) -> dict[str, dict[Key, str]]:
    order = [COMMON, *map(str, model.fit.encoding.alternatives)]
    found: dict[str, dict[Key, str]] = {equation: {} for equation in order}
    for block, name in keys(model):
        term, alternative = term_and_alternative(model.fit, block, name)
        found[alternative or COMMON][block, term] = name
    return {equation: lookup for equation, lookup in found.items() if lookup} or {COMMON: {}}


def term_and_alternative(fit: ChoiceResults, block: str, name: str) -> tuple[str, str]:
    """``"log(assets):Shanghai"`` as its two parts; the second is empty for a parameter that alternatives share."""
    if block == "Generic" or is_dissimilarity(block):
        return name, ""
    known = [str(label) for label in getattr(fit.encoding, "alternatives", ()) if name.endswith(f":{label}")]
    alternative = max(known, key=len, default="")
    return (name[: -len(alternative) - 1], alternative) if alternative else (name, "")


def printed_name(fit: ChoiceResults, block: str, name: str, labels: Mapping[str, str]) -> str:
    """The parameter's label: its own, else put together from those of its variable and its alternative (or nest)."""
    if name in labels or not labels:
        return labels.get(name, name)
    if is_dissimilarity(block) and name.startswith(LAMBDA_PREFIX):
        nest = name.removeprefix(LAMBDA_PREFIX)
        return LAMBDA_PREFIX + labels.get(nest, nest)
    term, alternative = term_and_alternative(fit, block, name)
    if alternative and (term in labels or alternative in labels):
        return f"{labels.get(term, term)}: {labels.get(alternative, alternative)}"
    return name


def keys(model: Model) -> list[Key]:
    """(section, parameter) of every parameter that is shown, in table order."""
    blocks = model.fit.parameters["block"]
    return [(str(blocks[name]), name) for name in model.shown]


def union(lists: Sequence[Sequence[Key]]) -> list[Key]:
    """All keys by section; the sections with dissimilarity parameters close the table whatever the first model was."""
    blocks: list[str] = []
    for members in lists:
        _merge(blocks, list(dict.fromkeys(block for block, _ in members)))
    blocks.sort(key=is_dissimilarity)
    found: list[Key] = []
    for block in blocks:
        section: list[Key] = []
        for members in lists:
            _merge(section, [key for key in members if key[0] == block])
        found += section
    return found


def _merge(known: list[Any], new: Sequence[Any]) -> None:
    """Insert what is new behind the item it follows, before the first common item, or at the end if none is common."""
    place = next((known.index(item) for item in new if item in known), len(known))
    for item in new:
        if item in known:
            place = known.index(item)
        else:
            known.insert(place, item)
        place += 1


def chosen_parameters(
    names: Sequence[Sequence[str]], keep: Sequence[str] | None, drop: Sequence[str] | None
) -> list[tuple[str, ...]]:
    """The parameters of each model that ``keep`` names and ``drop`` does not; ``*`` stands for any text.

    Raises
    ------
    OptionError : an entry that fits no parameter, or nothing is left.
    """
    every = list(dict.fromkeys(name for own in names for name in own))
    kept = every if keep is None else [name for name in every if name in _matched("keep", keep, every)]
    gone = set() if drop is None else _matched("drop", drop, every)
    left = {name for name in kept if name not in gone}
    if not left:
        raise OptionError(f"keep= and drop= leave no parameter; parameters: {', '.join(every)}")
    return [tuple(name for name in own if name in left) for own in names]


def _matched(argument: str, patterns: Sequence[str], names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        # of the shell's wildcards only the star: brackets are part of formulaic's names
        wanted = re.compile(".*".join(map(re.escape, str(pattern).split("*"))), re.DOTALL)
        fitting = {name for name in names if wanted.fullmatch(name)}
        if not fitting:
            raise OptionError.of(argument, pattern, f"a parameter, or a pattern with *: {', '.join(names)}")
        found |= fitting
    return found
