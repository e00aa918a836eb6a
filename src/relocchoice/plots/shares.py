"""Predicted shares: along one variable, and against what was observed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import joint_provenance
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.inference.tails import normal_quantile
from relocchoice.plots import style
from relocchoice.post.inferred import Sampling
from relocchoice.post.predictions import joint_shares
from relocchoice.post.settings import Place, places
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound
from relocchoice.spec.labels import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
By = Literal["alternative", "probability"]
Bands = Literal["delta", "krinsky-robb", "none"]
_POINTS = 25
_HEIGHT = 2.6
_MOST = 7
_SHADE = 0.18
_WITHOUT = " (no interval)"


def share_curves(
    fit: ChoiceResults,
    variable: str,
    values: ArrayLike | None = None,
    *,
    of: Any = None,
    alternatives: Sequence[Any] | None = None,
    data: ChoiceData | None = None,
    interval: Bands = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
    labels: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean predicted shares as one variable moves and everything else stays as in the data, with bands of intervals.

    Parameters
    ----------
    fit : results of a model.
    variable : a numeric column of the data.
    values : of the variable; from its 1st to its 99th percentile if None.
    of : the alternative whose variable moves; every alternative's if None.
    alternatives : whose shares to draw; if None, all up to 7, else the 6 largest and the rest together.
    data : choices to predict; those of the fit if None.
    interval, alpha, draws, seed : intervals at each value by itself, each covering with probability 1 - alpha:
        ``"delta"`` or ``"krinsky-robb"``, as of :func:`relocchoice.post.predictions.shares`; ``"none"`` draws lines.
    labels : what to print for an alternative or the variable.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For an unknown variable or alternative, a variable that is not numeric or does not vary, or one of the cases
        where ``of`` asks for one of an alternative.
    SpecificationError
        For a model of sets, unless ``interval="none"``.
    DataError
        Where the fit was loaded from a file and no data are given.
    """
    sampling = _sampling(interval, alpha, draws, seed)
    held = _data(fit, data)
    if sampling is not None and fit.spec.family == "subset":
        raise SpecificationError('shares of a logit of sets have no intervals here; interval="none" draws the lines')
    numbers = _numeric(held, variable)
    code = None if of is None else _code(held, of, "of")
    if code is not None and variable in held.case_columns:
        raise OptionError(f"of={of!r}: {variable} has one value a case, so it moves for all alternatives")
    grid = _grid(numbers, variable, values)
    whose = None if code is None else plain(held.alternatives[code])
    stops = [places(fit, {variable: value if code is None else {whose: value}}, None, held)[0] for value in grid]
    shares = np.array([_mean_shares(fit, stop.data) for stop in stops])
    curves = _selected(shares, list(map(str, held.alternatives)), alternatives)
    bands = None if sampling is None else _bands(fit, stops, list(curves.values()), sampling)
    labels = labels or {}
    ax = style.axes(ax, _HEIGHT + 0.16 * math.ceil(len(curves) / 2), of=[joint_provenance(fit, held)])
    handles, texts = [], []
    for position, (name, codes) in enumerate(curves.items()):
        look: Any = style.LINES[position % len(style.LINES)]
        colour = style.COLOURS[position % len(style.COLOURS)]
        handles += ax.plot(grid, shares[:, codes].sum(axis=1), color=colour, linestyle=look, linewidth=1.5)
        text = labels.get(name, name)
        if bands is not None:
            lower, upper = bands[:, position].T
            ax.fill_between(grid, lower, upper, color=colour, alpha=_SHADE, linewidth=0)
            text = text if np.isfinite(lower).all() else f"{text}{_WITHOUT}"
        texts.append(text)
    style.plain(ax, grid="y")
    ax.set_ylim(0, None)
    ax.margins(x=0)
    moved = "" if of is None else f" of {labels.get(str(of), of)}"
    known = bands is not None and bool(np.isfinite(bands).any())
    y = f"mean share, {100 * (1 - alpha):g}% intervals" if known else "mean predicted share"
    style.axis_labels(ax, x=style.label(f"{labels.get(variable, variable)}{moved}", 40), y=y)
    style.legend(ax, handles, texts)
    return ax


def _sampling(interval: Bands, alpha: float, draws: int, seed: int) -> Sampling | None:
    if interval not in get_args(Bands):
        raise OptionError.of("interval", interval, list(get_args(Bands)))
    return None if interval == "none" else Sampling(interval, alpha, draws, seed)


def _bands(fit: ChoiceResults, stops: Sequence[Place], members: Sequence[Sequence[int]], sampling: Sampling) -> Floats:
    """(B, m, 2) ends of the intervals of m sets of alternatives at B places."""
    found = [joint_shares(fit, stop, members, sampling) for stop in stops]
    return np.array([np.stack([one.lower, one.upper], axis=1) for one in found])


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


def _mean_shares(fit: ChoiceResults, data: ChoiceData) -> Floats:
    return np.average(fit.predict(data).to_numpy(), axis=0, weights=data.weights)


def _selected(shares: Floats, names: Sequence[str], alternatives: Sequence[Any] | None) -> dict[str, list[int]]:
    """Name -> codes of what each curve adds up."""
    if alternatives is not None:
        wanted = [str(name) for name in ([alternatives] if isinstance(alternatives, str) else alternatives)]
        for name in wanted:
            if name not in names:
                raise OptionError.of("alternatives", name, ", ".join(names))
        return {name: [names.index(name)] for name in wanted}
    if len(names) <= _MOST:
        return {name: [code] for code, name in enumerate(names)}
    order = np.argsort(-shares.mean(axis=0), kind="stable").tolist()
    largest, rest = sorted(order[: _MOST - 1]), sorted(order[_MOST - 1 :])
    return {**{names[code]: [code] for code in largest}, f"{len(rest)} others": rest}
