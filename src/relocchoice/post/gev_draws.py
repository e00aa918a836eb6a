"""Draws of the errors under which a multinomial or nested logit is the choice of the largest V_j + e_j, exactly.

Joint distribution of the nested logit's errors: F(e) = exp(-H), H the sum over the children of the root of y_c, with
y_j = exp(-e_j / lambda_m) of an alternative in node m and y_m = (sum_c y_c)^(lambda_m / lambda_parent) of a nest
(McFadden 1978). As exp(-t x^a) = E exp(-t^(1/a) S x) for a positive stable S of index a, conditioning on one S a
nest makes all factors independent:

    e_j = lambda_m g_j + sum over the nests k above j of lambda_k log S_k,   g_j standard Gumbel,

S_k of index lambda_k / lambda_parent(k) (compare Cardell 1997, Econometric Theory 13; Stephenson 2003, Extremes 6).
S by Kanter (1975, Annals of Probability 3): S = sin(a u) / sin(u)^(1/a) (sin((1-a) u) / x)^((1-a)/a), u uniform on
(0, pi), x standard exponential.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.errors import SpecificationError
from relocchoice.post.worlds import Tree

Floats = NDArray[np.float64]
SMALLEST = 2.0**-1074
ABOVE_ONE = 1e-9


def n_uniforms(tree: Tree) -> int:
    """Uniform numbers that one draw of one case takes: one an alternative, two a nest."""
    return len(tree.leaf_parent) + 2 * (len(tree.parent) - 1)


def check_lambdas(tree: Tree, scale: Floats, names: tuple[str, ...]) -> None:
    """Refuse lambdas under which no errors exist.

    Raises
    ------
    SpecificationError : a lambda is not positive, or larger than that of the nest outside it (1 at the root).
    """
    for m in range(1, len(tree.parent)):
        outer = scale[tree.parent[m]]
        if not 0 < scale[m] <= outer * (1 + ABOVE_ONE):
            above = "the root" if tree.parent[m] == 0 else f"nest {names[tree.parent[m] - 1]!r}"
            raise SpecificationError(
                f"lambda of nest {names[m - 1]!r} is {scale[m]:.4g}, above the {outer:.4g} of {above}: no errors have "
                "this distribution, so there is nobody to simulate; compare_scenarios needs none, or tie the lambda"
            )


def errors_from(uniforms: Floats, tree: Tree, scale: Floats) -> Floats:
    """Errors of all alternatives from uniform numbers.

    Parameters
    ----------
    uniforms : (..., U) on [0, 1); scale : (M + 1,) lambdas, the root's 1 first.

    Returns
    -------
    (..., J) errors; the same uniforms give the same errors.
    """
    n_leaves = len(tree.leaf_parent)
    u = np.maximum(uniforms, SMALLEST)
    out: Floats = -np.log(-np.log(u[..., :n_leaves])) * scale[tree.leaf_parent]
    common = np.zeros((*uniforms.shape[:-1], len(tree.parent)))
    for m in range(1, len(tree.parent)):
        at = n_leaves + 2 * (m - 1)
        outer = int(tree.parent[m])
        log_stable = _log_stable(u[..., at], -np.log(u[..., at + 1]), min(1.0, scale[m] / scale[outer]))
        common[..., m] = common[..., outer] + scale[m] * log_stable
    return out + common[..., tree.leaf_parent]


def _log_stable(u: Floats, x: Floats, index: float) -> Floats:
    """Logarithm of a positive stable variable with E exp(-t S) = exp(-t^index); zero for index 1."""
    if index == 1.0:
        return np.zeros_like(u)
    angle = np.pi * u
    # sin(pi u) near u = 1 from the other side, where pi u itself has lost the digits
    sine = np.sin(np.pi * np.minimum(u, 1.0 - u))
    power = (1.0 - index) / index
    out: Floats = (
        power * (np.log(np.sin((1.0 - index) * angle)) - np.log(x))
        + np.log(np.sin(index * angle))
        - np.log(sine) / index
    )
    return out
