"""What stands around the numbers of a table, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from relocchoice.data.choice_data import PROBABILITY_WEIGHTS
from relocchoice.data.provenance import begun
from relocchoice.engine.bind import degenerate_lambdas
from relocchoice.results import numbers
from relocchoice.results.blocks import LAMBDA_PREFIX, is_dissimilarity

if TYPE_CHECKING:
    from relocchoice.inference.covariance import Covariance
    from relocchoice.inference.identification import Identification
    from relocchoice.results.choice_results import ChoiceResults

_NORMALISATIONS: Mapping[str, str] = {
    "utility": "utility-maximising, P(j|m) ~ exp(V_j / lambda_m)",
    "none": "none, P(j|m) ~ exp(V_j)",
    "bottom": "utilities on the scale of one lowest nest, P(j|m) ~ exp(V_j) in that nest",
}
_FEW_CLUSTERS = 10
_LOOSE = 5.0
_MISSPECIFIED = ("robust", "cluster", "bootstrap")


def family(results: ChoiceResults) -> str:
    """``"Multinomial logit"``, ``"Nested logit"`` or what a model of sets is called."""
    if results.spec.family == "subset":
        return "Conditional logit of sets (m of J)"
    return f"{results.spec.family.capitalize()} logit"


def title(results: ChoiceResults) -> str:
    """The model on one line, after the provenance of data that nobody observed."""
    return begun(results.provenance, model_title(results))


def model_title(results: ChoiceResults) -> str:
    """The family and the formula on one line."""
    return f"{family(results)}: {' '.join(results.spec.formula_text.split())}"


def weights(results: ChoiceResults) -> str:
    """Kind of the weights and, for frequencies, their sum, for others Kish's effective number of choices."""
    if results.weight_kind is None:
        return "none"
    if results.weight_kind == "frequency":
        return f"frequency, sum {numbers.count(results.nobs)}"
    effective = _effective_n(results)
    return results.weight_kind if effective is None else f"{results.weight_kind}, effective n {effective:.1f}"


def _effective_n(results: ChoiceResults) -> float | None:
    """Of the moments, else of the data; None where a loaded fit holds neither."""
    known: float | None = getattr(results.moments, "effective_n", None)
    data = getattr(results.problem, "data", None)
    return known if known is not None or data is None else float(data.effective_n)


def convergence(results: ChoiceResults) -> str:
    """A warning where the estimates are not a maximum."""
    if results.converged:
        return ""
    if results.identification.infinite:
        return (
            f"NO FINITE MAXIMUM: {results.identification.verdict}; AIC and BIC count these as estimated. The "
            "log-likelihood and the finite estimates are those of the limit, in which probabilities go to zero:"
        )
    if results.identification.flat:
        return (
            f"NOT IDENTIFIED: {results.identification.verdict}. Other values fit as well; the log-likelihood is valid."
        )
    return f"NOT CONVERGED ({results.status_message}): neither estimates nor standard errors should be used."


def penalty(results: ChoiceResults) -> str:
    """What was maximised, where that is not the log-likelihood."""
    if results.penalty is None:
        return ""
    return (
        f"Estimates maximise {results.penalty.describe()}. Rho-squared, AIC and BIC take the log-likelihood without "
        "the penalty; intervals and tests by the penalised likelihood: summary(intervals='profile'), "
        "profile_conf_int(), lr_test()."
    )


def profiles(results: ChoiceResults) -> str:
    """What intervals and tests by the profile likelihood are."""
    likelihood = "likelihood" if results.penalty is None else "penalised likelihood"
    return (
        f"Intervals are those of the profile {likelihood}; LR chi2 and P>chi2 test by the {likelihood} ratio, with one "
        "degree of freedom, that the parameter is zero (a lambda: one)."
    )


def covariance(record: Covariance) -> str:
    """Which covariance the standard errors come from."""
    if record.kind == "none":
        return f"Standard errors were not computed: {record.description}."
    return f"Standard errors: {record.description}."


def loose_lambdas(results: ChoiceResults) -> str:
    """A warning where a dissimilarity parameter has a standard error that leaves it open between 0 and 1."""
    errors = results.bse[results.parameters["block"].map(is_dissimilarity).astype(bool)]
    loose = [
        f"{name} (standard error {numbers.significant(error, digits=3)})"
        for name, error in errors.items()
        if error > _LOOSE
    ]
    if not loose:
        return ""
    return (
        f"The data hardly tell {', '.join(loose)}: neither these nor coefficients on their scale should be used; fix "
        "or tie them, or leave the nest out."
    )


def separated_sandwich(results: ChoiceResults) -> str:
    """A warning where a sandwich rests on choices that say nothing about their own variance."""
    separated = results.identification.separation in ("quasi-complete", "complete")
    if results.penalty is None or not separated or results.covariance.kind not in ("robust", "cluster"):
        return ""
    return (
        f"Separated choices: their scores vanish, so that {results.covariance.kind} standard errors of penalised "
        "estimates can be far too small; use cov_type='hessian' or profile_conf_int()."
    )


def few_clusters(record: Covariance, n_parameters: int) -> str:
    """A warning where a clustered covariance rests on too few groups; ``n_parameters`` is how many are estimated."""
    if record.groups is None or (record.groups >= _FEW_CLUSTERS and record.groups > n_parameters):
        return ""
    rank = ""
    if record.groups <= n_parameters:
        rank = (
            f", no more than the {n_parameters} estimated parameters, so that the covariance has at most rank "
            f"{record.groups - 1}"
        )
    return f"Few clusters: {record.groups} groups{rank}. The standard errors are unreliable."


def covariance_kind(record: Covariance) -> str:
    """The kind in a word, with the number of clusters."""
    return record.kind if record.groups is None else f"{record.kind} ({numbers.count(record.groups)} groups)"


def reference_points(results: ChoiceResults) -> str:
    """What the rho-squared and the null log-likelihood are measured against."""
    against = "Rho-squared is McFadden's, against equal shares over the alternatives available to each case"
    constants = results.prsquared_constants
    return f"{against}." if math.isnan(constants) else f"{against}; against constants only {constants:.4f}."


def likelihood_ratio(results: ChoiceResults) -> str:
    """The likelihood-ratio test of all coefficients, and against what; empty where chi-squared is not its law."""
    if results.weight_kind in PROBABILITY_WEIGHTS:
        kind = results.weight_kind
        return f"With {kind} weights the log-likelihood is a pseudo-likelihood: no likelihood-ratio test is given."
    if math.isnan(results.llr_pvalue):
        return ""
    probability = numbers.pvalue(results.llr_pvalue)
    equation = f"p {probability}" if probability.startswith("<") else f"p = {probability}"
    statistic = numbers.decimals(results.llr, 3)
    kind = results.covariance.kind
    caveat = f" (by the likelihood, not by the {kind} covariance)" if kind in _MISSPECIFIED else ""
    return (
        f"Likelihood-ratio test against {results.llr_null}{caveat}: chi2({results.llr_df}) = {statistic}, {equation}."
    )


def normalisation(results: ChoiceResults) -> str:
    """The normalisation of the nested logit in words and symbols."""
    name = results.spec.normalisation
    if results.spec.nests is None or name is None:
        return ""
    return f"Normalisation: {_NORMALISATIONS.get(name, name)}."


def base_label(results: ChoiceResults) -> str:
    """The alternative whose constant and case-specific coefficients are zero; empty where there is none."""
    learned = results.encoding.base
    return "" if learned is None else str(learned)


def base(results: ChoiceResults) -> str:
    """The base alternative in a sentence."""
    label = base_label(results)
    return f"Base alternative: {label}." if label else ""


def parameter_notes(parameters: pd.DataFrame) -> list[str]:
    """One sentence for each parameter with a note of its own (a tied one says it in its row)."""
    own = parameters[(parameters["status"] != "tied") & parameters["note"].notna() & (parameters["note"] != "")]
    return [f"{name}: {note}" for name, note in own["note"].items()]


def identification(record: Identification) -> list[str]:
    """What the data can and cannot tell apart."""
    verdicts = [("Identification", record.verdict if record.ok else ""), ("Lambda", record.lambda_verdict)]
    return [_sentence(f"{subject}: {verdict}") for subject, verdict in verdicts if verdict]


def cells(record: Identification) -> list[str]:
    """The cells behind infinite estimates."""
    return list(map(_sentence, record.cells))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def nest_tree(results: ChoiceResults) -> str:
    """The nests as a tree of several lines, each node with its lambda."""
    tree: Any = results.spec.nests
    if tree is None:
        return ""
    estimates = results.params
    common = LAMBDA_PREFIX.rstrip(":")
    shown = {}
    for node in tree.nodes:
        name = LAMBDA_PREFIX + node if LAMBDA_PREFIX + node in estimates.index else common
        if name not in estimates.index or name in results.identification.flat:
            continue
        alone = name == common and LAMBDA_PREFIX + node in degenerate_lambdas(results.spec)
        value = 1.0 if alone else estimates[name]
        shown[node] = f"(lambda {numbers.significant(value, digits=4)})"
    return f"Nests:\n{tree.render(shown)}"
