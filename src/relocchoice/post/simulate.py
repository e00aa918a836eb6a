"""Microsimulation of scenarios with common random numbers: who goes where, and who stays.

Every case keeps its errors over all scenarios, so it moves only for a reason: nobody leaves an alternative that has
become better while the others have not. Cases are simulated in blocks; memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun, joint_provenance
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.post.gev_draws import check_lambdas, errors_from, n_uniforms
from relocchoice.post.inferred import weights_note
from relocchoice.post.scenario import Scenario
from relocchoice.post.worlds import World, baseline, blocks, under
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Microsimulation:
    """Choices simulated before and after a scenario.

    Attributes
    ----------
    scenario : its name.
    switches : (J, J) expected counts, from (rows) -> to (columns); who stays is on the diagonal.
    table : index the alternatives: expected counts ``baseline`` and ``scenario``, ``stayed``, ``came``, ``left``.
    movers : one row a case and draw that switches: ``case``, ``draw``, ``from``, ``to``; None unless asked for.
    draws, seed : of the errors; notes : how it was done.
    provenance : one line on where the data of the fit come from, where nobody observed them.
    """

    scenario: str
    switches: pd.DataFrame
    table: pd.DataFrame
    movers: pd.DataFrame | None
    draws: int
    seed: int
    notes: tuple[str, ...]
    provenance: str = ""

    @property
    def moved(self) -> float:
        """Expected number of cases that choose otherwise."""
        return float(self.table["left"].sum())

    def summary(self, format: Format = "text") -> Summary:
        """The table from -> to as one that prints itself in ``format``."""
        return Summary(_shown(self), format)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


# the dataclass made plain slots of them; wrapped, so that the frames inside are never handed out
for _name in ("switches", "table", "movers"):
    setattr(Microsimulation, _name, CopiedFrame(vars(Microsimulation)[_name]))


def simulate_scenario(
    fit: ChoiceResults,
    scenario: Scenario,
    data: ChoiceData | None = None,
    *,
    draws: int = 100,
    seed: int = 0,
    movers: bool = False,
) -> Microsimulation:
    """Simulate the choices of every case before and after a scenario, with the same errors.

    Parameters
    ----------
    fit : a multinomial or nested logit; coefficients are taken as they are estimated.
    data : other cases; None for those of the fit.
    draws : errors drawn for each case; a case counts in each with its weight / draws.
    seed : the same seed gives the same errors, and so the same choices before, whatever the scenario changes.
    movers : whether to keep who switches, one row each.

    Raises
    ------
    DataError : the scenario does not fit the data or changes nothing.
    SpecificationError : a model of sets or a non-normalised one, or lambdas under which no errors exist.
    OptionError : an option that is not valid.
    """
    if not isinstance(scenario, Scenario):
        raise OptionError.of("scenario", scenario, "a Scenario")
    for name, value, least in (("draws", draws, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise OptionError.of(name, value, f"a whole number of at least {least}")
    base = baseline(fit, data)
    other = under(fit, base, scenario)
    theta = np.array(fit.moments.theta, dtype=float)
    found = _simulated(base, other, theta, fit, draws, seed, movers)
    labels = other.data.alternatives
    switches = pd.DataFrame(found.counts / draws, index=labels.rename("from"), columns=labels.rename("to"))
    notes = (
        weights_note(fit, base.data.weights is not None, base.data.weight_kind).replace("Averages", "Counts"),
        *other.data.notes[len(base.data.notes) :],
        f"{draws} draws of the errors of each case, the same before and after (seed {seed}); what was observed is not "
        "used. Coefficients as estimated: for intervals see compare_scenarios.",
    )
    return Microsimulation(
        scenario.name, switches, _margins(switches), found.movers, draws, seed, notes, joint_provenance(fit, data)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """(J, J) weighted counts from -> to, summed over the draws; who moved."""

    counts: Floats
    movers: pd.DataFrame | None


def _simulated(
    base: World, other: World, theta: Floats, fit: ChoiceResults, draws: int, seed: int, movers: bool
) -> _Found:
    tree, scale = other.tree, other.scales(theta)
    if tree is None or base.tree is None:
        raise SpecificationError(
            "the non-normalised nested logit is no utility-maximising choice, so it has no errors to draw; fit with "
            "normalisation='utility'"
        )
    check_lambdas(tree, scale, () if fit.spec.nests is None else fit.spec.nests.nodes)
    j, u, known = other.data.n_alternatives, n_uniforms(tree), base.data.n_alternatives
    before, after, weights = base.utilities(theta), other.utilities(theta), base.weights
    # errors of new alternatives come from a stream of their own: those of the others are the same without them
    rng, rng_new = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    counts = np.zeros(j * j)
    kept: list[tuple[Ints, Ints, Ints, Ints]] = []
    for start, stop in blocks(base.data.n_cases, draws * (u + 2 * j)):
        # uniforms are drawn case by case in one stream, so the size of the blocks does not matter
        first = rng.random((stop - start, draws, u - (j - known)))
        fresh = rng_new.random((stop - start, draws, j - known))
        uniforms = np.concatenate([first[..., :known], fresh, first[..., known:]], axis=2)
        errors = errors_from(uniforms, tree, scale)
        old = np.full((stop - start, j), -np.inf)
        old[:, :known] = base.dense(before, start, stop)
        come = (old[:, None] + errors).argmax(axis=2)
        go = (other.dense(after, start, stop)[:, None] + errors).argmax(axis=2)
        held = np.broadcast_to(weights[start:stop, None], come.shape)
        counts += np.bincount((come * j + go).ravel(), weights=held.ravel(), minlength=j * j)
        if movers:
            case, draw = np.nonzero(come != go)
            kept.append((case + start, draw, come[case, draw], go[case, draw]))
    return _Found(counts.reshape(j, j), _movers(kept, other.data) if movers else None)


def _movers(kept: Sequence[tuple[Ints, Ints, Ints, Ints]], data: ChoiceData) -> pd.DataFrame:
    case, draw, origin, target = (np.concatenate([part[k] for part in kept]) for k in range(4))
    columns: dict[str, Any] = {
        "case": data.cases.take(case),
        "draw": draw,
        "from": data.alternatives.take(origin),
        "to": data.alternatives.take(target),
    }
    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})


def _margins(switches: pd.DataFrame) -> pd.DataFrame:
    """Counts of each alternative from the table from -> to."""
    counts = switches.to_numpy()
    stayed, before, after = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    columns = {"baseline": before, "scenario": after, "stayed": stayed, "came": after - stayed, "left": before - stayed}
    return pd.DataFrame(columns, index=switches.index.rename("alternative"))


def _shown(record: Microsimulation) -> Table:
    switches, table = record.switches, record.table
    labels = switches.index.tolist()
    shown = range(min(len(labels), MOST_SHOWN))

    def cells(values: Floats) -> list[str]:
        return ["" if value == 0 else numbers.decimals(float(value), 2) for value in values]

    rows = [(str(labels[k]), *cells(switches.iloc[k, list(shown)].to_numpy()), *cells(_foot(table, k))) for k in shown]
    left = len(labels) - len(shown)
    notes = (f"{left} more alternatives are in .switches.",) if left else ()
    heads = ("From \\ to", *(str(labels[k]) for k in shown), "Baseline", "Scenario")
    title = (
        f"Simulated choices, {record.scenario}: {numbers.decimals(record.moved, 2)} of {_total(table)} choose otherwise"
    )
    return Table(begun(record.provenance, title), heads, tuple(rows), notes=(*notes, *record.notes))


def _foot(table: pd.DataFrame, k: int) -> Floats:
    return table[["baseline", "scenario"]].iloc[k].to_numpy(dtype=float)


def _total(table: pd.DataFrame) -> str:
    return numbers.count(round(float(table["baseline"].sum()), 6))
