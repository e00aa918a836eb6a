"""Weights from population shares: what a sample says of a population from which it was not drawn evenly.

With Q_g the share of a stratum in the population and H_g its share in the sample, every case of the stratum weighs
Q_g / H_g. Strata of chosen alternatives give the weighted exogenous sampling maximum-likelihood estimator, WESML
(Manski & Lerman 1977, Econometrica 45, 1977-1988); strata of a column of the cases give sampling weights.
Effective n is Kish's, (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling, 11.7).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data import views
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import encode, index_of, plain_label, show, show_some
from relocchoice.errors import DataError, Finding

MOST_CASES = 1_000_000
SUM_TOLERANCE = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Strata of the cases with their shares in population and sample; G strata, n cases.

    Attributes
    ----------
    names : (G,) the stratum's label, or the labels of its alternatives joined by " + ".
    of_label : (L,) stratum of each label of the alternatives or of the column.
    code : (n,) stratum of each case.
    population, sample : (G,) shares Q and H; the sample's are weighted where the data are.
    size : (G,) choices in the sample, by frequency where the data are tabulated.
    """

    names: tuple[str, ...]
    of_label: NDArray[np.intp]
    code: NDArray[np.intp]
    population: Floats
    sample: Floats
    size: Floats

    @property
    def ratio(self) -> Floats:
        """(G,) Q / H."""
        return self.population / self.sample


def strata_of(data: ChoiceData, shares: Mapping[Any, float], by: str | None = None) -> Strata:
    """The strata that population shares are given for, checked.

    Parameters
    ----------
    shares : label -> population share; where ``by`` is None a tuple of alternatives is one stratum.
    by : column with one value a case; None means the chosen alternative.

    Raises
    ------
    DataError
        When shares are incomplete, not positive or do not sum to one, name what the data do not have, or belong to a
        stratum that the sample does not hold.
    """
    if isinstance(shares, pd.Series):
        shares = shares.to_dict()
    if not isinstance(shares, Mapping) or not shares:
        raise DataError(f"shares={show(shares)} is not a mapping label -> population share")
    labels, label_of_case, noun = _labels(data, by)
    names, of_label, problems = _grouped(shares, labels, noun, groups=by is None)
    problems += _bad_values(shares)
    if problems:
        raise DataError([Finding("population_shares", _sentence(shares, problems))])
    population = np.array([float(share) for share in shares.values()])
    code = of_label[label_of_case]
    counts = np.ones(data.n_cases) if data.weights is None else np.asarray(data.weights)
    total = np.bincount(code, weights=counts, minlength=len(names))
    size = np.zeros(len(names))
    np.add.at(size, code, counts if data.weight_kind == "frequency" else 1.0)
    empty = [names[g] for g in np.flatnonzero(total == 0)]
    if empty:
        raise DataError([Finding("population_shares", _unreachable(empty, noun))])
    return Strata(names, of_label, code, population, total / total.sum(), size)


def _labels(data: ChoiceData, by: str | None) -> tuple[list[Any], NDArray[np.intp], str]:
    """Labels that shares are for, the position of each case's label, and what a label is called."""
    if by is None:
        if data.chosen is None:
            raise DataError("these data have no choices, so shares of the chosen alternatives say nothing: give by=")
        if data.picked is not None:
            raise DataError(
                "shares of chosen alternatives are for cases that choose one; "
                "make one case of each alternative taken first"
            )
        return data.alternatives.tolist(), np.asarray(data.chosen), "alternative"
    found = encode(data.case_frame([by])[by], by)
    missing = np.flatnonzero(found.codes < 0)
    if len(missing):
        case = plain_label(data.cases[missing[0]])
        message = f"column {by!r} is missing for case {show(case)} and {len(missing) - 1} more: fill it or drop them"
        raise DataError([Finding("missing", message, column=by, case=case, count=len(missing))])
    return found.labels.tolist(), found.codes, f"value of {by!r}"


def _grouped(
    shares: Mapping[Any, float], labels: Sequence[Any], noun: str, groups: bool
) -> tuple[tuple[str, ...], NDArray[np.intp], list[str]]:
    """Names of the strata, the stratum of each label, and what is wrong with the keys."""
    position = {_key(label): k for k, label in enumerate(labels)}
    of_label = np.full(len(labels), -1, dtype=np.intp)
    names, problems = [], []
    for stratum, given in enumerate(shares):
        is_group = groups and isinstance(given, tuple) and _key(given) not in position
        members = list(given) if is_group else [given]
        names.append(" + ".join(str(plain_label(member)) for member in members))
        for member in members:
            at = position.get(_key(member))
            if at is None:
                close = difflib.get_close_matches(str(member), list(map(str, labels)), n=2)
                told = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
                problems.append(f"{show(member)} is no {noun}{told}")
            elif of_label[at] >= 0:
                problems.append(f"{show(member)} has two shares")
            else:
                of_label[at] = stratum
    absent = [label for label, stratum in zip(labels, of_label, strict=True) if stratum < 0]
    if absent:
        problems.append(f"no share is given for {show_some(absent)}")
    return tuple(names), of_label, problems


def _key(label: Any) -> Any:
    return (isinstance(label, bool | np.bool_), label)


def _bad_values(shares: Mapping[Any, Any]) -> list[str]:
    problems = [
        f"the share of {show(label)} is {show(share)}, not a number above 0"
        for label, share in shares.items()
        if not isinstance(share, Real) or isinstance(share, bool) or not 0 < float(share) < np.inf
    ]
    return problems or ([] if abs(_sum(shares) - 1.0) <= SUM_TOLERANCE else ["they do not sum to one"])


def _sum(shares: Mapping[Any, Any]) -> float:
    return float(sum(float(share) for share in shares.values() if isinstance(share, Real)))


def _sentence(shares: Mapping[Any, Any], problems: Sequence[str]) -> str:
    total = _sum(shares)
    hint = "; percentages are divided by 100 first" if abs(total - 100) < 1 else ""
    return (
        f"the population shares sum to {total:.6g}, and must be positive, complete and sum to one{hint}: "
        f"{'; '.join(problems)}"
    )


def _unreachable(empty: Sequence[str], noun: str) -> str:
    if noun != "alternative":
        return (
            f"{', '.join(map(repr, empty))} have a population share but no case: no weight can make up for that; "
            "pool them with others in the column, or restrict the population"
        )
    return (
        f"{', '.join(map(repr, empty))} have a population share but were never chosen in the sample: WESML weighs what "
        "was sampled and cannot reach them; pool them with others as a tuple, e.g. {('a', 'b'): 0.4, 'c': 0.6}"
    )


def with_population_shares(data: ChoiceData, shares: Mapping[Any, float], by: str | None = None) -> ChoiceData:
    """See :meth:`ChoiceData.with_population_shares`."""
    strata_of(data, shares, by)  # what is wrong is said before the counts are spelled out
    spelled = spelled_out(data)
    strata = strata_of(spelled, shares, by)
    old = np.ones(spelled.n_cases) if spelled.weights is None else np.asarray(spelled.weights)
    choice_based = by is None or data.weight_kind == "choice-based"
    weighted = views.with_weights(
        spelled, old * strata.ratio[strata.code], "choice-based" if choice_based else "sampling"
    )
    return replace(weighted, notes=(*weighted.notes, _note(strata, by, data.weight_kind)))


def _note(strata: Strata, by: str | None, before: str | None) -> str:
    what = "Choice-based weights (WESML)" if by is None else f"Sampling weights by {by!r}"
    after = f", times the {before} weights given before" if before in ("sampling", "choice-based") else ""
    parts = [
        f"{name} {q:.4g} / {h:.4g} = {q / h:.4g}"
        for name, q, h in list(zip(strata.names, strata.population, strata.sample, strict=True))[:12]
    ]
    more = f" and {len(strata.names) - len(parts)} more" if len(strata.names) > len(parts) else ""
    known = (
        " The robust covariance takes the weights as known; as the sample's shares are in them, the standard errors "
        "are too large rather than too small, above all those of constants."
    )
    shown = f"{'; '.join(parts)}{more}{after}"
    return f"{what}, share in the population / in the sample: {shown}.{known if by is None else ''}"


def spelled_out(data: ChoiceData, most: int = MOST_CASES) -> ChoiceData:
    """One case a choice: a case of frequency f becomes f cases without weights; data without frequencies stay.

    A sampling weight beside a frequency needs this: the variance of f choices of weight a is f a^2 s s', which no
    single weight for the cell can say.

    Raises
    ------
    DataError
        When that would make more than ``most`` cases.
    """
    if data.weight_kind != "frequency" or data.weights is None:
        return data
    times = np.round(data.weights).astype(np.int64)
    total = int(times.sum())
    if total > most:
        raise DataError(
            f"population shares need one case a choice, and the counts add up to {total:,}, more than {most:,}: "
            "draw a sample of the choices first"
        )
    spelled = replace(
        data, weights=None, weight_kind=None, names={k: v for k, v in data.names.items() if k != "weights"}
    )
    if (times == 1).all():
        return spelled
    at = np.repeat(np.arange(data.n_cases), times)
    copy = np.arange(total) - np.repeat(np.cumsum(times) - times, times) + 1
    cases = data.cases.tolist()
    labels = index_of([f"{cases[case]} #{k}" for case, k in zip(at.tolist(), copy.tolist(), strict=True)])
    if not labels.is_unique:
        labels = index_of([(cases[case], k) for case, k in zip(at.tolist(), copy.tolist(), strict=True)])
    note = f"{data.n_cases} cases with counts spelled out as {total} choices, so that each has its own weight"
    return replace(views.select(spelled, at), cases=labels, notes=(*data.notes, note))


def effective_n(data: ChoiceData) -> float:
    """See :attr:`ChoiceData.effective_n`."""
    if data.weights is None or data.weight_kind == "frequency":
        return data.total_weight
    top = float(data.weights.max(initial=0.0))
    if top == 0.0:
        return 0.0
    weights = data.weights / top
    return float(weights.sum() ** 2 / (weights @ weights))
