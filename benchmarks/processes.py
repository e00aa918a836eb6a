"""One measured process at a time, with a time and a memory limit over it and its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK = 0.05  # seconds between two looks at the process


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and gigabytes that a process may take."""

    seconds: float
    gigabytes: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: exit code, seconds, peak GB with its children; why it was stopped, or ``""``."""

    code: int
    seconds: float
    gigabytes: float
    stopped: str


def run_limited(
    command: Sequence[str], limits: Limits, log: Path, environment: Mapping[str, str], folder: Path
) -> Ended:
    """Run a command in ``folder`` until it ends or passes a limit; its output goes into ``log``."""
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    began, peak, stopped = time.monotonic(), 0.0, ""
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env=dict(environment), cwd=folder, start_new_session=True
        )
        try:
            while process.poll() is None:
                peak = max(peak, resident(process.pid))
                if time.monotonic() - began > limits.seconds:
                    stopped = f"stopped after {limits.seconds:g} s"
                elif peak > limits.gigabytes:
                    stopped = f"stopped above {limits.gigabytes:g} GB"
                if stopped:
                    break
                time.sleep(LOOK)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    return Ended(code, time.monotonic() - began, peak, stopped)


def resident(process: int) -> float:
    """Resident GB of a process and its children; 0 where the system does not tell."""
    total, waiting = 0, [process]
    while waiting:
        one = waiting.pop()
        folder = Path(f"/proc/{one}")
        try:
            total += int((folder / "statm").read_text(encoding="ascii").split()[1])
            for task in (folder / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
        except OSError:  # it has ended meanwhile
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 2**30
