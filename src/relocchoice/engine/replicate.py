"""Estimate the same problem many times under other case weights, on as many processes as it pays for.

Each replicate is Newton's method from the estimates on the same chunks; only the weights differ. A replicate's numbers
depend on its own weights alone, so neither the number of workers nor the cutting of the work changes them.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relocchoice.engine import progress as watching
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.engine.reduce import one_thread
from relocchoice.kernels.fused import held
from relocchoice.optimize.newton import maximise

Floats = NDArray[np.float64]
Objective: TypeAlias = Callable[[Problem], Callable[[Floats], Evaluation]]
CONVERGED = "maximum"
SERIAL_SECONDS = 2.0
CHUNKS_A_WORKER = 32
# a spawned worker would run a script without a __main__ guard again; on macOS system libraries do not survive a fork
START_METHOD = "fork" if sys.platform == "linux" else "spawn"


class Weightings(Protocol):
    """Case weights by number of the replicate."""

    def __len__(self) -> int:
        """How many there are."""

    def weights(self, draw: int) -> Floats:
        """(n,) weights of a replicate."""


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Estimates under each weighting, in their order.

    Attributes
    ----------
    free : (B, q) free parameters; NaN rows where there is no maximum.
    status : how each search ended: ``"maximum"``; ``"flat"`` without a finite (or unique) maximum; ``"stalled"``,
        ``"iteration limit"``, ``"not finite"`` where it failed.
    workers : how many processes worked.
    """

    free: Floats
    status: tuple[str, ...]
    workers: int = 1


def log_likelihood(problem: Problem) -> Callable[[Floats], Evaluation]:
    """The objective of maximum likelihood."""
    return problem.evaluate


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What a worker needs for any replicate.

    Attributes
    ----------
    problem : with the weights of the fit.
    start : (q,) the estimates.
    reference : (q, q) information against which a direction counts as flat, of the whole data.
    weightings : the weights.
    objective : of a problem, what is maximised; picklable (a function of a module or a frozen record).
    tolerance, max_iterations : of Newton's method. A millionth of a standard error is nothing to a replicate; a
        tolerance above 1e-5 could call a ridge a maximum.
    """

    problem: Problem
    start: Floats
    reference: Floats
    weightings: Weightings
    objective: Objective = log_likelihood
    tolerance: float = 1e-6
    max_iterations: int = 100

    def run(self, draws: Sequence[int]) -> Replicates:
        """The replicates of these numbers."""
        found = [self._one(draw) for draw in draws]
        return Replicates(np.array([free for free, _ in found]), tuple(status for _, status in found))

    def _one(self, draw: int) -> tuple[Floats, str]:
        problem = replace(self.problem, weights=self.weightings.weights(draw))
        try:
            found = maximise(
                self.objective(problem),
                self.start,
                problem.space.lower,
                problem.space.upper,
                reference=self.reference,
                max_iterations=self.max_iterations,
                tolerance=self.tolerance,
            )
        except ValueError:
            # of the weights alone: an objective that is not finite, or a singular matrix, under this draw
            return np.full(len(self.start), np.nan), "not finite"
        return (found.x if found.status == CONVERGED else np.full(len(self.start), np.nan)), found.status


def refit(work: Work, *, workers: int | None = None, progress: bool | None = None) -> Replicates:
    """All replicates of the work.

    Parameters
    ----------
    workers : number of processes; None takes the cores this process may use, and one when the whole work is a matter of
        two seconds or where processes cannot be forked. With more than one elsewhere than on Linux, a script must
        start its work under ``if __name__ == "__main__":``.
    progress : True counts the replicates on the standard error stream; None does so in a terminal or notebook after two
        seconds; False never.
    """
    count = len(work.weightings)
    with one_thread(), _Counter(count, progress) as done:
        began = time.perf_counter()
        first = work.run(range(min(1, count)))
        done(len(first.status))
        rest = range(len(first.status), count)
        n_workers = _workers(workers, (time.perf_counter() - began) * len(rest), len(rest))
        chunks = _chunks(rest, n_workers)
        parts = [first]
        for part in _serial(work, chunks) if n_workers == 1 else _parallel(work, chunks, n_workers, done):
            if n_workers == 1:
                done(len(part.status))
            parts.append(part)
    return Replicates(
        np.concatenate([part.free.reshape(-1, len(work.start)) for part in parts]),
        tuple(status for part in parts for status in part.status),
        n_workers,
    )


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _workers(asked: int | None, seconds: float, count: int) -> int:
    """How many processes: as asked, else as many as shorten the work."""
    # a worker of a pool of somebody else's may have no children of its own
    if count <= 1 or multiprocessing.current_process().daemon:
        return 1
    if asked is None:
        asked = available_cores() if START_METHOD == "fork" and seconds > SERIAL_SECONDS else 1
    return max(1, min(asked, count))


def _chunks(draws: range, workers: int) -> list[range]:
    """Consecutive pieces: small enough to count progress and to share out evenly."""
    size = max(1, -(-len(draws) // (CHUNKS_A_WORKER * workers)))
    return [draws[at : at + size] for at in range(0, len(draws), size)]


def _serial(work: Work, chunks: list[range]) -> Iterator[Replicates]:
    for chunk in chunks:
        yield work.run(chunk)


_WORK: list[Work] = []


def _receive(work: Work) -> None:
    """First thing in a worker: keep the work, so that chunks need only name their numbers."""
    _WORK[:] = [work]


def _run_chunk(chunk: range) -> Replicates:
    with one_thread(), held(n_threads=1):
        return _WORK[0].run(chunk)


def _parallel(work: Work, chunks: list[range], workers: int, done: Callable[[int], None]) -> list[Replicates]:
    context = multiprocessing.get_context(START_METHOD)
    with ProcessPoolExecutor(workers, context, _receive, (work,)) as pool:
        with warnings.catch_warnings():
            # Python warns of other threads' locks at a fork; the workers take none but the allocator's, which is safe
            warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
            futures = [pool.submit(_run_chunk, chunk) for chunk in chunks]
        try:
            for future in as_completed(futures):
                done(len(future.result().status))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


class _Counter:
    """Counts finished replicates on the standard error stream; a context that gives the callback."""

    def __init__(self, total: int, show: bool | None) -> None:
        self._total, self._always = total, show is True
        self._watched = watching.watched()
        self._on = show is True or (show is None and self._watched)
        self._began = time.perf_counter()
        self._done, self._shown = 0, False

    def __enter__(self) -> Callable[[int], None]:
        return self._count

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\n" if self._watched else "")

    def _count(self, more: int) -> None:
        self._done += more
        seconds = time.perf_counter() - self._began
        if not self._on or (not self._always and seconds < watching.QUIET_SECONDS):
            return
        left = seconds * (self._total - self._done) / self._done if self._done else 0.0
        text = f"replicate {self._done:,} of {self._total:,}  {seconds:.1f} s, about {left:.0f} s left "
        sys.stderr.write(f"\r{text}" if self._watched else f"{text.rstrip()}\n")
        sys.stderr.flush()
        self._shown = True
