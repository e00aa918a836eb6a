"""Replicates: weights are copies, workers change nothing, what has no maximum is counted and said."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

import relocchoice as rc
from builders import LAMBDAS, NESTS, choice_frame
from relocchoice.engine import replicate
from relocchoice.engine.problem import Evaluation, Problem
from relocchoice.engine.search import reference_information
from relocchoice.errors import ConvergenceWarning, DataError, IdentificationError, OptionError
from relocchoice.results.resampled import Resampled
from relocchoice.results.resampling import bootstrap, bootstrap_covariance, jackknife

MODELS = {
    "plain": rc.MultinomialLogit("chosen ~ cost + distance | 0"),
    "multinomial": rc.MultinomialLogit("chosen ~ cost + distance | assets", base="township"),
    "tied, fixed, bounded": rc.MultinomialLogit(
        "chosen ~ cost + distance | assets",
        base="township",
        fixed={"distance": 0.5},
        equal=[["assets:metro", "assets:coast"]],
        bounds={"cost": (-0.9, None)},
    ),
    "nested": rc.NestedLogit("chosen ~ cost + distance", NESTS, base="township", lambdas="common"),
}


SIZES = {"plain": 60, "multinomial": 100, "tied, fixed, bounded": 100, "nested": 100}


@cache
def frame(n: int = 60) -> pd.DataFrame:
    out = choice_frame(n, 2, nests=NESTS, lambdas=LAMBDAS)
    return out.assign(count=1.0 + out["move"] % 3, region=out["move"] % 2)


def data(f: pd.DataFrame | None = None, **options) -> rc.ChoiceData:
    return rc.ChoiceData.from_long(
        frame() if f is None else f, case="move", alternative="place", chosen="chosen", **options
    )


@cache
def fitted(model: str = "plain"):
    return MODELS[model].fit(data(frame(SIZES[model])))


def copied(f: pd.DataFrame, times: np.ndarray) -> pd.DataFrame:
    """Each case as many times as said."""
    rows = []
    for case, count in enumerate(times.astype(int)):
        own = f[f["move"] == case]
        rows += [own.assign(move=f"{case} copy {k}") for k in range(count)]
    return pd.concat(rows, ignore_index=True)


# ------------------------------------------------------------------------------------------------ weights are copies


@pytest.mark.parametrize("model", MODELS)
def test_a_replicate_is_the_fit_to_copied_rows(model):
    fit = fitted(model)
    record, n = bootstrap(fit, 3, seed=4, acceleration="none"), SIZES[model]
    for draw in range(3):
        times = np.random.default_rng(np.random.SeedSequence(4).spawn(3)[draw]).multinomial(n, np.full(n, 1 / n))
        again = MODELS[model].fit(data(copied(frame(n), times)))
        np.testing.assert_allclose(record.replicates.loc[draw, again.params.index], again.params, rtol=2e-6, atol=2e-6)


def test_leaving_out_is_fitting_without():
    record = jackknife(fitted())
    assert record.draws == 60
    for case in (0, 37, 59):
        again = MODELS["plain"].fit(data(frame()[frame()["move"] != case]))
        np.testing.assert_allclose(record.replicates.loc[case], again.params, rtol=2e-6, atol=2e-6)


def test_frequencies_are_copies_in_the_jackknife():
    short = MODELS["plain"].fit(data(weights="count", weight_kind="frequency"))
    times = frame().groupby("move")["count"].first().to_numpy()
    long = MODELS["plain"].fit(data(copied(frame(), times)))
    few, every = jackknife(short), jackknife(long)
    assert few.draws == 60
    assert every.draws == times.sum()
    np.testing.assert_allclose(few.bse, every.bse, rtol=1e-6)
    np.testing.assert_allclose(few.bias, every.bias, rtol=1e-4, atol=1e-7)
    assert f"{int(times.sum())} choices" in few.describe()


def test_units_go_together():
    fit = MODELS["plain"].fit(data(unit="firm"))
    record = jackknife(fit)
    firms = frame()["firm"].unique()
    assert sorted(record.replicates.index) == sorted(firms)
    again = MODELS["plain"].fit(data(frame()[frame()["firm"] != firms[3]]))
    np.testing.assert_allclose(record.replicates.loc[firms[3]], again.params, rtol=2e-6, atol=2e-6)
    by_column = jackknife(fitted(), groups="firm")
    np.testing.assert_allclose(by_column.bse, record.bse)
    assert "units (firm)" in record.describe()
    assert "groups (firm)" in by_column.describe()


def test_sampling_weights_have_no_unit():
    fits = [
        MODELS["plain"].fit(
            data(frame().assign(count=frame()["count"] * unit), weights="count", weight_kind="sampling")
        )
        for unit in (1.0, 1000.0)
    ]
    one, other = (bootstrap(fit, 20, seed=1, acceleration="none") for fit in fits)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-8, atol=1e-9)


# ------------------------------------------------------------------------------------------------ workers and seeds


def test_workers_change_nothing():
    one = bootstrap(fitted(), 40, seed=9, workers=1, acceleration="none")
    for workers in (2, 3):
        other = bootstrap(fitted(), 40, seed=9, workers=workers, acceleration="none")
        assert other.workers == workers
        np.testing.assert_array_equal(one.values, other.values)
        assert one.outcomes == other.outcomes
    assert one.workers == 1


def test_more_draws_keep_the_first():
    few, many = (bootstrap(fitted(), n, seed=9, acceleration="none") for n in (5, 12))
    np.testing.assert_array_equal(few.values, many.values[:5])
    other = bootstrap(fitted(), 5, seed=10, acceleration="none")
    assert (few.values != other.values).all(axis=0).any()


def test_small_work_stays_here(monkeypatch):
    assert bootstrap(fitted(), 5, acceleration="none").workers == 1
    monkeypatch.setattr(replicate, "SERIAL_SECONDS", 0.0)
    monkeypatch.setattr(replicate, "available_cores", lambda: 2)
    expected = 2 if replicate.START_METHOD == "fork" else 1
    assert bootstrap(fitted(), 5, acceleration="none").workers == expected


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone; elsewhere a guard is needed")
def test_a_script_without_a_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import warnings; warnings.simplefilter('error')\n"
        "import numpy as np, pandas as pd, relocchoice as rc\n"
        "from relocchoice.results.resampling import bootstrap\n"
        "x = np.random.default_rng(0).normal(size=120)\n"
        "f = pd.DataFrame({'i': np.arange(120) // 2, 'a': ['u', 'v'] * 60, 'c': [1, 0, 0, 1] * 30, 'x': x})\n"
        "data = rc.ChoiceData.from_long(f, case='i', alternative='a', chosen='c')\n"
        "print(bootstrap(rc.MultinomialLogit('c ~ x').fit(data), 20, workers=2).workers)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr


@dataclass(frozen=True, slots=True)
class Pulled:
    """The log-likelihood less a quadratic."""

    strength: float

    def __call__(self, problem: Problem) -> Callable[[np.ndarray], Evaluation]:
        def evaluate(free: np.ndarray) -> Evaluation:
            at, eye = problem.evaluate(free), np.eye(len(free))
            return replace(
                at,
                value=at.value - 0.5 * self.strength * float(free @ free),
                gradient=at.gradient - self.strength * free,
                hessian=at.hessian - self.strength * eye,
            )

        return evaluate


def test_another_objective():
    plain = bootstrap(fitted(), 12, acceleration="none")
    pulled = [bootstrap(fitted(), 12, objective=Pulled(50.0), workers=n, acceleration="none") for n in (1, 2)]
    np.testing.assert_array_equal(pulled[0].values, pulled[1].values)
    assert (np.abs(pulled[0].values).sum(axis=1) < np.abs(plain.values).sum(axis=1)).all()


def test_a_penalised_fit_is_penalised_in_every_replicate():
    fit = rc.MultinomialLogit("chosen ~ cost", base="a").fit(sparse_data(1), separation="warn", penalty="firth")
    record = bootstrap(fit, 40, seed=0, acceleration="none")
    assert record.failed == 0
    lost = int(np.argmax([np.random.default_rng(s).multinomial(40, np.full(40, 1 / 40))[39] == 0
                          for s in np.random.SeedSequence(0).spawn(40)]))  # fmt: skip
    assert -8 < record.replicates.loc[lost, "Intercept:c"] < -2
    out = jackknife(fit)
    f = sparse_frame(1)
    again = rc.MultinomialLogit("chosen ~ cost", base="a").fit(data(f[f["move"] != 38]), penalty="firth")
    np.testing.assert_allclose(out.replicates.loc[38], again.params, atol=2e-6)


# ------------------------------------------------------------------------------------------------ failures


def sparse_frame(of_c: int) -> pd.DataFrame:
    """So many of 40 choices are of c; one sample in three, or in seven, has none."""
    f = choice_frame(40, 5, places=("a", "b", "c"))
    pick = np.array(["a", "b"] * 18 + ["a"] * (4 - of_c) + ["c"] * of_c)
    return f.assign(chosen=pick[f["move"].to_numpy()] == f["place"])


def sparse_data(of_c: int) -> rc.ChoiceData:
    return data(sparse_frame(of_c))


@cache
def sparse():
    return rc.MultinomialLogit("chosen ~ cost", base="a").fit(sparse_data(2))


def test_samples_without_a_maximum_are_counted_and_said():
    with pytest.warns(ConvergenceWarning, match="MANY REPLICATES FAILED"):
        record = bootstrap(sparse(), 99, seed=0, acceleration="none")
    plan = [np.random.default_rng(s).multinomial(40, np.full(40, 1 / 40)) for s in np.random.SeedSequence(0).spawn(99)]
    lost = np.array([weights[38:].sum() == 0 for weights in plan])
    assert lost.sum() == record.failed
    np.testing.assert_array_equal(np.isnan(record.values).all(axis=1), lost)
    assert {record.outcomes[k] for k in np.flatnonzero(lost)} == {"flat"}
    assert np.isfinite(record.bse).all()
    assert record.bse["Intercept:c"] < 5
    text = str(record.summary())
    assert f"{lost.sum()} of 99 replicates have no finite maximum" in text
    assert "Firth" in text
    assert "nan" not in text.lower().replace("finance", "")


def test_more_than_half_refuses():
    record = bootstrap(fitted(), 20, acceleration="none")
    bad = replace(record, outcomes=("flat",) * 11 + ("maximum",) * 9)
    for call in (bad.cov_params, bad.conf_int, lambda: bad.bse, lambda: bad.bias):
        with pytest.raises(IdentificationError, match="11 of 20 replicates have no finite maximum, more than half"):
            call()
    text = str(bad.summary())
    assert "NO STANDARD ERRORS" in text
    assert "Intervals:" in text


def test_the_covariance_of_a_fit_refuses_too(monkeypatch):
    monkeypatch.setattr(Resampled, "refusal", property(lambda self: "too few"))
    with pytest.raises(IdentificationError, match="too few"):
        bootstrap_covariance(fitted(), 5)


def test_a_jackknife_needs_every_replicate():
    fit = rc.MultinomialLogit("chosen ~ cost", base="a").fit(sparse_data(1))
    with pytest.warns(ConvergenceWarning, match=r"1 of 40 replicates .*\(without 39\)"):
        record = jackknife(fit)
    with pytest.raises(IdentificationError, match="needs every one"):
        record.cov_params()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        sampled = bootstrap(fit, 5)
    assert "infinitesimal" in sampled.acceleration_from
    assert "leaving out some leaves no finite maximum" in sampled.acceleration_from


def test_an_infinite_fit_is_not_resampled():
    f = frame()
    best = f.groupby("move")["cost"].transform("min") == f["cost"]
    fit = MODELS["plain"].fit(data(f.assign(chosen=best)))
    with pytest.raises(IdentificationError, match="nothing to resample: no finite maximum"):
        bootstrap(fit, 10)


def test_an_objective_that_fails_is_a_failure():
    work = replicate.Work(
        fitted().problem.problem,
        fitted().moments.free,
        reference_information(fitted().problem.problem),
        _Ones(3),
        _nowhere,
    )
    assert replicate.refit(work).status == ("not finite",) * 3


@dataclass(frozen=True, slots=True)
class _Ones:
    count: int

    def __len__(self) -> int:
        return self.count

    def weights(self, draw: int) -> np.ndarray:
        return np.ones(60)


def _nowhere(problem: Problem) -> Callable[[np.ndarray], Evaluation]:
    return lambda free: replace(problem.evaluate(free), value=-np.inf)


# ------------------------------------------------------------------------------------------------ the record


def test_the_record():
    record = bootstrap(fitted("tied, fixed, bounded"), 99, seed=1, strata="region", acceleration="infinitesimal")
    assert record.replicates.shape == (99, len(fitted("tied, fixed, bounded").params))
    assert (record.replicates["distance"] == 0.5).all()
    assert np.isnan(record.bse["distance"])
    assert record.bse["assets:metro"] == record.bse["assets:coast"]
    np.testing.assert_allclose(record.bias, (record.replicates.mean() - fitted("tied, fixed, bounded").params).where(
        record.bse.notna()))  # fmt: skip
    assert "within 2 strata" in record.describe()
    with pytest.raises(ValueError, match="read-only"):
        record.values[0, 0] = 1.0
    assert repr(record).startswith("<Resampled: bootstrap, 99 draws of 100 cases, seed 1, within 2 strata")
    text = str(record.summary(alpha=0.2, kind="bca"))
    assert "fixed" in text
    assert "BCa" in text
    assert "<div" in record._repr_html_()
    assert "<div" in bootstrap(fitted(), 5, acceleration="none")._repr_html_()


def test_kinds_of_intervals():
    record = bootstrap(fitted(), 99, seed=1)
    for kind in ("percentile", "basic", "bca", "normal"):
        ends = record.conf_int(0.1, kind)
        assert (ends[0] < record.estimate).all()
        assert (ends[1] > record.estimate).all()
    np.testing.assert_allclose(
        (record.conf_int(kind="percentile")[0] + record.conf_int(kind="basic")[1]) / 2, record.estimate
    )
    quick = bootstrap(fitted(), 99, seed=1, acceleration="infinitesimal")
    np.testing.assert_array_equal(quick.values, record.values)
    np.testing.assert_allclose(quick.acceleration, record.acceleration, atol=0.01)
    assert "one Newton step" in quick.acceleration_from


def test_statistics():
    def ratio(params: pd.Series) -> float:
        return params["distance"] / params["cost"]

    record = bootstrap(fitted(), 99, seed=1, statistic=ratio, acceleration="infinitesimal")
    plain = bootstrap(fitted(), 99, seed=1, acceleration="none")
    expected = plain.replicates["distance"] / plain.replicates["cost"]
    np.testing.assert_allclose(record.replicates["statistic"], expected)
    assert record.estimate[0] == ratio(fitted().params)
    assert record.conf_int(0.2, kind="bca").shape == (1, 2)
    two = jackknife(
        fitted(), groups=np.arange(60) % 20, statistic=lambda p: pd.Series({"twice": 2 * p["cost"], "one": 1.0})
    )
    assert two.bse["twice"] == pytest.approx(2 * jackknife(fitted(), groups=np.arange(60) % 20).bse["cost"])
    assert np.isnan(two.bse["one"])
    assert "constant" in str(two.summary())


def test_covariance_record():
    record = bootstrap(fitted(), 50, seed=3, acceleration="none")
    cov = bootstrap_covariance(fitted(), 50, 3)
    np.testing.assert_array_equal(cov.matrix, record.cov_params())
    assert cov.kind == "bootstrap"
    assert cov.description == "bootstrap, 50 draws of 60 cases, seed 3"
    assert cov.groups is None
    assert bootstrap_covariance(fitted(), 10, groups="firm").groups == frame()["firm"].nunique()


def test_loaded_fits_need_their_data(tmp_path):
    loaded = rc.load(fitted().save(tmp_path / "fit"))
    with pytest.raises(DataError, match="pass data="):
        bootstrap(loaded, 5)
    record = bootstrap(loaded, 5, data=data(), acceleration="none")
    np.testing.assert_allclose(record.values, bootstrap(fitted(), 5, acceleration="none").values)
    with pytest.raises(DataError, match="not the data of the fit"):
        bootstrap(loaded, 5, data=data(frame()[frame()["move"] > 3]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"draws": 1}, OptionError, "draws=1"),
        ({"draws": 9.5}, OptionError, "draws=9.5"),
        ({"seed": -1}, OptionError, "seed=-1"),
        ({"workers": 0}, OptionError, "workers=0"),
        ({"acceleration": "exact"}, OptionError, "auto, jackknife, infinitesimal, none"),
        ({"groups": "nowhere"}, DataError, "nowhere"),
        ({"strata": np.zeros(3)}, OptionError, "strata has 3 labels"),
        ({"strata": "move"}, OptionError, "hold a single unit"),
        ({"draws": 5, "statistic": lambda p: "text"}, DataError, "must give a number"),
        ({"draws": 5, "statistic": lambda p: np.nan}, DataError, "not finite"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        bootstrap(fitted(), **options)


def test_bad_intervals():
    record = bootstrap(fitted(), 20, acceleration="none")
    with pytest.raises(OptionError, match="alpha=2"):
        record.conf_int(2)
    with pytest.raises(OptionError, match="percentile, basic, bca, normal"):
        record.conf_int(kind="exact")
    with pytest.raises(OptionError, match="draw at least 39"):
        record.conf_int()
    with pytest.raises(OptionError, match="no acceleration"):
        record.conf_int(kind="bca")
    with pytest.raises(OptionError, match="needs a bootstrap"):
        jackknife(fitted()).conf_int(kind="bca")


# ------------------------------------------------------------------------------------------------ progress


def shown(monkeypatch, show: bool | None, quiet: float, watched: bool) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("relocchoice.engine.progress.QUIET_SECONDS", quiet)
    monkeypatch.setattr("relocchoice.engine.progress.watched", lambda: watched)
    bootstrap(fitted(), 5, progress=show, acceleration="none")
    return stream.getvalue()


def test_progress(monkeypatch):
    assert "replicate 5 of 5" in shown(monkeypatch, True, 100.0, False)
    assert "replicate 5 of 5" in shown(monkeypatch, None, 0.0, True)
    assert shown(monkeypatch, None, 100.0, True) == ""
    assert shown(monkeypatch, None, 0.0, False) == ""
    assert shown(monkeypatch, False, 0.0, True) == ""
