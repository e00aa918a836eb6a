"""Linear equations over parameter names, read from text without evaluating any of it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from relocchoice.errors import SpecificationError

_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_QUOTED = re.compile(r"`([^`]*)`")
_OPERATORS = "+-*/()=,"
_DEEPEST = 50


@dataclass(frozen=True, slots=True, eq=False)
class LinearForm:
    """weights' theta + constant.

    Attributes
    ----------
    weights : (p,) factors of the parameters.
    constant : what is added.
    """

    weights: NDArray[np.float64]
    constant: float

    @property
    def is_constant(self) -> bool:
        """Whether no parameter is in it."""
        return not self.weights.any()

    def plus(self, other: LinearForm, sign: float = 1.0) -> LinearForm:
        """The sum, or with ``sign=-1`` the difference."""
        return LinearForm(self.weights + sign * other.weights, self.constant + sign * other.constant)

    def times(self, factor: float) -> LinearForm:
        """The multiple."""
        return LinearForm(self.weights * factor, self.constant * factor)


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind`` is ``"number"``, ``"name"``, an operator, or ``"end"``; ``value`` the number or the name's position."""

    kind: str
    value: float = 0.0


def linear_equations(text: str, names: Sequence[str]) -> list[LinearForm]:
    """The forms that the equations in the text set to zero; an expression without an equals sign is set to zero itself.

    Grammar: equations separated by commas; ``a = b = c`` is two equations; ``+ - * /``, brackets, numbers and parameter
    names. At each place the longest name that fits is read; backticks mark a name.

    Raises
    ------
    SpecificationError
        For an unknown name (close names are listed), an expression that is not linear, or one that is not complete.
    """
    tokens = _tokens(text, names)
    if len(tokens) == 1:
        raise SpecificationError(f"hypothesis {text!r} is empty: write e.g. 'x = 0'")
    return _Parser(text, tokens, len(names)).equations()


def _tokens(text: str, names: Sequence[str]) -> list[_Token]:
    longest_first = sorted(range(len(names)), key=lambda position: -len(names[position]))
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        token, length = _next_token(text, place, names, longest_first)
        tokens.append(token)
        place += length
    return [*tokens, _Token("end")]


def _next_token(text: str, place: int, names: Sequence[str], longest_first: Sequence[int]) -> tuple[_Token, int]:
    number = _NUMBER.match(text, place)
    digits = len(number[0]) if number else 0
    for position in longest_first:
        name = names[position]
        if len(name) > digits and text.startswith(name, place) and _ends_there(text, place, name):
            return _Token("name", position), len(name)
    if number:
        if not math.isfinite(float(number[0])):
            raise SpecificationError(f"hypothesis {text!r}: the number {number[0]} is too large")
        return _Token("number", float(number[0])), digits
    quoted = _QUOTED.match(text, place)
    if quoted:
        if quoted[1] not in names:
            raise _unknown(quoted[1], text, names)
        return _Token("name", names.index(quoted[1])), len(quoted[0])
    if text[place] in _OPERATORS:
        return _Token(text[place]), 1
    word = re.split(r"[\s=,+*/]", text[place:], maxsplit=1)[0] or text[place]
    raise _unknown(word, text, names)


def _ends_there(text: str, place: int, name: str) -> bool:
    """Whether the name is not merely the beginning of a longer word."""
    end = place + len(name)
    follows = text[end : end + 1]
    inside = follows.isalnum() or follows in ("_", ":", "[", ".")
    return not (follows and inside and (name[-1].isalnum() or name[-1] in "_)]"))


def _unknown(word: str, text: str, names: Sequence[str]) -> SpecificationError:
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(map(repr, close))}?" if close else f"parameters: {', '.join(names)}"
    return SpecificationError(f"hypothesis {text!r}: no parameter is called {word!r}; {hint}")


@dataclass(slots=True)
class _Parser:
    """Recursive descent over the tokens; the only state is the place."""

    text: str
    tokens: list[_Token]
    size: int
    place: int = 0
    depth: int = 0

    def equations(self) -> list[LinearForm]:
        found: list[LinearForm] = []
        while True:
            sides = [self.sum()]
            while self.take("="):
                sides.append(self.sum())
            sides = sides if len(sides) > 1 else [*sides, self.constant(0.0)]
            found += [left.plus(right, -1.0) for left, right in pairwise(sides)]
            if not self.take(","):
                break
        if self.tokens[self.place].kind != "end":
            raise self.error("an operator (+, -, *, /, =) or a comma is missing")
        if any(difference.is_constant for difference in found):
            raise self.error("an equation restricts no parameter")
        return found

    def sum(self) -> LinearForm:
        total = self.product()
        while operator := self.take("+", "-"):
            total = total.plus(self.product(), 1.0 if operator == "+" else -1.0)
        return total

    def product(self) -> LinearForm:
        total = self.signed()
        while operator := self.take("*", "/"):
            other = self.signed()
            if operator == "/":
                total = self.divided(total, other)
            elif other.is_constant:
                total = total.times(other.constant)
            elif total.is_constant:
                total = other.times(total.constant)
            else:
                raise self.error("a product of two parameters is not linear")
        return total

    def divided(self, total: LinearForm, other: LinearForm) -> LinearForm:
        if not other.is_constant:
            raise self.error("division by a parameter is not linear")
        if other.constant == 0:
            raise self.error("division by zero")
        return total.times(1.0 / other.constant)

    def signed(self) -> LinearForm:
        sign = 1.0
        while operator := self.take("+", "-"):
            sign = -sign if operator == "-" else sign
        return self.primary().times(sign)

    def primary(self) -> LinearForm:
        token = self.tokens[self.place]
        self.place += token.kind != "end"
        if token.kind == "number":
            return self.constant(token.value)
        if token.kind == "name":
            weights = np.zeros(self.size)
            weights[int(token.value)] = 1.0
            return LinearForm(weights, 0.0)
        if token.kind != "(":
            raise self.error("a number or a parameter is missing")
        return self.bracketed()

    def bracketed(self) -> LinearForm:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"brackets are nested more than {_DEEPEST} deep")
        inner = self.sum()
        if not self.take(")"):
            raise self.error("a closing bracket is missing")
        self.depth -= 1
        return inner

    def take(self, *kinds: str) -> str:
        kind = self.tokens[self.place].kind
        if kind not in kinds:
            return ""
        self.place += 1
        return kind

    def constant(self, value: float) -> LinearForm:
        return LinearForm(np.zeros(self.size), value)

    def error(self, why: str) -> SpecificationError:
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "..."
        return SpecificationError(f"hypothesis {shown!r}: {why}; write e.g. 'x - 2*y = 1'")
