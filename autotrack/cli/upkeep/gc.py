"""`autotrack gc`: the disk that deleted runs and left over files take, given back."""

from __future__ import annotations

import click

from autotrack.analysis.predictions.files import JOURNAL
from autotrack.cli.group import FOUND_NOTHING, REFUSED, existing_store, main, store_option
from autotrack.cli.printing import escape, json_option, new_console, say, say_json
from autotrack.cli.tables import ID, size_text
from autotrack.store.upkeep.leftovers import Leftovers, leftovers, remove

_SHOWN = 20


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
@store_option
@click.pass_context
def gc(context: click.Context, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove deleted runs for good, and files that no run names any more.

    It says what would go and asks before. Files that a process which lives may be writing stay, and
    so does everything of registered models. Ends with 1 if there is nothing to remove.

    \b
    Examples:
      autotrack gc --dry-run
      autotrack gc --yes
    """
    store = existing_store()
    found = leftovers(store, read_later=(JOURNAL,))
    told = {
        "runs": found.runs,
        "files": found.files,
        "staged": found.staged,
        "kept": found.kept,
        "bytes": found.bytes,
    }
    if not as_json:
        _print(found)
    if not found or dry_run:
        if as_json:
            say_json({**told, "freed": 0, "failed": []})
        context.exit(0 if found else FOUND_NOTHING)
    if not yes:
        if as_json:
            raise click.UsageError("with --json nobody can be asked: give --yes or --dry-run")
        if not click.confirm("Remove it for good?"):
            context.exit(FOUND_NOTHING)
    freed, failed = remove(store, found)
    if as_json:
        say_json({**told, "freed": freed, "failed": failed})
    else:
        say(f"freed {size_text(freed)}")
        for line in failed:
            say(f"could not remove {line}", error=True)
    context.exit(REFUSED if failed else 0)


def _print(found: Leftovers) -> None:
    console = new_console()
    for run in found.runs[:_SHOWN]:
        below = f" and {run.runs - 1:,} below it" if run.runs > 1 else ""
        files = "1 file" if run.files == 1 else f"{run.files:,} files"
        console.print(
            f"run   {escape(run.run_id[:ID])}  {escape(run.name)}{below}: deleted, "
            f"{files}, {size_text(run.bytes)}"
        )
    for file in found.files[:_SHOWN]:
        console.print(f"file  {escape(file.path)}: of no run, {size_text(file.bytes)}")
    for folder in found.staged[:_SHOWN]:
        console.print(f"left  {escape(folder.path)}: never finished, {size_text(folder.bytes)}")
    groups = (found.runs, found.files, found.staged)
    if hidden := sum(max(0, len(group) - _SHOWN) for group in groups):
        console.print(f"and {hidden:,} more; --json has all")
    for line in found.kept:
        console.print(f"[dim]stays: {escape(line)}[/dim]")
    if found:
        console.print(f"{size_text(found.bytes)} in all")
    else:
        console.print("There is nothing to remove.")
