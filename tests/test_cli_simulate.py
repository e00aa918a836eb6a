"""``relocchoice simulate``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from relocchoice.cli import app, simulate
from relocchoice.data.files import read_table
from relocchoice.relocation.survey import simulate_survey, write
from relocchoice.relocation.survey.firms import Margins
from relocchoice.relocation.survey.write import FileFormat, write_survey

LINE = "simulated from published margins (95 firms, margins exact, seed 3)"


def test_the_literals_are_the_functions() -> None:
    assert get_args(Margins) == simulate.MARGINS
    assert get_args(FileFormat) == simulate.FORMATS


def test_without_a_folder_the_margins_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["simulate", "--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].strip() == f"[{LINE}]"
    assert "manufacturing facility, Shanghai" in said


@pytest.mark.parametrize("ending", simulate.FORMATS)
def test_files_hold_the_survey_and_its_provenance(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    folder = tmp_path / "new" / "survey"
    assert app.main(["simulate", "--seed", "3", "--out", str(folder), "--format", ending]) == 0
    assert capsys.readouterr().out.startswith(LINE)
    survey = simulate_survey(95, 3)
    for name in ("firms", "events", "destinations", "ties"):
        read, made = read_table(folder / f"{name}.{ending}"), getattr(survey, name)
        assert read.attrs["provenance"] == LINE
        pd.testing.assert_frame_equal(read.astype(object), made.astype(object), check_dtype=False)
    truth = read_table(folder / f"truth.{ending}").set_index("parameter")["truth"]
    assert truth.to_dict() == survey.truth.params().to_dict()
    assert (folder / "README.txt").read_text(encoding="utf-8").splitlines()[0] == LINE
    assert sorted(path.name for path in folder.parent.iterdir()) == ["survey"]


def test_text_is_the_same_with_and_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    survey = simulate_survey(95, 3)
    fast = write_survey(survey, tmp_path / "fast")
    monkeypatch.setattr(write, "find_spec", lambda name: None)
    slow = write_survey(survey, tmp_path / "slow")
    for name in ("firms", "events", "destinations", "ties", "truth", "shift"):
        one, other = (folder / f"{name}.csv" for folder in (fast, slow))
        pd.testing.assert_frame_equal(read_table(one), read_table(other), check_exact=True)
        plain = re.sub(r"\.0(?=[,\n])", "", other.read_text(encoding="utf-8"))
        assert one.read_text(encoding="utf-8") == plain


def test_every_text_says_so_in_its_first_line(tmp_path: Path) -> None:
    folder = write_survey(simulate_survey(95, 3), tmp_path / "survey")
    for path in folder.iterdir():
        assert LINE in path.read_text(encoding="utf-8").splitlines()[0], path.name


def test_a_check_reads_past_the_first_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    survey = simulate_survey(95, 3)
    data = survey.choice_data("form")
    frame = data.row_frame(["event", "alternative"])
    frame["chosen"] = data.row_frame(["chosen"])["chosen"]
    file = tmp_path / "forms.csv"
    file.write_text(f"# provenance: {LINE}\n{frame.to_csv(index=False)}", encoding="utf-8")
    options = ["--case", "event", "--alternative", "alternative", "--chosen", "chosen"]
    assert app.main(["check", str(file), *options]) == 0, capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--firms", "3"], "n_firms=3"),
        (["--firms", "many"], "invalid int value"),
        (["--seed", "-1"], "seed=-1"),
        (["--margins", "none"], "invalid choice"),
        (["--format", "xlsx"], "invalid choice"),
    ],
)
def test_wrong_arguments_end_with_two(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["simulate", *options]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert app.main(["simulate", "--out", str(tmp_path)]) == 2
    assert "a new or an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
