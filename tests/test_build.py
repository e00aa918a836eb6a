"""The package builds with a compiler, without one, in place and from its source distribution; it says what it did."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import relocchoice as rc
from relocchoice import versions
from relocchoice.kernels import fused

ROOT = Path(__file__).parents[1]
PARTS = (
    "src",
    "data",
    "docs",
    "hatch_build.py",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    ".gitignore",
)


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = hook()
COMPILES = sys.platform != "win32" and any(map(shutil.which, ("c++", "g++", "clang++")))
needs_compiler = pytest.mark.skipif(not COMPILES, reason="no C++ compiler on this system")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No settings of the outside."""
    for name in ("CXX", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "RELOCCHOICE_BUILD_CORE", "RELOCCHOICE_CORE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"RELOCCHOICE_BUILD_CORE": "0"}, "RELOCCHOICE_BUILD_CORE=0"),
        ({"CXX": "no-such-compiler -O2"}, r"no compiler no-such-compiler \(CXX\)"),
        ({"CXX": "false"}, "false failed: exit status 1"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is compiled on Windows")
def test_why_nothing_was_compiled(settings, reason, environment, tmp_path):
    for name, value in settings.items():
        environment.setenv(name, value)
    with pytest.raises(BUILD.NotBuiltError, match=reason):
        BUILD.compiled(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is compiled on Windows")
def test_no_compiler_on_the_path(environment, tmp_path):
    environment.setenv("PATH", str(tmp_path))
    with pytest.raises(BUILD.NotBuiltError, match=r"no C\+\+ compiler was found"):
        BUILD.compiled(tmp_path)


@needs_compiler
def test_the_compilers_first_error_is_the_reason(environment, tmp_path):
    environment.setenv("CXXFLAGS", "-DPy_PYTHON_H -include no_such_header.h")
    with pytest.raises(BUILD.NotBuiltError, match=r"failed: .*no_such_header\.h"):
        BUILD.compiled(tmp_path)


def test_a_core_of_other_sources_does_not_stay(tmp_path):
    (tmp_path / BUILD.CORE).write_bytes(b"old")
    assert BUILD._without(tmp_path, "no compiler") == tmp_path / BUILD.REASON
    assert [path.name for path in tmp_path.iterdir()] == [versions.REASON]


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm on this system")
def test_objects_of_an_instruction_set_hold_nothing_of_the_standard_library(environment, tmp_path):
    """The linker may keep one of several equal weak symbols, and with it instructions that a processor has not got."""
    BUILD.compiled(tmp_path, tmp_path)
    for name in ("kernel_avx2.o", "kernel_avx512.o"):
        told = subprocess.run(["nm", "-C", tmp_path / name], capture_output=True, text=True, check=True).stdout
        defined = [line.split(maxsplit=2)[1:] for line in told.splitlines() if " U " not in line]
        shared = [symbol for kind, symbol in defined if kind not in "bdrt"]
        assert set(shared) <= {"core::kernel_avx2", "core::kernel_avx512"}, shared


def test_versions_name_everything(capsys, environment):
    rc.show_versions()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["relocchoice"] == rc.__version__
    assert {"Python", "numpy", "scipy", "pandas", "formulaic", "statsmodels", "core", "threads", "BLAS"} <= set(lines)
    assert all(lines.values())


def test_the_core_in_words(environment, tmp_path):
    compiled = fused.levels()[:-1]
    if compiled:
        assert versions.core_in_words().startswith(f"compiled, {compiled[0]}")
        environment.setenv("RELOCCHOICE_CORE", "numpy")
        assert versions.core_in_words() == f"NumPy (RELOCCHOICE_CORE=numpy; compiled: {', '.join(compiled)})"
    environment.setenv("RELOCCHOICE_CORE", "sse9")
    assert "RELOCCHOICE_CORE=sse9 is none of" in versions.core_in_words()
    environment.delenv("RELOCCHOICE_CORE")
    environment.setattr(fused, "_core", None)
    environment.setattr(fused, "__file__", str(tmp_path / "fused.py"))
    environment.setitem(sys.modules, "relocchoice.kernels._core", None)
    assert versions.core_in_words() == "NumPy (the compiled core was not built: its file is not there)"
    (tmp_path / versions.REASON).write_text("no C++ compiler was found\n", encoding="utf-8")
    assert versions.core_in_words() == "NumPy (the compiled core was not built: no C++ compiler was found)"
    assert versions.versions().threads == "1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources as somebody else has them."""
    out = tmp_path / "checkout"
    out.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, out / part, ignore=shutil.ignore_patterns("__pycache__", BUILD.CORE, BUILD.REASON)
            )
        else:
            shutil.copy(ROOT / part, out / part)
    return out


def pip(python: Path | str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "pip", *arguments, "--no-deps", "--quiet", "--disable-pip-version-check"]
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("RELOCCHOICE_") and k != "PYTHONPATH"},
        **environment,
    }
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def wheel(source: Path, to: Path, **environment: str) -> zipfile.ZipFile:
    done = pip(sys.executable, "wheel", source, "-w", to, **environment)
    assert done.returncode == 0, done.stderr
    (path,) = to.glob("*.whl")
    return zipfile.ZipFile(path)


def core_files(built: zipfile.ZipFile) -> list[str]:
    return [name for name in built.namelist() if name.endswith((BUILD.CORE, BUILD.REASON))]


@pytest.mark.slow
@needs_compiler
def test_wheel_with_the_core(checkout, tmp_path):
    built = wheel(checkout, tmp_path / "w", RELOCCHOICE_BUILD_CORE="1")
    assert "-cp311-abi3-" in str(built.filename)
    assert core_files(built) == [f"relocchoice/kernels/{BUILD.CORE}"]
    assert "relocchoice/versions.py" in built.namelist()
    assert not any(name.startswith("core/") or name.endswith(".cpp") for name in built.namelist())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"RELOCCHOICE_BUILD_CORE": "0"}, "RELOCCHOICE_BUILD_CORE=0"),
        ({"CXX": "no-such-compiler"}, "no compiler no-such-compiler (CXX)"),
        ({"PATH": ""}, "no C++ compiler was found"),
    ],
    ids=["not wanted", "wrong compiler", "no compiler"],
)
def test_wheel_without_the_core(settings, reason, checkout, tmp_path):
    built = wheel(checkout, tmp_path / "w", **settings)
    assert str(built.filename).endswith("-py3-none-any.whl")
    assert core_files(built) == [f"relocchoice/kernels/{BUILD.REASON}"]
    assert built.read(f"relocchoice/kernels/{BUILD.REASON}").decode().strip() == reason


@pytest.mark.slow
def test_a_core_that_must_be_built_and_cannot_is_an_error(checkout, tmp_path):
    done = pip(
        sys.executable, "wheel", checkout, "-w", tmp_path / "w", CXX="no-such-compiler", RELOCCHOICE_BUILD_CORE="1"
    )
    assert done.returncode != 0
    assert "no compiler no-such-compiler" in done.stdout + done.stderr


@pytest.mark.slow
@needs_compiler
def test_editable_install_compiles_in_place(checkout, tmp_path):
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    done = pip(python, "install", "-e", checkout)
    assert done.returncode == 0, done.stderr
    kernels = checkout / "src" / "relocchoice" / "kernels"
    assert (kernels / BUILD.CORE).is_file()
    loaded = subprocess.run([python, "-c", _load(kernels)], capture_output=True, text=True, check=True).stdout
    assert "baseline" in loaded
    done = pip(python, "install", "-e", checkout, RELOCCHOICE_BUILD_CORE="0")
    assert done.returncode == 0, done.stderr
    assert not (kernels / BUILD.CORE).exists()
    assert (kernels / BUILD.REASON).read_text().strip() == "RELOCCHOICE_BUILD_CORE=0"


def _load(kernels: Path) -> str:
    """Code that loads the module alone, where NumPy is not installed."""
    return (
        "import importlib.machinery as m, importlib.util as u; "
        f"l = m.ExtensionFileLoader('_core', {str(kernels / BUILD.CORE)!r}); "
        "s = u.spec_from_loader('_core', l); c = u.module_from_spec(s); l.exec_module(c); print(c.levels())"
    )


@pytest.mark.slow
@needs_compiler
def test_source_distribution_builds_the_same_wheel(checkout, tmp_path, run_in_clean: Callable[..., None]):
    run_in_clean("-m", "build", "--sdist", "--outdir", tmp_path / "s", checkout)
    (source,) = (tmp_path / "s").glob("*.tar.gz")
    built = wheel(source, tmp_path / "w", RELOCCHOICE_BUILD_CORE="1")
    assert core_files(built) == [f"relocchoice/kernels/{BUILD.CORE}"]
    direct = wheel(checkout, tmp_path / "d", RELOCCHOICE_BUILD_CORE="1")
    assert sorted(built.namelist()) == sorted(direct.namelist())


@pytest.fixture
def run_in_clean(tmp_path: Path) -> Callable[..., None]:
    """Runs Python in a new environment that has ``build``."""
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "build"], check=True)

    def run(*arguments: str | Path) -> None:
        done = subprocess.run([python, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run
