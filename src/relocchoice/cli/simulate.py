"""``relocchoice simulate``: firms that do not exist, with the margins of the published survey."""

from __future__ import annotations

import argparse
from typing import Any

from relocchoice.cli.output import show

# literals, because --help loads nothing; a test compares them
MARGINS = ("exact", "expected")
FORMATS = ("csv", "parquet")


def add(commands: Any) -> None:
    """Add the sub-command to the program's."""
    parser = commands.add_parser(
        "simulate",
        help="draw a synthetic survey of firms with the published margins",
        description="Draw firms that do not exist, their relocations and destinations, by a stated model, so that the "
        "margins are those of the published survey. Without --out the margins are printed beside the published ones; "
        "with it the tables are written as files, each of which says first that it is simulated.",
    )
    parser.add_argument(
        "--firms", type=int, default=95, metavar="N", help="number of firms, 20 to 10,000,000 (default 95, as surveyed)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the random numbers (default 0)")
    parser.add_argument(
        "--margins",
        choices=MARGINS,
        default="exact",
        help="exact: the published counts, in proportion; expected: plain draws of the model (default exact)",
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the files: a new or an empty one")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="of the files (default csv)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the margins, or write the files."""
    from relocchoice.relocation.survey import simulate_survey
    from relocchoice.relocation.survey.write import check_folder, write_survey

    if arguments.out is not None:
        check_folder(arguments.out, arguments.format)
    survey = simulate_survey(arguments.firms, arguments.seed, margins=arguments.margins)
    if arguments.out is None:
        show(f"{survey.summary()}\n")
        return 0
    folder = write_survey(survey, arguments.out, arguments.format)
    show(f"{survey!r}\n{folder}\n")
    return 0
