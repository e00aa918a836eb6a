"""The one tree of errors and warnings: every message names the thing, the value and the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class RelocChoiceError(Exception):
    """Base of every error this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem found in the data or in a specification.

    Attributes
    ----------
    rule : short name of the rule that was broken, e.g. ``"chosen_unavailable"``.
    message : one sentence that names the column, the case and the alternative, and says what to do.
    column, case, alternative, value : what the sentence is about; None where it does not apply.
    count : how many rows or cases break the rule in the same way.
    """

    rule: str
    message: str
    column: str | None = None
    case: Any = None
    alternative: Any = None
    value: Any = None
    count: int = 1


class FindingsError(RelocChoiceError):
    """An error that carries all the problems that were found, not only the first.

    Attributes
    ----------
    findings : tuple of :class:`Finding`.
    """

    shown = 20

    def __init__(self, findings: tuple[Finding, ...] | list[Finding] | str) -> None:
        if isinstance(findings, str):
            findings = (Finding(rule="input", message=findings),)
        self.findings = tuple(findings)
        lines = [finding.message for finding in self.findings[: self.shown]]
        rest = len(self.findings) - len(lines)
        if rest:
            lines.append(f"... and {rest} more (see the error's .findings)")
        head = f"{len(self.findings)} problems:\n  - " if len(self.findings) > 1 else ""
        super().__init__(head + "\n  - ".join(lines))


class DataError(FindingsError):
    """The table of choices cannot be used as it is."""


class SpecificationError(FindingsError):
    """The formula, the utilities, the nests or the constraints do not make a model."""


class IdentificationError(FindingsError):
    """The data cannot tell some parameters apart."""


class SeparationError(IdentificationError):
    """The likelihood has no finite maximum, because some choices are separated."""


class OptionError(RelocChoiceError, ValueError):
    """An argument has a value that is not one of its valid ones."""

    @classmethod
    def of(cls, argument: str, value: object, valid: object) -> OptionError:
        """The usual sentence: argument, value, valid values."""
        return cls(f"{argument}={value!r} is not valid; valid: {valid}")


class StoreError(RelocChoiceError):
    """A saved fit cannot be read or written."""


class RelocChoiceWarning(UserWarning):
    """Base of every warning this package gives."""


class ConvergenceWarning(RelocChoiceWarning):
    """The optimiser stopped before the maximum, or some parameters are flat."""
