"""A comparison of two figures as a value, and the comparisons that the seed tables need."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of a printed figure with another.

    Attributes
    ----------
    statement : what is compared, with the rounding where there is one.
    expected : the figure the statement starts from, usually printed.
    found : the figure computed from the tables.
    agrees : whether they are the same (or within the bound that the statement names).
    """

    statement: str
    expected: float | str
    found: float | str
    agrees: bool


def counted(count: Any) -> int:
    """A count as a plain int, whatever scalar pandas makes of a cell or a sum."""
    return int(count)


def same(statement: str, expected: float | str, found: float | str) -> Check:
    """A check that two figures are equal."""
    return Check(statement, expected, found, expected == found)


def at_most(statement: str, bound: float, found: float) -> Check:
    """A check that a figure does not exceed a bound."""
    return Check(statement, bound, found, found <= bound)


def rounded_percent(part: float, whole: float, digits: int) -> float:
    """100 part / whole, halves rounded up as in print; digits after the point."""
    step = Decimal(1).scaleb(-digits)
    return float((Decimal(str(part)) * 100 / Decimal(str(whole))).quantize(step, ROUND_HALF_UP))


def same_percent(statement: str, printed: float, part: float, whole: float, digits: int = 0) -> Check:
    """A check of a printed percentage against its parts."""
    words = "whole percent" if digits == 0 else f"{digits} decimal"
    found = rounded_percent(part, whole, digits)
    return same(f"{statement} ({part:g} of {whole:g}, rounded to {words})", float(printed), found)
