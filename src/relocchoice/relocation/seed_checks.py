"""What the six tables must add up to, held against themselves, each other and the prose; computed from the files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from relocchoice.relocation.checking import Check, at_most, counted, rounded_percent, same, same_percent
from relocchoice.relocation.sources import seed_prose, seed_table
from relocchoice.relocation.taxonomy import destination_labels, form_labels, period_labels

OUTPUT = "output value, million yuan"
SQUARE_MILES_PER_KM2 = 0.386102
MOVED_SHARES = (
    ("beyond_yueqing_outside_zhejiang_share", 0),
    ("beyond_yueqing_shanghai_share", 0),
    ("beyond_yueqing_west_share", 1),
)
MOVED_BASES = range(20, 60)


def prose_figures() -> pd.Series:
    """Figures of the prose by name."""
    return seed_prose().set_index("quantity")["value"]


def events_by_form() -> pd.DataFrame:
    """Table 4 in wide form: periods and the printed total x forms."""
    wide = seed_table(4).pivot_table(index="period", columns="form", values="events", aggfunc="sum")
    return wide.loc[[*period_labels(), "total"], list(form_labels())]


def destinations_by_form(block: str = "total") -> pd.DataFrame:
    """One block of Table 6 in wide form: forms of relocation x destinations."""
    table = seed_table(6)
    wide = table[table["block"] == block].pivot_table(
        index="form", columns="destination", values="count", aggfunc="sum"
    )
    return wide.loc[list(form_labels(relocations_only=True)), list(destination_labels())]


def outside_zhejiang(block: str = "total") -> int:
    """How many destinations of a block of Table 6 lie outside Zhejiang."""
    counts = destinations_by_form(block)
    return counted(counts.to_numpy().sum() - counts[list(destination_labels("Zhejiang"))].to_numpy().sum())


def bases_of_moved_shares() -> list[int]:
    """Numbers of firms for which the prose's three shares of firms beyond Yueqing are all shares of that number."""
    prose = prose_figures()

    def fits(base: int, printed: float, digits: int) -> bool:
        return any(rounded_percent(part, base, digits) == printed for part in range(base + 1))

    return [base for base in MOVED_BASES if all(fits(base, prose[name], digits) for name, digits in MOVED_SHARES)]


def _profile(number: int) -> list[Check]:
    """Tables 1 and 2: sums of the blocks and percentages of their rows."""
    table, returns = seed_table(number), counted(prose_figures()["effective_returns"])
    blocks = table.groupby("block", sort=False)
    checks = [same(f"different sums among the blocks of Table {number}", 1, blocks["count"].sum().nunique())]
    for block, rows in blocks:
        total = counted(rows["count"].sum())
        checks.append(same(f"firms in the block '{block}' against the usable returns of the text", returns, total))
        checks.append(same(f"printed percentages of the block '{block}' add up", 100, counted(rows["percent"].sum())))
        checks += [
            same_percent(f"{block}, {category}", percent, count, total)
            for category, percent, count in zip(rows["category"], rows["percent"], rows["count"], strict=True)
        ]
    return checks


def _share_of_block(number: int, block: str, categories: list[str], quantity: str) -> Check:
    table = seed_table(number)
    rows = table[table["block"] == block]
    part = counted(rows.loc[rows["category"].isin(categories), "count"].sum())
    statement = f"the text's {quantity.replace('_', ' ')} against Table {number}"
    return same_percent(statement, prose_figures()[quantity], part, counted(rows["count"].sum()))


def checks_of_table_1() -> list[Check]:
    """Blocks, percentages, and the two shares the text takes from Table 1."""
    investment, site = "investment at establishment, million yuan", "site of establishment"
    return [
        *_profile(1),
        _share_of_block(1, investment, ["<0.5", "0.5-1.0"], "small_investment_share"),
        _share_of_block(1, site, ["township", "rural village"], "countryside_share"),
    ]


def checks_of_table_2() -> list[Check]:
    """Blocks, percentages, the text's shares of large firms, and the sampling frame's floor."""
    floor = float(prose_figures()["frame_output_floor"])
    return [
        *_profile(2),
        _share_of_block(2, OUTPUT, [">100"], "large_output_share"),
        _share_of_block(2, "sales income, million yuan", [">100"], "large_sales_share"),
        same(
            f"firms in output classes below {floor:g} million yuan, outside the sampling frame", 0, firms_below_frame()
        ),
    ]


def firms_below_frame() -> int:
    """Firms in output classes that end at or below the floor of the sampling frame."""
    table, floor = seed_table(2), float(prose_figures()["frame_output_floor"])
    open_below = table[(table["block"] == OUTPUT) & table["category"].str.startswith("<")]
    return counted(open_below.loc[open_below["category"].str[1:].astype(float) <= floor, "count"].sum())


def checks_of_table_3() -> list[Check]:
    """The text's count for land, and whether firms can have graded one factor each."""
    table, prose = seed_table(3), prose_figures()
    returns = counted(prose["effective_returns"])
    land = table[(table["factor"] == "industrial land") & (table["grade"] == "most important")]
    by_factor = table.groupby("factor", sort=False)["count"].sum()
    by_grade = table.groupby("grade", sort=False)["count"].sum()
    return [
        same(
            "firms that grade industrial land most important, in the text",
            counted(prose["land_most_important_firms"]),
            counted(land["count"].sum()),
        ),
        *(
            at_most(f"firms that grade '{factor}' are at most the usable returns", returns, counted(n))
            for factor, n in by_factor.items()
        ),
        *(
            at_most(f"'{grade}' is given at most once a firm (at most the usable returns)", returns, counted(n))
            for grade, n in by_grade.items()
        ),
    ]


def checks_of_table_4() -> list[Check]:
    """Margins, the text's counts and shares, and the dashes."""
    wide, table = events_by_form(), seed_table(4)
    printed, periods = wide.loc["total"], wide.loc[list(period_labels())].sum()
    margins = [
        same(f"periods of '{form}' add up to the printed total", counted(printed[form]), counted(periods[form]))
        for form in form_labels()
    ]
    dashes = same("events in cells printed as a dash", 0, counted(table.loc[~table["exists"], "events"].sum()))
    return [*margins, dashes, *_counts_of_the_text(wide), *_shares_of_the_text(wide)]


def _counts_of_the_text(wide: pd.DataFrame) -> list[Check]:
    prose, total, nineties = prose_figures().astype(int), wide.loc["total"], wide.loc["1990s"]
    entire, manufacturing = counted(nineties["entire enterprise"]), counted(nineties["manufacturing facility"])
    said = counted(prose["entire_and_manufacturing_1990s"])
    sized = counted(prose["headquarters_relocations_40_390m"] + prose["headquarters_relocations_over_400m"])
    named = {
        "entire_relocations": "entire enterprise",
        "manufacturing_relocations": "manufacturing facility",
        "rd_relocations": "R&D",
        "headquarters_relocations": "headquarters",
    }
    return [
        same("all expansions, in the text", counted(prose["expansions"]), counted(total.sum())),
        *(
            same(f"relocations of '{form}', in the text", counted(prose[name]), counted(total[form]))
            for name, form in named.items()
        ),
        same("entire enterprises and manufacturing in the 1990s, in the text", said, entire + manufacturing),
        same("the same figure of the text against entire enterprises alone", said, entire),
        same("headquarters relocations whose size the text gives", counted(total["headquarters"]), sized),
    ]


def _shares_of_the_text(wide: pd.DataFrame) -> list[Check]:
    prose, total = prose_figures(), {str(form): counted(events) for form, events in wide.loc["total"].items()}
    everything, entire = sum(total.values()), total["entire enterprise"]
    relocations = everything - total["in-site"]
    manufacturing = total["manufacturing facility"]
    return [
        same_percent("in-site expansions, in the text", prose["in_site_share"], total["in-site"], everything),
        same_percent("entire enterprises, in the text", prose["entire_share"], entire, relocations, 1),
        same_percent("manufacturing, in the text", prose["manufacturing_share"], manufacturing, relocations, 1),
        same_percent("small firms, in the text", prose["relocated_small_share"], small_relocations(), entire, 1),
    ]


def small_relocations() -> int:
    """The whole number of entire relocations nearest to the share of small firms that the text gives."""
    return round(
        prose_figures()["relocated_small_share"] / 100 * counted(events_by_form().loc["total", "entire enterprise"])
    )


def checks_of_table_5() -> list[Check]:
    """Percentages, the text's shares, and the two other counts of interprovincial relocations."""
    table, prose = seed_table(5), prose_figures()
    total = counted(table["count"].sum())
    quantities = ("interprovincial_share_under_40m", "interprovincial_share_40_390m", "interprovincial_share_over_400m")
    rows = list(zip(table["assets"], table["percent"], table["count"], quantities, strict=True))
    classes = seed_table(2).query("block == 'asset value, million yuan'")["category"]
    return [
        *(
            same_percent(f"interprovincial relocations, assets {assets}", percent, count, total, 1)
            for assets, percent, count, _ in rows
        ),
        *(
            same(f"share for assets {assets}, in the text", float(prose[name]), float(percent))
            for assets, percent, _, name in rows
        ),
        same("printed percentages add up", 100.0, round(float(table["percent"].sum()), 1)),
        same(
            "interprovincial relocations against the destinations outside Zhejiang in Table 6",
            outside_zhejiang(),
            total,
        ),
        same(
            "interprovincial relocations against the firms implied by the text's shares",
            implied_interprovincial(),
            total,
        ),
        same("asset classes against those of Table 2", "; ".join(classes), "; ".join(table["assets"])),
    ]


def implied_interprovincial() -> int:
    """Firms that left Zhejiang, from the smallest base that fits the three shares of the text."""
    return round(bases_of_moved_shares()[0] * prose_figures()["beyond_yueqing_outside_zhejiang_share"] / 100)


def checks_of_table_6() -> list[Check]:
    """Blocks against the total, destinations against Table 4's events, and the text's shares."""
    total, events = destinations_by_form(), events_by_form()
    by_period = {period: destinations_by_form(period) for period in period_labels()}
    added = np.sum([counts.to_numpy() for counts in by_period.values()], axis=0)
    gaps = (total != added).sum(axis=1)
    return [
        *(
            same(f"destinations of '{form}' whose periods do not add up to the total block", 0, counted(gaps[form]))
            for form in total.index
        ),
        *_destinations_against_events("total", total, events),
        *(
            check
            for period, counts in by_period.items()
            for check in _destinations_against_events(period, counts, events)
        ),
        *_shares_of_destinations(total),
    ]


def _destinations_against_events(block: str, counts: pd.DataFrame, events: pd.DataFrame) -> list[Check]:
    forms = list(counts.index)
    of_form = [
        same(
            f"{block}: destinations of '{form}' against its relocations in Table 4",
            counted(events.loc[block, form]),
            counted(counts.loc[form].sum()),
        )
        for form in forms
    ]
    whole = same(
        f"{block}: all destinations against all relocations in Table 4",
        counted(events.loc[block, forms].sum()),
        counted(counts.to_numpy().sum()),
    )
    return [*of_form, whole]


def _shares_of_destinations(total: pd.DataFrame) -> list[Check]:
    prose, everywhere = prose_figures(), counted(total.to_numpy().sum())
    yueqing = counted(total[list(destination_labels("Yueqing"))].to_numpy().sum())
    outside = outside_zhejiang()
    shares = [
        ("destinations within Zhejiang, in the text", "within_zhejiang_share", everywhere - outside, everywhere),
        ("destinations within Yueqing, in the text", "within_yueqing_share", yueqing, everywhere),
        (
            "destinations outside Zhejiang among those beyond Yueqing, in the text",
            MOVED_SHARES[0][0],
            outside,
            everywhere - yueqing,
        ),
        (
            "Shanghai among the destinations outside Zhejiang, in the text",
            MOVED_SHARES[1][0],
            counted(total["Shanghai"].sum()),
            outside,
        ),
    ]
    west = same_percent(
        "interior among the destinations outside Zhejiang, in the text",
        prose[MOVED_SHARES[2][0]],
        counted(total["interior"].sum()),
        outside,
        1,
    )
    return [*(same_percent(text, prose[name], part, whole) for text, name, part, whole in shares), west]


def checks_of_prose() -> list[Check]:
    """Figures of the text that no table holds, against each other."""
    prose = prose_figures()
    areas = ("wenzhou_area", "emilia_romagna_area")
    return [
        same_percent(
            "return rate of the survey", prose["return_rate"], prose["returns"], prose["questionnaires_delivered"]
        ),
        same_percent(
            "effective return rate",
            prose["effective_return_rate"],
            prose["effective_returns"],
            prose["questionnaires_delivered"],
        ),
        same_percent(
            "small enterprises in Yueqing",
            prose["small_output_share_yueqing"],
            prose["nonstate_enterprises_yueqing_below_5m"],
            prose["nonstate_enterprises_yueqing"],
            1,
        ),
        same(
            "cultivable land a head in hectares (rounded to 3 decimals)",
            float(prose["cultivable_land_per_head_hectare"]),
            round(float(prose["cultivable_land_per_head_mu"] / prose["mu_per_hectare"]), 3),
        ),
        *(
            same(
                f"{area.replace('_', ' ')} in square miles (rounded to whole ones)",
                counted(prose[f"{area}_square_miles"]),
                round(float(prose[f"{area}_km2"]) * SQUARE_MILES_PER_KM2),
            )
            for area in areas
        ),
        same(
            f"numbers from {MOVED_BASES[0]} to {MOVED_BASES[-1]} that give the three shares of firms beyond Yueqing",
            1,
            len(bases_of_moved_shares()),
        ),
    ]
