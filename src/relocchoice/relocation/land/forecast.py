"""Forecasts from a control function: what becomes of the residual.

``"held"``: the markets of the estimation keep theirs, whatever their prices become: what a policy does. ``"computed"``:
the residual of new markets follows from their prices and instruments: what is to be expected where prices are observed.
``"average"``: the probabilities are averaged over the residuals of the estimation, drawn for each market apart from its
price: prices are set and the quality of the place is not known. ``"scaled"``: the same in closed form, by the change of
scale: without the residual the error has variance pi^2/6 + k^2 var(u), so that the utilities shrink by
1 / sqrt(1 + 6 k^2 var(u) / pi^2); an approximation (Guevara & Ben-Akiva 2012, Transportation Science 46, 425-437).
Averaging is no forecast for places whose prices were formed by the market: there price and residual go together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun, joint_provenance
from relocchoice.data.universe import with_alternatives
from relocchoice.engine.bind import bind
from relocchoice.engine.problem import Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import DataError, OptionError
from relocchoice.inference.tails import normal_quantile, require_alpha
from relocchoice.relocation.land.control_design import first_stage_rows, with_column
from relocchoice.relocation.land.markets import look_up, markets_of
from relocchoice.relocation.land.stacked import PREFIX, widened, with_values
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.relocation.land.control_function import ControlFunctionResults

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Residual = Literal["held", "computed", "average", "scaled"]
STEP = 1e-4
WORDS = {
    "held": "each market keeps its residual",
    "computed": "residuals from the prices and instruments of these data",
    "average": "averaged over the residuals of the estimation",
    "scaled": "without residuals, utilities in the scale that this leaves",
}


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Mean choice probabilities of J alternatives.

    Attributes
    ----------
    shares : index the alternatives; ``share`` (weighted mean probability), ``std_error``, ``lower``, ``upper``.
    probabilities : (n, J) by case.
    residual : what was done with the residual; alpha : of the intervals.
    draws : of residuals, 1 where none are drawn. notes : sentences printed below the table.
    provenance : one line on where the data come from, where nobody observed them.
    """

    shares: pd.DataFrame
    probabilities: pd.DataFrame
    residual: str
    alpha: float
    draws: int
    notes: tuple[str, ...]
    provenance: str = ""

    def table(self) -> Table:
        """The shares as a table."""
        rows = tuple(
            (str(label), *(numbers.decimals(float(value), 4) for value in row))
            for label, row in zip(self.shares.index, self.shares.to_numpy(), strict=True)
        )
        ends = (f"[{numbers.plain(self.alpha / 2)}", f"{numbers.plain(1 - self.alpha / 2)}]")
        title = begun(self.provenance, f"Forecast shares: {WORDS[self.residual]}")
        return Table(title, ("", "share", "std. error", *ends), rows, notes=self.notes)

    def summary(self, format: Format = "text") -> Summary:
        """The table, in a format."""
        return Summary(self.table(), format)

    def __str__(self) -> str:
        return str(self.summary())


for _name in ("shares", "probabilities"):
    setattr(Forecast, _name, CopiedFrame(vars(Forecast)[_name]))


@dataclass(frozen=True, slots=True, eq=False)
class _Worlds:
    """The residuals to average over: D draws for R rows.

    Attributes
    ----------
    of_draw : (D, R) positions in ``residuals`` and ``columns``.
    residuals : (M,) u; columns : (M, k) z, as u = p - z'g moves with g.
    """

    of_draw: Ints
    residuals: Floats
    columns: Floats


def forecast(
    results: ControlFunctionResults,
    data: ChoiceData | None,
    residual: Residual,
    *,
    draws: int,
    seed: int,
    alpha: float,
) -> Forecast:
    """Mean choice probabilities, with delta-method intervals that count both steps.

    Parameters
    ----------
    results : of the estimation.
    data : the choices to forecast (without choices will do); None for those of the estimation.
    residual : ``"held"``, ``"computed"``, ``"average"`` or ``"scaled"``, see the top of this module.
    draws, seed : of the residuals of ``"average"``; the same draws serve all data with the same markets.
    alpha : the intervals cover with probability 1 - alpha. They are made on the logit scale, and take the spread of the
        residuals as estimated.

    Raises
    ------
    OptionError : an argument is not valid.
    DataError : a market that was not in the estimation, with ``"held"``; columns that are missing.
    """
    if residual not in get_args(Residual):
        raise OptionError.of("residual", residual, ", ".join(get_args(Residual)))
    require_alpha(alpha)
    if not isinstance(draws, int | np.integer) or isinstance(draws, bool) or draws < 1:
        raise OptionError.of("draws", draws, "a whole number of at least 1")
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise OptionError.of("seed", seed, "a whole number of at least 0")
    data = results.data if data is None else data
    if not isinstance(data, ChoiceData):
        raise DataError(f"data= is a ChoiceData, not {type(data).__name__}")
    if data.n_cases == 0:
        raise DataError("these data hold no cases")
    spec = results.fit.spec
    if residual == "scaled" and (spec.family != "multinomial" or spec.specification.offset is not None):
        raise OptionError("residual='scaled' is for a multinomial logit without offset; take residual='average'")
    data = with_alternatives(data, results.fit.encoding.alternatives)
    weights = np.ones(data.n_cases) if data.weights is None else np.asarray(data.weights)
    weights = weights / weights.sum()
    with one_thread():
        worlds = _worlds(results, data, residual, int(draws), seed)
        probabilities, gradient = _averaged(results, data, worlds, weights, residual == "scaled")
    shares = weights @ probabilities
    known = np.nan_to_num(np.asarray(results.covariance_both))
    error = np.sqrt(np.maximum(np.einsum("jp,pq,jq->j", gradient, known, gradient), 0.0))
    frame = _with_ends(shares, error, alpha, data.alternatives)
    n_draws = len(worlds.of_draw)
    notes = [f"{WORDS[residual][0].upper()}{WORDS[residual][1:]}; intervals by the delta method on the logit scale."]
    if residual == "average":
        notes.append(f"{n_draws} draws of residuals, seed {seed}; prices are taken as set, not formed by the market.")
    table = pd.DataFrame(probabilities, index=data.cases, columns=data.alternatives)
    return Forecast(frame, table, residual, alpha, n_draws, (*notes, *data.notes), joint_provenance(results, data))


def _with_ends(shares: Floats, error: Floats, alpha: float, alternatives: pd.Index) -> pd.DataFrame:
    inside = (shares > 0) & (shares < 1)
    safe = np.where(inside, shares, 0.5)
    half = normal_quantile(alpha / 2) * error / (safe * (1 - safe))
    centre = np.log(safe / (1 - safe))
    ends = [np.where(inside, 1 / (1 + np.exp(-(centre + sign * half))), shares) for sign in (-1, 1)]
    return pd.DataFrame(
        {"share": shares, "std_error": error, "lower": ends[0], "upper": ends[1]}, index=pd.Index(alternatives)
    )


def _worlds(results: ControlFunctionResults, data: ChoiceData, residual: str, draws: int, seed: int) -> _Worlds:
    residuals, columns = results.first_stage.residuals, results.regression_columns
    own = results.markets
    if residual == "held":
        if own.columns:
            of_row = look_up(own, data, "take residual='average', 'scaled' or 'computed'")
        elif _same_rows(data, results.data):
            of_row = np.arange(data.n_rows, dtype=np.intp)
        else:
            raise DataError(
                "without markets the residuals belong to the rows of the estimation, and these data have others; take "
                "residual='average', 'scaled' or 'computed'"
            )
        return _Worlds(of_row[None, :], residuals, columns)
    if residual == "computed":
        blank = with_column(data, results.model.residual, np.zeros(data.n_rows))
        price, made = first_stage_rows(results.plan, results.fit.encoding, blank)
        fitted = made @ results.first_stage.params.to_numpy()
        return _Worlds(np.arange(data.n_rows, dtype=np.intp)[None, :], price - fitted, made)
    if residual == "scaled":
        return _Worlds(np.zeros((1, data.n_rows), dtype=np.intp), np.zeros(1), np.zeros((1, columns.shape[1])))
    markets = markets_of(data, own.columns or None)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(residuals), (draws, markets.size))
    return _Worlds(drawn[:, markets.of_row], residuals, columns)


def _same_rows(data: ChoiceData, other: ChoiceData) -> bool:
    """Whether two data have the same cases with the same alternatives, row by row."""
    same = data.n_rows == other.n_rows and data.cases.equals(other.cases)
    return same and bool((data.row_alternative == other.row_alternative).all())


def _averaged(
    results: ControlFunctionResults, data: ChoiceData, worlds: _Worlds, weights: Floats, scaled: bool
) -> tuple[Floats, Floats]:
    """(n, J) probabilities averaged over the worlds, and the (J, p + k) gradient of their weighted mean."""
    fit, name = results.fit, results.model.residual
    names = tuple(results.first_stage.coefficients.index)
    theta, p, k = np.asarray(fit.moments.theta), len(fit.parameters), len(names)
    at = list(fit.parameters.index).index(name)
    free = fit.moments.finite
    spread = float(np.var(results.first_stage.residuals)) if scaled else 0.0
    total = np.zeros((data.n_cases, data.n_alternatives))
    gradient = np.zeros((data.n_alternatives, p + k))
    blank = with_column(data, name, np.zeros(data.n_rows))
    columns = fit.encoding.columns(blank)
    for of_row in worlds.of_draw:
        drawn = with_values(columns, name, worlds.residuals[of_row])
        problem = bind(fit.spec, widened(drawn, worlds.columns[of_row], names), blank)
        order = [problem.space.names.index(label) for label in (*fit.parameters.index, *(PREFIX + n for n in names))]
        base = np.append(theta, np.zeros(k))
        total += _probabilities(problem, order, base, at, spread, data.n_alternatives)
        for j in range(p + k):
            if j < p and not free[j]:
                continue
            moved = []
            for sign in (1.0, -1.0):
                point = base.copy()
                size = _step(results, j, p)
                # the residual falls by z'dg, so that the utilities fall by k z'dg
                point[j] += sign * size * (1.0 if j < p else -theta[at])
                moved.append(weights @ _probabilities(problem, order, point, at, spread, data.n_alternatives))
            gradient[:, j] += (moved[0] - moved[1]) / (2 * _step(results, j, p))
    return total / len(worlds.of_draw), gradient / len(worlds.of_draw)


def _step(results: ControlFunctionResults, j: int, p: int) -> float:
    """A thousandth of the standard error: small against it, large against rounding."""
    error = float(np.sqrt(results.covariance_both[j, j]))
    return 1e-3 * error if np.isfinite(error) and error > 0 else STEP


def _probabilities(
    problem: Problem, order: list[int], point: Floats, kappa_at: int, spread: float, n_alternatives: int
) -> Floats:
    theta = np.empty(len(order))
    theta[order] = point
    if spread:
        kappa = point[kappa_at]
        shrunk = 1 / np.sqrt(1 + 6 * kappa**2 * spread / np.pi**2)
        theta[: problem.n_coef] *= shrunk
    return problem.probabilities(problem.internal_from_user(theta), n_alternatives)
