"""Choice-based correction: forms of relocation in the survey against the share the text gives for named relocations.

WESML (Manski & Lerman 1977) and the exact shift of the constants (Prentice & Pyke 1979), and the weights of the size
classes of Yueqing's firms, for which the tables hold no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.models import MultinomialLogit
from relocchoice.relocation.checking import counted
from relocchoice.relocation.reproduce_destination_data import BEFORE, SINCE
from relocchoice.relocation.reproduce_layout import Effect, Row, effect_rows
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.seed_checks import OUTPUT, destinations_by_form, firms_below_frame, prose_figures
from relocchoice.relocation.seed_notes import listed
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.taxonomy import destination_labels, form_labels
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.population import fixed_strata, shift_constants
from relocchoice.results.table import Table

WHOLE = "entire enterprise"
MORE_NAMED = 1.5
"""By how much the text's "more than" may understate the named relocations, to show what hangs on it."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightFits:
    """One model of the form of relocation by era; the strata are whole enterprises and all other forms.

    Attributes
    ----------
    share : of whole enterprises in the population.
    plain : without weights.
    wesml, fixed : WESML with the robust covariance and with that for strata of fixed size.
    moved : ``plain`` with its constants moved to the population.
    lower : the same where more relocations were named, so that the share is smaller.
    effective_n : of the weights.
    """

    share: float
    plain: ChoiceResults
    wesml: ChoiceResults
    fixed: ChoiceResults
    moved: ChoiceResults
    lower: ChoiceResults
    effective_n: float


def relocation_counts() -> pd.DataFrame:
    """Relocations of Table 4: era, form (whole enterprises first), events."""
    table = seed_table(4)
    forms = list(form_labels(relocations_only=True))
    table = table[(table["period"] != "total") & table["form"].isin(forms)]
    era = np.where(table["period"] == SINCE, SINCE, BEFORE)
    held = table.assign(era=pd.Categorical(era, [BEFORE, SINCE]), form=pd.Categorical(table["form"], forms))
    return held.groupby(["era", "form"], observed=True)["events"].sum().reset_index()


def named_share() -> float:
    """Share of whole enterprises among the named relocations of the text; an upper bound, as these are "more than"."""
    prose = prose_figures()
    return float(prose["named_enterprises_relocated_entirely"] / prose["named_enterprises_relocated_outside"])


def population_shares(share: float) -> dict[Any, float]:
    """The share of whole enterprises, and that of all other forms as one stratum."""
    others = tuple(label for label in form_labels(relocations_only=True) if label != WHOLE)
    return {WHOLE: share, others: 1.0 - share}


def weight_fits() -> WeightFits:
    """The model without weights, weighted, and with its constants moved."""
    choices = ChoiceData.from_counts(relocation_counts(), count="events", alternative="form", cell="era")
    model, share = MultinomialLogit("form ~ 0 | era", base=WHOLE), named_share()
    shares = population_shares(share)
    weighted = choices.with_population_shares(shares)
    plain, wesml = model.fit(choices), model.fit(weighted)
    return WeightFits(
        share=share,
        plain=plain,
        wesml=wesml,
        fixed=fixed_strata(wesml),
        moved=shift_constants(plain, shares),
        lower=shift_constants(plain, population_shares(share / MORE_NAMED)),
        effective_n=float(weighted.effective_n),
    )


def predicted_shares(fit: ChoiceResults, over: ChoiceResults) -> pd.DataFrame:
    """Predicted shares of the forms.

    Parameters
    ----------
    over : a fit whose cases and weights the average over both eras takes.

    Returns
    -------
    DataFrame, forms x (both eras, ``"all"``).
    """
    cases = over.problem.data
    probabilities = fit.predict(cases)
    weights = np.asarray(cases.weights, dtype=float)
    era = cases.case_frame(["era"])["era"].astype(str).to_numpy()
    chosen = {BEFORE: era == BEFORE, SINCE: era == SINCE, "all": np.ones(len(era), dtype=bool)}
    means = {
        label: np.average(probabilities.to_numpy(), axis=0, weights=weights * inside)
        for label, inside in chosen.items()
    }
    frame = pd.DataFrame(means, index=[str(label) for label in probabilities.columns])
    return frame.loc[list(form_labels(relocations_only=True))]


@dataclass(frozen=True, slots=True)
class SizeWeights:
    """Weights of two size classes by output: small, and all others.

    Attributes
    ----------
    firms : in the survey (Table 2); population : industrial enterprises of Yueqing outside the state sector.
    """

    firms: tuple[int, int]
    population: tuple[int, int]

    @property
    def weights(self) -> tuple[float, float]:
        """Share in the population / share in the survey."""
        small, large = (
            (many / sum(self.population)) / (few / sum(self.firms))
            for many, few in zip(self.population, self.firms, strict=True)
        )
        return small, large

    @property
    def effective_n(self) -> float:
        """Kish's (sum w)^2 / sum w^2."""
        total = sum(n * w for n, w in zip(self.firms, self.weights, strict=True))
        return total**2 / sum(n * w**2 for n, w in zip(self.firms, self.weights, strict=True))


def size_weights() -> SizeWeights:
    """Firms with output below 5 million yuan against all others, in the survey and in Yueqing."""
    table, prose = seed_table(2), prose_figures()
    small, firms = firms_below_frame(), counted(table.loc[table["block"] == OUTPUT, "count"].sum())
    below = counted(prose["nonstate_enterprises_yueqing_below_5m"])
    every = counted(prose["nonstate_enterprises_yueqing"])
    return SizeWeights((small, firms - small), (below, every - below))


def choice_based(folder: Folder = None) -> Reproduction:
    """The choice-based correction and the size weights; ``folder`` is not needed."""
    fits, size = weight_fits(), size_weights()
    shares = {
        "sample": predicted_shares(fits.plain, fits.plain),
        "population": predicted_shares(fits.moved, fits.wesml),
    }
    return Reproduction(
        name="choice_based",
        title="Form of relocation (Table 4) moved to population shares, and the weights of firms by size",
        tables={
            "choice_based": _estimates_table(fits),
            "choice_based_shares": _shares_table(fits, shares),
            "choice_based_size": _size_table(size),
        },
        findings=_findings(fits, shares, size),
    )


def _findings(fits: WeightFits, shares: dict[str, pd.DataFrame], size: SizeWeights) -> dict[str, Any]:
    held = {"unweighted": fits.plain, "wesml": fits.wesml, "wesml_fixed_strata": fits.fixed, "shifted": fits.moved}
    return {
        "population_share": fits.share,
        "effective_n": fits.effective_n,
        "fits": {name: {"params": fit.params.to_dict(), "bse": fit.bse.to_dict()} for name, fit in held.items()},
        "predicted_shares": {name: frame.to_dict() for name, frame in shares.items()},
        "size": {
            "weights": list(size.weights),
            "ratio": size.weights[0] / size.weights[1],
            "effective_n": size.effective_n,
        },
    }


# ------------------------------------------------------------------------------------------------------- tables


def _sample() -> tuple[int, int]:
    """Relocations of whole enterprises, and all, in the survey."""
    counts = relocation_counts()
    return int(counts.loc[counts["form"] == WHOLE, "events"].sum()), int(counts["events"].sum())


def _header(fits: WeightFits) -> tuple[tuple[str, str], ...]:
    whole, every = _sample()
    return (
        ("Model", "multinomial logit by era"),
        ("Relocations", numbers.count(every)),
        ("Base form", WHOLE),
        ("Whole, in the sample", f"{whole} of {every} ({whole / every:.1%})"),
        ("Whole, in the population", f"{fits.share:.1%}"),
        ("Effective n", f"{fits.effective_n:.1f}"),
    )


def _estimates_table(fits: WeightFits) -> Table:
    held = {
        "unweighted": fits.plain,
        "WESML, robust": fits.wesml,
        "WESML, fixed strata": fits.fixed,
        "constants moved": fits.moved,
    }
    forms = [label for label in form_labels(relocations_only=True) if label != WHOLE]
    rows: list[Row] = []
    for head, name in ((f"{BEFORE} (constants)", "Intercept:{}"), (f"{SINCE} less before", f"era[T.{SINCE}]:{{}}")):
        rows += [(head,), *effect_rows(forms, [Effect(label, fit, name) for label, fit in held.items()])]
    apart = float((fits.wesml.params - fits.moved.params).abs().max())
    ways = "to rounding error" if apart < 1e-6 else f"to {apart:.1e}"
    return Table(
        title="Form of relocation (Table 4): unweighted, WESML, and constants moved to the population",
        columns=("Form", *held),
        rows=tuple(rows),
        header=_header(fits),
        notes=(
            "Standard errors in ( ): inverse Hessian without weights; sandwich for WESML, which takes the number of "
            "each choice as random, and then as fixed; constants moved: inverse Hessian less what fixed numbers take "
            "out.",
            f"A dummy for the era saturates the model, so WESML and the moved constants agree ({ways}). Only constants "
            "change; what the era did to the form does not depend on the shares. They differ once a model is not "
            "saturated: WESML then fits the population as well as the model can, and the shift is the more precise "
            "where the model is right.",
            *_notes_on_the_share(fits),
        ),
    )


def _notes_on_the_share(fits: WeightFits) -> tuple[str, ...]:
    prose, total = prose_figures(), destinations_by_form()
    away = total[[label for label in destination_labels() if label not in (*destination_labels("Yueqing"), "Wenzhou")]]
    entire, named = (counted(prose[f"named_enterprises_relocated_{part}"]) for part in ("entirely", "outside"))
    whole, _ = _sample()
    return (
        f"The share is the text's: {entire} of more than {numbers.count(named)} named enterprises that left Wenzhou "
        f"moved as a whole, so {fits.share:.0%} is an upper bound, for all years together.",
        "It is of another frame, and the correction is an illustration: the survey did not sample relocations by form, "
        f"{_inside(total):.0%} of its destinations lie within Yueqing, and its firms are not those enterprises. Of "
        f"the {counted(away.to_numpy().sum())} destinations of Table 6 outside Wenzhou whole enterprises have "
        f"{counted(away.loc[WHOLE].sum()) or 'none'}: on the text's own frame the sample holds no case that a weight "
        f"could raise, and the {whole} whole enterprises weighted here moved nearby.",
    )


def _inside(total: pd.DataFrame) -> float:
    """Share of the destinations that lie within Yueqing."""
    return float(total[list(destination_labels("Yueqing"))].to_numpy().sum() / total.to_numpy().sum())


def _shares_table(fits: WeightFits, shares: dict[str, pd.DataFrame]) -> Table:
    sample = shares["sample"]
    rows: list[Row] = []
    for era in sample.columns:
        rows.append((str(era),))
        rows += [(label, *(_percent(frame, label, era) for frame in shares.values())) for label in sample.index]
    named = counted(prose_figures()["named_enterprises_relocated_outside"])
    lower = predicted_shares(fits.lower, fits.plain)
    whole = [
        f"{_percent(lower, WHOLE, era)} percent {words}" for era, words in ((BEFORE, BEFORE), (SINCE, f"in {SINCE}"))
    ]
    return Table(
        title="Form of relocation (Table 4): predicted shares in percent",
        columns=("Form", *shares),
        rows=tuple(rows),
        header=_header(fits),
        notes=(
            "Population: the model with its constants moved; 'all' averages over the relocations with the WESML "
            "weights.",
            f"The population share of {fits.share:.0%} is an upper bound. Had {numbers.count(MORE_NAMED * named)} "
            f"been named instead of {numbers.count(named)}, whole enterprises would be {listed(whole)}.",
        ),
    )


def _percent(frame: pd.DataFrame, form: str, era: str) -> str:
    return f"{100 * frame[era].to_dict()[form]:.1f}"


def _size_table(size: SizeWeights) -> Table:
    labels = ("output below 5 million yuan", "all others")
    rows = [
        (
            label,
            numbers.count(firms),
            f"{firms / sum(size.firms):.1%}",
            numbers.count(population),
            f"{population / sum(size.population):.1%}",
            numbers.decimals(weight, 4),
        )
        for label, firms, population, weight in zip(labels, size.firms, size.population, size.weights, strict=True)
    ]
    small, large = size.weights
    floor = prose_figures()["frame_output_floor"]
    return Table(
        title="Firms by size: weights that would move the survey (Table 2) to all firms of Yueqing",
        columns=("Size", "firms surveyed", "share", "firms of Yueqing", "share", "weight"),
        rows=tuple(rows),
        header=(("Effective n", f"{size.effective_n:.1f} of {sum(size.firms)}"), ("Ratio", f"{small / large:.1f}")),
        notes=(
            f"A small firm would count {small / large:.0f} times as much as another, and the {sum(size.firms)} firms "
            f"as much as {size.effective_n:.1f} drawn evenly.",
            "No model is weighted with them: the tables give no form or destination by output, and the questionnaires "
            "are not published. With one row a firm it is data.with_population_shares(shares, by='output').",
            f"Table 2 prints the small class as <0.5; it is taken to be <5. The frame starts at {floor:g} million "
            "yuan, so the smallest of Yueqing's firms could not be drawn, and no weight stands for them.",
        ),
    )
