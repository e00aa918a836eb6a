"""Ready models of relocation: form, destination, both, move or stay; in two steps, by tree, by round."""

from relocchoice.relocation.ready_models.models import (
    destination_model,
    form_model,
    joint_model,
    move_data,
    move_model,
)
from relocchoice.relocation.ready_models.stability import Stability, stability
from relocchoice.relocation.ready_models.trees import TreeComparison, compare_trees
from relocchoice.relocation.ready_models.two_step import TwoStepResults, two_step

__all__ = [
    "Stability",
    "TreeComparison",
    "TwoStepResults",
    "compare_trees",
    "destination_model",
    "form_model",
    "joint_model",
    "move_data",
    "move_model",
    "stability",
    "two_step",
]
