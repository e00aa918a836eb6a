"""Score tests of a fit: restrictions of its own model, or terms and nests that it left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.provenance import traced
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.problem import Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.engine.search import reference_of
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.inference.hypotheses import Hypotheses, LinearRestrictions, TestResult, linear_restrictions, refused
from relocchoice.inference.identification import check_collinear
from relocchoice.inference.restricted import eliminate, restricted_maximum, surface
from relocchoice.inference.score_test import Information, Null, check_information, directions_of, score_statistic
from relocchoice.results.at_maximum import why_no_maximum
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound
from relocchoice.spec.formula import Formula
from relocchoice.spec.model import ModelSpec
from relocchoice.spec.parts import split_formula, split_outside

Floats = NDArray[np.float64]


@traced
def score_test(
    fit: ChoiceResults,
    hypotheses: Hypotheses | None = None,
    values: ArrayLike | None = None,
    *,
    add: str | None = None,
    against: Any = None,
    information: Information | None = None,
    data: ChoiceData | None = None,
) -> TestResult:
    """Score (Lagrange multiplier) test.

    Parameters
    ----------
    fit : a fit; with ``hypotheses`` of the larger model, else of the smaller one, which is not estimated again.
    hypotheses, values : linear restrictions on the parameters of the fit, as in ``wald_test``.
    add : omitted variables, in the parts of a formula: ``"log(gdp)"`` joins part one, ``"0 | log(assets)"`` part two.
    against : a model that has the fit's as its special case where the parameters it has more are zero (lambdas: one),
        e.g. a ``NestedLogit`` against a multinomial fit.
    information : ``"expected"`` (given the columns, exact; the default), ``"opg"`` (rejects too often in small
        samples), ``"hessian"`` (may not be positive definite there), ``"robust"`` (with sampling weights the only one).
    data : the data of the fit, where it was loaded from a file.

    Raises
    ------
    OptionError, SpecificationError, IdentificationError, DataError
        Not exactly one of the three hypotheses; a larger model that is none; columns that are collinear.
    """
    if sum(given is not None for given in (hypotheses, add, against)) != 1:
        raise OptionError("score_test needs one of hypotheses, add= and against=")
    form = check_information(information, fit.weight_kind)
    sampling = fit.weight_kind in PROBABILITY_WEIGHTS
    if hypotheses is not None:
        names = [str(name) for name in fit.parameters.index]
        restrictions = linear_restrictions(hypotheses, names, values)
        if fit.penalty is not None:
            return refused(restrictions.null, "the estimates are penalised, and so are not where the scores vanish")
        with one_thread():
            return _of_restrictions(fit, restrictions, rebound(fit, data).problem, form, sampling)
    spec = _extended(fit.spec, add) if add is not None else getattr(against, "spec", against)
    if not isinstance(spec, ModelSpec):
        raise OptionError.of("against", against, "a model such as rc.NestedLogit(...)")
    reason = why_no_maximum(fit)
    if reason:
        return refused("the terms left out have no effect", reason)
    with one_thread():
        problem, null = _within(fit, spec, rebound(fit, data))
        return score_statistic(problem, null, form, sampling)


# --------------------------------------------------------------------------------------------------------- restrictions


def _of_restrictions(
    fit: ChoiceResults, restrictions: LinearRestrictions, problem: Problem, form: Information, sampling: bool
) -> TestResult:
    on = surface(problem, fit.moments.free)
    matrix = restrictions.matrix @ on.jacobian
    matrix = np.where(np.abs(matrix) > 1e-9 * np.abs(matrix).max(initial=0.0), matrix, 0.0)
    unbounded = np.isinf(on.lower) & np.isinf(on.upper)
    affine = eliminate(matrix, restrictions.targets - restrictions.matrix @ on.constant, unbounded)
    if affine is None:
        return refused(restrictions.null, "the restrictions contradict each other or the fixed parameters")
    if not len(affine.pivots):
        return refused(restrictions.null, "nothing in it is estimated")
    found = restricted_maximum(on, affine, on.free)
    if found is None or not found.ended:
        return refused(restrictions.null, "the search under the hypothesis did not end at a maximum")
    held = (found.free <= on.lower) | (found.free >= on.upper)
    held[affine.pivots] = False
    return score_statistic(problem, Null(found.free, directions_of(affine), ~held, restrictions.null), form, sampling)


# ---------------------------------------------------------------------------------------------------- the larger model


def _extended(spec: ModelSpec, add: str) -> ModelSpec:
    """The model with more terms in the parts of its formula."""
    formula = spec.specification
    if not isinstance(formula, Formula):
        raise SpecificationError("add= goes with a formula; give the model with the further utilities as against=")
    if not isinstance(add, str) or not add.strip():
        raise OptionError.of("add", add, "terms such as 'log(gdp)' or '0 | log(assets)'")
    extra = [part.strip() for part in split_outside(add, "|")]
    if len(extra) > 3:
        raise OptionError.of("add", add, "at most three parts, generic | case-specific | alternative-specific")
    extra += [""] * (3 - len(extra))
    if all(part in ("", "0") for part in extra):
        raise OptionError.of("add", add, "at least one term")
    parts = [_joined(old, new, k == 1) for k, (old, new) in enumerate(zip(formula.parts, extra, strict=True))]
    sides = split_outside(formula.text, "~")
    left = f"{sides[0].strip()} ~ " if len(sides) == 2 else ""
    text = left + " | ".join(parts)
    split_formula(text)
    return replace(spec, specification=Formula(text, formula.offset))


def _joined(old: str, new: str, constants: bool) -> str:
    if new in ("", "0"):
        return old
    if old != "0":
        return f"{old} + {new}"
    with_constants = not constants or "1" in [term.strip() for term in split_outside(new, "+")]
    return new if with_constants else f"0 + {new}"


def _within(fit: ChoiceResults, spec: ModelSpec, bound: Bound) -> tuple[Problem, Null]:
    """The larger problem, and the fit as a point of it."""
    data = bound.data
    problem = bind(spec, spec.specification.evaluate(data, spec.base).columns, data)
    names = list(problem.space.names)
    own = fit.params
    unknown = [str(name) for name in own.index if name not in names]
    if unknown:
        raise SpecificationError(
            f"the fit's model is no special case of the larger one, which has no parameter {unknown[0]!r}; "
            f"its parameters: {', '.join(names)}"
        )
    theta = np.array([0.0] * problem.n_coef + [1.0] * (len(names) - problem.n_coef))
    theta[[names.index(str(name)) for name in own.index]] = own.to_numpy()
    free = problem.space.restrict(problem.internal_from_user(theta))
    llf = problem.weight_scale * float(problem.weights @ problem.loglik_by_case(free))
    if not abs(llf - fit.llf) <= 1e-6 * (1 + abs(fit.llf)):
        raise SpecificationError(
            "the fit's model is no special case of the larger one: with the further parameters at zero (lambdas at "
            f"one) that has log-likelihood {llf:.6f}, the fit {fit.llf:.6f}"
        )
    reference = reference_of(problem)
    check_collinear(reference.information, reference.sizes, problem.jacobian, problem.space.names, problem.n_coef)
    return problem, _null_of(fit, problem, free)


def _null_of(fit: ChoiceResults, problem: Problem, free: Floats) -> Null:
    known = {str(name) for name, status in fit.parameters["status"].items() if status != "fixed"}
    names = np.array(problem.space.names)
    members = [names[column != 0] for column in problem.space.matrix.T]
    tested = np.array([not known & set(group) for group in members], dtype=bool)
    if not tested.any():
        raise SpecificationError("the larger model has no free parameter that the fit lacks")
    if int((~tested).sum()) != len(fit.moments.free):
        raise SpecificationError(
            "the fit ties parameters that the larger model does not; fit the larger one and test hypotheses on it"
        )
    at_bound = set(fit.parameters.index[fit.parameters["status"] == "at bound"])
    moving = np.array([not at_bound & set(group) for group in members], dtype=bool)
    free_names = np.array(problem.space.free_names)[tested]
    lambdas = np.argmax(problem.space.matrix != 0, axis=0)[tested] >= problem.n_coef
    words = [f"{name} = {1 if is_lambda else 0}" for name, is_lambda in zip(free_names, lambdas, strict=True)]
    return Null(free, np.eye(len(free))[tested], moving | tested, ", ".join(words))
