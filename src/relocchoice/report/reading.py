"""From a table to choice data, as a specification file says; what is wrong with the table is a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.doctor import DoctorReport, doctor
from relocchoice.data.files import labelled
from relocchoice.errors import RelocChoiceError

_LATER = ("layout", "separator", "unavailable", "population_shares", "population_by", "several")


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Choice data with what the doctor says of the table; ``data`` is None where the table was refused.

    ``refusal`` says why, in the words of the error.
    """

    data: ChoiceData | None
    doctor: DoctorReport | None
    refusal: str = ""


def read_choices(table: pd.DataFrame, asked: Mapping[str, Any]) -> Reading:
    """The choices in a table.

    Parameters
    ----------
    asked : the table ``[data]`` of a specification.

    Raises
    ------
    OptionError
        When a key is missing that the layout needs.
    """
    layout = asked["layout"]
    arguments = {key: value for key, value in asked.items() if key not in _LATER}
    if layout == "counts" and "unavailable" in asked:
        arguments["unavailable"] = asked["unavailable"]
    table = labelled(table, layout, arguments)
    if asked.get("several"):
        report = None  # the doctor knows one choice a case
        arguments["several"] = True
    else:
        report = doctor(table, layout=layout, **arguments)
        if not report.ok:
            return Reading(None, report, str(report))
    try:
        return Reading(_read(table, layout, arguments, asked), report)
    except RelocChoiceError as error:
        return Reading(None, report, str(error))


def _read(table: pd.DataFrame, layout: str, arguments: Mapping[str, Any], asked: Mapping[str, Any]) -> ChoiceData:
    reader: Callable[..., ChoiceData] = getattr(ChoiceData, f"from_{layout}")
    data = reader(table, **arguments)
    if layout != "counts" and "unavailable" in asked:
        data = data.without(asked["unavailable"], asked.get("single_alternative", "error"))
    if "population_shares" in asked:
        data = data.with_population_shares(asked["population_shares"], asked.get("population_by"))
    return data
