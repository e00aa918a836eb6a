"""``relocchoice fit SPEC DATA --out DIR``: models from a specification file, as tables, plots and one page."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

from relocchoice.cli.output import show


def add(commands: Any) -> None:
    """Add the sub-command to the program's."""
    parser = commands.add_parser(
        "fit",
        help="estimate the models of a specification file and write a report",
        description="Estimate the models that a specification file (TOML) describes and write tables, plots, fits and "
        "one HTML page into a folder. The file is data: formulas are parsed, nothing in it is run. Exit code 0: "
        "all was done; 1: data or a model were refused or have no finite maximum (the report says so); 2: an argument "
        "or the specification is wrong (nothing is written).",
    )
    parser.add_argument("spec", metavar="SPEC", help="the specification: a TOML file")
    parser.add_argument("data", metavar="DATA", help="the table: .csv, .tsv, .txt (tabs), .parquet; .csv.gz also")
    parser.add_argument(
        "--out",
        metavar="DIR",
        required=True,
        help="folder of the report: a new one, an empty one, or a former report's",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report; 1 when something in it was refused."""
    from relocchoice.data.files import read_table
    from relocchoice.report.make import check_extras, make_report
    from relocchoice.report.spec_file import read_spec
    from relocchoice.report.write import check_place, write_report

    spec = read_spec(arguments.spec)
    check_extras(spec)
    check_place(arguments.out)
    table = read_table(arguments.data, spec.data.get("separator"))
    place = Path(arguments.data)
    report = make_report(spec, table, place.name, _digest(place))
    written = write_report(report, arguments.out)
    show(f"{written}\n")
    for sentence in report.notices:
        print(f"relocchoice: warning: {sentence}", file=sys.stderr)
    for sentence in report.failures:
        print(f"relocchoice: {sentence}", file=sys.stderr)
    return 1 if report.failures else 0


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
