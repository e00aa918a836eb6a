"""Where the work runs: map a task over chunks and combine the results in an order that never changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Protocol, TypeVar

from threadpoolctl import ThreadpoolController

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


def one_thread() -> AbstractContextManager[object]:
    """Hold the linear algebra library to one thread.

    Its products are small here, and a second thread that waits by spinning made a fit up to eight times slower on a
    busy two-core machine.
    """
    return _blas().limit(limits=1, user_api="blas")


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
