"""Engines: all of them combine the same parts in the same order."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from engine_models import ENGINES

from relocchoice.engine.reduce import SERIAL, THREADS
from relocchoice.kernels.fused import held


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_parts_are_combined_in_one_tree(engine, n_threads):
    def combine(one: str, other: str) -> str:
        return f"({one} {other})"

    with held(n_threads=n_threads):
        found = ENGINES[engine].map_reduce(str, range(7), combine)
        assert found == SERIAL.map_reduce(str, range(7), combine) == "(((0 1) (2 3)) ((4 5) 6))"
        with pytest.raises(ValueError, match="nothing to combine"):
            ENGINES[engine].map_reduce(str, [], combine)


def test_threads_work_side_by_side():
    meeting = threading.Barrier(2, timeout=30)

    def task(_: int) -> int:
        return meeting.wait() * 0 + 1

    with held(n_threads=2):
        assert THREADS.map_reduce(task, range(2), int.__add__) == 2


def test_threads_hold_what_the_caller_holds():
    """NumPy's treatment of errors, and an error raised there."""

    def task(divisor: float) -> float:
        return float(np.float64(1.0) / np.float64(divisor))

    with held(n_threads=2):
        with np.errstate(divide="ignore"):
            assert THREADS.map_reduce(task, [0.0, 1.0], max) == np.inf
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            THREADS.map_reduce(task, [0.0, 1.0], max)
