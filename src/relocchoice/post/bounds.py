"""Between which bounds the elasticity of a zone's expected count lies: conditional logit and Poisson regression.

Both models have the same coefficients and differ in what happens outside the data. With P_ij the probability that case
i of weight w_i chooses j, and e_ij = x_ij dV_ij/dx_ij, the count of j grows with its own attribute x_j by

    conditional logit:  sum_i w_i P_ij e_ij (1 - P_ij) / sum_i w_i P_ij   (what j gains, the others lose: zero sum),
    Poisson:            sum_i w_i P_ij e_ij / sum_i w_i P_ij              (what j gains, nobody loses: positive sum)

and with another's attribute x_k, by -sum_i w_i P_ij P_ik e_ik / sum_i w_i P_ij and by nothing

(Schmidheiny & Bruelhart 2011, Journal of Urban Economics 69). A nested logit with all zones in one nest beside a single
outside option lies between: with P_i(j|in) in place of P_ij in the brackets, e_ij in units of the nest, and
rho_i = lambda (1 - P_i(in)), it is 1 - (1 - rho_i) P_i(j|in), and -(1 - rho_i) P_i(k|in) of another's attribute;
rho = 0 is the conditional logit, rho = 1 Poisson.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.frozen import FrozenMap
from relocchoice.data.provenance import begun, joint_provenance
from relocchoice.data.universe import with_alternatives
from relocchoice.engine.bind import bind
from relocchoice.engine.problem import Problem
from relocchoice.errors import DataError, SpecificationError
from relocchoice.post.settings import alternative_code
from relocchoice.post.slopes import Slopes, slopes
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table
from relocchoice.spec.labels import plain

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
MOST_SHOWN = 40
AVERAGE = "Average"
HEADS = {"conditional logit": "Zero sum", "nested logit": "Nested logit", "poisson": "Positive sum"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ElasticityBounds:
    """Elasticities of the expected counts under both readings of the same coefficients.

    Attributes
    ----------
    variable : the attribute whose elasticity this is.
    table : index the alternatives some case may choose; ``count``, the expected count, and for each of
        ``conditional logit``, (``nested logit``,) ``poisson`` the elasticity and its standard error (``... se``, by the
        delta method).
    means : the same columns, without ``count``, of the mean over the alternatives, each counting once; of own
        elasticities only.
    notes : what the columns mean and where they come from.
    provenance : one line on where the data of the fit come from, where nobody observed them.
    of : the alternative whose attribute grows; None for each one's own.
    """

    variable: str
    table: pd.DataFrame
    means: Mapping[str, float]
    notes: tuple[str, ...]
    provenance: str = ""
    of: Any = None

    @property
    def average(self) -> pd.Series:
        """:attr:`means` as a Series."""
        return pd.Series(dict(self.means), name=AVERAGE)

    def summary(self, format: Format = "text") -> Summary:
        """The bounds as a table that prints itself in ``format``."""
        return Summary(_shown(self), format)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


# the dataclass made a plain slot of it; wrapped, so that the frame inside is never handed out
setattr(ElasticityBounds, "table", CopiedFrame(vars(ElasticityBounds)["table"]))  # noqa: B010


def elasticity_bounds(
    fit: ChoiceResults, variable: str, *, of: Any = None, at: ChoiceData | None = None
) -> ElasticityBounds:
    """Bounds of the elasticity of each alternative's expected count with respect to its own attribute, or to another's.

    Parameters
    ----------
    fit : of a multinomial logit, or of a nested logit with one nest and one alternative outside it (the bounds are
        then those of the alternatives inside).
    variable : column of the data that differs between alternatives; the derivative goes through every term that it
        stands in. All cases that may choose an alternative see its attribute grow by the same share.
    of : an alternative: elasticities of all counts with respect to its attribute. None: of each with respect to its
        own.
    at : the data at which to evaluate; None: those of the fit.

    Raises
    ------
    SpecificationError : the model is another one, or the variable moves no utility, or is one a case.
    DataError : the fit has no finite maximum or no data, the variable does not hold numbers, or ``of`` is no
        alternative inside the bounds.
    """
    if not isinstance(fit, ChoiceResults):
        raise DataError(f"elasticity_bounds takes the results of a fit, not {type(fit).__name__}")
    data, problem = _evaluated_at(fit, at)
    shares = _shares(fit, data, problem)
    moving = slopes(fit.encoding, data, variable)
    code = None if of is None else alternative_code(data, of, "of")
    if code is not None and code == shares.outside:
        raise DataError(f"of={of!r} is the alternative outside the nest; the bounds are those of the ones inside")
    values = _function(data, problem, moving, shares, code)
    theta = np.array(fit.moments.theta, dtype=float)
    point = values(theta)
    errors = _delta_errors(fit, values, theta)
    kinds = ("conditional logit", "poisson") if shares.outside is None else tuple(HEADS)
    here = np.flatnonzero(_expected(data, problem, theta) > 0)
    here = here[here != shares.outside] if shares.outside is not None else here
    table = pd.DataFrame({"count": _expected(data, problem, theta)[here]}, index=data.alternatives[here])
    average = {}
    for k, kind in enumerate(kinds):
        row = len(HEADS) - 1 if kind == "poisson" else k
        table[kind], table[f"{kind} se"] = point[row, here], errors[row, here]
        if code is None:
            average[kind], average[f"{kind} se"] = point[row, -1], errors[row, -1]
    notes = (_what(variable, of, moving), *_notes(fit, moving, shares, table))
    return ElasticityBounds(variable, table, FrozenMap(average), notes, joint_provenance(fit, data), of)


def _evaluated_at(fit: ChoiceResults, at: ChoiceData | None) -> tuple[ChoiceData, Problem]:
    if not fit.converged:
        raise DataError(f"elasticities need a finite maximum: {fit.status_message}")
    if at is None:
        if fit.problem is None:
            raise DataError("this fit was loaded from a file, which holds no data; pass at=")
        return fit.problem.data, fit.problem.problem
    if not isinstance(at, ChoiceData):
        raise DataError(f"at= needs a ChoiceData, not {type(at).__name__}")
    data = with_alternatives(at, fit.encoding.alternatives)
    return data, bind(fit.spec, fit.encoding.columns(data), data)


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    """Who takes part in the zero sum: code of the outside option, or None; whether utilities are divided by lambda."""

    outside: int | None
    scaled: bool


def _shares(fit: ChoiceResults, data: ChoiceData, problem: Problem) -> _Shares:
    if fit.spec.family == "multinomial":
        return _Shares(None, False)
    nests = fit.spec.nests
    if fit.spec.family != "nested" or nests is None:
        raise SpecificationError(
            f"a {fit.spec.family} logit has no such bounds; only the multinomial and nested logit do"
        )
    outside = [label for label, parent in zip(nests.leaves, nests.leaf_parent, strict=True) if parent < 0]
    if len(nests.nodes) != 1 or len(outside) != 1:
        raise SpecificationError(
            "the bounds of a nested logit are known for one nest with all zones and one alternative outside it; this "
            f"one has {len(nests.nodes)} nests and {len(outside)} alternatives outside: fit a MultinomialLogit"
        )
    labels = list(map(plain, data.alternatives))
    leaves = nests.check(labels)
    alone = next(leaf for leaf, parent in zip(leaves.leaves, leaves.leaf_parent, strict=True) if parent < 0)
    return _Shares(labels.index(alone), fit.spec.normalisation == "utility")


def _function(
    data: ChoiceData, problem: Problem, moving: Slopes, shares: _Shares, of: int | None
) -> Callable[[Floats], Floats]:
    """(p,) user's parameters -> (3, J + 1) elasticities: zero sum, nested, positive sum; the mean last."""
    case, alternative = data.row_case(), data.row_alternative
    weights = np.ones(data.n_cases) if data.weights is None else data.weights

    def total(rows: Floats) -> Floats:
        return np.bincount(alternative, weights=rows, minlength=data.n_alternatives).astype(np.float64, copy=False)

    def values(theta: Floats) -> Floats:
        p = problem.probabilities(problem.internal_from_user(theta), data.n_alternatives)
        mass = weights[case] * p[case, alternative]
        slope = moving.at(theta[: problem.n_coef], data)
        inside, rho = np.ones(data.n_cases), np.zeros(data.n_cases)
        if shares.outside is not None:
            (scale,) = problem.shape_constant + problem.shape_matrix @ theta[problem.n_coef :]
            inside = 1.0 - p[:, shares.outside]
            rho = scale * p[:, shares.outside]
            slope = slope / scale if shares.scaled else slope
        within = p[case, alternative] / inside[case]
        expected = total(mass)
        used = expected > 0
        if shares.outside is not None:
            used[shares.outside] = False
        out = np.zeros((len(HEADS), data.n_alternatives + 1))
        grows = np.ones(len(within))
        if of is not None:
            there = alternative == of
            grows = there.astype(float)
            slope, within = (_of_case(rows, there, case, data.n_cases)[case] for rows in (slope, within))
        parts = (grows - within, grows - (1.0 - rho[case]) * within, grows)
        for k, part in enumerate(parts):
            out[k, :-1][used] = total(mass * slope * part)[used] / expected[used]
            out[k, -1] = out[k, :-1][used].mean()
        return out

    return values


def _of_case(rows: Floats, there: NDArray[np.bool_], case: Ints, n: int) -> Floats:
    """(n,) what stands in each case's row of one alternative; 0 in a case without it."""
    out = np.zeros(n)
    out[case[there]] = rows[there]
    return out


def _expected(data: ChoiceData, problem: Problem, theta: Floats) -> Floats:
    """(J,) expected counts."""
    weights = np.ones(data.n_cases) if data.weights is None else data.weights
    counts: Floats = weights @ problem.probabilities(problem.internal_from_user(theta), data.n_alternatives)
    return counts


def _delta_errors(fit: ChoiceResults, values: Callable[[Floats], Floats], theta: Floats) -> Floats:
    """(3, J + 1) standard errors: root of g' C g with g by central differences of a thousandth standard error."""
    covariance = np.array(fit.covariance.matrix, dtype=float)
    known = (fit.parameters["status"] == "fixed").to_numpy()
    covariance[known] = covariance[:, known] = 0.0
    spread = np.sqrt(np.diag(covariance))
    free = np.flatnonzero(spread != 0)
    if not np.isfinite(spread[free]).all():
        return np.full_like(values(theta), np.nan)
    gradient = []
    for k in free:
        step = np.zeros(len(theta))
        step[k] = 1e-3 * spread[k]
        gradient.append((values(theta + step) - values(theta - step)) / (2 * step[k]))
    if not gradient:
        return np.zeros_like(values(theta))
    g = np.array(gradient)
    variance = np.einsum("krj,kl,lrj->rj", g, covariance[np.ix_(free, free)], g)
    errors: Floats = np.sqrt(np.maximum(variance, 0.0))
    return errors


# ---------------------------------------------------------------------------------------------------------- showing


def _what(variable: str, of: Any, moving: Slopes) -> str:
    labels = ", ".join(dict.fromkeys([column.label for column in moving.columns]))
    whose = f"its own {variable}" if of is None else f"the {variable} of {of}"
    through = f", through {labels}" if labels else ""
    return f"Elasticity of an alternative's expected count with respect to {whose}{through}."


def _notes(fit: ChoiceResults, moving: Slopes, shares: _Shares, table: pd.DataFrame) -> list[str]:
    notes = [
        "Zero sum (conditional logit): the total is given, what one alternative gains the others lose. "
        "Positive sum (Poisson): they lose nothing.",
    ]
    if shares.outside is not None:
        notes.append("Nested logit: some of the gain comes from the outside option; the bounds are of the same nest.")
    if moving.by_difference:
        notes.append(f"Derivative by central differences: {', '.join(moving.by_difference)}.")
    if table.filter(like=" se").isna().any(axis=None):
        notes.append(f"Standard errors are not available: {fit.covariance.description}.")
    else:
        notes.append(f"Standard errors: delta method, {fit.covariance.description}.")
    if fit.weight_kind == "sampling":
        notes.append("Expected counts are in units of the sampling weights.")
    return notes


def _shown(record: ElasticityBounds) -> Table:
    kinds = [kind for kind in HEADS if kind in record.table.columns]
    shown = record.table.iloc[:MOST_SHOWN]

    def cells(row: Any) -> list[str]:
        return [text for kind in kinds for text in (numbers.decimals(row[kind], 4), _error(row[f"{kind} se"]))]

    rows = [(str(label), numbers.decimals(row["count"], 1), *cells(row)) for label, row in shown.iterrows()]
    if record.means:
        rows.append((f"{AVERAGE} (each once)", "", *cells(record.means)))
    of = "" if record.of is None else f" of {record.of}"
    left = len(record.table) - len(shown)
    notes = (f"{left} more alternatives are in .table.",) if left else ()
    return Table(
        title=begun(record.provenance, f"Elasticity of expected counts with respect to {record.variable}{of}"),
        columns=("Alternative", "Count", *(head for kind in kinds for head in (HEADS[kind], "s.e."))),
        rows=tuple(rows),
        notes=(*notes, *record.notes),
    )


def _error(value: float) -> str:
    return "" if np.isnan(value) else f"({numbers.decimals(value, 4)})"
