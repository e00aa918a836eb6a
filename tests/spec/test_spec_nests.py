"""Nest trees: arrays, text, and what is no tree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from random import Random

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relocchoice.errors import SpecificationError
from relocchoice.spec.nests import NestTree

MIXED = {
    "near": ["township", "county"],
    "away": {"metro": ["A", "B", {"ports": ["C"]}], "abroad": None},
    "home": None,
}


def same(first: NestTree, second: NestTree) -> bool:
    return first.to_dict() == second.to_dict()


def test_arrays() -> None:
    tree = NestTree.from_dict(MIXED)
    assert tree.nodes == ("near", "away", "metro", "ports")
    assert tree.node_parent.tolist() == [-1, -1, 1, 2]
    assert tree.leaves == ("township", "county", "A", "B", "C", "abroad", "home")
    assert tree.leaf_parent.tolist() == [0, 0, 2, 2, 3, 1, -1]
    assert tree.degenerate == ("ports",)
    assert not tree.node_parent.flags.writeable


def test_a_chain_of_single_children() -> None:
    tree = NestTree.from_dict({"a": {"b": {"c": ["x"]}}, "d": {"e": ["y", "z"]}})
    assert tree.degenerate == ("a", "b", "c", "d")
    assert tree.node_parent.tolist() == [-1, 0, 1, -1, 3]


def test_a_tree_without_nests() -> None:
    tree = NestTree.from_dict({"x": None, 2: None})
    assert (tree.nodes, tree.leaves, tree.leaf_parent.tolist()) == ((), ("x", 2), [-1, -1])
    assert tree.degenerate == ()


def test_a_nest_may_have_the_name_of_an_alternative() -> None:
    assert NestTree.from_dict({"air": ["air"], "ground": ["bus", "car"]}).degenerate == ("air",)


def test_rendered() -> None:
    lines = NestTree.from_dict(MIXED).render({"metro": "0.63 (0.11)"}).splitlines()
    assert lines == [
        "├── near",
        "│   ├── township",
        "│   └── county",
        "├── away",
        "│   ├── metro  0.63 (0.11)",
        "│   │   ├── A",
        "│   │   ├── B",
        "│   │   └── ports",
        "│   │       └── C",
        "│   └── abroad",
        "└── home",
    ]
    tree = NestTree.from_dict({"a": ["x", {"b": ["y"]}, "z"]})
    assert str(tree).splitlines() == ["└── a", "    ├── x", "    ├── b", "    │   └── y", "    └── z"]
    with pytest.raises(SpecificationError, match="'metre' is no nest"):
        tree.render({"metre": "1"})


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_from_table(frame: type) -> None:
    table = {
        "region": ["r1", "r2", "r3", "r1", "r4"],
        "country": ["north", "south", "north", "north", None],
        "district": ["d1", None, "d2", "d1", None],
    }
    tree = NestTree.from_table(frame(table), "region", ["country", "district"])
    assert same(tree, NestTree.from_dict({"north": {"d1": ["r1"], "d2": ["r3"]}, "south": ["r2"], "r4": None}))


def test_from_table_refuses_conflicts() -> None:
    table = pd.DataFrame({"region": ["r1", "r1", "r2"], "country": ["a", "b", "b"], "district": ["x", "x", "x"]})
    with pytest.raises(SpecificationError) as error:
        NestTree.from_table(table, "region", ["country", "district"])
    assert "alternative 'r1' stands in ['a', 'x'] and in ['b', 'x']" in str(error.value)
    assert "nest name 'x' occurs 2 times" in str(error.value)
    with pytest.raises(SpecificationError, match="no column 'contry'; did you mean 'country'"):
        NestTree.from_table(table, "region", ["contry"])
    with pytest.raises(SpecificationError, match="nest name 1 is not text"):
        NestTree.from_table(pd.DataFrame({"region": ["a"], "code": [1]}), "region", "code")


def test_checked_against_the_data() -> None:
    tree = NestTree.from_dict({"low": ["1", 3], "high": ["2"]})
    matched = tree.check([1, 2, 3])
    assert matched.leaves == (1, 3, 2)
    assert tree.parents_of([3, 2, 1]).tolist() == [0, 1, 0]
    assert NestTree.from_dict({"n": ["1", 1]}).check(["1", 1]).leaves == ("1", 1)


def test_all_mismatches_are_said_at_once() -> None:
    tree = NestTree.from_dict({"near": ["townshp", "county", "1", 1], "away": ["moon"]})
    with pytest.raises(SpecificationError) as error:
        tree.check(["township", "county", "metro", 1])
    said = [finding.message for finding in error.value.findings]
    assert any("'townshp' of the nests is not an alternative of the data; did you mean 'township'" in m for m in said)
    assert any("'1' and 1 of the nests are the same alternative" in m for m in said)
    assert any("'moon'" in m for m in said)
    assert any("alternative 'metro' of the data stands in no nest" in m for m in said)
    assert any("alternative 'township' of the data stands in no nest" in m for m in said)


@pytest.mark.parametrize(
    ("nests", "message"),
    [
        ({}, "no alternative"),
        ({"a": []}, "nest 'a' is empty"),
        ({"a": {}, "b": ["x"]}, "nest 'a' is empty"),
        ({"a": {"b": {}}}, "nest 'b' is empty"),
        ({"a": ["x"], "b": {"a": ["y"]}}, "nest name 'a' occurs 2 times"),
        ({"a": ["x"], "b": ["x"]}, "alternative 'x' stands in nest 'a' and in nest 'b'"),
        ({"a": ["x", "x"]}, "'x' stands in nest 'a' and in nest 'a'"),
        ({"a": ["x"], "x": None}, "'x' stands in nest 'a' and in no nest"),
        ({1: ["x"]}, "nest name 1 is not text"),
        ({"": ["x"]}, "nest name '' is not text"),
        ({None: ["x"]}, "nest name None is not text"),
        ({"a": "xy"}, "nest 'a' has 'xy'"),
        ({"a": {"x", "y"}}, "write a list of alternatives"),
        ({"a": 3}, "nest 'a' has 3"),
        ({"a": [["x"]]}, "without a name"),
        ({"a": [None]}, "missing label"),
        ({"a": [float("nan")]}, "missing label"),
        (["x"], "not list"),
    ],
)
def test_no_trees(nests: object, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        NestTree.from_dict(nests)  # type: ignore[arg-type]


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(SpecificationError) as error:
        NestTree.from_dict({"a": [], 2: ["x", "x"], "b": 3})
    assert {f.rule for f in error.value.findings} >= {"empty_nest", "nest_name", "repeated_alternative", "not_a_nest"}


def test_a_tree_that_contains_itself() -> None:
    nests: dict = {"a": ["x"]}
    nests["b"] = nests
    with pytest.raises(SpecificationError, match="does it contain itself"):
        NestTree.from_dict(nests)
    items: list = ["x"]
    items.append({"b": items})
    with pytest.raises(SpecificationError, match="does it contain itself"):
        NestTree.from_dict({"a": items})


def test_json_keeps_the_labels() -> None:
    tree = NestTree.from_dict({"a": [1, "1", True, 2.5, pd.Timestamp("2003-01-01")]})
    again = NestTree.from_stored(json.loads(json.dumps(tree.to_dict())))
    assert again.leaves == tree.leaves
    assert [type(leaf) for leaf in again.leaves] == [type(leaf) for leaf in tree.leaves]
    with pytest.raises(SpecificationError, match="a parent is a nest or -1"):
        NestTree.from_stored({"nodes": ["a"], "node_parent": [0], "leaves": ["x"], "leaf_parent": [0]})


SHAPES = st.recursive(st.just("leaf"), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=12)


def with_names(shape: list, numbers: Iterator[int]) -> list:
    """A nested list of "leaf" as nested nests with a name and a number each."""
    return [next(numbers) if child == "leaf" else {f"n{next(numbers)}": with_names(child, numbers)} for child in shape]


@settings(max_examples=50, deadline=None)
@given(st.lists(SHAPES, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_laws_of_trees(shape: list, random: Random) -> None:
    tree = NestTree.from_dict({"top": with_names(shape, count())})
    assert len(str(tree).splitlines()) == len(tree.nodes) + len(tree.leaves)
    assert str(shape).count("leaf") == len(tree.leaves)
    assert str(shape).count("[") == len(tree.nodes)
    assert (tree.node_parent < np.arange(len(tree.nodes))).all()
    assert same(NestTree.from_stored(tree.to_dict()), tree)
    labels = list(tree.leaves)
    random.shuffle(labels)
    assert dict(zip(labels, tree.parents_of(labels), strict=True)) == dict(
        zip(tree.leaves, tree.leaf_parent, strict=True)
    )
    assert [node for node in tree.nodes if children(tree, node) == 1] == list(tree.degenerate)


def children(tree: NestTree, node: str) -> int:
    position = tree.nodes.index(node)
    return (tree.node_parent.tolist() + tree.leaf_parent.tolist()).count(position)


def itself() -> dict[str, object]:
    nests: dict[str, object] = {}
    nests["a"] = nests
    return nests


@pytest.mark.parametrize(
    ("nests", "rule"),
    [
        ({"m": "abc"}, "not_a_nest"),
        ({"m": {"a"}}, "not_a_nest"),
        ({"m": [["a", "b"]]}, "not_a_nest"),
        ({"m": [None]}, "missing_label"),
        (itself(), "too_deep"),
    ],
)
def test_one_mistake_is_one_finding(nests: dict[str, object], rule: str) -> None:
    with pytest.raises(SpecificationError) as error:
        NestTree.from_dict(nests)
    assert [finding.rule for finding in error.value.findings] == [rule]


def test_other_mistakes_are_still_said_beside_it() -> None:
    with pytest.raises(SpecificationError) as error:
        NestTree.from_dict({"m": "abc", "n": [], "k": ["x", "x"]})
    assert sorted(finding.rule for finding in error.value.findings) == [
        *("empty_nest", "not_a_nest", "repeated_alternative")
    ]


def test_messages_on_nests_show_plain_values() -> None:
    with pytest.raises(SpecificationError) as error:
        NestTree.from_dict({np.int64(3): [np.int64(1), np.int64(1)], "m": np.float64(2.0)})
    assert "np." not in str(error.value)
