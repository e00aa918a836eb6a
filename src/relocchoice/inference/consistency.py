"""Do estimated dissimilarity parameters agree with utility maximisation?

Globally: 0 < lambda_m <= lambda of the nest above for every nest (McFadden 1978; Daly & Zachary 1978). Locally, at the
fitted probabilities: with r = lambda_m / lambda_above and Q = P(m | nest above), r <= 1 / (1 - Q), and for nests of
three or more r <= 4 / (3 (1 - Q) + sqrt((1 + 7 Q)(1 - Q))) (Boersch-Supan 1990; Herriges & Kling 1996).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.spec.model import ModelSpec
from relocchoice.spec.nests import NestTree

Floats = NDArray[np.float64]
SLACK = 1e-9


def lambda_verdict(
    spec: ModelSpec, lambdas: dict[str, float], fitted: Callable[[], Floats], alternatives: pd.Index
) -> str | None:
    """One sentence on the lambdas of a nested model.

    Parameters
    ----------
    lambdas : nest -> value.
    fitted : gives the (n, J) probabilities in the order of ``alternatives``; called only when they are needed.
    """
    tree = spec.nests
    if tree is None:
        return None
    if spec.normalisation == "none":
        return _not_normalised(lambdas)
    above = [1.0 if m < 0 else lambdas[tree.nodes[m]] for m in tree.node_parent]
    wrong = [
        (node, lambdas[node], top)
        for node, top in zip(tree.nodes, above, strict=True)
        if node not in tree.degenerate and not 0 < lambdas[node] <= top + SLACK
    ]
    if not wrong:
        return (
            "globally consistent with utility maximisation: every lambda lies between 0 and that of the nest above it"
        )
    named = ", ".join(f"lambda:{node} = {value:.4g} > {top:.4g}" for node, value, top in wrong)
    share = _local_share(tree, [node for node, _, _ in wrong], lambdas, fitted(), alternatives)
    if share == 1.0:
        return f"not globally ({named}), but locally consistent with utility maximisation at every case's probabilities"
    if share == 0.0:
        return f"not consistent with utility maximisation, globally or locally at the fitted probabilities ({named})"
    return f"not globally ({named}); locally consistent with utility maximisation at {100 * share:.1f} % of the cases"


def _not_normalised(lambdas: dict[str, float]) -> str:
    values = np.array(list(lambdas.values()))
    equal = np.ptp(values) < SLACK
    if equal and 0 < values[0] <= 1:
        return "consistent with utility maximisation, because all lambdas are equal and lie in (0, 1]"
    reason = "the lambdas differ" if not equal else f"lambda = {values[0]:.4g} lies outside (0, 1]"
    words = "not consistent with utility maximisation: the utilities are not normalised and"
    return f"{words} {reason} (Koppelman & Wen 1998)"


def _local_share(
    tree: NestTree, nodes: list[str], lambdas: dict[str, float], probabilities: Floats, alternatives: pd.Index
) -> float:
    """Share of cases at which the second- and third-order conditions hold for all given nests."""
    totals = _node_totals(tree, probabilities, alternatives)
    good = np.ones(len(probabilities), dtype=bool)
    for node in nodes:
        m = tree.nodes.index(node)
        parent = int(tree.node_parent[m])
        top = np.ones(len(probabilities)) if parent < 0 else totals[parent]
        q = np.clip(totals[m] / np.where(top > 0, top, 1.0), 0.0, 1.0)
        ratio = lambdas[node] / (1.0 if parent < 0 else lambdas[tree.nodes[parent]])
        children = int((tree.node_parent == m).sum() + (tree.leaf_parent == m).sum())
        good &= ratio > 0
        good &= ratio * (1 - q) <= 1 + SLACK
        if children >= 3:
            good &= ratio * (3 * (1 - q) + np.sqrt((1 + 7 * q) * (1 - q))) <= 4 + SLACK
    return float(good.mean())


def _node_totals(tree: NestTree, probabilities: Floats, alternatives: pd.Index) -> Floats:
    """(M, n) marginal probability of each nest."""
    totals = np.zeros((len(tree.nodes), len(probabilities)))
    for j, nest in enumerate(tree.parents_of(list(alternatives))):
        at = int(nest)
        while at >= 0:
            totals[at] += probabilities[:, j]
            at = int(tree.node_parent[at])
    return totals
