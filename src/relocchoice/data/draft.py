"""What every conversion reads its table into before the checks: rows of (case, alternative) as codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import WeightKind
from relocchoice.data.labels import UNKNOWN, plain_label, show
from relocchoice.errors import Finding, OptionError

Missing = Literal["error", "drop"]
SingleAlternative = Literal["error", "drop", "keep"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with cases that cannot be used.

    Attributes
    ----------
    weight_kind : what the weights count.
    missing : ``"error"`` refuses missing keys; ``"drop"`` drops every case with a missing or infinite value.
    single_alternative : what becomes of cases without a choice to make: only one available alternative, or all taken.
    several : whether a case may take more than one alternative.
    """

    weight_kind: WeightKind = "frequency"
    missing: Missing = "error"
    single_alternative: SingleAlternative = "error"
    several: bool = False

    def __post_init__(self) -> None:
        require_option("weight_kind", self.weight_kind, get_args(WeightKind))
        require_option("missing", self.missing, get_args(Missing))
        require_option("single_alternative", self.single_alternative, get_args(SingleAlternative))
        if not isinstance(self.several, bool):
            raise OptionError.of("several", plain_label(self.several), "True, False")


def require_option(argument: str, value: object, valid: tuple[str, ...]) -> None:
    """Raise the usual :class:`OptionError` unless `value` is one of `valid`."""
    if not isinstance(value, str) or value not in valid:
        raise OptionError.of(argument, plain_label(value), ", ".join(map(repr, valid)))


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A table of choices as read: D rows in any order, available or not.

    Attributes
    ----------
    cases : (n,) labels in order of first appearance; `case` : (D,) codes, -1 where the label is missing.
    alternatives : (J,) labels in canonical order; `alternative` : (D,) codes, -1 where missing.
    chosen : (D,) int8: 1 chosen, 0 not, -1 missing, -2 unreadable and already among `findings`; None without choices.
    chosen_by_label : the source names the chosen alternative instead of flagging its row.
    available : (D,) int8: 1, 0, -1 missing; None when every row is available.
    weights : (D,) float64 or None. `unit` : (D,) codes into `units`, -1 missing, or None.
    row_columns, case_columns : name -> (D,) and (n,) Series.
    names : roles -> column names, as in :class:`ChoiceData`.
    sources : role or column -> the name of the source column for each alternative, where a wide table has one each.
    findings : problems found while reading.
    noun : what a case is called in messages.
    """

    cases: pd.Index
    case: NDArray[np.intp]
    alternatives: pd.Index
    alternative: NDArray[np.intp]
    names: Mapping[str, str]
    chosen: NDArray[np.int8] | None = None
    chosen_by_label: bool = False
    available: NDArray[np.int8] | None = None
    weights: NDArray[np.float64] | None = None
    unit: NDArray[np.intp] | None = None
    units: pd.Index | None = None
    row_columns: Mapping[str, pd.Series] = field(default_factory=dict)
    case_columns: Mapping[str, pd.Series] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    noun: str = "case"

    def source(self, role: str, alternative: int) -> str:
        """The source column of a role or column, for one alternative."""
        if role in self.sources and alternative >= 0:
            return self.sources[role][alternative]
        return self.names.get(role, role)


@dataclass(frozen=True, slots=True, eq=False)
class Flags:
    """A yes/no column as read.

    Attributes
    ----------
    codes : (n_rows,) int8: 1, 0, -1 missing, -2 neither.
    odd : the distinct values that are neither yes nor no.
    """

    codes: NDArray[np.int8]
    odd: tuple[Any, ...]


WORDS = {"yes": 1, "true": 1, "no": 0, "false": 0}


def read_flags(series: pd.Series) -> Flags:
    """Read a column of bool, of 0/1 numbers, or of the words yes/no or true/false; other text is not guessed at."""
    if series.dtype == np.dtype(bool):
        return Flags(series.to_numpy().astype(np.int8), ())
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        numbers = series.to_numpy()
        yes = numbers == 1
        if (yes | (numbers == 0)).all():
            return Flags(yes.astype(np.int8), ())
    # Categories are labels: a categorical of 0 and 1 is read through its values all the same.
    values = series.astype(object) if isinstance(series.dtype, pd.CategoricalDtype) else series
    codes, distinct = pd.factorize(values)
    flags = [_flag(value) for value in pd.Index(distinct, tupleize_cols=False).tolist()]
    table = np.array([*flags, -1], dtype=np.int8)
    odd = tuple(value for value, flag in zip(distinct.tolist(), flags, strict=True) if flag == UNKNOWN)
    return Flags(table[codes], odd)


def _flag(value: Any) -> int:
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return int(value)
    return WORDS.get(value.strip().lower(), UNKNOWN) if isinstance(value, str) else UNKNOWN


def odd_flag(column: str, odd: tuple[Any, ...], role: str) -> Finding:
    """The finding for a yes/no column with other values."""
    value = odd[0]
    return Finding(
        rule=f"{role}_invalid",
        message=f"{role} column {column!r} holds {show(value)}, which is neither true/false, yes/no nor 0/1: "
        f"recode it first, e.g. df[{column!r}] == {show(value)}",
        column=column,
        value=plain_label(value),
        count=len(odd),
    )


def unique_name(wanted: str, taken: Mapping[str, Any]) -> str:
    """`wanted`, with underscores behind it as long as it is taken."""
    while wanted in taken:
        wanted += "_"
    return wanted
