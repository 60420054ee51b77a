"""Which run a command was asked for."""

from __future__ import annotations

from autotrack.entities import RunRecord
from autotrack.errors import RunNotFoundError
from autotrack.store.search.query import Query
from autotrack.store.store import Store


def asked_run(store: Store, asked: str) -> RunRecord:
    """The run of an id, the first letters of one, or `last`."""
    if asked != "last":
        return store.get_run(asked)
    found = store.search(Query(limit=1))
    if not found:
        raise RunNotFoundError("there are no runs yet; autotrack run SCRIPT records some")
    return store.get_run(found[0].run_id)
