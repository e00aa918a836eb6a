"""Simulated choices follow the model, and nobody moves without a reason."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import relocchoice as rc
from builders import LAMBDAS, NESTS, choice_data, choice_frame, plain_probabilities
from relocchoice.errors import OptionError, SpecificationError
from relocchoice.post import simulate
from relocchoice.post.compare_scenarios import compare_scenarios
from relocchoice.post.gev_draws import errors_from, n_uniforms
from relocchoice.post.scenario import Scenario
from relocchoice.post.simulate import simulate_scenario
from relocchoice.post.worlds import Tree, blocks

TREES = {
    "depth 1": ({"a": None, "b": None, "c": None}, [-1], [0, 0, 0], {}, ["a", "b", "c"]),
    "depth 2": (
        {"n": ["a", "b"], "m": ["c", "d"], "e": None},
        [-1, 0, 0],
        [1, 1, 2, 2, 0],
        {"n": 0.4, "m": 0.9},
        ["a", "b", "c", "d", "e"],
    ),
    "depth 3": (
        {"n": ["a", "b"], "m": {"k": ["c", "d"], "e": None}, "f": None},
        [-1, 0, 0, 2],
        [1, 1, 3, 3, 2, 0],
        {"n": 0.5, "m": 0.8, "k": 0.2},
        ["a", "b", "c", "d", "e", "f"],
    ),
}
N = 200_000


def drawn(name: str, seed: int = 5) -> np.ndarray:
    _, parent, leaf_parent, lambdas, _ = TREES[name]
    tree = Tree(np.array(parent), np.array(leaf_parent))
    scale = np.array([1.0, *lambdas.values()])
    return errors_from(np.random.default_rng(seed).random((N, n_uniforms(tree))), tree, scale)


@pytest.mark.parametrize("name", TREES)
def test_errors_reproduce_the_probabilities(name):
    nests, _, _, lambdas, labels = TREES[name]
    v = np.linspace(-0.4, 0.6, len(labels))[::-1]
    p = plain_probabilities(dict(zip(labels, v, strict=True)), nests, lambdas)
    counts = np.bincount((v + drawn(name)).argmax(axis=1), minlength=len(labels))
    assert stats.chisquare(counts, N * np.array([p[label] for label in labels])).pvalue > 0.001


@pytest.mark.parametrize("name", TREES)
def test_every_error_is_gumbel_by_itself(name):
    for error in drawn(name).T:
        assert stats.kstest(error[:20_000], stats.gumbel_r.cdf).pvalue > 0.001


def test_errors_of_a_nest_correlate_as_its_lambda_says():
    corr = np.corrcoef(drawn("depth 3").T)
    np.testing.assert_allclose(corr[0, 1], 1 - 0.5**2, atol=0.01)
    np.testing.assert_allclose(corr[2, 3], 1 - 0.2**2, atol=0.01)
    np.testing.assert_allclose(corr[2, 4], 1 - 0.8**2, atol=0.01)
    np.testing.assert_allclose(corr[0, 2:], 0, atol=0.01)


def fitted(nested: bool, n: int = 200, **options):
    frame = choice_frame(n, 8, nests=NESTS, lambdas=LAMBDAS, **options)
    at = choice_data(frame)
    if not nested:
        return rc.MultinomialLogit("chosen ~ cost + distance | assets", base="county").fit(at)
    fixed = {f"lambda:{nest}": value for nest, value in LAMBDAS.items()}
    model = rc.NestedLogit("chosen ~ cost + distance | assets", nests=NESTS, base="county", fixed=fixed)
    return model.fit(at)


@pytest.mark.parametrize("nested", [False, True])
def test_nobody_leaves_what_became_better(nested):
    fit = fitted(nested)
    better = Scenario().add_to("cost", -0.7, where={"alternative": "metro"})
    found = simulate_scenario(fit, better, draws=40, movers=True)
    switches = found.switches.to_numpy().copy()
    metro = found.switches.index.get_loc("metro")
    assert found.table.loc["metro", "left"] == 0
    assert found.table.loc["metro", "came"] > 1
    switches[:, metro] = 0
    np.fill_diagonal(switches, 0)
    assert not switches.any()
    assert set(found.movers["to"]) == {"metro"}
    np.testing.assert_allclose(len(found.movers) / 40, found.moved)


@pytest.mark.parametrize("nested", [False, True])
def test_simulated_counts_are_the_models(nested):
    fit = fitted(nested, available=0.8)
    scenario = Scenario().remove("interior").add("Ningbo", like="coast", cost=-1.0, nest=None)
    found = simulate_scenario(fit, scenario, draws=400)
    expected = compare_scenarios(fit, scenario).table.droplevel("scenario")
    for kind in ("baseline", "scenario"):
        count = expected[f"{kind}_count"]
        error = np.sqrt(np.maximum(count, 1) / 400)
        assert ((found.table[kind] - count).abs() < 5 * error).all()
    np.testing.assert_allclose(found.table["baseline"].sum(), 200)
    np.testing.assert_allclose(found.table["stayed"] + found.table["left"], found.table["baseline"])
    np.testing.assert_allclose(found.table["stayed"] + found.table["came"], found.table["scenario"])


def test_blocks_and_scenarios_do_not_change_the_draws(monkeypatch):
    fit = fitted(True, 60)
    added = Scenario().add("Ningbo", like="coast")
    whole = simulate_scenario(fit, added, draws=10, seed=3)
    dearer = simulate_scenario(fit, Scenario().add_to("cost", 1, where={"alternative": "metro"}), draws=10, seed=3)
    known = dearer.table.index
    np.testing.assert_allclose(whole.table["baseline"][known], dearer.table["baseline"], rtol=1e-12)
    monkeypatch.setattr(simulate, "blocks", lambda n, width: blocks(n, 1, 7))
    cut = simulate_scenario(fit, added, draws=10, seed=3)
    np.testing.assert_allclose(cut.switches, whole.switches, atol=1e-12)
    assert not np.array_equal(simulate_scenario(fit, added, draws=10, seed=4).switches, whole.switches)


def test_weights_count():
    fit = fitted(False, 60)
    at = fit.problem.data.with_weights(np.full(60, 3.0), "frequency")
    scenario = Scenario().remove("metro")
    single, triple = (simulate_scenario(fit, scenario, data, draws=5) for data in (None, at))
    np.testing.assert_allclose(triple.switches, 3 * single.switches)


def held(**lambdas: float) -> rc.NestedLogit:
    """A model with given lambdas."""
    return rc.NestedLogit("chosen ~ cost | 0", nests=NESTS, fixed={f"lambda:{k}": v for k, v in lambdas.items()})


def test_says_what_cannot_be_simulated():
    at = choice_data(choice_frame(150, 8))
    scenario = Scenario().remove("metro")
    high = rc.NestedLogit(
        "chosen ~ cost | 0", nests=NESTS, fixed={"lambda:near": 1.3, "lambda:away": 0.9, "lambda:rich": 0.5}
    )
    with pytest.raises(SpecificationError, match=r"'near' is 1\.3, above the 1 of the root"):
        simulate_scenario(high.fit(at), scenario)
    inner = rc.NestedLogit(
        "chosen ~ cost | 0", nests=NESTS, fixed={"lambda:near": 0.7, "lambda:away": 0.5, "lambda:rich": 0.9}
    )
    with pytest.raises(SpecificationError, match="nest 'away'"):
        simulate_scenario(inner.fit(at), scenario)
    none = rc.NestedLogit("chosen ~ cost | 0", nests=NESTS, normalisation="none")
    with pytest.raises(SpecificationError, match="non-normalised"):
        simulate_scenario(none.fit(at), scenario)
    with pytest.raises(OptionError, match="draws"):
        simulate_scenario(high.fit(at), scenario, draws=0)


def test_shows_itself():
    found = simulate_scenario(fitted(False, 40), Scenario("no metro").remove("metro"), draws=3)
    assert "no metro" in str(found)
    assert "From \\ to" in str(found)
    assert "<table" in found._repr_html_()
    frame = found.switches
    frame.iloc[0, 0] = -1
    assert found.switches.iloc[0, 0] != -1
