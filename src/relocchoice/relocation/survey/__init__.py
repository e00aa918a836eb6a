"""Synthetic firms whose margins are the published ones: firms, events, destinations, kin, and the true model."""

from relocchoice.relocation.survey.record import Survey
from relocchoice.relocation.survey.simulate import simulate_survey
from relocchoice.relocation.survey.truth import Truth

__all__ = ["Survey", "Truth", "simulate_survey"]
