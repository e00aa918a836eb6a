"""Progress is shown when it is asked for, or when somebody watches a long fit; never otherwise."""

from __future__ import annotations

import io
import sys
from types import ModuleType

import pytest

from relocchoice.engine.progress import Progress
from relocchoice.optimize.newton import Step

STEP = Step(3, -123.456, 0.5, 1.0, 0.1, 0.2)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, show: bool | None, quiet: float = 0.0) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("relocchoice.engine.progress.QUIET_SECONDS", quiet)
    with Progress(show) as on_step:
        if on_step is not None:
            on_step(STEP)
    return stream.getvalue()


def test_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, io.StringIO(), True, quiet=100.0)
    assert "iteration   3" in text
    assert "-123.456" in text


def test_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), False) == ""


def test_on_a_terminal_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), None, quiet=100.0) == ""
    assert "iteration   3" in shown(monkeypatch, Terminal(), None)


def test_in_a_script_and_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert shown(monkeypatch, io.StringIO(), None) == ""
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert shown(monkeypatch, io.StringIO(), None).startswith("\r")
