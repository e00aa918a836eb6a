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

WeightKind = Literal["frequency", "sampling"]

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
    weight_kind : ``"frequency"`` or ``"sampling"`` with weights, else None.
    unit : (n,) intp codes into ``units`` (the firm that decides), or None (every case is its own unit).
    units : labels of the units, or None.
    row_columns : name -> (R,) pandas Series (RangeIndex) of values that may differ between alternatives.
    case_columns : name -> (n,) pandas Series (RangeIndex) of values known to be one a case.
    names : roles -> column names of the source, e.g. ``{"case": "move", "alternative": "place", "chosen": "chosen"}``.
    notes : sentences on what was dropped or assumed on the way in; printed under every table made from these data.
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

    def __post_init__(self) -> None:
        for name in ("offsets", "row_alternative", "chosen", "weights", "unit"):
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
        weight_kind : ``"frequency"`` (whole numbers: the case stands for so many) or ``"sampling"``.
        unit : column of who decides (the firm), one a case; None makes every case its own unit.
        missing : ``"error"`` refuses missing keys now, and missing or infinite values when a model uses their column;
            ``"drop"`` drops every case with a missing or infinite value in any column, and says so in the notes.
        single_alternative : ``"error"``, ``"drop"`` or ``"keep"``: what becomes of cases with a single alternative.

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
            policy=Policy(weight_kind, missing, single_alternative),
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
            unit=unit,
            policy=Policy("frequency", missing, single_alternative),
        ).settled()

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
    def total_weight(self) -> float:
        """Sum of the weights; the number of cases without weights."""
        return float(self.n_cases if self.weights is None else self.weights.sum())

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

    # --------------------------------------------------------------------------------------------------- showing

    def __repr__(self) -> str:
        from relocchoice.data import show

        return show.as_text(self)

    def _repr_html_(self) -> str:
        from relocchoice.data import show

        return show.as_html(self)
