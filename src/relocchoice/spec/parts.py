"""The text of a three-part formula taken apart: response ~ generic | case-specific | alternative-specific."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from formulaic.errors import FormulaicError
from formulaic.parser import DefaultFormulaParser
from formulaic.parser.algos.tokenize import tokenize
from formulaic.parser.types import ASTNode, Factor, Term, Token

from relocchoice.errors import SpecificationError
from relocchoice.spec.expressions import CALLABLE, Expression, checked_expression

PART_NAMES = ("one", "two", "three")
PART_ROLES = ("generic coefficients", "case-specific variables", "alternative-specific coefficients")
MOST_TERMS = 2_000
MOST_PRODUCTS = 2_000
MOST_CHARACTERS = 60_000
CLOSERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class ParsedTerm:
    """A term of one part: the product of its factors.

    Attributes
    ----------
    label : the term as it is written in tables.
    factors : its factors, checked; none for the intercept.
    lookup : the column, when the term is one column as it stands; else None.
    term : formulaic's own.
    """

    label: str
    factors: tuple[Expression, ...]
    lookup: str | None
    term: Term


def split_formula(text: str) -> tuple[str, tuple[str, str, str]]:
    """Response and the three parts of a formula; a part that is not written is ``"0"``, part two ``"1"``.

    Raises
    ------
    SpecificationError : no text, more than one ``~``, more than three parts, an empty part, an unclosed bracket.
    """
    if not isinstance(text, str):
        raise SpecificationError(f"a formula is text such as 'chosen ~ cost | income', not {type(text).__name__}")
    _check_length(text)
    sides = split_outside(text, "~")
    if len(sides) > 2:
        raise SpecificationError(
            f"formula {shortened(text, 400)!r} has {len(sides) - 1} '~'; write one, after the chosen column"
        )
    response = sides[0].strip() if len(sides) == 2 else ""
    parts = [part.strip() for part in split_outside(sides[-1], "|")]
    if len(parts) > 3:
        raise SpecificationError(
            f"formula {shortened(text, 400)!r} has {len(parts)} parts; there are three: {' | '.join(PART_ROLES)} "
            "(put a | that means 'or' in brackets)"
        )
    for name, part in zip(PART_NAMES, parts, strict=False):
        if not part:
            raise SpecificationError(
                f"part {name} of formula {shortened(text, 400)!r} is empty; write 0 for a part without terms"
            )
    one, two, three = parts + ["0", "1", "0"][len(parts) :]
    return _unquoted(response), (one, two, three)


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise SpecificationError(
            f"the formula {shortened(text)!r} has {len(text):,} characters, more than the {MOST_CHARACTERS:,} that are "
            "read; name the terms once each"
        )


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a character that stands outside brackets, quotes and backticks.

    Raises
    ------
    SpecificationError : a bracket, quote or backtick is not closed.
    """
    pieces, start = [], 0
    for position in _outside(text):
        if text[position] == separator:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]


def _outside(text: str) -> Iterator[int]:
    """Positions of the characters outside brackets, quotes and backticks."""
    awaited: list[str] = []
    escaped = False
    for position, character in enumerate(text):
        quoted = bool(awaited) and awaited[-1] in "'\"`"
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif awaited and character == awaited[-1]:
            awaited.pop()
        elif quoted:
            continue
        elif character in "'\"`":
            awaited.append(character)
        elif character in CLOSERS:
            awaited.append(CLOSERS[character])
        elif not awaited:
            yield position
    if awaited:
        raise SpecificationError(f"formula {shortened(text.strip(), 400)!r} ended before {awaited[-1]!r} was closed")


def _unquoted(response: str) -> str:
    return response[1:-1] if len(response) > 1 and response[0] == response[-1] == "`" else response


@lru_cache(maxsize=256)
def parse_part(text: str, intercept: bool) -> tuple[ParsedTerm, ...]:
    """Terms of one part, checked; the intercept, when there is one, is a term without factors. Nothing is evaluated.

    Parameters
    ----------
    text : the part, e.g. ``"log(land_price) + policy:size"``.
    intercept : whether the part has an intercept unless ``0`` or ``-1`` takes it away.

    Raises
    ------
    SpecificationError : names the part, what is wrong with it and what to write instead.
    """
    return _parsed_once(text, intercept) if isinstance(text, str) else _parsed(text, intercept)


def _parsed(text: str, intercept: bool) -> tuple[ParsedTerm, ...]:
    _check_tokens(text)
    parser = DefaultFormulaParser(include_intercept=False, feature_flags=DefaultFormulaParser.FeatureFlags.NONE)
    try:
        _check_size(parser.get_ast(text), text)
        found = parser.get_terms(f"1 + {text}" if intercept else text)
        terms = [term for term in found if isinstance(term, Term)]
    except (FormulaicError, SyntaxError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SpecificationError(f"cannot read {shortened(text, 400)!r} in a formula: {_first_line(error)}") from None
    except (RecursionError, MemoryError):
        raise SpecificationError("a formula is nested too deeply to be read") from None
    parsed = tuple(_checked_term(term, text) for term in terms)
    if not parsed and text.replace(" ", "") not in ("0", "-1", "+0", "1", "1-1"):
        raise SpecificationError(f"no term is left of {text!r}; write 0 for a part without terms")
    return parsed


_parsed_once = lru_cache(maxsize=256)(_parsed)  # a fit reads each part several times


def _check_tokens(text: str) -> None:
    """Refuse what formulaic would accept with another meaning than the user's."""
    _check_length(text)
    try:
        tokens = list(tokenize(text))
    except (FormulaicError, ValueError) as error:
        raise SpecificationError(f"cannot read {shortened(text, 400)!r} in a formula: {_first_line(error)}") from None
    for token in tokens:
        if token.token == "." and token.kind is not Token.Kind.PYTHON:
            raise SpecificationError(f"'.' in {text!r} would take all columns; name the columns that are meant")
    for token, following in pairwise(tokens):
        if token.kind in (Token.Kind.NAME, Token.Kind.PYTHON) and following.token in ("**", "^"):
            raise SpecificationError(
                f"{token.token!r} to a power in {text!r} means a product of terms here; write I({token.token}**2)"
            )
        if token.kind is Token.Kind.NAME and token.token in CALLABLE and following.token == "(":
            raise SpecificationError(f"no blank may stand between {token.token!r} and '(' in {text!r}")


def _check_size(tree: Any, text: str) -> None:
    """Refuse a tree of operators that would give too many terms, before any of them is made.

    Raises
    ------
    SpecificationError : the terms, or the products that a power tries, are too many.
    """
    order, ahead = [], [tree]
    while ahead:  # long sums are deep trees
        node = ahead.pop()
        order.append(node)
        ahead += getattr(node, "args", ())
    size: dict[int, int] = {}
    for node in reversed(order):
        if isinstance(node, ASTNode):
            size[id(node)] = _size(node, [size.get(id(argument), 1) for argument in node.args], text)


def _size(node: ASTNode, inside: list[int], text: str) -> int:
    """At most how many terms an operator makes of terms."""
    operator = str(node.operator)
    if operator in ("**", "^"):
        base, exponent = inside[0], str(node.args[1])
        power = int(exponent) if exponent.isdigit() and len(exponent) < 5 else MOST_PRODUCTS + 1
        if power > MOST_PRODUCTS or base**power > MOST_PRODUCTS:
            raise SpecificationError(
                f"the power {exponent[:12]} of {base} terms in {shortened(text)!r} multiplies out to more than "
                f"{MOST_PRODUCTS:,} products, the most that are made; write the terms that are meant"
            )
        return base**power
    size = math.prod(inside) if operator in (":", "in") else sum(inside)
    if operator in ("*", "/"):
        size += math.prod(inside)
    if size > MOST_TERMS:
        raise SpecificationError(
            f"{shortened(text)!r} multiplies out to more than {MOST_TERMS:,} terms, the most that are made; write the "
            "terms that are meant"
        )
    return size


def shortened(text: str, width: int = 80) -> str:
    """A text for a message: its beginning and its end where it is long."""
    return text if len(text) <= width else f"{text[: width * 3 // 4]}...{text[-width // 5 :]}"


def _checked_term(term: Term, text: str) -> ParsedTerm:
    kinds = Factor.EvalMethod
    literals = [factor.expr for factor in term.factors if factor.eval_method is kinds.LITERAL]
    if literals and (len(term.factors) > 1 or literals != ["1"]):
        raise SpecificationError(
            f"number {literals[0]} in the product {':'.join(f.expr for f in term.factors)!r} of {text!r} has no effect "
            "on the model but to rescale a coefficient; write {2 * x} to multiply a column"
        )
    if literals:
        return ParsedTerm("Intercept", (), None, term)
    factors = tuple(_checked_factor(factor) for factor in term.factors)
    lone = len(factors) == 1 and term.factors[0].eval_method is kinds.LOOKUP
    return ParsedTerm(":".join(factor.text for factor in factors), factors, factors[0].text if lone else None, term)


def _checked_factor(factor: Factor) -> Expression:
    if factor.eval_method is Factor.EvalMethod.LOOKUP:
        return Expression(factor.expr, (factor.expr,))
    return checked_expression(factor.expr)


def _first_line(error: BaseException) -> str:
    """A foreign message without its colours and its copy of the formula."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
    return f"{lines[0].strip()}" if lines and lines[0].strip() else type(error).__name__
