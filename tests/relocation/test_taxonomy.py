"""Trees and the joint space: what is impossible, what is only empty, and that the models take the nests as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from relocchoice.errors import OptionError
from relocchoice.relocation import taxonomy
from relocchoice.relocation.sources import seed_table
from relocchoice.relocation.taxonomy import DESTINATIONS, FORMS, HOME, REGIONS

KEYS = {"case": "case", "alternative": "alternative", "chosen": "chosen"}


def leaves(nests: Any) -> list[str]:
    return list(rc.NestTree.from_dict(nests).leaves)


def test_forms_stand_alone_partial_or_as_relocations() -> None:
    partial = ["manufacturing facility", "R&D", "headquarters"]
    assert taxonomy.form_nests() == {"in-site": None, "entire enterprise": None, "partial": partial}
    assert taxonomy.form_nests("relocation") == {"in-site": None, "relocation": ["entire enterprise", *partial]}
    both = {"in-site": None, "relocation": {"entire enterprise": None, "partial": partial}}
    assert taxonomy.form_nests("both") == both
    with pytest.raises(OptionError, match="by='form'"):
        taxonomy.form_nests("form")


def test_destinations_by_region_and_border() -> None:
    local, cities = ["township", "county seat"], ["Shanghai", "Beijing"]
    others = {"coastal": None, "interior": None}
    regions = {"Yueqing": local, "Wenzhou": None, "Hangzhou": None, "globalizing": cities, **others}
    assert taxonomy.destination_tree() == regions
    assert taxonomy.destination_tree("both") == {
        "within Zhejiang": {"Yueqing": local, "Wenzhou": None, "Hangzhou": None},
        "outside Zhejiang": {"globalizing": cities, **others},
    }
    assert taxonomy.destination_tree("border")["within Zhejiang"] == list(taxonomy.destination_labels("Zhejiang"))


def test_hangzhou_may_be_a_globalizing_city_but_never_outside_its_province() -> None:
    assert taxonomy.destination_tree(hangzhou="globalizing")["globalizing"] == ["Hangzhou", "Shanghai", "Beijing"]
    with pytest.raises(OptionError, match="within Zhejiang's border"):
        taxonomy.destination_tree("both", hangzhou="globalizing")
    with pytest.raises(OptionError, match="hangzhou='coastal'"):
        taxonomy.destination_tree(hangzhou="coastal")
    with pytest.raises(OptionError, match="by='kind'"):
        taxonomy.destination_tree("kind")


def test_every_region_has_a_destination_and_every_destination_a_region() -> None:
    assert {place.region for place in DESTINATIONS} == {region.label for region in REGIONS}


def test_joint_alternatives_are_the_possible_pairs() -> None:
    space = taxonomy.joint_alternatives()
    assert len(space) == 1 + 4 * 8
    assert len({alternative.label for alternative in space}) == 33
    assert [a.label for a in space if a.destination == HOME] == ["in-site"]
    assert all((a.form == "in-site") == (a.destination == HOME) for a in space)
    assert space[1].label == "entire enterprise > township"


def test_impossible_is_only_what_logic_forbids() -> None:
    space = taxonomy.joint_space()
    assert len(space) == 5 * 9
    impossible = space[space["status"] == "impossible"]
    in_site = impossible["form"] == "in-site"
    assert (in_site.sum(), (~in_site).sum()) == (8, 4)
    assert set(impossible.loc[~in_site, "destination"]) == {HOME}
    assert impossible["count"].eq(0).all()
    assert impossible["alternative"].eq("").all()
    possible = space[space["status"] != "impossible"]
    assert tuple(possible["alternative"]) == tuple(a.label for a in taxonomy.joint_alternatives())


def test_what_nobody_chose_is_empty_and_stays_possible() -> None:
    """Table 6 has 19 zeros among 32 cells; entire enterprises never left Yueqing, and that is a finding, not a rule."""
    space = taxonomy.joint_space().set_index(["form", "destination"])
    assert (space["status"] == "empty").sum() == 19
    assert space.loc[("entire enterprise", "Shanghai"), "status"] == "empty"
    assert space.loc[("in-site", HOME), "count"] == 45
    assert space["count"].sum() == 45 + 165


def test_counts_of_the_joint_space_are_those_of_table_6() -> None:
    six = seed_table(6)
    printed = six[six["block"] == "total"].set_index(["form", "destination"])["count"]
    space = taxonomy.joint_space().set_index(["form", "destination"])["count"]
    assert space.loc[printed.index].tolist() == printed.tolist()


def test_the_default_tree_is_form_region_destination() -> None:
    nests = taxonomy.joint_nests()
    assert leaves(nests) == [a.label for a in taxonomy.joint_alternatives()]
    assert nests["in-site"] is None
    assert nests["R&D"]["R&D > globalizing"] == ["R&D > Shanghai", "R&D > Beijing"]
    assert nests["R&D"]["R&D > interior"] is None


@pytest.mark.parametrize(
    "levels", [("form",), ("move", "group", "form", "region"), ("region", "form"), ("group", "region"), ("move",)]
)
def test_every_tree_holds_every_alternative_once_and_no_nest_of_one(levels: tuple[str, ...]) -> None:
    tree = rc.NestTree.from_dict(taxonomy.joint_nests(levels))
    assert sorted(tree.leaves) == sorted(a.label for a in taxonomy.joint_alternatives())
    assert tree.degenerate == ()
    assert len(tree.nodes) > 0


@pytest.mark.parametrize(
    "nests", [taxonomy.form_nests("both"), taxonomy.destination_tree("both"), taxonomy.destination_tree()]
)
def test_the_other_trees_have_no_nest_of_one_either(nests: dict[str, Any]) -> None:
    assert rc.NestTree.from_dict(nests).degenerate == ()


def test_a_part_of_the_space_keeps_table_order_and_drops_what_is_left_alone() -> None:
    kept = ["R&D > Shanghai", "in-site", "R&D > township", "headquarters > township"]
    assert taxonomy.joint_nests(among=kept) == {
        "in-site": None,
        "R&D": ["R&D > township", "R&D > Shanghai"],
        "headquarters > township": None,
    }


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"levels": ()}, r"levels=\(\)"),
        ({"levels": ("form", "form")}, "levels="),
        ({"levels": "province"}, "levels='province'"),
        ({"among": ["Shanghai"]}, "among='Shanghai'"),
        ({"among": []}, "among="),
        ({"among": "in-site"}, "among="),
    ],
)
def test_wrong_trees_are_refused(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(OptionError, match=match):
        taxonomy.joint_nests(**arguments)


def test_a_single_level_may_be_given_as_text() -> None:
    assert taxonomy.joint_nests("form") == taxonomy.joint_nests(("form",))


def long_choices(alternatives: list[str], seed: int, n: int, chosen: Any = None) -> pd.DataFrame:
    """n cases that choose among all alternatives by a random utility, two periods in turn."""
    draw = np.random.default_rng(seed)
    size = len(alternatives)
    frame = pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), size),
            "alternative": np.tile(alternatives, n),
            "period": np.repeat(np.where(np.arange(n) % 2 == 0, "1980s", "1990s"), size),
            "x": draw.normal(size=n * size),
        }
    )
    utility = (frame["x"] + draw.gumbel(size=n * size)).to_numpy().reshape(n, size)
    if chosen is not None:
        utility = np.where(chosen(frame).reshape(n, size), utility, -np.inf)
    frame["chosen"] = (utility == utility.max(axis=1, keepdims=True)).ravel()
    return frame


def test_a_nested_logit_takes_the_three_level_tree_of_the_joint_space() -> None:
    alternatives = [a.label for a in taxonomy.joint_alternatives()]
    data = rc.ChoiceData.from_long(long_choices(alternatives, 4, 3000), **KEYS)
    fit = rc.NestedLogit("chosen ~ x | 0", taxonomy.joint_nests(), lambdas="common").fit(data)
    assert fit.converged
    lambdas = fit.params.filter(like="lambda")
    assert len(lambdas) == 1
    assert abs(fit.params["x"] - 1) < 4 * fit.bse["x"]


def test_forms_of_the_1980s_are_unavailable_by_rule() -> None:
    rules = taxonomy.joint_unavailable()
    assert len(rules) == 3 * 8
    assert rules["R&D > Shanghai"] == {"period": ["1980s"]}
    assert taxonomy.joint_unavailable("era")["R&D > Shanghai"] == {"era": ["1980s"]}
    assert not {"in-site", "entire enterprise > interior"} & set(rules)

    def possible(frame: pd.DataFrame) -> np.ndarray:
        return ~((frame["period"] == "1980s") & frame["alternative"].isin(list(rules))).to_numpy()

    alternatives = [a.label for a in taxonomy.joint_alternatives()]
    frame = long_choices(alternatives, 5, 40, possible)
    data = rc.ChoiceData.from_long(frame, **KEYS).without(rules)
    assert data.n_rows == 20 * 9 + 20 * 33


def test_labels_in_two_languages() -> None:
    english, chinese = taxonomy.labels(), taxonomy.labels(language="zh")
    assert list(english) == list(chinese)
    assert english["R&D > Shanghai"] == "R&D, Shanghai"
    assert chinese["R&D > Shanghai"] == "研发迁移：上海"
    assert chinese[HOME] == chinese["in-site"][:2] == "原址"
    assert len(set(chinese.values())) == len(chinese)
    assert len(set(english.values())) == len(english)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in chinese.values())
    with pytest.raises(OptionError, match="language='de'"):
        taxonomy.labels("de")


def test_labels_cover_alternatives_nests_and_periods() -> None:
    names = set(taxonomy.labels())
    assert {a.label for a in taxonomy.joint_alternatives()} <= names
    assert {form.label for form in FORMS} | set(taxonomy.period_labels()) <= names
    trees = [taxonomy.form_nests("both"), taxonomy.destination_tree("both"), taxonomy.joint_nests()]
    trees += [taxonomy.joint_nests(levels) for levels in (("region", "form"), ("move", "region"), ("group", "region"))]
    for nests in trees:
        assert set(rc.NestTree.from_dict(nests).nodes) <= names


def test_labels_serve_the_tables_of_results() -> None:
    labels = [form.label for form in FORMS]
    data = rc.ChoiceData.from_long(long_choices(labels, 6, 300), **KEYS)
    fit = rc.MultinomialLogit("chosen ~ x | 1", base="in-site").fit(data)
    shown = rc.compare(fit, labels=taxonomy.labels("zh")).as_text()
    assert "总部迁移" in shown
    assert "headquarters" not in shown
