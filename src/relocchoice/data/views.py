"""Looking at checked data and cutting it: functions of a :class:`ChoiceData`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.assemble import loss_note
from relocchoice.data.checks import listed
from relocchoice.data.choice_data import ChoiceData, WeightKind
from relocchoice.data.draft import require_option
from relocchoice.data.frames import Columns, comparable, missing_values, pick
from relocchoice.data.labels import plain_label, show
from relocchoice.data.missing import missing_value
from relocchoice.data.provenance import marked, traced
from relocchoice.data.shared import alike
from relocchoice.errors import DataError, Finding

# before version 3 pandas writes through a frame into the arrays that it was made of
_COPIED = int(pd.__version__.partition(".")[0]) < 3


def _role(data: ChoiceData, name: str) -> str | None:
    """The role whose source column is called `name`; the unit may share a column with the case."""
    roles = ("case", "alternative", "chosen", "unit", "weights")
    return next((role for role in roles if data.names.get(role) == name and data_of_role(data, role) is not None), None)


def data_of_role(data: ChoiceData, role: str) -> Any:
    """What the record holds for a role, None when it holds nothing."""
    return {
        "case": data.cases,
        "alternative": data.row_alternative,
        "chosen": data.chosen,
        "unit": data.unit,
        "weights": data.weights,
    }[role]


def _case_level(data: ChoiceData, name: str) -> pd.Series | None:
    """A column known to have one value a case, (n,); None when it is not known to."""
    if name in data.case_columns:
        return data.case_columns[name]
    role = _role(data, name)
    if role == "case":
        return pd.Series(data.cases, name=name)
    if role == "weights":
        return pd.Series(data.weights, name=name)
    if role == "unit" and data.units is not None and data.unit is not None:
        return pd.Series(data.units.take(data.unit), name=name)
    return None


def _row_level(data: ChoiceData, name: str) -> pd.Series:
    """A column with one value a row, (R,)."""
    if name in data.row_columns:
        return data.row_columns[name]
    role = _role(data, name)
    if role == "alternative":
        return pd.Series(pd.Categorical.from_codes(data.row_alternative, categories=data.alternatives), name=name)
    if role == "chosen" and data.picked is not None:
        return pd.Series(data.picked, name=name)
    if role == "chosen" and data.chosen is not None:
        return pd.Series(data.row_alternative == data.chosen[data.row_case()], name=name)
    known: dict[Any, pd.Series] = dict.fromkeys(data.columns, pd.Series(dtype=float))
    return Columns(known, data.n_rows).get(name, "column")


def row_frame(data: ChoiceData, names: Sequence[str]) -> pd.DataFrame:
    """See :meth:`ChoiceData.row_frame`."""
    columns = {}
    row_case: NDArray[np.intp] | None = None
    for name in _listed_names(names):
        level = _case_level(data, name)
        if level is not None:
            row_case = data.row_case() if row_case is None else row_case
            level = pick(level, row_case)
        columns[name] = _row_level(data, name) if level is None else level
    return marked(pd.DataFrame(columns, index=pd.RangeIndex(data.n_rows), copy=_COPIED), data)


def case_frame(data: ChoiceData, names: Sequence[str]) -> pd.DataFrame:
    """See :meth:`ChoiceData.case_frame`."""
    columns, findings = {}, []
    for name in _listed_names(names):
        level = _case_level(data, name)
        if level is None:
            series = _row_level(data, name)
            differs = _differs(data, series)
            if differs.any():
                findings.append(_varies(data, name, series, int(np.argmax(differs))))
            level = pick(series, data.offsets[:-1].astype(np.intp))
        columns[name] = level
    if findings:
        raise DataError(findings)
    return marked(pd.DataFrame(columns, index=pd.RangeIndex(data.n_cases), copy=_COPIED), data)


def _listed_names(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        return [names]
    try:
        return list(dict.fromkeys(names))
    except TypeError:
        raise DataError(f"{show(names)} is not the name of a column or a list of names") from None


def _differs(data: ChoiceData, series: pd.Series) -> NDArray[np.bool_]:
    """(R,) where a value differs from that of its case's first row."""
    values = comparable(series)
    # np.diff against the row above would do for "any", but the message needs a pair of one case.
    return values != np.repeat(values[data.offsets[:-1]], np.diff(data.offsets))


def _varies(data: ChoiceData, name: str, series: pd.Series, row: int) -> Finding:
    case = int(np.searchsorted(data.offsets, row, side="right")) - 1
    first = int(data.offsets[case])
    one, other = (show(plain_label(series.iloc[at])) for at in (first, row))
    alternatives = [plain_label(data.alternatives[data.row_alternative[at]]) for at in (first, row)]
    return Finding(
        rule="varies_within_case",
        message=f"column {name!r} differs between the alternatives of case {show(data.cases[case])}: {one} for "
        f"{show(alternatives[0])}, {other} for {show(alternatives[1])}; here one value a case is needed",
        column=name,
        case=plain_label(data.cases[case]),
        alternative=alternatives[1],
        value=plain_label(series.iloc[row]),
    )


def varies_within_case(data: ChoiceData, name: str) -> bool:
    """See :meth:`ChoiceData.varies_within_case`."""
    if _case_level(data, name) is not None:
        return False
    return bool(_differs(data, _row_level(data, name)).any())


@traced
def choice_shares(data: ChoiceData) -> pd.DataFrame:
    """See :meth:`ChoiceData.choice_shares`."""
    if data.chosen is None:
        raise DataError("these data have no choices: give the chosen column when reading them")
    taken, weights = data.chosen, data.weights
    if data.picked is not None:
        taken = data.row_alternative[data.picked]
        weights = None if weights is None else weights[data.row_case()[data.picked]]
    count = np.bincount(taken, weights=weights, minlength=data.n_alternatives).astype(np.float64)
    total = data.total_weight
    return pd.DataFrame(
        {
            "count": count,
            "share": count / total if total > 0 else np.full(len(count), np.nan),
            "cases": np.bincount(taken, minlength=data.n_alternatives),
            "available_to": np.bincount(data.row_alternative, minlength=data.n_alternatives),
        },
        index=data.alternatives.rename(data.names.get("alternative", "alternative")),
    )


# --------------------------------------------------------------------------------------------------------- changing


def _positions(cases: Any, n: int) -> NDArray[np.intp]:
    if isinstance(cases, slice):
        return np.arange(n, dtype=np.intp)[cases]
    wanted = np.asarray(cases)
    if wanted.dtype == bool:
        if wanted.shape != (n,):
            raise DataError(f"the mask has shape {wanted.shape}, but there are {n} cases")
        return np.flatnonzero(wanted)
    if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
        raise DataError("cases= is neither a mask of true/false, nor a slice, nor a list of positions")
    positions = wanted.astype(np.intp)
    outside = positions[(positions < -n) | (positions >= n)]
    if len(outside):
        raise DataError(f"there is no case at position {outside[0]}: there are {n} cases, counted from 0")
    return np.where(positions < 0, positions + n, positions)


def select(data: ChoiceData, cases: Any) -> ChoiceData:
    """See :meth:`ChoiceData.select`."""
    at = _positions(cases, data.n_cases)
    sizes = np.diff(data.offsets)[at]
    offsets = np.append(0, np.cumsum(sizes)).astype(np.int64)
    rows = np.arange(offsets[-1], dtype=np.intp) + np.repeat(data.offsets[at] - offsets[:-1], sizes)
    return replace(
        data,
        cases=data.cases.take(at),
        offsets=offsets,
        row_alternative=data.row_alternative[rows],
        chosen=None if data.chosen is None else data.chosen[at],
        picked=None if data.picked is None else data.picked[rows],
        weights=None if data.weights is None else data.weights[at],
        unit=None if data.unit is None else data.unit[at],
        row_columns={name: pick(series, rows) for name, series in data.row_columns.items()},
        case_columns={name: pick(series, at) for name, series in data.case_columns.items()},
    )


def keep_rows(data: ChoiceData, keep: NDArray[np.bool_]) -> ChoiceData:
    """The same cases with some alternatives taken out of their choice sets.

    Parameters
    ----------
    keep : (R,) which rows stay; each case keeps at least one.
    """
    rows = np.flatnonzero(keep)
    sizes = np.bincount(data.row_case()[rows], minlength=data.n_cases)
    return replace(
        data,
        offsets=np.append(0, np.cumsum(sizes)).astype(np.int64),
        row_alternative=data.row_alternative[rows],
        picked=None if data.picked is None else data.picked[rows],
        row_columns={name: pick(series, rows) for name, series in data.row_columns.items()},
    )


def _missing_by_case(data: ChoiceData, name: str) -> NDArray[np.bool_]:
    level = _case_level(data, name)
    if level is not None:
        return missing_values(level)
    rows = missing_values(_row_level(data, name))
    return np.logical_or.reduceat(rows, data.offsets[:-1]) if len(rows) else np.zeros(data.n_cases, dtype=bool)


def drop_missing(data: ChoiceData, columns: Sequence[str] | None) -> ChoiceData:
    """See :meth:`ChoiceData.drop_missing`."""
    names = [*data.row_columns, *data.case_columns] if columns is None else _listed_names(columns)
    lost = np.zeros(data.n_cases, dtype=bool)
    counts = {}
    for name in names:
        here = _missing_by_case(data, name)
        if here.any():
            lost |= here
            counts[name] = int(here.sum())
    if not lost.any():
        return data
    note = loss_note("case", int(lost.sum()), data.n_cases, counts)
    if lost.all():
        raise DataError(f"no case is left: {note}")
    return replace(select(data, ~lost), notes=(*data.notes, note))


def require_finite(data: ChoiceData, columns: Sequence[str]) -> None:
    """Refuse missing and infinite values in the columns a model uses.

    Raises
    ------
    DataError
        One finding a column, with the number of missing values and the case and alternative of the first.
    """
    findings = []
    for name in _listed_names(columns):
        level = _case_level(data, name)
        series = _row_level(data, name) if level is None else level
        missing = missing_values(series)
        if not missing.any():
            continue
        at = int(np.argmax(missing))
        case, alternative = at, None
        if level is None:
            case = int(np.searchsorted(data.offsets, at, side="right")) - 1
            alternative = plain_label(data.alternatives[data.row_alternative[at]])
        label = plain_label(data.cases[case])
        findings.append(missing_value(name, label, alternative, series.iloc[at], int(missing.sum())))
    if findings:
        raise DataError(findings)


def with_weights(data: ChoiceData, weights: Any, kind: WeightKind) -> ChoiceData:
    """See :meth:`ChoiceData.with_weights`."""
    require_option("kind", kind, get_args(WeightKind))
    values = _weights_by_case(data, weights)

    def broken(rule: str, mask: NDArray[np.bool_], way_out: str) -> list[Finding]:
        def describe(case: int) -> Finding:
            label = plain_label(data.cases[case])
            message = f"case {show(label)} has weight {values[case]:g}: {way_out}"
            return Finding(rule=rule, message=message, case=label, value=float(values[case]))

        return listed(np.flatnonzero(mask), describe, "case")

    usable = np.isfinite(values) & (values >= 0)
    findings = broken("weight_invalid", ~usable, "weights are finite and not negative")
    if kind == "frequency":
        findings += broken(
            "weight_not_whole",
            usable & (values != np.round(values)),
            "frequencies are whole numbers, else kind='sampling' or 'choice-based'",
        )
    if not findings and len(values) and not values.any():
        findings.append(Finding(rule="weight_zero", message="every weight is zero: no case counts"))
    if findings:
        raise DataError(findings)
    names = {role: name for role, name in data.names.items() if role != "weights"}
    return alike(data, weights=values, weight_kind=kind, names=names)


def _weights_by_case(data: ChoiceData, weights: Any) -> NDArray[np.float64]:
    if isinstance(weights, pd.Series):
        if not weights.index.is_unique:
            raise DataError("the index of the weights has a label twice: give one weight a case")
        at = weights.index.get_indexer(data.cases)
        absent = np.flatnonzero(at < 0)

        def describe(case: int) -> Finding:
            label = plain_label(data.cases[case])
            return Finding(
                rule="weight_missing", message=f"the weights have no label {show(label)}: add it", case=label
            )

        if len(absent):
            raise DataError(listed(absent, describe, "case"))
        weights = weights.iloc[at]
    try:
        values = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("the weights are not numbers") from None
    if values.shape != (data.n_cases,):
        raise DataError(f"the weights have shape {values.shape}, but there are {data.n_cases} cases")
    return values
