"""``relocchoice check FILE``: what it reports, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from relocchoice import cli

MOVES = pd.DataFrame(
    {
        "move": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
        "place": ["metro", "town"] * 5,
        "chosen": [1, 0, 0, 1, 1, 0, 0, 1, 1, 0],
        "price": [3.0, 1.0, 2.0, 4.0, 1.0, 2.0, 3.0, 1.5, 2.5, 1.0],
        "size": [1, 1, 2, 2, 1, 1, 2, 2, 3, 3],
    }
)
LONG = ["--case", "move", "--alternative", "place", "--chosen", "chosen"]


@pytest.fixture
def moves(tmp_path: Path) -> str:
    path = tmp_path / "moves.csv"
    MOVES.to_csv(path, index=False)
    return str(path)


def test_a_good_table_and_model(moves: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", moves, *LONG, "--formula", "chosen ~ price"]) == 0
    shown = capsys.readouterr()
    assert "Data doctor: the table can be read; 0 errors" in shown.out
    assert "Model: nothing keeps it from a finite and unique maximum." in shown.out
    assert not shown.err


def test_without_a_formula_no_model_is_checked(moves: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", moves, *LONG]) == 0
    assert "no model was checked" in capsys.readouterr().out


def test_warnings_count_when_strict(moves: str) -> None:
    assert cli.main(["check", moves, *LONG]) == 0
    assert cli.main(["check", moves, *LONG, "--strict"]) == 1


def test_a_broken_table(moves: str, capsys: pytest.CaptureFixture[str]) -> None:
    MOVES.assign(chosen=0).to_csv(moves, index=False)
    assert cli.main(["check", moves, *LONG, "--formula", "chosen ~ price"]) == 1
    shown = capsys.readouterr().out
    assert "the table cannot be read" in shown
    assert "[no_choice]" in shown


def test_a_collinear_model(moves: str, capsys: pytest.CaptureFixture[str]) -> None:
    MOVES.assign(double=2 * MOVES["price"]).to_csv(moves, index=False)
    assert cli.main(["check", moves, *LONG, "--formula", "chosen ~ price + double"]) == 1
    assert "[collinear]: price, double are collinear" in capsys.readouterr().out


def test_a_separated_model(moves: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every firm of size 2 chose the town, every other the metro."""
    assert cli.main(["check", moves, *LONG, "--formula", "chosen ~ 0 | C(size)", "--base", "metro"]) == 1
    shown = capsys.readouterr().out
    assert "[separated_cell]" in shown
    assert "size = 2" in shown


def test_counts_and_nests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"period": [1, 2], "a": [4, 5], "b": [3, 9], "c": [2, 2]})
    path = tmp_path / "counts.tsv"
    table.to_csv(path, index=False, sep="\t")
    arguments = ["check", str(path), "--layout", "counts", "--alternatives", "a,b,c", "--cell", "period"]
    assert cli.main([*arguments, "--formula", "~ 0 | 1", "--base", "b"]) == 0
    assert cli.main([*arguments, "--formula", "~ 0 | 1", "--nests", '{"near": ["a", "b"], "far": ["d"]}']) == 1
    assert "'d'" in capsys.readouterr().out


def test_wide_with_numbers_as_labels(tmp_path: Path) -> None:
    table = pd.DataFrame({"mode": [1, 2, 1, 2, 2], "cost_1": [1, 2, 3, 4, 2.5], "cost_2": [2, 1, 1, 5, 3]})
    path = tmp_path / "trips.csv.gz"
    table.to_csv(path, index=False)
    wide = ["--layout", "wide", "--chosen", "mode", "--alternatives", "1,2", "--varying", "cost=1:cost_1,2:cost_2"]
    assert cli.main(["check", str(path), *wide, "--formula", "mode ~ cost", "--base", "2"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.csv", *LONG], 1, "nowhere.csv is not a file"),
        (["{moves}", "--case", "move"], 2, "needs alternative="),
        (["{moves}", *LONG, "--count", "n"], 2, "has no argument count="),
        (["{moves}", *LONG, "--base", "metro"], 2, "give its --formula"),
        (["{moves}", *LONG, "--formula", "chosen ~ price", "--nests", "{near"], 2, "--nests is not JSON"),
        (["{moves}", *LONG, "--formula", "chosen ~ price", "--nests", "[1]"], 2, "an object nest -> alternatives"),
        (["{moves}", *LONG, "--varying", "price"], 2, "NAME=ALTERNATIVE:COLUMN"),
        (["{moves}", *LONG, "--alternatives", "a,,b"], 2, "labels separated by commas"),
        (["{moves}", *LONG, "--formula", "chosen ~ __import__('os')"], 1, "__import__"),
    ],
)
def test_refusals(
    moves: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert cli.main(["check", *[text.replace("{moves}", moves) for text in arguments]]) == code
    shown = capsys.readouterr()
    assert message in shown.out + shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "cannot be read as a table"),
        ("head.csv", b"move,place\n", "holds no rows"),
        ("binary.csv", b"\x00\xff\xfe\x01" * 50, "cannot be read as a table"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3,4\n", "cannot be read as a table"),
        ("broken.parquet", b"not parquet", "broken.parquet"),  # without pyarrow another sentence
        ("broken.csv.gz", b"not gzip", "cannot be read as a table"),
        ("table.xlsx", b"x", "known endings"),
        ("table", b"x", "known endings"),
    ],
)
def test_files_that_are_no_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert cli.main(["check", str(path), *LONG]) == 1
    assert message in capsys.readouterr().err
