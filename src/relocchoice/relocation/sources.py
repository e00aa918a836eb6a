"""The data shipped with the package, and published data that may lie elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from relocchoice.errors import DataError, OptionError

SEED_TABLES = (1, 2, 3, 4, 5, 6)
PUBLISHED_FOLDER = "RELOCCHOICE_PUBLISHED"


@dataclass(frozen=True, slots=True)
class Missing:
    """Data that are not at hand, as a value.

    Attributes
    ----------
    reason : one sentence that says what is missing and where it was looked for.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class PrintedCoefficient:
    """One row of a coefficient table as it stands in print.

    Attributes
    ----------
    name : the target's name of the parameter.
    estimate, error : the printed strings; error is the kind that ``PublishedModel.printed_se`` names.
    """

    name: str
    estimate: str
    error: str


@dataclass(frozen=True, slots=True, eq=False)
class PublishedModel:
    """The estimates of one published model, K parameters.

    Attributes
    ----------
    dataset, model : the two keys.
    spec, source : the specification in words; who printed it.
    names : (K,) the target's parameter names.
    params : (K,) estimates in full precision.
    bse : kind of covariance ("hessian", "opg", "robust", "cluster") -> (K,) standard errors; unknown kinds are absent.
    llf : log-likelihood at ``params``.
    printed : rows as printed; empty where only full figures are known.
    printed_loglik : the printed log-likelihood, or None.
    printed_se : the kind of error that was printed, or None.
    note : what else a reader must know; may be empty.
    """

    dataset: str
    model: str
    spec: str
    source: str
    names: tuple[str, ...]
    params: tuple[float, ...]
    bse: Mapping[str, tuple[float, ...]]
    llf: float
    printed: tuple[PrintedCoefficient, ...]
    printed_loglik: str | None
    printed_se: str | None
    note: str


def shipped(name: str) -> Traversable:
    """A file that comes with the package.

    Parameters
    ----------
    name : path below the data folder, e.g. ``"seeds/table4.csv"``.

    Raises
    ------
    DataError
        If the name leaves the folder, or neither the installed package nor the source checkout has the file.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name:
        raise DataError(f"shipped file {name!r} must be a relative path below the data folder, e.g. 'seeds/table4.csv'")
    folders = _shipped_folders()
    for folder in folders:
        file = folder.joinpath(*parts)
        if file.is_file():
            return file
    at_hand = sorted(entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir())
    raise DataError(
        f"shipped file {name!r} is neither in the installed package nor in a source checkout; "
        f"the data folder has: {', '.join(at_hand) or 'nothing, reinstall relocchoice'}"
    )


def _shipped_folders() -> tuple[Traversable, ...]:
    installed = files("relocchoice").joinpath("shipped")
    checkout = _checkout()
    return (installed,) if checkout is None else (installed, checkout / "data")


def _checkout() -> Path | None:
    """The root of the source checkout this module runs from; None for an installed package."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "data").is_dir() else None


def seed_table(number: int) -> pd.DataFrame:
    """One table of the 2003 survey in long form: a row a printed cell, with its provenance and note.

    Parameters
    ----------
    number : 1 to 6.

    Raises
    ------
    OptionError
        If there is no such table.
    """
    if isinstance(number, bool) or number not in SEED_TABLES:
        raise OptionError.of("number", number, SEED_TABLES)
    return _read_seed(f"seeds/table{number}.csv")


def seed_prose() -> pd.DataFrame:
    """Figures given in the prose around the tables: quantity, value, unit, period, passage, provenance, note."""
    return _read_seed("seeds/prose.csv")


def _read_seed(name: str) -> pd.DataFrame:
    # An empty note is an empty text, and "NA" would be a label: pandas' own list of missing markers must not apply.
    with shipped(name).open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False)


@cache
def published_targets() -> tuple[PublishedModel, ...]:
    """Every published model whose estimates the package can be held against, in the order of the file."""
    entries = json.loads(shipped("published/targets.json").read_text(encoding="utf-8"))
    return tuple(_published_model(entry) for entry in entries)


def published_target(dataset: str, model: str) -> PublishedModel:
    """One published model by its two keys; OptionError names the keys that exist."""
    found = {(target.dataset, target.model): target for target in published_targets()}
    if (dataset, model) not in found:
        raise OptionError.of("(dataset, model)", (dataset, model), sorted(found))
    return found[dataset, model]


def _published_model(entry: Mapping[str, Any]) -> PublishedModel:
    names = tuple(entry["names"])
    errors = {kind: tuple(entry[f"bse_{kind}"]) for kind in ("hessian", "opg", "robust") if f"bse_{kind}" in entry}
    if "printed_cluster_se" in entry:
        errors["cluster"] = tuple(entry["printed_cluster_se"][name] for name in names)
    printed = dict(entry["printed"] or {})
    rows = _printed_rows(printed, names)
    return PublishedModel(
        dataset=entry["dataset"],
        model=entry["model"],
        spec=entry["spec"],
        source=entry["source"],
        names=names,
        params=tuple(entry["params"]),
        bse=errors,
        llf=entry["llf"],
        printed=rows,
        printed_loglik=printed.get("R_mlogit_1_1_3", printed).get("loglik"),
        printed_se=entry.get("printed_se"),
        note=". ".join(filter(None, (entry.get("note", "").rstrip("."), _cluster_words(entry)))),
    )


def _cluster_words(entry: Mapping[str, Any]) -> str:
    return f"Clustered errors: {entry['cluster']}" if "cluster" in entry else ""


def _printed_rows(printed: Mapping[str, Any], names: tuple[str, ...]) -> tuple[PrintedCoefficient, ...]:
    """Coefficients as printed, whichever of the four notations the source's record uses, in the order of ``names``."""
    table = printed.get("coef") or printed.get("R_mlogit_1_1_3") or printed
    pairs = {key.replace("(Intercept):", "asc:"): _printed_pair(value) for key, value in table.items()}
    return tuple(PrintedCoefficient(name, *pair) for name in names if (pair := pairs.get(name)) is not None)


def _printed_pair(value: object) -> tuple[str, str] | None:
    """(estimate, error) from ``{"est":, "se":}``, ``["est", "se"]`` or ``"est(se)"``; None for anything else."""
    if isinstance(value, Mapping) and "est" in value:
        return value["est"], value["se"] if "se" in value else value["robust_se"]
    if isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value):
        return value[0], value[1]
    if isinstance(value, str) and value.endswith(")") and "(" in value:
        estimate, error = value[:-1].split("(")
        return estimate, error
    return None


def published_frame(dataset: str, folder: str | os.PathLike[str] | None = None) -> pd.DataFrame | Missing:
    """The data of a published model, as their source has them.

    Data that may be shipped come from the package and TravelMode from statsmodels. The others are looked for in
    ``folder``, in the folder that the environment variable RELOCCHOICE_PUBLISHED names, and, in a source checkout,
    in ``../shared/published`` beside it; the first of these that is given decides. The Hague's two files come as one
    frame, every burglary with every neighbourhood.

    Parameters
    ----------
    dataset : "modecanada", "heating", "swissmetro", "travelmode", "japanese_fdi", "nox", "hague_burglary" or
        "game".
    folder : where the data that are not shipped lie, one sub-folder a dataset.

    Returns
    -------
    DataFrame, or a :class:`Missing` that says what was not found where.

    Raises
    ------
    OptionError
        If there is no such dataset.
    """
    if dataset in _SHIPPED:
        return _SHIPPED[dataset]()
    if dataset not in _ELSEWHERE:
        raise OptionError.of("dataset", dataset, sorted([*_SHIPPED, *_ELSEWHERE]))
    names, assemble = _ELSEWHERE[dataset]
    place = _published_folder(folder)
    if place is None:
        return Missing(
            f"the data of {dataset!r} are not shipped and no folder is known: pass folder=... or set {PUBLISHED_FOLDER}"
        )
    if not place.is_dir():
        by = f"that {PUBLISHED_FOLDER} names" if folder is None else "named for them"
        return Missing(f"the data of {dataset!r} are not shipped and the folder {str(place)!r} {by} does not exist")
    absent = [f"{dataset}/{name}" for name in names if not (place / dataset / name).is_file()]
    if absent:
        return Missing(
            f"the data of {dataset!r} are not shipped and {', '.join(absent)} is not in the folder {str(place)!r}"
        )
    return assemble([pd.read_csv(place / dataset / name) for name in names])


def _published_folder(folder: str | os.PathLike[str] | None) -> Path | None:
    named = folder if folder is not None else os.environ.get(PUBLISHED_FOLDER)
    if named:
        return Path(named)
    checkout = _checkout()
    beside = checkout.parent / "shared" / "published" if checkout is not None else None
    return beside if beside is not None and beside.is_dir() else None


def _shipped_gzip(name: str, separator: str = ",") -> pd.DataFrame:
    with shipped(name).open("rb") as stream:
        return pd.read_csv(stream, compression="gzip", sep=separator)


def _travelmode() -> pd.DataFrame:
    from statsmodels.datasets import modechoice  # slow to import, and only this dataset needs it

    return modechoice.load_pandas().data


_SHIPPED: Mapping[str, Callable[[], pd.DataFrame]] = {
    "modecanada": lambda: _shipped_gzip("published/modecanada/ModeCanada.csv.gz"),
    "heating": lambda: _shipped_gzip("published/heating/Heating.csv.gz"),
    "swissmetro": lambda: _shipped_gzip("published/swissmetro/swissmetro.dat.gz", "\t"),
    "travelmode": _travelmode,
}

_ELSEWHERE: Mapping[str, tuple[tuple[str, ...], Callable[[list[pd.DataFrame]], pd.DataFrame]]] = {
    "japanese_fdi": (("JapaneseFDI.csv.gz",), lambda frames: frames[0]),
    "nox": (("NOx.csv.gz",), lambda frames: frames[0]),
    "hague_burglary": (
        ("TheHagueBurglars.csv", "TheHagueNeighborhoods.csv"),
        lambda frames: frames[0].merge(frames[1], how="cross"),
    ),
    "game": (("Game2.csv",), lambda frames: frames[0]),
}
