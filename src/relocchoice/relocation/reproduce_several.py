"""Events with several destinations: what Table 6 can carry, and the four treatments on simulated events.

60 relocations of manufacturing name 87 destinations. The print has the sums, not which destinations one relocation
named together; what it takes to use that is shown on events drawn from the likelihood of sets of given size
(McFadden 1978's logit for one destination, its conditional form for m of J as in Gail, Lubin & Rubinstein 1981).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.population import spelled_out
from relocchoice.models import MultinomialLogit
from relocchoice.relocation import reproduce_destination_data as data
from relocchoice.relocation.reproduce_layout import Effect, Row, effect_rows
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.seed_checks import destinations_by_form, events_by_form
from relocchoice.relocation.seed_notes import listed
from relocchoice.relocation.taxonomy import destination_labels, period_labels
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.poisson import as_poisson
from relocchoice.results.several import HEADS, Treatments, compare_treatments
from relocchoice.results.table import Table

SEED = 2003
COPIES = 200
TRUTH = {"network": 1.0, "beyond_yueqing": -1.0, "beyond_yueqing:since_2000": 0.8}
FORMULA = "named ~ network + beyond_yueqing + beyond_yueqing:since_2000 | 0"
TREATMENTS = (*HEADS[:2], "counts, event effects", HEADS[2])
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class TableFits:
    """Manufacturing in three areas from the 87 destinations of Table 6.

    Attributes
    ----------
    named : relocations and the destinations they name, index the periods with any.
    each : every destination a case.
    shared : every destination weighted by relocations / destinations of its period, errors robust.
    """

    named: pd.DataFrame
    each: ChoiceResults
    shared: ChoiceResults


def named_by_period() -> pd.DataFrame:
    """Relocations of manufacturing (Table 4) and the destinations they name (Table 6); index the periods with any."""
    periods = list(period_labels())
    frame = pd.DataFrame(
        {
            "relocations": events_by_form().loc[periods, data.MANUFACTURING],
            "destinations": [destinations_by_form(period).loc[data.MANUFACTURING].sum() for period in periods],
        },
        index=pd.Index(periods, name="period"),
    ).astype(int)
    return frame[frame["relocations"] > 0]


def table_fits() -> TableFits:
    """Both fits of manufacturing's destinations in three areas."""
    named = named_by_period()
    each = data.manufacturing_pooled()
    spelled = spelled_out(each)
    share = named["relocations"] / named["destinations"]
    weights = spelled.case_frame(["period"])["period"].map(share).to_numpy(dtype=float)
    model = MultinomialLogit("area ~ 0 | since_2000", base=data.POOLED[0])
    shared = model.fit(spelled.with_weights(weights, "sampling"), "robust", small_sample=False)
    return TableFits(named, model.fit(each), shared)


# ---------------------------------------------------------------------------------------------------- simulated


def numbers_named(relocations: int, destinations: int) -> Ints:
    """(relocations,) how many destinations each names, 1 to 3, adding up to ``destinations``."""
    further = destinations - relocations
    threes = further // 4
    twos = further - 2 * threes
    return np.repeat([1, 2, 3], [relocations - twos - threes, twos, threes])


def simulated_events(copies: int = 1, seed: int = SEED) -> ChoiceData:
    """Simulated events, as many as in Table 4 times ``copies``, that name as many of the 8 destinations of Table 6.

    Of an event, ``network`` (a standard normal number for each destination) and the set named are drawn; the set with
    probability proportional to exp(sum of its utilities) among all sets of its size.
    """
    rng = np.random.default_rng(seed)
    places, named = list(destination_labels()), named_by_period()
    sizes = [numbers_named(*row) for row in named.itertuples(index=False)]
    since = np.tile(np.repeat((named.index == data.SINCE).astype(int), [len(part) for part in sizes]), copies)
    size = np.tile(np.concatenate(sizes), copies)
    beyond = np.array([place not in destination_labels("Yueqing") for place in places], dtype=int)
    network = rng.normal(size=(len(size), len(places)))
    columns = {"network": network, "beyond_yueqing": beyond, "beyond_yueqing:since_2000": beyond * since[:, None]}
    utility = sum(TRUTH[name] * np.asarray(column, dtype=float) for name, column in columns.items())
    taken = _drawn_sets(np.asarray(utility), size, rng)
    long = {
        "event": np.repeat(np.arange(len(size)), len(places)),
        "destination": np.tile(places, len(size)),
        "named": taken.ravel(),
        "network": network.ravel(),
        "beyond_yueqing": np.tile(beyond, len(size)),
        "since_2000": np.repeat(since, len(places)),
    }
    return ChoiceData.from_long(long, case="event", alternative="destination", chosen="named", several=True)


def _drawn_sets(utility: NDArray[np.float64], size: Ints, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n, J) a set of the given size for each row, by the largest of the sets' utilities plus Gumbel errors."""
    taken = np.zeros(utility.shape, dtype=bool)
    for m in np.unique(size).tolist():
        sets = np.array(list(combinations(range(utility.shape[1]), m)))
        at = np.flatnonzero(size == m)
        value = utility[at][:, sets].sum(axis=2) + rng.gumbel(size=(len(at), len(sets)))
        taken[at[:, None], sets[value.argmax(axis=1)]] = True
    return taken


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFits:
    """The treatments of simulated events.

    Attributes
    ----------
    sample, large : as many events as in Table 4, and :data:`COPIES` times as many.
    estimates, errors : of ``sample``; index the parameters, a column a treatment of :data:`TREATMENTS`.
    limits, limit_errors : of ``large``.
    """

    sample: Treatments
    large: Treatments
    estimates: pd.DataFrame
    errors: pd.DataFrame
    limits: pd.DataFrame
    limit_errors: pd.DataFrame


def simulated_fits() -> SimulatedFits:
    """The four treatments of a small and of a large simulated sample."""
    sample = compare_treatments(FORMULA, simulated_events())
    large = compare_treatments(FORMULA, simulated_events(COPIES))
    counts = as_poisson(sample.each).table
    estimates = _side_by_side([sample.each.params, sample.shared.params, counts["poisson"], sample.sets.params])
    errors = _side_by_side([sample.each.bse, sample.shared.bse, counts["poisson_se"], sample.sets.bse])
    # counts with event effects have the estimates of one case a destination, so their dummies need no second fit
    limits = _side_by_side([large.each.params, large.shared.params, large.each.params, large.sets.params])
    counted = large.each.with_cov("hessian").bse
    limit_errors = _side_by_side([large.each.bse, large.shared.bse, counted, large.sets.bse])
    return SimulatedFits(sample, large, estimates, errors, limits, limit_errors)


def _side_by_side(columns: list[pd.Series]) -> pd.DataFrame:
    return pd.concat(columns, axis=1, keys=list(TREATMENTS)).loc[list(TRUTH)]


# ------------------------------------------------------------------------------------------------------- tables


def several(folder: Folder = None) -> Reproduction:
    """Events with several destinations; ``folder`` is not needed."""
    fits, simulated = table_fits(), simulated_fits()
    return Reproduction(
        name="several",
        title="Events with several destinations: what Table 6 carries, and the four treatments on simulated events",
        tables={"several": _table(fits), "several_simulated": _simulated_table(simulated)},
        findings={"table6": _findings(fits), "simulated": _simulated_findings(simulated)},
    )


def _findings(fits: TableFits) -> dict[str, Any]:
    return {
        "named": fits.named.reset_index().to_dict("records"),
        "relocations": int(fits.named["relocations"].sum()),
        "destinations": int(fits.named["destinations"].sum()),
        "sum_of_weights": float(fits.shared.problem.data.weights.sum()),
        "params": fits.each.params.to_dict(),
        "params_weighted": fits.shared.params.to_dict(),
        "bse_destinations": fits.each.bse.to_dict(),
        "bse_weighted": fits.shared.bse.to_dict(),
    }


def _simulated_findings(held: SimulatedFits) -> dict[str, Any]:
    def nested(frame: pd.DataFrame) -> Mapping[str, Any]:
        return {str(name): column.to_dict() for name, column in frame.items()}

    return {
        "simulated": True,
        "seed": SEED,
        "events": held.sample.sets.n_cases,
        "destinations": held.sample.each.n_cases,
        "truth": dict(TRUTH),
        "estimates": nested(held.estimates),
        "standard_errors": nested(held.errors),
        "events_large": held.large.sets.n_cases,
        "estimates_large": nested(held.limits),
        "standard_errors_large": nested(held.limit_errors),
    }


def _table(fits: TableFits) -> Table:
    areas = [label for label in data.POOLED if label != data.POOLED[0]]
    heads = ("each destination a case", "weights relocations / destinations")
    rows: list[Row] = []
    for head, name in ((f"{data.BEFORE} (constants)", "Intercept:{}"), (f"{data.SINCE} less before", "since_2000:{}")):
        pair = zip(heads, (fits.each, fits.shared), strict=True)
        rows += [(head,), *effect_rows(areas, [Effect(label, fit, name) for label, fit in pair])]
    relocations, destinations = (fits.named[name].to_list() for name in ("relocations", "destinations"))
    words = [
        f"{few} name {many} ({period}, weight {few / many:.3f})"
        for period, few, many in zip(fits.named.index, relocations, destinations, strict=True)
    ]
    largest = math.sqrt(sum(destinations) / sum(relocations))
    return Table(
        title="Destination of manufacturing (Table 6): destinations as cases, and with the weight of relocations",
        columns=("Area", *heads),
        rows=tuple(rows),
        header=(
            ("Relocations (Table 4)", numbers.count(sum(relocations))),
            ("Destinations named (Table 6)", numbers.count(sum(destinations))),
            ("Sum of weights", f"{fits.each.nobs:g}; {fits.shared.problem.data.weights.sum():g}"),
            ("Base area", data.POOLED[0]),
        ),
        notes=(
            "Standard errors in ( ): inverse negative Hessian, and sandwich with weights.",
            f"Relocations and destinations: {listed(words)}. A weight that is one number in a period changes no share "
            "of it, so the estimates are the same, and so are the errors of a sandwich. If a relocation told no more "
            f"than one destination does, they would be {largest:.2f} times as large (the root of "
            f"{sum(destinations)}/{sum(relocations)}); how much more it tells depends on which destinations it names.",
            "Weights 1/m need the number each relocation named, errors by relocation and the likelihood of sets (m of "
            "J) need which destinations were named together. Neither can be had from Table 6; with the "
            "questionnaires, one row a relocation and destination, rc.compare_treatments gives all of them.",
        ),
    )


def _simulated_table(held: SimulatedFits) -> Table:
    rows: list[Row] = []
    for fits, estimates, errors in (
        (held.sample, held.estimates, held.errors),
        (held.large, held.limits, held.limit_errors),
    ):
        rows.append((f"{fits.sets.n_cases:,} events, {fits.each.n_cases:,} destinations",))
        for name, true in TRUTH.items():
            rows.append((name, f"{true:g}", *_three_decimals(estimates, name)))
            rows.append(("", "", *(f"({text})" for text in _three_decimals(errors, name))))
    return Table(
        title="Simulated events, not the survey's: four treatments of several destinations",
        columns=("Parameter", "true", *TREATMENTS),
        rows=tuple(rows),
        header=(
            ("Data", f"simulated, seed {SEED}"),
            ("Events", _numbers_named_in_words(held)),
            ("Destinations", f"{len(destination_labels())}, as in Table 6"),
        ),
        notes=(
            "Simulated: only the numbers of relocations and destinations of the two periods are Table 6's. The network "
            "variable (a standard normal number for each event and destination), the coefficients, and how many "
            "destinations one event names are made up. Each event's set is drawn by the likelihood of sets.",
            "Standard errors in ( ): clustered by event, but for the counts, whose errors are the inverse negative "
            "Hessian's as statsmodels gives them.",
            "Counts with event effects are a Poisson regression; its estimates are those of one case a destination "
            f"(largest difference {_gap(held):.0e}).",
            "One sample of this size shows sampling error above all; the lower block shows what each treatment "
            "estimates when there are many events: under this truth only the likelihood of sets has the true "
            "coefficients, because the others let an event choose the same destination twice.",
        ),
    )


def _three_decimals(frame: pd.DataFrame, name: str) -> list[str]:
    return [numbers.decimals(value, 3) for value in np.asarray(frame.loc[name], dtype=float).tolist()]


def _numbers_named_in_words(held: SimulatedFits) -> str:
    """How many simulated events name one, two and three destinations."""
    taken = np.asarray(held.sample.sets.problem.data.n_taken)
    return ", ".join(f"{int((taken == m).sum())} name {m}" for m in np.unique(taken).tolist())


def _gap(held: SimulatedFits) -> float:
    return float((held.estimates[TREATMENTS[2]] - held.estimates[TREATMENTS[0]]).abs().max())
