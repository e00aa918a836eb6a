"""How a search ended, in the words and tables of a result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.engine.bind import degenerate_lambdas
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Found
from relocchoice.inference.covariance import Moments
from relocchoice.inference.identification import Identification
from relocchoice.spec.model import ModelSpec

EDGE = 0.05


def status_message(found: Found, identification: Identification, problem: Problem) -> str:
    """One sentence without a full stop: where the search ended, and how far from a maximum."""
    maximum = found.maximum
    count = len(maximum.steps) - 1
    iterations = f"{count} iteration{'s' * (count != 1)}"
    away = f"{maximum.decrement:.1e} standard errors from the maximum"
    if maximum.status == "maximum" and identification.ok:
        return f"maximum after {iterations}, {away}"
    if found.ended and identification.infinite:
        return f"no finite maximum: {identification.verdict}"
    if maximum.status == "maximum" and not identification.flat:
        return identification.verdict
    if found.ended and not identification.flat:
        return f"it is not certain that the maximum is unique: {identification.verdict}"
    if found.ended:
        return f"no unique maximum: {identification.verdict}"
    ends = {
        "stalled": f"the search stalled, by the curvature {away}",
        "iteration limit": f"stopped at the limit of {iterations}, {away}",
    }
    free = np.abs(problem.space.matrix[problem.n_coef :]).sum(axis=1) > 0
    names = [name for name, is_free in zip(problem.space.names[problem.n_coef :], free, strict=True) if is_free]
    return ends[maximum.status] + _edge(names, problem.user(maximum.x)[problem.n_coef :][free])


def _edge(names: Sequence[str], lambdas: NDArray[np.float64]) -> str:
    """Lambdas at the edge of their domain, which is what most failed searches of nested models come to."""
    low = [name for name, value in zip(names, lambdas, strict=True) if value < EDGE]
    high = [name for name, value in zip(names, lambdas, strict=True) if value > 1 / EDGE]
    words = [f"towards zero: {', '.join(low)}"] * bool(low) + [f"without bound: {', '.join(high)}"] * bool(high)
    return f"; lambdas that run {', '.join(words)} (fix or tie them, or leave the nest out)" if words else ""


def trace_frame(found: Found, weight_scale: float) -> pd.DataFrame:
    """One row an iteration of the best run."""
    steps = found.maximum.steps
    return pd.DataFrame(
        {
            "iteration": [step.iteration for step in steps],
            "llf": [weight_scale * step.value for step in steps],
            "gradient": [step.decrement for step in steps],
            "step": [step.length for step in steps],
            "passes": [step.passes for step in steps],
            "seconds": [step.seconds for step in steps],
        }
    )


def estimated_parameters(moments: Moments, identification: Identification) -> int:
    """Number of estimated parameters; directions in which the likelihood is flat throughout are not counted."""
    flat = 0 if identification.infinite else moments.flat.shape[1]
    return int(moments.moving.sum()) - flat


def fit_notes(spec: ModelSpec, found: Found) -> tuple[str, ...]:
    """Sentences on degenerate nests and on several starts."""
    notes = []
    alone = degenerate_lambdas(spec)
    if alone:
        notes.append(
            f"{', '.join(alone)}: a nest with one child, or with every alternative, has no lambda of its own; "
            "it is fixed at 1 and not counted."
        )
    if found.starts is not None:
        agreeing = int(found.starts["agrees with the best"].sum())
        notes.append(f"Best of {len(found.starts)} starts; {agreeing} of them end at this log-likelihood (fit.starts).")
    return tuple(notes)
