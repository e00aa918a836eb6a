"""Show the iterations of a long fit on the standard error stream."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from relocchoice.optimize.newton import Step

QUIET_SECONDS = 2.0


class Progress:
    """A context that gives the callback for the optimiser's log.

    Parameters
    ----------
    show : True shows every iteration, False none; None shows them on a terminal or in a notebook once two seconds have
        passed.
    """

    def __init__(self, show: bool | None) -> None:
        self._always = show is True
        self._on = show is True or (show is None and watched())
        self._began = time.perf_counter()
        self._shown = False

    def __enter__(self) -> Callable[[Step], None] | None:
        return self._line if self._on else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\n" if watched() else "")

    def _line(self, step: Step) -> None:
        seconds = time.perf_counter() - self._began
        if not self._always and seconds < QUIET_SECONDS:
            return
        text = f"iteration {step.iteration:3d}  log-likelihood {step.value:.6f}  distance {step.decrement:.2e}"
        text += f"  {seconds:.1f} s"
        sys.stderr.write(f"\r{text}" if watched() else f"{text}\n")
        sys.stderr.flush()
        self._shown = True


def watched() -> bool:
    """Whether somebody looks at the stream as it is written: a terminal, or a notebook's kernel."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
