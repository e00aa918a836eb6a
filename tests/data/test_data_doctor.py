"""The doctor's warnings on columns, and its call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from relocchoice.data import doctor
from relocchoice.data.doctor import DoctorReport
from relocchoice.errors import OptionError


def examined(n: int = 200, **columns: Any) -> DoctorReport:
    table = {"move": np.repeat(np.arange(n), 3), "place": np.tile(["a", "b", "c"], n), "chosen": np.tile([1, 0, 0], n)}
    table["chosen"][:] = (np.arange(3 * n) % 3 == np.repeat(np.arange(n) % 3, 3)).astype(int)
    return doctor({**table, **columns}, case="move", alternative="place", chosen="chosen")


def said(report: DoctorReport) -> list[tuple[str, str | None]]:
    assert report.ok
    return [(warning.rule, warning.column) for warning in report.warnings]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_constant_columns(rng: np.random.Generator) -> None:
    report = examined(x=rng.normal(size=600), k=np.full(600, 3.0), holed=np.where(np.arange(600) == 4, np.nan, 2.0))
    assert said(report) == [("missing", "holed"), ("constant_column", "k"), ("constant_column", "holed")]
    assert "column 'k' has the same value 3" in str(report)


def test_columns_of_a_case(rng: np.random.Generator) -> None:
    report = examined(x=rng.normal(size=600), z=np.repeat(rng.normal(size=200), 3))
    assert said(report) == [("case_specific", "z")]
    assert "part two of a formula (`... | z`)" in str(report)


def test_sums_within_cases(rng: np.random.Generator) -> None:
    x, y = 1e5 + rng.normal(size=(2, 600))
    between = np.repeat(rng.normal(size=200), 3)
    report = examined(x=x, x2=2 * x, y=y, total=x - 0.5 * y + between, free=x * y)
    assert said(report) == [("collinear", "x2"), ("collinear", "total")]
    assert "x2 = 2 * x within every case" in str(report)
    assert "total = x - 0.5 * y within every case" in str(report)


def test_sums_of_columns_of_a_case(rng: np.random.Generator) -> None:
    z, v = np.repeat(rng.normal(size=(2, 200)), 3, axis=1)
    report = examined(z=z, v=v, year=1990 + 3 * z - v)
    assert said(report)[3:] == [("collinear", "year")]
    assert "year = 3 * z - v + 1990 in every case" in str(report)


def test_what_is_nearly_a_sum_is_none(rng: np.random.Generator) -> None:
    x = rng.normal(size=600)
    assert said(examined(x=x, near=x + 1e-6 * rng.normal(size=600))) == []


def test_a_few_cases_prove_nothing() -> None:
    assert said(examined(1, x=[1.0, 2.0, 4.0], y=[3.0, 1.0, 7.0], w=[1.0, 0.0, 5.0])) == [
        *(("never_chosen", None), ("never_chosen", None))
    ]


def test_a_sample_is_verified_on_all_cases(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relocchoice.data.column_checks.SAMPLED_CASES", 20)
    x = rng.normal(size=600)
    nearly, k, z = 2 * x, np.ones(600), np.repeat(rng.normal(size=200), 3)
    sampled = np.sort(np.random.default_rng(0).choice(200, 20, replace=False))
    outside = 3 * next(case for case in range(200) if case not in sampled)
    nearly[outside], k[outside], z[outside] = 9.0, 9.0, 9.0
    assert said(examined(x=x, nearly=nearly, k=k, z=z, twice=2 * x)) == [("collinear", "twice")]


def test_case_columns_of_wide_tables() -> None:
    income = np.arange(1.0, 9.0)
    table = {"mode": ["air", "car"] * 4, "fare": income**2, "fuel": income**3, "income": income, "tax": 0.3 * income}
    varying = {"cost": {"air": "fare", "car": "fuel"}}
    report = doctor(table, layout="wide", chosen="mode", alternatives=["air", "car"], varying=varying)
    assert said(report) == [("collinear", "tax")]
    assert "tax = 0.3 * income" in str(report)


@pytest.mark.parametrize(
    ("layout", "arguments", "message"),
    [
        ("long", {}, r"layout='long' needs case= and needs alternative=; its arguments: case \(needed\), alternative"),
        ("long", {"case": "a", "alternative": "b", "choosen": "c"}, "has no argument choosen=.*chosen"),
        ("wide", {"chosen": "c"}, "needs alternatives="),
        ("wide", {"chosen": "c", "alternatives": ["a"], "alternative": "b"}, "has no argument alternative="),
        ("counts", {"policy": 3}, "has no argument policy="),
    ],
)
def test_arguments_are_said(layout: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        doctor({"a": [1]}, layout=layout, **arguments)
