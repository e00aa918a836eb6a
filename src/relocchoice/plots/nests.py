"""The tree of a nested logit with its dissimilarity parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from relocchoice.engine.bind import degenerate_lambdas
from relocchoice.errors import OptionError
from relocchoice.plots import style
from relocchoice.results import numbers
from relocchoice.results.blocks import LAMBDA_PREFIX
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.textwidth import display_width
from relocchoice.spec.nests import ROOT, NestTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAF_HEIGHT = 0.27
_LEAF_WIDTH, _NEST_WIDTH = 20, 18
_CHARACTER = 0.085
_LINE = 0.52  # a further line of an alternative, in heights of one with a single line
# in levels of the tree, of which one is _LEVEL inches: where the root stands, and the alternatives behind the last nest
_ROOT, _LAST, _LEVEL = 0.3, 0.62, 1.05


def nest_tree(
    fit: ChoiceResults | NestTree,
    *,
    labels: Mapping[str, str] | None = None,
    errors: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """The nests from left to right, the alternatives at the right edge, each nest with its lambda.

    A lambda above 1, which utility maximisation excludes, is drawn in another colour and said in words.

    Parameters
    ----------
    fit : results of a nested logit, or a tree alone.
    labels : what to print for a nest or an alternative.
    errors : whether standard errors stand behind the lambdas.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For a model without nests.
    """
    tree: Any = fit if isinstance(fit, NestTree) else getattr(getattr(fit, "spec", None), "nests", None)
    if not isinstance(tree, NestTree):
        raise OptionError("nest_tree() draws a nested logit or a NestTree; this model has no nests")
    labels = labels or {}
    leaves = [style.label(labels.get(str(leaf), leaf), _LEAF_WIDTH) for leaf in tree.leaves]
    rows = _rows(leaves)
    depth, height = _places(tree, rows)
    edge = max(depth, default=0.0) + _LAST
    room = _CHARACTER * max(display_width(line) for text in leaves for line in text.split("\n"))
    width = max(style.COLUMN_WIDTH, _LEVEL * (edge - _ROOT) + room)
    ax = style.axes(ax, 0.25 + _LEAF_HEIGHT * (rows[-1] - rows[0] + 1.0 + 0.45 * len(tree.nodes)), width, of=[fit])
    _branches(ax, tree, rows, depth, height, edge)
    _boxes(ax, fit, tree, depth, height, labels, errors)
    for place, text in zip(rows, leaves, strict=True):
        options = style.text_options([text])
        ax.text(edge + 0.04, place, text, ha="left", va="center", fontsize=style.SMALL, **options)
    ax.set_xlim(_ROOT - 0.08, _ROOT + (edge - _ROOT) * width / max(width - room, 1.0))
    ax.set_ylim(rows[-1] + 0.6, rows[0] - 0.6)
    ax.set_axis_off()
    return ax


def _boxes(
    ax: Axes,
    fit: ChoiceResults | NestTree,
    tree: NestTree,
    depth: list[float],
    height: list[float],
    labels: Mapping[str, str],
    errors: bool,
) -> None:
    shown = {} if isinstance(fit, NestTree) else _lambdas(fit, errors)
    for node, name in enumerate(tree.nodes):
        words, odd = shown.get(name, ("", False))
        text = style.label(labels.get(name, name), _NEST_WIDTH)
        colour = style.COLOURS[1] if odd else "black"
        ax.text(
            depth[node],
            height[node],
            f"{text}\n{words}" if words else text,
            ha="center",
            va="center",
            fontsize=style.TINY,
            color=colour,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour, "linewidth": 0.8},
            **style.text_options([text]),
        )


def _lambdas(fit: ChoiceResults, errors: bool) -> dict[str, tuple[str, bool]]:
    """Nest -> its lambda in words, and whether it lies above 1."""
    estimates, deviations, status = fit.params, fit.bse, fit.parameters["status"]
    common = LAMBDA_PREFIX.rstrip(":")
    shown: dict[str, tuple[str, bool]] = {}
    alone = degenerate_lambdas(fit.spec)
    for node in fit.spec.nests.nodes:
        name = LAMBDA_PREFIX + node if LAMBDA_PREFIX + node in estimates.index else common
        if name == common and LAMBDA_PREFIX + node in alone:
            shown[node] = ("λ = 1\none alternative", False)
        elif name in estimates.index and status[name] in ("flat", "dropped"):
            shown[node] = ("λ not identified", False)
        elif name in estimates.index:
            value, error = float(estimates[name]), float(deviations[name])
            told = f" ({numbers.significant(error, 2)})" if errors and math.isfinite(error) else ""
            notes = [str(status[name])] if status[name] in ("fixed", "at bound", "tied") else []
            above = value > 1
            notes += ["above 1"] if above else []
            second = f"\n{', '.join(notes)}" if notes else ""
            shown[node] = (f"λ = {numbers.significant(value, 3)}{told}{second}", above)
    return shown


def _rows(leaves: Sequence[str]) -> list[float]:
    """(J,) height of each alternative from the top, one apart where their labels have one line."""
    sizes = [1.0 + _LINE * text.count("\n") for text in leaves]
    return [sum(sizes[:at]) + (size - 1.0) / 2 for at, size in enumerate(sizes)]


def _places(tree: NestTree, rows: Sequence[float]) -> tuple[list[float], list[float]]:
    """(M,) depth of each nest, the first level 1; (M,) height, the middle of its outermost alternatives."""
    depth: list[float] = []
    for parent in tree.node_parent.tolist():
        depth.append(1.0 if parent == ROOT else depth[parent] + 1.0)
    spans: list[list[float]] = [[] for _ in tree.nodes]
    for leaf, parent in enumerate(tree.leaf_parent.tolist()):
        while parent != ROOT:
            spans[parent].append(rows[leaf])
            parent = int(tree.node_parent[parent])
    return depth, [(min(span) + max(span)) / 2 for span in spans]


def _branches(
    ax: Axes, tree: NestTree, rows: Sequence[float], depth: list[float], height: list[float], edge: float
) -> None:
    root = (rows[0] + rows[-1]) / 2
    look: dict[str, Any] = {"color": style.GREY, "linewidth": 0.9, "zorder": 0}
    ends = [(depth[node], height[node], parent) for node, parent in enumerate(tree.node_parent.tolist())]
    ends += [(edge, rows[leaf], parent) for leaf, parent in enumerate(tree.leaf_parent.tolist())]
    for x, y, parent in ends:
        start, level = (_ROOT, root) if parent == ROOT else (depth[parent], height[parent])
        # behind the parent's box, so that siblings leave from one line
        bend = start + (0.2 if parent == ROOT else 0.5)
        ax.plot([start, bend, bend, x], [level, level, y, y], **look)
    ax.plot([_ROOT], [root], marker="o", color=style.GREY, markersize=3)
