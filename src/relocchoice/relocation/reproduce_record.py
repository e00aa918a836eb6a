"""What one part of ``relocchoice reproduce`` hands over: tables to print and findings in full precision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relocchoice.results.table import Table

Folder = str | os.PathLike[str] | None

LIMIT = 1e-6
"""Largest difference from a target that counts as agreement: relative in parameters, absolute in log-likelihoods."""
# the targets hold their clustered errors only to the digits that were printed
_CLUSTER_LIMIT = 1e-5


@dataclass(frozen=True, slots=True)
class ParameterPair:
    """One parameter of a published model, beside its target.

    Attributes
    ----------
    name : the target's name.
    estimate, target : estimated here, and in the target.
    errors, errors_target : kind of covariance -> standard error.
    """

    name: str
    estimate: float
    target: float
    errors: Mapping[str, float]
    errors_target: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PublishedFit:
    """How closely one published model came out.

    Attributes
    ----------
    dataset, model : keys of the target.
    llf, llf_target : log-likelihood here and in the target.
    by_kind : ``"params"`` and each kind of covariance -> largest |here / target - 1|.
    converged : whether the estimates here are a maximum.
    parameters : in the target's order.
    """

    dataset: str
    model: str
    llf: float
    llf_target: float
    by_kind: Mapping[str, float]
    converged: bool
    parameters: tuple[ParameterPair, ...]

    @property
    def llf_difference(self) -> float:
        """Log-likelihood here less the target's."""
        return self.llf - self.llf_target

    @property
    def largest_relative_difference(self) -> float:
        """Over the estimates and every kind of standard error."""
        return max(self.by_kind.values())

    @property
    def agrees(self) -> bool:
        """Whether everything lies within :data:`LIMIT` of the target, and the fit converged."""
        limits = {kind: _CLUSTER_LIMIT if kind == "cluster" else LIMIT for kind in self.by_kind}
        close = all(value <= limits[kind] for kind, value in self.by_kind.items())
        return self.converged and close and abs(self.llf_difference) <= LIMIT


@dataclass(frozen=True, slots=True)
class PublishedSkip:
    """A published model that is left out because its data are not at hand, and why."""

    dataset: str
    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One named part of the main job.

    Attributes
    ----------
    name : as on the command line.
    title : one line.
    tables : name of the file, without its ending -> table.
    findings : the figures behind the tables, in full precision: text, numbers, booleans, lists and mappings of these.
    published : one record a published model.
    """

    name: str
    title: str
    tables: Mapping[str, Table]
    findings: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[PublishedFit | PublishedSkip, ...] = ()
