"""Every Python block of the documentation runs, page by page, and prints what the page says it prints.

In a page, the info string of a fence says what the block is:

- ``python``: run, in the order of the page and in one namespace; the ``text`` block behind it is its output;
- ``python shown PATH`` and ``text shown PATH``: part of a file of the repository, word for word; not run here;
- any other language: not looked at.

``python tests/test_docs.py`` runs the pages and writes the outputs into them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("README.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its info string, its text, the line its fence stands in and its place in the page's text."""

    info: str
    body: str
    line: int
    span: tuple[int, int]


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page in order."""
    return [
        Block(match["info"].strip(), match["body"], text.count("\n", 0, match.start()) + 1, match.span())
        for match in FENCE.finditer(text)
    ]


def executed(text: str, name: str) -> Iterator[tuple[Block, Block | None, str]]:
    """Run the blocks of a page; yield each with the output block behind it and what it printed."""
    blocks = blocks_of(text)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for position, block in enumerate(blocks):
        if block.info != "python":
            continue
        following = blocks[position + 1] if position + 1 < len(blocks) else None
        code = compile("\n" * block.line + block.body, name, "exec")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        yield block, following if following is not None and following.info == "text" else None, out.getvalue()


def stripped(text: str) -> list[str]:
    """Lines without trailing blanks, and without empty lines at the end."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def rewritten(text: str, name: str) -> str:
    """The page with what its blocks print."""
    pieces, at = [], 0
    for block, output, printed in executed(text, name):
        if not printed.strip():
            continue
        start, end = (block.span[1],) * 2 if output is None else output.span
        fence = "```text\n" + "\n".join(stripped(printed)) + "\n```"
        pieces += [text[at:start], fence if output is not None else f"\n\n{fence}"]
        at = end
    return "".join([*pieces, text[at:]])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_prints_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block, output, printed in executed(page.read_text(encoding="utf-8"), page.name):
        said = [] if output is None else stripped(output.body)
        assert stripped(printed) == said, f"{page.name}, block in line {block.line}: run python tests/test_docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_of_a_known_kind_and_shown_files_hold_them(page: Path) -> None:
    for block in blocks_of(page.read_text(encoding="utf-8")):
        language, _, rest = block.info.partition(" ")
        if language not in ("python", "text") or not rest:
            continue
        kind, _, path = rest.partition(" ")
        assert kind == "shown", f"{page.name}, line {block.line}: unknown info string {block.info!r}"
        shown = "\n".join(stripped(block.body))
        whole = "\n".join(line.rstrip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines())
        assert f"\n{shown}\n" in f"\n{whole}\n", f"{page.name}, line {block.line}: not in {path}"


def test_pages_close_their_fences_and_have_runnable_blocks() -> None:
    runnable = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = [line for line in text.splitlines() if line.startswith("```")]
        assert len(fences) == 2 * len(blocks_of(text)), f"{page.name}: a fence is not closed"
        runnable += sum(block.info == "python" for block in blocks_of(text))
    assert runnable > 20


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("```python\nprint(1)\n```\n\n```text\n1\n```\n", ["1\n"]),
        ("```python\na = 2\n```\nwords\n```python\nprint(a)\n```\n", ["", "2\n"]),
        ("```r\nprint(1)\n```\n```python shown x.py\nprint(1)\n```\n", []),
    ],
)
def test_blocks_share_a_namespace_and_others_are_left_alone(text: str, printed: list[str]) -> None:
    assert [out for _, _, out in executed(text, "page")] == printed


def test_rewriting_puts_the_output_behind_its_block() -> None:
    page = "a\n```python\nprint(1)\n```\nb\n```python\nprint(2)\n```\n\n```text\nold\n```\nc\n"
    new = rewritten(page, "page")
    assert new == (
        "a\n```python\nprint(1)\n```\n\n```text\n1\n```\nb\n```python\nprint(2)\n```\n\n```text\n2\n```\nc\n"
    )
    assert rewritten(new, "page") == new


def main() -> None:
    """Write the outputs of the pages named on the command line, or of all, into the pages."""
    names = set(sys.argv[1:])
    for page in PAGES:
        if names and page.name not in names:
            continue
        old = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            new = rewritten(old, page.name)
            os.chdir(ROOT)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print("rewritten:", page.relative_to(ROOT))


if __name__ == "__main__":
    main()
