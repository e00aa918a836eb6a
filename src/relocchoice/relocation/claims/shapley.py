"""The log-likelihood split over groups of variables, by Shapley's value.

phi_g = sum over sets S without g of |S|! (K - |S| - 1)! / K! * (l(S + g) - l(S)): what a group adds, averaged over all
orders in which the K groups can enter (Shapley 1953; Shorrocks 2013, Journal of Economic Inequality 11, 99-126). The
parts add up to l(all) - l(none) whatever the correlation between the groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from relocchoice.data.provenance import begun
from relocchoice.errors import OptionError
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

MOST_GROUPS = 10
Names = frozenset[str]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoglikSplit:
    """A gain in log-likelihood and its parts.

    Attributes
    ----------
    table : index the K groups; ``first``, the gain where the group enters alone, ``last``, where it enters behind all
        others, ``shapley``, the average over all orders, and ``share`` of the whole gain in percent (NaN without one).
    none, all : log-likelihood without and with all groups.
    provenance : where the data come from, where nobody observed them.
    """

    table: pd.DataFrame
    none: float
    all: float
    provenance: str = ""

    @property
    def gain(self) -> float:
        """``all - none``."""
        return self.all - self.none

    def summary(self) -> Summary:
        """The parts as a table."""
        rows = tuple(
            (str(name), *(numbers.decimals(float(value), 2) for value in row[:3]), numbers.decimals(float(row[3]), 1))
            for name, row in zip(self.table.index, self.table.to_numpy(), strict=True)
        )
        return Summary(
            Table(
                title=begun(self.provenance, "Log-likelihood by group of variables"),
                columns=("", "entering first", "entering last", "Shapley", "% of the gain"),
                rows=(*rows, ("whole gain", "", "", numbers.decimals(self.gain, 2), "")),
                header=(
                    ("LL without the groups", numbers.likelihood(self.none)),
                    ("LL with all", numbers.likelihood(self.all)),
                ),
                notes=("Shapley: the gain of a group averaged over all orders in which the groups can enter.",),
            )
        )

    def __repr__(self) -> str:
        return str(self.summary())


setattr(LoglikSplit, "table", CopiedFrame(vars(LoglikSplit)["table"]))  # noqa: B010


def shapley_split(groups: tuple[str, ...], loglik: Callable[[Names], float], provenance: str = "") -> LoglikSplit:
    """Split a gain in log-likelihood.

    Parameters
    ----------
    groups : K names, 1 to 10; 2^K models are estimated.
    loglik : maximum of the model that holds these groups, and always the rest; it is called once a set.
    provenance : of the data.

    Raises
    ------
    OptionError : no groups, repeated ones or more than ten.
    """
    if not groups or len(set(groups)) < len(groups) or len(groups) > MOST_GROUPS:
        raise OptionError.of("groups", groups, f"1 to {MOST_GROUPS} different names")
    sets = [frozenset(chosen) for size in range(len(groups) + 1) for chosen in combinations(groups, size)]
    held = {names: float(loglik(names)) for names in sets}
    none, everything = held[frozenset()], held[frozenset(groups)]
    rows = []
    for group in groups:
        shapley = _value(group, len(groups), held)
        share = 100 * shapley / (everything - none) if everything > none else math.nan
        first = held[frozenset({group})] - none
        last = everything - held[frozenset(groups) - {group}]
        rows.append((first, last, shapley, share))
    table = pd.DataFrame(rows, columns=["first", "last", "shapley", "share"], index=pd.Index(groups, name="group"))
    return LoglikSplit(table, none, everything, provenance)


def _value(group: str, size: int, held: Mapping[Names, float]) -> float:
    return math.fsum(
        math.factorial(len(names))
        * math.factorial(size - len(names) - 1)
        / math.factorial(size)
        * (held[names | {group}] - value)
        for names, value in held.items()
        if group not in names
    )
