"""Field-standard coefficient tables: what was published beside what is estimated here, with the digits that agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation.published import nests_of, published_specs, published_values
from relocchoice.relocation.published_spec import PublishedSpec
from relocchoice.relocation.reproduce_record import Folder, ParameterPair, PublishedFit, PublishedSkip, Reproduction
from relocchoice.relocation.seed_notes import listed
from relocchoice.relocation.sources import Missing, PublishedModel, published_target
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table

KINDS: Mapping[str, str] = {
    "hessian": "inverse Hessian",
    "opg": "outer product of scores",
    "robust": "sandwich",
    "cluster": "clustered sandwich",
}
DIGITS = 8

_TITLES: Mapping[tuple[str, str], str] = {
    ("travelmode", "tm_cl"): "TravelMode: conditional logit (Greene, table 21.11)",
    ("travelmode", "tm_nl_unscaled"): "TravelMode: nested logit, utilities not divided by lambda",
    ("travelmode", "tm_nl_rum"): "TravelMode: nested logit in the utility-maximising form",
    ("modecanada", "mc1"): "ModeCanada: multinomial logit with all three kinds of variables",
    ("heating", "heating_m"): "Heating: costs alone",
    ("heating", "heating_mc"): "Heating: costs and constants",
    ("swissmetro", "b01a"): "Swissmetro b01: multinomial logit",
    ("swissmetro", "b09"): "Swissmetro b09: nested logit",
    ("japanese_fdi", "mnl"): "Japanese plants in Europe: multinomial logit of the region",
    ("japanese_fdi", "nl_common"): "Japanese plants in Europe: nested logit, one lambda for all countries",
    ("japanese_fdi", "lower"): "Japanese plants in Europe: first step, region within the country",
    ("japanese_fdi", "upper"): "Japanese plants in Europe: second step, country with logsum",
    ("nox", "nox_public"): "NOx abatement: public plants",
    ("nox", "nox_regulated"): "NOx abatement: regulated plants",
    ("nox", "nox_deregulated"): "NOx abatement: deregulated plants",
    ("hague_burglary", "cl"): "The Hague: conditional logit of the neighbourhood of a burglary",
    ("game", "game_rol"): "Gaming platforms: rank-ordered (exploded) logit",
}


@dataclass(frozen=True, slots=True, eq=False)
class Estimated:
    """A published model estimated here: the target, the fit, and both in the target's terms."""

    spec: PublishedSpec
    target: PublishedModel
    fit: ChoiceResults
    record: PublishedFit


def published(name: str, title: str, dataset: str, folder: Folder = None) -> Reproduction:
    """All published models of one dataset.

    Parameters
    ----------
    name, title : of the reproduction.
    dataset : key of the targets.
    folder : where data that are not shipped lie; see ``sources.published_frame``.
    """
    tables: dict[str, Table] = {}
    records: list[PublishedFit | PublishedSkip] = []
    fits: dict[str, ChoiceResults] = {}
    for spec in published_specs():
        if spec.dataset != dataset:
            continue
        key = f"{name}_{spec.model}"
        first = None if spec.first_step is None else fits.get(spec.first_step)
        made = _estimate(spec, folder, first)
        if isinstance(made, Missing):
            records.append(PublishedSkip(dataset, spec.model, made.reason))
            tables[key] = _skipped_table(spec, made)
            continue
        fits[spec.model] = made.fit
        records.append(made.record)
        tables[key] = _table(made)
    skips = [record for record in records if isinstance(record, PublishedSkip)]
    if len(skips) == len(records):
        tables = {name: _absent_table(title, skips)}
    return Reproduction(name, title, tables, published=tuple(records))


def model_title(spec: PublishedSpec) -> str:
    """The table's title; the two keys where a model has none."""
    return _TITLES.get((spec.dataset, spec.model), f"{spec.dataset}: {spec.model}")


def _estimate(spec: PublishedSpec, folder: Folder, first: ChoiceResults | None) -> Estimated | Missing:
    if spec.first_step is not None and first is None:
        return Missing(f"the first step {spec.first_step!r} was not estimated, because its data are not at hand")
    choices = spec.build(folder=folder, first_step=None if first is None else _by_name(first.params))
    if isinstance(choices, Missing):
        return choices
    fit = _fit(spec, choices)
    target = published_target(spec.dataset, spec.model)
    return Estimated(spec, target, fit, _record(spec, target, fit))


def _fit(spec: PublishedSpec, choices: ChoiceData) -> ChoiceResults:
    nests = nests_of(spec, choices)
    if nests is None:
        return MultinomialLogit(spec.formula, base=spec.base).fit(choices)
    model = NestedLogit(spec.formula, nests, base=spec.base, normalisation=spec.normalisation, lambdas=spec.lambdas)
    return model.fit(choices)


def _errors(spec: PublishedSpec, fit: ChoiceResults, kind: str) -> Mapping[str, tuple[float, float]]:
    """Target's name -> (estimate, standard error of one kind), in the terms of the published table."""
    # the source's clustered errors have no small-sample factor
    cluster = kind == "cluster"
    shown = fit.with_cov(kind, groups=spec.groups if cluster else None, small_sample=False if cluster else None)
    values = published_values(spec, _by_name(shown.params), _by_name(shown.bse))
    estimates, errors = _by_name(values["estimate"]), _by_name(values["error"])
    return {name: (estimate, errors[name]) for name, estimate in estimates.items()}


def _by_name(figures: pd.Series) -> dict[str, float]:
    return dict(zip(map(str, figures.index), figures.to_numpy(dtype=float).tolist(), strict=True))


def _record(spec: PublishedSpec, target: PublishedModel, fit: ChoiceResults) -> PublishedFit:
    # A target always has at least one kind of error; the estimates are the same under each.
    by_kind = {kind: _errors(spec, fit, kind) for kind in target.bse}
    estimates = {name: pair[0] for name, pair in next(iter(by_kind.values())).items()}
    parameters = tuple(
        ParameterPair(
            name=name,
            estimate=estimates[name],
            target=target.params[k],
            errors={kind: held[name][1] for kind, held in by_kind.items()},
            errors_target={kind: target.bse[kind][k] for kind in by_kind},
        )
        for k, name in enumerate(target.names)
    )
    differences = {"params": _largest([(pair.estimate, pair.target) for pair in parameters])}
    for kind in by_kind:
        differences[kind] = _largest([(pair.errors[kind], pair.errors_target[kind]) for pair in parameters])
    return PublishedFit(spec.dataset, spec.model, fit.llf, target.llf, differences, fit.converged, parameters)


def _largest(pairs: list[tuple[float, float]]) -> float:
    """Largest |here / target - 1|; infinity where a figure is missing here."""
    here, target = np.array(pairs).T
    gaps = np.abs(here - target) / np.abs(target)
    return float(np.where(np.isnan(gaps), np.inf, gaps).max())


def agreeing_digits(printed: str, value: float) -> tuple[int, int]:
    """How many significant digits of a printed number a value confirms, and how many were printed.

    A digit is confirmed when the value lies within half a unit of its place, so that all are where the value rounds to
    the print. Halves are confirmed either way.
    """
    number = Decimal(printed)
    digits, exponent = len(number.as_tuple().digits), int(number.as_tuple().exponent)
    if not np.isfinite(value):
        return 0, digits
    gap = abs(Decimal(repr(float(value))) - number)
    for kept in range(digits, 0, -1):
        if gap <= Decimal(5).scaleb(exponent + digits - kept - 1):
            return kept, digits
    return 0, digits


# -------------------------------------------------------------------------------------------------- tables


@dataclass(frozen=True, slots=True)
class _Printed:
    """Reference figures of a table as text, and where they come from."""

    kind: str
    figures: Mapping[str, tuple[str, str]]
    from_print: bool


def _reference(target: PublishedModel) -> _Printed:
    """What was printed; where nothing was, the target in full precision, with clustered errors where it has them."""
    if target.printed and target.printed_se is not None:
        figures = {row.name: (row.estimate, row.error) for row in target.printed}
        return _Printed(target.printed_se, figures, from_print=True)
    kind = "cluster" if "cluster" in target.bse else "hessian"
    pairs = zip(target.names, target.params, target.bse[kind], strict=True)
    figures = {name: (_plain(estimate), _plain(error)) for name, estimate, error in pairs}
    return _Printed(kind, figures, from_print=False)


def _plain(value: float) -> str:
    """Eight significant digits at most: fewer where the target itself has fewer."""
    return min(numbers.significant(value, DIGITS), repr(value), key=len)


def _table(made: Estimated) -> Table:
    printed = _reference(made.target)
    head = "published" if printed.from_print else "reference"
    return Table(
        title=model_title(made.spec),
        columns=("Parameter", head, "estimated", "digits", f"s.e. {head}", "s.e. estimated", "digits"),
        rows=tuple(_row(pair, printed) for pair in made.record.parameters),
        header=(*_fit_header(made), *_difference_header(made.record)),
        notes=_notes(made, printed),
    )


def _row(pair: ParameterPair, printed: _Printed) -> tuple[str, ...]:
    error = pair.errors[printed.kind]
    here = (numbers.significant(pair.estimate, DIGITS), numbers.significant(error, DIGITS))
    if pair.name not in printed.figures:
        return (pair.name, "", here[0], "", "", here[1], "")
    estimate_text, error_text = printed.figures[pair.name]
    return (
        pair.name,
        estimate_text,
        here[0],
        _digits(estimate_text, pair.estimate),
        error_text,
        here[1],
        _digits(error_text, error),
    )


def _digits(printed: str, value: float) -> str:
    agreeing, total = agreeing_digits(printed, value)
    return f"{agreeing} of {total}"


def _fit_header(made: Estimated) -> list[tuple[str, str]]:
    target, record = made.target, made.record
    pairs = [("Cases", numbers.count(made.fit.n_cases))]
    if target.printed_loglik is not None:
        pairs.append(("LL, published", target.printed_loglik))
        pairs.append(("LL, digits", _digits(target.printed_loglik, record.llf)))
    return [
        *pairs,
        ("LL, estimated", numbers.decimals(record.llf, 8)),
        ("LL, difference", _small(record.llf_difference)),
        ("Converged", "yes" if record.converged else f"NO: {made.fit.status_message}"),
    ]


def _difference_header(record: PublishedFit) -> list[tuple[str, str]]:
    words = {"params": "estimates", **{kind: f"s.e., {kind}" for kind in KINDS}}
    return [(f"Difference, {words[kind]}", _small(value)) for kind, value in record.by_kind.items()]


def _small(value: float) -> str:
    return f"{value:.2e}" if np.isfinite(value) else numbers.not_finite(value)


def _notes(made: Estimated, printed: _Printed) -> tuple[str, ...]:
    spec, target = made.spec, made.target
    shown = (
        "Digits: significant digits of the print that the estimate confirms."
        if printed.from_print
        else "No table of this model was printed in these terms; the reference is an independent fit in full precision."
    )
    sentences = (
        f"Standard errors: {KINDS[printed.kind]} ({printed.kind}).",
        shown,
        "LL: log-likelihood. Differences are against the full-precision target: absolute for LL, otherwise the largest "
        "relative one over the parameters.",
        "The target has its clustered errors only to the digits shown." if "cluster" in target.bse else "",
        f"Specification: {target.spec}",
        f"Source: {target.source}",
        target.note,
        f"Data: {spec.note.replace('. ', '; ')}" if spec.note else "",
    )
    return tuple(_sentence(text) for text in sentences if text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _skipped_table(spec: PublishedSpec, missing: Missing) -> Table:
    return Table(model_title(spec), ("Not reproduced",), ((_sentence(_capital(missing.reason)),),))


def _absent_table(title: str, skips: Sequence[PublishedSkip]) -> Table:
    """One line for a dataset none of whose models could be estimated."""
    reason = _sentence(_capital(skips[0].reason))
    return Table(
        _capital(title), ("Not reproduced",), ((reason,),), notes=(f"Models: {listed(s.model for s in skips)}.",)
    )
