"""Whether a store is whole: its database, the files of its runs, and the disk it lies on."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from autotrack.errors import AutotrackError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.migrations import latest
from autotrack.store.store import Store

# Where locks and shared memory of other machines are not to be relied on.
_OF_A_NETWORK = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs fuse.sshfs 9p afs ceph glusterfs lustre gpfs".split()
)


@dataclass(frozen=True, slots=True)
class WrongFile:
    """A file of a run or registered model that is not what was recorded of it.

    `owner` is a run id or the address of a model, `why` is ``missing``, ``size``, ``digest`` or
    what keeps it from being read.
    """

    owner: str
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the store lies."""

    file_system: str
    is_of_a_network: bool
    free: int
    total: int


def schema_of(path: Path) -> tuple[int, int]:
    """The number of the database's schema, and the one that this autotrack writes.

    Raises
    ------
    sqlite3.Error
        If it cannot be read.
    """
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0]), latest()
    finally:
        connection.close()


def journal_mode(store: Store) -> str:
    """How SQLite keeps what is not yet in the database file: ``wal`` where it can."""
    with store.reading() as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def dead_runs(store: Store) -> list[tuple[str, str]]:
    """Id and name of runs that are shown as running, and whose process is gone."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT run_id, name, owner FROM runs WHERE status = 'RUNNING' ORDER BY id"
        ).fetchall()
    lives = {owner: store.processes.lives(owner) for _, _, owner in rows}
    return [(run_id, name) for run_id, name, owner in rows if not lives[owner]]


def counts(store: Store) -> dict[str, int]:
    """How many there are of what."""
    asked = {
        "experiment": "experiments WHERE NOT deleted",
        "run": "runs WHERE NOT deleted",
        "file": "artifacts",
        "model": "registered_models",
    }
    with store.reading() as connection:
        return {
            name: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for name, table in asked.items()
        }


def wrong_files(store: Store, *, read: bool) -> Iterator[WrongFile]:
    """Files that are missing, or of another size or, with `read`, another digest than recorded."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT r.run_id, a.path, a.location, a.size, a.sha256 FROM artifacts AS a"
            " JOIN runs AS r ON r.id = a.run WHERE NOT r.deleted"
            " UNION ALL SELECT 'models:/' || m.name || '/' || v.version, f.path, f.location,"
            " f.size, f.sha256 FROM model_version_files AS f JOIN model_versions AS v"
            " ON v.id = f.version JOIN registered_models AS m ON m.id = v.model"
        ).fetchall()
    seen: dict[str, str | None] = {}
    for owner, path, location, size, sha256 in rows:
        # A registered version points at the files of its run.
        if location not in seen:
            seen[location] = _wrong(store, location, size, sha256 if read else None)
        if (why := seen[location]) is not None:
            yield WrongFile(owner, path, why)


def _wrong(store: Store, location: str, size: int, sha256: str | None) -> str | None:
    try:
        path = store.artifacts.resolve(location)
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size != size:
                return "size"
            if sha256 is None or hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return None
            return "digest"
    except FileNotFoundError:
        return "missing"
    except (AutotrackError, OSError) as error:
        return str(getattr(error, "strerror", None) or error)


def disk(root: Path) -> Disk:
    """The disk that a folder lies on."""
    usage = shutil.disk_usage(root)
    name = _file_system(root)
    return Disk(name, name in _OF_A_NETWORK, usage.free, usage.total)


def _file_system(root: Path) -> str:
    """Its name where the system tells: on Linux; else an empty text."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    real = os.path.realpath(root).rstrip("/") + "/"
    mounted = [line.split(" ")[1:3] for line in lines if line.count(" ") >= 3]
    # Of nested mounts the innermost counts, of several at one place the last.
    fitting = [
        (len(place), number, kind)
        for number, (place, kind) in enumerate(mounted)
        if real.startswith(_unescaped(place).rstrip("/") + "/")
    ]
    return max(fitting)[2] if fitting else ""


def _unescaped(place: str) -> str:
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
