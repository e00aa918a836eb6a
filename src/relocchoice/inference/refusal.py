"""A test that cannot be made, as a value of the type of those that can."""

from __future__ import annotations

import numpy as np

from relocchoice.inference.hypotheses import TestResult


def refused(null: str, reason: str) -> TestResult:
    """The result of a test of ``null`` that does not apply, with the reason."""
    return TestResult(np.nan, 0, np.nan, null, "", f"does not apply: {reason}")
