"""Whether a fit is where a test takes it to be: at the maximum of a likelihood."""

from __future__ import annotations

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.results.choice_results import ChoiceResults


def why_no_maximum(fit: ChoiceResults, words: str = "the") -> str:
    """Why the scores of a fit do not vanish; empty where they do. ``words`` begins the name of the fit."""
    if fit.penalty is not None:
        return f"the estimates of {words} fit are penalised"
    if not fit.converged:
        return f"{words} fit is no maximum: {fit.status_message}"
    if (fit.parameters["status"] == "dropped").any():
        return f"separated alternatives were dropped from {words} fit"
    return ""


def why_no_likelihood(fit: ChoiceResults, words: str = "the") -> str:
    """Why the log-likelihood of a fit is none, or not smooth at the estimates; else empty."""
    reason = why_no_maximum(fit, words)
    if reason:
        return reason
    if fit.weight_kind in PROBABILITY_WEIGHTS:
        return f"{fit.weight_kind} weights make a pseudo-likelihood"
    if (fit.parameters["status"] == "at bound").any():
        return f"{words} fit has a parameter on a bound"
    return ""
