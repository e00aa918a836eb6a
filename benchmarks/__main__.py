"""``python -m benchmarks [--peers all|fast|none|NAME,...] [--sizes M1,M2,...] [--out DIR]``: see README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, page, suite
from benchmarks.environments import VARIABLE, default_folder
from benchmarks.peers import FAST, PEERS
from benchmarks.problems import PROBLEMS
from benchmarks.processes import Limits

GROUPS = {"all": tuple(PEERS), "fast": FAST, "none": ()}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the package, and other packages beside it, on simulated data. Writes results.json, "
        "benchmarks.md and plots into a folder. Exit code 1 when an answer of the package is not right.",
    )
    made.add_argument("--peers", default="none", help=f"all, fast, none, or names of {', '.join(PEERS)}; default: none")
    made.add_argument("--sizes", default=",".join(PROBLEMS), help=f"problems; default: {','.join(PROBLEMS)}")
    made.add_argument("--out", type=Path, default=Path("benchmark-results"), metavar="DIR", help="default: %(default)s")
    made.add_argument("--threads", type=int, default=machine.cpus(), help="of every process; default: %(default)s")
    made.add_argument("--rounds", type=int, default=1, help="of package and peers in turn; default: 1")
    made.add_argument("--repeat", type=int, default=5, help="rounds within the package's process; default: 5")
    made.add_argument("--timeout", type=float, default=600.0, help="seconds a process may take; default: 600")
    made.add_argument("--memory", type=float, default=16.0, help="GB a process may take; default: 16")
    made.add_argument("--curves", action="store_true", help="also measure the scaling curves")
    made.add_argument(
        "--environments", type=Path, default=default_folder(), metavar="DIR", help=f"default: ${VARIABLE} or the cache"
    )
    return made


def plan_of(arguments: Sequence[str] | None) -> suite.Plan:
    """The plan of a command line; leaves with code 2 when an argument is wrong."""
    made = parser()
    options = made.parse_args(arguments)
    problems = _names(made, "--sizes", options.sizes, tuple(PROBLEMS))
    peers = GROUPS.get(options.peers)
    if peers is None:
        peers = _names(made, "--peers", options.peers, (*GROUPS, *PEERS))
    if set(peers) & set(GROUPS):
        made.error("--peers is all, fast or none, or names of packages, not both")
    for name in ("threads", "rounds", "repeat"):
        if getattr(options, name) < 1:
            made.error(f"--{name} is at least 1")
    if not options.timeout > 0 or not options.memory > 0:
        made.error("--timeout and --memory are positive")
    return suite.Plan(
        problems=problems,
        peers=peers,
        out=options.out.resolve(),
        threads=options.threads,
        rounds=options.rounds,
        repeat=options.repeat,
        limits=Limits(options.timeout, options.memory),
        environments=options.environments.resolve(),
        curves=options.curves,
    )


def _names(made: argparse.ArgumentParser, argument: str, text: str, valid: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in valid]
    if unknown or not names:
        made.error(f"{argument}: {', '.join(map(repr, unknown)) or 'nothing'} is not valid; valid: {', '.join(valid)}")
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write, print where; 1 when an answer of the package is not right."""
    plan = plan_of(arguments)
    plan.out.mkdir(parents=True, exist_ok=True)
    results = suite.run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print(page.write(results, plan.out))
    own = {name: one["own"]["judgement"] for name, one in results["problems"].items()}
    failed = [f"{name}: {one['reason']}" for name, one in own.items() if one["verdict"] != "right"]
    for sentence in failed:
        print(f"not right: {sentence}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
