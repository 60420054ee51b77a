"""How commands print: whatever they print passes here, and is seen instead of obeyed.

With ``--json`` a command prints one document, of one shape::

    {"command": "runs", "data": ...}
    {"command": "show", "error": {"type": "RunNotFoundError", "code": "AT422", "message": "..."}}

It is ASCII: control characters and marks in recorded texts are escapes. Numbers that are not finite
are null, times are ISO 8601 in UTC.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from autotrack.printable import described, printable

# rich draws random numbers when it is imported, so that it is imported by what needs it:
# `autotrack run` prints here, and its script's seeds are to count.
if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

_PIPE_WIDTH = 200
_AS_JSON = "autotrack.cli.as_json"


def escape(text: str, *, lines: bool = False) -> str:
    """A recorded text as part of the markup that rich prints; with `lines`, of several lines."""
    from rich import markup

    return markup.escape(printable(text, lines=lines))


def say(text: str, *, error: bool = False) -> None:
    """Print lines of plain text."""
    click.echo(printable(text, lines=True), err=error)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--json``, which it gets as `as_json`; errors obey it as well."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
        if value:
            ctx.meta[_AS_JSON] = _name_of(ctx)
        return value

    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,  # before other options, whose errors are to be JSON as well
        callback=remember,
        help="As one JSON document.",
    )(command)


def json_wanted_by(context: click.Context) -> str | None:
    """The name of the command that is to print JSON; None if none is."""
    found: str | None = context.meta.get(_AS_JSON)
    return found


def say_json(data: object) -> None:
    """Print what a command found, as the one document that ``--json`` promises."""
    _document(_name_of(click.get_current_context()), "data", plain(data))


def say_json_error(command: str, error: BaseException, message: str) -> None:
    """Print what keeps a command from its answer, as that document."""
    about = {"type": type(error).__name__, "code": getattr(error, "code", None), "message": message}
    _document(command, "error", about)


def _document(command: str, key: str, content: object) -> None:
    click.echo(json.dumps({"command": command, key: content}, indent=2))


def _name_of(context: click.Context) -> str:
    names: list[str] = []
    while context.parent is not None:
        names.append(context.info_name or "")
        context = context.parent
    return " ".join(reversed(names))


def plain(value: Any) -> Any:
    """Any value as JSON has it: the contents of records, frames and mappings, else a text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return value if isinstance(value, int) or math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat() if value == value else None  # noqa: PLR0124 - NaT is not itself
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return plain(found)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [plain(row) for row in value.to_dict("records")]
    if hasattr(value, "item") and hasattr(value, "dtype"):
        return plain(value.item())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return described(value, sys.maxsize)


@functools.cache
def _console() -> type[Console]:
    from rich import console
    from rich.segment import Segment

    class SpeltOut(console.Console):
        """Spells out what no call of :func:`escape` did."""

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control:  # rich's own
                    yield segment
                else:
                    yield Segment(printable(segment.text, lines=True), segment.style)

    return SpeltOut


def new_console() -> Console:
    """Where commands print tables and other things with colours to."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal does not have is no reason to show nothing.
        sys.stdout.reconfigure(errors="replace")
    console = _console()(highlight=False, emoji=False)
    if not console.is_terminal:
        # Nothing is cut or folded on its way into a pipe or a file.
        console.width = _PIPE_WIDTH
    return console
