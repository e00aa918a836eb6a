"""Discrete-choice models of firm relocation: multinomial and nested logit of relocation form and destination."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData
    from relocchoice.data.doctor import doctor
    from relocchoice.data.events import from_event_counts, one_case_each, shared_weights
    from relocchoice.engine.penalty import Ridge
    from relocchoice.errors import (
        ConvergenceWarning,
        DataError,
        IdentificationError,
        OptionError,
        RelocChoiceError,
        RelocChoiceWarning,
        SeparationError,
        SpecificationError,
        StoreError,
    )
    from relocchoice.inference.simultaneous import FactorOrder, factor_order
    from relocchoice.models import MultinomialLogit, NestedLogit, SubsetLogit
    from relocchoice.post.bounds import ElasticityBounds, elasticity_bounds
    from relocchoice.results.choice_results import ChoiceResults
    from relocchoice.results.compare import compare
    from relocchoice.results.ordered import OrderedLogit, OrderedResults
    from relocchoice.results.poisson import PoissonCounts, as_poisson
    from relocchoice.results.population import fixed_strata, shift_constants
    from relocchoice.results.resampled import Resampled
    from relocchoice.results.several import Treatments, compare_treatments
    from relocchoice.results.store import load
    from relocchoice.results.weights_test import weights_test
    from relocchoice.spec.formula import Formula
    from relocchoice.spec.nests import NestTree
    from relocchoice.spec.utility import UtilitySpec

_HOMES = {
    "ChoiceData": "relocchoice.data.choice_data",
    "doctor": "relocchoice.data.doctor",
    "from_event_counts": "relocchoice.data.events",
    "one_case_each": "relocchoice.data.events",
    "shared_weights": "relocchoice.data.events",
    "MultinomialLogit": "relocchoice.models",
    "NestedLogit": "relocchoice.models",
    "SubsetLogit": "relocchoice.models",
    "Ridge": "relocchoice.engine.penalty",
    "ChoiceResults": "relocchoice.results.choice_results",
    "compare": "relocchoice.results.compare",
    "OrderedLogit": "relocchoice.results.ordered",
    "OrderedResults": "relocchoice.results.ordered",
    "PoissonCounts": "relocchoice.results.poisson",
    "as_poisson": "relocchoice.results.poisson",
    "fixed_strata": "relocchoice.results.population",
    "shift_constants": "relocchoice.results.population",
    "Resampled": "relocchoice.results.resampled",
    "Treatments": "relocchoice.results.several",
    "compare_treatments": "relocchoice.results.several",
    "load": "relocchoice.results.store",
    "weights_test": "relocchoice.results.weights_test",
    "ElasticityBounds": "relocchoice.post.bounds",
    "elasticity_bounds": "relocchoice.post.bounds",
    "FactorOrder": "relocchoice.inference.simultaneous",
    "factor_order": "relocchoice.inference.simultaneous",
    "Formula": "relocchoice.spec.formula",
    "NestTree": "relocchoice.spec.nests",
    "UtilitySpec": "relocchoice.spec.utility",
    "ConvergenceWarning": "relocchoice.errors",
    "DataError": "relocchoice.errors",
    "IdentificationError": "relocchoice.errors",
    "OptionError": "relocchoice.errors",
    "RelocChoiceError": "relocchoice.errors",
    "RelocChoiceWarning": "relocchoice.errors",
    "SeparationError": "relocchoice.errors",
    "SpecificationError": "relocchoice.errors",
    "StoreError": "relocchoice.errors",
}

__all__ = [
    "ChoiceData",
    "ChoiceResults",
    "ConvergenceWarning",
    "DataError",
    "ElasticityBounds",
    "FactorOrder",
    "Formula",
    "IdentificationError",
    "MultinomialLogit",
    "NestTree",
    "NestedLogit",
    "OptionError",
    "OrderedLogit",
    "OrderedResults",
    "PoissonCounts",
    "RelocChoiceError",
    "RelocChoiceWarning",
    "Resampled",
    "Ridge",
    "SeparationError",
    "SpecificationError",
    "StoreError",
    "SubsetLogit",
    "Treatments",
    "UtilitySpec",
    "__version__",
    "as_poisson",
    "compare",
    "compare_treatments",
    "doctor",
    "elasticity_bounds",
    "factor_order",
    "fixed_strata",
    "from_event_counts",
    "load",
    "one_case_each",
    "shared_weights",
    "shift_constants",
    "weights_test",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module 'relocchoice' has no attribute {name!r}; public names: {', '.join(__all__)}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
