"""Free parameters: identities of the affine map, and constraints that contradict."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.errors import SpecificationError
from relocchoice.spec.params import Constraints, ParamSpace, param_space

NAMES = ("cost", "time", "asc:east", "asc:west", "lambda:near", "lambda:away")


def test_nothing_constrained() -> None:
    space = param_space(NAMES)
    np.testing.assert_array_equal(space.matrix, np.eye(6))
    assert space.free_names == NAMES
    assert space.status == ("free",) * 6
    assert np.isinf(space.lower).all()
    assert np.isinf(space.upper).all()


def test_fixed_tied_and_bounded() -> None:
    space = param_space(
        NAMES,
        Constraints(
            fixed={"asc:west": 2.5},
            equal=[["lambda:away", "lambda:near"]],
            bounds={"lambda:near": (0.0, 1.0), "lambda:away": (0.1, None), "cost": (None, 0)},
        ),
    )
    assert space.free_names == ("cost", "time", "asc:east", "lambda:near")
    assert space.status == ("free", "free", "free", "fixed", "tied", "tied")
    np.testing.assert_array_equal(space.lower, [-np.inf, -np.inf, -np.inf, 0.1])
    np.testing.assert_array_equal(space.upper, [0, np.inf, np.inf, 1.0])
    np.testing.assert_array_equal(space.expand(np.array([1.0, 2, 3, 4])), [1, 2, 3, 2.5, 4, 4])


def test_groups_that_share_a_name_are_one() -> None:
    space = param_space(tuple("abcdef"), Constraints(equal=[["a", "c"], ["f", "e"], ["e", "c"]]))
    assert space.free_names == ("a", "b", "d")
    np.testing.assert_array_equal(space.expand(np.array([1.0, 2, 3])), [1, 2, 1, 3, 1, 1])


def test_a_fixed_member_fixes_its_group() -> None:
    space = param_space(tuple("abc"), Constraints(fixed={"b": 3}, equal=[["a", "b"]], bounds={"a": (0, 5)}))
    assert space.status == ("fixed", "fixed", "free")
    np.testing.assert_array_equal(space.expand(np.array([7.0])), [3, 3, 7])


def test_all_fixed() -> None:
    space = param_space(("a", "b"), Constraints(fixed={"a": 1.0, "b": 2.0}))
    assert space.matrix.shape == (2, 0)
    np.testing.assert_array_equal(space.expand(np.zeros(0)), [1, 2])
    assert space.restrict(np.array([1.0, 2.0])).shape == (0,)


@st.composite
def spaces(draw: st.DrawFn) -> ParamSpace:
    names = tuple(f"p{i}" for i in range(draw(st.integers(1, 7))))
    tied = (
        draw(st.lists(st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True), max_size=3))
        if len(names) > 1
        else []
    )
    fixed = dict.fromkeys(draw(st.lists(st.sampled_from(names), unique=True, max_size=2)), 1.25)
    return param_space(names, Constraints(fixed=fixed, equal=tied))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 1000))
def test_identities(space: ParamSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = space.matrix.shape[1]
    free = rng.normal(size=q)
    theta = space.expand(free)
    np.testing.assert_array_equal(space.restrict(theta), free)
    np.testing.assert_array_equal(space.matrix.sum(axis=1), [status != "fixed" for status in space.status])
    np.testing.assert_array_equal(theta[[s == "fixed" for s in space.status]], 1.25)
    step = rng.normal(size=q)
    np.testing.assert_allclose(space.expand(free + step) - theta, space.matrix @ step, atol=1e-12)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"fixed": {"csot": 1}}, "'csot' in fixed is not a parameter of the model; did you mean 'cost'"),
        ({"equal": [["cost", "tiem"]]}, "'tiem' in equal .* did you mean 'time'"),
        ({"bounds": {"lambda:naer": (0, 1)}}, "'lambda:naer' in bounds .* did you mean 'lambda:near'"),
        ({"fixed": {"cost": 1}, "bounds": {"cost": (0, 2)}}, "fixed at 1 and bounded by"),
        ({"bounds": {"cost": (2, 1)}}, "the lower 2 is not below the upper 1"),
        ({"bounds": {"cost": (1, 1)}}, "fix the parameter instead"),
        ({"equal": [["cost", "time"]], "bounds": {"cost": (0, 1), "time": (2, 3)}}, "leave no room"),
        ({"equal": [["cost", "time"]], "fixed": {"cost": 1, "time": 2}}, "tied but fixed at different values"),
        ({"equal": [["cost", "time"]], "fixed": {"cost": 9}, "bounds": {"time": (2, 3)}}, "fixed at 9, outside"),
    ],
)
def test_contradictions(constraints: dict, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        param_space(NAMES, Constraints(**constraints))


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"fixed": {"cost": "1"}}, "not a finite number"),
        ({"fixed": {"cost": float("nan")}}, "not a finite number"),
        ({"fixed": {"cost": True}}, "not a finite number"),
        ({"equal": ["cost", "time"]}, "not a group"),
        ({"equal": "cost"}, "not a list of groups"),
        ({"equal": [["cost"]]}, "not a group"),
        ({"bounds": {"cost": 3}}, "write \\(lower, upper\\)"),
        ({"bounds": {"cost": (float("nan"), 3)}}, "write \\(lower, upper\\)"),
    ],
)
def test_shapes(constraints: dict, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        Constraints(**constraints)


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(SpecificationError) as error:
        param_space(NAMES, Constraints(fixed={"x": 1, "y": 2}, equal=[["cost", "z"]]))
    assert [finding.value for finding in error.value.findings] == ["x", "y", "z"]


def test_names_that_are_repeated() -> None:
    with pytest.raises(SpecificationError, match="'a' occur more than once"):
        param_space(("a", "b", "a"))


def test_json_round_trip() -> None:
    constraints = Constraints({"a": 1}, [["b", "c"]], {"d": (None, 2.0), "e": (-np.inf, 0)})
    again = Constraints.from_dict(json.loads(json.dumps(constraints.to_dict())))
    assert again == Constraints({"a": 1.0}, (("b", "c"),), {"d": (None, 2.0), "e": (None, 0.0)})


def test_values_out_of_all_proportion_are_refused() -> None:
    for value in (1e308, -1e306, 1e100):
        with pytest.raises(SpecificationError, match=r"fixed at .*; a fixed value is below 1e\+100"):
            Constraints(fixed={"cost": value})
    assert Constraints(fixed={"cost": -1e99}).fixed == {"cost": -1e99}
