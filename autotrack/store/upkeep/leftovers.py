"""What lies in a store that nobody needs any more: deleted runs, and files that no run names.

What another process may be writing is left alone. A process that records holds a lock in the store
from its first record on, and whatever it writes is newer than that lock: while such a process
lives, only files that are older are taken for left over.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

from autotrack.errors import AutotrackError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.artifacts import STAGING
from autotrack.store.store import Store
from autotrack.store.tables.artifact_rows import unused

# Clocks of file systems are coarse, and not that of the machine.
_MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class DeletedRun:
    """A run that was deleted, with those below it, and what its files take."""

    run_id: str
    name: str
    runs: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no run names, or a folder that a process left which is gone.

    `path` is relative to the store.
    """

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Leftovers:
    """All that can go, and why other things cannot.

    Attributes
    ----------
    runs : tuple of DeletedRun
    files : tuple of Leftover
        Files below the artifacts that neither a run nor a registered model names.
    staged : tuple of Leftover
        Folders in which a process prepared files that did not live to place them.
    kept : tuple of str
        What is left alone for now, with the reason.
    """

    runs: tuple[DeletedRun, ...]
    files: tuple[Leftover, ...]
    staged: tuple[Leftover, ...]
    kept: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """How much of the disk it takes."""
        files = sum(each.bytes for each in (*self.files, *self.staged))
        return files + sum(run.bytes for run in self.runs)

    def __bool__(self) -> bool:
        return bool(self.runs or self.files or self.staged)


def leftovers(store: Store, *, read_later: Container[str] = ()) -> Leftovers:
    """What can go; nothing is changed.

    Parameters
    ----------
    read_later : container of str
        Names of files in a run's own folder that are read although no run names them, as long as
        the run is there.
    """
    kept: list[str] = []
    runs = tuple(_deleted_runs(store, kept))
    files = tuple(_unnamed_files(store, read_later, kept))
    return Leftovers(runs, files, tuple(_staged(store)), tuple(kept))


def remove(store: Store, found: Leftovers) -> tuple[int, list[str]]:
    """Remove what was found, as far as it is still left over; returns bytes, and what failed."""
    freed, failed = 0, []
    for run in found.runs:
        try:
            freed += _purge(store, run)
        except (AutotrackError, OSError) as error:
            failed.append(f"run {run.run_id}: {error}")
    for file in found.files:
        path = store.root / file.path
        location = path.relative_to(store.root / "artifacts").as_posix()
        with store.reading() as connection:
            # Absolute where an experiment has its files here by that name.
            free = len(unused(connection, [location, str(path)])) == 2
        try:
            if free:
                store.artifacts.discard(location)
                freed += file.bytes
        except (AutotrackError, OSError) as error:
            failed.append(f"{file.path}: {error}")
    gone = {path.relative_to(store.root).as_posix() for path in store.artifacts.sweep()}
    freed += sum(staged.bytes for staged in found.staged if staged.path in gone)
    return freed, failed


def _purge(store: Store, run: DeletedRun) -> int:
    with store.transaction() as connection:
        marked = connection.execute(
            "SELECT deleted FROM runs WHERE run_id = ?", (run.run_id,)
        ).fetchone()
        if marked is None or not marked[0]:  # restored, or removed, by somebody meanwhile
            return 0
        locations = store.purge_run(run.run_id)
        free = unused(connection, locations)
    freed = 0
    for location in free:
        path = store.artifacts.resolve(location)
        with suppress(OSError):
            freed += path.stat().st_size
        store.artifacts.discard(location)
    return freed


def _deleted_runs(store: Store, kept: list[str]) -> Iterator[DeletedRun]:
    with store.reading() as connection:
        roots = connection.execute(
            "SELECT r.id, r.run_id, r.name FROM runs AS r LEFT JOIN runs AS p ON p.id = r.parent"
            " WHERE r.deleted AND NOT coalesce(p.deleted, 0) ORDER BY r.id"
        ).fetchall()
        for number, run_id, name in roots:
            family = connection.execute(
                "WITH RECURSIVE family (id) AS (VALUES (?) UNION"
                " SELECT runs.id FROM runs JOIN family ON runs.parent = family.id)"
                " SELECT r.id, r.status, r.owner FROM runs AS r JOIN family AS f ON f.id = r.id",
                (number,),
            ).fetchall()
            if any(
                status == "RUNNING" and store.processes.lives(owner) for _, status, owner in family
            ):
                kept.append(f"run {run_id} is deleted, and a process still writes to it")
                continue
            ids = [each for each, *_ in family]
            files, size = 0, 0
            for each in ids:
                rows = connection.execute(
                    "SELECT count(*), coalesce(sum(size), 0) FROM artifacts WHERE run = ?", (each,)
                ).fetchone()
                files, size = files + rows[0], size + rows[1]
            yield DeletedRun(run_id, name, len(ids), files, size)


def _unnamed_files(store: Store, read_later: Container[str], kept: list[str]) -> Iterator[Leftover]:
    folder = store.root / "artifacts"
    others = store.processes.others()
    oldest = min(others.values(), default=float("inf"))
    # Listed before the database is asked: what is placed in between is named, or not yet there.
    found = list(_files_below(folder))
    with store.reading() as connection:
        named = {
            row[0]
            for table in ("artifacts", "model_version_files")
            for row in connection.execute(f"SELECT location FROM {table}")
        }
        runs = {row[0] for row in connection.execute("SELECT run_id FROM runs")}
        running = {
            row[0] for row in connection.execute("SELECT run_id FROM runs WHERE status='RUNNING'")
        }
    young = 0
    for path, status in found:
        location = path.relative_to(folder).as_posix()
        owner, _, rest = location.partition("/")
        if location in named or str(path) in named or (rest in read_later and owner in runs):
            continue
        if owner in running or max(status.st_mtime, status.st_ctime) + _MARGIN >= oldest:
            young += 1
            continue
        yield Leftover(path.relative_to(store.root).as_posix(), status.st_size)
    if young:
        count = "1 file" if young == 1 else f"{young:,} files"
        kept.append(f"{count} that no run names may be being written by a process that lives")


def _files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for place, folders, names in os.walk(folder):
        if Path(place) == folder and STAGING in folders:
            folders.remove(STAGING)
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            with suppress(OSError):
                yield path, path.lstat()


def _staged(store: Store) -> Iterator[Leftover]:
    folder = store.root / "artifacts" / STAGING
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if not store.processes.lives(name.rpartition("-")[0]):
            size = sum(status.st_size for _, status in _files_below(folder / name))
            yield Leftover((folder / name).relative_to(store.root).as_posix(), size)


__all__ = ["DeletedRun", "Leftover", "Leftovers", "leftovers", "remove"]
