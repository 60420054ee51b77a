"""The command `autotrack` and what its subcommands share."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import click

from autotrack._version import __version__
from autotrack.cli.printing import json_wanted_by, say_json_error
from autotrack.errors import (
    AutotrackError,
    CrateError,
    FilterError,
    InvalidValueError,
    NotFoundError,
    SettingError,
    StoreError,
    StoreUnavailableError,
)
from autotrack.printable import printable
from autotrack.settings import Settings
from autotrack.store.store import Store
from autotrack.tracking.workspace import workspace

_STORE = "AUTOTRACK_STORE"

#: What commands end with, for scripts; `autotrack help exit-codes` tells it to people.
FOUND_NOTHING, USAGE, STORE, CRATE, REFUSED = 1, 2, 3, 4, 5
EXIT_CODES = {
    0: "done; where something was asked, the answer is yes",
    FOUND_NOTHING: "nothing was found, the answer is no, or you said no",
    USAGE: "the command line, a setting or a filter cannot be used as it is",
    STORE: "there is no store, or it cannot be opened, read or written",
    CRATE: "a crate is damaged, of another format, or nobody answers for it",
    REFUSED: "something else stands in the way, which the message says",
}
# The first that fits.
_KINDS: tuple[tuple[type[AutotrackError], int], ...] = (
    (NotFoundError, FOUND_NOTHING),
    (StoreError, STORE),
    (CrateError, CRATE),
    (SettingError, USAGE),
    (InvalidValueError, USAGE),
    (FilterError, USAGE),
)


class Unable(click.ClickException):
    """What cannot be done as things are: a port is taken, an extra is missing."""

    exit_code = REFUSED
    code = AutotrackError.code

    def __init__(self, message: str) -> None:
        super().__init__(f"{message} [{self.code}]")


class _Told(click.ClickException):
    """An error that ends a command: a line, or the document that ``--json`` promises."""

    def __init__(self, error: Exception, message: str, exit_code: int, command: str | None) -> None:
        super().__init__(message)
        self.error = error
        self.exit_code = exit_code  # type: ignore[misc]
        self.command = command

    def show(self, file: Any = None) -> None:
        if self.command is None:
            super().show(file)
        else:
            say_json_error(self.command, self.error, self.message)


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
            code = next((code for kind, code in _KINDS if isinstance(error, kind)), REFUSED)
            raise _Told(error, str(error), code, json_wanted_by(ctx)) from error
        except click.ClickException as error:
            message = printable(error.format_message(), lines=True)
            if (command := json_wanted_by(ctx)) is not None:
                raise _Told(error, message, error.exit_code, command) from error
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
        raise StoreUnavailableError(
            f"there is no store at {folder}; run a script with `autotrack run SCRIPT`, "
            "go to the folder it ran in, or name its store with --store"
        )
    workspace.give(store=folder)
    return workspace.store(create=False)
