"""Fits with a penalty, straight from the engine; and the table of destinations that maximum likelihood cannot fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

import relocchoice as rc
from relocchoice.engine.bind import bind
from relocchoice.engine.penalty import Penalty, constant_names
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Found, SearchOptions, reference_of, search
from relocchoice.inference.restricted import Surface, surface
from relocchoice.relocation.reproduce_destination_data import destination_counts

FORMS = ["entire enterprise", "manufacturing facility", "R&D", "headquarters"]
GROUPS = {
    "township": "Yueqing",
    "county seat": "Yueqing",
    "Wenzhou": "other Zhejiang",
    "Hangzhou": "other Zhejiang",
    "Shanghai": "Shanghai + Beijing",
    "Beijing": "Shanghai + Beijing",
    "coastal": "coastal + interior",
    "interior": "coastal + interior",
}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A problem, where the search ended, and the names of its constants."""

    problem: Problem
    found: Found
    constants: tuple[str, ...]

    @property
    def params(self) -> pd.Series:
        return pd.Series(self.problem.user(self.found.maximum.x), index=list(self.problem.space.names))

    @property
    def bse(self) -> pd.Series:
        jacobian = self.problem.jacobian
        covariance = jacobian @ np.linalg.inv(-self.found.curvature) @ jacobian.T
        return pd.Series(np.sqrt(np.diag(covariance)), index=list(self.problem.space.names))

    @property
    def penalised_llf(self) -> float:
        return self.found.maximum.evaluation.value

    @property
    def llf(self) -> float:
        return self.found.loglik.value

    @property
    def surface(self) -> Surface:
        return surface(self.problem, self.found.maximum.x, self.found.penalty)

    def unit(self, name: str) -> np.ndarray:
        """(p,) weights of one parameter."""
        return (np.array(self.problem.space.names) == name).astype(float)


def bound(model: rc.MultinomialLogit | rc.NestedLogit, data: rc.ChoiceData) -> tuple[Problem, tuple[str, ...]]:
    """The problem of a model on data, and the names of its constants."""
    columns = model.spec.specification.learn(data, model.spec.base).columns(data)
    problem = bind(model.spec, columns, data)
    return problem, constant_names(columns, problem.space)


def fit(
    model: rc.MultinomialLogit | rc.NestedLogit, data: rc.ChoiceData, penalty: Penalty | None, starts: int = 1
) -> Fit:
    """Fit with a penalty (None: maximum likelihood)."""
    problem, constants = bound(model, data)
    options = SearchOptions(starts=starts)
    return Fit(problem, search(problem, reference_of(problem), None, options, None, penalty), constants)


def grouped_destinations() -> rc.ChoiceData:
    """The 159 destinations since 1990 in four groups, by form and period."""
    counts = destination_counts()
    counts = counts[counts["period"] != "1980s"]
    counts = counts.assign(
        group=counts["destination"].astype(str).map(GROUPS), form=pd.Categorical(counts["form"].astype(str), FORMS)
    )
    by = ["period", "form", "since_2000", "group"]
    table = counts.groupby(by, observed=True, as_index=False)["count"].sum()
    return rc.ChoiceData.from_counts(table, count="count", alternative="group", cell=by[:3])


DESTINATIONS = rc.MultinomialLogit("chosen ~ 0 | form + since_2000", base="Yueqing")
