"""The survey's six tables as printed, each with the table of its checks, and the checks of its prose."""

from __future__ import annotations

from collections.abc import Sequence

from relocchoice.relocation.checking import Check
from relocchoice.relocation.reproduce_record import Folder, Reproduction
from relocchoice.relocation.seed_checks import checks_of_prose
from relocchoice.relocation.tables import SOURCE, seed_tables
from relocchoice.results import numbers
from relocchoice.results.table import Table


def seed(number: int, folder: Folder = None) -> Reproduction:
    """Table ``number`` (1 to 6) and its checks; ``folder`` is not needed."""
    (held,) = seed_tables([number])
    name = f"table{number}"
    return Reproduction(
        name=name,
        title=held.table.title,
        tables={
            name: held.table,
            f"{name}_checks": _checks_table(
                f"Table {number}: checks of its sums, shares and figures in the text", held.checks
            ),
        },
        findings=_findings(held.checks),
    )


def prose(folder: Folder = None) -> Reproduction:
    """Figures of the text that no table holds, against each other; ``folder`` is not needed."""
    checks = tuple(checks_of_prose())
    table = _checks_table("Figures of the text that no table holds, against each other", checks, (SOURCE,))
    return Reproduction("prose", table.title, {"prose": table}, findings=_findings(checks))


def _findings(checks: Sequence[Check]) -> dict[str, object]:
    disagreeing = sum(not check.agrees for check in checks)
    return {"checks": [_record(check) for check in checks], "disagreements": disagreeing}


def _checks_table(title: str, checks: Sequence[Check], source: tuple[tuple[str, str], ...] = ()) -> Table:
    disagreeing = [check for check in checks if not check.agrees]
    agreeing = [check for check in checks if check.agrees]
    rows: list[tuple[str, ...]] = []
    for head, some in (("Disagree", disagreeing), ("Agree", agreeing)):
        if some:
            rows += [(head,), *(_row(check) for check in some)]
    return Table(
        title=title,
        columns=("What is compared", "printed or expected", "found"),
        rows=tuple(rows),
        header=(*source, ("Checks", str(len(checks))), ("Disagree", str(len(disagreeing)))),
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
