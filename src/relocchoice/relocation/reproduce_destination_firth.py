"""Table 6 where maximum likelihood has no finite maximum: Firth's estimates, and the 1980s as zeros or as no choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.models import MultinomialLogit
from relocchoice.relocation import reproduce_destination_data as data
from relocchoice.relocation.reproduce_destination_fits import BASE
from relocchoice.relocation.reproduce_firth import (
    FirthPair,
    firth_columns,
    firth_findings,
    firth_header,
    firth_notes,
    firth_pair,
    firth_rows,
    largest_error_note,
    lr_test_of,
    test_in_words,
)
from relocchoice.relocation.reproduce_layout import STEP_COLUMNS, Row, Step, likelihood_ratio, step_rows
from relocchoice.relocation.seed_notes import listed
from relocchoice.relocation.taxonomy import PERIODS, destination_labels, form_labels
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

EIGHTIES = PERIODS[0].label
GROUPS = {
    "Yueqing": ("township", "county seat"),
    "other Zhejiang": ("Wenzhou", "Hangzhou"),
    "Shanghai and Beijing": ("Shanghai", "Beijing"),
    "coastal and interior": ("coastal", "interior"),
}
GROUP_BASE, FORM_BASE = "Yueqing", "entire enterprise"
WORDS = {
    "unavailable": f"(a) in the {EIGHTIES} there was no place but the {BASE}: no choice",
    "data": f"(b) all destinations available in the {EIGHTIES}, zeros are data",
}


@dataclass(frozen=True, slots=True, eq=False)
class EraFits:
    """Eight destinations on form and era, with the two smaller models, by maximum likelihood; and both ways."""

    constants: ChoiceResults
    by_form: ChoiceResults
    pair: FirthPair

    @property
    def steps(self) -> list[Step]:
        ml = self.pair.ml
        return [
            Step("equal shares (null)", 0, ml.llnull),
            Step.of("constants only", self.constants),
            Step.of("form", self.by_form),
            Step.of("form and era", ml),
        ]


@dataclass(frozen=True, slots=True, eq=False)
class DestinationPairs:
    """Models of Table 6, each by maximum likelihood and by Firth's.

    Attributes
    ----------
    grouped : four groups of destinations from the 1990s on, on form and a dummy for 2000-2003.
    printed : eight destinations on form, the total block of the print.
    eighties : variant of :data:`WORDS` -> eight destinations on form and era.
    """

    grouped: FirthPair
    printed: FirthPair
    eighties: Mapping[str, EraFits]


def grouped_choices() -> ChoiceData:
    """Destinations from the 1990s on in four groups, one cell a form and period."""
    counts = data.destination_counts()
    counts = counts[counts["period"] != EIGHTIES]
    group = {place: name for name, places in GROUPS.items() for place in places}
    counts = counts.assign(
        group=pd.Categorical(counts["destination"].astype(str).map(group), list(GROUPS)),
        form=pd.Categorical(counts["form"].astype(str), list(form_labels(relocations_only=True))),
    )
    keys = ["period", "since_2000", "form", "group"]
    table = counts.groupby(keys, observed=True, as_index=False)["count"].sum()
    return ChoiceData.from_counts(table, count="count", alternative="group", cell=["period", "form"])


def without_eighties(choices: ChoiceData) -> ChoiceData:
    """All forms, where every destination but the base was no choice in the 1980s; what is left one way drops out."""
    rules = {label: {"period": EIGHTIES} for label in destination_labels() if label != BASE}
    return choices.without(rules, single_alternative="drop")


def destination_pairs() -> DestinationPairs:
    """All models; profile intervals of the grouped one, whose parameters are few."""
    grouped = MultinomialLogit("group ~ 0 | form + since_2000", base=GROUP_BASE)
    printed = MultinomialLogit("destination ~ 0 | form", base=BASE)
    full = data.all_forms()
    return DestinationPairs(
        grouped=firth_pair(grouped, grouped_choices(), intervals=True),
        printed=firth_pair(printed, full, intervals=False),
        eighties={"unavailable": _era_fits(without_eighties(full)), "data": _era_fits(full)},
    )


def _era_fits(choices: ChoiceData) -> EraFits:
    models = [MultinomialLogit(f"destination ~ 0 | {terms}", base=BASE) for terms in ("1", "form", "form + era")]
    return EraFits(models[0].fit(choices), models[1].fit(choices), firth_pair(models[2], choices, intervals=False))


def destination_firth_tables(pairs: DestinationPairs) -> dict[str, Table]:
    """Name of the file -> table."""
    return {
        "destination_firth": _grouped_table(pairs.grouped),
        "destination_firth_printed": _printed_table(pairs.printed),
        "destination_eighties": _eighties_table(pairs),
    }


def destination_firth_findings(pairs: DestinationPairs) -> dict[str, Any]:
    """The figures behind the tables."""
    return {
        "firth": firth_findings(pairs.grouped, lr_test_of(pairs.grouped, "since_2000")),
        "firth_printed": firth_findings(pairs.printed),
        "eighties": {
            variant: {
                "llnull": held.pair.ml.llnull,
                "llf_constants_only": held.constants.llf,
                "llf_by_form": held.by_form.llf,
                **firth_findings(held.pair, lr_test_of(held.pair, "era")),
            }
            for variant, held in pairs.eighties.items()
        },
    }


# ------------------------------------------------------------------------------------------------- four groups


def _grouped_table(pair: FirthPair) -> Table:
    effects = {
        f"{FORM_BASE}, {PERIODS[1].label} (constants)": "Intercept:{}",
        **{f"{label} less {FORM_BASE}": f"form[T.{label}]:{{}}" for label in _other_forms(FORM_BASE)},
        f"{data.SINCE} less {PERIODS[1].label}": "since_2000:{}",
    }
    return Table(
        title="Destination in four groups since the 1990s (Table 6): maximum likelihood beside Firth",
        columns=firth_columns(pair, "Destination"),
        rows=tuple(firth_rows(pair, [label for label in GROUPS if label != GROUP_BASE], effects)),
        header=(
            ("Model", "multinomial logit from counts"),
            ("Destinations named", numbers.count(pair.ml.nobs)),
            ("Base destination", GROUP_BASE),
            ("Base form", FORM_BASE),
            *firth_header(pair),
        ),
        notes=(
            *firth_notes(pair),
            f"Groups: {'; '.join(f'{name} = {listed(places)}' for name, places in GROUPS.items())}.",
            *_alike_note(pair),
            "Whether destinations changed after 2000, by the penalised likelihood ratio: "
            f"{test_in_words(lr_test_of(pair, 'since_2000'))}.",
            largest_error_note(pair, _reasons(len(GROUPS) - 1, since=True)),
        ),
    )


def _alike_note(pair: FirthPair) -> list[str]:
    """Which groups have equal counts in every cell, and so equal estimates."""
    choices = pair.ml.problem.data
    cells = choices.case_frame(["period", "form"]).astype(str)
    cells = cells.assign(count=choices.weights, group=choices.alternatives[choices.chosen].astype(str))
    counts = cells.pivot_table(index=["period", "form"], columns="group", values="count", aggfunc="sum", fill_value=0)
    return [
        f"The counts of {first} and of {second} are the same in every cell, and so are their estimates."
        for first, second in combinations(GROUPS, 2)
        if (counts[first] == counts[second]).all()
    ]


def _other_forms(base: str) -> list[str]:
    return [label for label in form_labels(relocations_only=True) if label != base]


def _reasons(coefficients: int, *, since: bool = False) -> dict[str, str]:
    """Beginning of a parameter's name -> how few choices stand behind it."""
    counts = data.destination_counts()
    if since:
        counts = counts[counts["period"] != EIGHTIES]
    total = counts.groupby("form", observed=True)["count"].sum()
    return {
        f"form[T.{label}]": f"{numbers.count(total[label])} choices of {label} carry {coefficients} coefficients, so "
        "that their intervals are the prior's as much as the data's"
        for label in total.index
    }


# ------------------------------------------------------------------------------------------------ as printed


def _printed_table(pair: FirthPair) -> Table:
    effects = {
        f"{data.MANUFACTURING} (constants)": "Intercept:{}",
        **{f"{label} less {data.MANUFACTURING}": f"form[T.{label}]:{{}}" for label in _other_forms(data.MANUFACTURING)},
    }
    places = [label for label in destination_labels() if label != BASE]
    counts = data.destination_counts().groupby(["form", "destination"], observed=False)["count"].sum()
    return Table(
        title="Destination by form (Table 6 as printed): maximum likelihood beside Firth",
        columns=firth_columns(pair, "Destination"),
        rows=tuple(firth_rows(pair, places, effects)),
        header=(
            ("Model", "multinomial logit from counts"),
            ("Destinations named", numbers.count(pair.ml.nobs)),
            ("Base destination", BASE),
            ("Base form", data.MANUFACTURING),
            *firth_header(pair),
        ),
        notes=(
            *firth_notes(pair),
            f"These are the {int((counts == 0).sum())} empty cells of the {counts.size} of the total block.",
            largest_error_note(pair, _reasons(len(places))),
        ),
    )


# --------------------------------------------------------------------------------------------------- the 1980s


def _eighties_table(pairs: DestinationPairs) -> Table:
    held = pairs.eighties
    rows: list[Row] = []
    for variant, fits in held.items():
        rows += [(WORDS[variant],), *step_rows(fits.steps)]
    gone, all_in = held["unavailable"].pair, held["data"].pair
    tests = [test_in_words(lr_test_of(pair, "era")) for pair in (gone, all_in)]
    plain = [likelihood_ratio(*held[variant].steps[2:]) for variant in WORDS]
    return Table(
        title=f"Destination by form and period (Table 6): the {EIGHTIES} as no choice and as zeros",
        columns=STEP_COLUMNS,
        rows=tuple(rows),
        header=(("Model", "multinomial logit from counts"), ("Base destination", BASE)),
        notes=(
            "G = 2 x the rise of the log-likelihood over the row above; p from chi-squared, which is not its "
            "distribution where parameters are infinite.",
            f"In the {EIGHTIES} {numbers.count(all_in.ml.nobs - gone.ml.nobs)} entire enterprises moved, all to a "
            f"{BASE}. Whether they could have gone elsewhere the print does not say. If not, they tell nothing of the "
            f"choice: (a) says so by rule (unavailable where period is {EIGHTIES}) and keeps "
            f"{numbers.count(gone.ml.nobs)} of {numbers.count(all_in.ml.nobs)} destinations.",
            f"Firth's estimates: {_largest_move(gone, all_in)}. The era by the penalised likelihood ratio: {tests[0]} "
            f"in (a), {tests[1]} in (b); by the plain ratio p = {plain[0].pvalue:.3f} and {plain[1].pvalue:.3f}.",
        ),
    )


def _largest_move(gone: FirthPair, all_in: FirthPair) -> str:
    """How far the two treatments of the 1980s are apart, in standard errors."""
    apart = ((gone.firth.params - all_in.firth.params) / all_in.firth.bse).abs()
    name = str(apart.idxmax())
    first, second = gone.firth.params[name], all_in.firth.params[name]
    return (
        f"none moves by more than {apart[name]:.2f} standard errors between (a) and (b), most {name}, {first:.3f} "
        f"against {second:.3f}"
    )
