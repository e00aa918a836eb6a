"""The data of a fit and the problem they make: those it holds, or given anew to a fit that was loaded from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relocchoice.data.choice_data import ChoiceData
from relocchoice.engine.bind import Bound, bind
from relocchoice.errors import DataError, OptionError
from relocchoice.inference.separation import certify, dropped
from relocchoice.spec.model import apply_unavailable

if TYPE_CHECKING:
    from relocchoice.results.choice_results import ChoiceResults


def refuse_moved(results: ChoiceResults, what: str) -> None:
    """Refuse to estimate again where the estimates are no longer those that the data give.

    Raises
    ------
    OptionError : names what was asked for and the way out.
    """
    settled = getattr(results.moments, "settled", "")
    if settled:
        raise OptionError(f"{what} is not available: {settled}; take it from the fit before (its slopes are the same)")


def rebound(results: ChoiceResults, data: ChoiceData | None) -> Bound:
    """What the fit was estimated on.

    Parameters
    ----------
    data : the data of the fit, where it does not hold them; else None.

    Raises
    ------
    DataError : the fit was loaded and no data are given, or these are not the data of the fit.
    """
    if data is None:
        if results.problem is None:
            raise DataError("this fit was loaded from a file, which holds no data; pass data=")
        held: Bound = results.problem
        return held
    if not isinstance(data, ChoiceData):
        raise DataError(f"data= is a ChoiceData, not {type(data).__name__}")
    data = apply_unavailable(data, results.spec)
    bound = Bound(data, bind(results.spec, results.encoding.columns(data), data))
    if (results.parameters["status"] == "dropped").any():
        bound = Bound(data, dropped(certify(results.spec, bound), bound).held.problem)
    _check_same(results, bound)
    return bound


def _check_same(results: ChoiceResults, bound: Bound) -> None:
    """Data given later must be those of the fit: as many cases, and the same log-likelihood at the estimates."""
    problem, free = bound.problem, results.moments.free
    same = bound.data.n_cases == results.n_cases and bound.data.weight_kind == results.weight_kind
    same = same and len(problem.space.free_names) == len(free)
    llf = problem.weight_scale * float(problem.weights @ problem.loglik_by_case(free)) if same else float("nan")
    if not same or abs(llf - results.llf) > 1e-6 * (1 + abs(results.llf)):
        raise DataError(
            f"these are not the data of the fit: {bound.data.n_cases} cases with log-likelihood {llf:.6f} at the "
            f"estimates, against {results.n_cases} with {results.llf:.6f}"
        )
