"""Estimates with their intervals: coefficients of fits, effects, differences between scenarios."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.plots import style
from relocchoice.results.blocks import is_dissimilarity
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.compare_columns import chosen_parameters, printed_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT, _FRAME_HEIGHT = 0.2, 0.75
_NAME_WIDTH = 26
_SPREAD = 0.6
_MOST_ROWS = 40
_OF, _ON = "attribute of", "probability of"
_WORDS: Mapping[str, str] = {"flat": "not identified", "dropped": "dropped"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One estimate to draw.

    Attributes
    ----------
    place : on the vertical axis.
    value, lower, upper : estimate and interval; the value may be infinite; NaN ends where there is no interval.
    word : what stands in place of an interval (``"fixed"``), or of the estimate where that is NaN.
    """

    place: float
    value: float
    lower: float = math.nan
    upper: float = math.nan
    word: str = ""


def coefficients(
    *fits: ChoiceResults,
    names: Sequence[str] | None = None,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    alpha: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """Estimates with intervals, one row a parameter, the fits beside each other.

    An infinite estimate is an arrow at the edge; what has no interval says why: fixed, at a bound, not identified,
    dropped. Dissimilarity parameters come last, with their null value 1 marked; all others are read against 0.

    Parameters
    ----------
    *fits : one or more results.
    names : one a fit, for the legend; ``(1)``, ``(2)``, ... if None.
    keep, drop : parameters to show and to leave out; ``*`` stands for any text.
    labels : what to print for a parameter, variable, alternative or fit.
    alpha : the intervals cover with probability 1 - alpha.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        Without fits, for something else, names that do not match, or patterns that fit no parameter.
    """
    heads = _heads(fits, names)
    labels = labels or {}
    shown = chosen_parameters([[str(name) for name in fit.parameters.index] for fit in fits], keep, drop)
    rows, blocks = _rows(fits, shown)
    owner = {name: fit for fit in reversed(fits) for name in map(str, fit.parameters.index)}
    printed = [style.label(printed_name(owner[name], blocks[name], name, labels)) for name in rows]
    ax = style.axes(ax, _height(printed, len(fits)), of=fits)
    handles = []
    for position, (fit, own) in enumerate(zip(fits, shown, strict=True)):
        shift = _SPREAD * ((position + 0.5) / len(fits) - 0.5) if len(fits) > 1 else 0.0
        handles.append(_draw(ax, _marks(fit, own, rows, shift, alpha), position))
    ax.axvline(0, color=style.GREY, linewidth=0.8, zorder=0)
    lambdas = [place for place, name in enumerate(rows) if is_dissimilarity(blocks[name])]
    if lambdas:
        ax.vlines(1, min(lambdas) - 0.5, max(lambdas) + 0.5, color=style.GREY, linewidth=0.8, linestyle=":")
    _rows_axis(ax, printed)
    style.axis_labels(ax, x=f"estimate and {100 * (1 - alpha):g}% interval", width=_name_width(printed))
    if len(fits) > 1:
        style.legend(ax, handles, [labels.get(head, head) for head in heads])
    return ax


def effects(
    table: Any,
    *,
    estimate: str = "estimate",
    lower: str = "lower",
    upper: str = "upper",
    by: str | None = None,
    labels: Mapping[str, str] | None = None,
    xlabel: str = "effect and 95% interval",
    reference: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """Effects with intervals from a table, one row a line of it; ``a → b``: the attribute of a, the probability of b.

    Parameters
    ----------
    table : data frame, or a record with one as ``table``; its index names the rows.
    estimate, lower, upper : columns with the effects and the ends of their intervals.
    by : a column or index level whose values are drawn beside each other in one row.
    labels : what to print for a name of the index (or of ``by``).
    xlabel : what the numbers are.
    reference : where the vertical line stands.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For something that is not a table, columns that it does not have, an empty table, or more rows than can be read.
    """
    frame = _frame(table, (estimate, lower, upper), by)
    labels = labels or {}
    if len(frame) > _MOST_ROWS * (1 if by is None else 2):
        raise OptionError(
            f"{len(frame)} effects are too many rows for one plot: draw those of one variable as a matrix, "
            "plots.elasticities(found.matrix(variable=...), quantity='effect'), or a part of the table, "
            "found.table.xs('A', level='attribute of')"
        )
    groups = [("", frame)] if by is None else list(frame.groupby(by, sort=False, observed=True))
    levels = [name for name in frame.index.names if by is None or name != by]
    rows = list(dict.fromkeys(_row_names(frame, levels, labels)))
    printed = list(map(style.label, rows))
    ax = style.axes(ax, _height(printed, len(groups)), of=[table])
    handles = []
    for position, (_, part) in enumerate(groups):
        shift = _SPREAD * ((position + 0.5) / len(groups) - 0.5) if len(groups) > 1 else 0.0
        numbers = part[[estimate, lower, upper]].astype(float).to_numpy()
        marks = [
            Mark(rows.index(name) + shift, value, low, high, "" if math.isfinite(value) else "not available")
            for name, (value, low, high) in zip(_row_names(part, levels, labels), numbers.tolist(), strict=True)
        ]
        handles.append(_draw(ax, marks, position))
    ax.axvline(reference, color=style.GREY, linewidth=0.8, zorder=0)
    _rows_axis(ax, printed)
    paired = f"{_OF} → {_ON}" if {_OF, _ON} <= set(_kept(frame, levels)) else ""
    style.axis_labels(ax, x=xlabel, y=paired, width=_name_width(printed))
    if len(groups) > 1:
        style.legend(ax, handles, [labels.get(str(name), str(name)) for name, _ in groups])
    return ax


def scenario_differences(
    table: Any,
    *,
    estimate: str = "estimate",
    lower: str = "lower",
    upper: str = "upper",
    labels: Mapping[str, str] | None = None,
    percentage_points: bool = True,
    sort: bool = True,
    xlabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """What a scenario changes, one bar an alternative: gains and losses in two colours and two hatchings.

    Parameters
    ----------
    table : data frame, or a record with one as ``table``: index the alternatives, changes of shares with intervals.
        Without columns ``lower`` and ``upper`` no intervals are drawn.
    estimate, lower, upper : columns of the table.
    labels : what to print for an alternative.
    percentage_points : whether the numbers are shares, to be shown in percentage points.
    sort : whether the largest gain stands on top.
    xlabel : what the numbers are.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        As :func:`effects`.
    """
    given = getattr(table, "table", table)
    held = getattr(given, "columns", ())
    if estimate == "estimate" and estimate not in held and "difference" in held:  # as compare_scenarios calls it
        estimate = "difference"
    bounds = tuple(name for name in (lower, upper) if name in held)
    frame = _frame(table, (estimate, *bounds), None)
    frame = frame.sort_values(estimate, ascending=False) if sort else frame
    scale = 100.0 if percentage_points else 1.0
    values = frame[estimate].to_numpy(dtype=float) * scale
    printed = list(map(style.label, _row_names(frame, list(frame.index.names), labels or {})))
    ax = style.axes(ax, _height(printed, 1), of=[table])
    places = np.arange(len(frame))
    gains = values >= 0
    for chosen, colour, hatch in ((gains, style.COLOURS[0], ""), (~gains, style.COLOURS[1], "////")):
        ax.barh(places[chosen], values[chosen], 0.65, color=colour, alpha=0.75, hatch=hatch, edgecolor="white")
    if len(bounds) == 2:
        ends = frame[list(bounds)].to_numpy(dtype=float) * scale
        ax.hlines(places, ends[:, 0], ends[:, 1], color="black", linewidth=0.9)
    ax.axvline(0, color="black", linewidth=0.8)
    _rows_axis(ax, printed)
    unit = "change of share, percentage points" if percentage_points else "change"
    told = xlabel or (f"{unit}, 95% interval" if len(bounds) == 2 else unit)
    style.axis_labels(ax, x=told, width=_name_width(printed))
    return ax


def _height(names: Sequence[str], series: int) -> float:
    lines = 1.75 if any("\n" in name for name in names) else 1.0
    return _FRAME_HEIGHT + _ROW_HEIGHT * len(names) * max(lines, 0.55 * series)


def _heads(fits: Sequence[Any], names: Sequence[str] | None) -> list[str]:
    for position, fit in enumerate(fits):
        if not isinstance(fit, ChoiceResults):
            raise OptionError(f"argument {position + 1} is a {type(fit).__name__}, not the results of a fit")
    if not fits:
        raise OptionError("coefficients() needs at least one fit")
    heads = [f"({position + 1})" for position in range(len(fits))] if names is None else [str(name) for name in names]
    if len(heads) != len(fits):
        raise OptionError.of("names", names, f"{len(fits)} names, one for each fit")
    return heads


def _rows(fits: Sequence[ChoiceResults], shown: Sequence[Sequence[str]]) -> tuple[list[str], dict[str, str]]:
    blocks: dict[str, str] = {}
    for fit, own in zip(fits, shown, strict=True):
        of = fit.parameters["block"]
        for name in own:
            blocks.setdefault(name, str(of[name]))
    order = list(dict.fromkeys(sorted(blocks.values(), key=is_dissimilarity)))
    return [name for block in order for name in blocks if blocks[name] == block], blocks


def _marks(fit: ChoiceResults, own: Sequence[str], rows: Sequence[str], shift: float, alpha: float) -> list[Mark]:
    intervals: Any = fit.conf_int(alpha)
    estimates, status = fit.params, fit.parameters["status"]
    marks = []
    for name in own:
        lower, upper = (float(intervals.loc[name, end]) for end in (0, 1))
        state = str(status[name])
        word = _WORDS.get(state, state if math.isnan(lower) and state != "infinite" else "")
        value = math.nan if state == "flat" else float(estimates[name])
        marks.append(Mark(rows.index(name) + shift, value, lower, upper, word))
    return marks


def _draw(ax: Axes, marks: Sequence[Mark], series: int) -> Any:
    """Points, intervals, arrows and words; returns what the legend shows."""
    colour = style.COLOURS[series % len(style.COLOURS)]
    shape = style.MARKERS[series % len(style.MARKERS)]
    look: dict[str, Any] = {"color": colour, "marker": shape, "linestyle": "none", "markersize": 4}
    certain = [mark for mark in marks if math.isfinite(mark.value) and math.isfinite(mark.lower + mark.upper)]
    known = [mark for mark in marks if math.isfinite(mark.value) and not math.isfinite(mark.lower + mark.upper)]
    ax.hlines(
        [mark.place for mark in certain],
        [mark.lower for mark in certain],
        [mark.upper for mark in certain],
        color=colour,
        linewidth=1.3,
    )
    (handle,) = ax.plot([mark.value for mark in certain], [mark.place for mark in certain], **look)
    ax.plot([mark.value for mark in known], [mark.place for mark in known], **look, markerfacecolor="white")
    across = ax.get_yaxis_transform()
    for mark in marks:
        if math.isinf(mark.value):
            right = mark.value > 0
            ax.plot(
                [0.985 if right else 0.015],
                [mark.place],
                marker=">" if right else "<",
                color=colour,
                markersize=5,
                linestyle="none",
                transform=across,
                clip_on=False,
            )
            text, place = ("+∞" if right else "−∞"), (0.95 if right else 0.05)
            side = "right" if right else "left"
            ax.text(place, mark.place, text, transform=across, ha=side, va="center", fontsize=style.TINY, color=colour)
        elif math.isnan(mark.value):
            words = mark.word or "not available"
            ax.text(
                0.99, mark.place, words, transform=across, ha="right", va="center", fontsize=style.TINY, color=colour
            )
        elif mark in known and mark.word:
            ax.annotate(
                mark.word,
                (mark.value, mark.place),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=style.TINY,
                color=colour,
            )
    return handle


def _rows_axis(ax: Axes, names: Sequence[str]) -> None:
    style.tick_labels(ax.yaxis, range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=4)
    style.plain(ax, grid="x")
    ax.spines["left"].set_visible(False)


def _frame(table: Any, columns: Sequence[str], by: str | None) -> pd.DataFrame:
    frame = getattr(table, "table", table)
    if not isinstance(frame, pd.DataFrame):
        raise OptionError(f"table is a data frame or a record that holds one, not a {type(table).__name__}")
    for name in columns:
        if name not in frame.columns:
            raise OptionError.of("column", name, ", ".join(map(str, frame.columns)))
    if by is not None and by not in frame.columns and by not in frame.index.names:
        raise OptionError.of("by", by, ", ".join(map(str, [*frame.index.names, *frame.columns])))
    if frame.empty:
        raise OptionError("the table has no rows: nothing to draw")
    return frame


def _name_width(printed: Sequence[str]) -> int:
    """Columns that the axis' name has: labels of two lines leave less room."""
    return _NAME_WIDTH - 6 * any("\n" in name for name in printed)


def _kept(frame: pd.DataFrame, levels: Sequence[Any]) -> list[Any]:
    """Levels of the index that change."""
    return [name for name in levels if len(frame.index.get_level_values(name).unique()) > 1] or list(levels)[:1]


def _row_names(frame: pd.DataFrame, levels: Sequence[Any], labels: Mapping[str, str]) -> list[str]:
    """Entries of the index, its levels joined; of several levels those that never change are left out."""
    if frame.index.nlevels == 1:
        return [labels.get(str(entry), str(entry)) for entry in frame.index]
    kept = _kept(frame, levels)
    parts = [[labels.get(str(entry), str(entry)) for entry in frame.index.get_level_values(name)] for name in kept]
    if _OF in kept and _ON in kept:  # an arrow says whose attribute and whose probability
        of, on = kept.index(_OF), kept.index(_ON)
        parts[of] = [f"{one} → {other}" for one, other in zip(parts[of], parts[on], strict=True)]
        del parts[on]
    return [", ".join(entries) for entries in zip(*parts, strict=True)]
