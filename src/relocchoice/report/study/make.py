"""The study as a report: chapters whose data are never mixed, then where everything comes from."""

from __future__ import annotations

import os
import platform
import shlex
import warnings
from importlib.metadata import version
from typing import Any

import relocchoice
from relocchoice.errors import ConvergenceWarning
from relocchoice.relocation.reproduce_record import Folder
from relocchoice.relocation.survey import simulate_survey
from relocchoice.relocation.survey.simulate import check_whole
from relocchoice.report.contents import Report, Section, Sentence
from relocchoice.report.figures import has_matplotlib
from relocchoice.report.study.chapters import (
    Chapter,
    counted_chapter,
    observed_chapter,
    offered_chapter,
    simulated_chapter,
)
from relocchoice.report.tables import as_json

FIRMS, SEED = 2000, 0
FEWEST, MOST = 1000, 20_000
TITLE = "Relocation of firms from Yueqing: a study of forms and destinations"
NO_PLOTS = "No pictures: matplotlib is not installed; pip install 'relocchoice[plots]'."
FORMATS = ("latex", "html")
PACKAGES = ("numpy", "scipy", "pandas", "formulaic", "narwhals")


def make_study(firms: int = FIRMS, seed: int = SEED, *, published_folder: Folder = None) -> Report:
    """Run the study.

    Parameters
    ----------
    firms : simulated, 1,000 to 20,000: fewer carry no joint model, more take longer than they tell.
    seed : of the simulated firms.
    published_folder : where published data that are not shipped lie; see ``relocation.reproduce.reproduce``.

    Returns
    -------
    Report
        With counted, observed and simulated firms in chapters of their own; pictures where matplotlib is installed.
        What is not there, pictures or a chapter without its data, is said at the top.

    Raises
    ------
    OptionError
        For another number of firms, or a seed that is none.
    IdentificationError
        Where this draw of the firms does not carry a model.
    """
    check_study(firms, seed)
    draw = has_matplotlib()
    survey = simulate_survey(firms, seed, margins="expected")
    with warnings.catch_warnings():
        # the tables themselves say which estimates have no finite maximum
        warnings.simplefilter("ignore", ConvergenceWarning)
        # what a draw of the firms may refuse comes first
        made = simulated_chapter(survey, draw)
        chapters = (counted_chapter(draw), observed_chapter(draw, published_folder), offered_chapter(), made)
    failures = tuple(sentence for chapter in chapters for sentence in chapter.failures)
    left_out = (*(() if draw else (NO_PLOTS,)), *(sentence for chapter in chapters for sentence in chapter.left_out))
    command = f"relocchoice study --firms {firms} --seed {seed}"
    if published_folder is not None:
        command += f" --published {shlex.quote(os.fspath(published_folder))}"
    return Report(
        title=TITLE,
        sections=(
            _opening(survey.provenance.line),
            *(chapter.section for chapter in chapters),
            _provenance(command),
        ),
        fits={name: fit for chapter in chapters for name, fit in chapter.fits.items()},
        failures=failures,
        notices=(),
        formats=FORMATS,
        log=_log(chapters, failures, left_out, firms, seed),
        left_out=left_out,
        spec_text=f"# {command}\nfirms = {firms}\nseed = {seed}\n",
    )


def check_study(firms: int, seed: int) -> None:
    """Refuse a number of firms or a seed before anything runs.

    Raises
    ------
    OptionError
    """
    for name, value, least, most in (("firms", firms, FEWEST, MOST), ("seed", seed, 0, 2**63 - 1)):
        check_whole(name, value, least, most)


def _opening(line: str) -> Section:
    return Section(
        "opening",
        "Three kinds of numbers",
        (
            Sentence(
                "Counted: the tables that the survey of 2003 printed. Observed: plants of another study, one row each. "
                "Simulated: firms that do not exist, drawn so that their margins are the printed ones. Each has a "
                "chapter, and no table or picture holds two of them."
            ),
            Sentence(f"Everything simulated begins with: [{line}].", "warning"),
        ),
    )


def _provenance(command: str) -> Section:
    return Section(
        "provenance",
        "Provenance",
        (
            Sentence(f"Made by: {command}; relocchoice {relocchoice.__version__}."),
            Sentence(
                f"Python {platform.python_version()}; {', '.join(f'{name} {version(name)}' for name in PACKAGES)}."
            ),
            Sentence(
                "Printed counts: Wei, Li & Wang (2007). Claims of cluster migration: Zhu, Wang, Li & Li (2009). "
                "Plants: Head & Mayer (2004). The same arguments give the same figures."
            ),
        ),
    )


def _log(
    chapters: tuple[Chapter, ...], failures: tuple[str, ...], left_out: tuple[str, ...], firms: int, seed: int
) -> dict[str, Any]:
    models = {
        name: {
            "converged": bool(fit.converged),
            "log_likelihood": as_json(fit.llf),
            "provenance": fit.provenance,
            "parameters": {str(key): as_json(value) for key, value in fit.params.items()},
        }
        for chapter in chapters
        for name, fit in chapter.fits.items()
    }
    return {
        "ok": not failures,
        "failures": list(failures),
        "left_out": list(left_out),
        "study": {"firms": firms, "seed": seed},
        "models": models,
        "version": relocchoice.__version__,
    }
