"""A scenario as a value: what changes, where; applied to a table of choices it gives another one.

A scenario is data, never code: it prints as sentences, is stored as a dict, and nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import plain_label
from relocchoice.data.structural import Unavailable, read_rules
from relocchoice.errors import DataError, OptionError, StoreError
from relocchoice.post.scenario_steps import Addition, Change, Removal, Step, Where, number_of, read_where
from relocchoice.spec.labels import label_from_json, label_to_json


@dataclass(frozen=True, slots=True)
class Scenario:
    """Changes of the data, applied one after the other.

    Attributes
    ----------
    name : how tables call it.
    steps : the changes.

    Notes
    -----
    ``where`` says in which rows: a mapping column -> value or list of values, all of which must hold; the key
    ``"alternative"`` stands for the alternatives; a list of mappings holds where any of them does.

    Examples
    --------
    >>> print(Scenario("cheap land").scale("land_price", 0.5, where={"alternative": "Yueqing"}).remove("Beijing"))
    cheap land
      1. land_price times 0.5 where alternative is 'Yueqing'
      2. Beijing removed
    """

    name: str = "scenario"
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise OptionError.of("name", self.name, "text")

    # ------------------------------------------------------------------------------------------------- building

    def scale(self, column: str, factor: float, *, where: Any = None) -> Scenario:
        """Multiply a column; a factor of 1 is refused, as it changes nothing."""
        number = number_of("factor", factor)
        if number == 1:
            raise OptionError.of("factor", factor, "a number other than 1, which changes nothing")
        return self._with(Change(_text(column), "scale", number, where=read_where(where)))

    def add_to(self, column: str, amount: float, *, where: Any = None) -> Scenario:
        """Add an amount to a column; 0 is refused, as it changes nothing."""
        number = number_of("amount", amount)
        if number == 0:
            raise OptionError.of("amount", amount, "a number other than 0, which changes nothing")
        return self._with(Change(_text(column), "add to", number, where=read_where(where)))

    def set(self, column: str, value: Any = None, *, at: Any = None, where: Any = None) -> Scenario:
        """Give a column one value, or the one that the same case sees at alternative ``at``."""
        number = _one_of(value, at)
        return self._with(Change(_text(column), "set", number, at=plain_label(at), where=read_where(where)))

    def converge(
        self, column: str, value: float | None = None, *, share: float, at: Any = None, where: Any = None
    ) -> Scenario:
        """Close a share (0 to 1) of the distance between a column and a value, or the value at alternative ``at``."""
        number = _one_of(value, at)
        part = number_of("share", share)
        if not 0 < part <= 1:
            raise OptionError.of("share", share, "a number above 0, at most 1")
        number = None if number is None else number_of("value", number)
        return self._with(Change(_text(column), "converge", number, plain_label(at), part, read_where(where)))

    def remove(self, *alternatives: Any, where: Any = None) -> Scenario:
        """Make alternatives unavailable, to the cases of ``where`` or to all; the model shares them out anew."""
        if not alternatives:
            raise OptionError("remove() names no alternative")
        conditions = read_where(where)
        return self._with(*(Removal(plain_label(label), conditions) for label in alternatives))

    def unavailable(self, rules: Unavailable) -> Scenario:
        """Make alternatives unavailable by rule: alternative -> conditions, as in :meth:`ChoiceData.without`."""
        read = read_rules(rules)
        if not read:
            raise OptionError("unavailable() has no rule")
        return self._with(*(Removal(rule.alternative, (rule.conditions,)) for rule in read))

    def add(
        self,
        alternative: Any,
        *,
        like: Any,
        constant: float | None = None,
        nest: str | None = None,
        where: Any = None,
        values: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Scenario:
        """Add an alternative with the attributes, coefficients and nest of a known one, but for what is said.

        Parameters
        ----------
        like : the known alternative; the new one is open to the cases that may choose it.
        constant : its alternative-specific constant; None takes that of ``like``.
        nest : name of its nest, ``""`` for none; None takes that of ``like``.
        values, more : column -> value it has at the new alternative.
        """
        given = {**(values or {}), **more}
        known = None if constant is None else number_of("constant", constant)
        if nest is not None and not isinstance(nest, str):
            raise OptionError.of("nest", nest, "the name of a nest, '' for none, or None")
        pairs = tuple((_text(column), plain_label(value)) for column, value in given.items())
        step = Addition(plain_label(alternative), plain_label(like), pairs, known, nest, read_where(where))
        return self._with(step)

    def named(self, name: str) -> Scenario:
        """The same under another name."""
        return replace(self, name=name)

    def __add__(self, other: Scenario) -> Scenario:
        """Both, one after the other."""
        return Scenario(f"{self.name} + {other.name}", (*self.steps, *other.steps))

    def _with(self, *steps: Step) -> Scenario:
        return replace(self, steps=(*self.steps, *steps))

    # ------------------------------------------------------------------------------------------------- applying

    def apply(self, data: ChoiceData) -> ChoiceData:
        """The data as they would be, without choices and with a note for every step.

        Raises
        ------
        DataError : a step names a column, value or alternative that the data do not have, or touches nothing; the
            scenario as a whole changes nothing; a case is left without alternatives.
        """
        if not isinstance(data, ChoiceData):
            raise DataError(f"a scenario is applied to a ChoiceData, not to {type(data).__name__}")
        if not self.steps:
            raise DataError(
                f"{self.name!r} has no steps, so it changes nothing: add some with .scale, .set, .remove, ..."
            )
        out, notes, changed = replace(data, chosen=None, picked=None), [], False
        for step in self.steps:
            before = out.n_rows
            done = step.apply(out)
            out, changed = done.data, changed or done.changed
            idle = "" if done.changed else "; they had these values already"
            notes.append(f"Scenario {self.name!r}: {step} ({done.rows:,} of {before:,} rows{idle})")
        if not changed:
            raise DataError(
                f"{self.name!r} changes no value of these data ({'; '.join(map(str, self.steps))}): there is nothing "
                "to compare"
            )
        return replace(out, notes=(*data.notes, *notes))

    # -------------------------------------------------------------------------------------- storing and showing

    def to_dict(self) -> dict[str, Any]:
        """The scenario as JSON values.

        Raises
        ------
        StoreError : a label that JSON cannot carry.
        """
        return {"name": self.name, "steps": [_step_to_json(step) for step in self.steps]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Scenario:
        """The scenario that :meth:`to_dict` wrote, checked like one that is built.

        Raises
        ------
        StoreError : the record is of another shape.
        OptionError : a step that could not have been built.
        """
        try:
            out = cls(stored["name"])
            for step in stored["steps"]:
                out = _add_stored(out, step)
        except (KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"the saved scenario is damaged: {type(error).__name__} on {error}") from None
        return out

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"  {k}. {step}" for k, step in enumerate(self.steps, 1))])

    def __repr__(self) -> str:
        return f"<Scenario {self.name!r}: {'; '.join(map(str, self.steps)) or 'no steps'}>"


def _text(column: Any) -> str:
    if not isinstance(column, str) or not column:
        raise OptionError.of("column", column, "the name of a column")
    return column


def _one_of(value: Any, at: Any) -> Any:
    if (value is None) == (at is None):
        raise OptionError("give either a value or at= (an alternative whose value is taken), not both or neither")
    return plain_label(value)


def _where_to_json(where: Where) -> list[list[Any]]:
    return [[[column, [label_to_json(v) for v in values]] for column, values in conditions] for conditions in where]


def _where_from_json(stored: Any) -> list[dict[str, list[Any]]] | None:
    return [{column: [label_from_json(v) for v in values] for column, values in some} for some in stored] or None


def _step_to_json(step: Step) -> dict[str, Any]:
    where = {"where": _where_to_json(step.where)}
    if isinstance(step, Removal):
        return {"kind": "remove", "alternative": label_to_json(step.alternative), **where}
    if isinstance(step, Addition):
        return {
            "kind": "add",
            "alternative": label_to_json(step.alternative),
            "like": label_to_json(step.like),
            "values": [[column, label_to_json(value)] for column, value in step.values],
            "constant": step.constant,
            "nest": step.nest,
            **where,
        }
    number, at = label_to_json(step.number), label_to_json(step.at)
    return {"kind": step.how, "column": step.column, "number": number, "at": at, "share": step.share, **where}


def _add_stored(scenario: Scenario, step: Mapping[str, Any]) -> Scenario:
    kind, where = step["kind"], _where_from_json(step["where"])
    if kind == "remove":
        return scenario.remove(label_from_json(step["alternative"]), where=where)
    if kind == "add":
        return scenario.add(
            label_from_json(step["alternative"]),
            like=label_from_json(step["like"]),
            constant=step["constant"],
            nest=step["nest"],
            where=where,
            values={column: label_from_json(value) for column, value in step["values"]},
        )
    number, at = label_from_json(step.get("number")), label_from_json(step.get("at"))
    if kind == "scale":
        return scenario.scale(step["column"], number, where=where)
    if kind == "add to":
        return scenario.add_to(step["column"], number, where=where)
    if kind == "set":
        return scenario.set(step["column"], number, at=at, where=where)
    if kind == "converge":
        return scenario.converge(step["column"], number, share=step["share"], at=at, where=where)
    raise StoreError(f"a scenario step of kind {kind!r} is not known; known: scale, add to, set, converge, remove, add")
