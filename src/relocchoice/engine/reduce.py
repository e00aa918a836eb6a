"""Where the work runs: map a task over chunks and combine the results in an order that never changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from threading import Lock
from typing import Any, Protocol, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from relocchoice.kernels.fused import threads

Chunk = TypeVar("Chunk")
Part = TypeVar("Part")


class Engine(Protocol):
    """A place to run. A new one (threads, processes, a cluster) is one file with this verb."""

    def map_reduce(
        self, task: Callable[[Chunk], Part], chunks: Sequence[Chunk], combine: Callable[[Part, Part], Part]
    ) -> Part:
        """``task`` of every chunk, combined pairwise in the order of the chunks."""


class Serial:
    """One chunk after the other in this thread."""

    def map_reduce(
        self, task: Callable[[Chunk], Part], chunks: Sequence[Chunk], combine: Callable[[Part, Part], Part]
    ) -> Part:
        """See :class:`Engine`. Raises ValueError without chunks."""
        return pairwise([task(chunk) for chunk in chunks], combine)


class Threads:
    """Several chunks at once, on as many threads as an evaluation uses; bit for bit as :class:`Serial`."""

    def map_reduce(
        self, task: Callable[[Chunk], Part], chunks: Sequence[Chunk], combine: Callable[[Part, Part], Part]
    ) -> Part:
        """See :class:`Engine`. Raises ValueError without chunks."""
        count = min(threads(), len(chunks))
        if count < 2:
            return SERIAL.map_reduce(task, chunks, combine)
        errors = np.geterr()  # NumPy 1 keeps it for each thread, NumPy 2 in the context

        def held(chunk: Chunk) -> Part:
            with np.errstate(**errors):
                return task(chunk)

        with one_thread(), ThreadPoolExecutor(count) as pool:
            # what the caller holds in its context holds in the threads
            parts = [pool.submit(copy_context().run, held, chunk) for chunk in chunks]
            return pairwise([part.result() for part in parts], combine)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the linear algebra library to one thread.

    Its products are small here, and a second thread that waits by spinning made a fit up to eight times slower on a
    busy two-core machine. Blocks may overlap in several threads: the last to end lifts the limit.
    """
    with _LOCK:
        _HELD.append(_blas().limit(limits=1, user_api="blas") if not _HELD else None)
    try:
        yield
    finally:
        with _LOCK:
            if len(_HELD) > 1:
                _HELD.pop()
            elif (limit := _HELD.pop()) is not None:
                limit.restore_original_limits()


# The limit is the process's own, so that who holds it must be counted for the whole process.
_LOCK = Lock()
_HELD: list[Any] = []


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def pairwise(parts: list[Part], combine: Callable[[Part, Part], Part]) -> Part:
    """Combine neighbours until one is left; the tree depends on the number of parts alone."""
    if not parts:
        msg = "nothing to combine"
        raise ValueError(msg)
    while len(parts) > 1:
        parts = [combine(*parts[i : i + 2]) if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)]
    return parts[0]


SERIAL = Serial()
THREADS = Threads()
