"""Plots as SVG that needs nothing from outside: text as outlines, no date, the same bytes for the same figures."""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from relocchoice.plots.style import FontWarning
from relocchoice.report.contents import Figure

NOTICE = (
    "no font here has all characters of the plots' labels; they are text in the pictures, for the reader's fonts: "
    "install one that has them, e.g. Noto Sans CJK SC"
)
_GLYPH = re.compile(r"Glyph \d+ .*missing from")


def has_matplotlib() -> bool:
    """Whether plots can be drawn here."""
    return find_spec("matplotlib") is not None


def drawn(draw: Callable[..., Any], *arguments: Any, caption: str, stem: str, **options: Any) -> Figure:
    """What a function of :mod:`relocchoice.plots` draws, in the size that it finds best.

    Text is drawn as outlines; where no font here has its characters it stays text, which the reader's browser may have.
    """
    matplotlib = import_module("matplotlib")
    with matplotlib.rc_context({"svg.hashsalt": "relocchoice"}), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = _open()
        try:
            canvas = draw(*arguments, **options).get_figure()
            matplotlib.rcParams["svg.fonttype"] = "none" if _lacking(caught) else "path"
            content = _svg(canvas)
            if _lacking(caught) and matplotlib.rcParams["svg.fonttype"] == "path":
                matplotlib.rcParams["svg.fonttype"] = "none"
                content = _svg(canvas)
        finally:
            for number in _open() - before:
                sys.modules["matplotlib.pyplot"].close(number)
    notice = NOTICE if _lacking(caught) else ""
    return Figure(content[content.index(b"<svg") :], caption, stem, notice)


def _svg(canvas: Any) -> bytes:
    out = io.BytesIO()
    canvas.savefig(out, format="svg", metadata={"Date": None}, facecolor="white", bbox_inches="tight")
    return out.getvalue()


def _open() -> set[int]:
    """Numbers of the figures that pyplot holds, where it was imported."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set() if pyplot is None else set(pyplot.get_fignums())


def _lacking(caught: list[warnings.WarningMessage]) -> bool:
    """Whether a font lacks characters: ours says so before drawing, matplotlib of each character while drawing."""
    return any(issubclass(one.category, FontWarning) or _GLYPH.match(str(one.message)) for one in caught)
