"""Lists in which a notebook cell that was run again stands once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autotrack import markup
from autotrack.errors import AutotrackError
from autotrack.store.search.cells import Repeats, repeats
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store

# What a session shows in a notebook.
_MOST_SHOWN, _MOST_METRICS = 8, 4


def newest_of_cells(store: Store, query: Query) -> tuple[list[RunRow], Repeats]:
    """The runs that `query` asks for without those of cells that were run again since."""
    with store.reading() as connection:
        folded = repeats(connection)
    if not folded.superseded:
        return store.search(query), folded
    rows = [
        row
        for row in store.search(replace(query, limit=None))
        if row.run_id not in folded.superseded and row.parent_id not in folded.superseded
    ]
    return rows[: query.limit], folded


def times(folded: Repeats, row: RunRow) -> str:
    """What is said behind the name of a run whose cell was run more than once."""
    count = folded.times.get(row.run_id, 1)
    return f" (run {count} times)" if count > 1 else ""


def newest_as_html(root: Path, title: str) -> str:
    """The newest runs of a store, for a notebook; without a store the title alone."""
    head = markup.line(markup.words(title))
    try:
        store = Store(root, create=False)
        rows, folded = newest_of_cells(store, Query(limit=_MOST_SHOWN))
        store.close()
    except AutotrackError:  # nothing was recorded yet
        return markup.view(head)
    shown = [
        (
            markup.words(f"{row.name}{times(folded, row)}"),
            markup.code(row.run_id[:8]),
            markup.words(row.status),
            markup.words(
                ", ".join(
                    f"{key} {value:.5g}" for key, value in list(row.metrics.items())[:_MOST_METRICS]
                )
            ),
        )
        for row in rows
    ]
    return markup.view(head, markup.table(("newest runs", "id", "status", ""), shown))
