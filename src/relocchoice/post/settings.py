"""Where effects are evaluated: at the data, at means, at given values, by groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, OptionError
from relocchoice.post.derivatives import Setting, prepared, setting
from relocchoice.post.movements import column_of, one_a_case, with_values
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.spec.evaluate import TermsEncoding
from relocchoice.spec.formula import FormulaEncoding
from relocchoice.spec.labels import plain
from relocchoice.spec.parts import parse_part
from relocchoice.spec.term_checks import source_columns
from relocchoice.spec.utility import UtilityEncoding

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
MEANS = "means"
DATA = "data"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Data at which effects are wanted.

    Attributes
    ----------
    label : the given values in words; empty for the data as they are.
    data : the cases; groups : (n,) codes; labels : of the groups.
    """

    label: str
    data: ChoiceData
    groups: Ints
    labels: tuple[Any, ...]

    def setting(self, fit: ChoiceResults, data: ChoiceData | None = None) -> Setting:
        """Ready to be evaluated; ``data`` takes the place of :attr:`data`, case by case."""
        own = self.data if data is None else data
        held = fit.problem is not None and own is fit.problem.data
        return setting(fit, None if held else own, self.groups, len(self.labels))


def places(fit: ChoiceResults, at: Any, by: str | None, data: ChoiceData | None) -> list[Place]:
    """The places that ``at=`` names.

    Parameters
    ----------
    at : ``"data"``, ``"means"``, or a mapping column -> value, list of values (every combination is a place), or
        mapping alternative -> value.
    by : a column with one value a case, or None.

    Raises
    ------
    OptionError, DataError : what cannot be done, in words.
    """
    base = prepared(fit, data)
    groups, labels = case_groups(base, by)
    if isinstance(at, Mapping):
        return _given(base, at, groups, labels)
    if at not in (DATA, MEANS):
        raise OptionError.of("at", at, "'data', 'means', or a mapping column -> value")
    if at == DATA:
        return [Place("", base, groups, labels)]
    return [Place(MEANS, _at_means(fit, base, groups, labels), np.arange(len(labels), dtype=np.intp), labels)]


def case_groups(data: ChoiceData, by: str | None) -> tuple[Ints, tuple[Any, ...]]:
    """(n,) code of each case's group and the groups' labels; one group without a column."""
    if by is None:
        return np.zeros(data.n_cases, dtype=np.intp), (None,)
    values = data.case_frame([by])[by]
    if values.isna().any():
        case = plain(data.cases[int(np.flatnonzero(values.isna().to_numpy())[0])])
        raise DataError(f"by={by!r} has no value for case {case!r}; drop_missing([{by!r}]) leaves such cases out")
    codes, found = pd.factorize(values, sort=True)
    return codes.astype(np.intp), tuple(map(plain, found))


def _given(data: ChoiceData, at: Mapping[str, Any], groups: Ints, labels: tuple[Any, ...]) -> list[Place]:
    if not at:
        raise OptionError.of("at", at, "'data', 'means', or a mapping column -> value")
    choices = []
    for name, wanted in at.items():
        column_of(data, name)
        choices.append([(name, value) for value in _listed(name, wanted)])
    out = []
    for some in product(*choices):
        changed = with_values(data, {name: _replaced(data, name, value) for name, value in some})
        words = ", ".join(f"{name} = {value}" for name, value in some)
        out.append(Place(words, changed, groups, labels))
    return out


def _listed(name: str, wanted: Any) -> list[Any]:
    """One value, a mapping, or the values of anything that holds several."""
    if isinstance(wanted, Mapping) or not pd.api.types.is_list_like(wanted):
        return [plain(wanted)]
    values = [plain(value) for value in wanted]
    if not values or any(pd.api.types.is_list_like(value) and not isinstance(value, Mapping) for value in values):
        raise OptionError(f"at={{{name!r}: ...}} takes a value, a list of values, or a mapping alternative -> value")
    return values


def _replaced(data: ChoiceData, name: str, value: Any) -> pd.Series:
    """(R,) the column with a value everywhere, or at some alternatives."""
    series = column_of(data, name)
    if not isinstance(value, Mapping):
        return same_kind(series, value)
    if one_a_case(data, name):
        raise OptionError(f"{name!r} has one value a case, so it takes no value by alternative")
    for label, one in value.items():
        code = alternative_code(data, label, f"at={{{name!r}: ...}}")
        series = series.where(pd.Series(data.row_alternative != code), same_kind(series, one))
    return series


def same_kind(series: pd.Series, value: Any) -> pd.Series:
    """The value in every row, as a column of the same type (numbers become floats).

    Raises
    ------
    DataError : the value is of another kind.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        if value not in series.cat.categories:
            raise DataError(f"column {series.name!r} has no level {value!r}; levels: {list(series.cat.categories)}")
        return pd.Series(pd.Categorical([value] * len(series), dtype=series.dtype), name=series.name)
    if pd.api.types.is_bool_dtype(series.dtype):
        if value not in (True, False):
            raise DataError(f"column {series.name!r} holds true and false, not {value!r}")
        return pd.Series(np.full(len(series), bool(value)), name=series.name)
    if pd.api.types.is_numeric_dtype(series.dtype):
        if not isinstance(value, Real) or not np.isfinite(float(value)):
            raise DataError(f"column {series.name!r} holds numbers, not {value!r}")
        return pd.Series(np.full(len(series), float(value)), name=series.name)
    known = series.unique()
    if value not in known:
        raise DataError(f"column {series.name!r} has no value {value!r}; it has {', '.join(map(repr, known[:8]))}")
    return pd.Series([value] * len(series), dtype=series.dtype, name=series.name)


def alternative_code(data: ChoiceData, label: Any, argument: str) -> int:
    """Position of an alternative.

    Raises
    ------
    DataError : there is none of that label.
    """
    labels = list(map(plain, data.alternatives))
    if label not in labels:
        raise DataError(f"{argument}: {label!r} is no alternative; alternatives: {', '.join(map(str, labels))}")
    return labels.index(label)


def variables_of(fit: ChoiceResults, data: ChoiceData) -> list[str]:
    """The columns of the data that the utilities read, in the order of the model."""
    held = {*data.row_columns, *data.case_columns}
    return [name for name in columns_read(fit) if name in held]


def columns_read(fit: ChoiceResults) -> list[str]:
    """The columns that the utilities read, in the order of the model, whatever the data hold."""
    texts = [part.text for part in parts_of(fit) if part.text.strip()]
    return list(dict.fromkeys(name for text in texts for name in source_columns(parse_part(text, False))))


def parts_of(fit: ChoiceResults) -> list[TermsEncoding]:
    """The terms of the utilities as they are evaluated, the offset last."""
    encoding = fit.encoding
    texts: list[TermsEncoding] = []
    if isinstance(encoding, FormulaEncoding):
        texts = [*encoding.parts]
    elif isinstance(encoding, UtilityEncoding):
        texts = [*encoding.terms.values()]
    offset = getattr(encoding, "offset", None)
    return texts if offset is None else [*texts, offset]


def _at_means(fit: ChoiceResults, data: ChoiceData, groups: Ints, labels: tuple[Any, ...]) -> ChoiceData:
    """One case a group: means of the numbers, by alternative where they differ, and the most frequent of the rest."""
    used = variables_of(fit, data)
    weights = np.ones(data.n_cases) if data.weights is None else np.array(data.weights)
    case = data.row_case()
    pair = groups[case] * data.n_alternatives + data.row_alternative
    cells, code = np.unique(pair, return_inverse=True)
    row_columns, case_columns = {}, {}
    for name in used:
        if name in data.case_columns:
            values = data.case_columns[name]
            case_columns[name] = _typical(values, groups, len(labels), weights)
        else:
            row_columns[name] = _typical(data.row_columns[name], code, len(cells), weights[case])
    group_of = cells // data.n_alternatives
    offsets = np.searchsorted(group_of, np.arange(len(labels) + 1)).astype(np.int64)
    return replace(
        data,
        cases=pd.Index([MEANS if label is None else label for label in labels], tupleize_cols=False),
        offsets=offsets,
        row_alternative=(cells % data.n_alternatives).astype(np.intp),
        chosen=None,
        picked=None,
        weights=None,
        weight_kind=None,
        unit=None,
        units=None,
        row_columns=row_columns,
        case_columns=case_columns,
    )


def _typical(values: pd.Series, code: Ints, n: int, weights: Floats) -> pd.Series:
    """(n,) weighted mean of each code, or the most frequent value."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        number = values.to_numpy(dtype=float)
        total = np.bincount(code, weights=weights, minlength=n)
        return pd.Series(np.bincount(code, weights=weights * number, minlength=n) / total, name=values.name)
    frame = pd.DataFrame({"code": code, "value": values.to_numpy(), "weight": weights})
    counts = frame.groupby(["code", "value"], observed=True)["weight"].sum().reset_index()
    best = counts.sort_values("weight", kind="stable").groupby("code")["value"].last().reindex(range(n))
    return pd.Series(best.to_numpy(), name=values.name).astype(values.dtype)
