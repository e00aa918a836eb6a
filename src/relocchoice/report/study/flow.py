"""A flow diagram: from forms of relocation at the left to destinations at the right, as wide as their counts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.9, 3.8
_GAP, _BAR = 0.035, 0.018
_LABEL = 30


def flow(counts: pd.DataFrame, *, labels: dict[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw counts as bands from rows to columns.

    Parameters
    ----------
    counts : rows and columns of whole numbers of at least zero; a row or column without any is left out.
    labels : what to print for a row or column.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For counts that are negative, not numbers, or all zero.
    """
    values = counts.to_numpy(dtype=float)
    if not values.size or not np.isfinite(values).all() or values.min() < 0 or values.sum() == 0:
        raise OptionError("flow() draws counts of at least zero, some of them above zero")
    kept = counts.loc[values.sum(axis=1) > 0, values.sum(axis=0) > 0]
    grid = kept.to_numpy(dtype=float)
    ax = style.axes(ax, HEIGHT, WIDTH, of=[counts])
    left, right = _bars(grid.sum(axis=1)), _bars(grid.sum(axis=0))
    _bands(ax, grid, left, right)
    names = labels or {}
    _side(ax, kept.index, grid.sum(axis=1), left, names, at=0.0)
    _side(ax, kept.columns, grid.sum(axis=0), right, names, at=1.0)
    ax.set_xlim(-0.75, 1.58)
    ax.set_ylim(1.02, -0.02)
    ax.set_axis_off()
    return ax


def _bars(totals: Any) -> Any:
    """(n, 2) top and bottom of each bar, in shares of the height; gaps between them."""
    room = 1.0 - _GAP * (len(totals) - 1)
    heights = room * totals / totals.sum()
    top = np.concatenate([[0.0], np.cumsum(heights + _GAP)[:-1]])
    return np.stack([top, top + heights], axis=1)


def _bands(ax: Any, grid: Any, left: Any, right: Any) -> None:
    """One band a cell; a bar's height is shared among its bands in the order of the other side."""
    path, patches = import_module("matplotlib.path").Path, import_module("matplotlib.patches")
    at_left, at_right = left[:, 0].copy(), right[:, 0].copy()
    scale_left = (left[:, 1] - left[:, 0]) / grid.sum(axis=1)
    scale_right = (right[:, 1] - right[:, 0]) / grid.sum(axis=0)
    codes = [path.MOVETO, *[path.CURVE4] * 3, path.LINETO, *[path.CURVE4] * 3, path.CLOSEPOLY]
    for row, column in zip(*np.nonzero(grid), strict=True):
        a, b = at_left[row], at_right[column]
        c, d = a + grid[row, column] * scale_left[row], b + grid[row, column] * scale_right[column]
        at_left[row], at_right[column] = c, d
        corners = [
            (_BAR, a),
            (0.5, a),
            (0.5, b),
            (1 - _BAR, b),
            (1 - _BAR, d),
            (0.5, d),
            (0.5, c),
            (_BAR, c),
            (_BAR, a),
        ]
        colour = style.COLOURS[row % len(style.COLOURS)]
        ax.add_patch(patches.PathPatch(path(corners, codes), facecolor=colour, alpha=0.45, linewidth=0))
    for at, bars in ((0.0, left), (1 - _BAR, right)):
        for top, bottom in bars:
            ax.add_patch(patches.Rectangle((at, top), _BAR, bottom - top, facecolor=style.GREY, linewidth=0))


def _side(ax: Any, names: Sequence[Any], totals: Any, bars: Any, labels: dict[str, str], at: float) -> None:
    places = style.spread([float(bar.mean()) for bar in bars], 0.062)
    for name, total, place in zip(names, totals, places, strict=True):
        text = style.label(f"{labels.get(str(name), name)} {total:,.0f}", _LABEL, 1)
        ax.text(
            at - 0.03 if at == 0 else at + 0.03,
            place,
            text,
            ha="right" if at == 0 else "left",
            va="center",
            fontsize=style.SMALL,
            **style.text_options([text]),
        )
