"""The two steps of a nested logit as fits of their own: which terms, cases and alternatives belong to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.engine.bind import degenerate_lambdas
from relocchoice.errors import DataError, IdentificationError, SpecificationError
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation.ready_models.inclusive import Inclusive, Tops, inclusive_values, tops_of
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.rebound import rebound
from relocchoice.spec.nests import ROOT, NestTree

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
INCLUSIVE = "inclusive value"
KNOWN = "known utility"
CHOSEN, CASE, ALTERNATIVE = "taken", "case position", "member"
STILL, SAME = 1e-12, 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """A nested logit's choices as plain arrays; n cases, J alternatives, R rows, K terms, T outermost members.

    Attributes
    ----------
    data : as the full-information fit used them.
    names : (K,) terms; columns : (R, K) their values; offset : (R,) or None; offset_name : the text of it.
    case : (R,) case of each row; top : (R,) outermost member of each row; chosen : (R,) bool.
    chosen_top : (n,) member that was chosen.
    tree : with the labels of the data; tops : its outermost level.
    common : one lambda for all nests.
    fixed : lambdas that nothing identifies, held at one.
    """

    data: ChoiceData
    names: tuple[str, ...]
    columns: Floats
    offset: Floats | None
    offset_name: str
    case: Ints
    top: Ints
    chosen: Bools
    chosen_top: Ints
    tree: NestTree
    tops: Tops
    common: bool
    fixed: tuple[str, ...]

    @property
    def labels(self) -> tuple[object, ...]:
        """(J,) alternatives."""
        return tuple(self.data.alternatives)


@dataclass(frozen=True, slots=True, eq=False)
class Lower:
    """The first step.

    Attributes
    ----------
    fit : of the alternative within the chosen nest.
    cases : (n_1,) positions of its cases among all; terms : (k,) positions of its terms.
    moved : term of the second step -> (k,) combination of the first step's that it equals, but for a value that is the
        same for all alternatives of a nest; zeros for terms that do not differ within nests.
    offset : name of the offset where it is estimated here, else None.
    rho : nest -> dissimilarity relative to the first nest's.
    rho_names, free_rho : names of the lambdas among the fit's parameters, and those that are estimated.
    utilities : (R,) x'b of all rows.
    notes : sentences.
    """

    fit: ChoiceResults
    cases: Ints
    terms: tuple[int, ...]
    moved: Mapping[int, Floats]
    offset: str | None
    rho: Mapping[str, float]
    rho_names: tuple[str, ...]
    free_rho: tuple[str, ...]
    utilities: Floats
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Upper:
    """The second step.

    Attributes
    ----------
    fit : of the outermost member.
    inclusive : name of the coefficient of the inclusive value; value : the inclusive values.
    case, top : (S,) case and member of its rows; columns : (S, q) in the order of its parameters.
    notes : sentences.
    """

    fit: ChoiceResults
    inclusive: str
    value: Inclusive
    case: Ints
    top: Ints
    columns: Floats
    notes: tuple[str, ...]


def choices_of(model: NestedLogit, full: ChoiceResults) -> Choices:
    """Arrays of the data that a full-information fit was made on.

    Raises
    ------
    SpecificationError : a term is not generic, or no nest holds two alternatives.
    """
    data = rebound(full, None).data
    encoded = full.encoding.columns(data)
    strange = [column.label for column in encoded.columns if column.level != "row" or np.ndim(column.coef) > 0]
    if strange:
        raise SpecificationError(
            f"term {strange[0]!r} is not generic: two steps take terms of the formula's first part and '| 0'; write "
            "constants and firm columns as products with indicators of the alternatives"
        )
    columns = np.zeros((data.n_rows, len(encoded.names)))
    for column in encoded.columns:
        columns[:, int(np.asarray(column.coef))] += np.asarray(column.values)
    nests = model.spec.nests
    assert nests is not None
    labels = tuple(data.alternatives)
    tree = nests.check(labels)
    tops = tops_of(tree, labels)
    if not tops.real.any():
        raise SpecificationError("no outermost nest holds two alternatives, so there is no first step")
    if tops.real.sum() == 1 and len(tops.labels) == 1:
        raise SpecificationError("one nest holds every alternative, so there is no second step")
    case = data.row_case()
    chosen = data.row_alternative == np.asarray(data.chosen)[case]
    return Choices(
        data=data,
        names=tuple(map(_plain, encoded.names)),
        columns=columns,
        offset=encoded.offset,
        offset_name=_plain(str(getattr(model.spec.specification, "offset", "") or "offset")),
        case=case,
        top=tops.of[data.row_alternative],
        chosen=chosen,
        chosen_top=tops.of[np.asarray(data.chosen)],
        tree=tree,
        tops=tops,
        common=model.lambdas == "common",
        fixed=degenerate_lambdas(model.spec),
    )


def _plain(name: str) -> str:
    """A name that can stand in backticks."""
    return name.replace("`", "")


def lower_step(model: NestedLogit, choices: Choices, options: Mapping[str, Any]) -> Lower:
    """The alternative within the chosen nest.

    Raises
    ------
    DataError : no case has a choice within its nest.
    """
    mine = choices.top == choices.chosen_top[choices.case]
    several = np.bincount(choices.case[mine], minlength=choices.data.n_cases) > 1
    rows = np.flatnonzero(mine & several[choices.case])
    if not len(rows):
        raise DataError("no case has a choice within the nest that it chose, so there is no first step")
    terms, moved = _split(choices.columns[rows], choices.case[rows])
    if not terms:
        raise SpecificationError("no term differs between the alternatives of a nest, so there is no first step")
    named = {choices.names[k]: choices.columns[:, k] for k in terms}
    offset = None
    if choices.offset is not None and _varies(choices.offset, choices.case, rows):
        offset = choices.offset_name
        named[offset] = choices.offset
    labels = np.asarray(choices.data.alternatives, dtype=object)[choices.data.row_alternative[rows]]
    frame = pd.DataFrame({name: values[rows] for name, values in named.items()})
    data = _data(choices, frame, choices.case[rows], labels, choices.chosen[rows])
    formula = f"{CHOSEN} ~ {' + '.join(f'`{name}`' for name in named)} | 0"
    tree = None if choices.common else _within(choices.tree, set(labels.tolist()))
    if tree is None:
        fit = MultinomialLogit(formula).fit(data, **options)
        lambdas: tuple[str, ...] = ()
    else:
        first = f"lambda:{tree.nodes[0]}"
        fit = NestedLogit(formula, tree, fixed={first: 1.0}).fit(data, **options)
        lambdas = tuple(f"lambda:{node}" for node in tree.nodes)
    free = tuple(name for name in lambdas if fit.parameters.loc[name, "status"] == "free")
    rho = {node: float(fit.params.get(f"lambda:{node}", 1.0)) for node in choices.tree.nodes}
    coefficients = fit.params[list(named)].to_numpy(dtype=float)
    first_nest = "" if tree is None else f" (scale of nest {tree.nodes[0]!r})"
    note = f"First step{first_nest}: {', '.join(named)}; {len(np.unique(choices.case[rows])):,} cases."
    told = () if offset is None else (f"{offset} has a known coefficient of one; the first step estimates it.",)
    return Lower(
        fit=fit,
        cases=np.unique(choices.case[rows]),
        terms=terms,
        moved=moved,
        offset=offset,
        rho=rho,
        rho_names=lambdas,
        free_rho=free,
        utilities=np.column_stack(list(named.values())) @ coefficients,
        notes=(note, *told),
    )


def _split(columns: Floats, case: Ints) -> tuple[tuple[int, ...], dict[int, Floats]]:
    """Terms that the first step can tell apart, in order, and for each other term what it equals within the nests."""
    _, of = np.unique(case, return_inverse=True)
    size = np.bincount(of)
    centred = np.stack([c - (np.bincount(of, weights=c) / size)[of] for c in columns.T], axis=1)
    length = np.sqrt((centred**2).sum(axis=0))
    moving = length > STILL * np.sqrt(np.maximum((columns**2).sum(axis=0), 1.0))
    kept: list[int] = []
    told: dict[int, Floats] = {}
    for k in range(columns.shape[1]):
        found = np.zeros(len(kept))
        if moving[k] and kept:
            found = np.linalg.lstsq(centred[:, kept] / length[kept], centred[:, k] / length[k], rcond=None)[0]
            left = centred[:, k] / length[k] - centred[:, kept] / length[kept] @ found
            if np.linalg.norm(left) > SAME:
                kept.append(k)
                continue
            found = found * length[k] / length[kept]
        elif moving[k]:
            kept.append(k)
            continue
        told[k] = found
    width = len(kept)
    return tuple(kept), {k: _clean(np.pad(found, (0, width - len(found)))) for k, found in told.items()}


def _clean(weights: Floats) -> Floats:
    """Weights without the rounding that least squares leaves at whole numbers."""
    whole = np.round(weights)
    return np.where(np.abs(weights - whole) < SAME, whole, weights)


def _within(tree: NestTree, labels: set[object]) -> NestTree | None:
    """The tree of the alternatives that the first step has; what stands outside all nests is no part of it."""
    keep = [j for j, leaf in enumerate(tree.leaves) if leaf in labels and tree.leaf_parent[j] != ROOT]

    def inside(node: int) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for child in np.flatnonzero(tree.node_parent == node).tolist():
            found = inside(child)
            if found:
                out[tree.nodes[child]] = found
        return out | {tree.leaves[j]: None for j in keep if tree.leaf_parent[j] == node}

    nested = inside(ROOT)
    return NestTree.from_dict(nested) if any(value is not None for value in nested.values()) else None


def _varies(column: Floats, case: Ints, rows: Ints) -> bool:
    """Whether a column differs between the rows of some case."""
    at = case[rows]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    values = column[rows]
    spread = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    return bool(spread.max() > STILL * max(1.0, float(np.abs(values).max())))


def upper_step(choices: Choices, lower: Lower, options: Mapping[str, Any]) -> Upper:
    """The outermost member, with the inclusive value at the first step's estimates.

    Raises
    ------
    IdentificationError : a term differs only inside nests that nobody chose.
    """
    n, data = choices.data.n_cases, choices.data
    v = np.full((n, data.n_alternatives), -np.inf)
    v[choices.case, data.row_alternative] = lower.utilities
    value = inclusive_values(v, choices.tree, choices.labels, choices.tops, lower.rho)
    key = choices.case * len(choices.tops.labels) + choices.top
    _, first, of = np.unique(key, return_index=True, return_inverse=True)
    case, top = choices.case[first], choices.top[first]
    named: dict[str, Floats] = {}
    for k, combination in lower.moved.items():
        rest = choices.columns[:, k] - choices.columns[:, list(lower.terms)] @ combination
        named[choices.names[k]] = _one_value(rest, first, of, choices.names[k])
    named[INCLUSIVE] = value.value[case, top]
    columns = np.column_stack(list(named.values()))
    labels = np.asarray(choices.tops.labels, dtype=object)[top]
    frame = pd.DataFrame(dict(named))
    known = None
    if choices.offset is not None and lower.offset is None:
        known = KNOWN
        frame[KNOWN] = _one_value(choices.offset, first, of, choices.offset_name)
    made = _data(choices, frame, case, labels, choices.chosen_top[case] == top)
    formula = f"{CHOSEN} ~ {' + '.join(f'`{name}`' for name in named)} | 0"
    fit = MultinomialLogit(formula, offset=None if known is None else f"`{known}`").fit(made, **options)
    members = f"{len(choices.tops.labels)} nests and alternatives outside nests"
    note = f"Second step, {members}: {', '.join(named)}."
    return Upper(fit, INCLUSIVE, value, case, top, columns, (note,))


def _one_value(column: Floats, first: Ints, of: Ints, name: str) -> Floats:
    """(S,) the value of each case and member."""
    values = column[first]
    if np.abs(column - values[of]).max() > SAME * max(1.0, float(np.abs(column).max())):
        raise IdentificationError(
            f"term {name!r} differs between alternatives of a nest only where no case chose that nest: the first step "
            "cannot tell it and the second may not hold it; drop it"
        )
    return values


def _data(choices: Choices, frame: pd.DataFrame, case: Ints, labels: Any, chosen: Bools) -> ChoiceData:
    """Choices of one step, with the weights of their cases; a case with one alternative tells nothing and goes."""
    frame = frame.assign(**{CASE: case, ALTERNATIVE: labels, CHOSEN: chosen})
    order = list(dict.fromkeys(labels)) if len(labels) else []
    frame[ALTERNATIVE] = pd.Categorical(frame[ALTERNATIVE], categories=order)
    made = ChoiceData.from_long(frame, case=CASE, alternative=ALTERNATIVE, chosen=CHOSEN, single_alternative="keep")
    weights, kind = choices.data.weights, choices.data.weight_kind
    if weights is not None and kind is not None:
        made = made.with_weights(weights[np.asarray(made.cases, dtype=np.intp)], kind)
    return made.with_provenance(choices.data.provenance)
