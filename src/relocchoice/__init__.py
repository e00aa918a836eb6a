"""Discrete-choice models of firm relocation: multinomial and nested logit of relocation form and destination."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData
    from relocchoice.data.doctor import doctor
    from relocchoice.errors import (
        ConvergenceWarning,
        DataError,
        IdentificationError,
        OptionError,
        RelocChoiceError,
        RelocChoiceWarning,
        SpecificationError,
        StoreError,
    )
    from relocchoice.models import MultinomialLogit, NestedLogit
    from relocchoice.results.choice_results import ChoiceResults
    from relocchoice.results.compare import compare
    from relocchoice.results.store import load
    from relocchoice.spec.formula import Formula
    from relocchoice.spec.nests import NestTree
    from relocchoice.spec.utility import UtilitySpec

_HOMES = {
    "ChoiceData": "relocchoice.data.choice_data",
    "doctor": "relocchoice.data.doctor",
    "MultinomialLogit": "relocchoice.models",
    "NestedLogit": "relocchoice.models",
    "ChoiceResults": "relocchoice.results.choice_results",
    "compare": "relocchoice.results.compare",
    "load": "relocchoice.results.store",
    "Formula": "relocchoice.spec.formula",
    "NestTree": "relocchoice.spec.nests",
    "UtilitySpec": "relocchoice.spec.utility",
    "RelocChoiceError": "relocchoice.errors",
    "DataError": "relocchoice.errors",
    "SpecificationError": "relocchoice.errors",
    "IdentificationError": "relocchoice.errors",
    "OptionError": "relocchoice.errors",
    "StoreError": "relocchoice.errors",
    "RelocChoiceWarning": "relocchoice.errors",
    "ConvergenceWarning": "relocchoice.errors",
}

__all__ = [
    "ChoiceData",
    "ChoiceResults",
    "ConvergenceWarning",
    "DataError",
    "Formula",
    "IdentificationError",
    "MultinomialLogit",
    "NestTree",
    "NestedLogit",
    "OptionError",
    "RelocChoiceError",
    "RelocChoiceWarning",
    "SpecificationError",
    "StoreError",
    "UtilitySpec",
    "__version__",
    "compare",
    "doctor",
    "load",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module 'relocchoice' has no attribute {name!r}; public names: {', '.join(__all__)}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
