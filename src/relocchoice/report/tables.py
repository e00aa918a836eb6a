"""Tables that only a report has: the data, shares beside predictions, effects as matrices, tests, separation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.inference.hypotheses import TestResult
from relocchoice.results import numbers
from relocchoice.results.choice_results import ChoiceResults
from relocchoice.results.table import Table


def data_table(data: ChoiceData) -> Table:
    """Sizes, weights, and how often each alternative was chosen."""
    sets = np.diff(data.offsets)
    header = [
        ("Cases", numbers.count(data.n_cases)),
        ("Alternatives", numbers.count(data.n_alternatives)),
        ("Rows", numbers.count(data.n_rows)),
        ("Choice sets", f"{sets.min()} to {sets.max()}" if sets.min() < sets.max() else f"all of {sets.max()}"),
        ("Weights", data.weight_kind or "none"),
        ("Sum of weights", numbers.count(data.total_weight)),
    ]
    if data.units is not None:
        header.append(("Units", numbers.count(len(data.units))))
    if data.n_taken.max(initial=0) > 1:
        header.append(("Alternatives taken", numbers.count(data.n_taken.sum())))
    shares = data.choice_shares()
    rows = [
        (
            str(label),
            numbers.count(float(row["cases"])),
            numbers.count(float(row["count"])),
            numbers.decimals(100 * float(row["share"]), 2),
            numbers.count(float(row["available_to"])),
        )
        for label, row in shares.iterrows()
    ]
    return Table(
        "Choices", ("alternative", "cases", "weighted", "share, %", "available to"), tuple(rows), tuple(header)
    )


def calibration_frame(fit: ChoiceResults, data: ChoiceData) -> pd.DataFrame:
    """Observed and predicted shares by alternative, weighted; the index holds the alternatives."""
    weights = np.ones(data.n_cases) if data.weights is None else np.asarray(data.weights)
    predicted = fit.predict().to_numpy()
    observed = data.choice_shares()["share"]
    expected = pd.Series(weights @ predicted / weights.sum(), index=[str(label) for label in fit.predict().columns])
    observed.index = [str(label) for label in observed.index]
    frame = pd.DataFrame({"observed": observed, "predicted": expected.reindex(observed.index)})
    return frame.assign(difference=frame["predicted"] - frame["observed"])


def calibration_table(frames: Mapping[str, pd.DataFrame]) -> Table:
    """Observed shares, and what each model predicts, in percent."""
    first = next(iter(frames.values()))
    rows = [
        (
            str(label),
            numbers.decimals(100 * float(first.loc[label, "observed"]), 2),
            *(numbers.decimals(100 * float(frame.loc[label, "predicted"]), 2) for frame in frames.values()),
        )
        for label in first.index
    ]
    note = "Shares in percent, of the data of the fit; a multinomial logit with all constants reproduces them exactly."
    return Table("Observed and predicted shares", ("alternative", "observed", *frames), tuple(rows), notes=(note,))


def square(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A column of derived figures, rows ``attribute of`` and columns ``probability of``; NaN where there is none."""
    rows, columns = (frame.index.get_level_values(level).unique() for level in ("attribute of", "probability of"))
    cells = frame[name].reindex(pd.MultiIndex.from_product([rows, columns])).to_numpy(dtype=float)
    return pd.DataFrame(cells.reshape(len(rows), len(columns)), index=rows, columns=columns)


def matrix_table(title: str, frame: pd.DataFrame, notes: Sequence[str]) -> Table:
    """Figures of one variable: rows whose attribute changes, columns whose probability; errors in brackets beneath.

    Parameters
    ----------
    frame : the rows of one variable, index levels ``attribute of`` and ``probability of``, columns ``estimate`` and
        ``std_error``.
    """
    estimates, errors = square(frame, "estimate"), square(frame, "std_error")
    rows: list[tuple[str, ...]] = []
    for label in estimates.index:
        pairs = list(zip(estimates.loc[label], errors.loc[label], strict=True))
        rows.append((str(label), *("" if np.isnan(value) else numbers.significant(value, 4) for value, _ in pairs)))
        rows.append(("", *("" if np.isnan(error) else f"({numbers.significant(error, 3)})" for _, error in pairs)))
    heads = ("attribute of \\ probability of", *map(str, estimates.columns))
    return Table(title, heads, tuple(rows), notes=tuple(notes))


def tests_table(title: str, results: Sequence[tuple[str, TestResult]]) -> Table:
    """Tests, one a row; what does not apply says why."""
    rows, notes = [], []
    for position, (name, result) in enumerate(results, 1):
        if not result.applies:
            rows.append((name, result.null, "", "", ""))
            notes.append(f"({position}) {name}: {result.message}")
            continue
        rows.append(
            (
                name,
                result.null,
                result.distribution,
                numbers.significant(result.statistic, 5),
                numbers.pvalue(result.pvalue),
            )
        )
        if result.message:
            notes.append(f"({position}) {name}: {result.message}")
    return Table(title, ("test", "null hypothesis", "distribution", "statistic", "P"), tuple(rows), notes=tuple(notes))


def identification_table(fits: Mapping[str, ChoiceResults]) -> Table:
    """What the data can tell, by model, in words."""
    rows: list[tuple[str, ...]] = []
    for name, fit in fits.items():
        found = fit.identification
        lines: list[tuple[str, str]] = [
            ("maximum", "reached" if fit.converged else f"NOT reached: {fit.status_message}"),
            ("identification", found.verdict),
            ("separation", found.separation),
        ]
        if found.lambda_verdict:
            lines.append(("dissimilarity parameters", found.lambda_verdict))
        lines += [("cells behind it", sentence) for sentence in found.cells]
        rows += [(name,), *lines]
    return Table("What the data can tell", ("", "verdict"), tuple(rows))


def as_json(value: Any) -> Any:
    """NumPy's numbers as Python's; what is not finite as text."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(float(value))
    return value.item() if isinstance(value, np.generic) else value
