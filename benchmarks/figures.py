"""The plots of a run, as SVG: packages beside each other, the package in reads, scaling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.compare import median, whole

COLOURS = {"right": "#2f6f9f", "rough": "#c9a227", "wrong": "#b33a3a"}
OWN = "#1b7f4b"


def write_figures(results: dict[str, Any], folder: Path, name: str) -> dict[str, str]:
    """Draw what there is to draw; title -> path relative to ``folder``."""
    drawn = {
        "Seconds of preparation and fit when warm, by package": ("peers", _peers(results)),
        "One evaluation and one fit in reads of the dense design": ("reads", _reads(results)),
        "Seconds of one evaluation and of one fit along the scaling curves": ("curves", _curves(results)),
    }
    paths = {}
    (folder / name).mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        for title, (file, figure) in drawn.items():
            if figure is not None:
                figure.savefig(folder / name / f"{file}.svg", metadata={"Date": None}, bbox_inches="tight")
                paths[title] = f"{name}/{file}.svg"
    return paths


def _peers(results: dict[str, Any]) -> Figure | None:
    panels = []
    for problem, one in results["problems"].items():
        entries = {"relocchoice": one["own"], **one["peers"]}
        taken = {peer: whole(record) for peer, record in entries.items()}
        bars = sorted((value, peer) for peer, value in taken.items() if value is not None)
        if len(bars) > 1:
            panels.append((problem, [(peer, value, entries[peer]["judgement"]["verdict"]) for value, peer in bars]))
    if not panels:
        return None
    figure = Figure(figsize=(8.0, sum(0.6 + 0.24 * len(bars) for _, bars in panels)))
    heights = [len(bars) + 1.5 for _, bars in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights, "hspace": 0.5})[:, 0]
    for ax, (problem, bars) in zip(axes, panels, strict=True):
        for row, (peer, value, verdict) in enumerate(bars):
            colour = OWN if peer == "relocchoice" else COLOURS.get(verdict, "#888888")
            ax.barh(row, value, color=colour, hatch="///" if verdict == "wrong" else "", edgecolor="white")
        ax.set_yticks(
            range(len(bars)), [peer if verdict != "wrong" else f"{peer} (wrong)" for peer, _, verdict in bars]
        )
        ax.invert_yaxis()
        ax.set_xscale("log")
        ax.set_title(problem, loc="left", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("seconds, log scale")
    return figure


def _reads(results: dict[str, Any]) -> Figure | None:
    bandwidth = max(roof["read"] for roof in results["roofline"])
    names, evaluation, fit = [], [], []
    for problem, one in results["problems"].items():
        times = [median(one["own"], step) for step in ("evaluation_s", "second_fit_s")]
        if None not in times:
            names.append(problem)
            for values, taken in zip((evaluation, fit), times, strict=True):
                values.append(taken * bandwidth / one["dense_bytes"])
    if not names:
        return None
    figure = Figure(figsize=(8.0, 3.0))
    ax = figure.subplots()
    places = range(len(names))
    ax.bar([place - 0.2 for place in places], evaluation, 0.4, label="evaluation", color=OWN)
    ax.bar([place + 0.2 for place in places], fit, 0.4, label="fit", color="#9cc9ae")
    ax.axhline(1.0, color="#444444", linewidth=0.8)
    ax.set_xticks(places, names)
    ax.set_yscale("log")
    ax.set_ylabel("reads, log scale")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _curves(results: dict[str, Any]) -> Figure | None:
    names = list(dict.fromkeys(one["curve"] for one in results["curves"]))
    if not names:
        return None
    columns = 3
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(9.0, 2.6 * rows))
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"hspace": 0.6, "wspace": 0.35}).ravel()
    for ax, name in zip(axes, names, strict=False):
        points = [one for one in results["curves"] if one["curve"] == name]
        for step, label, style in (("evaluation_s", "evaluation", "o-"), ("second_fit_s", "fit", "s--")):
            known = [(one["value"], taken) for one in points if (taken := median(one, step)) is not None]
            ax.plot(*zip(*known, strict=True), style, markersize=3, label=label) if known else None
        ax.set_title(points[0]["words"], fontsize=8)
        ax.set_yscale("log")
        if points[0]["axis"] != "threads":
            ax.set_xscale("log")
        ax.set_xlabel(points[0]["axis"], fontsize=8)
        ax.tick_params(labelsize=7)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    axes[0].set_ylabel("seconds", fontsize=8)
    axes[0].legend(frameon=False, fontsize=7)
    return figure
