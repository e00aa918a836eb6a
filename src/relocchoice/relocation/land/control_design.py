"""What a control function is made of: the columns of its first stage, and the model with the residual in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation.land.first_stage import CONSTANT, Regression
from relocchoice.relocation.land.markets import Markets, by_market, market_labels, markets_of, varies_within_market
from relocchoice.spec.evaluate import TermsEncoding, apply_terms, learn_terms
from relocchoice.spec.formula import Formula
from relocchoice.spec.parts import parse_part

Floats = NDArray[np.float64]
Model = MultinomialLogit | NestedLogit
MOST_EFFECTS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How any choice data become the first stage's columns.

    Attributes
    ----------
    price : label of the price, as its column in the utilities is called.
    own : labels of the model's generic columns that are one value a market.
    exogenous, instruments : further terms, and the excluded ones.
    effects : column -> its levels; the first has no dummy.
    """

    price: str
    own: tuple[str, ...]
    exogenous: TermsEncoding | None
    instruments: TermsEncoding
    effects: dict[str, list[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The first stage's columns on the data of the estimation.

    Attributes
    ----------
    markets : M markets; regression : by market; plan : how to make the columns of other data.
    left_out : labels of the model's generic columns that vary within markets and so are not in the first stage.
    """

    markets: Markets
    regression: Regression
    plan: Plan
    left_out: tuple[str, ...]


def price_label(model: Model, price: str) -> str:
    """The price as a column of the utilities is called.

    Raises
    ------
    SpecificationError, OptionError : the model is no formula, the price no single term of its parts one or three.
    """
    if not isinstance(model, (MultinomialLogit, NestedLogit)):
        raise SpecificationError(f"model= is a MultinomialLogit or NestedLogit, not {type(model).__name__}")
    formula = model.spec.specification
    if not isinstance(formula, Formula):
        raise SpecificationError("a control function needs a model written as a formula, which the residual joins")
    terms = parse_part(price, False)
    if len(terms) != 1:
        raise OptionError.of("price", price, "one term, e.g. 'log(land_price)'")
    known = [term.label for part in (formula.parts[0], formula.parts[2]) for term in parse_part(part, False)]
    if terms[0].label not in known:
        raise OptionError.of("price", price, f"a term of the model that varies by alternative: {', '.join(known)}")
    return terms[0].label


def with_residual(model: Model, residual: str) -> Model:
    """The model with the residual among its generic terms."""
    formula = model.spec.specification
    assert isinstance(formula, Formula)
    one, two, three = formula.parts
    bare = not parse_part(one, False)
    text = f"{formula.response} ~ {residual if bare else f'{one} + {residual}'} | {two} | {three}"
    return replace(model, utilities=Formula(text, formula.offset), offset=None)


def with_column(data: ChoiceData, name: str, values: Floats) -> ChoiceData:
    """The data with one more column that varies between alternatives, or another in its place."""
    return replace(data, row_columns={**data.row_columns, name: pd.Series(values, name=name)})


def design_of(
    model: Model,
    data: ChoiceData,
    price: str,
    instruments: str,
    exogenous: str | None,
    market: str | Sequence[str] | None,
    effects: Sequence[str],
) -> Design:
    """The first stage on these data.

    Raises
    ------
    DataError, SpecificationError : columns that are missing, not there, or differ within a market.
    """
    markets = markets_of(data, market)
    columns = model.spec.specification.learn(data, model.spec.base).columns(data)
    own, left_out, made = [], [], {}
    for column in columns.columns:
        if column.level != "row" or column.label == price or not isinstance(column.coef, int | np.integer):
            continue
        assert column.values is not None
        if varies_within_market(markets, column.values):
            left_out.append(column.label)
        else:
            own.append(column.label)
            made[column.label] = column.values
    priced = next(column.values for column in columns.columns if column.label == price)
    assert priced is not None
    outside = learn_terms(instruments, data, "row", reduced=True)
    if not outside.values:
        raise SpecificationError(f"instruments={instruments!r} has no terms; name what moves the price only")
    further = None if exogenous is None else learn_terms(exogenous, data, "row", reduced=True)
    levels = _effect_levels(data, markets, effects, any(column.level == "constant" for column in columns.columns))
    plan = Plan(price, tuple(own), None if further is None else further.encoding, outside.encoding, levels)
    repeated = [name for name in outside.encoding.labels if name in own or name == price]
    if further is not None:
        repeated += [name for name in outside.encoding.labels if name in further.encoding.labels]
    if repeated:
        raise SpecificationError(
            f"instruments={instruments!r}: {', '.join(dict.fromkeys(repeated))} is in the utilities or among the "
            "exogenous terms too, so it is no excluded instrument"
        )
    names, values = _assembled(plan, data, made)
    at = np.column_stack([by_market(markets, column, name, data) for name, column in zip(names, values, strict=True)])
    excluded = np.array([name in outside.encoding.labels for name in names])
    return Design(
        markets,
        Regression(by_market(markets, priced, price, data), at, names, excluded),
        plan,
        tuple(left_out),
    )


def _assembled(plan: Plan, data: ChoiceData, own: dict[str, Floats]) -> tuple[tuple[str, ...], list[Floats]]:
    """Names and (R,) values of the columns: constant, the model's own, exogenous, effects, instruments."""
    columns = {CONSTANT: np.ones(data.n_rows), **{name: own[name] for name in plan.own}}
    if plan.exogenous is not None:
        further = apply_terms(plan.exogenous, data)
        columns |= dict(zip(further.encoding.labels, further.values, strict=True))
    for name, levels in plan.effects.items():
        held = data.row_frame([name])[name].to_numpy(dtype=object)
        unknown = ~np.isin(held.astype(str), [str(level) for level in levels])
        if unknown.any():
            raise DataError(f"effects: {name!r} has the new level {show(held[int(np.argmax(unknown))])}")
        columns |= {f"{name}[{level}]": (held == level).astype(np.float64) for level in levels[1:]}
    outside = apply_terms(plan.instruments, data)
    columns |= dict(zip(outside.encoding.labels, outside.values, strict=True))
    return tuple(columns), list(columns.values())


def first_stage_rows(plan: Plan, encoding: Any, data: ChoiceData) -> tuple[Floats, Floats]:
    """(R,) price and (R, k) columns of other data, with the encoding of the fitted model."""
    columns = encoding.columns(data).columns
    values = {column.label: column.values for column in columns if column.level == "row"}
    _, made = _assembled(plan, data, {name: values[name] for name in plan.own})
    return values[plan.price], np.column_stack(made)


def _effect_levels(data: ChoiceData, markets: Markets, effects: Sequence[str], constants: bool) -> dict[str, list[Any]]:
    """The levels of the effects: of the columns asked for, and of the alternatives where the model has constants."""
    names = list(effects)
    role = data.names.get("alternative", "alternative")
    if constants and role not in names and role in data.columns:
        names.insert(0, role)
    out = {}
    for name in names:
        held = market_labels(data, markets, name, "effects")
        levels = (
            [label for label in data.alternatives if label in set(held)] if name == role else list(dict.fromkeys(held))
        )
        if len(levels) > MOST_EFFECTS:
            raise OptionError(
                f"effects={name!r} has {len(levels)} levels; at most {MOST_EFFECTS} can be told apart here"
            )
        out[name] = levels
    return out
