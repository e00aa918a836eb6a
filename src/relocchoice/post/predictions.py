"""Predictions: shares and expected counts with intervals, probabilities along the tree, calibration, hits and scores.

The Brier score is the mean over the cases of sum_j (y_j - P_j)^2 (Brier 1950), between 0 and 2; the log score the mean
of log P of what was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import joint_provenance, traced
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.post.derivatives import Setting, prepared, sums
from relocchoice.post.effects import availability, group_weights, tidy
from relocchoice.post.inferred import Derived, Inferred, Interval, Sampling, infer, ordered_index, weights_note
from relocchoice.post.settings import Place, places
from relocchoice.spec.labels import plain

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Of = Literal["alternatives", "nests", "within"]
Member = tuple[tuple[Any, ...], list[int], list[int] | None]


def shares(
    fit: ChoiceResults,
    data: ChoiceData | None = None,
    *,
    of: Of = "alternatives",
    counts: bool = False,
    at: Any = "data",
    by: str | None = None,
    interval: Interval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> Derived:
    """Predicted shares, or expected counts, with errors.

    Parameters
    ----------
    data : other cases, with other attributes or fewer alternatives; None for those of the fit.
    of : ``"alternatives"``; ``"nests"``, of every nest of the tree; ``"within"``, of each alternative or nest in the
        nest that it stands in (of what is predicted for that nest).
    counts : expected counts, sums of the weights, in place of shares.
    at, by, interval, alpha, draws, seed : see :func:`relocchoice.post.effects.marginal_effects`.

    Raises
    ------
    SpecificationError : a model of sets; nests of a model without a tree.
    OptionError, DataError : options or data that are not valid.
    """
    sampling = Sampling(interval, alpha, draws, seed)
    if of not in get_args(Of):
        raise OptionError.of("of", of, ", ".join(map(repr, get_args(Of))))
    if counts and of == "within":
        raise OptionError("counts=True goes with alternatives and nests; shares within nests are shares")
    where = places(fit, at, by, data)
    held = [place.setting(fit) for place in where]
    cells = [
        cell
        for place, one in zip(where, held, strict=True)
        for cell in _cells(one, _members(fit, one.data, of), (place.labels, place.label))
    ]
    inferred = infer(fit, lambda theta, gradient: _figures(held, cells, counts, theta, gradient), sampling)
    level = ["nest", "part"] if of == "within" else [{"nests": "nest"}.get(of, "alternative")]
    known = {"alternative": list(map(plain, where[0].data.alternatives))}
    keys = [cell.key for cell in cells]
    table = tidy(inferred.frame(ordered_index(keys, ["group", "at", *level], known)))
    notes = []
    if of == "within":
        notes.append("Shares within a nest are ratios of predicted shares, not means of the cases' probabilities.")
    notes.append(weights_note(fit, where[0].data.weights is not None, where[0].data.weight_kind))
    title = "Expected counts" if counts else "Predicted shares"
    return Derived(
        title, table, (*notes, *inferred.notes), interval, alpha, inferred.covariance, joint_provenance(fit, data)
    )


def joint_shares(fit: ChoiceResults, at: Place, members: Sequence[Sequence[int]], sampling: Sampling) -> Inferred:
    """Shares of several sets of alternatives at one place, errors and all.

    Parameters
    ----------
    members : codes of the alternatives of each set.

    Raises
    ------
    SpecificationError : a model of sets.
    """
    held = at.setting(fit)
    cells = [_Cell((), held, 0, list(codes), None) for codes in members]
    return infer(fit, lambda theta, gradient: _figures([held], cells, False, theta, gradient), sampling)


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """One figure: its key; where and of which group; codes of what is counted and of what it is a share of."""

    key: tuple[Any, ...]
    at: Setting
    group: int
    inside: list[int]
    base: list[int] | None


def _cells(at: Setting, members: list[Member], labels: tuple[tuple[Any, ...], str]) -> list[_Cell]:
    """The figures of one place; what nobody of a group may choose has none."""
    groups, place = labels
    there = np.einsum("gjj->gj", availability(at)) > 0
    return [
        _Cell((label, place, *name), at, g, inside, base)
        for g, label in enumerate(groups)
        for name, inside, base in members
        if there[g, inside].any()
    ]


def _figures(
    held: list[Setting], cells: list[_Cell], counts: bool, theta: Floats, gradient: bool
) -> tuple[Floats, Floats | None]:
    """(m,) shares or counts of the cells, and their (m, p) gradient."""
    found = {id(one): (sums(one, theta, [], gradient=gradient), group_weights(one)) for one in held}
    values, slopes = [], []
    for cell in cells:
        total, weight = found[id(cell.at)]
        level, slope = total.level[cell.group], total.level_gradient[cell.group]
        top, d_top = level[cell.inside].sum(), slope[cell.inside].sum(axis=0)
        if cell.base is None:
            bottom, d_bottom = (1.0 if counts else weight[cell.group]), np.zeros_like(d_top)
        else:
            bottom, d_bottom = level[cell.base].sum(), slope[cell.base].sum(axis=0)
        share = top / bottom if bottom > 0 else np.nan
        values.append(share)
        slopes.append((d_top - share * d_bottom) / bottom if bottom > 0 else np.full_like(d_top, np.nan))
    return np.array(values), np.array(slopes) if gradient else None


def _members(fit: ChoiceResults, data: ChoiceData, of: Of) -> list[Member]:
    """Label, codes of the alternatives, and codes of those they are a share of (None for all), of what is asked for."""
    labels = list(map(plain, data.alternatives))
    if of == "alternatives":
        return [((label,), [code], None) for code, label in enumerate(labels)]
    inside = _inside(fit, data)
    if of == "nests":
        return [((nest,), codes, None) for nest, codes in inside.items()]
    nests = fit.spec.nests
    parent = nests.parents_of(labels)
    out: list[Member] = []
    for m, nest in enumerate(nests.nodes):
        for child, name in enumerate(nests.nodes):
            if nests.node_parent[child] == m:
                out.append(((nest, name), inside[name], inside[nest]))
        out += [((nest, labels[code]), [code], inside[nest]) for code in np.flatnonzero(parent == m).tolist()]
    return out


def _inside(fit: ChoiceResults, data: ChoiceData) -> dict[str, list[int]]:
    """Nest -> codes of the alternatives in it, at any depth."""
    nests = fit.spec.nests
    if nests is None:
        raise SpecificationError(f"a {fit.spec.family} logit has no nests; of='alternatives' is for all models")
    parent = nests.parents_of(list(map(plain, data.alternatives)))
    inside: dict[str, list[int]] = {node: [] for node in nests.nodes}
    for code, nest in enumerate(parent):
        at = int(nest)
        while at >= 0:
            inside[nests.nodes[at]].append(code)
            at = int(nests.node_parent[at])
    return inside


@traced
def tree_probabilities(fit: ChoiceResults, data: ChoiceData | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of each case, the probability of every nest, and of every alternative and nest within the nest it stands in.

    Returns
    -------
    (n, M) and (n, J + M) frames; within a nest that a case cannot choose the second is zero.

    Raises
    ------
    SpecificationError : a model without nests.
    """
    held = prepared(fit, data)
    inside = _inside(fit, held)
    p = fit.predict(data)
    nest = pd.DataFrame({name: p.iloc[:, codes].sum(axis=1) for name, codes in inside.items()}, index=p.index)
    nests = fit.spec.nests
    labels = list(map(plain, held.alternatives))
    parent = nests.parents_of(labels)

    def share(top: pd.Series, m: int) -> pd.Series:
        if m < 0:
            return top
        bottom = nest[nests.nodes[m]]
        return top.div(bottom).where(bottom > 0, 0.0)

    within = {label: share(p.iloc[:, code], int(parent[code])) for code, label in enumerate(labels)}
    for m, name in enumerate(nests.nodes):
        within[name] = share(nest[name], int(nests.node_parent[m]))
    return nest, pd.DataFrame(within, index=p.index)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Probabilities (n, J), what was chosen (n,), weights (n,)."""

    p: Floats
    chosen: NDArray[np.intp]
    weights: Floats
    labels: list[Any]


def _seen(fit: ChoiceResults, data: ChoiceData | None) -> _Seen:
    held = prepared(fit, data)
    if held.chosen is None or held.picked is not None:
        raise DataError("predictions are compared with choices; these data hold none, or several a case")
    weights = np.ones(held.n_cases) if held.weights is None else np.array(held.weights)
    return _Seen(fit.predict(data).to_numpy(), held.chosen, weights, list(map(plain, held.alternatives)))


@traced
def calibration(fit: ChoiceResults, data: ChoiceData | None = None, bins: int = 10) -> pd.DataFrame:
    """Observed against predicted by size of the predicted probability, over all pairs of a case and an alternative.

    Returns
    -------
    DataFrame with one row a bin of about equal weight: ``pairs``, their number; ``predicted`` and ``observed``,
    weighted means; ``std_error`` of the observed mean if the predictions are right.

    Raises
    ------
    DataError : data without choices. OptionError : bins.
    """
    if not isinstance(bins, int) or isinstance(bins, bool) or bins < 1:
        raise OptionError.of("bins", bins, "a whole number of at least 1")
    seen = _seen(fit, data)
    y = np.zeros(seen.p.shape)
    y[np.arange(len(y)), seen.chosen] = 1.0
    weight = np.broadcast_to(seen.weights[:, None], y.shape)
    here = (seen.p > 0) | (y > 0)
    p, y, w = seen.p[here], y[here], weight[here]
    # pairs that differ by rounding alone are ties, and keep the order of the data
    order = np.argsort(np.round(p, 12), kind="stable")
    p, y, w = p[order], y[order], w[order]
    edge = np.minimum((np.cumsum(w) - w / 2) / w.sum() * bins, bins - 1).astype(int)
    total = np.bincount(edge, weights=w, minlength=bins)
    keep = total > 0
    frame = {
        "pairs": np.bincount(edge, minlength=bins)[keep],
        "predicted": np.bincount(edge, weights=w * p, minlength=bins)[keep] / total[keep],
        "observed": np.bincount(edge, weights=w * y, minlength=bins)[keep] / total[keep],
        "std_error": np.sqrt(np.bincount(edge, weights=w**2 * p * (1 - p), minlength=bins)[keep]) / total[keep],
    }
    return pd.DataFrame(frame, index=pd.RangeIndex(1, int(keep.sum()) + 1, name="bin"))


@traced
def hit_table(fit: ChoiceResults, data: ChoiceData | None = None, expected: bool = False) -> pd.DataFrame:
    """(J, J) weighted numbers of cases, what was chosen x what was predicted.

    Parameters
    ----------
    expected : add up the probabilities; otherwise each case counts for its most probable alternative (the first of
        equals).
    """
    seen = _seen(fit, data)
    n = len(seen.labels)
    table = np.zeros((n, n))
    if expected:
        np.add.at(table, seen.chosen, seen.p * seen.weights[:, None])
    else:
        np.add.at(table, (seen.chosen, seen.p.argmax(axis=1)), seen.weights)
    index = pd.Index(seen.labels, name="chosen", tupleize_cols=False)
    return pd.DataFrame(table, index=index, columns=pd.Index(seen.labels, name="predicted", tupleize_cols=False))


@traced
def scores(fit: ChoiceResults, data: ChoiceData | None = None) -> pd.Series:
    """How well the predictions do: ``log score``, ``Brier score``, ``hit rate``, weighted means, and ``cases``."""
    seen = _seen(fit, data)
    return pd.Series(score_values(seen.p, seen.chosen, seen.weights), name="scores")


def score_values(p: Floats, chosen: NDArray[np.intp], weights: Floats) -> Mapping[str, float]:
    """The scores of (n, J) probabilities."""
    own = p[np.arange(len(p)), chosen]
    with np.errstate(divide="ignore"):
        logs = np.log(own)
    total = weights.sum()
    counted = weights > 0
    return {
        "log score": float(weights[counted] @ logs[counted]) / total,
        "Brier score": float(weights @ ((p**2).sum(axis=1) - 2 * own + 1)) / total,
        "hit rate": float(weights @ (p.argmax(axis=1) == chosen)) / total,
        "cases": float(counted.sum()),
    }
