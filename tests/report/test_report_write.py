"""The folder of a report: all of it or nothing, and nobody else's files are touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from report_cases import SPEC, moves, written

import relocchoice as rc
from relocchoice import cli
from relocchoice.report import write
from relocchoice.results.store import load

LEAN = SPEC.partition("effects =")[0] + 'plots = []\nformats = ["text"]\n'


def fitted(folder: Path, out: Path, spec: str = LEAN) -> int:
    return cli.main(["fit", *written(folder, spec), "--out", str(out)])


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out"
    assert fitted(tmp_path, out) == 0
    assert capsys.readouterr().out.strip() == str(out / "report.html")
    names = set(content(out))
    assert {"report.html", "report.json", "spec.toml", "fits/01-plain.relocchoice"} <= names
    assert (out / "spec.toml").read_text() == LEAN
    log = json.loads((out / "report.json").read_text())
    assert log["ok"] is True
    assert set(log["files"]) == names - {"report.json"}
    again = load(out / "fits" / "01-plain.relocchoice")
    data = rc.ChoiceData.from_long(moves(), case="move", alternative="place", chosen="chosen")
    direct = rc.MultinomialLogit("chosen ~ price | size", base="metro").fit(data)
    assert again.llf == pytest.approx(direct.llf, rel=1e-12)
    assert log["models"]["plain"]["log_likelihood"] == pytest.approx(direct.llf, rel=1e-12)
    assert sorted(os.listdir(out.parent)) == ["out"]


def test_the_mode_is_that_of_any_folder(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    fitted(tmp_path, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_former_report_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert fitted(tmp_path, out) == 0
    assert fitted(tmp_path, out, LEAN.replace('"text"', '"markdown"').replace('"plain"', '"other"')) == 0
    names = set(content(out))
    assert "fits/01-other.relocchoice" in names
    assert not [name for name in names if "plain" in name or name.endswith(".txt")]
    assert sorted(os.listdir(tmp_path)) == ["moves.csv", "out", "spec.toml"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert fitted(tmp_path, tmp_path / "out") == 0


def test_other_files_are_never_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    before = content(out)
    assert fitted(tmp_path, out) == 2
    assert "a new folder, an empty one" in capsys.readouterr().err
    assert content(out) == before


@pytest.mark.parametrize("change", ["add", "edit", "link", "forge"])
def test_a_report_that_somebody_changed_is_kept(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    fitted(tmp_path, out)
    if change == "add":
        (out / "tables" / "mine.txt").write_text("x")
    elif change == "edit":
        (out / "report.html").write_text("my notes")
    elif change == "link":
        (out / "elsewhere").symlink_to(tmp_path)
    else:
        (out / "report.json").write_text('{"files": ["report.html"]}')
    before = content(out)
    assert fitted(tmp_path, out) == 2
    assert "out" in capsys.readouterr().err
    assert content(out) == before


def test_places_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    assert fitted(tmp_path, tmp_path / "file") == 2
    assert fitted(tmp_path, tmp_path / "file" / "below") == 2
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert fitted(tmp_path, tmp_path / "link") == 2
    monkeypatch.chdir(tmp_path / "real")
    assert fitted(tmp_path, Path(".")) == 2
    assert not content(tmp_path / "real")


@pytest.mark.parametrize("step", ["page", "save_table"])
def test_a_failure_half_way_leaves_what_was_there(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    fitted(tmp_path, out)
    before = content(out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, step, full)
    assert fitted(tmp_path, out) == 1
    assert content(out) == before
    assert fitted(tmp_path, tmp_path / "new") == 1
    assert sorted(os.listdir(tmp_path)) == ["moves.csv", "out", "spec.toml"]


def test_a_move_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    fitted(tmp_path, out)
    before = content(out)
    rename = os.rename
    calls = []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(write.os, "rename", second_fails)
    assert fitted(tmp_path, out) == 1
    assert len(calls) == 3
    assert content(out) == before
    assert sorted(os.listdir(tmp_path)) == ["moves.csv", "out", "spec.toml"]


def test_the_same_input_gives_the_same_page(tmp_path: Path) -> None:
    for name in ("one", "two"):
        fitted(tmp_path, tmp_path / name, SPEC.replace("plots = []", 'plots = ["coefficients"]'))
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    differing = [name for name in one if one[name] != two[name]]
    assert all(name.startswith("fits/") or name == "report.json" for name in differing)  # seconds; their hashes
