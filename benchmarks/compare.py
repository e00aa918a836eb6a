"""Is an answer right, and how fast is it? Judged against the maximum of :mod:`benchmarks.truth`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.truth import Truth

Verdict = Literal["right", "rough", "wrong", "none"]
Record = dict[str, Any]
# largest distance of an estimate in standard errors, and largest relative error of a standard error
RIGHT, ROUGH = (1e-3, 1e-3), (0.02, 0.01)
LLF = 0.01  # how far a reported log-likelihood may be from the one at the reported estimates


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer is worth.

    Attributes
    ----------
    verdict : ``"right"``; ``"rough"``: stopped early or single precision; ``"wrong"``; ``"none"``: no answer.
    distance : largest distance of an estimate from the maximum in standard errors.
    error_gap : largest relative distance of a standard error from the one of the Hessian at the maximum.
    llf_gap : reported log-likelihood minus that at the maximum.
    reason : why it is not right, in words.
    """

    verdict: Verdict
    distance: float | None = None
    error_gap: float | None = None
    llf_gap: float | None = None
    reason: str = ""


def judge(record: Record, truth: Truth) -> Judgement:
    """Judge a record against the maximum; a fast wrong answer is wrong."""
    if record["status"] != "ok":
        return Judgement("none", reason=record.get("message") or record["status"])
    estimates = np.array(record["estimates"], dtype=float)
    if estimates.shape != truth.estimates.shape:
        return Judgement("wrong", reason=f"{len(estimates)} estimates in place of {len(truth.estimates)}")
    gap = float(record["llf"]) - truth.llf
    if not np.isfinite(estimates).all() or not math.isfinite(gap):
        return Judgement("wrong", reason="estimates or log-likelihood are not finite")
    distance = float(np.abs((estimates - truth.estimates) / truth.errors).max())
    errors = None if record.get("errors") is None else np.array(record["errors"], dtype=float)
    off = None
    if errors is not None and errors.shape == truth.errors.shape:
        off = float(np.abs(errors / truth.errors - 1.0).max())
    return Judgement(*_verdict(distance, off, gap, record.get("message", "")))


def _verdict(
    distance: float, off: float | None, gap: float, message: str
) -> tuple[Verdict, float, float | None, float, str]:
    def within(limits: tuple[float, float]) -> bool:
        return distance <= limits[0] and off is not None and off <= limits[1]

    reasons = []
    if distance > RIGHT[0]:
        reasons.append(f"an estimate is {distance:.2g} standard errors from the maximum")
    if off is None:
        reasons.append("reports no standard errors")
    elif not off <= RIGHT[1]:
        size = f"{off:.1%}" if math.isfinite(off) else "not a number"
        reasons.append(f"a standard error is off by {size}" if math.isfinite(off) else f"a standard error is {size}")
    if abs(gap) > LLF:
        reasons.append(f"its log-likelihood differs by {gap:+.3g}")
    exact = within(RIGHT) and abs(gap) <= LLF
    verdict: Verdict = "right" if exact else "rough" if within(ROUGH) else "wrong"
    if message and verdict != "right":
        reasons.append(message)
    return verdict, distance, off, gap, "; ".join(reasons)


def merge(records: Sequence[Record]) -> Record:
    """Records of the same work in several rounds as one: seconds are put together, the last answer is kept.

    ``prep_s`` and ``fit_s`` (cold first, then warm) become ``first_prep_s``, ``first_fit_s``, ``second_prep_s`` and
    ``second_fit_s``; every other time becomes the list of all.
    """
    last = next((record for record in reversed(records) if record["status"] == "ok"), records[-1])
    merged = {key: value for key, value in last.items() if not key.endswith("_s")}
    times: dict[str, list[float]] = {}
    for record in records:
        for key, value in record.items():
            if not key.endswith("_s"):
                continue
            values = value if isinstance(value, list) else [value]
            if key in ("prep_s", "fit_s"):
                times.setdefault(f"first_{key}", []).extend(values[:1])
                times.setdefault(f"second_{key}", []).extend(values[1:])
            else:
                times.setdefault(key, []).extend(values)
    return merged | times


def median(record: Record, key: str) -> float | None:
    """Median of a time, None where it was not measured."""
    values = record.get(key)
    return statistics.median(values) if values else None


def whole(record: Record) -> float | None:
    """Seconds of preparation and fit when warm, the median of their sums; when cold where there was one fit only."""
    for turn in ("second", "first"):
        pairs = list(zip(record.get(f"{turn}_prep_s", ()), record.get(f"{turn}_fit_s", ()), strict=False))
        if pairs:
            return statistics.median(prep + fit for prep, fit in pairs)
    return None


def judged(record: Record, truth: Truth) -> Record:
    """The record with its judgement."""
    return record | {"judgement": asdict(judge(record, truth))}


def fastest_right(peers: dict[str, Record]) -> tuple[str, float] | None:
    """The correct peer that is fastest when warm, preparation included; rough answers count as correct here."""
    seconds = {
        name: taken
        for name, record in peers.items()
        if record["judgement"]["verdict"] in ("right", "rough") and (taken := whole(record)) is not None
    }
    return min(seconds.items(), key=lambda item: item[1]) if seconds else None
