"""Network variables of a firm's choice of place, built without its own choice.

y_t(k, j) is 1 where firm k is at place j in period t (``window="last"``: it chose j in t; ``"ever"``: in t or before).
The variables of firm i that decides in period t, for every place j:

    stock of the group      sum over k of i's group, k not i, of y_{t-1}(k, j)
    stock of the links      sum over k of W[i, k] y_{t-1}(k, j), with W[i, i] = 0       (W y)
    shares of the peers     mean over the others of i's group that chose in the period of their choice

So nothing that firm i ever did is in its own row (Manski 1993, Review of Economic Studies 60, on why it must not be).
Sums over a group are made once and the firm's own part is taken off again: exact for counts of firms, to
rounding (1e-16) for shares of firms that chose several places.
Tables of groups x places are made once a period and looked up, and matrices of ties are sparse: no pair of firms is
ever written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from relocchoice.data.frames import read_frame
from relocchoice.data.labels import show
from relocchoice.data.provenance import begun, joint_provenance
from relocchoice.errors import DataError, OptionError
from relocchoice.relocation.network_codes import (
    Floats,
    Ints,
    coded,
    labels_of,
    numbers_in,
    one_per_firm,
    periods_of,
    provenance_of,
    skipped_periods,
    universe_of,
)
from relocchoice.relocation.network_links import Links
from relocchoice.relocation.network_variable import PlaceVariable

__all__ = ["Links", "Moves", "PlaceVariable", "group_stock", "linked_stock", "peer_shares", "ties_at"]

Window = Literal["ever", "last"]
Timing = Literal["before", "same"]
Alone = Literal["error", "zero"]
BLOCK = 8192
NOISE = 1e-12


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moves:
    """Who went where and when, as codes: m moves of F firms to J places in T periods, and n decisions.

    Attributes
    ----------
    firms, places, periods : labels; periods in order of time.
    firm, place, period : (m,) codes of the moves.
    case_firm, case_period : (n,) codes of the decisions, for each of which there will be a row.
    names : columns of the source: firm, place, period.
    provenance : what the source says about where it comes from, or None.
    notes : sentences on periods that no move or decision names.
    """

    firms: pd.Index
    places: pd.Index
    periods: pd.Index
    firm: Ints
    place: Ints
    period: Ints
    case_firm: Ints
    case_period: Ints
    names: tuple[str, str, str]
    provenance: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        counts = f"{len(self.firm):,} moves of {len(self.firms):,} firms, {self.n_cases:,} decisions"
        return begun(self.provenance or "", f"Moves: {counts}, {len(self.places):,} places")

    @classmethod
    def read(
        cls,
        frame: Any,
        *,
        firm: str,
        place: str,
        period: str,
        decisions: Any = None,
        places: Sequence[Any] | None = None,
        periods: Sequence[Any] | None = None,
    ) -> Moves:
        """Moves from a table with one row a move and place.

        Parameters
        ----------
        decisions : a table with columns ``firm`` and ``period``, one row for each decision that variables are wanted
            for, also of firms that never moved; None for every firm and period with a move.
        places : all places, in the order of the result; None for those in the table.
        periods : from the first to the last; needed where the order cannot be told from a number, a date, a categorical
            or the labels of the survey, and where periods without moves and decisions are to count: without it the
            period before is the last one that the tables name, which the variables' ``notes`` say of skipped years.

        Raises
        ------
        DataError : a missing label, a place or period outside those given, a decision that is listed twice.
        OptionError : the order of the periods is not known.
        """
        columns = read_frame(frame)
        who = labels_of(columns, firm, "firm")
        where = labels_of(columns, place, "place", firm)
        when = labels_of(columns, period, "period", firm)
        deciders, dates, both = who, when, when
        if decisions is not None:
            listed = read_frame(decisions)
            deciders, dates = labels_of(listed, firm, "firm"), labels_of(listed, period, "period", firm)
            both = when if isinstance(when.dtype, pd.CategoricalDtype) else pd.concat([when, dates], ignore_index=True)
        time = periods_of(periods, both, period)
        spots = universe_of("places", places, where)
        ends = pd.concat([pd.Series(who.to_numpy()), pd.Series(deciders.to_numpy())], ignore_index=True)
        codes, firms = pd.factorize(ends)
        case_firm = codes[len(who) :].astype(np.intp)
        case_period = coded(dates, time, period, "period")
        key = case_firm * len(time) + case_period
        first = np.sort(np.unique(key, return_index=True)[1])
        if decisions is not None and len(first) < len(key):
            at = int(np.setdiff1d(np.arange(len(key)), first)[0])
            raise DataError(
                f"decisions: firm {show(deciders.iloc[at])} decides twice in {period} {show(dates.iloc[at])} "
                f"(row {at}): one row a firm and period"
            )
        return cls(
            pd.Index(firms),
            spots,
            time,
            codes[: len(who)].astype(np.intp),
            coded(where, spots, place, "place"),
            coded(when, time, period, "period"),
            case_firm[first],
            case_period[first],
            (firm, place, period),
            provenance_of(frame, decisions),
            skipped_periods(time, periods, period),
        )

    @property
    def n_cases(self) -> int:
        """n."""
        return len(self.case_firm)

    def groups(self, firms: Any, group: str) -> Ints:
        """(F,) codes of the group of each firm; ``firms`` is a table with the column of firms and that of groups.

        Raises
        ------
        DataError : a firm without a group, or with two.
        """
        found = one_per_firm(read_frame(firms), self.names[0], group, self.firms)
        return pd.factorize(found)[0].astype(np.intp)

    def presence(self, period: int, window: Window) -> sparse.csr_array:
        """(F, J) ones where a firm is at a place in a period (code): chose it then, or ever until then."""
        kept = self.period == period if window == "last" else self.period <= period
        key = np.unique(self.firm[kept] * len(self.places) + self.place[kept])
        ends = np.divmod(key, len(self.places))
        return sparse.coo_array((np.ones(len(key)), ends), shape=(len(self.firms), len(self.places))).tocsr()

    def by_period(self) -> Iterator[tuple[int, Ints]]:
        """Each period's code and the positions of its decisions."""
        for period in range(len(self.periods)):
            cases = np.flatnonzero(self.case_period == period)
            if len(cases):
                yield period, cases

    def blank(self, name: str, values: Floats | None = None, *, looks_back: bool = False) -> PlaceVariable:
        """A variable of all decisions, zero unless given; with the notes on periods where it looks one back."""
        held = np.zeros((self.n_cases, len(self.places))) if values is None else values
        return PlaceVariable(
            name,
            held,
            self.firms,
            self.periods,
            self.case_firm,
            self.case_period,
            self.places,
            self.names,
            self.provenance,
            self.notes if looks_back else (),
        )


def group_stock(
    moves: Moves, firms: Any, *, group: str, window: Window = "ever", name: str | None = None
) -> PlaceVariable:
    """How many other firms of the same group (cluster, dialect, surname) are at each place in the period before.

    Parameters
    ----------
    firms : a table with the firms and their ``group``, one row a firm or more.
    window : ``"ever"``: went there in any period before; ``"last"``: in the one before.
    name : of the variable; None for ``<group>_stock``.

    Returns
    -------
    PlaceVariable
        Counts of firms, zero in the first period.

    Raises
    ------
    DataError : a firm without a group, or with two. OptionError : another window.
    """
    _check_window(window)
    codes = moves.groups(firms, group)
    out = moves.blank(name or f"{group}_stock", looks_back=window == "last")
    for period, cases in moves.by_period():
        if period == 0:
            continue
        there = moves.presence(period - 1, window)
        who = moves.case_firm[cases]
        _look_up(out.values, cases, _group_sums(there, codes), codes[who])
        _subtract(out.values, cases, there, who)
    return out


def linked_stock(moves: Moves, links: Links, *, window: Window = "ever", name: str = "linked_stock") -> PlaceVariable:
    """W y: ties (weights) of each firm to firms that are at each place in the period before.

    ``links.row_normalised()`` gives the share of the firm's partners in place of their number.

    Raises
    ------
    DataError : a tied firm that is unknown to the moves. OptionError : another window.
    """
    _check_window(window)
    matrix = links.aligned(moves.firms)
    said = joint_provenance(moves.provenance, links.provenance) or None
    out = moves.blank(name, looks_back=window == "last")
    for period, cases in moves.by_period():
        if period:
            there = moves.presence(period - 1, window)
            _multiply(out.values, cases, matrix, there, moves.case_firm[cases])
    return replace(out, provenance=said)


def peer_shares(
    moves: Moves,
    firms: Any,
    *,
    group: str,
    timing: Timing = "before",
    alone: Alone = "error",
    name: str | None = None,
) -> PlaceVariable:
    """Leave-one-out shares: how the other firms of the group that chose in a period are spread over the places.

    A firm that chose several places in a period counts as one, in equal parts; shares sum to one. The shares of the
    same period are what the naive estimate uses; see :class:`relocchoice.relocation.social.SocialLogit` for why a logit
    with them is biased.

    Parameters
    ----------
    timing : ``"before"``: choices of the period before; ``"same"``: of the same period.
    alone : what becomes of decisions without peers: ``"error"``, or ``"zero"`` shares. In the first period ``"before"``
        has none for anybody.

    Raises
    ------
    DataError : a firm without a group, or with two; a decision without peers. OptionError : another option.
    """
    for argument, value, valid in (("timing", timing, ("before", "same")), ("alone", alone, ("error", "zero"))):
        if value not in valid:
            raise OptionError.of(argument, value, valid)
    codes = moves.groups(firms, group)
    out = moves.blank(name or f"{group}_share", looks_back=timing == "before")
    lonely = np.zeros(moves.n_cases, dtype=bool)
    for period, cases in moves.by_period():
        source = period - 1 if timing == "before" else period
        there = _spread(moves.presence(source, "last")) if source >= 0 else None
        if there is None:
            lonely[cases] = True
            continue
        who = moves.case_firm[cases]
        chose = np.diff(there.indptr) > 0
        others = np.bincount(codes[chose], minlength=int(codes.max()) + 1)[codes[who]] - chose[who]
        lonely[cases] = others == 0
        share = np.divide(1.0, others, out=np.zeros(len(cases)), where=others > 0)
        _look_up(out.values, cases, _group_sums(there, codes), codes[who], share)
        _subtract(out.values, cases, there, who, share)
    if lonely.any() and alone == "error":
        at = int(np.flatnonzero(lonely)[0])
        raise DataError(
            f"firm {show(moves.firms[moves.case_firm[at]])} in {moves.names[2]} "
            f"{show(moves.periods[moves.case_period[at]])} has no peer by {group!r} that chose "
            f"{'in the period before' if timing == 'before' else 'then'} ({int(lonely.sum())} decisions): leave these "
            "decisions out, or say alone='zero'"
        )
    return out


def ties_at(
    moves: Moves, ties: Any, *, place: str | None = None, value: str | None = None, name: str = "ties"
) -> PlaceVariable:
    """Ties that a firm has at each place, from a table with one row a firm and place: kin, dialect fellows, partners.

    Parameters
    ----------
    ties : a table with the moves' column of firms, one of places and one of counts; pairs without a row have no ties.
    place : its column of places; None for that of the moves. value : column of counts; None counts rows.

    Raises
    ------
    DataError : an unknown place, a count that is no number of at least 0. Ties of firms without moves are not used.
    """
    columns = read_frame(ties)
    spot = place or moves.names[1]
    owner = labels_of(columns, moves.names[0], "firm")
    where = coded(labels_of(columns, spot, "place", moves.names[0]), moves.places, spot, "place")
    counts = np.ones(len(owner)) if value is None else numbers_in(columns, value, "value")
    who = moves.firms.get_indexer(pd.Index(owner))
    kept = who >= 0
    held = np.zeros((len(moves.firms), len(moves.places)))
    np.add.at(held, (who[kept], where[kept]), counts[kept])
    out = moves.blank(name, held[moves.case_firm])
    said = joint_provenance(moves.provenance, ties) or None
    return replace(out, provenance=said)


def _check_window(window: object) -> None:
    if window not in ("ever", "last"):
        raise OptionError.of("window", window, ("ever", "last"))


def _group_sums(there: sparse.csr_array, codes: Ints) -> Floats:
    """(G, J) sums over the firms of each group."""
    table = there.tocoo()
    j = there.shape[1]
    n_groups = int(codes.max(initial=-1)) + 1
    sums = np.bincount(codes[table.row] * j + table.col, weights=table.data, minlength=n_groups * j)
    out: Floats = sums.astype(np.float64).reshape(n_groups, j)
    return out


def _look_up(values: Floats, cases: Ints, table: Floats, rows: Ints, factor: Floats | None = None) -> None:
    """Rows of a table, times a factor each, into the rows of some cases; in blocks that stay in the cache."""
    for start in range(0, len(cases), BLOCK):
        part = slice(start, start + BLOCK)
        found = table[rows[part]]
        values[cases[part]] = found if factor is None else found * factor[part, None]


def _multiply(values: Floats, cases: Ints, matrix: sparse.csr_array, there: sparse.csr_array, who: Ints) -> None:
    """W y of the firms that decide; through a sparse product, as few partners were anywhere."""
    for start in range(0, len(cases), BLOCK):
        part = slice(start, start + BLOCK)
        values[cases[part]] = (matrix[who[part]] @ there).toarray()


def _subtract(values: Floats, cases: Ints, there: sparse.csr_array, who: Ints, factor: Floats | None = None) -> None:
    """Take each firm's own presence out of its rows, in place; a firm has one row a period, so no row comes twice."""
    own = there[who].tocoo()
    taken = own.data if factor is None else own.data * factor[own.row]
    left = values[cases[own.row], own.col] - taken
    # a difference that is zero in exact numbers may come out as rounding noise
    values[cases[own.row], own.col] = np.where(left < NOISE, 0.0, left)


def _spread(there: sparse.csr_array) -> sparse.csr_array:
    """Rows that sum to one where they are not empty."""
    count = np.diff(there.indptr)
    out = there.copy()
    out.data = out.data / np.repeat(count, count)
    return out
