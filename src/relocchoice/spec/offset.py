"""Single numeric terms: the offset of a specification and the terms of explicit utilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import SpecificationError
from relocchoice.spec.evaluate import Evaluated, TermsEncoding, apply_terms, learn_terms
from relocchoice.spec.labels import listed
from relocchoice.spec.parts import ParsedTerm, parse_part
from relocchoice.spec.term_checks import Rows


def parse_single(text: str, role: str) -> ParsedTerm:
    """The one term of a text.

    Parameters
    ----------
    text : e.g. ``"log(cost)"``.
    role : what the term is, for the message, e.g. ``"offset"``.

    Raises
    ------
    SpecificationError : the text is not one term with at least one column.
    """
    if not isinstance(text, str):
        raise SpecificationError(f"{role} {text!r} is not a term; write text such as 'log(cost)'")
    terms = parse_part(text, False) if text.strip() else ()
    if len(terms) != 1 or not terms[0].factors:
        raise SpecificationError(
            f"{role} {text!r} is not one term with a column; write one such as 'log(cost)', or {{a + b}} for a sum"
        )
    return terms[0]


def learn_single(text: str, data: ChoiceData, level: Rows, role: str) -> Evaluated:
    """Evaluate one numeric term and keep its state.

    Raises
    ------
    SpecificationError : the term is not one numeric column, or a column is not there.
    DataError : values are missing or not finite somewhere.
    """
    evaluated = learn_terms(text, data, level)
    if len(evaluated.values) != 1 or evaluated.encoding.levels:
        raise SpecificationError(
            f"{role} {text!r} is not one number a row: it gives the columns {listed(evaluated.encoding.labels)}; "
            "write the column that is meant, e.g. {sector == 'machinery'}"
        )
    return evaluated


def learn_offset(text: str, data: ChoiceData) -> TermsEncoding:
    """How the offset is evaluated; raises as :func:`learn_single`."""
    return learn_single(text, data, "row", "offset").encoding


def apply_offset(encoding: TermsEncoding, data: ChoiceData) -> NDArray[np.float64]:
    """(R,) the offset of any data."""
    return apply_terms(encoding, data).values[0]
