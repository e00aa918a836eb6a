"""``relocchoice study``: the whole relocation study as one report."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from relocchoice.cli.output import show

# literals, because --help loads nothing; a test compares them
FIRMS, SEED = 2000, 0
FEWEST, MOST = 1000, 20_000


def add(commands: Any) -> None:
    """Add the sub-command to the program's."""
    parser = commands.add_parser(
        "study",
        help="run the relocation study: counted, observed and simulated firms in chapters of their own",
        description="Run the relocation study. Without --out the sources' claims and what tests say of them are "
        "printed; with it one HTML page, its tables, plots and fits are written into a folder. Counted, observed "
        "and simulated firms are never mixed in a table. Exit code 1 where a published model does not come out as "
        "published.",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the report: a new one, an empty one, or a former report's"
    )
    parser.add_argument(
        "--firms",
        type=int,
        default=FIRMS,
        metavar="N",
        help=f"simulated firms, {FEWEST:,} to {MOST:,} (default {FIRMS})",
    )
    parser.add_argument("--seed", type=int, default=SEED, metavar="S", help="of the simulated firms (default 0)")
    parser.add_argument(
        "--published", metavar="DIR", help="folder of the published data that are not shipped, one sub-folder a dataset"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the claims, or write the report; 1 when something in it did not come out."""
    from relocchoice.relocation.reproduce import check_published_folder
    from relocchoice.report.study.make import check_study, make_study
    from relocchoice.report.write import check_place, write_report

    check_study(arguments.firms, arguments.seed)
    check_published_folder(arguments.published)
    if arguments.out is None:
        show(_claims(arguments.firms, arguments.seed))
        return 0
    check_place(arguments.out)
    report = make_study(arguments.firms, arguments.seed, published_folder=arguments.published)
    show(f"{write_report(report, arguments.out)}\n")
    for sentence in (*report.left_out, *report.notices):
        print(f"relocchoice: warning: {sentence}", file=sys.stderr)
    for sentence in report.failures:
        print(f"relocchoice: {sentence}", file=sys.stderr)
    return 1 if report.failures else 0


def _claims(firms: int, seed: int) -> str:
    from relocchoice.relocation.claims import printed_claims, simulated_claims
    from relocchoice.relocation.survey import simulate_survey

    survey = simulate_survey(firms, seed, margins="expected")
    return "\n".join(f"{claim.summary()}\n" for claim in (*printed_claims(), *simulated_claims(survey)))
