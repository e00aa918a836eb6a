"""Events that take several alternatives at once: a relocation with several destinations.

Four treatments of such data. Two turn them into ordinary choices: one case a destination (:func:`one_case_each`, with
errors clustered by event) and the same with weights 1/m (:func:`shared_weights`). The third, the likelihood of the set
given its size, is a family of its own (``SubsetLogit``). The fourth, a Poisson model of the event x alternative counts
of 0 and 1 with an effect for each event, has the estimates of the first: given its m destinations, an event's Poisson
counts are multinomial with the probabilities of the logit (Guimaraes, Figueiredo & Woodward 2003).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.checks import listed
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.draft import unique_name
from relocchoice.data.frames import missing_values, pick, read_frame
from relocchoice.data.labels import index_of, plain_label, show
from relocchoice.data.provenance import carried
from relocchoice.errors import DataError, Finding

if TYPE_CHECKING:
    from relocchoice.data.draft import Missing, SingleAlternative

WAYS_OUT = (
    "use SubsetLogit for the likelihood of the set, or make one case a destination with rc.one_case_each(data) or "
    "rc.shared_weights(data)"
)


def refuse_sets(data: ChoiceData, what: str) -> None:
    """Refuse data in which some case took several alternatives, for something that knows a single one.

    Parameters
    ----------
    what : begins the message, as in "a multinomial logit".

    Raises
    ------
    DataError
        Names the first such case and how many it took.
    """
    if data.picked is None:
        return
    taken = data.n_taken
    several = np.flatnonzero(taken > 1)
    if not len(several):
        return
    case, count = plain_label(data.cases[several[0]]), int(taken[several[0]])
    message = (
        f"{what} needs one chosen alternative a case, but case {show(case)} took {count} "
        f"({len(several)} of {data.n_cases} cases took several): {WAYS_OUT}"
    )
    raise DataError([Finding(rule="several_choices", message=message, case=case, count=len(several), value=count)])


# ------------------------------------------------------------------------------------------------------- conversions


def one_case_each(data: ChoiceData) -> ChoiceData:
    """Each alternative taken as a case of its own, with the whole choice set of its event.

    The destinations of an event are not independent: the event becomes the unit, so that ``cov_type="cluster"``
    clusters by event. Units that the data have already (the firm, with all its events) are kept, and the event becomes
    a case column.

    Parameters
    ----------
    data : choices; of data whose cases take one alternative, each case stays one.

    Raises
    ------
    DataError
        For data without choices.
    """
    if not isinstance(data, ChoiceData):
        raise DataError(f"one case a destination is made of a ChoiceData, not of {type(data).__name__}")
    if data.chosen is None:
        raise DataError("these data have no choices: give the chosen column when reading them")
    row_case = data.row_case()
    picked = data.row_alternative == data.chosen[row_case] if data.picked is None else data.picked
    rows = np.flatnonzero(picked)
    event = row_case[rows]
    each = data.select(event)
    known = dict.fromkeys([*data.row_columns, *data.case_columns, *data.names.values()])
    column = data.names.get("case") or unique_name("event", known)
    names = {**data.names, "case": unique_name("case", {**known, column: None})}
    case_columns = dict(each.case_columns)
    unit, units = each.unit, each.units
    if unit is None:
        unit, units, names["unit"] = event, data.cases, column
    elif names.get("unit") != column:
        case_columns[column] = pd.Series(data.cases.take(event)).reset_index(drop=True)
    several = int((data.n_taken > 1).sum())
    note = (
        f"{data.n_cases} events became {len(rows)} cases, one a destination ({several} events took several "
        "alternatives); they are not independent, so standard errors belong clustered by event (cov_type='cluster')"
    )
    return replace(
        each,
        cases=_labels(data.cases.take(event).tolist(), data.alternatives[data.row_alternative[rows]].tolist()),
        chosen=data.row_alternative[rows],
        picked=None,
        unit=unit,
        units=units,
        case_columns=case_columns,
        names=names,
        notes=(*data.notes, note),
    )


def _labels(events: list[Any], alternatives: list[Any]) -> pd.Index:
    """``event -> alternative``; quoted where texts alone would make two alike."""
    pairs = list(zip(events, alternatives, strict=True))
    labels = index_of([f"{event} -> {alternative}" for event, alternative in pairs])
    return labels if labels.is_unique else index_of([f"{show(event)} -> {show(other)}" for event, other in pairs])


def shared_weights(data: ChoiceData) -> ChoiceData:
    """As :func:`one_case_each`, with weight 1/m for each of an event's m alternatives: every event counts once.

    The weights are of kind ``"sampling"`` and so is what they make of weights the data have: no likelihood has such
    weights, and standard errors must be the robust ones, by event.

    Raises
    ------
    DataError
        For data without choices.
    """
    each = one_case_each(data)
    taken = data.n_taken
    share = np.repeat(1.0 / taken, taken)
    weights = share if each.weights is None else each.weights * share
    note = "The m destinations of an event share the weight of one, 1/m each"
    return replace(each.with_weights(weights, "sampling"), notes=(*each.notes, note))


def taken_against_untaken(data: ChoiceData) -> ChoiceData:
    """One case for each alternative taken, chosen from itself and what its event did not take.

    These have exactly the pairs that decide whether a likelihood of sets is separated: it rises for ever along d when
    (x_y - x_j)'d >= 0 for every taken y and untaken j of an event. So a certificate for ordinary choices, asked of
    these data, is one for the sets. They are not for estimation. Labels and units are those of :func:`one_case_each`.

    Raises
    ------
    DataError
        For data without choices.
    """
    each = one_case_each(data)
    if data.picked is None or each.chosen is None:
        return each
    row_case = each.row_case()
    event = np.repeat(np.arange(data.n_cases), data.n_taken)
    within = np.arange(each.n_rows) - each.offsets[:-1][row_case]
    source = data.offsets[:-1][event][row_case] + within
    keep = ~data.picked[source] | (each.row_alternative == each.chosen[row_case])
    rows = np.flatnonzero(keep)
    return replace(
        each,
        offsets=np.append(0, np.cumsum(np.bincount(row_case[rows], minlength=each.n_cases))).astype(np.int64),
        row_alternative=each.row_alternative[rows],
        row_columns={name: pick(series, rows) for name, series in each.row_columns.items()},
    )


# ----------------------------------------------------------------------------------------------- tables of 0/1 counts


def from_event_counts(
    table: Any,
    *,
    event: str,
    alternative: str,
    count: str,
    destinations: str | None = None,
    available: str | None = None,
    unit: str | None = None,
    missing: Missing = "error",
    single_alternative: SingleAlternative = "error",
) -> ChoiceData:
    """Read a table with one row an event and alternative and the number of its destinations there, 0 or 1.

    Parameters
    ----------
    table, available, unit, missing, single_alternative : as in :meth:`ChoiceData.from_long`.
    event, alternative, count : the columns of these.
    destinations : column of how many destinations the event is said to have, one number an event; checked.

    Raises
    ------
    DataError
        As :meth:`ChoiceData.from_long` with ``several=True``; also for an event that counts more than one destination
        in an alternative, is said to have more destinations than it has alternatives, or another number than it counts.
    """
    columns = read_frame(table)
    events, places = columns.get(event, "event"), columns.get(alternative, "alternative")
    flags = _read_counts(columns.get(count, "count").rename(count), events, places)
    roles = [event, alternative, available, unit]
    kept = {name: columns.get(name, "column") for name in roles if name is not None}
    kept |= columns.others({*kept, count})
    data = ChoiceData.from_long(
        {**kept, count: flags},
        case=event,
        alternative=alternative,
        chosen=count,
        available=available,
        unit=unit,
        missing=missing,
        single_alternative=single_alternative,
        several=True,
    )
    if destinations is not None:
        stated = columns.get(destinations, "destinations").rename(destinations)
        findings = _stated(stated, events, flags, count)
        if findings:
            raise DataError(findings)
    return carried(data, table)


def _read_counts(counts: pd.Series, events: pd.Series, alternatives: pd.Series) -> pd.Series:
    """The counts as 0, 1 and missing."""
    if not pd.api.types.is_numeric_dtype(counts.dtype):
        raise DataError(f"count column {counts.name!r} holds no numbers: convert it")
    values = counts.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isnan(values) & ~np.isin(values, (0.0, 1.0)))

    def describe(row: int) -> Finding:
        value, case, label = float(values[row]), plain_label(events.iloc[row]), plain_label(alternatives.iloc[row])
        way_out = (
            "an alternative is taken or not: split it, count it once, or make one case a destination with "
            "ChoiceData.from_counts"
            if value > 1 and value == round(value)
            else "counts are 0 or 1"
        )
        text = f"event {show(case)} counts {value:g} destinations in {show(label)} (column {counts.name!r}): {way_out}"
        return Finding("count_not_0_or_1", text, column=str(counts.name), case=case, alternative=label, value=value)

    if len(wrong):
        raise DataError(listed(wrong, describe, "count"))
    return pd.Series(values, name=counts.name)


def _stated(stated: pd.Series, events: pd.Series, flags: pd.Series, count: str) -> list[Finding]:
    """Events whose number of destinations is no number, more than they have alternatives, or not that of the counts."""
    if not pd.api.types.is_numeric_dtype(stated.dtype):
        raise DataError(f"destinations column {stated.name!r} holds no numbers: convert it")
    known = ~missing_values(events)
    codes, labels = pd.factorize(events[known])
    numbers = stated[known].to_numpy(dtype=np.float64, na_value=np.nan)
    rows = np.bincount(codes, minlength=len(labels))
    sums = np.bincount(codes, weights=np.nan_to_num(flags[known].to_numpy()), minlength=len(labels))
    first = np.full(len(labels), np.nan)
    first[codes[::-1]] = numbers[::-1]
    varies = np.zeros(len(labels), dtype=bool)
    varies[codes[~(numbers == first[codes])]] = True

    def finding(rule: str, mask: NDArray[np.bool_], text: Callable[[int], str]) -> list[Finding]:
        def describe(at: int) -> Finding:
            label = plain_label(labels[at])
            value = None if np.isnan(first[at]) else float(first[at])
            return Finding(rule, f"event {show(label)} {text(at)}", column=str(stated.name), case=label, value=value)

        return listed(np.flatnonzero(mask), describe, "event")

    many = ~varies & (first > rows)
    other = ~varies & ~many & (first != sums)
    return [
        *finding("destinations_vary", varies, lambda at: f"has no single number in column {stated.name!r}: give one"),
        *finding(
            "too_many_destinations",
            many,
            lambda at: (
                f"has {first[at]:g} destinations (column {stated.name!r}) but only {rows[at]} alternatives: add "
                "the alternatives it lacks, or count destinations in one alternative once"
            ),
        ),
        *finding(
            "destinations_differ",
            other,
            lambda at: (
                f"has {first[at]:g} destinations in column {stated.name!r}, but its counts in column {count!r} "
                f"add up to {sums[at]:g}: correct one of the two"
            ),
        ),
    ]
