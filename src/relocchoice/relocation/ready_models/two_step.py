"""A nested logit in two steps beside full information, with standard errors that count both steps.

First step: alternatives within the outermost nest that was chosen, P(j | m) from V = x'b, whose scale is that of the
first nest. Second: the outermost nest, P(m) ~ exp(z'a + l I_m) with the inclusive value I_m at the first step's
estimates (McFadden 1978, 1981). The coefficients are l b and a, the dissimilarities l times those of the first step.

Standard errors from the stacked scores, see :mod:`relocchoice.relocation.ready_models.stacked_scores`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import traced_record
from relocchoice.engine.bind import COMMON
from relocchoice.errors import DataError, IdentificationError, OptionError, SpecificationError
from relocchoice.models import NestedLogit
from relocchoice.relocation.ready_models.stacked_scores import Stacked, both_steps
from relocchoice.relocation.ready_models.steps import Choices, Lower, Upper, choices_of, lower_step, upper_step
from relocchoice.relocation.ready_models.two_step_table import two_step_table
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.frozen import CopiedFrame
from relocchoice.results.summary import Summary

Floats = NDArray[np.float64]


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TwoStepResults:
    """A nested logit in two steps and by full information.

    Attributes
    ----------
    estimates : index the model's parameters; columns ``two_step``, ``bse`` (both steps counted), ``bse_naive`` (the
        inclusive value taken as known, the steps as independent), ``full``, ``full_bse``, ``step`` (``"first"``,
        ``"second"``, ``"both"``, or ``"fixed"``).
    covariance : (p, p) of the two-step estimates, both steps counted; NaN for what is fixed.
    lower, upper : the two steps' own fits; their errors take the first step as known.
    full : full-information maximum likelihood of the same model.
    inclusive : coefficient of the inclusive value, l.
    notes : what belongs to which step.
    """

    estimates: pd.DataFrame
    covariance: pd.DataFrame
    lower: ChoiceResults
    upper: ChoiceResults
    full: ChoiceResults
    inclusive: float
    notes: tuple[str, ...]

    @property
    def params(self) -> pd.Series:
        """(p,) two-step estimates."""
        return self.estimates["two_step"].rename("params")

    @property
    def bse(self) -> pd.Series:
        """(p,) standard errors that count both steps; NaN for what is fixed."""
        return self.estimates["bse"].rename("bse")

    def cov_params(self) -> pd.DataFrame:
        """A copy of :attr:`covariance`."""
        return self.covariance

    @property
    def provenance(self) -> str:
        """Where the data come from, where nobody observed them."""
        return self.full.provenance

    def summary(self) -> Summary:
        """The two estimators side by side."""
        return Summary(two_step_table(self.estimates, self.lower, self.upper, self.full, self.notes))

    def __repr__(self) -> str:
        return str(self.summary())


for _name in ("estimates", "covariance"):
    setattr(TwoStepResults, _name, CopiedFrame(vars(TwoStepResults)[_name]))


def two_step(model: NestedLogit, data: ChoiceData, *, groups: Any = None, **options: Any) -> TwoStepResults:
    """Estimate a nested logit in two steps and by full information.

    Parameters
    ----------
    model : with generic terms only (``"chosen ~ x + z | 0"``), in the utility-maximising normalisation and without
        constraints. ``lambdas="common"``: the first step is a conditional logit; ``"free"``: it also gives the
        dissimilarities of the nests relative to the first one's. An offset that differs within a nest is estimated as a
        term, since the first step does not know its scale; it should come out as one.
    data : the choices.
    groups : clusters of the cases, a column's name or labels one a case; None: cases are independent.
    options : of the three fits, e.g. ``max_iterations=``.

    Returns
    -------
    TwoStepResults
        Errors of both estimators are robust (sandwich), or clustered with ``groups``.

    Raises
    ------
    OptionError, SpecificationError : the model is of another kind.
    DataError : no case has a choice within a nest, or cases may take several alternatives.
    IdentificationError : a step has no unique maximum, or a term belongs to neither step.

    Notes
    -----
    A term that differs inside the chosen nests is estimated in the first step and only there; one that is the same for
    all alternatives of a nest in the second. Full information uses both, so its errors are smaller; where the tree is
    right the two differ by sampling error only.
    """
    _check(model, data)
    kind = "robust" if groups is None else "cluster"
    full = model.fit(data, kind, groups=groups, **options)
    _need_maximum(full, "full information")
    choices = choices_of(model, full)
    lower = lower_step(model, choices, options)
    _need_maximum(lower.fit, "the first step")
    upper = upper_step(choices, lower, options)
    _need_maximum(upper.fit, "the second step")
    stacked = both_steps(choices, lower, upper, groups)
    return _results(choices, lower, upper, stacked, full)


def _check(model: object, data: object) -> None:
    if not isinstance(model, NestedLogit):
        raise OptionError(f"model is a NestedLogit, not {type(model).__name__}: two steps need a tree")
    if not isinstance(data, ChoiceData):
        raise DataError(f"data is a ChoiceData, not {type(data).__name__}")
    if data.picked is not None:
        raise DataError("two steps need cases that take one alternative each; see one_case_each()")
    if model.normalisation != "utility":
        raise OptionError.of("normalisation", model.normalisation, "utility")
    if model.fixed or model.equal or model.bounds:
        raise SpecificationError("two steps do not take fixed=, equal= or bounds=: a restriction may span both steps")


def _need_maximum(fit: ChoiceResults, what: str) -> None:
    if not fit.converged:
        raise IdentificationError(f"{what} has no unique finite maximum: {fit.status_message}")


def _results(choices: Choices, lower: Lower, upper: Upper, stacked: Stacked, full: ChoiceResults) -> TwoStepResults:
    scale = float(upper.fit.params[upper.inclusive])
    names = [*choices.names, *(name for name in full.params.index if name not in choices.names)]
    if lower.offset is not None:
        names.append(lower.offset)
    one, two = list(lower.fit.params.index), list(upper.fit.params.index)
    second = {name: len(one) + k for k, name in enumerate(two)}
    jacobian, values, steps = np.zeros((len(names), len(one) + len(two))), np.zeros(len(names)), []
    for row, name in enumerate(names):
        if name in choices.fixed:
            values[row] = 1.0
            steps.append("fixed")
        elif name in second:
            values[row] = float(upper.fit.params[name])
            jacobian[row, second[name]] = 1.0
            steps.append("second")
        elif name in one and (name not in lower.rho_names or name in lower.free_rho):
            own = float(lower.fit.params[name])
            values[row] = scale * own
            jacobian[row, one.index(name)], jacobian[row, second[upper.inclusive]] = scale, own
            shared = _shared(name, choices, lower)
            for other, weight in shared.items():
                values[row] -= weight * float(upper.fit.params[other])
                jacobian[row, second[other]] -= weight
            steps.append("both" if shared or name in lower.rho_names else "first")
        elif name not in (COMMON, *lower.rho_names):
            raise IdentificationError(f"{name}: no case chose between alternatives of this nest; drop the nest")
        else:  # the first nest's dissimilarity, and the common one
            values[row] = scale
            jacobian[row, second[upper.inclusive]] = 1.0
            steps.append("second")
    known = np.array([step != "fixed" for step in steps])
    covariance = _hidden(jacobian @ stacked.covariance @ jacobian.T, known)
    naive = _hidden(jacobian @ stacked.naive @ jacobian.T, known)
    estimates = pd.DataFrame(
        {
            "two_step": values,
            "bse": np.sqrt(np.diag(covariance)),
            "bse_naive": np.sqrt(np.diag(naive)),
            "full": full.params.reindex(names).fillna(pd.Series({lower.offset: 1.0})).to_numpy(dtype=float),
            "full_bse": full.bse.reindex(names).to_numpy(dtype=float),
            "step": steps,
        },
        index=pd.Index(names, name="parameter"),
    )
    frame = pd.DataFrame(covariance, index=estimates.index, columns=estimates.index)
    notes = (stacked.words, *lower.notes, *upper.notes)
    return TwoStepResults(estimates, frame, lower.fit, upper.fit, full, scale, notes)


def _shared(name: str, choices: Choices, lower: Lower) -> dict[str, float]:
    """Terms of the second step that a term of the first holds within nests, with their weights."""
    held = [choices.names[k] for k in lower.terms]
    if name not in held:
        return {}
    at = held.index(name)
    return {choices.names[k]: float(weights[at]) for k, weights in lower.moved.items() if weights[at] != 0}


def _hidden(matrix: Floats, known: NDArray[np.bool_]) -> Floats:
    out = (matrix + matrix.T) / 2
    out[~known] = np.nan
    out[:, ~known] = np.nan
    return out
