"""The six tables of the 2003 survey as printed, each with its checks and with every disagreement said in its notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.relocation import seed_checks, seed_notes
from relocchoice.relocation.checking import Check
from relocchoice.relocation.seed_checks import destinations_by_form, events_by_form
from relocchoice.relocation.sources import SEED_TABLES, seed_table
from relocchoice.relocation.taxonomy import DESTINATIONS, FORMS, PERIODS
from relocchoice.results.table import Table

SOURCE = ("Source", "Wei, Li & Wang (2007), survey of firms in Yueqing, 2003")
DASH = "-"


@dataclass(frozen=True, slots=True)
class SeedTable:
    """One table of the survey.

    Attributes
    ----------
    table : the table in the layout of the print; its notes say where table, scan and text disagree.
    checks : sums and percentages, recomputed.
    """

    table: Table
    checks: tuple[Check, ...]

    @property
    def disagreements(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.agrees)


def seed_tables(numbers: Iterable[int] | None = None) -> list[SeedTable]:
    """The tables of the survey as printed.

    Parameters
    ----------
    numbers : which, 1 to 6, in the order wanted; None for all.

    Raises
    ------
    OptionError
        If one of the numbers is no table; before any table is made.
    """
    wanted = SEED_TABLES if numbers is None else tuple(numbers)
    for number in wanted:
        if isinstance(number, bool) or number not in _TABLES:
            raise OptionError.of("numbers", number, SEED_TABLES)
    return [_seed_table(number) for number in wanted]


def _seed_table(number: int) -> SeedTable:
    layout, notes, checks = _TABLES[number]
    found = tuple(checks())
    body = layout()
    return SeedTable(Table(body.title, body.columns, body.rows, (SOURCE,), tuple(notes())), found)


def _profile_layout(number: int, title: str) -> Table:
    rows: list[tuple[str, ...]] = []
    for block, cells in seed_table(number).groupby("block", sort=False):
        rows.append((_capital(str(block)),))
        rows += [
            (_capital(category), str(count), str(percent))
            for category, count, percent in zip(cells["category"], cells["count"], cells["percent"], strict=True)
        ]
    return Table(title, ("Item", "Enterprises", "Percent"), tuple(rows))


def _layout_1() -> Table:
    return _profile_layout(1, "Table 1. The surveyed firms when they were founded")


def _layout_2() -> Table:
    return _profile_layout(2, "Table 2. The surveyed firms in 2002")


def _layout_3() -> Table:
    table = seed_table(3)
    grades, factors = list(table["grade"].unique()), list(table["factor"].unique())
    wide = table.pivot_table(index="factor", columns="grade", values="count", aggfunc="sum").loc[factors, grades]
    columns = ("Factor", *(_capital(grade) for grade in grades))
    return Table("Table 3. Importance of factors in relocation, number of firms", columns, _count_rows(wide))


def _layout_4() -> Table:
    table = seed_table(4)
    exists = table.pivot_table(index="period", columns="form", values="exists", aggfunc="first").astype(bool)
    wide = events_by_form()
    printed = wide.astype(str).where(exists.loc[wide.index, wide.columns], DASH)
    columns = ("Time", *(form.title for form in FORMS))
    return Table("Table 4. Spatial expansions by period and form", columns, _text_rows(printed))


def _layout_5() -> Table:
    table = seed_table(5)
    rows = (
        ("Times", *table["count"].astype(str)),
        ("Share (percent)", *(f"{share:.1f}" for share in table["percent"])),
    )
    columns = ("Total assets (million yuan)", *table["assets"])
    return Table("Table 5. Interprovincial relocations by the firm's assets", columns, rows)


def _layout_6() -> Table:
    rows: list[tuple[str, ...]] = []
    for block in ("total", *(period.label for period in PERIODS)):
        wide = destinations_by_form(block)
        rows += [(_capital(block),), *_text_rows(wide.astype(str).where(wide > 0, DASH))]
    columns = ("Form", *(destination.title for destination in DESTINATIONS))
    return Table("Table 6. Destinations by form and period of relocation", columns, tuple(rows))


def _count_rows(wide: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    return _text_rows(wide.astype(str))


def _text_rows(wide: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    return tuple((_capital(str(label)), *cells) for label, cells in zip(wide.index, wide.to_numpy(), strict=True))


def _capital(label: str) -> str:
    return label[:1].upper() + label[1:]


_TABLES: dict[int, tuple[Callable[[], Table], Callable[[], list[str]], Callable[[], list[Check]]]] = {
    1: (_layout_1, seed_notes.notes_of_table_1, seed_checks.checks_of_table_1),
    2: (_layout_2, seed_notes.notes_of_table_2, seed_checks.checks_of_table_2),
    3: (_layout_3, seed_notes.notes_of_table_3, seed_checks.checks_of_table_3),
    4: (_layout_4, seed_notes.notes_of_table_4, seed_checks.checks_of_table_4),
    5: (_layout_5, seed_notes.notes_of_table_5, seed_checks.checks_of_table_5),
    6: (_layout_6, seed_notes.notes_of_table_6, seed_checks.checks_of_table_6),
}
