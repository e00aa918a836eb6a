"""A model as a value: what the user asked for, before any data."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.structural import UnavailableRule, read_rules, without
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.spec.formula import Formula
from relocchoice.spec.labels import Label, label_from_json, label_to_json
from relocchoice.spec.nests import NestTree
from relocchoice.spec.params import Constraints
from relocchoice.spec.utility import UtilitySpec

FamilyName = Literal["multinomial", "nested", "subset"]
Normalisation = Literal["utility", "none", "bottom"]
Lambdas = Literal["free", "common"]


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """A model: family, utilities, constraints and, for nested models, the tree.

    Attributes
    ----------
    family : ``"multinomial"``, ``"nested"`` or ``"subset"`` (sets of alternatives).
    specification : a :class:`Formula` or a :class:`UtilitySpec`.
    base : alternative without constant and case-specific coefficients (None: the first).
    constraints : fixed, equal and bounded parameters.
    nests : the tree of a nested model, else None.
    normalisation : ``"utility"`` P(j|m) ~ exp(V_j / lambda_m), ``"none"`` P(j|m) ~ exp(V_j), ``"bottom"``: as
        ``"utility"`` with coefficients in units of the first lowest nest.
    lambdas : ``"free"``, one for each nest, or ``"common"``, a single one named ``lambda``.
    unavailable : structural zeros, alternative -> conditions, see :meth:`ChoiceData.without`; kept as rules.
    """

    family: FamilyName
    specification: Formula | UtilitySpec
    base: Label = None
    constraints: Constraints = field(default_factory=Constraints)
    nests: NestTree | None = None
    normalisation: Normalisation = "utility"
    lambdas: Lambdas = "free"
    unavailable: Any = ()

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "unavailable", read_rules(self.unavailable))
        except DataError as error:
            raise SpecificationError(error.findings) from None
        for argument, value, valid in (
            ("family", self.family, get_args(FamilyName)),
            ("normalisation", self.normalisation, get_args(Normalisation)),
            ("lambdas", self.lambdas, get_args(Lambdas)),
        ):
            if value not in valid:
                raise OptionError.of(argument, value, ", ".join(valid))
        if (self.nests is not None) != (self.family == "nested"):
            raise SpecificationError("a nested model needs nests, and other models have none")
        if self.nests is not None and not self.nests.nodes:
            raise SpecificationError("no alternative stands in a nest; name a nest, or use MultinomialLogit")
        if not isinstance(self.base, Hashable):
            raise SpecificationError(f"base={self.base!r} is not a label; give one alternative")

    @property
    def formula_text(self) -> str:
        """The formula as written, or a word for explicit utilities."""
        return self.specification.text if isinstance(self.specification, Formula) else "explicit utilities"

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON values."""
        return {
            "family": self.family,
            "specification": _specification_to_dict(self.specification),
            "base": label_to_json(self.base),
            "constraints": self.constraints.to_dict(),
            "nests": None if self.nests is None else self.nests.to_dict(),
            "normalisation": self.normalisation,
            "lambdas": self.lambdas,
            "unavailable": [_rule_to_json(rule) for rule in self.unavailable],
        }


def apply_unavailable(data: ChoiceData, spec: ModelSpec, *, prediction: bool = False) -> ChoiceData:
    """The data without the alternatives that the model says were no choice.

    Parameters
    ----------
    prediction : the data may lack values and alternatives that the rules name, and cases may be left with a single
        alternative, which then has probability one.

    Raises
    ------
    DataError : a rule does not fit the data, or removes what was chosen.
    """
    return without(data, spec.unavailable, prediction=prediction) if spec.unavailable else data


def _rule_to_json(rule: UnavailableRule) -> dict[str, Any]:
    return {
        "alternative": label_to_json(rule.alternative),
        "conditions": [[column, [label_to_json(value) for value in values]] for column, values in rule.conditions],
    }


def _rule_from_json(stored: Mapping[str, Any]) -> UnavailableRule:
    conditions = tuple((column, tuple(map(label_from_json, values))) for column, values in stored["conditions"])
    return UnavailableRule(label_from_json(stored["alternative"]), conditions)


def model_spec_from_dict(stored: Mapping[str, Any]) -> ModelSpec:
    """The model that :meth:`ModelSpec.to_dict` wrote."""
    return ModelSpec(
        family=stored["family"],
        specification=_specification_from_dict(stored["specification"]),
        base=label_from_json(stored["base"]),
        constraints=Constraints.from_dict(stored["constraints"]),
        nests=None if stored["nests"] is None else NestTree.from_stored(stored["nests"]),
        normalisation=stored["normalisation"],
        lambdas=stored["lambdas"],
        unavailable=tuple(map(_rule_from_json, stored.get("unavailable", ()))),
    )


def _specification_to_dict(specification: Formula | UtilitySpec) -> dict[str, Any]:
    if isinstance(specification, Formula):
        return {"kind": "formula", "text": specification.text, "offset": specification.offset}
    return {
        "kind": "utility",
        "utilities": [[label_to_json(label), dict(terms)] for label, terms in specification.utilities.items()],
        "everywhere": dict(specification.everywhere),
        "offset": specification.offset,
    }


def _specification_from_dict(stored: Mapping[str, Any]) -> Formula | UtilitySpec:
    if stored["kind"] == "formula":
        return Formula(stored["text"], stored["offset"])
    utilities = {label_from_json(label): terms for label, terms in stored["utilities"]}
    return UtilitySpec(utilities, stored["everywhere"], stored["offset"])
