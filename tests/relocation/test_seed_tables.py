"""The six tables as printed, their sums, and the disagreements that must be flagged and no others."""

from __future__ import annotations

import pytest

from relocchoice.errors import OptionError
from relocchoice.relocation import seed_checks
from relocchoice.relocation.checking import rounded_percent
from relocchoice.relocation.seed_checks import (
    bases_of_moved_shares,
    checks_of_prose,
    destinations_by_form,
    events_by_form,
)
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.tables import SeedTable, seed_tables
from relocchoice.relocation.taxonomy import PERIODS, destination_labels, destination_nests


@pytest.fixture(scope="module")
def tables() -> dict[int, SeedTable]:
    return dict(zip(range(1, 7), seed_tables(), strict=True))


def test_margins_of_table_4() -> None:
    wide = events_by_form()
    assert list(wide.loc["total"]) == [45, 70, 60, 3, 5]
    assert list(wide.drop(index="total").sum()) == [45, 70, 60, 3, 5]
    assert list(wide.drop(index="total").sum(axis=1)) == [11, 94, 78]
    assert wide.loc["total"].sum() == 183
    assert wide.loc["total"].sum() - wide.loc["total", "in-site"] == 138


def test_blocks_of_tables_1_and_2_sum_to_95() -> None:
    for number in (1, 2):
        assert set(seed_table(number).groupby("block")["count"].sum()) == {95}


def test_destinations_of_table_6() -> None:
    total = destinations_by_form()
    assert total.equals(sum(destinations_by_form(period.label) for period in PERIODS))
    assert total.to_numpy().sum() == 165
    assert total.loc["manufacturing facility"].sum() == 87
    assert list(total.sum()) == [111, 4, 4, 9, 22, 2, 10, 3]
    assert seed_table(5)["count"].sum() == 31
    assert seed_checks.outside_zhejiang() == 37


def disagreements(table: SeedTable) -> list[tuple[float | str, float | str]]:
    return [(check.expected, check.found) for check in table.disagreements]


@pytest.mark.parametrize(
    ("number", "flagged"),
    [
        (1, [(94, 95)] * 3),
        (2, [(94, 95)] * 4 + [(0, 28)]),
        (3, [(94, 115), (94, 101)]),
        (4, [(43, 69), (5, 3)]),
        (5, [(37, 31), (30, 31), ("<40; 40-400; >400", "<40; 40-390; >=400")]),
        (6, [(60, 87), (138, 165), (26, 37), (74, 85), (34, 50), (58, 74), (79, 74), (71, 59), (7.9, 8.1)]),
    ],
)
def test_what_disagrees_and_nothing_else(tables: dict[int, SeedTable], number: int, flagged: list[tuple]) -> None:
    assert disagreements(tables[number]) == flagged
    assert len(tables[number].checks) > len(flagged)


def test_what_disagrees_in_the_prose() -> None:
    assert [(check.expected, check.found) for check in checks_of_prose() if not check.agrees] == [
        (7322, 4550),
        (13747, 8542),
    ]
    assert bases_of_moved_shares() == [38]


def test_every_printed_percentage_is_recomputed(tables: dict[int, SeedTable]) -> None:
    for number, rows in ((1, 9), (2, 13), (5, 3)):
        percent = [check for check in tables[number].checks if "rounded to" in check.statement]
        assert len(percent) >= rows
        assert all(check.agrees for check in percent)


def test_a_wrong_cell_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(number: int):
        table = seed_table(number)
        if number == 4:
            table.loc[(table["period"] == "1990s") & (table["form"] == "R&D"), "events"] = 3
        return table

    monkeypatch.setattr(seed_checks, "seed_table", altered)
    broken = [check for check in seed_checks.checks_of_table_4() if not check.agrees]
    assert ("periods of 'R&D' add up to the printed total", 3, 4) in [
        (c.statement, c.expected, c.found) for c in broken
    ]


def test_percentages_round_halves_up() -> None:
    assert rounded_percent(1, 8, 1) == 12.5
    assert rounded_percent(1, 8, 0) == 13
    assert rounded_percent(25, 1000, 0) == 3


def test_layout_is_that_of_the_print(tables: dict[int, SeedTable]) -> None:
    for seed in tables.values():
        widths = {len(row) for row in seed.table.rows}
        assert widths <= {1, len(seed.table.columns)}
        assert all(isinstance(cell, str) for row in seed.table.rows for cell in row)
    assert tables[3].table.rows[0] == ("Industrial land", "37", "17", "9", "0")
    assert tables[4].table.rows[0] == ("1980s", "5", "6", "-", "-", "-")
    assert tables[4].table.rows[-1] == ("Total", "45", "70", "60", "3", "5")
    assert tables[5].table.rows[1] == ("Share (percent)", "35.5", "48.4", "16.1")
    assert tables[6].table.rows[2] == ("Manufacturing facility", "37", "2", "4", "9", "20", "2", "10", "3")
    assert [row for row in tables[6].table.rows if len(row) == 1] == [
        ("Total",),
        ("1980s",),
        ("1990s",),
        ("2000-2003",),
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, ["95", "94", "wrong lines", "township"]),
        (2, ["94", "<0.5", "40-390"]),
        (3, ["115, 101, 75 and 51", "no ranking"]),
        (4, ["did not exist", "69", "1.1, 9.4 and 19.5", "48 of 70", "p = 0.70", "size of 3"]),
        (5, ["31 here, 37", "30 firms", "38 firms", "as Table 6", "0.164, 0.714 and 0.714", "4.35 and 4.35"]),
        (
            6,
            ["165 destinations of 138", "87 destinations of 60", "means Table 4", "128 and 115", "Hangzhou", "2000-03"],
        ),
    ],
)
def test_notes_say_what_disagrees(tables: dict[int, SeedTable], number: int, words: list[str]) -> None:
    notes = " ".join(tables[number].table.notes)
    assert [word for word in words if word not in notes] == []


def test_tables_can_be_chosen() -> None:
    assert [seed.table.title[:8] for seed in seed_tables([6, 4])] == ["Table 6.", "Table 4."]
    assert seed_tables([]) == []
    with pytest.raises(OptionError, match="numbers=7"):
        seed_tables([1, 7])


def test_taxonomy() -> None:
    assert destination_labels("Yueqing") == ("township", "county seat")
    assert destination_labels("Zhejiang") == ("township", "county seat", "Wenzhou", "Hangzhou")
    assert [period.years for period in PERIODS] == [10, 10, 4]
    for by in ("within", "kind"):
        members = [label for nest in destination_nests(by).values() for label in nest]
        assert sorted(members) == sorted(destination_labels())
    with pytest.raises(OptionError, match="'within', 'kind'"):
        destination_nests("province")
    with pytest.raises(OptionError, match="'Yueqing'"):
        destination_labels("Wenzhou")
