"""The limit of a log-likelihood that rises for ever: without the separated pairs, and how to get back from there.

Along a direction in which no chosen alternative loses and the separated ones are left behind, the log-likelihood tends
to that of the same model with the separated pairs taken out of the choice sets (Geyer 2009; Correia, Guimaraes & Zylkin
2019). What is left has a finite maximum up to directions that change no utility of the pairs that remain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.problem import Problem
from relocchoice.errors import OptionError
from relocchoice.spec.chunk import Chunk
from relocchoice.spec.params import ParamSpace

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
FAR = 50.0
TRACE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A problem in which just enough free parameters are held to leave no flat direction.

    Attributes
    ----------
    problem : with r free parameters fewer.
    kept : (q,) which free parameters of the original are still free; values : (q,) what the others are held at.
    """

    problem: Problem
    kept: Bools
    values: Floats

    def lift(self, free: Floats) -> Floats:
        """(q - r,) free parameters of this problem -> (q,) of the original."""
        out = self.values.copy()
        out[self.kept] = free
        return out


def without(problem: Problem, case: Ints, alternative: Ints) -> Problem:
    """The problem with some pairs taken out of the choice sets; columns, families and weights stay as they are.

    Parameters
    ----------
    case, alternative : (m,) positions of the cases and codes of the alternatives; no chosen alternative among them.
    """
    case, alternative = _laid_out(problem, case, alternative)
    chunks = tuple(_masked(chunk, case, alternative) for chunk in problem.design.chunks)
    return replace(problem, design=replace(problem.design, chunks=chunks))


def _laid_out(problem: Problem, case: Ints, alternative: Ints) -> tuple[Ints, Ints]:
    """The pairs by the cases that stand in the chunks, sorted, each once."""
    lanes = case if problem.lane_of is None else problem.lane_of[case]
    pairs = np.unique(np.c_[lanes, alternative], axis=0)
    return pairs[:, 0], pairs[:, 1]


def _masked(chunk: Chunk, case: Ints, alternative: Ints) -> Chunk:
    """The chunk without the pairs; ``case`` is sorted."""
    _, slots, lanes = _slots(chunk, case, alternative)
    if not len(slots):
        return chunk
    place = chunk.placement
    available = np.ones(place.rows.shape, dtype=bool) if place.available is None else place.available.copy()
    available[slots, lanes] = False
    return replace(chunk, placement=replace(place, available=available))


def holding(problem: Problem, null: Floats, direction: Floats) -> Held:
    """Hold as many free parameters as there are flat directions; no other parameter's estimate depends on the choice.

    A held parameter keeps its status: where columns are centred, the user's parameter of its name may still be free.

    Parameters
    ----------
    null : (q, r) independent flat directions of the free parameters.
    direction : (q,) along which the log-likelihood of the full problem rises for ever. A bound it leads away from loses
        its say and is left out.

    Raises
    ------
    OptionError : a parameter that no direction separates from its bound, and whose bound may then decide the others.
    """
    space = problem.space
    moved = np.abs(null).max(axis=1, initial=0.0) > TRACE * np.abs(null).max(initial=0.0)
    away = (np.isinf(space.lower) | (direction > 0)) & (np.isinf(space.upper) | (direction < 0))
    stuck = [name for name, wrong in zip(space.free_names, moved & ~away, strict=True) if wrong]
    if stuck:
        raise OptionError(
            f"the separated parameters cannot be dropped, because the bounds of {', '.join(stuck)} would decide the "
            "estimates of others; leave these bounds out or fix the parameter"
        )
    kept = np.ones(len(space.free_names), dtype=bool)
    kept[_pivots(null)] = False
    inner = ParamSpace(
        names=space.names,
        constant=space.constant,
        matrix=space.matrix[:, kept],
        free_names=tuple(name for name, free in zip(space.free_names, kept, strict=True) if free),
        lower=np.where(moved, -np.inf, space.lower)[kept],
        upper=np.where(moved, np.inf, space.upper)[kept],
        status=space.status,
    )
    return Held(replace(problem, space=inner), kept, np.zeros(len(kept)))


def _pivots(null: Floats) -> Ints:
    """Positions of r parameters whose values pin the flat directions down, by elimination."""
    left = null.copy()
    out = []
    for _ in range(null.shape[1]):
        row = int(np.abs(left).max(axis=1).argmax())
        out.append(row)
        column = int(np.abs(left[row]).argmax())
        left = left - np.outer(left[:, column] / left[row, column], left[row])
    return np.array(out, dtype=np.intp)


def pushed(
    problem: Problem, free: Floats, direction: Floats, case: Ints, alternative: Ints, far: float = FAR
) -> Floats:
    """The free parameters moved along a direction until every separated alternative is out of reach.

    Parameters
    ----------
    problem : with all pairs; free : (q,) at the maximum of the limit.
    direction : (q,) along which every separated pair gains and no other pair changes.
    case, alternative : (m,) the separated pairs.
    far : how far behind the chosen alternative the separated ones are left, in utilities on the scale on which the
        probabilities are formed; 50 leaves a probability of 2e-22.

    Returns
    -------
    (q,) where the log-likelihood of the full problem equals that of the limit.
    """
    if not len(case):
        return free
    shape = problem.shape_constant + problem.shape_matrix @ problem.internal(free)[problem.n_coef :]
    scale = shape.max(initial=1.0) / shape.min(initial=1.0)
    rate, now = _gains(problem, direction, case, alternative), _levels(problem, free, case, alternative)
    length = max(0.0, float(((far * scale - now) / rate).max()))
    for bound, inward in ((problem.space.lower, direction > 0), (problem.space.upper, direction < 0)):
        away = inward & np.isfinite(bound)
        length = max(length, float(((bound - free)[away] / direction[away]).max(initial=0.0)))
    return free + length * direction


def _gains(problem: Problem, direction: Floats, case: Ints, alternative: Ints) -> Floats:
    """(m,) gain of the chosen alternative over the other one of each pair along a direction."""
    beta = (problem.space.matrix @ direction)[: problem.n_coef]
    return _differences(problem, beta, case, alternative, offset=False)


def _levels(problem: Problem, free: Floats, case: Ints, alternative: Ints) -> Floats:
    """(m,) utility of the chosen alternative less that of the other one of each pair."""
    return _differences(problem, problem.internal(free)[: problem.n_coef], case, alternative, offset=True)


def _differences(problem: Problem, beta: Floats, case: Ints, alternative: Ints, *, offset: bool) -> Floats:
    """(m,) of the pairs by the cases laid out, in the order of the chunks."""
    case, alternative = _laid_out(problem, case, alternative)
    out = []
    for chunk in problem.design.chunks:
        pair, slot, lane = _slots(chunk, case, alternative)
        if len(pair):
            v = (chunk if offset else replace(chunk, offset=None)).utilities(beta)
            out.append(v[chunk.placement.chosen[lane], lane] - v[slot, lane])
    return np.concatenate(out)


def _slots(chunk: Chunk, case: Ints, alternative: Ints) -> tuple[Ints, Ints, Ints]:
    """Which of the pairs (sorted by case) stand in a chunk, and their slots and lanes."""
    place = chunk.placement
    first = np.searchsorted(case, place.cases, "left")
    count = np.searchsorted(case, place.cases, "right") - first
    lane = np.repeat(np.arange(chunk.n_cases), count)
    pair = np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    codes, slots = alternative[pair], np.empty(len(pair), dtype=np.intp)
    for s in range(len(place.rows)):
        here = codes == (place.alternative[s] if place.alternative.ndim == 1 else place.alternative[s, lane])
        if place.available is not None:
            here &= place.available[s, lane]
        slots[here] = s
    return pair, slots, lane
