"""Profile-likelihood intervals and likelihood-ratio tests of a fit, penalised where the fit is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import IdentificationError, OptionError
from relocchoice.inference.hypotheses import Hypotheses, TestResult, linear_restrictions
from relocchoice.inference.profile import ProfileCurve, profile_curve, profile_interval
from relocchoice.inference.restricted import SAMPLING_WEIGHTS, Surface, likelihood_ratio, surface
from relocchoice.inference.tails import require_alpha
from relocchoice.results.rebound import rebound, refuse_moved

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

NO_PROFILE = ("fixed", "dropped")


@dataclass(frozen=True, slots=True)
class ProfileFigures:
    """What a table shows by the profile likelihood.

    Attributes
    ----------
    figures : (p rows) ``lower``, ``upper``, and ``statistic`` and ``p`` of the likelihood-ratio test of the null value;
        NaN for parameters that have none.
    messages : why an end or a test is not known, or what limits an end, in sentences that name the parameter.
    """

    figures: pd.DataFrame
    messages: tuple[str, ...]


def profile_figures(results: ChoiceResults, alpha: float, data: ChoiceData | None) -> ProfileFigures:
    """Profile-likelihood intervals and likelihood-ratio tests of each parameter against its null value.

    Raises
    ------
    OptionError, IdentificationError : as of :meth:`ChoiceResults.profile_conf_int`.
    """
    require_alpha(alpha)
    frame, null = results.parameters, results.null_values
    names = [str(name) for name in frame.index]
    figures = pd.DataFrame(np.nan, index=frame.index, columns=["lower", "upper", "statistic", "p"])
    messages = []
    with one_thread():
        on = _surface(results, data)
        for name in names:
            if frame.loc[name, "status"] in (*NO_PROFILE, "flat"):
                continue
            interval = profile_interval(on, _unit(results, name), 1.0 - alpha)
            restriction = linear_restrictions(_unit(results, name)[None], names, [null[name]])
            test = likelihood_ratio(on, restriction)
            figures.loc[name] = interval.lower, interval.upper, test.statistic, test.pvalue
            messages += [f"{name}: {text}" for text in (interval.message, test.message) if text]
    return ProfileFigures(figures, tuple(messages))


def profile_intervals(
    results: ChoiceResults, alpha: float, parameters: Sequence[str] | None, data: ChoiceData | None
) -> pd.DataFrame:
    """See :meth:`ChoiceResults.profile_conf_int`."""
    require_alpha(alpha)
    names = _names(results, parameters)
    status = results.parameters["status"]
    out = pd.DataFrame(np.nan, index=pd.Index(names, name="parameter"), columns=[0, 1])
    with one_thread():
        on = _surface(results, data)
        for name in names:
            if status[name] not in NO_PROFILE:
                interval = profile_interval(on, _unit(results, name), 1.0 - alpha)
                out.loc[name] = interval.lower, interval.upper
    return out


def profile(results: ChoiceResults, parameter: str, values: ArrayLike, data: ChoiceData | None = None) -> ProfileCurve:
    """Highest (penalised) log-likelihood at each value of a parameter, e.g. for a plot."""
    (name,) = _names(results, [parameter])
    with one_thread():
        return profile_curve(_surface(results, data), _unit(results, name), values)


def likelihood_ratio_test(
    results: ChoiceResults, hypotheses: Hypotheses, values: ArrayLike | None, data: ChoiceData | None
) -> TestResult:
    """See :meth:`ChoiceResults.lr_test`."""
    restrictions = linear_restrictions(hypotheses, [str(name) for name in results.parameters.index], values)
    with one_thread():
        return likelihood_ratio(_surface(results, data), restrictions)


def _surface(results: ChoiceResults, data: ChoiceData | None) -> Surface:
    refuse_moved(results, "the likelihood of other values")
    if results.weight_kind in PROBABILITY_WEIGHTS:
        raise OptionError(SAMPLING_WEIGHTS)
    if not results.converged and not results.identification.infinite:
        raise IdentificationError(f"the fit has no maximum to start from: {results.status_message}")
    bound = rebound(results, data)
    return surface(bound.problem, results.moments.free, results.penalty)


def _names(results: ChoiceResults, parameters: Sequence[str] | None) -> list[str]:
    known = [str(name) for name in results.parameters.index]
    if parameters is None:
        return known
    wanted = [parameters] if isinstance(parameters, str) else list(parameters)
    for name in wanted:
        if name not in known:
            raise OptionError.of("parameters", name, ", ".join(known))
    return wanted


def _unit(results: ChoiceResults, name: str) -> np.ndarray:
    return (results.parameters.index == name).astype(float)
