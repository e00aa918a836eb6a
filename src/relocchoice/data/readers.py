"""The ways into :class:`ChoiceData`, its class methods: they read a table, check it as a whole, refuse or keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData, WeightKind
    from relocchoice.data.counts import Absent
    from relocchoice.data.draft import Missing, SingleAlternative
    from relocchoice.data.rankings import Ties
    from relocchoice.data.structural import Unavailable, Zeros


def from_long(
    cls: type[ChoiceData],
    frame: Any,
    *,
    case: str,
    alternative: str,
    chosen: str | None = None,
    available: str | None = None,
    weights: str | None = None,
    weight_kind: WeightKind = "frequency",
    unit: str | None = None,
    missing: Missing = "error",
    single_alternative: SingleAlternative = "error",
    several: bool = False,
) -> ChoiceData:
    """Read a table with one row a case and alternative, in any order; choice sets may differ.

    Parameters
    ----------
    frame : pandas, polars, pyarrow or whatever else narwhals reads, or a dict name -> values. Named index levels
        of a pandas frame count as columns.
    case : column that tells the choices apart.
    alternative : column of the alternatives, labels of any type. Their order is that of a categorical, else sorted.
    chosen : column of true/false, yes/no or 0/1, true in the chosen row; or the label of the chosen alternative,
        repeated on all rows of its case. A column of only 0 and 1 is always read as flags. None makes data for
        prediction.
    available : column of true/false, yes/no or 0/1; unavailable rows are left out.
    weights : column of weights, one a case; zero is allowed.
    weight_kind : ``"frequency"`` (whole numbers: the case stands for so many), ``"sampling"`` (inverse to the
        probability of being sampled) or ``"choice-based"`` (the same, where that depends on what was chosen).
    unit : column of who decides (the firm), one a case; None makes every case its own unit.
    missing : ``"error"`` refuses missing keys now, and missing or infinite values when a model uses their column;
        ``"drop"`` drops every case with a missing or infinite value in any column, and says so in the notes.
    single_alternative : ``"error"``, ``"drop"`` or ``"keep"``: what becomes of cases with a single alternative, and
        of those that took all they had.
    several : whether a case may have several chosen rows, as an event with several destinations has; see
        :attr:`picked`, :class:`~relocchoice.SubsetLogit` and :func:`~relocchoice.one_case_each`.

    Raises
    ------
    DataError
        With every problem of the table, each naming column, case and alternative.
    OptionError
        When an option has none of its valid values.

    Examples
    --------
    >>> table = {
    ...     "move": [1, 1, 2, 2],
    ...     "place": ["metro", "township", "metro", "township"],
    ...     "chosen": [True, False, False, True],
    ... }
    >>> data = ChoiceData.from_long(table, case="move", alternative="place", chosen="chosen")
    >>> data.n_cases, list(data.alternatives)
    (2, ['metro', 'township'])
    """
    from relocchoice.data.draft import Policy
    from relocchoice.data.long import convert_long
    from relocchoice.data.provenance import carried

    found = convert_long(
        frame,
        case=case,
        alternative=alternative,
        chosen=chosen,
        available=available,
        weights=weights,
        unit=unit,
        policy=Policy(weight_kind, missing, single_alternative, several),
    ).settled()
    return carried(found, frame)


def from_wide(
    cls: type[ChoiceData],
    frame: Any,
    *,
    chosen: str | None,
    alternatives: Any,
    varying: Mapping[str, Mapping[Any, str | float]] | None = None,
    available: Mapping[Any, str] | None = None,
    case: str | None = None,
    weights: str | None = None,
    weight_kind: WeightKind = "frequency",
    unit: str | None = None,
    missing: Missing = "error",
    single_alternative: SingleAlternative = "error",
) -> ChoiceData:
    """Read a table with one row a case.

    Parameters
    ----------
    frame, weights, weight_kind, unit, missing, single_alternative : as in :meth:`from_long`.
    chosen : column that names the chosen alternative; None makes data for prediction.
    alternatives : labels in the order they shall have, or a dict label -> its value in the `chosen` column.
    varying : name -> alternative -> column or number, for the variables that differ between alternatives; every
        alternative must be named. Columns without a role that are not used here become case columns.
    available : alternative -> column of true/false or 0/1; alternatives not named are always available.
        What a variable says of an unavailable alternative does not matter.
    case : column of case labels; None numbers the rows from 0.

    Raises
    ------
    DataError, OptionError
        As in :meth:`from_long`.

    Examples
    --------
    >>> table = {"mode": ["air", "car"], "air_fare": [70.0, 60.0], "fuel": [20.0, 15.0], "income": [3.0, 2.0]}
    >>> cost = {"air": "air_fare", "car": "fuel", "walk": 0.0}
    >>> data = ChoiceData.from_wide(table, chosen="mode", alternatives=list(cost), varying={"cost": cost})
    >>> data.row_frame(["cost", "income"]).shape
    (6, 2)
    """
    from relocchoice.data.draft import Policy
    from relocchoice.data.provenance import carried
    from relocchoice.data.wide import convert_wide

    found = convert_wide(
        frame,
        chosen=chosen,
        alternatives=alternatives,
        varying=varying,
        available=available,
        case=case,
        weights=weights,
        unit=unit,
        policy=Policy(weight_kind, missing, single_alternative),
    ).settled()
    return carried(found, frame)


def from_counts(
    cls: type[ChoiceData],
    table: Any,
    *,
    count: str | None = None,
    alternative: str | None = None,
    alternatives: Any = None,
    cell: str | Sequence[str] | None = None,
    available: str | Mapping[Any, str] | None = None,
    absent: Absent = "error",
    unavailable: Unavailable | None = None,
    zeros: Zeros = "data",
    unit: str | None = None,
    missing: Missing = "error",
    single_alternative: SingleAlternative = "error",
) -> ChoiceData:
    """Read tabulated choices: how many of each cell chose each alternative.

    Every cell and alternative with a positive count becomes one case with the count as its frequency weight.

    Parameters
    ----------
    table : as `frame` in :meth:`from_long`.
    count, alternative : of a long table, one row a cell and alternative: the columns of these.
    alternatives : of a wide table, one row a cell: the count columns, or a dict label -> count column.
    cell : columns that tell the cells apart; None means all that have no other role. Columns with one
        value a cell become case columns.
    available : column of a long table, or alternative -> column of a wide one, of true/false or 0/1. False marks a
        structural zero: the alternative was no choice, and its count must be 0.
    absent : what a count that is not in the table (a missing row; in a wide table, an empty place) means:
        ``"error"``, ``"zero"`` (never chosen; only where no column differs within a cell) or ``"unavailable"``.
    unavailable : structural zeros by rule, see :meth:`without`; a count that a rule covers must be 0 or absent.
    zeros : ``"data"`` (a count of 0 says that the alternative was not chosen) or ``"unavailable"`` (it says that
        the alternative was no choice in that cell).
    unit, missing, single_alternative : as in :meth:`from_long`.

    Raises
    ------
    DataError, OptionError
        As in :meth:`from_long`; also for negative, infinite or broken counts.

    Examples
    --------
    >>> table = {"period": ["1990s", "1990s"], "form": ["whole firm", "headquarters"], "firms": [12, 3]}
    >>> data = ChoiceData.from_counts(table, count="firms", alternative="form", cell="period")
    >>> list(data.cases), data.total_weight
    (['1990s -> headquarters', '1990s -> whole firm'], 15.0)
    """
    from relocchoice.data.counts import convert_counts
    from relocchoice.data.draft import Policy
    from relocchoice.data.provenance import carried

    found = convert_counts(
        table,
        count=count,
        alternative=alternative,
        alternatives=alternatives,
        cell=cell,
        available=available,
        absent=absent,
        unavailable=unavailable,
        zeros=zeros,
        unit=unit,
        policy=Policy("frequency", missing, single_alternative),
    ).settled()
    return carried(found, table)


def from_rankings(
    cls: type[ChoiceData],
    frame: Any,
    *,
    case: str | None,
    alternative: str,
    rank: str | Mapping[Any, str],
    varying: Mapping[str, Mapping[Any, str | float]] | None = None,
    ties: Ties = "error",
    depth: int | None = None,
    unit: str | None = None,
    weights: str | None = None,
    weight_kind: WeightKind = "frequency",
    missing: Missing = "error",
) -> ChoiceData:
    """Read rankings and take them apart into choices: the best of all, the best of the rest, and so on.

    A multinomial logit of the stages is the rank-ordered (exploded) logit. Stages with one alternative left, and
    last places that are tied, say nothing and are no cases.

    Parameters
    ----------
    frame : as in :meth:`from_long`: one row a ranker and alternative, or, with a dict as `rank`, one row a ranker.
    case : column of the ranker; of a wide table, None numbers the rows from 0.
    alternative : column of the alternatives; of a wide table, the new name they shall have.
    rank : column of the ranks, 1 the best, without gaps except behind ties. An empty rank means not ranked, below
        all that are. Of a wide table, a dict alternative -> column of its ranks.
    varying : of a wide table, name -> alternative -> column or number, as in :meth:`from_wide`.
    ties : ``"error"`` refuses equal ranks; ``"breslow"`` chooses each of the tied from the whole set they stand in;
        ``"discrete"`` chooses the set of the tied given its size (data for ``SubsetLogit``).
    depth : use only the first so many ranks; None for all.
    unit : column of who decides; None takes the ranker, so that ``cov_type="cluster"`` goes by ranker.
    weights, weight_kind, missing : as in :meth:`from_long`; a weight counts for every stage of its ranker.

    Raises
    ------
    DataError, OptionError
        As in :meth:`from_long`; also for ranks that are no ranking, each naming ranker, alternative and rank.

    Examples
    --------
    >>> table = {"firm": [1, 1, 1], "place": ["metro", "county", "township"], "rank": [2, 3, 1]}
    >>> data = ChoiceData.from_rankings(table, case="firm", alternative="place", rank="rank")
    >>> list(data.cases), data.n_rows
    (['1 #1', '1 #2'], 5)
    """
    from relocchoice.data.draft import Policy
    from relocchoice.data.provenance import carried
    from relocchoice.data.rankings import convert_rankings

    found = convert_rankings(
        frame,
        case=case,
        alternative=alternative,
        rank=rank,
        varying=varying,
        ties=ties,
        depth=depth,
        unit=unit,
        weights=weights,
        policy=Policy(weight_kind, missing),
    )
    return carried(found, frame)


def from_zones(
    cls: type[ChoiceData],
    zones: Any,
    *,
    zone: str,
    chosen: Any = None,
    firms: Any = None,
    by: str | Sequence[str] | None = None,
    count: str | None = None,
    available: str | None = None,
    missing: Missing = "error",
) -> ChoiceData:
    """Read a table of zones and the zone that each firm chose; zones that no firm chose stay alternatives.

    The choices are counted first, so that a million firms cost no more than the zones they chose among. The data
    are those of :meth:`from_counts`: one case a zone chosen (and kind of firm), with the number of firms as its
    frequency weight.

    Parameters
    ----------
    zones : as `frame` in :meth:`from_long`: one row a zone, with its attributes.
    zone : column of `zones` with the labels.
    chosen : one label a firm, in any sequence; or the name of a column of `firms`.
    firms : table with one row a firm.
    by : columns of `firms` that tell kinds of firms apart (size class, form); they become case columns.
    count : column of `zones` with the number of firms that chose it, in place of `chosen`.
    available : column of `zones` of true/false or 0/1. False marks a structural zero: the zone was no choice.
    missing : ``"error"``, or ``"drop"`` to leave out firms without a zone or a value in `by`, with a note.

    Raises
    ------
    DataError, OptionError
        For zones that stand twice or nowhere in `zones`, and as :meth:`from_counts`.

    Examples
    --------
    >>> zones = {"town": ["Liushi", "Yuecheng", "Hongqiao"], "rent": [3.0, 2.0, 1.0]}
    >>> data = ChoiceData.from_zones(zones, zone="town", chosen=["Liushi", "Hongqiao", "Liushi"])
    >>> list(data.cases), data.total_weight, data.n_alternatives
    (['Hongqiao', 'Liushi'], 3.0, 3)
    """
    from relocchoice.data.provenance import carried
    from relocchoice.data.zones import convert_zones

    found = convert_zones(
        zones, zone=zone, chosen=chosen, firms=firms, by=by, count=count, available=available, missing=missing
    )
    return carried(found, zones, firms)
