"""Fits of a claim's models: a maximum, or the reason why the simulated firms are too few."""

from __future__ import annotations

import warnings
from typing import Any

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import ConvergenceWarning, IdentificationError
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.results.choice_results import ChoiceResults


def fitted(model: MultinomialLogit | NestedLogit, data: ChoiceData, what: str, **options: Any) -> ChoiceResults:
    """The fit, if it is a finite maximum.

    Parameters
    ----------
    what : the model in a few words, for the message.
    options : of the fit.

    Raises
    ------
    IdentificationError : it is none.
    """
    with warnings.catch_warnings():
        # said in the error
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = model.fit(data, **options)
    if not fit.converged:
        raise IdentificationError(
            f"{what}: {fit.status_message}; {data.n_cases:,} simulated choices are too few for it: take more firms"
        )
    return fit
