"""``relocchoice check FILE``: the doctor on a table, and whether a model on it can be estimated."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from relocchoice.cli.output import show
from relocchoice.errors import OptionError

if TYPE_CHECKING:
    from relocchoice.data.choice_data import ChoiceData
    from relocchoice.errors import Finding

LAYOUTS = ("long", "wide", "counts")
ROLES = ("case", "alternative", "chosen", "available", "weights", "unit", "count")


def add(commands: Any) -> None:
    """Add the sub-command to the program's."""
    parser = commands.add_parser(
        "check",
        help="check a table of choices, and whether a model on it can be estimated",
        description="Report every problem of a table of choices (CSV, TSV or Parquet); with --formula also what keeps "
        "the model from a finite, unique maximum: collinear columns and separation, with the cells behind it. "
        "Exit code 0: nothing is wrong (warnings do not count without --strict); 1: something is; 2: an argument is "
        "wrong.",
    )
    parser.add_argument("file", metavar="FILE", help="the table: .csv, .tsv, .txt (tabs), .parquet; .csv.gz also")
    parser.add_argument("--separator", metavar="CHAR", help="between the fields; default: by the file's ending")
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="long",
        help="one row a case and alternative (default), one row a case, or a table of counts",
    )
    for role in ROLES:
        parser.add_argument(f"--{role}", metavar="COLUMN", help=f"column of: {role}")
    parser.add_argument("--cell", action="append", metavar="COLUMN", help="counts: what tells the cells apart; repeat")
    parser.add_argument(
        "--alternatives", metavar="A,B,...", help="labels (wide), or the count columns (counts with one row a cell)"
    )
    parser.add_argument(
        "--varying",
        action="append",
        metavar="NAME=ALTERNATIVE:COLUMN,...",
        help="wide: the columns of a variable that differs between alternatives; repeat",
    )
    parser.add_argument("--strict", action="store_true", help="count the doctor's warnings as something wrong")
    parser.add_argument("--weight-kind", choices=("frequency", "sampling"), default="frequency")
    parser.add_argument("--missing", choices=("error", "drop"), default="error")
    parser.add_argument("--single-alternative", choices=("error", "drop", "keep"), default="error")
    parser.add_argument("--formula", help="the model: 'chosen ~ generic | case-specific | alternative-specific'")
    parser.add_argument("--base", help="alternative without constant and case-specific coefficients")
    parser.add_argument("--nests", metavar="JSON", help="""nested logit: '{"near": ["a", "b"], "away": ["c", "d"]}'""")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 when something is wrong."""
    from relocchoice.data.doctor import doctor
    from relocchoice.data.files import labelled, read_table

    model = _model(arguments)
    columns = _columns(arguments)
    policy = {
        "weight_kind": arguments.weight_kind,
        "missing": arguments.missing,
        "single_alternative": arguments.single_alternative,
    }
    table = labelled(read_table(arguments.file, arguments.separator), arguments.layout, columns)
    if arguments.layout == "counts":
        policy.pop("weight_kind")
    report = doctor(table, layout=arguments.layout, **policy, **columns)
    show(f"{report}\n")
    if not report.ok or (arguments.strict and report.warnings):
        return 1
    if model is None:
        show("No --formula was given: no model was checked.\n")
        return 0
    data = _read(table, arguments.layout, {**policy, **columns})
    findings = model.check(data)
    show(_verdict(findings))
    return 1 if findings else 0


def _read(table: Any, layout: str, arguments: Mapping[str, Any]) -> ChoiceData:
    from relocchoice.data.choice_data import ChoiceData

    reader: Callable[..., ChoiceData] = getattr(ChoiceData, f"from_{layout}")
    return reader(table, **arguments)


def _verdict(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return "Model: nothing keeps it from a finite and unique maximum.\n"
    count = f"{len(findings)} problem{'s' * (len(findings) != 1)}"
    lines = [f"  error [{finding.rule}]: {finding.message}" for finding in findings]
    return "\n".join([f"Model: {count}", *lines]) + "\n"


def _model(arguments: argparse.Namespace) -> Any:
    """The model that the arguments describe, or None without a formula."""
    if arguments.formula is None:
        if arguments.nests is not None or arguments.base is not None:
            raise OptionError("--nests and --base belong to a model; give its --formula")
        return None
    from relocchoice.models import MultinomialLogit, NestedLogit

    if arguments.nests is None:
        return MultinomialLogit(arguments.formula, base=arguments.base)
    try:
        nests = json.loads(arguments.nests)
    except json.JSONDecodeError as error:
        raise OptionError(f"--nests is not JSON: {error}") from None
    if not isinstance(nests, dict):
        raise OptionError.of("--nests", arguments.nests, 'an object nest -> alternatives, {"near": ["a", "b"]}')
    return NestedLogit(arguments.formula, nests, base=arguments.base)


def _columns(arguments: argparse.Namespace) -> dict[str, Any]:
    """The roles that were given, as the constructors and the doctor take them."""
    given = {role: getattr(arguments, role) for role in ROLES if getattr(arguments, role) is not None}
    if arguments.cell is not None:
        given["cell"] = arguments.cell
    if arguments.alternatives is not None:
        given["alternatives"] = _listed("--alternatives", arguments.alternatives)
    if arguments.varying is not None:
        given["varying"] = dict(map(_varying, arguments.varying))
    return given


def _listed(option: str, text: str) -> list[str]:
    labels = [label.strip() for label in text.split(",")]
    if not all(labels):
        raise OptionError.of(option, text, "labels separated by commas")
    return labels


def _varying(text: str) -> tuple[str, dict[str, str]]:
    """``"cost=air:cost_air,car:cost_car"`` -> the variable's name and its columns by alternative."""
    name, equals, listed = text.partition("=")
    pairs = [pair.partition(":") for pair in listed.split(",")]
    if not (name.strip() and equals and all(label.strip() and column.strip() for label, _, column in pairs)):
        raise OptionError.of("--varying", text, "NAME=ALTERNATIVE:COLUMN,ALTERNATIVE:COLUMN,...")
    return name.strip(), {label.strip(): column.strip() for label, _, column in pairs}
