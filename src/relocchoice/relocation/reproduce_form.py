"""Form of expansion by period (Table 4): multinomial logit from counts, with and without the forms that did not exist.

A period's dummies saturate the model, so the maximum is sum n_pf log(n_pf / n_p) in both variants; they differ in what
the null and the constants-only model may put on forms that no firm could use yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.models import MultinomialLogit
from relocchoice.relocation.reproduce_firth import (
    FirthPair,
    firth_columns,
    firth_findings,
    firth_header,
    firth_notes,
    firth_pair,
    firth_rows,
    lr_test_of,
    names_of,
    test_in_words,
)
from relocchoice.relocation.reproduce_layout import (
    STEP_COLUMNS,
    Effect,
    Step,
    effect_rows,
    likelihood_ratio,
    loglik,
    never,
    step_rows,
)
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.taxonomy import form_labels, period_labels
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

BASE_FORM = "in-site"
BASE_PERIOD = "1990s"  # the first period in which every form was used, so that all constants are finite
Variant = Literal["unavailable", "available"]
WORDS: dict[Variant, str] = {
    "unavailable": "(a) forms that did not exist in the 1980s are unavailable then",
    "available": "(b) all five forms are available in every period, zeros are data",
}


@dataclass(frozen=True, slots=True, eq=False)
class FormFits:
    """Both models of one variant; ``steps``: equal shares, constants only, by period."""

    constants: ChoiceResults
    by_period: ChoiceResults

    @property
    def steps(self) -> tuple[Step, Step, Step]:
        return (
            Step("equal shares (null)", 0, self.constants.llnull),
            Step.of("constants only", self.constants),
            Step.of("by period", self.by_period),
        )


def form_counts() -> pd.DataFrame:
    """Table 4 without its total: period (base first), form (base first), events, exists."""
    table = seed_table(4)
    table = table.loc[table["period"] != "total", ["period", "form", "events", "exists"]].reset_index(drop=True)
    periods = [BASE_PERIOD, *(label for label in period_labels() if label != BASE_PERIOD)]
    return table.assign(
        period=pd.Categorical(table["period"], periods),
        form=pd.Categorical(table["form"], list(form_labels())),
    )


def form_choices(variant: Variant) -> ChoiceData:
    """Table 4 as choices among forms, one cell a period."""
    available = "exists" if variant == "unavailable" else None
    counts = form_counts() if available else form_counts().drop(columns="exists")
    return ChoiceData.from_counts(counts, count="events", alternative="form", cell="period", available=available)


def form_fits(variant: Variant) -> FormFits:
    """Constants only, and constants with period dummies."""
    data = form_choices(variant)
    fixed = _effects_of_absent_forms() if variant == "unavailable" else {}
    return FormFits(
        constants=MultinomialLogit("form ~ 0 | 1", base=BASE_FORM).fit(data),
        by_period=MultinomialLogit("form ~ 0 | period", base=BASE_FORM, fixed=fixed).fit(data),
    )


def form_firth() -> FirthPair:
    """Constants with period dummies, all forms available in every period, by maximum and penalised likelihood."""
    model = MultinomialLogit("form ~ 0 | period", base=BASE_FORM)
    return firth_pair(model, form_choices("available"), intervals=True)


def _effects_of_absent_forms() -> dict[str, float]:
    """Dummies of periods in which a form could not be chosen enter no utility that counts; they are held at zero."""
    counts = form_counts()
    absent = counts[~counts["exists"].astype(bool)]
    return {f"period[T.{row.period}]:{row.form}": 0.0 for row in absent.itertuples()}


def form(folder: Folder = None) -> Reproduction:
    """Table 4 estimated, both variants side by side; ``folder`` is not needed."""
    fits: dict[Variant, FormFits] = {variant: form_fits(variant) for variant in WORDS}
    pair = form_firth()
    return Reproduction(
        name="form",
        title="Form of expansion by period (Table 4), estimated",
        tables={
            "form_loglik": _loglik_table(fits),
            "form": _estimates_table(fits),
            "form_firth": _firth_table(pair, fits["available"]),
        },
        findings={
            **{variant: _findings(held) for variant, held in fits.items()},
            "firth": firth_findings(pair, lr_test_of(pair, "period")),
        },
    )


def _findings(held: FormFits) -> dict[str, Any]:
    null, constants, by_period = held.steps
    test = likelihood_ratio(constants, by_period)
    return {
        "llnull": null.llf,
        "llf_constants_only": constants.llf,
        "llf_by_period": by_period.llf,
        "lr_by_period": {"statistic": test.statistic, "df": test.df, "pvalue": test.pvalue},
        "params_by_period": held.by_period.params.to_dict(),
        "bse_by_period": held.by_period.bse.to_dict(),
        "infinite": list(held.by_period.identification.cells),
    }


def _loglik_table(fits: dict[Variant, FormFits]) -> Table:
    rows: list[tuple[str, ...]] = []
    for variant, held in fits.items():
        rows += [(WORDS[variant],), *step_rows(held.steps)]
    return Table(
        title="Form of expansion by period (Table 4): log-likelihoods",
        columns=STEP_COLUMNS,
        rows=tuple(rows),
        header=_header(fits["available"].constants),
        notes=_loglik_notes(fits),
    )


def _header(fit: ChoiceResults) -> tuple[tuple[str, str], ...]:
    return (
        ("Model", "multinomial logit from counts"),
        ("Expansions", f"{fit.nobs:g}"),
        ("Base form", BASE_FORM),
        ("Base period", BASE_PERIOD),
    )


def _loglik_notes(fits: dict[Variant, FormFits]) -> tuple[str, ...]:
    null, constants, by_period = (loglik(step.llf) for step in fits["available"].steps)
    own_null, own_constants, own_by_period = (loglik(step.llf) for step in fits["unavailable"].steps)
    tests = [likelihood_ratio(*held.steps[1:]) for held in fits.values()]
    return (
        "G = 2 x the rise of the log-likelihood over the row above; p from chi-squared.",
        f"Which is which: null {null} and constants only {constants} are variant (b). Variant (a) has {own_null} and "
        f"{own_constants}. By period both reach {by_period if by_period == own_by_period else own_by_period}, as the "
        "dummies reproduce every share.",
        f"Whether the form changed over time depends on the variant: p = {tests[0].pvalue:.3f} in (a), "
        f"{tests[1].pvalue:.3f} in (b). The rise in (b) comes from forms that nobody could choose in the 1980s, and "
        f"its {tests[1].df} degrees of freedom count {len(fits['available'].by_period.identification.infinite)} "
        "parameters without a finite maximum, so chi-squared is not its distribution.",
    )


def _estimates_table(fits: dict[Variant, FormFits]) -> Table:
    forms = [label for label in form_labels() if label != BASE_FORM]
    later = [label for label in period_labels() if label != BASE_PERIOD]
    heads = ("constants only", f"{BASE_PERIOD} (constants)", *(f"{label} less {BASE_PERIOD}" for label in later))
    rows: list[tuple[str, ...]] = []
    for variant, held in fits.items():
        names = ("Intercept:{}", "Intercept:{}", *(f"period[T.{label}]:{{}}" for label in later))
        sources = (held.constants, *([held.by_period] * (1 + len(later))))
        effects = [Effect(*parts) for parts in zip(heads, sources, names, strict=True)]
        rows += [(WORDS[variant],), *effect_rows(forms, effects, fixed="unavailable")]
    return Table(
        title=f"Form of expansion by period (Table 4): log-odds against {BASE_FORM} expansion",
        columns=("Form", *heads),
        rows=tuple(rows),
        header=_header(fits["available"].constants),
        notes=(
            "Standard errors in ( ), from the inverse of the negative Hessian.",
            f"Parameters: Intercept:<form> and period[T.<period>]:<form>, e.g. period[T.{later[-1]}]:{forms[1]}.",
            *_infinite_notes(fits["available"], forms),
        ),
    )


def _infinite_notes(held: FormFits, forms: list[str]) -> list[str]:
    counts = form_counts().groupby("period", observed=True)["events"].sum()
    sentences = []
    for period, total in counts.items():
        if period == BASE_PERIOD:
            continue
        empty = Effect(str(period), held.by_period, f"period[T.{period}]:{{}}").infinite(forms)
        if empty:
            sentences.append(never(str(period), total, empty))
    if not sentences:
        return []
    return [
        "-inf in (b): the estimate falls without bound, because no choice was counted in the cell. The empty cells: "
        f"{'; '.join(sentences)}. The other estimates and the log-likelihood are limits then."
    ]


# ---------------------------------------------------------------------------------------------------- penalised


def _firth_table(pair: FirthPair, held: FormFits) -> Table:
    forms = [label for label in form_labels() if label != BASE_FORM]
    later = [label for label in period_labels() if label != BASE_PERIOD]
    effects = {
        f"{BASE_PERIOD} (constants)": "Intercept:{}",
        **{f"{label} less {BASE_PERIOD}": f"period[T.{label}]:{{}}" for label in later},
    }
    _, constants, by_period = held.steps
    plain = likelihood_ratio(constants, by_period)
    return Table(
        title="Form of expansion by period (Table 4), all forms available: maximum likelihood beside Firth",
        columns=firth_columns(pair, "Form"),
        rows=tuple(firth_rows(pair, forms, effects)),
        header=(*_header(pair.ml), *firth_header(pair)),
        notes=(
            *firth_notes(pair),
            "Whether the form changed over time, by the penalised likelihood ratio: "
            f"{test_in_words(lr_test_of(pair, 'period'))}. The plain ratio, {plain.statistic:.3f} with "
            f"p = {plain.pvalue:.3f}, is no chi-squared here: {len(names_of(pair.ml, 'period'))} parameters are "
            f"counted, {len(pair.ml.identification.infinite)} of them infinite.",
            "The penalty answers for sampling zeros. If the forms did not exist in the 1980s, as the print's dashes "
            "say, no number belongs there: that is variant (a) of the table above.",
        ),
    )
