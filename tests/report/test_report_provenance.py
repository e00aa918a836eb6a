"""A report on data that nobody observed says so in its title, and before every table and picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_cases import SPEC, moves, written

from relocchoice.cli import app
from relocchoice.data.files import read_table
from relocchoice.report.contents import Figure, Shown
from relocchoice.report.make import make_report
from relocchoice.report.spec_file import read_spec

LINE = "simulated by hand"


@pytest.mark.parametrize("line", [LINE, ""])
def test_report_of_simulated_data(line: str, tmp_path: Path) -> None:
    spec, file = written(tmp_path, SPEC.replace("plots = []", 'plots = ["coefficients"]'))
    table = read_table(file)
    if line:
        table.attrs["provenance"] = line
    report = make_report(read_spec(spec), table, "moves.csv")
    parts = [part for section in report.sections for part in section.parts]
    titles = [part.table.title for part in parts if isinstance(part, Shown)]
    titles += [part.caption for part in parts if isinstance(part, Figure)]
    assert len(titles) > 8
    for title in (report.title, *titles):
        assert title.startswith(f"[{LINE}]") == bool(line), title
        assert title.count(LINE) == bool(line)


def test_the_command_takes_it_from_the_file(tmp_path: Path) -> None:
    spec, file = written(tmp_path)
    Path(file).write_text(f"# provenance: {LINE}\n{moves().to_csv(index=False)}", encoding="utf-8")
    assert app.main(["fit", spec, file, "--out", str(tmp_path / "out")]) == 0
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.html")]
    assert pages
    assert all(f"<h1>[{LINE}]" in page for page in pages)
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.txt")]
    tables = [text for text in texts if text.startswith("=")]
    assert tables
    assert all(LINE in text.splitlines()[1] for text in tables)
