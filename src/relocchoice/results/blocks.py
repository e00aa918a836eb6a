"""The sections of a table of estimates, and what a parameter's status means for its row."""

from __future__ import annotations

from typing import Final

import pandas as pd

CONSTANTS: Final = "Constants"
WITHOUT_ERROR: Final = ("fixed", "infinite", "flat", "dropped")
INSTEAD: Final = {"flat": "not identified", "dropped": "dropped"}
"""Status of a parameter without an estimate -> what is printed in its place."""

LAMBDA_PREFIX: Final = "lambda:"


def is_dissimilarity(block: str) -> bool:
    """Whether the section holds dissimilarity parameters, whose null value is 1."""
    return str(block).startswith("Dissimilarity")


def section_head(block: str, tests: str = "z and P>|z|") -> str:
    """The section's name, with the hypothesis behind the columns of tests where that is not zero."""
    return f"{block}: {tests} of H0: lambda = 1" if is_dissimilarity(block) else str(block)


def tied_to(parameters: pd.DataFrame, name: str) -> str:
    """The parameter that a tied one equals; empty for any other parameter, the first of its group included."""
    if parameters.loc[name, "status"] != "tied":
        return ""
    first = str(parameters.loc[name, "note"]).removeprefix("=").strip()
    return "" if first == name else first
