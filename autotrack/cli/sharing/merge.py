"""`autotrack merge`: other stores taken over into this one."""

from __future__ import annotations

import click

from autotrack.cli.group import main, store_option
from autotrack.cli.printing import json_option, say, say_json
from autotrack.reporting.api import merge as merge_into
from autotrack.settings import Settings
from autotrack.store.merging.merge import Merged

_MOST_NAMED = 5


@main.command()
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
@click.option("--trust", is_flag=True,
              help="Vouch for the models for which the other stores vouch: their pickles open "
              "here without being asked for. Whoever could write to those stores could run code "
              "here then.")  # fmt: skip
@click.option("--move-aliases", is_flag=True,
              help="Let aliases point where they do in the other store.")  # fmt: skip
@click.option("--leave-damaged", is_flag=True,
              help="Go on without files that are missing, or not what was recorded.")  # fmt: skip
@json_option
@store_option
def merge(
    others: tuple[str, ...], trust: bool, move_aliases: bool, leave_damaged: bool, as_json: bool
) -> None:
    """Take over the runs, models and files of OTHER stores into this one.

    OTHER is the folder of a store, or a file of `autotrack export --store`. Each is taken over as
    a whole or not at all, and merging it again adds nothing.

    \b
    Example:
      autotrack merge ../colleague/autotrack_runs carried.zip
    """
    found = []
    for other in others:
        merged = merge_into(
            other,
            store=Settings.resolve().store,
            trust=trust,
            move_aliases=move_aliases,
            leave_damaged=leave_damaged,
        )
        found += merged
        if not as_json:
            for one in merged:
                tell(one, moved=move_aliases)
    if as_json:
        say_json(found)


def tell(merged: Merged, *, moved: bool = False, carried: bool = False) -> None:
    """Say what merging a store has brought; with `carried`, into a store that is to be carried."""
    say(
        f"{merged.origin}: {_count(merged.runs, 'new run')}, {merged.known:,} that were here, "
        f"{_count(merged.files, 'file')}, {_count(merged.versions, 'version')} of models"
    )
    if merged.left:
        say(f"  {_count(merged.left, 'run')} left out that still run; merge again when they ended")
    for name, there, here in merged.renumbered:
        say(f"  models:/{name}/{there} of theirs is models:/{name}/{here} here")
    for name, alias, here, theirs in merged.aliases:
        if moved:
            say(f"  models:/{name}@{alias} moved from version {here} to {theirs}")
        else:
            say(
                f"  models:/{name}@{alias} stays at version {here}; theirs is version {theirs} "
                "here (--move-aliases)"
            )
    for name in merged.hidden:
        say(f"  experiment {name!r} is deleted here, which hides the runs that came into it")
    _list("stay as they are here and differ there", merged.differing)
    _list("left out, missing or damaged there", merged.damaged)
    if merged.vouched and not carried:
        say(f"  {_count(merged.vouched, 'model')} vouched for from now on")


def _list(what: str, names: object) -> None:
    found = list(names) if isinstance(names, list | tuple) else []
    if found:
        more = f" and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
        say(f"  {what}: {', '.join(found[:_MOST_NAMED])}{more}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
