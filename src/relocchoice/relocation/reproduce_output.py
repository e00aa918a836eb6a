"""Reproductions as documents: one text for the screen, one file a table, and everything as JSON."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

import relocchoice
from relocchoice.errors import OptionError
from relocchoice.relocation.reproduce_record import PublishedFit, PublishedSkip, Reproduction
from relocchoice.results.render import render
from relocchoice.results.table import Table

OutputFormat = Literal["text", "markdown", "latex", "html", "json"]
ENDINGS: Mapping[OutputFormat, str] = {
    "text": ".txt",
    "markdown": ".md",
    "latex": ".tex",
    "html": ".html",
    "json": ".json",
}
WHOLE = "reproduce.json"

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c1c1c; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 0.5rem; }
.relocchoice { margin: 0 0 2rem; overflow-x: auto; }
.relocchoice table { border-collapse: collapse; margin: 0 0 0.75rem; }
.relocchoice th, .relocchoice td { padding: 0.15rem 0.75rem 0.15rem 0; font-weight: normal; vertical-align: top; }
.relocchoice-body { border-top: 2px solid #1c1c1c; border-bottom: 2px solid #1c1c1c; }
.relocchoice-body thead th { border-bottom: 1px solid #1c1c1c; font-weight: 600; }
.relocchoice-header th { color: #555; }
.relocchoice p { margin: 0.2rem 0; max-width: 60rem; }
.relocchoice pre { font-size: 13px; }
""".strip()


def check_output_format(format: str) -> None:
    """Raise OptionError where there is no such format."""
    if format not in get_args(OutputFormat):
        raise OptionError.of("format", format, ", ".join(get_args(OutputFormat)))


def document(reproductions: Iterable[Reproduction], format: OutputFormat) -> str:
    """All tables as one text of the format, with a line break at its end.

    Raises
    ------
    OptionError
        For another format.
    """
    check_output_format(format)
    return _DOCUMENTS[format](tuple(reproductions))


def files(reproductions: Iterable[Reproduction], format: OutputFormat) -> dict[str, str]:
    """File name -> content: one file a table, and for JSON the whole document beside them.

    Raises
    ------
    OptionError
        For another format.
    """
    check_output_format(format)
    held = tuple(reproductions)
    made = {f"{name}{ENDINGS[format]}": _file(table, format) for part in held for name, table in part.tables.items()}
    return {**made, WHOLE: document(held, "json")} if format == "json" else made


def _file(table: Table, format: OutputFormat) -> str:
    if format == "html":
        return _page(table.title, [render(table, "html")])
    if format == "json":
        return _dumped(_table_record(table))
    return render(table, format) + "\n"


def _text(parts: Sequence[Reproduction]) -> str:
    return _blocks(parts, lambda part: f"# {part.name}: {part.title}", lambda table: render(table, "text"))


def _markdown(parts: Sequence[Reproduction]) -> str:
    return _blocks(parts, lambda part: f"## {part.name}: {part.title}", lambda table: render(table, "markdown"))


def _latex(parts: Sequence[Reproduction]) -> str:
    return _blocks(parts, lambda part: f"% {part.name}: {part.title}", lambda table: render(table, "latex"))


def _blocks(parts: Sequence[Reproduction], head: Callable[[Reproduction], str], shown: Callable[[Table], str]) -> str:
    return "\n\n".join(block for part in parts for block in (head(part), *map(shown, part.tables.values()))) + "\n"


def _html(parts: Sequence[Reproduction]) -> str:
    bodies = []
    for part in parts:
        bodies.append(f"<h2>{escape(f'{part.name}: {part.title}')}</h2>")
        bodies += [render(table, "html") for table in part.tables.values()]
    return _page("relocchoice reproduce", bodies)


def _page(title: str, bodies: Sequence[str]) -> str:
    lines = (
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
        *bodies,
        "</body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------------- JSON


def _json(parts: Sequence[Reproduction]) -> str:
    published = [_published_record(record) for part in parts for record in part.published]
    return _dumped(
        {
            "package": "relocchoice",
            "version": relocchoice.__version__,
            "reproductions": [_reproduction_record(part) for part in parts],
            "published": published,
        }
    )


def _reproduction_record(part: Reproduction) -> dict[str, Any]:
    return {
        "name": part.name,
        "title": part.title,
        "tables": [{"name": name, **_table_record(table)} for name, table in part.tables.items()],
        "findings": part.findings,
    }


def _table_record(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "header": [list(pair) for pair in table.header],
        "columns": list(table.columns),
        "rows": [list(row) for row in table.rows],
        "notes": list(table.notes),
    }


def _published_record(record: PublishedFit | PublishedSkip) -> dict[str, Any]:
    if isinstance(record, PublishedSkip):
        return {"dataset": record.dataset, "model": record.model, "skipped": record.reason}
    return {
        "dataset": record.dataset,
        "model": record.model,
        "llf": record.llf,
        "llf_target": record.llf_target,
        "llf_difference": record.llf_difference,
        "largest_relative_difference": record.largest_relative_difference,
        "by_kind": record.by_kind,
        "converged": record.converged,
        "parameters": [
            {
                "name": pair.name,
                "estimate": pair.estimate,
                "target": pair.target,
                "errors": pair.errors,
                "errors_target": pair.errors_target,
            }
            for pair in record.parameters
        ],
    }


def _dumped(value: Any) -> str:
    return json.dumps(_plain(value), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """The value in JSON's own types: NaN as null, the infinities as ``"inf"`` and ``"-inf"``."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


_DOCUMENTS: Mapping[OutputFormat, Callable[[Sequence[Reproduction]], str]] = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "json": _json,
}


# --------------------------------------------------------------------------------------------------- files


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that files cannot be written to; makes nothing.

    Raises
    ------
    OptionError
        When the path, or what it would have to be made in, is no folder or not writable.
    """
    path = Path(folder)
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise OptionError.of("out", str(folder), f"a folder; {str(nearest)!r} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OptionError.of("out", str(folder), f"a folder that can be written to; {str(nearest)!r} cannot")


def write_files(folder: str | os.PathLike[str], contents: Mapping[str, str]) -> tuple[Path, ...]:
    """Write files into a folder, which is made; each is there whole or not at all.

    All are written beside their place first and moved when the last one is complete.

    Raises
    ------
    OptionError
        When the folder cannot be made or written to; then no file has been touched.
    """
    check_folder(folder)
    target = Path(folder)
    blocked = [name for name in contents if (target / name).is_dir()]
    if blocked:
        raise OptionError.of("out", str(folder), f"a folder in which {blocked[0]!r} is not itself a folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".relocchoice-", dir=target))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for name, content in contents.items():
            (staged / name).write_text(content, encoding="utf-8")
        for name in contents:
            os.replace(staged / name, target / name)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return tuple(target / name for name in contents)


def _unwritable(folder: str | os.PathLike[str], error: OSError) -> OptionError:
    return OptionError.of("out", str(folder), f"a folder that can be written to ({error.strerror or error})")
