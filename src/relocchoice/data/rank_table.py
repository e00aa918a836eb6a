"""Tables of ranks, long or wide, as columns and codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.draft import unique_name
from relocchoice.data.frames import Columns, pick
from relocchoice.data.labels import Encoded, encode, encode_canonical, index_of, plain_label, show
from relocchoice.data.long import read_roles
from relocchoice.data.wide import Varying, interleave, read_universe
from relocchoice.errors import DataError, Finding


@dataclass(frozen=True, slots=True, eq=False)
class RankTable:
    """A long table of ranks, D rows: one a ranker and alternative.

    Attributes
    ----------
    columns : every column but that of the ranks.
    ranker, alternative : codes of these.
    ranks : (D,) float64, infinite where the alternative was not ranked.
    names : the columns of the roles ``"case"``, ``"alternative"`` and ``"rank"``.
    """

    columns: Mapping[str, pd.Series]
    ranker: Encoded
    alternative: Encoded
    ranks: NDArray[np.float64]
    names: Mapping[str, str]


def read_ranks(
    columns: Columns,
    case: str | None,
    alternative: str,
    rank: str | Mapping[Any, str],
    varying: Varying | None,
) -> RankTable:
    """The table as columns and codes; a wide one is made long first.

    Raises
    ------
    DataError
        When a column or a label is missing, two roles share a column, or the ranks are no numbers.
    """
    if isinstance(rank, Mapping):
        columns, case, rank_name = _lengthened(columns, case, alternative, rank, varying or {})
    else:
        if varying is not None:
            raise DataError("varying= goes with a wide table, whose rank= is a dict alternative -> column")
        rank_name = rank
    if case is None:
        raise DataError("case=None: a long table of ranks needs the column that tells the rankers apart")
    names = read_roles({"case": case, "alternative": alternative, "rank": rank_name}, None)
    source = {role: columns.get(name, role) for role, name in names.items()}
    ranker = encode(source["case"], names["case"])
    codes = encode_canonical(source["alternative"], names["alternative"])
    if not columns.n_rows:
        raise DataError([Finding("empty", "the table of ranks has no rows")])
    nameless = [
        Finding(
            rule=f"{role}_missing",
            message=f"column {names[role]!r} has no {said} in row {int(np.flatnonzero(found.codes < 0)[0])} "
            f"({int((found.codes < 0).sum())} such rows): fill it in or drop the rows",
            column=names[role],
            count=int((found.codes < 0).sum()),
        )
        for role, said, found in (("case", "ranker", ranker), ("alternative", "alternative", codes))
        if (found.codes < 0).any()
    ]
    if nameless:
        raise DataError(nameless)
    kept = {names["case"]: source["case"], names["alternative"]: source["alternative"]}
    kept |= columns.others(set(names.values()))
    return RankTable(kept, ranker, codes, _numbers(source["rank"], names["rank"]), names)


def _lengthened(
    columns: Columns, case: str | None, alternative: str, rank: Mapping[Any, str], varying: Varying
) -> tuple[Columns, str, str]:
    """A wide table, one row a ranker, as a long one; also the names of the columns of ranker and rank."""
    universe = read_universe(rank)
    width, n = len(universe.labels), columns.n_rows
    used = {*universe.sources, *(value for one in varying.values() for value in one.values())}
    others = columns.others({name for name in used if isinstance(name, str)})
    for name, sources in varying.items():
        absent = [label for label in universe.labels if label not in sources]
        if absent or name in others:
            reason = f"names no column for alternative {show(absent[0])}" if absent else "is a column of the table"
            raise DataError(f"varying[{name!r}] {reason}: give one column an alternative, and a new name")
    ranker = unique_name("ranker", {**others, **varying}) if case is None else case
    rank_name = unique_name("rank", {**others, **varying, alternative: None, ranker: None})
    if alternative in others:
        raise DataError(f"alternative={alternative!r} is a column of the table: of wide rankings it is a new name")
    repeat = np.repeat(np.arange(n, dtype=np.intp), width)
    long: dict[Any, pd.Series] = {name: pick(series, repeat) for name, series in others.items()}
    if case is None:
        long[ranker] = pd.Series(repeat)
    long[alternative] = pd.Series(pd.Categorical.from_codes(np.tile(np.arange(width), n), index_of([*universe.labels])))
    parts = [columns.get(source, f"rank[{show(label)}]") for label, source in rank.items()]
    long[rank_name] = interleave(parts, rank_name)
    for name, by_label in varying.items():
        where = f"varying[{name!r}]"
        held = [_part(columns, by_label[label], where) for label in universe.labels]
        long[name] = interleave(held, name)
    return Columns(long, n * width), ranker, rank_name


def _part(columns: Columns, source: str | float, where: str) -> pd.Series:
    return columns.get(source, where) if isinstance(source, str) else pd.Series(np.full(columns.n_rows, float(source)))


def _numbers(series: pd.Series, column: str) -> NDArray[np.float64]:
    """The ranks, infinite where missing; what is not a whole number is left for the rules."""
    if not pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        known = series.dropna()
        if not len(known):
            return np.full(len(series), np.inf)
        value = plain_label(known.iloc[0])
        message = f"rank column {column!r} holds {show(value)}, which is no number: 1 is the best, empty not ranked"
        raise DataError([Finding("rank_invalid", message, column=column, value=value)])
    ranks = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(ranks).any():
        message = f"rank column {column!r} holds an infinite rank: leave the rank of what was not ranked empty"
        raise DataError([Finding("rank_invalid", message, column=column, count=int(np.isinf(ranks).sum()))])
    return np.where(np.isnan(ranks), np.inf, ranks)
