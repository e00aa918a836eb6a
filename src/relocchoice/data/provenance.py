"""Where data come from that nobody observed: one line that travels from the table to all that is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from relocchoice.data.labels import show
from relocchoice.data.shared import alike
from relocchoice.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from relocchoice.data.choice_data import ChoiceData

KEY, NOTES = "provenance", "notes"


def with_provenance(data: ChoiceData, provenance: object) -> ChoiceData:
    """See :meth:`ChoiceData.with_provenance`."""
    if not isinstance(provenance, str) or len(provenance.splitlines()) > 1:
        raise DataError(f"provenance={show(provenance)} is not one line of text")
    return alike(data, provenance=provenance.strip())


def joint_provenance(*sources: Any) -> str:
    """The lines of records, of frames with ``attrs["provenance"]`` and of lines themselves, each part once."""
    lines = (str(_line(source) or "") for source in sources)
    return "; ".join(dict.fromkeys(part for line in lines if line for part in line.split("; ")))


def _line(source: Any) -> Any:
    # a frame may have a column of that name
    attrs = getattr(source, "attrs", None)
    if isinstance(attrs, Mapping):
        return attrs.get(KEY)
    return source if isinstance(source, str) else getattr(source, KEY, None)


def carried(data: ChoiceData, *frames: Any) -> ChoiceData:
    """The data with the lines and notes that their tables carry in ``attrs``, as pandas frames can."""
    said = [note for frame in frames for note in _sentences(getattr(frame, "attrs", {}).get(NOTES, ()))]
    if said:
        data = alike(data, notes=tuple(dict.fromkeys([*said, *data.notes])))
    found = [line for frame in frames if (line := getattr(frame, "attrs", {}).get(KEY, ""))]
    if not found:
        return data
    return with_provenance(data, found[0] if len(found) == 1 else joint_provenance(*map(str, found)))


def marked(frame: pd.DataFrame, data: ChoiceData) -> pd.DataFrame:
    """The frame with the line and the notes of the data that it is made of, for whoever reads it again."""
    if data.provenance:
        frame.attrs[KEY] = data.provenance
    if data.notes:
        frame.attrs[NOTES] = list(data.notes)
    return frame


def _sentences(notes: object) -> Iterable[str]:
    if isinstance(notes, str):
        return (notes,)
    return tuple(map(str, notes)) if isinstance(notes, list | tuple) else ()
