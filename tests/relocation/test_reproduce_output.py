"""Documents and files of reproductions: one text, one file a table, JSON without NaN, nothing half-written."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

import relocchoice
from relocchoice.errors import OptionError
from relocchoice.relocation import reproduce_output as output
from relocchoice.relocation.reproduce_record import ParameterPair, PublishedFit, PublishedSkip, Reproduction
from relocchoice.results.table import Table


def part(**findings: object) -> Reproduction:
    table = Table("A <title>", ("x", "y"), (("section",), ("row & label", "1.5")), (("head", "1"),), ("a note",))
    pair = ParameterPair("b", 1.0, 1.0, {"hessian": math.nan}, {"hessian": 0.5})
    published = (
        PublishedFit("set", "fitted", -1.5, -1.0, {"params": 1e-9, "hessian": math.inf}, False, (pair,)),
        PublishedSkip("set", "absent", "no file"),
    )
    return Reproduction("one", "the first", {"one": table, "one_more": table}, findings, published)


def test_json_has_no_nan_and_everything_else(tmp_path: Path) -> None:
    text = output.document([part(a=math.nan, b=[math.inf, -math.inf], c=True, d=None)], "json")
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (read["package"], read["version"]) == ("relocchoice", relocchoice.__version__)
    (held,) = read["reproductions"]
    assert held["findings"] == {"a": None, "b": ["inf", "-inf"], "c": True, "d": None}
    assert [table["name"] for table in held["tables"]] == ["one", "one_more"]
    assert held["tables"][0]["rows"] == [["section"], ["row & label", "1.5"]]
    fitted, skipped = read["published"]
    assert fitted["llf_difference"] == -0.5
    assert fitted["largest_relative_difference"] == "inf"
    assert fitted["converged"] is False
    assert fitted["parameters"][0]["errors"] == {"hessian": None}
    assert skipped == {"dataset": "set", "model": "absent", "skipped": "no file"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_a_self_contained_page() -> None:
    for text in (output.document([part()], "html"), output.files([part()], "html")["one.html"]):
        tags = _Tags()
        tags.feed(text)
        assert not tags.open
        assert text.startswith("<!doctype html>")
        assert not [tag for tag, attrs in tags.seen if tag in ("script", "link", "img") or {"src", "href"} & set(attrs)]
        assert "A &lt;title&gt;" in text


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html", "json"])
def test_one_file_a_table(format: output.OutputFormat) -> None:
    ending = output.ENDINGS[format]
    whole = [output.WHOLE] if format == "json" else []
    assert list(output.files([part()], format)) == [f"one{ending}", f"one_more{ending}", *whole]


def test_unknown_format_names_the_valid_ones() -> None:
    with pytest.raises(OptionError, match=r"'pdf'.*markdown"):
        output.document([], "pdf")
    with pytest.raises(OptionError, match=r"'pdf'.*markdown"):
        output.files([], "pdf")


def test_files_are_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    written = output.write_files(folder, {"a.txt": "one\n", "b.txt": "é\n"})
    assert sorted(os.listdir(folder)) == ["a.txt", "b.txt"]
    assert written == (folder / "a.txt", folder / "b.txt")
    assert (folder / "b.txt").read_text(encoding="utf-8") == "é\n"
    output.write_files(folder, {"a.txt": "two\n"})
    assert (folder / "a.txt").read_text(encoding="utf-8") == "two\n"


class _Breaks(dict[str, str]):
    """Contents whose second file cannot be written."""

    def items(self):  # type: ignore[override]
        yield "a.txt", "new\n"
        raise OSError(28, "No space left on device")


def test_a_failure_on_the_way_leaves_the_old_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old\n", encoding="utf-8")
    contents: Mapping[str, str] = _Breaks({"a.txt": "", "b.txt": ""})
    with pytest.raises(OptionError, match="No space left"):
        output.write_files(tmp_path, contents)
    assert os.listdir(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old\n"


def test_paths_that_cannot_be_folders_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    for path in (file, file / "below"):
        with pytest.raises(OptionError, match="is a file"):
            output.check_folder(path)
        with pytest.raises(OptionError, match="is a file"):
            output.write_files(path, {"a.txt": ""})
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OptionError, match=r"'a\.txt'"):
        output.write_files(tmp_path, {"b.txt": "", "a.txt": ""})
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "file"]
    assert file.read_text(encoding="utf-8") == "kept"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OptionError, match="written to"):
            output.check_folder(tmp_path / "new")
    finally:
        tmp_path.chmod(0o700)


def test_checking_makes_nothing(tmp_path: Path) -> None:
    output.check_folder(tmp_path / "new")
    assert not os.listdir(tmp_path)
