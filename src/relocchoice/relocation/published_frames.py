"""The sources' frames as the published models need them: rows kept, columns made, and the arrangement as choices."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError


def as_is(frame: pd.DataFrame) -> pd.DataFrame:
    """The source's frame, which needs no preparation."""
    return frame


MODES = MappingProxyType({1: "air", 2: "train", 3: "bus", 4: "car"})


def prepare_travelmode(frame: pd.DataFrame) -> pd.DataFrame:
    """Modes by name; income enters the utility of air alone, so it is zero in the other rows."""
    mode = frame["mode"].astype(int).map(MODES)
    return pd.DataFrame(
        {
            "individual": frame["individual"].astype(int),
            "mode": mode,
            "choice": frame["choice"].astype(int),
            "gcost": frame["gc"],
            "wait": frame["ttme"],
            "incair": frame["hinc"].where(mode == "air", 0.0),
        }
    )


def arrange_travelmode(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="individual", alternative="mode", chosen="choice")


def prepare_modecanada(frame: pd.DataFrame) -> pd.DataFrame:
    """Trips with all four modes, without the bus and those who took it; time is the time in and out of the vehicle."""
    complete = frame[frame["noalt"] == 4]
    by_bus = complete.loc[(complete["alt"] == "bus") & (complete["choice"] == 1), "case"]
    kept = complete[(complete["alt"] != "bus") & ~complete["case"].isin(by_bus)]
    return kept.assign(time=kept["ivt"] + kept["ovt"])


def arrange_modecanada(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="case", alternative="alt", chosen="choice")


HEATING_SYSTEMS = ("gc", "gr", "ec", "er", "hp")


def arrange_heating(frame: pd.DataFrame) -> ChoiceData:
    varying = {name: {system: f"{name}.{system}" for system in HEATING_SYSTEMS} for name in ("ic", "oc")}
    return ChoiceData.from_wide(
        frame, case="idcase", chosen="depvar", alternatives=list(HEATING_SYSTEMS), varying=varying
    )


def prepare_swissmetro(frame: pd.DataFrame) -> pd.DataFrame:
    """Commuters and business travellers with a known choice; one row an answer, times and costs in hundreds."""
    kept = frame[frame["PURPOSE"].isin([1, 3]) & (frame["CHOICE"] != 0)].reset_index(drop=True)
    pays, stated = kept["GA"] == 0, kept["SP"] != 0
    return kept.assign(
        time_train=kept["TRAIN_TT"] / 100,
        time_swissmetro=kept["SM_TT"] / 100,
        time_car=kept["CAR_TT"] / 100,
        cost_train=kept["TRAIN_CO"] * pays / 100,
        cost_swissmetro=kept["SM_CO"] * pays / 100,
        cost_car=kept["CAR_CO"] / 100,
        available_train=(kept["TRAIN_AV"] == 1) & stated,
        available_swissmetro=kept["SM_AV"] == 1,
        available_car=(kept["CAR_AV"] == 1) & stated,
    )


def arrange_swissmetro(frame: pd.DataFrame) -> ChoiceData:
    codes = {"train": 1, "swissmetro": 2, "car": 3}
    return ChoiceData.from_wide(
        frame,
        chosen="CHOICE",
        alternatives=codes,
        varying={name: {mode: f"{name}_{mode}" for mode in codes} for name in ("time", "cost")},
        available={mode: f"available_{mode}" for mode in codes},
    )


LOWER_TERMS = ("log(wage)", "unemp", "elig", "log(area)")


def arrange_regions(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="firm", alternative="region", chosen="choice")


def prepare_lower(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the regions in the chosen country; a country with one region leaves no choice and its firms go."""
    chosen_country = frame[frame["country"] == frame["choice.c"]]
    regions = chosen_country.groupby("firm")["region"].transform("size")
    return chosen_country[regions > 1]


def country_logsums(frame: pd.DataFrame, estimates: Mapping[str, float]) -> pd.DataFrame:
    """Data of the country choice, with the logsum of each country's regions as the column ``iv``.

    Parameters
    ----------
    frame : one row a firm and region.
    estimates : coefficients of log(wage), unemp, elig and log(area) from the choice of the region within the country.

    Returns
    -------
    DataFrame with one row a firm and country: firm, country, choice (0/1), scrate, ctaxrate,
    iv = log sum over the country's regions of exp(x b), as in McFadden's two-step estimator.

    Raises
    ------
    DataError
        If an estimate is missing.
    """
    absent = [name for name in LOWER_TERMS if name not in estimates]
    if absent:
        raise DataError(f"the logsum needs the estimates {list(LOWER_TERMS)}; missing: {absent}")
    terms = (np.log(frame["wage"]), frame["unemp"], frame["elig"], np.log(frame["area"]))
    weights = [float(estimates[name]) for name in LOWER_TERMS]
    keys = ["firm", "country"]
    regions = frame.assign(utility=np.column_stack(terms) @ np.array(weights))
    # The largest utility is taken out before the exponential; scipy's logsumexp by group would be a Python loop.
    regions["top"] = regions.groupby(keys, sort=False)["utility"].transform("max")
    regions["excess"] = np.exp(regions["utility"] - regions["top"])
    countries = regions.groupby(keys, sort=False, as_index=False).agg(
        scrate=("scrate", "first"),
        ctaxrate=("ctaxrate", "first"),
        chosen=("choice.c", "first"),
        top=("top", "first"),
        excess=("excess", "sum"),
    )
    countries["iv"] = countries["top"] + np.log(countries["excess"])
    countries["choice"] = (countries["country"] == countries["chosen"]).astype(int)
    return countries.drop(columns=["chosen", "top", "excess"])


def arrange_countries(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="firm", alternative="country", chosen="choice")


def arrange_nox(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="chid", alternative="alt", chosen="choice", available="available")


def prepare_hague(frame: pd.DataFrame) -> pd.DataFrame:
    """Proximity is minus the distance in kilometres; within the own area, half the side of a square of its surface."""
    metres = np.hypot(frame["XRESID"] - frame["X"], frame["YRESID"] - frame["Y"])
    kilometres = np.where(metres == 0, np.sqrt(frame["SURFACE"]) / 2, metres / 1000)
    chosen = (frame["NHOODID"] == frame["NHOODBUR"]).astype(int)
    return frame.assign(PROXIMITY=-kilometres, chosen=chosen)


def arrange_hague(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_long(frame, case="CASE", alternative="NHOODID", chosen="chosen")


def arrange_game(frame: pd.DataFrame) -> ChoiceData:
    return ChoiceData.from_rankings(frame, case="chid", alternative="platform", rank="ch")
