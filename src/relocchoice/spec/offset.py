"""Single numeric terms: the offset of a specification and the terms of explicit utilities."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import Finding, SpecificationError
from relocchoice.spec.evaluate import Attempt, try_terms
from relocchoice.spec.labels import listed
from relocchoice.spec.parts import ParsedTerm, parse_part
from relocchoice.spec.term_checks import Rows, source_columns


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


def try_single(text: str, data: ChoiceData, level: Rows, role: str, without: Collection[str] = ()) -> Attempt:
    """Evaluate one numeric term and keep its state; a term that is not one number a row is a finding.

    Parameters
    ----------
    text, data, level, without : see :func:`relocchoice.spec.evaluate.try_terms`.
    role : what the term is, for the message.
    """
    attempt = try_terms(text, data, level, without=without)
    encoding = attempt.evaluated.encoding
    barred = not set(without).isdisjoint(source_columns([parse_single(text, role)]))
    if attempt.findings or barred or (len(encoding.labels) == 1 and not encoding.levels):
        return attempt
    message = (
        f"{role} {text!r} is not one number a row: it gives the columns {listed(encoding.labels)}; "
        "write the column that is meant, e.g. {sector == 'machinery'}"
    )
    return replace(attempt, findings=(Finding(rule="single_term", message=message),))
