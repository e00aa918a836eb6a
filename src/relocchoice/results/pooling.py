"""Tests whether alternatives may be pooled."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS, ChoiceData
from relocchoice.data.provenance import traced
from relocchoice.errors import OptionError
from relocchoice.inference.hypotheses import TestResult, refused
from relocchoice.inference.pooling import equality, holm
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound
from relocchoice.spec.labels import plain


@traced
def pooling_test(fit: ChoiceResults, one: Hashable, other: Hashable, *, data: ChoiceData | None = None) -> TestResult:
    """Cramer & Ridder's test: two alternatives have equal coefficients of all case-specific variables.

    Constants may differ. By the likelihood ratio; with sampling weights by Wald's statistic and the fit's covariance.
    In a nested logit both must stand in the same nest; else the test does not apply.
    Variables that differ between alternatives are not part of it.

    Parameters
    ----------
    fit : with case-specific variables (part two of the formula).
    one, other : labels of two alternatives.
    data : the data of the fit, where it was loaded from a file.

    Raises
    ------
    OptionError : a label that is no alternative, or the same twice.
    """
    labels = list(fit.encoding.alternatives)
    for argument, label in (("one", one), ("other", other)):
        if label not in labels:
            raise OptionError.of(argument, label, ", ".join(map(str, labels)))
    if one == other:
        raise OptionError.of("other", other, "another alternative than one=")
    null = f"{one} and {other} have the same case-specific coefficients"
    if fit.spec.nests is not None and _nest_of(fit, one) != _nest_of(fit, other):
        return refused(
            null, f"{one} and {other} stand in different nests, so equal coefficients make them no one choice"
        )
    bound = rebound(fit, data)
    columns = fit.encoding.columns(bound.data)
    own = [np.asarray(c.coef) for c in columns.columns if c.level == "case" and np.ndim(c.coef)]
    position = {label: k for k, label in enumerate(bound.data.alternatives.tolist())}
    matrix = equality(own, len(fit.params), position[one], position[other])
    if not len(matrix):
        return refused(null, "the model has no case-specific variables")
    if fit.weight_kind in PROBABILITY_WEIGHTS:
        result = fit.wald_test(matrix)
        told = f"Wald, as {fit.weight_kind} weights make a pseudo-likelihood"
    elif not fit.converged and not fit.identification.infinite:
        return refused(null, f"the fit is no maximum: {fit.status_message}")
    else:
        result = fit.lr_test(matrix, data=data)
        told = "likelihood ratio"
    return replace(result, null=null, message="; ".join(filter(None, (told if result.applies else "", result.message))))


def _nest_of(fit: ChoiceResults, label: Hashable) -> int:
    """Position of the innermost nest, -1 for none."""
    assert fit.spec.nests is not None
    tree = fit.spec.nests.check(list(map(plain, fit.encoding.alternatives)))
    return int(tree.leaf_parent[list(tree.leaves).index(plain(label))])


@traced
def pooling_table(fit: ChoiceResults, *, data: ChoiceData | None = None) -> pd.DataFrame:
    """:func:`pooling_test` of all pairs of alternatives.

    Returns
    -------
    DataFrame with the pairs as index (``one``, ``other``) and ``statistic``, ``df``, ``pvalue``, ``holm`` (p-values
    that allow for the number of pairs) and ``message``.
    """
    pairs = list(combinations(fit.encoding.alternatives, 2))
    tests = [pooling_test(fit, one, other, data=data) for one, other in pairs]
    pvalues = np.array([test.pvalue for test in tests])
    return pd.DataFrame(
        {
            "statistic": [test.statistic for test in tests],
            "df": [test.df for test in tests],
            "pvalue": pvalues,
            "holm": holm(pvalues),
            "message": [test.message for test in tests],
        },
        index=pd.MultiIndex.from_tuples(pairs, names=["one", "other"]),
    )
