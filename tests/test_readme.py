"""The README's example runs and prints what the README shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_example_prints_what_is_shown() -> None:
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    shown = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)
    assert len(code) == len(shown) == 1
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code[0], "README.md", "exec"), {})
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    assert lines == [line.rstrip() for line in shown[0].splitlines()]
