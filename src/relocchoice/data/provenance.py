"""Where data come from that nobody observed: one line that travels from the table to all that is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relocchoice.data.labels import show
from relocchoice.data.shared import alike
from relocchoice.errors import DataError

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData

KEY = "provenance"


def with_provenance(data: ChoiceData, provenance: object) -> ChoiceData:
    """See :meth:`ChoiceData.with_provenance`."""
    if not isinstance(provenance, str) or len(provenance.splitlines()) > 1:
        raise DataError(f"provenance={show(provenance)} is not one line of text")
    return alike(data, provenance=provenance.strip())


def carried(data: ChoiceData, *frames: Any) -> ChoiceData:
    """The data with the lines that their tables carry in ``attrs["provenance"]``, as pandas frames can."""
    found = [getattr(frame, "attrs", {}).get(KEY, "") for frame in frames]
    lines = list(dict.fromkeys(line for line in found if line))
    if len(lines) == 1:
        return with_provenance(data, lines[0])
    return with_provenance(data, "; ".join(map(str, lines))) if lines else data
