"""The benchmark suite on tiny sizes: data, maximum, judgement, gate, page, limits, command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import compare, curves, environments, gate, machine, own, page, processes, suite, truth  # noqa: E402
from benchmarks.__main__ import plan_of  # noqa: E402
from benchmarks.peers import HERE, PEERS  # noqa: E402
from benchmarks.peers.protocol import Data, Estimate, Steps, dense, utilities  # noqa: E402
from benchmarks.problems import PROBLEMS, Problem, data_file, simulate  # noqa: E402

from relocchoice.cli import bench, main  # noqa: E402
from relocchoice.errors import RelocChoiceError  # noqa: E402

ROOF = machine.Roofline(1e10, 1e11, 1e9, 2, "test")


def tiny(name: str) -> Problem:
    """A problem of the registry with few cases and alternatives."""
    problem = replace(PROBLEMS[name], cases=400)
    if problem.alternatives < 100:
        return problem
    nests = {"nests": (4, 4, 4), "lambdas": (0.5, 0.7, 0.9)} if problem.nests else {}
    return replace(problem, alternatives=12, **nests)


TINY = {name: tiny(name) for name in PROBLEMS}


# ------------------------------------------------------------------------------------------------ problems and maximum


@pytest.mark.parametrize("name", PROBLEMS)
def test_data_repeat_and_the_dense_design_gives_the_utilities(name: str) -> None:
    problem = TINY[name]
    one, two = simulate(problem), simulate(problem)
    for key, values in one.items():
        np.testing.assert_array_equal(values, two[key])
    everyone = slice(0, problem.cases)
    x = dense(one, everyone)
    assert x.shape == (problem.cases, problem.alternatives, len(problem.names))
    np.testing.assert_allclose(x @ one["beta"], utilities(one, one["beta"], everyone), atol=1e-12)
    if "available" in one:
        assert one["available"][np.arange(problem.cases), one["chosen"]].all()
        assert one["available"].sum(axis=1).min() >= 2


def test_sizes_of_the_registry() -> None:
    shapes = {name: (p.cases, p.alternatives, len(p.names)) for name, p in PROBLEMS.items()}
    assert shapes["M3"] == (500_000, 8, 16)
    assert shapes["F1"] == (50_000, 8, 84)
    assert shapes["L1"] == (5_000, 1_000, 12)
    assert PROBLEMS["F1"].dense_bytes == 8 * 50_000 * 8 * 84
    assert PROBLEMS["F1"].compact_bytes == 8 * 50_000 * 12
    assert PROBLEMS["N2"].size == "50,000 x 10 x 20+3"


@pytest.mark.parametrize("name", ["M1", "M3R", "NL1", "Z1", "F1", "M3W"])
def test_the_package_finds_the_maximum_that_the_suite_finds_by_itself(name: str) -> None:
    problem = replace(TINY[name], own=min(TINY[name].own, 2))
    arrays = simulate(problem)
    best = truth.maximum(arrays)
    record = own.measure(problem, dict(arrays), rounds=1, budget=0.0)
    judgement = compare.judge(record, best)
    assert judgement.verdict == "right", judgement
    assert judgement.distance < 1e-6
    assert judgement.error_gap < 1e-6
    assert set(record) >= {"prep_s", "fit_s", "search_s", "robust_s", "evaluation_s", "table_s", "peak_mb"}


def test_the_maximum_is_where_the_numeric_gradient_vanishes() -> None:
    arrays = simulate(TINY["N2"])
    best = truth.maximum(arrays)
    block = next(truth._blocks(arrays)())
    sizes, free = arrays["nests"], np.flatnonzero(arrays["nests"] > 1)

    def loglik(theta: Any) -> float:
        return truth._nested(block, theta, sizes, free)[0]

    for i, error in enumerate(best.errors):
        move = np.zeros(len(best.errors))
        move[i] = 1e-4 * error
        up, down = loglik(best.estimates + move), loglik(best.estimates - move)
        assert abs(up - down) / 2e-4 < 1e-4  # slope in standard errors
    assert best.llf == pytest.approx(loglik(best.estimates), abs=1e-9)


def test_data_on_disk_are_made_once_and_renewed_with_the_problem(tmp_path: Path) -> None:
    first = data_file(TINY["M1"], tmp_path)
    stamp = first.stat().st_mtime_ns
    assert data_file(TINY["M1"], tmp_path).stat().st_mtime_ns == stamp
    assert data_file(replace(TINY["M1"], seed=99), tmp_path) != first
    again = truth.truth(first)
    assert truth.truth(first).llf == again.llf
    assert first.with_suffix(".truth.json").exists()


# ----------------------------------------------------------------------------------------------------------- judgement

BEST = truth.Truth(-100.0, np.array([1.0, -2.0]), np.array([0.1, 0.2]))


def answer(**changes: Any) -> dict[str, Any]:
    return {"status": "ok", "llf": -100.0, "estimates": [1.0, -2.0], "errors": [0.1, 0.2], "message": ""} | changes


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({}, "right", ""),
        ({"estimates": [1.001, -2.0]}, "rough", "an estimate is 0.01 standard errors from the maximum"),
        ({"estimates": [1.1, -2.0]}, "wrong", "an estimate is 1 standard errors from the maximum"),
        ({"errors": [0.1, 0.278]}, "wrong", "a standard error is off by 39.0%"),
        ({"errors": [0.1, 0.2008]}, "rough", "a standard error is off by 0.4%"),
        ({"errors": None}, "wrong", "reports no standard errors"),
        ({"errors": [0.1, float("nan")]}, "wrong", "a standard error is not a number"),
        ({"llf": -100.04}, "rough", "its log-likelihood differs by -0.04"),
        ({"llf": float("-inf")}, "wrong", "not finite"),
        ({"estimates": [1.0]}, "wrong", "1 estimates in place of 2"),
        ({"status": "stopped", "message": "stopped after 5 s"}, "none", "stopped after 5 s"),
    ],
)
def test_a_fast_wrong_answer_is_wrong(changes: dict[str, Any], verdict: str, words: str) -> None:
    judgement = compare.judge(answer(**changes), BEST)
    assert judgement.verdict == verdict
    assert words in judgement.reason
    assert bool(judgement.reason) == (verdict != "right")


def test_rounds_are_put_together_and_wrong_peers_do_not_win() -> None:
    cold = answer(prep_s=[3.0, 0.5], fit_s=[2.0, 1.0], import_s=0.1)
    warm = answer(prep_s=[4.0, 0.7], fit_s=[5.0, 1.4], import_s=0.3)
    merged = compare.merge([cold, warm])
    assert merged["first_fit_s"] == [2.0, 5.0]
    assert merged["second_prep_s"] == [0.5, 0.7]
    assert compare.median(merged, "import_s") == pytest.approx(0.2)
    assert compare.whole(merged) == pytest.approx(1.8)
    assert compare.whole(compare.merge([answer(prep_s=[1.0], fit_s=[9.0])])) == 10.0
    wrong = compare.merge([answer(prep_s=[0.0, 0.0], fit_s=[0.1, 0.1], estimates=[9.0, 9.0])])
    peers = {name: compare.judged(record, BEST) for name, record in {"slow": merged, "fast but wrong": wrong}.items()}
    assert compare.fastest_right(peers) == ("slow", pytest.approx(1.8))
    assert compare.fastest_right({"x": compare.judged({"status": "absent", "message": "absent"}, BEST)}) is None


# ---------------------------------------------------------------------------------------------------------------- gate


def results(seconds: float = 1.0, **own_changes: Any) -> dict[str, Any]:
    record = answer(prep_s=[1.0, 1.0, 1.0], fit_s=[2.0, 1.0, 1.1], import_s=0.1, start_mb=100.0, peak_mb=200.0)
    merged = compare.merge([record]) | {"evaluation_s": [seconds * f for f in (1.0, 1.01, 1.02)]} | own_changes
    judged = compare.judged(merged, BEST)
    slow = compare.judged(compare.merge([answer(prep_s=[1.0, 9.0], fit_s=[2.0, 11.0], import_s=0.5)]), BEST)
    bad = compare.judged(compare.merge([answer(prep_s=[0.1, 0.1], fit_s=[0.1, 0.1], errors=[1.0, 1.0])]), BEST)
    absent = compare.judged({"status": "absent", "message": "absent: not here"}, BEST)
    problem = {
        "words": "a problem",
        "size": "10 x 2 x 2",
        "shape": [10, 2, 2],
        "nested": False,
        "dense_bytes": 10**9,
        "compact_bytes": 2**20 * 50,
        "llf": -100.0,
        "own": judged,
        "peers": {"slow": slow, "bad": bad, "gone": absent},
    }
    return {
        "edition": 1,
        "made": "now",
        "machine": {"processor": "p", "cpus": 2, "system": "s", "python": "3", "versions": {"numpy": "2"}},
        "threads": 2,
        "rounds": 1,
        "repeat": 3,
        "limits": {"seconds": 1.0, "gigabytes": 1.0},
        "load": [0.0, 0.0],
        "roofline": [ROOF.record(), ROOF.record()],
        "problems": {"P": problem},
        "curves": [],
    }


def worse(base: dict[str, Any], head: dict[str, Any], tolerance: float = 0.1) -> set[str]:
    return {change.step for change in gate.changes(base, head, tolerance) if change.worse}


def test_the_gate_lets_noise_pass_and_stops_what_is_slower_wrong_or_missing() -> None:
    base = results()
    assert worse(base, results(1.05)) == set()
    assert worse(base, results(0.5)) == set()
    assert worse(base, results(1.3)) == {"evaluation_s"}
    assert worse(base, results(1.3), tolerance=0.5) == set()
    disturbed = results(evaluation_s=[0.99, 1.9, 2.0])  # its fastest round is as fast as base
    assert worse(base, disturbed) == set()
    assert worse(base, results(peak_mb=230.0)) == {"peak_mb"}
    assert worse(base, results(estimates=[5.0, -2.0])) == {"answer"}
    assert worse(base, results(evaluation_s=[])) == {"evaluation_s"}
    assert worse(base, results() | {"problems": {}}) == {"all"}


def test_the_gate_as_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {}
    for name, content in {"base": results(), "head": results(2.0), "other": results() | {"threads": 8}}.items():
        files[name] = str(tmp_path / f"{name}.json")
        Path(files[name]).write_text(json.dumps(content), encoding="utf-8")
    assert gate.main([files["base"], files["base"]]) == 0
    assert gate.main([files["base"], files["head"]]) == 1
    assert "| P | evaluation_s | 1.01 | 2.02 | 2.00 | **worse** |" in capsys.readouterr().out
    assert gate.main([files["base"], files["other"]]) == 2
    assert "2 and 8 threads" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------- page


def test_the_page_marks_the_wrong_and_the_absent_and_counts_in_reads() -> None:
    text = page.markdown(results(0.2), {"Plot": "benchmarks/x.svg"})
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert any(row.startswith("| P: a problem | 10 x 2 x 2 | 0.1 s | 0.202 s | 2.02 |") for row in rows)
    assert any(row.startswith("| bad | **wrong** |") and "off by 900.0%" in row for row in rows)
    assert any(row.startswith("| gone | absent |") and "absent: not here" in row for row in rows)
    assert "| P | slow | 20 s | 2.05 s | 9.76 |" in rows  # the wrong one is faster and does not count
    assert "| 2.00 | right |" in text  # (200 - 100) MB over 50 MB
    assert "![Plot](benchmarks/x.svg)" in text
    assert "was not quiet" not in text
    moved = results()
    moved["roofline"][1]["read"] *= 0.7
    assert "was not quiet" in page.markdown(moved, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (2e-5, "20 µs"), (0.00123, "1.23 ms"), (0.25, "0.25 s"), (12.34, "12.3 s"), (2345.6, "2346 s")],
)
def test_seconds_are_short(value: float | None, text: str) -> None:
    assert page.seconds(value) == text


def test_the_figures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots are an extra")
    with_curve = results()
    point = {"curve": "c", "axis": "cases", "words": "w", "size": "s", "dense_bytes": 8}
    with_curve["curves"] = [point | {"value": n, "evaluation_s": [n / 10], "second_fit_s": [n]} for n in (1, 2)]
    path = page.write(with_curve, tmp_path)
    text = path.read_text(encoding="utf-8")
    for figure in ("peers", "reads", "curves"):
        assert f"(benchmarks/{figure}.svg)" in text
        assert "</svg>" in (tmp_path / "benchmarks" / f"{figure}.svg").read_text(encoding="utf-8")


# ----------------------------------------------------------------------------------------------- processes and machine


def test_a_process_is_stopped_at_its_limits(tmp_path: Path) -> None:
    def ended(code: str, limits: processes.Limits) -> processes.Ended:
        command = [sys.executable, "-c", code]
        return processes.run_limited(command, limits, tmp_path / "log", dict(os.environ), tmp_path)

    fine = ended("print(1)", processes.Limits(30.0, 16.0))
    assert (fine.code, fine.stopped) == (0, "")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "1\n"
    late = ended("import time; time.sleep(60)", processes.Limits(0.2, 16.0))
    assert late.stopped == "stopped after 0.2 s"
    assert late.seconds < 20.0
    if sys.platform == "linux":
        large = ended("a = bytearray(2**28); import time; time.sleep(60)", processes.Limits(30.0, 0.1))
        assert large.stopped == "stopped above 0.1 GB"


def test_the_environment_has_no_presets_and_the_threads_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    made = machine.environment(3)
    assert "OPENBLAS_CORETYPE" not in made
    assert made["OMP_NUM_THREADS"] == made["OPENBLAS_NUM_THREADS"] == "3"


def test_the_roofline_is_positive_and_bounds_add_up() -> None:
    small = machine.roofline(2, megabytes=2, rounds=1)
    assert min(small.read, small.multiply_add, small.exp) > 0.0
    assert ROOF.reads(2.0, 1e10) == 2.0
    assert ROOF.bound(1000, 10, 1) == pytest.approx(1e-5)  # exp: 10,000 at 1e9 a second
    assert ROOF.bound(1000, 10, 100) == pytest.approx(1000 * (10 * (400 + 10_100) + 10_100) / 1e11)


# ----------------------------------------------------------------------------------------------------- peers and suite


def test_every_peer_has_its_file_and_pinned_versions() -> None:
    scripts = {path.name for path in HERE.iterdir() if path.suffix in (".py", ".R")}
    assert scripts == {peer.script for peer in PEERS.values()} | {"__init__.py", "protocol.py", "protocol.R"}
    for name, peer in PEERS.items():
        if peer.script.endswith(".R"):
            continue
        lines = environments.requirements(name).read_text(encoding="utf-8").splitlines()
        assert any(line.startswith(f"{name}==") for line in lines)
        assert all(line.count("==") == 1 and " " not in line for line in lines), name
    assert set(HERE.joinpath("requirements").iterdir()) == {
        environments.requirements(name) for name, peer in PEERS.items() if peer.script.endswith(".py")
    }


PEER = """
from benchmarks.peers.protocol import Estimate, Steps, run
def steps(data):
    assert data.x().shape == (400, 3, 4)
    assert data.groups() == {}
    return Steps(data.long, lambda frame: frame, lambda frame: FIT, lambda found: Estimate(-1.0, [0] * 4, [1] * 4))
if __name__ == "__main__":
    run(lambda: "9.9", steps)
"""


def peer_record(tmp_path: Path, fit: str) -> dict[str, Any]:
    script, out = tmp_path / "peer.py", tmp_path / "out.json"
    script.write_text(PEER.replace("FIT", fit), encoding="utf-8")
    command = [sys.executable, str(script), str(data_file(TINY["M1"], tmp_path)), str(out)]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    record: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return record


def test_a_peer_writes_its_record_and_a_failure_is_a_result(tmp_path: Path) -> None:
    record = peer_record(tmp_path, "len(frame)")
    assert (record["status"], record["version"], record["llf"]) == ("ok", "9.9", -1.0)
    assert len(record["prep_s"]) == len(record["fit_s"]) == 2
    assert record["estimates"] == [0.0] * 4
    failed = peer_record(tmp_path, "1 / 0")
    assert failed["status"] == "failed"
    assert failed["message"] == "ZeroDivisionError: division by zero"


def test_peers_see_frames_of_the_same_data() -> None:
    arrays = simulate(TINY["M1"])
    data = Data(arrays)
    long, wide = data.long(), data.wide()
    x = data.x()
    assert long.shape == (1200, 8)
    assert len(data.long(only_available=True)) == int(arrays["available"].sum())
    np.testing.assert_array_equal(wide["c1_3"], x[:, 2, 1])
    np.testing.assert_array_equal(long["c1"].to_numpy().reshape(400, 3), x[:, :, 1])
    assert long.groupby("case")["chosen"].sum().eq(1).all()
    assert Data(simulate(TINY["N1"])).groups() == {"nest0": [1, 2], "alone1": [3]}
    assert Steps(list, list, list, Estimate).fit is list


def test_a_run_measures_marks_absent_peers_and_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(*_: Any) -> dict[str, Any]:
        return ROOF.record()

    def measured(problem: Problem, data: Path, *_: Any, **__: Any) -> dict[str, Any]:
        return own.measure(problem, simulate(problem), rounds=2, budget=0.0)

    monkeypatch.setattr(suite, "_roofline", small)
    monkeypatch.setattr(suite, "_own", measured)
    monkeypatch.setattr(suite, "PROBLEMS", TINY)
    monkeypatch.setattr(suite, "curves", lambda threads: ())
    plan = plan_of(["--sizes", "M1,N1", "--peers", "xlogit,torchdcm", "--out", str(tmp_path), "--curves"])
    said: list[str] = []
    found = suite.run(replace(plan, environments=tmp_path / "none"), said.append)
    stored = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert stored["problems"]["M1"]["own"]["judgement"]["verdict"] == "right"
    assert len(found["problems"]["M1"]["own"]["evaluation_s"]) == 2 * own.EVALUATIONS
    xlogit = {name: one["peers"]["xlogit"] for name, one in stored["problems"].items()}
    assert (xlogit["M1"]["status"], xlogit["N1"]["status"]) == ("absent", "not asked")
    assert "python -m benchmarks.environments xlogit" in xlogit["M1"]["message"]
    assert any(line.startswith("M1:") for line in said)
    assert "| absent |" in page.markdown(stored, {})


def test_a_stopped_process_is_recorded_with_its_first_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(["--out", str(tmp_path), "--timeout", "7"])

    def stops(after: dict[str, Any] | None) -> Callable[..., processes.Ended]:
        def run(command: list[str], *_: Any) -> processes.Ended:
            if after is not None:
                Path(command[-1]).write_text(json.dumps(after), encoding="utf-8")
            return processes.Ended(-9, 7.1, 0.5, "stopped after 7 s")

        return run

    (tmp_path / "work").mkdir()
    for after, status in ((None, "stopped"), (answer(prep_s=[1.0], fit_s=[2.0]), "ok")):
        monkeypatch.setattr(suite, "run_limited", stops(after))
        record = suite._record("peer", TINY["M1"], ["x", "{out}"], plan, {}, lambda line: None)
        assert record["status"] == status
        assert "stopped after 7 s" in record["message"]
    assert compare.judge(record, BEST).verdict == "right"


def test_the_command_line_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_of(["--peers", "fast"]).peers[0] == "torchdcm"
    assert plan_of([]).peers == ()
    for arguments in (["--sizes", "M9"], ["--peers", "all,xlogit"], ["--peers", ""], ["--rounds", "0"]):
        with pytest.raises(SystemExit, match="2"):
            plan_of(arguments)
    assert "--sizes: 'M9' is not valid; valid: M1, M2" in capsys.readouterr().err


def test_curves_are_made_of_known_fields() -> None:
    points = [point for curve in curves.curves(2) for point in curve.points]
    assert {point.threads for point in points} == {None, 1, 2}
    for point in points:
        problem = own.varied(point.name, [f"{key}={value}" for key, value in point.changes.items()])
        assert problem == point.problem
    assert {curve.axis for curve in curves.curves(1)} == {"cases", "alternatives", "coefficients"}


def test_the_bench_command_hands_on_arguments_and_exit_code(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--sizes", "M9"]) == 2
    assert "'M9' is not valid" in capfd.readouterr().err
    monkeypatch.setattr(bench.relocchoice, "__file__", "/nowhere/lib/site-packages/relocchoice/__init__.py")
    monkeypatch.chdir("/")
    with pytest.raises(RelocChoiceError, match="part of the source tree"):
        bench.find_suite()
    assert main(["bench"]) == 1
    assert "benchmarks/ and src/" in capfd.readouterr().err
