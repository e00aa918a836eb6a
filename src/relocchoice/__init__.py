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
    from relocchoice.inference.hypotheses import TestResult
    from relocchoice.inference.simultaneous import FactorOrder, factor_order
    from relocchoice.models import MultinomialLogit, NestedLogit, SubsetLogit
    from relocchoice.post.bounds import ElasticityBounds, elasticity_bounds
    from relocchoice.post.compare_scenarios import compare_scenarios, predict_scenario
    from relocchoice.post.effects import marginal_effects
    from relocchoice.post.elasticities import elasticities
    from relocchoice.post.inferred import Derived
    from relocchoice.post.predictions import calibration, hit_table, scores, shares, tree_probabilities
    from relocchoice.post.ratios import lincom, nlcom, willingness_to_pay
    from relocchoice.post.scenario import Scenario
    from relocchoice.post.simulate import simulate_scenario
    from relocchoice.post.validation import cross_validate
    from relocchoice.post.welfare import expected_utility, logsums, surplus, welfare_change
    from relocchoice.results.choice_results import ChoiceResults
    from relocchoice.results.compare import compare
    from relocchoice.results.iia import hausman_mcfadden, small_hsiao
    from relocchoice.results.information_matrix import information_matrix_test
    from relocchoice.results.nest_tests import equal_lambdas_test, no_nests_test, utility_maximisation_test
    from relocchoice.results.nonnested import adjusted_rho_test, vuong_test, vuong_variance_test
    from relocchoice.results.ordered import OrderedLogit, OrderedResults
    from relocchoice.results.poisson import PoissonCounts, as_poisson
    from relocchoice.results.pooling import pooling_table, pooling_test
    from relocchoice.results.population import fixed_strata, shift_constants
    from relocchoice.results.resampled import Resampled
    from relocchoice.results.score_tests import score_test
    from relocchoice.results.several import Treatments, compare_treatments
    from relocchoice.results.store import load
    from relocchoice.results.weights_test import weights_test
    from relocchoice.spec.formula import Formula
    from relocchoice.spec.nests import NestTree
    from relocchoice.spec.utility import UtilitySpec
    from relocchoice.versions import show_versions

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
    "hausman_mcfadden": "relocchoice.results.iia",
    "small_hsiao": "relocchoice.results.iia",
    "information_matrix_test": "relocchoice.results.information_matrix",
    "equal_lambdas_test": "relocchoice.results.nest_tests",
    "no_nests_test": "relocchoice.results.nest_tests",
    "utility_maximisation_test": "relocchoice.results.nest_tests",
    "adjusted_rho_test": "relocchoice.results.nonnested",
    "vuong_test": "relocchoice.results.nonnested",
    "vuong_variance_test": "relocchoice.results.nonnested",
    "OrderedLogit": "relocchoice.results.ordered",
    "OrderedResults": "relocchoice.results.ordered",
    "PoissonCounts": "relocchoice.results.poisson",
    "as_poisson": "relocchoice.results.poisson",
    "pooling_table": "relocchoice.results.pooling",
    "pooling_test": "relocchoice.results.pooling",
    "fixed_strata": "relocchoice.results.population",
    "shift_constants": "relocchoice.results.population",
    "Resampled": "relocchoice.results.resampled",
    "score_test": "relocchoice.results.score_tests",
    "Treatments": "relocchoice.results.several",
    "compare_treatments": "relocchoice.results.several",
    "load": "relocchoice.results.store",
    "weights_test": "relocchoice.results.weights_test",
    "ElasticityBounds": "relocchoice.post.bounds",
    "elasticity_bounds": "relocchoice.post.bounds",
    "compare_scenarios": "relocchoice.post.compare_scenarios",
    "predict_scenario": "relocchoice.post.compare_scenarios",
    "marginal_effects": "relocchoice.post.effects",
    "elasticities": "relocchoice.post.elasticities",
    "Derived": "relocchoice.post.inferred",
    "calibration": "relocchoice.post.predictions",
    "hit_table": "relocchoice.post.predictions",
    "scores": "relocchoice.post.predictions",
    "shares": "relocchoice.post.predictions",
    "tree_probabilities": "relocchoice.post.predictions",
    "lincom": "relocchoice.post.ratios",
    "nlcom": "relocchoice.post.ratios",
    "willingness_to_pay": "relocchoice.post.ratios",
    "Scenario": "relocchoice.post.scenario",
    "simulate_scenario": "relocchoice.post.simulate",
    "cross_validate": "relocchoice.post.validation",
    "expected_utility": "relocchoice.post.welfare",
    "logsums": "relocchoice.post.welfare",
    "surplus": "relocchoice.post.welfare",
    "welfare_change": "relocchoice.post.welfare",
    "TestResult": "relocchoice.inference.hypotheses",
    "FactorOrder": "relocchoice.inference.simultaneous",
    "factor_order": "relocchoice.inference.simultaneous",
    "Formula": "relocchoice.spec.formula",
    "NestTree": "relocchoice.spec.nests",
    "UtilitySpec": "relocchoice.spec.utility",
    "show_versions": "relocchoice.versions",
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
    "Derived",
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
    "Scenario",
    "SeparationError",
    "SpecificationError",
    "StoreError",
    "SubsetLogit",
    "TestResult",
    "Treatments",
    "UtilitySpec",
    "__version__",
    "adjusted_rho_test",
    "as_poisson",
    "calibration",
    "compare",
    "compare_scenarios",
    "compare_treatments",
    "cross_validate",
    "doctor",
    "elasticities",
    "elasticity_bounds",
    "equal_lambdas_test",
    "expected_utility",
    "factor_order",
    "fixed_strata",
    "from_event_counts",
    "hausman_mcfadden",
    "hit_table",
    "information_matrix_test",
    "lincom",
    "load",
    "logsums",
    "marginal_effects",
    "nlcom",
    "no_nests_test",
    "one_case_each",
    "pooling_table",
    "pooling_test",
    "predict_scenario",
    "score_test",
    "scores",
    "shared_weights",
    "shares",
    "shift_constants",
    "show_versions",
    "simulate_scenario",
    "small_hsiao",
    "surplus",
    "tree_probabilities",
    "utility_maximisation_test",
    "vuong_test",
    "vuong_variance_test",
    "weights_test",
    "welfare_change",
    "willingness_to_pay",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module 'relocchoice' has no attribute {name!r}; public names: {', '.join(__all__)}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
