"""The published models as data: sizes, names, and the log-likelihood at the published estimates.

The log-likelihood is computed here from scratch, so that a wrong row, column or name shows without any estimator.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from relocchoice.data.choice_data import ChoiceData
from relocchoice.errors import DataError, OptionError
from relocchoice.relocation.published import nests_of, published_spec, published_specs, published_values
from relocchoice.relocation.published_frames import LOWER_TERMS, country_logsums
from relocchoice.relocation.published_spec import PublishedSpec
from relocchoice.relocation.sources import Missing, published_target, published_targets

SPECS = published_specs()
CASES = {
    ("modecanada", "mc1"): 2769,
    ("heating", "heating_m"): 900,
    ("heating", "heating_mc"): 900,
    ("swissmetro", "b01a"): 6768,
    ("swissmetro", "b09"): 6768,
    ("travelmode", "tm_cl"): 210,
    ("travelmode", "tm_nl_unscaled"): 210,
    ("travelmode", "tm_nl_rum"): 210,
    ("japanese_fdi", "mnl"): 452,
    ("japanese_fdi", "nl_common"): 452,
    ("japanese_fdi", "lower"): 421,
    ("japanese_fdi", "upper"): 452,
    ("nox", "nox_public"): 113,
    ("nox", "nox_regulated"): 292,
    ("nox", "nox_deregulated"): 227,
    ("hague_burglary", "cl"): 548,
    ("game", "game_rol"): 455,
}


def built(spec: PublishedSpec) -> ChoiceData:
    first = None
    if spec.first_step is not None:
        target = published_target(spec.dataset, spec.first_step)
        first = dict(zip(target.names, target.params, strict=True))
    data = spec.build(first_step=first)
    if isinstance(data, Missing):
        pytest.skip(data.reason)
    return data


def column(name: str, rows: pd.DataFrame, alternative: np.ndarray) -> np.ndarray:
    """The column a parameter multiplies, from its name alone."""
    if name.startswith("log("):
        return np.log(rows[name[4:-1]].to_numpy(dtype=float))
    left, _, right = name.partition(":")
    values = np.ones(len(rows)) if left == "Intercept" else rows[left].to_numpy(dtype=float)
    if not right:
        return values
    return values * (rows[right].to_numpy(dtype=float) if right in rows else alternative == right)


def sums(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Log of the sum of exponentials within groups numbered from zero."""
    top = np.full(groups.max() + 1, -np.inf)
    np.maximum.at(top, groups, values)
    return top + np.log(np.bincount(groups, np.exp(values - top[groups])))


def loglik(spec: PublishedSpec, data: ChoiceData, params: dict[str, float]) -> float:
    """Multinomial or two-level nested logit, written out."""
    sizes = np.diff(data.offsets)
    case = np.repeat(np.arange(len(sizes)), sizes)
    alternative = data.alternatives.to_numpy()[data.row_alternative]
    rows = data.row_frame()
    chosen = data.row_alternative == data.chosen[case]
    terms = {name: value for name, value in params.items() if not name.startswith("lambda")}
    utility = sum(value * column(name, rows, alternative) for name, value in terms.items())
    nests = nests_of(spec, data)
    if nests is None:
        return float((utility[chosen] - sums(utility, case)).sum())
    nest_of = {member: nest for nest, members in nests.items() for member in members}
    nest = np.array([nest_of[label] for label in alternative])
    scale = np.array([params.get(f"lambda:{name}", params.get("lambda", 1.0)) for name in nest])
    within = utility / scale if spec.normalisation == "utility" else utility
    pair = pd.MultiIndex.from_arrays([case, nest])
    group, pairs = pd.factorize(pair)
    first = np.unique(group, return_index=True)[1]
    inclusive = sums(within, group)
    upper = scale[first] * inclusive
    share = within - inclusive[group] + upper[group] - sums(upper, pairs.get_level_values(0).to_numpy())[case]
    return float(share[chosen].sum())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.model)
def test_cases_and_loglikelihood_at_the_published_estimates(spec: PublishedSpec) -> None:
    data, target = built(spec), published_target(spec.dataset, spec.model)
    assert data.n_cases == CASES[spec.dataset, spec.model]
    values = dict(zip(target.names, target.params, strict=True))
    ours = {name: values[theirs] for name, theirs in spec.names.items()}
    for name in spec.transforms:
        ours[name] = 1 / ours[name]
    assert loglik(spec, data, ours) == pytest.approx(target.llf, abs=1e-6)


def test_every_target_has_a_spec() -> None:
    keys = [(target.dataset, target.model) for target in published_targets()]
    assert sorted((spec.dataset, spec.model) for spec in SPECS) == sorted(keys)
    assert set(CASES) == set(keys)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.model)
def test_names_cover_the_target(spec: PublishedSpec) -> None:
    assert sorted(spec.names.values()) == sorted(published_target(spec.dataset, spec.model).names)
    assert set(spec.transforms) <= set(spec.names)


def test_the_hague_has_every_neighbourhood_in_every_choice_and_the_offender() -> None:
    spec = published_spec("hague_burglary", "cl")
    data = built(spec)
    assert (data.n_rows, data.n_alternatives) == (548 * 89, 89)
    assert data.case_frame([spec.groups])[spec.groups].nunique() == 290


def test_availability_of_swissmetro_and_nox() -> None:
    swiss = built(published_spec("swissmetro", "b01a"))
    assert swiss.n_rows == 19143
    assert built(published_spec("nox", "nox_public")).n_rows == 754


def test_nests_come_from_the_column_that_holds_them() -> None:
    spec = published_spec("japanese_fdi", "nl_common")
    nests = nests_of(spec, built(spec))
    assert len(nests) == 9
    assert sum(len(members) for members in nests.values()) == 57
    assert [nest for nest, members in nests.items() if len(members) == 1] == ["IE", "PT"]


def test_an_alternative_in_two_nests_is_an_error() -> None:
    frame = pd.DataFrame(
        {
            "firm": [1, 1, 2, 2],
            "region": ["a", "b", "a", "b"],
            "country": ["x", "y", "x", "x"],
            "choice": [1, 0, 0, 1],
        }
    )
    data = ChoiceData.from_long(frame, case="firm", alternative="region", chosen="choice")
    with pytest.raises(DataError, match=r"'b'.*'country'"):
        nests_of(published_spec("japanese_fdi", "nl_common"), data)


def test_logsums_of_countries() -> None:
    frame = pd.DataFrame(
        {
            "firm": [7, 7, 7, 3, 3, 3],
            "country": ["x", "x", "y"] * 2,
            "choice.c": ["x"] * 3 + ["y"] * 3,
            "wage": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
            "unemp": [0.1, 0.2, 0.3] * 2,
            "elig": [0.0, 1.0, 0.0] * 2,
            "area": [5.0, 6.0, 7.0] * 2,
            "scrate": [0.4, 0.4, 0.5] * 2,
            "ctaxrate": [0.3, 0.3, 0.2] * 2,
        },
        index=[9, 8, 7, 3, 2, 1],
    )
    found = country_logsums(frame, dict(zip(LOWER_TERMS, (1.0, 1000.0, -1.0, 2.0), strict=True)))
    utility = np.log([1, 2, 3]) + 1000 * np.array([0.1, 0.2, 0.3]) - np.array([0, 1, 0]) + 2 * np.log([5, 6, 7])
    np.testing.assert_allclose(found["iv"], [np.logaddexp(*utility[:2]), utility[2]] * 2, rtol=1e-14)
    assert list(found["firm"]) == [7, 7, 3, 3]
    assert list(found["choice"]) == [1, 0, 0, 1]
    with pytest.raises(DataError, match=r"log\(area\)"):
        country_logsums(frame, {"log(wage)": 1.0, "unemp": 1.0, "elig": 1.0})


def test_two_step_models_ask_for_the_first_step_and_others_refuse_it() -> None:
    with pytest.raises(OptionError, match=r"first_step=None.*'lower'"):
        published_spec("japanese_fdi", "upper").build()
    with pytest.raises(OptionError, match="travelmode/tm_cl"):
        published_spec("travelmode", "tm_cl").build(first_step={"wait": 1.0})


def test_data_not_at_hand_pass_through(tmp_path) -> None:
    assert isinstance(published_spec("nox", "nox_public").build(folder=tmp_path), Missing)


def test_published_values_apply_the_delta_method() -> None:
    spec = published_spec("swissmetro", "b09")
    params = {**dict.fromkeys(spec.names, 1.5), "lambda:existing": 0.5, "lambda:future": 1.0}
    table = published_values(spec, params, {**dict.fromkeys(spec.names, 0.1), "lambda:future": 0.0})
    assert list(table.index) == list(spec.names.values())
    assert tuple(table.loc["nest_parameter"]) == pytest.approx((2.0, 0.4))
    assert tuple(table.loc["b_cost"]) == (1.5, 0.1)
    with pytest.raises(DataError, match=r"b09.*lambda:existing"):
        published_values(spec, {name: 1.0 for name in spec.names if name != "lambda:existing"}, params)


def test_unknown_model() -> None:
    with pytest.raises(OptionError, match="'game_ranks'"):
        published_spec("game", "game_ranks")
