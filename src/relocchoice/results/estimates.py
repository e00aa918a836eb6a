"""What follows from estimates and their covariance alone, with the names of statsmodels' results.

For likelihoods that are no choice among alternatives: each parameter has a standard error, and 0 as its null value.
:class:`relocchoice.results.choice_results.ChoiceResults` has fixed and infinite ones, and lambdas besides.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from relocchoice.data.provenance import traced_record
from relocchoice.inference.covariance import Covariance
from relocchoice.inference.hypotheses import Hypotheses, TestResult, linear_restrictions, wald
from relocchoice.inference.tails import normal_quantile, require_alpha, two_sided
from relocchoice.results.summary import Summary


@traced_record
class Estimates(Protocol):
    """A record with ``parameters`` (index the p names, column ``estimate``), ``covariance`` and ``summary``."""

    __slots__ = ()

    parameters: pd.DataFrame
    covariance: Covariance

    @property
    def params(self) -> pd.Series:
        """(p,) estimates."""
        return self.parameters["estimate"].rename("params")

    @property
    def bse(self) -> pd.Series:
        """(p,) standard errors."""
        return pd.Series(np.sqrt(np.diag(self.covariance.matrix)), index=self.parameters.index, name="bse")

    @property
    def tvalues(self) -> pd.Series:
        """(p,) z = estimate / standard error."""
        return (self.params / self.bse).rename("tvalues")

    @property
    def pvalues(self) -> pd.Series:
        """(p,) two-sided p-values of :attr:`tvalues` under the standard normal distribution."""
        return pd.Series(two_sided(self.tvalues.to_numpy()), index=self.parameters.index, name="pvalues")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """(p, 2) lower (column 0) and upper (column 1) ends of the intervals that cover with probability 1 - alpha.

        Raises
        ------
        OptionError
            Unless 0 < alpha < 1.
        """
        require_alpha(alpha)
        half = normal_quantile(alpha / 2) * self.bse
        return pd.DataFrame({0: self.params - half, 1: self.params + half})

    def cov_params(self) -> pd.DataFrame:
        """(p, p) covariance of the estimates."""
        names = self.parameters.index
        return pd.DataFrame(np.array(self.covariance.matrix), index=names, columns=names)

    def wald_test(self, hypotheses: Hypotheses, values: ArrayLike | None = None) -> TestResult:
        """Wald's test of linear restrictions; see :meth:`ChoiceResults.wald_test`."""
        restrictions = linear_restrictions(hypotheses, [str(name) for name in self.parameters.index], values)
        return wald(restrictions, self.params, self.cov_params(), groups=self.covariance.groups)

    def summary(self) -> Summary:
        """The table of estimates."""
        ...

    def _repr_html_(self) -> str:
        return self.summary().as_html()
