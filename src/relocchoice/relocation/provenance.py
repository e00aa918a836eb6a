"""Where data come from that nobody observed: the line that they, their tables and their plots begin with."""

from __future__ import annotations

from dataclasses import dataclass

SIMULATED = "simulated from published margins"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where simulated data come from.

    Attributes
    ----------
    label : what tables, plots and fits begin with.
    n : number of firms.
    seed : of the random numbers.
    margins : ``"exact"`` or ``"expected"``.
    note : what a reader must know before using the figures.
    """

    label: str
    n: int
    seed: int
    margins: str
    note: str

    @property
    def line(self) -> str:
        """One line: the label, the number of firms, the mode and the seed."""
        return f"{self.label} ({self.n:,} firms, margins {self.margins}, seed {self.seed})"

    def __str__(self) -> str:
        return self.line
