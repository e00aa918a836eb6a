"""Land prices that answer to what is not observed: the control function, and Berry's inversion of grouped shares."""

from relocchoice.relocation.land.berry import BerryLogit, BerryResults
from relocchoice.relocation.land.control_function import ControlFunction, ControlFunctionResults
from relocchoice.relocation.land.rivals import rival_instruments

__all__ = ["BerryLogit", "BerryResults", "ControlFunction", "ControlFunctionResults", "rival_instruments"]
