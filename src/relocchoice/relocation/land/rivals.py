"""Instruments from rivals: what the other alternatives of a market are like (Berry, Levinsohn & Pakes 1995,
Econometrica 63, 841-890): they move shares and prices, but not the utility of an alternative itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.frames import Columns, missing_values, read_frame
from relocchoice.data.labels import show
from relocchoice.errors import DataError, Finding, OptionError


def rival_instruments(
    frame: Any,
    columns: Sequence[str],
    *,
    market: str,
    alternative: str,
    nest: str | None = None,
    outside: Any = None,
) -> pd.DataFrame:
    """Sums of the rivals' characteristics and their number, by market and, with nests, by nest.

    Parameters
    ----------
    frame : one row a market and alternative.
    columns : exogenous characteristics, numbers; not the price.
    market, alternative : columns that tell rows apart.
    nest : column of the nest of each alternative. Without a nest, rivals are all other alternatives.
    outside : label of the outside alternative: no rival to anybody, zeros in its own rows.

    Returns
    -------
    DataFrame in the order of the rows: ``rivals`` (their number), ``rivals_x`` (sum over them) for each column x, and
    with nests the same for the rivals in the nest, ``nest_rivals`` and ``nest_rivals_x``. The number of rivals is no
    instrument where every market has the same alternatives.

    Raises
    ------
    DataError : a column that is not there, holds no numbers or misses values.
    OptionError : no columns.
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names:
        raise OptionError.of("columns", columns, "one column of characteristics or more")
    source = read_frame(frame)
    labels = source.get(alternative, "alternative")
    inside = np.ones(source.n_rows, dtype=bool) if outside is None else (labels != outside).to_numpy(dtype=bool)
    if outside is not None and inside.all():
        raise OptionError.of("outside", outside, f"a label of column {alternative!r}")
    values = {name: _numbers(source, name, inside, market, alternative) for name in names}
    keys = {"rivals": pd.factorize(source.get(market, "market"))[0]}
    if nest is not None:
        by_nest = pd.MultiIndex.from_arrays([source.get(market, "market"), source.get(nest, "nest").where(inside)])
        keys["nest_rivals"] = pd.factorize(by_nest)[0]
    out = {}
    for head, codes in keys.items():
        size = int(codes.max(initial=-1)) + 1
        counted = inside.astype(np.float64)
        out[head] = np.where(inside, np.bincount(codes, counted, size)[codes] - 1.0, 0.0)
        for name, held in values.items():
            out[f"{head}_{name}"] = np.where(inside, np.bincount(codes, held, size)[codes] - held, 0.0)
    index = frame.index if isinstance(frame, pd.DataFrame) else pd.RangeIndex(source.n_rows)
    return pd.DataFrame(out, index=index)


def _numbers(source: Columns, name: str, inside: Any, market: str, alternative: str) -> Any:
    """(R,) values of a characteristic, zero in the outside alternative's rows."""
    series = source.get(name, "columns")
    if not pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError([Finding("not_numeric", f"column {name!r} does not hold numbers", column=name)])
    missing = missing_values(series) & inside
    if missing.any():
        row = int(np.argmax(missing))
        place, where = (source.get(key, "market").iloc[row] for key in (alternative, market))
        message = (
            f"column {name!r} has no value for alternative {show(place)} in market {show(where)}; fill it or leave "
            "the row out"
        )
        raise DataError([Finding("missing", message, column=name, case=where, alternative=place)])
    return np.where(inside, series.to_numpy(dtype=np.float64), 0.0)
