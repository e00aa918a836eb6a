"""The files that come with the package: complete, documented, traceable, and found from wherever the package runs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from relocchoice.errors import DataError, OptionError
from relocchoice.relocation import sources
from relocchoice.relocation.sources import (
    SEED_TABLES,
    Missing,
    published_frame,
    published_target,
    published_targets,
    seed_prose,
    seed_table,
    shipped,
)
from relocchoice.relocation.taxonomy import destination_labels, form_labels, period_labels

DATA = Path(__file__).parents[2] / "data"
SEEDS = [*(f"seeds/table{number}.csv" for number in SEED_TABLES), "seeds/prose.csv"]
TABULAR = sorted(
    str(path.relative_to(DATA).as_posix())
    for path in DATA.rglob("*")
    if path.name.endswith((".csv", ".csv.gz", ".dat.gz")) and path.name != "dictionary.csv"
)
NOT_TO_BE_SHIPPED = ("JapaneseFDI", "NOx", "Game", "TheHague")


def first_line(name: str) -> list[str]:
    opener = gzip.open if name.endswith(".gz") else open
    with opener(DATA / name, "rt", encoding="utf-8") as stream:
        line = stream.readline().rstrip("\n")
    return line.split("\t" if "\t" in line else ",")


@pytest.mark.parametrize("name", SEEDS)
def test_every_row_of_the_seeds_says_where_it_comes_from(name: str) -> None:
    with shipped(name).open("r", encoding="utf-8") as stream:
        table = pd.read_csv(stream, keep_default_na=False)
    assert table["provenance"].str.strip().ne("").all()
    if name != "seeds/prose.csv":
        number = name.removesuffix(".csv")[-1]
        assert table["provenance"].str.startswith(f"Table {number}, ").all()
        assert table["provenance"].is_unique


def the_dictionary() -> pd.DataFrame:
    return pd.read_csv(DATA / "dictionary.csv", keep_default_na=False)


@pytest.mark.parametrize("name", TABULAR)
def test_every_column_of_every_file_is_in_the_dictionary(name: str) -> None:
    dictionary = the_dictionary()
    assert list(dictionary.loc[dictionary["file"] == name, "column"]) == first_line(name)


def test_the_dictionary_names_only_files_that_exist_and_says_what_each_column_means() -> None:
    dictionary = the_dictionary()
    assert set(dictionary["file"]) == set(TABULAR)
    assert dictionary["meaning"].str.strip().ne("").all()
    assert set(dictionary["type"]) == {"text", "integer", "number", "logical"}


def test_labels_of_the_seeds_are_those_of_the_taxonomy() -> None:
    assert tuple(seed_table(4)["form"].unique()) == form_labels()
    assert tuple(seed_table(4)["period"].unique()) == (*period_labels(), "total")
    assert tuple(seed_table(6)["form"].unique()) == form_labels(relocations_only=True)
    assert tuple(seed_table(6)["block"].unique()) == ("total", *period_labels())
    assert tuple(seed_table(6)["destination"].unique()) == destination_labels()
    assert len(seed_table(6)) == 4 * 4 * 8


def test_the_dashes_of_the_1980s_are_forms_that_did_not_exist() -> None:
    table = seed_table(4)
    absent = table[~table["exists"]]
    assert set(absent["period"]) == {"1980s"}
    assert set(absent["form"]) == {"manufacturing facility", "R&D", "headquarters"}


def test_prose_has_one_row_a_quantity() -> None:
    prose = seed_prose()
    assert prose["quantity"].is_unique
    assert prose["value"].notna().all()
    assert prose["unit"].ne("").all()


def test_nothing_is_shipped_that_may_not_be() -> None:
    assert not [path for path in DATA.rglob("*") if path.name.startswith(NOT_TO_BE_SHIPPED)]


@pytest.mark.parametrize("number", [0, 7, "1", True, None])
def test_unknown_table(number: object) -> None:
    with pytest.raises(OptionError, match="number="):
        seed_table(number)


@pytest.mark.parametrize("name", ["", "/etc/hostname", "../pyproject.toml", "seeds/../../pyproject.toml", "seeds\\x"])
def test_shipped_files_lie_below_the_data_folder(name: str) -> None:
    with pytest.raises(DataError, match="relative path"):
        shipped(name)


def test_an_absent_file_is_named_with_what_is_there() -> None:
    with pytest.raises(DataError, match=r"'seeds/table9\.csv'.*published, seeds"):
        shipped("seeds/table9.csv")


def test_an_installed_package_without_data_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "_shipped_folders", lambda: (tmp_path / "shipped",))
    with pytest.raises(DataError, match="reinstall"):
        shipped("seeds/table1.csv")


def test_an_installed_folder_is_read_before_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "README.md").write_text("installed", encoding="utf-8")
    monkeypatch.setattr(sources, "files", lambda package: tmp_path)
    assert shipped("README.md").read_text(encoding="utf-8") == "installed"


def test_every_target_is_carried_over_with_consistent_lengths() -> None:
    targets = published_targets()
    assert len(targets) == 17
    assert len({(target.dataset, target.model) for target in targets}) == 17
    entries = json.loads((DATA / "published" / "targets.json").read_text(encoding="utf-8"))
    for target, entry in zip(targets, entries, strict=True):
        assert len(target.names) == len(target.params) == entry["k"]
        assert {len(errors) for errors in target.bse.values()} == {entry["k"]}
        assert "hessian" in target.bse


def test_printed_coefficients_agree_with_the_full_figures() -> None:
    """Each printed string is the full figure to the printed digits; R's nested fits stop early, at four digits."""
    read = 0
    for target in published_targets():
        errors = target.bse.get(target.printed_se or "", ())
        for row in target.printed:
            position = target.names.index(row.name)
            for text, full in ((row.estimate, target.params[position]), (row.error, errors[position])):
                digits = len(text.partition(".")[2])
                assert float(text) == pytest.approx(full, abs=0.51 * 10.0**-digits + 2e-5 * abs(full))
                read += 1
    assert read == 2 * (6 + 7 + 4 + 3 + 6 + 8 + 4 + 5 + 9 + 2 + 6 + 16)


def test_two_targets_in_full() -> None:
    common = published_target("japanese_fdi", "nl_common")
    assert common.printed[-1] == sources.PrintedCoefficient("iv", "0.85", "0.08")
    assert (common.printed_loglik, common.printed_se) == ("-1726.98", "opg")
    assert published_target("hague_burglary", "cl").bse["cluster"][0] == 0.1230373
    with pytest.raises(OptionError, match="'mc1'"):
        published_target("modecanada", "mc2")


@pytest.mark.parametrize(
    ("dataset", "shape"),
    [
        ("modecanada", (15520, 11)),
        ("heating", (900, 21)),
        ("swissmetro", (10728, 28)),
        ("travelmode", (840, 9)),
        ("japanese_fdi", (452 * 57, 17)),
        ("nox", (632 * 15, 12)),
        ("hague_burglary", (548 * 89, 21)),
    ],
)
def test_size_of_the_published_frames(dataset: str, shape: tuple[int, int]) -> None:
    frame = published_frame(dataset)
    if isinstance(frame, Missing):
        pytest.skip(frame.reason)
    assert frame.shape == shape


def test_data_not_at_hand_are_a_value_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = published_frame("hague_burglary", folder=tmp_path)
    assert isinstance(found, Missing)
    assert "TheHagueBurglars.csv" in found.reason
    assert str(tmp_path) in found.reason
    monkeypatch.delenv(sources.PUBLISHED_FOLDER, raising=False)
    monkeypatch.setattr(sources, "_checkout", lambda: None)
    found = published_frame("nox")
    assert isinstance(found, Missing)
    assert sources.PUBLISHED_FOLDER in found.reason


def test_folder_argument_and_environment_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nox").mkdir()
    pd.DataFrame({"chid": [1, 1]}).to_csv(tmp_path / "nox" / "NOx.csv.gz", index=False)
    assert len(published_frame("nox", folder=tmp_path)) == 2
    monkeypatch.setenv(sources.PUBLISHED_FOLDER, str(tmp_path))
    assert len(published_frame("nox")) == 2
    monkeypatch.setenv(sources.PUBLISHED_FOLDER, str(tmp_path / "gone"))
    found = published_frame("nox")
    assert isinstance(found, Missing)
    assert f"{str(tmp_path / 'gone')!r} that RELOCCHOICE_PUBLISHED names does not exist" in found.reason


def test_unknown_dataset() -> None:
    with pytest.raises(OptionError, match="'japanese_fdi'"):
        published_frame("games")
