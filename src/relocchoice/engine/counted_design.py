"""The design of cases that share their choice sets: their leaders now, the cases themselves when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.shared import Shared
from relocchoice.engine.problem import place_families
from relocchoice.kernels.fused import storage
from relocchoice.kernels.protocol import Family
from relocchoice.spec.columns import UtilityColumns
from relocchoice.spec.design import Design, build_design

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Leaders:
    """Who leads, and what the others differ from them by.

    Attributes
    ----------
    design : of the m leaders; lane_of : of their problem, see :class:`Problem`.
    of_case : (n,) the leader of each case; group : (n,) the group of the alternative that each case chose.
    gap : (n, K) columns of the chosen alternative less those of the leader's, as the design has them.
    offset : (n,) the same of the offset, or None.
    """

    design: Design
    lane_of: Ints | None
    of_case: Ints
    group: Ints
    gap: Floats
    offset: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What it takes to lay all cases out; ``columns`` are on the rows of the choice sets."""

    data: ChoiceData
    columns: UtilityColumns
    family: Family
    movable: NDArray[np.bool_]
    lane_of: Ints | None


@dataclass(frozen=True, slots=True, eq=False)
class CountedDesign(Design):
    """A design whose chunks are laid out when somebody looks at them. Made again with other chunks it is a plain one.

    Attributes
    ----------
    leaders : what can be computed without; layout : how it is done.
    """

    leaders: Leaders | None = field(default=None, init=False)
    layout: Layout | None = field(default=None, init=False)

    def __getattr__(self, name: str) -> Any:
        if name != "chunks":
            raise AttributeError(f"CountedDesign has no attribute {name!r}", name=name, obj=self)
        object.__setattr__(self, "chunks", _laid_out(self).chunks)
        return self.chunks


def opened(leaders: Leaders, layout: Layout) -> CountedDesign:
    made = CountedDesign(leaders.design.names, (), layout.data.n_cases, leaders.design.centring)
    object.__setattr__(made, "leaders", leaders)
    object.__setattr__(made, "layout", layout)
    object.__delattr__(made, "chunks")
    return made


def _laid_out(design: CountedDesign) -> Design:
    layout = design.layout
    assert layout is not None
    data, family = layout.data, layout.family
    assert data.shared is not None
    return build_design(
        data,
        _on_cases(layout.columns, data.shared),
        family.slot_order(data.n_alternatives),
        family.slot_group(data.n_alternatives),
        family.shift_invariant,
        layout.movable,
        None if layout.lane_of is None else np.unique(layout.lane_of),
        storage(),
        design.centring,
    )


def _on_cases(columns: UtilityColumns, shared: Shared) -> UtilityColumns:
    """Columns on the rows of the choice sets -> on those of all cases."""
    rows = shared.rows()

    def spread(values: Floats | None, level: str) -> Floats | None:
        return None if values is None else values[shared.of_case if level == "case" else rows]

    spelled = tuple(replace(column, values=spread(column.values, column.level)) for column in columns.columns)
    return UtilityColumns(columns.names, spelled, spread(columns.offset, "row"))


class Placed(Sequence[Family]):
    """A family on the chunks of a counted design, placed when somebody looks at them.

    Parameters
    ----------
    family : not yet placed.
    """

    def __init__(self, family: Family, design: CountedDesign) -> None:
        assert design.leaders is not None
        self.family, self.design = family, design
        self.on_leaders = place_families(family, design.leaders.design)

    @cached_property
    def _everywhere(self) -> tuple[Family, ...]:
        return place_families(self.family, self.design)

    @overload
    def __getitem__(self, at: int) -> Family: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Family, ...]: ...
    def __getitem__(self, at: int | slice) -> Family | tuple[Family, ...]:
        return self._everywhere[at]

    def __len__(self) -> int:
        return len(self._everywhere)
