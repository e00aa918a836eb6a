"""Nest trees of any depth: which alternatives stand together, as arrays for the kernels and as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import Finding, SpecificationError
from relocchoice.spec.labels import (
    Label,
    find_labels,
    hint,
    label_from_json,
    label_to_json,
    listed,
    plain,
    said,
)

ROOT = -1
DEEPEST = 50


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NestTree:
    """A tree with J alternatives as leaves and M nests as inner nodes; the root is no nest.

    Attributes
    ----------
    nodes : (M,) names of the nests in depth-first order, parents before children.
    node_parent : (M,) int, position in `nodes` of the nest each nest stands in, -1 at the root.
    leaves : (J,) labels of the alternatives in depth-first order.
    leaf_parent : (J,) int, position in `nodes` of the nest each alternative stands in, -1 at the root.

    Examples
    --------
    >>> tree = NestTree.from_dict({"near": ["township", "county"], "away": {"metro": ["A", "B"], "abroad": None}})
    >>> tree.nodes, tree.leaves
    (('near', 'away', 'metro'), ('township', 'county', 'A', 'B', 'abroad'))
    >>> print(tree)
    ├── near
    │   ├── township
    │   └── county
    └── away
        ├── metro
        │   ├── A
        │   └── B
        └── abroad
    """

    nodes: tuple[str, ...]
    node_parent: NDArray[np.intp]
    leaves: tuple[Label, ...]
    leaf_parent: NDArray[np.intp]

    def __post_init__(self) -> None:
        for name in ("node_parent", "leaf_parent"):
            parents = np.array(getattr(self, name), dtype=np.intp)
            parents.flags.writeable = False
            object.__setattr__(self, name, parents)
        findings = _structure_problems(self.nodes, self.node_parent.tolist(), self.leaves, self.leaf_parent.tolist())
        if findings:
            raise SpecificationError(findings)

    @classmethod
    def from_dict(cls, nests: Mapping[Label, Any]) -> NestTree:
        """A tree from nested mappings and lists.

        Parameters
        ----------
        nests : nest -> what stands in it: a list of alternatives (and mappings of further nests), a mapping of further
            nests, or None, when the key is itself an alternative that stands directly at this level.

        Raises
        ------
        SpecificationError : all problems at once: empty nests, names that are repeated or are not text, alternatives
            that are repeated, values that are no lists or mappings.
        """
        if not isinstance(nests, Mapping):
            raise SpecificationError(f"nests are a mapping nest -> [alternatives], not {type(nests).__name__}")
        draft = _Draft()
        _add_mapping(draft, nests, ROOT, 1)
        return draft.finished()

    @classmethod
    def from_table(cls, frame: Any, alternative: str, levels: Sequence[str]) -> NestTree:
        """A tree from a table with one row an alternative; rows that say the same twice are taken once.

        Parameters
        ----------
        frame : any data frame that narwhals knows.
        alternative : column with the alternatives.
        levels : columns with the names of the nests, the outermost first; an alternative whose level is missing stands
            directly in the nest outside it.

        Raises
        ------
        SpecificationError : all problems at once: columns that are not there, an alternative in two places, a nest of
            one name in two places, names that are not text.
        """
        columns = [alternative, *([levels] if isinstance(levels, str) else levels)]
        table = nw.from_native(frame, eager_only=True)
        absent = [name for name in columns if name not in table.columns]
        if absent:
            findings = [
                _problem("unknown_column", f"no column {said(name)}; {hint(name, table.columns)}") for name in absent
            ]
            raise SpecificationError(findings)
        draft = _Draft()
        _add_branch(draft, _branches(table, columns, draft), ROOT)
        return draft.finished()

    def check(self, alternatives: Sequence[Label]) -> NestTree:
        """The tree with the labels of the data as leaves; labels are matched exactly, then by their text.

        Parameters
        ----------
        alternatives : (J,) labels of the data.

        Raises
        ------
        SpecificationError : all problems at once: labels that are no alternatives, alternatives that stand in no nest
            or in two.
        """
        labels = [plain(label) for label in alternatives]
        findings: list[Finding] = []
        named: dict[int, Label] = {}
        for leaf, position in zip(self.leaves, find_labels(self.leaves, labels), strict=True):
            if position is None:
                placed = find_labels(labels, self.leaves)
                free = [label for label, found in zip(labels, placed, strict=True) if found is None]
                message = f"{said(leaf)} of the nests is not an alternative of the data; {hint(leaf, free or labels)}"
                findings.append(_problem("unknown_alternative", message, leaf))
            elif position in named:
                message = f"{said(named[position])} and {said(leaf)} of the nests are the same alternative; keep one"
                findings.append(_problem("repeated_alternative", message, labels[position]))
            else:
                named[position] = leaf
        for position, label in enumerate(labels):
            if position not in named:
                message = f"alternative {said(label)} of the data stands in no nest; put it in one, or give it None"
                findings.append(_problem("missing_alternative", message, label))
        if findings:
            raise SpecificationError(findings)
        return NestTree(self.nodes, self.node_parent, tuple(labels[position] for position in named), self.leaf_parent)

    def parents_of(self, alternatives: Sequence[Label]) -> NDArray[np.intp]:
        """(J,) position in `nodes` of the nest of each alternative, in the order of the alternatives; -1 at the root.

        Raises
        ------
        SpecificationError : see :meth:`check`.
        """
        leaves = self.check(alternatives).leaves
        order = find_labels(map(plain, alternatives), leaves)
        return self.leaf_parent[np.array(order, dtype=np.intp)]

    @property
    def degenerate(self) -> tuple[str, ...]:
        """Nests with exactly one child: their dissimilarity parameter cannot be told from a rescaled utility."""
        children = np.bincount(self.node_parent + 1, minlength=len(self.nodes) + 1)
        children += np.bincount(self.leaf_parent + 1, minlength=len(self.nodes) + 1)
        return tuple(node for node, count in zip(self.nodes, children[1:], strict=True) if count == 1)

    def render(self, lambdas: Mapping[str, str] | None = None) -> str:
        """The tree as lines of text.

        Parameters
        ----------
        lambdas : nest -> what is printed behind its name, e.g. ``{"metro": "0.63 (0.11)"}``.

        Raises
        ------
        SpecificationError : a key is no nest of the tree.
        """
        strange = [name for name in lambdas or {} if name not in self.nodes]
        if strange:
            raise SpecificationError(f"{listed(strange)} is no nest of the tree; nests: {listed(self.nodes)}")
        return "\n".join(_lines(self, ROOT, "", lambdas or {}))

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"NestTree({len(self.nodes)} nests, {len(self.leaves)} alternatives)\n{self.render()}"

    def to_dict(self) -> dict[str, Any]:
        """The tree as JSON values, which :meth:`from_stored` reads.

        Raises
        ------
        StoreError : a label that JSON cannot carry.
        """
        return {
            "nodes": list(self.nodes),
            "node_parent": self.node_parent.tolist(),
            "leaves": [label_to_json(leaf) for leaf in self.leaves],
            "leaf_parent": self.leaf_parent.tolist(),
        }

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> NestTree:
        """The tree that :meth:`to_dict` wrote.

        Raises
        ------
        SpecificationError : the record is no tree.
        """
        return cls(
            tuple(stored["nodes"]),
            np.array(stored["node_parent"], dtype=np.intp),
            tuple(map(label_from_json, stored["leaves"])),
            np.array(stored["leaf_parent"], dtype=np.intp),
        )


@dataclass(slots=True)
class _Draft:
    """A tree while it is built: the fields of :class:`NestTree` as lists, the problems, the nests they are about."""

    nodes: list[Any] = field(default_factory=list)
    node_parent: list[int] = field(default_factory=list)
    leaves: list[Label] = field(default_factory=list)
    leaf_parent: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    blamed: set[int] = field(default_factory=set)

    def add_node(self, name: Any, parent: int) -> int:
        """Append a nest; returns its position."""
        self.nodes.append(name)
        self.node_parent.append(parent)
        return len(self.nodes) - 1

    def add_leaf(self, label: Label, parent: int) -> None:
        """Append an alternative."""
        self.leaves.append(plain(label))
        self.leaf_parent.append(parent)

    def where(self, parent: int) -> str:
        """The place of a nest, for messages."""
        return "the nests" if parent == ROOT else f"nest {said(self.nodes[parent])}"

    def refuse(self, rule: str, message: str, value: Any = None, nest: int = ROOT) -> None:
        """Note a problem, of what stands in a nest, and go on, so that all of them are shown together."""
        self.findings.append(_problem(rule, message, value))
        self.blamed.add(nest)

    def _structure(self) -> list[Finding]:
        return _structure_problems(self.nodes, self.node_parent, self.leaves, self.leaf_parent)

    def _follows(self, finding: Finding) -> bool:
        """Whether a problem is only there because of one that was noted: what was refused is missing in the tree."""
        if finding.rule == "empty_nest":
            return any(self.nodes[nest] is finding.value for nest in self.blamed if nest != ROOT)
        looping = any(noted.rule == "too_deep" for noted in self.findings)
        return bool(self.findings) and (finding.rule == "no_alternatives" or looping)

    def finished(self) -> NestTree:
        """The tree, or all the problems."""
        findings = self.findings + [finding for finding in self._structure() if not self._follows(finding)]
        if findings:
            raise SpecificationError(findings)
        parents = np.array(self.node_parent, dtype=np.intp), np.array(self.leaf_parent, dtype=np.intp)
        return NestTree(tuple(self.nodes), parents[0], tuple(self.leaves), parents[1])


def _add_mapping(draft: _Draft, nests: Mapping[Label, Any], parent: int, depth: int) -> None:
    if depth > DEEPEST:
        draft.refuse(
            "too_deep",
            f"{draft.where(parent)} is more than {DEEPEST} levels deep; does it contain itself?",
            nest=parent,
        )
        return
    for name, inside in nests.items():
        if inside is None:
            draft.add_leaf(name, parent)
        elif isinstance(inside, Mapping):
            _add_mapping(draft, inside, draft.add_node(name, parent), depth + 1)
        elif isinstance(inside, list | tuple):
            _add_list(draft, inside, draft.add_node(name, parent), depth + 1)
        else:
            node = draft.add_node(name, parent)
            draft.refuse(
                "not_a_nest",
                f"nest {said(name)} has {said(inside)}; write a list of alternatives, a mapping of nests, or None "
                f"when {said(name)} is an alternative itself",
                name,
                node,
            )


def _add_list(draft: _Draft, inside: Sequence[Any], parent: int, depth: int) -> None:
    for item in inside:
        if isinstance(item, Mapping):
            _add_mapping(draft, item, parent, depth)
        elif isinstance(item, list | tuple | set | frozenset):
            draft.refuse(
                "not_a_nest",
                f"{draft.where(parent)} has the list {said(item)} without a name; write {{name: [...]}}",
                nest=parent,
            )
        elif _is_missing(item):
            draft.refuse(
                "missing_label", f"{draft.where(parent)} has a missing label among its alternatives", nest=parent
            )
        else:
            draft.add_leaf(item, parent)


@dataclass(slots=True)
class _Branch:
    """What stands in a nest, in order of appearance; branches by name."""

    branches: dict[Any, _Branch] = field(default_factory=dict)
    leaves: list[Label] = field(default_factory=list)


def _branches(table: nw.DataFrame[Any], columns: Sequence[str], draft: _Draft) -> _Branch:
    """Rows (alternative, level, level, ...) as nested branches; conflicts are noted in the draft."""
    root = _Branch()
    seen: dict[Label, tuple[Any, ...]] = {}
    for label, *levels in zip(*(table.get_column(name).to_list() for name in columns), strict=True):
        path = tuple(plain(level) for level in levels if not _is_missing(level))
        if _is_missing(label):
            draft.refuse("missing_label", f"column {columns[0]!r} has a missing label in a row with {list(path)}")
            continue
        if label in seen:
            if seen[label] != path:
                message = (
                    f"alternative {said(label)} stands in {list(seen[label])} and in {list(path)}; give it one place"
                )
                draft.refuse("repeated_alternative", message, label)
            continue
        seen[label] = path
        place = root
        for level in path:
            place = place.branches.setdefault(level, _Branch())
        place.leaves.append(label)
    return root


def _add_branch(draft: _Draft, branch: _Branch, parent: int) -> None:
    for name, inside in branch.branches.items():
        _add_branch(draft, inside, draft.add_node(name, parent))
    for label in branch.leaves:
        draft.add_leaf(label, parent)


def _structure_problems(
    nodes: Sequence[Any], node_parent: Sequence[int], leaves: Sequence[Label], leaf_parent: Sequence[int]
) -> list[Finding]:
    """What is wrong with a tree whatever the data: names, repetitions, empty nests."""
    findings = []
    if len(node_parent) != len(nodes) or len(leaf_parent) != len(leaves):
        return [_problem("structure", "a tree has one parent for each nest and each alternative")]
    if any(not ROOT <= parent < position for position, parent in enumerate(node_parent)) or any(
        not ROOT <= parent < len(nodes) for parent in leaf_parent
    ):
        return [_problem("structure", "a nest stands behind the nests it stands in, and a parent is a nest or -1")]
    if not leaves:
        findings.append(_problem("no_alternatives", "the nests have no alternative"))
    for name in nodes:
        if not isinstance(name, str) or not name.strip():
            message = f"nest name {said(name)} is not text; nests are named in the parameters, so write e.g. "
            message += repr(str(plain(name)))
            findings.append(_problem("nest_name", message, name))
    for name in dict.fromkeys(name for name in nodes if list(nodes).count(name) > 1):
        message = f"nest name {said(name)} occurs {list(nodes).count(name)} times; give each nest a name of its own"
        findings.append(_problem("repeated_nest", message, name))
    filled = {*leaf_parent, *node_parent}
    for position, name in enumerate(nodes):
        if position not in filled:
            message = f"nest {said(name)} is empty; put alternatives in it or leave it out"
            findings.append(_problem("empty_nest", message, name))
    first = find_labels(leaves, leaves)
    for position, label in enumerate(leaves):
        if first[position] != position:
            places = [_place(nodes, leaf_parent[i]) for i, at in enumerate(first) if at == first[position]]
            message = f"alternative {said(label)} stands in {' and in '.join(places)}; keep one"
            findings.append(_problem("repeated_alternative", message, label))
    return findings


def _place(nodes: Sequence[Any], parent: int) -> str:
    return "no nest" if parent == ROOT else f"nest {said(nodes[parent])}"


def _lines(tree: NestTree, parent: int, indent: str, lambdas: Mapping[str, str]) -> Iterator[str]:
    """Lines of what stands in one nest."""
    children = _children(tree, parent)
    for is_last, (is_nest, position) in zip([False] * (len(children) - 1) + [True], children, strict=False):
        stem = indent + ("└── " if is_last else "├── ")
        if not is_nest:
            yield f"{stem}{tree.leaves[position]}"
            continue
        name = tree.nodes[position]
        yield f"{stem}{name}" + (f"  {lambdas[name]}" if name in lambdas else "")
        yield from _lines(tree, position, indent + ("    " if is_last else "│   "), lambdas)


def _children(tree: NestTree, parent: int) -> list[tuple[bool, int]]:
    """(is a nest, position) of what stands in a nest, in the order of the alternatives."""
    leaves = [(leaf, False, leaf) for leaf in np.flatnonzero(tree.leaf_parent == parent).tolist()]
    nests = [(_first_leaf(tree, node), True, node) for node in np.flatnonzero(tree.node_parent == parent).tolist()]
    return [(is_nest, position) for _, is_nest, position in sorted(leaves + nests)]


def _first_leaf(tree: NestTree, node: int) -> int:
    """Position of the first alternative that stands in a nest, at any depth."""
    inside = {node}
    for position in range(node + 1, len(tree.nodes)):
        if tree.node_parent[position] in inside:
            inside.add(position)
    return int(np.flatnonzero(np.isin(tree.leaf_parent, list(inside)))[0])


def _is_missing(label: Any) -> bool:
    return label is None or (pd.api.types.is_scalar(label) and bool(pd.isna(label)))


def _problem(rule: str, message: str, value: Any = None) -> Finding:
    return Finding(rule=rule, message=message, value=value)
