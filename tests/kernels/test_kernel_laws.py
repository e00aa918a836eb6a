"""Laws that every family obeys, whatever its formula: probabilities, derivatives, invariances, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import ALTERNATIVES, PLAIN, SPECS, TREES, Sample, expand, family_of, sample

from builders import derivative, plain_probabilities
from relocchoice.kernels.protocol import Local
from relocchoice.kernels.registry import FAMILIES, reference_nest
from relocchoice.spec.nests import NestTree

every_family = pytest.mark.parametrize("name", SPECS)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=4)


def evaluated(case: Sample, order: int = 2) -> Local:
    return case.family.local(case.v, case.available, case.chosen, case.shape, order)  # type: ignore[arg-type]


def test_every_registered_family_is_under_test():
    assert set(FAMILIES) == {spec.family for spec in SPECS.values()}


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_probabilities_sum_to_one_and_vanish_where_unavailable(name, seed, masked):
    case = sample(name, seed, masked)
    p = case.family.probabilities(case.v, case.available, case.shape)
    np.testing.assert_allclose(p.sum(axis=0), 1.0, rtol=1e-13)
    assert (p >= 0).all()
    if case.available is not None:
        assert (p[~case.available] == 0.0).all()
        assert (p[case.available] > 0.0).all()


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_loglik_is_the_log_probability_of_the_chosen(name, seed, masked):
    case = sample(name, seed, masked)
    p = case.family.probabilities(case.v, case.available, case.shape)
    np.testing.assert_allclose(evaluated(case, 0).loglik, np.log(p[case.chosen, case.lanes]), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("tree", TREES)
@given(seed=seeds, masked=st.booleans())
@few
def test_nested_probabilities_are_those_of_the_textbook(tree, seed, masked):
    case = sample(f"nested, {tree}, utility", seed, masked)
    p = case.family.probabilities(case.v, case.available, case.shape)
    lambdas = {
        name.removeprefix("lambda:"): value for name, value in zip(case.family.shape_names(), case.shape, strict=True)
    }
    labels = [ALTERNATIVES[j] for j in case.alternatives]
    for i in case.lanes:
        open_ = np.arange(len(labels)) if case.available is None else np.flatnonzero(case.available[:, i])
        expected = plain_probabilities({labels[s]: case.v[s, i] for s in open_}, TREES[tree], lambdas)
        np.testing.assert_allclose(p[:, i], [expected[label] for label in labels], rtol=1e-11, atol=1e-15)


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_scores_are_the_numeric_derivatives(name, seed, masked):
    case = sample(name, seed, masked)
    local = evaluated(case)
    size = len(case.v)

    def loglik(theta: np.ndarray) -> np.ndarray:
        v = case.v + theta[:size, None]
        return case.family.local(v, case.available, case.chosen, theta[size:], 0).loglik

    numeric = derivative(loglik, np.concatenate([np.zeros(size), case.shape]))
    np.testing.assert_allclose(local.dv, numeric[:size], atol=1e-8)
    np.testing.assert_allclose(local.dshape, numeric[size:], atol=1e-8)
    np.testing.assert_allclose(expand(local, case.chosen).gradient, local.dv, atol=1e-12)


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_curvature_is_the_numeric_derivative_of_the_scores(name, seed, masked):
    case = sample(name, seed, masked)
    local = evaluated(case)
    written_out = expand(local, case.chosen)
    size = len(case.v)

    def scores(theta: np.ndarray) -> np.ndarray:
        v = case.v + theta[:size, None]
        local = case.family.local(v, case.available, case.chosen, theta[size:], 1)
        return np.concatenate([local.dv, local.dshape])

    numeric = derivative(scores, np.concatenate([np.zeros(size), case.shape]))
    np.testing.assert_allclose(written_out.hessian, numeric[:size, :size], atol=3e-8)
    np.testing.assert_allclose(written_out.cross, numeric[size:, :size], atol=3e-8)
    np.testing.assert_allclose(written_out.cross, numeric[:size, size:].transpose(1, 0, 2), atol=3e-8)
    np.testing.assert_allclose(local.curvature.shape, numeric[size:, size:], atol=3e-8)
    np.testing.assert_allclose(local.curvature.shape, local.curvature.shape.transpose(1, 0, 2), atol=1e-11)


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_expected_score_is_zero_and_information_equals_the_outer_product(name, seed, masked):
    """Bartlett's identities, exact: the sum over what could be chosen, weighted with its probability."""
    case = sample(name, seed, masked)
    size, n = case.v.shape
    p = case.family.probabilities(case.v, case.available, case.shape)
    n_all = size + len(case.shape)
    mean, total = np.zeros((n_all, n)), np.zeros((n_all, n_all, n))
    for s in range(size):
        here = np.flatnonzero(p[s] > 0)
        available = None if case.available is None else case.available[:, here]
        chosen = np.full(len(here), s)
        local = case.family.local(case.v[:, here], available, chosen, case.shape, 2)
        scores = np.concatenate([local.dv, local.dshape])
        mean[:, here] += p[s, here] * scores
        total[:, :, here] += p[s, here] * (np.einsum("an,bn->abn", scores, scores) + whole_hessian(local, chosen))
    np.testing.assert_allclose(mean, 0.0, atol=1e-11)
    np.testing.assert_allclose(total, 0.0, atol=1e-9)


def whole_hessian(local: Local, chosen: np.ndarray) -> np.ndarray:
    """(S + L, S + L, n) of utilities and shapes together."""
    part = expand(local, chosen)
    upper = np.concatenate([part.hessian, part.cross.transpose(1, 0, 2)], axis=1)
    return np.concatenate([upper, np.concatenate([part.cross, local.curvature.shape], axis=1)], axis=0)


@every_family
@given(seed=seeds, masked=st.booleans(), shift=st.floats(-50, 50).filter(lambda x: abs(x) > 0.5))
@few
def test_a_constant_for_a_case_changes_nothing_where_the_family_says_so(name, seed, masked, shift):
    case = sample(name, seed, masked)
    before = evaluated(case)
    after = case.family.local(case.v + shift, case.available, case.chosen, case.shape, 0).loglik
    if not case.family.shift_invariant:
        assert np.abs(after[1:] - before.loglik[1:]).max() > 1e-4, "the family denies an invariance that it has"
        return
    np.testing.assert_allclose(after, before.loglik, atol=1e-10)
    np.testing.assert_allclose(before.dv.sum(axis=0), 0.0, atol=1e-11)
    np.testing.assert_allclose(expand(before, case.chosen).hessian.sum(axis=1), 0.0, atol=1e-10)


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_alternatives_of_one_group_can_change_places(name, seed, masked):
    case = sample(name, seed, masked)
    group = case.family.slot_group(len(ALTERNATIVES))[case.alternatives]
    rng = np.random.default_rng(seed)
    moved = np.arange(len(group))
    for g in np.unique(group):
        moved[group == g] = rng.permutation(moved[group == g])
    available = None if case.available is None else case.available[moved]
    chosen = np.argsort(moved)[case.chosen]
    before, after = evaluated(case), case.family.local(case.v[moved], available, chosen, case.shape, 2)
    np.testing.assert_allclose(after.loglik, before.loglik, atol=1e-12)
    np.testing.assert_allclose(after.dv, before.dv[moved], atol=1e-12)
    np.testing.assert_allclose(after.dshape, before.dshape, atol=1e-11)
    expected = expand(before, case.chosen).hessian[np.ix_(moved, moved)]
    np.testing.assert_allclose(expand(after, chosen).hessian, expected, atol=1e-11)


@every_family
@given(seed=seeds)
@few
def test_slots_left_out_are_slots_that_are_unavailable(name, seed):
    case = sample(name, seed, masked=False)
    keep = np.random.default_rng(seed).random(len(case.alternatives)) < 0.6
    keep[case.chosen[0]] = True
    lanes = np.flatnonzero(keep[case.chosen])
    chosen = case.chosen[lanes]
    mask = np.broadcast_to(keep[:, None], (len(keep), len(lanes)))
    masked = case.family.local(case.v[:, lanes], mask, chosen, case.shape, 2)
    small = family_of(name).at(case.alternatives[keep])
    left = small.local(case.v[np.ix_(keep, lanes)], None, (np.cumsum(keep) - 1)[chosen], case.shape, 2)
    np.testing.assert_allclose(left.loglik, masked.loglik, atol=1e-12)
    np.testing.assert_allclose(left.dv, masked.dv[keep], atol=1e-12)
    np.testing.assert_allclose(left.dshape, masked.dshape, atol=1e-11)
    np.testing.assert_allclose(left.curvature.shape, masked.curvature.shape, atol=1e-10)


@every_family
@pytest.mark.parametrize("junk", [1e300, -1e300, np.inf, np.nan])
def test_utilities_of_unavailable_alternatives_do_not_matter(name, junk):
    case = sample(name, 5, masked=True)
    before = evaluated(case)
    after = case.family.local(np.where(case.available, case.v, junk), case.available, case.chosen, case.shape, 2)
    np.testing.assert_array_equal(after.loglik, before.loglik)
    np.testing.assert_array_equal(after.dv, before.dv)
    np.testing.assert_array_equal(after.dshape, before.dshape)
    left, right = (expand(local, case.chosen) for local in (after, before))
    np.testing.assert_array_equal(left.hessian, right.hessian)
    np.testing.assert_array_equal(left.cross, right.cross)


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_everything_is_finite_for_utilities_of_a_million(name, seed, masked):
    case = sample(name, seed, masked, spread=1e6)
    local = evaluated(case)
    written_out = expand(local, case.chosen)
    numbers = (local.loglik, local.dv, local.dshape, local.curvature.shape, written_out.hessian, written_out.cross)
    assert all(np.isfinite(part).all() for part in numbers)
    p = case.family.probabilities(case.v, case.available, case.shape)
    np.testing.assert_allclose(p.sum(axis=0), 1.0, rtol=1e-9)


@every_family
@given(seed=seeds)
@few
def test_a_choice_without_alternatives_contributes_nothing(name, seed):
    case = sample(name, seed, masked=True)
    only = np.zeros_like(case.available)
    only[case.chosen, case.lanes] = True
    local = case.family.local(case.v, only, case.chosen, case.shape, 2)
    written_out = expand(local, case.chosen)
    for part in (local.loglik, local.dv, local.dshape, local.curvature.shape, written_out.hessian, written_out.cross):
        np.testing.assert_allclose(part, 0.0, atol=1e-11)


@every_family
@given(seed=seeds, masked=st.booleans())
@few
def test_the_orders_agree(name, seed, masked):
    case = sample(name, seed, masked)
    zero, one, two = (evaluated(case, order) for order in (0, 1, 2))
    assert zero.dv is None
    assert one.curvature is None
    np.testing.assert_array_equal(zero.loglik, one.loglik)
    np.testing.assert_array_equal(one.loglik, two.loglik)
    np.testing.assert_array_equal(one.dv, two.dv)
    np.testing.assert_array_equal(one.dshape, two.dshape)


@every_family
def test_arguments_are_left_as_they_were(name):
    case = sample(name, 3, masked=True)
    copies = [part.copy() for part in (case.v, case.available, case.chosen, case.shape)]
    evaluated(case)
    case.family.probabilities(case.v, case.available, case.shape)
    for part, copy in zip((case.v, case.available, case.chosen, case.shape), copies, strict=True):
        np.testing.assert_array_equal(part, copy)


@pytest.mark.parametrize("name", [name for name in SPECS if name not in PLAIN])
@given(seed=seeds, masked=st.booleans())
@few
def test_at_the_starting_shapes_it_is_a_multinomial_logit(name, seed, masked):
    case = sample(name, seed, masked)
    plain = sample("multinomial", seed, masked).family.at(case.alternatives)
    start = case.family.shape_start()
    left = case.family.local(case.v, case.available, case.chosen, start, 2)
    right = plain.local(case.v, case.available, case.chosen, np.empty(0), 2)
    np.testing.assert_allclose(left.loglik, right.loglik, atol=1e-12)
    np.testing.assert_allclose(left.dv, right.dv, atol=1e-12)
    expected = expand(right, case.chosen).hessian
    np.testing.assert_allclose(expand(left, case.chosen).hessian, expected, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in SPECS if name not in PLAIN])
@pytest.mark.parametrize("value", [0.0, -0.5])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_lambdas_that_are_not_positive_are_outside_the_domain(name, value, order):
    case = sample(name, 1, masked=True)
    for k in range(len(case.shape)):
        shape = case.shape.copy()
        shape[k] = value
        local = case.family.local(case.v, case.available, case.chosen, shape, order)
        assert (local.loglik == -np.inf).all()
        assert local.dv is None


@pytest.mark.parametrize(("tree", "reference"), list(zip(TREES, ("p", "near", "z", "w"), strict=True)))
def test_the_bottom_is_the_first_lowest_nest(tree, reference):
    family = family_of(f"nested, {tree}, bottom")
    assert family.shape_names()[family.reference] == f"lambda:{reference}"


def test_a_nest_with_one_alternative_is_no_scale_for_the_others():
    nests = NestTree.from_dict({"away": {"lone": ["a"], "rich": ["b", "c"]}, "near": ["d", "e"]})
    assert reference_nest(nests) == "rich"


@pytest.mark.parametrize("tree", TREES)
@given(seed=seeds, masked=st.booleans())
@few
def test_bottom_normalised_utilities_are_measured_in_units_of_one_nest(tree, seed, masked):
    case = sample(f"nested, {tree}, bottom", seed, masked)
    plain = sample(f"nested, {tree}, utility", seed, masked)
    lambda_r = case.shape[case.family.reference]
    left = evaluated(case, 0).loglik
    right = plain.family.local(lambda_r * case.v, case.available, case.chosen, case.shape, 0).loglik
    np.testing.assert_allclose(left, right, atol=1e-12)
