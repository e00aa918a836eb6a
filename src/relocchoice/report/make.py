"""From a specification and a table to a report: read, fit, and what was asked for, each as far as it can be done."""

from __future__ import annotations

import hashlib
import platform
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

import relocchoice
from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.provenance import begun
from relocchoice.errors import ConvergenceWarning, RelocChoiceError
from relocchoice.report import derived, fitted
from relocchoice.report.asked import Asked
from relocchoice.report.contents import Figure, Heading, Lines, Part, Report, Section, Sentence, Shown
from relocchoice.report.figures import has_matplotlib
from relocchoice.report.reading import Reading, read_choices
from relocchoice.report.schema import PLOTS
from relocchoice.report.spec_file import ReportSpec
from relocchoice.report.tables import as_json, data_table
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.export import optional

DEFAULT_PLOTS = ("coefficients", "nest_tree", "calibration", "effects", "elasticities")
DEFAULT_FORMATS = ("latex", "html")
Maker = Callable[[Asked], list[Part]]


def make_report(spec: ReportSpec, table: pd.DataFrame, source: str, digest: str = "") -> Report:
    """Read, fit, and report.

    Parameters
    ----------
    table : the data as they stand in their file.
    source, digest : name of that file and SHA-256 of its bytes, for the provenance.

    Raises
    ------
    OptionError
        When the specification asks for what cannot be: keys that the layout needs, plots without matplotlib, Word
        tables without python-docx.
    """
    plots = check_extras(spec)
    reading = read_choices(table, spec.data)
    failures: list[str] = []
    notices: list[str] = []
    sections = [Section("data", "Data", tuple(_data_parts(reading)))]
    fits: dict[str, ChoiceResults] = {}
    if reading.data is None:
        failures.append(f"the data were refused: {reading.refusal}")
    else:
        parts: list[Part] = []
        noticed: list[str] = []
        for name, model in spec.models.items():
            parts += _fit(name, model, reading.data, spec, fits, failures, noticed)
        asked = Asked(reading.data, fits, spec.report, plots, failures, notices)
        sections.append(Section("models", "Models", tuple(parts + [Sentence(text, "warning") for text in noticed])))
        sections += _sections(asked)
    sections.append(Section("provenance", "Provenance", tuple(_provenance(spec, source, digest))))
    line = "" if reading.data is None else reading.data.provenance
    return Report(
        title=begun(line, spec.report.get("title", "Models of choice")),
        sections=tuple(map(partial(_said, line=line), sections)) if line else tuple(sections),
        fits=fits,
        failures=tuple(failures),
        notices=tuple(notices),
        formats=tuple(spec.report.get("formats", DEFAULT_FORMATS)),
        log=_log(spec, reading, fits, failures, source, digest),
        spec_text=spec.text,
    )


def _said(section: Section, line: str) -> Section:
    """The section with the provenance before every table and picture that does not say it yet."""

    def said(part: Part) -> Part:
        if isinstance(part, Shown) and not part.table.title.startswith(f"[{line}"):
            return replace(part, table=replace(part.table, title=begun(line, part.table.title)))
        if isinstance(part, Figure):
            return replace(part, caption=begun(line, part.caption))
        return part

    return replace(section, parts=tuple(map(said, section.parts)))


def check_extras(spec: ReportSpec) -> tuple[str, ...]:
    """The plots to draw, once everything that the report needs is installed.

    Raises
    ------
    OptionError : it is not; says how to install it.
    """
    for format, module, package in (("docx", "docx", "python-docx"), ("xlsx", "openpyxl", "openpyxl")):
        if format in spec.report.get("formats", ()):
            optional(module, package, "tables")
    if "plots" not in spec.report:
        return DEFAULT_PLOTS if has_matplotlib() else ()
    if spec.report["plots"]:
        optional("matplotlib", "matplotlib", "plots")
    return tuple(plot for plot in PLOTS if plot in spec.report["plots"])


def _data_parts(reading: Reading) -> list[Part]:
    if reading.data is None:
        return [Sentence("The data were refused.", "refused"), Lines(reading.refusal)]
    parts: list[Part] = [Shown(data_table(reading.data), "data")]
    if reading.doctor is not None:
        parts += [Sentence(f"[{one.rule}] {one.message}", "warning") for one in reading.doctor.warnings]
        if not reading.doctor.warnings:
            parts.append(Sentence("The data doctor has nothing to warn of.", "good"))
    return [*parts, *(Sentence(note) for note in reading.data.notes)]


def _fit(
    name: str,
    model: Any,
    data: ChoiceData,
    spec: ReportSpec,
    fits: dict[str, ChoiceResults],
    failures: list[str],
    noticed: list[str],
) -> list[Part]:
    """Estimate one model; what it shows."""
    heading = Heading(name)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit = model.fit(data, **spec.fit)
    except RelocChoiceError as error:
        failures.append(f"model {name} was refused: {error}")
        return [heading, Sentence("This model was refused.", "refused"), Lines(str(error))]
    fits[name] = fit
    others = (str(one.message) for one in caught if not issubclass(one.category, ConvergenceWarning))
    noticed += [text for text in dict.fromkeys(others) if text not in noticed]
    parts: list[Part] = [heading]
    if not fit.converged:
        failures.append(f"model {name} has no finite maximum that was reached: {fit.status_message}")
        parts.append(Sentence(f"This model did not end at a finite maximum: {fit.status_message}", "refused"))
    summary = fit.summary(alpha=spec.report.get("alpha", 0.05))
    return [*parts, Shown(summary.table, f"model {name}", {"parameters": fitted.parameter_frame(fit)})]


def _sections(asked: Asked) -> list[Section]:
    """Everything that needs fits."""
    makers: list[tuple[str, str, Maker]] = [
        ("comparison", "The models side by side", fitted.comparison),
        ("identification", "What the data can tell", fitted.identification),
        ("calibration", "Observed and predicted", fitted.calibration),
        ("effects", "Marginal effects", derived.effects),
        ("elasticities", "Elasticities", derived.elasticities),
        ("worth", "Willingness to pay", derived.worth),
        ("tests", "Tests", fitted.tests),
    ]
    if not asked.fits:
        return []
    sections = [Section(key, title, tuple(asked.tried(title, make, asked))) for key, title, make in makers]
    return [section for section in sections if section.parts]


def _provenance(spec: ReportSpec, source: str, digest: str) -> list[Part]:
    parts: list[Part] = [
        Sentence(f"relocchoice {relocchoice.__version__}, Python {platform.python_version()}, {_versions()}."),
        Sentence(f"Data: {source}{f', SHA-256 {digest}' if digest else ''}."),
        Sentence(f"Seed of the fits: {spec.fit.get('seed', 0)}; of the report: {spec.report.get('seed', 0)}."),
        Heading("Specification"),
    ]
    return [*parts, Lines(spec.text)]


def _versions() -> str:
    found = []
    for package in ("numpy", "scipy", "pandas", "formulaic"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _log(
    spec: ReportSpec,
    reading: Reading,
    fits: Mapping[str, ChoiceResults],
    failures: list[str],
    source: str,
    digest: str,
) -> dict[str, Any]:
    """What the page says in words, and what a program would ask for."""
    doctor = reading.doctor
    findings = () if doctor is None else (*doctor.findings, *doctor.warnings)
    return {
        "ok": not failures,
        "failures": list(failures),
        "data": {
            "source": source,
            "sha256": digest,
            "cases": None if reading.data is None else reading.data.n_cases,
            "findings": [{"rule": one.rule, "message": one.message} for one in findings],
            "notes": [] if reading.data is None else list(reading.data.notes),
        },
        "models": {name: _fit_log(fit) for name, fit in fits.items()},
        "specification_sha256": hashlib.sha256(spec.text.encode()).hexdigest(),
        "version": relocchoice.__version__,
    }


def _fit_log(fit: ChoiceResults) -> dict[str, Any]:
    return {
        "converged": bool(fit.converged),
        "status": fit.status_message,
        "log_likelihood": as_json(fit.llf),
        "estimated_parameters": fit.df_model,
        "covariance": fit.covariance.kind,
        "identification": fit.identification.verdict,
        "separation": fit.identification.separation,
        "cells": list(fit.identification.cells),
        "notes": list(fit.notes),
        "parameters": {
            str(name): {
                "estimate": as_json(fit.params[name]),
                "std_error": as_json(fit.bse[name]),
                "status": str(fit.parameters["status"][name]),
            }
            for name in fit.parameters.index
        },
    }
