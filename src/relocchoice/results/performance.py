"""How fast a search ran, beside how fast the machine can read the design."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from relocchoice.errors import DataError
from relocchoice.kernels.fused import NUMPY, read_once, threads
from relocchoice.results.choice_results import ChoiceResults

MEGABYTES = 256
ROUNDS = 3


def performance(results: ChoiceResults) -> pd.Series:
    """Passes over the data of the best run, and what a pass cost, in bytes and in reads of the design.

    The memory's bandwidth is measured now, on as many threads as an evaluation uses. A pass below one read would be
    faster than the memory; designs that fit the caches can be.

    Raises
    ------
    DataError : a loaded fit, which has no design.
    """
    if results.problem is None:
        raise DataError("this fit was loaded from a file and has no design to measure; fit the model again")
    trace = results.trace
    problem = results.problem.problem
    size = sum(chunk.tiles.nbytes + chunk.pool.nbytes + chunk.own.nbytes for chunk in problem.design.chunks)
    passes = int(trace["passes"].iloc[-1]) if "passes" in trace else len(trace)
    seconds = float(trace["seconds"].iloc[-1]) / passes
    bandwidth = read_bandwidth()
    return pd.Series(
        {
            "core": problem.core,
            "threads": threads() if problem.core != NUMPY else 1,
            "passes": passes,
            "seconds a pass": seconds,
            "design, MB": size / 1e6,
            "bandwidth, GB/s": bandwidth / 1e9,
            "reads a pass": seconds * bandwidth / size if size else np.nan,
            "share of the roofline": size / (seconds * bandwidth) if seconds else np.nan,
        },
        name="performance",
    )


def read_bandwidth() -> float:
    """Bytes a second from memory: the best of a few sums over more than most caches hold."""
    memory = np.ones(MEGABYTES * 2**17)
    best = np.inf
    for _ in range(ROUNDS):
        began = time.perf_counter()
        read_once(memory)
        best = min(best, time.perf_counter() - began)
    return memory.nbytes / best
