"""The map whose fixed points are a group's equilibria: expected shares -> choice probabilities -> shares.

    Phi(m)_j = sum_i w_i P_ij(m),   P_ij(m) = exp(v_ij + s_ij m_j) / sum_k exp(v_ik + s_ik m_k),

m_j the expected share of place j in the group, w_i the weights of its n firms, which sum to one (Brock & Durlauf 2001).
Every firm holds the same expectation, and it is right: m = Phi(m). With a_jk = sum_i w_i P_ij (1(j=k) - P_ik) s_ik,
Phi'(m) = a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Firms that expect the same.

    Attributes
    ----------
    v : (n, J) utilities at expected shares of zero, -inf where unavailable.
    s : (n, J) what an expected share of one adds.
    w : (n,) weights that sum to one.
    """

    v: Floats
    s: Floats
    w: Floats

    @property
    def n_places(self) -> int:
        """J."""
        return self.v.shape[1]

    def probabilities(self, m: Floats) -> Floats:
        """(..., J) shares -> (..., n, J)."""
        u = self.v + self.s * m[..., None, :]
        p = np.exp(u - u.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        return p

    def shares(self, m: Floats) -> Floats:
        """(..., J) -> (..., J): Phi."""
        out: Floats = np.einsum("i,...ij->...j", self.w, self.probabilities(m))
        return out

    def jacobian(self, m: Floats) -> Floats:
        """(J,) -> (J, J): derivative of Phi_j in m_k."""
        p = self.probabilities(m)
        weighted = p * self.w[:, None]
        out: Floats = np.diag((weighted * self.s).sum(axis=0)) - weighted.T @ (p * self.s)
        return out

    def solve(self, start: Floats, tolerance: float = 1e-13, max_iterations: int = 100) -> Floats | None:
        """(J,) the fixed point that Newton's method reaches, with steps halved until the gap shrinks; None without.

        Shares keep their sum: each step is solved on the whole space, where Phi - m has the sum zero of its own.
        """
        m = start / start.sum()
        gap = self.shares(m) - m
        size = float(np.abs(gap).max())
        for _ in range(max_iterations):
            if size <= tolerance:
                return m
            try:
                step = np.linalg.solve(np.eye(self.n_places) - self.jacobian(m), gap)
            except np.linalg.LinAlgError:
                step = gap
            scale, better = 1.0, False
            while scale > 1e-6 and not better:
                other = m + scale * step
                new_gap = self.shares(other) - other
                new_size = float(np.abs(new_gap).max())
                better = new_size < size * (1.0 - 1e-4 * scale)
                scale /= 2.0
            if not better:
                return m if size <= 1e3 * tolerance else None
            m, gap, size = other, new_gap, new_size
        return m if size <= 1e3 * tolerance else None

    def settle(self, start: Floats, max_iterations: int = 10_000, tolerance: float = 1e-9) -> Floats | None:
        """(J,) the equilibrium where best replies from a start come to rest, polished; None where they cycle on."""
        m = start / start.sum()
        for _ in range(max_iterations):
            new = self.shares(m)
            if float(np.abs(new - m).max()) <= tolerance:
                return self.solve(new)
            m = new
        return None

    def radius(self, m: Floats) -> float:
        """Largest modulus of Phi's eigenvalues on shares that sum to one: below 1 best replies return to m.

        Columns of the Jacobian sum to zero, so that nothing leaves that space but a zero eigenvalue.
        """
        return float(np.abs(np.linalg.eigvals(self.jacobian(m))).max())

    def index(self, m: Floats) -> int:
        """Sign of det(I - Phi'(m)), which is that on shares that sum to one; 0 where it cannot be told from zero."""
        a = np.eye(self.n_places) - self.jacobian(m)
        determinant = float(np.linalg.det(a))
        return 0 if abs(determinant) < 1e-9 else int(np.sign(determinant))
