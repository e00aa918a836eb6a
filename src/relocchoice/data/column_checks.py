"""What a model could not tell apart in the numeric columns of checked data: constant, case-specific, collinear ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show
from relocchoice.errors import Finding

SAMPLED_CASES = 20_000
SAMPLED_ROWS = 400_000
ROUNDING = 1e-9  # of a column's own size; products and sums of a few columns are exact to 1e-15
Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """A column that is a sum of others, y = constant + sum of coefficient x column.

    Attributes
    ----------
    column : the column y.
    terms : column -> its coefficient.
    constant : 0 where the combination is judged on differences within cases.
    """

    column: str
    terms: Mapping[str, float]
    constant: float = 0.0

    def __str__(self) -> str:
        signed = [(value, name) for name, value in self.terms.items()]
        text = " + ".join(name if value == 1 else f"{value:.6g} * {name}" for value, name in signed)
        text += f" + {self.constant:.6g}" if self.constant else ""
        return f"{self.column} = " + text.replace("+ -1 * ", "- ").replace("+ -", "- ")


def column_warnings(data: ChoiceData) -> list[Finding]:
    """One warning a numeric column that is constant, never varies within a case or is a sum of others.

    Sums are looked for on a sample of the cases and verified on all of them. Columns with missing or infinite values
    take no part in sums.
    """
    if not data.n_cases:
        return []
    sample = _sampled(data)
    by_row = [name for name, series in data.row_columns.items() if _is_number(series)]
    by_case = [name for name, series in data.case_columns.items() if _is_number(series)]
    constant = [name for name in (*by_row, *by_case) if _constant(sample, name) and _constant(data, name)]
    fixed = [name for name in by_row if name not in constant and _never_varies(sample, data, name)]
    findings = [_constant_finding(data, name) for name in constant]
    findings += [_fixed_finding(name) for name in fixed]
    varying = [name for name in by_row if name not in (*constant, *fixed)]
    specific = [*fixed, *(name for name in by_case if name not in constant)]
    findings += [_sum_finding(found, "row") for found in _verified(data, _sums(_differences(sample, varying)), True)]
    return findings + [
        _sum_finding(found, "case") for found in _verified(data, _sums(_centred(sample, specific)), False)
    ]


def _sampled(data: ChoiceData) -> ChoiceData:
    """At most :data:`SAMPLED_CASES` cases with about :data:`SAMPLED_ROWS` rows, drawn once for all columns."""
    n = min(SAMPLED_CASES, max(1, SAMPLED_ROWS * data.n_cases // data.n_rows))
    if data.n_cases <= n:
        return data
    return data.select(np.sort(np.random.default_rng(0).choice(data.n_cases, n, replace=False)))


def _is_number(series: pd.Series) -> bool:
    return isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"


def _values(data: ChoiceData, name: str) -> NDArray[np.float64]:
    series = data.row_columns[name] if name in data.row_columns else data.case_columns[name]
    return series.to_numpy(dtype=np.float64)


def _constant(data: ChoiceData, name: str) -> bool:
    values = _values(data, name)
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool(np.all(known == known[0]))


def _never_varies(sample: ChoiceData, data: ChoiceData, name: str) -> bool:
    return not sample.varies_within_case(name) and not data.varies_within_case(name)


def _differences(data: ChoiceData, names: Sequence[str]) -> Columns:
    """(R - n,) each column less its value in the first row of the case, without those first rows."""
    first = np.repeat(data.offsets[:-1], np.diff(data.offsets))
    rest = np.ones(data.n_rows, dtype=bool)
    rest[data.offsets[:-1]] = False
    columns = {name: _values(data, name) for name in names}
    return {name: (x - x[first])[rest] for name, x in columns.items() if np.isfinite(x).all()}


def _centred(data: ChoiceData, names: Sequence[str]) -> Columns:
    """(n,) each column, one value a case, less its mean: a constant stands beside them in a model."""
    first = data.offsets[:-1]
    columns = {name: _values(data, name)[first if name in data.row_columns else slice(None)] for name in names}
    return {name: x - x.mean() for name, x in columns.items() if np.isfinite(x).all()}


def _sums(columns: Columns) -> list[Combination]:
    """Columns that the ones before them add up to.

    The triangle R of X = QR has the inner products of X, so its few rows stand for all rows; normal equations X'X would
    lose half of the digits.
    """
    sizes = {name: float(np.linalg.norm(x)) for name, x in columns.items()}
    names = [name for name, size in sizes.items() if size > 0]
    if len(names) < 2 or len(columns[names[0]]) <= len(names):
        return []
    scaled = np.column_stack([columns[name] / sizes[name] for name in names])
    triangle = np.asarray(np.linalg.qr(scaled, mode="r"))
    basis: list[int] = []
    found = []
    for at, name in enumerate(names):
        weights = np.linalg.lstsq(triangle[:, basis], triangle[:, at], rcond=None)[0]
        if np.linalg.norm(triangle[:, at] - triangle[:, basis] @ weights) > ROUNDING:
            basis.append(at)
            continue
        used = [
            (names[i], w * sizes[name] / sizes[names[i]])
            for i, w in zip(basis, weights, strict=True)
            if abs(w) > ROUNDING
        ]
        found.append(Combination(name, {other: _rounded(value) for other, value in used}))
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")


def _verified(data: ChoiceData, sums: Sequence[Combination], within: bool) -> list[Combination]:
    """The sums that hold in all cases, with their constant."""
    kept = []
    for found in sums:
        names = [found.column, *found.terms]
        columns = {name: _values(data, name) for name in names}
        if any(name in data.case_columns for name in names):
            columns = {n: x[data.offsets[:-1]] if n in data.row_columns else x for n, x in columns.items()}
        rest = columns[found.column] - sum(value * columns[name] for name, value in found.terms.items())
        size = max(float(np.abs(x).max()) for x in columns.values())
        gap = rest - np.repeat(rest[data.offsets[:-1]], np.diff(data.offsets)) if within else rest - rest.mean()
        if float(np.abs(gap).max()) > 10 * ROUNDING * size:
            continue
        constant = 0.0 if within or abs(rest.mean()) <= 10 * ROUNDING * size else _rounded(float(rest.mean()))
        kept.append(Combination(found.column, found.terms, constant))
    return kept


def _constant_finding(data: ChoiceData, name: str) -> Finding:
    values = _values(data, name)
    value = float(values[~np.isnan(values)][0])
    message = f"column {name!r} has the same value {value:g} everywhere: no model can learn from it, leave it out"
    return Finding(rule="constant_column", message=message, column=name, value=value)


def _fixed_finding(name: str) -> Finding:
    message = (
        f"column {name!r} is the same for all alternatives of every case: it belongs in part two of a formula "
        f"(`... | {name}`)"
    )
    return Finding(rule="case_specific", message=message, column=name)


def _sum_finding(found: Combination, level: str) -> Finding:
    where = "within every case" if level == "row" else "in every case"
    others = ", ".join(map(show, found.terms))
    message = f"{found} {where}: a model cannot tell column {found.column!r} from {others}, leave one out"
    return Finding(rule="collinear", message=message, column=found.column)
