"""What a specification is: a value that learns an encoding from data; the encoding turns any data into columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import StoreError
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.formula import FormulaEncoding
from relocchoice.spec.labels import Label
from relocchoice.spec.utility import UtilityEncoding


class Encoding(Protocol):
    """A specification fixed on the data it was learned from.

    Attributes
    ----------
    names : (K,) coefficient names in table order.
    alternatives : (J,) labels of the alternatives it was learned from.
    base : the alternative without constants, or None where there is no base.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def alternatives(self) -> tuple[Label, ...]: ...
    @property
    def base(self) -> Label | None: ...

    def columns(self, data: ChoiceData) -> UtilityColumns:
        """Columns of any data, encoded as they were learned."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON values, with its ``"kind"``."""
        ...


def encoding_from_dict(stored: Mapping[str, Any]) -> Encoding:
    """The encoding that some ``to_dict`` wrote.

    Raises
    ------
    StoreError : the record is of no known kind or lacks a field.
    """
    readers: dict[str, type[FormulaEncoding] | type[UtilityEncoding]] = {
        "formula": FormulaEncoding,
        "utility": UtilityEncoding,
    }
    kind = stored.get("kind")
    if kind not in readers:
        raise StoreError(f"a saved specification of kind {kind!r} is not known; known: {', '.join(readers)}")
    try:
        return readers[kind].from_dict(stored)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the saved specification is damaged: {type(error).__name__} on {error}") from None
