"""`autotrack help`: what the code of a finding means."""

from __future__ import annotations

import click

from autotrack.analysis.evidence.catalogue import GRADES, KINDS, known_code
from autotrack.cli.group import main
from autotrack.cli.printing import new_console, say


@main.command(name="help")
@click.argument("code", required=False)
def explain_code(code: str | None) -> None:
    """Explain the CODE of a finding, such as AT104; without it, list all."""
    if code is None:
        for kind in KINDS.values():
            say(f"{kind.code}  {kind.title}")
        return
    kind = KINDS[known_code(code, "")]
    console = new_console()
    console.print(f"[bold]{kind.code}[/bold]  {kind.title}  [dim]{GRADES[kind.grade]}[/dim]")
    console.print(f"\n{kind.why}\n\n{kind.remedy}")
