"""Where data come from that nobody observed: the line travels to everything that is made of them, and only to that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import relocchoice as rc
from relocchoice import plots
from relocchoice.data.files import read_table
from relocchoice.data.provenance import begun, joint_provenance
from relocchoice.errors import DataError
from relocchoice.results.table import shared_provenance

mpl.use("agg")

LINE = "simulated by hand"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n, places = 200, ["a", "b", "c"]
    cost = rng.random((n, 3))
    chosen = (rng.gumbel(size=(n, 3)) - 2 * cost).argmax(axis=1)
    table = pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), 3),
            "place": np.tile(places, n),
            "cost": cost.ravel(),
            "chosen": (chosen[:, None] == np.arange(3)).ravel(),
        }
    )
    table.attrs["provenance"] = LINE
    return table


@pytest.fixture(scope="module")
def data(frame: pd.DataFrame) -> rc.ChoiceData:
    return rc.ChoiceData.from_long(frame, case="case", alternative="place", chosen="chosen")


@pytest.fixture(scope="module")
def fit(data: rc.ChoiceData) -> rc.ChoiceResults:
    return rc.NestedLogit("chosen ~ cost", nests={"x": ["a", "b"], "c": None}, base="a").fit(data)


def test_frames_hand_it_to_data_and_data_to_data(frame: pd.DataFrame, data: rc.ChoiceData) -> None:
    assert data.provenance == LINE
    assert data.select(slice(0, 20)).provenance == LINE
    assert data.with_weights(np.ones(200), "frequency").provenance == LINE
    assert data.with_provenance("").provenance == ""
    assert repr(data).splitlines()[0] == f"[{LINE}] ChoiceData"
    wide = frame.pivot_table(index="case", columns="place", values="cost").reset_index()
    wide["took"] = frame.loc[frame["chosen"], "place"].to_numpy()
    wide.attrs["provenance"] = LINE
    varying = {"cost": {"a": "a", "b": "b", "c": "c"}}
    assert (
        rc.ChoiceData.from_wide(wide, chosen="took", alternatives=["a", "b", "c"], varying=varying).provenance == LINE
    )
    counts = pd.DataFrame({"place": ["a", "b"], "n": [3, 4]})
    counts.attrs["provenance"] = LINE
    assert rc.ChoiceData.from_counts(counts, count="n", alternative="place").provenance == LINE


def test_data_hand_it_to_frames_and_back(frame: pd.DataFrame, data: rc.ChoiceData) -> None:
    noted = replace(data, notes=("two cases were lost",))
    for made in (noted.row_frame(), noted.row_frame(["case", "place", "cost", "chosen"]).assign(more=1)):
        assert made.attrs["provenance"] == LINE
        again = rc.ChoiceData.from_long(
            made.assign(chosen=frame["chosen"]), case="case", alternative="place", chosen="chosen"
        )
        assert again.provenance == LINE
        assert again.notes == ("two cases were lost",)
    assert noted.case_frame().attrs["provenance"] == LINE
    assert data.with_provenance("").row_frame().attrs == {}


def test_lines_are_joined_each_once(frame: pd.DataFrame, data: rc.ChoiceData) -> None:
    assert joint_provenance(data, frame, None, "", LINE) == LINE
    assert joint_provenance("a; b", "b", "c") == "a; b; c"
    assert joint_provenance(frame.assign(provenance="a column")) == LINE


def test_predictions_for_other_data_say_where_those_come_from(fit: rc.ChoiceResults, data: rc.ChoiceData) -> None:
    observed, other = replace(fit, provenance=""), data.with_provenance("drawn again")
    scenario = rc.Scenario("dear").scale("cost", 2.0)
    makers = (
        lambda held, rows: rc.shares(held, rows),
        lambda held, rows: rc.marginal_effects(held, data=rows),
        lambda held, rows: rc.elasticities(held, "cost", data=rows),
        lambda held, rows: rc.compare_scenarios(held, scenario, rows),
        lambda held, rows: rc.simulate_scenario(held, scenario, rows, draws=2),
        lambda held, rows: rc.welfare_change(held, rows, before=data.with_provenance("")),
    )
    for make in makers:
        assert make(observed, other).summary().table.title.startswith("[drawn again]")
        assert make(fit, other).summary().table.title.startswith(f"[{LINE}; drawn again]")
        assert make(fit, data).summary().table.title.startswith(f"[{LINE}]")
        assert not make(observed, data.with_provenance("")).summary().table.title.startswith("[")
    ax = plots.share_curves(observed, "cost", data=other)
    assert ax.get_title(loc="left") == "drawn again"
    pyplot.close(ax.get_figure())


def test_observed_data_say_nothing(frame: pd.DataFrame) -> None:
    observed = frame.copy()
    observed.attrs = {}
    data = rc.ChoiceData.from_long(observed, case="case", alternative="place", chosen="chosen")
    fit = rc.MultinomialLogit("chosen ~ cost", base="a").fit(data)
    assert data.provenance == fit.provenance == ""
    assert fit.summary().table.title == "Multinomial logit: chosen ~ cost"
    assert plots.coefficients(fit).get_title(loc="left") == ""


@pytest.mark.parametrize("line", [3, "two\nlines", None])
def test_it_is_one_line(data: rc.ChoiceData, line: object) -> None:
    with pytest.raises(DataError, match="is not one line of text"):
        data.with_provenance(line)  # type: ignore[arg-type]


def test_every_table_begins_with_it(fit: rc.ChoiceResults, data: rc.ChoiceData, tmp_path: Path) -> None:
    loaded = rc.load(fit.save(tmp_path / "fit.relocchoice"))
    assert loaded.provenance == LINE
    scenario = rc.Scenario("dear").scale("cost", 2.0)
    tables = [
        fit.summary(),
        loaded.summary(),
        rc.compare(fit, loaded),
        rc.shares(fit).summary(),
        rc.marginal_effects(fit).summary(),
        rc.elasticities(fit, "cost").summary(),
        rc.lincom(fit, "2 * cost").summary(),
        rc.nlcom(fit, "cost ** 2").summary(),
        rc.compare_scenarios(fit, scenario).summary(),
        rc.simulate_scenario(fit, scenario).summary(),
        fit.bootstrap(39, seed=1).summary(),
        rc.cross_validate(fit, folds=2).summary(),
    ]
    for one in tables:
        assert one.table.title.startswith(f"[{LINE}]"), one.table.title
        text = one.as_text() if hasattr(one, "as_text") else str(one)
        assert f"[{LINE}]" in text.splitlines()[1]


def test_a_comparison_with_observed_columns_says_so(fit: rc.ChoiceResults) -> None:
    other = replace(fit, provenance="")
    assert rc.compare(fit, other).table.title == f"[{LINE}; other columns observed]"
    assert rc.compare(other).table.title == ""
    assert shared_provenance([]) == ""
    assert begun("", "Title") == "Title"


def test_every_plot_begins_with_it(fit: rc.ChoiceResults) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.close("all")
    drawn = [
        plots.coefficients(fit),
        plots.nest_tree(fit),
        plots.share_curves(fit, "cost"),
        plots.calibration(fit),
        plots.profile(fit, "cost"),
        plots.effects(rc.shares(fit)),
        plots.elasticities(rc.elasticities(fit, "cost")),
        plots.scenario_differences(rc.compare_scenarios(fit, rc.Scenario("dear").scale("cost", 2.0))),
        plots.replicates(fit.bootstrap(19, seed=1), "cost"),
    ]
    for ax in drawn:
        assert ax.get_title(loc="left") == LINE
        pyplot.close(ax.get_figure())


def test_a_saved_fit_without_it_is_read(fit: rc.ChoiceResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from relocchoice.results import store

    monkeypatch.setattr(store, "_NOT_STORED", ("problem", "provenance"))
    path = fit.save(tmp_path / "old.relocchoice")
    monkeypatch.undo()
    assert rc.load(path).provenance == ""


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv"])
def test_text_files_carry_it_in_their_first_line(frame: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    text = f"# provenance: {LINE}\n" + frame.to_csv(index=False, sep="\t" if ending == ".tsv" else ",")
    if ending.endswith(".gz"):
        import gzip

        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    read = read_table(path)
    assert read.attrs["provenance"] == LINE
    pd.testing.assert_frame_equal(read, frame)


def test_other_first_lines_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("#case,place\n1,a\n", encoding="utf-8")
    read = read_table(path)
    assert list(read.columns) == ["#case", "place"]
    assert read.attrs == {}


def test_a_pyarrow_table_keeps_what_a_parquet_file_says(frame: pd.DataFrame, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    frame.to_parquet(tmp_path / "table.parquet", index=False)
    table = parquet.read_table(tmp_path / "table.parquet")
    roles = {"case": "case", "alternative": "place", "chosen": "chosen"}
    assert rc.ChoiceData.from_long(table, **roles).provenance == LINE
    assert joint_provenance(table, LINE) == LINE
    for metadata in (None, {b"PANDAS_ATTRS": b"no json"}, {b"pandas": b"{}"}, {b"PANDAS_ATTRS": b"[1]"}):
        assert rc.ChoiceData.from_long(table.replace_schema_metadata(metadata), **roles).provenance == ""
