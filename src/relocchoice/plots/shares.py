"""Predicted shares: along one variable, and against what was observed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import joint_provenance
from relocchoice.errors import DataError, OptionError
from relocchoice.inference.tails import normal_quantile
from relocchoice.plots import style
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
By = Literal["alternative", "probability"]
_POINTS = 25
_HEIGHT = 2.6
_MOST = 7


def share_curves(
    fit: ChoiceResults,
    variable: str,
    values: ArrayLike | None = None,
    *,
    of: Any = None,
    alternatives: Sequence[Any] | None = None,
    data: ChoiceData | None = None,
    labels: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean predicted shares as one variable moves and everything else stays as in the data.

    Parameters
    ----------
    fit : results of a model.
    variable : a numeric column of the data.
    values : of the variable; from its 1st to its 99th percentile if None.
    of : the alternative whose variable moves; every alternative's if None.
    alternatives : whose shares to draw; if None, all up to 7, else the 6 largest and the rest together.
    data : choices to predict; those of the fit if None.
    labels : what to print for an alternative or the variable.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For an unknown variable or alternative, a variable that is not numeric or does not vary, or one of the cases
        where ``of`` asks for one of an alternative.
    DataError
        Where the fit was loaded from a file and no data are given.
    """
    held = _data(fit, data)
    numbers = _numeric(held, variable)
    code = None if of is None else _code(held, of, "of")
    if code is not None and variable in held.case_columns:
        raise OptionError(f"of={of!r}: {variable} has one value a case, so it moves for all alternatives")
    grid = _grid(numbers, variable, values)
    shares = np.array([_mean_shares(fit, _moved(held, variable, value, code)) for value in grid])
    frame = pd.DataFrame(shares, index=grid, columns=list(map(str, held.alternatives)))
    chosen = _selected(frame, alternatives)
    labels = labels or {}
    ax = style.axes(ax, _HEIGHT + 0.16 * math.ceil(chosen.shape[1] / 2), of=[joint_provenance(fit, held)])
    handles = []
    for position, name in enumerate(chosen.columns):
        look: Any = style.LINES[position % len(style.LINES)]
        colour = style.COLOURS[position % len(style.COLOURS)]
        handles += ax.plot(grid, chosen[name], color=colour, linestyle=look, linewidth=1.5)
    style.plain(ax, grid="y")
    ax.set_ylim(0, None)
    ax.margins(x=0)
    whose = "" if of is None else f" of {labels.get(str(of), of)}"
    style.axis_labels(ax, x=style.label(f"{labels.get(variable, variable)}{whose}", 40), y="mean predicted share")
    style.legend(ax, handles, [labels.get(name, name) for name in chosen.columns])
    return ax


def calibration(
    fit: ChoiceResults,
    *,
    by: By = "alternative",
    bins: int = 10,
    data: ChoiceData | None = None,
    labels: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Observed against predicted shares, with the line on which they agree.

    In the data of the fit, a multinomial logit with all constants predicts every alternative's share exactly; other
    data, and ``by="probability"``, tell more.

    Parameters
    ----------
    fit : results of a model.
    by : ``"alternative"``, one point an alternative; ``"probability"``, one point a class of predicted probabilities
        with about as many pairs of case and alternative in each, with 95% intervals (Wilson's).
    bins : number of classes.
    data : choices to predict; those of the fit if None.
    labels : what to print for an alternative.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For another ``by`` or fewer than two bins.
    DataError
        For data without choices, or a fit that was loaded from a file without data.
    """
    if by not in get_args(By):
        raise OptionError.of("by", by, list(get_args(By)))
    if bins < 2:
        raise OptionError.of("bins", bins, "a whole number of at least 2")
    held = _data(fit, data)
    if held.chosen is None or held.picked is not None:
        raise DataError("observed shares need data in which every case chose one alternative")
    probabilities = fit.predict(data).to_numpy()
    observed = np.zeros_like(probabilities)
    observed[np.arange(held.n_cases), held.chosen] = 1.0
    weights = np.ones(held.n_cases) if held.weights is None else held.weights
    ax = style.axes(ax, 2.9, of=[joint_provenance(fit, held)])
    if by == "alternative":
        _by_alternative(ax, held, probabilities, observed, weights, labels or {})
    else:
        _by_probability(ax, held, probabilities, observed, weights, bins)
    style.plain(ax)
    style.axis_labels(ax, x="predicted share", y="observed share")
    return ax


def _by_alternative(
    ax: Axes, data: ChoiceData, predicted: Floats, observed: Floats, weights: Floats, labels: Mapping[str, str]
) -> None:
    x, y = (np.average(part, axis=0, weights=weights) for part in (predicted, observed))
    top = 1.08 * max(x.max(), y.max())
    _diagonal(ax, top)
    ax.plot(x, y, linestyle="none", marker="o", color=style.COLOURS[0], markersize=4)
    moved = style.spread([float(value) for value in y], 0.075 * top)
    for place, name in enumerate(data.alternatives):
        text = style.label(labels.get(str(name), name), 16)
        ax.annotate(
            text,
            (float(x[place]), float(y[place])),
            (1.03 * top, moved[place]),
            va="center",
            fontsize=style.TINY,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
            **style.text_options([text]),
        )


def _by_probability(
    ax: Axes, data: ChoiceData, predicted: Floats, observed: Floats, weights: Floats, bins: int
) -> None:
    available = np.zeros(predicted.shape, dtype=bool)
    available[data.row_case(), data.row_alternative] = True
    p, chosen = predicted[available], observed[available]
    w = np.broadcast_to(weights[:, None], predicted.shape)[available]
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)))
    group = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(len(edges) - 2, 0))
    total = np.bincount(group, w)
    filled = total > 0
    x, y = (np.bincount(group, w * values)[filled] / total[filled] for values in (p, chosen))
    # weights enter as Kish's effective number of pairs
    n = total[filled] ** 2 / np.bincount(group, w * w)[filled]
    z = normal_quantile(0.025)
    centre = (y + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(y * (1 - y) / n + z * z / (4 * n * n))
    _diagonal(ax, 1.05 * max(x.max(), (centre + half).max()))
    ax.vlines(x, centre - half, centre + half, color=style.COLOURS[0], linewidth=1.2)
    ax.plot(x, y, linestyle="none", marker="o", color=style.COLOURS[0], markersize=4)


def _diagonal(ax: Axes, top: float) -> None:
    ax.plot([0, top], [0, top], color=style.GREY, linewidth=0.8, zorder=0)
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.set_aspect("equal")


def _data(fit: ChoiceResults, data: ChoiceData | None) -> ChoiceData:
    if not isinstance(fit, ChoiceResults):
        raise OptionError(f"this plot draws the results of a fit, not a {type(fit).__name__}")
    if data is None:
        return rebound(fit, None).data
    if not isinstance(data, ChoiceData):
        raise DataError(f"data= is a ChoiceData, not {type(data).__name__}")
    return data


def _numeric(data: ChoiceData, variable: str) -> Floats:
    columns = {**dict(data.row_columns), **dict(data.case_columns)}
    if variable not in columns:
        raise OptionError.of("variable", variable, ", ".join(columns))
    if not pd.api.types.is_numeric_dtype(columns[variable]) or pd.api.types.is_bool_dtype(columns[variable]):
        raise OptionError(f"variable={variable!r} holds no numbers; a curve needs a numeric column")
    return columns[variable].to_numpy(dtype=float)


def _code(data: ChoiceData, alternative: Any, argument: str) -> int:
    known = [str(label) for label in data.alternatives]
    if str(alternative) not in known:
        raise OptionError.of(argument, alternative, ", ".join(known))
    return known.index(str(alternative))


def _grid(numbers: Floats, variable: str, values: ArrayLike | None) -> Floats:
    if values is None:
        low, high = np.nanquantile(numbers, [0.01, 0.99])
        grid = np.linspace(low, high, _POINTS)
    else:
        grid = np.unique(np.asarray(values, dtype=float))
    if not np.isfinite(grid).all() or grid[0] == grid[-1]:
        raise OptionError(f"{variable} has one value only; give two or more finite values=")
    return grid


def _moved(data: ChoiceData, variable: str, value: float, code: int | None) -> ChoiceData:
    """The data with the variable at one value, in all rows or in those of one alternative."""
    by_case = variable in data.case_columns
    columns = dict(data.case_columns if by_case else data.row_columns)
    column = columns[variable].astype(float)
    where = np.ones(len(column), dtype=bool) if code is None else data.row_alternative == code
    columns[variable] = column.mask(where, value)
    return replace(data, case_columns=columns) if by_case else replace(data, row_columns=columns)


def _mean_shares(fit: ChoiceResults, data: ChoiceData) -> Floats:
    return np.average(fit.predict(data).to_numpy(), axis=0, weights=data.weights)


def _selected(shares: pd.DataFrame, alternatives: Sequence[Any] | None) -> pd.DataFrame:
    names = [str(name) for name in shares.columns]
    if alternatives is not None:
        wanted = [str(name) for name in ([alternatives] if isinstance(alternatives, str) else alternatives)]
        for name in wanted:
            if name not in names:
                raise OptionError.of("alternatives", name, ", ".join(names))
        return shares[wanted]
    if len(names) <= _MOST:
        return shares
    largest = shares.mean().sort_values(ascending=False).index[: _MOST - 1]
    rest = shares.drop(columns=largest)
    return pd.concat([shares[[name for name in names if name in largest]], _rest(rest)], axis=1)


def _rest(shares: pd.DataFrame) -> pd.Series:
    return shares.sum(axis=1).rename(f"{shares.shape[1]} others")
