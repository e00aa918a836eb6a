"""From which strength of interaction on a group of alike firms has several equilibria.

Utilities V_j + s m_j with m_j the expected share of place j. With two places, a the gap V_2 - V_1 and x = m_2 - m_1,

    x = tanh((a + s x) / 2)                                    (Brock & Durlauf 2001, REStud 68, their beta J = s / 2),

which has three solutions exactly where s > 2 and |a| < H(s): there the curve touches the diagonal, at
1 - x^2 = 2 / s, so that H(s) = s r - 2 artanh(r), r = sqrt(1 - 2 / s).

With J equal places an equilibrium with one place apart (share p, the others (1 - p) / (J - 1)) needs
s = log(p (J - 1) / (1 - p)) / (p - (1 - p) / (J - 1)); the smallest such s over p is the threshold. It is 2 for J = 2
and lies below J, where the equal shares lose their stability, for J > 2: there the change is a jump
(Brock & Durlauf 2002, American Economic Review 92, on more than two alternatives).
"""

from __future__ import annotations

import math
from numbers import Integral, Real

from scipy.optimize import minimize_scalar

from relocchoice.errors import OptionError


def largest_gap(interaction: float) -> float:
    """H(s): with two places and alike firms there are several equilibria where |V_2 - V_1| is below it; 0 for s <= 2.

    Raises
    ------
    OptionError : an interaction that is no finite number.

    Examples
    --------
    >>> round(largest_gap(3.0), 4)
    0.4151
    """
    s = _number("interaction", interaction)
    if s <= 2:
        return 0.0
    root = math.sqrt(1.0 - 2.0 / s)
    return s * root - 2.0 * math.atanh(root)


def several_equilibria(interaction: float, gap: float = 0.0) -> bool:
    """Whether two places and alike firms with gap V_2 - V_1 in utility have more than one equilibrium.

    Raises
    ------
    OptionError : an argument that is no finite number.
    """
    return abs(_number("gap", gap)) < largest_gap(interaction)


def critical_interaction(n_alternatives: int) -> float:
    """The interaction above which alike firms and equal places have several equilibria.

    Raises
    ------
    OptionError : fewer than two places.

    Examples
    --------
    >>> [round(critical_interaction(j), 4) for j in (2, 3, 5)]
    [2.0, 2.7456, 3.5645]
    """
    if not isinstance(n_alternatives, Integral) or isinstance(n_alternatives, bool) or n_alternatives < 2:
        raise OptionError.of("n_alternatives", n_alternatives, "a whole number of at least 2")
    others = int(n_alternatives) - 1
    if others == 1:
        return 2.0

    def needed(p: float) -> float:
        return math.log(p * others / (1.0 - p)) / (p - (1.0 - p) / others)

    # the needed interaction falls from J at equal shares to one minimum and rises to infinity at p = 1
    found = minimize_scalar(needed, bounds=(1.0 / (others + 1) + 1e-6, 1.0 - 1e-12), method="bounded", options=_FINE)
    return float(found.fun)


_FINE = {"xatol": 1e-12}


def _number(name: str, value: float) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise OptionError.of(name, value, "a finite number")
    return float(value)
