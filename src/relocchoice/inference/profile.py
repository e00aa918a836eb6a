"""Profile likelihood: intervals and curves, by maximising again at each value of a parameter or a combination.

The interval of a'theta is {t: 2 (l_max - max over a'theta = t of l) <= c} with c the quantile of chi-squared(1)
(Venzon & Moolgavkar 1988, Applied Statistics 37, 87-94). It needs neither a finite estimate nor a standard error: under
separation one end is infinite.

Between values of t the search starts from the last maximum, moved along the path's tangent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relocchoice.errors import OptionError
from relocchoice.inference.restricted import RISE, Affine, Surface, eliminate, higher, restricted_maximum
from relocchoice.inference.tails import chi2_quantile

Floats = NDArray[np.float64]
_ROOT = 1e-9
_GROWTH = 4.0
_FARTHEST = 1e8
_PLAIN = 30.0
_WIDEST = 30.0
_TRIALS = 200
_BISECT = 8
_RETRIES = 6


@dataclass(frozen=True, slots=True)
class ProfileInterval:
    """The values that a likelihood-ratio test does not reject.

    Attributes
    ----------
    lower, upper : -inf or inf where the log-likelihood never falls far enough; NaN where the end is not known.
    level : probability of covering.
    message : why an end is not known, or why it is no root; else empty.
    """

    lower: float
    upper: float
    level: float
    message: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ProfileCurve:
    """Restricted maxima of the log-likelihood.

    Attributes
    ----------
    values : (m,) of the combination; loglik : (m,), -inf where the combination cannot have that value.
    """

    values: Floats
    loglik: Floats


def profile_interval(on: Surface, weights: ArrayLike, level: float = 0.95) -> ProfileInterval:
    """The profile-likelihood interval of a linear combination of the user's parameters.

    Parameters
    ----------
    weights : (p,) of the combination; a unit vector for one parameter.
    level : probability of covering.

    Raises
    ------
    OptionError : unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise OptionError.of("level", level, "a number between 0 and 1, e.g. 0.95")
    path = _path(on, weights)
    if path is None:
        return ProfileInterval(np.nan, np.nan, level, "nothing in it is estimated")
    cut = chi2_quantile(1.0 - level, 1)
    lower, upper = (_end(path, sign, cut) for sign in (-1, 1))
    told = tuple(dict.fromkeys(end.message for end in (lower, upper) if end.message))
    return ProfileInterval(lower.value, upper.value, level, "; ".join(told))


def profile_curve(on: Surface, weights: ArrayLike, values: ArrayLike) -> ProfileCurve:
    """Highest log-likelihood at each value of a linear combination of the user's parameters.

    Parameters
    ----------
    weights : (p,) of the combination; values : (m,) in any order.

    Raises
    ------
    OptionError : nothing in the combination is estimated.
    """
    path = _path(on, weights)
    if path is None:
        raise OptionError("a profile needs a combination of parameters of which at least one is estimated")
    wanted = np.array(values, dtype=float)
    loglik = np.full(wanted.shape, -np.inf)
    for side in (wanted >= path.start.value, wanted < path.start.value):
        last = path.start
        for k in sorted(np.flatnonzero(side), key=lambda k: abs(wanted[k] - path.start.value)):
            at = _at(path, float(wanted[k]), last) if path.least <= wanted[k] <= path.most else None
            if at is not None:
                loglik[k], last = at.loglik, at
    return ProfileCurve(wanted, loglik)


@dataclass(frozen=True, slots=True, eq=False)
class _At:
    """A point of the profile: value of the combination, restricted maximum and its slope in the value.

    Attributes
    ----------
    tangent : (q,) change of the free parameters a unit of the value along the path, None where it is not known.
    """

    value: float
    loglik: float
    slope: float
    free: Floats
    tangent: Floats | None
    ended: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """The profile of one combination a'free + constant.

    Attributes
    ----------
    on : the surface; direction : (q,) a; constant : what is added.
    affine : the elimination at the value ``constant``; a unit of the value adds ``shift`` to its origin.
    least, most : values that the bounds allow.
    scale : a step to begin with, about a standard error.
    start : the unrestricted maximum.
    """

    on: Surface
    direction: Floats
    constant: float
    affine: Affine
    shift: Floats
    least: float
    most: float
    scale: float
    start: _At


def _path(on: Surface, weights: ArrayLike) -> _Path | None:
    """None where no free parameter is in the combination."""
    weights = np.asarray(weights, dtype=float)
    direction = weights @ on.jacobian
    largest = np.abs(weights[:, None] * on.jacobian).max(initial=0.0)
    direction = np.where(np.abs(direction) > 1e-12 * largest, direction, 0.0)
    if not direction.any():
        return None
    constant = float(weights @ on.constant)
    unbounded = np.isinf(on.lower) & np.isinf(on.upper)
    affine = eliminate(direction[None], np.zeros(1), unbounded)
    assert affine is not None
    shift = np.zeros(len(direction))
    shift[affine.pivots] = 1.0 / direction[affine.pivots]
    used = direction != 0
    ends = np.sort(direction[used] * np.stack([on.lower[used], on.upper[used]]), axis=0).sum(axis=1)
    whole = on.objective(on.free)
    tangent, spread = _tangent(whole.hessian, direction, _moving(on, on.free))
    if on.reference is not None:
        usual = float(np.sqrt(direction @ np.linalg.solve(on.reference, direction)))
        spread = min(spread, _WIDEST * usual)
    start = _At(constant + float(direction @ on.free), on.top, 0.0, on.free, tangent, True)
    scale = spread if np.isfinite(spread) and spread > 0 else 1.0
    least, most = constant + ends
    return _Path(on, direction, constant, affine, shift, float(least), float(most), scale, start)


def _moving(on: Surface, free: Floats) -> NDArray[np.bool_]:
    return (free > on.lower) & (free < on.upper)


def _tangent(hessian: Floats, direction: Floats, moving: NDArray[np.bool_]) -> tuple[Floats | None, float]:
    """Path a unit of a'free takes as the quadratic sees it, V a / (a'V a), and sqrt(a'V a); None and inf without V."""
    tangent, a = np.zeros(len(direction)), direction[moving]
    try:
        lower = np.linalg.cholesky(-hessian[np.ix_(moving, moving)])
    except np.linalg.LinAlgError:
        return None, np.inf
    half = np.linalg.solve(lower, a)
    squared = float(half @ half)
    if not (np.isfinite(squared) and squared > 0):
        return None, np.inf
    tangent[moving] = np.linalg.solve(lower.T, half) / squared
    return tangent, float(np.sqrt(squared))


def _at(path: _Path, value: float, last: _At) -> _At | None:
    """The restricted maximum at a value, searched from that at another; None outside the domain."""
    on, affine = path.on, path.affine
    origin = affine.origin + path.shift * (value - path.constant)
    here = Affine(origin, affine.basis, affine.kept, affine.pivots)
    guesses = [last.free, path.start.free]
    if last.tangent is not None:
        guesses.insert(0, last.free + last.tangent * (value - last.value))
    fits = (restricted_maximum(on, here, guess) for guess in guesses)
    fit = next((fit for fit in fits if fit is not None), None)
    if fit is None:
        return None
    pivot = affine.pivots[0]
    slope = float(fit.at.gradient[pivot] * path.shift[pivot])
    tangent, _ = _tangent(fit.at.hessian, path.direction, _moving(on, fit.free))
    return _At(value, fit.loglik, slope, fit.free, tangent, fit.ended)


@dataclass(frozen=True, slots=True)
class _End:
    value: float
    message: str = ""


def _end(path: _Path, sign: int, cut: float) -> _End:
    """One end of an interval: where twice the fall of the log-likelihood is ``cut``.

    Newton's method on the signed root of the fall, which is nearly a straight line, kept between an inner value that
    falls too little and an outer one that falls too much, or that the domain does not hold.
    """
    limit = path.most if sign > 0 else path.least
    inner, outer, outside, failed = path.start, np.nan, False, 0
    value = path.start.value + sign * path.scale * np.sqrt(cut)
    close = _ROOT + 1e-13 * abs(path.on.top)
    for trial in range(1, _TRIALS):
        value = sign * min(sign * value, sign * limit)
        at = _at(path, value, inner)
        if at is not None and not at.ended:
            failed += 1
            if failed > _RETRIES:
                return _End(np.nan, f"the search with the value held at {value:.6g} did not end at a maximum")
            value = inner.value + 0.25 * (value - inner.value)
            continue
        if at is not None and at.loglik > path.on.top + RISE * (1 + abs(path.on.top)):
            return _End(np.nan, higher(path.on.top, at.loglik))
        fall = np.inf if at is None else max(0.0, 2.0 * (path.on.top - at.loglik))
        if abs(fall - cut) <= close:
            return _End(value)
        if fall > cut:
            outer, outside = value, at is None
        elif at is not None:
            inner = at
            if value == limit:
                return _End(value, f"the end {value:.6g} is a bound")
            if np.isnan(outer) and _never(path, at, cut - fall):
                return _End(sign * np.inf)
        if abs(outer - inner.value) <= 1e-13 * (1.0 + abs(outer)):
            return _End(inner.value, f"the end {inner.value:.6g} is the edge of the domain" if outside else "")
        value = _next(path, sign, cut, inner, outer, at if trial % _BISECT else None)
    return _End(np.nan, f"no end was found in {_TRIALS} steps")


def _never(path: _Path, at: _At, left: float) -> bool:
    """Whether the log-likelihood has levelled off: at this slope it falls as far in no distance that counts.

    An infinite estimate starts on a plain, and what it falls from lies beyond: the plain must be crossed first.
    """
    far, gone = _FARTHEST * path.scale, abs(at.value - path.start.value)
    crossed = gone > max(_PLAIN * path.scale, 4.0 * abs(path.start.value))
    return gone > far or (crossed and 2.0 * abs(at.slope) * far < left)


def _next(path: _Path, sign: int, cut: float, inner: _At, outer: float, at: _At | None) -> float:
    """Newton's value from the last point where it stays in between, else a longer step or the middle."""
    newton = np.nan
    if at is not None:
        root = np.sqrt(max(0.0, 2.0 * (path.on.top - at.loglik)))
        rate = -sign * at.slope
        if rate > 0 and root > 0:
            newton = at.value + sign * (np.sqrt(cut) - root) * root / rate
    if np.isnan(outer):
        reach = abs(inner.value - path.start.value)
        near, far = inner.value + sign * 0.05 * reach, inner.value + sign * _GROWTH * reach
        return float(far if np.isnan(newton) else sign * np.clip(sign * newton, sign * near, sign * far))
    gap = outer - inner.value
    if np.isfinite(newton) and 0.0 < (newton - inner.value) / gap < 1.0:
        return float(newton)
    return float(inner.value + 0.5 * gap)
