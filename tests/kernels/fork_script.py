"""Run by test_fused.py: evaluations in child processes are those of the parent. Prints what was tried."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import fused_cases as cases
import numpy as np

import relocchoice.spec.design as design_module
from relocchoice.kernels import fused

design_module.CHUNK_VALUES = 1500
PROBLEM = cases.problem(cases.Sizes(n=3000, slots=6, generic=5, case=1), cases.DEEP)
POINT = cases.point(PROBLEM)


def gradient(_: int = 0) -> bytes:
    """Bits of an evaluation on two threads."""
    with fused.held(n_threads=2):
        return PROBLEM.evaluate(POINT).gradient.tobytes()


def children_agree(expected: bytes, count: int) -> None:
    """Fork so many times, one child after the other."""
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os._exit(0 if gradient() == expected and gradient() == expected else 1)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"a child process ended with {status}")
    if gradient() != expected:
        sys.exit("the parent computes otherwise after the fork")


def main() -> None:
    expected = gradient()
    if not np.isfinite(np.frombuffer(expected)).all():
        sys.exit("no numbers")
    children_agree(expected, 3)
    print("alone")
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            gradient()

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        children_agree(expected, 10)
    finally:
        stop.set()
        busy.join()
    print("busy")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        if set(pool.map(gradient, range(8))) != {expected}:
            sys.exit("a worker computes otherwise")
    print("pool")


if __name__ == "__main__":
    main()
