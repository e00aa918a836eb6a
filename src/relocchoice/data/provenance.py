"""Where data come from that nobody observed: one line that travels from the table to all that is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from relocchoice.data.labels import show
from relocchoice.data.shared import alike
from relocchoice.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from relocchoice.data.choice_data import ChoiceData

KEY, NOTES = "provenance", "notes"
ARROW_KEY = b"PANDAS_ATTRS"  # where pandas keeps them in a parquet file; pyarrow beside its own account of a frame

P = ParamSpec("P")
R = TypeVar("R")


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
    attrs = _attrs(source)
    if attrs is not None:
        return attrs.get(KEY)
    return source if isinstance(source, str) else getattr(source, KEY, None)


def _attrs(frame: Any) -> Mapping[str, Any] | None:
    """What a pandas frame, or a pyarrow table, says of itself; None of what cannot say anything."""
    attrs = getattr(frame, "attrs", None)
    if isinstance(attrs, Mapping):
        return attrs
    if not _is_arrow(frame):
        return None
    metadata = frame.schema.metadata or {}
    return {**_mapping(_read(metadata, b"pandas").get("attributes")), **_read(metadata, ARROW_KEY)}


def _read(metadata: Mapping[bytes, bytes], key: bytes) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(metadata.get(key, b"{}")))
    except ValueError:
        return {}


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _is_arrow(frame: Any) -> bool:
    return type(frame).__module__.partition(".")[0] == "pyarrow" and hasattr(frame, "replace_schema_metadata")


def with_attrs(frame: Any, **more: Any) -> Any:
    """The frame, with more said of it where its kind can hold that: pandas frames and pyarrow tables."""
    if _is_arrow(frame):
        attrs = {**(_attrs(frame) or {}), **more}
        return frame.replace_schema_metadata({**(frame.schema.metadata or {}), ARROW_KEY: json.dumps(attrs).encode()})
    if isinstance(getattr(frame, "attrs", None), dict):
        frame.attrs.update(more)
    return frame


def notes_of(frame: Any) -> tuple[str, ...]:
    """The sentences that a table carries."""
    return tuple(_sentences((_attrs(frame) or {}).get(NOTES, ())))


def carried(data: ChoiceData, *frames: Any) -> ChoiceData:
    """The data with the lines and notes that their tables carry, as pandas frames and pyarrow tables can."""
    held = [_attrs(frame) or {} for frame in frames]
    said = [note for frame in frames for note in notes_of(frame)]
    if said:
        data = alike(data, notes=tuple(dict.fromkeys([*said, *data.notes])))
    found = [line for attrs in held if (line := attrs.get(KEY, ""))]
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


def begun(provenance: str, title: str) -> str:
    """A title that begins with where the data come from, where that is said: ``"[simulated ...] Logit: ..."``."""
    return f"[{provenance}] {title}".rstrip() if provenance else title


def said(made: R, *sources: Any) -> R:
    """What was made, with the lines of its sources: in a table's ``attrs``, in a record's field ``provenance``.

    Tuples have it in each part; numbers and text stay what they are.
    """
    if isinstance(made, tuple):
        return cast(R, tuple(said(part, *sources) for part in made))
    attrs = getattr(made, "attrs", None)
    if isinstance(attrs, dict):
        if line := joint_provenance(made, *sources):
            attrs[KEY] = line
        return made
    if is_dataclass(made) and not isinstance(made, type) and any(field.name == KEY for field in fields(made)):
        line = joint_provenance(made, *sources)
        return made if line == joint_provenance(made) else replace(made, **{KEY: line})
    return made


def traced(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose result says where the data among its arguments (fits, records, data, tables) come from."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        given = (*args, *kwargs.values())
        return said(function(*args, **kwargs), *(one for one in given if not isinstance(one, str)))

    return told


def traced_record(cls: type[R]) -> type[R]:
    """The class, whose public methods and properties are :func:`traced`: what a record hands out says what it says."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") or name == KEY:
            continue
        if isinstance(member, property) and member.fget is not None:
            setattr(cls, name, property(traced(member.fget), doc=member.__doc__))
        elif isinstance(member, FunctionType):
            setattr(cls, name, traced(member))
    return cls


def _sentences(notes: object) -> Iterable[str]:
    if isinstance(notes, str):
        return (notes,)
    return tuple(map(str, notes)) if isinstance(notes, list | tuple) else ()
