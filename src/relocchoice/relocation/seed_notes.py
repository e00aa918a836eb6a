"""Where print, scan and text of the survey's six tables disagree, in plain sentences with computed figures."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from relocchoice.relocation.checking import counted, rounded_percent
from relocchoice.relocation.seed_checks import (
    MOVED_BASES,
    MOVED_SHARES,
    bases_of_moved_shares,
    destinations_by_form,
    events_by_form,
    firms_below_frame,
    implied_interprovincial,
    outside_zhejiang,
    prose_figures,
    small_relocations,
)
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.taxonomy import PERIODS, destination_labels, form_labels


def notes_of_table_1() -> list[str]:
    """Base of the percentages, the scan's shift, township against village."""
    table = seed_table(1)
    site = table[table["block"] == "site of establishment"].set_index("category")["count"]
    return [
        _note_on_returns(1),
        "In the scanned text the figures of the last two blocks stand beside the wrong lines. Their order is kept "
        "and the labels follow from it; the text's percentages for small investments and for the countryside "
        "confirm the reading.",
        f"That {site['township']} firms started in a township and {site['rural village']} in a rural village rests "
        "on the order of the rows alone; the text, which starts the firms in isolated rural areas, would read "
        "more easily with the two exchanged.",
    ]


def notes_of_table_2() -> list[str]:
    """Base of the percentages, the impossible output class, the wording of the asset classes."""
    floor = prose_figures()["frame_output_floor"]
    return [
        _note_on_returns(2),
        f"The lowest output class is printed as <0.5 and holds {firms_below_frame()} firms, although the sampling "
        f"frame starts at {floor:g} million yuan. It probably means <5, as in the rows on sales; the printed label "
        "is kept.",
        "Assets are classed 40-400 and >400 here, 40-390 and >=400 in Table 5 and, but for the last sign, in the text; "
        "they are taken to be the same classes.",
    ]


def notes_of_table_3() -> list[str]:
    """Why the grades are no ranking."""
    table, returns = seed_table(3), counted(prose_figures()["effective_returns"])
    by_grade = table.groupby("grade", sort=False)["count"].sum()
    by_factor = table.groupby("factor", sort=False)["count"].sum()
    return [
        f"The columns sum to {listed(by_grade)}, {counted((by_grade > returns).sum())} of them to more than the "
        f"{returns} usable returns: a firm may give the same grade to several factors, so this is no ranking with "
        "one first place a firm.",
        f"Between {by_factor.min()} and {by_factor.max()} firms grade a factor; the number differs by factor, and the "
        "others did not mention it.",
    ]


def notes_of_table_4() -> list[str]:
    """Dashes, the count of the 1990s, the length of the periods, the size of those who move."""
    wide, prose = events_by_form(), prose_figures()
    total, nineties = wide.loc["total"], wide.loc["1990s"]
    relocations = counted(total[list(form_labels(relocations_only=True))].sum())
    both = counted(nineties["entire enterprise"] + nineties["manufacturing facility"])
    yearly = [wide.loc[period.label].sum() / period.years for period in PERIODS]
    sized = counted(prose["headquarters_relocations_40_390m"] + prose["headquarters_relocations_over_400m"])
    return [
        f"{counted(total.sum())} expansions, {relocations} of them relocations. A dash stands for a form that did not "
        "exist yet: the form was not available, which is not a low probability.",
        "The scan garbles the dash in the label of the last period.",
        f"The text gives {counted(prose['entire_and_manufacturing_1990s'])} relocations of entire enterprises and "
        "manufacturing in the 1990s. That is the count of entire enterprises alone; with manufacturing it is "
        f"{both}.",
        f"The periods last {listed(period.years for period in PERIODS)} years, with "
        f"{listed(f'{rate:.1f}' for rate in yearly)} expansions a year. The yearly rate rises where the count falls.",
        _note_on_size(counted(total["entire enterprise"])),
        f"Of {counted(total['headquarters'])} headquarters relocations the text gives the size of {sized}.",
    ]


def notes_of_table_5() -> list[str]:
    """Three counts of interprovincial relocation, swapped references, rates by class, wording of the classes."""
    table, prose = seed_table(5), prose_figures()
    rates = table["count"].to_numpy() / _firms_by_assets()["count"].to_numpy()
    shares = listed(f"{prose[name]:g}" for name, _ in MOVED_SHARES)
    bases = bases_of_moved_shares()
    return [
        f"Three counts of relocations out of the province: {counted(table['count'].sum())} here, {outside_zhejiang()} "
        f"destinations outside Zhejiang in Table 6, and {implied_interprovincial()} firms in the text, if its "
        f"shares of {shares} percent are shares of {listed(bases)} firms, what alone from {MOVED_BASES[0]} to "
        f"{MOVED_BASES[-1]} gives all three. They count relocations, destinations and firms; none is adjusted.",
        "The text cites these shares as Table 6, and those of Table 6 as Table 5.",
        f"For each firm of the class in Table 2 the counts are {listed(f'{rate:.3f}' for rate in rates)}: the two "
        f"larger classes move out of the province {listed(f'{rate / rates[0]:.2f}' for rate in rates[1:])} times "
        "as often as the smallest.",
        "Classes are worded 40-390 and >=400 here, 40-400 and >400 in Table 2.",
    ]


def notes_of_table_6() -> list[str]:
    """Destinations against relocations, references, shares of the text, headquarters, Hangzhou, the scan."""
    total = destinations_by_form()
    return [
        _note_on_gap(total),
        "The note under the printed table refers to Table 2 for the number of relocations; it means Table 4. The text "
        "cites shares that come from this table as Table 5.",
        *_notes_on_shares(total),
        f"All {counted(total.loc['headquarters', 'township'])} headquarters relocations end in townships here, while "
        "the text moves two named headquarters to Hangzhou and Shanghai.",
        "The text once lists Hangzhou among the destinations outside Zhejiang, whose capital it is; here it counts as "
        "within.",
        "The scan splits the head over two lines and garbles the label of the last period, printed 2000-03.",
    ]


def _note_on_returns(number: int) -> str:
    table, returns = seed_table(number), counted(prose_figures()["effective_returns"])
    totals = table.groupby("block", sort=False)["count"].sum().unique()
    other = sum(rounded_percent(n, returns, 0) != p for n, p in zip(table["count"], table["percent"], strict=True))
    return (
        f"Every block sums to {listed(totals)} firms, while the text counts {returns} usable returns; both are "
        f"kept as printed. The percentages are shares of {listed(totals)}: on {returns} firms {other} of the "
        f"{len(table)} would round differently."
    )


def _firms_by_assets() -> pd.DataFrame:
    table = seed_table(2)
    return table[table["block"] == "asset value, million yuan"]


def _note_on_size(relocated: int) -> str:
    assets, small = _firms_by_assets()["count"], small_relocations()
    base = assets.iloc[0] / assets.sum()
    from scipy.stats import binomtest  # slow to import, and only this note needs it

    p_value = binomtest(small, relocated, base).pvalue
    return (
        f"The text's {prose_figures()['relocated_small_share']:g} percent of relocating firms with assets below 40 "
        f"million yuan is {small} of {relocated}. The passage is about entire relocations but does not say that they "
        f"are the base. Of all firms {100 * base:.1f} percent are that small (binomial test, p = {p_value:.2f}): "
        "the figure shows no effect of size on moving as a whole."
    )


def _note_on_gap(total: pd.DataFrame) -> str:
    events = events_by_form().loc["total", list(total.index)]
    named = total.sum(axis=1)
    several = named.index[named != events]
    return (
        f"{counted(named.sum())} destinations of {counted(events.sum())} relocations. The whole gap is in "
        f"{listed(several)}: {counted(named[several].sum())} destinations of {counted(events[several].sum())} "
        "relocations, as one relocation may name several. A dash is a zero count."
    )


def _notes_on_shares(total: pd.DataFrame) -> list[str]:
    prose, everywhere, outside = prose_figures(), counted(total.to_numpy().sum()), outside_zhejiang()
    yueqing = counted(total[list(destination_labels("Yueqing"))].to_numpy().sum())
    left, shanghai, west = (f"{prose[name]:g} percent" for name, _ in MOVED_SHARES)
    return [
        f"The text's {prose['within_zhejiang_share']:g} percent within Zhejiang and "
        f"{prose['within_yueqing_share']:g} percent within Yueqing are {everywhere - outside} and {yueqing} of the "
        f"{everywhere} destinations, although the second is said of firms.",
        f"The text's {left} outside Zhejiang among firms beyond Yueqing, {shanghai} to Shanghai and {west} to the "
        f"west have no counterpart here: {outside} of {everywhere - yueqing} destinations beyond Yueqing lie "
        f"outside Zhejiang, {counted(total['Shanghai'].sum())} in Shanghai and {counted(total['interior'].sum())} "
        f"in the interior. They fit {listed(bases_of_moved_shares())} firms.",
    ]


def listed(items: Iterable[object]) -> str:
    """Items as words: ``"a, b and c"``."""
    words = [str(item) for item in items]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
