"""One file with a JSON text and numbered arrays: written whole or not at all, read without trusting it.

The file is a zip archive with two members, ``fit.json`` (UTF-8) and ``arrays.npz`` (NumPy's format, no pickles).
"""

from __future__ import annotations

import io
import json
import math
import os
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from relocchoice.errors import StoreError

TEXT = "fit.json"
NUMBERS = "arrays.npz"
LARGEST_TEXT = 64 * 2**20
LARGEST_NUMBERS = 1024 * 2**20
MOST_ARRAYS = 10_000
_ALLOWED_DTYPES = ("<f8", "<i8", "|b1")


def write_archive(path: Path, text: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the file; an existing one is replaced only once the new one is complete on the disk.

    Raises
    ------
    StoreError
        Where the folder does not exist or cannot be written, or the fit is larger than can be read back.
    """
    content = _packed(text, arrays)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"the fit cannot be written to {str(path)!r}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _packed(text: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of the file; the same fit gives the same bytes."""
    numbers = io.BytesIO()
    np.savez(numbers, allow_pickle=False, **arrays)
    members = {
        TEXT: json.dumps(text, ensure_ascii=False, allow_nan=False, indent=1).encode(),
        NUMBERS: numbers.getvalue(),
    }
    for name, largest in ((TEXT, LARGEST_TEXT), (NUMBERS, LARGEST_NUMBERS)):
        if len(members[name]) > largest:
            raise StoreError(
                f"the fit is too large to be saved: {name} has {len(members[name])} bytes, at most {largest}"
            )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The JSON object and the arrays of a file.

    Raises
    ------
    StoreError
        Where there is no such file, or it is anything but what :func:`write_archive` writes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sorted(archive.namelist()) != sorted((TEXT, NUMBERS)):
                raise StoreError(
                    f"{str(path)!r} is a zip archive but not a saved fit: it does not hold {TEXT} and {NUMBERS}"
                )
            text = _member(archive, TEXT, LARGEST_TEXT)
            numbers = _member(archive, NUMBERS, LARGEST_NUMBERS)
        return _json(text), _arrays(numbers)
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise StoreError(f"{str(path)!r} is not a saved fit, or it is damaged: {error}") from error


def _member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """A member's bytes; the size that the archive states is not believed."""
    if archive.getinfo(name).file_size > largest:
        raise StoreError(f"{name} says it has {archive.getinfo(name).file_size} bytes; at most {largest} are read")
    with archive.open(name) as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise StoreError(f"{name} is larger than {largest} bytes, the most that is read")
    return content


def _json(text: bytes) -> dict[str, Any]:
    content = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    if not isinstance(content, dict):
        raise StoreError(f"{TEXT} does not hold an object")
    return content


def _no_constant(name: str) -> float:
    raise ValueError(f"{TEXT} holds {name}, which is not JSON")


def _arrays(numbers: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(numbers)) as archive:
        names = archive.namelist()
        if len(names) > MOST_ARRAYS or len(set(names)) != len(names):
            raise StoreError(f"{NUMBERS} holds more than {MOST_ARRAYS} arrays, or one twice")
        if sum(archive.getinfo(name).file_size for name in names) > LARGEST_NUMBERS:
            raise StoreError(f"{NUMBERS} says it unpacks to more than {LARGEST_NUMBERS} bytes, the most that is read")
        return {name.removesuffix(".npy"): _array(_member(archive, name, LARGEST_NUMBERS), name) for name in names}


def _array(content: bytes, name: str) -> NDArray[Any]:
    """One array; NumPy's own reader would allocate whatever shape the header claims before it looks at the data."""
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    if version != (1, 0):
        raise StoreError(f"array {name!r} is stored in version {version} of NumPy's format; (1, 0) is read")
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    data = content[stream.tell() :]
    if dtype.str not in _ALLOWED_DTYPES or len(data) != math.prod(shape) * dtype.itemsize:
        raise StoreError(
            f"array {name!r} has type {dtype} and shape {shape}, which its {len(data)} bytes do not bear out"
        )
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C").copy()
