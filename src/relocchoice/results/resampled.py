"""What a bootstrap or a jackknife gives: the replicates as a frozen record, and its table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.provenance import begun, traced_record
from relocchoice.engine.replicate import CONVERGED
from relocchoice.errors import IdentificationError, OptionError
from relocchoice.inference.resample import (
    IntervalKind,
    Sampled,
    bootstrap_covariance_matrix,
    intervals,
    jackknife_bias,
    jackknife_covariance_matrix,
)
from relocchoice.inference.tails import normal_quantile, require_alpha
from relocchoice.results import numbers
from relocchoice.results.frozen import sealed
from relocchoice.results.render import Format
from relocchoice.results.summary import Summary
from relocchoice.results.table import Table

Floats = NDArray[np.float64]
ResampleKind = Literal["bootstrap", "jackknife"]
WARN_SHARE = 0.05
REFUSE_SHARE = 0.5
LISTED = 5


@traced_record
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Resampled:
    """Replicates of the estimates, or of a statistic of them. B replicates, p statistics.

    Attributes
    ----------
    kind : ``"bootstrap"`` or ``"jackknife"``.
    of : the model in words.
    names : (p,) parameters, or names of the statistic's values.
    estimate : (p,) on the data themselves.
    values : (B, p); NaN rows for replicates without a finite maximum.
    outcomes : (B,) how each replicate's search ended: ``"maximum"``; ``"flat"`` without a finite unique maximum;
        ``"stalled"``, ``"iteration limit"``, ``"not finite"``.
    held : (p,) why a value has no sampling error (``"fixed"``, ``"at bound"``, ``"constant"``); empty where it has one.
    sampled : the units that were drawn or left out, one a replicate of a jackknife.
    unit : the units in words, e.g. ``"cases"``; labels : (U,) their labels.
    strata : number of strata.
    seed : of the draws; None for a jackknife.
    acceleration : (p,) for BCa intervals; None where it was not computed.
    acceleration_from : where it comes from, in words, or why there is none.
    workers : number of processes that worked.
    provenance : one line on where the data of the fit come from, where nobody observed them.
    """

    kind: ResampleKind
    of: str
    names: tuple[str, ...]
    estimate: Floats
    values: Floats
    outcomes: tuple[str, ...]
    held: tuple[str, ...]
    sampled: Sampled
    unit: str
    labels: tuple[object, ...]
    strata: int = 1
    seed: int | None = None
    acceleration: Floats | None = None
    acceleration_from: str = ""
    workers: int = 1
    provenance: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sampled", sealed(self.sampled))
        for name, array in _sealed_arrays(self).items():
            object.__setattr__(self, name, array)

    @property
    def draws(self) -> int:
        """Number of replicates."""
        return len(self.values)

    @property
    def failed(self) -> int:
        """Number of replicates without a finite maximum."""
        return self.draws - int(self._good().sum())

    @property
    def replicates(self) -> pd.DataFrame:
        """(B, p) replicates; NaN rows for failed ones (``outcomes`` says how)."""
        rows = pd.Index(range(self.draws), name="draw")
        if self.kind == "jackknife":
            rows = pd.Index(list(self.labels), name="left out", tupleize_cols=False)
        return pd.DataFrame(self.values.copy(), index=rows, columns=list(self.names))

    @property
    def refusal(self) -> str:
        """Why no covariance and no interval is given; empty where they are.

        More than half of a bootstrap's replicates, or any of a jackknife's, without a finite maximum.
        """
        good = self.draws - self.failed
        if self.kind == "jackknife":
            return f"{self._without_maximum()}, and a jackknife needs every one" if self.failed else ""
        if self.failed > REFUSE_SHARE * self.draws:
            return f"{self._without_maximum()}, more than half: their covariance would be that of a lucky few"
        return "" if good > 1 else "fewer than two replicates have a finite maximum"

    def cov_params(self) -> pd.DataFrame:
        """(p, p) covariance; NaN rows and columns for values that are fixed or at a bound.

        Bootstrap: of the finite replicates around their mean. Jackknife: (n - 1)/n times the sum of squares around the
        mean, within strata.

        Raises
        ------
        IdentificationError : too many replicates have no finite maximum.
        """
        self._require()
        if self.kind == "jackknife":
            matrix = jackknife_covariance_matrix(self.values, self.sampled)
        else:
            matrix = bootstrap_covariance_matrix(self.values[self._good()])
        held = self._held()
        matrix[held] = np.nan
        matrix[:, held] = np.nan
        return pd.DataFrame(matrix, index=list(self.names), columns=list(self.names))

    @property
    def bse(self) -> pd.Series:
        """(p,) standard errors, NaN for values that are fixed or at a bound. Raises as :meth:`cov_params`."""
        return pd.Series(np.sqrt(np.diag(self.cov_params().to_numpy())), index=list(self.names), name="bse")

    @property
    def bias(self) -> pd.Series:
        """(p,) estimated bias; the estimate less its bias is corrected to first order. Raises as :meth:`cov_params`."""
        self._require()
        if self.kind == "jackknife":
            bias = jackknife_bias(self.values, self.sampled, self.estimate)
        else:
            bias = self.values[self._good()].mean(axis=0) - self.estimate
        return pd.Series(np.where(self._held(), np.nan, bias), index=list(self.names), name="bias")

    def conf_int(self, alpha: float = 0.05, kind: IntervalKind | None = None) -> pd.DataFrame:
        """(p, 2) ends of the intervals that cover with probability 1 - alpha.

        Parameters
        ----------
        alpha : between 0 and 1.
        kind : ``"percentile"`` (the default of a bootstrap), ``"basic"``, ``"bca"``; ``"normal"``, the estimate and its
            standard error, is the only one of a jackknife. Replicates without a finite maximum are left out of all of
            them: the intervals are those of samples that have one.

        Raises
        ------
        IdentificationError : too many replicates have no finite maximum.
        OptionError : a kind or alpha that is not valid, or that needs more replicates than there are.
        """
        require_alpha(alpha)
        chosen = ("normal" if self.kind == "jackknife" else "percentile") if kind is None else kind
        if chosen not in get_args(IntervalKind):
            raise OptionError.of("kind", kind, ", ".join(get_args(IntervalKind)))
        if self.kind == "jackknife" and chosen != "normal":
            raise OptionError(f"kind={kind!r} needs a bootstrap; a jackknife has kind='normal' alone")
        self._require()
        acceleration = self.acceleration
        if chosen == "bca" and acceleration is None:
            raise OptionError(f"kind='bca' has no acceleration here: {self.acceleration_from}")
        out = np.full((len(self.names), 2), np.nan)
        free = ~self._held()
        if self.kind == "jackknife":
            half = normal_quantile(alpha / 2) * self.bse.to_numpy()
            out[free] = np.column_stack([self.estimate - half, self.estimate + half])[free]
        else:
            slope = np.zeros(len(self.names)) if acceleration is None else acceleration
            names = tuple(name for name, is_free in zip(self.names, free, strict=True) if is_free)
            good = self.values[self._good()][:, free]
            out[free] = intervals(good, self.estimate[free], alpha, chosen, slope[free], names)
        return pd.DataFrame(out, index=list(self.names), columns=[0, 1])

    def summary(self, format: Format = "text", alpha: float = 0.05, kind: IntervalKind | None = None) -> Summary:
        """The table of estimates, bias, standard errors and intervals; raises OptionError as :meth:`conf_int`."""
        return Summary(_table(self, alpha, kind), format)

    def describe(self) -> str:
        """One sentence without a full stop: what was done, how often, and how many replicates failed."""
        if self.kind == "jackknife":
            text = f"jackknife, {self.sampled.total:,} {self.unit} left out in turn"
        else:
            text = f"bootstrap, {self.draws:,} draws of {self.sampled.total:,} {self.unit}, seed {self.seed}"
        if self.strata > 1:
            text += f", within {self.strata} strata"
        return f"{text}; {self._without_maximum()}" if self.failed else text

    def warning(self) -> str:
        """A warning where many replicates have no finite maximum; empty where few or none have not."""
        if self.refusal:
            return f"NO STANDARD ERRORS: {self.refusal}. {_WAY_OUT}"
        if self.failed > WARN_SHARE * self.draws:
            return (
                f"MANY REPLICATES FAILED: {self._without_maximum()}. They are left out, so that the standard errors "
                f"are too small and the intervals too short. {_WAY_OUT}"
            )
        return ""

    def _good(self) -> NDArray[np.bool_]:
        return np.array([outcome == CONVERGED for outcome in self.outcomes], dtype=bool)

    def _held(self) -> NDArray[np.bool_]:
        return np.array([bool(word) for word in self.held], dtype=bool)

    def _require(self) -> None:
        if self.refusal:
            raise IdentificationError(f"{self.refusal}. {_WAY_OUT}")

    def _without_maximum(self) -> str:
        """How many replicates failed, and how."""
        ends = Counter(outcome for outcome in self.outcomes if outcome != CONVERGED)
        text = f"{self.failed:,} of {self.draws:,} replicates have no finite maximum"
        if set(ends) - {"flat"}:
            text = f"{self.failed:,} of {self.draws:,} replicates have no estimates ("
            text += ", ".join(f"{count:,} {_ENDS[end]}" for end, count in sorted(ends.items())) + ")"
        if self.kind == "jackknife":
            out = [repr(label) for label, end in zip(self.labels, self.outcomes, strict=True) if end != CONVERGED]
            more = f" and {len(out) - LISTED:,} more" if len(out) > LISTED else ""
            text += f" (without {', '.join(out[:LISTED])}{more})"
        return text

    def _repr_html_(self) -> str:
        return self.summary(kind=None if self._enough() else "normal").as_html()

    def __repr__(self) -> str:
        return begun(self.provenance, f"<Resampled: {self.describe()}>")

    def _enough(self) -> bool:
        """Whether the usual interval has the replicates that it needs."""
        return self.kind == "jackknife" or (self.draws - self.failed + 1) * 0.025 >= 1


_WAY_OUT = (
    "The data are close to separation: a penalised fit (Firth) has finite estimates in every replicate; "
    "a simpler model may have, too."
)
_ENDS = {
    "flat": "without a finite maximum",
    "stalled": "whose search stalled",
    "iteration limit": "stopped at the limit of iterations",
    "not finite": "without a finite likelihood",
}
_INTERVALS = {
    "percentile": "percentile",
    "basic": "basic (reflected percentile)",
    "bca": "BCa (bias-corrected and accelerated)",
    "normal": "normal, from the standard errors",
}


def _sealed_arrays(record: Resampled) -> dict[str, Floats]:
    """Read-only copies of the record's arrays."""
    out = {}
    for name in ("estimate", "values", "acceleration"):
        array = getattr(record, name)
        if array is not None:
            out[name] = np.array(array, dtype=float)
            out[name].flags.writeable = False
    return out


def _table(record: Resampled, alpha: float, kind: IntervalKind | None) -> Table:
    ends = (f"[{numbers.plain(alpha / 2)}", f"{numbers.plain(1 - alpha / 2)}]")
    what = "Bootstrap" if record.kind == "bootstrap" else "Jackknife"
    return Table(
        title=begun(record.provenance, f"{what}: {record.of}"),
        columns=("", "estimate", "bias", "std. error", *ends),
        rows=_rows(record, alpha, kind),
        header=_pairs(record, kind),
        notes=_notes(record),
    )


def _rows(record: Resampled, alpha: float, kind: IntervalKind | None) -> tuple[tuple[str, ...], ...]:
    if record.refusal:
        return tuple(
            (name, numbers.significant(value), numbers.MISSING, numbers.MISSING, numbers.MISSING, numbers.MISSING)
            for name, value in zip(record.names, record.estimate, strict=True)
        )
    ends, bias = record.conf_int(alpha, kind).to_numpy(float), record.bias.to_numpy(float)
    errors = record.bse.to_numpy(float)
    rows: list[tuple[str, ...]] = []
    for k, name in enumerate(record.names):
        error = float(errors[k])
        estimate = numbers.significant(float(record.estimate[k]), scale=error)
        if record.held[k]:
            rows.append((name, estimate, "", record.held[k], "", ""))
            continue
        figures = (float(bias[k]), error, float(ends[k, 0]), float(ends[k, 1]))
        rows.append((name, estimate, *(numbers.significant(figure, scale=error) for figure in figures)))
    return tuple(rows)


def _pairs(record: Resampled, kind: IntervalKind | None) -> tuple[tuple[str, str], ...]:
    default = "normal" if record.kind == "jackknife" else "percentile"
    pairs = [("Replicates", f"{record.draws:,}"), ("Without a maximum", f"{record.failed:,}")]
    pairs.append(("Drawn" if record.kind == "bootstrap" else "Left out", f"{record.unit} ({record.sampled.total:,})"))
    if record.strata > 1:
        pairs.append(("Strata", f"{record.strata:,}"))
    if record.seed is not None:
        pairs.append(("Seed", str(record.seed)))
    pairs.append(("Intervals", "none" if record.refusal else _INTERVALS[kind or default]))
    if kind == "bca":
        pairs.append(("Acceleration", record.acceleration_from))
    return tuple(pairs)


def _notes(record: Resampled) -> tuple[str, ...]:
    described = f"{record.describe()}."
    sentences = [record.warning(), described[0].upper() + described[1:]]
    if record.failed and not record.refusal:
        sentences.append(
            "Replicates without a finite maximum are left out: bias, standard errors and intervals are those of "
            "samples that have one."
        )
    if record.unit != "cases" and record.sampled.total < 10:
        sentences.append(
            f"Few units: {record.sampled.total} are drawn. The standard errors are unreliable; for tests see "
            "fit.wild_test(...)."
        )
    return tuple(sentence for sentence in sentences if sentence)
