"""Sections on what follows from the fits: marginal effects, elasticities, willingness to pay, with their plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from relocchoice import plots
from relocchoice.data.provenance import begun
from relocchoice.post.effects import is_class, marginal_effects
from relocchoice.post.elasticities import elasticities as elasticities_of
from relocchoice.post.inferred import Derived
from relocchoice.post.ratios import willingness_to_pay
from relocchoice.post.settings import variables_of
from relocchoice.report.asked import Asked
from relocchoice.report.contents import Heading, Part, Sentence, Shown
from relocchoice.report.tables import matrix_table, square
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

MOST_PLOTTED = 40
_SMALL = 0.1


def effects(asked: Asked) -> list[Part]:
    """Average marginal effects of each variable."""
    return _by_variable(asked, "effects", "effect", lambda fit, name: marginal_effects(fit, name, **asked.sampling))


def elasticities(asked: Asked) -> list[Part]:
    """Elasticities of the expected counts."""
    return _by_variable(
        asked, "elasticities", "elasticity", lambda fit, name: elasticities_of(fit, name, **asked.sampling)
    )


def _by_variable(asked: Asked, key: str, noun: str, compute: Callable[[ChoiceResults, str], Derived]) -> list[Part]:
    """One table a variable and model; a variable that no model has is refused."""
    parts: list[Part] = []
    wanted = asked.report.get(key, ())
    held = {name: variables_of(fit, asked.data) for name, fit in asked.fits.items()}
    nowhere = [name for name in wanted if not any(name in known for known in held.values())]
    for variable in nowhere:
        known = ", ".join(dict.fromkeys(one for known in held.values() for one in known))
        sentence = f"{key}: variable {variable!r} is in no model; the models' variables: {known or 'none'}"
        asked.failures.append(sentence)
        parts.append(Sentence(sentence, "refused"))
    for name, fit in asked.fits.items():
        here = [one for one in wanted if one in held[name]]
        if here:
            parts.append(Heading(name))
        for variable in here:
            parts += asked.tried(
                f"{noun} of {variable} in {name}", _variable, asked, key, noun, name, fit, variable, compute
            )
        absent = [one for one in wanted if one not in held[name] and one not in nowhere]
        if absent:
            parts.append(Sentence(f"{name} does not have {', '.join(absent)}."))
    return parts


def _variable(
    asked: Asked,
    key: str,
    noun: str,
    name: str,
    fit: ChoiceResults,
    variable: str,
    compute: Callable[[ChoiceResults, str], Derived],
) -> list[Part]:
    found = compute(fit, variable)
    parts: list[Part] = []
    for label, rows in found.table.groupby(level="variable", sort=False):
        stem = f"{key} {name} {label}"
        rows = rows.droplevel("variable")
        frames = {key: rows.reset_index()}
        title = f"{found.title}: {label}"
        if len(rows.index.get_level_values("attribute of").unique()) > 1:
            parts.append(Shown(matrix_table(begun(found.provenance, title), rows, found.notes), stem, frames))
            if key in asked.plots:
                parts += _matrix_plot(asked, noun, f"{name}: {label}", stem, rows)
        else:
            alone = rows.droplevel("attribute of")
            parts.append(Shown(_listed(found, title, alone), stem, frames))
            if key in asked.plots:
                parts += _interval_plot(asked, noun, f"{name}: {label}", stem, alone)
    if key == "effects" and "share_curves" in asked.plots and not is_class(asked.data, variable):
        parts += _curves(asked, name, fit, variable)
    return parts


def _listed(found: Derived, title: str, rows: pd.DataFrame) -> Table:
    return Derived(title, rows, found.notes, found.interval, found.alpha, provenance=found.provenance).summary().table


def _curves(asked: Asked, name: str, fit: ChoiceResults, variable: str) -> list[Part]:
    """Shares as a variable moves; one that differs between alternatives moves at the one chosen most often."""
    of, where = None, ""
    if asked.data.varies_within_case(variable):
        of = asked.data.choice_shares()["count"].idxmax()
        where = f" of {of}"
    caption = f"{name}: predicted shares as {variable}{where} moves, everything else as in the data."
    return asked.drawn(plots.share_curves, fit, variable, of=of, caption=caption, stem=f"shares {name} {variable}")


def _matrix_plot(asked: Asked, noun: str, what: str, stem: str, rows: pd.DataFrame) -> list[Part]:
    shown = square(rows, "estimate").T
    if max(shown.shape) > MOST_PLOTTED or not np.isfinite(shown.to_numpy()).all():
        return []
    largest = float(shown.abs().to_numpy().max())
    power = math.ceil(-math.log10(largest)) if 0 < largest < _SMALL else 0
    quantity = f"{noun} x 1e{power}" if power else noun
    caption = f"{what}: {quantity} of the row's probability with respect to the column's attribute."
    return asked.drawn(plots.elasticities, shown * 10.0**power, quantity=quantity, caption=caption, stem=stem)


def _interval_plot(asked: Asked, noun: str, what: str, stem: str, rows: pd.DataFrame) -> list[Part]:
    ends = rows[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    if len(rows) > MOST_PLOTTED or not np.isfinite(ends).all():
        return []
    xlabel = f"{noun} and {100 * (1 - asked.sampling['alpha']):g}% interval"
    caption = f"{what}: {noun} on the probability of each alternative."
    return asked.drawn(plots.effects, rows, xlabel=xlabel, caption=caption, stem=stem)


def worth(asked: Asked) -> list[Part]:
    """What attributes are worth in units of the cost, in the models that have both coefficients."""
    if "willingness_to_pay" not in asked.report:
        return []
    wanted = asked.report["willingness_to_pay"]
    cost, of = wanted["cost"], wanted["of"]
    parts: list[Part] = []
    for name, fit in asked.fits.items():
        known = {str(one) for one in fit.parameters.index}
        here = [one for one in of if one in known]
        if cost not in known or not here:
            lacking = [one for one in (cost, *of) if one not in known]
            parts.append(Sentence(f"{name} does not have {', '.join(lacking)}."))
            continue
        parts.append(Heading(name))
        parts += asked.tried(f"willingness to pay in {name}", _worth, asked, name, fit, here, cost)
    if not any(isinstance(part, Heading) for part in parts):
        asked.failures.append(f"willingness to pay: no model has parameter {cost!r} and one of {', '.join(of)}")
    return parts


def _worth(asked: Asked, name: str, fit: ChoiceResults, of: Sequence[str], cost: str) -> list[Part]:
    found = willingness_to_pay(fit, list(of), cost, **asked.sampling)
    return [Shown(found.summary().table, f"worth {name}", {"worth": found.table.reset_index()})]
