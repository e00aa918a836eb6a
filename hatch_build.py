"""Compiles src/core into ``relocchoice/kernels/_core.abi3.so`` when the package is built.

Without a C++ compiler, or where it fails, the package is built all the same: the NumPy path then serves, and
``relocchoice.show_versions()`` says why. The environment decides:

* RELOCCHOICE_BUILD_CORE: ``0`` does not try, ``1`` makes a failure an error;
* CXX, CPPFLAGS, CXXFLAGS, LDFLAGS: the compiler, and options before our own.

``python hatch_build.py`` compiles in place, for a checkout that is used from ``src``.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # compiled in place, without a build frontend
    BuildHookInterface = object  # type: ignore[assignment, misc]

ROOT = Path(__file__).resolve().parent
SOURCES = Path("src", "core")
KERNELS = Path("src", "relocchoice", "kernels")
CORE = "_core.abi3.so"
REASON = "core_not_built.txt"  # read by relocchoice/versions.py
PYTHON_TAG = "cp311-abi3"  # Py_LIMITED_API in src/core/module.cpp
# The math options give up errno and traps alone; -ffast-math would give up infinities, and with them the results.
OPTIONS = (
    "-std=c++17", "-O3", "-fPIC", "-pthread", "-fvisibility=hidden", "-fno-fast-math", "-ffp-contract=fast",
    "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi",
)  # fmt: skip


class NotBuiltError(Exception):
    """Why there is no compiled core, in words."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]
    """The hook that the build backend calls."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the wheel, or into the source tree of an editable install."""
        self._folder = tempfile.TemporaryDirectory()
        in_place = version == "editable"
        folder = ROOT / KERNELS if in_place else Path(self._folder.name)
        try:
            path = compiled(folder)
        except NotBuiltError as error:
            if _wanted() == "1":
                raise
            self.app.display_warning(f"The compiled core was not built: {error}. The NumPy path will serve.")
            path = _without(folder, str(error))
        if in_place:
            return
        build_data["force_include"][str(path)] = f"relocchoice/kernels/{path.name}"
        if path.name == CORE:
            build_data["pure_python"] = False
            build_data["tag"] = f"{PYTHON_TAG}-{_platform()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Drop what the wheel now holds."""
        self._folder.cleanup()


def compiled(folder: Path, objects: Path | None = None) -> Path:
    """Compile the core into a folder.

    Parameters
    ----------
    folder : where the module goes; it is replaced whole, so that processes which use the old one keep it.
    objects : where the object files stay; None keeps none.

    Returns
    -------
    Path
        The module.

    Raises
    ------
    NotBuiltError
        Where it was not wanted, there is no compiler, or the compiler fails.
    """
    _check()
    compiler = _compiler()
    with tempfile.TemporaryDirectory() as temporary:
        objects = Path(temporary) if objects is None else objects
        include = [f"-I{path}" for path in dict.fromkeys(map(sysconfig.get_path, ("include", "platinclude")))]
        options = [*_options("CPPFLAGS"), *_options("CXXFLAGS"), *OPTIONS, *_architecture(), *include]
        sources = sorted(path.relative_to(ROOT) for path in (ROOT / SOURCES).glob("*.cpp"))
        outputs = [objects / f"{source.stem}.o" for source in sources]
        commands = [
            [*compiler, *options, "-c", str(source), "-o", str(output)]
            for source, output in zip(sources, outputs, strict=True)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, commands))
        module = Path(temporary) / CORE
        shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        link = [*_options("CXXFLAGS"), *_options("LDFLAGS"), *shared, "-pthread", *_architecture()]
        _run([*compiler, *link, *map(str, outputs), "-o", str(module)])
        shutil.copy2(module, folder / f"{CORE}.new")
        (folder / f"{CORE}.new").replace(folder / CORE)
    (folder / REASON).unlink(missing_ok=True)
    return folder / CORE


def _without(folder: Path, reason: str) -> Path:
    """Write down why there is no core; one of other sources is taken away."""
    (folder / CORE).unlink(missing_ok=True)
    (folder / REASON).write_text(f"{reason}\n", encoding="utf-8")
    return folder / REASON


def _wanted() -> str:
    return os.environ.get("RELOCCHOICE_BUILD_CORE", "")


def _check() -> None:
    if _wanted() not in ("", "0", "1"):
        raise ValueError(f"RELOCCHOICE_BUILD_CORE={_wanted()} is not valid; valid: 0, 1, or not set")
    if _wanted() == "0":
        raise NotBuiltError("RELOCCHOICE_BUILD_CORE=0")
    if sys.platform == "win32":
        raise NotBuiltError("it is not for Windows yet")
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise NotBuiltError("it is for CPython with its global lock")


def _compiler() -> list[str]:
    asked = _options("CXX")
    if asked:
        if shutil.which(asked[0]) is None:
            raise NotBuiltError(f"no compiler {asked[0]} (CXX)")
        return asked
    own = shlex.split(sysconfig.get_config_var("CXX") or "")[:1]
    for name in (*own, "c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise NotBuiltError("no C++ compiler was found")


def _options(variable: str) -> list[str]:
    return shlex.split(os.environ.get(variable, ""))


def _machines() -> list[str]:
    """Processors of a build on macOS: those of ARCHFLAGS, or this one."""
    words = _options("ARCHFLAGS")
    return [after for word, after in pairwise(words) if word == "-arch"] or [platform.machine()]


def _oldest_macos() -> str:
    return os.environ.get("MACOSX_DEPLOYMENT_TARGET", "10.15" if _machines() == ["x86_64"] else "11.0")


def _architecture() -> list[str]:
    if sys.platform != "darwin":
        return []
    machines = [word for machine in _machines() for word in ("-arch", machine)]
    return [*machines, f"-mmacosx-version-min={_oldest_macos()}"]


def _platform() -> str:
    """The wheel's platform tag."""
    if sys.platform != "darwin":
        return sysconfig.get_platform().replace("-", "_").replace(".", "_")
    major, _, minor = _oldest_macos().partition(".")
    machines = _machines()
    return f"macosx_{major}_{minor or '0'}_{machines[0] if len(machines) == 1 else 'universal2'}"


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise NotBuiltError(f"{Path(command[0]).name} cannot be run: {error.strerror}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        first = next((line for line in lines if "error" in line), lines[-1])
        print(done.stderr, file=sys.stderr)
        raise NotBuiltError(f"{Path(command[0]).name} failed: {first.strip()}")


if __name__ == "__main__":
    try:
        print(compiled(ROOT / KERNELS).relative_to(ROOT))
    except NotBuiltError as error:
        sys.exit(f"The compiled core was not built: {error}.")
