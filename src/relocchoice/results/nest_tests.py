"""Tests of a nested logit's tree: are there nests at all, are they alike, do they agree with utility maximisation?

In the utility-maximising normalisation a tree agrees with it where 0 < lambda <= lambda of the nest above <= 1 for
every nest (McFadden 1978). lambda = 1 lies inside the parameter space of a fit without bounds, so that "no nests"
against any lambdas has the usual chi-squared law; against lambdas that agree with utility maximisation it is a corner,
and the law is a mixture of chi-squared variables; see :mod:`relocchoice.inference.boundary`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.provenance import traced
from relocchoice.engine.bind import degenerate_lambdas
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import OptionError
from relocchoice.inference.alternatives import expected_information
from relocchoice.inference.boundary import ChiBar, chi_bar
from relocchoice.inference.hypotheses import TestResult, refused
from relocchoice.inference.restricted import eliminate, restricted_maximum, surface
from relocchoice.optimize.newton import maximise
from relocchoice.results.at_maximum import why_no_maximum
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound
from relocchoice.results.score_tests import score_test

Floats = NDArray[np.float64]
Method = Literal["lr", "wald", "score"]
INTERIOR = "lambda = 1 lies inside the parameter space, as the fit does not bound the lambdas by 1"


@traced
def no_nests_test(
    fit: ChoiceResults,
    method: Method = "lr",
    *,
    one_sided: bool | None = None,
    information: Literal["expected", "opg", "hessian", "robust"] | None = None,
    seed: int = 0,
    data: ChoiceData | None = None,
) -> TestResult:
    """Nested against multinomial logit: every dissimilarity parameter is one.

    Parameters
    ----------
    fit : of a nested logit. Of a multinomial fit, ``score_test(fit, against=NestedLogit(...))`` is the score test.
    method : ``"lr"``; ``"wald"`` with the covariance of the fit (not invariant: it may be far from the others);
        ``"score"`` with ``information``, see :func:`score_test`.
    one_sided : against lambdas that agree with utility maximisation only (likelihood ratio; mixture of chi-squared).
        None: where the fit bounds its lambdas by 1, else no.
    seed : of the mixture's weights where they are simulated (four lambdas or more).
    data : the data of the fit, where it was loaded from a file.

    Raises
    ------
    OptionError : an unknown method, or ``one_sided=True`` with another than ``"lr"``.
    """
    if method not in get_args(Method):
        raise OptionError.of("method", method, ", ".join(get_args(Method)))
    names, reason = _free_lambdas(fit, data)
    held = _held(fit)
    null = f"every free lambda is 1, with {held}" if held else "no nests: every lambda is 1"
    if reason:
        return refused(null, reason)
    bounded = _bounded_by_one(fit, names)
    sided = bounded if one_sided is None else one_sided
    if sided and method != "lr" and one_sided:
        raise OptionError("one_sided=True goes with method='lr'")
    if bounded and not sided:
        return refused(null, "the fit bounds its lambdas, so the two-sided law does not hold; take one_sided=True")
    if bounded and method != "lr":
        return refused(null, "the fit bounds its lambdas: 1 lies on the edge; take method='lr'")
    if sided:
        return _one_sided(fit, null, seed, data, bounded)
    hypotheses = [f"`{name}` = 1" for name in names]
    found = _by(method, fit, hypotheses, information, data)
    told = (found.message, INTERIOR) if found.applies else (found.message,)
    return replace(found, null=null, message="; ".join(filter(None, told)))


@traced
def equal_lambdas_test(
    fit: ChoiceResults,
    method: Method = "lr",
    *,
    information: Literal["expected", "opg", "hessian", "robust"] | None = None,
    data: ChoiceData | None = None,
) -> TestResult:
    """One dissimilarity parameter for all nests; arguments as of :func:`no_nests_test`."""
    if method not in get_args(Method):
        raise OptionError.of("method", method, ", ".join(get_args(Method)))
    null = "all lambdas are equal"
    names, reason = _free_lambdas(fit, data)
    if not reason and len(names) < 2:
        reason = "the fit has a single free lambda"
    if reason:
        return refused(null, reason)
    hypotheses = [f"`{names[0]}` = `{name}`" for name in names[1:]]
    return replace(_by(method, fit, hypotheses, information, data), null=null)


@traced
def utility_maximisation_test(fit: ChoiceResults, *, seed: int = 0, data: ChoiceData | None = None) -> TestResult:
    """Likelihood-ratio test of 0 < lambda <= lambda of the nest above <= 1 for every nest, against any lambdas.

    The law is that of the least favourable point, where every lambda is one: with one lambda half chi2(0), half
    chi2(1), with several a mixture, simulated (``seed``) from four on. Estimates that fulfil it give p = 1.
    """
    names, reason = _free_lambdas(fit, data)
    held = _held(fit)
    null = "every lambda is at most that of the nest above it, and at most 1" + (f", with {held}" if held else "")
    if not reason and (_bounded_by_one(fit, names) or (fit.parameters.loc[names, "status"] == "at bound").any()):
        reason = "bounds of the fit hold its lambdas; fit without these bounds"
    if reason:
        return refused(null, reason)
    with one_thread():
        cone = _cone(fit, data)
        if isinstance(cone, str):
            return refused(null, cone)
        mixture = cone.mixture(seed).reversed()
        top = cone.highest(fit)
        least = "every free lambda is 1" if held else "every lambda is 1"
        return _mixed(null, 2.0 * (fit.llf - top), mixture, f"likelihood ratio; least favourable: {least}")


def _by(
    method: Method, fit: ChoiceResults, hypotheses: list[str], information: str | None, data: ChoiceData | None
) -> TestResult:
    if method == "score":
        return score_test(fit, hypotheses, information=information, data=data)  # type: ignore[arg-type]
    if method == "wald":
        return fit.wald_test(hypotheses)
    if fit.weight_kind in PROBABILITY_WEIGHTS:
        return refused("", f"{fit.weight_kind} weights make a pseudo-likelihood; take method='wald' or 'score'")
    return fit.lr_test(hypotheses, data=data)


def _bounded_by_one(fit: ChoiceResults, names: list[str]) -> bool:
    """Whether some lambda may not exceed one, so that one lies on the edge of the parameter space."""
    tops = [fit.spec.constraints.bounds.get(name, (None, None))[1] for name in names]
    return any(top is not None and top <= 1 for top in tops)


def _free_lambdas(fit: ChoiceResults, data: ChoiceData | None) -> tuple[list[str], str]:
    """Names of the lambdas that are free, one of each tied group; or why there is no test."""
    if fit.spec.family != "nested":
        return [], "the fit is no nested logit; take score_test(fit, against=NestedLogit(...))"
    reason = why_no_maximum(fit)
    if reason:
        return [], reason
    problem = rebound(fit, data).problem
    shapes = problem.space.names[problem.n_coef :]
    names = [name for name in problem.space.free_names if name in shapes]
    return names, "" if names else "every lambda is fixed"


def _held(fit: ChoiceResults) -> str:
    """The lambdas that are fixed at another value than one, which no test of the free ones can bring there."""
    known, idle = fit.parameters, degenerate_lambdas(fit.spec)
    fixed = known.loc[(known["status"] == "fixed") & (known["estimate"] != 1.0), "estimate"]
    names = {f"lambda:{node}" for node in fit.spec.nests.nodes} if fit.spec.nests is not None else set()
    return ", ".join(f"{name} = {value:.12g}" for name, value in fixed.items() if name in names - set(idle))


# --------------------------------------------------------------------------------------------------------------- cones


@dataclass(frozen=True, slots=True, eq=False)
class _Cone:
    """The lambdas that agree with utility maximisation, as y >= 0 with y = limits - rows @ free.

    Attributes
    ----------
    problem : q free parameters; null : (q,) where the log-likelihood is highest with every lambda one.
    rows : (m, q), zero but for the m free lambdas; limits : (m,).
    """

    problem: Problem
    null: Floats
    null_llf: float
    rows: Floats
    limits: Floats

    def mixture(self, seed: int) -> ChiBar:
        """The law of no nests against the cone, from the expected information where there are no nests."""
        information = expected_information(self.problem, self.null)
        return chi_bar(self.rows @ np.linalg.solve(information, self.rows.T), seed=seed)

    def highest(self, fit: ChoiceResults) -> float:
        """The largest log-likelihood in the cone."""
        if np.all(self.limits - self.rows @ fit.moments.free >= -1e-9):
            return fit.llf
        lambdas = np.flatnonzero(np.any(self.rows != 0, axis=0))
        turn = np.eye(len(self.null))
        shift = np.zeros(len(self.null))
        inverse = np.linalg.inv(self.rows[:, lambdas])
        turn[np.ix_(lambdas, lambdas)] = -inverse
        shift[lambdas] = inverse @ self.limits

        def objective(x: Floats) -> Evaluation:
            at = self.problem.evaluate(shift + turn @ x)
            return replace(at, gradient=turn.T @ at.gradient, hessian=turn.T @ at.hessian @ turn)

        lower = np.full(len(shift), -np.inf)
        lower[lambdas] = 0.0
        upper = np.full(len(shift), np.inf)
        best = self.null_llf
        for point in (fit.moments.free, self.null):
            start = np.maximum(np.linalg.solve(turn, point - shift), lower)
            try:
                found = maximise(objective, start, lower, upper)
            except ValueError:
                continue
            best = max(best, self.problem.weight_scale * found.evaluation.value)
        return min(best, fit.llf)


def _cone(fit: ChoiceResults, data: ChoiceData | None) -> _Cone | str:
    """The cone of a fit, or why there is no test on it."""
    if fit.spec.normalisation == "none":
        return "without normalisation by lambda the lambdas say nothing on utility maximisation"
    if fit.weight_kind in PROBABILITY_WEIGHTS:
        return f"{fit.weight_kind} weights make a pseudo-likelihood; take wald_test"
    problem = rebound(fit, data).problem
    rows, limits = _order(fit, problem)
    lambdas = np.flatnonzero(np.any(rows != 0, axis=0))
    if len(rows) != len(lambdas) or (len(rows) and np.linalg.matrix_rank(rows) < len(rows)):
        return "ties or fixed values of the lambdas leave another number of limits than of free lambdas"
    on = surface(problem, fit.moments.free)
    affine = eliminate(np.eye(len(on.free))[lambdas], np.ones(len(lambdas)), np.ones(len(on.free), dtype=bool))
    assert affine is not None
    found = restricted_maximum(on, affine, on.free)
    if found is None or not found.ended:
        return "with every lambda at one the search did not end at a maximum"
    if np.abs(limits - rows @ found.free).max() > 1e-9:
        return "fixed lambdas other than one leave no point where every lambda is one"
    return _Cone(problem, found.free, problem.weight_scale * found.loglik, rows, limits)


def _order(fit: ChoiceResults, problem: Problem) -> tuple[Floats, Floats]:
    """Each lambda is at most that of the nest above: rows @ free <= limits, without those that always hold."""
    tree = fit.spec.nests
    assert tree is not None
    k = problem.n_coef
    slope = problem.shape_matrix @ problem.space.matrix[k:]
    level = problem.shape_constant + problem.shape_matrix @ problem.space.constant[k:]
    idle = {name.removeprefix("lambda:") for name in degenerate_lambdas(fit.spec)}
    position = {name.removeprefix("lambda:"): m for m, name in enumerate(problem.families[0].shape_names())}
    found: dict[bytes, tuple[Floats, float]] = {}
    for m, node in enumerate(tree.nodes):
        if node in idle:
            continue
        above = int(tree.node_parent[m])
        while above >= 0 and tree.nodes[above] in idle:
            above = int(tree.node_parent[above])
        row, limit = slope[position[node]].copy(), 1.0 - level[position[node]]
        if above >= 0:
            at = position[tree.nodes[above]]
            row, limit = row - slope[at], level[at] - level[position[node]]
        if row.any():
            found[(row + 0.0).tobytes()] = (row, limit)
    if not found:
        return np.empty((0, len(problem.space.free_names))), np.empty(0)
    return np.array([row for row, _ in found.values()]), np.array([limit for _, limit in found.values()])


def _one_sided(fit: ChoiceResults, null: str, seed: int, data: ChoiceData | None, bounded: bool) -> TestResult:
    with one_thread():
        cone = _cone(fit, data)
        if isinstance(cone, str):
            return refused(null, cone)
        top = cone.highest(fit)
        words = "likelihood ratio against lambdas that agree with utility maximisation: 1 lies on the edge"
        if bounded:
            words += ", as the fit bounds the lambdas"
        return _mixed(null, 2.0 * (top - cone.null_llf), cone.mixture(seed), words)


def _mixed(null: str, statistic: float, mixture: ChiBar, words: str) -> TestResult:
    statistic = max(0.0, statistic) if statistic > 1e-8 else 0.0
    if mixture.simulated:
        words += "; weights of the mixture simulated"
    return TestResult(statistic, len(mixture.weights) - 1, mixture.tail(statistic), null, str(mixture), words)
