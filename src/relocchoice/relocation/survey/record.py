"""The synthetic survey as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from relocchoice.data.provenance import traced_record
from relocchoice.relocation.provenance import Provenance
from relocchoice.relocation.survey.truth import Level, Truth
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.summary import Summary

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Survey:
    """Firms that do not exist, what they did, and the model that made them do it.

    Every frame carries the provenance in ``frame.attrs["provenance"]``, and what is made of it says so first.

    Attributes
    ----------
    firms : one row a firm: ``firm``, ``town``, ``sector``, ``assets``, ``output``, ``sales`` (million yuan),
        ``founded`` (decade), ``initial_capital`` (million yuan), ``site`` (of establishment), ``ownership``,
        ``local_ties`` (share of partners at home, 0 to 1), ``group_member``. Town, ownership, ties and membership have
        no published margin: their distributions are assumed.
    events : one row an event: ``event``, ``firm``, ``period``, ``form``.
    destinations : one row an event and place: ``event``, ``place``, ``named`` (1 or 2, the order of naming).
    ties : one row a firm and place: ``firm``, ``place``, ``kin`` (relatives there), ``quote`` (the land price this firm
        is quoted, as a multiple of the place's); assumed.
    truth : the stated model.
    provenance : where all this comes from.
    """

    firms: pd.DataFrame
    events: pd.DataFrame
    destinations: pd.DataFrame
    ties: pd.DataFrame
    truth: Truth
    provenance: Provenance

    def choice_data(self, level: Level = "joint") -> ChoiceData:
        """The choices, ready for a model.

        Parameters
        ----------
        level : ``"joint"``, one case an event, form and the place named first; ``"form"``, one case an event, five
            forms, firm columns only; ``"destination"``, one case a place named by a manufacturing relocation, without
            the place named before it.

        Returns
        -------
        ChoiceData
            With firms as units. Alternatives that the published tables never show in a period are left out.

        Raises
        ------
        OptionError
            For another level.
        DataError
            Where the survey has no case with a choice to make at this level.
        """
        from relocchoice.relocation.survey.choices import choice_data  # conversions build on the record

        return choice_data(self, level)

    def margins(self) -> pd.DataFrame:
        """Published and simulated counts side by side.

        Returns
        -------
        DataFrame
            One row a published cell: ``table``, ``block``, ``category``, ``published``, ``expected`` (in proportion to
            the number of firms), ``simulated``.
        """
        from relocchoice.relocation.survey.margins import margins_frame

        return margins_frame(self)

    def summary(self) -> Summary:
        """The margins as a table that begins with the provenance."""
        from relocchoice.relocation.survey.margins import margins_table

        return Summary(margins_table(self))

    def __repr__(self) -> str:
        counts = f"{len(self.firms):,} firms, {len(self.events):,} events, {len(self.destinations):,} destinations"
        return f"{self.provenance.line}\nSurvey: {counts}"


for _name in ("firms", "events", "destinations", "ties"):
    setattr(Survey, _name, CopiedFrame(vars(Survey)[_name]))
