"""What a fit is compared with by its likelihood ratio, and whether it nests that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relocchoice.results.blocks import CONSTANTS, is_dissimilarity

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults


def nests_null(fit: ChoiceResults) -> bool:
    """Whether some value of the free parameters gives the null: no offset, nothing fixed away from it."""
    parameters = fit.parameters
    away = (parameters["estimate"] - fit.null_values).abs() > 0
    return fit.spec.specification.offset is None and not bool(((parameters["status"] == "fixed") & away).any())


def estimates_lambdas(fit: ChoiceResults) -> bool:
    """Whether any dissimilarity parameter is other than fixed."""
    parameters = fit.parameters
    lambdas = parameters["block"].map(is_dissimilarity).astype(bool)
    return bool((lambdas & (parameters["status"] != "fixed")).any())


def free_constants(fit: ChoiceResults) -> int:
    """J - 1 where the model has all constants free, else 0: then it does not nest the model with constants only."""
    parameters = fit.parameters
    status = parameters.loc[parameters["block"] == CONSTANTS, "status"]
    complete = len(status) >= fit.n_alternatives - 1 and bool((status == "free").all())
    return len(status) if complete else 0
