"""The published models this package is held against, each as data and specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from relocchoice.errors import OptionError
from relocchoice.relocation import published_frames as frames
from relocchoice.relocation.published_spec import RECIPROCAL, PublishedSpec, Transform, nests_of, published_values

__all__ = [
    "PublishedSpec",
    "Transform",
    "nests_of",
    "published_spec",
    "published_specs",
    "published_values",
]


def _travelmode(
    model: str,
    nest_names: Mapping[str, str],
    normalisation: Literal["utility", "none"] = "utility",
    note: str = "",
) -> PublishedSpec:
    constants = {f"Intercept:{mode}": f"asc:{mode}" for mode in ("air", "train", "bus")}
    return PublishedSpec(
        dataset="travelmode",
        model=model,
        prepare=frames.prepare_travelmode,
        arrange=frames.arrange_travelmode,
        formula="choice ~ gcost + wait + incair",
        names={**constants, "gcost": "gcost", "wait": "wait", "incair": "incair", **nest_names},
        base="car",
        nests={"fly": ["air"], "ground": ["train", "bus", "car"]} if nest_names else None,
        normalisation=normalisation,
        note=". ".join(filter(None, ("incair is income in the row of air and zero elsewhere", note))),
    )


_MODECANADA = PublishedSpec(
    dataset="modecanada",
    model="mc1",
    prepare=frames.prepare_modecanada,
    arrange=frames.arrange_modecanada,
    formula="choice ~ cost + freq | income | time",
    names={
        "Intercept:train": "asc:train",
        "Intercept:air": "asc:air",
        "cost": "cost",
        "freq": "freq",
        "income:train": "income:train",
        "income:air": "income:air",
        "time:car": "time:car",
        "time:train": "time:train",
        "time:air": "time:air",
    },
    base="car",
    note="trips with four modes on offer; the bus and the trips made by bus are left out",
)

_HEATING = tuple(
    PublishedSpec(
        dataset="heating",
        model=model,
        prepare=frames.as_is,
        arrange=frames.arrange_heating,
        formula=formula,
        names={**{f"Intercept:{system}": f"asc:{system}" for system in constants}, "ic": "ic", "oc": "oc"},
        base="hp" if constants else None,
    )
    for model, formula, constants in (
        ("heating_m", "depvar ~ ic + oc | 0", ()),
        ("heating_mc", "depvar ~ ic + oc", frames.HEATING_SYSTEMS[:-1]),
    )
)

_SWISS_NAMES = {"Intercept:car": "asc_car", "Intercept:train": "asc_train", "cost": "b_cost", "time": "b_time"}

_SWISS_NOTE = "answers of one respondent count as separate cases, as in the source"

_SWISSMETRO = (
    PublishedSpec(
        dataset="swissmetro",
        model="b01a",
        prepare=frames.prepare_swissmetro,
        arrange=frames.arrange_swissmetro,
        formula="CHOICE ~ cost + time",
        names=_SWISS_NAMES,
        base="swissmetro",
        note=_SWISS_NOTE,
    ),
    PublishedSpec(
        dataset="swissmetro",
        model="b09",
        prepare=frames.prepare_swissmetro,
        arrange=frames.arrange_swissmetro,
        formula="CHOICE ~ cost + time",
        names={**_SWISS_NAMES, "lambda:existing": "nest_parameter"},
        base="swissmetro",
        nests={"existing": ["train", "car"], "future": ["swissmetro"]},
        transforms={"lambda:existing": RECIPROCAL},
        note=f"{_SWISS_NOTE}; the published nest parameter is one over lambda",
    ),
)

_FDI_NAMES = (*frames.LOWER_TERMS, "scrate", "ctaxrate")

_FDI_FORMULA = f"choice ~ {' + '.join(_FDI_NAMES)} | 0"

_JAPANESE_FDI = (
    PublishedSpec(
        dataset="japanese_fdi",
        model="mnl",
        prepare=frames.as_is,
        arrange=frames.arrange_regions,
        formula=_FDI_FORMULA,
        names={name: name for name in _FDI_NAMES},
    ),
    PublishedSpec(
        dataset="japanese_fdi",
        model="nl_common",
        prepare=frames.as_is,
        arrange=frames.arrange_regions,
        formula=_FDI_FORMULA,
        names={**{name: name for name in _FDI_NAMES}, "lambda": "iv"},
        nests="country",
        lambdas="common",
        note="nests are the countries; Ireland and Portugal have one region each",
    ),
    PublishedSpec(
        dataset="japanese_fdi",
        model="lower",
        prepare=frames.prepare_lower,
        arrange=frames.arrange_regions,
        formula=f"choice ~ {' + '.join(frames.LOWER_TERMS)} | 0",
        names={name: name for name in frames.LOWER_TERMS},
        note="only the regions of the chosen country; firms in a country with one region are left out",
    ),
    PublishedSpec(
        dataset="japanese_fdi",
        model="upper",
        prepare=frames.as_is,
        arrange=frames.arrange_countries,
        formula="choice ~ scrate + ctaxrate + iv | 0",
        names={"scrate": "scrate", "ctaxrate": "ctaxrate", "iv": "iv"},
        first_step="lower",
        second_step=frames.country_logsums,
        note="iv is the logsum at the estimates of the first step, which the published errors take as known",
    ),
)


def _nox(environment: str) -> PublishedSpec:
    names = ("post", "cm", "lnb", "vcost", "kcost", "kcost:age")
    return PublishedSpec(
        dataset="nox",
        model=f"nox_{environment}",
        prepare=lambda frame: frame[frame["env"] == environment],
        arrange=frames.arrange_nox,
        formula=f"choice ~ {' + '.join(names)} | 0",
        names={name: name for name in names},
        note=f"boilers in the {environment} environment; technologies that fit the boiler",
    )


_HAGUE_NAMES = ("PROPVAL", "SINGFAM", "RESMOBIL", "ETNHETERO", "PROXIMITY", "PROXCITY", "RESUNITS")

_HAGUE = PublishedSpec(
    dataset="hague_burglary",
    model="cl",
    prepare=frames.prepare_hague,
    arrange=frames.arrange_hague,
    formula=f"chosen ~ {' + '.join(_HAGUE_NAMES)} | 0",
    names={name: name for name in _HAGUE_NAMES},
    groups="PERSONID",
    note="a case is a burglary; one offender may have several, and the clustered errors go by offender",
)

_GAME_PLATFORMS = ("GameBoy", "GameCube", "PSPortable", "PlayStation", "Xbox")

_GAME = PublishedSpec(
    dataset="game",
    model="game_rol",
    prepare=frames.as_is,
    arrange=frames.arrange_game,
    formula="ch ~ own | hours + age",
    names={
        **{f"Intercept:{platform}": f"asc:{platform}" for platform in _GAME_PLATFORMS},
        "own": "own",
        **{f"{name}:{platform}": f"{name}:{platform}" for name in ("hours", "age") for platform in _GAME_PLATFORMS},
    },
    base="PC",
    note="each of 91 rankings of six platforms is taken apart into five choices, each from what is left",
)

_SPECS = (
    *_JAPANESE_FDI,
    _travelmode("tm_cl", {}),
    _travelmode(
        "tm_nl_unscaled",
        {"lambda:fly": "iv:fly", "lambda:ground": "iv:ground"},
        normalisation="none",
        note="without scaling, the lambda of the nest with one alternative is identified and makes a different model",
    ),
    _travelmode(
        "tm_nl_rum", {"lambda:ground": "lam_ground"}, note="the lambda of the nest with one alternative is one"
    ),
    *_SWISSMETRO,
    _MODECANADA,
    *_HEATING,
    *(_nox(environment) for environment in ("public", "regulated", "deregulated")),
    _HAGUE,
    _GAME,
)


def published_specs() -> tuple[PublishedSpec, ...]:
    """Every published model that can be estimated here, in the order of the targets."""
    return _SPECS


def published_spec(dataset: str, model: str) -> PublishedSpec:
    """One published model by its two keys; OptionError names the keys that exist."""
    found = {(spec.dataset, spec.model): spec for spec in _SPECS}
    if (dataset, model) not in found:
        raise OptionError.of("(dataset, model)", (dataset, model), sorted(found))
    return found[dataset, model]
