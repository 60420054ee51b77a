"""What was written is made safe from a power cut: commits in the background, files on demand.

A commit without a sync is with the operating system, which writes it whatever becomes of the
process. Only if the whole machine stops at once is it lost. So nobody waits for the disk: one
thread of the process syncs the log files of the stores a moment later. It opens no database file:
closing that would let go of the locks that SQLite holds on it. On the log file there are none.
"""

from __future__ import annotations

import _thread
import errno
import os
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from autotrack.runtime.forks import mind

#: How long commits are gathered before they are synced together (seconds).
GATHERED = 0.05
# After so many times without anything to do the thread waits to be woken, which takes a caller's
# time.
_MOST_IDLE = 20
# Can be opened once another file is closed.
_WAIT_FOR = frozenset({errno.EMFILE, errno.ENFILE})
_GONE = (FileNotFoundError, NotADirectoryError)
_ON_POSIX = os.name == "posix"


class Syncer:
    """Syncs log files, from a thread that is started when it is first needed.

    All methods may be called from any thread, and within a signal handler.

    Attributes
    ----------
    failures : dict
        The log files that could not be synced, with the reason. Their next commit is to be
        durable by itself, so that what is wrong shows there.
    untold : list of (str, OSError)
        The same, as long as the user was not told.
    """

    def __init__(self) -> None:
        self._begin()
        mind(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._syncing = threading.RLock()
        self._noted, self._ending = threading.Event(), threading.Event()
        # Who it is, and whether it has ended. It is none of `threading.enumerate`: scripts wait
        # until that has no thread but theirs.
        self._thread: int | None = None
        self._ended = threading.Event()
        self._logs: dict[str, None] = {}
        # Whether the thread waits to be told.
        self._waits = True
        self.failures: dict[str, OSError] = {}
        self.untold: list[tuple[str, OSError]] = []

    def note(self, log: str) -> None:
        """Have a log file synced soon; to be called after the commit."""
        if log in self._logs:
            return  # what is noted there is synced after this moment
        with self._lock:
            self._logs[log] = None
            if self._thread is not None or self._start():
                if self._waits:
                    self._waits = False
                    self._noted.set()
                return
        self.flush()

    def _start(self) -> bool:
        self._ended.clear()
        try:
            self._thread = _thread.start_new_thread(self._work_to_the_end, ())
        except RuntimeError:  # there are too many, or the interpreter is about to end
            return False
        self._waits = False
        return True

    def _work_to_the_end(self) -> None:
        try:
            self._work()
        finally:
            self._ended.set()

    def _work(self) -> None:
        idle = 0
        while not self._ending.wait(GATHERED):
            if self._logs:
                idle = 0
                self.flush()
                continue
            idle += 1
            if idle >= _MOST_IDLE and self._is_let_go():
                self._noted.wait()
                idle = 0
        self.flush()

    def _is_let_go(self) -> bool:
        with self._lock:
            if self._logs or self._ending.is_set():
                return False
            self._noted.clear()
            self._waits = True
            return True

    def flush(self) -> None:
        """Sync what was noted so far; what goes wrong is kept."""
        with self._syncing:
            with self._lock:
                logs, self._logs = self._logs, {}
            for log in logs:
                try:
                    _sync(log)
                except OSError as error:
                    self._keep(log, error)

    def _keep(self, log: str, error: OSError) -> None:
        with self._lock:
            if error.errno in _WAIT_FOR:
                self._logs[log] = None
                return
            if log not in self.failures:
                self.untold.append((log, error))
            self.failures[log] = error

    def pause(self) -> bool:
        """Before a fork: sync, and end the thread, so that the process has none of ours."""
        if self._thread is None or self._thread == threading.get_ident():
            return False
        with self._lock:
            self._ending.set()
            self._noted.set()
        self._ended.wait(5)
        # It has done its work; Python warns of a fork beside a thread that has yet to leave.
        patience = time.monotonic() + 0.1
        while self._thread in sys._current_frames() and time.monotonic() < patience:
            time.sleep(0.0001)
        return True

    def go_on(self) -> None:
        """After a fork, in the parent."""
        with self._lock:
            self._thread = None
            self._ending.clear()
            if self._logs:
                self._start()

    def renew(self) -> None:
        """In a forked child: what the parent noted is the parent's."""
        self._begin()


def _sync(path: str) -> None:
    try:
        # Windows syncs only what may be written; elsewhere a folder can only be read.
        number = os.open(path, os.O_RDONLY if _ON_POSIX else os.O_RDWR)
    except _GONE:
        # A log file that is gone was taken into the database, which SQLite syncs then; or somebody
        # deleted the store.
        return
    try:
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(number)
    finally:
        os.close(number)


def sync_files(paths: Iterable[Path]) -> None:
    """Have files on the disk, and the folders by which they are found.

    Raises
    ------
    OSError
        What the operating system says.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        _sync(str(path))
        folders.update(dict.fromkeys(path.parents))
    for folder in folders if _ON_POSIX else ():
        with suppress(PermissionError):  # it may be entered and not read, and so is none of ours
            _sync(str(folder))


#: The one of this process.
syncer = Syncer()
