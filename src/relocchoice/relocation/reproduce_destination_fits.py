"""The models of the destination: all forms, manufacturing alone, and the profile of the log-likelihood in lambda."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation import reproduce_destination_data as data
from relocchoice.relocation.taxonomy import destination_labels, destination_nests
from relocchoice.results.choice_results import ChoiceResults

BASE = "township"
LATER = "beyond_yueqing:since_2000"
LAMBDAS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


def nest_structures() -> dict[str, dict[str, list[str]]]:
    """Three ways to nest the destinations: by the province's border, by area, by kind of place."""
    inside = list(destination_labels("Zhejiang"))
    outside = [label for label in destination_labels() if label not in inside]
    return {
        "border": {"within Zhejiang": inside, "outside": outside},
        "area": destination_nests("within"),
        "kind": destination_nests("kind"),
    }


@dataclass(frozen=True, slots=True, eq=False)
class FullFits:
    """Models of all relocations; the nested ones have the nests by area and one lambda."""

    constants: ChoiceResults
    by_form: ChoiceResults
    by_form_and_era: ChoiceResults
    nested_constants: ChoiceResults
    nested_by_form: ChoiceResults


def full_fits() -> FullFits:
    """Destinations of all forms, multinomial and nested."""
    choices, nests = data.all_forms(), nest_structures()["area"]
    flat = {
        terms: MultinomialLogit(f"destination ~ 0 | {terms}", base=BASE).fit(choices)
        for terms in ("1", "form", "form + era")
    }
    # Lambda is flat in both nested models, so no covariance of all parameters exists and none is asked for.
    nested = {
        terms: NestedLogit(f"destination ~ 0 | {terms}", nests, base=BASE, lambdas="common").fit(choices, "none")
        for terms in ("1", "form")
    }
    return FullFits(flat["1"], flat["form"], flat["form + era"], nested["1"], nested["form"])


@dataclass(frozen=True, slots=True, eq=False)
class ManufacturingFits:
    """Models of manufacturing alone: constants and :data:`LATER`, and the pooled destinations with a dummy."""

    constants: ChoiceResults
    multinomial: ChoiceResults
    border: ChoiceResults
    area: ChoiceResults
    pooled: ChoiceResults


def manufacturing_fits() -> ManufacturingFits:
    """Destinations of manufacturing, multinomial beside nested."""
    choices, nests = data.manufacturing(), nest_structures()
    formula = f"destination ~ {LATER}"
    return ManufacturingFits(
        constants=MultinomialLogit("destination ~ 0 | 1", base=BASE).fit(choices),
        multinomial=MultinomialLogit(formula, base=BASE).fit(choices),
        border=NestedLogit(formula, nests["border"], base=BASE, lambdas="common").fit(choices),
        area=NestedLogit(formula, nests["area"], base=BASE, lambdas="common").fit(choices),
        pooled=MultinomialLogit("area ~ 0 | since_2000", base=data.POOLED[0]).fit(data.manufacturing_pooled()),
    )


def lambda_profile() -> Mapping[str, dict[float, float]]:
    """For each nest structure: lambda, common to the nests, -> largest log-likelihood with that lambda."""
    choices = data.manufacturing()
    return {
        structure: {
            value: NestedLogit(f"destination ~ {LATER}", nests, base=BASE, lambdas="common", fixed={"lambda": value})
            .fit(choices, "none")
            .llf
            for value in LAMBDAS
        }
        for structure, nests in nest_structures().items()
    }
