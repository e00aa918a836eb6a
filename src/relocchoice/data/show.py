"""How data show themselves."""

from __future__ import annotations

from html import escape

import numpy as np

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show_some
from relocchoice.data.provenance import begun


def _facts(data: ChoiceData) -> list[tuple[str, str]]:
    sizes = np.diff(data.offsets)
    if not len(sizes):
        spread = "none"
    elif sizes.min() == sizes.max():
        spread = f"{sizes[0]} alternatives each"
    else:
        spread = f"{sizes.min()} to {sizes.max()} alternatives, {sizes.mean():.4g} on average"
    facts = [
        ("cases", f"{data.n_cases:,}"),
        ("alternatives", f"{data.n_alternatives:,}: {show_some(data.alternatives)}"),
        ("choice sets", spread),
        ("chosen", _chosen(data)),
    ]
    if data.weights is not None:
        facts.append(("weights", f"{data.weight_kind}, total {data.total_weight:,.10g}"))
    if data.unit is not None:
        facts.append(("units", f"{len(np.unique(data.unit)):,}"))
    facts.append(("columns", ", ".join(data.columns) or "none"))
    return facts + [("note", note) for note in data.notes]


def _cases(count: int) -> str:
    return f"{count:,} case{'s' * (count != 1)}"


def _chosen(data: ChoiceData) -> str:
    if data.chosen is None:
        return "unknown (for prediction)"
    if data.picked is None:
        return "known"
    taken = data.n_taken
    most = int(taken.max()) if len(taken) else 0
    return f"known, {int(taken.sum()):,} in all, up to {most} a case ({_cases(int((taken > 1).sum()))} took several)"


def as_text(data: ChoiceData) -> str:
    """A few lines of plain text."""
    facts = (f"  {name + ':':<14}{text}" for name, text in _facts(data))
    return "\n".join((begun(data.provenance, "ChoiceData"), *facts))


def as_html(data: ChoiceData) -> str:
    """A small table for notebooks."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in _facts(data))
    return f"<table><caption>{escape(begun(data.provenance, 'ChoiceData'))}</caption>{rows}</table>"
