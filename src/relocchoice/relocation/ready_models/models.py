"""Models of relocation ready to fit, with what their coefficients mean to an economist.

They are plain values of :mod:`relocchoice.models` on the columns that :meth:`Survey.choice_data` gives. Data of another
origin need the same columns: ``land_price`` (yuan a mu), ``policy``, ``distance`` (km from Yueqing), ``kin`` and the
indicators ``beyond`` (outside Zhejiang), ``entire``, ``manufacturing``, ``rd``, ``hq`` of each alternative; ``assets``
(million yuan), ``local_ties`` (0 to 1) and ``period`` of the firm.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

import numpy as np
import pandas as pd

from relocchoice.data.choice_data import ChoiceData
from relocchoice.data.labels import show, show_some
from relocchoice.errors import DataError, OptionError
from relocchoice.models import MultinomialLogit, NestedLogit
from relocchoice.relocation.survey.cells import MANUFACTURING, NEAR, cells
from relocchoice.relocation.taxonomy import (
    DESTINATIONS,
    Level,
    destination_labels,
    destination_tree,
    form_labels,
    form_nests,
    joint_alternatives,
    joint_nests,
)
from relocchoice.spec.model import Lambdas

FormTree = Literal["none", "partial", "relocation", "both"]
DestinationTree = Literal["none", "reach", "region", "border", "both"]
JointTree = Literal["none", "form", "form-reach", "form-region", "move", "move-form"]

PULL = "log(land_price) + policy + log1p(distance) + kin"
BEYOND = "beyond:log(assets) + beyond:local_ties"
FORMS = "entire + manufacturing + rd + hq"
SIZE = "entire:log(assets) + manufacturing:log(assets) + rd:log(assets) + hq:log(assets)"
TIES = "entire:local_ties + manufacturing:local_ties"
FIRM = "log(assets) + local_ties"
ROUND = "I(period == '2000-2003')"
STAY, MOVE = "stay", "move"
REACH = ("near", "far")

Model = MultinomialLogit | NestedLogit
_JOINT_LEVELS: dict[str, tuple[Level, ...]] = {
    "form": ("form",),
    "form-region": ("form", "region"),
    "move": ("move",),
    "move-form": ("move", "form"),
}


def move_model(*, by_round: bool = True) -> MultinomialLogit:
    """Move or stay: does an expansion leave the own site? For the choices of :func:`move_data`.

    Parameters
    ----------
    by_round : whether the second round of restructuring (2000-2003) has a constant of its own.

    Notes
    -----
    The first of the literature's two stages (Pellenbarg, van Wissen & van Dijk 2002; Brouwer, Mariotti & van Ommeren
    2004). ``log(assets):move``: below zero, sunk costs hold large firms; above, they grow out of their site.
    ``local_ties:move``: below zero is relational lock-in, ties that keep a firm at home (Knoben & Oerlemans 2008). The
    constant is what remains of push over keep. What the places offer is not in it: in :func:`joint_model` with
    ``tree="move"`` the upper level is this choice with the logsum of all ways to move.
    """
    return MultinomialLogit(f"chosen ~ 0 | {FIRM}{f' + {ROUND}' if by_round else ''}", base=STAY)


def move_data(data: ChoiceData) -> ChoiceData:
    """Choices among forms as choices between staying and moving.

    Parameters
    ----------
    data : with the forms as alternatives (``Survey.choice_data("form")``), the expansion in site among them.

    Returns
    -------
    ChoiceData
        One case a case, alternatives ``"stay"`` and ``"move"``, with the columns of the firm, weights and units.

    Raises
    ------
    DataError
        Where the alternatives are not forms, there are no choices, or a case could not stay or could not move.
    """
    forms = form_labels()
    strange = [label for label in data.alternatives if label not in forms]
    if strange or forms[0] not in data.alternatives:
        raise DataError(
            f"alternative {show(strange[0] if strange else forms[0])}: alternatives must be forms, {forms[0]!r} among "
            f"them; got {show_some(data.alternatives)}"
        )
    if data.chosen is None or data.picked is not None:
        raise DataError("moving or staying needs data with one chosen form a case")
    home = data.alternatives.get_loc(forms[0])
    stays = np.bincount(data.row_case()[data.row_alternative == home], minlength=data.n_cases)
    width = np.diff(data.offsets)
    stuck = np.flatnonzero((stays == 0) | (width == stays))
    if len(stuck):
        case = show(data.cases[stuck[0]])
        raise DataError(f"case {case} cannot both stay and move ({len(stuck)} such cases); select the others")
    roles = {data.names.get(role) for role in ("case", "alternative", "unit", "weights")}
    own = [name for name in data.columns if name not in roles and not data.varies_within_case(name)]
    twice = data.case_frame(own).iloc[np.repeat(np.arange(data.n_cases), 2)].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "case": np.repeat(np.arange(data.n_cases), 2),
            "decision": pd.Categorical([STAY, MOVE] * data.n_cases, categories=[STAY, MOVE]),
            "chosen": np.stack([data.chosen == home, data.chosen != home], axis=1).ravel(),
        }
    )
    frame = pd.concat([frame, twice.drop(columns=[name for name in frame.columns if name in twice])], axis=1)
    unit = None
    if data.unit is not None and data.units is not None:
        unit = data.names.get("unit", "unit")
        frame[unit] = np.repeat(np.asarray(data.units)[data.unit], 2)
    made = ChoiceData.from_long(frame, case="case", alternative="decision", chosen="chosen", unit=unit)
    made = (
        made if data.weights is None or data.weight_kind is None else made.with_weights(data.weights, data.weight_kind)
    )
    return made.with_provenance(data.provenance)


def form_model(*, tree: FormTree = "none", by_round: bool = True, lambdas: Lambdas = "free") -> Model:
    """The form of an expansion: in site, entire enterprise, manufacturing facility, R&D or headquarters.

    Parameters
    ----------
    tree : ``"none"``, multinomial; ``"partial"``, ``"relocation"`` or ``"both"``, nests of ``taxonomy.form_nests``.
    by_round : whether the second round of restructuring has constants of its own.
    lambdas : of a nested model, ``"free"`` or ``"common"``.

    Raises
    ------
    OptionError
        For another tree.

    Notes
    -----
    Schmenner's (1980) choice between expanding in site, branching and relocating. ``log(assets):entire enterprise``
    below zero: sunk costs grow with size, so that large firms move in parts; the published 68.6 % of small firms among
    entire relocations do not show it (70.5 % of all firms are small). ``log(assets):R&D`` above zero: only large
    firms split off functions. ``local_ties``: lock-in, strongest against leaving whole. The data hold nothing that
    differs between the forms but their availability, so a lambda is identified by functional form and by the 1980s'
    smaller choice set: nests are for looking, and ``"none"`` is the default.
    """
    _one_of("tree", tree, FormTree)
    formula = f"chosen ~ 0 | {FIRM}{f' + {ROUND}' if by_round else ''}"
    if tree == "none":
        return MultinomialLogit(formula, base=form_labels()[0])
    return NestedLogit(formula, form_nests(tree), base=form_labels()[0], lambdas=lambdas)


def destination_model(
    *, tree: DestinationTree = "reach", lambdas: Lambdas = "free", more: str = "", offset: str | None = None
) -> Model:
    """Where a manufacturing facility goes: the pull of eight destinations.

    Parameters
    ----------
    tree : ``"reach"``, within Wenzhou against beyond; ``"region"``, ``"border"`` or ``"both"``, as
        ``taxonomy.destination_tree``; ``"none"``, conditional logit.
    lambdas : ``"free"`` or ``"common"``.
    more : further generic terms, e.g. ``"log1p(same_cluster)"`` from ``relocation.network``.
    offset : known part of the utilities: ``"shift"`` for simulated surveys.

    Raises
    ------
    OptionError
        For another tree.

    Notes
    -----
    ``log(land_price)``: below zero; over ``kin`` or ``policy`` it gives what a firm pays for them. ``policy``: one for
    a full preferential zone. ``log1p(distance)``: decay of control and of ties. ``kin``: relatives on the spot lower
    the cost and risk of moving there (the keiretsu counts of Head, Ries & Swenson 1995 are the same kind of variable).
    ``beyond:log(assets)``: large firms leave the province; ``beyond:local_ties``: ties at home hold them within it. A
    lambda under one: firms that lose a place go to another of its region first, the "dual destinations" of the survey.
    """
    _one_of("tree", tree, DestinationTree)
    formula = f"chosen ~ {PULL} + {BEYOND}{f' + {more}' if more else ''} | 0"
    if tree == "none":
        return MultinomialLogit(formula, offset=offset)
    nests = _reach({place: place for place in destination_labels()}) if tree == "reach" else destination_tree(tree)
    return NestedLogit(formula, nests, lambdas=lambdas, offset=offset)


def joint_model(
    *,
    tree: JointTree = "form-reach",
    lambdas: Lambdas = "free",
    more: str = "",
    offset: str | None = None,
    among: Collection[str] | None = None,
) -> Model:
    """Form and destination at once.

    Parameters
    ----------
    tree : ``"form-reach"``: the manufacturing facility is a nest, its places within Wenzhou and beyond are nests in it,
        other forms stand alone (the simulated surveys' own tree); ``"form"``: the places of each form are a nest;
        ``"form-region"``: form -> region -> destination; ``"move"``: all relocations are a nest, so that moving or
        staying comes first; ``"move-form"``: the forms inside it; ``"none"``: multinomial.
    lambdas : ``"free"`` or ``"common"``.
    more : further generic terms.
    offset : known part of the utilities: ``"shift"`` for simulated surveys.
    among : the alternatives of the data, labels of ``taxonomy.joint_alternatives()``; None: the cells that the
        published tables name, which are those of a simulated survey.

    Raises
    ------
    OptionError
        For another tree, or labels that are no joint alternatives.

    Notes
    -----
    Pull of the places as in :func:`destination_model`, and by form the constant and what size and local ties do to it,
    as in :func:`form_model`. lambda of a form: how much alike its places are to a firm that has settled for the form;
    near one, form and place are one decision, near zero, the place hardly matters for the form. lambda of moving
    (``tree="move"``): below one, a better destination takes firms from other relocations more than from the own site.
    """
    _one_of("tree", tree, JointTree)
    formula = f"chosen ~ {PULL} + {FORMS} + {SIZE} + {TIES} + {BEYOND}{f' + {more}' if more else ''} | 0"
    if tree == "none":
        return MultinomialLogit(formula, offset=offset)
    labels = cells().labels if among is None else tuple(among)
    nests = _form_reach(labels) if tree == "form-reach" else joint_nests(_JOINT_LEVELS[tree], among=labels)
    return NestedLogit(formula, nests, lambdas=lambdas, offset=offset)


def _one_of(argument: str, value: object, literal: object) -> None:
    if value not in get_args(literal):
        raise OptionError.of(argument, value, ", ".join(get_args(literal)))


def _reach(labels: dict[str, str]) -> dict[str, object]:
    """Place -> label, as the nests within Wenzhou and beyond."""
    near, far = REACH
    return {
        near: [label for place, label in labels.items() if place in NEAR],
        far: [label for place, label in labels.items() if place not in NEAR],
    }


def _form_reach(labels: Collection[str]) -> dict[str, object]:
    space = {one.label: one for one in joint_alternatives()}
    strange = [label for label in labels if label not in space]
    if strange or not labels:
        raise OptionError.of("among", strange[0] if strange else labels, "labels of joint_alternatives()")
    form = form_labels()[MANUFACTURING]
    kept = set(labels)
    own = {space[label].destination: label for label in space if label in kept and space[label].form == form}
    ordered = {place.label: own[place.label] for place in DESTINATIONS if place.label in own}
    if len(ordered) < 2:
        raise OptionError.of("among", sorted(kept), f"at least two places of the {form!r}; or another tree")
    alone = {label: None for label in space if label in kept and space[label].form != form}
    regions = {name: members for name, members in _reach(ordered).items() if members}
    return {**alone, "manufacturing": regions if len(regions) > 1 else list(ordered.values())}
