"""A report in a folder: all of it or nothing.

The files are written into a new folder beside the place, which then takes the place's name. A folder that is there is
replaced only if it is empty, or holds what a former report wrote, unchanged, and nothing else: ``report.json`` lists
the files with their SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from relocchoice.errors import OptionError, StoreError
from relocchoice.report.contents import Figure, Report, Shown
from relocchoice.report.page import page
from relocchoice.report.schema import FORMATS
from relocchoice.results.export import save_table

LOG = "report.json"
PAGE = "report.html"
SPECIFICATION = "spec.toml"
FILES = "files"
_LONGEST_STEM = 60


def file_stem(text: str) -> str:
    """A name for a file from any text: letters, digits and hyphens, so that it can name no other folder."""
    kept = re.sub(r"[\W_]+", "-", text).strip("-")[:_LONGEST_STEM].strip("-")
    # a name of 60 characters may have more than the 255 bytes that a file system takes
    return kept.encode()[:120].decode(errors="ignore") or "unnamed"


def check_place(folder: str | PathLike[str]) -> None:
    """Refuse a folder that a report cannot be written to; makes nothing.

    Raises
    ------
    OptionError
        A file is there, or a folder that holds what no report wrote; or nothing can be written beside it.
    """
    place = Path(folder)
    if place.is_symlink():
        raise OptionError.of("out", str(folder), "a folder, not a link to one")
    if place.exists() and not place.is_dir():
        raise OptionError.of("out", str(folder), "a folder; this is a file")
    place = _absolute(place)
    nearest = next(parent for parent in place.parents if parent.exists())
    if place == Path.cwd() or place in Path.cwd().parents:
        raise OptionError.of("out", str(folder), "a folder below the current one, which is not replaced")
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise OptionError.of("out", str(folder), f"a folder that can be written; {str(nearest)!r} cannot")
    if place.is_dir():
        _check_replaceable(place, str(folder))


def _absolute(place: Path) -> Path:
    return place.parent.resolve() / place.name if place.name not in ("", "..") else place.resolve()


def _check_replaceable(place: Path, said: str) -> None:
    there = sorted(_files(place))
    if not there and not any(place.iterdir()):
        return
    listed = _listed(place)
    if listed is None:
        raise OptionError.of("out", said, "a new folder, an empty one, or one that a report was written to")
    for name in there:
        if name == LOG:
            continue
        if name not in listed:
            raise OptionError.of("out", said, f"a folder that holds only a report; {name!r} is no part of it")
        path = place / name
        if path.is_symlink() or hashlib.sha256(path.read_bytes()).hexdigest() != listed[name]:
            raise OptionError.of("out", said, f"another folder; {name!r} was changed since the report was written")


def _files(place: Path) -> Iterator[str]:
    """Paths inside the folder of everything that is no plain folder."""
    for at, folders, files in os.walk(place):
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        for name in (*files, *links):
            yield (Path(at) / name).relative_to(place).as_posix()


def _listed(place: Path) -> Mapping[str, str] | None:
    """The files that the log of a former report lists; None without such a log."""
    try:
        files = json.loads((place / LOG).read_text(encoding="utf-8"))[FILES]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return files if isinstance(files, dict) else None


def write_report(report: Report, folder: str | PathLike[str]) -> Path:
    """Write the page, the tables, the plots, the fits and the log.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    OptionError
        As :func:`check_place`.
    StoreError
        Where something cannot be written; then nothing has changed.
    """
    check_place(folder)
    place = _absolute(Path(folder))
    staged = place.with_name(f".relocchoice-{secrets.token_hex(8)}")
    try:
        staged.mkdir(parents=True)
        _fill(staged, report)
        _move(staged, place)
    except OSError as error:
        raise StoreError(f"the report cannot be written to {str(folder)!r}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Path(folder) / PAGE


def _move(staged: Path, place: Path) -> None:
    """The staged folder takes the place; if that fails, what was there is there again."""
    if not place.exists():
        os.rename(staged, place)
        return
    former = place.with_name(f".relocchoice-{secrets.token_hex(8)}")
    os.rename(place, former)
    try:
        os.rename(staged, place)
    except OSError:
        os.rename(former, place)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _fill(staged: Path, report: Report) -> None:
    for name in ("tables", "plots", "fits"):
        (staged / name).mkdir()
    shown = [part for section in report.sections for part in section.parts]
    for number, part in enumerate((part for part in shown if isinstance(part, Shown)), 1):
        for format in report.formats:
            save_table(
                part.table, staged / "tables" / f"{number:02d}-{file_stem(part.stem)}{FORMATS[format]}", part.frames
            )
    for number, figure in enumerate((part for part in shown if isinstance(part, Figure)), 1):
        (staged / "plots" / f"{number:02d}-{file_stem(figure.stem)}.svg").write_bytes(figure.svg)
    for number, (name, fit) in enumerate(report.fits.items(), 1):
        fit.save(staged / "fits" / f"{number:02d}-{file_stem(name)}.relocchoice")
    (staged / SPECIFICATION).write_text(report.spec_text, encoding="utf-8", newline="")
    (staged / PAGE).write_text(page(report), encoding="utf-8", newline="")
    for name in ("tables", "plots", "fits"):
        with suppress(OSError):  # not empty
            (staged / name).rmdir()
    files = {name: hashlib.sha256((staged / name).read_bytes()).hexdigest() for name in sorted(_files(staged))}
    (staged / LOG).write_text(_json({**report.log, FILES: files}), encoding="utf-8", newline="")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
