"""Destination given form and period (Table 6), by multinomial and nested logit from counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from relocchoice.inference.tails import chi2_quantile
from relocchoice.relocation import reproduce_destination_data as data
from relocchoice.relocation.reproduce_destination_firth import (
    destination_firth_findings,
    destination_firth_tables,
    destination_pairs,
)
from relocchoice.relocation.reproduce_destination_fits import (
    BASE,
    LAMBDAS,
    LATER,
    FullFits,
    ManufacturingFits,
    full_fits,
    lambda_profile,
    manufacturing_fits,
    nest_structures,
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
    without_rows,
)
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.seed_notes import listed
from relocchoice.relocation.taxonomy import destination_labels
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.compare import compare
from relocchoice.results.table import Table

INTERVAL_DEPTH = chi2_quantile(0.05, 1) / 2
"""How far below its maximum a log-likelihood stays inside the 95 % interval of one parameter."""

Header = tuple[tuple[str, str], ...]


def destination(folder: Folder = None) -> Reproduction:
    """Table 6 estimated; ``folder`` is not needed."""
    full, only, profile = full_fits(), manufacturing_fits(), lambda_profile()
    pairs = destination_pairs()
    return Reproduction(
        name="destination",
        title="Destination by form and period (Table 6), estimated",
        tables={
            "destination_loglik": _loglik_table(full),
            "destination": _full_table(full),
            "destination_manufacturing": _manufacturing_table(only),
            "destination_pooled": _pooled_table(only),
            "destination_lambda": _profile_table(profile, only),
            **destination_firth_tables(pairs),
        },
        findings={**_findings(full, only, profile), **destination_firth_findings(pairs)},
    )


def _findings(full: FullFits, only: ManufacturingFits, profile: Mapping[str, dict[float, float]]) -> dict[str, Any]:
    return {
        "all_forms": {
            "llnull": full.constants.llnull,
            "llf_constants_only": full.constants.llf,
            "llf_by_form": full.by_form.llf,
            "llf_by_form_and_era": full.by_form_and_era.llf,
            "llf_nested_constants_only": full.nested_constants.llf,
            "llf_nested_by_form": full.nested_by_form.llf,
            "infinite": [name for name, _ in full.by_form_and_era.identification.infinite],
        },
        "manufacturing": {
            name: _fit_record(getattr(only, name)) for name in ("multinomial", "border", "area", "pooled")
        },
        "profile": {
            structure: [{"lambda": value, "llf": llf} for value, llf in curve.items()]
            for structure, curve in profile.items()
        },
    }


def _fit_record(fit: ChoiceResults) -> dict[str, Any]:
    return {
        "llf": fit.llf,
        "params": fit.params.to_dict(),
        "bse": fit.bse.to_dict(),
        "status": fit.parameters["status"].to_dict(),
        "converged": fit.converged,
        "identification": fit.identification.verdict,
        "dissimilarity": fit.identification.lambda_verdict,
    }


# ----------------------------------------------------------------------------------------------- all forms


def _full_header(full: FullFits) -> Header:
    return (
        ("Model", "multinomial logit from counts"),
        ("Destinations named", numbers.count(full.constants.nobs)),
        ("Base destination", BASE),
        ("Base form", data.MANUFACTURING),
        ("Base period", data.SINCE),
    )


def _loglik_table(full: FullFits) -> Table:
    constants, by_form = Step.of("constants only", full.constants), Step.of("form", full.by_form)
    steps = [
        Step("equal shares (null)", 0, full.constants.llnull),
        constants,
        by_form,
        Step.of("form and era (since or before 2000)", full.by_form_and_era),
    ]
    nested = [
        ("constants only, lambda", full.nested_constants),
        ("form, lambda", full.nested_by_form),
    ]
    rows: list[tuple[str, ...]] = [("Multinomial logit",), *step_rows(steps), ("Nested logit by area, one lambda",)]
    rows += [(label, "", "", loglik(fit.llf), "", "", "") for label, fit in nested]
    return Table(
        title="Destination by form and period (Table 6): log-likelihoods",
        columns=STEP_COLUMNS,
        rows=tuple(rows),
        header=_full_header(full),
        notes=(
            "G = 2 x the rise of the log-likelihood over the row above; p from chi-squared, which is not its "
            "distribution where parameters are infinite.",
            *_nested_notes(full),
            "Only the blocks of the periods are used: the total block is their sum.",
        ),
    )


def _nested_notes(full: FullFits) -> list[str]:
    pairs = ((full.nested_constants, full.constants), (full.nested_by_form, full.by_form))
    if any("lambda" not in nested.identification.flat for nested, _ in pairs):
        return ["Lambda was taken as identified in a nested logit here, although its model reproduces every share."]
    gap = max(abs(nested.llf - flat.llf) for nested, flat in pairs)
    return [
        "Lambda is not identified in the two nested logits: a constant for every destination, and one for every form, "
        "reproduce the shares with any lambda, which then only rescales the constants. Their log-likelihoods are "
        f"those of the multinomial logits (largest difference {gap:.0e}); their parameters are not counted."
    ]


def _full_table(full: FullFits) -> Table:
    fit = full.by_form_and_era
    destinations = [label for label in destination_labels() if label != BASE]
    others = [label for label in data.destination_counts()["form"].cat.categories if label != data.MANUFACTURING]
    effects = [
        Effect("constants only", full.constants, "Intercept:{}"),
        Effect("constants", fit, "Intercept:{}"),
        *(Effect(label, fit, f"form[T.{label}]:{{}}") for label in others),
        Effect(data.BEFORE, fit, f"era[T.{data.BEFORE}]:{{}}"),
    ]
    return Table(
        title=f"Destination by form and period (Table 6): log-odds against {BASE}",
        columns=("Destination", *(effect.head for effect in effects)),
        rows=tuple(effect_rows(destinations, effects)),
        header=_full_header(full),
        notes=(
            "Standard errors in ( ), from the inverse of the negative Hessian. The first column is a model of its own; "
            f"the others are one model, in which 'constants' are of {data.MANUFACTURING} in {data.SINCE}.",
            f"Parameters: Intercept:<destination>, form[T.<form>]:<destination>, era[T.{data.BEFORE}]:<destination>.",
            "-inf: the estimate falls without bound, because no choice was counted in a cell. The empty cells: "
            f"{'; '.join(_empty_cells(effects[2:], destinations))}.",
        ),
    )


def _empty_cells(effects: list[Effect], destinations: list[str]) -> list[str]:
    counts = data.destination_counts()
    totals = {
        **counts.groupby("form", observed=True)["count"].sum().to_dict(),
        **counts.groupby("era", observed=True)["count"].sum().to_dict(),
    }
    held = [(effect.head, effect.infinite(destinations)) for effect in effects]
    return [never(head, totals[head], empty) for head, empty in held if empty]


# ----------------------------------------------------------------------------------- manufacturing alone


def _manufacturing_table(only: ManufacturingFits) -> Table:
    heads = ("multinomial", "nested by border", "nested by area")
    made = compare(only.multinomial, only.border, only.area, names=heads).table
    made = without_rows(made, ("Model", "Weights", "Cases", "Covariance", "Base alternative"))
    test = likelihood_ratio(Step.of("", only.constants), Step.of("", only.multinomial))
    nested = likelihood_ratio(Step.of("", only.multinomial), Step.of("", only.border))
    odds = np.exp(only.multinomial.params[LATER])
    return replace(
        made,
        title="Destination of manufacturing (Table 6): all estimates finite, multinomial beside nested",
        columns=("Parameter", *made.columns[1:]),
        header=(
            ("Model", "logit from counts"),
            ("Destinations named", numbers.count(only.multinomial.nobs)),
            ("Base destination", BASE),
            ("Covariance", "inverse Hessian"),
        ),
        notes=(
            *made.notes,
            f"{LATER} is one beyond Yueqing in {data.SINCE}: the odds of leaving Yueqing were {odds:.2f} times those "
            f"of the 1990s (G = {test.statistic:.3f} on {test.df} df, p = {test.pvalue:.3f}).",
            f"By border: lambda beside the multinomial logit has G = {nested.statistic:.3f} on {nested.df} df, "
            f"p = {nested.pvalue:.2f}; {_without_stop(only.border.identification.lambda_verdict)}.",
            *_why_flat(only.area),
            *(f"Nests by {name}: {_nests_in_words(nests)}." for name, nests in _two_structures().items()),
        ),
    )


def _without_stop(sentence: str | None) -> str:
    return (sentence or "").removesuffix(".")


def _why_flat(fit: ChoiceResults) -> list[str]:
    if "lambda" not in fit.identification.flat:
        return []
    return [
        f"By area: lambda and the constants are not identified. {LATER} does not differ within an area, so nothing but "
        "the constants tells destinations of one area apart, and lambda only rescales them; the coefficient itself is "
        "that of the multinomial logit."
    ]


def _two_structures() -> dict[str, dict[str, list[str]]]:
    return {name: nests for name, nests in nest_structures().items() if name != "kind"}


def _nests_in_words(nests: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name} = {', '.join(members)}" for name, members in nests.items())


def _pooled_table(only: ManufacturingFits) -> Table:
    table = only.pooled.summary().table
    ratios = [
        f"{label} {np.exp(only.pooled.params[f'since_2000:{label}']):.2f}"
        for label in data.POOLED
        if label != data.POOLED[0]
    ]
    return replace(
        table,
        title="Destination of manufacturing (Table 6) in three areas, since 2000 against the 1990s",
        notes=(
            *table.notes,
            f"Odds against {data.POOLED[0]} since 2000, as multiples of those of the 1990s: {listed(ratios)}.",
            f"Destinations named: {'; '.join(_pooled_counts())}.",
        ),
    )


def _pooled_counts() -> list[str]:
    choices = data.manufacturing_pooled()
    assert choices.weights is not None
    assert choices.chosen is not None
    frame = choices.case_frame(["since_2000"]).assign(
        count=choices.weights, area=choices.alternatives[choices.chosen].astype(str)
    )
    wide = frame.pivot_table(index="since_2000", columns="area", values="count", aggfunc="sum")[list(data.POOLED)]
    return [
        f"{words} {', '.join(f'{label} {count:g}' for label, count in wide.loc[since].items())}"
        for since, words in ((0, data.BEFORE), (1, data.SINCE))
    ]


# ------------------------------------------------------------------------------------------------ lambda


def _profile_table(profile: Mapping[str, dict[float, float]], only: ManufacturingFits) -> Table:
    rows = [(f"{value:g}", *(loglik(curve[value]) for curve in profile.values())) for value in LAMBDAS]
    return Table(
        title="Destination of manufacturing (Table 6): largest log-likelihood for a given lambda",
        columns=("lambda", *(f"nested by {structure}" for structure in profile)),
        rows=tuple(rows),
        header=(
            ("Utilities", f"constants and {LATER}"),
            ("Multinomial logit", loglik(only.multinomial.llf)),
        ),
        notes=tuple(f"By {structure}: {_shape(curve)}" for structure, curve in profile.items()),
    )


def _shape(curve: Mapping[float, float]) -> str:
    """What a profile says about lambda."""
    values, heights = np.array(list(curve)), np.array(list(curve.values()))
    span = float(np.ptp(heights))
    if span < 1e-6:
        return "flat, so lambda is not identified."
    top = int(heights.argmax())
    if top == 0:
        return (
            f"still rising at lambda = {values[0]:g}, {heights[0] - curve[1.0]:.3f} above the multinomial logit: the "
            "estimate runs to zero, the edge of utility maximisation."
        )
    if top == len(values) - 1:
        return f"still rising at lambda = {values[-1]:g}: no maximum in this range."
    inside = values[heights > heights[top] - INTERVAL_DEPTH]
    return (
        f"highest near {values[top]:g}; of these values {inside[0]:g} to {inside[-1]:g} lie within "
        f"{INTERVAL_DEPTH:.2f} of the maximum, the 95 % interval of the likelihood ratio."
    )
