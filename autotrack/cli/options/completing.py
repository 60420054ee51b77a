"""What a shell offers for a run, an experiment, a metric or a model."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from autotrack.printable import printable
from autotrack.runtime.patterns import pattern

_MOST = 60
_ID = 8
# Anything else would have to be quoted, each shell in its own way; what a store holds may have been
# written by others, and is not put on a command line where it would mean something.
_HARMLESS = pattern(r"[\w.@%+=/:-]+")

_T = TypeVar("_T")
_Found = list[CompletionItem]


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Found:
    """Ids of runs, the newest first, with their names; and `last`."""
    from autotrack.store.search import beginnings

    found = _ask(lambda connection: beginnings.runs(connection, incomplete, _MOST))
    shown = max(_ID, len(incomplete))
    items = [
        CompletionItem(run_id[:shown], help=f"{printable(name)} ({printable(kind)})")
        for run_id, name, kind in found
        if _HARMLESS.fullmatch(run_id)
    ]
    last = [CompletionItem("last", help="the newest run")] if "last".startswith(incomplete) else []
    return last + items


def experiments(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Found:
    """Names of experiments."""
    from autotrack.store.search import beginnings

    return _items(_ask(lambda connection: beginnings.experiments(connection, incomplete, _MOST)))


def metrics(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Found:
    """Keys of metrics."""
    from autotrack.store.search import beginnings

    return _items(_ask(lambda connection: beginnings.metric_keys(connection, incomplete, _MOST)))


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Found:
    """Names of registered models."""
    from autotrack.store.search import beginnings

    return _items(_ask(lambda connection: beginnings.models(connection, incomplete, _MOST)))


def codes(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Found:
    """Codes of findings, errors and warnings."""
    from autotrack.cli.codes.pages import pages

    known = pages()
    wanted = incomplete.upper()
    return [CompletionItem(code, help=known[code].title)
            for code in known if code.startswith(wanted)]  # fmt: skip


def _items(texts: Iterable[str]) -> _Found:
    return [CompletionItem(text) for text in texts if _HARMLESS.fullmatch(text)]


def _ask(question: Callable[[sqlite3.Connection], list[_T]]) -> list[_T]:
    """What the store answers; nothing where there is none, or it is busy."""
    from autotrack.cli.group import existing_store

    try:
        with existing_store().reading() as connection:
            return question(connection)
    except Exception:  # noqa: BLE001 - a shell that completes has no use for an error
        return []
