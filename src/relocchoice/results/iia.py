"""Tests of independence from irrelevant alternatives on a multinomial fit."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.frames import pick
from relocchoice.data.groups import group_codes
from relocchoice.data.provenance import traced
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.problem import Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import OptionError
from relocchoice.inference.hypotheses import TestResult, refused
from relocchoice.inference.iia import Identified, contrast, halves, identified, maximum_along, naive
from relocchoice.inference.tails import chi2_tail
from relocchoice.results.at_maximum import why_no_maximum
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound

Floats = NDArray[np.float64]
Direction = Literal["first", "second"]


@traced
def hausman_mcfadden(
    fit: ChoiceResults,
    without: Hashable | Sequence[Hashable],
    *,
    groups: ArrayLike | str | None = None,
    data: ChoiceData | None = None,
) -> TestResult:
    """Hausman & McFadden's test with the covariance of the stacked estimators, so that it cannot be negative.

    Parameters
    ----------
    fit : of a multinomial logit.
    without : the alternative, or a list of those, left out of the restricted choice sets.
    groups : clusters of dependent cases: a column's name or labels one a case. None: cases are independent.
    data : the data of the fit, where it was loaded from a file.

    Returns
    -------
    TestResult
        Chi-squared where the ratio of two alternatives' probabilities does not depend on the others. ``message`` holds
        the uncorrected statistic and the parameters that the subset cannot tell, which are left out.

    Raises
    ------
    OptionError : unknown alternatives, or fewer than two left.
    """
    with one_thread():
        case = _Case.of(fit, without, data)
        if isinstance(case, TestResult):
            return case
        codes = None if groups is None else group_codes(case.bound.data, groups, "groups")
        return _stacked(fit, case, codes)


@traced
def small_hsiao(
    fit: ChoiceResults,
    without: Hashable | Sequence[Hashable],
    *,
    seed: int = 0,
    direction: Direction = "first",
    data: ChoiceData | None = None,
) -> TestResult:
    """Small & Hsiao's likelihood-ratio test on random halves of the sample.

    Parameters
    ----------
    fit, without, data : as of :func:`hausman_mcfadden`.
    seed : of the split; another gives another statistic.
    direction : which half is restricted is the other in ``"second"``; ``message`` holds the result of the other.
    """
    if direction not in get_args(Direction):
        raise OptionError.of("direction", direction, ", ".join(get_args(Direction)))
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise OptionError.of("seed", seed, "a whole number of at least 0")
    with one_thread():
        case = _Case.of(fit, without, data)
        if isinstance(case, TestResult):
            return case
        if fit.weight_kind in PROBABILITY_WEIGHTS:
            reason = f"{fit.weight_kind} weights make a pseudo-likelihood; take hausman_mcfadden"
            return refused(case.null, reason)
        split = halves(case.bound.problem.weights, int(seed))
        one = _on_halves(case, split.first, split.second)
        other = _on_halves(case, split.second, split.first)
    shown, hidden = (one, other) if direction == "first" else (other, one)
    told = (
        f"{hidden.distribution} = {hidden.statistic:.6g}, p = {hidden.pvalue:.4g}" if hidden.applies else hidden.message
    )
    if not shown.applies:
        return shown
    message = f"random halves, seed {seed}; with the halves exchanged {told}{case.left_out}"
    return replace(shown, message=message)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A full problem and its restriction to some alternatives.

    Attributes
    ----------
    full, subset : the problems; q free parameters of each, of which the subset's design tells r coordinates.
    kept : positions in the data of the subset's cases.
    turn, shift : (q, q), (q,) map of the full problem's free parameters to the subset's, centred elsewhere.
    """

    null: str
    bound: Bound
    subset: Problem
    told: Identified
    kept: NDArray[np.intp]
    turn: Floats
    shift: Floats

    @classmethod
    def of(cls, fit: ChoiceResults, without: Any, data: ChoiceData | None) -> _Case | TestResult:
        labels = fit.encoding.alternatives
        dropped = [without] if without in labels or isinstance(without, str) else list(without)
        unknown = [label for label in dropped if label not in labels]
        left = [label for label in labels if label not in dropped]
        if unknown or not dropped:
            raise OptionError.of("without", without, f"some of the alternatives {', '.join(map(str, labels))}")
        if len(left) < 2:
            raise OptionError(f"without={without!r} leaves fewer than two alternatives, and so no choice")
        null = f"odds do not depend on {', '.join(map(str, dropped))} (IIA)"
        reason = _unfit(fit)
        if reason:
            return refused(null, reason)
        bound = rebound(fit, data)
        kept = _kept_cases(bound.data, set(left))
        if not len(kept):
            return refused(null, "no case chose among two or more of the alternatives left")
        narrow = _within(bound.data.select(kept), set(left))
        subset = bind(fit.spec, fit.encoding.columns(narrow), narrow)
        turn, shift = _moved(bound.problem, subset)
        return cls(null, bound, subset, identified(subset), kept, turn, shift)

    @property
    def left_out(self) -> str:
        """What the subset cannot tell, in words."""
        names = np.array(self.subset.space.free_names)
        told = (
            [f"left out, as the subset does not tell them: {', '.join(names[self.told.lost])}"]
            if any(self.told.lost)
            else []
        )
        if self.told.mixed.any():
            told.append(f"only as differences: {', '.join(names[self.told.mixed])}")
        return "".join(f"; {words}" for words in told)

    def from_full(self, free: Floats) -> Floats:
        """(r,) coordinates of the full problem's (q,) free parameters."""
        return self.told.coordinates @ (self.turn @ free + self.shift)


def _unfit(fit: ChoiceResults) -> str:
    if fit.spec.family == "nested":
        return "a nested logit does not suppose IIA; fit the multinomial logit"
    if fit.spec.family != "multinomial":
        return "the test is for models of one choice a case; fit the multinomial logit"
    if fit.spec.constraints.bounds:
        return "the model bounds parameters"
    return why_no_maximum(fit)


def _kept_cases(data: ChoiceData, left: set[Hashable]) -> NDArray[np.intp]:
    """Cases that chose among the alternatives left and had two of them or more."""
    assert data.chosen is not None
    inside = np.array([label in left for label in data.alternatives])
    available = np.add.reduceat(inside[data.row_alternative].astype(int), data.offsets[:-1])
    counted = np.ones(data.n_cases, dtype=bool) if data.weights is None else data.weights > 0
    return np.flatnonzero(inside[data.chosen] & (available >= 2) & counted)


def _within(data: ChoiceData, left: set[Hashable]) -> ChoiceData:
    """The data without the rows of other alternatives."""
    inside = np.array([label in left for label in data.alternatives])[data.row_alternative]
    rows = np.flatnonzero(inside)
    sizes = np.add.reduceat(inside.astype(np.int64), data.offsets[:-1])
    return replace(
        data,
        offsets=np.append(0, np.cumsum(sizes)).astype(np.int64),
        row_alternative=data.row_alternative[rows],
        row_columns={name: pick(series, rows) for name, series in data.row_columns.items()},
    )


def _moved(full: Problem, subset: Problem) -> tuple[Floats, Floats]:
    """Affine map from the full problem's free parameters to the subset's, through the user's parameters."""
    back = np.linalg.pinv(subset.jacobian)
    constant = full.to_user @ full.space.constant - subset.to_user @ subset.space.constant
    return back @ full.jacobian, back @ constant


# ----------------------------------------------------------------------------------------------------------- statistics


def _stacked(fit: ChoiceResults, case: _Case, codes: NDArray[np.intp] | None) -> TestResult:
    full, subset = case.bound.problem, case.subset
    found = maximum_along(subset, case.told.basis)
    if found.failed:
        return refused(case.null, f"on the subset {found.failed}")
    sampling = fit.weight_kind in PROBABILITY_WEIGHTS
    to_subset = case.told.coordinates @ case.turn
    cov_full: Floats = to_subset @ np.linalg.inv(-fit.moments.hessian) @ to_subset.T
    cov_subset = np.asarray(np.linalg.inv(-found.hessian), dtype=np.float64)
    influence = -(full.scores(fit.moments.free) * full.weights[:, None]) @ np.linalg.solve(
        -fit.moments.hessian, to_subset.T
    )
    own = subset.scores(found.free) @ case.told.basis @ cov_subset
    influence[case.kept] += own * subset.weights[:, None]
    if codes is not None:
        influence = _sums(influence, codes)
    elif not sampling:
        # a frequency stands for as many independent choices of equal influence
        influence = influence / np.sqrt(np.maximum(full.weights, 1.0))[:, None]
    influence = influence[np.any(influence != 0, axis=1)]
    gap = found.at - case.from_full(fit.moments.free)
    result = contrast(gap, influence, np.sqrt(np.diag(cov_subset)), case.null)
    if not result.applies:
        return result
    told = "" if sampling else f"; {naive(gap, cov_subset, cov_full)}"
    clustered = "" if codes is None else f", {len(np.unique(codes))} clusters"
    return replace(result, message=f"covariance of the stacked estimators{clustered}{told}{case.left_out}")


def _sums(influence: Floats, codes: NDArray[np.intp]) -> Floats:
    out = np.zeros((int(codes.max()) + 1, influence.shape[1]))
    np.add.at(out, codes, influence)
    return out


def _on_halves(case: _Case, first: Floats, second: Floats) -> TestResult:
    """The statistic on the second half, with the first half's estimates."""
    estimates = []
    for weights in (first, second):
        half = replace(case.bound.problem, weights=weights)
        found = maximum_along(half, identified(half).basis)
        if found.failed:
            return refused(case.null, f"on one half of the sample {found.failed}; take another seed")
        estimates.append(found.free)
    mixed = estimates[0] / np.sqrt(2) + (1 - 1 / np.sqrt(2)) * estimates[1]
    restricted = replace(case.subset, weights=second[case.kept])
    told = identified(restricted)
    top = maximum_along(restricted, told.basis)
    if top.failed:
        return refused(case.null, f"on the subset of one half {top.failed}; take another seed")
    # in the coordinates of the subset the rest of the parameters, which the subset does not tell, is irrelevant
    value = restricted.evaluate(case.turn @ mixed + case.shift).value
    df = told.basis.shape[1]
    statistic = max(0.0, 2.0 * (top.value - value))
    return TestResult(statistic, df, chi2_tail(statistic, df), case.null, f"chi2({df})")
