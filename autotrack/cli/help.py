"""`autotrack help`: what the code of a finding, an error or a warning means, and what to do."""

from __future__ import annotations

import click

from autotrack.cli.codes.pages import pages
from autotrack.cli.group import EXIT_CODES, main
from autotrack.cli.options import completing
from autotrack.cli.printing import escape, json_option, new_console, say, say_json
from autotrack.errors import NotFoundError
from autotrack.printable import described

_EXITS = "exit-codes"


@main.command(name="help")
@click.argument("code", required=False, shell_complete=completing.codes)
@json_option
def explain_code(code: str | None, as_json: bool) -> None:
    """Explain the CODE of a finding, error or warning, such as AT104; without it, list all.

    `autotrack help exit-codes` says what commands end with.

    \b
    Example:
      autotrack help AT104
    """
    if code == _EXITS:
        if as_json:
            say_json(EXIT_CODES)
        for number, meaning in () if as_json else EXIT_CODES.items():
            say(f"{number}  {meaning}")
        return
    known = pages()
    if code is None:
        if as_json:
            say_json(list(known.values()))
        for page in () if as_json else known.values():
            say(f"{page.code}  {page.title}")
        return
    wanted = code.strip().strip("[]").upper()
    if wanted not in known:
        raise NotFoundError(
            f"{described(code)} is no code of a finding, error or warning; known are "
            f"{', '.join(known)}"
        )
    page = known[wanted]
    if as_json:
        say_json(page)
        return
    console = new_console()
    console.print(f"[bold]{page.code}[/bold]  {page.title}  [dim]{page.grade or page.kind}[/dim]")
    console.print(f"\n{escape(page.text, lines=True)}")
