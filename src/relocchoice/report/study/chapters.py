"""The chapters: what was counted, what was observed elsewhere, what places offered, what is simulated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from relocchoice import plots
from relocchoice.data.provenance import begun
from relocchoice.post import ready
from relocchoice.post.compare_scenarios import compare_scenarios
from relocchoice.relocation import attributes
from relocchoice.relocation.claims import Claim, printed_claims, simulated_claims
from relocchoice.relocation.claims.fitting import fitted
from relocchoice.relocation.claims.push import loglik_split, push_choices
from relocchoice.relocation.ready_models import (
    compare_trees,
    destination_model,
    form_model,
    joint_model,
    stability,
    two_step,
)
from relocchoice.relocation.ready_models.models import DestinationTree
from relocchoice.relocation.reproduce import disagreements
from relocchoice.relocation.reproduce_form import form
from relocchoice.relocation.reproduce_plants import HEADS, plant_fits, plants
from relocchoice.relocation.reproduce_ratings import ratings
from relocchoice.relocation.reproduce_record import Folder, PublishedSkip
from relocchoice.relocation.seed_checks import destinations_by_form
from relocchoice.relocation.sources import Missing
from relocchoice.relocation.survey import Survey
from relocchoice.relocation.survey.truth import SHIFT
from relocchoice.relocation.tables import seed_tables
from relocchoice.relocation.taxonomy import destination_labels, form_labels, labels
from relocchoice.report.contents import Heading, Part, Section, Sentence, Shown
from relocchoice.report.figures import drawn
from relocchoice.report.study.flow import flow
from relocchoice.report.study.places import places_map
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

COUNTED, OBSERVED, OFFERED, MADE = "counted", "observed", "offered", "simulated"
TREES: tuple[DestinationTree, ...] = ("none", "reach", "region", "border")


@dataclass(frozen=True, slots=True, eq=False)
class Chapter:
    """A section with the fits that it made, what went wrong in it, and what is not in it for want of data."""

    section: Section
    fits: Mapping[str, ChoiceResults]
    failures: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def counted_chapter(draw: bool) -> Chapter:
    """The survey's printed counts, and the claims that they can be held against."""
    by_form = destinations_by_form()
    parts: list[Part] = [
        Sentence(
            "Counts that Wei, Li & Wang (2007) print of their survey of Yueqing's firms in 2003. The firms' own "
            "records were never published. Nothing in this chapter is simulated."
        ),
        Heading("Forms and destinations"),
    ]
    if draw:
        parts += [
            drawn(
                flow,
                by_form,
                labels=labels(),
                caption="Relocations by form (left) and the destinations they name (right), 1980s to 2003, Table 6. A "
                "manufacturing relocation may name several.",
                stem="flow-counted",
            ),
            drawn(
                places_map,
                by_form.sum(),
                labels=labels(),
                caption="The same destinations on a schematic map; area goes with the count. Coast and interior are "
                "counted as a whole: their bubbles stand amid the towns that the text names (dots).",
                stem="map-counted",
            ),
        ]
    parts += [
        Shown(one.table, f"table-{number}") for number, one in zip((4, 5, 6), seed_tables((4, 5, 6)), strict=True)
    ]
    parts += [Heading("Form of expansion by period"), *_tables(form().tables)]
    parts += [Heading("Reasons as stated"), *_tables({"ratings_order": ratings().tables["ratings_order"]})]
    return Chapter(Section(COUNTED, "Counted: the survey of 2003", (*parts, *_claims(printed_claims()))), {})


def observed_chapter(draw: bool, folder: Folder) -> Chapter:
    """A real data set of firms' locations: Japanese plants in Europe."""
    parts: list[Part] = [
        Sentence(
            "Real plants, one row each: Japanese investors among European regions (Head & Mayer 2004). They say "
            "what firm records can tell about networks; they are not firms of Wenzhou, and no table mixes the two."
        )
    ]
    name = "japanese_fdi"
    found = plants(name, "Japanese plants in Europe", folder)
    skipped = [record.reason for record in found.published if isinstance(record, PublishedSkip)]
    columns = None if skipped else plant_fits(folder)
    if skipped or columns is None or isinstance(columns, Missing):
        reason = skipped[0] if skipped else "the data are not at hand"
        parts.append(Sentence(f"Left out: {reason}", "warning"))
        section = Section(OBSERVED, "Observed: Japanese plants in Europe", tuple(parts))
        return Chapter(section, {}, left_out=(f"The chapter on Japanese plants was left out: {reason}",))
    fits, _ = columns
    parts.append(Shown(found.tables[f"{name}_network"], f"{name}_network"))
    if draw:
        parts.append(
            drawn(
                plots.coefficients,
                *(fits[head] for head in (HEADS[1], HEADS[4])),
                names=[HEADS[1], HEADS[4]],
                caption="The published nested logit and the one with the counts of earlier plants.",
                stem="plants-coefficients",
            )
        )
    parts.append(Heading("The published columns beside estimates"))
    parts += _tables({key: table for key, table in found.tables.items() if key != f"{name}_network"})
    kept = {f"plants {head}": fit for head, fit in fits.items()}
    return Chapter(
        Section(OBSERVED, "Observed: Japanese plants in Europe", tuple(parts)), kept, tuple(disagreements([found]))
    )


def offered_chapter() -> Chapter:
    """What the destinations offered, each figure with its source."""
    table = attributes.table()
    words = (
        "Attributes of the destinations that the simulated firms choose among. Each figure carries its source; "
        "most are assumed for illustration and carry no conclusion."
    )
    return Chapter(Section(OFFERED, "What the places offered", (Sentence(words), Shown(table, "attributes"))), {})


def simulated_chapter(survey: Survey, draw: bool) -> Chapter:
    """Firms that do not exist: the ready models, and the claims that need firms."""
    line = survey.provenance.line
    parts: list[Part] = [
        Sentence(f"{line}. {survey.provenance.note} The coefficients behind them are stated, not estimated.", "warning")
    ]
    forms = survey.choice_data("form")
    places = survey.choice_data("destination")
    whole = survey.choice_data("joint")
    joint = fitted(joint_model(offset=SHIFT), whole, "form and destination")
    place = fitted(destination_model(offset=SHIFT), places, "destination")
    form_fit = fitted(form_model(), forms, "form")
    steps: Any = destination_model(offset=SHIFT, lambdas="common")
    split = loglik_split(push_choices(survey))
    if draw:
        parts += _pictures(survey, joint)
    parts += [
        Heading("Form and destination at once: truth and estimate"),
        Shown(_truth(survey, joint), "joint-truth"),
        Heading("Form"),
        Shown(form_fit.summary().table, "form"),
        Heading("Destination in two steps and at once"),
        Shown(two_step(steps, places).summary().table, "two-steps"),
        Heading("Trees against each other"),
        Shown(_trees(places), "trees"),
        Heading("The two rounds of restructuring"),
        Shown(stability(joint_model(offset=SHIFT), whole, groups="firm").summary().table, "rounds"),
        Heading("What explains the destinations"),
        Shown(split.summary().table, "shapley"),
        Heading("Scenarios"),
        *_scenarios(place, draw, line),
        *_claims(simulated_claims(survey, split)),
    ]
    fits = {"simulated joint": joint, "simulated destination": place, "simulated form": form_fit}
    return Chapter(Section(MADE, "Simulated: firms with the survey's margins", tuple(parts)), fits)


def _pictures(survey: Survey, joint: ChoiceResults) -> Iterable[Part]:
    line = survey.provenance.line
    events = survey.events.set_index("event")["form"]
    named = survey.destinations.assign(form=survey.destinations["event"].map(events))
    counts = named.groupby(["form", "place"], observed=False).size().unstack()
    counts = counts.loc[list(form_labels(relocations_only=True)), list(destination_labels())]
    counts.attrs["provenance"] = line
    yield drawn(
        flow,
        counts,
        labels=labels(),
        caption=begun(line, "Simulated relocations by form and the destinations they name."),
        stem="flow-simulated",
    )
    yield drawn(
        plots.nest_tree,
        joint,
        labels=labels(),
        caption=begun(line, "The tree of the joint model with its estimated dissimilarities."),
        stem="tree-simulated",
    )


def _truth(survey: Survey, fit: ChoiceResults) -> Table:
    """Stated and estimated coefficients side by side."""
    truth = survey.truth.params()
    rows = []
    for name, value in zip(map(str, truth.index), truth.to_numpy(dtype=float), strict=True):
        estimate, error = float(fit.params[name]), float(fit.bse[name])
        shown = (f"{value:g}", numbers.decimals(estimate, 3), numbers.decimals(error, 3))
        rows.append((name, *shown, numbers.decimals((estimate - value) / error, 2)))
    gap = (fit.params[truth.index] - truth).to_numpy()
    covariance = fit.cov_params().loc[truth.index, truth.index].to_numpy(dtype=float)
    distance = float(gap @ np.linalg.solve(covariance, gap))
    return Table(
        title=begun(survey.provenance.line, "Form and destination: what was put in and what comes out"),
        columns=("", "true", "estimate", "std. error", "z of the difference"),
        rows=tuple(rows),
        header=(("Cases", numbers.count(fit.n_cases)), ("Log-likelihood", numbers.likelihood(fit.llf))),
        notes=(
            f"All {len(truth)} differences together: Wald {distance:.1f}, chi-squared with {len(truth)} degrees of "
            "freedom if the estimator is right.",
            "The column 'shift' of the data is known to the model; see the page on synthetic firms.",
        ),
    )


def _trees(places: Any) -> Table:
    models = {str(tree): destination_model(tree=tree, offset=SHIFT) for tree in TREES}
    return compare_trees(models, places).summary().table


def _scenarios(fit: ChoiceResults, draw: bool, line: str) -> Iterable[Part]:
    wanted = [
        ready.equalise_land_price("land_price"),
        ready.policy_preference("policy", "interior", withdrawn=True),
        ready.double_kin_stock("kin", ["Shanghai"]),
        ready.without_lock_in("local_ties"),
    ]
    found = compare_scenarios(fit, wanted)
    yield Shown(found.summary().table, "scenarios")
    if not draw:
        return
    name = found.scenarios[0]
    table = found.table.loc[found.table.index.get_level_values("scenario") == name].droplevel("scenario")
    table.attrs["provenance"] = line
    yield drawn(
        plots.scenario_differences,
        table,
        estimate="difference",
        caption=begun(line, f"{name}: change of the shares of the destinations."),
        stem="scenario-land",
    )


def _claims(claims: Iterable[Claim]) -> Iterable[Part]:
    for claim in claims:
        yield Heading(f"Claim: {claim.title}")
        yield Sentence(f"{begun(claim.provenance, '')} {claim.verdict}".strip())
        yield Shown(claim.summary().table, f"claim-{claim.key}")


def _tables(tables: Mapping[str, Table]) -> list[Part]:
    return [Shown(table, name) for name, table in tables.items()]
