"""The separation certificate: before any fit, whether the likelihood has a finite maximum, and if not, why.

A choice of y where j was available is separated when some direction of the coefficients lets y gain on j and no chosen
alternative lose on any other; along it the log-likelihood rises for ever and the probability of j goes to zero (Albert
& Anderson 1984; for the limit Geyer 2009, Correia, Guimaraes & Zylkin 2019). Separation is complete when every pair is
separated, else quasi-complete. Cases of weight zero do not count, offsets do not matter, fixed and tied coefficients
and bounds do. Shape parameters are held.

What is proved: for the multinomial logit everything, both ways. For a nested logit normalised to utilities ("utility",
"bottom") "none" is proof that no coefficient runs to infinity at lambdas that stay away from zero; separation is proof
where the lambdas agree with utility maximisation (0 < lambda_m <= lambda of the nest above), because only then a
probability never falls when its alternative gains. The form that is not normalised ("none") weighs utilities by lambda
across nests, so that differences decide only when all lambdas are one parameter and every alternative stands under as
many nests. Other families are not judged.
For a concave log-likelihood a search that ends at a strict maximum proves overlap as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine.bind import Bound
from relocchoice.engine.counted import CountedProblem
from relocchoice.engine.limit import Held, holding, without
from relocchoice.engine.pairs import Pairs
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import reference_information
from relocchoice.errors import Finding
from relocchoice.inference.cells import separated_cells
from relocchoice.inference.cone import Cone, recession_cone
from relocchoice.inference.overlap import overlap_shown
from relocchoice.inference.recession import Signs, distinct, interior_direction, recession_signs
from relocchoice.inference.separation_nests import _loose_nests, always_consistent, nest_notes, one_scale
from relocchoice.spec.model import ModelSpec

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
Kind = Literal["none", "quasi-complete", "complete"]
TRACE = 1e-8
SPANNING = 1e-9
ROUNDING = "what separates the choices, or keeps them from being separated, is of the size of rounding"


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What the data say about the existence of a finite maximum; p parameters of the user, q free ones.

    Attributes
    ----------
    kind : ``"none"``, ``"quasi-complete"`` or ``"complete"``.
    infinite : pairs (parameter, sign) that run to plus or minus infinity.
    undetermined : parameters without a finite limit whose sign the data leave open.
    direction : (p,) of the user's parameters: a direction along which every separated pair gains and no other changes,
        largest gain one; free_direction : (q,) the same of the free parameters. Zeros without separation.
    null : (q, r) directions of the free parameters that change no pair that remains.
    case, alternative : (m,) positions of the cases and codes of the alternatives of the separated pairs.
    cells : sentences that name the cells and alternatives.
    nests : nests in which the choices alone are separated, so that their lambda may run to zero: a note, no proof.
    judged : whether this family can be judged at all; exact : whether the certificate needs no further condition.
    reason : the condition, or why nothing is judged; empty where exact.
    rows, passes : rows of the largest linear system, passes over the data for it; zero where overlap was shown without.
    names : (p,) of the user's parameters.
    near : (q,) where overlap was shown, near the maximum of the multinomial logit; None where it was not, or otherwise.
    """

    kind: Kind
    infinite: tuple[tuple[str, int], ...]
    undetermined: tuple[str, ...]
    direction: Floats
    free_direction: Floats
    null: Floats
    case: Ints
    alternative: Ints
    cells: tuple[str, ...]
    nests: tuple[str, ...]
    judged: bool
    exact: bool
    reason: str
    rows: int
    passes: int
    names: tuple[str, ...]
    near: Floats | None = None

    @property
    def separated(self) -> bool:
        return self.kind != "none"

    @property
    def verdict(self) -> str:
        """One sentence without a full stop."""
        if not self.judged:
            return f"separation is not judged: {self.reason}"
        if not self.separated:
            return "no separation: every coefficient has a finite estimate" + self._condition()
        named = [f"{name} to {'plus' if sign > 0 else 'minus'} infinity" for name, sign in self.infinite]
        named += [f"{name} without a limit" for name in self.undetermined]
        return f"{self.kind} separation: {_listed(named)}" + self._condition()

    def _condition(self) -> str:
        return "" if self.exact else f" ({self.reason})"

    @property
    def touched(self) -> tuple[str, ...]:
        """Parameters without a finite limit, in the order of the table."""
        names = {*self.undetermined, *(name for name, _ in self.infinite)}
        return tuple(name for name in self.names if name in names)

    def direction_text(self) -> str:
        """The direction as a sum over the parameters it moves, ``"d: +1 * a - 0.5 * b"``."""
        size = np.abs(self.direction)
        terms = [
            f"{'+' if value > 0 else '-'} {abs(value):.4g} * {name}"
            for name, value, keep in zip(self.names, self.direction, size > TRACE * size.max(initial=0.0), strict=True)
            if keep
        ]
        return "d: " + " ".join(terms) if terms else "d: none"

    def mask(self, n_cases: int, n_alternatives: int) -> Bools:
        """(n, J) the separated pairs."""
        out = np.zeros((n_cases, n_alternatives), dtype=bool)
        out[self.case, self.alternative] = True
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """A problem with a finite maximum, made by leaving out what is separated.

    Attributes
    ----------
    held : the problem, in which r free parameters are held and the separated pairs are unavailable.
    names : parameters that are not reported: those without a finite limit. All others have the estimates of the limit.
    cases : (n,) which cases still tell something; the others, of one alternative now, have weight zero.
    note : sentences for the results.
    """

    held: Held
    names: tuple[str, ...]
    cases: Bools
    note: str


def certify(spec: ModelSpec, bound: Bound, reference: Floats | None = None) -> Certificate:
    """Look for separation, exactly and before any fit; see the module for what it proves.

    Parameters
    ----------
    reference : (q, q) the information at zero coefficients that the search uses; None: computed here. Collinear
        coefficients must have been refused.
    """
    problem = bound.problem
    judged, exact, reason = _validity(spec, problem)
    free = _coefficients(problem)
    if not judged or not len(free):
        return _nothing(problem, judged, exact, reason)
    scale = _scale(problem, free, reference)
    signs = _signs(problem, free)
    plain = _nothing(problem, judged, exact, reason)
    if _plainly_overlapping(spec, bound, free, scale):
        return plain
    shown = overlap_shown(problem, free)
    plain = replace(plain, near=shown, nests=nest_notes(spec, bound, free, scale, signs))
    if shown is not None:
        return plain
    try:
        cone = recession_cone(Pairs.of(problem, free, scale), signs)
        plain = replace(plain, rows=cone.rows, passes=cone.passes)
        return _separated(spec, bound, plain, cone, free, scale, signs) if cone.separated else plain
    except ArithmeticError:  # linear programmes without a solution, directions of no length
        return _nothing(problem, False, False, ROUNDING)


def _nothing(problem: Problem, judged: bool, exact: bool, reason: str) -> Certificate:
    p, q = problem.space.matrix.shape
    none = np.empty(0, dtype=np.intp)
    return Certificate(
        kind="none",
        infinite=(),
        undetermined=(),
        direction=np.zeros(p),
        free_direction=np.zeros(q),
        null=np.empty((q, 0)),
        case=none,
        alternative=none,
        cells=(),
        nests=(),
        judged=judged,
        exact=exact,
        reason=reason,
        rows=0,
        passes=0,
        names=problem.space.names,
    )


def _coefficients(problem: Problem) -> Ints:
    """Positions of the free parameters that are coefficients and no shapes."""
    matrix, k = np.abs(problem.space.matrix), problem.n_coef
    return np.flatnonzero((matrix[:k].sum(axis=0) > 0) & (matrix[k:].sum(axis=0) == 0))


def _scale(problem: Problem, free: Ints, reference: Floats | None) -> Floats:
    """(q,) size of the free parameters' columns: root mean square of the differences within cases."""
    information = reference_information(problem) if reference is None else reference
    size = np.sqrt(np.maximum(np.diag(information)[free], 0.0) / problem.weights.sum())
    return np.where(size > 0, size, 1.0)


def _box_size(problem: Problem, free: Ints, scale: Floats) -> Floats:
    """(q,) what bounds the interior direction: coefficients of dummies and constants at one, others near it."""
    own = np.diag(problem.to_user)[: problem.n_coef]
    halved = np.abs(problem.space.matrix[: problem.n_coef, free]).T @ (own != 1.0) > 0
    plain = (scale > 1e-3) & (scale < 1e3)
    return np.where(plain, scale / np.where(halved, 2.0, 1.0), 1.0)


def _signs(problem: Problem, free: Ints) -> Signs:
    lower = np.where(np.isfinite(problem.space.lower[free]), 0.0, -np.inf)
    return Signs(lower, np.where(np.isfinite(problem.space.upper[free]), 0.0, np.inf))


def _validity(spec: ModelSpec, problem: Problem) -> tuple[bool, bool, str]:
    """Whether the family can be judged, whether without condition, and the condition or the reason in words."""
    if problem.laid_out and any(chunk.placement.picked is not None for chunk in problem.design.chunks):
        return False, False, "the certificate does not cover cases that take several alternatives"
    if spec.family == "multinomial":
        return True, True, ""
    if spec.family != "nested" or spec.nests is None:
        return False, False, f"the certificate does not cover the family {spec.family!r}"
    if spec.normalisation == "none" and not one_scale(spec.nests, problem):
        return (
            False,
            False,
            "with normalisation='none' utilities of different nests are weighed by lambdas that differ, so that "
            "differences of utilities decide nothing; use normalisation='utility' or lambdas='common'",
        )
    if always_consistent(spec.nests, problem):
        return True, True, ""
    return True, False, "at lambdas that agree with utility maximisation"


def _plainly_overlapping(spec: ModelSpec, bound: Bound, free: Ints, scale: Floats) -> bool:
    """Whether alternatives that were chosen from the same sets, in each nest with a lambda of its own, tell it at once.

    Of two alternatives that were both chosen where the other could have been, neither may lose: a direction that
    separates changes no difference between them, and if those differences span all directions there is none.
    """
    problem = bound.problem
    if not isinstance(problem, CountedProblem) or not (problem.weights > 0).all():
        return False
    spread = problem.spread_within_groups(free, 1.0 / scale)
    loose = {-1} if spec.nests is None else {-1, *_loose_nests(spec, bound)}
    return all(group in spread and _spans(spread[group]) for group in loose)


def _spans(gram: Floats) -> bool:
    values = np.linalg.eigvalsh(gram)
    return bool(values[0] > SPANNING * values[-1])


def _separated(
    spec: ModelSpec, bound: Bound, plain: Certificate, cone: Cone, free: Ints, scale: Floats, signs: Signs
) -> Certificate:
    problem, data = bound.problem, bound.data
    everything = Pairs.of(problem, free, scale)
    gone = [everything.where(k) & ~cone.left.where(k) for k in range(len(everything.chunks))]
    places = [everything.places(k, pairs) for k, pairs in enumerate(gone)]
    case, alternative = _of_data(
        problem, np.concatenate([found[0] for found in places]), np.concatenate([found[1] for found in places])
    )
    gains = np.concatenate([everything.rows(k, *np.nonzero(pairs)) @ cone.null for k, pairs in enumerate(gone)])
    gains = gains[distinct(gains)]
    box = cone.null / _box_size(problem, free, scale)[:, None]
    combination = interior_direction(gains, box, signs)
    inside = cone.null @ combination
    inside[np.abs(inside) < 1e-11 * np.abs(inside).max()] = 0.0
    null, direction = np.zeros((len(problem.space.free_names), cone.null.shape[1])), np.zeros(len(plain.free_direction))
    null[free], direction[free] = cone.null / scale[:, None], inside / scale
    largest = max(float(g[w].max()) for (_, g, _), w in zip(everything.gains(inside), gone, strict=True) if w.any())
    direction /= largest
    moves, sizes = problem.jacobian @ null, np.abs(problem.jacobian) @ np.abs(null)
    touched = np.flatnonzero((np.abs(moves) > TRACE * np.where(sizes > 0, sizes, 1.0)).any(axis=1))
    found = recession_signs(gains, moves[touched], cone.null, signs, combination)
    names = problem.space.names
    complete = not any(cone.left.where(k).any() for k in range(len(everything.chunks)))
    mask = np.zeros((data.n_cases, data.n_alternatives), dtype=bool)
    mask[case, alternative] = True
    return replace(
        plain,
        kind="complete" if complete else "quasi-complete",
        infinite=tuple((names[k], int(sign)) for k, sign in zip(touched, found, strict=True) if sign),
        undetermined=tuple(names[k] for k, sign in zip(touched, found, strict=True) if not sign),
        direction=np.where(np.isin(np.arange(len(names)), touched), problem.jacobian @ direction, 0.0),
        free_direction=direction,
        null=null,
        case=case,
        alternative=alternative,
        cells=separated_cells(data, mask, " ".join((spec.formula_text, *names))),
    )


def _of_data(problem: Problem, lane: Ints, alternative: Ints) -> tuple[Ints, Ints]:
    """The pairs of the cases laid out -> those of all cases that count, sorted by case and alternative."""
    case = lane
    if problem.lane_of is not None:
        order = np.argsort(problem.lane_of, kind="stable")
        by_lane = problem.lane_of[order]
        first, last = np.searchsorted(by_lane, lane, "left"), np.searchsorted(by_lane, lane, "right")
        count = last - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        case, alternative = order[np.repeat(first, count) + within], np.repeat(alternative, count)
    counted = problem.weights[case] > 0
    case, alternative = case[counted], alternative[counted]
    order = np.lexsort((alternative, case))
    return case[order], alternative[order]


def separation_findings(certificate: Certificate) -> list[Finding]:
    """One finding a parameter without a finite limit, then one a cell behind it; [] without separation."""
    if not certificate.separated:
        return []
    way_out = "; use separation='firth', 'drop' or 'warn', pool the cells, or leave the variable out"
    signs = dict(certificate.infinite)
    out = []
    for name in certificate.touched:
        where = {1: "to plus infinity", -1: "to minus infinity"}.get(signs.get(name, 0), "without a determined limit")
        out.append(Finding("separated", f"{name} runs {where} ({certificate.kind} separation){way_out}", column=name))
    return out + [Finding("separated_cell", f"separated: {cell}") for cell in certificate.cells]


def limit_problem(certificate: Certificate, bound: Bound) -> Held:
    """The problem whose finite maximum is the limit: without the separated pairs, flat directions held.

    Raises
    ------
    OptionError : bounds on separated parameters that would decide other estimates.
    """
    left = without(bound.problem, certificate.case, certificate.alternative)
    return holding(left, certificate.null, certificate.free_direction)


def dropped(certificate: Certificate, bound: Bound) -> Dropped:
    """What remains when the separated pairs leave the choice sets, and cases of one alternative the data.

    Raises
    ------
    OptionError : bounds on separated parameters that would decide other estimates.
    """
    held = limit_problem(certificate, bound)
    data = bound.data
    leaving = np.bincount(certificate.case, minlength=data.n_cases)
    cases = (np.diff(data.offsets) - leaving > 1) | (leaving == 0)
    counted = int(((~cases) & (bound.problem.weights > 0)).sum())
    problem = replace(held.problem, weights=np.where(cases, held.problem.weights, 0.0))
    n_pairs = len(certificate.case)
    pairs = f"{n_pairs} pair{'s' * (n_pairs != 1)} of a case and an alternative left the choice sets"
    alone = f", and {counted} case{'s' * (counted != 1)} with a single alternative left the data" if counted else ""
    note = (
        f"Separation: {_listed(list(certificate.touched))} dropped, because no finite estimate exists; {pairs}{alone}."
    )
    if (problem.weights > 0).any():
        note += " The other estimates are those of the limit and do not depend on what was dropped."
    return Dropped(replace(held, problem=problem), certificate.touched, cases, note)


def _listed(names: list[str], most: int = 8) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
