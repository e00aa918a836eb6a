"""Rankings taken apart into choices: the best of all, the best of the rest, and so on.

The probability of a ranking is the product of the logit probabilities of its stages (the exploded, or rank-ordered,
logit: Chapman & Staelin 1982, Journal of Marketing Research 19, 288-301; Beggs, Cardell & Hausman 1981, Journal of
Econometrics 17, 1-19). Ties: Breslow (1974), Biometrics 30, 89-99; the set of the tied given its size, Cox (1972).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.checks import listed
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.draft import Policy, require_option, unique_name
from relocchoice.data.frames import pick, read_frame
from relocchoice.data.labels import index_of, plain_label, show
from relocchoice.data.long import convert_long
from relocchoice.data.rank_table import RankTable, read_ranks
from relocchoice.data.wide import Varying
from relocchoice.errors import DataError, Finding, OptionError

Ties = Literal["error", "breslow", "discrete"]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The rows sorted by ranker, rank and alternative, cut into groups of equal rank.

    Attributes
    ----------
    order : (D,) positions of the rows in the table.
    start, size : (G,) first place of each group in that order, and its number of alternatives.
    ranker : (G,) code. ranks : (G,) rank, infinite for what was not ranked.
    better, rest : (G,) how many alternatives stand above the group, and how many stand in or below it.
    """

    order: NDArray[np.intp]
    start: NDArray[np.intp]
    size: NDArray[np.intp]
    ranker: NDArray[np.intp]
    ranks: NDArray[np.float64]
    better: NDArray[np.intp]
    rest: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The choices that rankings are made of, S stages with L rows in all.

    Attributes
    ----------
    labels : (S,) e.g. ``"firm 7 #1"``.
    size : (S,) alternatives to choose from.
    rows : (L,) positions in the table, stage after stage.
    taken : (L,) the alternatives that come out of the stage. first : (L,) the first of them.
    tied : number of groups of tied alternatives that were used.
    """

    labels: pd.Index
    size: NDArray[np.intp]
    rows: NDArray[np.intp]
    taken: NDArray[np.bool_]
    first: NDArray[np.bool_]
    tied: int


def convert_rankings(
    frame: Any,
    *,
    case: str | None,
    alternative: str,
    rank: str | Mapping[Any, str],
    varying: Varying | None = None,
    ties: Ties = "error",
    depth: int | None = None,
    unit: str | None = None,
    weights: str | None = None,
    policy: Policy | None = None,
) -> ChoiceData:
    """Read and check rankings; see :meth:`ChoiceData.from_rankings`."""
    require_option("ties", ties, get_args(Ties))
    if depth is not None and (not isinstance(depth, Integral) or isinstance(depth, bool) or depth < 1):
        raise OptionError.of("depth", depth, "None or a whole number of at least 1")
    table = read_ranks(read_frame(frame), case, alternative, rank, varying)
    groups = _groups(table)
    findings = [*_duplicates(table), *_broken(table, groups), *_unranked(table, groups)]
    findings += _ties(table, groups) if ties == "error" else []
    if findings:
        raise DataError(findings)
    stages = _stages(table, groups, ties, depth)
    if not len(stages.labels):
        message = "no ranking says which of two alternatives is better: every one has a single alternative or ties all"
        raise DataError([Finding("empty", message, column=table.names["rank"])])
    data = _choices(table, stages, unit, weights, policy or Policy())
    return replace(data, notes=(*_notes(table, groups, stages, ties, depth, data), *data.notes))


def _groups(table: RankTable) -> Groups:
    ranker, ranks = table.ranker.codes, table.ranks
    order = np.lexsort((table.alternative.codes, ranks, ranker))
    sorted_ranker, sorted_ranks = ranker[order], ranks[order]
    opens = np.ones(len(order), dtype=bool)
    opens[1:] = (sorted_ranker[1:] != sorted_ranker[:-1]) | (sorted_ranks[1:] != sorted_ranks[:-1])
    start = np.flatnonzero(opens)
    size = np.diff(np.append(start, len(order)))
    sizes = np.bincount(ranker, minlength=len(table.ranker.labels))
    better = start - (np.cumsum(sizes) - sizes)[sorted_ranker[start]]
    return Groups(
        order=order,
        start=start,
        size=size,
        ranker=sorted_ranker[start],
        ranks=sorted_ranks[start],
        better=better,
        rest=sizes[sorted_ranker[start]] - better,
    )


# --------------------------------------------------------------------------------------------------------- rules


def _finding(table: RankTable, rule: str, ranker: int, text: str, **facts: Any) -> Finding:
    label = plain_label(table.ranker.labels[ranker])
    return Finding(rule, f"ranker {show(label)} {text}", column=table.names["rank"], case=label, **facts)


def _duplicates(table: RankTable) -> list[Finding]:
    key = table.ranker.codes.astype(np.int64) * len(table.alternative.labels) + table.alternative.codes
    twice = np.flatnonzero(pd.Series(key).duplicated().to_numpy())

    def describe(position: int) -> Finding:
        row = twice[position]
        label = plain_label(table.alternative.labels[table.alternative.codes[row]])
        text = f"has alternative {show(label)} in more than one row: keep one"
        return _finding(table, "duplicate", int(table.ranker.codes[row]), text, alternative=label)

    return listed(np.arange(len(twice)), describe, "row")


def _broken(table: RankTable, groups: Groups) -> list[Finding]:
    """Ranks that are not 1, 2, ... with gaps only behind ties (1, 2, 2, 4 and 1, 2, 2, 3 are both read)."""
    finite = np.isfinite(groups.ranks)
    opens = groups.better == 0
    before = np.append(0.0, groups.ranks[:-1])
    step = np.append(1, groups.size[:-1])
    with np.errstate(invalid="ignore"):  # behind what was not ranked stands nothing
        gap = groups.ranks - before
    fits = np.where(opens, groups.ranks == 1, (gap == 1) | (gap == step))
    wrong = np.flatnonzero(finite & ~fits)
    # the first break of each ranker says it; what follows is its consequence
    wrong = wrong[np.unique(groups.ranker[wrong], return_index=True)[1]]

    def describe(position: int) -> Finding:
        group = wrong[position]
        value = float(groups.ranks[group])
        shown = int(value) if value == int(value) else value
        label = plain_label(table.alternative.labels[table.alternative.codes[groups.order[groups.start[group]]]])
        if value != int(value) or value < 1:
            text = "ranks are whole numbers from 1, the best, on; leave empty what was not ranked"
        elif opens[group]:
            text = "no alternative has rank 1; rank 1 is the best"
        else:
            text = f"the rank before it is {int(before[group])}: no rank may be left out, except behind ties"
        facts = {"alternative": label, "value": shown}
        return _finding(
            table,
            "rank_gap",
            int(groups.ranker[group]),
            f"gives alternative {show(label)} rank {shown}: {text}",
            **facts,
        )

    return listed(np.arange(len(wrong)), describe, "ranker")


def _unranked(table: RankTable, groups: Groups) -> list[Finding]:
    none = groups.ranker[(groups.better == 0) & np.isinf(groups.ranks)]

    def describe(position: int) -> Finding:
        text = "ranks no alternative: leave the rows of this ranker out"
        return _finding(table, "rank_missing", int(none[position]), text)

    return listed(np.arange(len(none)), describe, "ranker")


def _ties(table: RankTable, groups: Groups) -> list[Finding]:
    tied = np.flatnonzero(np.isfinite(groups.ranks) & (groups.size > 1))

    def describe(position: int) -> Finding:
        group = tied[position]
        rows = groups.order[groups.start[group] : groups.start[group] + 2]
        one, two = (plain_label(table.alternative.labels[code]) for code in table.alternative.codes[rows])
        value = int(groups.ranks[group])
        text = (
            f"gives rank {value} to {groups.size[group]} alternatives, among them {show(one)} and {show(two)}: "
            "say ties='breslow' or ties='discrete', or leave the rank empty where the order below is not known"
        )
        return _finding(table, "rank_tied", int(groups.ranker[group]), text, alternative=one, value=value)

    return listed(np.arange(len(tied)), describe, "tie")


# -------------------------------------------------------------------------------------------------------- stages


def _stages(table: RankTable, groups: Groups, ties: Ties, depth: int | None) -> Stages:
    """A stage a group that stands above something; with Breslow's ties, one a member of the group."""
    used = np.isfinite(groups.ranks) & (groups.size < groups.rest)
    if depth is not None:
        used &= groups.better < depth
    kept = np.flatnonzero(used)
    copies = groups.size[kept] if ties == "breslow" else np.ones(len(kept), dtype=np.intp)
    group = np.repeat(kept, copies)
    member = _places(copies)
    size = groups.rest[group]
    place = _places(size)
    rows = groups.order[np.repeat(groups.start[group], size) + place]
    out = np.repeat(member, size)
    taken = place == out if ties == "breslow" else place < np.repeat(groups.size[group], size)
    names = _ranker_texts(table.ranker.labels)
    labels = [
        f"{names[who]} #{better + 1}" + (f".{one + 1}" if several > 1 else "")
        for who, better, one, several in zip(
            groups.ranker[group].tolist(),
            groups.better[group].tolist(),
            member.tolist(),
            np.repeat(copies, copies).tolist(),
            strict=True,
        )
    ]
    tied = int((groups.size[kept] > 1).sum())
    return Stages(index_of(labels), size, rows, taken, place == out, tied)


def _places(sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """0, 1, ... within each of the blocks of these sizes."""
    ends = np.cumsum(sizes, dtype=np.intp)
    return np.arange(int(sizes.sum()), dtype=np.intp) - np.repeat(ends - sizes, sizes)


def _ranker_texts(labels: pd.Index) -> list[str]:
    texts = [str(label) for label in labels.tolist()]
    return texts if len(set(texts)) == len(texts) else [show(label) for label in labels.tolist()]


def _choices(table: RankTable, stages: Stages, unit: str | None, weights: str | None, policy: Policy) -> ChoiceData:
    rank = table.names["rank"]
    case = unique_name("stage", {**table.columns, rank: None})
    several = stages.taken.sum() > len(stages.labels)
    marker = unique_name("taken", {**table.columns, rank: None, case: None})
    exploded = {name: pick(series, stages.rows) for name, series in table.columns.items()}
    exploded[case] = pd.Series(stages.labels.take(np.repeat(np.arange(len(stages.size)), stages.size)))
    exploded[rank] = pd.Series(stages.first)
    if several:
        exploded[marker] = pd.Series(stages.taken)
    data = convert_long(
        exploded,
        case=case,
        alternative=table.names["alternative"],
        chosen=rank,
        weights=weights,
        unit=table.names["case"] if unit is None else unit,
        policy=policy,
    ).settled()
    if not several:
        return data
    picked = data.row_columns[marker].to_numpy(dtype=bool)
    kept = {name: column for name, column in data.row_columns.items() if name != marker}
    return replace(data, row_columns=kept, picked=picked)


def _notes(
    table: RankTable, groups: Groups, stages: Stages, ties: Ties, depth: int | None, data: ChoiceData
) -> list[str]:
    rankers = len(table.ranker.labels)
    used = len(np.unique(table.ranker.codes[stages.rows]))
    notes = [
        f"{len(stages.labels)} stages from {used} rankings: the best of all, then the best of the rest; "
        "a stage counts as one case"
    ]
    if used < rankers:
        notes.append(f"{rankers - used} of {rankers} rankings say nothing (one alternative, or all tied): left out")
    if depth is not None:
        notes.append(f"ranks below {depth} are not used (depth={depth})")
    unranked = groups.ranker[np.isinf(groups.ranks)]
    if len(unranked):
        notes.append(f"{len(unranked)} of {used} rankings are partial: what has no rank stands below all that has one")
    if stages.tied:
        how = {
            "breslow": "each is chosen from the whole set (Breslow)",
            "discrete": "the set of the tied is chosen given its size",
        }
        notes.append(f"{stages.tied} groups of tied alternatives: {how[ties]}")
    last = np.isfinite(groups.ranks) & (groups.size == groups.rest) & (groups.size > 1) & (groups.better > 0)
    if last.any():
        notes.append(f"{int(last.sum())} rankings tie their last places: the order among these says nothing")
    if table.names["case"] == data.names.get("unit"):
        notes.append("the unit of a stage is its ranker, for errors clustered by ranker")
    return notes
