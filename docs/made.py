"""Pages that are made from the code: the command line, and what a run can be asked for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from autotrack.cli import main
from autotrack.cli.group import EXIT_CODES


def write_all(folder: Path) -> None:
    """Write every page; one that is as it was is left alone, so that it is not built again."""
    folder.mkdir(exist_ok=True)
    page = folder / "commands.md"
    text = commands()
    if not page.exists() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def commands() -> str:
    """The page of all commands."""
    parts = [
        "# Commands",
        "`autotrack COMMAND --help` says the same on a terminal. `autotrack completion SHELL` has "
        "a shell complete commands, options, run ids, experiments and metrics.",
        "## Exit codes",
        "| code | meaning |\n| --- | --- |",
    ]
    parts[-1] += "".join(f"\n| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    parts += [
        "`autotrack run` ends as the script does.",
        "## JSON",
        "With `--json` a command prints one document, of one shape. Numbers that are not finite "
        "are `null`, times are ISO 8601 in UTC, and all of it is ASCII.",
        '```json\n{"command": "runs", "data": []}\n```',
        '```json\n{"command": "show", "error": {"type": "RunNotFoundError", "code": "AT422", '
        '"message": "..."}}\n```',
    ]
    for name, command in every_command(main):
        parts += _about(name, command)
    return "\n\n".join(parts) + "\n"


def every_command(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, in the order of names."""
    asked = click.Context(group)
    for name in group.list_commands(asked):
        command = group.get_command(asked, name)
        assert command is not None
        yield before + name, command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{before}{name} ")


def _about(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"autotrack {name}")
    yield f"{'#' * (2 + name.count(' '))} autotrack {name}"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\nautotrack {name} {usage}\n```"
    # A paragraph that keeps its lines, such as the example, begins with a backspace.
    text = inspect.cleandoc(command.help or "").replace("\b\n", "\b")
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b"):
            lines = paragraph.strip("\b\n").splitlines()
            yield lines[0]
            yield "```sh\n" + "\n".join(line.strip() for line in lines[1:]) + "\n```"
        else:
            yield _escaped(" ".join(paragraph.split()))
    options = [each.get_help_record(context) for each in command.params
               if isinstance(each, click.Option)]  # fmt: skip
    rows = [_row(*record) for record in options if record]
    if rows:
        yield "\n".join(["| option | |", "| --- | --- |", *rows])


def _row(names: str, text: str) -> str:
    bar = "\\|"
    return f"| `{names.replace('|', bar)}` | {_escaped(text)} |"


def _escaped(text: str) -> str:
    # Placeholders such as <run_id> would be taken for tags, and a bar for the end of a cell.
    return re.sub(r"([<>|*])", r"\\\1", text)
