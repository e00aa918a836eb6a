"""Elasticities of shares in prices after Berry's inversion.

With a the price's coefficient, h_k = p_k for a price as it is and 1 for its log, s the shares, s_g those within nests:

    own             a h_j [ 1 / (1 - sigma) - sigma / (1 - sigma) s_{j|g} - s_j ]
    same nest      -a h_k [ sigma / (1 - sigma) s_{k|g} + s_k ]
    otherwise      -a h_k s_k

(Berry 1994), multinomial with sigma = 0. Standard errors by the delta method in a and sigma, at the observed shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from relocchoice.errors import SpecificationError
from relocchoice.inference.tails import normal_quantile, require_alpha

if TYPE_CHECKING:
    from relocchoice.relocation.land.berry import BerryResults

Floats = NDArray[np.float64]
OUTSIDE = "(outside)"


def elasticities(results: BerryResults, alpha: float = 0.05) -> pd.DataFrame:
    """Elasticities of the share of every alternative, the outside one too, in the price of every inside one.

    Returns
    -------
    DataFrame with ``market``, ``share_of``, ``price_of``, ``elasticity``, ``std_error``, ``lower``, ``upper``; the
    outside alternative is ``"(outside)"``.

    Raises
    ------
    SpecificationError : the price is another function than the column itself or its log.
    OptionError : alpha is not between 0 and 1.
    """
    require_alpha(alpha)
    own = _per_share(results)
    a = float(results.params.iloc[0])
    nested = results.model.nest is not None
    sigma = float(results.params["sigma"]) if nested else 0.0
    if nested and sigma >= 1:
        raise SpecificationError(
            f"sigma is {sigma:.4g}: from 1 on the shares have no elasticities; see the instruments"
        )
    v = results.cov_params().to_numpy()[: 1 + nested, : 1 + nested]
    data, parts = results.shares.data, []
    for case in range(data.n_cases):
        rows = slice(int(data.offsets[case]), int(data.offsets[case + 1]))
        parts.append(_market(results, case, rows, own[rows], a, sigma, v))
    out = pd.concat(parts, ignore_index=True)
    half = normal_quantile(alpha / 2) * out["std_error"]
    return out.assign(lower=out["elasticity"] - half, upper=out["elasticity"] + half)


def _market(
    results: BerryResults, case: int, rows: slice, h: Floats, a: float, sigma: float, v: Floats
) -> pd.DataFrame:
    """The (J + 1) x J elasticities of one market, share by share."""
    shares = results.shares
    s, within = shares.share[rows], shares.within[rows]
    n = len(s)
    nest = np.arange(n) if shares.nest is None else shares.nest[rows]
    same = nest[:, None] == nest[None, :]
    # d ln s_j / d delta_k, and its derivative in sigma
    ratio, slope = sigma / (1 - sigma), 1 / (1 - sigma) ** 2
    inner = np.eye(n) - same * within[None, :] if shares.nest is not None else np.zeros((n, n))
    response = np.vstack([np.eye(n) - s[None, :] + ratio * inner, -s[None, :]])
    in_sigma = np.vstack([slope * inner, np.zeros((1, n))])
    values = a * h[None, :] * response
    gradient = np.stack([h[None, :] * response, a * h[None, :] * in_sigma][: len(v)], axis=-1)
    error = np.sqrt(np.maximum(np.einsum("jkp,pq,jkq->jk", gradient, v, gradient), 0.0))
    labels = shares.data.alternatives[shares.data.row_alternative[rows]].tolist()
    return pd.DataFrame(
        {
            "market": [shares.data.cases[case]] * values.size,
            "share_of": np.repeat(np.array([*labels, OUTSIDE], dtype=object), n),
            "price_of": np.tile(np.array(labels, dtype=object), n + 1),
            "elasticity": values.ravel(),
            "std_error": error.ravel(),
        }
    )


def _per_share(results: BerryResults) -> Floats:
    """(R,) d column / d ln price of each row."""
    label, data = results.model.price, results.shares.data
    if label.startswith("log(") and label[4:-1].strip("`") in data.columns:
        return np.ones(data.n_rows)
    if label.strip("`") in data.columns:
        values: Floats = data.row_frame([label.strip("`")])[label.strip("`")].to_numpy(dtype=np.float64)
        return values
    raise SpecificationError(f"elasticities are known for a price x as 'x' or 'log(x)', not as {label!r}")
