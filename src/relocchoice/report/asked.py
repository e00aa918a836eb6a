"""What the makers of a report's sections work from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import RelocChoiceError
from relocchoice.report.contents import Figure, Part, Sentence
from relocchoice.report.figures import drawn
from relocchoice.results.choice_results import ChoiceResults


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the makers of sections work from.

    Attributes
    ----------
    data : the choices; fits : name -> results; report : the table ``[report]``; plots : to draw.
    failures : sentences on what could not be done; makers add to it. notices : on what is not as it should be.
    """

    data: ChoiceData
    fits: Mapping[str, ChoiceResults]
    report: Mapping[str, Any]
    plots: tuple[str, ...]
    failures: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def sampling(self) -> dict[str, Any]:
        """Arguments of whatever has an interval."""
        return {
            "interval": self.report.get("interval", "delta"),
            "alpha": self.report.get("alpha", 0.05),
            "seed": self.report.get("seed", 0),
        }

    def tried(self, what: str, make: Callable[..., Sequence[Part]], *arguments: Any, **options: Any) -> list[Part]:
        """What is made, or the sentence why it is not."""
        try:
            return [*make(*arguments, **options)]
        except RelocChoiceError as error:
            self.failures.append(f"{what}: {error}")
            return [Sentence(f"{what}: {error}", "refused")]

    def drawn(self, draw: Callable[..., Any], *arguments: Any, caption: str, stem: str, **options: Any) -> list[Part]:
        """A plot, or the sentence why there is none."""
        made = self.tried(f"plot ({caption})", _figures, draw, *arguments, caption=caption, stem=stem, **options)
        told = [part.notice for part in made if isinstance(part, Figure)]
        self.notices.extend(notice for notice in dict.fromkeys(told) if notice and notice not in self.notices)
        return made


def _figures(*arguments: Any, **options: Any) -> list[Figure]:
    return [drawn(*arguments, **options)]
