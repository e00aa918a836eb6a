"""The command ``relocchoice``: parses its arguments, calls the package and prints; nothing is computed here."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import relocchoice
from relocchoice.errors import OptionError, RelocChoiceError

if TYPE_CHECKING:
    from relocchoice.relocation.reproduce_output import OutputFormat

# Names and formats are read from the registries only when a command needs them: --version and --help load no pandas.
FORMATS = ("text", "markdown", "latex", "html", "json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : arguments without the program's name; None takes those of the process.

    Returns
    -------
    int
        0; 1 where the package refused something (``RelocChoiceError``) or a published model did not come out as
        published; 2 where an argument is wrong.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse leaves the interpreter for --help and for errors; a caller expects a number
        return stop.code if isinstance(stop.code, int) else 0
    try:
        return _list() if arguments.list else _reproduce(arguments)
    except OptionError as error:
        return _refused(error, 2)
    except RelocChoiceError as error:
        return _refused(error, 1)
    except BrokenPipeError:
        _silence_output()
        return 0
    except OSError as error:  # a full disk behind stdout, a file that may not be read
        print(f"relocchoice: {error}", file=sys.stderr)
        _silence_output()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relocchoice", description="Discrete-choice models of firm relocation.")
    parser.add_argument("--version", action="version", version=f"relocchoice {relocchoice.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    reproduce = commands.add_parser(
        "reproduce",
        help="print the survey's tables, the models estimated from them, and published tables beside estimates",
        description="Print the survey's tables, the models estimated from them, and published coefficient tables "
        "beside what is estimated here.",
    )
    reproduce.add_argument("tables", nargs="*", metavar="TABLE", help="what to reproduce (see --list); default: all")
    reproduce.add_argument("--format", choices=FORMATS, default="text", help="of output and files; default: text")
    reproduce.add_argument("--out", metavar="DIR", help="also write every table as a file into this folder")
    reproduce.add_argument(
        "--published", metavar="DIR", help="folder of the published data that are not shipped, one sub-folder a dataset"
    )
    reproduce.add_argument("--list", action="store_true", help="list what can be reproduced, and stop")
    return parser


def _list() -> int:
    from relocchoice.relocation.reproduce import REPRODUCTIONS

    width = max(map(len, REPRODUCTIONS))
    _print("".join(f"{name:<{width}}  {entry.title}\n" for name, entry in REPRODUCTIONS.items()))
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
    _print(output.document(parts, format))
    differing = disagreements(parts)
    for sentence in differing:
        print(f"relocchoice: {sentence}", file=sys.stderr)
    return 1 if differing else 0


def _print(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal that cannot show a character gets a replacement, not a traceback
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(text)
    sys.stdout.flush()


def _refused(error: RelocChoiceError, code: int) -> int:
    print(f"relocchoice: {error}", file=sys.stderr)
    return code


def _silence_output() -> None:
    """Point stdout at nothing, so that the interpreter's flush at its end does not complain of the closed pipe."""
    with contextlib.suppress(io.UnsupportedOperation):  # a stdout in memory has no file and no such flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
