"""The records of the taxonomy: forms, regions, destinations and periods, with their titles in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Area = Literal["Yueqing", "Zhejiang", "China"]
AREAS: tuple[Area, ...] = ("Yueqing", "Zhejiang", "China")
RegionLabel = Literal["Yueqing", "rest of Wenzhou", "Zhejiang", "globalizing", "coastal", "interior"]


@dataclass(frozen=True, slots=True)
class Form:
    """One form of spatial expansion.

    Attributes
    ----------
    label : as the seed tables have it.
    title, title_zh : as a table head, in English and Chinese.
    relocation : False for an expansion on the firm's own site.
    partial : True where a part of the firm moves and the rest stays.
    """

    label: str
    title: str
    title_zh: str
    relocation: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination of Table 6.

    Attributes
    ----------
    label : as the seed tables have it.
    title, title_zh : as a table head, in English and Chinese.
    within : the smallest of the areas Yueqing, Zhejiang, China that holds it; Yueqing lies in Zhejiang.
    kind : "local", "city" (a globalizing city), "coast" or "interior".
    region : label of the study's region it lies in, one of :data:`REGIONS`.
    """

    label: str
    title: str
    title_zh: str
    within: Area
    kind: Literal["local", "city", "coast", "interior"]
    region: RegionLabel


@dataclass(frozen=True, slots=True)
class Region:
    """One of the six regions that the study compares.

    Attributes
    ----------
    label : short and unique, also among the destinations unless the region is that destination.
    title, title_zh : as a table head, in English and Chinese.
    """

    label: RegionLabel
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class JointAlternative:
    """A form together with a destination.

    Attributes
    ----------
    label : ``"in-site"``, or form and destination as in ``"R&D > Shanghai"``.
    form : label of the form.
    destination : label of the destination; :data:`HOME` for the expansion on the own site.
    region : label of the region; that of Yueqing for the own site.
    """

    label: str
    form: str
    destination: str
    region: RegionLabel


@dataclass(frozen=True, slots=True)
class Period:
    """A period of the survey, first and last year included."""

    label: str
    title_zh: str
    first: int
    last: int

    @property
    def years(self) -> int:
        """How many years the period has: the exposure of its counts."""
        return self.last - self.first + 1


FORMS = (
    Form("in-site", "In-site expansion", "原址扩张", relocation=False, partial=False),
    Form("entire enterprise", "Entire enterprise", "整体迁移", relocation=True, partial=False),
    Form("manufacturing facility", "Manufacturing facility", "生产环节迁移", relocation=True, partial=True),
    Form("R&D", "R&D", "研发迁移", relocation=True, partial=True),
    Form("headquarters", "Headquarters", "总部迁移", relocation=True, partial=True),
)

REGIONS = (
    Region("Yueqing", "Yueqing", "乐清"),
    Region("rest of Wenzhou", "Rest of Wenzhou", "温州其他地区"),
    Region("Zhejiang", "Rest of Zhejiang", "浙江其他地区"),
    Region("globalizing", "Globalizing cities", "全球化城市"),
    Region("coastal", "Coastal", "沿海地区"),
    Region("interior", "Interior", "内陆地区"),
)

# Hangzhou is Zhejiang's capital, although one passage of the source lists it among the destinations outside it.
DESTINATIONS = (
    Destination("township", "Town/Township", "乡镇", "Yueqing", "local", "Yueqing"),
    Destination("county seat", "County seat", "县城", "Yueqing", "local", "Yueqing"),
    Destination("Wenzhou", "Wenzhou", "温州", "Zhejiang", "local", "rest of Wenzhou"),
    Destination("Hangzhou", "Hangzhou", "杭州", "Zhejiang", "city", "Zhejiang"),
    Destination("Shanghai", "Shanghai", "上海", "China", "city", "globalizing"),
    Destination("Beijing", "Beijing", "北京", "China", "city", "globalizing"),
    Destination("coastal", "Coastal", "沿海地区", "China", "coast", "coastal"),
    Destination("interior", "Interior", "内陆地区", "China", "interior", "interior"),
)

PERIODS = (
    Period("1980s", "1980年代", 1980, 1989),
    Period("1990s", "1990年代", 1990, 1999),
    Period("2000-2003", "2000—2003年", 2000, 2003),
)

HOME = "home"
