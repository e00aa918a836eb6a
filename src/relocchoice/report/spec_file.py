"""A specification file: TOML that says what the data are, which models to fit and what to report. It is data, not code.

Texts of formulas are parsed by :class:`relocchoice.spec.formula.Formula`, whose name space is closed; nothing of a file
is ever evaluated.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from relocchoice.engine.penalty import Ridge
from relocchoice.errors import OptionError, RelocChoiceError
from relocchoice.models import MultinomialLogit, NestedLogit, SubsetLogit
from relocchoice.report.schema import DATA, FIT, MODEL, REPORT, TABLES, problems
from relocchoice.spec.formula import Formula
from relocchoice.spec.labels import hint, said

LARGEST = 128 * 2**10
MOST_DOTS = 1000
MOST_MODELS = 50
Model = MultinomialLogit | NestedLogit | SubsetLogit
_NEEDED = {
    "long": ("case", "alternative", "chosen"),
    "wide": ("chosen", "alternatives"),
    "counts": (),
}
_POLICY = ("weights", "unit", "missing", "single_alternative", "unavailable", "available", "separator")
_BELONGS = {
    "long": (*_POLICY, "case", "alternative", "chosen", "weight_kind", "several"),
    "wide": (*_POLICY, "case", "chosen", "alternatives", "varying", "weight_kind"),
    "counts": (*_POLICY[1:], "count", "alternative", "alternatives", "cell", "absent", "zeros"),
}


@dataclass(frozen=True, slots=True, eq=False)
class ReportSpec:
    """What a file asks for.

    Attributes
    ----------
    data : the table ``[data]`` as it stands; ``layout`` is always there.
    models : name -> model, in the order of the file.
    fit : arguments of ``model.fit``.
    report : the table ``[report]`` as it stands.
    text : the file, word for word.
    """

    data: Mapping[str, Any]
    models: Mapping[str, Model]
    fit: Mapping[str, Any]
    report: Mapping[str, Any]
    text: str


def read_spec(path: str | PathLike[str]) -> ReportSpec:
    """Read and check a specification file.

    Raises
    ------
    OptionError
        With everything that is wrong: no TOML, tables and keys that do not exist (with the close ones), values of
        another kind, formulas and nests that are none.
    """
    place = Path(path)
    try:
        with place.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise OptionError(f"the specification {str(place)!r} cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise OptionError(f"the specification {str(place)!r} has more than {LARGEST:,} bytes, the most that is read")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise OptionError(f"the specification {str(place)!r} is not text in UTF-8: {error}") from None
    return spec_of(text, str(place))


def spec_of(text: str, name: str = "the specification") -> ReportSpec:
    """The specification in a text; ``name`` is what messages call it. Raises as :func:`read_spec`."""
    # the parser's time grows with the square of the parts of a dotted key
    dotted = [number for number, line in enumerate(text.splitlines(), 1) if line.count(".") > MOST_DOTS]
    if dotted:
        raise OptionError(f"{name}: line {dotted[0]} has more than {MOST_DOTS} dots")
    try:
        parsed = tomllib.loads(text)
        found = _problems(parsed)
        if found:
            raise _refused(name, found)
        return _spec(parsed, text, name)
    except RecursionError:
        raise OptionError(f"{name} is nested too deeply") from None
    except OptionError:
        raise
    except ValueError as error:  # of the parser, and of numbers that it cannot hold
        raise OptionError(f"{name} is not TOML: {error}") from None


def _refused(name: str, found: list[str]) -> OptionError:
    if len(found) == 1:
        return OptionError(f"{name}: {found[0]}")
    return OptionError("\n  - ".join([f"{name}: {len(found)} problems", *found]))


def _problems(parsed: Mapping[str, Any]) -> list[str]:
    """Tables, keys and kinds of values."""
    found = [f"there is no table [{key}]; {hint(key, list(TABLES))}" for key in parsed if key not in TABLES]
    for key, kinds in (("data", DATA), ("fit", FIT), ("report", REPORT)):
        table = parsed.get(key, {})
        if isinstance(table, dict):
            found += problems(table, f"[{key}]", kinds)
        else:
            found.append(f"{key} is a table, [{key}], not {said(table)[:80]}")
    if "data" not in parsed:
        found.append("there is no table [data]; it says which columns of the table are what")
    elif isinstance(parsed["data"], dict):
        found += _layout_problems(parsed["data"])
    models = _tables(parsed)
    if not models or len(models) > MOST_MODELS:
        found.append(f"there is no model; write one to {MOST_MODELS} tables [model] or [[model]]")
    for where, table in models:
        if not isinstance(table, dict):
            found.append(f"{where} is a table, not {said(table)[:80]}")
            continue
        found += problems(table, where, MODEL)
        found += _model_problems(table, where)
    return found


def _tables(parsed: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The models' tables with what messages call them."""
    given = parsed.get("model")
    if given is None:
        return []
    if not isinstance(given, list):
        return [("[model]", given)]
    return [(f"[[model]] {position}", table) for position, table in enumerate(given, 1)]


def _layout_problems(data: Mapping[str, Any]) -> list[str]:
    layout = data.get("layout", "long")
    if layout not in _BELONGS:
        return []
    found = [f"[data] layout = {layout!r} needs {key} = ..." for key in _NEEDED[layout] if key not in data]
    known = (*_BELONGS[layout], "layout", "population_shares", "population_by")
    foreign = [key for key in data if key in DATA and key not in known]
    found += [f"[data] {key} does not go with layout = {layout!r}" for key in foreign]
    if "population_by" in data and "population_shares" not in data:
        found.append("[data] population_by goes with population_shares")
    return found


def _model_problems(table: Mapping[str, Any], where: str) -> list[str]:
    kind = table.get("kind", "nested" if "nests" in table else "multinomial")
    found = [] if "formula" in table else [f"{where} needs formula = ..."]
    if kind == "nested" and "nests" not in table:
        found.append(f"{where} kind = 'nested' needs nests = ...")
    if kind != "nested":
        nested = [key for key in ("nests", "outside", "normalisation", "lambdas") if key in table]
        found += [f"{where} {key} goes with kind = 'nested'" for key in nested]
    return found


def _spec(parsed: Mapping[str, Any], text: str, name: str) -> ReportSpec:
    models: dict[str, Model] = {}
    found: list[str] = []
    for position, (where, table) in enumerate(_tables(parsed), 1):
        called = table.get("name", f"({position})")
        if called in models:
            found.append(f"{where} name = {said(called)} is given twice; names tell the models apart")
            continue
        try:
            models[called] = _model(table)
        except RelocChoiceError as error:
            found.append(f"{where} {called}: {error}")
    fit = dict(parsed.get("fit", {}))
    if isinstance(fit.get("penalty"), dict):
        try:
            fit["penalty"] = Ridge(**fit["penalty"])
        except OptionError as error:
            found.append(f"[fit] penalty: {error}")
    if found:
        raise _refused(name, found)
    data = {"layout": "long", **parsed["data"]}
    return ReportSpec(data, models, fit, parsed.get("report", {}), text)


def _model(table: Mapping[str, Any]) -> Model:
    kind = table.get("kind", "nested" if "nests" in table else "multinomial")
    Formula(table["formula"], table.get("offset"))
    options: dict[str, Any] = {
        key: table[key] for key in ("base", "fixed", "equal", "offset", "unavailable") if key in table
    }
    if "bounds" in table:
        options["bounds"] = {key: tuple(map(_bound, pair)) for key, pair in table["bounds"].items()}
    if kind == "nested":
        nests = {**table["nests"], **{_once(label, table["nests"]): None for label in table.get("outside", ())}}
        own = {key: table[key] for key in ("normalisation", "lambdas") if key in table}
        return NestedLogit(table["formula"], nests, **options, **own)
    return (SubsetLogit if kind == "subset" else MultinomialLogit)(table["formula"], **options)


def _once(label: Any, nests: Mapping[str, Any]) -> Any:
    if label in nests:
        raise OptionError(f"outside: {said(label)} is the name of a nest")
    return label


def _bound(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
