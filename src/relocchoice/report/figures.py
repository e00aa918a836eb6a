"""Plots as SVG that needs nothing from outside: text as outlines, no date, the same bytes for the same figures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from relocchoice.errors import RelocChoiceWarning
from relocchoice.report.contents import Figure


def has_matplotlib() -> bool:
    """Whether plots can be drawn here."""
    return find_spec("matplotlib") is not None


def drawn(draw: Callable[..., Any], *arguments: Any, caption: str, stem: str, **options: Any) -> Figure:
    """What a function of :mod:`relocchoice.plots` draws, in the size that it finds best.

    Text is drawn as outlines; where no font here has its characters it stays text, which the reader's browser may have.
    """
    matplotlib, pyplot = import_module("matplotlib"), import_module("matplotlib.pyplot")
    with matplotlib.rc_context({"svg.hashsalt": "relocchoice"}), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = set(pyplot.get_fignums())
        try:
            canvas = draw(*arguments, **options).get_figure()
            lacking = any(issubclass(one.category, RelocChoiceWarning) for one in caught)
            matplotlib.rcParams["svg.fonttype"] = "none" if lacking else "path"
            out = io.BytesIO()
            canvas.savefig(out, format="svg", metadata={"Date": None}, facecolor="white", bbox_inches="tight")
        finally:
            for number in set(pyplot.get_fignums()) - before:
                pyplot.close(number)
    content = out.getvalue()
    return Figure(content[content.index(b"<svg") :], caption, stem)
