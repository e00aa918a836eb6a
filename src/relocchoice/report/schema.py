"""What a specification file may hold: tables, keys, kinds of values. Checked as data, never evaluated."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from relocchoice.data.choice_data import WeightKind
from relocchoice.data.counts import Absent
from relocchoice.data.doctor import TableLayout
from relocchoice.data.draft import Missing, SingleAlternative
from relocchoice.data.structural import Zeros
from relocchoice.inference.covariance import CovKind
from relocchoice.post.inferred import Interval
from relocchoice.results.searched import Separation
from relocchoice.spec.labels import hint, said
from relocchoice.spec.model import FamilyName, Lambdas, Normalisation

TESTS = (
    "no_nests",
    "equal_lambdas",
    "utility_maximisation",
    "information_matrix",
    "pooling",
    "hausman_mcfadden",
    "small_hsiao",
    "vuong",
    "adjusted_rho",
)
PLOTS = ("coefficients", "nest_tree", "calibration", "share_curves", "effects", "elasticities")
FORMATS: Mapping[str, str] = {
    "text": ".txt",
    "markdown": ".md",
    "latex": ".tex",
    "html": ".html",
    "typst": ".typ",
    "docx": ".docx",
    "xlsx": ".xlsx",
}


_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what it is called in a message, and whether a value is of it."""

    words: str
    holds: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_label(value: Any) -> bool:
    return _is_text(value) or isinstance(value, bool | int)


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return (isinstance(value, float) and math.isinf(value)) or abs(value) <= _LARGEST


def _is_finite(value: Any) -> bool:
    return _is_number(value) and abs(value) <= _LARGEST


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _list_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(holds, value))


def _table_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and bool(value) and all(map(holds, value.values()))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_rule(value: Any) -> bool:
    """Conditions, or a list of these: column -> a value or a list of values."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) and _is_rule(one) for one in value)
    several = _list_of(lambda one: _is_label(one) or _is_finite(one))
    return _table_of(lambda one: _is_label(one) or _is_finite(one) or several(one))(value)


def _is_tree(value: Any) -> bool:
    """Nests: name -> a list of alternatives, or nests; how deep is for the tree itself to judge."""
    if not isinstance(value, dict) or not value:
        return False
    return all(_is_tree(inside) if isinstance(inside, dict) else isinstance(inside, list) for inside in value.values())


def choice(values: tuple[str, ...]) -> Kind:
    """One of some words."""
    return Kind(f"one of {', '.join(map(repr, values))}", lambda value: isinstance(value, str) and value in values)


def choices(values: tuple[str, ...]) -> Kind:
    """A list of some words; it may be empty."""
    return Kind(
        f"a list of {', '.join(map(repr, values))}",
        lambda value: isinstance(value, list) and all(isinstance(one, str) and one in values for one in value),
    )


TEXT = Kind("a text", _is_text)
TEXTS = Kind("a list of texts", _list_of(_is_text))
LABEL = Kind("a label (text or whole number)", _is_label)
LABELS = Kind("a list of labels", _list_of(_is_label))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
NUMBER = Kind("a number", _is_finite)
WHOLE = Kind("a whole number from 0 to 1,000,000", lambda value: _is_whole(value) and 0 <= value <= 1_000_000)
NUMBERS = Kind("a table of numbers", _table_of(_is_finite))
TREE = Kind("a table nest -> list of alternatives or table of nests", _is_tree)
GROUPS = Kind("a list of lists of parameters", _list_of(_list_of(_is_text)))
BOUNDS = Kind("a table parameter -> [lower, upper], with -inf and inf for none", _table_of(_is_pair))
RULES = Kind("a table alternative -> conditions, column -> value or list of values", _table_of(_is_rule))
COLUMN_OR_COLUMNS = Kind(
    "a column, or a table alternative -> column", lambda value: _is_text(value) or _table_of(_is_text)(value)
)
LABELS_OR_CODES = Kind(
    "a list of labels, or a table label -> its text in the table",
    lambda value: _list_of(_is_label)(value) or _table_of(_is_label)(value),
)
VARYING = Kind(
    "a table variable -> table alternative -> column or number",
    _table_of(_table_of(lambda one: _is_text(one) or _is_finite(one))),
)
COLUMN_OR_LIST = Kind("a column or a list of columns", lambda value: _is_text(value) or _list_of(_is_text)(value))
PENALTY = Kind("'firth', or a table {sd = number, mean = number, constants = true or false}", lambda v: _penalty(v))
MONEY = Kind("a table {cost = column or parameter, of = list of these}", lambda value: _money(value))
NAMES = Kind("a table of texts", _table_of(_is_text))
ALPHA = Kind("a number between 0 and 1", lambda value: _is_finite(value) and 0 < value < 1)


def _penalty(value: Any) -> bool:
    kinds = {"sd": _is_finite, "mean": _is_finite, "constants": lambda one: isinstance(one, bool)}
    if not isinstance(value, dict):
        return bool(value == "firth")
    return "sd" in value and all(key in kinds and kinds[key](one) for key, one in value.items())


def _money(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"cost", "of"}
        and _is_text(value["cost"])
        and TEXTS.holds(value["of"])
    )


DATA: Mapping[str, Kind] = {
    "layout": choice(get_args(TableLayout)),
    "separator": TEXT,
    "case": TEXT,
    "alternative": TEXT,
    "chosen": TEXT,
    "available": COLUMN_OR_COLUMNS,
    "weights": TEXT,
    "weight_kind": choice(get_args(WeightKind)),
    "unit": TEXT,
    "missing": choice(get_args(Missing)),
    "single_alternative": choice(get_args(SingleAlternative)),
    "several": FLAG,
    "alternatives": LABELS_OR_CODES,
    "varying": VARYING,
    "count": TEXT,
    "cell": COLUMN_OR_LIST,
    "absent": choice(get_args(Absent)),
    "zeros": choice(get_args(Zeros)),
    "unavailable": RULES,
    "population_shares": NUMBERS,
    "population_by": TEXT,
}
MODEL: Mapping[str, Kind] = {
    "name": TEXT,
    "kind": choice(get_args(FamilyName)),
    "formula": TEXT,
    "base": LABEL,
    "nests": TREE,
    "outside": LABELS,
    "normalisation": choice(get_args(Normalisation)),
    "lambdas": choice(get_args(Lambdas)),
    "fixed": NUMBERS,
    "equal": GROUPS,
    "bounds": BOUNDS,
    "offset": TEXT,
    "unavailable": RULES,
}
FIT: Mapping[str, Kind] = {
    "cov_type": choice(get_args(CovKind)),
    "groups": TEXT,
    "small_sample": FLAG,
    "separation": choice(get_args(Separation)),
    "penalty": PENALTY,
    "starts": WHOLE,
    "draws": WHOLE,
    "seed": WHOLE,
    "max_iterations": WHOLE,
    "tolerance": NUMBER,
}
REPORT: Mapping[str, Kind] = {
    "title": TEXT,
    "alpha": ALPHA,
    "stars": FLAG,
    "labels": NAMES,
    "effects": TEXTS,
    "elasticities": TEXTS,
    "interval": choice(get_args(Interval)),
    "willingness_to_pay": MONEY,
    "hypotheses": TEXTS,
    "tests": choices(TESTS),
    "plots": choices(PLOTS),
    "formats": choices(tuple(FORMATS)),
    "seed": WHOLE,
}
TABLES: Mapping[str, Mapping[str, Kind]] = {"data": DATA, "model": MODEL, "fit": FIT, "report": REPORT}


def problems(table: Mapping[str, Any], where: str, kinds: Mapping[str, Kind]) -> list[str]:
    """Sentences on keys that do not exist, and on values of another kind.

    Parameters
    ----------
    where : the table's name as it is written in the file, e.g. ``"[model]"``.
    """
    found = []
    for key, value in table.items():
        if key not in kinds:
            found.append(f"{where} has no key {said(key)}; {hint(key, list(kinds))}")
        elif not kinds[key].holds(value):
            found.append(f"{where} {key} = {_short(value)} is not {kinds[key].words}")
    return found


def _short(value: Any) -> str:
    text = said(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
