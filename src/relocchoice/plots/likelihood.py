"""The log-likelihood along one parameter, and the replicates of a bootstrap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relocchoice.errors import IdentificationError, OptionError
from relocchoice.inference.tails import chi2_quantile, require_alpha
from relocchoice.plots import style
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.profiling import profile as profile_curve
from relocchoice.results.resampled import Resampled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
_POINTS = 33
_BEYOND = 0.35
_HEIGHT = 2.3
_OPEN_SPAN = 5.0
_FEWEST, _MOST = 8, 40


def profile(
    fit: ChoiceResults,
    parameter: str,
    values: ArrayLike | None = None,
    *,
    alpha: float = 0.05,
    data: Any = None,
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The highest log-likelihood at each value of a parameter, with the interval that it gives.

    Parameters
    ----------
    fit : results of a model.
    parameter : its name, e.g. ``"lambda:metro"``.
    values : where to maximise again; around the interval if None.
    alpha : the interval covers with probability 1 - alpha.
    data : the data of the fit, where it was loaded from a file.
    label : what to print for the parameter.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError, IdentificationError
        As :meth:`ChoiceResults.profile_conf_int`; a parameter without a profile; fewer than two values.
    """
    if not isinstance(fit, ChoiceResults):
        raise OptionError(f"profile() draws the results of a fit, not a {type(fit).__name__}")
    interval = fit.profile_conf_int(alpha, [parameter], data=data)
    lower, upper = interval.to_numpy(dtype=float)[0].tolist()
    estimate = float(fit.params[parameter])
    if math.isnan(lower) and math.isnan(upper):
        raise IdentificationError(f"{parameter} has no profile: its status is {fit.parameters['status'][parameter]!r}")
    grid = _grid(lower, upper, estimate) if values is None else np.unique(np.asarray(values, dtype=float))
    if len(grid) < 2 or not np.isfinite(grid).all():
        raise OptionError.of("values", values, "two or more different finite numbers")
    curve = profile_curve(fit, parameter, grid, data)
    known = np.isfinite(curve.loglik)
    ax = style.axes(ax, _HEIGHT, of=[fit])
    highest = fit.llf if fit.llf_penalised is None else fit.llf_penalised
    cut = highest - chi2_quantile(alpha, 1) / 2
    inside = np.clip(curve.values, lower, upper)
    ax.axvspan(inside.min(), inside.max(), color=style.COLOURS[0], alpha=0.12, linewidth=0)
    ax.plot(curve.values[known], curve.loglik[known], color=style.COLOURS[0], linewidth=1.4)
    ax.axhline(cut, color=style.COLOURS[1], linewidth=0.9, linestyle="--")
    if math.isfinite(estimate):
        ax.plot([estimate], [highest], marker="o", color=style.COLOURS[0], markersize=4)
    ax.set_ylim(min(cut, max(curve.loglik[known].min(), cut - 4 * (highest - cut))) - 0.2 * (highest - cut), None)
    ax.ticklabel_format(axis="y", useOffset=False)
    style.plain(ax, grid="y")
    ends = ", ".join(numbers.significant(end, 3).replace("inf", "∞").replace("-", "−") for end in (lower, upper))
    name = style.label(label or parameter, 40)
    what = "log-likelihood" if fit.penalty is None else "penalised log-likelihood"
    style.axis_labels(ax, x=f"{name}; {100 * (1 - alpha):g}% interval [{ends}]", y=what)
    return ax


def _grid(lower: float, upper: float, estimate: float) -> Floats:
    """Around the interval; from its finite end alone where the other is open."""
    if math.isfinite(lower) and math.isfinite(upper):
        beyond = _BEYOND * (upper - lower)
        return np.linspace(lower - beyond, upper + beyond, _POINTS)
    if math.isfinite(lower):
        return np.linspace(lower - 1, max(lower, estimate if math.isfinite(estimate) else lower) + _OPEN_SPAN, _POINTS)
    if math.isfinite(upper):
        return np.linspace(min(upper, estimate if math.isfinite(estimate) else upper) - _OPEN_SPAN, upper + 1, _POINTS)
    centre = estimate if math.isfinite(estimate) else 0.0
    return np.linspace(centre - _OPEN_SPAN, centre + _OPEN_SPAN, _POINTS)


def replicates(
    resampled: Resampled, parameter: str, *, alpha: float = 0.05, label: str = "", ax: Axes | None = None
) -> Axes:
    """How the replicates of one estimate lie: histogram, estimate and interval.

    Replicates without a finite maximum are left out and counted in the axis label.

    Parameters
    ----------
    resampled : what :meth:`ChoiceResults.bootstrap` or :meth:`ChoiceResults.jackknife` gives.
    parameter : one of its names.
    alpha : the interval covers with probability 1 - alpha; it is drawn where the replicates give one.
    label : what to print for the parameter.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For another object, an unknown name, one that is held, or fewer than two replicates.
    """
    if not isinstance(resampled, Resampled):
        raise OptionError(f"replicates() draws a bootstrap or a jackknife, not a {type(resampled).__name__}")
    if parameter not in resampled.names:
        raise OptionError.of("parameter", parameter, ", ".join(resampled.names))
    where = resampled.names.index(parameter)
    if resampled.held[where]:
        raise OptionError(f"{parameter} is {resampled.held[where]}: its replicates are all the same")
    every = resampled.values[:, where]
    finite = every[np.isfinite(every)]
    if len(finite) < 2:
        raise OptionError(f"{parameter} has fewer than two finite replicates")
    ax = style.axes(ax, _HEIGHT, of=[resampled])
    bins = int(np.clip(math.sqrt(len(finite)) * 1.2, _FEWEST, _MOST))
    ax.hist(finite, bins=bins, color=style.COLOURS[4], edgecolor="white", linewidth=0.4)
    estimate = float(resampled.estimate[where])
    (line,) = [ax.axvline(estimate, color="black", linewidth=1.2)]
    handles, texts = [line], [f"estimate {numbers.significant(estimate, 3)}".replace("-", "−")]
    ends = _ends(resampled, alpha, where)
    if ends:
        lines = [ax.axvline(end, color=style.COLOURS[1], linewidth=1.2, linestyle="--") for end in ends]
        handles.append(lines[0])
        kind = "normal" if resampled.kind == "jackknife" else "percentile"
        texts.append(f"{100 * (1 - alpha):g}% {kind}")
    ax.locator_params(axis="y", integer=True)
    style.plain(ax, grid="y")
    lost = len(every) - len(finite)
    name = style.label(label or parameter, 40)
    style.axis_labels(ax, x=f"{name}\n{lost} of {len(every)} without a maximum" if lost else name, y="replicates")
    style.legend(ax, handles, texts)
    return ax


def _ends(resampled: Resampled, alpha: float, where: int) -> list[float]:
    """Of the interval; none where the replicates are too few or too many have failed."""
    require_alpha(alpha)
    try:
        found: list[float] = resampled.conf_int(alpha).to_numpy(dtype=float)[where].tolist()
    except (OptionError, IdentificationError):
        return []
    return found
