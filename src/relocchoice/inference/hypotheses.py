"""Linear hypotheses on parameters, R theta = q: read from text, tested by Wald's statistic.

W = (R t - q)' (R V R')^-1 (R t - q), chi-squared with rank(R V R') degrees of freedom under the hypothesis;
Wald (1943), Transactions of the American Mathematical Society 54, 426-482.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from relocchoice.data.provenance import begun
from relocchoice.errors import SpecificationError
from relocchoice.inference.linear_expressions import linear_equations
from relocchoice.inference.tails import chi2_tail

Hypotheses = str | Sequence[str] | NDArray[np.float64]

_RANK_TOLERANCE = 1e-10
_CONTRADICTION = 1e-8
_NO_SPREAD = 1e-7


@dataclass(frozen=True, slots=True, repr=False)
class TestResult:
    """A test's outcome; a test that cannot be made says why in the same type.

    Attributes
    ----------
    statistic : value of the statistic; NaN where the test does not apply.
    df : degrees of freedom; 0 where the test does not apply.
    pvalue : probability of a larger statistic under the null; NaN where the test does not apply.
    null : the hypothesis in words.
    distribution : distribution under the null, e.g. ``"chi2(2)"``; empty where the test does not apply.
    message : why the test does not apply, or what was done to make it apply; else empty.
    provenance : one line on where the data come from, where nobody observed them.
    """

    # pytest would otherwise try to collect this class in every test module that imports it
    __test__: ClassVar[bool] = False

    statistic: float
    df: int
    pvalue: float
    null: str
    distribution: str
    message: str = ""
    provenance: str = ""

    @property
    def applies(self) -> bool:
        """Whether there is a statistic."""
        return self.df > 0

    def __repr__(self) -> str:
        return f"<TestResult {self}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"

    @property
    def sentence(self) -> str:
        """Hypothesis and outcome, for tables that begin with where the data come from themselves."""
        if not self.applies:
            return f"H0: {self.null}: {self.message}"
        told = f" ({self.message})" if self.message else ""
        return f"H0: {self.null}: {self.distribution} = {self.statistic:.6g}, p = {self.pvalue:.4g}{told}"

    def __str__(self) -> str:
        return begun(self.provenance, self.sentence)


@dataclass(frozen=True, slots=True, eq=False)
class LinearRestrictions:
    """r restrictions R theta = q on p parameters.

    Attributes
    ----------
    matrix : (r, p) R.
    targets : (r,) q.
    null : the restrictions in words.
    """

    matrix: NDArray[np.float64]
    targets: NDArray[np.float64]
    null: str


def linear_restrictions(
    hypotheses: Hypotheses, names: Sequence[str], values: ArrayLike | None = None
) -> LinearRestrictions:
    """Restrictions from text or from a matrix.

    Parameters
    ----------
    hypotheses : ``"x = 0"``, ``"x - 2*y = 1"``, ``"a = b = c"``, several separated by commas or in a list, or an (r, p)
        matrix. An expression alone is set to zero. At each place the longest parameter name that fits is read, so names
        may hold ``:``, ``(``, ``.`` or ``-``; backticks mark a name where that is not what is meant.
    names : (p,) parameter names.
    values : (r,) or scalar right-hand side of a matrix; zero if None; not allowed with text.

    Raises
    ------
    SpecificationError
        For an unknown name (close names are listed), an expression that is not linear, or a matrix of the wrong shape.
    """
    if isinstance(hypotheses, str):
        texts = [hypotheses]
    elif _is_texts(hypotheses):
        texts = [str(text) for text in hypotheses]
    else:
        return _from_matrix(hypotheses, names, values)
    if values is not None:
        raise SpecificationError(
            "values is for a matrix of restrictions: in text write the value behind the equals sign"
        )
    equations = [equation for text in texts for equation in linear_equations(text, names)]
    matrix = np.array([equation.weights for equation in equations]).reshape(len(equations), len(names))
    return LinearRestrictions(
        matrix=matrix,
        targets=np.array([-equation.constant for equation in equations]),
        null=", ".join(" ".join(text.split()) for text in texts),
    )


def wald(
    restrictions: LinearRestrictions,
    params: pd.Series,
    covariance: pd.DataFrame,
    *,
    movement: NDArray[np.float64] | None = None,
    groups: int | None = None,
) -> TestResult:
    """Wald's test of linear restrictions.

    Parameters
    ----------
    restrictions : on the p parameters, in the order of ``params``.
    params : (p,) estimates.
    covariance : (p, p) covariance of the estimates; a known parameter has zeros, one without a variance has NaN.
    movement : (p, q) derivative of the parameters by those that are free: what fixing and tying leave. None: every
        parameter with a variance is free.
    groups : number of clusters behind the covariance, or None.

    Returns
    -------
    TestResult
        Restrictions that repeat each other are counted once and the message says so. Where a parameter in them has no
        variance, where they contradict each other, where nothing in them is estimated, or where the covariance has a
        lower rank than they have (fewer clusters than restrictions), the test does not apply.
    """
    matrix, null = restrictions.matrix, restrictions.null
    involved = np.any(matrix != 0, axis=0)
    usable = np.isfinite(params.to_numpy(float)) & np.isfinite(np.diag(covariance.to_numpy(float)))
    unusable = [str(name) for name in params.index[involved & ~usable]]
    if unusable:
        return refused(null, f"no standard error is known for {', '.join(map(repr, unusable))}")
    r = matrix[:, involved]
    gap = r @ params.to_numpy(float)[involved] - restrictions.targets
    known = covariance.to_numpy(float)[np.ix_(involved, involved)]
    largest = np.abs(r) @ np.sqrt(np.maximum(np.diag(known), 0.0))
    size = _gap_scale(r, params.to_numpy(float)[involved], restrictions.targets)
    free = np.eye(len(known)) if movement is None else movement[involved]
    return _wald_statistic(null, gap, r @ free, r @ known @ r.T, size, largest, groups)


def _wald_statistic(
    null: str,
    gap: NDArray[np.float64],
    free: NDArray[np.float64],
    variance: NDArray[np.float64],
    size: NDArray[np.float64],
    largest: NDArray[np.float64],
    groups: int | None,
) -> TestResult:
    """The statistic on the space where the restrictions vary; elsewhere the gap must vanish.

    ``free`` is (r, q), the restrictions on the free parameters: its rank is what the covariance must have. ``size`` and
    ``largest`` are (r,): what rounding errors of the gap and of its standard deviation are measured against.
    """
    spread = np.sqrt(np.maximum(np.diag(variance), 0.0))
    fixed = spread <= _NO_SPREAD * largest
    if np.any(np.abs(gap[fixed]) > _CONTRADICTION * size[fixed]):
        return refused(null, "a restriction contradicts values that are fixed or tied in the model")
    if np.all(fixed):
        return refused(null, "nothing in it is estimated: it holds by construction")
    moving = ~fixed
    scaled = gap[moving] / spread[moving]
    roots, vectors = np.linalg.eigh(variance[np.ix_(moving, moving)] / np.outer(spread[moving], spread[moving]))
    rotated = vectors.T @ scaled
    kept = roots > _RANK_TOLERANCE * len(roots)
    rank, needed = int(kept.sum()), _rank(free[moving])
    if rank < needed:
        return refused(null, _low_rank(rank, needed, groups))
    if np.any(np.abs(rotated[~kept]) > _CONTRADICTION * np.linalg.norm(size[moving] / spread[moving])):
        return refused(null, "its restrictions contradict one another")
    statistic = float(np.sum(rotated[kept] ** 2 / roots[kept]))
    repeated = len(gap) - rank
    message = f"{repeated} of {len(gap)} restrictions follow from the others or from the model" if repeated else ""
    return TestResult(statistic, rank, chi2_tail(statistic, rank), null, f"chi2({rank})", message)


def _rank(matrix: NDArray[np.float64]) -> int:
    """Rank of the matrix, each row measured in its own size."""
    return int(np.linalg.matrix_rank(matrix / np.linalg.norm(matrix, axis=1, keepdims=True)))


def _low_rank(rank: int, needed: int, groups: int | None) -> str:
    reason = f"the covariance of its {needed} independent restrictions has only rank {rank}"
    if groups is not None and groups <= needed:
        return f"{reason}: with {groups} clusters at most {groups - 1} can be tested together"
    return f"{reason}; test fewer of them together, or take another covariance"


def _gap_scale(
    matrix: NDArray[np.float64], params: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(r,) size of the numbers whose difference the gap is: what a rounding error is measured against."""
    return np.maximum(np.abs(matrix) @ np.abs(params) + np.abs(values), np.finfo(float).tiny)


def refused(null: str, reason: str) -> TestResult:
    """The result of a test of ``null`` that does not apply, with the reason: a value of the type of those that do."""
    return TestResult(np.nan, 0, np.nan, null, "", f"does not apply: {reason}")


def _is_texts(hypotheses: object) -> bool:
    if isinstance(hypotheses, np.ndarray):
        return hypotheses.dtype.kind in "UT"
    return isinstance(hypotheses, (list, tuple)) and any(isinstance(item, str) for item in hypotheses)


def _from_matrix(hypotheses: ArrayLike, names: Sequence[str], values: ArrayLike | None) -> LinearRestrictions:
    try:
        matrix = np.atleast_2d(np.asarray(hypotheses, dtype=float))
        right = np.asarray(0.0 if values is None else values, dtype=float)
    except (TypeError, ValueError) as error:
        raise SpecificationError(f"hypotheses must be text, a list of texts or a matrix of numbers: {error}") from error
    if matrix.ndim != 2 or matrix.shape[1] != len(names) or not len(matrix):
        raise SpecificationError(
            f"the matrix of restrictions has shape {matrix.shape}; it needs one column for each of the "
            f"{len(names)} parameters and at least one row"
        )
    if right.ndim > 1 or right.size not in (1, len(matrix)):
        raise SpecificationError(f"values has shape {right.shape}; the matrix has {len(matrix)} restrictions")
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        raise SpecificationError("the restrictions hold a number that is not finite")
    if not matrix.any(axis=1).all():
        row = int(np.flatnonzero(~matrix.any(axis=1))[0])
        raise SpecificationError(f"row {row} of the matrix of restrictions is zero: it restricts no parameter")
    right = np.broadcast_to(right, (len(matrix),)).copy()
    null = ", ".join(_in_words(row, float(value), names) for row, value in zip(matrix, right, strict=True))
    return LinearRestrictions(matrix, right, null)


def _in_words(row: NDArray[np.float64], value: float, names: Sequence[str]) -> str:
    text = ""
    for weight, name in zip(row, names, strict=True):
        if weight:
            sign = ("-" if weight < 0 else "") if not text else (" - " if weight < 0 else " + ")
            text += sign + (name if abs(weight) == 1 else f"{abs(weight):g}*{name}")
    return f"{text} = {value:g}"
