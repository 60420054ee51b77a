"""The command line: one file a family of commands."""

from autotrack.cli.group import main

__all__ = ["main"]
