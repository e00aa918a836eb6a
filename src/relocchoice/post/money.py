"""What a unit of utility costs: the marginal utility of money, where there is one.

It is minus the derivative of the utilities in the cost. Welfare in money needs it to be one number a case, the same for
all its alternatives and before and after a change, as in the compensating variation of Small & Rosen (1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show
from relocchoice.errors import SpecificationError
from relocchoice.post.movements import Movement, column_of, movement, names_variable
from relocchoice.post.settings import columns_read, parts_of, variables_of
from relocchoice.spec.columns import Column
from relocchoice.spec.labels import hint, plain

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
SAME = 1e-7
WAY_OUT = "leave cost= out for units of utility, or let the cost enter as it is, alone or times what is one a case"


@dataclass(frozen=True, slots=True, eq=False)
class MarginalUtility:
    """The marginal utility of money of each case.

    Attributes
    ----------
    terms : pairs of a coefficient's position and its (n,) factors.
    """

    terms: tuple[tuple[int, Floats], ...]

    def at(self, theta: Floats) -> Floats:
        """(n,) units of utility for one unit of the cost less, at the user's parameters."""
        return -sum((theta[k] * factor for k, factor in self.terms), np.zeros(1))


def position(fit: ChoiceResults, name: str) -> int:
    """Position of a parameter.

    Raises
    ------
    SpecificationError : there is none of that name.
    """
    names = [str(one) for one in fit.parameters.index]
    if name not in names:
        raise SpecificationError(f"no parameter {name!r}; {hint(name, names)}")
    return names.index(name)


def marginal_utility(fit: ChoiceResults, cost: str, before: ChoiceData, after: ChoiceData) -> MarginalUtility:
    """The marginal utility of money, from the coefficient of the cost and what it is multiplied with elsewhere.

    Parameters
    ----------
    cost : a coefficient that all alternatives share, of a column of the data or a linear function of it.
    before, after : the same cases; interactions are with what the change leaves alone.

    Raises
    ------
    SpecificationError : there is no such coefficient, or no single, positive and constant marginal utility.
    """
    at = position(fit, cost)
    if fit.parameters["status"].iloc[at] in ("infinite", "flat", "dropped"):
        raise SpecificationError(f"the coefficient of {cost!r} has no estimate, so utility has no price")
    variable = _variable(fit, cost, at, before)
    moving = movement(fit.encoding, before, variable)
    if moving.offset is not None:
        raise SpecificationError(f"{variable!r} also stands in the offset, so money has no estimated price: {WAY_OUT}")
    unit = _unit(moving, at)
    terms = [(column.coef, _of_cases(moving, column, cost, before) / unit) for column in moving.columns]
    out = MarginalUtility(tuple((int(k), factor) for k, factor in terms))
    _check_untouched(fit, moving, before, after)
    value = out.at(np.array(fit.moments.theta, dtype=float))
    wrong = int(np.argmin(value))
    if not value[wrong] > 0:
        where = "" if len(terms) == 1 else f" for case {show(plain(before.cases[wrong]))}, interactions counted"
        raise SpecificationError(
            f"the coefficient of {cost!r} is {-value[wrong]:.6g}{where}; a cost has a negative one"
        )
    return out


def told(fit: ChoiceResults, cost: str) -> str:
    """What is not plain about the cost of a ratio of coefficients; empty where it stands alone and as it is."""
    labels = [label for part in parts_of(fit) for label in part.labels]
    names = [name for name in columns_read(fit) if names_variable(cost, name)]
    others = [label for label in labels if label != cost and any(names_variable(label, name) for name in names)]
    if others:
        return f"{', '.join(dict.fromkeys(others))} also moves with {cost}: the ratio holds where that is zero."
    if names and cost not in (names[0], f"`{names[0]}`"):
        return f"The unit is one of {cost}, not one of {' or '.join(names)}."
    return ""


def _variable(fit: ChoiceResults, cost: str, at: int, data: ChoiceData) -> str:
    """The column of the data behind the coefficient of the cost."""
    columns = fit.encoding.columns(data.select(slice(0, 1))).columns
    own = [column for column in columns if isinstance(column.coef, int | np.integer) and column.coef == at]
    if not own:
        raise SpecificationError(
            f"{cost!r} is not one coefficient for all alternatives, so money has no single marginal utility"
        )
    names = [name for name in variables_of(fit, data) if names_variable(own[0].label, name)]
    if len(names) != 1:
        raise SpecificationError(
            f"the coefficient of {cost!r} is of {own[0].label!r}, which is no amount of money: name the coefficient of "
            "a single column"
        )
    return names[0]


def _unit(moving: Movement, at: int) -> float:
    """The derivative of the cost's own term in its column, the same everywhere."""
    label, values = next((column.label, column.values) for column in moving.columns if np.all(column.coef == at))
    if values is None:
        return 1.0
    if not _alike(float(values.min()), float(values.max())):
        raise SpecificationError(
            f"{label!r} is no linear function of {moving.variable!r}, so the marginal utility of money depends on how "
            f"much is paid: {WAY_OUT}"
        )
    return float(values.mean())


def _of_cases(moving: Movement, column: Column, cost: str, data: ChoiceData) -> Floats:
    """(n,) the derivative of a term in the cost, the same for all alternatives of a case."""
    if isinstance(column.coef, int | np.integer):
        if column.values is None:
            return np.ones(data.n_cases)
        starts = data.offsets[:-1].astype(np.intp)
        low, high = np.minimum.reduceat(column.values, starts), np.maximum.reduceat(column.values, starts)
        if all(map(_alike, low, high)):
            return (low + high) / 2
    raise SpecificationError(
        f"{moving.variable!r} also stands in {column.label!r}, by which the marginal utility of money differs between "
        f"alternatives, so that {cost!r} is no price of utility: {WAY_OUT}"
    )


def _alike(low: float, high: float) -> bool:
    return high - low <= SAME * max(abs(low), abs(high))


def _check_untouched(fit: ChoiceResults, moving: Movement, before: ChoiceData, after: ChoiceData) -> None:
    """What the cost is multiplied with is the same before and after."""
    labels = [column.label for column in moving.columns]
    first, case = before.offsets[:-1].astype(np.intp), after.row_case()
    for name in variables_of(fit, before):
        if name == moving.variable or not any(names_variable(label, name) for label in labels):
            continue
        held = column_of(before, name).to_numpy()[first][case]
        if not np.array_equal(held, column_of(after, name).to_numpy()):
            raise SpecificationError(
                f"the change is also one of {name!r}, with which the marginal utility of money changes: there is no "
                "single price of utility; leave cost= out for units of utility"
            )
