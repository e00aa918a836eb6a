"""The package's own timings of one problem: ``python -m benchmarks.own NAME DATA.npz OUT.json``.

Every round does each step once, so that a slow minute of the machine slows all steps alike.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.protocol import Arrays, load, memory_mb, reset_peak
from benchmarks.problems import PROBLEMS, Problem

LEAST_ROUNDS = 2
EVALUATIONS = 5  # of one round
YARDSTICKS = 3  # after the rounds: a shuffled frame beside the frame would count as the package's memory


def frame_of(problem: Problem, arrays: Arrays) -> Any:
    """What a user has: a long frame of the available alternatives, or zones and the list of those chosen."""
    import pandas as pd

    n, width = problem.cases, problem.alternatives
    labels = np.arange(1, width + 1)
    if problem.reader == "zones":
        zones = pd.DataFrame({"zone": labels, **{f"z{k}": values for k, values in enumerate(arrays["zone"])}})
        return zones, pd.Series(arrays["chosen"] + 1)
    keep = arrays["available"].ravel() if "available" in arrays else slice(None)

    def rows(values: Any) -> Any:
        return np.broadcast_to(values, (n, width)).ravel()[keep]

    columns = {
        "case": rows(np.arange(n)[:, None]),
        "alternative": rows(labels),
        "chosen": rows(arrays["chosen"][:, None] == np.arange(width)),
    }
    columns |= {f"g{k}": rows(arrays["generic"][:, :, k]) for k in range(problem.generic)}
    columns |= {f"z{k}": rows(values) for k, values in enumerate(arrays["zone"])}
    columns |= {f"s{k}": rows(values[:, None]) for k, values in enumerate(arrays["case"])}
    if problem.weighted:
        columns["weight"] = rows(arrays["weights"][:, None])
    return pd.DataFrame(columns)


def reader(problem: Problem) -> Callable[[Any], Any]:
    """Frame -> ChoiceData."""
    import relocchoice as rc

    if problem.reader == "zones":
        return lambda frame: rc.ChoiceData.from_zones(frame[0], zone="zone", chosen=frame[1])
    weights = "weight" if problem.weighted else None
    return lambda frame: rc.ChoiceData.from_long(
        frame, case="case", alternative="alternative", chosen="chosen", weights=weights
    )


def model_of(problem: Problem) -> Any:
    """The package's model."""
    import relocchoice as rc

    base = problem.base + 1
    if not problem.nests:
        return rc.MultinomialLogit(problem.formula, base)
    ends = np.cumsum(problem.nests).tolist()
    nests: dict[Any, Any] = {}
    for m, (size, end) in enumerate(zip(problem.nests, ends, strict=True)):
        if size > 1:
            nests[f"n{m}"] = list(range(end - size + 1, end + 1))
        else:
            nests[end] = None
    return rc.NestedLogit(problem.formula, nests, base)


def parameter_names(problem: Problem) -> list[str]:
    """The parameters in the order of the estimates of every record."""
    return [*problem.names, *(f"lambda:n{m}" for m in problem.estimated_nests)]


def yardsticks(problem: Problem, frame: Any) -> dict[str, Callable[[], Any]]:
    """What pandas and NumPy take for a part of the work that nobody gets around."""
    if problem.reader == "zones":
        return {"count_s": lambda: frame[1].value_counts()}
    order = np.random.default_rng(0).permutation(len(frame))
    shuffled = frame.iloc[order]
    return {"sort_s": lambda: shuffled.sort_values("case")}


def measure(problem: Problem, arrays: Arrays, rounds: int, budget: float) -> dict[str, Any]:
    """The record: medians' raw material, seconds of every round by step, and what was estimated.

    Steps: ``prep_s`` frame to ChoiceData; ``fit_s`` fit; ``search_s`` the search in it, design in memory; ``robust_s``
    fit with sandwich errors; ``evaluation_s`` log-likelihood, gradient, Hessian and outer product; ``table_s`` frame to
    printed table. The first round is cold and stands first.
    """
    began = time.perf_counter()
    import relocchoice as rc
    from relocchoice.engine.reduce import one_thread

    _ = rc.ChoiceData, rc.MultinomialLogit, rc.NestedLogit  # the package loads its parts when they are asked for
    record: dict[str, Any] = {"import_s": time.perf_counter() - began, "version": rc.__version__, "status": "ok"}
    read, model, frame = reader(problem), model_of(problem), frame_of(problem, arrays)
    arrays.clear()
    gc.collect()
    taken: dict[str, list[float]] = {}

    def timed(step: str, action: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = action()
        taken.setdefault(step, []).append(time.perf_counter() - start)
        return result

    reset_peak()
    record["start_mb"] = memory_mb("VmRSS")
    fit = None
    start = time.perf_counter()
    for done in range(rounds):
        if done >= LEAST_ROUNDS and time.perf_counter() - start > budget:
            break
        fit = None  # its memory would count as that of the next round
        data = timed("prep_s", lambda: read(frame))
        fit = timed("fit_s", lambda data=data: model.fit(data))
        taken.setdefault("search_s", []).append(fit.seconds)
        if done == 0:
            record["peak_mb"] = memory_mb("VmHWM")
        with one_thread():
            for _ in range(EVALUATIONS):
                timed("evaluation_s", lambda fit=fit: fit.problem.problem.evaluate(fit.moments.free))
        timed("robust_s", lambda data=data: model.fit(data, cov_type="robust"))
        timed("table_s", lambda: str(model.fit(read(frame)).summary()))
    assert fit is not None
    for step, action in yardsticks(problem, frame).items():
        for _ in range(YARDSTICKS):
            timed(step, action)
    names = parameter_names(problem)
    return (
        record
        | taken
        | {
            "llf": float(fit.llf),
            "estimates": fit.params[names].tolist(),
            "errors": fit.bse[names].tolist(),
            "iterations": len(fit.trace) - 1,
            "message": "" if fit.converged else fit.status_message,
        }
    )


def varied(name: str, changes: list[str]) -> Problem:
    """A problem of the registry with some sizes changed: ``cases=1000``."""
    pairs = (change.split("=") for change in changes)
    return replace(PROBLEMS[name], **{key: int(value) for key, value in pairs})


def main() -> None:
    """Measure one problem and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("name", choices=tuple(PROBLEMS))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds after which no further round begins")
    parser.add_argument("--change", nargs="*", default=[], metavar="FIELD=SIZE")
    options = parser.parse_args()
    problem = varied(options.name, options.change)
    record = measure(problem, load(options.data), options.rounds, options.budget)
    options.out.write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main()
