"""``relocchoice study``: what it writes and refuses, and that chapters keep their data apart."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from relocchoice.cli import app, study
from relocchoice.errors import IdentificationError, OptionError
from relocchoice.relocation.seed_checks import destinations_by_form
from relocchoice.relocation.survey import simulate_survey
from relocchoice.relocation.taxonomy import labels
from relocchoice.report import page
from relocchoice.report.contents import Figure, Report, Sentence, Shown
from relocchoice.report.study import chapters, make
from relocchoice.report.study.chapters import Chapter, Section

LINE = "[simulated from published margins (1,000 firms, margins expected, seed 4)]"


def titles(section: Section) -> list[str]:
    return [part.table.title for part in section.parts if isinstance(part, Shown)]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study without the chapter that takes its time."""

    def quick(survey, draw):
        return Chapter(Section("simulated", "Simulated", (Sentence(survey.provenance.line),)), {})

    monkeypatch.setattr(make, "simulated_chapter", quick)


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A folder without the data that are not shipped."""
    place = tmp_path / "published"
    place.mkdir()
    return str(place)


def test_the_literals_are_the_functions() -> None:
    assert (study.FIRMS, study.SEED) == (make.FIRMS, make.SEED)
    assert (study.FEWEST, study.MOST) == (make.FEWEST, make.MOST)


def test_the_report_is_written_whole(short, nowhere, tmp_path, capsys) -> None:
    folder = tmp_path / "study"
    command = ["study", "--out", str(folder), "--firms", "1000", "--seed", "4", "--published", nowhere]
    assert app.main(command) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(folder / "report.html")
    assert "The chapter on Japanese plants was left out" in told.err
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "Everything that was asked for" not in text
    made = re.search(r"Made by: ([^;]*);", text)
    assert made is not None
    assert made[1].endswith(f"--seed 4 --published {nowhere}")
    for word in ("Counted: the survey of 2003", "Observed: Japanese plants", "What the places offered", "Left out:"):
        assert word in text
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*", text)
    log = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert log["ok"]
    assert len(log["left_out"]) == 1
    assert log["study"] == {"firms": 1000, "seed": 4}
    assert len(list((folder / "plots").iterdir())) == 2


def test_without_matplotlib_the_page_and_the_program_say_so(short, nowhere, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(make, "has_matplotlib", lambda: False)
    folder = tmp_path / "study"
    assert app.main(["study", "--out", str(folder), "--firms", "1000", "--published", nowhere]) == 0
    assert "warning: No pictures: matplotlib is not installed" in capsys.readouterr().err
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "No pictures: matplotlib is not installed" in text
    assert "Everything that was asked for" not in text
    assert not (folder / "plots").exists()


def test_only_what_is_whole_is_called_so() -> None:
    whole = Report("A study", (), {}, (), (), (), {}, "")
    assert "Everything that was asked for is here" in page.page(whole)
    assert "Everything" not in page.page(replace(whole, left_out=("No pictures",)))


def test_what_is_refused_leaves_nothing_behind(short, tmp_path, capsys, monkeypatch) -> None:
    folder = tmp_path / "study"
    for arguments, word in (
        (["--firms", "999"], "firms=999"),
        (["--firms", "20001"], "firms=20001"),
        (["--seed", "-1"], "seed=-1"),
        (["--published", str(tmp_path / "none")], "published="),
    ):
        assert app.main(["study", "--out", str(folder), *arguments]) == 2
        assert word in capsys.readouterr().err
    other = tmp_path / "mine"
    other.mkdir()
    (other / "letter.txt").write_text("dear", encoding="utf-8")
    assert app.main(["study", "--out", str(other)]) == 2
    assert [path.name for path in other.iterdir()] == ["letter.txt"]

    def fails(survey, draw):
        raise IdentificationError("too few firms")

    monkeypatch.setattr(make, "simulated_chapter", fails)
    assert app.main(["study", "--out", str(folder), "--firms", "1000"]) == 1
    assert "too few firms" in capsys.readouterr().err
    assert not folder.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_the_counted_chapter_holds_nothing_simulated() -> None:
    chapter = chapters.counted_chapter(draw=True)
    assert "simulated" not in " ".join(titles(chapter.section)).lower()
    assert sum(isinstance(part, Figure) for part in chapter.section.parts) == 2
    assert "Firm size and entire relocation" in titles(chapter.section)


def test_the_flow_has_a_band_a_cell_and_bars_of_its_counts() -> None:
    counts = destinations_by_form()
    ax = chapters.flow(counts)
    kept = counts.to_numpy()
    bands, bars = int((kept > 0).sum()), int((kept.sum(axis=0) > 0).sum() + (kept.sum(axis=1) > 0).sum())
    assert len(ax.patches) == bands + bars
    texts = [text.get_text() for text in ax.texts]
    assert "township 111" in texts
    assert "entire enterprise 70" in texts
    heights = [bar.get_height() for bar in ax.patches[bands : bands + 4]]
    assert np.array(heights) / sum(heights) == pytest.approx(kept.sum(axis=1) / kept.sum())
    for bad in (counts - 100, counts * 0, counts.iloc[:0]):
        with pytest.raises(OptionError, match="flow"):
            chapters.flow(bad)


def test_pictures_of_simulated_counts_say_so() -> None:
    counts = destinations_by_form()
    counts.attrs["provenance"] = "made up"
    assert chapters.flow(counts).get_title(loc="left") == "made up"
    total = counts.sum()
    total.attrs["provenance"] = "made up"
    assert chapters.places_map(total).get_title(loc="left") == "made up"
    said = [one.get_text() for one in chapters.places_map(counts.sum(), labels=labels()).texts]
    assert any(one.startswith("Coastal ") for one in said)
    assert not any(one.startswith("coastal ") for one in said)
    with pytest.raises(OptionError, match="Mars"):
        chapters.places_map(pd.Series({"Mars": 1}))


@pytest.fixture
def whole() -> Report:
    return make.make_study(1000, 4)


@pytest.mark.slow
def test_everything_simulated_begins_with_it_and_nothing_else_does(whole) -> None:
    for section in whole.sections:
        said = [title.startswith(LINE) for title in titles(section)]
        captions = [part.caption.startswith(LINE) for part in section.parts if isinstance(part, Figure)]
        assert all(said + captions) if section.key == "simulated" else not any(said + captions)
    assert whole.fits["simulated joint"].provenance == LINE.strip("[]")
    truth = simulate_survey(1000, 4, margins="expected").truth.params()
    fit = whole.fits["simulated joint"]
    assert (abs(fit.params[truth.index] - truth) < 4.5 * fit.bse[truth.index]).all()


@pytest.mark.slow
def test_without_a_folder_the_claims_are_printed(capsys) -> None:
    assert app.main(["study", "--firms", "1000", "--seed", "4"]) == 0
    said = capsys.readouterr().out
    assert said.count("Verdict:") == 7
    assert said.count("simulated from published margins") == 3
