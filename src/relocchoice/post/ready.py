"""Ready scenarios of the literature on firms that leave their home region, each a function of the data's column names.

The figures that stand as defaults are those of the surveys of firms from Yueqing in Wenzhou: industrial land with
infrastructure at 80,000 yuan a mu in suburban Shanghai against 150,000 without in Yueqing (2003), and requests for
3,500 mu of land against a quota of 1,553 mu (1999); 1 mu = 1/15 hectare. Each returns a :class:`Scenario`, which can be
changed further, printed, stored, and compared with :func:`compare_scenarios`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from relocchoice.errors import OptionError
from relocchoice.post.scenario import Scenario
from relocchoice.post.scenario_steps import ALTERNATIVE, number_of

LAND_PRICE_AWAY = 80_000.0
QUOTA = 1_553.0
DEMAND = 3_500.0


def equalise_land_price(
    column: str, *, price: float = LAND_PRICE_AWAY, at: Any = None, alternatives: Any = None, log: bool = False
) -> Scenario:
    """S1: land costs the same everywhere.

    Parameters
    ----------
    column : price of land by alternative.
    price : the common price in the column's units; 80,000 yuan a mu is that of suburban Shanghai, 150,000 that of
        Yueqing.
    at : an alternative whose price the others get, in place of ``price``.
    alternatives : those whose price changes; None for all.
    log : whether the column holds logarithms; ``price`` is then still the price itself.
    """
    scenario, where = Scenario("S1 equal land price"), _at(alternatives)
    if at is not None:
        return scenario.set(column, at=at, where=where)
    value = _positive("price", price)
    return scenario.set(column, math.log(value) if log else value, where=where)


def lift_quota(column: str, home: Any, *, quota: float = QUOTA, demand: float = DEMAND, log: bool = False) -> Scenario:
    """S2: the land quota at home rises to what firms ask for, from 1,553 to 3,500 mu unless said otherwise.

    Parameters
    ----------
    column : land to be had by alternative: mu or hectares, or quota / demand (0.44, which then becomes 1).
    home : the alternative or alternatives under the quota.
    quota, demand : area before and after, in the same units; the column grows by their ratio.
    log : whether the column holds logarithms.
    """
    factor = _positive("demand", demand) / _positive("quota", quota)
    return _scaled(Scenario("S2 quota lifted"), column, factor, _at(home), log)


def policy_preference(column: str, interior: Any = None, *, value: Any = 1, withdrawn: bool = False) -> Scenario:
    """S3: the preferential policy reaches the interior (as from 1999), or is withdrawn everywhere.

    Parameters
    ----------
    column : the policy by alternative, 0 and 1 or an intensity.
    interior : the alternative or alternatives that it is extended to.
    value : what the column becomes there.
    withdrawn : set it to 0 instead, at ``interior`` or (None) everywhere.
    """
    if withdrawn:
        return Scenario("S3 policy withdrawn").set(column, 0, where=_at(interior))
    if interior is None:
        raise OptionError("policy_preference() extends the policy to interior=..., or takes withdrawn=True")
    return Scenario("S3 policy extended").set(column, value, where=_at(interior))


def new_university(column: str, alternative: Any = "Wenzhou", *, number: float = 1, dummy: bool = False) -> Scenario:
    """S4: a university or a research park is founded.

    Parameters
    ----------
    column : universities or parks by alternative, a number or a dummy.
    alternative : where; number : how many more.
    dummy : whether the column says only if there is any: it becomes 1.
    """
    scenario = Scenario("S4 new university")
    if dummy:
        return scenario.set(column, 1, where=_at(alternative))
    return scenario.add_to(column, number, where=_at(alternative))


def double_kin_stock(column: str, alternatives: Any = None, *, factor: float = 2.0) -> Scenario:
    """S5: twice as many firms of the same origin at the destination, which draws others after them.

    This is the first round: those who follow change the stock again, which the scenario does not. Of a logit with
    social interactions, ``relocation.social.cascade(fit, double_kin_stock(...))`` follows the rounds after it.

    Parameters
    ----------
    column : number of kin firms by alternative, not its logarithm (write ``log(1 + kin)`` in the formula); where there
        are none, there are none after.
    alternatives : destinations; None for all.
    factor : by which the stock grows.
    """
    return Scenario("S5 kin stock").scale(column, factor, where=_at(alternatives))


def wage_convergence(
    column: str, *, at: Any = None, wage: float | None = None, share: float = 1.0, alternatives: Any = None
) -> Scenario:
    """S6: wages converge.

    Parameters
    ----------
    column : wage by alternative.
    at, wage : towards the wage of one alternative, or a number; give one of them.
    share : of the distance that is closed, 1 for all of it.
    alternatives : whose wages move; None for all.
    """
    return Scenario("S6 wage convergence").converge(column, wage, share=share, at=at, where=_at(alternatives))


def distance_shock(column: str, *, factor: float = 0.5, alternatives: Any = None, log: bool = False) -> Scenario:
    """S7: a railway or freeway shortens the way.

    Parameters
    ----------
    column : distance or travel time by alternative.
    factor : by which it shrinks.
    alternatives : which it connects; None for all.
    log : whether the column holds logarithms.
    """
    return _scaled(Scenario("S7 distance shock"), column, _positive("factor", factor), _at(alternatives), log)


def without_lock_in(column: str, *, value: Any = 0, where: Mapping[str, Any] | Sequence[Any] | None = None) -> Scenario:
    """S8: the ties that hold firms where they are lose their hold.

    Parameters
    ----------
    column : relational lock-in, by alternative (ties at home) or by case (a dummy of embedded firms).
    value : what it becomes.
    where : for whom; None for all.
    """
    return Scenario("S8 no lock-in").set(column, value, where=where)


def _at(alternatives: Any) -> dict[str, Any] | None:
    return None if alternatives is None else {ALTERNATIVE: alternatives}


def _positive(name: str, value: Any) -> float:
    number = number_of(name, value)
    if number <= 0:
        raise OptionError.of(name, value, "a number above 0")
    return number


def _scaled(scenario: Scenario, column: str, factor: float, where: Any, log: bool) -> Scenario:
    if log:
        return scenario.add_to(column, math.log(factor), where=where)
    return scenario.scale(column, factor, where=where)
