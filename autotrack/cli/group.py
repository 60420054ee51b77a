"""The command `autotrack` and what its subcommands share."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import click

from autotrack._version import __version__
from autotrack.errors import AutotrackError
from autotrack.printable import printable
from autotrack.settings import Settings
from autotrack.store.store import Store
from autotrack.tracking.workspace import workspace

_STORE = "AUTOTRACK_STORE"


class Group(click.Group):
    """Commands in families, whose errors of autotrack's are one line instead of a traceback.

    Attributes
    ----------
    families : dict
        For each command the module that registers it, which is imported when it is asked for.
    """

    families: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(self.families)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, of a module that is imported now."""
        if cmd_name in self.families:
            importlib.import_module(self.families[cmd_name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for; an error of autotrack's is a line."""
        try:
            return super().invoke(ctx)
        except AutotrackError as error:
            raise click.ClickException(str(error)) from error
        except click.ClickException as error:
            error.message = printable(error.message, lines=True)  # type: ignore[misc]
            raise


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autotrack")
def main() -> None:
    """See what autotrack recorded, and run scripts with it switched on."""


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--store``, which holds for everything it calls."""

    def use(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[_STORE] = str(Path(value).expanduser().absolute())

    return click.option(
        "--store",
        metavar="FOLDER",
        callback=use,
        expose_value=False,
        is_eager=True,
        help=f"Folder of the store (else {_STORE}, else autotrack_runs).",
    )(command)


def existing_store() -> Store:
    """The store to read; one that is not there is an error, and is not created."""
    folder = Settings.resolve().store
    if not (folder / "autotrack.db").exists():
        raise click.ClickException(
            f"there is no store at {folder}; run a script with `autotrack run SCRIPT`, "
            "go to the folder it ran in, or name its store with --store"
        )
    workspace.give(store=folder)
    return workspace.store(create=False)
