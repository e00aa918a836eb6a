"""Linear hypotheses: what the text means, what the statistic is, and when there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

from relocchoice.errors import SpecificationError
from relocchoice.inference.hypotheses import linear_restrictions, wald

NAMES = [
    "x",
    "y",
    "x2",
    "log(land_price)",
    "log(land_price):Shanghai",
    "lambda:a",
    "lambda:b",
    "Intercept:non-local",
    "sector[T.machinery]:county seat",
    "poly(x, 2)",
    "`land price`",
    "2000s",
]


def read(hypotheses, values=None):
    return linear_restrictions(hypotheses, NAMES, values)


def weights(names, factors):
    return [dict(zip(names, factors, strict=True)).get(name, 0.0) for name in NAMES]


@pytest.mark.parametrize(
    ("text", "names", "factors", "value"),
    [
        ("x = 0", ["x"], [1], 0),
        ("x", ["x"], [1], 0),
        ("log(land_price) = 0", ["log(land_price)"], [1], 0),
        ("log(land_price):Shanghai=1", ["log(land_price):Shanghai"], [1], 1),
        ("lambda:a = lambda:b", ["lambda:a", "lambda:b"], [1, -1], 0),
        ("x - 2*y = 1", ["x", "y"], [1, -2], 1),
        ("x2 = x", ["x2", "x"], [1, -1], 0),
        ("Intercept:non-local - x = -1.5e-1", ["Intercept:non-local", "x"], [1, -1], -0.15),
        ("sector[T.machinery]:county seat = 0", ["sector[T.machinery]:county seat"], [1], 0),
        ("poly(x, 2) + y = 3", ["poly(x, 2)", "y"], [1, 1], 3),
        ("`x` = `log(land_price)`", ["x", "log(land_price)"], [1, -1], 0),
        ("`land price` = 2", ["`land price`"], [1], 2),
        ("2000s = 2000", ["2000s"], [1], 2000),
        ("2*(x - (y + 1))/4 = -(-x)", ["x", "y"], [-0.5, -0.5], 0.5),
        ("3 = x", ["x"], [-1], -3),
        ("x + x = 1", ["x"], [2], 1),
    ],
)
def test_text_is_read_as_a_restriction(text, names, factors, value):
    restrictions = read(text)
    assert restrictions.matrix.tolist() == [weights(names, factors)]
    assert restrictions.targets.tolist() == [value]


def test_several_equations():
    expected = [weights(["x", "y"], [1, -1]), weights(["y"], [1]), weights(["x2"], [1])]
    for form in ("x = y = 0, x2", ["x = y = 0", "x2 = 0"], ("x = y", "y = 0", "x2 = 0"), np.array(["x = y", "y, x2"])):
        assert read(form).matrix.tolist() == expected


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "is empty"),
        ("z = 0", "no parameter is called 'z'"),
        ("log(land_prize) = 0", "did you mean 'log(land_price)'"),
        ("log(land_price):Shanghi = 0", "did you mean 'log(land_price):Shanghai'"),
        ("`nothing` = 0", "no parameter is called 'nothing'"),
        ("x*y = 0", "product of two parameters"),
        ("1/x = 0", "division by a parameter"),
        ("x/0 = 0", "division by zero"),
        ("1 = 1", "restricts no parameter"),
        ("x = x", "restricts no parameter"),
        ("x y = 0", "is missing"),
        ("2x = 0", "is missing"),
        ("(x = 0", "closing bracket"),
        ("x + = 0", "a number or a parameter is missing"),
        ("x = 1e999", "too large"),
        ("(" * 60 + "x" + ")" * 60, "nested more than"),
        ("__import__('os').system('x') = 0", "no parameter is called"),
        ("x; y", "no parameter is called ';'"),
    ],
)
def test_what_is_not_a_linear_equation_is_refused(text, fragment):
    with pytest.raises(SpecificationError, match="hypothesis") as caught:
        read(text)
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("matrix", "values", "fragment"),
    [
        (np.ones((1, 3)), None, "one column for each of the 12 parameters"),
        (np.ones((2, len(NAMES))), [1.0, 2.0, 3.0], "2 restrictions"),
        (np.full((1, len(NAMES)), np.nan), None, "not finite"),
        (np.zeros((1, len(NAMES))), None, "row 0"),
        ([[object()]], None, "must be text"),
        ("x = 0", 1.0, "values is for a matrix"),
    ],
)
def test_bad_matrices_are_refused(matrix, values, fragment):
    with pytest.raises(SpecificationError) as caught:
        read(matrix, values)
    assert fragment in str(caught.value)


def test_a_matrix_is_said_in_words():
    restrictions = linear_restrictions(np.array([[1.0, -2.0], [0.0, -1.0]]), ["a", "b"], [1.0, 0.0])
    assert restrictions.null == "a - 2*b = 1, -b = 0"


ESTIMATES = pd.Series({"a": 1.0, "b": 2.0, "c": -0.5})
COVARIANCE = pd.DataFrame(
    [[0.25, 0.1, 0.0], [0.1, 0.5, 0.05], [0.0, 0.05, 1.0]], index=ESTIMATES.index, columns=ESTIMATES.index
)


def check(hypotheses, params=ESTIMATES, covariance=COVARIANCE, values=None):
    return wald(linear_restrictions(hypotheses, list(params.index), values), params, covariance)


def test_one_restriction_is_the_square_of_z():
    result = check("a = 0.2")
    assert result.statistic == pytest.approx((0.8 / 0.5) ** 2)
    assert result.df == 1
    assert result.pvalue == pytest.approx(chi2.sf(2.56, 1))
    assert (result.null, result.distribution, result.message) == ("a = 0.2", "chi2(1)", "")


def test_joint_test_is_the_quadratic_form():
    matrix = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, 2.0]])
    right = np.array([0.5, 1.0])
    gap = matrix @ ESTIMATES.to_numpy() - right
    expected = gap @ np.linalg.solve(matrix @ COVARIANCE.to_numpy() @ matrix.T, gap)
    result = check(matrix, values=right)
    assert result.statistic == pytest.approx(expected)
    assert result.df == 2
    assert check(["a - b = 0.5", "b + 2*c = 1"]).statistic == pytest.approx(expected)


@given(arrays(float, (3, 3), elements=st.floats(-2, 2)), st.floats(1e-6, 1e6))
@settings(max_examples=50, deadline=None)
def test_scale_of_a_restriction_does_not_matter(raw, factor):
    covariance = pd.DataFrame(raw @ raw.T + 0.1 * np.eye(3), index=ESTIMATES.index, columns=ESTIMATES.index)
    matrix = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    plain = check(matrix, covariance=covariance, values=[1.0, 0.0])
    scaled = check(matrix * [[factor], [1.0]], covariance=covariance, values=[factor, 0.0])
    assert scaled.statistic == pytest.approx(plain.statistic, rel=1e-6)
    assert scaled.df == plain.df == 2


def test_repeated_restrictions_count_once():
    result = check(["a = b", "b = a", "2*a = 2*b"])
    assert result.df == 1
    assert result.statistic == pytest.approx(check("a = b").statistic)
    assert "2 of 3 restrictions" in result.message


def test_contradictory_restrictions_do_not_apply():
    result = check(["a = b", "a = b + 1"])
    assert not result.applies
    assert np.isnan(result.pvalue)
    assert "contradict one another" in result.message
    assert "contradict one another" in str(result)


def test_known_parameters_count_as_known():
    known = COVARIANCE.copy()
    known.loc["b", :] = known.loc[:, "b"] = 0.0
    assert check("a = b", covariance=known).statistic == pytest.approx((1.0 / 0.5) ** 2)
    assert "nothing in it is estimated" in check("b = 2", covariance=known).message
    assert "contradicts values that are fixed" in check("b = 3", covariance=known).message


def test_tied_parameters_hold_by_construction():
    tied = pd.DataFrame(np.full((2, 2), 0.3**2), index=["u", "v"], columns=["u", "v"])
    result = check("u = v", params=pd.Series({"u": 0.1 + 0.2, "v": 0.3}), covariance=tied)
    assert not result.applies
    assert "by construction" in result.message


def test_a_parameter_without_variance_is_named():
    unknown = COVARIANCE.copy()
    unknown.loc["c", :] = unknown.loc[:, "c"] = np.nan
    result = check(["a = 0", "c = 0"], covariance=unknown)
    assert not result.applies
    assert "'c'" in result.message
    assert check("a = b", covariance=unknown).applies
    infinite = ESTIMATES.copy()
    infinite["b"] = np.inf
    assert "'b'" in check("a = b", params=infinite).message
    assert check("a = c", params=infinite).applies


def test_a_covariance_of_too_low_a_rank_is_not_a_contradiction():
    direction = np.array([1.0, 2.0, -1.0])
    thin = pd.DataFrame(np.outer(direction, direction), index=list("abc"), columns=list("abc"))
    params = pd.Series({"a": 1.0, "b": 3.0, "c": 0.5})
    restrictions = linear_restrictions(["a = 0", "b = 0"], list("abc"))
    result = wald(restrictions, params, thin, groups=2)
    assert not result.applies
    assert result.message.endswith("has only rank 1: with 2 clusters at most 1 can be tested together")
    assert "take another covariance" in wald(restrictions, params, thin).message
    tie = np.array([[1.0], [2.0], [0.0]])
    assert "contradict one another" in wald(restrictions, params, thin, movement=tie).message
