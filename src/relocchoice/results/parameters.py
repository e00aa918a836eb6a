"""The frame of parameters behind every table: estimate, status, section and note of each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Found
from relocchoice.inference.covariance import Moments
from relocchoice.inference.identification import Identification
from relocchoice.spec.columns import UtilityColumns

LAMBDA_BLOCK = "Dissimilarity (lambda)"
MIXED_BLOCK = "Coefficients"
BLOCKS = {
    "constant": "Constants",
    "case": "Case-specific",
    "row": "Alternative-specific coefficients",
}


def parameter_frame(
    blocks: list[str],
    problem: Problem,
    found: Found,
    moments: Moments,
    identification: Identification,
    dropped: tuple[str, ...] = (),
    infinite: tuple[tuple[str, int], ...] = (),
) -> pd.DataFrame:
    """(p rows) ``estimate``, ``status``, ``block`` and ``note``; index the parameter names in table order.

    Parameters
    ----------
    blocks : (K,) sections of the coefficients, see :func:`coefficient_blocks`; the rest are lambdas.
    dropped : parameters that are not reported; infinite : those of them whose limit has a sign, the others have NaN.
    """
    space = problem.space
    estimate = moments.theta.copy()
    status: list[str] = list(space.status)
    notes = ["" for _ in space.names]
    for k in range(len(space.names)):
        if status[k] == "tied" and space.matrix[k].any():
            notes[k] = f"= {space.free_names[int(space.matrix[k].argmax())]}"
    held = np.abs(moments.jacobian[:, found.maximum.active]).sum(axis=1) > 0
    for k in map(int, np.flatnonzero(held)):
        status[k], notes[k] = "at bound", f"held at its bound {estimate[k]:.6g}"
    for name, sign in identification.infinite:
        where = space.names.index(name)
        status[where], estimate[where] = "infinite", sign * np.inf
    for name in identification.flat:
        status[space.names.index(name)] = "flat"
    signs = dict(infinite)
    for name in dropped:
        where = space.names.index(name)
        notes[where] = ""
        status[where], estimate[where] = "dropped", signs[name] * np.inf if name in signs else np.nan
    sections = [*blocks, *([LAMBDA_BLOCK] * (len(space.names) - problem.n_coef))]
    index = pd.Index(space.names, name="parameter")
    return pd.DataFrame({"estimate": estimate, "status": status, "block": sections, "note": notes}, index=index)


def coefficient_blocks(columns: UtilityColumns) -> list[str]:
    """(K,) the section of the table in which each coefficient stands."""
    found: list[set[str]] = [set() for _ in columns.names]
    for column in columns.columns:
        shared = isinstance(column.coef, (int, np.integer))
        coefs = (int(column.coef),) if shared else np.unique(column.coef).tolist()
        for k in coefs:
            if k >= 0:
                found[k].add("Generic" if shared else BLOCKS[column.level])
    return [blocks.pop() if len(blocks) == 1 else MIXED_BLOCK for blocks in found]
