"""``relocchoice fit``: what the page holds, and the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from report_cases import SPEC, moves, written

import relocchoice as rc
from relocchoice import cli

ROOT = Path(__file__).resolve().parents[2]


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page)


def test_everything_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = 'plots = ["coefficients", "nest_tree", "calibration", "share_curves", "effects", "elasticities"]'
    spec = SPEC.replace("plots = []", every).replace('effects = ["price", "size"]', 'effects = ["size"]')
    out = tmp_path / "out"
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(out)]) == 0
    assert not capsys.readouterr().err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert sections(page) == [
        *("data", "models", "comparison", "identification", "calibration"),
        *("effects", "elasticities", "worth", "tests", "provenance"),
    ]
    for words in ("Where firms went", "Everything that was asked for", "(IIA)", "Holm", "relocchoice 0."):
        assert words in page
    assert "nests does not have size:town" in page
    plots = [path.name for path in (out / "plots").iterdir()]
    assert len(plots) == page.count("<img")
    assert {re.sub(r"^\d+-", "", name).split("-")[0] for name in plots} == {
        *("coefficients.svg", "nests", "calibration", "shares", "effects", "elasticities")
    }
    endings = {path.suffix for path in (out / "tables").iterdir()}
    assert endings == {".tex", ".txt"}


def test_labels_that_no_font_has_stay_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from relocchoice.plots import style

    monkeypatch.setattr(style, "_FONTS", ("No such font",))
    table = moves()
    table["place"] = table["place"].replace("town", "柳市")
    spec = SPEC.replace("town", "柳市").replace("plots = []", 'plots = ["nest_tree"]')
    assert cli.main(["fit", *written(tmp_path, spec, table), "--out", str(tmp_path / "out")]) == 0
    (plot,) = (tmp_path / "out" / "plots").iterdir()
    assert "柳市" in plot.read_text(encoding="utf-8")


def test_a_model_that_is_refused_is_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    spec = SPEC.replace('formula = "chosen ~ price"', 'formula = "chosen ~ prise"')
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(out)]) == 1
    assert "model nests was refused" in capsys.readouterr().err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "This model was refused." in page
    assert "prise" in page
    log = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert log["ok"] is False
    assert list(log["models"]) == ["plain"]


def test_separated_choices_are_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = moves()
    table["big"] = ((table["size"] == 3) & True).astype(int)
    coast = table["place"] == "coast"
    chose_coast = table["move"].isin(table.loc[coast & (table["chosen"] == 1), "move"])
    table["big"] = table["big"].where(~chose_coast, 0)
    spec = SPEC.partition("[[model]]")[0] + '[model]\nname = "sep"\nformula = "chosen ~ price | big"\nbase = "metro"\n'
    out = tmp_path / "out"
    assert cli.main(["fit", *written(tmp_path, spec + "[report]\nplots = []", table), "--out", str(out)]) == 1
    assert "model sep has no finite maximum" in capsys.readouterr().err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "quasi-complete" in page
    assert "big:coast" in page


def test_data_that_are_refused_are_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert cli.main(["fit", *written(tmp_path, SPEC, moves().assign(chosen=0)), "--out", str(out)]) == 1
    assert "the data were refused" in capsys.readouterr().err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert sections(page) == ["data", "provenance"]
    assert "no_choice" in page


def test_no_table_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, _ = written(tmp_path)
    assert cli.main(["fit", spec, str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")]) == 1
    assert "is not a file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_effects_of_what_is_in_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = SPEC.replace('effects = ["price", "size"]', 'effects = ["price", "prise"]')
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(tmp_path / "out")]) == 1
    assert "variable 'prise' is in no model; the models' variables: price, size" in capsys.readouterr().err


def test_counts_weights_and_rules(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "period": ["1980s", "1980s", "1990s", "1990s", "1990s"],
            "form": ["whole", "office", "whole", "office", "lab"],
            "firms": [12, 3, 20, 9, 4],
        }
    )
    spec = """
[data]
layout = "counts"
count = "firms"
alternative = "form"
cell = "period"
unavailable = { lab = { period = "1980s" } }

[model]
formula = "firms ~ 0 | 1"
base = "whole"

[report]
plots = []
"""
    out = tmp_path / "out"
    assert cli.main(["fit", *written(tmp_path, spec, table), "--out", str(out)]) == 0
    log = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert log["models"]["(1)"]["parameters"]["Intercept:office"]["estimate"] == pytest.approx(-0.98083, abs=1e-5)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    """Heating's value of operating costs, 4.56 dollars a dollar a year, as R mlogit's vignette prints it."""
    spec = (ROOT / "docs" / "example" / "heating.toml").read_text(encoding="utf-8")
    spec = re.sub(r"plots = \[.*?\]", "plots = []", spec)
    (tmp_path / "heating.toml").write_text(spec, encoding="utf-8")
    data = ROOT / "data" / "published" / "heating" / "Heating.csv.gz"
    out = tmp_path / "out"
    assert cli.main(["fit", str(tmp_path / "heating.toml"), str(data), "--out", str(out)]) == 0
    (table,) = (out / "tables").glob("*worth-constants.md")
    assert "-4.56" in table.read_text(encoding="utf-8")


def test_help_says_what_the_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", "--help"]) == 0
    assert "nothing in it is run" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["fit", "a.toml", "b.csv"]) == 2


def test_characters_that_no_font_has_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from relocchoice.plots import style

    monkeypatch.setattr(style, "_fonts", list)
    table = moves()
    table["place"] = table["place"].replace("town", "柳市")
    spec = SPEC.replace("town", "柳市").replace("plots = []", 'plots = ["nest_tree"]')
    assert cli.main(["fit", *written(tmp_path, spec, table), "--out", str(tmp_path / "out")]) == 0
    assert "relocchoice: warning: no font here has all characters" in capsys.readouterr().err
    assert "no font here has all characters" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_several_starts_and_workbooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = SPEC.replace('"plain"', '"with/without: a name that is far too long for Excel"') + "\n[fit]\nstarts = 3\n"
    spec = spec.replace('formats = ["latex", "text"]', 'formats = ["xlsx"]')
    out = tmp_path / "out"
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(out)]) == 0
    assert len(rc.load(next((out / "fits").glob("02-*"))).starts) == 3
    sheets = openpyxl.load_workbook(next((out / "tables").glob("*calibration.xlsx"))).sheetnames
    assert sheets[1] == "with-without- a name that is fa"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("fixed = { price = 1e308 }", 2, "a fixed value is below"),
        ('offset = "I(price * 1e307)"', 1, "model plain was refused"),
    ],
)
def test_values_out_of_proportion(line: str, code: int, said: str, tmp_path: Path, capsys) -> None:
    spec = SPEC.replace('base = "metro"\n', f'base = "metro"\n{line}\n', 1)
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(tmp_path / "out")]) == code
    assert said in capsys.readouterr().err


def test_heads_of_tables_wrap_on_narrow_screens(tmp_path: Path) -> None:
    cli.main(["fit", *written(tmp_path), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    narrow = page[page.index("@media (max-width: 40rem)") :]
    assert re.search(r"\.box thead th \{[^}]*white-space: normal", narrow)
