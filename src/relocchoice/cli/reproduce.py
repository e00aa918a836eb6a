"""``relocchoice reproduce``: the survey's tables, models estimated from them, published tables beside estimates."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from relocchoice.cli.output import show

if TYPE_CHECKING:
    from relocchoice.relocation.reproduce_output import OutputFormat

# Names and formats are read from the registries only when a command needs them: --version and --help load no pandas.
FORMATS = ("text", "markdown", "latex", "html", "json")


def add(commands: Any) -> None:
    """Add the sub-command to the program's."""
    parser = commands.add_parser(
        "reproduce",
        help="print the survey's tables, the models estimated from them, and published tables beside estimates",
        description="Print the survey's tables, the models estimated from them, and published coefficient tables "
        "beside what is estimated here.",
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="what to reproduce (see --list); default: all")
    parser.add_argument("--format", choices=FORMATS, default="text", help="of output and files; default: text")
    parser.add_argument("--out", metavar="DIR", help="also write every table as a file into this folder")
    parser.add_argument(
        "--published", metavar="DIR", help="folder of the published data that are not shipped, one sub-folder a dataset"
    )
    parser.add_argument("--list", action="store_true", help="list what can be reproduced, and stop")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for; 1 where a published model does not come out as published."""
    return _list() if arguments.list else _reproduce(arguments)


def _list() -> int:
    from relocchoice.relocation.reproduce import REPRODUCTIONS

    width = max(map(len, REPRODUCTIONS))
    show("".join(f"{name:<{width}}  {entry.title}\n" for name, entry in REPRODUCTIONS.items()))
    return 0


def _reproduce(arguments: argparse.Namespace) -> int:
    from relocchoice.relocation import reproduce_output as output
    from relocchoice.relocation.reproduce import check_published_folder, disagreements, reproduce, reproduction_names

    format: OutputFormat = arguments.format
    names = reproduction_names(arguments.tables)
    check_published_folder(arguments.published)
    if arguments.out is not None:
        output.check_folder(arguments.out)
    parts = reproduce(names, published_folder=arguments.published)
    if arguments.out is not None:
        written = output.write_files(arguments.out, output.files(parts, format))
        counted = "1 file" if len(written) == 1 else f"{len(written)} files"
        print(f"{counted} written to {arguments.out}", file=sys.stderr)
    show(output.document(parts, format))
    differing = disagreements(parts)
    for sentence in differing:
        print(f"relocchoice: {sentence}", file=sys.stderr)
    return 1 if differing else 0
