"""The command ``relocchoice``: one module a sub-command. They parse, call the package and print."""

from relocchoice.cli.app import main

__all__ = ["main"]
