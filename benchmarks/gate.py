"""Base against head: ``python -m benchmarks.gate BASE.json HEAD.json [--tolerance 0.1]``.

Exit code 1 when head is worse. Both are ``results.json`` of ``python -m benchmarks --peers none``, measured one after
the other on one idle machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = ("second_prep_s", "second_fit_s", "search_s", "robust_s", "evaluation_s", "table_s")
NEGLIGIBLE = 5e-5  # seconds: below it a difference is the clock's


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in base and head.

    Attributes
    ----------
    problem, step : what was measured.
    base, head : medians (seconds, or MB for memory).
    worse : whether head fails the gate on it.
    why : in words, where there is more to say than the ratio.
    """

    problem: str
    step: str
    base: float
    head: float
    worse: bool
    why: str = ""


def changes(base: dict[str, Any], head: dict[str, Any], tolerance: float) -> list[Change]:
    """Every figure of base, in head. Raises ValueError when the two were not measured alike."""
    for what in ("processor", "cpus"):
        if base["machine"][what] != head["machine"][what]:
            raise ValueError(f"not comparable: {what} {base['machine'][what]!r} and {head['machine'][what]!r}")
    if base["threads"] != head["threads"]:
        raise ValueError(f"not comparable: {base['threads']} and {head['threads']} threads")
    found = []
    for name, before in base["problems"].items():
        after = head["problems"].get(name)
        if after is None:
            found.append(Change(name, "all", 0.0, 0.0, True, "head did not measure it"))
            continue
        found += _of_problem(name, before["own"], after["own"], tolerance)
    return found


def _of_problem(name: str, base: dict[str, Any], head: dict[str, Any], tolerance: float) -> list[Change]:
    verdicts = [one["judgement"]["verdict"] for one in (base, head)]
    if verdicts[1] != "right" and verdicts[0] in ("right", verdicts[1]):
        return [Change(name, "answer", 0.0, 0.0, True, f"{verdicts[1]}: {head['judgement']['reason']}")]
    found = []
    for step in STEPS:
        if not base.get(step):
            continue
        if not head.get(step):
            found.append(Change(name, step, statistics.median(base[step]), 0.0, True, "head did not measure it"))
            continue
        found.append(_of_step(name, step, base[step], head[step], tolerance))
    if "peak_mb" in base and "peak_mb" in head:
        before, after = (one["peak_mb"] - one["start_mb"] for one in (base, head))
        found.append(Change(name, "peak_mb", before, after, after > before * (1.0 + tolerance) + 5.0))
    return found


def _of_step(name: str, step: str, base: Sequence[float], head: Sequence[float], tolerance: float) -> Change:
    """Worse when the median is, by more than the tolerance, and even head's fastest round is slower than base's median.

    The second condition keeps a gate quiet on a machine where one round was disturbed.
    """
    before, after = statistics.median(base), statistics.median(head)
    worse = after > before * (1.0 + tolerance) + NEGLIGIBLE and min(head) > before
    return Change(name, step, before, after, worse)


def table(found: Sequence[Change]) -> str:
    """Markdown, the worst first."""
    lines = ["| problem | step | base | head | ratio | |", "|---|---|---:|---:|---:|---|"]
    for one in sorted(found, key=lambda change: (not change.worse, -_ratio(change))):
        mark = ("**worse** " if one.worse else "") + one.why
        lines.append(
            f"| {one.problem} | {one.step} | {one.base:.4g} | {one.head:.4g} | {_ratio(one):.2f} | {mark.strip()} |"
        )
    return "\n".join(lines)


def _ratio(change: Change) -> float:
    return change.head / change.base if change.base else float("nan" if change.head else 1.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, print the table; 1 when head is worse, 2 when the two cannot be compared."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate", description="Compare two runs of the benchmarks."
    )
    parser.add_argument("base", type=Path)
    parser.add_argument("head", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.1, help="relative; default: 0.1")
    options = parser.parse_args(argv)
    base, head = (json.loads(path.read_text(encoding="utf-8")) for path in (options.base, options.head))
    try:
        found = changes(base, head, options.tolerance)
    except ValueError as error:
        print(f"benchmarks.gate: {error}")
        return 2
    print(table(found))
    return 1 if any(change.worse for change in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
