"""Social interactions: firms that follow those of their own group (Brock & Durlauf 2001)."""

from relocchoice.relocation.social.cascade import Cascade, cascade
from relocchoice.relocation.social.equilibria import Equilibria, equilibria
from relocchoice.relocation.social.model import SocialLogit
from relocchoice.relocation.social.results import SocialResults
from relocchoice.relocation.social.threshold import critical_interaction, largest_gap, several_equilibria

__all__ = [
    "Cascade",
    "Equilibria",
    "SocialLogit",
    "SocialResults",
    "cascade",
    "critical_interaction",
    "equilibria",
    "largest_gap",
    "several_equilibria",
]
