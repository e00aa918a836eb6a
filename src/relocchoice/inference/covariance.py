"""Covariance of maximum-likelihood estimates, from one evaluation at the maximum.

With H the Hessian and s_i the scores of case i at the estimates, weights w_i:
hessian (-H)^-1; opg (sum w s s')^-1 (Berndt, Hall, Hall & Hausman 1974); robust (-H)^-1 M (-H)^-1 with M = sum w s s'
for frequency weights, sum w^2 s s' for sampling and choice-based weights (Huber 1967; White 1982; Stata [P] _robust);
cluster the same, with scores summed by group before the outer product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.errors import IdentificationError, OptionError

Floats = NDArray[np.float64]
CovKind = Literal["hessian", "opg", "robust", "cluster", "bootstrap", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """A covariance matrix and what it is.

    Attributes
    ----------
    kind : one of :data:`CovKind`.
    matrix : (p, p) in table order; NaN rows and columns for parameters without a finite free estimate.
    description : in words, with the small-sample factor.
    groups : number of clusters, or None.
    factor : small-sample factor the matrix was multiplied by.
    """

    kind: str
    matrix: Floats
    description: str
    groups: int | None = None
    factor: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Second moments at the estimates, enough for every covariance but the clustered.

    Attributes
    ----------
    theta : (p,) user's parameters at the stop, finite even where the estimate is not.
    free : (q,) free parameters at the stop (of centred columns); hessian, opg, opg_squared : (q, q).
    jacobian : (p, q) d user's parameters / d free parameters.
    moving : (q,) which free parameters are not held at a bound.
    flat : (q, r) directions in which the log-likelihood is flat, r = 0 for an identified model.
    finite : (p,) which parameters have a finite, free estimate.
    nobs : observations (sum of frequency weights, or cases); weight_kind : kind of the weights.
    effective_n : Kish's effective number of choices under sampling and choice-based weights, else None.
    settled : why no covariance can be computed from these moments any more; empty where it can.
    """

    theta: Floats
    free: Floats
    hessian: Floats
    opg: Floats
    opg_squared: Floats
    jacobian: Floats
    moving: NDArray[np.bool_]
    flat: Floats
    finite: NDArray[np.bool_]
    nobs: float
    weight_kind: str | None
    effective_n: float | None = None
    settled: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Scores summed by group: (G, q) sums of w s, for the clustered covariance."""

    totals: Floats

    @classmethod
    def of(cls, scores: Floats, weights: Floats, codes: NDArray[np.intp]) -> Clusters:
        """Sum (n, q) scores with weights by group code; cases of weight zero do not count, nor groups of them."""
        counted = weights > 0
        _, codes = np.unique(codes[counted], return_inverse=True)
        scores, weights = scores[counted], weights[counted]
        n_groups = int(codes.max(initial=-1)) + 1
        totals = np.zeros((n_groups, scores.shape[1]))
        for k, score in enumerate(scores.T):
            totals[:, k] = np.bincount(codes, weights=weights * score, minlength=n_groups)
        return cls(totals)


def check_kind(kind: str, weight_kind: str | None) -> None:
    """Refuse unknown kinds and those that do not go with sampling or choice-based weights.

    Raises
    ------
    OptionError : names the argument, the value and the valid values.
    """
    if kind not in get_args(CovKind):
        raise OptionError.of("cov_type", kind, ", ".join(get_args(CovKind)))
    if weight_kind in PROBABILITY_WEIGHTS and kind in ("hessian", "opg"):
        raise OptionError(
            f"cov_type={kind!r} is not valid with {weight_kind} weights: the information equality does not hold; "
            "valid: robust, cluster, bootstrap, none"
        )


def covariance(
    moments: Moments, kind: str, *, clusters: Clusters | None = None, small_sample: bool | None = None
) -> Covariance:
    """The covariance of a kind.

    Parameters
    ----------
    clusters : needed by ``"cluster"``.
    small_sample : multiply by n/(n - 1) (robust) or G/(G - 1) (cluster). None: yes for clusters and for sampling
        and choice-based weights, no otherwise.

    Raises
    ------
    OptionError : unknown kind, or one that does not go with the weights or with what was done to the estimates.
    IdentificationError : the matrix does not exist.
    """
    check_kind(kind, moments.weight_kind)
    if moments.settled:
        raise OptionError(f"no other covariance can be computed: {moments.settled}")
    return _KINDS[kind](moments, clusters, small_sample)


def _hessian(moments: Moments, clusters: Clusters | None, small_sample: bool | None) -> Covariance:
    return Covariance(
        "hessian", _to_user(moments, _inverse(moments, -moments.hessian)), "inverse of the negative Hessian"
    )


def _opg(moments: Moments, clusters: Clusters | None, small_sample: bool | None) -> Covariance:
    return Covariance(
        "opg", _to_user(moments, _inverse(moments, moments.opg)), "inverse outer product of the scores (OPG)"
    )


def _robust(moments: Moments, clusters: Clusters | None, small_sample: bool | None) -> Covariance:
    sampling = moments.weight_kind in PROBABILITY_WEIGHTS
    use = sampling if small_sample is None else small_sample
    if use and moments.nobs <= 1:
        raise OptionError("small_sample=True needs at least two observations; the factor n/(n - 1) does not exist")
    factor = moments.nobs / (moments.nobs - 1) if use else 1.0
    bread = _inverse(moments, -moments.hessian)
    meat = moments.opg_squared if sampling else moments.opg
    words = f"factor n/(n-1) = {factor:.6g}" if use else "no small-sample factor"
    return Covariance(
        "robust", _to_user(moments, factor * bread @ meat @ bread), f"robust (sandwich), {words}", factor=factor
    )


def stratified(moments: Moments, scores: Floats, weights: Floats, strata: NDArray[np.intp]) -> Covariance:
    """The sandwich with weighted scores centred within strata whose sizes are fixed, each with its factor n/(n - 1).

    Parameters
    ----------
    scores : (n, q) of the free parameters, unweighted; weights : (n,); strata : (n,) codes from 0.

    Raises
    ------
    OptionError : a stratum holds one case, which has no variance.
    IdentificationError : the information is singular.
    """
    counted = weights > 0
    _, codes, size = np.unique(strata[counted], return_inverse=True, return_counts=True)
    if size.min(initial=2) < 2:
        raise OptionError("a stratum holds a single case, so its variance is not known; pool it with another one")
    weighted = scores[counted] * weights[counted, None]
    sums = np.zeros((len(size), scores.shape[1]))
    np.add.at(sums, codes, weighted)
    centred = (weighted - (sums / size[:, None])[codes]) * np.sqrt(size / (size - 1.0))[codes, None]
    bread = _inverse(moments, -moments.hessian)
    words = f"robust (sandwich), {len(size)} strata of fixed size, factor n/(n-1) in each"
    return Covariance("robust", _to_user(moments, bread @ (centred.T @ centred) @ bread), words)


def _cluster(moments: Moments, clusters: Clusters | None, small_sample: bool | None) -> Covariance:
    if clusters is None:
        raise OptionError("cov_type='cluster' needs groups= (labels, one a case) or data with a unit")
    n_groups = len(clusters.totals)
    if n_groups < 2:
        raise OptionError("cov_type='cluster' needs at least two groups; there is one")
    use = small_sample is None or small_sample
    factor = n_groups / (n_groups - 1) if use else 1.0
    bread = _inverse(moments, -moments.hessian)
    meat = clusters.totals.T @ clusters.totals
    words = f"factor G/(G-1) = {factor:.6g}" if use else "no small-sample factor"
    return Covariance(
        "cluster",
        _to_user(moments, factor * bread @ meat @ bread),
        f"cluster-robust, {n_groups} groups, {words}",
        groups=n_groups,
        factor=factor,
    )


def _none(moments: Moments, clusters: Clusters | None, small_sample: bool | None) -> Covariance:
    p = len(moments.finite)
    return Covariance("none", np.full((p, p), np.nan), "cov_type='none'")


_KINDS: dict[str, Callable[[Moments, Clusters | None, bool | None], Covariance]] = {
    "hessian": _hessian,
    "opg": _opg,
    "robust": _robust,
    "cluster": _cluster,
    "none": _none,
}


def _inverse(moments: Moments, information: Floats) -> Floats:
    """Inverse on the directions that are neither held at a bound nor flat, zero elsewhere.

    Raises
    ------
    IdentificationError : the matrix is singular there (fewer cases than parameters for the OPG, say).
    """
    basis = _identified_basis(moments)
    if basis.shape[1] == 0:
        return np.zeros_like(information)
    inner = basis.T @ information @ basis
    scale = np.sqrt(np.abs(np.diag(inner)))
    scale = np.where(scale > 0, scale, 1.0)
    size, axes = np.linalg.eigh(inner / np.outer(scale, scale))
    if size[0] <= 1e-13:
        raise IdentificationError(
            "the information matrix of the estimates is singular, so this covariance does not exist; "
            "see the fit's .identification, or take cov_type='none'"
        )
    half = (basis / scale) @ (axes / np.sqrt(size))
    return half @ half.T


def _identified_basis(moments: Moments) -> Floats:
    """(q, r) basis of the directions that are identified: those that move, less the flat ones."""
    eye = np.eye(len(moments.free))[:, moments.moving]
    if moments.flat.shape[1] == 0:
        return eye
    left, _, _ = np.linalg.svd(moments.flat[moments.moving], full_matrices=True)
    return eye @ left[:, np.linalg.matrix_rank(moments.flat) :]


def _to_user(moments: Moments, free: Floats) -> Floats:
    matrix = moments.jacobian @ free @ moments.jacobian.T
    matrix = (matrix + matrix.T) / 2
    hidden = ~moments.finite
    matrix[hidden] = np.nan
    matrix[:, hidden] = np.nan
    return matrix
