"""Elasticities of every alternative's probability with respect to every alternative's variable, as a heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.plots import style
from relocchoice.results.textwidth import display_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_WRITTEN = 12
_DARK = 0.6
_WIDEST = 7.0


def elasticities(
    table: Any,
    *,
    labels: Mapping[str, str] | None = None,
    rows: str | None = None,
    columns: str | None = None,
    quantity: str = "elasticity",
    ax: Axes | None = None,
) -> Axes:
    """A J x J heat map: blue for negative, red for positive, white at zero; up to 12 alternatives with the numbers.

    Parameters
    ----------
    table : data frame, or what ``rc.elasticities`` returns for one variable.
    labels : what to print for an alternative.
    rows, columns : names of the axes; None: those of the table's index and columns.
    quantity : name of the colour scale.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For something that is not a table of numbers, or an empty one.
    """
    frame = table.matrix() if hasattr(table, "matrix") else getattr(table, "table", table)
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise OptionError(
            "table is a data frame with one row and one column an alternative, or a record that holds one"
        )
    try:
        values = frame.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise OptionError("the table of elasticities holds entries that are no numbers") from None
    labels = labels or {}
    size = max(values.shape)
    width = min(_WIDEST, max(style.COLUMN_WIDTH, 1.3 + 0.42 * values.shape[1]))
    ax = style.axes(ax, 0.9 + max(0.22, 0.8 * (width - 1.3) / size) * values.shape[0], width, of=[table])
    largest = float(np.nanmax(np.abs(np.where(np.isfinite(values), values, np.nan)), initial=0.0)) or 1.0
    ax.set_facecolor("0.85")
    image = ax.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    for axis, names in ((ax.xaxis, frame.columns), (ax.yaxis, frame.index)):
        lines = 1 if axis is ax.xaxis else 2
        printed = [style.label(labels.get(_joined(name), _joined(name)), 18, lines) for name in names]
        style.tick_labels(axis, range(len(printed)), printed)
    if max(display_width(text.get_text()) for text in ax.get_xticklabels()) > 30 / size:
        ax.tick_params(axis="x", rotation=45)
        for text in ax.get_xticklabels():
            text.set_horizontalalignment("right")
            text.set_rotation_mode("anchor")
    ax.tick_params(length=0)
    if size <= _MOST_WRITTEN:
        _write(ax, values, largest)
    figure: Any = ax.get_figure()
    bar = figure.colorbar(image, ax=ax, shrink=0.85, pad=0.02)
    bar.set_label(quantity, fontsize=style.SMALL)
    bar.ax.tick_params(labelsize=style.TINY)
    bar.outline.set_visible(False)
    for side in ax.spines.values():
        side.set_visible(False)
    heads = (frame.index.name if rows is None else rows, frame.columns.name if columns is None else columns)
    style.axis_labels(ax, x=str(heads[1] or ""), y=str(heads[0] or ""))
    return ax


def _joined(name: Any) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _write(ax: Axes, values: np.ndarray, largest: float) -> None:
    places = 2 if largest < 10 else 1
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.{places}f}".replace("-", "−") if math.isfinite(value) else "–"
        if text.lstrip("−0.") == "" and "." in text:
            text = text.lstrip("−")
        colour = "white" if math.isfinite(value) and abs(value) > _DARK * largest else "black"
        ax.text(column, row, text, ha="center", va="center", fontsize=style.TINY, color=colour)
