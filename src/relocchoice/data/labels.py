"""Labels of any type to codes and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import DataError, Finding

NULL, UNKNOWN = -1, -2


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A column of labels as codes.

    Attributes
    ----------
    codes : (n_rows,) intp codes into `labels`; :data:`NULL` where the label is missing.
    labels : distinct labels.
    """

    codes: NDArray[np.intp]
    labels: pd.Index


def index_of(labels: Any) -> pd.Index:
    """An Index that keeps tuples as labels instead of turning them into levels."""
    if isinstance(labels, list):
        array = np.empty(len(labels), dtype=object)
        for position, label in enumerate(labels):  # array[:] = labels would spread tuples over a second axis
            array[position] = label
        return pd.Index(array, tupleize_cols=False).infer_objects()
    return pd.Index(labels, tupleize_cols=False)


def encode(series: pd.Series, column: str) -> Encoded:
    """Codes in order of first appearance.

    Raises
    ------
    DataError
        When labels cannot be hashed (lists, dicts), or are equal only because True is 1.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _encode_categorical(series)
    values = series.to_numpy() if isinstance(series.dtype, np.dtype) else series.array
    if series.dtype == object and pd.api.types.infer_dtype(values) != "string":
        refuse_merging(values, f"column {column!r}", column)
    try:
        codes, labels = pd.factorize(values)
    except TypeError:
        raise DataError(
            [
                Finding(
                    rule="label",
                    message=f"column {column!r} holds values that cannot serve as labels (lists or dicts): "
                    "use text, numbers, dates or tuples",
                    column=column,
                )
            ]
        ) from None
    return Encoded(codes.astype(np.intp, copy=False), index_of(labels))


def refuse_merging(labels: Iterable[Any], where: str, column: str | None = None) -> None:
    """Refuse flags beside the numbers they are equal to: one would silently be taken for the other.

    Raises
    ------
    DataError
        When True stands beside 1, or False beside 0.
    """
    seen: dict[tuple[bool, Any], Any] = {}
    for label in labels:
        if isinstance(label, (bool, np.bool_, int, float, np.number)) and label in (0, 1):
            seen.setdefault((isinstance(label, (bool, np.bool_)), int(label)), label)
    for number in (0, 1):
        if (True, number) in seen and (False, number) in seen:
            flag, other = show(seen[True, number]), show(seen[False, number])
            message = f"{where} has both {other} and {flag}, which are equal as labels: write them as text, or keep one"
            raise DataError(
                [Finding(rule="label", message=message, column=column, value=plain_label(seen[True, number]))]
            )


def _encode_categorical(series: pd.Series) -> Encoded:
    levels = series.cat.codes.to_numpy(dtype=np.intp)
    present = levels >= 0
    codes = np.full(len(levels), NULL, dtype=np.intp)
    codes[present], used = pd.factorize(levels[present])
    return Encoded(codes, index_of(series.cat.categories.take(used)))


def encode_canonical(series: pd.Series, column: str) -> Encoded:
    """Codes in an order that does not depend on the order of the rows.

    A categorical keeps the order of its levels, unused ones included; other labels are sorted, by their text when they
    cannot be compared.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return Encoded(series.cat.codes.to_numpy().astype(np.intp), index_of(series.cat.categories))
    found = encode(series, column)
    order = sorted_positions(found.labels.tolist())
    rank = np.empty(len(order) + 1, dtype=np.intp)
    rank[order] = np.arange(len(order))
    rank[-1] = NULL  # so that the code -1 stays -1
    return Encoded(rank[found.codes], found.labels.take(order))


def sorted_positions(labels: Sequence[Any]) -> NDArray[np.intp]:
    """The order of labels, by their text when they cannot be compared."""
    try:
        order = sorted(range(len(labels)), key=labels.__getitem__)
    except TypeError:
        order = sorted(range(len(labels)), key=lambda i: (str(labels[i]), type(labels[i]).__name__))
    return np.array(order, dtype=np.intp)


def look_up(series: pd.Series, labels: Iterable[Any], column: str) -> NDArray[np.intp]:
    """Position of each value in `labels`; :data:`NULL` where missing, :data:`UNKNOWN` where it is none of them."""
    position = {label: code for code, label in enumerate(labels)}
    found = encode(series, column)
    table = np.array([position.get(label, UNKNOWN) for label in found.labels.tolist()] + [NULL], dtype=np.intp)
    return table[found.codes]


def show(label: Any) -> str:
    """A label as it is written in a message, NumPy scalars as the values they stand for, also inside a list or dict."""
    return repr(plain_label(label))


def show_some(labels: Iterable[Any], limit: int = 8) -> str:
    """A list of labels for a message, cut after `limit`."""
    every = list(labels)
    text = ", ".join(show(label) for label in every[:limit])
    return f"{text} and {len(every) - limit} more" if len(every) > limit else text


def plain_label(label: Any) -> Any:
    """The label as a Python value."""
    if isinstance(label, np.generic):
        return label.item()
    if type(label) in (list, tuple, set, frozenset):
        return type(label)(map(plain_label, label))
    if type(label) is dict:
        return {plain_label(key): plain_label(value) for key, value in label.items()}
    return label
