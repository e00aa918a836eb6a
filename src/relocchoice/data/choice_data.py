"""The table of choices as a frozen value: cases, the alternatives each could choose, what was chosen, the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.frozen import FrozenMap, locked

if TYPE_CHECKING:
    from relocchoice.data.counts import Absent
    from relocchoice.data.draft import Missing, SingleAlternative
    from relocchoice.data.rankings import Ties
    from relocchoice.data.structural import Unavailable, Zeros

WeightKind = Literal["frequency", "sampling", "choice-based"]
PROBABILITY_WEIGHTS = ("sampling", "choice-based")  # kinds under which a log-likelihood is a pseudo-likelihood

# The methods import what they call when they are called: conversions and views build this record, so import it first.


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChoiceData:
    """Choices in long form with offsets; only *available* alternatives have a row.

    n cases, J alternatives in the universe, R rows (sum of the choice-set sizes). Arrays are read-only and mappings
    frozen; a column comes out as a Series whose changes stay outside.

    Attributes
    ----------
    alternatives : (J,) labels of any type in canonical order (of a categorical, of an explicit list, else sorted).
    cases : (n,) labels in order of first appearance.
    offsets : (n + 1,) int64; the rows of case i are ``offsets[i]:offsets[i + 1]``.
    row_alternative : (R,) intp codes into ``alternatives``, increasing within a case.
    chosen : (n,) intp code of the chosen alternative; None for data without choices (prediction).
    weights : (n,) float64 or None (every case counts once).
    weight_kind : with weights ``"frequency"``, ``"sampling"`` or ``"choice-based"``, else None.
    unit : (n,) intp codes into ``units`` (the firm that decides), or None (every case is its own unit).
    units : labels of the units, or None.
    row_columns : name -> (R,) pandas Series (RangeIndex) of values that may differ between alternatives.
    case_columns : name -> (n,) pandas Series (RangeIndex) of values known to be one a case.
    names : roles -> column names of the source, e.g. ``{"case": "move", "alternative": "place", "chosen": "chosen"}``.
    notes : sentences on what was dropped or assumed on the way in; printed under every table made from these data.
    picked : (R,) bool, the rows of the alternatives taken, for data whose cases may take several; ``chosen`` is then
        the first of them. None where every case takes one.
    """

    alternatives: pd.Index
    cases: pd.Index
    offsets: NDArray[np.int64]
    row_alternative: NDArray[np.intp]
    chosen: NDArray[np.intp] | None
    weights: NDArray[np.float64] | None
    weight_kind: WeightKind | None
    unit: NDArray[np.intp] | None
    units: pd.Index | None
    row_columns: Mapping[str, pd.Series]
    case_columns: Mapping[str, pd.Series]
    names: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())
    picked: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for name in ("offsets", "row_alternative", "chosen", "weights", "unit", "picked"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, locked(array))
        for name in ("row_columns", "case_columns", "names"):
            object.__setattr__(self, name, FrozenMap(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(self.notes))

    # ------------------------------------------------------------------------------------------------ making one

    @classmethod
    def from_long(
        cls,
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

        return convert_long(
            frame,
            case=case,
            alternative=alternative,
            chosen=chosen,
            available=available,
            weights=weights,
            unit=unit,
            policy=Policy(weight_kind, missing, single_alternative, several),
        ).settled()

    @classmethod
    def from_wide(
        cls,
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
        from relocchoice.data.wide import convert_wide

        return convert_wide(
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

    @classmethod
    def from_counts(
        cls,
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

        return convert_counts(
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

    @classmethod
    def from_rankings(
        cls,
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
        from relocchoice.data.rankings import convert_rankings

        return convert_rankings(
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

    @classmethod
    def from_zones(
        cls,
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
        from relocchoice.data.zones import convert_zones

        return convert_zones(
            zones, zone=zone, chosen=chosen, firms=firms, by=by, count=count, available=available, missing=missing
        )

    # -------------------------------------------------------------------------------------------------- its size

    @property
    def n_cases(self) -> int:
        """Number of cases."""
        return len(self.cases)

    @property
    def n_rows(self) -> int:
        """Number of pairs of a case and an available alternative."""
        return len(self.row_alternative)

    @property
    def n_alternatives(self) -> int:
        """Number of alternatives any case may have."""
        return len(self.alternatives)

    @property
    def n_taken(self) -> NDArray[np.intp]:
        """(n,) number of alternatives each case took: ones unless cases may take several, zeros without choices."""
        if self.picked is None:
            return np.full(self.n_cases, 0 if self.chosen is None else 1, dtype=np.intp)
        return np.bincount(self.row_case()[self.picked], minlength=self.n_cases).astype(np.intp)

    @property
    def total_weight(self) -> float:
        """Sum of the weights; the number of cases without weights."""
        return float(self.n_cases if self.weights is None else self.weights.sum())

    @property
    def effective_n(self) -> float:
        """Kish's effective number of choices, (sum w)^2 / sum w^2; with frequencies every choice counts once."""
        from relocchoice.data import population

        return population.effective_n(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every name that :meth:`row_frame` knows: the roles' columns (not the choice), then row and case columns."""
        roles = [self.names[role] for role in ("case", "alternative", "unit", "weights") if self._holds(role)]
        return tuple(dict.fromkeys([*roles, *self.row_columns, *self.case_columns]))

    def _holds(self, role: str) -> bool:
        held = {"unit": self.unit is not None, "weights": self.weights is not None}
        return role in self.names and held.get(role, True)

    def row_case(self) -> NDArray[np.intp]:
        """(R,) position of the case of each row."""
        return np.repeat(np.arange(self.n_cases, dtype=np.intp), np.diff(self.offsets))

    # --------------------------------------------------------------------------------------------------- looking

    def row_frame(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Columns with one value a row (R rows); case columns are repeated. None takes all :attr:`columns`.

        The column of the alternatives is a categorical in their order; the choice column is true in the chosen rows.

        Raises
        ------
        DataError
            When a column does not exist.
        """
        from relocchoice.data import views

        return views.row_frame(self, self.columns if names is None else names)

    def case_frame(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Columns with one value a case (n rows). None takes the case columns.

        Raises
        ------
        DataError
            When a column does not exist, or differs between the alternatives of a case (naming a case and two values).
        """
        from relocchoice.data import views

        return views.case_frame(self, tuple(self.case_columns) if names is None else names)

    def varies_within_case(self, name: str) -> bool:
        """Whether a column differs between the alternatives of some case; missing values count as equal."""
        from relocchoice.data import views

        return views.varies_within_case(self, name)

    def choice_shares(self) -> pd.DataFrame:
        """What was chosen, by alternative.

        Returns
        -------
        DataFrame with the alternatives as index and ``count`` (weighted number of cases that chose it), ``share`` (of
        the total weight), ``cases`` (unweighted number of cases that chose it) and ``available_to`` (unweighted number
        of cases that could choose it).

        Raises
        ------
        DataError
            For data without choices.
        """
        from relocchoice.data import views

        return views.choice_shares(self)

    # -------------------------------------------------------------------------------------------------- changing

    def select(self, cases: Any) -> ChoiceData:
        """Some of the cases: a (n,) bool mask, a slice, or positions in any order, with repetitions if wanted.

        The alternatives stay, also those no selected case has, so that codes keep their meaning.

        Raises
        ------
        DataError
            When the mask has another length or a position does not exist.
        """
        from relocchoice.data import views

        return views.select(self, cases)

    def drop_missing(self, columns: Sequence[str] | None = None) -> ChoiceData:
        """Without the cases that have a missing or infinite value in one of `columns` (None: in any), with a note.

        Raises
        ------
        DataError
            When no case is left or a column does not exist.
        """
        from relocchoice.data import views

        return views.drop_missing(self, columns)

    def with_weights(self, weights: Any, kind: WeightKind) -> ChoiceData:
        """The same cases with other weights: (n,) numbers, or a Series whose index holds the labels of the cases.

        Raises
        ------
        DataError
            When a weight is missing, negative, infinite, or not whole where frequencies must be.
        OptionError
            When `kind` is not one of its valid values.
        """
        from relocchoice.data import views

        return views.with_weights(self, weights, kind)

    def with_population_shares(self, shares: Mapping[Any, float], by: str | None = None) -> ChoiceData:
        """The same choices weighted by share in the population / share in the sample, once a choice.

        Parameters
        ----------
        shares : label -> population share, for every label; they sum to one.
        by : a column with one value a case: sampling weights. None: the labels are those of the chosen alternatives, a
            tuple of alternatives is one stratum, and the weights are choice-based (WESML).

        Notes
        -----
        Counts are spelled out into one case a choice; sampling weights given before are multiplied.

        Raises
        ------
        DataError
            When the shares are incomplete, not positive, do not sum to one, or belong to what was never sampled.
        """
        from relocchoice.data import population

        return population.with_population_shares(self, shares, by)

    def without(self, unavailable: Unavailable, single_alternative: SingleAlternative = "error") -> ChoiceData:
        """Without the alternatives that were no choice, by rule (structural zeros), with a note for each rule.

        Parameters
        ----------
        unavailable : alternative -> conditions, column -> value or list of values, all of which must hold; or a list of
            such conditions, any of which suffices: ``{"R&D": {"period": ["1980s"], "size": "small"}}``.
        single_alternative : ``"error"``, ``"drop"`` or ``"keep"``: what becomes of cases that the rules leave with one.

        Raises
        ------
        DataError
            When a rule has another shape, names what the data do not have, or removes what was chosen.
        """
        from relocchoice.data import structural

        return structural.without(self, unavailable, single_alternative)

    # --------------------------------------------------------------------------------------------------- showing

    def __repr__(self) -> str:
        from relocchoice.data import show

        return show.as_text(self)

    def _repr_html_(self) -> str:
        from relocchoice.data import show

        return show.as_html(self)
