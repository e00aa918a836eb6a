"""Do the weights matter? Weighted against unweighted estimates of one model.

``"products"``: the model is estimated without weights, with every column and its product with the weight; under the
hypothesis that the weights tell nothing the products have no coefficients (DuMouchel & Duncan 1983, JASA 78, 535-543).

``"hausman"``: D = b_weighted - b_unweighted, with the covariance sum psi psi' of psi_i = A_w^-1 w_i s_i(b_w) - A_u^-1
s_i(b_u), the difference of the two estimators' influences (Hausman 1978, Econometrica 46; White 1982, Econometrica 50;
Pfeffermann 1993, International Statistical Review 61). Choice-based weights are functions of the outcome, so that
products with them are no columns; there this comparison is made, for what a choice-based sample leaves alone: all
coefficients but the constants, with the influences centred within each sampled stratum, as the stratum sizes are fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.provenance import traced
from relocchoice.engine.bind import bind
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import SearchOptions, reference_of, search
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.inference.hypotheses import LinearRestrictions, TestResult, wald
from relocchoice.inference.identification import check_collinear, flat_directions
from relocchoice.inference.tails import chi2_tail
from relocchoice.results.population import free_constants, strata_of_weights
from relocchoice.spec.columns import Column, UtilityColumns
from relocchoice.spec.model import ModelSpec, apply_unavailable
from relocchoice.spec.params import Constraints

Floats = NDArray[np.float64]
Method = Literal["auto", "products", "hausman"]
COLLINEAR = 1e-9
NO_SPREAD = 1e-8
NULL = "weights make no difference to the estimates"


@traced
def weights_test(model: Any, data: ChoiceData, *, method: Method = "auto") -> TestResult:
    """Test of weighted against unweighted estimates.

    Parameters
    ----------
    model : a ``ModelSpec``, or a model that has one as ``spec``.
    data : with sampling or choice-based weights.
    method : ``"products"`` (DuMouchel & Duncan; multinomial logit with sampling weights), ``"hausman"``, or ``"auto"``:
        products where they exist. ``message`` of the result says which was used.

    Returns
    -------
    TestResult
        Chi-squared under the hypothesis that the model holds and the weights carry nothing beyond it. Where it cannot
        be made, the message says why.

    Raises
    ------
    DataError, OptionError, SpecificationError, IdentificationError
        Before anything is estimated.
    """
    spec: ModelSpec = getattr(model, "spec", model)
    if not isinstance(spec, ModelSpec):
        raise SpecificationError(f"weights_test needs a model, not {type(model).__name__}")
    if method not in get_args(Method):
        raise OptionError.of("method", method, ", ".join(get_args(Method)))
    if data.chosen is None:
        raise DataError("these data hold no choices; give chosen= when making them")
    if data.weights is None or data.weight_kind not in PROBABILITY_WEIGHTS:
        raise DataError(
            f"weights_test needs sampling or choice-based weights, not {data.weight_kind or 'none'}: frequencies only "
            "count; make weights with data.with_population_shares(shares) or data.with_weights(weights, 'sampling')"
        )
    by_products = spec.family == "multinomial" and data.weight_kind == "sampling"
    if method == "products" and not by_products:
        why = (
            "nested logit"
            if spec.family != "multinomial"
            else "choice-based weights, which are functions of the choice"
        )
        raise OptionError(f"method='products' is not for {why}; valid: auto, hausman")
    data = apply_unavailable(data, spec)
    weights = np.asarray(data.weights)
    positive = weights > 0
    if weights[positive].max() - weights[positive].min() <= 1e-12 * weights.max():
        return _not_made("all weights are equal: both estimates are the same")
    return _by_products(spec, data) if by_products and method != "hausman" else _by_difference(spec, data)


def _not_made(reason: str) -> TestResult:
    return TestResult(np.nan, 0, np.nan, NULL, "", f"does not apply: {reason}")


# ------------------------------------------------------------------------------------------------------------ estimates


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """One maximum; p user's parameters, n cases.

    Attributes
    ----------
    theta : (p,); influence : (n, p) change of the estimates by each case, A^-1 w s.
    failed : why there is none, else empty.
    """

    problem: Problem
    theta: Floats
    influence: Floats
    failed: str = ""


def _fitted(spec: ModelSpec, columns: UtilityColumns, data: ChoiceData) -> _Fit:
    problem = bind(spec, columns, data)
    reference = reference_of(problem)
    check_collinear(reference.information, reference.sizes, problem.jacobian, problem.space.names, problem.n_coef)
    found = search(problem, reference, None, SearchOptions(), None)
    at = found.maximum
    p = len(problem.space.names)
    nothing = _Fit(problem, np.full(p, np.nan), np.empty((0, p)))
    if not found.ended:
        return replace(nothing, failed=f"the search did not end at a maximum ({at.status})")
    if at.status != "maximum" or flat_directions(at.evaluation.hessian, reference.information, ~at.active).shape[1]:
        return replace(nothing, failed="an estimate is infinite or not identified")
    moving = ~at.active
    bread = np.zeros_like(at.evaluation.hessian)
    bread[np.ix_(moving, moving)] = np.linalg.inv(-at.evaluation.hessian[np.ix_(moving, moving)])
    influence = (problem.scores(at.x) * problem.weights[:, None]) @ bread @ problem.jacobian.T
    return _Fit(problem, problem.user(at.x), influence)


def _unweighted(data: ChoiceData) -> ChoiceData:
    """The cases that count, each once."""
    assert data.weights is not None
    counted = data.weights > 0
    kept = data if counted.all() else data.select(counted)
    return replace(kept, weights=None, weight_kind=None, names={k: v for k, v in kept.names.items() if k != "weights"})


# ------------------------------------------------------------------------------------------------------------- products


def _by_products(spec: ModelSpec, data: ChoiceData) -> TestResult:
    plain = _unweighted(data)
    weights = np.asarray(data.weights)[np.asarray(data.weights) > 0]
    columns = spec.specification.evaluate(plain, spec.base).columns
    wide = _with_products(columns, weights / weights.mean() - 1.0, plain)
    spec = replace(spec, constraints=_constraints_of_products(spec.constraints, columns.names))
    kept = _independent(spec, wide, plain, len(columns.names))
    dropped = [name for k, name in enumerate(wide.names) if k not in kept and name not in spec.constraints.fixed]
    tested = [wide.names[k] for k in kept if k >= len(columns.names) and wide.names[k] not in spec.constraints.fixed]
    said = f"; {len(dropped)} products left out as collinear with other columns" if dropped else ""
    if not tested:
        return _not_made("every product with the weight is collinear with the model's own columns")
    narrow = _only(wide, kept)
    constraints = _for_names(spec.constraints, narrow.names)
    fit = _fitted(replace(spec, constraints=constraints), narrow, plain)
    if fit.failed:
        return _not_made(f"with the products, {fit.failed}; method='hausman' needs no products")
    names = fit.problem.space.names
    matrix = np.eye(len(names))[[names.index(name) for name in tested]]
    cov = pd.DataFrame(fit.influence.T @ fit.influence, index=names, columns=names)
    result = wald(
        LinearRestrictions(matrix, np.zeros(len(tested)), NULL),
        pd.Series(fit.theta, index=names),
        cov,
        movement=fit.problem.jacobian,
    )
    if not result.applies:
        return result
    return replace(result, message=f"DuMouchel-Duncan: products of the columns with the weight, robust Wald test{said}")


def _product_name(name: str) -> str:
    return f"{name} x weight"


def _with_products(columns: UtilityColumns, weight: Floats, data: ChoiceData) -> UtilityColumns:
    """Every column and its product with the (n,) weight, whose coefficients follow the first K in the same order."""
    k = len(columns.names)
    by_row = weight[data.row_case()]
    products = []
    for column in columns.columns:
        coef = (
            column.coef + k
            if isinstance(column.coef, int | np.integer)
            else np.where(column.coef >= 0, column.coef + k, -1)
        )
        if column.level == "row":
            values = np.asarray(column.values) * by_row
        else:
            values = weight if column.values is None else np.asarray(column.values) * weight
        level: Literal["case", "row"] = "row" if column.level == "row" else "case"
        products.append(Column(_product_name(column.label), level, values, coef))
    names = (*columns.names, *map(_product_name, columns.names))
    return UtilityColumns(names, (*columns.columns, *products), columns.offset)


def _constraints_of_products(asked: Constraints, names: tuple[str, ...]) -> Constraints:
    """What is fixed has no product, what is tied has one together; a bound says nothing about a product."""
    known = set(names)
    fixed = {**asked.fixed, **{_product_name(name): 0.0 for name in asked.fixed if name in known}}
    tied = tuple(tuple(_product_name(name) for name in group) for group in asked.equal if set(group) <= known)
    return Constraints(fixed, (*asked.equal, *tied), asked.bounds)


def _independent(spec: ModelSpec, wide: UtilityColumns, data: ChoiceData, own: int) -> list[int]:
    """Coefficients to keep: the model's own, and the products that are independent of them and of those before."""
    problem = bind(spec, wide, data)
    reference = reference_of(problem)
    information = reference.information
    groups = [np.flatnonzero(column) for column in problem.space.matrix.T]
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    sizes = np.sqrt(np.maximum(reference.sizes, 0.0))
    live = (size > 1e-7 * np.where(sizes > 0, sizes, 1.0)) & (size > 0)
    scaled = information / np.outer(np.where(live, size, 1.0), np.where(live, size, 1.0))
    order = sorted(range(len(groups)), key=lambda g: (int(groups[g].min()) >= own, int(groups[g].min())))
    taken: list[int] = []
    for g in order:
        if groups[g].min() >= own and not (live[g] and _residual(scaled, taken, g) > COLLINEAR):
            continue
        taken.append(g)
    kept = {int(k) for g in taken for k in groups[g]}
    held = {k for k in range(own) if problem.space.status[k] == "fixed"}
    return sorted(kept | held)


def _residual(scaled: Floats, taken: list[int], g: int) -> float:
    """What the columns already taken leave of one, as a share of its size."""
    if not taken:
        return float(scaled[g, g])
    fitted = np.linalg.lstsq(scaled[np.ix_(taken, taken)], scaled[taken, g], rcond=None)[0]
    return float(scaled[g, g] - scaled[taken, g] @ fitted)


def _only(columns: UtilityColumns, kept: list[int]) -> UtilityColumns:
    """The columns with some of the coefficients."""
    new = np.full(len(columns.names) + 1, -1, dtype=np.intp)
    new[kept] = np.arange(len(kept))
    left = []
    for column in columns.columns:
        if isinstance(column.coef, int | np.integer):
            if new[column.coef] >= 0:
                left.append(replace(column, coef=int(new[column.coef])))
        else:
            coef = new[column.coef]  # -1 reads the last place, which is -1
            if (coef >= 0).any():
                left.append(replace(column, coef=coef))
    return UtilityColumns(tuple(columns.names[k] for k in kept), tuple(left), columns.offset)


def _for_names(asked: Constraints, names: tuple[str, ...]) -> Constraints:
    known = set(names)
    groups = [[name for name in group if name in known] for group in asked.equal]
    return Constraints(
        {name: value for name, value in asked.fixed.items() if name in known},
        tuple(tuple(group) for group in groups if len(group) > 1),
        {name: pair for name, pair in asked.bounds.items() if name in known},
    )


# ----------------------------------------------------------------------------------------------------------- difference


def _by_difference(spec: ModelSpec, data: ChoiceData) -> TestResult:
    counted = data.select(np.asarray(data.weights) > 0)
    plain = _unweighted(data)
    encoding = spec.specification.learn(plain, spec.base)
    columns = encoding.columns(plain)
    choice_based = data.weight_kind == "choice-based"
    weights = np.asarray(counted.weights)
    strata = None
    if choice_based:
        reason = _inconsistent(spec, columns, plain, weights)
        if reason:
            return _not_made(reason)
        strata = strata_of_weights(counted)
    one, other = _fitted(spec, columns, counted), _fitted(spec, columns, plain)
    for fit, name in ((one, "weighted"), (other, "unweighted")):
        if fit.failed:
            return _not_made(f"of the {name} estimates: {fit.failed}")
    influence = one.influence - other.influence
    if strata is not None:
        influence = influence - _stratum_means(influence, strata)
    compared = np.abs(one.problem.jacobian).sum(axis=1) > 0
    if choice_based:
        compared[[int(k) for c in columns.columns if c.level == "constant" for k in np.unique(c.coef) if k >= 0]] = (
            False
        )
    if not compared.any():
        return _not_made("there is nothing but constants, which a choice-based sample moves by design")
    spread = np.sqrt(np.sum(one.influence[:, compared] ** 2, axis=0))
    result = _quadratic((one.theta - other.theta)[compared], influence[:, compared], spread)
    what = (
        "all coefficients but the constants, which a choice-based sample moves" if choice_based else "all coefficients"
    )
    head = f"Hausman-type: weighted less unweighted estimates, {what}"
    return (
        replace(result, message=head + (f"; {result.message}" if result.message else "")) if result.applies else result
    )


def _inconsistent(spec: ModelSpec, columns: UtilityColumns, data: ChoiceData, weights: Floats) -> str:
    """Why estimates without weights are wrong under choice-based sampling even where the model holds; else empty."""
    status = ["fixed" if name in spec.constraints.fixed else "free" for name in columns.names]
    tied = {name for group in spec.constraints.equal for name in group}
    status = ["tied" if name in tied else held for name, held in zip(columns.names, status, strict=True)]
    try:
        free_constants(columns, status, data.alternatives.tolist())
    except SpecificationError as error:
        return f"without weights, slopes are consistent only beside all constants: {error}"
    if spec.nests is None:
        return ""
    assert data.chosen is not None
    tree = spec.nests
    top = []
    for parent in tree.leaf_parent:
        at = int(parent)
        while at >= 0 and tree.node_parent[at] >= 0:
            at = int(tree.node_parent[at])
        top.append(at)
    at_top = {str(leaf): m for leaf, m in zip(tree.leaves, top, strict=True)}
    nest = np.array([at_top[str(label)] for label in data.alternatives])[data.chosen]
    for m in np.unique(nest[nest >= 0]):
        inside = weights[nest == m]
        if inside.max() > inside.min() * (1 + 1e-6):
            return (
                f"the weights differ within nest {tree.nodes[m]!r}, so that estimates without weights are wrong by "
                "design (Bierlaire, Bolduc & McFadden 2008), whether the model holds or not; use the weighted ones"
            )
    return ""


def _stratum_means(values: Floats, strata: NDArray[np.intp]) -> Floats:
    """(n, p) mean of the values of each case's stratum."""
    size = np.bincount(strata)
    sums = np.stack([np.bincount(strata, weights=column) for column in values.T], axis=1)
    means: Floats = (sums / size[:, None])[strata]
    return means


def _quadratic(gap: Floats, influence: Floats, spread: Floats) -> TestResult:
    """The statistic on the directions in which the two estimates can differ.

    Parameters
    ----------
    gap : (r,) differences; influence : (n, r), whose outer product is their covariance; spread : (r,) standard errors
        of the weighted estimates, against which a difference without variance is measured.
    """
    unit = np.where(spread > 0, spread, 1.0)
    scaled = influence / unit
    roots, axes = np.linalg.eigh(scaled.T @ scaled)
    kept = roots > NO_SPREAD
    if not kept.any():
        return _not_made("both estimates agree by construction")
    df = int(kept.sum())
    statistic = float(np.sum((axes.T @ (gap / unit))[kept] ** 2 / roots[kept]))
    fewer = len(gap) - df
    message = f"{fewer} of {len(gap)} differences follow from the others" if fewer else ""
    return TestResult(statistic, df, chi2_tail(statistic, df), NULL, f"chi2({df})", message)
