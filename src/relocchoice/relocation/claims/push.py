"""Push by price and space against push by technology and business environment: an encompassing test and a split.

A model encompasses another where the other's variables add nothing to it: each is tested inside the union of both
(Mizon & Richard 1986, Econometrica 54, 657-678). Vuong's test compares the two directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun, traced
from relocchoice.inference.hypotheses import TestResult
from relocchoice.models import NestedLogit
from relocchoice.relocation import attributes
from relocchoice.relocation.claims.exact import likelihood_ratio
from relocchoice.relocation.claims.fitting import fitted
from relocchoice.relocation.claims.record import LAMP_SEED, Claim
from relocchoice.relocation.claims.shapley import LoglikSplit, Names, shapley_split
from relocchoice.relocation.ready_models import destination_model
from relocchoice.relocation.survey import Survey
from relocchoice.relocation.survey.truth import SHIFT
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.nonnested import vuong_test

PRICE, TECHNOLOGY = "price and space", "technology and environment"
GROUPS = {
    PRICE: "log(land_price) + land_rationing",
    TECHNOLOGY: "log1p(universities) + business_environment",
    "policy": "policy",
    "ties": "kin + beyond:local_ties",
    "size": "beyond:log(assets)",
}
ALWAYS = "log1p(distance)"
OTHERS = frozenset({"policy", "ties", "size"})
RIVAL = {"log1p(universities)": 0.6, "business_environment": 0.8, "kin": 0.6, "log1p(distance)": -0.5}
LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Encompassing:
    """Two models and their union on the same choices.

    Attributes
    ----------
    price, technology, union : the fits.
    price_adds : that the price variables add nothing to the model with technology; technology_adds : the reverse.
    vuong : of the two models.
    """

    price: ChoiceResults
    technology: ChoiceResults
    union: ChoiceResults
    price_adds: TestResult
    technology_adds: TestResult
    vuong: TestResult

    def __repr__(self) -> str:
        tests = (self.price_adds, self.technology_adds, self.vuong)
        return begun(self.union.provenance, "\n".join((self.words, *(test.sentence for test in tests))))

    @property
    def words(self) -> str:
        """Which of the two encompasses the other at the 5 % level."""
        price, technology = self.price_adds.pvalue < LEVEL, self.technology_adds.pvalue < LEVEL
        if price and not technology:
            return "price and space encompass technology and environment"
        if technology and not price:
            return "technology and environment encompass price and space"
        return "neither encompasses the other: each adds to it" if price else "each encompasses the other: neither adds"


def encompassing(data: ChoiceData) -> Encompassing:
    """Fit both models and their union on choices that :func:`push_choices` made.

    Raises
    ------
    IdentificationError : too few choices for a model.
    """
    one, other = OTHERS | {PRICE}, OTHERS | {TECHNOLOGY}
    price, technology, union = (_fit(data, names) for names in (one, other, one | other))
    return Encompassing(
        price,
        technology,
        union,
        _adds(union, technology, "price and space add nothing to technology and environment"),
        _adds(union, price, "technology and environment add nothing to price and space"),
        vuong_test(price, technology),
    )


def adds(data: ChoiceData, group: str, beside: str) -> TestResult:
    """Test that one of the two groups of variables, price or technology, adds nothing to a model with the other.

    Parameters
    ----------
    data : as for :func:`encompassing`.
    group, beside : :data:`PRICE` and :data:`TECHNOLOGY`, or the reverse.
    """
    union, small = _fit(data, OTHERS | {group, beside}), _fit(data, OTHERS | {beside})
    return _adds(union, small, f"{group} add nothing to {beside}")


def push_choices(survey: Survey) -> ChoiceData:
    """Where manufacturing facilities go, with the attributes of places that the two models need."""
    data = survey.choice_data("destination")
    frame = data.row_frame()
    frame = frame.assign(place=frame["place"].astype(str), period=frame["period"].astype(str))
    frame = attributes.join(frame, attributes=["land_rationing", "universities", "business_environment"])
    return choices_from(frame, data)


def rival_choices(survey: Survey, seed: int = 0) -> ChoiceData:
    """The same firms, choosing for technology and business environment and not for the price of land.

    A conditional logit with the coefficients :data:`RIVAL` and no other terms; nothing of it is an estimate.
    """
    data = push_choices(survey)
    frame = data.row_frame()
    terms = {
        "log1p(universities)": np.log1p(frame["universities"]),
        "business_environment": frame["business_environment"],
        "kin": frame["kin"],
        "log1p(distance)": np.log1p(frame["distance"]),
    }
    utility = sum(RIVAL[name] * values.to_numpy(dtype=float) for name, values in terms.items())
    drawn = utility + np.random.default_rng(seed).gumbel(size=len(frame))
    at = data.row_case()
    best = np.full(data.n_cases, -np.inf)
    np.maximum.at(best, at, drawn)
    frame[SHIFT] = 0.0
    made = choices_from(frame, data, drawn == best[at])
    return made.with_provenance(f"{data.provenance}; choices drawn again from a rival model")


def loglik_split(data: ChoiceData) -> LoglikSplit:
    """What each group of variables adds to the log-likelihood; distance is in every model."""

    def loglik(names: Names) -> float:
        return float(_fit(data, names).llf)

    return shapley_split(tuple(GROUPS), loglik, data.provenance)


def push_by_price_or_technology(survey: Survey, split: LoglikSplit | None = None) -> Claim:
    """Which push the test finds, in two worlds: the survey's own, and one where technology pushes.

    Parameters
    ----------
    survey : of ``simulate_survey``.
    split : :func:`loglik_split` of the survey's :func:`push_choices`, where it is at hand.

    Raises
    ------
    IdentificationError : too few firms for the models.
    """
    data = push_choices(survey)
    own, rival = encompassing(data), encompassing(rival_choices(survey))
    split = loglik_split(data) if split is None else split
    share = split.table["share"]
    told = own.words.startswith("price") and rival.words.startswith("technology")
    return Claim(
        key="push_by_price_or_technology",
        title="Push by price and space against push by technology and business environment",
        claimed="rising prices and lack of space do not fully explain why firms leave; scarcity of core technology "
        "and a worse business environment push them out",
        where=f"{LAMP_SEED}, abstract",
        basis="simulated firms",
        figures=(
            ("log-likelihood, price and space", f"{own.price.llf:.2f}"),
            ("log-likelihood, technology and environment", f"{own.technology.llf:.2f}"),
            ("log-likelihood, both", f"{own.union.llf:.2f}"),
            *((f"share of the gain, {name}", f"{value:.1f} %") for name, value in share.items()),
            ("in the other world", rival.words),
        ),
        values={
            "price": own.price.llf,
            "technology": own.technology.llf,
            "union": own.union.llf,
            **{f"share_{name}": float(value) for name, value in share.items()},
        },
        tests=(
            ("price in the union", own.price_adds),
            ("technology in the union", own.technology_adds),
            ("Vuong, price against technology", own.vuong),
            ("other world: price in the union", rival.price_adds),
            ("other world: technology in the union", rival.technology_adds),
        ),
        verdict=f"Each test at {100 * LEVEL:g} %: where firms were made to mind the price of land, {own.words}; where "
        f"the same firms were made to mind technology, {rival.words}. At this number of firms the "
        f"test {'tells' if told else 'does NOT tell'} the two worlds apart.",
        limits="The firms are simulated: in the survey's own world only the price was put in, so its verdict is no "
        "evidence on the claim. With eight places and three periods most of what a place offers is assumed for "
        "illustration; what tells price from technology here is that each firm is quoted a price of its own. Real "
        "records would need that too.",
        provenance=survey.provenance.line,
    )


def _fit(data: ChoiceData, names: Names) -> ChoiceResults:
    terms = [ALWAYS, *(terms for group, terms in GROUPS.items() if group in names)]
    nests = destination_model().spec.nests
    assert nests is not None
    model = NestedLogit(f"chosen ~ {' + '.join(terms)} | 0", nests, offset=SHIFT)
    return fitted(model, data, f"destination with {', '.join(sorted(names)) or 'distance alone'}")


@traced
def _adds(union: ChoiceResults, small: ChoiceResults, null: str) -> TestResult:
    return likelihood_ratio(2.0 * (union.llf - small.llf), union.df_model - small.df_model, null)


def choices_from(frame: Any, data: ChoiceData, chosen: Any = None) -> ChoiceData:
    """The same choices of destinations with the columns of a frame; other ones chosen where (rows,) ``chosen`` says."""
    at = data.row_case()
    taken = data.row_alternative == np.asarray(data.chosen)[at] if chosen is None else chosen
    frame = frame.assign(taken=taken)
    return ChoiceData.from_long(frame, case="named_place", alternative="alternative", chosen="taken", unit="firm")
