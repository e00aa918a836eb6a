"""The columns of the table of destination attributes: names, titles in English and Chinese, units, limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column of the table.

    Attributes
    ----------
    name : of the column.
    title, title_zh : as a table head, in English and Chinese.
    unit : of the figures; for codes and grades, what they run from and to.
    meaning : one sentence.
    least, most : smallest and largest value that may stand there.
    whole : whether only whole numbers may.
    factor : the factor of Table 3 that it stands for; empty where none.
    """

    name: str
    title: str
    title_zh: str
    unit: str
    meaning: str
    least: float
    most: float
    whole: bool = False
    factor: str = ""

    @property
    def unit_zh(self) -> str:
        """The unit in Chinese."""
        return _UNITS_ZH[self.unit]


_GRADE = "grade, 0 to 3"
_UNITS_ZH = {
    "yuan per mu": "元/亩",
    "yuan per hectare": "元/公顷",
    "share, 0 to 1": "比例，0至1",
    "0 or 1": "0或1",
    "km": "公里",
    "billion US dollars a year": "十亿美元/年",
    "number": "个",
    "Yueqing = 1": "乐清=1",
    _GRADE: "等级，0至3",
}
ATTRIBUTES = (
    Attribute(
        "land_price",
        "Land price",
        "工业用地价格",
        "yuan per mu",
        "price of industrial land, nominal",
        1,
        1e7,
        factor="industrial land",
    ),
    Attribute(
        "land_price_ha",
        "Land price",
        "工业用地价格",
        "yuan per hectare",
        "the same; 15 mu are a hectare",
        15,
        1.5e8,
        factor="industrial land",
    ),
    Attribute(
        "land_rationing",
        "Land granted",
        "用地指标满足率",
        "share, 0 to 1",
        "quota over the land that is asked for",
        0,
        1,
        factor="industrial land",
    ),
    Attribute(
        "policy",
        "Policy zone",
        "政策开发区",
        "0 or 1",
        "whether a state-level zone has preferential policies",
        0,
        1,
        True,
        "preferential policy",
    ),
    Attribute(
        "western_policy",
        "Western policy",
        "西部大开发",
        "0 or 1",
        "whether the policy of 1999 was announced before the period",
        0,
        1,
        True,
        "preferential policy",
    ),
    Attribute(
        "distance",
        "Distance",
        "距乐清距离",
        "km",
        "great circle from Yueqing's county seat, in steps of 10 km",
        0,
        5000,
    ),
    Attribute(
        "rail",
        "Railway",
        "铁路",
        "0 or 1",
        "whether a railway led there from Wenzhou all the period",
        0,
        1,
        True,
        "infrastructure",
    ),
    Attribute("fdi", "FDI", "外商直接投资", "billion US dollars a year", "foreign direct investment", 0, 100),
    Attribute(
        "universities",
        "Universities of national rank",
        "重点大学",
        "number",
        "universities of national rank",
        0,
        200,
        True,
        "science, technology and education",
    ),
    Attribute(
        "wage",
        "Wage",
        "工资水平",
        "Yueqing = 1",
        "wage in relation to Yueqing's in the period",
        0.01,
        100,
        factor="labor force",
    ),
    Attribute(
        "infrastructure",
        "Serviced land",
        "基础设施",
        "0 or 1",
        "whether industrial land comes with infrastructure",
        0,
        1,
        True,
        "infrastructure",
    ),
    Attribute(
        "market_information",
        "Market information",
        "市场信息",
        _GRADE,
        "access to information on markets",
        0,
        3,
        True,
        "market information",
    ),
    Attribute(
        "business_environment",
        "Business environment",
        "营商环境",
        _GRADE,
        "government and services to business",
        0,
        3,
        True,
        "business environment",
    ),
    Attribute(
        "financial_institutions",
        "Financial institutions",
        "金融机构",
        _GRADE,
        "access to finance",
        0,
        3,
        True,
        "financial institutions",
    ),
    Attribute(
        "living_environment",
        "Living environment",
        "生活环境",
        _GRADE,
        "what the place offers to live in",
        0,
        3,
        True,
        "living environment",
    ),
)
NAMES = tuple(attribute.name for attribute in ATTRIBUTES)
