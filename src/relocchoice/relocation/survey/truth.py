"""The true model of the simulated choices, stated before anything is drawn.

A nested logit over form and destination in the utility-maximising normalisation, P(j|m) ~ exp(V_j / lambda_m). Its one
nest of forms holds the manufacturing facilities, with two nests of regions below it. Every coefficient is assumed;
none is an estimate. What they leave of the published margins is in the column ``shift``, a known offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import pandas as pd

from relocchoice.data.provenance import begun, traced_record
from relocchoice.errors import OptionError
from relocchoice.models import NestedLogit
from relocchoice.relocation.survey.cells import MANUFACTURING, NEAR, cells
from relocchoice.relocation.taxonomy import DESTINATIONS
from relocchoice.results.frozen import CopiedFrame

Level = Literal["joint", "form", "destination"]
LEVELS: tuple[Level, ...] = get_args(Level)

SHIFT = "shift"
PULL: Mapping[str, float] = MappingProxyType(
    {"log(land_price)": -0.8, "policy": 0.5, "log1p(distance)": -0.4, "kin": 0.5}
)
FORM: Mapping[str, float] = MappingProxyType({"entire": 2.5, "manufacturing": 1.0, "rd": -3.5, "hq": -1.5})
FORM_ASSETS: Mapping[str, float] = MappingProxyType({"entire": -0.1, "manufacturing": 0.15, "rd": 0.4, "hq": 0.2})
FORM_TIES: Mapping[str, float] = MappingProxyType({"entire": -1.0, "manufacturing": -0.5})
BEYOND_ASSETS, BEYOND_TIES = 0.3, -1.0
LAMBDA_FORM, LAMBDA_NEAR, LAMBDA_FAR = 0.8, 0.5, 0.6
NEST, NEST_NEAR, NEST_FAR = "manufacturing", "near", "far"


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Truth:
    """The stated coefficients, and the constants that were set so that the expected margins are the published ones.

    Attributes
    ----------
    shift : one row a period, alternative and class of assets: ``period``, ``alternative``, ``assets``, ``shift``, in
        units of the joint utility. It is known and enters as an offset.
    provenance : where the shift comes from.
    """

    shift: pd.DataFrame
    provenance: str = ""

    def __repr__(self) -> str:
        told = f"<Truth: {len(self.params())} stated coefficients and lambdas, {len(self.shift)} shifts>"
        return begun(self.provenance, told)

    def params(self, level: Level = "joint") -> pd.Series:
        """The true coefficients, labelled as the model's parameters.

        Parameters
        ----------
        level : ``"joint"``; or ``"destination"``, where a manufacturing facility goes, on the scale of that nest:
            joint coefficients and lambdas divided by ``lambda:manufacturing``.

        Raises
        ------
        OptionError
            For another level. The form alone has no finite set of coefficients: its utilities hold logsums.
        """
        _check(level)
        if level == "destination":
            return _destination_params()
        named = {
            **PULL,
            **FORM,
            **{f"{form}:log(assets)": value for form, value in FORM_ASSETS.items()},
            **{f"{form}:local_ties": value for form, value in FORM_TIES.items()},
            "beyond:log(assets)": BEYOND_ASSETS,
            "beyond:local_ties": BEYOND_TIES,
            f"lambda:{NEST}": LAMBDA_FORM,
            f"lambda:{NEST_NEAR}": LAMBDA_NEAR,
            f"lambda:{NEST_FAR}": LAMBDA_FAR,
        }
        return pd.Series(named, name="truth", dtype=float)

    def model(self, level: Level = "joint") -> NestedLogit:
        """The model whose parameters :meth:`params` holds, ready to fit on ``choice_data(level)``.

        Raises
        ------
        OptionError
            For another level than ``"joint"`` and ``"destination"``.
        """
        _check(level)
        terms = [str(name) for name in self.params(level).index if not str(name).startswith("lambda:")]
        return NestedLogit(f"chosen ~ {' + '.join(terms)} | 0", nests=_nests(level), offset=SHIFT)


def _check(level: object) -> None:
    if level not in ("joint", "destination"):
        raise OptionError.of("level", level, "joint, destination")


def _destination_params() -> pd.Series:
    named = {
        **PULL,
        "beyond:log(assets)": BEYOND_ASSETS,
        "beyond:local_ties": BEYOND_TIES,
        f"lambda:{NEST_NEAR}": LAMBDA_NEAR,
        f"lambda:{NEST_FAR}": LAMBDA_FAR,
    }
    return pd.Series(named, name="truth", dtype=float) / LAMBDA_FORM


def _nests(level: Level) -> dict[str, object]:
    """Form, then region, then destination; forms with one or two places stand alone."""
    space = cells()
    regions: dict[str, list[str]] = {NEST_NEAR: [], NEST_FAR: []}
    for cell in space.of(MANUFACTURING):
        place = DESTINATIONS[space.place[cell]].label
        label = space.labels[cell] if level == "joint" else place
        regions[NEST_NEAR if place in NEAR else NEST_FAR].append(label)
    if level == "destination":
        return dict(regions)
    alone = {label: None for label, form in zip(space.labels, space.form, strict=True) if form != MANUFACTURING}
    return {**alone, NEST: regions}


setattr(Truth, "shift", CopiedFrame(vars(Truth)["shift"]))  # noqa: B010
