"""Claims that the survey's printed counts can be held against."""

from __future__ import annotations

import numpy as np

from relocchoice.inference.tails import chi2_quantile
from relocchoice.relocation.checking import counted
from relocchoice.relocation.claims.exact import (
    binomial,
    fisher,
    likelihood_ratio,
    multinomial,
    poisson_ratio,
    share_interval,
    sign_bound,
)
from relocchoice.relocation.claims.record import LAMP_SEED, SURVEY_SEED, Claim, equation
from relocchoice.relocation.reproduce_size import size_counts, size_rates
from relocchoice.relocation.seed_checks import (
    destinations_by_form,
    events_by_form,
    outside_zhejiang,
    small_relocations,
)
from relocchoice.relocation.sources import seed_table

LAND, ENVIRONMENT, SCIENCE = "industrial land", "business environment", "science, technology and education"
POLICY = "preferential policy"
ENTIRE, MANUFACTURING = "entire enterprise", "manufacturing facility"
PERIODS_COMPARED = ("1990s", "2000-2003")
YEARS = (10.0, 4.0)


def stated_push() -> Claim:
    """Land against technology and business environment, as the firms themselves graded them (Table 3)."""
    table = seed_table(3)
    most = table[table["grade"] == "most important"].set_index("factor")["count"].astype(int)
    land, environment, science, policy = (counted(most[name]) for name in (LAND, ENVIRONMENT, SCIENCE, POLICY))
    both = environment + science
    alone = sign_bound(land, environment, "as many firms put the business environment first as land")
    joint = sign_bound(land, both, "as many firms put either of the two first as land")
    return Claim(
        key="stated_push",
        title="Push by land against push by technology and business environment, as stated (Table 3)",
        claimed="rising prices and lack of space do not fully explain why firms leave; scarcity of core technology "
        "and a worse business environment push them out",
        where=f"{LAMP_SEED}, abstract; {SURVEY_SEED} name land first",
        basis="printed counts",
        figures=(
            ("firms that grade land most important", str(land)),
            ("... preferential policy", str(policy)),
            ("... business environment", str(environment)),
            ("... science, technology and education", str(science)),
            ("either of the last two", f"{max(environment, science)} to {both}"),
        ),
        values={"land": land, "policy": policy, "environment": environment, "science": science, "either_most": both},
        tests=(("land against environment", alone), ("land against both", joint)),
        verdict=f"In the surveyed towns land comes first, {land} firms against at most {both}, even at the overlap "
        f"that speaks least for it ({equation(joint.pvalue)}). The second claim is not borne out by these firms' "
        "answers.",
        limits="Answers are importance as stated by firms that had moved or stayed, not effects on a choice; a "
        "firm may give one grade to several factors, and how many did is not printed. The second claim is about "
        "lamp makers interviewed in Guzhen: other firms, another place, no counts.",
    )


def size_and_form() -> Claim:
    """The 68.6 % of small firms among entire relocations, against the share of small firms."""
    small, entire = small_relocations(), counted(events_by_form().loc["total", ENTIRE])
    firms = size_counts()["firms"]
    n_small, n = counted(firms.iloc[0]), counted(firms.sum())
    base = n_small / n
    low, high = share_interval(small, entire)
    share = binomial(small, entire, base, "small firms move entirely as often as their number says")
    ratio = small / n_small / ((entire - small) / (n - n_small))
    return Claim(
        key="size_and_form",
        title="Firm size and entire relocation",
        claimed="entire relocation often occurs in small and medium firms, since sunk costs grow with size: 68.6 % "
        "of the firms that relocated had assets below 40 million yuan",
        where=f"{SURVEY_SEED}, text on Table 4; base rate from Table 2",
        basis="printed counts",
        figures=(
            ("entire relocations, of small firms", f"{small} of {entire}, {100 * small / entire:.1f} %"),
            ("95 % interval (exact)", f"{100 * low:.1f} to {100 * high:.1f} %"),
            ("small firms among all", f"{n_small} of {n}, {100 * base:.1f} %"),
            ("rate ratio, small against larger", f"{ratio:.2f}"),
        ),
        values={
            "small": small,
            "entire": entire,
            "share": small / entire,
            "base": base,
            "low": low,
            "high": high,
            "rate_ratio": ratio,
        },
        tests=(("share against base rate", share),),
        verdict=f"The figure says nothing on size: {100 * base:.1f} % of all surveyed firms are that small "
        f"({equation(share.pvalue)}). It neither shows the claim nor refutes it.",
        limits=f"With {entire} events a small effect cannot be seen: the interval allows for a share of small firms "
        f"between {100 * low:.0f} and {100 * high:.0f} %. The passage does not name the base of the 68.6 %; 48 of "
        "the 70 entire relocations give it. Events are counted, not firms; assets are those of 2002, after the "
        "move. Large firms were also sampled on purpose, so the base rate is the sample's. The binomial test is at "
        "once that of equal Poisson rates a firm.",
    )


def size_and_province() -> Claim:
    """Larger firms move out of the province more often, per firm (Table 5 over Table 2)."""
    rates, counts = size_rates(), size_counts()
    table = rates.table
    equal = likelihood_ratio(rates.lr_statistic, rates.lr_df, "equal rates a firm in all classes of assets")
    exact = multinomial(counts["relocations"].tolist(), counts["firms"].tolist(), "equal rates, given 31 relocations")
    repeats = rates.lr_statistic / chi2_quantile(0.05, rates.lr_df)
    rows = [
        (
            f"assets {label}",
            f"{counted(row['relocations'])} relocations of {counted(row['firms'])} firms, {row['rate']:.3f} a firm"
            + (
                "" if np.isnan(row["lower"]) else f"; ratio {row['ratio']:.2f} [{row['lower']:.1f}, {row['upper']:.1f}]"
            ),
        )
        for label, row in table.iterrows()
    ]
    ratio = [float(value) for value in table["ratio"]]
    return Claim(
        key="size_and_province",
        title="Firm size and relocation out of the province (Table 5 over the firms of Table 2)",
        claimed="interprovincial relocation is a matter of medium and large firms: 35.5, 48.4 and 16.1 % by class "
        "of assets",
        where=f"{SURVEY_SEED}, Table 5",
        basis="printed counts",
        figures=(*rows, ("overdispersion at which 5 % is lost", f"{repeats:.1f}")),
        values={"ratio_middle": ratio[1], "ratio_large": ratio[2], "overdispersion": repeats},
        tests=(("equal rates (Poisson)", equal), ("equal rates (exact)", exact)),
        verdict=f"Borne out, and more strongly than the printed shares show: a larger firm moved out "
        f"{ratio[1]:.2f} times as often as a small one ({equation(equal.pvalue)}). Both larger classes have the "
        "same rate.",
        limits="Relocations are counted, not firms. If the same firms moved again and again, the variance is "
        f"larger: the result stands up to {repeats:.1f} times the Poisson variance. Table 5 has 31, Table 6 37 "
        "destinations and the text 30 firms outside the province; size is measured after the move, so growth by "
        "moving looks the same.",
    )


def dual_destinations() -> Claim:
    """Globalizing cities and the interior: what Table 6 has of the second."""
    by_period = [destinations_by_form(period).loc[MANUFACTURING] for period in PERIODS_COMPARED]
    total = destinations_by_form().loc[MANUFACTURING]
    everywhere = destinations_by_form().sum()
    interior, coastal = counted(everywhere["interior"]), counted(everywhere["coastal"])
    globalizing = counted(everywhere["Shanghai"] + everywhere["Beijing"])
    outside = outside_zhejiang()
    low, high = share_interval(interior, outside)
    far = [counted(block[["Shanghai", "Beijing", "coastal"]].sum()) for block in by_period]
    inner = [counted(block["interior"]) for block in by_period]
    named = [counted(block.sum()) for block in by_period]
    second = binomial(interior, interior + coastal, 0.5, "the interior is named as often as the rest of the coast")
    years = poisson_ratio((inner[0], inner[1]), YEARS, "interior destinations come at one rate a year in both periods")
    moves = poisson_ratio(
        (inner[0], inner[1]), (named[0], named[1]), "the interior has one share of the manufacturing destinations"
    )
    mix = fisher(np.array([[far[0], inner[0]], [far[1], inner[1]]]), "one mix of coast and interior in both periods")
    return Claim(
        key="dual_destinations",
        title="Dual destinations: globalizing cities and interior cities (Table 6)",
        claimed="firms go to two kinds of places, globalizing cities for markets, services and research, interior "
        "cities for land, labour and policy",
        where=f"{SURVEY_SEED}, Table 6 and text",
        basis="printed counts",
        figures=(
            ("destinations outside Zhejiang", str(outside)),
            ("Shanghai and Beijing", f"{globalizing}, {100 * globalizing / outside:.0f} %"),
            ("Hangzhou, which the text counts with them", f"{counted(everywhere['Hangzhou'])}, inside Zhejiang"),
            ("other coastal places", f"{coastal}, {100 * coastal / outside:.0f} %"),
            ("interior", f"{interior}, {100 * interior / outside:.0f} % (95 %: {100 * low:.0f} to {100 * high:.0f} %)"),
            ("interior, 1990s and 2000-2003", f"{inner[0]} and {inner[1]}"),
            ("all manufacturing destinations then", f"{named[0]} and {named[1]} (total {counted(total.sum())})"),
        ),
        values={
            "outside": outside,
            "globalizing": globalizing,
            "coastal": coastal,
            "interior": interior,
            "low": low,
            "high": high,
        },
        tests=(
            ("interior against coast", second),
            ("rate a year", years),
            ("share of manufacturing", moves),
            ("mix by period", mix),
        ),
        verdict=f"The first kind is there: {globalizing} of {outside}. The second is {interior} cases, all in "
        f"2000-2003, fewer than the coast that the claim does not name; beside the growth of all manufacturing "
        f"moves their coming is no more than chance allows ({equation(moves.pvalue)}).",
        limits="Three cases carry no model of motives. Whether interior and globalizing cities are chosen for "
        "different reasons needs firms and what the places offered; the counts only say where the moves went. The "
        "western policy of 1999 and the second period cannot be told apart.",
    )


def printed_claims() -> tuple[Claim, ...]:
    """All of them, in the order of the study."""
    return stated_push(), size_and_form(), size_and_province(), dual_destinations()
