"""Standard output, whatever it is connected to."""

from __future__ import annotations

import contextlib
import io
import os
import sys


def show(text: str) -> None:
    """Write text; a terminal that cannot show a character gets a replacement, not a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(text)
    sys.stdout.flush()


def silence_output() -> None:
    """Point stdout at nothing, so that the interpreter's flush at its end does not complain of the closed pipe."""
    with contextlib.suppress(io.UnsupportedOperation):  # a stdout in memory has no file and no such flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
