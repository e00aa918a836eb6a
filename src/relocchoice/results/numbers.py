"""Numbers as the field's tables print them; the objects keep full precision."""

from __future__ import annotations

import math

MISSING = "n/a"
_LARGEST_EXPONENT = 12
_SMALLEST_EXPONENT = -4
_NOISE = 1e-9
_WHOLE = 1e15


def significant(value: float, digits: int = 6, scale: float = math.nan) -> str:
    """The number with ``digits`` significant digits, in positional notation where that stays short.

    Parameters
    ----------
    value : the number; NaN gives ``"n/a"``, infinities ``"+inf"`` and ``"-inf"``.
    digits : significant digits; digits before the decimal point are never dropped.
    scale : size against which the value is judged (its standard error); below a billionth of it the value is rounding
        noise and printed as ``"0"``. NaN and infinity judge nothing.
    """
    if not math.isfinite(value):
        return not_finite(value)
    if value == 0 or (math.isfinite(scale) and abs(value) < _NOISE * scale):
        return "0"
    scientific = f"{value:.{digits - 1}e}"
    exponent = int(scientific.partition("e")[2])
    if not _SMALLEST_EXPONENT <= exponent < _LARGEST_EXPONENT:
        return scientific
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def decimals(value: float, places: int) -> str:
    """The number with a fixed number of decimals, never ``-0.000``."""
    if not math.isfinite(value):
        return not_finite(value)
    text = f"{value:.{places}f}" if abs(value) < 10.0**_LARGEST_EXPONENT else f"{value:.{places}e}"
    return text.lstrip("-") if float(text) == 0 else text


def ratio(value: float) -> str:
    """A rho-squared; ``n/a`` where it is not known."""
    return MISSING if math.isnan(value) else decimals(value, 4)


def pvalue(value: float, places: int = 3) -> str:
    """A p-value, e.g. ``"0.042"`` or ``"<0.001"``."""
    if math.isfinite(value) and value < 10.0**-places:
        return f"<{10.0**-places:.{places}f}"
    return decimals(value, places)


def likelihood(value: float) -> str:
    """A log-likelihood or an information criterion: three decimals, six where it is smaller than one."""
    if math.isnan(value):
        return "not available"
    return decimals(value, 6 if abs(value) < 1 else 3)


def count(value: float) -> str:
    """A number of cases or a sum of weights, with thousands separated when it is whole."""
    if math.isfinite(value) and value == round(value) and abs(value) < _WHOLE:
        return f"{value:,.0f}"
    return significant(value)


def not_finite(value: float) -> str:
    """Words for NaN and the infinities."""
    if math.isnan(value):
        return MISSING
    return "+inf" if value > 0 else "-inf"


def plain(value: float) -> str:
    """A probability as the user wrote it, e.g. ``"0.025"``, without binary rounding noise."""
    return f"{value:.6g}"
