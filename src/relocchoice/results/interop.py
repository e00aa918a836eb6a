"""What other packages' tables ask of a fit: statsmodels' ``summary_col`` and the plug-in protocol of maketables.

Both print every parameter's z against its own null value, which is 1 for a dissimilarity parameter. maketables takes
everything with ``params``, ``bse`` and ``pvalues`` for results of statsmodels before it looks for its plug-ins, so that
the names of statsmodels serve it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from relocchoice.data.provenance import traced
from relocchoice.results import numbers, words

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults

Infos = Mapping[str, "Callable[[ChoiceResults], str]"]


@dataclass(frozen=True, slots=True)
class ModelNames:
    """What statsmodels calls the variables of a model.

    Attributes
    ----------
    endog_names : what is explained.
    exog_names : the parameters.
    """

    endog_names: str
    exog_names: tuple[str, ...]


def model_names(fit: ChoiceResults) -> ModelNames:
    """The response of the formula, else ``"chosen"``; and the parameters in table order."""
    response = getattr(fit.spec.specification, "response", "") or "chosen"
    return ModelNames(response, tuple(str(name) for name in fit.parameters.index))


INFOS: Infos = {
    "Model": words.family,
    "Cases": lambda fit: numbers.count(fit.n_cases),
    "Log-likelihood": lambda fit: numbers.likelihood(fit.llf),
    "Rho-squared": lambda fit: numbers.ratio(fit.prsquared),
    "AIC": lambda fit: numbers.likelihood(fit.aic),
    "BIC": lambda fit: numbers.likelihood(fit.bic),
    "Covariance": lambda fit: fit.covariance.kind,
}


STATISTIC_LABELS: Mapping[str, str] = {
    "N": "Cases",
    "ll": "Log-likelihood",
    "pseudo_r2": "Rho-squared",
    "aic": "AIC",
    "bic": "BIC",
    "se_type": "Covariance",
}
_STATISTICS: Mapping[str, Callable[[ChoiceResults], float | str]] = {
    "N": lambda fit: fit.n_cases,
    "nobs": lambda fit: fit.nobs,
    "ll": lambda fit: fit.llf,
    "llf": lambda fit: fit.llf,
    "ll_null": lambda fit: fit.llnull,
    "pseudo_r2": lambda fit: fit.prsquared,
    "pseudo_r2_adj": lambda fit: fit.prsquared_adjusted,
    "aic": lambda fit: fit.aic,
    "bic": lambda fit: fit.bic,
    "df_model": lambda fit: fit.df_model,
    "se_type": lambda fit: fit.covariance.kind,
    "model": words.family,
}


def statistic(fit: ChoiceResults, key: str) -> float | str | None:
    """A statistic by maketables' name; None where there is none, as the protocol wants it."""
    known = _STATISTICS.get(key)
    return None if known is None else known(fit)


@traced
def coefficient_table(fit: ChoiceResults) -> pd.DataFrame:
    """Index the parameters; the columns of maketables' protocol, with the ends of 90% and 95% intervals."""
    wide, narrow = fit.conf_int(0.05), fit.conf_int(0.1)
    frame = pd.DataFrame(
        {
            "b": fit.params,
            "se": fit.bse,
            "t": fit.tvalues,
            "p": fit.pvalues,
            "ci95l": wide[0],
            "ci95u": wide[1],
            "ci90l": narrow[0],
            "ci90u": narrow[1],
        }
    )
    return frame.rename_axis("Coefficient")


HOOKS: Mapping[str, Any] = {
    "model": property(model_names, doc="What statsmodels' ``summary_col`` asks of a model."),
    "cov_type": property(lambda fit: fit.covariance.kind, doc="The kind of the covariance."),
    "default_model_infos": property(lambda fit: INFOS, doc="The rows at the foot of statsmodels' ``summary_col``."),
    "__maketables_coef_table__": property(coefficient_table),
    "__maketables_stat__": statistic,
    "__maketables_depvar__": property(lambda fit: model_names(fit).endog_names),
    "__maketables_vcov_info__": property(lambda fit: {"vcov_type": fit.covariance.kind}),
    "__maketables_stat_labels__": property(lambda fit: dict(STATISTIC_LABELS)),
    "__maketables_default_stat_keys__": property(lambda fit: list(STATISTIC_LABELS)),
}
