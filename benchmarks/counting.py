"""A million firms in two thousand zones, counted first: ``python -m benchmarks.counting [--firms 1000000]``.

Processor seconds of reading the choices, of the second fit in a process, and of pandas' count of the same choices, the
least of a few rounds each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import relocchoice as rc

NAMES = tuple("abcdefgh")


def least(task: Callable[[], Any], rounds: int = 7) -> float:
    """The least processor seconds of some rounds, after one that does not count."""
    task()
    found = []
    for _ in range(rounds):
        start = time.process_time()
        task()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--firms", type=int, default=1_000_000)
    parser.add_argument("--zones", type=int, default=2000)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    zones = pd.DataFrame(rng.normal(size=(asked.zones, len(NAMES))), columns=list(NAMES))
    zones["zone"] = np.arange(asked.zones)
    shares = np.exp(0.3 * zones[list(NAMES)].sum(axis=1).to_numpy())
    firms = rng.choice(asked.zones, size=asked.firms, p=shares / shares.sum())
    model = rc.MultinomialLogit(f"chosen ~ {' + '.join(NAMES)} | 0")

    def read() -> rc.ChoiceData:
        return rc.ChoiceData.from_zones(zones, zone="zone", chosen=firms)

    counted = pd.Series(firms)
    print(f"{asked.firms:,} firms, {asked.zones:,} zones; processor seconds")
    print(f"read  {least(read):.3f}")
    print(f"fit   {least(lambda: model.fit(read(), progress=False)) - least(read):.3f}")
    print(f"pandas' value_counts  {least(counted.value_counts):.3f}")


if __name__ == "__main__":
    main()
