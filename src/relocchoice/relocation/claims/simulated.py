"""Claims that need firms, on the synthetic survey: what a test would say if firms were as the survey's model has them.

The survey's coefficients are stated, not estimated from anything. So a verdict here says whether the test can tell what
was put in, at this number of firms; it is no evidence on the firms of Yueqing.
"""

from __future__ import annotations

from typing import Any

from scipy.special import ndtr

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import said
from relocchoice.errors import OptionError
from relocchoice.inference.hypotheses import TestResult
from relocchoice.post.ratios import lincom, nlcom
from relocchoice.relocation import network
from relocchoice.relocation.claims.fitting import fitted
from relocchoice.relocation.claims.push import choices_from, push_by_price_or_technology
from relocchoice.relocation.claims.record import LAMP_SEED, SURVEY_SEED, Claim, equation
from relocchoice.relocation.claims.shapley import LoglikSplit
from relocchoice.relocation.ready_models import destination_model, joint_model, move_data, move_model
from relocchoice.relocation.survey import Survey
from relocchoice.relocation.survey.truth import SHIFT
from relocchoice.relocation.taxonomy import destination_labels
from relocchoice.results.choice_results import ChoiceResults

CLUSTERED: dict[str, Any] = {"cov_type": "cluster", "groups": "firm"}
STAY, LEAVE, KIN = "local_ties:move", "beyond:local_ties", "kin"
BALANCE = f"{LEAVE} + {KIN}"
STOCK = "same_cluster"
LEVEL = 0.05
NO_EVIDENCE = "The firms are simulated from stated coefficients: this shows what the test can tell, not what firms do. "


def relational_lock_in(survey: Survey) -> Claim:
    """Ties at home keep firms there; ties elsewhere direct those that leave.

    Raises
    ------
    IdentificationError : too few firms for the models.
    """
    stay = fitted(move_model(), move_data(survey.choice_data("form")), "move or stay", **CLUSTERED)
    joint = fitted(joint_model(offset=SHIFT), survey.choice_data("joint"), "form and destination", **CLUSTERED)
    tests = _lock_in_tests(stay, joint)
    truth, worst = survey.truth.params(), tests["all three"].pvalue
    net = lincom(joint, BALANCE).table.iloc[0]
    relatives = -float(joint.params[LEAVE] / joint.params[KIN])
    told = tests["kin"].pvalue < LEVEL  # a ratio to what may be zero would say nothing
    balance = f"; about {relatives:.1f} relatives at the place make up for having all partners at home" if told else ""
    return Claim(
        key="relational_lock_in",
        title="Relational lock-in: ties keep firms at home and direct those that leave",
        claimed="local networks make firms resist relocation, and the networks of those who left before lower the "
        "cost and the risk of following them",
        where=f"{SURVEY_SEED}, regional lock-ins and headquarters; {LAMP_SEED}, abstract",
        basis="simulated firms",
        figures=(
            ("ties at home, moving against staying", _estimate(stay, STAY)),
            ("ties at home, places outside Zhejiang", f"{_estimate(joint, LEAVE)}, true {truth[LEAVE]:g}"),
            ("relatives at the place", f"{_estimate(joint, KIN)}, true {truth[KIN]:g}"),
            (
                "sum of the last two",
                f"{net['estimate']:.3f} ({net['std_error']:.3f}), true {truth[LEAVE] + truth[KIN]:g}",
            ),
            *_relatives(joint, -truth[LEAVE] / truth[KIN], told),
        ),
        values={
            "stay": float(stay.params[STAY]),
            "leave": float(joint.params[LEAVE]),
            "kin": float(joint.params[KIN]),
            "net": float(net["estimate"]),
            **({"relatives": relatives} if told else {}),
        },
        tests=tuple((name, said(test, joint)) for name, test in tests.items()),
        verdict=("Found, as it was put in" if worst < LEVEL else "Put in, but not found with this many firms")
        + f": the three signs together have {equation(worst)}{balance}.",
        limits=NO_EVIDENCE + "No published table holds ties of a firm. 115 of 165 destinations lie in Yueqing, but "
        "that may be ties, distance or the cost of moving alike.",
        provenance=survey.provenance.line,
    )


def _lock_in_tests(stay: ChoiceResults, joint: ChoiceResults) -> dict[str, TestResult]:
    """The three signs, all of them together, and whether the last two balance."""
    signs = {
        "ties, moving": _one_sided(stay, STAY, -1, "ties at home do not lower the odds of moving"),
        "ties, leaving": _one_sided(joint, LEAVE, -1, "ties at home do not hold firms in the province"),
        "kin": _one_sided(joint, KIN, 1, "kin elsewhere do not draw firms"),
    }
    smallest = min(test.statistic for test in signs.values())
    worst = max(test.pvalue for test in signs.values())
    null = "at least one of the three signs is not as claimed"
    net = lincom(joint, BALANCE).table.iloc[0]
    equal = f"{BALANCE} = 0, one relative makes up for all ties at home"
    return {
        **signs,
        "all three": TestResult(smallest, 1, worst, null, "smallest z (intersection-union)"),
        "the two": TestResult(float(net["z"]), 1, float(net["p_value"]), equal, "z"),
    }


def _relatives(joint: ChoiceResults, truth: float, told: bool) -> tuple[tuple[str, str], ...]:
    """How many relatives make up for all ties at home, where kin matter at all."""
    name = "relatives that make up for all ties at home"
    if not told:
        return ((name, "not told: kin draw nobody here"),)
    row = nlcom(joint, {"relatives": f"-`{LEAVE}` / `{KIN}`"}).table.iloc[0]
    return ((name, f"{row['estimate']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}], true {truth:g}"),)


def cluster_migration(survey: Survey) -> Claim:
    """Do firms follow firms of their own town, beyond kin and what the places offer?

    Raises
    ------
    IdentificationError : too few firms for the models.
    """
    data = survey.choice_data("destination")
    with_stock = _with_stock(survey, data)
    model = destination_model(offset=SHIFT, more=f"log1p({STOCK})")
    name = f"log1p({STOCK})"
    fit = fitted(model, with_stock, "destination with the stock of the cluster", **CLUSTERED)
    bare = fitted(destination_model(more=name), with_stock, "destination without the shift", **CLUSTERED)
    follows = fit.wald_test(f"`{name}` = 0")
    kin = _one_sided(fit, KIN, 1, "kin elsewhere do not draw firms")
    missed = bare.wald_test(f"`{name}` = 0")
    return Claim(
        key="cluster_migration",
        title="Cluster-oriented migration: do firms follow firms of their own town?",
        claimed="the migration is typically cluster-oriented: firms move as a group, for the creativity and "
        "efficiency that the group has together",
        where=f"{LAMP_SEED}, abstract",
        basis="simulated firms",
        figures=(
            ("firms of the same town there before, log(1 + n)", f"{_estimate(fit, name)}, true 0"),
            ("the same where the appeal of a place is not known", _estimate(bare, name)),
            ("relatives at the place", _estimate(fit, KIN)),
        ),
        values={
            "stock": float(fit.params[name]),
            "stock_bare": float(bare.params[name]),
            "kin": float(fit.params[KIN]),
        },
        tests=(
            ("following the town", said(follows, survey)),
            ("kin", said(kin, survey)),
            ("following, appeal unknown", said(missed, survey)),
        ),
        verdict=_cluster_verdict(follows, kin, missed, float(bare.params[name])),
        limits=NO_EVIDENCE + "No published number says who followed whom, and places that draw many firms look alike "
        "whether firms follow each other or the same advantages. Telling these apart takes dated moves of named "
        "firms, or the models of expected shares in relocation.social.",
        provenance=survey.provenance.line,
    )


def _cluster_verdict(follows: TestResult, kin: TestResult, missed: TestResult, bare: float) -> str:
    """What the three tests say, each at :data:`LEVEL`: nothing is called found that is not."""
    if follows.pvalue < LEVEL:
        first = f"A following shows ({equation(follows.pvalue)}) that was not put in, as in one sample of twenty"
    else:
        first = f"No following was put in and none is found ({equation(follows.pvalue)})"
    also = "are found" if kin.pvalue < LEVEL else "are NOT found with this many firms"
    stands = f"{bare:.2f} ({equation(missed.pvalue)})"
    where = "Where the appeal of the places is left out of the model"
    if missed.pvalue >= LEVEL:
        last = f"{where}, nothing shows with this many firms either: {stands}"
    elif bare > 0:
        last = f"{where}, the town's firms stand in for it: {stands}"
    else:
        last = f"{where}, firms seem to avoid those of their town, which was not put in: {stands}"
    return f"{first}; kin, which were put in, {also} ({equation(kin.pvalue)}). {last}."


def simulated_claims(survey: Survey, split: LoglikSplit | None = None) -> tuple[Claim, ...]:
    """All claims on simulated firms, in the order of the study; ``split`` as in ``push_by_price_or_technology``.

    Raises
    ------
    OptionError : no survey. IdentificationError : too few firms for the models.
    """
    if not isinstance(survey, Survey):
        raise OptionError.of("survey", type(survey).__name__, "a Survey, see simulate_survey")
    return push_by_price_or_technology(survey, split), relational_lock_in(survey), cluster_migration(survey)


def _one_sided(fit: ChoiceResults, name: str, sign: int, null: str) -> TestResult:
    z = sign * float(fit.params[name] / fit.bse[name])
    return TestResult(z, 1, float(ndtr(-z)), null, "z, one-sided")


def _estimate(fit: ChoiceResults, name: str) -> str:
    return f"{float(fit.params[name]):.3f} ({float(fit.bse[name]):.3f})"


def _with_stock(survey: Survey, data: ChoiceData) -> ChoiceData:
    """Destination choices with the firms of the own town that were at the place before the period."""
    events = survey.events[["event", "firm", "period"]]
    moves = survey.destinations.merge(events, on="event")
    made = network.Moves.read(
        moves,
        firm="firm",
        place="place",
        period="period",
        places=destination_labels(),
        decisions=events[["firm", "period"]].drop_duplicates(),
    )
    stock = network.group_stock(made, survey.firms, group="town", name=STOCK)
    frame = data.row_frame()
    frame = stock.join(frame.assign(place=frame["place"].astype(str)))
    return choices_from(frame, data)
