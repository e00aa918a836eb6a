"""The table of choices as a frozen value: cases, the alternatives each could choose, what was chosen, the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data import readers
from relocchoice.data.frozen import FrozenMap, locked

if TYPE_CHECKING:
    from relocchoice.data.draft import SingleAlternative
    from relocchoice.data.shared import Shared
    from relocchoice.data.structural import Unavailable

WeightKind = Literal["frequency", "sampling", "choice-based"]
PROBABILITY_WEIGHTS = ("sampling", "choice-based")  # kinds under which a log-likelihood is a pseudo-likelihood

# The methods import what they call when they are called: conversions and views build this record, so import it first.


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
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
        Read from ``frame.attrs["notes"]`` too.
    picked : (R,) bool, the rows of the alternatives taken, for data whose cases may take several; ``chosen`` is then
        the first of them. None where every case takes one.
    provenance : one line on where data come from that nobody observed, e.g. simulated ones; fits, tables and plots
        made from these data begin with it. Empty for others. Read from ``frame.attrs["provenance"]``.
    shared : of counts, the choice sets that cases share, whose rows are spelled out only when asked for; else None.
        Data made from these by ``dataclasses.replace`` have rows of their own.
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
    provenance: str = ""
    shared: Shared | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for name in ("offsets", "row_alternative", "chosen", "weights", "unit", "picked"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, locked(array))
        for name in ("row_columns", "case_columns", "names"):
            object.__setattr__(self, name, FrozenMap(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __getattr__(self, name: str) -> Any:
        if name not in ("row_alternative", "row_columns"):
            raise AttributeError(f"ChoiceData has no attribute {name!r}", name=name, obj=self)
        from relocchoice.data import shared

        return shared.spell_out(self, name)

    # ------------------------------------------------------------------------------------------------ making one

    from_long = classmethod(readers.from_long)
    from_wide = classmethod(readers.from_wide)
    from_counts = classmethod(readers.from_counts)
    from_rankings = classmethod(readers.from_rankings)
    from_zones = classmethod(readers.from_zones)

    # -------------------------------------------------------------------------------------------------- its size

    @property
    def n_cases(self) -> int:
        """Number of cases."""
        return len(self.cases)

    @property
    def n_rows(self) -> int:
        """Number of pairs of a case and an available alternative."""
        return int(self.offsets[-1])

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
        rows = self.row_columns if self.shared is None else self.shared.sets.row_columns
        return tuple(dict.fromkeys([*roles, *rows, *self.case_columns]))

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
        ``attrs["provenance"]`` and ``attrs["notes"]`` hold what these data say, and whoever reads the frame takes them
        over.

        Raises
        ------
        DataError
            When a column does not exist.
        """
        from relocchoice.data import views

        return views.row_frame(self, self.columns if names is None else names)

    def case_frame(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Columns with one value a case (n rows), marked as in :meth:`row_frame`. None takes the case columns.

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

    def with_provenance(self, provenance: str) -> ChoiceData:
        """The same choices with another line on where they come from; see :attr:`provenance`.

        Raises
        ------
        DataError
            When it is no text, or of more than one line.
        """
        from relocchoice.data import provenance as lines

        return lines.with_provenance(self, provenance)

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
