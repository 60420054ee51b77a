"""One store taken over into another: all of it, or nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from autotrack.errors import InvalidValueError, StoreError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.merging.checked import copy_checked
from autotrack.store.merging.files import Held, fetch, move_in, put_rows, take_back
from autotrack.store.merging.origin import FolderOrigin, Origin, open_origin
from autotrack.store.merging.registry import merge_registry, versions_of
from autotrack.store.merging.rows import forget, merge_runs, running
from autotrack.store.store import Store
from autotrack.store.syncing import sync_files
from autotrack.store.tables.artifact_rows import unused

# Others may write for so long before it is given up.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging a store has brought.

    Attributes
    ----------
    origin : str
        The other store.
    runs, known, left : int
        Runs that were new, those that were here already, and those left out because they, or a run
        above them, still run.
    files, size : int
        How many files came, and their bytes.
    versions : int
        Versions of registered models that came.
    renumbered : sequence of (name, version there, version here)
    aliases : sequence of (name, alias, version here, version of theirs)
        Aliases that point elsewhere there. They stay, or moved if that was asked for.
    hidden : sequence of str
        Experiments that are deleted here and were given runs.
    differing : sequence of str
        What both stores have and say otherwise; what was here stays.
    damaged : sequence of str
        Files that were left out because they are missing there, or not what was recorded.
    vouched : int
        Models that this store vouches for from now on.
    """

    origin: str
    runs: int = 0
    known: int = 0
    left: int = 0
    files: int = 0
    size: int = 0
    versions: int = 0
    renumbered: Sequence[tuple[str, int, int]] = ()
    aliases: Sequence[tuple[str, str, int, int]] = ()
    hidden: Sequence[str] = ()
    differing: Sequence[str] = ()
    damaged: Sequence[str] = ()
    vouched: int = 0


def merge_store(
    root: Path,
    other: Path,
    *,
    trust: bool = False,
    move_aliases: bool = False,
    leave_damaged: bool = False,
) -> Merged:
    """Take over everything that another store holds; see :func:`autotrack.merge`."""
    origin = open_origin(other)
    try:
        if isinstance(origin, FolderOrigin) and _is_same(root, origin.root):
            raise InvalidValueError(
                f"{origin.name} is this very store; name another one, or choose where to merge to "
                "with --store"
            )
        # A connection of its own, since it sees the other database too.
        store = Store(root, busy_timeout=_PATIENCE)
        try:
            store.artifacts.sweep()
            with store.artifacts.staging() as staged:
                return _merge(store, origin, staged, trust, move_aliases, leave_damaged)
        finally:
            store.close()
    finally:
        origin.close()


def _is_same(root: Path, other: Path) -> bool:
    try:
        return os.path.samefile(root, other)
    except OSError:
        return False


def _merge(
    store: Store, origin: Origin, staged: Path, trust: bool, move_aliases: bool, leave_damaged: bool
) -> Merged:
    checked = copy_checked(origin, staged)
    with closing(sqlite3.connect(checked, isolation_level=None)) as there:
        there.execute("BEGIN")
        owners = there.execute(
            "SELECT DISTINCT owner FROM runs WHERE status = 'RUNNING'"
        ).fetchall()
        running(there, [owner for (owner,) in owners if owner and origin.is_alive(owner)])
        there.execute("COMMIT")
        fetched = fetch(
            origin, there, _held(store, there), staged / "files", leave_damaged=leave_damaged
        )
    store.attach(checked, "there")
    placed: list[Path] = []
    try:
        with store.transaction() as connection:
            artifacts = store.root / "artifacts"
            locations, single = move_in(connection, fetched, artifacts, placed)
            rows = merge_runs(connection)
            differing = put_rows(connection, locations)
            models = merge_registry(connection, locations, move_aliases=move_aliases)
            _hold_to_rows(connection, fetched.missing, origin)
            vouched = 0
            if trust:
                vouched = connection.execute(
                    "INSERT OR IGNORE INTO packed SELECT sha256 FROM there.packed"
                ).rowcount
            sync_files(artifacts / place for place in _versioned(connection, locations))
            # Another merge may have brought the same meanwhile.
            superfluous = unused(connection, single)
            forget(connection)
        for place in superfluous:
            store.artifacts.discard(place)
    except BaseException:
        take_back(placed)
        raise
    return Merged(
        origin.name,
        rows.new,
        rows.known,
        rows.left,
        len(fetched.places),
        fetched.size,
        models.versions,
        models.renumbered,
        models.aliases,
        rows.hidden,
        [*rows.differing, *differing],
        fetched.missing,
        vouched,
    )


def _held(store: Store, there: sqlite3.Connection) -> Held:
    """What of the other store's files this one has."""
    with store.reading() as connection:
        runs = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs")}
        paths = {
            (run_id, path)
            for run_id, path in connection.execute(
                "SELECT r.run_id, a.path FROM artifacts AS a JOIN runs AS r ON r.id = a.run"
            )
        }
        ours = versions_of(connection, "main")
    known = {number for number, key in versions_of(there, "main").items() if key in ours.values()}
    return Held(runs, paths, known)


def _hold_to_rows(connection: sqlite3.Connection, missing: Sequence[str], origin: Origin) -> None:
    """Refuse to keep runs without their files, which somebody removed here in between."""
    (without,) = connection.execute(
        "SELECT count(*) FROM there.artifacts AS f JOIN temp.merged_runs AS m ON m.there = f.run"
        " LEFT JOIN main.artifacts AS o ON o.run = m.here AND o.path = f.path WHERE o.run IS NULL"
    ).fetchone()
    if without and not missing:
        raise StoreError(
            f"runs that are in {origin.name} too were removed here while it was read; run it again"
        )


def _versioned(connection: sqlite3.Connection, locations: dict[str, str]) -> list[str]:
    rows = connection.execute("SELECT DISTINCT location FROM there.model_version_files")
    return [locations[location] for (location,) in rows if location in locations]
