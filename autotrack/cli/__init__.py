"""The command line: one file a family of commands, which register themselves with the group."""

from autotrack.cli import models, run, runs, serve
from autotrack.cli.group import main

__all__ = ["main", "models", "run", "runs", "serve"]
