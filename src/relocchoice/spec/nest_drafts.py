"""Nest trees as their users write them: mappings, lists and tables become nodes, leaves and parents, or problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v1 as nw
import pandas as pd

from relocchoice.errors import Finding, SpecificationError
from relocchoice.spec.labels import Label, find_labels, hint, plain, said

ROOT = -1
DEEPEST = 50


@dataclass(slots=True)
class NestDraft:
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
        self.findings.append(problem(rule, message, value))
        self.blamed.add(nest)

    def _structure(self) -> list[Finding]:
        return structure_problems(self.nodes, self.node_parent, self.leaves, self.leaf_parent)

    def _follows(self, finding: Finding) -> bool:
        """Whether a problem is only there because of one that was noted: what was refused is missing in the tree."""
        if finding.rule == "empty_nest":
            return any(self.nodes[nest] is finding.value for nest in self.blamed if nest != ROOT)
        looping = any(noted.rule == "too_deep" for noted in self.findings)
        return bool(self.findings) and (finding.rule == "no_alternatives" or looping)

    def check(self) -> None:
        """Refuse a draft that is no tree.

        Raises
        ------
        SpecificationError : all the problems at once.
        """
        findings = self.findings + [finding for finding in self._structure() if not self._follows(finding)]
        if findings:
            raise SpecificationError(findings)


def draft_of_mapping(nests: Mapping[Label, Any]) -> NestDraft:
    """Nests as nested mappings and lists.

    Raises
    ------
    SpecificationError : all problems at once.
    """
    draft = NestDraft()
    _add_mapping(draft, nests, ROOT, 1)
    draft.check()
    return draft


def draft_of_table(frame: Any, alternative: str, levels: Sequence[str]) -> NestDraft:
    """Nests as a table with one row an alternative, see :meth:`NestTree.from_table`.

    Raises
    ------
    SpecificationError : all problems at once.
    """
    columns = [alternative, *([levels] if isinstance(levels, str) else levels)]
    table = nw.from_native(frame, eager_only=True)
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise SpecificationError(
            [problem("unknown_column", f"no column {said(name)}; {hint(name, table.columns)}") for name in absent]
        )
    draft = NestDraft()
    _add_branch(draft, _branches(table, columns, draft), ROOT)
    draft.check()
    return draft


def _add_mapping(draft: NestDraft, nests: Mapping[Label, Any], parent: int, depth: int) -> None:
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


def _add_list(draft: NestDraft, inside: Sequence[Any], parent: int, depth: int) -> None:
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


def _branches(table: nw.DataFrame[Any], columns: Sequence[str], draft: NestDraft) -> _Branch:
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


def _add_branch(draft: NestDraft, branch: _Branch, parent: int) -> None:
    for name, inside in branch.branches.items():
        _add_branch(draft, inside, draft.add_node(name, parent))
    for label in branch.leaves:
        draft.add_leaf(label, parent)


def structure_problems(
    nodes: Sequence[Any], node_parent: Sequence[int], leaves: Sequence[Label], leaf_parent: Sequence[int]
) -> list[Finding]:
    """What is wrong with a tree whatever the data: names, repetitions, empty nests."""
    findings = []
    if len(node_parent) != len(nodes) or len(leaf_parent) != len(leaves):
        return [problem("structure", "a tree has one parent for each nest and each alternative")]
    if any(not ROOT <= parent < position for position, parent in enumerate(node_parent)) or any(
        not ROOT <= parent < len(nodes) for parent in leaf_parent
    ):
        return [problem("structure", "a nest stands behind the nests it stands in, and a parent is a nest or -1")]
    if not leaves:
        findings.append(problem("no_alternatives", "the nests have no alternative"))
    for name in nodes:
        if not isinstance(name, str) or not name.strip():
            message = f"nest name {said(name)} is not text; nests are named in the parameters, so write e.g. "
            message += repr(str(plain(name)))
            findings.append(problem("nest_name", message, name))
    for name in dict.fromkeys(name for name in nodes if list(nodes).count(name) > 1):
        message = f"nest name {said(name)} occurs {list(nodes).count(name)} times; give each nest a name of its own"
        findings.append(problem("repeated_nest", message, name))
    filled = {*leaf_parent, *node_parent}
    for position, name in enumerate(nodes):
        if position not in filled:
            message = f"nest {said(name)} is empty; put alternatives in it or leave it out"
            findings.append(problem("empty_nest", message, name))
    first = find_labels(leaves, leaves)
    for position, label in enumerate(leaves):
        if first[position] != position:
            places = [_place(nodes, leaf_parent[i]) for i, at in enumerate(first) if at == first[position]]
            message = f"alternative {said(label)} stands in {' and in '.join(places)}; keep one"
            findings.append(problem("repeated_alternative", message, label))
    return findings


def _place(nodes: Sequence[Any], parent: int) -> str:
    return "no nest" if parent == ROOT else f"nest {said(nodes[parent])}"


def _is_missing(label: Any) -> bool:
    return label is None or (pd.api.types.is_scalar(label) and bool(pd.isna(label)))


def problem(rule: str, message: str, value: Any = None) -> Finding:
    """What is wrong with a tree."""
    return Finding(rule=rule, message=message, value=value)
