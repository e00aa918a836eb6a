"""Nest trees of any depth: which alternatives stand together, as arrays for the kernels and as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
from relocchoice.spec.nest_drafts import ROOT, NestDraft, draft_of_mapping, draft_of_table, problem, structure_problems


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
        findings = structure_problems(self.nodes, self.node_parent.tolist(), self.leaves, self.leaf_parent.tolist())
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
        return cls._of(draft_of_mapping(nests))

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
        return cls._of(draft_of_table(frame, alternative, levels))

    @classmethod
    def _of(cls, draft: NestDraft) -> NestTree:
        parents = np.array(draft.node_parent, dtype=np.intp), np.array(draft.leaf_parent, dtype=np.intp)
        return cls(tuple(draft.nodes), parents[0], tuple(draft.leaves), parents[1])

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
        leaves = tuple(labels[position] for position in self._positions(labels))
        return NestTree(self.nodes, self.node_parent, leaves, self.leaf_parent)

    def parents_of(self, alternatives: Sequence[Label]) -> NDArray[np.intp]:
        """(J,) position in `nodes` of the nest of each alternative, in the order of the alternatives; -1 at the root.

        Raises
        ------
        SpecificationError : see :meth:`check`.
        """
        parents = np.empty_like(self.leaf_parent)
        parents[self._positions([plain(label) for label in alternatives])] = self.leaf_parent
        return parents

    def _positions(self, labels: Sequence[Label]) -> list[int]:
        """(J,) where each leaf stands among the labels of the data; raises as :meth:`check`."""
        findings: list[Finding] = []
        named: dict[int, Label] = {}
        for leaf, position in zip(self.leaves, find_labels(self.leaves, labels), strict=True):
            if position is None:
                placed = find_labels(labels, self.leaves)
                free = [label for label, found in zip(labels, placed, strict=True) if found is None]
                message = f"{said(leaf)} of the nests is not an alternative of the data; {hint(leaf, free or labels)}"
                findings.append(problem("unknown_alternative", message, leaf))
            elif position in named:
                message = f"{said(named[position])} and {said(leaf)} of the nests are the same alternative; keep one"
                findings.append(problem("repeated_alternative", message, labels[position]))
            else:
                named[position] = leaf
        for position, label in enumerate(labels):
            if position not in named:
                message = f"alternative {said(label)} of the data stands in no nest; put it in one, or give it None"
                findings.append(problem("missing_alternative", message, label))
        if findings:
            raise SpecificationError(findings)
        return list(named)

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
