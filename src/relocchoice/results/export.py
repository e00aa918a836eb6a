"""Tables as files: the ending names the format, and a file is written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from html import escape
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from relocchoice.errors import OptionError, StoreError
from relocchoice.results.render import render
from relocchoice.results.table import Table
from relocchoice.results.textwidth import visible

Frames = Mapping[str, pd.DataFrame]


def save_table(table: Table, path: str | PathLike[str], frames: Frames | None = None) -> Path:
    """Write a table in the format of the path's ending.

    Parameters
    ----------
    table : what to show.
    path : ends in one of :data:`WRITERS`; an existing file is replaced once the new one is complete.
    frames : name -> figures in full precision, for the further sheets of a workbook; other formats leave them out.

    Returns
    -------
    Path
        Where the file is.

    Raises
    ------
    OptionError
        For another ending, or where the package that writes the format is not installed.
    StoreError
        Where the folder does not exist or the file cannot be written.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise OptionError.of("path", str(path), f"a path that ends in {', '.join(WRITERS)}")
    write_whole(path, writer(table, frames or {}))
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write the bytes; an existing file is replaced only once the new one is complete on the disk.

    Raises
    ------
    StoreError
        Where the folder does not exist or cannot be written.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def optional(module: str, package: str, extra: str) -> Any:
    """A module of an optional dependency.

    Raises
    ------
    OptionError
        Where it is not installed; says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        message = f"this needs {package}, which is not installed; pip install 'relocchoice[{extra}]'"
        raise OptionError(message) from error


def _text(table: Table, frames: Frames) -> bytes:
    return f"{render(table, 'text')}\n".encode()


def _markdown(table: Table, frames: Frames) -> bytes:
    return f"{render(table, 'markdown')}\n".encode()


def _latex(table: Table, frames: Frames) -> bytes:
    return f"{render(table, 'latex')}\n".encode()


def _typst(table: Table, frames: Frames) -> bytes:
    return f"{render(table, 'typst')}\n".encode()


_STYLE = """
:root { color-scheme: light dark; }
body { font-family: "Liberation Sans", Arial, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; margin: 1.5rem; }
.relocchoice { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0; }
th, td { padding: 0.1rem 0.6rem; }
th { font-weight: normal; }
table.relocchoice-body { border-top: 2px solid; border-bottom: 2px solid; }
table.relocchoice-body thead th { border-bottom: 1px solid; }
"""


def _html(table: Table, frames: Frames) -> bytes:
    """A page of its own, which needs no network."""
    title = escape(visible(table.title or "relocchoice"))
    head = (
        f'<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>"
    )
    page = f"<!doctype html>\n<html>\n<head>\n{head}\n</head>\n<body>\n{render(table, 'html')}\n</body>\n</html>\n"
    return page.encode()


def _docx(table: Table, frames: Frames) -> bytes:
    from relocchoice.results.render_docx import docx

    return docx(table, optional("docx", "python-docx", "tables"))


def _xlsx(table: Table, frames: Frames) -> bytes:
    from relocchoice.results.render_xlsx import xlsx

    return xlsx(table, optional("openpyxl", "openpyxl", "tables"), frames)


WRITERS: Mapping[str, Callable[[Table, Frames], bytes]] = {
    ".txt": _text,
    ".md": _markdown,
    ".tex": _latex,
    ".html": _html,
    ".typ": _typst,
    ".docx": _docx,
    ".xlsx": _xlsx,
}
