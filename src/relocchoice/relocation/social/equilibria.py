"""All equilibria of expected shares in a group of firms (Brock & Durlauf 2001, Review of Economic Studies 68).

With up to four places, and with any number where interactions are below 2, every equilibrium is found with proof (see
:mod:`relocchoice.relocation.social.boxes`). With more, Newton's method is started from corners, their means and
random points, and what it finds is checked by the index: the signs of det(I - Phi') at all equilibria of a map of the
simplex into itself add up to one (Poincare-Hopf; Mas-Colell, Whinston & Green 1995, section 17.D). A sum other than one
proves that some are missing; one does not prove that none are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.provenance import begun
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import DataError, OptionError
from relocchoice.relocation.social.boxes import isolate
from relocchoice.relocation.social.group import Group
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

Floats = NDArray[np.float64]
Method = Literal["auto", "proof", "search"]
METHODS: tuple[Method, ...] = ("auto", "proof", "search")
Found = Literal["proved", "searched", "incomplete"]
MOST_PLACES = 4
SAME = 1e-7
MOST_SUBSETS = 8
CONTRACTION = 2.0
SEED = 20070819


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Equilibria:
    """The equilibria of a group, E of them, by the share of the first place, largest first.

    Attributes
    ----------
    shares : (E, J) expected shares, a column a place.
    table : one row an equilibrium: ``radius``, the largest eigenvalue of best replies; ``stable``, whether it is below
        one, so that best replies come back after a disturbance; ``index``, the sign of det(I - Phi').
    found : ``"proved"``: these are all; ``"searched"``: none is known to be missing, without proof; ``"incomplete"``:
        some are missing or equilibria meet, see ``note``.
    undecided : (U, J) shares around which it cannot be told whether none, one or two equilibria are.
    note : in words.
    provenance : one line on where the data come from, where nobody observed them.
    """

    shares: pd.DataFrame
    table: pd.DataFrame
    found: Found
    undecided: pd.DataFrame
    note: str
    provenance: str = ""

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return len(self.shares) > 1

    @property
    def index_sum(self) -> int:
        """Sum of the indices; one where none is missing."""
        return int(self.table["index"].sum())

    def summary(self, format: Format = "text") -> Summary:
        """The equilibria as a table that prints itself in ``format``."""
        count = len(self.shares)
        title = begun(self.provenance, f"Equilibria of expected shares: {_words(count, len(self.undecided))}")
        rows = tuple(
            (
                str(k + 1),
                *(numbers.decimals(value, 6) for value in self.shares.iloc[k]),
                "yes" if self.table["stable"].iloc[k] else "no",
                numbers.decimals(self.table["radius"].iloc[k], 4),
                f"{self.table['index'].iloc[k]:+d}",
            )
            for k in range(count)
        )
        return Summary(
            Table(title, ("", *map(str, self.shares.columns), "stable", "radius", "index"), rows, notes=(self.note,)),
            format,
        )

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


for _name in ("shares", "table", "undecided"):
    setattr(Equilibria, _name, CopiedFrame(vars(Equilibria)[_name]))


def equilibria(
    utilities: ArrayLike,
    interaction: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    places: Sequence[Any] | None = None,
    method: Method = "auto",
    max_boxes: int = 200_000,
) -> Equilibria:
    """All shares m such that firms that expect m choose m on average.

    Parameters
    ----------
    utilities : (n, J) of each firm and place at shares of zero, or (J,) for firms that are alike; -inf where a place
        cannot be chosen.
    interaction : what an expected share of one adds to the utility of its place; a number, (J,) or (n, J).
    weights : (n,) of the firms; equal if None.
    places : (J,) labels.
    method : ``"proof"``, ``"search"``, or ``"auto"``: the proof with up to four places, where it comes to an end.
    max_boxes : how many boxes the proof may look at.

    Raises
    ------
    DataError : shapes that do not fit, values that are not numbers, a firm without places. OptionError : an option.
    """
    if method not in METHODS:
        raise OptionError.of("method", method, METHODS)
    if not isinstance(max_boxes, int) or isinstance(max_boxes, bool) or max_boxes < 1:
        raise OptionError.of("max_boxes", max_boxes, "a whole number of at least 1")
    group = _group(utilities, interaction, weights)
    with one_thread():
        return of_group(group, places, method, max_boxes)


def of_group(
    group: Group, places: Sequence[Any] | None = None, method: Method = "auto", max_boxes: int = 200_000
) -> Equilibria:
    """:func:`equilibria` of a group that is known to be in order."""
    labels = pd.Index(range(1, group.n_places + 1) if places is None else list(places))
    if len(labels) != group.n_places or labels.has_duplicates:
        raise OptionError.of("places", list(labels), f"{group.n_places} different labels")
    open_: NDArray[np.bool_] = np.asarray(np.isfinite(group.v).any(axis=0))
    inner = _merged(Group(group.v[:, open_], group.s[:, open_], group.w))
    if inner.n_places == 1:
        points, found, undecided, said = np.ones((1, 1)), "proved", np.empty((0, 1)), "There is only one place."
    elif method != "search" and (only := _only(inner)) is not None:
        said = "This is the only one: with all interactions below 2 best replies contract."
        points, found, undecided = only[None], "proved", np.empty((0, inner.n_places))
    elif method == "proof" or (method == "auto" and inner.n_places <= MOST_PLACES):
        points, found, undecided, said = _proved(inner, max_boxes)
    else:
        points, found, undecided, said = _searched(inner)
    return _record(group, labels, open_, points, undecided, found, said)


def _only(group: Group) -> Floats | None:
    """(J,) the equilibrium where there can be no other; None where there can, or where none was reached."""
    # sum_j |Phi'_jk| = sum_i w_i |s_ik| 2 P_ik (1 - P_ik), at most max |s| / 2: best replies contract everywhere
    if float(np.abs(group.s).max()) >= CONTRACTION:
        return None
    start = np.full(group.n_places, 1.0 / group.n_places)
    # best replies that nearly cycle take long to settle; Newton's method goes there at once
    end = group.solve(start)
    return group.settle(start) if end is None else end


def _proved(group: Group, max_boxes: int) -> tuple[Floats, str, Floats, str]:
    isolated = isolate(group, max_boxes)
    points = _polished(group, isolated.points)
    if not isolated.finished:
        more, _, _, _ = _searched(group)
        points = _distinct(np.concatenate([points, more]))
        said = (
            f"The proof was not finished after {isolated.boxes:,} boxes; equilibria were searched for instead: some "
            "may be missing. More max_boxes may finish it."
        )
        return points, "searched", np.empty((0, group.n_places)), said
    undecided = _distinct(isolated.undecided, 1e-4)
    if len(undecided):
        points = _polished(group, np.concatenate([points, undecided]))
        said = (
            f"Around {len(undecided)} points equilibria meet or nearly do, so that their number is not known there; "
            "elsewhere all were found."
        )
        return points, "incomplete", undecided, said
    return (
        points,
        "proved",
        undecided,
        f"These are all: proved by interval bounds on {isolated.boxes:,} boxes of shares.",
    )


def _searched(group: Group, n_random: int = 200) -> tuple[Floats, str, Floats, str]:
    j = group.n_places
    corners = 0.98 * np.eye(j) + 0.02 / j
    middles = np.array([(corners[a] + corners[b]) / 2.0 for a in range(j) for b in range(a)])
    subsets = np.array([[k >> a & 1 for a in range(j)] for k in range(1, 2 ** min(j, MOST_SUBSETS))], dtype=np.float64)
    subsets = subsets / subsets.sum(axis=1, keepdims=True)
    drawn = np.random.default_rng(SEED).dirichlet(np.full(j, 0.5), n_random)
    starts = np.concatenate([corners, middles, 0.98 * subsets + 0.02 / j, np.full((1, j), 1.0 / j), drawn])
    ends = [group.settle(start, 500) for start in starts[: len(starts) - n_random]]
    ends += [group.solve(start) for start in starts]
    reached = [end for end in ends if end is not None and (end > -SAME).all()]
    points = _distinct(np.array(reached) if reached else np.empty((0, j)))
    total = sum(group.index(point) for point in points)
    if total != 1:
        said = f"The indices add up to {total}, not to one, so equilibria are missing or meet."
        return points, "incomplete", np.empty((0, j)), said
    said = (
        f"Searched from {len(starts)} points; the indices add up to one, so none is known to be missing, which is no "
        "proof."
    )
    return points, "searched", np.empty((0, j)), said


def _polished(group: Group, points: Floats) -> Floats:
    ends = [group.solve(point) for point in points]
    kept = [end for end in ends if end is not None]
    # a box and its neighbour both hold a point on their common face
    return _distinct(np.array(kept)) if kept else points[:0]


def _distinct(points: Floats, distance: float = SAME) -> Floats:
    kept: list[Floats] = []
    for point in points:
        if all(np.abs(point - other).max() > distance for other in kept):
            kept.append(point)
    return np.array(kept) if kept else np.empty((0, points.shape[1]))


def _record(
    group: Group, labels: pd.Index, open_: NDArray[np.bool_], points: Floats, undecided: Floats, found: str, said: str
) -> Equilibria:
    inner = Group(group.v[:, open_], group.s[:, open_], group.w)
    points = points[np.lexsort(-points.T[::-1])] if len(points) else points
    radii = [inner.radius(point) for point in points]
    table = pd.DataFrame(
        {"radius": radii, "stable": [r < 1.0 for r in radii], "index": [inner.index(point) for point in points]},
        index=pd.RangeIndex(1, len(points) + 1),
    )
    verdict: Found = "proved" if found == "proved" else "searched" if found == "searched" else "incomplete"
    if verdict == "proved" and int(table["index"].sum()) != 1:
        verdict, said = "incomplete", "The indices do not add up to one: equilibria meet, or rounding decides here."
    return Equilibria(
        pd.DataFrame(_spread(points, open_), columns=labels, index=table.index),
        table,
        verdict,
        pd.DataFrame(_spread(undecided, open_), columns=labels),
        said,
    )


def _words(count: int, undecided: int) -> str:
    if undecided:
        return f"{count} shown, how many there are is not known"
    if count < 2:
        return "one" if count else "none found"
    return f"{count}, so that history decides"


def _spread(points: Floats, open_: NDArray[np.bool_]) -> Floats:
    out = np.zeros((len(points), len(open_)))
    out[:, open_] = points
    return out


def _merged(group: Group) -> Group:
    """Firms that are alike as one with the sum of their weights."""
    rows, at = np.unique(np.column_stack([group.v, group.s]), axis=0, return_inverse=True)
    j = group.n_places
    weights: Floats = np.bincount(at.ravel(), weights=group.w).astype(np.float64)
    return Group(rows[:, :j], rows[:, j:], weights)


def _group(utilities: ArrayLike, interaction: ArrayLike, weights: ArrayLike | None) -> Group:
    v = np.atleast_2d(np.asarray(utilities, dtype=np.float64))
    if v.ndim != 2 or v.shape[1] < 2:
        raise DataError(f"utilities of shape {v.shape}: (n, J) with at least two places are needed")
    bad = np.isnan(v) | (v == np.inf)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise DataError(f"utilities: firm {i}, place {j} has {v[i, j]}; numbers, or -inf where it cannot be chosen")
    empty = ~np.isfinite(v).any(axis=1)
    if empty.any():
        raise DataError(f"utilities: firm {int(np.flatnonzero(empty)[0])} has no place it can choose")
    s = np.asarray(interaction, dtype=np.float64)
    if s.shape not in ((), (v.shape[1],), v.shape) or not np.isfinite(s).all():
        raise DataError(f"interaction of shape {s.shape}: a finite number, ({v.shape[1]},) or {v.shape} is needed")
    w: Floats = np.ones(len(v)) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (len(v),) or not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise DataError(f"weights of shape {w.shape}: {len(v)} numbers of at least 0, not all 0, are needed")
    return Group(v, np.ascontiguousarray(np.broadcast_to(s, v.shape)), w / w.sum())
