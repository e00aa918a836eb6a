"""Labels of alternatives, levels and parameters: looked up exactly, then by their text; written to JSON and back."""

from __future__ import annotations

import datetime
import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.labels import plain_label
from relocchoice.errors import StoreError

Label = Any  # a str, int, bool, float or pandas Timestamp; numpy scalars of these are taken as they come


def plain(label: Label) -> Label:
    """A numpy scalar as the Python value it stands for, also inside a list or dict; anything else as it is."""
    return plain_label(label)


def said(label: Label) -> str:
    """A label as it is written in a message."""
    return repr(plain_label(label))


def find_label(label: Label, labels: Sequence[Label]) -> int | None:
    """Position of a label, or None: the same value first, else the one whose text is the label's text.

    Parameters
    ----------
    label : what the user wrote.
    labels : (J,) the labels that exist.
    """
    return find_labels([label], labels)[0]


def find_labels(wanted: Iterable[Label], labels: Iterable[Label]) -> list[int | None]:
    """:func:`find_label` for many labels in one pass."""
    wanted, labels = list(wanted), list(labels)
    if {type(label) for label in (*wanted, *labels)} & {bool, np.bool_}:
        keys, sought = [_key(label) for label in labels], [_key(label) for label in wanted]
    else:
        keys, sought = labels, wanted
    last = len(labels) - 1
    values = dict(zip(reversed(keys), range(last, -1, -1), strict=True))
    found = [values.get(key) for key in sought]
    if None in found:
        texts = dict(zip(map(str, reversed(labels)), range(last, -1, -1), strict=True))
        found = [texts.get(str(w)) if at is None else at for w, at in zip(wanted, found, strict=True)]
    return found


def _key(label: Label) -> Any:
    """Equal for equal labels; True is not 1, though Python says so."""
    return (isinstance(label, bool | np.bool_), label)


def close_labels(label: Label, labels: Iterable[Label], at_most: int = 3) -> list[str]:
    """Texts of the labels that look like this one, best first."""
    texts = [str(candidate) for candidate in labels]
    lowered: dict[str, str] = {}
    for text in texts:
        lowered.setdefault(text.lower(), text)
    found = difflib.get_close_matches(str(label).lower(), list(lowered), n=at_most, cutoff=0.6)
    return [lowered[text] for text in found]


def listed(labels: Iterable[Label], at_most: int = 12) -> str:
    """Labels as they are shown in a message; a long list is cut and says how many were left out."""
    texts = [said(label) for label in labels]
    rest = len(texts) - at_most
    return ", ".join(texts[:at_most]) + (f", ... and {rest} more" if rest > 0 else "")


def hint(label: Label, labels: Sequence[Label]) -> str:
    """The end of a message on an unknown label: the close ones when there are any, else those that exist."""
    close = close_labels(label, labels)
    return f"did you mean {listed(close)}?" if close else f"there are: {listed(labels) or 'none'}"


def label_to_json(label: Label) -> Any:
    """A label as a JSON value that :func:`label_from_json` turns back into an equal label of the same type.

    Raises
    ------
    StoreError : the label is of a type that JSON cannot carry.
    """
    label = plain(label)
    if isinstance(label, pd.Timestamp):
        return {"timestamp": label.isoformat()}
    if isinstance(label, datetime.datetime):
        return {"datetime": label.isoformat()}
    if isinstance(label, datetime.date):
        return {"date": label.isoformat()}
    if isinstance(label, float) and not math.isfinite(label):
        return {"float": repr(label)}
    if label is None or isinstance(label, str | bool | int | float):
        return label
    raise StoreError(
        f"label {said(label)} of type {type(label).__name__} cannot be saved; "
        "use text, numbers, True/False or timestamps"
    )


def label_from_json(value: Any) -> Label:
    """The label that :func:`label_to_json` wrote.

    Raises
    ------
    StoreError : the value is not one that :func:`label_to_json` writes.
    """
    readers: dict[str, Callable[[str], Label]] = {
        "timestamp": pd.Timestamp,
        "datetime": datetime.datetime.fromisoformat,
        "date": datetime.date.fromisoformat,
        "float": float,
    }
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, text),) = value.items()
        if kind in readers and isinstance(text, str):
            return readers[kind](text)
    raise StoreError(f"{value!r} is not a saved label")
