"""The run: every problem, the package and its peers in turn, each in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import relocchoice
from benchmarks import compare, environments, machine
from benchmarks.curves import Point, curves
from benchmarks.peers import HERE, PEERS, Peer
from benchmarks.peers.protocol import dense, load
from benchmarks.problems import PROBLEMS, Problem, data_file
from benchmarks.processes import Limits, run_limited
from benchmarks.truth import truth

ROOT = Path(__file__).resolve().parents[1]
EDITION = 1  # of results.json
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes
    ----------
    problems, peers : names.
    out : folder of the results; data and logs go into it too.
    threads : of every process.
    rounds : how often package and peers are run in turn.
    repeat : rounds within the package's own process.
    limits : of every process.
    environments : folder of the peers' environments.
    curves : whether the scaling curves are measured.
    """

    problems: tuple[str, ...]
    peers: tuple[str, ...]
    out: Path
    threads: int
    rounds: int
    repeat: int
    limits: Limits
    environments: Path
    curves: bool


def run(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure all of it; the results so far are on disk after every problem."""
    results: dict[str, Any] = {
        "edition": EDITION,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.machine(),
        "threads": plan.threads,
        "rounds": plan.rounds,
        "repeat": plan.repeat,
        "limits": asdict(plan.limits),
        "load": [machine.load_average()],
        "roofline": [_roofline(plan, say)],
        "problems": {},
        "curves": [],
    }
    for name in plan.problems:
        results["problems"][name] = _problem(PROBLEMS[name], plan, say)
        _save(results, plan.out)
    if plan.curves:
        results["curves"] = _curves(plan, say)
    results["roofline"].append(_roofline(plan, say))
    results["load"].append(machine.load_average())
    _save(results, plan.out)
    return results


def _save(results: dict[str, Any], out: Path) -> None:
    text = json.dumps(_finite(results), indent=1, allow_nan=False)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """Numbers that JSON has no word for become None."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _roofline(plan: Plan, say: Say) -> dict[str, Any]:
    """In a process of its own, whose environment is that of the measured ones."""
    say("roofline")
    code = f"import json; from benchmarks.machine import roofline; print(json.dumps(roofline({plan.threads}).record()))"
    log = plan.out / "logs" / "roofline.log"
    ended = run_limited([sys.executable, "-c", code], plan.limits, log, _environment(plan.threads), plan.out / "work")
    if ended.code:
        raise SystemExit(f"the roofline could not be measured: see {log}")
    record: dict[str, Any] = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    return record


def _environment(threads: int) -> dict[str, str]:
    """The package measured is the one that this process has."""
    kept = machine.environment(threads)
    paths = [str(ROOT), str(Path(relocchoice.__file__).parents[1]), kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _peer_environment(threads: int) -> dict[str, str]:
    """Without the paths of this process: a peer sees the repository's root and its own environment."""
    return machine.environment(threads) | {"PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1"}


def _problem(problem: Problem, plan: Plan, say: Say) -> dict[str, Any]:
    say(f"{problem.name}: {problem.words}, {problem.size}; data and maximum")
    data = data_file(problem, plan.out / "data")
    best = truth(data)
    asked = {name: _why_not(PEERS[name], problem, plan) for name in plan.peers}
    rounds: dict[str, list[compare.Record]] = {}
    for _ in range(plan.rounds):
        rounds.setdefault("", []).append(_own(problem, data, plan, say))
        for name, why in asked.items():
            if not why:
                rounds.setdefault(name, []).append(_peer(PEERS[name], problem, data, plan, say))
    records = {name: compare.judged(compare.merge(made), best) for name, made in rounds.items()}
    silent = {name: {"status": why.partition(":")[0], "message": why} for name, why in asked.items() if why}
    peers = {name: records.get(name) or compare.judged(silent[name], best) for name in asked}
    return {
        "words": problem.words,
        "size": problem.size,
        "shape": [problem.cases, problem.alternatives, len(problem.names)],
        "nested": bool(problem.nests),
        "dense_bytes": problem.dense_bytes,
        "compact_bytes": problem.compact_bytes,
        "llf": best.llf,
        "own": records[""],
        "peers": peers,
    }


def _why_not(peer: Peer, problem: Problem, plan: Plan) -> str:
    """Why a peer is not asked to estimate a problem; ``""`` when it is."""
    if not problem.peers:
        return "not asked: measured for the package alone"
    if problem.nests and not peer.nested:
        return "not asked: has no nested logit"
    if problem.weighted:
        return "not asked: weights"
    if problem.dense_bytes / 8 > peer.cells:
        return f"not asked: {peer.why}"
    return "" if environments.interpreter(peer, plan.environments) else environments.absence(peer)


def _own(problem: Problem, data: Path, plan: Plan, say: Say, changes: Sequence[str] = ()) -> compare.Record:
    budget = str(plan.limits.seconds / 2)
    command = [sys.executable, "-m", "benchmarks.own", problem.name, str(data), "{out}", "--rounds", str(plan.repeat)]
    command += ["--budget", budget, "--change", *changes]
    return _record("relocchoice", problem, command, plan, _environment(plan.threads), say)


def _peer(peer: Peer, problem: Problem, data: Path, plan: Plan, say: Say) -> compare.Record:
    program = environments.interpreter(peer, plan.environments)
    if peer.script.endswith(".R"):
        command = [str(program), "--vanilla", str(HERE / peer.script), str(_raw(data)), "{out}"]
    else:
        module = f"benchmarks.peers.{peer.script.removesuffix('.py')}"
        command = [str(program), "-m", module, str(data), "{out}"]
    return _record(peer.name, problem, command, plan, _peer_environment(plan.threads), say)


def _record(
    name: str, problem: Problem, command: Sequence[str], plan: Plan, environment: dict[str, str], say: Say
) -> compare.Record:
    """Run a command that writes a record; what went wrong becomes part of it."""
    out = plan.out / "work" / f"{name}.{problem.name}.json"
    log = plan.out / "logs" / f"{name}.{problem.name}.log"
    out.unlink(missing_ok=True)
    filled = [str(out) if word == "{out}" else word for word in command]
    ended = run_limited(filled, plan.limits, log, environment, plan.out / "work" / name)
    record: compare.Record = {"status": "failed", "message": f"ended with code {ended.code}; see {log.name}"}
    if out.exists():
        record = json.loads(out.read_text(encoding="utf-8"))
    if ended.stopped:
        first = f"second fit {ended.stopped}" if record["status"] == "ok" else ended.stopped
        record["message"] = "; ".join(filter(None, [record.get("message", "") if "estimates" in record else "", first]))
        record["status"] = "ok" if "estimates" in record else "stopped"
    record |= {"process_s": ended.seconds, "process_gb": ended.gigabytes}
    brief = {key: [round(value, 4) for value in record[key][:2]] for key in ("prep_s", "fit_s") if record.get(key)}
    say(f"  {name}: {record['status']} {brief or record.get('message', '')}")
    return record


def _raw(data: Path) -> Path:
    """The problem for R, made when it is not there yet; see ``peers/protocol.R``."""
    path = data.with_suffix(".raw")
    if path.exists():
        return path
    arrays = load(data)
    n, width = arrays["shape"][:2].tolist()
    there = arrays.get("available", np.ones((n, width)))
    nests = arrays["nests"]
    with path.open("wb") as stream:
        head = [n, width, len(arrays["names"]), len(nests), *nests.tolist()]
        np.array(head, dtype="<i4").tofile(stream)
        for values in (dense(arrays, slice(0, n)), arrays["chosen"] + 1, there):
            np.ascontiguousarray(values, dtype="<f8").tofile(stream)
    return path


def _curves(plan: Plan, say: Say) -> list[dict[str, Any]]:
    """The package's own times along the curves."""
    found = []
    for curve in curves(plan.threads):
        say(f"curve: {curve.words}")
        for point in curve.points:
            found.append({"curve": curve.name, "axis": curve.axis, "words": curve.words} | _point(point, plan, say))
    return found


def _point(point: Point, plan: Plan, say: Say) -> dict[str, Any]:
    problem = point.problem
    data = data_file(problem, plan.out / "data")
    changes = [f"{field}={value}" for field, value in point.changes.items()]
    here = replace(plan, threads=point.threads or plan.threads)
    record = compare.judged(compare.merge([_own(problem, data, here, say, changes)]), truth(data))
    kept = ("second_prep_s", "second_fit_s", "search_s", "evaluation_s", "table_s", "judgement", "status", "message")
    return {
        "value": point.value,
        "size": problem.size,
        "dense_bytes": problem.dense_bytes,
        **{key: record[key] for key in kept if key in record},
    }
