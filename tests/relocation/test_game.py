"""The gaming platforms' rankings: the published rank-ordered logit, from the long and from the wide table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from relocchoice.data.choice_data import ChoiceData
from relocchoice.models import MultinomialLogit
from relocchoice.relocation.published import published_spec
from relocchoice.relocation.reproduce import reproduce
from relocchoice.relocation.reproduce_record import PublishedFit
from relocchoice.relocation.sources import Missing, published_frame, published_target

PLATFORMS = ("Xbox", "PlayStation", "PSPortable", "GameCube", "GameBoy", "PC")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = published_frame("game")
    if isinstance(found, Missing):
        pytest.skip(found.reason)
    return found


def test_the_published_ranking_is_reproduced(frame: pd.DataFrame) -> None:
    (part,) = reproduce(["game"])
    (record,) = part.published
    assert isinstance(record, PublishedFit)
    assert record.agrees
    assert record.llf == pytest.approx(-516.55202712, abs=5e-9)
    assert len(record.parameters) == 16
    assert set(record.by_kind) == {"params", "hessian", "opg", "robust"}
    assert record.largest_relative_difference < 1e-6
    (table,) = part.tables.values()
    digits = [cell for row in table.rows for cell in (row[3], row[6])]
    assert len(digits) == 32
    assert all(confirmed == printed for confirmed, printed in (text.split(" of ") for text in digits))


def test_the_wide_table_gives_the_same(frame: pd.DataFrame) -> None:
    wide = frame.pivot_table(index=["chid", "age", "hours"], columns="platform", values=["ch", "own"])
    wide.columns = [f"{name}.{platform}" for name, platform in wide.columns]
    data = ChoiceData.from_rankings(
        wide,
        case="chid",
        alternative="platform",
        rank={platform: f"ch.{platform}" for platform in PLATFORMS},
        varying={"own": {platform: f"own.{platform}" for platform in PLATFORMS}},
    )
    fit = MultinomialLogit("rank ~ own | hours + age", base="PC").fit(data)
    target = published_target("game", "game_rol")
    assert fit.llf == pytest.approx(target.llf, abs=1e-9)
    names = published_spec("game", "game_rol").names
    theirs = dict(zip(target.names, target.params, strict=True))
    np.testing.assert_allclose(fit.params, [theirs[names[str(name)]] for name in fit.params.index], rtol=1e-6)


def test_only_the_first_place_says_less(frame: pd.DataFrame) -> None:
    def fit(depth: int | None) -> pd.Series:
        data = ChoiceData.from_rankings(frame, case="chid", alternative="platform", rank="ch", depth=depth)
        return MultinomialLogit("ch ~ own | hours + age", base="PC").fit(data).bse

    first, full = fit(1), fit(None)
    assert (full < first).all()
    assert full["own"] < 0.6 * first["own"]
