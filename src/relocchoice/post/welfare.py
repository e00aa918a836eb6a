"""Welfare: log-sums, expected maximum utility, and what a change is worth in money.

With a constant marginal utility of money mu (:mod:`relocchoice.post.money`), the compensating variation of a change is
the change of the expected maximum utility over mu (Small & Rosen 1981, Econometrica 49).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import joint_provenance, traced
from relocchoice.engine.bind import shape_map
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.kernels.inclusive import inclusive_values, money_scale
from relocchoice.kernels.protocol import Family
from relocchoice.kernels.registry import family_for
from relocchoice.post.derivatives import prepared
from relocchoice.post.inferred import Derived, Interval, Sampling, infer, weights_note
from relocchoice.post.money import marginal_utility
from relocchoice.post.settings import case_groups
from relocchoice.spec.columns import UtilityColumns

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
ROOT = "(root)"


class LogSums:
    """Log-sums of the cases of some data at any parameters."""

    def __init__(self, fit: ChoiceResults, data: ChoiceData | None) -> None:
        self.data = prepared(fit, data)
        self._columns: UtilityColumns = fit.encoding.columns(self.data)
        family = family_for(fit.spec, self.data.alternatives)
        self._order = family.slot_order(self.data.n_alternatives)
        self.family: Family = family.at(self._order)
        self._shapes = shape_map(fit.spec, family)
        there = np.zeros((self.data.n_cases, self.data.n_alternatives), dtype=bool)
        there[self.data.row_case(), self.data.row_alternative] = True
        self._available = np.ascontiguousarray(there.T[self._order])

    def shape(self, theta: Floats) -> Floats:
        """(L,) shapes of the family."""
        return self._shapes.constant + self._shapes.matrix @ theta[len(self._columns.names) :]

    def at(self, theta: Floats) -> tuple[tuple[str, ...], Floats]:
        """Names of the nests and (1 + M, n) log-sums at the user's parameters.

        Raises
        ------
        SpecificationError : the family has no log-sum.
        """
        data = self.data
        v = np.zeros((data.n_cases, data.n_alternatives))
        v[data.row_case(), data.row_alternative] = utilities(self._columns, data, theta)
        found = inclusive_values(self.family, v.T[self._order], self._available, self.shape(theta))
        if found is None:
            raise SpecificationError("this model has no log-sum: its cases take several alternatives")
        return found

    def utility(self, theta: Floats) -> Floats:
        """(n,) expected maximum utility in units of the utilities, without Euler's constant."""
        scale = money_scale(self.family, self.shape(theta))
        if scale is None:
            raise SpecificationError(
                "the log-sum of a nested logit with normalisation='none' is no expected maximum utility; "
                "fit it with normalisation='utility'"
            )
        _, found = self.at(theta)
        return found[0] / scale


def utilities(columns: UtilityColumns, data: ChoiceData, theta: Floats) -> Floats:
    """(R,) utilities of the rows."""
    out = np.zeros(data.n_rows) if columns.offset is None else columns.offset.copy()
    case = data.row_case()
    for column in columns.columns:
        coef = np.broadcast_to(column.coef, (data.n_alternatives,))[data.row_alternative]
        b = np.where(coef >= 0, theta[coef], 0.0)
        if column.values is None:
            out += b
        else:
            out += b * (column.values if column.level == "row" else column.values[case])
    return out


@traced
def logsums(fit: ChoiceResults, data: ChoiceData | None = None) -> pd.DataFrame:
    """(n, 1 + M) log-sums of each case: of all its alternatives (``(root)``) and of those in each nest.

    That of nest m is log sum_c exp(W_c / lambda_m) over its children, W_c = V_c of an alternative and lambda_c times
    its own log-sum of a nest. lambda_m times it is on the scale of the root, and comparable with other nests'. (With
    ``normalisation="none"`` utilities are those inside the nests, log sum_c exp(V_c) without lambda_m.)

    Raises
    ------
    SpecificationError : a model of sets.
    DataError : a fit without data.
    """
    made = LogSums(fit, data)
    names, found = made.at(np.array(fit.moments.theta, dtype=float))
    return pd.DataFrame(found.T, index=made.data.cases, columns=[ROOT, *names])


@traced
def expected_utility(fit: ChoiceResults, data: ChoiceData | None = None) -> pd.Series:
    """(n,) expected maximum utility of each case, in units of the utilities and without Euler's constant."""
    made = LogSums(fit, data)
    return pd.Series(made.utility(np.array(fit.moments.theta, dtype=float)), made.data.cases, name="expected utility")


@traced
def surplus(
    fit: ChoiceResults, after: ChoiceData, cost: str | None = None, before: ChoiceData | None = None
) -> pd.Series:
    """(n,) compensating variation of each case: what the change to ``after`` is worth to it, in units of the cost.

    Parameters
    ----------
    after, before : the same cases after and before the change; None before: the data of the fit.
    cost : parameter of the cost, see :func:`relocchoice.post.money.marginal_utility`; None for units of utility.

    Raises
    ------
    SpecificationError : the parameter is no price of utility, or the model has no log-sum.
    DataError : other cases.
    """
    pair = _Pair(fit, before, after, cost)
    return pd.Series(pair.by_case(np.array(fit.moments.theta, dtype=float)), pair.cases, name="surplus")


def welfare_change(
    fit: ChoiceResults,
    after: ChoiceData,
    cost: str | None = None,
    before: ChoiceData | None = None,
    *,
    by: str | None = None,
    interval: Interval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Derived:
    """Mean (and total) worth of a change, by groups, with errors.

    Parameters
    ----------
    after, before, cost : see :func:`surplus`.
    by : a column with one value a case.
    interval, alpha, draws, seed : see :func:`relocchoice.post.effects.marginal_effects`.
    """
    sampling = Sampling(interval, alpha, draws, seed)
    pair = _Pair(fit, before, after, cost)
    data = pair.before.data
    codes, labels = case_groups(data, by)
    weights = np.ones(data.n_cases) if data.weights is None else np.array(data.weights)
    total = np.bincount(codes, weights=weights, minlength=len(labels))

    def function(at: Floats, gradient: bool) -> tuple[Floats, Floats | None]:
        sums = np.bincount(codes, weights=weights * pair.by_case(at), minlength=len(labels))
        return np.concatenate([sums / total, sums]), None

    found = infer(fit, function, sampling)
    keys = [(figure, label) for figure in ("mean", "total") for label in (labels if by else ("all cases",))]
    unit = "utility" if cost is None else f"units of {cost}"
    notes = (
        f"Change of the expected maximum utility, in {unit}; positive where the change is for the better.",
        weights_note(fit, data.weights is not None, data.weight_kind).replace("Averages", "Means and totals"),
        *found.notes,
    )
    table = found.frame(pd.MultiIndex.from_tuples(keys, names=["figure", by or "cases"]))
    return Derived(
        "Welfare change", table, notes, interval, alpha, found.covariance, joint_provenance(fit, after, before)
    )


class _Pair:
    """The same cases before and after a change."""

    def __init__(self, fit: ChoiceResults, before: ChoiceData | None, after: ChoiceData, cost: str | None) -> None:
        if after is None:
            raise OptionError.of("after", after, "choice data")
        self.before, self.after = LogSums(fit, before), LogSums(fit, after)
        self.cases = self.before.data.cases
        if not self.cases.equals(self.after.data.cases):
            raise DataError("the data before and after hold different cases; give the same ones in the same order")
        self._money = None if cost is None else marginal_utility(fit, cost, self.before.data, self.after.data)

    def by_case(self, theta: Floats) -> Floats:
        """(n,) change in units of utility or of the cost."""
        change = self.after.utility(theta) - self.before.utility(theta)
        return change if self._money is None else change / self._money.at(theta)
