"""The survey's six tables as printed, each with the table of its checks."""

from __future__ import annotations

from relocchoice.relocation.checking import Check
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.tables import SeedTable, seed_tables
from relocchoice.results import numbers
from relocchoice.results.table import Table


def seed(number: int, folder: Folder = None) -> Reproduction:
    """Table ``number`` (1 to 6) and its checks; ``folder`` is not needed."""
    (held,) = seed_tables([number])
    name = f"table{number}"
    return Reproduction(
        name=name,
        title=held.table.title,
        tables={name: held.table, f"{name}_checks": _checks_table(number, held)},
        findings={
            "checks": [_record(check) for check in held.checks],
            "disagreements": len(held.disagreements),
        },
    )


def _checks_table(number: int, held: SeedTable) -> Table:
    agreeing = [check for check in held.checks if check.agrees]
    rows: list[tuple[str, ...]] = []
    for head, checks in (("Disagree", held.disagreements), ("Agree", agreeing)):
        if checks:
            rows += [(head,), *(_row(check) for check in checks)]
    return Table(
        title=f"Table {number}: checks of its sums, shares and figures in the text",
        columns=("What is compared", "printed or expected", "found"),
        rows=tuple(rows),
        header=(("Checks", str(len(held.checks))), ("Disagree", str(len(held.disagreements)))),
    )


def _row(check: Check) -> tuple[str, ...]:
    return check.statement, _figure(check.expected), _figure(check.found)


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else numbers.plain(value)


def _record(check: Check) -> dict[str, object]:
    return {
        "statement": check.statement,
        "expected": check.expected,
        "found": check.found,
        "agrees": check.agrees,
    }
