"""Plots of what was estimated: one function each, an axes in, the axes out; only drawing needs matplotlib.

Every function takes ``ax``; without one it makes a figure as wide as a journal's column (3.3 inches). Sizes of text are
relative to matplotlib's ``font.size``, colours are told apart by readers with any colour vision, and series differ in
their markers and lines too.
"""

from relocchoice.plots.estimates import coefficients, effects, scenario_differences
from relocchoice.plots.likelihood import profile, replicates
from relocchoice.plots.matrices import elasticities
from relocchoice.plots.nests import nest_tree
from relocchoice.plots.shares import calibration, share_curves

__all__ = [
    "calibration",
    "coefficients",
    "effects",
    "elasticities",
    "nest_tree",
    "profile",
    "replicates",
    "scenario_differences",
    "share_curves",
]
