"""The first stage: a price on instruments and what else moves it, by market, with linearmodels.

p_m = z_m' g + u_m. The F statistics test that the instruments have no coefficients. The effective F is
g_Z' (Z'Z) g_Z / tr(V_Z Z'Z), with Z the instruments less what the exogenous columns explain, g_Z their coefficients and
V_Z the robust covariance of these; its critical value (at 5 %, against a bias above 10 % of the worst case) is from
Patnaik's approximation (Montiel Olea & Pflueger 2013, Journal of Business & Economic Statistics 31, 358-369).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chndtrix, fdtrc

from relocchoice.data.provenance import begun, traced_record
from relocchoice.errors import Finding, IdentificationError
from relocchoice.inference.tails import two_sided
from relocchoice.results.frozen import CopiedFrame

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CONSTANT = "Intercept"
WORST_BIAS = 0.10
_COLLINEAR = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """What goes into the first stage: M markets, k columns, the constant first.

    Attributes
    ----------
    price : (M,); columns : (M, k); names : (k,); excluded : (k,) which are instruments.
    clusters : (M,) codes, or None where markets are independent.
    """

    price: Floats
    columns: Floats
    names: tuple[str, ...]
    excluded: NDArray[np.bool_]
    clusters: Ints | None = None


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FirstStage:
    """The estimated first stage.

    Attributes
    ----------
    price : the price, as in the utilities; instruments : names of the excluded columns.
    coefficients : index the k names; ``estimate``, ``std_error``, ``z``, ``pvalue``, ``excluded``.
    covariance : (k, k) robust to unequal variances, or clustered; scaled by n / (n - k).
    residuals : (M,); n_markets : M; n_clusters : of the covariance, or None.
    rsquared, rsquared_partial : of all columns, and of the instruments beyond the others.
    f_plain, f_robust : F of the instruments under equal variances, and by ``covariance``; their p-values beside them.
    f_effective, f_critical : the effective F, and what it should exceed.
    provenance : one line on where the data come from, where nobody observed them.
    """

    price: str
    instruments: tuple[str, ...]
    coefficients: pd.DataFrame
    covariance: Floats
    residuals: Floats
    n_markets: int
    n_clusters: int | None
    rsquared: float
    rsquared_partial: float
    f_plain: float
    f_robust: float
    f_robust_pvalue: float
    f_effective: float
    f_critical: float
    provenance: str = ""

    def __repr__(self) -> str:
        return begun(self.provenance, f"<FirstStage: {self.strength()}>")

    @property
    def weak(self) -> bool:
        """Whether the instruments are too weak by the effective F."""
        return not self.f_effective > self.f_critical

    @property
    def params(self) -> pd.Series:
        """(k,) coefficients."""
        return self.coefficients["estimate"].rename("params")

    @property
    def bse(self) -> pd.Series:
        """(k,) standard errors."""
        return self.coefficients["std_error"].rename("bse")

    def strength(self) -> str:
        """The strength of the instruments in a sentence."""
        k = len(self.instruments)
        what = "instrument" if k == 1 else "instruments"
        told = (
            f"First stage of {self.price} on {k} {what} ({', '.join(self.instruments)}), n = {self.n_markets}: "
            f"partial R2 {self.rsquared_partial:.4f}, robust F {self.f_robust:.2f}, effective F {self.f_effective:.2f} "
            f"against {self.f_critical:.2f}"
        )
        if self.weak:
            return f"{told}: WEAK INSTRUMENTS, so neither the estimates nor their errors can be relied on."
        return f"{told}."


setattr(FirstStage, "coefficients", CopiedFrame(vars(FirstStage)["coefficients"]))  # noqa: B010


def fit_first_stage(regression: Regression, price: str) -> FirstStage:
    """Estimate the first stage.

    Raises
    ------
    IdentificationError : the price does not vary, there are too few markets or clusters, columns are constant or
        collinear, or the price follows from them without error.
    """
    from linearmodels.iv import IV2SLS  # takes a second to import

    check_regression(regression, price)
    names = list(regression.names)
    frame = pd.DataFrame(regression.columns, columns=pd.Index(names))
    model = IV2SLS(pd.Series(regression.price, name=price), frame, None, None)
    if regression.clusters is None:
        fit = model.fit(cov_type="robust", debiased=True)
    else:
        fit = model.fit(cov_type="clustered", clusters=regression.clusters, debiased=True)
    estimate = np.asarray(fit.params, dtype=np.float64)
    covariance = np.asarray(fit.cov, dtype=np.float64)
    residuals = regression.price - regression.columns @ estimate
    errors = np.sqrt(np.diag(covariance))
    z = estimate / errors
    table = pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": errors,
            "z": z,
            "pvalue": two_sided(z),
            "excluded": regression.excluded,
        },
        index=pd.Index(names),
    )
    strength = _strength(regression, estimate, covariance, residuals)
    return FirstStage(
        price=price,
        instruments=tuple(name for name, out in zip(names, regression.excluded, strict=True) if out),
        coefficients=table,
        covariance=covariance,
        residuals=residuals,
        n_markets=len(regression.price),
        n_clusters=None if regression.clusters is None else len(np.unique(regression.clusters)),
        rsquared=float(fit.rsquared),
        rsquared_partial=strength.rsquared_partial,
        f_plain=strength.f_plain,
        f_robust=strength.f_robust,
        f_robust_pvalue=strength.f_robust_pvalue,
        f_effective=strength.f_effective,
        f_critical=strength.f_critical,
    )


def check_regression(regression: Regression, price: str) -> None:
    """Refuse a first stage that the markets cannot tell.

    Raises
    ------
    IdentificationError : see :func:`fit_first_stage`.
    """
    x, p, names = regression.columns, regression.price, regression.names
    n, k = x.shape
    if not regression.excluded.any():
        raise _not_identified("there is no instrument; without one the residual follows from the columns of the model")
    if np.ptp(p) <= _COLLINEAR * (1 + np.abs(p).max()):
        raise _not_identified(f"{price} is {p[0]:.6g} in every market: a price that does not vary tells nothing", price)
    if n <= k:
        raise _not_identified(f"the first stage has {k} columns but only {n} markets; take fewer columns or effects")
    if regression.clusters is not None and len(np.unique(regression.clusters)) < 2:
        raise _not_identified("the first stage has one cluster only; take another market_groups=, or none")
    for j, name in enumerate(names):
        if j and np.ptp(x[:, j]) <= _COLLINEAR * (1 + np.abs(x[:, j]).max()):
            raise _not_identified(f"{name} is the same in every market, so it explains no price; leave it out", name)
    refuse_collinear(x, names)
    left = p - x @ np.linalg.lstsq(x, p, rcond=None)[0]
    if np.sqrt(left @ left) <= _COLLINEAR * np.sqrt(np.sum((p - p.mean()) ** 2)):
        raise _not_identified(
            f"the first stage explains {price} without error, so there is no residual; are the instruments the price "
            "itself, or are there as many effects as markets?",
            price,
        )


def refuse_collinear(x: Floats, names: Sequence[str]) -> None:
    """Refuse columns that follow from those before them.

    Raises
    ------
    IdentificationError : names the column and those it follows from.
    """
    size = np.sqrt(np.sum(x**2, axis=0))
    scaled = x / np.where(size > 0, size, 1.0)
    # column by column: the first that the earlier ones explain is the one to name
    kept = scaled[:, :0]
    for j, name in enumerate(names):
        weights = np.linalg.lstsq(kept, scaled[:, j], rcond=None)[0] if kept.shape[1] else np.empty(0)
        if np.linalg.norm(scaled[:, j] - kept @ weights) <= _COLLINEAR:
            others = [names[i] for i in np.flatnonzero(np.abs(weights) > 1e-6).tolist()]
            raise _not_identified(f"{name} follows from {', '.join(others) or 'nothing'}; leave one of them out", name)
        kept = scaled[:, : j + 1]


def _not_identified(message: str, column: str | None = None) -> IdentificationError:
    return IdentificationError([Finding("first_stage", message, column=column)])


@dataclass(frozen=True, slots=True)
class _Strength:
    rsquared_partial: float
    f_plain: float
    f_robust: float
    f_robust_pvalue: float
    f_effective: float
    f_critical: float


def _strength(regression: Regression, estimate: Floats, covariance: Floats, residuals: Floats) -> _Strength:
    out = regression.excluded
    inside, instruments = regression.columns[:, ~out], regression.columns[:, out]
    left = instruments - inside @ np.linalg.lstsq(inside, instruments, rcond=None)[0]
    cross = left.T @ left
    g, v = estimate[out], covariance[np.ix_(out, out)]
    n, k = regression.columns.shape
    n_instruments = int(out.sum())
    explained = float(g @ cross @ g)
    rest = float(np.sum(residuals**2))
    f_robust = float(g @ np.linalg.solve(v, g)) / n_instruments if _invertible(v) else math.nan
    groups = None if regression.clusters is None else len(np.unique(regression.clusters))
    df = n - k if groups is None else groups - 1
    half = np.linalg.cholesky(cross)
    w = half.T @ v @ half
    return _Strength(
        rsquared_partial=explained / (explained + rest),
        f_plain=explained / n_instruments / (rest / (n - k)),
        f_robust=f_robust,
        f_robust_pvalue=float(fdtrc(n_instruments, df, f_robust)) if math.isfinite(f_robust) else math.nan,
        f_effective=explained / float(np.trace(w)),
        f_critical=effective_critical(w),
    )


def _invertible(matrix: Floats) -> bool:
    scale = np.sqrt(np.diag(matrix))
    return bool((scale > 0).all()) and float(np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0]) > 1e-12


def effective_critical(w: Floats, bias: float = WORST_BIAS, level: float = 0.05) -> float:
    """What the effective F should exceed, from the (K, K) covariance of the instruments' standardised coefficients."""
    x = 1.0 / bias
    trace, largest = float(np.trace(w)), float(np.linalg.eigvalsh(w)[-1])
    df = trace**2 * (1 + 2 * x) / (float(np.sum(w * w)) + 2 * x * trace * largest)
    return float(chndtrix(1 - level, df, x * df)) / df
