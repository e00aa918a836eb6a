"""What a fit knows before it searches: the model bound to the data, and what the design alone can tell.

Small problems are kept for as long as their data live: where a model is fitted many times to the same data (other
starts, covariances, penalties), everything but the search would otherwise be most of the time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from relocchoice.data.choice_data import ChoiceData
from relocchoice.engine.bind import Bound, bind
from relocchoice.engine.counted import bind_counted
from relocchoice.engine.loglik import null_loglik
from relocchoice.engine.problem import Problem
from relocchoice.engine.search import Reference, reference_of
from relocchoice.errors import StoreError
from relocchoice.inference.identification import check_collinear
from relocchoice.inference.separation import Certificate, certify
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.encoding import Encoding
from relocchoice.spec.model import ModelSpec

SMALL_ROWS = 50_000
KEPT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model and data before the search.

    Attributes
    ----------
    encoding, columns : the specification on the data; problem : bound to them.
    reference, certificate : what the design can tell; whether choices are separated.
    llnull : log-likelihood of equal shares.
    """

    encoding: Encoding
    columns: UtilityColumns
    problem: Problem
    reference: Reference
    certificate: Certificate
    llnull: float


# The values must not hold the data they are kept by.
_KEPT: WeakKeyDictionary[ChoiceData, dict[str, Prepared]] = WeakKeyDictionary()


def prepare(spec: ModelSpec, data: ChoiceData) -> Prepared:
    """Bind a model to data and look at the design.

    Raises
    ------
    SpecificationError, DataError : the model and the data do not go together.
    IdentificationError : names the columns that are dead or collinear.
    """
    if data.n_rows > SMALL_ROWS:
        return _prepare(spec, data)
    try:
        key = json.dumps(spec.to_dict())
    except StoreError:  # labels that no file can carry
        return _prepare(spec, data)
    kept = _KEPT.setdefault(data, {})
    made = kept.get(key)
    if made is None:
        made = _prepare(spec, data)
        for old in list(kept)[: max(0, len(kept) - KEPT + 1)]:
            kept.pop(old, None)
        kept[key] = made
    return made


def _prepare(spec: ModelSpec, data: ChoiceData) -> Prepared:
    counted = bind_counted(spec, data)
    if counted is None:
        learned = spec.specification.evaluate(data, spec.base)
        problem = bind(spec, learned.columns, data)
    else:
        learned, problem = counted.learned, counted.problem
    reference = identifiable(problem)
    return Prepared(
        encoding=learned.encoding,
        columns=learned.columns,
        problem=problem,
        reference=reference,
        certificate=certify(spec, Bound(data, problem), reference.information),
        llnull=null_loglik(data),
    )


def identifiable(problem: Problem) -> Reference:
    """The reference of a problem whose coefficients the data can tell apart.

    Raises
    ------
    IdentificationError : names the columns that are dead or collinear.
    """
    reference = reference_of(problem)
    check_collinear(reference.information, reference.sizes, problem.jacobian, problem.space.names, problem.n_coef)
    return reference
