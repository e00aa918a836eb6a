"""Table 6 arranged as choices: all forms, manufacturing alone, and manufacturing with pooled destinations."""

from __future__ import annotations

import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.taxonomy import (
    AREAS,
    DESTINATIONS,
    PERIODS,
    destination_labels,
    form_labels,
    period_labels,
)

MANUFACTURING = "manufacturing facility"
SINCE, BEFORE = PERIODS[-1].label, f"before {PERIODS[-1].first}"
POOLED = ("Yueqing", "rest of Zhejiang", "rest of China")


def destination_counts() -> pd.DataFrame:
    """The period blocks of Table 6, one row a cell and destination.

    Returns
    -------
    DataFrame with ``period``; ``era`` (since or before 2000, the later first); ``form`` (manufacturing first, the one
    form that went to every destination); ``destination``; ``count``; ``since_2000`` (0/1); ``beyond_yueqing`` (0/1).
    """
    table = seed_table(6)
    table = table[table["block"].isin(period_labels())].reset_index(drop=True)
    since = table["block"] == SINCE
    forms = [MANUFACTURING, *(label for label in form_labels(relocations_only=True) if label != MANUFACTURING)]
    return pd.DataFrame(
        {
            "period": table["block"],
            "era": pd.Categorical(since.map({True: SINCE, False: BEFORE}), [SINCE, BEFORE]),
            "form": pd.Categorical(table["form"], forms),
            "destination": pd.Categorical(table["destination"], list(destination_labels())),
            "count": table["count"],
            "since_2000": since.astype(int),
            "beyond_yueqing": (~table["destination"].isin(destination_labels("Yueqing"))).astype(int),
        }
    )


def all_forms() -> ChoiceData:
    """Destinations of all relocations, one cell a form and period."""
    counts = destination_counts().drop(columns=["since_2000", "beyond_yueqing"])
    return ChoiceData.from_counts(counts, count="count", alternative="destination", cell=["period", "form"])


def manufacturing() -> ChoiceData:
    """Destinations of manufacturing, one cell a period."""
    counts = _manufacturing_counts().drop(columns="era")
    return ChoiceData.from_counts(counts, count="count", alternative="destination", cell="period")


def manufacturing_pooled() -> ChoiceData:
    """Destinations of manufacturing in three areas, one cell a period."""
    counts = _manufacturing_counts()
    area = {place.label: POOLED[AREAS.index(place.within)] for place in DESTINATIONS}
    counts["area"] = pd.Categorical(counts["destination"].astype(str).map(area), list(POOLED))
    pooled = counts.groupby(["period", "since_2000", "area"], observed=True, as_index=False)["count"].sum()
    return ChoiceData.from_counts(pooled, count="count", alternative="area", cell="period")


def _manufacturing_counts() -> pd.DataFrame:
    counts = destination_counts()
    counts = counts[counts["form"] == MANUFACTURING].drop(columns="form")
    chosen = counts.groupby("period")["count"].transform("sum") > 0
    return counts[chosen].reset_index(drop=True)
