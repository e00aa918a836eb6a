"""A specification from a stranger runs nothing, reaches no other folder, and its texts stay texts."""

from __future__ import annotations

import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_cases import SPEC, moves, written

from relocchoice import cli
from relocchoice.report.write import file_stem

HOSTILE = (
    "chosen ~ __import__('os').system('touch {path}')",
    "chosen ~ I(__import__('os').system('touch {path}'))",
    "chosen ~ {{open('{path}', 'w').write('x')}}",
    "chosen ~ I((lambda: open('{path}', 'w'))())",
    "chosen ~ I(price.to_csv('{path}'))",
    "chosen ~ np.save('{path}', price)",
    "chosen ~ eval('1')",
    "chosen ~ exec('1')",
    "chosen ~ {{[open('{path}', 'w') for i in price]}}",
    "chosen ~ log(price, out=open('{path}', 'w'))",
    "chosen ~ 0 | I(9**9**9**9)",
    "chosen ~ " + "(" * 3000 + "price",
    "chosen ~ " + "I(-" * 3000 + "price" + ")" * 3000,
    "os.system('touch {path}') ~ price | 0 | 0 | 0",
)


@pytest.fixture
def no_other_program(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was started or opened for writing under a name that no report has."""
    events: list[str] = []

    def watch(event: str, _: tuple[Any, ...]) -> None:
        if active and event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect"):
            events.append(event)

    active = [True]
    sys.addaudithook(watch)
    yield events
    active.clear()  # a hook cannot be taken away, only told to look elsewhere


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("where", ["formula", "offset"])
def test_no_formula_runs_and_nothing_is_written(
    hostile: str, where: str, tmp_path: Path, no_other_program: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace"
    text = hostile.format(path=trace)
    if where == "offset":
        text = text.removeprefix("chosen ~ ")
    key = text.replace("\\", "\\\\").replace('"', '\\"')
    model = f'[model]\nformula = "{key if where == "formula" else "chosen ~ price"}"\n'
    model += f'offset = "{key}"\n' if where == "offset" else ""
    spec = '[data]\ncase = "move"\nalternative = "place"\nchosen = "chosen"\n' + model
    out = tmp_path / "out"
    code = cli.main(["fit", *written(tmp_path, spec), "--out", str(out)])
    assert code == 2
    assert "relocchoice:" in capsys.readouterr().err
    assert not trace.exists()
    assert not out.exists()
    assert sorted(os.listdir(tmp_path)) == ["moves.csv", "spec.toml"]
    assert not no_other_program


def test_a_name_with_dots_is_a_column_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = SPEC.replace("chosen ~ price", "chosen ~ price.__class__.__mro__")
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(tmp_path / "out")]) == 1
    assert "column 'price.__class__.__mro__' of the formula is not in the data" in capsys.readouterr().err


@pytest.mark.parametrize("name", ['hypotheses = [\'__import__("os").system("touch {}")\']', "effects = ['{}']"])
def test_no_text_of_the_report_runs(name: str, tmp_path: Path, no_other_program: list[str]) -> None:
    trace = tmp_path / "trace"
    spec = SPEC.partition("[report]")[0] + "[report]\nplots = []\n" + name.format(trace) + "\n"
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(tmp_path / "out")]) == 1
    assert not trace.exists()
    assert not no_other_program


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("/etc/passwd", "etc-passwd"),
        ("../../up", "up"),
        ("..", "unnamed"),
        ("C:\\con", "C-con"),
        ("a\x00b\n", "a-b"),
        ("\u202e.exe", "exe"),
        ("迁移 模型", "迁移-模型"),
        ("x" * 500, "x" * 60),
        ("迁" * 500, "迁" * 40),
    ],
)
def test_a_name_is_no_path(text: str, stem: str) -> None:
    assert file_stem(text) == stem


@pytest.mark.parametrize("name", ["../../../escaped", "/tmp/escaped", "..", "a/b/c"])
def test_names_of_models_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    spec = SPEC.replace('name = "plain"', f'name = "{name}"')
    assert cli.main(["fit", *written(inner, spec), "--out", str(inner / "out")]) in (0, 1)
    assert sorted(os.listdir(tmp_path)) == ["inner"]
    assert sorted(os.listdir(inner)) == ["moves.csv", "out", "spec.toml"]
    assert len(list((inner / "out" / "fits").iterdir())) == 2


EVIL = "<script>alert(1)</script>\"' onerror=x &amp; <img src=http://x>"


def test_labels_stay_text_on_the_page(tmp_path: Path) -> None:
    table = moves()
    table["place"] = table["place"].replace("town", EVIL)
    quoted = EVIL.replace('"', '\\"')
    spec = SPEC.replace("town", quoted).replace("Where firms went", quoted).replace('"plain"', f'"{quoted}"')
    assert cli.main(["fit", *written(tmp_path, spec, table), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    found = Elements(page)
    assert found.tags <= {
        *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "nav", "a", "main", "section"),
        *("p", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "small", "pre", "br"),
        *("footer", "figure", "figcaption", "img"),
    }
    assert not {name for name in found.attributes if name.startswith("on") or name == "srcset"}
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in found.links)


class Elements(HTMLParser):
    """What a browser would find on a page: tags, names of attributes, links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    spec = SPEC.replace("plots = []", 'plots = ["coefficients", "nest_tree"]')
    assert cli.main(["fit", *written(tmp_path, spec), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/svg+xml;base64,') == page.count("<img") == 2
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
