"""The command line: one file a family of commands."""

from autotrack.cli.main import main

__all__ = ["main"]
