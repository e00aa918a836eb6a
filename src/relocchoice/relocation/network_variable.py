"""A variable of decisions and places: as a wide or long table, or as one column more of a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from relocchoice.data.frames import read_frame
from relocchoice.data.labels import show
from relocchoice.data.provenance import KEY, NOTES, begun, joint_provenance
from relocchoice.errors import DataError
from relocchoice.relocation.network_codes import Floats, Ints, coded, labels_of


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlaceVariable:
    """A variable with one value a decision and place.

    Attributes
    ----------
    name : of the column it becomes; values : (n, J).
    firms, periods, case_firm, case_period, places, names, provenance, notes : as in ``Moves``; tables carry the last
        two in ``attrs``, and data read from these keep them.
    """

    name: str
    values: Floats
    firms: pd.Index
    periods: pd.Index
    case_firm: Ints
    case_period: Ints
    places: pd.Index
    names: tuple[str, str, str]
    provenance: str | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shape = f"{len(self.values):,} decisions x {len(self.places):,} places"
        return begun(self.provenance or "", f"PlaceVariable {self.name!r}: {shape}")

    def wide(self) -> pd.DataFrame:
        """(n, J) with firm and period as index and a column a place."""
        ends = [self.firms[self.case_firm], self.periods[self.case_period]]
        index = pd.MultiIndex.from_arrays(ends, names=[self.names[0], self.names[2]])
        return self._marked(pd.DataFrame(self.values, index=index, columns=self.places.rename(self.names[1])))

    def long(self) -> pd.DataFrame:
        """(n J,) rows with the columns firm, period, place and the variable."""
        j = len(self.places)
        columns = {
            self.names[0]: np.repeat(self.firms[self.case_firm], j),
            self.names[2]: np.repeat(self.periods[self.case_period], j),
            self.names[1]: self.places[np.tile(np.arange(j), len(self.values))],
            self.name: self.values.ravel(),
        }
        return self._marked(pd.DataFrame(columns))

    def join(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A long table of decisions x places with this variable as one column more; its rows keep their order.

        Raises
        ------
        DataError : the table has such a column already, or a firm, period or place that the variable does not.
        """
        if self.name in frame.columns:
            raise DataError(f"the table has a column {self.name!r} already; rename one of them")
        columns = read_frame(frame)
        firm, place, period = self.names
        who = coded(labels_of(columns, firm, "firm"), self.firms, firm, "firm of the moves")
        when = coded(labels_of(columns, period, "period", firm), self.periods, period, "period")
        where = coded(labels_of(columns, place, "place", firm), self.places, place, "place")
        t = len(self.periods)
        row_of = np.full(len(self.firms) * t, -1, dtype=np.intp)
        row_of[self.case_firm * t + self.case_period] = np.arange(len(self.values))
        rows = row_of[who * t + when]
        if (rows < 0).any():
            at = int(np.flatnonzero(rows < 0)[0])
            raise DataError(
                f"firm {show(self.firms[who[at]])} has no decision in {period} {show(self.periods[when[at]])} "
                f"(row {at}), so {self.name!r} has no value there; list it in decisions="
            )
        out = frame.assign(**{self.name: self.values[rows, where]})
        return self._marked(out)

    def _marked(self, frame: pd.DataFrame) -> pd.DataFrame:
        if said := joint_provenance(frame, self.provenance):
            frame.attrs[KEY] = said
        if self.notes:
            frame.attrs[NOTES] = list(dict.fromkeys([*(frame.attrs.get(NOTES) or ()), *self.notes]))
        return frame
