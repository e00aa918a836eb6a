"""The linear equation of grouped shares as columns, checked before it is estimated, and its first stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import DataError, IdentificationError, SpecificationError
from relocchoice.relocation.land.berry_shares import Shares
from relocchoice.relocation.land.first_stage import CONSTANT, FirstStage, Regression, fit_first_stage, refuse_collinear
from relocchoice.spec.evaluate import learn_terms

if TYPE_CHECKING:
    from relocchoice.relocation.land.berry import BerryLogit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
SIGMA = "sigma"


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The linear equation; R rows.

    Attributes
    ----------
    left : (R,) ln s_j - ln s_0.
    exogenous : the constant first; endogenous : the price and, with nests, sigma's; instruments : the excluded columns.
    """

    left: Floats
    exogenous: pd.DataFrame
    endogenous: pd.DataFrame
    instruments: pd.DataFrame


def system_of(model: BerryLogit, shares: Shares) -> System:
    """The columns of a model on the rows of shares.

    Raises
    ------
    SpecificationError : a term called sigma, with nests. IdentificationError, DataError : as ``BerryLogit.fit``.
    """
    data = shares.data
    made = learn_terms(model.utilities, data, "row", reduced=True)
    columns = dict(zip(made.encoding.labels, made.values, strict=True))
    endogenous = {model.price: columns.pop(model.price)}
    if shares.nest is not None:
        if SIGMA in (*endogenous, *columns):
            raise SpecificationError(
                f"utilities={model.utilities!r}: with nests {SIGMA!r} is the coefficient of the share within them; "
                "rename the column"
            )
        endogenous[SIGMA] = np.log(shares.within)
        if not endogenous[SIGMA].any():
            raise IdentificationError(
                f"nest={model.nest!r}: every nest of every market has one alternative, so sigma is not identified; "
                "leave nest= out"
            )
    exogenous = {CONSTANT: np.ones(data.n_rows), **columns}
    for name in model.effects:
        held = data.row_frame([name])[name]
        if held.isna().any():
            raise DataError(f"effects={name!r} has no value in some rows; fill it or leave the rows out")
        levels = held.drop_duplicates().tolist()
        exogenous |= {f"{name}[{level}]": (held == level).to_numpy(dtype=np.float64) for level in levels[1:]}
    outside = learn_terms(model.instruments, data, "row", reduced=True)
    frames = [
        pd.DataFrame(held)
        for held in (exogenous, endogenous, dict(zip(outside.encoding.labels, outside.values, strict=True)))
    ]
    return System(np.log(shares.share) - np.log(shares.outside), *frames)


def clusters_of(shares: Shares, market: str, groups: str | None) -> Ints:
    if groups is None or groups == market:
        return shares.market
    labels = shares.data.row_frame([groups])[groups]
    if labels.isna().any():
        raise DataError(f"groups={groups!r} has no label in some rows")
    return pd.factorize(labels)[0].astype(np.intp)


def check_system(system: System, clusters: Ints | None, method: str) -> None:
    n, k = len(system.left), system.exogenous.shape[1] + system.endogenous.shape[1]
    if n <= k:
        raise IdentificationError(f"{k} parameters and {n} rows: too few; take fewer terms or effects, or more markets")
    needed, held = system.endogenous.shape[1], system.instruments.shape[1]
    if method != "ols" and held < needed:
        inside, excluded = (", ".join(map(str, frame)) for frame in (system.endogenous, system.instruments))
        raise IdentificationError(
            f"{needed} endogenous columns ({inside}) need as many instruments, not {held} ({excluded}); see "
            "rival_instruments for those of the within-nest share"
        )
    if clusters is not None and len(np.unique(clusters)) < 2:
        raise IdentificationError("there is one cluster only; take cov_type='robust' or other groups=")
    parts = [system.exogenous, system.endogenous] + ([system.instruments] if method != "ols" else [])
    for part in parts:
        for name, values in part.items():
            if name != CONSTANT and np.ptp(values.to_numpy()) <= 1e-9 * (1 + np.abs(values.to_numpy()).max()):
                raise IdentificationError(f"{name} is the same in every row, so it tells nothing; leave it out")
    refuse_collinear(np.column_stack(parts[:2]), [*parts[0], *parts[1]])
    if method != "ols":
        outside = np.column_stack([parts[0], parts[2]])
        refuse_collinear(outside, [*parts[0], *parts[2]])
        projected = outside @ np.linalg.lstsq(outside, parts[1].to_numpy(), rcond=None)[0]
        refuse_collinear(
            np.column_stack([parts[0], projected]), [*parts[0], *(f"{n} (by the instruments)" for n in parts[1])]
        )


def first_stages(system: System, clusters: Ints | None) -> tuple[FirstStage, ...]:
    columns = pd.concat([system.exogenous, system.instruments], axis=1)
    excluded = np.array([name in system.instruments for name in columns])
    return tuple(
        fit_first_stage(
            Regression(
                values.to_numpy(dtype=np.float64), columns.to_numpy(), tuple(map(str, columns)), excluded, clusters
            ),
            str(name),
        )
        for name, values in system.endogenous.items()
    )


def conditional_f(system: System) -> pd.Series:
    """(endogenous,) Sanderson & Windmeijer's F of each, given the others (2016, Journal of Econometrics 190, 212-221).

    The column less what the others' fitted parts explain of it, regressed on the instruments; equal variances.
    """
    outside = np.column_stack([system.exogenous, system.instruments])
    inside, endogenous = system.exogenous.to_numpy(), system.endogenous.to_numpy()
    fitted = outside @ np.linalg.lstsq(outside, endogenous, rcond=None)[0]
    out = {}
    for j, name in enumerate(system.endogenous):
        rest = [i for i in range(endogenous.shape[1]) if i != j]
        known = np.column_stack([inside, fitted[:, rest]])
        weights = np.linalg.lstsq(known, endogenous[:, j], rcond=None)[0]
        own = endogenous[:, j] - np.column_stack([inside, endogenous[:, rest]]) @ weights
        short = own - inside @ np.linalg.lstsq(inside, own, rcond=None)[0]
        long = own - outside @ np.linalg.lstsq(outside, own, rcond=None)[0]
        df = system.instruments.shape[1] - len(rest)
        explained = float(short @ short - long @ long)
        out[str(name)] = explained / df / (float(long @ long) / (len(own) - outside.shape[1]))
    return pd.Series(out, name="conditional_f")
