"""Fixtures of the specification's tests."""

from __future__ import annotations

import pandas as pd
import pytest
from spec_cases import as_data, long_table

from relocchoice.data.choice_data import ChoiceData


@pytest.fixture
def table() -> pd.DataFrame:
    return long_table()


@pytest.fixture(scope="session")
def data() -> ChoiceData:
    return as_data(long_table())
