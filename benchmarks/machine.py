"""What a run is measured on: the environment of its processes, the machine's words, and its roofline."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relocchoice.kernels import fused

# An environment may hold a library to another processor than the one it runs on: BLAS at 0.6 of its speed was seen.
PRESETS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RELOCCHOICE_NUM_THREADS",
)
PACKAGES = ("numpy", "scipy", "pandas", "relocchoice")


def cpus() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int) -> dict[str, str]:
    """The environment of every measured process: no presets, a stated number of threads, no accelerator."""
    kept = {name: value for name, value in os.environ.items() if name not in PRESETS}
    quiet = {"PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return kept | dict.fromkeys(THREAD_VARIABLES, str(threads)) | quiet


@dataclass(frozen=True, slots=True)
class Roofline:
    """What the machine can do at most, measured.

    Attributes
    ----------
    read : bytes a second from memory; multiply_add : floating-point operations a second (a multiply-add is two);
    exp : exponentials a second.
    threads : with how many; source : what measured it.
    """

    read: float
    multiply_add: float
    exp: float
    threads: int
    source: str

    def reads(self, seconds: float, size: float) -> float:
        """Seconds in units of one read of so many bytes."""
        return seconds * self.read / size

    def bound(self, cases: int, alternatives: int, coefficients: int) -> float:
        """Least seconds of one evaluation with Hessian and outer product on a dense design."""
        cells = cases * alternatives
        flops = cells * (4 * coefficients + coefficients * (coefficients + 1))
        flops += cases * coefficients * (coefficients + 1)
        return max(8 * cells * coefficients / self.read, flops / self.multiply_add, cells / self.exp)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def roofline(threads: int, megabytes: int = 256, rounds: int = 7) -> Roofline:
    """Measure it. One interface: a better source replaces the body.

    NumPy in ``threads`` Python threads, BLAS held to one thread each: the fastest of several reductions over an array
    far larger than the caches, or the compiled core's if that is faster; products of matrices; ``np.exp`` on blocks
    that fit the second cache.
    """
    from threadpoolctl import threadpool_limits

    array = np.ones(megabytes * 2**17)
    parts = np.array_split(array, threads)
    reductions: tuple[Callable[[Any], Any], ...] = (np.sum, np.max, lambda part: part @ part)
    size = 600 if megabytes >= 64 else 60
    left, right = np.full((size, size), 0.5), np.full((size, size), 0.25)
    products = [np.empty((size, size)) for _ in range(threads)]
    points = [np.linspace(-5.0, 0.0, 8192) for _ in range(threads)]
    outs = [np.empty(8192) for _ in range(threads)]
    repeat = max(1, 20 if megabytes >= 64 else 1)

    def multiply(lane: int) -> None:
        for _ in range(repeat):
            np.matmul(left, right, out=products[lane])

    def exponentials(lane: int) -> None:
        for _ in range(100 * repeat):
            np.exp(points[lane], out=outs[lane])

    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1):
        lanes = range(threads)
        read = min(_fastest(pool, reduction, parts, rounds) for reduction in reductions)
        flops = _fastest(pool, multiply, lanes, rounds)
        exps = _fastest(pool, exponentials, lanes, rounds)
    if fused.level() != fused.NUMPY:
        with fused.held(n_threads=threads):
            read = min(read, *(_seconds(fused.read_once, array) for _ in range(rounds)))
    return Roofline(
        read=array.nbytes / read,
        multiply_add=threads * repeat * 2.0 * size**3 / flops,
        exp=threads * repeat * 100.0 * 8192 / exps,
        threads=threads,
        source=f"NumPy {np.__version__} and the compiled core"
        if fused.level() != fused.NUMPY
        else f"NumPy {np.__version__}",
    )


def _seconds(work: Callable[[Any], Any], argument: Any) -> float:
    began = time.perf_counter()
    work(argument)
    return time.perf_counter() - began


def _fastest(pool: ThreadPoolExecutor, work: Callable[[Any], Any], parts: Any, rounds: int) -> float:
    """Seconds of the fastest of some rounds of all parts at once."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        list(pool.map(work, parts))
        taken.append(time.perf_counter() - began)
    return min(taken)


def processor() -> str:
    """Its name, as the system has it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def machine() -> dict[str, Any]:
    """Processor, system and versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            import relocchoice

            versions[package] = relocchoice.__version__
    return {
        "processor": processor(),
        "cpus": cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def load_average() -> float:
    """Processes that ran or waited over the last minute; NaN where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
