"""The sources' claims as tests: on the printed counts where these can carry them, else on simulated firms."""

from relocchoice.relocation.claims.printed import (
    dual_destinations,
    printed_claims,
    size_and_form,
    size_and_province,
    stated_push,
)
from relocchoice.relocation.claims.push import Encompassing, encompassing, push_by_price_or_technology, push_choices
from relocchoice.relocation.claims.record import Claim
from relocchoice.relocation.claims.shapley import LoglikSplit, shapley_split
from relocchoice.relocation.claims.simulated import cluster_migration, relational_lock_in, simulated_claims

__all__ = [
    "Claim",
    "Encompassing",
    "LoglikSplit",
    "cluster_migration",
    "dual_destinations",
    "encompassing",
    "printed_claims",
    "push_by_price_or_technology",
    "push_choices",
    "relational_lock_in",
    "shapley_split",
    "simulated_claims",
    "size_and_form",
    "size_and_province",
    "stated_push",
]
