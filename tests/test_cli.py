"""The command: what it prints, what it returns, and how it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import relocchoice
from relocchoice import cli
from relocchoice.errors import DataError
from relocchoice.relocation import reproduce as registry
from relocchoice.relocation import reproduce_published
from relocchoice.relocation.sources import PublishedModel

SOURCE = Path(relocchoice.__file__).parents[1]


def command(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    whole = [sys.executable, "-m", "relocchoice", *arguments]
    return subprocess.run(whole, capture_output=True, text=True, env=environment, check=False, **options)


def test_formats_are_those_of_the_output() -> None:
    from relocchoice.relocation.reproduce_output import ENDINGS

    assert tuple(ENDINGS) == cli.reproduce.FORMATS


def test_reproduce_prints_the_named_tables_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "size", "table5"]) == 0
    shown = capsys.readouterr()
    assert shown.out.index("# size:") < shown.out.index("# table5:")
    assert "4.35" in shown.out
    assert "# table4:" not in shown.out
    assert not shown.err


@pytest.mark.parametrize(
    ("format", "sign"),
    [("text", "====="), ("markdown", "| ---"), ("latex", r"\begin{table}"), ("html", "<!doctype html>"), ("json", "{")],
)
def test_formats(capsys: pytest.CaptureFixture[str], format: str, sign: str) -> None:
    assert cli.main(["reproduce", "table5", "--format", format]) == 0
    shown = capsys.readouterr().out
    assert sign in shown
    assert shown.endswith("\n")


def test_json_of_a_published_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "heating", "form", "--format", "json"]) == 0
    read = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert [entry["name"] for entry in read["reproductions"]] == ["heating", "form"]
    assert read["reproductions"][1]["findings"]["available"]["params_by_period"]["period[T.1980s]:R&D"] == "-inf"
    assert [entry["model"] for entry in read["published"]] == ["heating_m", "heating_mc"]
    for entry in read["published"]:
        assert entry["largest_relative_difference"] < 1e-6
        assert abs(entry["llf_difference"]) < 1e-6
        assert entry["converged"] is True


def test_absent_data_do_not_fail_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "nox", "--published", str(tmp_path), "--format", "json"]) == 0
    published = json.loads(capsys.readouterr().out)["published"]
    assert len(published) == 3
    assert all("not shipped" in entry["skipped"] for entry in published)


def test_out_holds_every_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "tables"
    assert cli.main(["reproduce", "table5", "size", "--out", str(folder)]) == 0
    assert sorted(os.listdir(folder)) == ["size.txt", "table5.txt", "table5_checks.txt"]
    shown = capsys.readouterr()
    assert (folder / "size.txt").read_text(encoding="utf-8") in shown.out
    assert "3 files" in shown.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reproduce", "table9"], ["'table9'", "table6", "hague"]),
        (["reproduce", "size", "--published", "/no/such/folder"], ["/no/such/folder"]),
        (["reproduce", "--format", "pdf"], ["pdf", "markdown"]),
        (["reproduce", "--colour"], ["--colour"]),
        ([], ["COMMAND"]),
    ],
)
def test_wrong_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert all(word in shown.err for word in words)


def test_out_that_is_a_file_is_refused_before_anything_is_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "reproduce", lambda *_, **__: pytest.fail("computed"))
    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    assert cli.main(["reproduce", "size", "--out", str(file)]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "is a file" in shown.err
    assert not shown.out
    assert file.read_text(encoding="utf-8") == "kept"


def test_refusals_of_the_package_are_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("column 'count' is broken in row 3; mend it")

    monkeypatch.setattr(registry, "reproduce", refuse)
    assert cli.main(["reproduce", "size"]) == 1
    shown = capsys.readouterr()
    assert shown.err == "relocchoice: column 'count' is broken in row 3; mend it\n"
    assert not shown.out


def test_list_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(registry.REPRODUCTIONS)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"relocchoice {relocchoice.__version__}\n"
    assert cli.main(["reproduce", "--help"]) == 0


def test_as_a_module_from_any_folder(tmp_path: Path) -> None:
    done = command("reproduce", "size", "--out", "here", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "1 file written to here\n")
    assert "rate ratio" in done.stdout
    assert os.listdir(tmp_path / "here") == ["size.txt"]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pipe")
def test_a_closed_pipe_is_silent() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    arguments = [sys.executable, "-m", "relocchoice", "reproduce", "--list"]
    done = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_model_that_does_not_come_out_fails_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true = reproduce_published.published_target

    def tampered(dataset: str, model: str) -> PublishedModel:
        target = true(dataset, model)
        return replace(target, llf=target.llf + 1e-5) if model == "heating_mc" else target

    monkeypatch.setattr(reproduce_published, "published_target", tampered)
    assert cli.main(["reproduce", "heating"]) == 1
    shown = capsys.readouterr()
    assert "# heating" in shown.out
    assert shown.err.startswith("relocchoice: heating/heating_mc differs from its target: log-likelihood by -1.00e-05")
    assert shown.err.count("\n") == 1
    monkeypatch.undo()
    assert cli.main(["reproduce", "heating"]) == 0
    assert not capsys.readouterr().err


def test_the_ranking_and_a_folder_that_is_gone_are_in_the_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELOCCHOICE_PUBLISHED", "/no/such/folder")
    assert cli.main(["reproduce", "hague", "game", "--format", "json"]) == 0
    hague, game = json.loads(capsys.readouterr().out)["published"]
    assert "'/no/such/folder' that RELOCCHOICE_PUBLISHED names does not exist" in hague["skipped"]
    assert (game["model"], "'/no/such/folder'" in game["skipped"]) == ("game_rol", True)
