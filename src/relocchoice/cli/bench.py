"""``relocchoice bench``: run the benchmarks of the source tree.

The suite is not part of the installed package: it needs the files and pinned versions of the packages it compares. It
runs in a process of its own, so nothing that the program has loaded is measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import relocchoice
from relocchoice.errors import RelocChoiceError


def add(commands: Any) -> None:
    """Add the sub-command to the program's."""
    parser = commands.add_parser(
        "bench",
        help="measure the package, and other packages beside it, on simulated data",
        description="Measure the package, and other packages beside it, on simulated data, and write results.json, a "
        "page and plots into a folder. Runs the benchmarks of the source tree; `python -m benchmarks --help` there "
        "shows more options. Exit code 0: all answers of the package are right; 1: one is not, or there are no "
        "benchmarks here; 2: an argument is wrong.",
    )
    parser.add_argument("--peers", metavar="all|fast|none", help="the other packages; default: none")
    parser.add_argument("--sizes", metavar="M1,M2,...", help="the problems; default: all")
    parser.add_argument("--out", metavar="DIR", help="folder of the results; default: benchmark-results")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the suite; its exit code."""
    root = find_suite()
    paths = [str(root), str(Path(relocchoice.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    given = {name: getattr(arguments, name) for name in ("peers", "sizes", "out")}
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return subprocess.run([sys.executable, "-m", "benchmarks", *words], env=environment, check=False).returncode


def find_suite() -> Path:
    """The source tree with the benchmarks: the one this package runs from, or the working directory.

    Raises
    ------
    RelocChoiceError
        When there is none.
    """
    candidates = (Path(relocchoice.__file__).resolve().parents[2], Path.cwd())
    for root in candidates:
        if (root / "benchmarks" / "suite.py").is_file() and (root / "src" / "relocchoice").is_dir():
            return root
    raise RelocChoiceError(
        "the benchmarks are part of the source tree, not of the installed package: run `relocchoice bench` in the "
        f"folder that has benchmarks/ and src/ (looked in {', '.join(map(str, candidates))})"
    )
