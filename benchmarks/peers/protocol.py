"""What every peer's file shares: the arrays of a problem, frames made from them, the timing, the record.

It runs in the peers' environments, so it imports NumPy alone (pandas where a frame is asked for).

The arrays of a problem, n cases, J alternatives, K coefficients in the order of the names:

    generic (n, J, Kg)    zone (Kz, J)    case (S, n)    available (n, J) bool, or absent    weights (n,), or absent
    chosen (n,) from 0    nests: sizes in the order of the alternatives, or empty             names (K,)
    shape: n, J, products of zone and case variables, case variables by alternative, constants (0/1), place of the base
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
LONG_ENOUGH = 240.0  # seconds of a first fit after which there is no second


def load(path: Path) -> Arrays:
    """The arrays of a problem from its file."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def utilities(arrays: Arrays, beta: np.ndarray, cases: slice) -> np.ndarray:
    """(n, J) utilities of some cases, without making the dense design."""
    _, width, products, own, constants, base = arrays["shape"].tolist()
    generic, zone, case = arrays["generic"][cases], arrays["zone"], arrays["case"][:, cases]
    ends = np.cumsum([generic.shape[2], len(zone), products, constants * (width - 1)])
    shared, by_zone, by_product, intercepts, by_own = np.split(beta, ends)
    v = generic @ shared + by_zone @ zone
    for k in range(products):
        v += by_product[k] * case[k][:, None] * zone[k]
    others = np.delete(np.arange(width), base)
    if constants:
        v[:, others] += intercepts
    if own:
        v[:, others] += case.T @ by_own.reshape(own, width - 1)
    return v


def dense(arrays: Arrays, cases: slice) -> np.ndarray:
    """(n, J, K) design of some cases, a column a coefficient; the generic columns themselves where these are all."""
    _, width, products, own, constants, base = arrays["shape"].tolist()
    generic, zone, case = arrays["generic"][cases], arrays["zone"], arrays["case"][:, cases]
    count = len(arrays["names"])
    if generic.shape[2] == count:
        return generic
    x = np.zeros((len(generic), width, count))
    k = generic.shape[2]
    x[:, :, :k] = generic
    x[:, :, k : k + len(zone)] = zone.T
    k += len(zone)
    for i in range(products):
        x[:, :, k + i] = case[i][:, None] * zone[i]
    k += products
    others = np.delete(np.arange(width), base)
    if constants:
        x[:, others, k + np.arange(width - 1)] = 1.0
        k += width - 1
    for i in range(own):
        x[:, others, k + np.arange(width - 1)] = case[i][:, None]
        k += width - 1
    return x


class Data:
    """The data of one problem as a peer sees them: a dense design with the columns c0, c1, ...

    Nothing here is timed: a user has frame or arrays already.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self.n, self.width = arrays["shape"][:2].tolist()
        self.names = [f"c{k}" for k in range(len(arrays["names"]))]
        self.chosen = arrays["chosen"]
        self.available = arrays.get("available")
        self.nested = bool(len(arrays["nests"]))

    def __len__(self) -> int:
        return self.n

    def x(self) -> np.ndarray:
        """(n, J, K) the design."""
        return dense(self._arrays, slice(0, self.n))

    def there(self) -> np.ndarray:
        """(n, J) bool, which alternatives a case has."""
        return np.ones((self.n, self.width), dtype=bool) if self.available is None else self.available

    def groups(self, first: int = 1) -> dict[str, list[int]]:
        """Nest -> its alternatives, numbered from ``first``; nests of one alternative are called ``alone``."""
        ends = np.cumsum(self._arrays["nests"]).tolist()
        sizes = self._arrays["nests"].tolist()
        return {
            f"{'nest' if size > 1 else 'alone'}{m}": list(range(end - size + first, end + first))
            for m, (end, size) in enumerate(zip(ends, sizes, strict=True))
        }

    def long(self, only_available: bool = False) -> Any:
        """Frame with a row a case and alternative: case, alternative (from 1), chosen and there (0/1), c0, c1, ..."""
        import pandas as pd

        x = self.x()
        columns = {
            "case": np.repeat(np.arange(self.n), self.width),
            "alternative": np.tile(np.arange(1, self.width + 1), self.n),
            "chosen": (self.chosen[:, None] == np.arange(self.width)).ravel().astype(np.int64),
            "there": self.there().ravel().astype(np.int64),
        }
        columns.update({name: x[:, :, k].ravel() for k, name in enumerate(self.names)})
        frame = pd.DataFrame(columns)
        return frame[frame["there"] == 1].reset_index(drop=True) if only_available else frame

    def wide(self) -> Any:
        """Frame with a row a case: chosen (from 1), and for alternative j (from 1) there_j, c0_j, c1_j, ..."""
        import pandas as pd

        x, there = self.x(), self.there().astype(np.int64)
        columns = {"chosen": self.chosen + 1}
        columns.update({f"there_{j + 1}": there[:, j] for j in range(self.width)})
        columns.update(
            {f"{name}_{j + 1}": x[:, j, k].copy() for k, name in enumerate(self.names) for j in range(self.width)}
        )
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class Estimate:
    """What a peer found: log-likelihood, coefficients in the order of the names and then lambdas, standard errors."""

    llf: float
    estimates: Any
    errors: Any = None
    message: str = ""


@dataclass(frozen=True)
class Steps:
    """A peer's way to an estimate.

    Attributes
    ----------
    given : () -> the input as the package's own documentation has it (frame, arrays); not timed.
    prepare : input -> the package's data object and model; timed as preparation.
    fit : that -> estimation from the default start with standard errors; timed as fit.
    read : what fit returned -> :class:`Estimate`; not timed.
    """

    given: Callable[[], Any]
    prepare: Callable[[Any], Any]
    fit: Callable[[Any], Any]
    read: Callable[[Any], Estimate]


def memory_mb(key: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (peak) of this process in MB; NaN where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(key)), float("nan"))


def reset_peak() -> None:
    """Let the peak of resident memory start anew where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def numbers(values: Any) -> list[float] | None:
    """Any one-dimensional thing as plain floats."""
    return None if values is None else [float(value) for value in np.asarray(values, dtype=float).ravel()]


def run(imported: Callable[[], str], steps: Callable[[Data], Steps]) -> None:
    """``python -m benchmarks.peers.NAME DATA.npz OUT.json``: import, then twice preparation and fit.

    ``imported`` imports the package and returns its version. The record is written after every fit, so that one that
    is stopped in its second fit keeps its first.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    record: dict[str, Any] = {"status": "failed", "prep_s": [], "fit_s": []}
    try:
        _measure(record, options, imported, steps)
    except BaseException as error:  # a failure is a result here
        record |= {"status": "failed", "message": f"{type(error).__name__}: {error}"[:1000]}
        traceback.print_exc()
    record["peak_mb"] = memory_mb("VmHWM")
    _write(record, options.out)
    sys.stdout.flush()


def _measure(record: dict[str, Any], options: argparse.Namespace, imported: Any, steps: Any) -> None:
    began = time.perf_counter()
    record["version"] = imported()
    record["import_s"] = time.perf_counter() - began
    way: Steps = steps(Data(load(options.data)))
    given = way.given()
    gc.collect()
    reset_peak()
    record["start_mb"] = memory_mb("VmRSS")
    for _ in range(2):
        began = time.perf_counter()
        model = way.prepare(given)
        ready = time.perf_counter()
        result = way.fit(model)
        ended = time.perf_counter()
        record["prep_s"].append(ready - began)
        record["fit_s"].append(ended - ready)
        record["peak_mb"] = memory_mb("VmHWM")
        found = way.read(result)
        record |= {
            "llf": float(found.llf),
            "estimates": numbers(found.estimates),
            "errors": numbers(found.errors),
            "message": found.message[:1000],
            "status": "ok",
        }
        _write(record, options.out)
        del model, result
        if ended - ready > LONG_ENOUGH:
            break


def _write(record: dict[str, Any], path: Path) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.replace(path)
