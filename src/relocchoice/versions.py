"""What computes here: versions, the compiled core or the NumPy path, threads, BLAS."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

from relocchoice.errors import OptionError
from relocchoice.kernels import fused

PACKAGES = ("numpy", "scipy", "pandas", "formulaic", "narwhals", "statsmodels", "threadpoolctl")
REASON = "core_not_built.txt"  # written by hatch_build.py


@dataclass(frozen=True, slots=True)
class Versions:
    """What :func:`show_versions` prints.

    Attributes
    ----------
    packages : names with versions, Python's and the system's among them.
    core : what evaluations run on.
    threads : how many threads an evaluation uses, or why none can start.
    blas : the libraries that NumPy and SciPy multiply with.
    """

    packages: dict[str, str]
    core: str
    threads: str
    blas: tuple[str, ...]

    def __str__(self) -> str:
        rows = {**self.packages, "core": self.core, "threads": self.threads, "BLAS": "; ".join(self.blas)}
        width = max(map(len, rows))
        return "\n".join(f"{name:<{width}}  {text}" for name, text in rows.items())


def show_versions() -> None:
    """Print the versions of the package and of those it computes with, and which core evaluates likelihoods."""
    print(versions())


def versions() -> Versions:
    """The same as a record."""
    packages = {"relocchoice": import_module("relocchoice").__version__}
    packages["Python"] = f"{platform.python_version()} ({platform.python_implementation()}, {sys.platform})"
    packages["processor"] = f"{platform.machine()}, {os.cpu_count()} logical"
    packages.update({name: _version(name) for name in PACKAGES})
    core = core_in_words()
    return Versions(packages, core, _threads() if core.startswith("compiled") else "1", _blas())


def _threads() -> str:
    try:
        return str(fused.threads())
    except OptionError as error:
        return f"none, because {error}"


def core_in_words() -> str:
    """Which core serves, and why not the compiled one where it does not."""
    asked = os.environ.get("RELOCCHOICE_CORE", "")
    if asked and asked not in fused.levels():
        return f"none, because RELOCCHOICE_CORE={asked} is none of {', '.join(fused.levels())}"
    held, *others = fused.level(), *(level for level in fused.levels() if level not in (fused.level(), fused.NUMPY))
    if held != fused.NUMPY:
        also = f" (also {', '.join(others)})" if others else ""
        return f"compiled, {held}{also}"
    if others:
        return f"NumPy (RELOCCHOICE_CORE=numpy; compiled: {', '.join(others)})"
    return f"NumPy (the compiled core was not built: {_reason()})"


def _reason() -> str:
    written = Path(fused.__file__).with_name(REASON)
    try:
        import_module("relocchoice.kernels._core")
    except ModuleNotFoundError:
        return written.read_text(encoding="utf-8").strip() if written.is_file() else "its file is not there"
    except ImportError as error:
        return f"it cannot be loaded, {error}"
    return "it was taken out"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _blas() -> tuple[str, ...]:
    """Name, version, kernels and threads of each BLAS that is loaded."""
    for name in ("numpy", "scipy.linalg"):
        import_module(name)
    found = [
        " ".join(str(info[key]) for key in ("internal_api", "version", "architecture") if info.get(key))
        + f", {info['num_threads']} threads"
        for info in threadpool_info()
        if info["user_api"] == "blas"
    ]
    return tuple(dict.fromkeys(found)) or ("none that threadpoolctl knows",)
