"""Numbers and widths as they are printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relocchoice.results import numbers
from relocchoice.results.layout import number_cell, side_by_side
from relocchoice.results.textwidth import cut, display_width, pad_left, visible, wrapped


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1.00000"),
        (-0.0421337, "-0.0421337"),
        (9.9999999, "10.0000"),
        (0.99999999, "1.00000"),
        (123456.789, "123457"),
        (123456789.0, "123456789"),
        (1.5e-4, "0.000150000"),
        (1.5e-5, "1.50000e-05"),
        (1.5e15, "1.50000e+15"),
        (math.inf, "+inf"),
        (-math.inf, "-inf"),
        (math.nan, "n/a"),
    ],
)
def test_significant(value, expected):
    assert numbers.significant(value) == expected


def test_rounding_noise_is_zero_against_its_standard_error():
    assert numbers.significant(-3e-18, scale=0.5) == "0"
    assert numbers.significant(-3e-18, scale=1e-18) == "-3.00000e-18"
    assert numbers.significant(1.1e200, scale=math.inf) == "1.10000e+200"
    assert numbers.significant(1.1e-200, scale=math.inf) == "1.10000e-200"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), st.integers(1, 12))
def test_significant_digits_are_kept(value, digits):
    printed = numbers.significant(value, digits)
    assert float(printed) == pytest.approx(value, rel=0.5 * 10.0 ** (1 - digits) * (1 + 1e-9), abs=0)
    assert number_cell(printed) is not None


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (lambda v: numbers.decimals(v, 3), -0.0001, "0.000"),
        (lambda v: numbers.decimals(v, 3), 2.0005, "2.001"),
        (lambda v: numbers.decimals(v, 3), 1e20, "1.000e+20"),
        (numbers.pvalue, 0.0009, "<0.001"),
        (numbers.pvalue, 0.0, "<0.001"),
        (numbers.pvalue, 0.001, "0.001"),
        (numbers.pvalue, 1.0, "1.000"),
        (numbers.likelihood, -1728.5654321, "-1728.565"),
        (numbers.likelihood, -1e-5, "-0.000010"),
        (numbers.likelihood, math.nan, "not available"),
        (numbers.count, 1234567.0, "1,234,567"),
        (numbers.count, 12.5, "12.5000"),
        (numbers.count, 1e200, "1.00000e+200"),
        (numbers.plain, 1 - 0.1 / 2, "0.95"),
    ],
)
def test_other_formats(function, value, expected):
    assert function(value) == expected


def test_wide_characters_take_two_columns():
    assert display_width("上海 x") == 6
    assert display_width("e\u0301") == 1
    assert pad_left("上海", 6) == "  上海"


def test_control_and_direction_characters_are_shown():
    assert visible("a\nb\x1b[31m\u202ec") == "a\\nb\\x1b[31m\\u202ec"
    assert visible("上海 é λ") == "上海 é λ"


@given(st.text(), st.integers(2, 30))
def test_cut_and_wrapped_fit_and_lose_nothing(text, width):
    pieces = cut(text, width)
    assert "".join(pieces) == text
    assert all(display_width(piece) <= width for piece in pieces)
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(display_width(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("-0.5", ("-0", ".5")),
        ("(0.123)***", ("(0", ".123)***")),
        ("1,234", ("1,234", "")),
        ("<0.001", ("<0", ".001")),
        ("1.5e-07", ("1", ".5e-07")),
        ("[2.5]", ("[2", ".5]")),
    ],
)
def test_numbers_are_cut_at_the_decimal_point(cell, parts):
    number = number_cell(cell)
    assert number is not None
    assert (number.whole, number.fraction) == parts


@pytest.mark.parametrize("cell", ["fixed", "", "+inf", "[0.1, 0.2]", "1.2.3", "12 km"])
def test_words_are_not_numbers(cell):
    assert number_cell(cell) is None


def test_header_reads_downwards():
    pairs = [("a", "1"), ("b", "2"), ("c", "3")]
    assert side_by_side(pairs) == [(("a", "1"), ("c", "3")), (("b", "2"), ("", ""))]
    assert side_by_side([]) == []
