"""The peers' environments: ``python -m benchmarks.environments [NAME ...] [--folder DIR]`` makes them, one a peer.

The versions are pinned in ``peers/requirements/NAME.txt``. Complete environments are left as they are. R is
not installed here: its packages are used where R and they are found.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import machine
from benchmarks.peers import FAST, HERE, PEERS, Peer

VARIABLE = "RELOCCHOICE_BENCHMARK_ENVIRONMENTS"
STAMP = "requirements.sha256"


def default_folder() -> Path:
    """Where the environments are: ``$RELOCCHOICE_BENCHMARK_ENVIRONMENTS``, else in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get(VARIABLE) or cache / "relocchoice" / "benchmark-environments")


def requirements(name: str) -> Path:
    """The pinned versions of a peer."""
    return HERE / "requirements" / f"{name}.txt"


def interpreter(peer: Peer, folder: Path) -> Path | None:
    """What runs a peer's file: the Python of its environment, or Rscript; None where it is absent."""
    if peer.script.endswith(".R"):
        found = shutil.which("Rscript")
        return Path(found) if found and _has_packages(found, peer.needs) else None
    python = _python(folder / peer.name)
    return python if python.exists() and (folder / peer.name / STAMP).exists() else None


def absence(peer: Peer) -> str:
    """Why a peer is absent, and the way out."""
    if peer.script.endswith(".R"):
        return f"absent: R with the package {peer.name} was not found"
    return f"absent: python -m benchmarks.environments {peer.name} installs it"


def install(name: str, folder: Path) -> None:
    """Make the environment of a peer. Raises CalledProcessError when it cannot be made."""
    wanted = hashlib.sha256(requirements(name).read_bytes()).hexdigest()
    place = folder / name
    stamp = place / STAMP
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    pip, quiet = [str(_python(place)), "-m", "pip"], ["--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *quiet, "-r", str(requirements(name))], check=True)
    if PEERS[name].without:
        subprocess.run([*pip, "uninstall", *quiet, "--yes", *PEERS[name].without], check=True)
    _import_once(PEERS[name], _python(place))
    stamp.write_text(wanted, encoding="ascii")


def _import_once(peer: Peer, python: Path) -> None:
    """See that it can be imported; what it compiles at the first import of all belongs to the installation."""
    code = f"from benchmarks.peers.{peer.script.removesuffix('.py')} import imported; print(imported())"
    environment = machine.environment(machine.cpus()) | {"PYTHONPATH": str(HERE.parents[1]), "PYTHONNOUSERSITE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(python), "-c", code], check=True, cwd=folder, env=environment)


def _python(place: Path) -> Path:
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _has_packages(program: str, packages: tuple[str, ...]) -> bool:
    code = ";".join(f"stopifnot(requireNamespace('{package}', quietly = TRUE))" for package in packages)
    return subprocess.run([program, "-e", code], capture_output=True, check=False).returncode == 0


def main() -> int:
    """Read the command line, make the environments; 1 when one could not be made."""
    python = tuple(name for name, peer in PEERS.items() if not peer.script.endswith(".R"))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.environments", description="Make the environments of the compared packages."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(python)}; 'fast'; default: all")
    parser.add_argument("--folder", type=Path, default=default_folder())
    options = parser.parse_args()
    names = [one for name in options.names or python for one in (FAST if name == "fast" else (name,))]
    unknown = [name for name in names if name not in python]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(python)}, fast")
    failed = []
    for name in names:
        print(f"{name} ...", flush=True)
        try:
            install(name, options.folder)
        except subprocess.CalledProcessError:
            failed.append(name)
    if failed:
        print(f"could not be made: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
