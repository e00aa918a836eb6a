"""The program: picks the sub-command and turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import relocchoice
from relocchoice.cli import bench, check, fit, reproduce, simulate, study
from relocchoice.cli.output import silence_output
from relocchoice.errors import OptionError, RelocChoiceError

COMMANDS = (reproduce, check, fit, simulate, study, bench)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : arguments without the program's name; None takes those of the process.

    Returns
    -------
    int
        0; 1 where the package refused something (``RelocChoiceError``), a published model did not come out as
        published, or a checked file has something wrong; 2 where an argument is wrong.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse leaves the interpreter for --help and for errors; a caller expects a number
        return stop.code if isinstance(stop.code, int) else 0
    try:
        code: int = arguments.run(arguments)
    except OptionError as error:
        return _refused(error, 2)
    except RelocChoiceError as error:
        return _refused(error, 1)
    except BrokenPipeError:
        silence_output()
        return 0
    except OSError as error:  # a full disk behind stdout, a file that may not be read
        print(f"relocchoice: {error}", file=sys.stderr)
        silence_output()
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relocchoice", description="Discrete-choice models of firm relocation.")
    parser.add_argument("--version", action="version", version=f"relocchoice {relocchoice.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def _refused(error: RelocChoiceError, code: int) -> int:
    print(f"relocchoice: {error}", file=sys.stderr)
    return code
