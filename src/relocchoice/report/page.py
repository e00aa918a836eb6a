"""One HTML page that needs nothing from outside: styles inside, pictures as data, no script, every text escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape

from relocchoice.report.contents import Figure, Heading, Lines, Part, Report, Section, Sentence, Shown
from relocchoice.results.render import render
from relocchoice.results.textwidth import visible

# nothing may be loaded and nothing may run, whatever a label holds
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --paper: #ffffff; --soft: #5b6875; --line: #d5dbe1; --tint: #f4f6f8;
  --good: #1f7a4d; --warning: #9a5b00; --refused: #b3261e; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --paper: #14191f; --soft: #a3afbb; --line: #36414c; --tint: #1d242c;
    --good: #6fce9d; --warning: #f0b860; --refused: #ff8f85; --link: #82b7f0; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5; overflow-wrap: break-word;
  font-family: system-ui, "Segoe UI", "Helvetica Neue", Arial, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; }
main, header, nav { max-width: 70rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding-top: .4rem; padding-bottom: .4rem; }
a { color: var(--link); }
nav a { padding: .2rem 0; }
p { margin: .5rem 0; max-width: 48rem; }
.note { color: var(--soft); font-size: .92rem; }
.good, .warning, .refused { border-left: 4px solid; padding: .3rem .8rem; background: var(--tint); }
.good { border-color: var(--good); }
.warning { border-color: var(--warning); }
.refused { border-color: var(--refused); }
.mark { font-weight: 600; }
.good .mark { color: var(--good); }
.warning .mark { color: var(--warning); }
.refused .mark { color: var(--refused); }
.box { overflow-x: auto; margin: .8rem 0; padding: .2rem .8rem .4rem; border: 1px solid var(--line);
  border-radius: 6px; }
.box:focus-visible { outline: 2px solid var(--link); }
.box p { position: sticky; left: 0; max-width: min(48rem, calc(100vw - 4rem)); }
.box table { border-collapse: collapse; font-size: .9rem; margin: .4rem 0; }
.box th, .box td { padding: .12rem .6rem; font-weight: normal; vertical-align: top; white-space: nowrap; }
.box.wordy th, .box.wordy td { white-space: normal; min-width: 5rem; max-width: 34rem; text-align: left !important; }
.box thead th { border-bottom: 1px solid var(--line); vertical-align: bottom; }
.box th:first-child { padding-left: 0; text-align: left; }
.box th[scope="rowgroup"] { padding-top: .4rem; }
table.relocchoice-header th:nth-child(3) { padding-left: 1.2rem; }
table.relocchoice-body { border-top: 2px solid var(--line); border-bottom: 2px solid var(--line); }
table.relocchoice-header { color: var(--soft); }
.box small { color: var(--soft); }
.box .relocchoice pre, pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .82rem; background: var(--tint);
  border-radius: 6px; padding: .6rem .8rem; margin: .6rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { margin: .8rem 0; flex: 0 1 26rem; min-width: 0; }
figure img { display: block; width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line);
  border-radius: 6px; padding: .5rem; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .3rem; }
footer { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 40rem) {
  h1 { font-size: 1.4rem; }
  table.relocchoice-header, table.relocchoice-header tbody { display: block; }
  table.relocchoice-header tr { display: grid; grid-template-columns: auto auto; justify-content: space-between; }
  table.relocchoice-header th:nth-child(3) { padding-left: 0; }
  table.relocchoice-header th, table.relocchoice-header td { white-space: normal; }
  .box tbody th[scope="row"] { position: sticky; left: 0; background: var(--paper); white-space: normal;
    max-width: 40vw; }
  .box thead th { white-space: normal; min-width: 4.5rem; max-width: 8rem; overflow-wrap: break-word; }
  .box thead th:first-child { max-width: 40vw; }
}
@media print { nav { display: none; } .box { overflow: visible; border: 0; } h2 { break-after: avoid; } }
"""
_MARKS = {"good": "Fine", "warning": "Warning", "refused": "Refused"}
_WORDY = 24


def page(report: Report) -> str:
    """The report as one HTML document."""
    links = "\n".join(f'<a href="#{one.key}">{_text(one.title)}</a>' for one in report.sections)
    body = "\n".join(_section(one) for one in report.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(report.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{_text(report.title)}</h1>
{_verdict(report)}
</header>
<nav aria-label="Sections">
{links}
</nav>
<main>
{body}
</main>
<footer>Made by relocchoice. This page needs no network.</footer>
</body>
</html>
"""


def _verdict(report: Report) -> str:
    warned = "".join(_part(Sentence(one, "warning")) for one in (*report.left_out, *report.notices))
    if not report.failures and report.left_out:
        return warned
    if not report.failures:
        return f'<p class="good"><span class="mark">Fine.</span> Everything that was asked for is here.</p>{warned}'
    return (
        "".join(f'<p class="refused"><span class="mark">Not done.</span> {_lines(one)}</p>' for one in report.failures)
        + warned
    )


def _section(section: Section) -> str:
    lines = [f'<section id="{section.key}" aria-label="{_text(section.title)}">', f"<h2>{_text(section.title)}</h2>"]
    return "\n".join([*lines, *_parts(section.parts), "</section>"])


def _parts(parts: tuple[Part, ...]) -> Iterator[str]:
    """The parts; pictures that follow each other stand side by side where there is room."""
    beside = False
    for part in parts:
        if isinstance(part, Figure) != beside:
            beside = not beside
            yield '<div class="figures">' if beside else "</div>"
        yield _part(part)
    if beside:
        yield "</div>"


def _part(part: Part) -> str:
    match part:
        case Heading(text):
            return f"<h3>{_text(text)}</h3>"
        case Sentence(text, "note"):
            return f'<p class="note">{_lines(text)}</p>'
        case Sentence(text, level):
            return f'<p class="{level}"><span class="mark">{_MARKS[level]}.</span> {_lines(text)}</p>'
        case Lines(text):
            return f"<pre>{chr(10).join(_text(line) for line in text.splitlines())}</pre>"
        case Shown():
            return _table(part)
        case Figure(svg, caption):
            source = f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"
            words = _text(caption)
            return f'<figure><img src="{source}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def _table(part: Shown) -> str:
    """A box that scrolls sideways when the table is wider than the page; with the keyboard too."""
    cells = [cell for row in part.table.rows if len(row) > 1 for cell in row[1:]]
    wordy = " wordy" if any(len(cell) > _WORDY for cell in cells) else ""
    label = _text(part.table.title or part.stem)
    return f'<div class="box{wordy}" tabindex="0" role="region" aria-label="{label}">{render(part.table, "html")}</div>'


def _text(text: str) -> str:
    return escape(visible(text), quote=True)


def _lines(text: str) -> str:
    return "<br>".join(_text(line) for line in text.splitlines())
