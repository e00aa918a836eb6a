"""Laws of the design: it is a matrix, it is the right one, and how it is cut does not show."""

from __future__ import annotations

import numpy as np
import pytest
from design_cases import LAYOUTS, dense_chunk, dense_matrix, lay, open_slots
from hypothesis import given, settings
from hypothesis import strategies as st

import relocchoice.spec.design as design_module
from relocchoice.spec.chunk import Chunk

every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_kind = pytest.mark.parametrize(
    ("labelled", "shift_invariant"), [(False, True), (False, False), (True, True), (True, False)]
)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=2)


def random_on(chunk: Chunk, rng: np.random.Generator) -> np.ndarray:
    """(S, n), zero where unavailable, as all derivatives are."""
    return rng.normal(size=chunk.placement.rows.shape) * open_slots(chunk)


@every_layout
@every_kind
@given(seed=seeds, grouped=st.booleans())
@few
def test_every_case_stands_in_one_chunk_with_all_its_rows(layout, labelled, shift_invariant, seed, grouped):
    laid = lay(layout, seed, labelled=labelled, shift_invariant=shift_invariant, grouped=grouped)
    data, cases, rows = laid.data, [], []
    for chunk in laid.design.chunks:
        place = chunk.placement
        assert np.array_equal(data.row_case()[place.rows], np.broadcast_to(place.cases, place.rows.shape))
        lanes = np.arange(chunk.n_cases)
        assert np.array_equal(data.row_alternative[place.rows[place.chosen, lanes]], data.chosen[place.cases])
        assert open_slots(chunk)[place.chosen, lanes].all()
        alternative = place.alternative if place.alternative.ndim == 2 else place.alternative[:, None]
        alternative = np.broadcast_to(alternative, place.rows.shape)
        here = open_slots(chunk)
        assert np.array_equal(alternative[here], data.row_alternative[place.rows[here]])
        cases.append(place.cases)
        rows.append(place.rows[here])
    assert np.array_equal(np.sort(np.concatenate(cases)), np.arange(data.n_cases))
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(data.n_rows))


@every_layout
@every_kind
@given(seed=seeds, grouped=st.booleans())
@few
def test_utilities_are_those_of_the_dense_matrix_up_to_a_constant_a_case(
    layout, labelled, shift_invariant, seed, grouped
):
    laid = lay(layout, seed, labelled=labelled, shift_invariant=shift_invariant, grouped=grouped)
    rng = np.random.default_rng(seed)
    user = rng.normal(size=len(laid.columns.names))
    expected = dense_matrix(laid.data, laid.columns) @ user + laid.columns.offset
    centred = laid.design.centring.from_user @ user
    for chunk in laid.design.chunks:
        gap = chunk.utilities(centred) - expected[chunk.placement.rows]
        if shift_invariant:
            gap = gap - gap[chunk.placement.chosen, np.arange(chunk.n_cases)]
        np.testing.assert_allclose(gap[open_slots(chunk)], 0.0, atol=1e-11)


@every_layout
@every_kind
@given(seed=seeds)
@few
def test_centring_has_an_inverse(layout, labelled, shift_invariant, seed):
    laid = lay(layout, seed, labelled=labelled, shift_invariant=shift_invariant)
    moved, eye = laid.design.centring, np.eye(len(laid.columns.names))
    np.testing.assert_allclose(moved.to_user @ moved.from_user, eye, atol=1e-12)
    np.testing.assert_allclose(moved.from_user @ moved.to_user, eye, atol=1e-12)
    assert np.all(np.log2(moved.scales) % 1 == 0), "columns are divided by powers of two, which is exact"
    mixes = np.count_nonzero(moved.to_user - np.diag(np.diag(moved.to_user))) > 0
    assert mixes == (labelled and shift_invariant), "only constants take up means, and only where that changes nothing"


@every_layout
@every_kind
@given(seed=seeds)
@few
def test_pullback_is_the_transpose_of_utilities(layout, labelled, shift_invariant, seed):
    laid = lay(layout, seed, labelled=labelled, shift_invariant=shift_invariant)
    rng = np.random.default_rng(seed)
    beta = rng.normal(size=len(laid.columns.names))
    for chunk in laid.design.chunks:
        g = random_on(chunk, rng)
        v = chunk.utilities(beta) - chunk.utilities(np.zeros_like(beta))
        pulled = chunk.pullback(slice(None), g)
        np.testing.assert_allclose((v * g).sum(axis=0), beta @ pulled, rtol=1e-10, atol=1e-10)
        some = np.sort(rng.choice(len(g), size=max(1, len(g) // 2), replace=False))
        only = np.zeros_like(g)
        only[some] = g[some]
        np.testing.assert_allclose(chunk.pullback(some, g[some]), chunk.pullback(slice(None), only), atol=1e-11)


@every_layout
@every_kind
@given(seed=seeds)
@few
def test_gram_and_chosen_rows_are_those_of_the_dense_matrix(layout, labelled, shift_invariant, seed):
    laid = lay(layout, seed, labelled=labelled, shift_invariant=shift_invariant)
    rng = np.random.default_rng(seed)
    for chunk in laid.design.chunks:
        x, d = dense_chunk(chunk), random_on(chunk, rng)
        expected = np.einsum("snk,sn,snl->kl", x, d, x, optimize=True)
        np.testing.assert_allclose(chunk.gram(d), expected, rtol=1e-10, atol=1e-9)
        weight = rng.normal(size=chunk.n_cases)
        lanes = np.arange(chunk.n_cases)
        expected = (x[chunk.placement.chosen, lanes] * weight[:, None]).T
        np.testing.assert_allclose(chunk.pull_chosen(weight), expected, atol=1e-12)


@every_layout
@every_kind
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("width", [700, 2**20])
def test_the_width_of_the_chunks_does_not_matter(monkeypatch, layout, labelled, shift_invariant, grouped, width):
    def sums() -> tuple[np.ndarray, np.ndarray]:
        laid = lay(layout, 4, labelled=labelled, shift_invariant=shift_invariant, grouped=grouped)
        rng = np.random.default_rng(8)
        user, per_row = rng.normal(size=len(laid.columns.names)), rng.normal(size=laid.data.n_rows)
        gram = np.zeros((len(user), len(user)))
        by_case = np.empty((len(user), laid.data.n_cases))
        for chunk in laid.design.chunks:
            g = per_row[chunk.placement.rows] * open_slots(chunk)
            by_case[:, chunk.placement.cases] = chunk.pullback(slice(None), g)
            gram += chunk.gram(g)
        return gram, by_case

    gram, by_case = sums()
    monkeypatch.setattr(design_module, "CHUNK_VALUES", width)
    gram_too, by_case_too = sums()
    np.testing.assert_allclose(by_case_too, by_case, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gram_too, gram, rtol=1e-12, atol=1e-12 * np.abs(gram).max())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_data_without_choices_are_laid_out_too(layout):
    from dataclasses import replace

    from relocchoice.spec.design import build_design

    laid = lay(layout, 2, labelled=False, shift_invariant=True)
    data = replace(laid.data, chosen=None)
    every = np.arange(data.n_alternatives)
    design = build_design(data, laid.columns, every, np.zeros_like(every), True)
    user = np.random.default_rng(1).normal(size=len(laid.columns.names))
    expected = dense_matrix(data, laid.columns) @ user + laid.columns.offset
    for chunk in design.chunks:
        here = open_slots(chunk)
        gap = np.where(here, chunk.utilities(design.centring.from_user @ user) - expected[chunk.placement.rows], np.nan)
        np.testing.assert_allclose(np.nanmax(gap, axis=0) - np.nanmin(gap, axis=0), 0.0, atol=1e-11)


def test_slots_that_hold_several_alternatives_hold_one_group(monkeypatch):
    monkeypatch.setattr(design_module, "CHUNK_VALUES", 500)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        data = LAYOUTS["sampled"](400, rng)
        group = rng.integers(0, 4, data.n_alternatives)
        order = np.argsort(group, kind="stable")
        design = design_module.build_design(data, _one_column(data), order, group, True)
        for chunk in design.chunks:
            place = chunk.placement
            stand_in = group[place.slot_alternative]
            assert np.array_equal(np.sort(stand_in), stand_in), "groups stand in slot order"
            held = group[np.broadcast_to(place.alternative.reshape(len(stand_in), -1), place.rows.shape)]
            same = held == stand_in[:, None]
            assert same[open_slots(chunk)].all()


def _one_column(data):
    from relocchoice.spec.columns import Column, UtilityColumns

    return UtilityColumns(("x",), (Column("x", "row", np.arange(data.n_rows, dtype=float) % 7, 0),))
