"""What a published model is: its data, its specification, and what the published table calls its parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, OptionError
from relocchoice.relocation.sources import Missing, published_frame

Folder = str | os.PathLike[str] | None


@dataclass(frozen=True, slots=True)
class Transform:
    """How the published table expresses a parameter: ``value(ours)``, and ``slope(ours)`` for the delta method."""

    words: str
    value: Callable[[float], float]
    slope: Callable[[float], float]


RECIPROCAL = Transform("one over the parameter", lambda ours: 1.0 / ours, lambda ours: -1.0 / ours**2)


@dataclass(frozen=True, slots=True, eq=False)
class PublishedSpec:
    """One published model, ready to be estimated.

    Attributes
    ----------
    dataset, model : keys, the same as those of ``sources.published_target``.
    prepare : the source's frame -> the frame for estimation.
    arrange : the prepared frame -> :class:`ChoiceData`.
    formula : three-part formula.
    names : our parameter name -> the target's name, in table order; every free parameter has an entry.
    base : the alternative without constant; None where the model has no constants.
    nests : None for a multinomial logit; nest -> alternatives; or the name of the column that holds each alternative's
        nest (see :func:`nests_of`).
    normalisation : of a nested logit, "utility" for exp(V / lambda) within a nest, "none" for exp(V).
    lambdas : of a nested logit, "free" (one a nest) or "common".
    transforms : our parameter name -> how the target expresses it; parameters that are not named are the same in both.
    groups : the column that clustered errors of the target go by, or None.
    first_step : the model whose estimates :meth:`build` needs, or None.
    second_step : prepared frame and estimates of the first step -> frame for estimation; None in one-step models.
    note : what was decided in preparing the data.
    """

    dataset: str
    model: str
    prepare: Callable[[pd.DataFrame], pd.DataFrame]
    arrange: Callable[[pd.DataFrame], ChoiceData]
    formula: str
    names: Mapping[str, str]
    base: str | None = None
    nests: Mapping[str, Sequence[Hashable]] | str | None = None
    normalisation: Literal["utility", "none"] = "utility"
    lambdas: Literal["free", "common"] = "free"
    transforms: Mapping[str, Transform] = field(default_factory=lambda: MappingProxyType({}))
    groups: str | None = None
    first_step: str | None = None
    second_step: Callable[[pd.DataFrame, Mapping[str, float]], pd.DataFrame] | None = None
    note: str = ""

    def build(self, *, folder: Folder = None, first_step: Mapping[str, float] | None = None) -> ChoiceData | Missing:
        """The data of this model, or why they are not at hand.

        Parameters
        ----------
        folder : where data that are not shipped lie; see ``sources.published_frame``.
        first_step : estimates of the model ``self.first_step`` by name; needed by two-step models, refused by others.

        Raises
        ------
        OptionError
            If the estimates of the first step are not given where they are needed, or given where they are not.
        """
        if (self.first_step is None) != (first_step is None):
            way_out = (
                "None" if self.first_step is None else f"the estimates of {self.first_step!r}, e.g. dict(fit.params)"
            )
            raise OptionError.of("first_step", first_step, f"{way_out} (model {self.dataset}/{self.model})")
        frame = published_frame(self.dataset, folder)
        if isinstance(frame, Missing):
            return frame
        prepared = self.prepare(frame)
        if self.second_step is not None and first_step is not None:
            prepared = self.second_step(prepared, first_step)
        return self.arrange(prepared)


def published_values(spec: PublishedSpec, params: Mapping[str, float], bse: Mapping[str, float]) -> pd.DataFrame:
    """Our estimates in the terms of the published table, errors by the delta method where a parameter is transformed.

    Parameters
    ----------
    spec : the published model.
    params, bse : estimates and standard errors by our parameter names; more than the table has may be given.

    Returns
    -------
    DataFrame with the target's names as index and columns ``estimate`` and ``error``.

    Raises
    ------
    DataError
        If a parameter of the table is missing.
    """
    absent = [name for name in spec.names if name not in params or name not in bse]
    if absent:
        raise DataError(f"{spec.dataset}/{spec.model}: no estimate or error for {absent}; given: {list(params.keys())}")
    rows = [_published_value(spec.transforms.get(name), float(params[name]), float(bse[name])) for name in spec.names]
    return pd.DataFrame(rows, index=pd.Index(spec.names.values()), columns=["estimate", "error"])


def _published_value(transform: Transform | None, estimate: float, error: float) -> tuple[float, float]:
    if transform is None:
        return estimate, error
    return transform.value(estimate), abs(transform.slope(estimate)) * error


def nests_of(spec: PublishedSpec, data: ChoiceData) -> dict[str, list[Hashable]] | None:
    """The nests of a published model for these data, or None for a multinomial logit.

    Raises
    ------
    DataError
        If an alternative has two different nests in the column that holds them.
    """
    if spec.nests is None:
        return None
    if not isinstance(spec.nests, str):
        return {nest: list(members) for nest, members in spec.nests.items()}
    held = pd.DataFrame({"code": data.row_alternative, "nest": data.row_frame([spec.nests])[spec.nests].to_numpy()})
    pairs = held.drop_duplicates().sort_values("code")
    twice = pairs.loc[pairs["code"].duplicated(), "code"]
    if len(twice):
        label = data.alternatives[int(twice.iloc[0])]
        raise DataError(f"alternative {label!r} has more than one value in the column {spec.nests!r} of its nests")
    return {str(nest): list(data.alternatives[codes]) for nest, codes in pairs.groupby("nest")["code"]}
