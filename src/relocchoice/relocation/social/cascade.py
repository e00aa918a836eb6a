"""Group migration: firms follow the firms of their own group, round after round.

In every round a firm goes to the place of the largest V_ij + s_ij m_gj + e_ij, where m_g are the shares of its market
in the round before. Its e_ij are its tastes: drawn once, and the same before and after the scenario and in every round
(common random numbers), so that a firm changes its place only where utilities changed in favour of the new one. Both
worlds start from the shares that firms expect at the estimates.

With two places and interactions that are not negative no firm leaves a place that has become better: by induction the
place has in every round the firms it would have had, and others (monotone best replies; Milgrom & Roberts 1990,
Econometrica 58). With more places a firm may leave it for a third one that draws the group more; that is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun
from relocchoice.errors import DataError, OptionError, SpecificationError
from relocchoice.post.derivatives import prepared
from relocchoice.post.gev_draws import errors_from
from relocchoice.post.scenario import Scenario
from relocchoice.post.scenario_steps import Addition, Change
from relocchoice.post.worlds import Tree
from relocchoice.relocation.social.markets import Markets, bind
from relocchoice.relocation.social.results import SocialResults
from relocchoice.results import numbers
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table
from relocchoice.spec.model import apply_unavailable

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cascade:
    """Where firms go before and after a scenario, when they follow each other.

    Attributes
    ----------
    scenario : its name.
    path : one row a round and place: ``round``, ``place``, counts ``baseline`` and ``scenario``, means over the draws.
    table : index the places: ``baseline`` and ``scenario`` in the last round, ``direct``, the change in the first
        round, when nobody has followed yet, and ``total``, the change in the last.
    switches : (J, J) counts in the last round, from the place before (rows) to that after (columns).
    left_improved : how many firms a draw leave a place that has become better for them, in the last round.
    by_noise : how many switches no change of utilities accounts for; zero by construction.
    settled : share of the draws in which both worlds came to rest.
    draws, seed : of the tastes; notes : in words.
    provenance : where the data of the fit come from, where nobody observed them.
    """

    scenario: str
    path: pd.DataFrame
    table: pd.DataFrame
    switches: pd.DataFrame
    left_improved: float
    by_noise: int
    settled: float
    draws: int
    seed: int
    notes: tuple[str, ...]
    provenance: str = ""

    def summary(self, format: Format = "text") -> Summary:
        """The table as one that prints itself in ``format``."""
        rows = tuple(
            (str(place), *(numbers.decimals(float(value), 2) for value in held))
            for place, held in zip(self.table.index, self.table.to_numpy(), strict=True)
        )
        heads = ("", "baseline", "scenario", "direct", "total")
        title = begun(self.provenance, f"Group migration, {self.scenario}")
        return Summary(Table(title, heads, rows, notes=self.notes), format)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().as_html()


for _name in ("path", "table", "switches"):
    setattr(Cascade, _name, CopiedFrame(vars(Cascade)[_name]))


def cascade(fit: SocialResults, scenario: Scenario, *, rounds: int = 100, draws: int = 20, seed: int = 0) -> Cascade:
    """Follow a scenario through the rounds in which firms follow each other.

    Parameters
    ----------
    fit : a logit with social interactions; coefficients are taken as they are estimated.
    scenario : what changes; places may become unavailable, but none may be added.
    rounds : at most; a draw stops where nobody moves any more.
    draws : of the tastes of every firm. seed : the same gives the same tastes, whatever the scenario.

    Raises
    ------
    DataError : the scenario does not fit the data, changes nothing, or changes the shares that the model makes.
    SpecificationError : it adds a place. OptionError : an argument that is not valid.
    """
    for name, value, least in (("rounds", rounds, 2), ("draws", draws, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise OptionError.of(name, value, f"a whole number of at least {least}")
    if not isinstance(fit, SocialResults):
        raise OptionError.of("fit", type(fit).__name__, "the results of a SocialLogit")
    before, after, notes = _worlds(fit, scenario)
    found = _follow(fit, before, after, int(rounds), int(draws), int(seed))
    places = fit.expected.columns.rename("place")
    path = found.path / draws
    columns = {
        "baseline": path[0, -1],
        "scenario": path[1, -1],
        "direct": path[1, 0] - path[0, 0],
        "total": path[1, -1] - path[0, -1],
    }
    return Cascade(
        scenario.name,
        _path(path[:, : found.longest], places),
        pd.DataFrame(columns, index=places),
        pd.DataFrame(found.switches / draws, index=places.rename("from"), columns=places.rename("to")),
        found.left / draws,
        found.noise,
        found.settled / draws,
        int(draws),
        int(seed),
        (*notes, *_words(draws, seed, found.settled, int(rounds), found.left / draws)),
        fit.provenance,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Sums over the draws: (2, rounds, J) counts of both worlds, (J, J) switches, those who left what became better.

    ``longest`` is the number of rounds after which both worlds had come to rest in every draw, or all.
    """

    path: Floats
    switches: Floats
    left: float
    noise: int
    settled: int
    longest: int


def _follow(fit: SocialResults, before: Markets, after: Markets, rounds: int, draws: int, seed: int) -> _Found:
    theta = fit.params.to_numpy(dtype=float)
    start = (fit.expected if fit.method in ("npl", "nfp") else fit.observed).to_numpy()
    worlds = _World.of(before, theta), _World.of(after, theta)
    j = before.open.shape[1]
    path, switches = np.zeros((2, rounds, j)), np.zeros((j, j))
    left, noise, settled, longest = 0.0, 0, 0, 1
    tree = Tree(np.array([-1], dtype=np.intp), np.zeros(j, dtype=np.intp))
    for draw in range(draws):
        uniforms = np.random.default_rng([seed, draw]).random(before.open.shape)
        tastes = errors_from(uniforms, tree, np.ones(1))
        runs = [_run(before, world, tastes, start, rounds) for world in worlds]
        path += np.stack([run.counts for run in runs])
        old, new = runs[0].chosen, runs[1].chosen
        rows = np.flatnonzero(old != new)
        np.add.at(switches, (old, new), before.weights)
        # of what is no longer available the utility fell without bound
        gain = np.where(np.isfinite(runs[1].utilities), runs[1].utilities, -np.inf) - np.where(
            np.isfinite(runs[0].utilities), runs[0].utilities, 0.0
        )
        noise += int((gain[rows, new[rows]] <= gain[rows, old[rows]]).sum())
        better = worlds[1].fixed[rows, old[rows]] > worlds[0].fixed[rows, old[rows]]
        left += float(before.weights[rows][better].sum())
        settled += int(runs[0].rested and runs[1].rested)
        longest = max(longest, runs[0].rounds, runs[1].rounds)
    return _Found(path, switches, left, noise, settled, longest)


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """(n, J) utilities at shares of zero, -inf where unavailable, and what a share of one adds."""

    fixed: Floats
    slope: Floats

    @classmethod
    def of(cls, markets: Markets, theta: Floats) -> _World:
        return cls(np.where(markets.open, markets.x @ theta, -np.inf), markets.slopes(theta))


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One world under one draw: (rounds, J) counts, (n,) choices and (n, J) utilities of the last round."""

    counts: Floats
    chosen: Ints
    utilities: Floats
    rested: bool
    rounds: int


def _run(markets: Markets, world: _World, tastes: Floats, start: Floats, rounds: int) -> _Run:
    n, j = tastes.shape
    counts = np.zeros((rounds, j))
    shares, last = start, np.full(n, -1, dtype=np.intp)
    for k in range(rounds):
        utilities = world.fixed + world.slope * shares[markets.market]
        chosen = (utilities + tastes).argmax(axis=1)
        counts[k] = np.bincount(chosen, weights=markets.weights, minlength=j)
        if (chosen == last).all():
            counts[k:] = counts[k]
            return _Run(counts, chosen, utilities, True, k + 1)
        one = np.zeros((n, j))
        one[np.arange(n), chosen] = markets.share_weights
        shares, last = markets.by_market(one), chosen
    return _Run(counts, chosen, utilities, False, rounds)


def _worlds(fit: SocialResults, scenario: Scenario) -> tuple[Markets, Markets, tuple[str, ...]]:
    """The cases before and after, in the same order, and what the scenario did."""
    if not isinstance(scenario, Scenario):
        raise OptionError.of("scenario", scenario, "a Scenario")
    peers = fit.model.peers
    if any(isinstance(step, Addition) for step in scenario.steps):
        raise SpecificationError(
            f"{scenario.name!r} adds a place: nobody is there whom others could follow, and the model does not say who "
            "goes first; compare_scenarios takes new places in a plain logit"
        )
    if any(isinstance(step, Change) and step.column == peers for step in scenario.steps):
        raise DataError(f"{scenario.name!r} changes {peers!r}, which follows from the choices; change what moves these")
    data = prepared(fit.plain, None)
    after = apply_unavailable(scenario.apply(data), fit.plain.spec, prediction=True)
    codes = np.empty(len(fit.markets.order), dtype=np.intp)
    codes[fit.markets.order] = fit.markets.market
    made: list[Markets] = []
    for held in (data, replace(after, chosen=data.chosen)):
        made.append(_bound(held, fit, codes))
    return made[0], made[1], tuple(after.notes[len(data.notes) :])


def _bound(data: ChoiceData, fit: SocialResults, codes: Ints) -> Markets:
    return bind(data, fit.plain.encoding, fit.model.peers, codes)


def _path(path: Floats, places: pd.Index) -> pd.DataFrame:
    rounds, j = path.shape[1:]
    return pd.DataFrame(
        {
            "round": np.repeat(np.arange(1, rounds + 1), j),
            "place": places[np.tile(np.arange(j), rounds)],
            "baseline": path[0].ravel(),
            "scenario": path[1].ravel(),
        }
    )


def _words(draws: int, seed: int, settled: int, rounds: int, left: float) -> tuple[str, ...]:
    said = [
        f"Counts of firms, means over {draws} draws of their tastes, the same before and after and in every round "
        f"(seed {seed}). Direct: the change before anybody has followed; total: when they have.",
        f"{numbers.decimals(left, 2)} firms a draw leave a place that has become better, for one that the others "
        "prefer; none by chance."
        if left
        else "No firm leaves a place that has become better.",
    ]
    if settled < draws:
        said.append(f"In {draws - settled} of {draws} draws firms were still moving after {rounds} rounds.")
    return tuple(said)
