"""A schematic map: how many relocations went where, bubbles at the coordinates of towns that the source names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relocchoice.errors import OptionError
from relocchoice.plots import style
from relocchoice.relocation.attributes import anchors
from relocchoice.relocation.taxonomy import Area, destination_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 4.6, 4.1
YUEQING: Area = "Yueqing"
_LARGEST = 900.0
_OFFSETS = {YUEQING: (0, -28), "Wenzhou": (-20, -6), "Hangzhou": (-9, -3), "Shanghai": (14, 8), "coastal": (0, -16)}


def places_map(counts: pd.Series, *, labels: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw counts of destinations by place.

    Parameters
    ----------
    counts : index the labels of the destinations; ``attrs["provenance"]`` where nobody observed them.
    labels : what to print for a destination.
    ax : where to draw; a new figure if None.

    Raises
    ------
    OptionError
        For labels that are no destinations, or counts below zero.
    """
    strange = [label for label in counts.index if label not in destination_labels()]
    if strange or counts.empty or not (counts.to_numpy(dtype=float) >= 0).all():
        raise OptionError.of("counts", strange[0] if strange else "below zero", "counts of the destinations")
    ax = style.axes(ax, HEIGHT, WIDTH, of=[counts])
    towns = anchors()
    inside = destination_labels(YUEQING)
    towns["group"] = towns["place"].where(~towns["place"].isin(inside), YUEQING)
    sums = counts.groupby([YUEQING if label in inside else label for label in counts.index], sort=False).sum()
    middle = towns.groupby("group")[["longitude", "latitude"]].mean()
    home = middle.loc[YUEQING]
    for position, (label, count) in enumerate(sums.items()):
        name = str(label)
        if count:
            own = towns[towns["group"] == name]
            if len(own) > 1 and name != YUEQING:
                ax.scatter(own["longitude"], own["latitude"], s=7, color=style.COLOURS[position], zorder=1)
            _place(
                ax,
                name,
                float(count),
                middle.loc[name],
                home,
                float(sums.max()),
                position,
                (labels or {}).get(name, name),
            )
    ax.set_aspect(1 / np.cos(np.deg2rad(30)))
    ax.set_xlim(100, 126)
    ax.set_ylim(21, 42.5)
    style.axis_labels(ax, "degrees east", "degrees north")
    style.plain(ax)
    return ax


def _place(ax: Any, name: str, count: float, at: Any, home: Any, largest: float, position: int, said: str) -> None:
    x, y = float(at["longitude"]), float(at["latitude"])
    colour = style.COLOURS[position % len(style.COLOURS)]
    if name != YUEQING:
        width = 0.6 + 5.0 * count / largest
        ax.annotate(
            "",
            xy=(x, y),
            xytext=(float(home["longitude"]), float(home["latitude"])),
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "alpha": 0.5,
                "lw": width,
                "connectionstyle": "arc3,rad=0.15",
            },
            zorder=2,
        )
    ax.scatter([x], [y], s=max(_LARGEST * count / largest, 8.0), color=colour, alpha=0.55, zorder=3, linewidth=0)
    text = style.label(f"{said} {count:,.0f}")
    dx, dy = _OFFSETS.get(name, (0, 12))
    ax.annotate(
        text,
        (x, y),
        xytext=(dx, dy),
        textcoords="offset points",
        ha="right" if dx < 0 else "left" if dx > 0 else "center",
        fontsize=style.SMALL,
        zorder=4,
        **style.text_options([text]),
    )
