"""From coefficients to free parameters: fixed values, ties and bounds as one affine map.

theta = constant + matrix @ free, with a column of 0 and 1 for each free parameter. So with L the log-likelihood,
dL/dfree = matrix' dL/dtheta and d2L/dfree2 = matrix' (d2L/dtheta2) matrix; a covariance goes back by matrix V matrix'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relocchoice.errors import Finding, SpecificationError
from relocchoice.spec.labels import hint, listed

Status = Literal["free", "fixed", "tied"]
LARGEST_FIXED = 1e100
Bounds: TypeAlias = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the user fixes, ties and bounds.

    Attributes
    ----------
    fixed : parameter -> its value.
    equal : groups of parameters that have one common value; groups that share a parameter are one group.
    bounds : parameter -> (lower, upper), None where there is no bound.

    Raises
    ------
    SpecificationError : a value is no number, a group no list of names, a bound no pair.

    Examples
    --------
    >>> Constraints(fixed={"lambda:metro": 1.0}, equal=[["cost:air", "cost:train"]], bounds={"time": (None, 0.0)}).fixed
    {'lambda:metro': 1.0}
    """

    fixed: Mapping[str, float] = field(default_factory=dict)
    equal: Sequence[Sequence[str]] = ()
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    def __post_init__(self) -> None:
        findings = _shape_problems(self)
        if findings:
            raise SpecificationError(findings)
        # copies, so that the value stays what it was when the user's mappings change
        object.__setattr__(self, "fixed", {name: float(value) for name, value in self.fixed.items()})
        object.__setattr__(self, "equal", tuple(tuple(group) for group in self.equal))
        object.__setattr__(self, "bounds", {name: tuple(pair) for name, pair in self.bounds.items()})

    def to_dict(self) -> dict[str, Any]:
        """The constraints as JSON values; a bound that is infinite is None."""
        return {
            "fixed": dict(self.fixed),
            "equal": [list(group) for group in self.equal],
            "bounds": {name: [_json_bound(bound) for bound in pair] for name, pair in self.bounds.items()},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Constraints:
        """The constraints that :meth:`to_dict` wrote."""
        return cls(stored["fixed"], stored["equal"], stored["bounds"])


@dataclass(frozen=True, slots=True, eq=False)
class ParamSpace:
    """The affine map from q free parameters to p coefficients, theta = constant + matrix @ free.

    Attributes
    ----------
    names : (p,) names of the coefficients.
    constant : (p,) the values of the fixed coefficients, 0 elsewhere.
    matrix : (p, q) of 0 and 1; a row of zeros for a fixed coefficient, one 1 in every other row.
    free_names : (q,) names of the free parameters; a tied group has the name of its first member.
    lower, upper : (q,) bounds, infinite where there are none.
    status : (p,) ``"free"``, ``"fixed"`` or ``"tied"`` (every member of a group that is not fixed).
    """

    names: tuple[str, ...]
    constant: NDArray[np.float64]
    matrix: NDArray[np.float64]
    free_names: tuple[str, ...]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    status: tuple[Status, ...]

    def expand(self, free: NDArray[np.float64]) -> NDArray[np.float64]:
        """(q,) free parameters -> (p,) coefficients."""
        return self.constant + self.matrix @ np.asarray(free, dtype=np.float64)

    def restrict(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """(p,) coefficients -> (q,) free parameters; of a tied group its first member's value is taken."""
        first = np.argmax(self.matrix, axis=0) if self.matrix.size else np.zeros(0, dtype=np.intp)
        return np.asarray(theta, dtype=np.float64)[first]


def param_space(names: Sequence[str], constraints: Constraints | None = None) -> ParamSpace:
    """The free parameters that constraints leave.

    Parameters
    ----------
    names : (p,) names of the coefficients.
    constraints : what is fixed, tied and bounded; None for nothing.

    Raises
    ------
    SpecificationError : all problems at once: unknown names (with close ones), a name both fixed and bounded, a fixed
        value outside bounds, tied parameters fixed at different values, a lower bound that is not below the upper one.
    """
    names = tuple(names)
    constraints = constraints or Constraints()
    findings = _unknown_names(names, constraints)
    if findings:
        raise SpecificationError(findings)
    groups = _groups(names, constraints.equal)
    findings = [*_fixed_and_bounded(constraints), *(f for group in groups for f in _group_problems(group, constraints))]
    if findings:
        raise SpecificationError(findings)
    position = {name: index for index, name in enumerate(names)}
    constant = np.zeros(len(names))
    status: list[Status] = ["free"] * len(names)
    free: list[tuple[str, ...]] = []
    for group in groups:
        values = [constraints.fixed[name] for name in group if name in constraints.fixed]
        for name in group:
            constant[position[name]] = values[0] if values else 0.0
            status[position[name]] = "fixed" if values else "tied" if len(group) > 1 else "free"
        if not values:
            free.append(group)
    matrix = np.zeros((len(names), len(free)))
    for column, group in enumerate(free):
        matrix[[position[name] for name in group], column] = 1.0
    bounds = np.array([_group_bounds(group, constraints) for group in free]).reshape(len(free), 2)
    free_names = tuple(group[0] for group in free)
    return ParamSpace(names, constant, matrix, free_names, bounds[:, 0], bounds[:, 1], tuple(status))


def _groups(names: Sequence[str], equal: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Every name in one group, alone or with those it is tied to, in the order of the names."""
    leader = {name: name for name in names}
    for group in equal:
        joined = {leader[name] for name in group}
        for name in names:
            if leader[name] in joined:
                leader[name] = leader[group[0]] if leader[group[0]] in joined else leader[name]
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(leader[name], []).append(name)
    return [tuple(group) for group in members.values()]


def _group_bounds(group: Sequence[str], constraints: Constraints) -> tuple[float, float]:
    """The bounds that all members of a group keep."""
    pairs = [constraints.bounds[name] for name in group if name in constraints.bounds]
    lower = max((low for low, _ in pairs if low is not None), default=-math.inf)
    upper = min((high for _, high in pairs if high is not None), default=math.inf)
    return lower, upper


def _unknown_names(names: Sequence[str], constraints: Constraints) -> list[Finding]:
    findings = []
    repeated = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    if repeated:
        findings.append(_problem(f"parameter names {listed(repeated)} occur more than once"))
    used = {"fixed": constraints.fixed, "bounds": constraints.bounds}
    places = [(argument, name) for argument, given in used.items() for name in given]
    places += [("equal", name) for group in constraints.equal for name in group]
    for argument, name in places:
        if name not in names:
            findings.append(
                _problem(f"{name!r} in {argument} is not a parameter of the model; {hint(name, names)}", name)
            )
    return findings


def _fixed_and_bounded(constraints: Constraints) -> list[Finding]:
    findings = []
    for name in constraints.fixed:
        if name in constraints.bounds:
            low, high = constraints.bounds[name]
            message = (
                f"parameter {name!r} is fixed at {constraints.fixed[name]:g} and bounded by ({low}, {high}); keep one"
            )
            findings.append(_problem(message, name))
    return findings


def _group_problems(group: Sequence[str], constraints: Constraints) -> list[Finding]:
    """What is wrong with one group of tied parameters (or one parameter alone)."""
    said = listed(group) if len(group) > 1 else f"{group[0]!r}"
    fixed = {name: constraints.fixed[name] for name in group if name in constraints.fixed}
    lower, upper = _group_bounds(group, constraints)
    if len(set(fixed.values())) > 1:
        values = ", ".join(f"{name!r} at {value:g}" for name, value in fixed.items())
        return [_problem(f"parameters {said} are tied but fixed at different values: {values}", group[0])]
    if lower >= upper:
        message = f"the bounds of {said} leave no room: the lower {lower:g} is not below the upper {upper:g}"
        return [_problem(message + ("; fix the parameter instead" if lower == upper else ""), group[0])]
    for name, value in fixed.items():
        if len(group) > 1 and not lower <= value <= upper:
            message = f"parameters {said} are tied and {name!r} is fixed at {value:g}, outside ({lower:g}, {upper:g})"
            return [_problem(message, name)]
    return []


def _shape_problems(constraints: Constraints) -> list[Finding]:
    """Values that are no numbers, groups that are no lists, bounds that are no pairs."""
    findings = []
    for name, value in constraints.fixed.items():
        if not _is_number(value) or not math.isfinite(value):
            findings.append(_problem(f"parameter {name!r} is fixed at {value!r}, which is not a finite number", name))
        elif abs(value) >= LARGEST_FIXED:
            message = f"parameter {name!r} is fixed at {value:g}; a fixed value is below {LARGEST_FIXED:g} in size"
            findings.append(_problem(message, name))
    if isinstance(constraints.equal, str):
        findings.append(_problem(f"equal={constraints.equal!r} is not a list of groups; write [['a', 'b']]"))
    for group in () if isinstance(constraints.equal, str) else constraints.equal:
        if isinstance(group, str) or len(set(group)) < 2:
            findings.append(
                _problem(f"equal has {group!r}, which is not a group of two or more names; write [['a', 'b']]")
            )
    for name, pair in constraints.bounds.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(map(_is_bound, pair)):
            message = f"bounds of parameter {name!r} are {pair!r}; write (lower, upper), None where there is no bound"
            findings.append(_problem(message, name))
    return findings


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _is_bound(value: object) -> bool:
    return value is None or (_is_number(value) and not math.isnan(value))  # type: ignore[arg-type]


def _json_bound(bound: float | None) -> float | None:
    return None if bound is None or not math.isfinite(bound) else float(bound)


def _problem(message: str, parameter: str | None = None) -> Finding:
    return Finding(rule="constraints", message=message, value=parameter)
