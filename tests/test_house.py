"""The house keeps its rules: layers, style, types, a light import. Nothing lands without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = {
    "layers": ["-c", "from importlinter.cli import lint_imports_command as run; run(args=['--no-cache'])"],
    "style": ["-m", "ruff", "check", "--no-cache", "."],
    "format": ["-m", "ruff", "format", "--no-cache", "--check", "."],
    "types": ["-m", "mypy", "--cache-dir", "{cache}"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_rules_hold(check: str, tmp_path: Path) -> None:
    command = [sys.executable, *(word.format(cache=tmp_path) for word in CHECKS[check])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_is_light() -> None:
    """Less than 0.25 s on top of NumPy's own import, and none of the heavy modules."""
    code = (
        "import time, sys, numpy; began = time.perf_counter(); import relocchoice; "
        "print(time.perf_counter() - began, 'pandas' in sys.modules)"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        taken, pandas = done.stdout.split()
        assert pandas == "False"
        seconds.append(float(taken))
    assert min(seconds) < 0.25


def test_every_public_name_is_there() -> None:
    import relocchoice

    for name in relocchoice.__all__:
        assert getattr(relocchoice, name) is not None
    assert set(relocchoice.__all__) <= set(dir(relocchoice))
    with pytest.raises(AttributeError, match="public names: ChoiceData"):
        relocchoice.nothing  # noqa: B018


def test_readme_has_two_commands() -> None:
    """Exactly two set-up commands, each one line; the test command carries the mark that .ci/run looks for."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert "relocchoice reproduce" in commands[0]
    assert commands[1].endswith("# tests")
