"""The main job: every table of the survey, the models estimated from them, and the published coefficient tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from relocchoice.errors import ConvergenceWarning, OptionError
from relocchoice.relocation.reproduce_destination import destination
from relocchoice.relocation.reproduce_form import form
from relocchoice.relocation.reproduce_plants import plants
from relocchoice.relocation.reproduce_published import published
from relocchoice.relocation.reproduce_ratings import ratings
from relocchoice.relocation.reproduce_record import LIMIT, Folder, PublishedFit, Reproduction
from relocchoice.relocation.reproduce_seeds import prose, seed
from relocchoice.relocation.reproduce_several import several
from relocchoice.relocation.reproduce_size import size
from relocchoice.relocation.reproduce_weights import choice_based
from relocchoice.relocation.sources import SEED_TABLES

__all__ = [
    "REPRODUCTIONS",
    "Entry",
    "Reproduction",
    "check_published_folder",
    "disagreements",
    "reproduce",
    "reproduction_names",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be reproduced.

    Attributes
    ----------
    title : one line.
    run : from the folder of data that are not shipped (None: wherever ``sources.published_frame`` looks) to the result.
    """

    title: str
    run: Callable[[Folder], Reproduction]


_SEED_TITLES = (
    "the surveyed firms when they were founded, as printed",
    "the surveyed firms in 2002, as printed",
    "importance of factors in relocation, as printed",
    "spatial expansions by period and form, as printed",
    "interprovincial relocations by assets, as printed",
    "destinations by form and period, as printed",
)

_PUBLISHED = (
    ("travelmode", "travelmode", "Greene & Hensher's mode choice: conditional logit and both nested logits"),
    ("modecanada", "modecanada", "intercity travel in Canada: multinomial logit"),
    ("heating", "heating", "heating systems in California: multinomial logit"),
    ("swissmetro", "swissmetro", "Swissmetro: biogeme's examples b01 and b09"),
    ("japanese_fdi", "japanese_fdi", "Japanese plants in European regions: multinomial, two-step and nested logit"),
    ("nox", "nox", "NOx abatement technologies: multinomial logit with availability"),
    ("hague", "hague_burglary", "burglaries in The Hague: conditional logit with clustered errors"),
    ("game", "game", "rankings of gaming platforms: rank-ordered (exploded) logit"),
)


def _published(name: str, title: str, dataset: str) -> Entry:
    if dataset == "japanese_fdi":
        return Entry(title, lambda folder: plants(name, title, folder))
    return Entry(title, lambda folder: published(name, title, dataset, folder))


REPRODUCTIONS: Mapping[str, Entry] = MappingProxyType(
    {
        **{f"table{n}": Entry(title, partial(seed, n)) for n, title in zip(SEED_TABLES, _SEED_TITLES, strict=True)},
        "prose": Entry("figures of the survey's text that no table holds, against each other", prose),
        "ratings": Entry("importance of nine factors (Table 3), ordered logit and the factors' order", ratings),
        "form": Entry("form of expansion by period (Table 4), multinomial logit", form),
        "destination": Entry("destination by form and period (Table 6), multinomial and nested logit", destination),
        "size": Entry("interprovincial relocations by size (Table 5 against Table 2)", size),
        "several": Entry(
            "events with several destinations (Table 6), and four treatments on simulated events", several
        ),
        "choice_based": Entry("form of relocation (Table 4) moved to population shares, firms by size", choice_based),
        **{name: _published(name, title, dataset) for name, dataset, title in _PUBLISHED},
    }
)
"""Name on the command line -> what it runs, in the order of the report."""


def reproduction_names(names: Iterable[str] = ()) -> tuple[str, ...]:
    """The names to run: those given, each once and in the order given; all when none is given.

    Raises
    ------
    OptionError
        For a name that is none; lists the valid ones.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in REPRODUCTIONS:
            raise OptionError.of("TABLE", name, ", ".join(REPRODUCTIONS))
    return wanted or tuple(REPRODUCTIONS)


def check_published_folder(folder: Folder) -> None:
    """Raise OptionError where a folder is named that is none."""
    if folder is not None and not Path(folder).is_dir():
        raise OptionError.of("published", str(folder), "an existing folder with one sub-folder a dataset")


def reproduce(names: Iterable[str] = (), *, published_folder: Folder = None) -> tuple[Reproduction, ...]:
    """Run some or all reproductions.

    Parameters
    ----------
    names : keys of :data:`REPRODUCTIONS`; none means all.
    published_folder : where published data that are not shipped lie, one sub-folder a dataset; None: the folder that
        the environment variable RELOCCHOICE_PUBLISHED names, or the one beside a source checkout.

    Raises
    ------
    OptionError
        For an unknown name or a folder that is none; before anything is estimated.
    """
    wanted = reproduction_names(names)
    check_published_folder(published_folder)
    with warnings.catch_warnings():
        # the tables themselves say which estimates have no finite maximum
        warnings.simplefilter("ignore", ConvergenceWarning)
        return tuple(REPRODUCTIONS[name].run(published_folder) for name in wanted)


def disagreements(parts: Iterable[Reproduction]) -> tuple[str, ...]:
    """One sentence for each published model that was estimated and does not come out as published."""
    records = [record for part in parts for record in part.published if isinstance(record, PublishedFit)]
    return tuple(_disagreement(record) for record in records if not record.agrees)


def _disagreement(record: PublishedFit) -> str:
    name = f"{record.dataset}/{record.model}"
    if not record.converged:
        return f"{name} did not converge"
    worst = max(record.by_kind, key=lambda kind: record.by_kind[kind])
    return (
        f"{name} differs from its target: log-likelihood by {record.llf_difference:.2e}, {worst} by "
        f"{record.by_kind[worst]:.2e} (at most {LIMIT:g} is agreement)"
    )
