# What src/core/module.cpp offers. Arrays are contiguous, of numbers of eight bytes.
from typing import Literal

from numpy.typing import NDArray

Array = NDArray  # of float64 or int64

def evaluate(
    chunks: Array,
    model: Array,
    beta: Array,
    shape: Array,
    weights: Array | None,
    squares: Array | None,
    out: Array | None,
    loglik: Array | None,
    threads: int,
    level: str,
    /,
) -> None: ...
def fill(table: Array, columns: Array, factors: Array, difference: bool, threads: int, /) -> None: ...
def levels() -> list[str]: ...

VERSION: int

def apply(what: Literal["exp", "log"], x: Array, out: Array, level: str, /) -> None: ...
def probe(what: Literal["read", "multiply"], x: Array, rounds: int, threads: int, level: str, /) -> float: ...
