"""Counts and choices are one model: the Poisson regression that has a conditional logit's coefficients.

Let y_cj be how many cases of cell c chose j, n_c their number and x_cj the columns of the utilities. The Poisson
regression y_cj ~ Poisson(exp(a_c + x_cj' b)) with one effect a_c a cell has, after the a_c are maximised out, the
conditional logit's log-likelihood plus a constant (Guimaraes, Figueiredo & Woodward 2003):

    llf(Poisson) = llf(logit) + sum_c [n_c log n_c - n_c - sum_j log(y_cj!)].

So coefficients, standard errors and likelihood-ratio tests are the same. It is estimated here by statsmodels, with a
dummy for every cell, as a check that shares no code with the choice model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun
from relocchoice.engine.bind import Bound
from relocchoice.engine.collapse import same_cases
from relocchoice.errors import DataError, SpecificationError
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.rebound import refuse_moved
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table
from relocchoice.spec.columns import UtilityColumns

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
MOST_CELLS = 500
MOST_VALUES = 20_000_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PoissonCounts:
    """A conditional logit beside the Poisson regression of its counts.

    Attributes
    ----------
    table : a row a parameter; columns ``choice``, ``poisson``, ``difference`` (estimates), ``choice_se`` (inverse
        Hessian) and ``poisson_se``, NaN for fixed parameters.
    formula : the Poisson regression in words.
    llf_choice, llf_poisson : log-likelihoods.
    constant : what they differ by in theory: sum over cells of n log n - n - sum log y!.
    cells, rows : cells (one effect each) and counts (a cell and alternative each) of the regression.
    results : statsmodels' results, the coefficients of the free parameters first, then the effects of the cells.
    """

    table: pd.DataFrame
    formula: str
    llf_choice: float
    llf_poisson: float
    constant: float
    cells: int
    rows: int
    results: Any
    provenance: str = ""

    @property
    def largest_difference(self) -> float:
        """The largest difference between two estimates."""
        return float(self.table["difference"].abs().max())

    @property
    def llf_difference(self) -> float:
        """What is left of the difference in log-likelihood after the constant."""
        return self.llf_poisson - self.llf_choice - self.constant

    def summary(self, format: Format = "text") -> Summary:
        """Both models side by side; prints itself in ``format``."""
        return Summary(_shown(self), format)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


# the dataclass made a plain slot of it; wrapped, so that the frame inside is never handed out
setattr(PoissonCounts, "table", CopiedFrame(vars(PoissonCounts)["table"]))  # noqa: B010


def as_poisson(fit: ChoiceResults) -> PoissonCounts:
    """Estimate a fitted conditional or multinomial logit once more, as a Poisson regression of counts.

    Parameters
    ----------
    fit : of a multinomial logit with a finite maximum, with its data (not loaded from a file).

    Raises
    ------
    SpecificationError : the model is no multinomial logit.
    DataError : the fit has no data, no finite maximum, sampling weights, or more cells than can have a dummy each.
    """
    bound = _usable(fit)
    data, problem = bound.data, bound.problem
    columns = fit.encoding.columns(data)
    counts = _tabulated(data, columns, problem.weights, len(fit.parameters))
    constant_part = problem.user(np.zeros(problem.jacobian.shape[1]))
    wide = _dense(columns, data, counts.rows)
    offset = wide @ constant_part + (0.0 if columns.offset is None else columns.offset[counts.rows])
    results = _estimated(counts, wide @ problem.jacobian, offset)
    q = problem.jacobian.shape[1]
    poisson = constant_part + problem.jacobian @ np.asarray(results.params)[:q]
    covariance = problem.jacobian @ np.asarray(results.cov_params())[:q, :q] @ problem.jacobian.T
    errors = np.sqrt(np.diag(covariance))
    choice = fit.params.to_numpy(dtype=float)
    table = pd.DataFrame(
        {
            "choice": choice,
            "poisson": poisson,
            "difference": poisson - choice,
            "choice_se": fit.with_cov("hessian").bse.to_numpy(dtype=float),
            "poisson_se": np.where(fit.parameters["status"] == "fixed", np.nan, errors),
        },
        index=fit.params.index,
    )
    return PoissonCounts(
        table=table,
        formula=_words(fit, counts),
        llf_choice=fit.llf,
        llf_poisson=float(results.llf),
        constant=counts.constant,
        cells=counts.n_cells,
        rows=len(counts.rows),
        results=results,
        provenance=fit.provenance,
    )


def _usable(fit: ChoiceResults) -> Bound:
    if not isinstance(fit, ChoiceResults):
        raise DataError(f"as_poisson takes the results of a fit, not {type(fit).__name__}")
    if fit.spec.family != "multinomial":
        raise SpecificationError(
            f"a {fit.spec.family} logit is no Poisson regression of counts; only the multinomial logit is"
        )
    if fit.problem is None:
        raise DataError("this fit was loaded from a file, which holds no data; fit the model again")
    if fit.weight_kind not in (None, "frequency"):
        raise DataError(
            f"{fit.weight_kind} weights are no counts; the Poisson regression needs frequency weights, or none"
        )
    if not fit.converged:
        raise DataError(
            f"the choice model has no finite maximum, so the Poisson regression has none: {fit.status_message}"
        )
    if fit.penalty is not None:
        raise DataError("penalised estimates are not those of a Poisson regression; fit the model without penalty")
    if (fit.parameters["status"] == "dropped").any():
        raise DataError("separated alternatives were dropped, so the counts are no longer those of the data")
    refuse_moved(fit, "the Poisson regression")
    bound: Bound = fit.problem
    if bound.data.picked is not None:
        raise DataError("cases that take several alternatives are no counts of single choices")
    return bound


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Counts by cell and alternative.

    Attributes
    ----------
    rows : (r,) row of the data for each count; cell : (r,) its cell; counts : (r,).
    """

    rows: NDArray[np.intp]
    cell: NDArray[np.intp]
    counts: Floats

    @property
    def n_cells(self) -> int:
        return int(self.cell[-1]) + 1

    @property
    def constant(self) -> float:
        """Log-likelihood of the Poisson regression less that of the logit."""
        totals = np.bincount(self.cell, weights=self.counts)
        return float((xlogy(totals, totals) - totals).sum() - gammaln(self.counts + 1).sum())


def _tabulated(data: ChoiceData, columns: UtilityColumns, weights: Floats, n_parameters: int) -> _Counts:
    """Choices counted by cell: the cases with the same choice set and columns. Cells of weight zero are left out."""
    assert data.chosen is not None
    first = same_cases(data, columns, by_choice=False)
    totals = np.bincount(first, weights=weights, minlength=data.n_cases)
    cells = np.flatnonzero(totals > 0)
    sizes = np.diff(data.offsets)[cells]
    n_rows = int(sizes.sum())
    if len(cells) > MOST_CELLS or n_rows * (len(cells) + n_parameters) > MOST_VALUES:
        raise DataError(
            f"the Poisson regression would have {len(cells):,} cells with a dummy each and {n_rows:,} counts, too many "
            f"for this check (at most {MOST_CELLS} cells); the conditional logit has these coefficients without them"
        )
    position = np.full(data.n_cases, -1, dtype=np.intp)
    position[cells] = np.arange(len(cells))
    cell = np.repeat(np.arange(len(cells)), sizes)
    starts = np.cumsum(sizes) - sizes
    rows = np.arange(n_rows) + np.repeat(data.offsets[cells] - starts, sizes)
    table = np.zeros((len(cells), data.n_alternatives))
    counted = weights > 0
    np.add.at(table, (position[first[counted]], data.chosen[counted]), weights[counted])
    return _Counts(rows, cell, table[cell, data.row_alternative[rows]])


def _dense(columns: UtilityColumns, data: ChoiceData, rows: NDArray[np.intp]) -> Floats:
    """(r, K) columns of the utilities at some rows, one a coefficient."""
    out = np.zeros((len(rows), len(columns.names)))
    alternative, case = data.row_alternative[rows], data.row_case()[rows]
    for column in columns.columns:
        values = np.ones(len(rows))
        if column.values is not None:
            values = column.values[rows if column.level == "row" else case]
        coef = np.broadcast_to(column.coef, (data.n_alternatives,))[alternative]
        here = np.flatnonzero(coef >= 0)
        out[here, coef[here]] += values[here]
    return out


def _estimated(counts: _Counts, columns: Floats, offset: Floats) -> Any:
    import statsmodels.api as sm

    dummies = np.zeros((len(counts.rows), counts.n_cells))
    dummies[np.arange(len(counts.rows)), counts.cell] = 1.0
    model = sm.GLM(counts.counts, np.hstack([columns, dummies]), family=sm.families.Poisson(), offset=offset)
    return model.fit(tol=1e-14, maxiter=200)


def _words(fit: ChoiceResults, counts: _Counts) -> str:
    effects = "an intercept" if counts.n_cells == 1 else f"{counts.n_cells} effects, one for each cell"
    return f"count ~ Poisson(exp(utility)), utility of {fit.spec.formula_text!r} + {effects}"


def _shown(record: PoissonCounts) -> Table:
    rows = tuple(
        (
            str(name),
            numbers.significant(row["choice"]),
            numbers.significant(row["choice_se"]),
            numbers.significant(row["poisson"]),
            numbers.significant(row["poisson_se"]),
            f"{row['difference']:.1e}",
        )
        for name, row in record.table.iterrows()
    )
    return Table(
        title=begun(record.provenance, "Choices and counts: one model"),
        columns=("", "choice", "s.e.", "Poisson", "s.e.", "difference"),
        rows=rows,
        header=(
            ("llf, choices", numbers.likelihood(record.llf_choice)),
            ("llf, counts", numbers.likelihood(record.llf_poisson)),
            ("Constant", numbers.likelihood(record.constant)),
            ("Left over", f"{record.llf_difference:.1e}"),
            ("Cells", numbers.count(record.cells)),
            ("Counts", numbers.count(record.rows)),
        ),
        notes=(
            f"{record.formula}.",
            "llf of the counts = llf of the choices + constant; the constant is the sum over cells of "
            "n log n - n - sum log y!, with y the counts of a cell and n their sum.",
            "Standard errors: inverse of the negative Hessian, in both.",
        ),
    )
