"""Tables of choices: the record, the conversions into it, the checks."""

from relocchoice.data.choice_data import ChoiceData, WeightKind
from relocchoice.data.doctor import DoctorReport, doctor
from relocchoice.data.views import require_finite

__all__ = ["ChoiceData", "DoctorReport", "WeightKind", "doctor", "require_finite"]
