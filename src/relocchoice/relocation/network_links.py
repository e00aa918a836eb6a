"""Ties between firms as a sparse matrix: kin, dialect, buyer and seller.

W has a row and a column a firm; W[i, k] is the weight of the tie from i to k. Its diagonal is zero, so that W y never
holds a firm's own y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from relocchoice.data.frames import read_frame
from relocchoice.data.labels import show
from relocchoice.data.provenance import begun
from relocchoice.errors import DataError, OptionError
from relocchoice.relocation.network_codes import (
    Floats,
    coded,
    labels_of,
    numbers_in,
    one_per_firm,
    provenance_of,
    universe_of,
)

Direction = Literal["out", "in", "both"]
DIRECTIONS: tuple[Direction, ...] = ("out", "in", "both")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Links:
    """Ties between F firms.

    Attributes
    ----------
    firms : (F,) labels.
    matrix : (F, F) sparse rows, zero diagonal; several rows of the source on one pair are added.
    directed : whether a tie of i to k says nothing about one of k to i.
    provenance : what the source says about where it comes from, or None.
    """

    firms: pd.Index
    matrix: sparse.csr_array
    directed: bool
    provenance: str | None = None

    def __repr__(self) -> str:
        return begun(self.provenance or "", f"Links: {self.matrix.nnz:,} ties among {self.n_firms:,} firms")

    @classmethod
    def read(
        cls,
        frame: Any,
        *,
        source: str,
        target: str,
        weight: str | None = None,
        directed: bool = False,
        firms: Sequence[Any] | None = None,
    ) -> Links:
        """Ties from a table with one row a tie.

        Parameters
        ----------
        source, target : columns of firms; weight : column of tie strengths of at least 0, ones without.
        directed : a buyer-seller tie goes one way; kinship both, and is then counted from both ends: a pair that is
            listed from both ends is one tie. Rows that repeat a pair from the same end add up.
        firms : all firms, also those without ties; None for those in the table.

        Raises
        ------
        DataError : a missing label, a firm outside ``firms``, a firm tied to itself, a weight that is no number, an
            undirected pair with one weight from one end and another from the other.
        """
        columns = read_frame(frame)
        ends = [labels_of(columns, source, "source"), labels_of(columns, target, "target")]
        plain = [end.astype(object) if isinstance(end.dtype, pd.CategoricalDtype) else end for end in ends]
        universe = universe_of("firms", firms, pd.concat(plain, ignore_index=True))
        origin, other = (coded(end, universe, name, "firm") for end, name in zip(plain, (source, target), strict=True))
        itself = np.flatnonzero(origin == other)
        if len(itself):
            raise DataError(
                f"row {int(itself[0])}: firm {show(universe[origin[itself[0]]])} is tied to itself, by which its own "
                "choice would enter its own row; leave such rows out"
            )
        values = np.ones(len(origin)) if weight is None else numbers_in(columns, weight, "weight")
        shape = (len(universe), len(universe))
        matrix = sparse.coo_array((values, (origin, other)), shape=shape).tocsr()
        if not directed:
            matrix = _both_ways(matrix, universe)
        return cls(universe, matrix, directed, provenance_of(frame))

    @classmethod
    def from_networkx(cls, graph: Any, *, weight: str | None = "weight", firms: Sequence[Any] | None = None) -> Links:
        """Ties from a networkx graph: its edges, its nodes as the firms; edges without a ``weight`` count one."""
        if not (hasattr(graph, "edges") and hasattr(graph, "is_directed")):
            raise OptionError.of("graph", type(graph).__name__, "a networkx graph")
        edges = list(graph.edges(data=True))
        table = pd.DataFrame(
            {
                "source": pd.Series([edge[0] for edge in edges], dtype=object),
                "target": pd.Series([edge[1] for edge in edges], dtype=object),
                "weight": [float(edge[2].get(weight, 1.0)) if weight is not None else 1.0 for edge in edges],
            }
        )
        nodes = list(graph.nodes) if firms is None else firms
        directed = bool(graph.is_directed())
        return cls.read(table, source="source", target="target", weight="weight", directed=directed, firms=nodes)

    @property
    def n_firms(self) -> int:
        """F."""
        return len(self.firms)

    def row_normalised(self) -> Links:
        """Rows that sum to one, so that W y is a mean over partners; rows without ties stay zero."""
        total = self.matrix.sum(axis=1)
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        return Links(self.firms, sparse.diags_array(scale).tocsr() @ self.matrix, True, self.provenance)

    def aligned(self, firms: pd.Index) -> sparse.csr_array:
        """(F', F') the matrix for other firms in their order; firms without ties have empty rows.

        Raises
        ------
        DataError : a tied firm that is not among them.
        """
        if self.firms.equals(firms):
            return self.matrix
        at = firms.get_indexer(self.firms)
        table = self.matrix.tocoo()
        lost = np.flatnonzero((at < 0) & (self._tied() > 0))
        if len(lost):
            raise DataError(
                f"firm {show(self.firms[int(lost[0])])} has ties but is not among the firms of the moves "
                f"({len(lost)} such firms): give all firms as decisions= or leave its ties out"
            )
        shape = (len(firms), len(firms))
        return sparse.coo_array((table.data, (at[table.row], at[table.col])), shape=shape).tocsr()

    def degree(self, direction: Direction = "both", *, weighted: bool = False) -> pd.Series:
        """(F,) number of partners of each firm (``weighted``: strength of its ties).

        Parameters
        ----------
        direction : ties that go out, come in, or both; of undirected ties all three are the same. In ``"both"`` a
            partner that is tied both ways counts once (``weighted``: with both strengths).

        Raises
        ------
        OptionError : another direction.
        """
        return pd.Series(self._degree(self.matrix, direction, weighted), index=self.firms, name="degree")

    def degree_at_home(
        self,
        firms: Any,
        *,
        firm: str,
        home: str,
        direction: Direction = "both",
        weighted: bool = False,
        normalised: bool = False,
    ) -> pd.Series:
        """(F,) degree centrality within the firm's own home: ties to firms of the same ``home`` only.

        Parameters
        ----------
        firms : a table with a firm's home; home : the column.
        normalised : divide by the number of other firms at home; 0 where there are none.

        Raises
        ------
        DataError : a firm without a home, or with two.
        OptionError : another direction; ``normalised`` with ``weighted``.
        """
        if normalised and weighted:
            raise OptionError("normalised=True counts partners, and goes with weighted=False")
        at = pd.factorize(one_per_firm(read_frame(firms), firm, home, self.firms))[0]
        table = self.matrix.tocoo()
        same = at[table.row] == at[table.col]
        ends = (table.row[same], table.col[same])
        inside = sparse.coo_array((table.data[same], ends), shape=self.matrix.shape).tocsr()
        out = self._degree(inside, direction, weighted)
        if normalised:
            others = np.asarray(np.bincount(at)[at], dtype=np.float64) - 1.0
            out = np.divide(out, others, out=np.zeros_like(out), where=others > 0)
        return pd.Series(out, index=self.firms, name="degree_at_home")

    def _tied(self) -> Floats:
        out: Floats = np.asarray(self.matrix.sum(axis=0) + self.matrix.sum(axis=1), dtype=np.float64)
        return out

    def _degree(self, matrix: sparse.csr_array, direction: Direction, weighted: bool) -> Floats:
        if direction not in DIRECTIONS:
            raise OptionError.of("direction", direction, DIRECTIONS)
        held = matrix if weighted else (matrix > 0).astype(np.float64)
        if direction == "both" and self.directed:
            held = held + held.T
            held = held if weighted else (held > 0).astype(np.float64)
        return np.asarray(held.sum(axis=0 if direction == "in" else 1), dtype=np.float64)


def _both_ways(matrix: sparse.csr_array, firms: pd.Index) -> sparse.csr_array:
    """Each tie from both ends; a pair that is listed from both ends counts once."""
    back = matrix.T.tocsr()
    unlike = (matrix.multiply(back.astype(bool)) - back.multiply(matrix.astype(bool))).tocoo()
    first = np.flatnonzero(unlike.data)[:1]
    if len(first):
        i, k = unlike.row[first[0]], unlike.col[first[0]]
        raise DataError(
            f"firms {show(firms[i])} and {show(firms[k])} are tied with weight {matrix[i, k]:g} from one end and "
            f"{matrix[k, i]:g} from the other; give the pair one weight, or take directed=True"
        )
    return matrix.maximum(back).tocsr()
