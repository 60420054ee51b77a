"""What a target was sent and what is still to send, durably: a SQLite file for each target."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from autotrack.errors import ReplicationError
from autotrack.replication.wire.credentials import without_credentials
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.forks import mind
from autotrack.store.locking import FileLock

FOLDER = "replication"

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pending (
        run INTEGER PRIMARY KEY, not_before REAL NOT NULL DEFAULT 0
    );
    CREATE TABLE IF NOT EXISTS things (
        kind TEXT NOT NULL, id TEXT NOT NULL, remote TEXT, state TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS doubts (
        id TEXT PRIMARY KEY, place TEXT NOT NULL, until REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS parked (
        what TEXT PRIMARY KEY, reason TEXT NOT NULL, time REAL NOT NULL
    ) WITHOUT ROWID
"""


@dataclass(slots=True)
class Sent:
    """What the server has of a thing.

    Attributes
    ----------
    remote : str or None
        What the server calls it; None as long as it is not known to be there.
    was_begun : bool
        Whether an attempt to make it may have succeeded.
    state : dict
        What it was sent.
    """

    remote: str | None = None
    was_begun: bool = False
    state: dict[str, Any] = field(default_factory=dict)


class Ledger:
    """The ledger of one store for one target.

    Threads may share it. It is closed before a fork and opened again by whoever needs it.

    Parameters
    ----------
    root : Path
        The folder of the store.
    uri : str
        The target. Credentials in it are not kept.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self.target = without_credentials(uri)
        name = hashlib.sha256(self.target.encode()).hexdigest()[:12]
        said = re.sub(r"[^A-Za-z0-9.]+", "-", self.target.partition("://")[2] or self.target)
        self.path = Path(root) / FOLDER / f"{said.strip('-')[-40:]}-{name}.db"
        self.lock = FileLock(self.path.with_suffix(".lock"))
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        # Whether something may be parked, so that nothing is written for what is not.
        self._may_be_parked = True
        # Whether the machine was started anew since the ledger was last used.
        self._was_cut = False
        mind(self)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A block whose writes are kept together or not at all; durable at its end."""
        with self._guard:
            connection = self._opened()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise ReplicationError(f"{self.path}: {error}") from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            try:
                yield self._opened()
            except sqlite3.Error as error:
                raise ReplicationError(f"{self.path}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=10, isolation_level=None, check_same_thread=False
            )
            boot = _boot()
            # Without syncing each commit, a power cut takes the last ones back, and what they say
            # was made would be made once more: after one the server is asked for everything.
            level = "FULL" if boot is None else "NORMAL"
            for statement in ("PRAGMA journal_mode=WAL", f"PRAGMA synchronous={level}"):
                connection.execute(statement)
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO facts VALUES ('target', ?)", (self.target,))
            if boot is not None:
                row = connection.execute("SELECT value FROM facts WHERE key = 'boot'").fetchone()
                if row is None or row[0] != boot:
                    self._was_cut = row is not None
                    connection.execute("INSERT OR REPLACE INTO facts VALUES ('boot', ?)", (boot,))
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._guard:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    # -- facts ----------------------------------------------------------------------------------

    def fact(self, key: str) -> str | None:
        """Something that was noted; None without it."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, **facts: object) -> None:
        """Note things by name; None removes one."""
        with self.writing() as connection:
            for key, value in facts.items():
                if value is None:
                    connection.execute("DELETE FROM facts WHERE key = ?", (key,))
                else:
                    connection.execute(
                        "INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, str(value))
                    )

    # -- what is still to send --------------------------------------------------------------------

    def add_pending(self, runs: list[int], cursor: int) -> None:
        """These runs changed; all changes up to the number `cursor` are known."""
        with self.writing() as connection:
            connection.executemany(
                "INSERT INTO pending (run) VALUES (?)"
                " ON CONFLICT (run) DO UPDATE SET not_before = 0",
                [(run,) for run in runs],
            )
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('cursor', ?)", (str(cursor),))

    def next_pending(self, now: float | None = None) -> int | None:
        """The first run that is to be sent now; 0, which is no run, after all others."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT run FROM pending WHERE not_before <= ? ORDER BY run = 0, run LIMIT 1",
                (time.time() if now is None else now,),
            ).fetchone()
        return None if row is None else int(row[0])

    def pending_runs(self) -> list[int]:
        """The numbers of all runs that are still to send."""
        with self._reading() as connection:
            return [run for (run,) in connection.execute("SELECT run FROM pending WHERE run > 0")]

    def done(self, run: int, later: float | None = None) -> None:
        """A run was sent, or is to be tried again `later`."""
        with self.writing() as connection:
            if later is None:
                connection.execute("DELETE FROM pending WHERE run = ?", (run,))
                self._sent(connection)
            else:
                connection.execute("UPDATE pending SET not_before = ? WHERE run = ?", (later, run))

    def _sent(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM facts WHERE key = 'trouble'")
        connection.execute("INSERT OR REPLACE INTO facts VALUES ('sent', ?)", (str(time.time()),))

    def count_pending(self) -> int:
        """How many runs are still to send."""
        with self._reading() as connection:
            return int(
                connection.execute("SELECT count(*) FROM pending WHERE run > 0").fetchone()[0]
            )

    # -- things ---------------------------------------------------------------------------------

    def get(self, kind: str, thing: str) -> Sent:
        """What was sent of a thing; an empty record where nothing was."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT remote, state FROM things WHERE kind = ? AND id = ?", (kind, thing)
            ).fetchone()
        if row is None:
            return Sent(was_begun=self._was_cut)
        return Sent(row[0], True, json.loads(row[1]))

    def put(self, kind: str, thing: str, sent: Sent) -> None:
        """Keep what was sent of a thing."""
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO things VALUES (?, ?, ?, ?)",
                (kind, thing, sent.remote, json.dumps(sent.state, separators=(",", ":"))),
            )
        sent.was_begun = True

    def put_new(self, kind: str, remotes: dict[str, str]) -> None:
        """Things that the server was found to have."""
        with self.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO things VALUES (?, ?, ?, '{}')",
                [(kind, thing, remote) for thing, remote in remotes.items()],
            )

    def remove(self, kind: str, thing: str) -> None:
        """Forget a thing."""
        with self.writing() as connection:
            connection.execute("DELETE FROM things WHERE kind = ? AND id = ?", (kind, thing))

    def all(self, kind: str) -> dict[str, Sent]:
        """Everything of a kind, by id."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, remote, state FROM things WHERE kind = ?", (kind,)
            ).fetchall()
        return {thing: Sent(remote, True, json.loads(state)) for thing, remote, state in rows}

    # -- doubts and refusals ----------------------------------------------------------------------

    def doubt(self, run_id: str, place: str, until: float) -> None:
        """A second run of the same id may still appear on the server."""
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO doubts VALUES (?, ?, ?)", (run_id, place, until)
            )

    def doubts(self) -> list[tuple[str, str, float]]:
        """Runs in doubt, where they are, and until when they are."""
        with self._reading() as connection:
            return connection.execute("SELECT id, place, until FROM doubts").fetchall()

    def settle(self, run_id: str) -> None:
        """A run is in doubt no longer."""
        with self.writing() as connection:
            connection.execute("DELETE FROM doubts WHERE id = ?", (run_id,))

    def park(self, what: str, reason: str) -> None:
        """Something was refused for good."""
        self._may_be_parked = True
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO parked VALUES (?, ?, ?)", (what, reason, time.time())
            )

    def unpark(self, prefix: str) -> None:
        """Forget refusals of a thing, and of what belongs to it."""
        if not self._may_be_parked:
            return
        with self.writing() as connection:
            connection.execute(
                "DELETE FROM parked WHERE substr(what, 1, length(?1)) = ?1", (prefix,)
            )
            left = connection.execute("SELECT EXISTS (SELECT 1 FROM parked)").fetchone()
            self._may_be_parked = bool(left[0])

    def parked(self) -> dict[str, str]:
        """What was refused for good, with the reasons."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT what, reason FROM parked ORDER BY time"))

    # -- forks ----------------------------------------------------------------------------------

    def pause(self) -> bool:
        """Before a fork: wait for what is under way, then close."""
        if not self._guard.acquire(timeout=5):
            return False
        self.close()
        return True

    def go_on(self) -> None:
        """After a fork, in the parent."""
        self._guard.release()

    def renew(self) -> None:
        """In a forked child, which sends nothing."""
        self._guard = threading.RLock()
        self._connection = None


def _boot() -> str | None:
    """What tells this start of the machine from others; None where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def ledgers(root: Path) -> list[Ledger]:
    """The ledgers of a store, one for each target it was ever sent to."""
    found = []
    for path in sorted((Path(root) / FOLDER).glob("*.db")):
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
            try:
                row = connection.execute("SELECT value FROM facts WHERE key = 'target'").fetchone()
            finally:
                connection.close()
            if row is not None and os.path.exists(path):
                found.append(Ledger(root, row[0]))
    return found
