"""What all plots share: the axes, colours that every eye tells apart, labels that hold anything."""

from __future__ import annotations

import sys
import unicodedata
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from relocchoice.errors import OptionError, RelocChoiceWarning
from relocchoice.results.export import optional
from relocchoice.results.table import shared_provenance
from relocchoice.results.textwidth import display_width, visible, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN_WIDTH = 3.3
SMALL, TINY = "small", "x-small"
# Okabe & Ito (2008), without the yellow that is lost on white paper
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)))
GREY = "0.45"
_PADDING = 0.06
_LABEL_WIDTH = 24
_MOST_LINES = 2
_TITLE_WIDTH = 44
_SHORT, _LONG = 18, 40  # columns of a legend's texts beside each other, and of one on its own
_WIDE_SCRIPTS = ("W", "F")
_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Noto Serif CJK SC",
    "Source Han Serif SC",
    "SimSun",
    "Arial Unicode MS",
)


class FontWarning(RelocChoiceWarning):
    """Characters of a label that no installed font has."""


def axes(ax: Axes | None, height: float, width: float = COLUMN_WIDTH, of: Sequence[Any] = ()) -> Axes:
    """The axes given, or those of a new figure, ``width`` x ``height`` inches: pyplot's where that was imported.

    Where what is drawn, ``of``, comes from data that nobody observed, the title says so.

    Raises
    ------
    OptionError
        Where matplotlib is not installed, or ``ax`` is something else.
    """
    figures = optional("matplotlib.figure", "matplotlib", "plots")
    if ax is None:
        # whoever works with pyplot wants the figure shown by it; nobody else has to close what he never opened
        make = getattr(sys.modules.get("matplotlib.pyplot"), "figure", figures.Figure)
        figure = make(figsize=(width, height), layout="constrained")
        figure.get_layout_engine().set(w_pad=_PADDING, h_pad=_PADDING)
        ax = figure.add_subplot()
    if not hasattr(ax, "get_figure") or not hasattr(ax, "plot"):
        raise OptionError.of("ax", ax, "an axes of matplotlib, or None")
    line = shared_provenance(of)
    if line:
        lines = wrapped(visible(line), _TITLE_WIDTH)
        ax.set_title("\n".join(lines), fontsize=TINY, loc="left", **text_options(lines))
    return ax


def label(text: object, width: int = _LABEL_WIDTH, lines: int = _MOST_LINES) -> str:
    """A label of at most ``lines`` lines of about ``width`` columns; what does not fit is cut in the middle."""
    shown = visible(str(text))
    room = width * lines - 1
    if display_width(shown) > room:
        shown = f"{_start(shown, room * 2 // 3)}…{_end(shown, room // 3)}"
    return "\n".join(wrapped(shown, width))


def _start(text: str, width: int) -> str:
    while display_width(text) > width:
        text = text[:-1]
    return text


def _end(text: str, width: int) -> str:
    while display_width(text) > width:
        text = text[1:]
    return text


def text_options(texts: Sequence[str]) -> dict[str, Any]:
    """Keywords of every text: no mathematics between dollar signs, and a font that has the characters."""
    options: dict[str, Any] = {"parse_math": False}
    if any(unicodedata.east_asian_width(character) in _WIDE_SCRIPTS for text in texts for character in text):
        families = _fonts()
        if families:
            matplotlib = optional("matplotlib", "matplotlib", "plots")
            options["fontfamily"] = [*matplotlib.rcParams["font.family"], *families]
    return options


def _fonts() -> list[str]:
    """Installed fonts with East Asian characters: the known ones, then any that says so in its name."""
    manager = optional("matplotlib.font_manager", "matplotlib", "plots").fontManager
    installed = {font.name for font in manager.ttflist}
    found = [name for name in _FONTS if name in installed]
    found += sorted(name for name in installed if "CJK" in name and name not in found)
    if not found:
        warnings.warn(
            f"no installed font has the East Asian characters of these labels; install one, e.g. {_FONTS[0]}",
            FontWarning,
            stacklevel=4,
        )
    return found


def tick_labels(axis: Any, places: Sequence[float], shown: Sequence[str]) -> None:
    """Ticks of an x or y axis with labels that :func:`label` made."""
    axis.set_ticks(list(places), list(shown), **text_options(shown))
    for tick in axis.get_ticklabels():
        tick.set_fontsize(SMALL)


def axis_labels(ax: Axes, x: str = "", y: str = "", width: int = 44) -> None:
    """Names of the axes, that of the horizontal one in lines of ``width`` columns."""
    if x:
        lines = [piece for line in x.split("\n") for piece in wrapped(visible(line), width)]
        ax.set_xlabel("\n".join(lines), fontsize=SMALL, **text_options(lines))
    if y:
        ax.set_ylabel(visible(y), fontsize=SMALL, **text_options([y]))
    ax.tick_params(labelsize=SMALL)


def plain(ax: Axes, *, grid: Literal["", "x", "y"] = "") -> None:
    """No box; light lines along one axis."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color="0.9", linewidth=0.6)


def legend(ax: Axes, handles: Sequence[Any], texts: Sequence[object], columns: int = 2) -> None:
    """A legend under the axes, where it hides nothing."""
    # matplotlib leaves out labels that begin with an underscore
    long = any(display_width(visible(str(text))) > _SHORT for text in texts)
    cut = [label(text, _LONG if long else _SHORT) for text in texts]
    shown = [f" {text}" if text.startswith("_") else text for text in cut]
    figure = ax.get_figure()
    own = figure is not None and len(figure.axes) == 1 and figure.get_layout_engine() is not None
    place: dict[str, Any] = {"loc": "outside lower center"} if own else {"loc": "best"}
    holder: Any = figure if own else ax
    columns = 1 if long else columns
    drawn = holder.legend(
        list(handles), shown, frameon=False, fontsize=TINY, ncols=min(columns, len(shown)), handlelength=2.6, **place
    )
    options = text_options(shown)
    for text in drawn.get_texts():
        text.set_parse_math(False)
        if "fontfamily" in options:
            text.set_fontfamily(options["fontfamily"])


def spread(places: Sequence[float], gap: float) -> list[float]:
    """The places moved apart so that neighbours are at least ``gap`` apart, as near to where they were as that allows.

    Pools neighbours that would overlap around their mean, which is the least-squares solution.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    groups: list[list[int]] = []
    for i in order:
        groups.append([i])
        while len(groups) > 1 and _top(groups[-2], places, gap) + gap > _bottom(groups[-1], places, gap):
            last = groups.pop()
            groups[-1] += last
    moved = [0.0] * len(places)
    for group in groups:
        start = _bottom(group, places, gap)
        for position, i in enumerate(group):
            moved[i] = start + position * gap
    return moved


def _bottom(group: Sequence[int], places: Sequence[float], gap: float) -> float:
    return sum(places[i] for i in group) / len(group) - gap * (len(group) - 1) / 2


def _top(group: Sequence[int], places: Sequence[float], gap: float) -> float:
    return _bottom(group, places, gap) + gap * (len(group) - 1)
