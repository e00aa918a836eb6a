"""Bootstrap of both steps: markets and cases are drawn anew, the price's regression and the choices estimated again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.reduce import one_thread
from relocchoice.errors import IdentificationError
from relocchoice.optimize.newton import maximise
from relocchoice.relocation.land.stacked import FirstMoments, with_values
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.spec.columns import UtilityColumns

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def both_stages(
    bound: Bound,
    fit: ChoiceResults,
    residual: str,
    first: FirstMoments,
    coefficients: Floats,
    case_clusters: Ints,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """(draws, p + k) estimates of both steps on resampled clusters; a cluster of cases and markets is drawn as one.

    Parameters
    ----------
    bound, fit, residual, first, case_clusters : see :func:`relocchoice.relocation.land.stacked.stacked`.
    coefficients : (k,) of the first stage.
    draws, seed : how many, from where.

    Raises
    ------
    IdentificationError : more than a tenth of the draws have no maximum.
    """
    data = bound.data
    weights = np.ones(data.n_cases) if data.weights is None else np.asarray(data.weights)
    case_labels, cases = np.unique(case_clusters, return_inverse=True)
    market_labels, markets = np.unique(first.clusters, return_inverse=True)
    shared = len(np.intersect1d(case_labels, market_labels)) > 0
    rng = np.random.default_rng(seed)
    base, columns = np.asarray(fit.moments.theta), fit.encoding.columns(bound.data)
    rows, failed = [], 0
    with one_thread():
        for _ in range(draws):
            if shared:
                labels = np.union1d(case_labels, market_labels)
                drawn = _counts(rng, len(labels))
                of_case = drawn[np.searchsorted(labels, case_labels)][cases]
                of_market = drawn[np.searchsorted(labels, market_labels)][markets]
            else:
                of_case = _counts(rng, len(case_labels))[cases]
                of_market = _counts(rng, len(market_labels))[markets]
            moved = _refit_first(first, of_market)
            if moved is None:
                failed += 1
                continue
            found = _refit(bound, fit, columns, residual, first, moved, weights * of_case, base)
            if found is None:
                failed += 1
            else:
                rows.append(np.concatenate([found, coefficients + moved]))
    if failed > draws // 10:
        raise IdentificationError(
            f"{failed} of {draws} bootstrap samples have no maximum; take cov_type='robust' or 'cluster'"
        )
    names = [*map(str, fit.parameters.index), *(f"first stage: {name}" for name in first.names)]
    return pd.DataFrame(np.array(rows), columns=pd.Index(names))


def _counts(rng: np.random.Generator, n: int) -> Floats:
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def _refit_first(first: FirstMoments, weights: Floats) -> Floats | None:
    """(k,) how far the first stage's coefficients move: of the residuals; None where the markets drawn do not tell."""
    cross = first.columns.T @ (first.columns * weights[:, None])
    scale = np.sqrt(np.diag(cross))
    if not (scale > 0).all() or np.linalg.eigvalsh(cross / np.outer(scale, scale))[0] < 1e-10:
        return None
    return np.asarray(np.linalg.solve(cross, first.columns.T @ (weights * first.residuals)), dtype=np.float64)


def _refit(
    bound: Bound,
    fit: ChoiceResults,
    columns: UtilityColumns,
    residual: str,
    first: FirstMoments,
    moved: Floats,
    weights: Floats,
    base: Floats,
) -> Floats | None:
    """(p,) the choices estimated again with the moved residual; None where there is no maximum."""
    again = (first.residuals - first.columns @ moved)[first.of_row]
    kind = bound.data.weight_kind or "frequency"
    data = replace(bound.data, weights=weights, weight_kind=kind)
    problem = bind(fit.spec, with_values(columns, residual, again), data)
    start = problem.space.restrict(problem.internal_from_user(base))
    found = maximise(problem.evaluate, start, problem.space.lower, problem.space.upper)
    return problem.user(found.x) if found.status == "maximum" else None
