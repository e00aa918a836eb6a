"""Trees against each other on the same choices: likelihood ratios where one holds the other, Vuong's test elsewhere.

A tree holds another where each nest of the other, as a set of alternatives, is one of its own: the other is what
remains when the lambdas of the further nests equal those of the nests around them (or one). Every tree holds the
multinomial logit, and a lambda for each nest holds one lambda for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.provenance import begun
from relocchoice.errors import OptionError
from relocchoice.inference.hypotheses import TestResult
from relocchoice.inference.tails import chi2_tail
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.nonnested import vuong_test
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table, shared_provenance
from relocchoice.spec.nests import ROOT, NestTree

Sets = frozenset[frozenset[Any]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TreeComparison:
    """Models of the same choices that differ by their trees.

    Attributes
    ----------
    fits : name -> results.
    figures : one row a model: ``parameters``, ``llf``, ``aic``, ``bic``, ``lambdas`` (verdict on utility maximisation).
    tests : index (``one``, ``other``); ``test`` (``"likelihood ratio"`` of one within other, or ``"Vuong"``),
        ``statistic``, ``df``, ``pvalue``, ``message``. A positive Vuong statistic speaks for ``one``.
    """

    fits: Mapping[str, ChoiceResults]
    figures: pd.DataFrame
    tests: pd.DataFrame

    @property
    def provenance(self) -> str:
        """Where the data come from, where nobody observed them."""
        return shared_provenance(self.fits.values())

    def summary(self) -> Summary:
        """Models and tests as one table."""
        return Summary(_table(self))

    def __repr__(self) -> str:
        return str(self.summary())


for _name in ("figures", "tests"):
    setattr(TreeComparison, _name, CopiedFrame(vars(TreeComparison)[_name]))


def compare_trees(
    models: Mapping[str, MultinomialLogit | NestedLogit], data: ChoiceData, **options: Any
) -> TreeComparison:
    """Estimate models that differ by their trees and test each pair.

    Parameters
    ----------
    models : name -> model, two or more, with the same utilities.
    data : the choices.
    options : of the fits, e.g. ``starts=``.

    Raises
    ------
    OptionError
        For fewer than two models, models of other kinds, or different utilities.
    """
    _check(models)
    fits = {name: model.fit(data, **options) for name, model in models.items()}
    figures = pd.DataFrame(
        {
            "parameters": [fit.df_model for fit in fits.values()],
            "llf": [fit.llf for fit in fits.values()],
            "aic": [fit.aic for fit in fits.values()],
            "bic": [fit.bic for fit in fits.values()],
            "lambdas": [_verdict(fit) for fit in fits.values()],
        },
        index=pd.Index(fits, name="model"),
    )
    rows, pairs = [], []
    for one, other in combinations(fits, 2):
        pair, kind, test = _test(one, other, fits)
        pairs.append(pair)
        rows.append((kind, test.statistic, test.df, test.pvalue, test.message))
    tests = pd.DataFrame(
        rows,
        columns=["test", "statistic", "df", "pvalue", "message"],
        index=pd.MultiIndex.from_tuples(pairs, names=["one", "other"]),
    )
    return TreeComparison(fits, figures, tests)


def _check(models: object) -> None:
    if not isinstance(models, Mapping) or len(models) < 2:
        raise OptionError("models is a mapping name -> model with at least two models")
    for name, model in models.items():
        if not isinstance(model, (MultinomialLogit, NestedLogit)):
            raise OptionError.of("models", f"{name}: {type(model).__name__}", "MultinomialLogit, NestedLogit")
    (first, one), *others = models.items()
    for name, model in others:
        if _utilities(model) != _utilities(one):
            raise OptionError(
                f"models {first!r} and {name!r} differ by more than their trees; give them equal utilities"
            )


def _utilities(model: MultinomialLogit | NestedLogit) -> tuple[object, ...]:
    return (model.spec.specification, model.base, model.spec.unavailable)


def _verdict(fit: ChoiceResults) -> str:
    if not fit.converged:
        return f"NOT a maximum: {fit.status_message}"
    return fit.identification.lambda_verdict or ""


def holds(large: MultinomialLogit | NestedLogit, small: MultinomialLogit | NestedLogit) -> bool:
    """Whether the small model is the large one with restrictions on its lambdas."""
    return _holds(large.spec, small.spec)


def _holds(large: Any, small: Any) -> bool:
    plain = all(
        not (spec.constraints.fixed or spec.constraints.equal or spec.constraints.bounds) for spec in (large, small)
    )
    if not plain or large.nests is None:
        return False
    if small.nests is None:
        return True
    if large.normalisation != "utility" or small.normalisation != "utility":
        return False
    one, other = _sets(small.nests), _sets(large.nests)
    if large.lambdas == "common":
        return small.lambdas == "common" and _levels(small.nests) == _levels(large.nests)
    if small.lambdas == "common":
        # one lambda for all: a nest inside another then changes nothing
        return _levels(small.nests) <= other and (one != other or small.lambdas != large.lambdas)
    return one < other


def _sets(tree: NestTree) -> Sets:
    """The nests of two or more alternatives, as sets."""
    members: dict[int, set[Any]] = {k: set() for k in range(len(tree.nodes))}
    for leaf, nest in zip(tree.leaves, tree.leaf_parent.tolist(), strict=True):
        at = nest
        while at != ROOT:
            members[at].add(leaf)
            at = int(tree.node_parent[at])
    every = len(tree.leaves)
    return frozenset(frozenset(found) for found in members.values() if 1 < len(found) < every)


def _levels(tree: NestTree) -> Sets:
    """The outermost of them."""
    found = _sets(tree)
    return frozenset(one for one in found if not any(one < other for other in found))


def _test(one: str, other: str, fits: Mapping[str, ChoiceResults]) -> tuple[tuple[str, str], str, TestResult]:
    first, second = fits[one], fits[other]
    if _holds(second.spec, first.spec):
        return (one, other), "likelihood ratio", _likelihood_ratio(first, second)
    if _holds(first.spec, second.spec):
        return (other, one), "likelihood ratio", _likelihood_ratio(second, first)
    return (one, other), "Vuong", vuong_test(first, second)


def _likelihood_ratio(small: ChoiceResults, large: ChoiceResults) -> TestResult:
    null = "the lambdas of the further nests equal those around them"
    for fit in (small, large):
        if fit.weight_kind in PROBABILITY_WEIGHTS:
            return TestResult(float("nan"), 0, float("nan"), null, "", f"{fit.weight_kind} weights have no likelihood")
        if not fit.converged:
            return TestResult(float("nan"), 0, float("nan"), null, "", f"no maximum: {fit.status_message}")
    statistic, df = 2.0 * (large.llf - small.llf), large.df_model - small.df_model
    if df < 1:
        return TestResult(float("nan"), 0, float("nan"), null, "", "the larger tree has no further free lambda")
    return TestResult(statistic, df, chi2_tail(statistic, df), null, f"chi2({df})")


def _table(found: TreeComparison) -> Table:
    rows: list[tuple[str, ...]] = [("Models",)]
    for name, row in found.figures.iterrows():
        rows.append((str(name), str(row["parameters"]), *(numbers.likelihood(row[k]) for k in ("llf", "aic", "bic"))))
    rows.append(("Tests: statistic, df, p-value",))
    tests: list[dict[Any, Any]] = found.tests.reset_index().to_dict("records")
    for test in tests:
        one, other = test["one"], test["other"]
        lr = test["test"] == "likelihood ratio"
        head = f"{one} within {other}" if lr else f"{one} against {other}"
        if test["df"] == 0:
            rows.append((head, str(test["test"]), "does not apply", "", ""))
            continue
        figure = (numbers.decimals(test["statistic"], 3), str(test["df"]) if lr else "", numbers.pvalue(test["pvalue"]))
        rows.append((head, "LR chi2" if lr else "Vuong z", *figure))
    verdicts = tuple(
        f"Lambdas of {name}: {row['lambdas']}." for name, row in found.figures.iterrows() if row["lambdas"]
    )
    reasons = tuple(f"{row['one']} and {row['other']}: {row['message']}." for row in tests if row["message"])
    return Table(
        title=begun(found.provenance, "Trees against each other"),
        columns=("", "parameters", "log-likelihood", "AIC", "BIC"),
        rows=tuple(rows),
        notes=(
            "Likelihood ratio: the first tree is the second with restrictions on lambdas. Vuong: neither holds the "
            "other; z above zero speaks for the first.",
            *verdicts,
            *reasons,
        ),
    )
