"""How commands print: whatever they print passes here, and is seen instead of obeyed."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable

import click
from rich import markup
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from autotrack.printable import printable

_PIPE_WIDTH = 200


def escape(text: str, *, lines: bool = False) -> str:
    """A recorded text as part of the markup that rich prints; with `lines`, of several lines."""
    return markup.escape(printable(text, lines=lines))


def say(text: str, *, error: bool = False) -> None:
    """Print lines of plain text."""
    click.echo(printable(text, lines=True), err=error)


class _Console(Console):
    """Spells out what no call of :func:`escape` did."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:  # rich's own
                yield segment
            else:
                yield Segment(printable(segment.text, lines=True), segment.style)


def new_console() -> Console:
    """Where commands print tables and other things with colours to."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal does not have is no reason to show nothing.
        sys.stdout.reconfigure(errors="replace")
    console = _Console(highlight=False, emoji=False)
    if not console.is_terminal:
        # Nothing is cut or folded on its way into a pipe or a file.
        console.width = _PIPE_WIDTH
    return console
