"""Results in one file, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import WeightKind
from relocchoice.errors import OptionError, RelocChoiceError, StoreError
from relocchoice.results.archive import read_archive, write_archive
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.codec import Arrays, Encoder, decode

FORMAT = "relocchoice fit"
SCHEMA = 1
STATUSES = ("free", "fixed", "tied", "at bound", "infinite", "flat", "dropped")

_PARAMETER_COLUMNS = ["estimate", "status", "block", "note"]
_NOT_STORED = ("problem",)
_LATER = {"provenance": ""}  # fields that files written before them do not have
_BY_THEIR_OWN_DICT = ("spec", "encoding")
_NUMBERS = ("llf", "llnull", "llconstants", "nobs", "seconds")
_COUNTS = ("n_cases", "n_alternatives", "df_model")


def save(results: ChoiceResults, path: str | PathLike[str]) -> Path:
    """Write results to one file, usually called ``*.relocchoice``.

    Parameters
    ----------
    results : everything in them is written but ``problem``.
    path : an existing file is replaced, and only when the new one is complete.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionError
        Where ``path`` is no path at all.
    StoreError
        Where something in the results cannot be written as plain data (labels may be text, numbers, True/False and
        timestamps), or the file cannot be written.
    """
    target = _file(path)
    encoder = Encoder()
    stored = {
        field.name: _encoded(encoder, field.name, getattr(results, field.name))
        for field in dataclasses.fields(ChoiceResults)
        if field.name not in _NOT_STORED
    }
    write_archive(target, {"format": FORMAT, "schema": SCHEMA, "results": stored}, encoder.arrays)
    return target


def load(path: str | PathLike[str]) -> ChoiceResults:
    """Results from a file that :func:`save` wrote; nothing in the file is ever run.

    Raises
    ------
    OptionError
        Where ``path`` is no path at all.
    StoreError
        Where there is no such file, it is something else, of another schema, damaged, or inconsistent in itself.
    """
    text, arrays = read_archive(_file(path))
    if text.get("format") != FORMAT:
        raise StoreError(f"{str(path)!r} is not a saved fit")
    if text.get("schema") != SCHEMA:
        raise StoreError(f"{str(path)!r} is of schema {text.get('schema')!r}; this version reads schema {SCHEMA}")
    try:
        results = _results(text["results"], arrays)
        _check(results)
    except StoreError:
        raise
    except (RelocChoiceError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StoreError(f"{str(path)!r} is damaged: {type(error).__name__}: {error}") from error
    return results


def _file(path: object) -> Path:
    """The path of a file; raises OptionError for no path and StoreError for a folder."""
    if not isinstance(path, (str, PathLike)) or not isinstance(fspath(path), str) or not fspath(path):
        raise OptionError.of("path", path, "the name of a file, e.g. 'fit.relocchoice'")
    file = Path(path)
    if file.is_dir():
        raise StoreError(
            f"path={str(path)!r} is a folder; give the name of a file, e.g. {str(file / 'fit.relocchoice')!r}"
        )
    return file


def _encoded(encoder: Encoder, name: str, value: Any) -> Any:
    return encoder.encode(value.to_dict() if name in _BY_THEIR_OWN_DICT else value, name)


def _results(stored: Mapping[str, Any], arrays: Arrays) -> ChoiceResults:
    known = {field.name for field in dataclasses.fields(ChoiceResults)} - set(_NOT_STORED)
    stored = {**_LATER, **stored}
    if set(stored) != known:
        raise StoreError(
            f"the saved fit is damaged: missing {sorted(known - set(stored))}, unknown {sorted(set(stored) - known)}"
        )
    fields = {name: decode(value, arrays) for name, value in stored.items()}
    from relocchoice.spec.encoding import encoding_from_dict
    from relocchoice.spec.model import model_spec_from_dict

    fields["spec"] = model_spec_from_dict(fields["spec"])
    fields["encoding"] = encoding_from_dict(fields["encoding"])
    return ChoiceResults(**fields)


def _check(results: ChoiceResults) -> None:
    """Refuse records whose parts do not fit together.

    Raises
    ------
    StoreError
        Names the first part that does not fit.
    """
    checks = {
        "the parameters are not a frame with the right columns": _parameters_fit(results.parameters),
        "a number is not a number": all(_is_number(getattr(results, name)) for name in _NUMBERS),
        "a count is not a whole number": all(_is_count(getattr(results, name)) for name in _COUNTS),
        "converged is not true or false": isinstance(results.converged, bool),
        "status_message is not text": isinstance(results.status_message, str),
        "weight_kind is not valid": results.weight_kind in (None, *get_args(WeightKind)),
        "the penalty is not one": _penalty_fits(results),
        "notes are not sentences": _are_texts(results.notes),
        "the provenance is not text": isinstance(results.provenance, str),
        "the trace is not a frame": isinstance(results.trace, pd.DataFrame),
        "the starts are not a frame": results.starts is None or isinstance(results.starts, pd.DataFrame),
        "the covariance does not belong to the parameters": _covariance_fits(results),
        "the identification names parameters that do not exist": _identification_fits(results),
        "the encoding names coefficients that are not parameters": _encoding_fits(results),
        "the moments do not belong to the parameters": _moments_fit(results),
    }
    for problem, fits in checks.items():
        if not fits:
            raise StoreError(f"the saved fit is damaged: {problem}")


def _parameters_fit(frame: Any) -> bool:
    return (
        isinstance(frame, pd.DataFrame)
        and list(frame.columns) == _PARAMETER_COLUMNS
        and frame.index.is_unique
        and _are_texts(tuple(frame.index))
        and frame["estimate"].dtype == np.float64
        and set(frame["status"]) <= set(STATUSES)
        and all(_are_texts(tuple(frame[column])) for column in ("status", "block", "note"))
    )


def _penalty_fits(results: ChoiceResults) -> bool:
    if results.penalty is None:
        return results.llf_penalised is None
    return type(results.penalty).__name__ in ("FirthPenalty", "RidgePenalty") and _is_number(results.llf_penalised)


def _covariance_fits(results: ChoiceResults) -> bool:
    record = results.covariance
    size = len(results.parameters)
    return (
        type(record).__name__ == "Covariance"
        and isinstance(record.matrix, np.ndarray)
        and record.matrix.shape == (size, size)
        and record.matrix.dtype == np.float64
        and _are_texts((record.kind, record.description))
        and (record.groups is None or _is_count(record.groups))
        and _is_number(record.factor)
    )


def _identification_fits(results: ChoiceResults) -> bool:
    record = results.identification
    if type(record).__name__ != "Identification" or not isinstance(record.flat, tuple):
        return False
    infinite = record.infinite
    if not isinstance(infinite, tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in infinite):
        return False
    named = {*record.flat, *(name for name, _ in infinite)}
    sentences = (record.verdict, "" if record.lambda_verdict is None else record.lambda_verdict)
    return named <= set(results.parameters.index) and _are_texts(record.cells) and _are_texts(sentences)


def _encoding_fits(results: ChoiceResults) -> bool:
    return set(results.encoding.names) <= set(results.parameters.index)


def _moments_fit(results: ChoiceResults) -> bool:
    moments = results.moments
    if moments is None:
        return True
    parameters, free = len(results.parameters), len(moments.free)
    shapes = {
        "theta": (parameters,),
        "finite": (parameters,),
        "free": (free,),
        "moving": (free,),
        "jacobian": (parameters, free),
        "flat": (free, *moments.flat.shape[1:2]),
        **dict.fromkeys(("hessian", "opg", "opg_squared"), (free, free)),
    }
    return type(moments).__name__ == "Moments" and all(
        getattr(moments, name).shape == shape for name, shape in shapes.items()
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_texts(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, str) for value in values)
