"""How long estimation takes: ``python -m benchmarks.estimation [--repeat 5] [--tasks M1 N1] [--out FILE]``.

Every task runs in a process of its own. README.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tasks import TASKS, Task

DEFAULT = ("M1", "M2", "N1", "N2")
PACKAGES = ("numpy", "scipy", "pandas", "statsmodels")


def seconds(action: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Median wall time of ``repeat`` calls, and what the last one returned."""
    taken, result = [], None
    for _ in range(repeat):
        result = None  # frees what the call before returned, which would count as memory of this one
        began = time.perf_counter()
        result = action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken), result


def read_bandwidth() -> float:
    """Bytes a second at which NumPy sums an array of 256 MB; the best of seven."""
    array = np.ones(32_000_000)
    best = min(seconds(array.sum, 1)[0] for _ in range(7))
    return float(array.nbytes / best)


def reset_peak() -> bool:
    """Let the peak of resident memory start anew; False where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_mb() -> float:
    """Peak of resident memory in MB since :func:`reset_peak`; NaN where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


def measure(name: str, repeat: int) -> dict[str, Any]:
    """One task: data, first fit, fits, one evaluation."""
    bandwidth = read_bandwidth()
    task = TASKS[name]()
    import relocchoice as rc

    reset_peak()
    before = peak_mb()

    def read() -> Any:
        return rc.ChoiceData.from_long(task.frame, case="case", alternative="alternative", chosen="chosen")

    model = (
        rc.MultinomialLogit(task.formula, task.base)
        if task.nests is None
        else rc.NestedLogit(task.formula, task.nests, task.base)
    )
    data_s, data = seconds(read, repeat)
    first_s = seconds(lambda: model.fit(data), 1)[0]
    fit_s, fit = seconds(lambda: model.fit(data), repeat)
    problem = fit.problem.problem
    evaluation_s = seconds(lambda: problem.evaluate(fit.moments.free), max(repeat, 5))[0]
    peak = peak_mb()
    n, width, k = task.size
    dense = 8 * n * width * k
    record = {
        "task": name,
        "words": task.words,
        "cases": n,
        "alternatives": width,
        "coefficients": k,
        "rows": len(task.frame),
        "data_s": data_s,
        "first_fit_s": first_s,
        "fit_s": fit_s,
        "iterations": len(fit.trace) - 1,
        "evaluation_s": evaluation_s,
        "dense_mb": dense / 2**20,
        "read_gb_per_s": bandwidth / 1e9,
        "fit_reads": fit_s * bandwidth / dense,
        "evaluation_reads": evaluation_s * bandwidth / dense,
        "start_mb": before,
        "peak_mb": peak,
        "llf": fit.llf,
        "converged": fit.converged,
        "largest_error_in_se": largest_error(task, fit),
    }
    return record | (statsmodels_record(task, fit) if name == "M1" else {})


def largest_error(task: Task, fit: Any) -> float:
    """The largest distance of an estimate from the value that generated the data, in standard errors."""
    return max(abs(fit.params[name] - value) / fit.bse[name] for name, value in task.truth.items())


def statsmodels_record(task: Task, fit: Any) -> dict[str, Any]:
    """One fit of statsmodels' ConditionalLogit, and how far its estimates are from the maximum in standard errors."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    design = task.frame[["time", "cost"]].copy()
    for label in ("train", "car"):
        design[f"Intercept:{label}"] = (task.frame["alternative"] == label).astype(float)
    chosen = task.frame["chosen"].astype(int)
    taken, other = seconds(lambda: ConditionalLogit(chosen, design, groups=task.frame["case"]).fit(disp=0), 1)
    gap = ((other.params - fit.params[other.params.index]) / fit.bse[other.params.index]).abs().max()
    return {"statsmodels_fit_s": taken, "statsmodels_llf": float(other.llf), "statsmodels_gap_in_se": float(gap)}


def in_own_process(name: str, repeat: int) -> dict[str, Any]:
    """Run one task in a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.estimation", "--one", name, "--repeat", str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"task {name} failed:\n{done.stderr}")
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    versions = {package: importlib.import_module(package).__version__ for package in (*PACKAGES, "relocchoice")}
    return {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count(), **versions}


def markdown(records: list[dict[str, Any]], about: dict[str, Any], repeat: int) -> str:
    """The table, with what it was measured on."""
    heads = "task|cases x alternatives x coefficients|data s|first fit s|fit s|iterations|evaluation s"
    heads += "|fit in reads|evaluation in reads|peak MB (start)|largest error, s.e."
    lines = [f"| {' | '.join(heads.split('|'))} |", "|---|---|" + "---:|" * 9]
    for one in records:
        size = f"{one['cases']:,} x {one['alternatives']:,} x {one['coefficients']}"
        cells = [
            f"{one['task']}: {one['words']}",
            size,
            *(f"{one[key]:.4f}" for key in ("data_s", "first_fit_s", "fit_s")),
            str(one["iterations"]),
            f"{one['evaluation_s']:.5f}",
            *(f"{one[key]:.1f}" for key in ("fit_reads", "evaluation_reads")),
            f"{one['peak_mb']:.0f} ({one['start_mb']:.0f})",
            f"{one['largest_error_in_se']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        f"\nstatsmodels ConditionalLogit on {one['task']}: {one['statsmodels_fit_s']:.2f} s, its estimates "
        f"{one['statsmodels_gap_in_se']:.1e} standard errors from the maximum."
        for one in records
        if "statsmodels_fit_s" in one
    ]
    speed = ", ".join(f"{one['read_gb_per_s']:.1f}" for one in records)
    lines.append(
        f"\nMedian of {repeat}. Read bandwidth {speed} GB/s. {', '.join(f'{k} {v}' for k, v in about.items())}."
    )
    return "\n".join(lines)


def main() -> None:
    """Read the command line, run the tasks, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each step; the median is reported")
    parser.add_argument("--tasks", nargs="+", choices=tuple(TASKS), default=DEFAULT)
    parser.add_argument("--out", type=Path, help="write all figures as JSON")
    parser.add_argument("--one", choices=tuple(TASKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat is at least 1")
    if options.one:
        print(json.dumps(measure(options.one, options.repeat)))
        return
    records = [in_own_process(name, options.repeat) for name in options.tasks]
    about = machine()
    print(markdown(records, about, options.repeat))
    if options.out:
        options.out.write_text(json.dumps({"machine": about, "tasks": records}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
