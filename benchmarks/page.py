"""The page of a run: ``python -m benchmarks.page RESULTS.json --to DIR [--name NAME]`` writes NAME.md and plots."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.compare import fastest_right, median, whole

Results = dict[str, Any]
MISSING = "–"
QUIET = 0.15  # relative difference of the two rooflines above which the machine was not quiet

INTRODUCTION = """# Benchmarks

Written by `python -m benchmarks` from what it measured; do not edit. To repeat it:

    python -m benchmarks.environments          # the compared packages in environments of their own, versions pinned
    relocchoice bench --peers all --out DIR    # or: python -m benchmarks --peers all --out DIR

The data are simulated with fixed seeds. Every package runs in a process of its own with the same number of threads, one
process at a time. Data frames and arrays are ready before the clock starts; *preparation* is making the package's own
data object and model from them, *fit* is estimation from the package's default start with standard errors. The first
fit is cold (compilation, tracing), the second is a new model on the same data in the same process. A *read* is the time
of reading the dense design (cases x alternatives x coefficients doubles) once from memory.

Every answer is compared with the maximum, which the suite finds by itself: **right** is within 0.001 standard errors of
it with standard errors within 0.1 %, *rough* within 0.02 and 1 %, everything else is **wrong**, however fast. "–" is
not measured.
"""


def seconds(value: float | None) -> str:
    """Three digits, milliseconds below a tenth of a second."""
    if value is None:
        return MISSING
    if value < 1e-4:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1e3:.3g} ms" if value < 0.1 else f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"


def number(value: float | None, form: str = ".2g") -> str:
    """A number, or the mark for none."""
    return MISSING if value is None else format(value, form)


def table(heads: str, rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Markdown; the first ``left`` columns are text."""
    names = heads.split("|")
    rule = "|".join("---" if i < left else "---:" for i in range(len(names)))
    return "\n".join([f"| {' | '.join(names)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])


def markdown(results: Results, figures: dict[str, str]) -> str:
    """The page; ``figures``: title -> path."""
    parts = [INTRODUCTION, _about(results), "## The package\n", _own(results), _notes(results)]
    if any(one["peers"] for one in results["problems"].values()):
        parts += ["## Beside other packages\n", _summary(results)]
        parts += [_peers(name, one) for name, one in results["problems"].items() if _asked(one)]
    if results["curves"]:
        parts += ["## Scaling\n", _curves(results)]
    parts += [f"![{title}]({path})" for title, path in figures.items()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _about(results: Results) -> str:
    about, roofs = results["machine"], results["roofline"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    first, last = roofs[0], roofs[-1]
    lines = [
        f"Measured {results['made']}: {about['processor']}, {results['threads']} of {about['cpus']} processors, "
        f"{about['system']}, Python {about['python']}, {versions}. Medians; rounds of package and peers: "
        f"{results['rounds']}, rounds within the package's process: {results['repeat']}.\n",
        table(
            f"roofline ({first['source']})|at the start|at the end",
            [
                ["read from memory, GB/s", *(f"{roof['read'] / 1e9:.1f}" for roof in (first, last))],
                ["multiply-add, GF/s", *(f"{roof['multiply_add'] / 1e9:.0f}" for roof in (first, last))],
                ["exp, G/s", *(f"{roof['exp'] / 1e9:.2f}" for roof in (first, last))],
            ],
        ),
    ]
    if disturbed(results):
        lines.append("\n**The machine was not quiet**: the two rooflines differ. Read the times with care.")
    return "\n".join(lines)


def disturbed(results: Results) -> bool:
    """Whether the roofline moved between start and end."""
    first, last = results["roofline"][0], results["roofline"][-1]
    return any(abs(last[key] / first[key] - 1.0) > QUIET for key in ("read", "multiply_add", "exp"))


def read_bandwidth(results: Results) -> float:
    """Bytes a second, the better of start and end."""
    return float(max(roof["read"] for roof in results["roofline"]))


def in_reads(results: Results, taken: float | None, size: float) -> float | None:
    """Seconds in reads of so many bytes."""
    return None if taken is None else taken * read_bandwidth(results) / size


def _own(results: Results) -> str:
    heads = "problem|cases x alternatives x coefficients|one read|evaluation|in reads|search|in reads|fit|in reads"
    heads += "|robust fit|in reads|preparation|frame to table|memory over compact|answer"
    rows = []
    for name, one in results["problems"].items():
        own, size = one["own"], one["dense_bytes"]
        cells = [f"{name}: {one['words']}", one["size"], seconds(size / read_bandwidth(results))]
        for step in ("evaluation_s", "search_s", "second_fit_s", "robust_s"):
            taken = median(own, step)
            cells += [seconds(taken), number(in_reads(results, taken, size), ".3g")]
        cells += [seconds(median(own, step)) for step in ("second_prep_s", "table_s")]
        rows.append([*cells, number(memory_over_compact(one), ".2f"), _verdict(own)])
    return table(heads, rows, left=2)


def memory_over_compact(one: Results) -> float | None:
    """Peak of memory over that before the work, in units of the columns stored once each."""
    own = one["own"]
    if own.get("peak_mb") is None or own.get("start_mb") is None:
        return None
    return float((own["peak_mb"] - own["start_mb"]) * 2**20 / one["compact_bytes"])


def _notes(results: Results) -> str:
    lines = [
        "*Evaluation*: log-likelihood, gradient, Hessian and outer product. *Search*: estimation from zero, the design "
        "in memory. *Fit*: from `ChoiceData` to the fitted model, checks and covariance included. *Memory*: peak over "
        "what was there with the frame, first round, in units of the columns stored once."
    ]
    for name, one in results["problems"].items():
        sort, count, prep, whole_way = (
            median(one["own"], key) for key in ("sort_s", "count_s", "second_prep_s", "table_s")
        )
        if sort and whole_way:
            lines.append(
                f"- {name}: frame to table takes {whole_way / sort:.2g} times as long as pandas needs to sort the "
                f"shuffled frame by case ({seconds(sort)})."
            )
        if count and prep and whole_way:
            lines.append(
                f"- {name}: reading takes {prep / count:.2g} times as long as pandas needs to count the choices "
                f"({seconds(count)}), data to table {whole_way / count:.2g} times."
            )
    return "\n".join([lines[0], "", *lines[1:]])


def _verdict(record: Results) -> str:
    judgement = record["judgement"]
    if judgement["verdict"] == "none":
        return str(record["status"])
    return {"right": "right", "rough": "*rough*", "wrong": "**wrong**"}[judgement["verdict"]]


def _asked(one: Results) -> bool:
    return any(record["status"] != "not asked" for record in one["peers"].values())


def _summary(results: Results) -> str:
    rows = []
    for name, one in results["problems"].items():
        if not _asked(one):
            continue
        best, own = fastest_right(one["peers"]), whole(one["own"])
        if best is None or own is None:
            rows.append([name, "none finished rightly", MISSING, seconds(own), MISSING])
        else:
            rows.append([name, best[0], seconds(best[1]), seconds(own), f"{best[1] / own:.3g}"])
    heads = "problem|fastest correct peer|its second fit, preparation included|the package's|times faster"
    return table(heads, rows, left=2)


def _peers(name: str, one: Results) -> str:
    heads = "package|answer|import|preparation|first fit|second preparation and fit|peak MB|log-likelihood - maximum"
    heads += "|estimates, s.e.|errors, relative|note"
    entries = {"relocchoice": one["own"], **one["peers"]}
    order = sorted(entries, key=lambda peer: (whole(entries[peer]) is None, whole(entries[peer]) or 0.0))
    rows = []
    for peer in order:
        record = entries[peer]
        judgement = record["judgement"]
        reason = judgement["reason"].replace("|", "/").replace("\n", " ")[:160]
        rows.append(
            [
                f"{peer} {record.get('version', '')}".strip(),
                _verdict(record),
                *(seconds(median(record, key)) for key in ("import_s", "first_prep_s", "first_fit_s")),
                seconds(whole(record)) if record.get("second_fit_s") else MISSING,
                number(record.get("peak_mb"), ".0f"),
                number(judgement["llf_gap"], "+.1e"),
                number(judgement["distance"], ".1e"),
                number(judgement["error_gap"], ".1e"),
                reason,
            ]
        )
    return f"### {name}: {one['words']}, {one['size']}\n\n{table(heads, rows, left=2)}"


def _curves(results: Results) -> str:
    rows = []
    for one in results["curves"]:
        size = one["dense_bytes"]
        evaluation, fit = median(one, "evaluation_s"), median(one, "second_fit_s")
        rows.append(
            [
                one["words"],
                f"{one['value']:,}",
                one["size"],
                seconds(evaluation),
                number(in_reads(results, evaluation, size), ".3g"),
                seconds(fit),
                number(in_reads(results, fit, size), ".3g"),
            ]
        )
    return table("curve|value|size|evaluation|in reads|fit|in reads", rows, left=1)


def write(results: Results, folder: Path, name: str = "benchmarks") -> Path:
    """Page and figures; without matplotlib the page has no figures and says so."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        from benchmarks.figures import write_figures
    except ImportError:
        text = markdown(results, {}) + "\nWithout figures: matplotlib is not installed.\n"
    else:
        text = markdown(results, write_figures(results, folder, name))
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def main() -> None:
    """Read the command line, write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description="Write the page of a run.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--to", type=Path, required=True, metavar="DIR")
    parser.add_argument("--name", default="benchmarks")
    options = parser.parse_args()
    print(write(json.loads(options.results.read_text(encoding="utf-8")), options.to, options.name))


if __name__ == "__main__":
    main()
