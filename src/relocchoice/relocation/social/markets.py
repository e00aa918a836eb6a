"""Choices whose utilities hold the expected share of the chooser's market, as arrays; many markets at once.

V_ij(theta, m) = sum_k theta_k (x_ijk + d_ijk m_gj), linear in the shares m_g of the market g that firm i belongs to.
With R = d Phi / d theta at given shares, dm / dtheta = (I - Phi')^-1 R by the implicit function theorem, so the columns
of utilities in which expectations move along are x + d m + s dm/dtheta, s_ij = sum_k theta_k d_ijk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import IdentificationError, SpecificationError
from relocchoice.relocation.social.group import Group
from relocchoice.spec.encoding import Encoding

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
LINEAR = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Markets:
    """n choices among J places in G markets, K coefficients; cases are sorted by market.

    Attributes
    ----------
    names : (K,) coefficients.
    x : (n, J, K) columns at shares of zero; d : (n, J, D) what a share of one adds, of the columns ``moved`` (D,).
    open : (n, J) which places can be chosen; chosen : (n,) codes.
    weights : (n,) how often a case counts.
    market : (n,) codes; starts : (G,) first case of each.
    order : (n,) position in the data of each case.
    """

    names: tuple[str, ...]
    x: Floats
    d: Floats
    moved: Ints
    open: NDArray[np.bool_]
    chosen: Ints
    weights: Floats
    market: Ints
    starts: Ints
    order: Ints

    @property
    def n_markets(self) -> int:
        """G."""
        return len(self.starts)

    def by_market(self, values: Floats) -> Floats:
        """(n, ...) -> (G, ...) sums."""
        out: Floats = np.add.reduceat(values, self.starts, axis=0)
        return out

    @property
    def share_weights(self) -> Floats:
        """(n,) weights that sum to one in each market."""
        return self.weights / self.by_market(self.weights)[self.market]

    def slopes(self, theta: Floats) -> Floats:
        """(n, J) d V / d m."""
        return self.d @ theta[self.moved]

    def columns(self, m: Floats) -> Floats:
        """(G, J) shares -> (n, J, K) columns of the utilities."""
        out = self.x.copy()
        out[..., self.moved] += self.d * m[self.market][..., None]
        return out

    def utilities(self, theta: Floats, m: Floats) -> Floats:
        """(n, J), -inf where a place cannot be chosen."""
        v = self.x @ theta + self.slopes(theta) * m[self.market]
        return np.where(self.open, v, -np.inf)

    def probabilities(self, theta: Floats, m: Floats) -> Floats:
        """(n, J)."""
        v = self.utilities(theta, m)
        p = np.exp(v - v.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return p

    def shares(self, theta: Floats, m: Floats) -> Floats:
        """(G, J): Phi."""
        return self.by_market(self.share_weights[:, None] * self.probabilities(theta, m))

    def jacobians(self, theta: Floats, p: Floats) -> Floats:
        """(G, J, J): Phi' at the probabilities p."""
        s, w = self.slopes(theta), self.share_weights[:, None]
        out = -self.by_market((w * p)[:, :, None] * (p * s)[:, None, :])
        j = np.arange(p.shape[1])
        out[:, j, j] += self.by_market(w * p * s)
        return out

    def observed(self) -> Floats:
        """(G, J) shares of what was chosen."""
        one = np.zeros(self.open.shape)
        one[np.arange(len(self.chosen)), self.chosen] = self.share_weights
        return self.by_market(one)

    def group(self, market: int, theta: Floats) -> Group:
        """One market as a map of its own."""
        stop = self.starts[market + 1] if market + 1 < self.n_markets else len(self.market)
        part = slice(self.starts[market], stop)
        v = np.where(self.open[part], self.x[part] @ theta, -np.inf)
        return Group(v, self.slopes(theta)[part], self.share_weights[part])

    def solve(self, theta: Floats, start: Floats, tolerance: float = 1e-12) -> Floats:
        """(G, J) the equilibria that Newton's method reaches from shares, all markets at once.

        A market in which it fails is left to best replies.

        Raises
        ------
        IdentificationError : best replies do not come to rest either.
        """
        m = start.copy()
        eye = np.eye(m.shape[1])
        p = self.probabilities(theta, m)
        gap = self._mean(p) - m
        size = np.abs(gap).max(axis=1)
        for _ in range(50):
            if (size <= tolerance).all():
                return m
            a = eye - self.jacobians(theta, p)
            regular = np.abs(np.linalg.det(a)) > 1e-12
            step = np.linalg.solve(np.where(regular[:, None, None], a, eye), gap[..., None])[..., 0]
            scale = np.where(size > tolerance, 1.0, 0.0)
            for _ in range(20):
                other = m + scale[:, None] * step
                p = self.probabilities(theta, other)
                new = self._mean(p) - other
                worse = (np.abs(new).max(axis=1) > size * (1.0 - 1e-4 * scale)) & (scale > 0) & (size > tolerance)
                if not worse.any():
                    break
                scale = np.where(worse, scale / 2.0, scale)
            scale = np.where(worse, 0.0, scale)
            if not (scale > 0).any():
                break
            m = m + scale[:, None] * step
            p = self.probabilities(theta, m)
            gap = self._mean(p) - m
            size = np.abs(gap).max(axis=1)
        for market in np.flatnonzero(size > 1e3 * tolerance):
            end = self.group(int(market), theta).settle(start[market], 500)
            if end is None:
                raise IdentificationError(
                    f"market {int(market) + 1}: no equilibrium was reached from its shares at the parameters "
                    f"{np.array2string(theta, precision=4)}; start from others, or see equilibria()"
                )
            m[market] = end
        return m

    def movement(self, theta: Floats, m: Floats) -> tuple[Floats, Floats, Floats]:
        """At equilibrium shares: (n, J) probabilities, (n, J, K) columns at given and (n, J, K) at moving shares."""
        p, x = self.probabilities(theta, m), self.columns(m)
        own = p[..., None] * (x - np.einsum("ij,ijk->ik", p, x)[:, None, :])
        response = self.by_market(self.share_weights[:, None, None] * own)
        dm = np.linalg.solve(np.eye(p.shape[1]) - self.jacobians(theta, p), response)
        return p, x, x + self.slopes(theta)[..., None] * dm[self.market]

    def loglik(self, theta: Floats, m: Floats) -> Floats:
        """(n,) log-likelihoods."""
        v = self.utilities(theta, m)
        top = v.max(axis=1)
        sums = top + np.log(np.exp(v - top[:, None]).sum(axis=1))
        return v[np.arange(len(v)), self.chosen] - sums

    def radii(self, theta: Floats, m: Floats) -> Floats:
        """(G,) largest eigenvalue of best replies."""
        out: Floats = np.abs(np.linalg.eigvals(self.jacobians(theta, self.probabilities(theta, m)))).max(axis=1)
        return out

    def _mean(self, p: Floats) -> Floats:
        return self.by_market(self.share_weights[:, None] * p)


def bind(data: ChoiceData, encoding: Encoding, peers: str, market: Ints) -> Markets:
    """Arrays from data and an encoding whose terms name the column ``peers``.

    Raises
    ------
    SpecificationError : the utilities are not linear in the shares, or do not hold them.
    """
    at = [_dense(with_shares(data, peers, np.full(data.n_rows, value)), encoding) for value in (0.0, 0.5, 1.0)]
    move = at[2] - at[0]
    if not np.allclose(at[1], (at[0] + at[2]) / 2.0, rtol=LINEAR, atol=LINEAR * max(1.0, float(np.abs(move).max()))):
        raise SpecificationError(
            f"the utilities are not linear in {peers!r}: expected shares may enter as they are or times another "
            "variable, not in logarithms or powers"
        )
    moved = np.flatnonzero(move.any(axis=(0, 1)))
    if len(moved) == 0:
        raise SpecificationError(f"no utility holds {peers!r}: name the term in the formula, 'chosen ~ cost + {peers}'")
    order = np.argsort(market, kind="stable")
    codes = market[order]
    open_ = np.zeros((data.n_cases, data.n_alternatives), dtype=bool)
    open_[data.row_case(), data.row_alternative] = True
    assert data.chosen is not None
    weights = np.ones(data.n_cases) if data.weights is None else np.array(data.weights)
    return Markets(
        encoding.columns(with_shares(data, peers, np.zeros(data.n_rows))).names,
        at[0][order],
        move[order][..., moved],
        moved,
        open_[order],
        np.array(data.chosen)[order],
        weights[order],
        codes,
        np.flatnonzero(np.diff(codes, prepend=-1)),
        order,
    )


def with_shares(data: ChoiceData, peers: str, values: Floats) -> ChoiceData:
    """The data with (R,) values of the column of shares."""
    rows = {name: data.row_columns[name] for name in data.row_columns if name != peers}
    return replace(data, row_columns={**rows, peers: pd.Series(values)})


def _dense(data: ChoiceData, encoding: Encoding) -> Floats:
    """(n, J, K) columns of the utilities, zero where a place cannot be chosen."""
    columns = encoding.columns(data)
    out = np.zeros((data.n_cases, data.n_alternatives, len(columns.names)))
    case, place = data.row_case(), data.row_alternative
    for column in columns.columns:
        coef = np.broadcast_to(column.coef, (data.n_alternatives,))[place]
        values = np.ones(data.n_rows) if column.values is None else column.values
        values = values[case] if column.level == "case" else values
        kept = coef >= 0
        np.add.at(out, (case[kept], place[kept], coef[kept]), values[kept])
    return out
