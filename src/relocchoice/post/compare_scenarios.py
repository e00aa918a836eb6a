"""What a scenario changes: shares, counts and inclusive values of the same cases before and after, with their errors.

Both worlds are functions of the same estimates, so the error of a difference is that of the paired difference: by the
delta method from the gradient of the difference, or by Krinsky and Robb from draws that both worlds share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show_some
from relocchoice.data.provenance import joint_provenance, traced
from relocchoice.errors import OptionError
from relocchoice.post.inferred import Inferred, Interval, Sampling, infer, ordered_index, weights_note
from relocchoice.post.money import marginal_utility
from relocchoice.post.movements import one_a_case
from relocchoice.post.scenario import Scenario
from relocchoice.post.scenario_figures import Pair
from relocchoice.post.scenario_steps import Change
from relocchoice.post.scenario_table import ScenarioComparison
from relocchoice.post.settings import case_groups, variables_of
from relocchoice.post.worlds import World, baseline, under

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
OPTIONAL = ("nests", "logsum", "bounds")
KINDS = ("zero sum", "nested logit", "positive sum")
ALL = "(all)"


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """(n,) codes and the labels of the groups; the name of their column, or None for a single group."""

    codes: Ints
    labels: tuple[Any, ...]
    name: str | None


def compare_scenarios(
    fit: ChoiceResults,
    scenarios: Scenario | Sequence[Scenario],
    data: ChoiceData | None = None,
    *,
    by: str | None = None,
    cost: str | None = None,
    interval: Interval = "delta",
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> ScenarioComparison:
    """Compare each scenario with the data as they are.

    Parameters
    ----------
    fit : of any model but one of sets.
    scenarios : one or several, with different names.
    data : other cases; None for those of the fit.
    by : a column with one value a case: figures of each group.
    cost : name of the coefficient of money paid (:func:`relocchoice.post.money.marginal_utility`): the change of the
        inclusive value is then also given in money.
    interval, alpha, draws, seed : ``"delta"`` or ``"krinsky-robb"`` intervals that cover with probability 1 - alpha.

    Raises
    ------
    DataError : a scenario does not fit the data or changes nothing; a fit without data.
    SpecificationError : a model of sets, a cost that is no price of utility.
    OptionError : an option that is not valid, two scenarios of one name.
    """
    sampling = Sampling(interval, alpha, draws, seed)
    wanted = _read(scenarios)
    base = baseline(fit, data)
    if cost is not None:
        marginal_utility(fit, cost, base.data, base.data)  # refused before anything is computed
    groups = _Groups(*case_groups(base.data, by), by)
    parts = [_compared(fit, base, scenario, groups, cost, sampling) for scenario in wanted]
    notes = [weights_note(fit, base.data.weights is not None, base.data.weight_kind)]
    notes += [note for part in parts for note in part.notes]
    if base.tree is None:
        notes.append("No inclusive values: the non-normalised nested logit is no utility-maximising choice.")
    notes += [note for part in parts for note in part.how]
    if interval == "delta" and base.tree is not None:
        notes.append("Errors of inclusive values, money and bounds: gradients by central differences.")
    held = {kind: [part.frames[kind] for part in parts if kind in part.frames] for kind in OPTIONAL}
    whole = {kind: _stacked(frames) if frames else None for kind, frames in held.items()}
    return ScenarioComparison(
        scenarios=tuple(scenario.name for scenario in wanted),
        by=by,
        table=_stacked([part.frames["table"] for part in parts]),
        **whole,
        notes=tuple(dict.fromkeys(notes)),
        interval=interval,
        alpha=alpha,
        provenance=joint_provenance(fit, data),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The frames of one scenario by name, what is said of it, and how the errors came."""

    frames: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]
    how: tuple[str, ...]


def _compared(
    fit: ChoiceResults, base: World, scenario: Scenario, groups: _Groups, cost: str | None, sampling: Sampling
) -> _Part:
    """One scenario against the data as they are."""
    other = under(fit, base, scenario)
    pair = Pair(base, other, groups.codes, len(groups.labels))
    notes = [*other.data.notes[len(base.data.notes) :], *_idle(fit, base, other, scenario)]
    found = _share_frames(fit, pair, scenario, groups, sampling)
    frames = {**found.frames, **_welfare(fit, pair, scenario, groups, cost, sampling)}
    why = _why_no_bounds(base.data, pair, scenario)
    if why:
        notes.append(f"No bounds of the counts for {scenario.name!r}: {why}.")
    else:
        frames["bounds"] = _bounds(fit, pair, scenario, sampling)
    return _Part(frames, tuple(notes), found.how)


@traced
def predict_scenario(fit: ChoiceResults, scenario: Scenario, data: ChoiceData | None = None) -> pd.DataFrame:
    """(n, J) probabilities under a scenario, the new alternatives last; zero where an alternative is not available."""
    if not isinstance(scenario, Scenario):
        raise OptionError.of("scenario", scenario, "a Scenario")
    world = under(fit, baseline(fit, data), scenario)
    theta = np.array(fit.moments.theta, dtype=float)
    return pd.DataFrame(world.probabilities(theta), index=world.data.cases, columns=world.data.alternatives)


def _read(scenarios: Any) -> list[Scenario]:
    wanted = [scenarios] if isinstance(scenarios, Scenario) else scenarios
    if isinstance(wanted, Mapping) or not isinstance(wanted, Sequence) or not wanted:
        raise OptionError.of("scenarios", scenarios, "a Scenario or a list of them")
    for one in wanted:
        if not isinstance(one, Scenario):
            raise OptionError.of("scenarios", one, "a Scenario or a list of them")
    names = [one.name for one in wanted]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise OptionError(
            f"two scenarios are called {twice[0]!r}; give them names: Scenario('cheap land'), .named(...)"
        )
    return list(wanted)


# --------------------------------------------------------------------------------------------------------- figures


def _share_frames(fit: ChoiceResults, pair: Pair, scenario: Scenario, groups: _Groups, sampling: Sampling) -> _Part:
    """Shares of the alternatives, and of the nests at every level, which are sums of them."""
    members, labels = _members(fit, pair)
    n_shares, n = members.shape

    def function(theta: Floats, wants: bool) -> tuple[Floats, Floats | None]:
        values, slopes = pair.shares(theta, wants)
        values = values @ members
        flat = np.concatenate([values[0], values[1], values[1] - values[0]], axis=None)
        if slopes is None:
            return flat, None
        summed = np.einsum("kgjp,jm->kgmp", slopes, members)
        return flat, np.stack([summed[0], summed[1], summed[1] - summed[0]]).reshape(len(flat), -1)

    found = infer(fit, function, sampling)
    rows = np.arange(pair.n_groups * n, dtype=np.intp).reshape(pair.n_groups, n)
    index = _index(scenario, groups, "alternative", pair.alternatives.tolist())
    frames = {"table": _three(pair, found, rows[:, :n_shares], index)}
    if labels:
        frames["nests"] = _three(pair, found, rows[:, n_shares:], _index(scenario, groups, "nest", labels))
    return _Part(frames, (), found.notes)


def _members(fit: ChoiceResults, pair: Pair) -> tuple[Floats, tuple[str, ...]]:
    """(J, J + M) which alternatives each alternative and each nest holds, and the names of the nests."""
    n, nests, tree = len(pair.alternatives), fit.spec.nests, pair.other.nodes
    if nests is None or tree is None:
        return np.eye(n), ()
    out = np.zeros((n, n + len(nests.nodes)))
    out[:, :n] = np.eye(n)
    for leaf, node in enumerate(tree.leaf_parent):
        at = int(node)
        while at > 0:
            out[leaf, n + at - 1] = 1.0
            at = int(tree.parent[at])
    return out, nests.nodes


def _three(pair: Pair, found: Inferred, rows: Ints, index: pd.MultiIndex) -> pd.DataFrame:
    """One row a share, before, after, the difference with its errors, and the counts; rows (G, B) of each third."""
    whole = found.frame(pd.RangeIndex(len(found.values)))
    n, flat = len(found.values) // 3, rows.ravel()
    before, after, gap = (whole.iloc[k * n + flat].set_axis(index) for k in range(3))
    total = np.repeat(pair.totals, rows.shape[1])
    return pd.DataFrame(
        {
            "baseline": before["estimate"],
            "scenario": after["estimate"],
            "difference": gap["estimate"],
            **{name: gap[name] for name in ("std_error", "z", "p_value", "lower", "upper")},
            "baseline_se": before["std_error"],
            "scenario_se": after["std_error"],
            "baseline_count": before["estimate"] * total,
            "scenario_count": after["estimate"] * total,
            "difference_count": gap["estimate"] * total,
            "difference_count_se": gap["std_error"] * total,
        },
        index=index,
    )


def _welfare(
    fit: ChoiceResults, pair: Pair, scenario: Scenario, groups: _Groups, cost: str | None, sampling: Sampling
) -> dict[str, pd.DataFrame]:
    """Mean inclusive values, and their change in money."""
    if pair.base.tree is None:
        return {}
    price = None if cost is None else marginal_utility(fit, cost, pair.base.data, pair.other.data)

    def function(theta: Floats, wants: bool) -> tuple[Floats, Floats | None]:
        unit = np.ones(1) if price is None else price.at(theta) * _units(pair, theta)
        before, after, money = pair.logsums(theta, unit)
        return np.concatenate([before, after, after - before, money]), None

    found = infer(fit, function, sampling)
    whole, n = found.frame(pd.RangeIndex(len(found.values))), pair.n_groups
    measures = ["inclusive value", *(["money"] if price else [])]
    frames = []
    for k, measure in enumerate(measures):
        gap = whole.iloc[(2 + k) * n : (3 + k) * n].reset_index(drop=True)
        known = measure == "inclusive value"
        frame = pd.DataFrame(
            {
                "baseline": found.values[:n] if known else np.nan,
                "scenario": found.values[n : 2 * n] if known else np.nan,
                "difference": gap["estimate"],
                **{name: gap[name] for name in ("std_error", "z", "p_value", "lower", "upper")},
            }
        )
        frames.append(frame.set_axis(_index(scenario, groups, "measure", [measure])))
    return {"logsum": pd.concat(frames)}


def _units(pair: Pair, theta: Floats) -> float:
    """Units of the root in one unit of the table's coefficients."""
    return 1.0 if pair.base.reference is None else float(pair.base.scales(theta)[1 + pair.base.reference])


def _bounds(fit: ChoiceResults, pair: Pair, scenario: Scenario, sampling: Sampling) -> pd.DataFrame:
    """Changes of the counts under both readings of the coefficients, and of their sum."""

    def function(theta: Floats, wants: bool) -> tuple[Floats, Floats | None]:
        each = pair.bounds(theta)
        return np.concatenate([each, each.sum(axis=1, keepdims=True)], axis=1).ravel(), None

    found = infer(fit, function, sampling)
    n = len(pair.alternatives) + 1
    values, errors = found.values.reshape(3, n), found.errors.reshape(3, n)
    single = pair.other.tree is not None and len(pair.other.tree.parent) == 1
    out = {}
    for k, kind in enumerate(KINDS):
        if not (single and kind == "nested logit"):
            out[kind], out[f"{kind} se"] = values[k], errors[k]
    labels = [(scenario.name, label) for label in [*pair.alternatives.tolist(), ALL]]
    return pd.DataFrame(out, index=ordered_index(labels, ["scenario", "alternative"]))


def _why_no_bounds(data: ChoiceData, pair: Pair, scenario: Scenario) -> str:
    cases = [step.column for step in scenario.steps if isinstance(step, Change) and one_a_case(data, step.column)]
    if cases:
        return (
            f"{show_some(dict.fromkeys(cases))} is the same for all alternatives of a case, so what it adds to all of "
            "them is not known from choices, and Poisson's counts would depend on it"
        )
    return pair.why_no_bounds()


# ----------------------------------------------------------------------------------------------------------- words


def _idle(fit: ChoiceResults, base: World, other: World, scenario: Scenario) -> list[str]:
    """Which steps change what the model does not read."""
    known = variables_of(fit, base.data)
    named = dict.fromkeys(step.column for step in scenario.steps if isinstance(step, Change))
    notes = [
        f"Scenario {scenario.name!r} changes {name!r}, which stands in no utility of this model: that moves nothing."
        for name in named
        if name not in known
    ]
    if not notes and _same(base, other):
        notes = [f"Scenario {scenario.name!r} leaves all utilities as they are: nothing moves."]
    return notes


def _same(base: World, other: World) -> bool:
    if base.data.n_rows != other.data.n_rows or base.data.n_alternatives != other.data.n_alternatives:
        return False
    pairs = [(a.values, b.values) for a, b in zip(base.columns.columns, other.columns.columns, strict=True)]
    pairs.append((base.columns.offset, other.columns.offset))
    return all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)


def _index(scenario: Scenario, groups: _Groups, level: str, labels: Sequence[Any]) -> pd.MultiIndex:
    if groups.name is None:
        return ordered_index([(scenario.name, label) for label in labels], ["scenario", level])
    keys = [(scenario.name, group, label) for group in groups.labels for label in labels]
    return ordered_index(keys, ["scenario", groups.name, level])


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat(frames)
    return whole.set_axis(ordered_index(whole.index.tolist(), [str(name) for name in whole.index.names]))
