"""Columns of labels as codes: which firm, which place, which period, with what cannot be read named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.frames import Columns
from relocchoice.data.labels import show, sorted_positions
from relocchoice.data.provenance import joint_provenance
from relocchoice.errors import DataError, Finding, OptionError
from relocchoice.relocation.taxonomy import period_labels

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]


def provenance_of(*frames: Any) -> str | None:
    """What frames say about where they come from, ``attrs["provenance"]``; None where they say nothing."""
    return joint_provenance(*frames) or None


def labels_of(columns: Columns, name: str, argument: str, firm: str | None = None) -> pd.Series:
    """A column of labels without gaps.

    Raises
    ------
    DataError : no such column; a row has no label (the message names its row, and its firm where known).
    """
    series = columns.get(name, argument)
    missing = series.isna().to_numpy()
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        whose = f" of firm {show(columns.by_name[firm].iloc[row])}" if firm is not None and firm != name else ""
        raise DataError(
            [
                Finding(
                    rule="missing_label",
                    message=f"column {name!r} has no value in {int(missing.sum())} rows, the first is row {row}"
                    f"{whose}: fill it or leave the row out",
                    column=name,
                    count=int(missing.sum()),
                )
            ]
        )
    return series


def numbers_in(columns: Columns, name: str, argument: str) -> Floats:
    """(rows,) a column of finite numbers that are not negative.

    Raises
    ------
    DataError : no such column; text; a value that is missing, infinite or negative.
    """
    series = columns.get(name, argument)
    if not pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError(f"{argument}={name!r} is a column of {series.dtype}, not of numbers")
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    odd = ~np.isfinite(values) | (values < 0)
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        raise DataError(
            f"column {name!r} holds {show(series.iloc[row])} in row {row}: numbers of at least 0 are needed "
            f"({int(odd.sum())} rows hold something else)"
        )
    return values


def coded(series: pd.Series, universe: pd.Index, name: str, what: str) -> Ints:
    """(rows,) positions in a universe of labels.

    Raises
    ------
    DataError : a label that is not in it.
    """
    codes = universe.get_indexer(pd.Index(series))
    unknown = codes < 0
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        known = ", ".join(map(show, universe[:8])) + (", ..." if len(universe) > 8 else "")
        raise DataError(
            f"column {name!r} holds {show(series.iloc[row])} in row {row}, which is no {what} ({known}); "
            f"{int(unknown.sum())} rows hold such labels"
        )
    return codes.astype(np.intp)


def universe_of(argument: str, given: Sequence[Any] | None, series: pd.Series) -> pd.Index:
    """The labels in order: as given, in the order of the categories, else sorted (by their text if of mixed types).

    Raises
    ------
    OptionError : the given labels are none, or repeat.
    """
    if given is not None:
        labels = pd.Index(list(given))
        if len(labels) == 0 or labels.has_duplicates:
            raise OptionError.of(argument, list(given), "different labels, at least one")
        return labels
    if isinstance(series.dtype, pd.CategoricalDtype):
        return pd.Index(series.cat.categories)
    labels = pd.Index(series.drop_duplicates())
    return labels.take(sorted_positions(labels.tolist()))


def periods_of(given: Sequence[Any] | None, series: pd.Series, name: str) -> pd.Index:
    """The periods in order of time.

    Raises
    ------
    OptionError : labels whose order is not known.
    """
    ordered = isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_numeric_dtype(series.dtype)
    ordered = ordered or isinstance(series.dtype, pd.PeriodDtype) or _is_dates(series)
    if given is None and not ordered:
        known = period_labels()
        if not set(series.unique()) <= set(known):
            raise OptionError(
                f"the order in time of column {name!r} is not known from its labels: give periods=[...] from the "
                "first to the last"
            )
        given = known
    return universe_of("periods", given, series)


def skipped_periods(periods: pd.Index, given: Sequence[Any] | None, name: str) -> tuple[str, ...]:
    """One sentence where numbers or dates skip some periods, so that "the period before" is further back; else none.

    The shortest step is taken for one period. Of two periods nobody can tell.
    """
    if given is not None or len(periods) < 3:
        return ()
    ticks = _ticks(periods)
    if ticks is None:
        return ()
    steps = np.diff(ticks)
    far = np.flatnonzero(steps > steps.min() * (1 + 1e-9))
    if not len(far):
        return ()
    pairs = ", ".join(f"of {_day(periods[at + 1])} is {_day(periods[at])}" for at in far[:8])
    coarser = " or make a column of years, quarters or months" if _is_dates(periods) else ""
    return (
        f"Nothing happened in some periods of {name!r}, which were left out: the period before that {pairs}"
        f"{', ...' if len(far) > 8 else ''}. Name all of them in periods=[...] where the empty ones count{coarser}.",
    )


def _is_dates(labels: pd.Series | pd.Index) -> bool:
    """Whether these are dates: timestamps, or Python's dates, as which polars' and pyarrow's come."""
    return pd.api.types.is_datetime64_any_dtype(labels.dtype) or pd.api.types.infer_dtype(labels) == "date"


def _ticks(periods: pd.Index) -> Floats | None:
    """(T,) the periods on a scale on which equally long ones are equally far apart; None where there is none."""
    if isinstance(periods, pd.PeriodIndex):
        return periods.asi8.astype(np.float64)
    if _is_dates(periods):
        periods = pd.DatetimeIndex(periods)
        # months and years are not equally many days
        same_day = periods.is_month_end.all() or len({(at.day, at.time()) for at in periods}) == 1
        if same_day:
            return (periods.year * 12 + periods.month).to_numpy(dtype=np.float64)
        return np.asarray((periods - periods[0]) / pd.Timedelta(1, "D"), dtype=np.float64)
    if pd.api.types.is_numeric_dtype(periods.dtype):
        return periods.to_numpy(dtype=np.float64)
    return None


def _day(label: Any) -> str:
    """A date at midnight without the hours."""
    whole = isinstance(label, pd.Timestamp) and label == label.normalize()
    return f"{label:%Y-%m-%d}" if whole else str(label)


def one_per_firm(columns: Columns, firm: str, column: str, firms: pd.Index) -> pd.Series:
    """(F,) the value that a column has for each firm.

    Raises
    ------
    DataError : a firm has no value, or two different ones.
    """
    owner, values = labels_of(columns, firm, "firm"), labels_of(columns, column, "group", firm)
    pairs = pd.DataFrame({"firm": owner.to_numpy(), "value": values.to_numpy()}).drop_duplicates()
    twice = pairs["firm"].duplicated()
    if twice.any():
        which = pairs.loc[twice, "firm"].iloc[0]
        held = pairs.loc[pairs["firm"] == which, "value"].tolist()
        raise DataError(
            f"firm {show(which)} has {len(held)} values of {column!r} ({', '.join(map(show, held[:4]))}): "
            "a firm belongs to one group"
        )
    at = pd.Index(pairs["firm"]).get_indexer(firms)
    if (at < 0).any():
        which = firms[int(np.flatnonzero(at < 0)[0])]
        raise DataError(f"firm {show(which)} has no row in the table with column {column!r}, so its group is not known")
    return pairs["value"].iloc[at].reset_index(drop=True)
