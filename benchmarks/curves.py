"""Scaling curves: one size of a problem varies, or the number of threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.problems import PROBLEMS, Problem


@dataclass(frozen=True, slots=True)
class Point:
    """A problem of the registry with some fields changed; ``threads`` None is the run's."""

    name: str
    value: int
    changes: Mapping[str, int] = field(default_factory=dict)
    threads: int | None = None

    @property
    def problem(self) -> Problem:
        """The changed problem."""
        return replace(PROBLEMS[self.name], **dict(self.changes))


@dataclass(frozen=True, slots=True)
class Curve:
    """Points along one axis."""

    name: str
    axis: str
    words: str
    points: tuple[Point, ...]


SIZES = {
    "cases": (1_000, 5_000, 20_000, 50_000, 200_000),
    "alternatives": (3, 5, 10, 20, 40, 80, 200),
    "generic": (2, 5, 10, 20, 40, 80),
}
AXES = {"cases": "cases", "alternatives": "alternatives", "generic": "coefficients"}
NESTED_SIZES = {"cases": SIZES["cases"], "generic": SIZES["generic"][1:]}
OTHERS = {"cases": 20_000}  # while another size varies
THREADED = ("M2", "M3", "L1", "N2")


def curves(threads: int) -> tuple[Curve, ...]:
    """All curves, with up to so many threads."""
    found = [_sizes("M2", name, values) for name, values in SIZES.items()]
    found += [_sizes("N2", name, values) for name, values in NESTED_SIZES.items()]
    for name in THREADED if threads > 1 else ():
        points = tuple(Point(name, count, {}, count) for count in range(1, threads + 1))
        found.append(Curve(f"{name} by threads", "threads", f"{name} by threads", points))
    return tuple(found)


def _sizes(name: str, size: str, values: tuple[int, ...]) -> Curve:
    axis = AXES[size]
    held = {key: value for key, value in OTHERS.items() if key != size}
    points = tuple(Point(name, value, held | {size: value}) for value in values)
    words = f"{name} by {axis}" + "".join(f", {value:,} {key}" for key, value in held.items())
    return Curve(f"{name} by {axis}", axis, words, points)
