"""One SQLite file: opened when needed, shared by threads under a lock, safe across forks.

SQLite keeps its locks in a table of the process, which a fork copies without the locks behind it.
A child that opened the file next to an inherited connection would believe to hold locks that it
does not hold. So the connection is closed before a fork and opened again, in parent and child, by
whoever needs it next.
"""

# Long because locks, forks, transactions and the life of a connection depend on each other.

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from autotrack.errors import StoreLockedError, StoreUnavailableError
from autotrack.runtime.forks import mind
from autotrack.store.migrations import prepare
from autotrack.store.sqlite_errors import (
    error_code,
    explain_os,
    explain_sqlite,
    explain_text,
    is_locked,
)
from autotrack.store.syncing import syncer

DATABASE = "autotrack.db"

_T = TypeVar("_T")
_MOST_REMEMBERED = 500
_SQLITE_ERROR = 1
_OURS = frozenset({"artifacts", "processes"})


class _Block:
    """A block of statements on the connection.

    A class and no generator: an interrupt between a generator's `yield` and the block it belongs
    to leaves the generator suspended, and with it the transaction open, for as long as somebody
    keeps the traceback.
    """

    __slots__ = ("_connection", "_database", "_durable", "_lock", "_pid", "_writes")

    def __init__(self, database: Database, *, writes: bool, durable: bool = False) -> None:
        self._database = database
        self._writes = writes
        self._durable = durable

    def __enter__(self) -> sqlite3.Connection:
        database = self._database
        self._lock = database._own()
        try:
            connection = database._begin(self._writes, self._durable)
            self._pid = os.getpid()
            database._depth = 1
            self._connection = connection
        except BaseException as error:
            database._depth, database._owner = 0, None
            if database._connection is not None:
                _roll_back(database._connection)
            self._lock.release()
            if isinstance(error, sqlite3.Error):
                raise explain_sqlite(error, database.path) from error
            raise
        return connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # In one function: an interrupt may strike at the call of another one, before its own
        # `finally` counts.
        database, connection = self._database, self._connection
        is_kept = not self._writes
        try:
            # A child forked inside the block leaves the parent's transaction alone.
            if error is None and self._writes and os.getpid() == self._pid:
                if not connection.in_transaction:
                    raise database._rolled_back()
                connection.execute("COMMIT")
                is_kept = True
                database._committed(connection)
            if isinstance(error, sqlite3.Error):
                raise explain_sqlite(error, database.path) from error
            if isinstance(error, UnicodeEncodeError):
                raise explain_text(error) from None
        except sqlite3.Error as failure:
            raise explain_sqlite(failure, database.path) from failure
        finally:
            try:
                database._depth, database._owner = 0, None
                if not is_kept:
                    database._memory.clear()
                if connection.in_transaction and os.getpid() == self._pid:
                    _roll_back(connection)
            finally:
                self._lock.release()


class _Joined:
    """A block inside of another one of the same thread, which alone commits."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        connection = self._database._connection
        if connection is None or not connection.in_transaction:
            raise self._database._rolled_back()
        self._connection = connection
        return connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, sqlite3.Error):
            # Half of the block's rows may be there. Should the caller swallow the error, neither
            # they may be committed nor what follows slip in one by one.
            _roll_back(self._connection)
            raise explain_sqlite(error, self._database.path) from error
        if isinstance(error, UnicodeEncodeError):
            _roll_back(self._connection)
            raise explain_text(error) from None


class Database:
    """The connection to ``<root>/autotrack.db``, and the transactions on it.

    All methods may be called from any thread. The connection is opened by the first call that
    needs it, and again after a fork, after :meth:`close` and when the file was replaced.

    Parameters
    ----------
    root : Path
        The folder of the store.
    create : bool
        Whether to make a store where there is none.
    busy_timeout : float
        Seconds to wait for another process's transaction.
    """

    def __init__(self, root: Path, *, create: bool = True, busy_timeout: float = 5.0) -> None:
        self.root = Path(root).absolute()
        self.path = self.root / DATABASE
        self._path = str(self.path)
        self._create = create
        self._busy_timeout = busy_timeout
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._durable: bool | None = None
        # The log file, and how many changes were made when the last commit was.
        self._log = ""
        self._changes = 0
        self._depth = 0
        self._owner: int | None = None
        # What this connection wrote or read and no other one changes or removes, so that it need
        # not be asked for with every fit; and the numbers of runs, for one block.
        self._memory: dict[object, Any] = {}
        self._run_numbers: dict[str, int] = {}
        mind(self)

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._lock:
            if self._connection is not None and not self._depth:
                connection, self._connection = self._connection, None
                with suppress(sqlite3.Error):
                    connection.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def attach(self, path: Path, name: str) -> None:
        """Let the transactions that follow see the database of another file, by a name of its own.

        Raises
        ------
        StoreError
            If it cannot be opened.
        """
        lock = self._own()
        try:
            self._ensure().execute(f"ATTACH DATABASE ? AS {name}", (str(path),))
        except sqlite3.Error as error:
            raise explain_sqlite(error, path) from error
        finally:
            self._owner = None
            lock.release()

    def transaction(self, *, durable: bool = True) -> _Block | _Joined:
        """A block whose writes are kept together or not at all.

        Blocks nest: an inner one joins the outer, which alone commits. The store is locked for
        other threads and, for writing, for other processes until the block ends.

        Parameters
        ----------
        durable : bool
            Whether a power cut right after the block may not undo it. Without, the commit
            survives the end of the process, however violent, and a moment later a power cut as
            well (:mod:`autotrack.store.syncing`). The outermost block decides.

        Raises
        ------
        StoreLockedError
            If another process holds the database for longer than `busy_timeout`.
        StoreError
            For everything else that SQLite or the operating system refuses.
        """
        return _Joined(self) if self._is_ours() else _Block(self, writes=True, durable=durable)

    def reading(self) -> _Block | _Joined:
        """A block whose reads all see the same state of the store."""
        return _Joined(self) if self._is_ours() else _Block(self, writes=False)

    def _is_ours(self) -> bool:
        """Whether this thread is inside of a block already."""
        return self._depth > 0 and self._owner == threading.get_ident()

    def _own(self) -> threading.RLock:
        """Lock the store for this thread; the lock that is to be released.

        An interrupt between the locking and the next statement leaves the lock shut with nobody
        owning it. The next thread that meets it so puts a new one in its place.
        """
        while True:
            lock = self._lock
            if lock.acquire(blocking=False) or lock.acquire(timeout=self._busy_timeout + 1):
                self._owner = threading.get_ident()
                return lock
            if self._owner is not None:
                raise StoreLockedError(
                    f"{self.path} is held by another thread of this process for more than "
                    f"{self._busy_timeout + 1:.0f} s; shorten what it does in a transaction"
                )
            if self._lock is lock:
                self._lock = threading.RLock()

    def _begin(self, writes: bool, durable: bool) -> sqlite3.Connection:
        connection = self._ensure()
        self._run_numbers.clear()
        if not writes:
            connection.execute("BEGIN")
            return connection
        # Where the disk could not be synced, the commit itself is to find what is wrong.
        durable = durable or self._log in syncer.failures
        if durable is not self._durable:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self._patiently(connection, "BEGIN IMMEDIATE")
        return connection

    def _committed(self, connection: sqlite3.Connection) -> None:
        changes = connection.total_changes
        if changes == self._changes:
            return
        self._changes = changes
        if not self._durable:
            syncer.note(self._log)
        elif syncer.failures:
            syncer.failures.pop(self._log, None)

    def _remember(self, key: object, value: Any) -> None:
        """Keep what holds for as long as the file is the same, unless the block is rolled back."""
        if len(self._memory) >= _MOST_REMEMBERED:
            self._memory.clear()
        self._memory[key] = value

    def _rolled_back(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"{self.path}: the transaction was rolled back by an earlier error; start it again"
        )

    def _patiently(self, connection: sqlite3.Connection, sql: str) -> None:
        """Execute, waiting also where SQLite gives up at once (recovery, a race for the WAL)."""
        deadline = time.monotonic() + self._busy_timeout
        try:
            connection.execute(sql)
        except sqlite3.Error as error:
            if not is_locked(error) or time.monotonic() >= deadline:
                raise
            self._retry(lambda: connection.execute(sql), deadline)

    def _retry(self, action: Callable[[], _T], deadline: float) -> _T:
        pause = 0.001
        while True:
            try:
                return action()
            except sqlite3.Error as error:
                if not is_locked(error) or time.monotonic() >= deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    def _ensure(self) -> sqlite3.Connection:
        """The open connection to the file that is at the path now.

        The lock must be held, and no transaction be open.
        """
        connection = self._connection
        if connection is not None:
            if self._same_file():
                # Left by an interrupt between BEGIN and its block; nothing of it may stay.
                _roll_back(connection)
                return connection
            # The folder was deleted or replaced: SQLite would go on writing to the lost file.
            self._connection = None
            with suppress(sqlite3.Error):
                connection.close()
        try:
            self._connection = connection = self._open()
            status = os.stat(self.path)
        except sqlite3.Error as error:
            raise explain_sqlite(error, self.path) from error
        except OSError as error:
            raise explain_os(error, self.path) from error
        self._identity = (status.st_dev, status.st_ino)
        self._durable = None
        # What opening changed is durable.
        self._changes = connection.total_changes
        self._log = f"{os.path.realpath(self._path)}-wal"
        self._memory.clear()
        return connection

    def _same_file(self) -> bool:
        try:
            status = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return (status.st_dev, status.st_ino) == self._identity

    def _open(self) -> sqlite3.Connection:
        if self._create:
            # A store on a read-only disk can still be read: mkdir does not mind what exists.
            self.root.mkdir(parents=True, exist_ok=True)
            # Only into a folder of our own: a project's root must not become ignored.
            if {entry.name for entry in self.root.iterdir()} <= _OURS:
                (self.root / ".gitignore").write_text("*\n", encoding="utf-8")
        elif not self.path.exists():
            raise StoreUnavailableError(
                f"{self.path} does not exist; name the folder of a store (store=, "
                "AUTOTRACK_STORE), or record a first run there"
            )
        deadline = time.monotonic() + self._busy_timeout
        first: sqlite3.Error | None = None
        # `immutable` reads the file alone, without locks: all that a read-only folder allows.
        for mode in ("mode=rwc" if self._create else "mode=rw", "mode=ro", "mode=ro&immutable=1"):
            try:
                return self._retry(lambda mode=mode: self._connect(mode), deadline)  # type: ignore[misc]
            except sqlite3.OperationalError as error:
                if is_locked(error) or error_code(error) == _SQLITE_ERROR:
                    raise
                first = first or error
            if not self.path.exists():
                break
        assert first is not None
        raise first

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?{mode}",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            # A mapped page that the file system takes away ends the process with SIGBUS.
            connection.execute("PRAGMA mmap_size=0")
            connection.execute("PRAGMA foreign_keys=ON")
            # A commit that makes the log longer costs half as much again as one that writes over
            # it, so the log starts over early.
            connection.execute("PRAGMA wal_autocheckpoint=200")
            connection.create_function("casefold", 1, _casefold, deterministic=True)
            prepare(connection, self.path, writable=not mode.startswith("mode=ro"))
        except BaseException:
            connection.close()
            raise
        return connection

    def pause(self) -> bool:
        """Before a fork: wait for the transaction under way, then close. True if locked."""
        if not self._lock.acquire(timeout=self._busy_timeout + 1):
            return False
        self.close()
        return True

    def go_on(self) -> None:
        """After a fork, in the parent."""
        self._lock.release()

    def renew(self) -> None:
        """In a forked child: fresh locks, and no use of a connection that is the parent's."""
        self._lock = threading.RLock()
        self._depth, self._owner = 0, None
        if self._connection is not None:
            # Only when the fork came from inside a transaction. Closing it, even at exit, would
            # release locks that the parent relies on, hence it is never freed.
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
            self._connection = None


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _casefold(value: str | None) -> str | None:
    return value.casefold() if isinstance(value, str) else value
